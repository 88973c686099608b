//! What all runs of the interpreter have in common: what the whole program does, and values that are computed once.

use std::ops::Deref;
use std::sync::Arc as Rc;
use std::sync::{OnceLock, PoisonError, RwLock};

use rustc_hash::{FxHashMap, FxHashSet};

use super::attributes::StoredByMethods;
use super::carried::Stores;
use super::{AbsSet, ClassRef};
use crate::facts::{Class, Code, MarkKind, OpKind, Sym, Value, ValueId, words};
use crate::program::listed::Listed;
use crate::program::rebinds::Replaced;
use crate::program::state::{Writer, of_all};
use crate::program::{ModuleId, Program, tables};

/// What the interpreter needs to know of the whole program.
#[derive(Debug, Default)]
pub struct Shared {
    /// Classes whose subclasses somebody lists.
    pub listed_classes: FxHashSet<Listed>,
    /// Some module makes the random numbers of the process repeatable.
    pub seeds_random: bool,
    /// Who filters warnings of any class.
    pub general_filters: Vec<Writer>,
    /// Loggers that modules outside the package of that name ask for, and those above them.
    pub observed_loggers: FxHashSet<Sym>,
    /// Private names and attributes that modules other than their own use.
    pub shown_privates: FxHashSet<Sym>,
    /// Functions whose cache somebody asks how full it is.
    pub asked_caches: FxHashSet<Sym>,
    /// Attributes that functions test, and whether nobody changes them once an object is made.
    pub tested: FxHashMap<Sym, bool>,
    /// Names of foreign modules that the program rebinds: `time.time`.
    pub replaced_names: Replaced,
    /// Functions of the program that the user calls pure, by dotted name.
    pub pure: crate::config::NamePatterns,
    /// And those with effects.
    pub effect: crate::config::NamePatterns,
    /// Values of globals.
    pub globals: Cache<(ModuleId, Sym), AbsSet>,
    /// Containers that all modules ask for single keys only.
    pub only_keyed: Cache<(ModuleId, MarkKind), bool>,
    /// What the import-time code of modules puts where.
    pub stores: Cache<ModuleId, Rc<Stores>>,
    /// Names that modules of the library may lack, and whether they do.
    pub lacking: Cache<Sym, bool>,
    /// What is found out about each class.
    pub classes: Classes,
    /// Attributes that any code stores.
    pub stored: StoredAttributes,
    /// Somebody asks generic functions which classes they know: `show.registry`.
    pub registries: OnceLock<bool>,
}

/// Attributes that any code stores, in whatever object.
#[derive(Debug, Default)]
pub struct StoredAttributes {
    names: FxHashSet<Sym>,
    /// Some code computes the name.
    computed: bool,
    /// Some code may store names in a namespace that it has as a dictionary.
    namespaces: bool,
}

/// What one module stores.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stored {
    /// An attribute, by the number of its name.
    Named(u32),
    /// An attribute whose name is computed.
    Computed,
    /// Something in a namespace, or it hands one on.
    InNamespace,
}

impl Shared {
    /// Whether some code reads an attribute `registry`.
    pub fn asks_for_registries(&self, program: &Program) -> bool {
        *self.registries.get_or_init(|| {
            let asks =
                |id: ModuleId| program.module(id).facts.code.attributes().any(|attr| attr == "registry");
            program.ids().any(asks)
        })
    }

    /// Whether only the module itself can bind a global of that name, as far as the whole program shows.
    pub fn is_bound_by_module_only(&self, name: Sym) -> bool {
        !self.stored.namespaces && !self.is_stored(name)
    }

    /// Whether some code of the program may store an attribute of that name.
    pub fn is_stored(&self, name: Sym) -> bool {
        self.stored.computed || self.stored.names.contains(&name)
    }
}

impl StoredAttributes {
    /// Finds them.
    pub fn of(program: &Program) -> Self {
        let mut found = Self::default();
        for stored in of_all(program, |id| stored_by(program, id)) {
            match stored {
                Stored::Named(name) => found.names.extend([Sym::numbered(name)]),
                Stored::Computed => found.computed = true,
                Stored::InNamespace => found.namespaces = true,
            }
        }
        found
    }
}

/// The attributes that one module stores, each once.
fn stored_by(program: &Program, id: ModuleId) -> Vec<Stored> {
    let code = &program.module(id).facts.code;
    let mut stored: Vec<Stored> = Vec::new();
    for op in code.ops() {
        let namespaces = match op.kind {
            OpKind::SetAttr { attr, value, .. } => {
                stored.push(Stored::Named(attr.number()));
                is_namespace(code, value)
            }
            OpKind::SetItem { base, value, .. } | OpKind::ChangeInPlace { base, value, .. } => {
                is_namespace(code, base) || is_namespace(code, value)
            }
            OpKind::SetGlobal { value, .. } | OpKind::Bind { value, .. } => is_namespace(code, value),
            OpKind::Call { call, .. } => {
                let call = &code.call(call);
                if let Value::Global(words::SETATTR_FUNCTION | words::SETATTR)
                | Value::Attr(_, words::SETATTR_FUNCTION | words::SETATTR) = code.value(call.callee)
                {
                    let name = code.positional(call).iter().find_map(|&value| match code.value(value) {
                        Value::Str(name) => Some(Stored::Named(name.number())),
                        _ => None,
                    });
                    stored.push(name.unwrap_or(Stored::Computed));
                }
                let of_namespace = |callee| {
                    matches!(code.value(callee), Value::Attr(base, method)
                        if is_namespace(code, base) && !tables::CONTAINER_VIEWS.contains(&method.as_str()) && method != "get")
                };
                let args = &code.args[call.args.start as usize..call.args.end as usize];
                of_namespace(call.callee) || args.iter().any(|&arg| is_namespace(code, arg))
            }
            _ => false,
        };
        if namespaces {
            stored.push(Stored::InNamespace);
        }
    }
    stored.sort_unstable();
    stored.dedup();
    stored
}

