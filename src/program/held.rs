//! Packages that somebody has as objects and may ask for anything, by which their submodules may be reached without being named.
//!
//! ```python
//! import_module("pkg")                # given by its name
//! reduce(getattr, path, pkg)          # handed on
//! vars(pkg)["parts"]
//! facade.pkg.parts                    # through a module that has it for a name
//! ```
//!
//! Direct reads (`pkg.parts`) of a module that imports the package itself are another matter: they get the import that was forgotten.

use ruff_text_size::TextRange;
use rustc_hash::{FxHashMap, FxHashSet};

use super::state::{foreign_import, of_all};
use super::trace::{Leaf, Start, trace};
use super::watched::Place;
use super::{ModuleId, Origin, Program, tables};
use crate::dotted::is_within;
use crate::facts::{Alias, Call, Code, FuncId, OpKind, Read, ReadKind, Site, Sym, Value, words};

/// A package, as an object.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Package {
    /// A module of the program.
    Own(ModuleId),
    /// A module of the library, by its name.
    Library(String),
}

/// So many modules may hand a package on.
const MOST_HANDS: u32 = 8;

/// What a name of a module is bound to by imports, if that is a module.
fn bound_to(program: &Program, id: ModuleId, site: &Site, depth: u32) -> Option<Package> {
    let import = &program.module(id).facts.imports[site.stmt as usize];
    match program.origin(id, import, site.alias as usize) {
        Origin::Module(module) => Some(Package::Own(module)),
        Origin::Attribute(source, name) if depth < MOST_HANDS => {
            let mut sites = program.module(source).facts.sites_of(name);
            sites.find_map(|site| bound_to(program, source, site, depth + 1))
        }
        Origin::Foreign => {
            let name = foreign_import(program, id, site.stmt, site.alias)?;
            program.stdlib.is_package(&name).then_some(Package::Library(name))
        }
        Origin::Attribute(..) | Origin::MissingName(_) | Origin::MissingModule => None,
    }
}

/// What a module does with packages.
#[derive(Debug, Default)]
struct Held {
    /// Those that it has as objects.
    packages: Vec<Package>,
    /// Submodules of the library that it reads through another module that has the package for a name: `facade.xml.dom`.
    submodules: Vec<String>,
}

impl Held {
    fn add(&mut self, package: &Package) {
        if !self.packages.contains(package) {
            self.packages.push(package.clone());
        }
    }

    /// Adds what a read of a name that is bound to a module leads to.
    fn read(&mut self, program: &Program, id: ModuleId, start: &Package, read: &Read) {
        let mut package = start.clone();
        // By the names of another module.
        let mut through = false;
        for &attr in read.chain {
            let next = match &package {
                Package::Own(module) => match program.attribute(id, *module, attr) {
                    Origin::Module(next) => Some(Package::Own(next)),
                    Origin::Attribute(source, name) => {
                        let mut sites = program.module(source).facts.sites_of(name);
                        let next = sites.find_map(|site| bound_to(program, source, site, 0));
                        if let Some(next) = next {
                            through = true;
                            package = next;
                            continue;
                        }
                        None
                    }
                    Origin::Foreign | Origin::MissingName(_) | Origin::MissingModule => None,
                },
                Package::Library(name) => {
                    let full = format!("{name}.{attr}");
                    program.stdlib.knows(&full).then_some(Package::Library(full))
                }
            };
            let Some(next) = next else {
                if attr == "__dict__" {
                    self.add(&package);
                }
                return;
            };
            if through {
                match &next {
                    Package::Own(_) => self.add(&package),
                    Package::Library(full) => self.submodules.push(full.clone()),
                }
            }
            package = next;
        }
        if read.hands_on() {
            self.add(&package);
        }
    }
}

/// What to look for.
#[derive(Debug, Default)]
struct Wanted {
    /// Names by which modules have the packages that count.
    starts: FxHashSet<Sym>,
    /// The same as attributes of other modules.
    attributes: FxHashSet<Sym>,
    /// Functions that import packages themselves count whatever they do with them.
    loosely: bool,
}

