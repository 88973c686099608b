//! Which edges must stay eager because of what they lead to.
//!
//! An effect is contained if whoever can see it has loaded its module; every other effect taints all modules from which it is reached.
//! An edge to a tainted module stays, unless everything behind it is certainly there already.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;

use rayon::prelude::*;
use ruff_text_size::{TextRange, TextSize};
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::graph::{Edge, ancestors};
use super::super::interpret::{Effect, EffectKind, Owner};
use super::super::rebinds::rebinders;
use super::super::{ModuleId, Program};
use super::Effects;
use super::begun::take_begun;
use super::enclosed::drop_enclosed;
use super::loaded::{Loaded, Tainted};
use super::tree::Tree;
use crate::decide::{Evidence, KeepReason, ModuleVerdicts, Reason};
use crate::facts::Sym;

/// A module and the index of one of its effects.
pub(super) type EffectOf = (ModuleId, u32);

/// From where an edge leads, its site, and to where.
pub(super) type KeptEdge = (ModuleId, u32, ModuleId);

/// Sites of a module that stay eager, and why.
type KeptSites = (ModuleId, Vec<(u32, Reason)>);

/// Effects on one module that are contained in it.
pub(super) struct Contained {
    /// The effects.
    effects: Vec<EffectOf>,
    /// Effects that have only to be there when the owner has been loaded: nobody looks for them before.
    at_the_end: Vec<EffectOf>,
    /// All modules that are loaded whenever the owner is.
    with: FxHashSet<ModuleId>,
}

/// Why a module is tainted: the next module on the way, and for the cause itself its effect.
#[derive(Debug, Clone, Copy)]
pub(super) enum Taint {
    /// The index of an effect.
    Cause(u32),
    /// The module is part of a cycle that works only in the original order.
    Order,
    /// The module is looked for as an attribute of its package.
    Asked,
    Through(ModuleId, TextSize),
}

/// All tainted modules.
pub(super) struct Taints {
    taint: Vec<Option<Taint>>,
    /// The kind of the reason to keep an edge to each of them.
    kind: Vec<KeepReason>,
}

/// How many imports a chain of evidence may have.
const LONGEST: u32 = 64;

impl Taints {
    pub(super) fn of(&self, id: ModuleId) -> Option<Taint> {
        self.taint[id.index()]
    }

    pub(super) fn has(&self, id: ModuleId) -> bool {
        self.taint[id.index()].is_some()
    }

    pub(super) fn is_cause(&self, id: ModuleId) -> bool {
        matches!(self.of(id), Some(Taint::Cause(_) | Taint::Order | Taint::Asked))
    }

    /// The tainted modules in order.
    pub(super) fn modules(&self) -> impl Iterator<Item = ModuleId> {
        (0..).map(ModuleId).zip(&self.taint).filter(|(_, taint)| taint.is_some()).map(|(id, _)| id)
    }
}

impl Effects {
    /// Whether somebody enters the import cycle of two modules elsewhere than at the one: then the other may be loaded before it.
    fn entered_beside(&self, program: &Program, owner: ModuleId, reader: ModuleId) -> bool {
        let cycle = self.graph.cycle_of(reader);
        cycle == self.graph.cycle_of(owner)
            && program.ids().filter(|&id| id != owner && self.graph.cycle_of(id) == cycle).any(|id| {
                self.graph.back[id.index()].iter().any(|&(from, _)| self.graph.cycle_of(from) != cycle)
            })
    }

