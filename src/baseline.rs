//! Findings that a repository has had when it began to use dally.
//!
//! Enters: a file under version control and the findings of a run. Leaves: which findings are new. A baseline names a finding by its
//! file, relative to the baseline's own folder, and its import, not by its line, so editing a file changes nothing; the same import
//! twice in one file counts twice. It is written by `--write-baseline`; `--update-baseline` only ever takes something out.
//!
//! ```json
//! {
//!   "dally-baseline": 1,
//!   "findings": {
//!     "src/app.py": {
//!       "import json": 1
//!     }
//!   }
//! }
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::report::sites::{FileReport, Report, slashes};
use crate::write::plain;

/// The version of the format.
const VERSION: u32 = 1;

/// Known findings: how often an import is one, by file and statement.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    #[serde(rename = "dally-baseline")]
    version: u32,
    findings: Findings,
}

type Findings = BTreeMap<String, BTreeMap<String, usize>>;

impl Baseline {
    /// Reads a baseline; the error names the file, and the line if it is no baseline.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| {
            let missing = error.kind() == std::io::ErrorKind::NotFound;
            let help = if missing { "; --write-baseline makes it" } else { "" };
            format!("{}: cannot be read: {}{help}", path.display(), plain(&error))
        })?;
        let wrong = |line: usize, what: &dyn std::fmt::Display| {
            format!("{}:{line}: not a baseline: {what}", path.display())
        };
        if !text.trim_start().starts_with('{') {
            return Err(wrong(1, &"it does not begin with `{`"));
        }
        let baseline: Self = serde_json::from_str(&text).map_err(|error| wrong(error.line(), &error))?;
        if baseline.version != VERSION {
            let version = baseline.version;
            return Err(format!("{}: baseline version {version} is not known here", path.display()));
        }
        Ok(baseline)
    }

    /// All findings of a run, for a baseline at `path`.
    pub fn of(reports: &[Report<'_>], path: &Path) -> Self {
        let folder = folder_of(path);
        let mut findings = Findings::new();
        for (report, file) in files(reports) {
            for site in file.sites.iter().filter(|site| site.is_finding()) {
                let statements = findings.entry(key(report, file, &folder)).or_default();
                *statements.entry(site.statement()).or_default() += 1;
            }
        }
        Self { version: VERSION, findings }
    }

    /// Marks the findings that the baseline knows; gives how many known ones there are no more in the files that were checked.
    pub fn mark(&self, reports: &mut [Report<'_>], path: &Path) -> usize {
        let folder = folder_of(path);
        let mut gone = 0;
        let keys: Vec<String> = files(reports).map(|(report, file)| key(report, file, &folder)).collect();
        for (file, key) in reports.iter_mut().flat_map(|report| &mut report.files).zip(&keys) {
            let Some(known) = self.findings.get(key) else { continue };
            let mut left = known.clone();
            for site in file.sites.iter_mut().filter(|site| site.is_finding()) {
                if let Some(count) = left.get_mut(&site.statement())
                    && *count > 0
                {
                    *count -= 1;
                    site.known = true;
                }
            }
            gone += left.values().sum::<usize>();
        }
        gone + self.vanished(&folder).map(|(_, known)| known.values().sum::<usize>()).sum::<usize>()
    }

    /// The baseline without what is no finding any more. Adds nothing.
    #[must_use]
    pub fn lowered(&self, reports: &[Report<'_>], path: &Path) -> Self {
        let folder = folder_of(path);
        let now = Self::of(reports, path);
        let checked: Vec<String> = files(reports).map(|(report, file)| key(report, file, &folder)).collect();
        let vanished: Vec<&String> = self.vanished(&folder).map(|(file, _)| file).collect();
        let mut findings = Findings::new();
        for (file, known) in &self.findings {
            if vanished.contains(&file) {
                continue;
            }
            if !checked.contains(file) {
                findings.insert(file.clone(), known.clone());
                continue;
            }
            let Some(found) = now.findings.get(file) else { continue };
            let left: BTreeMap<String, usize> = known
                .iter()
                .filter_map(|(statement, count)| {
                    let count = (*count).min(found.get(statement).copied().unwrap_or(0));
                    (count > 0).then(|| (statement.clone(), count))
                })
                .collect();
            if !left.is_empty() {
                findings.insert(file.clone(), left);
            }
        }
        Self { version: VERSION, findings }
    }

    /// Takes over what an older baseline says about files that exist and were not looked at.
    pub fn keep_unchecked(&mut self, older: &Self, reports: &[Report<'_>], path: &Path) {
        let folder = folder_of(path);
        let checked: Vec<String> = files(reports).map(|(report, file)| key(report, file, &folder)).collect();
        for (file, known) in &older.findings {
            if !checked.contains(file) && folder.join(file).exists() {
                self.findings.insert(file.clone(), known.clone());
            }
        }
    }

    /// Files of the baseline that do not exist any more.
    fn vanished(&self, folder: &Path) -> impl Iterator<Item = (&String, &BTreeMap<String, usize>)> {
        self.findings.iter().filter(|(file, _)| !folder.join(file).exists())
    }

    /// How many findings it knows.
    pub fn len(&self) -> usize {
        self.findings.values().flat_map(BTreeMap::values).sum()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// The text of the file: sorted, a line for each finding.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// The folder of a file, canonical.
fn folder_of(path: &Path) -> PathBuf {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf())
}

fn files<'r, 'a>(reports: &'r [Report<'a>]) -> impl Iterator<Item = (&'r Report<'a>, &'r FileReport<'a>)> {
    reports.iter().flat_map(|report| report.files.iter().map(move |file| (report, file)))
}

fn key(report: &Report<'_>, file: &FileReport<'_>, folder: &Path) -> String {
    let absolute = &report.run.discovery.files[file.index].absolute;
    slashes(&absolute.strip_prefix(folder).unwrap_or(absolute).to_string_lossy())
}
