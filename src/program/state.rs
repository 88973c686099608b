//! What the modules of the program do to each other's state and to the process, at any time.
//!
//! Linear passes over all operations, functions included: who rebinds which global, who changes what it holds, which names are taken
//! from where, which state of the process is written.

use rayon::prelude::*;
use ruff_text_size::{TextRange, TextSize};
use rustc_hash::{FxHashMap, FxHashSet};

use super::interpret::{Abs, EffectKind, Interpreter, Outcome, Owner, Shared};
use super::{ModuleId, Origin, Program, tables};
use crate::facts::{FuncId, MarkKind, OpKind, Sym, Value, ValueId};

/// Globals that are rebound later: by whom and where.
pub(super) type Rebound = FxHashMap<(ModuleId, Sym), Vec<(ModuleId, TextSize)>>;
/// Globals whose content changes later, or while others load: by whom.
pub(super) type Mutated = FxHashMap<(ModuleId, Sym), Vec<ModuleId>>;

/// Imported names that other modules take from a module: `from m import n`, `m.n`.
pub(super) fn taken_names(program: &Program) -> FxHashSet<(ModuleId, Sym)> {
    let ids: Vec<ModuleId> = program.ids().collect();
    let taken: Vec<Vec<(ModuleId, Sym)>> = ids.into_par_iter().map(|id| taken_by(program, id)).collect();
    taken.into_iter().flatten().collect()
}

/// Imported names that one module takes from others.
fn taken_by(program: &Program, id: ModuleId) -> Vec<(ModuleId, Sym)> {
    let mut taken = Vec::new();
    let mut take = |source: ModuleId, name: Sym| {
        if program.module(source).facts.sites_of(name).next().is_some() {
            taken.push((source, name));
        }
    };
    let facts = &program.module(id).facts;
    for import in &facts.imports {
        for (alias, item) in import.aliases.iter().enumerate() {
            if item.name == "*" {
                let source = import.from.and_then(|f| program.absolute(id, f));
                if let Some(source) = source.and_then(|s| program.find_from(id, &s)) {
                    for site in &program.module(source).facts.sites {
                        take(source, site.bound);
                    }
                }
            } else if let Origin::Attribute(source, name) = program.origin(id, import, alias) {
                take(source, name);
            }
        }
    }
    for read in facts.reads.iter().filter(|r| !r.chain.is_empty()) {
        for site in facts.sites_of(read.name) {
            let import = &facts.imports[site.stmt as usize];
            if let Origin::Module(mut source) = program.origin(id, import, site.alias as usize) {
                for &attr in &read.chain {
                    take(source, attr);
                    match program.attribute(id, source, attr) {
                        Origin::Module(next) => source = next,
                        _ => break,
                    }
                }
            }
        }
    }
    taken
}

/// The module of the program that a value is, by names alone.
pub(super) fn module_of(program: &Program, id: ModuleId, value: ValueId) -> Option<ModuleId> {
    let facts = &program.module(id).facts;
    match facts.code.value(value) {
        Value::Global(name) => {
            let site = facts.sites_of(name).next()?;
            let import = &facts.imports[site.stmt as usize];
            match program.origin(id, import, site.alias as usize) {
                Origin::Module(source) => Some(source),
                _ => None,
            }
        }
        Value::Attr(base, attr) => {
            let base = module_of(program, id, base)?;
            match program.attribute(id, base, attr) {
                Origin::Module(source) => Some(source),
                _ => None,
            }
        }
        // A function that imports the module itself.
        Value::Var(var) => {
            let var = &facts.code.vars[var as usize];
            facts.imports.iter().filter(|import| import.func == var.func).find_map(|import| {
                let aliases = import.aliases.iter().enumerate();
                aliases.filter(|(_, alias)| alias.bound(import.from.is_some()) == var.name.as_str()).find_map(
                    |(index, _)| match program.origin(id, import, index) {
                        Origin::Module(source) => Some(source),
                        _ => None,
                    },
                )
            })
        }
        _ => None,
    }
}

