//! All small inputs: import form × position × spacing × newline × encoding, each a module of one package that is built and run.
//!
//! Every module keeps its lines, compiles, is the same program to an independent judge, and gives the same values; `apply` twice
//! is `apply` once.

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Interpreter, differences, expect, tree};

/// An import: the words of the statement, the names that it binds, and whether parentheses may stand around the end.
struct ImportForm {
    head: &'static str,
    names: &'static [&'static str],
    bound: &'static [&'static str],
    /// A bound name that import-time code reads, so that it stays eager beside lazy ones.
    read: Option<&'static str>,
}

const FORMS: &[ImportForm] = &[
    ImportForm { head: "import", names: &["alpha"], bound: &["alpha"], read: None },
    ImportForm { head: "import", names: &["alpha as al"], bound: &["al"], read: None },
    ImportForm { head: "import", names: &["pkg.sub"], bound: &["pkg"], read: None },
    ImportForm { head: "import", names: &["pkg . sub as ps"], bound: &["ps"], read: None },
    ImportForm {
        head: "import",
        names: &["alpha", "beta as be", "pkg.sub"],
        bound: &["alpha", "be", "pkg"],
        read: None,
    },
    ImportForm { head: "import", names: &["alpha", "beta"], bound: &["alpha", "beta"], read: Some("alpha") },
    ImportForm { head: "from alpha import", names: &["x"], bound: &["x"], read: None },
    ImportForm { head: "from alpha import", names: &["x as match"], bound: &["match"], read: None },
    ImportForm {
        head: "from alpha import",
        names: &["x", "y as type", "z"],
        bound: &["x", "type", "z"],
        read: None,
    },
    ImportForm {
        head: "from alpha import",
        names: &["x", "y", "z"],
        bound: &["x", "y", "z"],
        read: Some("x"),
    },
    ImportForm {
        head: "from alpha import",
        names: &["x", "y", "z"],
        bound: &["x", "y", "z"],
        read: Some("y"),
    },
    ImportForm {
        head: "from alpha import",
        names: &["x", "y", "z"],
        bound: &["x", "y", "z"],
        read: Some("z"),
    },
    ImportForm { head: "from pkg.sub import", names: &["x"], bound: &["x"], read: None },
    ImportForm {
        head: "from .neighbour import",
        names: &["x as case", "y"],
        bound: &["case", "y"],
        read: None,
    },
    ImportForm { head: "from . import", names: &["neighbour"], bound: &["neighbour"], read: None },
];

const SPACINGS: &[&str] = &["plain", "wide", "comment", "backslashes", "parentheses", "comma", "comments"];

/// Lines of the statement; the first has no indentation, the others have their own. `None` where Python forbids it.
fn spaced(form: &ImportForm, spacing: &str) -> Option<Vec<String>> {
    let from = form.head.starts_with("from");
    let list = form.names.join(", ");
    let words: Vec<&str> = form.head.split(' ').collect();
    Some(match spacing {
        "plain" => vec![format!("{} {list}", form.head)],
        "wide" => vec![format!("{} \t {}", words.join("  "), form.names.join("\t ,  "))],
        "comment" => vec![format!("{} {list}  # \u{e9}, (one", form.head)],
        "backslashes" => {
            let pieces = words.iter().map(|w| (*w).to_owned()).chain([form.names.join(" \\\n  ,")]);
            let text = pieces.collect::<Vec<_>>().join(" \\\n\t ");
            text.split('\n').map(str::to_owned).collect()
        }
        "parentheses" if from => vec![format!("{} ({list})", form.head)],
        "comma" if from => vec![format!("{}({},)", form.head, form.names.join(" ,"))],
        "comments" if from => {
            let mut lines = vec![format!("{} (  # kept, (too", form.head)];
            for name in form.names {
                lines.push(String::new());
                lines.push(format!("  {name}  # \u{e9}"));
                lines.push("\t, # after".to_owned());
            }
            lines.push("# end".to_owned());
            lines.push(")".to_owned());
            lines
        }
        _ => return None,
    })
}

/// Positions inside or behind a block that begins the module.
const HEADED: &[&str] = &[
    "if",
    "tabs",
    "one-line-if",
    "else",
    "one-line-else",
    "for",
    "while",
    "match",
    "after-function",
    "after-if",
];

