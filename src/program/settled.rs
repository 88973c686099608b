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
//! What decides a test of such an attribute is what the object was made with, or what the class says. The same is found for names of
//! modules: `if settings.DEBUG: …`.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::rebinds::patched_names;
use super::{ModuleId, Program};
use crate::facts::{Code, FuncId, OpKind, Sym, Value, ValueId};

/// Names that some code tests, and of each whether it is settled.
type Tested = FxHashMap<Sym, bool>;

/// Attributes that some function tests, and of each whether it is settled: stored only by `__init__` of the object itself, or in the body
/// of a class. Then the same of names of modules, as far as other modules are concerned: none binds the name again.
pub(super) fn tested_names(program: &Program) -> (Tested, Tested) {
    let ids: Vec<ModuleId> = program.ids().collect();
    let found: Vec<Found> = ids.into_par_iter().map(|id| tested_and_changed(program, id)).collect();
    let settled = |tested: fn(&Found) -> &Vec<Sym>, changed: &[fn(&Found) -> &Vec<Sym>]| {
        let mut settled: Tested = found.iter().flat_map(tested).map(|&name| (name, true)).collect();
        for name in changed.iter().flat_map(|changed| found.iter().flat_map(changed)) {
            if let Some(settled) = settled.get_mut(name) {
                *settled = false;
            }
        }
        settled
    };
    let attributes = settled(|found| &found.attributes, &[|found| &found.changed]);
    let globals = settled(|found| &found.globals, &[|found| &found.changed, |found| &found.keys]);
    (attributes, globals)
}

/// What a module tests, and what it changes in objects that are there already.
#[derive(Default)]
struct Found {
    attributes: Vec<Sym>,
    globals: Vec<Sym>,
    changed: Vec<Sym>,
    /// Of items, which may be those of a namespace.
    keys: Vec<Sym>,
}

fn tested_and_changed(program: &Program, id: ModuleId) -> Found {
    let code = &program.module(id).facts.code;
    let mut found = Found::default();
    for (func, op) in code.ops_by_function() {
        match op.kind {
            OpKind::When { of, .. } => tested(code, of, &mut found),
            OpKind::SetAttr { base, attr, .. } if !is_init_of(code, func, base) => found.changed.push(attr),
            OpKind::DelAttr { attr, .. } => found.changed.push(attr),
            // `vars(settings)["DEBUG"] = True`
            OpKind::SetItem { key, .. } => {
                if let Value::Str(name) = code.value(key) {
                    found.keys.push(name);
                }
            }
            OpKind::Call { call, .. } => found.changed.extend(patched_names(code, &code.call(call))),
            _ => {}
        }
    }
    found
}

fn tested(code: &Code, of: ValueId, found: &mut Found) {
    match code.value(of) {
        Value::Global(name) => found.globals.push(name),
        // `settings.DEBUG`
        Value::Attr(base, name) if matches!(code.value(base), Value::Global(_)) => found.globals.push(name),
        Value::Attr(_, name) => found.attributes.push(name),
        Value::Either(a, b) => {
            tested(code, a, found);
            tested(code, b, found);
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
