//! The arguments. One declaration drives parsing, help and completions.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::CliError;
use crate::config::{Annotations, Config, Escapes, PythonVersion, Safety, Target};
use crate::rewrite::Form;
use crate::run::Request;

/// Makes Python imports lazy ahead of time, and keeps eager whatever cannot be shown safe.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
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
}

/// Options that all commands share.
#[derive(Debug, Args, Clone)]
pub struct Common {
    /// What to write: `proxy` runs on 3.8 and later, `native` needs 3.15, `lazy-modules` is lazy from 3.15 on
    #[arg(long, value_enum)]
    pub target: Option<Target>,
    /// The oldest Python that the result must run on
    #[arg(long, value_name = "VERSION")]
    pub python_version: Option<PythonVersion>,
    /// An interpreter or environment whose installed packages are analysed as well
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
    /// How much doubt is allowed
    #[arg(long, value_enum)]
    pub safety: Option<Safety>,
    /// Whether reads that hand a value on may be wrapped in a call
    #[arg(long, value_enum)]
    pub escapes: Option<Escapes>,
    /// Whether annotations that nobody evaluates may be put into quotes
    #[arg(long, value_enum)]
    pub annotations: Option<Annotations>,
    /// Configuration file; otherwise the nearest `dally.toml` or `pyproject.toml`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Number of threads; otherwise one per processor
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Do not use or write the cache
    #[arg(long)]
    pub no_cache: bool,
    /// Print results only
    #[arg(short, long)]
    pub quiet: bool,
    /// Say more
    #[arg(short, long)]
    pub verbose: bool,
}

/// Forms of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// `dally check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Files and folders
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    pub output_format: OutputFormat,
    /// Shared options
    #[command(flatten)]
    pub common: Common,
}

/// `dally diff`
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Files and folders
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// Shared options
    #[command(flatten)]
    pub common: Common,
}

/// `dally apply`
#[derive(Debug, Args)]
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
    /// Where to: must not exist, be empty, or be a previous build
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
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
    /// Shared options
    #[command(flatten)]
    pub common: Common,
}

impl Arguments {
    /// The shared options of the command.
    pub fn common(&self) -> Option<&Common> {
        Some(match &self.command {
            Command::Check(args) => &args.common,
            Command::Diff(args) => &args.common,
            Command::Apply(args) => &args.common,
            Command::Build(args) => &args.common,
            Command::Explain(args) => &args.common,
        })
    }
}

impl Common {
    /// The request that the options describe.
    pub fn request(&self, paths: &[PathBuf], form: Form, rewrite: bool) -> Result<Request, CliError> {
        let first = paths.first().map_or(Path::new("."), PathBuf::as_path);
        let config = Config::load(first, self.config.as_deref()).map_err(CliError::Config)?;
        Ok(Request {
            paths: paths.to_vec(),
            config,
            target: self.target,
            python_version: self.python_version,
            safety: self.safety,
            escapes: self.escapes,
            annotations: self.annotations,
            form,
            collect_others: false,
            environment: self.python.clone(),
            rewrite,
        })
    }
}
