//! Code that runs where importing does not work: finalizers at shutdown, and the import system itself.
//!
//! Reads in such functions, and in functions that they call, also across modules, keep their sites eager.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{KeepReason, ModuleVerdicts, Reason};
use crate::facts::{Call, CallRole, FuncId, OpKind, Sym, Value, ValueId};
use crate::program::callees::{class_behind, functions_of};
use crate::program::state::{foreign_path, last_name};
use crate::program::{ModuleId, Program};

/// Methods of finders and loaders.
const HOOK_METHODS: &[&str] = &[
    "find_spec",
    "find_module",
    "find_loader",
    "load_module",
    "exec_module",
    "create_module",
    "find_distributions",
];

/// Calls whose arguments run inside the interpreter's machinery.
const HOOK_CALLS: &[&str] = &["settrace", "setprofile", "addaudithook"];

/// Calls whose second argument runs when an object goes away, which may be while the interpreter shuts down.
const WEAK_REFERENCES: &[&str] = &["ref", "proxy", "WeakMethod"];

/// The functions that run late, with the reason.
pub type LateCode = FxHashMap<(ModuleId, FuncId), KeepReason>;

/// Finds all functions that may run in a finalizer or in the import system.
pub fn late_code(program: &Program) -> LateCode {
    let mut found = LateCode::default();
    let starts: Vec<Vec<_>> = program.par_ids().map(|id| late_in(program, id)).collect();
    let mut todo: Vec<(ModuleId, FuncId, KeepReason)> = starts.into_iter().flatten().collect();
    let mut derived: Option<Derived> = None;
    while let Some((id, func, reason)) = todo.pop() {
        if found.contains_key(&(id, func)) {
            continue;
        }
        found.insert((id, func), reason);
        let code = &program.module(id).facts.code;
        for op in code.ops_of(func) {
            if let OpKind::Call { call, .. } = op.kind {
                let callee = code.call(call).callee;
                for (module, callee) in functions_of(program, id, callee) {
                    todo.push((module, callee, reason));
                }
                // `self.close()`, which a class derived from this one may define.
                if let Some((class, name)) = method_of_self(program, id, func, callee) {
                    let derived = derived.get_or_insert_with(|| derived_classes(program));
                    let mut methods = overriding(program, derived, (id, class), name);
                    methods.extend(inherited(program, (id, class), name));
                    todo.extend(methods.into_iter().map(|(module, method)| (module, method, reason)));
                }
            }
        }
        // Properties of the object, and what `with` and a class that is called run.
        let of_self = code.function(func).class.map(|class| (class, code.function(func).params.start));
        if let Some((class, this)) = of_self {
            for (_, _, name) in code.attributes_of_variables().filter(|(var, ..)| *var == this) {
                todo.extend(methods_of(program, (id, class), name).map(|(m, f)| (m, f, reason)));
            }
        }
        for op in code.ops_of(func) {
            let OpKind::Call { call, .. } = op.kind else { continue };
            let callee = code.call(call).callee;
            let (made, name) = match code.value(callee) {
                Value::Attr(base, name) => match code.value(base) {
                    Value::Call(made) => (code.call(made).callee, name),
                    _ => continue,
                },
                _ => (callee, Sym::new("__init__")),
            };
            if let Some(class) = class_behind(program, id, made) {
                todo.extend(methods_of(program, class, name).map(|(m, f)| (m, f, reason)));
            }
        }
        // Lambdas and nested functions run with it.
        for (index, function) in code.functions.iter().enumerate().skip(1) {
            if function.parent == func {
                todo.push((id, FuncId(u32::try_from(index).unwrap_or_default()), reason));
            }
        }
    }
    found
}

/// Classes of the program, and those that name them as a base.
type Derived = FxHashMap<(ModuleId, u32), Vec<(ModuleId, u32)>>;

fn derived_classes(program: &Program) -> Derived {
    let pairs: Vec<Vec<_>> = program
        .par_ids()
        .map(|id| {
            let classes = (0..).zip(&program.module(id).facts.code.classes);
            let bases = classes.flat_map(|(index, class)| class.bases.iter().map(move |&base| (index, base)));
            bases.filter_map(|(index, base)| Some((class_behind(program, id, base)?, (id, index)))).collect()
        })
        .collect();
    let mut derived = Derived::default();
    for (base, class) in pairs.into_iter().flatten() {
        derived.entry(base).or_default().push(class);
    }
    derived
}

/// The class and the name, if a callee is a method of the object whose method `func` is.
fn method_of_self(program: &Program, id: ModuleId, func: FuncId, callee: ValueId) -> Option<(u32, Sym)> {
    let code = &program.module(id).facts.code;
    let Value::Attr(base, name) = code.value(callee) else { return None };
    let function = code.function(func);
    let own = matches!(code.value(base), Value::Var(var) if var == function.params.start);
    Some((function.class.filter(|_| own)?, name))
}

