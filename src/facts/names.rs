//! The names of one file, each looked up once.
//!
//! Every identifier that the walk meets goes through this table: one probe gives a small number, and behind it stands all that the
//! walk knows of the name right now, above all where a read of it leads. So entering and leaving a scope costs work for the names
//! that it binds, and reading a name costs none.

use std::ops::{Index, IndexMut};

use super::condition::Condition;
use super::sym::Key;
use super::{Sym, ValueId, words};

/// A name of the file that is being walked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NameId(u32);

/// What the walk knows of a name.
#[derive(Clone, Copy)]
pub(super) struct Name {
    /// The name in the whole process, if it has been asked for: names of variables mostly are not. [`words`] are known at once.
    pub sym: Option<Sym>,
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
    /// Some function declares it `global`.
    pub declared_global: bool,
    /// It is among the strings of the code.
    pub text: bool,
    /// A private name that is read as an attribute, or taken from another module.
    pub read_private: bool,
    /// It is set as an attribute, or a class binds it.
    pub set_private: bool,
    /// A module-level name for a fact about version or platform: `WINDOWS = sys.platform == "win32"`.
    pub condition: Option<Condition>,
    /// In [`super::walker::Walker::switches`]; [`Name::GLOBAL`] if it is not there.
    pub switch: u32,
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

/// A place of the table.
#[derive(Clone, Copy, Default)]
struct Slot {
    low: u64,
    high: u64,
    /// The file it belongs to and the length of the key.
    stamp: u32,
    name: u32,
}

/// Lengths of keys fit below the number of the file in a stamp.
const FILE: u32 = 1 << 5;
const SMALLEST: usize = 512;

/// The table itself. One serves many files, and clearing it costs nothing.
pub(super) struct Table {
    slots: Vec<Slot>,
    /// A power of two: the part of `slots` in use.
    size: usize,
    file: u32,
    all: Vec<Name>,
}

impl Default for Table {
    fn default() -> Self {
        Self { slots: vec![Slot::default(); SMALLEST], size: SMALLEST, file: FILE, all: Vec::new() }
    }
}

/// The names of one file.
pub(super) struct Names<'a> {
    table: Table,
    texts: Vec<&'a str>,
}

impl Index<NameId> for Names<'_> {
    type Output = Name;
    fn index(&self, id: NameId) -> &Name {
        &self.table.all[id.0 as usize]
    }
}

impl IndexMut<NameId> for Names<'_> {
    fn index_mut(&mut self, id: NameId) -> &mut Name {
        &mut self.table.all[id.0 as usize]
    }
}

impl<'a> Names<'a> {
    /// No names, in a table that may have been used before.
    pub fn new(mut table: Table) -> Self {
        table.all.clear();
        table.size = SMALLEST;
        table.file = table.file.wrapping_add(FILE);
        if table.file == 0 {
            table.slots.fill(Slot::default());
            table.file = FILE;
        }
        Self { table, texts: Vec::with_capacity(256) }
    }

    /// The table, for the next file.
    pub fn into_table(self) -> Table {
        self.table
    }

    /// The name with this text.
    #[inline]
    pub fn id(&mut self, text: &'a str) -> NameId {
        let key = Key::of(text);
        match self.probe(key, text) {
            Ok(id) => id,
            Err(place) => self.add(key, place, text),
        }
    }

    /// The name with this text, if the walk or the bindings of the module have met it.
    pub fn find(&self, text: &str) -> Option<NameId> {
        self.probe(Key::of(text), text).ok()
    }

    /// The text of a name.
    pub fn text(&self, id: NameId) -> &'a str {
        self.texts[id.0 as usize]
    }

    /// The name in the whole process.
    #[inline]
    pub fn sym(&mut self, id: NameId) -> Sym {
        match self[id].sym {
            Some(sym) => sym,
            None => self.interned(id),
        }
    }

    #[inline(never)]
    fn interned(&mut self, id: NameId) -> Sym {
        let sym = Sym::new(self.text(id));
        self[id].sym = Some(sym);
        sym
    }

    /// Whether there is any private name of something else.
    pub fn any_private(&self) -> bool {
        self.table.all.iter().any(|name| name.read_private && !name.set_private)
    }

    /// Private names that are read and not set.
    pub fn others_private(&self) -> Vec<Sym> {
        let names = self.table.all.iter().filter(|name| name.read_private && !name.set_private);
        names.filter_map(|name| name.sym).collect()
    }

    #[inline]
    fn probe(&self, key: Key, text: &str) -> Result<NameId, usize> {
        let table = &self.table;
        let stamp = table.file | key.length;
        let mut place = key.mixed() & (table.size - 1);
        loop {
            let slot = &table.slots[place];
            if slot.stamp == stamp && slot.low == key.low && slot.high == key.high {
                let id = NameId(slot.name);
                if !key.is_long() || self.text(id) == text {
                    return Ok(id);
                }
            }
            if slot.stamp / FILE != table.file / FILE {
                return Err(place);
            }
            place = (place + 1) & (table.size - 1);
        }
    }

    #[inline(never)]
    fn add(&mut self, key: Key, mut place: usize, text: &'a str) -> NameId {
        let table = &mut self.table;
        if table.all.len() * 2 >= table.size {
            table.grow();
            place = table.free_place(key);
        }
        let name = u32::try_from(table.all.len()).expect("a file has fewer than 2^32 names");
        table.slots[place] = Slot { low: key.low, high: key.high, stamp: table.file | key.length, name };
        table.all.push(Name {
            sym: words::find(key, text),
            var: Name::GLOBAL,
            scope: Name::GLOBAL,
            class: Name::GLOBAL,
            in_class: InClass::Somewhere,
            info: Name::GLOBAL,
            site: false,
            of_module: false,
            definite: false,
            declared_global: false,
            private: text.starts_with("__") && !text.ends_with("__"),
            text: false,
            read_private: false,
            set_private: false,
            condition: None,
            switch: Name::GLOBAL,
        });
        self.texts.push(text);
        NameId(name)
    }
}

