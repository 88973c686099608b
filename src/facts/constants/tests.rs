//! What is written out fails or not.

use ruff_python_parser::parse_module;

/// The line that fails, and those of statements in which no `raise` is reached.
fn checked(source: &str) -> (Option<usize>, Vec<usize>) {
    let parsed = parse_module(source).expect("parses");
    let checked = super::check(&parsed.syntax().body);
    let line = |at: usize| source[..at].matches('\n').count() + 1;
    let quiet = checked.quiet.iter().map(|range| line(range.start().to_usize())).collect();
    (checked.fails.map(|at| line(at.to_usize())), quiet)
}

#[test]
fn what_is_written_out_fails_or_not() {
    let fails = [
        "T = {'a': 1}\nX = T['b']",
        "T = [1]\nX = T[1]",
        "N = 0\nX = 1 / N",
        "X = 'a' + 1",
        "X = int('twelve')",
        "a, b = 1, 2, 3",
        "N = 3\nassert N == 4",
        "N = ['a', 'a']\nif len(N) != len(set(N)):\n    raise ValueError",
        "for n in ('a', 'b'):\n    if n == 'b':\n        raise ValueError(n)",
        "T = {'a': 1}\nT['b'] = 2\nassert len(T) == 1",
        "T = []\nT.append('a')\nassert not T",
        "T = {k: v for k, v in {'a': 1}.items()}\nX = T['b']",
        "V = '1.2'\na, b, c = V.split('.')",
        "V = '1.2rc'\na, b = [int(part) for part in V.split('.')]",
        "import re\nP = 'a('\nX = re.compile(P)",
        "from re import compile\nP = 'a('\nX = compile('b' + P)",
        "from datetime import datetime as D\nF = '%Y-%m-%d'\nX = D.strptime('2020-13-01', F)",
        "N = []\nX = max(N)",
        "X = 'a %s' % ('b', 'c')",
    ];
    for source in fails {
        assert!(checked(source).0.is_some(), "{source}");
    }
    let fine = [
        "T = {'a': 1}\nX = T['a']",
        "T = {'a': 1}\ndef f(): T['b'] = 2\nf()\nX = T['b']",
        "def f():\n    global N\n    N = 4\nN = 3\nf()\nassert N == 4",
        "A = B = []\nA.append(1)\nX = B[0]",
        "A = []\nB = A\nA.append(1)\nX = B[0]",
        "from m import T\nX = T['a']",
        "T = {'a': 1}\nchange(T)\nX = T['b']",
        "T = {'a': 1}\ntry:\n    T['b'] = 2\nfinally:\n    pass\nX = T['b']",
        "def len(x): return 4\nN = 'abc'\nassert len(N) == 4",
        "class C:\n    T = {}\nT = {'a': 1}\nC.T = T\nX = T['b']",
        "N = 1\nfor N in range(3): pass\nassert N == 2",
        "N = 1\nwhile N < 3: N += 1\nassert N == 3",
        "X = int(' 12 ')",
        "X = int('1_0')",
        "V = '1.2.3'\na, b, c = [int(part) for part in V.split('.')]",
        "import own\nP = 'a('\nX = own.compile(P)",
        "from re import compile\nP = 'a('\nX = compile(P + other)",
        "X = 'a %s %%' % 'b'",
        "X = 'a %(b)s' % {'b': 1}",
    ];
    for source in fine {
        assert_eq!(checked(source).0, None, "{source}");
    }
}

#[test]
fn raises_that_are_not_reached() {
    let source = "N = ('a', 'b')\nfor n in N:\n    if n == 'c':\n        raise ValueError(n)\nif not N:\n    raise ValueError";
    assert_eq!(checked(source), (None, vec![2, 5]));
    let source = "import m\nif m.N:\n    raise ValueError";
    assert_eq!(checked(source), (None, vec![]));
    let source = "import m\nfor n in ('a', 'b'):\n    if n in m.N:\n        raise ValueError(n)";
    assert_eq!(checked(source), (None, vec![]));
}
