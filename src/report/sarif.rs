//! SARIF 2.1.0 (OASIS), the format of code-scanning services.
//!
//! A finding is a result of the rule `could-be-lazy` or `should-be-eager`; with `all`, an import that stays eager is an
//! informational result of its reason's rule. Evidence is in `relatedLocations`, a chain of more than one line also in `codeFlows`.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::conflicts::{self, ConflictReport, WriterReport};
use super::sites::{self, FileReport, Place, Report, SiteReport};
use crate::decide::{KeepReason, Reason};
use crate::run::Standing;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One log with one run, for all projects.
pub fn log(reports: &[Report<'_>], all: bool, baseline: bool, out: &mut impl Write) -> io::Result<()> {
    let mut results = Vec::new();
    let mut notifications = Vec::new();
    for (report, file) in
        reports.iter().flat_map(|report| report.files.iter().map(move |file| (report, file)))
    {
        for site in &file.sites {
            if site.is_finding() || all && site.standing == Standing::Eager {
                results.extend(result(report, file, site, baseline));
            }
        }
        if let Some(failure) = &report.run.states[file.index].failure {
            let region = json!({"startLine": failure.line, "startColumn": failure.column});
            notifications.push(json!({
                "level": "error",
                "message": {"text": failure.message},
                "locations": [{"physicalLocation": physical(report.path(file), &region)}],
            }));
        }
    }
    results.extend(reports.iter().flat_map(conflicts::of).map(|found| conflict(&found)));
    let mut rules = vec![
        rule("could-be-lazy", "The import can wait until its name is first used.", None, "warning"),
        rule(
            "should-be-eager",
            "The import is lazy in the source, and the program has changed so that it must not be.",
            None,
            "warning",
        ),
    ];
    rules.push(rule(
        "conflict",
        "Several modules write the same state while they load, so the order of imports decides.",
        None,
        "note",
    ));
    rules.extend(KeepReason::ALL.iter().map(|reason| {
        let text = reason.documentation();
        let first = text.lines().next().unwrap_or_default().to_owned();
        rule(reason.name(), &first, Some(&text), "none")
    }));
    let mut run = json!({
        "tool": {"driver": {
            "name": "dally",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": rules,
        }},
        "columnKind": "unicodeCodePoints",
        "invocations": [{
            "executionSuccessful": notifications.is_empty(),
            "toolExecutionNotifications": notifications,
        }],
        "results": results,
    });
    if let Some(root) = std::env::current_dir().ok().and_then(|folder| folder_uri(&folder)) {
        run["originalUriBaseIds"] = json!({"%SRCROOT%": {"uri": root}});
    }
    let value = json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]});
    serde_json::to_writer(&mut *out, &value)?;
    writeln!(out)
}

fn rule(id: &str, short: &str, full: Option<&str>, level: &str) -> Value {
    let mut rule = json!({
        "id": id,
        "shortDescription": {"text": short},
        "defaultConfiguration": {"level": level},
    });
    if let Some(full) = full {
        rule["help"] = json!({"text": full, "markdown": full});
    }
    rule
}

/// A note at the writer that counts; the others, and the imports that decide, are related.
fn conflict(conflict: &ConflictReport<'_>) -> Value {
    let WriterReport { path, place, .. } = conflict.main();
    let related = conflict.writers.iter().flat_map(|writer| {
        let (import, import_place) = &writer.import;
        let location = |path: &Path, place: &Place, text: String| {
            json!({"physicalLocation": physical(path, &region(place)), "message": {"text": text}})
        };
        [
            location(writer.path, &writer.place, format!("{} writes {}", writer.module, conflict.conflict.state)),
            location(import, import_place, format!("loads {}", writer.module)),
        ]
    });
    json!({
        "ruleId": "conflict",
        "level": "note",
        "message": {"text": conflict.message()},
        "locations": [{"physicalLocation": physical(path, &region(place))}],
        "relatedLocations": related.collect::<Vec<_>>(),
        "partialFingerprints": {"dally/v1": format!("{}:{}", sites::portable(path), conflict.conflict.state)},
    })
}

