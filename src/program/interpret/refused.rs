//! What Python refuses while a module loads: classes of bases that do not go together, and calls that do not fit the function.
//!
//! ```python
//! class Node(Registered, Shape): ...     # two metaclasses of which none is made of the other
//! SQUARES = build(10)                    # def build(count, *, start)
//! ```
//!
//! Only what certainly runs counts, and only where all that decides is known.

use rustc_hash::FxHashMap;

use super::shared::Bases;
use super::told::Given;
use super::{Abs, AbsSet, ClassRef, EffectKind, EnvRef, Interpreter, Owner, Path, has_decorator};
use crate::facts::{Code, FuncId, Function, Sym, Value, ValueId, Var};
use crate::program::ModuleId;
use crate::program::callees::function_behind;

/// A class that is not of the program, as far as it matters for who has it as a base.
fn metaclass_of_library(path: &str) -> Option<&'static str> {
    match path {
        "abc.ABC" => Some("abc.ABCMeta"),
        "enum.Enum" | "enum.IntEnum" | "enum.StrEnum" | "enum.Flag" | "enum.IntFlag" => Some("enum.EnumMeta"),
        _ if path.starts_with("collections.abc.") => Some("abc.ABCMeta"),
        _ => None,
    }
}

/// Builtins of which a class has at most one among its bases.
fn has_own_layout(path: &str) -> bool {
    matches!(
        path,
        "builtins.int"
            | "builtins.str"
            | "builtins.float"
            | "builtins.complex"
            | "builtins.bytes"
            | "builtins.bytearray"
            | "builtins.list"
            | "builtins.dict"
            | "builtins.tuple"
            | "builtins.set"
            | "builtins.frozenset"
    )
}

/// What gets the arguments of a class.
enum Init {
    /// A method of the program.
    Own(ModuleId, FuncId),
    /// Nothing but `object`.
    OfObject,
}

/// Builtins that nobody derives from.
fn is_final(path: &str) -> bool {
    matches!(path, "builtins.bool" | "builtins.range" | "builtins.slice" | "builtins.memoryview")
}

