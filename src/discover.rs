//! Roots to sorted source files and module names.
//!
//! In come the paths of a command line, out go the Python files below them, each with the dotted name under which
//! a program imports it, and for `build` everything else that a complete copy needs. Files are listed here, never
//! opened. The result is sorted and does not depend on threads.
//!
//! ```text
//! project/
//!   pyproject.toml
//!   src/                        an import root
//!     shop/__init__.py          shop
//!     shop/cart.py              shop.cart
//!     google/cloud/sql.py       google.cloud.sql     (namespace packages: no __init__.py)
//!   tools/run.py                tools.run, and tools/ is on the path when it is run
//!   .venv/, __pycache__/        left out
//! ```
//!
//! Symbolic links are never followed below an argument: a link stays a link.

mod naming;
mod walk;

use std::cmp::Ordering;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::config::PathPatterns;
use crate::write::plain;

use self::naming::Namer;
pub(crate) use self::naming::is_importable;
use self::walk::{Walked, WalkedKind};
pub(crate) use self::walk::{is_environment, reaches};

/// What to look for and where.
#[derive(Debug, Clone)]
pub struct DiscoverOptions {
    /// Files and directories, as named on the command line. For `build` the one directory to copy.
    pub paths: Vec<PathBuf>,
    /// The directory that patterns are relative to, and the import root of last resort.
    pub project_root: PathBuf,
    /// Configured import roots, relative to the project root. May be empty.
    pub src: Vec<PathBuf>,
    /// When not empty, only matching files are selected.
    pub include: PathPatterns,
    /// Matching files are not selected.
    pub exclude: PathPatterns,
    /// Patterns count for files that are named themselves, too: who names them has not chosen them (pre-commit).
    pub force_exclude: bool,
    /// Whether `.gitignore` (and `.ignore`, and git's own exclusion files) hide files, and what `build` wrote is left out.
    pub respect_gitignore: bool,
    /// `build`: list everything that is not a source file too.
    pub collect_others: bool,
    /// A tree whose files are all analysed, although only those in `paths` are selected.
    pub whole_tree: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Discovery {
    /// Sorted by path; no file is listed twice.
    pub files: Vec<SourceFile>,
    /// Directories in which absolute imports are looked up, each listed once.
    pub import_roots: Vec<PathBuf>,
    /// The first so many import roots serve every file, in this order. Each of the rest serves only
    /// the files that name it as their `root` or `siblings_root`.
    pub shared_roots: usize,
    /// Importable modules that have no source: extension modules and lone bytecode. Sorted by path.
    pub compiled: Vec<CompiledModule>,
    /// `build` only: every other file, directory and symbolic link below the directory to copy, but for
    /// `__pycache__`, whose content belongs to the original sources. Sorted; directories precede what is in them.
    pub others: Vec<OtherEntry>,
    /// What may configure dally for a folder below a named one, as reached. Sorted.
    pub configurations: Vec<PathBuf>,
    /// What could not be read or is of no use. Sorted.
    pub problems: Vec<Problem>,
}

/// A Python source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The file as reached from the argument, for reports.
    pub path: PathBuf,
    /// The file itself: absolute and free of symbolic links. This is what is read and written.
    pub absolute: PathBuf,
    /// The path below the argument that led here; the file name if the argument is the file.
    pub relative: PathBuf,
    /// Dotted module name relative to its import root. Never empty. A file that `import` cannot name, like `my-script.py`, has its stem here.
    pub module: String,
    /// The import root, an index into [`Discovery::import_roots`].
    pub root: usize,
    /// For a file outside any package: its own directory, when that is not its import root. It is on `sys.path` when
    /// the file is run as a script.
    pub siblings_root: Option<usize>,
    /// Whether this is an `__init__.py`.
    pub is_package: bool,
    /// Whether the file is to be rewritten. Other files are only analysed.
    pub selected: bool,
}

/// A module without source text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledModule {
    /// The file as reached from the argument.
    pub path: PathBuf,
    /// Dotted module name relative to its import root.
    pub module: String,
    /// The import root, an index into [`Discovery::import_roots`].
    pub root: usize,
    /// Whether this is the `__init__` of a package.
    pub is_package: bool,
}

