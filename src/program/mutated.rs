//! Globals whose content changes after their module has loaded, or by others while the program loads.
//!
//! ```python
//! registry.TABLE["a"] = 9             # in a function or in the main program
//! t = registry.TABLE; t.clear()
//! def tweak(table): table["a"] = 9    # called with registry.TABLE
//! patch.dict(registry.TABLE, a=9)
//! config.settings.load(path)          # a method that changes its object
//! ```

use ruff_text_size::TextSize;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::{SmallVec, smallvec};

use super::callees::{class_behind, function_behind, functions_of};
use super::interpret::{Effect, EffectKind, Outcome, Owner, Shared, has_decorator};
use super::state::{module_of, of_all};
use super::{ModuleId, Origin, Program, tables};
use crate::facts::{Code, FuncId, Op, OpKind, Sym, Value, ValueId, words};

/// Globals whose content changes later, or while others load.
pub(super) type Mutated = FxHashMap<(ModuleId, Sym), Vec<Mutation>>;

/// A change of the content of a global.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mutation {
    /// Who changes it.
    pub by: ModuleId,
    /// Where.
    pub at: TextSize,
    /// While it loads.
    loading: bool,
    /// The attribute that changes, if it is no more than one.
    attr: Option<Sym>,
}

/// A global that changes.
type Change = ((ModuleId, Sym), Mutation);

/// Who changes the content of a global, or of no more than one attribute of it, and where. What `reader` itself changes while it
/// loads, it changes whenever it loads.
pub(super) fn mutator(
    mutated: &Mutated,
    global: (ModuleId, Sym),
    attr: Option<Sym>,
    reader: ModuleId,
) -> Option<(ModuleId, TextSize)> {
    let differ = |changed: Option<Sym>| attr.zip(changed).is_some_and(|(read, changed)| read != changed);
    let own = |change: &Mutation| change.loading && change.by == reader;
    let change = mutated.get(&global)?.iter().find(|change| !differ(change.attr) && !own(change))?;
    Some((change.by, change.at))
}

/// Parameters whose content their functions change: the function, and the parameter's position.
type Changers = FxHashMap<(ModuleId, FuncId), Vec<u32>>;

/// Methods that change their object, by name: module, class, and which attribute, if it is known.
type SelfChangers = FxHashMap<Sym, Vec<(ModuleId, u32, Option<Sym>)>>;

/// What one module changes: globals, parameters of its functions, and objects by their methods.
#[derive(Default)]
struct Changes {
    globals: Vec<Change>,
    params: Vec<(FuncId, u32)>,
    methods: Vec<(FuncId, Option<Sym>)>,
    /// Methods that call others of their own object.
    calls: Vec<(FuncId, Sym)>,
}

/// How far a value is followed.
const MOST_STEPS: usize = 16;

/// Finds them.
pub(super) fn mutated_globals(program: &Program, shared: &Shared, outcomes: &[Outcome]) -> Mutated {
    let mut mutated = Mutated::default();
    let mut changers = Changers::default();
    let mut methods = SelfChangers::default();
    let mut calls: Vec<(ModuleId, FuncId, Sym)> = Vec::new();
    let by = |id: ModuleId| vec![mutated_by(program, &shared.shown_privates, id, &outcomes[id.index()])];
    for (id, Changes { globals, params, methods: own, calls: own_calls }) in
        program.ids().zip(of_all(program, by))
    {
        for (func, attr) in own {
            add_method(program, &mut methods, (id, func), attr);
        }
        calls.extend(own_calls.into_iter().map(|(func, name)| (id, func, name)));
        for (key, mutation) in globals {
            mutated.entry(key).or_default().push(mutation);
        }
        for (func, position) in params {
            changers.entry((id, func)).or_default().push(position);
        }
    }
    let name = |&(id, func): &(ModuleId, FuncId)| program.module(id).facts.code.function(func).name;
    let names: FxHashSet<Sym> = changers.keys().map(name).collect();
    for (key, mutation) in of_all(program, |id| handed_by(program, id, &changers, &names)) {
        mutated.entry(key).or_default().push(mutation);
    }
    handed_on(program, &mut methods, &calls);
    for (key, mutation) in of_all(program, |id| changed_by_methods(program, id, &methods)) {
        let changes = mutated.entry(key).or_default();
        // What the method is seen to do, counts instead of its name.
        if mutation.attr.is_some() {
            changes.retain(|change| (change.by, change.at, change.attr) != (mutation.by, mutation.at, None));
        }
        changes.push(mutation);
    }
    mutated.retain(|&(id, name), _| !is_module(program, id, name));
    mutated
}

