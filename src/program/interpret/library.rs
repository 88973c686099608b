//! What calls of the library ask and read, what they register, and which objects they give, where the tables do not say it.

use std::sync::Arc as Rc;

use smallvec::smallvec;

use super::foreign::ForeignCall;
use super::object::{NAMESPACE, PROPERTY};
use super::{ANY_ATTRIBUTE, Abs, AbsSet, EffectKind, Interpreter, Owner, elements_of};
use crate::facts::{CallRole, Sym};
use crate::program::tables::{self, ExternalKind};

impl Interpreter<'_> {
    /// Objects that a call asks: for their attributes, by special methods, or by calling them back.
    pub(super) fn asked_by_call(&mut self, call: &ForeignCall<'_>) {
        let &ForeignCall { path, args, keywords, place, .. } = call;
        let text = path.as_str();
        let first = || call.first();
        let string = |index| call.string(index);
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
        // `dict(zip(names, numbers))`: whoever takes the next numbers, gets others.
        let cause = self.cause;
        let of_others = |abs: &Abs| {
            matches!(abs, Abs::Made(_, Owner::Module(id, _)) | Abs::Holder(_, Owner::Module(id, _))
                | Abs::Object(Owner::Module(id, _)) if *id != cause)
        };
        if self.silent == 0
            && args.iter().flatten().any(of_others)
            && (tables::external(text) == ExternalKind::Collects || tables::GOES_THROUGH.contains(&text))
        {
            for abs in args.iter().flatten() {
                self.gone_through(abs, place);
            }
        }
        // `json.load(journal)`: whoever reads on, finds what follows.
        if self.silent == 0 {
            for abs in args.iter().chain(keywords.iter().map(|(_, set)| set)).flatten() {
                if of_others(abs)
                    && matches!(abs, Abs::Made(made, _) if tables::is_file(made.as_str()))
                    && tables::uses_files(text)
                {
                    self.mutate(abs, EffectKind::Write, place, None);
                }
            }
        }
        // `json.dumps(order, cls=Encoder)`
        if tables::asks_class(text)
            && let Some(classes) = call.named("cls")
        {
            for class in classes {
                if let Abs::Class(class) = class {
                    let this = Abs::Instance(class.clone(), Owner::Fresh);
                    self.dispatch(class, &this, "default", &[smallvec![Abs::Unknown]], &[]);
                }
            }
        }
        if let Some(builtin) = text.strip_prefix("builtins.") {
            self.builtin_protocol(builtin, args, keywords);
            if builtin == "iter" && args.len() > 1 {
                self.callbacks(&first());
            }
        } else if let Some(methods) = tables::protocol_of_library(text) {
            // Also of what is in a container, if that is copied with it.
            let inner: AbsSet = args.iter().flatten().flat_map(elements_of).collect();
            let inner = inner.iter().filter(|_| text == "copy.deepcopy");
            for abs in args.iter().flatten().chain(inner) {
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
    }

    /// State that a call reads, and what can go wrong.
    pub(super) fn read_by_call(&mut self, call: &ForeignCall<'_>) {
        let &ForeignCall { path, args, place, .. } = call;
        let text = path.as_str();
        let first = || call.first();
        let string = |index| call.string(index);
        // `int(os.environ.get("PORT"))`
        if tables::converts(text) {
            self.asked_of_variable(&first());
        }
        // What is made of a text in the source, can be.
        if self.silent == 0
            && let Some(risk) = tables::risk(text)
            && (string(0).is_none() || !tables::converts(text))
        {
            self.risk(risk);
        }
        if tables::reads_file(text) {
            self.state_read(Sym::new(tables::FILES), None);
            if call.is_relative() || args.is_empty() {
                self.state_read(Sym::new("os.getcwd"), None);
            }
        }
        if tables::looks_at_all(text) {
            self.looked_at(&first());
        }
        for variable in tables::read_variables(text, string(0).map(Sym::as_str)) {
            self.state_read(Sym::new("os.environ"), Some(Sym::new(variable)));
        }
        if text == "sys.modules.get" {
            self.loaded_read(string(0));
            // Whatever it gives, may be changed.
            if string(0).is_none() {
                self.effect(EffectKind::Process, Owner::External(path), place, Some(path));
            }
        }
        // `find_spec("plugins")`, where no folder is known that has it.
        if text == "importlib.util.find_spec"
            && string(0).is_none_or(|name| {
                self.program.find(name.as_str()).is_none() && !self.program.stdlib.knows(name.as_str())
            })
        {
            self.state_read(Sym::new("sys.path"), None);
        }
        if args.is_empty()
            && let Some(stream) = tables::takes_stream(text).map(Sym::new)
            && self.shared.replaced_names.contains_key(&stream)
        {
            self.replaced_read(stream);
        }
        // The name of the program, for its messages.
        if text == "argparse.ArgumentParser" && args.is_empty() && call.named("prog").is_none() {
            self.state_read(Sym::new("sys.argv"), None);
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
    }

    /// What a call registers with the library, or changes in one of its objects. Gives what the call gives then.
    pub(super) fn registered(&mut self, call: &ForeignCall<'_>) -> Option<AbsSet> {
        let &ForeignCall { path, args, role, place, .. } = call;
        let text = path.as_str();
        let first = || call.first();
        let string = |index| call.string(index);
        if text == "copyreg.pickle" || text.strip_suffix(".register").is_some_and(tables::is_abstract_class) {
            // A class of its own that a module registers with an abstract base class, or says how to pickle, has no instances
            // without the module.
            if !args.first().is_some_and(|set| self.is_own_class(set)) {
                self.effect(EffectKind::Process, Owner::External(path), place, Some(path));
            }
            return Some(first());
        }
        if text == "functools.update_wrapper" {
            for abs in first() {
                self.set_attr(&abs, Sym::new("__name__"), place);
            }
            return Some(first());
        }
        if text == "codecs.register_error"
            && let Some(name) = string(0)
            && !self.is_named_elsewhere(name)
        {
            // Only the module itself asks for a handler of that name.
            return Some(smallvec![Abs::Fresh]);
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
            if object.starts_with("builtins.") && object != "builtins.__dict__" {
                // `list.append(names, "x")`
                for abs in first() {
                    self.mutate(&abs, EffectKind::Write, place, Some(path));
                }
                return Some(smallvec![Abs::Fresh]);
            }
            self.effect(EffectKind::Process, Owner::External(Sym::new(object)), place, Some(path));
            return Some(smallvec![Abs::Fresh]);
        }
        None
    }

    /// An object of which more is known than that the library has made it.
    pub(super) fn object_of_library(&mut self, call: &ForeignCall<'_>) -> Option<AbsSet> {
        let &ForeignCall { path, args, keywords, role, place } = call;
        let text = path.as_str();
        let first = || call.first();
        let string = |index| call.string(index);
        if text == "pathlib.Path" && call.is_relative() {
            return Some(smallvec![Abs::Made(Sym::new(tables::RELATIVE_PATH), Owner::Fresh)]);
        }
        if text == "sys.modules.get"
            && let Some(module) = string(0).and_then(|name| self.program.find_from(place.0, name.as_str()))
        {
            let mut found: AbsSet = smallvec![Abs::Module(module)];
            found.extend(args.get(1).into_iter().flatten().cloned());
            return Some(found);
        }
        // `resolve_name("shapes:Disc.area")`
        if matches!(text, "pkgutil.resolve_name" | "pydoc.locate")
            && let Some(found) = string(0).and_then(|path| self.named_by_path(path, place))
        {
            return Some(found);
        }
        // A function that is given its object.
        if text == "types.MethodType" && args.len() > 1 {
            let rest = Rc::new(args[1..2].to_vec());
            return Some(first().into_iter().map(|f| Abs::Partial(Rc::new(f), rest.clone())).collect());
        }
        // What is stored in a `ChainMap` goes into its first map.
        if text == "collections.ChainMap" {
            let mut made = self.call_of_kind(call);
            made.extend(first().into_iter().filter(|abs| self.is_foreign(self.full_owner(abs))));
            return Some(made);
        }
        // An adapter hands on to its logger whatever it is asked.
        if text == "logging.LoggerAdapter" && !args.is_empty() {
            return Some(first());
        }
        if text == "builtins.object" {
            return Some(smallvec![Abs::Made(path, Owner::Fresh)]);
        }
        if text == "builtins.object.__new__" {
            let instance = |abs| match abs {
                Abs::Class(class) => Abs::Instance(class, Owner::Fresh),
                _ => Abs::Fresh,
            };
            return Some(first().into_iter().map(instance).collect());
        }
        if text == "builtins.type.__new__" {
            let mut made = AbsSet::new();
            for abs in first() {
                made.push(match abs {
                    Abs::Class(_) if let Some(new) = self.creating.last() => Abs::Class(new.clone()),
                    Abs::Class(meta) => {
                        let bases = args.get(2).into_iter().flatten().flat_map(elements_of).collect();
                        Abs::ClassOf(Rc::new((Some(meta), bases)), Owner::Fresh)
                    }
                    _ => Abs::Fresh,
                });
            }
            return Some(made);
        }
        if tables::takes_metaclass(text) {
            // `class Model(with_metaclass(Meta, Base))`, `@add_metaclass(Meta)`
            let mut made = AbsSet::new();
            for abs in first() {
                if let Abs::Class(meta) = abs {
                    made.push(self.class_of(&meta, &[AbsSet::new(), args[1..].concat().into()], place));
                }
            }
            let used = role == CallRole::Used && !made.is_empty();
            return Some(if used { made } else { Self::made(path, args, role) });
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
            return Some(smallvec![Abs::Fresh]);
        }
        // `SimpleNamespace(add=hub.add).add("x")`
        if text == NAMESPACE {
            let named = keywords.iter().map(|(name, set)| (*name, set.clone()));
            let others = args.iter().map(|set| set.iter().flat_map(elements_of).collect());
            let others = others.map(|set| (Sym::new(ANY_ATTRIBUTE), set));
            let fields = named.chain(others).map(|(name, set): (Sym, AbsSet)| {
                let mut field: AbsSet = smallvec![Abs::Str(name)];
                field.extend(set);
                field
            });
            let made = Rc::new(Abs::Made(path, Owner::Fresh));
            return Some(smallvec![Abs::Partial(made, Rc::new(fields.collect()))]);
        }
        // `size = property(get_size, set_size)`
        if text == PROPERTY && role == CallRole::Used {
            let function =
                |index: usize, name| args.get(index).or(call.named(name)).cloned().unwrap_or_default();
            let functions = vec![function(0, "fget"), function(1, "fset")];
            return Some(smallvec![Abs::Partial(Rc::new(Abs::Made(path, Owner::Fresh)), Rc::new(functions))]);
        }
        // The classes and functions of a module, with their names.
        if text == "inspect.getmembers" {
            let members = |abs| match abs {
                Abs::Module(id) => {
                    let all = Abs::Object(Owner::Module(id, Sym::new("")));
                    let pair = Abs::Holder(Rc::new(smallvec![all]), Owner::Fresh);
                    Abs::Holder(Rc::new(smallvec![pair]), Owner::Fresh)
                }
                Abs::Class(class) => {
                    let pair = self.namespace_of(&class);
                    Abs::Holder(Rc::new(smallvec![pair]), Owner::Fresh)
                }
                _ => Abs::Made(path, Owner::Fresh),
            };
            return Some(first().into_iter().map(members).collect());
        }
        let drawn = |abs: &Abs| matches!(abs, Abs::Made(made, _) if tables::draws_random(made.as_str()));
        if text == "itertools.count" && !self.shared.seeds_random && first().iter().any(drawn) {
            // Numbers that begin with another one in every run: nobody can tell how many were taken.
            return Some(smallvec![Abs::External(Sym::new(tables::RANDOM_COUNT))]);
        }
        // A shallow copy holds the same.
        if text == "copy.copy" {
            let copied = |abs: Abs| match abs {
                Abs::Holder(..) | Abs::Object(Owner::Module(..)) => {
                    Abs::Holder(Rc::new(elements_of(&abs)), Owner::Fresh)
                }
                _ => Abs::Made(path, Owner::Fresh),
            };
            return Some(first().into_iter().map(copied).collect());
        }
        // A table stays the table that it is. (Of classes and functions nothing more is known than without.)
        if text == "typing.cast" {
            let known = |abs: &&Abs| !matches!(abs, Abs::Class(_) | Abs::Function(..) | Abs::Method(..));
            let tables: AbsSet = args.get(1).into_iter().flatten().filter(known).cloned().collect();
            if !tables.is_empty() {
                return Some(tables);
            }
        }
        if matches!(text, "operator.attrgetter" | "operator.methodcaller") {
            let named = string(0).map(|name| Sym::new(&format!("{text} {name}")));
            return Some(smallvec![Abs::Made(named.unwrap_or(path), Owner::Fresh)]);
        }
        if text == "operator.itemgetter" {
            return Some(smallvec![Abs::Made(Sym::new("operator.itemgetter "), Owner::Fresh)]);
        }
        if matches!(text, "builtins.max" | "builtins.min") {
            let elements: AbsSet = args.iter().flatten().flat_map(elements_of).collect();
            return Some(if elements.is_empty() { smallvec![Abs::Fresh] } else { elements });
        }
        if text == "builtins.iter" {
            // Going through a container is nobody's business; what goes on from where it is, stays what it is.
            let iterated = |abs: Abs| match abs {
                Abs::Class(_) => Abs::Fresh,
                Abs::Fresh | Abs::Str(_) => Abs::Made(path, Owner::Fresh),
                Abs::Object(_) => Abs::Holder(Rc::new(smallvec![abs]), Owner::Fresh),
                Abs::Holder(..) => Abs::Holder(Rc::new(elements_of(&abs)), Owner::Fresh),
                other => other,
            };
            return Some(first().into_iter().map(iterated).collect());
        }
        None
    }
}
