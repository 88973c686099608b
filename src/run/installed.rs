//! Other people's packages, as far as the project reaches them.
//!
//! Enters: the project's modules and the [`Packages`] of an environment. Leaves: the modules of those packages that some import leads to,
//! directly or through others, with their facts; and the names of modules beside them that exist. In rounds: each parses in parallel
//! what the one before has named. They are judged together with the project, and nothing else happens to them.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::judge::JudgedModule;
use super::read::Reader;
use super::{FileState, Request};
use crate::cache::{Cache, Content, Use};
use crate::facts::{FuncId, MarkKind, ModuleFacts, Moment, OpKind, Sym, Value, World};
use crate::packages::{Found, Packages, Search, listed};
use crate::program::stdlib::{Has, Stdlib};
use crate::program::{Module, add_prefixes, tables};
use crate::wire::fields;

/// What was reached.
#[derive(Debug, Default)]
pub(super) struct Installed {
    /// Sorted by name.
    pub modules: Vec<Module>,
    /// Modules that exist and are not parsed.
    pub existing: FxHashSet<Sym>,
    /// What was found in the cache.
    pub cache: Use,
    /// From what it was made.
    pub reached: Reached,
}

/// The files and folders that were looked at, to find out whether they would be the same again.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// Parallel to the modules.
    sources: Vec<ReadSource>,
    folders: Vec<(PathBuf, u128)>,
}

/// A file as it was read.
#[derive(Debug)]
struct ReadSource {
    name: String,
    path: PathBuf,
    is_package: bool,
    content: Content,
}

fields! {
    Reached { sources, folders }
    ReadSource { name, path, is_package, content }
}

impl Reached {
    /// The modules, if everything is as it was. Their facts are not read.
    pub fn recall(&self, reader: &Reader) -> Option<Vec<JudgedModule>> {
        let cache = reader.cache()?;
        let same = self.folders.par_iter().all(|(folder, content)| listed(folder) == *content)
            && self.sources.par_iter().all(|source| {
                cache.mark_used(source.content);
                cache.content(&source.path).is_ok_and(|content| content == source.content)
            });
        let here = std::env::current_dir().unwrap_or_default();
        let module = |ReadSource { name, path, is_package, .. }: &ReadSource| JudgedModule {
            name: Sym::new(name),
            path: shown(path, &here),
            is_package: *is_package,
            facts: None,
        };
        same.then(|| self.sources.iter().map(module).collect())
    }

    /// Whether all paths can be written down.
    pub fn can_be_kept(&self) -> bool {
        let mut paths = self.sources.iter().map(|source| &source.path);
        paths.all(|path| path.to_str().is_some())
            && self.folders.iter().all(|(path, _)| path.to_str().is_some())
    }
}

/// The path of a module for reports.
fn shown(path: &Path, here: &Path) -> PathBuf {
    path.strip_prefix(here).unwrap_or(path).to_path_buf()
}

/// Follows the imports of the project. `compiled` are its modules without source.
pub(super) fn reached(
    packages: &Packages,
    project: &[Module],
    compiled: &FxHashSet<Sym>,
    stdlib: Stdlib,
    request: &Request,
    world: World,
) -> Installed {
    let reader = Reader::of_packages(request, world);
    let mut own: FxHashSet<Sym> = project.iter().map(|module| module.name).collect();
    own.extend(compiled);
    let mut portions = FxHashSet::default();
    for name in &own {
        add_prefixes(name.as_str(), &mut portions);
    }
    let mut reach = Reach {
        search: Search::new(packages),
        stdlib,
        own,
        portions,
        seen: FxHashSet::default(),
        installed: Installed::default(),
        stars: FxHashSet::default(),
        lists: FxHashMap::default(),
    };
    let named: Vec<Named> = project
        .par_iter()
        .map(|module| named_by(module.name.as_str(), module.is_package, &module.facts, false))
        .collect();
    let mut todo = reach.sources(named);
    let here = std::env::current_dir().unwrap_or_default();
    while !todo.is_empty() {
        let parsed: Vec<(Module, Named, ReadSource)> = todo
            .into_par_iter()
            .map(|(name, path, is_package)| {
                let (facts, state) = reader.read(&path);
                let named = named_by(name.as_str(), is_package, &facts, true);
                let content = state.content;
                let module = module(name, &path, &here, is_package, facts, &state);
                let name = name.as_str().to_owned();
                (module, named, ReadSource { name, path, is_package, content })
            })
            .collect();
        let mut named = Vec::with_capacity(parsed.len());
        for (module, names, source) in parsed {
            if let Some(all) = &module.facts.exports.all {
                reach.lists.insert(module.name, all.clone());
            }
            reach.installed.modules.push(module);
            reach.installed.reached.sources.push(source);
            named.push(names);
        }
        todo = reach.sources(named);
    }
    let mut installed = reach.installed;
    if reader.cache().is_some() {
        installed.reached.folders = reach.search.listed();
    }
    installed.cache = reader.into_cache().map_or_else(Use::default, Cache::finish);
    installed.modules.sort_unstable_by_key(|module| module.name.as_str());
    installed.reached.sources.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    installed
}

fn module(
    name: Sym,
    path: &Path,
    here: &Path,
    is_package: bool,
    facts: ModuleFacts,
    state: &FileState,
) -> Module {
    Module {
        name,
        path: shown(path, here),
        is_package,
        installed: true,
        broken: state.failure.is_some(),
        lacks: Vec::new(),
        facts,
        siblings: None,
        own_root: None,
    }
}

