//! New text against old: is it the same program but for the intended edits?
//!
//! Enters: two syntax trees. Leaves: one number each. A fingerprint is a hash over every node of the
//! tree, its names and its constants, in which the forms that dally writes count as what they stand for:
//!
//! - an import statement at module level counts as the set of its names, lazy or not;
//! - `x = _dally("from m import x")` counts as that import, the header counts as nothing;
//! - `real(X)` and `X if X is not __dally_X__ else __dally_real__(X)` count as `X`, the wrapped subject of a `match` as the subject;
//! - an annotation in quotes counts as the annotation.
//!
//! So the old and the new tree have equal fingerprints exactly if nothing else changed.

mod helpers;
mod same;

use std::hash::{Hash, Hasher};

use ruff_python_ast::visitor::source_order::{SourceOrderVisitor, TraversalSignal, walk_expr, walk_stmt};
use ruff_python_ast::{AnyNodeRef, Expr, InterpolatedStringElement, ModModule, Number, Stmt};
use ruff_python_parser::{parse_expression, parse_module};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::FxHasher;

pub use self::helpers::{Helpers, assign_target, is_runtime_import, runtime_attribute};
pub use self::same::differ_in_layout_only;
use crate::revert::PROVIDED;

/// A hash of a module's tree that dally's own forms do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

/// The fingerprint of a module.
pub fn fingerprint(module: &ModModule) -> Fingerprint {
    let helpers = Helpers::of(module);
    let mut visitor =
        Visitor { hash: FxHasher::default(), helpers: &helpers, imports: 0, depth: 0, subject: None };
    for stmt in &module.body {
        visitor.visit_stmt(stmt);
    }
    visitor.flush();
    Fingerprint(visitor.hash.finish())
}

struct Visitor<'h> {
    hash: FxHasher,
    helpers: &'h Helpers,
    /// Sum over the import names since the last other statement: their order among themselves may change.
    imports: u64,
    /// Functions around: imports there are ordinary nodes.
    depth: u32,
    /// The subject of the innermost `match`, if dally has wrapped it.
    subject: Option<TextRange>,
}

impl Visitor<'_> {
    fn flush(&mut self) {
        if self.imports != 0 {
            self.imports.hash(&mut self.hash);
            self.imports = 0;
        }
    }

    fn import(&mut self, from: Option<(u32, &str)>, name: &str, asname: Option<&str>) {
        let mut hasher = FxHasher::default();
        (from, name, asname).hash(&mut hasher);
        self.imports = self.imports.wrapping_add(hasher.finish() | 1);
    }

    /// The import that a specification stands for: the last of its names.
    fn spec(&mut self, spec: &str) {
        // A submodule that the package provides; no import of the source.
        if spec.starts_with(PROVIDED) {
            return;
        }
        let Ok(parsed) = parse_module(spec) else {
            spec.hash(&mut self.hash);
            return;
        };
        let module = parsed.into_syntax();
        match module.body.first() {
            Some(Stmt::Import(import)) => {
                if let Some(alias) = import.names.last() {
                    self.import(
                        None,
                        alias.name.as_str(),
                        alias.asname.as_ref().map(ruff_python_ast::Identifier::as_str),
                    );
                }
            }
            Some(Stmt::ImportFrom(import)) => self.import_from(import),
            _ => spec.hash(&mut self.hash),
        }
    }

    fn import_from(&mut self, import: &ruff_python_ast::StmtImportFrom) {
        let module = import.module.as_ref().map_or("", |m| m.as_str());
        for alias in &import.names {
            self.import(
                Some((import.level, module)),
                alias.name.as_str(),
                alias.asname.as_ref().map(ruff_python_ast::Identifier::as_str),
            );
        }
    }

    /// Whether the statement is one of dally's own forms; it is counted as what it stands for.
    fn own_form(&mut self, stmt: &Stmt) -> bool {
        match stmt {
            Stmt::ImportFrom(import) if is_runtime_import(import) && self.helpers.known() => true,
            Stmt::Assign(assign) if runtime_attribute(assign) || self.helpers.is_header_call(assign) => true,
            Stmt::Assign(assign) => {
                if let Some(spec) = self.helpers.is_lazy_call(&assign.value) {
                    if assign_target(assign).is_none() {
                        "other targets".hash(&mut self.hash);
                    }
                    self.spec(spec);
                    return true;
                }
                let list =
                    matches!(&assign.targets[..], [Expr::Name(n)] if n.id.as_str() == "__lazy_modules__");
                list
            }
            Stmt::If(stmt) if self.helpers.known() => {
                let checking = matches!(&*stmt.test, Expr::Name(n) if n.id.as_str() == "TYPE_CHECKING");
                let [otherwise] = &stmt.elif_else_clauses[..] else { return false };
                let ours = checking
                    && otherwise.test.is_none()
                    && otherwise.body.iter().any(|s| self.helpers.is_checked_form(s));
                if ours {
                    // Both branches must say the same; the second is what runs.
                    let before = std::mem::replace(&mut self.imports, 0);
                    stmt.body.iter().for_each(|s| self.visit_stmt(s));
                    let checked = std::mem::replace(&mut self.imports, 0);
                    otherwise.body.iter().for_each(|s| self.visit_stmt(s));
                    let run = std::mem::replace(&mut self.imports, 0);
                    if checked != run {
                        "the branches differ".hash(&mut self.hash);
                    }
                    self.imports = before.wrapping_add(run);
                }
                ours
            }
            _ => false,
        }
    }
}

