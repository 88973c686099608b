//! The runtime file: how rewritten modules get hold of it, and where it has to be.
//!
//! ```console
//! $ python -m tools.tool        # the import root is on the path, and so is the runtime file
//! $ python tools/tool.py        # only tools/ is
//! ```
//!
//! A configured name, `company._dally`, is an import: it leads to one package, whatever file asks. Who may be started where that package is
//! not on the path has the runtime file beside it, under the last part of the name.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::Run;
use crate::config::{Config, ConfigError, Target};
use crate::decide::DecideOptions;
use crate::discover::{Discovery, SourceFile, is_init};
use crate::facts::{CallRole, FuncId, ModuleFacts, Op, OpKind};
use crate::program::Program;
use crate::rewrite::Form;
use crate::runtime::is_runtime;
use crate::wire::{Feed, Sink, Wire};

/// The module of the runtime file.
#[derive(Debug, Clone)]
pub struct RuntimeModule {
    /// As it is imported.
    name: String,
    /// Where the package is that the name stands in; a name without one is found in every import root.
    package: Option<RuntimePackage>,
}

/// The package that the runtime file is to be in.
#[derive(Debug, Clone)]
struct RuntimePackage {
    /// The import root that leads to it.
    root: PathBuf,
    folder: PathBuf,
    /// What else is on the path together with that root.
    configured: Vec<PathBuf>,
}

impl RuntimeModule {
    /// Looks for the package of the configured name, as an import would: in the import roots, and those with an `__init__.py` first.
    pub(super) fn find(config: &Config, discovery: &Discovery) -> Result<Self, ConfigError> {
        let name = config.runtime.clone().unwrap_or_else(|| "_dally".to_owned());
        let Some((package, _)) = name.rsplit_once('.') else { return Ok(Self { name, package: None }) };
        let below = package.replace('.', "/");
        let project = &config.project_root;
        let configured: Vec<PathBuf> =
            config.src.iter().filter_map(|root| fs::canonicalize(project.join(root)).ok()).collect();
        let usual = [project.join("src"), project.clone()];
        let roots = discovery.import_roots[..discovery.shared_roots].iter().chain(&configured).chain(&usual);
        let roots: Vec<&PathBuf> = roots.collect();
        let regular = roots.iter().find(|root| root.join(&below).join("__init__.py").is_file());
        let found = regular.or_else(|| roots.iter().find(|root| root.join(&below).is_dir()));
        let Some((root, folder)) =
            found.and_then(|root| Some(((*root).clone(), fs::canonicalize(root.join(&below)).ok()?)))
        else {
            return Err(config.wrong_runtime(&format!("there is no package `{package}` in an import root")));
        };
        Ok(Self { name, package: Some(RuntimePackage { root, folder, configured }) })
    }

    /// Whether a file is the runtime file, under the configured name or beside a script.
    pub(super) fn may_be(&self, file: &SourceFile) -> bool {
        let stem = file.absolute.file_stem();
        file.module == self.name
            || stem.is_some_and(|stem| stem == "_dally")
            || stem.is_some_and(|stem| stem == self.stem())
                && fs::read(&file.absolute).is_ok_and(|bytes| is_runtime(&bytes))
    }

    /// The last part of the name.
    fn stem(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }
}

impl Run {
    /// How a file imports the runtime.
    pub(super) fn runtime_import(&self, file: &SourceFile) -> String {
        let stem = self.runtime.stem();
        let package = self.runtime_package(file);
        if let Some(tree) = self.tree.as_ref().filter(|_| self.inside_package(file)) {
            let below = package.and_then(|package| package.folder.strip_prefix(tree).ok());
            let parts =
                below.into_iter().flat_map(Path::iter).map(|part| part.to_string_lossy().into_owned());
            let name = parts.chain([stem.to_owned()]).collect::<Vec<_>>().join(".");
            let depth = file.relative.components().count();
            return format!("{}{name}", ".".repeat(depth));
        }
        if package.is_some() { self.runtime.name.clone() } else { stem.to_owned() }
    }

