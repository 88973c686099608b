//! The commands as their users meet them: exit codes, streams, bad files, interruptions.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{Ran, differences, expect, project, run, tree};

const LAZY: &str = "import json\n\n\ndef dump(x):\n    return json.dumps(x)\n";
const EAGER: &str = "x = 1\n";
const BROKEN: &str = "import json\ndef f(:\n";

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// The files of a build that it made up itself.
fn own(path: &Path) -> bool {
    path.file_name().is_some_and(|n| n == "_dally.py" || n == ".dally-build")
}

#[test]
fn exit_codes() {
    let pending = project(&[("a.py", LAZY)]);
    let done = project(&[("a.py", EAGER)]);
    let failed = project(&[("a.py", LAZY), ("b.py", BROKEN)]);
    for command in ["check", "diff"] {
        expect(pending.path(), &[command, "."], 1);
        expect(done.path(), &[command, "."], 0);
        expect(failed.path(), &[command, "."], 2);
    }
    expect(pending.path(), &["explain", "a.py"], 0);
    expect(pending.path(), &["explain", "a.py:1"], 0);
    expect(pending.path(), &["explain", "load-effects"], 0);
    expect(pending.path(), &["explain", "a.py:2"], 2);
    expect(pending.path(), &["explain", "no-such-reason"], 2);
    expect(failed.path(), &["explain", "b.py"], 2);
    expect(failed.path(), &["apply", "."], 2);
    for folder in [&pending, &done] {
        expect(folder.path(), &["apply", "."], 0);
        expect(folder.path(), &["diff", "."], 0);
    }
    for arguments in [
        &["check", "nowhere"][..],
        &["apply", "nowhere.py"],
        &["no-such-command"],
        &["check", "--no-such-flag"],
        &[],
    ] {
        expect(done.path(), arguments, 2);
    }
}

#[test]
fn results_go_to_standard_output_and_messages_to_standard_error() {
    let folder = project(&[("a.py", LAZY), ("b.py", BROKEN)]);
    let ran = expect(folder.path(), &["check", "."], 2);
    assert_eq!(lines(&ran.out()), ["a.py:1:8: lazy: import json"]);
    assert!(ran.stderr.starts_with("b.py:2:7: error: "), "{}", ran.stderr);
    let quiet = expect(folder.path(), &["check", "-q", "."], 2);
    assert_eq!(quiet.stdout, ran.stdout);
    assert_eq!(lines(&quiet.stderr).len(), 1);
    let ran = expect(folder.path(), &["diff", "-q", "--target", "native", "."], 2);
    assert!(
        ran.out().starts_with("diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,"),
        "{}",
        ran.out()
    );
    let json = expect(folder.path(), &["check", "-q", "--output-format", "json", "."], 2);
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON and nothing else");
    assert_eq!(value["files"][1]["failure"]["line"], 2);
    let applied = expect(folder.path(), &["apply", "-q", "."], 2);
    assert_eq!(applied.out(), "");
}

/// Files that cannot be treated, and where the trouble is.
fn bad_files(folder: &Path) -> Vec<(&'static str, &'static str)> {
    common::write(folder, "syntax.py", BROKEN.as_bytes());
    common::write(folder, "null.py", b"import json\nx = '\0'\n");
    common::write(folder, "bytes.py", b"import json\nx = '\xff'\n");
    common::write(folder, "cookie.py", b"# coding: no-such-thing\nimport json\n");
    common::write(folder, "python2.py", b"import json\nprint 'x'\n");
    common::write(folder, "template.py", b"import {{ name }}\n");
    vec![
        ("bytes.py", "bytes.py:2:6: "),
        ("cookie.py", "cookie.py:1:"),
        ("null.py", "null.py:2:6: "),
        ("python2.py", "python2.py:2:"),
        ("syntax.py", "syntax.py:2:7: "),
        ("template.py", "template.py:1:"),
    ]
}

fn names_all(ran: &Ran, bad: &[(&str, &str)], kind: &str) {
    for (_, at) in bad {
        let found = ran.stderr.lines().any(|l| l.starts_with(at) && l.contains(kind));
        assert!(found, "{at}: {}", ran.stderr);
    }
}

