//! State that two modules write while they load, so that the order of imports decides.
//!
//! ```python
//! import crash_reporter    # sys.excepthook = report
//! import debugger          # sys.excepthook = debug      the last one wins
//! ```
//!
//! Only writes that replace each other count: the same attribute, the same key, the same setting. Things that add up (`append`, a handler more)
//! and equal values are no conflict; nor are modules that no module loads together, or that always load in the same order because the one
//! imports the other before it writes. Nothing is decided here: both imports stay eager as it is, in their order.

use rayon::prelude::*;
use ruff_text_size::TextSize;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Effects;
use crate::facts::{Call, CallRole, Code, FuncId, Op, OpKind, Sym, Value, ValueId};
use crate::program::interpret::{Effect, EffectKind, Owner};
use crate::program::state::foreign_path;
use crate::program::tables::{self, Wins};
use crate::program::{ModuleId, Program};

/// One piece of state, and who writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// What is written: `sys.excepthook`, `app.registry.FORMATS['json']`.
    pub state: String,
    /// Which writer counts.
    pub wins: Wins,
    /// The writers, in the order in which they load today.
    pub writers: Vec<Written>,
}

/// Who writes, and which import decides when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The module that writes while it loads.
    pub by: ModuleId,
    /// The line of it that does so.
    pub at: TextSize,
    /// The module that loads all writers, and where it loads this one; the writer itself if it loads the others.
    pub loaded: (ModuleId, TextSize),
}

/// A write that replaces what was there.
struct Write {
    state: String,
    wins: Wins,
    /// A text constant that is stored.
    value: Option<Sym>,
}

impl Effects {
    /// All conflicts, sorted by state.
    pub fn conflicts(&self, program: &Program) -> Vec<Conflict> {
        let mut by_state: FxHashMap<String, Vec<(ModuleId, TextSize, Write)>> = FxHashMap::default();
        let shared = self.shared_owners(program);
        let writes: Vec<Option<Write>> =
            shared.par_iter().with_max_len(16).map(|&(id, effect)| write_of(program, id, effect)).collect();
        for ((id, effect), write) in shared.into_iter().zip(writes) {
            if let Some(write) = write {
                let writers = by_state.entry(write.state.clone()).or_default();
                if writers.last().is_none_or(|(last, ..)| *last != id) {
                    writers.push((id, effect.at, write));
                }
            }
        }
        let mut states: Vec<_> = by_state.into_iter().filter(|(_, writers)| differ(writers)).collect();
        states.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let conflict = |(state, writers): (String, Vec<(ModuleId, TextSize, Write)>)| {
            let (first, rest) = writers.split_first()?;
            let same = rest.iter().all(|(.., write)| write.wins == first.2.wins);
            let wins = if same { first.2.wins } else { Wins::Unclear };
            let places = writers.iter().map(|(id, at, _)| (*id, *at)).collect();
            let writers = self.in_order(program, &places)?;
            Some(Conflict { state, wins, writers })
        };
        states.into_iter().filter_map(conflict).collect()
    }

