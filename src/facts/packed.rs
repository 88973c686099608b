//! Operations, calls and reads as they are kept: there are millions of them.

use ruff_text_size::{TextRange, TextSize};

use super::code::FuncId;
use super::keep::Kept;
use super::operation::{Added, CallRole, Op, OpKind};
use super::premise::Asked;
use super::value::ValueId;
use super::{Annotation, FixedUse, Moment, Read, ReadKind, Sym};

/// A [`super::Call`] without what its successor says: where the arguments end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PackedCall {
    pub callee: ValueId,
    pub args: u32,
    /// The place of the first keyword, times [`Unpacked::COUNT`], plus the number of what is unpacked.
    pub keywords: u32,
}

/// An [`Op`].
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedOp {
    at: TextSize,
    kind: Kind,
    flags: u8,
    /// A role, a method, a flag.
    extra: u16,
    first: u32,
    second: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Call,
    SetAttr,
    ChangeInPlace,
    SetItem,
    DelAttr,
    DelItem,
    SetGlobal,
    DelGlobal,
    Bind,
    DefineClass,
    Import,
    Read,
    Load,
    Operate,
    Execute,
    Raise,
    When,
    Return,
}

const GUARDED: u8 = 1;
const CONDITIONAL: u8 = 2;
const MAY_HAVE_LEFT: u8 = 4;
const MAIN_GUARD: u8 = 8;
const TOLD: u8 = 16;

/// What does not fit into a [`PackedOp`].
pub(super) type Wide = [u32; 4];

impl PackedOp {
    /// `wide` takes what does not fit.
    pub fn new(op: &Op, wide: &mut Vec<Wide>) -> Self {
        let mut further = |words: Wide| {
            wide.push(words);
            u32::try_from(wide.len() - 1).expect("a module has fewer than 2^32 operations")
        };
        let number = |value: ValueId| value.number();
        let (kind, extra, first, second) = match op.kind {
            OpKind::Call { call, role } => (Kind::Call, role as u16, call, 0),
            OpKind::SetAttr { base, attr, value, memo } => {
                let place = further([number(base), attr.number(), number(value), 0]);
                (Kind::SetAttr, u16::from(memo), place, 0)
            }
            OpKind::ChangeInPlace { base, value, added } => {
                (Kind::ChangeInPlace, added as u16, number(base), number(value))
            }
            OpKind::SetItem { base, key, value, cache } => {
                let cache = cache.map_or(0, Sym::number);
                (Kind::SetItem, 0, further([number(base), number(key), number(value), cache]), 0)
            }
            OpKind::DelAttr { base, attr } => (Kind::DelAttr, 0, number(base), attr.number()),
            OpKind::DelItem { base, key } => (Kind::DelItem, 0, number(base), number(key)),
            OpKind::SetGlobal { name, value } => (Kind::SetGlobal, 0, name.number(), number(value)),
            OpKind::DelGlobal { name } => (Kind::DelGlobal, 0, name.number(), 0),
            OpKind::Bind { var, value } => (Kind::Bind, 0, var, number(value)),
            OpKind::DefineClass(class) => (Kind::DefineClass, 0, class, 0),
            OpKind::Import(import) => (Kind::Import, 0, import, 0),
            OpKind::Read(value) => (Kind::Read, 0, number(value), 0),
            OpKind::Load { base, key } => (Kind::Load, 0, number(base), number(key)),
            OpKind::Operate { on, other, method } => {
                let method = u16::try_from(method.number()).expect("a special method is one of the words");
                (Kind::Operate, method, number(on), number(other))
            }
            OpKind::Execute => (Kind::Execute, 0, 0, 0),
            OpKind::Raise { failed } => (Kind::Raise, 0, failed, 0),
            OpKind::When { of, asked, text, given, ops } => {
                let place = further([number(of), number(text), ops, u32::from(given)]);
                (Kind::When, asked as u16, place, 0)
            }
            OpKind::Return(value) => (Kind::Return, 0, number(value), 0),
        };
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let flags = flag(op.guarded, GUARDED)
            | flag(op.conditional, CONDITIONAL)
            | flag(op.may_have_left, MAY_HAVE_LEFT)
            | flag(op.main_guard, MAIN_GUARD)
            | flag(op.told, TOLD);
        Self { at: op.at, kind, flags, extra, first, second }
    }

