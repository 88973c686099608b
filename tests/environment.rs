//! Packages of an environment: found without running an interpreter, judged together with the project, never rewritten.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{dally, expect, project, ran, run, tree};
use serde_json::Value;

const CFG: (&str, &str) = (".venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.12.1\n");

/// A project of one file, and packages in its `.venv`.
fn with_packages(main: &str, packages: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = project(&[CFG, ("main.py", main)]);
    for (path, content) in packages {
        let path = format!(".venv/lib/python3.12/site-packages/{path}");
        common::write(folder.path(), &path, content.as_bytes());
    }
    folder
}

/// For each import, by its statement: `lazy`, or the reasons.
fn verdicts(folder: &Path, options: &[&str]) -> BTreeMap<String, String> {
    let mut arguments = vec!["check", "--output-format", "json", "--exit-zero", "--escapes", "wrap"];
    arguments.extend(options);
    let report: Value = serde_json::from_slice(&expect(folder, &arguments, 0).stdout).expect("JSON");
    let mut verdicts = BTreeMap::new();
    for file in report["files"].as_array().expect("files") {
        let path = file["path"].as_str().expect("a path");
        assert!(!path.contains("site-packages"), "{path}");
        for site in file["sites"].as_array().expect("sites") {
            let reasons: Vec<&str> = site["reasons"]
                .as_array()
                .expect("reasons")
                .iter()
                .map(|reason| reason["reason"].as_str().expect("a name"))
                .collect();
            let verdict = if site["verdict"] == "lazy" { "lazy".to_owned() } else { reasons.join(" ") };
            verdicts.insert(site["import"].as_str().expect("an import").to_owned(), verdict);
        }
    }
    verdicts
}

#[test]
fn effects_of_other_peoples_packages_count() {
    let main = "import quiet\nimport patcher\nimport deep\n\n\ndef f():\n    return quiet.x(), patcher.y(), deep.z\n";
    let folder = with_packages(
        main,
        &[
            ("quiet/__init__.py", "from .impl import x\n"),
            ("quiet/impl.py", "def x(): pass\n"),
            ("patcher.py", "import json\njson.dumps = repr\ndef y(): pass\n"),
            ("deep/__init__.py", "import importlib\nz = 1\nimportlib.import_module('deep.hidden')\n"),
            ("deep/hidden.py", "import sys\nsys.excepthook = print\n"),
            // Nothing leads here: it is not even parsed.
            ("unreached.py", "import sys\nsys.excepthook = (\n"),
        ],
    );
    let found = verdicts(folder.path(), &[]);
    assert_eq!(found["import quiet"], "lazy");
    assert_eq!(found["import patcher"], "load-effects");
    assert_eq!(found["import deep"], "load-effects");
    let without = verdicts(folder.path(), &["--python", "none"]);
    assert_eq!(without["import quiet"], "unresolved-module");
    let explained = expect(folder.path(), &["explain", "main.py:3"], 0).out();
    assert!(explained.contains("deep/hidden.py:2"), "{explained}");
}

#[test]
fn what_is_missing_is_known() {
    let main = "import requests\nfrom requests import get, gone\nimport requests.nothing\nimport yaml\nimport fast.core\nfrom fast import anything\n\n\ndef f():\n    return requests.get, get, gone, yaml.x, fast.core.y, anything()\n";
    let folder = with_packages(
        main,
        &[
            ("requests/__init__.py", "def get(): pass\n"),
            ("fast/__init__.py", "from .core import *\n"),
            ("fast/core.cpython-312-x86_64-linux-gnu.so", ""),
        ],
    );
    let found = verdicts(folder.path(), &[]);
    // The name that is missing is asked for at once, and so the package is loaded.
    assert_eq!(found["from requests import get"], "already-loaded");
    assert_eq!(found["from requests import gone"], "missing-name");
    assert_eq!(found["import requests.nothing"], "unresolved-module");
    // Everybody knows yaml, but it is not installed.
    assert_eq!(found["import yaml"], "unresolved-module");
    assert_eq!(found["from fast import anything"], "lazy");
    let without = verdicts(folder.path(), &["--python", "none"]);
    assert_eq!(without["from requests import get"], "lazy");
    assert_eq!(without["from requests import gone"], "lazy");
    assert_eq!(without["import yaml"], "lazy");
}

