//! Modules that are there only if other people's packages are.
//!
//! ```python
//! # fast.py
//! import numpy                  # may be missing: then fast is, too
//! # app.py
//! try: import fast
//! except ImportError: fast = None
//! ```
//!
//! Who guards an import wants to know whether all that it loads is there. A module is *optional* if it is
//! loaded by guarded imports only, by statements or by its name, or by optional modules. Of those, imports that may fail stay
//! where they are, and imports that lead to one. (Failures that are certain are effects, see `program/effects`.)
//!
//! ```python
//! # words.py
//! WORDS = open("words.txt").read().split()
//! # app.py
//! try: import spelling          # imports words
//! except Exception: spelling = None
//! ```
//!
//! Who catches more than failing imports, wants to know whether anything fails.
//!
//! ```python
//! # report.py
//! formats = stevedore.ExtensionManager("report.formats")      # whatever distributions offer, without what fails
//! # formats/sarif.py                                          # nobody imports it
//! import sarif_om
//! ```
//!
//! Where no metadata say what is offered, it may be any module of the package that no import leads to.

use rustc_hash::FxHashSet;

use super::{KeepReason, ModuleVerdicts, Reason};
use crate::facts::{Code, ImportStmt, MarkKind, Moment, OpKind, Sym, Value, words};
use crate::program::effects::Effects;
use crate::program::graph::{Graph, ancestors};
use crate::program::interpret::Risk;
use crate::program::state::of_all;
use crate::program::tables::LOADERS_OF_PLUGINS;
use crate::program::trace::{Leaf, Start, trace};
use crate::program::{ModuleId, Origin, Program, stdlib};

/// Adds the reasons.
pub fn decide(program: &Program, effects: &Effects, verdicts: &mut [ModuleVerdicts]) {
    let graph = effects.graph();
    let fails = |optional: &[bool], risk: Risk| -> Vec<ModuleId> {
        program.ids().filter(|id| optional[id.index()] && effects.risk(*id, risk).is_some()).collect()
    };
    let optional = optional_modules(program, graph, |_| true, &loaded_by_name(program));
    let mut failing = fails(&optional, Risk::Import);
    for id in program.ids().filter(|id| optional[id.index()]) {
        if keep_what_may_be_missing(program, id, |_| true, verdicts) {
            failing.push(id);
        }
    }
    let (offered, needed) = perhaps_offered(program, graph);
    for id in offered {
        keep_what_may_be_missing(program, id, |root| !needed.contains(root), verdicts);
    }
    let note = "loads a module whose imports may fail, and somebody guards against that";
    keep_leading(program, graph, &optional, failing, note, verdicts);

    let catches_more = |import: &ImportStmt| import.catches_more;
    let optional = optional_modules(program, graph, catches_more, &[]);
    let failing = fails(&optional, Risk::Any);
    let note = "loads a module that may raise, and somebody guards against that";
    keep_leading(program, graph, &optional, failing, note, verdicts);
}

/// Keeps the imports of one module that take something from packages that may be missing, of those that count. Gives whether one is at
/// module level.
fn keep_what_may_be_missing(
    program: &Program,
    id: ModuleId,
    counts: impl Fn(&str) -> bool,
    verdicts: &mut [ModuleVerdicts],
) -> bool {
    let facts = &program.module(id).facts;
    let mut fails = false;
    for import in facts.imports.iter().filter(|i| i.moment == Moment::ImportTime && !i.guarded) {
        for alias in 0..import.aliases.len() {
            if !may_be_missing(program, id, import, alias).is_some_and(&counts) {
                continue;
            }
            if let Some(site) = facts.site_at(import, alias) {
                let range = import.aliases[alias].range;
                let note = "it may be missing, and somebody guards against that";
                let reason = Reason::at(KeepReason::OptionalProbe, id, range, note);
                verdicts[id.index()].sites[site].keep(reason.about(import.aliases[alias].name));
            }
            fails |= import.func.is_module();
        }
    }
    fails
}

