//! Submodules that are used without being imported.
//!
//! ```python
//! import xml                      # never provides xml.etree; some other module happens to import it
//! xml.etree.ElementTree.parse(f)
//! ```
//!
//! Once the other module is lazy the attribute may be missing. The rewriter adds the import that was forgotten. Where that
//! would be executed at once, and leads back to the module, whatever loads the submodule stays instead.
//!
//! ```python
//! import pkg
//! from pkg import sub             # provides pkg.sub, unless it waits
//! def f(): return pkg.sub.x
//! ```
//!
//! A placeholder for `sub` provides nothing. The pending `pkg` brings its submodule along where it can; otherwise
//! `sub` is kept. (The interpreter's own lazy imports make it reachable.)

use std::sync::OnceLock;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::reason::{KeepReason, Reason};
use super::{DecideOptions, ModuleVerdicts};
use crate::config::Target;
use crate::dotted::is_within;
use crate::facts::{
    FuncId, ImportStmt, ModuleFacts, Moment, OpKind, Read, ReadKind, Site, Sym, Value, ValueId,
};
use crate::program::effects::Effects;
use crate::program::graph::{Graph, ancestors};
use crate::program::{Module, ModuleId, Origin, Program, stdlib, tables};
use crate::rewrite::MissingImport;

/// Adds the missing imports of all modules, and keeps those that provide what cannot be added.
pub fn decide(
    program: &Program,
    effects: &Effects,
    options: &DecideOptions,
    verdicts: &mut [ModuleVerdicts],
) {
    let graph = effects.graph();
    let provided = Provided::new(program, graph, options.target == Target::Proxy, verdicts);
    let (mut missing, kept): (Vec<_>, Vec<_>) =
        program.par_ids().map(|id| missing_in(program, id, &provided)).unzip();
    for (kept, verdicts) in kept.into_iter().zip(verdicts.iter_mut()) {
        for (site, reason) in kept {
            verdicts.sites[site].keep(reason);
        }
    }
    let names = missing.iter().flatten().map(|add| add.module.as_str()).collect();
    let imported = imported_of(program, &names);
    let imported: Vec<Vec<bool>> = missing
        .iter()
        .map(|missing| missing.iter().map(|add| imported.contains(add.module.as_str())).collect())
        .collect();
    for ((missing, imported), verdicts) in missing.iter_mut().zip(imported).zip(&mut *verdicts) {
        let mut imported = imported.into_iter();
        missing.retain(|_| imported.next() == Some(true));
        verdicts.missing = std::mem::take(missing);
    }
    refuse_circular(program, effects, verdicts);
}

/// Takes imports back that would be executed while the module loads, and would lead back to it.
fn refuse_circular(program: &Program, effects: &Effects, verdicts: &mut [ModuleVerdicts]) {
    let graph = effects.graph();
    let mut at_once: FxHashMap<ModuleId, Vec<ModuleId>> = FxHashMap::default();
    for (id, verdicts) in program.ids().zip(&*verdicts) {
        let facts = &program.module(id).facts;
        for add in verdicts.missing.iter().filter(|add| !waits_with_package(facts, verdicts, add)) {
            if let Some(submodule) = program.find(&add.module) {
                at_once.entry(submodule).or_default().push(id);
            }
        }
    }
    let at_once: Vec<(ModuleId, Vec<ModuleId>)> = at_once.into_iter().collect();
    let circular: FxHashSet<(ModuleId, ModuleId)> = at_once
        .into_par_iter()
        .flat_map_iter(|(submodule, users)| {
            let mut behind = ancestors(program, submodule);
            behind.push(submodule);
            let behind = everything_behind(graph, behind);
            users.into_iter().filter(move |user| behind.contains(user)).map(move |user| (submodule, user))
        })
        .collect();
    for (id, verdicts) in program.ids().zip(&mut *verdicts) {
        let missing = std::mem::take(&mut verdicts.missing);
        let facts = &program.module(id).facts;
        let stays = |add: &MissingImport| {
            program.find(&add.module).is_none_or(|submodule| !circular.contains(&(submodule, id)))
                || waits_with_package(facts, verdicts, add)
        };
        let missing = missing.into_iter().filter(stays).collect();
        verdicts.missing = missing;
    }
    let mut asked: Vec<ModuleId> = circular.into_iter().map(|(submodule, _)| submodule).collect();
    asked.sort_unstable();
    asked.dedup();
    if !asked.is_empty() {
        effects.keep_moments(program, asked.into_iter(), verdicts);
    }
}

