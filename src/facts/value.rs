//! Expressions, abstracted to where their objects come from.

use super::Sym;
use super::code::FuncId;

/// Where an object comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// Anything at all.
    Opaque,
    /// Just created, or immutable.
    Fresh,
    /// A constant that is no text.
    Constant(Constant),
    /// A string constant.
    Str(Sym),
    /// A local variable or parameter; index into [`Code::vars`].
    Var(u32),
    /// A name of this module's namespace, or a builtin if the module does not bind it.
    Global(Sym),
    /// An attribute.
    Attr(ValueId, Sym),
    /// An attribute that is certainly the object's own, not its class's or a base's.
    OwnAttr(ValueId, Sym),
    /// An element of a container.
    Item(ValueId),
    /// The result of a call; index into [`Code::calls`].
    Call(u32),
    /// A function or lambda of this module.
    Function(FuncId),
    /// A class of this module; index into [`Code::classes`].
    Class(u32),
    /// One of two values.
    Either(ValueId, ValueId),
    /// What an import statement in a function binds: indices into [`super::ModuleFacts::imports`] and its aliases.
    Import(u32, u32),
    /// A new container (display or comprehension) that holds the given value among others.
    Holder(ValueId),
    /// The entry of `sys.modules` with this name; without a name that of the module itself.
    Loaded(Option<Sym>),
    /// The entry of `sys.modules` whose name is this value.
    LoadedAs(ValueId),
    /// A text that begins with the one value and ends with the other, where an attribute or a variable of the environment is asked for:
    /// `getattr(x, "do_" + name)`, `os.environ.get(PREFIX + name)`.
    Joined(ValueId, ValueId),
    /// What `+` or `|` makes of two values, of which this is one or the other: a new container with the elements of both, or what an
    /// object makes of it.
    Sum(ValueId),
}

impl Value {
    /// The values that [`ValueId`] names, in the order of their numbers.
    pub(super) const NAMED: [Self; 5] = [
        Self::Opaque,
        Self::Fresh,
        Self::Constant(Constant::None),
        Self::Constant(Constant::False),
        Self::Constant(Constant::True),
    ];
}

/// A constant, as far as tests can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Constant {
    /// `None`.
    None,
    /// Another one that counts as false.
    False,
    /// One that counts as true.
    True,
    /// An integer that is written out, unless it is very large.
    Number(i32),
}

impl Constant {
    /// What it counts as.
    pub fn truth(self) -> bool {
        match self {
            Self::None | Self::False => false,
            Self::True => true,
            Self::Number(number) => number != 0,
        }
    }
}

/// What stands for a [`Value`]: the value itself where that is a kind and a number, else an index into [`Code::compound`].
/// Equal ones stand for the same value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
pub struct ValueId(u32);

impl ValueId {
    /// Anything at all.
    pub const OPAQUE: Self = Self(0);
    /// An object that did not exist before the expression was evaluated, or an immutable one.
    pub const FRESH: Self = Self(1);
    /// `None`.
    pub const NONE: Self = Self(2);
    /// Another constant that counts as false.
    pub const FALSE: Self = Self(3);
    /// A constant that counts as true.
    pub const TRUE: Self = Self(4);

    /// The lower bits hold the number, the upper the kind.
    const NUMBER: u32 = (1 << 28) - 1;
    const STR: u32 = 1 << 28;
    const VAR: u32 = 2 << 28;
    const GLOBAL: u32 = 3 << 28;
    const CALL: u32 = 4 << 28;
    const FUNCTION: u32 = 5 << 28;
    const CLASS: u32 = 6 << 28;
    const INT: u32 = 7 << 28;
    /// What is added to an integer, so that none is negative.
    const ZERO: i32 = 1 << 27;

    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// Whether the value is one of those that have names here: where it comes from says nothing about who else has it.
    pub fn is_plain(self) -> bool {
        self.0 <= Self::TRUE.0 || self.is_number()
    }

    /// Whether the value is a constant other than a text.
    pub fn is_constant(self) -> bool {
        matches!(self, Self::NONE | Self::FALSE | Self::TRUE) || self.is_number()
    }

    /// The same as a constant of which only the truth is known: where a number tells nothing, another one says the same.
    pub(super) fn without_number(self) -> Self {
        if self.is_number() { Self::constant(self != Self::integer(0)) } else { self }
    }

