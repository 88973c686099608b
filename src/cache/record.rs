//! One thing that was made of the whole of a run's input, in a file of its own.
//!
//! ```text
//! key u128, checksum of all that follows u64
//! names                 how many, then each with its length
//! bytes                 the value
//! ```
//!
//! Who reads it has to find out whether it is still right.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::folder;
use crate::facts::Sym;
use crate::facts::wire::with_feed;
use crate::wire::{Sink, Wire};

/// Where a record is, or is to be.
#[derive(Debug, Clone)]
pub(crate) struct RecordFile {
    folder: PathBuf,
    key: u128,
    path: PathBuf,
}

impl RecordFile {
    /// `of` tells the records of one key apart.
    pub(super) fn new(folder: &Path, key: u128, of: u64) -> Self {
        Self { folder: folder.to_path_buf(), key, path: folder::record(folder, key, of) }
    }

    /// What was written last, if it is there and undamaged.
    pub fn read<T: Wire>(&self) -> Option<T> {
        let bytes = fs::read(&self.path).ok()?;
        let (head, rest) = bytes.split_first_chunk::<16>()?;
        let (check, body) = rest.split_first_chunk::<8>()?;
        if u128::from_le_bytes(*head) != self.key || u64::from_le_bytes(*check) != xxh3_64(body) {
            return None;
        }
        let (length, body) = body.split_first_chunk::<8>()?;
        let (texts, body) = body.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        let texts: Vec<String> = with_feed(&[], texts, Vec::get)?;
        let names: Vec<Sym> = texts.iter().map(|text| Sym::new(text)).collect();
        with_feed(&names, body, T::get)
    }

    /// Replaces it.
    pub fn write<T: Wire>(&self, value: &T) -> io::Result<()> {
        let mut sink = Sink::default();
        value.put(&mut sink);
        let (names, body) = sink.take();
        names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>().put(&mut sink);
        let (_, texts) = sink.take();
        let mut bytes = self.key.to_le_bytes().to_vec();
        bytes.extend([0; 8]);
        bytes.extend((texts.len() as u64).to_le_bytes());
        bytes.extend(texts);
        bytes.extend(body);
        let check = xxh3_64(&bytes[24..]);
        bytes[16..24].copy_from_slice(&check.to_le_bytes());
        folder::make(&self.folder)?;
        crate::write::publish(&self.path, &bytes)
    }
}
