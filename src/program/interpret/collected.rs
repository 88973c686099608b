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

mod handed;

use std::sync::Arc as Rc;

use ruff_text_size::TextSize;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::{SmallVec, smallvec};

use self::handed::{Handed, keeps, ran};
use super::{Abs, AbsSet, ClassRef, EnvRef, Interpreter, Owner, Path};
use crate::facts::{CallRole, Code, FuncId, OpKind, Sym, Value, ValueId};
use crate::program::ModuleId;
use crate::program::callees::{class_behind, with_bases};

/// Which of the functions of the module that is loaded are called.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    /// All that are at its top.
    All,
    /// What it hands to anybody.
    Handed,
    /// What comes to one module.
    Of(ModuleId),
}

/// What has been called so far of what the module has collected, and whether that is going on.
#[derive(Default)]
pub(super) struct Collected {
    /// How many functions had run when what the module hands to others, or to one module, was called, and all that is at its top.
    handed_after: FxHashMap<Whose, usize>,
    /// The methods of the module's classes that have not been called by their names alone.
    methods: Option<FxHashMap<Sym, Vec<(FuncId, u32)>>>,
    /// The modules of which what they have decorated was called.
    decorated: FxHashSet<ModuleId>,
    running: bool,
}

impl Collected {
    /// Gives what is known of one module, to go on with another one.
    pub fn set_aside(&mut self) -> Self {
        let other = Self { running: self.running, ..Self::default() };
        std::mem::replace(self, other)
    }
}

/// To whom a module has handed what is found in containers of these modules.
fn whose(owners: impl Iterator<Item = ModuleId>, cause: ModuleId) -> SmallVec<[Whose; 1]> {
    let mut others: SmallVec<[ModuleId; 2]> = owners.filter(|&owner| owner != cause).collect();
    others.sort_unstable();
    others.dedup();
    if others.is_empty() { smallvec![Whose::Handed] } else { others.into_iter().map(Whose::Of).collect() }
}

