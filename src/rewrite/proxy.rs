//! Target `proxy`: a placeholder stands in for the import until first use, Python 3.8 and later.
//!
//! `build` keeps every line:
//!
//! ```python
//! __dally__ = __import__("_dally").pending(("np", "dumps")); np = __dally__("import numpy as np")
//! dumps = __dally__("from json import dumps")
//! ```
//!
//! A blank at the end of the text says that the name is no function: `np = __dally__("import numpy as np ")`. Then a search of
//! the module for functions, past all descriptors, does not load it.
//!
//! and where reads are wrapped (see [`reads`]):
//!
//! ```python
//! __dally__, __dally_real__ = __import__("_dally").marked(("np", "dumps")); np = __dally__("import numpy as np")
//! dumps = __dally_dumps__ = __dally__("from json import dumps")
//! ```
//!
//! `apply` keeps the original statement where type checkers look:
//!
//! ```python
//! from _dally import TYPE_CHECKING, lazy
//! if TYPE_CHECKING:
//!     import numpy as np
//! else:
//!     np = lazy("import numpy as np")
//! ```

use ruff_text_size::{TextRange, TextSize};
use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::edit::EditSet;
use super::lists::insert_header;
use super::place::{HeaderPlace, header_place, indent_start, line_end, place_behind_imports};
use super::statement::{line_breaks, remove_aliases, single, some};
use super::{Form, LazyStatement, Plan, Refusal, reads};
use crate::facts::{LineUse, Sym};
use crate::revert::{KEYWORD_NOTE, PROVIDED};

/// Adds the edits.
pub fn rewrite(plan: &Plan<'_>, edits: &mut EditSet) -> Result<(), Refusal> {
    let statements = plan.statements();
    super::missing(plan, edits);
    let Some(first) = statements.first() else {
        provide_only(plan, edits);
        return Ok(());
    };
    let lazy_names: FxHashSet<Sym> =
        plan.facts.sites.iter().zip(plan.lazy).filter(|(_, l)| **l).map(|(s, _)| s.bound).collect();
    let names = Names::new(plan);
    let specs = specs(plan, &statements);
    let provided = provided_submodules(plan, &statements);
    let may_mark = |name: Sym| plan.form == Form::Build && can_be_marked(plan, &statements, name);
    let wrapped = reads::wrap(plan, &lazy_names, &may_mark, &names.real, edits);
    match plan.form {
        Form::Build => {
            let mut bound = bound_names(&statements);
            bound.extend(provided.values().copied());
            let further = further_submodules(plan, &statements, &provided);
            if let Some((_, names)) = &further {
                bound.extend(names);
            }
            let header = build_header(plan, &names, &bound, wrapped.real);
            let place = header_place(plan, first.import.range.start())?;
            insert_header(plan, edits, &place, &header);
            for statement in &statements {
                build_statement(plan, statement, &specs, &names, &provided, &wrapped.marked, edits);
            }
            for (at, name) in further.iter().flat_map(|(at, names)| names.iter().map(move |name| (*at, name)))
            {
                edits.insert(at, 30, format!("; {}", provide(name, &names.lazy)));
            }
        }
        Form::Apply => {
            let mut imported = vec!["TYPE_CHECKING".to_owned(), import_as("lazy", &names.lazy)];
            if wrapped.real {
                imported.push(import_as("real", &names.real));
            }
            let header = format!("from {} import {}", plan.runtime, imported.join(", "));
            if !plan.text.contains(&header) {
                let place = header_place(plan, first.import.range.start())?;
                let (comment, blank) = match place {
                    HeaderPlace::NewLine { .. } => (plan.header_comment, plan.newline()),
                    _ => ("", ""),
                };
                insert_header(plan, edits, &place, &format!("{header}{comment}{blank}"));
            }
            apply_statements(plan, &statements, &specs, &names, &provided, edits);
        }
    }
    Ok(())
}

