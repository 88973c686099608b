//! Statements that dally writes, and what they stand for.

use ruff_python_ast::{Alias, Expr, ModModule, Stmt, StmtAssign, StmtIf, StmtImport, StmtImportFrom};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::{ADDED_NOTE, KEYWORD_NOTE, PROVIDED, Which, remove};
use crate::config::Target;
use crate::facts::Sym;
use crate::rewrite::Refusal;
use crate::rewrite::edit::EditSet;
use crate::rewrite::place::{indent_start, line_end, line_start};
use crate::rewrite::statement::line_breaks;
use crate::verify::{Helpers, assign_target, is_runtime_import, runtime_attribute};

/// Collects the edits of all statements at module level.
pub struct Forms<'a> {
    pub text: &'a str,
    pub helpers: &'a Helpers,
    pub which: Which,
    pub edits: &'a mut EditSet,
    /// Statements that go.
    pub gone: Vec<TextRange>,
    /// The comment beside the header, with the blanks before it.
    pub header_comment: Option<String>,
    /// An added import goes.
    pub forgotten: bool,
    /// Starts of statements in the text as it is, and names.
    pub lazy: Vec<(TextSize, Sym)>,
}

/// One name of an import statement: the module of a from-import with its level, the name, the name after `as`.
type Item = (Option<(u32, String)>, String, Option<String>);

