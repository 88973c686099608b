//! `dally apply`: in place, each file atomically.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use rayon::prelude::*;

use super::arguments::ApplyArgs;
use super::interrupt::Interrupts;
use super::unused::{runtimes, unused};
use super::{
    CliError, Status, messages, number, progress, report_problems, report_target, report_work, summary,
};
use crate::config::Config;
use crate::report::diff;
use crate::report::sites::{portable, shown};
use crate::rewrite::Form;
use crate::run::{FileOutcome, Run};
use crate::runtime::RUNTIME;
use crate::write::{add_file, remove_file, replace_file};

pub fn run(args: &ApplyArgs, paths: &[PathBuf]) -> Result<(Status, Vec<PathBuf>), CliError> {
    let clock = Instant::now();
    let interrupts = Interrupts::watch();
    let bar = progress(args.common.quiet, "reading");
    let request = args.common.request(paths, Form::Apply, true)?;
    let run = Run::new(&request).map_err(CliError::Run)?;
    bar.finish_and_clear();
    let outcomes = outcomes(&run);
    let mut failed = report_problems(&run, false)? | report_failures(&run, &outcomes)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    // A reader that closes the pipe early does not keep the other files from being rewritten.
    let mut printed: io::Result<()> = Ok(());
    let mut changed = 0_usize;
    let mut runtimes = Runtimes::needed(&run, &outcomes)?;
    interrupts.writing();
    // The runtime first: a rewritten file must never be without it.
    if !interrupts.asked() {
        runtimes.add()?;
    }
    for (index, (file, outcome)) in run.discovery.files.iter().zip(&outcomes).enumerate() {
        let FileOutcome::Changed(text) = outcome else { continue };
        if interrupts.asked() {
            out.flush()?;
            runtimes.take_back(&run)?;
            return Err(CliError::Interrupted(format!(
                "{} rewritten, the others are as they were",
                number(changed, "file")
            )));
        }
        if args.diff && printed.is_ok() {
            printed = diff::unified(&file.path, text, &mut out);
        }
        match replace_file(&file.absolute, &text.bytes) {
            Ok(()) => {
                changed += 1;
                runtimes.needing[index] = run.needs_runtime(index, Some(&text.bytes));
                runtimes.given_up |= !runtimes.needing[index] && run.needs_runtime(index, Some(&text.old));
            }
            Err(error) => {
                writeln!(messages(), "{}:1:1: error: {error}", shown(&file.path))?;
                failed = true;
            }
        }
    }
    runtimes.take_back(&run)?;
    let gone = if runtimes.given_up { remove_unused(&request.config, &run)? } else { Vec::new() };
    printed.and_then(|()| out.flush())?;
    if !args.common.quiet {
        report_target(&request, &run)?;
        for Added { path, replaced } in &runtimes.added {
            let what = if *replaced { "replaced: it was that of another version" } else { "written" };
            writeln!(messages(), "{}: the runtime file, {what}", portable(path))?;
        }
        for path in &gone {
            writeln!(messages(), "{}: the runtime file, removed: nothing imports it", portable(path))?;
        }
        let counts = run.counts();
        let line = summary(&counts, "lazy", counts.lazy, clock.elapsed());
        writeln!(messages(), "{} rewritten; {line}", number(changed, "file"))?;
        if args.common.verbose {
            report_work(&run)?;
        }
    }
    Ok((if failed { Status::Failed } else { Status::Done }, run.apart))
}

/// The new texts, in parallel, in the order of the files.
pub fn outcomes(run: &Run) -> Vec<FileOutcome> {
    (0..run.discovery.files.len()).into_par_iter().map(|index| run.rewrite(index)).collect()
}

/// Prints the failures of rewriting; those of reading have been reported.
pub fn report_failures(run: &Run, outcomes: &[FileOutcome]) -> io::Result<bool> {
    let mut failed = false;
    let mut stderr = messages();
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

/// Where the runtime file has to be for the files that are rewritten, now or before, and is not, or is that of another version.
pub fn runtime_files(run: &Run, outcomes: &[FileOutcome]) -> Result<Vec<PathBuf>, CliError> {
    let mut places = run.runtime_places(|index| match &outcomes[index] {
        FileOutcome::Changed(text) => run.needs_runtime(index, Some(&text.bytes)),
        FileOutcome::Unchanged | FileOutcome::Failed(_) => run.needs_runtime(index, None),
    });
    if let Some(message) = run.foreign_runtime(&places) {
        return Err(CliError::Message(message));
    }
    places.retain(|path| fs::read(path).map_or(true, |old| old != RUNTIME.as_bytes()));
    Ok(places)
}

/// The runtime files of one `apply`.
struct Runtimes {
    places: Vec<PathBuf>,
    added: Vec<Added>,
    /// Which files import the runtime, as they are now.
    needing: Vec<bool>,
    /// A file does so no more.
    given_up: bool,
}

struct Added {
    path: PathBuf,
    replaced: bool,
}

impl Runtimes {
    fn needed(run: &Run, outcomes: &[FileOutcome]) -> Result<Self, CliError> {
        let places = runtime_files(run, outcomes)?;
        let needing = (0..outcomes.len()).map(|index| run.needs_runtime(index, None)).collect();
        Ok(Self { places, added: Vec::new(), needing, given_up: false })
    }

    fn add(&mut self) -> Result<(), CliError> {
        for path in std::mem::take(&mut self.places) {
            let replaced = path.exists();
            add_file(&path, RUNTIME.as_bytes()).map_err(|error| CliError::Message(error.to_string()))?;
            self.added.push(Added { path, replaced });
        }
        Ok(())
    }

    /// Removes what has been added for files that have not been rewritten after all.
    fn take_back(&mut self, run: &Run) -> Result<(), CliError> {
        let needed = run.runtime_places(|index| self.needing[index]);
        let (kept, superfluous): (Vec<Added>, Vec<Added>) = std::mem::take(&mut self.added)
            .into_iter()
            .partition(|added| added.replaced || needed.contains(&added.path));
        self.added = kept;
        for Added { path, .. } in superfluous {
            remove_file(&path).map_err(|error| CliError::Message(error.to_string()))?;
        }
        Ok(())
    }
}

/// Removes the runtime files that nothing imports any more.
fn remove_unused(config: &Config, run: &Run) -> Result<Vec<PathBuf>, CliError> {
    let unused = unused(config, &run.discovery, runtimes(config, &run.discovery), |_| None);
    for path in &unused {
        remove_file(path).map_err(|error| CliError::Message(error.to_string()))?;
    }
    Ok(unused)
}
