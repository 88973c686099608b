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
use ruff_text_size::{Ranged, TextSize};
use smallvec::SmallVec;

use super::operation::OpKind;
use super::scope::Resolved;
use super::value::{Value, ValueId};
use super::walker::Walker;
use super::{Moment, Sym};

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
    /// It is an instance of a builtin class, or of one of several; the texts are their names.
    Is,
    /// It is an instance of none of them.
    IsNot,
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
    /// It is an integer between two, or one of them; what is unknown of them is no limit.
    Within,
    /// It is less than the first, or more than the second.
    Outside,
    /// The import statement that gives it fails.
    Fails,
    /// It does not.
    Succeeds,
    /// It is the object that a name of the module stands for: `value is MISSING`.
    IsThat,
    /// It is another one.
    IsOther,
}

impl Asked {
    /// All, by their numbers.
    pub(super) const ALL: [Self; 18] = [
        Self::True,
        Self::False,
        Self::IsNone,
        Self::NotNone,
        Self::Is,
        Self::IsNot,
        Self::Callable,
        Self::NotCallable,
        Self::Equals,
        Self::Differs,
        Self::Has,
        Self::Lacks,
        Self::Within,
        Self::Outside,
        Self::Fails,
        Self::Succeeds,
        Self::IsThat,
        Self::IsOther,
    ];

    /// The opposite.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::IsNone => Self::NotNone,
            Self::NotNone => Self::IsNone,
            Self::Is => Self::IsNot,
            Self::IsNot => Self::Is,
            Self::Callable => Self::NotCallable,
            Self::NotCallable => Self::Callable,
            Self::Equals => Self::Differs,
            Self::Differs => Self::Equals,
            Self::Has => Self::Lacks,
            Self::Lacks => Self::Has,
            Self::Within => Self::Outside,
            Self::Outside => Self::Within,
            Self::IsThat => Self::IsOther,
            Self::IsOther => Self::IsThat,
            Self::Fails => Self::Succeeds,
            Self::Succeeds => Self::Fails,
        }
    }
}