/// So many modules may hand a package on.
const MOST_HANDS: u32 = 8;

/// Whether an added import waits for the first use of the package, which has its own name here.
fn waits_with_package(facts: &ModuleFacts, verdicts: &ModuleVerdicts, add: &MissingImport) -> bool {
    let named = facts.imports[add.stmt as usize].from.is_none()
        && add.module.split('.').next() == Some(add.bound.as_str());
    let mut sites = facts.sites.iter().zip(&verdicts.sites);
    named
        && sites
            .any(|(site, verdict)| site.stmt == add.stmt && site.bound == add.bound && !verdict.has_reasons())
}

/// All modules that loading some may load.
fn everything_behind(graph: &Graph, start: Vec<ModuleId>) -> FxHashSet<ModuleId> {
    let mut seen = FxHashSet::default();
    let mut todo = start;
    while let Some(id) = todo.pop() {
        for edge in graph.out[id.index()].iter().filter(|edge| !edge.lazy) {
            if seen.insert(edge.to) {
                todo.push(edge.to);
            }
        }
    }
    seen
}

/// The submodules that a module uses without importing them, and the imports that have to stay because they provide one.
fn missing_in(
    program: &Program,
    id: ModuleId,
    provided: &Provided<'_>,
) -> (Vec<MissingImport>, Vec<(usize, Reason)>) {
    let facts = &program.module(id).facts;
    let mut missing: Vec<MissingImport> = Vec::new();
    let mut kept = Vec::new();
    if program.module(id).installed {
        return (missing, kept);
    }
    let named = named_here(facts);
    let asks = |read: &Read| match read.kind {
        ReadKind::Attribute => true,
        // Where somebody evaluates it.
        ReadKind::Annotation(annotation) => !annotation.text && !read.chain.is_empty(),
        _ => false,
    };
    let reads = facts.reads().filter(|read| asks(read) && read.moment != Moment::Never);
    for read in reads.chain(reads_by_other_names(facts, &provided.submodules)) {
        let Some(site) = facts.sites_of(read.name).last() else { continue };
        let import = &facts.imports[site.stmt as usize];
        let Some((mut module, mut name)) = package_behind(program, id, import, site, &named, 0) else {
            continue;
        };
        let mut found = None;
        for &attr in read.chain {
            let full = format!("{name}.{attr}");
            let is_module = match module {
                Some(current) if program.binds(current, attr) => false,
                Some(current) => {
                    module = program.find(&full);
                    match module {
                        Some(sub) if !provided.has(current, sub, attr) => {
                            found = Some(full.clone());
                            true
                        }
                        Some(_) => true,
                        None => false,
                    }
                }
                None => {
                    let known = program.stdlib.has_module(&full) == stdlib::Has::Yes
                        && !program.stdlib.lists_submodule(&name, attr.as_str())
                        || named.iter().any(|named| is_within(named, &full));
                    if known {
                        found = Some(full.clone());
                    }
                    known
                }
            };
            if !is_module {
                break;
            }
            name = full;
        }
        let Some(full) = found else { continue };
        if full == program.module(id).name.as_str() {
            continue;
        }
        let waits = |site: usize| !provided.verdicts[id.index()].sites[site].has_reasons();
        let package_waits = import.from.is_none()
            && import.aliases[site.alias as usize].asname.is_none()
            && facts.sites.iter().rposition(|s| s.bound == site.bound).is_some_and(waits);
        let own = match own_import(program, id, &full, &read) {
            Own::Nothing => Vec::new(),
            Own::InFunction if package_waits => Vec::new(),
            Own::InFunction | Own::Here => continue,
            Own::Sites(sites) => {
                if !provided.placeholders || !sites.iter().all(|&s| waits(s)) {
                    continue;
                }
                sites
            }
        };
        // What the package brings along is loaded when it is used. Anything else would be loaded at once.
        if !own.is_empty() && (!package_waits || read.moment != Moment::Deferred) {
            let undeclared = own.iter().filter(|&&s| facts.sites[s].declared.is_none());
            let (kind, note) = if read.moment == Moment::Deferred {
                (KeepReason::LoadObserved, "reads what this import adds to the package")
            } else {
                (KeepReason::UsedAtImportTime, "read while the module loads, as an attribute of the package")
            };
            let before = kept.len();
            kept.extend(
                undeclared.map(|&s| (s, Reason::at(kind, id, read.range, note).about(facts.sites[s].bound))),
            );
            if kept.len() > before {
                continue;
            }
        }
        let add = MissingImport { stmt: import.index, module: full, bound: site.bound };
        if !missing.contains(&add) {
            missing.push(add);
        }
    }
    (missing, kept)
}

