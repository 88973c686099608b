//! For programs. `docs/check-output.schema.json` is the schema; within one version of it fields are added, never changed.

use std::io::{self, Write};

use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::conflicts;
use super::sites::{self, FileReport, Place, Report};
use crate::run::{Counts, Run, Standing};

/// The version of the schema.
pub const SCHEMA: u32 = 1;

/// One object with all files and their sites, of one project after the other; without the sites if only `statistics` are wanted.
pub fn verdicts(reports: &[Report<'_>], statistics: bool, out: &mut impl Write) -> io::Result<()> {
    let Some(options) = reports.first().map(|report| &report.run.options) else { return Ok(()) };
    let runs: Vec<&Run> = reports.iter().map(|report| report.run).collect();
    let counts = Counts::of(&runs);
    let projects: Vec<Value> = runs
        .iter()
        .map(|run| {
            json!({
                "configuration": run.configuration.as_deref().map(sites::portable),
                "target": run.options.target,
                "python-version": run.options.first,
            })
        })
        .collect();
    let reasons: Map<String, Value> =
        counts.reasons.iter().map(|(reason, count)| (reason.name().to_owned(), json!(count))).collect();
    let found = reports.iter().flat_map(conflicts::of).collect::<Vec<_>>();
    let known =
        reports.iter().flat_map(|report| &report.files).flat_map(|f| &f.sites).filter(|s| s.known).count();
    let value = json!({
        "schema": SCHEMA,
        "version": env!("CARGO_PKG_VERSION"),
        "target": options.target,
        "python-version": options.first,
        "projects": projects,
        "summary": {
            "files": counts.files, "lazy": counts.lazy, "pending": counts.pending,
            "withdrawn": counts.withdrawn, "kept": counts.kept, "no-candidates": counts.not_candidates,
            "in-baseline": known, "reasons": reasons,
        },
        "conflicts": conflicts::json(&found),
    });
    if statistics {
        serde_json::to_writer(&mut *out, &value)?;
        return writeln!(out);
    }
    // Part by part: all files as values take more memory than the program.
    out.write_all(b"{\"files\":[")?;
    let parts = reports.iter().flat_map(|report| report.files.chunks(256).map(move |part| (report, part)));
    let mut is_first = true;
    for (report, part) in parts {
        let texts: Vec<_> =
            part.par_iter().map(|f| serde_json::to_vec(&file(report, f))).collect::<Result<_, _>>()?;
        for text in &texts {
            if !std::mem::take(&mut is_first) {
                out.write_all(b",")?;
            }
            out.write_all(text)?;
        }
    }
    let rest = serde_json::to_vec(&value)?;
    out.write_all(b"],")?;
    out.write_all(&rest[1..])?;
    writeln!(out)
}

fn file(report: &Report<'_>, file: &FileReport<'_>) -> Value {
    let source = &report.run.discovery.files[file.index];
    let failure = report.run.states[file.index]
        .failure
        .as_ref()
        .map(|f| json!({"line": f.line, "column": f.column, "message": f.message}));
    let sites: Vec<Value> = file
        .sites
        .iter()
        .map(|site| {
            let verdict = match site.standing {
                Standing::Pending | Standing::Lazy => "lazy",
                Standing::Withdrawn | Standing::Eager => "keep",
                Standing::NotCandidate => "no-candidate",
            };
            let reasons: Vec<Value> = site.reasons().iter().map(|r| reason(report, r)).collect();
            let mut value = place(&site.place);
            value["name"] = json!(site.site.bound.as_str());
            value["import"] = json!(site.statement());
            value["verdict"] = json!(verdict);
            value["pending"] = json!(site.is_finding());
            value["in-baseline"] = json!(site.known);
            value["declared"] = json!(site.site.declared.is_some());
            value["reasons"] = Value::Array(reasons);
            value
        })
        .collect();
    json!({
        "path": sites::portable(&source.path), "module": source.module, "failure": failure, "sites": sites,
    })
}

fn reason(report: &Report<'_>, reason: &crate::decide::Reason) -> Value {
    let evidence: Vec<Value> = reason
        .evidence
        .iter()
        .filter_map(|evidence| {
            let (path, found) = report.evidence(evidence)?;
            let mut value = place(&found);
            value["path"] = json!(sites::portable(path));
            value["note"] = json!(sites::note(evidence));
            Some(value)
        })
        .collect();
    json!({"reason": reason.kind.name(), "evidence": evidence})
}

fn place(place: &Place) -> Value {
    json!({
        "line": place.line, "column": place.column,
        "end-line": place.end_line, "end-column": place.end_column,
    })
}
