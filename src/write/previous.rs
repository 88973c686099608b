//! What a previous build has left in the output directory, and taking it away.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustc_hash::FxBuildHasher;

use super::marker::{self, Written, WrittenKind};
use super::{MARKER, failed, refused};

/// Paths and kinds of what was written.
pub(super) type Old = HashMap<PathBuf, WrittenKind, FxBuildHasher>;

/// What a previous build has written. What one that was cut short has written is removed, and nothing else.
pub(super) fn previous(out: &Path, marker: &str) -> io::Result<Old> {
    let Some(marker) = marker::parse(marker) else {
        let why = format!("the output has a {MARKER} that cannot be read; remove the directory first");
        return Err(refused(io::ErrorKind::InvalidData, out, why));
    };
    // What has become something else since stands there twice; the last one counts.
    let old: Old = marker.written.into_iter().map(|entry| (entry.path, entry.kind)).collect();
    if marker.complete {
        return Ok(old);
    }
    remove_written(out, &entries(&old))?;
    Ok(HashMap::default())
}

/// The entries of a map, sorted.
pub(super) fn entries(old: &Old) -> Vec<Written> {
    let entries = old.iter().map(|(path, kind)| Written { path: path.clone(), kind: *kind });
    let mut entries: Vec<Written> = entries.collect();
    entries.sort_unstable_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
    entries
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

/// For sorting: a directory comes before what is in it.
pub(super) fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}