/// Attributes of modules that have another name for a while: `p = pkg; p.sub`.
fn reads_by_other_names(facts: &ModuleFacts, submodules: &FxHashSet<Sym>) -> Vec<Read> {
    let code = &facts.code;
    let mut found = Vec::new();
    for (base, chain) in code.attributes_with_bases().filter(|(_, chain)| submodules.contains(&chain[0])) {
        let (values, moment): (Vec<ValueId>, _) = match code.value(base) {
            Value::Var(var) => (code.assigned_to(var).to_vec(), Moment::Deferred),
            Value::Global(name) if facts.sites_of(name).next().is_none() => {
                (code.globals_of(name).iter().map(|&(_, value)| value).collect(), Moment::ImportTime)
            }
            _ => continue,
        };
        for value in values {
            let Value::Global(name) = code.value(value) else { continue };
            let Some(site) = facts.sites_of(name).last() else { continue };
            let import = &facts.imports[site.stmt as usize];
            let range = import.aliases[site.alias as usize].range;
            let (kind, func) = (ReadKind::Attribute, FuncId::MODULE);
            found.push(Read { name, range, kind, moment, func, chain });
        }
    }
    found
}

/// The submodules that the module's own statements show to be modules.
fn named_here(facts: &ModuleFacts) -> Vec<&str> {
    let mut names = Vec::new();
    for import in facts.imports.iter().filter(|i| i.moment != Moment::Never) {
        match import.from {
            Some(from) if from.level == 0 => names.push(from.module.as_str()),
            Some(_) => {}
            None => names.extend(import.aliases.iter().map(|alias| alias.name.as_str())),
        }
    }
    names.retain(|name| name.contains('.'));
    names
}

/// The package that a site binds: its module, if it is of the program, and its full name. `depth` counts the modules that hand it on.
fn package_behind(
    program: &Program,
    id: ModuleId,
    import: &ImportStmt,
    site: &Site,
    named: &[&str],
    depth: u32,
) -> Option<(Option<ModuleId>, String)> {
    let alias = site.alias as usize;
    match program.origin(id, import, alias) {
        // `from shim import urllib`
        Origin::Attribute(source, name) if source != id && depth < MOST_HANDS => {
            let facts = &program.module(source).facts;
            facts.sites_of(name).find_map(|site| {
                let import = &facts.imports[site.stmt as usize];
                package_behind(program, source, import, site, named, depth + 1)
            })
        }
        Origin::Module(module) => Some((Some(module), program.module(module).name.as_str().to_owned())),
        Origin::Foreign if import.from.is_none() => {
            let name = program.loaded_name(id, import, alias)?;
            let bound = match import.aliases[alias].asname {
                Some(_) => name,
                None => name.split('.').next().unwrap_or_default(),
            };
            let known = named.iter().any(|named| is_within(named, bound))
                || program.stdlib.has_module(bound) == stdlib::Has::Yes;
            known.then(|| (None, bound.to_owned()))
        }
        _ => None,
    }
}

