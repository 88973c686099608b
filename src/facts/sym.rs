//! Interned identifiers.
//!
//! Names are compared far more often than they are printed, and the same names (`self`, `logging`,
//! `__init__`) occur in thousands of modules. A [`Sym`] is a number that stands for one string in
//! the whole process; two are equal exactly if their strings are. Numbers depend on the order in
//! which threads meet the names, so nothing that is printed may be sorted by them: sort by
//! [`Sym::as_str`].

use std::cell::Cell;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, OnceLock, PoisonError, RwLock};

use rustc_hash::{FxBuildHasher, FxHashMap};
use smallvec::SmallVec;

use super::words;

const SHARDS: usize = 64;
const CHUNK: usize = 1 << 16;
/// Numbers whose strings are in the first block; each further block has twice as many as the one before.
const FIRST_BLOCK: u32 = 1 << 12;
const BLOCKS: usize = 20;

/// An interned string. Cheap to copy, compare and hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sym(u32);

#[derive(Default)]
struct Shard {
    numbers: FxHashMap<&'static str, u32>,
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

/// Strings to numbers. The first numbers are those of [`words`].
static SHARD: LazyLock<Vec<RwLock<Shard>>> = LazyLock::new(|| {
    let mut shards: Vec<Shard> = (0..SHARDS).map(|_| Shard::default()).collect();
    for (text, number) in words::TEXTS.iter().zip(0..) {
        shards[shard_number(text)].numbers.insert(text, number);
    }
    shards.into_iter().map(RwLock::new).collect()
});

type Block = OnceLock<Box<[OnceLock<&'static str>]>>;

/// Numbers to strings. Blocks never move, so looking up takes no lock.
static STRINGS: [Block; BLOCKS] = [const { OnceLock::new() }; BLOCKS];

#[expect(clippy::cast_possible_truncation, reason = "a handful of words")]
static NEXT: AtomicU32 = AtomicU32::new(words::TEXTS.len() as u32);

/// Names that a thread has met lately, by hash: the common ones are found without a lock.
const RECENT: usize = 1 << 13;

thread_local! {
    static RECENTLY: Box<[Cell<(&'static str, Sym)>]> = {
        (0..RECENT).map(|_| Cell::new(("", words::EMPTY))).collect()
    };
}

// A poisoned table is still a table: entries are complete before they are reachable.
fn shard_of(text: &str) -> &'static RwLock<Shard> {
    &SHARD[shard_number(text)]
}

fn shard_number(text: &str) -> usize {
    usize::try_from(hash(text) >> 58).unwrap_or(0) % SHARDS
}

fn hash(text: &str) -> u64 {
    FxBuildHasher.hash_one(text)
}

/// The block that has a number, and where in it.
fn place(number: u32) -> (usize, usize) {
    let block = (number / FIRST_BLOCK + 1).ilog2();
    let start = ((1 << block) - 1) * FIRST_BLOCK;
    (block as usize, (number - start) as usize)
}

impl Sym {
    /// One of the [`words`].
    pub(super) const fn fixed(number: u32) -> Self {
        Self(number)
    }

    /// The string with a number that [`Sym::number`] gave.
    pub(super) fn numbered(number: u32) -> Self {
        Self(number)
    }

    /// The number that stands for `text`.
    pub fn new(text: &str) -> Self {
        RECENTLY.with(|recently| {
            let cell = &recently[usize::try_from(hash(text) >> 40).unwrap_or(0) % RECENT];
            let (known, sym) = cell.get();
            if known == text {
                return sym;
            }
            let sym = Self::shared(text);
            cell.set((sym.as_str(), sym));
            sym
        })
    }

    /// The number that all threads have for `text`.
    fn shared(text: &str) -> Self {
        let shard = shard_of(text);
        if let Some(&number) = shard.read().unwrap_or_else(PoisonError::into_inner).numbers.get(text) {
            return Self(number);
        }
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(&number) = shard.numbers.get(text) {
            return Self(number);
        }
        let kept = shard.keep(text);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (block, index) = place(number);
        let strings =
            STRINGS[block].get_or_init(|| vec![OnceLock::new(); (FIRST_BLOCK << block) as usize].into());
        strings[index].get_or_init(|| kept);
        shard.numbers.insert(kept, number);
        Self(number)
    }

    /// `a.b` for the names `a` and `b`.
    pub fn dotted(base: Self, attr: Self) -> Self {
        let (base, attr) = (base.as_str(), attr.as_str());
        let mut text: SmallVec<[u8; 128]> = SmallVec::from_slice(base.as_bytes());
        text.push(b'.');
        text.extend_from_slice(attr.as_bytes());
        Self::new(std::str::from_utf8(&text).unwrap_or_default())
    }

    /// The number that stands for `text`, if it has one.
    pub fn find(text: &str) -> Option<Self> {
        let shard = shard_of(text).read().unwrap_or_else(PoisonError::into_inner);
        shard.numbers.get(text).map(|&number| Self(number))
    }

    /// The number itself: an order for look-ups, never for output.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The string that the number stands for.
    pub fn as_str(self) -> &'static str {
        if let Some(word) = words::TEXTS.get(self.0 as usize) {
            return word;
        }
        let (block, index) = place(self.0);
        STRINGS[block].get().and_then(|strings| strings[index].get()).copied().unwrap_or_default()
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
    use super::{BLOCKS, FIRST_BLOCK, Sym, place, words};

    #[test]
    fn equal_strings_have_equal_numbers() {
        let long = "x".repeat(100_000);
        for text in ["", "numpy", "größe", long.as_str()] {
            assert_eq!(Sym::new(text), Sym::new(text));
            assert_eq!(Sym::new(text).as_str(), text);
        }
        assert_ne!(Sym::new("a"), Sym::new("b"));
        assert_eq!(Sym::find("numpy"), Some(Sym::new("numpy")));
        assert_eq!(Sym::find("a name that nothing else has"), None);
    }

    #[test]
    fn words_have_fixed_numbers() {
        for (text, number) in words::TEXTS.iter().zip(0..) {
            assert_eq!(Sym::new(text), Sym::fixed(number));
            assert_eq!(Sym::fixed(number).as_str(), *text);
        }
    }

    #[test]
    fn every_number_has_its_own_place() {
        assert_eq!(place(0), (0, 0));
        assert_eq!(place(FIRST_BLOCK - 1), (0, FIRST_BLOCK as usize - 1));
        assert_eq!(place(FIRST_BLOCK), (1, 0));
        assert_eq!(place(3 * FIRST_BLOCK), (2, 0));
        assert_eq!(place(u32::MAX).0, BLOCKS);
    }
}
