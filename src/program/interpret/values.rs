//! Expressions to abstract values.

use std::sync::Arc as Rc;

use ruff_text_size::TextSize;
use smallvec::{SmallVec, smallvec};

use super::{
    ANY_ATTRIBUTE, Abs, AbsSet, ClassRef, EffectKind, EnvRef, Interpreter, MOST_CALLS, MOST_DEPTH,
    MOST_GLOBALS, MOST_STEPS, Owner, RECENT_GLOBALS, elements_of, function, has_decorator, is_builtin, join,
    owned, unique,
};
use crate::facts::{Added, CallRole, FuncId, MarkKind, NameInfo, OpKind, Sym, Value, ValueId, Var, words};
use crate::program::callees::{function_behind, is_display, is_frozen_value, takes_in_place};
use crate::program::stdlib::Has;
use crate::program::{ModuleId, Origin, tables};

impl Interpreter<'_> {
    /// Whether a value is no global, or one that its module binds once, and nothing else can bind.
    pub(super) fn keeps_value(&self, module: ModuleId, value: ValueId) -> bool {
        let Value::Global(name) = self.code(module).value(value) else { return true };
        let facts = &self.program.module(module).facts;
        let once = |info: &NameInfo| {
            !info.imported
                && !info.deleted
                && !info.rebound_at_module_level
                && info.rebound_in_function.is_none()
                && info.computed_in_function.is_none()
        };
        let stars = facts.imports.iter().any(|import| import.aliases.iter().any(|alias| alias.name == "*"));
        facts.names.get(name).is_some_and(once) && !stars && !facts.exports.writes_namespace
    }

    pub(super) fn quietly<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        self.silent += 1;
        let result = f(self);
        self.silent -= 1;
        result
    }

    pub(super) fn eval(&mut self, module: ModuleId, value: ValueId, env: &EnvRef) -> AbsSet {
        self.steps += 1;
        if self.steps > self.most_steps || self.depth > 3 * MOST_DEPTH {
            return smallvec![Abs::Unknown];
        }
        self.depth += 1;
        let mut set = self.eval_inner(module, value, env);
        self.depth -= 1;
        unique(&mut set);
        set
    }

    pub(super) fn eval_inner(&mut self, module: ModuleId, value: ValueId, env: &EnvRef) -> AbsSet {
        let code = self.code(module);
        match code.value(value) {
            Value::Opaque => smallvec![Abs::Unknown],
            Value::Fresh | Value::Constant(_) => smallvec![Abs::Fresh],
            Value::Str(text) => smallvec![Abs::Str(text)],
            Value::Var(var) => self.variable(module, var, env),
            Value::Global(name) => {
                let found = self.global(module, name);
                if let [Abs::External(path)] = found[..]
                    && is_builtin(&found[0], name)
                {
                    if self.shared.replaced_names.contains_key(&path) {
                        // `_`, which somebody puts among the builtins.
                        self.replaced_read(path);
                    } else if module == self.cause
                        && self.calls == 0
                        && matches!(self.program.attribute(module, module, name), Origin::MissingName(_))
                        && self.program.stdlib.has_attribute("builtins", name.as_str()) == Has::No
                        // In the body of a class that binds it in a block it is the class's.
                        && !code.classes.iter().any(|class| class.members.iter().any(|(own, _)| *own == name))
                    {
                        self.missing_name(module, name);
                    }
                }
                found
            }
            Value::Attr(base, attr) => {
                let mut out = AbsSet::new();
                let objects = self.eval(module, base, env);
                let outer = self.path;
                // The property of one of several objects runs.
                let class = |abs: &Abs| match abs {
                    Abs::Instance(class, _) => Some((class.module, class.class)),
                    _ => None,
                };
                let first = objects.iter().find_map(class);
                let several = objects.iter().filter_map(class).any(|other| Some(other) != first);
                let modules = objects.iter().filter(|abs| matches!(abs, Abs::Module(_))).count();
                self.path.conditional |= several || modules > 1;
                // Or it is something else: the key and not the member of a class.
                let is_other =
                    |abs: &Abs| matches!(abs, Abs::Object(_) | Abs::Fresh | Abs::Str(_) | Abs::Unknown);
                let otherwise = first.is_some() && objects.iter().any(is_other);
                self.path.one_of_several |= several || otherwise;
                self.asked_of_variable(&objects);
                for abs in objects {
                    join(&mut out, self.attr(&abs, attr));
                }
                self.path = outer;
                out
            }
            Value::OwnAttr(base, attr) => {
                let mut out = AbsSet::new();
                for abs in self.eval(module, base, env) {
                    match abs {
                        Abs::Class(..) | Abs::Instance(..) => out.push(Abs::Object(self.full_owner(&abs))),
                        abs => join(&mut out, self.attr(&abs, attr)),
                    }
                }
                out
            }
            Value::Item(base) => {
                let mut out = AbsSet::new();
                for abs in self.eval(module, base, env) {
                    match abs {
                        Abs::Holder(elements, Owner::Fresh) => out.extend(elements.iter().cloned()),
                        Abs::Holder(elements, owner) => {
                            out.extend(elements.iter().map(|e| owned(e, owner)));
                            out.extend(self.put_into(owner));
                        }
                        Abs::Unknown => out.push(Abs::Unknown),
                        Abs::Fresh | Abs::Str(_) => out.push(Abs::Fresh),
                        // `Base[T]` is as good as the base.
                        Abs::Class(class) => {
                            let abs = Abs::Class(class.clone());
                            if let Some((m, func, around)) = self.find_method(&class, "__class_getitem__") {
                                let args = [smallvec![abs.clone()], smallvec![Abs::Unknown]];
                                self.enter(m, func, &around, &args, &[]);
                            }
                            out.push(abs);
                        }
                        other => {
                            if let Abs::Instance(class, _) = &other {
                                out.extend(Self::kept_by(class).into_iter().flatten().cloned());
                            }
                            let owner = self.full_owner(&other);
                            out.extend(self.put_into(owner));
                            out.push(Abs::Object(owner));
                        }
                    }
                }
                out
            }
            Value::Joined(start, rest) => {
                let text = |abs: &Abs| match abs {
                    Abs::Str(text) => Some(*text),
                    _ => None,
                };
                if !self.keeps_value(module, start) {
                    return smallvec![Abs::Fresh];
                }
                let starts: Option<SmallVec<[Sym; 1]>> =
                    self.eval(module, start, env).iter().map(text).collect();
                let Some(starts) = starts.filter(|starts| !starts.is_empty()) else {
                    return smallvec![Abs::Fresh];
                };
                let rests: Option<SmallVec<[Sym; 1]>> =
                    self.eval(module, rest, env).iter().map(text).collect();
                let rests =
                    rests.filter(|rests| !rests.is_empty()).unwrap_or_else(|| smallvec![Sym::new("*")]);
                let mut texts = AbsSet::new();
                for start in &starts {
                    // One star stands for all that is not known in between.
                    let begun = start.as_str().trim_end_matches('*');
                    let open = begun.len() < start.as_str().len();
                    texts.extend(rests.iter().map(|rest| {
                        let rest = rest.as_str();
                        let star = if open && !rest.starts_with('*') { "*" } else { "" };
                        Abs::Str(Sym::new(&format!("{begun}{star}{rest}")))
                    }));
                }
                texts
            }
            Value::Call(index) => {
                let key = (module, index);
                let known = self.call_results.get(&env.number()).and_then(|results| results.get(&key));
                if let Some(known) = known {
                    return known.clone();
                }
                let place = (module, TextSize::new(0));
                let result = self.quietly(|w| w.run_call(module, index, env, CallRole::Used, place));
                self.call_results.entry(env.number()).or_default().insert(key, result.clone());
                result
            }
            Value::Function(func) => {
                let closure =
                    if code.function(func).parent.is_module() { EnvRef::default() } else { env.clone() };
                smallvec![Abs::Function(module, func, closure, Owner::Fresh)]
            }
            Value::Class(class) => {
                let around = self.around_class(module, class, env);
                smallvec![Abs::Class(ClassRef::new(module, class, around))]
            }
            Value::Either(a, b) => {
                let mut out = self.eval(module, a, env);
                join(&mut out, self.eval(module, b, env));
                out
            }
            Value::Sum(of) => {
                let parts = self.eval(module, of, env);
                parts.iter().flat_map(|part| self.summed(part, &parts)).collect()
            }
            Value::Import(stmt, alias) => {
                let mut out = AbsSet::new();
                self.imported(module, stmt, alias, None, &mut out);
                out
            }
            Value::Loaded(None) => smallvec![Abs::Module(module)],
            Value::Loaded(Some(name)) => {
                let found = self.program.find_from(module, name.as_str());
                smallvec![found.map_or(Abs::External(name), Abs::Module)]
            }
            Value::LoadedAs(name) => {
                let entry = |abs| match abs {
                    Abs::Str(name) => Abs::Module(self.program.find_from(module, name.as_str())?).into(),
                    _ => None,
                };
                let names = self.eval(module, name, env);
                let found: AbsSet = names.into_iter().filter_map(entry).collect();
                if found.is_empty() {
                    smallvec![Abs::Object(Owner::External(Sym::new("sys.modules")))]
                } else {
                    found
                }
            }
            Value::Holder(inner) => {
                let elements = self.eval(module, inner, env);
                smallvec![Abs::Holder(Rc::new(elements), Owner::Fresh)]
            }
        }
    }

    /// `base += …` changes the object, if that has a place to change: `NAMES |= {"x"}` gives the name of a frozen set another one.
    pub(super) fn change_in_place(
        &mut self,
        module: ModuleId,
        base: ValueId,
        added: Added,
        env: &EnvRef,
        place: (ModuleId, TextSize),
    ) {
        if self.is_frozen_member(module, base, env) {
            return;
        }
        if matches!(self.code(module).value(base), Value::Attr(_, words::DICT)) {
            self.changed.insert(Sym::new(ANY_ATTRIBUTE));
        }
        for abs in self.eval(module, base, env) {
            let takes = match abs {
                Abs::Holder(_, Owner::Module(id, name)) | Abs::Object(Owner::Module(id, name)) => {
                    takes_in_place(self.program, (id, name), added)
                }
                Abs::External(path) => added != Added::ForLists || tables::is_process_state(path.as_str()),
                _ => added != Added::ForLists,
            };
            if takes {
                self.mutate(&abs, EffectKind::Write, place, None);
            }
        }
    }

    /// Whether a value is a member of classes that has no place to change: `cls.size += 1`, `cls.kinds |= more` with a frozen set.
    fn is_frozen_member(&mut self, module: ModuleId, value: ValueId, env: &EnvRef) -> bool {
        let Value::Attr(base, attr) = self.code(module).value(value) else { return false };
        let objects = self.eval(module, base, env);
        !objects.is_empty()
            && objects.iter().all(|abs| match abs {
                // The object may have one of its own.
                Abs::Instance(class, _) if self.is_given(class, attr) => false,
                Abs::Class(class) | Abs::Instance(class, _) => {
                    let member = self.find_member(class, attr);
                    member.is_some_and(|(base, value)| is_frozen_value(self.program, base.module, value))
                }
                _ => false,
            })
    }

    /// What `+` or `|` makes of one of some values: containers give a new one, objects what their methods return.
    fn summed(&mut self, part: &Abs, parts: &AbsSet) -> AbsSet {
        match part {
            Abs::Holder(..) => {
                let (elements, fresh): (AbsSet, AbsSet) =
                    elements_of(part).into_iter().partition(|element| *element != Abs::Fresh);
                if elements.is_empty() && !fresh.is_empty() {
                    return smallvec![Abs::Fresh];
                }
                smallvec![Abs::Holder(Rc::new(elements), Owner::Fresh)]
            }
            Abs::Instance(class, _) => {
                let args = [smallvec![part.clone()], parts.clone()];
                let mut made = AbsSet::new();
                for method in ["__add__", "__radd__", "__or__", "__ror__"] {
                    if let Some((m, func, around)) = self.find_method(class, method) {
                        made.extend(self.quietly(|w| w.enter(m, func, &around, &args, &[])));
                    }
                }
                if made.is_empty() { smallvec![part.clone()] } else { made }
            }
            Abs::Object(Owner::Module(id, name)) if is_display(self.program, *id, *name) => {
                // What is in it, is still in the other one.
                smallvec![Abs::Holder(Rc::new(smallvec![part.clone()]), Owner::Fresh)]
            }
            other => smallvec![other.clone()],
        }
    }

    pub(super) fn variable(&mut self, module: ModuleId, var: u32, env: &EnvRef) -> AbsSet {
        let mut out = AbsSet::new();
        let code = self.code(module);
        let Var { func, default, .. } = code.vars[var as usize];
        let mut home = env;
        // Whose the objects are that its function made.
        let mut owner = Owner::Fresh;
        let mut whose = Owner::Fresh;
        let mut at = env;
        while let Some(current) = at.get() {
            if whose == Owner::Fresh {
                whose = at.owner;
            }
            if current.module == module && current.func == func {
                out = current.bound(var).cloned().unwrap_or_default();
                home = at;
                owner = whose;
                break;
            }
            at = &current.parent;
        }
        let default =
            Some(default).filter(|&value| out.is_empty() && value != ValueId::OPAQUE && !value.is_constant());
        let assigned = code.assigned_to(var);
        if default.is_some() || !assigned.is_empty() {
            let running = (module, var, home.number(), home.owner);
            if !self.vars_running.contains(&running) {
                self.vars_running.push(running);
                for value in default.into_iter().chain(assigned.iter().copied()) {
                    join(&mut out, self.eval(module, value, home));
                }
                self.vars_running.pop();
            }
        }
        if owner != Owner::Fresh {
            out.iter_mut().for_each(|abs| *abs = owned(abs, owner));
        }
        if out.is_empty() {
            // New objects are not written down.
            out.push(if owner == Owner::Fresh { Abs::Unknown } else { Abs::Object(owner) });
        }
        out
    }

    /// The values of a global name of a module.
    pub fn global(&mut self, module: ModuleId, name: Sym) -> AbsSet {
        if let Some(known) = self.globals.get(&(module, name)) {
            self.incomplete = true;
            return known.clone();
        }
        let recent = &mut self.recent_globals[(module.0 ^ name.number()) as usize % RECENT_GLOBALS];
        if let Some((of, known)) = recent
            && *of == (module, name)
        {
            return known.clone();
        }
        if let Some(known) = self.shared.globals.get(&(module, name)) {
            *recent = Some(((module, name), known.clone()));
            return known;
        }
        if !self.globals_running.insert((module, name)) {
            self.incomplete = true;
            return AbsSet::new();
        }
        if self.globals_running.len() > MOST_GLOBALS {
            self.globals_running.remove(&(module, name));
            self.incomplete = true;
            return AbsSet::new();
        }
        // The value does not depend on who asks: nothing of the asker's state is used.
        let saved =
            (std::mem::take(&mut self.calls_running), self.depth, self.calls, self.steps, self.incomplete);
        let most_steps = std::mem::replace(&mut self.most_steps, MOST_STEPS);
        (self.depth, self.calls, self.steps, self.incomplete) = (0, MOST_CALLS / 2, 0, false);
        let set = self.quietly(|w| w.global_inner(module, name));
        let incomplete = self.incomplete || self.steps > self.most_steps;
        (self.calls_running, self.depth, self.calls, self.steps, self.incomplete) = saved;
        self.most_steps = most_steps;
        self.incomplete |= incomplete;
        self.globals_running.remove(&(module, name));
        if incomplete {
            self.globals.insert((module, name), set.clone());
        } else {
            self.shared.globals.set((module, name), set.clone());
        }
        set
    }

    /// What one name of an import statement is; `own` is the name itself if it is a global of the module.
    pub(super) fn imported(
        &mut self,
        module: ModuleId,
        stmt: u32,
        alias: u32,
        own: Option<Sym>,
        out: &mut AbsSet,
    ) {
        let program = self.program;
        let import = &program.module(module).facts.imports[stmt as usize];
        let alias = alias as usize;
        match program.origin(module, import, alias) {
            Origin::Module(id) => join(out, self.module(id)),
            Origin::Attribute(id, attr) if id == module && own == Some(attr) => {}
            Origin::Attribute(id, attr) => join(out, self.taken(id, attr)),
            Origin::Foreign => {
                let path = program.loaded_name(module, import, alias).unwrap_or_default();
                let item = import.aliases[alias];
                let path = match (import.from, item.asname) {
                    (Some(_), _) => [path, item.name.as_str()].join("."),
                    (None, Some(_)) => path.to_owned(),
                    (None, None) => path.split('.').next().unwrap_or_default().to_owned(),
                };
                out.push(Abs::External(Sym::new(&path)));
            }
            Origin::MissingName(_) | Origin::MissingModule => out.push(Abs::Unknown),
        }
    }

    /// What an import of a module gives: the module, or what it has put in its own place in `sys.modules`.
    fn module(&mut self, id: ModuleId) -> AbsSet {
        let facts = &self.program.module(id).facts;
        if id != self.cause && facts.marks.iter().any(|mark| mark.kind == MarkKind::ReplacesItself) {
            let stored = facts.code.ops_of(FuncId::MODULE).find_map(|op| match op.kind {
                OpKind::SetItem { base, key, value, .. } if self.is_own_module_item(id, base, key) => {
                    Some(value)
                }
                _ => None,
            });
            if let Some(value) = stored {
                let owner = Owner::Module(id, Sym::new(""));
                let found = self.quietly(|w| w.eval(id, value, &EnvRef::default()));
                if found.iter().all(|abs| matches!(abs, Abs::Instance(..) | Abs::Module(_) | Abs::Class(_))) {
                    return found.iter().map(|abs| owned(abs, owner)).collect();
                }
            }
        }
        smallvec![Abs::Module(id)]
    }

    /// A name that is taken from a module: what the module binds, or what its `__getattr__` gives, as far as that is known.
    pub(super) fn taken(&mut self, id: ModuleId, name: Sym) -> AbsSet {
        if self.program.module(id).facts.exports.dynamic && !self.program.binds(id, name) {
            let made = self.quietly(|w| w.made_by_getattr(id, name));
            if made.iter().any(|abs| {
                matches!(
                    abs,
                    Abs::Function(..) | Abs::Method(..) | Abs::Class(_) | Abs::Instance(..) | Abs::Module(_)
                )
            }) {
                return made;
            }
        }
        let found = self.global(id, name);
        if found.is_empty() { smallvec![Abs::Object(Owner::Module(id, name))] } else { found }
    }

    pub(super) fn global_inner(&mut self, module: ModuleId, name: Sym) -> AbsSet {
        let program = self.program;
        let facts = &program.module(module).facts;
        let mut out = AbsSet::new();
        for site in facts.sites_of(name) {
            self.imported(module, site.stmt, site.alias, Some(name), &mut out);
        }
        for &(_, value) in facts.code.globals_of(name) {
            let imported = facts.names.get(name).is_some_and(|i| i.imported);
            if value == ValueId::OPAQUE && imported {
                continue;
            }
            // `except ImportError: name = None`
            if value.is_constant() && imported {
                out.push(Abs::Fresh);
                continue;
            }
            // Another definition follows.
            if function_behind(&facts.code, value)
                .is_some_and(|func| has_decorator(&facts.code, func, &["overload"]))
            {
                continue;
            }
            // What decorators make of a function or class that is known, is taken for that function or class.
            let followed = self.eval(module, value, &EnvRef::default());
            let is_class = followed.iter().any(|a| matches!(a, Abs::Class(class) if class.module == module));
            let known = is_class || function_behind(&facts.code, value).is_some();
            for abs in followed {
                match abs {
                    Abs::Unknown | Abs::Object(Owner::Fresh) if known => {}
                    Abs::Fresh | Abs::Object(_) | Abs::Bound(..) | Abs::Partial(..) if is_class => {}
                    Abs::Unknown => out.push(Abs::Object(Owner::Module(module, name))),
                    other => out.push(owned(&other, Owner::Module(module, name))),
                }
            }
            // A decorated function that cannot be followed is still that function.
            if let Some(func) = function_behind(&facts.code, value)
                && !out.iter().any(|abs| matches!(abs, Abs::Function(m, f, ..) if (*m, *f) == (module, func)))
            {
                out.push(function(module, func));
            }
        }
        if !out.is_empty() {
            return out;
        }
        if facts.names.contains(name) {
            return smallvec![Abs::Object(Owner::Module(module, name))];
        }
        for import in facts.imports.iter().filter(|i| i.aliases.iter().any(|a| a.name == "*")) {
            let Some(source) = import.from.and_then(|from| program.absolute(module, from)) else { continue };
            match program.target(module, &source) {
                crate::program::Target::Module(id)
                    if id != module
                        && program.exports(id, name)
                        && (program.binds(id, name)
                            || !self.global(id, name).iter().all(|a| is_builtin(a, name))) =>
                {
                    return self.global(id, name);
                }
                crate::program::Target::Stdlib
                    if program.stdlib.has_attribute(&source, name.as_str())
                        == crate::program::stdlib::Has::Yes =>
                {
                    return smallvec![Abs::External(Sym::new(&format!("{source}.{name}")))];
                }
                _ => {}
            }
        }
        if name == "__name__" {
            return smallvec![Abs::Str(program.module(module).name)];
        }
        if name == "__package__" {
            let own = program.module(module);
            let package = own.name.as_str().rsplit_once('.').map_or("", |(package, _)| package);
            return smallvec![Abs::Str(if own.is_package { own.name } else { Sym::new(package) })];
        }
        if name == "__builtins__" {
            return smallvec![Abs::External(Sym::new("builtins"))];
        }
        if name.as_str().starts_with("__") && name != "__import__" && name != "__build_class__" {
            // `__path__`, `__file__` and the like are the module's own.
            return smallvec![Abs::Object(Owner::Module(module, name))];
        }
        smallvec![Abs::External(Sym::new(&format!("builtins.{name}")))]
    }
}
