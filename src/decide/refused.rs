//! Projects that refuse further imports from some moment on: what they import has to be there by then.
//!
//! ```python
//! def no_more(event, args):
//!     if event == "import":
//!         raise ImportError(args[0])
//! sys.addaudithook(no_more)
//! ```
//!
//! A hook that compares with names of modules refuses only those; see `program/watched.rs`.

use ruff_text_size::TextRange;

use super::{KeepReason, ModuleVerdicts, Reason, keep_all};
use crate::facts::{FuncId, MarkKind, OpKind, Value};
use crate::program::callees::functions_of;
use crate::program::state::{of_all, same_project};
use crate::program::{ModuleId, Program};

/// How far calls are followed from a hook.
const MOST_DEPTH: u32 = 3;

/// The modules that install such hooks, and where.
pub type Refusing = Vec<(ModuleId, TextRange)>;

/// Finds them.
pub fn refusing(program: &Program) -> Refusing {
    of_all(program, |id| {
        let code = &program.module(id).facts.code;
        let mut found = Vec::new();
        for op in code.ops() {
            let OpKind::Call { call, .. } = op.kind else { continue };
            let call = &code.call(call);
            let (Value::Attr(_, name) | Value::Global(name)) = code.value(call.callee) else { continue };
            if name == "addaudithook"
                && let Some(&hook) = code.positional(call).first()
                && functions_of(program, id, hook)
                    .into_iter()
                    .any(|(module, func)| about_imports(program, module) && refuses(program, module, func, 0))
            {
                found.push((id, TextRange::empty(op.at)));
            }
        }
        found
    })
    .collect()
}

/// Whether a module knows the event of an import.
fn about_imports(program: &Program, id: ModuleId) -> bool {
    program.module(id).facts.code.strings.iter().any(|text| *text == "import")
}

/// Whether a function raises, itself or in what it calls, and does not ask for certain names.
fn refuses(program: &Program, id: ModuleId, func: FuncId, depth: u32) -> bool {
    let facts = &program.module(id).facts;
    let asks = facts.marks.iter().any(|mark| match mark.kind {
        MarkKind::ComparesText(start) => mark.func == func && start.text != "import",
        _ => false,
    });
    !asks
        && facts.code.ops_of(func).any(|op| match op.kind {
            OpKind::Raise { .. } => true,
            OpKind::Call { call, .. } if depth < MOST_DEPTH => {
                functions_of(program, id, facts.code.call(call).callee)
                    .into_iter()
                    .any(|(module, callee)| callee != func && refuses(program, module, callee, depth + 1))
            }
            _ => false,
        })
}

/// Who refuses the imports of a module.
pub fn by(program: &Program, id: ModuleId, refusing: &Refusing) -> Option<(ModuleId, TextRange)> {
    let top = |id: ModuleId| program.module(id).name.as_str().split('.').next().unwrap_or_default();
    refusing.iter().find(|&&(by, _)| same_project(program, by, id) || top(by) == top(id)).copied()
}

/// Adds the reasons.
pub fn decide(program: &Program, id: ModuleId, refusing: &Refusing, verdicts: &mut ModuleVerdicts) {
    if let Some((by, range)) = by(program, id, refusing) {
        let reason = Reason::at(KeepReason::ImportHookUse, by, range, "refuses imports from here on");
        keep_all(program.module(id), verdicts, &reason, |_| true);
    }
}
