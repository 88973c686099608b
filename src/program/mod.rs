//! Facts of all modules to one program: names resolved, imports connected.
//!
//! Enters: the facts of every module, with its name. Leaves: for every import statement what it loads
//! and for every imported name where it comes from. Linking reads no file: it could run on the
//! facts of a million modules that were extracted elsewhere.

mod adjacency;
mod before;
mod called;
pub(crate) mod callees;
pub mod cycles;
pub mod effects;
mod elsewhere;
mod files;
mod filters;
mod forgotten;
pub mod graph;
mod handed;
mod handlers;
pub(crate) mod held;
pub mod interpret;
mod listed;
mod mutated;
mod newer;
mod rebinds;
mod renamed;
mod resolve;
mod settled;
pub(crate) mod state;
pub mod stdlib;
pub mod tables;
pub(crate) mod trace;
pub(crate) mod watched;

use std::path::PathBuf;

use rayon::prelude::*;
use ruff_text_size::TextSize;
use rustc_hash::{FxHashMap, FxHashSet};

use self::called::Called;
use self::resolve::Resolved;
use crate::facts::{FromModule, ModuleFacts, Sym};
pub use stdlib::Stdlib;

/// So many modules a thread takes at most before it looks whether others are idle: big modules stand side by side, and whoever has got them
/// keeps the others waiting.
const PART: usize = 32;

/// Index into [`Program::modules`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ModuleId(pub u32);

impl ModuleId {
    /// Index into [`Program::modules`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A module of the program.
#[derive(Debug)]
pub struct Module {
    /// Dotted name.
    pub name: Sym,
    /// Its file, for reports.
    pub path: PathBuf,
    /// The file is `__init__.py`.
    pub is_package: bool,
    /// Found in an environment: analysed, never rewritten.
    pub installed: bool,
    /// The file could not be read or parsed: nothing is known about it.
    pub broken: bool,
    /// The facts.
    pub facts: ModuleFacts,
    /// Where it reads files that are not there.
    pub lacks: Vec<TextSize>,
    /// An additional place where its absolute imports look: the prefix of the modules beside a script.
    pub siblings: Option<Sym>,
    /// Its import root, if that serves only the files in it: a folder that no import can name.
    pub own_root: Option<u32>,
}

/// What an import may load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A module of the program.
    Module(ModuleId),
    /// A folder without `__init__.py` that holds modules of the program.
    Namespace,
    /// A module of the standard library.
    Stdlib,
    /// An extension module, or a module that only other people's code has: nothing is known but its name.
    Unknown,
    /// Nothing has this name: importing it fails.
    Missing,
}

/// Where an imported name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The import binds this module itself.
    Module(ModuleId),
    /// An attribute of a module of the program.
    Attribute(ModuleId, Sym),
    /// Not of the program.
    Foreign,
    /// The module exists and has no such name.
    MissingName(ModuleId),
    /// The module does not exist.
    MissingModule,
}

/// All modules, connected.
#[derive(Debug)]
pub struct Program {
    /// The modules, sorted by path.
    pub modules: Vec<Module>,
    by_name: FxHashMap<Sym, ModuleId>,
    /// Modules with names of the standard library, for those in the same import root alone.
    by_root: FxHashMap<(u32, Sym), ModuleId>,
    /// All modules, sorted by name.
    sorted: Vec<ModuleId>,
    /// Names of packages and namespace packages that have modules below them.
    prefixes: FxHashSet<Sym>,
    /// Names of modules that exist and of which nothing else is known: extension modules, and what no import reaches.
    compiled: FxHashSet<Sym>,
    /// The standard library of the versions that count.
    pub stdlib: Stdlib,
    /// That of modules that run on newer versions only, where nobody says which versions count.
    newer: FxHashMap<ModuleId, Stdlib>,
    /// What is assumed about modules that are found nowhere.
    pub environment: Environment,
    /// For each module, import statement and alias, what it means.
    resolved: Vec<Vec<Box<[Resolved]>>>,
    /// For each module, how the name of its project begins, see [`state::same_project`]; none for what is in no package.
    projects: Vec<Option<Sym>>,
    /// For each module, whether the package around it gives its name another value, see [`Program::is_bound_over`].
    bound_over: Vec<bool>,
    /// All calls by the names of what they call.
    called: Called,
}

/// What is known of other people's packages.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The environment's packages have been looked at: what is not found does not exist.
    pub complete: bool,
    /// Import names that are taken to exist although no file was seen.
    pub assumed: FxHashSet<Sym>,
    /// Import names of what the project says that it cannot do without.
    pub required: FxHashSet<Sym>,
    /// Modules that are offered as plugins: somebody loads them by their names, and goes on without those that fail.
    pub plugins: Vec<Sym>,
    /// Those of them that may be offered by themselves, and not for something in them.
    pub whole_plugins: Vec<Sym>,
    /// Nobody says which versions of Python count: all that dally writes for.
    pub any_version: bool,
    /// The standard library that the environment's packages run with.
    pub stdlib: Option<Stdlib>,
}

