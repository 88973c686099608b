"""Writes a source tree of many small checks, and the plan that says how to run them.

A check is a function with its own pending import: (context, kind of object, form of import). The
contexts are in `contexts/*.txt`, the kinds in `kinds.py`, the forms below.

In a context, `$X` is the object as the main module spells it (`name` or `module.name`), `$B` the name
that the import binds, `$N` the number of the check, `$R` the main module, `$S` the module of the object
and `$A` the object's name there, `$U` a function of the main module that returns the object, `$T` a
module that star-imports the main module. A line `name [options] => expression` is a function that returns the
expression; `== name [options]` opens a function body, and what stands above `---` in it is module level.

Options:

  3.10           from this Python on
  name, dotted   only imports that bind the object itself, or only those read through a module
  kinds=a;b      only these kinds of object
  binds=TEXT     the name that the import must bind
  any            the import may stay eager: it does not count for laziness
  module         the body is module level and sets `result_$N`: the import has to be eager
  outside        a function of another module
  in-user        what stands above `---` belongs to that other module
  solo           a main module of its own
  limit          differences are known and documented: counted, not failed; `limit3.15`: from that Python on
  type           shows the exact type of a module: a known limit for packages that wait for a submodule
  future         the main module has `from __future__ import annotations`

  python3 generate.py OUT [--python-version 3.8] [--seed N] [--count N]
"""
import argparse
import dataclasses
import json
import pathlib
import random
import re
import unicodedata

from kinds import KINDS, LIB, SHAPES

HERE = pathlib.Path(__file__).resolve().parent
CHECKS_PER_MODULE = 100

# The kinds that a topic is about come first; a short run may not get to the others.
PREFERRED = {
    "exceptions": ("exception", "exception-instance", "tuple", "none"),
    "with": ("context-manager", "function"),
    "async": ("coroutine-function", "awaitable", "async-iterable", "async-context-manager", "generator-function"),
    "classes": ("class", "metaclass-instance", "descriptor", "exception"),
    "match": ("class", "enum-member", "int", "metaclass-instance"),
    "types": ("class", "type-alias", "tuple"),
    "builtins": ("class", "tuple"),
}

STDLIB = """abc asyncio collections contextlib contextvars copy dataclasses enum functools importlib inspect io
itertools json math operator os pickle re string struct sys threading types typing warnings weakref""".split()
HELPERS = re.findall(r"(?m)^(?:async )?(?:def|class) (\w+)", LIB)


@dataclasses.dataclass(frozen=True)
class Context:
    name: str
    options: frozenset
    version: tuple
    kinds: tuple
    binds: str
    top: str  # module level
    body: str  # of the function
    source: str  # of the object's module, where the context brings its own
    topic: str  # the file it is in

    def has(self, option):
        return option in self.options

    def limit(self):
        """The Python from which on this is a known limit, or nothing."""
        return next((o[len("limit") :] or "3.0" for o in self.options if o.startswith("limit")), "")


@dataclasses.dataclass(frozen=True)
class Form:
    """One way to import. `s`: the module's name, `o`: the object's, `b`: the bound name."""

    place: str  # where the main module is: top, package, sub (a subpackage), init (a package's __init__)
    statement: str
    bound: str
    module: str  # the module that defines the object, relative to the place
    package: str = ""  # a package to make around it
    facade: bool = False  # the package re-exports the object
    bare: bool = True  # the bound name is the object itself
    extra: str = ""  # one more file, relative to the root
    free: bool = False  # the import may stay eager
    object: str = "thing"

    def takes_alias(self):
        return self.bound == "{b}"


