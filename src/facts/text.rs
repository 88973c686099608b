//! Texts of which the beginning is known.
//!
//! ```python
//! sys.modules["theme_%s" % name]                              # begins with theme_
//! [n for n in sys.modules if n.startswith(__name__ + ".")]    # begins with the module's own name and a dot
//! ```

use ruff_python_ast::{self as ast, CmpOp, Expr, InterpolatedStringElement, Operator};
use ruff_text_size::{Ranged, TextRange};

use super::walker::Walker;
use super::{MarkKind, Sym, TextStart, words};

impl<'a> Walker<'a> {
    /// How the value of an expression begins, if it is a text and its beginning is known.
    pub fn text_start(&self, expr: &Expr) -> Option<TextStart> {
        let start = |text: &str, whole| Some(TextStart { own: false, text: Sym::new(text), whole });
        match expr {
            Expr::StringLiteral(literal) => start(literal.value.to_str(), true),
            Expr::Name(name) if matches!(name.id.as_str(), "__name__" | "__package__") => {
                Some(TextStart { own: true, text: Sym::new(""), whole: true })
            }
            Expr::Name(name) => self.text_starts.get(name.id.as_str()).copied(),
            Expr::FString(string) => {
                let mut elements = string.value.elements();
                match (elements.next()?, elements.next()) {
                    (InterpolatedStringElement::Literal(text), rest) => start(text, rest.is_none()),
                    (InterpolatedStringElement::Interpolation(first), rest) => {
                        let first = self.text_start(&first.expression)?;
                        match rest {
                            Some(InterpolatedStringElement::Literal(text)) if first.whole => {
                                let text = Sym::new(&format!("{}{}", first.text, &**text));
                                Some(TextStart { text, whole: elements.next().is_none(), ..first })
                            }
                            rest => Some(TextStart { whole: first.whole && rest.is_none(), ..first }),
                        }
                    }
                }
            }
            Expr::BinOp(sum) if sum.op == Operator::Add => {
                let left = self.text_start(&sum.left)?;
                match self.text_start(&sum.right) {
                    Some(right) if left.whole && !right.own => {
                        let text = Sym::new(&format!("{}{}", left.text, right.text));
                        Some(TextStart { text, whole: right.whole, ..left })
                    }
                    _ => Some(TextStart { whole: false, ..left }),
                }
            }
            Expr::BinOp(format) if format.op == Operator::Mod => match &*format.left {
                Expr::StringLiteral(text) => self.formatted(text.value.to_str(), "%", &format.right),
                _ => None,
            },
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) if method.attr.as_str() == "format" => match &*method.value {
                    Expr::StringLiteral(text) => {
                        self.formatted(text.value.to_str(), "{", call.arguments.args.first()?)
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    fn formatted(&self, template: &str, hole: &str, first: &Expr) -> Option<TextStart> {
        let head = template.split(hole).next().unwrap_or_default();
        if !head.is_empty() {
            return Some(TextStart { own: false, text: Sym::new(head), whole: false });
        }
        let first = match first {
            Expr::Tuple(tuple) => tuple.elts.first()?,
            other => other,
        };
        self.text_start(first).filter(|start| start.own).map(|start| {
            let rest = template.trim_start_matches("%s").trim_start_matches("{}");
            let dot = if rest.starts_with('.') { "." } else { "" };
            TextStart { text: Sym::new(dot), whole: false, ..start }
        })
    }

    /// `import_module("plugins." + name)`
    pub fn note_loading(&mut self, call: &ast::ExprCall, function: Sym) {
        if matches!(function, words::IMPORT_MODULE | words::IMPORT)
            && let Some(start) = call.arguments.args.first().and_then(|name| self.text_start(name))
            && !start.whole
            && start.text.as_str().contains('.')
        {
            self.mark(MarkKind::LoadsFrom(start), call.range());
        }
    }

    /// `prefix = __name__ + "."`: names are enough here, whatever their scope.
    pub fn note_text(&mut self, name: &'a str, value: &Expr) {
        if (self.watches_imports || self.loads_modules)
            && let Some(start) = self.text_start(value)
        {
            self.text_starts.insert(name, start);
        }
    }

    /// `name == "x"`, `name in ("x", "y")`.
    pub fn note_comparison(&mut self, compare: &ast::ExprCompare) {
        if !self.watches_imports {
            return;
        }
        let mut sides = vec![&*compare.left];
        sides.extend(&compare.comparators);
        let asks = compare.ops.iter().any(|op| matches!(op, CmpOp::Eq | CmpOp::In));
        for side in sides.into_iter().filter(|_| asks) {
            self.compared(side, true, compare.range);
        }
    }

    /// `name.startswith("x")`
    pub fn note_text_method(&mut self, call: &ast::ExprCall, method: Sym) {
        if self.watches_imports
            && method == words::STARTSWITH
            && let Some(argument) = call.arguments.args.first()
        {
            self.compared(argument, false, call.range());
        }
    }

    fn compared(&mut self, expr: &Expr, whole: bool, range: TextRange) {
        match expr {
            Expr::Tuple(ast::ExprTuple { elts, .. })
            | Expr::List(ast::ExprList { elts, .. })
            | Expr::Set(ast::ExprSet { elts, .. }) => {
                for element in elts {
                    self.compared(element, whole, range);
                }
            }
            _ => {
                if let Some(start) = self.text_start(expr) {
                    let start = TextStart { whole: whole && start.whole, ..start };
                    self.mark(MarkKind::ComparesText(start), range);
                }
            }
        }
    }
}
