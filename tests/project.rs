//! The commands around the rewriting: `revert`, `status`, `init`, `explain`, `--version`, completions and man pages.

mod common;

use std::fs;
use std::path::Path;

use common::{expect, project, run, tree};
use serde_json::Value;

const LAZY: &str = "import json\n\n\ndef dump(x):\n    return json.dumps(x)\n";
const ESCAPING: &str =
    "import json\nfrom decimal import Decimal\n\n\ndef dump(x: Decimal):\n    return [json, Decimal]\n";

#[test]
fn revert_restores_every_byte_and_takes_the_runtime_away() {
    let folder = project(&[
        ("pkg/__init__.py", "from .b import dump\n"),
        ("pkg/a.py", LAZY),
        ("pkg/b.py", ESCAPING),
        ("pkg/crlf.py", &LAZY.replace('\n', "\r\n")),
        ("notes.txt", "mine"),
    ]);
    common::write(folder.path(), "pkg/bom.py", &[b"\xef\xbb\xbf", LAZY.as_bytes()].concat());
    common::write(
        folder.path(),
        "pkg/latin.py",
        b"# coding: latin-1\nimport json  # \xe9\ndef f(): return json\n",
    );
    let before = tree(folder.path());
    for escapes in ["keep", "wrap"] {
        expect(folder.path(), &["apply", ".", "--escapes", escapes, "--annotations", "defer"], 0);
        let applied = tree(folder.path());
        assert!(applied.contains_key(Path::new("_dally.py")));
        // The runtime stays as long as one file needs it.
        let ran = expect(folder.path(), &["revert", "pkg/a.py"], 0);
        assert!(ran.stderr.starts_with("1 file reverted"), "{}", ran.stderr);
        assert_eq!(tree(folder.path())[Path::new("pkg/a.py")], before[Path::new("pkg/a.py")]);
        assert!(folder.path().join("_dally.py").exists());
        let diff = expect(folder.path(), &["revert", "--diff"], 0);
        assert!(diff.out().contains("-else:"), "{}", diff.out());
        let removed = "\ndeleted file mode 100644\n--- a/_dally.py\n+++ /dev/null\n@@ -1,";
        assert!(diff.out().contains(removed), "{}", diff.out());
        assert!(diff.stderr.contains(" would be reverted, the runtime file removed, "), "{}", diff.stderr);
        // The diff says what happens if nothing else is there, too.
        let part = expect(folder.path(), &["revert", "--diff", "pkg/b.py"], 0);
        assert!(!part.out().contains("deleted file"), "{}", part.out());
        expect(folder.path(), &["revert"], 0);
        assert!(common::differences(&before, &tree(folder.path())).is_empty(), "{escapes}");
        expect(folder.path(), &["revert", "--diff"], 0);
    }
}

/// `python scripts/run.py` and pytest have only that folder on the path.
#[test]
fn scripts_and_tests_in_no_package_have_the_runtime_beside_them() {
    let script = format!("{LAZY}\n\nif __name__ == \"__main__\":\n    print(dump([1]))\n");
    let folder = project(&[
        ("pkg/__init__.py", ""),
        ("pkg/main.py", &script),
        ("names/area/a.py", LAZY),
        ("scripts/run.py", &script),
        // It does not say that it is run, and nobody imports it.
        ("tools/plain.py", &format!("{LAZY}\n\nprint(dump([1]))\n")),
        // Somebody does.
        ("names/loud.py", &format!("{LAZY}\n\nprint(dump([1]))\n")),
        ("pkg/user.py", "import names.loud\n"),
        ("tests/test_a.py", "import support\n"),
        ("tests/support.py", LAZY),
    ]);
    let before = tree(folder.path());
    expect(folder.path(), &["apply", "."], 0);
    let applied = tree(folder.path());
    let runtimes: Vec<&Path> =
        applied.keys().map(std::path::PathBuf::as_path).filter(|path| path.ends_with("_dally.py")).collect();
    assert_eq!(
        runtimes,
        ["_dally.py", "scripts/_dally.py", "tests/_dally.py", "tools/_dally.py"].map(Path::new)
    );
    expect(folder.path(), &["revert"], 0);
    assert!(common::differences(&before, &tree(folder.path())).is_empty());
}

