//! Facts while they are collected, and how they are put away.
//!
//! Each thread uses the same tables for all its modules; what is kept are copies of the exact size.

use ruff_text_size::TextSize;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::call::Unpacked;
use super::code::{Call, Class, Code, FuncId, Function, Var};
use super::keep::Keeper;
use super::layout::{Layout, Top};
use super::operation::{Op, OpKind};
use super::packed::{PackedCall, PackedOp, PackedRead, SharedDraft, SharedFacts, Wide};
use super::value::{Value, ValueId};
use super::{
    Alias, Annotation, Declared, Exports, ImportStmt, Mark, ModuleFacts, NameInfo, Namespace, Site, Sym,
};

/// What a walk fills.
#[derive(Default)]
pub(super) struct Draft {
    pub imports: Vec<ImportStmt>,
    pub sites: Vec<Site>,
    pub reads: Vec<PackedRead>,
    pub shared: SharedDraft,
    pub infos: Vec<(Sym, NameInfo)>,
    pub exports: Exports,
    pub layout: Layout,
    pub tops: Vec<Top>,
    pub marks: Vec<Mark>,
    pub code: CodeDraft,
    pub keepers: Keepers,
}

/// What becomes of [`Code`].
#[derive(Default)]
pub(super) struct CodeDraft {
    pub compound: Vec<Value>,
    pub strings: Vec<Sym>,
    pub vars: Vec<Var>,
    pub params: Vec<Sym>,
    /// Values with the variables that they are assigned to.
    pub assigned: Vec<(u32, ValueId)>,
    pub calls: Vec<PackedCall>,
    pub args: Vec<ValueId>,
    pub keywords: Vec<Sym>,
    pub functions: Vec<Function>,
    pub classes: Vec<Class>,
    /// Operations with their functions.
    pub ops: Vec<(u32, PackedOp)>,
    pub wide: Vec<Wide>,
    /// Values with the functions that return them.
    pub returns: Vec<(u32, ValueId)>,
    pub globals: Vec<(Sym, ValueId)>,
    /// How many premises about parameters hold here.
    pub premises: usize,
    /// Where in `compound` and `ops` something like it stands already.
    known_values: FxHashMap<Value, u32>,
    known_ops: FxHashMap<(FuncId, ValueId, ValueId, Sym), u32>,
}

/// Empties a table for the next module; one that a huge module has filled is given back.
fn empty<K, V>(table: &mut FxHashMap<K, V>) {
    const USUAL: usize = 1 << 12;
    if table.capacity() > 2 * USUAL {
        *table = FxHashMap::with_capacity_and_hasher(USUAL, FxBuildHasher);
    } else {
        table.clear();
    }
}

fn index(length: usize) -> u32 {
    u32::try_from(length).expect("a module has fewer than 2^32 expressions")
}

/// Where the tables go.
#[derive(Default)]
pub(crate) struct Keepers {
    pub(super) imports: Keeper<ImportStmt>,
    pub(super) aliases: Keeper<Alias>,
    pub(super) sites: Keeper<Site>,
    pub(super) reads: Keeper<PackedRead>,
    pub(super) syms: Keeper<Sym>,
    pub(super) annotations: Keeper<Annotation>,
    pub(super) ranges: Keeper<ruff_text_size::TextRange>,
    pub(super) placed: Keeper<(u32, u32)>,
    pub(super) infos: Keeper<(Sym, NameInfo)>,
    pub(super) tops: Keeper<Top>,
    pub(super) marks: Keeper<Mark>,
    pub(super) compound: Keeper<Value>,
    pub(super) values: Keeper<ValueId>,
    pub(super) vars: Keeper<Var>,
    pub(super) calls: Keeper<PackedCall>,
    pub(super) functions: Keeper<Function>,
    pub(super) classes: Keeper<Class>,
    pub(super) ops: Keeper<PackedOp>,
    pub(super) wide: Keeper<Wide>,
    pub(super) members: Keeper<(Sym, ValueId)>,
    pub(super) numbers: Keeper<u32>,
}

