//! Imports of a main program that may wait although loading them changes something: who can see it, has come by that import.
//!
//! ```python
//! from shop.orders import report      # shop.orders loads shop.registry and shop.kinds, which fills it
//! ```
//!
//! If no way leads from the main program to `shop.registry` but through `shop.orders`, its state cannot be seen before `shop.orders` has
//! been loaded, and then it is what it was at this moment in any case. Whatever else changes while it loads, has to be as private.
//!
//! The rule holds for main programs alone: what runs in their process is known. Who imports a package from elsewhere, may
//! load any of its modules. A way is whatever names a module, by any of the means that Python has: an import, wherever it stands; an attribute,
//! a global or a text that is called like its last part. Who loads modules by names that he computes, names all.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::graph::ancestors;
use super::super::interpret::{Effect, EffectKind, Owner};
use super::super::{ModuleId, Origin, Program};
use super::Effects;
use super::taint::{EffectOf, Taint};
use crate::facts::{CallRole, Code, FuncId, ImportStmt, OpKind, Sym, Value};

/// Sites that may wait.
pub(super) type PrivateSites = FxHashSet<(ModuleId, u32)>;

/// So many modules may be on the ways to a state, or load with an import: more are not looked at.
const MOST: usize = 256;

/// Longer texts name no module.
const LONGEST: usize = 256;

/// What loads modules whose names are made while the program runs.
const LOADERS: &[&str] = &[
    "iter_modules",
    "walk_packages",
    "exec_module",
    "load_module",
    "load_source",
    "module_from_spec",
    "spec_from_file_location",
    "run_module",
    "run_path",
    "resolve_name",
    "import_string",
    "dictConfig",
    "fileConfig",
    "loadTestsFromName",
    "loadTestsFromNames",
    "discover",
    "entry_points",
    "iter_entry_points",
    "exec",
    "eval",
    "pickle",
    "shelve",
    "dill",
    "cloudpickle",
    "joblib",
];

/// What an effect changes or reads, if it is the state of a module.
fn state_of(effect: &Effect) -> Option<ModuleId> {
    match (effect.owner, effect.kind) {
        (
            Owner::Module(owner, _),
            EffectKind::Write | EffectKind::UnresolvedCall | EffectKind::Subclass | EffectKind::ReadsState,
        ) => Some(owner),
        _ => None,
    }
}

impl Effects {
    /// The sites of main programs behind which all of these effects, as far as they are reached from there, are private.
    pub(super) fn private_sites(&self, program: &Program, effects: &[EffectOf]) -> PrivateSites {
        let effect = |&(id, index): &EffectOf| &self.outcomes[id.index()].effects[index as usize];
        let mut changed: FxHashMap<ModuleId, Vec<ModuleId>> = FxHashMap::default();
        let mut public = Vec::new();
        for of in effects {
            match state_of(effect(of)) {
                Some(owner) if !program.module(owner).installed => {
                    changed.entry(of.0).or_default().push(owner)
                }
                _ => public.push((of.0, Taint::Cause(of.1))),
            }
        }
        let public = self.spread(public.into_iter(), true);
        let imported = program.imported_modules();
        let candidates: Vec<(ModuleId, u32, ModuleId)> = program
            .ids()
            .filter(|&id| is_main_program(program, id) && !imported.contains(&id))
            .flat_map(|id| {
                let sites = (0..).zip(&program.module(id).facts.sites);
                sites.filter_map(move |(index, site)| Some((id, index, gate_of(program, id, site)?)))
            })
            .filter(|&(id, site, gate)| {
                let mut edges = self.graph.out[id.index()].iter().filter(|edge| edge.site == Some(site));
                !program.module(gate).installed && edges.all(|edge| !public.has(edge.to))
            })
            .collect();
        if candidates.is_empty() {
            return PrivateSites::default();
        }
        let names = Names::of(program);
        let is_private = |&(id, site, gate): &(ModuleId, u32, ModuleId)| {
            let starts = self.graph.out[id.index()].iter().filter(|edge| edge.site == Some(site));
            let mut todo: Vec<ModuleId> = starts.map(|edge| edge.to).collect();
            let mut seen: FxHashSet<ModuleId> = todo.iter().copied().collect();
            let mut owners: FxHashSet<ModuleId> = FxHashSet::default();
            while let Some(from) = todo.pop() {
                owners.extend(changed.get(&from).into_iter().flatten());
                let edges = self.graph.out[from.index()].iter().filter(|edge| edge.runs_when_imported());
                todo.extend(edges.map(|edge| edge.to).filter(|&to| seen.insert(to)));
                if seen.len() > MOST {
                    return false;
                }
            }
            !owners.is_empty() && owners.iter().all(|&owner| !names.lead_to(program, id, owner, gate))
        };
        let private = candidates.into_par_iter().filter(is_private);
        private.map(|(id, site, _)| (id, site)).collect()
    }
}

/// Whether a module does something when it is run: there is a main guard, or it makes calls for what they do.
fn is_main_program(program: &Program, id: ModuleId) -> bool {
    let module = program.module(id);
    let name = module.name.as_str();
    let runs = |kind: OpKind| matches!(kind, OpKind::Call { role: CallRole::Dropped, .. });
    !module.installed
        && !module.is_package
        && (!name.contains('.') || name.ends_with(".__main__"))
        && module.facts.code.ops_of(FuncId::MODULE).any(|op| op.main_guard || runs(op.kind))
}

