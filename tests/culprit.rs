//! `dally culprit`: imports that dally took to be harmless and that are not.

mod common;

use common::{expect, project, some_interpreters};

/// A program with many lazy imports, two of which register something that `main` needs.
fn program() -> tempfile::TempDir {
    let mut main = String::from("from app import hidden\n");
    let mut uses = String::new();
    let folder = project(&[
        ("pyproject.toml", ""),
        ("src/app/__init__.py", ""),
        ("src/app/registry.py", "NAMES = []\n"),
        ("src/app/hidden.py", "from app import registry\nregistry.NAMES.append('a')\nx = 1\n"),
        ("src/app/further.py", "from app import hidden_too\n\n\ndef go():\n    return hidden_too.x\n"),
        ("src/app/hidden_too.py", "from app import registry\nregistry.NAMES.append('b')\nx = 1\n"),
    ]);
    for n in 0..20 {
        common::write(
            folder.path(),
            &format!("src/app/part{n}.py"),
            b"import json\n\n\ndef f():\n    return json.dumps\n",
        );
        main.extend(["from app import part", &n.to_string(), "\n"]);
        uses.extend(["    part", &n.to_string(), ".f()\n"]);
    }
    main += "from app import further, registry\n\n\ndef main():\n    print(sorted(registry.NAMES))\n    assert registry.NAMES == ['a', 'b']\n    hidden.x, further.go()\n";
    main += &uses;
    common::write(folder.path(), "src/app/main.py", main.as_bytes());
    common::write(folder.path(), "src/app/__main__.py", b"from app.main import main\n\nmain()\n");
    folder
}

#[test]
fn the_fewest_imports_are_named_that_make_the_difference() {
    let folder = program();
    let at = folder.path();
    expect(at, &["build", "src", "--out", "dist/lazy", "--safety", "trusting"], 0);
    for python in some_interpreters() {
        let python = python.binary.to_str().expect("a path");
        let command = ["culprit", ".", "--", python, "-m", "app"];
        // All three have to be at their places: the last is reached by the second.
        let ran = expect(&at.join("dist/lazy"), &command, 1);
        let out = ran.out();
        let lines: Vec<&str> =
            out.lines().map(|line| line.split_once(": culprit: ").expect("a culprit").1).collect();
        assert_eq!(
            lines,
            ["from app import hidden_too", "from app import hidden", "from app import further"],
            "{python}: {}",
            ran.stderr
        );
        assert!(
            ran.stderr.contains("DALLY_EAGER=app.further:hidden_too,app.main:hidden,app.main:further "),
            "{}",
            ran.stderr
        );
        // A folder above, and a command that runs as it should.
        let ran = expect(at, &["culprit", "dist", "--", python, "-c", "pass"], 0);
        assert!(ran.stderr.contains("nothing to look for"), "{}", ran.stderr);
    }
}

#[test]
fn what_cannot_be_found_is_said() {
    let folder = program();
    let ran = expect(folder.path(), &["culprit", "--", "true"], 2);
    assert!(ran.stderr.contains("no file has imports that placeholders stand for"), "{}", ran.stderr);
    expect(folder.path(), &["apply", "-q"], 0);
    let ran = expect(folder.path(), &["culprit", "--", "no-such-command"], 2);
    assert!(ran.stderr.contains("cannot run no-such-command: No such file"), "{}", ran.stderr);
    // It ends differently each time, whatever is lazy.
    common::write(folder.path(), "count.sh", b"echo x >> runs; exit $(wc -l < runs)");
    let ran = expect(folder.path(), &["culprit", "--", "sh", "count.sh"], 2);
    assert!(ran.stderr.contains("does it end differently by itself?"), "{}", ran.stderr);
}