#[test]
fn revert_knows_the_forms_of_every_target_and_of_build() {
    let source = [("a.py", LAZY), ("b.py", ESCAPING)];
    for target in ["native", "lazy-modules"] {
        let folder = project(&source);
        let before = tree(folder.path());
        expect(folder.path(), &["apply", "--target", target], 0);
        assert!(!common::differences(&before, &tree(folder.path())).is_empty());
        // They look like what people write, so they have to be asked for.
        let applied = tree(folder.path());
        let ran = expect(folder.path(), &["revert"], 0);
        assert!(common::differences(&applied, &tree(folder.path())).is_empty());
        let help = format!(
            "there are lazy forms of the target {target}: `--target {target}` turns these back, `--all`"
        );
        assert!(ran.stderr.contains(&help), "{}", ran.stderr);
        expect(folder.path(), &["revert", "--target", target], 0);
        assert!(common::differences(&before, &tree(folder.path())).is_empty(), "{target}");
    }
    let folder = project(&[("src/a.py", LAZY), ("src/b.py", ESCAPING)]);
    let before = tree(&folder.path().join("src"));
    expect(folder.path(), &["build", "src", "--out", "out"], 0);
    expect(folder.path(), &["revert", "out"], 0);
    let mut after = tree(&folder.path().join("out"));
    after.retain(|path, _| path.extension().is_some());
    assert!(common::differences(&before, &after).is_empty());
}

#[test]
fn what_an_author_declared_survives_a_round_trip_and_an_upgrade() {
    let text = "lazy import json\nlazy from decimal import Decimal  # money\n\n\ndef f():\n    return json.x, Decimal(1)\n";
    let folder = project(&[("a.py", text)]);
    expect(folder.path(), &["apply"], 0);
    let applied = fs::read_to_string(folder.path().join("a.py")).expect("there");
    assert!(!applied.contains("lazy import json\n"), "{applied}");
    expect(folder.path(), &["revert"], 0);
    assert_eq!(fs::read_to_string(folder.path().join("a.py")).expect("there"), text);
    expect(folder.path(), &["apply"], 0);
    expect(folder.path(), &["apply", "--target", "native"], 0);
    assert_eq!(fs::read_to_string(folder.path().join("a.py")).expect("there"), text);
    expect(folder.path(), &["check", "--target", "native"], 0);
}

#[test]
fn applied_code_is_analysed_as_what_it_was() {
    let folder = project(&[
        ("main.py", "import plain\n\n\ndef f():\n    return plain.x\n"),
        ("plain.py", "x = 1\n"),
        ("events.py", "HANDLERS = []\n\n\ndef on(f):\n    HANDLERS.append(f)\n"),
        ("other.py", "import events\nprint(events.HANDLERS)\n"),
    ]);
    expect(folder.path(), &["check"], 1);
    expect(folder.path(), &["apply"], 0);
    let ran = expect(folder.path(), &["check", "-v"], 0);
    assert!(ran.out().contains("lazy already: import plain"), "{}", ran.out());
    let ran = expect(folder.path(), &["check", "--target", "native"], 1);
    assert!(ran.out().contains(": lazy: import plain"), "{}", ran.out());
    // The program changes: what is lazy should not be any more.
    common::write(folder.path(), "plain.py", b"import events\nx = 1\n\n@events.on\ndef started(): pass\n");
    let ran = expect(folder.path(), &["check"], 1);
    // The place is that in the file as it is.
    assert!(ran.out().contains("main.py:4:12: eager again: import plain (load-effects)"), "{}", ran.out());
    let ran = expect(folder.path(), &["explain", "main.py:4"], 0);
    assert!(ran.out().contains("is lazy, and should be eager"), "{}", ran.out());
    expect(folder.path(), &["apply"], 0);
    assert!(fs::read_to_string(folder.path().join("main.py")).expect("there").starts_with("import plain\n"));
    expect(folder.path(), &["check"], 0);
}

