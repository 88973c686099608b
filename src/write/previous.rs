//! What a previous build has left in the output directory, and taking it away.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustc_hash::FxBuildHasher;
use walkdir::WalkDir;

use super::marker::{self, Written, WrittenKind};
use super::{MARKER, failed, refused};

/// Paths and kinds of what was written.
pub(super) type Old = HashMap<PathBuf, WrittenKind, FxBuildHasher>;

/// What a previous build has written. After one that was cut short, all that was not there before it is removed.
pub(super) fn previous(out: &Path, marker: &str) -> io::Result<Old> {
    let Some(marker) = marker::parse(marker) else {
        let why = format!("the output has a {MARKER} that cannot be read; remove the directory first");
        return Err(refused(io::ErrorKind::InvalidData, out, why));
    };
    if marker.complete {
        return Ok(marker.written.into_iter().map(|entry| (entry.path, entry.kind)).collect());
    }
    let entries = WalkDir::new(out).min_depth(1).contents_first(true);
    for entry in entries {
        let entry = entry.map_err(|error| failed("read", out, &error.into()))?;
        let below = entry.path().strip_prefix(out).unwrap_or(entry.path());
        let keep =
            below == Path::new(MARKER) || marker.foreign.iter().any(|foreign| foreign.starts_with(below));
        if keep {
            continue;
        }
        let removed = if entry.file_type().is_dir() {
            fs::remove_dir(entry.path())
        } else {
            fs::remove_file(entry.path())
        };
        removed.map_err(|error| failed("remove", entry.path(), &error))?;
    }
    Ok(HashMap::default())
}

/// Removes entries of a previous build, files first.
pub(super) fn remove_written(out: &Path, written: &[Written]) -> io::Result<()> {
    // A directory that has become a link since then is not ours any more.
    let mut real: HashSet<PathBuf, FxBuildHasher> = HashSet::default();
    let mut is_real = |relative: &Path| {
        relative.ancestors().all(|above| {
            real.contains(above)
                || fs::symlink_metadata(out.join(above)).is_ok_and(|metadata| metadata.is_dir())
                    && real.insert(above.to_path_buf())
        })
    };
    let mut directories = Vec::new();
    for Written { path, kind } in written {
        if !is_real(path.parent().unwrap_or(Path::new(""))) {
            continue;
        }
        match kind {
            WrittenKind::Directory => directories.push(path),
            WrittenKind::File | WrittenKind::Symlink => {
                let path = out.join(path);
                match fs::remove_file(&path) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(failed("remove", &path, &error)),
                }
            }
        }
    }
    // Deepest first. Bytecode caches appear when the output is run.
    directories.sort_unstable_by(|a, b| bytes(a).cmp(bytes(b)));
    for directory in directories.into_iter().rev() {
        let path = out.join(directory);
        if !is_real(directory) {
            continue;
        }
        let cache = path.join("__pycache__");
        if fs::symlink_metadata(&cache).is_ok_and(|metadata| metadata.is_dir()) {
            fs::remove_dir_all(&cache).map_err(|error| failed("remove", &cache, &error))?;
        }
        match fs::remove_dir(&path) {
            Ok(()) => {}
            Err(error)
                if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => {}
            Err(error) => return Err(failed("remove", &path, &error)),
        }
    }
    Ok(())
}

/// Everything in a directory but the marker.
pub(super) fn remaining(out: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in WalkDir::new(out).min_depth(1).sort_by_file_name() {
        let entry = entry?;
        let below = entry.path().strip_prefix(out).unwrap_or(entry.path());
        if below != Path::new(MARKER) {
            found.push(below.to_path_buf());
        }
    }
    Ok(found)
}

/// Whether a path is in a bytecode cache of a directory of the previous build: it comes and goes with that.
pub(super) fn in_cache(path: &Path, old: &Old) -> bool {
    path.ancestors().any(|above| {
        above.file_name().is_some_and(|name| name == "__pycache__")
            && above.parent().is_some_and(|folder| {
                folder.as_os_str().is_empty() || old.get(folder) == Some(&WrittenKind::Directory)
            })
    })
}

/// For sorting: a directory comes before what is in it.
pub(super) fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}
