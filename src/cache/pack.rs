//! Many things that were made of contents, in one file.
//!
//! ```text
//! entry…                what was made: how many names, their numbers, the bytes
//! strings               the names, one behind the other
//! ends                  where each name ends in them: u32…
//! directory             for each entry: content u128, start u64, length u32, checksum u64
//! tail                  key u128, lengths of strings, ends, directory u64, checksum of all that follows the entries u64
//! ```
//!
//! All numbers are little-endian. Entries are written as they are made, so that they need not be kept in memory.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rayon::prelude::*;
use rustc_hash::FxHashSet;
use tempfile::NamedTempFile;
use xxhash_rust::xxh3::xxh3_64;

use super::{Content, folder};
use crate::facts::Sym;

const DIRECTORY_LINE: usize = 16 + 8 + 4 + 8;
const TAIL: usize = 16 + 3 * 8 + 8;

/// A pack that was opened.
#[derive(Debug)]
pub(super) struct Pack {
    path: PathBuf,
    file: File,
    /// What comes before the strings, once it was read as a whole.
    body: OnceLock<Vec<u8>>,
    /// The strings and what follows.
    rest: Vec<u8>,
    entries: Vec<Entry>,
    /// Where the strings end, in `rest`.
    ends: usize,
    /// The numbers of the names in this process; 0 where nobody has asked.
    names: Vec<AtomicU32>,
}

#[derive(Debug)]
struct Entry {
    content: Content,
    start: usize,
    length: usize,
    check: u64,
    used: AtomicBool,
}

/// All packs of a key that are whole.
pub(super) fn open_all(folder: &Path, key: u128) -> Vec<Pack> {
    let mut paths = folder::packs(folder, key);
    paths.sort();
    paths.into_par_iter().filter_map(|path| Pack::open(path, key)).collect()
}