# Imports that end at an object.
OBJECT_FORMS = {
    "from m import n": Form("top", "from {s} import {o}", "{o}", "{s}", object="thing_{n}"),
    "from m import n as x": Form("top", "from {s} import {o} as {b}", "{b}", "{s}"),
    "from p.m import n as x": Form("top", "from {p}.m import {o} as {b}", "{b}", "{p}.m", package="{p}"),
    "from p import n": Form("top", "from {p} import {o}", "{o}", "{p}.m", package="{p}", facade=True, object="thing_{n}"),
    "import m": Form("top", "import {s}", "{s}", "{s}", bare=False),
    "import m as x": Form("top", "import {s} as {b}", "{b}", "{s}", bare=False),
    "import p.m": Form("top", "import {p}.m", "{p}", "{p}.m", package="{p}", bare=False),
    "import p.m as x": Form("top", "import {p}.m as {b}", "{b}", "{p}.m", package="{p}", bare=False),
    "from p import m": Form("top", "from {p} import m_{n}", "m_{n}", "{p}.m_{n}", package="{p}", bare=False),
    "from p import m as x": Form("top", "from {p} import m as {b}", "{b}", "{p}.m", package="{p}", bare=False),
    "import p.k, p.m": Form("top", "import {p}.k, {p}.m", "{p}", "{p}.m", package="{p}", bare=False, extra="{p}/k.py"),
    "import p.m and p.k": Form("top", "import {p}.m\nimport {p}.k", "{p}", "{p}.m", package="{p}", bare=False, extra="{p}/k.py"),
    "import p.q.m": Form("top", "import {p}.q.m", "{p}", "{p}.q.m", package="{p}", bare=False, extra="{p}/q/__init__.py"),
    "from m import _, n as x": Form("top", "from {s} import __doc__ as d_{n}, {o} as {b}", "{b}", "{s}"),
    "from m import n as x, twice": Form("top", "from {s} import {o} as {b}\nfrom {s} import {o} as {b}", "{b}", "{s}", free=True),
    "if: from m import n as x": Form(
        "top", "if __name__:\n    from {s} import {o} as {b}\nelse:\n    from json import dumps as {b}", "{b}", "{s}", free=True
    ),
    "for: from m import n as x": Form("top", "for _ in (1,):\n    from {s} import {o} as {b}", "{b}", "{s}", free=True),
    "try: from m import n as x": Form(
        "top", "try:\n    from {s} import {o} as {b}\nexcept ImportError:\n    {b} = None", "{b}", "{s}", free=True
    ),
    "from .m import n": Form("package", "from .{s} import {o}", "{o}", "{s}", object="thing_{n}"),
    "from .m import n as x": Form("package", "from .{s} import {o} as {b}", "{b}", "{s}"),
    "from . import m": Form("package", "from . import {s}", "{s}", "{s}", bare=False),
    "from . import m as x": Form("package", "from . import {s} as {b}", "{b}", "{s}", bare=False),
    "from ..m import n as x": Form("sub", "from ..{s} import {o} as {b}", "{b}", "{s}"),
    "from .. import m as x": Form("sub", "from .. import {s} as {b}", "{b}", "{s}", bare=False),
    "from .m import n in __init__": Form("init", "from .{s} import {o}", "{o}", "{s}", object="thing_{n}"),
    "from . import m in __init__": Form("init", "from . import {s}", "{s}", "{s}", bare=False),
    "from .n import n in __init__": Form("init", "from .thing_{n} import {o}", "{o}", "thing_{n}", object="thing_{n}"),
}

# Imports that end at a module: the same, with the module as the object.
MODULE_FORMS = {
    name: dataclasses.replace(form, bare=True)
    for name, form in OBJECT_FORMS.items()
    if not form.bare and name not in ("import p.m", "import p.k, p.m", "import p.m and p.k", "import p.q.m")
}
# `import p.m` binds the package.
MODULE_FORMS["import p.m, p"] = Form("top", "import {p}.m", "{p}", "{p}", package="{p}")


