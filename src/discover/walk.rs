//! Listing directories.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;

use ignore::{DirEntry, WalkBuilder, WalkState};
use rustc_hash::FxHashSet;

use super::ProblemKind;
use crate::cache::is_cache_folder;
use crate::config::{OWN_FILE, PYPROJECT};
use crate::write::plain;

/// One thing that was met.
#[derive(Debug)]
pub(super) struct Walked {
    pub(super) kind: WalkedKind,
    /// As reached from the argument.
    pub(super) path: PathBuf,
    pub(super) absolute: PathBuf,
    /// Below the argument.
    pub(super) relative: PathBuf,
}

#[derive(Debug)]
pub(super) enum WalkedKind {
    Source,
    /// A module without source.
    Compiled,
    /// What may configure dally for a folder below the base.
    Configuration,
    Directory,
    File,
    Symlink,
    Problem(ProblemKind, String),
}

/// The sources and compiled modules below a directory, without hidden files, environments and caches.
pub(super) fn sources(shown: &Path, base: &Path, respect_gitignore: bool) -> Vec<Walked> {
    sources_by(visible(base, respect_gitignore), shown, base, respect_gitignore)
}

/// The same below a directory that somebody has named: if git ignores all that is in it, because of folders further up, it is taken
/// all the same (an environment, for one, ignores itself).
pub(super) fn sources_of_named(shown: &Path, base: &Path, respect_gitignore: bool) -> Vec<Walked> {
    let found = sources(shown, base, respect_gitignore);
    if !respect_gitignore || found.iter().any(|walked| matches!(walked.kind, WalkedKind::Source)) {
        return found;
    }
    let mut builder = visible(base, true);
    builder.parents(false);
    sources_by(builder, shown, base, true)
}

fn sources_by(mut builder: WalkBuilder, shown: &Path, base: &Path, respect_gitignore: bool) -> Vec<Walked> {
    builder.filter_entry(move |entry| {
        let path = entry.path();
        let is_output = || respect_gitignore && path.join(crate::write::MARKER).is_file();
        entry.depth() == 0 || !is_dir(entry) || !(is_left_out(path) || is_output())
    });
    run(&builder, shown, base, |entry, walked| {
        if is_file(entry) {
            if let Some(kind) = module_kind(entry.path()) {
                walked(kind);
            } else if entry.depth() > 1 && [OWN_FILE, PYPROJECT].iter().any(|name| entry.file_name() == *name)
            {
                walked(WalkedKind::Configuration);
            }
        }
        WalkState::Continue
    })
}

/// Whether the search for sources below a directory comes to a folder in it, or leaves it out.
pub(crate) fn reaches(base: &Path, folder: &Path) -> bool {
    let mut builder = visible(base, true);
    let wanted = folder.to_path_buf();
    builder.follow_links(false).filter_entry(move |entry| {
        entry.depth() == 0
            || is_dir(entry)
                && wanted.starts_with(entry.path())
                && !is_left_out(entry.path())
                && !entry.path().join(crate::write::MARKER).is_file()
    });
    builder.build().flatten().any(|entry| entry.path() == folder)
}

/// What is not hidden, and not ignored by git.
fn visible(base: &Path, respect_gitignore: bool) -> WalkBuilder {
    let mut builder = WalkBuilder::new(base);
    // Outside a repository `.gitignore` counts as well; in one, those above the repository do not.
    let in_repository = base.ancestors().any(|folder| folder.join(".git").exists());
    builder.standard_filters(respect_gitignore).require_git(in_repository).hidden(true);
    builder
}

/// Whether a folder is an environment, or where one keeps the packages of others.
pub(crate) fn is_environment(folder: &Path) -> bool {
    let name = folder.file_name();
    name.is_some_and(|name| name == "site-packages" || name == "dist-packages")
        || has_environment_marker(folder)
}

fn has_environment_marker(folder: &Path) -> bool {
    folder.join(VENV_MARKER).is_file() || folder.join(CONDA_MARKER).is_dir()
}

/// Everything below a directory. Sources inside hidden folders, environments and the like are plain files.
pub(super) fn everything(shown: &Path, base: &Path) -> Vec<Walked> {
    let mut builder = WalkBuilder::new(base);
    builder.standard_filters(false);
    let mut found = run(&builder, shown, base, |entry, walked| {
        let path = entry.path();
        if is_dir(entry) {
            if entry.file_name() == PYCACHE || is_cache_folder(path) {
                return WalkState::Skip;
            }
            walked(WalkedKind::Directory);
        } else if entry.path_is_symlink() {
            walked(WalkedKind::Symlink);
        } else if is_file(entry) {
            let below = path.strip_prefix(base).unwrap_or(path);
            match module_kind(path) {
                Some(WalkedKind::Source) if !in_left_out(below) => walked(WalkedKind::Source),
                Some(WalkedKind::Compiled) if !in_left_out(below) => {
                    walked(WalkedKind::Compiled);
                    walked(WalkedKind::File);
                }
                _ => walked(WalkedKind::File),
            }
        } else {
            let message = "not copied: neither a file, a directory nor a link".to_owned();
            walked(WalkedKind::Problem(ProblemKind::Special, message));
        }
        WalkState::Continue
    });
    let environments: FxHashSet<PathBuf> = found
        .iter()
        .filter(|walked| {
            let name = walked.relative.file_name();
            match walked.kind {
                WalkedKind::File => name == Some(OsStr::new(VENV_MARKER)),
                WalkedKind::Directory => name == Some(OsStr::new(CONDA_MARKER)),
                _ => false,
            }
        })
        .filter_map(|walked| walked.relative.parent())
        // What is named itself is wanted.
        .filter(|directory| !directory.as_os_str().is_empty())
        .map(Path::to_path_buf)
        .collect();
    if !environments.is_empty() {
        let inside = |path: &Path| path.ancestors().any(|above| environments.contains(above));
        found.retain(|walked| !matches!(walked.kind, WalkedKind::Compiled) || !inside(&walked.relative));
        for walked in &mut found {
            if matches!(walked.kind, WalkedKind::Source) && inside(&walked.relative) {
                walked.kind = WalkedKind::File;
            }
        }
    }
    found
}

