//! What the standard library of each Python version has.
//!
//! The table is made from the interpreters by `tools/stdlib_table.py`; nothing in it is typed in by hand.

use std::sync::LazyLock;

use memchr::memmem;
use rustc_hash::FxHashMap;

use crate::config::PythonVersion;

static TABLE: &str = include_str!("data/stdlib.txt");

/// The answer to a question about a range of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Has {
    /// In every version of the range.
    Yes,
    /// In some.
    Sometimes,
    /// In none.
    No,
    /// The table cannot tell.
    Unknown,
}

struct Entry {
    versions: u32,
    always_loaded: bool,
    opaque: bool,
    attributes: &'static str,
}

impl Entry {
    /// The versions in which the module has an attribute, if any has. A name stands alone, or with the versions: `word word:80`.
    fn versions_of(&self, name: &str) -> Option<u32> {
        let attributes = self.attributes;
        if name.contains([' ', ':']) {
            return None;
        }
        memmem::find_iter(attributes.as_bytes(), name).find_map(|start| {
            let (before, found) = attributes.split_at_checked(start)?;
            let after = &found[name.len()..];
            if !(before.is_empty() || before.ends_with(' ')) {
                return None;
            }
            match after.strip_prefix(':') {
                Some(versions) => u32::from_str_radix(versions.split(' ').next()?, 16).ok(),
                None => (after.is_empty() || after.starts_with(' ')).then_some(self.versions),
            }
        })
    }
}

static MODULES: LazyLock<FxHashMap<&'static str, Entry>> = LazyLock::new(|| {
    TABLE
        .lines()
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            let name = words.next()?;
            let flags = words.next()?;
            let number = flags.trim_end_matches(['!', '?']);
            let entry = Entry {
                versions: u32::from_str_radix(number, 16).ok()?,
                always_loaded: flags.contains('!'),
                opaque: flags.contains('?'),
                attributes: words.next().unwrap_or_default(),
            };
            Some((name, entry))
        })
        .collect()
});

/// The last names of the submodules of each package.
static SUBMODULES: LazyLock<FxHashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let mut submodules: FxHashMap<&str, Vec<&str>> = FxHashMap::default();
    for (package, name) in MODULES.keys().filter_map(|name| name.rsplit_once('.')) {
        submodules.entry(package).or_default().push(name);
    }
    for names in submodules.values_mut() {
        names.sort_unstable();
    }
    submodules
});

/// The standard library of a range of versions.
#[derive(Debug, Clone, Copy)]
pub struct Stdlib {
    versions: u32,
}

impl Stdlib {
    /// The library of all versions from `first` to `last`.
    pub fn new(first: PythonVersion, last: PythonVersion) -> Self {
        let versions = (8..=15)
            .filter(|&minor| first.minor() <= minor && minor <= last.minor())
            .fold(0, |mask, minor| mask | 1 << (minor - 8));
        Self { versions }
    }

    fn compare(self, versions: u32) -> Has {
        match versions & self.versions {
            0 => Has::No,
            all if all == self.versions => Has::Yes,
            _ => Has::Sometimes,
        }
    }

    /// The library of the versions of the range that have a module, or a name in it, if those are the newest of them.
    pub fn since(self, module: &str, name: Option<&str>) -> Option<Self> {
        let has = |library: Self| match name {
            Some(name) => {
                library.has_module(module) == Has::Yes && library.has_attribute(module, name) == Has::Yes
            }
            None => library.has_module(module) == Has::Yes,
        };
        let mut newer = self;
        while newer.versions != 0 && !has(newer) {
            newer.versions &= newer.versions - 1;
        }
        (newer.versions != 0).then_some(newer)
    }

    /// The library of the versions that two ranges have in common.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { versions: self.versions & other.versions }
    }

    /// Whether the library has a module.
    pub fn has_module(self, name: &str) -> Has {
        MODULES.get(name).map_or(Has::No, |entry| self.compare(entry.versions))
    }

    /// Whether a module of the library has an attribute or submodule of this name.
    pub fn has_attribute(self, module: &str, name: &str) -> Has {
        let Some(entry) = MODULES.get(module) else { return Has::Unknown };
        if entry.opaque || (name.starts_with("__") && name.ends_with("__")) {
            return Has::Unknown;
        }
        let found = entry.versions_of(name);
        // It may be a submodule that only some versions load by themselves.
        let submodule = MODULES.get([module, name].join(".").as_str()).map_or(0, |entry| entry.versions);
        self.compare(found.unwrap_or_default() | submodule)
    }

    /// Whether a module has a submodule as an attribute as soon as it is imported itself, in all versions that have both.
    pub fn lists_submodule(self, module: &str, name: &str) -> bool {
        let Some(entry) = MODULES.get(module) else { return true };
        let there = MODULES.get([module, name].join(".").as_str()).map_or(0, |entry| entry.versions);
        let lists = |word: &str| match word.split_once(':') {
            Some((attribute, versions)) => {
                let versions = u32::from_str_radix(versions, 16).unwrap_or_default();
                attribute == name && there & !versions == 0
            }
            None => word == name,
        };
        entry.opaque || entry.attributes.split(' ').any(lists)
    }

    /// Whether every interpreter has loaded the module before the program starts.
    pub fn always_loaded(self, name: &str) -> bool {
        MODULES.get(name).is_some_and(|entry| entry.always_loaded)
    }

    /// Whether a module of the library has submodules.
    pub fn is_package(self, name: &str) -> bool {
        SUBMODULES.contains_key(name)
    }

    /// The last names of a package's submodules.
    pub fn submodules(self, package: &str) -> impl Iterator<Item = &'static str> {
        SUBMODULES.get(package).into_iter().flatten().copied()
    }

    /// Whether a package has nothing but submodules, in most versions.
    pub fn is_bare(self, package: &str) -> bool {
        let own =
            |entry: &Entry| entry.attributes.split(' ').any(|word| !word.is_empty() && !word.contains(':'));
        self.is_package(package) && MODULES.get(package).is_some_and(|entry| !entry.opaque && !own(entry))
    }

    /// Whether any version knows the module.
    pub fn knows(self, name: &str) -> bool {
        MODULES.contains_key(name)
    }
}
