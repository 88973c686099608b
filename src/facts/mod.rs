//! One module's syntax tree to [`ModuleFacts`].
//!
//! Enters: the text of a module and its tree. Leaves: everything that later stages know about the
//! module; the tree is dropped. Facts record what the code *does*; they never judge. They do not
//! know other modules or targets; of the configuration they know the [`World`] that the program runs in, so
//! that code for older versions counts as absent.
//!
//! - [`imports`](ModuleFacts::imports) and [`sites`](ModuleFacts::sites): import statements and the names they bind;
//! - [`reads`](ModuleFacts::reads()): every read of a site's name, where and in which way;
//! - [`names`](ModuleFacts::names), [`exports`](ModuleFacts::exports): the module's namespace;
//! - [`marks`](ModuleFacts::marks): things a decision asks about, such as `globals()`;
//! - [`code`](ModuleFacts::code): what import-time code and functions call and change, for the whole-program analysis.

mod alias;
mod assign;
mod assigned;
mod binding;
mod cache;
mod call;
pub mod code;
mod compared;
mod condition;
mod constants;
mod define;
mod draft;
mod evaluated;
mod expr;
mod getter;
mod idioms;
pub(crate) mod imports;
mod inspection;
mod keep;
mod keyed;
pub(crate) mod layout;
pub(crate) mod loaders;
mod marks;
mod names;
mod namespace;
pub mod operation;
mod operators;
mod packed;
mod perhaps;
mod premise;
mod renames;
mod scope;
mod scoped;
mod stmt;
mod switches;
pub mod sym;
mod text;
mod value;
mod walker;
pub(crate) mod wire;
pub(crate) mod words;

use ruff_python_ast::ModModule;
use ruff_text_size::{TextRange, TextSize};

use crate::config::PythonVersion;

pub use call::Unpacked;
pub use code::{Call, Class, Code, FuncId, Function, Var};
pub use condition::System;
pub(crate) use define::keeps_nothing;
pub(crate) use draft::Keepers;
pub use keep::Kept;
pub use layout::{Layout, Top};
pub use marks::{Mark, MarkKind, TextStart};
pub use operation::{Added, CallRole, Op, OpKind};
pub use premise::Asked;
pub use sym::Sym;
pub use value::{Constant, Value, ValueId};

use packed::{PackedRead, SharedFacts};

/// Everything that is known about one module.
#[derive(Debug, Default)]
pub struct ModuleFacts {
    /// All import statements, in source order, also those in functions.
    pub imports: Kept<ImportStmt>,
    /// Names bound by import statements at module level, in source order.
    pub sites: Kept<Site>,
    reads: Kept<PackedRead>,
    shared: SharedFacts,
    /// The names of the module's namespace and how they are bound.
    pub names: Namespace,
    /// What `__all__` says.
    pub exports: Exports,
    /// Where a header may stand.
    pub layout: Layout,
    /// Observations for decisions.
    pub marks: Kept<Mark>,
    /// What the code calls and changes.
    pub code: Code,
    /// Private attributes and names of other modules that this one reads, sorted: it reads them and never sets them.
    pub others_private: Kept<Sym>,
    /// Indices of `sites`, sorted by the number of the bound name.
    sites_by_name: Kept<u32>,
}

impl ModuleFacts {
    /// Reads of names that some site binds, in the order of the walk.
    pub fn reads(&self) -> impl ExactSizeIterator<Item = Read> {
        self.reads.into_iter().map(|read| read.read(&self.shared))
    }

    /// One of these reads.
    pub fn read(&self, index: usize) -> Read {
        self.reads[index].read(&self.shared)
    }

    /// The sites that bind a name, in source order.
    pub fn sites_of(&self, name: Sym) -> impl Iterator<Item = &Site> {
        let bound = |index: u32| self.sites[index as usize].bound;
        let start = self.sites_by_name.partition_point(|&i| bound(i).number() < name.number());
        self.sites_by_name[start..]
            .iter()
            .take_while(move |&&i| bound(i) == name)
            .map(|&i| &self.sites[i as usize])
    }

    /// The site of one alias of an import statement.
    pub fn site_at(&self, import: &ImportStmt, alias: usize) -> Option<usize> {
        let key = (import.index as usize, alias);
        self.sites.binary_search_by_key(&key, |s| (s.stmt as usize, s.alias as usize)).ok()
    }
}

/// One import statement.
#[derive(Debug, Clone)]
pub struct ImportStmt {
    /// Its index in [`ModuleFacts::imports`].
    pub index: u32,
    /// The statement, without a trailing comment.
    pub range: TextRange,
    /// The module of a from-import; `None` for `import …`.
    pub from: Option<FromModule>,
    /// The names in order.
    pub aliases: Kept<Alias>,
    /// Where the statement stands.
    pub place: Place,
    /// When it runs.
    pub moment: Moment,
    /// The innermost function it stands in; [`FuncId::MODULE`] for import-time code.
    pub func: FuncId,
    /// Written `lazy import` or `lazy from`.
    pub lazy_keyword: bool,
    /// How it shares its lines with other code.
    pub line: LineUse,
    /// The handlers of the nearest enclosing `try` body (or `suppress`) catch a failing import.
    pub guarded: bool,
    /// They catch other failures as well.
    pub catches_more: bool,
    /// Under a condition, in a loop or a handler: it may not run.
    pub conditional: bool,
}

