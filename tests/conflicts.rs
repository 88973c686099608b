//! State that several modules write while they load: `check` names the writers and the imports that decide today.

mod common;

use common::{expect, project};
use serde_json::Value;

const REGISTRY: &str = "FORMATS = {}
LEVEL = 0
COUNT = 0
LOADED = []


def register(name):
    def decorate(f):
        FORMATS[name] = f
        return f
    return decorate


def set_level(level):
    global LEVEL
    LEVEL = level


def count():
    global COUNT
    COUNT += 1


def once(name, value):
    if name not in FORMATS:
        FORMATS[name] = value


class Settings:
    debug = False

    def __init__(self):
        self.values = {}

    def configure(self, debug):
        self.debug = debug

    def put(self, key, value):
        self.values[key] = value


settings = Settings()
";

/// The conflicts of a program whose main module imports `a` and `b`: `state: writers in order; who wins`.
fn conflicts(a: &str, b: &str) -> Vec<String> {
    let main = "import a\nimport b\n\n\ndef f():\n    return a, b\n";
    of(&[("main.py", main), ("a.py", a), ("b.py", b), ("registry.py", REGISTRY)])
}

fn of(files: &[(&str, &str)]) -> Vec<String> {
    let folder = project(files);
    let arguments = ["check", "--output-format", "json", "--exit-zero"];
    let report: Value = serde_json::from_slice(&expect(folder.path(), &arguments, 0).stdout).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let conflict = |conflict: &Value| {
        let writers = conflict["writers"].as_array().expect("writers");
        let names: Vec<String> = writers.iter().map(|w| text(&w["module"])).collect();
        format!("{}: {}; {}", text(&conflict["state"]), names.join(" "), text(&conflict["wins"]))
    };
    report["conflicts"].as_array().expect("a list").iter().map(conflict).collect()
}

#[test]
fn writers_that_replace_each_other_are_named() {
    for (a, b, expected) in [
        (
            "import sys\nsys.excepthook = print\n",
            "import sys\nsys.excepthook = repr\n",
            "sys.excepthook: a b; last",
        ),
        (
            "import logging\nlogging.basicConfig(level=10)\n",
            "import logging\nlogging.basicConfig(level=20)\n",
            "the configuration of logging: a b; first",
        ),
        (
            "import warnings\nwarnings.simplefilter('ignore')\n",
            "import warnings\nwarnings.simplefilter('error')\n",
            "warnings.filters: a b; last",
        ),
        (
            "import warnings as w\nw.filterwarnings('ignore', category=UserWarning)\n",
            "import warnings\nwarnings.simplefilter('error', UserWarning)\n",
            "warnings.filters[UserWarning]: a b; last",
        ),
        (
            "import os\nos.environ['MODE'] = 'x'\n",
            "import os\nos.environ['MODE'] = 'y'\n",
            "os.environ[\"MODE\"]: a b; last",
        ),
        (
            "import os\nos.environ.setdefault('MODE', 'x')\n",
            "import os\nos.environ.setdefault('MODE', 'y')\n",
            "os.environ[\"MODE\"]: a b; first",
        ),
        (
            "import registry\n@registry.register('json')\ndef f(): pass\n",
            "from registry import register\n@register('json')\ndef f(): pass\n",
            "registry.FORMATS[\"json\"]: a b; last",
        ),
        (
            "import registry\nregistry.FORMATS['json'] = print\n",
            "from registry import FORMATS as F\nF['json'] = repr\n",
            "registry.FORMATS[\"json\"]: a b; last",
        ),
        (
            "import registry\nregistry.once('json', print)\n",
            "import registry\nregistry.once('json', repr)\n",
            "registry.FORMATS[\"json\"]: a b; unclear",
        ),
        (
            "import registry\nregistry.set_level(1)\n",
            "import registry\nregistry.set_level(2)\n",
            "registry.LEVEL: a b; last",
        ),
        (
            "import registry\nregistry.hook = print\n",
            "import registry\nregistry.hook = repr\n",
            "registry.hook: a b; last",
        ),
        (
            "import registry\nregistry.settings.configure(True)\n",
            "from registry import settings\nsettings.configure(False)\n",
            "registry.settings.debug: a b; last",
        ),
        (
            "import registry\nregistry.settings.put('theme', 1)\n",
            "from registry import settings\nsettings.put('theme', 2)\n",
            "registry.settings.values[\"theme\"]: a b; last",
        ),
    ] {
        assert_eq!(conflicts(a, b), [expected], "{a}{b}");
    }
}

