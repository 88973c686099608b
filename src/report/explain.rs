//! Why an import is lazy or not, as compilers explain errors: the source line, the reason, the lines that are the evidence, and
//! what would make the import lazy.
//!
//! ```text
//! eager[used-at-import-time]: from decimal import Decimal
//!   --> report.py:4:21
//!    |
//!  4 | from decimal import Decimal
//!    |                     ^^^^^^^ stays eager
//! ```

use std::io::{self, Write};

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::sites::{self, FileReport, Lines, Place, Report, SiteReport, shown};
use crate::decide::Reason;
use crate::facts::Declared;
use crate::program::ModuleId;
use crate::run::Standing;

/// Explains the sites of the selected files, or of one line. Takes and gives whether there was any.
pub fn explain(
    report: &Report<'_>,
    line: Option<u32>,
    mut found: bool,
    colours: bool,
    out: &mut impl Write,
) -> io::Result<bool> {
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    for file in &report.files {
        // A line between the names of a statement is about all of them.
        let exact = line.is_some_and(|line| file.sites.iter().any(|site| site.is_on(line)));
        for site in &file.sites {
            let (first, last) = site.lines;
            let is_on = |line| if exact { site.is_on(line) } else { (first..=last).contains(&line) };
            if line.is_some_and(|line| !is_on(line)) {
                continue;
            }
            if found {
                writeln!(out)?;
            }
            found = true;
            writeln!(out, "{}", renderer.render(&groups(report, file, site)))?;
        }
    }
    Ok(found)
}

/// What is said about one site: its own line, then a group for each reason.
fn groups<'r>(report: &'r Report<'_>, file: &FileReport<'_>, site: &'r SiteReport<'_>) -> Vec<Group<'r>> {
    let (name, label, help) = words(site);
    let level = match site.standing {
        Standing::Eager | Standing::NotCandidate => Level::INFO,
        Standing::Withdrawn => Level::WARNING,
        Standing::Pending | Standing::Lazy => Level::HELP,
    };
    let mut title = level.with_name(Some(name)).primary_title(site.statement());
    if let [reason, ..] = site.reasons() {
        title = title.id(reason.kind.name());
    }
    let id = ModuleId(u32::try_from(file.index).expect("fewer than 2^32 files"));
    let path = shown(report.path(file));
    let mut first = Group::with_title(title);
    if let Some(lines) = report.lines(id) {
        let primary = |span| AnnotationKind::Primary.span(span).label(label);
        first = first.element(snippet(lines, &site.place, primary).path(path));
    }
    if let Some(help) = help {
        first = first.element(Level::NOTE.message(help));
    }
    let mut groups = vec![first];
    groups.extend(site.reasons().iter().map(|reason| why(report, reason)));
    groups
}

/// The word for the verdict, the label of the line, and what else there is to say.
fn words(site: &SiteReport<'_>) -> (&'static str, &'static str, Option<&'static str>) {
    let declared = site.site.declared.map(|declared| match declared {
        Declared::Keyword => "its author says so with the keyword `lazy`",
        Declared::List => "its author says so in `__lazy_modules__`",
        Declared::Pragma => "its author says so with a comment",
    });
    match site.standing {
        Standing::Pending => ("lazy", "can wait until the name is used", declared),
        Standing::Lazy => ("lazy", "is lazy already", declared),
        Standing::Withdrawn => (
            "eager",
            "is lazy, and should be eager",
            Some("the program has changed since `dally apply` wrote this"),
        ),
        Standing::Eager => ("eager", "stays eager", None),
        Standing::NotCandidate => (
            "eager",
            "stays as it is",
            Some("imports in try, with, functions and classes are never made lazy"),
        ),
    }
}

/// A reason with its evidence, numbered if it is a chain, and what would make the import lazy.
fn why<'r>(report: &'r Report<'_>, reason: &'r Reason) -> Group<'r> {
    let text = reason.kind.documentation();
    let first = text.lines().next().unwrap_or_default();
    let title = Level::NOTE.secondary_title(format!("{}: {first}", reason.kind));
    let mut group = Group::with_title(title);
    let chain = reason.evidence.len() > 1;
    for (number, evidence) in reason.evidence.iter().enumerate() {
        let (Some((path, place)), Some(lines)) = (report.evidence(evidence), report.lines(evidence.module))
        else {
            continue;
        };
        let note = sites::note(evidence);
        let label = if chain { format!("{}. {note}", number + 1) } else { note };
        let context = |span| AnnotationKind::Primary.span(span).label(label);
        let path = shown(path);
        group = group.element(snippet(lines, &place, context).path(path));
    }
    let remedy = reason.kind.remedy();
    if !remedy.is_empty() {
        group = group.element(Level::HELP.message(remedy));
    }
    group
}

/// The line on which a place begins, as the reader's editor shows it.
fn snippet<'r>(
    lines: &'r Lines<'_>,
    place: &Place,
    annotation: impl FnOnce(std::ops::Range<usize>) -> Annotation<'r>,
) -> Snippet<'r, Annotation<'r>> {
    let line = lines.line(place.bytes.start as usize);
    let start = place.bytes.start as usize - line.start;
    let source = &lines.text[line.clone()];
    // Evidence without an extent is about its line.
    let end = if place.bytes.is_empty() {
        source.trim_end().len()
    } else {
        (place.bytes.end as usize).min(line.end) - line.start
    };
    let end = end.max(start);
    Snippet::source(source).line_start(place.line as usize).annotation(annotation(start..end))
}
