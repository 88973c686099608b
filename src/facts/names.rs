//! The names of one file, each looked up once.
//!
//! Every identifier that the walk meets goes through this table: one probe gives a small number, and behind it stands all that the
//! walk knows of the name right now, above all where a read of it leads. So entering and leaving a scope costs work for the names
//! that it binds, and reading a name costs none.

use std::ops::{Index, IndexMut};

use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;

use super::Sym;
use super::condition::Condition;

/// A name of the file that is being walked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NameId(u32);

/// What the walk knows of a name.
#[derive(Clone, Copy)]
pub(super) struct Name {
    /// The name in the whole process.
    pub sym: Sym,
    /// The variable of the innermost function or comprehension that binds it; [`Name::GLOBAL`] without one.
    pub var: u32,
    /// That function or comprehension.
    pub scope: u32,
    /// The innermost class that binds it.
    pub class: u32,
    /// How that class binds it.
    pub in_class: InClass,
    /// In [`super::ModuleFacts::names`], while they are collected; [`Name::GLOBAL`] if it is not there.
    pub info: u32,
    /// Some import statement at module level binds it.
    pub site: bool,
    /// It is bound at module level, or by a function that declares it `global`.
    pub of_module: bool,
    /// The module has certainly bound it so far, and not by an import statement.
    pub definite: bool,
    /// Inside a class it is mangled: `__x`.
    pub private: bool,
    /// It is among the strings of the code.
    pub text: bool,
    /// A module-level name for a fact about version or platform: `WINDOWS = sys.platform == "win32"`.
    pub condition: Option<Condition>,
}

/// How a class body binds a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum InClass {
    Somewhere,
    /// Certainly, up to here.
    Certain,
    /// It declares it `global`.
    Global,
}

impl Name {
    /// No variable, no scope.
    pub const GLOBAL: u32 = u32::MAX;
}

/// A place of the table. Names of up to 16 bytes are compared by two words, longer ones by hash and text.
#[derive(Clone, Copy, Default)]
struct Slot {
    low: u64,
    high: u64,
    /// The file it belongs to and the length, if that is short.
    stamp: u32,
    name: u32,
}

/// Lengths fit below the number of the file in a stamp.
const FILE: u32 = 1 << 5;
/// The length that stands for all lengths above 16.
const LONG: u32 = 17;
const SMALLEST: usize = 512;

/// The names of one file. One table serves many files: [`Names::clear`] costs nothing.
pub(super) struct Names {
    slots: Vec<Slot>,
    /// A power of two: the part of `slots` in use.
    size: usize,
    file: u32,
    all: Vec<Name>,
}

impl Default for Names {
    fn default() -> Self {
        Self { slots: vec![Slot::default(); SMALLEST], size: SMALLEST, file: FILE, all: Vec::new() }
    }
}

impl Index<NameId> for Names {
    type Output = Name;
    fn index(&self, id: NameId) -> &Name {
        &self.all[id.0 as usize]
    }
}

impl IndexMut<NameId> for Names {
    fn index_mut(&mut self, id: NameId) -> &mut Name {
        &mut self.all[id.0 as usize]
    }
}

impl Names {
    /// Forgets all names.
    pub fn clear(&mut self) {
        self.all.clear();
        self.size = SMALLEST;
        self.file = self.file.wrapping_add(FILE);
        if self.file == 0 {
            self.slots.fill(Slot::default());
            self.file = FILE;
        }
    }

    /// The name with this text.
    #[inline]
    pub fn id(&mut self, text: &str) -> NameId {
        let key = self.key(text);
        match self.probe(&key, text) {
            Ok(id) => id,
            Err(place) => self.add(key, place, text),
        }
    }

    /// The name with this text, if the walk or the bindings of the module have met it.
    pub fn find(&self, text: &str) -> Option<NameId> {
        self.probe(&self.key(text), text).ok()
    }

