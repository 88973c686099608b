//! Context managers that decorate functions: what they do is done whenever the function is called.
//!
//! ```python
//! @timed("load")        # a `ContextDecorator`, or a function with `@contextmanager`: nothing happens yet
//! def load(): ...
//! load()                # `timed` is entered, `load` runs, `timed` is left
//! ```

use std::sync::Arc as Rc;

use ruff_text_size::TextSize;
use smallvec::smallvec;

use super::{Abs, AbsSet, ClassRef, Interpreter, Owner, has_decorator};
use crate::facts::{CallRole, Sym, Value};
use crate::program::ModuleId;

/// Stands for the method of a context manager that decorates a function.
pub(super) const DECORATES: &str = "<decorates>";
/// And for the one that calls the function in the context.
pub(super) const AROUND: &str = "<around>";

impl Interpreter<'_> {
    /// Whether instances of a class decorate functions by way of the library.
    pub(super) fn is_context_decorator(&mut self, class: &ClassRef) -> bool {
        let decorates = |path: &Sym| {
            matches!(path.as_str(), "contextlib.ContextDecorator" | "contextlib.AsyncContextDecorator")
        };
        self.foreign_bases(class).iter().any(decorates)
    }

    /// The decorator that a call of a function with `@contextmanager` gives, if that is what its result is used for.
    pub(super) fn context_as_decorator(
        &self,
        module: ModuleId,
        call: u32,
        callees: &AbsSet,
        args: &[AbsSet],
    ) -> Option<AbsSet> {
        let [callee @ Abs::Function(owner, func, ..)] = &callees[..] else { return None };
        let managers = &["contextmanager", "asynccontextmanager"];
        let named = !self.code(module).call(call).keywords.is_empty();
        if named || !has_decorator(self.code(*owner), *func, managers) || !self.is_decorator(module, call) {
            return None;
        }
        let manager = Abs::Partial(Rc::new(callee.clone()), Rc::new(args.to_vec()));
        Some(smallvec![Abs::Bound(Rc::new(manager), Sym::new(DECORATES))])
    }

    /// Whether a call makes a decorator of a function.
    fn is_decorator(&self, module: ModuleId, call: u32) -> bool {
        let code = self.code(module);
        let mut functions = code.functions.into_iter();
        functions
            .any(|function| function.decorators.iter().any(|&made| code.value(made) == Value::Call(call)))
    }

    /// The function that a context manager makes of the one it decorates.
    pub(super) fn around(manager: &Abs, args: &[AbsSet]) -> AbsSet {
        let around = Abs::Bound(Rc::new(manager.clone()), Sym::new(AROUND));
        smallvec![Abs::Partial(Rc::new(around), Rc::new(args.to_vec()))]
    }

    /// Runs a decorated function: the first argument, with the others.
    pub(super) fn call_in_context(
        &mut self,
        manager: &Abs,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
        place: (ModuleId, TextSize),
    ) -> AbsSet {
        if matches!(manager, Abs::Partial(..)) {
            self.call(manager, &[], &[], CallRole::Used, place);
        }
        // Whether the function fails, and how, is not known.
        let failure: [AbsSet; 3] = std::array::from_fn(|_| smallvec![Abs::Unknown]);
        for (method, args) in
            [("__enter__", &[][..]), ("__exit__", &failure), ("__aenter__", &[]), ("__aexit__", &failure)]
        {
            self.special(manager, method, args);
        }
        let Some((functions, rest)) = args.split_first() else { return AbsSet::new() };
        let mut out = AbsSet::new();
        for function in functions {
            out.extend(self.call(function, rest, keywords, CallRole::Used, place));
        }
        if out.is_empty() {
            out.push(Abs::Object(Owner::Fresh));
        }
        out
    }
}
