//! What a main program prepares before it imports what looks at it.
//!
//! ```python
//! import os
//! os.environ["APP_MODE"] = "test"     # done, once and for all
//! import settings                     # reads APP_MODE now or later: it is the same
//! ```
//!
//! That holds for a module that nobody imports, so a process runs it first or not at all, and for modules to which no import
//! leads that may have run before the change.

use rayon::prelude::*;
use ruff_text_size::TextSize;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{ModuleId, Program, tables};
use crate::facts::{FuncId, ImportStmt, Op, OpKind, Value};

/// Changes at the top level of main programs, with the modules that may have been loaded before.
#[derive(Debug, Default)]
pub(super) struct Prepared(FxHashMap<(ModuleId, TextSize), FxHashSet<ModuleId>>);

impl Prepared {
    /// Those among some changes, by module and place.
    pub fn of(program: &Program, changes: impl Iterator<Item = (ModuleId, TextSize)>) -> Self {
        let mut changes: Vec<(ModuleId, TextSize)> =
            changes.filter(|&(id, at)| runs_first(program, id) && runs_once(program, id, at)).collect();
        changes.sort_unstable();
        changes.dedup();
        if changes.is_empty() {
            return Self::default();
        }
        let imported = imported(program);
        changes.retain(|(id, _)| !imported.contains(id));
        let before = |(id, at)| ((id, at), loaded_before(program, id, at));
        Self(changes.into_par_iter().map(before).collect())
    }

    /// Whether a change has been made, and will not be made again, whenever `reader` is loaded.
    pub fn precedes(&self, change: (ModuleId, TextSize), reader: ModuleId) -> bool {
        reader != change.0 && self.0.get(&change).is_some_and(|before| !before.contains(&reader))
    }
}

/// Whether a module may be a main program: not one that a tool loads in the middle of others.
fn runs_first(program: &Program, id: ModuleId) -> bool {
    let module = program.module(id);
    let name = module.name.as_str();
    !module.installed
        && !name.contains('.')
        && !matches!(name, "conftest" | "sitecustomize" | "usercustomize")
}

/// Whether what stands at a place runs exactly once when the module does, and nothing before it loads modules by their names.
fn runs_once(program: &Program, id: ModuleId, at: TextSize) -> bool {
    let code = &program.module(id).facts.code;
    let loads = |op: &Op| match op.kind {
        OpKind::Call { call, .. } => match code.value(code.call(call).callee) {
            Value::Attr(_, name) | Value::Global(name) => tables::loads_modules(name.as_str()),
            _ => false,
        },
        _ => false,
    };
    let mut there = code.ops_of(FuncId::MODULE).filter(|op| op.at == at).peekable();
    let is_import =
        |import: &ImportStmt| import.range.start() == at && import.func.is_module() && import.is_certain();
    (there.peek().is_some() || program.module(id).facts.imports.iter().any(is_import))
        && there.all(|op| !op.conditional)
        && !code.ops().any(|op| op.at < at && loads(&op))
}

/// All modules that some import leads to.
fn imported(program: &Program) -> FxHashSet<ModuleId> {
    let found: Vec<FxHashSet<ModuleId>> = program
        .par_ids()
        .map(|id| {
            let others = program.module(id).facts.imports.iter().flat_map(|i| led_to(program, id, i));
            others.filter(|&other| other != id).collect()
        })
        .collect();
    found.into_iter().flatten().collect()
}

/// The modules that an import statement loads.
fn led_to<'p>(
    program: &'p Program,
    id: ModuleId,
    import: &'p ImportStmt,
) -> impl Iterator<Item = ModuleId> + 'p {
    (0..import.aliases.len()).flat_map(move |alias| program.loaded_by(id, import, alias))
}

/// The modules that imports of a main program may have loaded before a place, or load several times or on a condition.
fn loaded_before(program: &Program, id: ModuleId, at: TextSize) -> FxHashSet<ModuleId> {
    let before =
        |import: &&ImportStmt| import.range.start() < at || !import.is_certain() && import.func.is_module();
    let mut found: FxHashSet<ModuleId> = FxHashSet::default();
    let imports = program.module(id).facts.imports.iter().filter(before);
    let mut todo: Vec<ModuleId> = imports.flat_map(|import| led_to(program, id, import)).collect();
    while let Some(next) = todo.pop() {
        if found.insert(next) {
            todo.extend(program.module(next).facts.imports.iter().flat_map(|i| led_to(program, next, i)));
        }
    }
    found
}