#[test]
fn what_adds_up_or_is_equal_or_is_the_writers_own_is_no_conflict() {
    for (a, b) in [
        ("import registry\nregistry.LOADED.append('a')\n", "import registry\nregistry.LOADED.append('b')\n"),
        ("import registry\nregistry.count()\n", "import registry\nregistry.count()\n"),
        (
            "import registry\n@registry.register('a')\ndef f(): pass\n",
            "import registry\n@registry.register('b')\ndef f(): pass\n",
        ),
        ("import os\nos.environ['MODE'] = 'x'\n", "import os\nos.environ['MODE'] = 'x'\n"),
        ("import os\nos.environ['A'] = 'x'\n", "import os\nos.environ['B'] = 'y'\n"),
        (
            "import warnings\nwarnings.simplefilter('ignore', UserWarning)\n",
            "import warnings\nwarnings.simplefilter('error', FutureWarning)\n",
        ),
        (
            "import logging\nlogging.getLogger('a').setLevel(10)\n",
            "import logging\nlogging.getLogger('b').setLevel(20)\n",
        ),
        (
            "import signal\nsignal.signal(signal.SIGINT, print)\n",
            "import signal\nsignal.signal(signal.SIGTERM, print)\n",
        ),
        // Only the main program does it, or a function that somebody calls later.
        (
            "import sys\nif __name__ == '__main__':\n    sys.excepthook = print\n",
            "import sys\nsys.excepthook = repr\n",
        ),
        ("import sys\ndef f():\n    sys.excepthook = print\n", "import sys\nsys.excepthook = repr\n"),
        ("import json\njson.dumps.__doc__ = 'a'\n", "import json\njson.dumps.__doc__ = 'b'\n"),
    ] {
        assert_eq!(conflicts(a, b), [""; 0], "{a}{b}");
    }
}

#[test]
fn an_order_that_is_always_the_same_or_that_nobody_makes_is_no_conflict() {
    let (a, b) = ("import sys\nsys.excepthook = print\n", "import sys\nsys.excepthook = repr\n");
    let wrapping = "import sys\nimport a\nsys.excepthook = repr\n";
    assert_eq!(conflicts(a, wrapping), [""; 0]);
    // It writes before it loads the other: then it matters who is first.
    let before = "import sys\nsys.excepthook = repr\nimport a\n";
    assert_eq!(conflicts(a, before), ["sys.excepthook: a b; last"]);
    let apart = [("one.py", "import a\n"), ("two.py", "import b\n"), ("a.py", a), ("b.py", b)];
    assert_eq!(of(&apart), [""; 0]);
    let deeper = [
        ("main.py", "import two\nimport one\n"),
        ("one.py", "import a\n"),
        ("two.py", "import b\n"),
        ("a.py", a),
        ("b.py", b),
    ];
    assert_eq!(of(&deeper), ["sys.excepthook: b a; last"]);
}

#[test]
fn the_text_names_both_writers_and_the_imports_and_changes_no_exit_code() {
    let folder = project(&[
        ("main.py", "import a\nimport b\n"),
        ("a.py", "import sys\n\nsys.excepthook = print\n"),
        ("b.py", "import sys\nsys.excepthook = repr\n"),
    ]);
    let expected = "b.py:2:1: conflict: sys.excepthook is also written by a (a.py:3); b comes last and wins (main.py:1 before main.py:2)\n";
    let all = expect(folder.path(), &["check"], 0).out();
    assert!(all.ends_with(expected), "{all}");
    // Of a part of the project, what it takes part in.
    assert!(!expect(folder.path(), &["check", "main.py"], 0).out().contains("conflict"));
    let part = expect(folder.path(), &["check", "a.py"], 0).out();
    assert!(part.contains("a.py:3:1: conflict: sys.excepthook is also written by b (b.py:2)"), "{part}");
    let github = expect(folder.path(), &["check", "--output-format", "github"], 0).out();
    assert!(github.contains("::notice file=b.py,line=2,"), "{github}");
}
