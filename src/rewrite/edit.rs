//! Edits of byte ranges: sorted, disjoint, nothing else in the file changes.

use ruff_text_size::{TextRange, TextSize};

use crate::wire::fields;

/// One replacement of a range of the original text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    range: TextRange,
    /// Among insertions at one place, lower comes first.
    order: i32,
    text: String,
}

/// Two edits that overlap: a bug of dally, never applied.
#[derive(Debug, PartialEq, Eq)]
pub struct Overlap {
    /// Where the second one starts.
    pub at: TextSize,
}

/// A set of edits of one text.
#[derive(Debug, Default)]
pub struct EditSet {
    edits: Vec<Edit>,
}

impl EditSet {
    /// Nothing to change.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Replaces a range.
    pub fn replace(&mut self, range: TextRange, text: impl Into<String>) {
        self.edits.push(Edit { range, order: 0, text: text.into() });
    }

    /// Removes a range.
    pub fn delete(&mut self, range: TextRange) {
        self.replace(range, String::new());
    }

    /// Inserts before the byte at `at`. Among insertions at one place, lower `order` comes first.
    pub fn insert(&mut self, at: TextSize, order: i32, text: impl Into<String>) {
        self.edits.push(Edit { range: TextRange::empty(at), order, text: text.into() });
    }

    /// Puts `prefix` and `suffix` around a range. Of several at one range, a lower `depth` is further out.
    pub fn surround(&mut self, range: TextRange, depth: i32, prefix: &str, suffix: &str) {
        self.insert(range.start(), depth, prefix);
        self.insert(range.end(), -1000 - depth, suffix);
    }

    /// The text with all edits made.
    pub fn apply(self, text: &str) -> Result<String, Overlap> {
        self.apply_mapped(text).map(|(text, _)| text)
    }

    /// The text with all edits made, and where its pieces come from.
    pub fn apply_mapped(mut self, text: &str) -> Result<(String, OffsetMap), Overlap> {
        self.edits.sort_by_key(|e| (e.range.start(), e.range.end(), e.order));
        let mut out =
            String::with_capacity(text.len() + self.edits.iter().map(|e| e.text.len()).sum::<usize>());
        let mut kept = Vec::with_capacity(self.edits.len() + 1);
        let mut done = TextSize::new(0);
        for edit in &self.edits {
            if edit.range.start() < done {
                return Err(Overlap { at: edit.range.start() });
            }
            keep(text, TextRange::new(done, edit.range.start()), &mut out, &mut kept);
            out.push_str(&edit.text);
            done = edit.range.end();
        }
        keep(text, TextRange::new(done, TextSize::of(text)), &mut out, &mut kept);
        Ok((out, OffsetMap { kept }))
    }
}

fn keep(text: &str, range: TextRange, out: &mut String, kept: &mut Vec<Kept>) {
    kept.push(Kept { old: range.start(), new: TextSize::of(out.as_str()), length: range.len() });
    out.push_str(&text[range]);
}

/// Which pieces of the original text the new text consists of.
#[derive(Debug, Clone, Default)]
pub struct OffsetMap {
    /// Ascending in both texts; never empty, because the end of the text is one.
    kept: Vec<Kept>,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    old: TextSize,
    new: TextSize,
    length: TextSize,
}

fields! {
    OffsetMap { kept }
    Kept { old, new, length }
}

impl OffsetMap {
    /// Where a place of the new text was in the original. A place in inserted text is where it was inserted.
    pub fn to_old(&self, new: TextSize) -> TextSize {
        let index = self.kept.partition_point(|k| k.new <= new).saturating_sub(1);
        self.kept.get(index).map_or(new, |k| k.old + (new - k.new).min(k.length))
    }

    /// Where a place of the original text is in the new one. A place that was deleted is where it was deleted.
    pub fn to_new(&self, old: TextSize) -> TextSize {
        let index = self.kept.partition_point(|k| k.old <= old).saturating_sub(1);
        self.kept.get(index).map_or(old, |k| k.new + (old - k.old).min(k.length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u32, end: u32) -> TextRange {
        TextRange::new(start.into(), end.into())
    }

    #[test]
    fn edits_are_applied_in_order_of_place() {
        let mut edits = EditSet::default();
        edits.replace(range(4, 5), "Y");
        edits.surround(range(0, 1), 1, "f(", ")");
        edits.surround(range(0, 1), 0, "(", ")[-1]");
        edits.delete(range(1, 2));
        assert_eq!(edits.apply("x = y").as_deref(), Ok("(f(x))[-1]= Y"));
    }

    #[test]
    fn places_are_found_in_both_texts() {
        let mut edits = EditSet::default();
        edits.delete(range(0, 2));
        edits.insert(5.into(), 0, "yy");
        let (text, map) = edits.apply_mapped("abcdefg").expect("disjoint");
        assert_eq!(text, "cdeyyfg");
        for (old, new) in [(0, 0), (2, 0), (4, 2), (5, 5), (6, 6), (7, 7)] {
            assert_eq!(map.to_new(old.into()), new.into(), "{old}");
        }
        for (new, old) in [(0, 2), (2, 4), (3, 5), (4, 5), (5, 5), (6, 6)] {
            assert_eq!(map.to_old(new.into()), old.into(), "{new}");
        }
    }

    #[test]
    fn overlapping_edits_are_refused() {
        let mut edits = EditSet::default();
        edits.replace(range(0, 3), "");
        edits.replace(range(2, 4), "");
        assert_eq!(edits.apply("abcdef"), Err(Overlap { at: 2.into() }));
    }
}
