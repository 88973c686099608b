//! The folder of the cache: what is in it, and how it is taken away.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of the folder in a project.
pub const FOLDER: &str = ".dally_cache";

const TAG_FILE: &str = "CACHEDIR.TAG";

/// Backup programs know the first line; the second says whose folder it is.
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of dally; `dally clean` removes it.\n";

const IGNORE_FILE: &str = ".gitignore";

const IGNORE: &str = "# Written by dally.\n*\n";

/// What nobody has written for so long is of a version or of options that are not used any more.
const OLD: Duration = Duration::from_hours(30 * 24);

/// What a run that was stopped has left.
const LEFT: Duration = Duration::from_hours(24);

const PACK: &str = "pack";
const INDEX: &str = "index";
const RECORD: &str = "record";
const TEMPORARY: &str = "tmp";

pub(super) fn index(folder: &Path, key: u128) -> PathBuf {
    folder.join(format!("{key:032x}.{INDEX}"))
}

pub(super) fn pack(folder: &Path, key: u128, content: u64) -> PathBuf {
    folder.join(format!("{key:032x}-{content:016x}.{PACK}"))
}

pub(super) fn record(folder: &Path, key: u128, of: u64) -> PathBuf {
    folder.join(format!("{key:032x}-{of:016x}.{RECORD}"))
}

/// The packs of a key, in no order.
pub(super) fn packs(folder: &Path, key: u128) -> Vec<PathBuf> {
    let start = format!("{key:032x}-");
    ours(folder)
        .filter(|(name, _)| name.starts_with(&start) && name.ends_with(PACK))
        .map(|(_, path)| path)
        .collect()
}

/// Makes the folder, if it is not there. One that is somebody else's stays as it is, and is not used.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    if is_cache_folder(folder) {
        return Ok(());
    }
    match fs::create_dir_all(folder) {
        Ok(()) => {}
        Err(error) => return Err(error),
    }
    // Two runs may have made it at the same moment; both write the same.
    if fs::read_dir(folder)?.flatten().any(|entry| !is_ours(&entry.file_name().to_string_lossy())) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the folder has other files in it"));
    }
    crate::write::publish(&folder.join(IGNORE_FILE), IGNORE.as_bytes())?;
    crate::write::publish(&folder.join(TAG_FILE), TAG.as_bytes())
}

/// Whether a folder is a cache of dally.
pub(crate) fn is_cache_folder(folder: &Path) -> bool {
    fs::read(folder.join(TAG_FILE)).is_ok_and(|tag| tag == TAG.as_bytes())
}

/// Removes a cache: everything that dally has written there, and the folder if nothing else is in it. Gives whether there was one.
pub fn clean(folder: &Path) -> io::Result<bool> {
    if !is_cache_folder(folder) {
        return Ok(false);
    }
    for (name, path) in ours(folder) {
        // The tag goes last: a folder that could not be emptied is still known.
        if name != TAG_FILE {
            fs::remove_file(path)?;
        }
    }
    fs::remove_file(folder.join(TAG_FILE))?;
    // It stays if somebody has put something into it.
    let _ = fs::remove_dir(folder);
    Ok(true)
}

/// Removes what is of another key and old, and what runs that were stopped have left.
pub(super) fn remove_old(folder: &Path, key: u128) {
    let own = format!("{key:032x}");
    for (name, path) in ours(folder) {
        let age = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
        let age = age.and_then(|modified| modified.elapsed().ok()).unwrap_or_default();
        let kept = [PACK, INDEX, RECORD].iter().any(|kind| name.ends_with(kind));
        let unused = kept && !name.starts_with(&own) && age > OLD;
        if unused || name.ends_with(TEMPORARY) && age > LEFT {
            let _ = fs::remove_file(path);
        }
    }
}

/// The files that dally has written.
fn ours(folder: &Path) -> impl Iterator<Item = (String, PathBuf)> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .filter(|(name, _)| is_ours(name))
}

fn is_ours(name: &str) -> bool {
    let of_key = |stem: &str| stem.len() >= 32 && stem.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    match name.rsplit_once('.') {
        _ if name == IGNORE_FILE || name == TAG_FILE => true,
        Some((stem, PACK | INDEX | RECORD)) => of_key(stem),
        Some((stem, TEMPORARY)) => stem.starts_with(".dally-"),
        _ => false,
    }
}
