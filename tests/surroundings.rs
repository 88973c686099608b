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
    let imported = "from typing import TYPE_CHECKING\nimport json\n\nif TYPE_CHECKING:\n    import csv\n\n\ndef f():\n    return json.dumps(1)\n";
    let settings = "from settings import TYPE_CHECKING\nimport json\n\n\ndef f():\n    return json.dumps(TYPE_CHECKING)\n";
    let either = format!("try:\n    from typing import TYPE_CHECKING\nexcept ImportError:\n    {usual}");
    let folder = project(&[
        ("own.py", own),
        ("usual.py", usual),
        ("imported.py", imported),
        ("either.py", &either),
        ("of_settings.py", settings),
        ("settings.py", "TYPE_CHECKING = True\n"),
    ]);
    let ran = expect(folder.path(), &["check"], 1);
    assert!(ran.out().contains("own.py:2:8: keep: import json (layout)\n"), "{}", ran.out());
    expect(folder.path(), &["apply"], 0);
    assert_eq!(fs::read_to_string(folder.path().join("own.py")).expect("there"), own);
    assert_eq!(fs::read_to_string(folder.path().join("of_settings.py")).expect("there"), settings);
    for name in ["usual.py", "imported.py", "either.py"] {
        assert!(fs::read_to_string(folder.path().join(name)).expect("there").contains("lazy("), "{name}");
    }
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
fn explain_shows_who_changes_what_is_read() {
    let folder = project(&[
        ("main.py", "import report\nimport setup\n\ndef run():\n    return report.COUNT, setup.NAME\n"),
        ("config.py", "TABLE = {}\nlevel = 1\n"),
        ("report.py", "import config\n\nCOUNT = len(config.TABLE)\nLEVEL = config.level\n"),
        ("setup.py", "import config\n\nNAME = 1\n\ndef fill():\n    config.TABLE[1] = 2\n"),
    ]);
    let explained = |line: &str| {
        let ran = expect(folder.path(), &["explain", "main.py:1"], 0);
        let out = ran.out();
        assert!(out.contains("read while the module loads, and changed by the program"), "{out}");
        let (_, after) = out.split_once(line).unwrap_or_else(|| panic!("no {line}: {out}"));
        assert!(after.contains("is changed here"), "{out}");
    };
    explained("::: setup.py:6:5");
    fs::write(
        folder.path().join("setup.py"),
        "import config\n\nNAME = 1\n\ndef f():\n    config.level = 2\n",
    )
    .expect("written");
    explained("::: setup.py:6:5");
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

#[test]
fn the_nearest_configuration_of_each_file_counts() {
    let folder = project(&[
        ("dally.toml", "target = \"proxy\"\n"),
        ("a.py", LAZY),
        ("legacy/dally.toml", "eager-in = [\"old/**\"]\n"),
        ("legacy/b.py", LAZY),
        ("legacy/old/c.py", LAZY),
        ("new/pyproject.toml", "[project]\nname = \"new\"\n\n[tool.dally]\ntarget = \"native\"\n"),
        ("new/d.py", LAZY),
        // No configuration of dally, and none that can be read.
        ("plain/pyproject.toml", "[project]\nname = \"plain\"\n"),
        ("plain/e.py", LAZY),
        ("broken/pyproject.toml", "[[["),
        ("data/pyproject.toml", "# tool.dally\n[[["),
        ("broken/f.py", LAZY),
    ]);
    let named = ["a.py", "broken/f.py", "legacy/b.py", "legacy/old/c.py", "new/d.py", "plain/e.py"];
    let sorted = |ran: &common::Ran| {
        let mut lines: Vec<String> = ran.out().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let of_folder = expect(folder.path(), &["check", "."], 1);
    assert_eq!(sorted(&of_folder), sorted(&expect(folder.path(), &[&["check"], &named[..]].concat(), 1)));
    assert!(of_folder.out().contains("legacy/old/c.py:1:8: keep: import json (configured)\n"));
    // One document, whatever the configurations.
    let ran = expect(folder.path(), &["check", "--output-format", "json"], 1);
    let value: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    let configurations: Vec<_> = value["projects"].as_array().expect("a list").iter().collect();
    assert_eq!(configurations.len(), 3);
    assert_eq!(configurations[2]["configuration"], "new/pyproject.toml");
    assert_eq!(configurations[2]["target"], "native");
    let files: Vec<_> =
        value["files"].as_array().expect("a list").iter().map(|f| f["path"].as_str()).collect();
    assert_eq!(files.len(), named.len());
    assert_eq!(value["summary"]["files"], 6);
    assert_eq!(value["summary"]["reasons"]["configured"], 1);
    let ran = expect(folder.path(), &["check", "--output-format", "sarif"], 1);
    let value: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    assert_eq!(value["runs"].as_array().map(Vec::len), Some(1));
    assert_eq!(value["runs"][0]["results"].as_array().map(Vec::len), Some(5));
    let ran = expect(folder.path(), &["check", "--statistics"], 1);
    assert!(ran.out().contains("5  lazy "), "{}", ran.out());
    assert!(ran.out().contains("1  configured "), "{}", ran.out());
    let ran = expect(folder.path(), &["status"], 0);
    let total = ran.out().lines().find(|line| line.starts_with("total")).expect("a sum").to_owned();
    assert_eq!(total.split_whitespace().collect::<Vec<_>>(), ["total", "0", "5", "1", "0", "%"]);
    let ran = expect(folder.path(), &["explain", "."], 0);
    assert_eq!(ran.out().matches("--> ").count(), 6, "{}", ran.out());
    assert!(!ran.out().contains("\n\n\n"), "{}", ran.out());
    // One configuration that is named counts for all.
    let ran = expect(folder.path(), &["check", "--config", "dally.toml"], 1);
    assert!(!ran.out().contains("configured"), "{}", ran.out());
    expect(folder.path(), &["apply"], 0);
    let text = |path: &str| fs::read_to_string(folder.path().join(path)).expect("there");
    assert!(text("new/d.py").starts_with("lazy import json\n"));
    assert!(text("legacy/b.py").contains("lazy(\"import json\")"));
    assert_eq!(text("legacy/old/c.py"), LAZY);
    expect(folder.path(), &["check"], 0);
    // And back.
    expect(folder.path(), &["revert"], 0);
    for path in named {
        assert_eq!(text(path), LAZY, "{path}");
    }
    assert!(common::tree(folder.path()).keys().all(|path| !path.ends_with("_dally.py")));
    // What is built is one program.
    let out = project(&[]);
    let ran = expect(folder.path(), &["build", ".", "--out", &out.path().display().to_string()], 0);
    let not_used = "not used: what is built is one program and has one configuration (dally.toml)\n";
    for path in ["legacy/dally.toml", "new/pyproject.toml"] {
        assert!(ran.stderr.contains(&format!("{path}: warning: {not_used}")), "{}", ran.stderr);
    }
    assert!(!ran.stderr.contains("plain"), "{}", ran.stderr);
}

#[test]
fn an_excluded_folder_keeps_its_configuration_to_itself() {
    let folder = project(&[
        ("dally.toml", "exclude = [\"vendor/**\"]\n"),
        ("a.py", LAZY),
        ("vendor/dally.toml", "nonsense = 1\n"),
        ("vendor/b.py", LAZY),
    ]);
    let ran = expect(folder.path(), &["check"], 1);
    assert_eq!(ran.out(), "a.py:1:8: lazy: import json\n");
    // What is wrong there keeps nothing else from being looked at.
    fs::write(folder.path().join("dally.toml"), "").expect("written");
    let ran = expect(folder.path(), &["check"], 2);
    assert_eq!(ran.out(), "a.py:1:8: lazy: import json\n");
    assert!(ran.stderr.contains("vendor/dally.toml:1: unknown key"), "{}", ran.stderr);
}

#[test]
fn annotations_in_files_for_people_stay() {
    let text = "from decimal import Decimal\n\n\ndef f(x: Decimal) -> int:\n    return x\n";
    let folder = project(&[("a.py", text)]);
    let ran = expect(folder.path(), &["diff", "--annotations", "defer"], 0);
    assert_eq!(ran.out(), "");
    assert!(ran.stderr.contains("warning: `--annotations defer` is for `build` and `--as-build`"));
    fs::write(folder.path().join("dally.toml"), "annotations = \"defer\"\n").expect("written");
    let ran = expect(folder.path(), &["check"], 0);
    assert!(ran.out().contains("(evaluated-annotation)"), "{}", ran.out());
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    let ran = expect(folder.path(), &["check", "--as-build"], 1);
    assert!(ran.out().contains("lazy: from decimal import Decimal"), "{}", ran.out());
}

#[test]
fn a_cache_that_cannot_be_kept_is_named_once() {
    let folder = project(&[("a.py", LAZY), ("pyproject.toml", "")]);
    let with = |options: &[&str]| expect(folder.path(), &[&["check"], options].concat(), 1);
    let plain = with(&["--no-cache"]);
    assert!(!plain.stderr.contains("warning"), "{}", plain.stderr);
    fs::write(folder.path().join(".dally_cache"), "mine").expect("written");
    let ran = with(&[]);
    assert_eq!(ran.stdout, plain.stdout);
    assert_eq!(ran.stderr.matches("warning: no cache is kept: ").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains(".dally_cache: "), "{}", ran.stderr);
    assert_eq!(with(&["-q"]).stderr, "");
    // A folder of somebody else.
    let ran = with(&["--cache-dir", "."]);
    assert!(
        ran.stderr.contains("the folder has other files in it; `--no-cache` does without"),
        "{}",
        ran.stderr
    );
    for command in ["status", "diff", "apply"] {
        let ran = run(folder.path(), &[command]);
        assert_eq!(ran.stderr.matches("warning: no cache is kept: ").count(), 1, "{command}: {}", ran.stderr);
    }
}

#[test]
fn projects_below_one_another_share_a_named_cache() {
    let folder = project(&[
        ("dally.toml", ""),
        ("a.py", LAZY),
        ("inner/dally.toml", "eager-in = [\"**\"]\n"),
        ("inner/b.py", LAZY),
    ]);
    for (command, code) in [("check", 1), ("status", 0), ("diff", 1)] {
        let plain = expect(folder.path(), &[command, "--no-cache"], code);
        for _ in ["filled", "used"] {
            let ran = expect(folder.path(), &[command, "--cache-dir", ".dally_cache"], code);
            assert!(!ran.stderr.contains("warning"), "{command}: {}", ran.stderr);
            assert_eq!(ran.out(), plain.out(), "{command}");
        }
    }
    expect(folder.path(), &["apply", "--cache-dir", ".dally_cache"], 0);
    let text = |path: &str| fs::read_to_string(folder.path().join(path)).expect("there");
    assert_ne!(text("a.py"), LAZY);
    assert_eq!(text("inner/b.py"), LAZY);
}

#[test]
fn nobody_reads_the_messages_and_every_file_is_rewritten() {
    use std::process::Stdio;
    let folder = project(&[("a.py", LAZY), ("bad.py", "def\n"), ("z.py", LAZY)]);
    let mut child = common::dally(folder.path())
        .args(["apply", "."])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dally starts");
    drop(child.stderr.take());
    assert_eq!(child.wait().expect("ended").code(), Some(2));
    for name in ["a.py", "z.py"] {
        assert!(fs::read_to_string(folder.path().join(name)).expect("there").contains("lazy("), "{name}");
    }
}

#[test]
fn written_forms_are_indented_as_the_file_is() {
    for unit in ["\t", "  ", "    ", "        "] {
        let text = format!(
            "\"\"\"Usage:\n   three\n\"\"\"\nimport json\n\n\nclass A:\n{unit}def f(self):\n{unit}{unit}return json.dumps(self)\n"
        );
        let folder = project(&[("a.py", &text)]);
        expect(folder.path(), &["apply"], 0);
        let path = folder.path().join("a.py");
        let written = fs::read_to_string(&path).expect("there");
        let block = format!("\nif TYPE_CHECKING:\n{unit}import json\nelse:\n{unit}json = lazy(");
        assert!(written.contains(&block), "{written}");
        expect(folder.path(), &["revert"], 0);
        assert_eq!(fs::read_to_string(&path).expect("there"), text);
    }
}

#[test]
fn what_build_says_and_what_it_does_agree() {
    let block = "if True:\n    import json\nimport decimal\n\n\ndef f(x):\n    return json.dumps(decimal.Decimal(x))\n";
    let folder = project(&[
        ("src/none.py", block),
        ("src/line.py", &format!("# one\n# two\n# three\n{block}")),
        ("src/windows.py", &format!("# one\n# two\n{block}").replace('\n', "\r\n")),
        ("src/above.py", &format!("x = 1\nif x:\n    pass\n{block}")),
    ]);
    let ran = expect(folder.path(), &["check", "--as-build", "src"], 1);
    assert!(ran.stderr.contains("4 files, 6 imports could be lazy, 2 kept (layout 2)"), "{}", ran.stderr);
    let ran = expect(folder.path(), &["build", "src", "--out", "out"], 0);
    assert!(ran.stderr.starts_with("4 files, 6 imports lazy, 2 kept (layout 2)"), "{}", ran.stderr);
    let written = common::tree(&folder.path().join("out"));
    let calls = |name: &str| {
        let text = String::from_utf8_lossy(&written[std::path::Path::new(name)]).into_owned();
        text.matches(" = __dally__(\"").count()
    };
    assert_eq!(["none.py", "line.py", "windows.py", "above.py"].map(calls), [1, 2, 1, 2]);
}

#[test]
fn a_comment_beside_the_header_belongs_to_it() {
    let folder = project(&[("a.py", LAZY)]);
    expect(folder.path(), &["apply"], 0);
    let path = folder.path().join("a.py");
    let written = fs::read_to_string(&path).expect("there");
    let header = "from _dally import TYPE_CHECKING, lazy";
    let with_comment = written.replace(header, &format!("{header}  # noqa: I001"));
    fs::write(&path, &with_comment).expect("written");
    expect(folder.path(), &["check"], 0);
    expect(folder.path(), &["apply"], 0);
    assert_eq!(fs::read_to_string(&path).expect("there"), with_comment);
    // It stays where the file is written anew.
    let with_more = with_comment
        .replace("\n\ndef dump", "import csv\n\n\ndef dump")
        .replace("json.dumps(x)", "json.dumps(csv.reader(x))");
    fs::write(&path, &with_more).expect("written");
    expect(folder.path(), &["apply"], 0);
    let rewritten = fs::read_to_string(&path).expect("there");
    assert!(rewritten.starts_with(&format!("{header}  # noqa: I001\n\nif TYPE_CHECKING:\n")), "{rewritten}");
    assert!(rewritten.contains("csv = lazy("), "{rewritten}");
    // And goes with it.
    fs::write(&path, &with_comment).expect("written");
    expect(folder.path(), &["revert"], 0);
    assert_eq!(fs::read_to_string(&path).expect("there"), LAZY);
}

#[test]
fn paths_are_relative_in_every_format() {
    let folder = project(&[("pkg/a.py", LAZY)]);
    let root = fs::canonicalize(folder.path()).expect("there");
    let absolute = root.join("pkg").display().to_string();
    for named in ["pkg", "./pkg/", &absolute] {
        let ran = expect(folder.path(), &["check", named], 1);
        assert_eq!(ran.out(), "pkg/a.py:1:8: lazy: import json\n", "{named}");
        let ran = expect(folder.path(), &["check", named, "--output-format", "json"], 1);
        let value: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
        assert_eq!(value["files"][0]["path"], "pkg/a.py", "{named}");
        let ran = expect(folder.path(), &["check", named, "--output-format", "sarif"], 1);
        assert!(ran.out().contains("\"uri\":\"pkg/a.py\""), "{named}");
        let ran = expect(folder.path(), &["check", named, "--output-format", "github"], 1);
        assert!(ran.out().starts_with("::warning file=pkg/a.py,"), "{named}");
        let ran = expect(folder.path(), &["status", named], 0);
        assert!(ran.out().contains("\npkg "), "{named}: {}", ran.out());
    }
}

/// A pipe in the place of a file that dally reads by its name must not be waited for.
#[cfg(unix)]
#[test]
fn pipes_are_not_waited_for() {
    let folder = project(&[("src/a.py", LAZY), ("src/sub/b.py", LAZY)]);
    let pipe = |path: &str| {
        let done = Command::new("mkfifo").arg(folder.path().join(path)).status().expect("mkfifo starts");
        assert!(done.success());
    };
    for path in ["src/x.py", "src/data", "src/sub/dally.toml", "src/requirements-dev.txt", "src/setup.cfg"] {
        pipe(path);
    }
    let ran = run(folder.path(), &["build", "src", "--out", "out"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("src/x.py: error: not copied: neither a file"), "{}", ran.stderr);
    assert!(ran.stderr.contains("src/data: error: not copied: neither a file"), "{}", ran.stderr);
    assert!(folder.path().join("out/sub/b.py").is_file());
    pipe("src/_dally.py");
    for command in [&["build", "src", "--out", "other"][..], &["apply", "src/a.py"]] {
        let ran = expect(folder.path(), command, 2);
        assert!(ran.stderr.contains("src/_dally.py: here the runtime file has to be"), "{}", ran.stderr);
    }
    pipe("dally.toml");
    let ran = expect(folder.path(), &["check"], 2);
    assert!(ran.stderr.contains("dally.toml: cannot be read: not a file"), "{}", ran.stderr);
}

#[test]
fn every_option_is_in_the_readme() {
    let folder = project(&[]);
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("there");
    let commands =
        ["check", "diff", "apply", "build", "explain", "revert", "status", "culprit", "clean", "init"];
    for command in commands {
        let help = expect(folder.path(), &[command, "--help"], 0).out();
        let words = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        for option in words.filter(|word| word.starts_with("--") && *word != "--" && *word != "--help") {
            assert!(readme.contains(option), "{command} {option}");
        }
        assert!(
            readme.contains(&format!("`dally {command} ")) || readme.contains(&format!("`dally {command}`")),
            "{command}"
        );
    }
}