/// A parameter, an attribute of one, or several of which one has to fit ([`Value::Either`]), what is asked of it, and what it is
/// compared with: a text or several, or two numbers ([`Value::Joined`]).
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

    /// The same for a block. There are very many tests of numbers and classes: they count where the block refuses what it gets.
    pub fn open_premises_of(&mut self, test: &'a Expr, outcome: bool, block: &[Stmt]) -> Open {
        let refuses = || match block.last() {
            Some(Stmt::Raise(_)) => true,
            // `fail("too large")`
            Some(Stmt::Expr(_)) => block.len() == 1,
            _ => false,
        };
        if asks_for_kind(test) && !refuses() {
            return Open::unknown();
        }
        self.open_premises(test, outcome, test.end())
    }

    /// What follows runs only if an import statement fails, until [`Walker::close_premises`].
    pub fn open_failed(&mut self, import: u32, at: TextSize) -> Open {
        let mut open = Open::unknown();
        if self.context.moment != Moment::Never && self.facts.code.premises < MOST {
            let of = self.value(Value::Import(import, 0));
            let asked = Asked::Fails;
            self.op(at, OpKind::When { of, asked, text: ValueId::OPAQUE, given: false, ops: 0 });
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
            // Whether what refuses numbers or classes runs, is asked there; then nothing is left to ask.
            Stmt::If(stmt)
                if stmt.body.last().is_some_and(Stmt::is_raise_stmt) && asks_for_kind(&stmt.test) =>
            {
                Open::unknown()
            }
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
                if let Some(premise) = self.asked_of_number(compare) {
                    return Some(premise);
                }
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
                if let (CmpOp::Is | CmpOp::IsNot, Expr::Name(_)) = (op, other) {
                    let other = self.quiet_value(other);
                    if !matches!(self.facts.code.value(other), Value::Global(_)) {
                        return None;
                    }
                    let of = self.parameter_or_attribute(left)?;
                    let asked = if *op == CmpOp::Is { Asked::IsThat } else { Asked::IsOther };
                    return Some((of, asked, other));
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
                let (asked, classes) = match (function.id.as_str(), &*call.arguments.args) {
                    ("callable", [_]) => (Asked::Callable, ValueId::OPAQUE),
                    ("isinstance", [_, classes]) => (Asked::Is, self.builtin_classes(classes)?),
                    _ => return None,
                };
                let function = function.id.as_str();
                let builtin = self.is_builtin_text(function, function);
                let of = match &call.arguments.args[0] {
                    Expr::Name(name) if builtin => self.followed_named(name)?,
                    attribute @ Expr::Attribute(_) if builtin => self.parameter_or_attribute(attribute)?,
                    _ => return None,
                };
                Some((of, asked, classes))
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

    /// Comparisons with integers that are written out: `size > 10`, `0 <= size < 100`.
    fn asked_of_number(&mut self, compare: &'a ast::ExprCompare) -> Option<Premise> {
        let (of, limits) = match (&*compare.left, &*compare.ops, &*compare.comparators) {
            (low, [first, second], [of, high]) => {
                let (low, high) = (integer(low)?, integer(high)?);
                let below = limits(flipped(*first)?, low)?;
                let above = limits(*second, high)?;
                (of, (below.0.max(above.0), below.1.min(above.1)))
            }
            (left, [op], [right]) => match (integer(left), integer(right)) {
                (None, Some(number)) => (left, limits(*op, number)?),
                (Some(number), None) => (right, limits(flipped(*op)?, number)?),
                _ => return None,
            },
            _ => return None,
        };
        let of = self.parameter_or_attribute(of)?;
        // What is too large to be kept is no number.
        let limit = |limit: i64, none: i64| {
            let value = if limit == none { ValueId::OPAQUE } else { ValueId::integer(limit) };
            Some(value).filter(|&value| value != ValueId::TRUE)
        };
        let (low, high) = (limit(limits.0, i64::MIN)?, limit(limits.1, i64::MAX)?);
        let asked = match (&*compare.ops, compare.ops.len()) {
            ([CmpOp::NotEq], 1) => Asked::Outside,
            _ => Asked::Within,
        };
        Some((of, asked, self.value(Value::Joined(low, high))))
    }

    /// The names of builtin classes: `str`, `(int, float)`.
    fn builtin_classes(&mut self, classes: &'a Expr) -> Option<ValueId> {
        let classes = match classes {
            Expr::Tuple(tuple) => &tuple.elts[..],
            class => std::slice::from_ref(class),
        };
        let mut any = None;
        for class in classes {
            let class = class.as_name_expr()?.id.as_str();
            if !BUILTIN_CLASSES.contains(&class) || !self.is_builtin_text(class, class) {
                return None;
            }
            let name = self.value(Value::Str(Sym::new(class)));
            any = Some(any.map_or(name, |any| self.value(Value::Either(any, name))));
        }
        any
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

/// Classes of which it is known what is no instance of them.
const BUILTIN_CLASSES: &[&str] = &[
    "str",
    "int",
    "float",
    "complex",
    "bool",
    "bytes",
    "bytearray",
    "list",
    "tuple",
    "dict",
    "set",
    "frozenset",
];

/// An integer that is written out: `10`, `-1`.
fn integer(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::NumberLiteral(literal) => match &literal.value {
            ast::Number::Int(int) => int.as_i64(),
            _ => None,
        },
        Expr::UnaryOp(unary) if unary.op == UnaryOp::USub => integer(&unary.operand)?.checked_neg(),
        _ => None,
    }
}

/// The integers that fit a comparison with one on the right, from the first to the last; those that do not, if the comparison is `!=`.
fn limits(op: CmpOp, number: i64) -> Option<(i64, i64)> {
    Some(match op {
        CmpOp::Lt => (i64::MIN, number.checked_sub(1)?),
        CmpOp::LtE => (i64::MIN, number),
        CmpOp::Gt => (number.checked_add(1)?, i64::MAX),
        CmpOp::GtE => (number, i64::MAX),
        CmpOp::Eq | CmpOp::NotEq => (number, number),
        CmpOp::Is | CmpOp::IsNot | CmpOp::In | CmpOp::NotIn => return None,
    })
}

/// The comparison with its sides exchanged.
fn flipped(op: CmpOp) -> Option<CmpOp> {
    Some(match op {
        CmpOp::Lt => CmpOp::Gt,
        CmpOp::LtE => CmpOp::GtE,
        CmpOp::Gt => CmpOp::Lt,
        CmpOp::GtE => CmpOp::LtE,
        CmpOp::Eq | CmpOp::NotEq => op,
        CmpOp::Is | CmpOp::IsNot | CmpOp::In | CmpOp::NotIn => return None,
    })
}

/// Whether a test asks for numbers or classes only.
fn asks_for_kind(test: &Expr) -> bool {
    match test {
        Expr::UnaryOp(unary) => asks_for_kind(&unary.operand),
        Expr::Compare(compare) => compare.comparators.iter().any(|other| integer(other).is_some()),
        Expr::Call(call) => {
            matches!(&*call.func, Expr::Name(name) if name.id.as_str() == "isinstance")
                && !matches!(call.arguments.args.get(1), Some(Expr::Name(class)) if class.id.as_str() == "str")
        }
        _ => false,
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
