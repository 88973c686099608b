//! Effects that show only against the rest of the program: state that is read while a module loads and changed by others, failures,
//! modules that are half loaded, windows in which the process is changed and restored.

use rayon::prelude::*;
use ruff_text_size::{TextRange, TextSize};
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::files::ChangedFiles;
use super::super::graph::Graph;
use super::super::interpret::{Effect, EffectKind, GlobalRead, MethodRead, Outcome, Owner};
use super::super::mutated::{Mutated, method_replacer, mutator};
use super::super::rebinds::{Rebound, Replaced, entry_replacer, rebinder_before, rebinders};
use super::super::state::{Writer, WrittenState, foreign_path, same_project};
use super::super::watched::{Submodules, UnseenRenames, Watched};
use super::super::{ModuleId, Origin, Program, Target, tables};
use crate::decide::{KeepReason, ModuleVerdicts, Reason};
use crate::dotted::is_below;
use crate::facts::{FuncId, MarkKind, Moment, OpKind, Sym, Value, ValueId};

/// What the rest of the program does, as far as it decides what loading a module shows.
pub(super) struct Views<'a> {
    pub rebound: &'a Rebound,
    pub asked: &'a Watched,
    pub submodules: &'a Submodules,
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
    let Views { rebound, asked, submodules, written, mutated, files, replaced } = *views;
    let module = program.module(id);
    let facts = &module.facts;
    let mut out = Vec::new();
    let mut add = |kind, owner, at, subject, deep| out.push(Effect { kind, owner, at, deep, subject });
    // Who changes it, and where.
    let changer = |owner, name| {
        rebinder_before(program, rebound, (owner, name), id)
            .or_else(|| computed(program, owner, name).map(|at| (owner, at)))
    };
    let place_of = |writer: &Writer| (writer.by, writer.at);
    let replacer =
        |path: Sym| replaced.get(&path)?.iter().find(|w| w.by != id && w.shows_to(program, id)).map(place_of);
    for import in facts.imports.iter().filter(|i| i.moment == Moment::ImportTime && i.func.is_module()) {
        for alias in 0..import.aliases.len() {
            let item = import.aliases[alias];
            if import.is_certain() && !import.guarded && item.name != "*" {
                let origin = program.origin(id, import, alias);
                let missing = matches!(origin, Origin::MissingModule | Origin::MissingName(_))
                    || (import.from.is_none() && program.loaded_target(id, import, alias) == Target::Missing);
                let mut loaded = program.loaded_chain(id, import, alias).iter();
                if missing || loaded.any(|&loaded| program.module(loaded).broken) {
                    add(EffectKind::Fails, Owner::Fresh, import.range.start(), Some(item.name), None);
                }
            }
            if item.name == "*"
                && let Some(Target::Module(source)) = import
                    .from
                    .and_then(|from| program.absolute(id, from))
                    .map(|name| program.target(id, &name))
                && !is_around(program, id, source)
            {
                // A name in `__all__` that is not there.
                let all = program.module(source).facts.exports.all.iter().flatten();
                let lacks =
                    |name: &&Sym| matches!(program.attribute(id, source, **name), Origin::MissingName(_));
                if import.is_certain()
                    && !import.guarded
                    && let Some(&name) = all.clone().find(lacks)
                {
                    add(EffectKind::Fails, Owner::Fresh, import.range.start(), Some(name), None);
                }
                // It takes the values that all of them have now. One is told, whichever way they are numbered.
                let names = program.module(source).facts.names.iter().map(|(name, _)| name);
                let changed = names.filter_map(|name| {
                    let exported = program.exports(source, name);
                    Some((name, changer(source, name).filter(|_| exported)?))
                });
                let changed = changed.min_by_key(|(name, _)| name.as_str());
                if let Some((name, changer)) = changed {
                    add(
                        EffectKind::ReadsState,
                        Owner::Module(source, name),
                        import.range.start(),
                        Some(name),
                        Some(changer),
                    );
                }
            }
            if let (Origin::Foreign, Some(name)) =
                (program.origin(id, import, alias), program.loaded_name(id, import, alias))
                && let Some(asked) = asked_foreign(program, asked, id, name)
            {
                // Whoever asks for a foreign module sees whether this one has loaded it.
                let sys = Sym::new("sys.modules");
                add(EffectKind::Process, Owner::External(sys), import.range.start(), Some(asked), None);
            }
            if let (Origin::Foreign, Some(name)) =
                (program.origin(id, import, alias), program.loaded_name(id, import, alias))
                && tables::has_load_effects(name, import.from.map(|_| item.name.as_str()))
            {
                let library = Owner::External(Sym::new(name));
                add(EffectKind::Process, library, import.range.start(), Some(item.name), None);
            }
            if let (Origin::Foreign, Some(_)) = (program.origin(id, import, alias), import.from) {
                let module = program.loaded_name(id, import, alias).unwrap_or_default();
                let path = Sym::new(&[module, item.name.as_str()].join("."));
                if let Some(by) = replacer(path) {
                    let owner = Owner::External(path);
                    add(EffectKind::ReadsState, owner, import.range.start(), Some(item.name), Some(by));
                }
            }
            let replaced = |module| Some((module, entry_replacer(rebound, module)?));
            let others =
                program.loaded_by(id, import, alias).filter(|&module| !is_around(program, id, module));
            if let Some((module, by)) = others.filter(|&module| module != id).find_map(replaced) {
                let name = program.module(module).name;
                let owner = Owner::External(Sym::new("sys.modules"));
                add(EffectKind::ReadsState, owner, import.range.start(), Some(name), Some(by));
            }
            if let Origin::Attribute(source, name) = program.origin(id, import, alias)
                && source != id
                && !is_around(program, id, source)
                && let Some(by) = changer(source, name)
            {
                let owner = Owner::Module(source, name);
                add(EffectKind::ReadsState, owner, import.range.start(), Some(name), Some(by));
            }
        }
    }
    for &at in &module.lacks {
        add(EffectKind::Fails, Owner::Fresh, at, None, None);
    }
    for read in &outcome.reads {
        let file = read.state == tables::FILES && files.is_data_changed(id);
        let always = tables::always_changes(read.state.as_str());
        let written = || written.writer(program, id, read);
        let by = replacer(read.state).or_else(|| written().map(place_of));
        if file || always || by.is_some() {
            add(EffectKind::ReadsState, Owner::External(read.state), read.at, read.key, by);
        }
    }
    for read in facts.reads().filter(crate::facts::Read::runs_while_loading) {
        // `SIZE = config.workers * 2`, `SIZE = app.config.workers * 2`
        let Some(site) = facts.sites_of(read.name).next().filter(|_| !read.chain.is_empty()) else {
            continue;
        };
        let import = &facts.imports[site.stmt as usize];
        let mut origin = program.origin(id, import, site.alias as usize);
        for &attr in read.chain {
            let Origin::Module(source) = origin else { break };
            if source != id
                && !is_around(program, id, source)
                && let Some(by) = changer(source, attr)
            {
                let owner = Owner::Module(source, attr);
                add(EffectKind::ReadsState, owner, read.range.start(), Some(attr), Some(by));
                break;
            }
            origin = program.attribute(id, source, attr);
        }
    }
    for &GlobalRead { owner, name, at, content, attr } in &outcome.global_reads {
        if is_around(program, id, owner) {
            continue;
        }
        let by = mutator(mutated, (owner, name), attr, id).filter(|_| content);
        let by = by.or_else(|| rebinder_before(program, rebound, (owner, name), id));
        if by.is_some() {
            add(EffectKind::ReadsState, Owner::Module(owner, name), at, Some(name), by);
        }
    }
    for &MethodRead { class: (owner, name), member, at } in &outcome.method_reads {
        let by = method_replacer(mutated, (owner, name), member, id);
        if by.is_some() && !is_around(program, id, owner) {
            add(EffectKind::ReadsState, Owner::Module(owner, name), at, Some(name), by);
        }
    }
    for &GlobalRead { owner, name, at, .. } in &outcome.missing {
        if rebinders(rebound, owner, name).next().is_none() {
            add(EffectKind::Fails, Owner::Fresh, at, Some(name), None);
        }
    }
    if asked.contains_key(&module.name) {
        let sys = Sym::new("sys.modules");
        add(EffectKind::Process, Owner::External(sys), TextSize::new(0), Some(module.name), None);
    }
    // Loading a submodule binds its name in the package.
    if program.is_bound_over(id)
        && let Some((package, name)) = module.name.as_str().rsplit_once('.')
        && let Some(package) = program.find(package)
        && let Some(name) = Sym::find(name)
    {
        add(EffectKind::Write, Owner::Module(package, name), TextSize::new(0), Some(name), None);
    }
    if files.is_source_changed(id) {
        let file = Sym::new("the module's file");
        add(EffectKind::ReadsState, Owner::External(file), TextSize::new(0), Some(module.name), None);
    }
    if let Some(&(package, (by, range))) = submodules.get(&module.name) {
        // Who looks for the attribute has loaded the package, and that may always load the submodule as well.
        let (_, name) = module.name.as_str().rsplit_once('.').unwrap_or_default();
        let owner = Owner::Module(package, Sym::new(name));
        let deep = Some((by, range.start()));
        out.push(Effect { kind: EffectKind::Write, owner, at: TextSize::new(0), deep, subject: None });
    }
    out
}

