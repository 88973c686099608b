//! Interned identifiers.
//!
//! Names are compared far more often than they are printed, and the same names (`self`, `logging`,
//! `__init__`) occur in thousands of modules. A [`Sym`] is a number that stands for one string in
//! the whole process; two are equal exactly if their strings are. Numbers depend on the order in
//! which threads meet the names, so nothing that is printed may be sorted by them: sort by
//! [`Sym::as_str`].

use std::fmt;
use std::hash::BuildHasher;
use std::sync::{LazyLock, RwLock};

use rustc_hash::{FxBuildHasher, FxHashMap};

const SHARDS: usize = 64;
const CHUNK: usize = 1 << 16;

/// An interned string. Cheap to copy, compare and hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sym(u32);

#[derive(Default)]
struct Shard {
    numbers: FxHashMap<&'static str, u32>,
    strings: Vec<&'static str>,
    free: &'static mut [u8],
}

impl Shard {
    /// Copies `text` into memory that lives as long as the process.
    fn keep(&mut self, text: &str) -> &'static str {
        if self.free.len() < text.len() {
            self.free = Box::leak(vec![0_u8; CHUNK.max(text.len())].into_boxed_slice());
        }
        let free = std::mem::take(&mut self.free);
        let (head, tail) = free.split_at_mut(text.len());
        head.copy_from_slice(text.as_bytes());
        self.free = tail;
        std::str::from_utf8(head).unwrap_or_default()
    }
}

static SHARD: LazyLock<Vec<RwLock<Shard>>> =
    LazyLock::new(|| (0..SHARDS).map(|_| RwLock::default()).collect());

fn lock<T>(result: Result<T, std::sync::PoisonError<T>>) -> T {
    // A poisoned table is still a table: entries are complete before they are reachable.
    result.unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Sym {
    /// The number that stands for `text`.
    pub fn new(text: &str) -> Self {
        let shard_index = usize::try_from(FxBuildHasher.hash_one(text) >> 58).unwrap_or(0) % SHARDS;
        let shard = &SHARD[shard_index];
        if let Some(&number) = lock(shard.read()).numbers.get(text) {
            return Self(number);
        }
        let mut shard = lock(shard.write());
        if let Some(&number) = shard.numbers.get(text) {
            return Self(number);
        }
        let kept = shard.keep(text);
        let number = u32::try_from(shard.strings.len() * SHARDS + shard_index)
            .expect("fewer than 2^32 distinct names");
        shard.strings.push(kept);
        shard.numbers.insert(kept, number);
        Self(number)
    }

    /// The number itself: an order for look-ups, never for output.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The string that the number stands for.
    pub fn as_str(self) -> &'static str {
        let number = self.0 as usize;
        lock(SHARD[number % SHARDS].read()).strings[number / SHARDS]
    }
}

impl fmt::Debug for Sym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for Sym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq<str> for Sym {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Sym {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

#[cfg(test)]
mod tests {
    use super::Sym;

    #[test]
    fn equal_strings_have_equal_numbers() {
        let long = "x".repeat(100_000);
        for text in ["", "numpy", "größe", long.as_str()] {
            assert_eq!(Sym::new(text), Sym::new(text));
            assert_eq!(Sym::new(text).as_str(), text);
        }
        assert_ne!(Sym::new("a"), Sym::new("b"));
    }
}
