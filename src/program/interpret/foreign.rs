//! Calls of foreign code, by the tables.

use std::sync::Arc as Rc;

use ruff_text_size::TextSize;
use smallvec::{SmallVec, smallvec};

use super::{ANY_ATTRIBUTE, Abs, AbsSet, EffectKind, GlobalRead, Interpreter, Owner, elements_of, owned};
use crate::config::Safety;
use crate::facts::{CallRole, Sym};
use crate::program::{ModuleId, Target, tables, tables::ExternalKind};
/// A call of foreign code.
#[derive(Clone, Copy)]
pub(super) struct ForeignCall<'a> {
    /// The dotted name of what is called.
    pub path: Sym,
    pub args: &'a [AbsSet],
    pub keywords: &'a [(Sym, AbsSet)],
    pub role: CallRole,
    /// Where the call stands.
    pub place: (ModuleId, TextSize),
}

impl<'a> ForeignCall<'a> {
    /// The first argument.
    pub fn first(&self) -> AbsSet {
        self.args.first().cloned().unwrap_or_default()
    }

    /// A positional argument, if it is a text that is known.
    pub fn string(&self, index: usize) -> Option<Sym> {
        self.args.get(index).and_then(text_of)
    }

    /// What is given under a name.
    pub fn named(&self, wanted: &str) -> Option<&'a AbsSet> {
        self.keywords.iter().find(|(name, _)| *name == wanted).map(|(_, set)| set)
    }

    /// The texts in memory that get what a call prints: `print(row, file=OUT)` with `OUT = io.StringIO()`.
    fn printed_into(&self) -> Option<&'a AbsSet> {
        if self.path != "builtins.print" {
            return None;
        }
        let is_text = |abs: &Abs| matches!(abs, Abs::Made(path, _) if *path == "io.StringIO");
        self.named("file").filter(|set| !set.is_empty() && set.iter().all(is_text))
    }

    /// `timeit.timeit(function)`
    fn measures_functions(&self) -> bool {
        let is_function = |abs: &Abs| matches!(abs, Abs::Function(..) | Abs::Method(..) | Abs::Partial(..));
        let statement = self.args.first().or_else(|| self.named("stmt"));
        let setup = self.args.get(1).or_else(|| self.named("setup"));
        self.path.as_str().starts_with("timeit.")
            && self.named("timer").is_none()
            && statement.is_some_and(|set| !set.is_empty() && set.iter().all(is_function))
            && setup.is_none_or(|set| set.iter().all(is_function))
    }

    /// The first argument is a relative path: it means another file in another working directory.
    pub fn is_relative(&self) -> bool {
        self.string(0).is_some_and(|path| !path.as_str().starts_with(['/', '~']))
    }
}

/// The text that a value is, if it is known.
fn text_of(set: &AbsSet) -> Option<Sym> {
    set.iter().find_map(|abs| match abs {
        Abs::Str(text) => Some(*text),
        _ => None,
    })
}

/// The text that a value is, if it can be no other one: of `prefix + name` each part counts as what it may be.
pub(super) fn only_text(set: &AbsSet) -> Option<Sym> {
    match set[..] {
        [Abs::Str(text)] => Some(text),
        _ => None,
    }
}

