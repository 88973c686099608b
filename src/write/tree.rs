//! The output directory of `build`.
//!
//! Invariants: a path is written only below a directory that this writer has made, or has found to be a real directory, so no
//! symbolic link inside the output leads out of it; and what a previous build did not write is never removed or
//! overwritten. The list of what was written is kept, so that a later version can rebuild what has changed only.

use std::collections::HashSet;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use rustc_hash::FxBuildHasher;
use walkdir::WalkDir;

use super::marker::{self, Written, WrittenKind};
use super::{MARKER, canonical_as_far_as_it_exists, failed, refused};
use crate::discover::OtherEntry;

/// Whether a file in the output is the same as its original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The same bytes: it keeps the time of last modification too.
    Unchanged,
    /// Other bytes: it is as new as it is.
    Changed,
}

/// Writes a tree. Can be used from several threads at once.
#[derive(Debug)]
pub struct TreeWriter {
    /// Canonical.
    out: PathBuf,
    /// Relative paths of directories that are known to be real ones.
    directories: RwLock<HashSet<PathBuf, FxBuildHasher>>,
    written: Mutex<Vec<Written>>,
    /// Mode bits that the system takes away from new files.
    #[cfg(unix)]
    umask: u32,
}

impl TreeWriter {
    /// Prepares the directory `out` for a copy of `source`.
    ///
    /// It must not exist, be empty, or be a previous build, of which everything that was written is removed. It must not be
    /// inside `source`, nor the other way round.
    pub fn create(source: &Path, out: &Path) -> io::Result<Self> {
        let source = fs::canonicalize(source).map_err(|error| failed("find", source, &error))?;
        let canonical = canonical_as_far_as_it_exists(out)?;
        let overlap = if canonical == source {
            Some("is the directory to copy itself")
        } else if canonical.starts_with(&source) {
            Some("is inside the directory to copy")
        } else if source.starts_with(&canonical) {
            Some("contains the directory to copy")
        } else {
            None
        };
        if let Some(overlap) = overlap {
            let why = format!("the output {overlap}");
            return Err(refused(io::ErrorKind::InvalidInput, out, why));
        }
        fs::create_dir_all(&canonical).map_err(|error| failed("create", out, &error))?;
        let marker = canonical.join(MARKER);
        match fs::read_to_string(&marker) {
            Ok(text) => clear(&canonical, &text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut entries = fs::read_dir(&canonical).map_err(|error| failed("read", out, &error))?;
                if entries.next().is_some() {
                    let why = "the output is neither empty nor a previous build";
                    return Err(refused(io::ErrorKind::AlreadyExists, out, why));
                }
            }
            Err(error) => return Err(failed("read", &marker, &error)),
        }
        // What is left now is not ours, also if this build is cut short.
        let foreign = remaining(&canonical).map_err(|error| failed("read", out, &error))?;
        fs::write(&marker, marker::begun(&foreign)).map_err(|error| failed("write", &marker, &error))?;
        Ok(Self {
            #[cfg(unix)]
            umask: umask(&canonical)?,
            out: canonical,
            directories: RwLock::default(),
            written: Mutex::default(),
        })
    }

