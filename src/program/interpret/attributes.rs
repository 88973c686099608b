//! Attributes of abstract values: members of classes, what instances store, names of modules.

use std::sync::Arc as Rc;

use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

use super::carried::matters;
use super::forwarded::Arguments;
use super::object::PROPERTY;
use super::{
    ANY_ATTRIBUTE, Abs, AbsSet, ClassRef, EnvRef, Interpreter, Owner, Path, function, has_decorator, owned,
    unique,
};
use crate::facts::{Call, CallRole, FuncId, Op, OpKind, Sym, Value, ValueId};
use crate::program::callees::function_behind;
use crate::program::{ModuleId, Origin, tables};

/// Attributes with what methods store in them.
pub type StoredByMethods = FxHashMap<Sym, SmallVec<[(FuncId, ValueId); 1]>>;

impl<'p> Interpreter<'p> {
    pub(super) fn attr(&mut self, abs: &Abs, attr: Sym) -> AbsSet {
        match abs {
            Abs::Unknown => smallvec![Abs::Unknown],
            Abs::Str(_) if matches!(attr.as_str(), "partition" | "rpartition" | "split" | "rsplit") => {
                smallvec![Abs::Bound(Rc::new(abs.clone()), attr)]
            }
            Abs::Fresh | Abs::Str(_) => smallvec![Abs::Fresh],
            Abs::Module(id) if attr == "__name__" => smallvec![Abs::Str(self.program.module(*id).name)],
            Abs::Function(module, ..) | Abs::Class(ClassRef { module, .. }) if attr == "__module__" => {
                smallvec![Abs::Str(self.program.module(*module).name)]
            }
            Abs::Module(id) if attr == "__dict__" => {
                smallvec![Abs::Object(Owner::Module(*id, Sym::new("")))]
            }
            Abs::Module(id) => match self.program.attribute(*id, *id, attr) {
                Origin::Attribute(id, name) => {
                    if self.path.guarded {
                        self.probe(id, name);
                    }
                    self.asked_for(id, name);
                    self.taken(id, name)
                }
                Origin::Module(id) => smallvec![Abs::Module(id)],
                origin @ (Origin::Foreign | Origin::MissingName(_) | Origin::MissingModule) => {
                    if let Origin::MissingName(owner) = origin {
                        self.missing_name(owner, attr);
                    }
                    smallvec![Abs::Bound(Rc::new(abs.clone()), attr)]
                }
            },
            Abs::External(path) => {
                if attr == "__name__" || attr == "__file__" {
                    return smallvec![Abs::Fresh];
                }
                if path == tables::MAIN_PROGRAM && !attr.as_str().starts_with("__") {
                    self.state_read(*path, None);
                }
                for state in tables::state_of_attribute(path.as_str(), attr.as_str()) {
                    self.state_read(Sym::new(state), None);
                }
                let full = Sym::dotted(*path, attr);
                if self.shared.replaced_names.contains_key(&full) {
                    self.replaced_read(full);
                } else {
                    self.library_asked(*path, attr, full);
                }
                smallvec![Abs::External(full)]
            }
            Abs::Instance(..) | Abs::Class(_) | Abs::ClassOf(..) if attr == "__class__" => self.type_of(abs),
            Abs::Class(class) if attr == "__dict__" => smallvec![self.namespace_of(class)],
            // `for base in cls.__bases__`
            Abs::Class(class) if matches!(attr.as_str(), "__bases__" | "__mro__") => {
                let bases = self.mro(class).iter().skip(1).map(|base| Abs::Class(base.clone())).collect();
                smallvec![Abs::Holder(Rc::new(bases), Owner::Fresh)]
            }
            Abs::Class(class) => {
                if let Some((base, value)) = self.find_member(class, attr) {
                    self.method_read(&base, attr, value);
                    self.class_member(&base, value, attr, abs)
                } else if attr == "__new__" && !self.is_metaclass(class) {
                    // That of `object` or of a foreign base: it changes nothing but the new object.
                    let mut found = self.put_under(attr, Owner::Module(class.module, attr));
                    found.push(Abs::External(Sym::new("builtins.object.__new__")));
                    found
                } else if let found = self.put_in_or_above(class, attr, abs)
                    && !found.is_empty()
                {
                    found
                } else {
                    if !attr.as_str().starts_with("__") {
                        self.special(abs, "__getattr__", &[smallvec![Abs::Str(attr)]]);
                    }
                    self.attribute_missing(abs, attr);
                    let mut stored = self.put_under(attr, Owner::Module(class.module, attr));
                    stored.extend(self.put_under_any(class));
                    // `Base = Meta("Base", (), {"registry": {}})`: it may be one of those.
                    if !attr.as_str().starts_with("__") {
                        for base in self.made_bases(class) {
                            let owner = self.full_owner(&base);
                            if let Abs::ClassOf(made, _) = &base {
                                stored.extend(self.of_bases_made(made, attr, abs));
                            }
                            stored.push(Abs::Object(owner));
                        }
                    }
                    stored.push(Abs::Bound(Rc::new(abs.clone()), attr));
                    stored
                }
            }
            Abs::Instance(class, owner) => {
                let member = self.find_member(class, attr).filter(|(base, value)| {
                    !self.is_given(class, attr) || self.is_data_descriptor(base, *value)
                });
                if let Some((base, value)) = member {
                    self.method_read(&base, attr, value);
                    let m = base.module;
                    match function_behind(self.code(m), value) {
                        Some(func) => self.function_of_object(base, (func, value), class, abs),
                        // `hook = None`, until a method is given one.
                        None if value == ValueId::NONE => {
                            let mut found = self.class_member(&base, value, attr, abs);
                            found.extend(self.instance_attribute(class, attr, *owner).into_iter().flatten());
                            found
                        }
                        None => match self.quietly(|w| w.field(m, value)) {
                            Some(made) => made.iter().map(|abs| owned(abs, *owner)).collect(),
                            None => self.class_member(&base, value, attr, abs),
                        },
                    }
                } else {
                    let mut stored = self.instance_attribute(class, attr, *owner);
                    if let Some(found) = self.put_by_decorator(class, attr, abs) {
                        stored.get_or_insert_default().extend(found);
                    }
                    if stored.is_none() {
                        let found = self.put_in_class(class, attr);
                        stored = (!found.is_empty()).then_some(found);
                    }
                    if stored.is_none()
                        && !tables::OF_EVERY_OBJECT.contains(&attr.as_str())
                        && let Some((m, func, around)) = self
                            .find_method(class, "__getattr__")
                            .or_else(|| self.find_method(class, "__getattribute__"))
                    {
                        // What it changes in the object itself, is an attribute made when it is asked for; and the
                        // attribute that is read here, is there.
                        let this = Abs::Instance(class.clone(), Owner::Fresh);
                        let args = [smallvec![this], smallvec![Abs::Str(attr)]];
                        let outer = self.path;
                        self.path = Path {
                            guarded: true,
                            conditional: true,
                            may_have_left: true,
                            one_of_several: false,
                        };
                        let result = self.enter(m, func, &around, &args, &[]);
                        self.path = outer;
                        return result.iter().map(|found| owned(found, *owner)).collect();
                    }
                    let mut stored = stored.unwrap_or_default();
                    // `settings.db = Database()`: what is new, is part of the object.
                    let put = self.put_under(attr, *owner);
                    stored.extend(put.iter().map(|abs| owned(abs, *owner)));
                    stored.extend(self.put_under_any(class));
                    if stored.is_empty() {
                        self.attribute_missing(abs, attr);
                        stored.push(Abs::Bound(Rc::new(abs.clone()), attr));
                    }
                    stored
                }
            }
            Abs::Super(class, this) => {
                let mro = self.mro(class);
                for ClassRef { module, class, around, .. } in mro.iter().skip(1) {
                    let members = &self.code(*module).classes[*class as usize].members;
                    let found = members.iter().rev().find(|(n, _)| *n == attr).map(|(_, v)| *v);
                    if let Some(func) = found.and_then(|v| function_behind(self.code(*module), v)) {
                        return smallvec![Abs::Method(this.clone(), *module, func, around.clone())];
                    }
                }
                // `object` and `type` change nothing but the new object.
                match (&**this, attr.as_str()) {
                    (Abs::Class(meta), "__new__") if self.is_metaclass(meta) => {
                        smallvec![Abs::External(Sym::new("builtins.type.__new__"))]
                    }
                    (Abs::Class(..), "__call__") => smallvec![Abs::Bound(this.clone(), attr)],
                    (_, "__new__") => smallvec![Abs::External(Sym::new("builtins.object.__new__"))],
                    // A method of a foreign base, which changes the object.
                    (_, method) if tables::MUTATORS.contains(&method) => {
                        smallvec![Abs::Bound(this.clone(), attr)]
                    }
                    _ => smallvec![Abs::Fresh],
                }
            }
            mark if mark.is_mark() => smallvec![Abs::Fresh],
            // `SimpleNamespace(add=hub.add).add`
            Abs::Partial(..) if let Some(fields) = abs.fields() => {
                if attr == "__dict__" {
                    return smallvec![self.values_of(abs)];
                }
                let named = |field: &&AbsSet| matches!(field.first(), Some(Abs::Str(name)) if *name == attr || *name == ANY_ATTRIBUTE);
                let found = fields.iter().filter(named).flat_map(|field| field[1..].iter().cloned());
                let mut found: AbsSet = found.collect();
                let owner = self.full_owner(abs);
                found.extend(self.put_under(attr, owner));
                if found.is_empty() {
                    found.push(Abs::Bound(Rc::new(abs.clone()), attr));
                }
                found
            }
            // The maps of a `ChainMap`, and those that a child of it shows.
            Abs::Holder(elements, owner) if attr == "maps" || attr == "parents" => {
                elements.iter().map(|e| owned(e, *owner)).chain([Abs::Object(*owner)]).collect()
            }
            // `Entry(add, 1).function`
            Abs::Holder(elements, owner) if !tables::is_container_method(attr.as_str()) => {
                let mut found: AbsSet = elements.iter().map(|e| owned(e, *owner)).collect();
                found.push(Abs::Bound(Rc::new(abs.clone()), attr));
                found
            }
            // `greet.hook = hub.add`
            Abs::Function(..) | Abs::Object(_) | Abs::Made(..) => {
                if let Abs::Made(made, _) = abs {
                    for state in tables::state_of_attribute(made.as_str(), attr.as_str()) {
                        self.state_read(Sym::new(state), None);
                    }
                }
                let mut found = self.put_here(attr);
                found.push(Abs::Bound(Rc::new(abs.clone()), attr));
                found
            }
            Abs::ClassOf(made, _) => {
                let inherited = self.of_bases_made(made, attr, abs);
                if inherited.is_empty() {
                    smallvec![Abs::Bound(Rc::new(abs.clone()), attr)]
                } else {
                    inherited
                }
            }
            Abs::Method(..) | Abs::Bound(..) | Abs::Partial(..) | Abs::Holder(..) => {
                smallvec![Abs::Bound(Rc::new(abs.clone()), attr)]
            }
        }
    }