/// What one module has as objects, by its statements and by literal names.
fn held_by(program: &Program, id: ModuleId, wanted: &Wanted) -> Held {
    let facts = &program.module(id).facts;
    let code = &facts.code;
    let mut held = Held::default();
    let bound = |name: Sym| facts.sites_of(name).filter_map(|site| bound_to(program, id, site, 0));
    // `json = json`
    let goes_to_itself = |read: &Read| {
        let mut bound = code.globals_of(read.name).iter();
        read.func.is_module() && bound.any(|&(_, value)| code.value(value) == Value::Global(read.name))
    };
    for read in facts.reads() {
        let leads = |attr: &Sym| *attr == "__dict__" || wanted.attributes.contains(attr);
        let counts = match read.chain {
            [] => {
                read.kind == ReadKind::Escape && wanted.starts.contains(&read.name) && !goes_to_itself(&read)
            }
            chain => chain.iter().any(leads),
        };
        if counts {
            for package in bound(read.name) {
                // Names in the library have no kinds that are looked at.
                let listed = matches!(package, Package::Own(_)) && is_only_listed(program, id, read.name);
                if !(listed && read.chain.is_empty()) {
                    held.read(program, id, &package, &read);
                }
            }
        }
    }
    // What a function imports itself.
    for import in facts.imports.iter().filter(|import| wanted.loosely && !import.func.is_module()) {
        for (alias, item) in (0..).zip(&import.aliases) {
            if !wanted.starts.contains(&Sym::new(item.bound(import.from.is_some()))) {
                continue;
            }
            if let Origin::Module(module) = program.origin(id, import, alias as usize) {
                held.add(&Package::Own(module));
            } else if import.from.is_none()
                && !item.name.as_str().contains('.')
                && let Some(name) = foreign_import(program, id, import.index, alias)
            {
                held.add(&Package::Library(name));
            }
        }
    }
    let named = |name: &str| match program.find_from(id, name) {
        Some(module) => Some(Package::Own(module)),
        None => program.stdlib.is_package(name).then(|| Package::Library(name.to_owned())),
    };
    for call in code.calls() {
        let (Value::Global(name) | Value::Attr(_, name)) = code.value(call.callee) else { continue };
        let imports = tables::imports_by_name(name.as_str());
        if !imports && name != words::EVAL {
            continue;
        }
        let Some(&first) = code.positional(&call).first() else { continue };
        let Value::Str(text) = code.value(first) else { continue };
        let head = text.as_str().split('.').next().unwrap_or_default();
        if imports {
            // `__import__("concurrent.futures").futures`: what is asked for, has just been loaded.
            if name == "__import__" && is_asked_for_next(code, &call, text) {
                continue;
            }
            // Without more arguments it gives the outermost package.
            let package = named(if name == "__import__" { head } else { text.as_str() });
            if let Some(package) = package {
                held.add(&package);
            }
        } else if let Some(head) = Sym::find(head) {
            for package in bound(head) {
                held.add(&package);
            }
        }
    }
    held
}

/// Whether a name is given away to `inspect.getmembers` and `dir` alone. Which names they find, is looked at where they are called.
fn is_only_listed(program: &Program, id: ModuleId, name: Sym) -> bool {
    let facts = &program.module(id).facts;
    let code = &facts.code;
    let lists = |call: &Call| {
        matches!(code.value(call.callee), Value::Global(function) | Value::Attr(_, function)
            if matches!(function.as_str(), "getmembers" | "dir"))
            && code.positional(call).first().is_some_and(|&first| code.value(first) == Value::Global(name))
    };
    let escapes = facts.reads().filter(|read| read.name == name && read.hands_on()).count();
    code.calls().filter(lists).count() == escapes
}

