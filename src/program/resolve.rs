//! What each name of an import statement means: which modules it loads, and where what it binds comes from.

use rustc_hash::FxHashSet;

use super::{ModuleId, Origin, Program, Target, stdlib, tables};
use crate::facts::{ImportStmt, Mark, MarkKind, Moment, Sym, words};

/// One name of an import statement, resolved.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    /// The full name of the module that is loaded.
    name: Option<Sym>,
    target: Target,
    origin: Origin,
    /// The modules of the program that are loaded, outermost package first.
    chain: Box<[ModuleId]>,
}

impl Program {
    /// The full name of the module that one name of an import statement loads.
    pub fn loaded_name(&self, importer: ModuleId, import: &ImportStmt, alias: usize) -> Option<&'static str> {
        self.resolved(importer, import, alias).name.map(Sym::as_str)
    }

    /// What that module is.
    pub fn loaded_target(&self, importer: ModuleId, import: &ImportStmt, alias: usize) -> Target {
        self.resolved(importer, import, alias).target
    }

    /// The modules of the program that one name of an import statement loads, outermost package first.
    pub fn loaded_chain(&self, importer: ModuleId, import: &ImportStmt, alias: usize) -> &[ModuleId] {
        &self.resolved(importer, import, alias).chain
    }

    /// The same with what the name itself is, if that is a module: `from package import module`.
    pub fn loaded_by(
        &self,
        importer: ModuleId,
        import: &ImportStmt,
        alias: usize,
    ) -> impl Iterator<Item = ModuleId> + use<'_> {
        let itself = match self.origin(importer, import, alias) {
            Origin::Module(id) => Some(id),
            _ => None,
        };
        self.loaded_chain(importer, import, alias).iter().copied().chain(itself)
    }

    /// Where one name of an import statement comes from.
    pub fn origin(&self, importer: ModuleId, import: &ImportStmt, alias: usize) -> Origin {
        self.resolved(importer, import, alias).origin
    }

    /// Whether all that an import statement names is known to be there: in the program, in the standard library or as an extension module.
    pub fn is_there(&self, importer: ModuleId, import: u32) -> bool {
        let import = &self.module(importer).facts.imports[import as usize];
        (0..import.aliases.len()).all(|alias| match self.origin(importer, import, alias) {
            Origin::Module(_) | Origin::Attribute(..) => true,
            Origin::MissingName(_) | Origin::MissingModule => false,
            Origin::Foreign => self.loaded_name(importer, import, alias).is_some_and(|name| {
                let compiled = |name: &str| self.compiled_module(name).is_some();
                self.stdlib_of(importer).knows(name)
                    || compiled(name)
                    || import.from.is_some()
                        && compiled(&[name, import.aliases[alias].name.as_str()].join("."))
            }),
        })
    }

    /// Whether all that an import statement names is in the standard library of every version that counts, however Python was built.
    pub fn is_in_library(&self, importer: ModuleId, import: u32) -> bool {
        let import = &self.module(importer).facts.imports[import as usize];
        (0..import.aliases.len()).all(|alias| {
            let resolved = self.resolved(importer, import, alias);
            // What is taken from a package may be one of its modules.
            let names = resolved.name.into_iter().chain(import.from.map(|_| import.aliases[alias].name));
            resolved.target == Target::Stdlib
                && resolved.origin == Origin::Foreign
                && !names.flat_map(|name| name.as_str().split('.')).any(tables::may_not_be_built)
        })
    }

    /// Whether the package around a module gives its name another value. Such a value lasts only if the module is loaded
    /// before the package binds it: loading binds the module over it.
    pub fn is_bound_over(&self, id: ModuleId) -> bool {
        self.bound_over[id.index()]
    }

    /// What the import statements of a module mean, in their order.
    pub(super) fn resolve_all(&self, id: ModuleId) -> Vec<Box<[Resolved]>> {
        self.module(id).facts.imports.iter().map(|import| self.resolve(id, import)).collect()
    }

    fn resolve(&self, id: ModuleId, import: &ImportStmt) -> Box<[Resolved]> {
        (0..import.aliases.len())
            .map(|alias| match self.find_loaded_name(id, import, alias) {
                Some(name) => {
                    let target = self.target(id, &name);
                    Resolved {
                        target,
                        origin: self.find_origin(id, import, alias, &name, target),
                        chain: self.chain(id, &name).into(),
                        name: Some(Sym::new(&name)),
                    }
                }
                None => Resolved {
                    name: None,
                    target: Target::Missing,
                    origin: Origin::MissingModule,
                    chain: Box::default(),
                },
            })
            .collect()
    }

    fn resolved(&self, id: ModuleId, import: &ImportStmt, alias: usize) -> &Resolved {
        &self.resolved[id.index()][import.index as usize][alias]
    }

    fn find_loaded_name(&self, importer: ModuleId, import: &ImportStmt, alias: usize) -> Option<String> {
        let name = import.aliases[alias].name;
        match import.from {
            None => Some(name.as_str().to_owned()),
            Some(from) => self.absolute(importer, from),
        }
    }

    fn find_origin(
        &self,
        importer: ModuleId,
        import: &ImportStmt,
        alias: usize,
        name: &str,
        target: Target,
    ) -> Origin {
        let item = import.aliases[alias];
        match target {
            Target::Missing => Origin::MissingModule,
            Target::Module(id) if import.from.is_some() => self.attribute(importer, id, item.name),
            Target::Module(id) => {
                if item.asname.is_some() || !name.contains('.') {
                    Origin::Module(id)
                } else {
                    let root = name.split('.').next().unwrap_or_default();
                    self.find_from(importer, root).map_or(Origin::Foreign, Origin::Module)
                }
            }
            Target::Namespace if import.from.is_some() => {
                match self.target(importer, &[name, item.name.as_str()].join(".")) {
                    Target::Module(id) => Origin::Module(id),
                    Target::Missing => Origin::MissingModule,
                    _ => Origin::Foreign,
                }
            }
            Target::Stdlib if import.from.is_some() => {
                match self.stdlib_of(importer).has_attribute(name, item.name.as_str()) {
                    stdlib::Has::No | stdlib::Has::Sometimes => Origin::MissingModule,
                    stdlib::Has::Yes | stdlib::Has::Unknown => Origin::Foreign,
                }
            }
            Target::Namespace | Target::Stdlib | Target::Unknown => Origin::Foreign,
        }
    }

    /// A name taken from a module.
    pub fn attribute(&self, importer: ModuleId, id: ModuleId, name: Sym) -> Origin {
        // In a package's own `from . import sub` the binding is that of the statement itself.
        let full = || [self.module(id).name.as_str(), name.as_str()].join(".");
        let own_submodule = || importer == id && self.find(&full()).is_some();
        if self.binds(id, name) && !own_submodule() {
            return Origin::Attribute(id, name);
        }
        let full = full();
        match self.target(importer, &full) {
            Target::Module(sub) => return Origin::Module(sub),
            Target::Namespace => return Origin::Foreign,
            Target::Unknown | Target::Stdlib => return Origin::Attribute(id, name),
            Target::Missing => {}
        }
        if self.may_bind(id, name, &mut FxHashSet::default()) {
            Origin::Attribute(id, name)
        } else {
            Origin::MissingName(id)
        }
    }

    /// The module may have the name in ways that its bindings do not show.
    fn may_bind(&self, id: ModuleId, name: Sym, seen: &mut FxHashSet<ModuleId>) -> bool {
        if !seen.insert(id) {
            return false;
        }
        let module = self.module(id);
        let facts = &module.facts;
        let swapped = |m: &Mark| {
            matches!(m.kind, MarkKind::ReplacesItself | MarkKind::SetsOwnClass | MarkKind::EvaluatesText)
        };
        let exports = &facts.exports;
        let getter = facts.names.get(words::GETATTR).filter(|_| exports.dynamic);
        let given = getter.is_some_and(|getter| {
            getter.rebound_at_module_level || exports.given.as_ref().is_none_or(|given| given.contains(&name))
        });
        let unclear = given || exports.writes_namespace;
        if module.broken || unclear || facts.marks.iter().any(swapped) {
            return true;
        }
        if name.as_str().starts_with("__") && name.as_str().ends_with("__") {
            return true;
        }
        for import in facts.imports.iter().filter(|i| i.aliases.iter().any(|a| a.name == "*")) {
            let Some(source) = import.from.and_then(|from| self.absolute(id, from)) else { return true };
            match self.target(id, &source) {
                Target::Module(source) => {
                    let mut may = || self.binds(source, name) || self.may_bind(source, name, seen);
                    if self.exports(source, name) && may() {
                        return true;
                    }
                }
                Target::Stdlib => {
                    if self.stdlib_of(id).has_attribute(&source, name.as_str()) != stdlib::Has::No {
                        return true;
                    }
                }
                Target::Namespace | Target::Unknown | Target::Missing => return true,
            }
        }
        false
    }

    /// Finds what [`Program::is_bound_over`] says.
    pub(super) fn find_bound_over(&self, id: ModuleId) -> bool {
        let parts = self.module(id).name.as_str().rsplit_once('.');
        let found = parts.and_then(|(package, name)| Some((self.find(package)?, Sym::find(name)?)));
        found
            .is_some_and(|(package, name)| self.binds_otherwise(package, name, id, &mut FxHashSet::default()))
    }

    fn binds_otherwise(
        &self,
        id: ModuleId,
        name: Sym,
        submodule: ModuleId,
        seen: &mut FxHashSet<ModuleId>,
    ) -> bool {
        let facts = &self.module(id).facts;
        // An import that loads the submodule binds its own value after that.
        let loads = |import: &ImportStmt, alias| self.loaded_chain(id, import, alias).contains(&submodule);
        match facts.names.get(name) {
            Some(info) if info.only_type_checking || info.deleted => return false,
            Some(info) if info.otherwise => return true,
            Some(_) => {
                return facts.sites_of(name).any(|site| {
                    let (import, alias) = (&facts.imports[site.stmt as usize], site.alias as usize);
                    import.moment != Moment::Never
                        && self.origin(id, import, alias) != Origin::Module(submodule)
                        && !loads(import, alias)
                });
            }
            None => {}
        }
        seen.insert(id)
            && facts.imports.iter().filter(|import| import.aliases.iter().any(|a| a.name == "*")).any(|import| {
                let source = import.from.and_then(|from| self.absolute(id, from));
                import.moment != Moment::Never
                    && !loads(import, 0)
                    && matches!(source.map(|source| self.target(id, &source)), Some(Target::Module(source))
                        if self.exports(source, name) && self.binds_otherwise(source, name, submodule, seen))
            })
    }
}
