//! Things in a module that decisions ask about, recorded where they stand.

use ruff_text_size::TextRange;

use super::{FuncId, Sym, ValueId};

/// An observation with its place.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    /// What was seen.
    pub kind: MarkKind,
    /// Where.
    pub range: TextRange,
    /// In which function.
    pub func: FuncId,
}

/// What is known of a text: how it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TextStart {
    /// It begins with the name of the module itself: `__name__ + "."`.
    pub own: bool,
    /// What it begins with, after that.
    pub text: Sym,
    /// Nothing follows.
    pub whole: bool,
}

impl TextStart {
    /// How the full name begins that it gives as the name of a module, in a module of some name. What begins with a point is
    /// below the package.
    pub fn as_module(self, module: &str, is_package: bool) -> String {
        let text = self.text.as_str();
        if self.own {
            return format!("{module}{text}");
        }
        let rest = text.trim_start_matches('.');
        let up = text.len() - rest.len();
        if up == 0 {
            return text.to_owned();
        }
        let mut package = Some(module);
        for _ in usize::from(is_package)..up {
            package = package.and_then(|name| name.rsplit_once('.')).map(|(package, _)| package);
        }
        package.map_or_else(|| rest.to_owned(), |package| format!("{package}.{rest}"))
    }
}

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MarkKind {
    /// The module's namespace is read as a dict, as a whole: `globals().items()`, `vars()`, `"%(x)s" % globals()`.
    NamespaceRead,
    /// One name is read from the namespace as a dict: `globals()["name"]`.
    NamespaceName(Sym),
    /// Names with this beginning are read from the namespace as a dict: `globals()["_default_" + name]`.
    NamespaceNames(Sym),
    /// The names in the namespace are listed, and not what they stand for: `sorted(globals())`.
    NamespaceKeys,
    /// `eval` or `exec` look up names in the module's namespace: an ordinary read for the interpreter, but one
    /// that no rewriting of the source can reach.
    EvaluatesText,
    /// `sys.modules[__name__] = …`
    ReplacesItself,
    /// `sys.modules[__name__].__class__ = …`
    SetsOwnClass,
    /// Something in the module evaluates annotations, also those that are text: `get_type_hints`.
    EvaluatesAnnotations,
    /// Something in the module hands annotations out as they are: `__annotations__`, `inspect.signature`.
    InspectsAnnotations,
    /// Annotations of something are handed out as they are: `inspect.signature(f)`, `cls.__annotations__`.
    AnnotationsOf(ValueId),
    /// Annotations of something are evaluated, also if they are text: `get_type_hints(f)`.
    HintsOf(ValueId),
    /// The same if it is a function, which some registry may choose by them: `show.register(f)`.
    ChosenByHints(ValueId),
    /// The namespace of the module of a function is read as a dict: `f.__globals__`.
    GlobalsOf(ValueId),
    /// The namespace of the module whose code calls the function is read as a dict: `sys._getframe(1).f_globals`.
    ReadsCallers,
    /// `sys.modules` is asked for a name: membership, `.get`, item.
    AsksSysModules(Sym),
    /// `sys.modules` is asked for a name of which only the beginning is known: `sys.modules["theme_" + name]`.
    AsksSysModulesFrom(TextStart),
    /// `sys.modules` is asked for a name that is no constant.
    AsksSysModulesOf(ValueId),
    /// `sys.modules` is read as a whole.
    ReadsSysModules,
    /// A loop goes through `sys.modules` itself, and through no copy: nothing may be loaded in it.
    LiveModules,
    /// An entry of `sys.modules` is bound or deleted: `sys.modules["fast"] = stub`, `patch.dict(sys.modules, fast=None)`.
    ReplacesEntry(Sym),
    /// A variable of the environment is set for a while: `patch.dict(os.environ, LEVEL="1")`; an empty name stands for any.
    PatchesVariable(Sym),
    /// A module is imported by a name of which only the beginning is known: `import_module("plugins." + name)`. A point in front
    /// stands for the package.
    LoadsFrom(TextStart),
    /// A loop gives loaded modules further names that begin so, and does nothing else: `sys.modules["old." + name] = …`.
    RenamesModules(TextStart),
    /// A text is compared with a constant, in a module that looks at what is imported: `name.startswith("step_")`.
    ComparesText(TextStart),
    /// A text is compared with this value, or looked for in it: `name == wanted`, `name in WANTED`.
    ComparesValue(ValueId),
    /// A part of a text is compared with this value: `name.startswith(prefix)`, `re.match(pattern, name)`.
    ComparesPart(ValueId),
    /// The namespace of what may be a module is read as a dict: `vars(x)`, `x.__dict__`, `doctest.testmod(x)`.
    NamespaceOf(ValueId),
    /// The same of a module that is named by a text: `runpy.run_module("x")`.
    NamespaceNamed(ValueId),
    /// The namespace of what may be a module is searched for functions, whatever their names are:
    /// `[f for f in vars(x).values() if callable(f)]`.
    SearchesFunctions(ValueId),
    /// What is really in the namespace of what may be a module is taken, past all descriptors: `inspect.getattr_static(x, name)`.
    StaticOf(ValueId),
    /// Of the namespace of what may be a module functions and methods are taken, past all descriptors, and nothing else counts:
    /// `static = inspect.getattr_static(x, name)`, `if inspect.isfunction(static): …`.
    PicksFunctions(ValueId),
    /// The names of what may be a module are listed: `vars(x).items()`.
    NamesOf(ValueId),
    /// The same, and only those in capitals count: `[name for name in dir(x) if name.isupper()]`.
    CapitalsOf(ValueId),
    /// A string that ends in `.py`: the file name of a module that something may write to.
    PythonFileName(Sym),
    /// Import-time code reads a file with this path: from the folder of the module's file if it begins with a point.
    NeedsFile(Sym),
    /// A container of the module that is only asked for single keys: `internal.add(f)`, `f in internal`.
    OnlyKeyed(Sym),
    /// The same for what classes keep under a name.
    OnlyKeyedAttribute(Sym),
    /// What a name stands for gives each element once: `pairs = zip(names, numbers)`, `lines = (clean(line) for line in text)`.
    GoesOnce(Sym),
    /// A name of the module is bound to a tuple that is written out.
    TupleNamed(Sym),
    /// A block that never runs with the versions and on the platform of the program.
    RunsElsewhere,
    /// `# dally: eager` at the end of the line: the whole statement stays.
    PragmaEager,
    /// A comment that reads like a pragma for the import statement and is none, or one that has no effect there.
    PragmaWithoutEffect,
}
