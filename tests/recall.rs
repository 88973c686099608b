//! Decisions of an earlier run: used exactly as long as they hold, and then the results are the same as without.

mod common;

use std::path::Path;

use common::{copy_python, dally, project, ran, some_interpreters, write};

const MAIN: &str = "import plugins\nimport registry\nimport prices\n\n\ndef main():\n    return registry.KNOWN, prices.tax, plugins\n";
const PLUGINS: &str = "import registry\n\nregistry.KNOWN.append('plugins')\n";
const REGISTRY: &str = "from prices import tax\n\nKNOWN = []\n\n\ndef total():\n    return tax + 1\n";
const PRICES: &str = "import os\n\ntax = 7\nfee = os.getpid\n";

fn shop() -> tempfile::TempDir {
    project(&[
        ("pyproject.toml", "[project]\nname = \"shop\"\n"),
        ("main.py", MAIN),
        ("plugins.py", PLUGINS),
        ("registry.py", REGISTRY),
        ("prices.py", PRICES),
    ])
}

/// Whether decisions of an earlier run were used; whatever the command, its output was compared with that of a run without a cache.
fn hold(folder: &Path, arguments: &[&str]) -> bool {
    let cached = ran(dally(folder).args(arguments).arg("-v").output().expect("dally starts"));
    let fresh = ran(dally(folder).args(arguments).arg("--no-cache").output().expect("dally starts"));
    assert_eq!(cached.out(), fresh.out(), "{arguments:?}");
    assert_eq!(cached.code, fresh.code, "{arguments:?}");
    cached.stderr.contains("its decisions hold")
}

const CHECK: [&str; 4] = ["check", ".", "--output-format", "json"];

#[test]
fn they_hold_while_all_files_say_the_same() {
    let folder = shop();
    let folder = folder.path();
    assert!(!hold(folder, &CHECK));
    assert!(hold(folder, &CHECK));
    assert!(hold(folder, &["diff", "main.py"]));
    // Evidence in a file that has moved is shown where it is now.
    for registry in [
        format!("{REGISTRY}# a comment\n"),
        REGISTRY.replace("KNOWN", "# A comment.\n\nKNOWN"),
        REGISTRY.replace("tax + 1", "tax  +   2"),
        REGISTRY.to_owned(),
    ] {
        write(folder, "registry.py", registry.as_bytes());
        assert!(hold(folder, &CHECK), "{registry}");
        assert!(hold(folder, &["diff", "."]), "{registry}");
        assert!(hold(folder, &["check", "plugins.py", "--output-format", "json"]), "{registry}");
    }
    write(folder, "plugins.py", PLUGINS.replace("registry.KNOWN", "# late\nregistry.KNOWN").as_bytes());
    assert!(hold(folder, &CHECK));
}

#[test]
fn evidence_in_rewritten_files_is_where_it_is_on_disk() {
    let folder = shop();
    let folder = folder.path();
    let plugins = format!("import decimal\n{PLUGINS}\n\ndef use():\n    return decimal.Decimal\n");
    write(folder, "plugins.py", plugins.as_bytes());
    common::expect(folder, &["apply", "-q", "plugins.py"], 0);
    assert_ne!(std::fs::read(folder.join("plugins.py")).expect("a file"), plugins.as_bytes());
    let check = ["check", "main.py", "--output-format", "json"];
    hold(folder, &check);
    assert!(hold(folder, &check));
    hold(folder, &["explain", "main.py"]);
}

