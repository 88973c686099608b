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
}

/// The top-level statements.
pub(super) fn tops(body: &[Stmt]) -> impl Iterator<Item = Top> {
    body.iter().map(|stmt| Top {
        range: stmt.range(),
        simple: !matches!(
            stmt,
            Stmt::FunctionDef(_)
                | Stmt::ClassDef(_)
                | Stmt::For(_)
                | Stmt::While(_)
                | Stmt::If(_)
                | Stmt::With(_)
                | Stmt::Match(_)
                | Stmt::Try(_)
        ),
    })
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