fn by_index(modules: &[Module]) -> impl Iterator<Item = ModuleId> + use<> {
    (0..u32::try_from(modules.len()).unwrap_or(u32::MAX)).map(ModuleId)
}

impl Program {
    /// Connects modules. `compiled` are the dotted names of modules that exist and of which nothing else is known.
    pub fn link(
        modules: Vec<Module>,
        compiled: FxHashSet<Sym>,
        stdlib: Stdlib,
        environment: Environment,
    ) -> Self {
        let mut by_name = FxHashMap::default();
        let mut by_root = FxHashMap::default();
        let mut prefixes = FxHashSet::default();
        for (index, module) in modules.iter().enumerate() {
            let id = ModuleId(u32::try_from(index).expect("fewer than 2^32 modules"));
            let top = module.name.as_str().split('.').next().unwrap_or_default();
            if let Some(root) = module.own_root.filter(|_| stdlib.knows(top)) {
                by_root.insert((root, module.name), id);
                continue;
            }
            // Of several modules of one name the program's own comes before an environment's.
            by_name.entry(module.name).or_insert(id);
            add_prefixes(module.name.as_str(), &mut prefixes);
        }
        for name in &compiled {
            add_prefixes(name.as_str(), &mut prefixes);
        }
        let mut sorted: Vec<ModuleId> = by_index(&modules).collect();
        sorted.sort_by_key(|id| modules[id.index()].name.as_str());
        let project = |module: &Module| state::project_of(module.name.as_str()).map(Sym::new);
        let mut program = Self {
            projects: modules.iter().map(project).collect(),
            modules,
            by_name,
            by_root,
            sorted,
            prefixes,
            compiled,
            stdlib,
            newer: FxHashMap::default(),
            environment,
            resolved: Vec::new(),
            bound_over: Vec::new(),
            called: Called::default(),
        };
        program.resolved = program.par_ids().map(|id| program.resolve_all(id)).collect();
        if program.environment.any_version {
            program.newer = newer::libraries(&program);
            let newer: Vec<ModuleId> = program.newer.keys().copied().collect();
            for id in newer {
                program.resolved[id.index()] = program.resolve_all(id);
            }
        }
        program.called = Called::all(&program.modules);
        program.bound_over = program.par_ids().map(|id| program.find_bound_over(id)).collect();
        program
    }

    /// A module by its index.
    pub fn module(&self, id: ModuleId) -> &Module {
        &self.modules[id.index()]
    }

    /// The standard library that a module runs with: what is installed in an environment was chosen for its interpreter.
    fn stdlib_of(&self, id: ModuleId) -> Stdlib {
        let of_environment = self.environment.stdlib.filter(|_| self.module(id).installed);
        of_environment.or_else(|| self.newer.get(&id).copied()).unwrap_or(self.stdlib)
    }

    /// All module indices.
    pub fn ids(&self) -> impl Iterator<Item = ModuleId> + use<> {
        by_index(&self.modules)
    }

    /// All module indices, for work on several threads.
    pub fn par_ids(&self) -> impl IndexedParallelIterator<Item = ModuleId> + use<> {
        let ids: Vec<ModuleId> = self.ids().collect();
        ids.into_par_iter().with_max_len(PART)
    }

    /// The modules inside a package, in order of their indices.
    pub fn modules_below(&self, package: ModuleId) -> Vec<ModuleId> {
        self.modules_from(&format!("{}.", self.module(package).name))
    }

    /// The modules whose dotted names begin so, in the order of the modules.
    pub fn modules_from(&self, prefix: &str) -> Vec<ModuleId> {
        let name = |id: &ModuleId| self.module(*id).name.as_str();
        let start = self.sorted.partition_point(|id| name(id) < prefix);
        let found = self.sorted[start..].iter().take_while(|id| name(id).starts_with(prefix));
        let mut found: Vec<ModuleId> = found.copied().collect();
        found.sort_unstable();
        found
    }

    /// The module of a dotted name.
    pub fn find(&self, name: &str) -> Option<ModuleId> {
        self.by_name.get(&Sym::find(name)?).copied()
    }

    /// The name, if it is that of an extension module, or of another module that exists and of which nothing else is known.
    pub fn compiled_module(&self, name: &str) -> Option<Sym> {
        Sym::find(name).filter(|name| self.compiled.contains(name))
    }

