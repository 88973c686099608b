//! Submodules that are read of a package which goes from hand to hand: as an argument, in a container, as an attribute.
//!
//! ```python
//! def show(package): return package.parts.NAME      # called with a package of which somebody else loads `parts`
//! for package in PACKAGES: package.parts.NAME
//! attrgetter("parts.NAME")(package)
//! eval("package.parts.NAME")
//! ```
//!
//! Objects are followed by names, through variables, displays, calls of functions and attributes that somebody stores.

use rustc_hash::{FxHashMap, FxHashSet};

use super::state::{module_of, of_all};
use super::trace::{Start, trace};
use super::watched::Place;
use super::{ModuleId, Origin, Program};
use crate::facts::{OpKind, Sym, Value, ValueId, words};

/// A submodule that somebody looks for: its name, its package, and who does so where.
pub(super) type Sought = (Sym, (ModuleId, Place));

/// Submodules that their packages do not bind themselves, by the last parts of their names.
type Open = FxHashMap<Sym, Vec<(ModuleId, Sym)>>;

/// An object that may be a package, the names of submodules that are read of it, and where.
type Reading = (Start, Sym, Place);

/// Finds them.
pub(super) fn sought_by_hand(program: &Program) -> Vec<Sought> {
    let mut open = Open::default();
    let mut packages = FxHashSet::default();
    for id in program.ids() {
        let full = program.module(id).name;
        let Some((package, name)) = full.as_str().rsplit_once('.') else { continue };
        let (Some(package), Some(name)) = (program.find(package), Sym::find(name)) else { continue };
        if !program.binds(package, name) {
            open.entry(name).or_default().push((package, full));
            packages.insert(package);
        }
    }
    if packages.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<Sought> = of_all(program, |id| in_texts(program, id, &packages)).collect();
    let handed: FxHashSet<ModuleId> = of_all(program, |id| handed_by(program, id, &packages)).collect();
    open.retain(|_, submodules| {
        submodules.retain(|(package, _)| handed.contains(package));
        !submodules.is_empty()
    });
    if open.is_empty() {
        return found;
    }
    let mut readings: Vec<Reading> = of_all(program, |id| read_by(program, id, &open)).collect();
    let stored = stored_under(program, &readings);
    let through = |reading: &Reading| {
        let ((id, value, _), name, place) = *reading;
        let Value::Attr(_, attr) = program.module(id).facts.code.value(value) else { return Vec::new() };
        stored.get(&attr).into_iter().flatten().map(|&start| (start, name, place)).collect()
    };
    let more: Vec<Reading> = readings.iter().flat_map(through).collect();
    readings.extend(more);
    let starts: Vec<Start> = readings.iter().map(|(start, ..)| *start).collect();
    for (leaves, (_, name, place)) in trace(program, &starts).into_iter().zip(readings) {
        let objects: Vec<ModuleId> = leaves.into_iter().filter_map(super::trace::Leaf::module).collect();
        let submodules = open.get(&name).into_iter().flatten();
        let wanted = submodules.filter(|(package, _)| objects.contains(package));
        found.extend(wanted.map(|&(package, full)| (full, (package, place))));
    }
    found
}

/// What is stored under the attributes that objects are read from: for `self.package.parts` whatever is stored as `package`.
fn stored_under(program: &Program, readings: &[Reading]) -> FxHashMap<Sym, Vec<Start>> {
    let attribute = |&((id, value, _), ..): &Reading| match program.module(id).facts.code.value(value) {
        Value::Attr(_, attr) => Some(attr),
        _ => None,
    };
    let wanted: FxHashSet<Sym> = readings.iter().filter_map(attribute).collect();
    let mut stored: FxHashMap<Sym, Vec<Start>> = FxHashMap::default();
    if wanted.is_empty() {
        return stored;
    }
    let stores = |id: ModuleId| {
        let code = &program.module(id).facts.code;
        let store = |op: crate::facts::Op| match op.kind {
            OpKind::SetAttr { attr, value, .. } if wanted.contains(&attr) && !value.is_plain() => {
                Some((attr, (id, value, false)))
            }
            _ => None,
        };
        code.ops().filter_map(store).collect()
    };
    for (attr, start) in of_all(program, stores) {
        stored.entry(attr).or_default().push(start);
    }
    stored.retain(|_, starts| starts.len() <= MOST_STORES);
    stored
}

/// An attribute that is stored so often is called like many others.
const MOST_STORES: usize = 50;

