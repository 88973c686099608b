//! Modules that are for other platforms or versions: what imports them, never runs here.
//!
//! ```python
//! if sys.platform == "emscripten":
//!     from .contrib import browser        # nobody else imports it, so on Linux nobody loads it
//! ```
//!
//! What their functions change later, they do not change here.

use rustc_hash::FxHashSet;

use super::interpret::Outcome;
use super::{ModuleId, Origin, Program};
use crate::facts::{ImportStmt, MarkKind, Moment, Sym};

/// The modules that nobody loads here, with all that is inside them.
pub(super) fn elsewhere(program: &Program, outcomes: &[Outcome]) -> FxHashSet<ModuleId> {
    let mut found = FxHashSet::default();
    for id in program.ids() {
        let facts = &program.module(id).facts;
        for mark in facts.marks.iter().filter(|mark| mark.kind == MarkKind::RunsElsewhere) {
            for import in facts.imports.iter().filter(|import| mark.range.contains_range(import.range)) {
                (0..import.aliases.len())
                    .for_each(|alias| found.extend(last_loaded(program, id, import, alias)));
            }
        }
    }
    while !found.is_empty() {
        let loaded: Vec<ModuleId> = program
            .ids()
            .filter(|&id| !is_within(program, &found, id))
            .flat_map(|id| loads(program, outcomes, id))
            .collect();
        let before = found.len();
        for id in &loaded {
            found.remove(id);
        }
        // Somebody may load it by a name that is put together or handed on.
        let named = |id: ModuleId| {
            let name = program.module(id).name;
            program.ids().any(|by| {
                let facts = &program.module(by).facts;
                let own = program.module(by).name.as_str();
                let starts = |mark: MarkKind| match mark {
                    MarkKind::LoadsFrom(start) => {
                        name.as_str().starts_with(&start.as_module(own, program.module(by).is_package))
                    }
                    _ => false,
                };
                // `import_module(".browser", __package__)`
                let text = |text: &Sym| {
                    *text == name || text.as_str().starts_with('.') && name.as_str().ends_with(text.as_str())
                };
                facts.code.strings.iter().any(text) || facts.marks.iter().any(|mark| starts(mark.kind))
            })
        };
        found.retain(|&id| !named(id));
        if found.len() == before {
            break;
        }
    }
    let inside: Vec<ModuleId> = found.iter().flat_map(|&id| program.modules_below(id)).collect();
    found.extend(inside);
    found
}

/// Whether a module is one of some, or inside one.
fn is_within(program: &Program, found: &FxHashSet<ModuleId>, id: ModuleId) -> bool {
    let name = program.module(id).name.as_str();
    let around = name.match_indices('.').filter_map(|(end, _)| program.find(&name[..end]));
    found.contains(&id) || around.into_iter().any(|package| found.contains(&package))
}

/// What an import statement loads, without the packages around it.
fn last_loaded(
    program: &Program,
    id: ModuleId,
    import: &ImportStmt,
    alias: usize,
) -> impl Iterator<Item = ModuleId> + use<> {
    let submodule = match program.origin(id, import, alias) {
        Origin::Module(submodule) if import.from.is_some() => Some(submodule),
        _ => None,
    };
    let last = program.loaded_chain(id, import, alias).last().copied();
    submodule.or(last).into_iter()
}

/// All modules that a module may load, at any time.
fn loads(program: &Program, outcomes: &[Outcome], id: ModuleId) -> Vec<ModuleId> {
    let mut found: Vec<ModuleId> = outcomes[id.index()].loads.iter().map(|(loaded, ..)| *loaded).collect();
    for import in program.module(id).facts.imports.iter().filter(|import| import.moment != Moment::Never) {
        for alias in 0..import.aliases.len() {
            found.extend(program.loaded_chain(id, import, alias));
            found.extend(last_loaded(program, id, import, alias));
        }
    }
    found
}
