//! Modules that run on newer Pythons only.
//!
//! ```python
//! import tomllib                 # since 3.11
//! from functools import cache    # since 3.9
//! ```
//!
//! Who says which Pythons a project supports, wants imports that fail on one of them to fail where they stand. If nobody says it, a module that imports
//! such a name in any case says it itself: on older Pythons it has never been loaded. Only who is prepared for that (`try: import settings`) can tell when it fails.

use rustc_hash::{FxHashMap, FxHashSet};

use super::stdlib::Stdlib;
use super::{ModuleId, Origin, Program};
use crate::facts::{ImportStmt, Moment, Place};

/// The libraries of the modules that do not run with the oldest one, by their own imports.
pub(super) fn libraries(program: &Program) -> FxHashMap<ModuleId, Stdlib> {
    let mut found: FxHashMap<ModuleId, Stdlib> =
        program.ids().filter_map(|id| Some((id, library_of(program, id)?))).collect();
    if !found.is_empty() {
        let prepared = loaded_under_guard(program);
        found.retain(|id, _| !prepared.contains(id));
    }
    found
}

/// The library of the oldest Python that has all that a module imports in any case, if that is not the oldest one that counts.
fn library_of(program: &Program, id: ModuleId) -> Option<Stdlib> {
    let module = program.module(id);
    let certain = |import: &&ImportStmt| {
        import.moment == Moment::ImportTime
            && import.func.is_module()
            && import.place == Place::Module
            && !import.conditional
            && !import.guarded
    };
    let mut library = None;
    for import in module.facts.imports.iter().filter(certain) {
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

/// The modules that are loaded where somebody is prepared for an import that fails.
fn loaded_under_guard(program: &Program) -> FxHashSet<ModuleId> {
    let loads = |id: ModuleId, import: &ImportStmt| {
        let chains = (0..import.aliases.len()).flat_map(|alias| {
            let itself = match program.origin(id, import, alias) {
                Origin::Module(module) => Some(module),
                _ => None,
            };
            program.loaded_chain(id, import, alias).iter().copied().chain(itself).collect::<Vec<_>>()
        });
        chains.collect::<Vec<_>>()
    };
    let guarded = |id: ModuleId| {
        let imports = program.module(id).facts.imports.iter().filter(|import| import.guarded);
        imports.flat_map(|import| loads(id, import)).collect::<Vec<_>>()
    };
    let mut todo: Vec<ModuleId> = program.ids().flat_map(guarded).collect();
    let mut seen: FxHashSet<ModuleId> = todo.iter().copied().collect();
    while let Some(id) = todo.pop() {
        let imports = program.module(id).facts.imports.iter();
        todo.extend(imports.flat_map(|import| loads(id, import)).filter(|&loaded| seen.insert(loaded)));
    }
    seen
}
