//! Target `native`: `lazy import`, Python 3.15 and later (PEP 810).
//!
//! ```python
//! from x import (a,    # a lazy, b not
//!                b)
//! lazy from x import a; from x import (   # build: lines stay
//!                b)
//! ```

use super::edit::EditSet;
use super::lists::insert_header;
use super::place::{line_start, place_behind_imports};
use super::statement::{remove_aliases, some};
use super::{Form, Plan};
use crate::facts::LineUse;
use crate::revert::PROVIDED;
use ruff_text_size::TextRange;

/// Adds the edits.
pub fn rewrite(plan: &Plan<'_>, edits: &mut EditSet) {
    for statement in plan.statements() {
        let import = statement.import;
        if import.lazy_keyword {
            continue;
        }
        let start = import.range.start();
        if statement.all_lazy() {
            edits.insert(start, 0, "lazy ");
            continue;
        }
        let chosen = some(import, (0..statement.lazy.len()).filter(|&i| statement.lazy[i]));
        let separator = if plan.form == Form::Apply && import.line == LineUse::Alone {
            let indent = &plan.text[TextRange::new(line_start(plan.text, start), start)];
            format!("{}{indent}", plan.newline())
        } else {
            "; ".to_owned()
        };
        edits.insert(start, 0, format!("lazy {chosen}{separator}"));
        remove_aliases(plan.text, import, &statement.lazy, edits);
    }
    provide(plan, edits);
    super::missing(plan, edits);
}

/// Submodules that a package has always had as attributes, and that nothing loads any more.
fn provide(plan: &Plan<'_>, edits: &mut EditSet) {
    if plan.form != Form::Build || plan.provided.is_empty() {
        return;
    }
    let names: Vec<&str> = plan.provided.iter().map(|name| name.as_str()).collect();
    let statement = format!("lazy {PROVIDED}{}", names.join(", "));
    insert_header(plan, edits, &place_behind_imports(plan), &statement);
}
