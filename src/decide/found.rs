//! Modules that would be found elsewhere, or no more, if they were looked for later: the program takes folders off the search path for good, or puts
//! others in front.
//!
//! ```python
//! import plugins
//! sys.path.pop(0)                         # the folder of the script
//! sys.path.insert(0, "overrides")         # which has a module of that name as well
//! package.__path__.insert(0, "patched")
//! ```
//!
//! What an import loads that stands between a change and its undoing, is kept by the window around it (`program/effects/further.rs`).

use rayon::prelude::*;
use ruff_text_size::{TextRange, TextSize};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{KeepReason, ModuleVerdicts, Reason, keep_all};
use crate::facts::{Code, FuncId, ImportStmt, OpKind, Site, Value, ValueId, words};
use crate::program::state::{foreign_path, module_of, of_all};
use crate::program::{ModuleId, Program};

/// What a module does to a list of folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Folders are added behind the others.
    Adds,
    /// Folders are put in front.
    PutsFirst,
    /// Folders are taken off, or all are replaced by others.
    TakesOff,
}

/// What one module changes for good, and where.
#[derive(Debug, Default)]
struct Changes {
    /// The search path gets shorter; with the function, if that is not the module itself.
    shorter: Option<(Option<FuncId>, TextSize)>,
    /// A folder is put in front of the search path.
    first: Option<TextSize>,
    /// Packages whose submodules are found elsewhere.
    packages: Vec<(ModuleId, TextSize)>,
}

/// Keeps what has to be loaded before.
pub fn decide(program: &Program, verdicts: &mut [ModuleVerdicts]) {
    let changes: Vec<(ModuleId, Changes)> =
        of_all(program, |id| changes_of(program, id).map(|changes| (id, changes)).into_iter().collect())
            .collect();
    // Who changes it, by what would be found elsewhere.
    let mut elsewhere: FxHashMap<ModuleId, (ModuleId, TextSize)> = FxHashMap::default();
    for (by, changes) in &changes {
        if let Some((func, at)) = changes.shorter {
            keep_before(program, verdicts, *by, func, at);
        }
        if let Some(at) = changes.first {
            for module in hidden_by(program, *by) {
                elsewhere.entry(module).or_insert((*by, at));
            }
        }
        for &(package, at) in &changes.packages {
            for module in program.modules_below(package) {
                elsewhere.entry(module).or_insert((*by, at));
            }
        }
    }
    if elsewhere.is_empty() {
        return;
    }
    program.par_ids().zip(verdicts).for_each(|(id, verdicts)| {
        for (stmt, import) in program.module(id).facts.imports.iter().enumerate() {
            for alias in 0..import.aliases.len() {
                let mut loaded = program.loaded_by(id, import, alias);
                if let Some(&place) = loaded.find_map(|loaded| elsewhere.get(&loaded)) {
                    keep(program, (id, verdicts), place, |site| {
                        site.stmt as usize == stmt && site.alias as usize == alias
                    });
                }
            }
        }
    });
}

/// Keeps some sites of a module.
fn keep(
    program: &Program,
    (id, verdicts): (ModuleId, &mut ModuleVerdicts),
    (by, at): (ModuleId, TextSize),
    which: impl Fn(&Site) -> bool,
) {
    let note = "changes where modules are found";
    let reason = Reason::at(KeepReason::StateWindow, by, TextRange::empty(at), note);
    keep_all(program.module(id), verdicts, &reason, which);
}

/// Keeps what a script and the modules beside it load before the folder is gone: at a place of the module `by`, or whenever a function of it runs.
fn keep_before(
    program: &Program,
    verdicts: &mut [ModuleVerdicts],
    by: ModuleId,
    func: Option<FuncId>,
    at: TextSize,
) {
    let early = |id: ModuleId, import: &ImportStmt| id != by || func.is_some() || import.range.start() < at;
    // In a function it is done for all who lead to it.
    let mut starts = FxHashSet::from_iter([by]);
    if func.is_some() {
        loop {
            let leads = |id: ModuleId| led_to(program, id, |_| true).any(|loaded| starts.contains(&loaded));
            let more: Vec<ModuleId> = program.ids().filter(|id| !starts.contains(id) && leads(*id)).collect();
            if more.is_empty() {
                break;
            }
            starts.extend(more);
        }
    }
    let mut reached = FxHashSet::default();
    let mut todo: Vec<ModuleId> = starts.into_iter().collect();
    while let Some(id) = todo.pop() {
        if !program.module(id).installed && reached.insert(id) {
            todo.extend(led_to(program, id, |import| early(id, import)));
        }
    }
    for &id in &reached {
        let facts = &program.module(id).facts;
        keep(program, (id, &mut verdicts[id.index()]), (by, at), |site| {
            let import = &facts.imports[site.stmt as usize];
            let mut loaded = program.loaded_by(id, import, site.alias as usize);
            early(id, import) && loaded.any(|loaded| !program.module(loaded).installed)
        });
    }
}