/// Something in the tree that is not a source file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum OtherEntry {
    /// A directory.
    Directory {
        /// Where it is.
        path: PathBuf,
        /// Its path below the root.
        relative: PathBuf,
    },
    /// A regular file.
    File {
        /// Where it is.
        path: PathBuf,
        /// Its path below the root.
        relative: PathBuf,
    },
    /// A symbolic link, to whatever.
    Symlink {
        /// Where it is.
        path: PathBuf,
        /// Its path below the root.
        relative: PathBuf,
    },
}

impl OtherEntry {
    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Self::Directory { path, .. } | Self::File { path, .. } | Self::Symlink { path, .. } => path,
        }
    }

    /// Its path below the root.
    pub fn relative(&self) -> &Path {
        match self {
            Self::Directory { relative, .. }
            | Self::File { relative, .. }
            | Self::Symlink { relative, .. } => relative,
        }
    }
}

/// Something that went wrong with one path. The run goes on without it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The path as reached from the argument.
    pub path: PathBuf,
    /// What sort of trouble it is.
    pub kind: ProblemKind,
    /// The trouble in words, without the path.
    pub message: String,
}

/// The sorts of [`Problem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    /// A named path or a configured import root does not exist.
    Missing,
    /// A file or directory cannot be read.
    Unreadable,
    /// A named file that Python does not run as a module, such as a type stub.
    NotASource,
    /// Neither file, directory nor link: a socket, a pipe, a device.
    Special,
}

/// Why nothing could be discovered at all.
#[derive(Debug)]
pub enum DiscoverError {
    /// A directory that must be there is not, or cannot be read.
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// `build` was given something else than one directory.
    NotADirectory {
        /// What was given.
        path: PathBuf,
    },
}

impl fmt::Display for DiscoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { path, source } => write!(f, "{}: {}", path.display(), plain(source)),
            Self::NotADirectory { path } => write!(f, "{}: not a directory", path.display()),
        }
    }
}

impl std::error::Error for DiscoverError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Directory { source, .. } => Some(source),
            Self::NotADirectory { .. } => None,
        }
    }
}

/// Finds the files, their module names and the import roots.
pub fn discover(options: &DiscoverOptions) -> Result<Discovery, DiscoverError> {
    let project_root = canonical(&options.project_root)?;
    let mut problems = Vec::new();
    let mut found = Found::default();

    if options.collect_others {
        let [source] = options.paths.as_slice() else {
            let path = options.paths.first().unwrap_or(&options.project_root).clone();
            return Err(DiscoverError::NotADirectory { path });
        };
        let base = canonical(source)?;
        if !base.is_dir() {
            return Err(DiscoverError::NotADirectory { path: source.clone() });
        }
        found.extend(walk::everything(source, &base), true, &mut problems);
    } else {
        for path in &options.paths {
            found.argument(path, options.respect_gitignore, &mut problems);
        }
        if let Some(tree) = &options.whole_tree {
            let base = canonical(tree)?;
            let walked = walk::sources(&shown(tree, &base), &base, options.respect_gitignore);
            found.extend(walked, false, &mut problems);
        }
        if options.respect_gitignore {
            found.add_ignored_neighbours();
        }
    }

    // Without configured roots, names are relative to the directory that `build` copies, or to the project.
    let anchor = match options.paths.as_slice() {
        [source] if options.collect_others => canonical(source)?,
        _ => project_root.clone(),
    };
    let mut namer = Namer::new(anchor, found.package_directories());
    for root in &options.src {
        let root = project_root.join(root);
        match std::fs::canonicalize(&root) {
            Ok(root) => namer.configure(root),
            Err(error) => problems.push(Problem {
                path: root,
                kind: ProblemKind::Missing,
                message: format!("the configured import root cannot be used: {}", plain(&error)),
            }),
        }
    }
    Ok(found.finish(options, &project_root, namer, problems))
}