#[test]
fn the_runtime_file_changes_no_decision() {
    // The runtime asks for some of them in `sys.modules`, and registers something with another.
    let text = "import copyreg, os, pickle, signal\n\n\ndef f():\n    return pickle.dumps(1), copyreg.pickle, os.sep, signal.x\n";
    let folder = project(&[("a.py", text), ("pyproject.toml", "")]);
    let verdicts = || {
        let out = expect(folder.path(), &["check", "--target", "native"], 1).out();
        out.lines().filter_map(|line| Some(line.split_once(": ")?.1.to_owned())).collect::<Vec<_>>()
    };
    let before = verdicts();
    expect(folder.path(), &["apply"], 0);
    let applied = tree(folder.path());
    let ran = expect(folder.path(), &["apply"], 0);
    assert!(ran.stderr.starts_with("0 files rewritten"), "{}", ran.stderr);
    expect(folder.path(), &["check"], 0);
    assert!(common::differences(&applied, &tree(folder.path())).is_empty());
    assert_eq!(verdicts(), before);
}

#[test]
fn an_edited_form_is_left_alone() {
    let folder = project(&[("a.py", LAZY), ("b.py", LAZY)]);
    expect(folder.path(), &["apply"], 0);
    let path = folder.path().join("a.py");
    let edited = fs::read_to_string(&path)
        .expect("there")
        .replace("    import json\n", "    import json\n    import csv\n");
    fs::write(&path, &edited).expect("written");
    let ran = expect(folder.path(), &["revert"], 2);
    assert!(ran.stderr.starts_with("a.py:3:1: warning: left alone: "), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&path).expect("there"), edited);
    assert_eq!(fs::read_to_string(folder.path().join("b.py")).expect("there"), LAZY);
    assert!(folder.path().join("_dally.py").exists());
    let ran = expect(folder.path(), &["apply"], 0);
    assert!(ran.stderr.contains("a.py:3:1: warning: left alone: "), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&path).expect("there"), edited);
}

#[test]
fn forgotten_submodules_are_added_on_a_line_of_their_own() {
    let files = [
        ("a.py", "import pkg\n\n\ndef f():\n    return pkg.sub.x\n"),
        ("b.py", "import pkg.sub\n\n\ndef f():\n    return pkg.sub.x\n"),
        ("c.py", "import pkg  # eager\n\nx = pkg.y\n\n\ndef f():\n    return pkg.sub.x\n"),
        ("pkg/__init__.py", "y = 1\n"),
        ("pkg/sub.py", "x = 1\n"),
    ];
    for target in ["proxy", "native"] {
        let folder = project(&files);
        let before = tree(folder.path());
        expect(folder.path(), &["apply", "--target", target], 0);
        let once = tree(folder.path());
        let text = String::from_utf8_lossy(&once[Path::new("c.py")]).into_owned();
        assert!(text.contains("\nimport pkg.sub  # dally: added, the submodule is used below\n"), "{text}");
        expect(folder.path(), &["apply", "--target", target], 0);
        assert!(common::differences(&once, &tree(folder.path())).is_empty());
        expect(folder.path(), &["revert", "--all"], 0);
        assert!(common::differences(&before, &tree(folder.path())).is_empty(), "{target}");
    }
}

#[test]
fn named_files_are_decided_with_the_whole_project() {
    let files = [
        ("pyproject.toml", "[project]\nname = \"x\"\n"),
        ("app/main.py", "from app import handlers\n\n\ndef f():\n    return handlers.started\n"),
        ("app/handlers.py", "from core import events\n\n\n@events.on\ndef started():\n    pass\n"),
        ("core/events.py", "HANDLERS = []\n\n\ndef on(f):\n    HANDLERS.append(f)\n    return f\n"),
        ("core/run.py", "from core import events\nprint(events.HANDLERS)\n"),
    ];
    for paths in [&["app/main.py"][..], &["app"]] {
        let folder = project(&files);
        let before = tree(folder.path());
        let ran = expect(folder.path(), &[&["check"], paths].concat(), 0);
        assert!(
            ran.out().contains("main.py:1:17: keep: from app import handlers (load-effects)"),
            "{}",
            ran.out()
        );
        expect(folder.path(), &[&["apply"], paths].concat(), 0);
        assert!(common::differences(&before, &tree(folder.path())).is_empty());
    }
}