/// Globals that change after their module has loaded.
pub(super) fn rebound(program: &Program) -> Rebound {
    let mut rebound = Rebound::default();
    for (key, by) in of_all(program, |id| rebound_by(program, id)) {
        rebound.entry(key).or_default().push(by);
    }
    rebound
}

/// What one function gives for each module, in the order of the modules.
fn of_all<T: Send>(program: &Program, of: impl Fn(ModuleId) -> Vec<T> + Sync) -> impl Iterator<Item = T> {
    let ids: Vec<ModuleId> = program.ids().collect();
    let all: Vec<Vec<T>> = ids.into_par_iter().map(&of).collect();
    all.into_iter().flatten()
}

/// The globals that one module rebinds, and where.
fn rebound_by(program: &Program, id: ModuleId) -> Vec<((ModuleId, Sym), (ModuleId, TextSize))> {
    let mut rebound = Vec::new();
    let mut add = |key, by| rebound.push((key, by));
    let facts = &program.module(id).facts;
    for (&name, info) in &facts.names {
        if let Some(at) = info.rebound_in_function {
            add((id, name), (id, at));
        }
    }
    for op in &facts.code.ops {
        match op.kind {
            OpKind::SetAttr { base, attr, .. } | OpKind::DelAttr { base, attr } => {
                if let Some(target) = module_of(program, id, base)
                    && target != id
                {
                    add((target, attr), (id, op.at));
                }
            }
            OpKind::Call { call, .. } => {
                if let Some(target) = patched(program, id, call) {
                    add(target, (id, op.at));
                }
                if let Some(target) = reloaded(program, id, call) {
                    add((target, Sym::new("*")), (id, op.at));
                }
            }
            _ => {}
        }
    }
    rebound
}

/// Names of foreign modules that some module rebinds.
pub(super) fn replaced_names(program: &Program) -> FxHashMap<Sym, (ModuleId, TextSize)> {
    let replaced_by = |id: ModuleId| {
        let ops = program.module(id).facts.code.ops.iter();
        ops.filter_map(|op| match op.kind {
            OpKind::SetAttr { base, attr, .. } => {
                let module = foreign_path(program, id, base)?;
                Some((Sym::new(&format!("{module}.{attr}")), (id, op.at)))
            }
            _ => None,
        })
        .collect()
    };
    let mut replaced = FxHashMap::default();
    for (name, by) in of_all(program, replaced_by) {
        replaced.entry(name).or_insert(by);
    }
    replaced
}

/// `importlib.reload(module)` binds all its names again, also when a module does it for itself.
fn reloaded(program: &Program, id: ModuleId, call: u32) -> Option<ModuleId> {
    let code = &program.module(id).facts.code;
    let call = &code.calls[call as usize];
    let path = foreign_path(program, id, call.callee)?;
    if !matches!(path.as_str(), "importlib.reload" | "imp.reload") {
        return None;
    }
    module_of(program, id, *code.positional(call).first()?)
}

/// `mock.patch("a.b.name")`, `monkeypatch.setattr(module, "name", …)`, `setattr(module, "name", …)`.
pub(super) fn patched(program: &Program, id: ModuleId, call: u32) -> Option<(ModuleId, Sym)> {
    let code = &program.module(id).facts.code;
    let call = &code.calls[call as usize];
    let (Value::Attr(_, name) | Value::Global(name)) = code.value(call.callee) else { return None };
    if !matches!(name.as_str(), "patch" | "setattr" | "delattr" | "object" | "replace" | "multiple") {
        return None;
    }
    let args = code.positional(call);
    let text = |index: usize| match args.get(index).map(|&a| code.value(a)) {
        Some(Value::Str(text)) => Some(text),
        _ => None,
    };
    if let Some(path) = text(0) {
        let (module, name) = path.as_str().rsplit_once('.')?;
        return Some((program.find_from(id, module)?, Sym::new(name)));
    }
    let module = module_of(program, id, *args.first()?).filter(|&module| module != id)?;
    match text(1) {
        Some(name) => Some((module, name)),
        // `setattr(module, name, value)` may rebind any of its names.
        None if matches!(code.value(call.callee), Value::Global(name) if name == "setattr") => {
            Some((module, Sym::new("*")))
        }
        None => None,
    }
}

