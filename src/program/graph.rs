//! Who loads whom.
//!
//! An edge says: while `from` loads, it loads `to` as well. Edges of sites may become lazy; all others (in `try`, star imports,
//! `import_module("…")`, imports in functions that import-time code calls) are there whatever is decided.

use rayon::prelude::*;
use ruff_text_size::TextSize;
use rustc_hash::FxHashSet;

use super::adjacency::Adjacency;
use super::{ModuleId, Origin, Program};
use crate::facts::{FuncId, Moment, Place, Sym};

/// One edge.
#[derive(Debug, Clone, Copy)]
pub struct Edge {
    /// What is loaded.
    pub to: ModuleId,
    /// The site that loads it, if the edge could become lazy.
    pub site: Option<u32>,
    /// Where.
    pub at: TextSize,
    /// Certainly runs when the module loads.
    pub certain: bool,
    /// Already lazy in the source.
    pub lazy: bool,
    /// Only when the module is the main program (`if __name__ == "__main__"`): who imports it, loads nothing thereby.
    pub main: bool,
    /// In the body of a `try` with handlers: a failure goes no further.
    pub guarded: bool,
    /// A function that runs while the module loads reads the name.
    pub used: bool,
}

/// What the interpreter has found out about loading one module.
#[derive(Debug, Default)]
pub struct Run {
    /// Further modules that it loads, where, and whether a failure goes no further.
    pub loads: Vec<(ModuleId, TextSize, bool)>,
    /// Its functions that run.
    pub entered: Vec<FuncId>,
}

/// All edges, by module.
#[derive(Debug, Default)]
pub struct Graph {
    /// Edges from each module, in source order.
    pub out: Vec<Vec<Edge>>,
    /// For each module, the modules with an edge to it (not lazy), and the edge's index there.
    pub back: Vec<Vec<(ModuleId, u32)>>,
    /// For each module, those of its functions that run while it loads, sorted.
    entered: Vec<Box<[FuncId]>>,
    /// For each module the number of the import cycle that it is in, lazy edges left out.
    cycle: Vec<u32>,
}

impl Graph {
    /// Builds the graph.
    pub fn new(program: &Program, runs: Vec<Run>) -> Self {
        use rayon::prelude::*;
        let out: Vec<Vec<Edge>> =
            program.par_ids().map(|id| edges_of(program, id, &runs[id.index()])).collect();
        let mut back: Vec<Vec<(ModuleId, u32)>> = vec![Vec::new(); out.len()];
        for (from, edges) in program.ids().zip(&out) {
            for (index, edge) in edges.iter().enumerate().filter(|(_, e)| e.runs_when_imported()) {
                back[edge.to.index()].push((from, u32::try_from(index).unwrap_or(u32::MAX)));
            }
        }
        let eager = |from: u32| {
            out[from as usize].iter().filter(|e: &&Edge| e.runs_when_imported()).map(|e: &Edge| e.to.0)
        };
        let cycle = Adjacency::new(out.len(), eager).components().numbers();
        let sorted = |mut run: Run| {
            run.entered.sort_unstable();
            run.entered.dedup();
            run.entered.into_boxed_slice()
        };
        let entered = runs.into_iter().map(sorted).collect();
        Self { out, back, entered, cycle }
    }

    /// Whether a function of a module runs while the module loads.
    pub fn enters(&self, id: ModuleId, func: FuncId) -> bool {
        self.entered[id.index()].binary_search(&func).is_ok()
    }

    /// The number of the import cycle that a module is in.
    pub fn cycle_of(&self, id: ModuleId) -> u32 {
        self.cycle[id.index()]
    }

    /// What is certainly loaded because of the imports of `start`, apart from what the packages around it load before.
    pub fn loaded_by_itself(&self, program: &Program, start: ModuleId) -> FxHashSet<ModuleId> {
        let around = ancestors(program, start);
        self.reached([start], |_, edge| edge.is_certain() && !around.contains(&edge.to))
    }

    /// Everything that is certainly loaded when `start` is, including its ancestor packages.
    pub fn always_with(&self, program: &Program, start: ModuleId) -> FxHashSet<ModuleId> {
        let starts = ancestors(program, start).into_iter().chain([start]);
        self.reached(starts, |_, edge| edge.is_certain())
    }