/// `globals()`, `vars(module)`, `module.__dict__`, `function.__globals__`
fn is_namespace(code: &Code, value: ValueId) -> bool {
    match code.value(value) {
        Value::Attr(_, attr) => {
            matches!(attr, words::DICT | words::GLOBALS_OF_FUNCTION | words::F_GLOBALS)
        }
        Value::Call(call) => {
            matches!(
                code.value(code.call(call).callee),
                Value::Global(words::GLOBALS | words::VARS | words::LOCALS)
            )
        }
        _ => false,
    }
}

/// What is found out about one class, once: pure functions of the program, like the values of a [`Cache`].
#[derive(Debug, Default)]
pub struct Known {
    /// Its bases, if there are no variables around it.
    pub lineage: OnceLock<Box<Lineage>>,
    /// What its methods store in their object.
    pub stored_by_methods: OnceLock<Box<StoredByMethods>>,
}

/// A class with all its bases.
#[derive(Debug)]
pub struct Lineage {
    /// The class and its bases, nearest first.
    pub bases: Box<[ClassRef]>,
    /// Of some method all of them only say that subclasses have it.
    pub lacks_methods: OnceLock<bool>,
}

/// All classes by their numbers: who asks for one waits for nobody, and borrows what is known.
#[derive(Debug, Default)]
pub struct Classes {
    /// For each module, the place of its first class.
    firsts: Box<[u32]>,
    all: Box<[Known]>,
    /// For each class, marks of the names that its body binds or its decorators may store, see [`mark`].
    names: Box<[u64]>,
}

/// One of 64 marks that stands for a name. What bears none of a name's, has no such name.
fn mark(name: Sym) -> u64 {
    1 << (name.number().wrapping_mul(0x9e37_79b9) >> 26)
}

impl Classes {
    /// The classes of a program, of which nothing is known yet.
    pub fn of(program: &Program) -> Self {
        let mut count = 0;
        let first = |id: ModuleId| {
            let first = count;
            count += program.module(id).facts.code.classes.len();
            u32::try_from(first).expect("fewer than 2^32 classes")
        };
        let firsts = program.ids().map(first).collect();
        let names = |class: &Class| {
            let any = if class.decorators.is_empty() { 0 } else { u64::MAX };
            class.members.iter().fold(any, |marks, (name, _)| marks | mark(*name))
        };
        let classes = program.modules.iter().flat_map(|module| &module.facts.code.classes);
        Self {
            firsts,
            all: (0..count).map(|_| Known::default()).collect(),
            names: classes.map(names).collect(),
        }
    }

    /// Whether a class may have a name of its own, be it bound in its body or stored by a decorator; mostly it has if this says so.
    pub fn may_have(&self, class: &ClassRef, name: Sym) -> bool {
        self.names[(self.firsts[class.module.index()] + class.class) as usize] & mark(name) != 0
    }

    /// What is known of a class.
    pub fn get(&self, module: ModuleId, class: u32) -> &Known {
        &self.all[(self.firsts[module.index()] + class) as usize]
    }
}

/// A class and its bases, nearest first.
pub enum Bases<'p> {
    /// They are known once and for all.
    Known(&'p Lineage),
    /// As far as can be told here and now.
    Found(Box<[ClassRef]>),
}

impl Deref for Bases<'_> {
    type Target = [ClassRef];
    fn deref(&self) -> &[ClassRef] {
        match self {
            Self::Known(lineage) => &lineage.bases,
            Self::Found(bases) => bases,
        }
    }
}

/// Values that are shared between the runs: pure functions of the program, so it does not matter who computes them.
#[derive(Debug)]
pub struct Cache<K, V>(Vec<RwLock<FxHashMap<K, V>>>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self((0..64).map(|_| RwLock::default()).collect())
    }
}

impl<K: std::hash::Hash + Eq, V: Clone> Cache<K, V> {
    fn shard(&self, key: &K) -> &RwLock<FxHashMap<K, V>> {
        let hash = std::hash::BuildHasher::hash_one(&rustc_hash::FxBuildHasher, key);
        &self.0[usize::try_from(hash >> 58).unwrap_or(0) % 64]
    }

    pub fn get(&self, key: &K) -> Option<V> {
        self.shard(key).read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub fn set(&self, key: K, value: V) {
        self.shard(&key).write().unwrap_or_else(PoisonError::into_inner).insert(key, value);
    }
}
