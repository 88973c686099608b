//! What a statement or expression does, abstracted: calls, stores, class definitions, with the place where it stands.
//!
//! Control flow is forgotten but for what an operation's flags and the premises around it say.

use ruff_text_size::TextSize;

use super::Sym;
use super::premise::Asked;
use super::value::ValueId;

/// An operation with its place.
#[derive(Clone, Copy, Debug)]
pub struct Op {
    /// Where it stands.
    pub at: TextSize,
    /// In the body of a `try` that has handlers.
    pub guarded: bool,
    /// Under a condition, in a loop or a handler.
    pub conditional: bool,
    /// The function may have returned before.
    pub may_have_left: bool,
    /// It runs if the premises in force hold, whatever the other flags say.
    pub told: bool,
    /// Only in the main program (`if __name__ == "__main__"`).
    pub main_guard: bool,
    /// What it does.
    pub kind: OpKind,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpKind {
    /// A call; index into [`Code::calls`].
    Call {
        /// Index into [`Code::calls`].
        call: u32,
        /// What becomes of the result.
        role: CallRole,
    },
    /// `base.attr = value`.
    SetAttr {
        /// The object that changes.
        base: ValueId,
        /// The attribute.
        attr: Sym,
        /// What is stored.
        value: ValueId,
        /// `if x._y is None: x._y = …` in a function: nobody sees it before, and all see the same after.
        memo: bool,
    },
    /// `base += value` and the like, which changes the object itself if it has a place to change.
    ChangeInPlace {
        /// The object.
        base: ValueId,
        /// What is added.
        value: ValueId,
        /// What that says about the object.
        added: Added,
    },
    /// `base[…] = value`, or `base.attr[…] op= …` and the like.
    SetItem {
        /// The container that changes.
        base: ValueId,
        /// The index, if it is a string constant.
        key: ValueId,
        /// What is stored.
        value: ValueId,
        /// The name of the container, if it is a cache as far as its module shows: nobody can tell what is there already.
        cache: Option<Sym>,
    },
    /// `del base.attr`.
    DelAttr {
        /// The object that changes.
        base: ValueId,
        /// The attribute.
        attr: Sym,
    },
    /// `del base[…]`.
    DelItem {
        /// The container that changes.
        base: ValueId,
        /// The index, if it is a string constant.
        key: ValueId,
    },
    /// A name of the module's namespace is bound (module level, or `global` in a function).
    SetGlobal {
        /// The name.
        name: Sym,
        /// What it is bound to.
        value: ValueId,
    },
    /// A name of the module's namespace is deleted.
    DelGlobal {
        /// The name.
        name: Sym,
    },
    /// A variable of the function is bound; see [`Var::followed`].
    Bind {
        /// Index into [`Code::vars`].
        var: u32,
        /// What it is bound to.
        value: ValueId,
    },
    /// A class statement; index into [`Code::classes`].
    DefineClass(u32),
    /// An import statement; index into [`super::ModuleFacts::imports`].
    Import(u32),
    /// A value is kept: a default of a parameter, a member of a class.
    Read(ValueId),
    /// An item is read, which may run code, make the item, or depend on state: `os.environ["X"]`, `groups["admin"]`.
    Load {
        /// The container.
        base: ValueId,
        /// The index, if it is a string constant.
        key: ValueId,
    },
    /// An operator other than a call is applied: `bus << handler`, `-x`, `for … in x`.
    Operate {
        /// The operand whose class says what happens.
        on: ValueId,
        /// The other operand.
        other: ValueId,
        /// The special method: `__lshift__`.
        method: Sym,
    },
    /// `exec` runs a text about which nothing is known in a namespace of its own.
    Execute,
    /// A `raise` statement.
    Raise {
        /// If it stands in the handler of one import statement, that one's index and one more; otherwise 0.
        failed: u32,
    },
    /// The operations that follow run only if a parameter is what is asked.
    When {
        /// The parameter, or several of which one has to fit.
        of: ValueId,
        /// What is asked.
        asked: Asked,
        /// The text that it is compared with.
        text: ValueId,
        /// The parameter still is what the call gave, although it may be bound again later.
        given: bool,
        /// How many operations depend on it.
        ops: u32,
    },
    /// A value is returned where a parameter decides whether.
    Return(ValueId),
}

impl OpKind {
    /// The same without integers where they tell nothing: a module in which only such a one changes, says the same as before.
    pub(super) fn without_numbers(self) -> Self {
        match self {
            Self::Operate { on, other, method } => {
                Self::Operate { on: on.without_number(), other: other.without_number(), method }
            }
            Self::Load { base, key } => Self::Load { base, key: key.without_number() },
            Self::SetItem { base, key, value, cache } => {
                Self::SetItem { base, key: key.without_number(), value: value.without_number(), cache }
            }
            Self::DelItem { base, key } => Self::DelItem { base, key: key.without_number() },
            Self::ChangeInPlace { base, value, added } => {
                Self::ChangeInPlace { base, value: value.without_number(), added }
            }
            other => other,
        }
    }

    /// The container that the operation puts into, takes from or adds to, with the index; [`ValueId::OPAQUE`] if any may be meant.
    pub fn changed_item(&self) -> Option<(ValueId, ValueId)> {
        match *self {
            Self::SetItem { base, key, .. } | Self::DelItem { base, key } => Some((base, key)),
            Self::ChangeInPlace { base, .. } => Some((base, ValueId::OPAQUE)),
            _ => None,
        }
    }
}

/// What is added to an object in place, and what it says about the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// A list, dictionary or set that is written out: texts, numbers and tuples do not take it.
    Display,
    /// Anything that has a name or is computed.
    Unknown,
    /// What only a list takes in place: a tuple, a text, a number of repetitions.
    ForLists,
}

/// What becomes of the result of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallRole {
    /// It is used.
    Used,
    /// The call is a statement: it is made for its effect.
    Dropped,
    /// A decorator: the result replaces the function or class.
    Decorator,
}
