//! Attributes that a class gives each of its subclasses.
//!
//! ```python
//! class Command:
//!     handlers = {}
//!     def __init_subclass__(cls):
//!         cls.handlers = dict(cls.handlers)     # each subclass has its own
//! class Git(Command): pass
//! Git.handlers["push"] = push                   # changes nothing of `Command`
//! ```

use std::sync::Arc as Rc;

use smallvec::smallvec;

use super::{Abs, AbsSet, ClassRef, Interpreter, elements_of};
use crate::facts::{Code, FuncId, OpKind, Sym, Value, ValueId};
use crate::program::callees::function_behind;

/// Functions and classes of the library that make a new container.
const NEW_CONTAINERS: &[&str] =
    &["dict", "list", "set", "OrderedDict", "defaultdict", "deque", "Counter", "copy", "deepcopy"];

impl Interpreter<'_> {
    /// Whether an attribute that `class` finds in a base has been made anew for it by the hook of a base.
    pub(super) fn is_made_for_each(&mut self, class: &ClassRef, found_in: &ClassRef, attr: Sym) -> bool {
        if class == found_in {
            return false;
        }
        // Only the first hook certainly runs.
        let Some((module, func)) = self.mro(class).iter().skip(1).find_map(|base| {
            let code = self.code(base.module);
            let members = &code.classes[base.class as usize].members;
            let (_, value) = members.iter().rev().find(|(name, _)| *name == "__init_subclass__")?;
            Some((base.module, function_behind(code, *value)?))
        }) else {
            return false;
        };
        makes_attribute(self.code(module), func, attr, |name| {
            !self.program.module(module).facts.names.get(name).is_some_and(|info| info.otherwise)
        })
    }

    /// A new container of an object with the elements of others.
    pub(super) fn copied_to(&mut self, holder: &Abs, found: &AbsSet) -> AbsSet {
        let elements: AbsSet = found.iter().flat_map(elements_of).collect();
        smallvec![Abs::Holder(Rc::new(elements), self.full_owner(holder))]
    }
}

/// Whether a hook stores a new container under the attribute of the class that it is given, in any case and nothing else.
fn makes_attribute(code: &Code, func: FuncId, attr: Sym, foreign: impl Fn(Sym) -> bool) -> bool {
    let this = code.function(func).params.start;
    let is_new = |value: ValueId| match code.value(value) {
        Value::Fresh | Value::Holder(_) => true,
        Value::Call(call) => match code.value(code.call(call).callee) {
            Value::Global(name) => NEW_CONTAINERS.contains(&name.as_str()) && foreign(name),
            Value::Attr(_, name) => NEW_CONTAINERS.contains(&name.as_str()),
            _ => false,
        },
        _ => false,
    };
    let mut made = false;
    for op in code.ops_of(func) {
        match op.kind {
            OpKind::SetAttr { base, attr: stored, value, .. }
                if stored == attr && code.value(base) == Value::Var(this) =>
            {
                if !is_new(value) {
                    return false;
                }
                made |= !op.conditional && !op.guarded && !op.may_have_left;
            }
            _ => {}
        }
    }
    made
}
