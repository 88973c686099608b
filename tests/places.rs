//! Where dally is run: outside projects, in trees that were rewritten before, and interrupted.

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{dally, differences, expect, project, run, some_interpreters, tree};

const LAZY: &str = "import json\n\n\ndef dump(x):\n    return json.dumps(x)\n";

#[test]
fn without_a_project_only_the_folder_and_the_package_are_looked_at() {
    let folder = project(&[
        ("lone.py", LAZY),
        ("beside.py", "import sys\n\n\ndef f():\n    return sys\n"),
        ("far/away.py", "def f(:\n"),
        ("pkg/__init__.py", ""),
        ("pkg/sub/__init__.py", ""),
        ("pkg/sub/a.py", "from pkg.b import x\n\n\ndef f():\n    return x()\n"),
        ("pkg/b.py", "import json\njson.dumps = x = print\n"),
    ]);
    let ran = expect(folder.path(), &["check", "lone.py"], 1);
    assert_eq!(ran.out(), "lone.py:1:8: lazy: import json\n");
    assert!(ran.stderr.starts_with("1 file, "), "{}", ran.stderr);
    let ran = expect(folder.path(), &["check", "pkg/sub/a.py"], 0);
    assert!(ran.out().contains("load-effects"), "{}", ran.out());
    // `revert` counts what is named, and the runtime stays: files that nobody has looked at may need it.
    expect(folder.path(), &["apply", "-q", "lone.py"], 0);
    let ran = expect(folder.path(), &["revert", "lone.py"], 0);
    assert!(ran.stderr.starts_with("1 file reverted, 0 as before"), "{}", ran.stderr);
    assert!(folder.path().join("_dally.py").exists());
}

#[test]
fn an_installed_package_is_judged_by_itself_whatever_is_around_its_environment() {
    let files = [
        (".gitignore", "versions/\n"),
        ("pyproject.toml", "[project]\nname = \"around\"\n"),
        ("versions/3.9/lib/python3.9/site-packages/pkg/__init__.py", ""),
        (
            "versions/3.9/lib/python3.9/site-packages/pkg/a.py",
            "from pkg.b import x\n\n\ndef f():\n    return x()\n",
        ),
        ("versions/3.9/lib/python3.9/site-packages/pkg/b.py", "import json\njson.dumps = x = print\n"),
        ("versions/own/__init__.py", ""),
        ("versions/own/a.py", "from versions.own.b import x\n\n\ndef f():\n    return x()\n"),
        ("versions/own/b.py", "import json\njson.dumps = x = print\n"),
    ];
    let folder = project(&files);
    let package = "versions/3.9/lib/python3.9/site-packages/pkg";
    for path in [package, &format!("{package}/a.py")] {
        let ran = expect(folder.path(), &["check", path], 0);
        assert!(
            ran.out().contains("pkg/a.py:1:19: keep: from pkg.b import x (load-effects)"),
            "{}",
            ran.out()
        );
    }
    // No project, no cache.
    assert!(!folder.path().join(".dally_cache").exists());
    // A package of the project that git ignores is seen as a whole.
    let ran = expect(folder.path(), &["check", "versions/own/a.py"], 0);
    assert!(ran.out().contains("load-effects"), "{}", ran.out());
}

#[test]
fn what_git_ignores_above_a_repository_does_not_count() {
    let folder = project(&[
        (".gitignore", "*\n"),
        ("inner/.git/HEAD", ""),
        ("inner/a.py", LAZY),
        ("inner/out/b.py", LAZY),
    ]);
    common::write(folder.path(), "inner/.gitignore", b"out\n");
    for (at, path) in [(".", "inner"), ("inner", ".")] {
        let ran = expect(&folder.path().join(at), &["check", path], 1);
        assert!(
            ran.out().ends_with("a.py:1:8: lazy: import json\n") && !ran.out().contains("b.py"),
            "{}",
            ran.out()
        );
    }
    // Nothing found is said, not passed over.
    let ran = expect(folder.path(), &["check", "."], 0);
    assert!(ran.stderr.starts_with("0 files: no Python source is there"), "{}", ran.stderr);
    let ran = expect(folder.path(), &["status", "."], 0);
    assert!(ran.stderr.starts_with("0 files: no Python source is there"), "{}", ran.stderr);
}

