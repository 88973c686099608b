//! Hooks in the import system that take note of what is loaded: audit hooks, replacements of `__import__`, finders.
//!
//! ```python
//! sys.addaudithook(note_step)
//! builtins.__import__ = noting_import
//! sys.meta_path.insert(0, Finder())       # with a find_spec that takes note
//! ```

use ruff_text_size::TextRange;

use super::{Patterns, Place, imports};
use crate::facts::{FuncId, Op, OpKind, Value, ValueId, words};
use crate::program::callees::functions_of;
use crate::program::state::same_project;
use crate::program::{ModuleId, Program, tables};

/// Whether import-time code puts a finder in front of the others: `sys.meta_path.insert(0, Finder())`.
pub(super) fn installs_finder(program: &Program, id: ModuleId) -> bool {
    let code = &program.module(id).facts.code;
    code.ops_of(FuncId::MODULE).any(|op| match op.kind {
        OpKind::Call { call, .. } if !op.conditional || op.main_guard => {
            let call = &code.call(call);
            let front = matches!(code.positional(call), [_, _]);
            matches!(code.value(call.callee), Value::Attr(list, method) if method == "insert" && front
                && matches!(code.value(list), Value::Attr(_, name) | Value::Global(name) if name == "meta_path"))
        }
        _ => false,
    })
}

/// Whether a function takes note of something: it prints, or changes what is there after it has returned, or calls a function that
/// does.
fn records(program: &Program, id: ModuleId, func: FuncId, depth: u32) -> bool {
    let code = &program.module(id).facts.code;
    let called = |callee: ValueId| {
        let functions = if depth > 0 { functions_of(program, id, callee) } else { Vec::new() };
        functions.into_iter().any(|(module, func)| records(program, module, func, depth - 1))
    };
    let lasting = |value: ValueId| matches!(code.value(value), Value::Global(_) | Value::Attr(..));
    code.ops_of(func).any(|op| match op.kind {
        OpKind::SetGlobal { .. } => true,
        OpKind::SetItem { base, .. } | OpKind::ChangeInPlace { base, .. } => lasting(base),
        OpKind::Call { call, .. } => {
            let callee = code.call(call).callee;
            let itself = match code.value(callee) {
                Value::Global(name) => name == "print",
                Value::Attr(_, name) if tables::LOGGER_EMITS.contains(&name.as_str()) => true,
                Value::Attr(base, name) => tables::is_mutator(name) && lasting(base),
                _ => false,
            };
            itself || called(callee)
        }
        _ => false,
    })
}

impl Patterns<'_> {
    /// Audit hooks, replacements of `__import__`, finders.
    pub(super) fn add_hooks(&mut self, id: ModuleId) {
        let facts = &self.program.module(id).facts;
        let code = &facts.code;
        for op in code.ops() {
            let hook = match op.kind {
                OpKind::Call { call, .. } => {
                    let call = &code.call(call);
                    match code.value(call.callee) {
                        Value::Attr(_, words::ADDAUDITHOOK) | Value::Global(words::ADDAUDITHOOK) => {
                            code.positional(call).first().copied()
                        }
                        _ => None,
                    }
                }
                OpKind::SetAttr { attr: words::IMPORT, value, .. } => Some(value),
                _ => None,
            };
            let hooks = hook.map(|value| functions_of(self.program, id, value)).unwrap_or_default();
            for func in hooks {
                self.add_hook(id, func, &op);
            }
        }
        for (func, function) in (0..).map(FuncId).zip(&code.functions) {
            if function.class.is_some() && matches!(function.name.as_str(), "find_spec" | "find_module") {
                let found = self.add_compared(id, func);
                let installed = || self.finders.iter().any(|&by| same_project(self.program, by, id));
                if found == 0 && records(self.program, id, func, 2) && installed() {
                    self.add_recorded(id, (id, TextRange::empty(function.at)));
                }
            }
        }
    }

    fn add_hook(&mut self, id: ModuleId, (module, func): (ModuleId, FuncId), op: &Op) {
        let facts = &self.program.module(module).facts;
        let found = self.add_compared(module, func);
        let imports = facts.code.strings.iter().any(|event| *event == "import");
        let replaces = matches!(op.kind, OpKind::SetAttr { .. });
        // A hook for debugging, which a setting turns on, counts only if it says for what.
        if found == 0 && (imports || replaces) && !op.conditional {
            self.add_recorded(module, (id, TextRange::empty(op.at)));
        }
    }

    /// A hook of a module takes note of all names. Whoever looks at its notes, looks for certain ones: those that the module
    /// and those that import it mention. If they mention none, all count.
    fn add_recorded(&mut self, hook: ModuleId, place: Place) {
        let program = self.program;
        let mut found = false;
        for id in program.ids().filter(|&id| id == hook || imports(program, id, hook)) {
            for &text in program.module(id).facts.code.strings {
                if program.find(text.as_str()).is_some() {
                    self.exact.entry(text).or_insert(place);
                    found = true;
                } else if text.as_str().len() > 1 && text.as_str().ends_with(['_', '.']) {
                    self.starts.push((text.as_str().to_owned(), false, place));
                    found = true;
                }
            }
        }
        if !found {
            self.all.push(place);
        }
    }
}
