//! What else lives in a repository: formatters, git, pre-commit, other people's habits.

mod common;

use std::fs;
use std::process::Command;

use common::{expect, project, run};

const LAZY: &str = "import json\n\n\ndef dump(x):\n    return json.dumps(x)\n";

#[test]
fn a_formatter_and_dally_settle() {
    let folder = project(&[("a.py", LAZY)]);
    expect(folder.path(), &["apply"], 0);
    let path = folder.path().join("a.py");
    let written = fs::read_to_string(&path).expect("there");
    for formatted in [
        written.replace('"', "'"),
        written.replace("    ", "\t"),
        written.replace("else:", "\nelse:"),
        written.replace(
            "from _dally import TYPE_CHECKING, lazy",
            "from _dally import lazy\nfrom _dally import TYPE_CHECKING",
        ),
        written.replace(
            "from _dally import TYPE_CHECKING, lazy",
            "from _dally import (\n    lazy,\n    TYPE_CHECKING,\n)",
        ),
    ] {
        assert_ne!(formatted, written);
        fs::write(&path, &formatted).expect("written");
        expect(folder.path(), &["check"], 0);
        let ran = expect(folder.path(), &["diff"], 0);
        assert_eq!(ran.out(), "", "{formatted}");
        assert!(ran.stderr.contains("0 imports would become lazy"), "{}", ran.stderr);
        expect(folder.path(), &["apply"], 0);
        assert_eq!(fs::read_to_string(&path).expect("there"), formatted);
        // And what is turned back is the original, but for the tabs.
        expect(folder.path(), &["revert"], 0);
        assert_eq!(fs::read_to_string(&path).expect("there").replace('\t', "    "), LAZY, "{formatted}");
        expect(folder.path(), &["apply"], 0);
    }
}

#[test]
fn a_type_checking_of_the_modules_own_is_left_alone() {
    let own = "TYPE_CHECKING = \"mine\"\nimport json\n\n\ndef f():\n    return json.dumps(TYPE_CHECKING)\n";
    let usual = "TYPE_CHECKING = False\nimport json\n\n\ndef f():\n    return json.dumps(TYPE_CHECKING)\n";
    let folder = project(&[("own.py", own), ("usual.py", usual)]);
    let ran = expect(folder.path(), &["apply"], 0);
    assert!(
        ran.stderr.contains("own.py:2:1: warning: left alone: the module has a `TYPE_CHECKING`"),
        "{}",
        ran.stderr
    );
    assert_eq!(fs::read_to_string(folder.path().join("own.py")).expect("there"), own);
    assert!(fs::read_to_string(folder.path().join("usual.py")).expect("there").contains("lazy("));
}

#[test]
fn diffs_are_relative_to_the_repository() {
    let folder = project(&[("src/app/__init__.py", ""), ("src/app/a.py", LAZY), ("pyproject.toml", "")]);
    let git = |arguments: &[&str], at: &str| {
        let done = Command::new("git").args(arguments).current_dir(folder.path().join(at)).output();
        done.expect("git starts")
    };
    git(&["init", "-q"], ".");
    let ran = expect(&folder.path().join("src/app"), &["diff"], 1);
    assert!(ran.out().contains("--- a/src/app/a.py"), "{}", ran.out());
    assert!(!ran.out().contains(&folder.path().display().to_string()), "{}", ran.out());
    let patch = folder.path().join("lazy.patch");
    fs::write(&patch, ran.stdout).expect("written");
    let done = git(&["apply", "../../lazy.patch"], "src/app");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(fs::read_to_string(folder.path().join("src/app/a.py")).expect("there").contains("lazy("));
    let ran = run(&folder.path().join("src"), &["diff", "../src/app/a.py"]);
    let places = ran.out().lines().filter(|line| line.starts_with("diff --git")).collect::<String>();
    assert!(!places.contains(".."), "{places}");
}

#[test]
fn patterns_count_for_named_files_if_asked() {
    let files = [("dally.toml", "exclude = [\"gen/**\"]\n"), ("gen/a.py", LAZY), ("b.py", LAZY)];
    let folder = project(&files);
    let named = ["apply", "--force-exclude", "gen/a.py", "b.py"];
    expect(folder.path(), &named, 0);
    assert_eq!(fs::read_to_string(folder.path().join("gen/a.py")).expect("there"), LAZY);
    assert_ne!(fs::read_to_string(folder.path().join("b.py")).expect("there"), LAZY);
    expect(folder.path(), &["apply", "gen/a.py"], 0);
    assert_ne!(fs::read_to_string(folder.path().join("gen/a.py")).expect("there"), LAZY);
}

