//! State that several modules write while they load: who, and which order decides today.

use std::io::{self, Write};
use std::path::Path;

use ruff_text_size::{TextRange, TextSize};
use serde_json::{Value, json};

use super::sites::{Place, Report, portable, shown};
use crate::decide::Evidence;
use crate::program::ModuleId;
use crate::program::effects::{Conflict, Written};
use crate::program::tables::Wins;

/// A conflict with its places.
#[derive(Debug)]
pub struct ConflictReport<'a> {
    /// What is written, and which writer counts.
    pub conflict: &'a Conflict,
    /// In the order in which they load today.
    pub writers: Vec<WriterReport<'a>>,
    /// Where to report it: the writer that counts, if it is in a selected file.
    at: usize,
}

/// A writer with its places.
#[derive(Debug)]
pub struct WriterReport<'a> {
    /// The module's name.
    pub module: &'static str,
    /// Where it writes.
    pub path: &'a Path,
    /// Where it writes.
    pub place: Place,
    /// The import that loads it, in the module that loads all of them.
    pub import: (&'a Path, Place),
}

/// The conflicts in which a selected file takes part.
pub fn of<'a>(report: &Report<'a>) -> Vec<ConflictReport<'a>> {
    let run = report.run;
    let selected = |id: ModuleId| run.file(id).is_some_and(|file| file.selected);
    let place = |(module, at): (ModuleId, TextSize)| {
        report.evidence(&Evidence { module, range: TextRange::empty(at), note: "", subject: None })
    };
    let writer = |written: &Written| {
        let (path, place_of) = place((written.by, written.at))?;
        let module = run.module(written.by).name.as_str();
        Some(WriterReport { module, path, place: place_of, import: place(written.loaded)? })
    };
    let conflict = |conflict: &'a Conflict| {
        let winner = match conflict.wins {
            Wins::First => 0,
            Wins::Last | Wins::Unclear => conflict.writers.len() - 1,
        };
        let mut candidates = [winner].into_iter().chain(0..conflict.writers.len());
        let at = candidates.find(|&index| selected(conflict.writers[index].by))?;
        let writers = conflict.writers.iter().map(writer).collect::<Option<_>>()?;
        Some(ConflictReport { conflict, writers, at })
    };
    run.conflicts.iter().filter_map(conflict).collect()
}

impl ConflictReport<'_> {
    /// The writer at whose place the conflict is reported.
    pub fn main(&self) -> &WriterReport<'_> {
        &self.writers[self.at]
    }

    /// The conflict in a sentence.
    pub fn message(&self) -> String {
        let position = |path: &Path, place: &Place| format!("{}:{}", portable(path), place.line);
        let others = self.writers.iter().enumerate().filter(|(index, _)| *index != self.at);
        let mut others: Vec<String> =
            others.map(|(_, w)| format!("{} ({})", w.module, position(w.path, &w.place))).collect();
        if others.len() > 4 {
            let more = others.len() - 3;
            others.truncate(3);
            others.push(format!("{more} others"));
        }
        let (first, last) = (&self.writers[0], &self.writers[self.writers.len() - 1]);
        let outcome = match self.conflict.wins {
            Wins::First => format!("{} comes first and wins", first.module),
            Wins::Last => format!("{} comes last and wins", last.module),
            Wins::Unclear => format!("{} comes first, {} last", first.module, last.module),
        };
        let place = |w: &WriterReport<'_>| position(w.import.0, &w.import.1);
        format!(
            "{} is also written by {}; {outcome} ({} before {})",
            self.conflict.state,
            others.join(", "),
            place(first),
            place(last),
        )
    }
}

/// `path:line:column: conflict: …`, one line each.
pub fn text(conflicts: &[ConflictReport<'_>], out: &mut impl Write) -> io::Result<()> {
    for conflict in conflicts {
        let WriterReport { path, place, .. } = conflict.main();
        writeln!(out, "{}:{}:{}: conflict: {}", shown(path), place.line, place.column, conflict.message())?;
    }
    Ok(())
}

/// For programs.
pub fn json(conflicts: &[ConflictReport<'_>]) -> Value {
    let position = |path: &Path, place: &Place| json!({"path": path.to_string_lossy(), "line": place.line, "column": place.column});
    let writer = |writer: &WriterReport<'_>| {
        let mut value = position(writer.path, &writer.place);
        value["module"] = json!(writer.module);
        value["import"] = position(writer.import.0, &writer.import.1);
        value
    };
    let conflict = |report: &ConflictReport<'_>| {
        json!({
            "state": report.conflict.state,
            "wins": match report.conflict.wins {
                Wins::First => "first",
                Wins::Last => "last",
                Wins::Unclear => "unclear",
            },
            "writers": report.writers.iter().map(writer).collect::<Vec<_>>(),
        })
    };
    conflicts.iter().map(conflict).collect()
}
