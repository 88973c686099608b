//! `dally check`: what could be lazy, what stays eager, and why.

use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::time::Instant;

use super::arguments::{CheckArgs, OutputFormat};
use super::{
    CliError, Status, by_project, form, messages, number, progress, report_edited, report_problems,
    report_target, report_work, summary,
};
use crate::baseline::Baseline;
use crate::report::sites::{Report, portable};
use crate::report::text::Detail;
use crate::report::{github, json, sarif, text};
use crate::run::{Counts, Request, Run};
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
    let baselines = Baselines { known: baseline, replaced };
    let bar = progress(args.common.quiet, "reading");
    // The process ends with the command: giving the memory back piece by piece would only take time.
    let mut all = ManuallyDrop::new(Vec::new());
    let of_projects = by_project(&args.paths, args.common.config.is_some(), |paths| {
        let mut request = args.common.request(paths, form(args.as_build), false)?;
        request.conflicts = true;
        let run = Run::new(&request).map_err(CliError::Run)?;
        let apart = run.apart.clone();
        all.push((request, run));
        Ok((Status::Done, apart))
    })?;
    bar.finish_and_clear();
    Ok(report(args, &baselines, &all, clock)?.max(of_projects))
}

/// The baseline that findings are compared with, and the one that is written over.
struct Baselines {
    known: Option<Baseline>,
    replaced: Option<Baseline>,
}

/// Prints what was found in one project, or in several.
fn report(
    args: &CheckArgs,
    baselines: &Baselines,
    runs: &[(Request, Run)],
    clock: Instant,
) -> Result<Status, CliError> {
    let baseline = baselines.known.as_ref();
    let mut reports: ManuallyDrop<Vec<Report<'_>>> =
        ManuallyDrop::new(runs.iter().map(|(_, run)| report_of(args, run)).collect());
    let mut gone = 0;
    if let (Some(baseline), Some(path)) = (baseline, &args.baseline) {
        gone = baseline.mark(&mut reports, path);
    }
    let counts = Counts::of(&runs.iter().map(|(_, run)| run).collect::<Vec<_>>());
    let all = args.common.verbose;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if !args.write_baseline {
        match args.output_format {
            OutputFormat::Text if args.statistics => text::statistics(&counts, &mut out)?,
            OutputFormat::Json => json::verdicts(&reports, args.statistics, &mut out)?,
            OutputFormat::Sarif => sarif::log(&reports, all, baseline.is_some(), &mut out)?,
            OutputFormat::Text => {
                reports.iter().try_for_each(|report| text::verdicts(report, detail(args), &mut out))?;
            }
            OutputFormat::Github => {
                reports.iter().try_for_each(|report| github::annotations(report, all, &mut out))?;
            }
        }
    }
    out.flush()?;
    let mut failed = false;
    let mut missing = Vec::new();
    for (_, run) in runs {
        failed |= report_problems(run, false)?;
        report_edited(run)?;
        missing.extend(run.missing_runtimes());
    }
    for path in &missing {
        let what = "the runtime file is not there, and rewritten files import it; `dally apply` writes it";
        writeln!(messages(), "{}: {what}", portable(path))?;
    }
    if let Some(path) = &args.baseline {
        keep(args, path, baselines, &reports, gone)?;
    }
    let new = reports.iter().map(|report| report.findings().count()).sum::<usize>();
    if !args.common.quiet {
        for (request, run) in runs {
            report_target(request, run)?;
        }
        let new = if baseline.is_some() { format!(" ({new} new)") } else { String::new() };
        let done = format!("could be lazy{new}");
        writeln!(messages(), "{}", summary(&counts, &done, counts.pending, clock.elapsed()))?;
        if counts.withdrawn > 0 {
            writeln!(messages(), "{} imports are lazy and should be eager", counts.withdrawn)?;
        }
        if all {
            runs.iter().try_for_each(|(_, run)| report_work(run))?;
        }
    }
    Ok(if failed {
        Status::Failed
    } else if (new > 0 && !args.write_baseline || !missing.is_empty()) && !args.exit_zero {
        Status::Pending
    } else {
        Status::Done
    })
}

/// What has to be placed for what is shown.
fn report_of<'a>(args: &CheckArgs, run: &'a Run) -> Report<'a> {
    let everything = match args.output_format {
        OutputFormat::Text => detail(args) != Detail::Findings && !args.statistics,
        OutputFormat::Github | OutputFormat::Sarif => args.common.verbose,
        OutputFormat::Json => true,
    };
    if everything { Report::new(run) } else { Report::of_findings(run) }
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
    baselines: &Baselines,
    reports: &[Report<'_>],
    gone: usize,
) -> Result<(), CliError> {
    let baseline = baselines.known.as_ref();
    let new = match baseline {
        None => {
            let mut new = Baseline::of(reports, path);
            if let Some(replaced) = &baselines.replaced {
                new.keep_unchecked(replaced, reports, path);
            }
            Some(new)
        }
        Some(baseline) if args.update_baseline && gone > 0 => Some(baseline.lowered(reports, path)),
        Some(_) => None,
    };
    if let Some(new) = &new {
        add_file(path, new.text().as_bytes()).map_err(|error| CliError::Message(error.to_string()))?;
    }
    if args.common.quiet {
        return Ok(());
    }
    match (&new, baseline) {
        (Some(new), _) => writeln!(messages(), "{}: {}", path.display(), number(new.len(), "known finding"))?,
        (None, Some(_)) if gone > 0 => writeln!(
            messages(),
            "{}: gone: {}; --update-baseline takes them out",
            path.display(),
            number(gone, "finding")
        )?,
        (None, _) => {}
    }
    Ok(())
}
