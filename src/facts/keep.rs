//! Memory for facts.
//!
//! Facts are needed until the command ends, like names, so they are put one behind the other into pieces of memory that live as long as
//! the process. That costs no allocation and no freeing for each table of each module, leaves no gaps among the short-lived memory
//! of syntax trees, and a table is nothing but a slice.

use std::fmt;
use std::ops::Deref;

/// A table of facts.
pub struct Kept<T: 'static>(&'static [T]);

impl<T> Deref for Kept<T> {
    type Target = [T];
    fn deref(&self) -> &'static [T] {
        self.0
    }
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Kept<T> {}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(&[])
    }
}

impl<T: fmt::Debug> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> IntoIterator for Kept<T> {
    type Item = &'static T;
    type IntoIter = std::slice::Iter<'static, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T> IntoIterator for &Kept<T> {
    type Item = &'static T;
    type IntoIter = std::slice::Iter<'static, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T> Kept<T> {
    /// The table itself.
    pub fn as_slice(&self) -> &'static [T] {
        self.0
    }
}

/// Where the tables of one thread with elements of one type go.
pub(super) struct Keeper<T: 'static> {
    free: &'static mut [T],
}

impl<T> Default for Keeper<T> {
    fn default() -> Self {
        Self { free: &mut [] }
    }
}

/// In bytes.
const PIECE: usize = 1 << 15;

impl<T: Clone> Keeper<T> {
    /// Copies a table.
    pub fn keep(&mut self, items: &[T]) -> Kept<T> {
        let Some(first) = items.first() else { return Kept::default() };
        let piece = PIECE / size_of::<T>();
        if items.len() > piece / 4 {
            return Kept(Box::leak(items.to_vec().into_boxed_slice()));
        }
        if self.free.len() < items.len() {
            self.free = Box::leak(vec![first.clone(); piece].into_boxed_slice());
        }
        let (kept, free) = std::mem::take(&mut self.free).split_at_mut(items.len());
        kept.clone_from_slice(items);
        self.free = free;
        Kept(kept)
    }

    /// The same; the table is empty afterwards.
    pub fn take(&mut self, items: &mut Vec<T>) -> Kept<T> {
        let kept = self.keep(items);
        items.clear();
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::Keeper;

    #[test]
    fn tables_keep_what_they_were_given() {
        let mut keeper = Keeper::default();
        let tables: Vec<Vec<u32>> = (0..300).map(|length| (0..length * length % 5000).collect()).collect();
        let kept: Vec<_> = tables.iter().map(|table| keeper.keep(table)).collect();
        for (table, kept) in tables.iter().zip(kept) {
            assert_eq!(kept.as_slice(), &**table);
        }
    }
}