impl Table {
    fn grow(&mut self) {
        let file = self.file / FILE;
        let mine: Vec<Slot> =
            self.slots[..self.size].iter().filter(|slot| slot.stamp / FILE == file).copied().collect();
        self.size *= 2;
        if self.slots.len() < self.size {
            self.slots.resize(self.size, Slot::default());
        }
        self.slots[..self.size].fill(Slot::default());
        for slot in mine {
            let place = self.free_place(Key { low: slot.low, high: slot.high, length: slot.stamp % FILE });
            self.slots[place] = slot;
        }
    }

    fn free_place(&self, key: Key) -> usize {
        let mut place = key.mixed() & (self.size - 1);
        while self.slots[place].stamp / FILE == self.file / FILE {
            place = (place + 1) & (self.size - 1);
        }
        place
    }
}

/// A table of values of the file by two numbers, cleared at no cost.
pub(super) struct Memo {
    slots: Vec<(u64, u32, ValueId)>,
    file: u32,
    used: usize,
}

impl Default for Memo {
    fn default() -> Self {
        Self { slots: vec![(0, 0, ValueId::OPAQUE); SMALLEST], file: 1, used: 0 }
    }
}

impl Memo {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.used = 0;
        self.file = self.file.wrapping_add(1);
        // A table that one large file has made large stays out of the caches for all others.
        if self.file == 0 || self.slots.len() > 1 << 14 {
            *self = Self::default();
        }
    }

    /// What stands for the key; [`ValueId::OPAQUE`] if it is new.
    pub fn entry(&mut self, key: (ValueId, Sym)) -> &mut ValueId {
        if self.used * 2 >= self.slots.len() {
            self.grow();
        }
        let key = u64::from(key.0.number()) << 32 | u64::from(key.1.number());
        let place = self.place(key);
        let slot = &mut self.slots[place];
        if slot.1 != self.file {
            *slot = (key, self.file, ValueId::OPAQUE);
            self.used += 1;
        }
        &mut slot.2
    }

    fn place(&self, key: u64) -> usize {
        let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let mut place = usize::try_from(mixed).unwrap_or(0) & (self.slots.len() - 1);
        while self.slots[place].1 == self.file && self.slots[place].0 != key {
            place = (place + 1) & (self.slots.len() - 1);
        }
        place
    }

    fn grow(&mut self) {
        let larger = vec![(0, 0, ValueId::OPAQUE); self.slots.len() * 2];
        for slot in std::mem::replace(&mut self.slots, larger) {
            if slot.1 == self.file {
                let place = self.place(slot.0);
                self.slots[place] = slot;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, Sym, ValueId};

    #[test]
    fn equal_texts_are_one_name() {
        let texts: Vec<String> = (0..40)
            .flat_map(|length| ["a", "b", "ä"].map(|part| part.repeat(length)))
            .chain((0..2000).map(|number| format!("name_with_a_long_beginning_{number}")))
            .collect();
        let mut table = super::Table::default();
        for _ in 0..3 {
            let mut names = Names::new(table);
            for text in &texts {
                assert!(names.find(text).is_none() || text.is_empty());
                let id = names.id(text);
                assert_eq!(names.text(id), text);
            }
            for text in &texts {
                let id = names.find(text).expect("it is there");
                assert_eq!(names.sym(id).as_str(), text);
                assert_eq!(names.id(text), id);
            }
            table = names.into_table();
        }
    }

    #[test]
    fn a_memo_keeps_what_it_was_given() {
        let mut memo = super::Memo::default();
        let key = |number: u32| (ValueId::FRESH, Sym::new(&number.to_string()));
        for round in 0..3 {
            memo.clear();
            for number in 0..2000 {
                assert_eq!(*memo.entry(key(number)), ValueId::OPAQUE);
                *memo.entry(key(number)) = key(number + round).0;
            }
            assert!((0..2000).all(|number| *memo.entry(key(number)) == ValueId::FRESH));
        }
    }
}
