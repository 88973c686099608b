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

mod asked;
mod attributes;
mod bound;
mod calls;
mod carried;
mod classes;
mod collected;
mod contexts;
mod decorated;
mod effects;
mod foreign;
mod forwarded;
mod handlers;
mod keyed;
mod library;
mod mixed;
mod object;
mod outcome;
mod premise;
mod protocol;
mod reads;
mod refused;
mod shared;
mod texts;
mod told;
mod values;

use std::sync::atomic::{AtomicU64, Ordering};

use ruff_text_size::TextSize;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

pub(super) use self::object::has_decorator;
pub use self::object::{Abs, AbsSet, ClassRef, Env, EnvRef, Owner};
use self::object::{elements_of, function, is_builtin, join, owned, unique};
pub use self::outcome::{Effect, EffectKind, GlobalRead, MethodRead, Outcome, Part, Risk, StateRead};
pub use self::shared::{Classes, Shared, StoredAttributes};
use self::told::{Followed, Told};
use super::settled::is_init_of;
use super::{ModuleId, Origin, Program, Target, tables};
use crate::config::Safety;
use crate::dotted::is_within;
use crate::facts::{Asked, Code, FuncId, OpKind, Sym, Value, ValueId, words};

/// A call with its arguments, and whether its effects count and on which path.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CallKey<'a> {
    module: ModuleId,
    func: FuncId,
    closure: &'a EnvRef,
    args: &'a [AbsSet],
    keywords: &'a [(Sym, AbsSet)],
    told: &'a [Told],
    complete: bool,
    silent: bool,
    path: Path,
}

/// A call that has run, with its result.
struct CallResult {
    module: ModuleId,
    func: FuncId,
    closure: EnvRef,
    args: Box<[AbsSet]>,
    keywords: Box<[(Sym, AbsSet)]>,
    told: Box<[Told]>,
    complete: bool,
    silent: bool,
    path: Path,
    result: AbsSet,
}

/// Results of the calls in one environment.
type CallResults = FxHashMap<(ModuleId, u32), AbsSet>;

/// A global with its values.
type GlobalValues = ((ModuleId, Sym), AbsSet);

impl CallResult {
    fn new(key: &CallKey<'_>, result: AbsSet) -> Self {
        let &CallKey { module, func, closure, args, keywords, told, complete, silent, path } = key;
        let closure = closure.clone();
        let (args, keywords, told) = (args.into(), keywords.into(), told.into());
        Self { module, func, closure, args, keywords, told, complete, silent, path, result }
    }

    fn is_of(&self, key: &CallKey<'_>) -> bool {
        let Self { module, func, closure, args, keywords, told, complete, silent, path, .. } = self;
        *key == CallKey {
            module: *module,
            func: *func,
            closure,
            args,
            keywords,
            told,
            complete: *complete,
            silent: *silent,
            path: *path,
        }
    }
}

/// On which path the running operation is, from the top level of the module through all calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Path {
    /// In the body of a `try` that has handlers: what it raises goes no further.
    guarded: bool,
    /// Under a condition, in a loop or a handler.
    conditional: bool,
    /// After the place where a function may have returned.
    may_have_left: bool,
    /// In a property of one of several objects.
    one_of_several: bool,
}

impl Path {
    /// Whether the operation runs in every run that gets to the top-level statement.
    fn is_certain(self) -> bool {
        !self.conditional && !self.may_have_left
    }
}

