//! Attributes that nobody changes once an object is made.
//!
//! ```python
//! class Dirs:
//!     def __init__(self, create=False):
//!         self.create = create          # here, and nowhere else in the program
//!     def cache(self):
//!         if self.create: os.makedirs(…)
//! ```
//!
//! What decides a test of such an attribute is what the object was made with, or what the class says.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::rebinds::patched_names;
use super::{ModuleId, Program};
use crate::facts::{Code, FuncId, OpKind, Sym, Value, ValueId};

/// Attributes that some function tests, and of each whether it is settled: stored only by `__init__` of the object itself, or in the body
/// of a class.
pub(super) fn tested_attributes(program: &Program) -> FxHashMap<Sym, bool> {
    let found: Vec<(Vec<Sym>, Vec<Sym>)> =
        program.par_ids().map(|id| tested_and_changed(program, id)).collect();
    let tested = found.iter().flat_map(|(tested, _)| tested);
    let mut settled: FxHashMap<Sym, bool> = tested.map(|&name| (name, true)).collect();
    for name in found.iter().flat_map(|(_, changed)| changed) {
        if let Some(settled) = settled.get_mut(name) {
            *settled = false;
        }
    }
    settled
}

/// Attributes that a module tests, and those that it changes in objects that are there already.
fn tested_and_changed(program: &Program, id: ModuleId) -> (Vec<Sym>, Vec<Sym>) {
    let code = &program.module(id).facts.code;
    let (mut tested, mut changed) = (Vec::new(), Vec::new());
    for (func, op) in code.ops_by_function() {
        match op.kind {
            OpKind::When { of, .. } => attributes(code, of, &mut tested),
            OpKind::SetAttr { base, attr, .. } if !is_init_of(code, func, base) => changed.push(attr),
            OpKind::DelAttr { attr, .. } => changed.push(attr),
            OpKind::Call { call, .. } => changed.extend(patched_names(code, &code.call(call))),
            _ => {}
        }
    }
    (tested, changed)
}

fn attributes(code: &Code, of: ValueId, found: &mut Vec<Sym>) {
    match code.value(of) {
        Value::Attr(_, attr) => found.push(attr),
        Value::Either(a, b) => {
            attributes(code, a, found);
            attributes(code, b, found);
        }
        _ => {}
    }
}

/// Whether a function is the `__init__` of the object that a value is.
pub(super) fn is_init_of(code: &Code, func: FuncId, value: ValueId) -> bool {
    let function = code.function(func);
    let is_first = matches!(code.value(value), Value::Var(var)
        if var == function.params.start && !function.params.is_empty());
    function.class.is_some() && function.name == "__init__" && is_first
}
