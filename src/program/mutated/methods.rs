//! Objects that are changed by their own methods.
//!
//! ```python
//! settings = Settings()                                       # in config
//! def main(): config.settings.load({"debug": True})           # def load(self, values): self.values.update(values)
//! ```

use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

use super::{Change, MOST_STEPS, Mutation, globals_behind};
use crate::facts::{Code, FuncId, Op, OpKind, Sym, Value, ValueId, words};
use crate::program::callees::{class_behind, function_behind, with_bases};
use crate::program::interpret::has_decorator;
use crate::program::{ModuleId, Program, tables};

/// A method that changes its object: module, class, and which attribute, if it is known.
type Changer = (ModuleId, u32, Option<Sym>);

/// Methods that change their object, by name.
pub(super) type SelfChangers = FxHashMap<Sym, Vec<Changer>>;

/// Methods that call others of their own object, and which, each once.
pub(super) type OwnCalls = Box<[(FuncId, Sym)]>;

/// The classes of a global with their bases, and whether all of these are known.
type Classes = (Vec<(ModuleId, u32)>, bool);

/// Whether a value is a method's own object, also as its bases see it: `super()`.
pub(super) fn is_own(code: &Code, this: u32, value: ValueId) -> bool {
    match code.value(value) {
        Value::Var(var) => var == this,
        Value::Call(call) => {
            matches!(code.value(code.call(call).callee), Value::Global(name) if name == "super")
        }
        _ => false,
    }
}

/// Whether the first parameter of a function is the object whose method it is: a static method has none.
pub(super) fn takes_object(code: &Code, func: FuncId) -> bool {
    code.function(func).class.is_some() && !has_decorator(code, func, &["staticmethod"])
}

/// Notes that a method changes its object; whether that is new.
pub(super) fn add_method(
    program: &Program,
    methods: &mut SelfChangers,
    (id, func): (ModuleId, FuncId),
    attr: Option<Sym>,
) -> bool {
    let code = &program.module(id).facts.code;
    let function = code.function(func);
    let Some(class) = function.class.filter(|_| takes_object(code, func)) else { return false };
    let known = methods.entry(function.name).or_default();
    let new = !known.contains(&(id, class, attr));
    if new {
        known.push((id, class, attr));
    }
    new
}

/// Methods that change their object by calling other methods of it.
pub(super) fn handed_on(program: &Program, methods: &mut SelfChangers, calls: &[(ModuleId, OwnCalls)]) {
    let all = calls.iter().flat_map(|(id, calls)| calls.iter().map(|&(func, callee)| (callee, *id, func)));
    let mut callers: Vec<(Sym, ModuleId, FuncId)> = all.collect();
    callers.sort_unstable_by_key(|&(callee, id, func)| (callee.number(), id, func));
    let callers_of = |name: Sym| {
        let start = callers.partition_point(|(callee, ..)| callee.number() < name.number());
        let count = callers[start..].partition_point(|(callee, ..)| *callee == name);
        &callers[start..start + count]
    };
    let mut todo: Vec<(Sym, Changer)> = Vec::new();
    for (&name, changers) in &*methods {
        if !callers_of(name).is_empty() {
            todo.extend(changers.iter().map(|&changer| (name, changer)));
        }
    }
    let mut bases: FxHashMap<(ModuleId, u32), Vec<(ModuleId, u32)>> = FxHashMap::default();
    while let Some((name, (module, class, attr))) = todo.pop() {
        for &(_, id, func) in callers_of(name) {
            let caller = program.module(id).facts.code.function(func);
            let Some(own) = caller.class else { continue };
            let around = bases.entry((id, own)).or_insert_with(|| with_bases(program, vec![(id, own)]));
            if around.contains(&(module, class)) && add_method(program, methods, (id, func), attr) {
                todo.push((caller.name, (id, own, attr)));
            }
        }
    }
    // Names have no order of their own.
    for changers in methods.values_mut() {
        changers.sort_unstable_by_key(|&(id, class, attr)| (id, class, attr.map(Sym::as_str)));
    }
}

/// `if self._x is None: self._x = …`
pub(super) fn is_memo(op: &Op) -> bool {
    matches!(op.kind, OpKind::SetAttr { memo: true, .. } | OpKind::SetItem { cache: Some(_), .. })
}

/// What a method changes in its own object.
pub(super) enum OwnPart {
    /// An attribute, or what it holds.
    Attribute(Sym),
    /// Any.
    Any,
}

impl OwnPart {
    /// The attribute, if it is known.
    pub(super) fn attribute(self) -> Option<Sym> {
        match self {
            Self::Attribute(attr) => Some(attr),
            Self::Any => None,
        }
    }
}