/// The modules that some imports of a module load.
fn led_to<'p>(
    program: &'p Program,
    id: ModuleId,
    counts: impl Fn(&ImportStmt) -> bool + 'p,
) -> impl Iterator<Item = ModuleId> + 'p {
    let imports = program.module(id).facts.imports.iter().filter(move |import| counts(import));
    imports.flat_map(move |import| {
        (0..import.aliases.len()).flat_map(move |alias| program.loaded_by(id, import, alias))
    })
}

/// The modules that hide once a folder is in front of the search path which `by` names: others of the same name are there.
fn hidden_by(program: &Program, by: ModuleId) -> Vec<ModuleId> {
    let strings = &program.module(by).facts.code.strings;
    let is_named = |folder: &str| {
        strings.iter().any(|text| text.as_str().trim_end_matches('/').rsplit('/').next() == Some(folder))
    };
    let own = program.ids().filter(|&id| !program.module(id).installed);
    let hidden = own.filter_map(|id| {
        let (outer, last) = program.module(id).name.as_str().rsplit_once('.')?;
        // What is in a package, is imported by its full name.
        if program.find(outer).is_some() {
            return None;
        }
        let folder = outer.rsplit('.').next().unwrap_or(outer);
        let other = program.find(last).filter(|&other| !program.module(other).installed)?;
        is_named(folder).then_some(other)
    });
    hidden.collect()
}

/// What one module changes for good.
fn changes_of(program: &Program, id: ModuleId) -> Option<Changes> {
    let module = program.module(id);
    // Tools of the library run other people's scripts.
    if module.installed || program.stdlib.knows(module.name.as_str()) {
        return None;
    }
    let code = &module.facts.code;
    let mut found = Changes::default();
    let mut restores = false;
    for (func, op) in code.ops_by_function() {
        let Some((list, change)) = change_of(code, &op.kind) else { continue };
        let package = match list {
            List::Of(list) => match code.value(list) {
                Value::Attr(package, words::PATH) => Some(package),
                _ if foreign_path(program, id, list).as_deref() == Some("sys.path") => None,
                _ => continue,
            },
            List::PathOf(package) => Some(package),
            List::SysPath(sys) if foreign_path(program, id, sys).as_deref() == Some("sys") => None,
            List::SysPath(_) => continue,
        };
        if let Some(package) = package {
            let package =
                module_of(program, id, package).filter(|&package| package != id && change != Change::Adds);
            found.packages.extend(package.map(|package| (package, op.at)));
            continue;
        }
        let late = !func.is_module() || op.main_guard;
        match change {
            // What it takes off then, it has put there.
            Change::Adds => restores = true,
            Change::PutsFirst => {
                restores = true;
                found.first.get_or_insert(op.at);
            }
            // Packages are no scripts: what they take off, is mostly what others have put there.
            Change::TakesOff if !late || !module.is_package && !module.name.as_str().contains('.') => {
                found.shorter.get_or_insert((late.then_some(func), op.at));
            }
            Change::TakesOff => {}
        }
    }
    if restores {
        found.shorter = None;
    }
    (found.shorter.is_some() || found.first.is_some() || !found.packages.is_empty()).then_some(found)
}

/// A list of folders, as an operation names it.
enum List {
    /// The value.
    Of(ValueId),
    /// That of a package, which gets a new one.
    PathOf(ValueId),
    /// That of what may be the module `sys`, which gets a new one.
    SysPath(ValueId),
}

/// What an operation does to what may be a list of folders.
fn change_of(code: &Code, kind: &OpKind) -> Option<(List, Change)> {
    // What was there before is put back: `sys.path[:] = saved`.
    let assigned = |value: ValueId| match code.value(value) {
        Value::Sum(_) => Some(Change::PutsFirst),
        Value::Global(_) | Value::Var(_) | Value::Attr(..) => None,
        _ => Some(Change::TakesOff),
    };
    match *kind {
        OpKind::Call { call, .. } => {
            let Value::Attr(list, method) = code.value(code.call(call).callee) else { return None };
            let change = match method.as_str() {
                "insert" => Change::PutsFirst,
                "append" | "extend" => Change::Adds,
                "pop" | "remove" | "clear" => Change::TakesOff,
                _ => return None,
            };
            Some((List::Of(list), change))
        }
        OpKind::DelItem { base, .. } => Some((List::Of(base), Change::TakesOff)),
        // `sys.path[0] = folder`
        OpKind::SetItem { base, key, .. } if matches!(code.value(key), Value::Constant(_)) => {
            Some((List::Of(base), Change::PutsFirst))
        }
        OpKind::SetItem { base, value, .. } => Some((List::Of(base), assigned(value)?)),
        OpKind::ChangeInPlace { base, .. } => Some((List::Of(base), Change::Adds)),
        OpKind::SetAttr { base, attr, value, .. } if attr == words::PATH => {
            Some((List::PathOf(base), assigned(value)?))
        }
        OpKind::SetAttr { base, attr, value, .. } if attr == "path" => {
            Some((List::SysPath(base), assigned(value)?))
        }
        _ => None,
    }
}
