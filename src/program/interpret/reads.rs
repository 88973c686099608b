//! What loading a module reads: state of the process, and what other modules hold.
//!
//! ```python
//! PORT = config.PORT                  # another value, if somebody changes it before
//! DEBUG = "DEBUG" in os.environ
//! ```

use super::{
    Abs, AbsSet, ClassRef, EffectKind, EnvRef, GlobalRead, Interpreter, MethodRead, Owner, Part, Path,
    StateRead,
};
use crate::facts::{Call, Sym, Unpacked, Value, ValueId};
use crate::program::callees::function_behind;
use crate::program::stdlib::Has;
use crate::program::{ModuleId, Origin, tables};

impl Interpreter<'_> {
    /// A name is read that is not there, as far as its module shows.
    pub(super) fn missing_name(&mut self, owner: ModuleId, name: Sym) {
        // A script may mean a module of the library where it has one of that name beside it.
        let script = self.program.module(self.cause).siblings.is_some();
        if self.silent == 0 && self.path == Path::default() && !script {
            self.outcome.missing.push(GlobalRead { owner, name, at: self.at, content: false, attr: None });
        }
    }

    /// A name of a module of the standard library, which may have no such name in any version.
    pub(super) fn library_asked(&mut self, module: Sym, name: Sym, full: Sym) {
        // `vars(errno).items()`
        let namespace = tables::is_container_method(name.as_str());
        if self.silent > 0 || self.path != Path::default() || namespace {
            return;
        }
        let lacks = self.shared.lacking.get(&full).unwrap_or_else(|| {
            let lacks = self.program.stdlib.has_attribute(module.as_str(), name.as_str()) == Has::No;
            self.shared.lacking.set(full, lacks);
            lacks
        });
        if lacks {
            self.effect(EffectKind::Fails, Owner::External(module), (self.cause, self.at), Some(name));
        }
    }

    /// An attribute of a class or of one of its instances is read that neither has.
    pub(super) fn attribute_missing(&mut self, object: &Abs, name: Sym) {
        // `vars(Shape).items()`
        let asks = || tables::is_container_method(name.as_str());
        if self.silent == 0
            && self.path == Path::default()
            && !asks()
            && self.has_attribute(object, name) == Some(false)
        {
            self.effect(EffectKind::Fails, Owner::Fresh, (self.cause, self.at), Some(name));
        }
    }

    /// Something is done with what the environment gives for a variable: `os.environ.get("HOSTS").split(",")`. If it is not set,
    /// that is `None`.
    pub(super) fn asked_of_variable(&mut self, objects: &AbsSet) {
        let [Abs::Made(path, _)] = objects[..] else { return };
        if let Some(name) = path.as_str().strip_prefix(tables::MAYBE_SET)
            && self.path == Path::default()
        {
            let (owner, name) = (Owner::External(Sym::new("os.environ")), Sym::new(name));
            self.effect(EffectKind::Fails, owner, (self.cause, self.at), Some(name));
        }
    }

    pub(super) fn state_read(&mut self, state: Sym, key: Option<Sym>) {
        self.note_state(StateRead { state, key, at: self.at, part: Part::Content });
    }

    /// `sys.modules` is asked whether a module has been loaded.
    pub(super) fn loaded_read(&mut self, name: Option<Sym>) {
        if name.is_some() {
            self.state_read(Sym::new(tables::LOADED), name);
        }
    }

    /// All that objects hold is looked at: `list(sys.argv)`, `for folder in sys.path`.
    pub(super) fn looked_at(&mut self, objects: &AbsSet) {
        for abs in objects {
            if let Abs::External(path) = abs
                && tables::is_process_state(path.as_str())
                // Who goes through the modules has a reason of his own.
                && path != "sys.modules"
            {
                self.note_state(StateRead { state: *path, key: None, at: self.at, part: Part::Whole });
            }
        }
    }

    /// A name of a foreign module is read, which somebody rebinds.
    pub(super) fn replaced_read(&mut self, state: Sym) {
        self.note_state(StateRead { state, key: None, at: self.at, part: Part::Name });
    }

    pub(super) fn note_state(&mut self, read: StateRead) {
        if self.silent == 0 {
            self.state_reads += 1;
            if !self.outcome.reads.contains(&read) {
                self.outcome.reads.push(read);
            }
        }
    }

    /// A value goes into the module's own state: what it was taken from is frozen at this moment. `content` says whether
    /// also what the object holds is frozen.
    pub(super) fn note_read(&mut self, module: ModuleId, value: ValueId, env: &EnvRef, content: bool) {
        if self.silent > 0 {
            return;
        }
        let code = self.code(module);
        match code.value(value) {
            Value::Global(_) | Value::Attr(..) | Value::Item(_) => {
                let content = content || matches!(code.value(value), Value::Item(_));
                let objects = if content { self.eval(module, value, env) } else { AbsSet::new() };
                for abs in objects {
                    if let Some(Owner::Module(owner, name)) = Self::owner(&abs)
                        && owner != self.cause
                        && !matches!(
                            abs,
                            Abs::Function(..) | Abs::Class(..) | Abs::Module(_) | Abs::Method(..)
                        )
                    {
                        let attr = match code.value(value) {
                            Value::Attr(_, attr) if attr != name => Some(attr),
                            _ => None,
                        };
                        let at = self.at;
                        self.outcome.global_reads.push(GlobalRead { owner, name, at, content, attr });
                    }
                }
                // `LEVEL = settings.level`: what settings holds, not which object it is.
                if let Value::Attr(base, attr) = code.value(value) {
                    for abs in self.eval(module, base, env) {
                        if matches!(
                            abs,
                            Abs::Instance(..)
                                | Abs::Class(..)
                                | Abs::Object(_)
                                | Abs::Made(..)
                                | Abs::Bound(..)
                                | Abs::Partial(..)
                        ) && let Owner::Module(owner, name) = self.full_owner(&abs)
                            && owner != self.cause
                        {
                            let attr = self.first_attribute(module, base, attr);
                            // What a class makes when it is asked, it makes of others.
                            let made = |w: &mut Self, class: &ClassRef, attr| {
                                w.find_member(class, attr).is_none()
                                    && w.find_method(class, "__getattr__").is_some()
                            };
                            if let Abs::Instance(class, _) = &abs {
                                self.class_attribute_read(class, attr);
                            }
                            let attr = match &abs {
                                Abs::Instance(class, _) => attr.filter(|&attr| !made(self, class, attr)),
                                _ => attr,
                            };
                            let at = self.at;
                            self.outcome.global_reads.push(GlobalRead {
                                owner,
                                name,
                                at,
                                content: true,
                                attr,
                            });
                        }
                    }
                }
                self.note_name_read(module, value, content);
                // `settings.rows[-1]`, `options()["level"]`; of a name it has been noted.
                if let Value::Item(container) = code.value(value)
                    && !matches!(code.value(container), Value::Global(_))
                {
                    let steps = self.steps;
                    self.note_read(module, container, env, true);
                    self.steps = steps;
                }
            }
            // What a function was given, has been noted where it was called.
            Value::Var(var) if !content && code.assigned_to(var).is_empty() => {}
            // `dict(config.options())`, `def copied(table): return dict(table)`
            Value::Call(_) | Value::Var(_) => {
                let steps = self.steps;
                let objects = self.eval(module, value, env);
                self.steps = steps;
                self.note_held(&objects, content);
                // `level = settings.level`, `self.level = level`
                if let Value::Var(var) = code.value(value) {
                    for &assigned in code.assigned_to(var) {
                        if matches!(code.value(assigned), Value::Global(_) | Value::Attr(..)) {
                            self.note_read(module, assigned, env, content);
                        }
                    }
                }
            }
            Value::Either(a, b) => {
                self.note_read(module, a, env, content);
                self.note_read(module, b, env, content);
            }
            Value::Holder(inner) => self.note_read(module, inner, env, false),
            // What the parts hold, is copied.
            Value::Sum(inner) => self.note_read(module, inner, env, true),
            _ => {}
        }
    }

    /// Arguments of a call; `content` says whether the call reads what they hold.
    pub(super) fn note_arguments(
        &mut self,
        module: ModuleId,
        call: &Call,
        (args, keywords): (&[AbsSet], &[(Sym, AbsSet)]),
        env: &EnvRef,
        content: bool,
    ) {
        if self.silent > 0 {
            return;
        }
        let code = self.code(module);
        let positional = code.positional(call);
        // `**options`
        let plain = match call.unpacked {
            Unpacked::Nothing | Unpacked::Arguments => positional.len(),
            Unpacked::Options | Unpacked::Both => positional.len() - 1,
            Unpacked::Otherwise => 0,
        };
        // Those before any unpacked ones have been evaluated in this order.
        let written = match call.unpacked {
            Unpacked::Both => plain - 1,
            Unpacked::Arguments => plain.saturating_sub(1),
            _ => plain,
        };
        for (index, &value) in positional.iter().enumerate() {
            let content = content || index >= plain;
            match code.value(value) {
                Value::Call(_) | Value::Var(_) if index < written => self.note_held(&args[index], content),
                _ => self.note_read(module, value, env, content),
            }
        }
        let steps = self.steps;
        for ((_, value), (_, given)) in code.keyword_args(call).zip(keywords) {
            match code.value(value) {
                Value::Call(_) | Value::Var(_) => self.note_held(given, content),
                _ => self.note_read(module, value, env, content),
            }
        }
        self.steps = steps;
    }

    /// Objects are read that others have, whatever expression gave them: what they hold, as far as `content` says so. An attribute
    /// about which nothing is known but its holder, is what the holder holds.
    pub(super) fn note_held(&mut self, objects: &AbsSet, content: bool) {
        if self.silent > 0 {
            return;
        }
        for abs in objects {
            let (holder, attr) = match abs {
                Abs::Bound(base, attr) => first_of_bound(base, *attr),
                Abs::Instance(..) | Abs::Object(_) | Abs::Made(..) | Abs::Holder(..) if content => {
                    (abs, None)
                }
                _ => continue,
            };
            if matches!(holder, Abs::Module(_) | Abs::External(_) | Abs::Function(..)) {
                continue;
            }
            if let Owner::Module(owner, name) = self.full_owner(holder)
                && owner != self.cause
            {
                let attr = attr.filter(|_| self.is_all_of(holder, (owner, name)));
                let read = GlobalRead { owner, name, at: self.at, content: true, attr };
                if self.outcome.global_reads.last() != Some(&read) {
                    self.outcome.global_reads.push(read);
                }
            }
        }
    }

    /// Whether an object is what a global stands for, as far as can be told, and not something inside it.
    fn is_all_of(&mut self, object: &Abs, (owner, name): (ModuleId, Sym)) -> bool {
        if matches!(object, Abs::Class(_)) {
            return true;
        }
        let whole = self.quietly(|w| w.global(owner, name));
        match object.class() {
            Some(class) => whole.iter().any(|abs| abs.class() == Some(class)),
            None => whole.contains(object),
        }
    }

    /// An attribute of an object is read that its class has for all its objects: who changes the class, changes it.
    fn class_attribute_read(&mut self, class: &ClassRef, attr: Option<Sym>) {
        let Some(name) = attr else { return };
        let Some((base, _)) = self.find_member(class, name) else { return };
        let holder = &self.code(base.module).classes[base.class as usize];
        if holder.func.is_module() && base.module != self.cause && !self.is_given(class, name) {
            let (owner, name, at) = (base.module, holder.name, self.at);
            self.outcome.global_reads.push(GlobalRead { owner, name, at, content: true, attr });
        }
    }

    /// Classes are asked for their subclasses: functions may define more of them later.
    pub(super) fn subclasses_read(&mut self, callees: &AbsSet) {
        if self.silent > 0 {
            return;
        }
        for callee in callees {
            if let Abs::Bound(base, attr) = callee
                && let Abs::Class(class) = &**base
                && class.module != self.cause
            {
                let holder = &self.code(class.module).classes[class.class as usize];
                // They are no attribute of the class that somebody sets.
                let name = Sym::dotted(holder.name, *attr);
                let (owner, at) = (class.module, self.at);
                self.outcome.global_reads.push(GlobalRead { owner, name, at, content: true, attr: None });
            }
        }
    }

    /// A function is taken from a class: somebody may have put another one there.
    pub(super) fn method_read(&mut self, class: &ClassRef, member: Sym, value: ValueId) {
        if self.silent > 0 || class.module == self.cause {
            return;
        }
        let code = self.code(class.module);
        let holder = &code.classes[class.class as usize];
        if holder.func.is_module() && function_behind(code, value).is_some() {
            let read = MethodRead { class: (class.module, holder.name), member, at: self.at };
            if self.outcome.method_reads.last() != Some(&read) {
                self.outcome.method_reads.push(read);
            }
        }
    }

    /// The attribute of the global in which `base.attr` lies: `db` of `settings` for `settings.db.host`. None, if that is not clear.
    pub(super) fn first_attribute(
        &mut self,
        module: ModuleId,
        mut base: ValueId,
        mut attr: Sym,
    ) -> Option<Sym> {
        loop {
            match self.code(module).value(base) {
                Value::Attr(inner, name) => {
                    let inner_is_module = self
                        .quietly(|w| w.eval(module, inner, &EnvRef::default()))
                        .iter()
                        .any(|abs| matches!(abs, Abs::Module(_)));
                    if inner_is_module {
                        return Some(attr);
                    }
                    (base, attr) = (inner, name);
                }
                // `database = settings.db`
                Value::Global(name)
                    if self
                        .code(module)
                        .globals_of(name)
                        .iter()
                        .any(|&(_, value)| matches!(self.code(module).value(value), Value::Attr(..))) =>
                {
                    return None;
                }
                _ => return Some(attr),
            }
        }
    }

    /// What an object holds matters, unless it is a function, class or module.
    pub(super) fn note_content(&mut self, module: ModuleId, value: ValueId, env: &EnvRef) {
        if self.silent > 0 {
            return;
        }
        let objects = self.eval(module, value, env);
        let holds =
            |abs: &Abs| matches!(abs, Abs::Instance(..) | Abs::Object(_) | Abs::Made(..) | Abs::Holder(..));
        if matches!(self.code(module).value(value), Value::Call(_) | Value::Var(_)) {
            self.note_held(&objects, true);
        } else if objects.iter().any(holds) {
            self.note_read(module, value, env, true);
        } else if objects.iter().any(|abs| matches!(abs, Abs::Bound(..))) {
            self.note_held(&objects, true);
        }
    }

    /// `config.SIZE` reads the name SIZE of config, whatever its value is.
    pub(super) fn note_name_read(&mut self, module: ModuleId, value: ValueId, content: bool) {
        let code = self.code(module);
        let (owner, name) = match code.value(value) {
            Value::Attr(base, attr) => {
                let modules: Vec<ModuleId> = self
                    .eval(module, base, &EnvRef::default())
                    .into_iter()
                    .filter_map(|abs| match abs {
                        Abs::Module(id) => Some(id),
                        _ => None,
                    })
                    .collect();
                match modules.first() {
                    Some(&id) => (id, attr),
                    None => return,
                }
            }
            Value::Global(name) if module != self.cause => (module, name),
            Value::Global(name) => match self.import_origin(module, name) {
                Some((id, name)) => (id, name),
                None => return,
            },
            Value::Item(inner) => return self.note_name_read(module, inner, true),
            _ => return,
        };
        if owner != self.cause {
            self.outcome.global_reads.push(GlobalRead { owner, name, at: self.at, content, attr: None });
        }
    }

    pub(super) fn import_origin(&self, module: ModuleId, name: Sym) -> Option<(ModuleId, Sym)> {
        let facts = &self.program.module(module).facts;
        let site = facts.sites_of(name).next()?;
        let import = &facts.imports[site.stmt as usize];
        match self.program.origin(module, import, site.alias as usize) {
            Origin::Attribute(id, name) => Some((id, name)),
            _ => None,
        }
    }
}

/// The object on which a chain of attributes is asked for, and the first of them.
fn first_of_bound(mut base: &Abs, mut attr: Sym) -> (&Abs, Option<Sym>) {
    while let Abs::Bound(inner, name) = base {
        (base, attr) = (inner, *name);
    }
    (base, Some(attr))
}
