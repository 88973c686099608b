//! The output formats of `check`: valid by their schemas, complete, escaped; and the baseline.

mod common;

use std::fs;
use std::path::Path;

use common::{expect, project, run};
use serde_json::Value;

const LAZY: &str = "import json\n\n\ndef dump(x):\n    return json.dumps(x)\n";
const EVENTS: &str = "HANDLERS = []\n\n\ndef on(f):\n    HANDLERS.append(f)\n    return f\n";
const HANDLERS: &str = "import events\n\n\n@events.on\ndef started():\n    pass\n";
const CHAIN: &str = "import middle\n\n\ndef main():\n    return middle.x\n";

/// Findings, reasons with chains of evidence, a file that does not parse, names that need escaping.
fn sample() -> tempfile::TempDir {
    project(&[
        ("a.py", LAZY),
        ("odd name,%:é/b.py", LAZY),
        ("events.py", EVENTS),
        ("handlers.py", HANDLERS),
        ("middle.py", "import handlers\nx = 1\n"),
        ("main.py", CHAIN),
        (
            "late.py",
            "import decimal\nimport events\n\nclass Money(decimal.Decimal):\n    kinds = events.HANDLERS\n",
        ),
        ("guarded.py", "try:\n    import json\nexcept ImportError:\n    json = None\n"),
        ("broken.py", "def f(:\n"),
        ("empty.py", ""),
        ("hook_a.py", "import sys\nsys.excepthook = print\n"),
        ("hook_b.py", "import sys\nsys.excepthook = repr\n"),
        ("hooks.py", "import hook_a, hook_b\n"),
    ])
}

fn file(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    serde_json::from_slice(&fs::read(path).expect("readable")).expect("JSON")
}

fn validate(schema: &str, value: &Value) {
    let mut schema = file(schema);
    // One pattern of the official schema of SARIF is no regular expression; dally does not write that property.
    for owner in ["run", "toolComponent"] {
        if let Some(language) = schema.pointer_mut(&format!("/definitions/{owner}/properties/language")) {
            language.as_object_mut().expect("a schema").remove("pattern");
        }
    }
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> =
        validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).take(10).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn json_is_valid_by_its_schema() {
    let folder = sample();
    for arguments in [
        &["check", ".", "--output-format", "json"][..],
        &["check", ".", "--output-format", "json", "--statistics"],
        &["check", ".", "--output-format", "json", "--target", "native"],
    ] {
        let ran = expect(folder.path(), arguments, 2);
        let value: Value = serde_json::from_slice(&ran.stdout).expect("JSON and nothing else");
        validate("docs/check-output.schema.json", &value);
        assert_eq!(value.get("files").is_none(), arguments.contains(&"--statistics"));
        if let Some(files) = value["files"].as_array() {
            let chain = files.iter().find(|f| f["path"] == "main.py").expect("main.py");
            let reason = &chain["sites"][0]["reasons"][0];
            assert_eq!(reason["reason"], "load-effects");
            assert!(reason["evidence"].as_array().is_some_and(|e| e.len() > 1), "{reason}");
        }
    }
    // The schema is one that refuses something.
    let validator = jsonschema::validator_for(&file("docs/check-output.schema.json")).expect("a schema");
    assert!(!validator.is_valid(&serde_json::json!({"schema": 1})));
}

#[test]
fn sarif_is_valid_by_the_official_schema() {
    let folder = sample();
    for arguments in
        [&["check", ".", "--output-format", "sarif"][..], &["check", ".", "-v", "--output-format", "sarif"]]
    {
        let ran = expect(folder.path(), arguments, 2);
        let log: Value = serde_json::from_slice(&ran.stdout).expect("JSON and nothing else");
        validate("tests/data/sarif/sarif-schema-2.1.0.json", &log);
        let run = &log["runs"][0];
        let results = run["results"].as_array().expect("results");
        let findings: Vec<&Value> = results.iter().filter(|r| r["ruleId"] == "could-be-lazy").collect();
        assert_eq!(findings.len(), 2, "{findings:?}");
        let conflicts: Vec<&Value> = results.iter().filter(|r| r["ruleId"] == "conflict").collect();
        assert_eq!(conflicts.len(), 1, "{conflicts:?}");
        assert_eq!(conflicts[0]["relatedLocations"].as_array().map(Vec::len), Some(4));
        let uris: Vec<&Value> = findings
            .iter()
            .map(|r| &r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
            .collect();
        assert_eq!(uris, ["a.py", "odd%20name%2C%25%3A%C3%A9/b.py"]);
        let rules: Vec<&Value> =
            run["tool"]["driver"]["rules"].as_array().expect("rules").iter().map(|r| &r["id"]).collect();
        assert!(results.iter().all(|r| rules.contains(&&r["ruleId"])));
        assert_eq!(run["invocations"][0]["executionSuccessful"], false);
        assert_eq!(results.len() > 3, arguments.contains(&"-v"));
        let flows = results.iter().any(|r| r["ruleId"] == "load-effects" && r["codeFlows"].is_array());
        assert_eq!(flows, arguments.contains(&"-v"));
    }
}

#[test]
fn github_annotations_are_escaped() {
    let folder = sample();
    let ran = expect(folder.path(), &["check", ".", "--output-format", "github"], 2);
    let out = ran.out();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[3].starts_with("::notice file=hook_b.py,line=2,"), "{}", lines[3]);
    assert_eq!(
        lines[0],
        "::warning file=a.py,line=1,endLine=1,col=8,endColumn=12,title=could be lazy::import json could be lazy"
    );
    assert!(lines[1].starts_with("::error file=broken.py,line=1,col="), "{}", lines[1]);
    assert!(lines[2].starts_with("::warning file=odd name%2C%25%3Aé/b.py,line=1,"), "{}", lines[2]);
    let all = expect(folder.path(), &["check", ".", "-v", "--output-format", "github"], 2);
    assert!(all.out().contains("::notice file=late.py,line=1,"), "{}", all.out());
}

