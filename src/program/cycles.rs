//! Import cycles that work only if they are entered in the right place.
//!
//! Enters: the graph, and which sites stay eager. Leaves: the modules of cycles for which at least one order of loading
//! fails because a name is taken from a module that has not got to it yet. The order is tried out: loading is
//! simulated from every member, with the imports that stay eager and the names that import-time code takes.

use rayon::prelude::*;
use ruff_text_size::TextSize;
use rustc_hash::{FxHashMap, FxHashSet};

use super::adjacency::Adjacency;
use super::graph::{Graph, ancestors};
use super::interpret::{EffectKind, Outcome, Owner};
use super::state::{module_of, of_all, same_project};
use super::{ModuleId, Origin, Program, Target};
use crate::decide::ModuleVerdicts;
use crate::facts::{Code, FuncId, MarkKind, ModuleFacts, Moment, OpKind, Read, Sym, Value, ValueId, words};

/// The members of order-sensitive cycles.
pub fn order_sensitive(
    program: &Program,
    graph: &Graph,
    outcomes: &[Outcome],
    verdicts: &[ModuleVerdicts],
) -> Vec<ModuleId> {
    let eager = Adjacency::new(graph.out.len(), |from| {
        let sites = &verdicts[from as usize].sites;
        graph.out[from as usize]
            .iter()
            .filter(move |e| {
                e.runs_when_imported() && e.site.is_none_or(|s| sites[s as usize].has_reasons() || e.used)
            })
            .map(|e| e.to.0)
    });
    // Imports that wait, but not until the module has loaded: when that is, is not tried out.
    let hurries = |members: &FxHashSet<ModuleId>, id: ModuleId| {
        let sites = &verdicts[id.index()].sites;
        graph.out[id.index()].iter().any(|e| {
            e.used && members.contains(&e.to) && e.site.is_some_and(|s| !sites[s as usize].has_reasons())
        })
    };
    let mut out = Vec::new();
    // Cycles in which loading fails from some entry, and worked from there at first, or others enter there.
    let mut doubtful: Vec<(Vec<ModuleId>, FxHashSet<ModuleId>)> = Vec::new();
    for component in eager.components().iter() {
        if component.len() < 2 || component.len() > 400 {
            continue;
        }
        let component: Vec<ModuleId> = component.iter().copied().map(ModuleId).collect();
        let members: FxHashSet<ModuleId> = component.iter().copied().collect();
        let entries: FxHashSet<ModuleId> =
            component.iter().map(|&id| entry_of(program, &members, id)).collect();
        if entries.len() < 2 {
            continue;
        }
        if overwrites_differ(program, graph, outcomes, verdicts, &members, &entries) {
            out.extend(component);
            continue;
        }
        let entered = |verdicts, entry| fails(program, graph, verdicts, &members, entry);
        let unclear = component.iter().any(|&id| hurries(&members, id));
        let failing: FxHashSet<ModuleId> = entries
            .into_par_iter()
            .filter(|&e| entered(Some(verdicts), e) || unclear && entered(None, e))
            .collect();
        if failing.iter().any(|&entry| !entered(None, entry)) {
            out.extend(component);
        } else if !failing.is_empty() {
            doubtful.push((component, failing));
        }
    }
    if !doubtful.is_empty() {
        out.extend(entered_badly(program, doubtful));
    }
    out.sort_unstable();
    out
}

/// Where loading enters a cycle when it is asked for a member: an ancestor package may come first.
fn entry_of(program: &Program, members: &FxHashSet<ModuleId>, id: ModuleId) -> ModuleId {
    ancestors(program, id).into_iter().find(|a| members.contains(a)).unwrap_or(id)
}

/// Whether loading a cycle fails if it begins with `entry`, or with what the packages around `entry` load before.
fn fails(
    program: &Program,
    graph: &Graph,
    verdicts: Option<&[ModuleVerdicts]>,
    members: &FxHashSet<ModuleId>,
    entry: ModuleId,
) -> bool {
    // What stands under a condition may run or not.
    Loading::fails((program, graph), verdicts, members, &[entry])
        && [true, false].into_iter().any(|certain| {
            let mut order = entered_before(program, graph, verdicts, members, entry, certain);
            order.push(entry);
            order.len() < 2 || Loading::fails((program, graph), verdicts, members, &order)
        })
}

