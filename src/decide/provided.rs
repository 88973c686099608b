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
//!
//! ```python
//! # tools.py
//! import shop.report              # waits, or whoever imports `tools` does
//! # main.py
//! import shop, tools
//! getattr(shop, "re" + "port")
//! ```
//!
//! The same holds for what the rest of the program loads of a package when it starts. Only where nobody can tell that the name is there a bit earlier, and if somebody has the
//! package as an object: not if it gives names when it is asked, and not if others take all names that it has.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::implicit::gives_when_asked;
use super::{KeepReason, ModuleVerdicts, Verdict};
use crate::discover::is_importable;
use crate::facts::{MarkKind, Sym};
use crate::program::effects::Effects;
use crate::program::graph::{Edge, Graph, Walk};
use crate::program::held::{asked_by_texts, held_of, mentioned};
use crate::program::state::of_all;
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
pub fn decide(program: &Program, effects: &Effects, verdicts: &mut [ModuleVerdicts]) {
    let graph = effects.graph();
    let outermost = |id: ModuleId| {
        let name = program.module(id).name.as_str();
        Sym::new(name.split('.').next().unwrap_or(name))
    };
    let projects: Vec<Sym> = program.par_ids().map(outermost).collect();
    let mut delayed = delayed(program, graph, |from, site| verdicts[from.index()].sites[site].is_lazy());
    // What loading a module does besides, is not done by whoever asks for its name.
    for id in loaded_for_effects(program, verdicts) {
        delayed[id.index()] = false;
    }
    let mut found: Vec<Submodules> = program
        .par_ids()
        .map_init(
            || Walk::new(program, graph),
            |walk, id| {
                let verdict = &verdicts[id.index()];
                let able = verdict.plain || verdict.sites.iter().any(Verdict::is_lazy);
                // Who stands in for a package, asks it for the names while the import system asks him.
                if !able || !program.module(id).is_package || effects.is_replaced(id) {
                    return Submodules::default();
                }
                let open = verdict.plain && !answers(program, id);
                let delayed = |module: ModuleId| open && delayed[module.index()];
                provided(program, walk, id, &projects, verdicts, delayed)
            },
        )
        .collect();
    let further = |&id: &ModuleId| !found[id.index()].further.is_empty();
    let further: FxHashSet<ModuleId> = program.ids().filter(further).collect();
    if !further.is_empty() {
        let (held, starred) = (held_of(program, &further, true), starred(program));
        for id in further.into_iter().filter(|id| held.contains_key(id) && !starred.contains(id)) {
            let Submodules { own, further } = &mut found[id.index()];
            own.append(further);
        }
    }
    for (found, verdicts) in found.into_iter().zip(verdicts) {
        let mut names = found.own;
        names.sort_unstable_by_key(|name| name.as_str());
        verdicts.provided = names;
    }
}

/// Keeps submodules that others load, and that somebody asks packages for which cannot have placeholders. `placeholders`: others can.
pub fn keep(program: &Program, effects: &Effects, placeholders: bool, verdicts: &mut [ModuleVerdicts]) {
    let needs = |&id: &ModuleId| {
        let module = program.module(id);
        let able = placeholders && verdicts[id.index()].plain && !answers(program, id);
        module.is_package && !module.installed && !able
    };
    let mut packages: FxHashSet<ModuleId> = program.ids().filter(needs).collect();
    if placeholders {
        packages.extend(starred(program));
    }
    if packages.is_empty() {
        return;
    }
    let waits = |from: ModuleId, site: usize| !verdicts[from.index()].sites[site].has_reasons();
    let delayed = delayed(program, effects.graph(), waits);
    let submodules = |id: ModuleId| {
        let inside = program.module(id).name.as_str().len() + 1;
        let below = program.modules_below(id).into_iter().filter(|module| delayed[module.index()]);
        let named = below.filter_map(move |module| {
            let name = Sym::find(&program.module(module).name.as_str()[inside..])?;
            let missing = !program.binds(id, name) && !gives_when_asked(program, id, module);
            missing.then_some((name, module))
        });
        named.collect::<Vec<_>>()
    };
    let submodules: FxHashMap<ModuleId, Vec<(Sym, ModuleId)>> =
        packages.iter().map(|&id| (id, submodules(id))).filter(|(_, found)| !found.is_empty()).collect();
    packages.retain(|id| submodules.contains_key(id));
    if packages.is_empty() {
        return;
    }
    let missing = |module: &ModuleId| submodules.values().flatten().any(|(_, other)| other == module);
    let mut asked: Vec<ModuleId> = asked_by_texts(program).into_iter().filter(missing).collect();
    let mut held: Vec<(ModuleId, ModuleId)> = Vec::new();
    for (package, holders) in held_of(program, &packages, false) {
        held.extend(holders.into_iter().filter(|&holder| holder != package).map(|holder| (holder, package)));
    }
    held.sort_unstable();
    for held in held.chunk_by(|(one, _), (other, _)| one == other) {
        let names = mentioned(program, held[0].0);
        for &(holder, package) in held {
            let asked_for = submodules[&package].iter().filter(|(name, _)| names.contains(name));
            asked.extend(asked_for.map(|&(_, module)| module).filter(|&module| module != holder));
        }
    }
    asked.sort_unstable();
    asked.dedup();
    if !asked.is_empty() {
        effects.keep_moments(program, asked.into_iter(), verdicts);
    }
}

/// Submodules that need placeholders.
#[derive(Default)]
struct Submodules {
    /// Loading the package brought them.
    own: Vec<Sym>,
    /// Others brought them.
    further: Vec<Sym>,
}