#[test]
fn one_bad_file_never_stops_the_others() {
    for target in ["proxy", "native", "lazy-modules"] {
        let folder = project(&[("a.py", LAZY), ("z.py", LAZY)]);
        let bad = bad_files(folder.path());
        let before = tree(folder.path());
        let checked = expect(folder.path(), &["check", ".", "--target", target], 2);
        names_all(&checked, &bad, ": error: ");
        assert!(checked.out().contains("a.py:1:8: lazy") && checked.out().contains("z.py:1:8: lazy"));
        let ran = expect(folder.path(), &["diff", ".", "--target", target], 2);
        assert!(ran.out().contains("+++ b/a.py") && ran.out().contains("+++ b/z.py"), "{}", ran.out());
        let ran = expect(folder.path(), &["apply", ".", "--target", target], 2);
        names_all(&ran, &bad, ": error: ");
        let mut changed = differences(&before, &tree(folder.path()));
        changed.retain(|p| !own(p));
        assert_eq!(changed, [PathBuf::from("a.py"), PathBuf::from("z.py")], "{target}");
    }
}

#[test]
fn an_import_does_not_share_its_entry_with_itself() {
    let source = "import json\nimport csv\n\nclass Own(json.JSONEncoder):\n    pass\n\ndef rows(x):\n    return csv.reader(x)\n";
    let shared = "from . import one, two\n\nX = one.X\n\ndef later():\n    return two.X\n";
    let folder = project(&[
        ("a.py", source),
        ("p/__init__.py", ""),
        ("p/one.py", "X = 1\n"),
        ("p/two.py", "X = 2\n"),
        ("p/both.py", shared),
    ]);
    let ran = expect(folder.path(), &["check", ".", "--target", "lazy-modules"], 1);
    assert!(ran.out().contains("keep: import json (used-at-import-time)\n"), "{}", ran.out());
    assert!(ran.out().contains("keep: from . import one (used-at-import-time)\n"), "{}", ran.out());
    assert!(ran.out().contains("keep: from . import two (shared-name)\n"), "{}", ran.out());
}

#[test]
fn build_copies_what_does_not_parse_with_a_warning() {
    let folder = project(&[("src/a.py", LAZY), ("src/z.py", LAZY), ("src/data.txt", "x")]);
    let bad = bad_files(&folder.path().join("src"));
    let ran = expect(folder.path(), &["build", "src", "--out", "out"], 0);
    assert_eq!(ran.out(), "");
    for (_, at) in &bad {
        let found =
            ran.stderr.lines().any(|l| l.contains(at) && l.contains(": warning: ") && l.contains("copied"));
        assert!(found, "{at}: {}", ran.stderr);
    }
    let (old, new) = (tree(&folder.path().join("src")), tree(&folder.path().join("out")));
    let mut changed = differences(&old, &new);
    changed.retain(|p| !own(p));
    assert_eq!(changed, [PathBuf::from("a.py"), PathBuf::from("z.py")]);
    assert!(new.contains_key(Path::new("_dally.py")));
    // A build over an earlier one gives the same.
    expect(folder.path(), &["build", "src", "--out", "out"], 0);
    assert_eq!(new, tree(&folder.path().join("out")));
}

#[cfg(unix)]
#[test]
fn unreadable_and_unwritable_files() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = project(&[("src/a.py", LAZY), ("src/locked.py", LAZY), ("src/z.py", LAZY)]);
    let locked = folder.path().join("src/locked.py");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).expect("changed");
    if fs::read(&locked).is_ok() {
        // The superuser reads everything; a link that leads nowhere is as good.
        fs::remove_file(&locked).expect("removed");
        symlink("nowhere", &locked).expect("a link");
        let ran = run(folder.path(), &["apply", "src/locked.py", "src/a.py"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("locked.py"), "{}", ran.stderr);
    } else {
        let ran = expect(folder.path(), &["build", "src", "--out", "out"], 2);
        assert_eq!(ran.stderr.matches("src/locked.py").count(), 1, "{}", ran.stderr);
        assert!(folder.path().join("out/z.py").is_file());
        let ran = expect(folder.path(), &["apply", "src"], 2);
        assert!(ran.stderr.contains("src/locked.py"), "{}", ran.stderr);
    }
    // A file that may not be written.
    let folder = project(&[("a.py", LAZY), ("fixed.py", LAZY), ("z.py", LAZY)]);
    let fixed = folder.path().join("fixed.py");
    fs::set_permissions(&fixed, fs::Permissions::from_mode(0o444)).expect("changed");
    let ran = expect(folder.path(), &["apply", "."], 2);
    assert!(ran.stderr.lines().any(|l| l.starts_with("fixed.py:1:1: error: ")), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&fixed).expect("readable"), LAZY);
    for name in ["a.py", "z.py"] {
        assert_ne!(fs::read_to_string(folder.path().join(name)).expect("readable"), LAZY);
    }
}

