//! The arguments. One declaration drives parsing, help and completions.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::CliError;
use crate::config::{Annotations, Config, Escapes, PythonVersion, Safety, Target};
use crate::packages::Choice;
use crate::report::sites::below_current;
use crate::rewrite::Form;
use crate::run::Request;

/// What `--version` says after the name: version, commit, and whose grammar is understood.
const VERSION: &str = concat!(env!("DALLY_VERSION"), ", parser ruff_python_parser ", env!("DALLY_PARSER"));

/// Makes Python imports lazy ahead of time, and keeps eager whatever cannot be shown safe.
#[derive(Debug, Parser)]
#[command(version = VERSION, about)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List what could be lazy, what stays eager, and why
    Check(CheckArgs),
    /// Print the changes as a unified diff that `git apply` takes
    Diff(DiffArgs),
    /// Rewrite files in place
    Apply(ApplyArgs),
    /// Write a rewritten copy of a whole tree; no line number changes
    Build(BuildArgs),
    /// Explain the verdicts about a file or a line, or what a reason means
    Explain(ExplainArgs),
    /// Turn lazy forms back into ordinary imports
    Revert(RevertArgs),
    /// Show how many imports are lazy, by folder, and why the others are not
    Status(StatusArgs),
    /// Find the deferred imports that make a command end differently
    Culprit(CulpritArgs),
    /// Remove the cache of the project
    Clean(CleanArgs),
    /// Write a configuration and the pre-commit entry; never overwrites
    Init(InitArgs),
    /// Print the completions for a shell
    #[command(hide = true)]
    Completions(CompletionsArgs),
    /// Write man pages into a folder
    #[command(hide = true)]
    Man(ManArgs),
}

/// Options that all commands share.
#[derive(Debug, Args, Clone)]
pub struct Common {
    /// What to write; otherwise as configured, or `native` if the project needs 3.15, or `proxy`
    #[arg(long, value_enum)]
    pub target: Option<Target>,
    /// The oldest Python that the result must run on; otherwise as configured, or `requires-python`, or 3.8
    #[arg(long, value_name = "VERSION")]
    pub python_version: Option<PythonVersion>,
    /// The interpreter or environment whose packages are analysed as well, or `none`; otherwise `VIRTUAL_ENV` or `.venv`
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
    /// How much doubt is allowed; otherwise as configured, or `balanced`
    #[arg(long, value_enum)]
    pub safety: Option<Safety>,
    /// Whether reads that hand a value on are wrapped in a call; otherwise as configured, or `wrap` in `build`, `keep` elsewhere
    #[arg(long, value_enum)]
    pub escapes: Option<Escapes>,
    /// Whether `build` puts annotations that nobody evaluates into quotes; otherwise as configured, or `defer`. `apply` never does
    #[arg(long, value_enum)]
    pub annotations: Option<Annotations>,
    /// Heed `include` and `exclude` for files that are named, too
    #[arg(long)]
    pub force_exclude: bool,
    /// Configuration file; otherwise the nearest `dally.toml` or `pyproject.toml`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Number of threads, at most four per processor; otherwise one per processor
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Do not use or write the cache
    #[arg(long, env = "DALLY_NO_CACHE", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_cache: bool,
    /// Where the cache is; otherwise `.dally_cache` in the project
    #[arg(long, value_name = "DIR", env = "DALLY_CACHE_DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Print findings and problems only
    #[arg(short, long)]
    pub quiet: bool,
    /// Also say what is lazy already and what is no candidate, which environment is used, and where the time goes
    #[arg(short, long)]
    pub verbose: bool,
}

/// Forms of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people
    Text,
    /// For programs; the schema is `docs/check-output.schema.json`
    Json,
    /// SARIF 2.1.0, for code-scanning services
    Sarif,
    /// Annotations of GitHub Actions
    Github,
}

/// `dally check`
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// Files and folders
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    pub output_format: OutputFormat,
    /// Count instead of listing (text and json)
    #[arg(long)]
    pub statistics: bool,
    /// Exit with 0 although something could be lazy
    #[arg(long)]
    pub exit_zero: bool,
    /// Report only what this file does not know
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write all findings of this run to the baseline, and report none
    #[arg(long, requires = "baseline")]
    pub write_baseline: bool,
    /// Take out of the baseline what is no finding any more
    #[arg(long, requires = "baseline", conflicts_with = "write_baseline")]
    pub update_baseline: bool,
    /// Judge as `build` does: for this platform, with reads wrapped and annotations deferred
    #[arg(long)]
    pub as_build: bool,
    /// Shared options
    #[command(flatten)]
    pub common: Common,
}

/// `dally diff`
#[derive(Debug, Clone, Args)]
pub struct DiffArgs {
    /// Files and folders
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// Shared options
    #[command(flatten)]
    pub common: Common,
}

