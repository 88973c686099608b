//! Operators: the special methods of operands that they call.
//!
//! ```python
//! bus << handler           # Bus.__lshift__
//! 0 <= size <= limit       # Size.__ge__, Size.__le__
//! "%s" % size              # Size.__str__
//! ```

use ruff_python_ast::{self as ast, CmpOp, Expr};
use ruff_text_size::{Ranged, TextRange};

use super::operation::OpKind;
use super::value::{Value, ValueId};
use super::walker::{Use, Walker};
use super::{MarkKind, Sym, words};

impl<'a> Walker<'a> {
    /// An operator, if it may be that of a class of the program or depend on state.
    pub fn operate(&mut self, range: TextRange, on: ValueId, other: ValueId, method: Sym) {
        let value = self.facts.code.value(on);
        // `part in [first, last]` asks the parts.
        let asks_parts = || {
            method == words::CONTAINS && self.context.func.is_module() && matches!(value, Value::Holder(_))
        };
        if (is_named(value) || asks_parts()) && self.context.annotation.is_none() {
            self.op(range.start(), OpKind::Operate { on, other, method });
        }
    }

    /// The same at the top level of a module and in class bodies only: elsewhere there are many such operations, and next to nothing is
    /// known of their operands.
    pub fn operate_at_top(&mut self, range: TextRange, on: ValueId, other: ValueId, method: Sym) {
        if self.context.func.is_module() {
            self.operate(range, on, other, method);
        }
    }

    /// What `%` puts into a text: `"%s of %s" % (a, b)`.
    pub fn formatted_operands(&mut self, range: TextRange, right: &'a Expr, value: ValueId) {
        let Expr::Tuple(tuple) = right else {
            return self.operate(range, value, ValueId::FRESH, words::FORMAT);
        };
        // In functions most are variables, about which nothing is known.
        let named = |element: &&Expr| match element {
            Expr::Name(_) => true,
            Expr::Attribute(attribute) => {
                !matches!(&*attribute.value, Expr::Name(name) if name.id.as_str() == "self")
            }
            _ => false,
        };
        for element in tuple.elts.iter().filter(named) {
            let value = self.quiet_value(element);
            if !matches!(self.facts.code.value(value), Value::Var(_)) {
                self.operate(element.range(), value, ValueId::FRESH, words::FORMAT);
            }
        }
        // `"%s %s" % (Label("a"), 1)`
        if let Value::Holder(elements) = self.facts.code.value(value)
            && tuple.elts.iter().any(Expr::is_call_expr)
        {
            self.operate_at_top(range, elements, ValueId::FRESH, words::FORMAT);
        }
    }

    /// A text names the items that it takes: `"%(size)s" % sizes`, `"{size}".format_map(sizes)`.
    pub fn items_by_text(&mut self, range: TextRange, base: ValueId) {
        if is_named(self.facts.code.value(base)) {
            self.op(range.start(), OpKind::Load { base, key: ValueId::FRESH });
        }
    }

    /// A comparison, or several that are written as one.
    pub fn compare(&mut self, compare: &'a ast::ExprCompare) -> ValueId {
        let mut left = self.expr(&compare.left, Use::Escape);
        for (op, right) in compare.ops.iter().zip(&compare.comparators) {
            let membership = matches!(op, CmpOp::In | CmpOp::NotIn);
            let asks = membership && self.is_sys_modules(right);
            if asks {
                match self.facts.code.value(left) {
                    Value::Str(name) => self.mark(MarkKind::AsksSysModules(name), compare.range),
                    _ => self.asks_sys_modules(&compare.left, left, compare.range),
                }
            }
            // `"x" in globals()` only asks for the name, which is there.
            let harmless = membership && matches!(right, Expr::Call(call) if self.is_namespace_call(call));
            if asks {
                let modules = self.expr(right, Use::Subscript);
                self.operate(compare.range, modules, left, words::CONTAINS);
            } else if !harmless {
                let right = self.expr(right, Use::Escape);
                let (on, other) = if membership { (right, left) } else { (left, right) };
                self.operate(compare.range, on, other, comparison_method(*op));
                // `0 <= size` asks the class of `size`.
                if let (false, Some(reflected)) = (is_named(self.facts.code.value(on)), reflected(*op)) {
                    self.operate_at_top(compare.range, other, on, reflected);
                }
                left = right;
            }
        }
        self.note_comparison(compare);
        ValueId::FRESH
    }
}

/// The methods behind an operator, of the left and of the right operand.
pub(super) fn methods(operator: ast::Operator) -> (Sym, Sym) {
    use ast::Operator as O;
    match operator {
        O::Add => (words::ADD, words::RADD),
        O::Sub => (words::SUB, words::RSUB),
        O::Mult => (words::MUL, words::RMUL),
        O::MatMult => (words::MATMUL, words::RMATMUL),
        O::Div => (words::TRUEDIV, words::RTRUEDIV),
        O::Mod => (words::MOD, words::RMOD),
        O::Pow => (words::POW, words::RPOW),
        O::LShift => (words::LSHIFT, words::RLSHIFT),
        O::RShift => (words::RSHIFT, words::RRSHIFT),
        O::BitOr => (words::OR, words::ROR),
        O::BitXor => (words::XOR, words::RXOR),
        O::BitAnd => (words::AND, words::RAND),
        O::FloorDiv => (words::FLOORDIV, words::RFLOORDIV),
    }
}

/// The method behind an operator that assigns: `__iadd__`.
pub(super) fn in_place_method(operator: ast::Operator) -> Sym {
    use ast::Operator as O;
    match operator {
        O::Add => words::IADD,
        O::Sub => words::ISUB,
        O::Mult => words::IMUL,
        O::MatMult => words::IMATMUL,
        O::Div => words::ITRUEDIV,
        O::Mod => words::IMOD,
        O::Pow => words::IPOW,
        O::LShift => words::ILSHIFT,
        O::RShift => words::IRSHIFT,
        O::BitOr => words::IOR,
        O::BitXor => words::IXOR,
        O::BitAnd => words::IAND,
        O::FloorDiv => words::IFLOORDIV,
    }
}

/// The method that the right operand of a comparison is asked for.
fn reflected(operator: CmpOp) -> Option<Sym> {
    Some(match operator {
        CmpOp::Eq => words::EQ,
        CmpOp::NotEq => words::NE,
        CmpOp::Lt => words::GT,
        CmpOp::LtE => words::GE,
        CmpOp::Gt => words::LT,
        CmpOp::GtE => words::LE,
        CmpOp::In | CmpOp::NotIn | CmpOp::Is | CmpOp::IsNot => return None,
    })
}

/// Whether a value may be an object of a class of the program: it has a name, or comes from somewhere.
fn is_named(value: Value) -> bool {
    matches!(
        value,
        Value::Global(_)
            | Value::Attr(..)
            | Value::Call(_)
            | Value::Var(_)
            | Value::Item(_)
            | Value::Either(..)
            | Value::Sum(_)
    )
}

/// The method behind a comparison.
fn comparison_method(operator: CmpOp) -> Sym {
    match operator {
        CmpOp::Eq => words::EQ,
        CmpOp::NotEq => words::NE,
        CmpOp::Lt => words::LT,
        CmpOp::LtE => words::LE,
        CmpOp::Gt => words::GT,
        CmpOp::GtE => words::GE,
        CmpOp::In | CmpOp::NotIn => words::CONTAINS,
        CmpOp::Is | CmpOp::IsNot => words::IS,
    }
}