#[test]
fn what_build_wrote_is_no_source_of_the_project() {
    let folder = project(&[("app/a.py", LAZY), ("pyproject.toml", "")]);
    expect(folder.path(), &["build", "app", "--out", "lazy"], 0);
    let ran = expect(folder.path(), &["check"], 1);
    assert_eq!(ran.out(), "app/a.py:1:8: lazy: import json\n");
    let before = tree(&folder.path().join("lazy"));
    expect(folder.path(), &["apply"], 0);
    assert!(differences(&before, &tree(&folder.path().join("lazy"))).is_empty());
    // A source that is no folder leaves nothing behind.
    expect(folder.path(), &["build", "app/a.py", "--out", "none"], 2);
    assert!(!folder.path().join("none").exists());
}

#[cfg(unix)]
#[test]
fn names_of_any_bytes_are_reported_on_one_line_and_named_exactly_in_diffs() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = project(&[("back\\slash.py", LAZY), ("new\nline.py", LAZY), ("pyproject.toml", "")]);
    fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"non\xff.py")), LAZY).expect("written");
    let ran = expect(folder.path(), &["check"], 1);
    assert_eq!(
        ran.out(),
        "back\\slash.py:1:8: lazy: import json\nnew\\nline.py:1:8: lazy: import json\nnon\u{fffd}.py:1:8: lazy: import json\n"
    );
    let ran = expect(folder.path(), &["diff"], 1);
    for name in ["\"a/back\\\\slash.py\"", "\"a/new\\012line.py\"", "\"a/non\\377.py\""] {
        assert!(ran.out().contains(&format!("--- {name}\n")), "{name}: {}", ran.out());
    }
    let sarif = expect(folder.path(), &["check", "--output-format", "sarif"], 1).out();
    for uri in ["back%5Cslash.py", "new%0Aline.py", "non%FF.py"] {
        assert!(sarif.contains(&format!("\"uri\":\"{uri}\"")), "{uri}: {sarif}");
    }
}

#[test]
fn somebody_elses_file_in_the_place_of_the_runtime_is_never_touched() {
    let folder = project(&[("src/a.py", LAZY), ("src/_dally.py", "# mine\n"), ("pyproject.toml", "")]);
    let before = tree(folder.path());
    for arguments in [&["apply", "src"][..], &["diff", "src"], &["build", "src", "--out", "out"]] {
        let ran = expect(folder.path(), arguments, 2);
        assert!(ran.stderr.contains("src/_dally.py: here the runtime file has to be"), "{}", ran.stderr);
        fs::remove_dir_all(folder.path().join("out")).ok();
    }
    assert!(differences(&before, &tree(folder.path())).is_empty());
    common::write(folder.path(), "dally.toml", b"runtime = \"_lazy\"\n");
    expect(folder.path(), &["build", "src", "--out", "out"], 0);
    assert_eq!(fs::read(folder.path().join("out/_dally.py")).expect("there"), b"# mine\n");
    assert!(folder.path().join("out/_lazy.py").exists());
    // No placeholder, no runtime.
    expect(folder.path(), &["build", "src", "--out", "native", "--target", "native"], 0);
}

#[test]
fn a_tree_that_is_rewritten_in_part_can_be_built() {
    let folder = project(&[("p/a.py", LAZY), ("p/b.py", LAZY), ("pyproject.toml", "")]);
    expect(folder.path(), &["apply", "-q", "p/a.py"], 0);
    let runtime = fs::read_to_string(folder.path().join("_dally.py")).expect("there");
    // Of an older version.
    let older = format!("{runtime}# older\n");
    fs::write(folder.path().join("_dally.py"), &older).expect("written");
    for _ in 0..2 {
        expect(folder.path(), &["build", ".", "--out", "../out-of-it"], 0);
        let out = folder.path().join("../out-of-it");
        assert_eq!(fs::read_to_string(out.join("_dally.py")).expect("there"), runtime);
        assert!(fs::read_to_string(out.join("p/b.py")).expect("there").contains("_dally"));
    }
    fs::remove_dir_all(folder.path().join("../out-of-it")).expect("removed");
    let ran = expect(folder.path(), &["diff", "p/b.py"], 1);
    assert!(ran.out().contains("--- a/_dally.py\n"), "{}", ran.out());
}

