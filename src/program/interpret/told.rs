//! What a call tells: of each argument, and of the variables of the function that runs.
//!
//! What stands at the call itself counts: a constant, a function, another parameter about which something is told, what is handed on as
//! `*args` and `**options`, or nothing where the parameter has a constant default.

use smallvec::{SmallVec, smallvec};

use super::{AbsSet, Env, EnvRef, Interpreter};
use crate::facts::{Asked, Code, Constant, FuncId, Sym, Value, ValueId};
use crate::program::ModuleId;
use crate::program::callees::mark_behind;

/// What is known of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Told {
    /// Nothing.
    #[default]
    Nothing,
    /// It is this constant, or as good.
    Constant(Constant),
    /// It is this text.
    Text(Sym),
    /// It is a function.
    Function,
    /// It is this `object()`, as the name that it has in its module.
    Mark(ModuleId, Sym),
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
    pub(super) fn allows(self, asked: Asked, wanted: &Wanted) -> bool {
        let texts = &wanted.texts[..];
        match asked {
            Asked::True => match self {
                Self::Constant(constant) => constant.truth(),
                Self::Text(text) => !text.as_str().is_empty(),
                Self::Nothing | Self::Function | Self::Mark(..) | Self::Something => true,
            },
            Asked::False => match self {
                Self::Constant(constant) => !constant.truth(),
                Self::Text(text) => text.as_str().is_empty(),
                Self::Function | Self::Mark(..) => false,
                Self::Nothing | Self::Something => true,
            },
            Asked::IsNone => matches!(self, Self::Nothing | Self::Constant(Constant::None)),
            Asked::NotNone => self != Self::Constant(Constant::None),
            Asked::Is => texts.iter().any(|class| self.may_be_a(class.as_str())),
            Asked::IsNot => match self {
                Self::Text(_) => !texts.iter().any(|class| *class == "str"),
                Self::Constant(Constant::Number(_)) => !texts.iter().any(|class| *class == "int"),
                Self::Nothing | Self::Constant(_) | Self::Function | Self::Mark(..) | Self::Something => true,
            },
            Asked::Within | Asked::Outside => match self {
                Self::Constant(Constant::Number(number)) => {
                    let (low, high) = wanted.limits;
                    let within =
                        low.is_none_or(|low| low <= number) && high.is_none_or(|high| number <= high);
                    within == (asked == Asked::Within)
                }
                // Truth and fractions are numbers as well, and what is none cannot be compared.
                _ => true,
            },
            Asked::Callable => !matches!(self, Self::Constant(_) | Self::Text(_) | Self::Mark(..)),
            Asked::NotCallable => self != Self::Function,
            Asked::Equals => match self {
                Self::Text(own) => texts.is_empty() || texts.contains(&own),
                Self::Constant(_) | Self::Function | Self::Mark(..) => false,
                Self::Nothing | Self::Something => true,
            },
            Asked::Differs => !matches!(self, Self::Text(own) if texts.contains(&own)),
            Asked::IsThat => match (self, wanted.mark) {
                (_, None) | (Self::Nothing, _) => true,
                (Self::Mark(id, name), mark) => mark == Some((id, name)),
                _ => false,
            },
            Asked::IsOther => !matches!(self, Self::Mark(id, name) if wanted.mark == Some((id, name))),
            // That depends on the object, or on the statement.
            Asked::Has | Asked::Lacks | Asked::Fails | Asked::Succeeds => true,
        }
    }

    /// What is told of an attribute: many ways lead to another number, and few to another truth.
    pub(super) fn without_number(self) -> Self {
        match self {
            Self::Constant(number @ Constant::Number(_)) => {
                Self::Constant(if number.truth() { Constant::True } else { Constant::False })
            }
            other => other,
        }
    }

    /// Whether it may be an instance of a builtin class.
    pub(super) fn may_be_a(self, class: &str) -> bool {
        match self {
            Self::Nothing => true,
            Self::Text(_) => class == "str",
            Self::Constant(Constant::Number(_)) => class == "int",
            Self::Constant(Constant::None) | Self::Function => false,
            Self::Mark(..) => class == "object",
            // Truth, fractions, bytes; and what `*args` and `**options` hold.
            Self::Constant(Constant::True) => class != "str",
            // An empty text as well.
            Self::Constant(Constant::False) => true,
            // A class, or a container.
            Self::Something => !matches!(class, "str" | "int" | "float" | "bool" | "complex" | "bytes"),
        }
    }
}

/// What something is compared with.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) texts: SmallVec<[Sym; 2]>,
    /// The least and the largest integer, if there are such.
    pub(super) limits: (Option<i32>, Option<i32>),
    /// The `object()` that it may be.
    pub(super) mark: Option<(ModuleId, Sym)>,
}

