//! Calls of what a module has collected itself before: in lists of its own, by functions and methods, or under names that it looks up.
//!
//! ```python
//! steps = []
//! def step(f): steps.append(f); return f
//! @step
//! def fill(): hub.add("x")
//! for s in steps: s()                              # calls fill, and whatever else was collected
//! for kind in Loader.__subclasses__(): kind().run()
//! for name, f in list(globals().items()): f() if name.startswith("setup_") else None
//! ```
//!
//! Which functions are in the list, is not followed. So all count that the module hands to somebody, stores or decorates; of a method that
//! an unknown object is asked for, all of that name in the module's classes.

use std::sync::Arc as Rc;

use ruff_text_size::TextSize;
use rustc_hash::FxHashMap;

use super::{Abs, AbsSet, ClassRef, EnvRef, Interpreter, Owner, Path};
use crate::facts::{CallRole, Code, FuncId, OpKind, Sym, Value, ValueId};
use crate::program::ModuleId;

/// Decorators that keep their function nowhere.
const KEEP_NOTHING: &[&str] = &[
    "property",
    "staticmethod",
    "classmethod",
    "setter",
    "getter",
    "deleter",
    "overload",
    "abstractmethod",
    "contextmanager",
    "wraps",
    "lru_cache",
    "cache",
    "cached_property",
    "override",
    "final",
];

/// What a module hands to somebody, stores or decorates.
#[derive(Debug, Default)]
pub struct Handed {
    functions: Vec<FuncId>,
    classes: Vec<u32>,
    /// What it has from elsewhere.
    others: Vec<ValueId>,
}

impl Handed {
    fn of(code: &Code) -> Self {
        let mut handed = Self::default();
        let decorates = |value: ValueId| {
            let name = match code.value(value) {
                Value::Call(call) => code.value(code.call(call).callee),
                other => other,
            };
            !matches!(name, Value::Global(name) | Value::Attr(_, name) if KEEP_NOTHING.contains(&name.as_str()))
        };
        for (func, function) in (0..).map(FuncId).zip(&code.functions) {
            if function.decorators.iter().any(|&value| decorates(value)) {
                handed.functions.push(func);
            }
        }
        for (index, class) in (0..).zip(&code.classes) {
            // Those of a base of the module, too, which may list them.
            let own = |&base: &ValueId| matches!(code.value(base), Value::Global(name) if code.globals_of(name).iter().any(|&(_, value)| matches!(code.value(value), Value::Class(_))));
            if class.decorators.iter().any(|&value| decorates(value)) || class.bases.iter().any(own) {
                handed.classes.push(index);
            }
        }
        for op in code.ops_of(FuncId::MODULE).filter(|op| !op.main_guard) {
            if let OpKind::Call { call, .. } = op.kind {
                let args = code.call(call).args;
                let args = &code.args[args.start as usize..args.end as usize];
                let has_name =
                    |value: &&ValueId| matches!(code.value(**value), Value::Global(_) | Value::Attr(..));
                handed.others.extend(args.iter().filter(has_name));
            }
        }
        for &value in code.args {
            handed.value(code, value, 0);
        }
        handed.functions.sort_unstable();
        handed.functions.dedup();
        handed.classes.sort_unstable();
        handed.classes.dedup();
        handed
    }

    fn value(&mut self, code: &Code, value: ValueId, depth: u32) {
        match code.value(value) {
            Value::Function(func) => self.functions.push(func),
            Value::Class(class) => self.classes.push(class),
            Value::Holder(inner) if depth < 4 => self.value(code, inner, depth + 1),
            Value::Either(one, other) if depth < 4 => {
                self.value(code, one, depth + 1);
                self.value(code, other, depth + 1);
            }
            Value::Global(name) if depth < 4 => {
                for &(_, value) in code.globals_of(name) {
                    if matches!(code.value(value), Value::Function(_) | Value::Class(_)) {
                        self.value(code, value, 4);
                    }
                }
            }
            _ => {}
        }
    }

    /// All functions and classes at the top of a module.
    fn all(code: &Code) -> Self {
        let top = (0..).map(FuncId).zip(&code.functions).filter(|(func, function)| {
            !func.is_module() && function.class.is_none() && function.parent.is_module()
        });
        let classes = (0..).zip(&code.classes).filter(|(_, class)| class.func.is_module());
        Self {
            functions: top.map(|(func, _)| func).collect(),
            classes: classes.map(|(index, _)| index).collect(),
            others: Vec::new(),
        }
    }
}

/// Whether a value is found in something: an element, or what is made of one.
fn is_found(code: &Code, value: ValueId, depth: u32) -> bool {
    let found = |value: ValueId| depth < 3 && is_found(code, value, depth + 1);
    match code.value(value) {
        Value::Item(_) => true,
        Value::Var(var) => code.assigned_to(var).iter().any(|&value| found(value)),
        Value::Global(name) => code.globals_of(name).iter().any(|&(_, value)| found(value)),
        Value::Call(call) => match code.value(code.call(call).callee) {
            Value::Global(name) if name == "getattr" => true,
            Value::Attr(_, name) => matches!(name.as_str(), "pop" | "popleft" | "get" | "get_nowait"),
            _ => found(code.call(call).callee),
        },
        _ => false,
    }
}