/// Modules that somebody asks `sys.modules` for, by literal name.
pub(super) fn asked(program: &Program) -> FxHashMap<Sym, (ModuleId, TextRange)> {
    let mut asked = FxHashMap::default();
    for id in program.ids() {
        for mark in &program.module(id).facts.marks {
            if let MarkKind::AsksSysModules(name) = mark.kind
                && name != program.module(id).name
                && name != "__main__"
            {
                asked.entry(name).or_insert((id, mark.range));
            }
        }
    }
    asked
}

/// The dotted name of foreign state that a value is: `os.environ`.
pub(super) fn foreign_path(program: &Program, id: ModuleId, value: ValueId) -> Option<String> {
    let facts = &program.module(id).facts;
    match facts.code.value(value) {
        Value::Global(name) => {
            let site = facts.sites_of(name).next()?;
            let import = &facts.imports[site.stmt as usize];
            let item = import.aliases[site.alias as usize];
            match (program.origin(id, import, site.alias as usize), import.from) {
                (Origin::Foreign, Some(from)) => Some(format!("{}.{}", from.module, item.name)),
                (Origin::Foreign, None) if item.asname.is_some() => Some(item.name.as_str().to_owned()),
                (Origin::Foreign, None) => Some(name.as_str().to_owned()),
                _ => None,
            }
        }
        Value::Attr(base, attr) => Some(format!("{}.{attr}", foreign_path(program, id, base)?)),
        _ => None,
    }
}

/// State of the process that the program writes: which, with which key (none: any).
#[derive(Debug, Default)]
pub(super) struct WrittenState {
    keys: FxHashSet<(Sym, Option<Sym>)>,
    /// What import-time code or a main program writes under keys that are not known: it sets up the rest. Functions that
    /// do so elsewhere restore what was there or hand it on, as far as we have seen.
    set_up: FxHashSet<Sym>,
}

impl WrittenState {
    /// Whether the state that `reader` reads is written by anybody else, or by itself in a function.
    pub(super) fn is_written(&self, state: Sym, key: Option<Sym>) -> bool {
        match key {
            Some(_) => self.keys.contains(&(state, key)) || self.set_up.contains(&state),
            None => self.keys.iter().any(|(s, _)| *s == state),
        }
    }
}

pub(super) fn written_state(program: &Program) -> WrittenState {
    let mut written = WrittenState::default();
    for (state, key, sets_up) in of_all(program, |id| written_by(program, id)) {
        written.keys.insert((state, key));
        if key.is_none() && sets_up {
            written.set_up.insert(state);
        }
    }
    written
}

