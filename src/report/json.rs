//! For programs. The schema is versioned: fields are added, never changed.

use std::io::{self, Write};

use rayon::prelude::*;
use serde_json::{Value, json};

use super::sites::{self, Lines};
use crate::decide::Verdict;
use crate::run::Run;

/// The version of the schema.
pub const SCHEMA: u32 = 1;

/// One object with all files and their sites.
pub fn verdicts(run: &Run, out: &mut impl Write) -> io::Result<()> {
    let files: Vec<Value> = (0..run.discovery.files.len())
        .into_par_iter()
        .filter(|&index| run.discovery.files[index].selected)
        .map(|index| file(run, index))
        .collect();
    let counts = run.counts();
    let reasons: serde_json::Map<String, Value> =
        counts.reasons.iter().map(|(reason, count)| (reason.name().to_owned(), json!(count))).collect();
    let value = json!({
        "schema": SCHEMA,
        "version": env!("CARGO_PKG_VERSION"),
        "summary": {"files": counts.files, "lazy": counts.lazy, "kept": counts.kept, "reasons": reasons},
        "files": files,
    });
    serde_json::to_writer(&mut *out, &value)?;
    writeln!(out)
}

fn file(run: &Run, index: usize) -> Value {
    let file = &run.discovery.files[index];
    let failure = run.states[index]
        .failure
        .as_ref()
        .map(|f| json!({"line": f.line, "column": f.column, "message": f.message}));
    let sites: Vec<Value> = sites::of_file(run, index)
        .into_iter()
        .map(|site| {
            let (verdict, reasons) = match site.verdict {
                Verdict::Lazy => ("lazy", Vec::new()),
                Verdict::NotCandidate => ("no-candidate", Vec::new()),
                Verdict::Keep(reasons) => ("keep", reasons.iter().map(|r| reason(run, r)).collect()),
            };
            json!({
                "line": site.line, "column": site.column, "name": site.site.bound.as_str(),
                "import": site.statement, "verdict": verdict, "reasons": reasons,
                "declared": site.site.declared.is_some(),
            })
        })
        .collect();
    json!({"path": file.path.to_string_lossy(), "module": file.module, "failure": failure, "sites": sites})
}

fn reason(run: &Run, reason: &crate::decide::Reason) -> Value {
    let evidence: Vec<Value> = reason
        .evidence
        .iter()
        .filter_map(|evidence| {
            let lines = Lines::of(run, evidence.module)?;
            let (line, column) = lines.position(evidence.range.start().to_usize());
            Some(json!({
                "path": run.program.module(evidence.module).path.to_string_lossy(),
                "line": line, "column": column, "note": sites::note(evidence),
            }))
        })
        .collect();
    json!({"reason": reason.kind.name(), "evidence": evidence})
}
