//! What objects and containers carry that was put into them by statements of a module, or that a class without `__init__` keeps.
//!
//! ```python
//! STEPS = []
//! STEPS.append(hub.add)            # STEPS[0]("x") calls it
//! job.action = hub.add             # job.action("x")
//! @dataclass
//! class Job: action: object
//! Job(hub.add).action("x")
//! getattr(shell, "do_" + name)     # a method whose name begins so
//! ```

use std::sync::Arc as Rc;

use ruff_text_size::TextSize;
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

use super::{Abs, AbsSet, ClassRef, Env, EnvRef, Interpreter, Owner, owned, unique};
use crate::facts::{CallRole, Code, FuncId, OpKind, Sym, Value, ValueId};
use crate::program::{ModuleId, tables};

/// Values that are stored.
type Stored = SmallVec<[(ValueId, As); 2]>;

/// What of a value is stored.
#[derive(Debug, Clone, Copy)]
enum As {
    Itself,
    /// What it holds.
    Elements,
    /// The value, in a container that is stored.
    Inside,
}

/// What the import-time code of a module puts where.
#[derive(Debug, Default)]
pub struct Stores {
    /// Into the containers that its names stand for, at whatever depth.
    items: FxHashMap<Sym, Stored>,
    /// Into attributes of objects.
    attributes: FxHashMap<Sym, Stored>,
    /// Into attributes of what a name stands for: `Plugin.hooks = []`, by both names.
    of_names: FxHashMap<(Sym, Sym), Vec<ValueId>>,
    /// Calls of methods that are given something, by their names: `app.use(handlers)`.
    calls: FxHashMap<Sym, SmallVec<[u32; 1]>>,
}

