//! Properties over the standard libraries of all Pythons found.
//!
//! With `--safety trusting` and `balanced`: everything still compiles under its own Python, is the same program to an independent
//! judge, keeps its lines, does not depend on the number of threads, and `apply`, `apply` again and the applied diff agree.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Interpreter, copy_tree, differences, expect, tree};

/// The sources of a standard library, without the folders that hold broken or foreign files on purpose.
fn library(python: &Interpreter, to: &Path) -> PathBuf {
    let folder = to.join(format!("lib{}", python.minor));
    common::copy_python(&python.stdlib(), &folder, |path| {
        let text = path.to_string_lossy();
        let skipped = ["test", "lib2to3/tests", "idlelib", "site-packages", "dist-packages", "__pycache__"];
        !skipped.contains(&text.as_ref()) && !text.starts_with("config-") && !text.ends_with("/test")
    });
    folder
}

fn options<'a>(target: &'a str, version: &'a str) -> Vec<&'a str> {
    let mut options = vec!["--quiet", "--target", target, "--no-cache"];
    if target != "native" {
        options.extend(["--python-version", version]);
    }
    options
}

/// Builds, and gives the Python files that changed.
fn build(source: &Path, out: &Path, options: &[&str]) -> Vec<PathBuf> {
    let parent = source.parent().expect("a parent");
    let mut arguments = vec!["build", source.to_str().expect("text"), "--out", out.to_str().expect("text")];
    arguments.extend(options);
    let ran = expect(parent, &arguments, 0);
    assert!(!ran.stderr.contains("internal error") && !ran.stderr.contains("panicked"), "{}", ran.stderr);
    let (old, new) = (tree(source), tree(out));
    let mut changed = differences(&old, &new);
    changed.retain(|path| old.contains_key(path));
    for path in &changed {
        let (old, new) = (&old[path], new.get(path).unwrap_or_else(|| panic!("{} is gone", path.display())));
        assert_eq!(common::count_lines(old), common::count_lines(new), "{}: lines", path.display());
    }
    changed
}

fn no_complaints(what: &str, complaints: &[String]) {
    let shown = complaints.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(complaints.is_empty(), "{what}: {} complaints\n{shown}", complaints.len());
}

#[test]
fn built_files_compile_and_are_the_same_programs() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let newest = common::python(15);
    for python in common::interpreters() {
        let source = library(python, scratch.path());
        let costly = common::some_interpreters().contains(&python);
        for target in ["proxy", "native", "lazy-modules"] {
            let judge = if target == "proxy" { Some(python) } else { newest };
            let Some(judge) = judge else { continue };
            // The lists are so simple that three libraries say enough.
            if target == "lazy-modules" && !costly {
                continue;
            }
            let compared = target == "proxy" || python == judge;
            for safety in ["trusting", "balanced"] {
                if safety == "balanced" && !(costly && compared) {
                    continue;
                }
                let out = scratch.path().join("out");
                let version = python.version();
                let mut options = options(target, &version);
                options.extend(["--safety", safety]);
                let changed = build(&source, &out, &options);
                let what = format!("{version} {target} {safety}: {} files changed", changed.len());
                println!("{what}");
                assert!(changed.len() > 50, "{what}");
                let compare: &[&str] = if costly && compared { &["--compare", "--lines"] } else { &[] };
                no_complaints(&what, &common::same_program(judge, &source, &out, &changed, compare));
                fs::remove_dir_all(&out).expect("removed");
            }
        }
        fs::remove_dir_all(&source).expect("removed");
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    for python in common::some_interpreters() {
        let source = library(python, scratch.path());
        let name = source.file_name().and_then(|n| n.to_str()).expect("a name");
        let version = python.version();
        for target in ["proxy", "native", "lazy-modules"] {
            let mut trees = Vec::new();
            for jobs in ["1", "2"] {
                let out = scratch.path().join(format!("out{jobs}"));
                let mut options = options(target, &version);
                options.extend(["--safety", "trusting", "--jobs", jobs]);
                build(&source, &out, &options);
                trees.push(tree(&out));
                fs::remove_dir_all(&out).expect("removed");
            }
            let different = differences(&trees[0], &trees[1]);
            assert!(different.is_empty(), "{version} {target}: {different:?}");
        }
        for format in ["text", "json"] {
            let checked = ["1", "2"].map(|jobs| {
                let options =
                    ["check", name, "-q", "-v", "--no-cache", "--jobs", jobs, "--output-format", format];
                expect(scratch.path(), &options, 1)
            });
            assert!(checked[0].stdout == checked[1].stdout, "{version}: check -v --output-format {format}");
        }
    }
}