#[test]
fn bad_configuration_and_bad_outputs() {
    for (file, text) in [
        ("dally.toml", "targett = 'proxy'\n"),
        ("dally.toml", "target = 'something'\n"),
        ("dally.toml", "[effects]\npures = []\n"),
        ("dally.toml", "target = \n"),
        ("pyproject.toml", "[tool.dally]\neager_in = ['x']\n"),
    ] {
        let folder = project(&[("src/a.py", LAZY), (file, text)]);
        for arguments in
            [&["check", "src"][..], &["diff", "src"], &["apply", "src"], &["build", "src", "--out", "out"]]
        {
            let ran = expect(folder.path(), arguments, 2);
            assert!(ran.stderr.contains(file) && ran.out().is_empty(), "{text}: {}", ran.stderr);
            let line = if text.starts_with('[') { 2 } else { 1 };
            assert!(ran.stderr.contains(&format!("{file}:{line}")), "{text}: {}", ran.stderr);
        }
        assert!(!folder.path().join("out").exists());
        assert_eq!(fs::read_to_string(folder.path().join("src/a.py")).expect("readable"), LAZY);
    }
    let folder = project(&[("src/a.py", LAZY), ("full/mine.txt", "x")]);
    for out in ["src/out", "src", ".", "full"] {
        let ran = expect(folder.path(), &["build", "src", "--out", out], 2);
        assert!(ran.stderr.contains("the output"), "{out}: {}", ran.stderr);
    }
    assert_eq!(tree(folder.path()).len(), 2);
    expect(folder.path(), &["build", "nowhere", "--out", "out"], 2);
    assert_eq!(tree(folder.path()).len(), 2);
}