/// A premise in force, see [`OpKind::When`].
#[derive(Debug, Clone, Copy)]
struct Premise {
    of: ValueId,
    asked: Asked,
    text: ValueId,
    given: bool,
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
    /// How many a statement may take.
    most_steps: u32,
    globals: FxHashMap<(ModuleId, Sym), AbsSet>,
    /// Values that all share and that were asked for lately: most names are asked for several times on end.
    recent_globals: Box<[Option<GlobalValues>; RECENT_GLOBALS]>,
    globals_running: FxHashSet<(ModuleId, Sym)>,
    stores_running: FxHashSet<(ModuleId, Sym, bool)>,
    /// What the module that is being loaded puts where.
    own_stores: Option<std::sync::Arc<carried::Stores>>,
    calls_running: FxHashMap<(ModuleId, FuncId), SmallVec<[u64; MOST_NESTED]>>,
    /// The classes that metaclasses are just making.
    creating: Vec<ClassRef>,
    /// Variables whose values are being computed, with the number and the owner of their environment.
    vars_running: Vec<(ModuleId, u32, u64, Owner)>,
    /// Results of calls, by the hash of the call: so a call that has run is found without a copy of its arguments.
    results: FxHashMap<u64, SmallVec<[CallResult; 1]>>,
    /// Results of the calls that have run, by the number of their environment.
    call_results: FxHashMap<u64, CallResults>,
    /// What is being computed depends on something that is being computed as well.
    incomplete: bool,
    path: Path,
    /// How often state of the process has been read, and how often when the function that runs was entered, if it certainly was.
    state_reads: u32,
    reads_at_entry: Option<u32>,
    /// The number of the last environment.
    environment: u64,
    /// The package whose modules were listed last.
    walked: Option<ModuleId>,
    /// Attributes that have been stored in objects that were made before.
    changed: FxHashSet<Sym>,
    /// Attributes that have been stored in objects, with their class, if it is known.
    stored: FxHashSet<(Option<(ModuleId, u32)>, Sym)>,
    /// What is known of the variables of the function that runs.
    followed: Followed,
    collected: collected::Collected,
    /// What functions that have run have stored under attributes of some objects, and in classes under names that are not known.
    put: FxHashMap<Sym, AbsSet>,
    put_in_classes: FxHashMap<(ModuleId, u32), AbsSet>,
    /// What parsers of arguments call for what they are given.
    parsers_call: AbsSet,
    /// What decorators have stored in classes.
    decorated: FxHashMap<(ModuleId, u32, u64), decorated::Decorated>,
}

/// Each interpreter numbers its environments from here on: those of several meet in shared values.
static ENVIRONMENTS: AtomicU64 = AtomicU64::new(0);

/// Stands for an attribute whose name is computed.
const ANY_ATTRIBUTE: &str = "…";

/// Steps that one operation at module level, or one global, may take.
const MOST_STEPS: u32 = 4_000;
/// What is left of them to a statement after others have used up theirs: what registers something takes a few hundred.
const LEAST_STEPS: u32 = 300;
/// Functions that may be entered from one another.
const MOST_CALLS: u32 = 10;

/// How often a function may be running, each time with other outcomes of the tests of its parameters.
const MOST_NESTED: usize = 3;
const MOST_DEPTH: u32 = 24;
const MOST_GLOBALS: usize = 300;
const RECENT_GLOBALS: usize = 64;

impl<'p> Interpreter<'p> {
    /// What loading `module` does.
    pub fn run(program: &'p Program, shared: &'p Shared, safety: Safety, module: ModuleId) -> Outcome {
        let mut interpreter = Self::new(program, shared, safety, module);
        interpreter.body(module, FuncId::MODULE, &EnvRef::default());
        let mut outcome = interpreter.outcome;
        let mut seen = FxHashSet::default();
        outcome.global_reads.retain(|read| seen.insert(*read));
        let mut seen = FxHashSet::default();
        outcome.method_reads.retain(|read| seen.insert((read.class, read.member)));
        outcome.shrink();
        outcome
    }

    /// An interpreter that only evaluates.
    pub fn evaluator(program: &'p Program, shared: &'p Shared, module: ModuleId) -> Self {
        Self { silent: 1, ..Self::new(program, shared, Safety::Balanced, module) }
    }

    fn new(program: &'p Program, shared: &'p Shared, safety: Safety, cause: ModuleId) -> Self {
        Self {
            program,
            shared,
            safety,
            cause,
            outcome: Outcome::default(),
            seen: FxHashSet::default(),
            silent: 0,
            at: TextSize::new(0),
            depth: 0,
            calls: 0,
            steps: 0,
            most_steps: MOST_STEPS,
            globals: FxHashMap::default(),
            recent_globals: Box::new([const { None }; RECENT_GLOBALS]),
            globals_running: FxHashSet::default(),
            stores_running: FxHashSet::default(),
            own_stores: None,
            calls_running: FxHashMap::default(),
            creating: Vec::new(),
            vars_running: Vec::new(),
            results: FxHashMap::default(),
            call_results: FxHashMap::default(),
            incomplete: false,
            path: Path::default(),
            state_reads: 0,
            reads_at_entry: None,
            environment: ENVIRONMENTS.fetch_add(1 << 32, Ordering::Relaxed),
            walked: None,
            changed: FxHashSet::default(),
            stored: FxHashSet::default(),
            followed: Followed::default(),
            collected: collected::Collected::default(),
            put: FxHashMap::default(),
            put_in_classes: FxHashMap::default(),
            parsers_call: AbsSet::new(),
            decorated: FxHashMap::default(),
        }
    }

