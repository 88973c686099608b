//! Submodules that are used without being imported.
//!
//! ```python
//! import xml                      # never provides xml.etree; some other module happens to import it
//! xml.etree.ElementTree.parse(f)
//! ```
//!
//! Once the other module is lazy the attribute may be missing. The rewriter adds the import that was forgotten.

use rustc_hash::{FxHashMap, FxHashSet};

use super::ModuleVerdicts;
use crate::facts::{ImportStmt, Moment, ReadKind, Site, Sym};
use crate::program::graph::Graph;
use crate::program::{ModuleId, Origin, Program, stdlib};
use crate::rewrite::MissingImport;

/// Adds the missing imports of all modules.
pub fn decide(program: &Program, graph: &Graph, verdicts: &mut [ModuleVerdicts]) {
    let imported = imported_names(program);
    let mut provided: FxHashMap<ModuleId, FxHashSet<ModuleId>> = FxHashMap::default();
    for id in program.ids() {
        let facts = &program.module(id).facts;
        let mut missing: Vec<MissingImport> = Vec::new();
        for read in facts.reads.iter().filter(|r| r.kind == ReadKind::Attribute && r.moment != Moment::Never)
        {
            let Some(site) = facts.sites_of(read.name).last() else { continue };
            let import = &facts.imports[site.stmt as usize];
            let Some((mut module, mut name)) = package_behind(program, id, import, site) else { continue };
            let mut found = None;
            for &attr in &read.chain {
                let full = format!("{name}.{attr}");
                let is_module = match module {
                    Some(current) if program.binds(current, attr) => false,
                    Some(current) => {
                        module = program.find(&full);
                        match module {
                            Some(sub)
                                if !is_provided(
                                    program,
                                    graph,
                                    verdicts,
                                    &mut provided,
                                    current,
                                    sub,
                                    attr,
                                ) =>
                            {
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
            let sym = Sym::new(&full);
            if !imported.contains(&sym)
                || imports_it(program, id, sym)
                || full == program.module(id).name.as_str()
            {
                continue;
            }
            let add = MissingImport { stmt: import.index, module: full, bound: site.bound };
            if !missing.contains(&add) {
                missing.push(add);
            }
        }
        verdicts[id.index()].missing = missing;
    }
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

/// Whether the package makes the submodule reachable whenever it is loaded itself.
fn is_provided(
    program: &Program,
    graph: &Graph,
    verdicts: &[ModuleVerdicts],
    cache: &mut FxHashMap<ModuleId, FxHashSet<ModuleId>>,
    package: ModuleId,
    submodule: ModuleId,
    name: Sym,
) -> bool {
    if program.module(package).facts.names.contains_key(&name) {
        return true;
    }
    let loaded = cache.entry(package).or_insert_with(|| {
        let mut seen = FxHashSet::default();
        let mut todo = vec![package];
        while let Some(id) = todo.pop() {
            let sites = &verdicts[id.index()].sites;
            for edge in &graph.out[id.index()] {
                let eager = edge.site.is_none_or(|s| sites[s as usize].has_reasons());
                if eager && edge.certain && !edge.lazy && seen.insert(edge.to) {
                    todo.push(edge.to);
                }
            }
        }
        seen
    });
    loaded.contains(&submodule)
}

/// Whether the module itself imports a module, or something below it.
fn imports_it(program: &Program, id: ModuleId, name: Sym) -> bool {
    let below = |full: &str| {
        full.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    program.module(id).facts.imports.iter().filter(|i| i.moment != Moment::Never).any(|import| {
        (0..import.aliases.len()).any(|alias| {
            program.loaded_name(id, import, alias).is_some_and(|loaded| {
                below(loaded)
                    || (import.from.is_some() && below(&format!("{loaded}.{}", import.aliases[alias].name)))
            })
        })
    })
}

/// All names of modules that import statements anywhere in the program load.
fn imported_names(program: &Program) -> FxHashSet<Sym> {
    let mut names = FxHashSet::default();
    for id in program.ids() {
        for import in &program.module(id).facts.imports {
            for alias in 0..import.aliases.len() {
                let Some(loaded) = program.loaded_name(id, import, alias) else { continue };
                for (end, _) in loaded.match_indices('.') {
                    names.insert(Sym::new(&loaded[..end]));
                }
                names.insert(Sym::new(loaded));
                if let Origin::Module(sub) = program.origin(id, import, alias) {
                    names.insert(program.module(sub).name);
                } else if import.from.is_some() {
                    names.insert(Sym::new(&format!("{loaded}.{}", import.aliases[alias].name)));
                }
            }
        }
    }
    names
}
