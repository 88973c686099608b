//! Module names to files, as the interpreter's own finder does it.

use std::fs;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_128;

use super::Packages;
use crate::discover::is_importable;

/// What a module name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A source file.
    Source {
        /// The file.
        path: PathBuf,
        /// It is an `__init__.py`.
        is_package: bool,
    },
    /// An extension module or bytecode.
    Compiled,
    /// Folders without `__init__.py`.
    Namespace,
}

/// Looks modules up; remembers what it has seen.
#[derive(Debug)]
pub struct Search<'a> {
    packages: &'a Packages,
    folders: FxHashMap<PathBuf, Listing>,
    modules: FxHashMap<String, Option<Entry>>,
}

/// What a folder has under each name that a module could have.
type Listing = FxHashMap<String, Kinds>;

/// What there is of one name.
#[derive(Debug, Clone, Copy, Default)]
struct Kinds {
    folder: bool,
    source: bool,
    compiled: bool,
}

#[derive(Debug, Clone)]
struct Entry {
    found: Found,
    /// Where its submodules are.
    inside: Vec<PathBuf>,
}

impl<'a> Search<'a> {
    /// Nothing is looked at yet.
    pub fn new(packages: &'a Packages) -> Self {
        Self { packages, folders: FxHashMap::default(), modules: FxHashMap::default() }
    }

    /// What a dotted name means; `None` if there is no such module.
    pub fn find(&mut self, name: &str) -> Option<Found> {
        self.entry(name).map(|entry| entry.found)
    }

    /// The modules right below a package, by their names. Sorted.
    pub fn children(&mut self, package: &str) -> Vec<String> {
        let Some(entry) = self.entry(package) else { return Vec::new() };
        let mut names = Vec::new();
        for folder in entry.inside {
            let listing = self.listing(&folder).keys();
            names.extend(listing.filter(|name| *name != "__init__" && is_importable(name)).cloned());
        }
        names.sort_unstable();
        names.dedup();
        // A folder without modules is a folder of data, as far as one can tell.
        names.retain(|name| {
            self.find(&format!("{package}.{name}")).is_some_and(|found| found != Found::Namespace)
        });
        names
    }

    fn entry(&mut self, name: &str) -> Option<Entry> {
        if let Some(known) = self.modules.get(name) {
            return known.clone();
        }
        let entry = self.look_up(name);
        self.modules.insert(name.to_owned(), entry.clone());
        entry
    }

    fn look_up(&mut self, name: &str) -> Option<Entry> {
        let packages = self.packages;
        let (folders, last) = match name.rsplit_once('.') {
            Some((parent, last)) => (self.entry(parent)?.inside, last),
            None => (packages.roots.clone(), name),
        };
        let mut portions = Vec::new();
        for folder in folders {
            match self.in_folder(&folder, last) {
                Some(Entry { found: Found::Namespace, inside }) => portions.extend(inside),
                Some(entry) => return Some(entry),
                None => {}
            }
        }
        // The finders of editable installations come after the interpreter's own.
        let editable = packages.editable.iter().find(|(mapped, _)| mapped == name);
        if let Some((_, path)) = editable
            && portions.is_empty()
        {
            let folder = path.parent().unwrap_or(Path::new(""));
            return self.in_folder(folder, path.file_stem()?.to_str()?);
        }
        (!portions.is_empty()).then_some(Entry { found: Found::Namespace, inside: portions })
    }

    /// A module in one folder: a package comes first, then a file, then a folder without `__init__.py`.
    fn in_folder(&mut self, folder: &Path, name: &str) -> Option<Entry> {
        let kinds = self.listing(folder).get(name).copied()?;
        let path = folder.join(name);
        if kinds.folder {
            let init = self.listing(&path).get("__init__").copied().unwrap_or_default();
            if let Some(found) = init.module(&path, "__init__") {
                return Some(Entry { found, inside: vec![path] });
            }
        }
        if let Some(found) = kinds.module(folder, name) {
            return Some(Entry { found, inside: Vec::new() });
        }
        kinds.folder.then(|| Entry { found: Found::Namespace, inside: vec![path] })
    }

    /// The folders that were looked into, sorted, and what [`listed`] says of them.
    pub fn listed(&self) -> Vec<(PathBuf, u128)> {
        let mut folders: Vec<(PathBuf, u128)> =
            self.folders.iter().map(|(folder, listing)| (folder.clone(), hash(listing))).collect();
        folders.sort_unstable();
        folders
    }

    fn listing(&mut self, folder: &Path) -> &Listing {
        self.folders.entry(folder.to_path_buf()).or_insert_with(|| list(folder))
    }
}

impl Kinds {
    /// A module's file. Where there is a source beside an extension module it says what the extension module does.
    fn module(self, folder: &Path, stem: &str) -> Option<Found> {
        if self.source {
            let path = folder.join(format!("{stem}.py"));
            Some(Found::Source { path, is_package: stem == "__init__" })
        } else {
            self.compiled.then_some(Found::Compiled)
        }
    }
}

/// A hash of what a folder has that could be modules.
pub(crate) fn listed(folder: &Path) -> u128 {
    hash(&list(folder))
}

fn hash(listing: &Listing) -> u128 {
    let mut names: Vec<(&String, &Kinds)> = listing.iter().collect();
    names.sort_unstable_by_key(|(name, _)| *name);
    xxh3_128(format!("{names:?}").as_bytes())
}

fn list(folder: &Path) -> Listing {
    let mut listing = Listing::default();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let (Some(name), Ok(kind)) = (name.to_str(), entry.file_type()) else { continue };
        let is_folder = if kind.is_symlink() { entry.path().is_dir() } else { kind.is_dir() };
        if is_folder {
            listing.entry(name.to_owned()).or_default().folder = true;
        } else if let Some((stem, extension)) = name.rsplit_once('.') {
            // `_yaml.cpython-312-x86_64-linux-gnu.so` is `_yaml`.
            let tagged = stem.split('.').next().unwrap_or_default();
            match extension {
                "py" if tagged == stem => listing.entry(stem.to_owned()).or_default().source = true,
                "pyc" if tagged == stem => listing.entry(stem.to_owned()).or_default().compiled = true,
                "so" | "pyd" => listing.entry(tagged.to_owned()).or_default().compiled = true,
                _ => {}
            }
        }
    }
    listing
}
