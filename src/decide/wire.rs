//! Verdicts as bytes, for the cache, and what becomes of them when the places in some modules have moved.

use ruff_text_size::{TextRange, TextSize};
use rustc_hash::FxHashMap;

use super::{Decisions, Evidence, KeepReason, ModuleVerdicts, Reason, Verdict};
use crate::facts::{ModuleFacts, Sym};
use crate::program::ModuleId;
use crate::program::effects::{Conflict, Written};
use crate::program::tables::Wins;
use crate::rewrite::MissingImport;
use crate::wire::{Feed, Sink, Wire, fields, variants};

fields! {
    Decisions { verdicts, conflicts }
    ModuleVerdicts { sites, quote, missing, plain, provided, passed_over }
    MissingImport { stmt, module, bound }
    Reason { kind, evidence }
    Conflict { state, wins, writers }
    Written { by, at, loaded }
}

variants! {
    Verdict { 0: Lazy, 1: NotCandidate, 2: Keep(reasons) }
    Wins { 0: First, 1: Unclear, 2: Last }
}

impl Wire for ModuleId {
    fn put(&self, out: &mut Sink) {
        self.0.put(out);
    }
    fn get(feed: &mut Feed<'_>) -> Self {
        Self(u32::get(feed))
    }
}

impl Wire for KeepReason {
    fn put(&self, out: &mut Sink) {
        Sym::new(self.name()).put(out);
    }
    fn get(feed: &mut Feed<'_>) -> Self {
        let name = Sym::get(feed);
        Self::ALL.iter().copied().find(|kind| kind.name() == name.as_str()).unwrap_or_else(|| {
            feed.fail();
            Self::UsedAtImportTime
        })
    }
}

impl Wire for Evidence {
    fn put(&self, out: &mut Sink) {
        let Self { module, range, note, subject } = self;
        module.put(out);
        range.put(out);
        Sym::new(note).put(out);
        subject.put(out);
    }
    fn get(feed: &mut Feed<'_>) -> Self {
        let (module, range) = (Wire::get(feed), Wire::get(feed));
        Self { module, range, note: Sym::get(feed).as_str(), subject: Wire::get(feed) }
    }
}

/// The places of a module's facts: where they were, and where they are now.
#[derive(Debug)]
pub(crate) struct Moves(FxHashMap<TextSize, TextSize>);

impl Moves {
    /// `None` if the two say different things. Facts say the same if they differ in nothing but places, and if the places are in the
    /// same order: decisions compare places, and do not calculate with them.
    pub fn between(old: &ModuleFacts, new: &ModuleFacts) -> Option<Self> {
        let mut sink = Sink::with_places_apart();
        old.put(&mut sink);
        let (old, old_places) = (sink.take(), sink.take_places());
        new.put(&mut sink);
        let (new, new_places) = (sink.take(), sink.take_places());
        if old != new || old_places.len() != new_places.len() {
            return None;
        }
        let mut pairs: Vec<(u32, u32)> = old_places.into_iter().zip(new_places).collect();
        // What is about a whole module stands at its beginning.
        pairs.push((0, 0));
        pairs.sort_unstable();
        pairs.dedup();
        let in_order = pairs.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 < two[1].1);
        let place = |(old, new)| (TextSize::new(old), TextSize::new(new));
        in_order.then(|| Self(pairs.into_iter().map(place).collect()))
    }
}

impl Decisions {
    /// The same decisions after places have moved; `None` if they are about a place that is none of the facts'.
    pub(crate) fn moved(mut self, moves: &FxHashMap<ModuleId, Moves>) -> Option<Self> {
        if moves.is_empty() {
            return Some(self);
        }
        let moved = |module: ModuleId, place: TextSize| match moves.get(&module) {
            Some(Moves(places)) => places.get(&place).copied(),
            None => Some(place),
        };
        for verdict in self.verdicts.iter_mut().flat_map(|verdicts| &mut verdicts.sites) {
            let Verdict::Keep(reasons) = verdict else { continue };
            for evidence in reasons.iter_mut().flat_map(|reason| &mut reason.evidence) {
                let place = |place| moved(evidence.module, place);
                evidence.range = TextRange::new(place(evidence.range.start())?, place(evidence.range.end())?);
            }
        }
        for written in self.conflicts.iter_mut().flat_map(|conflict| &mut conflict.writers) {
            written.at = moved(written.by, written.at)?;
            written.loaded.1 = moved(written.loaded.0, written.loaded.1)?;
        }
        Some(self)
    }
}
