//! What the names of all loaded modules are compared with.
//!
//! ```python
//! [n for n in sys.modules if n.startswith("step_")]
//! def loaded(prefix): return [n for n in sys.modules if n.startswith(prefix)]
//! loaded("step_")
//! ```

use super::{Patterns, Place};
use crate::facts::{FuncId, MarkKind, TextStart};
use crate::program::ModuleId;
use crate::program::state::same_project;
use crate::program::trace::{Leaf, trace};

/// Fewer letters say nothing about a name.
const FEWEST: usize = 2;

impl Patterns<'_> {
    /// What a function and those around and inside it compare texts with; gives how many names that are.
    pub(super) fn add_compared(&mut self, id: ModuleId, func: FuncId) -> usize {
        let facts = &self.program.module(id).facts;
        let parent = |f: FuncId| facts.code.function(f).parent;
        let mut found = 0;
        for mark in &facts.marks {
            let MarkKind::ComparesText(start) = mark.kind else { continue };
            let near = mark.func == func || (!mark.func.is_module() && parent(mark.func) == func);
            if near && !matches!(start.text.as_str(), "__main__" | "import") {
                self.add(start, (id, mark.range));
                found += 1;
            }
        }
        found
    }

    /// Values that a function, and those around and inside it, compare texts with.
    pub(super) fn add_compared_values(&mut self, id: ModuleId, func: FuncId) {
        let facts = &self.program.module(id).facts;
        let parent = |f: FuncId| facts.code.function(f).parent;
        for mark in &facts.marks {
            let (MarkKind::ComparesValue(value) | MarkKind::ComparesPart(value)) = mark.kind else {
                continue;
            };
            if mark.func == func || (!mark.func.is_module() && parent(mark.func) == func) {
                let part = matches!(mark.kind, MarkKind::ComparesPart(_));
                self.compared.push((((id, value, false), mark.range), part));
            }
        }
    }

    /// The texts that those values may be.
    pub(super) fn trace_compared(&mut self) {
        let compared = std::mem::take(&mut self.compared);
        // Each by itself: of many functions of one name nothing is told, and one question is not to spoil another.
        let leaves = trace(self.program, &compared.iter().map(|&((start, _), _)| start).collect::<Vec<_>>());
        for (leaves, ((start, range), part)) in leaves.into_iter().zip(compared) {
            let place = (start.0, range);
            for leaf in leaves {
                let Leaf::Text(text) = leaf else { continue };
                if part {
                    self.add_part(text.as_str(), place);
                } else {
                    self.add(TextStart { own: false, text, whole: true }, place);
                }
            }
        }
    }

    /// A text of which names have a part: the longest in it that may be one. `"step_*"`, `r"steps\.\w+$"`
    fn add_part(&mut self, text: &str, place: Place) {
        let letters = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
        let text = text.replace("\\.", ".").replace("\\w", "*").replace(".*", "*").replace(".+", "*");
        let part = text.split(|c| !letters(c)).max_by_key(|part| part.len()).unwrap_or_default();
        let own = self.program.module(place.0).name.as_str();
        if part.chars().filter(|c| c.is_alphanumeric()).count() >= FEWEST && !own.contains(part) {
            self.parts.push((part.to_owned(), place));
        }
    }

    /// Who looks for a part that the name of a module has, in its project.
    pub(super) fn with_part(&self, id: ModuleId) -> Option<Place> {
        let name = self.program.module(id).name.as_str();
        let found = self.parts.iter().find(|(part, place)| {
            place.0 != id && name.contains(part.as_str()) && same_project(self.program, place.0, id)
        });
        found.map(|&(_, place)| place)
    }
}