#[test]
fn statistics_count_and_exit_zero_exits_with_zero() {
    let folder = sample();
    let ran = expect(folder.path(), &["check", ".", "-q", "--statistics"], 2);
    let out = ran.out();
    let counts: Vec<(usize, &str)> = out
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?.parse().ok()?, words.next()?))
        })
        .collect();
    assert!(counts.contains(&(2, "lazy")) && counts.contains(&(5, "used-at-import-time")), "{out}");
    expect(folder.path(), &["check", ".", "--statistics", "--output-format", "sarif"], 2);
    fs::remove_file(folder.path().join("broken.py")).expect("removed");
    expect(folder.path(), &["check", "."], 1);
    expect(folder.path(), &["check", ".", "--exit-zero"], 0);
}

#[test]
fn a_baseline_only_ever_gets_shorter() {
    let folder = project(&[("src/a.py", LAZY), ("src/b.py", LAZY), ("pyproject.toml", "")]);
    let at = folder.path();
    let check = ["check", ".", "--baseline", "known.json"];
    let ran = expect(at, &check, 2);
    assert!(ran.stderr.contains("known.json"), "{}", ran.stderr);
    let ran = expect(at, &["check", ".", "--baseline", "known.json", "--write-baseline"], 0);
    assert_eq!(ran.out(), "");
    let text = fs::read_to_string(at.join("known.json")).expect("written");
    assert!(text.contains("\"src/a.py\"") && text.contains("\"import json\": 1"), "{text}");
    let ran = expect(at, &check, 0);
    assert_eq!(ran.out(), "");
    // From another folder the names are the same.
    expect(&at.join("src"), &["check", ".", "--baseline", "../known.json"], 0);
    // Lines move, and nothing is new; another import is.
    common::write(at, "src/a.py", format!("# moved\n\n{LAZY}").as_bytes());
    expect(at, &check, 0);
    common::write(at, "src/a.py", format!("import csv\n{LAZY}    csv.reader(x)\n").as_bytes());
    let ran = expect(at, &check, 1);
    assert_eq!(ran.out(), "src/a.py:1:8: lazy: import csv\n");
    // The same import twice is one more than is known.
    common::write(at, "src/a.py", format!("{LAZY}\nimport json\n").as_bytes());
    expect(at, &check, 1);
    common::write(at, "src/a.py", LAZY.as_bytes());
    expect(at, &check, 0);
    let sarif = expect(at, &["check", ".", "--baseline", "known.json", "--output-format", "sarif"], 0);
    let log: Value = serde_json::from_slice(&sarif.stdout).expect("JSON");
    assert_eq!(log["runs"][0]["results"][0]["baselineState"], "unchanged");
    // What is mended can be taken out, and does not come back.
    expect(at, &["apply", "-q", "src/b.py"], 0);
    let ran = expect(at, &check, 0);
    assert!(ran.stderr.contains("known.json: gone: 1 finding"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(at.join("known.json")).expect("there"), text);
    common::write(at, "src/c.py", LAZY.as_bytes());
    let update = ["check", ".", "--baseline", "known.json", "--update-baseline"];
    expect(at, &update, 1);
    let lower = fs::read_to_string(at.join("known.json")).expect("there");
    assert!(!lower.contains("b.py") && !lower.contains("c.py") && lower.contains("a.py"), "{lower}");
    common::write(at, "src/b.py", LAZY.as_bytes());
    expect(at, &update, 1);
    assert_eq!(fs::read_to_string(at.join("known.json")).expect("there"), lower);
    // Files that were not checked, and files that are gone.
    fs::remove_file(at.join("src/a.py")).expect("removed");
    expect(at, &["check", "src/b.py", "--baseline", "known.json", "--update-baseline"], 1);
    assert!(!fs::read_to_string(at.join("known.json")).expect("there").contains("a.py"));
    for bad in ["", "[]", "{\"dally-baseline\": 2, \"findings\": {}}", "{\"dally-baseline\": 1}"] {
        common::write(at, "known.json", bad.as_bytes());
        let ran = expect(at, &check, 2);
        assert!(ran.stderr.contains("known.json"), "{}", ran.stderr);
    }
    assert_eq!(run(at, &["check", ".", "--write-baseline"]).code, Some(2));
}
