//! Effects of submodules on their package that have the same moment whoever loads the package.
//!
//! ```python
//! # utils/__init__.py
//! from .text import shorten      # text.py imports utils.names as well
//! from .names import clean
//! def names(): ...               # over the submodule
//! ```
//!
//! Whoever loads a submodule has begun to load the package before. If the package certainly loads it by itself, by way of submodules of
//! its own only, then imports outside of it may wait.

use rustc_hash::FxHashSet;

use super::super::graph::Graph;
use super::super::{ModuleId, Program};
use super::further::is_around;
use super::taint::EffectOf;

/// Takes out such effects. Gives them, with what the package may load by itself.
pub(super) fn take_begun(
    program: &Program,
    graph: &Graph,
    owner: ModuleId,
    causes: &mut Vec<EffectOf>,
) -> (Vec<EffectOf>, FxHashSet<ModuleId>) {
    if !causes.iter().any(|&(id, _)| is_around(program, owner, id)) {
        return (Vec::new(), FxHashSet::default());
    }
    let own = graph.loaded_by_itself(program, owner);
    let reached = graph.may_load(&own);
    let mut begun = Vec::new();
    causes.retain(|&cause| {
        let counts = own.contains(&cause.0) && is_within(program, graph, owner, cause.0, &reached);
        if counts {
            begun.push(cause);
        }
        !counts
    });
    (begun, reached)
}

/// Whether all ways from the package to a module, by what it may load, lead over submodules of the package.
fn is_within(
    program: &Program,
    graph: &Graph,
    owner: ModuleId,
    cause: ModuleId,
    reached: &FxHashSet<ModuleId>,
) -> bool {
    let mut seen = FxHashSet::from_iter([cause]);
    let mut todo = vec![cause];
    while let Some(id) = todo.pop() {
        if id == owner {
            continue;
        }
        if !is_around(program, owner, id) {
            return false;
        }
        todo.extend(
            graph.back[id.index()]
                .iter()
                .map(|&(from, _)| from)
                .filter(|from| reached.contains(from) && seen.insert(*from)),
        );
    }
    true
}