/// The attribute of its own object in which a method changes something: of `self.values["a"]` it is `values`.
pub(super) fn attribute_of_self(
    code: &Code,
    this: u32,
    value: ValueId,
    attr: Option<Sym>,
) -> Option<OwnPart> {
    let mut todo: SmallVec<[(ValueId, Option<Sym>); 4]> = smallvec![(value, attr)];
    let mut next = 0;
    while next < todo.len() && next < MOST_STEPS {
        let (value, attr) = todo[next];
        next += 1;
        match code.value(value) {
            // `self.__dict__.update(values)`
            _ if is_own(code, this, value) => {
                let attr = attr.filter(|&attr| attr != words::DICT);
                return Some(attr.map_or(OwnPart::Any, OwnPart::Attribute));
            }
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
pub(super) fn changed_by_methods(program: &Program, id: ModuleId, methods: &SelfChangers) -> Vec<Change> {
    let mut changed = Vec::new();
    let mut known: FxHashMap<(ModuleId, Sym), Classes> = FxHashMap::default();
    let code = &program.module(id).facts.code;
    for (func, op) in code.ops_by_function() {
        let OpKind::Call { call, .. } = op.kind else { continue };
        if func.is_module() && !op.main_guard {
            continue;
        }
        let Value::Attr(object, method) = code.value(code.call(call).callee) else { continue };
        let of_library = tables::fills_itself(method.as_str());
        if !of_library && !methods.contains_key(&method) {
            continue;
        }
        let changers = methods.get(&method).map_or(&[][..], Vec::as_slice);
        globals_behind(program, id, object, None, |(owner, name), _| {
            if of_library && is_made_by(program, owner, name, tables::FILLED_CLASSES) {
                changed.push((
                    (owner, name),
                    Mutation { by: id, at: op.at, loading: false, attr: None, replaced: false },
                ));
            }
            let (classes, all_known) = known.entry((owner, name)).or_insert_with(|| {
                let classes = classes_of(program, owner, name);
                // Methods of bases that are not of the program change the object itself.
                let all_known = classes.iter().all(|&class| has_known_bases(program, class));
                (classes, all_known)
            });
            for &class in &*classes {
                for &(module, own, attr) in changers {
                    if (module, own) == class {
                        let attr = attr.filter(|_| *all_known);
                        let mutation = Mutation { by: id, at: op.at, loading: false, attr, replaced: false };
                        changed.push(((owner, name), mutation));
                    }
                }
            }
        });
    }
    changed
}

/// Whether a global is made by a call of a function or class of one of these names.
fn is_made_by(program: &Program, id: ModuleId, name: Sym, classes: &[&str]) -> bool {
    let code = &program.module(id).facts.code;
    code.globals_of(name).iter().any(|&(_, value)| match code.value(value) {
        Value::Call(call) => match code.value(code.call(call).callee) {
            Value::Global(class) | Value::Attr(_, class) => classes.contains(&class.as_str()),
            _ => false,
        },
        _ => false,
    })
}

/// The classes of which a global may be an instance, or that it is itself, for the one that it keeps, or what a function gives that
/// keeps it; with their bases.
fn classes_of(program: &Program, id: ModuleId, name: Sym) -> Vec<(ModuleId, u32)> {
    let code = &program.module(id).facts.code;
    let made = |value: ValueId| match code.value(value) {
        Value::Call(call) => class_behind(program, id, code.call(call).callee),
        Value::Class(class) => Some((id, class)),
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

/// Whether all bases of a class are of the program, or have nothing to change.
fn has_known_bases(program: &Program, (id, class): (ModuleId, u32)) -> bool {
    let code = &program.module(id).facts.code;
    code.classes[class as usize].bases.iter().all(|&base| {
        class_behind(program, id, base).is_some()
            || matches!(code.value(base), Value::Global(name) | Value::Attr(_, name)
                if matches!(name.as_str(), "object" | "ABC" | "Generic" | "Protocol"))
    })
}

/// The class that keeps what a call gives: its only instance, by `__new__` or a method of the class, or what all instances share.
///
/// ```python
/// Settings.instance().level = 3       # return cls._instance
/// Settings().level = 3                # def __new__(cls): … return cls._instance
/// Settings().level = 3                # def __init__(self): self.__dict__ = self._shared
/// ```
pub(super) fn keeper(program: &Program, id: ModuleId, callee: ValueId) -> Option<(ModuleId, Sym)> {
    let (class, method) = match program.module(id).facts.code.value(callee) {
        Value::Attr(base, name) if let Some(class) = class_behind(program, id, base) => (class, Some(name)),
        _ => (class_behind(program, id, callee)?, None),
    };
    with_bases(program, vec![class]).into_iter().find_map(|(module, class)| {
        let code = &program.module(module).facts.code;
        let class = &code.classes[class as usize];
        let method_named = |wanted: Sym| {
            let mut members = class.members.iter().filter(|(name, _)| *name == wanted);
            members.find_map(|&(_, value)| function_behind(code, value))
        };
        let returns_kept = |func: FuncId| {
            let this = code.function(func).params.start;
            let kept = |value: &ValueId| match code.value(*value) {
                Value::Attr(base, _) => match code.value(base) {
                    Value::Var(var) => var == this,
                    of => of == Value::Global(class.name),
                },
                _ => false,
            };
            code.returns_of(func).iter().any(kept)
        };
        let shares = |func: FuncId| {
            code.ops_of(func).any(|op| matches!(op.kind, OpKind::SetAttr { attr, .. } if attr == words::DICT))
        };
        let keeps = match method {
            Some(method) => method_named(method).is_some_and(returns_kept),
            None => {
                method_named(words::NEW).is_some_and(returns_kept)
                    || method_named(words::INIT).is_some_and(shares)
            }
        };
        keeps.then_some((module, class.name))
    })
}
