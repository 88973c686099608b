//! `dally explain`: the verdicts about a file or a line, or what a reason means.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::arguments::ExplainArgs;
use super::{CliError, Status, by_project, form, report_cache, report_problems};
use crate::config::closest;
use crate::decide::KeepReason;
use crate::report::explain;
use crate::report::sites::Report;
use crate::run::Run;

pub fn run(args: &ExplainArgs) -> Result<Status, CliError> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    if let Some(reason) = KeepReason::ALL.iter().find(|r| r.name() == args.subject) {
        write!(out, "{}", reason.page())?;
        out.flush()?;
        return Ok(Status::Done);
    }
    let (path, line) = place(&args.subject);
    if !path.exists() {
        return Err(CliError::Message(unknown(&args.subject)));
    }
    let colours = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
    let mut found = false;
    let status = by_project(std::slice::from_ref(&path), args.common.config.is_some(), |paths| {
        let request = args.common.request(paths, form(args.as_build), false)?;
        let run = Run::new(&request).map_err(CliError::Run)?;
        found = explain::explain(&Report::new(&run), line, found, colours, &mut out)?;
        out.flush()?;
        let failed = report_problems(&run, false)?;
        if !args.common.quiet {
            report_cache(&run)?;
        }
        Ok((if failed { Status::Failed } else { Status::Done }, run.apart))
    })?;
    if status == Status::Failed {
        return Ok(status);
    }
    if !found {
        return Err(CliError::Message(format!(
            "{}: no import there that could be lazy; imports in functions and classes, `from m import *` and `from __future__` never can",
            args.subject
        )));
    }
    Ok(Status::Done)
}

/// The file and the line of `PATH`, `PATH:LINE` or `PATH:LINE:COLUMN`, as `dally check` prints it.
fn place(subject: &str) -> (PathBuf, Option<u32>) {
    fn numbered(text: &str) -> Option<(&str, u32)> {
        let (path, number) = text.rsplit_once(':')?;
        let number = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok())??;
        Some((path, number))
    }
    // A file may be called so.
    let is_file = |path: &str| Path::new(path).exists();
    match numbered(subject).filter(|_| !is_file(subject)) {
        None => (PathBuf::from(subject), None),
        Some((path, number)) => match numbered(path).filter(|_| !is_file(path)) {
            Some((path, line)) => (PathBuf::from(path), Some(line)),
            None => (PathBuf::from(path), Some(number)),
        },
    }
}

/// What to say about a subject that is neither a file nor a reason.
fn unknown(subject: &str) -> String {
    if subject.contains(['/', '\\', '.', ':']) {
        return format!("{subject}: no such file");
    }
    let names: Vec<&str> = KeepReason::ALL.iter().map(|reason| reason.name()).collect();
    let help = match closest(subject, &names) {
        Some(close) => format!("did you mean `{close}`?"),
        None => format!("the reasons are {}", names.join(", ")),
    };
    format!("{subject}: no such file, and no reason of this name; {help}")
}