    /// The module of a dotted name as `importer` sees it: a script also sees the modules beside it.
    pub fn find_from(&self, importer: ModuleId, name: &str) -> Option<ModuleId> {
        let own_root = self.module(importer).own_root.filter(|_| !self.by_root.is_empty());
        if let Some(root) = own_root
            && let Some(&id) = Sym::find(name).and_then(|name| self.by_root.get(&(root, name)))
        {
            return Some(id);
        }
        self.find(name).or_else(|| {
            let siblings = self.module(importer).siblings?;
            self.find(&[siblings.as_str(), name].join("."))
        })
    }

    /// The absolute name of the module behind `from`; `None` if the dots lead out of the package.
    pub fn absolute(&self, id: ModuleId, from: FromModule) -> Option<String> {
        let module = self.module(id);
        from.absolute(module.name.as_str(), module.is_package)
    }

    /// What a dotted name is.
    pub fn target(&self, importer: ModuleId, name: &str) -> Target {
        if let Some(id) = self.find_from(importer, name) {
            return Target::Module(id);
        }
        // The main program is always loaded.
        if name == "__main__" {
            return Target::Unknown;
        }
        let among = |names: &FxHashSet<Sym>, name: &str| Sym::find(name).is_some_and(|n| names.contains(&n));
        if among(&self.prefixes, name) {
            return Target::Namespace;
        }
        if let Some(siblings) = self.module(importer).siblings
            && among(&self.prefixes, &[siblings.as_str(), name].join("."))
        {
            return Target::Namespace;
        }
        if among(&self.compiled, name) {
            return Target::Unknown;
        }
        let root = name.split('.').next().unwrap_or_default();
        // A name below a package whose source we have is decided by that package.
        if let Some(root_id) = self.find_from(importer, root) {
            return if self.may_have_hidden_modules(root_id) { Target::Unknown } else { Target::Missing };
        }
        if among(&self.prefixes, root) {
            // Another part of the namespace package may be installed elsewhere.
            let whole = self.environment.complete || self.is_plain_folder(name);
            return if whole { Target::Missing } else { Target::Unknown };
        }
        match self.stdlib_of(importer).has_module(name) {
            stdlib::Has::Yes => return Target::Stdlib,
            stdlib::Has::Sometimes => return Target::Missing,
            stdlib::Has::Unknown => return Target::Unknown,
            stdlib::Has::No => {}
        }
        if among(&self.environment.assumed, root) {
            return Target::Unknown;
        }
        Target::Missing
    }

    /// Whether the folder without `__init__.py` in which a module should be holds plain modules: parts of a namespace package that
    /// are installed separately are packages.
    fn is_plain_folder(&self, name: &str) -> bool {
        let Some((folder, _)) = name.rsplit_once('.') else { return false };
        let prefix = format!("{folder}.");
        let is_plain = |id: ModuleId| {
            let module = self.module(id);
            !module.is_package && !module.installed && !module.name.as_str()[prefix.len()..].contains('.')
        };
        self.modules_from(&prefix).into_iter().any(is_plain)
    }

    /// A package that changes its `__path__`, or that registers modules by hand, may have more modules than files.
    fn may_have_hidden_modules(&self, id: ModuleId) -> bool {
        let module = self.module(id);
        module.broken
            || module.facts.names.contains(Sym::new("__path__"))
            || module.facts.exports.dynamic && module.facts.exports.given.is_none()
    }

    /// The modules that importing `name` loads, outermost package first, as far as they are of the program.
    pub fn chain(&self, importer: ModuleId, name: &str) -> Vec<ModuleId> {
        let mut out = Vec::new();
        let ends = name.match_indices('.').map(|(i, _)| i).chain([name.len()]);
        for end in ends {
            if let Some(id) = self.find_from(importer, &name[..end]) {
                out.push(id);
            }
        }
        out
    }

    /// The module certainly has a binding of the name in its source.
    pub fn binds(&self, id: ModuleId, name: Sym) -> bool {
        let facts = &self.module(id).facts;
        facts.names.get(name).is_some_and(|info| {
            let bound = (info.imported || info.otherwise) && !info.gone;
            (bound || info.rebound_in_function.or(info.computed_in_function).is_some())
                && !info.only_type_checking
        })
    }

    /// Whether `from module import *` may take a name, if the module has it.
    pub fn exports(&self, id: ModuleId, name: Sym) -> bool {
        let exports = &self.module(id).facts.exports;
        match &exports.all {
            Some(all) => exports.partial || all.contains(&name),
            None => exports.partial || !name.as_str().starts_with('_'),
        }
    }
}

/// Adds the names of the packages around a module.
pub(crate) fn add_prefixes(name: &str, prefixes: &mut FxHashSet<Sym>) {
    for (dot, _) in name.match_indices('.') {
        prefixes.insert(Sym::new(&name[..dot]));
    }
}
