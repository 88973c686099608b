//! Load effects judged: what outsiders can observe because a module was loaded.
//!
//! Each module's effects come from the [interpreter](super::interpret). Here they meet the graph:
//!
//! - An effect of M on the state of R is *contained* if loading R always loads M: nobody can look at R's state without M's
//!   effect. Then only the edges that guarantee this, those among the modules that R always loads, must stay eager.
//! - Every other effect *taints*: all modules from which M is reached must load it when they did, so every edge that leads
//!   to M stays eager.
//!
//! Soundness: an edge that becomes lazy leads to modules whose load changes nothing that anybody can see without loading them.

use rayon::prelude::*;
use ruff_text_size::{TextRange, TextSize};
use rustc_hash::{FxHashMap, FxHashSet};

use super::graph::{Graph, ancestors};
use super::interpret::{Effect, EffectKind, GlobalRead, Interpreter, Outcome, Owner, Shared};
use super::state::{
    ChangedFiles, Mutated, Rebound, Replaced, Writer, WrittenState, changed_files, foreign_path,
    listed_classes, mutated_globals, observed_loggers, rebound, replaced_names, seeds_random, taken_names,
    written_state,
};
use super::watched::{Watched, watched};
use super::{ModuleId, Origin, Program, cycles, tables};
use crate::config::{NamePatterns, Safety};
use crate::decide::{Evidence, KeepReason, ModuleVerdicts, Reason};
use crate::facts::{FuncId, Moment, OpKind, Place, Sym, Value};

/// The whole-program view of what loading does.
#[derive(Debug)]
pub struct Effects {
    outcomes: Vec<Outcome>,
    graph: Graph,
    /// Globals that are rebound after their module has loaded.
    rebound: Rebound,
    /// Globals whose content changes.
    mutated: Mutated,
    /// Names of foreign modules that the program rebinds: `time.time = …`.
    replaced: Replaced,
    /// Modules whose loading somebody watches.
    asked: Watched,
}

/// A module and the index of one of its effects.
type EffectOf = (ModuleId, usize);

/// From where an edge leads, its site, and to where.
type KeptEdge = (ModuleId, u32, ModuleId);

/// Effects on one module that are contained in it.
struct Contained {
    /// The effects.
    effects: Vec<EffectOf>,
    /// All modules that are loaded whenever the owner is.
    with: FxHashSet<ModuleId>,
}

/// Modules that a walk has seen; cleared at no cost.
struct Seen {
    round: u32,
    rounds: Vec<u32>,
}

impl Seen {
    fn new(modules: usize) -> Self {
        Self { round: 1, rounds: vec![0; modules] }
    }

    fn clear(&mut self) {
        self.round += 1;
    }

    fn contains(&self, id: ModuleId) -> bool {
        self.rounds[id.index()] == self.round
    }

    /// Whether it is new.
    fn insert(&mut self, id: ModuleId) -> bool {
        std::mem::replace(&mut self.rounds[id.index()], self.round) != self.round
    }
}

/// What is known while the imports of one module are gone through.
struct Walked {
    /// Tainted modules that the imports so far have certainly loaded.
    loaded: Seen,
    /// Modules met while one import is looked at.
    asked: Seen,
}

/// Why a module is tainted: the next module on the way, and for the cause itself its effect.
#[derive(Debug, Clone, Copy)]
enum Taint {
    Cause(usize),
    Through(ModuleId, TextSize),
}

