//! What has to hold of variables for a piece of a function to run.
//!
//! ```python
//! def __init__(self, name, register=False):
//!     if register:                  # `register` counts as true
//!         TABLE[name] = self
//!     if name is None: return
//!     log(name)                     # `name` is not `None`
//! ```
//!
//! Tests of parameters matter, which what a call gives decides as long as they are not bound again; of attributes of parameters,
//! which are decided by what made the object; and of variables that are followed, which are bound by an [`OpKind::Bind`] each time, in
//! the order of the source. In a loop nothing is known of what is bound. The operations that depend on a test follow an
//! [`OpKind::When`], which says how many they are.

use ruff_python_ast::{self as ast, BoolOp, CmpOp, Expr, Stmt, UnaryOp};
use ruff_text_size::TextSize;
use smallvec::SmallVec;

use super::Moment;
use super::code::OpKind;
use super::scope::Resolved;
use super::value::{Value, ValueId};
use super::walker::Walker;

/// What is asked of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It counts as true.
    True,
    /// It counts as false.
    False,
    /// It is `None`.
    IsNone,
    /// It is anything else.
    NotNone,
    /// It is a text.
    IsText,
    /// It is no text.
    NotText,
    /// It can be called.
    Callable,
    /// It can not.
    NotCallable,
    /// It is equal to a certain text, or to one of several.
    Equals,
    /// It is equal to none of them.
    Differs,
    /// It has an attribute with the name that is the text.
    Has,
    /// It has none.
    Lacks,
}

impl Asked {
    /// All, by their numbers.
    pub(super) const ALL: [Self; 12] = [
        Self::True,
        Self::False,
        Self::IsNone,
        Self::NotNone,
        Self::IsText,
        Self::NotText,
        Self::Callable,
        Self::NotCallable,
        Self::Equals,
        Self::Differs,
        Self::Has,
        Self::Lacks,
    ];

    /// The opposite.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::IsNone => Self::NotNone,
            Self::NotNone => Self::IsNone,
            Self::IsText => Self::NotText,
            Self::NotText => Self::IsText,
            Self::Callable => Self::NotCallable,
            Self::NotCallable => Self::Callable,
            Self::Equals => Self::Differs,
            Self::Differs => Self::Equals,
            Self::Has => Self::Lacks,
            Self::Lacks => Self::Has,
        }
    }
}

/// A parameter, an attribute of one, or several of which one has to fit ([`Value::Either`]), what is asked of it, and the text it is
/// compared with.
type Premise = (ValueId, Asked, ValueId);

/// Premises in force.
#[derive(Debug, Clone)]
pub(super) struct Open {
    /// The places of their operations.
    places: SmallVec<[usize; 2]>,
    /// They are all that the tests ask: what follows runs if they hold.
    pub told: bool,
}

impl Default for Open {
    fn default() -> Self {
        Self::new()
    }
}

impl Open {
    /// None, where nothing is asked.
    pub fn new() -> Self {
        Self { places: SmallVec::new(), told: true }
    }

    /// None of those that were asked.
    fn unknown() -> Self {
        Self { places: SmallVec::new(), told: false }
    }

    pub fn extend(&mut self, more: Self) {
        self.places.extend(more.places);
        self.told &= more.told;
    }
}

/// How many premises hold at the same time; more are not noted.
const MOST: usize = 24;

impl<'a> Walker<'a> {
    /// What follows runs only if a test gives `outcome`, until [`Walker::close_premises`].
    pub fn open_premises(&mut self, test: &'a Expr, outcome: bool, at: TextSize) -> Open {
        let mut open = Open::unknown();
        if self.context.func.is_module() || self.context.moment == Moment::Never {
            return open;
        }
        let mut found = SmallVec::<[Premise; 2]>::new();
        let whole = self.premises(test, outcome, &mut found);
        open.told = whole && self.facts.code.premises + found.len() <= MOST;
        for (of, asked, text) in found {
            let given = !self.context.looped && self.is_own(of);
            if self.facts.code.premises >= MOST {
                break;
            }
            self.op(at, OpKind::When { of, asked, text, given, ops: 0 });
            self.facts.code.premises += 1;
            open.places.push(self.facts.code.ops.len() - 1);
        }
        open
    }

    /// The end of what depends on premises.
    pub fn close_premises(&mut self, open: Open) {
        self.facts.code.premises -= open.places.len();
        for place in open.places.into_iter().rev() {
            self.facts.code.end_when(place);
        }
    }