/// The results of one site: one for a finding, one for each reason of an import that stays eager.
fn result(report: &Report<'_>, file: &FileReport<'_>, site: &SiteReport<'_>, baseline: bool) -> Vec<Value> {
    let path = report.path(file);
    let import = &site.statement();
    let base = |rule: &str, level: &str, text: String| {
        let mut value = json!({
            "ruleId": rule,
            "level": level,
            "message": {"text": text},
            "locations": [{"physicalLocation": physical(path, &region(&site.place))}],
            "partialFingerprints": {"dally/v1": format!("{}:{import}", sites::portable(path))},
        });
        if baseline && site.is_finding() {
            value["baselineState"] = json!(if site.known { "unchanged" } else { "new" });
        }
        value
    };
    match site.standing {
        Standing::Pending => vec![base("could-be-lazy", "warning", format!("{import} could be lazy"))],
        Standing::Withdrawn => {
            let names = sites::names(site.reasons());
            let text = format!("{import} is lazy and should be eager: {names}");
            let mut value = base("should-be-eager", "warning", text);
            for reason in site.reasons() {
                add_evidence(report, reason, &mut value);
            }
            vec![value]
        }
        Standing::Eager => site
            .reasons()
            .iter()
            .map(|reason| {
                let mut value =
                    base(reason.kind.name(), "none", format!("{import} stays eager: {}", reason.kind));
                value["kind"] = json!("informational");
                add_evidence(report, reason, &mut value);
                value
            })
            .collect(),
        Standing::Lazy | Standing::NotCandidate => Vec::new(),
    }
}

fn add_evidence(report: &Report<'_>, reason: &Reason, value: &mut Value) {
    let locations: Vec<Value> = reason
        .evidence
        .iter()
        .filter_map(|evidence| {
            let (path, place) = report.evidence(evidence)?;
            Some(json!({
                "physicalLocation": physical(path, &region(&place)),
                "message": {"text": sites::note(evidence)},
            }))
        })
        .collect();
    if locations.len() > 1 {
        let steps: Vec<Value> = locations.iter().map(|location| json!({"location": location})).collect();
        let flow = json!({"threadFlows": [{"locations": steps}]});
        match value["codeFlows"].as_array_mut() {
            Some(flows) => flows.push(flow),
            None => value["codeFlows"] = json!([flow]),
        }
    }
    if !locations.is_empty() {
        match value["relatedLocations"].as_array_mut() {
            Some(related) => related.extend(locations),
            None => value["relatedLocations"] = Value::Array(locations),
        }
    }
}

fn region(place: &Place) -> Value {
    json!({
        "startLine": place.line, "startColumn": place.column,
        "endLine": place.end_line, "endColumn": place.end_column,
    })
}

/// A relative path is meant from the source root, an absolute one is a file URI.
fn physical(path: &Path, region: &Value) -> Value {
    let below = sites::below_current(path);
    let uri = encoded(below.as_os_str().as_encoded_bytes());
    let location = if below.is_absolute() {
        let slash = if uri.starts_with('/') { "" } else { "/" };
        json!({"uri": format!("file://{slash}{uri}")})
    } else {
        json!({"uri": uri.trim_start_matches("./"), "uriBaseId": "%SRCROOT%"})
    };
    json!({"artifactLocation": location, "region": region})
}

fn folder_uri(folder: &Path) -> Option<String> {
    let uri = encoded(folder.to_str()?.as_bytes());
    let slash = if uri.starts_with('/') { "" } else { "/" };
    Some(format!("file://{slash}{}/", uri.trim_end_matches('/')))
}

/// A path as part of a URI (RFC 3986): everything but unreserved characters and slashes is escaped.
fn encoded(path: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(path.len());
    for &byte in path {
        match byte {
            b'\\' if std::path::MAIN_SEPARATOR == '\\' => out.push('/'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{encoded, folder_uri};

    #[test]
    fn paths_become_uris() {
        assert_eq!(encoded("a b/\u{e9}#1.py".as_bytes()), "a%20b/%C3%A9%231.py");
        assert_eq!(encoded(b"\xff\n.py"), "%FF%0A.py");
        assert_eq!(folder_uri("/a b".as_ref()).as_deref(), Some("file:///a%20b/"));
        assert_eq!(folder_uri("/".as_ref()).as_deref(), Some("file:///"));
    }
}