/// The module that a site is about.
fn gate_of(program: &Program, id: ModuleId, site: &crate::facts::Site) -> Option<ModuleId> {
    let import = &program.module(id).facts.imports[site.stmt as usize];
    match program.origin(id, import, site.alias as usize) {
        Origin::Module(module) if import.from.is_some() => Some(module),
        _ => program.loaded_chain(id, import, site.alias as usize).last().copied(),
    }
}

/// Who names which modules.
struct Names {
    /// The modules that name one, by the last part of its name.
    by: FxHashMap<Sym, Vec<ModuleId>>,
    /// The modules that hand on a package, or its name: whoever gets it, may load what is inside.
    packages: FxHashMap<ModuleId, Vec<ModuleId>>,
    /// The modules that may load any other.
    loaders: Vec<ModuleId>,
}

impl Names {
    fn of(program: &Program) -> Self {
        let own = |id: &ModuleId| !program.module(*id).installed;
        let ids: Vec<ModuleId> = program.ids().filter(own).collect();
        let known: FxHashSet<Sym> = ids.iter().map(|&id| last_part(program, id)).collect();
        let found: Vec<(Vec<Sym>, Vec<ModuleId>, bool)> = ids
            .par_iter()
            .map(|&id| {
                let facts = &program.module(id).facts;
                let named = named_in(&facts.imports, &facts.code, &known);
                (named, packages_in(program, id), computes_names(&facts.code))
            })
            .collect();
        let mut names =
            Self { by: FxHashMap::default(), packages: FxHashMap::default(), loaders: Vec::new() };
        for (id, (named, packages, loads)) in ids.into_iter().zip(found) {
            named.into_iter().for_each(|name| names.by.entry(name).or_default().push(id));
            packages.into_iter().for_each(|package| names.packages.entry(package).or_default().push(id));
            if loads {
                names.loaders.push(id);
            }
        }
        names
    }

    /// Whether names lead from one module to another, past a third.
    fn lead_to(&self, program: &Program, from: ModuleId, to: ModuleId, past: ModuleId) -> bool {
        let mut todo = vec![to];
        let mut seen: FxHashSet<ModuleId> = [past, to].into_iter().collect();
        if to == past {
            return false;
        }
        todo.extend(self.loaders.iter().copied().filter(|&loader| seen.insert(loader)));
        while let Some(id) = todo.pop() {
            let named = self.by.get(&last_part(program, id)).into_iter();
            let around = ancestors(program, id);
            let handed = around.iter().filter_map(|package| self.packages.get(package));
            todo.extend(named.chain(handed).flatten().filter(|&&by| seen.insert(by)));
            if seen.len() > MOST || seen.contains(&from) {
                return true;
            }
        }
        seen.contains(&from)
    }
}

fn last_part(program: &Program, id: ModuleId) -> Sym {
    let name = program.module(id).name.as_str();
    Sym::new(name.rsplit('.').next().unwrap_or(name))
}

/// The names among some that a module names in any way, in no order.
fn named_in(imports: &[ImportStmt], code: &Code, known: &FxHashSet<Sym>) -> Vec<Sym> {
    let mut found: FxHashSet<Sym> =
        code.attributes().chain(code.globals_mentioned()).filter(|name| known.contains(name)).collect();
    let mut parts = |text: &str| {
        let parts = text.split(|c: char| c != '_' && !c.is_alphanumeric()).filter(|part| !part.is_empty());
        found.extend(parts.filter_map(Sym::find).filter(|name| known.contains(name)));
    };
    for import in imports {
        if let Some(from) = import.from {
            parts(from.module.as_str());
        }
        import.aliases.iter().for_each(|alias| parts(alias.name.as_str()));
    }
    for text in code.strings.iter().filter(|text| text.as_str().len() <= LONGEST) {
        parts(text.as_str());
    }
    found.into_iter().collect()
}

/// The packages that a module imports by themselves, or names in a text.
fn packages_in(program: &Program, id: ModuleId) -> Vec<ModuleId> {
    let facts = &program.module(id).facts;
    let named = facts.code.strings.iter().filter_map(|text| program.find(text.as_str()));
    let imported = facts.imports.iter().flat_map(|import| {
        (0..import.aliases.len()).filter_map(move |alias| match program.origin(id, import, alias) {
            Origin::Module(module) if !import.aliases[alias].name.as_str().contains('.') => Some(module),
            _ => None,
        })
    });
    let mut found: Vec<ModuleId> =
        named.chain(imported).filter(|&id| program.module(id).is_package).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether code may load modules by names that it makes while it runs.
fn computes_names(code: &Code) -> bool {
    let by_value = |call: crate::facts::Call| {
        let (Value::Global(name) | Value::Attr(_, name)) = code.value(call.callee) else { return false };
        matches!(name.as_str(), "import_module" | "__import__")
            && !matches!(code.positional(&call).first().map(|&name| code.value(name)), Some(Value::Str(_)))
    };
    code.mentions(LOADERS) || code.calls().any(by_value)
}