/// `dally apply`
#[derive(Debug, Clone, Args)]
pub struct ApplyArgs {
    /// Files and folders
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// Print the diff as well
    #[arg(long)]
    pub diff: bool,
    /// Shared options
    #[command(flatten)]
    pub common: Common,
}

/// `dally build`
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The tree to copy
    pub source: PathBuf,
    /// Where to: must not exist, be empty, or be a previous build, of which only what changes is written
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Files that are the same become hard links to their originals, not copies: do not edit them
    #[arg(long)]
    pub link: bool,
    /// Shared options
    #[command(flatten)]
    pub common: Common,
}

/// `dally explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// PATH, PATH:LINE or the name of a reason
    #[arg(value_name = "PATH[:LINE] | REASON")]
    pub subject: String,
    /// Judge as `build` does: for this platform, with reads wrapped and annotations deferred
    #[arg(long)]
    pub as_build: bool,
    /// Shared options
    #[command(flatten)]
    pub common: Common,
}

/// `dally revert`
#[derive(Debug, Args)]
pub struct RevertArgs {
    /// Files and folders
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// The forms to turn back; otherwise those of the configured target
    #[arg(long, value_enum)]
    pub target: Option<Target>,
    /// Turn back every lazy form, also what people have written themselves
    #[arg(long, conflicts_with = "target")]
    pub all: bool,
    /// Print the diff and change nothing
    #[arg(long)]
    pub diff: bool,
    /// Configuration file; otherwise the nearest `dally.toml` or `pyproject.toml`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Number of threads, at most four per processor; otherwise one per processor
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Print problems only
    #[arg(short, long)]
    pub quiet: bool,
}

/// `dally status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Files and folders
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    pub output_format: StatusFormat,
    /// How many levels of folders to show below the named ones
    #[arg(long, value_name = "N", default_value = "2")]
    pub depth: usize,
    /// Shared options
    #[command(flatten)]
    pub common: Common,
}

/// Forms of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StatusFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// `dally culprit`
#[derive(Debug, Args)]
pub struct CulpritArgs {
    /// Files and folders that `apply` or `build` has rewritten for placeholders
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// The command, which must end by itself
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
    /// Compare what it prints on standard output as well, not only the exit status
    #[arg(long)]
    pub output: bool,
    /// Configuration file; otherwise the nearest `dally.toml` or `pyproject.toml`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the culprits only
    #[arg(short, long)]
    pub quiet: bool,
    /// Say how each run ends
    #[arg(short, long)]
    pub verbose: bool,
}

/// `dally clean`
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// The project
    #[arg(default_value = ".")]
    pub project: PathBuf,
    /// Where the cache is; otherwise as configured, or `.dally_cache` in the project
    #[arg(long, value_name = "DIR", env = "DALLY_CACHE_DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Configuration file; otherwise the nearest `dally.toml` or `pyproject.toml`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print problems only
    #[arg(short, long)]
    pub quiet: bool,
}

/// `dally init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The project
    #[arg(default_value = ".")]
    pub project: PathBuf,
    /// Do not write the pre-commit entry
    #[arg(long)]
    pub no_pre_commit: bool,
}

/// `dally completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `dally man`
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Where the pages are written; must exist
    pub folder: PathBuf,
}

impl Arguments {
    /// The number of threads asked for.
    pub fn jobs(&self) -> Option<usize> {
        match &self.command {
            Command::Revert(args) => args.jobs,
            _ => self.common().and_then(|common| common.jobs),
        }
    }

    /// The shared options of the command.
    pub fn common(&self) -> Option<&Common> {
        Some(match &self.command {
            Command::Check(args) => &args.common,
            Command::Diff(args) => &args.common,
            Command::Apply(args) => &args.common,
            Command::Build(args) => &args.common,
            Command::Explain(args) => &args.common,
            Command::Status(args) => &args.common,
            Command::Clean(_)
            | Command::Culprit(_)
            | Command::Revert(_)
            | Command::Init(_)
            | Command::Completions(_)
            | Command::Man(_) => return None,
        })
    }
}

impl Common {
    /// The request that the options describe.
    pub fn request(&self, paths: &[PathBuf], form: Form, rewrite: bool) -> Result<Request, CliError> {
        let first = paths.first().map_or(Path::new("."), PathBuf::as_path);
        let config = Config::load(first, self.config.as_deref()).map_err(CliError::Config)?;
        // `build` judges for one platform and rewrites what it reads.
        let build = form == Form::Build && rewrite;
        let cache =
            self.cache_dir.clone().or_else(|| config.cache_dir.clone()).filter(|_| !self.no_cache && !build);
        Ok(Request {
            paths: paths.iter().map(|path| below_current(path).to_path_buf()).collect(),
            config,
            target: self.target,
            python_version: self.python_version,
            safety: self.safety,
            escapes: self.escapes,
            annotations: self.annotations,
            form,
            collect_others: false,
            force_exclude: self.force_exclude,
            environment: self.python.as_deref().map(Choice::new),
            rewrite,
            cache,
            conflicts: false,
        })
    }
}
