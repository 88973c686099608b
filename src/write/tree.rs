//! The output directory of `build`.
//!
//! Invariants: a path is written only below a directory that this writer has made, or has found to be a real directory, so no
//! symbolic link inside the output leads out of it; and what a previous build did not write is never removed or
//! overwritten. Of a previous build, a file that would be the same stays untouched, and what is not part of the new build goes when that
//! is complete. What is about to be written is noted first, so that also after a build that was killed nothing else is taken for its work. A file is never written through: it is removed first, because it may be a hard link to its original.

use std::collections::HashSet;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use rustc_hash::FxBuildHasher;

use super::marker::{self, Written, WrittenKind};
use super::previous::{Old, bytes, entries, previous, remove_written};
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

/// What files become that are the same in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Copies {
    /// Files of their own.
    #[default]
    Own,
    /// Hard links to their originals, where the file system has them; elsewhere files of their own.
    Linked,
}

/// Writes a tree. Can be used from several threads at once.
#[derive(Debug)]
pub struct TreeWriter {
    /// Canonical.
    out: PathBuf,
    /// Relative paths of directories that are known to be real ones.
    directories: RwLock<HashSet<PathBuf, FxBuildHasher>>,
    written: Mutex<Vec<Written>>,
    /// The marker of the build that has begun.
    journal: Mutex<File>,
    /// What the previous build wrote.
    old: Old,
    /// What to do with files that do not change.
    copies: Copies,
    /// Mode bits that the system takes away from new files.
    #[cfg(unix)]
    umask: u32,
}

impl TreeWriter {
    /// Prepares the directory `out` for a copy of `source`.
    ///
    /// It must not exist, be empty, or be a previous build, of which what is not written again is removed in the end. It
    /// must not be inside `source`, nor the other way round.
    pub fn create(source: &Path, out: &Path, copies: Copies) -> io::Result<Self> {
        let source = fs::canonicalize(source).map_err(|error| failed("find", source, &error))?;
        if !source.is_dir() {
            return Err(refused(io::ErrorKind::NotADirectory, &source, "not a directory"));
        }
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
        let mut old = Old::default();
        match fs::read_to_string(&marker) {
            Ok(text) => old = previous(&canonical, &text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut entries = fs::read_dir(&canonical).map_err(|error| failed("read", out, &error))?;
                if entries.next().is_some() {
                    let why = "the output is neither empty nor a previous build";
                    return Err(refused(io::ErrorKind::AlreadyExists, out, why));
                }
            }
            Err(error) => return Err(failed("read", &marker, &error)),
        }
        super::add_file(&marker, marker::begun(&entries(&old)).as_bytes())?;
        let journal = OpenOptions::new().append(true).open(&marker);
        let journal = journal.map_err(|error| failed("write", &marker, &error))?;
        Ok(Self {
            #[cfg(unix)]
            umask: umask(&canonical)?,
            out: canonical,
            directories: RwLock::default(),
            written: Mutex::default(),
            journal: Mutex::new(journal),
            old,
            copies,
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
        if fs::symlink_metadata(&path).is_err() {
            self.announce(relative, WrittenKind::Directory)?;
        }
        match fs::create_dir(&path) {
            Ok(()) => self.note(relative, WrittenKind::Directory),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let found = fs::symlink_metadata(&path).map_err(|error| failed("read", &path, &error))?;
                match self.old.get(relative) {
                    Some(WrittenKind::Directory) if found.is_dir() => {
                        self.note(relative, WrittenKind::Directory);
                    }
                    Some(WrittenKind::File | WrittenKind::Symlink) if !found.is_dir() => {
                        self.replace_by_directory(&path, relative)?;
                    }
                    _ if found.is_dir() => {}
                    _ => {
                        let why = "cannot be made a directory: something else is there";
                        return Err(refused(io::ErrorKind::AlreadyExists, &path, why));
                    }
                }
            }
            Err(error) => return Err(failed("create", &path, &error)),
        }
        let mut known = self.directories.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(relative.to_path_buf());
        Ok(())
    }

    /// A file of the previous build has become a directory. Several threads may find out at once.
    fn replace_by_directory(&self, path: &Path, relative: &Path) -> io::Result<()> {
        let mut known = self.directories.write().unwrap_or_else(PoisonError::into_inner);
        if known.insert(relative.to_path_buf()) {
            self.announce(relative, WrittenKind::Directory)?;
            fs::remove_file(path)
                .and_then(|()| fs::create_dir(path))
                .map_err(|error| failed("create", path, &error))?;
            self.note(relative, WrittenKind::Directory);
        }
        Ok(())
    }

    /// Writes a file with the mode of `like`. There must be none yet but that of the previous build, which stays as it is
    /// if it has the same bytes.
    pub fn write_new(&self, relative: &Path, bytes: &[u8], like: &Path, content: Content) -> io::Result<()> {
        let original = fs::metadata(like).map_err(|error| failed("read", like, &error))?;
        if let Some(path) = self.stays(
            relative,
            |found| !same_file(found, &original) && found.len() == bytes.len() as u64,
            bytes,
        )? {
            return self.keep_mode(&path, &original);
        }
        let (mut file, path) = self.create_file(relative, &original)?;
        file.write_all(bytes)
            .and_then(|()| self.keep_attributes(&file, &original, content))
            .map_err(|error| failed("write", &path, &error))
    }

    /// Writes a file that has no original. There must be none yet but that of the previous build.
    pub fn write_added(&self, relative: &Path, bytes: &[u8]) -> io::Result<()> {
        if self.stays(relative, |found| found.len() == bytes.len() as u64, bytes)?.is_some() {
            return Ok(());
        }
        let path = self.free_place(relative)?;
        self.announce(relative, WrittenKind::File)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| self.taken(relative, &path, &error))?;
        self.note(relative, WrittenKind::File);
        file.write_all(bytes).map_err(|error| failed("write", &path, &error))
    }