    /// The package in which a file finds the runtime; otherwise its import root, or its own folder, has it. The package has to be on
    /// the path whenever the file is loaded, and part of what `build` writes.
    fn runtime_package(&self, file: &SourceFile) -> Option<&RuntimePackage> {
        let package = self.runtime.package.as_ref()?;
        let root = &self.discovery.import_roots[file.root];
        let with_it = *root == package.root
            || package.configured.contains(root) && package.configured.contains(&package.root) && {
                let folders = self.script_folders.get_or_init(|| self.find_script_folders());
                file.absolute.parent().is_some_and(|folder| folders.packages.contains(folder))
            };
        let is_written = self.tree.as_ref().is_none_or(|tree| package.folder.starts_with(tree));
        (with_it && is_written && self.started_folder(file).is_none()).then_some(package)
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
        let files = self.discovery.files.iter().enumerate().filter(|(index, _)| changed(*index));
        let folders = files.flat_map(|(_, file)| {
            let package = self.runtime_package(file).map(|package| package.folder.as_path());
            [Some(package.unwrap_or_else(|| self.runtime_root(file))), self.own_folder(file)]
        });
        let mut folders: Vec<&Path> = folders.flatten().collect();
        folders.sort_unstable();
        folders.dedup();
        let name = format!("{}.py", self.runtime.stem());
        folders.into_iter().map(|folder| folder.join(&name)).collect()
    }

    /// Whether a file imports the runtime, in what it is about to become or as it is, if an earlier `apply` has written it so.
    pub fn needs_runtime(&self, index: usize, new: Option<&[u8]>) -> bool {
        let (file, state) = (&self.discovery.files[index], &self.states[index]);
        if new.is_none() && (!file.selected || state.view.is_none() && state.edited.is_none()) {
            return false;
        }
        let header = format!("from {} import", self.runtime_import(file));
        let imports = |text: &[u8]| memchr::memmem::find(text, header.as_bytes()).is_some();
        new.map_or_else(|| fs::read(&file.absolute).is_ok_and(|old| imports(&old)), imports)
    }

    /// Where rewritten files, as they are, expect the runtime file in vain.
    pub fn missing_runtimes(&self) -> Vec<PathBuf> {
        let mut places = self.runtime_places(|index| self.needs_runtime(index, None));
        places.retain(|path| !is_runtime_file(path));
        places
    }

    /// Somebody else's file in the place of the runtime file.
    pub fn foreign_runtime(&self, places: &[PathBuf]) -> Option<String> {
        let foreign = places.iter().find(|path| path.exists() && !is_runtime_file(path))?;
        let foreign = foreign.display();
        Some(format!(
            "{foreign}: here the runtime file has to be, and this is not it; choose another name for it with `runtime` in the configuration"
        ))
    }

    /// The folder that has to be on the path for a file to find the runtime.
    fn runtime_root(&self, file: &SourceFile) -> &Path {
        match (&self.tree, self.runtime_package(file)) {
            (Some(tree), _) if self.inside_package(file) => tree,
            (_, Some(package)) => &package.root,
            (_, None) => &self.discovery.import_roots[file.root],
        }
    }

    /// The folder that is on the path, perhaps alone, because something in it is run, or imported by a test runner: the file's own, or that of
    /// a script that finds the file below its own folder. Packages of the import root are none.
    fn started_folder<'a>(&'a self, file: &'a SourceFile) -> Option<&'a Path> {
        let root = &self.discovery.import_roots[file.root];
        let own = file.absolute.parent()?;
        let folders = self.script_folders.get_or_init(|| self.find_script_folders());
        own.ancestors().take_while(|folder| *folder != root || *folder == own).find(|folder| {
            let started = folders.with_scripts.contains(*folder) || folders.with_tests.contains(*folder);
            started && !folders.packages.contains(*folder)
        })
    }

    /// Where a file has a runtime of its own. What `build` writes finds that of the import root; what people read has one beside it.
    fn own_folder<'a>(&'a self, file: &'a SourceFile) -> Option<&'a Path> {
        if self.options.form == Form::Build {
            return None;
        }
        let run = || {
            let folders = self.script_folders.get_or_init(|| self.find_script_folders());
            let own = file.absolute.parent().filter(|own| folders.with_runs.contains(*own));
            own.filter(|_| self.runtime_package(file).is_none())
        };
        self.started_folder(file).or_else(run)
    }

    /// How many folders above the file's own the runtime file is, if the file may be run, or imported, where the import root is not on
    /// the path: as a script, or beside one.
    pub(super) fn runtime_above(&self, index: usize) -> Option<usize> {
        if self.options.target != Target::Proxy || self.options.form != Form::Build {
            return None;
        }
        let file = &self.discovery.files[index];
        let folder = file.absolute.parent()?;
        let above = folder.strip_prefix(self.runtime_root(file)).ok()?.components().count();
        let folders = self.script_folders.get_or_init(|| self.find_script_folders());
        let may_be_run = if above == 0 {
            self.started.scripts.contains(&index)
        } else {
            !folders.packages.contains(folder) || folders.with_scripts.contains(folder)
        };
        may_be_run.then_some(above)
    }