/// Everything found so far, by absolute path.
#[derive(Default)]
struct Found {
    /// The keys are paths; a path itself is slow to hash.
    sources: FxHashMap<OsString, FoundSource>,
    compiled: FxHashMap<PathBuf, PathBuf>,
    others: Vec<OtherEntry>,
    configurations: Vec<PathBuf>,
}

struct FoundSource {
    path: PathBuf,
    relative: PathBuf,
    reach: Reach,
}

/// How a source file was reached; the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// Only to be analysed.
    Around,
    /// Below a named directory.
    Below,
    /// Named itself.
    Named,
}

impl Found {
    fn argument(&mut self, path: &Path, respect_gitignore: bool, problems: &mut Vec<Problem>) {
        let mut problem = |kind, message: String| {
            let path = path.to_path_buf();
            problems.push(Problem { path, kind, message });
        };
        let (absolute, metadata) = match std::fs::canonicalize(path)
            .and_then(|absolute| std::fs::metadata(&absolute).map(|metadata| (absolute, metadata)))
        {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return problem(ProblemKind::Missing, plain(&error));
            }
            Err(error) => return problem(ProblemKind::Unreadable, plain(&error)),
        };
        if metadata.is_dir() {
            let walked = walk::sources_of_named(path, &absolute, respect_gitignore);
            self.extend(walked, true, problems);
        } else if !metadata.is_file() {
            problem(ProblemKind::Special, "neither a file nor a directory".to_owned());
        } else if let Some(what) = walk::not_a_source(&absolute) {
            problem(ProblemKind::NotASource, format!("{what}, which Python does not run"));
        } else {
            let relative = path.file_name().map_or_else(|| path.to_path_buf(), PathBuf::from);
            let source = FoundSource { path: walk::tidy(path), relative, reach: Reach::Named };
            self.add(absolute, source);
        }
    }

    fn extend(&mut self, walked: Vec<Walked>, selected: bool, problems: &mut Vec<Problem>) {
        let reach = if selected { Reach::Below } else { Reach::Around };
        for Walked { kind, path, absolute, relative } in walked {
            match kind {
                WalkedKind::Source => self.add(absolute, FoundSource { path, relative, reach }),
                WalkedKind::Compiled => {
                    self.compiled.entry(absolute).or_insert(path);
                }
                WalkedKind::Configuration if selected => self.configurations.push(path),
                WalkedKind::Configuration => {}
                WalkedKind::Directory => self.others.push(OtherEntry::Directory { path, relative }),
                WalkedKind::File => self.others.push(OtherEntry::File { path, relative }),
                WalkedKind::Symlink => self.others.push(OtherEntry::Symlink { path, relative }),
                WalkedKind::Problem(kind, message) => problems.push(Problem { path, kind, message }),
            }
        }
    }

    /// Keeps the strongest reason to have a file, and of two equal ones the smaller path.
    fn add(&mut self, absolute: PathBuf, source: FoundSource) {
        use std::collections::hash_map::Entry;
        match self.sources.entry(absolute.into_os_string()) {
            Entry::Vacant(entry) => {
                entry.insert(source);
            }
            Entry::Occupied(mut entry) => {
                let old = entry.get();
                if (source.reach, &old.path) > (old.reach, &source.path) {
                    entry.insert(source);
                }
            }
        }
    }

    /// Ignored files beside tracked ones (a generated `_version.py`, an extension module built in place) exist for the
    /// program all the same: they are analysed, never rewritten.
    fn add_ignored_neighbours(&mut self) {
        let mut directories: FxHashMap<&Path, (PathBuf, PathBuf)> = FxHashMap::default();
        for (absolute, source) in &self.sources {
            let Some(directory) = Path::new(absolute).parent() else {
                continue;
            };
            let below = |path: &Path| path.parent().unwrap_or(Path::new("")).to_path_buf();
            let names = match source.reach {
                // The path may be a link from elsewhere.
                Reach::Named => (shown(directory, directory), PathBuf::new()),
                Reach::Below | Reach::Around => (below(&source.path), below(&source.relative)),
            };
            let known = directories.entry(directory).or_insert_with(|| names.clone());
            if names < *known {
                *known = names;
            }
        }
        let directories: Vec<_> = directories.into_iter().collect();
        let neighbours: Vec<Walked> = directories
            .par_iter()
            .flat_map_iter(|(absolute, (path, relative))| walk::neighbours(absolute, path, relative))
            .collect();
        // A file that is there already was reached in a better way.
        self.extend(neighbours, false, &mut Vec::new());
    }

    fn package_directories(&self) -> impl Iterator<Item = &Path> {
        self.sources.keys().map(Path::new).filter(|path| is_init(path)).filter_map(|path| path.parent())
    }

    fn finish(
        self,
        options: &DiscoverOptions,
        project_root: &Path,
        mut namer: Namer,
        mut problems: Vec<Problem>,
    ) -> Discovery {
        let sources = self.sources.into_iter().map(|(path, source)| (PathBuf::from(path), source));
        let mut sources: Vec<_> = sources.collect();
        sources.par_sort_unstable_by(|a, b| by_components(&a.1.path, &b.1.path).then_with(|| a.0.cmp(&b.0)));
        let mut compiled: Vec<_> = self.compiled.into_iter().collect();
        compiled.sort_unstable_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0)));

        let directories = sources.iter().map(|(absolute, _)| absolute);
        let directories = directories.chain(compiled.iter().map(|(absolute, _)| absolute));
        namer.place_all(directories.filter_map(|absolute| absolute.parent()));
        let roots = namer.finish();

        let files = sources
            .into_par_iter()
            .map(|(absolute, source)| {
                let name = roots.name(&absolute);
                let selected = match source.reach {
                    Reach::Named if !options.force_exclude => true,
                    Reach::Named | Reach::Below => {
                        let pattern_path = absolute.strip_prefix(project_root).unwrap_or(&source.relative);
                        (options.include.is_empty() || options.include.matches(pattern_path))
                            && !options.exclude.matches(pattern_path)
                    }
                    Reach::Around => false,
                };
                SourceFile {
                    is_package: is_init(&absolute),
                    path: source.path,
                    absolute,
                    relative: source.relative,
                    module: name.module,
                    root: name.root,
                    siblings_root: name.siblings_root,
                    selected,
                }
            })
            .collect();
        let compiled = compiled
            .into_iter()
            .map(|(absolute, path)| {
                let name = roots.name(&absolute);
                CompiledModule { path, module: name.module, root: name.root, is_package: name.is_package }
            })
            .collect();
        let mut others = self.others;
        others.par_sort_unstable_by(|a, b| by_components(a.relative(), b.relative()));
        problems.sort_unstable();
        problems.dedup();
        let mut configurations = self.configurations;
        configurations.sort_unstable();
        configurations.dedup();
        Discovery {
            files,
            shared_roots: roots.shared,
            import_roots: roots.paths,
            compiled,
            others,
            configurations,
            problems,
        }
    }
}

