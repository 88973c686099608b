//! `dally build`: a rewritten copy of a tree.

use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use rayon::prelude::*;

use super::arguments::BuildArgs;
use super::interrupt::Interrupts;
use super::{
    CliError, Status, messages, progress, report_apart, report_problems, report_target, report_work, summary,
};
use crate::report::sites::shown;
use crate::rewrite::Form;
use crate::run::{FileOutcome, Run};
use crate::runtime::RUNTIME;
use crate::write::{Content, Copies, TreeWriter};

pub fn run(args: &BuildArgs) -> Result<Status, CliError> {
    let clock = Instant::now();
    let interrupts = Interrupts::watch();
    let bar = progress(args.common.quiet, "reading");
    let paths = [args.source.clone()];
    let mut request = args.common.request(&paths, Form::Build, true)?;
    request.collect_others = true;
    let copies = if args.link { Copies::Linked } else { Copies::Own };
    // A bad output is reported before any work is done.
    let writer =
        TreeWriter::create(&args.source, &args.out, copies).map_err(|e| CliError::Message(e.to_string()))?;
    let run = Run::new(&request).map_err(CliError::Run)?;
    // A tree that was rewritten in place has the runtime file already; it is written, not copied.
    let reserved = run.runtime_places(|index| may_change(&run, index));
    if let Some(message) = run.foreign_runtime(&reserved) {
        return Err(CliError::Message(message));
    }
    bar.set_message("writing");
    interrupts.writing();
    let problems: Mutex<Vec<(String, bool)>> = Mutex::new(Vec::new());
    let problem = |message: String, fatal: bool| {
        problems.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((message, fatal));
    };
    let fail = |message: String| problem(format!("error: {message}"), true);
    run.discovery.others.par_iter().for_each(|entry| {
        if interrupts.asked() {
            return;
        }
        if let Err(error) = writer.copy_other(entry) {
            fail(error.to_string());
        }
    });
    let changed: Vec<bool> = (0..run.discovery.files.len())
        .into_par_iter()
        .map(|index| {
            let file = &run.discovery.files[index];
            if interrupts.asked() || reserved.contains(&file.absolute) {
                return false;
            }
            // What cannot be read is named once.
            if file.selected && run.states[index].failure.as_ref().is_some_and(|failure| !failure.syntax) {
                return false;
            }
            let outcome = run.rewrite(index);
            let written = match &outcome {
                FileOutcome::Changed(text) => {
                    writer.write_new(&file.relative, &text.bytes, &file.absolute, Content::Changed)
                }
                FileOutcome::Unchanged | FileOutcome::Failed(_) => {
                    writer.copy_file(&file.absolute, &file.relative)
                }
            };
            if let (None, FileOutcome::Failed(failure)) = (&run.states[index].failure, &outcome) {
                let at = format!("{}:{}:{}", shown(&file.path), failure.line, failure.column);
                let kind = if failure.refused { "warning" } else { "error" };
                let message = format!("{at}: {kind}: {} (copied as it is)", failure.message);
                problem(message, !failure.refused);
            }
            if let Err(error) = written {
                fail(error.to_string());
            }
            matches!(outcome, FileOutcome::Changed(_))
        })
        .collect();
    let places = run.runtime_places(|index| changed[index]);
    if let Some(tree) = &run.tree {
        for place in &places {
            let relative = place.strip_prefix(tree).unwrap_or(Path::new(""));
            if let Err(error) = writer.write_added(relative, RUNTIME.as_bytes()) {
                fail(error.to_string());
            }
        }
    }
    for file in run.discovery.files.iter().filter(|file| reserved.contains(&file.absolute)) {
        if !places.contains(&file.absolute)
            && let Err(error) = writer.copy_file(&file.absolute, &file.relative)
        {
            fail(error.to_string());
        }
    }
    if interrupts.asked() {
        let message = "the output is not complete; the next build begins anew";
        return Err(CliError::Interrupted(message.to_owned()));
    }
    writer.finish().map_err(|e| CliError::Message(e.to_string()))?;
    bar.finish_and_clear();
    let mut failed = report_problems(&run, true)?;
    let mut problems = problems.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    problems.sort();
    for (message, fatal) in &problems {
        writeln!(messages(), "{message}")?;
        failed |= fatal;
    }
    if !args.common.quiet {
        report_target(&request, &run)?;
        report_apart(&run)?;
        let counts = run.counts();
        let line = summary(&counts, "lazy", counts.lazy, clock.elapsed());
        writeln!(messages(), "{line}")?;
        if args.common.verbose {
            report_work(&run)?;
        }
    }
    Ok(if failed { Status::Failed } else { Status::Done })
}

/// Whether a file may be rewritten.
fn may_change(run: &Run, index: usize) -> bool {
    run.verdicts[index].change()
}