    /// The output directory, absolute and free of symbolic links.
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// Makes a directory and all those above it; does nothing for one that is there.
    pub fn create_dir(&self, relative: &Path) -> io::Result<()> {
        if relative.as_os_str().is_empty() {
            return Ok(());
        }
        if !marker::is_below(relative) {
            return Err(refused(io::ErrorKind::InvalidInput, relative, "not a path below the output"));
        }
        let known = self.directories.read().unwrap_or_else(PoisonError::into_inner);
        if known.contains(relative) {
            return Ok(());
        }
        drop(known);
        if let Some(parent) = relative.parent() {
            self.create_dir(parent)?;
        }
        let path = self.out.join(relative);
        match fs::create_dir(&path) {
            Ok(()) => self.note(relative, WrittenKind::Directory),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let found = fs::symlink_metadata(&path).map_err(|error| failed("read", &path, &error))?;
                if !found.is_dir() {
                    let why = "cannot be made a directory: something else is there";
                    return Err(refused(io::ErrorKind::AlreadyExists, &path, why));
                }
            }
            Err(error) => return Err(failed("create", &path, &error)),
        }
        let mut known = self.directories.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(relative.to_path_buf());
        Ok(())
    }

    /// Writes a file that must not exist yet, with the mode of `like`.
    pub fn write_new(&self, relative: &Path, bytes: &[u8], like: &Path, content: Content) -> io::Result<()> {
        let original = fs::metadata(like).map_err(|error| failed("read", like, &error))?;
        let (mut file, path) = self.create_file(relative, &original)?;
        file.write_all(bytes)
            .and_then(|()| self.keep_attributes(&file, &original, content))
            .map_err(|error| failed("write", &path, &error))
    }

    /// Writes a file that has no original and must not exist yet.
    pub fn write_added(&self, relative: &Path, bytes: &[u8]) -> io::Result<()> {
        let path = self.place(relative)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| failed("create", &path, &error))?;
        self.note(relative, WrittenKind::File);
        file.write_all(bytes).map_err(|error| failed("write", &path, &error))
    }

    /// Copies something that is not a source file: a file with its mode and times, a link as it is.
    pub fn copy_other(&self, entry: &OtherEntry) -> io::Result<()> {
        match entry {
            OtherEntry::Directory { path, relative } => {
                self.create_dir(relative)?;
                self.keep_directory_mode(path, relative)
            }
            OtherEntry::File { path, relative } => self.copy_file(path, relative),
            OtherEntry::Symlink { path, relative } => {
                let target = fs::read_link(path).map_err(|error| failed("read", path, &error))?;
                let place = self.place(relative)?;
                make_symlink(&target, path, &place).map_err(|error| failed("create", &place, &error))?;
                self.note(relative, WrittenKind::Symlink);
                Ok(())
            }
        }
    }

    /// Copies a file as it is, with its mode and times.
    pub fn copy_file(&self, from: &Path, relative: &Path) -> io::Result<()> {
        let unreadable = |error: io::Error| failed("read", from, &error);
        let mut original = File::open(from).map_err(unreadable)?;
        let metadata = original.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(refused(io::ErrorKind::InvalidInput, from, "not a regular file"));
        }
        let (mut file, path) = self.create_file(relative, &metadata)?;
        copy_content(&mut original, &mut file, metadata.len())
            .and_then(|()| self.keep_attributes(&file, &metadata, Content::Unchanged))
            .map_err(|error| failed("write", &path, &error))
    }

    /// Completes the list of what was written. Without this call the next build finds a build that was cut short.
    pub fn finish(self) -> io::Result<()> {
        let mut written = self.written.into_inner().unwrap_or_else(PoisonError::into_inner);
        written.sort_unstable_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
        let marker = self.out.join(MARKER);
        super::replace_file(&marker, marker::complete(&written).as_bytes())
    }

    fn note(&self, relative: &Path, kind: WrittenKind) {
        let path = relative.to_path_buf();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.push(Written { path, kind });
    }

    /// Where a relative path is, after making its directory.
    fn place(&self, relative: &Path) -> io::Result<PathBuf> {
        if !marker::is_below(relative) {
            return Err(refused(io::ErrorKind::InvalidInput, relative, "not a path below the output"));
        }
        if let Some(parent) = relative.parent() {
            self.create_dir(parent)?;
        }
        if relative == Path::new(MARKER) {
            let why = "this name is taken by the list of what was written";
            return Err(refused(io::ErrorKind::AlreadyExists, relative, why));
        }
        Ok(self.out.join(relative))
    }

    /// Opens a file that must not exist yet, with the mode of the original as far as the system lets it through.
    fn create_file(&self, relative: &Path, original: &Metadata) -> io::Result<(File, PathBuf)> {
        let path = self.place(relative)?;
        let mut options = OpenOptions::new();
        // Fails for a link that is in the way, wherever it leads.
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
            options.mode(original.mode() & 0o777);
        }
        #[cfg(not(unix))]
        let _ = original;
        let file = options.open(&path).map_err(|error| failed("create", &path, &error))?;
        self.note(relative, WrittenKind::File);
        Ok((file, path))
    }

    fn keep_attributes(&self, file: &File, original: &Metadata, content: Content) -> io::Result<()> {
        if content == Content::Unchanged {
            file.set_modified(original.modified()?)?;
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            if original.mode() & (self.umask | 0o7000) == 0 {
                return Ok(());
            }
        }
        #[cfg(not(unix))]
        if !original.permissions().readonly() {
            return Ok(());
        }
        file.set_permissions(original.permissions())
    }

    /// Gives a directory the mode of its original, but never takes the owner's right to use it.
    #[cfg(unix)]
    fn keep_directory_mode(&self, original: &Path, relative: &Path) -> io::Result<()> {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let metadata = fs::metadata(original).map_err(|error| failed("read", original, &error))?;
        let mode = metadata.mode() & 0o7777 | 0o700;
        if mode == 0o777 & !self.umask || relative.as_os_str().is_empty() {
            return Ok(());
        }
        let path = self.out.join(relative);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .map_err(|error| failed("write", &path, &error))
    }

    #[cfg(not(unix))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)] // Same signature everywhere.
    fn keep_directory_mode(&self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// Removes what a previous build has written. After one that was cut short, that is all that was not there before it.
fn clear(out: &Path, marker: &str) -> io::Result<()> {
    let Some(marker) = marker::parse(marker) else {
        let why = format!("the output has a {MARKER} that cannot be read; remove the directory first");
        return Err(refused(io::ErrorKind::InvalidData, out, why));
    };
    if !marker.complete {
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
        return Ok(());
    }
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
    for Written { path, kind } in &marker.written {
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

/// Copies a small file in one go, a large one inside the kernel, which may only share the blocks.
fn copy_content(from: &mut File, to: &mut File, length: u64) -> io::Result<()> {
    const SMALL: u64 = 64 * 1024;
    if length > SMALL {
        return io::copy(from, to).map(drop);
    }
    let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1);
    from.read_to_end(&mut content)?;
    to.write_all(&content)
}

/// For sorting: a directory comes before what is in it.
fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// Everything in a directory but the marker.
fn remaining(out: &Path) -> io::Result<Vec<PathBuf>> {
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

/// The mode bits that new files do not get, found by making a file.
#[cfg(unix)]
fn umask(directory: &Path) -> io::Result<u32> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    let path = directory.join(format!("{MARKER}.mode"));
    let make = || {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o777).open(&path)?;
        let mode = file.metadata()?.mode();
        fs::remove_file(&path)?;
        Ok(0o777 & !mode)
    };
    make().map_err(|error: io::Error| failed("write", &path, &error))
}

#[cfg(unix)]
fn make_symlink(target: &Path, _original: &Path, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, place)
}

#[cfg(windows)]
fn make_symlink(target: &Path, original: &Path, place: &Path) -> io::Result<()> {
    if original.is_dir() {
        std::os::windows::fs::symlink_dir(target, place)
    } else {
        std::os::windows::fs::symlink_file(target, place)
    }
}
