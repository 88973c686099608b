//! `dally status`: how far a project is, by folder and by reason.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value, json};

use super::arguments::{StatusArgs, StatusFormat};
use super::{CliError, NO_FILES, Status, by_project, messages, progress, report_cache, report_problems};
use crate::report::sites::{Report, below_current, portable};
use crate::rewrite::Form;
use crate::run::{Run, Standing};

/// The version of the JSON schema, `docs/status-output.schema.json`.
const SCHEMA: u32 = 1;

/// Imports of one folder and those below it.
#[derive(Debug, Default, Clone)]
struct Share {
    /// Lazy in the source, in any form.
    lazy: usize,
    /// Could be lazy.
    pending: usize,
    /// Stay eager.
    eager: usize,
    /// How many each reason keeps eager.
    reasons: BTreeMap<&'static str, usize>,
}

pub fn run(args: &StatusArgs) -> Result<Status, CliError> {
    let bar = progress(args.common.quiet, "reading");
    let mut runs = Vec::new();
    let of_projects = by_project(&args.paths, args.common.config.is_some(), |paths| {
        let request = args.common.request(paths, Form::Apply, false)?;
        let run = Run::new(&request).map_err(CliError::Run)?;
        let apart = run.apart.clone();
        runs.push(run);
        Ok((Status::Done, apart))
    })?;
    let reports: Vec<Report<'_>> = runs.iter().map(Report::new).collect();
    bar.finish_and_clear();
    let named: Vec<PathBuf> = args.paths.iter().map(|path| below_current(path).to_path_buf()).collect();
    let (total, folders) = shares(&reports, &named, args.depth);
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.output_format {
        StatusFormat::Text => text(&total, &folders, &mut out)?,
        StatusFormat::Json => json(&runs, &total, &folders, &mut out)?,
    }
    out.flush()?;
    if reports.iter().all(|report| report.files.is_empty()) && !args.common.quiet {
        writeln!(messages(), "{NO_FILES}")?;
    }
    let mut failed = false;
    for run in &runs {
        failed |= report_problems(run, false)?;
        if !args.common.quiet {
            report_cache(run)?;
        }
    }
    Ok(if failed { Status::Failed } else { of_projects })
}

/// The sum over all files, and over each named folder and those below it up to a depth.
fn shares(reports: &[Report<'_>], named: &[PathBuf], depth: usize) -> (Share, BTreeMap<String, Share>) {
    let mut total = Share::default();
    let mut folders: BTreeMap<String, Share> = BTreeMap::new();
    for (report, file) in
        reports.iter().flat_map(|report| report.files.iter().map(move |file| (report, file)))
    {
        let names = above(report.path(file), named, depth);
        for (number, site) in file.sites.iter().enumerate() {
            let lazy = report.run.is_lazy_in_source(file.index, number);
            let reasons: Vec<&'static str> = site.reasons().iter().map(|r| r.kind.name()).collect();
            let add = |share: &mut Share| {
                match site.standing {
                    Standing::NotCandidate => return,
                    _ if lazy => share.lazy += 1,
                    Standing::Pending | Standing::Lazy => share.pending += 1,
                    Standing::Eager | Standing::Withdrawn => share.eager += 1,
                }
                if !lazy {
                    for reason in &reasons {
                        *share.reasons.entry(reason).or_default() += 1;
                    }
                }
            };
            add(&mut total);
            for name in &names {
                add(folders.entry(name.clone()).or_default());
            }
        }
    }
    (total, folders)
}

/// The folders that a file is in: the named one, and not more than `depth` below it.
fn above(path: &Path, named: &[PathBuf], depth: usize) -> Vec<String> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let tidy = |named: &PathBuf| named.components().filter(|part| *part != Component::CurDir).collect();
    // Of a file that is named itself, the folder.
    let base = |named: PathBuf| if named == path { folder.to_path_buf() } else { named };
    let bases = named.iter().map(tidy).map(base).filter(|base| path.starts_with(base));
    let base = bases.max_by_key(|base| base.components().count()).unwrap_or_default();
    let depth = depth + usize::from(!base.as_os_str().is_empty());
    let mut folders: Vec<&Path> = folder.ancestors().take_while(|folder| folder.starts_with(&base)).collect();
    folders.reverse();
    let names = folders.into_iter().map(portable).filter(|name| !name.is_empty());
    names.take(depth).collect()
}

impl Share {
    fn all(&self) -> usize {
        self.lazy + self.pending + self.eager
    }

    /// Rounded down, so that 100 % means all.
    fn percent(&self) -> usize {
        if self.all() == 0 { 100 } else { self.lazy * 100 / self.all() }
    }

    fn json(&self) -> Value {
        let reasons: Map<String, Value> =
            self.reasons.iter().map(|(reason, count)| ((*reason).to_owned(), json!(count))).collect();
        json!({
            "imports": self.all(), "lazy": self.lazy, "pending": self.pending, "eager": self.eager,
            "reasons": reasons,
        })
    }
}

fn text(total: &Share, folders: &BTreeMap<String, Share>, out: &mut impl Write) -> io::Result<()> {
    let width = folders.keys().map(|name| name.chars().count()).max().unwrap_or(0).max("folder".len());
    writeln!(out, "{:<width$}  {:>7}  {:>7}  {:>7}  {:>7}", "folder", "lazy", "could", "eager", "share")?;
    let mut row = |name: &str, share: &Share| {
        let (lazy, pending, eager, percent) = (share.lazy, share.pending, share.eager, share.percent());
        writeln!(out, "{name:<width$}  {lazy:>7}  {pending:>7}  {eager:>7}  {percent:>5} %")
    };
    for (name, share) in folders {
        row(name, share)?;
    }
    row("total", total)?;
    if total.reasons.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nimports that stay eager, by reason (an import may have several)")?;
    let mut reasons: Vec<_> = total.reasons.iter().collect();
    reasons.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), **name));
    for (name, count) in reasons {
        writeln!(out, "{count:>7}  {:>3} %  {name}", count * 100 / total.eager.max(1))?;
    }
    Ok(())
}

fn json(
    runs: &[Run],
    total: &Share,
    folders: &BTreeMap<String, Share>,
    out: &mut impl Write,
) -> io::Result<()> {
    let rows: Vec<Value> = folders
        .iter()
        .map(|(name, share)| {
            let mut value = share.json();
            value["folder"] = json!(name);
            value
        })
        .collect();
    let value = json!({
        "schema": SCHEMA,
        "version": env!("CARGO_PKG_VERSION"),
        "target": runs.first().map(|run| run.options.target),
        "total": total.json(),
        "folders": rows,
    });
    serde_json::to_writer(&mut *out, &value)?;
    writeln!(out)
}