    /// Whether another operation of the same function does nothing that this one has not done already: it is the same, and this one
    /// runs whenever the function runs so far. (Values do not depend on the order of statements.)
    pub fn covers(self, other: Self) -> bool {
        let same = |op: Self| (op.kind, op.extra, op.first, op.second);
        same(self) == same(other) && self.flags & other.flags == self.flags
    }

    /// Sets how many operations depend on an [`OpKind::When`].
    pub fn set_dependent(self, wide: &mut [Wide], ops: u32) {
        wide[self.first as usize][2] = ops;
    }

    #[expect(clippy::inline_always, reason = "who asks for one kind, looks at no other")]
    #[inline(always)]
    pub fn op(self, wide: &[Wide]) -> Op {
        let (first, second) = (self.first, self.second);
        let (value, name) = (ValueId::numbered, Sym::numbered);
        let kind = match self.kind {
            Kind::Call => {
                let role = match self.extra {
                    0 => CallRole::Used,
                    1 => CallRole::Dropped,
                    _ => CallRole::Decorator,
                };
                OpKind::Call { call: first, role }
            }
            Kind::SetAttr => {
                let [base, attr, stored, _] = wide[first as usize];
                OpKind::SetAttr {
                    base: value(base),
                    attr: name(attr),
                    value: value(stored),
                    memo: self.extra == 1,
                }
            }
            Kind::ChangeInPlace => {
                let added = match self.extra {
                    0 => Added::Display,
                    1 => Added::Unknown,
                    _ => Added::ForLists,
                };
                OpKind::ChangeInPlace { base: value(first), value: value(second), added }
            }
            Kind::SetItem => {
                let [base, key, stored, cache] = wide[first as usize];
                let cache = (cache > 0).then(|| name(cache));
                OpKind::SetItem { base: value(base), key: value(key), value: value(stored), cache }
            }
            Kind::DelAttr => OpKind::DelAttr { base: value(first), attr: name(second) },
            Kind::DelItem => OpKind::DelItem { base: value(first), key: value(second) },
            Kind::SetGlobal => OpKind::SetGlobal { name: name(first), value: value(second) },
            Kind::DelGlobal => OpKind::DelGlobal { name: name(first) },
            Kind::Bind => OpKind::Bind { var: first, value: value(second) },
            Kind::DefineClass => OpKind::DefineClass(first),
            Kind::Import => OpKind::Import(first),
            Kind::Read => OpKind::Read(value(first)),
            Kind::Load => OpKind::Load { base: value(first), key: value(second) },
            Kind::Operate => OpKind::Operate {
                on: value(first),
                other: value(second),
                method: name(u32::from(self.extra)),
            },
            Kind::Execute => OpKind::Execute,
            Kind::Raise => OpKind::Raise { failed: first },
            Kind::When => {
                let [of, text, ops, given] = wide[first as usize];
                let asked = Asked::ALL[usize::from(self.extra)];
                OpKind::When { of: value(of), asked, text: value(text), given: given == 1, ops }
            }
            Kind::Return => OpKind::Return(value(first)),
        };
        Op {
            at: self.at,
            guarded: self.flags & GUARDED != 0,
            conditional: self.flags & CONDITIONAL != 0,
            may_have_left: self.flags & MAY_HAVE_LEFT != 0,
            main_guard: self.flags & MAIN_GUARD != 0,
            told: self.flags & TOLD != 0,
            kind,
        }
    }
}

/// A [`Read`].
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedRead {
    pub(super) name: Sym,
    pub(super) range: TextRange,
    pub(super) kind: Reading,
    pub(super) moment: Moment,
    /// How many names of `chains` belong to it.
    pub(super) chain_length: u16,
    pub(super) func: FuncId,
    /// Where they begin; for what has an annotation or a subject, the place in `placed` that tells.
    pub(super) chain: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Attribute,
    Call,
    Subscript,
    TypeTest,
    Dropped,
    Escape,
    ClassPattern,
    AugmentedAssignment,
    DebugText,
    TemplateString,
    Annotation,
}