impl Forms<'_> {
    pub fn module(&mut self, module: &ModModule) -> Result<(), Refusal> {
        self.body(&module.body)
    }

    fn body(&mut self, body: &[Stmt]) -> Result<(), Refusal> {
        for stmt in body {
            self.statement(stmt)?;
        }
        Ok(())
    }

    fn statement(&mut self, stmt: &Stmt) -> Result<(), Refusal> {
        match stmt {
            Stmt::If(stmt) if self.is_block(stmt) => return self.block(stmt),
            Stmt::ImportFrom(import) if is_runtime_import(import) && self.helpers.known() => {
                self.header(
                    stmt.range(),
                    import.names.iter().any(|a| matches!(a.name.as_str(), "pending" | "marked")),
                );
            }
            Stmt::Import(import) if self.is_added(import) => {
                let end = line_end(self.text, import.end());
                self.forgotten = true;
                // Inserted after the line before.
                let start = line_start(self.text, import.start());
                let before = &self.text[..start.to_usize()];
                let newline = if before.ends_with("\r\n") { 2 } else { u32::from(!before.is_empty()) };
                self.edits.delete(TextRange::new(start - TextSize::new(newline), end));
            }
            Stmt::Import(StmtImport { is_lazy: true, range, .. })
            | Stmt::ImportFrom(StmtImportFrom { is_lazy: true, range, .. })
                if self.which.targets(Target::Native) =>
            {
                if provides(&self.text[*range]) {
                    self.gone.push(remove::from_line(self.text, *range));
                } else {
                    self.keyword(*range);
                }
            }
            Stmt::Assign(assign) => self.assignment(assign),
            Stmt::If(stmt) => {
                self.body(&stmt.body)?;
                for clause in &stmt.elif_else_clauses {
                    self.body(&clause.body)?;
                }
            }
            Stmt::For(stmt) => {
                self.body(&stmt.body)?;
                self.body(&stmt.orelse)?;
            }
            Stmt::While(stmt) => {
                self.body(&stmt.body)?;
                self.body(&stmt.orelse)?;
            }
            Stmt::With(stmt) => self.body(&stmt.body)?,
            Stmt::Match(stmt) => {
                for case in &stmt.cases {
                    self.body(&case.body)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// `if TYPE_CHECKING:` with a lazy assignment under `else:`.
    fn is_block(&self, stmt: &StmtIf) -> bool {
        let checking = matches!(&*stmt.test, Expr::Name(n) if n.id.as_str() == "TYPE_CHECKING");
        let [otherwise] = &stmt.elif_else_clauses[..] else { return false };
        checking && otherwise.test.is_none() && otherwise.body.iter().any(|s| self.helpers.is_checked_form(s))
    }

    fn block(&mut self, stmt: &StmtIf) -> Result<(), Refusal> {
        let text = self.text;
        let refuse = |at: TextSize, message| Err(Refusal { at, message });
        let [otherwise] = &stmt.elif_else_clauses[..] else { return Ok(()) };
        let mut imported: Vec<(TextSize, Item)> = Vec::new();
        for stmt in &stmt.body {
            let Some(items) = items(stmt) else {
                return refuse(
                    stmt.start(),
                    "this block has been edited by hand: something else than imports",
                );
            };
            imported.extend(items.into_iter().map(|item| (stmt.start(), item)));
        }
        let mut assigned: Vec<Item> = Vec::new();
        let mut lazy = Vec::new();
        let mut used = Vec::new();
        for stmt in &otherwise.body {
            if let Some(items) = items(stmt) {
                assigned.extend(items);
                continue;
            }
            let spec = match stmt {
                Stmt::Assign(assign) => self.helpers.is_lazy_call(&assign.value).zip(assign_target(assign)),
                _ => None,
            };
            let Some((spec, name)) = spec else {
                return refuse(stmt.start(), "this block has been edited by hand: no lazy import");
            };
            if spec.starts_with(PROVIDED) {
                continue;
            }
            let Some(all) = parsed(spec) else {
                return refuse(stmt.start(), "this block has been edited by hand: no import statement");
            };
            // `import a.b, a.c` names also what is pending from before, and a plain `import a` may load what was forgotten.
            let open: Vec<usize> = (0..imported.len()).filter(|i| !used.contains(i)).collect();
            let exact = open.iter().find(|&&i| all.last() == Some(&imported[i].1));
            let plain = || {
                let is_plain = |item: &Item| item.0.is_none() && item.2.is_none() && item.1 == name;
                open.iter().find(|&&i| is_plain(&imported[i].1) && all.iter().all(|one| below(one, name)))
            };
            let Some(&index) = exact.or_else(plain) else {
                return refuse(stmt.start(), "this block has been edited by hand: its branches differ");
            };
            used.push(index);
            let (at, item) = &imported[index];
            self.forgotten |= all.last() != Some(item);
            lazy.push((*at, Sym::new(name)));
            assigned.push(item.clone());
        }
        let mut expected: Vec<Item> = imported.into_iter().map(|(_, item)| item).collect();
        expected.sort();
        assigned.sort();
        if expected != assigned {
            return refuse(stmt.start(), "this block has been edited by hand: its branches differ");
        }
        let (Some(first), Some(last), Some(end)) =
            (stmt.body.first(), stmt.body.last(), otherwise.body.last())
        else {
            return Ok(());
        };
        let kept_end = line_end(text, last.end());
        let gone_end = line_end(text, end.end());
        if self.comments(kept_end, gone_end, &otherwise.body) || last.end() > otherwise.start() {
            return refuse(otherwise.start(), "this block has been edited by hand: a comment would be lost");
        }
        // The line of `if`, up to the first statement's line.
        let start = indent_start(text, stmt.start());
        let indent = &text[TextRange::new(start, stmt.start())];
        let first_line = line_start(text, first.start());
        if first_line <= start || !text[TextRange::new(stmt.test.end(), first_line)].trim().eq(":") {
            return refuse(stmt.start(), "this block has been edited by hand: not on lines of its own");
        }
        self.edits.delete(TextRange::new(start, first_line));
        let mut seen = TextSize::new(0);
        for stmt in &stmt.body {
            let begin = indent_start(text, stmt.start());
            if begin < seen || !text[TextRange::new(begin, stmt.start())].trim().is_empty() {
                continue;
            }
            seen = line_end(text, stmt.end());
            self.edits.replace(TextRange::new(begin, stmt.start()), indent);
            self.keyword_note(stmt.start(), seen);
        }
        self.edits.delete(TextRange::new(kept_end, gone_end));
        self.lazy.extend(lazy);
        Ok(())
    }

    /// The note of a statement that lost its keyword: both come back.
    fn keyword_note(&mut self, start: TextSize, end: TextSize) {
        let line = &self.text[TextRange::new(start, end)];
        if line.ends_with(KEYWORD_NOTE) {
            self.edits.insert(start, 1, "lazy ");
            self.edits.delete(TextRange::new(end - TextSize::of(KEYWORD_NOTE), end));
        }
    }

    /// Whether anything but the given statements, `else` and blanks stands in a part of the text.
    fn comments(&self, from: TextSize, to: TextSize, body: &[Stmt]) -> bool {
        let mut at = from;
        let mut rest = String::new();
        for stmt in body {
            rest.push_str(&self.text[TextRange::new(at, stmt.start())]);
            at = stmt.end();
        }
        rest.push_str(&self.text[TextRange::new(at, to)]);
        let parentheses = ['(', ')', ' ', '\t', '\n', '\r', '\x0c', ';'];
        rest.chars().filter(|c| !parentheses.contains(c)).collect::<String>() != "else:"
    }

    fn header(&mut self, range: TextRange, build: bool) {
        let end = line_end(self.text, range.end());
        let behind = &self.text[TextRange::new(range.end(), end)];
        if !build
            && remove::alone(self.text, TextRange::new(range.start(), end))
            && behind.trim_start().starts_with('#')
        {
            // What somebody, or a tool, has to say about the header goes with it, and comes again with it.
            self.header_comment.get_or_insert_with(|| behind.to_owned());
            self.gone.push(remove::lines(self.text, range, true));
        } else if !build && remove::alone(self.text, range) {
            self.gone.push(remove::lines(self.text, range, true));
        } else if self.which.targets(Target::Proxy) || !build {
            self.gone.push(remove::from_line(self.text, range));
        }
    }

    fn is_added(&self, import: &StmtImport) -> bool {
        let rest = &self.text[TextRange::new(import.end(), line_end(self.text, import.end()))];
        rest.ends_with(ADDED_NOTE)
    }

    /// `lazy ` and what separates it from the statement.
    fn keyword(&mut self, range: TextRange) {
        let statement = &self.text[range];
        let rest = &statement["lazy".len()..];
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\\', '\n', '\r', '\x0c']).len();
        let length = TextSize::try_from("lazy".len() + blanks).unwrap_or_default();
        self.edits.delete(TextRange::at(range.start(), length));
    }

    /// `__lazy_modules__ = …`, and the forms of `build`.
    fn assignment(&mut self, assign: &StmtAssign) {
        let name = assign_target(assign);
        if name == Some("__lazy_modules__") && self.which.targets(Target::LazyModules) {
            self.gone.push(if remove::alone(self.text, assign.range()) {
                remove::lines(self.text, assign.range(), false)
            } else {
                remove::from_line(self.text, assign.range())
            });
        }
        if !self.which.targets(Target::Proxy) {
            return;
        }
        let header = self.helpers.is_header_call(assign) || runtime_attribute(assign);
        if header {
            self.gone.push(remove::from_line(self.text, assign.range()));
        } else if let (Some(spec), Some(_)) = (self.helpers.is_lazy_call(&assign.value), name) {
            if spec.starts_with(PROVIDED) {
                self.gone.push(remove::from_line(self.text, assign.range()));
            } else if let Some(statement) = last_statement(spec) {
                // Line breaks of the original statement live inside the parentheses.
                let inside = match &*assign.value {
                    Expr::Call(call) => call.arguments.args.first().map_or(assign.end(), Ranged::end),
                    _ => assign.end(),
                };
                let breaks = line_breaks(self.text, TextRange::new(inside, assign.end()));
                let breaks = if breaks.is_empty() { breaks } else { format!("; ({breaks})") };
                self.edits.replace(assign.range(), statement + &breaks);
            }
        }
    }
}

/// Whether a `lazy` statement names submodules that a package provides.
fn provides(statement: &str) -> bool {
    statement.strip_prefix("lazy ").is_some_and(|import| import.starts_with(PROVIDED))
}

/// The names of an import statement; `None` for any other statement.
fn items(stmt: &Stmt) -> Option<Vec<Item>> {
    let item = |from: Option<(u32, String)>, alias: &Alias| {
        (from, alias.name.as_str().to_owned(), alias.asname.as_ref().map(|n| n.as_str().to_owned()))
    };
    match stmt {
        Stmt::Import(import) => Some(import.names.iter().map(|a| item(None, a)).collect()),
        Stmt::ImportFrom(import) => {
            let module = import.module.as_ref().map_or("", |m| m.as_str()).to_owned();
            let from = Some((import.level, module));
            Some(import.names.iter().map(|a| item(from.clone(), a)).collect())
        }
        _ => None,
    }
}

fn parsed(spec: &str) -> Option<Vec<Item>> {
    let module = parse_module(spec).ok()?.into_syntax();
    match &module.body[..] {
        [stmt] => items(stmt),
        _ => None,
    }
}

/// `import a.b.c` is below `a`.
fn below(item: &Item, root: &str) -> bool {
    item.0.is_none() && item.2.is_none() && item.1.split('.').next() == Some(root)
}

/// The statement of the last name of a specification.
fn last_statement(spec: &str) -> Option<String> {
    let all = parsed(spec)?;
    let (from, name, asname) = all.last()?;
    let asname = asname.as_ref().map_or_else(String::new, |n| format!(" as {n}"));
    Some(match from {
        None => format!("import {name}{asname}"),
        Some((level, module)) => {
            format!("from {}{module} import {name}{asname}", ".".repeat(*level as usize))
        }
    })
}
