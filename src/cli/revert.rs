//! `dally revert`: the lazy forms back to ordinary imports.
//!
//! What `apply --target proxy` wrote comes back byte for byte, and what `build` wrote becomes one import statement a name. With
//! `--target native` or `--all` `lazy import` loses its keyword, with `--target lazy-modules` or `--all` `__lazy_modules__` goes. A runtime
//! file that nobody imports any more is removed.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ValueEnum;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::arguments::RevertArgs;
use super::interrupt::Interrupts;
use super::unused::{runtimes, unused};
use super::{CliError, Status, by_project, messages, number, progress};
use crate::config::{Config, PythonVersion, Target};
use crate::discover::{DiscoverOptions, Discovery, SourceFile, discover};
use crate::report::diff;
use crate::report::sites::{below_current, shown};
use crate::revert::{self, Which};
use crate::run::{Failure, NewText, apart};
use crate::runtime::is_runtime;
use crate::source::{LineIndex, SourceText};
use crate::verify;
use crate::write::{plain, remove_file, replace_file};

/// What is to be done in one project.
struct Part {
    config: Config,
    discovery: Discovery,
    which: Which,
    /// Runtime files that are there.
    own: Vec<PathBuf>,
    /// Parallel to the files.
    outcomes: Vec<Result<Option<NewText>, Failure>>,
}

pub fn run(args: &RevertArgs) -> Result<Status, CliError> {
    let clock = Instant::now();
    let interrupts = Interrupts::watch();
    let bar = progress(args.quiet, "reading");
    let mut failed = false;
    let mut parts = Vec::new();
    let of_projects = by_project(&args.paths, args.config.is_some(), |paths| {
        let (part, apart) = part(args, paths)?;
        failed |= super::report_paths(&part.discovery)?;
        parts.push(part);
        Ok((Status::Done, apart))
    })?;
    bar.finish_and_clear();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut stderr = messages();
    let mut changed = 0_usize;
    let mut same = 0_usize;
    interrupts.writing();
    let all = parts.iter().flat_map(|part| {
        part.discovery.files.iter().zip(&part.outcomes).map(move |(file, outcome)| (part, file, outcome))
    });
    for (part, file, outcome) in all.clone() {
        if interrupts.asked() {
            out.flush()?;
            return Err(CliError::Interrupted(format!(
                "{} reverted, the others are as they were",
                number(changed, "file")
            )));
        }
        match outcome {
            Ok(None) if !file.selected => {}
            // What goes with the last form is no file of the project.
            Ok(None) => same += usize::from(!part.own.contains(&file.absolute)),
            Err(failure) => {
                let kind = if failure.refused { "warning" } else { "error" };
                let at = format!("{}:{}:{}", shown(&file.path), failure.line, failure.column);
                writeln!(stderr, "{at}: {kind}: {}", failure.message)?;
                failed = true;
            }
            Ok(Some(text)) => {
                if args.diff {
                    diff::unified(&file.path, text, &mut out)?;
                    changed += 1;
                    continue;
                }
                match replace_file(&file.absolute, &text.bytes) {
                    Ok(()) => changed += 1,
                    Err(error) => {
                        writeln!(stderr, "{}:1:1: error: {error}", shown(&file.path))?;
                        failed = true;
                    }
                }
            }
        }
    }
    // Last: a file of one project may mention the runtime file of another one around it.
    let new_texts: FxHashMap<&Path, &[u8]> = all
        .filter_map(|(_, file, outcome)| match outcome {
            Ok(Some(text)) => Some((file.absolute.as_path(), text.bytes.as_slice())),
            Ok(None) | Err(_) => None,
        })
        .collect();
    let becomes = |file: &SourceFile| new_texts.get(file.absolute.as_path()).copied().filter(|_| args.diff);
    let mut removed = 0;
    let mut seen: FxHashSet<PathBuf> = FxHashSet::default();
    for part in &parts {
        let unused = unused(&part.config, &part.discovery, part.own.clone(), becomes);
        for runtime in unused.into_iter().filter(|runtime| seen.insert(runtime.clone())) {
            let gone = if args.diff {
                fs::read(&runtime).and_then(|old| diff::removed_file(&runtime, &old, &mut out))
            } else {
                remove_file(&runtime)
            };
            match gone {
                Ok(()) => removed += 1,
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(error.into()),
                Err(error) => {
                    writeln!(stderr, "{}:1:1: error: {error}", shown(&runtime))?;
                    failed = true;
                }
            }
        }
    }
    out.flush()?;
    if !args.quiet {
        let runtime = if removed > 0 { ", the runtime file removed" } else { "" };
        let seconds = clock.elapsed().as_secs_f64();
        let verb = if args.diff { "would be reverted" } else { "reverted" };
        writeln!(stderr, "{} {verb}{runtime}, {same} as before, in {seconds:.2} s", number(changed, "file"))?;
        if changed == 0 && same > 0 {
            for target in targets_of_others(&parts) {
                let name = target.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned());
                let help = format!("`--target {name}` turns these back, `--all` every lazy form");
                writeln!(stderr, "there are lazy forms of the target {name}: {help}")?;
            }
        }
    }
    Ok(if failed { Status::Failed } else { of_projects })
}

