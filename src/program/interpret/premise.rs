//! What a call tells about the parameters of a function, and which operations can not run then.
//!
//! What stands at the call itself counts: a constant, a function, another parameter about which something is told, what is handed on as
//! `*args` and `**options`, or nothing where the parameter has a constant default. Of an attribute that nobody changes later it is what
//! `__init__` was given, or what the class says. Of a variable it is all that it may have been bound to so far: what is bound under a
//! condition, or where something may catch what comes before, comes in addition to what was there.

use smallvec::{SmallVec, smallvec};

use super::{ANY_ATTRIBUTE, Abs, AbsSet, ClassRef, Env, EnvRef, Interpreter, Owner};
use crate::facts::{Asked, Code, Constant, FuncId, Op, OpKind, Sym, Value, ValueId, words};
use crate::program::{ModuleId, tables};

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
    fn allows(self, asked: Asked, wanted: &Wanted) -> bool {
        let texts = &wanted.texts[..];
        match asked {
            Asked::True => match self {
                Self::Constant(constant) => constant.truth(),
                Self::Text(text) => !text.as_str().is_empty(),
                Self::Nothing | Self::Function | Self::Something => true,
            },
            Asked::False => match self {
                Self::Constant(constant) => !constant.truth(),
                Self::Text(text) => text.as_str().is_empty(),
                Self::Function => false,
                Self::Nothing | Self::Something => true,
            },
            Asked::IsNone => matches!(self, Self::Nothing | Self::Constant(Constant::None)),
            Asked::NotNone => self != Self::Constant(Constant::None),
            Asked::Is => texts.iter().any(|class| self.may_be_a(class.as_str())),
            Asked::IsNot => match self {
                Self::Text(_) => !texts.iter().any(|class| *class == "str"),
                Self::Constant(Constant::Number(_)) => !texts.iter().any(|class| *class == "int"),
                Self::Nothing | Self::Constant(_) | Self::Function | Self::Something => true,
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
            Asked::Callable => !matches!(self, Self::Constant(_) | Self::Text(_)),
            Asked::NotCallable => self != Self::Function,
            Asked::Equals => match self {
                Self::Text(own) => texts.is_empty() || texts.contains(&own),
                Self::Constant(_) | Self::Function => false,
                Self::Nothing | Self::Something => true,
            },
            Asked::Differs => !matches!(self, Self::Text(own) if texts.contains(&own)),
            // That depends on the object, or on the statement.
            Asked::Has | Asked::Lacks | Asked::Fails | Asked::Succeeds => true,
        }
    }

    /// What is told of an attribute: many ways lead to another number, and few to another truth.
    fn without_number(self) -> Self {
        match self {
            Self::Constant(number @ Constant::Number(_)) => {
                Self::Constant(if number.truth() { Constant::True } else { Constant::False })
            }
            other => other,
        }
    }

    /// Whether it may be an instance of a builtin class.
    fn may_be_a(self, class: &str) -> bool {
        match self {
            Self::Nothing => true,
            Self::Text(_) => class == "str",
            Self::Constant(Constant::Number(_)) => class == "int",
            Self::Constant(Constant::None) | Self::Function => false,
            // Truth, fractions, bytes; and what `*args` and `**options` hold.
            Self::Constant(Constant::True | Constant::False) => class != "str",
            // A class, or a container.
            Self::Something => !matches!(class, "str" | "int" | "float" | "bool" | "complex" | "bytes"),
        }
    }
}

