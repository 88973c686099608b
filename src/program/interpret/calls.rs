//! Calls of functions and classes of the program.

use std::hash::BuildHasher;
use std::sync::Arc as Rc;

use ruff_text_size::TextSize;
use rustc_hash::FxBuildHasher;
use smallvec::{SmallVec, smallvec};

use super::contexts;
use super::forwarded::{Arguments, Extra};
use super::told::{Given, Told};
use super::{
    ANY_ATTRIBUTE, Abs, AbsSet, CallKey, CallResult, ClassRef, EffectKind, Env, EnvRef, Interpreter,
    MOST_CALLS, MOST_DEPTH, MOST_NESTED, Owner, Path, has_decorator, join, owned, unique,
};
use crate::config::Safety;
use crate::facts::{CallRole, FuncId, OpKind, Sym, Unpacked, Value, words};
use crate::program::{ModuleId, tables};

impl Interpreter<'_> {
    pub(super) fn run_call(
        &mut self,
        module: ModuleId,
        index: u32,
        env: &EnvRef,
        role: CallRole,
        place: (ModuleId, TextSize),
    ) -> AbsSet {
        let code = self.code(module);
        let call = &code.call(index);
        let callees = self.eval(module, call.callee, env);
        let Arguments { positional: args, keywords, given } = self.arguments(module, call, env);
        // What functions of the program do with what they are given, shows when they run; and some only ask for the class.
        if let ([callee], Some(given), Unpacked::Nothing) = (&callees[..], &given, call.unpacked) {
            let method = if let Value::Attr(_, name) = code.value(call.callee) { Some(name) } else { None };
            self.refused_for_arguments((callee, method), given);
        }
        let mut known = |abs: &Abs| match abs {
            Abs::Function(..) | Abs::Method(..) => true,
            Abs::Class(class) => !args.is_empty() && self.runs_own_init(class),
            Abs::External(path) => tables::asks_for_class(path.as_str()),
            _ => false,
        };
        let content = callees.is_empty() || !callees.iter().all(&mut known);
        self.note_arguments(module, call, (&args, &keywords), env, content);
        // `X = settings.get("x")` depends on what the object holds.
        if let (Value::Attr(base, method), CallRole::Used) = (code.value(call.callee), role)
            && !tables::is_mutator(method)
        {
            match code.value(base) {
                Value::Global(_) | Value::Attr(..) => self.note_content(module, base, env),
                // What a method of the program reads, shows when it runs.
                Value::Call(_) | Value::Var(_) | Value::Item(_) if content => {
                    let steps = self.steps;
                    self.note_content(module, base, env);
                    self.steps = steps;
                }
                _ => {}
            }
        }
        if matches!(code.value(call.callee), Value::Attr(_, method) if method == "__subclasses__") {
            self.subclasses_read(&callees);
        }
        // `super()` needs the class around the call.
        if let Value::Global(name) = code.value(call.callee)
            && name == "super"
        {
            match args.as_slice() {
                [] => return self.super_of(module, env),
                [class, this] => {
                    if let (Some(Abs::Class(class)), Some(this)) = (class.first(), this.first()) {
                        return smallvec![Abs::Super(class.clone(), Rc::new(this.clone()))];
                    }
                }
                _ => {}
            }
        }
        if let Value::Attr(base, method) = code.value(call.callee) {
            self.text_made((module, base, method), &callees, (&args, &keywords), place);
        }
        // `made.__dict__.update(options)`, `setattr(made, name, value)`
        let stores_any = match code.value(call.callee) {
            Value::Attr(base, _) => matches!(code.value(base), Value::Attr(_, words::DICT)),
            Value::Global(name) if name == "setattr" => {
                !matches!(code.positional(call).get(1).map(|&name| code.value(name)), Some(Value::Str(_)))
            }
            _ => false,
        };
        if stores_any {
            self.changed.insert(Sym::new(ANY_ATTRIBUTE));
        }
        if let Value::Attr(_, method) = code.value(call.callee)
            && !callees.iter().any(|abs| matches!(abs, Abs::Function(..) | Abs::Method(..) | Abs::Class(..)))
        {
            // `(Path(__file__).parent / "cache").mkdir()`
            if tables::changes_path(method.as_str()) {
                self.effect(EffectKind::InputOutput, Owner::External(method), place, Some(method));
            }
            // `(files(__package__) / "rates.json").read_text()`, `parser.read("settings.ini")`
            if tables::FILE_READERS.contains(&method.as_str()) || method == "read" && !args.is_empty() {
                self.state_read(Sym::new(tables::FILES), None);
            }
        }
        if let Some(decorator) = self.context_as_decorator(module, index, &callees, &args) {
            return decorator;
        }
        let mut out = AbsSet::new();
        let outer = self.path;
        // One of several definitions runs: which, depends on a condition.
        let mut definitions: SmallVec<[(ModuleId, u32, bool); 2]> = callees
            .iter()
            .filter_map(|abs| match abs {
                Abs::Function(module, func, ..) | Abs::Method(_, module, func, _) => {
                    Some((*module, func.0, true))
                }
                Abs::Class(class) => Some((class.module, class.class, false)),
                _ => None,
            })
            .collect();
        definitions.sort_unstable();
        definitions.dedup();
        self.path.conditional |= definitions.len() > 1;
        self.call_collected((module, call.callee, env), (&callees, role), &args);
        for callee in callees {
            join(&mut out, self.call_given(&callee, &args, &keywords, role, place, given.as_ref()));
        }
        self.path = outer;
        out
    }

    pub(super) fn super_of(&mut self, module: ModuleId, env: &EnvRef) -> AbsSet {
        let Some(current) = env.get() else { return smallvec![Abs::Fresh] };
        let Some(this) = current.bindings.first() else { return smallvec![Abs::Fresh] };
        let code = self.code(module);
        if let (Some(class), Some(this)) = (code.function(current.func).class, this.first()) {
            let around = self.around_class(module, class, &current.parent);
            smallvec![Abs::Super(ClassRef::new(module, class, around), Rc::new(this.clone()))]
        } else {
            smallvec![Abs::Fresh]
        }
    }

    pub(super) fn call(
        &mut self,
        callee: &Abs,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
        role: CallRole,
        place: (ModuleId, TextSize),
    ) -> AbsSet {
        self.call_given(callee, args, keywords, role, place, None)
    }

    /// A call of which is known what it gives, as far as it is written out.
    fn call_given(
        &mut self,
        callee: &Abs,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
        role: CallRole,
        place: (ModuleId, TextSize),
        given: Option<&Given>,
    ) -> AbsSet {
        match callee {
            Abs::Function(module, func, env, owner) => {
                let code = self.code(*module);
                if code.function(*func).binds_outer && self.is_foreign(*owner) {
                    self.effect(EffectKind::Write, *owner, place, Some(code.function(*func).name));
                }
                if self.shared.asked_caches.contains(&code.function(*func).name) && *module != self.cause {
                    let name = code.function(*func).name;
                    self.effect(EffectKind::Write, Owner::Module(*module, name), place, Some(name));
                }
                if !self.shared.pure.is_empty() || !self.shared.effect.is_empty() {
                    let name = format!("{}.{}", self.program.module(*module).name, code.function(*func).name);
                    if self.shared.pure.matches(&name) {
                        return args.first().cloned().unwrap_or_else(|| smallvec![Abs::Unknown]);
                    }
                    if self.shared.effect.matches(&name) {
                        let subject = Some(Sym::new(&name));
                        self.effect(EffectKind::Write, Owner::External(Sym::new(&name)), place, subject);
                    }
                }
                self.enter_given((*module, *func), env, args, keywords, given)
            }
            // `Base("Colour", "RED GREEN")` defines an enumeration.
            Abs::Class(class) if args.len() > 1 && self.is_enumeration(class) => {
                self.class_created(&Abs::Fresh, std::slice::from_ref(callee), None, (&[], None), place);
                smallvec![Abs::Fresh]
            }
            Abs::Class(class) if args.len() > 2 && self.is_metaclass(class) => {
                smallvec![self.class_of(class, args, place)]
            }
            Abs::Class(class) => {
                // `Level(7)` asks the class, if no member has the value.
                if args.len() == 1
                    && let Some((owner, func, around)) = self.find_method(class, "_missing_")
                    && self.is_enumeration(class)
                {
                    let outer = self.path;
                    self.path.conditional = true;
                    let all = [smallvec![callee.clone()], args[0].clone()];
                    self.enter_given((owner, func), &around, &all, &[], None);
                    self.path = outer;
                }
                self.instantiate(class, args, keywords, given)
            }
            Abs::Method(this, module, func, around) => {
                let mut all = vec![smallvec![(**this).clone()]];
                all.extend(args.iter().cloned());
                self.enter_given((*module, *func), around, &all, keywords, given)
            }
            Abs::Partial(inner, first) => {
                let mut all = first.to_vec();
                all.extend(args.iter().cloned());
                self.call(inner, &all, keywords, role, place)
            }
            Abs::External(path) => self.call_external(*path, args, keywords, role, place),
            // `super().__call__()` in a metaclass.
            Abs::Bound(base, name)
                if *name == "__call__"
                    && let Abs::Class(class) = &**base =>
            {
                self.construct(class, args, keywords, given)
            }
            // `"shapes:Disc".partition(":")`
            Abs::Bound(base, name) if let Abs::Str(whole) = **base => {
                let separator = args.first().and_then(|set| match set.first() {
                    Some(Abs::Str(separator)) if !separator.as_str().is_empty() => Some(*separator),
                    _ => None,
                });
                let (text, mark) = (whole.as_str(), separator.map_or(" ", Sym::as_str));
                let pieces: Vec<&str> = match name.as_str() {
                    "partition" => text.split_once(mark).map_or(vec![text], |(a, b)| vec![a, b]),
                    "rpartition" | "rsplit" => text.rsplit_once(mark).map_or(vec![text], |(a, b)| vec![a, b]),
                    _ => text.split(mark).take(8).collect(),
                };
                let pieces = pieces.into_iter().map(|piece| Abs::Str(Sym::new(piece))).collect();
                smallvec![Abs::Holder(Rc::new(pieces), Owner::Fresh)]
            }
            Abs::Bound(manager, name) if *name == contexts::DECORATES => Self::around(manager, args),
            Abs::Bound(manager, name) if *name == contexts::AROUND => {
                self.call_in_context(manager, args, keywords, place)
            }
            Abs::Bound(base, name) if name.as_str().ends_with('*') => {
                self.method_of_prefix(base, *name, args, keywords)
            }
            Abs::Bound(base, name) => {
                if *name == "sort" {
                    self.builtin_protocol("sort", &[smallvec![(**base).clone()]], keywords);
                }
                // `names.index(name)`, `table.get(key)`
                if let (Some(wanted), Abs::Holder(elements, _)) = (args.first(), &**base)
                    && tables::SEARCHES.contains(&name.as_str())
                {
                    self.searched(elements, wanted);
                }
                self.call_bound(base, *name, (args, keywords), role, place)
            }
            mark if mark.is_mark() => smallvec![Abs::Fresh],
            // A named tuple.
            Abs::Made(path, _) if tables::makes_tuple_class(path.as_str()) => {
                let sets = args.iter().chain(keywords.iter().map(|(_, set)| set));
                smallvec![Abs::Holder(Rc::new(sets.flatten().cloned().collect()), Owner::Fresh)]
            }
            Abs::Made(path, _) if let Some(got) = self.call_getter(*path, args, place) => got,
            Abs::Object(owner) | Abs::Made(_, owner) => {
                if let Owner::Module(id, name) = *owner
                    && name == ""
                    && id != self.cause
                {
                    self.call_all_of(id, args);
                }
                if role != CallRole::Used && self.is_foreign(*owner) {
                    self.mutate(callee, EffectKind::UnresolvedCall, place, None);
                }
                // What a method of somebody's object returns may be that object's closure.
                let mut out = smallvec![Abs::Object(*owner)];
                if role == CallRole::Decorator {
                    out.extend(args.first().into_iter().flatten().cloned());
                }
                out
            }
            Abs::Instance(class, _) => {
                if let Some((m, func, around)) = self.find_method(class, "__call__") {
                    let mut all = vec![smallvec![callee.clone()]];
                    all.extend(args.iter().cloned());
                    self.enter_given((m, func), &around, &all, keywords, given)
                } else if role == CallRole::Decorator && self.is_context_decorator(class) {
                    Self::around(callee, args)
                } else {
                    smallvec![Abs::Unknown]
                }
            }
            Abs::Fresh | Abs::Str(_) => smallvec![Abs::Fresh],
            Abs::Unknown => {
                if self.safety == Safety::Strict && role != CallRole::Used {
                    self.effect(EffectKind::UnresolvedCall, Owner::Fresh, place, None);
                }
                if role == CallRole::Decorator {
                    let mut out = args.first().cloned().unwrap_or_default();
                    out.push(Abs::Unknown);
                    return out;
                }
                smallvec![Abs::Unknown]
            }
            Abs::Module(_) | Abs::Holder(..) | Abs::Super(..) | Abs::ClassOf(..) => smallvec![Abs::Unknown],
        }
    }

    pub(super) fn instantiate(
        &mut self,
        class: &ClassRef,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
        given: Option<&Given>,
    ) -> AbsSet {
        self.refused_as_abstract(class);
        let mut made = self.construct(class, args, keywords, given);
        for meta in self.metaclass_of(class, 0) {
            if let Abs::Class(meta) = meta
                && let Some((owner, func, around)) = self.find_method(&meta, "__call__")
            {
                let mut all = vec![smallvec![Abs::Class(class.clone())]];
                all.extend(args.iter().cloned());
                let result = self.enter_given((owner, func), &around, &all, keywords, given);
                made = Self::instances(class, result);
            }
        }
        made
    }

    /// A new instance without its metaclass: `__new__` and what prepares the object.
    fn construct(
        &mut self,
        class: &ClassRef,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
        given: Option<&Given>,
    ) -> AbsSet {
        let mut made = smallvec![Abs::Instance(class.clone(), Owner::Fresh)];
        if let Some((m, func, around)) = self.find_method(class, "__new__") {
            let mut all = vec![smallvec![Abs::Class(class.clone())]];
            all.extend(args.iter().cloned());
            let result = self.enter_given((m, func), &around, &all, keywords, given);
            made = Self::instances(class, result);
        }
        let init = self.find_method(class, "__init__");
        if init.is_none() {
            self.keep_given(&mut made, class, args, keywords);
            if !args.is_empty() || !keywords.is_empty() {
                for abs in &made {
                    self.mixed_in(abs, "__init__", args);
                }
            }
        }
        if let Some((m, func, around)) = init {
            let mut all = vec![made.clone()];
            all.extend(args.iter().cloned());
            let sets = args.iter().chain(keywords.iter().map(|(_, set)| set));
            // What methods may call, or change.
            let callable = |abs: &Abs| match abs {
                Abs::Function(..) | Abs::Method(..) | Abs::Partial(..) | Abs::Class(_) | Abs::Module(_) => {
                    true
                }
                Abs::Object(owner)
                | Abs::Holder(_, owner)
                | Abs::Made(_, owner)
                | Abs::Instance(_, owner) => {
                    matches!(owner, Owner::Module(..))
                }
                _ => false,
            };
            let callables = sets.flatten().any(callable);
            let told = if self.has_tested_attributes(class) {
                self.told_of((m, func), all.len(), given)
            } else {
                Box::default()
            };
            if callables || !told.is_empty() {
                let env = self.bound((m, func), &around, &all, keywords, (told, given.is_some()));
                for abs in &mut made {
                    if let Abs::Instance(class, _) = abs {
                        class.set_given(&env);
                    }
                }
            }
            // `__init__` may call methods that use what it has stored.
            all[0].clone_from(&made);
            self.enter_given((m, func), &around, &all, keywords, given);
        }
        if let Some((m, func, around)) = self.find_method(class, "__post_init__") {
            self.enter(m, func, &around, &[made.clone()], &[]);
        }
        if let Some(owner) = self.shared_attributes(class) {
            made.iter_mut().for_each(|abs| *abs = owned(abs, owner));
        }
        self.fields_made(class);
        // Whenever the object goes, at the end of the process at the latest.
        if let Some((m, func, around)) = self.find_method(class, "__del__") {
            self.enter(m, func, &around, &[made.clone()], &[]);
        }
        made
    }

    /// Who has the attributes of all instances, if those share one dictionary: `self.__dict__ = self._shared`.
    fn shared_attributes(&mut self, class: &ClassRef) -> Option<Owner> {
        let (m, func, _) = self.find_method(class, "__init__")?;
        let code = self.code(m);
        let shared = code.ops_of(func).find_map(|op| match op.kind {
            OpKind::SetAttr { attr, value, .. } if attr == "__dict__" => Some(value),
            _ => None,
        })?;
        match code.value(shared) {
            Value::Global(name) => Some(Owner::Module(m, name)),
            Value::Attr(_, attr) => {
                let (base, _) = self.find_member(class, attr)?;
                Some(self.full_owner(&Abs::Class(base)))
            }
            _ => None,
        }
    }

    /// What `__new__` or a metaclass's `__call__` gives, as instances of the class as far as nothing else is known: one that
    /// others have already, stays theirs.
    fn instances(class: &ClassRef, mut given: AbsSet) -> AbsSet {
        for abs in &mut given {
            if !matches!(abs, Abs::Instance(..) | Abs::Class(..) | Abs::Function(..) | Abs::Module(_)) {
                *abs = Abs::Instance(class.clone(), Self::owner(abs).unwrap_or(Owner::Fresh));
            }
        }
        unique(&mut given);
        given
    }

    /// Runs a function of the program with arguments.
    pub(super) fn enter(
        &mut self,
        module: ModuleId,
        func: FuncId,
        closure: &EnvRef,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
    ) -> AbsSet {
        self.enter_given((module, func), closure, args, keywords, None)
    }

    /// The same for a call of which is known what it gives.
    pub(super) fn enter_given(
        &mut self,
        (module, func): (ModuleId, FuncId),
        closure: &EnvRef,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
        given: Option<&Given>,
    ) -> AbsSet {
        let code = self.code(module);
        let function = code.function(func);
        // Who calls a generator function at import time, usually runs through it: a loop, `with`; and a coroutine, by hand or in a
        // loop of events.
        if self.calls > MOST_CALLS || self.depth > 3 * MOST_DEPTH || self.steps > self.most_steps {
            self.not_followed();
            return smallvec![Abs::Unknown];
        }
        let path = if self.silent > 0 { Path::default() } else { self.path };
        let told = self.told_of((module, func), args.len(), given);
        let key = CallKey {
            module,
            func,
            closure,
            args,
            keywords,
            told: &told,
            complete: given.is_some(),
            silent: self.silent > 0,
            path,
        };
        let hash = FxBuildHasher.hash_one(&key);
        let known = self.results.get(&hash).and_then(|results| results.iter().find(|r| r.is_of(&key)));
        if let Some(known) = known {
            return known.result.clone();
        }
        // What a function does when it calls itself, it has done already, unless the tests of its parameters come out otherwise.
        let tested = FxBuildHasher.hash_one(&told);
        let running = self.calls_running.entry((module, func)).or_default();
        if running.contains(&tested) || running.len() >= MOST_NESTED {
            return smallvec![Abs::Unknown];
        }
        running.push(tested);
        if module == self.cause && self.silent == 0 {
            self.outcome.entered.push(func);
        }
        let mut env = self.bound((module, func), closure, args, keywords, (told.clone(), given.is_some()));
        self.depth += 1;
        self.calls += 1;
        let entry = self.path.is_certain().then_some(self.state_reads);
        let reads_at_entry = std::mem::replace(&mut self.reads_at_entry, entry);
        let followed = std::mem::take(&mut self.followed);
        let mut dead = self.body(module, func, &env);
        self.followed = followed;
        self.reads_at_entry = reads_at_entry;
        let mut out = AbsSet::new();
        for &value in code.returns_of(func) {
            if let Some(index) = dead.iter().position(|&dead| dead == value) {
                dead.swap_remove(index);
                continue;
            }
            if matches!(code.value(value), Value::Call(_) | Value::Var(_)) {
                let given = self.eval(module, value, &env);
                self.note_held(&given, false);
                out.extend(given);
                continue;
            }
            self.note_read(module, value, &env, false);
            join(&mut out, self.eval(module, value, &env));
        }
        self.depth -= 1;
        self.calls -= 1;
        if env.is_only() {
            self.call_results.remove(&env.number());
        }
        if let Some(running) = self.calls_running.get_mut(&(module, func)) {
            running.pop();
        }
        if out.is_empty() {
            out.push(Abs::Fresh);
        }
        if has_decorator(code, func, &["lru_cache", "cache"]) {
            // Every caller gets the same.
            let owner = Owner::Module(module, function.name);
            out.iter_mut().for_each(|abs| *abs = owned(abs, owner));
        }
        unique(&mut out);
        self.results.entry(hash).or_default().push(CallResult::new(&key, out.clone()));
        out
    }

    /// Whether nothing but an `__init__` of the program sees what a new object is given: `Database(app)`.
    fn runs_own_init(&mut self, class: &ClassRef) -> bool {
        let plain = self.mro(class).iter().all(|base| {
            let definition = &self.code(base.module).classes[base.class as usize];
            definition.decorators.is_empty() && definition.metaclass.is_none()
        });
        plain
            && self.foreign_bases(class).is_empty()
            && self.find_method(class, "__new__").is_none()
            && self.find_method(class, "__init__").is_some()
    }

    /// The variables of a call.
    pub(super) fn bound(
        &mut self,
        (module, func): (ModuleId, FuncId),
        closure: &EnvRef,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
        (told, complete): (Box<[Told]>, bool),
    ) -> EnvRef {
        let code = self.code(module);
        let function = code.function(func);
        let params = function.params.clone();
        let mut bindings = vec![AbsSet::new(); params.len()];
        let star_from = function.positional as usize;
        let last = params.len() - usize::from(function.vararg) - usize::from(function.kwarg);
        for (index, arg) in args.iter().enumerate() {
            if index < star_from {
                bindings[index] = arg.clone();
            } else if function.vararg {
                Self::add_element(&mut bindings[last], arg);
            }
        }
        let mut options = Vec::new();
        for (name, value) in keywords {
            let named = params.clone().take(last).position(|p| code.vars[p as usize].name == *name);
            match named {
                Some(index) => bindings[index] = value.clone(),
                // `**options`
                None if function.kwarg => {
                    options.push((*name, value.clone()));
                    if let Some(entry) = bindings.last_mut() {
                        Self::add_element(entry, value);
                    }
                }
                None => {}
            }
        }
        let extra = (complete && (function.vararg || function.kwarg))
            .then(|| Box::new(Extra::new(args.get(star_from..).unwrap_or_default(), options)));
        self.environment += 1;
        EnvRef::new(Env {
            module,
            func,
            first: params.start,
            bindings: bindings.into(),
            told,
            extra,
            parent: closure.clone(),
            number: self.environment,
        })
    }

    /// `*args` and `**options` hold what the call gave.
    fn add_element(entry: &mut AbsSet, element: &AbsSet) {
        let mut elements: AbsSet = match entry.first() {
            Some(Abs::Holder(old, _)) => (**old).clone(),
            _ => AbsSet::new(),
        };
        elements.extend(element.iter().cloned());
        *entry = smallvec![Abs::Holder(Rc::new(elements), Owner::Fresh)];
    }
}