impl Interpreter<'_> {
    pub(super) fn told(&self, module: ModuleId, value: ValueId, env: &EnvRef) -> Told {
        let code = self.code(module);
        match code.value(value) {
            Value::Constant(constant) => Told::Constant(constant),
            Value::Str(text) => Told::Text(text),
            Value::Function(_) => Told::Function,
            Value::Class(_) | Value::Holder(_) => Told::Something,
            Value::Var(var) if !code.vars[var as usize].rebound() => env.told(var),
            // `PORT = 80`, as nothing else binds the name.
            Value::Global(name) => match code.globals_of(name) {
                &[(_, bound)]
                    if self.keeps_value(module, value) && self.shared.is_bound_by_module_only(name) =>
                {
                    match code.value(bound) {
                        Value::Constant(constant) => Told::Constant(constant),
                        Value::Str(text) => Told::Text(text),
                        _ => self.told_of_mark(module, name),
                    }
                }
                _ => self.told_of_mark(module, name),
            },
            _ => Told::Nothing,
        }
    }

    /// What is known of an argument that is a global: which mark it is.
    fn told_of_mark(&self, module: ModuleId, name: Sym) -> Told {
        self.mark_named(module, name).map_or(Told::Nothing, |(id, name)| Told::Mark(id, name))
    }

    /// The `object()` that a global of a module certainly stands for.
    pub(super) fn mark_named(&self, module: ModuleId, name: Sym) -> Option<(ModuleId, Sym)> {
        let mark = mark_behind(self.program, module, name);
        mark.filter(|&(_, bound)| [bound, name].iter().all(|&name| self.shared.is_bound_by_module_only(name)))
    }

    /// What is known of the parameters of a function that is entered with so many arguments, the last of them from the call;
    /// then of what goes into `*args` and `**options`, one by one.
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
        let is_named = |name: Sym| {
            function.params.clone().take(last).any(|param| code.vars[param as usize].name == name)
        };
        let told: Box<[Told]> = (0..count)
            .map(|index| {
                let var = &code.vars[function.params.start as usize + index];
                let named = given.keywords.iter().find(|(name, _)| *name == var.name);
                if function.vararg && index == last {
                    // `*args` is a tuple: empty or not.
                    let filled = arguments > positional;
                    Told::Constant(if filled { Constant::True } else { Constant::False })
                } else if function.kwarg && index == count - 1 {
                    let filled = given.keywords.iter().any(|(name, _)| !is_named(*name));
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
                        Value::Global(name) => self.told_of_mark(module, name),
                        _ => Told::Nothing,
                    }
                }
            })
            .chain((positional..arguments).filter(|_| function.vararg).map(|index| {
                index.checked_sub(before).map_or(Told::Nothing, |index| given.positional[index])
            }))
            .chain(
                given
                    .keywords
                    .iter()
                    .filter(|(name, _)| function.kwarg && !is_named(*name))
                    .map(|(_, told)| *told),
            )
            .collect();
        if told.iter().all(|told| *told == Told::Nothing) { Box::default() } else { told }
    }
}

/// What a test compares with.
pub(super) fn wanted_by(code: &Code, value: ValueId) -> Wanted {
    let integer = |value: ValueId| match code.value(value) {
        Value::Constant(Constant::Number(number)) => Some(number),
        _ => None,
    };
    let limits = match code.value(value) {
        Value::Joined(low, high) => (integer(low), integer(high)),
        _ => (None, None),
    };
    Wanted { texts: texts_of(code, value), limits, mark: None }
}

/// A text, or those of which it is one.
fn texts_of(code: &Code, text: ValueId) -> SmallVec<[Sym; 2]> {
    match code.value(text) {
        Value::Str(text) => smallvec![text],
        Value::Either(a, b) => {
            let mut texts = texts_of(code, a);
            texts.extend(texts_of(code, b));
            texts
        }
        _ => SmallVec::new(),
    }
}

/// What the variables of the function that runs may be, as far as they have been bound so far.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// Variables with one of the things that are told of them.
    told: SmallVec<[(u32, Told); 8]>,
}

impl Followed {
    /// All that is told of a variable: of a parameter that has not been bound again, what the call gives.
    pub(super) fn told(&self, var: u32, env: &EnvRef) -> impl Iterator<Item = Told> {
        let first = (!self.is_rebound(var)).then(|| env.told(var));
        self.told.iter().filter(move |(of, _)| *of == var).map(|&(_, told)| told).chain(first)
    }

    pub(super) fn is_rebound(&self, var: u32) -> bool {
        self.told.iter().any(|(of, _)| *of == var)
    }

    /// A variable is bound to something of which one of these is true; not `certain` if it may be what it was before.
    pub(super) fn bind(&mut self, var: u32, told: SmallVec<[Told; 4]>, certain: bool, env: &EnvRef) {
        if certain {
            self.told.retain(|(of, _)| *of != var);
        } else if !self.is_rebound(var) && env.around(var).is_some() {
            self.told.push((var, env.told(var)));
        }
        for told in told {
            if !self.told.contains(&(var, told)) {
                self.told.push((var, told));
            }
        }
    }
}

impl EnvRef {
    /// The function that runs.
    pub(super) fn func(&self) -> FuncId {
        self.get().map_or(FuncId::MODULE, |env| env.func)
    }

    /// The variables of the function that has a parameter: of the one that runs, or of one around it.
    pub(super) fn around(&self, var: u32) -> Option<&Env> {
        let mut at = self.get();
        while let Some(env) = at {
            if env.bound(var).is_some() {
                return Some(env);
            }
            at = env.parent.get();
        }
        None
    }

    /// The values of a parameter.
    pub(super) fn given(&self, var: u32) -> Option<AbsSet> {
        self.around(var)?.bound(var).cloned()
    }

    /// What is known of a parameter.
    pub(super) fn told(&self, var: u32) -> Told {
        let env = self.around(var);
        env.and_then(|env| env.told.get((var - env.first) as usize)).copied().unwrap_or_default()
    }
}
