//! Classes that are defined: what their bases and metaclasses do, and where their members are.

use std::sync::{Arc as Rc, OnceLock};

use ruff_text_size::TextSize;
use smallvec::smallvec;

use super::shared::{Bases, Lineage};
use super::told::Given;
use super::{Abs, AbsSet, ClassRef, EffectKind, EnvRef, Interpreter, MOST_STEPS, Owner, elements_of, unique};
use crate::facts::{CallRole, FuncId, Sym, Value, ValueId};
use crate::program::ModuleId;
use crate::program::callees::function_behind;
use crate::program::listed::Listed;

impl<'p> Interpreter<'p> {
    pub(super) fn define_class(
        &mut self,
        module: ModuleId,
        index: u32,
        env: &EnvRef,
        place: (ModuleId, TextSize),
    ) {
        let class = &self.code(module).classes[index as usize];
        let new = Abs::Class(ClassRef::new(module, index, self.around_class(module, index, env)));
        let mut bases = Vec::new();
        for &base in &class.bases {
            bases.extend(self.eval(module, base, env));
        }
        let metaclass = class.metaclass.map(|m| self.eval(module, m, env));
        let keywords: Vec<_> = class.keywords.iter().map(|&(n, v)| (n, self.eval(module, v, env))).collect();
        let told = class.keywords.iter().map(|&(name, value)| (name, self.told(module, value, env)));
        let given = Given { keywords: told.collect(), ..Given::default() };
        let given = (!class.star).then_some(&given);
        self.refused_for_bases((module, index), env);
        self.class_created(&new, &bases, metaclass.as_deref(), (&keywords, given), place);
        for &(_, member) in &class.members {
            let members = self.eval(module, member, env);
            self.members_named(&new, members);
        }
    }

    /// The members of a new class are told under which name.
    pub(super) fn members_named(&mut self, new: &Abs, members: AbsSet) {
        for abs in members {
            if let Abs::Instance(class, _) = &abs
                && let Some((owner, func, around)) = self.find_method(class, "__set_name__")
            {
                let this: AbsSet = smallvec![abs.clone()];
                self.enter(owner, func, &around, &[this, smallvec![new.clone()]], &[]);
            }
        }
    }

