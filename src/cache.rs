//! What was made of files in earlier runs, on disk.
//!
//! ```text
//! .dally_cache/
//!   .gitignore, CACHEDIR.TAG
//!   KEY-CONTENT.pack     what was made of contents, see `pack.rs`
//!   KEY.index            which content a file has, see `index.rs`
//!   KEY-OPTIONS.record   what was made of all of them together, see `record.rs`
//! ```
//!
//! The key stands for the build of dally and for everything besides the content that has an influence; what has another key is as if
//! it were not there. What is kept is found by a hash of the file's content, so it cannot be out of date. The index saves reading a
//! file that looks as it did when it was read last.
//!
//! Any number of runs may use one folder at the same time: a file is written under another name, renamed when it is complete, and never
//! changed. A run that loses a race finds less the next time. Everything that is read has a checksum; what is damaged counts as absent. That the
//! cache cannot be read or written is never an error, and is said once.

mod folder;
mod index;
mod pack;
mod record;

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

pub(crate) use self::folder::is_cache_folder;
pub use self::folder::{FOLDER, clean};
use self::index::{Index, Stat};
use self::pack::{Pack, PackWriter};
pub(crate) use self::record::RecordFile;
use crate::facts::wire::with_feed;
use crate::wire::{Sink, Wire};
use crate::write::plain;

/// A hash of the content of a file.
pub(crate) type Content = u128;

/// Changes whenever the same values are written in another way.
const FORMAT: u32 = 1;

/// The build: version and a hash of all sources.
const BUILD: &str = concat!(env!("DALLY_VERSION"), " ", env!("DALLY_SOURCES"));

/// So many packs are opened for each run; more are put together.
const MANY: usize = 12;

/// The cache as one run sees it.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    key: u128,
    packs: Vec<Pack>,
    /// The pack and the entry in it.
    by_content: FxHashMap<Content, (usize, usize)>,
    index: Index,
    new: Mutex<New>,
    used: AtomicUsize,
    made: AtomicUsize,
}

/// What this run adds.
#[derive(Debug)]
enum New {
    Nothing,
    Some(Box<PackWriter>),
    /// It cannot be written.
    Impossible(io::Error),
}

/// How a run has used its cache.
#[derive(Debug, Clone, Default)]
pub struct Use {
    /// Files that were found in it.
    pub found: usize,
    /// Files that were not.
    pub made: usize,
    /// What an earlier run has decided still holds.
    pub decisions: bool,
    /// Why nothing could be kept: the folder, and what is the matter with it.
    pub failure: Option<String>,
}

impl Use {
    /// This and that of other files.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            found: self.found + other.found,
            made: self.made + other.made,
            decisions: self.decisions || other.decisions,
            failure: other.failure.or(self.failure),
        }
    }
}

thread_local! {
    static SINK: RefCell<Sink> = RefCell::default();
}

pub(crate) fn content_of(bytes: &[u8]) -> Content {
    xxh3_128(bytes)
}

impl Cache {
    /// Opens what is in a folder, if anything. `influences` names everything but the content that has an influence on what is kept.
    pub fn open(folder: &Path, influences: &str) -> Self {
        Self::of_build(folder, influences, BUILD)
    }

    fn of_build(folder: &Path, influences: &str, build: &str) -> Self {
        let key = xxh3_128(format!("{FORMAT}\n{build}\n{influences}").as_bytes());
        let packs = pack::open_all(folder, key);
        let mut by_content = FxHashMap::default();
        for (number, pack) in packs.iter().enumerate() {
            for (entry, content) in pack.contents().enumerate() {
                by_content.insert(content, (number, entry));
            }
        }
        Self {
            folder: folder.to_path_buf(),
            key,
            packs,
            by_content,
            index: Index::open(folder, key),
            new: Mutex::new(New::Nothing),
            used: AtomicUsize::new(0),
            made: AtomicUsize::new(0),
        }
    }

    /// What `make` makes of the bytes of a file, and the hash of those bytes.
    pub fn read<T: Wire>(&self, path: &Path, make: impl FnOnce(Vec<u8>) -> T) -> io::Result<(T, Content)> {
        let name = path.to_str();
        // Before reading: if the file changes in between, it will not look like this again.
        let stat = name.and_then(|_| Stat::of(path));
        if let (Some(name), Some(stat)) = (name, stat)
            && let Some(content) = self.index.content(name, stat)
            && let Some(value) = self.found(content)
        {
            return Ok((value, content));
        }
        let noted = name.zip(stat.filter(|stat| stat.is_settled()));
        let bytes = std::fs::read(path)?;
        let content = content_of(&bytes);
        if let Some((name, stat)) = noted {
            self.index.note(name, stat, content);
        }
        if let Some(value) = self.found(content) {
            return Ok((value, content));
        }
        let value = make(bytes);
        self.keep(content, &value);
        Ok((value, content))
    }