/// All other positions.
const PLAIN: &[&str] = &[
    "top",
    "docstring",
    "docstring-semicolon",
    "future",
    "future-semicolon",
    "try",
    "with",
    "after-semicolon",
    "before-semicolon",
    "between",
    "class",
    "form-feed",
];

/// The lines of a module.
fn module(form: &ImportForm, spacing: &str, position: &str, encoding: &str) -> Option<Vec<String>> {
    let statement = spaced(form, spacing)?;
    let comment = spacing == "comment";
    let mut lines: Vec<String> = Vec::new();
    if encoding == "latin-1" {
        lines.push("# -*- coding: latin-1 -*-".to_owned());
    }
    // A header needs a line of its own when the module begins with a block; with the mark there is none.
    if encoding != "bom" && HEADED.contains(&position) {
        lines.extend(["# second".to_owned(), String::new(), "# fourth".to_owned()]);
    }
    let mut put = |before: &[&str], first: &str, after: &str, indent: &str| {
        lines.extend(before.iter().map(|l| (*l).to_owned()));
        lines.push(format!("{first}{}", statement[0]));
        // Only the first line of a block needs the indentation; the others go on with it.
        lines.extend(
            statement[1..].iter().map(|l| if l.is_empty() { String::new() } else { format!("{indent}{l}") }),
        );
        if let Some(last) = lines.last_mut() {
            last.push_str(after);
        }
    };
    match position {
        "top" => put(&[], "", "", ""),
        "docstring" => put(&["'''D\u{e9}.", "Two lines.'''"], "", "", ""),
        "docstring-semicolon" => put(&[], "'D\u{e9}.'; ", "", ""),
        "future" => put(&["from __future__ import annotations"], "", "", ""),
        "future-semicolon" => put(&[], "from __future__ import annotations; ", "", ""),
        "if" => put(&["if __name__:"], "    ", "", "    "),
        "tabs" => put(&["if __name__:"], "\t", "", "\t"),
        "one-line-if" => put(&[], "if __name__: ", "", ""),
        "else" => put(&["if not __name__:", "    pass", "else:"], "  ", "", "  "),
        "one-line-else" => put(&["if not __name__: pass"], "else: ", "", ""),
        "for" => put(&["for i in range(1):"], "    ", "", "    "),
        "while" => put(&["while True:"], "    ", "", "    "),
        "match" => put(&["match 1:", "  case 1:"], "    ", "", "    "),
        "try" => put(&["try:"], "    ", "", "    "),
        "with" => put(&["with open(__file__):"], "    ", "", "    "),
        "after-semicolon" => put(&[], "a = '\u{e9}'; ", "", ""),
        "before-semicolon" if !comment => put(&[], "", "; a = '\u{e9}'", ""),
        "between" if !comment => put(&[], "a = 1 ;", ";a = '\u{e9}';", ""),
        "class" => put(&["class C:"], "    ", "", "    "),
        "form-feed" => put(&["# first", "\x0c"], "\x0c", "", ""),
        "after-function" => put(&["def f():", "    return 1"], "", "", ""),
        "after-if" => put(&["if not __name__:", "    pass"], "", "", ""),
        _ => return None,
    }
    match position {
        "while" => lines.push("    break".to_owned()),
        "try" => lines.extend(["finally:".to_owned(), "    a = 1".to_owned()]),
        "class" => lines.push(format!("{} = C.{}", form.bound.join(" = "), form.bound[0])),
        _ => {}
    }
    if let (Some(read), false) = (form.read, position == "class") {
        lines.push(format!("now = str({read})"));
    }
    let uses: Vec<String> = form.bound.iter().map(|name| format!("{name}, {name}.__class__")).collect();
    lines.push("def use():".to_owned());
    lines.push(format!("    return {}, '\u{e9}'", uses.join(", ")));
    Some(lines)
}

const NEWLINES: &[&str] = &["lf", "crlf", "cr", "mixed", "no-final"];