def read_contexts(folder=HERE / "contexts"):
    for path in sorted(folder.glob("*.txt")):
        text = re.sub(r"(?m)^# .*\n", "", path.read_text(encoding="utf-8"))
        entry = r"(?m)^(?:== (?P<a>[\w-]+)(?: \[(?P<b>.*?)\])?$|(?P<c>[\w-]+)(?: \[(?P<d>.*?)\])? =>)"
        found = list(re.finditer(entry, text))
        for match, after in zip(found, found[1:] + [None]):
            rest = text[match.end() : after.start() if after else len(text)].rstrip("\n")
            expression = match["c"] is not None
            body = "return" + rest if expression else rest.lstrip("\n")
            options = {o for o in (match["b"] or match["d"] or "").split(",") if o}
            source = top = ""
            if path.stem == "specials":
                source, head, body = re.split(r"(?m)^---(.*)\n", body)
                options |= {o for o in [head.strip()] if o}
            elif "module" in options:
                top, body = body, "return result_$N"
            elif re.search(r"(?m)^---$", body):
                top, body = re.split(r"(?m)^---\n", body)
            version = [o for o in options if o[0].isdigit()]
            valued = dict(o.split("=") for o in options if "=" in o)
            yield Context(
                name=match["a"] or match["c"],
                options=frozenset(options),
                version=tuple(map(int, version[0].split("."))) if version else (3, 8),
                kinds=tuple(valued["kinds"].split(";")) if "kinds" in valued else tuple(KINDS),
                binds=valued.get("binds", ""),
                top=top,
                body=body,
                source=source,
                topic=path.stem,
            )


def forms_for(context, kind):
    """The forms that can bring this kind into this context."""
    own_module = bool(context.source) and context.has("module")
    if kind == "module" or own_module:
        forms = dict(MODULE_FORMS)
        if context.source:
            forms.pop("import p.m, p")
        if context.has("dotted"):
            forms = {}
    else:
        forms = {
            name: form
            for name, form in OBJECT_FORMS.items()
            if not (context.has("name") and not form.bare) and not (context.has("dotted") and form.bare)
        }
    if context.binds:
        forms = {name: form for name, form in forms.items() if form.takes_alias() and form.bare}
    if context.source and re.search(r"(?m)^from .* import .*NAME$", context.source):
        forms.pop("from .n import n in __init__", None)
    if context.has("solo"):  # a package of its own for each: `__init__` is tested by the others
        forms = {name: form for name, form in forms.items() if form.place != "init"}
    return forms


def choose(version, seed, count):
    """The checks of one run: each context as often as every other, before any gets a further kind."""
    rng = random.Random(seed)
    ranked = []
    for context in read_contexts():
        if context.version > version:
            continue
        options = []
        kinds = ["own"] if context.source else list(context.kinds)
        rng.shuffle(kinds)
        kinds.sort(key=lambda kind: kind not in PREFERRED.get(context.topic, ()))
        for kind in kinds:
            forms = sorted(forms_for(context, kind).items())
            rng.shuffle(forms)
            # Names first: they are the interesting half, attributes of a module are transparent.
            forms.sort(key=lambda item: not item[1].bare)
            if len(forms) > 1 and rng.random() < 0.3:
                forms.insert(0, forms.pop())
            options.append([(context, kind, name) for name, _ in forms])
        rank = 0
        while any(options):
            for forms in options:
                if forms:
                    ranked.append((rank, rng.random(), forms.pop(0)))
                    # A main module for a single check costs more than it teaches: fewer of those.
                    rank += 4 if context.has("solo") else 1
    ranked.sort(key=lambda item: item[:2])
    return [check for _, _, check in ranked[:count]]


@dataclasses.dataclass
class Module:
    """A main module in the making."""

    name: str  # dotted
    path: str
    future: bool = False
    imports: list = dataclasses.field(default_factory=list)
    parts: list = dataclasses.field(default_factory=list)
    user: list = dataclasses.field(default_factory=list)
    checks: list = dataclasses.field(default_factory=list)

    def package(self):
        return self.name if self.path.endswith("__init__.py") else self.name.rpartition(".")[0]


def needed(texts):
    """The import statements for the helpers and standard modules that these texts use."""
    text = "\n".join(texts)
    names = [n for n in HELPERS if re.search(r"(?<![\w.])%s\b" % n, text)]
    lines = []
    if names:
        lines.append("from lib import " + ", ".join(names))
    for name in STDLIB:
        if re.search(r"(?<![\w.\"'])%s\." % name, text):
            lines.append("import " + name)
    if "collections.abc" in text:
        lines.append("import collections.abc")
    if "mock.patch" in text:
        lines.append("from unittest import mock")
    return lines