/// The header of the `build` form. The runtime is asked for by `__import__`, without this module's globals: who watches
/// what a module imports does not see it.
fn build_header(plan: &Plan<'_>, names: &Names, bound: &[&str], uses_real: bool) -> String {
    let lazy = &names.lazy;
    let comma = if bound.len() == 1 { "," } else { "" };
    let bound: Vec<String> = bound.iter().map(|name| format!("\"{name}\"")).collect();
    let bound = format!("({}{comma})", bound.join(", "));
    let (helper, targets) =
        if uses_real { ("marked", format!("{lazy}, {}", names.real)) } else { ("pending", lazy.clone()) };
    let name = plan.runtime.trim_start_matches('.');
    let level = plan.runtime.len() - name.len();
    let absolute = if name.contains('.') {
        format!("__import__(\"{name}\", None, None, [\"pending\"])")
    } else {
        format!("__import__(\"{name}\")")
    };
    let runtime = match plan.runtime_above {
        Some(above) => {
            let usual = match level {
                0 => absolute.clone(),
                _ => format!("__import__(\"{name}\", globals(), None, [\"pending\"], {level})"),
            };
            format!("({usual} if __package__ else {})", found_by_file(&absolute, above))
        }
        None if level > 0 => {
            return format!("from {} import {helper} as {lazy}; {targets} = {lazy}({bound})", plan.runtime);
        }
        None => absolute,
    };
    format!("{targets} = {runtime}.{helper}({bound})")
}

/// Imports the runtime where only the folder of a script is on the path: the folder that has the runtime stands there meanwhile. A
/// file that is executed as text has no `__file__`.
fn found_by_file(import: &str, above: usize) -> String {
    let path = "__import__(\"os\").path";
    let parents = format!("{path}.dirname(").repeat(above + 1);
    let file = format!("{path}.realpath(globals().get(\"__file__\", \"\"))");
    let folder = format!("{parents}{file}{}", ")".repeat(above + 1));
    let paths = "__import__(\"sys\").path";
    format!("[{paths}.append({folder}), {import}, {paths}.pop()][1]")
}

/// Whether `__dally_X__` is bound whenever `X` is: one statement binds both, always, and nothing else binds `X`. In a package, loading a
/// submodule may.
fn can_be_marked(plan: &Plan<'_>, statements: &[LazyStatement<'_>], name: Sym) -> bool {
    let mut sites = plan.facts.sites_of(name);
    let once = sites.next().is_some() && sites.next().is_none();
    let alone = plan.facts.names.get(name).is_some_and(|info| {
        !info.otherwise
            && !info.deleted
            && !info.rebound_at_module_level
            && info.rebound_in_function.is_none()
    });
    let certain = statements.iter().any(|statement| {
        let from = statement.import.from;
        let own = plan.is_package && from.is_some_and(|from| from.level == 1);
        let binds = |alias: &crate::facts::Alias| alias.bound(from.is_some()) == name.as_str();
        statement.import.aliases.iter().any(binds) && !statement.import.conditional && !own
    });
    once && alone && certain && !plan.text.contains(reads::MARK)
}

/// Submodules that a package gets as attributes because it imports from them, by statement.
///
/// `from .errors import Error` in `pkg/__init__.py` also makes `pkg.errors`, which others may read. The placeholder for
/// it is written `from .  import errors`, with two blanks, so that it counts as no import of the source.
fn provided_submodules<'a>(
    plan: &Plan<'a>,
    statements: &[LazyStatement<'a>],
) -> BTreeMap<usize, &'static str> {
    let mut provided = BTreeMap::new();
    let mut seen = FxHashSet::default();
    for statement in statements.iter().filter(|s| plan.is_package && s.all_lazy()) {
        let Some(from) = statement.import.from else { continue };
        let name = from.module;
        let own = from.level == 1 && !name.as_str().is_empty() && !name.as_str().contains('.');
        if own && !plan.facts.names.contains(name) && seen.insert(name) {
            provided.insert(statement.index, name.as_str());
        }
    }
    provided
}

