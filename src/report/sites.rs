//! Verdicts with positions, ready to be printed.
//!
//! Enters: a run. Leaves: for each selected file its sites with their places in the file as it is on disk, also where
//! the facts are about the text before an earlier `apply`.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use rayon::prelude::*;
use ruff_text_size::{TextRange, TextSize};

use crate::decide::{Evidence, Reason, Verdict};
use crate::facts::{ImportStmt, Site};
use crate::program::ModuleId;
use crate::rewrite::edit::OffsetMap;
use crate::rewrite::statement;
use crate::run::{Run, Standing};
use crate::source::{LineIndex, SourceText};

/// All sites of a run.
#[derive(Debug)]
pub struct Report<'a> {
    /// The run.
    pub run: &'a Run,
    /// The selected files that have sites or failures, in order.
    pub files: Vec<FileReport<'a>>,
    /// Texts of modules, read when first needed.
    sources: Vec<OnceLock<Option<Lines<'a>>>>,
}

/// The sites of one file.
#[derive(Debug)]
pub struct FileReport<'a> {
    /// Its index in the run.
    pub index: usize,
    /// In source order.
    pub sites: Vec<SiteReport<'a>>,
}

/// One site with its place.
#[derive(Debug)]
pub struct SiteReport<'a> {
    /// Where the name stands.
    pub place: Place,
    /// The first and the last line of the whole statement, counted from 1: there are very many sites.
    pub lines: (u32, u32),
    import: &'a ImportStmt,
    /// The site.
    pub site: &'a Site,
    /// The verdict.
    pub verdict: &'a Verdict,
    /// What the verdict means for the file as it is.
    pub standing: Standing,
    /// A baseline knows of it.
    pub known: bool,
}

/// A range in a file: lines and columns counted from 1, columns in characters, the end exclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// First line.
    pub line: u32,
    /// Column in the first line.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// Column in the last line.
    pub end_column: u32,
    /// Bytes of the text.
    pub bytes: Range<u32>,
}

/// The text of a module's file and its lines.
#[derive(Debug)]
pub struct Lines<'a> {
    /// The text on disk.
    pub text: String,
    index: LineIndex,
    map: Option<&'a OffsetMap>,
}

impl<'a> Lines<'a> {
    /// `end` is the last place that will be asked for, if that is known.
    fn of(run: &'a Run, id: ModuleId, end: Option<TextSize>) -> Option<Self> {
        let path = match run.file(id) {
            Some(file) => &file.absolute,
            None => &run.module(id).path,
        };
        let source = SourceText::decode(fs::read(path).ok()?).ok()?;
        let text = source.into_text();
        let view = run.states.get(id.index()).and_then(|state| state.view.as_ref());
        let map = view.map(|view| &view.map);
        let end = match (end, map) {
            (Some(end), None) => text.ceil_char_boundary(end.to_usize()),
            (Some(_), Some(_)) | (None, _) => text.len(),
        };
        let index = LineIndex::new(&text[..end]);
        Some(Self { text, index, map })
    }

    /// Where a range of the analysed text stands in the file.
    pub fn place(&self, range: TextRange) -> Place {
        let offset = |at: TextSize| {
            let at = self.map.map_or(at, |map| map.to_old(at)).to_usize();
            at.min(self.text.len())
        };
        let start = offset(range.start());
        // The end by the last character: a piece may be followed by something that was inserted.
        let end = if range.is_empty() {
            start
        } else {
            (offset(range.end() - TextSize::new(1)) + 1).clamp(start, self.text.len())
        };
        let end = (end..=self.text.len()).find(|&at| self.text.is_char_boundary(at)).unwrap_or(start);
        let small = |offset| u32::try_from(offset).expect("a file has fewer than 2^32 bytes");
        let first = self.index.position(&self.text, start);
        let last = self.index.position(&self.text, end);
        Place {
            line: first.line,
            column: first.column,
            end_line: last.line,
            end_column: last.column,
            bytes: small(start)..small(end),
        }
    }
}

impl Lines<'_> {
    /// The line that an offset is on, without its newline.
    pub fn line(&self, offset: usize) -> Range<usize> {
        let start = self.text[..offset].rfind(['\n', '\r']).map_or(0, |at| at + 1);
        let end = self.text[offset..].find(['\n', '\r']).map_or(self.text.len(), |at| offset + at);
        start..end
    }
}

impl<'a> Report<'a> {
    /// Places all sites of the selected files.
    pub fn new(run: &'a Run) -> Self {
        Self::of(run, |_| true)
    }

    /// Places those that `check` asks to be changed: where nothing else is shown, most files need not be read for that.
    pub fn of_findings(run: &'a Run) -> Self {
        Self::of(run, Standing::is_finding)
    }

