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
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Abs, AbsSet, ClassRef, EnvRef, Interpreter, Owner, Path};
use crate::facts::{CallRole, Code, FuncId, Op, OpKind, Sym, Value, ValueId};
use crate::program::callees::{class_behind, with_bases};
use crate::program::{ModuleId, Origin, Program};

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
    /// What those functions of a module hand on that have run while it loads.
    fn of(program: &Program, id: ModuleId, run: &[FuncId]) -> Self {
        let code = &program.module(id).facts.code;
        let mut handed = Self::default();
        for (func, function) in (0..).map(FuncId).zip(&code.functions) {
            if function.decorators.iter().any(|&value| keeps(program, id, value)) {
                handed.functions.push(func);
            }
        }
        // A base may list its subclasses, if anybody does.
        let listed = code.attributes().any(|attr| attr == "__subclasses__")
            || code.classes.iter().any(|class| {
                class.metaclass.is_some()
                    || class.members.iter().any(|(name, _)| *name == "__init_subclass__")
            });
        for (index, class) in (0..).zip(&code.classes) {
            let own = |&base: &ValueId| listed && is_own_class(code, base);
            if class.decorators.iter().any(|&value| keeps(program, id, value)) || class.bases.iter().any(own)
            {
                handed.classes.push(index);
            }
        }
        for op in ran(code, run) {
            let values = match op.kind {
                OpKind::Call { call, role } if role != CallRole::Decorator => {
                    let call = code.call(call);
                    let args = &code.args[call.args.start as usize..call.args.end as usize];
                    let named =
                        |value: &&ValueId| matches!(code.value(**value), Value::Global(_) | Value::Attr(..));
                    handed.others.extend(args.iter().filter(named));
                    args
                }
                OpKind::SetItem { value, .. }
                | OpKind::SetAttr { value, .. }
                | OpKind::SetGlobal { value, .. }
                | OpKind::Read(value) => &[value],
                _ => &[],
            };
            let defines = matches!(op.kind, OpKind::SetGlobal { .. } | OpKind::Read(_));
            for &value in values {
                if !(defines && is_definition(code, value)) {
                    handed.value(code, value, 0);
                }
            }
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

/// The operations of import-time code and of functions that it has called.
fn ran(code: &Code, run: &[FuncId]) -> impl Iterator<Item = Op> {
    let mut run = run.to_vec();
    run.push(FuncId::MODULE);
    run.sort_unstable();
    run.dedup();
    run.into_iter().flat_map(|func| code.ops_of(func)).filter(|op| !op.main_guard)
}

/// Whether a decorator may keep what it decorates: not one of the library or of other people's, nor one that does nothing.
fn keeps(program: &Program, id: ModuleId, decorator: ValueId) -> bool {
    let facts = &program.module(id).facts;
    let code = &facts.code;
    let mut root = decorator;
    loop {
        root = match code.value(root) {
            Value::Call(call) => code.call(call).callee,
            Value::Attr(_, name) if KEEP_NOTHING.contains(&name.as_str()) => return false,
            Value::Attr(base, _) => base,
            _ => break,
        };
    }
    let Value::Global(name) = code.value(root) else { return true };
    let mut sites = facts.sites_of(name).peekable();
    if sites.peek().is_none() {
        let does_nothing = |&(_, value): &(Sym, ValueId)| matches!(code.value(value), Value::Function(func) if code.ops_of(func).next().is_none());
        let bound = code.globals_of(name);
        return facts.names.contains(name) && (bound.is_empty() || !bound.iter().all(does_nothing));
    }
    !sites.all(|site| {
        let import = &facts.imports[site.stmt as usize];
        program.origin(id, import, site.alias as usize) == Origin::Foreign
    })
}

/// Whether a value is a function or class as its definition binds it, which hands it to nobody.
fn is_definition(code: &Code, value: ValueId) -> bool {
    match code.value(value) {
        Value::Function(func) => code.function(func).name != "<lambda>",
        Value::Class(_) => true,
        // With a decorator.
        Value::Either(one, _) => is_definition(code, one),
        _ => false,
    }
}

/// Whether a value is a class of the module by its name.
fn is_own_class(code: &Code, value: ValueId) -> bool {
    match code.value(value) {
        Value::Class(_) => true,
        Value::Global(name) => {
            code.globals_of(name).iter().any(|&(_, value)| matches!(code.value(value), Value::Class(_)))
        }
        _ => false,
    }
}

/// Whether nothing but texts, numbers and displays of them is in something.
fn holds_plain(code: &Code, value: ValueId, depth: u32) -> bool {
    let plain = |value: ValueId| depth < 6 && holds_plain(code, value, depth + 1);
    match code.value(value) {
        Value::Str(_) | Value::Constant(_) | Value::Joined(..) => true,
        Value::Holder(inner) | Value::Item(inner) => plain(inner),
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
            Value::Attr(base, name) if is_found(code, base, 0) && !holds_plain(code, base, 0) => {
                let unclear = |abs: &Abs| match abs {
                    Abs::Bound(base, _) => unknown(base),
                    abs => unknown(abs),
                };
                if callees.iter().all(unclear) {
                    self.call_methods_named(name, args);
                }
            }
            Value::Item(_) | Value::Var(_) | Value::Call(_)
                if !own && Self::is_of_container(module, callees) && is_found(code, callee, 0) =>
            {
                self.call_decorated(module, args);
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
        // Again, if more functions have run since, which may have handed on something.
        let run = Some(self.outcome.entered.len());
        if std::mem::replace(&mut self.called_handed[usize::from(all)], run) == run {
            return;
        }
        let cause = self.cause;
        let code = self.code(cause);
        let handed =
            if all { Handed::all(code) } else { Handed::of(self.program, cause, &self.outcome.entered) };
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
        if !self.decorated_called.insert(module) {
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
        // Each once, and those of classes that nobody has made yet, later.
        let Some(methods) = methods.remove(&name) else { return };
        let known = Handed::of(self.program, cause, &self.outcome.entered);
        let made = self.made_classes();
        let (methods, later): (Vec<_>, Vec<_>) =
            methods.into_iter().partition(|(_, class)| known.classes.contains(class) || made.contains(class));
        if let Some(own) = &mut self.own_methods {
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
        let calling = std::mem::replace(&mut self.calling_collected, true);
        // What may run, takes no steps from what does.
        let steps = std::mem::take(&mut self.steps);
        run(self);
        self.steps = steps;
        self.calling_collected = calling;
        self.path = outer;
    }
}
