//! Packages and scripts that the program copies or packs, to run them where there is no runtime file.
//!
//! ```python
//! shutil.copytree("engine", target / "engine")
//! with tarfile.open("engine.tar", "w") as archive:
//!     archive.add("engine")
//! zipfile.PyZipFile("engine.zip", "w").writepy("engine")
//! ```
//!
//! What is meant are packages and scripts that a call names, from where the module is or from the top, if it copies folders or fills
//! archives. A folder that is no package does not count if a program in it is meant to be run: that has the runtime file beside it.

use crate::facts::{Code, ImportStmt, Sym, Value, ValueId};
use crate::program::state::of_all;
use crate::program::{ModuleId, Program};

/// Functions that copy or pack folders.
const CARRIERS: &[&str] = &["copytree", "make_archive", "writepy"];

/// Methods of archives that take files in, and what a module mentions that has such an archive.
const FILLERS: &[(&str, &[&str])] = &[("add", &["tarfile", "TarFile"]), ("write", &["zipfile", "ZipFile"])];

/// The modules, and who carries them away.
pub(super) fn carried(program: &Program) -> Vec<(ModuleId, ModuleId)> {
    of_all(program, |id| carried_by(program, id)).collect()
}

fn carried_by(program: &Program, id: ModuleId) -> Vec<(ModuleId, ModuleId)> {
    let module = program.module(id);
    let code = &module.facts.code;
    if module.installed || !module.facts.imports.iter().any(carries) {
        return Vec::new();
    }
    let own = if module.is_package { module.name.as_str() } else { parent(module.name.as_str()) };
    let mentions = |names: &[&str]| {
        code.globals_mentioned().chain(code.attributes()).any(|name| names.contains(&name.as_str()))
    };
    let mut texts = Vec::new();
    for call in code.calls() {
        let (Value::Global(name) | Value::Attr(_, name)) = code.value(call.callee) else { continue };
        let fills = |(method, archives): &(&str, &[&str])| name == *method && mentions(archives);
        if CARRIERS.contains(&name.as_str()) || FILLERS.iter().any(fills) {
            for &value in &code.args[call.args.start as usize..call.args.end as usize] {
                texts_of(code, value, &mut texts, 0);
            }
        }
    }
    let mut found = Vec::new();
    for text in texts {
        let path = text.as_str().trim_start_matches("./").trim_end_matches('/');
        let name = path.strip_suffix(".py").unwrap_or(path).replace('/', ".");
        if name.is_empty() || name.starts_with('.') {
            continue;
        }
        let beside = if own.is_empty() { name.clone() } else { format!("{own}.{name}") };
        let Some(named) = program.find(&beside).or_else(|| program.find(&name)) else { continue };
        if named == id || program.module(named).installed {
            continue;
        }
        if path.ends_with(".py") {
            found.push((named, id));
        } else if program.module(named).is_package {
            found.push((named, id));
            found.extend(program.modules_below(named).into_iter().map(|below| (below, id)));
        }
    }
    found
}

/// Whether an import brings in what copies folders or fills archives.
fn carries(import: &ImportStmt) -> bool {
    let known = |name: Sym| matches!(name.as_str(), "shutil" | "tarfile" | "zipfile");
    match import.from {
        Some(from) => from.level == 0 && known(from.module),
        None => import.aliases.iter().any(|alias| known(alias.name)),
    }
}

/// The texts that a value is, or is put together of as a path: `os.path.join(here, "engine")`.
fn texts_of(code: &Code, value: ValueId, texts: &mut Vec<Sym>, depth: u32) {
    if depth > 4 {
        return;
    }
    let mut of = |value| texts_of(code, value, texts, depth + 1);
    match code.value(value) {
        Value::Str(text) => texts.push(text),
        Value::Global(name) => code.globals_of(name).iter().for_each(|&(_, value)| of(value)),
        Value::Var(var) => code.assigned_to(var).iter().for_each(|&value| of(value)),
        Value::Item(inner) | Value::Holder(inner) => of(inner),
        Value::Either(one, other) => {
            of(one);
            of(other);
        }
        Value::Call(call) => code.positional(&code.call(call)).iter().for_each(|&value| of(value)),
        _ => {}
    }
}

fn parent(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(parent, _)| parent)
}