/// The state of the process that one module writes, with the key if it is known, and whether it sets up the rest.
fn written_by(program: &Program, id: ModuleId) -> Vec<(Sym, Option<Sym>, bool)> {
    let mut written = Vec::new();
    let code = &program.module(id).facts.code;
    let literal = |value: ValueId| match code.value(value) {
        Value::Str(name) => Some(name),
        _ => None,
    };
    let is_main = code.ops.iter().any(|op| op.main_guard)
        || program.module(id).name.as_str().rsplit('.').next() == Some("__main__");
    for (func, op) in code.ops_by_function() {
        let sets_up = is_main || func.is_module();
        let mut add = |state: &str, key| written.push((Sym::new(state), key, sets_up));
        match op.kind {
            OpKind::SetItem { base, key, .. } | OpKind::DelItem { base, key } => {
                if let Some(path) = foreign_path(program, id, base)
                    && tables::is_process_state(&path)
                {
                    add(&path, literal(key));
                }
            }
            OpKind::SetAttr { base, attr, .. } => {
                if let Some(path) = foreign_path(program, id, base) {
                    let path = format!("{path}.{attr}");
                    if tables::is_process_state(&path) {
                        add(&path, None);
                    }
                }
            }
            OpKind::Call { call, .. } => {
                let call = &code.calls[call as usize];
                let Some(path) = foreign_path(program, id, call.callee) else { continue };
                let first = code.positional(call).first().and_then(|&a| literal(a));
                match path.as_str() {
                    "os.putenv" | "os.unsetenv" => add("os.environ", first),
                    "os.chdir" | "os.fchdir" => add("os.getcwd", None),
                    _ => {
                        if let Some((state, method)) = path.rsplit_once('.')
                            && tables::is_process_state(state)
                            && tables::MUTATORS.contains(&method)
                        {
                            let key = if state == "os.environ" { first } else { None };
                            add(state, key);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    written
}

/// Globals whose value or content changes after their module has loaded, or by others while the program loads.
pub(super) fn mutated_globals(program: &Program, outcomes: &[Outcome]) -> Mutated {
    let mut mutated = Mutated::default();
    for (key, by) in of_all(program, |id| mutated_by(program, id, &outcomes[id.index()])) {
        mutated.entry(key).or_default().push(by);
    }
    mutated
}

/// The globals whose value or content one module changes.
fn mutated_by(program: &Program, id: ModuleId, outcome: &Outcome) -> Vec<((ModuleId, Sym), ModuleId)> {
    let mut mutated = Vec::new();
    let mut add = |key, by| mutated.push((key, by));
    for effect in &outcome.effects {
        if let (Owner::Module(owner, name), EffectKind::Write | EffectKind::UnresolvedCall) =
            (effect.owner, effect.kind)
        {
            add((owner, name), id);
        }
    }
    let code = &program.module(id).facts.code;
    for (index, _) in code.functions.iter().enumerate().skip(1) {
        let func = FuncId(u32::try_from(index).unwrap_or_default());
        for op in code.ops_of(func) {
            let base = match op.kind {
                OpKind::SetItem { base, .. } | OpKind::DelItem { base, .. } => base,
                OpKind::SetAttr { base, .. } => base,
                OpKind::SetGlobal { name, .. } => {
                    add((id, name), id);
                    continue;
                }
                OpKind::Call { call, .. } => {
                    let call = &code.calls[call as usize];
                    match code.value(call.callee) {
                        Value::Attr(base, method) if tables::MUTATORS.contains(&method.as_str()) => base,
                        _ => continue,
                    }
                }
                _ => continue,
            };
            if let Value::Global(name) = code.value(base) {
                add((id, name), id);
            } else if let Value::Attr(base, attr) = code.value(base)
                && let Some(target) = module_of(program, id, base)
            {
                add((target, attr), id);
            }
        }
    }
    mutated
}

/// Whether some module may seed the random numbers of the process, or restore their state.
pub(super) fn seeds_random(program: &Program) -> bool {
    let sets = |name: Sym| name == "seed" || name == "setstate";
    program.modules.par_iter().any(|module| {
        let facts = &module.facts;
        facts.imports.iter().any(|import| {
            let names = || import.aliases.iter();
            match import.from {
                Some(from) => {
                    from.module == "random" && names().any(|alias| sets(alias.name) || alias.name == "*")
                }
                None => names().any(|alias| {
                    let bound = alias.asname.unwrap_or(alias.name);
                    // Handed over as a whole, anything may happen to it.
                    alias.name == "random"
                        && facts.reads.iter().any(|read| {
                            read.name == bound && read.chain.first().is_none_or(|&name| sets(name))
                        })
                }),
            }
        })
    })
}

/// Modules whose source file the program may write to.
pub(super) fn replaced_files(program: &Program) -> FxHashSet<ModuleId> {
    let mut named = FxHashSet::default();
    for id in program.ids() {
        let facts = &program.module(id).facts;
        for mark in &facts.marks {
            if let MarkKind::PythonFileName(name) = mark.kind {
                named.insert((name, id));
            }
        }
    }
    if named.is_empty() {
        return FxHashSet::default();
    }
    let writes = program.modules.par_iter().any(|module| {
        let facts = &module.facts;
        facts.code.calls.iter().any(|call| match facts.code.value(call.callee) {
                Value::Global(name) if name == "open" => facts
                    .code
                    .positional(call)
                    .get(1)
                    .is_some_and(|&m| matches!(facts.code.value(m), Value::Str(m) if m.as_str().contains(['w', 'a', 'x', '+']))),
                Value::Attr(_, name) | Value::Global(name) => matches!(
                    name.as_str(),
                    "write_text" | "write_bytes" | "copyfile" | "copy2" | "copytree" | "unlink" | "rename"
                ),
                _ => false,
            })
    });
    if !writes {
        return FxHashSet::default();
    }
    let mut by_stem: FxHashMap<&str, Vec<ModuleId>> = FxHashMap::default();
    for id in program.ids() {
        let name = program.module(id).name.as_str();
        by_stem.entry(name.rsplit('.').next().unwrap_or(name)).or_default().push(id);
    }
    let mut replaced = FxHashSet::default();
    for (name, by) in named {
        let path = name.as_str().trim_end_matches(".py");
        // Whoever lays out a new package writes such a file, somewhere else.
        if path == "__init__" {
            continue;
        }
        let stem = path.rsplit('/').next().unwrap_or(path);
        for &id in by_stem.get(stem).into_iter().flatten() {
            if id != by && same_project(program, id, by) {
                replaced.insert(id);
            }
        }
    }
    replaced
}

/// Two modules of one distribution, roughly: the same top-level package, or neither in a package.
pub(super) fn same_project(program: &Program, a: ModuleId, b: ModuleId) -> bool {
    let top = |id: ModuleId| {
        let name = program.module(id).name.as_str();
        name.split_once('.').map(|(top, _)| top)
    };
    top(a) == top(b)
}

/// Classes whose `__subclasses__()` somebody calls.
pub(super) fn listed_classes(program: &Program, shared: &Shared) -> FxHashSet<(ModuleId, u32)> {
    let subclasses = Sym::new("__subclasses__");
    let ids: Vec<ModuleId> = program.ids().collect();
    let found: Vec<_> = ids.par_iter().map(|&id| listed_in(program, shared, id, subclasses)).collect();
    let mut listed: FxHashSet<(ModuleId, u32)> = FxHashSet::default();
    let mut helpers: FxHashSet<Sym> = FxHashSet::default();
    for (classes, functions) in found {
        listed.extend(classes);
        helpers.extend(functions);
    }
    if !helpers.is_empty() {
        let given: Vec<_> = ids.par_iter().map(|&id| given_classes(program, shared, id, &helpers)).collect();
        listed.extend(given.into_iter().flatten());
    }
    listed
}

/// Classes whose subclasses a module lists, and the functions in which it lists those of what they are given.
fn listed_in(
    program: &Program,
    shared: &Shared,
    id: ModuleId,
    subclasses: Sym,
) -> (Vec<(ModuleId, u32)>, Vec<Sym>) {
    let mut listed = Vec::new();
    let mut helpers = Vec::new();
    let code = &program.module(id).facts.code;
    for (func, op) in code.ops_by_function() {
        let OpKind::Call { call, .. } = op.kind else { continue };
        let Value::Attr(base, name) = code.value(code.calls[call as usize].callee) else { continue };
        if name != subclasses {
            continue;
        }
        let mut interpreter = Interpreter::evaluator(program, shared, id);
        let mut found = false;
        for abs in interpreter.evaluate(id, base) {
            if let Abs::Class(m, c) = abs {
                listed.push((m, c));
                found = true;
            }
        }
        if found {
            continue;
        }
        // `cls.__subclasses__()` in a method; else, or if called from outside, the function is given the class.
        let function = code.function(func);
        if let Some(class) = function.class {
            listed.push((id, class));
        }
        helpers.push(function.name);
    }
    (listed, helpers)
}

/// Classes that a module gives to functions of certain names.
fn given_classes(
    program: &Program,
    shared: &Shared,
    id: ModuleId,
    helpers: &FxHashSet<Sym>,
) -> Vec<(ModuleId, u32)> {
    let mut given = Vec::new();
    let code = &program.module(id).facts.code;
    for call in &code.calls {
        let called = match code.value(call.callee) {
            Value::Global(name) | Value::Attr(_, name) => helpers.contains(&name),
            _ => false,
        };
        if !called {
            continue;
        }
        for &arg in code.positional(call) {
            let mut interpreter = Interpreter::evaluator(program, shared, id);
            for abs in interpreter.evaluate(id, arg) {
                if let Abs::Class(m, c) = abs {
                    given.push((m, c));
                }
            }
        }
    }
    given
}