#[test]
fn an_environment_that_lacks_what_the_project_requires_is_not_the_last_word() {
    let main = "import yaml\nimport tomli\n\n\ndef f():\n    return yaml.x, tomli.y\n";
    let folder = with_packages(main, &[("pytest.py", ""), ("pytest-8.0.dist-info/METADATA", "")]);
    let metadata = "[project]\nname = 'x'\ndependencies = ['PyYAML', 'tomli; python_version < \"3.11\"']\n";
    common::write(folder.path(), "pyproject.toml", metadata.as_bytes());
    let found = verdicts(folder.path(), &[]);
    assert_eq!((found["import yaml"].as_str(), found["import tomli"].as_str()), ("lazy", "lazy"));
    let verbose = expect(folder.path(), &["check", "-v", "--exit-zero"], 0);
    assert!(verbose.stderr.contains("it lacks what the project requires (pyyaml)"), "{}", verbose.stderr);
    // Whoever names it, means it. What is only needed elsewhere may still be there.
    let found = verdicts(folder.path(), &["--python", ".venv"]);
    assert_eq!(
        (found["import yaml"].as_str(), found["import tomli"].as_str()),
        ("unresolved-module", "lazy")
    );
}

#[test]
fn the_environment_is_found_in_the_usual_ways() {
    let main = "import patcher\n\n\ndef f():\n    return patcher.y\n";
    let site = "env/lib/python3.12/site-packages/patcher.py";
    let patcher = "import json\njson.dumps = repr\n";
    let folder =
        project(&[("main.py", main), ("env/pyvenv.cfg", CFG.1), ("env/bin/python", "#!"), (site, patcher)]);
    let kept = |output: std::process::Output| {
        let ran = ran(output);
        assert!(matches!(ran.code, Some(0 | 1)), "{}", ran.stderr);
        ran.stderr.contains("load-effects 1")
    };
    let check = |arguments: &[&str]| {
        let mut command = dally(folder.path());
        command.arg("check").args(arguments);
        command
    };
    assert!(!kept(check(&[]).output().expect("starts")));
    assert!(kept(check(&["--python", "env"]).output().expect("starts")));
    assert!(kept(check(&["--python", "env/bin/python"]).output().expect("starts")));
    let env = folder.path().join("env");
    assert!(kept(check(&[]).env("VIRTUAL_ENV", &env).output().expect("starts")));
    assert!(!kept(check(&["--python", "none"]).env("VIRTUAL_ENV", &env).output().expect("starts")));
    common::write(folder.path(), "dally.toml", b"python = \"env\"\n");
    assert!(kept(check(&[]).output().expect("starts")));
    let elsewhere = ran(dally(&env).args(["check", ".."]).output().expect("starts"));
    assert!(elsewhere.stderr.contains("load-effects 1"), "{}", elsewhere.stderr);
    common::write(folder.path(), "dally.toml", b"python = \"absent\"\n");
    let failed = run(folder.path(), &["check"]);
    assert_eq!(failed.code, Some(2));
    assert!(failed.stderr.contains("absent: no such interpreter or environment"), "{}", failed.stderr);
    common::write(folder.path(), "dally.toml", b"python = 3\n");
    let failed = run(folder.path(), &["check"]);
    assert!(failed.stderr.contains("dally.toml:1: `python` must be a path"), "{}", failed.stderr);
}

#[test]
fn packages_are_never_rewritten_nor_counted() {
    let main = "import lib\n\n\ndef f():\n    return lib.x()\n";
    let folder = with_packages(main, &[("lib.py", "import json\n\n\ndef x():\n    return json.dumps(1)\n")]);
    let before = tree(&folder.path().join(".venv"));
    let applied = expect(folder.path(), &["apply"], 0);
    assert!(applied.stderr.contains("; 1 file, 1 import"), "{}", applied.stderr);
    assert_eq!(before, tree(&folder.path().join(".venv")));
    expect(folder.path(), &["revert"], 0);
    let counted = expect(folder.path(), &["check", "--exit-zero"], 0);
    assert!(counted.stderr.starts_with("1 file, 1 import"), "{}", counted.stderr);
    common::write(folder.path(), "src/main.py", main.as_bytes());
    expect(folder.path(), &["build", "src", "--out", "out"], 0);
    assert!(!folder.path().join("out/lib.py").exists());
}

