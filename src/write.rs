//! The only writer.
//!
//! [`replace_file`] changes a file in place: whatever happens, the file has either its old bytes or its complete new ones.
//! [`add_file`] writes the runtime file where there may be none yet; [`remove_file`] takes it away again.
//! [`TreeWriter`] fills the output directory of `build`, and never writes outside it. Every error names its path.
//! The cache puts its files in their place with [`publish`]. Nothing else in the program writes to the user's disk.

mod marker;
mod previous;
mod tree;

use std::fmt;
use std::fs::{self, Metadata};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

pub use self::tree::{Content, Copies, TreeWriter};

/// The file that marks an output directory of `build` and lists what was written there.
pub const MARKER: &str = ".dally-build";

/// Replaces the content of an existing regular file, atomically and durably.
///
/// The new content is written to a hidden file in the same directory, with the mode and (where permitted) the owner of
/// the old one, forced to disk, and renamed over the old one. A symbolic link is refused, not followed, and so is a read-only
/// file. Other hard links to the file keep the old content.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let old = fs::symlink_metadata(path).map_err(|error| failed("read", path, &error))?;
    if !old.is_file() {
        let what = if old.is_symlink() { "a symbolic link is not replaced" } else { "not a regular file" };
        return Err(refused(io::ErrorKind::InvalidInput, path, what));
    }
    if old.permissions().readonly() {
        return Err(refused(io::ErrorKind::PermissionDenied, path, "the file is read-only"));
    }
    let directory = directory_of(path);
    let mut new =
        temporary().tempfile_in(directory).map_err(|error| failed("create a file in", directory, &error))?;
    let file = new.as_file_mut();
    let written =
        file.write_all(bytes).and_then(|()| keep_owner_and_mode(file, &old)).and_then(|()| file.sync_all());
    written.map_err(|error| failed("write", path, &error))?;
    new.persist(path).map_err(|error| failed("replace", path, &error.error))?;
    sync(directory);
    Ok(())
}

/// Writes a file of our own, which may not exist yet, atomically and durably.
pub fn add_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok() {
        return replace_file(path, bytes);
    }
    let directory = directory_of(path);
    let mut builder = temporary();
    // As for any new file, the system takes away what the user does not want.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut new =
        builder.tempfile_in(directory).map_err(|error| failed("create a file in", directory, &error))?;
    let file = new.as_file_mut();
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|error| failed("write", path, &error))?;
    if let Err(error) = new.persist_noclobber(path) {
        // Somebody has written the same meanwhile.
        let same = fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
            && fs::read(path).is_ok_and(|found| found == bytes);
        if !same {
            return Err(failed("create", path, &error.error));
        }
    }
    sync(directory);
    Ok(())
}

/// Puts a file of the cache in its place, new or instead of an old one. It need not be durable: what is damaged is noticed.
pub(crate) fn publish(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = temporary_in(directory_of(path))?;
    new.write_all(bytes)?;
    new.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// A file of the cache that is not in its place yet.
pub(crate) fn temporary_in(directory: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = temporary();
    // Runs of other users may read it, as any file of the project.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(directory)
}

/// Removes a regular file of our own.
pub fn remove_file(path: &Path) -> io::Result<()> {
    let old = fs::symlink_metadata(path).map_err(|error| failed("read", path, &error))?;
    if !old.is_file() {
        return Err(refused(io::ErrorKind::InvalidInput, path, "not a regular file"));
    }
    fs::remove_file(path).map_err(|error| failed("remove", path, &error))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".dally-").suffix(".tmp");
    builder
}

/// A rename is durable once the directory is; not every file system can be asked for that.
fn sync(directory: &Path) {
    if cfg!(unix) {
        let _ = fs::File::open(directory).and_then(|directory| directory.sync_all());
    }
}

#[cfg(unix)]
fn keep_owner_and_mode(file: &fs::File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let new = file.metadata()?;
    // Only a privileged user may give a file away; anyone may pass it to a group of their own.
    if new.uid() != old.uid() {
        let _ = fchown(file, Some(old.uid()), None);
    }
    if new.gid() != old.gid() {
        let _ = fchown(file, None, Some(old.gid()));
    }
    // After the owner, because a change of owner clears bits of the mode.
    file.set_permissions(old.permissions())
}

#[cfg(not(unix))]
fn keep_owner_and_mode(file: &fs::File, old: &Metadata) -> io::Result<()> {
    file.set_permissions(old.permissions())
}

/// An error of the system, with the path and what was tried.
fn failed(action: &str, path: &Path, error: &io::Error) -> io::Error {
    let message = format!("cannot {action} {}: {}", path.display(), plain(error));
    io::Error::new(error.kind(), message)
}

/// The system's message without its error number.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.find(" (os error").map_or(text.as_str(), |end| &text[..end]).to_owned()
}

/// An error of our own.
fn refused(kind: io::ErrorKind, path: &Path, why: impl fmt::Display) -> io::Error {
    io::Error::new(kind, format!("{}: {why}", path.display()))
}

/// The canonical form of a path of which the end may not exist yet.
fn canonical_as_far_as_it_exists(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let mut missing = Vec::new();
    let mut at = absolute.as_path();
    loop {
        match fs::canonicalize(at) {
            Ok(mut found) => {
                found.extend(missing.iter().rev());
                return Ok(found);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && !at.is_symlink() => {
                let (Some(parent), Some(name)) = (at.parent(), at.file_name()) else {
                    return Err(failed("find", path, &error));
                };
                missing.push(name.to_os_string());
                at = parent;
            }
            Err(error) => return Err(failed("find", path, &error)),
        }
    }
}

#[cfg(test)]
mod tests;
