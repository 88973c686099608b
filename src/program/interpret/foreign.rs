//! Calls of foreign code, by the tables.

use std::sync::Arc as Rc;

use ruff_text_size::TextSize;
use smallvec::smallvec;

use super::{ANY_ATTRIBUTE, Abs, AbsSet, EffectKind, GlobalRead, Interpreter, Owner, elements_of};
use crate::config::Safety;
use crate::facts::{CallRole, Sym};
use crate::program::{ModuleId, Target, tables, tables::ExternalKind};

impl Interpreter<'_> {
    pub(super) fn call_external(
        &mut self,
        path: Sym,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
        role: CallRole,
        place: (ModuleId, TextSize),
    ) -> AbsSet {
        let text = path.as_str();
        let first = || args.first().cloned().unwrap_or_default();
        let string = |index: usize| {
            args.get(index).and_then(|set| {
                set.iter().find_map(|abs| match abs {
                    Abs::Str(name) => Some(*name),
                    _ => None,
                })
            })
        };
        if self.shared.pure.matches(text) {
            return first();
        }
        let name = string(1).filter(|name| !name.as_str().ends_with('*'));
        if matches!(text, "builtins.getattr" | "builtins.hasattr") {
            self.attribute_asked(&first(), name, text == "builtins.hasattr");
        }
        let lists = matches!(text, "builtins.dir" | "builtins.vars" | "inspect.getmembers");
        if lists || text == "builtins.hasattr" || text == "builtins.getattr" && args.len() > 2 {
            for abs in first() {
                if let Abs::Module(owner) = abs {
                    self.probe(owner, name.unwrap_or_else(|| Sym::new("")));
                }
            }
        }
        if text == "builtins.hasattr"
            && let Some(name) = name
        {
            let path = self.path;
            self.path.guarded = true;
            for abs in first().iter().filter(|abs| matches!(abs, Abs::Instance(..))) {
                self.attr(abs, name);
            }
            self.path = path;
        }
        if let Some(builtin) = text.strip_prefix("builtins.") {
            self.builtin_protocol(builtin, args, keywords);
            if builtin == "iter" && args.len() > 1 {
                self.callbacks(&first());
            }
        } else if let Some(methods) = tables::protocol_of_library(text) {
            for abs in args.iter().flatten() {
                methods.iter().any(|method| self.special(abs, method, &[]));
                // The copy is given what it holds.
                if text.starts_with("copy.") {
                    self.special(abs, "__setstate__", &[smallvec![Abs::Fresh]]);
                }
            }
        } else if let Some((positions, names)) = tables::calls_back(text) {
            for set in positions.iter().filter_map(|&index| args.get(index)) {
                self.callbacks(set);
            }
            for (_, set) in keywords.iter().filter(|(name, _)| names.contains(&name.as_str())) {
                self.callbacks(set);
            }
        }
        // `int(os.environ.get("PORT"))`
        if tables::converts(text) {
            self.asked_of_variable(&first());
        }
        // What is made of a text in the source, can be.
        if let Some(risk) = tables::risk(text)
            && (string(0).is_none() || !tables::converts(text))
        {
            self.risk(risk);
        }
        // A relative path means another file in another working directory.
        let relative = string(0).is_some_and(|path| !path.as_str().starts_with(['/', '~']));
        if tables::reads_file(text) {
            self.state_read(Sym::new(tables::FILES), None);
            if relative || args.is_empty() {
                self.state_read(Sym::new("os.getcwd"), None);
            }
        }
        if let Some(variable) = tables::read_variable(text, string(0).map(Sym::as_str)) {
            self.state_read(Sym::new("os.environ"), Some(Sym::new(variable)));
        }
        if matches!(text, "os.path.expandvars" | "urllib.request.getproxies") {
            self.state_read(Sym::new("os.environ"), None);
        }
        if tables::reads_clock(text) {
            self.state_read(Sym::new(tables::CLOCK), None);
        }
        if self.depth == 0 && place.0 == self.cause && tables::reads_frames(text, !args.is_empty()) {
            self.state_read(Sym::new(tables::IMPORTER), None);
        }
        if text == "pathlib.Path" && relative {
            return smallvec![Abs::Made(Sym::new(tables::RELATIVE_PATH), Owner::Fresh)];
        }
        if self.shared.effect.matches(text) {
            self.effect(EffectKind::Process, Owner::External(path), place, Some(path));
            return first();
        }
        if text == "copyreg.pickle" || text.strip_suffix(".register").is_some_and(tables::is_abstract_class) {
            // A class of its own that a module registers with an abstract base class, or says how to pickle, has no instances
            // without the module.
            if !args.first().is_some_and(|set| self.is_own_class(set)) {
                self.effect(EffectKind::Process, Owner::External(path), place, Some(path));
            }
            return first();
        }
        if text == "codecs.register_error"
            && let Some(name) = string(0)
            && !self.is_named_elsewhere(name)
        {
            // Only the module itself asks for a handler of that name.
            return smallvec![Abs::Fresh];
        }
        // `logging.root.handlers.append(h)`: a method of an object of foreign code that changes it.
        if let Some((object, method)) = text.rsplit_once('.')
            && object.contains('.')
            && tables::MUTATORS.contains(&method)
            && !self.program.stdlib.knows(object)
            && !text.ends_with(".register")
            && self.program.stdlib.knows(text.split('.').next().unwrap_or_default())
            && !tables::is_harmless_target(object)
            && role != CallRole::Used
        {
            if object.starts_with("builtins.") {
                // `list.append(names, "x")`
                for abs in first() {
                    self.mutate(&abs, EffectKind::Write, place, Some(path));
                }
                return smallvec![Abs::Fresh];
            }
            self.effect(EffectKind::Process, Owner::External(Sym::new(object)), place, Some(path));
            return smallvec![Abs::Fresh];
        }
        if text == "sys.modules.get"
            && let Some(module) = string(0).and_then(|name| self.program.find_from(place.0, name.as_str()))
        {
            let mut found: AbsSet = smallvec![Abs::Module(module)];
            found.extend(args.get(1).into_iter().flatten().cloned());
            return found;
        }
        // `resolve_name("shapes:Disc.area")`
        if matches!(text, "pkgutil.resolve_name" | "pydoc.locate")
            && let Some(found) = string(0).and_then(|path| self.named_by_path(path, place))
        {
            return found;
        }
        // A function that is given its object.
        if text == "types.MethodType" && args.len() > 1 {
            let rest = Rc::new(args[1..2].to_vec());
            return first().into_iter().map(|f| Abs::Partial(Rc::new(f), rest.clone())).collect();
        }
        if text == "builtins.object" {
            return smallvec![Abs::Made(path, Owner::Fresh)];
        }
        if text == "builtins.object.__new__" {
            let instance = |abs| match abs {
                Abs::Class(class) => Abs::Instance(class, Owner::Fresh),
                _ => Abs::Fresh,
            };
            return first().into_iter().map(instance).collect();
        }
        if text == "builtins.type.__new__" {
            let mut made = AbsSet::new();
            for abs in first() {
                made.push(match abs {
                    Abs::Class(meta) => {
                        let bases = args.get(2).into_iter().flatten().flat_map(elements_of).collect();
                        Abs::ClassOf(Rc::new((meta, bases)), Owner::Fresh)
                    }
                    _ => Abs::Fresh,
                });
            }
            return made;
        }
        if tables::takes_metaclass(text) {
            // `class Model(with_metaclass(Meta, Base))`, `@add_metaclass(Meta)`
            let mut made = AbsSet::new();
            for abs in first() {
                if let Abs::Class(meta) = abs {
                    made.push(self.class_of(&meta, &[AbsSet::new(), args[1..].concat().into()], place));
                }
            }
            return if role == CallRole::Used && !made.is_empty() {
                made
            } else {
                Self::made(path, args, role)
            };
        }
        if matches!(text, "pkgutil.iter_modules" | "pkgutil.walk_packages") {
            for abs in first() {
                if let Abs::Object(Owner::Module(package, name)) = abs
                    && name == "__path__"
                {
                    self.walked = Some(package);
                }
            }
        }
        if matches!(text, "types.new_class" | "dataclasses.make_dataclass") {
            let named = keywords.iter().filter(|(name, _)| *name == "bases").map(|(_, set)| set);
            let given = if text == "types.new_class" { args.get(1) } else { None };
            let bases: AbsSet = given.into_iter().chain(named).flatten().flat_map(elements_of).collect();
            self.class_created(&Abs::Fresh, &bases, None, (&[], None), place);
            return smallvec![Abs::Fresh];
        }
        let drawn = |abs: &Abs| matches!(abs, Abs::Made(made, _) if tables::draws_random(made.as_str()));
        if text == "itertools.count" && !self.shared.seeds_random && first().iter().any(drawn) {
            // Numbers that begin with another one in every run: nobody can tell how many were taken.
            return smallvec![Abs::External(Sym::new(tables::RANDOM_COUNT))];
        }
        // A table stays the table that it is. (Of classes and functions nothing more is known than without.)
        if text == "typing.cast" {
            let known = |abs: &&Abs| !matches!(abs, Abs::Class(_) | Abs::Function(..) | Abs::Method(..));
            let tables: AbsSet = args.get(1).into_iter().flatten().filter(known).cloned().collect();
            if !tables.is_empty() {
                return tables;
            }
        }
        if matches!(text, "operator.attrgetter" | "operator.methodcaller") {
            let named = string(0).map(|name| Sym::new(&format!("{text} {name}")));
            return smallvec![Abs::Made(named.unwrap_or(path), Owner::Fresh)];
        }
        if text == "operator.itemgetter" {
            return smallvec![Abs::Made(Sym::new("operator.itemgetter "), Owner::Fresh)];
        }
        if matches!(text, "builtins.max" | "builtins.min") {
            let elements: AbsSet = args.iter().flatten().flat_map(elements_of).collect();
            return if elements.is_empty() { smallvec![Abs::Fresh] } else { elements };
        }
        if text == "builtins.iter" {
            // Going through a container is nobody's business; what goes on from where it is, stays what it is.
            let iterated = |abs: Abs| match abs {
                Abs::Class(_) | Abs::Object(_) => Abs::Fresh,
                Abs::Holder(elements, _) => Abs::Holder(elements, Owner::Fresh),
                other => other,
            };
            return first().into_iter().map(iterated).collect();
        }
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
                let attr = string(1).unwrap_or_else(|| Sym::new(ANY_ATTRIBUTE));
                self.changed.insert(attr);
                for abs in first() {
                    if text == "builtins.delattr" {
                        self.attribute_deleted(&abs, attr);
                    }
                    self.set_attr(&abs, attr, place);
                }
                smallvec![Abs::Fresh]
            }
            ExternalKind::GetAttribute => {
                let objects = first();
                let Some(attr) = string(1) else {
                    let with_attributes = objects.iter().filter(|abs| !abs.is_mark());
                    return with_attributes.map(|abs| Abs::Object(self.full_owner(abs))).collect();
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
            ExternalKind::ImportModule => {
                let mut out = AbsSet::new();
                let named =
                    |wanted: &str| keywords.iter().find(|(name, _)| *name == wanted).map(|(_, set)| set);
                let text_of = |set: &AbsSet| {
                    set.iter().find_map(|abs| match abs {
                        Abs::Str(text) => Some(*text),
                        _ => None,
                    })
                };
                // `import_module(".red", "plugins")`, `__import__("plugins", fromlist=["red"])`
                let (package, children) = if text == "importlib.import_module" {
                    (named("package").or(args.get(1)).and_then(text_of), None)
                } else {
                    (None, named("fromlist").or(args.get(3)))
                };
                let children: AbsSet = children.into_iter().flatten().flat_map(elements_of).collect();
                for abs in args.first().into_iter().flatten() {
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
                if out.is_empty() {
                    self.load_siblings(place, package);
                    out.push(Abs::Unknown);
                }
                out
            }
            ExternalKind::Partial => {
                let rest: Vec<AbsSet> = args.iter().skip(1).cloned().collect();
                first().into_iter().map(|f| Abs::Partial(Rc::new(f), Rc::new(rest.clone()))).collect()
            }
            ExternalKind::CallsFirst => {
                let elements: AbsSet = args.get(1).into_iter().flatten().flat_map(elements_of).collect();
                let chosen = elements.clone();
                let elements = if elements.is_empty() { smallvec![Abs::Unknown] } else { elements };
                let mut results = AbsSet::new();
                for callee in first() {
                    results.extend(self.call(
                        &callee,
                        std::slice::from_ref(&elements),
                        &[],
                        CallRole::Used,
                        place,
                    ));
                }
                // `filter(is_ready, parts)` gives parts.
                let results = if tables::chooses(text) { chosen } else { results };
                smallvec![Abs::Holder(Rc::new(results), Owner::Fresh)]
            }
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
                    return smallvec![Abs::Fresh];
                }
                first().iter().flat_map(|abs| self.type_of(abs)).collect()
            }
            ExternalKind::Namespace => {
                let mut out: AbsSet = first();
                if out.is_empty() {
                    // `globals()` of the module whose code runs.
                    out.push(Abs::Object(Owner::Module(place.0, Sym::new("globals()"))));
                }
                out
            }
            ExternalKind::GetLogger => {
                // Of the class that is set at this moment; and a configuration that comes later may turn off what is there.
                self.state_read(Sym::new(tables::LOGGER_CLASS), None);
                self.state_read(Sym::new(tables::LOGGERS), None);
                let package = |id| self.program.module(id).name.as_str().split('.').next();
                let own = [package(place.0), package(self.cause)];
                // `getLogger(__name__)`
                let name = string(0).unwrap_or(self.program.module(place.0).name);
                let observed = self.shared.observed_loggers.contains(&name);
                let owner = match (string(0), args.is_empty()) {
                    (_, false) if observed => Owner::External(Sym::new("logging")),
                    (Some(name), _) if !own.contains(&name.as_str().split('.').next()) => {
                        Owner::External(Sym::new("logging"))
                    }
                    (None, true) => Owner::External(Sym::new("logging")),
                    _ => Owner::Fresh,
                };
                smallvec![Abs::Made(Sym::new("logging.Logger"), owner)]
            }
            ExternalKind::Open => {
                let mode = string(1).or_else(|| {
                    keywords.iter().find(|(n, _)| *n == "mode").and_then(|(_, set)| {
                        set.iter().find_map(|abs| match abs {
                            Abs::Str(name) => Some(*name),
                            _ => None,
                        })
                    })
                });
                if mode.is_some_and(|m| m.as_str().contains(['w', 'a', 'x', '+'])) {
                    self.effect(EffectKind::InputOutput, Owner::External(path), place, Some(path));
                } else {
                    self.state_read(Sym::new(tables::FILES), None);
                    if relative {
                        self.state_read(Sym::new("os.getcwd"), None);
                    }
                }
                smallvec![Abs::Made(path, Owner::Fresh)]
            }
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
                smallvec![Abs::Made(path, Owner::Fresh)]
            }
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
            ExternalKind::ReadsState => {
                // `getlocale(LC_TIME)`
                let other = text == "locale.getlocale" && !args.is_empty();
                let state = if other { "locale.setlocale" } else { tables::state_of(text) };
                let before = self.state_reads;
                let key = if state == "os.environ" { string(0) } else { None };
                self.state_read(Sym::new(state), key);
                if text.starts_with("gettext.") {
                    // In which language something is said, decides about no failure.
                    self.state_reads = before;
                }
                match key {
                    Some(name) if args.len() == 1 => {
                        let path = format!("{}{name}", tables::MAYBE_SET);
                        smallvec![Abs::Made(Sym::new(&path), Owner::Fresh)]
                    }
                    _ => smallvec![Abs::Fresh],
                }
            }
            ExternalKind::Registers => {
                // A callback that only touches what belongs to the module being loaded can be registered late.
                let callback = if text == "weakref.finalize" { args.get(1..) } else { Some(args) };
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