/// Names of members that other members bind, and that their own modules bind again later if the cycle is entered there: which of
/// the two stays, depends on who comes first.
///
/// ```python
/// import hub; hub.mode = "tuned"      # tuner
/// import tuner; mode = "plain"        # hub
/// ```
fn overwrites_differ(
    program: &Program,
    graph: &Graph,
    outcomes: &[Outcome],
    verdicts: &[ModuleVerdicts],
    members: &FxHashSet<ModuleId>,
    entries: &FxHashSet<ModuleId>,
) -> bool {
    let mut writes: FxHashSet<Overwrite> = FxHashSet::default();
    // What members load may be no member itself.
    let loaded = members.iter().flat_map(|id| graph.out[id.index()].iter().map(|edge| edge.to));
    for by in members.iter().copied().chain(loaded).collect::<FxHashSet<_>>() {
        for effect in outcomes[by.index()].effects.iter().filter(|effect| effect.kind == EffectKind::Write) {
            if let Owner::Module(owner, name) = effect.owner
                && owner != by
                && members.contains(&owner)
                && binds_from(program, owner, name, TextSize::new(0), None)
            {
                writes.insert(Overwrite { by, owner, name, submodule: false });
            }
        }
        if let Some((around, name)) = program.module(by).name.as_str().rsplit_once('.')
            && let (Some(owner), Some(name)) = (program.find_from(by, around), Sym::find(name))
            && members.contains(&owner)
            && binds_from(program, owner, name, TextSize::new(0), Some(by))
        {
            writes.insert(Overwrite { by, owner, name, submodule: true });
        }
    }
    if writes.is_empty() {
        return false;
    }
    let mut lost = entries.iter().map(|&entry| {
        let mut loading = Loading::new((program, graph), Some(verdicts), members);
        loading.writes = Some(&writes);
        loading.load(entry, 0);
        loading.lost
    });
    let Some(first) = lost.next() else { return false };
    lost.any(|other| other != first)
}

/// A module binds a name of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Overwrite {
    by: ModuleId,
    owner: ModuleId,
    name: Sym,
    /// Being loaded is enough: it is a submodule.
    submodule: bool,
}

/// Whether a module binds a name after a place. To bind its submodule `same` is no change.
fn binds_from(program: &Program, id: ModuleId, name: Sym, from: TextSize, same: Option<ModuleId>) -> bool {
    let facts = &program.module(id).facts;
    let imported = facts.sites_of(name).any(|site| {
        let import = &facts.imports[site.stmt as usize];
        let is_same = || match program.origin(id, import, site.alias as usize) {
            Origin::Module(module) => Some(module) == same,
            _ => false,
        };
        import.range.start() >= from && import.moment == Moment::ImportTime && !is_same()
    });
    imported
        || facts.code.ops_of(FuncId::MODULE).any(
            |op| matches!(op.kind, OpKind::SetGlobal { name: bound, .. } if bound == name && op.at >= from),
        )
}

/// The members that loading the packages around `entry`, which are no members, enters first.
fn entered_before(
    program: &Program,
    graph: &Graph,
    verdicts: Option<&[ModuleVerdicts]>,
    members: &FxHashSet<ModuleId>,
    entry: ModuleId,
    certain: bool,
) -> Vec<ModuleId> {
    let around = ancestors(program, entry);
    let Some(root) = around.first().map(|&root| format!("{}.", program.module(root).name)) else {
        return Vec::new();
    };
    let mut order = Vec::new();
    let mut seen = FxHashSet::default();
    let mut todo: Vec<ModuleId> = around.into_iter().rev().collect();
    while let Some(id) = todo.pop() {
        if !seen.insert(id) {
            continue;
        }
        if members.contains(&id) {
            order.push(id);
            continue;
        }
        let runs = graph.out[id.index()].iter().filter(|edge| {
            let waits = match (verdicts, edge.site) {
                (Some(verdicts), Some(site)) => !verdicts[id.index()].sites[site as usize].has_reasons(),
                _ => edge.lazy,
            };
            !waits && (edge.certain || !certain)
        });
        let inside = |to: &ModuleId| {
            members.contains(to) || program.module(*to).name.as_str().starts_with(root.as_str())
        };
        let next: Vec<ModuleId> = runs.map(|edge| edge.to).filter(inside).collect();
        todo.extend(next.into_iter().rev());
    }
    order
}

