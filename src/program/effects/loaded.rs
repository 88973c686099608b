//! Which of the tainted modules are loaded already when an import statement runs.
//!
//! Works on the graph of the tainted modules alone. Modules that certainly load each other are one node there, since they are loaded
//! together or not at all; the nodes and the edges between them are dense tables, and a walk marks nodes with the number of its round,
//! so nothing is cleared or allocated between one import and the next.

use rustc_hash::FxHashSet;

use super::super::ModuleId;
use super::super::adjacency::Adjacency;
use super::super::graph::Graph;
use super::taint::Taints;

const NONE: u32 = u32::MAX;

/// The tainted modules and the edges between them that are not lazy.
pub(super) struct Tainted<'a> {
    graph: &'a Graph,
    /// For each module its node, if it is tainted.
    node: Vec<u32>,
    /// The import cycle of each node.
    cycle: Vec<u32>,
    /// Whether each node has a cause of taint.
    cause: Vec<bool>,
    /// Whether each node may be loaded once more, whoever has loaded it.
    forgotten: Vec<bool>,
    /// Edges that certainly run.
    certain: Adjacency,
    /// All edges.
    eager: Adjacency,
}

/// Nodes that a walk has seen; cleared at no cost.
struct Seen {
    round: u32,
    rounds: Vec<u32>,
}

impl Seen {
    fn new(nodes: usize) -> Self {
        Self { round: 1, rounds: vec![0; nodes] }
    }

    fn clear(&mut self) {
        self.round += 1;
    }

    fn contains(&self, node: u32) -> bool {
        self.rounds[node as usize] == self.round
    }

    /// Whether it is new.
    fn insert(&mut self, node: u32) -> bool {
        std::mem::replace(&mut self.rounds[node as usize], self.round) != self.round
    }
}

/// What is loaded while the imports of one module are gone through.
pub(super) struct Loaded<'a> {
    tainted: &'a Tainted<'a>,
    importer: ModuleId,
    /// The packages around the module, outermost first, each with what it may load, and whether it is complete when the module is
    /// loaded.
    packages: Vec<(ModuleId, Seen, bool)>,
    /// What those that are complete have certainly loaded.
    around: Seen,
    /// What the imports so far have certainly loaded.
    before: Seen,
    /// Imports that have run, but are not in `before` yet: that is only worked out when somebody asks.
    pending: Vec<ModuleId>,
    asked: Seen,
    todo: Vec<u32>,
}

impl<'a> Tainted<'a> {
    pub(super) fn new(graph: &'a Graph, taints: &Taints, forgotten: &FxHashSet<ModuleId>) -> Self {
        let mut tainted: Vec<u32> = vec![NONE; graph.out.len()];
        let modules: Vec<ModuleId> = taints.modules().collect();
        for (number, module) in (0..).zip(&modules) {
            tainted[module.index()] = number;
        }
        let edges = |certain: bool| {
            Adjacency::new(modules.len(), |number| {
                let edges = graph.out[modules[number as usize].index()].iter();
                let runs = edges.filter(move |e| !e.lazy && (!certain || e.certain));
                runs.map(|e| tainted[e.to.index()]).filter(|&to| to != NONE)
            })
        };
        let certain = edges(true);
        let together = certain.components();
        let numbers = together.numbers();
        let eager = edges(false).condensed(&together, &numbers);
        let certain = certain.condensed(&together, &numbers);
        let mut cause = vec![false; together.len()];
        let mut forgets = vec![false; together.len()];
        let mut cycle = vec![NONE; together.len()];
        for (&id, &number) in modules.iter().zip(&numbers) {
            cause[number as usize] |= taints.is_cause(id);
            forgets[number as usize] |= forgotten.contains(&id);
            cycle[number as usize] = graph.cycle_of(id);
        }
        let node = tainted.into_iter().map(|t| if t == NONE { NONE } else { numbers[t as usize] }).collect();
        Self { graph, node, cycle, cause, forgotten: forgets, certain, eager }
    }
}

impl<'a> Loaded<'a> {
    pub(super) fn new(tainted: &'a Tainted<'a>) -> Self {
        let nodes = tainted.cause.len();
        Self {
            tainted,
            importer: ModuleId(0),
            packages: Vec::new(),
            around: Seen::new(nodes),
            before: Seen::new(nodes),
            pending: Vec::new(),
            asked: Seen::new(nodes),
            todo: Vec::new(),
        }
    }

    /// The imports of a module begin, in these packages (outermost first). A package that may be loading the module itself is
    /// not complete. To come to the modules of one package one after the other saves work.
    pub(super) fn enter(&mut self, importer: ModuleId, packages: &[ModuleId]) {
        self.before.clear();
        self.pending.clear();
        self.importer = importer;
        let mut same = self.packages.iter().map(|(package, ..)| package).eq(packages);
        if !same {
            self.packages =
                packages.iter().map(|&package| (package, self.may_load(package), false)).collect();
        }
        let node = self.tainted.node[importer.index()];
        for (_, loads, complete) in &mut self.packages {
            let now = node != NONE && !loads.contains(node);
            same &= std::mem::replace(complete, now) == now;
        }
        if same {
            return;
        }
        self.around.clear();
        for index in 0..self.packages.len() {
            let &(package, _, complete) = &self.packages[index];
            if complete {
                self.mark(package, true);
            }
        }
    }

    /// Everything that loading a module may load.
    fn may_load(&mut self, start: ModuleId) -> Seen {
        let mut seen = Seen::new(self.tainted.cause.len());
        self.todo.clear();
        self.todo.extend(Some(self.tainted.node[start.index()]).filter(|&node| node != NONE));
        while let Some(node) = self.todo.pop() {
            if seen.insert(node) {
                self.todo.extend_from_slice(self.tainted.eager.of(node));
            }
        }
        seen
    }

    /// An import of `module` has certainly run.
    pub(super) fn add(&mut self, module: ModuleId) {
        self.pending.push(module);
    }

    /// Whether loading a module may load a cause of taint that is not loaded already.
    pub(super) fn lacks_causes(&mut self, module: ModuleId) -> bool {
        for module in std::mem::take(&mut self.pending) {
            self.mark(module, false);
        }
        let tainted = self.tainted;
        self.asked.clear();
        self.todo.clear();
        self.todo.push(tainted.node[module.index()]);
        while let Some(node) = self.todo.pop() {
            if self.has(node) || !self.asked.insert(node) {
                continue;
            }
            if tainted.cause[node as usize] {
                return true;
            }
            self.todo.extend_from_slice(tainted.eager.of(node));
        }
        false
    }

    fn has(&self, node: u32) -> bool {
        self.around.contains(node) || self.before.contains(node)
    }

    /// Notes what is certainly loaded once `start` is. Members of the cycle that the importer is in may be half loaded.
    fn mark(&mut self, start: ModuleId, around: bool) {
        let tainted = self.tainted;
        let half = tainted.graph.cycle_of(self.importer);
        let start = tainted.node[start.index()];
        if start == NONE {
            return;
        }
        self.todo.clear();
        self.todo.push(start);
        while let Some(node) = self.todo.pop() {
            if self.has(node) {
                continue;
            }
            if tainted.cycle[node as usize] == half || tainted.forgotten[node as usize] {
                continue;
            }
            if around {
                self.around.insert(node);
            } else {
                self.before.insert(node);
            }
            self.todo.extend_from_slice(tainted.certain.of(node));
        }
    }
}