#[test]
fn a_baseline_is_written_over_nothing_else() {
    let folder = project(&[("a.py", LAZY), ("b.py", LAZY), ("notes.json", "[]\n"), ("keep.toml", "x = 1\n")]);
    for (file, text) in [("notes.json", "[]\n"), ("keep.toml", "x = 1\n")] {
        let ran = expect(folder.path(), &["check", "--baseline", file, "--write-baseline"], 2);
        let message =
            format!("dally: {file}:1: not a baseline: it does not begin with `{{`; it is not written over\n");
        assert_eq!(ran.stderr, message);
        assert_eq!(fs::read_to_string(folder.path().join(file)).expect("there"), text);
    }
    let baseline = ["check", "--baseline", "known.json", "--write-baseline"];
    expect(folder.path(), &baseline, 0);
    fs::write(folder.path().join("a.py"), "x = 1\n").expect("written");
    // Only `a.py` is looked at; what is known of `b.py` stays.
    expect(folder.path(), &[&baseline[..], &["a.py"]].concat(), 0);
    let known = fs::read_to_string(folder.path().join("known.json")).expect("there");
    assert!(known.contains("b.py") && !known.contains("a.py"), "{known}");
}

#[test]
fn pragmas_without_effect_are_named() {
    let text = "import json  # dally: eagre\nimport csv  # Dally: eager\n# dally: eager\nimport html\nimport ast  # dally: eager\n\
        try:\n    import cgi  # dally: lazy\nexcept ImportError:\n    pass\n\n\ndef f():\n    return json, csv, html, ast, cgi\n";
    let folder = project(&[("a.py", text), ("b.py", "import os  # a dally: dilly\n")]);
    let ran = run(folder.path(), &["check", "a.py"]);
    let lines: Vec<&str> =
        ran.stderr.lines().filter(|line| line.contains("the pragma has no effect")).collect();
    let places: Vec<&str> =
        lines.iter().map(|line| line.split(": warning").next().unwrap_or_default()).collect();
    assert_eq!(places, ["a.py:1:1", "a.py:2:1", "a.py:4:1", "a.py:7:5"], "{}", ran.stderr);
}

#[test]
fn explain_takes_the_places_that_check_prints() {
    let folder = project(&[("a.py", LAZY)]);
    let by_line = expect(folder.path(), &["explain", "a.py:1"], 0).out();
    assert_eq!(expect(folder.path(), &["explain", "a.py:1:8"], 0).out(), by_line);
    expect(folder.path(), &["explain", "a.py:2:8"], 2);
}

#[test]
fn a_slip_in_the_number_of_threads_harms_nobody() {
    let folder = project(&[("a.py", LAZY)]);
    expect(folder.path(), &["check", "--jobs", "99999999"], 1);
}

#[test]
fn messages_are_for_people() {
    let folder = project(&[("a.py", LAZY)]);
    let ran = run(folder.path(), &["check", "-"]);
    assert!(ran.stderr.contains("dally reads files, not standard input"), "{}", ran.stderr);
    let ran = expect(folder.path(), &["check", "-v"], 1);
    assert!(ran.stderr.contains("times: listing files 0."), "{}", ran.stderr);
    let ran = expect(folder.path(), &["check", "--target", "native", "--python-version", "3.9"], 1);
    assert!(ran.stderr.contains("`lazy import` needs Python 3.15"), "{}", ran.stderr);
    let folder = project(&[("a.py", "from fractions import gcd_of_two\nfrom nowhere import x\n")]);
    let ran = expect(folder.path(), &["check"], 0);
    assert!(ran.out().contains("keep: from fractions import gcd_of_two (missing-name)"), "{}", ran.out());
    let ran = expect(folder.path(), &["explain", "a.py:2"], 0);
    assert!(ran.out().contains("nowhere: no such module"), "{}", ran.out());
}

#[test]
fn declared_laziness_is_kept_on_every_python() {
    let declared = "lazy import json\n\n\ndef module():\n    return json\n";
    let stays = "def f():\n    lazy import csv\n    return csv\n";
    let folder = project(&[("a.py", declared), ("b.py", stays)]);
    let ran = expect(folder.path(), &["apply", "--target", "proxy"], 0);
    let text = fs::read_to_string(folder.path().join("a.py")).expect("there");
    assert!(text.contains("lazy(\"import json\")") && text.contains("return real(json)"), "{text}");
    assert!(!ran.stderr.contains("a.py"), "{}", ran.stderr);
    assert!(ran.stderr.contains("b.py:2:5: warning: `lazy import` stays as it is here"), "{}", ran.stderr);
    let done = Command::new("python3")
        .args(["-c", "import a; assert a.module().dumps(1) == '1'"])
        .current_dir(folder.path())
        .output()
        .expect("python3 starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_configuration_that_does_not_fit_is_named_with_its_line() {
    for (line, message) in [
        ("python = \".nope\"", "dally.toml:2: `python`: "),
        ("src = [\"nope\"]", "dally.toml:2: `src` names `nope`, which cannot be used: "),
        ("runtime = \"nope._dally\"", "dally.toml:2: `runtime` is `nope._dally`, but "),
    ] {
        let folder = project(&[("dally.toml", &format!("target = \"proxy\"\n{line}\n")), ("a.py", LAZY)]);
        let ran = expect(folder.path(), &["check"], 2);
        assert!(ran.stderr.contains(message), "{line}: {}", ran.stderr);
    }
}
