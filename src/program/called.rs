//! Calls by name: who calls something that has a certain name.
//!
//! ```python
//! register(x)      # a call by the name `register`
//! app.register(x)  # another one
//! ```
//!
//! Most questions about callers are about a few names of millions. One table for all calls, made once and in two passes, takes
//! four bytes for each.

use super::{Module, ModuleId, Program};
use crate::facts::{Code, Sym, Value};

/// All calls of a program, by the names of what they call: of what the program defines, and nothing else.
#[derive(Debug, Default)]
pub(super) struct Called {
    /// For the number of each name, where its calls begin in `calls`; they end where those of the next begin.
    starts: Vec<u32>,
    /// Numbers of calls, counted through all modules.
    calls: Vec<u32>,
    /// For each module, the number of its first call.
    firsts: Vec<u32>,
}

impl Called {
    /// Finds all calls.
    pub fn all(modules: &[Module]) -> Self {
        let mut firsts: Vec<u32> = Vec::with_capacity(modules.len());
        let mut starts: Vec<u32> = Vec::new();
        let defined = defined(modules);
        let is_defined = |&name: &usize| defined.get(name) == Some(&true);
        let mut all = 0;
        let mut named = 0;
        for module in modules {
            firsts.push(all);
            for name in names(&module.facts.code) {
                all += 1;
                let Some(name) = name.filter(is_defined) else { continue };
                if starts.len() < name + 2 {
                    starts.resize(name + 2, 0);
                }
                starts[name + 1] += 1;
                named += 1;
            }
        }
        for name in 1..starts.len() {
            starts[name] += starts[name - 1];
        }
        let mut calls = vec![0; named];
        let all_names = modules.iter().flat_map(|module| names(&module.facts.code));
        // While the table fills, a start is where the next call of the name goes.
        for (number, name) in (0..).zip(all_names) {
            let Some(name) = name.filter(is_defined) else { continue };
            calls[starts[name] as usize] = number;
            starts[name] += 1;
        }
        // Now each is where the next name's begin.
        starts.pop();
        starts.insert(0, 0);
        Self { starts, calls, firsts }
    }

    /// The calls of what has the name of some function or class of the program, each with its module, in the order of modules and texts.
    pub fn of(&self, name: Sym) -> impl Iterator<Item = (ModuleId, u32)> {
        let name = name.number() as usize;
        let calls = match self.starts.get(name..=name + 1) {
            Some(&[start, end]) => &self.calls[start as usize..end as usize],
            _ => &[],
        };
        let mut module = 0;
        calls.iter().map(move |&number| {
            // Calls of one module stand together.
            if self.firsts.get(module + 1).is_some_and(|&first| first <= number) {
                // Of modules without calls the last one is found, which is where the call is.
                module += self.firsts[module..].partition_point(|&first| first <= number) - 1;
            }
            let id = ModuleId(u32::try_from(module).expect("fewer than 2^32 modules"));
            (id, number - self.firsts[module])
        })
    }
}

impl Program {
    /// The calls of what has the name of some function or class of the program, each with its module, in the order of modules and texts.
    pub(crate) fn calls_of(&self, name: Sym) -> impl Iterator<Item = (ModuleId, u32)> {
        self.called.of(name)
    }

    /// The same for several names, all in the order of modules and texts.
    pub(crate) fn calls_of_any<'n>(&self, names: impl IntoIterator<Item = &'n Sym>) -> Vec<(ModuleId, u32)> {
        let mut found: Vec<(ModuleId, u32)> =
            names.into_iter().flat_map(|&name| self.called.of(name)).collect();
        found.sort_unstable();
        found
    }
}

/// By their numbers, the names of functions and classes.
fn defined(modules: &[Module]) -> Vec<bool> {
    let mut defined = Vec::new();
    for code in modules.iter().map(|module| &module.facts.code) {
        let functions = code.functions.iter().map(|function| function.name);
        for name in functions.chain(code.classes.iter().map(|class| class.name)) {
            let name = name.number() as usize;
            if defined.len() <= name {
                defined.resize(name + 1, false);
            }
            defined[name] = true;
        }
    }
    defined
}

/// For each call the number of the name by which something is called, without what it is an attribute of.
fn names(code: &Code) -> impl Iterator<Item = Option<usize>> {
    code.callees().map(|callee| {
        let name = match code.value(callee) {
            Value::Global(name) | Value::Attr(_, name) => name,
            Value::Var(var) => code.vars[var as usize].name,
            // `(lambda module: …)(config)`
            Value::Function(func) => code.function(func).name,
            _ => return None,
        };
        Some(name.number() as usize)
    })
}