/// Reads a piece of a file; nothing if it is shorter.
fn piece(file: &File, start: usize, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    let start = u64::try_from(start).ok()?;
    #[cfg(unix)]
    std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, start).ok()?;
    #[cfg(not(unix))]
    {
        use std::io::{Read, Seek, SeekFrom};
        // Another handle, because the place in the file is the handle's.
        let mut file = file.try_clone().ok()?;
        file.seek(SeekFrom::Start(start)).ok()?;
        file.read_exact(&mut bytes).ok()?;
    }
    Some(bytes)
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn short(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn wide(bytes: &[u8], at: usize) -> Option<u128> {
    Some(u128::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl Pack {
    /// Reads what tells where everything is.
    fn open(path: PathBuf, key: u128) -> Option<Self> {
        let file = File::open(&path).ok()?;
        let size = usize::try_from(file.metadata().ok()?.len()).ok()?;
        let tail = size.checked_sub(TAIL)?;
        let last = piece(&file, tail, TAIL)?;
        if wide(&last, 0)? != key {
            return None;
        }
        let length = |index: usize| usize::try_from(number(&last, 16 + 8 * index)?).ok();
        let (strings_length, ends_length, directory_length) = (length(0)?, length(1)?, length(2)?);
        let directory = tail.checked_sub(directory_length)?;
        let ends = directory.checked_sub(ends_length)?;
        let strings = ends.checked_sub(strings_length)?;
        let rest = piece(&file, strings, size - strings)?;
        let check = rest.len() - 8;
        if xxh3_64(&rest[..check]) != number(&rest, check)? {
            return None;
        }
        let entries = rest[directory - strings..tail - strings].chunks_exact(DIRECTORY_LINE).map(|line| {
            let start = usize::try_from(number(line, 16)?).ok()?;
            let length = usize::try_from(short(line, 24)?).ok()?;
            start.checked_add(length).filter(|&end| end <= strings)?;
            let check = number(line, 28)?;
            Some(Entry { content: wide(line, 0)?, start, length, check, used: AtomicBool::new(false) })
        });
        let entries = entries.collect::<Option<_>>()?;
        let names = (0..ends_length / 4).map(|_| AtomicU32::new(0)).collect();
        Some(Self { path, file, body: OnceLock::new(), rest, entries, ends: ends - strings, names })
    }

    /// Reads all entries at once: quicker, if most of them are asked for.
    pub fn read_all(&self) {
        let end = self.entries.iter().map(|entry| entry.start + entry.length).max().unwrap_or(0);
        if self.body.get().is_none()
            && let Some(body) = piece(&self.file, 0, end)
        {
            // If another thread was quicker, it has read the same.
            let _ = self.body.set(body);
        }
    }

    pub fn contents(&self) -> impl Iterator<Item = Content> {
        self.entries.iter().map(|entry| entry.content)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn size(&self) -> usize {
        self.entries.iter().map(|entry| entry.length).sum()
    }

    /// How much of it this run has used.
    pub fn used_size(&self) -> usize {
        let used = self.entries.iter().filter(|entry| entry.used.load(Ordering::Relaxed));
        used.map(|entry| entry.length).sum()
    }

    pub fn mark_used(&self, entry: usize) {
        self.entries[entry].used.store(true, Ordering::Relaxed);
    }

    /// Takes the names and bytes of an entry, if it is undamaged.
    pub fn entry<T>(&self, entry: usize, take: impl FnOnce(&[Sym], &[u8]) -> Option<T>) -> Option<T> {
        let Entry { start, length, check, .. } = self.entries[entry];
        let own;
        let bytes = if let Some(body) = self.body.get() {
            body.get(start..start + length)?
        } else {
            own = piece(&self.file, start, length)?;
            &own
        };
        if xxh3_64(bytes) != check {
            return None;
        }
        let count = usize::try_from(short(bytes, 0)?).ok()?;
        let (numbers, bytes) = bytes[4..].split_at_checked(count.checked_mul(4)?)?;
        let name = |number: &[u8]| self.name(usize::try_from(short(number, 0)?).ok()?);
        take(&numbers.chunks_exact(4).map(name).collect::<Option<Vec<_>>>()?, bytes)
    }

    fn name(&self, index: usize) -> Option<Sym> {
        let place = self.names.get(index)?;
        let known = place.load(Ordering::Relaxed);
        if known > 0 {
            return Some(Sym::numbered(known));
        }
        let end = |index: usize| usize::try_from(short(&self.rest, self.ends + 4 * index)?).ok();
        let start = if index == 0 { 0 } else { end(index - 1)? };
        let strings = &self.rest[..self.ends];
        let name = Sym::new(std::str::from_utf8(strings.get(start..end(index)?)?).ok()?);
        // Another thread can only have stored the same number.
        place.store(name.number(), Ordering::Relaxed);
        Some(name)
    }

    /// Copies what this run has used.
    pub fn copy_used(&self, writer: &mut PackWriter) -> io::Result<()> {
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            if entry.used.load(Ordering::Relaxed) {
                let copied = self.entry(index, |names, bytes| Some(writer.add(entry.content, names, bytes)));
                copied.unwrap_or(Ok(false))?;
            }
        }
        Ok(())
    }
}

/// A pack that is being written.
#[derive(Debug)]
pub(super) struct PackWriter {
    folder: PathBuf,
    key: u128,
    file: BufWriter<NamedTempFile>,
    at: u64,
    written: FxHashSet<Content>,
    /// By [`Sym::number`]: one more than the number in this pack.
    numbers: Vec<u32>,
    strings: Vec<u8>,
    ends: Vec<u32>,
    directory: Vec<u8>,
    entry: Vec<u8>,
}

impl PackWriter {
    pub fn new(folder: &Path, key: u128) -> io::Result<Self> {
        folder::make(folder)?;
        Ok(Self {
            folder: folder.to_path_buf(),
            key,
            file: BufWriter::with_capacity(1 << 18, crate::write::temporary_in(folder)?),
            at: 0,
            written: FxHashSet::default(),
            numbers: Vec::new(),
            strings: Vec::new(),
            ends: Vec::new(),
            directory: Vec::new(),
            entry: Vec::new(),
        })
    }

    /// Writes what was made of a content, if that is new. Gives whether it was.
    pub fn add(&mut self, content: Content, names: &[Sym], bytes: &[u8]) -> io::Result<bool> {
        if !self.written.insert(content) {
            return Ok(false);
        }
        let too_long = || io::Error::other("too much for a pack");
        let count = |n: usize| u32::try_from(n).map_err(|_| too_long());
        let mut entry = std::mem::take(&mut self.entry);
        entry.clear();
        entry.extend(count(names.len())?.to_le_bytes());
        for &name in names {
            entry.extend(self.number(name).ok_or_else(too_long)?.to_le_bytes());
        }
        entry.extend(bytes);
        self.file.write_all(&entry)?;
        let length = count(entry.len())?;
        self.directory.extend(content.to_le_bytes());
        self.directory.extend(self.at.to_le_bytes());
        self.directory.extend(length.to_le_bytes());
        self.directory.extend(xxh3_64(&entry).to_le_bytes());
        self.at += u64::from(length);
        self.entry = entry;
        Ok(true)
    }

    fn number(&mut self, name: Sym) -> Option<u32> {
        let index = usize::try_from(name.number()).ok()?;
        if index >= self.numbers.len() {
            self.numbers.resize(index + index / 2 + 1, 0);
        }
        if self.numbers[index] == 0 {
            self.strings.extend(name.as_str().as_bytes());
            self.ends.push(u32::try_from(self.strings.len()).ok()?);
            self.numbers[index] = u32::try_from(self.ends.len()).ok()?;
        }
        Some(self.numbers[index] - 1)
    }

    /// Puts the pack in its place; gives where that is.
    pub fn finish(mut self) -> io::Result<PathBuf> {
        let mut rest = self.strings;
        let strings = rest.len() as u64;
        rest.extend(self.ends.iter().flat_map(|end| end.to_le_bytes()));
        let ends = rest.len() as u64 - strings;
        rest.extend(&self.directory);
        rest.extend(self.key.to_le_bytes());
        for length in [strings, ends, self.directory.len() as u64] {
            rest.extend(length.to_le_bytes());
        }
        let check = xxh3_64(&rest);
        rest.extend(check.to_le_bytes());
        self.file.write_all(&rest)?;
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        // The checksum covers the directory with its checksums, and so everything.
        let path = folder::pack(&self.folder, self.key, check);
        file.persist(&path).map_err(|error| error.error)?;
        Ok(path)
    }
}