#[test]
fn a_project_extends_a_namespace_and_hides_what_it_has_itself() {
    let main = "import company.shop\nimport company.tools\nimport app.extra\nimport app\n\n\ndef f():\n    return company.shop.x, company.tools.y, app.z, app.extra\n";
    let folder = with_packages(
        main,
        &[
            ("company/tools.py", "y = 1\n"),
            ("app/__init__.py", "import sys\nsys.excepthook = print\n"),
            ("app/extra.py", ""),
        ],
    );
    common::write(folder.path(), "company/shop.py", b"x = 1\n");
    common::write(folder.path(), "app/__init__.py", b"z = 1\n");
    let found = verdicts(folder.path(), &[]);
    assert_eq!(found["import company.shop"], "lazy");
    assert_eq!(found["import company.tools"], "lazy");
    assert_eq!(found["import app"], "lazy");
    assert_eq!(found["import app.extra"], "unresolved-module");
}

#[test]
fn installed_packages_run_with_their_own_interpreter() {
    // The project supports old versions; what is installed was chosen for 3.12.
    let main = "try:\n    import modern\nexcept ImportError:\n    modern = None\nimport modern.sub\n\n\ndef f():\n    return modern.sub\n";
    let folder = with_packages(
        main,
        &[
            ("modern/__init__.py", "import tomllib\nfrom typing import TypeAlias\n"),
            ("modern/sub.py", "import sys\nif sys.version_info < (3, 11):\n    sys.excepthook = print\n"),
        ],
    );
    assert_eq!(verdicts(folder.path(), &[])["import modern.sub"], "lazy");
}

#[test]
fn results_do_not_depend_on_threads() {
    let main = "import a\nimport b\nfrom c import *\n\n\ndef f():\n    return a.x, b.y\n";
    let folder = with_packages(
        main,
        &[
            ("a.py", "import b\nx = 1\n"),
            ("b.py", "import a, sys\nsys.excepthook = print\ny = 1\n"),
            ("c/__init__.py", "__all__ = ['part']\n"),
            ("c/part.py", "import codecs\ncodecs.register(print)\n"),
        ],
    );
    let check =
        |jobs| expect(folder.path(), &["check", "--output-format", "json", "--exit-zero", "--jobs", jobs], 0);
    assert_eq!(check("1").out(), check("4").out());
    let found = verdicts(folder.path(), &[]);
    // What the first loads needs no second reason.
    assert_eq!((found["import a"].as_str(), found["import b"].as_str()), ("load-effects", "lazy"));
}

#[test]
fn extension_modules_load_in_the_order_of_their_package_and_wait_with_it() {
    let folder = project(&[
        ("pyproject.toml", "[project]\nname = \"app\"\n"),
        ("pkg/__init__.py", "from pkg import _a\nfrom ._b import y\n\n\ndef f():\n    return _a.x, y()\n"),
        ("pkg/_a.abi3.so", ""),
        ("pkg/_b.cpython-313-x86_64-linux-gnu.so", ""),
        ("pkg/_wide.py", "import pkg._b\n\n__all__ = [\"z\"]\nz = 1\n"),
        ("app.py", "import pkg\nfrom pkg._b import y\n\n\ndef f():\n    return pkg.f(), y()\n"),
    ]);
    let ran = expect(folder.path(), &["check", "."], 1);
    let expected = "\
app.py:1:8: lazy: import pkg
app.py:2:20: lazy: from pkg._b import y
pkg/__init__.py:1:17: keep: from pkg import _a (import-order, already-loaded)
pkg/__init__.py:2:17: keep: from ._b import y (import-order)
pkg/_wide.py:1:8: keep: import pkg._b (side-effect-only, import-order)
";
    assert_eq!(ran.out(), expected);
}
