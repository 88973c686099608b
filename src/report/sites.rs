//! Verdicts with positions, ready to be printed.

use std::fs;

use crate::decide::{Evidence, Reason, Verdict};
use crate::facts::Site;
use crate::program::ModuleId;
use crate::rewrite::statement;
use crate::run::Run;
use crate::source::{LineIndex, SourceText};

/// One site with its place.
#[derive(Debug)]
pub struct SiteReport<'a> {
    /// 1-based line of the name.
    pub line: u32,
    /// 1-based column in characters.
    pub column: u32,
    /// The statement for this name alone.
    pub statement: String,
    /// The site.
    pub site: &'a Site,
    /// The verdict.
    pub verdict: &'a Verdict,
}

/// The text of a module's file and its lines.
#[derive(Debug)]
pub struct Lines {
    /// The text.
    pub text: String,
    index: LineIndex,
}

impl Lines {
    /// Reads the file of a module.
    pub fn of(run: &Run, id: ModuleId) -> Option<Self> {
        let path = match run.file(id) {
            Some(file) => &file.absolute,
            None => &run.program.module(id).path,
        };
        let source = SourceText::decode(fs::read(path).ok()?).ok()?;
        let text = source.text().to_owned();
        let index = LineIndex::new(&text);
        Some(Self { text, index })
    }

    /// 1-based line and column of an offset.
    pub fn position(&self, offset: usize) -> (u32, u32) {
        let offset = offset.min(self.text.len());
        let position = self.index.position(&self.text, offset);
        (position.line, position.column)
    }

    /// The text of a line.
    pub fn line(&self, line: u32) -> &str {
        self.index.line_range(&self.text, line).map_or("", |range| self.text[range].trim_end())
    }
}

/// The sites of one file, in source order.
pub fn of_file(run: &Run, index: usize) -> Vec<SiteReport<'_>> {
    let id = ModuleId(u32::try_from(index).expect("fewer than 2^32 files"));
    let module = run.program.module(id);
    if module.facts.sites.is_empty() {
        return Vec::new();
    }
    let Some(lines) = Lines::of(run, id) else { return Vec::new() };
    module
        .facts
        .sites
        .iter()
        .zip(&run.verdicts[index].sites)
        .map(|(site, verdict)| {
            let import = &module.facts.imports[site.stmt as usize];
            let alias = &import.aliases[site.alias as usize];
            let (line, column) = lines.position(alias.range.start().to_usize());
            SiteReport { line, column, statement: statement::single(import, alias), site, verdict }
        })
        .collect()
}

/// The first line of evidence of a reason, as `path:line`.
pub fn place(run: &Run, evidence: &Evidence) -> Option<String> {
    let lines = Lines::of(run, evidence.module)?;
    let (line, _) = lines.position(evidence.range.start().to_usize());
    Some(format!("{}:{line}", run.program.module(evidence.module).path.display()))
}

/// What a line of evidence says.
pub fn note(evidence: &Evidence) -> String {
    match evidence.subject {
        Some(subject) => format!("{subject}: {}", evidence.note),
        None => evidence.note.to_owned(),
    }
}

/// The reasons' names.
pub fn names(reasons: &[Reason]) -> String {
    reasons.iter().map(|r| r.kind.name()).collect::<Vec<_>>().join(", ")
}
