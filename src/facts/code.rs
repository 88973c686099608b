//! What a module's code calls and changes, small enough to keep for every module of a monorepo.
//!
//! An expression is abstracted to a [`Value`]: where the object comes from. A statement becomes zero
//! or more [`Op`]s: calls, stores, class definitions. Control flow is forgotten: an operation that
//! may run, counts. Values refer to each other by index, so a module's code is a few flat tables.
//!
//! ```python
//! registry.KINDS[name] = cls     # SetItem { base: Attr(Global(registry), KINDS), … }
//! def add(cls): table.append(cls)  # function 1, param 0; Call { callee: Attr(Global(table), append), args: [Var(0)] }
//! ```

use std::ops::Range;

use ruff_text_size::TextSize;
use smallvec::SmallVec;

use super::Sym;
use super::call::Unpacked;
use super::keep::Kept;
use super::operation::{Op, OpKind};
use super::packed::{PackedCall, PackedOp, Wide};
use super::value::{Value, ValueId};

/// Index into [`Code::functions`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Default)]
pub struct FuncId(pub u32);

impl FuncId {
    /// The pseudo function that holds import-time code.
    pub const MODULE: Self = Self(0);

    /// Whether this is import-time code.
    pub fn is_module(self) -> bool {
        self == Self::MODULE
    }

    /// Index into [`Code::functions`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is called.
    pub callee: ValueId,
    /// Positional arguments, then keyword values: indices into [`Code::args`].
    pub args: Range<u32>,
    /// Names of the keyword arguments, which are the last of `args`: indices into [`Code::keywords`].
    pub keywords: Range<u32>,
    /// Which of them are unpacked.
    pub unpacked: Unpacked,
}

/// A function, method or lambda.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name; `<lambda>` for lambdas and `<module>` for import-time code.
    pub name: Sym,
    /// The function it is defined in.
    pub parent: FuncId,
    /// The class it is a method of; index into [`Code::classes`].
    pub class: Option<u32>,
    /// Parameters, in order, as indices into [`Code::vars`].
    pub params: Range<u32>,
    /// The number of parameters that can be given by position.
    pub positional: u32,
    /// The last parameters are `*args` and `**kwargs`, if present.
    pub vararg: bool,
    /// See `vararg`.
    pub kwarg: bool,
    /// A generator: calling it runs nothing.
    pub generator: bool,
    /// A generator that runs something if it is closed where it waits: it does so within `try` or `with`.
    pub closes: bool,
    /// A coroutine function: calling it runs nothing.
    pub coroutine: bool,
    /// It binds variables of the function around it (`nonlocal`), but not only once, to keep what it computes.
    pub binds_outer: bool,
    /// Decorators, outermost first.
    pub decorators: Kept<ValueId>,
    /// The name of its first parameter.
    pub(super) first_param: u32,
    /// Where its operations begin; they end where those of the next function begin.
    pub(super) ops: u32,
    /// Where the values that it returns begin.
    pub(super) returns: u32,
    /// Where the `def` stands.
    pub at: TextSize,
}

impl Function {
    pub(super) fn new(name: Sym, parent: FuncId, at: TextSize) -> Self {
        Self {
            name,
            parent,
            class: None,
            params: 0..0,
            positional: 0,
            vararg: false,
            kwarg: false,
            generator: false,
            closes: false,
            coroutine: false,
            binds_outer: false,
            decorators: Kept::default(),
            first_param: 0,
            ops: 0,
            returns: 0,
            at,
        }
    }
}

/// A local variable or parameter.
#[derive(Clone, Copy, Debug)]
pub struct Var {
    /// Its name.
    pub name: Sym,
    /// The function it belongs to.
    pub func: FuncId,
    /// What a parameter is if the caller gives nothing; [`ValueId::OPAQUE`] if it has no default, or a new object.
    pub default: ValueId,
    /// Where the values begin that are assigned to it, and in the lowest bits what is said about it.
    pub(super) bits: u32,
}

impl Var {
    const NEEDED: u32 = 1;
    const REBOUND: u32 = 2;
    const FOLLOWED: u32 = 4;
    const FLAGS: u32 = 3;

    pub(super) fn new(name: Sym, func: FuncId) -> Self {
        Self { name, func, default: ValueId::OPAQUE, bits: 0 }
    }

