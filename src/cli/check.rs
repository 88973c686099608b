//! `dally check`: what could be lazy, what stays eager, and why.

use std::io::{self, Write};
use std::time::Instant;

use super::arguments::{CheckArgs, OutputFormat};
use super::{CliError, Status, progress, report_problems, summary};
use crate::report::{json, text};
use crate::rewrite::Form;
use crate::run::Run;

pub fn run(args: &CheckArgs) -> Result<Status, CliError> {
    let clock = Instant::now();
    let bar = progress(&args.common, "reading");
    let request = args.common.request(&args.paths, Form::Apply, false)?;
    let run = Run::new(&request).map_err(CliError::Discover)?;
    bar.finish_and_clear();
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.output_format {
        OutputFormat::Text => text::verdicts(&run, args.common.verbose, &mut out)?,
        OutputFormat::Json => json::verdicts(&run, &mut out)?,
    }
    out.flush()?;
    let failed = report_problems(&run, false)?;
    let counts = run.counts();
    if !args.common.quiet {
        let done = "could be lazy";
        writeln!(io::stderr(), "{}", summary(&run, &counts, done, clock.elapsed().as_secs_f64()))?;
        if args.common.verbose {
            writeln!(io::stderr(), "{:?}", run.times)?;
        }
    }
    Ok(if failed {
        Status::Failed
    } else if counts.lazy > 0 {
        Status::Pending
    } else {
        Status::Done
    })
}
