//! Verdicts to edits.
//!
//! Enters: a module's text and facts, and which of its sites are lazy. Leaves: the new text. One file per
//! target. The rewriter never looks at verdicts' reasons and never decides anything, except that a
//! layout that it cannot write makes it refuse a whole file ([`Refusal`]).
//!
//! ```python
//! import numpy as np                      # from
//! np = __dally__("import numpy as np")   # proxy, build
//! lazy import numpy as np                 # native
//! __lazy_modules__ = ["numpy"]            # lazy-modules, before the unchanged statement
//! ```

pub use reads::MARK;

pub mod edit;
mod lists;
mod native;
pub(crate) mod place;
mod proxy;
mod reads;
pub mod statement;

use ruff_text_size::{TextRange, TextSize};
use rustc_hash::FxHashMap;

use crate::config::Target;
use crate::facts::{ImportStmt, LineUse, ModuleFacts, Sym};
use crate::revert::ADDED_NOTE;
use edit::EditSet;

/// How the result is meant to be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `build`: no line number changes.
    Build,
    /// `apply` and `diff`: for people and type checkers.
    Apply,
}

/// What to do with one module.
pub struct Plan<'a> {
    /// The module's text, without a byte order mark.
    pub text: &'a str,
    /// Its facts.
    pub facts: &'a ModuleFacts,
    /// For each site of [`ModuleFacts::sites`], whether it becomes lazy.
    pub lazy: &'a [bool],
    /// For each of [`ModuleFacts::imports`], the absolute name of the module behind `from`, for `lazy-modules`.
    pub absolute: &'a [Option<Sym>],
    /// Names whose annotations become text.
    pub quote: &'a [usize],
    /// Imports to add: a dotted module name that the module uses without importing it.
    pub missing: &'a [MissingImport],
    /// Submodules that the package has to provide although nothing loads them any more, in `build` for `proxy`.
    pub provided: &'a [Sym],
    /// Names that are no functions, and that whoever searches the module for functions need not wait for.
    pub passed_over: &'a [Sym],
    /// The module is a package: its own submodules become its attributes when they are loaded.
    pub is_package: bool,
    /// The target.
    pub target: Target,
    /// The form.
    pub form: Form,
    /// How the module imports the runtime: `_dally`, or `._dally`, `.._dally`… inside a package.
    pub runtime: &'a str,
    /// What somebody has written behind the header on its line, in `apply`.
    pub header_comment: &'a str,
    /// How many folders above the module's own the runtime file is, where it may not be on the path.
    pub runtime_above: Option<usize>,
}

/// A submodule that is used through a name but that no statement of the module imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingImport {
    /// Index of the import statement that binds the package.
    pub stmt: u32,
    /// The submodule's full name.
    pub module: String,
    /// The name that the package is bound to, if it is not the first part of the module's name.
    pub bound: Sym,
}

/// Why a file cannot be rewritten. The file stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where.
    pub at: TextSize,
    /// What is in the way.
    pub message: &'static str,
}

/// The new text, or `None` if nothing changes.
pub fn rewrite(plan: &Plan<'_>) -> Result<Option<String>, Refusal> {
    if !plan.lazy.contains(&true) && plan.missing.is_empty() && plan.provided.is_empty() {
        return Ok(None);
    }
    let mut edits = EditSet::default();
    match plan.target {
        Target::Proxy => proxy::rewrite(plan, &mut edits)?,
        Target::Native => native::rewrite(plan, &mut edits),
        Target::LazyModules => lists::rewrite(plan, &mut edits)?,
    }
    if edits.is_empty() {
        return Ok(None);
    }
    match edits.apply(plan.text) {
        Ok(text) => Ok(Some(text)),
        Err(overlap) => Err(Refusal { at: overlap.at, message: "two edits overlap" }),
    }
}

/// One import statement with its lazy names.
pub(crate) struct LazyStatement<'a> {
    /// Index into [`ModuleFacts::imports`].
    pub index: usize,
    pub import: &'a ImportStmt,
    /// For each alias, whether it becomes lazy.
    pub lazy: Vec<bool>,
}

impl LazyStatement<'_> {
    pub fn all_lazy(&self) -> bool {
        self.lazy.iter().all(|&l| l)
    }
}