    /// Changes of what more than one module changes, in the order of the modules.
    fn shared_owners<'e>(&'e self, program: &Program) -> Vec<(ModuleId, &'e Effect)> {
        let changes = |effect: &&Effect| matches!(effect.kind, EffectKind::Write | EffectKind::Process);
        let all = || {
            let outcomes = program.ids().zip(&self.outcomes);
            outcomes
                .flat_map(move |(id, outcome)| outcome.effects.iter().filter(changes).map(move |e| (id, e)))
        };
        let mut owners: FxHashMap<Owner, (ModuleId, bool)> = FxHashMap::default();
        for (id, effect) in all() {
            let owner = owners.entry(state_group(effect.owner)).or_insert((id, false));
            owner.1 |= owner.0 != id;
        }
        all().filter(|(_, effect)| owners[&state_group(effect.owner)].1).collect()
    }

    /// The writers in the order in which some module loads them all; `None` if nobody loads two of them, or if their order is always the
    /// same.
    fn in_order(&self, program: &Program, places: &FxHashMap<ModuleId, TextSize>) -> Option<Vec<Written>> {
        let free = self.free(program, places);
        if free.len() < 2 {
            return None;
        }
        let loader = self.common_loader(&free)?;
        let order = self.load_order(loader, &free);
        (order.len() > 1).then_some(order)
    }

    /// Those writers whose order depends on who is imported first.
    fn free(
        &self,
        program: &Program,
        places: &FxHashMap<ModuleId, TextSize>,
    ) -> FxHashMap<ModuleId, TextSize> {
        // What each writer has certainly loaded before it writes.
        let before: FxHashMap<ModuleId, FxHashSet<ModuleId>> = places
            .iter()
            .map(|(&id, &at)| {
                let edges = self.graph.out[id.index()].iter();
                let mut loaded = FxHashSet::default();
                for edge in edges.filter(|edge| edge.certain && !edge.lazy && edge.at < at) {
                    if !loaded.contains(&edge.to) {
                        loaded.extend(self.graph.always_with(program, edge.to));
                    }
                }
                (id, loaded)
            })
            .collect();
        let fixed = |a: ModuleId, b: ModuleId| before[&a].contains(&b) || before[&b].contains(&a);
        let others = |id: ModuleId| places.keys().filter(move |&&other| other != id);
        places
            .iter()
            .filter(|(id, _)| others(**id).any(|other| !fixed(**id, *other)))
            .map(|(id, at)| (*id, *at))
            .collect()
    }

    /// The module that loads most of the writers; of several the one that is nearest to them.
    fn common_loader(&self, writers: &FxHashMap<ModuleId, TextSize>) -> Option<ModuleId> {
        let mut ids: Vec<ModuleId> = writers.keys().copied().collect();
        ids.sort_unstable();
        // How many writers each module reaches, and over how many imports.
        let mut reached: FxHashMap<ModuleId, (u32, u32)> = FxHashMap::default();
        for id in ids {
            let mut distances = FxHashMap::from_iter([(id, 0)]);
            let mut todo = std::collections::VecDeque::from([id]);
            while let Some(at) = todo.pop_front() {
                let next = distances[&at] + 1;
                for &(from, _) in &self.graph.back[at.index()] {
                    if let std::collections::hash_map::Entry::Vacant(entry) = distances.entry(from) {
                        entry.insert(next);
                        todo.push_back(from);
                    }
                }
            }
            for (from, distance) in distances {
                let counts = reached.entry(from).or_default();
                counts.0 += 1;
                counts.1 += distance;
            }
        }
        let candidates = reached.into_iter().filter(|(_, (count, _))| *count > 1);
        // Whoever loads a writer that loads the others may have loaded them before.
        let rank = |&(id, (count, sum)): &(ModuleId, (u32, u32))| {
            (std::cmp::Reverse(count), writers.contains_key(&id), sum, id)
        };
        candidates.min_by_key(rank).map(|(id, _)| id)
    }

    /// Loads a module in thought, and notes when the writers write.
    fn load_order(&self, loader: ModuleId, writers: &FxHashMap<ModuleId, TextSize>) -> Vec<Written> {
        let mut order: Vec<Written> = Vec::new();
        let mut seen = FxHashSet::from_iter([loader]);
        let mut stack = vec![Loading::new(self, loader)];
        let mut from = TextSize::new(0);
        while let Some(loading) = stack.last_mut() {
            let id = loading.id;
            let next = loading.next();
            // A module writes before the first import after that line.
            if let Some(&at) = writers.get(&id)
                && next.is_none_or(|(place, _)| place > at)
                && !order.iter().any(|written| written.by == id)
            {
                let loaded = if id == loader { (id, at) } else { (loader, from) };
                order.push(Written { by: id, at, loaded });
            }
            match next {
                Some((place, to)) => {
                    if id == loader {
                        from = place;
                    }
                    if seen.insert(to) {
                        stack.push(Loading::new(self, to));
                    }
                }
                None => {
                    stack.pop();
                }
            }
        }
        order
    }
}

/// A module that is being loaded in thought.
struct Loading {
    id: ModuleId,
    /// Its imports, the last one first.
    imports: Vec<(TextSize, ModuleId)>,
}