/// The modules that one module names.
#[derive(Debug, Default)]
struct Named {
    /// Dotted names of modules, and of names that may be submodules.
    modules: Vec<String>,
    /// The packages of star imports.
    stars: Vec<String>,
    /// What is loaded by a name that is put together: packages whose modules count, with the beginning of their names.
    starts: Vec<String>,
}

fn named_by(name: &str, is_package: bool, facts: &ModuleFacts, installed: bool) -> Named {
    let mut named = Named::default();
    for import in facts.imports.iter().filter(|import| import.moment != Moment::Never) {
        let Some(from) = import.from else {
            named.modules.extend(import.aliases.iter().map(|alias| alias.name.as_str().to_owned()));
            continue;
        };
        let Some(base) = from.absolute(name, is_package) else { continue };
        for alias in &import.aliases {
            if alias.name == "*" {
                named.stars.push(base.clone());
            } else {
                named.modules.push(format!("{base}.{}", alias.name));
            }
        }
        named.modules.push(base);
    }
    let code = &facts.code;
    for (func, op) in code.ops_by_function() {
        let OpKind::Call { call, .. } = op.kind else { continue };
        let call = &code.call(call);
        let (Value::Attr(_, callee) | Value::Global(callee)) = code.value(call.callee) else { continue };
        if !tables::imports_by_name(callee.as_str()) {
            continue;
        }
        match code.positional(call).first().map(|&argument| code.value(argument)) {
            Some(Value::Str(module)) => named.modules.push(module.as_str().to_owned()),
            // A package that loads what it has. In the project everything is there anyway.
            Some(_) if installed && is_package && !runs_on_demand(facts, func) => {
                named.starts.push(format!("{name}."));
            }
            _ => {}
        }
    }
    for mark in &facts.marks {
        if let MarkKind::LoadsFrom(start) = mark.kind
            && !runs_on_demand(facts, mark.func)
        {
            named.starts.push(start.as_module(name, is_package));
        }
    }
    named
}

/// A module's `__getattr__` loads what is asked for, when it is asked for.
fn runs_on_demand(facts: &ModuleFacts, func: FuncId) -> bool {
    !func.is_module() && matches!(facts.code.function(func).name.as_str(), "__getattr__" | "__dir__")
}

/// The state between two rounds.
struct Reach<'a> {
    search: Search<'a>,
    stdlib: Stdlib,
    /// The project's modules.
    own: FxHashSet<Sym>,
    /// Packages without `__init__.py` that have modules of the project.
    portions: FxHashSet<Sym>,
    /// Names that were looked up.
    seen: FxHashSet<String>,
    installed: Installed,
    /// Packages of which somebody takes everything.
    stars: FxHashSet<Sym>,
    /// What the `__all__` of packages lists.
    lists: FxHashMap<Sym, Vec<Sym>>,
}

type Source = (Sym, PathBuf, bool);

impl Reach<'_> {
    /// The files of all modules that are named for the first time.
    fn sources(&mut self, named: Vec<Named>) -> Vec<Source> {
        let mut sources = Vec::new();
        for names in named {
            for name in names.modules {
                self.add(&name, &mut sources);
            }
            for start in names.starts {
                self.add_start(&start, &mut sources);
            }
            self.stars.extend(names.stars.iter().map(|name| Sym::new(name)));
        }
        let listed: Vec<String> = self
            .stars
            .iter()
            .filter_map(|package| Some((package, self.lists.get(package)?)))
            .flat_map(|(package, list)| list.iter().map(move |name| format!("{package}.{name}")))
            .collect();
        for name in listed {
            self.add(&name, &mut sources);
        }
        sources
    }

    /// A module and the packages around it.
    fn add(&mut self, name: &str, sources: &mut Vec<Source>) {
        let root = name.split('.').next().unwrap_or_default();
        if self.stdlib.has_module(root) != Has::No {
            return;
        }
        let ends = name.match_indices('.').map(|(end, _)| end).chain([name.len()]);
        for name in ends.map(|end| &name[..end]) {
            let known = |names: &FxHashSet<Sym>| Sym::find(name).is_some_and(|name| names.contains(&name));
            if known(&self.own) {
                // A package of the project has no parts elsewhere.
                return;
            }
            if !self.seen.insert(name.to_owned()) {
                continue;
            }
            match self.search.find(name) {
                Some(Found::Source { path, is_package }) => {
                    sources.push((Sym::new(name), path, is_package));
                    if is_package {
                        self.note_children(name);
                    }
                }
                Some(Found::Compiled) => {
                    self.installed.existing.insert(Sym::new(name));
                }
                Some(Found::Namespace) => {
                    self.installed.existing.insert(Sym::new(name));
                    self.note_children(name);
                }
                None if known(&self.portions) => {}
                None => return,
            }
        }
    }

    /// All modules whose names begin in a certain way.
    fn add_start(&mut self, start: &str, sources: &mut Vec<Source>) {
        let Some((package, beginning)) = start.rsplit_once('.') else { return };
        for name in self.search.children(package) {
            if name.starts_with(beginning) && name != "__main__" {
                let full = format!("{package}.{name}");
                self.add(&full, sources);
            }
        }
    }

    /// What else a package has: names that exist, though nothing leads there.
    fn note_children(&mut self, package: &str) {
        for name in self.search.children(package) {
            self.installed.existing.insert(Sym::new(&format!("{package}.{name}")));
        }
    }
}