/// Whether a name stands for a module: what looks like a change of it, `np.add(x, y)`, is a call of its functions.
fn is_module(program: &Program, id: ModuleId, name: Sym) -> bool {
    let facts = &program.module(id).facts;
    facts.sites_of(name).any(|site| {
        let import = &facts.imports[site.stmt as usize];
        import.from.is_none() || matches!(program.origin(id, import, site.alias as usize), Origin::Module(_))
    })
}

/// The globals whose value or content one module changes, and the parameters of its functions that they change.
fn mutated_by(
    program: &Program,
    shown_privates: &FxHashSet<Sym>,
    id: ModuleId,
    outcome: &Outcome,
) -> Changes {
    let globals = changed_while_loading(program, shown_privates, id, outcome);
    let Changes { mut globals, mut params, mut methods, mut calls } =
        Changes { globals, ..Changes::default() };
    let code = &program.module(id).facts.code;
    for (func, op) in code.ops_by_function() {
        // What import-time code changes, the interpreter has seen.
        if func.is_module() && !op.main_guard {
            continue;
        }
        let mutation = |attr| Mutation { by: id, at: op.at, loading: false, attr };
        if let OpKind::SetGlobal { name, .. } = op.kind {
            globals.push(((id, name), mutation(None)));
            continue;
        }
        let function = code.function(func);
        if let OpKind::Call { call, .. } = op.kind
            && function.class.is_some()
        {
            let call = code.call(call);
            let this = function.params.start;
            match (code.value(call.callee), code.positional(&call)) {
                (Value::Attr(base, name), _) if is_own(code, this, base) => calls.push((func, name)),
                // `for name, value in values.items(): setattr(self, name, value)`
                (Value::Global(name), &[base, ..]) if name == "setattr" && is_own(code, this, base) => {
                    methods.push((func, None));
                }
                _ => {}
            }
        }
        let Some(object) = changed(code, &op, shown_privates) else { continue };
        if let Value::Str(path) = code.value(object) {
            if let Some((module, name)) = path.as_str().rsplit_once('.')
                && let Some(target) = program.find_from(id, module)
            {
                globals.push(((target, Sym::new(name)), mutation(None)));
            }
            continue;
        }
        globals_behind(program, id, object, stored(&op), |key, attr| globals.push((key, mutation(attr))));
        if function.class.is_some()
            && function.name != "__init__"
            && !is_memo(&op)
            && let Some(attr) = attribute_of_self(code, function.params.start, object, stored(&op))
        {
            methods.push((func, attr));
        }
        if let Value::Var(var) = code.value(object)
            && function.params.contains(&var)
            // `*args` and `**kwargs` are the function's own.
            && var < function.params.end - u32::from(function.vararg) - u32::from(function.kwarg)
            && !(function.class.is_some() && var == function.params.start)
        {
            params.push((func, var - function.params.start));
        }
    }
    Changes { globals, params, methods, calls }
}

/// Whether a value is a method's own object, also as its bases see it: `super()`.
fn is_own(code: &Code, this: u32, value: ValueId) -> bool {
    match code.value(value) {
        Value::Var(var) => var == this,
        Value::Call(call) => {
            matches!(code.value(code.call(call).callee), Value::Global(name) if name == "super")
        }
        _ => false,
    }
}