impl Loading {
    fn new(effects: &Effects, id: ModuleId) -> Self {
        let edges = effects.graph.out[id.index()].iter().filter(|edge| !edge.lazy);
        let mut imports: Vec<(TextSize, ModuleId)> = edges.map(|edge| (edge.at, edge.to)).collect();
        // The packages around a module come before it, and have the same place.
        imports.sort_by_key(|(at, _)| *at);
        imports.reverse();
        Self { id, imports }
    }

    fn next(&mut self) -> Option<(TextSize, ModuleId)> {
        self.imports.pop()
    }
}

/// What is compared before anything is looked at closely: writers of one setting may use several functions.
fn state_group(owner: Owner) -> Owner {
    match owner {
        Owner::External(path) => match tables::overwrites(path.as_str()) {
            Some((state, ..)) => Owner::External(Sym::new(state)),
            None => owner,
        },
        Owner::Module(..) | Owner::Fresh => owner,
    }
}

/// Whether two modules store something that is not certainly equal.
fn differ(writers: &[(ModuleId, TextSize, Write)]) -> bool {
    let [(_, _, first), rest @ ..] = writers else { return false };
    rest.iter().any(|(_, _, write)| first.value.is_none() || write.value != first.value)
}

/// The operation behind an effect, if it replaces something that can be named.
fn write_of(program: &Program, id: ModuleId, effect: &Effect) -> Option<Write> {
    let (module, at) = effect.deep.unwrap_or((id, effect.at));
    let code = &program.module(module).facts.code;
    let mut found = code.ops_by_function().filter(|(_, op)| op.at == at && !op.main_guard);
    found.find_map(|(func, op)| Place { program, id, effect, module, code, func }.write(&op))
}

/// Where an effect happens.
struct Place<'a> {
    program: &'a Program,
    id: ModuleId,
    effect: &'a Effect,
    module: ModuleId,
    code: &'a Code,
    func: FuncId,
}

