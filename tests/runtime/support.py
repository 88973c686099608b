"""Run small programs twice, with eager imports and with pending ones, and compare.

A program is a dictionary from module names to sources; `main` is run as `__main__` would be, in a
fresh process state as far as modules go. A line that ends in `# lazy` holds one import statement
of one name; the pending run rewrites it as `dally build` does. Code that lets such a name escape says
`real(name)`, which is the identity in the eager run.
"""

import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
import textwrap
import traceback
import unittest

RUNTIME = os.path.join(os.path.dirname(__file__), "..", "..", "src", "runtime")
if RUNTIME not in sys.path:
    sys.path.insert(0, os.path.abspath(RUNTIME))

import _dally  # noqa: E402

NATIVE = _dally._NATIVE
#: For cases where the interpreter's own lazy imports (3.15) are not exact; the reason stands at the test.
native_differs = unittest.skipIf(NATIVE, "the interpreter's own lazy imports differ here")
LAZY_LINE = re.compile(r"^(\s*)((?:import|from)\s.*?)\s*# lazy(?: (.*))?$")


def rewrite(source, form="build", helper="_dally"):
    """Do to the marked lines what dally does; the text after `# lazy` replaces the statement's.

    With the form "marked", names that are bound by one such line at the left margin are read as `build` writes it:
    `real(x)` becomes `(x if x is not __dally_x__ else __dally_real__(x))`.
    """
    source = textwrap.dedent(source)
    lines, names, marked = source.split("\n"), [], []
    for number, line in enumerate(lines):
        match = LAZY_LINE.match(line)
        if match:
            indent, statement, other = match.groups()
            name = _dally._bound_name(statement)
            names.append(name)
            marks = ""
            if form == "marked" and not indent and name.isidentifier() and not re.search(r"(?m)\b%s\b.*=|\bdel %s$" % (name, name), source):
                marked.append(name)
                marks = "__dally_{}__ = ".format(name)
            call = "lazy" if form == "apply" else "_dally"
            lines[number] = '{}{} = {}{}("{}")'.format(indent, name, marks, call, other or statement)
    for name in marked:
        if names.count(name) > 1:
            lines = [line.replace("= __dally_%s__ = " % name, "= ") for line in lines]
        else:
            read = "({0} if {0} is not __dally_{0}__ else __dally_real__({0}))".format(name)
            lines = [line if "_dally(" in line else re.sub(r"\breal\(%s\)" % name, read, line) for line in lines]
    if form == "apply":
        head = "from {} import lazy, real; ".format(helper)
    elif names and form == "marked":
        head = 'from {0} import real; _dally, __dally_real__ = __import__("{0}").marked({1}); '.format(helper, tuple(names))
    elif names:
        head = 'from {} import pending as _dally, real; _dally = _dally({}); '.format(helper, tuple(names))
    else:
        head = "from {} import real; ".format(helper)
    number = 0
    if lines[0].startswith("from __future__"):
        number = 1
    lines[number] = head + lines[number] if not lines[number].startswith((" ", "@", "def", "class", "if", "for", "try", "with")) else head + "\n" + lines[number]
    return "\n".join(lines)


def eager(source):
    source = re.sub(r"\s*# lazy.*", "", textwrap.dedent(source))
    if source.startswith("from __future__"):
        first, _, rest = source.partition("\n")
        return first + "\nreal = lambda value: value\n" + rest
    return "real = lambda value: value\n" + source


class Outcome:
    def __init__(self):
        self.output = ""
        self.error = None
        self.trace = ""
        self.loaded = []


def run(files, transform):
    """Write the files, run `main`, and tidy up."""
    outcome = Outcome()
    folder = tempfile.mkdtemp()
    before, path = dict(sys.modules), list(sys.path)
    try:
        for name, source in files.items():
            package = any(other.startswith(name + ".") for other in files)
            file = os.path.join(folder, *name.split(".")) + ("/__init__.py" if package else ".py")
            os.makedirs(os.path.dirname(file), exist_ok=True)
            with open(file, "w", encoding="utf-8") as stream:
                stream.write(transform(source))
        sys.path.insert(0, folder)
        sys.modules.pop("main", None)
        stream = io.StringIO()
        with contextlib.redirect_stdout(stream):
            try:
                __import__("main")
            except BaseException as error:
                outcome.error = error
                outcome.trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        outcome.output = stream.getvalue().replace(folder, "FOLDER")
        outcome.loaded = [name for name in sys.modules if name not in before]
    finally:
        sys.path[:] = path
        for name in list(sys.modules):
            if name in files and name not in before:
                del sys.modules[name]
        sys.path_importer_cache.pop(folder, None)
        shutil.rmtree(folder)
    return outcome


class Programs(unittest.TestCase):
    """Test case with programs."""

    maxDiff = None
    forms = ("build", "marked", "apply")

    def same(self, files, prints=None, waits=(), error=None):
        """The program does the same, and with pending imports these modules are never loaded."""
        expected = run(files, eager)
        if error is None:
            self.assertIsNone(expected.error, expected.trace)
        else:
            self.assertEqual(type(expected.error), error, expected.trace)
        for name in waits:
            self.assertIn(name, expected.loaded, "the eager program should load it")
        if prints is not None:
            self.assertEqual(expected.output, textwrap.dedent(prints).lstrip("\n"))
        for form in self.forms:
            with self.subTest(form=form):
                actual = run(files, lambda source: rewrite(source, form))
                self.assertEqual(repr(actual.error), repr(expected.error), actual.trace)
                self.assertEqual(actual.output, expected.output)
                for name in waits:
                    self.assertNotIn(name, actual.loaded)
        return expected

    def lazily(self, files, form="build"):
        """Run with pending imports only."""
        outcome = run(files, lambda source: rewrite(source, form))
        if outcome.error is not None:
            raise AssertionError(outcome.trace) from outcome.error
        return outcome
