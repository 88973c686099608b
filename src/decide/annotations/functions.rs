//! Annotations of functions: whether the module itself hands the function to somebody who may look at them.
//!
//! ```python
//! @functools.lru_cache
//! def rate(day: Day) -> Rate: ...      # who caches or wraps a function does not look at what it is annotated with
//!
//! app.add_command(rate)                # who is handed it, may
//! ```

use rustc_hash::{FxHashMap, FxHashSet};

use super::library_path;
use crate::facts::{CallRole, Code, FuncId, OpKind, Sym, Value, ValueId};
use crate::program::state::foreign_path;
use crate::program::{Module, ModuleId, Program, tables};

/// Whether somebody may look at the annotations of a function: it is handed to a call, or is a method of a class that is decorated.
pub(super) fn function_inspected(
    module: &Module,
    func: FuncId,
    handed: impl FnOnce() -> bool,
) -> Option<&'static str> {
    let code = &module.facts.code;
    let Some(class) = code.function(func).class else {
        return handed().then_some("the function is handed to a call that may look at its annotations");
    };
    let class = &code.classes[class as usize];
    let known = class.decorators.is_empty() || is_known_class_decorator(module, &class.decorators);
    (!known).then_some("a class decorator may look at the annotations of methods")
}

/// The functions that a module hands to calls.
pub(super) fn handed_on(program: &Program, id: ModuleId) -> FxHashSet<FuncId> {
    let code = &program.module(id).facts.code;
    let mut handed =
        Handed { code, top: FxHashMap::default(), seen: FxHashSet::default(), found: FxHashSet::default() };
    for (func, function) in (0..).map(FuncId).zip(&code.functions) {
        if function.parent.is_module() && function.class.is_none() {
            handed.top.entry(function.name).or_default().push(func);
        }
    }
    for op in code.ops() {
        let OpKind::Call { call, role } = op.kind else { continue };
        let call = &code.call(call);
        if role == CallRole::Decorator && leaves_annotations(program, id, call.callee)
            || only_calls(program, id, call.callee)
        {
            continue;
        }
        handed.add(&code.args[call.args.start as usize..call.args.end as usize]);
    }
    handed.found
}

/// Whether a decorator, with its arguments or without, is one of the library that does not look at annotations.
fn leaves_annotations(program: &Program, id: ModuleId, decorator: ValueId) -> bool {
    let code = &program.module(id).facts.code;
    match code.value(decorator) {
        Value::Call(call) => leaves_annotations(program, id, code.call(call).callee),
        _ => library_path(program, id, decorator).is_some_and(|path| tables::leaves_annotations(&path)),
    }
}

/// Whether what is called does no more with a function than to call it: `signal.signal(signal.SIGTERM, stop)`.
fn only_calls(program: &Program, id: ModuleId, callee: ValueId) -> bool {
    let facts = &program.module(id).facts;
    match facts.code.value(callee) {
        Value::Global(name) if !facts.names.contains(name) => {
            matches!(name.as_str(), "map" | "filter" | "sorted" | "min" | "max" | "print" | "callable")
        }
        _ => foreign_path(program, id, callee).is_some_and(|path| tables::only_calls(&path)),
    }
}

fn is_known_class_decorator(module: &Module, decorators: &[ValueId]) -> bool {
    let code = &module.facts.code;
    decorators.iter().all(|&decorator| {
        let callee = match code.value(decorator) {
            Value::Call(call) => code.call(call).callee,
            _ => decorator,
        };
        matches!(code.value(callee), Value::Global(name) | Value::Attr(_, name)
            if matches!(name.as_str(), "dataclass" | "total_ordering" | "final" | "unique" | "runtime_checkable" | "define" | "frozen" | "attrs" | "s"))
    })
}

/// The functions that some values are.
struct Handed<'a> {
    code: &'a Code,
    /// Functions at the top of the module, by name.
    top: FxHashMap<Sym, Vec<FuncId>>,
    seen: FxHashSet<ValueId>,
    found: FxHashSet<FuncId>,
}

impl Handed<'_> {
    /// Adds the functions that values are, that decorators have made them of, or that they hold.
    fn add(&mut self, values: &[ValueId]) {
        let code = self.code;
        let mut todo: Vec<ValueId> = values.to_vec();
        while let Some(value) = todo.pop() {
            if value.is_plain() || !self.seen.insert(value) {
                continue;
            }
            match code.value(value) {
                Value::Function(func) => {
                    self.found.insert(func);
                }
                Value::Global(name) => {
                    self.found.extend(self.top.get(&name).into_iter().flatten());
                    todo.extend(code.globals_of(name).iter().map(|&(_, value)| value));
                }
                Value::Var(var) => todo.extend(code.assigned_to(var)),
                Value::Either(a, b) => todo.extend([a, b]),
                Value::Holder(inner) | Value::Item(inner) | Value::Sum(inner) => todo.push(inner),
                // What a decorator has made of it.
                Value::Call(call) => {
                    let call = &code.call(call);
                    let args = code.positional(call);
                    let decorates = |&arg: &ValueId| {
                        decorated(code, arg)
                            .is_some_and(|func| code.function(func).decorators.contains(&call.callee))
                    };
                    todo.extend(args.iter().copied().filter(decorates));
                    if let Value::Global(name) = code.value(call.callee) {
                        let made_by = self.top.get(&name).into_iter().flatten();
                        todo.extend(made_by.flat_map(|&func| code.returns_of(func)));
                    }
                }
                _ => {}
            }
        }
    }
}

/// The function that a value is, or that some of its decorators have made it of.
fn decorated(code: &Code, mut value: ValueId) -> Option<FuncId> {
    loop {
        match code.value(value) {
            Value::Function(func) => return Some(func),
            Value::Call(call) => match code.positional(&code.call(call)) {
                &[inner] => value = inner,
                _ => return None,
            },
            _ => return None,
        }
    }
}