impl Stores {
    fn of(code: &Code) -> Self {
        let mut stores = Self::default();
        for op in code.ops_of(FuncId::MODULE).filter(|op| !op.main_guard) {
            match op.kind {
                OpKind::SetAttr { base, attr, value, .. } => {
                    stores.attribute(attr, value);
                    if let Value::Global(name) = code.value(base) {
                        stores.of_names.entry((name, attr)).or_default().push(value);
                    }
                }
                OpKind::ChangeInPlace { base, value, .. } => {
                    stores.item(container(code, base), value, As::Elements);
                }
                OpKind::SetItem { base, key, value, .. } => match (code.value(base), code.value(key)) {
                    // `job.__dict__["action"] = …`
                    (Value::Attr(_, dict), Value::Str(attr)) if dict == "__dict__" => {
                        stores.attribute(attr, value);
                    }
                    _ => stores.item(container(code, base), value, As::Itself),
                },
                OpKind::Call { call, .. } => {
                    let index = call;
                    let call = &code.call(call);
                    if let (Value::Attr(_, method), [_, ..]) =
                        (code.value(call.callee), code.positional(call))
                    {
                        stores.calls.entry(method).or_default().push(index);
                    }
                    match (code.value(call.callee), code.positional(call)) {
                        (Value::Attr(base, method), args) if tables::PUTS.contains(&method.as_str()) => {
                            let elements = matches!(method.as_str(), "extend" | "extendleft" | "update");
                            let part = if elements { As::Elements } else { As::Itself };
                            let within = container(code, base);
                            for &value in args {
                                stores.item(within, value, part);
                            }
                            for (attr, value) in code.keyword_args(call) {
                                stores.item(within, value, As::Itself);
                                // `vars(job).update(action=…)`
                                stores.attribute(attr, value);
                            }
                        }
                        (Value::Global(name), &[_, attr, value]) if name == "setattr" => {
                            if let Value::Str(attr) = code.value(attr) {
                                stores.attribute(attr, value);
                            }
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        stores
    }

    fn attribute(&mut self, attr: Sym, value: ValueId) {
        if !value.is_plain() {
            self.attributes.entry(attr).or_default().push((value, As::Itself));
        }
    }

    fn item(&mut self, within: Option<(Sym, bool)>, value: ValueId, part: As) {
        if let Some((name, deeper)) = within
            && !value.is_plain()
        {
            let part = if deeper { As::Inside } else { part };
            self.items.entry(name).or_default().push((value, part));
        }
    }
}

/// The global name of the container that a value is or lies in, and whether it is one inside.
fn container(code: &Code, whole: ValueId) -> Option<(Sym, bool)> {
    let mut value = whole;
    loop {
        value = match code.value(value) {
            Value::Global(name) => return Some((name, value != whole)),
            Value::Item(base) => base,
            // `groups.setdefault("a", []).append(…)`
            Value::Call(call) => match code.value(code.call(call).callee) {
                Value::Attr(base, method) if matches!(method.as_str(), "setdefault" | "get") => base,
                _ => return None,
            },
            _ => return None,
        };
    }
}

/// What may be called, or belongs to a module.
pub(super) fn matters(abs: &Abs) -> bool {
    match abs {
        Abs::Function(..) | Abs::Method(..) | Abs::Partial(..) | Abs::Class(_) | Abs::Instance(..) => true,
        Abs::Holder(elements, _) if elements.iter().any(matters) => true,
        Abs::Object(owner) | Abs::Holder(_, owner) | Abs::Made(_, owner) => {
            matches!(owner, Owner::Module(..))
        }
        _ => false,
    }
}

impl Interpreter<'_> {
    fn stores(&mut self, module: ModuleId) -> Rc<Stores> {
        if let Some(known) = self.own_stores.as_ref().filter(|_| module == self.cause) {
            return known.clone();
        }
        let stores = self.shared.stores.get(&module).unwrap_or_else(|| {
            let stores = Rc::new(Stores::of(self.code(module)));
            self.shared.stores.set(module, stores.clone());
            stores
        });
        if module == self.cause {
            self.own_stores = Some(stores.clone());
        }
        stores
    }

    fn stored(&mut self, module: ModuleId, (name, item): (Sym, bool), stored: &Stored) -> AbsSet {
        let mut found = AbsSet::new();
        if !self.stores_running.insert((module, name, item)) {
            self.incomplete = true;
            return found;
        }
        for &(value, part) in stored {
            let values = self.quietly(|w| w.eval(module, value, &EnvRef::default()));
            match part {
                As::Itself => found.extend(values),
                As::Inside => found.push(Abs::Holder(Rc::new(values), Owner::Fresh)),
                As::Elements => {
                    for abs in values {
                        if let Abs::Holder(elements, _) = abs {
                            found.extend(elements.iter().cloned());
                        }
                    }
                }
            }
        }
        self.stores_running.remove(&(module, name, item));
        found.retain(|abs| matters(abs));
        unique(&mut found);
        found
    }

    /// What the module that is loaded gives to methods of a name, as the parameter that a variable of one is: `app.use(handlers)`.
    pub(super) fn given_to_method(&mut self, module: ModuleId, method: FuncId, var: u32) -> AbsSet {
        let mut found = AbsSet::new();
        let function = self.code(module).function(method);
        let position = var.checked_sub(function.params.start + 1).filter(|_| function.params.contains(&var));
        let Some(position) = position.and_then(|position| usize::try_from(position).ok()) else {
            return found;
        };
        let cause = self.cause;
        let stores = self.stores(cause);
        let Some(calls) = stores.calls.get(&function.name) else { return found };
        if !self.stores_running.insert((cause, function.name, false)) {
            self.incomplete = true;
            return found;
        }
        for &call in calls {
            let call = self.code(cause).call(call);
            if let Some(&value) =
                self.code(cause).positional(&call).get(position).filter(|value| !value.is_plain())
            {
                found.extend(self.quietly(|w| w.eval(cause, value, &EnvRef::default())));
            }
        }
        self.stores_running.remove(&(cause, function.name, false));
        found.retain(|abs| matters(abs));
        unique(&mut found);
        found
    }

    /// What statements of its module have put into a container.
    pub(super) fn put_into(&mut self, owner: Owner) -> AbsSet {
        let Owner::Module(module, name) = owner else { return AbsSet::new() };
        let stores = self.stores(module);
        let Some(stored) = stores.items.get(&name) else { return AbsSet::new() };
        self.stored(module, (name, true), stored)
    }

    /// What the module that is loaded, or the one that has the object, stores under an attribute of whatever object.
    pub(super) fn put_under(&mut self, attr: Sym, owner: Owner) -> AbsSet {
        let mut found = AbsSet::new();
        let other = match owner {
            Owner::Module(id, _) if id != self.cause => Some(id),
            _ => None,
        };
        for module in [Some(self.cause), other].into_iter().flatten() {
            let stores = self.stores(module);
            let Some(stored) = stores.attributes.get(&attr) else { continue };
            found.extend(self.stored(module, (attr, false), stored));
        }
        found.extend(self.put.get(&attr).into_iter().flatten().cloned());
        found
    }

    /// The same of an object of which no class is known: only what is stored here counts.
    pub(super) fn put_here(&mut self, attr: Sym) -> AbsSet {
        let stored = |stores: &Rc<Stores>| stores.attributes.contains_key(&attr);
        if self.own_stores.as_ref().is_none_or(stored) || self.put.contains_key(&attr) {
            self.put_under(attr, Owner::Fresh)
        } else {
            AbsSet::new()
        }
    }

    /// What has been stored in a class, or one of its bases, under a name that is not known: `setattr(cls, name, function)`.
    pub(super) fn put_under_any(&mut self, class: &ClassRef) -> AbsSet {
        let mut found = AbsSet::new();
        if !self.put_in_classes.is_empty() {
            for base in self.mro(class).iter() {
                let put = self.put_in_classes.get(&(base.module, base.class));
                found.extend(put.into_iter().flatten().cloned());
            }
        }
        found
    }

    /// Functions that run store values under an attribute of some object, `cls.hook = hook`, or in a class under a name that is not
    /// known, `setattr(cls, name, function)`.
    pub(super) fn put_while_running(&mut self, class: Option<&ClassRef>, attr: Sym, values: &AbsSet) {
        if self.silent > 0 || !values.iter().any(matters) {
            return;
        }
        let known = match class {
            Some(class) => self.put_in_classes.entry((class.module, class.class)).or_default(),
            None => self.put.entry(attr).or_default(),
        };
        known.extend(values.iter().filter(|abs| matters(abs)).cloned());
        unique(known);
    }

    /// All that a `SimpleNamespace` was given.
    pub(super) fn values_of(&self, namespace: &Abs) -> Abs {
        let values = namespace.fields().into_iter().flatten().flat_map(|field| field[1..].iter().cloned());
        Abs::Holder(Rc::new(values.collect()), self.full_owner(namespace))
    }

    /// What the module of a class, or of one of its bases, has stored in it after its definition, `Plugin.hooks = []`; then also what may
    /// have been stored under the name by others.
    pub(super) fn put_in_class(&mut self, class: &ClassRef, attr: Sym) -> AbsSet {
        for base in self.mro(class).iter() {
            let definition = &self.code(base.module).classes[base.class as usize];
            if !definition.func.is_module() {
                continue;
            }
            let stores = self.stores(base.module);
            if let Some(values) = stores.of_names.get(&(definition.name, attr)) {
                let owner = Owner::Module(base.module, definition.name);
                let mut found = AbsSet::new();
                for &value in values {
                    let stored = self.quietly(|w| w.eval(base.module, value, &EnvRef::default()));
                    found.extend(stored.iter().map(|abs| owned(abs, owner)));
                }
                found.extend(self.put_under(attr, Owner::Module(base.module, attr)));
                unique(&mut found);
                return found;
            }
        }
        AbsSet::new()
    }

    /// A new instance of a class whose `__init__` is made for it keeps what it is given.
    pub(super) fn keep_given(
        &mut self,
        made: &mut AbsSet,
        class: &ClassRef,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
    ) {
        let sets = args.iter().chain(keywords.iter().map(|(_, set)| set));
        let mut kept: AbsSet = sets.flatten().filter(|abs| matters(abs)).cloned().collect();
        unique(&mut kept);
        if kept.is_empty() {
            return;
        }
        let mro = self.mro(class);
        let decorated =
            |base: &ClassRef| !self.code(base.module).classes[base.class as usize].decorators.is_empty();
        if !mro.iter().any(decorated) && self.foreign_bases(class).is_empty() {
            return;
        }
        self.environment += 1;
        let given = EnvRef::new(Env {
            module: class.module,
            func: FuncId::MODULE,
            first: 0,
            bindings: Box::new([kept]),
            told: Box::default(),
            extra: None,
            parent: EnvRef::default(),
            number: self.environment,
        });
        for abs in made {
            if let Abs::Instance(class, _) = abs {
                class.set_given(&given);
            }
        }
    }

    /// What an instance keeps in this way.
    pub(super) fn kept_by(class: &ClassRef) -> Option<&AbsSet> {
        let env = class.given().filter(|env| env.func.is_module())?;
        env.bindings.first()
    }

    /// A method whose name only begins so.
    pub(super) fn method_of_prefix(
        &mut self,
        this: &Abs,
        name: Sym,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
    ) -> AbsSet {
        let (Abs::Instance(class, _) | Abs::Class(class), Some(prefix)) =
            (this, name.as_str().strip_suffix('*'))
        else {
            return smallvec![Abs::Unknown];
        };
        self.dispatch(class, this, prefix, args, keywords)
    }

    /// A function that `operator` has made: `attrgetter("add")(hub)`, `methodcaller("add", "x")(hub)`, `itemgetter(0)(table)`.
    pub(super) fn call_getter(
        &mut self,
        path: Sym,
        args: &[AbsSet],
        place: (ModuleId, TextSize),
    ) -> Option<AbsSet> {
        let (kind, name) = path.as_str().strip_prefix("operator.")?.split_once(' ')?;
        let objects = args.first().cloned().unwrap_or_default();
        let mut out = AbsSet::new();
        if kind == "itemgetter" {
            for abs in &objects {
                if let Abs::Holder(elements, owner) = abs {
                    out.extend(elements.iter().map(|e| owned(e, *owner)));
                } else {
                    let owner = self.full_owner(abs);
                    out.extend(self.put_into(owner));
                    out.push(Abs::Object(owner));
                }
            }
            return Some(out);
        }
        let mut found = objects;
        for name in name.split('.') {
            let attr = Sym::new(name);
            found = found.iter().flat_map(|abs| self.attr(abs, attr)).collect();
        }
        if kind == "attrgetter" {
            return Some(found);
        }
        let given = [smallvec![Abs::Unknown]];
        for abs in found {
            out.extend(self.call(&abs, &given, &[], CallRole::Dropped, place));
        }
        Some(out)
    }
}