/// Whether of the package that a call gives, only that module is taken which the call has loaded.
fn is_asked_for_next(code: &Code, call: &Call, text: Sym) -> bool {
    let Some(next) = text.as_str().split('.').nth(1) else { return false };
    let is_call = |base| matches!(code.value(base), Value::Call(other) if code.call(other).args == call.args);
    let mut asked = code.attributes_with_bases().filter(|(base, _)| is_call(*base)).peekable();
    code.positional(call).len() == 1 && asked.peek().is_some() && asked.all(|(_, attr)| attr[0] == next)
}

/// Those packages of the program that somebody has as objects, with all who have: by statement, or by texts that begin with their names. Texts count if it is
/// `loosely`.
pub(crate) fn held_of(
    program: &Program,
    packages: &FxHashSet<ModuleId>,
    loosely: bool,
) -> FxHashMap<ModuleId, Vec<ModuleId>> {
    let last = |name: &'static str| Sym::find(name.rsplit('.').next().unwrap_or(name));
    let full: FxHashSet<&str> = packages.iter().map(|&id| program.module(id).name.as_str()).collect();
    let mut wanted: FxHashSet<Sym> =
        packages.iter().filter_map(|&id| last(program.module(id).name.as_str())).collect();
    // They may go by other names.
    let renamed = |id: ModuleId| {
        let facts = &program.module(id).facts;
        let aliases = facts.imports.iter().flat_map(|import| &import.aliases);
        let counts = |alias: &&Alias| last(alias.name.as_str()).is_some_and(|name| wanted.contains(&name));
        aliases.filter(counts).filter_map(|alias| alias.asname).collect()
    };
    let renamed: Vec<Sym> = of_all(program, renamed).collect();
    wanted.extend(renamed);
    let wanted = Wanted { starts: wanted.clone(), attributes: wanted, loosely };
    let of_module = |id: ModuleId| {
        let mut held: Vec<ModuleId> = Vec::new();
        let objects = held_by(program, id, &wanted).packages.into_iter();
        held.extend(objects.filter_map(|package| match package {
            Package::Own(module) => Some(module),
            Package::Library(_) => None,
        }));
        if loosely {
            // A package may mention its own name for other purposes: `NAME = "kit"`.
            let module = program.module(id);
            let is_around = |name: &str| is_within(module.name.as_str(), name);
            for text in module.facts.code.strings {
                let text = text.as_str();
                let head = text.split_once('.').map(|(head, _)| head);
                let names = [Some(text), head].into_iter().flatten();
                let names = names.filter(|name| full.contains(name) && !is_around(name));
                held.extend(names.filter_map(|name| program.find(name)));
            }
        }
        held.retain(|module| packages.contains(module));
        held.into_iter().map(|package| (package, id)).collect()
    };
    let mut holders: FxHashMap<ModuleId, Vec<ModuleId>> = FxHashMap::default();
    for (package, id) in of_all(program, of_module) {
        let holders = holders.entry(package).or_default();
        if holders.last() != Some(&id) {
            holders.push(id);
        }
    }
    holders
}

/// The names that a module mentions and by which it may ask an object for a submodule: not as `package.name`, where it has imported `package`.
pub(crate) fn mentioned(program: &Program, id: ModuleId) -> FxHashSet<Sym> {
    let facts = &program.module(id).facts;
    let code = &facts.code;
    let direct = |base| match code.value(base) {
        Value::Global(name) => facts.sites_of(name).next().is_some(),
        // The object of a method.
        Value::Var(var) => {
            let function = code.function(code.vars[var as usize].func);
            function.class.is_some() && function.params.start == var
        }
        _ => false,
    };
    let attributes = code.attributes_with_bases().filter(|(base, _)| !direct(*base));
    attributes.map(|(_, attr)| attr[0]).chain(code.strings.iter().copied()).collect()
}