impl<'a> SourceOrderVisitor<'a> for Visitor<'_> {
    fn enter_node(&mut self, node: AnyNodeRef<'a>) -> TraversalSignal {
        std::mem::discriminant(&node).hash(&mut self.hash);
        match node {
            AnyNodeRef::ExprName(n) => n.id.as_str().hash(&mut self.hash),
            AnyNodeRef::Identifier(n) => n.id.as_str().hash(&mut self.hash),
            AnyNodeRef::ExprAttribute(n) => n.attr.as_str().hash(&mut self.hash),
            AnyNodeRef::Alias(n) => n.name.as_str().hash(&mut self.hash),
            AnyNodeRef::StmtGlobal(n) => {
                for name in &n.names {
                    name.as_str().hash(&mut self.hash);
                }
            }
            AnyNodeRef::StmtImportFrom(n) => {
                (n.level, n.module.as_ref().map(ruff_python_ast::Identifier::as_str)).hash(&mut self.hash);
            }
            AnyNodeRef::ExprBinOp(n) => n.op.hash(&mut self.hash),
            AnyNodeRef::StmtAugAssign(n) => n.op.hash(&mut self.hash),
            AnyNodeRef::ExprUnaryOp(n) => n.op.hash(&mut self.hash),
            AnyNodeRef::ExprBoolOp(n) => n.op.hash(&mut self.hash),
            AnyNodeRef::ExprCompare(n) => n.ops.hash(&mut self.hash),
            AnyNodeRef::ExprNumberLiteral(n) => match &n.value {
                Number::Int(int) => int.hash(&mut self.hash),
                Number::Float(float) => float.to_bits().hash(&mut self.hash),
                Number::Complex { real, imag } => (real.to_bits(), imag.to_bits()).hash(&mut self.hash),
            },
            AnyNodeRef::ExprBooleanLiteral(n) => n.value.hash(&mut self.hash),
            AnyNodeRef::StringLiteral(n) => n.value.hash(&mut self.hash),
            AnyNodeRef::BytesLiteral(n) => n.value.hash(&mut self.hash),
            AnyNodeRef::InterpolatedStringLiteralElement(n) => n.value.hash(&mut self.hash),
            AnyNodeRef::StmtFunctionDef(n) => n.is_async.hash(&mut self.hash),
            AnyNodeRef::StmtFor(n) => n.is_async.hash(&mut self.hash),
            AnyNodeRef::StmtWith(n) => n.is_async.hash(&mut self.hash),
            _ => {}
        }
        TraversalSignal::Traverse
    }

    fn leave_node(&mut self, _: AnyNodeRef<'a>) {
        0xed_u8.hash(&mut self.hash);
    }

    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if self.depth == 0 {
            match stmt {
                // The header comes first: it is an import like any other to the next arm.
                _ if self.own_form(stmt) => return,
                Stmt::Import(import) => {
                    for alias in &import.names {
                        self.import(
                            None,
                            alias.name.as_str(),
                            alias.asname.as_ref().map(ruff_python_ast::Identifier::as_str),
                        );
                    }
                    return;
                }
                Stmt::ImportFrom(import) => return self.import_from(import),
                // An empty tuple holds the line breaks of a statement that was taken apart.
                Stmt::Expr(expr) if matches!(&*expr.value, Expr::Tuple(t) if t.elts.is_empty()) => return,
                _ => self.flush(),
            }
        }
        if let Stmt::Match(choice) = stmt {
            self.subject = self.helpers.subject_of(choice);
        }
        let nested = u32::from(matches!(stmt, Stmt::FunctionDef(_)));
        self.depth += nested;
        stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || walk_stmt(self, stmt));
        self.depth -= nested;
        if self.depth == 0 {
            self.flush();
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        let subject = || self.helpers.wrapped_subject(expr).filter(|_| self.subject == Some(expr.range()));
        if let Some(inner) = self.helpers.wrapped(expr).or_else(subject) {
            return self.visit_expr(inner);
        }
        stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || walk_expr(self, expr));
    }

    fn visit_annotation(&mut self, annotation: &'a Expr) {
        // Text that dally put into quotes mentions the helper.
        if let Expr::StringLiteral(string) = annotation
            && self.helpers.real.iter().any(|real| string.value.to_str().contains(real.as_str()))
            && let Ok(parsed) = parse_expression(string.value.to_str())
        {
            let expr = parsed.into_syntax().body;
            let mut inner = Visitor {
                hash: FxHasher::default(),
                helpers: self.helpers,
                imports: 0,
                depth: self.depth,
                subject: None,
            };
            inner.visit_expr(&expr);
            inner.hash.finish().hash(&mut self.hash);
            return;
        }
        let mut inner = Visitor {
            hash: FxHasher::default(),
            helpers: self.helpers,
            imports: 0,
            depth: self.depth,
            subject: None,
        };
        inner.visit_expr(annotation);
        inner.hash.finish().hash(&mut self.hash);
    }

    fn visit_interpolated_string_element(&mut self, element: &'a InterpolatedStringElement) {
        if let InterpolatedStringElement::Interpolation(element) = element {
            (element.debug_text.is_some(), element.conversion as i8).hash(&mut self.hash);
        }
        ruff_python_ast::visitor::source_order::walk_interpolated_string_element(self, element);
    }
}