    /// What a class that a call has made has from its bases, or from its metaclass.
    fn of_bases_made(&mut self, made: &(Option<ClassRef>, AbsSet), attr: Sym, abs: &Abs) -> AbsSet {
        let (meta, bases) = made;
        let mut found = AbsSet::new();
        for base in bases {
            if let Abs::Class(class) = base
                && let Some((holder, value)) = self.find_member(class, attr)
            {
                found.extend(self.class_member(&holder, value, attr, abs));
            }
        }
        if found.is_empty()
            && let Some(meta) = meta
            && let Some((module, func, around)) = self.find_method(meta, attr.as_str())
        {
            found.push(Abs::Method(Rc::new(abs.clone()), module, func, around));
        }
        found
    }

    /// Classes among the bases of a class, its own or inherited ones, of which nothing is known but who has them: those that a call has made.
    fn made_bases(&mut self, class: &ClassRef) -> AbsSet {
        let mut found = AbsSet::new();
        for ClassRef { module, class, around, .. } in self.mro(class).to_vec() {
            for base in self.code(module).classes[class as usize].bases.iter().copied() {
                let objects = self.quietly(|w| w.eval(module, base, &around));
                found.extend(objects.into_iter().filter(|abs| matches!(abs, Abs::ClassOf(..))));
            }
        }
        found
    }