/// Keeps the imports of optional modules that lead to those that may fail.
fn keep_leading(
    program: &Program,
    graph: &Graph,
    optional: &[bool],
    mut todo: Vec<ModuleId>,
    note: &'static str,
    verdicts: &mut [ModuleVerdicts],
) {
    let mut fails: FxHashSet<ModuleId> = todo.iter().copied().collect();
    while let Some(to) = todo.pop() {
        for &(from, edge) in &graph.back[to.index()] {
            let edge = &graph.out[from.index()][edge as usize];
            if edge.guarded || !optional[from.index()] {
                continue;
            }
            if let Some(site) = edge.site {
                let at = program.module(from).facts.imports
                    [program.module(from).facts.sites[site as usize].stmt as usize]
                    .range;
                let reason = Reason::at(KeepReason::OptionalProbe, from, at, note);
                verdicts[from.index()].sites[site as usize].keep(reason.about(program.module(to).name));
            }
            if fails.insert(from) {
                todo.push(from);
            }
        }
    }
}

/// For each module, whether it is optional, as far as guarded imports of some kind say.
fn optional_modules(
    program: &Program,
    graph: &Graph,
    counts: impl Fn(&ImportStmt) -> bool,
    by_name: &[ModuleId],
) -> Vec<bool> {
    let mut optional = vec![false; graph.out.len()];
    let mut todo: Vec<ModuleId> = Vec::new();
    for id in program.ids().filter(|&id| !program.module(id).installed) {
        let facts = &program.module(id).facts;
        let mut around: Option<Vec<ModuleId>> = None;
        for import in facts.imports.iter().filter(|i| i.guarded && i.moment != Moment::Never && counts(i)) {
            for alias in 0..import.aliases.len() {
                let around = around.get_or_insert_with(|| ancestors(program, id));
                for to in program.loaded_by(id, import, alias) {
                    if to != id
                        && !around.contains(&to)
                        && !std::mem::replace(&mut optional[to.index()], true)
                    {
                        todo.push(to);
                    }
                }
            }
        }
    }
    for &id in by_name {
        if !std::mem::replace(&mut optional[id.index()], true) {
            todo.push(id);
        }
    }
    let mut all = todo.clone();
    while let Some(id) = todo.pop() {
        for edge in graph.out[id.index()].iter().filter(|e| !e.guarded && e.runs_when_imported()) {
            if !std::mem::replace(&mut optional[edge.to.index()], true) {
                todo.push(edge.to);
                all.push(edge.to);
            }
        }
    }
    // Not those that somebody else needs, nor what they need.
    let needed = |optional: &[bool], id: ModuleId| {
        program.module(id).installed
            || graph.back[id.index()].iter().any(|&(from, edge)| {
                !optional[from.index()] && !graph.out[from.index()][edge as usize].guarded
            })
    };
    all.retain(|&id| needed(&optional, id));
    while let Some(id) = all.pop() {
        if std::mem::replace(&mut optional[id.index()], false) {
            let others = graph.out[id.index()].iter().filter(|e| !e.guarded && e.runs_when_imported());
            all.extend(others.map(|e| e.to).filter(|to| optional[to.index()]));
        }
    }
    optional
}

/// Modules that are loaded by their names under `try`, as far as the names are known: `import_module("plugins." + name)`. Those that
/// metadata offer as plugins are, too.
fn loaded_by_name(program: &Program) -> Vec<ModuleId> {
    let mut starts: Vec<Start> = Vec::new();
    let mut found = Vec::new();
    for (name, below) in of_all(program, |id| names_loaded_by(program, id)) {
        starts.extend(name);
        found.extend(below);
    }
    found.extend(trace(program, &starts).into_iter().flatten().filter_map(Leaf::module));
    found.extend(program.environment.plugins.iter().filter_map(|name| program.find(name.as_str())));
    found.retain(|&id| !program.module(id).installed);
    found
}

/// What one module loads by its name under `try`: the value that is the name, and the modules whose names begin as it does.
fn names_loaded_by(program: &Program, id: ModuleId) -> Vec<(Option<Start>, Vec<ModuleId>)> {
    let module = program.module(id);
    let code = &module.facts.code;
    let mut loaded = Vec::new();
    if module.installed {
        return loaded;
    }
    let guarded = |name: Sym| {
        code.ops().any(|op| match op.kind {
            OpKind::Call { call, .. } => op.guarded && callee_name(code, call) == Some(name),
            _ => false,
        })
    };
    for (func, op) in code.ops_by_function() {
        let OpKind::Call { call, .. } = op.kind else { continue };
        if !callee_name(code, call).is_some_and(|name| matches!(name, words::IMPORT_MODULE | words::IMPORT))
            || !op.guarded && (func.is_module() || !guarded(code.function(func).name))
        {
            continue;
        }
        let name = code.positional(&code.call(call)).first().map(|&name| (id, name, true));
        let mut below = Vec::new();
        for mark in &module.facts.marks {
            if let MarkKind::LoadsFrom(start) = mark.kind
                && mark.range.start() == op.at
            {
                let prefix = start.as_module(module.name.as_str(), module.is_package);
                below.extend(program.modules_from(&prefix));
            }
        }
        loaded.push((name, below));
    }
    loaded
}