#[cfg(unix)]
#[test]
fn an_interrupted_build_or_apply_stops_between_two_files() {
    let folder = project(&[("pyproject.toml", "")]);
    let body = format!("{LAZY}\n{}", "# filling\n".repeat(2000));
    for n in 0..1500 {
        common::write(folder.path(), &format!("p/m{n}.py"), body.as_bytes());
    }
    let complete = tempfile::tempdir().expect("a temporary folder");
    let out = complete.path().join("out");
    let out = out.to_str().expect("a path");
    expect(folder.path(), &["build", "-q", ".", "--out", out], 0);
    let built = tree(Path::new(out));
    fs::remove_dir_all(out).expect("removed");
    let old = tree(folder.path());

    let stopped = interrupted(folder.path(), &["build", "-q", ".", "--out", out], || {
        fs::read_dir(format!("{out}/p")).is_ok_and(|entries| entries.count() > 100)
    });
    let partial = tree(Path::new(out));
    for (path, bytes) in partial.iter().filter(|(path, _)| path.starts_with("p")) {
        assert!(*bytes == built[path], "{}", path.display());
    }
    assert!(!stopped || partial.len() < built.len());
    expect(folder.path(), &["build", "-q", ".", "--out", out], 0);
    assert!(differences(&built, &tree(Path::new(out))).is_empty());

    // Before the first file, nothing is left.
    for wait in [20, 60, 100] {
        let clock = Instant::now();
        let stopped = interrupted(folder.path(), &["apply", "-q", "."], || {
            clock.elapsed() > Duration::from_millis(wait)
        });
        let now = tree(folder.path());
        let rewritten = now.iter().any(|(path, bytes)| old.get(path).is_some_and(|old| old != bytes));
        assert!(!stopped || rewritten == now.contains_key(Path::new("_dally.py")));
        expect(folder.path(), &["revert", "-q"], 0);
    }
    interrupted(folder.path(), &["apply", "-q", "."], || {
        fs::read(folder.path().join("p/m100.py")).is_ok_and(|bytes| bytes != old[Path::new("p/m100.py")])
    });
    let now = tree(folder.path());
    assert!(now.keys().all(|path| !path.to_string_lossy().contains(".dally-")), "a temporary file is left");
    expect(folder.path(), &["revert", "-q"], 0);
    assert!(differences(&old, &tree(folder.path())).is_empty());
}

/// Starts dally, sends SIGINT when `now` is true; gives whether it was stopped.
#[cfg(unix)]
fn interrupted(folder: &Path, arguments: &[&str], now: impl Fn() -> bool) -> bool {
    let mut child =
        dally(folder).args(arguments).stderr(std::process::Stdio::piped()).spawn().expect("starts");
    let clock = Instant::now();
    while !now() && child.try_wait().expect("a child").is_none() {
        assert!(clock.elapsed() < Duration::from_mins(1), "it takes too long");
    }
    let _ = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    let output = child.wait_with_output().expect("ended");
    let stderr = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => false,
        Some(130) => {
            // While it only reads, the signal ends it without a word.
            assert!(stderr.is_empty() || stderr.contains("interrupted: "), "{stderr}");
            true
        }
        None => true,
        other => panic!("{other:?}: {stderr}"),
    }
}

#[test]
fn one_bad_path_does_not_stop_the_others() {
    let folder = project(&[("a.py", LAZY), ("pyproject.toml", "")]);
    let ran = run(folder.path(), &["check", "absent", "a.py", "pyproject.toml"]);
    assert_eq!((ran.code, ran.out().as_str()), (Some(2), "a.py:1:8: lazy: import json\n"));
    assert!(ran.stderr.contains("absent: error: No such file or directory"), "{}", ran.stderr);
}

/// Runs a Python file, or anything that starts with one, from a folder that has nothing to do with it.
fn python(path: &Path) {
    for python in some_interpreters() {
        let away = tempfile::tempdir().expect("a temporary folder");
        let output = python.command().arg(path).current_dir(away.path()).output().expect("Python starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {}: {stderr}", python.version(), path.display());
    }
}

/// The runtime files below a folder, by relative path.
fn runtimes(folder: &Path) -> Vec<String> {
    let stems = ["_dally.py", "_lazy.py"];
    let is_it = |path: &&std::path::PathBuf| stems.iter().any(|stem| path.ends_with(stem));
    tree(folder).keys().filter(is_it).map(|path| path.to_string_lossy().into_owned()).collect()
}

const SCRIPT: &str =
    "import json\n\n\ndef main():\n    print(json.dumps(1))\n\n\nif __name__ == \"__main__\":\n    main()\n";