    /// A parameter that every call has to give.
    pub fn needed(self) -> bool {
        self.bits & Self::NEEDED != 0
    }

    /// It is bound somewhere: for a parameter this means again.
    pub fn rebound(self) -> bool {
        self.bits & Self::REBOUND != 0
    }

    /// Wherever it is bound (again), an [`OpKind::Bind`] says so.
    pub fn followed(self) -> bool {
        self.bits & Self::FOLLOWED != 0
    }

    pub(super) fn set_needed(&mut self, needed: bool) {
        self.bits = self.bits & !Self::NEEDED | if needed { Self::NEEDED } else { 0 };
    }

    pub(super) fn bind(&mut self, followed: bool) {
        let followed = if followed { Self::FOLLOWED } else { 0 };
        self.bits = self.bits & !Self::FOLLOWED | Self::REBOUND | followed;
    }

    pub(super) fn set_assigned(&mut self, start: u32) {
        assert!(start < 1 << (u32::BITS - Self::FLAGS), "a module has fewer than 2^29 assignments");
        self.bits = self.bits & ((1 << Self::FLAGS) - 1) | start << Self::FLAGS;
    }

    fn assigned(self) -> usize {
        (self.bits >> Self::FLAGS) as usize
    }
}

/// A class statement.
#[derive(Clone, Debug)]
pub struct Class {
    /// Its name.
    pub name: Sym,
    /// The function in which it is defined.
    pub func: FuncId,
    /// Base classes.
    pub bases: Kept<ValueId>,
    /// The `metaclass` keyword.
    pub metaclass: Option<ValueId>,
    /// The other keywords.
    pub keywords: Kept<(Sym, ValueId)>,
    /// `*bases` or `**keywords` are given.
    pub star: bool,
    /// Decorators, outermost first.
    pub decorators: Kept<ValueId>,
    /// What the body binds.
    pub members: Kept<(Sym, ValueId)>,
    /// Attributes that `__init__` gives every instance.
    pub given: Kept<Sym>,
    /// `__init__` calls that of the base.
    pub calls_base: bool,
    /// Where the `class` stands.
    pub at: TextSize,
}

/// What a module's code calls and changes.
#[derive(Debug, Default)]
pub struct Code {
    /// Values that are made from others; the first are those that [`ValueId`] names.
    pub(super) compound: Kept<Value>,
    /// The strings among the values, each once.
    pub strings: Kept<Sym>,
    /// Variables of functions.
    pub vars: Kept<Var>,
    /// Names of parameters.
    pub(super) params: Kept<Sym>,
    /// Values assigned to variables.
    pub(super) assigned: Kept<ValueId>,
    pub(super) calls: Kept<PackedCall>,
    /// Arguments of calls.
    pub args: Kept<ValueId>,
    /// Keyword names of calls.
    pub keywords: Kept<Sym>,
    /// Functions; the first is import-time code.
    pub functions: Kept<Function>,
    /// Classes.
    pub classes: Kept<Class>,
    /// Operations, grouped by function, in source order.
    pub(super) ops: Kept<PackedOp>,
    pub(super) wide: Kept<Wide>,
    /// Values returned by functions.
    pub(super) returns: Kept<ValueId>,
    /// Module-level definitions: name to value, sorted by [`Sym::number`], those of one name in order of binding.
    pub globals: Kept<(Sym, ValueId)>,
}

impl Call {
    /// Whether it has `*args` or `**options`.
    pub fn unpacks(&self) -> bool {
        self.unpacked != Unpacked::Nothing
    }
}

impl Code {
    /// Whether something is done with a global name or attribute of these.
    pub fn mentions(&self, names: &[&str]) -> bool {
        // What no module names, has no number.
        let names: SmallVec<[Sym; 16]> = names.iter().filter_map(|name| Sym::find(name)).collect();
        !names.is_empty()
            && self.attributes().chain(self.globals_mentioned()).any(|name| names.contains(&name))
    }

