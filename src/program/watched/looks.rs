//! What is loaded between two looks at all modules.
//!
//! ```python
//! def cost():
//!     before = set(sys.modules)
//!     report.run()                             # loads report, if its import waits
//!     return len(set(sys.modules) - before)
//! ```

use ruff_text_size::TextRange;
use rustc_hash::FxHashSet;

use super::Patterns;
use crate::dotted::is_within;
use crate::facts::{FuncId, Moment};
use crate::program::ModuleId;
use crate::program::state::same_project;

impl Patterns<'_> {
    /// Functions that look at all modules, once for each look. What a function uses and imports between two of them is watched, and
    /// all that this loads. (For the module's own body see `program/effects/further.rs`.)
    pub(super) fn add_looks(&mut self, id: ModuleId, looks: &[FuncId]) {
        let program = self.program;
        let facts = &program.module(id).facts;
        let times = |func: FuncId| looks.iter().filter(|&&look| look == func).count();
        let mut functions: Vec<FuncId> = looks.iter().copied().filter(|func| !func.is_module()).collect();
        functions.dedup();
        for func in functions.into_iter().filter(|&func| times(func) + times(FuncId::MODULE) > 1) {
            let used = facts.reads().filter(|read| read.func == func).flat_map(|read| {
                facts
                    .sites_of(read.name)
                    .map(|site| (&facts.imports[site.stmt as usize], site.alias as usize))
            });
            let own = facts.imports.iter().filter(|import| import.func == func);
            let own = own.flat_map(|import| (0..import.aliases.len()).map(move |alias| (import, alias)));
            let mut todo: Vec<ModuleId> =
                used.chain(own).flat_map(|(import, alias)| program.loaded_by(id, import, alias)).collect();
            let mut seen: FxHashSet<ModuleId> = todo.iter().copied().collect();
            while let Some(loaded) = todo.pop() {
                let module = program.module(loaded);
                // The packages around are there.
                if is_within(program.module(id).name.as_str(), module.name.as_str())
                    || !same_project(program, id, loaded)
                {
                    continue;
                }
                self.exact.entry(module.name).or_insert((id, TextRange::empty(facts.code.function(func).at)));
                for import in module.facts.imports.iter().filter(|i| i.moment == Moment::ImportTime) {
                    for alias in 0..import.aliases.len() {
                        let next = program.loaded_by(loaded, import, alias);
                        todo.extend(next.filter(|&next| seen.insert(next)));
                    }
                }
            }
        }
    }
}
