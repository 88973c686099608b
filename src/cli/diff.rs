//! `dally diff`: the changes as a unified diff.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use super::arguments::DiffArgs;
use super::{CliError, Status, messages, progress, report_problems, report_target, report_work, summary};
use crate::report::diff;
use crate::rewrite::Form;
use crate::run::{FileOutcome, NewText, Run};
use crate::runtime::RUNTIME;

pub fn run(args: &DiffArgs, paths: &[PathBuf]) -> Result<(Status, Vec<PathBuf>), CliError> {
    let clock = Instant::now();
    let bar = progress(args.common.quiet, "reading");
    let request = args.common.request(paths, Form::Apply, true)?;
    let run = Run::new(&request).map_err(CliError::Run)?;
    bar.finish_and_clear();
    let outcomes = super::apply::outcomes(&run);
    let mut status = Status::Done;
    let mut out = io::BufWriter::new(io::stdout().lock());
    for (file, outcome) in run.discovery.files.iter().zip(&outcomes) {
        if let FileOutcome::Changed(text) = outcome {
            status = status.max(Status::Pending);
            diff::unified(&file.path, text, &mut out)?;
        }
    }
    for path in super::apply::runtime_files(&run, &outcomes)? {
        status = Status::Pending;
        match fs::read(&path) {
            Ok(old) => {
                let text = NewText { old, bytes: RUNTIME.as_bytes().to_vec() };
                diff::unified(&path, &text, &mut out)?;
            }
            Err(_) => diff::new_file(&path, RUNTIME, &mut out)?,
        }
    }
    out.flush()?;
    if report_problems(&run, false)? | super::apply::report_failures(&run, &outcomes)? {
        status = Status::Failed;
    }
    if !args.common.quiet {
        report_target(&request, &run)?;
        let counts = run.counts();
        let line = summary(&counts, "would become lazy", counts.pending, clock.elapsed());
        writeln!(messages(), "{line}")?;
        if args.common.verbose {
            report_work(&run)?;
        }
    }
    Ok((status, run.apart))
}