    pub(super) fn class_created(
        &mut self,
        new: &Abs,
        bases: &[Abs],
        metaclass: Option<&[Abs]>,
        (keywords, given): (&[(Sym, AbsSet)], Option<&Given>),
        place: (ModuleId, TextSize),
    ) {
        // `__init_subclass__` of the nearest base that has one.
        for base in bases {
            self.special(base, "__mro_entries__", &[smallvec![Abs::Unknown]]);
            if let Abs::ClassOf(made, _) = base {
                self.subclass_of_made(made, new);
            }
            // `class Late(ValueError)`, where somebody lists those.
            if let Abs::External(path) = base
                && self.shared.listed_classes.contains(&Listed::Foreign(*path))
            {
                self.effect(EffectKind::Subclass, Owner::External(*path), place, Some(*path));
            }
            if let Abs::Class(class) = base {
                if let Some((owner, func, around)) = self.find_method(class, "__init_subclass__") {
                    // A class that a call makes has what its bases have, and what is stored in it is its own.
                    let new = match new {
                        Abs::Fresh => Abs::Instance(class.clone(), Owner::Fresh),
                        known => known.clone(),
                    };
                    let args = [smallvec![new]];
                    self.enter_given((owner, func), &around, &args, keywords, given);
                }
                self.listed_subclass(class, place);
            }
        }
        if let Abs::Class(class) = new {
            self.enum_members(class);
        }
        let mut metaclasses: AbsSet = metaclass.map(AbsSet::from).unwrap_or_default();
        // `class Order(metaclass=registered)` with a function: it is not inherited.
        for meta in metaclasses
            .iter()
            .filter(|meta| matches!(meta, Abs::Function(..) | Abs::Method(..) | Abs::Partial(..)))
        {
            let bases = Abs::Holder(Rc::new(AbsSet::from(bases)), Owner::Fresh);
            let namespace = match new {
                Abs::Class(class) => self.objects_in(class),
                _ => AbsSet::new(),
            };
            let namespace = Abs::Holder(Rc::new(namespace), Owner::Fresh);
            let args = [smallvec![Abs::Unknown], smallvec![bases], smallvec![namespace]];
            self.call(meta, &args, keywords, CallRole::Used, place);
        }
        for base in bases {
            metaclasses.extend(self.metaclass_of_base(base, 0));
        }
        metaclasses.dedup();
        for meta in metaclasses {
            let Abs::Class(class) = meta else { continue };
            for method in ["__prepare__", "__new__", "__init__"] {
                if let Some((owner, func, around)) = self.find_method(&class, method) {
                    let first = if method == "__init__" { new.clone() } else { Abs::Class(class.clone()) };
                    let bases = smallvec![Abs::Holder(Rc::new(AbsSet::from(bases)), Owner::Fresh)];
                    let mut namespace = match new {
                        Abs::Class(class) => self.objects_in(class),
                        _ => AbsSet::new(),
                    };
                    let namespace = if namespace.is_empty() {
                        Abs::Fresh
                    } else {
                        // And the names are texts.
                        namespace.push(Abs::Fresh);
                        Abs::Holder(Rc::new(namespace), Owner::Fresh)
                    };
                    // By its name one class differs from the next.
                    let name = match new {
                        Abs::Class(new) if method == "__new__" => {
                            Abs::Str(self.code(new.module).classes[new.class as usize].name)
                        }
                        _ => Abs::Fresh,
                    };
                    let args = [smallvec![first], smallvec![name], bases, smallvec![namespace]];
                    let creates = match new {
                        Abs::Class(new) if method == "__new__" => Some(new.clone()),
                        _ => None,
                    };
                    let creates = creates.map(|new| self.creating.push(new)).is_some();
                    let made = self.enter_given((owner, func), &around, &args, keywords, given);
                    if creates {
                        self.creating.pop();
                    }
                    if method == "__prepare__" {
                        self.members_stored(new, &made);
                    }
                }
            }
        }
    }

    /// The objects of the program's classes among the members of a class: `name = Field()`. Who goes through its namespace may call
    /// their methods.
    pub(super) fn objects_in(&mut self, class: &ClassRef) -> AbsSet {
        let mut found = AbsSet::new();
        for &(_, value) in &self.code(class.module).classes[class.class as usize].members {
            if matches!(self.code(class.module).value(value), Value::Call(_) | Value::Global(_)) {
                let values = self.quietly(|w| w.eval(class.module, value, &class.around));
                found.extend(values.into_iter().filter(|abs| matches!(abs, Abs::Instance(..))));
            }
        }
        unique(&mut found);
        found
    }

    /// The namespace of a class as a dictionary.
    pub(super) fn namespace_of(&mut self, class: &ClassRef) -> Abs {
        let owner = self.full_owner(&Abs::Class(class.clone()));
        let mut objects = self.objects_in(class);
        if objects.is_empty() {
            return Abs::Object(owner);
        }
        objects.push(Abs::Object(owner));
        Abs::Holder(Rc::new(objects), owner)
    }

    /// The body of a class stores its members in the namespace that the metaclass has prepared.
    fn members_stored(&mut self, new: &Abs, namespaces: &AbsSet) {
        let Abs::Class(class) = new else { return };
        for namespace in namespaces {
            let Abs::Instance(prepared, _) = namespace else { continue };
            if self.find_method(prepared, "__setitem__").is_none() {
                continue;
            }
            for &(name, value) in &self.code(class.module).classes[class.class as usize].members {
                let member = self.quietly(|w| w.eval(class.module, value, &class.around));
                self.special(namespace, "__setitem__", &[smallvec![Abs::Str(name)], member]);
            }
        }
    }