fn add_method(
    program: &Program,
    methods: &mut SelfChangers,
    (id, func): (ModuleId, FuncId),
    attr: Option<Sym>,
) -> bool {
    let function = program.module(id).facts.code.function(func);
    let Some(class) = function.class else { return false };
    let known = methods.entry(function.name).or_default();
    let new = !known.contains(&(id, class, attr));
    if new {
        known.push((id, class, attr));
    }
    new
}

/// Methods that change their object by calling other methods of it.
fn handed_on(program: &Program, methods: &mut SelfChangers, calls: &[(ModuleId, FuncId, Sym)]) {
    for _ in 0..MOST_STEPS {
        let mut found = false;
        for &(id, func, callee) in calls {
            if program.module(id).facts.code.function(func).name == "__init__" {
                continue;
            }
            let Some(changers) = methods.get(&callee) else { continue };
            let Some(class) = program.module(id).facts.code.function(func).class else { continue };
            let around = with_bases(program, vec![(id, class)]);
            let attrs: SmallVec<[Option<Sym>; 4]> = changers
                .iter()
                .filter(|&&(module, class, _)| around.contains(&(module, class)))
                .map(|&(.., attr)| attr)
                .collect();
            for attr in attrs {
                found |= add_method(program, methods, (id, func), attr);
            }
        }
        if !found {
            return;
        }
    }
}

/// `if self._x is None: self._x = …`
fn is_memo(op: &Op) -> bool {
    matches!(op.kind, OpKind::SetAttr { memo: true, .. } | OpKind::SetItem { cache: Some(_), .. })
}

/// The attribute of its own object in which a method changes something: of `self.values["a"]` it is `values`.
fn attribute_of_self(code: &Code, this: u32, value: ValueId, attr: Option<Sym>) -> Option<Option<Sym>> {
    let mut todo: SmallVec<[(ValueId, Option<Sym>); 4]> = smallvec![(value, attr)];
    let mut next = 0;
    while next < todo.len() && next < MOST_STEPS {
        let (value, attr) = todo[next];
        next += 1;
        match code.value(value) {
            // `self.__dict__.update(values)`
            Value::Var(var) if var == this => return Some(attr.filter(|&attr| attr != words::DICT)),
            Value::Var(var) => todo.extend(code.assigned_to(var).iter().map(|&value| (value, None))),
            Value::Attr(base, name) => todo.push((base, Some(name))),
            Value::Item(base) => todo.push((base, None)),
            _ => {}
        }
    }
    None
}

/// The globals whose methods one module calls, where those change their object.
///
/// ```python
/// settings = Settings()                                       # in config
/// def main(): config.settings.load({"debug": True})           # def load(self, values): self.values.update(values)
/// ```
fn changed_by_methods(program: &Program, id: ModuleId, methods: &SelfChangers) -> Vec<Change> {
    let mut changed = Vec::new();
    let code = &program.module(id).facts.code;
    for (func, op) in code.ops_by_function() {
        let OpKind::Call { call, .. } = op.kind else { continue };
        if func.is_module() && !op.main_guard {
            continue;
        }
        let Value::Attr(object, method) = code.value(code.call(call).callee) else { continue };
        let Some(changers) = methods.get(&method) else { continue };
        globals_behind(program, id, object, None, |(owner, name), _| {
            for (class_owner, class) in classes_of(program, owner, name) {
                for &(module, own, attr) in changers {
                    if (module, own) == (class_owner, class) {
                        let mutation = Mutation { by: id, at: op.at, loading: false, attr };
                        changed.push(((owner, name), mutation));
                    }
                }
            }
        });
    }
    changed
}

