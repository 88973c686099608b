//! Classes whose subclasses somebody lists: `Base.__subclasses__()`.

use rayon::prelude::*;
use rustc_hash::FxHashSet;

use super::interpret::{Abs, AbsSet, Interpreter, Shared};
use super::{ModuleId, Program};
use crate::facts::{OpKind, Sym, Value};

/// A class whose subclasses are listed: of the program, or of foreign code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listed {
    /// Where it is defined, and its number there.
    Own(ModuleId, u32),
    /// Its dotted name.
    Foreign(Sym),
}

impl Listed {
    fn of(abs: Abs) -> Option<Self> {
        match abs {
            Abs::Class(class) => Some(Self::Own(class.module, class.class)),
            // Every class is a subclass of `object`.
            Abs::External(path) if path != "builtins.object" && path != "builtins.type" => {
                Some(Self::Foreign(path))
            }
            _ => None,
        }
    }
}

/// Classes whose `__subclasses__()` somebody calls.
pub(super) fn listed_classes(program: &Program, shared: &Shared) -> FxHashSet<Listed> {
    let subclasses = Sym::new("__subclasses__");
    let found: Vec<_> = program.par_ids().map(|id| listed_in(program, shared, id, subclasses)).collect();
    let mut listed: FxHashSet<Listed> = FxHashSet::default();
    let mut helpers: FxHashSet<Sym> = FxHashSet::default();
    for (classes, functions) in found {
        listed.extend(classes);
        helpers.extend(functions);
    }
    if !helpers.is_empty() {
        listed.extend(given_classes(program, shared, &helpers));
    }
    listed
}

/// Classes whose subclasses a module lists, and the functions in which it lists those of what they are given.
fn listed_in(program: &Program, shared: &Shared, id: ModuleId, subclasses: Sym) -> (Vec<Listed>, Vec<Sym>) {
    let mut listed = Vec::new();
    let mut helpers = Vec::new();
    let code = &program.module(id).facts.code;
    for (func, op) in code.ops_by_function() {
        let OpKind::Call { call, .. } = op.kind else { continue };
        let call = &code.call(call);
        let args = code.positional(call);
        let class = match (code.value(call.callee), args) {
            // `type.__subclasses__(cls)`
            (Value::Attr(_, name), &[class]) if name == subclasses => class,
            (Value::Attr(base, name), _) if name == subclasses => base,
            // `getattr(cls, "__subclasses__")`
            (Value::Global(_), &[class, name, ..]) if code.value(name) == Value::Str(subclasses) => class,
            _ => continue,
        };
        let mut interpreter = Interpreter::evaluator(program, shared, id);
        let classes = |found: AbsSet| found.into_iter().filter_map(Listed::of);
        let before = listed.len();
        listed.extend(classes(interpreter.evaluate(id, class)));
        if listed.len() > before {
            continue;
        }
        // A list that the function works off begins with classes that its module names.
        if code.function(func).params.is_empty() {
            for name in code.globals_mentioned() {
                let own = |class: &Listed| matches!(class, Listed::Own(..));
                listed.extend(classes(interpreter.global(id, name)).filter(own));
            }
            continue;
        }
        // `cls.__subclasses__()` in a method; else, or if called from outside, the function is given the class.
        let function = code.function(func);
        if let Some(class) = function.class {
            listed.push(Listed::Own(id, class));
        }
        helpers.push(function.name);
    }
    (listed, helpers)
}

/// Classes that calls by certain names are given.
fn given_classes(program: &Program, shared: &Shared, helpers: &FxHashSet<Sym>) -> Vec<Listed> {
    let given = |calls: &[(ModuleId, u32)]| {
        let id = calls[0].0;
        let code = &program.module(id).facts.code;
        let mut interpreter = Interpreter::evaluator(program, shared, id);
        let mut found = Vec::new();
        for &(_, call) in calls {
            let call = code.call(call);
            if let Value::Global(_) | Value::Attr(..) = code.value(call.callee) {
                for &arg in code.positional(&call) {
                    let classes = interpreter.evaluate(id, arg).into_iter().filter_map(Listed::of);
                    found.extend(classes.filter(|class| matches!(class, Listed::Own(..))));
                }
            }
        }
        found
    };
    let calls = program.calls_of_any(helpers);
    let by_module: Vec<_> = calls.chunk_by(|one, next| one.0 == next.0).collect();
    by_module.into_par_iter().flat_map_iter(given).collect()
}
