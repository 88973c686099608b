//! `dally clean`: without the cache.

use std::io::Write;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::arguments::CleanArgs;
use super::{CliError, Status, messages};
use crate::cache;
use crate::config::Config;
use crate::write::plain;

pub fn run(args: &CleanArgs) -> Result<Status, CliError> {
    if !args.project.exists() {
        return Err(CliError::Message(format!("{}: no such file or folder", args.project.display())));
    }
    let config = Config::load(&args.project, args.config.as_deref()).map_err(CliError::Config)?;
    let own = args.cache_dir.clone().or(config.cache_dir.clone());
    let own = own.unwrap_or_else(|| config.project_root.join(cache::FOLDER));
    let below = if args.cache_dir.is_some() { Vec::new() } else { caches_below(&config.project_root) };
    let below = below.into_iter().filter(|folder| *folder != own);
    let folders: Vec<PathBuf> = std::iter::once(own.clone()).chain(below).collect();
    // What is below and no cache of dally, is none of its business.
    for folder in folders.iter().filter(|folder| **folder == own || cache::is_cache_folder(folder)) {
        remove(folder, args.quiet)?;
    }
    Ok(Status::Done)
}

/// Removes one cache, if it is there.
fn remove(folder: &Path, quiet: bool) -> Result<(), CliError> {
    let shown = folder.display();
    let outcome = match folder.exists().then(|| cache::clean(folder)) {
        None => "there is no cache",
        Some(Ok(true)) => "removed",
        Some(Ok(false)) => return Err(CliError::Message(format!("{shown}: this is no cache of dally"))),
        Some(Err(error)) => {
            return Err(CliError::Message(format!("cannot remove {shown}: {}", plain(&error))));
        }
    };
    if !quiet {
        writeln!(messages(), "{shown}: {outcome}")?;
    }
    Ok(())
}

/// The caches in a project, also those of projects in it, in order. Hidden folders have none.
fn caches_below(project: &Path) -> Vec<PathBuf> {
    let is_cache = |entry: &DirEntry| entry.file_type().is_dir() && entry.file_name() == cache::FOLDER;
    let hidden = |entry: &DirEntry| entry.file_name().to_string_lossy().starts_with('.');
    let within = |entry: &DirEntry| {
        let inside = entry.path().parent().is_some_and(|parent| parent.ends_with(cache::FOLDER));
        entry.depth() == 0 || !inside && (is_cache(entry) || !hidden(entry))
    };
    let walk = WalkDir::new(project).sort_by_file_name().into_iter().filter_entry(within);
    walk.flatten().filter(is_cache).map(DirEntry::into_path).collect()
}