    /// A class that a call has made gets a subclass: what its bases do then.
    fn subclass_of_made(&mut self, made: &(Option<ClassRef>, AbsSet), new: &Abs) {
        for base in &made.1 {
            match base {
                Abs::Class(class) => {
                    if let Some((owner, func, around)) = self.find_method(class, "__init_subclass__") {
                        self.enter(owner, func, &around, &[smallvec![new.clone()]], &[]);
                    }
                }
                Abs::ClassOf(made, _) => self.subclass_of_made(made, new),
                _ => {}
            }
        }
    }

    /// The class that a call of a metaclass makes.
    pub(super) fn class_of(&mut self, meta: &ClassRef, args: &[AbsSet], place: (ModuleId, TextSize)) -> Abs {
        let bases: AbsSet = args.get(1).into_iter().flatten().flat_map(elements_of).collect();
        self.class_created(&Abs::Fresh, &bases, Some(&[Abs::Class(meta.clone())]), (&[], None), place);
        self.members_named(&Abs::Fresh, args.get(2).into_iter().flatten().flat_map(elements_of).collect());
        Abs::ClassOf(Rc::new((Some(meta.clone()), bases)), Owner::Fresh)
    }

    /// Whether the instances of a class are classes.
    pub(super) fn is_metaclass(&mut self, class: &ClassRef) -> bool {
        let is_type = |path: &Sym| matches!(path.as_str(), "builtins.type" | "abc.ABCMeta");
        self.foreign_bases(class).iter().any(is_type)
    }

    /// What is around a class statement that runs.
    pub(super) fn around_class(&self, module: ModuleId, class: u32, env: &EnvRef) -> EnvRef {
        let top = self.code(module).classes[class as usize].func.is_module();
        if top { EnvRef::default() } else { env.clone() }
    }

    /// Whether a class is an enumeration.
    pub(super) fn is_enumeration(&mut self, class: &ClassRef) -> bool {
        let is_enum = |path: &Sym| {
            matches!(
                path.as_str().strip_prefix("enum."),
                Some("Enum" | "IntEnum" | "StrEnum" | "Flag" | "IntFlag")
            )
        };
        self.foreign_bases(class).iter().any(is_enum)
    }

    /// An enumeration makes its members while it is defined.
    pub(super) fn enum_members(&mut self, class: &ClassRef) {
        let found = self.is_enumeration(class);
        if found && let Some((m, func, around)) = self.find_method(class, "_generate_next_value_") {
            self.enter(m, func, &around, &[smallvec![Abs::Fresh]], &[]);
        }
        for (method, first) in
            [("__new__", Abs::Class(class.clone())), ("__init__", Abs::Instance(class.clone(), Owner::Fresh))]
        {
            if found && let Some((m, func, around)) = self.find_method(class, method) {
                self.enter(m, func, &around, &[smallvec![first]], &[]);
            }
        }
    }

    /// A field of a dataclass, or the like: what each instance gets there, as far as it is known.
    ///
    /// ```python
    /// tags: list = field(default_factory=list)
    /// ```
    pub(super) fn field(&mut self, module: ModuleId, value: ValueId) -> Option<AbsSet> {
        let code = self.code(module);
        let Value::Call(call) = code.value(value) else { return None };
        let call = &code.call(call);
        let env = EnvRef::default();
        let is_field = |abs: &Abs| {
            matches!(abs, Abs::External(path) if matches!(path.as_str(),
                "dataclasses.field" | "attr.ib" | "attr.field" | "attrs.field" | "pydantic.Field"))
        };
        if !self.quietly(|w| w.eval(module, call.callee, &env)).iter().any(is_field) {
            return None;
        }
        for (name, value) in code.keyword_args(call) {
            match name.as_str() {
                "default_factory" | "factory" => {
                    let place = (module, TextSize::new(0));
                    let mut made = AbsSet::new();
                    for callee in self.eval(module, value, &env) {
                        made.extend(self.call(&callee, &[], &[], CallRole::Used, place));
                    }
                    return Some(made);
                }
                "default" => return Some(self.eval(module, value, &env)),
                _ => {}
            }
        }
        Some(smallvec![Abs::Fresh])
    }