    /// Some modules, and everything that may be loaded while they are: also what they import under conditions.
    pub fn may_load(&self, starts: &FxHashSet<ModuleId>) -> FxHashSet<ModuleId> {
        self.reached(starts.iter().copied(), |_, edge| edge.runs_when_imported())
    }

    /// Some modules, and all that the edges to be followed lead to from there.
    fn reached(
        &self,
        starts: impl IntoIterator<Item = ModuleId>,
        follows: impl Fn(ModuleId, &Edge) -> bool,
    ) -> FxHashSet<ModuleId> {
        let mut todo: Vec<ModuleId> = starts.into_iter().collect();
        let mut seen: FxHashSet<ModuleId> = todo.iter().copied().collect();
        while let Some(from) = todo.pop() {
            let edges = self.out[from.index()].iter().filter(|edge| follows(from, edge));
            todo.extend(edges.map(|edge| edge.to).filter(|&to| seen.insert(to)));
        }
        seen
    }
}

/// Many walks over the graph, one after the other, in the same memory.
#[derive(Debug)]
pub struct Walk<'a> {
    program: &'a Program,
    graph: &'a Graph,
    met: Vec<bool>,
    found: Vec<ModuleId>,
}

impl<'a> Walk<'a> {
    /// Before the first walk.
    pub fn new(program: &'a Program, graph: &'a Graph) -> Self {
        Self { program, graph, met: vec![false; graph.out.len()], found: Vec::new() }
    }

    /// Walks to what is certainly loaded when `start` is, including its ancestor packages, by way of those edges only that are to
    /// be followed.
    pub fn certain_from(&mut self, start: ModuleId, follows: impl Fn(ModuleId, &Edge) -> bool) -> &Self {
        for id in self.found.drain(..) {
            self.met[id.index()] = false;
        }
        for id in ancestors(self.program, start).into_iter().chain([start]) {
            self.add(id);
        }
        let mut next = 0;
        while let Some(&from) = self.found.get(next) {
            next += 1;
            let graph = self.graph;
            let edges = graph.out[from.index()].iter();
            for edge in edges.filter(|edge| edge.is_certain() && follows(from, edge)) {
                self.add(edge.to);
            }
        }
        self
    }

    fn add(&mut self, id: ModuleId) {
        if !std::mem::replace(&mut self.met[id.index()], true) {
            self.found.push(id);
        }
    }

    /// Whether the last walk has come to a module.
    pub fn has(&self, id: ModuleId) -> bool {
        self.met[id.index()]
    }
}

impl Edge {
    /// Whether loading the one module always loads the other.
    fn is_certain(&self) -> bool {
        self.certain && !self.lazy
    }

    /// Whether importing the module loads what the edge leads to.
    pub fn runs_when_imported(&self) -> bool {
        !self.lazy && !self.main
    }
}

/// The packages around a module that are of the program.
pub fn ancestors(program: &Program, id: ModuleId) -> Vec<ModuleId> {
    let name = program.module(id).name.as_str();
    name.match_indices('.').filter_map(|(i, _)| program.find(&name[..i])).collect()
}

/// The submodules that `from package import *` loads: those that `__all__` names and the package does not bind. Where it is computed, all that are not private.
fn starred(program: &Program, package: ModuleId) -> Vec<ModuleId> {
    let module = program.module(package);
    let exports = &module.facts.exports;
    let Some(all) = exports.all.as_ref().filter(|_| module.is_package) else { return Vec::new() };
    let full = |name: &Sym| [module.name.as_str(), name.as_str()].join(".");
    let missing = all.iter().filter(|name| !program.binds(package, **name));
    let mut listed: Vec<ModuleId> = missing.filter_map(|name| program.find(&full(name))).collect();
    if exports.partial {
        let inside = module.name.as_str().len() + 1;
        let below = program.modules_below(package).into_iter().filter(|&id| {
            let name = &program.module(id).name.as_str()[inside..];
            !name.starts_with('_') && !name.contains('.')
        });
        listed.extend(below.filter(|id| !listed.contains(id)).collect::<Vec<_>>());
    }
    listed
}

