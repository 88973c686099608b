//! Effects that show only against the rest of the program: state that is read while a module loads and changed by others, failures,
//! modules that are half loaded, windows in which the process is changed and restored.

use rayon::prelude::*;
use ruff_text_size::{TextRange, TextSize};
use rustc_hash::FxHashMap;

use super::super::graph::Graph;
use super::super::interpret::{Effect, EffectKind, GlobalRead, Outcome, Owner};
use super::super::state::{ChangedFiles, Mutated, Rebound, Replaced, WrittenState, foreign_path};
use super::super::watched::Watched;
use super::super::{ModuleId, Origin, Program, Target, tables};
use crate::decide::{KeepReason, ModuleVerdicts, Reason};
use crate::facts::{FuncId, Moment, OpKind, Place, Sym, Value};

/// What the rest of the program does, as far as it decides what loading a module shows.
pub(super) struct Views<'a> {
    pub rebound: &'a Rebound,
    pub asked: &'a Watched,
    pub written: &'a WrittenState,
    pub mutated: &'a Mutated,
    pub files: &'a ChangedFiles,
    pub replaced: &'a Replaced,
}

/// Effects that show only against the rest of the program.
pub(super) fn further_effects(
    program: &Program,
    id: ModuleId,
    outcome: &Outcome,
    views: &Views<'_>,
) -> Vec<Effect> {
    let Views { rebound, asked, written, mutated, files, replaced } = *views;
    let module = program.module(id);
    let facts = &module.facts;
    let mut out = Vec::new();
    let mut add = |kind, owner, at, subject| out.push(Effect { kind, owner, at, deep: None, subject });
    let changes =
        |owner, name| rebound.contains_key(&(owner, name)) || computed(program, owner, name).is_some();
    let is_replaced = |path: Sym| {
        replaced.get(&path).is_some_and(|by| by.iter().any(|w| w.by != id && w.shows_to(program, id)))
    };
    for import in facts.imports.iter().filter(|i| i.moment == Moment::ImportTime && i.func.is_module()) {
        for alias in 0..import.aliases.len() {
            let item = import.aliases[alias];
            let certain = import.place == Place::Module && !import.conditional;
            if certain && !import.guarded && item.name != "*" {
                let origin = program.origin(id, import, alias);
                let missing = matches!(origin, Origin::MissingModule | Origin::MissingName(_))
                    || (import.from.is_none() && program.loaded_target(id, import, alias) == Target::Missing);
                if missing {
                    add(EffectKind::Fails, Owner::Fresh, import.range.start(), Some(item.name));
                }
            }
            if let (Origin::Foreign, Some(_)) = (program.origin(id, import, alias), import.from) {
                let module = program.loaded_name(id, import, alias).unwrap_or_default();
                let path = Sym::new(&format!("{module}.{}", item.name));
                if is_replaced(path) {
                    add(EffectKind::ReadsState, Owner::External(path), import.range.start(), Some(item.name));
                }
            }
            if let Origin::Attribute(source, name) = program.origin(id, import, alias)
                && changes(source, name)
                && source != id
                && !is_around(program, id, source)
            {
                add(EffectKind::ReadsState, Owner::Module(source, name), import.range.start(), Some(name));
            }
        }
    }
    for read in &outcome.reads {
        let file = read.state == tables::FILES && files.is_data_changed(id);
        if file || is_replaced(read.state) || written.is_written(program, id, read.state, read.key) {
            add(EffectKind::ReadsState, Owner::External(read.state), read.at, read.key);
        }
    }
    for read in facts.reads().filter(|r| r.func.is_module() && r.moment == Moment::ImportTime) {
        // `SIZE = config.workers * 2`
        let (Some(&attr), Some(site)) = (read.chain.first(), facts.sites_of(read.name).next()) else {
            continue;
        };
        let import = &facts.imports[site.stmt as usize];
        if let Origin::Module(source) = program.origin(id, import, site.alias as usize)
            && changes(source, attr)
            && source != id
            && !is_around(program, id, source)
        {
            add(EffectKind::ReadsState, Owner::Module(source, attr), read.range.start(), Some(attr));
        }
    }
    for &GlobalRead { owner, name, at, content } in &outcome.global_reads {
        let changes = content && mutated.contains_key(&(owner, name)) || rebound.contains_key(&(owner, name));
        if changes && !is_around(program, id, owner) {
            add(EffectKind::ReadsState, Owner::Module(owner, name), at, Some(name));
        }
    }
    if asked.contains_key(&module.name) {
        let sys = Sym::new("sys.modules");
        add(EffectKind::Process, Owner::External(sys), TextSize::new(0), Some(module.name));
    }
    if files.is_source_changed(id) {
        let file = Sym::new("the module's file");
        add(EffectKind::ReadsState, Owner::External(file), TextSize::new(0), Some(module.name));
    }
    out
}

