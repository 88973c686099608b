//! `dally apply`: in place, each file atomically.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use rayon::prelude::*;

use super::arguments::ApplyArgs;
use super::interrupt::Interrupts;
use super::{CliError, Status, progress, report_problems, report_target, summary};
use crate::report::diff;
use crate::report::sites::{portable, shown};
use crate::rewrite::Form;
use crate::run::{FileOutcome, Run};
use crate::runtime::RUNTIME;
use crate::write::{add_file, replace_file};

pub fn run(args: &ApplyArgs) -> Result<Status, CliError> {
    let clock = Instant::now();
    let interrupts = Interrupts::watch();
    let bar = progress(args.common.quiet, "reading");
    let request = args.common.request(&args.paths, Form::Apply, true)?;
    let run = Run::new(&request).map_err(CliError::Run)?;
    bar.finish_and_clear();
    let outcomes = outcomes(&run);
    let mut failed = report_problems(&run, false)? | report_failures(&run, &outcomes)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    // A reader that closes the pipe early does not keep the other files from being rewritten.
    let mut printed: io::Result<()> = Ok(());
    let mut changed = 0_usize;
    let mut added = Vec::new();
    interrupts.writing();
    // The runtime first: a rewritten file must never be without it.
    for path in runtime_files(&run, &outcomes)? {
        if let Err(error) = add_file(&path, RUNTIME.as_bytes()) {
            return Err(CliError::Message(error.to_string()));
        }
        added.push(path);
    }
    for (file, outcome) in run.discovery.files.iter().zip(&outcomes) {
        let FileOutcome::Changed(text) = outcome else { continue };
        if interrupts.asked() {
            out.flush()?;
            return Err(CliError::Interrupted(format!(
                "{changed} files are rewritten, the others are as they were"
            )));
        }
        if args.diff && printed.is_ok() {
            printed = diff::unified(&file.path, text, &mut out);
        }
        match replace_file(&file.absolute, &text.bytes) {
            Ok(()) => changed += 1,
            Err(error) => {
                writeln!(io::stderr(), "{}:1:1: error: {error}", shown(&file.path))?;
                failed = true;
            }
        }
    }
    printed.and_then(|()| out.flush())?;
    if !args.common.quiet {
        report_target(&request, &run)?;
        for path in &added {
            writeln!(io::stderr(), "{}: the runtime file, written", portable(path))?;
        }
        let counts = run.counts();
        let line = summary(&counts, "lazy", counts.lazy, clock.elapsed());
        writeln!(io::stderr(), "{changed} files rewritten; {line}")?;
    }
    Ok(if failed { Status::Failed } else { Status::Done })
}

/// The new texts, in parallel, in the order of the files.
pub fn outcomes(run: &Run) -> Vec<FileOutcome> {
    (0..run.discovery.files.len()).into_par_iter().map(|index| run.rewrite(index)).collect()
}

/// Prints the failures of rewriting; those of reading have been reported.
pub fn report_failures(run: &Run, outcomes: &[FileOutcome]) -> io::Result<bool> {
    let mut failed = false;
    let mut stderr = io::stderr().lock();
    for ((file, state), outcome) in run.discovery.files.iter().zip(&run.states).zip(outcomes) {
        if let (None, FileOutcome::Failed(failure)) = (&state.failure, outcome) {
            let at = format!("{}:{}:{}", shown(&file.path), failure.line, failure.column);
            let kind = if failure.refused { "warning" } else { "error" };
            writeln!(stderr, "{at}: {kind}: {}", failure.message)?;
            failed |= !failure.refused;
        }
    }
    Ok(failed)
}

/// Where the runtime file has to be for the changed files and is not, or is an older one.
pub fn runtime_files(run: &Run, outcomes: &[FileOutcome]) -> Result<Vec<PathBuf>, CliError> {
    let mut places = run.runtime_places(|index| matches!(outcomes[index], FileOutcome::Changed(_)));
    if let Some(message) = run.foreign_runtime(&places) {
        return Err(CliError::Message(message));
    }
    places.retain(|path| fs::read(path).map_or(true, |old| old != RUNTIME.as_bytes()));
    Ok(places)
}
