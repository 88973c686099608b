//! Wrapped reads: `real(X)` is `X` again.

use ruff_python_ast::visitor::source_order::{SourceOrderVisitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, ModModule, Stmt};
use ruff_python_parser::parse_expression;
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::rewrite::Refusal;
use crate::rewrite::edit::EditSet;
use crate::verify::Helpers;

/// Adds the edits.
pub fn unwrap(text: &str, module: &ModModule, helpers: &Helpers, edits: &mut EditSet) -> Result<(), Refusal> {
    if !helpers.wraps() {
        return Ok(());
    }
    let mut reads = Reads { text, helpers, edits, refusal: None, subject: None };
    reads.visit_body(&module.body);
    reads.refusal.map_or(Ok(()), Err)
}

struct Reads<'a> {
    text: &'a str,
    helpers: &'a Helpers,
    edits: &'a mut EditSet,
    refusal: Option<Refusal>,
    /// The subject of the innermost `match`, if dally has wrapped it.
    subject: Option<TextRange>,
}

impl Reads<'_> {
    /// Takes away what stands around `inner` in `outer`, if that is what dally writes.
    fn peel(&mut self, outer: TextRange, inner: TextRange, prefix: &str, suffix: &str) {
        let before = TextRange::new(outer.start(), inner.start());
        let after = TextRange::new(inner.end(), outer.end());
        if &self.text[before] == prefix && &self.text[after] == suffix {
            self.edits.delete(before);
            self.edits.delete(after);
        } else {
            self.refusal.get_or_insert(Refusal {
                at: outer.start(),
                message: "this wrapped read has been edited by hand; write the name alone",
            });
        }
    }
}

impl<'a> SourceOrderVisitor<'a> for Reads<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::Match(choice) = stmt {
            self.subject = self.helpers.subject_of(choice);
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Some(inner) = self.helpers.wrapped(expr) {
            match expr {
                Expr::Call(call) => {
                    let name = &self.text[call.func.range()];
                    self.peel(expr.range(), inner.range(), &format!("{name}("), ")");
                }
                // With the parentheses that `build` always writes.
                _ => self.edits.replace(
                    TextRange::new(expr.start() - TextSize::new(1), expr.end() + TextSize::new(1)),
                    &self.text[inner.range()],
                ),
            }
            return;
        }
        if let (Some(inner), Expr::Subscript(subscript)) = (self.helpers.wrapped_subject(expr), expr)
            && let Expr::Tuple(tuple) = &*subscript.value
            && self.subject == Some(expr.range())
        {
            let calls: Vec<String> = tuple.elts[..tuple.elts.len() - 1]
                .iter()
                .map(|call| format!("{}, ", &self.text[call.range()]))
                .collect();
            // The parentheses around the subject may be its own to the parser: a tuple.
            let (prefix, suffix) = (format!("({}(", calls.concat()), "))[-1]");
            let start = expr.start() + TextSize::of(prefix.as_str());
            let end = expr.end() - TextSize::of(suffix);
            if start <= end {
                self.peel(expr.range(), TextRange::new(start, end), &prefix, suffix);
            }
            self.visit_expr(inner);
            return;
        }
        stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || walk_expr(self, expr));
    }

    fn visit_annotation(&mut self, annotation: &'a Expr) {
        if let Expr::StringLiteral(string) = annotation
            && self.helpers.mentioned(string.value.to_str())
            && let Some(plain) = unquote(string.value.to_str(), self.helpers)
        {
            self.edits.replace(annotation.range(), plain);
            return;
        }
        self.visit_expr(annotation);
    }
}

/// The annotation that a text with wrapped names stands for.
fn unquote(quoted: &str, helpers: &Helpers) -> Option<String> {
    let lines = quoted.contains(['\n', '\r']);
    let inner = if lines { quoted.strip_prefix('(')?.strip_suffix(')')? } else { quoted };
    // In parentheses, so that line breaks are allowed.
    let text = format!("({inner})");
    let parsed = parse_expression(&text).ok()?.into_syntax();
    let mut edits = EditSet::default();
    edits.delete(TextRange::at(0.into(), 1.into()));
    edits.delete(TextRange::at(TextSize::of(text.as_str()) - TextSize::new(1), 1.into()));
    let mut reads = Reads { text: &text, helpers, edits: &mut edits, refusal: None, subject: None };
    reads.visit_expr(&parsed.body);
    if reads.refusal.is_some() {
        return None;
    }
    edits.apply(&text).ok()
}
