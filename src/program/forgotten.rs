//! Entries that the program takes out of `sys.modules`: who imports such a module afterwards loads it once more.
//!
//! ```python
//! def fresh():
//!     sys.modules.pop("state", None)
//!     return importlib.import_module("state")
//! ```

use rustc_hash::FxHashSet;

use super::{ModuleId, Program};
use crate::facts::{Code, MarkKind, Op, OpKind, Sym, Value, ValueId};

/// Whether a value is `sys.modules`, by its name.
pub(super) fn is_modules(code: &Code, value: ValueId) -> bool {
    matches!(code.value(value), Value::Attr(_, name) | Value::Global(name) if name == "modules")
}

/// The key of the entry that an operation takes out of `sys.modules`; an opaque one for all.
pub(super) fn taken_out(code: &Code, op: &Op) -> Option<ValueId> {
    match op.kind {
        OpKind::DelItem { base, key } => is_modules(code, base).then_some(key),
        OpKind::Call { call, .. } => {
            let call = &code.call(call);
            let Value::Attr(base, method) = code.value(call.callee) else { return None };
            let takes = matches!(method.as_str(), "pop" | "clear") && is_modules(code, base);
            takes.then(|| code.positional(call).first().copied().unwrap_or(ValueId::OPAQUE))
        }
        _ => None,
    }
}

/// Whether some module may take the entry of a module out of `sys.modules`.
pub(super) fn forgets(program: &Program, name: Sym) -> bool {
    program.ids().any(|id| {
        let code = &program.module(id).facts.code;
        let mut taken = code.ops_by_function().filter_map(|(_, op)| taken_out(code, &op));
        taken.any(|key| !matches!(code.value(key), Value::Str(other) if other != name))
    })
}

/// The modules that some function, or the main program, takes out by their names: that one import has loaded them, says nothing of
/// the next one.
pub(super) fn forgotten(program: &Program) -> FxHashSet<ModuleId> {
    let mut found = FxHashSet::default();
    for id in program.ids() {
        let facts = &program.module(id).facts;
        // Whoever does so is noted for that already.
        let names = |kind: MarkKind| matches!(kind, MarkKind::AsksSysModules(_) | MarkKind::ReplacesEntry(_));
        if !facts.marks.iter().any(|mark| names(mark.kind)) {
            continue;
        }
        let code = &facts.code;
        for (_, op) in code.ops_by_function().filter(|(func, op)| !func.is_module() || op.main_guard) {
            if let Some(Value::Str(name)) = taken_out(code, &op).map(|key| code.value(key)) {
                found.extend(program.find_from(id, name.as_str()));
            }
        }
    }
    found
}