    fn is_number(self) -> bool {
        self.0 & !Self::NUMBER == Self::INT
    }

    /// An integer that is written out.
    pub(super) fn integer(integer: i64) -> Self {
        let number = i32::try_from(integer).ok().filter(|number| (-Self::ZERO..Self::ZERO).contains(number));
        match number {
            Some(number) => Self::new(Self::INT, (number + Self::ZERO).cast_unsigned()),
            None => Self::TRUE,
        }
    }

    /// A constant by what it counts as.
    pub(super) fn constant(truth: bool) -> Self {
        if truth { Self::TRUE } else { Self::FALSE }
    }

    /// The one with a number that [`ValueId::number`] gave.
    pub(super) fn numbered(number: u32) -> Self {
        Self(number)
    }

    /// What stands for a value that is not made from others.
    pub(super) fn of(value: Value) -> Option<Self> {
        match value {
            Value::Opaque => Some(Self::OPAQUE),
            Value::Fresh => Some(Self::FRESH),
            Value::Constant(Constant::None) => Some(Self::NONE),
            Value::Constant(Constant::False) => Some(Self::FALSE),
            Value::Constant(Constant::True) => Some(Self::TRUE),
            Value::Constant(Constant::Number(number)) => Some(Self::integer(i64::from(number))),
            Value::Str(text) => Some(Self::new(Self::STR, text.number())),
            Value::Var(var) => Some(Self::new(Self::VAR, var)),
            Value::Global(name) => Some(Self::new(Self::GLOBAL, name.number())),
            Value::Call(call) => Some(Self::new(Self::CALL, call)),
            Value::Function(function) => Some(Self::new(Self::FUNCTION, function.0)),
            Value::Class(class) => Some(Self::new(Self::CLASS, class)),
            Value::Attr(..)
            | Value::OwnAttr(..)
            | Value::Item(_)
            | Value::Either(..)
            | Value::Import(..)
            | Value::Holder(_)
            | Value::Loaded(_)
            | Value::LoadedAs(_)
            | Value::Joined(..)
            | Value::Sum(_) => None,
        }
    }

    /// What stands for one that is.
    pub(super) fn compound(index: usize) -> Self {
        Self::new(0, u32::try_from(index).unwrap_or(u32::MAX))
    }

    pub(super) fn value(self, compound: &[Value]) -> Value {
        let number = self.0 & Self::NUMBER;
        match self.0 & !Self::NUMBER {
            Self::STR => Value::Str(Sym::numbered(number)),
            Self::VAR => Value::Var(number),
            Self::GLOBAL => Value::Global(Sym::numbered(number)),
            Self::CALL => Value::Call(number),
            Self::FUNCTION => Value::Function(FuncId(number)),
            Self::CLASS => Value::Class(number),
            Self::INT => Value::Constant(Constant::Number(number.cast_signed() - Self::ZERO)),
            _ => compound[number as usize],
        }
    }

    /// The kind and the number.
    pub(super) fn parts(self) -> (u8, u32) {
        ((self.0 >> 28).to_le_bytes()[0], self.0 & Self::NUMBER)
    }

    /// What has these parts; `None` if there is no such kind, or it has names.
    pub(super) fn from_parts(kind: u8, number: u64) -> Option<Self> {
        let number = u32::try_from(number).ok().filter(|&number| number <= Self::NUMBER)?;
        (kind <= 7 && !Self::is_named(kind)).then_some(Self(u32::from(kind) << 28 | number))
    }

    /// Whether the number of this kind is that of a name.
    pub(super) fn is_named(kind: u8) -> bool {
        matches!(u32::from(kind) << 28, Self::STR | Self::GLOBAL)
    }

    /// The name, if it is of such a kind.
    pub(super) fn name(self) -> Option<Sym> {
        let (kind, number) = self.parts();
        Self::is_named(kind).then(|| Sym::numbered(number))
    }

    /// One of such a kind.
    pub(super) fn with_name(kind: u8, name: Sym) -> Self {
        Self::new(u32::from(kind) << 28, name.number())
    }

    fn new(kind: u32, number: u32) -> Self {
        assert!(
            number <= Self::NUMBER,
            "a program has fewer than 2^28 names, and a module fewer expressions"
        );
        Self(kind | number)
    }
}
