//! Constants by which a module switches parts of itself off.
//!
//! ```python
//! DEBUG = False
//! LEVEL = 0
//! if DEBUG or LEVEL > 2:      # does not run
//!     debug.install()
//! ```
//!
//! People change such a constant in the source, and expect that what is under it runs then. So that is no code which never runs: it
//! counts like that of a main program, which runs in some runs and waits for its imports where it uses them. Only import-time code of
//! the module itself is certain of the value, and only as long as nobody else has had a chance to bind the name.

use ruff_python_ast::{self as ast, BoolOp, CmpOp, Expr, UnaryOp};
use ruff_text_size::{Ranged, TextSize};

use super::Moment;
use super::condition::number;
use super::scope::Resolved;
use super::walker::Walker;

impl<'a> Walker<'a> {
    /// Something has been bound to a name.
    pub fn note_switch(&mut self, name: &'a ast::ExprName, value: &'a Expr) {
        let straight = self.scopes.len() == 1
            && !self.context.conditional
            && !self.context.looped
            && self.context.moment == Moment::ImportTime
            && self.context.func.is_module();
        if straight
            && is_constant(value)
            && let Some(name) = self.names.find(name.id.as_str())
            && !self.names[name].declared_global
        {
            self.names[name].switch = u32::try_from(self.switches.len()).expect("few statements");
            self.switches.push(value);
        }
    }

    /// Whether constants of the module make a test fail.
    pub fn is_switched_off(&self, test: &Expr) -> bool {
        !self.switches.is_empty()
            && self.context.func.is_module()
            && self.context.moment == Moment::ImportTime
            && !self.context.looped
            && !self.star_imports
            && !self.facts.exports.writes_namespace
            && self.switched(test) == Some(false)
    }

    /// What a test of such a constant gives.
    fn switched(&self, test: &Expr) -> Option<bool> {
        match test {
            Expr::UnaryOp(unary) if unary.op == UnaryOp::Not => Some(!self.switched(&unary.operand)?),
            Expr::BoolOp(operation) => {
                // One that decides, whatever the others are.
                let decides = operation.op == BoolOp::Or;
                let mut parts = operation.values.iter().map(|part| self.switched(part));
                if operation.values.iter().any(|part| self.switched(part) == Some(decides)) {
                    Some(decides)
                } else {
                    parts.all(|part| part == Some(!decides)).then_some(!decides)
                }
            }
            Expr::Name(_) => Some(match self.constant(test)? {
                Expr::BooleanLiteral(literal) => literal.value,
                Expr::StringLiteral(text) => !text.value.is_empty(),
                Expr::NoneLiteral(_) => false,
                other => number(other)? != 0,
            }),
            Expr::Compare(compare) => {
                let ([op], [right]) = (&*compare.ops, &*compare.comparators) else { return None };
                let left = self.constant(&compare.left)?;
                if let (Expr::StringLiteral(left), Expr::StringLiteral(right)) = (left, right) {
                    let same = left.value.to_str() == right.value.to_str();
                    return match op {
                        CmpOp::Eq => Some(same),
                        CmpOp::NotEq => Some(!same),
                        _ => None,
                    };
                }
                if right.is_none_literal_expr() {
                    return match op {
                        CmpOp::Is | CmpOp::Eq => Some(left.is_none_literal_expr()),
                        CmpOp::IsNot | CmpOp::NotEq => Some(!left.is_none_literal_expr()),
                        _ => None,
                    };
                }
                let (left, right) = (number(left)?, number(right)?);
                match op {
                    CmpOp::Eq => Some(left == right),
                    CmpOp::NotEq => Some(left != right),
                    CmpOp::Lt => Some(left < right),
                    CmpOp::LtE => Some(left <= right),
                    CmpOp::Gt => Some(left > right),
                    CmpOp::GtE => Some(left >= right),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The constant that a name certainly stands for: no import statement, call or class has let others at the module since it was
    /// bound, nor has anything been stored but in names.
    fn constant(&self, expr: &Expr) -> Option<&'a Expr> {
        let name = self.names.find(expr.as_name_expr()?.id.as_str())?;
        let imported = self.facts.imports.last().map_or(TextSize::new(0), |import| import.range.end());
        let value = *self.switches.get(self.names[name].switch as usize)?;
        let alone = value.start() >= imported.max(self.acted);
        (self.resolve(name) == Resolved::Global && alone).then_some(value)
    }
}

fn is_constant(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::BooleanLiteral(_) | Expr::NoneLiteral(_) | Expr::NumberLiteral(_) | Expr::StringLiteral(_)
    )
}