fn part(args: &RevertArgs, paths: &[PathBuf]) -> Result<(Part, Vec<PathBuf>), CliError> {
    let (config, mut discovery) = files(args, paths)?;
    let apart = apart(&config, &mut discovery).map_err(CliError::Config)?;
    let which = which(args, &config);
    let new_text = |file: &SourceFile| if file.selected { reverted(&file.absolute, which) } else { Ok(None) };
    let outcomes = discovery.files.par_iter().map(new_text).collect();
    let own = runtimes(&config, &discovery);
    Ok((Part { config, discovery, which, own, outcomes }, apart))
}

/// Targets whose forms are there and were not asked for.
fn targets_of_others(parts: &[Part]) -> Vec<Target> {
    let of_part = |part: &Part, target: Target| {
        let mut selected = part.discovery.files.iter().filter(|file| file.selected);
        part.which != Which::All
            && part.which != Which::Target(target)
            && selected.any(|file| matches!(reverted(&file.absolute, Which::Target(target)), Ok(Some(_))))
    };
    let others = Target::value_variants().iter().copied();
    others.filter(|target| parts.par_iter().any(|part| of_part(part, *target))).collect()
}

/// The forms of the target, as `apply` would choose it without options.
fn which(args: &RevertArgs, config: &Config) -> Which {
    let newest = config.minimum_version == Some(PythonVersion::NEWEST);
    let usual = if newest { Target::Native } else { Target::Proxy };
    if args.all { Which::All } else { Which::Target(args.target.or(config.target).unwrap_or(usual)) }
}

fn files(args: &RevertArgs, paths: &[PathBuf]) -> Result<(Config, Discovery), CliError> {
    let first = paths.first().map_or(Path::new("."), PathBuf::as_path);
    let config = Config::load(first, args.config.as_deref()).map_err(CliError::Config)?;
    let discovery = discover(&DiscoverOptions {
        paths: paths.iter().map(|path| below_current(path).to_path_buf()).collect(),
        project_root: config.project_root.clone(),
        src: config.src.clone(),
        // What is excluded today may have been rewritten yesterday.
        include: crate::config::PathPatterns::default(),
        exclude: crate::config::PathPatterns::default(),
        force_exclude: false,
        respect_gitignore: true,
        collect_others: false,
        // Other files may still need the runtime.
        whole_tree: config.whole.clone(),
    })
    .map_err(CliError::Discover)?;
    Ok((config, discovery))
}

/// The text of a file without lazy forms.
fn reverted(path: &Path, which: Which) -> Result<Option<NewText>, Failure> {
    let failure = |text: &str, at: usize, message: String, refused: bool| {
        let position = LineIndex::new(text).position(text, at);
        Failure { line: position.line, column: position.column, message, syntax: false, refused }
    };
    let bytes = fs::read(path)
        .map_err(|error| failure("", 0, format!("cannot be read: {}", plain(&error)), false))?;
    if is_runtime(&bytes) {
        return Ok(None);
    }
    let source = match SourceText::decode(bytes.clone()) {
        Ok(source) => source,
        // What has no forms is nothing to us, whatever it is.
        Err(_) if !revert::may_have_forms(&String::from_utf8_lossy(&bytes), which) => return Ok(None),
        Err(error) => {
            let (line, column, message) = (error.line, error.column, error.to_string());
            return Err(Failure { line, column, message, syntax: true, refused: false });
        }
    };
    let text = source.text();
    if !revert::may_have_forms(text, which) {
        return Ok(None);
    }
    let module = ruff_python_parser::parse_module(text)
        .map_err(|error| {
            let message = format!("syntax error: {}", error.error);
            failure(text, error.location.start().to_usize(), message, false)
        })?
        .into_syntax();
    let reverted = revert::revert(text, &module, which).map_err(|refusal| {
        failure(text, refusal.at.to_usize(), format!("left alone: {}", refusal.message), true)
    })?;
    let Some(reverted) = reverted else { return Ok(None) };
    if !reverted.forgotten && verify::fingerprint(&module) != verify::fingerprint(&reverted.tree) {
        let message = "internal error: the reverted text is not the same program".to_owned();
        return Err(failure(text, 0, message, false));
    }
    let new = source.encode(&reverted.text).map_err(|e| failure(text, 0, e.to_string(), false))?;
    Ok((new != bytes).then_some(NewText { old: bytes, bytes: new }))
}
