//! Files that the program changes, and the modules that read or are them.
//!
//! ```python
//! RATES = Path("rates.json").read_text()      # another module writes rates.json
//! PAGES = glob("*.html")                      # another module writes index.html
//! ```

use rustc_hash::{FxHashMap, FxHashSet};

use super::state::same_project;
use super::watched::imports;
use super::{ModuleId, Program, tables};
use crate::facts::{MarkKind, Value};

/// Files that more than one module names, in a program that changes files.
#[derive(Debug, Default)]
pub(super) struct ChangedFiles {
    /// Modules whose own source file another one names.
    sources: FxHashSet<ModuleId>,
    /// Modules that name a data file which another module of the project names as well.
    data: FxHashSet<ModuleId>,
}

impl ChangedFiles {
    /// Whether the program may change the source of a module.
    pub(super) fn is_source_changed(&self, id: ModuleId) -> bool {
        self.sources.contains(&id)
    }

    /// Whether the program may change data that a module reads.
    pub(super) fn is_data_changed(&self, id: ModuleId) -> bool {
        self.data.contains(&id)
    }
}

/// Finds the files that the program may change.
pub(super) fn changed_files(program: &Program) -> ChangedFiles {
    let mut files = ChangedFiles::default();
    let mut named = FxHashSet::default();
    let mut data: FxHashMap<&'static str, Vec<ModuleId>> = FxHashMap::default();
    let mut changers = Vec::new();
    for id in program.ids() {
        let facts = &program.module(id).facts;
        for mark in &facts.marks {
            if let MarkKind::PythonFileName(name) = mark.kind {
                named.insert((name, id));
            }
        }
        for text in &facts.code.strings {
            if tables::is_data_file(text.as_str()) {
                let name = text.as_str().rsplit('/').next().unwrap_or_default();
                let modules = data.entry(name).or_default();
                if modules.last() != Some(&id) {
                    modules.push(id);
                }
            }
        }
        let changes = facts.code.calls().any(|call| match facts.code.value(call.callee) {
            Value::Global(name) | Value::Attr(_, name) if name == "open" => facts
                .code
                .positional(&call)
                .iter()
                .take(2)
                .any(|&m| matches!(facts.code.value(m), Value::Str(m) if is_writing_mode(m.as_str()))),
            Value::Attr(_, name) | Value::Global(name) if matches!(name.as_str(), "remove" | "move") => {
                // Lists have `remove` as well.
                let of = match facts.code.value(call.callee) {
                    Value::Attr(base, _) => match facts.code.value(base) {
                        Value::Global(name) => Some(name),
                        Value::Var(var) => Some(facts.code.vars[var as usize].name),
                        _ => None,
                    },
                    _ => None,
                };
                of.is_none_or(|of| matches!(of.as_str(), "os" | "_os" | "shutil"))
            }
            Value::Attr(_, name) | Value::Global(name) => tables::changes_files(name.as_str()),
            _ => false,
        });
        if changes {
            changers.push(id);
        }
    }
    if changers.is_empty() {
        return files;
    }
    // `glob("*.cfg")` finds whatever file of that kind another module names.
    for (pattern, readers) in data.iter().filter(|(name, _)| name.contains(['*', '?'])) {
        let kind = |name: &'static str| name.rsplit('.').next();
        let kin = data.iter().filter(|(name, _)| *name != pattern && kind(name) == kind(pattern));
        let others: Vec<ModuleId> = kin.flat_map(|(_, modules)| modules).copied().collect();
        let found =
            |id: ModuleId| others.iter().any(|&other| other != id && same_project(program, id, other));
        files.data.extend(readers.iter().copied().filter(|&id| found(id)));
    }
    for modules in data.values().filter(|modules| modules.len() > 1) {
        for &id in modules {
            if modules.iter().any(|&other| other != id && same_project(program, id, other)) {
                files.data.insert(id);
            }
        }
    }
    let mut by_stem: FxHashMap<&str, Vec<ModuleId>> = FxHashMap::default();
    for id in program.ids().filter(|_| !named.is_empty()) {
        let name = program.module(id).name.as_str();
        by_stem.entry(name.rsplit('.').next().unwrap_or(name)).or_default().push(id);
    }
    for (name, by) in named {
        let path = name.as_str().trim_end_matches(".py");
        // Whoever lays out a new package writes such a file, somewhere else.
        if path == "__init__" {
            continue;
        }
        let stem = path.rsplit('/').next().unwrap_or(path);
        // Whoever names a file only to look for it or to run it, has nothing to do with those who write elsewhere; one module
        // beside another may be its helper.
        let helper =
            |id: ModuleId| !program.module(id).name.as_str().contains('.') && imports(program, by, id);
        let near = |&changer: &ModuleId| same_project(program, changer, by) || helper(changer);
        if !by_stem.contains_key(stem) || !changers.iter().any(near) {
            continue;
        }
        for &id in by_stem.get(stem).into_iter().flatten() {
            if id != by && same_project(program, id, by) {
                files.sources.insert(id);
            }
        }
    }
    files
}

fn is_writing_mode(mode: &str) -> bool {
    mode.len() <= 3 && mode.contains(['w', 'a', 'x', '+'])
}
