//! Import roots and module names.
//!
//! A name is found per directory. Going up while there is an `__init__.py` gives the directory that holds the top
//! package. The import root is, in this order: the deepest configured root above it; the nearest project (a directory with
//! `pyproject.toml`, `setup.py` or `setup.cfg`) up to the anchor, or its `src`; the directory that holds the top package.
//! Directories between root and top package are namespace packages, if `import` can spell their names.

use std::path::{Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};

use super::is_init;

/// Finds the import root of every directory.
pub(super) struct Namer {
    /// The project, or the directory that `build` copies.
    anchor: PathBuf,
    configured: Vec<PathBuf>,
    packages: FxHashMap<PathBuf, bool>,
    projects: FxHashMap<PathBuf, Option<ProjectLayout>>,
    places: FxHashMap<PathBuf, Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProjectLayout {
    Flat,
    /// The import root is `src`.
    Src,
}

#[derive(Debug, Clone)]
struct Place {
    root: PathBuf,
    /// Serves only the files in it.
    private: bool,
    siblings: Option<PathBuf>,
}

/// The import roots, and the names in them.
pub(super) struct Roots {
    pub(super) paths: Vec<PathBuf>,
    /// So many of them serve every file.
    pub(super) shared: usize,
    directories: FxHashMap<PathBuf, Directory>,
}

struct Directory {
    root: usize,
    siblings_root: Option<usize>,
    /// Dotted name of the directory; empty for a root.
    prefix: String,
}

pub(super) struct Name {
    pub(super) module: String,
    pub(super) root: usize,
    pub(super) siblings_root: Option<usize>,
    pub(super) is_package: bool,
}

impl Namer {
    pub(super) fn new<'a>(anchor: PathBuf, packages: impl Iterator<Item = &'a Path>) -> Self {
        let mut namer = Self {
            anchor,
            configured: Vec::new(),
            packages: packages.map(|path| (path.to_path_buf(), true)).collect(),
            projects: FxHashMap::default(),
            places: FxHashMap::default(),
        };
        namer.anchor = namer.above_packages(&namer.anchor.clone());
        namer
    }

    /// Adds an import root that the user has named.
    pub(super) fn configure(&mut self, root: PathBuf) {
        if !self.configured.contains(&root) {
            self.configured.push(root);
        }
    }

