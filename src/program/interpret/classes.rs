//! Classes that are defined: what their bases and metaclasses do, and where their members are.

use std::sync::Arc as Rc;

use ruff_text_size::TextSize;
use smallvec::smallvec;

use super::{Abs, AbsSet, EffectKind, EnvRef, Interpreter, MOST_DEPTH, MOST_STEPS, Owner};
use crate::facts::{CallRole, Code, FuncId, Sym, Value, ValueId};
use crate::program::ModuleId;

impl Interpreter<'_> {
    pub(super) fn define_class(
        &mut self,
        module: ModuleId,
        index: u32,
        env: &EnvRef,
        place: (ModuleId, TextSize),
    ) {
        let class = &self.code(module).classes[index as usize];
        let new = Abs::Class(module, index);
        let mut bases = Vec::new();
        for &base in &class.bases {
            bases.extend(self.eval(module, base, env));
        }
        let metaclass = class.metaclass.map(|m| self.eval(module, m, env));
        self.class_created(&new, &bases, metaclass.as_deref(), place);
        for &(_, member) in &class.members {
            for abs in self.eval(module, member, env) {
                if let Abs::Instance(m, c, _) = abs
                    && let Some((owner, func)) = self.find_method(m, c, "__set_name__")
                {
                    let this: AbsSet = smallvec![abs.clone()];
                    self.enter(owner, func, &EnvRef::default(), &[this, smallvec![new.clone()]], &[]);
                }
            }
        }
    }

    pub(super) fn class_created(
        &mut self,
        new: &Abs,
        bases: &[Abs],
        metaclass: Option<&[Abs]>,
        place: (ModuleId, TextSize),
    ) {
        // `__init_subclass__` of the nearest base that has one.
        for base in bases {
            if let Abs::Class(m, c) = base {
                if let Some((owner, func)) = self.find_method(*m, *c, "__init_subclass__") {
                    self.enter(owner, func, &EnvRef::default(), &[smallvec![new.clone()]], &[]);
                }
                self.listed_subclass(*m, *c, place);
            }
        }
        if let Abs::Class(module, class) = new {
            self.enum_members(*module, *class);
        }
        let mut metaclasses: AbsSet = metaclass.map(AbsSet::from).unwrap_or_default();
        for base in bases {
            if let Abs::Class(m, c) = base {
                metaclasses.extend(self.metaclass_of(*m, *c, 0));
            }
        }
        metaclasses.dedup();
        for meta in metaclasses {
            let Abs::Class(m, c) = meta else { continue };
            for method in ["__prepare__", "__new__", "__init__"] {
                if let Some((owner, func)) = self.find_method(m, c, method) {
                    let first = if method == "__init__" { new.clone() } else { Abs::Class(m, c) };
                    let bases = smallvec![Abs::Holder(Rc::new(AbsSet::from(bases)), Owner::Fresh)];
                    let args = [smallvec![first], smallvec![Abs::Fresh], bases, smallvec![Abs::Fresh]];
                    self.enter(owner, func, &EnvRef::default(), &args, &[]);
                }
            }
        }
    }

    /// Whether a class is an enumeration.
    pub(super) fn is_enumeration(&mut self, module: ModuleId, class: u32) -> bool {
        let is_enum = |path: &Sym| {
            matches!(
                path.as_str().strip_prefix("enum."),
                Some("Enum" | "IntEnum" | "StrEnum" | "Flag" | "IntFlag")
            )
        };
        self.foreign_bases(module, class).iter().any(is_enum)
    }

    /// An enumeration makes its members while it is defined.
    pub(super) fn enum_members(&mut self, module: ModuleId, class: u32) {
        let found = self.is_enumeration(module, class);
        for (method, first) in
            [("__new__", Abs::Class(module, class)), ("__init__", Abs::Instance(module, class, Owner::Fresh))]
        {
            if found && let Some((m, func)) = self.find_method(module, class, method) {
                self.enter(m, func, &EnvRef::default(), &[smallvec![first]], &[]);
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
    pub(super) fn fields_made(&mut self, module: ModuleId, class: u32) {
        for &(m, c) in self.mro(module, class).iter() {
            let code = self.code(m);
            for &(_, member) in &code.classes[c as usize].members {
                if matches!(code.value(member), Value::Call(_)) {
                    self.field(m, member);
                }
            }
        }
    }

    /// The classes of foreign code that a class is made of.
    pub(super) fn foreign_bases(&mut self, module: ModuleId, class: u32) -> Vec<Sym> {
        let mut found = Vec::new();
        for &(m, c) in self.mro(module, class).iter() {
            for &base in &self.code(m).classes[c as usize].bases {
                let bases = self.quietly(|w| w.eval(m, base, &EnvRef::default()));
                found.extend(bases.iter().filter_map(|abs| match abs {
                    Abs::External(path) => Some(*path),
                    _ => None,
                }));
            }
        }
        found
    }

    /// Somebody lists the subclasses of a base.
    pub(super) fn listed_subclass(&mut self, module: ModuleId, class: u32, place: (ModuleId, TextSize)) {
        for &(m, c) in self.mro(module, class).iter() {
            if self.shared.listed_classes.contains(&(m, c)) {
                let name = self.code(m).classes[c as usize].name;
                // A list that only the class's own module can read is made again there.
                if m != self.cause {
                    self.effect(EffectKind::Subclass, Owner::Module(m, name), place, Some(name));
                }
            }
        }
    }

    pub(super) fn metaclass_of(&mut self, module: ModuleId, class: u32, depth: u32) -> AbsSet {
        if depth > 12 {
            return AbsSet::new();
        }
        let data = &self.code(module).classes[class as usize];
        if let Some(meta) = data.metaclass {
            return self.quietly(|w| w.eval(module, meta, &EnvRef::default()));
        }
        let bases: Vec<ValueId> = data.bases.to_vec();
        let mut out = AbsSet::new();
        for base in bases {
            for abs in self.quietly(|w| w.eval(module, base, &EnvRef::default())) {
                if let Abs::Class(m, c) = abs {
                    out.extend(self.metaclass_of(m, c, depth + 1));
                }
            }
        }
        out
    }

    /// The class and its bases, nearest first, as far as they are of the program.
    pub fn mro(&mut self, module: ModuleId, class: u32) -> Rc<[(ModuleId, u32)]> {
        if let Some(known) = self.shared.bases.get(&(module, class)) {
            return known;
        }
        let before = std::mem::replace(&mut self.incomplete, false);
        let mut out = vec![(module, class)];
        let mut next = 0;
        while next < out.len() && out.len() < 64 {
            let (m, c) = out[next];
            next += 1;
            let bases: Vec<ValueId> = self.code(m).classes[c as usize].bases.to_vec();
            for base in bases {
                let base = match self.code(m).value(base) {
                    // `Generic[T]`, `Base[int]`
                    Value::Item(inner) => inner,
                    _ => base,
                };
                for abs in self.quietly(|w| w.eval(m, base, &EnvRef::default())) {
                    if let Abs::Class(m, c) = abs
                        && !out.contains(&(m, c))
                    {
                        out.push((m, c));
                    }
                }
            }
        }
        let out: Rc<[(ModuleId, u32)]> = out.into();
        if !self.incomplete && self.steps <= MOST_STEPS && self.depth <= MOST_DEPTH {
            self.shared.bases.set((module, class), out.clone());
        }
        self.incomplete |= before;
        out
    }

    /// Whether the values are classes of the module that is being loaded, or of modules inside it (extension modules too):
    /// who has such a class, has loaded the module.
    pub(super) fn is_own_class(&self, set: &AbsSet) -> bool {
        let is_own = |id: ModuleId| id == self.cause || self.is_inside_cause(self.program.module(id).name);
        let all_own = |abs: &Abs| match abs {
            Abs::Class(module, _) => is_own(*module),
            Abs::External(path) => self.is_inside_cause(*path),
            _ => false,
        };
        !set.is_empty() && set.iter().all(all_own)
    }

    /// Whether a class has the metaclass `abc.ABCMeta`.
    pub(super) fn is_abstract(&mut self, module: ModuleId, class: u32) -> bool {
        for &(m, c) in self.mro(module, class).iter() {
            let class = &self.code(m).classes[c as usize];
            for &value in class.bases.iter().chain(&class.metaclass) {
                let found = self.quietly(|w| w.eval(m, value, &EnvRef::default()));
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

    pub(super) fn find_member(
        &mut self,
        module: ModuleId,
        class: u32,
        name: Sym,
    ) -> Option<(ModuleId, u32, ValueId)> {
        for &(m, c) in self.mro(module, class).iter() {
            let members = &self.code(m).classes[c as usize].members;
            if let Some((_, value)) = members.iter().rev().find(|(n, _)| *n == name) {
                return Some((m, c, *value));
            }
        }
        None
    }

    pub(super) fn find_method(
        &mut self,
        module: ModuleId,
        class: u32,
        name: &str,
    ) -> Option<(ModuleId, FuncId)> {
        let (m, _, value) = self.find_member(module, class, Sym::new(name))?;
        Self::function_behind(self.code(m), value).map(|f| (m, f))
    }

    /// The function that a member is, also behind decorators.
    pub(super) fn function_behind(code: &Code, mut value: ValueId) -> Option<FuncId> {
        for _ in 0..8 {
            match code.value(value) {
                Value::Function(func) => return Some(func),
                Value::Call(call) => value = *code.positional(&code.call(call)).first()?,
                _ => return None,
            }
        }
        None
    }
}