    /// What a function among the members of its class gives as an attribute of an object.
    fn function_of_object(
        &mut self,
        base: ClassRef,
        (func, value): (FuncId, ValueId),
        class: &ClassRef,
        object: &Abs,
    ) -> AbsSet {
        let m = base.module;
        if has_decorator(self.code(m), func, &["property", "cached_property"]) {
            let given = self.enter(m, func, &base.around, &[smallvec![object.clone()]], &[]);
            // What is made once, stays with the object.
            if has_decorator(self.code(m), func, &["cached_property"]) {
                let owner = self.full_owner(object);
                return given.iter().map(|abs| owned(abs, owner)).collect();
            }
            return given;
        }
        if has_decorator(self.code(m), func, &["staticmethod"]) {
            return smallvec![function(m, func)];
        }
        let this = if has_decorator(self.code(m), func, &["classmethod"]) {
            Abs::Class(class.clone())
        } else {
            object.clone()
        };
        let mut found = AbsSet::new();
        let dressed = matches!(self.code(m).value(value), Value::Call(_));
        if dressed || !self.code(m).function(func).decorators.is_empty() {
            for made in self.quietly(|w| w.eval(m, value, &base.around)) {
                match made {
                    // `@logged def run(self): …`
                    Abs::Function(module, other, env, _) if (module, other) != (m, func) => {
                        found.push(Abs::Method(Rc::new(this.clone()), module, other, env));
                    }
                    Abs::Instance(..) | Abs::Partial(..) => found.extend(self.of_descriptor(&made, object)),
                    _ => {}
                }
            }
        }
        found.push(Abs::Method(Rc::new(this), m, func, base.around));
        found
    }