impl Plan<'_> {
    /// The last import that is certainly executed, before which each submodule has been loaded, or the statement after the block that it
    /// stands in; otherwise the last simple statement.
    pub(crate) fn last_of_top(&self) -> Option<TextRange> {
        let certain = self.facts.imports.iter().filter(|import| import.is_certain());
        let import = certain.map(|import| import.range).max_by_key(|range| range.end());
        let simple = || self.facts.layout.tops.iter().filter(|top| top.simple).map(|top| top.range);
        let behind =
            import.and_then(|import| simple().find(|top| *top == import || top.start() >= import.end()));
        behind.or_else(|| simple().next_back())
    }

    /// The statements with at least one lazy name, in source order.
    pub(crate) fn statements(&self) -> Vec<LazyStatement<'_>> {
        let mut by_stmt: FxHashMap<usize, Vec<bool>> = FxHashMap::default();
        for (site, _) in self.facts.sites.iter().zip(self.lazy).filter(|(_, lazy)| **lazy) {
            let index = site.stmt as usize;
            let flags =
                by_stmt.entry(index).or_insert_with(|| vec![false; self.facts.imports[index].aliases.len()]);
            flags[site.alias as usize] = true;
        }
        let mut statements: Vec<_> = by_stmt
            .into_iter()
            .map(|(index, lazy)| LazyStatement { index, import: &self.facts.imports[index], lazy })
            .collect();
        statements.sort_by_key(|s| s.import.range.start());
        statements
    }

    /// A name that occurs nowhere in the text.
    pub(crate) fn free_name(&self, wanted: &str) -> String {
        self.free(|number| format!("{wanted}{number}"))
    }

    /// A name with two underscores at both ends that occurs nowhere in the text.
    pub(crate) fn free_special_name(&self, wanted: &str) -> String {
        self.free(|number| format!("__{wanted}{number}__"))
    }

    fn free(&self, name: impl Fn(&str) -> String) -> String {
        let numbers = std::iter::once(String::new()).chain((2..u32::MAX).map(|n| n.to_string()));
        numbers.map(|n| name(&n)).find(|name| !self.text.contains(name.as_str())).unwrap_or_default()
    }

    /// The file's newline.
    pub(crate) fn newline(&self) -> &'static str {
        match self.text.find(['\n', '\r']) {
            Some(i) if self.text[i..].starts_with("\r\n") => "\r\n",
            Some(i) if self.text[i..].starts_with('\r') => "\r",
            _ => "\n",
        }
    }
}

/// Adds the imports of submodules that the module uses but does not import.
pub(crate) fn missing(plan: &Plan<'_>, edits: &mut EditSet) {
    let grouped = plan.target == Target::Proxy && plan.form == Form::Apply;
    let mut done = rustc_hash::FxHashSet::default();
    for missing in plan.missing {
        let index = missing.stmt as usize;
        let lazy = plan.facts.sites.iter().zip(plan.lazy).any(|(s, l)| *l && s.stmt == missing.stmt);
        // A statement that moves into a block takes what follows it along.
        if !(grouped && lazy) && done.insert(index) {
            missing_of(plan, index, None, edits);
        }
    }
}

/// Adds what one import statement has forgotten, behind it, or behind the block that ends at `block_end`.
pub(crate) fn missing_of(plan: &Plan<'_>, index: usize, block_end: Option<TextSize>, edits: &mut EditSet) {
    for missing in plan.missing.iter().filter(|m| m.stmt as usize == index) {
        let import = &plan.facts.imports[index];
        let root = missing.module.split('.').next().unwrap_or_default();
        let same_name = import.from.is_none() && missing.bound == root;
        let lazy = plan
            .facts
            .sites
            .iter()
            .zip(plan.lazy)
            .any(|(s, l)| *l && s.stmt == missing.stmt && s.bound == missing.bound);
        let statement = match (same_name, lazy, plan.target) {
            // The specification of the lazy name mentions it.
            (true, true, Target::Proxy) => continue,
            (true, true, Target::Native) => format!("lazy import {}", missing.module),
            (true, ..) => format!("import {}", missing.module),
            // The package has another name here: load the submodule and drop the name.
            (false, ..) => {
                format!("import {} as {1}; del {1}", missing.module, plan.free_name("_dally_submodule"))
            }
        };
        // In a line of its own with a note, so that people see it and `revert` finds it.
        if plan.form == Form::Apply && import.line == LineUse::Alone {
            let start = place::indent_start(plan.text, import.range.start());
            let indent = &plan.text[TextRange::new(start, import.range.start())];
            let end = block_end.unwrap_or_else(|| place::line_end(plan.text, import.range.end()));
            edits.insert(end, 20, format!("{}{indent}{statement}{ADDED_NOTE}", plan.newline()));
        } else {
            edits.insert(block_end.unwrap_or(import.range.end()), 20, format!("; {statement}"));
        }
    }
}
