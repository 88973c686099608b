//! What the interpreter finds out about loading a module.

use ruff_text_size::TextSize;

use super::Owner;
use crate::facts::{FuncId, Sym};
use crate::program::ModuleId;

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
    /// Runs more than is followed to its end, which may do anything.
    TooMuch,
    /// Defines a class that the base class records, or whose subclasses somebody lists.
    Subclass,
    /// Loading may raise.
    Fails,
    /// Reads state that the program changes later.
    ReadsState,
    /// Reads of a module that is half loaded at that moment what changes before it is complete.
    ReadsHalfLoaded,
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
    /// What of it matters.
    pub part: Part,
}

/// What of some state matters to who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// What it holds, or holds under a key.
    Content,
    /// All that it holds, of which each module changes a little.
    Whole,
    /// Only which object the name is bound to.
    Name,
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
    /// No more of it than this attribute.
    pub attr: Option<Sym>,
}

/// A function that loading takes from a class of another module, by the name of the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MethodRead {
    /// The class.
    pub class: (ModuleId, Sym),
    /// Its member.
    pub member: Sym,
    /// Where in the loaded module.
    pub at: TextSize,
}

/// What loading one module does.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Effects outside the module.
    pub effects: Vec<Effect>,
    /// Modules loaded by name: `importlib.import_module("x")`, function-level imports that run.
    pub loads: Vec<(ModuleId, TextSize, bool)>,
    /// Functions of the module itself that run while it loads.
    pub entered: Vec<FuncId>,
    /// Foreign state that is read.
    pub reads: Vec<StateRead>,
    /// Globals of other modules that are read.
    pub global_reads: Vec<GlobalRead>,
    /// Functions that are taken from classes of other modules.
    pub method_reads: Vec<MethodRead>,
    /// Names that certainly running code reads and that their module does not have: of another module, or a builtin.
    pub missing: Vec<GlobalRead>,
    /// What may fail, if who loads the module is prepared for that, see [`Risk`].
    pub risks: [Option<TextSize>; 2],
    /// Other modules that are asked whether they have a name, or which names they have (then the name is empty).
    pub probes: Vec<GlobalRead>,
}

impl Outcome {
    /// Gives back the memory that is not needed: there is one for each module.
    pub(super) fn shrink(&mut self) {
        self.effects.shrink_to_fit();
        self.loads.shrink_to_fit();
        self.entered.shrink_to_fit();
        self.reads.shrink_to_fit();
        self.global_reads.shrink_to_fit();
        self.method_reads.shrink_to_fit();
        self.missing.shrink_to_fit();
        self.probes.shrink_to_fit();
    }
}

/// How loading may fail: not in a way that counts as an effect, but who guards the import wants to know when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// Any error: a missing file, a text that is no number.
    Any,
    /// One that handlers of failing imports catch: a package that is not installed.
    Import,
}