fn edges_of(program: &Program, id: ModuleId, run: &Run) -> Vec<Edge> {
    let facts = &program.module(id).facts;
    let mut used = FxHashSet::default();
    if !run.entered.is_empty() {
        let entered: FxHashSet<FuncId> = run.entered.iter().copied().collect();
        used.extend(facts.reads().filter(|read| entered.contains(&read.func)).map(|read| read.name));
    }
    let own: FxHashSet<ModuleId> = ancestors(program, id).into_iter().chain([id]).collect();
    let mut edges = Vec::new();
    for import in &facts.imports {
        let runs = match import.moment {
            Moment::ImportTime => import.func.is_module(),
            Moment::MainGuard => true,
            Moment::Deferred | Moment::Never => false,
        };
        if !runs {
            continue;
        }
        for alias in 0..import.aliases.len() {
            let site = facts.site_at(import, alias).filter(|_| import.place == Place::Module);
            let declared = site.is_some_and(|s| facts.sites[s].declared.is_some());
            // In other people's packages the interpreter decides: older ones load at once.
            let lazy = declared && !program.module(id).installed;
            let used = site.is_some_and(|s| used.contains(&facts.sites[s].bound));
            let site = site.and_then(|s| u32::try_from(s).ok());
            let chain = program.loaded_chain(id, import, alias);
            let mut targets: Vec<(ModuleId, bool)> = chain.iter().map(|&to| (to, import.guarded)).collect();
            if import.aliases[alias].name == "*"
                && let Some(&package) = chain.last()
            {
                targets.extend(starred(program, package).into_iter().map(|to| (to, import.guarded)));
            }
            if import.from.is_some() {
                if let Origin::Module(sub) = program.origin(id, import, alias) {
                    targets.push((sub, import.guarded));
                }
                // The name may be lazy where it comes from; reading it loads that as well.
                if let Origin::Attribute(source, attr) = program.origin(id, import, alias) {
                    behind(program, source, attr, import.guarded, 0, &mut targets);
                }
            }
            for (to, guarded) in targets {
                if own.contains(&to) {
                    continue;
                }
                let certain = import.is_certain() && !declared;
                let main = import.moment == Moment::MainGuard;
                edges.push(Edge { to, site, at: import.range.start(), certain, lazy, main, guarded, used });
            }
        }
    }
    for &(to, at, guarded) in run.loads.iter().filter(|(to, ..)| !own.contains(to)) {
        edges.push(Edge {
            to,
            site: None,
            at,
            certain: true,
            lazy: false,
            main: false,
            guarded,
            used: false,
        });
    }
    // In the order in which the module runs.
    edges.sort_by_key(|edge| edge.at);
    edges.shrink_to_fit();
    edges
}

/// Adds the modules that a re-exported name really comes from, and whether a failure to load them goes no further: it ends where
/// one of the modules on the way guards its import.
fn behind(
    program: &Program,
    id: ModuleId,
    name: Sym,
    guarded: bool,
    depth: u32,
    out: &mut Vec<(ModuleId, bool)>,
) {
    if depth > 8 {
        return;
    }
    let facts = &program.module(id).facts;
    for site in facts.sites_of(name) {
        let import = &facts.imports[site.stmt as usize];
        let guarded = guarded || import.guarded;
        match program.origin(id, import, site.alias as usize) {
            Origin::Attribute(source, attr) if source != id => {
                out.push((source, guarded));
                behind(program, source, attr, guarded, depth + 1, out);
            }
            Origin::Module(source) if source != id => out.push((source, guarded)),
            _ => {}
        }
    }
}

impl Program {
    /// What the statements of a module import.
    pub(crate) fn imports_of(&self, id: ModuleId) -> Vec<ModuleId> {
        let mut found = Vec::new();
        for import in &self.module(id).facts.imports {
            for alias in 0..import.aliases.len() {
                found.extend(self.loaded_chain(id, import, alias));
                if let Origin::Module(to) = self.origin(id, import, alias) {
                    found.push(to);
                }
            }
        }
        found
    }

    /// All modules that some other one imports.
    pub(crate) fn imported_modules(&self) -> FxHashSet<ModuleId> {
        let others = |id: ModuleId| self.imports_of(id).into_iter().filter(move |&to| to != id);
        self.par_ids().flat_map_iter(others).collect()
    }
}