#[test]
fn scripts_find_a_runtime_that_is_configured_to_be_in_a_package() {
    // What the package does when it is loaded is nothing to the scripts.
    let package = "import sys\nassert not sys.argv[0].endswith((\"tool.py\", \"manage.py\", \"run.py\"))\n";
    for (layout, src) in [("", ""), ("src/", "src = [\"src\", \".\"]\n")] {
        let configuration = format!("runtime = \"app._dally\"\n{src}");
        let folder = project(&[
            ("pyproject.toml", ""),
            ("dally.toml", &configuration),
            (&format!("{layout}app/__init__.py"), package),
            (&format!("{layout}app/core.py"), LAZY),
            ("scripts/tool.py", SCRIPT),
            ("scripts/below/__init__.py", ""),
            ("scripts/below/part.py", LAZY),
            ("scripts/run.py", &SCRIPT.replace("import json\n", "import json\nimport below.part\n")),
            ("manage.py", SCRIPT),
        ]);
        let at = folder.path();
        let built = tempfile::tempdir().expect("a temporary folder");
        let out = built.path().join("out");
        expect(at, &["build", ".", "--out", out.to_str().expect("a path")], 0);
        let before = tree(at);
        let diff = expect(at, &["diff"], 1);
        expect(at, &["apply"], 0);
        let package = format!("{layout}app/_dally.py");
        let mut expected = [package.as_str(), "_dally.py", "scripts/_dally.py"];
        expected.sort_unstable();
        assert_eq!(runtimes(at), expected);
        let new = diff.out().matches("new file mode").count();
        assert_eq!(new, expected.len(), "{}", diff.out());
        assert_eq!(
            runtimes(&out),
            expected.into_iter().filter(|p| !p.starts_with("scripts")).collect::<Vec<_>>()
        );
        for place in [at, &out] {
            for script in ["scripts/tool.py", "scripts/run.py", "manage.py"] {
                assert!(
                    fs::read_to_string(place.join(script)).expect("there").contains("_dally"),
                    "{script}"
                );
                python(&place.join(script));
            }
        }
        let core = fs::read_to_string(at.join(layout).join("app/core.py")).expect("there");
        assert!(core.starts_with("from app._dally import TYPE_CHECKING, lazy\n"), "{core}");
        expect(at, &["check"], 0);
        let ran = expect(at, &["apply"], 0);
        assert!(ran.stderr.starts_with("0 files rewritten"), "{}", ran.stderr);
        expect(at, &["revert"], 0);
        assert!(differences(&before, &tree(at)).is_empty());
    }
}