    /// What holds in the rest of a block after a statement that leaves it if its test says so.
    pub fn premises_after(&mut self, stmt: &'a Stmt) -> Open {
        match stmt {
            Stmt::If(stmt) if stmt.elif_else_clauses.is_empty() && stmt.body.last().is_some_and(leaves) => {
                let mut open = self.open_premises(&stmt.test, false, stmt.range.end());
                // Others may leave the function in there.
                open.told &= stmt.body.iter().all(is_simple);
                open
            }
            _ => Open::unknown(),
        }
    }

    /// Gives whether these are all that a test asks.
    fn premises(&mut self, test: &'a Expr, outcome: bool, found: &mut SmallVec<[Premise; 2]>) -> bool {
        match test {
            Expr::UnaryOp(unary) if unary.op == UnaryOp::Not => {
                self.premises(&unary.operand, !outcome, found)
            }
            Expr::BoolOp(operation) if (operation.op == BoolOp::And) == outcome => {
                let mut whole = true;
                for part in &operation.values {
                    whole &= self.premises(part, outcome, found);
                }
                whole
            }
            _ => match self.asked(test) {
                Some((of, asked, text)) => {
                    let asked = if outcome { asked } else { asked.opposite() };
                    found.push((of, asked, text));
                    true
                }
                None => false,
            },
        }
    }

    /// What a test asks of parameters, if nothing else decides it.
    fn asked(&mut self, test: &'a Expr) -> Option<Premise> {
        match test {
            Expr::Name(_) | Expr::Attribute(_) => {
                Some((self.parameter_or_attribute(test)?, Asked::True, ValueId::OPAQUE))
            }
            Expr::Compare(compare) => {
                let ([op], left, [other]) = (&*compare.ops, &*compare.left, &*compare.comparators) else {
                    return None;
                };
                if let (CmpOp::In | CmpOp::NotIn, Expr::Tuple(_) | Expr::List(_) | Expr::Set(_)) = (op, other)
                {
                    let text = self.one_of_texts(other)?;
                    let of = self.parameter_or_attribute(left)?;
                    let asked = if *op == CmpOp::In { Asked::Equals } else { Asked::Differs };
                    return Some((of, asked, text));
                }
                let (asked, text) = match (op, other) {
                    (CmpOp::Is | CmpOp::Eq, Expr::NoneLiteral(_)) => (Asked::IsNone, None),
                    (CmpOp::IsNot | CmpOp::NotEq, Expr::NoneLiteral(_)) => (Asked::NotNone, None),
                    (CmpOp::Eq, Expr::StringLiteral(text)) => (Asked::Equals, Some(text)),
                    (CmpOp::NotEq, Expr::StringLiteral(text)) => (Asked::Differs, Some(text)),
                    _ => return None,
                };
                let of = self.parameter_or_attribute(left)?;
                let text = match text {
                    Some(text) if super::expr::is_nameable(text.value.to_str()) => {
                        self.text_value(text.value.to_str()).1
                    }
                    Some(_) => return None,
                    None => ValueId::OPAQUE,
                };
                Some((of, asked, text))
            }
            Expr::Call(call) if call.arguments.keywords.is_empty() => {
                let Expr::Name(function) = &*call.func else { return None };
                if let ("hasattr", [Expr::Name(of), Expr::StringLiteral(text)]) =
                    (function.id.as_str(), &*call.arguments.args)
                    && super::expr::is_nameable(text.value.to_str())
                    && self.is_builtin_text("hasattr", "hasattr")
                {
                    let of = self.parameter_named(of)?;
                    return Some((of, Asked::Has, self.text_value(text.value.to_str()).1));
                }
                let asked = match (function.id.as_str(), &*call.arguments.args) {
                    ("callable", [_]) => Asked::Callable,
                    ("isinstance", [_, Expr::Name(class)])
                        if class.id.as_str() == "str" && self.is_builtin_text("str", "str") =>
                    {
                        Asked::IsText
                    }
                    _ => return None,
                };
                let Expr::Name(name) = &call.arguments.args[0] else { return None };
                let function = function.id.as_str();
                let builtin = self.is_builtin_text(function, function);
                let of = builtin.then(|| self.followed_named(name)).flatten()?;
                Some((of, asked, ValueId::OPAQUE))
            }
            // `a or b` holds if one of them does.
            Expr::BoolOp(operation) if operation.op == BoolOp::Or => {
                let mut of = None;
                for part in &operation.values {
                    let (next, Asked::True, _) = self.asked(part)? else { return None };
                    of = Some(of.map_or(next, |of| self.value(Value::Either(of, next))));
                }
                Some((of?, Asked::True, ValueId::OPAQUE))
            }
            _ => None,
        }
    }