    /// The possible values of an expression at module level. What was found for earlier ones is used again.
    pub fn evaluate(&mut self, module: ModuleId, value: ValueId) -> AbsSet {
        self.steps = 0;
        self.eval(module, value, &EnvRef::default())
    }

    fn code(&self, module: ModuleId) -> &'p Code {
        &self.program.module(module).facts.code
    }

    /// Runs the operations of a function. Gives the values whose returns were not met, as parameters decide.
    fn body(&mut self, module: ModuleId, func: FuncId, env: &EnvRef) -> SmallVec<[ValueId; 2]> {
        let mut dead = SmallVec::new();
        let code = self.code(module);
        let top = func.is_module() && module == self.cause;
        // Where state of the process was read, and how often before that.
        let mut reads: SmallVec<[(TextSize, u32); 4]> = SmallVec::new();
        // Premises in force: how many operations they are for, and what they ask.
        let mut premises: SmallVec<[(u32, Premise); 4]> = SmallVec::new();
        let mut ops = code.ops_of(func);
        while let Some(op) = ops.next() {
            if !premises.is_empty() {
                premises.retain(|(left, _)| {
                    *left = left.saturating_sub(1);
                    *left > 0
                });
            }
            if op.main_guard {
                continue;
            }
            // A statement of the module takes no steps from the next one.
            if top {
                self.at = op.at;
                if self.steps > self.most_steps {
                    self.most_steps = LEAST_STEPS.max(self.most_steps / 4);
                }
                self.steps = 0;
            }
            self.steps += 1;
            if self.steps > self.most_steps {
                if !op.conditional {
                    self.not_followed();
                }
                return dead;
            }
            let place = (module, op.at);
            let reads_before = self.state_reads;
            let outer = self.path;
            self.path.guarded |= op.guarded;
            self.path.conditional |= op.conditional;
            self.path.may_have_left |= op.may_have_left;
            // What a call gives, may decide all tests around it.
            if op.told
                && (op.conditional || op.may_have_left)
                && self.silent == 0
                && matches!(op.kind, OpKind::Raise { .. } | OpKind::Call { .. })
                && premises.iter().all(|&(_, premise)| self.holds(module, premise, env))
            {
                self.path = Path { guarded: self.path.guarded, ..outer };
            }
            match op.kind {
                OpKind::Call { call, role } => {
                    let result = self.run_call(module, call, env, role, place);
                    self.call_results.entry(env.number()).or_default().insert((module, call), result);
                }
                OpKind::SetAttr { base, attr, value, memo } => {
                    if !is_init_of(code, func, base) {
                        self.changed.insert(attr);
                    }
                    let objects = self.eval(module, base, env);
                    // `cls.hook = hook`; what methods store in their own object, is found with its class.
                    let keeps =
                        |abs: &Abs| matches!(abs, Abs::Class(_) | Abs::Function(..) | Abs::Partial(..));
                    if self.silent == 0 && !func.is_module() && !value.is_plain() && objects.iter().all(keeps)
                    {
                        let values = self.eval(module, value, env);
                        self.put_while_running(None, attr, &values);
                    }
                    for abs in objects {
                        self.stored.insert((abs.class(), attr));
                        let swaps = attr == "__class__" && matches!(abs, Abs::Module(_));
                        if !swaps && !memo && !self.is_own_module_entry(module, base, &abs) {
                            self.set_attr(&abs, attr, place);
                            self.attribute_stored(&abs, attr, module, value, env);
                            if matches!(abs, Abs::Made(path, _) if path == "threading.local") {
                                // Only the thread that loads the module has it.
                                self.state_read(Sym::new(tables::THREAD), None);
                            }
                        }
                    }
                    self.note_read(module, value, env, false);
                }
                OpKind::DelAttr { base, attr } => {
                    for abs in self.eval(module, base, env) {
                        self.set_attr(&abs, attr, place);
                        self.attribute_deleted(&abs, attr);
                    }
                }
                OpKind::SetItem { base, key, .. } if self.is_own_module_item(module, base, key) => {}
                OpKind::SetItem { cache: Some(name), value, .. }
                    if !self.shared.shown_privates.contains(&name) =>
                {
                    self.note_read(module, value, env, false);
                }
                OpKind::SetItem { base, key, value, .. } => {
                    if func.is_module() {
                        self.key_used(module, key, &["__index__", "__hash__"], env);
                    }
                    if matches!(code.value(base), Value::Attr(_, words::DICT)) {
                        self.changed.insert(Sym::new(ANY_ATTRIBUTE));
                    }
                    let subject = self.key_name(module, key, env);
                    for abs in self.eval(module, base, env) {
                        let installs = matches!(abs, Abs::External(path) if path == "sys.modules");
                        // `sys.modules[module.__name__] = module`
                        let of_module = matches!(code.value(key), Value::Attr(_, attr) if attr == "__name__");
                        let subject = subject.or_else(|| of_module.then(|| Sym::new("")));
                        if let Some(name) = subject.filter(|name| installs && !self.is_inside_cause(*name)) {
                            // Another name for a module.
                            self.effect(
                                EffectKind::Process,
                                Owner::External(Sym::new("sys.modules")),
                                place,
                                Some(name),
                            );
                        }
                        let keys = self.eval(module, key, env);
                        let attr = match code.value(base) {
                            Value::Attr(_, attr) => Some(attr),
                            _ => None,
                        };
                        if !self.is_private_entry((&abs, attr), &keys) {
                            self.mutate(&abs, EffectKind::Write, place, subject);
                        }
                        self.item_stored(&abs, "__setitem__", module, &[key, value], env);
                    }
                    // `sys._getframe(1).f_globals["x"] = …`
                    if let Value::Attr(_, attr) = code.value(base)
                        && matches!(attr.as_str(), "f_globals" | "f_builtins")
                    {
                        self.effect(EffectKind::Process, Owner::External(attr), place, subject);
                    }
                    self.note_read(module, value, env, false);
                }
                OpKind::ChangeInPlace { base, value, added } => {
                    self.change_in_place(module, base, added, env, place);
                    self.note_read(module, value, env, false);
                }
                OpKind::DelItem { base, key } => {
                    let subject = self.key_name(module, key, env);
                    for abs in self.eval(module, base, env) {
                        self.mutate(&abs, EffectKind::Write, place, subject);
                        self.item_stored(&abs, "__delitem__", module, &[key], env);
                    }
                }
                OpKind::SetGlobal { name, value } => {
                    if module != self.cause {
                        self.effect(EffectKind::Write, Owner::Module(module, name), place, Some(name));
                    }
                    self.note_read(module, value, env, false);
                    // Reading an attribute may run a property or `__getattr__`, also as an element; and a name may be missing.
                    if matches!(code.value(value), Value::Attr(..) | Value::Global(_) | Value::Holder(_)) {
                        self.eval(module, value, env);
                    }
                }
                OpKind::DelGlobal { name } => {
                    if module != self.cause {
                        self.effect(EffectKind::Write, Owner::Module(module, name), place, Some(name));
                    }
                }
                OpKind::Bind { var, value } => {
                    let certain = !op.conditional && !op.guarded;
                    self.bind(module, (var, value), certain, env);
                }
                OpKind::DefineClass(class) => self.define_class(module, class, env, place),
                OpKind::Import(index) => {
                    if func.is_module() {
                        self.names_asked(module, index);
                    } else {
                        self.function_import(module, index, place);
                    }
                }
                OpKind::Read(value) => {
                    if matches!(code.value(value), Value::Attr(..) | Value::Item(_) | Value::Global(_)) {
                        self.note_read(module, value, env, false);
                        self.eval(module, value, env);
                    }
                }
                OpKind::Load { base, key } => {
                    if func.is_module() {
                        self.key_used(module, key, &["__index__", "__hash__"], env);
                    }
                    self.load_item(module, base, key, env, place);
                }
                OpKind::Operate { on, other, method } => self.operate(module, on, other, method, env),
                OpKind::Execute => {
                    let path = Sym::new("builtins.exec");
                    self.effect(EffectKind::Process, Owner::External(path), place, Some(path));
                }
                OpKind::When { of, asked, text, given, ops: dependent } => {
                    if self.may_be(module, of, (asked, text), given, env) {
                        // It counts itself.
                        premises.push((dependent + 1, Premise { of, asked, text, given }));
                    } else {
                        for op in ops.by_ref().take(dependent as usize) {
                            for (left, _) in &mut premises {
                                *left = left.saturating_sub(1);
                            }
                            if let OpKind::Return(value) = op.kind {
                                dead.push(value);
                            }
                        }
                    }
                }
                OpKind::Return(_) => {}
                // The handler of an import of what is there does not run.
                OpKind::Raise { failed, .. } if failed > 0 && self.program.is_there(module, failed - 1) => {}
                OpKind::Raise { .. } => {
                    // A function refuses bad arguments, and the module gives it good ones; but the state of the process is
                    // another one in every run.
                    // What the statement itself reads, for its message, has decided nothing, and nothing comes after it.
                    if let Some(index) = reads.iter().position(|&(at, _)| at >= op.at) {
                        self.state_reads = reads[index].1;
                        reads.truncate(index);
                    }
                    let may_fail = top
                        || self.path.is_certain()
                        || self.reads_at_entry.is_some_and(|before| self.state_reads > before);
                    if may_fail && !self.path.guarded {
                        self.effect(EffectKind::Fails, Owner::Fresh, place, None);
                    }
                    self.risk(Risk::Any);
                }
            }
            if self.state_reads > reads_before && !matches!(op.kind, OpKind::Raise { .. }) {
                reads.push((op.at, reads_before));
            }
            self.path = outer;
        }
        dead
    }

    /// Whether a premise certainly holds.
    fn holds(&mut self, module: ModuleId, premise: Premise, env: &EnvRef) -> bool {
        let Premise { of, asked, text, given } = premise;
        !self.may_be(module, of, (asked.opposite(), text), given, env)
    }

    fn function_import(&mut self, module: ModuleId, index: u32, place: (ModuleId, TextSize)) {
        if self.silent > 0 {
            return;
        }
        let program = self.program;
        let import = &program.module(module).facts.imports[index as usize];
        for alias in 0..import.aliases.len() {
            let chain = program.loaded_chain(module, import, alias);
            let guarded = import.guarded || self.path.guarded;
            self.outcome.loads.extend(chain.iter().map(|&id| (id, self.at, guarded)));
            let origin = program.origin(module, import, alias);
            match origin {
                Origin::Module(id) => self.outcome.loads.push((id, self.at, guarded)),
                Origin::Attribute(owner, name) if owner != self.cause => {
                    let read = GlobalRead { owner, name, at: self.at, content: false, attr: None };
                    self.outcome.global_reads.push(read);
                }
                _ => {}
            }
            let missing = matches!(origin, Origin::MissingModule | Origin::MissingName(_))
                || import.from.is_none() && program.loaded_target(module, import, alias) == Target::Missing;
            if missing && !guarded && self.path.is_certain() {
                let name = import.aliases[alias].name;
                self.effect(EffectKind::Fails, Owner::Fresh, place, Some(name));
            }
        }
    }

    /// Whether a dotted name is the module that is being loaded, or inside it: who imports that, loads this before.
    fn is_inside_cause(&self, name: Sym) -> bool {
        is_within(name.as_str(), self.program.module(self.cause).name.as_str())
    }

    /// `sys.modules[__name__].x = …` changes the module itself.
    fn is_own_module_entry(&self, module: ModuleId, base: ValueId, abs: &Abs) -> bool {
        let code = self.code(module);
        match code.value(base) {
            Value::LoadedAs(_) => !matches!(abs, Abs::Module(_)),
            Value::Item(inner) => matches!(code.value(inner), Value::Attr(_, name) if name == "modules"),
            _ => false,
        }
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
}