def dress(statements, rng):
    """Spells import statements in the many ways that people write them."""
    lines = []
    for statement in statements:
        draw = rng.random()
        if "\n" in statement:
            lines.append(statement)
            continue
        head, _, names = statement.partition(" import ")
        if draw < 0.05 and head.startswith("from"):
            lines += ["%s import (  # several lines" % head, "    %s," % names, ")"]
        elif draw < 0.08 and head.startswith("from"):
            lines += ["%s \\" % head, "    import %s" % names]
        elif draw < 0.11:
            lines += ["if __name__:", "    " + statement]
        elif draw < 0.15 and lines and re.fullmatch(r"(from|import) [^\\#\n]*", lines[-1]):
            lines[-1] += "; " + statement
        elif draw < 0.3 and not head.startswith("from") and lines and re.fullmatch(r"import [^;#\n]*", lines[-1]):
            lines[-1] += ", " + statement[len("import ") :]
        elif draw < 0.33:
            lines.append(statement + "  # a comment: from x import y")
        else:
            lines.append(statement)
    return lines


def indent(text):
    """Indents a body, but not the inside of its multi-line strings."""
    lines, inside = [], None
    for line in text.split("\n"):
        lines.append("    " + line if line and not inside else line)
        for quote in re.findall(r'"""|\'\'\'', line):
            inside = None if inside == quote else inside or quote
    return "\n".join(lines)