impl Effects {
    /// Runs all modules' import-time code.
    pub fn of_program(program: &Program, safety: Safety, pure: NamePatterns, effect: NamePatterns) -> Self {
        let mut shared = Shared { pure, effect, ..Shared::default() };
        shared.replaced_names = replaced_names(program);
        shared.observed_loggers = observed_loggers(program);
        shared.listed_classes = listed_classes(program, &shared);
        shared.seeds_random = seeds_random(program);
        let mut outcomes: Vec<Outcome> = program
            .ids()
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|id| Interpreter::run(program, &shared, safety, id))
            .collect();
        let ((rebound, asked), (written, (mutated, files))) = rayon::join(
            || (rebound(program), watched(program)),
            || {
                let mutated = mutated_globals(program, &outcomes);
                (written_state(program), (mutated, changed_files(program)))
            },
        );
        let views = Views {
            rebound: &rebound,
            asked: &asked,
            written: &written,
            mutated: &mutated,
            files: &files,
            replaced: &shared.replaced_names,
        };
        outcomes.par_iter_mut().zip(program.ids().collect::<Vec<_>>()).for_each(|(outcome, id)| {
            let extra = further_effects(program, id, outcome, &views);
            outcome.effects.extend(extra);
        });
        let loads: Vec<Vec<(ModuleId, TextSize)>> =
            outcomes.iter_mut().map(|o| std::mem::take(&mut o.loads)).collect();
        let graph = Graph::new(program, &loads);
        add_half_loaded(program, &graph, &mut outcomes);
        Self { outcomes, graph, rebound, mutated, replaced: shared.replaced_names, asked }
    }

    /// Who loads whom.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Adds the reasons to the verdicts.
    pub fn decide(&self, program: &Program, verdicts: &mut [ModuleVerdicts]) {
        Self::unread(program, verdicts);
        self.frozen(program, verdicts);
        self.observed(program, verdicts);
        self.asking(program, verdicts);
        windows(program, verdicts);

        let (uncontained, contained) = self.split(program);
        let cycles = self.cycles();
        let (failures, effects): (Vec<_>, Vec<_>) = uncontained
            .into_iter()
            .partition(|&(id, index)| self.outcomes[id.index()].effects[index].kind == EffectKind::Fails);
        // A failure is seen by who guards the import, and by nobody beyond.
        for (causes, through_guards) in [(effects, true), (failures, false)] {
            let mut taints = FxHashMap::default();
            for (id, index) in causes {
                taints.entry(id).or_insert(Taint::Cause(index));
            }
            let taints = self.spread(taints, through_guards);
            self.keep_tainted(program, &taints, &cycles, verdicts);
        }
        self.keep_containing(program, &contained, verdicts);
        let ordered = cycles::order_sensitive(program, &self.graph, verdicts);
        if !ordered.is_empty() {
            // Loading such a cycle in another order fails: its first entry must stay where it was.
            let mut taints = FxHashMap::default();
            for &id in &ordered {
                taints.insert(id, Taint::Cause(usize::MAX));
            }
            let taints = self.spread(taints, true);
            self.keep_tainted(program, &taints, &cycles, verdicts);
        }
    }

    /// Effects by whether they are contained: (module, index of the effect).
    fn split(&self, program: &Program) -> (Vec<EffectOf>, FxHashMap<ModuleId, Contained>) {
        let mut uncontained = Vec::new();
        let mut by_owner: FxHashMap<ModuleId, Vec<EffectOf>> = FxHashMap::default();
        let mut by_writers: Vec<(EffectOf, Vec<ModuleId>)> = Vec::new();
        for (id, outcome) in program.ids().zip(&self.outcomes) {
            for (index, effect) in outcome.effects.iter().enumerate() {
                match (effect.owner, effect.kind) {
                    (
                        Owner::Module(owner, _),
                        EffectKind::Write
                        | EffectKind::UnresolvedCall
                        | EffectKind::Subclass
                        | EffectKind::ReadsHalfLoaded,
                    ) => {
                        by_owner.entry(owner).or_default().push((id, index));
                    }
                    (Owner::Module(owner, name), EffectKind::ReadsState) => {
                        match self.writers(id, (owner, name)) {
                            Some(writers) => by_writers.push(((id, index), writers)),
                            None => uncontained.push((id, index)),
                        }
                    }
                    _ => uncontained.push((id, index)),
                }
            }
        }
        let mut owners: Vec<ModuleId> = by_owner.keys().copied().collect();
        owners.extend(by_writers.iter().flat_map(|(_, writers)| writers));
        owners.sort_unstable();
        owners.dedup();
        let mut always: FxHashMap<ModuleId, FxHashSet<ModuleId>> =
            owners.into_par_iter().map(|owner| (owner, self.graph.always_with(program, owner))).collect();
        // Who changes the state, has loaded the reader before, if loading the one loads the other.
        for (effect, writers) in by_writers {
            if writers.iter().all(|writer| always[writer].contains(&effect.0)) {
                for writer in writers {
                    by_owner.entry(writer).or_default().push(effect);
                }
            } else {
                uncontained.push(effect);
            }
        }
        let mut contained = FxHashMap::default();
        for (owner, effects) in by_owner {
            let with = always.remove(&owner).unwrap_or_default();
            let (inside, outside): (Vec<_>, Vec<_>) =
                effects.into_iter().partition(|(id, _)| with.contains(id));
            uncontained.extend(outside);
            if !inside.is_empty() {
                contained.insert(owner, Contained { effects: inside, with });
            }
        }
        uncontained.sort_unstable();
        (uncontained, contained)
    }

    /// Who rebinds a global later, and where.
    fn rebound_by(&self, owner: ModuleId, name: Sym) -> Option<&(ModuleId, TextSize)> {
        let any = || self.rebound.get(&(owner, Sym::find("*")?));
        self.rebound.get(&(owner, name)).or_else(any).and_then(|by| by.first())
    }

    /// The modules that change a global, other than `reader`; `None` if there are too many.
    fn writers(&self, reader: ModuleId, state: (ModuleId, Sym)) -> Option<Vec<ModuleId>> {
        let rebound = self.rebound.get(&state).into_iter().flatten().map(|(by, _)| *by);
        let mutated = self.mutated.get(&state).into_iter().flatten().copied();
        let mut writers: Vec<ModuleId> = rebound.chain(mutated).filter(|&by| by != reader).collect();
        writers.sort_unstable();
        writers.dedup();
        (writers.len() <= 16).then_some(writers)
    }

    /// Everything from which a tainted module is reached is tainted.
    fn spread(
        &self,
        mut taints: FxHashMap<ModuleId, Taint>,
        through_guards: bool,
    ) -> FxHashMap<ModuleId, Taint> {
        let mut todo: std::collections::VecDeque<ModuleId> = {
            let mut causes: Vec<ModuleId> = taints.keys().copied().collect();
            causes.sort_unstable();
            causes.into()
        };
        while let Some(id) = todo.pop_front() {
            for &(from, edge) in &self.graph.back[id.index()] {
                if !through_guards && self.graph.out[from.index()][edge as usize].guarded {
                    continue;
                }
                if let std::collections::hash_map::Entry::Vacant(entry) = taints.entry(from) {
                    entry.insert(Taint::Through(id, self.graph.out[from.index()][edge as usize].at));
                    todo.push_back(from);
                }
            }
        }
        taints
    }

    fn keep_tainted(
        &self,
        program: &Program,
        taints: &FxHashMap<ModuleId, Taint>,
        cycles: &[u32],
        verdicts: &mut [ModuleVerdicts],
    ) {
        type Tree = FxHashMap<ModuleId, ModuleId>;
        let mut packages: Vec<ModuleId> = program
            .ids()
            .filter(|id| {
                self.graph.out[id.index()].iter().any(|e| e.site.is_some() && taints.contains_key(&e.to))
            })
            .filter_map(|id| ancestors(program, id).first().copied())
            .collect();
        packages.sort_unstable();
        packages.dedup();
        let trees: FxHashMap<ModuleId, Tree> =
            packages.into_par_iter().map(|package| (package, self.tainted_tree(package, taints))).collect();
        let ids: Vec<ModuleId> = program.ids().collect();
        let fresh =
            || Walked { loaded: Seen::new(self.graph.out.len()), asked: Seen::new(self.graph.out.len()) };
        ids.into_par_iter().zip(verdicts.par_iter_mut()).for_each_init(fresh, |walked, (id, verdicts)| {
            let mut tree: Option<Option<&Tree>> = None;
            walked.loaded.clear();
            // A package that does not import the module itself is complete.
            for package in ancestors(program, id) {
                self.mark_loaded(id, package, taints, cycles, &mut walked.loaded);
            }
            for edge in &self.graph.out[id.index()] {
                if edge.lazy || !taints.contains_key(&edge.to) {
                    continue;
                }
                if let Some(site) = edge.site {
                    // What the outermost package around this module loads in any case is loaded without this import.
                    let tree = *tree.get_or_insert_with(|| {
                        ancestors(program, id).first().and_then(|package| trees.get(package))
                    });
                    let elsewhere =
                        tree.is_some_and(|tree| tree.get(&edge.to).is_some_and(|loader| *loader != id));
                    if !elsewhere && self.has_more_causes(edge.to, taints, walked) {
                        let verdict = &mut verdicts.sites[site as usize];
                        if verdict.lacks(self.kind(edge.to, taints)) {
                            verdict.keep(self.reason(program, id, site, edge.to, taints));
                        }
                    }
                }
                if edge.certain {
                    self.mark_loaded(id, edge.to, taints, cycles, &mut walked.loaded);
                }
            }
        });
    }

    /// Whether loading a module may load a cause that is not loaded already.
    fn has_more_causes(
        &self,
        start: ModuleId,
        taints: &FxHashMap<ModuleId, Taint>,
        walked: &mut Walked,
    ) -> bool {
        let Walked { loaded, asked } = walked;
        asked.clear();
        let mut todo = vec![start];
        while let Some(id) = todo.pop() {
            if loaded.contains(id) || !asked.insert(id) {
                continue;
            }
            match taints.get(&id) {
                None => continue,
                Some(Taint::Cause(_)) => return true,
                Some(Taint::Through(..)) => {}
            }
            todo.extend(self.graph.out[id.index()].iter().filter(|e| !e.lazy).map(|e| e.to));
        }
        false
    }

    /// Notes what is certainly loaded, as far as it matters, once an import statement of `from` has loaded `start`. Members of
    /// the cycle that `from` is in may be half loaded.
    fn mark_loaded(
        &self,
        from: ModuleId,
        start: ModuleId,
        taints: &FxHashMap<ModuleId, Taint>,
        cycles: &[u32],
        loaded: &mut Seen,
    ) {
        let mut todo = vec![start];
        while let Some(id) = todo.pop() {
            let half = cycles[id.index()] == cycles[from.index()];
            if half || !taints.contains_key(&id) || !loaded.insert(id) {
                continue;
            }
            todo.extend(self.graph.out[id.index()].iter().filter(|e| e.certain && !e.lazy).map(|e| e.to));
        }
    }

    /// For each module the number of the import cycle that it is in.
    fn cycles(&self) -> Vec<u32> {
        let out = &self.graph.out;
        let eager = |from: ModuleId| out[from.index()].iter().filter(|e| !e.lazy).map(|e| e.to);
        let mut numbers = vec![0; out.len()];
        for (number, component) in (0..).zip(cycles::components(out.len(), &eager)) {
            for id in component {
                numbers[id.index()] = number;
            }
        }
        numbers
    }

    /// All tainted modules that loading a package loads, each with the module whose edge loads it: a tree of
    /// edges that stay eager, so every other edge to the same module may go.
    fn tainted_tree(
        &self,
        start: ModuleId,
        taints: &FxHashMap<ModuleId, Taint>,
    ) -> FxHashMap<ModuleId, ModuleId> {
        let mut loader = FxHashMap::default();
        let mut todo = std::collections::VecDeque::from([start]);
        while let Some(id) = todo.pop_front() {
            for edge in self.graph.out[id.index()].iter().filter(|e| e.certain && !e.lazy) {
                if edge.to != start
                    && taints.contains_key(&edge.to)
                    && let std::collections::hash_map::Entry::Vacant(entry) = loader.entry(edge.to)
                {
                    entry.insert(id);
                    todo.push_back(edge.to);
                }
            }
        }
        loader
    }

    /// The edges that make sure that an owner is never seen without the effects on it.
    fn keep_containing(
        &self,
        program: &Program,
        contained: &FxHashMap<ModuleId, Contained>,
        verdicts: &mut [ModuleVerdicts],
    ) {
        let mut owners: Vec<_> = contained.keys().copied().collect();
        owners.sort_unstable();
        // In parts: many owners need the same edges, and what the first ones have kept needs no second look.
        for part in owners.chunks(64) {
            let read: &[ModuleVerdicts] = verdicts;
            let kept: Vec<_> = part.par_iter().map(|owner| self.kept_for(&contained[owner], read)).collect();
            for (edges, taints) in kept {
                for (from, site, to) in edges {
                    let verdict = &mut verdicts[from.index()].sites[site as usize];
                    if verdict.lacks(self.kind(to, &taints)) {
                        verdict.keep(self.reason(program, from, site, to, &taints));
                    }
                }
            }
        }
    }

    /// The edges that one owner needs, and why.
    fn kept_for(
        &self,
        contained: &Contained,
        verdicts: &[ModuleVerdicts],
    ) -> (Vec<KeptEdge>, FxHashMap<ModuleId, Taint>) {
        let Contained { effects: causes, with: inside } = contained;
        let mut kept = Vec::new();
        // Backwards from the causes, inside what the owner always loads.
        let mut taints: FxHashMap<ModuleId, Taint> =
            causes.iter().map(|&(id, index)| (id, Taint::Cause(index))).collect();
        let mut todo: Vec<ModuleId> = causes.iter().map(|(id, _)| *id).collect();
        todo.dedup();
        while let Some(id) = todo.pop() {
            for &(from, edge) in &self.graph.back[id.index()] {
                if !inside.contains(&from) {
                    continue;
                }
                let edge = self.graph.out[from.index()][edge as usize];
                if let Some(site) = edge.site
                    && verdicts[from.index()].sites[site as usize].lacks(self.kind(id, &taints))
                {
                    kept.push((from, site, id));
                }
                if let std::collections::hash_map::Entry::Vacant(entry) = taints.entry(from) {
                    entry.insert(Taint::Through(id, edge.at));
                    todo.push(from);
                }
            }
        }
        (kept, taints)
    }

    /// The kind of the reason to keep an edge to a tainted module.
    fn kind(&self, to: ModuleId, taints: &FxHashMap<ModuleId, Taint>) -> KeepReason {
        let mut at = to;
        for _ in 0..64 {
            match taints.get(&at) {
                Some(Taint::Through(next, _)) => at = *next,
                Some(Taint::Cause(usize::MAX)) => return KeepReason::ImportOrder,
                Some(Taint::Cause(index)) => return reason_of(&self.outcomes[at.index()].effects[*index]),
                None => break,
            }
        }
        KeepReason::LoadEffects
    }

    /// The reason with the chain of imports down to the effect.
    fn reason(
        &self,
        program: &Program,
        id: ModuleId,
        site: u32,
        to: ModuleId,
        taints: &FxHashMap<ModuleId, Taint>,
    ) -> Reason {
        let import =
            &program.module(id).facts.imports[program.module(id).facts.sites[site as usize].stmt as usize];
        let mut evidence = vec![Evidence {
            module: id,
            range: import.range,
            note: "loads",
            subject: Some(program.module(to).name),
        }];
        let mut kind = KeepReason::LoadEffects;
        let mut at = to;
        for _ in 0..64 {
            match taints.get(&at) {
                Some(Taint::Through(next, place)) => {
                    evidence.push(Evidence {
                        module: at,
                        range: TextRange::empty(*place),
                        note: "which loads",
                        subject: Some(program.module(*next).name),
                    });
                    at = *next;
                }
                Some(Taint::Cause(usize::MAX)) => {
                    kind = KeepReason::ImportOrder;
                    evidence.push(Evidence {
                        module: at,
                        range: TextRange::empty(0.into()),
                        note: "is part of an import cycle that works only in the original order",
                        subject: Some(program.module(at).name),
                    });
                    break;
                }
                Some(Taint::Cause(index)) => {
                    let effect = &self.outcomes[at.index()].effects[*index];
                    kind = reason_of(effect);
                    evidence.push(Evidence {
                        module: at,
                        range: TextRange::empty(effect.at),
                        note: note_of(effect),
                        subject: subject_of(program, effect),
                    });
                    if let Some((module, place)) = effect.deep {
                        evidence.push(Evidence {
                            module,
                            range: TextRange::empty(place),
                            note: "here",
                            subject: None,
                        });
                    }
                    break;
                }
                None => break,
            }
        }
        Reason { kind, evidence }
    }

    /// Imports that nobody reads.
    fn unread(program: &Program, verdicts: &mut [ModuleVerdicts]) {
        let taken = taken_names(program);
        let ids: Vec<ModuleId> = program.ids().collect();
        ids.into_par_iter().zip(verdicts.par_iter_mut()).for_each(|(id, verdicts)| {
            let module = program.module(id);
            let facts = &module.facts;
            let read: FxHashSet<Sym> =
                facts.reads.iter().filter(|r| r.moment != Moment::Never).map(|r| r.name).collect();
            for (index, site) in facts.sites.iter().enumerate() {
                let import = &facts.imports[site.stmt as usize];
                if site.declared.is_some() {
                    continue;
                }
                let alias = site.alias as usize;
                let name = program.loaded_name(id, import, alias).unwrap_or_default();
                let foreign = matches!(program.origin(id, import, alias), Origin::Foreign);
                if foreign && tables::has_load_effects(name) {
                    verdicts.sites[index].keep(
                        Reason::at(
                            KeepReason::LoadEffects,
                            id,
                            import.range,
                            "changes the process when it is loaded",
                        )
                        .about(Sym::new(name)),
                    );
                }
                let exported = facts.exports.all.as_ref().is_some_and(|all| all.contains(&site.bound));
                let unread = !read.contains(&site.bound)
                    && !exported
                    && !module.is_package
                    && !taken.contains(&(id, site.bound));
                let known_pure = program.find_from(id, name).is_some()
                    || (!name.contains('.') && program.stdlib.knows(name))
                    || (import.from.is_some() && program.stdlib.knows(name));
                if unread && foreign && !known_pure {
                    verdicts.sites[index].keep(
                        Reason::at(KeepReason::SideEffectOnly, id, import.range, "nobody reads the name")
                            .about(site.bound),
                    );
                }
            }
        });
    }

    /// From-imports of names that are rebound later.
    fn frozen(&self, program: &Program, verdicts: &mut [ModuleVerdicts]) {
        let ids: Vec<ModuleId> = program.ids().collect();
        ids.into_par_iter().zip(verdicts.par_iter_mut()).for_each(|(id, verdicts)| {
            let facts = &program.module(id).facts;
            for (index, site) in facts.sites.iter().enumerate() {
                let import = &facts.imports[site.stmt as usize];
                let (source, name) = match program.origin(id, import, site.alias as usize) {
                    Origin::Attribute(source, name) => (source, name),
                    Origin::Foreign => {
                        let item = import.aliases[site.alias as usize].name;
                        let module = program.loaded_name(id, import, site.alias as usize).unwrap_or_default();
                        if import.from.is_some()
                            && let Some(path) = Sym::find(&format!("{module}.{item}"))
                            && let Some(writers) = self.replaced.get(&path)
                            && let Some(&Writer { by: module, at, .. }) =
                                writers.iter().find(|w| w.shows_to(program, id))
                        {
                            let place = TextRange::empty(at);
                            let reason =
                                Reason::at(KeepReason::FrozenValue, module, place, "rebinds the name later");
                            verdicts.sites[index].keep(reason.about(path));
                        }
                        continue;
                    }
                    _ => continue,
                };
                let changed = self.rebound_by(source, name).copied();
                if let Some((module, at)) =
                    changed.or_else(|| Some((source, computed(program, source, name)?)))
                {
                    verdicts.sites[index].keep(
                        Reason::at(
                            KeepReason::FrozenValue,
                            module,
                            TextRange::empty(at),
                            "rebinds the name later",
                        )
                        .about(name),
                    );
                }
            }
        });
    }

    /// From-imports of names that the `__getattr__` of a module makes, changing something.
    fn asking(&self, program: &Program, verdicts: &mut [ModuleVerdicts]) {
        let changes = |kind| {
            matches!(
                kind,
                EffectKind::Write
                    | EffectKind::UnresolvedCall
                    | EffectKind::Process
                    | EffectKind::InputOutput
            )
        };
        for (id, outcome) in program.ids().zip(&self.outcomes) {
            for effect in outcome.effects.iter().filter(|e| e.deep.is_some() && changes(e.kind)) {
                let facts = &program.module(id).facts;
                let Ok(stmt) = facts.imports.binary_search_by_key(&effect.at, |i| i.range.start()) else {
                    continue;
                };
                for (site, verdict) in facts.sites.iter().zip(&mut verdicts[id.index()].sites) {
                    if site.stmt as usize == stmt {
                        let (module, place) = effect.deep.unwrap_or((id, effect.at));
                        let place = TextRange::empty(place);
                        verdict.keep(Reason::at(KeepReason::LoadEffects, module, place, note_of(effect)));
                    }
                }
            }
        }
    }

    /// Imports of modules that somebody asks for in `sys.modules`.
    fn observed(&self, program: &Program, verdicts: &mut [ModuleVerdicts]) {
        if self.asked.is_empty() {
            return;
        }
        let ids: Vec<ModuleId> = program.ids().collect();
        ids.into_par_iter().zip(verdicts.par_iter_mut()).for_each(|(id, verdicts)| {
            let facts = &program.module(id).facts;
            for (index, site) in facts.sites.iter().enumerate() {
                let import = &facts.imports[site.stmt as usize];
                let Some(name) = program.loaded_name(id, import, site.alias as usize) else { continue };
                let item = import.aliases[site.alias as usize].name;
                let asked = |name: &str| self.asked.get(&Sym::find(name)?);
                let asked =
                    asked(name).or_else(|| import.from.and_then(|_| asked(&format!("{name}.{item}"))));
                if let Some(&(module, range)) = asked {
                    verdicts.sites[index].keep(
                        Reason::at(
                            KeepReason::LoadObserved,
                            module,
                            range,
                            "asks whether the module is loaded",
                        )
                        .about(Sym::new(name)),
                    );
                }
            }
        });
    }
}