/// Where a function of a module computes a name of the module once.
pub(super) fn computed(program: &Program, owner: ModuleId, name: Sym) -> Option<TextSize> {
    program.module(owner).facts.names.get(name)?.computed_in_function
}

/// Reads of modules that load the reader in the middle: what they get depends on when that is.
pub(super) fn add_half_loaded(program: &Program, graph: &Graph, outcomes: &mut [Outcome]) {
    let reads: Vec<(ModuleId, GlobalRead, bool)> = program
        .ids()
        .zip(outcomes.iter())
        .flat_map(|(id, outcome)| {
            let probes = outcome.probes.iter().map(move |read| (id, *read, true));
            probes.chain(outcome.global_reads.iter().map(move |read| (id, *read, false)))
        })
        .collect();
    if reads.is_empty() {
        return;
    }
    for (id, GlobalRead { owner, name, at, content }, probe) in reads {
        let same = |other: ModuleId| graph.cycle_of(id) == graph.cycle_of(other);
        if owner == id || !same(owner) {
            continue;
        }
        // Where the owner loads the reader, and what it does with the name before and after that.
        let into = graph.out[owner.index()].iter().filter(|e| !e.lazy && same(e.to)).map(|e| e.at).min();
        let Some(into) = into else { continue };
        let code = &program.module(owner).facts.code;
        let (mut before, mut after) = (false, false);
        for op in code.ops_of(FuncId::MODULE) {
            let changes = match op.kind {
                OpKind::SetGlobal { name: n, .. } | OpKind::DelGlobal { name: n } => n == name,
                OpKind::SetItem { base, .. } | OpKind::DelItem { base, .. } => {
                    content && code.value(base) == Value::Global(name)
                }
                OpKind::Call { call, .. } => {
                    content
                        && matches!(code.value(code.call(call).callee), Value::Attr(base, method)
                            if code.value(base) == Value::Global(name) && tables::MUTATORS.contains(&method.as_str()))
                }
                _ => false,
            };
            before |= changes && op.at < into;
            after |= changes && op.at > into;
        }
        if (before && after) || (probe && (after || name.as_str().is_empty())) {
            let effect = Effect {
                kind: EffectKind::ReadsHalfLoaded,
                owner: Owner::Module(owner, name),
                at,
                deep: None,
                subject: Some(name),
            };
            outcomes[id.index()].effects.push(effect);
        }
    }
}

/// Whether `inner` is a module inside the package `outer`: who gets at its state has loaded `outer` before.
pub(super) fn is_around(program: &Program, outer: ModuleId, inner: ModuleId) -> bool {
    let package = program.module(outer);
    let rest = program.module(inner).name.as_str().strip_prefix(package.name.as_str());
    package.is_package && rest.is_some_and(|r| r.starts_with('.'))
}

/// Imports between a change of the import path, the environment or the like, and its undoing.
pub(super) fn windows(program: &Program, verdicts: &mut [ModuleVerdicts]) {
    let ids: Vec<ModuleId> = program.ids().collect();
    ids.into_par_iter().zip(verdicts.par_iter_mut()).for_each(|(id, verdicts)| {
        let facts = &program.module(id).facts;
        let code = &facts.code;
        let mut changes: FxHashMap<&'static str, Vec<TextSize>> = FxHashMap::default();
        for op in code.ops_of(FuncId::MODULE) {
            let path = match op.kind {
                OpKind::SetItem { base, .. } | OpKind::DelItem { base, .. } => {
                    foreign_path(program, id, base)
                }
                OpKind::SetAttr { base, attr, .. } | OpKind::DelAttr { base, attr } => {
                    foreign_path(program, id, base).map(|p| format!("{p}.{attr}"))
                }
                OpKind::Call { call, .. } => foreign_path(program, id, code.call(call).callee),
                _ => None,
            };
            if let Some(state) = path.and_then(|p| tables::window_state(&p)) {
                changes.entry(state).or_default().push(op.at);
            }
        }
        for (state, places) in changes.iter().filter(|(_, p)| p.len() > 1) {
            let (first, last) = (places[0], places[places.len() - 1]);
            for (index, site) in facts.sites.iter().enumerate() {
                let import = &facts.imports[site.stmt as usize];
                // A module of the program that warns while it loads is kept for that.
                let unknown = matches!(program.origin(id, import, site.alias as usize), Origin::Foreign)
                    && program
                        .loaded_name(id, import, site.alias as usize)
                        .is_none_or(|name| !program.stdlib.knows(name));
                let matters = *state != "warnings" || unknown;
                if matters && first < import.range.start() && import.range.start() < last {
                    verdicts.sites[index].keep(Reason::at(
                        KeepReason::StateWindow,
                        id,
                        TextRange::empty(first),
                        "changed before this import, and again after it",
                    ));
                }
            }
        }
    });
}