    /// Whether the file that the previous build wrote here can stay: then its path, and it is part of this build.
    fn stays(
        &self,
        relative: &Path,
        may: impl Fn(&Metadata) -> bool,
        bytes: &[u8],
    ) -> io::Result<Option<PathBuf>> {
        if self.old.get(relative) != Some(&WrittenKind::File) {
            return Ok(None);
        }
        let path = self.place(relative)?;
        let stays = match fs::symlink_metadata(&path) {
            Ok(found) => found.is_file() && may(&found) && fs::read(&path).is_ok_and(|old| old == bytes),
            Err(_) => false,
        };
        if stays {
            self.note(relative, WrittenKind::File);
        }
        Ok(stays.then_some(path))
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
                if self.old.get(relative) == Some(&WrittenKind::Symlink)
                    && fs::read_link(&place).is_ok_and(|old| old == target)
                {
                    self.note(relative, WrittenKind::Symlink);
                    return Ok(());
                }
                let place = self.free_place(relative)?;
                self.announce(relative, WrittenKind::Symlink)?;
                make_symlink(&target, path, &place).map_err(|error| self.taken(relative, &place, &error))?;
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
        if self.old.get(relative) == Some(&WrittenKind::File) {
            let path = self.place(relative)?;
            let linked = self.copies == Copies::Linked;
            if let Ok(found) = fs::symlink_metadata(&path)
                && found.is_file()
                && linked == same_file(&found, &metadata)
                && (linked || found.len() == metadata.len() && same_content(from, &path))
            {
                self.note(relative, WrittenKind::File);
                return if linked { Ok(()) } else { self.keep_mode(&path, &metadata) };
            }
        }
        if self.copies == Copies::Linked {
            let path = self.free_place(relative)?;
            self.announce(relative, WrittenKind::File)?;
            if fs::hard_link(from, &path).is_ok() {
                self.note(relative, WrittenKind::File);
                return Ok(());
            }
        }
        let (mut file, path) = self.create_file(relative, &metadata)?;
        copy_content(&mut original, &mut file, metadata.len())
            .and_then(|()| self.keep_attributes(&file, &metadata, Content::Unchanged))
            .map_err(|error| failed("write", &path, &error))
    }

    /// Removes what only the previous build had, and completes the list of what was written. Without this call the next build
    /// finds a build that was cut short.
    pub fn finish(self) -> io::Result<()> {
        drop(self.journal);
        let mut written = self.written.into_inner().unwrap_or_else(PoisonError::into_inner);
        let now: HashSet<&Path, FxBuildHasher> = written.iter().map(|entry| entry.path.as_path()).collect();
        let gone: Vec<Written> = self
            .old
            .into_iter()
            .filter(|(path, _)| !now.contains(path.as_path()))
            .map(|(path, kind)| Written { path, kind })
            .collect();
        remove_written(&self.out, &gone)?;
        written.sort_unstable_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
        let marker = self.out.join(MARKER);
        super::replace_file(&marker, marker::complete(&written).as_bytes())
    }

