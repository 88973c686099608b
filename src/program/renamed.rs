//! Loops that give loaded modules further names in `sys.modules`, and who asks for such names.
//!
//! ```python
//! for name in list(sys.modules):
//!     if name.startswith("lib."): sys.modules["app.packages." + name] = sys.modules[name]
//!
//! from app.packages.lib.tools import hammer       # asks whether lib.tools was loaded by then
//! app.packages.lib.tools.hammer                   # needs it as well
//! ```
//!
//! What is loaded at that moment shows only to those who ask for one of the names.

use ruff_text_size::TextRange;
use rustc_hash::FxHashSet;

use super::interpret::Outcome;
use super::{ModuleId, Program};
use crate::dotted::is_below;
use crate::facts::{MarkKind, Sym};

/// A loop that gives names.
#[derive(Debug, Clone, Copy)]
struct Renames {
    by: ModuleId,
    range: TextRange,
    /// How the new names begin, up to a dot.
    start: Sym,
}

/// What a whole program shows of such loops.
#[derive(Debug, Default)]
pub(super) struct Renamed {
    /// Modules of whose new names somebody asks for one, with the place of the loop.
    pub asked: Vec<(Sym, (ModuleId, TextRange))>,
    /// Loops that give names below that of their own module, for which nobody asks.
    pub unseen: FxHashSet<(ModuleId, TextRange)>,
}

/// Finds the loops and those who ask for the names. `starts` are the beginnings of names that somebody compares with those in `sys.modules`.
pub(super) fn renamed<'a>(
    program: &Program,
    outcomes: &[Outcome],
    starts: &(impl Iterator<Item = &'a str> + Clone),
) -> Renamed {
    let mut found = Renamed::default();
    for id in program.ids() {
        for mark in &program.module(id).facts.marks {
            if let MarkKind::RenamesModules(start) = mark.kind {
                let renames = Renames { by: id, range: mark.range, start: start.text };
                found.add(program, renames, &outcomes[id.index()], starts.clone());
            }
        }
    }
    found
}

impl Renamed {
    fn add<'a>(
        &mut self,
        program: &Program,
        renames: Renames,
        outcome: &Outcome,
        mut starts: impl Iterator<Item = &'a str>,
    ) {
        let prefix = renames.start.as_str();
        // What the module loads itself, gets its names in any case.
        let loads = |id: ModuleId| outcome.loads.iter().any(|(loaded, ..)| *loaded == id);
        let candidates = candidates(program, renames, |id| !loads(id));
        let listed = starts.any(|start| prefix.starts_with(start) || start.starts_with(prefix));
        let mut asked: FxHashSet<ModuleId> = FxHashSet::default();
        if listed {
            asked.extend(&candidates);
        } else {
            let askers = program.ids().filter(|&id| id != renames.by);
            for id in askers {
                add_asked(program, id, prefix, &candidates, &mut asked);
            }
        }
        let own = program.module(renames.by).name.as_str();
        let inside = is_below(prefix, own);
        if asked.is_empty() && inside {
            self.unseen.insert((renames.by, renames.range));
        }
        let place = (renames.by, renames.range);
        self.asked.extend(asked.into_iter().map(|id| (program.module(id).name, place)));
    }
}

/// The modules that the loop compares its names with. One that compares with nothing that is known, treats all modules alike.
fn candidates(program: &Program, renames: Renames, counts: impl Fn(ModuleId) -> bool) -> Vec<ModuleId> {
    let own = program.module(renames.by).name.as_str();
    let compared: Vec<(String, bool)> = program
        .module(renames.by)
        .facts
        .marks
        .iter()
        .filter(|mark| renames.range.contains_range(mark.range))
        .filter_map(|mark| match mark.kind {
            MarkKind::ComparesText(start) => {
                Some((format!("{}{}", if start.own { own } else { "" }, start.text), start.whole))
            }
            _ => None,
        })
        .collect();
    let matches = |name: &str| {
        compared.iter().any(|(text, whole)| if *whole { name == text } else { name.starts_with(text) })
    };
    program.ids().filter(|&id| matches(program.module(id).name.as_str()) && counts(id)).collect()
}

/// Whether the last parts of a module's name are those of `rest`.
fn ends_with(name: &str, rest: &str) -> bool {
    name.strip_suffix(rest).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// The modules of whose new names one module asks for one.
fn add_asked(
    program: &Program,
    id: ModuleId,
    prefix: &str,
    candidates: &[ModuleId],
    asked: &mut FxHashSet<ModuleId>,
) {
    let facts = &program.module(id).facts;
    let mut ask = |rest: &str| {
        let ends = rest.match_indices('.').map(|(end, _)| end).chain([rest.len()]);
        for rest in ends.map(|end| &rest[..end]).filter(|rest| !rest.is_empty()) {
            let named = candidates.iter().filter(|&&c| ends_with(program.module(c).name.as_str(), rest));
            asked.extend(named);
        }
    };
    let (holder, top) = (prefix.trim_end_matches('.'), prefix.split('.').next().unwrap_or_default());
    // What names in the module stand for, as far as it has to do with the new names.
    let mut bound: Vec<(&str, String)> = Vec::new();
    for import in &facts.imports {
        let from = import.from.map(|from| program.absolute(id, from).unwrap_or_default());
        for alias in &import.aliases {
            let name = match &from {
                Some(from) => format!("{from}.{}", alias.name),
                None => alias.name.as_str().to_owned(),
            };
            if name.split('.').next() != Some(top) {
                continue;
            }
            // A submodule that is asked for by its package is found by its usual name.
            let loaded = from.as_ref().unwrap_or(&name);
            if let Some(rest) = loaded.strip_prefix(prefix) {
                ask(rest);
            }
            let whole = from.is_some() || alias.asname.is_some();
            bound.push((alias.bound(from.is_some()), if whole { name } else { top.to_owned() }));
        }
    }
    for text in &facts.code.strings {
        if let Some(rest) = text.as_str().strip_prefix(prefix) {
            ask(rest);
        }
    }
    // `app.packages.lib.tools`
    for chain in if bound.is_empty() { None } else { Some(facts.code.chains()) }.into_iter().flatten() {
        let Some((first, attrs)) = chain.split_first() else { continue };
        for (_, name) in bound.iter().filter(|(bound, _)| *first == **bound) {
            let full = attrs.iter().fold(name.clone(), |full, attr| format!("{full}.{attr}"));
            if let Some(rest) = full.strip_prefix(holder).and_then(|rest| rest.strip_prefix('.')) {
                ask(rest);
            }
        }
    }
    for mark in &facts.marks {
        if let MarkKind::LoadsFrom(start) | MarkKind::AsksSysModulesFrom(start) = mark.kind
            && !start.own
            && (start.text.as_str().starts_with(prefix) || prefix.starts_with(start.text.as_str()))
        {
            asked.extend(candidates);
        }
    }
}