/// The methods of a name in all classes below one.
fn overriding(
    program: &Program,
    derived: &Derived,
    class: (ModuleId, u32),
    name: Sym,
) -> Vec<(ModuleId, FuncId)> {
    let mut found = Vec::new();
    let mut seen = FxHashSet::default();
    let mut todo = vec![class];
    while let Some(class) = todo.pop() {
        for &(id, index) in derived.get(&class).into_iter().flatten() {
            if seen.insert((id, index)) {
                todo.push((id, index));
                let functions = (0..).map(FuncId).zip(&program.module(id).facts.code.functions);
                let methods = functions.filter(|(_, f)| f.class == Some(index) && f.name == name);
                found.extend(methods.map(|(func, _)| (id, func)));
            }
        }
    }
    found
}

/// The methods of a name of a class, its own and those of the classes above.
fn methods_of(
    program: &Program,
    class: (ModuleId, u32),
    name: Sym,
) -> impl Iterator<Item = (ModuleId, FuncId)> {
    let functions = (0..).map(FuncId).zip(&program.module(class.0).facts.code.functions);
    let own = functions.filter(move |(_, f)| f.class == Some(class.1) && f.name == name);
    own.map(move |(func, _)| (class.0, func)).chain(inherited(program, class, name))
}

/// The methods of a name in the classes above one.
fn inherited(program: &Program, class: (ModuleId, u32), name: Sym) -> Vec<(ModuleId, FuncId)> {
    let mut found = Vec::new();
    let mut seen = FxHashSet::default();
    let mut todo = vec![class];
    while let Some((id, index)) = todo.pop() {
        let code = &program.module(id).facts.code;
        for base in code.classes[index as usize].bases.iter().filter_map(|&b| class_behind(program, id, b)) {
            if seen.insert(base) {
                todo.push(base);
                let functions = (0..).map(FuncId).zip(&program.module(base.0).facts.code.functions);
                let methods = functions.filter(|(_, f)| f.class == Some(base.1) && f.name == name);
                found.extend(methods.map(|(func, _)| (base.0, func)));
            }
        }
    }
    found
}

/// The methods of one module that run late, and the functions that it hands to the import system.
fn late_in(program: &Program, id: ModuleId) -> Vec<(ModuleId, FuncId, KeepReason)> {
    let mut todo = Vec::new();
    let code = &program.module(id).facts.code;
    for (index, function) in code.functions.iter().enumerate() {
        if function.class.is_none() {
            continue;
        }
        let reason = match function.name.as_str() {
            "__del__" => KeepReason::FinalizerUse,
            name if HOOK_METHODS.contains(&name) => KeepReason::ImportHookUse,
            _ => continue,
        };
        let func = FuncId(u32::try_from(index).unwrap_or_default());
        todo.push((id, func, reason));
    }
    // `__del__ = close`
    for &(name, value) in code.classes.iter().flat_map(|class| &class.members) {
        if name == "__del__" {
            todo.extend(
                functions_of(program, id, value).into_iter().map(|(m, f)| (m, f, KeepReason::FinalizerUse)),
            );
        }
    }
    // A generator that a global keeps is closed when the module goes away: its `finally` runs.
    for &(_, value) in code.globals {
        if let Value::Call(call) = code.value(value) {
            for (module, func) in functions_of(program, id, code.call(call).callee) {
                let function = program.module(module).facts.code.function(func);
                if function.closes && function.decorators.is_empty() {
                    todo.push((module, func, KeepReason::FinalizerUse));
                }
            }
        }
    }
    todo.extend(redirected(program, id).map(|func| (id, func, KeepReason::ImportHookUse)));
    for op in code.ops() {
        if let OpKind::Call { call, .. } = op.kind
            && let call = code.call(call)
            && let &[_, callback, ..] = code.positional(&call)
            && last_name(program, id, call.callee)
                .is_some_and(|name| WEAK_REFERENCES.contains(&name.as_str()))
            && foreign_path(program, id, call.callee).is_some_and(|path| path.starts_with("weakref."))
        {
            // A function inside a function is a variable there.
            let values = match code.value(callback) {
                Value::Var(var) => code.assigned_to(var),
                _ => &[callback],
            };
            let functions = values.iter().flat_map(|&value| functions_of(program, id, value));
            todo.extend(functions.map(|(module, func)| (module, func, KeepReason::FinalizerUse)));
        }
        if let OpKind::SetAttr { attr, value, .. } = op.kind
            && attr == "__del__"
        {
            todo.extend(
                functions_of(program, id, value).into_iter().map(|(m, f)| (m, f, KeepReason::FinalizerUse)),
            );
        }
        let hooked = match op.kind {
            OpKind::Call { call, role: CallRole::Dropped | CallRole::Used } => {
                let call = &code.call(call);
                match code.value(call.callee) {
                    Value::Attr(base, name) => {
                        let in_hooks = matches!(code.value(base), Value::Attr(_, list)
                                if matches!(list.as_str(), "path_hooks" | "meta_path"));
                        if HOOK_CALLS.contains(&name.as_str()) || in_hooks {
                            code.positional(call)
                        } else {
                            &[]
                        }
                    }
                    _ => &[],
                }
            }
            OpKind::SetAttr { attr, ref value, .. } if attr == "__import__" => std::slice::from_ref(value),
            _ => &[],
        };
        for &value in hooked {
            for func in functions_of(program, id, value) {
                todo.push((func.0, func.1, KeepReason::ImportHookUse));
            }
        }
    }
    todo
}

