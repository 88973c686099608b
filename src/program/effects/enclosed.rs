//! Modules that one other module alone loads.
//!
//! ```python
//! FILTERS = {}                      # filters.py, which only render imports
//!
//! @filters.add("upper")             # render.py
//! def upper(text): ...
//! ```
//!
//! Who looks at the state of such a module, has loaded the other one. So nobody can tell when that has changed the state while
//! it was loading. (A module in a package may have users outside of the program: tests, people at a prompt, other distributions.)

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::graph::Graph;
use super::super::interpret::{Effect, EffectKind, Owner};
use super::super::{ModuleId, Origin, Program};
use super::taint::EffectOf;
use crate::facts::{Moment, Sym};

/// Takes out the effects on modules that only the module with the effect loads.
pub(super) fn drop_enclosed<'e>(
    program: &Program,
    graph: &Graph,
    uncontained: &mut Vec<EffectOf>,
    effect: impl Fn(EffectOf) -> &'e Effect,
) {
    let changed = |of: EffectOf| match (effect(of).owner, effect(of).kind) {
        (
            Owner::Module(owner, _),
            // (What an unknown method does besides, is not known.)
            EffectKind::Write | EffectKind::Subclass | EffectKind::ReadsState,
        ) => Some(owner),
        _ => None,
    };
    let mut loader: FxHashMap<ModuleId, ModuleId> = FxHashMap::default();
    for &of in &*uncontained {
        if let Some(owner) = changed(of).filter(|&owner| owner != of.0)
            && !program.module(owner).is_package
            && !program.module(owner).name.as_str().contains('.')
            && graph.back[owner.index()].iter().all(|(from, _)| *from == of.0)
        {
            loader.insert(owner, of.0);
        }
    }
    if loader.is_empty() {
        return;
    }
    // Imports in functions, and texts that name the module.
    let mut texts: FxHashMap<Sym, Vec<ModuleId>> = FxHashMap::default();
    // Nearly all texts are others: the end of a text's number tells that.
    let mut ends = [false; 4096];
    let end = |text: Sym| text.number() as usize % 4096;
    let mut last_names: FxHashSet<&str> = FxHashSet::default();
    for &owner in loader.keys() {
        let name = program.module(owner).name.as_str();
        let (package, last) = name.rsplit_once('.').unwrap_or(("", name));
        last_names.insert(last);
        let forms = [name.to_owned(), format!(".{last}"), format!("{package}.")];
        for form in forms.iter().filter_map(|form| Sym::find(form)) {
            ends[end(form)] = true;
            texts.entry(form).or_default().push(owner);
        }
    }
    let others: FxHashSet<ModuleId> = program
        .par_ids()
        .flat_map_iter(|id| {
            let mut found = Vec::new();
            let mut note = |owner: ModuleId| {
                if owner != id && loader.get(&owner).is_some_and(|by| *by != id) {
                    found.push(owner);
                }
            };
            let facts = &program.module(id).facts;
            for edge in graph.out[id.index()].iter().filter(|edge| !edge.runs_when_imported()) {
                note(edge.to);
            }
            for import in facts.imports.iter().filter(|import| import.moment == Moment::Deferred) {
                let named =
                    |name: Sym| last_names.contains(name.as_str().rsplit('.').next().unwrap_or_default());
                let from = import.from.is_some_and(|from| named(from.module));
                let mut aliases = import.aliases.into_iter();
                if !from && !aliases.any(|alias| named(alias.name)) {
                    continue;
                }
                for alias in 0..import.aliases.len() {
                    program.loaded_chain(id, import, alias).iter().for_each(|&owner| note(owner));
                    if let Origin::Module(owner) = program.origin(id, import, alias) {
                        note(owner);
                    }
                }
            }
            for text in facts.code.strings.into_iter().filter(|text| ends[end(**text)]) {
                texts.get(text).into_iter().flatten().for_each(|&owner| note(owner));
            }
            found
        })
        .collect();
    uncontained.retain(|&of| {
        !changed(of).is_some_and(|owner| loader.get(&owner) == Some(&of.0) && !others.contains(&owner))
    });
}