/// The cycles that some import outside, at any time, enters where loading fails if it is the first to do so.
fn entered_badly(
    program: &Program,
    doubtful: Vec<(Vec<ModuleId>, FxHashSet<ModuleId>)>,
) -> impl Iterator<Item = ModuleId> {
    let mut number: FxHashMap<ModuleId, usize> = FxHashMap::default();
    let mut sets: Vec<FxHashSet<ModuleId>> = Vec::new();
    for (index, (component, _)) in doubtful.iter().enumerate() {
        number.extend(component.iter().map(|&id| (id, index)));
        sets.push(component.iter().copied().collect());
    }
    // Imports by name, which may be put together from parts.
    let names: FxHashMap<Sym, usize> = doubtful
        .iter()
        .enumerate()
        .flat_map(|(cycle, (_, failing))| failing.iter().map(move |&id| (program.module(id).name, cycle)))
        .collect();
    let entered_by = |id: ModuleId| -> Vec<usize> {
        let mut entered = Vec::new();
        let module = program.module(id);
        for import in module.facts.imports.iter().filter(|i| i.moment != Moment::Never) {
            for alias in 0..import.aliases.len() {
                for target in program.loaded_by(id, import, alias) {
                    if let Some(&cycle) = number.get(&target)
                        && number.get(&id) != Some(&cycle)
                        && doubtful[cycle].1.contains(&entry_of(program, &sets[cycle], target))
                    {
                        entered.push(cycle);
                    }
                }
            }
        }
        let code = &module.facts.code;
        entered.extend(code.strings.iter().filter_map(|name| names.get(name)));
        if loads_by_computed_name(code) {
            let cycles = doubtful.iter().enumerate();
            let own = cycles.filter(|(_, (component, _))| same_project(program, id, component[0]));
            entered.extend(own.map(|(cycle, _)| cycle));
        }
        for mark in &module.facts.marks {
            if let MarkKind::LoadsFrom(start) = mark.kind {
                let prefix = start.as_module(module.name.as_str(), module.is_package);
                let begun = names.iter().filter(|(name, _)| name.as_str().starts_with(&prefix));
                entered.extend(begun.map(|(_, &cycle)| cycle));
            }
        }
        entered
    };
    let mut bad = vec![false; doubtful.len()];
    for cycle in of_all(program, entered_by) {
        bad[cycle] = true;
    }
    doubtful.into_iter().zip(bad).filter(|(_, bad)| *bad).flat_map(|((component, _), _)| component)
}

/// `import_module(name)` with a name that is not in the source.
fn loads_by_computed_name(code: &Code) -> bool {
    code.calls().any(|call| {
        let (Value::Attr(_, callee) | Value::Global(callee)) = code.value(call.callee) else { return false };
        matches!(callee, words::IMPORT_MODULE | words::IMPORT)
            && !code.positional(&call).first().is_some_and(|&name| matches!(code.value(name), Value::Str(_)))
    })
}

/// A simulation of loading the members of one cycle.
struct Loading<'a> {
    program: &'a Program,
    graph: &'a Graph,
    /// Which imports wait; `None`: none does, as before the rewriting.
    verdicts: Option<&'a [ModuleVerdicts]>,
    members: &'a FxHashSet<ModuleId>,
    /// How far each module has got.
    state: FxHashMap<ModuleId, TextSize>,
    failed: bool,
    /// What members bind in others, and which of it was bound again by the others themselves.
    writes: Option<&'a FxHashSet<Overwrite>>,
    lost: FxHashSet<Overwrite>,
}

impl<'a> Loading<'a> {
    fn new(
        (program, graph): (&'a Program, &'a Graph),
        verdicts: Option<&'a [ModuleVerdicts]>,
        members: &'a FxHashSet<ModuleId>,
    ) -> Self {
        let (state, lost) = (FxHashMap::default(), FxHashSet::default());
        Self { program, graph, verdicts, members, state, failed: false, writes: None, lost }
    }

