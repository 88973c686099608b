//! The cache: the results are the same with it, and it is where and what it should be.

mod common;

use std::path::Path;

use common::{dally, expect, project, ran, tree, write};

const FOLDER: &str = ".dally_cache";

const MAIN: &str =
    "import shop.cart\nfrom shop import prices\n\n\ndef main():\n    return shop.cart.total(prices.tax)\n";

/// A project in which what one file does decides about another.
fn shop() -> tempfile::TempDir {
    project(&[
        ("pyproject.toml", "[project]\nname = \"shop\"\nrequires-python = \">=3.8\"\n"),
        ("main.py", MAIN),
        ("shop/__init__.py", ""),
        ("shop/cart.py", "from shop import registry\n\n\ndef total(tax):\n    return registry.KNOWN, tax\n"),
        ("shop/prices.py", "tax = 7\n"),
        ("shop/registry.py", "KNOWN = []\n"),
        ("broken.py", "def (\n"),
    ])
}

fn check(folder: &Path, paths: &[&str], options: &[&str]) -> common::Ran {
    let mut arguments = vec!["check", "--quiet", "--output-format", "json"];
    arguments.extend(options);
    arguments.extend(paths);
    ran(dally(folder).args(arguments).output().expect("dally starts"))
}

/// The result with the cache, after it was compared with that without.
fn same(folder: &Path, paths: &[&str], options: &[&str]) -> common::Ran {
    let cached = check(folder, paths, options);
    let fresh = check(folder, paths, &[options, &["--no-cache"]].concat());
    assert_eq!(cached, fresh);
    cached
}

/// How many files were found in the cache, and how many not.
fn found(folder: &Path, options: &[&str]) -> (usize, usize) {
    let arguments = [&["check", "-v", "--exit-zero"], options].concat();
    let ran = ran(dally(folder).args(arguments).output().expect("dally starts"));
    let line =
        ran.stderr.lines().find(|line| line.starts_with("cache: ")).unwrap_or("cache: 0 files found, 0 new");
    let mut numbers = line.split(' ').filter_map(|word| word.parse().ok());
    (numbers.next().expect("a number"), numbers.next().expect("a number"))
}

#[test]
fn results_are_the_same_when_files_change_come_and_go() {
    let folder = shop();
    let folder = folder.path();
    for paths in [&["."][..], &["main.py"], &["shop/cart.py", "main.py"], &["broken.py"]] {
        same(folder, paths, &[]);
        same(folder, paths, &["--escapes", "wrap", "--as-build"]);
    }
    let before = same(folder, &["main.py"], &[]);
    // Another file decides about this one.
    write(folder, "shop/prices.py", b"import sys\nsys.path.append('x')\ntax = 7\n");
    let changed = same(folder, &["main.py"], &[]);
    assert_ne!(before, changed);
    write(folder, "shop/prices.py", b"tax = 7\n");
    assert_eq!(same(folder, &["main.py"], &[]), before);
    std::fs::remove_file(folder.join("shop/prices.py")).expect("removed");
    assert_ne!(same(folder, &["main.py"], &[]), before);
    write(folder, "shop/prices.py", b"tax = 7\n");
    write(folder, "shop/more.py", b"import shop.cart\n");
    same(folder, &["."], &[]);
    write(folder, "broken.py", b"import shop\n");
    same(folder, &["broken.py"], &[]);
}

#[test]
fn only_what_changed_is_parsed() {
    let folder = shop();
    let folder = folder.path();
    assert_eq!(found(folder, &[]), (0, 6));
    assert_eq!(found(folder, &["main.py"]), (6, 0));
    write(folder, "shop/registry.py", b"KNOWN = {}\n");
    assert_eq!(found(folder, &["main.py"]), (5, 1));
    assert_eq!(found(folder, &["main.py"]), (6, 0));
    // Facts depend on the oldest version.
    assert_eq!(found(folder, &["--python-version", "3.12"]), (0, 6));
    assert_eq!(found(folder, &["--python-version", "3.12"]), (6, 0));
    assert_eq!(found(folder, &[]), (6, 0));
    assert_eq!(found(folder, &["--as-build"]), (0, 6));
    assert_eq!(found(folder, &["--no-cache"]), (0, 0));
}