#[test]
fn a_closed_pipe_is_no_failure() {
    use std::process::Stdio;
    let folder = project(&[("a.py", LAZY)]);
    for n in 0..2000 {
        common::write(folder.path(), &format!("m{n}.py"), LAZY.as_bytes());
    }
    let mut child = common::dally(folder.path())
        .args(["diff", "-q", "."])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dally starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    // Nobody reads the diff, and every file is rewritten all the same.
    let mut child = common::dally(folder.path())
        .args(["apply", "--diff", "-q", "."])
        .stdout(Stdio::piped())
        .spawn()
        .expect("dally starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("ended").code(), Some(0));
    expect(folder.path(), &["check", "-q", "."], 0);
}

/// Sources that nest more deeply than anything that people write.
fn deep() -> Vec<(&'static str, String)> {
    let start = "import json\n\ndef f():\n    return json\n";
    let ifs: String = (0..5000).flat_map(|n| [" ".repeat(n), "if x:\n".to_owned()]).collect();
    vec![
        ("parentheses", format!("{start}x = {}1{}\n", "(".repeat(100_000), ")".repeat(100_000))),
        ("lists", format!("{start}x = {}1{}\n", "[".repeat(100_000), "]".repeat(100_000))),
        ("calls", format!("{start}x = {}1{}\n", "f(".repeat(100_000), ")".repeat(100_000))),
        ("unary", format!("{start}x = {}1\n", "-".repeat(100_000))),
        ("nots", format!("{start}x = {}1\n", "not ".repeat(100_000))),
        ("ifs", format!("{start}{ifs}{}pass\n", " ".repeat(5000))),
        ("sum", format!("{start}x = 1{}\n", " + 1".repeat(200_000))),
        ("powers", format!("{start}x = 1{}\n", " ** 1".repeat(100_000))),
        ("attributes", format!("{start}x = json{}\n", ".a".repeat(100_000))),
        ("lambdas", format!("{start}x = {}1\n", "lambda: ".repeat(100_000))),
        ("conditions", format!("{start}x = 1{}\n", " if x else 1".repeat(100_000))),
        ("elifs", format!("{start}if x: pass\n{}", "elif x: pass\n".repeat(20_000))),
        ("open", format!("{start}x = {}\n", "(".repeat(100_000))),
    ]
}

#[test]
fn deep_nesting_does_not_end_the_process() {
    let folder = project(&[("src/a.py", LAZY)]);
    for (name, text) in deep() {
        common::write(folder.path(), &format!("src/{name}.py"), text.as_bytes());
    }
    let before = tree(&folder.path().join("src"));
    for command in [&["build", "src", "--out", "out", "-q"][..], &["check", "src", "-q"]] {
        let ran = run(folder.path(), command);
        assert!(ran.code.is_some_and(|code| code <= 2), "{command:?}: {:?} {}", ran.code, ran.stderr);
        assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("internal error"), "{}", ran.stderr);
        // What is too deep is named with its place.
        for line in ran.stderr.lines() {
            let place = line.split(": ").next().unwrap_or_default();
            assert_eq!(place.split(':').count(), 3, "{line}");
        }
    }
    let after = tree(&folder.path().join("out"));
    for (path, old) in &before {
        let new = &after[path];
        assert_eq!(common::count_lines(old), common::count_lines(new), "{}", path.display());
        assert!(new == old || new.len() > old.len(), "{}", path.display());
    }
    assert_ne!(before[Path::new("a.py")], after[Path::new("a.py")]);
}

#[cfg(unix)]
#[test]
fn a_killed_apply_leaves_every_file_old_or_new() {
    let folder = project(&[]);
    let body = format!("{LAZY}\n{}", "# filling\n".repeat(2000));
    for n in 0..1500 {
        common::write(folder.path(), &format!("p/m{n}.py"), body.as_bytes());
    }
    let finished = tempfile::tempdir().expect("a temporary folder");
    common::copy_tree(folder.path(), finished.path());
    let old = tree(folder.path());
    expect(finished.path(), &["apply", "-q", "."], 0);
    let new = tree(finished.path());
    let names: Vec<&PathBuf> = new.keys().filter(|path| !own(path)).collect();
    let mut between = 0;
    for wanted in [0, 10, 200, 500, 900, 1300] {
        let path = names[wanted];
        let mut child =
            common::dally(folder.path()).args(["apply", "-q", "."]).spawn().expect("dally starts");
        // Files are written in order: this one is changed when so many are done.
        let clock = Instant::now();
        while fs::read(folder.path().join(path)).is_ok_and(|bytes| bytes == old[path]) {
            assert!(clock.elapsed() < Duration::from_mins(1), "apply takes too long");
        }
        // SIGKILL.
        let _ = child.kill();
        let status = child.wait().expect("ended");
        let now = tree(folder.path());
        let mut changed = 0;
        for (path, bytes) in &now {
            let temporary = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(".dally-"));
            if temporary || own(path) {
                continue;
            }
            assert!(*bytes == old[path] || *bytes == new[path], "{} is neither old nor new", path.display());
            changed += usize::from(*bytes == new[path]);
        }
        // A rewritten file is never without the runtime.
        if changed > 0 {
            assert_eq!(now.get(Path::new("_dally.py")), new.get(Path::new("_dally.py")));
        }
        between += usize::from(changed > 0 && changed < 1500);
        println!("killed at file {wanted} ({status}): {changed} of 1500 files are new");
    }
    assert!(between >= 3, "only {between} times in the middle of writing");
    expect(folder.path(), &["apply", "-q", "."], 0);
    let last = tree(folder.path());
    for (path, bytes) in &new {
        assert!(last[path] == *bytes, "{}", path.display());
    }
}