#[cfg(test)]
mod tests {
    use super::fingerprint;
    use ruff_python_parser::parse_module;

    fn same(a: &str, b: &str) -> bool {
        let print = |s: &str| fingerprint(parse_module(s).unwrap_or_else(|e| panic!("{s}: {e}")).syntax());
        print(a) == print(b)
    }

    const HEADER: &str = "from ._dally import marked as _dally; _dally, _dally_real = _dally((\"a\",)); ";

    #[test]
    fn intended_edits_do_not_count() {
        let pairs = [
            ("import a", "lazy import a"),
            ("from . import a, b", "lazy from . import a; from . import b"),
            ("import a\nx = 1", &format!("{HEADER}a = _dally(\"import a\")\nx = 1")),
            (
                "import a.b\nimport a.c",
                &format!("{HEADER}a = _dally(\"import a.b\")\na = _dally(\"import a.b, a.c\")"),
            ),
            (
                "import a\ndef f(): return a",
                &format!("{HEADER}a = _dally(\"import a\")\ndef f(): return _dally_real(a)"),
            ),
            (
                "import a\ndef f(): return a",
                "_dally, _dally_real = __import__(\"_dally\").marked((\"a\",)); a = __dally_a__ = _dally(\"import a\")\ndef f(): return (a if a is not __dally_a__ else _dally_real(a))",
            ),
            (
                "import a\ndef f(x):\n match x:\n  case a(): pass",
                &format!(
                    "{HEADER}a = _dally(\"import a\")\ndef f(x):\n match (_dally_real(a), (x))[-1]:\n  case a(): pass"
                ),
            ),
            (
                "import a\ndef f(x: a): pass",
                &format!("{HEADER}a = _dally(\"import a\")\ndef f(x: \"_dally_real(a)\"): pass"),
            ),
            (
                "import a\nx = 1",
                "from _dally import TYPE_CHECKING, lazy\nif TYPE_CHECKING:\n    import a\nelse:\n    a = lazy(\"import a\")\nx = 1",
            ),
            (
                "import a\ndef f(n): return (a, 1)[n], (a, a)[-1]",
                &format!(
                    "{HEADER}a = _dally(\"import a\")\ndef f(n): return (_dally_real(a), 1)[n], (_dally_real(a), _dally_real(a))[-1]"
                ),
            ),
            (
                "import a\ndef f(x):\n match (a, x)[-1]:\n  case 1: pass",
                &format!(
                    "{HEADER}a = _dally(\"import a\")\ndef f(x):\n match (_dally_real(a), x)[-1]:\n  case 1: pass"
                ),
            ),
            (
                "import a\ndef f(x):\n match (a, x)[-1]:\n  case [a()]: pass",
                &format!(
                    "{HEADER}a = _dally(\"import a\")\ndef f(x):\n match (_dally_real(a), ((_dally_real(a), x)[-1]))[-1]:\n  case [a()]: pass"
                ),
            ),
            ("import a", "__lazy_modules__ = [\"a\"]; import a"),
            (
                "if TYPE_CHECKING:\n import a\nelse:\n import b as a",
                &format!("{HEADER}\nif TYPE_CHECKING:\n import a\nelse:\n a = _dally(\"import b as a\")"),
            ),
        ];
        for (old, new) in pairs {
            assert!(same(old, new), "{old:?} and {new:?} should count as the same program");
        }
    }

