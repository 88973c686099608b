//! Submodules that are used without being imported.
//!
//! ```python
//! import xml                      # never provides xml.etree; some other module happens to import it
//! xml.etree.ElementTree.parse(f)
//! ```
//!
//! Once the other module is lazy the attribute may be missing. The rewriter adds the import that was forgotten.

use std::sync::OnceLock;

use rayon::prelude::*;
use rustc_hash::FxHashSet;

use super::ModuleVerdicts;
use crate::facts::{ImportStmt, Moment, ReadKind, Site, Sym};
use crate::program::graph::Graph;
use crate::program::{ModuleId, Origin, Program, stdlib};
use crate::rewrite::MissingImport;

/// Adds the missing imports of all modules.
pub fn decide(program: &Program, graph: &Graph, verdicts: &mut [ModuleVerdicts]) {
    let provided = Provided::new(program, graph, verdicts);
    let ids: Vec<ModuleId> = program.ids().collect();
    let mut missing: Vec<Vec<MissingImport>> =
        ids.into_par_iter().map(|id| missing_in(program, id, &provided)).collect();
    let names = missing.iter().flatten().map(|add| add.module.as_str()).collect();
    let imported = imported_of(program, &names);
    let imported: Vec<Vec<bool>> = missing
        .iter()
        .map(|missing| missing.iter().map(|add| imported.contains(add.module.as_str())).collect())
        .collect();
    for ((missing, imported), verdicts) in missing.iter_mut().zip(imported).zip(verdicts) {
        let mut imported = imported.into_iter();
        missing.retain(|_| imported.next() == Some(true));
        verdicts.missing = std::mem::take(missing);
    }
}

/// The submodules that a module uses without importing them.
fn missing_in(program: &Program, id: ModuleId, provided: &Provided<'_>) -> Vec<MissingImport> {
    let facts = &program.module(id).facts;
    let mut missing: Vec<MissingImport> = Vec::new();
    if program.module(id).installed {
        return missing;
    }
    for read in facts.reads().filter(|r| r.kind == ReadKind::Attribute && r.moment != Moment::Never) {
        let Some(site) = facts.sites_of(read.name).last() else { continue };
        let import = &facts.imports[site.stmt as usize];
        let Some((mut module, mut name)) = package_behind(program, id, import, site) else { continue };
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
                        && !program.stdlib.lists_attribute(&name, attr.as_str());
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
        if imports_it(program, id, &full) || full == program.module(id).name.as_str() {
            continue;
        }
        let add = MissingImport { stmt: import.index, module: full, bound: site.bound };
        if !missing.contains(&add) {
            missing.push(add);
        }
    }
    missing
}

/// The package that a site binds: its module, if it is of the program, and its full name.
fn package_behind(
    program: &Program,
    id: ModuleId,
    import: &ImportStmt,
    site: &Site,
) -> Option<(Option<ModuleId>, String)> {
    let alias = site.alias as usize;
    match program.origin(id, import, alias) {
        Origin::Module(module) => Some((Some(module), program.module(module).name.as_str().to_owned())),
        Origin::Foreign if import.from.is_none() => {
            let name = program.loaded_name(id, import, alias)?;
            let bound = match import.aliases[alias].asname {
                Some(_) => name,
                None => name.split('.').next().unwrap_or_default(),
            };
            (program.stdlib.has_module(bound) == stdlib::Has::Yes).then(|| (None, bound.to_owned()))
        }
        _ => None,
    }
}

/// Which submodules each package makes reachable whenever it is loaded itself.
struct Provided<'a> {
    program: &'a Program,
    graph: &'a Graph,
    verdicts: &'a [ModuleVerdicts],
    /// For each module what it certainly loads, found when first asked.
    loaded: Vec<OnceLock<FxHashSet<ModuleId>>>,
}

impl<'a> Provided<'a> {
    fn new(program: &'a Program, graph: &'a Graph, verdicts: &'a [ModuleVerdicts]) -> Self {
        let loaded = std::iter::repeat_with(OnceLock::new).take(program.modules.len()).collect();
        Self { program, graph, verdicts, loaded }
    }

    fn has(&self, package: ModuleId, submodule: ModuleId, name: Sym) -> bool {
        self.program.module(package).facts.names.contains(name)
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

/// Whether the module itself imports a module, or something below it.
fn imports_it(program: &Program, id: ModuleId, name: &str) -> bool {
    let below =
        |full: &str| full.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    program.module(id).facts.imports.iter().filter(|i| i.moment != Moment::Never).any(|import| {
        (0..import.aliases.len()).any(|alias| {
            program.loaded_name(id, import, alias).is_some_and(|loaded| {
                below(loaded)
                    || (import.from.is_some() && below(&format!("{loaded}.{}", import.aliases[alias].name)))
            })
        })
    })
}

/// Those of the names that import statements anywhere in the program load.
fn imported_of<'n>(program: &Program, names: &FxHashSet<&'n str>) -> FxHashSet<&'n str> {
    if names.is_empty() {
        return FxHashSet::default();
    }
    let ids: Vec<ModuleId> = program.ids().collect();
    let found: Vec<Vec<&'n str>> = ids
        .into_par_iter()
        .map(|id| {
            let mut found = Vec::new();
            for import in &program.module(id).facts.imports {
                for alias in 0..import.aliases.len() {
                    let Some(loaded) = program.loaded_name(id, import, alias) else { continue };
                    let ends = loaded.match_indices('.').map(|(end, _)| end).chain([loaded.len()]);
                    found.extend(ends.filter_map(|end| names.get(&loaded[..end])));
                    if let Origin::Module(sub) = program.origin(id, import, alias) {
                        found.extend(names.get(program.module(sub).name.as_str()));
                    } else if import.from.is_some() {
                        let full = format!("{loaded}.{}", import.aliases[alias].name);
                        found.extend(names.get(full.as_str()));
                    }
                }
            }
            found
        })
        .collect();
    found.into_iter().flatten().collect()
}
