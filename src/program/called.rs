//! Calls by name: who calls something that has a certain name.
//!
//! ```python
//! register(x)      # a call by the name `register`
//! app.register(x)  # another one
//! ```
//!
//! Most questions about callers are about a few names of millions. One table for all calls, made once and in two passes, takes
//! eight bytes for each.

use super::{Module, ModuleId, by_index};
use crate::facts::{Code, Sym, Value};

/// All calls of a program, by the names of what they call.
#[derive(Debug, Default)]
pub(super) struct Called {
    /// For the number of each name, where its calls begin in `calls`; they end where those of the next begin.
    starts: Vec<u32>,
    /// The module and the number of the call in it, in the order of the text.
    calls: Vec<(ModuleId, u32)>,
}

impl Called {
    /// Finds all calls.
    pub fn all(modules: &[Module]) -> Self {
        let mut starts: Vec<u32> = Vec::new();
        let each = |found: &mut dyn FnMut(usize, ModuleId, u32)| {
            for (id, module) in by_index(modules).zip(modules) {
                let code = &module.facts.code;
                for (index, callee) in (0..).zip(code.callees()) {
                    if let Some(name) = name_of(code, code.value(callee)) {
                        found(name.number() as usize, id, index);
                    }
                }
            }
        };
        let mut count = 0;
        each(&mut |name, _, _| {
            if starts.len() < name + 2 {
                starts.resize(name + 2, 0);
            }
            starts[name + 1] += 1;
            count += 1;
        });
        for name in 1..starts.len() {
            starts[name] += starts[name - 1];
        }
        let mut calls = vec![(ModuleId(0), 0); count];
        // While the table fills, a start is where the next call of the name goes.
        each(&mut |name, id, index| {
            calls[starts[name] as usize] = (id, index);
            starts[name] += 1;
        });
        starts.rotate_right(1);
        if let Some(first) = starts.first_mut() {
            *first = 0;
        }
        Self { starts, calls }
    }

    /// The calls of what has a name, in the order of modules and texts.
    pub fn of(&self, name: Sym) -> &[(ModuleId, u32)] {
        let name = name.number() as usize;
        match self.starts.get(name..=name + 1) {
            Some(&[start, end]) => &self.calls[start as usize..end as usize],
            _ => &[],
        }
    }
}

/// The name by which something is called, without what it is an attribute of.
fn name_of(code: &Code, callee: Value) -> Option<Sym> {
    match callee {
        Value::Global(name) | Value::Attr(_, name) => Some(name),
        Value::Var(var) => Some(code.vars[var as usize].name),
        _ => None,
    }
}