    fn find_script_folders(&self) -> ScriptFolders {
        let mut folders = ScriptFolders::default();
        for (index, file) in self.discovery.files.iter().enumerate() {
            let Some(folder) = file.absolute.parent() else { continue };
            if is_init(&file.absolute) {
                folders.packages.insert(folder.to_path_buf());
            }
            if self.started.scripts.contains(&index) && !folders.with_scripts.contains(folder) {
                folders.with_scripts.insert(folder.to_path_buf());
            }
            if is_test(file) && !folders.with_tests.contains(folder) {
                folders.with_tests.insert(folder.to_path_buf());
            }
        }
        // In a package a first line `#!` is often only a habit.
        for file in &self.discovery.files {
            let Some(folder) = file.absolute.parent() else { continue };
            let known = folders.packages.contains(folder) || folders.with_scripts.contains(folder);
            if self.options.form == Form::Apply && !known && has_interpreter(&file.absolute) {
                folders.with_scripts.insert(folder.to_path_buf());
            }
        }
        let run = self.started.runs.iter().filter_map(|&index| self.discovery.files[index].absolute.parent());
        folders.with_runs = run.map(Path::to_path_buf).collect();
        folders
    }
}

/// Files that are started, and not imported.
#[derive(Debug, Default)]
pub(super) struct Started {
    /// They say so.
    scripts: FxHashSet<usize>,
    /// They do not say so.
    runs: Vec<usize>,
}

impl Wire for Started {
    fn put(&self, out: &mut Sink) {
        let mut scripts: Vec<usize> = self.scripts.iter().copied().collect();
        scripts.sort_unstable();
        scripts.put(out);
        self.runs.put(out);
    }
    fn get(feed: &mut Feed<'_>) -> Self {
        Self { scripts: Vec::get(feed).into_iter().collect(), runs: Wire::get(feed) }
    }
}

impl Started {
    pub fn of(program: &Program, discovery: &Discovery, options: &DecideOptions) -> Self {
        let files = &discovery.files;
        let scripts =
            (0..files.len()).filter(|&index| is_script(&files[index], &program.modules[index].facts));
        let by_proxy = options.form == Form::Apply && options.target == Target::Proxy;
        Self {
            scripts: scripts.collect(),
            runs: if by_proxy { find_runs(program, files) } else { Vec::new() },
        }
    }
}

/// Files outside of packages that nobody imports and that do something by themselves, in folders that nobody outside imports from: what else
/// could they be there for than to be run?
fn find_runs(program: &Program, files: &[SourceFile]) -> Vec<usize> {
    let folder = |index: usize| files[index].absolute.parent();
    let packages: FxHashSet<&Path> = files
        .iter()
        .filter(|file| is_init(&file.absolute))
        .filter_map(|file| file.absolute.parent())
        .collect();
    let does = |index: &usize| {
        let code = &program.modules[*index].facts.code;
        let dropped = |op: Op| matches!(op.kind, OpKind::Call { role: CallRole::Dropped, .. });
        !code.functions.is_empty() && code.ops_of(FuncId::MODULE).any(dropped)
    };
    let outside = |index: &usize| folder(*index).is_some_and(|folder| !packages.contains(folder));
    let mut runs: Vec<usize> = (0..files.len()).filter(outside).filter(does).collect();
    if runs.is_empty() {
        return runs;
    }
    let mut imported: FxHashSet<usize> = FxHashSet::default();
    let mut used: FxHashSet<&Path> = FxHashSet::default();
    for id in program.ids() {
        let importer = files.get(id.index()).and_then(|file| file.absolute.parent());
        for import in &program.module(id).facts.imports {
            let chains = (0..import.aliases.len()).map(|alias| program.loaded_chain(id, import, alias));
            for file in chains.flatten().map(|id| id.index()).filter(|index| *index < files.len()) {
                imported.insert(file);
                used.extend(folder(file).filter(|folder| Some(*folder) != importer));
            }
        }
    }
    let alone = |folder: &Path| !used.contains(folder);
    runs.retain(|&index| !imported.contains(&index) && folder(index).is_some_and(alone));
    runs
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
    /// With files that seem to be run, although they do not say so.
    with_runs: FxHashSet<PathBuf>,
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

/// Whether the runtime file is in a place. A pipe there is not waited for.
fn is_runtime_file(path: &Path) -> bool {
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file && fs::read(path).is_ok_and(|bytes| is_runtime(&bytes))
}

/// Whether the first line says who runs the file.
fn has_interpreter(path: &Path) -> bool {
    let mut first = [0; 2];
    File::open(path).and_then(|mut file| file.read_exact(&mut first)).is_ok() && first == *b"#!"
}