#[test]
fn files_of_several_projects_have_their_own_configurations() {
    let folder = project(&[
        ("one/dally.toml", "target = \"native\"\n"),
        ("one/a.py", LAZY),
        ("two/pyproject.toml", "[tool.dally]\nruntime = \"lib._lazy\"\n"),
        ("two/lib/__init__.py", ""),
        ("two/a.py", LAZY),
        ("three/a.py", LAZY),
    ]);
    let paths = ["two/a.py", "one/a.py", "three/a.py"];
    expect(folder.path(), &[&["check"], &paths[..]].concat(), 1);
    expect(folder.path(), &[&["apply", "-q"], &paths[..]].concat(), 0);
    let text = |path: &str| fs::read_to_string(folder.path().join(path)).expect("there");
    assert!(text("one/a.py").starts_with("lazy import json\n"));
    assert!(text("two/a.py").starts_with("from lib._lazy import TYPE_CHECKING, lazy\n"));
    assert!(text("three/a.py").starts_with("from _dally import TYPE_CHECKING, lazy\n"));
    let ran = expect(folder.path(), &[&["check"], &paths[..]].concat(), 0);
    assert_eq!(ran.out(), "");
}

#[test]
fn a_target_that_the_project_is_too_old_for_is_written_with_a_warning() {
    let pyproject = "[project]\nname = \"x\"\nrequires-python = \">=3.9\"\n";
    let folder = project(&[("pyproject.toml", pyproject), ("src/a.py", LAZY)]);
    for command in [&["diff"][..], &["build", "src", "--out", "out"], &["apply"]] {
        let ran = run(folder.path(), &[command, &["--target", "native"]].concat());
        let warning = "warning: `lazy import` needs Python 3.15, and the project is to run on 3.9;";
        assert!(ran.stderr.starts_with(warning), "{}", ran.stderr);
        let ran =
            run(folder.path(), &[command, &["--target", "native", "--python-version", "3.15"]].concat());
        assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    }
}

