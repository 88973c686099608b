#!/usr/bin/env python3
"""Random programs of several modules, run before and after: whoever reports a difference has found a bug of dally.

    random_programs.py --dally BINARY --python PYTHON [--python PYTHON …] [--target proxy] [--seed 1] [--count 200] [--keep FOLDER]

A program is a handful of modules and packages that register with each other, subclass each other's bases, change and read each
other's state while they load and later, and a main program that calls and prints. It is run as it is and as
`dally build` makes it, and must end with the same output and the same exit code. A program that ends with an error by itself is not counted.
What differs is reduced by leaving out modules and statements as long as it differs, and written to the folder.

The same seed makes the same programs. What is known to differ is not generated: namespaces read as dicts, `sys.modules`, when
the garbage collector runs, import cycles that fail and somebody guards against that, and annotations that call a `__class_getitem__`.
"""
import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from random_parts import (DEFINE, DEFINITIONS, GENERAL, LATER, LATER_WITH_ANOTHER, PROCESS, REBOUND, REBOUND_LATER, USES,
                          WITH_ANOTHER)

NAMES = ["core", "events", "models", "views", "store", "util", "tasks", "forms", "shapes", "codec", "hooks", "plug"]
PACKAGES = ["app", "lib", "ext"]
WORDS = ["red", "green", "blue", "north", "south", "tea", "salt", "iron"]

SHOW = '''
import gc
gc.disable()


def show(value, depth=0):
    if depth > 4:
        return "..."
    if isinstance(value, (str, int, float, bool, type(None))):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return type(value).__name__ + str([show(one, depth + 1) for one in value])
    if isinstance(value, (set, frozenset)):
        return "set" + str(sorted(show(one, depth + 1) for one in value))
    if isinstance(value, dict):
        return str([(show(key, depth + 1), show(one, depth + 1)) for key, one in value.items()])
    if isinstance(value, type):
        return "class " + value.__module__ + "." + value.__qualname__
    if callable(value) and hasattr(value, "__name__"):
        return "function " + value.__name__
    return "a " + type(value).__name__


def step(number, act):
    try:
        print(number, show(act()))
    except Exception as error:
        print(number, "raises", type(error).__name__, str(error).split(" (")[0])
'''


class Module:
    """A module in the making: its statements, and the symbols that others may use."""

    def __init__(self, name, package):
        self.name, self.package = name, package
        self.body, self.symbols, self.entries = [], [], []

    def path(self):
        parts = self.name.split(".")
        return "/".join(parts) + ("/__init__.py" if self.package else ".py")

    def folder(self):
        return self.name if self.package else self.name.rpartition(".")[0]


