//! Packages and scripts that the program copies or packs, to run them where there is no runtime file.
//!
//! ```python
//! shutil.copytree("engine", target / "engine")
//! with tarfile.open("engine.tar", "w") as archive:
//!     archive.add("engine")
//! zipfile.PyZipFile("engine.zip", "w").writepy("engine")
//! ```
//!
//! What is meant are packages and scripts that a module names by texts, from where it is or from the top, if it calls what copies folders or fills
//! archives. A folder that is no package does not count if a program in it is meant to be run: that has the runtime file beside it.

use crate::facts::{Code, Value};
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
    if module.installed || !carries(code) {
        return Vec::new();
    }
    let own = if module.is_package { module.name.as_str() } else { parent(module.name.as_str()) };
    let mut found = Vec::new();
    for text in &code.strings {
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

/// Whether a module copies or packs folders.
fn carries(code: &Code) -> bool {
    let mentions = |names: &[&str]| {
        code.globals_mentioned().chain(code.attributes()).any(|name| names.contains(&name.as_str()))
    };
    mentions(CARRIERS)
        || FILLERS.iter().any(|(method, archives)| {
            mentions(archives)
                && code
                    .calls()
                    .any(|call| matches!(code.value(call.callee), Value::Attr(_, name) if name == *method))
        })
}

fn parent(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(parent, _)| parent)
}
