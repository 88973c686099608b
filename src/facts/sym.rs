//! Interned identifiers.
//!
//! Names are compared far more often than they are printed, and the same names (`self`, `logging`,
//! `__init__`) occur in thousands of modules. A [`Sym`] is a number that stands for one string in
//! the whole process; two are equal exactly if their strings are. Numbers depend on the order in
//! which threads meet the names, so nothing that is printed may be sorted by them: sort by
//! [`Sym::as_str`].

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::words;

const SHARDS: usize = 64;
const CHUNK: usize = 1 << 14;
/// How many strings are in one block.
const BLOCK: u32 = 1 << 12;
/// Enough for all numbers that a [`super::ValueId`] can hold.
const BLOCKS: usize = 1 << 16;

/// An interned string. Cheap to copy, compare and hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sym(NonZeroU32);

/// What a text is looked up by. Short texts are equal exactly if their keys are.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Key {
    pub low: u64,
    pub high: u64,
    /// The length, or [`Key::LONG`].
    pub length: u32,
}

impl Key {
    /// Stands for all lengths above 16: those keys are hashes.
    pub const LONG: u32 = 17;

    #[inline]
    pub fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let at = |place: usize| bytes[place..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk));
        let half = |place: usize| {
            bytes[place..].first_chunk().map_or(0, |chunk| u64::from(u32::from_le_bytes(*chunk)))
        };
        let (low, high, length) = match bytes.len() {
            8..=16 => (at(0), at(bytes.len() - 8), bytes.len()),
            4..=7 => (half(0) | half(bytes.len() - 4) << 32, 0, bytes.len()),
            0..=3 => (bytes.iter().fold(0, |low, &byte| low << 8 | u64::from(byte)), 0, bytes.len()),
            _ => (FxBuildHasher.hash_one(bytes), at(bytes.len() - 8), Self::LONG as usize),
        };
        Self { low, high, length: u32::try_from(length).unwrap_or(Self::LONG) }
    }

    pub fn is_long(self) -> bool {
        self.length == Self::LONG
    }

    /// A hash: all its bits are well mixed.
    fn hashed(self) -> u64 {
        FxBuildHasher.hash_one(self)
    }

    /// A number whose lower bits are well mixed.
    #[inline]
    pub fn mixed(self) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = ((self.low.wrapping_mul(ODD).rotate_left(32) ^ self.high).wrapping_mul(ODD)) >> 32;
        usize::try_from(mixed).unwrap_or(0)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.mixed());
    }
}

#[derive(Default)]
struct Shard {
    /// Their texts are in [`STRINGS`]: a number is all that a place in the table takes.
    numbers: HashTable<Sym>,
    free: &'static mut [u8],
}

impl Shard {
    fn number(&self, key: Key, text: &str) -> Option<Sym> {
        self.numbers.find(key.hashed(), |sym| sym.as_str() == text).copied()
    }

    fn insert(&mut self, key: Key, number: Sym) {
        self.numbers.insert_unique(key.hashed(), number, |sym| Key::of(sym.as_str()).hashed());
    }

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
    for (text, index) in words::TEXTS.iter().zip(0..) {
        let key = Key::of(text);
        shards[key.mixed() % SHARDS].insert(key, Sym::fixed(index));
    }
    shards.into_iter().map(RwLock::new).collect()
});

type Block = OnceLock<Box<[OnceLock<&'static str>]>>;

/// Numbers to strings. Blocks never move, so looking up takes no lock.
static STRINGS: [Block; BLOCKS] = [const { OnceLock::new() }; BLOCKS];

#[expect(clippy::cast_possible_truncation, reason = "a handful of words")]
static NEXT: AtomicU32 = AtomicU32::new(words::TEXTS.len() as u32 + 1);

/// Names that a thread has met lately: the common ones are found without a lock.
const RECENT: usize = 1 << 14;

thread_local! {
    static RECENTLY: Box<[Cell<(Key, Sym)>]> =
        (0..RECENT).map(|_| Cell::new((Key::default(), words::EMPTY))).collect();
}

impl Sym {
    /// One of the [`words`].
    pub(super) const fn fixed(index: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(index))
    }

    /// The string with a number that [`Sym::number`] gave.
    pub(crate) fn numbered(number: u32) -> Self {
        Self(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
    }

    /// The number that stands for `text`.
    pub fn new(text: &str) -> Self {
        Self::keyed(Key::of(text), text)
    }

    /// The same, with the key of the text.
    pub(super) fn keyed(key: Key, text: &str) -> Self {
        RECENTLY.with(|recently| {
            let cell = &recently[key.mixed() % RECENT];
            let (known, sym) = cell.get();
            if known == key && (!key.is_long() || sym.as_str() == text) {
                return sym;
            }
            let sym = Self::shared(key, text);
            cell.set((key, sym));
            sym
        })
    }

    // A poisoned table is still a table: entries are complete before they are reachable.
    fn shard(key: Key) -> &'static RwLock<Shard> {
        &SHARD[key.mixed() % SHARDS]
    }

    fn reading(key: Key) -> RwLockReadGuard<'static, Shard> {
        Self::shard(key).read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number that all threads have for `text`.
    fn shared(key: Key, text: &str) -> Self {
        if let Some(number) = Self::reading(key).number(key, text) {
            return number;
        }
        let mut shard = Self::shard(key).write().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = shard.number(key, text) {
            return number;
        }
        let kept = shard.keep(text);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let sym = Self::numbered(number);
        let strings = STRINGS[(number / BLOCK) as usize]
            .get_or_init(|| vec![OnceLock::new(); BLOCK as usize].into_boxed_slice());
        strings[(number % BLOCK) as usize].get_or_init(|| kept);
        shard.insert(key, sym);
        sym
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
        let key = Key::of(text);
        RECENTLY.with(|recently| {
            let cell = &recently[key.mixed() % RECENT];
            let (known, sym) = cell.get();
            if known == key && (!key.is_long() || sym.as_str() == text) {
                return Some(sym);
            }
            let found = Self::reading(key).number(key, text)?;
            cell.set((key, found));
            Some(found)
        })
    }

    /// The number itself: an order for look-ups, never for output.
    pub fn number(self) -> u32 {
        self.0.get()
    }

    /// The string that the number stands for.
    pub fn as_str(self) -> &'static str {
        let number = self.number();
        if let Some(word) = words::TEXTS.get(number as usize - 1) {
            return word;
        }
        let block = STRINGS[(number / BLOCK) as usize].get();
        block.and_then(|strings| strings[(number % BLOCK) as usize].get()).copied().unwrap_or_default()
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
    use super::{Sym, words};

    #[test]
    fn equal_strings_have_equal_numbers() {
        let long = "x".repeat(100_000);
        for text in ["", "numpy", "größe", "sixteen_letters_", "seventeen_letters", long.as_str()] {
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
}
