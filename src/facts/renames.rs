//! Loops that give the modules that are loaded further names, and do nothing else.
//!
//! ```python
//! for name in list(sys.modules):
//!     if name == package or name.startswith(package + "."):
//!         sys.modules["old.packages." + name] = sys.modules[name]
//! ```
//!
//! Who has not loaded a module by then, has no such name for it. Nobody can tell who asks for none of these names.

use ruff_python_ast::{self as ast, Expr, InterpolatedStringElement, Operator, Stmt};
use smallvec::SmallVec;

use super::walker::Walker;
use super::{MarkKind, TextStart};

/// Methods of texts that give texts, or say something about them.
const TEXT_METHODS: &[&str] = &[
    "startswith",
    "endswith",
    "replace",
    "split",
    "rsplit",
    "partition",
    "rpartition",
    "removeprefix",
    "removesuffix",
    "strip",
    "lstrip",
    "rstrip",
];

/// How the new names begin.
type Starts = SmallVec<[TextStart; 2]>;

impl<'a> Walker<'a> {
    /// A loop has been walked: what it reads of `sys.modules` shows only to those who ask for the names that it gives.
    pub fn note_renames(&mut self, stmt: &'a ast::StmtFor) {
        if !self.watches_imports || !self.lists_modules(&stmt.iter) {
            return;
        }
        let Expr::Name(name) = &*stmt.target else { return };
        let mut starts = Starts::new();
        if !stmt.orelse.is_empty() || !self.only_renames(&stmt.body, name.id.as_str(), &mut starts) {
            return;
        }
        let range = stmt.range;
        self.facts.marks.retain(|mark| {
            !(range.contains_range(mark.range)
                && matches!(mark.kind, MarkKind::ReadsSysModules | MarkKind::AsksSysModulesOf(_)))
        });
        for start in starts {
            self.mark(MarkKind::RenamesModules(start), range);
        }
    }

    /// `sys.modules`, `list(sys.modules)`, `sys.modules.copy()`.
    fn lists_modules(&self, expr: &Expr) -> bool {
        let Expr::Call(call) = expr else { return self.is_sys_modules(expr) };
        match (&*call.func, &*call.arguments.args) {
            (Expr::Name(f), [of]) if matches!(f.id.as_str(), "list" | "tuple" | "sorted" | "set") => {
                self.lists_modules(of)
            }
            (Expr::Attribute(method), []) if matches!(method.attr.as_str(), "keys" | "copy") => {
                self.is_sys_modules(&method.value)
            }
            _ => false,
        }
    }

    fn only_renames(&self, body: &[Stmt], name: &str, starts: &mut Starts) -> bool {
        body.iter().all(|stmt| match stmt {
            Stmt::Continue(_) | Stmt::Pass(_) => true,
            Stmt::If(stmt) => {
                is_of_texts(&stmt.test)
                    && self.only_renames(&stmt.body, name, starts)
                    && stmt.elif_else_clauses.iter().all(|clause| {
                        clause.test.as_ref().is_none_or(is_of_texts)
                            && self.only_renames(&clause.body, name, starts)
                    })
            }
            Stmt::Assign(assign) => {
                let [target] = &*assign.targets else { return false };
                match target {
                    Expr::Name(_) => self.is_entry(&assign.value) || is_of_texts(&assign.value),
                    Expr::Subscript(entry) if self.is_sys_modules(&entry.value) => {
                        let value = assign.value.is_name_expr() || self.is_entry(&assign.value);
                        let start = self.text_start(&entry.slice);
                        let named = start.filter(|s| !s.own && !s.whole && s.text.as_str().ends_with('.'));
                        starts.extend(named);
                        value && named.is_some() && is_of_texts(&entry.slice)
                    }
                    _ => false,
                }
            }
            _ => false,
        }) && !name.is_empty()
    }

    /// `sys.modules[name]`
    fn is_entry(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Subscript(entry)
            if self.is_sys_modules(&entry.value) && entry.slice.is_name_expr())
    }
}

/// An expression that only computes with texts.
fn is_of_texts(expr: &Expr) -> bool {
    match expr {
        Expr::Name(_) | Expr::StringLiteral(_) | Expr::NumberLiteral(_) | Expr::NoneLiteral(_) => true,
        Expr::Attribute(attribute) => attribute.attr.as_str() == "__name__" && is_of_texts(&attribute.value),
        Expr::FString(text) => text.value.elements().all(|element| match element {
            InterpolatedStringElement::Literal(_) => true,
            InterpolatedStringElement::Interpolation(part) => is_of_texts(&part.expression),
        }),
        Expr::BinOp(sum) => {
            matches!(sum.op, Operator::Add | Operator::Mod)
                && is_of_texts(&sum.left)
                && is_of_texts(&sum.right)
        }
        Expr::BoolOp(test) => test.values.iter().all(is_of_texts),
        Expr::UnaryOp(test) => is_of_texts(&test.operand),
        Expr::Compare(test) => is_of_texts(&test.left) && test.comparators.iter().all(is_of_texts),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_of_texts),
        Expr::Subscript(part) => match &*part.slice {
            Expr::Slice(slice) => {
                let ends = [&slice.lower, &slice.upper, &slice.step];
                is_of_texts(&part.value) && ends.into_iter().flatten().all(|end| is_of_texts(end))
            }
            index => is_of_texts(&part.value) && is_of_texts(index),
        },
        Expr::Call(call) => {
            let on_texts = match &*call.func {
                Expr::Attribute(method) => {
                    TEXT_METHODS.contains(&method.attr.as_str()) && is_of_texts(&method.value)
                }
                Expr::Name(function) => function.id.as_str() == "len",
                _ => false,
            };
            on_texts && call.arguments.keywords.is_empty() && call.arguments.args.iter().all(is_of_texts)
        }
        _ => false,
    }
}