    /// Runs the factories of a new instance's fields.
    pub(super) fn fields_made(&mut self, class: &ClassRef) {
        for base in self.mro(class).iter() {
            let code = self.code(base.module);
            for &(_, member) in &code.classes[base.class as usize].members {
                if matches!(code.value(member), Value::Call(_)) {
                    self.field(base.module, member);
                }
            }
        }
    }

    /// The classes of foreign code that a class is made of.
    pub(super) fn foreign_bases(&mut self, class: &ClassRef) -> Vec<Sym> {
        let mut found = Vec::new();
        for ClassRef { module, class, around, .. } in self.mro(class).iter() {
            for &base in &self.code(*module).classes[*class as usize].bases {
                let bases = self.quietly(|w| w.eval(*module, base, around));
                found.extend(bases.iter().filter_map(|abs| match abs {
                    Abs::External(path) => Some(*path),
                    _ => None,
                }));
            }
        }
        found
    }

    /// Somebody lists the subclasses of a base.
    pub(super) fn listed_subclass(&mut self, class: &ClassRef, place: (ModuleId, TextSize)) {
        for &ClassRef { module: m, class: c, .. } in self.mro(class).iter() {
            if self.shared.listed_classes.contains(&Listed::Own(m, c)) {
                let name = self.code(m).classes[c as usize].name;
                // A list that only the class's own module can read is made again there.
                if m != self.cause {
                    self.effect(EffectKind::Subclass, Owner::Module(m, name), place, Some(name));
                }
            }
        }
    }

    pub(super) fn metaclass_of(&mut self, class: &ClassRef, depth: u32) -> AbsSet {
        let ClassRef { module, class, around, .. } = class;
        let module = *module;
        if depth > 12 {
            return AbsSet::new();
        }
        let data = &self.code(module).classes[*class as usize];
        if let Some(meta) = data.metaclass {
            return self.quietly(|w| w.eval(module, meta, around));
        }
        let bases: Vec<ValueId> = data.bases.to_vec();
        let mut out = AbsSet::new();
        for base in bases {
            for abs in self.quietly(|w| w.eval(module, base, around)) {
                out.extend(self.metaclass_of_base(&abs, depth + 1));
            }
        }
        out
    }

    /// What `type(x)` gives: of a class its metaclass, which makes classes of whatever bases.
    pub(super) fn type_of(&mut self, abs: &Abs) -> AbsSet {
        match abs {
            Abs::Instance(class, _) => smallvec![Abs::Class(class.clone())],
            Abs::Class(_) | Abs::ClassOf(..) => {
                let metaclasses = self.metaclass_of_base(abs, 0);
                if metaclasses.is_empty() {
                    return smallvec![Abs::External(Sym::new("builtins.type"))];
                }
                metaclasses
            }
            _ => smallvec![Abs::Unknown],
        }
    }

    fn metaclass_of_base(&mut self, base: &Abs, depth: u32) -> AbsSet {
        match base {
            Abs::Class(class) => self.metaclass_of(class, depth),
            Abs::ClassOf(made, _) => match &made.0 {
                Some(meta) => smallvec![Abs::Class(meta.clone())],
                None => made.1.iter().flat_map(|base| self.metaclass_of_base(base, depth + 1)).collect(),
            },
            _ => AbsSet::new(),
        }
    }