/// The packages that a module hands on as objects.
fn handed_by(program: &Program, id: ModuleId, packages: &FxHashSet<ModuleId>) -> Vec<ModuleId> {
    let facts = &program.module(id).facts;
    let package = |site: &crate::facts::Site| {
        let import = &facts.imports[site.stmt as usize];
        match program.origin(id, import, site.alias as usize) {
            Origin::Module(package) if program.module(package).is_package => Some((site.bound, package)),
            _ => None,
        }
    };
    let bound: Vec<(Sym, ModuleId)> = facts.sites.iter().filter_map(package).collect();
    if bound.is_empty() {
        return Vec::new();
    }
    let mut handed = Vec::new();
    for read in facts.reads() {
        for &(_, mut package) in bound.iter().filter(|(name, _)| *name == read.name) {
            let mut inside = true;
            for &attr in read.chain {
                match program.attribute(id, package, attr) {
                    Origin::Module(next) => package = next,
                    // `from . import parts` in the package.
                    Origin::Attribute(..) => {
                        let full = [program.module(package).name.as_str(), attr.as_str()].join(".");
                        inside &= program.find(&full).is_some_and(|next| {
                            package = next;
                            true
                        });
                    }
                    _ => inside = false,
                }
            }
            if inside && read.hands_on() && packages.contains(&package) && !handed.contains(&package) {
                handed.push(package);
            }
        }
    }
    handed
}

/// What a module reads of objects that may be packages.
fn read_by(program: &Program, id: ModuleId, open: &Open) -> Vec<Reading> {
    let code = &program.module(id).facts.code;
    let nowhere = (id, ruff_text_size::TextRange::empty(0.into()));
    let mut found = Vec::new();
    for (base, name) in code.attributes_with_bases() {
        if open.contains_key(&name[0]) && may_be_handed(program, id, base) {
            found.push(((id, base, false), name[0], nowhere));
        }
    }
    for call in code.calls() {
        let (of, name) = match (code.value(call.callee), code.positional(&call)) {
            (Value::Global(asks), &[of, name, ..])
                if matches!(asks.as_str(), "getattr" | "hasattr") && may_be_handed(program, id, of) =>
            {
                (of, name)
            }
            // `attrgetter("parts.NAME")(package)`
            (Value::Call(getter), &[of]) => {
                let getter = code.call(getter);
                match (code.value(getter.callee), code.positional(&getter)) {
                    (Value::Global(makes) | Value::Attr(_, makes), &[name]) if makes == "attrgetter" => {
                        (of, name)
                    }
                    _ => continue,
                }
            }
            _ => continue,
        };
        if let Value::Str(path) = code.value(name)
            && let Some(name) = path.as_str().split('.').next().and_then(Sym::find)
            && open.contains_key(&name)
        {
            found.push(((id, of, false), name, nowhere));
        }
    }
    found
}

/// Whether a value may be what somebody handed on: not the object of a method, and nothing that an import statement names.
fn may_be_handed(program: &Program, id: ModuleId, value: ValueId) -> bool {
    let facts = &program.module(id).facts;
    let code = &facts.code;
    let mut root = value;
    while let Value::Attr(base, _) = code.value(root) {
        root = base;
    }
    match code.value(root) {
        Value::Global(name) => facts.sites_of(name).next().is_none(),
        Value::Var(var) => {
            let function = code.function(code.vars[var as usize].func);
            // What the function imports itself, is another matter.
            let imported = |&value: &ValueId| matches!(code.value(value), Value::Import(..));
            if code.assigned_to(var).iter().any(imported) {
                return false;
            }
            root != value || function.class.is_none() || function.params.start != var
        }
        _ => module_of(program, id, root).is_none(),
    }
}

/// Submodules in texts that a module evaluates, by its own names.
fn in_texts(program: &Program, id: ModuleId, packages: &FxHashSet<ModuleId>) -> Vec<Sought> {
    let facts = &program.module(id).facts;
    let mut found = Vec::new();
    for call in facts.code.calls().filter(|call| facts.code.value(call.callee) == Value::Global(words::EVAL))
    {
        let Some(&text) = facts.code.positional(&call).first() else { continue };
        let Value::Str(text) = facts.code.value(text) else { continue };
        let mut parts = text.as_str().split('.');
        let Some(name) = parts.next().and_then(Sym::find) else { continue };
        for site in facts.sites_of(name) {
            let import = &facts.imports[site.stmt as usize];
            let Origin::Module(mut package) = program.origin(id, import, site.alias as usize) else {
                continue;
            };
            for name in parts.clone().map_while(Sym::find) {
                if program.binds(package, name) {
                    break;
                }
                let full = [program.module(package).name.as_str(), name.as_str()].join(".");
                let Some(next) = program.find(&full).filter(|_| packages.contains(&package)) else { break };
                let place = (id, ruff_text_size::TextRange::empty(0.into()));
                found.push((program.module(next).name, (package, place)));
                package = next;
            }
        }
    }
    found
}
