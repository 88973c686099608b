//! Modules that run on newer Pythons only.
//!
//! ```python
//! import tomllib                 # since 3.11
//! from functools import cache    # since 3.9
//! ```
//!
//! Who says which Pythons a project supports, wants imports that fail on one of them to fail where they stand. If nobody says it, a module that imports
//! such a name in any case says it itself: on older Pythons it has never been loaded. Only who is prepared for that (`try: import settings`) can tell when it fails.
//! So all that leads there has to be import statements at the top of modules, and nothing may load modules by their names.

use rustc_hash::{FxHashMap, FxHashSet};

use super::stdlib::Stdlib;
use super::{ModuleId, Origin, Program, tables};
use crate::facts::{ImportStmt, OpKind, Place, Sym, Value};

/// The libraries of the modules that do not run with the oldest one, by their own imports.
pub(super) fn libraries(program: &Program) -> FxHashMap<ModuleId, Stdlib> {
    let mut found: FxHashMap<ModuleId, Stdlib> =
        program.ids().filter_map(|id| Some((id, library_of(program, id)?))).collect();
    if found.is_empty() || loads_by_name(program) {
        return FxHashMap::default();
    }
    let prepared = perhaps_under_guard(program);
    found.retain(|id, _| !prepared.contains(id));
    found
}

/// The library of the oldest Python that has all that a module imports in any case, if that is not the oldest one that counts.
fn library_of(program: &Program, id: ModuleId) -> Option<Stdlib> {
    let module = program.module(id);
    let mut library = None;
    for import in module.facts.imports.iter().filter(|import| import.is_certain() && !import.guarded) {
        for alias in 0..import.aliases.len() {
            if program.origin(id, import, alias) != Origin::MissingModule {
                continue;
            }
            let Some(name) = program.loaded_name(id, import, alias) else { continue };
            let item = import.from.map(|_| import.aliases[alias].name.as_str());
            if let Some(since) = program.stdlib.since(name, item) {
                library = Some(library.map_or(since, |other: Stdlib| other.and(since)));
            }
        }
    }
    library.filter(|_| !module.installed)
}

/// The modules that are loaded where somebody may be prepared for an import that fails: under `try` or `with`, or in a function, whose caller may be.
fn perhaps_under_guard(program: &Program) -> FxHashSet<ModuleId> {
    let loads = |id: ModuleId, import: &ImportStmt| {
        let loaded = (0..import.aliases.len()).flat_map(|alias| {
            let star = import.aliases[alias].name == "*";
            let loaded: Vec<ModuleId> = program.loaded_by(id, import, alias).collect();
            let below = loaded.last().filter(|_| star).map(|&package| program.modules_below(package));
            loaded.into_iter().chain(below.into_iter().flatten())
        });
        loaded.collect::<Vec<_>>()
    };
    let perhaps = |id: ModuleId| {
        let imports = program.module(id).facts.imports.iter();
        let guarded = imports.filter(|i| i.guarded || !i.func.is_module() || i.place != Place::Module);
        guarded.flat_map(|import| loads(id, import)).collect::<Vec<_>>()
    };
    let mut todo: Vec<ModuleId> = program.ids().flat_map(perhaps).collect();
    let mut seen: FxHashSet<ModuleId> = todo.iter().copied().collect();
    while let Some(id) = todo.pop() {
        let imports = program.module(id).facts.imports.iter();
        todo.extend(imports.flat_map(|import| loads(id, import)).filter(|&loaded| seen.insert(loaded)));
    }
    seen
}

/// Whether the program may load modules by their names, so that nobody sees who is prepared for one that fails.
fn loads_by_name(program: &Program) -> bool {
    let imports_loader = |id: ModuleId, import: &ImportStmt| {
        (0..import.aliases.len()).any(|alias| {
            let item = import.from.map(|_| import.aliases[alias].name.as_str());
            match program.loaded_name(id, import, alias) {
                Some("importlib") => !matches!(item, Some("metadata" | "resources")),
                Some(name) => matches!(name, "imp" | "importlib.util" | "pkgutil" | "runpy" | "unittest"),
                None => false,
            }
        })
    };
    let calls_loader = |id: ModuleId| {
        let code = &program.module(id).facts.code;
        let loads = |name: Sym| name == "exec" || tables::loads_modules(name.as_str());
        code.ops().any(|op| {
            let OpKind::Call { call, .. } = op.kind else { return false };
            matches!(code.value(code.call(call).callee), Value::Global(name) | Value::Attr(_, name) if loads(name))
        })
    };
    program.ids().filter(|&id| !program.module(id).installed).any(|id| {
        let imports = &program.module(id).facts.imports;
        imports.iter().any(|import| imports_loader(id, import)) || calls_loader(id)
    })
}
