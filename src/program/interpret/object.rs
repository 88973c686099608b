//! What objects are, as far as it matters.

use std::sync::Arc as Rc;

use smallvec::{SmallVec, smallvec};

use super::forwarded::Extra;
use super::told::Told;
use crate::facts::{Code, FuncId, Sym, Value};
use crate::program::ModuleId;

/// Whose state it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Owner {
    /// Nobody else has seen the object.
    Fresh,
    /// A global of a module of the program.
    Module(ModuleId, Sym),
    /// Foreign code or the process: the dotted name of what holds it.
    External(Sym),
}

/// What an object is, as far as it matters.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Abs {
    /// Anything.
    Unknown,
    /// A new or immutable object.
    Fresh,
    /// A string.
    Str(Sym),
    /// A module of the program.
    Module(ModuleId),
    /// Something of foreign code, by its dotted name.
    External(Sym),
    /// A function of the program, with the variables around it, and whose it is if it was made by a function.
    Function(ModuleId, FuncId, EnvRef, Owner),
    /// A class of the program.
    Class(ClassRef),
    /// An instance of a class of the program.
    Instance(ClassRef, Owner),
    /// An object that belongs to somebody.
    Object(Owner),
    /// What a foreign call gave: the dotted name of what was called.
    Made(Sym, Owner),
    /// A method bound to its object, with the variables around its class.
    Method(Rc<Abs>, ModuleId, FuncId, EnvRef),
    /// An attribute of an object about which nothing is known but its holder.
    Bound(Rc<Abs>, Sym),
    /// `functools.partial`; or a `SimpleNamespace`, with the attributes that it was given: the name of each,
    /// and its values; or a property with its functions.
    Partial(Rc<Abs>, Rc<Vec<AbsSet>>),
    /// A container with known elements.
    Holder(Rc<AbsSet>, Owner),
    /// `super()` in a method of a class.
    Super(ClassRef, Rc<Abs>),
    /// A class that a call made of some bases: of its metaclass, if that is of the program.
    ClassOf(Rc<(Option<ClassRef>, AbsSet)>, Owner),
}

/// The possible values of an expression.
pub type AbsSet = SmallVec<[Abs; 1]>;

const MOST: usize = 8;

/// The class of objects that have the attributes they are given.
pub(super) const NAMESPACE: &str = "types.SimpleNamespace";
/// The class of members that call functions.
pub(super) const PROPERTY: &str = "builtins.property";

/// A class of the program, with the variables around it if a function made it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ClassRef {
    /// Where the class statement stands.
    pub module: ModuleId,
    /// Index into [`Code::classes`].
    pub class: u32,
    /// The variables around it.
    pub around: EnvRef,
    /// Of an instance: what `__init__` was given, if functions are among it, which methods may call.
    given: Option<SharedEnv>,
}

impl ClassRef {
    /// A class with what is around it.
    pub fn new(module: ModuleId, class: u32, around: EnvRef) -> Self {
        Self { module, class, around, given: None }
    }

    /// What `__init__` was given, if functions are among it, which methods may call.
    pub(super) fn given(&self) -> Option<&Env> {
        self.given.as_ref().map(|env| &*env.0)
    }

    /// The same as what the expressions in `__init__` are evaluated in.
    pub(super) fn given_env(&self) -> EnvRef {
        EnvRef { env: self.given.clone(), owner: Owner::Fresh }
    }

    pub(super) fn set_given(&mut self, env: &EnvRef) {
        self.given.clone_from(&env.env);
    }

    fn owned(&self, owner: Owner) -> Self {
        Self { around: self.around.owned(owner), ..self.clone() }
    }
}

impl Abs {
    /// `MISSING = object()`: it has nothing of its own.
    pub(super) fn is_mark(&self) -> bool {
        matches!(self, Self::Made(path, _) if *path == "builtins.object")
    }

    /// What a `SimpleNamespace` was given.
    pub(super) fn fields(&self) -> Option<&[AbsSet]> {
        self.made_by(NAMESPACE)
    }

    /// What a class of the library was given, if the object is an instance of it that keeps that.
    pub(super) fn made_by(&self, class: &str) -> Option<&[AbsSet]> {
        match self {
            Self::Partial(made, given) if matches!(&**made, Self::Made(path, _) if *path == class) => {
                Some(given)
            }
            _ => None,
        }
    }

    /// The class of an instance.
    pub(super) fn class(&self) -> Option<(ModuleId, u32)> {
        match self {
            Self::Instance(class, _) => Some((class.module, class.class)),
            _ => None,
        }
    }
}

/// The variables of a function that is being run, and of those around it.
#[derive(Debug)]
pub struct Env {
    pub(super) module: ModuleId,
    pub(super) func: FuncId,
    /// The first parameter; the others follow.
    pub(super) first: u32,
    /// The values of the parameters.
    pub(super) bindings: Box<[AbsSet]>,
    /// What the call told about them; empty if nothing.
    pub(super) told: Box<[Told]>,
    /// What `*args` and `**options` hold, if that is known completely.
    pub(super) extra: Option<Box<Extra>>,
    pub(super) parent: EnvRef,
    pub(super) number: u64,
}

/// A shared environment, compared by identity, and who has what was made in it: whoever keeps a function that was made there.
///
/// ```python
/// def make():
///     table = {}
///     def add(f): table[f.__name__] = f
///     return add
/// add = make()             # `table` belongs to this module now, under the name `add`
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnvRef {
    pub(super) env: Option<SharedEnv>,
    pub(super) owner: Owner,
}

