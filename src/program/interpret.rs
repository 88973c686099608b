//! Runs import-time code on abstract values, to see what loading a module changes.
//!
//! An [`Abs`] says what an object is as far as it matters: a function, a class or a module of the program, something
//! from foreign code, or an object that belongs to some [`Owner`]. The interpreter walks the operations of a module's
//! top level, enters functions of the program that are called there (with their actual arguments), and reports every
//! change of something that does not belong to the module being loaded.
//!
//! ```python
//! @events.on("start")      # call of a function of `events`; its result is a closure of `events`
//! def greeting(e): ...     # … which is called with greeting and does handlers[…].append: handlers is `events`' own
//! ```
//!
//! It never gives up soundness silently where it matters: what it cannot resolve is harmless under `balanced` only if the
//! result is used; a call made for its effect on a foreign object counts as one.

use std::sync::Arc as Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use ruff_text_size::TextSize;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::{SmallVec, smallvec};

use super::tables::{self, ExternalKind};
use super::{ModuleId, Origin, Program};
use crate::config::Safety;
use crate::facts::{Call, CallRole, Code, FuncId, OpKind, Sym, Value, ValueId};

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
    Class(ModuleId, u32),
    /// An instance of a class of the program.
    Instance(ModuleId, u32, Owner),
    /// An object that belongs to somebody.
    Object(Owner),
    /// What a foreign call gave: the dotted name of what was called.
    Made(Sym, Owner),
    /// A method bound to its object.
    Method(Rc<Abs>, ModuleId, FuncId),
    /// An attribute of an object about which nothing is known but its holder.
    Bound(Rc<Abs>, Sym),
    /// `functools.partial`.
    Partial(Rc<Abs>, Rc<Vec<AbsSet>>),
    /// A container with known elements.
    Holder(Rc<AbsSet>, Owner),
    /// `super()` in a method of a class.
    Super(ModuleId, u32, Rc<Abs>),
}

/// The possible values of an expression.
pub type AbsSet = SmallVec<[Abs; 1]>;

const MOST: usize = 8;

/// The variables of a function that is being run, and of those around it.
#[derive(Debug)]
pub struct Env {
    module: ModuleId,
    bindings: FxHashMap<u32, AbsSet>,
    parent: EnvRef,
    number: u64,
}

/// A shared environment, compared by identity.
#[derive(Clone, Debug, Default)]
pub struct EnvRef(Option<Rc<Env>>);

impl EnvRef {
    fn number(&self) -> u64 {
        self.0.as_ref().map_or(0, |env| env.number)
    }
}

impl PartialEq for EnvRef {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().map(|e| e.number) == other.0.as_ref().map(|e| e.number)
    }
}
impl Eq for EnvRef {}
impl std::hash::Hash for EnvRef {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.as_ref().map(|e| e.number).hash(state);
    }
}

/// A change that loading a module makes, or something about loading that can be observed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Effect {
    /// What kind.
    pub kind: EffectKind,
    /// Whose state.
    pub owner: Owner,
    /// The line of the loaded module that leads to it.
    pub at: TextSize,
    /// The line that does it, if it is in another module or function.
    pub deep: Option<(ModuleId, TextSize)>,
    /// What is changed or called.
    pub subject: Option<Sym>,
}

/// Kinds of effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EffectKind {
    /// Writes to something that another module owns.
    Write,
    /// Calls a method of another module's object for its effect, without knowing what it does.
    UnresolvedCall,
    /// Changes the state of the process or of foreign code.
    Process,
    /// Input, output, processes, threads.
    InputOutput,
    /// Defines a class that the base class records, or whose subclasses somebody lists.
    Subclass,
    /// Loading may raise.
    Fails,
    /// Reads state that the program changes later.
    ReadsState,
}

/// Foreign state that loading reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StateRead {
    /// `os.environ`, `sys.path`, `os.getcwd`…
    pub state: Sym,
    /// The key, if it is known.
    pub key: Option<Sym>,
    /// Where in the loaded module.
    pub at: TextSize,
}

/// A global of another module that loading reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GlobalRead {
    /// The module.
    pub owner: ModuleId,
    /// The name.
    pub name: Sym,
    /// Where in the loaded module.
    pub at: TextSize,
    /// What the object holds matters, not only which object it is.
    pub content: bool,
}

/// What loading one module does.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Effects outside the module.
    pub effects: Vec<Effect>,
    /// Modules loaded by name: `importlib.import_module("x")`, function-level imports that run.
    pub loads: Vec<(ModuleId, TextSize)>,
    /// Foreign state that is read.
    pub reads: Vec<StateRead>,
    /// Globals of other modules that are read.
    pub global_reads: Vec<GlobalRead>,
}

/// What the interpreter needs to know of the whole program.
#[derive(Debug, Default)]
pub struct Shared {
    /// Classes whose subclasses somebody lists.
    pub listed_classes: FxHashSet<(ModuleId, u32)>,
    /// Functions of the program that the user calls pure, by dotted name.
    pub pure: crate::config::NamePatterns,
    /// And those with effects.
    pub effect: crate::config::NamePatterns,
    /// Values of globals.
    pub globals: Cache<(ModuleId, Sym), AbsSet>,
    /// Classes with their bases.
    pub bases: Cache<(ModuleId, u32), Bases>,
}

/// The bases of a class, itself first.
type Bases = Rc<[(ModuleId, u32)]>;

/// A call with its arguments, and whether its effects count and on which path.
type CallKey = (ModuleId, FuncId, EnvRef, Vec<AbsSet>, Vec<(Sym, AbsSet)>, (bool, Path));

/// On which path the running operation is, from the top level of the module through all calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Path {
    /// In the body of a `try` that has handlers: what it raises goes no further.
    guarded: bool,
    /// Under a condition, in a loop or a handler.
    conditional: bool,
}

/// Runs one module's import-time code.
pub struct Interpreter<'p> {
    program: &'p Program,
    shared: &'p Shared,
    safety: Safety,
    /// The module that is being loaded.
    cause: ModuleId,
    outcome: Outcome,
    seen: FxHashSet<Effect>,
    /// Greater than zero while values are computed that are not run.
    silent: u32,
    /// The line of the loaded module that is running.
    at: TextSize,
    depth: u32,
    calls: u32,
    steps: u32,
    globals: FxHashMap<(ModuleId, Sym), AbsSet>,
    globals_running: FxHashSet<(ModuleId, Sym)>,
    calls_running: FxHashSet<(ModuleId, FuncId)>,
    vars_running: FxHashSet<(ModuleId, u32, EnvRef)>,
    results: FxHashMap<CallKey, AbsSet>,
    /// Results of the calls that have run, by environment.
    call_results: FxHashMap<(u64, ModuleId, u32), AbsSet>,
    /// What is being computed depends on something that is being computed as well.
    incomplete: bool,
    path: Path,
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

    fn get(&self, key: &K) -> Option<V> {
        self.shard(key).read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn set(&self, key: K, value: V) {
        self.shard(&key).write().unwrap_or_else(PoisonError::into_inner).insert(key, value);
    }
}

static ENVIRONMENTS: AtomicU64 = AtomicU64::new(1);

/// Steps that one operation at module level, or one global, may take.
const MOST_STEPS: u32 = 4_000;
/// Functions that may be entered from one another.
const MOST_CALLS: u32 = 10;
const MOST_DEPTH: u32 = 24;
const MOST_GLOBALS: usize = 300;

impl<'p> Interpreter<'p> {
    /// What loading `module` does.
    pub fn run(program: &'p Program, shared: &'p Shared, safety: Safety, module: ModuleId) -> Outcome {
        let mut interpreter = Self {
            program,
            shared,
            safety,
            cause: module,
            outcome: Outcome::default(),
            seen: FxHashSet::default(),
            silent: 0,
            at: TextSize::new(0),
            depth: 0,
            calls: 0,
            steps: 0,
            globals: FxHashMap::default(),
            globals_running: FxHashSet::default(),
            calls_running: FxHashSet::default(),
            vars_running: FxHashSet::default(),
            results: FxHashMap::default(),
            call_results: FxHashMap::default(),
            incomplete: false,
            path: Path::default(),
        };
        interpreter.body(module, FuncId::MODULE, &EnvRef::default());
        interpreter.outcome
    }