    /// Whether loading members of a cycle in this order fails.
    fn fails(
        (program, graph): (&'a Program, &'a Graph),
        verdicts: Option<&'a [ModuleVerdicts]>,
        members: &'a FxHashSet<ModuleId>,
        order: &[ModuleId],
    ) -> bool {
        let mut loading = Self::new((program, graph), verdicts, members);
        for &id in order {
            loading.load(id, 0);
        }
        loading.failed
    }

    fn load(&mut self, id: ModuleId, depth: u32) {
        if self.state.contains_key(&id) || self.failed || depth > 300 {
            return;
        }
        self.state.insert(id, TextSize::new(0));
        let program = self.program;
        let facts = &program.module(id).facts;
        let further = loads_by_code(self.graph, facts, id);
        let by_name = !further.is_empty();
        let mut further = further.into_iter().peekable();
        for import in facts.imports.iter().filter(|i| i.moment == Moment::ImportTime && i.func.is_module()) {
            while let Some((at, target)) = further.next_if(|&(at, _)| at < import.range.start()) {
                self.load_at(id, at, target, depth);
            }
            self.state.insert(id, import.range.start());
            for alias in 0..import.aliases.len() {
                let site = facts.site_at(import, alias);
                let lazy = site.is_some_and(|s| match self.verdicts {
                    Some(verdicts) => !verdicts[id.index()].sites[s].has_reasons(),
                    None => facts.sites[s].declared.is_some(),
                });
                if lazy {
                    continue;
                }
                for &target in program.loaded_chain(id, import, alias) {
                    self.load_any(target, depth + 1);
                }
                if import.aliases[alias].name == "*" {
                    if let Target::Module(target) = program.loaded_target(id, import, alias) {
                        self.take_all(target, id);
                    }
                    continue;
                }
                match program.origin(id, import, alias) {
                    Origin::Module(target) => self.load_any(target, depth + 1),
                    Origin::Attribute(target, name) if !import.guarded && target != id => {
                        self.take(target, name);
                    }
                    _ => {}
                }
            }
        }
        for (at, target) in further {
            self.load_at(id, at, target, depth);
        }
        // Attributes of cycle members that import-time code reads, after all imports: an approximation from below.
        let runs = |read: &Read| read.runs_while_loading() || self.graph.enters(id, read.func);
        for read in facts.reads().filter(runs) {
            let Some(&attr) = read.chain.first() else { continue };
            for site in facts.sites_of(read.name) {
                let import = &facts.imports[site.stmt as usize];
                if let Origin::Module(target) = program.origin(id, import, site.alias as usize) {
                    self.take(target, attr);
                }
            }
        }
        if by_name {
            self.take_of_variables(id);
        }
        self.overwrite(id);
        self.state.insert(id, TextSize::new(u32::MAX));
    }

    /// A module binds names of others.
    fn overwrite(&mut self, id: ModuleId) {
        for write in self.writes.into_iter().flatten().filter(|write| write.by == id) {
            let same = write.submodule.then_some(id);
            if let Some(&reached) = self.state.get(&write.owner)
                && reached != TextSize::new(u32::MAX)
                && binds_from(self.program, write.owner, write.name, reached, same)
            {
                self.lost.insert(*write);
            }
        }
    }

    /// A statement loads a module, which may be no member.
    fn load_any(&mut self, target: ModuleId, depth: u32) {
        if self.members.contains(&target) {
            self.load(target, depth);
        } else if self.writes.is_some() && self.state.insert(target, TextSize::new(u32::MAX)).is_none() {
            self.overwrite(target);
        }
    }

    /// Code at some place in a module loads another one.
    fn load_at(&mut self, id: ModuleId, at: TextSize, target: ModuleId, depth: u32) {
        if !self.members.contains(&target) {
            return;
        }
        self.state.insert(id, at);
        self.load(target, depth + 1);
        // What the functions that run here take from it.
        let program = self.program;
        let facts = &program.module(id).facts;
        for import in facts.imports.iter().filter(|import| !import.func.is_module() && !import.guarded) {
            if !self.graph.enters(id, import.func) {
                continue;
            }
            for alias in 0..import.aliases.len() {
                if let Origin::Attribute(source, name) = program.origin(id, import, alias)
                    && source == target
                {
                    self.take(source, name);
                }
            }
        }
    }