impl ImportStmt {
    /// Whether it stands at the top level of its module and runs whenever that is loaded (unless something before it fails).
    pub fn is_certain(&self) -> bool {
        self.place == Place::Module && self.moment == Moment::ImportTime && !self.conditional
    }
}

/// The `from` part of a from-import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FromModule {
    /// Dots in front.
    pub level: u32,
    /// The module after the dots; empty for `from . import x`.
    pub module: Sym,
}

impl FromModule {
    /// The absolute name of the module, seen from the module `importer`; `None` if the dots lead out of its package.
    pub fn absolute(self, importer: &str, is_package: bool) -> Option<String> {
        if self.level == 0 {
            return Some(self.module.as_str().to_owned());
        }
        let mut package = match importer.rsplit_once('.') {
            _ if is_package => importer,
            Some((parent, _)) => parent,
            None => "",
        };
        for _ in 1..self.level {
            package = package.rsplit_once('.')?.0;
        }
        if package.is_empty() {
            return None;
        }
        let module = self.module.as_str();
        Some(if module.is_empty() { package.to_owned() } else { [package, module].join(".") })
    }
}

/// One name of an import statement.
#[derive(Debug, Clone, Copy)]
pub struct Alias {
    /// From the name to the end of `as x`.
    pub range: TextRange,
    /// The (dotted) name; `*` for a star import.
    pub name: Sym,
    /// The name after `as`.
    pub asname: Option<Sym>,
}

impl Alias {
    /// The name that it binds: `import a.b` binds `a`. `from` says whether it stands in a from-import.
    pub fn bound(&self, from: bool) -> &'static str {
        match self.asname {
            Some(name) => name.as_str(),
            None if from => self.name.as_str(),
            None => self.name.as_str().split('.').next().unwrap_or_default(),
        }
    }
}

/// Where an import statement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At module level, possibly under `if`, `for`, `while` or `match`: a candidate.
    Module,
    /// In the body of `if TYPE_CHECKING`: never runs.
    TypeChecking,
    /// In some part of a `try` statement.
    Try,
    /// In a `with` statement.
    With,
    /// In a function.
    Function,
    /// In a class body.
    Class,
}

/// When code runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Never (type checkers only).
    Never,
    /// After the module has loaded.
    Deferred,
    /// Under `if __name__ == "__main__"`: at import time, but only of the main program.
    MainGuard,
    /// While the module loads.
    ImportTime,
}

/// How an import statement shares its lines with other code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineUse {
    /// Nothing else but a comment on its lines.
    Alone,
    /// Joined with other statements by semicolons, or the suite of a one-line compound statement.
    Shared,
}

/// One name bound by one import statement at module level.
#[derive(Debug, Clone, Copy)]
pub struct Site {
    /// Index into [`ModuleFacts::imports`].
    pub stmt: u32,
    /// Index into [`ImportStmt::aliases`].
    pub alias: u32,
    /// The name that is bound.
    pub bound: Sym,
    /// Its author already made it lazy, and how.
    pub declared: Option<Declared>,
}

/// How a site was made lazy by its author.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// `lazy import`, Python 3.15.
    Keyword,
    /// Its module is in a literal `__lazy_modules__` of the same file.
    List,
    /// A comment `# dally: lazy`.
    Pragma,
}

/// How a name of the module's namespace is bound.
#[derive(Debug, Clone, Default)]
pub struct NameInfo {
    /// By an import statement at module level.
    pub imported: bool,
    /// By anything else at module level.
    pub otherwise: bool,
    /// Every binding is under `if TYPE_CHECKING`.
    pub only_type_checking: bool,
    /// Somewhere `global` lets a function bind or delete it.
    pub rebound_in_function: Option<TextSize>,
    /// Where a function computes it once, if one does: who asks before, finds no value.
    pub computed_in_function: Option<TextSize>,
    /// Deleted at module level.
    pub deleted: bool,
    /// Certainly deleted at module level, and not bound again in the text after that.
    pub gone: bool,
    /// Some way through the top level of the module binds it nowhere.
    pub perhaps: bool,
    /// Bound more than once at module level, loops included.
    pub rebound_at_module_level: bool,
}

/// The names of a module's namespace.
#[derive(Debug, Clone, Default)]
pub struct Namespace(Kept<(Sym, NameInfo)>);

