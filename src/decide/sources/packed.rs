//! Modules that the program packs into an archive together with what their import statements name, to run them elsewhere.
//!
//! ```python
//! for node in ast.walk(ast.parse(text)):                       # follows the statements …
//!     if isinstance(node, ast.ImportFrom) and node.module.startswith("app.parts"):
//!         spec = PathFinder.find_spec(node.module, paths)      # … to the files of a package that it names
//!         archive.writestr(node.module.replace(".", "/") + ".py", read(spec.origin))
//! ```
//!
//! Where the archive is unpacked there is no runtime file, and a statement that has become something else leads to no file. With
//! the modules of the packages that are named go those that nobody imports and that import from them, and nothing else of the project: they
//! are what is run.

use rustc_hash::FxHashSet;

use super::{READERS, opens};
use crate::dotted::{is_below, is_within};
use crate::facts::{Call, Code, Value};
use crate::program::state::{of_all, same_project};
use crate::program::{ModuleId, Program};

/// What a module mentions that follows the import statements of a text.
const FOLLOWERS: &[&str] = &["ImportFrom", "visit_ImportFrom", "ModuleFinder"];

/// The modules, and who packs them.
pub(super) fn packed(program: &Program) -> Vec<(ModuleId, ModuleId)> {
    let packers: Vec<ModuleId> =
        of_all(program, |id| if packs(&program.module(id).facts.code) { vec![id] } else { Vec::new() })
            .collect();
    let mut found = Vec::new();
    let mut imported: Option<FxHashSet<ModuleId>> = None;
    for by in packers {
        let packages: Vec<&str> = named_packages(program, by);
        if packages.is_empty() {
            continue;
        }
        let inside = |id: ModuleId| {
            let name = program.module(id).name.as_str();
            packages.iter().any(|package| is_within(name, package))
        };
        let imported = imported.get_or_insert_with(|| program.imported_modules());
        // What else it imports of the project would not be there.
        let around = |id: ModuleId| {
            let name = program.module(id).name.as_str();
            packages.iter().any(|package| is_below(package, name))
        };
        let run = |id: ModuleId| {
            if imported.contains(&id) || !same_project(program, id, by) {
                return false;
            }
            let own: Vec<ModuleId> =
                program.imports_of(id).into_iter().filter(|&to| same_project(program, to, by)).collect();
            own.iter().any(|&to| inside(to)) && own.iter().all(|&to| inside(to) || around(to) || to == id)
        };
        found.extend(program.ids().filter(|&id| id != by && (inside(id) || run(id))).map(|id| (id, by)));
    }
    found
}

/// Whether a module follows import statements, reads files and packs texts under the names of Python files.
fn packs(code: &Code) -> bool {
    // `archive.writestr(name, text)`, not always under the same name.
    let takes_text = |call: &Call| {
        matches!(code.value(call.callee), Value::Attr(_, name) if name == "writestr")
            && !matches!(code.positional(call).first().map(|&name| code.value(name)), Some(Value::Str(_)))
    };
    code.attributes().any(|name| name == "writestr")
        && code.calls().any(|call| takes_text(&call))
        && code.mentions(FOLLOWERS)
        && code.strings.iter().any(|text| text.as_str().ends_with(".py"))
        && (code.attributes().any(|name| READERS.contains(&name.as_str()))
            || code.calls().any(|call| opens(code, &call)))
}

/// The packages inside others that a module names by texts: `"app.parts"`, `"app.parts."`.
fn named_packages(program: &Program, by: ModuleId) -> Vec<&str> {
    let texts = program.module(by).facts.code.strings.iter().map(|text| text.as_str().trim_end_matches('.'));
    let mut packages: Vec<&str> = texts
        .filter(|text| text.contains('.'))
        .filter(|text| program.find(text).is_some_and(|id| program.module(id).is_package))
        .collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}