    /// What a member of a class gives that decides itself what it is for an object: one with `__get__`, or `property(get_size)`.
    fn of_descriptor(&mut self, member: &Abs, object: &Abs) -> AbsSet {
        let mut found = AbsSet::new();
        if let Some([getters, ..]) = member.made_by(PROPERTY) {
            let place = (self.cause, self.at);
            for getter in getters {
                found.extend(self.call(getter, &[smallvec![object.clone()]], &[], CallRole::Used, place));
            }
            return found;
        }
        let Abs::Instance(class, _) = member else { return found };
        let Some((m, func, around)) = self.find_method(class, "__get__") else {
            return smallvec![member.clone()];
        };
        // What it stores in the object itself, `obj.__dict__[self.name] = value`, is an attribute made when it is asked for.
        let (object, owner) = match object {
            Abs::Instance(class, owner) => (Abs::Instance(class.clone(), Owner::Fresh), *owner),
            other => (other.clone(), Owner::Fresh),
        };
        let args: [AbsSet; 3] = [smallvec![member.clone()], smallvec![object], smallvec![Abs::Unknown]];
        found.extend(self.enter(m, func, &around, &args, &[]).iter().map(|abs| owned(abs, owner)));
        found
    }

    /// What is stored in a class after its definition, or is an attribute of its metaclass: which of them counts, is not decided here.
    fn put_in_or_above(&mut self, class: &ClassRef, attr: Sym, abs: &Abs) -> AbsSet {
        let mut found = self.put_in_class(class, attr);
        if let Some(above) = self.attribute_of_metaclass(class, attr, abs) {
            found.extend(above);
            found.extend(self.put_under(attr, Owner::Module(class.module, attr)));
        }
        if !found.is_empty() {
            // Or what others have stored.
            found.push(Abs::Bound(Rc::new(abs.clone()), attr));
        }
        unique(&mut found);
        found
    }

    /// What a decorator of an object's class, or of a base, has stored there.
    fn put_by_decorator(&mut self, class: &ClassRef, attr: Sym, object: &Abs) -> Option<AbsSet> {
        let mro = self.mro(class);
        let found = mro
            .iter()
            .map(|base| self.stored_by_decorators(base, attr, false))
            .find(|set| !set.is_empty())?;
        let bound = |abs| match abs {
            Abs::Function(module, func, env, _) => Abs::Method(Rc::new(object.clone()), module, func, env),
            other => other,
        };
        Some(found.into_iter().map(bound).collect())
    }

    /// A class has what its metaclass has for its instances: `cls.instances` of `class Single(type): instances = {}`. And what the
    /// metaclass has stored in a base only, as a condition says: `if not bases: cls.known = []`.
    fn attribute_of_metaclass(&mut self, class: &ClassRef, attr: Sym, abs: &Abs) -> Option<AbsSet> {
        if attr.as_str().starts_with("__") {
            return None;
        }
        let mut out = AbsSet::new();
        for meta in self.metaclass_of(class, 0) {
            let Abs::Class(meta) = meta else { continue };
            if let Some((base, value)) = self.find_member(&meta, attr) {
                match function_behind(self.code(base.module), value) {
                    Some(func) => out.extend(self.function_of_object(base, (func, value), &meta, abs)),
                    None => out.extend(self.class_member(&base, value, attr, abs)),
                }
            } else if self.stores_for_some(&meta, attr) {
                // The classes of the module that is loaded may be those that have none of their own.
                let mro = self.mro(class);
                let base = mro.iter().rev().find(|base| base.module != class.module);
                out.extend(base.map(|base| Abs::Object(Owner::Module(base.module, attr))));
            }
        }
        (!out.is_empty()).then_some(out)
    }