/// Submodules that a package gets because what it imports loads them, and behind which statement they can stand.
fn further_submodules(
    plan: &Plan<'_>,
    statements: &[LazyStatement<'_>],
    provided: &BTreeMap<usize, &'static str>,
) -> Option<(TextSize, Vec<&'static str>)> {
    let first = statements.first()?.import.range.start();
    let behind = plan.last_of_top()?;
    let names = plan.provided.iter().map(|name| name.as_str());
    let names: Vec<&str> = names.filter(|name| !provided.values().any(|other| other == name)).collect();
    (behind.start() >= first && !names.is_empty()).then(|| (behind.end(), names))
}

/// Gives a package in which no import waits what others have loaded for it.
fn provide_only(plan: &Plan<'_>, edits: &mut EditSet) {
    if plan.form != Form::Build || plan.provided.is_empty() {
        return;
    }
    let names = Names::new(plan);
    let bound: Vec<&str> = plan.provided.iter().map(|name| name.as_str()).collect();
    let mut parts = vec![build_header(plan, &names, &bound, false)];
    parts.extend(bound.iter().map(|name| provide(name, &names.lazy)));
    insert_header(plan, edits, &place_behind_imports(plan), &parts.join("; "));
}

/// A placeholder for a submodule that the source does not import here.
fn provide(name: &str, lazy: &str) -> String {
    let soft = matches!(name, "match" | "case" | "type");
    let target = if soft { format!("({name})") } else { name.to_owned() };
    format!("{target} = {lazy}(\"{PROVIDED}{name}\")")
}

/// The helper names in the module.
struct Names {
    lazy: String,
    real: String,
}

impl Names {
    fn new(plan: &Plan<'_>) -> Self {
        match plan.form {
            // Whoever lists a namespace without its special names, does not see these.
            Form::Build => {
                Self { lazy: plan.free_special_name("dally"), real: plan.free_special_name("dally_real") }
            }
            Form::Apply => Self {
                lazy: word_or(plan, "lazy", "_dally_lazy"),
                real: word_or(plan, "real", "_dally_real"),
            },
        }
    }
}

/// The plain word if the module does not use it for something else.
fn word_or(plan: &Plan<'_>, word: &str, other: &str) -> String {
    let ours = format!("from {} import TYPE_CHECKING", plan.runtime);
    if plan.text.lines().any(|line| line.starts_with(&ours)) {
        let spelled = format!("{word} as {other}");
        let long = plan.text.lines().any(|l| l.starts_with(&ours) && l.contains(&spelled));
        return if long { other.to_owned() } else { word.to_owned() };
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let used = plan.text.match_indices(word).any(|(i, _)| {
        !plan.text[..i].ends_with(is_word) && !plan.text[i + word.len()..].starts_with(is_word)
    });
    if used { plan.free_name(other) } else { word.to_owned() }
}

fn import_as(name: &str, bound: &str) -> String {
    if name == bound { name.to_owned() } else { format!("{name} as {bound}") }
}

/// The names, once for each statement that binds one.
fn bound_names(statements: &[LazyStatement<'_>]) -> Vec<&'static str> {
    let mut names: Vec<&str> = Vec::new();
    for statement in statements {
        for (alias, _) in statement.import.aliases.iter().zip(&statement.lazy).filter(|(_, l)| **l) {
            names.push(alias.bound(statement.import.from.is_some()));
        }
    }
    names
}

/// What each lazy alias asks the runtime for. Several dotted imports of one package bind the same name,
/// so each later one names all that are pending: `import a.b, a.c`.
fn specs(plan: &Plan<'_>, statements: &[LazyStatement<'_>]) -> FxHashMap<(usize, usize), String> {
    let mut specs = FxHashMap::default();
    let mut dotted: FxHashMap<&str, Vec<&str>> = FxHashMap::default();
    for statement in statements {
        for (i, alias) in statement.import.aliases.iter().enumerate().filter(|(i, _)| statement.lazy[*i]) {
            let plain = statement.import.from.is_none() && alias.asname.is_none();
            let spec = if plain {
                let name = alias.name.as_str();
                let root = name.split('.').next().unwrap_or_default();
                let all = dotted.entry(root).or_default();
                let forgotten = plan
                    .missing
                    .iter()
                    .filter(|m| m.stmt as usize == statement.index && m.bound == root)
                    .map(|m| m.module.as_str());
                for name in forgotten.chain(name.contains('.').then_some(name)) {
                    all.retain(|n| *n != name);
                    all.push(name);
                }
                if all.is_empty() {
                    single(statement.import, alias)
                } else if name.contains('.') {
                    format!("import {}", all.join(", "))
                } else {
                    // `import a` after `import a.b` leaves `a.b` pending.
                    format!("import {}, {name}", all.join(", "))
                }
            } else {
                single(statement.import, alias)
            };
            let bound = alias.bound(statement.import.from.is_some());
            let passed_over = plan.passed_over.iter().any(|name| name.as_str() == bound);
            let blank = if passed_over && plan.form == Form::Build { " " } else { "" };
            specs.insert((statement.index, i), spec + blank);
        }
    }
    specs
}

fn assignment(
    statement: &LazyStatement<'_>,
    i: usize,
    specs: &FxHashMap<(usize, usize), String>,
    names: &Names,
    marked: &FxHashSet<Sym>,
    inside: &str,
) -> String {
    let bound = statement.import.aliases[i].bound(statement.import.from.is_some());
    let spec = &specs[&(statement.index, i)];
    // After a semicolon, `match = …` is an assignment only to those who look further.
    let soft = matches!(bound, "match" | "case" | "type");
    let target = if soft { format!("({bound})") } else { bound.to_owned() };
    let mark =
        if marked.contains(&Sym::new(bound)) { format!(" = {}", reads::mark(bound)) } else { String::new() };
    format!("{target}{mark} = {}(\"{spec}\"{inside})", names.lazy)
}

fn build_statement(
    plan: &Plan<'_>,
    statement: &LazyStatement<'_>,
    specs: &FxHashMap<(usize, usize), String>,
    names: &Names,
    provided: &BTreeMap<usize, &'static str>,
    marked: &FxHashSet<Sym>,
    edits: &mut EditSet,
) {
    let range = statement.import.range;
    let lazy: Vec<usize> = (0..statement.lazy.len()).filter(|&i| statement.lazy[i]).collect();
    if statement.all_lazy() {
        // Line breaks and comments live on inside the parentheses of the last call.
        let breaks = line_breaks(plan.text, range);
        let last = lazy.len() - 1;
        let parts: Vec<String> = lazy
            .iter()
            .enumerate()
            .map(|(n, &i)| {
                assignment(statement, i, specs, names, marked, if n == last { &breaks } else { "" })
            })
            .collect();
        let submodule =
            provided.get(&statement.index).map_or_else(String::new, |name| provide(name, &names.lazy) + "; ");
        edits.replace(range, submodule + &parts.join("; "));
    } else {
        let parts: Vec<String> =
            lazy.iter().map(|&i| assignment(statement, i, specs, names, marked, "") + "; ").collect();
        if statement.import.lazy_keyword {
            // The eager rest of a declared statement loses its keyword.
            let rest = some(statement.import, (0..statement.lazy.len()).filter(|&i| !statement.lazy[i]));
            let breaks = line_breaks(plan.text, range);
            let breaks = if breaks.is_empty() { String::new() } else { format!("; ({breaks})") };
            edits.replace(range, parts.concat() + &rest + &breaks);
        } else {
            edits.insert(range.start(), 0, parts.concat());
            remove_aliases(plan.text, statement.import, &statement.lazy, edits);
        }
    }
}

/// Puts neighbouring statements into one `if TYPE_CHECKING` block.
fn apply_statements(
    plan: &Plan<'_>,
    statements: &[LazyStatement<'_>],
    specs: &FxHashMap<(usize, usize), String>,
    names: &Names,
    provided: &BTreeMap<usize, &'static str>,
    edits: &mut EditSet,
) {
    let newline = plan.newline();
    let text = plan.text;
    let usual = indentation(text);
    let mut next = 0;
    while next < statements.len() {
        let start = indent_start(text, statements[next].import.range.start());
        let indent = &text[TextRange::new(start, statements[next].import.range.start())];
        let mut last = next;
        while let Some(following) = statements.get(last + 1) {
            let end = line_end(text, statements[last].import.range.end());
            let begin = following.import.range.start();
            let gap = &text[TextRange::new(end, begin)];
            let adjacent = gap.strip_prefix(newline_of(text, end)).is_some_and(|rest| rest == indent)
                && following.import.line == LineUse::Alone;
            if !adjacent {
                break;
            }
            last += 1;
        }
        let unit = if indent.contains('\t') { "\t" } else { usual };
        let inner = format!("{indent}{unit}");
        let group = &statements[next..=last];
        edits.insert(start, 0, format!("{indent}if TYPE_CHECKING:{newline}"));
        let mut later = Vec::new();
        for statement in group {
            let begin = statement.import.range.start();
            edits.insert(indent_start(text, begin), 1, unit);
            if statement.import.lazy_keyword {
                // The keyword goes, and a note keeps that the author has put it there.
                let rest = &text[begin.to_usize() + "lazy".len()..];
                let blanks =
                    rest.len() - rest.trim_start_matches([' ', '\t', '\\', '\n', '\r', '\x0c']).len();
                let length = TextSize::try_from("lazy".len() + blanks).unwrap_or_default();
                edits.delete(TextRange::at(begin, length));
                edits.insert(line_end(text, statement.import.range.end()), 0, KEYWORD_NOTE);
            }
            if let Some(name) = provided.get(&statement.index) {
                later.push(format!("{inner}{}", provide(name, &names.lazy)));
            }
            for i in (0..statement.lazy.len()).filter(|&i| statement.lazy[i]) {
                let none = FxHashSet::default();
                later.push(format!("{inner}{}", assignment(statement, i, specs, names, &none, "")));
            }
            if !statement.all_lazy() {
                let rest = some(statement.import, (0..statement.lazy.len()).filter(|&i| !statement.lazy[i]));
                later.push(format!("{inner}{rest}"));
            }
        }
        let end = line_end(text, group[group.len() - 1].import.range.end());
        edits.insert(end, 5, format!("{newline}{indent}else:{newline}{}", later.join(newline)));
        for statement in group {
            super::missing_of(plan, statement.index, Some(end), edits);
        }
        next = last + 1;
    }
}

/// What the file indents with: what the first line of a block has more than the line before.
fn indentation(text: &str) -> &str {
    const BLOCKS: &[&str] =
        &["class", "def", "if", "else", "elif", "for", "while", "with", "try", "except", "finally", "async"];
    let blank = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    while let Some(line) = lines.next() {
        let (around, statement) = line.split_at(blank(line));
        let word = statement.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        if statement.trim_end().ends_with(':')
            && BLOCKS.contains(&word)
            && let Some(following) = lines.peek()
            && let Some(unit) = following[..blank(following)].strip_prefix(around)
            && !unit.is_empty()
        {
            return unit;
        }
    }
    "    "
}

/// The newline that stands at `at`.
fn newline_of(text: &str, at: TextSize) -> &str {
    let rest = &text[at.to_usize()..];
    if rest.starts_with("\r\n") { &rest[..2] } else { &rest[..rest.len().min(1)] }
}