/// The order of [`Path`], faster: a directory stands right before what is in it.
fn by_components(a: &Path, b: &Path) -> Ordering {
    let key = |byte: &u8| {
        if std::path::is_separator(char::from(*byte)) { 0 } else { *byte }
    };
    let (a, b) = (a.as_os_str().as_encoded_bytes(), b.as_os_str().as_encoded_bytes());
    match a.iter().zip(b).position(|(a, b)| a != b) {
        Some(at) => key(&a[at]).cmp(&key(&b[at])),
        None => a.len().cmp(&b.len()),
    }
}

pub(crate) fn is_init(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "__init__.py")
}

fn canonical(path: &Path) -> Result<PathBuf, DiscoverError> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    std::fs::canonicalize(path).map_err(|source| {
        let path = path.to_path_buf();
        DiscoverError::Directory { path, source }
    })
}

/// A directory as people would name it from here.
fn shown(given: &Path, absolute: &Path) -> PathBuf {
    let here = std::env::current_dir().and_then(std::fs::canonicalize);
    match here {
        Ok(here) => match absolute.strip_prefix(here) {
            Ok(below) => below.to_path_buf(),
            Err(_) => given.to_path_buf(),
        },
        Err(_) => given.to_path_buf(),
    }
}

#[cfg(test)]
mod tests;