    fn probe(&self, key: &Slot, text: &str) -> Result<NameId, usize> {
        let mut place = self.place(key);
        loop {
            let slot = &self.slots[place];
            if slot.stamp == key.stamp && slot.low == key.low && slot.high == key.high {
                let id = NameId(slot.name);
                if key.stamp % FILE < LONG || self[id].sym.as_str() == text {
                    return Ok(id);
                }
            }
            if slot.stamp / FILE != self.file / FILE {
                return Err(place);
            }
            place = (place + 1) & (self.size - 1);
        }
    }

    #[cold]
    fn add(&mut self, key: Slot, mut place: usize, text: &str) -> NameId {
        if self.all.len() * 2 >= self.size {
            self.grow();
            place = self.free_place(&key);
        }
        let name = u32::try_from(self.all.len()).expect("a file has fewer than 2^32 names");
        self.slots[place] = Slot { name, ..key };
        self.all.push(Name {
            sym: Sym::new(text),
            var: Name::GLOBAL,
            scope: Name::GLOBAL,
            class: Name::GLOBAL,
            in_class: InClass::Somewhere,
            info: Name::GLOBAL,
            site: false,
            of_module: false,
            definite: false,
            private: text.starts_with("__") && !text.ends_with("__"),
            text: false,
            condition: None,
        });
        NameId(name)
    }

    fn grow(&mut self) {
        let mine: Vec<Slot> = self.slots[..self.size]
            .iter()
            .filter(|slot| slot.stamp / FILE == self.file / FILE)
            .copied()
            .collect();
        self.size *= 2;
        if self.slots.len() < self.size {
            self.slots.resize(self.size, Slot::default());
        }
        self.slots[..self.size].fill(Slot::default());
        for slot in mine {
            let place = self.free_place(&slot);
            self.slots[place] = slot;
        }
    }

    fn free_place(&self, key: &Slot) -> usize {
        let mut place = self.place(key);
        while self.slots[place].stamp / FILE == self.file / FILE {
            place = (place + 1) & (self.size - 1);
        }
        place
    }

    #[inline]
    fn place(&self, key: &Slot) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = (key.low.wrapping_mul(ODD).rotate_left(32) ^ key.high).wrapping_mul(ODD) >> 32;
        usize::try_from(mixed).unwrap_or(0) & (self.size - 1)
    }

    /// Two words that are the text together with its length, if it is short.
    #[inline]
    fn key(&self, text: &str) -> Slot {
        let bytes = text.as_bytes();
        let (low, high, length) = match bytes {
            [] => (0, 0, 0),
            [a] => (u64::from(*a), 0, 1),
            [a, b] => (u64::from(*a) | u64::from(*b) << 8, 0, 2),
            [a, b, c] => (u64::from(*a) | u64::from(*b) << 8 | u64::from(*c) << 16, 0, 3),
            _ if bytes.len() < 8 => (
                u64::from(u32_at(bytes, 0)) | u64::from(u32_at(bytes, bytes.len() - 4)) << 32,
                0,
                bytes.len(),
            ),
            _ if bytes.len() <= 16 => (u64_at(bytes, 0), u64_at(bytes, bytes.len() - 8), bytes.len()),
            _ => (FxBuildHasher.hash_one(bytes), u64_at(bytes, bytes.len() - 8), LONG as usize),
        };
        Slot { low, high, stamp: self.file | u32::try_from(length).unwrap_or(LONG), name: 0 }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn equal_texts_are_one_name() {
        let mut names = Names::default();
        for _ in 0..3 {
            names.clear();
            let texts: Vec<String> = (0..40)
                .flat_map(|length| ["a", "b", "ä"].map(|part| part.repeat(length)))
                .chain((0..2000).map(|number| format!("name_with_a_long_beginning_{number}")))
                .collect();
            for text in &texts {
                assert!(names.find(text).is_none() || text.is_empty());
                let id = names.id(text);
                assert_eq!(names[id].sym.as_str(), text);
            }
            for text in &texts {
                let id = names.find(text).expect("it is there");
                assert_eq!(names[id].sym.as_str(), text);
                assert_eq!(names.id(text), id);
            }
        }
    }
}
