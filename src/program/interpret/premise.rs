//! What a call tells about the parameters of a function, and which operations can not run then.
//!
//! Only what stands at the call itself counts: a constant, a function, another parameter about which something is told, or
//! nothing where the parameter has a constant default. So nothing that is forgotten of control flow matters here.

use smallvec::SmallVec;

use super::{EnvRef, Interpreter};
use crate::facts::{Asked, Call, Code, Constant, FuncId, Sym, Value, ValueId};
use crate::program::ModuleId;

/// What is known of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Told {
    /// Nothing.
    Nothing,
    /// It is this constant, or as good.
    Constant(Constant),
    /// It is this text.
    Text(Sym),
    /// It is a function.
    Function,
    /// It is not `None`.
    Something,
}

/// What a call gives: positional arguments, and those with a name. There are no others.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    pub positional: SmallVec<[Told; 4]>,
    pub keywords: SmallVec<[(Sym, Told); 4]>,
}

impl Told {
    /// Whether a value of which this is told can be what is asked.
    fn allows(self, asked: Asked, text: Option<Sym>) -> bool {
        match asked {
            Asked::True => !matches!(self, Self::Constant(Constant::None | Constant::False)),
            Asked::False => !matches!(self, Self::Constant(Constant::True) | Self::Text(_) | Self::Function),
            Asked::IsNone => matches!(self, Self::Nothing | Self::Constant(Constant::None)),
            Asked::NotNone => self != Self::Constant(Constant::None),
            Asked::IsText => !matches!(self, Self::Constant(_) | Self::Function),
            Asked::NotText => !matches!(self, Self::Text(_)),
            Asked::Callable => !matches!(self, Self::Constant(_) | Self::Text(_)),
            Asked::NotCallable => self != Self::Function,
            Asked::Equals => match self {
                Self::Text(own) => text.is_none_or(|text| text == own),
                Self::Constant(_) | Self::Function => false,
                Self::Nothing | Self::Something => true,
            },
            Asked::Differs => !matches!(self, Self::Text(own) if text == Some(own)),
        }
    }
}

impl Interpreter<'_> {
    /// What a call tells, if it is written out.
    pub(super) fn given(code: &Code, call: &Call, env: &EnvRef) -> Option<Given> {
        if call.star {
            return None;
        }
        let told = |value: ValueId| Self::told(code, value, env);
        Some(Given {
            positional: code.positional(call).iter().map(|&value| told(value)).collect(),
            keywords: code.keyword_args(call).map(|(name, value)| (name, told(value))).collect(),
        })
    }

    pub(super) fn told(code: &Code, value: ValueId, env: &EnvRef) -> Told {
        match code.value(value) {
            Value::Constant(constant) => Told::Constant(constant),
            Value::Str(text) => Told::Text(text),
            Value::Function(_) => Told::Function,
            Value::Class(_) | Value::Holder(_) => Told::Something,
            Value::Var(var) if !code.vars[var as usize].rebound => env.told(var),
            _ => Told::Nothing,
        }
    }

    /// What is known of the parameters of a function that is entered with so many arguments, the last of them from the call.
    pub(super) fn told_of(
        &self,
        (module, func): (ModuleId, FuncId),
        arguments: usize,
        given: Option<&Given>,
    ) -> Box<[Told]> {
        let code = self.code(module);
        let function = code.function(func);
        let count = function.params.len();
        let Some(given) = given else { return Box::default() };
        let Some(before) = arguments.checked_sub(given.positional.len()) else { return Box::default() };
        let last = count - usize::from(function.vararg) - usize::from(function.kwarg);
        let positional = function.positional as usize;
        let told: Box<[Told]> = (0..count)
            .map(|index| {
                let var = &code.vars[function.params.start as usize + index];
                let named = given.keywords.iter().find(|(name, _)| *name == var.name);
                if function.vararg && index == last {
                    // `*args` is a tuple: empty or not.
                    let filled = arguments > positional;
                    Told::Constant(if filled { Constant::True } else { Constant::False })
                } else if index >= last || index < positional && index < before {
                    Told::Nothing
                } else if index < positional && index < arguments {
                    given.positional[index - before]
                } else if let Some((_, told)) = named {
                    *told
                } else {
                    match code.value(var.default) {
                        Value::Constant(constant) => Told::Constant(constant),
                        Value::Str(text) => Told::Text(text),
                        _ => Told::Nothing,
                    }
                }
            })
            .collect();
        if told.iter().all(|told| *told == Told::Nothing) { Box::default() } else { told }
    }

    /// Whether what is asked of parameters may hold, by what is told of them; `given` says that they are not bound again before.
    pub(super) fn may_be(
        code: &Code,
        of: ValueId,
        (asked, text): (Asked, ValueId),
        given: bool,
        env: &EnvRef,
    ) -> bool {
        match code.value(of) {
            Value::Var(var) if given || !code.vars[var as usize].rebound => {
                let text = match code.value(text) {
                    Value::Str(text) => Some(text),
                    _ => None,
                };
                env.told(var).allows(asked, text)
            }
            // `a or b`
            Value::Either(a, b) => {
                let a = Self::may_be(code, a, (asked, text), given, env);
                let b = Self::may_be(code, b, (asked, text), given, env);
                if asked == Asked::True { a || b } else { a && b }
            }
            _ => true,
        }
    }
}

impl EnvRef {
    /// What is known of a parameter of the function that runs, or of one around it.
    fn told(&self, var: u32) -> Told {
        let mut at = self.get();
        while let Some(env) = at {
            if env.bound(var).is_some() {
                let index = (var - env.first) as usize;
                return env.told.get(index).copied().unwrap_or(Told::Nothing);
            }
            at = env.parent.get();
        }
        Told::Nothing
    }
}
