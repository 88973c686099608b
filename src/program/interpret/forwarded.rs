//! What a call hands on of what the function around it was given.
//!
//! ```python
//! class Meta(type):
//!     def __call__(cls, *args, **options):
//!         made = super().__call__(*args, **options)     # what stood at the call of the class
//! ```
//!
//! The arguments of such a call are those of the call that entered the function, if that one was written out, or was itself handed
//! on completely. What the function does to `options` before counts as unknown, key by key.

use smallvec::{SmallVec, smallvec};

use super::told::{Given, Told};
use super::{Abs, AbsSet, EnvRef, Interpreter, elements_of};
use crate::facts::{Call, Code, FuncId, OpKind, Sym, Unpacked, Value, ValueId};
use crate::program::{ModuleId, tables};

/// The arguments of a call.
pub(super) struct Arguments {
    pub positional: Vec<AbsSet>,
    pub keywords: Vec<(Sym, AbsSet)>,
    /// What is told of them, if there are no others.
    pub given: Option<Given>,
}

/// Arguments that a function takes as `*args` and `**options`; complete.
#[derive(Debug, Default)]
pub struct Extra {
    positional: Box<[AbsSet]>,
    keywords: Box<[(Sym, AbsSet)]>,
}

impl Extra {
    pub(super) fn new(positional: &[AbsSet], keywords: Vec<(Sym, AbsSet)>) -> Self {
        Self { positional: positional.into(), keywords: keywords.into() }
    }
}

impl Interpreter<'_> {
    /// Evaluates the arguments of a call.
    pub(super) fn arguments(&mut self, module: ModuleId, call: &Call, env: &EnvRef) -> Arguments {
        let code = self.code(module);
        let (written, unpacked) = code.positional(call).split_at(match call.unpacked {
            Unpacked::Nothing | Unpacked::Otherwise => code.positional(call).len(),
            Unpacked::Arguments | Unpacked::Options => code.positional(call).len() - 1,
            Unpacked::Both => code.positional(call).len() - 2,
        });
        let mut positional: Vec<AbsSet> = written.iter().map(|&a| self.eval(module, a, env)).collect();
        let mut keywords: Vec<(Sym, AbsSet)> =
            code.keyword_args(call).map(|(n, v)| (n, self.eval(module, v, env))).collect();
        let told = |value: ValueId| self.told(module, value, env);
        let mut given = (call.unpacked != Unpacked::Otherwise).then(|| Given {
            positional: written.iter().map(|&value| told(value)).collect(),
            keywords: code.keyword_args(call).map(|(name, value)| (name, told(value))).collect(),
        });
        for (index, &value) in unpacked.iter().enumerate() {
            let options = call.unpacked == Unpacked::Options || index == 1;
            let complete = given.as_mut().is_some_and(|given| {
                Self::hand_on(code, value, options, env, (&mut positional, &mut keywords, given))
            });
            if !complete {
                given = None;
                let set = self.eval(module, value, env);
                if options {
                    // They have names, which nobody knows here.
                    keywords.push((Sym::new("**"), set.iter().flat_map(elements_of).collect()));
                }
                positional.push(set);
            }
        }
        Arguments { positional, keywords, given }
    }

    /// Adds what stands for `*value` or `**value`; false if that is not known completely.
    fn hand_on(
        code: &Code,
        value: ValueId,
        options: bool,
        env: &EnvRef,
        (positional, keywords, given): (&mut Vec<AbsSet>, &mut Vec<(Sym, AbsSet)>, &mut Given),
    ) -> bool {
        // What an unpacked argument gives are its elements.
        let whole = match code.value(value) {
            Value::Item(whole) if !options => whole,
            _ => value,
        };
        let Value::Var(var) = code.value(whole) else { return false };
        let Some(around) = env.around(var) else { return false };
        let Some(extra) = around.extra.as_deref() else { return false };
        let function = code.function(around.func);
        let last = function.params.end - 1;
        let told = |index: usize| around.told.get(around.bindings.len() + index).copied().unwrap_or_default();
        if code.vars[var as usize].rebound() {
            return false;
        }
        if !options {
            if !function.vararg || var != last - u32::from(function.kwarg) {
                return false;
            }
            positional.extend(extra.positional.iter().cloned());
            given.positional.extend((0..extra.positional.len()).map(told));
            return true;
        }
        if !function.kwarg || var != last {
            return false;
        }
        let Some(touched) = touched(code, around.func, value) else { return false };
        for (index, (name, set)) in extra.keywords.iter().enumerate() {
            if !touched.contains(name) {
                keywords.push((*name, set.clone()));
                given.keywords.push((*name, told(extra.positional.len() + index)));
            }
        }
        for name in touched {
            keywords.push((name, smallvec![Abs::Unknown]));
            given.keywords.push((name, Told::Nothing));
        }
        true
    }
}

/// Builtins that change nothing of what they are given.
const OBSERVERS: &[&str] = &[
    "all",
    "any",
    "bool",
    "dict",
    "frozenset",
    "isinstance",
    "iter",
    "len",
    "list",
    "print",
    "repr",
    "set",
    "sorted",
    "str",
    "tuple",
];

/// The keys under which a function, or one inside it, changes its `**options`; `None` if that cannot be told.
fn touched(code: &Code, func: FuncId, options: ValueId) -> Option<SmallVec<[Sym; 2]>> {
    let inside = |id: &FuncId| *id == func || code.function(*id).parent >= func;
    let ids = (func.0..).map(FuncId).take(code.functions.len() - func.index()).take_while(inside);
    let name_of = |key: ValueId| match code.value(key) {
        Value::Str(name) => Some(name),
        _ => None,
    };
    let is_or_holds = |value: ValueId| {
        value == options
            || match code.value(value) {
                Value::Either(a, b) => a == options || b == options,
                Value::Holder(inside) => inside == options,
                _ => false,
            }
    };
    // Under another name.
    if code.is_assigned(options) {
        return None;
    }
    let mut touched = SmallVec::new();
    for op in ids.flat_map(|id| code.ops_of(id)) {
        match op.kind {
            OpKind::SetItem { base, key, .. } | OpKind::DelItem { base, key } if base == options => {
                touched.push(name_of(key)?);
            }
            OpKind::ChangeInPlace { base, .. } if base == options => return None,
            OpKind::SetAttr { value, .. }
            | OpKind::SetItem { value, .. }
            | OpKind::ChangeInPlace { value, .. }
                if is_or_holds(value) =>
            {
                return None;
            }
            OpKind::Call { call, .. } => {
                let call = code.call(call);
                let positional = code.positional(&call);
                match code.value(call.callee) {
                    Value::Attr(base, method) if base == options => match method.as_str() {
                        "pop" | "setdefault" => touched.push(name_of(*positional.first()?)?),
                        "update" if positional.is_empty() => {
                            touched.extend(code.keyword_args(&call).map(|(name, _)| name));
                        }
                        method if tables::MUTATORS.contains(&method) => return None,
                        _ => {}
                    },
                    Value::Global(name) if OBSERVERS.contains(&name.as_str()) => {}
                    Value::Attr(_, method) if method == "update" => {}
                    _ => {
                        let unpacked =
                            usize::from(matches!(call.unpacked, Unpacked::Options | Unpacked::Both));
                        let plain = &positional[..positional.len() - unpacked];
                        if plain.iter().any(|&v| is_or_holds(v))
                            || code.keyword_args(&call).any(|(_, v)| is_or_holds(v))
                        {
                            return None;
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Some(touched)
}