fn bytes(lines: &[String], newline: &str, encoding: &str) -> Vec<u8> {
    let mut text = String::new();
    for (n, line) in lines.iter().enumerate() {
        let last = n + 1 == lines.len();
        let end = match newline {
            "crlf" => "\r\n",
            "cr" => "\r",
            "mixed" => ["\n", "\r\n", "\r"][n % 3],
            "no-final" if last => "",
            _ => "\n",
        };
        let _ = write!(text, "{line}{end}");
    }
    match encoding {
        "latin-1" => text.chars().map(|c| u8::try_from(u32::from(c)).expect("latin-1")).collect(),
        "bom" => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        _ => text.into_bytes(),
    }
}

/// Writes the package; gives the number of modules. `match` needs 3.10.
fn write_package(folder: &Path, python: &Interpreter) -> usize {
    let values = "x = 'x of ' + __name__\ny = 'y of ' + __name__\nz = 'z of ' + __name__\n";
    for path in
        ["alpha.py", "beta.py", "pkg/__init__.py", "pkg/sub.py", "forms/__init__.py", "forms/neighbour.py"]
    {
        common::write(folder, path, values.as_bytes());
    }
    let mut count = 0;
    for (number, form) in FORMS.iter().enumerate() {
        for spacing in SPACINGS {
            for position in PLAIN.iter().chain(HEADED) {
                if *position == "match" && python.minor < 10 {
                    continue;
                }
                let several = ["backslashes", "comments"].contains(spacing);
                for encoding in ["utf-8", "bom", "latin-1"] {
                    let Some(lines) = module(form, spacing, position, encoding) else { continue };
                    for newline in NEWLINES {
                        // The rarer combinations only where a newline is inside the statement.
                        let plain = encoding == "utf-8" || *newline == "mixed";
                        if !plain || !several && ["cr", "crlf"].contains(newline) {
                            continue;
                        }
                        let name =
                            format!("f{number}_{spacing}_{position}_{newline}_{encoding}").replace('-', "");
                        common::write(folder, &format!("forms/{name}.py"), &bytes(&lines, newline, encoding));
                        count += 1;
                    }
                }
            }
        }
    }
    count
}

/// Imports every module of the package and prints what `use()` gives.
const USE_ALL: &str = "
import importlib, os, sys
sys.path.insert(0, os.getcwd())
for name in sorted(os.listdir('forms')):
    if name[0] == 'f':
        try:
            module = importlib.import_module('forms.' + name[:-3])
            values = [getattr(v, '__name__', v) for v in module.use()]
        except Exception as error:
            values = '%s: %s' % (type(error).__name__, error)
        print(name, values)
";

fn use_all(python: &Interpreter, folder: &Path) -> Vec<String> {
    let output =
        python.command().args(["-c", USE_ALL]).current_dir(folder).output().expect("the interpreter starts");
    let ran = common::ran(output);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.out().lines().map(str::to_owned).collect()
}

fn complain(what: &str, complaints: &[String]) {
    let shown: Vec<&str> = complaints.iter().map(String::as_str).take(15).collect();
    assert!(complaints.is_empty(), "{what}: {} complaints\n{}", complaints.len(), shown.join("\n"));
}

/// Some modules begin with a block and leave no line for a header; nothing else may be said.
fn only_refusals(what: &str, stderr: &str) {
    let other: Vec<String> = stderr
        .lines()
        .filter(|l| !(l.contains("_bom.py:") && l.contains("warning: left alone: there is no place")))
        .map(str::to_owned)
        .collect();
    complain(what, &other);
}

