//! Who decides about warnings of any class.
//!
//! ```python
//! # lib/old.py
//! class LibWarning(DeprecationWarning): ...
//! warnings.simplefilter("always", LibWarning)
//! # main.py
//! import lib                                # imports lib.old
//! def main():
//!     warnings.simplefilter("ignore")       # the newest filter wins
//! ```
//!
//! A module that filters warnings of a class of its own changes nothing for others: nobody can give such a warning before it is loaded. But
//! filters have an order, and a block that restores them takes away what was added inside of it. So it matters when such a
//! module loads if somebody filters without naming a class of his own, or restores filters, later.

use super::state::{Writer, foreign_path, last_name, of_all};
use super::{ModuleId, Program, stdlib};
use crate::facts::{Call, OpKind, Value, ValueId};

/// Functions that filter or restore, and which argument of them is the class of warnings.
const FUNCTIONS: [(&str, usize); 4] = [
    ("simplefilter", 1),
    ("filterwarnings", 2),
    ("resetwarnings", usize::MAX),
    ("catch_warnings", usize::MAX),
];

/// The calls that filter warnings of any class, or restore filters.
pub(super) fn general_filters(program: &Program) -> Vec<Writer> {
    of_all(program, |id| filters_of(program, id)).collect()
}

fn filters_of(program: &Program, id: ModuleId) -> Vec<Writer> {
    let module = program.module(id);
    let code = &module.facts.code;
    let imports_warnings = || {
        module.facts.imports.iter().any(|import| match import.from {
            Some(from) => from.module == "warnings",
            None => import.aliases.iter().any(|alias| alias.name == "warnings"),
        })
    };
    if module.installed || !imports_warnings() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (func, op) in code.ops_by_function() {
        let OpKind::Call { call, .. } = op.kind else { continue };
        let call = code.call(call);
        let Some(name) = last_name(program, id, call.callee) else { continue };
        let Some(&(_, position)) = FUNCTIONS.iter().find(|(function, _)| name == *function) else { continue };
        if foreign_path(program, id, call.callee).is_some_and(|path| path.starts_with("warnings."))
            && category(program, id, &call, position).is_none_or(|class| is_builtin(program, id, class))
        {
            found.push(Writer::new(program, id, func, op.at, name == "catch_warnings"));
        }
    }
    found
}

/// The class of warnings that a call names.
fn category(program: &Program, id: ModuleId, call: &Call, position: usize) -> Option<ValueId> {
    let code = &program.module(id).facts.code;
    let named = || code.keyword_args(call).find(|(name, _)| *name == "category").map(|(_, value)| value);
    code.positional(call).get(position).copied().or_else(named)
}

/// Whether it may be one that comes with Python, from which others are derived.
fn is_builtin(program: &Program, id: ModuleId, class: ValueId) -> bool {
    match program.module(id).facts.code.value(class) {
        Value::Global(name) | Value::Attr(_, name) => {
            program.stdlib.has_attribute("builtins", name.as_str()) != stdlib::Has::No
        }
        _ => true,
    }
}