/// Submodules of the library that somebody may reach by objects, and who: all of a package that has nothing else, if it is held at all.
pub(super) fn held_submodules(program: &Program) -> Vec<(Sym, Place)> {
    let place = |id: ModuleId| (id, TextRange::empty(0.into()));
    let bound = |id: ModuleId| {
        let facts = &program.module(id).facts;
        let package = |site: &Site| {
            let alias = &facts.imports[site.stmt as usize].aliases[site.alias as usize];
            let head = alias.name.as_str().split('.').next().unwrap_or_default();
            let package = program.stdlib.is_package(head);
            package.then(|| (site.bound, program.stdlib.is_bare(head)))
        };
        facts.sites.iter().filter_map(package).collect()
    };
    let mut wanted = Wanted { loosely: true, ..Wanted::default() };
    for (name, bare) in of_all(program, bound) {
        wanted.attributes.insert(name);
        if bare {
            wanted.starts.insert(name);
        }
    }
    let of_module = |id: ModuleId| {
        let held = held_by(program, id, &wanted);
        let mut found: Vec<String> = held.submodules;
        for package in held.packages {
            if let Package::Library(name) = package {
                found.extend(submodules_of(program, &name));
            }
        }
        found.into_iter().map(|full| (full, id)).collect()
    };
    let held: Vec<(String, ModuleId)> = of_all(program, of_module).collect();
    let mut named = Vec::new();
    for (text, id) in texts_taken_apart(program) {
        let head = text.as_str().split('.').next().unwrap_or_default();
        named.extend(submodules_of(program, head).into_iter().map(|full| (full, id)));
    }
    held.into_iter().chain(named).map(|(full, id)| (Sym::new(&full), place(id))).collect()
}

/// The submodules of the program that somebody asks packages for by texts that he takes apart.
pub(crate) fn asked_by_texts(program: &Program) -> Vec<ModuleId> {
    let mut asked = Vec::new();
    for (text, id) in texts_taken_apart(program) {
        let text = text.as_str();
        let ends = text.match_indices('.').map(|(end, _)| end).chain([text.len()]);
        let modules = ends.map_while(|end| program.find_from(id, &text[..end]));
        asked.extend(modules.skip(1));
    }
    asked
}

/// Texts that functions take apart before they import something by name, and who.
fn texts_taken_apart(program: &Program) -> Vec<(Sym, ModuleId)> {
    let starts: Vec<Start> = of_all(program, |id| taken_apart(program, id)).collect();
    let mut texts = Vec::new();
    for (leaves, (id, ..)) in trace(program, &starts).into_iter().zip(starts) {
        for leaf in leaves {
            if let Leaf::TakenApart(text) = leaf {
                texts.push((text, id));
            }
        }
    }
    texts
}

/// Names of modules that functions import and may have taken out of longer texts: `head, *rest = path.split(".")`.
fn taken_apart(program: &Program, id: ModuleId) -> Vec<Start> {
    let code = &program.module(id).facts.code;
    let called = |call: &Call| match code.value(call.callee) {
        Value::Global(name) | Value::Attr(_, name) => Some(name),
        _ => None,
    };
    let mut starts: Vec<(FuncId, Start)> = Vec::new();
    let mut parting: Vec<FuncId> = Vec::new();
    for (func, op) in code.ops_by_function() {
        let OpKind::Call { call, .. } = op.kind else { continue };
        let call = code.call(call);
        let Some(name) = called(&call) else { continue };
        if tables::imports_by_name(name.as_str()) {
            let first = code.positional(&call).first();
            let computed = first.filter(|&&name| !matches!(code.value(name), Value::Str(_)));
            starts.extend(computed.map(|&name| (func, (id, name, true))));
        } else if matches!(name.as_str(), "partition" | "split") {
            parting.push(func);
        }
    }
    starts.retain(|(func, _)| parting.contains(func));
    starts.into_iter().map(|(_, start)| start).collect()
}

/// The submodules that a package of the library has as attributes only once somebody has loaded them, if it has hardly anything else.
fn submodules_of(program: &Program, package: &str) -> Vec<String> {
    if !program.stdlib.is_bare(package) {
        return Vec::new();
    }
    let waits = |name: &&str| !program.stdlib.lists_submodule(package, name);
    program.stdlib.submodules(package).filter(waits).map(|name| format!("{package}.{name}")).collect()
}
