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
        }
    };
}

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
    /// Move the use into a function to make the import lazy.
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
    RuntimeAnnotation = "runtime-annotation",
    /// An annotation is evaluated when the function or class is defined, and annotations are to be kept as they are.
    ///
    /// Before Python 3.14 annotations are ordinary import-time code unless the module has
    /// `from __future__ import annotations`. `--annotations defer` puts those that nobody evaluates into quotes.
    EvaluatedAnnotation = "evaluated-annotation",
    /// Nobody reads or re-exports the name, and the module is not proven free of load effects.
    ///
    /// Such an import is there for what loading does: registering a plugin, patching, configuring. A lazy name that
    /// nobody reads is never resolved, so the effect would be lost.
    ///
    /// ```python
    /// import readline              # keep: side-effect-only
    /// ```
    SideEffectOnly = "side-effect-only",
    /// Loading the module has an effect that outsiders can observe.
    ///
    /// The module, or one that it must load in turn, registers something in another module, patches it, or changes the
    /// state of the process. The evidence names the line and the chain of imports that leads to it.
    ///
    /// ```python
    /// import handlers              # keep: load-effects; handlers.py has @events.on("start")
    /// ```
    ///
    /// If the effect is harmless, say so: `[tool.dally.effects] pure = ["events.on"]`.
    LoadEffects = "load-effects",
    /// Somebody probes this module under `try`, and this import may fail.
    ///
    /// `try: import fast except ImportError: import slow` works only if a missing dependency of `fast` is noticed when
    /// `fast` is imported.
    OptionalProbe = "optional-probe",
    /// The module cannot be found: the error must stay at start-up.
    UnresolvedModule = "unresolved-module",
    /// The module has no such name: the error must stay at start-up.
    MissingName = "missing-name",
    /// The imported module cannot be read or parsed.
    BrokenModule = "broken-module",
    /// The bound name is also a submodule of the same package, and something else may load that submodule.
    ///
    /// Loading a submodule sets the attribute of its package. Eagerly the import statement comes later and wins; lazily
    /// the submodule could overwrite the name.
    NameIsSubmodule = "name-is-submodule",
    /// The module's namespace is read as a dict.
    ///
    /// `globals()`, `vars()`, `__dict__` and the text that `eval` and `exec` run see what is really in the namespace,
    /// which is not yet the imported object.
    NamespaceIntrospection = "namespace-introspection",
    /// First use may come in `__del__` while the interpreter shuts down, when imports no longer work.
    FinalizerUse = "finalizer-use",
    /// First use may come inside the import system: in a finder, a loader, or a replaced `__import__`.
    ///
    /// Importing there starts the same code again.
    ImportHookUse = "import-hook-use",
    /// The source module rebinds the name later.
    ///
    /// `from session import user` takes the value of that moment. If `session` rebinds `user` later, a lazy name would
    /// see the new value. Use `import session` and `session.user` to see the new value on purpose.
    FrozenValue = "frozen-value",
    /// The state that the module reads while it loads is changed around the import, or later.
    ///
    /// `sys.path`, the environment, the working directory, or a value of another module that the program changes.
    StateWindow = "state-window",
    /// The module works only if the modules of its import cycle are loaded in the original order.
    ImportOrder = "import-order",
    /// Something asks whether the module is loaded: `"name" in sys.modules`.
    LoadObserved = "load-observed",
    /// The module replaces itself in `sys.modules` or has a class of its own.
    ModuleSwapsItself = "module-swaps-itself",
    /// The interpreter has it loaded anyway, or it is an ancestor package: there is nothing to gain.
    AlreadyLoaded = "already-loaded",
    /// The name has a meaning for the import system or the interpreter, which look it up without asking.
    ///
    /// `__all__`, `__path__`, `__getattr__`, `__doc__` and their like.
    SpecialName = "special-name",
    /// The value goes on to where a placeholder must not go, and reads are not to be wrapped.
    ///
    /// With `--escapes wrap` such reads become `real(X)`. A few cannot be wrapped at all: `X += 1`, `f"{X=}"`.
    EscapingRead = "escaping-read",
    /// Another import that binds the same name has to stay eager.
    SharedName = "shared-name",
    /// The layout of the source leaves no place for the rewritten statement.
    Layout = "layout",
    /// The configuration says so: `eager` or `eager-in`.
    Configured = "configured",
    /// A comment `# dally: eager` says so.
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
        }
    }
}
