//! Where a header can stand so that it runs before every lazy statement and no line moves.

use ruff_text_size::{TextLen, TextRange, TextSize};

use super::{Form, Plan, Refusal};
use crate::facts::layout;

/// Puts `header` (a simple statement or several joined by semicolons) in front of `first`, the first
/// statement that needs it.
pub enum HeaderPlace {
    /// Insert `header; ` here.
    Before(TextSize),
    /// Insert `; header` here.
    After(TextSize),
    /// Insert `header` on this blank line or before this comment.
    OnLine { at: TextSize, comment: bool },
    /// Insert `header` and a newline here (`apply` only).
    NewLine { at: TextSize },
    /// Insert `header` behind everything.
    End,
}

/// Finds the place.
pub fn header_place(plan: &Plan<'_>, first: TextSize) -> Result<HeaderPlace, Refusal> {
    let layout = &plan.facts.layout;
    let index = layout
        .tops
        .iter()
        .position(|top| top.range.contains(first) || top.range.start() == first)
        .ok_or(Refusal { at: first, message: "the statement is not in the module" })?;
    let top = layout.tops[index];
    if plan.form == Form::Apply {
        let line = line_start(plan.text, top.range.start());
        let alone = plan.text[TextRange::new(line, top.range.start())].trim().is_empty();
        if alone {
            return Ok(HeaderPlace::NewLine { at: line });
        }
    }
    if top.simple {
        return Ok(HeaderPlace::Before(top.range.start()));
    }
    // Otherwise the nearest before it: behind a block there is none of the prologue.
    let place = |index: usize| {
        let before = index.checked_sub(1).map(|index| layout.tops[index]);
        match before {
            Some(before) if before.simple => Some(HeaderPlace::After(before.range.end())),
            _ => {
                let from = before.map_or(TextSize::new(0), |before| before.range.end());
                spare_line(plan.text, from, layout.tops[index].range.start())
            }
        }
    };
    (0..=index)
        .rev()
        .find_map(place)
        .ok_or(Refusal { at: first, message: "there is no place for the header before this statement" })
}

/// A blank line or a comment's line between two statements.
pub fn spare_line(text: &str, from: TextSize, to: TextSize) -> Option<HeaderPlace> {
    layout::spare_line(text, from, to).map(|(at, comment)| HeaderPlace::OnLine { at, comment })
}

/// The start of the line that `at` is on.
pub fn line_start(text: &str, at: TextSize) -> TextSize {
    let before = &text[..at.to_usize()];
    let start = before.rfind(['\n', '\r']).map_or(0, |i| i + 1);
    TextSize::try_from(start).unwrap_or_default()
}

/// The end of the line that `at` is on, before its newline.
pub fn line_end(text: &str, at: TextSize) -> TextSize {
    let rest = &text[at.to_usize()..];
    let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
    at + TextSize::try_from(length).unwrap_or_default()
}

/// Where the indentation of the line that `at` is on begins: a form feed starts it anew (reference 2.1.8).
pub fn indent_start(text: &str, at: TextSize) -> TextSize {
    let line = line_start(text, at);
    let blank = &text[TextRange::new(line, at)];
    let skipped = blank.rfind('\x0c').map_or(0, |i| i + 1);
    line + TextSize::try_from(skipped).unwrap_or_default()
}

/// Where something can be added to a module that runs after its imports, without a new line.
pub fn place_behind_imports(plan: &Plan<'_>) -> HeaderPlace {
    if let Some(statement) = plan.last_of_top() {
        return HeaderPlace::After(statement.end());
    }
    let end = plan.facts.layout.tops.first().map_or(plan.text.text_len(), |top| top.range.start());
    spare_line(plan.text, TextSize::new(0), end)
        .or_else(|| first_line(plan.text))
        // Blocks alone, or neither statements nor plain comments: behind them no line gets another number.
        .unwrap_or(HeaderPlace::End)
}

/// The first line, if it is a comment that means nothing to the interpreter or the system.
fn first_line(text: &str) -> Option<HeaderPlace> {
    let plain = text.starts_with('#') && !text.starts_with("#!") && !text.contains("coding");
    plain.then(|| HeaderPlace::OnLine { at: TextSize::new(0), comment: true })
}