    /// The content of a file, without what was made of it.
    pub fn content(&self, path: &Path) -> io::Result<Content> {
        let name = path.to_str();
        let stat = name.and_then(|_| Stat::of(path));
        if let (Some(name), Some(stat)) = (name, stat)
            && let Some(content) = self.index.content(name, stat)
        {
            return Ok(content);
        }
        let noted = name.zip(stat.filter(|stat| stat.is_settled()));
        let content = content_of(&std::fs::read(path)?);
        if let Some((name, stat)) = noted {
            self.index.note(name, stat, content);
        }
        Ok(content)
    }

    /// Nearly everything is going to be asked for.
    pub fn read_all(&self) {
        self.packs.par_iter().for_each(Pack::read_all);
    }

    /// What was made of a content is still of use.
    pub fn mark_used(&self, content: Content) {
        if let Some(&(pack, entry)) = self.by_content.get(&content) {
            self.packs[pack].mark_used(entry);
        }
    }

    /// Where things are kept that are made of everything in a run. `of` names what has an influence on them besides contents.
    pub fn record(&self, of: &str) -> RecordFile {
        RecordFile::new(&self.folder, self.key, xxh3_64(of.as_bytes()))
    }

    /// What was made of a content.
    pub fn find<T: Wire>(&self, content: Content) -> Option<T> {
        let &(pack, entry) = self.by_content.get(&content)?;
        let value = self.packs[pack].entry(entry, |names, bytes| with_feed(names, bytes, T::get))?;
        self.packs[pack].mark_used(entry);
        Some(value)
    }

    fn found<T: Wire>(&self, content: Content) -> Option<T> {
        let value = self.find(content)?;
        self.used.fetch_add(1, Ordering::Relaxed);
        Some(value)
    }

    fn keep<T: Wire>(&self, content: Content, value: &T) {
        let (names, bytes) = SINK.with_borrow_mut(|sink| {
            value.put(sink);
            sink.take()
        });
        let Ok(mut new) = self.new.lock() else { return };
        if matches!(*new, New::Nothing) {
            *new = match PackWriter::new(&self.folder, self.key) {
                Ok(writer) => New::Some(Box::new(writer)),
                Err(error) => New::Impossible(error),
            };
        }
        if let New::Some(writer) = &mut *new {
            match writer.add(content, &names, &bytes) {
                // It was made before in this run.
                Ok(false) => return,
                Ok(true) => {}
                Err(error) => *new = New::Impossible(error),
            }
        }
        self.made.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes what is new. Packs that are small, many, or hold mostly what nobody uses any more, become one.
    pub fn finish(self) -> Use {
        let found = self.used.load(Ordering::Relaxed);
        let made = self.made.load(Ordering::Relaxed);
        let folder = self.folder.clone();
        // The run has what it needs.
        let failure = self.write().err().map(|error| format!("{}: {}", folder.display(), plain(&error)));
        Use { found, made, decisions: false, failure }
    }

    fn write(self) -> io::Result<()> {
        let mut writer = match self.new.into_inner().unwrap_or(New::Nothing) {
            New::Nothing => None,
            New::Some(writer) => Some(writer),
            New::Impossible(error) => return Err(error),
        };
        let mut merged: Vec<&Pack> = Vec::new();
        if let Some(writer) = &mut writer {
            // Copying a pack that is larger than all others together would save nothing.
            let many = self.packs.len() >= MANY;
            let all: usize = self.packs.iter().map(Pack::size).sum();
            let worth =
                |pack: &&Pack| pack.used_size() < pack.size() / 2 || many && pack.size() <= all - pack.size();
            merged = self.packs.iter().filter(worth).collect();
            for pack in &merged {
                pack.copy_used(writer)?;
            }
        }
        if let Some(writer) = writer {
            let written = writer.finish()?;
            for pack in merged.iter().filter(|pack| pack.path() != written) {
                let _ = std::fs::remove_file(pack.path());
            }
            folder::remove_old(&self.folder, self.key);
        }
        self.index.write(&self.folder, self.key)
    }
}

#[cfg(test)]
mod tests;