fn reason_of(effect: &Effect) -> KeepReason {
    match effect.kind {
        EffectKind::Fails => KeepReason::OptionalProbe,
        EffectKind::ReadsState | EffectKind::ReadsHalfLoaded => KeepReason::StateWindow,
        _ => KeepReason::LoadEffects,
    }
}

fn note_of(effect: &Effect) -> &'static str {
    match effect.kind {
        EffectKind::Write => "changes state of another module",
        EffectKind::UnresolvedCall => "is called for its effect",
        EffectKind::Process => "changes the state of the process",
        EffectKind::InputOutput => "does input or output, or starts something",
        EffectKind::Subclass => "has its subclasses listed",
        EffectKind::Fails => "may raise while it loads",
        EffectKind::ReadsState => "is read while the module loads, and changed by the program",
        EffectKind::ReadsHalfLoaded => "is read while its module is half loaded",
    }
}

fn subject_of(program: &Program, effect: &Effect) -> Option<Sym> {
    match effect.owner {
        Owner::Module(id, name) if !name.as_str().is_empty() => {
            Some(Sym::new(&format!("{}.{name}", program.module(id).name)))
        }
        Owner::Module(id, _) => Some(program.module(id).name),
        Owner::External(path) => Some(path),
        Owner::Fresh => effect.subject,
    }
}

