//! Why an import stays eager.

use std::fmt;

use ruff_text_size::TextRange;

use crate::facts::Sym;
use crate::program::ModuleId;

macro_rules! reasons {
    ($( $(#[doc = $doc:expr])+ $variant:ident = $name:literal, )+) => {
        /// A reason to keep an import eager. The documentation of each variant is the user's page about it:
        /// what it is, why it matters, an example, and what would make the import lazy.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum KeepReason {
            $( $(#[doc = $doc])+ $variant, )+
        }

        impl KeepReason {
            /// All reasons, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name by which users know it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The documentation, in Markdown.
            pub fn documentation(self) -> String {
                let lines: &[&str] = match self {
                    $(Self::$variant => &[$($doc),+],)+
                };
                lines.iter().map(|l| l.strip_prefix(' ').unwrap_or(l)).collect::<Vec<_>>().join("\n")
            }

            /// The page about it: `docs/reasons/NAME.md`.
            pub fn page(self) -> String {
                format!("# {self}\n\n{}\n", self.documentation())
            }

            /// What would make such an import lazy, in one paragraph.
            pub fn remedy(self) -> String {
                let text = self.documentation();
                let (_, remedy) = text.split_once(REMEDY).unwrap_or_default();
                remedy.trim().replace('\n', " ")
            }
        }
    };
}

/// The heading under which every page says what can be done.
const REMEDY: &str = "\n## To make it lazy\n";

reasons! {
    /// Import-time code reads the name.
    ///
    /// The name is a base class, a decorator, a default value, is called or read at module level or in a class
    /// body: the module is needed while this one loads, so a lazy import gains nothing.
    ///
    /// ```python
    /// import base                  # keep: used-at-import-time
    /// class Child(base.Base): ...
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// Move the use into a function that runs later, or cache it: `@functools.cache def pattern(): return re.compile(...)`.
    UsedAtImportTime = "used-at-import-time",
    /// The name stands in an annotation that something may evaluate at run time.
    ///
    /// Dataclasses, named tuples, pydantic-like bases, decorators that look at signatures, and
    /// `typing.get_type_hints` evaluate annotations or hand them out.
    ///
    /// ```python
    /// from users import User       # keep: runtime-annotation
    /// @dataclass
    /// class Row:
    ///     owner: User
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// Put the class that needs the annotation into a module of its own, which is imported late. For a plain decorator that does not look
    /// at signatures, `functools.wraps` in its source is enough for dally to see it.
    RuntimeAnnotation = "runtime-annotation",
    /// An annotation is evaluated when the function or class is defined, and annotations are to be kept as they are.
    ///
    /// Before Python 3.14 annotations are ordinary import-time code unless the module has
    /// `from __future__ import annotations`.
    ///
    /// ```python
    /// from users import User       # keep: evaluated-annotation
    /// def greet(user: User): ...
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// Write `from __future__ import annotations`. `dally build` puts such annotations into quotes by itself (`--annotations defer`); `apply` does
    /// not, because type checkers could not read them.
    EvaluatedAnnotation = "evaluated-annotation",
    /// Nobody reads or re-exports the name, and the module is not proven free of load effects.
    ///
    /// Such an import is there for what loading does: registering a plugin, patching, configuring. A lazy name that
    /// nobody reads is never resolved, so the effect would be lost.
    ///
    /// ```python
    /// import readline              # keep: side-effect-only
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// If the import is left over, delete it. If others take the name from here, list it in `__all__`.
    SideEffectOnly = "side-effect-only",
    /// Loading the module has an effect that outsiders can observe.
    ///
    /// The module, or one that it must load in turn, registers something in another module, patches it, or changes the
    /// state of the process. The evidence is the chain of imports that leads to it, and the line that does it.
    ///
    /// ```python
    /// import handlers              # keep: load-effects
    /// # handlers.py
    /// @events.on("start")          # changes a list that events.py owns
    /// def started(): ...
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// If the effect is harmless, say so: `[tool.dally.effects] pure = ["events.on"]`. Otherwise move the effect into a function that the
    /// program calls when it starts.
    LoadEffects = "load-effects",
    /// Somebody probes this module under `try`, and this import may fail.
    ///
    /// `try: import fast except ImportError: import slow` works only if a missing dependency of `fast` is noticed when
    /// `fast` is imported. Where the handler catches other errors as well, so does a missing file or library.
    ///
    /// ```python
    /// # fast.py
    /// import numpy                 # keep: optional-probe
    /// # app.py
    /// try: import fast
    /// except ImportError: fast = None
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// Declare the dependency in the project's metadata if it is always installed.
    OptionalProbe = "optional-probe",
    /// The module cannot be found: the error must stay at start-up.
    ///
    /// ```python
    /// import no_such_module        # keep: unresolved-module
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// Name the import root in `src` if the module is part of the project, or declare the distribution that brings it as a dependency.
    /// If only newer Pythons have it, say which ones the project needs: `requires-python`, or `--python-version`.
    UnresolvedModule = "unresolved-module",
    /// The module has no such name: the error must stay at start-up.
    ///
    /// ```python
    /// from json import no_such_name    # keep: missing-name
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// Correct the name. If the module makes it in a way that cannot be seen, write `# dally: lazy` on the statement.
    /// If only newer Pythons have it, say which ones the project needs: `requires-python`, or `--python-version`.
    MissingName = "missing-name",
    /// The imported module cannot be read or parsed.
    ///
    /// It raises an error when it is loaded, or is a template that nobody loads; either way nothing is known about it.
    ///
    /// ## To make it lazy
    ///
    /// Correct the file. `dally check` prints the place of the error.
    BrokenModule = "broken-module",
    /// The bound name is also a submodule of the same package, and something else may load that submodule.
    ///
    /// Loading a submodule sets the attribute of its package. Eagerly the import statement comes later and wins; lazily
    /// the submodule could overwrite the name.
    ///
    /// ```python
    /// # pkg/__init__.py
    /// from .task import task       # keep: name-is-submodule; `pkg.task` may become the module
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// Give the function or the submodule another name, such as `_task`.
    NameIsSubmodule = "name-is-submodule",
    /// The module's namespace is read as a dict.
    ///
    /// `globals()`, `vars()`, `__dict__` and the text that `eval` and `exec` run see what is really in the namespace,
    /// which is not yet the imported object. Test runners read the namespaces of test modules in this way. Plugin managers read those of
    /// plugins with `inspect.getattr_static`: with `lazy import` they find lazy objects.
    ///
    /// ```python
    /// import json                  # keep: namespace-introspection
    /// def lookup(name): return globals()[name]
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// Ask the module instead, `getattr(sys.modules[__name__], name)`, or use a dict of your own.
    NamespaceIntrospection = "namespace-introspection",
    /// The program reads the text of the file: to run it elsewhere, to copy it, or to look at it.
    ///
    /// Where the text goes there may be no runtime file, or another Python; and whoever looks at it looks at what the author wrote. An old Python does not
    /// know `lazy import`: with the target `native` it is enough that the program runs the file with an interpreter that need not be its own.
    ///
    /// ```python
    /// # worker.py
    /// import json                  # keep: source-read
    /// # main.py
    /// script = importlib.resources.files("app") / "worker.py"
    /// run_elsewhere(script.read_text())
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// Run the file by its path, or as a module: `[sys.executable, "-m", "app.worker"]`. If the text is only looked at, write `# dally: lazy`
    /// on the import.
    SourceRead = "source-read",
    /// First use may come in `__del__` while the interpreter shuts down, when imports no longer work.
    ///
    /// ```python
    /// import shutil                # keep: finalizer-use
    /// class Folder:
    ///     def __del__(self): shutil.rmtree(self.path)
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// Use `weakref.finalize` or `atexit` instead of `__del__`; both run while imports still work.
    FinalizerUse = "finalizer-use",
    /// First use may come inside the import system: in a finder, a loader, or a replaced `__import__`.
    ///
    /// Importing there starts the same code again. Or the project refuses imports from some moment on, by an audit hook.
    /// Or a function runs while `sys.modules` or `__import__` are patched: what is loaded then, is gone afterwards, or is refused.
    ///
    /// ## To make it lazy
    ///
    /// Keep such imports eager: a hook is loaded once and needed at once.
    ImportHookUse = "import-hook-use",
    /// The source module rebinds the name later.
    ///
    /// `from session import user` takes the value of that moment. If `session` rebinds `user` later, a lazy name would
    /// see the new value.
    ///
    /// ```python
    /// from session import user     # keep: frozen-value
    /// # session.py
    /// def login(name):
    ///     global user
    ///     user = name
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// Use `import session` and `session.user`, which sees the new value on purpose.
    FrozenValue = "frozen-value",
    /// The state that the module reads while it loads is changed around the import, or later.
    ///
    /// `sys.path`, the environment, the working directory, or a value of another module that the program changes.
    ///
    /// ```python
    /// os.environ["MODE"] = "fast"
    /// import engine                # keep: state-window; engine.py reads os.environ["MODE"]
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// Let the module read the state in a function when it needs it, not while it loads.
    StateWindow = "state-window",
    /// The module works only if the modules of its import cycle are loaded in the original order.
    ///
    /// ```python
    /// # a.py
    /// import b
    /// x = 1
    /// # b.py
    /// from a import x              # fails if b is loaded before a
    /// ```
    ///
    /// What an extension module imports while it loads cannot be seen. So the package around it loads it in the original order.
    ///
    /// ## To make it lazy
    ///
    /// Break the cycle: move what both modules need into a third one, or import the module and not the name. An extension module
    /// that imports nothing of its package may wait: write `# dally: lazy` on the import.
    ImportOrder = "import-order",
    /// Something asks whether the module is loaded: `"name" in sys.modules`.
    ///
    /// ```python
    /// import numpy                 # keep: load-observed
    /// def is_array(x): return "numpy" in sys.modules and isinstance(x, numpy.ndarray)
    /// ```
    ///
    /// An import that only adds a submodule to its package counts as well, if the module reads it there: `from pkg import sub`
    /// is kept if a function reads `pkg.sub` and the package itself cannot bring it along when it is used.
    ///
    /// So does a name that a loop over `sys.modules` itself uses: the load would change the dictionary that is gone through. `list(sys.modules)` is a copy.
    ///
    /// ## To make it lazy
    ///
    /// If the answer may be no until numpy is first used, write `# dally: lazy` on the import.
    LoadObserved = "load-observed",
    /// The module replaces itself in `sys.modules` or has a class of its own.
    ///
    /// A placeholder needs the module's own namespace and class to be the ordinary ones.
    ///
    /// ## To make it lazy
    ///
    /// Define `__getattr__` at module level (PEP 562) instead of replacing the module.
    ModuleSwapsItself = "module-swaps-itself",
    /// The interpreter has it loaded anyway, it is an ancestor package, or another import of it stays eager: there is nothing to gain.
    ///
    /// ```python
    /// import sys                   # keep: already-loaded
    /// from events import READ, wait    # keep: used-at-import-time, already-loaded
    /// flags = READ
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// Nothing has to be done: this import costs nothing.
    AlreadyLoaded = "already-loaded",
    /// The name has a meaning for the import system or the interpreter, which look it up without asking.
    ///
    /// `__all__`, `__path__`, `__getattr__`, `__doc__` and their like. Natively also `from pkg import __path__` under any name: while `pkg` is
    /// loaded the import system asks it for that, and would meet the lazy import.
    ///
    /// ## To make it lazy
    ///
    /// Import under another name and define the special name where it is needed.
    SpecialName = "special-name",
    /// The value goes on to where a placeholder must not go, and reads are not to be wrapped.
    ///
    /// Passed, returned, stored, compared, caught: everything but attribute access, calls, subscripts and `isinstance`. A few reads
    /// cannot be wrapped at all: `X += 1`, `f"{X=}"`.
    ///
    /// ```python
    /// from codecs import lookup    # keep: escaping-read
    /// def table(): return {"codec": lookup}
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// With `--escapes wrap` such reads become `real(X)`; the target `native` needs nothing of the kind.
    EscapingRead = "escaping-read",
    /// Another import that binds the same name has to stay eager.
    ///
    /// ```python
    /// import xml.dom
    /// import xml.sax               # both bind `xml`: one stays eager, so both do
    /// ```
    ///
    /// ## To make it lazy
    ///
    /// Give the imports names of their own: `import xml.sax as sax`.
    SharedName = "shared-name",
    /// The layout of the source leaves no place for the rewritten statement.
    ///
    /// ```python
    /// import json; import sys      # keep: layout, with `apply`
    /// ```
    ///
    /// `build` moves no line: in a file that begins with blocks, and has no comment or empty line after the second line and before them,
    /// the imports in these blocks stay. `apply` leaves a module alone that gives `TYPE_CHECKING` another value than `typing` does.
    ///
    /// ## To make it lazy
    ///
    /// Write the import on a line of its own, or an empty line before the block.
    Layout = "layout",
    /// The configuration says so: `eager` or `eager-in`.
    ///
    /// ## To make it lazy
    ///
    /// Take the module out of `eager`, or the file out of `eager-in`, in `[tool.dally]`.
    Configured = "configured",
    /// A comment `# dally: eager` says so.
    ///
    /// ## To make it lazy
    ///
    /// Remove the comment.
    Pragma = "pragma",
}

impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A reason with what it was found by.
#[derive(Debug, Clone)]
pub struct Reason {
    /// The reason.
    pub kind: KeepReason,
    /// The lines that show it, in the order of the argument: the use, or the chain of imports down to the effect.
    pub evidence: Vec<Evidence>,
}

/// A place in the program and what is to be seen there.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The module.
    pub module: ModuleId,
    /// The place in it.
    pub range: TextRange,
    /// What is to be seen.
    pub note: &'static str,
    /// What the note is about, if it names something.
    pub subject: Option<Sym>,
}

impl Reason {
    /// A reason without evidence.
    pub fn bare(kind: KeepReason) -> Self {
        Self { kind, evidence: Vec::new() }
    }

    /// A reason with one line of evidence.
    pub fn at(kind: KeepReason, module: ModuleId, range: TextRange, note: &'static str) -> Self {
        Self { kind, evidence: vec![Evidence { module, range, note, subject: None }] }
    }

    /// Names what the last line of evidence is about.
    #[must_use]
    pub fn about(mut self, subject: Sym) -> Self {
        if let Some(last) = self.evidence.last_mut() {
            last.subject = Some(subject);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::KeepReason;

    #[test]
    fn every_reason_is_documented() {
        for reason in KeepReason::ALL {
            let text = reason.documentation();
            assert!(
                text.lines().next().is_some_and(|l| l.ends_with('.')),
                "{reason}: first line is a sentence"
            );
            let name = reason.name();
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{name}");
            assert!(reason.remedy().ends_with('.'), "{reason}: what would make it lazy is a sentence");
        }
    }
}