#[test]
fn apply_writes_the_same() {
    let trees = [&[][..], &["--no-cache"]].map(|options| {
        let folder = shop();
        write(folder.path(), "broken.py", b"");
        for round in 0..3 {
            if options.is_empty() {
                // Warm, and after the first round with files in dally's forms.
                check(folder.path(), &["."], &[]);
            }
            let arguments = [&["apply", "--quiet", "main.py", "shop/cart.py"], options].concat();
            expect(folder.path(), &arguments, 0);
            let safety = ["apply", "--quiet", "--escapes", "wrap", "."];
            expect(folder.path(), &[&safety, options].concat(), 0);
            same(folder.path(), &["."], &[]);
            write(folder.path(), "shop/prices.py", format!("tax = {round}\n").as_bytes());
        }
        std::fs::remove_dir_all(folder.path().join(FOLDER)).expect("a cache");
        let tree = tree(folder.path());
        assert!(tree.keys().any(|path| path.ends_with("_dally.py")));
        tree
    });
    assert_eq!(trees[0], trees[1]);
}

#[test]
fn damaged_files_do_no_harm() {
    let folder = shop();
    let folder = folder.path();
    // Files that were changed just now are not in the index.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let before = same(folder, &["."], &[]);
    let files: Vec<_> = tree(&folder.join(FOLDER)).into_iter().collect();
    assert_eq!(files.len(), 5);
    for (path, bytes) in &files {
        let path = folder.join(FOLDER).join(path);
        for damage in [Vec::new(), bytes[..bytes.len() / 2].to_vec(), vec![0xff; bytes.len()]] {
            std::fs::write(&path, damage).expect("written");
            assert_eq!(same(folder, &["."], &[]), before, "{}", path.display());
        }
    }
}

#[test]
fn runs_at_the_same_time_agree() {
    let folder = shop();
    let expected = check(folder.path(), &["."], &["--no-cache"]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(check(folder.path(), &["."], &[]), expected));
        }
    });
    assert_eq!(found(folder.path(), &[]), (6, 0));
}

#[test]
fn it_is_where_it_was_asked_for() {
    let folder = shop();
    let folder = folder.path();
    let there = |path: &str| folder.join(path).join("CACHEDIR.TAG").exists();
    expect(folder, &["check", "-q", "--exit-zero", "--no-cache"], 2);
    assert!(!there(FOLDER));
    expect(folder, &["check", "-q", "--cache-dir", "elsewhere"], 2);
    assert!(there("elsewhere") && !there(FOLDER));
    let status = dally(folder).args(["check", "-q"]).env("DALLY_CACHE_DIR", "by-environment").status();
    assert!(status.is_ok() && there("by-environment") && !there(FOLDER));
    let status = dally(folder).args(["check", "-q"]).env("DALLY_NO_CACHE", "1").status();
    assert!(status.is_ok() && !there(FOLDER));
    write(folder, "dally.toml", b"cache-dir = \"configured\"\n");
    expect(&folder.join("shop"), &["check", "-q", "."], 1);
    assert!(there("configured") && !there(FOLDER));
    expect(folder, &["clean"], 0);
    assert!(!folder.join("configured").exists());
    std::fs::remove_file(folder.join("dally.toml")).expect("removed");
    expect(&folder.join("shop"), &["check", "-q", "."], 1);
    assert!(there(FOLDER) && !there("shop/.dally_cache"));
    let ran = expect(folder, &["clean"], 0);
    assert!(ran.stderr.contains("removed"), "{}", ran.stderr);
    assert!(!folder.join(FOLDER).exists());
    let ran = expect(folder, &["clean"], 0);
    assert!(ran.stderr.contains("there is no cache"), "{}", ran.stderr);
    // Projects below are cleaned as well.
    write(folder, "shop/dally.toml", b"");
    expect(folder, &["check", "-q", "shop"], 1);
    assert!(there("shop/.dally_cache"));
    expect(folder, &["clean"], 0);
    assert!(!folder.join("shop/.dally_cache").exists() && folder.join("shop/cart.py").exists());
    std::fs::remove_file(folder.join("shop/dally.toml")).expect("removed");
    // Somebody else's folder is not removed.
    let ran = expect(folder, &["clean", "--cache-dir", "shop"], 2);
    assert!(ran.stderr.contains("no cache of dally"), "{}", ran.stderr);
    assert!(folder.join("shop/cart.py").exists());
}

#[test]
fn without_a_project_there_is_none() {
    let folder = project(&[("main.py", "import json\n")]);
    expect(folder.path(), &["check", "-q"], 1);
    assert_eq!(tree(folder.path()).len(), 1);
}

#[test]
fn build_neither_uses_nor_copies_it() {
    let folder = shop();
    expect(folder.path(), &["check", "-q", "--exit-zero"], 2);
    let before = tree(folder.path());
    let out = tempfile::tempdir().expect("a folder");
    let to = out.path().join("out");
    expect(folder.path(), &["build", "-q", ".", "--out", to.to_str().expect("a path")], 0);
    assert!(!to.join(FOLDER).exists());
    assert_eq!(tree(folder.path()), before);
}
