//! Submodules that a package has had as attributes whenever it was loaded.
//!
//! ```python
//! # shop/__init__.py
//! from shop.cart import Cart      # waits
//! # shop/cart.py
//! from shop import errors         # waits as well; it has made `shop.errors`
//! ```
//!
//! Whoever imports `shop` could always read `shop.errors`, be it in this program or in one that will use it as a library.
//! So the package gets a placeholder of that name, natively `lazy from .  import errors`. It makes no difference where the name means something else in the package.

use rayon::prelude::*;

use super::{ModuleVerdicts, Verdict};
use crate::discover::is_importable;
use crate::facts::{MarkKind, Sym};
use crate::program::graph::{Edge, Graph, Walk};
use crate::program::stdlib::Has;
use crate::program::{ModuleId, Program};

/// Whether a module's own code leaves its namespace and its class alone.
pub fn is_plain(program: &Program, id: ModuleId) -> bool {
    let module = program.module(id);
    let in_the_way = |kind: MarkKind| {
        matches!(
            kind,
            MarkKind::NamespaceRead
                | MarkKind::NamespaceName(_)
                | MarkKind::NamespaceNames(_)
                | MarkKind::NamespaceKeys
                | MarkKind::EvaluatesText
                | MarkKind::ReplacesItself
                | MarkKind::SetsOwnClass
                | MarkKind::RunsElsewhere
                | MarkKind::PragmaEager
        )
    };
    !module.broken && !module.installed && !module.facts.marks.iter().any(|mark| in_the_way(mark.kind))
}

/// Finds them for all packages in which names can wait.
pub fn decide(program: &Program, graph: &Graph, verdicts: &mut [ModuleVerdicts]) {
    let outermost = |id: ModuleId| {
        let name = program.module(id).name.as_str();
        Sym::new(name.split('.').next().unwrap_or(name))
    };
    let projects: Vec<Sym> = program.par_ids().map(outermost).collect();
    let provided: Vec<Vec<Sym>> = program
        .par_ids()
        .map_init(
            || Walk::new(program, graph),
            |walk, id| {
                let verdict = &verdicts[id.index()];
                let able = verdict.plain || verdict.sites.iter().any(Verdict::is_lazy);
                if able && program.module(id).is_package {
                    provided(program, walk, id, &projects, verdicts)
                } else {
                    Vec::new()
                }
            },
        )
        .collect();
    for (provided, verdicts) in provided.into_iter().zip(verdicts) {
        verdicts.provided = provided;
    }
}

/// The submodules that loading a package brought, and that it brings no more. `projects` has the outermost package of each module.
fn provided(
    program: &Program,
    walk: &mut Walk<'_>,
    id: ModuleId,
    projects: &[Sym],
    verdicts: &[ModuleVerdicts],
) -> Vec<Sym> {
    let package = program.module(id);
    let inside = package.name.as_str().len() + 1;
    let submodule = |module: ModuleId| {
        let name = &program.module(module).name.as_str()[inside..];
        (!name.contains('.') && may_be_bound(program, id, name)).then(|| (Sym::new(name), module))
    };
    let mut submodules: Vec<(Sym, ModuleId)> =
        program.modules_below(id).into_iter().filter_map(submodule).collect();
    if submodules.is_empty() {
        return Vec::new();
    }
    // As far as it is of the same project.
    let own = projects[id.index()];
    let is_own = |edge: &Edge| projects[edge.to.index()] == own;
    let before = walk.certain_from(id, |_, edge| is_own(edge));
    submodules.retain(|&(_, module)| before.has(module));
    if submodules.is_empty() {
        return Vec::new();
    }
    let stays = |from: ModuleId, site: u32| !verdicts[from.index()].sites[site as usize].is_lazy();
    let still =
        walk.certain_from(id, |from, edge| is_own(edge) && edge.site.is_none_or(|site| stays(from, site)));
    submodules.retain(|&(_, module)| !still.has(module));
    submodules.sort_unstable_by_key(|(name, _)| name.as_str());
    submodules.into_iter().map(|(name, _)| name).collect()
}

/// Whether a package's body can bind a name, and nobody takes it for something else.
fn may_be_bound(program: &Program, id: ModuleId, name: &str) -> bool {
    let facts = &program.module(id).facts;
    let known = Sym::find(name);
    // While the package loads, its own code still means the builtin.
    let is_builtin = || {
        program.stdlib.has_attribute("builtins", name) == Has::Yes
            && known.is_some_and(|name| facts.code.globals_mentioned().any(|other| other == name))
    };
    is_importable(name)
        && !name.starts_with("__")
        && known.is_none_or(|name| !facts.names.contains(name))
        && !is_builtin()
}
