//! Configuration: `[tool.dally]` in `pyproject.toml`, or `dally.toml`.
//!
//! In come the first path of a command line and perhaps `--config`, out goes a [`Config`] with what the project
//! says about itself. A key that does not exist is an error, never ignored, and every error names file and line.
//! Nothing here decides on defaults: what is not configured stays `None`.

mod patterns;
mod project;
mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub use self::patterns::{NamePatterns, PathPatterns, PatternError};
pub(crate) use self::project::normalised;
pub(crate) use self::table::closest;
use self::table::{Document, Entry};
use crate::discover::reaches;
use crate::report::sites::portable;
use crate::{cache, packages};

/// What makes an import lazy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Placeholders that load at first use; Python 3.8 and later
    Proxy,
    /// `lazy import` statements; Python 3.15 and later
    Native,
    /// `__lazy_modules__`: lazy on Python 3.15 and later, eager before
    LazyModules,
}

/// What to make of code that cannot be resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Safety {
    /// What cannot be resolved counts as an effect
    Strict,
    /// Calls that cannot be resolved count as harmless
    Balanced,
    /// No whole-program judgement: the configured lists decide
    Trusting,
}

/// What to do where a placeholder would get into the program's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Escapes {
    /// Wrap the read, so that it gives the real object
    Wrap,
    /// Keep the import eager
    Keep,
}

/// What to do about annotations that are evaluated when a function is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Annotations {
    /// Put them into quotes where nobody evaluates them
    Defer,
    /// Leave them as they are
    Keep,
}

/// A version of Python that dally writes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PythonVersion {
    major: u8,
    minor: u8,
}

impl PythonVersion {
    /// The oldest version that dally writes for.
    pub const OLDEST: Self = Self::three(8);
    /// The newest version that dally knows.
    pub const NEWEST: Self = Self::three(15);

    const fn three(minor: u8) -> Self {
        Self { major: 3, minor }
    }

    /// The first number, always 3.
    pub fn major(self) -> u8 {
        self.major
    }

    /// The second number, 8 to 15.
    pub fn minor(self) -> u8 {
        self.minor
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A version that dally does not write for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonVersionError {
    given: String,
}

impl fmt::Display for PythonVersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (oldest, newest) = (PythonVersion::OLDEST, PythonVersion::NEWEST);
        let given = &self.given;
        write!(f, "expected a Python version from {oldest} to {newest}, not `{given}`")
    }
}

impl std::error::Error for PythonVersionError {}

impl FromStr for PythonVersion {
    type Err = PythonVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        (Self::OLDEST.minor..=Self::NEWEST.minor)
            .map(Self::three)
            .find(|version| version.to_string() == text)
            .ok_or_else(|| PythonVersionError { given: text.to_owned() })
    }
}

impl From<PythonVersion> for String {
    fn from(version: PythonVersion) -> Self {
        version.to_string()
    }
}

impl TryFrom<String> for PythonVersion {
    type Error = PythonVersionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// What the user teaches the analysis about effects.
#[derive(Debug, Clone, Default)]
pub struct Effects {
    /// Functions and modules without observable effects.
    pub pure: NamePatterns,
    /// Functions and modules with observable effects.
    pub effect: NamePatterns,
}

/// The configuration of one run, and what the project says about itself.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The file that it was read from.
    pub file: Option<PathBuf>,
    /// That file was named, and counts for everything.
    pub explicit: bool,
    /// The directory that patterns and import roots are relative to. Absolute.
    pub project_root: PathBuf,
    /// What decisions look at, whatever part of it is named: the project, or without one the package.
    pub whole: Option<PathBuf>,
    /// `target`
    pub target: Option<Target>,
    /// `python-version`
    pub python_version: Option<PythonVersion>,
    /// `safety`
    pub safety: Option<Safety>,
    /// `escapes`
    pub escapes: Option<Escapes>,
    /// `annotations`
    pub annotations: Option<Annotations>,
    /// `runtime`: dotted name under which rewritten files import the runtime file.
    pub runtime: Option<String>,
    /// The lines of the keys in the file.
    lines: BTreeMap<String, u32>,
    /// `src`: import roots, relative to the project root.
    pub src: Vec<PathBuf>,
    /// `include`: files to rewrite; all when empty.
    pub include: PathPatterns,
    /// `exclude`: files not to rewrite.
    pub exclude: PathPatterns,
    /// `eager`: modules and members that are always imported eagerly.
    pub eager: NamePatterns,
    /// `eager-in`: files in which nothing is lazy.
    pub eager_in: PathPatterns,
    /// `[effects]`
    pub effects: Effects,
    /// The project's own `requires-python`, as written.
    pub requires_python: Option<String>,
    /// The oldest Python that the project supports, among those that dally writes for. `None` when the
    /// project does not say.
    pub minimum_version: Option<PythonVersion>,
    /// The declared dependencies of the project, all groups together: normalised names, sorted.
    pub declared: Vec<String>,
    /// Those of them that the project cannot run without, wherever it runs.
    pub required: Vec<String>,
    /// Those of them that are needed only in some places.
    pub conditional: Vec<String>,
    /// Modules that the project offers as plugins.
    pub plugins: Vec<String>,
    /// `cache-dir`: where the cache is; in the project, if there is one.
    pub cache_dir: Option<PathBuf>,
    /// `python`: the environment whose packages are analysed as well.
    pub python: packages::Choice,
}

