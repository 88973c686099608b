//! Which edges must stay eager because of what they lead to.
//!
//! An effect is contained if whoever can see it has loaded its module; every other effect taints all modules from which it is reached.
//! An edge to a tainted module stays, unless everything behind it is certainly there already.

use rayon::prelude::*;
use ruff_text_size::{TextRange, TextSize};
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::graph::ancestors;
use super::super::interpret::{Effect, EffectKind, Owner};
use super::super::{ModuleId, Program, cycles};
use super::Effects;
use crate::decide::{Evidence, KeepReason, ModuleVerdicts, Reason};
use crate::facts::Sym;

/// A module and the index of one of its effects.
pub(super) type EffectOf = (ModuleId, usize);

/// From where an edge leads, its site, and to where.
pub(super) type KeptEdge = (ModuleId, u32, ModuleId);

/// Effects on one module that are contained in it.
pub(super) struct Contained {
    /// The effects.
    effects: Vec<EffectOf>,
    /// All modules that are loaded whenever the owner is.
    with: FxHashSet<ModuleId>,
}

/// Modules that a walk has seen; cleared at no cost.
pub(super) struct Seen {
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
pub(super) struct Walked {
    /// Tainted modules that the imports so far have certainly loaded.
    loaded: Seen,
    /// Modules met while one import is looked at.
    asked: Seen,
}

/// Why a module is tainted: the next module on the way, and for the cause itself its effect.
#[derive(Debug, Clone, Copy)]
pub(super) enum Taint {
    Cause(usize),
    Through(ModuleId, TextSize),
}

impl Effects {
    /// Effects by whether they are contained: (module, index of the effect).
    pub(super) fn split(&self, program: &Program) -> (Vec<EffectOf>, FxHashMap<ModuleId, Contained>) {
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
    pub(super) fn rebound_by(&self, owner: ModuleId, name: Sym) -> Option<&(ModuleId, TextSize)> {
        let any = || self.rebound.get(&(owner, Sym::find("*")?));
        self.rebound.get(&(owner, name)).or_else(any).and_then(|by| by.first())
    }

    /// The modules that change a global, other than `reader`; `None` if there are too many.
    pub(super) fn writers(&self, reader: ModuleId, state: (ModuleId, Sym)) -> Option<Vec<ModuleId>> {
        let rebound = self.rebound.get(&state).into_iter().flatten().map(|(by, _)| *by);
        let mutated = self.mutated.get(&state).into_iter().flatten().copied();
        let mut writers: Vec<ModuleId> = rebound.chain(mutated).filter(|&by| by != reader).collect();
        writers.sort_unstable();
        writers.dedup();
        (writers.len() <= 16).then_some(writers)
    }

    /// Everything from which a tainted module is reached is tainted.
    pub(super) fn spread(
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

    pub(super) fn keep_tainted(
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
    pub(super) fn has_more_causes(
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
    pub(super) fn mark_loaded(
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
    pub(super) fn cycles(&self) -> Vec<u32> {
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
    pub(super) fn tainted_tree(
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
    pub(super) fn keep_containing(
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
    pub(super) fn kept_for(
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
    pub(super) fn kind(&self, to: ModuleId, taints: &FxHashMap<ModuleId, Taint>) -> KeepReason {
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
    pub(super) fn reason(
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
}

fn reason_of(effect: &Effect) -> KeepReason {
    match effect.kind {
        EffectKind::Fails => KeepReason::OptionalProbe,
        EffectKind::ReadsState | EffectKind::ReadsHalfLoaded => KeepReason::StateWindow,
        _ => KeepReason::LoadEffects,
    }
}

pub(super) fn note_of(effect: &Effect) -> &'static str {
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
