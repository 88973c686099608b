//! Where other people's packages are, and which file a module name means there.
//!
//! Enters: an interpreter, the folder of an environment, or nothing. Leaves: the folders in which that interpreter looks for installed
//! modules, in its order. No interpreter is run, and only folders on the way to a module that is asked for are listed.
//!
//! ```text
//! .venv/pyvenv.cfg
//! .venv/lib/python3.12/site-packages/      searched first
//!   requests/__init__.py                   requests
//!   yaml/_yaml.cpython-312-….so            yaml._yaml: exists, and nothing more is known
//!   shop.pth  →  /home/me/shop/src         searched next
//!   __editable___tool_1_0_finder.py        MAPPING = {"tool": "/home/me/tool"}
//! ```

mod editable;
pub(crate) mod entry_points;
mod locate;
mod search;

use std::fmt;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use crate::config::PythonVersion;

pub(crate) use self::search::listed;
pub use self::search::{Found, Search};

/// The packages that are installed for one interpreter.
#[derive(Debug, Clone, Default)]
pub struct Packages {
    /// The environment, for messages.
    pub folder: PathBuf,
    /// The user has named it; otherwise it was found by looking around.
    pub named: bool,
    /// The version of its interpreter, as far as the folders show it: `3.12`.
    pub python: Option<String>,
    /// Folders of modules, in the order in which they are searched.
    pub roots: Vec<PathBuf>,
    /// Modules that an editable installation finds by their names: dotted name and path, with or without `.py`.
    pub editable: Vec<(String, PathBuf)>,
    /// The installed distributions, by normalised name.
    pub distributions: FxHashSet<String>,
}

/// Which environment to take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Choice {
    /// `VIRTUAL_ENV`, or `.venv` in the project.
    #[default]
    Usual,
    /// None at all.
    None,
    /// This interpreter or folder.
    Path(PathBuf),
}

impl Choice {
    /// What is written on a command line or in a configuration: a path, or `none`.
    pub fn new(given: &Path) -> Self {
        if given.as_os_str() == "none" { Self::None } else { Self::Path(given.to_path_buf()) }
    }
}

/// Why a named environment cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackagesError {
    /// What was named.
    pub path: PathBuf,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for PackagesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.message)
    }
}

impl std::error::Error for PackagesError {}

/// What the process says about environments.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `VIRTUAL_ENV`
    pub active: Option<PathBuf>,
    /// The program itself runs in an environment that was made for it alone.
    pub own: Option<PathBuf>,
    /// `PATH`
    pub path: Vec<PathBuf>,
    /// Where an interpreter without an environment looks for the user's own packages.
    pub home: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    pub fn current() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        // pre-commit activates the environment of the hook, which is not the project's.
        let hook = variable("PRE_COMMIT").is_some();
        let program = std::env::current_exe().ok().filter(|_| hook);
        Self {
            active: variable("VIRTUAL_ENV").map(PathBuf::from),
            own: program.and_then(|program| Some(program.parent()?.parent()?.to_path_buf())),
            path: variable("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default(),
            home: variable("HOME").map(PathBuf::from),
        }
    }
}

impl Packages {
    /// The packages of the chosen environment; `None` if there is none.
    pub fn find(
        choice: &Choice,
        project: &Path,
        around: &Surroundings,
    ) -> Result<Option<Self>, PackagesError> {
        match choice {
            Choice::None => Ok(None),
            Choice::Path(path) => locate::named(path, around).map(Some),
            Choice::Usual => {
                let same = |a: &Path, b: &Path| {
                    std::fs::canonicalize(a).is_ok_and(|a| std::fs::canonicalize(b).is_ok_and(|b| a == b))
                };
                let active = around
                    .active
                    .as_deref()
                    .filter(|active| around.own.as_deref().is_none_or(|own| !same(active, own)));
                let usual = [active.map(Path::to_path_buf), Some(project.join(".venv"))];
                Ok(usual.into_iter().flatten().find_map(|folder| locate::environment(&folder)))
            }
        }
    }

    /// The Python that the packages are installed for, if it is one that dally knows.
    pub fn version(&self) -> Option<PythonVersion> {
        self.python.as_deref()?.parse().ok()
    }

    /// Whether a module that is not found in the project or here cannot be imported. Environments that were only found by looking around
    /// must have what the project needs; others may be those of a tool.
    pub fn is_complete(&self, required: &[String]) -> bool {
        self.named || self.lacking(required).is_empty()
    }

    /// Those of the distributions that are not installed.
    pub fn lacking<'r>(&self, required: &'r [String]) -> Vec<&'r str> {
        required.iter().map(String::as_str).filter(|name| !self.distributions.contains(*name)).collect()
    }
}

#[cfg(test)]
mod tests;