/// What several reads have in common.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shared<C, A, S, P> {
    /// Names of attributes, see [`Read::chain`].
    pub chains: C,
    /// Annotations.
    pub annotations: A,
    /// Subjects of `match` statements.
    pub subjects: S,
    /// Where a chain begins, and which annotation or subject goes with it.
    pub placed: P,
}

pub(super) type SharedDraft = Shared<Vec<Sym>, Vec<Annotation>, Vec<TextRange>, Vec<(u32, u32)>>;
pub(super) type SharedFacts = Shared<Kept<Sym>, Kept<Annotation>, Kept<TextRange>, Kept<(u32, u32)>>;

impl PackedRead {
    pub fn new(
        (name, range): (Sym, TextRange),
        kind: ReadKind,
        (moment, func): (Moment, FuncId),
        chain: impl Iterator<Item = Sym>,
        shared: &mut SharedDraft,
    ) -> Self {
        let count = |n: usize| u32::try_from(n).expect("a module has fewer than 2^32 names");
        let mut place = None;
        let kind = match kind {
            ReadKind::Attribute => Reading::Attribute,
            ReadKind::Call => Reading::Call,
            ReadKind::Subscript => Reading::Subscript,
            ReadKind::TypeTest => Reading::TypeTest,
            ReadKind::Dropped => Reading::Dropped,
            ReadKind::Escape => Reading::Escape,
            ReadKind::Fixed(FixedUse::AugmentedAssignment) => Reading::AugmentedAssignment,
            ReadKind::Fixed(FixedUse::DebugText) => Reading::DebugText,
            ReadKind::Fixed(FixedUse::TemplateString) => Reading::TemplateString,
            ReadKind::ClassPattern(subject) => {
                place = Some(last_or_new(&mut shared.subjects, subject));
                Reading::ClassPattern
            }
            ReadKind::Annotation(annotation) => {
                place = Some(last_or_new(&mut shared.annotations, annotation));
                Reading::Annotation
            }
        };
        let start = shared.chains.len();
        shared.chains.extend(chain.take(usize::from(u16::MAX)));
        let chain_length = u16::try_from(shared.chains.len() - start).unwrap_or(u16::MAX);
        let chain = if let Some(place) = place {
            shared.placed.push((count(start), place));
            count(shared.placed.len() - 1)
        } else {
            count(start)
        };
        Self { name, range, kind, moment, chain_length, func, chain }
    }

    pub fn read(self, shared: &SharedFacts) -> Read {
        let (chain, place) = match self.kind {
            Reading::ClassPattern | Reading::Annotation => shared.placed[self.chain as usize],
            _ => (self.chain, 0),
        };
        let (chain, place) = (chain as usize, place as usize);
        let kind = match self.kind {
            Reading::Attribute => ReadKind::Attribute,
            Reading::Call => ReadKind::Call,
            Reading::Subscript => ReadKind::Subscript,
            Reading::TypeTest => ReadKind::TypeTest,
            Reading::Dropped => ReadKind::Dropped,
            Reading::Escape => ReadKind::Escape,
            Reading::AugmentedAssignment => ReadKind::Fixed(FixedUse::AugmentedAssignment),
            Reading::DebugText => ReadKind::Fixed(FixedUse::DebugText),
            Reading::TemplateString => ReadKind::Fixed(FixedUse::TemplateString),
            Reading::ClassPattern => ReadKind::ClassPattern(shared.subjects[place]),
            Reading::Annotation => ReadKind::Annotation(shared.annotations[place]),
        };
        Read {
            name: self.name,
            range: self.range,
            kind,
            moment: self.moment,
            func: self.func,
            chain: &shared.chains.as_slice()[chain..chain + usize::from(self.chain_length)],
        }
    }
}

fn last_or_new<T: PartialEq>(items: &mut Vec<T>, item: T) -> u32 {
    if items.last() != Some(&item) {
        items.push(item);
    }
    u32::try_from(items.len() - 1).expect("a module has fewer than 2^32 names")
}
