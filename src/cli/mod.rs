//! The command line: arguments, and one file per subcommand.

mod apply;
mod arguments;
mod build;
mod check;
mod clean;
mod culprit;
mod diff;
mod explain;
mod init;
mod interrupt;
mod problems;
mod revert;
mod shell;
mod status;
mod unused;

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::config::{Annotations, Config, ConfigError, Group};
use crate::discover::DiscoverError;
use crate::rewrite::Form;
use crate::run::{Counts, RunError};
use crate::write::plain;
pub use arguments::{Arguments, Command, Common, OutputFormat};
use problems::{
    report_apart, report_cache, report_edited, report_paths, report_problems, report_target, report_work,
};

/// How a command ended. A higher one outranks a lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nothing to do, or done.
    Done,
    /// Changes are pending.
    Pending,
    /// Something failed.
    Failed,
}

impl Status {
    fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Done => 0,
            Self::Pending => 1,
            Self::Failed => 2,
        })
    }
}

/// Where messages go. That nobody reads them any more (`dally apply 2>&1 | head -1`) keeps no file from being written.
fn messages() -> Messages {
    Messages(io::stderr().lock())
}

struct Messages(io::StderrLock<'static>);

impl Write for Messages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            result => result,
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The form whose verdicts a command reports.
fn form(as_build: bool) -> Form {
    if as_build { Form::Build } else { Form::Apply }
}

/// Why a command could not start or go on.
#[derive(Debug)]
pub enum CliError {
    /// The configuration.
    Config(ConfigError),
    /// The paths.
    Discover(DiscoverError),
    /// What a run starts from.
    Run(RunError),
    /// Anything else, in words.
    Message(String),
    /// Somebody has asked to stop; what is true now.
    Interrupted(String),
    /// Standard output.
    Output(io::Error),
}

impl std::fmt::Display for CliError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config(e) => e.fmt(f),
            Self::Discover(e) => e.fmt(f),
            Self::Run(e) => e.fmt(f),
            Self::Message(e) => f.write_str(e),
            Self::Interrupted(e) => write!(f, "interrupted: {e}"),
            Self::Output(e) => write!(f, "cannot write the output: {}", plain(e)),
        }
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Parses the arguments, runs the command, gives the exit code.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(status) => status.code(),
        // A reader that has seen enough closes the pipe; that is no failure.
        Err(CliError::Output(e)) if e.kind() == io::ErrorKind::BrokenPipe => Status::Done.code(),
        Err(error) => {
            let _ = writeln!(messages(), "dally: {error}");
            match error {
                CliError::Interrupted(_) => ExitCode::from(130),
                _ => Status::Failed.code(),
            }
        }
    }
}

/// More threads than this make nothing faster, and as many as a typing error asks for bring a machine down.
const MOST_THREADS_PER_PROCESSOR: usize = 4;

fn run(arguments: &Arguments) -> Result<Status, CliError> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let most = MOST_THREADS_PER_PROCESSOR * processors;
    // Deeply nested sources need deep stacks; the memory is only reserved.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(arguments.jobs().map_or(0, |jobs| jobs.min(most)))
        .stack_size(512 << 20)
        .build()
        .map_err(|e| CliError::Message(format!("cannot start threads: {e}")))?;
    let is_for_people = match &arguments.command {
        Command::Check(args) => !args.as_build,
        Command::Explain(args) => !args.as_build,
        Command::Build(_) => false,
        _ => true,
    };
    let defers = |common: &Common| !common.quiet && common.annotations == Some(Annotations::Defer);
    if is_for_people && arguments.common().is_some_and(defers) {
        let message = "`--annotations defer` is for `build` and `--as-build`; what is written for people keeps its annotations";
        writeln!(messages(), "warning: {message}")?;
    }
    pool.install(|| match &arguments.command {
        Command::Check(args) => check::run(args),
        Command::Diff(args) => {
            by_project(&args.paths, args.common.config.is_some(), |paths| diff::run(args, paths))
        }
        Command::Apply(args) => {
            by_project(&args.paths, args.common.config.is_some(), |paths| apply::run(args, paths))
        }
        Command::Build(args) => build::run(args),
        Command::Clean(args) => clean::run(args),
        Command::Culprit(args) => culprit::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Revert(args) => revert::run(args),
        Command::Status(args) => status::run(args),
        Command::Init(args) => init::run(args),
        Command::Completions(args) => shell::completions(args),
        Command::Man(args) => shell::man(args),
    })
}

/// Does something for the paths of each project with a configuration of its own: pre-commit names the files of all in one go, and there
/// may be such folders below the named ones, which `command` gives.
fn by_project(
    paths: &[PathBuf],
    is_named: bool,
    mut command: impl FnMut(&[PathBuf]) -> Result<(Status, Vec<PathBuf>), CliError>,
) -> Result<Status, CliError> {
    if is_named {
        return command(paths).map(|(status, _)| status);
    }
    let mut status = Status::Done;
    let mut only = true;
    let mut groups: VecDeque<Group> = Config::groups(paths).map_err(CliError::Config)?.into();
    while let Some(group) = groups.pop_front() {
        let (of_group, apart) = match command(&group.paths) {
            Ok(done) => done,
            // One project that is configured wrongly keeps no other one from being treated.
            Err(error @ CliError::Config(_)) if !only || !groups.is_empty() => {
                writeln!(messages(), "dally: {error}")?;
                (Status::Failed, Vec::new())
            }
            Err(error) => return Err(error),
        };
        only = false;
        status = status.max(of_group);
        for found in Config::groups(&apart).map_err(CliError::Config)? {
            match groups.iter_mut().find(|group| group.file == found.file) {
                Some(group) => {
                    group.paths.extend(found.paths);
                    group.paths.sort_unstable();
                    group.paths.dedup();
                }
                None => groups.push_back(found),
            }
        }
    }
    Ok(status)
}

/// Said when there is nothing to do because nothing was found.
const NO_FILES: &str =
    "0 files: no Python source is there, or it is hidden, ignored by git, or left out by the configuration";

/// The line at the end of a run: how many of the imports are `done`, and the commonest reasons of the others.
fn summary(counts: &Counts, done: &str, lazy: usize, elapsed: Duration) -> String {
    if counts.files == 0 {
        return NO_FILES.to_owned();
    }
    let mut reasons: Vec<_> = counts.reasons.iter().collect();
    reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(**count), **reason));
    let reasons: Vec<String> = reasons.iter().take(5).map(|(r, n)| format!("{r} {n}")).collect();
    format!(
        "{}, {} {done}, {} kept{} in {:.2} s",
        number(counts.files, "file"),
        number(lazy, "import"),
        counts.kept,
        if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) },
        elapsed.as_secs_f64(),
    )
}

/// `1 file`, `2 files`
fn number(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A progress line on standard error, for long work at a terminal.
fn progress(quiet: bool, what: &'static str) -> indicatif::ProgressBar {
    if quiet || !io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new_spinner();
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