/// Names in `sys.modules` that nobody asks for, and that lie below that of the module which gives them: who gets at one has
/// loaded it before.
pub(super) fn drop_unseen(id: ModuleId, outcome: &mut Outcome, unseen: &UnseenRenames) {
    // Such a loop does nothing else.
    let within = |at: TextSize| unseen.iter().any(|(by, range)| *by == id && range.contains(at));
    outcome.effects.retain(|effect| !within(effect.at));
}

/// The watched module among a foreign one and the packages around it. Modules of the standard library are loaded by many;
/// what another project asks, is not about this one.
pub(super) fn asked_foreign(
    program: &Program,
    asked: &Watched,
    importer: ModuleId,
    name: &str,
) -> Option<Sym> {
    let mut ends = name.match_indices('.').map(|(end, _)| end).chain([name.len()]);
    ends.find_map(|end| {
        let name = Sym::find(&name[..end])?;
        let &(by, _) = asked.get(&name)?;
        let library = program.stdlib.knows(name.as_str());
        let counts =
            !library || same_project(program, by, importer) && !program.stdlib.always_loaded(name.as_str());
        counts.then_some(name)
    })
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
        // Whoever loads the reader has begun to load the package around it.
        .filter(|&(id, GlobalRead { owner, .. }, _)| {
            owner != id && (graph.cycle_of(id) == graph.cycle_of(owner) || is_around(program, owner, id))
        })
        .collect();
    for (id, GlobalRead { owner, name, at, content, .. }, probe) in reads {
        let same = |other: ModuleId| graph.cycle_of(id) == graph.cycle_of(other);
        let around = is_around(program, owner, id);
        // Where the owner loads the reader, and what it does with the name before and after that.
        let leads = |to: ModuleId| if around { to == id } else { same(to) };
        let into = graph.out[owner.index()].iter().filter(|e| !e.lazy && leads(e.to)).map(|e| e.at).min();
        let Some(into) = into else { continue };
        let facts = &program.module(owner).facts;
        let code = &facts.code;
        let binds = |import: u32| {
            let import = &facts.imports[import as usize];
            import.aliases.iter().any(|alias| alias.bound(import.from.is_some()) == name.as_str())
        };
        let (mut before, mut after) = (false, false);
        for op in code.ops_of(FuncId::MODULE) {
            let changes = match op.kind {
                OpKind::SetGlobal { name: n, .. } | OpKind::DelGlobal { name: n } => n == name,
                OpKind::Import(import) => binds(import),
                OpKind::SetItem { base, .. }
                | OpKind::ChangeInPlace { base, .. }
                | OpKind::DelItem { base, .. } => content && code.value(base) == Value::Global(name),
                OpKind::Call { call, .. } => {
                    content
                        && matches!(code.value(code.call(call).callee), Value::Attr(base, method)
                            if code.value(base) == Value::Global(name) && tables::is_mutator(method))
                }
                _ => false,
            };
            before |= changes && op.at < into;
            // The import that loads the reader binds its name when it is done.
            after |= changes && (op.at > into || op.at == into && matches!(op.kind, OpKind::Import(_)));
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
    package.is_package && is_below(program.module(inner).name.as_str(), package.name.as_str())
}

/// Whether loading a module does nothing but to define functions, classes and constants: then it reads no state.
fn is_still(program: &Program, outcomes: &[Outcome], id: ModuleId, seen: &mut FxHashSet<ModuleId>) -> bool {
    if !seen.insert(id) {
        return true;
    }
    let facts = &program.module(id).facts;
    let outcome = &outcomes[id.index()];
    let constant = |value: ValueId| {
        matches!(
            facts.code.value(value),
            Value::Fresh | Value::Constant(_) | Value::Str(_) | Value::Function(_) | Value::Class(_)
        )
    };
    outcome.effects.is_empty()
        && outcome.reads.is_empty()
        && facts.code.ops_of(FuncId::MODULE).all(|op| match op.kind {
            OpKind::SetGlobal { value, .. } | OpKind::Read(value) => constant(value),
            OpKind::DefineClass(class) => {
                let class = &facts.code.classes[class as usize];
                class.bases.is_empty() && class.metaclass.is_none() && class.decorators.is_empty()
            }
            OpKind::Import(_) => true,
            _ => false,
        })
        && facts.imports.iter().filter(|import| import.moment == Moment::ImportTime).all(|import| {
            (0..import.aliases.len()).all(|alias| {
                let loaded = program.loaded_chain(id, import, alias);
                let known = program
                    .loaded_name(id, import, alias)
                    .is_some_and(|name| !loaded.is_empty() || program.stdlib.knows(name));
                known && loaded.iter().all(|&next| is_still(program, outcomes, next, seen))
            })
        })
}

/// Imports between a change of the import path, the environment or the like, and its undoing.
pub(super) fn windows(program: &Program, outcomes: &[Outcome], verdicts: &mut [ModuleVerdicts]) {
    program.par_ids().zip(verdicts.par_iter_mut()).for_each(|(id, verdicts)| {
        let facts = &program.module(id).facts;
        let code = &facts.code;
        let mut changes: FxHashMap<&'static str, Vec<TextSize>> = FxHashMap::default();
        for op in code.ops_of(FuncId::MODULE) {
            let path = match op.kind {
                OpKind::SetItem { base, .. }
                | OpKind::ChangeInPlace { base, .. }
                | OpKind::DelItem { base, .. } => foreign_path(program, id, base),
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
        // What is loaded between two looks at all of `sys.modules`, shows.
        for mark in facts.marks.iter().filter(|m| m.kind == MarkKind::ReadsSysModules && m.func.is_module()) {
            changes.entry("sys.modules").or_default().push(mark.range.start());
        }
        for places in changes.values_mut() {
            places.sort_unstable();
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
                let within = first < import.range.start() && import.range.start() < last;
                let matters = within && (*state != "warnings" || unknown);
                let indifferent = || {
                    tables::is_passive_window(state)
                        && program
                            .loaded_chain(id, import, site.alias as usize)
                            .iter()
                            .all(|&loaded| is_still(program, outcomes, loaded, &mut FxHashSet::default()))
                };
                if matters && (unknown || !indifferent()) {
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
