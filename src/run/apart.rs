//! Folders of a project with a configuration of their own.
//!
//! ```text
//! dally.toml             target = "proxy"
//! legacy/dally.toml      eager-in = ["old/**"]     counts for what is in legacy/, named or not
//! ```
//!
//! A run has one configuration. Enters: what discovery has found below the named folders. Leaves: which of them are apart; their files are analysed
//! and not selected. The command line gives each a run of its own.

use std::fs;
use std::path::PathBuf;

use crate::config::{Config, ConfigError, OWN_FILE, PYPROJECT};
use crate::discover::{Discovery, OtherEntry};

/// Takes out of the selection what has a nearer configuration than that of the run; gives the folders.
pub(crate) fn apart(config: &Config, discovery: &mut Discovery) -> Result<Vec<PathBuf>, ConfigError> {
    let mut found = Vec::new();
    for path in discovery.configurations.iter().filter(|_| !config.explicit) {
        let (Some(folder), Ok(absolute)) = (path.parent(), fs::canonicalize(path)) else { continue };
        let below = absolute.strip_prefix(&config.project_root);
        if below.is_ok_and(|below| config.exclude.matches(below)) || !Config::is_configuration(path)? {
            continue;
        }
        let absolute = absolute.parent().unwrap_or(&absolute);
        for file in discovery.files.iter_mut().filter(|file| file.absolute.starts_with(absolute)) {
            file.selected = false;
        }
        found.push(folder.to_path_buf());
    }
    found.dedup();
    Ok(found)
}

/// The configurations in a tree that `build` copies.
pub(super) fn overruled(config: &Config, discovery: &Discovery) -> Result<Vec<PathBuf>, ConfigError> {
    let mut found = Vec::new();
    for entry in discovery.others.iter().filter(|_| !config.explicit) {
        let OtherEntry::File { path, relative } = entry else { continue };
        let is_named = [OWN_FILE, PYPROJECT].iter().any(|name| relative.ends_with(name));
        if is_named && relative.components().count() > 1 && Config::is_configuration(path)? {
            found.push(path.clone());
        }
    }
    Ok(found)
}
