//! Modules whose namespace another module reads as a dict.
//!
//! ```python
//! def table(module): return {k: v for k, v in vars(module).items() if k.isupper()}
//! table(settings)
//! ```

use ruff_text_size::TextRange;
use rustc_hash::FxHashMap;

use super::{KeepReason, ModuleVerdicts, Reason, keep_all};
use crate::facts::MarkKind;
use crate::program::trace::{Leaf, Start, trace};
use crate::program::{ModuleId, Program};

/// For each such module, who reads it and where.
pub type Readers = FxHashMap<ModuleId, (ModuleId, TextRange)>;

/// Finds them.
pub fn readers(program: &Program) -> Readers {
    let mut places: Vec<(Start, TextRange)> = Vec::new();
    for id in program.ids() {
        for mark in &program.module(id).facts.marks {
            match mark.kind {
                MarkKind::NamespaceOf(of) => places.push(((id, of, false), mark.range)),
                MarkKind::NamespaceNamed(of) => places.push(((id, of, true), mark.range)),
                _ => {}
            }
        }
    }
    let starts: Vec<Start> = places.iter().map(|&(start, _)| start).collect();
    let mut readers = Readers::default();
    for (leaves, ((id, ..), range)) in trace(program, &starts).into_iter().zip(places) {
        for module in leaves.into_iter().filter_map(Leaf::module) {
            readers.entry(module).or_insert((id, range));
        }
    }
    readers
}

/// Adds the reasons.
pub fn decide(program: &Program, id: ModuleId, readers: &Readers, verdicts: &mut ModuleVerdicts) {
    if let Some(&(reader, range)) = readers.get(&id) {
        let reason =
            Reason::at(KeepReason::NamespaceIntrospection, reader, range, "reads the namespace as a dict");
        keep_all(program.module(id), verdicts, &reason, |_| true);
    }
}
