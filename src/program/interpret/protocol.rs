//! Special methods: what operators, items, attributes and builtins call without naming it.
//!
//! ```python
//! bus << handler       # Bus.__lshift__
//! conf.mode = "fast"   # the setter of a property, a descriptor's `__set__`, `__setattr__`
//! groups["admin"]      # makes the item, if it is a defaultdict
//! len(table)           # Table.__len__
//! ```

use ruff_text_size::TextSize;
use smallvec::smallvec;

use super::foreign::only_text;
use super::object::PROPERTY;
use super::told::{Given, Told};
use super::{
    Abs, AbsSet, ClassRef, EffectKind, EnvRef, GlobalRead, Interpreter, Owner, Path, Risk, elements_of,
    has_decorator, unique,
};
use crate::facts::{CallRole, FuncId, Mark, MarkKind, OpKind, Sym, Value, ValueId};
use crate::program::callees::function_behind;
use crate::program::{ModuleId, Origin, tables};

impl Interpreter<'_> {
    /// Runs a special method of an object, if its class, or for a class its metaclass, is of the program and has it. Also one for
    /// reading may change the object: `self.asked.append(key)` in `__getitem__`.
    pub(super) fn special(&mut self, abs: &Abs, method: &str, args: &[AbsSet]) -> bool {
        self.special_given(abs, method, args, None)
    }

    fn special_given(&mut self, abs: &Abs, method: &str, args: &[AbsSet], given: Option<&Given>) -> bool {
        let found = match abs {
            Abs::Instance(class, _) => self.find_method(class, method),
            Abs::Class(class) => {
                let metaclasses = self.metaclass_of(class, 0);
                metaclasses.iter().find_map(|meta| match meta {
                    Abs::Class(meta) => self.find_method(meta, method),
                    _ => None,
                })
            }
            _ => None,
        };
        let Some((m, func, around)) = found else { return false };
        let mut all = vec![smallvec![abs.clone()]];
        all.extend(args.iter().cloned());
        self.enter_given((m, func), &around, &all, &[], given);
        true
    }

    /// An item is read: state of the process, an item that comes into being, or a method of the program that runs.
    pub(super) fn load_item(
        &mut self,
        module: ModuleId,
        base: ValueId,
        key: ValueId,
        env: &EnvRef,
        place: (ModuleId, TextSize),
    ) {
        let objects = self.eval(module, base, env);
        if objects.iter().all(|abs| matches!(abs, Abs::Class(_))) {
            // `Base[T]`
        } else if matches!(self.code(module).value(base), Value::Attr(..)) {
            let steps = self.steps;
            self.note_read(module, base, env, true);
            self.steps = steps;
        } else {
            self.note_held(&objects, true);
        }
        for abs in objects {
            match &abs {
                // `vars(config)["level"]`
                Abs::Object(Owner::Module(owner, name))
                    if *owner != self.cause && *name == "" && self.silent == 0 =>
                {
                    if let Some(name) = self.key_name(module, key, env) {
                        let (owner, at) = (*owner, self.at);
                        self.outcome.global_reads.push(GlobalRead {
                            owner,
                            name,
                            at,
                            content: true,
                            attr: None,
                        });
                    }
                }
                Abs::External(path) if tables::is_process_state(path.as_str()) => {
                    let key = only_text(&self.eval(module, key, env));
                    self.state_read(*path, key);
                    // A setting that has to be there.
                    if path == "os.environ" && !self.path.guarded && self.path.is_certain() {
                        self.effect(EffectKind::Fails, Owner::External(*path), place, key);
                    }
                }
                Abs::Made(path, Owner::Module(owner, name)) if tables::makes_items(path.as_str()) => {
                    let key = self.key_name(module, key, env);
                    if *owner != self.cause && !self.has_item(*owner, *name, key) {
                        self.effect(EffectKind::Write, Owner::Module(*owner, *name), place, key);
                    }
                    self.item_made(*owner, *name, place);
                }
                Abs::Instance(..) | Abs::Class(..) => {
                    // `Level["HIGH"]`
                    if let (Abs::Class(class), Value::Str(name)) = (&abs, self.code(module).value(key))
                        && self.is_enumeration(class)
                    {
                        self.attribute_missing(&abs, name);
                    }
                    let args = [self.eval(module, key, env)];
                    let _ =
                        self.special(&abs, "__missing__", &args) || self.special(&abs, "__getitem__", &args);
                }
                // A key that may be missing.
                Abs::Object(_) | Abs::Holder(..)
                    if matches!(self.code(module).value(key), Value::Str(_) | Value::Constant(_)) =>
                {
                    self.risk(Risk::Any);
                }
                _ => {}
            }
        }
    }

    /// An object is the key of an item, or its number: the methods may be called.
    pub(super) fn key_used(&mut self, module: ModuleId, key: ValueId, methods: &[&str], env: &EnvRef) {
        let named = match self.code(module).value(key) {
            Value::Global(_) | Value::Call(_) => true,
            // What an object makes when it is asked, `Token.Name`, costs much and seldom has such methods.
            Value::Attr(base, _) => {
                let of = self.eval(module, base, env);
                of.iter().all(|abs| matches!(abs, Abs::Module(_) | Abs::Class(_)))
            }
            // `{Key("a"), Key("b")}`
            Value::Item(display) => matches!(self.code(module).value(display), Value::Holder(_)),
            _ => false,
        };
        if named {
            // Classes are keys more often than metaclasses care.
            for abs in self.eval(module, key, env).iter().filter(|abs| is_instance(abs)) {
                for method in methods {
                    self.special(abs, method, &[]);
                }
            }
        }
    }

    /// A container compares what it holds with an object, which it may look up by its hash.
    pub(super) fn searched(&mut self, elements: &AbsSet, wanted: &AbsSet) {
        let unknown: [AbsSet; 1] = [smallvec![Abs::Unknown]];
        for abs in wanted.iter().filter(|abs| is_instance(abs)) {
            self.special(abs, "__hash__", &[]);
        }
        for abs in elements.iter().chain(wanted).filter(|abs| is_instance(abs)) {
            self.special(abs, "__eq__", &unknown);
        }
    }

    /// Whether the module that owns a container makes an item itself while it loads.
    fn has_item(&self, owner: ModuleId, name: Sym, key: Option<Sym>) -> bool {
        let code = self.code(owner);
        let Some(key) = key else { return false };
        code.ops_of(FuncId::MODULE).any(|op| match op.kind {
            OpKind::Load { base, key: k } | OpKind::SetItem { base, key: k, .. } => {
                code.value(base) == Value::Global(name) && code.value(k) == Value::Str(key)
            }
            _ => false,
        })
    }

    /// An operator runs the method of its class, or depends on the state that numbers are computed with.
    pub(super) fn operate(
        &mut self,
        module: ModuleId,
        on: ValueId,
        other: ValueId,
        method: Sym,
        env: &EnvRef,
    ) {
        if method == "__hash__" {
            return self.key_used(module, on, &["__hash__"], env);
        }
        self.note_content(module, on, env);
        // `f"{settings.name}"`, `settings.size + 1`
        if !matches!(self.code(module).value(on), Value::Call(_) | Value::Var(_)) {
            self.note_read(module, on, env, false);
        }
        for abs in self.eval(module, on, env) {
            if matches!(method.as_str(), "__iter__" | "__contains__") {
                self.gone_through(&abs, (self.cause, self.at));
            }
            match &abs {
                // `"pytest" in sys.modules`
                Abs::External(path) if method == "__contains__" && path == "sys.modules" => {
                    let name = only_text(&self.eval(module, other, env));
                    self.loaded_read(name);
                }
                // `"DEBUG" in os.environ`
                Abs::External(path)
                    if method == "__contains__" && tables::is_process_state(path.as_str()) =>
                {
                    // What `sys.argv` holds, has no names.
                    let key = only_text(&self.eval(module, other, env)).filter(|_| path == "os.environ");
                    self.state_read(*path, key);
                }
                // `for folder in sys.path`, `" ".join(sys.argv)`, `sys.path + [folder]`, `os.environ | {"A": "1"}`
                Abs::External(_)
                    if matches!(
                        method.as_str(),
                        "__iter__" | "__add__" | "__radd__" | "__or__" | "__ror__" | "__mul__" | "__rmul__"
                    ) =>
                {
                    self.looked_at(&smallvec![abs.clone()]);
                }
                // `part in [first, last]`
                Abs::Holder(elements, _) if method == "__contains__" => {
                    let wanted = self.eval(module, other, env);
                    self.searched(elements, &wanted);
                }
                // `f"{parts}"`
                Abs::Holder(elements, _) if method == "__format__" => self.shown(elements),
                Abs::Made(path, _) | Abs::External(path) => {
                    if let Some(state) = tables::computed_with(path.as_str()) {
                        self.state_read(Sym::new(state), None);
                    }
                }
                Abs::Instance(..) | Abs::Class(..) => {
                    let args = [self.eval(module, other, env)];
                    let args: &[AbsSet] = if other.is_plain() { &[] } else { &args };
                    let found = self.special(&abs, method.as_str(), args);
                    // What is called if there is no such method, or after it.
                    let _ = match method.as_str() {
                        "__bool__" => found || self.special(&abs, "__len__", &[]),
                        "__contains__" => found || self.special(&abs, "__iter__", &[]),
                        "__format__" => {
                            found || self.special(&abs, "__str__", &[]) || self.special(&abs, "__repr__", &[])
                        }
                        // `bus += handler` may be `bus = bus + handler`.
                        name if let Some(rest) = name.strip_prefix("__i")
                            && name.len() > 7
                            && !matches!(name, "__iter__" | "__invert__" | "__index__") =>
                        {
                            found || self.special(&abs, &format!("__{rest}"), args)
                        }
                        "__iter__" => self.special(&abs, "__next__", &[]),
                        name if !found && self.mixed_in(&abs, name, args) => true,
                        // `{**options}`
                        "keys" => found && self.special(&abs, "__getitem__", &[smallvec![Abs::Unknown]]),
                        _ => found,
                    };
                }
                _ => {}
            }
        }
    }

    /// Elements are taken of an object that gives each one once.
    pub(super) fn gone_through(&mut self, abs: &Abs, place: (ModuleId, TextSize)) {
        let goes_on = match abs {
            Abs::Made(made, Owner::Module(..)) if tables::is_iterator(made.as_str()) => true,
            Abs::Made(_, Owner::Module(id, name))
            | Abs::Holder(_, Owner::Module(id, name))
            | Abs::Object(Owner::Module(id, name)) => *id != self.cause && self.goes_once(*id, *name),
            _ => false,
        };
        if goes_on {
            self.mutate(abs, EffectKind::Write, place, None);
        }
    }

    /// Whether a name stands for an iterator: a generator expression, what a generator function gives, `map(str, numbers)`.
    fn goes_once(&mut self, id: ModuleId, name: Sym) -> bool {
        let facts = &self.program.module(id).facts;
        if facts.marks.iter().any(|mark| mark.kind == MarkKind::GoesOnce(name)) {
            return true;
        }
        facts.code.globals_of(name).iter().any(|&(_, value)| {
            let Value::Call(call) = facts.code.value(value) else { return false };
            let callee = facts.code.call(call).callee;
            let callees = self.quietly(|w| w.eval(id, callee, &EnvRef::default()));
            callees.iter().any(|abs| match abs {
                Abs::Function(module, func, ..) | Abs::Method(_, module, func, _) => {
                    let function = self.code(*module).function(*func);
                    function.generator && function.decorators.is_empty()
                }
                _ => false,
            })
        })
    }

    /// `object.attr = value` where the class says what that does.
    pub(super) fn attribute_stored(
        &mut self,
        abs: &Abs,
        attr: Sym,
        module: ModuleId,
        value: ValueId,
        env: &EnvRef,
    ) {
        let class = match abs {
            Abs::Instance(class, _) => Some(class.clone()),
            // `Report.title = "x"` asks the metaclass.
            Abs::Class(class) => self.metaclass_of(class, 0).into_iter().find_map(|meta| match meta {
                Abs::Class(meta) => Some(meta),
                _ => None,
            }),
            _ => None,
        };
        let Some(class) = class else { return };
        let value = self.eval(module, value, env);
        let member = self.find_member(&class, attr);
        if let Some((ClassRef { module: owner, around, .. }, member)) = member {
            let dressed = matches!(self.code(owner).value(member), Value::Call(_));
            let behind = function_behind(self.code(owner), member);
            if let Some(func) = behind
                && has_decorator(self.code(owner), func, &["setter"])
            {
                let args = [smallvec![abs.clone()], value.clone()];
                self.enter(owner, func, &around, &args, &[]);
            } else if dressed || behind.is_none() {
                for descriptor in self.quietly(|w| w.eval(owner, member, &around)) {
                    self.special(&descriptor, "__set__", &[smallvec![abs.clone()], value.clone()]);
                    if let Some([_, setter]) = descriptor.made_by(PROPERTY) {
                        let (args, place) = ([smallvec![abs.clone()], value.clone()], (self.cause, self.at));
                        for setter in setter {
                            self.call(setter, &args, &[], CallRole::Used, place);
                        }
                    }
                }
            }
        }
        let given = Given { positional: smallvec![Told::Text(attr), Told::Nothing], ..Given::default() };
        self.special_given(abs, "__setattr__", &[smallvec![Abs::Str(attr)], value], Some(&given));
    }

    /// `del object.attr` where the class says what that does.
    pub(super) fn attribute_deleted(&mut self, abs: &Abs, attr: Sym) {
        let Abs::Instance(class, _) = abs else { return };
        if let Some((ClassRef { module: owner, around, .. }, member)) = self.find_member(class, attr) {
            match function_behind(self.code(owner), member) {
                Some(func) if has_decorator(self.code(owner), func, &["deleter"]) => {
                    self.enter(owner, func, &around, &[smallvec![abs.clone()]], &[]);
                }
                Some(_) => {}
                None => {
                    for descriptor in self.quietly(|w| w.eval(owner, member, &around)) {
                        self.special(&descriptor, "__delete__", &[smallvec![abs.clone()]]);
                    }
                }
            }
        }
        self.special(abs, "__delattr__", &[smallvec![Abs::Str(attr)]]);
    }

    /// `object[key] = value`, `del object[key]` where the class says what that does.
    pub(super) fn item_stored(
        &mut self,
        abs: &Abs,
        method: &str,
        module: ModuleId,
        args: &[ValueId],
        env: &EnvRef,
    ) {
        if matches!(abs, Abs::Instance(..)) {
            let args: Vec<AbsSet> = args.iter().map(|&arg| self.eval(module, arg, env)).collect();
            self.special(abs, method, &args);
        }
    }

    /// Names that an import takes from a module which makes them when asked.
    pub(super) fn names_asked(&mut self, module: ModuleId, index: u32) {
        let program = self.program;
        let import = &program.module(module).facts.imports[index as usize];
        for (alias, item) in import.aliases.iter().enumerate() {
            if let Origin::Attribute(source, name) = program.origin(module, import, alias)
                && name == item.name
            {
                if import.guarded {
                    self.probe(source, name);
                }
                self.asked_for(source, name);
            }
        }
    }

    /// Runs the `__getattr__` of a module for a name that the module does not bind. That it keeps what it makes is nobody's business.
    pub(super) fn asked_for(&mut self, source: ModuleId, name: Sym) {
        let program = self.program;
        let facts = &program.module(source).facts;
        let swapped = |mark: &Mark| mark.kind == MarkKind::SetsOwnClass;
        if source == self.cause
            || program.binds(source, name)
            || !facts.exports.dynamic && !facts.marks.iter().any(swapped)
        {
            return;
        }
        let before = self.outcome.effects.len();
        let outer = self.path;
        self.path = Path { guarded: true, conditional: true, may_have_left: true, one_of_several: false };
        self.made_by_getattr(source, name);
        if facts.marks.iter().any(swapped) {
            self.asked_of_own_class(source, name);
        }
        self.path = outer;
        let kept = [Sym::new("globals()"), Sym::new(""), name];
        let mut index = 0;
        self.outcome.effects.retain(|effect| {
            index += 1;
            let memo =
                matches!(effect.owner, Owner::Module(owner, n) if owner == source && kept.contains(&n));
            index <= before || !memo
        });
    }

    /// A module has made itself an instance of a class of its own, which may have a property of that name:
    /// `sys.modules[__name__].__class__ = Settings`.
    fn asked_of_own_class(&mut self, source: ModuleId, name: Sym) {
        let code = self.code(source);
        for op in code.ops_of(FuncId::MODULE) {
            let OpKind::SetAttr { attr, value, .. } = op.kind else { continue };
            if attr != "__class__" {
                continue;
            }
            for class in self.quietly(|w| w.eval(source, value, &EnvRef::default())) {
                if let Abs::Class(class) = class {
                    let owner = Owner::Module(source, Sym::new(""));
                    self.attr(&Abs::Instance(class, owner), name);
                }
            }
        }
    }

    /// What the `__getattr__` of a module gives for a name.
    pub(super) fn made_by_getattr(&mut self, source: ModuleId, name: Sym) -> AbsSet {
        let code = self.code(source);
        let getattr = Sym::new("__getattr__");
        let func = code.globals_of(getattr).iter().find_map(|&(_, v)| function_behind(code, v));
        match func {
            Some(func) => {
                let given = Given { positional: smallvec![Told::Text(name)], ..Given::default() };
                let args = [smallvec![Abs::Str(name)]];
                self.enter_given((source, func), &EnvRef::default(), &args, &[], Some(&given))
            }
            None => AbsSet::new(),
        }
    }

    /// Methods of an object are called by a computed name of which only the beginning is known: `visitor.visit(tree)`. Gives what they
    /// return.
    pub(super) fn dispatch(
        &mut self,
        class: &ClassRef,
        this: &Abs,
        prefix: &str,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
    ) -> AbsSet {
        let mut all = vec![smallvec![this.clone()]];
        all.extend(args.iter().cloned());
        let mut out = AbsSet::new();
        let outer = self.path;
        self.path.conditional = true;
        for base in self.mro(class).iter() {
            let code = self.code(base.module);
            for &(name, value) in &code.classes[base.class as usize].members {
                let special = prefix.is_empty() && name.as_str().starts_with("__");
                if name.as_str().starts_with(prefix)
                    && !special
                    && let Some(func) = function_behind(code, value)
                {
                    out.extend(self.enter(base.module, func, &base.around, &all, keywords));
                }
            }
        }
        self.path = outer;
        unique(&mut out);
        out
    }

    /// The text of a container has those of its elements.
    fn shown(&mut self, elements: &AbsSet) {
        for abs in elements.iter().filter(|abs| is_instance(abs)) {
            self.special(abs, "__repr__", &[]);
        }
    }

    /// An object becomes a text, or a part of one.
    pub(super) fn formatted(&mut self, abs: &Abs) {
        if let Abs::Holder(elements, _) = abs {
            return self.shown(elements);
        }
        let _ = self.special(abs, "__format__", &[smallvec![Abs::Unknown]])
            || self.special(abs, "__str__", &[])
            || self.special(abs, "__repr__", &[]);
    }

    /// A builtin that calls methods of its arguments.
    pub(super) fn builtin_protocol(&mut self, builtin: &str, args: &[AbsSet], keywords: &[(Sym, AbsSet)]) {
        let methods = tables::protocol_of(builtin);
        for &method in methods {
            for abs in args.iter().flatten() {
                let none: [AbsSet; 1] = [smallvec![Abs::Unknown]];
                let takes = matches!(method, "__instancecheck__" | "__subclasscheck__" | "__format__");
                let found = self.special(abs, method, if takes { &none } else { &[] });
                if !found && method == "__str__" {
                    self.special(abs, "__repr__", &[]);
                }
                // `repr([first, last])`
                if let (Abs::Holder(elements, _), "__str__" | "__repr__" | "__format__") = (abs, method) {
                    self.shown(elements);
                }
            }
        }
        // `isinstance(part, Closable)`
        if matches!(builtin, "isinstance" | "issubclass") {
            for abs in args.get(1).into_iter().flatten().flat_map(elements_of) {
                if let Abs::Class(class) = &abs
                    && let Some((m, func, around)) = self.find_method(class, "__subclasshook__")
                {
                    let args = [smallvec![abs.clone()], smallvec![Abs::Unknown]];
                    self.enter(m, func, &around, &args, &[]);
                }
            }
        }
        // `any(checks)`, `filter(None, parts)`
        let tested = match builtin {
            "any" | "all" => args.first(),
            "filter" => args.get(1),
            _ => None,
        };
        for abs in tested.into_iter().flatten().flat_map(elements_of) {
            let _ = self.special(&abs, "__bool__", &[]) || self.special(&abs, "__len__", &[]);
        }
        if builtin == "sum" {
            for abs in args.iter().flatten().flat_map(elements_of) {
                let other = [smallvec![Abs::Unknown]];
                let _ = self.special(&abs, "__radd__", &other) || self.special(&abs, "__add__", &other);
            }
        }
        if matches!(builtin, "sorted" | "min" | "max" | "sort") {
            let (first, reflected) =
                if builtin == "max" { ("__gt__", "__lt__") } else { ("__lt__", "__gt__") };
            for abs in args.iter().flatten().flat_map(elements_of) {
                let other = [smallvec![Abs::Unknown]];
                let _ = self.special(&abs, first, &other) || self.special(&abs, reflected, &other);
            }
        }
        for (_, set) in keywords.iter().filter(|(name, _)| *name == "key" || *name == "object_hook") {
            self.callbacks(set);
        }
    }

    /// Functions that foreign code calls before it returns.
    pub(super) fn callbacks(&mut self, set: &AbsSet) {
        let place = (self.cause, self.at);
        for abs in set.clone() {
            let calls = |abs: &Abs| {
                matches!(
                    abs,
                    Abs::Function(..)
                        | Abs::Method(..)
                        | Abs::Partial(..)
                        | Abs::Bound(..)
                        | Abs::Instance(..)
                )
            };
            if calls(&abs) {
                let args = [smallvec![Abs::Unknown]];
                self.call(&abs, &args, &[], crate::facts::CallRole::Used, place);
            }
        }
    }
}

/// Whether an object is an instance of a class of the program.
fn is_instance(abs: &Abs) -> bool {
    matches!(abs, Abs::Instance(..))
}