/// How all the texts begin that a value may be, with a star for what differs.
fn common_start(set: &AbsSet) -> Option<Sym> {
    let texts: Option<Vec<&'static str>> = set
        .iter()
        .map(|abs| match abs {
            Abs::Str(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let texts = texts?;
    let common = |a: &'static str, b: &&'static str| {
        let same = a.char_indices().zip(b.chars()).take_while(|((_, a), b)| a == b);
        &a[..same.last().map_or(0, |((at, c), _)| at + c.len_utf8())]
    };
    let (first, rest) = texts.split_first()?;
    let start = rest.iter().fold(*first, common).trim_end_matches('*');
    (!start.is_empty()).then(|| Sym::new(&format!("{start}*")))
}

impl Interpreter<'_> {
    /// What a call of foreign code gives. What it reads and changes is noted.
    pub(super) fn call_external(
        &mut self,
        path: Sym,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
        role: CallRole,
        place: (ModuleId, TextSize),
    ) -> AbsSet {
        let call = &ForeignCall { path, args, keywords, role, place };
        if self.shared.pure.matches(path.as_str()) {
            return call.first();
        }
        self.asked_by_call(call);
        self.read_by_call(call);
        if self.shared.effect.matches(path.as_str()) {
            self.effect(EffectKind::Process, Owner::External(path), place, Some(path));
            return call.first();
        }
        let mut made = self
            .registered(call)
            .or_else(|| self.object_of_library(call))
            .unwrap_or_else(|| self.call_of_kind(call));
        // `csv.writer(sys.stdout)`, `Console(file=sys.stderr)`: what the object does, the stream shows.
        if let Some(stream) = Self::stream_in(args, keywords)
            && !path.as_str().starts_with("logging.")
        {
            let stream = Owner::External(stream);
            for abs in &mut made {
                if matches!(abs, Abs::Made(_, Owner::Fresh)) {
                    *abs = owned(abs, stream);
                }
            }
            if role == CallRole::Dropped {
                self.effect(EffectKind::InputOutput, stream, place, Some(path));
            }
        }
        made
    }

    /// The standard stream of the process that a call is given.
    pub(super) fn stream_in(args: &[AbsSet], keywords: &[(Sym, AbsSet)]) -> Option<Sym> {
        let sets = args.iter().chain(keywords.iter().map(|(_, set)| set));
        sets.flatten().find_map(|abs| match abs {
            Abs::External(path) if tables::is_standard_stream(path.as_str()) => Some(*path),
            _ => None,
        })
    }

    /// The kinds of the tables.
    pub(super) fn call_of_kind(&mut self, call: &ForeignCall<'_>) -> AbsSet {
        let &ForeignCall { path, args, keywords, role, place } = call;
        let text = path.as_str();
        let first = || call.first();
        let string = |index| call.string(index);
        match tables::external(text) {
            ExternalKind::ChangesFirst => {
                for abs in first() {
                    self.mutate(&abs, EffectKind::Write, place, Some(path));
                }
                let elements = |abs: &Abs| match abs {
                    Abs::Holder(elements, Owner::Fresh) if text == "builtins.next" => (**elements).clone(),
                    abs => smallvec![abs.clone()],
                };
                first().iter().flat_map(elements).collect()
            }
            // Without a namespace of its own the text runs in the module's, and does anything.
            ExternalKind::Executes if args.len() > 1 => {
                for abs in &args[1] {
                    self.mutate(abs, EffectKind::Write, place, Some(path));
                }
                smallvec![Abs::Fresh]
            }
            ExternalKind::SetAttribute => {
                // `for name in ("open", "close"): setattr(cls, name, method)`
                let attrs: Option<SmallVec<[Sym; 2]>> = args.get(1).and_then(|names| {
                    let text = |abs: &Abs| if let Abs::Str(text) = abs { Some(*text) } else { None };
                    names.iter().map(text).collect()
                });
                let attrs = attrs.filter(|attrs| !attrs.is_empty());
                for attr in attrs.unwrap_or_else(|| smallvec![Sym::new(ANY_ATTRIBUTE)]) {
                    self.attribute_set_by_name(call, attr);
                }
                smallvec![Abs::Fresh]
            }
            ExternalKind::GetAttribute => self.attribute_by_name(call),
            ExternalKind::ImportModule => self.import_by_name(call),
            ExternalKind::Partial => {
                let rest: Vec<AbsSet> = args.iter().skip(1).cloned().collect();
                first().into_iter().map(|f| Abs::Partial(Rc::new(f), Rc::new(rest.clone()))).collect()
            }
            ExternalKind::CallsFirst => self.first_called(call),
            ExternalKind::Identity => {
                let mut out = first();
                if out.is_empty() {
                    out.push(Abs::External(path));
                }
                out
            }
            ExternalKind::DecoratorFactory => smallvec![Abs::External(Sym::new("functools.wraps()"))],
            ExternalKind::Collects => {
                let mut elements: AbsSet = args.iter().flatten().flat_map(elements_of).collect();
                // `dict(a=table)`
                elements.extend(keywords.iter().flat_map(|(_, set)| set.iter().cloned()));
                let held = Abs::Holder(Rc::new(elements), Owner::Fresh);
                // `for number, part in enumerate(parts)`
                let in_tuples = tables::gives_tuples(text);
                smallvec![if in_tuples { Abs::Holder(Rc::new(smallvec![held]), Owner::Fresh) } else { held }]
            }
            ExternalKind::Type => {
                if args.len() == 3 {
                    let bases: AbsSet = args[1].iter().flat_map(elements_of).collect();
                    self.class_created(&Abs::Fresh, &bases, None, (&[], None), place);
                    self.members_named(&Abs::Fresh, args[2].iter().flat_map(elements_of).collect());
                    let known = bases.iter().any(|base| matches!(base, Abs::Class(_) | Abs::ClassOf(..)));
                    return smallvec![if known {
                        Abs::ClassOf(Rc::new((None, bases)), Owner::Fresh)
                    } else {
                        Abs::Fresh
                    }];
                }
                first().iter().flat_map(|abs| self.type_of(abs)).collect()
            }
            ExternalKind::Namespace => {
                let mut out: AbsSet = first();
                if out.is_empty() {
                    // `globals()` of the module whose code runs.
                    out.push(Abs::Object(Owner::Module(place.0, Sym::new("globals()"))));
                }
                // The names of a class are not the class, nor are those of a module the module.
                let names = |abs| match abs {
                    Abs::Class(class) => self.namespace_of(&class),
                    Abs::Module(id) => Abs::Object(Owner::Module(id, Sym::new(""))),
                    Abs::Partial(..) if abs.fields().is_some() => self.values_of(&abs),
                    other => other,
                };
                out.into_iter().map(names).collect()
            }
            ExternalKind::GetLogger => self.logger(call),
            ExternalKind::Open => self.file_opened(call),
            ExternalKind::Process if let Some(classes) = self.warned_classes(text, args, keywords) => {
                // A filter for warnings that nobody can give before the module of their class is loaded.
                for class in classes {
                    self.mutate(&class, EffectKind::Write, place, Some(path));
                }
                smallvec![Abs::Fresh]
            }
            ExternalKind::Process if self.is_only_user(text) => smallvec![Abs::Made(path, Owner::Fresh)],
            ExternalKind::Process if self.is_diagnosis(text) => smallvec![Abs::Fresh],
            // Nobody can tell how often was drawn from numbers that differ from run to run.
            ExternalKind::Process if !self.shared.seeds_random && tables::draws_random(text) => {
                smallvec![Abs::Made(path, Owner::Fresh)]
            }
            ExternalKind::Process => {
                let subject = string(0).unwrap_or(path);
                self.effect(EffectKind::Process, Owner::External(path), place, Some(subject));
                smallvec![Abs::Made(path, Owner::Fresh)]
            }
            ExternalKind::Executes => {
                self.effect(EffectKind::Process, Owner::External(path), place, Some(path));
                smallvec![Abs::Fresh]
            }
            // A database that only this process has.
            ExternalKind::InputOutput
                if text == "sqlite3.connect" && string(0).is_some_and(|name| name == ":memory:") =>
            {
                // Only the thread that has opened it may use it. What a function opens, it mostly closes.
                if place == (self.cause, self.at) {
                    self.state_read(Sym::new(tables::THREAD), None);
                }
                smallvec![Abs::Made(path, Owner::Fresh)]
            }
            ExternalKind::InputOutput if let Some(texts) = call.printed_into() => {
                for text in texts {
                    self.mutate(text, EffectKind::Write, place, Some(path));
                }
                smallvec![Abs::Fresh]
            }
            // What is measured is called; only a text does what cannot be seen.
            ExternalKind::InputOutput if call.measures_functions() => smallvec![Abs::Fresh],
            ExternalKind::InputOutput => {
                self.effect(EffectKind::InputOutput, Owner::External(path), place, Some(path));
                smallvec![Abs::Made(path, Owner::Fresh)]
            }
            ExternalKind::Fails => {
                // `sys.exit()` is caught by no usual handler.
                self.effect(EffectKind::Fails, Owner::External(path), place, Some(path));
                smallvec![Abs::Fresh]
            }
            // The path of the module's file, or one made of it, is absolute already.
            ExternalKind::ReadsState if text.starts_with("os.path.") && string(0).is_none() => {
                smallvec![Abs::Fresh]
            }
            ExternalKind::ReadsState => self.state_asked(call),
            ExternalKind::Registers => {
                // A callback that only touches what belongs to the module being loaded can be registered late.
                let of_object = text.starts_with("weakref.");
                let callback = if of_object { args.get(1..) } else { Some(args) };
                // `weakref.ref(x)`, `weakref.ref(x, None)`
                let plain =
                    of_object && args.get(1).is_none_or(|set| *set == AbsSet::from_elem(Abs::Fresh, 1));
                if plain && text != "weakref.finalize" {
                    return Self::made(path, args, role);
                }
                if !self.is_own_business(callback.unwrap_or_default()) {
                    self.effect(EffectKind::Process, Owner::External(path), place, Some(path));
                }
                first()
            }
            ExternalKind::Unregisters => {
                // Nobody has had a function of its own before the module is loaded.
                let is_own = |a: &Abs| matches!(a, Abs::Function(module, ..) if *module == self.cause);
                if !first().iter().all(is_own) || first().is_empty() {
                    self.effect(EffectKind::Process, Owner::External(path), place, Some(path));
                }
                smallvec![Abs::Fresh]
            }
            ExternalKind::Pure => Self::made(path, args, role),
            ExternalKind::Unknown => {
                let stdlib = self.program.stdlib.knows(text.split('.').next().unwrap_or_default());
                // `try: numpy.f(x) except TypeError` asks what is supported.
                let asks = self.path.guarded && !stdlib && self.safety != Safety::Strict;
                if role == CallRole::Dropped && !asks && !tables::is_process_read(text) {
                    let kind = if stdlib { EffectKind::Process } else { EffectKind::UnresolvedCall };
                    self.effect(kind, Owner::External(path), place, Some(path));
                } else if self.safety == Safety::Strict && !stdlib && role == CallRole::Decorator {
                    self.effect(EffectKind::UnresolvedCall, Owner::External(path), place, Some(path));
                }
                Self::made(path, args, role)
            }
        }
    }

    /// `setattr(object, name, value)`, `delattr(object, name)`
    fn attribute_set_by_name(&mut self, call: &ForeignCall<'_>, attr: Sym) {
        let &ForeignCall { path, args, place, .. } = call;
        let objects = call.first();
        self.changed.insert(attr);
        for abs in &objects {
            if path == "builtins.delattr" {
                self.attribute_deleted(abs, attr);
            }
            self.set_attr(abs, attr, place);
        }
        for (abs, values) in objects.iter().zip(args.get(2)) {
            match abs {
                Abs::Class(class) if attr == ANY_ATTRIBUTE => {
                    self.put_while_running(Some(class), attr, values);
                }
                _ if attr == ANY_ATTRIBUTE => {}
                _ => self.put_while_running(None, attr, values),
            }
        }
    }

    /// `map(function, words)`, `filter(is_ready, parts)`, `reduce(add, words, table)`, `starmap(add, pairs)`
    fn first_called(&mut self, call: &ForeignCall<'_>) -> AbsSet {
        let &ForeignCall { path, args, place, .. } = call;
        let text = path.as_str();
        let elements = |set: &AbsSet| -> AbsSet { set.iter().flat_map(elements_of).collect() };
        let chosen = args.get(1).map(elements).unwrap_or_default();
        let reduces = text == "functools.reduce";
        let mut given: Vec<AbsSet> = match text {
            "itertools.starmap" => {
                let inner = elements(&chosen);
                vec![inner.clone(); inner.len().clamp(1, 4)]
            }
            _ if reduces => vec![args.get(2).unwrap_or(&chosen).clone(), chosen.clone()],
            _ => args.iter().skip(1).map(elements).collect(),
        };
        for set in given.iter_mut().filter(|set| set.is_empty()) {
            set.push(Abs::Unknown);
        }
        let mut results = AbsSet::new();
        for callee in call.first() {
            results.extend(self.call(&callee, &given, &[], CallRole::Used, place));
        }
        if reduces {
            results.extend(args.get(2).into_iter().flatten().cloned());
            return results;
        }
        // `filter(is_ready, parts)` gives parts.
        let results = if tables::chooses(text) { chosen } else { results };
        smallvec![Abs::Holder(Rc::new(results), Owner::Fresh)]
    }

    /// `getattr(object, name)`
    fn attribute_by_name(&mut self, call: &ForeignCall<'_>) -> AbsSet {
        let args = call.args;
        let objects = call.first();
        let Some(attr) = call.string(1) else {
            let any = Sym::new("*");
            let attribute = |abs: &Abs| match abs {
                // `getattr(setup, name)()`, where the module knows the methods
                Abs::Instance(class, _) | Abs::Class(class) if class.module == self.cause => {
                    Abs::Bound(Rc::new(abs.clone()), any)
                }
                _ => Abs::Object(self.full_owner(abs)),
            };
            let mut found: AbsSet = objects.iter().filter(|abs| !abs.is_mark()).map(attribute).collect();
            for abs in &objects {
                if let Abs::Class(class) = abs {
                    found.extend(self.objects_in(class));
                }
            }
            return found;
        };
        // `getattr(shell, "do_" + name)`
        if attr.as_str().ends_with('*') {
            let method = |abs: &Abs| match abs {
                Abs::Instance(..) | Abs::Class(_) => Abs::Bound(Rc::new(abs.clone()), attr),
                other => Abs::Object(self.full_owner(other)),
            };
            let mut found: AbsSet = objects.iter().filter(|abs| !abs.is_mark()).map(method).collect();
            found.extend(args.get(2).into_iter().flatten().cloned());
            return found;
        }
        let mut out = AbsSet::new();
        // With a default the name may be missing.
        let path = self.path;
        self.path.guarded |= args.len() > 2;
        for abs in objects {
            out.extend(self.attr(&abs, attr));
        }
        self.path = path;
        out
    }

    /// `import_module(name)`
    fn import_by_name(&mut self, call: &ForeignCall<'_>) -> AbsSet {
        let &ForeignCall { path, args, place, .. } = call;
        let text = path.as_str();
        let mut out = AbsSet::new();
        // `import_module(".red", "plugins")`, `__import__("plugins", fromlist=["red"])`
        let (package, children) = if text == "importlib.import_module" {
            (call.named("package").or(args.get(1)).and_then(text_of), None)
        } else {
            (None, call.named("fromlist").or(args.get(3)))
        };
        let children: AbsSet = children.into_iter().flatten().flat_map(elements_of).collect();
        let names = args.first().cloned().unwrap_or_default();
        let is_known = |abs: &Abs| matches!(abs, Abs::Str(name) if !name.as_str().contains('*'));
        let known_texts = !names.is_empty() && names.iter().all(is_known);
        for abs in names.iter().filter(|abs| is_known(abs)) {
            let Abs::Str(name) = *abs else { continue };
            let name = match (name.as_str().strip_prefix('.'), package) {
                (Some(rest), Some(package)) => Sym::new(&format!("{package}.{rest}")),
                _ => name,
            };
            let program = self.program;
            let mut chain = program.chain(self.cause, name.as_str());
            for child in &children {
                if let Abs::Str(child) = child {
                    chain.extend(program.find_from(self.cause, &format!("{name}.{child}")));
                }
            }
            if self.silent == 0 {
                self.outcome.loads.extend(chain.iter().map(|&id| (id, self.at, self.path.guarded)));
            }
            out.push(match program.target(self.cause, name.as_str()) {
                Target::Module(id) => Abs::Module(id),
                target => {
                    // What is missing anywhere is missing here.
                    let fails = target == Target::Missing && !name.as_str().starts_with('.');
                    if fails && !self.path.guarded && self.path.is_certain() {
                        self.effect(EffectKind::Fails, Owner::Fresh, place, Some(name));
                    }
                    Abs::External(name)
                }
            });
        }
        let mut siblings = self.load_siblings(place, package, known_texts);
        if !known_texts {
            if siblings.is_empty() {
                siblings = self.load_matching(place.0, &names);
            }
            // What is only loaded on a condition, is mostly named by who sets that: extensions, backends.
            if siblings.is_empty() && out.is_empty() && !self.path.conditional {
                self.effect(EffectKind::UnresolvedCall, Owner::External(path), place, Some(path));
            }
            out.extend(siblings.into_iter().map(Abs::Module));
        }
        if out.is_empty() {
            out.push(Abs::Unknown);
        }
        out
    }

    /// `getLogger(name)`
    fn logger(&mut self, call: &ForeignCall<'_>) -> AbsSet {
        let &ForeignCall { args, place, .. } = call;
        // Of the class that is set at this moment; and a configuration that comes later may turn off what is there.
        self.state_read(Sym::new(tables::LOGGER_CLASS), None);
        self.state_read(Sym::new(tables::LOGGERS), None);
        let package = |id| self.program.module(id).name.as_str().split('.').next();
        let own = [package(place.0), package(self.cause)];
        // `getLogger(__name__)`
        let name = call.string(0).unwrap_or(self.program.module(place.0).name);
        let observed = self.shared.observed_loggers.contains(&name);
        let owner = match (call.string(0), args.is_empty()) {
            (_, false) if observed => Owner::External(Sym::new("logging")),
            (Some(name), _) if !own.contains(&name.as_str().split('.').next()) => {
                Owner::External(Sym::new("logging"))
            }
            (None, true) => Owner::External(Sym::new("logging")),
            _ => Owner::Fresh,
        };
        let above = match call.string(0) {
            Some(name) => matches!(name.as_str(), "" | "root"),
            None => args.is_empty() && call.named("name").is_none(),
        };
        let class = if above { "logging.RootLogger" } else { "logging.Logger" };
        smallvec![Abs::Made(Sym::new(class), owner)]
    }

    /// `open(path, mode)`
    fn file_opened(&mut self, call: &ForeignCall<'_>) -> AbsSet {
        let &ForeignCall { path, place, .. } = call;
        let mode = call.string(1).or_else(|| call.named("mode").and_then(text_of));
        if mode.is_some_and(|m| m.as_str().contains(['w', 'a', 'x', '+'])) {
            self.effect(EffectKind::InputOutput, Owner::External(path), place, Some(path));
        } else {
            self.state_read(Sym::new(tables::FILES), None);
            if call.is_relative() {
                self.state_read(Sym::new("os.getcwd"), None);
            }
        }
        smallvec![Abs::Made(path, Owner::Fresh)]
    }

    /// A read of the state of the process.
    fn state_asked(&mut self, call: &ForeignCall<'_>) -> AbsSet {
        let &ForeignCall { path, args, .. } = call;
        let text = path.as_str();
        // `getlocale(LC_TIME)`
        let other = text == "locale.getlocale" && !args.is_empty();
        let state = if other { "locale.setlocale" } else { tables::state_of(text) };
        let before = self.state_reads;
        let name = args.first().filter(|_| state == "os.environ");
        let key = name.and_then(|name| only_text(name).or_else(|| common_start(name)));
        self.state_read(Sym::new(state), key);
        if text.starts_with("gettext.") {
            // In which language something is said, decides about no failure.
            self.state_reads = before;
        }
        match key {
            Some(name) if args.len() == 1 && !name.as_str().ends_with('*') => {
                let path = format!("{}{name}", tables::MAYBE_SET);
                smallvec![Abs::Made(Sym::new(&path), Owner::Fresh)]
            }
            // Or what counts if the variable is not set.
            Some(_) if args.len() == 2 => {
                let text = |abs: &&Abs| matches!(abs, Abs::Str(_));
                args[1].iter().filter(text).cloned().chain([Abs::Fresh]).collect()
            }
            _ => smallvec![Abs::Fresh],
        }
    }

    /// Another module is asked whether it has a name, or which names it has: it may be half loaded.
    pub(super) fn probe(&mut self, owner: ModuleId, name: Sym) {
        if self.silent == 0 && owner != self.cause {
            self.outcome.probes.push(GlobalRead { owner, name, at: self.at, content: false, attr: None });
        }
    }

    /// A warning under a condition: it tells people that something is wrong, and changes nothing else.
    pub(super) fn is_diagnosis(&self, path: &str) -> bool {
        self.safety != Safety::Strict
            && self.path.conditional
            && matches!(path, "warnings.warn" | "warnings.warn_explicit")
    }

    pub(super) fn made(path: Sym, args: &[AbsSet], role: CallRole) -> AbsSet {
        let mut out = smallvec![Abs::Made(path, Owner::Fresh)];
        if role == CallRole::Decorator || path.as_str().ends_with("()") {
            out.extend(args.first().into_iter().flatten().cloned());
        }
        out
    }
}
