//! Calls of methods about which nothing is known but their names and what they belong to.

use std::sync::Arc as Rc;

use ruff_text_size::TextSize;
use smallvec::smallvec;

use super::{Abs, AbsSet, EffectKind, Interpreter, Owner, elements_of, has_decorator, owned};
use crate::config::Safety;
use crate::facts::{CallRole, Sym};
use crate::program::{ModuleId, tables};

impl Interpreter<'_> {
    pub(super) fn call_bound(
        &mut self,
        base: &Rc<Abs>,
        name: Sym,
        (args, keywords): (&[AbsSet], &[(Sym, AbsSet)]),
        role: CallRole,
        place: (ModuleId, TextSize),
    ) -> AbsSet {
        let method = name.as_str();
        let owner = self.full_owner(base);
        if let Abs::Instance(class, _) = &**base
            && let Some(class) = self
                .foreign_bases(class)
                .into_iter()
                .find(|class| tables::starts_something(class.as_str(), method))
        {
            self.effect(EffectKind::InputOutput, Owner::External(class), place, Some(class));
        }
        if let Abs::Instance(class, _) = &**base
            && let prefixes = tables::dispatches_to(method)
            && !prefixes.is_empty()
            && !self.foreign_bases(class).is_empty()
        {
            for prefix in prefixes {
                self.dispatch(class, base, prefix, &[smallvec![Abs::Unknown]], &[]);
            }
        }
        self.mixed_in(base, method, args);
        self.arguments_parsed(method, keywords, place);
        // `PATTERN.sub(replace, text)`
        if matches!(&**base, Abs::Made(made, _) if made == "re.compile")
            && matches!(method, "sub" | "subn")
            && let Some(set) = args.first()
        {
            self.callbacks(set);
        }
        if let Abs::Made(made, _) = &**base {
            if let Some(state) = tables::computed_with(made.as_str()) {
                self.state_read(Sym::new(state), None);
            }
            let relative = made == tables::RELATIVE_PATH;
            let reads = tables::FILE_READERS.contains(&method);
            if relative && (reads || matches!(method, "resolve" | "absolute")) {
                self.state_read(Sym::new("os.getcwd"), None);
            }
            let of_others =
                || !self.program.stdlib.knows(made.as_str().split('.').next().unwrap_or_default());
            let starts = tables::starts_something(made.as_str(), method)
                // Under `try` it asks what is possible.
                || tables::binds(made.as_str(), method) && !self.path.guarded
                || tables::parses_command_line(made.as_str(), method) && args.is_empty() && keywords.is_empty()
                || role == CallRole::Dropped && tables::DOES_SOMETHING.contains(&method) && of_others()
                // `tree.write(sys.stdout)`
                || role == CallRole::Dropped
                    && !made.as_str().starts_with("logging.")
                    && !tables::keeps_settings(method)
                    && Self::stream_in(args, keywords).is_some();
            if starts {
                self.effect(EffectKind::InputOutput, Owner::External(*made), place, Some(*made));
            }
            // Only the context that loads the module has the value.
            if made == "contextvars.ContextVar" && method == "set" {
                for state in [tables::CONTEXT, tables::THREAD, tables::RUNNING_LOOP] {
                    self.state_read(Sym::new(state), None);
                }
            }
            if tables::is_logger(made.as_str()) && tables::asks_for_level(method) {
                self.state_read(Sym::new(tables::LEVELS), None);
            }
            if tables::is_logger(made.as_str()) && method == "hasHandlers" {
                for state in tables::state_of_attribute(made.as_str(), method) {
                    self.state_read(Sym::new(state), None);
                }
            }
            if tables::is_logger(made.as_str()) && tables::LOGGER_EMITS.contains(&method) {
                if self.safety == Safety::Strict || !self.path.conditional {
                    self.effect(EffectKind::InputOutput, Owner::External(*made), place, Some(*made));
                }
                return smallvec![Abs::Fresh];
            }
        }
        if matches!(**base, Abs::Holder(..)) && tables::CONTAINER_VIEWS.contains(&method) {
            let view = Abs::Holder(Rc::new(elements_of(base)), Owner::Fresh);
            // `for name, function in TABLE.items()`
            return smallvec![if method == "items" {
                Abs::Holder(Rc::new(smallvec![view]), Owner::Fresh)
            } else {
                view
            }];
        }
        // `with opened(table) as t`, where a generator yields it.
        if method == "__enter__"
            && let Abs::Holder(elements, _) = &**base
        {
            return (**elements).clone();
        }
        if method == "register"
            && let Abs::Class(class) = &**base
            && args.first().is_some_and(|set| self.is_own_class(set))
            && self.is_abstract(class)
        {
            return args[0].clone();
        }
        // A class of its own that a module registers with a generic function has no instances without the module.
        let generic = |w: &Self| match &**base {
            Abs::Made(made, _) => made == "functools.singledispatch",
            Abs::Function(module, func, ..) => has_decorator(w.code(*module), *func, &["singledispatch"]),
            _ => false,
        };
        if method == "register"
            && generic(self)
            && args.first().is_some_and(|set| self.is_own_class(set))
            && !self.shared.asks_for_registries(self.program)
        {
            return smallvec![Abs::Fresh];
        }
        // A plain function has no such method.
        if let Abs::Function(module, func, ..) = &**base
            && tables::PUTS.contains(&method)
            && self.code(*module).function(*func).decorators.is_empty()
        {
            return smallvec![Abs::Unknown];
        }
        // A handler that does nothing.
        let null =
            |set: &AbsSet| matches!(set.first(), Some(Abs::Made(path, _)) if path == "logging.NullHandler");
        if matches!(method, "exec_module" | "load_module") && !matches!(**base, Abs::Instance(..)) {
            // A module that is found in no ordinary way.
            self.effect(EffectKind::Process, Owner::External(name), place, Some(name));
        }
        let foreign = self.is_foreign(owner) && !(method == "addHandler" && args.first().is_some_and(null));
        // Whoever draws from a stream changes what the next one gets.
        let stream = matches!(&**base, Abs::Made(made, _) if tables::is_stream(made.as_str())
            || tables::is_file(made.as_str()) && tables::MOVES_ON.contains(&method));
        let private = matches!(method, "add" | "append")
            && args.first().is_some_and(|key| self.is_private_entry((base, None), key));
        if private {
            return smallvec![Abs::Fresh];
        }
        if foreign && (stream || tables::MUTATORS.contains(&method)) {
            self.mutate(base, EffectKind::Write, place, Some(name));
        } else if foreign && role != CallRole::Used && !tables::HARMLESS_METHODS.contains(&method) {
            self.mutate(base, EffectKind::UnresolvedCall, place, Some(name));
        }
        // Functions that are handed over may be called.
        let stack = matches!(&**base, Abs::Made(made, _) if made.as_str().starts_with("contextlib."));
        if stack && matches!(method, "enter_context" | "enter_async_context") {
            for entered in args.first().into_iter().flatten() {
                for special in ["__enter__", "__exit__", "__aenter__", "__aexit__"] {
                    self.special(entered, special, &[]);
                }
            }
        }
        // `Random(3).shuffle(deck)`
        if method == "shuffle" && matches!(**base, Abs::Made(..)) {
            for deck in args.first().into_iter().flatten() {
                self.mutate(deck, EffectKind::Write, place, Some(name));
            }
        }
        if tables::CALLS_ARGUMENT.contains(&method) || stack && matches!(method, "callback" | "push") {
            for callee in args.first().into_iter().flatten() {
                self.call(&callee.clone(), &[], &[], CallRole::Used, place);
            }
        }
        let mut out = match (&**base, method) {
            (Abs::Holder(elements, owner), "get" | "pop" | "popleft" | "setdefault" | "popitem") => {
                let mut found: AbsSet = elements.iter().map(|e| owned(e, *owner)).collect();
                found.extend(self.put_into(*owner));
                found
            }
            (_, "get" | "pop" | "setdefault" | "popleft") if matches!(owner, Owner::Module(..)) => {
                let mut found = self.put_into(owner);
                found.push(Abs::Object(owner));
                found
            }
            // What is in the copy, is still in the other one.
            (Abs::Object(Owner::Module(..)), "copy") => {
                smallvec![Abs::Holder(Rc::new(smallvec![Abs::Object(owner)]), Owner::Fresh)]
            }
            (_, "copy") => smallvec![Abs::Fresh],
            // The same of a new set.
            (Abs::Object(Owner::Module(..)) | Abs::Holder(..), algebra)
                if tables::SET_ALGEBRA.contains(&algebra) =>
            {
                let elements = std::iter::once(&**base).chain(args.iter().flatten()).flat_map(elements_of);
                smallvec![Abs::Holder(Rc::new(elements.collect()), Owner::Fresh)]
            }
            // What a `ChainMap` stores in a child goes into the map that it is given, or into one of the child's own. The others show.
            (_, "new_child") => {
                let shown = Abs::Holder(Rc::new(smallvec![(**base).clone()]), Owner::Fresh);
                args.first().into_iter().flatten().cloned().chain([shown]).collect()
            }
            // Nothing is known of the object but that it is a text. (An object of a class without such a method is none.)
            (Abs::Object(_) | Abs::Instance(..), text) if tables::TEXT_METHODS.contains(&text) => {
                smallvec![Abs::Fresh]
            }
            _ => smallvec![Abs::Object(owner)],
        };
        if role == CallRole::Decorator {
            out.extend(args.first().into_iter().flatten().cloned());
        }
        if owner == Owner::Fresh && !matches!(**base, Abs::Holder(..)) {
            out.push(Abs::Unknown);
        }
        out
    }
}