/// Whether nothing but texts, numbers and displays of them is in something.
fn holds_plain(code: &Code, value: ValueId, depth: u32) -> bool {
    let plain = |value: ValueId| depth < 6 && holds_plain(code, value, depth + 1);
    match code.value(value) {
        Value::Str(_) | Value::Constant(_) | Value::Joined(..) => true,
        Value::Holder(inner) | Value::Item(inner) | Value::Sum(inner) => plain(inner),
        Value::Either(one, other) => plain(one) && plain(other),
        Value::Global(name) => {
            let bound = code.globals_of(name);
            !bound.is_empty() && bound.iter().all(|&(_, value)| plain(value))
        }
        Value::Var(var) => {
            let assigned = code.assigned_to(var);
            !assigned.is_empty() && assigned.iter().all(|&value| plain(value))
        }
        // `CONFIG["a"].get("b")`
        Value::Call(call) => match code.value(code.call(call).callee) {
            Value::Attr(base, name)
                if matches!(name.as_str(), "get" | "pop" | "items" | "values" | "keys") =>
            {
                plain(base)
            }
            Value::Global(name)
                if matches!(
                    name.as_str(),
                    "range" | "sorted" | "list" | "reversed" | "enumerate" | "open" | "str"
                ) =>
            {
                code.positional(&code.call(call))
                    .iter()
                    .all(|&value| plain(value) || name == "range" || name == "open")
            }
            _ => false,
        },
        _ => false,
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
        (module, callee, env): (ModuleId, ValueId, &EnvRef),
        (callees, role): (&AbsSet, CallRole),
        args: &[AbsSet],
    ) {
        if self.silent > 0 || self.collected.running {
            return;
        }
        let own = module == self.cause;
        let cause = self.cause;
        // What is in somebody else's container, may have been put there by the module.
        let is_own = |owner: Owner| match owner {
            Owner::Module(id, name) => id == cause || !matches!(name.as_str(), "" | "globals()"),
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
            Value::Call(call)
                if role == CallRole::Decorator && self.asks_object(module, code.call(call).callee, env) => {}
            // `kind().run()`
            Value::Attr(base, name) if is_found(code, base, 0) && !holds_plain(code, base, 0) => {
                let unclear = |abs: &Abs| match abs {
                    Abs::Bound(base, _) => unknown(base),
                    abs => unknown(abs),
                };
                if callees.iter().all(unclear) {
                    let owners = callees.iter().filter_map(|abs| match abs {
                        Abs::Bound(base, _) => Self::module_of(base),
                        abs => Self::module_of(abs),
                    });
                    let whose = whose(owners, cause);
                    self.call_methods_named(name, &whose, args);
                }
            }
            Value::Item(_) | Value::Var(_) | Value::Call(_)
                if callees.iter().all(unknown) && is_found(code, callee, 0) =>
            {
                if !own && Self::is_of_container(module, callees) {
                    self.call_decorated(module, args);
                }
                let owners = callees.iter().filter_map(Self::module_of);
                let whose = whose(owners, cause);
                let all = callees.iter().any(namespace);
                self.call_handed(if all { &[Whose::All] } else { &whose }, args);
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
                    let owners = callees.iter().filter_map(Self::module_of);
                    let whose = whose(owners, cause);
                    let all = callees.iter().any(namespace);
                    self.call_handed(if all { &[Whose::All] } else { &whose }, args);
                }
            }
            _ => {}
        }
    }

    /// Whether a method of an object that is no container is called: `@router.get("/teams")` makes a decorator, and finds none.
    fn asks_object(&mut self, module: ModuleId, callee: ValueId, env: &EnvRef) -> bool {
        let Value::Attr(base, _) = self.code(module).value(callee) else { return false };
        let object = |abs: &Abs| matches!(abs, Abs::Instance(..) | Abs::Made(..));
        self.quietly(|w| w.eval(module, base, env)).iter().all(object)
    }

    /// The module to which an object belongs of which nothing else is known.
    fn module_of(abs: &Abs) -> Option<ModuleId> {
        match abs {
            Abs::Object(Owner::Module(id, _)) => Some(*id),
            _ => None,
        }
    }

    fn handed(&self, whose: Whose) -> Handed {
        let run = &self.outcome.entered;
        match whose {
            Whose::All => Handed::all(self.code(self.cause)),
            Whose::Handed => Handed::of(self.program, self.cause, run),
            Whose::Of(to) => Handed::to(self.program, self.cause, run, Some(to)),
        }
    }

    /// Runs what the module hands to others, or all that is at its top.
    fn call_handed(&mut self, whose: &[Whose], args: &[AbsSet]) {
        for &whose in whose {
            self.call_handed_to(whose, args);
        }
    }

    fn call_handed_to(&mut self, whose: Whose, args: &[AbsSet]) {
        // Again, if more functions have run since, which may have handed on something.
        let run = self.outcome.entered.len();
        if self.collected.handed_after.insert(whose, run) == Some(run) {
            return;
        }
        let cause = self.cause;
        let code = self.code(cause);
        let handed = self.handed(whose);
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

    /// Whether nothing is known of something but that it is in a container of the module whose code has it.
    fn is_of_container(module: ModuleId, callees: &AbsSet) -> bool {
        let holds = |abs: &Abs| matches!(abs, Abs::Object(Owner::Module(id, name)) if *id == module && !matches!(name.as_str(), "" | "globals()"));
        !callees.is_empty() && callees.iter().all(holds)
    }

    /// A module calls what it has collected itself by decorators: `@command def show(): …`, `COMMANDS[name]()`.
    fn call_decorated(&mut self, module: ModuleId, args: &[AbsSet]) {
        if !self.collected.decorated.insert(module) {
            return;
        }
        let program = self.program;
        let code = self.code(module);
        let place = (self.cause, self.at);
        self.under_condition(|w| {
            for (func, function) in (0..).map(FuncId).zip(&code.functions) {
                if function.class.is_none()
                    && function.parent.is_module()
                    && function.decorators.iter().any(|&value| keeps(program, module, value))
                {
                    let callee = Abs::Function(module, func, EnvRef::default(), Owner::Fresh);
                    w.call(&callee, args, &[], CallRole::Used, place);
                }
            }
        });
    }

    /// Something is called that was found in the namespace of another module: `for name, kind in inspect.getmembers(module): kind()`.
    pub(super) fn call_all_of(&mut self, id: ModuleId, args: &[AbsSet]) {
        if self.silent > 0 {
            return;
        }
        let all = Handed::all(self.code(id));
        let place = (self.cause, self.at);
        self.under_condition(|w| {
            for func in all.functions {
                let callee = Abs::Function(id, func, EnvRef::default(), Owner::Fresh);
                w.call(&callee, args, &[], CallRole::Used, place);
            }
            for class in all.classes {
                let class = ClassRef::new(id, class, EnvRef::default());
                w.call(&Abs::Class(class), args, &[], CallRole::Used, place);
            }
        });
    }

    /// Runs the methods of a name in all classes of the module.
    fn call_methods_named(&mut self, name: Sym, whose: &[Whose], args: &[AbsSet]) {
        let cause = self.cause;
        let code = self.code(cause);
        if code.classes.is_empty() || name.as_str().starts_with("__") {
            return;
        }
        if !whose.iter().any(|&whose| matches!(whose, Whose::Handed) || self.handed(whose).anything) {
            return;
        }
        let methods = self.collected.methods.get_or_insert_with(|| {
            let mut methods: FxHashMap<Sym, Vec<(FuncId, u32)>> = FxHashMap::default();
            for (func, function) in (0..).map(FuncId).zip(&code.functions) {
                if let Some(class) = function.class {
                    methods.entry(function.name).or_default().push((func, class));
                }
            }
            methods
        });
        // Each once, and those of classes that nobody has made yet, later.
        let Some(methods) = methods.remove(&name) else { return };
        let known = Handed::of(self.program, cause, &self.outcome.entered);
        let made = self.made_classes();
        let (methods, later): (Vec<_>, Vec<_>) =
            methods.into_iter().partition(|(_, class)| known.classes.contains(class) || made.contains(class));
        if let Some(own) = &mut self.collected.methods {
            own.insert(name, later);
        }
        let place: (ModuleId, TextSize) = (cause, self.at);
        self.under_condition(|w| {
            for (func, class) in methods {
                let callee = w.method_of_own(class, func);
                w.call(&callee, args, &[], CallRole::Used, place);
            }
        });
    }

    /// The classes of the module that have been called by their names, with their bases.
    fn made_classes(&self) -> FxHashSet<u32> {
        let cause = self.cause;
        let code = self.code(cause);
        let mut found: Vec<(ModuleId, u32)> = Vec::new();
        for op in ran(code, &self.outcome.entered) {
            if let OpKind::Call { call, .. } = op.kind {
                found.extend(class_behind(self.program, cause, code.call(call).callee));
            }
        }
        let all = with_bases(self.program, found);
        all.into_iter().filter(|(module, _)| *module == cause).map(|(_, class)| class).collect()
    }

    fn method_of_own(&self, class: u32, func: FuncId) -> Abs {
        let class = ClassRef::new(self.cause, class, EnvRef::default());
        Abs::Method(Rc::new(Abs::Instance(class, Owner::Fresh)), self.cause, func, EnvRef::default())
    }

    /// What may run, and does not fail if it does.
    pub(super) fn under_condition(&mut self, run: impl FnOnce(&mut Self)) {
        let outer = self.path;
        self.path = Path { guarded: true, conditional: true, may_have_left: true, ..outer };
        let calling = std::mem::replace(&mut self.collected.running, true);
        // What may run, takes no steps from what does.
        let steps = std::mem::take(&mut self.steps);
        run(self);
        self.steps = steps;
        self.collected.running = calling;
        self.path = outer;
    }
}