    /// The global names that something is done with, some several times: arguments, what is called, what has an attribute read.
    pub fn globals_mentioned(&self) -> impl Iterator<Item = Sym> {
        let parts = self.compound.iter().flat_map(|value| match *value {
            Value::Attr(base, _)
            | Value::OwnAttr(base, _)
            | Value::Item(base)
            | Value::Holder(base)
            | Value::Sum(base) => [base, base],
            Value::Either(one, other) => [one, other],
            _ => [ValueId::OPAQUE; 2],
        });
        let called = self.calls.iter().map(|call| call.callee);
        let tables = [self.args, self.assigned, self.returns].into_iter().flatten().copied();
        parts.chain(called).chain(tables).filter_map(|value| match self.value(value) {
            Value::Global(name) => Some(name),
            _ => None,
        })
    }

    /// Whether import-time code calls what a global name stands for, and nothing else is done with the name: no function has it, nobody is given it.
    pub fn is_called_by_module_only(&self, name: Sym) -> bool {
        let is_name = |value: ValueId| self.value(value) == Value::Global(name);
        let mut calls = 0;
        for (func, op) in self.ops_by_function() {
            match op.kind {
                OpKind::Call { call, .. } if is_name(self.call(call).callee) => {
                    if !func.is_module() || op.main_guard {
                        return false;
                    }
                    calls += 1;
                }
                OpKind::SetAttr { value, .. }
                | OpKind::SetItem { value, .. }
                | OpKind::ChangeInPlace { value, .. }
                | OpKind::SetGlobal { value, .. }
                | OpKind::Bind { value, .. }
                | OpKind::Return(value)
                | OpKind::Read(value)
                    if is_name(value) =>
                {
                    return false;
                }
                _ => {}
            }
        }
        let kept = self.classes.iter().any(|class| {
            class.members.iter().any(|&(_, value)| is_name(value))
                || class.keywords.iter().any(|&(_, value)| is_name(value))
                || class.bases.iter().any(|&value| is_name(value))
                || class.decorators.iter().any(|&value| is_name(value))
                || class.metaclass.is_some_and(is_name)
        });
        calls > 0 && !kept && self.globals_mentioned().filter(|other| *other == name).count() == calls
    }

    /// The attributes that are read, each once or more.
    pub fn attributes(&self) -> impl Iterator<Item = Sym> {
        self.compound.iter().filter_map(|value| match *value {
            Value::Attr(_, attr) => Some(attr),
            _ => None,
        })
    }

    /// The attributes that are read, and of what.
    pub fn attributes_with_bases(&self) -> impl Iterator<Item = (ValueId, &'static [Sym])> {
        self.compound.as_slice().iter().filter_map(|value| match value {
            Value::Attr(base, name) => Some((*base, std::slice::from_ref(name))),
            _ => None,
        })
    }

    /// The chains of attributes that are read, `a.b.c` as `[a, b, c]`, without the first part if that has no name.
    pub fn chains(&self) -> impl Iterator<Item = Vec<Sym>> {
        self.compound.iter().filter(|value| matches!(value, Value::Attr(..))).map(|&value| {
            let mut parts = Vec::new();
            let mut at = value;
            while let Value::Attr(base, attr) = at {
                parts.push(attr);
                at = self.value(base);
            }
            match at {
                Value::Global(name) => parts.push(name),
                Value::Var(var) => parts.push(self.vars[var as usize].name),
                _ => {}
            }
            parts.reverse();
            parts
        })
    }

    /// The attributes that are read from variables of functions, with the variables.
    pub fn attributes_of_variables(&self) -> impl Iterator<Item = (u32, ValueId, Sym)> {
        self.compound.iter().filter_map(|value| match *value {
            Value::Attr(base, attr) => match self.value(base) {
                Value::Var(var) => Some((var, base, attr)),
                _ => None,
            },
            _ => None,
        })
    }

