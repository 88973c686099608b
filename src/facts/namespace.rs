//! Reads of the module's namespace as a dict: of all its values, of some names, or of no more than which names there are.
//!
//! ```python
//! sorted(globals())                             # names only
//! if name in {"VERSION", "version"}:
//!     return globals()[name]                    # one of two names
//! globals()[f"_deprecated_{name}"]              # names with this beginning
//! ```

use ruff_python_ast::{self as ast, CmpOp, Expr};
use ruff_text_size::{Ranged, TextRange};

use super::names::NameId;
use super::walker::Walker;
use super::{MarkKind, Sym, ValueId, words};

/// Builtins that go through the keys of a dict and do nothing else with it.
const TAKES_KEYS: &[Sym] = &[
    words::LIST,
    words::TUPLE,
    words::SET,
    words::FROZENSET,
    words::SORTED,
    words::LEN,
    words::ITER_FUNCTION,
];

/// A variable that is one of some texts, in the block that runs if it is.
#[derive(Debug)]
pub(super) struct OneOf<'a> {
    name: &'a str,
    texts: Vec<&'a str>,
}

impl<'a> Walker<'a> {
    /// What a test says of a variable: `name in ("a", "b")`, `name == "a"`.
    pub fn one_of(test: &'a Expr) -> Option<OneOf<'a>> {
        let Expr::Compare(compare) = test else { return None };
        let (Expr::Name(name), [op], [right]) = (&*compare.left, &*compare.ops, &*compare.comparators) else {
            return None;
        };
        let name = name.id.as_str();
        let elements = match (op, right) {
            (CmpOp::Eq, text @ Expr::StringLiteral(_)) => std::slice::from_ref(text),
            (CmpOp::In, Expr::Tuple(ast::ExprTuple { elts, .. })) => elts,
            (CmpOp::In, Expr::List(ast::ExprList { elts, .. }) | Expr::Set(ast::ExprSet { elts, .. })) => {
                elts
            }
            _ => return None,
        };
        let text = |element: &'a Expr| element.as_string_literal_expr().map(|text| text.value.to_str());
        Some(OneOf { name, texts: elements.iter().map(text).collect::<Option<_>>()? })
    }

    /// `globals()[key]` where the key is no constant.
    pub fn namespace_item(&mut self, key: &Expr, range: TextRange) {
        if let Expr::Name(name) = key
            && let Some(known) = self.known_texts.iter().rev().find(|known| known.name == name.id.as_str())
        {
            for text in known.texts.clone() {
                let name = Sym::new(text);
                self.mark(MarkKind::NamespaceName(name), range);
            }
            return;
        }
        match self.text_start(key) {
            Some(start) if !start.own && !start.text.as_str().is_empty() => {
                self.mark(MarkKind::NamespaceNames(start.text), range);
            }
            _ => self.mark(MarkKind::NamespaceRead, range),
        }
    }

    /// The namespace of what may be a module is gone through: `vars(x).items()`, `sorted(x.__dict__)`.
    pub fn note_listing(&mut self, expr: &'a Expr) {
        let of = match expr {
            Expr::Call(call)
                if call.arguments.args.len() == 1
                    && matches!(&*call.func, Expr::Name(f) if self.is_builtin_text(f.id.as_str(), "vars")) =>
            {
                &call.arguments.args[0]
            }
            Expr::Attribute(attribute) if attribute.attr.as_str() == "__dict__" => &*attribute.value,
            _ => return,
        };
        let value = self.quiet_value(of);
        if value != ValueId::OPAQUE {
            self.mark(MarkKind::NamesOf(value), expr.range());
        }
    }

    /// An expression of which only the keys are taken, if it is a namespace.
    pub fn takes_keys(&mut self, expr: &'a Expr) {
        self.note_listing(expr);
        if let Expr::Call(call) = expr
            && self.is_namespace_call(call)
        {
            self.unmark(call.range());
            self.mark(MarkKind::NamespaceKeys, call.range());
        }
    }

    /// `sorted(globals())`
    pub fn takes_keys_of_argument(&mut self, call: &'a ast::ExprCall, function: NameId) {
        if let Some(first) = call.arguments.args.first()
            && TAKES_KEYS.iter().any(|builtin| self.is_builtin(function, *builtin))
        {
            self.takes_keys(first);
        }
    }
}
