//! For people.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::conflicts;
use super::sites::{self, Report};
use crate::decide::KeepReason;
use crate::run::{Counts, Standing};

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// What is to be changed.
    Findings,
    /// And what stays eager.
    Verdicts,
    /// And what is lazy already, and what can never be.
    Everything,
}

/// `path:line:column: lazy: import x`, one line a site.
pub fn verdicts(report: &Report<'_>, detail: Detail, out: &mut impl Write) -> io::Result<()> {
    let all = detail == Detail::Everything;
    let mut text = String::new();
    for file in &report.files {
        let path = sites::shown(report.path(file));
        for site in &file.sites {
            let at = format!("{path}:{}:{}", site.place.line, site.place.column);
            let names = sites::names(site.reasons());
            let _ = match site.standing {
                Standing::Pending | Standing::Withdrawn if site.known && !all => Ok(()),
                Standing::Pending => writeln!(text, "{at}: lazy: {}", site.statement()),
                Standing::Withdrawn => writeln!(text, "{at}: eager again: {} ({names})", site.statement()),
                Standing::Eager if detail == Detail::Findings => Ok(()),
                Standing::Eager => writeln!(text, "{at}: keep: {} ({names})", site.statement()),
                Standing::Lazy if all => writeln!(text, "{at}: lazy already: {}", site.statement()),
                Standing::NotCandidate if all => writeln!(text, "{at}: no candidate: {}", site.statement()),
                Standing::Lazy | Standing::NotCandidate => Ok(()),
            };
        }
        out.write_all(text.as_bytes())?;
        text.clear();
    }
    if detail == Detail::Findings { Ok(()) } else { conflicts::text(&conflicts::of(report), out) }
}

/// How many imports there are of each kind: `lazy`, `eager again`, and each reason.
pub fn statistics(counts: &Counts, out: &mut impl Write) -> io::Result<()> {
    let mut rows: Vec<(usize, &str, String)> = vec![
        (counts.pending, "lazy", "could be lazy".to_owned()),
        (counts.withdrawn, "eager again", "lazy in the source, should be eager".to_owned()),
        (counts.lazy - counts.pending, "lazy already", "lazy in the source".to_owned()),
    ];
    let mut reasons: Vec<(KeepReason, usize)> = counts.reasons.iter().map(|(r, n)| (*r, *n)).collect();
    reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), *reason));
    rows.extend(reasons.iter().map(|(reason, count)| {
        let text = reason.documentation();
        (*count, reason.name(), text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned())
    }));
    for (count, name, meaning) in rows.iter().filter(|(count, ..)| *count > 0) {
        writeln!(out, "{count:>7}  {name:<24}  {meaning}")?;
    }
    Ok(())
}