/// For each module, whether starting some program loaded it, and does so no more in at least one way.
fn delayed(program: &Program, graph: &Graph, waits: impl Fn(ModuleId, usize) -> bool) -> Vec<bool> {
    // What nobody imports from outside its cycle is where a program starts.
    let imported: Vec<u32> = of_all(program, |id| {
        let facts = &program.module(id).facts;
        let called = facts.imports.iter().filter(|import| !import.func.is_module()).flat_map(|import| {
            let aliases = 0..import.aliases.len();
            aliases.flat_map(|alias| program.loaded_by(id, import, alias))
        });
        let own = graph.cycle_of(id);
        let others = graph.out[id.index()].iter().map(|edge| edge.to).chain(called);
        others.map(|to| graph.cycle_of(to)).filter(|&cycle| cycle != own).collect()
    })
    .collect();
    let imported: FxHashSet<u32> = imported.into_iter().collect();
    let count = program.modules.len();
    let (mut started, mut delayed) = (vec![false; count], vec![false; count]);
    let mut todo: Vec<(ModuleId, bool)> = Vec::new();
    let add = |seen: &mut Vec<bool>, todo: &mut Vec<(ModuleId, bool)>, id: ModuleId, late: bool| {
        if !std::mem::replace(&mut seen[id.index()], true) {
            todo.push((id, late));
        }
    };
    for id in program.ids().filter(|&id| !imported.contains(&graph.cycle_of(id))) {
        add(&mut started, &mut todo, id, false);
    }
    while let Some((from, late)) = todo.pop() {
        for edge in graph.out[from.index()].iter().filter(|edge| edge.certain && !edge.lazy) {
            let late = late || edge.site.is_some_and(|site| waits(from, site as usize));
            add(if late { &mut delayed } else { &mut started }, &mut todo, edge.to, late);
        }
    }
    delayed
}

/// The packages from which somebody takes all names.
fn starred(program: &Program) -> FxHashSet<ModuleId> {
    of_all(program, |id| {
        let imports = program.module(id).facts.imports.iter();
        let stars = imports.filter(|import| import.aliases[0].name == "*");
        stars.filter_map(|import| program.loaded_chain(id, import, 0).last().copied()).collect()
    })
    .collect()
}

/// The modules of which some import stays for what loading them does.
fn loaded_for_effects(program: &Program, verdicts: &[ModuleVerdicts]) -> Vec<ModuleId> {
    let of_module = |id: ModuleId| {
        let facts = &program.module(id).facts;
        let kept = facts.sites.iter().zip(&verdicts[id.index()].sites).filter(|(_, verdict)| {
            matches!(verdict, Verdict::Keep(reasons) if reasons.iter().any(|reason| reason.kind == KeepReason::LoadEffects))
        });
        let imports = kept.map(|(site, _)| (&facts.imports[site.stmt as usize], site.alias as usize));
        imports.filter_map(|(import, alias)| program.loaded_by(id, import, alias).last()).collect()
    };
    of_all(program, of_module).collect()
}

/// Whether a package may make names when it is asked for them.
fn answers(program: &Program, id: ModuleId) -> bool {
    let names = &program.module(id).facts.names;
    Sym::find("__getattr__").is_some_and(|getter| names.contains(getter))
}

/// The submodules that loading a package brought, and that it brings no more. `projects` has the outermost package of each module.
fn provided(
    program: &Program,
    walk: &mut Walk<'_>,
    id: ModuleId,
    projects: &[Sym],
    verdicts: &[ModuleVerdicts],
    delayed: impl Fn(ModuleId) -> bool,
) -> Submodules {
    let package = program.module(id);
    let inside = package.name.as_str().len() + 1;
    let submodule = |module: ModuleId| {
        let name = &program.module(module).name.as_str()[inside..];
        (!name.contains('.') && may_be_bound(program, id, name)).then(|| (Sym::new(name), module))
    };
    let submodules: Vec<(Sym, ModuleId)> =
        program.modules_below(id).into_iter().filter_map(submodule).collect();
    if submodules.is_empty() {
        return Submodules::default();
    }
    // As far as it is of the same project.
    let project = projects[id.index()];
    let is_own = |edge: &Edge| projects[edge.to.index()] == project;
    let before = walk.certain_from(id, |_, edge| is_own(edge));
    let (mut own, mut further): (Vec<_>, Vec<_>) =
        submodules.into_iter().partition(|&(_, module)| before.has(module));
    let others = further.clone();
    further.retain(|&(name, module)| delayed(module) && !program.binds(id, name));
    if !own.is_empty() {
        let stays = |from: ModuleId, site: u32| !verdicts[from.index()].sites[site as usize].is_lazy();
        let still = walk
            .certain_from(id, |from, edge| is_own(edge) && edge.site.is_none_or(|site| stays(from, site)));
        own.retain(|&(_, module)| !still.has(module));
    }
    // Declared laziness takes none of the submodules away that the statement would have loaded.
    for (site, verdict) in package.facts.sites.iter().zip(&verdicts[id.index()].sites) {
        let import = &package.facts.imports[site.stmt as usize];
        if site.declared.is_some() && verdict.is_lazy() && import.from.is_some() {
            let loaded = program.loaded_chain(id, import, site.alias as usize).last();
            let declared = further.iter().find(|(_, module)| loaded == Some(module)).copied();
            own.extend(
                declared.or_else(|| others.iter().find(|(_, module)| loaded == Some(module)).copied()),
            );
        }
    }
    let names = |submodules: Vec<(Sym, ModuleId)>| {
        let mut names: Vec<Sym> = submodules.into_iter().map(|(name, _)| name).collect();
        names.sort_unstable_by_key(|name| name.number());
        names.dedup();
        names
    };
    Submodules { own: names(own), further: names(further) }
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