/// Paths with one configuration.
#[derive(Debug, Clone)]
pub struct Group {
    /// The file of the configuration, if there is one.
    pub file: Option<PathBuf>,
    /// The paths.
    pub paths: Vec<PathBuf>,
}

/// Why the configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// The line in it, counted from 1.
    pub line: Option<u32>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", portable(&self.path))?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.message)
    }
}

impl std::error::Error for ConfigError {}

/// The keys of the table, for suggestions.
const KEYS: &[&str] = &[
    "target",
    "python",
    "python-version",
    "safety",
    "escapes",
    "annotations",
    "runtime",
    "cache-dir",
    "src",
    "include",
    "exclude",
    "eager",
    "eager-in",
    "effects",
];

/// The file of nothing else.
pub(crate) const OWN_FILE: &str = "dally.toml";
/// Where Python's tools are configured.
pub(crate) const PYPROJECT: &str = "pyproject.toml";

impl Config {
    /// Finds and reads the configuration that applies to `first_path`: `explicit` if given, else `dally.toml` or
    /// a `pyproject.toml` with `[tool.dally]` in the nearest folder upwards.
    pub fn load(first_path: &Path, explicit: Option<&Path>) -> Result<Self, ConfigError> {
        let folder = project::folder_of(first_path);
        let document = match explicit {
            Some(path) => Some(Document::read(path)?.ok_or_else(|| ConfigError {
                path: path.to_path_buf(),
                line: None,
                message: "no such file".to_owned(),
            })?),
            None => nearest_document(&folder)?,
        };
        let mut config = Self { explicit: explicit.is_some(), ..Self::default() };
        if let Some(document) = &document {
            config.read(document, explicit.is_some())?;
            config.file = Some(document.path().to_path_buf());
        }
        let beside_file = document.as_ref().and_then(|document| {
            let beside = project::folder_of(document.path());
            (explicit.is_none() || folder.starts_with(&beside)).then_some(beside)
        });
        let project = beside_file.or_else(|| project::root_above(&folder));
        let reached = project.as_ref().is_some_and(|project| reaches(project, &folder));
        // What the project's own search leaves out (an ignored folder, an installed package) does not stand for the project.
        config.whole = project
            .clone()
            .filter(|_| reached)
            .or_else(|| project::package_around(&folder))
            .or_else(|| project.clone());
        let cache_dir = config.cache_dir.take().unwrap_or_else(|| cache::FOLDER.into());
        config.cache_dir = project.as_ref().map(|project| project.join(cache_dir));
        config.project_root = project.unwrap_or(folder);
        let project = project::Project::read(&config.project_root)?;
        config.minimum_version = project.requires_python.as_deref().and_then(project::minimum_version);
        config.requires_python = project.requires_python;
        config.declared = project.declared;
        config.required = project.required;
        config.conditional = project.conditional;
        config.plugins = project.plugins;
        if let packages::Choice::Path(path) = &mut config.python {
            *path = config.project_root.join(&*path);
        }
        Ok(config)
    }

