//! Which content a file has, so that it need not be read to know.
//!
//! A file that has the same size, times and number as when it was read is taken to have the same content, as git and make take it. Times
//! are coarse on some file systems: a file that had been changed a moment before it was read is not noted, because it may have been changed
//! again in the same moment.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::{Content, folder};
use crate::facts::wire::with_feed;
use crate::wire::{Sink, Wire, fields};

/// Longer than what any file system takes for a moment, in nanoseconds.
const MOMENT: u64 = 2_000_000_000;

/// How a file looks from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    size: u64,
    /// When its content was changed, in nanoseconds.
    modified: u64,
    /// When anything about it was changed; this one cannot be set back.
    changed: u64,
    number: u64,
    device: u64,
}

fields! { Stat { size, modified, changed, number, device } }

impl Stat {
    pub fn of(path: &Path) -> Option<Self> {
        Self::from_metadata(&fs::metadata(path).ok()?)
    }

    fn from_metadata(metadata: &Metadata) -> Option<Self> {
        if !metadata.is_file() {
            return None;
        }
        let modified = nanoseconds(metadata.modified().ok()?)?;
        #[cfg(unix)]
        let (changed, number, device) = {
            use std::os::unix::fs::MetadataExt;
            let seconds = u64::try_from(metadata.ctime()).ok()?;
            let changed = seconds.checked_mul(1_000_000_000)? + u64::try_from(metadata.ctime_nsec()).ok()?;
            (changed, metadata.ino(), metadata.dev())
        };
        #[cfg(not(unix))]
        let (changed, number, device) = (metadata.created().ok().and_then(nanoseconds).unwrap_or(0), 0, 0);
        Some(Self { size: metadata.len(), modified, changed, number, device })
    }

    /// Whether a change from now on would show. To be asked before the file is read.
    pub fn is_settled(self) -> bool {
        let now = nanoseconds(SystemTime::now()).unwrap_or(0);
        self.modified.max(self.changed).saturating_add(MOMENT) <= now
    }
}

fn nanoseconds(time: SystemTime) -> Option<u64> {
    u64::try_from(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_nanos()).ok()
}

#[derive(Debug)]
struct Entry {
    stat: Stat,
    content: Content,
    met: AtomicBool,
}

/// The files.
#[derive(Debug)]
pub(super) struct Index {
    old: FxHashMap<String, Entry>,
    new: Mutex<Vec<(String, Stat, Content)>>,
}

/// Path, looks, and the content.
type Line = (String, (Stat, Content));

impl Index {
    pub fn open(folder: &Path, key: u128) -> Self {
        let lines = fs::read(folder::index(folder, key)).ok().and_then(|bytes| read(&bytes, key));
        let entry =
            |(name, (stat, content)): Line| (name, Entry { stat, content, met: AtomicBool::new(false) });
        Self { old: lines.unwrap_or_default().into_iter().map(entry).collect(), new: Mutex::default() }
    }

    /// The content of a file that looks as it did.
    pub fn content(&self, name: &str, stat: Stat) -> Option<Content> {
        let entry = self.old.get(name)?;
        if entry.stat != stat {
            return None;
        }
        entry.met.store(true, Ordering::Relaxed);
        Some(entry.content)
    }

    /// A file was read that had looked like this before, and was settled.
    pub fn note(&self, name: &str, stat: Stat, content: Content) {
        if let Ok(mut new) = self.new.lock() {
            new.push((name.to_owned(), stat, content));
        }
    }

    /// Writes the index if anything is new. Files that were not looked at stay in it as long as they exist.
    pub fn write(self, folder: &Path, key: u128) -> io::Result<()> {
        let new = self.new.into_inner().unwrap_or_default();
        if new.is_empty() {
            return Ok(());
        }
        let mut lines: FxHashMap<String, (Stat, Content)> = self
            .old
            .into_iter()
            .filter(|(name, entry)| entry.met.load(Ordering::Relaxed) || fs::symlink_metadata(name).is_ok())
            .map(|(name, entry)| (name, (entry.stat, entry.content)))
            .collect();
        for (name, stat, content) in new {
            lines.insert(name, (stat, content));
        }
        let lines: Vec<Line> = lines.into_iter().collect();
        let mut sink = Sink::default();
        lines.put(&mut sink);
        let (_, body) = sink.take();
        let mut bytes = key.to_le_bytes().to_vec();
        bytes.extend(xxh3_64(&body).to_le_bytes());
        bytes.extend(body);
        folder::make(folder)?;
        crate::write::publish(&folder::index(folder, key), &bytes)
    }
}

fn read(bytes: &[u8], key: u128) -> Option<Vec<Line>> {
    let (head, rest) = bytes.split_first_chunk::<16>()?;
    let (check, body) = rest.split_first_chunk::<8>()?;
    if u128::from_le_bytes(*head) != key || u64::from_le_bytes(*check) != xxh3_64(body) {
        return None;
    }
    with_feed(&[], body, Vec::get)
}
