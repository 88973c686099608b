use ruff_python_parser::parse_module;

use super::{Which, revert};

fn back(text: &str, which: Which) -> Result<Option<String>, &'static str> {
    let module = parse_module(text).unwrap_or_else(|e| panic!("{text}: {e}")).into_syntax();
    revert(text, &module, which).map(|r| r.map(|r| r.text)).map_err(|r| r.message)
}

const HEADER: &str = "from _dally import TYPE_CHECKING, lazy, real\n\n";

#[test]
fn applied_files_come_back() {
    let cases = [
        (
            "\"\"\"Doc.\"\"\"\nfrom _dally import TYPE_CHECKING, lazy\n\nif TYPE_CHECKING:\n    import json  # c\nelse:\n    json = lazy(\"import json\")\nx = 1\n",
            "\"\"\"Doc.\"\"\"\nimport json  # c\nx = 1\n",
        ),
        (
            &format!(
                "{HEADER}if x:\n\tif TYPE_CHECKING:\n\t\tfrom a import (b,\n   c)\n\telse:\n\t\tb = lazy(\"from a import b\")\n\t\tfrom a import c"
            ),
            "if x:\n\tfrom a import (b,\n   c)",
        ),
        (
            "from ._dally import TYPE_CHECKING, lazy\r\n\r\nif TYPE_CHECKING:\r\n    import a.b\r\n    import a.c as d\r\nelse:\r\n    a = lazy(\"import a.b\")\r\n    d = lazy(\"import a.c as d\")\r\n",
            "import a.b\r\nimport a.c as d\r\n",
        ),
        (
            &format!(
                "{HEADER}if TYPE_CHECKING:\n    import a\nelse:\n    a = lazy(\"import a\")\ndef f(x: \"real(a)\"):\n    match (real(a), (x, y))[-1]:\n        case a(): return real(a), (real(a), 1)[x], (real(a), y)[-1]\n    match (real(a), y)[-1]:\n        case 1: pass\n"
            ),
            "import a\ndef f(x: a):\n    match x, y:\n        case a(): return a, (a, 1)[x], (a, y)[-1]\n    match (a, y)[-1]:\n        case 1: pass\n",
        ),
        (
            &format!(
                "{HEADER}if TYPE_CHECKING:\n    import a  # n  # dally: lazy import\nelse:\n    a = lazy(\"import a\")\n"
            ),
            "lazy import a  # n\n",
        ),
        ("import a\nimport a.b  # dally: added, the submodule is used below\n", "import a\n"),
        // Sorted and formatted by others.
        (
            "from _dally import lazy\nfrom _dally import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import a\n\nelse:\n    a = lazy('import a')\n",
            "import a\n",
        ),
        (
            "import os\nfrom _dally import (\n    lazy,\n    TYPE_CHECKING,\n)\n\nif TYPE_CHECKING:\n    import a\nelse:\n    a = lazy(\"import a\")\n",
            "import os\nimport a\n",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(back(text, Which::Applied), Ok(Some(expected.to_owned())), "{text}");
    }
}

#[test]
fn all_forms_come_back() {
    let cases = [
        ("lazy import a\nif x:\n    lazy from b import c, d\n", "import a\nif x:\n    from b import c, d\n"),
        ("__lazy_modules__ = [\"a\"]\nimport a\n", "import a\n"),
        ("\"\"\"Doc.\"\"\"; __lazy_modules__ = [\"a\"]\nimport a\n", "\"\"\"Doc.\"\"\"\nimport a\n"),
        (
            "_dally, _dally_real = __import__(\"_dally\").marked((\"a\", \"b\")); a = _dally(\"import a\")\nb = __dally_b__ = _dally(\"from x.y import z as b\" # c\n); q = _dally_real(a)\ndef f(): return (b if b is not __dally_b__ else _dally_real(b))\n",
            "import a\nfrom x.y import z as b; ( # c\n); q = a\ndef f(): return b\n",
        ),
        (
            "\"\"\"Doc.\"\"\"; _dally = __import__(\"_dally\").pending((\"a\",))\na = _dally(\"import a\")\n",
            "\"\"\"Doc.\"\"\"\nimport a\n",
        ),
        (
            "from .._dally import pending as _dally; _dally = _dally((\"e\", \"E\")); e = _dally(\"from .  import e\"); E = _dally(\"from .e import E\")\n",
            "from .e import E\n",
        ),
        ("lazy from .e import E; lazy from .  import e, f\n", "from .e import E\n"),
    ];
    for (text, expected) in cases {
        assert_eq!(back(text, Which::All), Ok(Some(expected.to_owned())), "{text}");
        // The analysis leaves them alone.
        assert_eq!(back(text, Which::Applied), Ok(None), "{text}");
    }
}

#[test]
fn what_nobody_rewrote_stays() {
    for text in [
        "import a\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    a = None\n",
        "x = 'TYPE_CHECKING, lazy __lazy_modules__ pending lazy '\n",
        "def f():\n    __lazy_modules__ = []\n",
    ] {
        assert_eq!(back(text, Which::All), Ok(None), "{text}");
    }
}

#[test]
fn forms_that_were_edited_by_hand_are_refused() {
    let block =
        |body: &str, otherwise: &str| format!("{HEADER}if TYPE_CHECKING:\n{body}\nelse:\n{otherwise}\n");
    let lazy = "    a = lazy(\"import a\")";
    for text in [
        block("    import a\n    import b", lazy),
        block("    import b", lazy),
        block("    import a\n    x = 1", lazy),
        block("    import a", "    a = lazy(\"import a\")\n    x = 1"),
        block("    import a", "    # why\n    a = lazy(\"import a\")"),
        block("    import a", "    a = lazy(\"import a\")  # why"),
        block("    import a", lazy) + "b = lazy(\"import b\")\n",
        block("    import a", lazy) + "if TYPE_CHECKING:\n    import b\n",
        block("    import a", lazy) + "x = real( a)\n",
    ] {
        assert!(back(&text, Which::Applied).is_err(), "{text}");
    }
}
