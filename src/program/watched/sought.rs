//! Names that somebody asks all loaded modules for.
//!
//! ```python
//! [m for m in sys.modules.values() if hasattr(m, "PLUGIN")]
//! def find(name): return [getattr(m, name) for m in list(sys.modules.values()) if hasattr(m, name)]
//! ```

use ruff_text_size::TextRange;

use super::Patterns;
use crate::facts::{Code, FuncId, OpKind, Sym, Value, ValueId};
use crate::program::state::same_project;
use crate::program::{ModuleId, tables};

/// Whether a value is an element of something, by which a loop goes: not an entry that is asked for by its name.
fn is_element(code: &Code, value: ValueId) -> bool {
    let element = |value: ValueId| matches!(code.value(value), Value::Item(_));
    match code.value(value) {
        Value::Var(var) => code.assigned_to(var).iter().any(|&value| element(value)),
        _ => element(value),
    }
}

impl Patterns<'_> {
    /// `[m for m in sys.modules.values() if hasattr(m, "PLUGIN")]`: the modules of the project that have the name.
    pub(super) fn add_with_attribute(&mut self, id: ModuleId, func: FuncId, range: TextRange) {
        let program = self.program;
        let code = &program.module(id).facts.code;
        for op in code.ops_of(func) {
            let OpKind::Call { call, .. } = op.kind else { continue };
            let call = &code.call(call);
            let (Value::Global(asks), [of, name, ..]) = (code.value(call.callee), code.positional(call))
            else {
                continue;
            };
            let variable = matches!(code.value(*of), Value::Var(_) | Value::Item(_) | Value::Global(_))
                || *of == ValueId::OPAQUE;
            if !variable || !matches!(asks.as_str(), "hasattr" | "getattr") {
                continue;
            }
            match code.value(*name) {
                Value::Str(name) => self.add_with_name(id, name, range),
                // `find("Invoice")`, where the function asks each module for its argument
                _ if !name.is_plain() && is_element(code, *of) => {
                    self.sought.push(((id, *name, false), range));
                }
                _ => {}
            }
        }
    }

    /// The modules of the project of one that have a name.
    pub(super) fn add_with_name(&mut self, id: ModuleId, name: Sym, range: TextRange) {
        let program = self.program;
        if tables::of_every_module(name.as_str()) {
            return;
        }
        for other in program.ids().filter(|&other| other != id && same_project(program, id, other)) {
            if program.binds(other, name) {
                self.exact.entry(program.module(other).name).or_insert((id, range));
            }
        }
    }
}