    /// Whether a `dally.toml` or `pyproject.toml` configures dally for its folder.
    pub fn is_configuration(path: &Path) -> Result<bool, ConfigError> {
        if path.file_name().is_some_and(|name| name == OWN_FILE) {
            return Ok(true);
        }
        // What cannot be read is somebody's test data.
        let Ok(Some(document)) = Document::read(path) else { return Ok(false) };
        let has_table =
            || document.with_table(&["tool", "dally"], |table| Ok(table.is_some())).unwrap_or(false);
        Ok(document.mentions_dally() && has_table())
    }

    /// The paths by the configuration that is nearest to each. Configurations of folders stand before those of folders in them.
    pub fn groups(paths: &[PathBuf]) -> Result<Vec<Group>, ConfigError> {
        let mut known: BTreeMap<PathBuf, Option<PathBuf>> = BTreeMap::new();
        let mut groups: Vec<Group> = Vec::new();
        for path in paths {
            let folder = project::folder_of(path);
            let file = if let Some(file) = known.get(&folder) {
                file.clone()
            } else {
                let file = nearest_document(&folder)?.map(|document| document.path().to_path_buf());
                known.entry(folder).or_insert(file).clone()
            };
            match groups.iter_mut().find(|group| group.file == file) {
                Some(group) => group.paths.push(path.clone()),
                None => groups.push(Group { file, paths: vec![path.clone()] }),
            }
        }
        groups.sort_by_key(|group| group.file.as_ref().map_or(0, |file| file.components().count()));
        Ok(groups)
    }

    fn read(&mut self, document: &Document, explicit: bool) -> Result<(), ConfigError> {
        let in_pyproject = !document.is_own_file();
        let path: &[&str] = if in_pyproject { &["tool", "dally"] } else { &[] };
        document.with_table(path, |table| {
            let Some(table) = table else {
                return if explicit && in_pyproject {
                    Err(document.error(None, "there is no [tool.dally] in this file".to_owned()))
                } else {
                    Ok(())
                };
            };
            table.read(|key, entry| self.set(key, entry))
        })
    }

    /// The error for a `runtime` that does not fit the project.
    pub(crate) fn wrong_runtime(&self, why: &str) -> ConfigError {
        let name = self.runtime.as_deref().unwrap_or_default();
        self.wrong("runtime", format!("`runtime` is `{name}`, but {why}"))
    }

    /// The error for a key whose value does not fit what is there.
    pub(crate) fn wrong(&self, key: &str, message: String) -> ConfigError {
        let line = self.lines.get(key).copied();
        ConfigError { path: self.file.clone().unwrap_or_default(), line, message }
    }

    fn set(&mut self, key: &str, entry: &Entry<'_>) -> Result<(), ConfigError> {
        self.lines.insert(key.to_owned(), entry.line());
        match key {
            "target" => self.target = Some(entry.choice()?),
            "python" => self.python = packages::Choice::new(&entry.path()?),
            "python-version" => self.python_version = Some(entry.version()?),
            "safety" => self.safety = Some(entry.choice()?),
            "escapes" => self.escapes = Some(entry.choice()?),
            "annotations" => self.annotations = Some(entry.choice()?),
            "cache-dir" => self.cache_dir = Some(entry.path()?),
            "runtime" => self.runtime = Some(entry.module()?),
            "src" => self.src = entry.paths()?,
            "include" => self.include = entry.path_patterns()?,
            "exclude" => self.exclude = entry.path_patterns()?,
            "eager" => self.eager = entry.name_patterns()?,
            "eager-in" => self.eager_in = entry.path_patterns()?,
            "effects" => entry.table()?.read(|key, entry| {
                match key {
                    "pure" => self.effects.pure = entry.name_patterns()?,
                    "effect" => self.effects.effect = entry.name_patterns()?,
                    _ => return Err(entry.unknown(&["pure", "effect"])),
                }
                Ok(())
            })?,
            _ => return Err(entry.unknown(KEYS)),
        }
        Ok(())
    }
}

/// The configuration in `folder` or the nearest folder above it. `dally.toml` wins.
fn nearest_document(folder: &Path) -> Result<Option<Document>, ConfigError> {
    for folder in folder.ancestors() {
        if let Some(document) = Document::read(&folder.join(OWN_FILE))? {
            return Ok(Some(document));
        }
        if let Some(document) = Document::read(&folder.join(PYPROJECT))?
            && document.mentions_dally()
            && document.with_table(&["tool", "dally"], |table| Ok(table.is_some()))?
        {
            return Ok(Some(document));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
