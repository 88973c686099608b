//! Rewritten text back to the text before.
//!
//! Enters: a text and its tree. Leaves: the text in which dally's forms are again the statements that they stand for,
//! where its pieces come from, and which names were lazy. Never guesses: a form that somebody has edited so that its parts
//! disagree makes it refuse the file.
//!
//! ```python
//! from _dally import TYPE_CHECKING, lazy      # apply, proxy: this goes,
//!
//! if TYPE_CHECKING:                           # this goes,
//!     import numpy as np                      # this stays, byte for byte,
//! else:
//!     np = lazy("import numpy as np")         # and this goes
//!
//! lazy import numpy as np                     # the keyword goes
//! __lazy_modules__ = ["numpy"]                # this goes
//! np = _dally("import numpy as np")           # build, proxy: becomes the statement
//! ```
//!
//! What `apply --target proxy` wrote comes back byte for byte. So the analysis reads such files as if they had never
//! been rewritten ([`Which::Applied`]), which makes `apply` a function of the original program: applied twice it is
//! applied once, and another target is written from the original statements.

mod forms;
mod reads;
mod remove;

use ruff_python_ast::visitor::source_order::{SourceOrderVisitor, walk_expr};
use ruff_python_ast::{Alias, Expr, ModModule, Stmt};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextSize};

use crate::config::Target;
use crate::facts::Sym;
use crate::rewrite::Refusal;
use crate::rewrite::edit::{EditSet, OffsetMap};
use crate::verify::{self, Helpers};

/// The comment on a statement that lost its keyword because the runtime file has to do the work.
pub const KEYWORD_NOTE: &str = "  # dally: lazy import";

/// The comment on an import that the source had forgotten.
pub const ADDED_NOTE: &str = "  # dally: added, the submodule is used below";

/// How a submodule that a package provides is written: with two blanks, so that it counts as no import of the source.
pub const PROVIDED: &str = "from .  import ";

/// Which forms are turned back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// What `apply --target proxy` writes.
    Applied,
    /// What is written for a target, by whatever command. For `native` and `lazy-modules` that includes what people have
    /// written themselves, because it looks the same.
    Target(Target),
    /// Every lazy form.
    All,
}

impl Which {
    fn targets(self, target: Target) -> bool {
        self == Self::All || self == Self::Target(target)
    }
}

/// A text without dally's forms.
#[derive(Debug, Clone)]
pub struct Reverted {
    /// The text.
    pub text: String,
    /// Its tree.
    pub tree: ModModule,
    /// Where its pieces were before.
    pub map: OffsetMap,
    /// The names that were lazy: the start of the import statement in the new text, and the bound name.
    pub lazy: Vec<(TextSize, Sym)>,
    /// What stood behind `apply`'s header on its line.
    pub header_comment: Option<String>,
    /// Imports that the source had forgotten, and that `apply` had added, are gone with the forms.
    pub forgotten: bool,
}

/// A quick look: `false` if the text certainly has none of the forms.
pub fn may_have_forms(text: &str, which: Which) -> bool {
    let has = |word: &str| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    // Those who sort imports may have sorted or split the header.
    has("TYPE_CHECKING") && has("lazy")
        || has(ADDED_NOTE)
        || which.targets(Target::Native) && has("lazy")
        || which.targets(Target::LazyModules) && has("__lazy_modules__")
        || which.targets(Target::Proxy) && (has("pending") || has("marked"))
}

/// Turns the forms back; `None` if there are none.
///
/// `module` is the tree of `text`.
pub fn revert(text: &str, module: &ModModule, which: Which) -> Result<Option<Reverted>, Refusal> {
    if !may_have_forms(text, which) {
        return Ok(None);
    }
    let helpers = Helpers::of(module);
    if which == Which::Applied && !helpers.known() && !text.contains(ADDED_NOTE) {
        return Ok(None);
    }
    // What `build` has written comes back as a whole or not at all.
    if helpers.by_build() && !which.targets(Target::Proxy) {
        return Ok(None);
    }
    let mut edits = EditSet::default();
    let mut found = forms::Forms {
        text,
        helpers: &helpers,
        which,
        edits: &mut edits,
        gone: Vec::new(),
        header_comment: None,
        forgotten: false,
        lazy: Vec::new(),
    };
    found.module(module)?;
    let (gone, lazy, forgotten, header_comment) =
        (found.gone, found.lazy, found.forgotten, found.header_comment);
    remove::all(text, gone, &mut edits);
    reads::unwrap(text, module, &helpers, &mut edits)?;
    if edits.is_empty() {
        return Ok(None);
    }
    let (new, map) = edits
        .apply_mapped(text)
        .map_err(|overlap| Refusal { at: overlap.at, message: "two edits overlap" })?;
    let tree = parse_module(&new).map_err(|error| Refusal {
        at: map.to_old(error.location.start()),
        message: "this file has been edited by hand: without dally's forms it is no valid Python",
    })?;
    let tree = tree.into_syntax();
    if let Some(at) = still_used(&helpers, module, &tree) {
        let message = "this name comes from dally's header, but is used by hand; import it yourself first";
        return Err(Refusal { at: map.to_old(at), message });
    }
    let lazy = lazy.into_iter().map(|(at, name)| (map.to_new(at), name)).collect();
    Ok(Some(Reverted { text: new, tree, map, lazy, header_comment, forgotten }))
}

/// A use of a name that only the header binds, which is gone.
fn still_used(helpers: &Helpers, old: &ModModule, new: &ModModule) -> Option<TextSize> {
    let mut names: Vec<&str> = helpers.names().collect();
    if names.is_empty() {
        return None;
    }
    let header = old.body.iter().any(|stmt| {
        matches!(stmt, Stmt::ImportFrom(import) if verify::is_runtime_import(import)
            && import.names.iter().any(|alias| alias.name.as_str() == "TYPE_CHECKING"))
    });
    if header {
        names.push("TYPE_CHECKING");
    }
    let mut uses = Uses { names, bound: false, at: None };
    uses.visit_body(&new.body);
    if uses.bound { None } else { uses.at }
}

/// Looks for names that nobody binds any more.
struct Uses<'a> {
    names: Vec<&'a str>,
    /// Something else binds one of them.
    bound: bool,
    at: Option<TextSize>,
}

impl<'a> SourceOrderVisitor<'a> for Uses<'_> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr
            && self.names.contains(&name.id.as_str())
        {
            self.bound |= !name.ctx.is_load();
            self.at.get_or_insert(name.start());
        }
        stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || walk_expr(self, expr));
    }

    fn visit_alias(&mut self, alias: &'a Alias) {
        let bound = alias.asname.as_ref().unwrap_or(&alias.name);
        self.bound |= self.names.contains(&bound.as_str());
    }
}

#[cfg(test)]
mod tests;