impl Namespace {
    /// How a name is bound, if it is.
    pub fn get(&self, name: Sym) -> Option<&NameInfo> {
        self.0.binary_search_by_key(&name.number(), |(n, _)| n.number()).ok().map(|index| &self.0[index].1)
    }

    /// Whether there is such a name.
    pub fn contains(&self, name: Sym) -> bool {
        self.get(name).is_some()
    }

    /// All names, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (Sym, &NameInfo)> {
        self.0.iter().map(|(name, info)| (*name, info))
    }
}

/// What the module says about its exports.
#[derive(Debug, Clone, Default)]
pub struct Exports {
    /// The names in `__all__`, as far as they are literal.
    pub all: Option<Vec<Sym>>,
    /// `__all__` is also built in ways that are not understood.
    pub partial: bool,
    /// The module defines `__getattr__`: any name may exist.
    pub dynamic: bool,
    /// The names for which `__getattr__` may have an answer, if it refuses all others.
    pub given: Option<Vec<Sym>>,
    /// The module adds names to its namespace as a dict: `globals()[name] = …`, `globals().update(…)`.
    pub writes_namespace: bool,
}

/// One read of a site's name.
#[derive(Debug, Clone)]
pub struct Read {
    /// The name (after name mangling).
    pub name: Sym,
    /// The identifier in the source.
    pub range: TextRange,
    /// What is done with the value.
    pub kind: ReadKind,
    /// When the code runs.
    pub moment: Moment,
    /// The innermost function.
    pub func: FuncId,
    /// The attributes read from it in one expression: `a.b.c` has `b`, `c`.
    pub chain: &'static [Sym],
}

impl Read {
    /// The name is looked up while the module loads: not in an annotation that is text.
    pub fn runs_while_loading(&self) -> bool {
        let text = matches!(self.kind, ReadKind::Annotation(annotation) if annotation.text);
        self.moment == Moment::ImportTime && self.func.is_module() && !text
    }

    /// Whether the object, or what the last attribute of the chain gives, may go to somebody else.
    pub fn hands_on(&self) -> bool {
        match self.kind {
            ReadKind::Escape | ReadKind::Fixed(_) | ReadKind::ClassPattern(_) => true,
            // What becomes of the last one of the chain, the read does not say.
            ReadKind::Attribute => !self.chain.is_empty(),
            ReadKind::Call
            | ReadKind::Subscript
            | ReadKind::TypeTest
            | ReadKind::Dropped
            | ReadKind::Annotation(_) => false,
        }
    }
}

/// What is done with the value of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadKind {
    /// `X.a`, also stored to or deleted: transparent.
    Attribute,
    /// `X(…)`: transparent.
    Call,
    /// `X[…]`, also stored to or deleted: transparent.
    Subscript,
    /// Second argument of the builtin `isinstance` or `issubclass`, directly or in a tuple display: transparent.
    TypeTest,
    /// An expression statement `X`: the value is dropped.
    Dropped,
    /// The value goes on; the name can be wrapped in a call.
    Escape,
    /// A class pattern; the given range is the subject of the `match` statement.
    ClassPattern(TextRange),
    /// The value goes on, and no wrapping gives the same program.
    Fixed(FixedUse),
    /// In an annotation.
    Annotation(Annotation),
}

/// Reads that cannot be wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FixedUse {
    /// `X += …` with `global X`.
    AugmentedAssignment,
    /// In `f"{X=}"`: the source text is part of the value.
    DebugText,
    /// In a t-string: the source text is part of the value.
    TemplateString,
}

/// An annotation that reads a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Annotation {
    /// The whole annotation expression.
    pub range: TextRange,
    /// It is a string, or all annotations of the module are (`from __future__ import annotations`).
    pub text: bool,
    /// It calls something when it is evaluated.
    pub calls: bool,
    /// What may evaluate it at run time.
    pub owner: AnnotationOwner,
}

/// Whose annotation it is, as far as that decides who evaluates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnnotationOwner {
    /// A plain function or method, undecorated or decorated by something known not to look.
    Plain(FuncId),
    /// A variable of the module.
    Variable,
    /// A field of a class; index into [`Code::classes`].
    Field(u32),
    /// A function with a decorator that might look at annotations.
    Decorated(FuncId),
}

/// Where the program runs, as far as conditions in its source can ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World {
    /// The first Python version that it has to run on.
    pub oldest: PythonVersion,
    /// The platform, if it is the only one.
    pub system: Option<System>,
}

impl World {
    /// Every supported version and platform.
    pub const ANY: Self = Self { oldest: PythonVersion::OLDEST, system: None };
}

/// Extracts the facts of one module.
///
/// `text` is the text that `module` was parsed from; code for other places than `world` counts as absent.
pub fn extract(text: &str, module: &ModModule, world: World) -> ModuleFacts {
    walker::walk(text, module, world)
}

/// Gives back the memory that threads keep from one module to the next, once all have been read.
pub fn all_extracted() {
    walker::forget_tables();
}
