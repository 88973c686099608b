"""What the runtime file costs, on the interpreter that runs this: `python benches/runtime.py`.

`python benches/runtime.py --table PYTHON...` runs it under each of these interpreters in turns, five times, and prints one
table with the medians of the ratios.

Every figure comes from many short runs, taken in turns so that a busy machine hurts all alike: the 20th percentile,
because what others do on the machine only ever adds. Ratios are taken within one run; the last column is the bound
that the project sets itself. On 3.15 and later the
interpreter's own `lazy import` stands beside ours.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
import types

RUNTIME = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "src", "runtime")
sys.path.insert(0, RUNTIME)

import _dally  # noqa: E402

import json  # noqa: E402,F401
import json.decoder  # noqa: E402,F401

ROUNDS = 60
COUNT = 400


def module(name, source, path=None):
    """Execute source as the body of a module."""
    body = types.ModuleType(name)
    body.__spec__ = types.SimpleNamespace(_initializing=False, name=name)
    sys.modules[name] = body
    exec(compile(textwrap.dedent(source), name, "exec"), body.__dict__)
    return body


def clock(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def in_turns(actions, rounds=ROUNDS):
    """Seconds of each action; an action may give its own measure back."""
    times = [[] for _ in actions]
    for _ in range(rounds):
        for action, results in zip(actions, times):
            begin = time.perf_counter()
            own = action()
            results.append(time.perf_counter() - begin if own is None else own)
    return [sorted(results)[rounds // 5] for results in times]


NAMES = ["name_%d" % i for i in range(COUNT)]
EMPTY = compile("pass\n" * COUNT, "empty", "exec")


def bodies(template, before=""):
    lines = [before] if before else []
    lines += [template.format(name) for name in NAMES]
    return compile("\n".join(lines), "body", "exec")


def create(code):
    """Run a module body; give the seconds per name."""

    def action():
        body = types.ModuleType("bench_body")
        sys.modules["bench_body"] = body
        return clock(lambda: exec(code, body.__dict__)) / COUNT

    return action


HEADER = '_dally = __import__("_dally").pending({})'
MARKED = '_dally, _dally_real = __import__("_dally").marked({})'
LINE = '{0} = _dally("import json as {0}")'
MARKED_LINE = '{0} = __dally_{0}__ = _dally("import json as {0}")'
SMALL = 10


def small_modules(header, line):
    """Bodies of modules with ten imports each; give the seconds per name."""
    names = NAMES[:SMALL]
    code = compile("\n".join([header.format(tuple(names))] + [line.format(name) for name in names]), "body", "exec")

    def action():
        total = 0.0
        for i in range(COUNT // SMALL):
            body = types.ModuleType("bench_body")
            sys.modules["bench_body"] = body
            total += clock(lambda: exec(code, body.__dict__))
        return total / COUNT

    return action


def headers(header):
    """Headers of modules with ten names each; give the seconds per module."""
    code = compile(header.format(tuple(NAMES[:SMALL])), "body", "exec")

    def action():
        total = 0.0
        for i in range(COUNT // SMALL):
            body = types.ModuleType("bench_body")
            sys.modules["bench_body"] = body
            total += clock(lambda: exec(code, body.__dict__))
        return total / (COUNT // SMALL)

    return action


def resolve(header, line, use="{}.__name__"):
    """First uses in modules of ten pending names each; give the seconds per use."""
    names = NAMES[:SMALL]
    code = compile("\n".join([header.format(tuple(names))] + [line.format(name) for name in names]), "body", "exec")
    uses = compile("def use():\n" + "\n".join("    " + use.format(name) for name in names), "body", "exec")

    def action():
        total = 0.0
        for i in range(COUNT // SMALL):
            scope = module("bench_body", "").__dict__  # reading it later would resolve all names
            exec(code, scope)
            exec(uses, scope)
            use = scope["use"]
            total += clock(use) - clock(use)
        return total / COUNT

    return action


def reads(scope, expression, repeat=50):
    exec(
        "def run(r):\n    for i in r:\n        %s\ndef empty(r):\n    for i in r:\n        %s"
        % ("; ".join([expression] * repeat), "; ".join(["pass"] * repeat)),
        scope,
    )
    run, empty, numbers = scope["run"], scope["empty"], range(400)
    run(numbers)
    return lambda: (clock(lambda: run(numbers)) - clock(lambda: empty(numbers))) / (400 * repeat)


def show(label, seconds, base=None, bound=None):
    ratio = "" if base is None else "%5.2f x" % (seconds / base)
    limit = "" if bound is None else "(at most %s)" % bound
    print("  %-58s %8.1f ns  %s %s" % (label, seconds * 1e9, ratio, limit))


def main():
    print("Python %s" % sys.version.split()[0])
    native = hasattr(__builtins__, "__lazy_import__")

    print("create a pending name")
    eager = create(bodies("import json as {}"))
    actions = [
        eager,
        create(bodies("from json import dumps as {}")),
        create(bodies(LINE, HEADER.format(tuple(NAMES)))),
        small_modules("", "import json as {}"),
        small_modules(HEADER, LINE),
        small_modules(MARKED, MARKED_LINE),
        small_modules("from _dally import lazy", '{0} = lazy("import json as {0}")'),
        headers("pass"),
        headers(HEADER),
        headers(MARKED),
    ]
    native_from = len(actions)
    if native:
        actions += [create(bodies("lazy import json as {}")), create(bodies("lazy from json import dumps as {}"))]
        actions += [create(bodies("lazy import csv as {}")), create(bodies("lazy from csv import reader as {}"))]
    create(bodies(LINE, HEADER.format(tuple(NAMES))))()  # names seen before
    found = in_turns(actions)
    show("import json as x (loaded already)", found[0])
    show("from json import dumps as x", found[1], found[0])
    show("x = _dally(...), one large module", found[2], found[0], 4)
    show("import json as x, modules of ten", found[3])
    show("x = _dally(...), modules of ten, with their header", found[4], found[3], 4)
    show("x = __dally_x__ = _dally(...), modules of ten, with their header", found[5], found[3], 4)
    show("x = lazy(...), modules of ten, with their header", found[6], found[3])
    show("header of a module, alone", found[8] - found[7], found[3])
    show("header of a module with wrapped reads, alone", found[9] - found[7], found[3])
    for label, seconds in zip(
        ("lazy import, loaded", "lazy from, loaded", "lazy import, not loaded", "lazy from, not loaded"), found[native_from:]
    ):
        show("native: " + label, seconds, found[0])

    if not native:
        fresh = iter(range(10**9))

        def new_names():
            names = ["fresh_%d_%d" % (next(fresh), i) for i in range(COUNT)]
            body = types.ModuleType("bench_body")
            sys.modules["bench_body"] = body
            code = compile(HEADER.format(tuple(names)), "body", "exec")
            return clock(lambda: exec(code, body.__dict__)) / COUNT

        show("once per name that no module had before", in_turns([new_names], 10)[0], found[0])

    print("resolve (first use of a module that is loaded already)")
    actions = [
        small_modules("", "import json as {}"),
        small_modules("", "from json import dumps as {}"),
        resolve(HEADER, LINE),
        resolve(HEADER, '{0} = _dally("from json import JSONDecoder as {0}")'),
        resolve(MARKED, MARKED_LINE, "({0} if {0} is not __dally_{0}__ else _dally_real({0})).__name__"),
    ]
    if native:
        actions.append(resolve("import sys #{}", "lazy import csv as {}".replace("csv", "json.decoder")))
    found = in_turns(actions)
    show("import json as x", found[0])
    show("first use of x", found[2], found[0], 10)
    show("from json import name", found[1])
    show("first use of name", found[3], found[1], 10)
    show("first use of x, a wrapped read", found[4], found[0], 10)
    if native:
        show("native: first use of x", found[5], found[0])

    print("read")
    scope = module("bench_body", "").__dict__
    exec(
        textwrap.dedent(
            """
            import json as eager_x
            from json import dumps as eager_y
            from _dally import real
            _dally, _dally_real = __import__("_dally").marked(("x", "y", "other"))
            x = _dally("import json as x")
            y = __dally_y__ = _dally("from json import dumps as y")
            other = _dally("import json.decoder as other")
            def use(): return x.dumps, y(1), (y if y is not __dally_y__ else _dally_real(y))
            use()
            """
        ),
        scope,
    )
    outside = {"bench_body": sys.modules["bench_body"], "plain": types.ModuleType("plain")}
    outside["plain"].eager_x = 1
    assert native or type(sys.modules["bench_body"]) is not types.ModuleType
    found = in_turns(
        [
            reads(scope, "eager_y"),
            reads(scope, "y"),
            reads(scope, "real(y)"),
            reads(scope, "y if y is not __dally_y__ else _dally_real(y)"),
            reads(scope, "eager_x.dumps"),
            reads(scope, "x.dumps"),
            reads(outside, "plain.eager_x"),
            reads(outside, "bench_body.eager_x"),
            reads(outside, "bench_body.x"),
        ]
    )
    show("global of an eager import", found[0])
    show("global, resolved", found[1], found[0])
    show("wrapped by `build`: x if x is not __dally_x__ else real(x)", found[3], found[0], 4)
    show("wrapped by `apply`: real(x)", found[2], found[0])
    show("attribute of a global of an eager import", found[4])
    show("attribute of a global, resolved", found[5], found[4])
    show("attribute of another module", found[6])
    show("the same while other names are pending there", found[7], found[6])
    show("the same for a name that was pending there", found[8], found[6])

    if hasattr(os, "posix_spawn"):
        print("load the runtime file (processor time of the process)")
        loading()


def loading(rounds=120):
    with tempfile.TemporaryDirectory() as folder:
        environ = dict(os.environ, PYTHONPYCACHEPREFIX=folder, PYTHONPATH=RUNTIME)
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        codes = ["pass", "import _dally"]
        times = [[], []]

        def run(code):
            child = os.posix_spawn(sys.executable, [sys.executable, "-c", code], environ)
            usage = os.wait4(child, 0)[2]
            return usage.ru_utime + usage.ru_stime

        for code in codes:
            run(code)
        for _ in range(rounds):
            for code, results in zip(codes, times):
                results.append(run(code))
        base, ours = (sorted(results)[rounds // 5] for results in times)
    print("  python -c pass %.2f ms, with import _dally %.2f ms: +%.1f %% (at most 5 %%)" % (base * 1e3, ours * 1e3, (ours / base - 1) * 100))


def table(pythons, rounds=5):
    """One table over several interpreters, of medians; a ratio above its bound is marked with an exclamation mark."""
    found = {}
    versions = []
    for _ in range(rounds):
        for python in pythons:
            lines = subprocess.run([python, __file__], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
            version = lines[0].split()[1].rpartition(".")[0]
            if version not in versions:
                versions.append(version)
            for line in lines:
                match = re.match(r"  (.{58}) +[0-9.]+ ns  +([0-9.]+) x(?: \(at most (\d+)\))?", line)
                if match:
                    found.setdefault((match[1].strip(), match[3]), {}).setdefault(version, []).append(float(match[2]))
                match = re.search(r"import _dally [0-9.]+ ms: ([+-][0-9.]+) % \(at most 5 %\)", line)
                if match:
                    found.setdefault(("loading the runtime, % of `python -c pass`", "5"), {}).setdefault(version, []).append(float(match[1]))
    print("| ratio to the eager statement or read | at most | " + " | ".join(versions) + " |")
    print("|---" * (len(versions) + 2) + "|")
    for (label, bound), values in found.items():
        cells = []
        for version in versions:
            if version in values:
                value = statistics.median(values[version])
                cells.append("%.1f%s" % (value, " !" if bound and value > float(bound) else ""))
            else:
                cells.append("")
        print("| %s | %s | %s |" % (label, bound or "", " | ".join(cells)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--table"]:
        table(sys.argv[2:])
    else:
        main()