/// What something is compared with.
#[derive(Debug)]
struct Wanted {
    texts: SmallVec<[Sym; 2]>,
    /// The least and the largest integer, if there are such.
    limits: (Option<i32>, Option<i32>),
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
                        _ => Told::Nothing,
                    }
                }
                _ => Told::Nothing,
            },
            _ => Told::Nothing,
        }
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

    /// Whether what is asked of variables may hold, by what is told of them; `given` says that the test stands in their function
    /// and in no loop, so that what they have been bound to is known.
    pub(super) fn may_be(
        &mut self,
        module: ModuleId,
        of: ValueId,
        (asked, text): (Asked, ValueId),
        given: bool,
        env: &EnvRef,
    ) -> bool {
        let code = self.code(module);
        let wanted = &wanted_by(code, text);
        let rebound = |var: u32| code.vars[var as usize].rebound();
        match code.value(of) {
            Value::Var(var) if matches!(asked, Asked::Has | Asked::Lacks) => {
                let (Some(objects), &[name]) = (env.given(var).filter(|_| !rebound(var)), &wanted.texts[..])
                else {
                    return true;
                };
                objects.iter().any(|object| {
                    self.has_attribute(object, name).is_none_or(|has| has == (asked == Asked::Has))
                })
            }
            Value::Var(var) if given && code.vars[var as usize].followed() => {
                self.followed.told(var, env).any(|told| told.allows(asked, wanted))
            }
            Value::Var(var) if !rebound(var) => env.told(var).allows(asked, wanted),
            Value::Import(import, _) if asked == Asked::Fails => !self.program.is_in_library(module, import),
            // `a or b`
            Value::Either(a, b) => {
                let a = self.may_be(module, a, (asked, text), given, env);
                let b = self.may_be(module, b, (asked, text), given, env);
                if asked == Asked::True { a || b } else { a && b }
            }
            Value::Attr(base, attr) => match code.value(base) {
                Value::Var(var)
                    if !rebound(var)
                        || given && code.vars[var as usize].followed() && !self.followed.is_rebound(var) =>
                {
                    env.given(var).is_none_or(|objects| {
                        let mut told = objects.iter().map(|object| self.told_of_attribute(object, attr));
                        objects.is_empty() || told.any(|told| told.allows(asked, wanted))
                    })
                }
                _ => true,
            },
            _ => true,
        }
    }

    /// Whether an object of a class of the program, or the class, has an attribute, as far as its classes show.
    pub(super) fn has_attribute(&mut self, object: &Abs, name: Sym) -> Option<bool> {
        let (Abs::Instance(class, _) | Abs::Class(class)) = object else { return None };
        if self.find_member(class, name).is_some() {
            return Some(true);
        }
        let mro = self.mro(class);
        // What a decorator of the program does to the class, it does with `setattr` or a store.
        let decorators: Vec<_> = mro
            .iter()
            .flat_map(|base| {
                let class = &self.code(base.module).classes[base.class as usize];
                class.decorators.iter().map(|&decorator| (base.clone(), decorator))
            })
            .collect();
        let followed = decorators.into_iter().all(|(base, decorator)| {
            let found = self.quietly(|w| w.eval(base.module, decorator, &base.around));
            found.iter().all(|abs| matches!(abs, Abs::Function(..)))
        });
        let plain = |base: &ClassRef| {
            let class = &self.code(base.module).classes[base.class as usize];
            class.metaclass.is_none() && !class.star && !class.given.contains(&name)
        };
        let known = followed
            && mro.iter().all(plain)
            && !tables::OF_EVERY_OBJECT.contains(&name.as_str())
            && !name.as_str().starts_with("__")
            && !mro.iter().any(|base| self.stores_any_attribute(base, false))
            && (self.foreign_bases(class).is_empty()
                // `Level.HIGH`
                || matches!(object, Abs::Class(_))
                    && self.is_enumeration(class)
                    && name.as_str().starts_with(|c: char| c.is_ascii_uppercase()))
            && self.find_method(class, "__getattr__").is_none()
            && self.find_method(class, "__getattribute__").is_none();
        (known && !self.shared.is_stored(name)).then_some(false)
    }

    /// A variable of the function that runs is bound.
    pub(super) fn bind(
        &mut self,
        module: ModuleId,
        (var, value): (u32, ValueId),
        certain: bool,
        env: &EnvRef,
    ) {
        let code = self.code(module);
        let told: SmallVec<[Told; 4]> = match code.value(value) {
            Value::Var(of)
                if code.vars[of as usize].followed() && code.vars[of as usize].func == env.func() =>
            {
                self.followed.told(of, env).collect()
            }
            // `cache = self.cache`
            Value::Attr(base, attr) => match code.value(base) {
                Value::Var(of) if !code.vars[of as usize].rebound() => {
                    let objects = env.given(of).unwrap_or_default();
                    let told = objects.iter().map(|object| self.told_of_attribute(object, attr)).collect();
                    if objects.is_empty() { smallvec![Told::Nothing] } else { told }
                }
                _ => smallvec![Told::Nothing],
            },
            _ => smallvec![self.told(module, value, env)],
        };
        self.followed.bind(var, told, certain, env);
    }

    /// Whether `__init__` gives instances of a class an attribute that somebody tests.
    pub(super) fn has_tested_attributes(&mut self, class: &ClassRef) -> bool {
        self.mro(class).iter().any(|base| {
            let class = &self.code(base.module).classes[base.class as usize];
            class.given.into_iter().any(|attr| self.shared.tested.contains_key(attr))
        })
    }

    /// What is known of an attribute of an object of the program: one that nobody changes once the object is made, or of an object that
    /// nobody else has and that has not been changed so far.
    fn told_of_attribute(&mut self, object: &Abs, attr: Sym) -> Told {
        let (Abs::Instance(class, _) | Abs::Class(class)) = object else { return Told::Nothing };
        let is_changed = |attr: Sym| self.changed.contains(&attr);
        let own = matches!(object, Abs::Instance(_, Owner::Fresh))
            && !is_changed(attr)
            && !is_changed(Sym::new(ANY_ATTRIBUTE));
        if !own && self.shared.tested.get(&attr) != Some(&true) {
            return Told::Nothing;
        }
        let mro = self.mro(class);
        let was_stored =
            |attr: Sym| self.stored.contains(&(object.class(), attr)) || self.stored.contains(&(None, attr));
        let untouched = own && !was_stored(attr) && !was_stored(words::DICT);
        if mro.iter().any(|base| self.stores_any_attribute(base, untouched)) {
            return Told::Nothing;
        }
        if matches!(object, Abs::Instance(..)) && !untouched {
            let mut stores = mro.iter().flat_map(|base| self.stores_in_init(base, attr));
            if let Some((func, op, value)) = stores.next() {
                let Some(env) = class.given().filter(|env| env.func == func && stores.next().is_none())
                else {
                    return Told::Nothing;
                };
                let module = mro.iter().find(|base| base.module == env.module);
                if module.is_none() || op.conditional || op.may_have_left || op.guarded {
                    return Told::Nothing;
                }
                return self.told(env.module, value, &class.given_env()).without_number();
            }
        }
        if matches!(object, Abs::Instance(..)) && self.has_fields_of_others(class) {
            return Told::Nothing;
        }
        let Some((base, value)) = self.find_member(class, attr) else { return Told::Nothing };
        let code = self.code(base.module);
        let bound = code.classes[base.class as usize].members.into_iter().filter(|(name, _)| *name == attr);
        match code.value(value) {
            Value::Constant(constant) if bound.count() == 1 => Told::Constant(constant).without_number(),
            _ => Told::Nothing,
        }
    }

    /// Whether somebody else than the methods of a class may give its instances what the class only has a default for: what decorates it
    /// (`@dataclass`), or a base that is not of the program (`NamedTuple`). What a metaclass of the program stores, is seen when it runs.
    fn has_fields_of_others(&mut self, class: &ClassRef) -> bool {
        let own_init = self.find_method(class, "__init__").is_some();
        let mro = self.mro(class);
        let definition = |base: &ClassRef| &self.code(base.module).classes[base.class as usize];
        let definitions: SmallVec<[_; 4]> = mro.iter().map(definition).collect();
        if own_init && !definitions.iter().any(|class| class.calls_base) {
            return false;
        }
        definitions.iter().any(|class| !class.decorators.is_empty()) || !self.foreign_bases(class).is_empty()
    }

    /// Whether a class stores attributes under names that cannot be seen: `setattr(self, name, …)`, `self.__dict__.update(…)`.
    /// Of an object that is `untouched` no `__dict__` has been replaced.
    fn stores_any_attribute(&self, class: &ClassRef, untouched: bool) -> bool {
        let code = self.code(class.module);
        self.methods(class).any(|(func, _)| {
            code.ops_of(func).any(|op| match op.kind {
                OpKind::Call { call, .. } => {
                    let call = code.call(call);
                    match code.value(call.callee) {
                        Value::Global(name) => name == "setattr" || name == "vars",
                        Value::Attr(base, name) => {
                            name == "__setattr__"
                                || matches!(code.value(base), Value::Attr(_, name) if name == "__dict__")
                        }
                        _ => false,
                    }
                }
                OpKind::SetItem { base, .. } | OpKind::ChangeInPlace { base, .. } => {
                    matches!(code.value(base), Value::Attr(_, name) if name == "__dict__")
                }
                OpKind::SetAttr { attr, .. } => attr == words::DICT && !untouched,
                _ => false,
            })
        })
    }

    /// Where `__init__` of a class stores an attribute of the new object.
    fn stores_in_init(&self, class: &ClassRef, attr: Sym) -> SmallVec<[(FuncId, Op, ValueId); 1]> {
        let code = self.code(class.module);
        let inits = self.methods(class).filter(|(_, name)| *name == "__init__");
        inits
            .flat_map(|(func, _)| code.ops_of(func).map(move |op| (func, op)))
            .filter_map(|(func, op)| match op.kind {
                OpKind::SetAttr { attr: stored, value, .. } if stored == attr => Some((func, op, value)),
                _ => None,
            })
            .collect()
    }

    fn methods(&self, class: &ClassRef) -> impl Iterator<Item = (FuncId, Sym)> {
        let (functions, class) = (&self.code(class.module).functions, class.class);
        (0..)
            .map(FuncId)
            .zip(functions)
            .filter(move |(_, function)| function.class == Some(class))
            .map(|(id, function)| (id, function.name))
    }
}