impl Place<'_> {
    fn write(&self, op: &Op) -> Option<Write> {
        match op.kind {
            OpKind::SetAttr { base, attr, value, memo: false } if !self.restores(attr) => {
                let state = match self.effect.owner {
                    // `json.dumps = …`: the attribute is part of the owner.
                    Owner::External(path) if self.effect.subject == Some(path) => path.as_str().to_owned(),
                    Owner::Module(owner, name) if name == attr && self.effect.subject == Some(attr) => {
                        format!("{}.{attr}", self.program.module(owner).name)
                    }
                    Owner::Module(..) => format!("{}.{attr}", self.object(base)?),
                    Owner::External(_) | Owner::Fresh => return None,
                };
                self.stored(op, state, attr, value)
            }
            OpKind::SetItem { base, value, .. } => {
                let key = self.effect.subject?;
                let state = match self.effect.owner {
                    Owner::External(path) if path != key => format!("{path}[{:?}]", key.as_str()),
                    Owner::Module(..) => format!("{}[{:?}]", self.object(base)?, key.as_str()),
                    Owner::External(_) | Owner::Fresh => return None,
                };
                self.stored(op, state, key, value)
            }
            OpKind::SetGlobal { name, value } => match self.effect.owner {
                Owner::Module(owner, global) if global == name && owner != self.id => {
                    self.stored(op, format!("{}.{name}", self.program.module(owner).name), name, value)
                }
                _ => None,
            },
            OpKind::Call { call, role: CallRole::Dropped } => self.call(&self.code.call(call)),
            _ => None,
        }
    }

    /// A store. Special names say something about the object itself; what a function stores without having been given it is the same
    /// whoever calls.
    fn stored(&self, op: &Op, state: String, name: Sym, value: ValueId) -> Option<Write> {
        let special = name.as_str().starts_with("__") && name.as_str().ends_with("__");
        let given =
            self.is_own() || matches!(self.code.value(value), Value::Var(var) if self.is_parameter(var));
        let value = match self.code.value(value) {
            Value::Str(text) if self.is_own() => Some(text),
            _ => None,
        };
        // `if name not in FORMATS: FORMATS[name] = …`
        let wins = if op.conditional { Wins::Unclear } else { Wins::Last };
        (given && !special).then_some(Write { state, wins, value })
    }

    fn is_parameter(&self, var: u32) -> bool {
        let owner = self.code.vars[var as usize].func;
        self.code.function(owner).params.contains(&var)
    }

    /// Whether the function sets the attribute again, as one does that changes something for a while.
    fn restores(&self, name: Sym) -> bool {
        let sets = |op: &Op| matches!(op.kind, OpKind::SetAttr { attr, .. } if attr == name);
        !self.func.is_module() && self.code.ops_of(self.func).filter(sets).count() > 1
    }

    /// Import-time code of the writer itself.
    fn is_own(&self) -> bool {
        self.module == self.id
    }

    /// The name of an object that is always the same one.
    fn object(&self, base: ValueId) -> Option<String> {
        let Owner::Module(owner, name) = self.effect.owner else { return None };
        let owner = self.program.module(owner).name;
        let object =
            if name.as_str().is_empty() { owner.as_str().to_owned() } else { format!("{owner}.{name}") };
        if let Some(path) = self.code.dotted(base) {
            // Attributes beyond the object that the owner holds.
            let below = path.iter().rposition(|part| *part == name).map_or(&[][..], |at| &path[at + 1..]);
            return Some(below.iter().fold(object, |object, part| format!("{object}.{part}")));
        }
        // In a method: of the object on which the writer called it.
        let mut below = Vec::new();
        let mut at = base;
        while let Value::Attr(inner, attr) | Value::OwnAttr(inner, attr) = self.code.value(at) {
            below.push(attr);
            at = inner;
        }
        let Value::Var(var) = self.code.value(at) else { return None };
        let function = self.code.function(self.func);
        let is_self = function.class.is_some() && function.params.start == var && !function.params.is_empty();
        (is_self && self.is_called_on_a_name())
            .then(|| below.iter().rev().fold(object, |object, part| format!("{object}.{part}")))
    }

    /// Whether the line of the writer calls a method of something that has a name.
    fn is_called_on_a_name(&self) -> bool {
        let code = &self.program.module(self.id).facts.code;
        code.ops_of(FuncId::MODULE).filter(|op| op.at == self.effect.at).any(|op| match op.kind {
            OpKind::Call { call, .. } => {
                let mut callee = code.call(call).callee;
                // `@app.register("name")` calls what the call gives.
                while let Value::Call(call) = code.value(callee) {
                    callee = code.call(call).callee;
                }
                code.dotted(callee).is_some()
            }
            _ => false,
        })
    }

    /// A call that changes a setting of the process, or a key of a table.
    fn call(&self, call: &Call) -> Option<Write> {
        let path = foreign_path(self.program, self.module, call.callee)?;
        let (state, wins, keyed) = tables::overwrites(&path)?;
        // What a function passes on is not known here.
        if !self.is_own() {
            return None;
        }
        let mut args = self.code.positional(call).iter().map(|&arg| self.text(arg));
        let state = match keyed {
            tables::Keyed::No => state.to_owned(),
            tables::Keyed::First => format!("{state}[{}]", args.next().flatten()?),
            tables::Keyed::Rest => {
                // `filterwarnings("ignore", category=X)`: filters for different warnings do not meet.
                let value = args.next().flatten();
                let mut parts: Vec<String> = args.collect::<Option<_>>()?;
                for (name, arg) in self.code.keyword_args(call) {
                    let text = self.text(arg)?;
                    parts.push(if name == "category" { text } else { format!("{name}={text}") });
                }
                let state = if parts.is_empty() {
                    state.to_owned()
                } else {
                    format!("{state}[{}]", parts.join(", "))
                };
                return Some(Write { state, wins, value: value.map(|value| Sym::new(&value)) });
            }
        };
        let value = args.next().flatten().map(|value| Sym::new(&value));
        let more = self.code.keyword_args(call).next().is_some() || args.next().is_some() || call.unpacks();
        Some(Write { state, wins, value: value.filter(|_| !more) })
    }

    /// A constant or a name, as text.
    fn text(&self, value: ValueId) -> Option<String> {
        match self.code.value(value) {
            Value::Str(text) => Some(format!("{:?}", text.as_str())),
            _ => foreign_path(self.program, self.module, value).or_else(|| {
                let path = self.code.dotted(value)?;
                Some(path.iter().map(|part| part.as_str()).collect::<Vec<_>>().join("."))
            }),
        }
    }
}
