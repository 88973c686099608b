//! Edits of byte ranges: sorted, disjoint, nothing else in the file changes.

use ruff_text_size::{TextRange, TextSize};

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
    pub fn apply(mut self, text: &str) -> Result<String, Overlap> {
        self.edits.sort_by_key(|e| (e.range.start(), e.range.end(), e.order));
        let mut out =
            String::with_capacity(text.len() + self.edits.iter().map(|e| e.text.len()).sum::<usize>());
        let mut done = TextSize::new(0);
        for edit in &self.edits {
            if edit.range.start() < done {
                return Err(Overlap { at: edit.range.start() });
            }
            out.push_str(&text[TextRange::new(done, edit.range.start())]);
            out.push_str(&edit.text);
            done = edit.range.end();
        }
        out.push_str(&text[done.to_usize()..]);
        Ok(out)
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
    fn overlapping_edits_are_refused() {
        let mut edits = EditSet::default();
        edits.replace(range(0, 3), "");
        edits.replace(range(2, 4), "");
        assert_eq!(edits.apply("abcdef"), Err(Overlap { at: 2.into() }));
    }
}