    /// The class and its bases, nearest first, as far as they are of the program.
    pub fn mro(&mut self, class: &ClassRef) -> Bases<'p> {
        let top = class.around.env.is_none();
        let known = &self.shared.classes.get(class.module, class.class).lineage;
        if top && let Some(known) = known.get() {
            return Bases::Known(known);
        }
        let before = std::mem::replace(&mut self.incomplete, false);
        // Who asks first, pays no more than who finds them known.
        let saved = (self.steps, self.most_steps, self.depth);
        if top {
            (self.steps, self.most_steps, self.depth) = (0, MOST_STEPS, 0);
        }
        let mut out = vec![ClassRef::new(class.module, class.class, class.around.clone())];
        let mut next = 0;
        while next < out.len() && out.len() < 64 {
            let ClassRef { module: m, class: c, around, .. } = out[next].clone();
            next += 1;
            let bases: Vec<ValueId> = self.code(m).classes[c as usize].bases.to_vec();
            for base in bases {
                let base = match self.code(m).value(base) {
                    // `Generic[T]`, `Base[int]`
                    Value::Item(inner) => inner,
                    _ => base,
                };
                for abs in self.quietly(|w| w.eval(m, base, &around)) {
                    let made = match abs {
                        Abs::Class(class) => smallvec![Abs::Class(class)],
                        Abs::ClassOf(made, _) => made.1.clone(),
                        _ => AbsSet::new(),
                    };
                    for abs in made {
                        if let Abs::Class(class) = abs
                            && !out.contains(&class)
                        {
                            out.push(class);
                        }
                    }
                }
            }
        }
        let complete = !self.incomplete && self.steps <= self.most_steps;
        if top {
            (self.steps, self.most_steps, self.depth) = saved;
        }
        self.incomplete |= before;
        let bases = out.into_boxed_slice();
        if top && complete {
            Bases::Known(known.get_or_init(|| Lineage { bases, lacks_methods: OnceLock::new() }.into()))
        } else {
            Bases::Found(bases)
        }
    }

    /// Whether the values are classes of the module that is being loaded, or of modules inside it (extension modules too):
    /// who has such a class, has loaded the module.
    pub(super) fn is_own_class(&self, set: &AbsSet) -> bool {
        let is_own = |id: ModuleId| id == self.cause || self.is_inside_cause(self.program.module(id).name);
        let all_own = |abs: &Abs| match abs {
            Abs::Class(class) => is_own(class.module),
            Abs::External(path) => self.is_inside_cause(*path),
            _ => false,
        };
        !set.is_empty() && set.iter().all(all_own)
    }

    /// Whether a class has the metaclass `abc.ABCMeta`.
    pub(super) fn is_abstract(&mut self, class: &ClassRef) -> bool {
        for ClassRef { module, class, around, .. } in self.mro(class).iter() {
            let class = &self.code(*module).classes[*class as usize];
            for &value in class.bases.iter().chain(&class.metaclass) {
                let found = self.quietly(|w| w.eval(*module, value, around));
                if found
                    .iter()
                    .any(|a| matches!(a, Abs::External(path) if *path == "abc.ABC" || *path == "abc.ABCMeta"))
                {
                    return true;
                }
            }
        }
        false
    }

    pub(super) fn find_member(&mut self, class: &ClassRef, name: Sym) -> Option<(ClassRef, ValueId)> {
        let classes = &self.shared.classes;
        for base in self.mro(class).iter().filter(|base| classes.may_have(base, name)) {
            let members = &self.code(base.module).classes[base.class as usize].members;
            if let Some((_, value)) = members.iter().rev().find(|(n, _)| *n == name) {
                return Some((base.clone(), *value));
            }
        }
        None
    }

    /// A method of a class, with the variables around the class that has it, or around the function that a decorator has put there.
    pub(super) fn find_method(&mut self, class: &ClassRef, name: &str) -> Option<(ModuleId, FuncId, EnvRef)> {
        let name = Sym::new(name);
        let classes = &self.shared.classes;
        for base in self.mro(class).iter().filter(|base| classes.may_have(base, name)) {
            let code = self.code(base.module);
            let members = &code.classes[base.class as usize].members;
            let own = members.iter().rev().find(|(n, _)| *n == name);
            for stored in self.stored_by_decorators(base, name, own.is_some()) {
                if let Abs::Function(module, func, around, _) = stored {
                    return Some((module, func, around));
                }
            }
            if let Some((_, value)) = own {
                return Some((base.module, function_behind(code, *value)?, base.around.clone()));
            }
        }
        None
    }
}