impl Interpreter<'_> {
    /// Whether nothing stands between the module that loads and what runs.
    fn certainly_runs(&self) -> bool {
        self.silent == 0 && self.path == Path::default()
    }

    fn refused(&mut self, name: Sym) {
        self.effect(EffectKind::Fails, Owner::Fresh, (self.cause, self.at), Some(name));
    }

    /// A class of which methods are abstract refuses to make instances.
    pub(super) fn refused_as_abstract(&mut self, class: &ClassRef) {
        if !self.certainly_runs() {
            return;
        }
        let lacks = match self.mro(class) {
            Bases::Known(known) => *known.lacks_methods.get_or_init(|| self.lacks_methods(&known.bases)),
            Bases::Found(bases) => self.lacks_methods(&bases),
        };
        let known = |path: &Sym| matches!(path.as_str(), "abc.ABC" | "builtins.object");
        if lacks && self.is_abstract(class) && self.foreign_bases(class).iter().all(known) {
            let name = self.code(class.module).classes[class.class as usize].name;
            self.refused(name);
        }
    }

    /// Whether a class with these bases has only abstract methods under some name.
    fn lacks_methods(&self, bases: &[ClassRef]) -> bool {
        let mut methods: FxHashMap<Sym, bool> = FxHashMap::default();
        for base in bases {
            let code = self.code(base.module);
            for &(name, value) in &code.classes[base.class as usize].members {
                *methods.entry(name).or_insert(true) &= is_abstract_method(code, value);
            }
        }
        methods.values().any(|is_abstract| *is_abstract)
    }

    /// A class statement whose bases do not go together.
    pub(super) fn refused_for_bases(&mut self, (module, index): (ModuleId, u32), env: &EnvRef) {
        let class = &self.code(module).classes[index as usize];
        if class.star || class.bases.is_empty() || !self.certainly_runs() {
            return;
        }
        let mut bases: Vec<Abs> = Vec::new();
        for &base in &class.bases {
            // `Base[int]`
            let (base, plain) = match self.code(module).value(base) {
                Value::Item(inner) => (inner, false),
                _ => (base, true),
            };
            let mut found = self.quietly(|w| w.eval(module, base, env));
            match (found.pop(), found.is_empty()) {
                (Some(Abs::Class(base)), true) => bases.push(Abs::Class(base)),
                (Some(Abs::External(path)), true) if plain => bases.push(Abs::External(path)),
                (Some(Abs::External(_)), true) => {}
                _ => return,
            }
        }
        if self.do_not_go_together(&bases) || self.metaclasses_differ((module, index), &bases, env) {
            self.refused(class.name);
        }
    }

    fn do_not_go_together(&mut self, bases: &[Abs]) -> bool {
        let mut layouts: Vec<Sym> = Vec::new();
        for (place, base) in bases.iter().enumerate() {
            let later = &bases[place + 1..];
            let foreign = match base {
                // A base before what is made of it.
                Abs::Class(class) => {
                    if later.contains(base)
                        || later.iter().any(|other| match other {
                            Abs::Class(other) => self.mro(other).contains(class),
                            _ => false,
                        })
                        || self.is_enumeration(class) && self.has_members(class)
                    {
                        return true;
                    }
                    self.foreign_bases(class)
                }
                Abs::External(path) => {
                    if is_final(path.as_str())
                        || later.contains(base)
                        || *path == "builtins.object" && !later.is_empty()
                    {
                        return true;
                    }
                    vec![*path]
                }
                _ => return false,
            };
            layouts.extend(foreign.into_iter().filter(|path| has_own_layout(path.as_str())));
        }
        layouts.iter().any(|path| *path != layouts[0])
    }

    /// Whether an enumeration has members: then nobody derives from it.
    fn has_members(&mut self, class: &ClassRef) -> bool {
        let code = self.code(class.module);
        code.classes[class.class as usize].members.into_iter().any(|&(name, value)| {
            !name.as_str().starts_with('_')
                && match code.value(value) {
                    Value::Str(_) | Value::Constant(_) | Value::Fresh => true,
                    Value::Call(call) => {
                        let callee = code.call(call).callee;
                        let found = self.quietly(|w| w.eval(class.module, callee, &class.around));
                        matches!(found[..], [Abs::External(path)] if path == "enum.auto")
                    }
                    _ => false,
                }
        })
    }

    /// Whether none of the metaclasses of some bases is made of all others.
    fn metaclasses_differ(&mut self, (module, index): (ModuleId, u32), bases: &[Abs], env: &EnvRef) -> bool {
        let mut metas: Vec<Abs> = Vec::new();
        let mut add = |meta: Abs| {
            if !metas.contains(&meta) {
                metas.push(meta);
            }
        };
        let library =
            |path: &Sym| metaclass_of_library(path.as_str()).map(|meta| Abs::External(Sym::new(meta)));
        if let Some(meta) = self.code(module).classes[index as usize].metaclass {
            self.quietly(|w| w.eval(module, meta, env)).into_iter().for_each(&mut add);
        }
        for base in bases {
            match base {
                Abs::Class(class) => {
                    let own = self.metaclass_of(class, 0);
                    if own.is_empty() {
                        self.foreign_bases(class).iter().filter_map(library).for_each(&mut add);
                    }
                    own.into_iter().for_each(&mut add);
                }
                Abs::External(path) => library(path).into_iter().for_each(&mut add),
                _ => {}
            }
        }
        if metas.len() < 2 {
            return false;
        }
        let mut made_of: Vec<Vec<Abs>> = Vec::new();
        for meta in &metas {
            made_of.push(match meta {
                Abs::Class(class) => {
                    let foreign = self.foreign_bases(class);
                    let known = |path: &Sym| {
                        matches!(path.as_str(), "builtins.type" | "abc.ABCMeta" | "enum.EnumMeta")
                    };
                    if foreign.is_empty() || !foreign.iter().all(known) {
                        return false;
                    }
                    let own = self.mro(class).iter().cloned().map(Abs::Class).collect::<Vec<_>>();
                    own.into_iter().chain(foreign.into_iter().map(Abs::External)).collect()
                }
                Abs::External(path) if matches!(path.as_str(), "abc.ABCMeta" | "enum.EnumMeta") => {
                    vec![meta.clone()]
                }
                Abs::External(path) if *path == "builtins.type" => Vec::new(),
                _ => return false,
            });
        }
        let covers = |own: &Vec<Abs>| {
            metas.iter().all(|meta| {
                own.contains(meta) || matches!(meta, Abs::External(path) if *path == "builtins.type")
            })
        };
        !made_of.iter().any(covers)
    }

    /// A call of a function or class of the program that does not fit what it takes.
    pub(super) fn refused_for_arguments(&mut self, (callee, method): (&Abs, Option<Sym>), given: &Given) {
        if !self.certainly_runs() {
            return;
        }
        let (module, func, before) = match callee {
            Abs::Function(module, func, ..) if self.code(*module).function(*func).class.is_none() => {
                (*module, *func, 0)
            }
            Abs::Method(_, module, func, _)
                if method.is_some_and(|name| self.is_plain(*module, *func, name)) =>
            {
                (*module, *func, 1)
            }
            Abs::Class(class) => match self.made_by(class) {
                Some(Init::Own(module, func)) => (module, func, 1),
                // `object` takes nothing.
                Some(Init::OfObject) if !given.positional.is_empty() || !given.keywords.is_empty() => {
                    let name = self.code(class.module).classes[class.class as usize].name;
                    return self.refused(name);
                }
                _ => return,
            },
            _ => return,
        };
        let code = self.code(module);
        let function = code.function(func);
        if function.decorators.is_empty() && !takes(code, function, before + given.positional.len(), given) {
            self.refused(function.name);
        }
    }

    /// Whether a function is the method of that name in its class, and nothing else is made of it there: a class method, for one.
    fn is_plain(&self, module: ModuleId, func: FuncId, name: Sym) -> bool {
        let code = self.code(module);
        let Some(class) = code.function(func).class else { return false };
        let mut named = code.classes[class as usize].members.into_iter().filter(|(own, _)| *own == name);
        let first = named
            .next()
            .is_some_and(|&(_, value)| matches!(code.value(value), Value::Function(own) if own == func));
        first
            && named.next().is_none()
            && !matches!(name.as_str(), "__new__" | "__init_subclass__" | "__class_getitem__")
    }

    /// The `__init__` that gets the arguments of a class, and no other method does.
    fn made_by(&mut self, class: &ClassRef) -> Option<Init> {
        let mro = self.mro(class);
        for base in mro.iter() {
            let data = &self.code(base.module).classes[base.class as usize];
            if !data.decorators.is_empty() || data.metaclass.is_some() || data.star {
                return None;
            }
            for &value in &data.bases {
                let found: AbsSet = self.quietly(|w| w.eval(base.module, value, &base.around));
                let plain = |abs: &Abs| match abs {
                    Abs::Class(_) => true,
                    Abs::External(path) => matches!(path.as_str(), "builtins.object" | "abc.ABC"),
                    _ => false,
                };
                if found.len() != 1 || !found.iter().all(plain) {
                    return None;
                }
            }
        }
        if self.find_member(class, Sym::new("__new__")).is_some() {
            return None;
        }
        match self.find_member(class, Sym::new("__init__")) {
            None => Some(Init::OfObject),
            Some((owner, value)) => {
                let func = function_behind(self.code(owner.module), value)?;
                Some(Init::Own(owner.module, func))
            }
        }
    }
}

/// Whether a function takes so many arguments by position, and these by name.
fn takes(code: &Code, function: &Function, positional: usize, given: &Given) -> bool {
    let most = function.positional as usize;
    let last = function.params.len() - usize::from(function.vararg) - usize::from(function.kwarg);
    let named = |name: Sym| given.keywords.iter().any(|(own, _)| *own == name);
    let params: Vec<_> = function.params.clone().take(last).map(|param| &code.vars[param as usize]).collect();
    let fits = |(index, param): (usize, &&Var)| match (index < positional.min(most), named(param.name)) {
        (true, true) => function.kwarg,
        (false, false) => !param.needed(),
        _ => true,
    };
    (positional <= most || function.vararg)
        && params.iter().enumerate().all(fits)
        && (function.kwarg
            || given.keywords.iter().all(|(name, _)| params.iter().any(|param| param.name == *name)))
}

/// Whether a member of a class is a method that only says that subclasses have one.
fn is_abstract_method(code: &Code, value: ValueId) -> bool {
    function_behind(code, value).is_some_and(|func| has_decorator(code, func, &["abstractmethod"]))
}