    /// Whether the methods of a metaclass store an attribute only under a condition.
    fn stores_for_some(&mut self, meta: &ClassRef, attr: Sym) -> bool {
        let mut found = false;
        for base in self.mro(meta).iter() {
            let code = self.code(base.module);
            let stores = self.stored_by_methods(base.module, base.class);
            for &(func, value) in stores.get(&attr).into_iter().flatten() {
                let stored = |op: &Op| matches!(op.kind, OpKind::SetAttr { attr: a, value: v, .. } if a == attr && v == value);
                if code.ops_of(func).any(|op| stored(&op) && !op.conditional && !op.may_have_left) {
                    return false;
                }
                found = true;
            }
        }
        found
    }

    /// Whether `__init__` gives every instance an attribute of its own.
    pub(super) fn is_given(&mut self, class: &ClassRef, attr: Sym) -> bool {
        if Self::kept_by(class).is_some() {
            return true;
        }
        for base in self.mro(class).iter() {
            let class = &self.code(base.module).classes[base.class as usize];
            if class.given.contains(&attr) {
                return true;
            }
            if !class.calls_base && class.members.iter().any(|(name, _)| *name == "__init__") {
                return false;
            }
        }
        false
    }

    /// A member of a class that decides itself what a store does: a property, or an object with `__set__`.
    fn is_data_descriptor(&mut self, base: &ClassRef, value: ValueId) -> bool {
        function_behind(self.code(base.module), value).is_some()
            || self.quietly(|w| w.eval(base.module, value, &base.around)).iter().any(|abs| match abs {
                Abs::Instance(class, _) => self.find_method(class, "__set__").is_some(),
                Abs::Fresh | Abs::Str(_) | Abs::Holder(..) => false,
                _ => true,
            })
    }

    /// What `__init__` and other methods store under `self.attr`, as far as it is a function or an instance of the
    /// program, or belongs to somebody. None if no method stores anything there.
    pub(super) fn instance_attribute(&mut self, class: &ClassRef, attr: Sym, owner: Owner) -> Option<AbsSet> {
        let mut out = None;
        for &ClassRef { module: m, class: c, ref around, .. } in self.mro(class).iter() {
            let stores = self.stored_by_methods(m, c);
            for &(func, value) in stores.get(&attr).into_iter().flatten() {
                let out = out.get_or_insert_with(AbsSet::new);
                let given = class.given().is_some_and(|env| env.module == m && env.func == func);
                let env = if given {
                    class.given_env()
                } else if let Some(env) = self.given_by_derived(class, (m, func), around) {
                    env
                } else if self.asks_itself(m, func, value) {
                    // `self.steps = [self.open, self.read]`, `self.model = self.make_model()`
                    let this = smallvec![Abs::Instance(class.clone(), owner)];
                    self.bound((m, func), around, &[this], &[], (Box::default(), false))
                } else {
                    around.clone()
                };
                if let (false, Value::Var(var)) = (given, self.code(m).value(value)) {
                    let handed = self.given_to_method(m, func, var);
                    out.extend(handed);
                }
                for abs in self.quietly(|w| w.eval(m, value, &env)) {
                    match abs {
                        Abs::Holder(ref elements, Owner::Fresh) if elements.iter().any(matters) => {
                            out.push(owned(&abs, owner));
                        }
                        Abs::Instance(..)
                        | Abs::Function(..)
                        | Abs::Method(..)
                        | Abs::Partial(..)
                        | Abs::Class(..)
                        | Abs::ClassOf(..)
                        | Abs::Module(_) => {
                            out.push(owned(&abs, owner));
                        }
                        // What somebody else has as well.
                        Abs::Object(o) | Abs::Made(_, o) | Abs::Holder(_, o) if o != Owner::Fresh => {
                            out.push(abs);
                        }
                        _ => {}
                    }
                }
            }
        }
        if out.is_none() {
            out = Self::kept_by(class).map(|kept| kept.iter().map(|abs| owned(abs, owner)).collect());
        }
        out
    }