    /// What code that runs reads of a module that a variable stands for: `found = import_module("hooks")`, `found.register(…)`.
    fn take_of_variables(&mut self, id: ModuleId) {
        let program = self.program;
        let facts = &program.module(id).facts;
        let code = &facts.code;
        for (func, op) in code.ops_by_function() {
            if op.guarded || !(func.is_module() || self.graph.enters(id, func)) {
                continue;
            }
            for value in values_of(code, op.kind) {
                let Value::Attr(base, attr) = code.value(value) else { continue };
                let is_variable = match code.value(base) {
                    Value::Global(name) => facts.sites_of(name).next().is_none(),
                    Value::Var(_) => true,
                    _ => false,
                };
                if is_variable && let Some(target) = found_module(program, id, base) {
                    self.take(target, attr);
                }
            }
        }
    }

    /// All names are taken from a module that may be half loaded: those that it binds later are missing for good.
    fn take_all(&mut self, from: ModuleId, to: ModuleId) {
        if self.state.get(&from).is_none_or(|&reached| reached == TextSize::new(u32::MAX)) {
            return;
        }
        let facts = &self.program.module(to).facts;
        let offered = &self.program.module(from).facts.names;
        for name in facts.code.globals_mentioned() {
            if offered.contains(name) && !facts.names.contains(name) && self.program.exports(from, name) {
                self.take(from, name);
            }
        }
    }

    /// A name is taken from a module that may be half loaded.
    fn take(&mut self, id: ModuleId, name: Sym) {
        let Some(&reached) = self.state.get(&id) else { return };
        if reached == TextSize::new(u32::MAX) {
            return;
        }
        if let Some(bound) = bound_at(self.program, id, name)
            && bound >= reached
        {
            self.failed = true;
        }
    }
}

/// The module that a value is, also by way of a variable of a function: `found = import_module("app")`.
fn found_module(program: &Program, id: ModuleId, value: ValueId) -> Option<ModuleId> {
    let code = &program.module(id).facts.code;
    let found = |value: &ValueId| match code.value(*value) {
        Value::Loaded(_) | Value::Call(_) => module_of(program, id, *value),
        _ => None,
    };
    module_of(program, id, value).or_else(|| match code.value(value) {
        Value::Var(var) => code.assigned_to(var).iter().find_map(found),
        _ => None,
    })
}

/// What a module loads by calls, and by statements in functions that run: where, and which module, in this order.
fn loads_by_code(graph: &Graph, facts: &ModuleFacts, id: ModuleId) -> Vec<(TextSize, ModuleId)> {
    let by_statement = |at: TextSize| facts.imports.iter().any(|import| import.range.start() == at);
    let edges = graph.out[id.index()].iter().filter(|e| e.site.is_none() && e.runs_when_imported());
    let mut found: Vec<_> = edges.map(|e| (e.at, e.to)).filter(|&(at, _)| !by_statement(at)).collect();
    found.sort_by_key(|&(at, _)| at);
    found
}

/// The values that an operation reads.
fn values_of(code: &Code, kind: OpKind) -> Vec<ValueId> {
    match kind {
        OpKind::Call { call, .. } => {
            let call = code.call(call);
            let named = code.keyword_args(&call).map(|(_, value)| value);
            code.positional(&call).iter().copied().chain(named).chain([call.callee]).collect()
        }
        OpKind::SetGlobal { value, .. } | OpKind::Bind { value, .. } | OpKind::Read(value) => vec![value],
        OpKind::SetAttr { base, value, .. }
        | OpKind::SetItem { base, value, .. }
        | OpKind::ChangeInPlace { base, value, .. } => vec![base, value],
        OpKind::Load { base, key } => vec![base, key],
        OpKind::Operate { on, other, .. } => vec![on, other],
        _ => Vec::new(),
    }
}

/// Where a module first binds a name.
fn bound_at(program: &Program, id: ModuleId, name: Sym) -> Option<TextSize> {
    let facts = &program.module(id).facts;
    let imported = facts.sites_of(name).map(|s| facts.imports[s.stmt as usize].range.start());
    let code = &facts.code;
    let assigned = code.ops_of(FuncId::MODULE).filter_map(|op| match op.kind {
        OpKind::SetGlobal { name: n, .. } if n == name => Some(op.at),
        _ => None,
    });
    imported.chain(assigned).min()
}