/// What the rest of the program does, as far as it decides what loading a module shows.
struct Views<'a> {
    rebound: &'a Rebound,
    asked: &'a Watched,
    written: &'a WrittenState,
    mutated: &'a Mutated,
    files: &'a ChangedFiles,
    replaced: &'a Replaced,
}

/// Effects that show only against the rest of the program.
fn further_effects(program: &Program, id: ModuleId, outcome: &Outcome, views: &Views<'_>) -> Vec<Effect> {
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
                    || (import.from.is_none()
                        && program.loaded_target(id, import, alias) == super::Target::Missing);
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
    for read in facts.reads.iter().filter(|r| r.func.is_module() && r.moment == Moment::ImportTime) {
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
fn computed(program: &Program, owner: ModuleId, name: Sym) -> Option<TextSize> {
    program.module(owner).facts.names.get(&name)?.computed_in_function
}

/// Reads of modules that load the reader in the middle: what they get depends on when that is.
fn add_half_loaded(program: &Program, graph: &Graph, outcomes: &mut [Outcome]) {
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
    let mut cycle = vec![u32::MAX; outcomes.len()];
    let eager = |from: ModuleId| graph.out[from.index()].iter().filter(|e| !e.lazy).map(|e| e.to);
    for (number, members) in cycles::components(outcomes.len(), &eager).into_iter().enumerate() {
        for member in members {
            cycle[member.index()] = u32::try_from(number).unwrap_or(u32::MAX);
        }
    }
    for (id, GlobalRead { owner, name, at, content }, probe) in reads {
        let same = |other: ModuleId| cycle[other.index()] == cycle[id.index()];
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
                        && matches!(code.value(code.calls[call as usize].callee), Value::Attr(base, method)
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
fn is_around(program: &Program, outer: ModuleId, inner: ModuleId) -> bool {
    let package = program.module(outer);
    let rest = program.module(inner).name.as_str().strip_prefix(package.name.as_str());
    package.is_package && rest.is_some_and(|r| r.starts_with('.'))
}

/// Imports between a change of the import path, the environment or the like, and its undoing.
fn windows(program: &Program, verdicts: &mut [ModuleVerdicts]) {
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
                OpKind::Call { call, .. } => foreign_path(program, id, code.calls[call as usize].callee),
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