/// A folder with a module of its own project, which is read first and has the names of all files in some order: whoever comes later meets
/// names that have their numbers already.
fn numbers(names: impl Iterator<Item = String>, to: &Path) {
    const KEYWORDS: &str = "False None True and as assert async await break class continue def del elif else except finally for from \
                            global if import in is lambda nonlocal not or pass raise return try while with yield";
    let lines = names
        .filter(|name| !KEYWORDS.split(' ').any(|keyword| keyword == name))
        .map(|name| format!("numbers.{name}\n"));
    fs::create_dir_all(to).expect("a folder");
    fs::write(to.join("dally.toml"), "").expect("written");
    fs::write(to.join("names.py"), lines.collect::<String>()).expect("written");
}

#[test]
fn results_do_not_depend_on_the_order_in_which_names_are_met() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let python = common::some_interpreters().into_iter().next().expect("an interpreter");
    let source = library(python, scratch.path());
    let name = source.file_name().and_then(|name| name.to_str()).expect("a name");
    fs::write(source.join("dally.toml"), "").expect("written");
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut names = BTreeSet::new();
    for text in tree(&source).values().filter_map(|bytes| std::str::from_utf8(bytes).ok()) {
        let words = text.split(|character| !is_part(character));
        names.extend(
            words.filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic())).map(str::to_owned),
        );
    }
    let check = |names: &mut dyn Iterator<Item = String>| {
        numbers(names, &scratch.path().join("a_numbers"));
        let format = ["--output-format", "json", "--jobs", "1", "--no-cache", "-q", "-v"];
        expect(scratch.path(), &[&["check", "a_numbers", name], &format[..]].concat(), 1).stdout
    };
    let forwards = check(&mut names.iter().cloned());
    let backwards = check(&mut names.iter().rev().cloned());
    assert!(forwards == backwards, "verdicts or evidence depend on the order of names");
}

#[test]
fn apply_once_apply_twice_and_the_diff_agree() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    for python in common::some_interpreters() {
        let source = library(python, scratch.path());
        let version = python.version();
        let targets: &[&str] =
            if python.minor == 15 { &["proxy", "native", "lazy-modules"] } else { &["proxy"] };
        for target in targets {
            let mut options = options(target, &version);
            options.extend(["--safety", "trusting", "--escapes", "wrap", "."]);
            let what = format!("{version} {target}");
            agree(&source, &scratch.path().join("work"), &options, &what);
            // What `apply` wrote must run as well.
            let applied = scratch.path().join("work");
            let (old, new) = (tree(&source), tree(&applied));
            let mut changed = differences(&old, &new);
            changed.retain(|path| old.contains_key(path));
            println!("{what}: {} files changed", changed.len());
            no_complaints(&what, &common::same_program(python, &source, &applied, &changed, &["--compare"]));
            if *target == "proxy" {
                expect(&applied, &["revert", "."], 0);
                let different = differences(&old, &tree(&applied));
                assert!(different.is_empty(), "{what}: apply and revert change {different:?}");
            }
            fs::remove_dir_all(&applied).expect("removed");
        }
    }
}

/// Leaves the applied tree in `work`.
fn agree(source: &Path, work: &Path, options: &[&str], what: &str) {
    let with = |command: &'static str| [&[command], options].concat();
    copy_tree(source, work);
    let diff = expect(work, &with("diff"), 1);
    assert!(
        Command::new("git").arg("init").arg("-q").current_dir(work).status().expect("git starts").success()
    );
    let patch = work.with_extension("patch");
    fs::write(&patch, &diff.stdout).expect("a patch");
    let applied = Command::new("git")
        .args(["-c", "core.autocrlf=false", "apply", "--whitespace=nowarn"])
        .arg(&patch)
        .current_dir(work)
        .output()
        .expect("git starts");
    assert!(applied.status.success(), "{what}: git apply: {}", String::from_utf8_lossy(&applied.stderr));
    fs::remove_dir_all(work.join(".git")).expect("removed");
    let by_diff = tree(work);
    fs::remove_dir_all(work).expect("removed");

    copy_tree(source, work);
    expect(work, &with("apply"), 0);
    let once = tree(work);
    let different = differences(&by_diff, &once);
    assert!(different.is_empty(), "{what}: the applied diff and apply differ: {different:?}");
    expect(work, &with("apply"), 0);
    let different = differences(&once, &tree(work));
    assert!(different.is_empty(), "{what}: apply twice is not apply once: {different:?}");
}