    #[test]
    fn every_other_change_counts() {
        let pairs = [
            ("import a", "import b"),
            ("import a", "import a as b"),
            ("from . import a", "from .. import a"),
            ("import a\nx = 1\nimport b", "import b\nx = 1\nimport a"),
            ("x = 1", "x = 2"),
            ("x = a + b", "x = a - b"),
            ("f(a, b)", "f((a, b))"),
            ("def f(): return a", "def f(): return b"),
            ("def f(x: a): pass", "def f(x: b): pass"),
            ("f'{x!r}'", "f'{x}'"),
            ("x = 'a'", "x = 'b'"),
            ("def f():\n import a", "def f():\n import b"),
            (
                "import a",
                "from _dally import TYPE_CHECKING, lazy\nif TYPE_CHECKING:\n    import a\nelse:\n    a = lazy(\"import b\")",
            ),
            ("if x:\n a\nb", "if x:\n a\n b"),
            ("import a\na", &format!("{HEADER}a = __dally_b__ = _dally(\"import a\")\na")),
            (
                "import a\na",
                &format!(
                    "{HEADER}a = __dally_a__ = _dally(\"import a\")\na if a is not __dally_b__ else _dally_real(a)"
                ),
            ),
            (
                "import a\na",
                &format!(
                    "{HEADER}a = __dally_a__ = _dally(\"import a\")\na if a is __dally_a__ else _dally_real(a)"
                ),
            ),
            ("a < b", "a <= b"),
        ];
        for (old, new) in pairs {
            assert!(!same(old, new), "{old:?} and {new:?} should count as different");
        }
    }
}
