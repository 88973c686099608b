//! Reads that hand the value on, wrapped so that they hand on the real object.
//!
//! ```python
//! return X              # return real(X)                                                      by `apply`
//! return X              # return (X if X is not __dally_X__ else __dally_real__(X))           by `build`
//! match p:              # match (__dally_real__(Point), (p))[-1]:
//!     case Point(): …   #     case Point(): …
//! def f(a: X): …        # def f(a: "__dally_real__(X)"): …   where nobody evaluates it
//! ```
//!
//! The form of `build` is exact: its statement binds the same placeholder to `X` and to `__dally_X__`, so whatever else `X` holds is
//! real, and is what the name holds when it is read the second time. It costs three reads of globals; a call costs ten.

use ruff_text_size::{Ranged, TextRange};
use rustc_hash::{FxHashMap, FxHashSet};

use super::Plan;
use super::edit::EditSet;
use crate::facts::{Moment, ReadKind, Sym};

/// How the other name of a placeholder begins.
pub const MARK: &str = "__dally_";

/// The other name of an import's placeholder. Who lists a namespace without its special names does not see it.
pub fn mark(name: &str) -> String {
    format!("{MARK}{name}__")
}

/// What wrapping needs.
#[derive(Default)]
pub struct Wrapped {
    /// The helper `real`.
    pub real: bool,
    /// Names whose placeholder also gets a name of its own, `__dally_X__`.
    pub marked: FxHashSet<Sym>,
}

/// Adds the edits. `may_mark` says of which names the placeholder can have a second name.
pub fn wrap(
    plan: &Plan<'_>,
    lazy_names: &FxHashSet<Sym>,
    may_mark: &dyn Fn(Sym) -> bool,
    real: &str,
    edits: &mut EditSet,
) -> Wrapped {
    let mut used = false;
    let mut marks: FxHashMap<Sym, bool> = FxHashMap::default();
    let mut subjects: FxHashMap<TextRange, Vec<Sym>> = FxHashMap::default();
    let quoted: FxHashSet<usize> = plan.quote.iter().copied().collect();
    let mut annotations: Vec<(TextRange, Vec<TextRange>)> = Vec::new();
    for (index, read) in plan.facts.reads().enumerate() {
        if read.moment == Moment::Never || !lazy_names.contains(&read.name) {
            continue;
        }
        match read.kind {
            ReadKind::Escape => {
                used = true;
                if *marks.entry(read.name).or_insert_with(|| may_mark(read.name)) {
                    let text = &plan.text[read.range];
                    let prefix =
                        format!("({text} if {text} is not {} else {real}(", mark(read.name.as_str()));
                    edits.surround(read.range, 100, &prefix, "))");
                } else {
                    edits.surround(read.range, 100, &format!("{real}("), ")");
                }
            }
            ReadKind::ClassPattern(subject) => {
                let names = subjects.entry(subject).or_default();
                if !names.contains(&read.name) {
                    names.push(read.name);
                }
                used = true;
            }
            ReadKind::Annotation(annotation) if quoted.contains(&index) => {
                used = true;
                match annotations.last_mut() {
                    Some((range, names)) if *range == annotation.range => names.push(read.range),
                    _ => annotations.push((annotation.range, vec![read.range])),
                }
            }
            ReadKind::Attribute
            | ReadKind::Call
            | ReadKind::Subscript
            | ReadKind::TypeTest
            | ReadKind::Dropped
            | ReadKind::Annotation(_)
            | ReadKind::Fixed(_) => {}
        }
    }
    for (subject, names) in subjects {
        let calls: Vec<String> = names.iter().map(|n| format!("{real}({n}), ")).collect();
        edits.surround(subject, 0, &format!("({}(", calls.concat()), "))[-1]");
    }
    for (range, names) in annotations {
        if let Some(text) = quote(plan.text, range, &names, real) {
            edits.replace(range, text);
        }
    }
    Wrapped {
        real: used,
        marked: marks.into_iter().filter(|(_, marked)| *marked).map(|(name, _)| name).collect(),
    }
}

/// The annotation as a string literal, its lazy names wrapped.
pub fn quote(text: &str, range: TextRange, names: &[TextRange], real: &str) -> Option<String> {
    let mut inner = EditSet::default();
    let offset = range.start();
    let mut names = names.to_vec();
    names.sort_by_key(Ranged::start);
    names.dedup();
    for name in names {
        inner.surround(name - offset, 0, &format!("{real}("), ")");
    }
    let inner = inner.apply(&text[range]).ok()?;
    // Line breaks are allowed inside parentheses only.
    let (open, close) = if inner.contains(['\n', '\r']) { ("(", ")") } else { ("", "") };
    quote_char(&text[range]).map(|q| format!("{q}{open}{inner}{close}{q}"))
}

/// Quotes that can go around a text without changing it.
pub fn quote_char(text: &str) -> Option<&'static str> {
    if text.contains('\\') {
        return None;
    }
    let lines = text.contains(['\n', '\r']);
    ["\"", "'", "\"\"\"", "'''"].into_iter().find(|q| (!lines || q.len() == 3) && !text.contains(&q[..1]))
}
