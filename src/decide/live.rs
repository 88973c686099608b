//! Names that are used for the first time while a loop goes through `sys.modules` itself.
//!
//! ```python
//! for name, module in sys.modules.items():
//!     if fnmatch.fnmatch(name, "app.*"):      # loads fnmatch: RuntimeError, the dictionary has changed
//! ```

use super::{KeepReason, ModuleVerdicts, Reason, keep_all};
use crate::facts::MarkKind;
use crate::program::{ModuleId, Program};

/// Keeps them.
pub fn decide(program: &Program, id: ModuleId, verdicts: &mut ModuleVerdicts) {
    let module = program.module(id);
    let facts = &module.facts;
    let live: Vec<_> = facts.marks.iter().filter(|mark| mark.kind == MarkKind::LiveModules).collect();
    if live.is_empty() {
        return;
    }
    for read in facts.reads() {
        let Some(mark) = live.iter().find(|mark| mark.range.contains_range(read.range)) else { continue };
        let note = "is used while a loop goes through all loaded modules";
        let reason = Reason::at(KeepReason::LoadObserved, id, mark.range, note);
        keep_all(module, verdicts, &reason, |site| site.bound == read.name);
    }
}
