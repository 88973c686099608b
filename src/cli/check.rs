//! `dally check`: what could be lazy, what stays eager, and why.

use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::time::Instant;

use super::arguments::{CheckArgs, OutputFormat};
use super::{
    CliError, Status, form, progress, report_edited, report_problems, report_target, report_work, summary,
};
use crate::baseline::Baseline;
use crate::report::sites::{Report, portable};
use crate::report::text::Detail;
use crate::report::{github, json, sarif, text};
use crate::run::Run;
use crate::write::add_file;

pub fn run(args: &CheckArgs) -> Result<Status, CliError> {
    let clock = Instant::now();
    if args.statistics && !matches!(args.output_format, OutputFormat::Text | OutputFormat::Json) {
        return Err(CliError::Message("--statistics needs the output format text or json".to_owned()));
    }
    // A bad baseline is reported before any work is done.
    let baseline = match &args.baseline {
        Some(path) if !args.write_baseline => Some(Baseline::read(path).map_err(CliError::Message)?),
        _ => None,
    };
    // And nothing else is written over.
    let replaced = match &args.baseline {
        Some(path) if args.write_baseline && path.exists() => {
            let keep = |error| CliError::Message(format!("{error}; it is not written over"));
            Some(Baseline::read(path).map_err(keep)?)
        }
        _ => None,
    };
    let bar = progress(args.common.quiet, "reading");
    let mut request = args.common.request(&args.paths, form(args.as_build), false)?;
    request.conflicts = true;
    // The process ends with the command: giving the memory back piece by piece would only take time.
    let run = ManuallyDrop::new(Run::new(&request).map_err(CliError::Run)?);
    bar.set_message("reporting");
    let mut report = ManuallyDrop::new(Report::new(&run));
    let mut gone = 0;
    if let (Some(baseline), Some(path)) = (&baseline, &args.baseline) {
        gone = baseline.mark(&mut report, path);
    }
    bar.finish_and_clear();
    let counts = run.counts();
    let all = args.common.verbose;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if !args.write_baseline {
        match args.output_format {
            OutputFormat::Text if args.statistics => text::statistics(&counts, &mut out)?,
            OutputFormat::Text => text::verdicts(&report, detail(args), &mut out)?,
            OutputFormat::Json => json::verdicts(&report, args.statistics, &mut out)?,
            OutputFormat::Sarif => sarif::log(&report, all, baseline.is_some(), &mut out)?,
            OutputFormat::Github => github::annotations(&report, all, &mut out)?,
        }
    }
    out.flush()?;
    let failed = report_problems(&run, false)?;
    report_edited(&run)?;
    let missing = run.missing_runtimes();
    for path in &missing {
        let what = "the runtime file is not there, and rewritten files import it; `dally apply` writes it";
        writeln!(io::stderr(), "{}: {what}", portable(path))?;
    }
    if let Some(path) = &args.baseline {
        keep(args, path, (baseline.as_ref(), replaced.as_ref()), &report, gone)?;
    }
    if !args.common.quiet {
        report_target(&request, &run)?;
        let new = report.findings().count();
        let new = if baseline.is_some() { format!(" ({new} new)") } else { String::new() };
        let done = format!("could be lazy{new}");
        writeln!(io::stderr(), "{}", summary(&counts, &done, counts.pending, clock.elapsed()))?;
        if counts.withdrawn > 0 {
            writeln!(io::stderr(), "{} imports are lazy and should be eager", counts.withdrawn)?;
        }
        if all {
            report_work(&run)?;
        }
    }
    Ok(if failed {
        Status::Failed
    } else if (report.findings().next().is_some() && !args.write_baseline || !missing.is_empty())
        && !args.exit_zero
    {
        Status::Pending
    } else {
        Status::Done
    })
}

/// Whether the result is one document, which cannot be had from several runs.
pub fn is_one_result(args: &CheckArgs) -> bool {
    args.statistics
        || args.baseline.is_some()
        || matches!(args.output_format, OutputFormat::Json | OutputFormat::Sarif)
}

/// Who is quiet, or goes down from a baseline, wants to see what there is to do.
fn detail(args: &CheckArgs) -> Detail {
    match (args.common.verbose, args.common.quiet || args.baseline.is_some()) {
        (true, _) => Detail::Everything,
        (false, true) => Detail::Findings,
        (false, false) => Detail::Verdicts,
    }
}

/// Writes the baseline if that is asked for, and says what it could be.
fn keep(
    args: &CheckArgs,
    path: &Path,
    (baseline, replaced): (Option<&Baseline>, Option<&Baseline>),
    report: &Report<'_>,
    gone: usize,
) -> Result<(), CliError> {
    let new = match baseline {
        None => {
            let mut new = Baseline::of(report, path);
            if let Some(replaced) = replaced {
                new.keep_unchecked(replaced, report, path);
            }
            Some(new)
        }
        Some(baseline) if args.update_baseline && gone > 0 => Some(baseline.lowered(report, path)),
        Some(_) => None,
    };
    if let Some(new) = &new {
        add_file(path, new.text().as_bytes()).map_err(|error| CliError::Message(error.to_string()))?;
    }
    if args.common.quiet {
        return Ok(());
    }
    match (&new, baseline) {
        (Some(new), _) => writeln!(io::stderr(), "{}: {} known findings", path.display(), new.len())?,
        (None, Some(_)) if gone > 0 => writeln!(
            io::stderr(),
            "{}: {gone} findings are gone; --update-baseline takes them out",
            path.display()
        )?,
        (None, _) => {}
    }
    Ok(())
}