    /// Texts of a display: `("a", "b")`.
    fn one_of_texts(&mut self, display: &'a Expr) -> Option<ValueId> {
        let (Expr::Tuple(ast::ExprTuple { elts, .. })
        | Expr::List(ast::ExprList { elts, .. })
        | Expr::Set(ast::ExprSet { elts, .. })) = display
        else {
            return None;
        };
        let mut any = None;
        for element in elts.iter().take(MOST) {
            let text = element.as_string_literal_expr()?.value.to_str();
            if !super::expr::is_nameable(text) {
                return None;
            }
            let (_, text) = self.text_value(text);
            any = Some(any.map_or(text, |any| self.value(Value::Either(any, text))));
        }
        any.filter(|_| elts.len() <= MOST)
    }

    /// Whether the variables are those of the function around the statement.
    fn is_own(&self, of: ValueId) -> bool {
        match self.facts.code.value(of) {
            Value::Var(var) => self.facts.code.vars[var as usize].func == self.context.func,
            Value::Either(a, b) => self.is_own(a) && self.is_own(b),
            Value::Attr(base, _) => self.is_own(base),
            _ => false,
        }
    }

    /// Notes that a variable is bound, and says whether it is followed: parameters are, and variables that begin as something of
    /// which tests know what it is.
    pub fn follows(&mut self, var: u32, value: ValueId) -> bool {
        let code = &self.facts.code;
        let known = &code.vars[var as usize];
        let own = known.func == self.context.func && !known.func.is_module();
        let is_parameter = |var: u32| code.function(code.vars[var as usize].func).params.contains(&var);
        let telling = || match code.value(value) {
            Value::Constant(_) | Value::Str(_) | Value::Function(_) => true,
            Value::Var(of) => is_parameter(of),
            Value::Attr(base, _) => matches!(code.value(base), Value::Var(of) if is_parameter(of)),
            _ => false,
        };
        let follow = own && if known.rebound() { known.followed() } else { is_parameter(var) || telling() };
        self.facts.code.vars[var as usize].bind(follow);
        follow
    }

    /// A parameter, or an attribute of one: `self.strict`.
    fn parameter_or_attribute(&mut self, expr: &'a Expr) -> Option<ValueId> {
        match expr {
            Expr::Name(name) => self.followed_named(name),
            Expr::Attribute(attribute) => {
                let Expr::Name(name) = &*attribute.value else { return None };
                let base = self.parameter_named(name)?;
                let attr = self.mangled_text(attribute.attr.as_str());
                Some(self.value(Value::Attr(base, attr)))
            }
            _ => None,
        }
    }

    fn parameter_named(&mut self, name: &'a ast::ExprName) -> Option<ValueId> {
        let var = self.var_named(name)?;
        let code = &self.facts.code;
        let function = code.function(code.vars[var as usize].func);
        function.params.contains(&var).then(|| self.value(Value::Var(var)))
    }

    /// A parameter, or a variable of the function around the statement that is followed.
    fn followed_named(&mut self, name: &'a ast::ExprName) -> Option<ValueId> {
        let var = self.var_named(name)?;
        let known = &self.facts.code.vars[var as usize];
        let local = known.followed() && known.func == self.context.func && !self.context.looped;
        if local { Some(self.value(Value::Var(var))) } else { self.parameter_named(name) }
    }

    fn var_named(&mut self, name: &'a ast::ExprName) -> Option<u32> {
        match self.resolve_text(name.id.as_str()) {
            Resolved::Var(var) => Some(var),
            _ => None,
        }
    }
}

/// Whether a statement has no others in it.
fn is_simple(stmt: &Stmt) -> bool {
    !matches!(
        stmt,
        Stmt::If(_) | Stmt::For(_) | Stmt::While(_) | Stmt::With(_) | Stmt::Try(_) | Stmt::Match(_)
    )
}

/// Whether nothing after the statement in its block runs.
fn leaves(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::Return(_) | Stmt::Raise(_) | Stmt::Continue(_) | Stmt::Break(_))
}