class Maker:
    """Makes one program."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.count = 0
        self.modules = []

    def fresh(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    def chance(self, share):
        return self.random.random() < share

    def word(self):
        return self.random.choice(WORDS)

    def program(self):
        """The files of the program: path -> list of statements."""
        names = self.tree()
        for name, package in names:
            module = Module(name, package)
            self.fill(module)
            self.modules.append(module)
        self.cycles()
        files = {module.path(): module.body for module in self.modules}
        files["main.py"] = self.main()
        return files

    def tree(self):
        flat = self.random.sample(NAMES, self.random.randint(2, 5))
        found = [(name, False) for name in flat]
        for package in self.random.sample(PACKAGES, self.random.randint(1, 2)):
            inside = [(package, True)]
            inside += [(f"{package}.{name}", False) for name in self.random.sample(NAMES, self.random.randint(1, 4))]
            if self.chance(0.3):
                inside += [(f"{package}.sub", True), (f"{package}.sub.{self.random.choice(NAMES)}", False)]
            found += inside
        self.random.shuffle(found)
        return found

    # What a module defines. Each adds statements and symbols (name, kind).

    def define(self, module):
        kind = self.random.choice(DEFINITIONS)
        name = self.fresh(kind.rstrip("_") + "_")
        text = kind_text(kind, name, self)
        module.body.append(text)
        module.symbols.append((name, kind))

    def fill(self, module):
        imported = []
        for other in self.random.sample(self.modules, min(len(self.modules), self.random.randint(0, 3))):
            imported += self.import_of(module, other)
        for _ in range(self.random.randint(1, 4)):
            self.define(module)
        own = [(name, kind, name) for name, kind in module.symbols]
        for _ in range(self.random.randint(0, 3)):
            if imported and self.chance(0.6):
                expression, kind, _ = self.random.choice(imported)
                module.body.append(self.at_import(module, expression, kind, imported + own))
            elif own and self.chance(0.5):
                expression, kind, _ = self.random.choice(own)
                module.body.append(self.at_import(module, expression, kind, imported + own))
        for _ in range(self.random.randint(1, 4)):
            pool = imported if imported and self.chance(0.8) else own
            if not pool:
                continue
            expression, kind, _ = self.random.choice(pool)
            name = self.fresh("run_")
            module.body.append(f"def {name}():\n" + indent(self.deferred(expression, kind, imported + own)))
            module.entries.append(name)
        if self.chance(0.12):
            module.body.append(self.process_state(module))
        if self.chance(0.1):
            module.body.append(f'__all__ = {[name for name, _ in module.symbols][:2]!r}')
        if self.chance(0.08):
            module.body.append(f'print("loading {module.name}")')

    def import_of(self, module, other):
        """Adds an import of another module: [(expression, kind, symbol)] that can be used from now on."""
        symbols = other.symbols
        parent, _, last = other.name.rpartition(".")
        form = self.random.randrange(12)
        statement, prefix, found = None, None, []
        if form in (0, 1) and symbols:
            name, kind = self.random.choice(symbols)
            where = self.relative(module, other) if form == 1 else other.name
            alias = self.fresh("as_") if self.chance(0.4) else None
            statement = f"from {where} import {name}" + (f" as {alias}" if alias else "")
            found = [(alias or name, kind, name)]
            if self.chance(0.5):
                module.symbols.append((alias or name, kind))
        elif form == 2:
            alias = self.fresh("mod_")
            statement, prefix = f"import {other.name} as {alias}", alias
        elif form == 3 and parent:
            where = self.relative(module, other, parent=True) if self.chance(0.4) else parent
            statement, prefix = f"from {where} import {last}", last
        elif form == 4 and symbols and self.chance(0.5):
            statement = f"from {other.name} import *"
            found = [(name, kind, name) for name, kind in symbols] if not any("__all__" in line for line in other.body) else []
        elif form == 5 and symbols:
            names = self.random.sample(symbols, min(2, len(symbols)))
            statement = f"from {other.name} import ({', '.join(name for name, _ in names)})"
            found = [(name, kind, name) for name, kind in names]
        elif form == 6 and self.chance(0.5):
            statement, prefix = f"try:\n    import {other.name}\nexcept ImportError:\n    raise", other.name
        elif form == 7 and self.chance(0.4):
            alias = self.fresh("found_")
            statement, prefix = f'import importlib\n{alias} = importlib.import_module("{other.name}")', alias
        elif form == 8 and symbols:
            name, kind = self.random.choice(symbols)
            missing = self.fresh("missing_")
            statement = f"try:\n    from {other.name} import {missing}\nexcept ImportError as error:\n    assert not any(word in str(error) for word in ('partially', 'renaming'))\n    from {other.name} import {name} as {missing}"
            found = [(missing, kind, name)]
        elif form == 9 and symbols:
            name, kind = self.random.choice(symbols)
            statement = f"import sys\nif sys.version_info > (3,):\n    from {other.name} import {name}\nelse:\n    {name} = None"
            found = [(name, kind, name)]
        elif form == 10 and symbols and self.chance(0.5):
            name, kind = self.random.choice(symbols)
            getter = self.fresh("get_")
            statement = f"def {getter}():\n    from {other.name} import {name}\n    return {name}"
            found = [(f"{getter}()", kind, name)]
        else:
            statement, prefix = f"import {other.name}", other.name
        module.body.append(statement)
        if prefix:
            found += [(f"{prefix}.{name}", kind, name) for name, kind in symbols]
        return found

    def relative(self, module, other, parent=False):
        target = other.name.rpartition(".")[0] if parent else other.name
        folder = module.folder()
        top = folder.split(".")[0]
        if not folder or target.split(".")[0] != top:
            return target
        levels = 1
        while folder and not (target + ".").startswith(folder + "."):
            folder, levels = folder.rpartition(".")[0], levels + 1
        return "." * levels + target[len(folder):].lstrip(".") if folder else target

    def at_import(self, module, expression, kind, others=()):
        """A statement that uses a symbol while the module loads, with one of others."""
        name, word = self.fresh("made_"), self.word()
        options = USES.get(kind, []) + (WITH_ANOTHER.get(kind, []) * 2 if others else [])
        if not options:
            return f"{name} = {expression}"
        other = self.random.choice(others)[0] if others else None
        root, _, last = expression.rpartition(".")
        rebinds = root and "(" not in root and self.chance(0.12)
        text = self.random.choice(REBOUND if rebinds else options).format(
            x=expression, y=other, m=root, last=last, name=name, word=word, number=self.random.randint(1, 9))
        if "def " not in text and "class " not in text and "global" not in text:
            wrap = self.random.randrange(8)
            if wrap == 0:
                text = f"def {name}_setup():\n" + indent(text) + f"\n{name}_setup()"
            elif wrap == 1:
                text = "for _ in range(2):\n" + indent(text)
            elif wrap == 2:
                text = "if True:\n" + indent(text)
            elif wrap == 3:
                text = f"class {name}_Body:\n" + indent(text)
        if text.startswith(f"{name} = "):
            module.symbols.append((name, "value"))
        return text

    def deferred(self, expression, kind, others=()):
        """The body of a function that uses a symbol, with one of others, and returns something that can be printed."""
        general = GENERAL + (["return {x}, dir({m})[:0], hasattr({m}, {last!r})"] if "." in expression else [])
        options = LATER.get(kind, []) * 2 + general
        if others:
            options += LATER_WITH_ANOTHER.get(kind, []) * 2
        other = self.random.choice(others)[0] if others else None
        root, _, last = expression.rpartition(".")
        if root and "(" not in root:
            options += REBOUND_LATER + ["{m}.set_{last}(True)\nreturn {x}"] * (4 if kind == "flag_" and last.startswith("flag_") else 0)
        return self.random.choice(options).format(
            x=expression, y=other, m=root, last=last, word=self.word(), number=self.random.randint(1, 9))

    def process_state(self, module):
        return self.random.choice(PROCESS).format(word=self.word(), name=self.fresh("state_"), number=self.random.randint(1, 9))

    def cycles(self):
        """A few imports that lead back: at the end of a module or in a function."""
        for _ in range(self.random.randint(0, 2)):
            first, second = sorted(self.random.sample(range(len(self.modules)), 2))
            early, late = self.modules[first], self.modules[second]
            if self.chance(0.5):
                early.body.append(f"import {late.name}")
            elif late.symbols:
                name = self.fresh("run_")
                symbol, kind = self.random.choice(late.symbols)
                early.body.append(f"def {name}():\n    from {late.name} import {symbol}\n    return {symbol}")
                early.entries.append(name)

    def main(self):
        main = Module("main", False)
        used = self.random.sample(self.modules, self.random.randint(2, min(6, len(self.modules))))
        steps = []
        for other in used:
            expressions = self.import_of(main, other)
            if self.chance(0.3) and expressions:
                expression, kind, _ = self.random.choice(expressions)
                main.body.append(self.at_import(main, expression, kind, expressions))
            steps += [f"return {expression}" for expression, _, _ in expressions]
            steps += [self.deferred(expression, kind, expressions) for expression, kind, _ in expressions]
            if other.entries:
                alias = self.fresh("mod_")
                main.body.append(f"import {other.name} as {alias}")
                steps += [f"return {alias}.{entry}()" for entry in other.entries] * 2
            package = other.name.rpartition(".")[0]
            if package:
                steps.append(f"import {package}\nreturn hasattr({package}, '{other.name.rpartition('.')[2]}')")
            if self.chance(0.3):
                steps.append(self.process_state(other) + "\nreturn None")
        self.random.shuffle(steps)
        body = [SHOW] + main.body
        lines = []
        for number, text in enumerate(steps[:24]):
            body.append(f"def act_{number}():\n" + indent(text))
            lines.append(f"step({number}, act_{number})")
        guard = "if __name__ == '__main__': " if self.chance(0.5) else ""
        return body + [guard + line for line in lines]


def indent(text):
    return "\n".join("    " + line if line else line for line in text.split("\n"))


def kind_text(kind, name, maker):
    return DEFINE[kind].format(n=name, number=maker.random.randint(1, 9), word=maker.word())


def write(folder, files):
    for path, body in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n".join(body) + "\n")
    for path in list(files):
        for parent in pathlib.PurePosixPath(path).parents:
            init = folder / parent / "__init__.py"
            if str(parent) != "." and not init.exists():
                init.write_text("")


def run(python, folder):
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([python, "main.py"], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    return done.returncode, done.stdout, done.stderr.strip().rpartition(b"\n")[2]


class Trial:
    """Runs programs before and after."""

    def __init__(self, options):
        self.options = options

    def differs(self, files, misses=None):
        """None, or what differs: a text. "" if the program is of no use, as one that misses more names or modules than `misses`."""
        with tempfile.TemporaryDirectory(prefix="dally-random-") as scratch:
            source = pathlib.Path(scratch) / "src"
            source.mkdir()
            write(source, files)
            built = pathlib.Path(scratch) / "out"
            before = {python: run(python, source) for python in self.options.python}
            if any(code != 0 for code, _, _ in before.values()):
                return ""
            if misses is not None and sum(missed(out) for _, out, _ in before.values()) > misses:
                return ""
            command = [self.options.dally, "build", str(source), "--out", str(built), "--target", self.options.target, "--quiet", "--no-cache"]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
            if done.returncode != 0:
                return "dally: " + done.stdout.decode(errors="replace")
            for python, expected in before.items():
                found = run(python, built)
                if found[:2] != expected[:2]:
                    return explain(python, expected, found)
        return None

    def misses(self, files):
        """How many steps of the program end because a name or a module is missing."""
        with tempfile.TemporaryDirectory(prefix="dally-random-") as scratch:
            write(pathlib.Path(scratch), files)
            return sum(missed(run(python, scratch)[1]) for python in self.options.python)

    def reduce(self, files):
        """The smallest part of the program that still differs."""
        misses = self.misses(files)
        differs = lambda files: bool(self.differs(files, misses))
        changed = True
        while changed:
            changed = False
            for path in sorted(files):
                if path != "main.py":
                    smaller = {name: body for name, body in files.items() if name != path}
                    if differs(smaller):
                        files, changed = smaller, True
                        continue
                size = len(files[path])
                while size >= 1:
                    at = 0
                    while at < len(files[path]):
                        body = files[path][:at] + files[path][at + size:]
                        smaller = {**files, path: body}
                        if differs(smaller):
                            files, changed = smaller, True
                        else:
                            at += size
                    size //= 2
        return files


def missed(output):
    return sum(output.count(error) for error in (b"raises NameError", b"raises ImportError", b"raises ModuleNotFoundError", b"raises AttributeError"))


def explain(python, expected, found):
    lines = [f"with {pathlib.Path(python).name}: exit code {expected[0]} before, {found[0]} after"]
    before, after = expected[1].decode().splitlines(), found[1].decode().splitlines()
    lines += [f"  - {old}\n  + {new}" for old, new in zip(before, after) if old != new][:4]
    if found[0] != expected[0]:
        lines.append("  " + found[2].decode(errors="replace"))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dally", required=True)
    parser.add_argument("--python", action="append", required=True)
    parser.add_argument("--target", default="proxy")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=pathlib.Path, help="where programs that differ are written, reduced")
    options = parser.parse_args()
    options.dally = os.path.abspath(options.dally)
    trial = Trial(options)
    useful = different = 0

    def one(seed):
        files = Maker(seed).program()
        return seed, files, trial.differs(files)

    with ThreadPoolExecutor(options.jobs) as pool:
        for seed, files, difference in pool.map(one, range(options.seed, options.seed + options.count)):
            useful += difference != ""
            if not difference:
                continue
            different += 1
            print(f"seed {seed}: {difference}", flush=True)
            if options.keep:
                folder = options.keep / str(seed)
                shutil.rmtree(folder, ignore_errors=True)
                write(folder, trial.reduce(files))
    print(f"{options.count} programs, {useful} of use, {different} differ")
    return 1 if different or useful < options.count / 4 else 0


if __name__ == "__main__":
    sys.exit(main())
