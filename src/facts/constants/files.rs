//! Files that import-time code reads and whose paths are written out.
//!
//! ```python
//! HERE = os.path.dirname(os.path.abspath(__file__))
//! WORDS = open(os.path.join(HERE, "words.txt")).read().split()
//! SCHEMA = json.loads((Path(__file__).parent / "schema.json").read_text())
//! ```

use ruff_python_ast::{self as ast, Expr, Stmt};
use ruff_text_size::Ranged;

use super::Run;
use super::library::last_name;
use super::value::{Known, Stop, Value};

/// The path of the module's file.
pub(super) const OWN_FILE: &str = "./.";

/// Whether a statement reads a file, as far as a glance shows.
pub(super) fn reads_file(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Assign(assign) => has_reader(&assign.value),
        Stmt::AnnAssign(assign) => assign.value.as_deref().is_some_and(has_reader),
        Stmt::With(with) => !with.is_async && with.items.iter().any(|item| has_reader(&item.context_expr)),
        _ => false,
    }
}

fn has_reader(expr: &Expr) -> bool {
    match expr {
        Expr::Call(call) => {
            last_name(&call.func).is_some_and(|name| matches!(name, "open" | "read_text" | "read_bytes"))
                || has_reader(&call.func)
                || call.arguments.args.iter().any(has_reader)
        }
        Expr::Attribute(attribute) => has_reader(&attribute.value),
        _ => false,
    }
}

/// The folder that something is in.
pub(super) fn parent<'a>(path: &str) -> Known<'a> {
    let folder = match path.rsplit_once('/') {
        _ if path == OWN_FILE => ".",
        Some((folder, last)) if !last.is_empty() && last != ".." => folder,
        _ if path == "." => "./..",
        _ => return Err(Stop::Unknown),
    };
    Ok(Value::Path(folder.to_owned()))
}

pub(super) fn joined<'a>(path: &str, parts: &[Value<'_>]) -> Known<'a> {
    let mut path = path.to_owned();
    for part in parts {
        match part {
            // An absolute path stands for itself.
            Value::Text(part) if !part.starts_with('/') && !part.is_empty() && path != OWN_FILE => {
                path.push('/');
                path.push_str(part.trim_end_matches('/'));
            }
            _ => return Err(Stop::Unknown),
        }
    }
    Ok(Value::Path(path))
}

impl<'a> Run<'a> {
    /// A call that makes a path of another, or reads a file; `None` if it is another call.
    pub(super) fn path_call(&mut self, call: &'a ast::ExprCall) -> Option<Known<'a>> {
        let args = &call.arguments.args;
        let plain = call.arguments.keywords.is_empty();
        match last_name(&call.func)? {
            "open" if !args.is_empty() && self.opens_files(&call.func) => {
                let path = self.eval(&args[0]);
                let mode = args.get(1).or_else(|| {
                    let mut keywords = call.arguments.keywords.iter();
                    keywords
                        .find(|keyword| keyword.arg.as_deref() == Some("mode"))
                        .map(|keyword| &keyword.value)
                });
                let reads = match mode {
                    None => true,
                    Some(Expr::StringLiteral(mode)) => {
                        mode.value.to_str().bytes().all(|b| b"rbtU".contains(&b))
                    }
                    Some(_) => false,
                };
                match path {
                    Ok(path) if reads => self.needed(call, &path),
                    Err(Stop::Fails) => return Some(Err(Stop::Fails)),
                    _ => {}
                }
                Some(Err(Stop::Unknown))
            }
            "open" | "read_text" | "read_bytes" => {
                let Expr::Attribute(method) = &*call.func else { return None };
                match self.eval(&method.value) {
                    Ok(path @ Value::Path(_)) => self.needed(call, &path),
                    Ok(_) => {}
                    Err(stop) => return Some(Err(stop)),
                }
                Some(Err(Stop::Unknown))
            }
            "dirname" | "abspath" | "realpath" | "normpath" | "join" | "Path" | "str"
                if plain && !args.is_empty() =>
            {
                // `", ".join(names)`
                let Ok(Value::Path(path)) = self.eval(&args[0]) else { return None };
                match last_name(&call.func)? {
                    "dirname" => Some(parent(&path)),
                    "join" | "Path" => {
                        let rest = self.all(&args[1..]);
                        Some(rest.and_then(|rest| joined(&path, &rest)))
                    }
                    _ => Some(Ok(Value::Path(path))),
                }
            }
            _ => None,
        }
    }

    fn opens_files(&self, callee: &Expr) -> bool {
        match callee {
            Expr::Name(name) => !self.names.contains_key(name.id.as_str()),
            Expr::Attribute(attribute) => matches!(&*attribute.value, Expr::Name(module)
                if matches!(module.id.as_str(), "io" | "codecs" | "gzip" | "bz2" | "lzma" | "tarfile" | "builtins")),
            _ => false,
        }
    }

    /// A file that has to be there.
    fn needed(&mut self, call: &ast::ExprCall, path: &Value<'_>) {
        let path = match path {
            Value::Path(path) if path != OWN_FILE => path.clone(),
            // In the folder in which the program runs.
            Value::Text(path)
                if !path.starts_with(['/', '~', '.', '\\']) && !path.contains(':') && !path.is_empty() =>
            {
                path.to_string()
            }
            _ => return,
        };
        self.needed.push((call.range(), path));
    }
}

#[cfg(test)]
mod tests {
    use ruff_python_parser::parse_module;

    fn files(source: &str) -> Vec<String> {
        let parsed = parse_module(source).expect("parses");
        super::super::check(&parsed.syntax().body).files.into_iter().map(|(_, path)| path).collect()
    }

    #[test]
    fn files_that_have_to_be_there() {
        let own = "import os\nfrom pathlib import Path\nHERE = Path(__file__).resolve().parent\n";
        let needs = |rest: &str| files(&format!("{own}{rest}"));
        assert_eq!(needs("X = (HERE / 'a' / 'b.txt').read_text()"), ["./a/b.txt"]);
        assert_eq!(needs("X = (HERE.parent / 'b.txt').read_bytes()"), ["./../b.txt"]);
        assert_eq!(needs("X = json.load(open(os.path.join(os.path.dirname(__file__), 'b')))"), ["./b"]);
        assert_eq!(needs("with open(os.path.dirname(__file__) + '/b', 'rb') as f: pass"), ["./b"]);
        assert_eq!(needs("X = open('b.txt', encoding='utf-8').read()"), ["b.txt"]);
        assert!(needs("with open(HERE / 'b', 'w') as f: pass").is_empty());
        assert!(needs("try:\n    X = open('b')\nexcept OSError: pass").is_empty());
        assert!(needs("if (HERE / 'b').exists():\n    X = (HERE / 'b').read_text()").is_empty());
        assert!(needs("X = open(__file__)\nY = open('/etc/hosts')\nZ = open(path)").is_empty());
    }
}