    /// What the `__init__` of a derived class hands to that of a base: `super().__init__(table)`.
    fn given_by_derived(
        &mut self,
        class: &ClassRef,
        (module, init): (ModuleId, FuncId),
        around: &EnvRef,
    ) -> Option<EnvRef> {
        let (derived, by) = class.given().map(|env| (env.module, env.func))?;
        if self.code(module).function(init).name != "__init__" || (derived, by) == (module, init) {
            return None;
        }
        let code = self.code(derived);
        let calls = code.ops_of(by).filter_map(|op| match op.kind {
            OpKind::Call { call, .. } => Some(code.call(call)),
            _ => None,
        });
        let of_base = |call: &Call| match code.value(call.callee) {
            Value::Attr(base, name) if name == "__init__" => {
                matches!(code.value(base), Value::Call(inner) if matches!(code.value(code.call(inner).callee), Value::Global(name) if name == "super"))
            }
            _ => false,
        };
        let call = calls.into_iter().find(of_base)?;
        let env = class.given_env();
        let Arguments { positional, keywords, .. } = self.quietly(|w| w.arguments(derived, &call, &env));
        let mut all = vec![smallvec![Abs::Unknown]];
        all.extend(positional);
        Some(self.bound((module, init), around, &all, &keywords, (Box::default(), false)))
    }

    /// Whether what a method stores in its object is made of what the object has: a display, or a call of one of its methods.
    fn asks_itself(&self, module: ModuleId, method: FuncId, value: ValueId) -> bool {
        let code = self.code(module);
        match code.value(value) {
            Value::Holder(_) => true,
            Value::Call(call) => match code.value(code.call(call).callee) {
                Value::Attr(base, _) => {
                    matches!(code.value(base), Value::Var(var) if var == code.function(method).params.start)
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// What the methods of a class store in attributes of their object: `self.attr = value`.
    fn stored_by_methods(&self, module: ModuleId, class: u32) -> &'p StoredByMethods {
        self.shared.classes.get(module, class).stored_by_methods.get_or_init(|| {
            let code = self.code(module);
            let mut stores = StoredByMethods::default();
            for (func, function) in (0..).map(FuncId).zip(&code.functions) {
                if function.class != Some(class) {
                    continue;
                }
                for op in code.ops_of(func) {
                    if let OpKind::SetAttr { base, attr, value, .. } = op.kind
                        && matches!(code.value(base), Value::Var(var) if var == function.params.start)
                    {
                        stores.entry(attr).or_default().push((func, value));
                    }
                }
            }
            Box::new(stores)
        })
    }

    pub(super) fn class_member(
        &mut self,
        class: &ClassRef,
        value: ValueId,
        attr: Sym,
        holder: &Abs,
    ) -> AbsSet {
        let module = class.module;
        let code = self.code(module);
        if let Some(func) = function_behind(code, value) {
            if has_decorator(code, func, &["classmethod"]) || attr == "__init_subclass__" {
                return smallvec![Abs::Method(Rc::new(holder.clone()), module, func, class.around.clone())];
            }
            let plain = Abs::Function(module, func, class.around.clone(), Owner::Fresh);
            if !code.function(func).decorators.is_empty() {
                let mut out = self.quietly(|w| w.eval(module, value, &class.around));
                for member in out.clone() {
                    self.special(&member, "__get__", &[smallvec![Abs::Unknown], smallvec![holder.clone()]]);
                }
                out.push(plain);
                return out;
            }
            return smallvec![plain];
        }
        let owner = self.full_owner(&Abs::Class(class.clone()));
        let values = self.quietly(|w| w.eval(module, value, &class.around));
        let mut given = AbsSet::new();
        for member in &values {
            self.special(member, "__get__", &[smallvec![holder.clone()], smallvec![Abs::Unknown]]);
            if matches!(holder, Abs::Instance(..)) && member.made_by(PROPERTY).is_some() {
                given.extend(self.of_descriptor(member, holder));
            }
        }
        values
            .into_iter()
            .chain(given)
            .map(|abs| match abs {
                Abs::Unknown => Abs::Object(owner),
                other => owned(&other, owner),
            })
            .collect()
    }
}
