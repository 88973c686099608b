//! Where new statements may be put at the top of a module.
//!
//! The docstring must stay the first statement and `from __future__` imports must come before all
//! others (reference, section 7.11.1 "Future statements").

use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::{Kept, Sym};

/// The shape of a module's top.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// `from __future__ import annotations` is in force.
    pub future_annotations: bool,
    /// The end of the docstring and the `__future__` imports: new statements must come after it.
    pub prologue_end: TextSize,
    /// The statements at top level, in order.
    pub tops: Kept<Top>,
    /// A literal `__lazy_modules__` of the module: the statement and its names.
    pub lazy_list: Option<(TextRange, Vec<Sym>)>,
}

/// A statement at top level.
#[derive(Debug, Clone, Copy)]
pub struct Top {
    /// Its range.
    pub range: TextRange,
    /// A simple statement: another one can follow it on its line after a semicolon.
    pub simple: bool,
    /// Another one fits somewhere before it, beside a simple statement or on a line between two, and no line moves.
    pub preceded: bool,
}

/// The top-level statements.
pub(super) fn tops<'a>(text: &'a str, body: &'a [Stmt]) -> impl Iterator<Item = Top> + 'a {
    // The first statement has the beginning of the text before it. After a place everything is preceded by one.
    let mut before = (TextSize::new(0), false);
    body.iter().map(move |stmt| {
        let range = stmt.range();
        let simple = !matches!(
            stmt,
            Stmt::FunctionDef(_)
                | Stmt::ClassDef(_)
                | Stmt::For(_)
                | Stmt::While(_)
                | Stmt::If(_)
                | Stmt::With(_)
                | Stmt::Match(_)
                | Stmt::Try(_)
        );
        let preceded = simple || before.1 || spare_line(text, before.0, range.start()).is_some();
        before = (range.end(), preceded);
        Top { range, simple, preceded }
    })
}

/// The last blank line or line of a comment between two statements, and whether it is a comment's. The first two lines of a text are
/// left alone: an encoding cookie may stand there.
pub(crate) fn spare_line(text: &str, from: TextSize, to: TextSize) -> Option<(TextSize, bool)> {
    let to = to.to_usize();
    let mut found = None;
    let mut start = next_line(text, next_line(text, 0));
    if from > TextSize::new(0) {
        start = start.max(next_line(text, from.to_usize()));
    }
    while start < to {
        let end = text[start..].find(['\n', '\r']).map_or(text.len(), |at| start + at);
        if end >= to {
            break;
        }
        let body = &text[start..end];
        let content = body.trim_start_matches([' ', '\t', '\x0c']);
        let comment = content.starts_with('#');
        // A comment in column 0 or a blank line; the last one found is nearest to the statement.
        if content.is_empty() || comment && content.len() == body.len() {
            found = TextSize::try_from(start).ok().map(|at| (at, comment));
        }
        start = next_line(text, start);
    }
    found
}

/// Where the line after that of `at` begins.
fn next_line(text: &str, at: usize) -> usize {
    let Some(end) = text[at..].find(['\n', '\r']).map(|length| at + length) else { return text.len() };
    end + if text[end..].starts_with("\r\n") { 2 } else { 1 }
}

/// Finds the prologue.
pub fn prologue(body: &[Stmt]) -> (TextSize, bool) {
    let mut end = TextSize::new(0);
    let mut annotations = false;
    for (i, stmt) in body.iter().enumerate() {
        match stmt {
            Stmt::Expr(expr) if i == 0 && matches!(*expr.value, Expr::StringLiteral(_)) => {}
            Stmt::ImportFrom(import)
                if import.level == 0
                    && import.module.as_ref().is_some_and(|m| m.as_str() == "__future__") =>
            {
                annotations |= import.names.iter().any(|a| a.name.as_str() == "annotations");
            }
            _ => break,
        }
        end = stmt.end();
    }
    (end, annotations)
}