fn check(python: Option<&Interpreter>, target: &str) {
    let Some(python) = python else { return };
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let (source, out) = (scratch.path().join("src"), scratch.path().join("out"));
    let count = write_package(&source, python);
    let what = format!("{target}, Python {}", python.version());
    let want = use_all(python, &source);
    assert_eq!(want.len(), count);
    let broken = want.iter().find(|l| l.contains("Error"));
    assert!(broken.is_none(), "{broken:?}");

    let built = expect(
        scratch.path(),
        &["build", "src", "--out", "out", "--target", target, "--safety", "trusting", "--quiet"],
        0,
    );
    only_refusals(&what, &built.stderr);
    let (old, new) = (tree(&source), tree(&out));
    let changed: Vec<PathBuf> = differences(&old, &new).into_iter().filter(|p| old.contains_key(p)).collect();
    println!("{what}: {count} modules, {} changed", changed.len());
    assert!(changed.len() * 10 > count * 6, "{what}: only {} of {count} modules changed", changed.len());
    let moved: Vec<String> = changed
        .iter()
        .filter(|p| common::count_lines(&old[*p]) != common::count_lines(&new[*p]))
        .map(|p| format!("{}: another number of lines", p.display()))
        .collect();
    complain(&what, &moved);
    let judged = common::same_program(python, &source, &out, &changed, &["--compare", "--lines"]);
    complain(&what, &judged);
    different_values(&what, &want, &use_all(python, &out));

    // In place.
    let options = ["apply", ".", "--target", target, "--safety", "trusting", "--escapes", "wrap", "--quiet"];
    let applied = scratch.path().join("applied");
    common::copy_tree(&source, &applied);
    let first = expect(&applied, &options, 0);
    only_refusals(&what, &first.stderr);
    let once = tree(&applied);
    expect(&applied, &options, 0);
    let again: Vec<String> = differences(&once, &tree(&applied))
        .iter()
        .map(|p| format!("{}: changed again", p.display()))
        .collect();
    complain(&what, &again);
    let changed: Vec<PathBuf> =
        differences(&old, &once).into_iter().filter(|p| old.contains_key(p)).collect();
    complain(
        &format!("{what}: apply"),
        &common::same_program(python, &source, &applied, &changed, &["--compare"]),
    );
    different_values(&format!("{what}: apply"), &want, &use_all(python, &applied));
    reverted(&what, python, target, &source, &applied);
    fs::remove_dir_all(&applied).expect("removed");
}

/// `revert` gives the original bytes after `proxy`. The other targets take some statements apart for good; then nothing is lazy any
/// more, and the program is the same.
fn reverted(what: &str, python: &Interpreter, target: &str, source: &Path, applied: &Path) {
    let once = tree(applied);
    let upgraded = applied.with_file_name("upgraded");
    if target == "proxy" && python.minor >= 10 {
        // Another target is written from the original statements.
        let direct = applied.with_file_name("direct");
        common::copy_tree(applied, &upgraded);
        common::copy_tree(source, &direct);
        let options = ["apply", ".", "--target", "native", "--safety", "trusting", "--quiet"];
        for folder in [&upgraded, &direct] {
            expect(folder, &options, 0);
        }
        let mut different = differences(&tree(&upgraded), &tree(&direct));
        different.retain(|path| !path.ends_with("_dally.py"));
        complain(&format!("{what}: upgraded"), &names(&different));
        fs::remove_dir_all(&direct).expect("removed");
        fs::remove_dir_all(&upgraded).expect("removed");
    }
    let ran = expect(applied, &["revert", ".", "--target", target], 0);
    println!("{what}: {}", ran.stderr.trim());
    let (old, new) = (tree(source), tree(applied));
    let different = differences(&old, &new);
    if target == "proxy" {
        complain(&format!("{what}: revert"), &names(&different));
    } else {
        assert!(different.len() * 2 < differences(&old, &once).len(), "{what}: {}", different.len());
        let judged = common::same_program(python, source, applied, &different, &["--compare"]);
        complain(&format!("{what}: revert"), &judged);
    }
    let again = expect(applied, &["revert", ".", "--all"], 0);
    assert!(again.stderr.starts_with("0 files reverted"), "{}", again.stderr);
}

fn names(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.display().to_string()).collect()
}

fn different_values(what: &str, want: &[String], got: &[String]) {
    let wrong: Vec<String> =
        want.iter().zip(got).filter(|(a, b)| a != b).map(|(a, b)| format!("{a} became {b}")).collect();
    complain(what, &wrong);
    assert_eq!(want.len(), got.len());
}

#[test]
fn proxy_on_the_oldest_python() {
    check(common::interpreters().first(), "proxy");
}

#[test]
fn proxy_on_python_3_13() {
    check(common::python(13), "proxy");
}

#[test]
fn native_on_python_3_15() {
    check(common::python(15), "native");
}

#[test]
fn lists_on_python_3_15() {
    check(common::python(15), "lazy-modules");
}

#[test]
fn lists_on_python_3_12() {
    check(common::python(12), "lazy-modules");
}