    /// Says in the marker what is about to be written, unless it says so already.
    fn announce(&self, relative: &Path, kind: WrittenKind) -> io::Result<()> {
        if self.old.get(relative) == Some(&kind) {
            return Ok(());
        }
        self.add_line(&marker::line(relative, kind))
    }

    /// The error for something that could not be made. What somebody else has there is not taken for our own.
    fn taken(&self, relative: &Path, path: &Path, error: &io::Error) -> io::Error {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = written.iter().any(|entry| entry.path == relative);
        drop(written);
        if error.kind() == io::ErrorKind::AlreadyExists
            && !ours
            && let Err(error) = self.add_line(&marker::kept(relative))
        {
            return error;
        }
        failed("create", path, error)
    }

    fn add_line(&self, line: &str) -> io::Result<()> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        journal.write_all(line.as_bytes()).map_err(|error| failed("write", &self.out.join(MARKER), &error))
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

    /// The same, after removing what the previous build wrote there.
    fn free_place(&self, relative: &Path) -> io::Result<PathBuf> {
        let path = self.place(relative)?;
        match self.old.get(relative) {
            Some(WrittenKind::File | WrittenKind::Symlink) => match fs::symlink_metadata(&path) {
                Ok(found) if !found.is_dir() => {
                    fs::remove_file(&path).map_err(|error| failed("remove", &path, &error))?;
                }
                _ => {}
            },
            Some(WrittenKind::Directory) => {
                let below: Vec<Written> = self
                    .old
                    .iter()
                    .filter(|(old, _)| old.starts_with(relative))
                    .map(|(path, kind)| Written { path: path.clone(), kind: *kind })
                    .collect();
                remove_written(&self.out, &below)?;
            }
            None => {}
        }
        Ok(path)
    }

    /// Gives a file of the previous build the mode of its original.
    fn keep_mode(&self, path: &Path, original: &Metadata) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, PermissionsExt};
            let found = fs::metadata(path).map_err(|error| failed("read", path, &error))?;
            // As for a new file, the system takes bits away, unless there are special ones.
            let special = original.mode() & (self.umask | 0o7000) != 0;
            let mode = if special { original.mode() & 0o7777 } else { original.mode() & 0o777 };
            if found.mode() & 0o7777 != mode {
                fs::set_permissions(path, fs::Permissions::from_mode(mode))
                    .map_err(|error| failed("write", path, &error))?;
            }
            Ok(())
        }
        #[cfg(not(unix))]
        fs::set_permissions(path, original.permissions()).map_err(|error| failed("write", path, &error))
    }

    /// Opens a file that must not exist yet, with the mode of the original as far as the system lets it through.
    fn create_file(&self, relative: &Path, original: &Metadata) -> io::Result<(File, PathBuf)> {
        let path = self.free_place(relative)?;
        self.announce(relative, WrittenKind::File)?;
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
        let file = options.open(&path).map_err(|error| self.taken(relative, &path, &error))?;
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

/// Whether two files have the same bytes.
fn same_content(a: &Path, b: &Path) -> bool {
    const PIECE: usize = 64 * 1024;
    let compare = || -> io::Result<bool> {
        let (mut a, mut b) = (File::open(a)?, File::open(b)?);
        let (mut left, mut right) = (Vec::with_capacity(PIECE), Vec::with_capacity(PIECE));
        loop {
            left.clear();
            right.clear();
            Read::by_ref(&mut a).take(PIECE as u64).read_to_end(&mut left)?;
            Read::by_ref(&mut b).take(PIECE as u64).read_to_end(&mut right)?;
            if left != right {
                return Ok(false);
            }
            if left.is_empty() {
                return Ok(true);
            }
        }
    };
    compare().unwrap_or(false)
}

/// Whether two names lead to one file.
#[cfg(unix)]
fn same_file(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same_file(_: &Metadata, _: &Metadata) -> bool {
    false
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