/// Modules that may be offered as plugins, where somebody in the same package loads what is offered and no metadata say what that is:
/// those that no import leads to. And other people's packages that the rest cannot do without.
fn perhaps_offered(program: &Program, graph: &Graph) -> (Vec<ModuleId>, FxHashSet<&'static str>) {
    let mut needed = FxHashSet::default();
    if program.environment.complete || !program.environment.plugins.is_empty() {
        return (Vec::new(), needed);
    }
    let own = || program.ids().filter(|&id| !program.module(id).installed);
    let top = |id: ModuleId| program.module(id).name.as_str().split('.').next().unwrap_or_default();
    let loads = |id: ModuleId| !program.module(id).installed && loads_offered(program, id);
    let packages: FxHashSet<&str> =
        of_all(program, |id| if loads(id) { vec![top(id)] } else { Vec::new() }).collect();
    let (offered, rest): (Vec<ModuleId>, Vec<ModuleId>) = own()
        .filter(|&id| packages.contains(top(id)))
        .partition(|&id| graph.back[id.index()].is_empty() && !program.module(id).is_package);
    for id in rest {
        let facts = &program.module(id).facts;
        for import in facts.imports.iter().filter(|i| i.moment == Moment::ImportTime && !i.guarded) {
            let aliases = 0..import.aliases.len();
            needed.extend(aliases.filter_map(|alias| may_be_missing(program, id, import, alias)));
        }
    }
    (offered, needed)
}

/// Whether a module loads what the metadata of distributions offer, and goes on without what fails.
fn loads_offered(program: &Program, id: ModuleId) -> bool {
    let facts = &program.module(id).facts;
    let library = facts.imports.iter().filter(|import| import.moment != Moment::Never).any(|import| {
        (0..import.aliases.len())
            .filter_map(|alias| program.loaded_name(id, import, alias))
            .any(|name| LOADERS_OF_PLUGINS.contains(&name.split('.').next().unwrap_or_default()))
    });
    library || {
        let code = &facts.code;
        code.mentions(&["entry_points", "iter_entry_points"])
            && code.ops().any(|op| match op.kind {
                OpKind::Call { call, .. } => {
                    op.guarded && callee_name(code, call).is_some_and(|name| name.as_str() == "load")
                }
                _ => false,
            })
    }
}

fn callee_name(code: &Code, call: u32) -> Option<Sym> {
    match code.value(code.call(call).callee) {
        Value::Global(name) | Value::Attr(_, name) => Some(name),
        _ => None,
    }
}

/// The package from which an import takes something, if that is neither seen nor part of Python, and the project does not require it.
fn may_be_missing(
    program: &Program,
    id: ModuleId,
    import: &ImportStmt,
    alias: usize,
) -> Option<&'static str> {
    // `from readers import Fast`, which readers has only if something else is there.
    if let Origin::Attribute(source, name) = program.origin(id, import, alias) {
        let module = program.module(source);
        let perhaps =
            module.facts.names.get(name).is_some_and(|info| info.perhaps) && !module.facts.exports.dynamic;
        let text = module.name.as_str();
        return perhaps.then(|| text.split('.').next().unwrap_or(text));
    }
    if program.environment.complete
        || program.origin(id, import, alias) != Origin::Foreign
        || !program.loaded_chain(id, import, alias).is_empty()
    {
        return None;
    }
    let root = program.loaded_name(id, import, alias)?.split('.').next().unwrap_or_default();
    let required = Sym::find(root).is_some_and(|root| program.environment.required.contains(&root));
    (!required && program.stdlib.has_module(root) == stdlib::Has::No).then_some(root)
}