/// An environment by its identity.
#[derive(Clone, Debug)]
pub struct SharedEnv(pub(super) Rc<Env>);

impl PartialEq for SharedEnv {
    fn eq(&self, other: &Self) -> bool {
        self.0.number == other.0.number
    }
}
impl Eq for SharedEnv {}
impl std::hash::Hash for SharedEnv {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.number.hash(state);
    }
}

impl Env {
    /// What a variable is bound to, if it is a parameter.
    pub(super) fn bound(&self, var: u32) -> Option<&AbsSet> {
        self.bindings.get(var.checked_sub(self.first)? as usize)
    }
}

impl Default for EnvRef {
    fn default() -> Self {
        Self { env: None, owner: Owner::Fresh }
    }
}

impl EnvRef {
    pub(super) fn new(env: Env) -> Self {
        Self { env: Some(SharedEnv(Rc::new(env))), owner: Owner::Fresh }
    }

    pub(super) fn get(&self) -> Option<&Env> {
        self.env.as_ref().map(|env| &*env.0)
    }

    /// Whether nothing else refers to the environment, so that nobody can ask for it again.
    pub(super) fn is_only(&mut self) -> bool {
        self.env.as_mut().is_some_and(|env| Rc::get_mut(&mut env.0).is_some())
    }

    pub(super) fn number(&self) -> u64 {
        self.get().map_or(0, |env| env.number)
    }

    /// The same after somebody has kept it, if nobody had before.
    fn owned(&self, owner: Owner) -> Self {
        let kept = self.env.is_some() && self.owner == Owner::Fresh;
        Self { env: self.env.clone(), owner: if kept { owner } else { self.owner } }
    }
}

/// Drops repetitions, and what goes beyond the most values that are followed.
pub(super) fn unique(set: &mut AbsSet) {
    if set.len() < 2 {
        return;
    }
    let mut kept = 0;
    for index in 0..set.len() {
        if kept < MOST && !set[..kept].contains(&set[index]) {
            set.swap(kept, index);
            kept += 1;
        }
    }
    set.truncate(kept);
}

/// Adds values to others. Mostly there are none yet.
pub(super) fn join(set: &mut AbsSet, more: AbsSet) {
    if set.is_empty() {
        *set = more;
    } else {
        set.extend(more);
    }
}

pub(super) fn elements_of(abs: &Abs) -> AbsSet {
    match abs {
        // What is in somebody's container, is somebody's.
        Abs::Holder(elements, owner @ Owner::Module(..)) => {
            elements.iter().map(|element| owned(element, *owner)).collect()
        }
        Abs::Holder(elements, _) => (**elements).clone(),
        Abs::Fresh | Abs::Str(_) => smallvec![Abs::Fresh],
        other => smallvec![other.clone()],
    }
}

/// A new object that has become somebody's.
pub(super) fn owned(abs: &Abs, owner: Owner) -> Abs {
    match abs {
        Abs::Fresh => Abs::Object(owner),
        Abs::Instance(class, Owner::Fresh) => Abs::Instance(class.owned(owner), owner),
        Abs::Class(class) => Abs::Class(class.owned(owner)),
        Abs::ClassOf(made, Owner::Fresh) => {
            let (meta, bases) = &**made;
            Abs::ClassOf(Rc::new((meta.as_ref().map(|meta| meta.owned(owner)), bases.clone())), owner)
        }
        Abs::Made(path, Owner::Fresh) => Abs::Made(*path, owner),
        Abs::Holder(elements, Owner::Fresh) => Abs::Holder(elements.clone(), owner),
        Abs::Object(Owner::Fresh) => Abs::Object(owner),
        Abs::Function(module, func, env, Owner::Fresh) => {
            Abs::Function(*module, *func, env.owned(owner), owner)
        }
        Abs::Method(this, module, func, env) => {
            Abs::Method(Rc::new(owned(this, owner)), *module, *func, env.owned(owner))
        }
        Abs::Bound(base, name) => Abs::Bound(Rc::new(owned(base, owner)), *name),
        Abs::Partial(callee, args) => {
            let args = args.iter().map(|set| set.iter().map(|abs| owned(abs, owner)).collect());
            Abs::Partial(Rc::new(owned(callee, owner)), Rc::new(args.collect()))
        }
        other => other.clone(),
    }
}

/// A function of the program without variables around it.
pub(super) fn function(module: ModuleId, func: FuncId) -> Abs {
    Abs::Function(module, func, EnvRef::default(), Owner::Fresh)
}

pub(super) fn is_builtin(abs: &Abs, name: Sym) -> bool {
    matches!(abs, Abs::External(path) if path.as_str().strip_prefix("builtins.") == Some(name.as_str()))
}

pub(in crate::program) fn has_decorator(code: &Code, func: FuncId, names: &[&str]) -> bool {
    code.function(func).decorators.iter().any(|&d| match code.value(d) {
        Value::Global(name) | Value::Attr(_, name) => names.contains(&name.as_str()),
        // `@lru_cache(maxsize=None)`
        Value::Call(call) => match code.value(code.call(call).callee) {
            Value::Global(name) | Value::Attr(_, name) => names.contains(&name.as_str()),
            _ => false,
        },
        _ => false,
    })
}
