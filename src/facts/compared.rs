//! Texts that names are compared with, in modules that look at what is imported.
//!
//! ```python
//! [n for n in sys.modules if n.startswith("step_")]           # a beginning that is written out
//! def loaded(prefix):
//!     return [n for n in sys.modules if n.startswith(prefix)]     # a part of names: callers say which
//! sorted(WANTED & set(sys.modules))                           # whole names
//! fnmatch.filter(sys.modules, "step_*")                       # a part: the pattern has one
//! ```

use ruff_python_ast::{self as ast, CmpOp, Expr, InterpolatedStringElement, Operator};
use ruff_text_size::{Ranged, TextRange};

use super::value::Value;
use super::walker::Walker;
use super::{MarkKind, Sym, TextStart, words};

/// How a name has to fit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// It is the text.
    Whole,
    /// It begins with it.
    Start,
    /// It has it somewhere.
    Part,
}

/// Methods of texts, patterns and sets that compare names with what they are given.
fn compares(method: &str) -> bool {
    matches!(
        method,
        "endswith"
            | "removeprefix"
            | "removesuffix"
            | "match"
            | "fullmatch"
            | "search"
            | "fnmatch"
            | "fnmatchcase"
            | "filter"
            | "intersection"
            | "difference"
            | "isdisjoint"
            | "issubset"
            | "issuperset"
    )
}

impl<'a> Walker<'a> {
    /// `name == "x"`, `name in ("x", "y")`, `WANTED <= set(sys.modules)`.
    pub fn note_comparison(&mut self, compare: &'a ast::ExprCompare) {
        if !self.watches_imports {
            return;
        }
        let sides = || std::iter::once(&*compare.left).chain(&compare.comparators);
        let range = compare.range;
        if compare.ops.iter().any(|op| matches!(op, CmpOp::Eq | CmpOp::In)) {
            // `name.split(".")[0] == "x"`, `"x" in name`
            let derived = sides().any(|side| side.is_subscript_expr() || side.is_call_expr());
            let inside = compare.ops[0] == CmpOp::In && compare.left.is_string_literal_expr();
            let asks = compare.ops[0] == CmpOp::In && self.is_sys_modules(&compare.comparators[0]);
            for side in sides() {
                self.compared(side, Fit::Whole, range);
                if (derived || inside) && !asks {
                    self.compared(side, Fit::Part, range);
                }
            }
        } else if compare.ops.iter().any(|op| matches!(op, CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE)) {
            self.note_sets(sides(), range);
        }
    }

    /// `WANTED & set(sys.modules)`
    pub fn note_set_operator(&mut self, operation: &'a ast::ExprBinOp) {
        if self.watches_imports && matches!(operation.op, Operator::BitAnd | Operator::BitXor | Operator::Sub)
        {
            self.note_sets([&*operation.left, &*operation.right], operation.range);
        }
    }

    /// Sets of which one is that of all modules.
    fn note_sets(&mut self, sides: impl IntoIterator<Item = &'a Expr> + Clone, range: TextRange) {
        let of_all = |side: &Expr| match side {
            Expr::Call(call) => {
                call.arguments.args.first().is_some_and(|all| self.is_sys_modules(all))
                    || matches!(&*call.func, Expr::Attribute(keys) if self.is_sys_modules(&keys.value))
            }
            _ => false,
        };
        if sides.clone().into_iter().any(of_all) {
            for side in sides {
                self.compared(side, Fit::Whole, range);
            }
        }
    }

    /// `name.startswith("x")`, `PATTERN.match(name)`, `re.match("x", name)`, `WANTED.intersection(sys.modules)`.
    pub fn note_text_method(&mut self, call: &'a ast::ExprCall, method: Sym) {
        if !self.watches_imports {
            return;
        }
        if method == words::STARTSWITH {
            if let Some(argument) = call.arguments.args.first() {
                self.compared(argument, Fit::Start, call.range());
            }
        } else if compares(method.as_str()) {
            let object = match &*call.func {
                Expr::Attribute(attribute) => Some(&*attribute.value),
                _ => None,
            };
            for text in object.into_iter().chain(&call.arguments.args) {
                self.compared(text, Fit::Part, call.range());
            }
        }
    }

    /// `fnmatch(name, "step_*")`
    pub fn note_text_function(&mut self, call: &'a ast::ExprCall, function: &str) {
        if self.watches_imports && compares(function) && function != "filter" {
            for text in &call.arguments.args {
                self.compared(text, Fit::Part, call.range());
            }
        }
    }

    /// `for name in sys.modules:`, `for name, module in sys.modules.items():`
    pub fn note_live_modules(&mut self, iter: &Expr, loop_range: TextRange) {
        let live = match iter {
            Expr::Call(call) => matches!(&*call.func, Expr::Attribute(view)
                if matches!(view.attr.as_str(), "items" | "keys" | "values") && self.is_sys_modules(&view.value)),
            other => self.is_sys_modules(other),
        };
        if live && !self.context.func.is_module() {
            self.mark(MarkKind::LiveModules, loop_range);
        }
    }

    fn compared(&mut self, expr: &'a Expr, fit: Fit, range: TextRange) {
        match expr {
            Expr::Tuple(ast::ExprTuple { elts, .. })
            | Expr::List(ast::ExprList { elts, .. })
            | Expr::Set(ast::ExprSet { elts, .. }) => {
                for element in elts {
                    self.compared(element, fit, range);
                }
                return;
            }
            _ => {}
        }
        let texts = self.texts(expr);
        if !texts.is_empty() {
            for start in texts {
                if fit == Fit::Part {
                    self.compares_part(start.text.as_str(), range);
                    continue;
                }
                let start = TextStart { whole: fit == Fit::Whole && start.whole, ..start };
                self.mark(MarkKind::ComparesText(start), range);
            }
            return;
        }
        match expr {
            Expr::Name(_) | Expr::Attribute(_) if !self.is_sys_modules(expr) => {
                let value = self.quiet_value(expr);
                let kind = if fit == Fit::Whole { MarkKind::ComparesValue } else { MarkKind::ComparesPart };
                if !value.is_plain() {
                    self.mark(kind(value), range);
                }
            }
            Expr::BinOp(sum) if sum.op == Operator::Add => {
                self.compared(&sum.left, Fit::Part, range);
                self.compared(&sum.right, Fit::Part, range);
            }
            Expr::FString(string) => {
                for element in string.value.elements() {
                    match element {
                        InterpolatedStringElement::Literal(text) => self.compares_part(text, range),
                        InterpolatedStringElement::Interpolation(part) => {
                            self.compared(&part.expression, Fit::Part, range);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn compares_part(&mut self, text: &str, range: TextRange) {
        let value = self.value(Value::Str(Sym::new(text)));
        self.mark(MarkKind::ComparesPart(value), range);
    }
}