/// What a test compares with.
fn wanted_by(code: &Code, value: ValueId) -> Wanted {
    let integer = |value: ValueId| match code.value(value) {
        Value::Constant(Constant::Number(number)) => Some(number),
        _ => None,
    };
    let limits = match code.value(value) {
        Value::Joined(low, high) => (integer(low), integer(high)),
        _ => (None, None),
    };
    Wanted { texts: texts_of(code, value), limits }
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
    fn told(&self, var: u32, env: &EnvRef) -> impl Iterator<Item = Told> {
        let first = (!self.is_rebound(var)).then(|| env.told(var));
        self.told.iter().filter(move |(of, _)| *of == var).map(|&(_, told)| told).chain(first)
    }

    fn is_rebound(&self, var: u32) -> bool {
        self.told.iter().any(|(of, _)| *of == var)
    }

    /// A variable is bound to something of which one of these is true; not `certain` if it may be what it was before.
    fn bind(&mut self, var: u32, told: SmallVec<[Told; 4]>, certain: bool, env: &EnvRef) {
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
    fn func(&self) -> FuncId {
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
    fn given(&self, var: u32) -> Option<AbsSet> {
        self.around(var)?.bound(var).cloned()
    }

    /// What is known of a parameter.
    fn told(&self, var: u32) -> Told {
        let env = self.around(var);
        env.and_then(|env| env.told.get((var - env.first) as usize)).copied().unwrap_or_default()
    }
}