/// The classes of which a global may be an instance, or what it gives if it is a function that keeps it, with their bases.
fn classes_of(program: &Program, id: ModuleId, name: Sym) -> Vec<(ModuleId, u32)> {
    let code = &program.module(id).facts.code;
    let made = |value: ValueId| match code.value(value) {
        Value::Call(call) => class_behind(program, id, code.call(call).callee),
        _ => None,
    };
    let mut found = Vec::new();
    for &(_, value) in code.globals_of(name) {
        found.extend(made(value));
        if let Some(func) = function_behind(code, value) {
            found.extend(code.returns_of(func).iter().filter_map(|&value| made(value)));
        }
    }
    with_bases(program, found)
}

fn with_bases(program: &Program, mut found: Vec<(ModuleId, u32)>) -> Vec<(ModuleId, u32)> {
    let mut next = 0;
    while next < found.len() && next < MOST_STEPS {
        let (module, class) = found[next];
        next += 1;
        for &base in &program.module(module).facts.code.classes[class as usize].bases {
            if let Some(base) = class_behind(program, module, base)
                && !found.contains(&base)
            {
                found.push(base);
            }
        }
    }
    found
}

/// What a module changes while it loads.
fn changed_while_loading(
    program: &Program,
    shown_privates: &FxHashSet<Sym>,
    id: ModuleId,
    outcome: &Outcome,
) -> Vec<Change> {
    let changes = |effect: &&Effect| matches!(effect.kind, EffectKind::Write | EffectKind::UnresolvedCall);
    let effects: Vec<&Effect> = outcome.effects.iter().filter(changes).collect();
    if effects.is_empty() {
        return Vec::new();
    }
    // `Basic.level = 1` changes nothing else of `Basic`. What `Basic.table` holds may have other names.
    let code = &program.module(id).facts.code;
    let mut attrs: FxHashMap<(TextSize, ModuleId, Sym), Option<Sym>> = FxHashMap::default();
    for op in code.ops_of(FuncId::MODULE) {
        if let (Some(object), Some(stored)) = (changed(code, &op, shown_privates), stored(&op)) {
            globals_behind(program, id, object, Some(stored), |(owner, name), attr| {
                let attr = attr.filter(|&attr| attr == stored);
                let attrs = attrs.entry((op.at, owner, name)).or_insert(attr);
                *attrs = attrs.filter(|&one| Some(one) == attr);
            });
        }
    }
    let change = |effect: &Effect| {
        let Owner::Module(owner, name) = effect.owner else { return None };
        let attr = attrs.get(&(effect.at, owner, name)).copied().flatten();
        let attr = attr.filter(|_| effect.deep.is_none());
        Some(((owner, name), Mutation { by: id, at: effect.at, loading: true, attr }))
    };
    effects.into_iter().filter_map(change).collect()
}

/// The attribute that an operation stores: `settings.level = 3` changes nothing else of `settings`.
fn stored(op: &Op) -> Option<Sym> {
    match op.kind {
        OpKind::SetAttr { attr, .. } | OpKind::DelAttr { attr, .. } => Some(attr),
        _ => None,
    }
}