    /// Effects by whether they are contained: (module, index of the effect).
    pub(super) fn split(&self, program: &Program) -> (Vec<EffectOf>, FxHashMap<ModuleId, Contained>) {
        let mut uncontained = Vec::new();
        let mut by_owner: FxHashMap<ModuleId, Vec<EffectOf>> = FxHashMap::default();
        let mut by_state: Vec<(EffectOf, ModuleId, Option<Vec<ModuleId>>)> = Vec::new();
        for (id, outcome) in program.ids().zip(&self.outcomes) {
            for (index, effect) in (0..).zip(&outcome.effects) {
                match (effect.owner, effect.kind) {
                    (Owner::Module(owner, _), EffectKind::ReadsHalfLoaded)
                        if self.entered_beside(program, owner, id) =>
                    {
                        uncontained.push((id, index));
                    }
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
                        by_state.push(((id, index), owner, self.writers(id, (owner, name))));
                    }
                    _ => uncontained.push((id, index)),
                }
            }
        }
        let mut owners: Vec<ModuleId> = by_owner.keys().copied().collect();
        for (_, owner, writers) in &by_state {
            owners.push(*owner);
            owners.extend(writers.iter().flatten());
        }
        owners.sort_unstable();
        owners.dedup();
        let mut always: FxHashMap<ModuleId, FxHashSet<ModuleId>> =
            owners.into_par_iter().map(|owner| (owner, self.graph.always_with(program, owner))).collect();
        // Who changes the state, has loaded its owner, and perhaps the reader with it; or the reader before, if loading the one
        // loads the other.
        for (effect, owner, writers) in by_state {
            if always[&owner].contains(&effect.0) {
                by_owner.entry(owner).or_default().push(effect);
            } else if let Some(writers) = writers
                && writers.iter().all(|writer| always[writer].contains(&effect.0))
            {
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
                let (at_the_end, effects) = self.looked_for_later(program, owner, inside);
                contained.insert(owner, Contained { effects, at_the_end, with });
            }
        }
        let effect = |(id, index): EffectOf| &self.outcomes[id.index()].effects[index as usize];
        drop_enclosed(program, &self.graph, &mut uncontained, effect);
        uncontained.sort_unstable();
        (uncontained, contained)
    }

    /// Effects on a package that are names of submodules, by whether those who look for them do not run before the package has been loaded.
    fn looked_for_later(
        &self,
        program: &Program,
        owner: ModuleId,
        effects: Vec<EffectOf>,
    ) -> (Vec<EffectOf>, Vec<EffectOf>) {
        let looked_for = |&(id, index): &EffectOf| {
            let effect = &self.outcomes[id.index()].effects[index as usize];
            let (Owner::Module(package, name), EffectKind::Write, Some((by, _))) =
                (effect.owner, effect.kind, effect.deep)
            else {
                return None;
            };
            let binds = program.find(&format!("{}.{name}", program.module(package).name)) == Some(id);
            (binds && effect.subject.is_none() && effect.at == TextSize::new(0)).then_some(by)
        };
        if !effects.iter().any(|effect| looked_for(effect).is_some()) {
            return (Vec::new(), effects);
        }
        let mut loaded: FxHashSet<ModuleId> = FxHashSet::default();
        let mut todo = vec![owner];
        todo.extend(ancestors(program, owner));
        while let Some(id) = todo.pop() {
            if loaded.insert(id) {
                todo.extend(self.graph.out[id.index()].iter().filter(|e| !e.lazy).map(|e| e.to));
            }
        }
        effects.into_iter().partition(|effect| looked_for(effect).is_some_and(|by| !loaded.contains(&by)))
    }

    /// Who rebinds a global later, and where.
    pub(super) fn rebound_by(&self, owner: ModuleId, name: Sym) -> Option<&(ModuleId, TextSize)> {
        rebinders(&self.rebound, owner, name).next()
    }

    /// The modules that change a global, other than `reader`; `None` if there are too many.
    pub(super) fn writers(&self, reader: ModuleId, state: (ModuleId, Sym)) -> Option<Vec<ModuleId>> {
        let rebound = rebinders(&self.rebound, state.0, state.1).map(|(by, _)| *by);
        let mutated = self.mutated.get(&state).into_iter().flatten().map(|change| change.by);
        let mut writers: Vec<ModuleId> = rebound.chain(mutated).filter(|&by| by != reader).collect();
        writers.sort_unstable();
        writers.dedup();
        (writers.len() <= 16).then_some(writers)
    }

    /// Everything from which a tainted module is reached is tainted. The causes are in order.
    pub(super) fn spread(
        &self,
        causes: impl Iterator<Item = (ModuleId, Taint)>,
        through_guards: bool,
    ) -> Taints {
        let modules = self.graph.out.len();
        let mut taints = Taints { taint: vec![None; modules], kind: vec![KeepReason::LoadEffects; modules] };
        let mut todo: VecDeque<(ModuleId, u32)> = VecDeque::new();
        for (id, cause) in causes.filter(|&(_, taint)| !matches!(taint, Taint::Through(..))) {
            if !taints.has(id) {
                taints.taint[id.index()] = Some(cause);
                taints.kind[id.index()] = self.kind_of_cause(id, cause);
                todo.push_back((id, 1));
            }
        }
        while let Some((id, length)) = todo.pop_front() {
            for &(from, edge) in &self.graph.back[id.index()] {
                let edge = &self.graph.out[from.index()][edge as usize];
                if taints.has(from) || (!through_guards && edge.guarded) {
                    continue;
                }
                taints.taint[from.index()] = Some(Taint::Through(id, edge.at));
                if length < LONGEST {
                    taints.kind[from.index()] = taints.kind[id.index()];
                }
                todo.push_back((from, length + 1));
            }
        }
        taints
    }

    pub(super) fn keep_tainted(&self, program: &Program, taints: &Taints, verdicts: &mut [ModuleVerdicts]) {
        let mut packages: FxHashMap<Option<ModuleId>, Vec<ModuleId>> = FxHashMap::default();
        for id in program.ids() {
            if self.graph.out[id.index()].iter().any(|e| e.site.is_some() && taints.has(e.to)) {
                packages.entry(ancestors(program, id).last().copied()).or_default().push(id);
            }
        }
        let packages: Vec<Vec<ModuleId>> = packages.into_values().collect();
        let mut outermost: Vec<ModuleId> =
            packages.iter().filter_map(|inside| ancestors(program, inside[0]).first().copied()).collect();
        outermost.sort_unstable();
        outermost.dedup();
        let trees: FxHashMap<ModuleId, Tree> = outermost
            .into_par_iter()
            .map(|package| (package, Tree::new(&self.graph, package, taints)))
            .collect();
        let tainted = Tainted::new(&self.graph, taints, &self.forgotten);
        let read: &[ModuleVerdicts] = verdicts;
        let kept: Vec<Vec<KeptSites>> = packages
            .into_par_iter()
            .map_init(
                || Loaded::new(&tainted),
                |loaded, inside| {
                    let around = ancestors(program, inside[0]);
                    let tree = around.first().and_then(|package| trees.get(package));
                    let mut kept = Vec::new();
                    for id in inside {
                        loaded.enter(id, &around);
                        kept.push((id, self.keep_of(program, id, taints, tree, loaded, &read[id.index()])));
                    }
                    kept
                },
            )
            .collect();
        for (id, kept) in kept.into_iter().flatten() {
            for (site, reason) in kept {
                verdicts[id.index()].sites[site as usize].keep(reason);
            }
        }
    }

    /// The sites of one module that lead to causes which are not loaded yet.
    fn keep_of(
        &self,
        program: &Program,
        id: ModuleId,
        taints: &Taints,
        tree: Option<&Tree>,
        loaded: &mut Loaded<'_>,
        verdicts: &ModuleVerdicts,
    ) -> Vec<(u32, Reason)> {
        let mut kept = Vec::new();
        for edge in &self.graph.out[id.index()] {
            if edge.lazy || !taints.has(edge.to) {
                continue;
            }
            if let Some(site) = edge.site {
                // What the outermost package around this module loads in any case is loaded without this import.
                let elsewhere = || tree.is_some_and(|tree| tree.loads_for(id, edge.to));
                let new = verdicts.sites[site as usize].lacks(taints.kind[edge.to.index()]);
                if new && !elsewhere() && loaded.lacks_causes(edge.to) {
                    kept.push((site, self.reason(program, id, site, edge.to, |id| taints.of(id))));
                }
            }
            if edge.certain {
                loaded.add(edge.to);
            }
        }
        kept
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
            let kept: Vec<_> = part
                .par_iter()
                .map(|&owner| self.kept_for(program, owner, &contained[&owner], read))
                .collect();
            for (edges, taints) in kept {
                for (from, site, to) in edges {
                    let verdict = &mut verdicts[from.index()].sites[site as usize];
                    if verdict.lacks(self.kind(to, &taints)) {
                        verdict.keep(self.reason(program, from, site, to, |id| taints.get(&id).copied()));
                    }
                }
            }
        }
    }

    /// The edges that one owner needs, and why.
    pub(super) fn kept_for(
        &self,
        program: &Program,
        owner: ModuleId,
        contained: &Contained,
        verdicts: &[ModuleVerdicts],
    ) -> (Vec<KeptEdge>, FxHashMap<ModuleId, Taint>) {
        let Contained { effects: causes, at_the_end, with: inside } = contained;
        let mut kept = Vec::new();
        let mut taints: FxHashMap<ModuleId, Taint> = FxHashMap::default();
        let mut others = causes.clone();
        let (begun, reached) = take_begun(program, &self.graph, owner, &mut others);
        let inside = if others.is_empty() { FxHashSet::default() } else { self.graph.may_load(inside) };
        for (causes, inside, end) in [(others, &inside, None), (begun, &reached, Some(owner))] {
            // Backwards from the causes, inside what the owner loads, always or under conditions.
            let mut todo: Vec<ModuleId> = causes.iter().map(|(id, _)| *id).collect();
            todo.dedup();
            taints.extend(causes.into_iter().map(|(id, index)| (id, Taint::Cause(index))));
            while let Some(id) = todo.pop() {
                for &(from, edge) in &self.graph.back[id.index()] {
                    if !inside.contains(&from) || end == Some(id) {
                        continue;
                    }
                    let edge = self.graph.out[from.index()][edge as usize];
                    if let Some(site) = edge.site
                        && verdicts[from.index()].sites[site as usize].lacks(self.kind(id, &taints))
                    {
                        kept.push((from, site, id));
                    }
                    if let Entry::Vacant(entry) = taints.entry(from) {
                        entry.insert(Taint::Through(id, edge.at));
                        todo.push(from);
                    }
                }
            }
        }
        // One way to each of the others is enough.
        for &(id, index) in at_the_end {
            if taints.contains_key(&id) {
                continue;
            }
            let way = self.way(program, owner, id, verdicts);
            for (&(from, edge), next) in way.iter().zip(way.iter().skip(1).map(Some).chain([None])) {
                let taint = match next {
                    Some((_, next)) => Taint::Through(next.to, next.at),
                    None => Taint::Cause(index),
                };
                taints.entry(edge.to).or_insert(taint);
                kept.extend(edge.site.map(|site| (from, site, edge.to)));
            }
        }
        (kept, taints)
    }

    /// Edges that lead from a module, or a package around it, to one that it certainly loads; those that stay in any case are
    /// preferred.
    fn way(
        &self,
        program: &Program,
        owner: ModuleId,
        target: ModuleId,
        verdicts: &[ModuleVerdicts],
    ) -> Vec<(ModuleId, Edge)> {
        let mut before: FxHashMap<ModuleId, Option<(ModuleId, Edge)>> = FxHashMap::default();
        let starts = ancestors(program, owner).into_iter().chain([owner]);
        let mut todo: VecDeque<(ModuleId, Option<(ModuleId, Edge)>)> =
            starts.map(|start| (start, None)).collect();
        while let Some((id, by)) = todo.pop_front() {
            let Entry::Vacant(entry) = before.entry(id) else { continue };
            entry.insert(by);
            if id == target {
                break;
            }
            for &edge in self.graph.out[id.index()].iter().filter(|e| e.certain && !e.lazy) {
                let stays =
                    edge.site.is_none_or(|site| verdicts[id.index()].sites[site as usize].has_reasons());
                let step = (edge.to, Some((id, edge)));
                if stays {
                    todo.push_front(step);
                } else {
                    todo.push_back(step);
                }
            }
        }
        let mut way = Vec::new();
        let mut at = target;
        while let Some(&Some((from, edge))) = before.get(&at) {
            way.push((from, edge));
            at = from;
        }
        way.reverse();
        way
    }

    /// The kind of the reason to keep an edge to a tainted module.
    fn kind(&self, to: ModuleId, taints: &FxHashMap<ModuleId, Taint>) -> KeepReason {
        let mut at = to;
        for _ in 0..LONGEST {
            match taints.get(&at) {
                Some(Taint::Through(next, _)) => at = *next,
                Some(&cause) => return self.kind_of_cause(at, cause),
                None => break,
            }
        }
        KeepReason::LoadEffects
    }

    fn kind_of_cause(&self, id: ModuleId, cause: Taint) -> KeepReason {
        match cause {
            Taint::Cause(index) => reason_of(&self.outcomes[id.index()].effects[index as usize]),
            Taint::Order => KeepReason::ImportOrder,
            Taint::Asked => KeepReason::LoadObserved,
            Taint::Through(..) => KeepReason::LoadEffects,
        }
    }

    /// The reason with the chain of imports down to the effect.
    fn reason(
        &self,
        program: &Program,
        id: ModuleId,
        site: u32,
        to: ModuleId,
        taint: impl Fn(ModuleId) -> Option<Taint>,
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
        for _ in 0..LONGEST {
            match taint(at) {
                Some(Taint::Through(next, place)) => {
                    evidence.push(Evidence {
                        module: at,
                        range: TextRange::empty(place),
                        note: "which loads",
                        subject: Some(program.module(next).name),
                    });
                    at = next;
                }
                Some(Taint::Order) => {
                    kind = KeepReason::ImportOrder;
                    evidence.push(Evidence {
                        module: at,
                        range: TextRange::empty(0.into()),
                        note: "is part of an import cycle that works only in the original order",
                        subject: Some(program.module(at).name),
                    });
                    break;
                }
                Some(Taint::Asked) => {
                    kind = KeepReason::LoadObserved;
                    evidence.push(Evidence {
                        module: at,
                        range: TextRange::empty(0.into()),
                        note: "is looked for as an attribute of its package, by a module that does not import it",
                        subject: Some(program.module(at).name),
                    });
                    break;
                }
                Some(Taint::Cause(index)) => {
                    let effect = &self.outcomes[at.index()].effects[index as usize];
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
                            note: if effect.kind == EffectKind::ReadsState {
                                "is changed here"
                            } else {
                                "here"
                            },
                            subject: None,
                        });
                    }
                    break;
                }
                None => break,
            }
        }
        evidence.shrink_to_fit();
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
        EffectKind::TooMuch => "runs more than is followed to its end",
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