#[test]
fn a_runtime_in_no_package_is_an_error_of_the_configuration() {
    let files =
        [("pyproject.toml", "[tool.dally]\n\nruntime = \"nope._dally\"\n"), ("app/__init__.py", LAZY)];
    let folder = project(&files);
    let at = folder.path();
    for command in [&["check"][..], &["diff"], &["apply"], &["build", ".", "--out", "../nope-out"]] {
        let ran = expect(at, command, 2);
        let message = "pyproject.toml:3: `runtime` is `nope._dally`, but there is no package `nope` in an import root\n";
        assert!(ran.stderr.ends_with(message), "{}", ran.stderr);
    }
    let rest = ["target = \"proxy\"\n", "runtime = \"nope._dally\"\n"].concat();
    common::write(at, "dally.toml", rest.as_bytes());
    let ran = expect(at, &["apply"], 2);
    assert!(ran.stderr.contains("dally.toml:2: `runtime` is"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(at.join("app/__init__.py")).expect("there"), LAZY);
}

#[test]
fn a_package_that_is_built_by_itself_has_its_runtime_inside() {
    let folder = project(&[
        ("pyproject.toml", ""),
        ("dally.toml", "runtime = \"app.base._dally\"\n"),
        ("app/__init__.py", "import json\n\n\ndef f():\n    return json\n"),
        ("app/base/__init__.py", ""),
        ("app/sub/__init__.py", ""),
        ("app/sub/core.py", LAZY),
    ]);
    let (at, built) = (folder.path(), tempfile::tempdir().expect("a temporary folder"));
    let out = |name: &str| built.path().join(name).to_str().expect("a path").to_owned();
    // Of any name: it is the package, wherever it is put.
    for name in ["app", "renamed"] {
        expect(at, &["build", "app", "--out", &out(name)], 0);
        assert_eq!(runtimes(Path::new(&out(name))), ["base/_dally.py"]);
        common::write(
            built.path(),
            "use.py",
            format!("import {name}, {name}.sub.core as c\nc.dump(1)\n{name}.f()\n").as_bytes(),
        );
        python(&built.path().join("use.py"));
    }
    expect(at, &["build", "app/sub", "--out", &out("sub")], 0);
    assert_eq!(runtimes(Path::new(&out("sub"))), ["_dally.py"]);
    common::write(built.path(), "use.py", b"import sub.core as c\nc.dump(1)\n");
    python(&built.path().join("use.py"));
}

#[test]
fn a_first_line_that_names_an_interpreter_makes_a_script() {
    let script = format!("#!/usr/bin/env python3\n{LAZY}\n\ndump([1])\n");
    let lazy = script.replace("import json", "import json, csv\n\n\ndef g():\n    return csv.reader\n");
    let folder = project(&[
        ("pyproject.toml", ""),
        ("pkg/__init__.py", ""),
        ("pkg/a.py", &lazy),
        ("bin/t3.py", &lazy),
        ("tools/tool", &lazy),
        ("use.py", "import names.area.a\n"),
        ("names/area/a.py", &lazy[lazy.find('\n').expect("a line") + 1..]),
    ]);
    let at = folder.path();
    expect(at, &["apply", ".", "tools/tool"], 0);
    assert_eq!(runtimes(at), ["_dally.py", "bin/_dally.py", "tools/_dally.py"]);
    for script in ["bin/t3.py", "tools/tool"] {
        assert!(fs::read_to_string(at.join(script)).expect("there").contains("lazy("), "{script}");
        python(&at.join(script));
    }
}

#[test]
fn the_runtime_stays_for_what_the_search_for_sources_does_not_find() {
    let script = format!("#!/usr/bin/env python3\n{LAZY}");
    for (path, ignored) in [("tool2", ""), ("app.wsgi", ""), ("gen/g.py", "gen/\n")] {
        let folder = project(&[
            ("pyproject.toml", "[tool.dally]\nruntime = \"_dally\"\n"),
            ("README.md", "It says `from _dally import lazy`.\n"),
            (".gitignore", ignored),
            (path, &script),
            ("pkg/__init__.py", ""),
            ("pkg/a.py", LAZY),
        ]);
        let at = folder.path();
        let before = tree(at);
        expect(at, &["apply", path, "pkg/a.py"], 0);
        let ran = expect(at, &["revert", "pkg"], 0);
        assert!(ran.stderr.starts_with("1 file reverted, "), "{}", ran.stderr);
        assert!(at.join("_dally.py").exists(), "{path}");
        python(&at.join(path));
        expect(at, &["revert", path], 0);
        assert!(differences(&before, &tree(at)).is_empty(), "{path}");
    }
    // Each runtime file goes with what finds it.
    let folder =
        project(&[("pyproject.toml", ""), ("pkg/__init__.py", ""), ("pkg/a.py", LAZY), ("bin/t.py", SCRIPT)]);
    expect(folder.path(), &["apply"], 0);
    assert_eq!(runtimes(folder.path()), ["_dally.py", "bin/_dally.py"]);
    expect(folder.path(), &["revert", "bin"], 0);
    assert_eq!(runtimes(folder.path()), ["_dally.py"]);
}

#[test]
fn a_missing_runtime_is_noticed_and_written_again() {
    for (configuration, place) in [("", "_dally.py"), ("runtime = \"pkg._lazy\"\n", "pkg/_lazy.py")] {
        let folder = project(&[
            ("pyproject.toml", ""),
            ("dally.toml", configuration),
            ("pkg/__init__.py", ""),
            ("pkg/a.py", LAZY),
        ]);
        let at = folder.path();
        expect(at, &["apply"], 0);
        let applied = tree(at);
        expect(at, &["check"], 0);
        fs::remove_file(at.join(place)).expect("there");
        let message = format!(
            "{place}: the runtime file is not there, and rewritten files import it; `dally apply` writes it\n"
        );
        let ran = expect(at, &["check"], 1);
        assert!(ran.stderr.contains(&message), "{}", ran.stderr);
        let quiet = expect(at, &["check", "-q"], 1);
        assert_eq!((quiet.out(), quiet.stderr), (String::new(), message));
        expect(at, &["check", "--exit-zero"], 0);
        let ran = expect(at, &["diff"], 1);
        assert!(ran.out().contains(&format!("+++ b/{place}\n")), "{}", ran.out());
        let ran = expect(at, &["apply"], 0);
        assert!(ran.stderr.contains(&format!("{place}: the runtime file, written\n")), "{}", ran.stderr);
        assert!(differences(&applied, &tree(at)).is_empty());
        // That of another version, and what is none.
        let runtime = fs::read_to_string(at.join(place)).expect("there");
        fs::write(at.join(place), format!("{runtime}# older\n")).expect("written");
        expect(at, &["check"], 0);
        let ran = expect(at, &["apply"], 0);
        assert!(ran.stderr.contains("replaced: it was that of another version"), "{}", ran.stderr);
        assert!(differences(&applied, &tree(at)).is_empty());
        fs::write(at.join(place), "# mine\n").expect("written");
        expect(at, &["check"], 1);
        let ran = expect(at, &["apply"], 2);
        assert!(ran.stderr.contains("here the runtime file has to be, and this is not it"), "{}", ran.stderr);
        assert_eq!(fs::read_to_string(at.join(place)).expect("there"), "# mine\n");
    }
}

#[test]
fn the_runtime_goes_with_the_last_import_that_is_lazy() {
    let folder = project(&[("pyproject.toml", ""), ("a.py", LAZY), ("b.py", "x = 1\n")]);
    let at = folder.path();
    let before = tree(at);
    expect(at, &["apply"], 0);
    assert!(at.join("_dally.py").exists());
    common::write(at, "dally.toml", b"eager = [\"json\"]\n");
    let ran = expect(at, &["apply"], 0);
    assert!(
        ran.stderr.contains("_dally.py: the runtime file, removed: nothing imports it"),
        "{}",
        ran.stderr
    );
    fs::remove_file(at.join("dally.toml")).expect("there");
    assert!(differences(&before, &tree(at)).is_empty());
    // Another target does without it.
    expect(at, &["apply"], 0);
    expect(at, &["apply", "--target", "native"], 0);
    assert!(runtimes(at).is_empty());
    expect(at, &["revert", "--all"], 0);
    assert!(differences(&before, &tree(at)).is_empty());
    // None for a file that cannot be written.
    let mut mode = fs::metadata(at.join("a.py")).expect("there").permissions();
    mode.set_readonly(true);
    fs::set_permissions(at.join("a.py"), mode).expect("set");
    let ran = expect(at, &["apply"], 2);
    assert!(ran.stderr.contains("a.py: the file is read-only"), "{}", ran.stderr);
    assert!(runtimes(at).is_empty());
}

#[test]
fn revert_names_the_rewritten_files_that_it_cannot_read() {
    let folder = project(&[("pyproject.toml", ""), ("a.py", LAZY), ("b.py", LAZY), ("py2.py", "print 1\n")]);
    let at = folder.path();
    expect(at, &["apply", "-q", "a.py", "b.py"], 0);
    let text = fs::read_to_string(at.join("a.py")).expect("there");
    fs::write(at.join("a.py"), format!("{text}\n\ndef broken(:\n")).expect("written");
    let ran = expect(at, &["revert"], 2);
    assert!(ran.stderr.starts_with("a.py:13:12: error: syntax error: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("\n1 file reverted, 1 as before"), "{}", ran.stderr);
    fs::write(at.join("a.py"), [text.as_bytes(), b"# \xff\n"].concat()).expect("written");
    let ran = expect(at, &["revert", "a.py"], 2);
    assert!(ran.stderr.starts_with("a.py:11:"), "{}", ran.stderr);
    assert!(at.join("_dally.py").exists());
    // What nobody has rewritten is nothing to it.
    expect(at, &["revert", "py2.py"], 0);
}

#[cfg(unix)]
#[test]
fn a_build_that_was_killed_takes_nobody_elses_files_for_its_own() {
    let folder = project(&[("pyproject.toml", ""), ("b/a.py", LAZY)]);
    for n in 0..400 {
        common::write(folder.path(), &format!("p/m{n}.py"), LAZY.as_bytes());
    }
    let out = tempfile::tempdir().expect("a temporary folder");
    let out = out.path().join("out");
    let arguments = ["build", "-q", ".", "--out", out.to_str().expect("a path")];
    let mut child = dally(folder.path()).args(arguments).spawn().expect("starts");
    while !out.join("p/m100.py").exists() && child.try_wait().expect("a child").is_none() {}
    child.kill().expect("killed");
    child.wait().expect("ended");
    common::write(&out, "notes.md", b"mine");
    common::write(&out, "p/notes.md", b"mine");
    expect(folder.path(), &arguments, 0);
    assert_eq!(fs::read(out.join("notes.md")).expect("there"), b"mine");
    assert_eq!(fs::read(out.join("p/notes.md")).expect("there"), b"mine");
    let again = tree(&out);
    expect(folder.path(), &arguments, 0);
    assert!(differences(&again, &tree(&out)).is_empty());
}
