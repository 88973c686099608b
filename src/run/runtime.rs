//! The runtime file: how rewritten modules get hold of it, and where it has to be.
//!
//! ```console
//! $ python -m tools.tool        # the import root is on the path, and so is the runtime file
//! $ python tools/tool.py        # only tools/ is
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::Run;
use crate::config::Target;
use crate::discover::{SourceFile, is_init};
use crate::facts::{FuncId, ModuleFacts};
use crate::rewrite::Form;
use crate::runtime::is_runtime;

impl Run {
    /// How a file imports the runtime.
    pub(super) fn runtime_import(&self, file: &SourceFile) -> String {
        if let Some(name) = &self.runtime {
            return name.clone();
        }
        if self.inside_package(file) {
            let depth = file.relative.components().count();
            return format!("{}_dally", ".".repeat(depth));
        }
        "_dally".to_owned()
    }

    /// `build` of a folder that is itself a package: its import root is not part of the output.
    fn inside_package(&self, file: &SourceFile) -> bool {
        let root = &self.discovery.import_roots[file.root];
        self.tree.as_ref().is_some_and(|tree| !root.starts_with(tree))
    }

    /// Where the runtime file has to be, for the files that changed. A file of another kind may be there.
    pub fn runtime_places(&self, changed: impl Fn(usize) -> bool) -> Vec<PathBuf> {
        if self.options.target != Target::Proxy {
            return Vec::new();
        }
        let name = match &self.runtime {
            Some(name) => name.replace('.', "/") + ".py",
            None => "_dally.py".to_owned(),
        };
        self.runtime_folders(changed).into_iter().map(|folder| folder.join(&name)).collect()
    }

    /// Somebody else's file in the place of the runtime file.
    pub fn foreign_runtime(&self, places: &[PathBuf]) -> Option<String> {
        let foreign = places.iter().find(|path| fs::read(path).is_ok_and(|bytes| !is_runtime(&bytes)))?;
        let foreign = foreign.display();
        Some(format!(
            "{foreign}: here the runtime file has to be, and this is not it; choose another name for it with `runtime` in the configuration"
        ))
    }

    fn runtime_folders(&self, changed: impl Fn(usize) -> bool) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = self
            .discovery
            .files
            .iter()
            .enumerate()
            .filter(|(index, _)| changed(*index))
            .flat_map(|(_, file)| [Some(self.runtime_folder(file)), self.own_folder(file)])
            .flatten()
            .map(Path::to_path_buf)
            .collect();
        folders.sort();
        folders.dedup();
        folders
    }

    fn runtime_folder(&self, file: &SourceFile) -> &Path {
        match &self.tree {
            Some(tree) if self.inside_package(file) => tree,
            _ => &self.discovery.import_roots[file.root],
        }
    }

    /// The folder of a file in no package, if what is in it is run, or imported by a test runner, with nothing but that folder on the path. What
    /// `build` writes finds the runtime file of the import root; what people read has one beside it.
    fn own_folder<'a>(&'a self, file: &'a SourceFile) -> Option<&'a Path> {
        let folder = file.absolute.parent()?;
        let folders = self.script_folders.get_or_init(|| self.find_script_folders());
        let started = folders.with_scripts.contains(folder) || folders.with_tests.contains(folder);
        let alone = started && !folders.packages.contains(folder);
        (alone && self.options.form != Form::Build && self.runtime.is_none()).then_some(folder)
    }

    /// How many folders above the file's own the runtime file is, if the file may be run, or imported, where the import root is not on
    /// the path: as a script, or beside one.
    pub(super) fn runtime_above(&self, index: usize) -> Option<usize> {
        if self.options.target != Target::Proxy || self.options.form != Form::Build {
            return None;
        }
        let file = &self.discovery.files[index];
        let folder = file.absolute.parent()?;
        let root = self.runtime_folder(file);
        let above = folder.strip_prefix(root).ok()?.components().count();
        let folders = self.script_folders.get_or_init(|| self.find_script_folders());
        let may_be_run = if above == 0 {
            is_script(file, &self.program.modules[index].facts)
        } else {
            !folders.packages.contains(folder) || folders.with_scripts.contains(folder)
        };
        may_be_run.then_some(above)
    }

    fn find_script_folders(&self) -> ScriptFolders {
        let mut folders = ScriptFolders::default();
        for (file, module) in self.discovery.files.iter().zip(&self.program.modules) {
            let Some(folder) = file.absolute.parent() else { continue };
            if is_init(&file.absolute) {
                folders.packages.insert(folder.to_path_buf());
            }
            if is_script(file, &module.facts) && !folders.with_scripts.contains(folder) {
                folders.with_scripts.insert(folder.to_path_buf());
            }
            if is_test(file) && !folders.with_tests.contains(folder) {
                folders.with_tests.insert(folder.to_path_buf());
            }
        }
        folders
    }
}

/// What the folders of the program's files have in them.
#[derive(Debug, Default)]
pub(super) struct ScriptFolders {
    /// With an `__init__.py`.
    packages: FxHashSet<PathBuf>,
    /// With files that are meant to be run.
    with_scripts: FxHashSet<PathBuf>,
    /// With files that pytest collects or loads.
    with_tests: FxHashSet<PathBuf>,
}

/// Whether pytest collects or loads a file by its name.
fn is_test(file: &SourceFile) -> bool {
    let stem = file.absolute.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    stem.starts_with("test_") || stem.ends_with("_test") || stem == "conftest"
}

/// Whether a file is meant to be run: `if __name__ == "__main__"`, or `__main__.py`.
fn is_script(file: &SourceFile, facts: &ModuleFacts) -> bool {
    file.absolute.file_stem().is_some_and(|stem| stem == "__main__")
        || !facts.code.functions.is_empty() && facts.code.ops_of(FuncId::MODULE).any(|op| op.main_guard)
}