impl CodeDraft {
    /// The value behind a number.
    pub fn value(&self, id: ValueId) -> Value {
        id.value(&self.compound)
    }

    /// What stands for a value from now on.
    pub fn add_value(&mut self, value: Value) -> ValueId {
        ValueId::of(value).unwrap_or_else(|| {
            let place = self.known_values.entry(value).or_insert_with(|| {
                self.compound.push(value);
                index(self.compound.len() - 1)
            });
            ValueId::compound(*place as usize)
        })
    }

    pub fn function(&self, id: FuncId) -> &Function {
        &self.functions[id.index()]
    }

    pub fn op(&mut self, func: FuncId, op: &Op) {
        let new = (func.0, PackedOp::new(op, &mut self.wide));
        if let OpKind::Operate { on, other, method } = op.kind
            && !func.is_module()
        {
            let key = (func, on, other, method);
            let covers = |&(by, earlier): &(u32, PackedOp)| by == func.0 && earlier.covers(new.1);
            let known = self.known_ops.get(&key).and_then(|&place| self.ops.get(place as usize));
            if known.is_some_and(covers) {
                return;
            }
            // What depends on parameters, may not have run.
            if self.premises == 0 {
                self.known_ops.insert(key, index(self.ops.len()));
            }
        }
        self.ops.push(new);
    }

    /// Ends what depends on the [`OpKind::When`](super::OpKind::When) at a place.
    pub fn end_when(&mut self, place: usize) {
        let (func, op) = self.ops[place];
        let ops = self.ops[place + 1..].iter().filter(|(owner, _)| *owner == func).count();
        if place + 1 == self.ops.len() {
            self.ops.pop();
            return;
        }
        op.set_dependent(
            &mut self.wide,
            u32::try_from(ops).expect("a module has fewer than 2^32 operations"),
        );
    }

    /// Records a call; arguments and the values of keywords come one after the other.
    pub fn call(
        &mut self,
        callee: ValueId,
        positional: impl Iterator<Item = ValueId>,
        keywords: impl Iterator<Item = (Sym, ValueId)>,
        unpacked: Unpacked,
    ) -> u32 {
        let count = |n: usize| u32::try_from(n).expect("a module has fewer than 2^29 arguments");
        let args = count(self.args.len());
        let first_keyword = count(self.keywords.len()) * Unpacked::COUNT + unpacked as u32;
        self.args.extend(positional);
        for (name, value) in keywords {
            self.args.push(value);
            self.keywords.push(name);
        }
        self.calls.push(PackedCall { callee, args, keywords: first_keyword });
        count(self.calls.len() - 1)
    }

    pub fn new_function(&mut self, name: Sym, parent: FuncId, at: TextSize) -> FuncId {
        let id = u32::try_from(self.functions.len()).expect("a module has fewer than 2^32 functions");
        self.functions.push(Function::new(name, parent, at));
        FuncId(id)
    }

    /// Sorts what was collected into the flat tables.
    fn keep(&mut self, keepers: &mut Keepers) -> Code {
        let functions = &mut self.functions;
        let ops = grouped(&mut self.ops, functions.len(), |func, start| functions[func].ops = start);
        let returns =
            grouped(&mut self.returns, functions.len(), |func, start| functions[func].returns = start);
        let vars = &mut self.vars;
        let assigned = grouped(&mut self.assigned, vars.len(), |var, start| vars[var].set_assigned(start));
        self.globals.sort_by_key(|(name, _)| name.number());
        empty(&mut self.known_values);
        empty(&mut self.known_ops);
        Code {
            compound: keepers.compound.take(&mut self.compound),
            strings: keepers.syms.take(&mut self.strings),
            vars: keepers.vars.take(&mut self.vars),
            params: keepers.syms.take(&mut self.params),
            assigned: keepers.values.keep(&assigned),
            calls: keepers.calls.take(&mut self.calls),
            args: keepers.values.take(&mut self.args),
            keywords: keepers.syms.take(&mut self.keywords),
            functions: keepers.functions.take(&mut self.functions),
            classes: keepers.classes.take(&mut self.classes),
            ops: keepers.ops.keep(&ops),
            wide: keepers.wide.take(&mut self.wide),
            returns: keepers.values.keep(&returns),
            globals: keepers.members.take(&mut self.globals),
        }
    }
}

