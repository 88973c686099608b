//! Runs the programs in `fixtures/programs` before and after `build`.
//!
//! A case passes when the rewritten program prints the same, exits with the same status, ends with the same type of exception,
//! executes no module of `deferred`, every module of `eager`, and no module of its tree that the original does not execute.
//! `fixtures/programs/known-failures.txt` lists what fails today; a listed case that passes fails the test.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::Interpreter;

/// Runs before the program. It hides itself, imports nothing that is not loaded anyway, reads no attribute of a module (so it
/// cannot wake a lazy name), and appends the file of every module body when it is executed.
const SITECUSTOMIZE: &str = r#"
import os
import sys


def _install():
    trace = os.environ.pop("DALLY_TEST_TRACE", None)
    root = os.environ.pop("DALLY_TEST_ROOT", None)
    os.environ.pop("PYTHONPATH", None)
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in sys.path if os.path.abspath(p) != here]
    if not trace:
        return
    fd = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def hook(event, args, fd=fd, root=root, write=os.write):
        if event == "exec":
            name = getattr(args[0], "co_filename", None)
            if name is not None and name.startswith(root):
                write(fd, (name + "\n").encode("utf-8", "surrogateescape"))

    sys.addaudithook(hook)


_install()
del _install
"#;

/// How long a program may take; the longest takes a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// One folder of `fixtures/programs`.
#[derive(Debug)]
struct Case {
    name: String,
    folder: PathBuf,
    python: String,
    targets: Vec<String>,
    deferred: Vec<String>,
    eager: Vec<String>,
    run: Vec<String>,
}

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/programs")
}

fn cases() -> Vec<Case> {
    let mut folders: Vec<PathBuf> = fs::read_dir(programs())
        .expect("the programs")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.join("case.toml").is_file())
        .collect();
    folders.sort();
    folders.into_iter().map(case).collect()
}