    pub(super) fn place_all<'a>(&mut self, directories: impl Iterator<Item = &'a Path>) {
        for directory in directories {
            if !self.places.contains_key(directory) {
                let place = self.place(directory);
                self.places.insert(directory.to_path_buf(), place);
            }
        }
    }

    fn place(&mut self, directory: &Path) -> Place {
        let top = self.above_packages(directory);
        let configured = self
            .configured
            .iter()
            .filter(|root| directory.starts_with(root))
            .max_by_key(|root| root.components().count());
        let base = match configured {
            Some(root) => root.clone(),
            None => self.inferred(&top),
        };
        // What `import` cannot spell can only be reached as a root of its own.
        let mut root = base.clone();
        let mut private = false;
        if let Ok(between) = top.strip_prefix(&base) {
            let mut path = base;
            for component in between.components() {
                path.push(component);
                if !component.as_os_str().to_str().is_some_and(is_importable) {
                    root.clone_from(&path);
                    private = true;
                }
            }
        }
        let siblings = (top == directory && top != root).then_some(top);
        Place { root, private, siblings }
    }

    /// The import root for a directory that is not in a package, when none is configured.
    fn inferred(&mut self, top: &Path) -> PathBuf {
        let anchor = self.anchor.clone();
        let mut at = top;
        while at.starts_with(&anchor) {
            let layout = if at == anchor {
                Some(self.project(at).unwrap_or(ProjectLayout::Flat))
            } else {
                self.project(at)
            };
            if let Some(layout) = layout {
                let src = at.join("src");
                return if layout == ProjectLayout::Src && top.starts_with(&src) {
                    src
                } else {
                    at.to_path_buf()
                };
            }
            let Some(parent) = at.parent() else { break };
            at = parent;
        }
        top.to_path_buf()
    }

    /// The layout of a directory that is a project.
    fn project(&mut self, directory: &Path) -> Option<ProjectLayout> {
        if let Some(known) = self.projects.get(directory) {
            return *known;
        }
        let marked =
            ["pyproject.toml", "setup.py", "setup.cfg"].iter().any(|marker| directory.join(marker).is_file());
        let src = directory.join("src");
        let layout = if !marked && directory != self.anchor {
            None
        } else if src.is_dir() && !self.is_package(&src) && (marked || self.holds_packages(&src)) {
            Some(ProjectLayout::Src)
        } else {
            marked.then_some(ProjectLayout::Flat)
        };
        self.projects.insert(directory.to_path_buf(), layout);
        layout
    }

    fn holds_packages(&self, directory: &Path) -> bool {
        self.packages.iter().any(|(package, is)| *is && package.parent() == Some(directory))
    }

    /// The directory that holds the top-most package around `directory`, or `directory` itself.
    fn above_packages(&mut self, directory: &Path) -> PathBuf {
        let mut at = directory;
        while at.file_name().and_then(|name| name.to_str()).is_some_and(is_importable) && self.is_package(at)
        {
            match at.parent() {
                Some(parent) => at = parent,
                None => break,
            }
        }
        at.to_path_buf()
    }

    fn is_package(&mut self, directory: &Path) -> bool {
        if let Some(known) = self.packages.get(directory) {
            return *known;
        }
        let is = directory.join("__init__.py").is_file();
        self.packages.insert(directory.to_path_buf(), is);
        is
    }

    /// Orders the roots: configured ones as configured; the project's `src` before the project; others by path.
    pub(super) fn finish(self) -> Roots {
        let mut shared = FxHashSet::default();
        let mut private = FxHashSet::default();
        for place in self.places.values() {
            if place.private {
                private.insert(place.root.clone());
            } else {
                shared.insert(place.root.clone());
            }
            private.extend(place.siblings.clone());
        }
        let mut paths = self.configured.clone();
        let mut inferred: Vec<PathBuf> = shared.into_iter().filter(|path| !paths.contains(path)).collect();
        let src = self.anchor.join("src");
        inferred.sort_unstable_by_key(|path| (*path != src, *path != self.anchor, path.clone()));
        paths.append(&mut inferred);
        let shared = paths.len();
        let mut rest: Vec<PathBuf> = private.into_iter().filter(|path| !paths.contains(path)).collect();
        rest.sort_unstable();
        paths.append(&mut rest);

        let index: FxHashMap<&Path, usize> =
            paths.iter().enumerate().map(|(at, path)| (path.as_path(), at)).collect();
        let directories = self
            .places
            .into_iter()
            .map(|(directory, place)| {
                let below = directory.strip_prefix(&place.root).unwrap_or(Path::new(""));
                let names: Vec<_> = below.iter().map(|name| name.to_string_lossy()).collect();
                let value = Directory {
                    root: index[place.root.as_path()],
                    siblings_root: place.siblings.map(|path| index[path.as_path()]),
                    prefix: names.join("."),
                };
                (directory, value)
            })
            .collect();
        Roots { paths, shared, directories }
    }
}

impl Roots {
    /// The name of a file in one of the directories that were placed.
    pub(super) fn name(&self, file: &Path) -> Name {
        let directory = file.parent().and_then(|parent| self.directories.get(parent));
        let stem = stem(file);
        let Some(directory) = directory else {
            return Name { module: stem, root: 0, siblings_root: None, is_package: false };
        };
        let is_package = stem == "__init__" && (is_init(file) || super::walk::not_a_source(file).is_some());
        let module = match (directory.prefix.as_str(), is_package) {
            ("", _) => stem,
            (prefix, true) => prefix.to_owned(),
            (prefix, false) => format!("{prefix}.{stem}"),
        };
        Name { module, root: directory.root, siblings_root: directory.siblings_root, is_package }
    }
}

/// The last part of a module name. `_speedups.cpython-311-x86_64-linux-gnu.so` is `_speedups`; any other
/// point in a file name becomes a hyphen, for a name with a point would be that of another module.
fn stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("so" | "pyd") => stem.split('.').next().unwrap_or_default().to_owned(),
        _ => stem.replace('.', "-"),
    }
}

/// Whether `import` can spell this part of a module name.
pub(crate) fn is_importable(name: &str) -> bool {
    const KEYWORDS: &[&str] = &[
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
        "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in",
        "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
    ];
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c == '_' || c.is_alphabetic())
        && characters.all(|c| c == '_' || c.is_alphanumeric())
        && !KEYWORDS.contains(&name)
}