#[test]
fn they_do_not_hold_when_anything_else_has_changed() {
    let folder = shop();
    let folder = folder.path();
    let others: [(&str, String, String); 6] = [
        ("registry.py", REGISTRY.into(), REGISTRY.replace("KNOWN = []", "KNOWN = []\nKNOWN.clear()")),
        ("registry.py", REGISTRY.into(), REGISTRY.replace("tax + 1", "tax.x + 1")),
        ("prices.py", PRICES.into(), PRICES.replace("import os\n\ntax = 7", "tax = 7\nimport os\n")),
        ("main.py", MAIN.into(), MAIN.replace("prices.tax, ", "")),
        ("main.py", MAIN.into(), MAIN.replace("import prices", "import prices  # dally: eager")),
        (
            "pyproject.toml",
            "[project]\nname = \"shop\"\n".into(),
            "[tool.dally]\neager = [\"prices\"]\n".into(),
        ),
    ];
    for (path, before, after) in others {
        write(folder, path, before.as_bytes());
        hold(folder, &CHECK);
        assert!(hold(folder, &CHECK), "{path}");
        write(folder, path, after.as_bytes());
        assert!(!hold(folder, &CHECK), "{after}");
        write(folder, path, before.as_bytes());
    }
    hold(folder, &CHECK);
    write(folder, "more.py", b"import registry\n");
    assert!(!hold(folder, &CHECK));
    std::fs::remove_file(folder.join("more.py")).expect("removed");
    assert!(!hold(folder, &CHECK));
    // What cannot be parsed, and what can again.
    write(folder, "prices.py", b"import os\n\ntax = (\n");
    assert!(!hold(folder, &CHECK));
    assert!(hold(folder, &CHECK));
    write(folder, "prices.py", PRICES.as_bytes());
    assert!(!hold(folder, &CHECK));
    // Other options have decisions of their own.
    assert!(!hold(folder, &["diff", ".", "--target", "native"]));
    assert!(hold(folder, &["diff", ".", "--target", "native"]));
    assert!(hold(folder, &CHECK));
}

#[test]
fn files_that_modules_read_count() {
    let folder = shop();
    let folder = folder.path();
    write(folder, "prices.py", b"tax = open('tax.txt').read()\n");
    assert!(!hold(folder, &CHECK));
    assert!(hold(folder, &CHECK));
    write(folder, "tax.txt", b"7");
    assert!(!hold(folder, &CHECK));
    assert!(hold(folder, &CHECK));
}

#[test]
fn packages_of_the_environment_count() {
    let folder = shop();
    let folder = folder.path();
    let site = ".venv/lib/python3.12/site-packages";
    write(folder, ".venv/pyvenv.cfg", b"home = /usr/bin\nversion = 3.12.1\n");
    write(folder, &format!("{site}/quiet/__init__.py"), b"from quiet.impl import x\n");
    write(folder, &format!("{site}/quiet/impl.py"), b"x = 1\n");
    write(folder, "main.py", format!("import quiet\n{MAIN}    quiet.x()\n").as_bytes());
    assert!(!hold(folder, &CHECK));
    assert!(hold(folder, &CHECK));
    write(folder, &format!("{site}/unreached.py"), b"x = 1\n");
    // A module more in a folder that was looked into.
    assert!(!hold(folder, &CHECK));
    assert!(hold(folder, &CHECK));
    write(folder, &format!("{site}/quiet/impl.py"), b"import sys\nsys.path.append('x')\nx = 1\n");
    assert!(!hold(folder, &CHECK));
    assert!(hold(folder, &CHECK));
    assert!(!hold(folder, &[&CHECK[..], &["--python", "none"]].concat()));
}

#[test]
fn facts_are_made_of_nothing_but_the_text() {
    // Names are numbered by who meets them first; nothing of that may be left in facts.
    if let Some(python) = some_interpreters().last() {
        let folder = project(&[("dally.toml", "")]);
        let folder = folder.path();
        let plain = |path: &Path| path.components().count() <= 1 || path.starts_with("email");
        copy_python(&python.stdlib(), folder, plain);
        hold(folder, &["diff", "email/policy.py"]);
        let mut files: Vec<_> = common::tree(folder).into_iter().collect();
        files.retain(|(path, _)| path.extension().is_some_and(|end| end == "py"));
        assert!(files.len() > 100);
        for part in files.chunks(50) {
            for (path, text) in part {
                std::fs::write(folder.join(path), [text, &b"\n# a comment\n"[..]].concat()).expect("written");
            }
            assert!(
                hold(folder, &["diff", "email/policy.py"]),
                "{:?}",
                part.iter().map(|(path, _)| path).collect::<Vec<_>>()
            );
            for (path, text) in part {
                std::fs::write(folder.join(path), text).expect("written");
            }
        }
    }
}