/// Which submodules each package makes reachable whenever it is loaded itself.
struct Provided<'a> {
    program: &'a Program,
    graph: &'a Graph,
    verdicts: &'a [ModuleVerdicts],
    /// A lazy import provides nothing.
    placeholders: bool,
    /// The last parts of the names of all submodules.
    submodules: FxHashSet<Sym>,
    /// For each module what it certainly loads, found when first asked.
    loaded: Vec<OnceLock<FxHashSet<ModuleId>>>,
}

impl<'a> Provided<'a> {
    fn new(
        program: &'a Program,
        graph: &'a Graph,
        placeholders: bool,
        verdicts: &'a [ModuleVerdicts],
    ) -> Self {
        let loaded = std::iter::repeat_with(OnceLock::new).take(program.modules.len()).collect();
        let last = |module: &Module| Some(Sym::new(module.name.as_str().rsplit_once('.')?.1));
        let submodules = program.modules.iter().filter_map(last).collect();
        Self { program, graph, verdicts, placeholders, submodules, loaded }
    }

    fn has(&self, package: ModuleId, submodule: ModuleId, name: Sym) -> bool {
        self.program.module(package).facts.names.contains(name)
            || gives_when_asked(self.program, package, submodule)
            || self.loaded[package.index()].get_or_init(|| self.loaded_by(package)).contains(&submodule)
    }

    fn loaded_by(&self, package: ModuleId) -> FxHashSet<ModuleId> {
        let mut seen = FxHashSet::default();
        let mut todo = vec![package];
        while let Some(id) = todo.pop() {
            let sites = &self.verdicts[id.index()].sites;
            for edge in &self.graph.out[id.index()] {
                let eager = edge.site.is_none_or(|s| sites[s as usize].has_reasons());
                if eager && edge.certain && !edge.lazy && seen.insert(edge.to) {
                    todo.push(edge.to);
                }
            }
        }
        seen
    }
}

/// Whether a package loads a submodule when its attribute is asked for.
///
/// ```python
/// def __getattr__(name):
///     if name == "ma":
///         import numpy.ma as ma
///         return ma
/// ```
pub(super) fn gives_when_asked(program: &Program, package: ModuleId, submodule: ModuleId) -> bool {
    let facts = &program.module(package).facts;
    let Some(getter) = Sym::find("__getattr__").filter(|&name| facts.names.contains(name)) else {
        return false;
    };
    let code = &facts.code;
    let defined =
        code.globals_of(getter).iter().any(|(_, value)| matches!(code.value(*value), Value::Function(_)));
    // `__getattr__, __dir__, __all__ = attach(__name__, …)`
    !defined
        || facts.imports.iter().filter(|import| !import.func.is_module()).any(|import| {
            (0..import.aliases.len()).any(|alias| {
                program.loaded_chain(package, import, alias).contains(&submodule)
                    || program.origin(package, import, alias) == Origin::Module(submodule)
            })
        })
        || (1..).map(FuncId).zip(code.functions.iter().skip(1)).any(|(func, _)| {
            code.ops_of(func).any(|op| match op.kind {
                OpKind::Call { call, .. } => match code.value(code.call(call).callee) {
                    Value::Global(name) | Value::Attr(_, name) => tables::imports_by_name(name.as_str()),
                    _ => false,
                },
                _ => false,
            })
        })
}