    /// The values that a global name is bound to, in order of binding.
    pub fn globals_of(&self, name: Sym) -> &'static [(Sym, ValueId)] {
        let start = self.globals.partition_point(|(n, _)| n.number() < name.number());
        let count = self.globals[start..].partition_point(|(n, _)| *n == name);
        &self.globals.as_slice()[start..start + count]
    }

    /// The value behind an index.
    #[inline]
    pub fn value(&self, id: ValueId) -> Value {
        id.value(&self.compound)
    }

    /// A call.
    pub fn call(&self, index: u32) -> Call {
        Call::at(&self.calls, index as usize, self.args.len(), self.keywords.len())
    }

    /// All calls.
    pub fn calls(&self) -> impl Iterator<Item = Call> {
        (0..self.calls.len()).map(|index| Call::at(&self.calls, index, self.args.len(), self.keywords.len()))
    }

    /// What the calls call, in the order of [`Code::calls`].
    pub fn callees(&self) -> impl Iterator<Item = ValueId> {
        self.calls.iter().map(|call| call.callee)
    }

    /// A function.
    pub fn function(&self, id: FuncId) -> &'static Function {
        &self.functions.as_slice()[id.index()]
    }

    /// The names of a function's parameters.
    pub fn params_of(&self, id: FuncId) -> &'static [Sym] {
        let function = self.function(id);
        let start = function.first_param as usize;
        &self.params.as_slice()[start..start + function.params.len()]
    }

    /// The operations of a function.
    pub fn ops_of(&self, id: FuncId) -> impl Iterator<Item = Op> {
        let end = self.functions.get(id.index() + 1).map_or(self.ops.len(), |next| next.ops as usize);
        let wide = self.wide.as_slice();
        self.ops.as_slice()[self.function(id).ops as usize..end].iter().map(|op| op.op(wide))
    }

    /// All operations, those of one function together.
    pub fn ops(&self) -> impl Iterator<Item = Op> {
        let wide = self.wide.as_slice();
        self.ops.into_iter().map(|op| op.op(wide))
    }

    /// All operations with their functions.
    pub fn ops_by_function(&self) -> impl Iterator<Item = (FuncId, Op)> {
        let wide = self.wide.as_slice();
        let functions = self.functions.as_slice();
        // Where the operations of the next function begin.
        let start_of = |id: usize| functions.get(id).map_or(usize::MAX, |function| function.ops as usize);
        let (mut id, mut end) = (0, start_of(1));
        self.ops.into_iter().enumerate().map(move |(index, op)| {
            while index >= end {
                id += 1;
                end = start_of(id as usize + 1);
            }
            (FuncId(id), op.op(wide))
        })
    }

    /// The values that a function may return.
    pub fn returns_of(&self, id: FuncId) -> &'static [ValueId] {
        let end = self.functions.get(id.index() + 1).map_or(self.returns.len(), |next| next.returns as usize);
        &self.returns.as_slice()[self.function(id).returns as usize..end]
    }

    /// The values assigned to a variable.
    pub fn assigned_to(&self, var: u32) -> &'static [ValueId] {
        let end = self.vars.get(var as usize + 1).map_or(self.assigned.len(), |next| next.assigned());
        &self.assigned.as_slice()[self.vars[var as usize].assigned()..end]
    }

    /// Whether a value, or another one that may be it, is assigned to a variable.
    pub fn is_assigned(&self, value: ValueId) -> bool {
        let is = |other: ValueId| match self.value(other) {
            Value::Either(a, b) => a == value || b == value,
            _ => other == value,
        };
        self.assigned.iter().any(|&other| is(other))
    }

    /// Positional arguments of a call.
    pub fn positional(&self, call: &Call) -> &'static [ValueId] {
        let end = call.args.end - (call.keywords.end - call.keywords.start);
        &self.args.as_slice()[call.args.start as usize..end as usize]
    }

    /// Keyword arguments of a call.
    pub fn keyword_args(&self, call: &Call) -> impl Iterator<Item = (Sym, ValueId)> + use<> {
        let count = call.keywords.end - call.keywords.start;
        let values = &self.args.as_slice()[(call.args.end - count) as usize..call.args.end as usize];
        let names = &self.keywords.as_slice()[call.keywords.start as usize..call.keywords.end as usize];
        names.iter().copied().zip(values.iter().copied())
    }

    /// `a.b.c` as `[a, b, c]` if the value is a chain of attributes of a global name.
    pub fn dotted(&self, mut id: ValueId) -> Option<Vec<Sym>> {
        let mut parts = Vec::new();
        loop {
            match self.value(id) {
                Value::Attr(base, attr) => {
                    parts.push(attr);
                    id = base;
                }
                Value::Global(name) => {
                    parts.push(name);
                    parts.reverse();
                    return Some(parts);
                }
                _ => return None,
            }
        }
    }
}
