//! Target `lazy-modules`: a `__lazy_modules__` list, lazy on Python 3.15 and later, an ordinary variable before.
//!
//! The interpreter compares the absolute name of the module: `a.b` for `import a.b`, `a` for `from a import b`.
//! The list counts for the whole file, so `decide` gives this target verdicts that agree per module name.

use ruff_text_size::TextLen;

use super::edit::EditSet;
use super::place::{HeaderPlace, header_place};
use super::{Plan, Refusal};

/// Adds the edits.
pub fn rewrite(plan: &Plan<'_>, edits: &mut EditSet) -> Result<(), Refusal> {
    let mut names: Vec<&str> = Vec::new();
    let mut first = None;
    for statement in plan.statements() {
        first.get_or_insert(statement.import.range.start());
        for (alias, _) in statement.import.aliases.iter().zip(&statement.lazy).filter(|(_, l)| **l) {
            let name = match statement.import.from {
                None => alias.name.as_str(),
                Some(_) => match plan.absolute[statement.index] {
                    Some(name) => name.as_str(),
                    None => continue,
                },
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    // Keywords become entries of the list, so that the file runs before 3.15 as well.
    for import in plan.facts.imports.iter().filter(|i| i.lazy_keyword) {
        let after = &plan.text[import.range.start().to_usize()..];
        if let Some(rest) = after.strip_prefix("lazy") {
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            let length = u32::try_from("lazy".len() + blanks).unwrap_or_default();
            edits.delete(ruff_text_size::TextRange::at(import.range.start(), length.into()));
        }
    }
    super::missing(plan, edits);
    let Some(first) = first else { return Ok(()) };
    if let Some((range, listed)) = &plan.facts.layout.lazy_list {
        names.retain(|name| !listed.iter().any(|l| l == name));
        if names.is_empty() {
            return Ok(());
        }
        let quoted: Vec<String> = names.iter().map(|n| format!("\"{n}\"")).collect();
        edits.insert(
            range.end(),
            0,
            format!("; __lazy_modules__ = [*__lazy_modules__, {}]", quoted.join(", ")),
        );
        return Ok(());
    }
    let quoted: Vec<String> = names.iter().map(|n| format!("\"{n}\"")).collect();
    let header = format!("__lazy_modules__ = [{}]", quoted.join(", "));
    insert_header(plan, edits, &header_place(plan, first)?, &header);
    Ok(())
}

/// Writes a header at its place.
pub fn insert_header(plan: &Plan<'_>, edits: &mut EditSet, place: &HeaderPlace, header: &str) {
    match *place {
        HeaderPlace::Before(at) => edits.insert(at, -10, format!("{header}; ")),
        HeaderPlace::After(at) => edits.insert(at, -10, format!("; {header}")),
        HeaderPlace::OnLine { at, comment } => {
            let gap = if comment { "  " } else { "" };
            edits.insert(at, -10, format!("{header}{gap}"));
        }
        HeaderPlace::NewLine { at } => {
            edits.insert(at, -10, format!("{header}{}", plan.newline()));
        }
        HeaderPlace::End => {
            let open = !plan.text.is_empty() && !plan.text.ends_with(['\n', '\r']);
            let newline = if open { plan.newline() } else { "" };
            edits.insert(plan.text.text_len(), -10, format!("{newline}{header}"));
        }
    }
}