/// How a module imports something itself.
enum Own {
    Nothing,
    /// In functions other than the one in question.
    InFunction,
    /// Where it cannot wait, or under the name in question.
    Here,
    /// By sites (indices into [`ModuleFacts::sites`]) that bind another name.
    Sites(Vec<usize>),
}

/// How the module itself imports a module, or something below it.
fn own_import(program: &Program, id: ModuleId, name: &str, read: &Read) -> Own {
    let facts = &program.module(id).facts;
    let mut sites = Vec::new();
    let mut in_function = false;
    for import in facts.imports.iter().filter(|i| i.moment != Moment::Never) {
        for (number, alias) in import.aliases.iter().enumerate() {
            let loads = program.loaded_name(id, import, number).is_some_and(|loaded| {
                is_within(loaded, name)
                    || (import.from.is_some() && is_within(&format!("{loaded}.{}", alias.name), name))
            });
            if !loads {
                continue;
            }
            let site = |s: &Site| s.stmt == import.index && s.alias as usize == number;
            match facts.sites.iter().position(site) {
                Some(site) if facts.sites[site].bound != read.name => sites.push(site),
                None if !import.func.is_module() && import.func != read.func => in_function = true,
                _ => return Own::Here,
            }
        }
    }
    match (sites.is_empty(), in_function) {
        (false, _) => Own::Sites(sites),
        (true, true) => Own::InFunction,
        (true, false) => Own::Nothing,
    }
}

/// Those of the names that import statements anywhere in the program load.
fn imported_of<'n>(program: &Program, names: &FxHashSet<&'n str>) -> FxHashSet<&'n str> {
    if names.is_empty() {
        return FxHashSet::default();
    }
    // What a module of the library loads of its own package is not seen: `urllib.request` loads `urllib.response`.
    let mut beside: FxHashMap<&str, Vec<&'n str>> = FxHashMap::default();
    for name in names.iter().filter(|name| program.stdlib.has_module(name) == stdlib::Has::Yes) {
        if let Some((package, _)) = name.rsplit_once('.') {
            beside.entry(package).or_default().push(name);
        }
    }
    let found: Vec<Vec<&'n str>> = program
        .par_ids()
        .map(|id| {
            let mut found = Vec::new();
            for import in &program.module(id).facts.imports {
                for alias in 0..import.aliases.len() {
                    let Some(loaded) = program.loaded_name(id, import, alias) else { continue };
                    let ends = loaded.match_indices('.').map(|(end, _)| end).chain([loaded.len()]);
                    found.extend(ends.filter_map(|end| names.get(&loaded[..end])));
                    let packages = loaded.match_indices('.').map(|(end, _)| &loaded[..end]);
                    found.extend(packages.filter_map(|package| beside.get(package)).flatten());
                    if let Origin::Module(sub) = program.origin(id, import, alias) {
                        found.extend(names.get(program.module(sub).name.as_str()));
                    } else if import.from.is_some() {
                        let full = [loaded, import.aliases[alias].name.as_str()].join(".");
                        found.extend(names.get(full.as_str()));
                        if let Some(names) = beside.get(loaded)
                            && program.stdlib.has_module(&full) == stdlib::Has::Yes
                        {
                            found.extend(names);
                        }
                    }
                }
            }
            found
        })
        .collect();
    let mut found: FxHashSet<&str> = found.into_iter().flatten().collect();
    // `importlib.import_module("pkg.sub")`
    let missing: FxHashSet<Sym> = names
        .iter()
        .filter(|name| !found.contains(*name) && program.find(name).is_some())
        .filter_map(|name| Sym::find(name))
        .collect();
    if !missing.is_empty() {
        let texts =
            |id: ModuleId| program.module(id).facts.code.strings.iter().filter(|text| missing.contains(text));
        found.extend(program.ids().flat_map(texts).map(|text| text.as_str()));
    }
    found
}