/// The modules right in a directory, ignored or not.
pub(super) fn neighbours(absolute: &Path, shown: &Path, relative: &Path) -> Vec<Walked> {
    let Ok(entries) = std::fs::read_dir(absolute) else {
        return Vec::new();
    };
    let module = |entry: std::fs::DirEntry| {
        let name = entry.file_name();
        let kind = module_kind(Path::new(&name))?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        (is_file && !is_hidden(&name)).then(|| Walked {
            kind,
            path: shown.join(&name),
            absolute: absolute.join(&name),
            relative: relative.join(&name),
        })
    };
    entries.flatten().filter_map(module).collect()
}

/// What a file is instead of Python source, for suffixes that look like it.
pub(super) fn not_a_source(path: &Path) -> Option<&'static str> {
    match path.extension()?.to_str()? {
        "pyi" => Some("a type stub"),
        "pyx" | "pxd" | "pxi" => Some("a Cython file"),
        "pyc" | "pyo" => Some("bytecode"),
        "ipynb" => Some("a notebook"),
        "so" | "pyd" => Some("an extension module"),
        _ => None,
    }
}

/// A path as people write it: without `.` and doubled slashes.
pub(super) fn tidy(path: &Path) -> PathBuf {
    let parts = path.components().filter(|part| !matches!(part, Component::CurDir));
    parts.collect()
}

const PYCACHE: &str = "__pycache__";
const VENV_MARKER: &str = "pyvenv.cfg";
const CONDA_MARKER: &str = "conda-meta";

fn is_dir(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_dir())
}

fn is_file(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_file())
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn is_left_out_name(name: &OsStr) -> bool {
    name == PYCACHE || name == "node_modules"
}

/// Whether a directory, not named itself, holds no code of the project.
fn is_left_out(path: &Path) -> bool {
    path.file_name().is_some_and(is_left_out_name) || has_environment_marker(path)
}

/// Whether a relative path is hidden or in a folder that is left out by name.
fn in_left_out(relative: &Path) -> bool {
    relative.components().any(|component| match component {
        Component::Normal(name) => is_hidden(name) || is_left_out_name(name),
        _ => false,
    })
}

fn module_kind(path: &Path) -> Option<WalkedKind> {
    let extension = path.extension()?;
    if extension == "py" {
        Some(WalkedKind::Source)
    } else if extension == "so" || extension == "pyd" || extension == "pyc" {
        Some(WalkedKind::Compiled)
    } else {
        None
    }
}

/// Walks in parallel. `visit` says for each entry below the base what it is, if anything.
fn run(
    builder: &WalkBuilder,
    shown: &Path,
    base: &Path,
    visit: impl Fn(&DirEntry, &mut dyn FnMut(WalkedKind)) -> WalkState + Sync,
) -> Vec<Walked> {
    /// What one thread has found; handed over when the thread is done.
    struct Local<'a> {
        found: Vec<Walked>,
        all: &'a Mutex<Vec<Walked>>,
    }
    impl Drop for Local<'_> {
        fn drop(&mut self) {
            if let Ok(mut all) = self.all.lock() {
                all.append(&mut self.found);
            }
        }
    }

    let shown = &tidy(shown);
    let all = Mutex::new(Vec::new());
    let mut builder = builder.clone();
    builder.follow_links(false).threads(rayon::current_num_threads());
    builder.build_parallel().run(|| {
        let mut local = Local { found: Vec::new(), all: &all };
        let visit = &visit;
        Box::new(move |entry| match entry {
            Ok(entry) if entry.depth() == 0 => WalkState::Continue,
            Ok(entry) => visit(&entry, &mut |kind| {
                local.found.push(walked(kind, entry.path(), shown, base));
            }),
            Err(error) => {
                local.found.push(problem(&error, shown, base));
                WalkState::Continue
            }
        })
    });
    all.into_inner().unwrap_or_default()
}

fn walked(kind: WalkedKind, absolute: &Path, shown: &Path, base: &Path) -> Walked {
    let relative = absolute.strip_prefix(base).unwrap_or(absolute).to_path_buf();
    Walked { kind, path: shown.join(&relative), absolute: absolute.to_path_buf(), relative }
}

pub(super) fn problem(error: &ignore::Error, shown: &Path, base: &Path) -> Walked {
    let message = error.io_error().map_or_else(|| error.to_string(), plain);
    let message = format!("cannot be read: {message}");
    let kind = WalkedKind::Problem(ProblemKind::Unreadable, message);
    walked(kind, path_of(error).unwrap_or(base), shown, base)
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        ignore::Error::Partial(errors) => errors.iter().find_map(path_of),
        _ => None,
    }
}