impl Interpreter<'_> {
    /// Something is called that may be of the module being loaded, and nothing is known of it.
    pub(super) fn call_collected(
        &mut self,
        (module, callee): (ModuleId, ValueId),
        callees: &AbsSet,
        args: &[AbsSet],
    ) {
        if self.silent > 0 || self.calling_collected {
            return;
        }
        let own = module == self.cause;
        let cause = self.cause;
        let is_own = |owner: Owner| match owner {
            Owner::Module(id, _) => id == cause,
            Owner::Fresh => own,
            Owner::External(_) => false,
        };
        let namespace = |abs: &Abs| matches!(abs, Abs::Object(Owner::Module(id, name)) if *id == cause && matches!(name.as_str(), "" | "globals()"));
        let code = self.code(module);
        let unknown = |abs: &Abs| match abs {
            Abs::Object(owner) => is_own(*owner),
            Abs::Unknown => own,
            _ => false,
        };
        match code.value(callee) {
            // `kind().run()`
            Value::Attr(base, name) if is_found(code, base, 0) => {
                let unclear = |abs: &Abs| match abs {
                    Abs::Bound(base, _) => unknown(base),
                    abs => unknown(abs),
                };
                if callees.iter().all(unclear) {
                    self.call_methods_named(name, args);
                }
            }
            Value::Item(_) | Value::Var(_) | Value::Call(_)
                if callees.iter().all(unknown) && is_found(code, callee, 0) =>
            {
                let all = callees.iter().any(namespace);
                self.call_handed(all, args);
            }
            Value::Global(name) if own => {
                // `for step in steps: step()`
                let from_elsewhere = is_found(code, callee, 0);
                // `hook("x")`, where a function has set it: `global hook; hook = f`
                let names = &self.program.module(module).facts.names;
                let set = names.get(name).is_some_and(|info| info.rebound_in_function.is_some());
                if from_elsewhere && callees.iter().all(unknown)
                    || set && callees.iter().all(|abs| matches!(abs, Abs::Fresh) || unknown(abs))
                {
                    self.call_handed(callees.iter().any(namespace), args);
                }
            }
            _ => {}
        }
    }

    /// Runs what the module hands to others, or all that is at its top.
    fn call_handed(&mut self, all: bool, args: &[AbsSet]) {
        if std::mem::replace(&mut self.called_handed[usize::from(all)], true) {
            return;
        }
        let cause = self.cause;
        let code = self.code(cause);
        let handed = if all { Handed::all(code) } else { Handed::of(code) };
        let place = (cause, self.at);
        self.under_condition(|w| {
            for func in handed.functions {
                let function = code.function(func);
                let callee = match function.class {
                    Some(class) => w.method_of_own(class, func),
                    None => Abs::Function(cause, func, EnvRef::default(), Owner::Fresh),
                };
                w.call(&callee, args, &[], CallRole::Used, place);
            }
            for value in handed.others {
                for abs in w.eval(cause, value, &EnvRef::default()) {
                    if matches!(&abs, Abs::Function(module, ..) | Abs::Method(_, module, ..) if *module != cause) {
                        w.call(&abs, args, &[], CallRole::Used, place);
                    }
                }
            }
            for class in handed.classes {
                let class = ClassRef::new(cause, class, EnvRef::default());
                w.call(&Abs::Class(class), args, &[], CallRole::Used, place);
            }
        });
    }

    /// Runs the methods of a name in all classes of the module.
    fn call_methods_named(&mut self, name: Sym, args: &[AbsSet]) {
        let cause = self.cause;
        let code = self.code(cause);
        if code.classes.is_empty() || name.as_str().starts_with("__") {
            return;
        }
        let methods = self.own_methods.get_or_insert_with(|| {
            let mut methods: FxHashMap<Sym, Vec<(FuncId, u32)>> = FxHashMap::default();
            for (func, function) in (0..).map(FuncId).zip(&code.functions) {
                if let Some(class) = function.class {
                    methods.entry(function.name).or_default().push((func, class));
                }
            }
            methods
        });
        // Each once.
        let Some(methods) = methods.remove(&name) else { return };
        let place: (ModuleId, TextSize) = (cause, self.at);
        self.under_condition(|w| {
            for (func, class) in methods {
                let callee = w.method_of_own(class, func);
                w.call(&callee, args, &[], CallRole::Used, place);
            }
        });
    }

    fn method_of_own(&self, class: u32, func: FuncId) -> Abs {
        let class = ClassRef::new(self.cause, class, EnvRef::default());
        Abs::Method(Rc::new(Abs::Instance(class, Owner::Fresh)), self.cause, func, EnvRef::default())
    }

    /// What may run, and does not fail if it does.
    fn under_condition(&mut self, run: impl FnOnce(&mut Self)) {
        let outer = self.path;
        self.path = Path { guarded: true, conditional: true, may_have_left: true, ..outer };
        self.calling_collected = true;
        // What may run, takes no steps from what does.
        let steps = std::mem::take(&mut self.steps);
        run(self);
        self.steps = steps;
        self.calling_collected = false;
        self.path = outer;
    }
}
