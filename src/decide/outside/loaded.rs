//! Modules that somebody loads by names that he computes, or from files, and whose namespaces he reads.
//!
//! ```python
//! for path in sorted(Path("plugins").glob("*.py")):
//!     module = importlib.import_module("plugins." + path.stem)      # the beginning is known
//!     found.update(k for k, v in vars(module).items() if isinstance(v, type))
//!
//! def discover(package):                                            # the package stands in the module, or where it is called
//!     for info in pkgutil.iter_modules(package.__path__):
//!         table.update(vars(importlib.import_module(f"{package.__name__}.{info.name}")))
//! ```
//!
//! If not even the beginning of the names is known, it may be any module in a folder that has one to which no import statement leads,
//! in or below the packages and folders that the module, or one that imports it, names.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::dotted::is_below;
use crate::facts::MarkKind;
use crate::program::state::same_project;
use crate::program::watched::imports;
use crate::program::{ModuleId, Origin, Program};

/// What modules load, once it is known, and what may be the main program.
#[derive(Default)]
pub(super) struct Loaded {
    by: FxHashMap<ModuleId, Vec<ModuleId>>,
    imported: Option<FxHashSet<ModuleId>>,
    main: Option<Vec<ModuleId>>,
}

impl Loaded {
    /// The modules that a module loads so.
    pub fn by(&mut self, program: &Program, loader: ModuleId) -> &[ModuleId] {
        if !self.by.contains_key(&loader) {
            let found = self.find(program, loader);
            self.by.insert(loader, found);
        }
        &self.by[&loader]
    }

    /// The modules that may be the main program: no import statement leads to them, and they stand at the top, or are called so.
    pub fn main(&mut self, program: &Program) -> &[ModuleId] {
        let imported = self.imported.get_or_insert_with(|| program.imported_modules());
        self.main.get_or_insert_with(|| {
            let may_be = |&id: &ModuleId| {
                let module = program.module(id);
                let name = module.name.as_str();
                let is_run = name.rsplit('.').next() == Some("__main__")
                    || !imported.contains(&id) && !name.contains('.');
                !module.installed && is_run
            };
            program.ids().filter(may_be).collect()
        })
    }

    fn find(&mut self, program: &Program, loader: ModuleId) -> Vec<ModuleId> {
        let module = program.module(loader);
        let known = module.facts.marks.iter().filter_map(|mark| match mark.kind {
            MarkKind::LoadsFrom(start) => Some(start.as_module(module.name.as_str(), module.is_package)),
            _ => None,
        });
        let found: Vec<ModuleId> = known.flat_map(|prefix| program.modules_from(&prefix)).collect();
        if !found.is_empty() {
            return found;
        }
        let imported = self.imported.get_or_insert_with(|| program.imported_modules());
        let beside = |id: ModuleId| program.module(id).installed == module.installed;
        let around = program.ids().filter(|&id| id == loader || beside(id) && imports(program, id, loader));
        let mut prefixes: Vec<String> = around.flat_map(|id| named_by(program, id)).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        // Who does not say that he goes deeper, takes what is in the folder.
        let deep = module.facts.code.mentions(&["walk_packages", "walk", "rglob"]);
        let mut below = Vec::new();
        for prefix in &prefixes {
            let name = |id: ModuleId| &program.module(id).name.as_str()[prefix.len()..];
            let inside = program.modules_from(prefix);
            below.extend(inside.into_iter().filter(|&id| beside(id) && (deep || !name(id).contains('.'))));
        }
        // Who goes through a folder loads all that is in it.
        let folder =
            |id: ModuleId| program.module(id).name.as_str().rsplit_once('.').map(|(folder, _)| folder);
        let searched: FxHashSet<_> =
            below.iter().filter(|id| !imported.contains(id)).map(|&id| folder(id)).collect();
        below.into_iter().filter(|&id| searched.contains(&folder(id))).collect()
    }
}

/// How the names of modules begin that are below the packages and folders that a module names.
fn named_by(program: &Program, id: ModuleId) -> Vec<String> {
    let facts = &program.module(id).facts;
    let mut prefixes = Vec::new();
    for import in &facts.imports {
        for alias in 0..import.aliases.len() {
            if let Origin::Module(to) = program.origin(id, import, alias)
                && program.module(to).is_package
                && (same_project(program, id, to) || !program.module(id).name.as_str().contains('.'))
            {
                prefixes.push(format!("{}.", program.module(to).name));
            }
        }
    }
    for text in &facts.code.strings {
        // `"plugins"`, `"app.plugins."`, `"./plugins/*.py"`
        let folder =
            text.as_str().trim_start_matches("./").split(['/', '\\']).take_while(|part| !part.contains('*'));
        let name = folder.collect::<Vec<_>>().join(".");
        let name = name.trim_end_matches('.');
        let plain = |c: char| c == '_' || c == '.' || c.is_alphanumeric();
        // A bare name of the package in which the module itself is, is said for many reasons.
        let own = is_below(program.module(id).name.as_str(), name);
        let only_said = own && text.as_str() == name;
        if !only_said && !name.is_empty() && !name.starts_with('.') && name.chars().all(plain) {
            prefixes.push(format!("{name}."));
        }
    }
    prefixes
}
