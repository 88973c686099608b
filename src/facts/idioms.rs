//! Idioms under an `if` that make a change invisible: a value that is computed once, and an inherited attribute that is
//! copied before it is changed. And how such values begin.

use ruff_python_ast::{self as ast, Expr};

/// What an `if` asks about and its body sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target<'a> {
    /// A name.
    Name(&'a str),
    /// An attribute of a name.
    Attribute(&'a str, &'a str),
}

impl Target<'_> {
    /// The name through which it is reached.
    pub fn base(&self) -> &str {
        let (Self::Name(base) | Self::Attribute(base, _)) = self;
        base
    }
}

/// The target in `if TARGET is None` or `if not TARGET`, if it is private.
pub(super) fn unset(test: &Expr) -> Option<Target<'_>> {
    let target = match test {
        Expr::Compare(compare) => match (&*compare.ops, &*compare.comparators) {
            ([ast::CmpOp::Is], [Expr::NoneLiteral(_)]) => &*compare.left,
            _ => return None,
        },
        Expr::UnaryOp(unary) if unary.op == ast::UnaryOp::Not => &*unary.operand,
        _ => return None,
    };
    match target {
        Expr::Name(name) if name.id.starts_with('_') => Some(Target::Name(name.id.as_str())),
        Expr::Attribute(attribute) if attribute.attr.starts_with('_') => match &*attribute.value {
            Expr::Name(base) => Some(Target::Attribute(base.id.as_str(), attribute.attr.as_str())),
            _ => None,
        },
        _ => None,
    }
}

/// `cls` and `x` in `if "x" not in cls.__dict__`.
pub(super) fn lacking(test: &Expr) -> Option<(&ast::ExprName, &str)> {
    let (compare, negated) = match test {
        Expr::Compare(compare) => (compare, false),
        Expr::UnaryOp(unary) if unary.op == ast::UnaryOp::Not => match &*unary.operand {
            Expr::Compare(compare) => (compare, true),
            _ => return None,
        },
        _ => return None,
    };
    let expected = if negated { ast::CmpOp::In } else { ast::CmpOp::NotIn };
    let ([op], Expr::StringLiteral(key), [holder]) = (&*compare.ops, &*compare.left, &*compare.comparators)
    else {
        return None;
    };
    let holder = match holder {
        Expr::Attribute(dict) if dict.attr.as_str() == "__dict__" => &*dict.value,
        Expr::Call(call) if matches!(&*call.func, Expr::Name(f) if f.id.as_str() == "vars") => {
            call.arguments.args.first()?
        }
        _ => return None,
    };
    match holder {
        Expr::Name(name) if *op == expected => Some((name, key.value.to_str())),
        _ => None,
    }
}

/// A new container without elements: `{}`, or one of some classes called without arguments.
pub(super) fn is_empty(value: &Expr, classes: &[&str]) -> bool {
    match value {
        Expr::Dict(dict) => dict.items.is_empty(),
        Expr::Call(call) => {
            let class = match &*call.func {
                Expr::Name(name) => name.id.as_str(),
                Expr::Attribute(attribute) => attribute.attr.as_str(),
                _ => return false,
            };
            call.arguments.is_empty() && classes.contains(&class)
        }
        _ => false,
    }
}