#[test]
fn status_counts_by_folder_and_by_reason() {
    let folder = project(&[
        ("app/a.py", LAZY),
        ("app/deep/b.py", "import decimal\n\nclass Money(decimal.Decimal):\n    pass\n"),
        ("main.py", LAZY),
    ]);
    let ran = expect(folder.path(), &["status"], 0);
    let rows: Vec<Vec<String>> =
        ran.out().lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect();
    assert_eq!(rows[0], ["folder", "lazy", "could", "eager", "share"]);
    assert_eq!(rows[1], ["app", "0", "1", "1", "0", "%"]);
    assert_eq!(rows[2], ["app/deep", "0", "0", "1", "0", "%"]);
    assert_eq!(rows[3], ["total", "0", "2", "1", "0", "%"]);
    // Levels are counted below what is named, wherever that is.
    let app = folder.path().join("app");
    let (absolute, shown) = (app.to_str().expect("a path"), "app");
    let mut seen = Vec::new();
    for (at, path) in [(folder.path(), "app"), (folder.path(), absolute), (&app, ".."), (&app, absolute)] {
        let ran = expect(at, &["status", path, "--depth", "1"], 0);
        let rows = ran.out();
        let names: Vec<&str> =
            rows.lines().skip(1).map_while(|line| line.split_whitespace().next()).collect();
        seen.push(names.join(" "));
    }
    assert_eq!(
        seen,
        [
            format!("{shown} app/deep total"),
            format!("{shown} app/deep total"),
            ".. ../app total".to_owned(),
            "deep total".to_owned()
        ]
    );
    expect(folder.path(), &["apply", "app"], 0);
    let ran = expect(folder.path(), &["status", "--output-format", "json", "--depth", "1"], 0);
    let value: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/status-output.schema.json");
    let schema: Value = serde_json::from_slice(&fs::read(schema).expect("there")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    assert!(validator.is_valid(&value), "{value}");
    assert!(!validator.is_valid(&serde_json::json!({})));
    assert_eq!(value["folders"].as_array().map(Vec::len), Some(1));
    assert_eq!(value["folders"][0]["lazy"], 1);
    assert_eq!(value["total"]["reasons"]["used-at-import-time"], 1);
}

#[test]
fn init_writes_a_configuration_that_works_and_overwrites_nothing() {
    let files = [
        ("pyproject.toml", "[project]\nname = \"shop\"\nrequires-python = \">=3.9\"\n"),
        ("src/shop/__init__.py", ""),
        ("src/shop/a.py", LAZY),
        ("tests/test_a.py", LAZY),
    ];
    let folder = project(&files);
    let ran = expect(folder.path(), &["init"], 0);
    assert!(ran.out().contains("dally.toml: written") && !ran.out().contains("of its own"), "{}", ran.out());
    let text = fs::read_to_string(folder.path().join("dally.toml")).expect("written");
    for line in [
        "target = \"proxy\"",
        "src = [\"src\", \".\"]",
        "runtime = \"shop._dally\"",
        "exclude = [\"tests/**\"]",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
    assert!(text.contains("3.9"), "{text}");
    let hooks = fs::read_to_string(folder.path().join(".pre-commit-config.yaml")).expect("written");
    assert!(hooks.contains("entry: dally apply"), "{hooks}");
    expect(folder.path(), &["apply"], 0);
    assert!(folder.path().join("src/shop/_dally.py").is_file());
    assert_eq!(fs::read_to_string(folder.path().join("tests/test_a.py")).expect("there"), LAZY);
    // Every comment that is a setting is a valid one.
    let all: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.contains(" = ") || rest == "[effects]" => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    fs::write(folder.path().join("dally.toml"), &all).expect("written");
    let ran = run(folder.path(), &["check", "-q"]);
    assert!(ran.code.is_some_and(|code| code < 2), "{all}{}", ran.stderr);

    let before = tree(folder.path());
    let ran = expect(folder.path(), &["init"], 2);
    assert!(ran.stderr.ends_with("configured here already; nothing has been written\n"), "{}", ran.stderr);
    assert!(common::differences(&before, &tree(folder.path())).is_empty());
    // An existing list of hooks is left alone.
    fs::remove_file(folder.path().join("dally.toml")).expect("removed");
    let ran = expect(folder.path(), &["init"], 0);
    assert!(ran.out().contains("left alone") && ran.out().contains("- id: dally"), "{}", ran.out());
    assert_eq!(fs::read_to_string(folder.path().join(".pre-commit-config.yaml")).expect("there"), hooks);
    // pre-commit looks in the root of the repository.
    let around = project(&[(".git/HEAD", ""), ("team/one.two/src/space/made/a.py", LAZY)]);
    let ran = expect(&around.path().join("team"), &["init", "one.two"], 0);
    assert!(
        ran.out().contains("it makes this folder a project of its own; the project around it is "),
        "{}",
        ran.out()
    );
    let ran = expect(&around.path().join("team/one.two/src"), &["init"], 2);
    assert!(
        ran.stderr.ends_with(". A `dally.toml` made by hand makes this folder a project of its own\n"),
        "{}",
        ran.stderr
    );
    let hooks = fs::read_to_string(around.path().join(".pre-commit-config.yaml")).expect("written");
    assert!(hooks.ends_with("        files: '^team/one\\.two/'\n"), "{hooks}");
    let text = fs::read_to_string(around.path().join("team/one.two/dally.toml")).expect("written");
    assert!(text.contains("src = [\"src\", \".\"]"), "{text}");
    let plain = project(&[("a.py", LAZY)]);
    expect(plain.path(), &["init", "--no-pre-commit"], 0);
    assert_eq!(tree(plain.path()).len(), 2);
    expect(plain.path(), &["init", "nowhere"], 2);
}

#[test]
fn explain_shows_the_line_the_chain_and_the_remedy() {
    let folder = project(&[
        ("main.py", "import middle\nimport events\n\n\ndef main():\n    return middle.x, events\n"),
        ("middle.py", "import handlers\nx = 1\n"),
        ("handlers.py", "import events\n\n\n@events.on\ndef started():\n    pass\n"),
        ("events.py", "HANDLERS = []\n\n\ndef on(f):\n    HANDLERS.append(f)\n    return f\n"),
    ]);
    let ran = expect(folder.path(), &["explain", "main.py:1"], 0);
    let out = ran.out();
    for part in [
        "eager[load-effects]: import middle",
        "--> main.py:1:8",
        "1 | import middle",
        "^^^^^^ stays eager",
        "note: load-effects: Loading the module has an effect that outsiders can observe.",
        "middle.py:1:1",
        "1. ",
        "= help: If the effect is harmless, say so",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(!out.contains('\u{1b}'), "{out}");
    // Colours only where they are wanted.
    let with = |name: &str, value: &str| {
        let output = common::dally(folder.path())
            .args(["explain", "main.py:1"])
            .env(name, value)
            .output()
            .expect("dally starts");
        String::from_utf8_lossy(&output.stdout).contains('\u{1b}')
    };
    assert!(with("CLICOLOR_FORCE", "1"));
    assert!(!with("NO_COLOR", "1"));
    // A line of a statement that holds none of its names is about all of them.
    common::write(
        folder.path(),
        "many.py",
        b"from json import (\n    dumps,\n    loads,\n)\n\n\ndef f():\n    dumps(loads(1))\n",
    );
    for (subject, count) in [("many.py", 2), ("many.py:1", 2), ("many.py:2", 1), ("many.py:4", 2)] {
        let out = expect(folder.path(), &["explain", subject], 0).out();
        assert_eq!(out.matches("can wait until").count(), count, "{subject}: {out}");
    }
    expect(folder.path(), &["explain", "many.py:5"], 2);
    let ran = expect(folder.path(), &["explain", "load-efects"], 2);
    assert!(ran.stderr.contains("did you mean `load-effects`?"), "{}", ran.stderr);
    let ran = expect(folder.path(), &["explain", "no/such.py:3"], 2);
    assert_eq!(ran.stderr, "dally: no/such.py:3: no such file\n");
    let ran = expect(folder.path(), &["explain", "load-effects"], 0);
    assert!(ran.out().starts_with("# load-effects\n\nLoading the module"), "{}", ran.out());
}

#[test]
fn verdicts_can_be_asked_for_as_build_gives_them() {
    let folder =
        project(&[("main.py", "import plain\n\n\ndef f():\n    return plain\n"), ("plain.py", "x = 1\n")]);
    let ran = expect(folder.path(), &["check", "-v", "--target", "proxy"], 0);
    assert!(ran.out().contains("keep: import plain (escaping-read)"), "{}", ran.out());
    let ran = expect(folder.path(), &["check", "-v", "--target", "proxy", "--as-build"], 1);
    assert!(ran.out().contains("lazy: import plain"), "{}", ran.out());
    let ran = expect(folder.path(), &["explain", "--target", "proxy", "--as-build", "main.py:1"], 0);
    assert!(ran.out().contains("can wait until"), "{}", ran.out());
}

#[test]
fn the_pages_of_the_reasons_are_what_explain_prints() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reasons");
    let mut names: Vec<String> = fs::read_dir(&pages)
        .expect("a folder")
        .map(|entry| entry.expect("readable").path())
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    names.sort();
    let mut reasons: Vec<&str> = dally::decide::KeepReason::ALL.iter().map(|reason| reason.name()).collect();
    reasons.sort_unstable();
    assert_eq!(names, reasons);
    for reason in dally::decide::KeepReason::ALL {
        let page = fs::read_to_string(pages.join(format!("{reason}.md"))).expect("readable");
        assert_eq!(page, reason.page(), "docs/reasons/{reason}.md");
        let readme = include_str!("../README.md");
        assert!(readme.contains(&format!("`{reason}`")), "the README does not list {reason}");
    }
}

#[test]
fn version_completions_and_man_pages() {
    let folder = project(&[]);
    let version = expect(folder.path(), &["--version"], 0).out();
    assert!(version.starts_with(concat!("dally ", env!("CARGO_PKG_VERSION"))), "{version}");
    assert!(version.contains("parser ruff_python_parser 0."), "{version}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = expect(folder.path(), &["completions", shell], 0).out();
        assert!(script.contains("update-baseline") && script.contains("explain"), "{shell}");
    }
    expect(folder.path(), &["man", "."], 0);
    for page in ["dally.1", "dally-check.1", "dally-build.1", "dally-revert.1"] {
        let text = fs::read_to_string(folder.path().join(page)).expect(page);
        assert!(text.contains(".TH"), "{page}");
    }
    expect(folder.path(), &["man", "nowhere"], 2);
}

#[test]
fn quiet_is_quiet() {
    let folder = project(&[("src/a.py", LAZY)]);
    for arguments in [
        &["apply", "-q", "src"][..],
        &["revert", "-q", "src"],
        &["build", "-q", "src", "--out", "out"],
        &["check", "-q", "--baseline", "b.json", "--write-baseline"],
        &["check", "-q", "--baseline", "b.json"],
    ] {
        let ran = expect(folder.path(), arguments, 0);
        assert_eq!((ran.out().as_str(), ran.stderr.as_str()), ("", ""), "{arguments:?}");
    }
    // Quiet, or with a baseline, only what is to be done.
    common::write(folder.path(), "src/b.py", b"import csv, sys, os\nos.x\ndef f(): return csv.x\n");
    let all = expect(folder.path(), &["check"], 1);
    assert!(all.out().contains("keep: import os"), "{}", all.out());
    let quiet = expect(folder.path(), &["check", "-q"], 1);
    assert_eq!(quiet.out(), "src/a.py:1:8: lazy: import json\nsrc/b.py:1:8: lazy: import csv\n");
    let new = expect(folder.path(), &["check", "--baseline", "b.json"], 1);
    assert_eq!(new.out(), "src/b.py:1:8: lazy: import csv\n");
    assert!(new.stderr.contains("2 imports could be lazy (1 new), "), "{}", new.stderr);
    let without = expect(folder.path(), &["check", "--baseline", "none.json"], 2);
    assert_eq!(
        without.stderr,
        "dally: none.json: cannot be read: No such file or directory; --write-baseline makes it\n"
    );
}

#[test]
fn a_second_build_writes_only_what_changes() {
    let folder = project(&[
        ("src/a.py", LAZY),
        ("src/b.py", LAZY),
        ("src/plain.py", "x = 1\n"),
        ("src/data.txt", "x"),
    ]);
    let at = folder.path();
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    let time = |name: &str| fs::metadata(at.join("out").join(name)).expect(name).modified().expect("a time");
    for link in [&[][..], &["--link"]] {
        let build =
            |expected: i32| expect(at, &[&["build", "src", "--out", "out", "-q"], link].concat(), expected);
        common::write(at, "src/b.py", LAZY.as_bytes());
        build(0);
        for name in ["a.py", "b.py", "_dally.py"] {
            let file = fs::File::options().append(true).open(at.join("out").join(name)).expect(name);
            file.set_modified(long_ago).expect("set");
        }
        common::write(at, "src/b.py", LAZY.replace("json", "csv").as_bytes());
        build(0);
        assert_eq!((time("a.py"), time("_dally.py")), (long_ago, long_ago));
        assert_ne!(time("b.py"), long_ago);
        // The same as a build from nothing.
        let incremental = tree(&at.join("out"));
        fs::remove_dir_all(at.join("out")).expect("removed");
        build(0);
        assert!(common::differences(&incremental, &tree(&at.join("out"))).is_empty());
    }
    fs::remove_file(at.join("src/a.py")).expect("removed");
    expect(at, &["build", "src", "--out", "out", "-q"], 0);
    assert!(!at.join("out/a.py").exists() && at.join("out/b.py").exists());
    // What a link leads to has not changed.
    assert_eq!(fs::read_to_string(at.join("src/plain.py")).expect("there"), "x = 1\n");
}