/// The functions of a module that run while imports give something else: what is loaded then, is gone afterwards, or not loaded at all.
///
/// ```python
/// with mock.patch.dict(sys.modules): …
/// @mock.patch("builtins.__import__", side_effect=ImportError)
/// builtins.__import__ = refuse
/// ```
fn redirected(program: &Program, id: ModuleId) -> impl Iterator<Item = FuncId> {
    let code = &program.module(id).facts.code;
    let may_be = code
        .strings
        .iter()
        .any(|text| matches!(text.as_str(), "__import__" | "builtins.__import__" | "sys.modules"))
        || code.attributes().any(|attr| matches!(attr.as_str(), "modules" | "__import__"));
    let is_patch = |call: &Call| may_be && redirects(program, id, call);
    let decorates =
        |value: ValueId| matches!(code.value(value), Value::Call(call) if is_patch(&code.call(call)));
    let decorated = (0..).map(FuncId).zip(&code.functions).filter(move |(_, function)| {
        let class = function.class.map(|class| &code.classes[class as usize].decorators);
        may_be
            && function
                .decorators
                .iter()
                .chain(class.into_iter().flat_map(|all| all.iter()))
                .any(|&value| decorates(value))
    });
    let decorated: Vec<FuncId> = decorated.map(|(func, _)| func).collect();
    let around = code.ops_by_function().filter(move |(func, op)| {
        may_be
            && match op.kind {
                OpKind::Call { call, role } => {
                    role != CallRole::Decorator && redirects(program, id, &code.call(call))
                }
                OpKind::SetAttr { attr, .. } => !func.is_module() && attr == "__import__",
                _ => false,
            }
    });
    decorated.into_iter().chain(around.map(|(func, _)| func))
}

/// Whether a call puts something else in the place of `sys.modules` or of what imports, until it is undone.
fn redirects(program: &Program, id: ModuleId, call: &Call) -> bool {
    let code = &program.module(id).facts.code;
    let Some(name) = last_name(program, id, call.callee) else { return false };
    let text = |value: ValueId| match code.value(value) {
        Value::Str(text) => Some(text.as_str()),
        _ => None,
    };
    let last = |value: ValueId| match code.value(value) {
        Value::Attr(_, name) | Value::Global(name) => Some(name),
        _ => None,
    };
    match (name.as_str(), code.positional(call)) {
        // `mock.patch.dict(sys.modules, {"fast": None})`
        ("dict", &[table, ..]) => {
            matches!(code.value(call.callee), Value::Attr(base, _) if last(base).is_some_and(|name| name == "patch"))
                && (text(table) == Some("sys.modules")
                    || foreign_path(program, id, table).is_some_and(|path| path == "sys.modules"))
        }
        ("patch" | "setattr", &[target, ..]) if let Some(target) = text(target) => {
            matches!(target, "builtins.__import__" | "sys.modules" | "importlib.import_module")
        }
        // `mock.patch.object(builtins, "__import__", refuse)`, `monkeypatch.setattr(builtins, "__import__", refuse)`
        ("object" | "setattr", &[_, attribute, ..]) => text(attribute) == Some("__import__"),
        _ => false,
    }
}

/// Adds the reasons.
pub fn decide(program: &Program, id: ModuleId, late: &LateCode, verdicts: &mut ModuleVerdicts) {
    let facts = &program.module(id).facts;
    for read in facts.reads() {
        let Some(&kind) = late.get(&(id, read.func)) else { continue };
        let note = match kind {
            KeepReason::FinalizerUse => "may be read while the interpreter shuts down",
            _ => "may be read inside the import system",
        };
        for (site, verdict) in facts.sites.iter().zip(&mut verdicts.sites) {
            if site.bound == read.name {
                verdict.keep(Reason::at(kind, id, read.range, note).about(site.bound));
            }
        }
    }
}
