//! Which operations of a function can not run, by what a call tells about its parameters.
//!
//! Of an attribute that nobody changes later, what is told is what `__init__` was given, or what the class says. Of a variable it is all
//! that it may have been bound to so far: what is bound under a condition, or where something may catch what comes before, comes in
//! addition to what was there.

use smallvec::{SmallVec, smallvec};

use super::told::{Told, wanted_by};
use super::{ANY_ATTRIBUTE, Abs, ClassRef, Env, EnvRef, Interpreter, Owner};
use crate::facts::{Asked, FuncId, Op, OpKind, Sym, Value, ValueId, words};
use crate::program::{ModuleId, tables};

impl Interpreter<'_> {
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
        let mut wanted = wanted_by(code, text);
        if let (Asked::IsThat | Asked::IsOther, Value::Global(name)) = (asked, code.value(text)) {
            wanted.mark = self.mark_named(module, name);
        }
        let wanted = &wanted;
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
            let of_base = |base: &ClassRef| {
                let module = base.module;
                self.stores_in_init(base, attr).into_iter().map(move |store| (module, store))
            };
            let mut stores = mro.iter().flat_map(of_base);
            if let Some((module, (func, op, value))) = stores.next() {
                let is_given = |env: &&Env| (env.module, env.func) == (module, func);
                let Some(env) = class.given().filter(|env| is_given(env) && stores.next().is_none()) else {
                    return Told::Nothing;
                };
                if op.conditional || op.may_have_left || op.guarded {
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
