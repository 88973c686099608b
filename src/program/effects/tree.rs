//! What a package loads in any case, in the order in which it does: an import inside the package that would come later is not needed.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use super::super::ModuleId;
use super::super::graph::Graph;
use super::taint::Taints;

/// The tainted modules that loading a package loads, each with the module whose edge loads it: a tree of edges that stay eager, so every
/// other edge to the same module may go. It goes along the edges as loading does, so what may go would have come later.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// By whom, and at which step.
    loader: FxHashMap<ModuleId, (ModuleId, u32)>,
    /// What may be loaded on another way, under a condition or in a `try`: the first step at which it may be.
    early: FxHashMap<ModuleId, u32>,
}

impl Tree {
    pub(super) fn new(graph: &Graph, start: ModuleId, taints: &Taints) -> Self {
        let mut tree = Self::default();
        let mut step = 0;
        // Modules that are being loaded, each with the number of its edges that have been gone along.
        let mut loading: Vec<(ModuleId, usize)> = vec![(start, 0)];
        while let Some((id, done)) = loading.last_mut() {
            let (from, edges) = (*id, &graph.out[id.index()]);
            let Some(edge) = edges.get(*done) else {
                loading.pop();
                continue;
            };
            *done += 1;
            if edge.lazy || edge.to == start || !taints.has(edge.to) || tree.loader.contains_key(&edge.to) {
                continue;
            }
            step += 1;
            if edge.certain {
                tree.loader.insert(edge.to, (from, step));
                loading.push((edge.to, 0));
            } else {
                tree.may_load(graph, edge.to, step, taints);
            }
        }
        tree
    }

    /// Everything that may be loaded with a module, unless it certainly is already.
    fn may_load(&mut self, graph: &Graph, module: ModuleId, step: u32, taints: &Taints) {
        let mut todo = vec![module];
        while let Some(id) = todo.pop() {
            if !taints.has(id) || self.loader.contains_key(&id) {
                continue;
            }
            if let Entry::Vacant(entry) = self.early.entry(id) {
                entry.insert(step);
                todo.extend(graph.out[id.index()].iter().filter(|edge| !edge.lazy).map(|edge| edge.to));
            }
        }
    }

    /// Whether a module of the package need not load another one, because somebody else in it has done so by then.
    pub(super) fn loads_for(&self, id: ModuleId, to: ModuleId) -> bool {
        let in_time = |step| self.early.get(&id).is_none_or(|&early| step < early);
        self.loader.get(&to).is_some_and(|&(loader, step)| loader != id && in_time(step))
    }
}