class Tree:
    def __init__(self, rng):
        self.rng = rng
        self.files = {}
        self.open = {}  # (place, kind of context) -> the module that still takes checks
        self.modules = []
        self.write("shapes.py", SHAPES)
        self.write("lib.py", LIB)
        self.write("stars.py", "from lib import take as isinstance, first\n")

    def write(self, path, text):
        assert path not in self.files, path
        self.files[path] = text

    def new_module(self, place, future):
        number = len(self.modules)
        name, path = {
            "top": ("main_%d", "main_%d.py"),
            "package": ("pk_%d.main", "pk_%d/main.py"),
            "sub": ("pk_%d.sub.main", "pk_%d/sub/main.py"),
            "init": ("pk_%d", "pk_%d/__init__.py"),
        }[place]
        module = Module(name % number, path % number, future)
        if place in ("package", "sub"):
            self.write("pk_%d/__init__.py" % number, "")
        if place == "sub":
            self.write("pk_%d/sub/__init__.py" % number, "")
        self.modules.append(module)
        return module

    def module_for(self, context, form):
        if context.has("solo"):
            return self.new_module(form.place, context.has("future"))
        # What fails at import must not take the others with it.
        key = form.place, context.has("outside"), context.has("future"), bool(context.top)
        module = self.open.get(key)
        if module is None or len(module.checks) >= CHECKS_PER_MODULE:
            module = self.open[key] = self.new_module(form.place, context.has("future"))
        return module

    def add(self, number, context, kind, form_name):
        form = (MODULE_FORMS if kind == "module" or (context.source and context.has("module")) else OBJECT_FORMS)[form_name]
        module = self.module_for(context, form)
        n = "%05d" % number
        names = {"n": n, "s": "s_" + n, "p": "p_" + n, "b": "x_" + n}
        names["b"] = context.binds.replace("$N", n) or names["b"]
        is_module = kind == "module"
        names["o"] = form.object.format(**names)
        bound = form.bound.format(**names)
        source = form.module.format(**names)
        root = {"top": "", "package": module.package(), "init": module.name}.get(form.place)
        if root is None:  # one level up
            root = module.package().rpartition(".")[0]
        full = (root + "." if root else "") + source

        # The object's module.
        text = (context.source or KINDS[kind]).replace("NAME", names["o"])
        if form.package:
            package = form.package.format(**names)
            reexport = "from .m import %s\n" % names["o"] if form.facade else ""
            if full == package:  # the package is the object
                self.write(package + "/m.py", "attr = 2\n")
                self.write(package + "/__init__.py", text)
            else:
                self.write(package + "/__init__.py", reexport)
            if form.extra:
                self.write(form.extra.format(**names), '"""Another module of the package."""\n')
        if full.replace(".", "/") + "/__init__.py" not in self.files:
            self.write(full.replace(".", "/") + ".py", text)

        # The function.
        reads_module = is_module or (context.source and context.has("module"))
        spelled = bound
        if not form.bare and not reads_module:
            below = source[len(bound) :] if source.startswith(bound + ".") else ""  # what follows `p` in `import p.m`
            spelled = bound + below + "." + names["o"]
        marks = {
            "X": spelled, "B": bound, "N": n, "R": module.name, "S": full, "A": "" if is_module else names["o"],
            "U": "use_" + n, "T": "stars_" + n,
        }

        def fill(template):
            return re.sub(r"\$([A-Z])\b|\$([A-Z])(?=_)", lambda m: marks[m[1] or m[2]], template)

        body, top = (re.sub(r"\$\$", "$", fill(t)) for t in (context.body, context.top))
        function = "def check_%s():\n%s\n" % (n, indent(body))
        if top and context.has("in-user"):
            module.user.append(top + "\n")
        elif top:
            module.parts.append((None, top + "\n"))
        statement = form.statement.format(**names)
        if "$U" in context.body or context.has("outside"):
            module.parts.append((None, "def use_%s():\n    return %s\n" % (n, spelled)))
        if context.has("outside"):
            module.user.append(function)
            if "$T" in context.body:
                self.write("stars_%s.py" % n, "from %s import *\n" % module.name)
        else:
            module.parts.append((len(module.checks), function))
        if self.rng.random() < 0.1 and not context.has("future") and not top:
            # Imports may also stand between the functions.
            module.parts.insert(len(module.parts) - 1, (None, statement + "\n"))
        else:
            module.imports.append(statement)
        expect = "lazy"
        if context.has("any") or form.free:
            expect = "any"
        elif context.has("module") and not context.source:
            expect = "eager"
        module.checks.append({
            "label": "%s | %s | %s" % (context.name, kind, form_name),
            "function": "check_" + n,
            "bound": unicodedata.normalize("NFKC", bound),
            "real": [full, "" if reads_module or not form.bare else names["o"]],
            "object": [full, "" if reads_module else names["o"]],
            "expect": expect,
            "import": statement,
            "limit": "3.0" if context.has("type") and form_name == "import p.m, p" else context.limit(),
        })

    def finish(self):
        plan = []
        for module in self.modules:
            texts = [text for _, text in module.parts]
            head = ['"""A main module of the differential test."""']
            if module.future:
                head.append("from __future__ import annotations")
            head += dress(needed(texts), self.rng) + dress(module.imports, self.rng)
            mark = "\ufeff" if self.rng.random() < 0.1 else ""  # a byte order mark
            text = mark + "\n".join(head) + "\n\n\n" + "\n\n".join(texts)
            self.write(module.path, text.replace("\n", "\r\n") if self.rng.random() < 0.1 else text)
            user = ""
            if module.user:
                user = "user_of_" + module.name.replace(".", "_")
                self.write(user + ".py", "\n".join(needed(module.user)) + "\n\n\n" + "\n\n".join(module.user))
            file = user + ".py" if user else module.path
            starts = {
                name: number
                for number, line in enumerate(self.files[file].split("\n"), 1)
                for name in re.findall(r"^def (check_\w+)", line)
            }
            for check in module.checks:
                check["file"] = file
                check["line"] = starts[check["function"]]
            plan.append({"module": module.name, "file": module.path, "user": user, "checks": module.checks})
        return plan

    def save(self, folder):
        folder = pathlib.Path(folder)
        for path, text in self.files.items():
            path = folder / path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())


def generate(folder, version=(3, 8), seed=1, count=10**9):
    """Writes the tree into `folder` and returns the plan."""
    tree = Tree(random.Random(seed))
    for number, (context, kind, form) in enumerate(choose(version, seed, count)):
        tree.add(number, context, kind, form)
    plan = tree.finish()
    tree.save(folder)
    return plan


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--python-version", default="3.8")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=4000)
    options = parser.parse_args()
    version = tuple(map(int, options.python_version.split(".")))[:2]
    plan = generate(options.out, version, options.seed, options.count)
    print(json.dumps(plan, indent=1))


if __name__ == "__main__":
    main()