    fn of(run: &'a Run, shown: fn(Standing) -> bool) -> Self {
        let mut report = Self {
            run,
            files: Vec::new(),
            sources: std::iter::repeat_with(OnceLock::new).take(run.modules.len()).collect(),
        };
        report.files = (0..run.discovery.files.len())
            .into_par_iter()
            .with_max_len(32)
            .filter(|&index| run.discovery.files[index].selected)
            .map(|index| FileReport { index, sites: report.sites_of(index, shown) })
            .collect();
        report
    }

    /// All sites that `check` asks to be changed and no baseline knows of.
    pub fn findings(&self) -> impl Iterator<Item = (&FileReport<'a>, &SiteReport<'a>)> {
        self.files
            .iter()
            .flat_map(|file| file.sites.iter().map(move |site| (file, site)))
            .filter(|(_, site)| site.is_finding() && !site.known)
    }

    /// The path of a file as it was reached.
    pub fn path(&self, file: &FileReport<'_>) -> &'a Path {
        &self.run.discovery.files[file.index].path
    }

    /// The text of a module; `None` if it cannot be read.
    pub fn lines(&self, id: ModuleId) -> Option<&Lines<'a>> {
        self.sources[id.index()].get_or_init(|| Lines::of(self.run, id, None)).as_ref()
    }

    /// Where a line of evidence stands: the file as reached and the place in it.
    pub fn evidence(&self, evidence: &Evidence) -> Option<(&'a Path, Place)> {
        let place = self.lines(evidence.module)?.place(evidence.range);
        let path = match self.run.file(evidence.module) {
            Some(file) => &file.path,
            None => &self.run.module(evidence.module).path,
        };
        Some((path, place))
    }

    /// The sites of one file, in source order.
    fn sites_of(&self, index: usize, shown: fn(Standing) -> bool) -> Vec<SiteReport<'a>> {
        let run = self.run;
        let id = ModuleId(u32::try_from(index).expect("fewer than 2^32 files"));
        let Some(facts) = run.facts(index) else { return Vec::new() };
        let is_shown = |number: usize| shown(run.standing(index, number));
        let count = (0..facts.sites.len()).filter(|&number| is_shown(number)).count();
        if count == 0 {
            return Vec::new();
        }
        // Not kept: only evidence is looked up again.
        let end = facts.imports.iter().map(|import| import.range.end()).max();
        let Some(lines) = Lines::of(run, id, end) else { return Vec::new() };
        let mut reports = Vec::with_capacity(count);
        let sites = facts.sites.iter().zip(&run.verdicts[index].sites).enumerate();
        reports.extend(sites.filter(|(number, _)| is_shown(*number)).map(|(number, (site, verdict))| {
            let import = &facts.imports[site.stmt as usize];
            let alias = &import.aliases[site.alias as usize];
            let whole = lines.place(import.range);
            SiteReport {
                place: lines.place(alias.range),
                lines: (whole.line, whole.end_line),
                import,
                site,
                verdict,
                standing: run.standing(index, number),
                known: false,
            }
        }));
        reports
    }
}

impl SiteReport<'_> {
    /// Whether the name is on a line.
    pub fn is_on(&self, line: u32) -> bool {
        (self.place.line..=self.place.end_line).contains(&line)
    }

    /// Whether `check` asks for a change.
    pub fn is_finding(&self) -> bool {
        self.standing.is_finding()
    }

    /// The statement for this name alone.
    pub fn statement(&self) -> String {
        statement::single(self.import, &self.import.aliases[self.site.alias as usize])
    }

    /// The reasons to keep it eager.
    pub fn reasons(&self) -> &[Reason] {
        match self.verdict {
            Verdict::Keep(reasons) => reasons,
            Verdict::Lazy | Verdict::NotCandidate => &[],
        }
    }
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

/// A path for other programs: relative to the current folder if it is below, with slashes.
pub fn portable(path: &Path) -> String {
    slashes(&below_current(path).to_string_lossy()).trim_start_matches("./").to_owned()
}

/// A path without the current folder.
pub fn below_current(path: &Path) -> &Path {
    if path.is_relative() {
        return path;
    }
    let below = std::env::current_dir().ok().and_then(|current| path.strip_prefix(current).ok());
    below.map_or(path, |below| if below.as_os_str().is_empty() { Path::new(".") } else { below })
}

/// With slashes between the names. A backslash can be part of a name where it does not separate names.
pub fn slashes(path: &str) -> String {
    if std::path::MAIN_SEPARATOR == '\\' { path.replace('\\', "/") } else { path.to_owned() }
}

/// A path for people, on one line whatever its name.
pub fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    if !text.contains(char::is_control) {
        return text.into_owned();
    }
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escape).collect()
}
