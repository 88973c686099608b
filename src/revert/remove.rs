//! Taking statements out of a text.

use ruff_text_size::{TextRange, TextSize};

use crate::rewrite::edit::EditSet;
use crate::rewrite::place::{line_end, line_start};

/// The end of the line that `at` is on, with its newline.
pub fn past_newline(text: &str, at: TextSize) -> TextSize {
    let end = line_end(text, at);
    end + TextSize::of(newline_at(text, end))
}

/// The newline that stands at `at`; empty if none does.
pub fn newline_at(text: &str, at: TextSize) -> &str {
    let rest = &text[at.to_usize()..];
    if rest.starts_with("\r\n") {
        &rest[..2]
    } else if rest.starts_with(['\n', '\r']) {
        &rest[..1]
    } else {
        ""
    }
}

/// Whether nothing else stands on the lines of a statement.
pub fn alone(text: &str, range: TextRange) -> bool {
    let start = line_start(text, range.start());
    text[TextRange::new(start, range.start())].trim().is_empty()
        && text[TextRange::new(range.end(), line_end(text, range.end()))].trim().is_empty()
}

/// A statement with its whole lines, and with `blank` the empty line after it.
pub fn lines(text: &str, range: TextRange, blank: bool) -> TextRange {
    let start = line_start(text, range.start());
    let mut end = past_newline(text, range.end());
    if blank {
        end += TextSize::of(newline_at(text, end));
    }
    TextRange::new(start, end)
}

/// A statement with what separates it from others on its line.
pub fn from_line(text: &str, range: TextRange) -> TextRange {
    let after = &text[range.end().to_usize()..];
    let blanks = |s: &str| s.len() - s.trim_start_matches([' ', '\t']).len();
    let size = |n: usize| TextSize::try_from(n).unwrap_or_default();
    let gap = blanks(after);
    if let Some(rest) = after[gap..].strip_prefix(';')
        && !rest[blanks(rest)..].starts_with(['\n', '\r', '#'])
        && !rest[blanks(rest)..].is_empty()
    {
        return TextRange::new(range.start(), range.end() + size(gap + 1 + blanks(rest)));
    }
    // After another statement, or alone.
    let before = text[..range.start().to_usize()].trim_end_matches([' ', '\t']);
    if let Some(before) = before.strip_suffix(';') {
        return TextRange::new(size(before.trim_end_matches([' ', '\t']).len()), range.end());
    }
    // The line was blank, or a comment's.
    let gap = if after[gap..].starts_with('#') { gap } else { 0 };
    TextRange::new(range.start(), range.end() + size(gap))
}

/// Deletes ranges that may overlap: of several statements on one line each takes a semicolon with it, and the last ones also
/// the one before.
pub fn all(text: &str, mut ranges: Vec<TextRange>, edits: &mut EditSet) {
    ranges.sort_by_key(|range| range.start());
    let mut merged: Vec<TextRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start() <= last.end() => *last = last.cover(range),
            _ => merged.push(range),
        }
    }
    for range in merged {
        let before = text[..range.start().to_usize()].trim_end_matches([' ', '\t']);
        let after = text[range.end().to_usize()..].trim_start_matches([' ', '\t']);
        let last = after.is_empty() || after.starts_with(['\n', '\r', '#']);
        let start = match before.strip_suffix(';') {
            Some(before) if last => {
                TextSize::try_from(before.trim_end_matches([' ', '\t']).len()).unwrap_or_default()
            }
            _ => range.start(),
        };
        edits.delete(TextRange::new(start, range.end()));
    }
}
