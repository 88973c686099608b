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

use super::callees::{class_behind, functions_of};
use super::interpret::{Effect, EffectKind, Outcome, Owner, Shared};
use super::state::{module_of, of_all};
use super::{ModuleId, Origin, Program, tables};
use crate::facts::{Code, FuncId, Op, OpKind, Sym, Value, ValueId};

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

/// Methods that change their object: which attribute, by the method's name, class and module.
type SelfChangers = FxHashMap<Sym, Vec<(ModuleId, u32, Sym)>>;

/// What one module changes: globals, parameters of its functions, and objects by their methods.
#[derive(Default)]
struct Changes {
    globals: Vec<Change>,
    params: Vec<(FuncId, u32)>,
    methods: Vec<(FuncId, Sym)>,
}

/// How far a value is followed.
const MOST_STEPS: usize = 16;

/// Finds them.
pub(super) fn mutated_globals(program: &Program, shared: &Shared, outcomes: &[Outcome]) -> Mutated {
    let mut mutated = Mutated::default();
    let mut changers = Changers::default();
    let mut methods = SelfChangers::default();
    let by = |id: ModuleId| vec![mutated_by(program, &shared.shown_privates, id, &outcomes[id.index()])];
    for (id, Changes { globals, params, methods: own }) in program.ids().zip(of_all(program, by)) {
        for (func, attr) in own {
            let function = program.module(id).facts.code.function(func);
            if let Some(class) = function.class {
                methods.entry(function.name).or_default().push((id, class, attr));
            }
        }
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
    for (key, mutation) in of_all(program, |id| changed_by_methods(program, id, &methods)) {
        mutated.entry(key).or_default().push(mutation);
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
    let Changes { mut globals, mut params, mut methods } = Changes { globals, ..Changes::default() };
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
        let function = code.function(func);
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
    Changes { globals, params, methods }
}

/// `if self._x is None: self._x = …`
fn is_memo(op: &Op) -> bool {
    matches!(op.kind, OpKind::SetAttr { memo: true, .. } | OpKind::SetItem { cache: Some(_), .. })
}

/// The attribute of its own object in which a method changes something: of `self.values["a"]` it is `values`.
fn attribute_of_self(code: &Code, this: u32, mut value: ValueId, mut attr: Option<Sym>) -> Option<Sym> {
    for _ in 0..MOST_STEPS {
        value = match code.value(value) {
            Value::Var(var) if var == this => return attr,
            Value::Attr(base, name) => {
                attr = Some(name);
                base
            }
            Value::Item(base) => base,
            _ => return None,
        };
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
                        let mutation = Mutation { by: id, at: op.at, loading: false, attr: Some(attr) };
                        changed.push(((owner, name), mutation));
                    }
                }
            }
        });
    }
    changed
}

/// The classes of which a global may be an instance, with their bases.
fn classes_of(program: &Program, id: ModuleId, name: Sym) -> Vec<(ModuleId, u32)> {
    let code = &program.module(id).facts.code;
    let mut found: Vec<(ModuleId, u32)> = code
        .globals_of(name)
        .iter()
        .filter_map(|&(_, value)| match code.value(value) {
            Value::Call(call) => class_behind(program, id, code.call(call).callee),
            _ => None,
        })
        .collect();
    let mut next = 0;
    while next < found.len() && next < MOST_STEPS {
        let (module, class) = found[next];
        next += 1;
        let bases = &program.module(module).facts.code.classes[class as usize].bases;
        for &base in bases {
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
    let facts = &program.module(id).facts;
    let code = &facts.code;
    let mut seen: SmallVec<[(ValueId, Option<Sym>); 8]> = smallvec![(value, attr)];
    let mut next = 0;
    while next < seen.len() && next < MOST_STEPS {
        let (value, attr) = seen[next];
        next += 1;
        let mut follow = |value: ValueId, attr| {
            if !seen.contains(&(value, attr)) {
                seen.push((value, attr));
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
                None => follow(base, Some(name)),
            },
            Value::Item(base) => follow(base, None),
            Value::Var(var) => code.assigned_to(var).iter().for_each(|&assigned| follow(assigned, attr)),
            Value::Either(a, b) => {
                follow(a, attr);
                follow(b, attr);
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