impl Draft {
    /// The facts; the draft is empty afterwards.
    pub fn keep(&mut self, others_private: &[Sym]) -> ModuleFacts {
        self.declare_listed_sites();
        let by_name = by_name(&self.sites);
        self.infos.sort_unstable_by_key(|(name, _)| name.number());
        let keepers = &mut self.keepers;
        let mut layout = std::mem::take(&mut self.layout);
        layout.tops = keepers.tops.take(&mut self.tops);
        ModuleFacts {
            imports: keepers.imports.take(&mut self.imports),
            sites: keepers.sites.take(&mut self.sites),
            reads: keepers.reads.take(&mut self.reads),
            shared: SharedFacts {
                chains: keepers.syms.take(&mut self.shared.chains),
                annotations: keepers.annotations.take(&mut self.shared.annotations),
                subjects: keepers.ranges.take(&mut self.shared.subjects),
                placed: keepers.placed.take(&mut self.shared.placed),
            },
            names: Namespace(keepers.infos.take(&mut self.infos)),
            exports: std::mem::take(&mut self.exports),
            layout,
            marks: keepers.marks.take(&mut self.marks),
            code: self.code.keep(keepers),
            others_private: keepers.syms.keep(others_private),
            sites_by_name: keepers.numbers.keep(&by_name),
        }
    }

    /// Sites whose module stands in `__lazy_modules__` of the same file are declared lazy. Relative
    /// imports are compared when the module's own name is known, by the program.
    fn declare_listed_sites(&mut self) {
        let Some((list, names)) = &self.layout.lazy_list else { return };
        for site in &mut self.sites {
            let import = &self.imports[site.stmt as usize];
            let key = match import.from {
                None => import.aliases[site.alias as usize].name,
                Some(from) if from.level == 0 => from.module,
                Some(_) => continue,
            };
            if site.declared.is_none() && import.range.start() > list.start() && names.contains(&key) {
                site.declared = Some(Declared::List);
            }
        }
    }
}

/// Indices of the sites, sorted by the number of the bound name.
pub(super) fn by_name(sites: &[Site]) -> Vec<u32> {
    let mut by_name: Vec<u32> = (0..u32::try_from(sites.len()).expect("few sites")).collect();
    by_name.sort_by_key(|&i| (sites[i as usize].bound.number(), i));
    by_name
}

impl Call {
    /// The call with a number.
    pub(super) fn at(calls: &[PackedCall], index: usize, args: usize, keywords: usize) -> Self {
        let call = calls[index];
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (args_end, keywords_end) = match calls.get(index + 1) {
            Some(next) => (next.args, next.keywords / Unpacked::COUNT),
            None => (count(args), count(keywords)),
        };
        Self {
            callee: call.callee,
            args: call.args..args_end,
            keywords: call.keywords / Unpacked::COUNT..keywords_end,
            unpacked: Unpacked::ALL[(call.keywords % Unpacked::COUNT) as usize],
        }
    }
}

/// Sorts what belongs to owners with small numbers by owner; what belongs to one stays in its order. `begin` is told where
/// the part of each owner begins.
fn grouped<T: Copy>(items: &mut Vec<(u32, T)>, owners: usize, mut begin: impl FnMut(usize, u32)) -> Vec<T> {
    let Some(&(_, first)) = items.first() else { return Vec::new() };
    let mut next = vec![0_u32; owners + 1];
    for &(owner, _) in &*items {
        next[owner as usize + 1] += 1;
    }
    for owner in 0..owners {
        begin(owner, next[owner]);
        next[owner + 1] += next[owner];
    }
    let mut sorted = vec![first; items.len()];
    for (owner, item) in items.drain(..) {
        let place = &mut next[owner as usize];
        sorted[*place as usize] = item;
        *place += 1;
    }
    sorted
}