    /// An interpreter that only evaluates.
    pub fn evaluator(program: &'p Program, shared: &'p Shared, module: ModuleId) -> Self {
        Self {
            program,
            shared,
            safety: Safety::Balanced,
            cause: module,
            outcome: Outcome::default(),
            seen: FxHashSet::default(),
            silent: 1,
            at: TextSize::new(0),
            depth: 0,
            calls: 0,
            steps: 0,
            globals: FxHashMap::default(),
            globals_running: FxHashSet::default(),
            calls_running: FxHashSet::default(),
            vars_running: FxHashSet::default(),
            results: FxHashMap::default(),
            call_results: FxHashMap::default(),
            incomplete: false,
            path: Path::default(),
        }
    }

    /// The possible values of an expression at module level.
    pub fn evaluate(&mut self, module: ModuleId, value: ValueId) -> AbsSet {
        self.eval(module, value, &EnvRef::default())
    }

    fn code(&self, module: ModuleId) -> &'p Code {
        &self.program.module(module).facts.code
    }

    // ---------------------------------------------------------------- running

    fn body(&mut self, module: ModuleId, func: FuncId, env: &EnvRef) {
        let code = self.code(module);
        let top = func.is_module() && module == self.cause;
        for op in code.ops_of(func) {
            self.steps += 1;
            if self.steps > MOST_STEPS {
                return;
            }
            if op.main_guard {
                continue;
            }
            if top {
                self.at = op.at;
                self.steps = 0;
            }
            let place = (module, op.at);
            let outer = self.path;
            self.path.guarded |= op.guarded;
            self.path.conditional |= op.conditional;
            match op.kind {
                OpKind::Call { call, role } => {
                    let result = self.run_call(module, &code.calls[call as usize], env, role, place);
                    self.call_results.insert((env.number(), module, call), result);
                }
                OpKind::SetAttr { base, attr, value } => {
                    for abs in self.eval(module, base, env) {
                        if attr != "__class__" && !self.is_own_module_entry(module, base) {
                            self.set_attr(&abs, attr, place);
                        }
                    }
                    self.note_read(module, value, env, false);
                }
                OpKind::DelAttr { base, attr } => {
                    for abs in self.eval(module, base, env) {
                        self.set_attr(&abs, attr, place);
                    }
                }
                OpKind::SetItem { base, key, .. } if self.is_own_module_item(module, base, key) => {}
                OpKind::SetItem { base, key, value } => {
                    let subject = self.key_name(module, key, env);
                    for abs in self.eval(module, base, env) {
                        let installs = matches!(abs, Abs::External(path) if path == "sys.modules");
                        if let Some(name) = subject.filter(|name| installs && !self.is_inside_cause(*name)) {
                            // Another name for a module.
                            self.effect(
                                EffectKind::Process,
                                Owner::External(Sym::new("sys.modules")),
                                place,
                                Some(name),
                            );
                        }
                        self.mutate(&abs, EffectKind::Write, place, subject);
                    }
                    self.note_read(module, value, env, false);
                }
                OpKind::DelItem { base, key } => {
                    let subject = self.key_name(module, key, env);
                    for abs in self.eval(module, base, env) {
                        self.mutate(&abs, EffectKind::Write, place, subject);
                    }
                }
                OpKind::SetGlobal { name, value } => {
                    if module != self.cause {
                        self.effect(EffectKind::Write, Owner::Module(module, name), place, Some(name));
                    }
                    self.note_read(module, value, env, false);
                    // Reading an attribute may run a property or `__getattr__`.
                    if matches!(code.value(value), Value::Attr(..)) {
                        self.eval(module, value, env);
                    }
                }
                OpKind::DelGlobal { name } => {
                    if module != self.cause {
                        self.effect(EffectKind::Write, Owner::Module(module, name), place, Some(name));
                    }
                }
                OpKind::DefineClass(class) => self.define_class(module, class, env, place),
                OpKind::Import(index) => {
                    if !func.is_module() {
                        self.function_import(module, index);
                    }
                }
                OpKind::Load(value) => self.note_load(module, value, env),
                OpKind::Raise => {
                    if (top || !self.path.conditional) && !self.path.guarded {
                        self.effect(EffectKind::Fails, Owner::Fresh, place, None);
                    }
                }
            }
            self.path = outer;
        }
    }

    fn function_import(&mut self, module: ModuleId, index: u32) {
        if self.silent > 0 {
            return;
        }
        let program = self.program;
        let import = &program.module(module).facts.imports[index as usize];
        for alias in 0..import.aliases.len() {
            if let Some(name) = program.loaded_name(module, import, alias) {
                for id in program.chain(module, name) {
                    self.outcome.loads.push((id, self.at));
                }
            }
            if let Origin::Module(id) = program.origin(module, import, alias) {
                self.outcome.loads.push((id, self.at));
            }
        }
    }

    /// Whether a dotted name is the module that is being loaded, or inside it: who imports that, loads this before.
    fn is_inside_cause(&self, name: Sym) -> bool {
        let own = self.program.module(self.cause).name.as_str();
        name.as_str().strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// `sys.modules[__name__].x = …` changes the module itself.
    fn is_own_module_entry(&self, module: ModuleId, base: ValueId) -> bool {
        let code = self.code(module);
        matches!(code.value(base), Value::Item(inner)
            if matches!(code.value(inner), Value::Attr(_, name) if name == "modules"))
    }

    /// `sys.modules[__name__] = …`
    fn is_own_module_item(&self, module: ModuleId, base: ValueId, key: ValueId) -> bool {
        let code = self.code(module);
        matches!(code.value(base), Value::Attr(_, name) if name == "modules")
            && matches!(code.value(key), Value::Global(name) if name == "__name__")
    }

    fn key_name(&mut self, module: ModuleId, key: ValueId, env: &EnvRef) -> Option<Sym> {
        self.eval(module, key, env).into_iter().find_map(|abs| match abs {
            Abs::Str(name) => Some(name),
            _ => None,
        })
    }

    fn note_load(&mut self, module: ModuleId, value: ValueId, env: &EnvRef) {
        let Value::Item(base) = self.code(module).value(value) else { return };
        for abs in self.eval(module, base, env) {
            if let Abs::External(path) = abs
                && tables::is_process_state(path.as_str())
            {
                self.state_read(path, None);
            }
        }
    }

    fn state_read(&mut self, state: Sym, key: Option<Sym>) {
        if self.silent == 0 {
            let read = StateRead { state, key, at: self.at };
            if !self.outcome.reads.contains(&read) {
                self.outcome.reads.push(read);
            }
        }
    }

    /// A value goes into the module's own state: what it was taken from is frozen at this moment. `content` says whether
    /// also what the object holds is frozen.
    fn note_read(&mut self, module: ModuleId, value: ValueId, env: &EnvRef, content: bool) {
        if self.silent > 0 {
            return;
        }
        let code = self.code(module);
        match code.value(value) {
            Value::Global(_) | Value::Attr(..) | Value::Item(_) => {
                let content = content || matches!(code.value(value), Value::Item(_));
                let objects = if content { self.eval(module, value, env) } else { AbsSet::new() };
                for abs in objects {
                    if let Some(Owner::Module(owner, name)) = Self::owner(&abs)
                        && owner != self.cause
                        && !matches!(
                            abs,
                            Abs::Function(..) | Abs::Class(..) | Abs::Module(_) | Abs::Method(..)
                        )
                    {
                        self.outcome.global_reads.push(GlobalRead { owner, name, at: self.at, content });
                    }
                }
                self.note_name_read(module, value, content);
            }
            Value::Either(a, b) => {
                self.note_read(module, a, env, content);
                self.note_read(module, b, env, content);
            }
            Value::Holder(inner) => self.note_read(module, inner, env, false),
            _ => {}
        }
    }

    /// `config.SIZE` reads the name SIZE of config, whatever its value is.
    fn note_name_read(&mut self, module: ModuleId, value: ValueId, content: bool) {
        let code = self.code(module);
        let (owner, name) = match code.value(value) {
            Value::Attr(base, attr) => {
                let modules: Vec<ModuleId> = self
                    .eval(module, base, &EnvRef::default())
                    .into_iter()
                    .filter_map(|abs| match abs {
                        Abs::Module(id) => Some(id),
                        _ => None,
                    })
                    .collect();
                match modules.first() {
                    Some(&id) => (id, attr),
                    None => return,
                }
            }
            Value::Global(name) if module != self.cause => (module, name),
            Value::Global(name) => match self.import_origin(module, name) {
                Some((id, name)) => (id, name),
                None => return,
            },
            Value::Item(inner) => return self.note_name_read(module, inner, true),
            _ => return,
        };
        if owner != self.cause {
            self.outcome.global_reads.push(GlobalRead { owner, name, at: self.at, content });
        }
    }

    fn import_origin(&self, module: ModuleId, name: Sym) -> Option<(ModuleId, Sym)> {
        let facts = &self.program.module(module).facts;
        let site = facts.sites_of(name).next()?;
        let import = &facts.imports[site.stmt as usize];
        match self.program.origin(module, import, site.alias as usize) {
            Origin::Attribute(id, name) => Some((id, name)),
            _ => None,
        }
    }

    // ---------------------------------------------------------------- effects

    fn effect(&mut self, kind: EffectKind, owner: Owner, place: (ModuleId, TextSize), subject: Option<Sym>) {
        if self.silent > 0 {
            return;
        }
        let deep = (place.0 != self.cause || place.1 != self.at).then_some(place);
        let effect = Effect { kind, owner, at: self.at, deep, subject };
        if self.seen.insert(effect.clone()) {
            self.outcome.effects.push(effect);
        }
    }

    /// Whose state an object is.
    pub fn owner(abs: &Abs) -> Option<Owner> {
        match abs {
            Abs::Unknown | Abs::Fresh | Abs::Str(_) => None,
            Abs::Module(id) => Some(Owner::Module(*id, Sym::new(""))),
            Abs::External(path) => Some(Owner::External(*path)),
            Abs::Function(..) | Abs::Partial(..) => None,
            Abs::Class(..) => None,
            Abs::Instance(_, _, owner) | Abs::Object(owner) | Abs::Made(_, owner) | Abs::Holder(_, owner) => {
                Some(*owner)
            }
            Abs::Method(base, ..) | Abs::Bound(base, _) | Abs::Super(_, _, base) => Self::owner(base),
        }
    }

    fn full_owner(&self, abs: &Abs) -> Owner {
        match abs {
            Abs::Function(module, func, _, owner) => {
                let function = self.code(*module).function(*func);
                if function.parent.is_module() { Owner::Module(*module, function.name) } else { *owner }
            }
            Abs::Class(module, class) => {
                Owner::Module(*module, self.code(*module).classes[*class as usize].name)
            }
            Abs::Bound(base, _) | Abs::Method(base, ..) | Abs::Super(_, _, base) => self.full_owner(base),
            Abs::Partial(base, _) => self.full_owner(base),
            other => Self::owner(other).unwrap_or(Owner::Fresh),
        }
    }

    /// Whether outsiders can see a change of something with this owner.
    fn is_foreign(&self, owner: Owner) -> bool {
        match owner {
            Owner::Fresh => false,
            Owner::Module(id, _) => id != self.cause,
            Owner::External(_) => true,
        }
    }

    fn mutate(&mut self, abs: &Abs, kind: EffectKind, place: (ModuleId, TextSize), subject: Option<Sym>) {
        let owner = self.full_owner(abs);
        if !self.is_foreign(owner) {
            return;
        }
        match owner {
            Owner::External(path) if !tables::is_harmless_target(path.as_str()) => {
                let kind = if kind == EffectKind::Write { EffectKind::Process } else { kind };
                // The key tells writers of different variables apart.
                self.effect(kind, Owner::External(path), place, subject.or(Some(path)));
            }
            Owner::External(_) => {}
            Owner::Module(..) | Owner::Fresh => self.effect(kind, owner, place, subject),
        }
    }

    fn set_attr(&mut self, abs: &Abs, attr: Sym, place: (ModuleId, TextSize)) {
        match abs {
            Abs::Module(id) if *id != self.cause => {
                self.effect(EffectKind::Write, Owner::Module(*id, attr), place, Some(attr));
            }
            Abs::Module(_) => {}
            Abs::External(path) => {
                let full = Sym::new(&format!("{path}.{attr}"));
                if !tables::is_harmless_target(full.as_str()) {
                    self.effect(EffectKind::Process, Owner::External(full), place, Some(full));
                }
            }
            other => self.mutate(other, EffectKind::Write, place, Some(attr)),
        }
    }

    // ---------------------------------------------------------------- classes

    fn define_class(&mut self, module: ModuleId, index: u32, env: &EnvRef, place: (ModuleId, TextSize)) {
        let class = &self.code(module).classes[index as usize];
        let new = Abs::Class(module, index);
        let mut bases = Vec::new();
        for &base in &class.bases {
            bases.extend(self.eval(module, base, env));
        }
        let metaclass = class.metaclass.map(|m| self.eval(module, m, env));
        self.class_created(&new, &bases, metaclass.as_deref(), place);
        for &(_, member) in &class.members {
            for abs in self.eval(module, member, env) {
                if let Abs::Instance(m, c, _) = abs
                    && let Some((owner, func)) = self.find_method(m, c, "__set_name__")
                {
                    let this: AbsSet = smallvec![abs.clone()];
                    self.enter(owner, func, &EnvRef::default(), &[this, smallvec![new.clone()]], &[]);
                }
            }
        }
    }

    fn class_created(
        &mut self,
        new: &Abs,
        bases: &[Abs],
        metaclass: Option<&[Abs]>,
        place: (ModuleId, TextSize),
    ) {
        // `__init_subclass__` of the nearest base that has one.
        for base in bases {
            if let Abs::Class(m, c) = base {
                if let Some((owner, func)) = self.find_method(*m, *c, "__init_subclass__") {
                    self.enter(owner, func, &EnvRef::default(), &[smallvec![new.clone()]], &[]);
                }
                self.listed_subclass(*m, *c, place);
            }
        }
        if let Abs::Class(module, class) = new {
            self.enum_members(*module, *class);
        }
        let mut metaclasses: AbsSet = metaclass.map(AbsSet::from).unwrap_or_default();
        for base in bases {
            if let Abs::Class(m, c) = base {
                metaclasses.extend(self.metaclass_of(*m, *c, 0));
            }
        }
        metaclasses.dedup();
        for meta in metaclasses {
            let Abs::Class(m, c) = meta else { continue };
            for method in ["__prepare__", "__new__", "__init__"] {
                if let Some((owner, func)) = self.find_method(m, c, method) {
                    let first = if method == "__init__" { new.clone() } else { Abs::Class(m, c) };
                    let bases = smallvec![Abs::Holder(Rc::new(AbsSet::from(bases)), Owner::Fresh)];
                    let args = [smallvec![first], smallvec![Abs::Fresh], bases, smallvec![Abs::Fresh]];
                    self.enter(owner, func, &EnvRef::default(), &args, &[]);
                }
            }
        }
    }

    /// An enumeration makes its members while it is defined.
    fn enum_members(&mut self, module: ModuleId, class: u32) {
        let is_enum = |path: Sym| {
            matches!(
                path.as_str().strip_prefix("enum."),
                Some("Enum" | "IntEnum" | "StrEnum" | "Flag" | "IntFlag")
            )
        };
        let mut found = false;
        for &(m, c) in self.mro(module, class).iter() {
            for &base in &self.code(m).classes[c as usize].bases {
                let bases = self.quietly(|w| w.eval(m, base, &EnvRef::default()));
                found |= bases.iter().any(|a| matches!(a, Abs::External(path) if is_enum(*path)));
            }
        }
        for (method, first) in
            [("__new__", Abs::Class(module, class)), ("__init__", Abs::Instance(module, class, Owner::Fresh))]
        {
            if found && let Some((m, func)) = self.find_method(module, class, method) {
                self.enter(m, func, &EnvRef::default(), &[smallvec![first]], &[]);
            }
        }
    }

    /// Somebody lists the subclasses of a base.
    fn listed_subclass(&mut self, module: ModuleId, class: u32, place: (ModuleId, TextSize)) {
        for &(m, c) in self.mro(module, class).iter() {
            if self.shared.listed_classes.contains(&(m, c)) {
                let name = self.code(m).classes[c as usize].name;
                // A list that only the class's own module can read is made again there.
                if m != self.cause {
                    self.effect(EffectKind::Subclass, Owner::Module(m, name), place, Some(name));
                }
            }
        }
    }

    fn metaclass_of(&mut self, module: ModuleId, class: u32, depth: u32) -> AbsSet {
        if depth > 12 {
            return AbsSet::new();
        }
        let data = &self.code(module).classes[class as usize];
        if let Some(meta) = data.metaclass {
            return self.quietly(|w| w.eval(module, meta, &EnvRef::default()));
        }
        let bases: Vec<ValueId> = data.bases.to_vec();
        let mut out = AbsSet::new();
        for base in bases {
            for abs in self.quietly(|w| w.eval(module, base, &EnvRef::default())) {
                if let Abs::Class(m, c) = abs {
                    out.extend(self.metaclass_of(m, c, depth + 1));
                }
            }
        }
        out
    }

    /// The class and its bases, nearest first, as far as they are of the program.
    pub fn mro(&mut self, module: ModuleId, class: u32) -> Rc<[(ModuleId, u32)]> {
        if let Some(known) = self.shared.bases.get(&(module, class)) {
            return known;
        }
        let before = std::mem::replace(&mut self.incomplete, false);
        let mut out = vec![(module, class)];
        let mut next = 0;
        while next < out.len() && out.len() < 64 {
            let (m, c) = out[next];
            next += 1;
            let bases: Vec<ValueId> = self.code(m).classes[c as usize].bases.to_vec();
            for base in bases {
                let base = match self.code(m).value(base) {
                    // `Generic[T]`, `Base[int]`
                    Value::Item(inner) => inner,
                    _ => base,
                };
                for abs in self.quietly(|w| w.eval(m, base, &EnvRef::default())) {
                    if let Abs::Class(m, c) = abs
                        && !out.contains(&(m, c))
                    {
                        out.push((m, c));
                    }
                }
            }
        }
        let out: Rc<[(ModuleId, u32)]> = out.into();
        if !self.incomplete && self.steps <= MOST_STEPS && self.depth <= MOST_DEPTH {
            self.shared.bases.set((module, class), out.clone());
        }
        self.incomplete |= before;
        out
    }

    /// Whether the values are classes of the module that is being loaded, or of modules inside it: who has such a class,
    /// has loaded the module.
    fn is_own_class(&self, set: &AbsSet) -> bool {
        let is_own = |id: ModuleId| id == self.cause || self.is_inside_cause(self.program.module(id).name);
        !set.is_empty() && set.iter().all(|a| matches!(a, Abs::Class(module, _) if is_own(*module)))
    }

    /// Whether a class has the metaclass `abc.ABCMeta`.
    fn is_abstract(&mut self, module: ModuleId, class: u32) -> bool {
        for &(m, c) in self.mro(module, class).iter() {
            let class = &self.code(m).classes[c as usize];
            for &value in class.bases.iter().chain(&class.metaclass) {
                let found = self.quietly(|w| w.eval(m, value, &EnvRef::default()));
                if found
                    .iter()
                    .any(|a| matches!(a, Abs::External(path) if *path == "abc.ABC" || *path == "abc.ABCMeta"))
                {
                    return true;
                }
            }
        }
        false
    }

    fn find_member(&mut self, module: ModuleId, class: u32, name: Sym) -> Option<(ModuleId, u32, ValueId)> {
        for &(m, c) in self.mro(module, class).iter() {
            let members = &self.code(m).classes[c as usize].members;
            if let Some((_, value)) = members.iter().rev().find(|(n, _)| *n == name) {
                return Some((m, c, *value));
            }
        }
        None
    }

    fn find_method(&mut self, module: ModuleId, class: u32, name: &str) -> Option<(ModuleId, FuncId)> {
        let (m, _, value) = self.find_member(module, class, Sym::new(name))?;
        Self::function_behind(self.code(m), value).map(|f| (m, f))
    }

    /// The function that a member is, also behind decorators.
    fn function_behind(code: &Code, mut value: ValueId) -> Option<FuncId> {
        for _ in 0..8 {
            match code.value(value) {
                Value::Function(func) => return Some(func),
                Value::Call(call) => value = *code.positional(&code.calls[call as usize]).first()?,
                _ => return None,
            }
        }
        None
    }

    // ---------------------------------------------------------------- values

    fn quietly<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        self.silent += 1;
        let result = f(self);
        self.silent -= 1;
        result
    }

    fn eval(&mut self, module: ModuleId, value: ValueId, env: &EnvRef) -> AbsSet {
        self.steps += 1;
        if self.steps > MOST_STEPS || self.depth > 3 * MOST_DEPTH {
            return smallvec![Abs::Unknown];
        }
        self.depth += 1;
        let mut set = self.eval_inner(module, value, env);
        self.depth -= 1;
        unique(&mut set);
        set
    }

    fn eval_inner(&mut self, module: ModuleId, value: ValueId, env: &EnvRef) -> AbsSet {
        let code = self.code(module);
        match code.value(value) {
            Value::Opaque => smallvec![Abs::Unknown],
            Value::Fresh => smallvec![Abs::Fresh],
            Value::Str(text) => smallvec![Abs::Str(text)],
            Value::Var(var) => self.variable(module, var, env),
            Value::Global(name) => self.global(module, name),
            Value::Attr(base, attr) => {
                let mut out = AbsSet::new();
                for abs in self.eval(module, base, env) {
                    out.extend(self.attr(&abs, attr));
                }
                out
            }
            Value::Item(base) => {
                let mut out = AbsSet::new();
                for abs in self.eval(module, base, env) {
                    match abs {
                        Abs::Holder(elements, Owner::Fresh) => out.extend(elements.iter().cloned()),
                        Abs::Holder(elements, owner) => {
                            out.extend(elements.iter().map(|e| owned(e, owner)));
                        }
                        Abs::Unknown => out.push(Abs::Unknown),
                        Abs::Fresh | Abs::Str(_) => out.push(Abs::Fresh),
                        // `Base[T]` is as good as the base.
                        Abs::Class(m, c) => {
                            if let Some((m, func)) = self.find_method(m, c, "__class_getitem__") {
                                let args = [smallvec![abs.clone()], smallvec![Abs::Unknown]];
                                self.enter(m, func, &EnvRef::default(), &args, &[]);
                            }
                            out.push(abs);
                        }
                        other => out.push(Abs::Object(self.full_owner(&other))),
                    }
                }
                out
            }
            Value::Call(index) => {
                let key = (env.number(), module, index);
                if let Some(known) = self.call_results.get(&key) {
                    return known.clone();
                }
                let call = &code.calls[index as usize];
                let place = (module, TextSize::new(0));
                let result = self.quietly(|w| w.run_call(module, call, env, CallRole::Used, place));
                self.call_results.insert(key, result.clone());
                result
            }
            Value::Function(func) => {
                let closure =
                    if code.function(func).parent.is_module() { EnvRef::default() } else { env.clone() };
                smallvec![Abs::Function(module, func, closure, Owner::Fresh)]
            }
            Value::Class(class) => smallvec![Abs::Class(module, class)],
            Value::Either(a, b) => {
                let mut out = self.eval(module, a, env);
                out.extend(self.eval(module, b, env));
                out
            }
            Value::Import(stmt, alias) => {
                let mut out = AbsSet::new();
                self.imported(module, stmt, alias, None, &mut out);
                out
            }
            Value::Holder(inner) => {
                let elements = self.eval(module, inner, env);
                smallvec![Abs::Holder(Rc::new(elements), Owner::Fresh)]
            }
        }
    }

    fn variable(&mut self, module: ModuleId, var: u32, env: &EnvRef) -> AbsSet {
        let mut out = AbsSet::new();
        let mut home = env.clone();
        let mut at = env.0.clone();
        while let Some(current) = at {
            if current.module == module
                && let Some(bound) = current.bindings.get(&var)
            {
                out.extend(bound.iter().cloned());
                home = EnvRef(Some(current));
                break;
            }
            at = current.parent.0.clone();
        }
        if self.vars_running.insert((module, var, home.clone())) {
            for &assigned in self.code(module).assigned_to(var) {
                out.extend(self.eval(module, assigned, &home));
            }
            self.vars_running.remove(&(module, var, home));
        }
        if out.is_empty() {
            out.push(Abs::Unknown);
        }
        out
    }

    /// The values of a global name of a module.
    pub fn global(&mut self, module: ModuleId, name: Sym) -> AbsSet {
        if let Some(known) = self.globals.get(&(module, name)) {
            self.incomplete = true;
            return known.clone();
        }
        if let Some(known) = self.shared.globals.get(&(module, name)) {
            return known;
        }
        if !self.globals_running.insert((module, name)) {
            self.incomplete = true;
            return AbsSet::new();
        }
        if self.globals_running.len() > MOST_GLOBALS {
            self.globals_running.remove(&(module, name));
            self.incomplete = true;
            return AbsSet::new();
        }
        // The value does not depend on who asks: nothing of the asker's state is used.
        let saved =
            (std::mem::take(&mut self.calls_running), self.depth, self.calls, self.steps, self.incomplete);
        (self.depth, self.calls, self.steps, self.incomplete) = (0, MOST_CALLS / 2, 0, false);
        let set = self.quietly(|w| w.global_inner(module, name));
        let incomplete = self.incomplete || self.steps > MOST_STEPS;
        (self.calls_running, self.depth, self.calls, self.steps, self.incomplete) = saved;
        self.incomplete |= incomplete;
        self.globals_running.remove(&(module, name));
        if incomplete {
            self.globals.insert((module, name), set.clone());
        } else {
            self.shared.globals.set((module, name), set.clone());
        }
        set
    }

    /// What one name of an import statement is; `own` is the name itself if it is a global of the module.
    fn imported(&mut self, module: ModuleId, stmt: u32, alias: u32, own: Option<Sym>, out: &mut AbsSet) {
        let program = self.program;
        let import = &program.module(module).facts.imports[stmt as usize];
        let alias = alias as usize;
        match program.origin(module, import, alias) {
            Origin::Module(id) => out.push(Abs::Module(id)),
            Origin::Attribute(id, attr) if id == module && own == Some(attr) => {}
            Origin::Attribute(id, attr) => {
                let found = self.global(id, attr);
                if found.is_empty() {
                    out.push(Abs::Object(Owner::Module(id, attr)));
                } else {
                    out.extend(found);
                }
            }
            Origin::Foreign => {
                let path = program.loaded_name(module, import, alias).unwrap_or_default();
                let item = import.aliases[alias];
                let path = match (import.from, item.asname) {
                    (Some(_), _) => format!("{path}.{}", item.name),
                    (None, Some(_)) => path.to_owned(),
                    (None, None) => path.split('.').next().unwrap_or_default().to_owned(),
                };
                out.push(Abs::External(Sym::new(&path)));
            }
            Origin::MissingName(_) | Origin::MissingModule => out.push(Abs::Unknown),
        }
    }

    fn global_inner(&mut self, module: ModuleId, name: Sym) -> AbsSet {
        let program = self.program;
        let facts = &program.module(module).facts;
        let mut out = AbsSet::new();
        for site in facts.sites_of(name) {
            self.imported(module, site.stmt, site.alias, Some(name), &mut out);
        }
        for &(_, value) in facts.code.globals_of(name) {
            if value == ValueId::OPAQUE && facts.names.get(&name).is_some_and(|i| i.imported) {
                continue;
            }
            // What decorators make of a function or class that is known, is taken for that function or class.
            let followed = self.eval(module, value, &EnvRef::default());
            let known = followed.iter().any(|a| matches!(a, Abs::Class(m, _) if *m == module))
                || Self::function_behind(&facts.code, value).is_some();
            for abs in followed {
                match abs {
                    Abs::Unknown | Abs::Object(Owner::Fresh) if known => {}
                    Abs::Unknown => out.push(Abs::Object(Owner::Module(module, name))),
                    other => out.push(owned(&other, Owner::Module(module, name))),
                }
            }
            // A decorated function that cannot be followed is still that function.
            if let Some(func) = Self::function_behind(&facts.code, value) {
                out.push(function(module, func));
            }
        }
        if !out.is_empty() {
            return out;
        }
        if facts.names.contains_key(&name) {
            return smallvec![Abs::Object(Owner::Module(module, name))];
        }
        for import in facts.imports.iter().filter(|i| i.aliases.iter().any(|a| a.name == "*")) {
            let Some(source) = import.from.and_then(|from| program.absolute(module, from)) else { continue };
            match program.target(module, &source) {
                super::Target::Module(id)
                    if id != module
                        && (program.binds(id, name)
                            || !self.global(id, name).iter().all(|a| is_builtin(a, name))) =>
                {
                    return self.global(id, name);
                }
                super::Target::Stdlib
                    if program.stdlib.has_attribute(&source, name.as_str()) == super::stdlib::Has::Yes =>
                {
                    return smallvec![Abs::External(Sym::new(&format!("{source}.{name}")))];
                }
                _ => {}
            }
        }
        if name.as_str().starts_with("__") && name != "__import__" && name != "__build_class__" {
            // `__path__`, `__file__` and the like are the module's own.
            return smallvec![Abs::Object(Owner::Module(module, name))];
        }
        smallvec![Abs::External(Sym::new(&format!("builtins.{name}")))]
    }

    fn attr(&mut self, abs: &Abs, attr: Sym) -> AbsSet {
        match abs {
            Abs::Unknown => smallvec![Abs::Unknown],
            Abs::Fresh | Abs::Str(_) => smallvec![Abs::Fresh],
            Abs::Module(id) if attr == "__dict__" => {
                smallvec![Abs::Object(Owner::Module(*id, Sym::new("")))]
            }
            Abs::Module(id) => match self.program.attribute(*id, *id, attr) {
                Origin::Attribute(id, name) => {
                    let found = self.global(id, name);
                    if found.is_empty() { smallvec![Abs::Object(Owner::Module(id, name))] } else { found }
                }
                Origin::Module(id) => smallvec![Abs::Module(id)],
                Origin::Foreign | Origin::MissingName(_) | Origin::MissingModule => {
                    smallvec![Abs::Bound(Rc::new(abs.clone()), attr)]
                }
            },
            Abs::External(path) => {
                if attr == "__name__" || attr == "__file__" {
                    return smallvec![Abs::Fresh];
                }
                smallvec![Abs::External(Sym::new(&format!("{path}.{attr}")))]
            }
            Abs::Class(module, class) => {
                if let Some((m, c, value)) = self.find_member(*module, *class, attr) {
                    self.class_member(m, c, value, attr, abs)
                } else {
                    smallvec![Abs::Bound(Rc::new(abs.clone()), attr)]
                }
            }
            Abs::Instance(module, class, owner) => {
                if let Some((m, c, value)) = self.find_member(*module, *class, attr) {
                    match Self::function_behind(self.code(m), value) {
                        Some(func) => {
                            if has_decorator(self.code(m), func, &["property", "cached_property"]) {
                                return self.enter(
                                    m,
                                    func,
                                    &EnvRef::default(),
                                    &[smallvec![abs.clone()]],
                                    &[],
                                );
                            }
                            if has_decorator(self.code(m), func, &["staticmethod"]) {
                                return smallvec![function(m, func)];
                            }
                            let this = if has_decorator(self.code(m), func, &["classmethod"]) {
                                Abs::Class(*module, *class)
                            } else {
                                abs.clone()
                            };
                            smallvec![Abs::Method(Rc::new(this), m, func)]
                        }
                        None => self.class_member(m, c, value, attr, abs),
                    }
                } else {
                    let stored = self.instance_attribute(*module, *class, attr, *owner);
                    if stored.is_empty()
                        && let Some((m, func)) = self.find_method(*module, *class, "__getattr__")
                    {
                        // What it changes in the object itself, is an attribute made when it is asked for; and the
                        // attribute that is read here, is there.
                        let this = Abs::Instance(*module, *class, Owner::Fresh);
                        let args = [smallvec![this], smallvec![Abs::Str(attr)]];
                        let outer = self.path;
                        self.path = Path { guarded: true, conditional: true };
                        let result = self.enter(m, func, &EnvRef::default(), &args, &[]);
                        self.path = outer;
                        return result.iter().map(|found| owned(found, *owner)).collect();
                    }
                    if stored.is_empty() { smallvec![Abs::Bound(Rc::new(abs.clone()), attr)] } else { stored }
                }
            }
            Abs::Super(module, class, this) => {
                let mro = self.mro(*module, *class);
                for &(m, c) in mro.iter().skip(1) {
                    let members = &self.code(m).classes[c as usize].members;
                    let found = members.iter().rev().find(|(n, _)| *n == attr).map(|(_, v)| *v);
                    if let Some(func) = found.and_then(|v| Self::function_behind(self.code(m), v)) {
                        return smallvec![Abs::Method(this.clone(), m, func)];
                    }
                }
                // `object` and `type` change nothing but the new object.
                smallvec![Abs::Fresh]
            }
            Abs::Function(..)
            | Abs::Object(_)
            | Abs::Made(..)
            | Abs::Method(..)
            | Abs::Bound(..)
            | Abs::Partial(..)
            | Abs::Holder(..) => smallvec![Abs::Bound(Rc::new(abs.clone()), attr)],
        }
    }

    /// What `__init__` and other methods store under `self.attr`, if it is a function or an instance of the program.
    fn instance_attribute(&mut self, module: ModuleId, class: u32, attr: Sym, owner: Owner) -> AbsSet {
        let mut out = AbsSet::new();
        for &(m, c) in self.mro(module, class).iter() {
            let code = self.code(m);
            for (index, function) in code.functions.iter().enumerate() {
                if function.class != Some(c) {
                    continue;
                }
                let func = FuncId(u32::try_from(index).unwrap_or_default());
                for op in code.ops_of(func) {
                    let OpKind::SetAttr { base, attr: stored, value } = op.kind else { continue };
                    let on_self = matches!(code.value(base), Value::Var(v) if v == function.params.start);
                    if stored == attr && on_self {
                        for abs in self.quietly(|w| w.eval(m, value, &EnvRef::default())) {
                            match abs {
                                Abs::Instance(..) | Abs::Function(..) | Abs::Class(..) | Abs::Module(_) => {
                                    out.push(owned(&abs, owner));
                                }
                                _ => {}
                            }
                        }
                    }
                }
            }
        }
        out
    }

    fn class_member(
        &mut self,
        module: ModuleId,
        class: u32,
        value: ValueId,
        attr: Sym,
        holder: &Abs,
    ) -> AbsSet {
        let code = self.code(module);
        if let Some(func) = Self::function_behind(code, value) {
            if has_decorator(code, func, &["classmethod"]) || attr == "__init_subclass__" {
                return smallvec![Abs::Method(Rc::new(holder.clone()), module, func)];
            }
            if !code.function(func).decorators.is_empty() {
                let mut out = self.quietly(|w| w.eval(module, value, &EnvRef::default()));
                out.push(function(module, func));
                return out;
            }
            return smallvec![function(module, func)];
        }
        let name = code.classes[class as usize].name;
        let owner = Owner::Module(module, name);
        let values = self.quietly(|w| w.eval(module, value, &EnvRef::default()));
        values
            .into_iter()
            .map(|abs| match abs {
                Abs::Unknown => Abs::Object(owner),
                other => owned(&other, owner),
            })
            .collect()
    }

    // ---------------------------------------------------------------- calls

    fn run_call(
        &mut self,
        module: ModuleId,
        call: &Call,
        env: &EnvRef,
        role: CallRole,
        place: (ModuleId, TextSize),
    ) -> AbsSet {
        let code = self.code(module);
        let callees = self.eval(module, call.callee, env);
        let args: Vec<AbsSet> =
            code.positional(call).to_vec().iter().map(|&a| self.eval(module, a, env)).collect();
        let keywords: Vec<(Sym, AbsSet)> = code
            .keyword_args(call)
            .collect::<Vec<_>>()
            .into_iter()
            .map(|(n, v)| (n, self.eval(module, v, env)))
            .collect();
        for &arg in code.positional(call) {
            self.note_read(module, arg, env, true);
        }
        // `super()` needs the class around the call.
        if args.is_empty()
            && let Value::Global(name) = code.value(call.callee)
            && name == "super"
        {
            return self.super_of(module, env);
        }
        let mut out = AbsSet::new();
        let outer = self.path;
        // One of several definitions runs: which, depends on a condition.
        let functions = callees.iter().filter(|c| matches!(c, Abs::Function(..))).count();
        self.path.conditional |= functions > 1;
        for callee in callees {
            out.extend(self.call(&callee, &args, &keywords, role, place));
        }
        self.path = outer;
        out
    }

    fn super_of(&mut self, module: ModuleId, env: &EnvRef) -> AbsSet {
        let Some(current) = &env.0 else { return smallvec![Abs::Fresh] };
        let Some((&var, this)) = current.bindings.iter().min_by_key(|(v, _)| **v) else {
            return smallvec![Abs::Fresh];
        };
        let code = self.code(module);
        let func = code.vars[var as usize].func;
        if let (Some(class), Some(this)) = (code.function(func).class, this.first()) {
            smallvec![Abs::Super(module, class, Rc::new(this.clone()))]
        } else {
            smallvec![Abs::Fresh]
        }
    }

    fn call(
        &mut self,
        callee: &Abs,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
        role: CallRole,
        place: (ModuleId, TextSize),
    ) -> AbsSet {
        match callee {
            Abs::Function(module, func, env, _) => {
                let code = self.code(*module);
                let name = format!("{}.{}", self.program.module(*module).name, code.function(*func).name);
                if self.shared.pure.matches(&name) {
                    return args.first().cloned().unwrap_or_else(|| smallvec![Abs::Unknown]);
                }
                if self.shared.effect.matches(&name) {
                    let subject = Some(Sym::new(&name));
                    self.effect(EffectKind::Write, Owner::External(Sym::new(&name)), place, subject);
                }
                self.enter(*module, *func, &env.clone(), args, keywords)
            }
            Abs::Class(module, class) => self.instantiate(*module, *class, args, keywords),
            Abs::Method(this, module, func) => {
                let mut all = vec![smallvec![(**this).clone()]];
                all.extend(args.iter().cloned());
                self.enter(*module, *func, &EnvRef::default(), &all, keywords)
            }
            Abs::Partial(inner, first) => {
                let mut all = first.to_vec();
                all.extend(args.iter().cloned());
                self.call(&inner.clone(), &all, keywords, role, place)
            }
            Abs::External(path) => self.call_external(*path, args, keywords, role, place),
            Abs::Bound(base, name) => self.call_bound(base, *name, args, role, place),
            Abs::Object(owner) | Abs::Made(_, owner) => {
                if role != CallRole::Used && self.is_foreign(*owner) {
                    self.mutate(callee, EffectKind::UnresolvedCall, place, None);
                }
                // What a method of somebody's object returns may be that object's closure.
                let mut out = smallvec![Abs::Object(*owner)];
                if role == CallRole::Decorator {
                    out.extend(args.first().into_iter().flatten().cloned());
                }
                out
            }
            Abs::Instance(module, class, _) => {
                if let Some((m, func)) = self.find_method(*module, *class, "__call__") {
                    let mut all = vec![smallvec![callee.clone()]];
                    all.extend(args.iter().cloned());
                    self.enter(m, func, &EnvRef::default(), &all, keywords)
                } else {
                    smallvec![Abs::Unknown]
                }
            }
            Abs::Fresh | Abs::Str(_) => smallvec![Abs::Fresh],
            Abs::Unknown => {
                if self.safety == Safety::Strict && role != CallRole::Used {
                    self.effect(EffectKind::UnresolvedCall, Owner::Fresh, place, None);
                }
                if role == CallRole::Decorator {
                    let mut out = args.first().cloned().unwrap_or_default();
                    out.push(Abs::Unknown);
                    return out;
                }
                smallvec![Abs::Unknown]
            }
            Abs::Module(_) | Abs::Holder(..) | Abs::Super(..) => smallvec![Abs::Unknown],
        }
    }

    fn instantiate(
        &mut self,
        module: ModuleId,
        class: u32,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
    ) -> AbsSet {
        let new = Abs::Instance(module, class, Owner::Fresh);
        let mut with_self = vec![smallvec![new.clone()]];
        with_self.extend(args.iter().cloned());
        for meta in self.metaclass_of(module, class, 0) {
            if let Abs::Class(m, c) = meta
                && let Some((owner, func)) = self.find_method(m, c, "__call__")
            {
                let mut all = vec![smallvec![Abs::Class(module, class)]];
                all.extend(args.iter().cloned());
                self.enter(owner, func, &EnvRef::default(), &all, keywords);
            }
        }
        if let Some((m, func)) = self.find_method(module, class, "__new__") {
            let mut all = vec![smallvec![Abs::Class(module, class)]];
            all.extend(args.iter().cloned());
            self.enter(m, func, &EnvRef::default(), &all, keywords);
        }
        if let Some((m, func)) = self.find_method(module, class, "__init__") {
            self.enter(m, func, &EnvRef::default(), &with_self, keywords);
        }
        if let Some((m, func)) = self.find_method(module, class, "__post_init__") {
            self.enter(m, func, &EnvRef::default(), &[smallvec![new.clone()]], &[]);
        }
        smallvec![new]
    }

    /// Runs a function of the program with arguments.
    fn enter(
        &mut self,
        module: ModuleId,
        func: FuncId,
        closure: &EnvRef,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
    ) -> AbsSet {
        let code = self.code(module);
        let function = code.function(func);
        if function.coroutine {
            return smallvec![Abs::Fresh];
        }
        // Who calls a generator function at import time, usually runs through it: a loop, `with`.
        if self.calls > MOST_CALLS || self.depth > 3 * MOST_DEPTH || self.steps > MOST_STEPS {
            return smallvec![Abs::Unknown];
        }
        let path = if self.silent > 0 { Path::default() } else { self.path };
        let key = (module, func, closure.clone(), args.to_vec(), keywords.to_vec(), (self.silent > 0, path));
        if let Some(known) = self.results.get(&key) {
            return known.clone();
        }
        if !self.calls_running.insert((module, func)) {
            return smallvec![Abs::Unknown];
        }
        let mut bindings: FxHashMap<u32, AbsSet> = FxHashMap::default();
        let params: Vec<u32> = function.params.clone().collect();
        let star_from = function.positional as usize;
        for (index, arg) in args.iter().enumerate() {
            if index < star_from {
                bindings.insert(params[index], arg.clone());
            } else if function.vararg {
                let at = params.len() - 1 - usize::from(function.kwarg);
                let entry = bindings.entry(params[at]).or_default();
                let mut elements: AbsSet = match entry.first() {
                    Some(Abs::Holder(old, _)) => (**old).clone(),
                    _ => AbsSet::new(),
                };
                elements.extend(arg.iter().cloned());
                *entry = smallvec![Abs::Holder(Rc::new(elements), Owner::Fresh)];
            }
        }
        for (name, value) in keywords {
            let named = params.iter().find(|&&p| code.vars[p as usize].name == *name);
            if let Some(&param) = named {
                bindings.insert(param, value.clone());
            }
        }
        for &param in &params {
            bindings.entry(param).or_default();
        }
        let env = EnvRef(Some(Rc::new(Env {
            module,
            bindings,
            parent: closure.clone(),
            number: ENVIRONMENTS.fetch_add(1, Ordering::Relaxed),
        })));
        self.depth += 1;
        self.calls += 1;
        self.body(module, func, &env);
        let mut out = AbsSet::new();
        for &value in code.returns_of(func) {
            self.note_read(module, value, &env, false);
            out.extend(self.eval(module, value, &env));
        }
        self.depth -= 1;
        self.calls -= 1;
        self.calls_running.remove(&(module, func));
        if out.is_empty() {
            out.push(Abs::Fresh);
        }
        unique(&mut out);
        self.results.insert(key, out.clone());
        out
    }

    fn call_bound(
        &mut self,
        base: &Rc<Abs>,
        name: Sym,
        args: &[AbsSet],
        role: CallRole,
        place: (ModuleId, TextSize),
    ) -> AbsSet {
        let method = name.as_str();
        let owner = self.full_owner(base);
        if let Abs::Made(made, _) = &**base {
            let starts = tables::starts_something(made.as_str(), method);
            if starts {
                self.effect(EffectKind::InputOutput, Owner::External(*made), place, Some(*made));
            }
            if tables::is_logger(made.as_str()) && tables::LOGGER_EMITS.contains(&method) {
                if self.safety == Safety::Strict || !self.path.conditional {
                    self.effect(EffectKind::InputOutput, Owner::External(*made), place, Some(*made));
                }
                return smallvec![Abs::Fresh];
            }
        }
        if let (Abs::Holder(elements, _), true) = (&**base, tables::CONTAINER_VIEWS.contains(&method)) {
            return smallvec![Abs::Holder(elements.clone(), Owner::Fresh)];
        }
        if method == "register"
            && let Abs::Class(module, class) = **base
            && args.first().is_some_and(|set| self.is_own_class(set))
            && self.is_abstract(module, class)
        {
            return args[0].clone();
        }
        let foreign = self.is_foreign(owner);
        // Drawing from a stream of random numbers changes what the next one gets.
        let stream = matches!(&**base, Abs::Made(made, _) if *made == "random.Random");
        if foreign && (stream || tables::MUTATORS.contains(&method)) {
            self.mutate(base, EffectKind::Write, place, Some(name));
        } else if foreign && role != CallRole::Used && !tables::HARMLESS_METHODS.contains(&method) {
            self.mutate(base, EffectKind::UnresolvedCall, place, Some(name));
        }
        // Functions that are handed over may be called.
        if tables::CALLS_ARGUMENT.contains(&method) {
            for callee in args.first().into_iter().flatten() {
                self.call(&callee.clone(), &[], &[], CallRole::Used, place);
            }
        }
        let mut out = match (&**base, method) {
            (Abs::Holder(elements, owner), "get" | "pop" | "setdefault" | "popitem") => {
                elements.iter().map(|e| owned(e, *owner)).collect()
            }
            (_, "copy") => smallvec![Abs::Fresh],
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

    // ---------------------------------------------------------------- foreign code

    fn call_external(
        &mut self,
        path: Sym,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
        role: CallRole,
        place: (ModuleId, TextSize),
    ) -> AbsSet {
        let text = path.as_str();
        let first = || args.first().cloned().unwrap_or_default();
        let string = |index: usize| {
            args.get(index).and_then(|set| {
                set.iter().find_map(|abs| match abs {
                    Abs::Str(name) => Some(*name),
                    _ => None,
                })
            })
        };
        if self.shared.pure.matches(text) {
            return first();
        }
        if self.shared.effect.matches(text) {
            self.effect(EffectKind::Process, Owner::External(path), place, Some(path));
            return first();
        }
        if text.strip_suffix(".register").is_some_and(tables::is_abstract_class) {
            // A class of its own that a module registers with an abstract base class has no instances without the module.
            if !args.first().is_some_and(|set| self.is_own_class(set)) {
                self.effect(EffectKind::Process, Owner::External(path), place, Some(path));
            }
            return first();
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
            if object.starts_with("builtins.") {
                // `list.append(names, "x")`
                for abs in first() {
                    self.mutate(&abs, EffectKind::Write, place, Some(path));
                }
                return smallvec![Abs::Fresh];
            }
            self.effect(EffectKind::Process, Owner::External(Sym::new(object)), place, Some(path));
            return smallvec![Abs::Fresh];
        }
        match text {
            "builtins.next"
            | "operator.setitem"
            | "operator.delitem"
            | "operator.iadd"
            | "operator.ior"
            | "builtins.type.__setattr__"
            | "builtins.object.__setattr__" => {
                for abs in first() {
                    self.mutate(&abs, EffectKind::Write, place, None);
                }
            }
            "builtins.exec" if args.len() < 2 => {
                self.effect(EffectKind::Process, Owner::External(path), place, Some(path));
            }
            _ => {}
        }
        match tables::external(text) {
            ExternalKind::SetAttribute => {
                let attr = string(1).unwrap_or_else(|| Sym::new("…"));
                for abs in first() {
                    self.set_attr(&abs, attr, place);
                }
                smallvec![Abs::Fresh]
            }
            ExternalKind::GetAttribute => match string(1) {
                Some(attr) => {
                    let mut out = AbsSet::new();
                    for abs in first() {
                        out.extend(self.attr(&abs, attr));
                    }
                    out
                }
                None => first().iter().map(|abs| Abs::Object(self.full_owner(abs))).collect(),
            },
            ExternalKind::ImportModule => {
                if let Some(name) = string(0) {
                    let program = self.program;
                    let chain = program.chain(self.cause, name.as_str());
                    if self.silent == 0 {
                        self.outcome.loads.extend(chain.iter().map(|&id| (id, self.at)));
                    }
                    if let super::Target::Module(id) = program.target(self.cause, name.as_str()) {
                        smallvec![Abs::Module(id)]
                    } else {
                        smallvec![Abs::External(name)]
                    }
                } else {
                    self.load_siblings(place.0);
                    smallvec![Abs::Unknown]
                }
            }
            ExternalKind::Partial => {
                let rest: Vec<AbsSet> = args.iter().skip(1).cloned().collect();
                first().into_iter().map(|f| Abs::Partial(Rc::new(f), Rc::new(rest.clone()))).collect()
            }
            ExternalKind::CallsFirst => {
                let elements: AbsSet = args.get(1).into_iter().flatten().flat_map(elements_of).collect();
                let elements = if elements.is_empty() { smallvec![Abs::Unknown] } else { elements };
                let mut results = AbsSet::new();
                for callee in first() {
                    results.extend(self.call(
                        &callee,
                        std::slice::from_ref(&elements),
                        &[],
                        CallRole::Used,
                        place,
                    ));
                }
                smallvec![Abs::Holder(Rc::new(results), Owner::Fresh)]
            }
            ExternalKind::Identity => {
                let mut out = first();
                if out.is_empty() {
                    out.push(Abs::External(path));
                }
                out
            }
            ExternalKind::DecoratorFactory => smallvec![Abs::External(Sym::new("functools.wraps()"))],
            ExternalKind::Collects => {
                let elements: AbsSet = args.iter().flatten().flat_map(elements_of).collect();
                smallvec![Abs::Holder(Rc::new(elements), Owner::Fresh)]
            }
            ExternalKind::Type => {
                if args.len() == 3 {
                    let bases: AbsSet = args[1].iter().flat_map(elements_of).collect();
                    self.class_created(&Abs::Fresh, &bases, None, place);
                    return smallvec![Abs::Fresh];
                }
                first()
                    .into_iter()
                    .map(|abs| match abs {
                        Abs::Instance(m, c, _) => Abs::Class(m, c),
                        _ => Abs::Unknown,
                    })
                    .collect()
            }
            ExternalKind::Namespace => {
                let mut out: AbsSet = first();
                if out.is_empty() {
                    // `globals()` of the module whose code runs.
                    out.push(Abs::Object(Owner::Module(place.0, Sym::new("globals()"))));
                }
                out
            }
            ExternalKind::GetLogger => {
                let own = self.program.module(place.0).name.as_str();
                let package = own.split('.').next().unwrap_or_default();
                let owner = match (string(0), args.is_empty()) {
                    (Some(name), _) if name.as_str().split('.').next() != Some(package) => {
                        Owner::External(Sym::new("logging"))
                    }
                    (None, true) => Owner::External(Sym::new("logging")),
                    _ => Owner::Fresh,
                };
                smallvec![Abs::Made(Sym::new("logging.Logger"), owner)]
            }
            ExternalKind::Open => {
                let mode = string(1).or_else(|| {
                    keywords.iter().find(|(n, _)| *n == "mode").and_then(|(_, set)| {
                        set.iter().find_map(|abs| match abs {
                            Abs::Str(name) => Some(*name),
                            _ => None,
                        })
                    })
                });
                if mode.is_some_and(|m| m.as_str().contains(['w', 'a', 'x', '+'])) {
                    self.effect(EffectKind::InputOutput, Owner::External(path), place, Some(path));
                }
                smallvec![Abs::Made(path, Owner::Fresh)]
            }
            ExternalKind::Process
                if matches!(text, "warnings.filterwarnings" | "warnings.simplefilter")
                    && (args.get(if text == "warnings.simplefilter" { 1 } else { 2 }))
                        .or_else(|| keywords.iter().find(|(n, _)| *n == "category").map(|(_, set)| set))
                        .is_some_and(|set| self.is_own_class(set)) =>
            {
                // A filter for warnings of its own, which nobody can give before the module is loaded.
                smallvec![Abs::Fresh]
            }
            ExternalKind::Process if self.is_diagnosis(text) => smallvec![Abs::Fresh],
            ExternalKind::Process => {
                let subject = string(0).unwrap_or(path);
                self.effect(EffectKind::Process, Owner::External(path), place, Some(subject));
                smallvec![Abs::Made(path, Owner::Fresh)]
            }
            ExternalKind::InputOutput => {
                self.effect(EffectKind::InputOutput, Owner::External(path), place, Some(path));
                smallvec![Abs::Made(path, Owner::Fresh)]
            }
            ExternalKind::Fails => {
                // `sys.exit()` is caught by no usual handler.
                self.effect(EffectKind::Fails, Owner::External(path), place, Some(path));
                smallvec![Abs::Fresh]
            }
            // The path of the module's file, or one made of it, is absolute already.
            ExternalKind::ReadsState if text.starts_with("os.path.") && string(0).is_none() => {
                smallvec![Abs::Fresh]
            }
            ExternalKind::ReadsState => {
                let state = tables::state_of(text);
                self.state_read(Sym::new(state), string(0));
                smallvec![Abs::Fresh]
            }
            ExternalKind::Registers => {
                // A callback that only touches what belongs to the module being loaded can be registered late.
                if !self.is_own_business(args) {
                    self.effect(EffectKind::Process, Owner::External(path), place, Some(path));
                }
                first()
            }
            ExternalKind::Pure => self.made(path, args, role),
            ExternalKind::Unknown => {
                let stdlib = self.program.stdlib.knows(text.split('.').next().unwrap_or_default());
                // `try: numpy.f(x) except TypeError` asks what is supported.
                let asks = self.path.guarded && !stdlib && self.safety != Safety::Strict;
                if role == CallRole::Dropped && !asks && !tables::is_process_read(text) {
                    let kind = if stdlib { EffectKind::Process } else { EffectKind::UnresolvedCall };
                    self.effect(kind, Owner::External(path), place, Some(path));
                } else if self.safety == Safety::Strict && !stdlib && role == CallRole::Decorator {
                    self.effect(EffectKind::UnresolvedCall, Owner::External(path), place, Some(path));
                }
                self.made(path, args, role)
            }
        }
    }

    /// A warning under a condition: it tells people that something is wrong, and changes nothing else.
    fn is_diagnosis(&self, path: &str) -> bool {
        self.safety != Safety::Strict
            && self.path.conditional
            && matches!(path, "warnings.warn" | "warnings.warn_explicit")
    }

    #[expect(clippy::unused_self, reason = "a method like its neighbours")]
    fn made(&self, path: Sym, args: &[AbsSet], role: CallRole) -> AbsSet {
        let mut out = smallvec![Abs::Made(path, Owner::Fresh)];
        if role == CallRole::Decorator || path.as_str().ends_with("()") {
            out.extend(args.first().into_iter().flatten().cloned());
        }
        out
    }

    /// Handlers whose effects, if any, are on the module's own state.
    fn is_own_business(&mut self, args: &[AbsSet]) -> bool {
        let Some(callback) = args.first() else { return false };
        let callbacks = callback.clone();
        if callbacks.is_empty() {
            return false;
        }
        callbacks.iter().all(|abs| match abs {
            Abs::Function(module, func, env, _) if *module == self.cause => {
                let (silent, effects, seen) =
                    (self.silent, std::mem::take(&mut self.outcome.effects), std::mem::take(&mut self.seen));
                self.silent = 0;
                let results = std::mem::take(&mut self.results);
                self.enter(*module, *func, &env.clone(), &[], &[]);
                let harmless = self.outcome.effects.is_empty();
                self.results = results;
                self.silent = silent;
                self.outcome.effects = effects;
                self.seen = seen;
                harmless
            }
            Abs::Bound(base, _) => !self.is_foreign(self.full_owner(base)),
            Abs::Method(base, ..) => !self.is_foreign(self.full_owner(base)),
            _ => false,
        })
    }

    /// `import_module(name)` in a loop: all modules of the package that does it.
    fn load_siblings(&mut self, module: ModuleId) {
        if self.silent > 0 {
            return;
        }
        let name = self.program.module(module).name.as_str();
        let prefix = format!("{name}.");
        if !self.program.module(module).is_package {
            return;
        }
        for id in self.program.ids() {
            if self.program.module(id).name.as_str().starts_with(&prefix) {
                self.outcome.loads.push((id, self.at));
            }
        }
    }
}

/// Drops repetitions, and what goes beyond the most values that are followed.
fn unique(set: &mut AbsSet) {
    let mut kept = 0;
    for index in 0..set.len() {
        if kept < MOST && !set[..kept].contains(&set[index]) {
            set.swap(kept, index);
            kept += 1;
        }
    }
    set.truncate(kept);
}

fn elements_of(abs: &Abs) -> AbsSet {
    match abs {
        Abs::Holder(elements, _) => (**elements).clone(),
        Abs::Fresh | Abs::Str(_) => smallvec![Abs::Fresh],
        other => smallvec![other.clone()],
    }
}

/// A new object that has become somebody's.
fn owned(abs: &Abs, owner: Owner) -> Abs {
    match abs {
        Abs::Fresh => Abs::Object(owner),
        Abs::Instance(m, c, Owner::Fresh) => Abs::Instance(*m, *c, owner),
        Abs::Made(path, Owner::Fresh) => Abs::Made(*path, owner),
        Abs::Holder(elements, Owner::Fresh) => Abs::Holder(elements.clone(), owner),
        Abs::Object(Owner::Fresh) => Abs::Object(owner),
        Abs::Function(module, func, env, Owner::Fresh) => Abs::Function(*module, *func, env.clone(), owner),
        other => other.clone(),
    }
}

/// A function of the program without variables around it.
fn function(module: ModuleId, func: FuncId) -> Abs {
    Abs::Function(module, func, EnvRef::default(), Owner::Fresh)
}

fn is_builtin(abs: &Abs, name: Sym) -> bool {
    matches!(abs, Abs::External(path) if path.as_str().strip_prefix("builtins.") == Some(name.as_str()))
}

fn has_decorator(code: &Code, func: FuncId, names: &[&str]) -> bool {
    code.function(func).decorators.iter().any(|&d| match code.value(d) {
        Value::Global(name) | Value::Attr(_, name) => names.contains(&name.as_str()),
        _ => false,
    })
}