fn case(folder: PathBuf) -> Case {
    let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
    let text = fs::read_to_string(folder.join("case.toml")).expect("readable");
    let table: toml::Table = text.parse().unwrap_or_else(|e| panic!("{name}: {e}"));
    for key in ["title", "kind", "why", "python", "targets"] {
        assert!(table.contains_key(key), "{name}: no `{key}`");
    }
    let list = |key: &str| -> Vec<String> {
        let values = table.get(key).and_then(toml::Value::as_array);
        values.into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let mut run = list("run");
    if run.is_empty() {
        run.push("main.py".to_owned());
    }
    let case = Case {
        python: table["python"].as_str().expect("a specifier").to_owned(),
        targets: list("targets"),
        deferred: list("deferred"),
        eager: list("eager"),
        run,
        name,
        folder,
    };
    for module in case.deferred.iter().chain(&case.eager) {
        let path = case.folder.join("tree").join(module.replace('.', "/"));
        let found = path.with_extension("py").is_file() || path.join("__init__.py").is_file();
        assert!(found, "{}: no module {module}", case.name);
    }
    case
}

/// Whether a specifier such as `>=3.8,<3.15` holds.
fn admits(specifier: &str, minor: u8) -> bool {
    specifier.split(',').all(|part| {
        let part = part.trim();
        let version = part.trim_start_matches(['<', '>', '=', '!']);
        let wanted: u8 = version.trim().strip_prefix("3.").and_then(|m| m.parse().ok()).expect("a version");
        match &part[..part.len() - version.len()] {
            ">=" => minor >= wanted,
            "<=" => minor <= wanted,
            "==" => minor == wanted,
            "!=" => minor != wanted,
            "<" => minor < wanted,
            ">" => minor > wanted,
            other => panic!("{specifier}: {other}"),
        }
    })
}

/// What a program did.
#[derive(Debug)]
struct Seen {
    stdout: String,
    exit: Option<i32>,
    exception: String,
    executed: BTreeSet<String>,
}

fn execute(python: &Interpreter, case: &Case, folder: &Path, hook: &Path, trace: &Path) -> Seen {
    let mut root = folder.as_os_str().to_owned();
    root.push("/");
    let mut child = python
        .command()
        .args(&case.run)
        .current_dir(folder)
        .env("PYTHONPATH", hook)
        .env("DALLY_TEST_TRACE", trace)
        .env("DALLY_TEST_ROOT", root)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the interpreter starts");
    let mut out = child.stdout.take().expect("piped");
    let mut err = child.stderr.take().expect("piped");
    let (stdout, stderr, exit) = std::thread::scope(|scope| {
        let read = |stream: &mut dyn std::io::Read| {
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let stdout = scope.spawn(move || read(&mut out));
        let stderr = scope.spawn(move || {
            let mut bytes = Vec::new();
            let _ = err.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let exit = wait(&mut child);
        (stdout.join().expect("read"), stderr.join().expect("read"), exit)
    });
    let traced = fs::read(trace).unwrap_or_default();
    let executed = String::from_utf8_lossy(&traced)
        .lines()
        .filter_map(|line| Path::new(line).strip_prefix(folder).ok().and_then(module_name))
        .collect();
    let exception = if exit == Some(0) { String::new() } else { exception(&stderr) };
    Seen { stdout, exit, exception, executed }
}

/// The exit status; `None` after a signal, also the one that ends a program that takes too long.
fn wait(child: &mut Child) -> Option<i32> {
    let clock = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("waited for") {
            return status.code();
        }
        if clock.elapsed() > PATIENCE {
            let _ = child.kill();
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

fn module_name(relative: &Path) -> Option<String> {
    let text = relative.to_str()?.strip_suffix(".py")?.replace('/', ".");
    Some(match text.strip_suffix("__init__") {
        Some(package) => package.trim_end_matches('.').to_owned(),
        None => text,
    })
}

/// The type that the last traceback names.
fn exception(stderr: &str) -> String {
    let is_type = |line: &str| {
        let name = line.split(':').next().unwrap_or_default();
        let word = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "._".contains(c));
        let ends = ["Error", "Exception", "Interrupt", "Exit"].iter().any(|end| name.ends_with(end));
        (word && ends).then(|| name.to_owned())
    };
    match stderr.rfind("Traceback (most recent call last):") {
        Some(start) => stderr[start..]
            .lines()
            .skip(1)
            .find(|line| line.starts_with(|c: char| !c.is_whitespace()))
            .map(|line| line.split(':').next().unwrap_or_default().trim().to_owned())
            .unwrap_or_default(),
        None => stderr.lines().rev().find_map(is_type).unwrap_or_default(),
    }
}

/// What is wrong with the rewritten program; empty if nothing is.
fn complaints(case: &Case, python: &Interpreter, target: &str, hook: &Path) -> Vec<String> {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let work = scratch.path().canonicalize().expect("a folder");
    let [original, source, out] = ["orig", "src", "out"].map(|name| work.join(name));
    common::copy_tree(&case.folder.join("tree"), &original);
    common::copy_tree(&case.folder.join("tree"), &source);
    let want = execute(python, case, &original, hook, &work.join("before"));
    assert!(want.exit.is_some(), "{}: the original is killed or takes too long", case.name);
    let built = common::run(&work, &["build", "src", "--out", "out", "--target", target, "--quiet"]);
    if built.code != Some(0) {
        return vec![format!("build: exit {:?}: {}", built.code, built.stderr.trim())];
    }
    let got = execute(python, case, &out, hook, &work.join("after"));
    let mut wrong = Vec::new();
    if want.stdout != got.stdout {
        let line = want.stdout.lines().zip(got.stdout.lines()).position(|(a, b)| a != b);
        let (a, b) = match line {
            Some(n) => (want.stdout.lines().nth(n), got.stdout.lines().nth(n)),
            None => (want.stdout.lines().last(), got.stdout.lines().last()),
        };
        wrong.push(format!("printed {:?} became {:?}", a.unwrap_or_default(), b.unwrap_or_default()));
    }
    if want.exit != got.exit {
        wrong.push(format!("exit {:?} became {:?}", want.exit, got.exit));
    }
    if want.exception != got.exception {
        wrong.push(format!("exception {:?} became {:?}", want.exception, got.exception));
    }
    let listed = |what: &str, modules: Vec<&String>| {
        let names: Vec<&str> = modules.into_iter().map(String::as_str).collect();
        (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")))
    };
    // Before 3.15 the list is an ordinary variable.
    if target != "lazy-modules" || python.minor >= 15 {
        let loaded = case.deferred.iter().filter(|m| got.executed.contains(*m)).collect();
        wrong.extend(listed("executed although nothing uses it", loaded));
    }
    let absent = case.eager.iter().filter(|m| !got.executed.contains(*m)).collect();
    wrong.extend(listed("not executed", absent));
    let known: BTreeSet<String> =
        common::tree(&original).keys().filter_map(|path| module_name(path)).collect();
    let new = got.executed.iter().filter(|m| known.contains(*m) && !want.executed.contains(*m)).collect();
    wrong.extend(listed("executed, but not by the original", new));
    wrong
}

/// Runs all cases of a target under one Python and compares with the list of known failures.
fn run_all(target: &str, python: Option<&Interpreter>) {
    let Some(python) = python else { return };
    let hook = tempfile::tempdir().expect("a temporary folder");
    fs::write(hook.path().join("sitecustomize.py"), SITECUSTOMIZE).expect("a file");
    let all = cases();
    let wanted: Vec<&Case> = all
        .iter()
        .filter(|c| c.targets.iter().any(|t| t == target) && admits(&c.python, python.minor))
        .collect();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(case) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let wrong = complaints(case, python, target, hook.path());
                    if !wrong.is_empty() {
                        failures.lock().expect("not poisoned").push((case.name.clone(), wrong.join("; ")));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().expect("not poisoned");
    failures.sort();
    println!("{target}, Python {}: {} programs, {} fail", python.version(), wanted.len(), failures.len());
    let known =
        fs::read_to_string(programs().join("known-failures.txt")).expect("the list of known failures");
    let known: BTreeSet<&str> = known
        .lines()
        .filter_map(|line| line.strip_prefix(target)?.strip_prefix(' '))
        .filter(|name| wanted.iter().any(|c| c.name == *name))
        .collect();
    let mut news: Vec<String> = failures
        .iter()
        .filter(|(name, _)| !known.contains(name.as_str()))
        .map(|(name, why)| format!("{target} {name}\n    {why}"))
        .collect();
    for (name, why) in &failures {
        println!("FAIL {target} {name}: {why}");
    }
    let fixed = known.iter().filter(|k| failures.iter().all(|(name, _)| name != **k));
    news.extend(fixed.map(|name| format!("{target} {name}\n    passes: remove it from known-failures.txt")));
    assert!(news.is_empty(), "Python {}:\n{}", python.version(), news.join("\n"));
}

#[test]
fn proxy_on_the_oldest_python() {
    run_all("proxy", common::interpreters().first());
}

#[test]
fn proxy_on_python_3_13() {
    run_all("proxy", common::python(13));
}

#[test]
fn native_on_python_3_15() {
    run_all("native", common::python(15));
}

#[test]
fn the_list_of_known_failures_is_sorted_and_names_cases() {
    let text = fs::read_to_string(programs().join("known-failures.txt")).expect("the list of known failures");
    let lines: Vec<&str> = text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).collect();
    assert!(lines.is_sorted(), "sort the list");
    let all = cases();
    for line in lines {
        let (target, name) = line.split_once(' ').expect("target and name");
        let case = all.iter().find(|c| c.name == name).unwrap_or_else(|| panic!("{line}: no such case"));
        assert!(case.targets.iter().any(|t| t == target), "{line}: the case is not for this target");
    }
}