/// The object whose content an operation changes.
fn changed(code: &Code, op: &Op, shown_privates: &FxHashSet<Sym>) -> Option<ValueId> {
    match op.kind {
        OpKind::SetItem { cache: Some(name), .. } if !shown_privates.contains(&name) => None,
        OpKind::SetItem { base, .. }
        | OpKind::DelItem { base, .. }
        | OpKind::SetAttr { base, .. }
        | OpKind::DelAttr { base, .. } => Some(base),
        OpKind::Call { call, .. } => {
            let call = &code.call(call);
            match code.value(call.callee) {
                Value::Attr(base, method) if tables::MUTATORS.contains(&method.as_str()) => Some(base),
                // `patch.dict(config.TABLE, …)`, `monkeypatch.setitem(config.TABLE, …)`
                Value::Attr(_, name) if matches!(name.as_str(), "dict" | "setitem" | "delitem") => {
                    code.positional(call).first().copied()
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The globals that a value is, or is inside of, by names alone; `attr` is the attribute of the value that counts.
fn globals_behind(
    program: &Program,
    id: ModuleId,
    value: ValueId,
    attr: Option<Sym>,
    mut found: impl FnMut((ModuleId, Sym), Option<Sym>),
) {
    let mut seen: SmallVec<[(ModuleId, ValueId, Option<Sym>); 8]> = smallvec![(id, value, attr)];
    let mut next = 0;
    while next < seen.len() && next < MOST_STEPS {
        let (id, value, attr) = seen[next];
        next += 1;
        let facts = &program.module(id).facts;
        let code = &facts.code;
        let mut follow = |id: ModuleId, value: ValueId, attr| {
            if !seen.contains(&(id, value, attr)) {
                seen.push((id, value, attr));
            }
        };
        match code.value(value) {
            Value::Global(name) => {
                found((id, name), attr);
                for site in facts.sites_of(name) {
                    let import = &facts.imports[site.stmt as usize];
                    if let Some(key) = attribute(program.origin(id, import, site.alias as usize)) {
                        found(key, attr);
                    }
                }
            }
            Value::Import(stmt, alias) => {
                let import = &facts.imports[stmt as usize];
                if let Some(key) = attribute(program.origin(id, import, alias as usize)) {
                    found(key, attr);
                }
            }
            Value::Attr(base, name) => match module_of(program, id, base) {
                Some(target) => match program.attribute(id, target, name) {
                    Origin::Attribute(target, name) => found((target, name), attr),
                    _ => found((target, name), attr),
                },
                None => follow(id, base, Some(name)),
            },
            Value::Item(base) => follow(id, base, None),
            Value::Var(var) => code.assigned_to(var).iter().for_each(|&assigned| follow(id, assigned, attr)),
            Value::Either(a, b) => {
                follow(id, a, attr);
                follow(id, b, attr);
            }
            // `get_config().level = 3`
            Value::Call(call) => {
                let callee = code.call(call).callee;
                if matches!(code.value(callee), Value::Global(_) | Value::Attr(..)) {
                    for (owner, func) in functions_of(program, id, callee) {
                        let code = &program.module(owner).facts.code;
                        let function = code.function(func);
                        if has_decorator(code, func, &["lru_cache", "cache"]) {
                            found((owner, function.name), attr);
                        } else if function.class.is_none() {
                            for &value in code.returns_of(func) {
                                if matches!(code.value(value), Value::Global(_)) {
                                    follow(owner, value, attr);
                                }
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

fn attribute(origin: Origin) -> Option<(ModuleId, Sym)> {
    match origin {
        Origin::Attribute(id, name) => Some((id, name)),
        _ => None,
    }
}

/// The globals that one module hands to functions that change them.
fn handed_by(
    program: &Program,
    id: ModuleId,
    changers: &Changers,
    names: &FxHashSet<Sym>,
) -> Vec<((ModuleId, Sym), Mutation)> {
    let mut handed = Vec::new();
    let code = &program.module(id).facts.code;
    for (func, op) in code.ops_by_function() {
        let OpKind::Call { call, .. } = op.kind else { continue };
        let call = &code.call(call);
        let (Value::Global(name) | Value::Attr(_, name)) = code.value(call.callee) else { continue };
        if !names.contains(&name) || func.is_module() && !op.main_guard {
            continue;
        }
        for (owner, callee) in functions_of(program, id, call.callee) {
            let function = program.module(owner).facts.code.function(callee);
            let first = u32::from(function.class.is_some());
            for &position in changers.get(&(owner, callee)).into_iter().flatten() {
                let index = position.checked_sub(first).and_then(|index| usize::try_from(index).ok());
                if let Some(&given) = index.and_then(|index| code.positional(call).get(index)) {
                    globals_behind(program, id, given, None, |key, attr| {
                        handed.push((key, Mutation { by: id, at: op.at, loading: false, attr }));
                    });
                }
            }
        }
    }
    handed
}
