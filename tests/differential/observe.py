"""Runs the checks of one tree and writes what a program can see of each.

  python observe.py TREE PLAN RESULTS [SKIP]

Runs under every Python from 3.8 on and stands outside the tree, so it is never rewritten itself. RESULTS
gets lines of JSON `[label, what, text]`. SKIP lists labels that are done already: a run that died
is taken up again after the check that killed it. Values are described by their exact types and by
identity with the object in its source module (`@`), never by anything that a stand-in could forward.
"""
import importlib
import io
import json
import os
import re
import sys
import types
import warnings

PLAIN = (int, float, complex, bool, type(None), type(Ellipsis), type(NotImplemented), bytes, bytearray, range, slice)
SCALAR = (bool, type(None), type(Ellipsis), type(NotImplemented))
MISSING = object()

# Reads a module's namespace without asking the module's class, which may be a subclass.
namespace_of = types.ModuleType.__dict__["__dict__"].__get__


class Viewer:
    def __init__(self, tree):
        self.tree = tree
        self.real = MISSING

    def scrub(self, text):
        text = re.sub(re.escape(self.tree), "<tree>", text, flags=re.IGNORECASE)
        text = re.sub(r"0[xX][0-9a-fA-F]{5,}", "0x", text)
        return re.sub(r"id='\d+'", "id", text)

    def name(self, kind):
        return "%s.%s" % (type.__getattribute__(kind, "__module__"), type.__getattribute__(kind, "__qualname__"))

    def show(self, value, depth=0):
        kind = type(value)
        mark = "@" if value is self.real and kind not in SCALAR else ""
        if depth > 6:
            return mark + "..."
        try:
            return mark + self.body(value, kind, depth + 1)
        except RecursionError:
            return mark + "<too deep>"

    def body(self, value, kind, depth):
        def show(inner):
            return self.show(inner, depth)

        if kind in PLAIN:
            return repr(value)
        if kind is str:
            return repr(self.scrub(value))
        if kind is tuple:
            return "(%s,)" % ", ".join(map(show, value))
        if kind is list:
            return "[%s]" % ", ".join(map(show, value))
        if kind is dict:
            return "{%s}" % ", ".join("%s: %s" % (show(k), show(v)) for k, v in value.items())
        if kind in (set, frozenset):
            return "%s{%s}" % (kind.__name__, ", ".join(sorted(map(show, value))))
        if issubclass(kind, type):
            extra = "" if kind is type else " of " + self.name(kind)
            return "<class %s%s>" % (self.name(value), extra)
        if issubclass(kind, BaseException):
            return self.error(value, depth)
        if kind is types.ModuleType or (issubclass(kind, types.ModuleType) and kind.__name__ == "module"):
            # The class of a module with pending names is a known limit; one context looks at it.
            return "<module %s>" % namespace_of(value)["__name__"]
        if kind in (types.FunctionType, types.BuiltinFunctionType):
            return "<%s %s.%s>" % (kind.__name__, value.__module__, value.__qualname__)
        if kind is types.MethodType:
            return "<method %s of %s>" % (show(value.__func__), show(value.__self__))
        if kind in (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType):
            if kind is types.CoroutineType:
                value.close()
            return "<%s %s>" % (kind.__name__, value.__qualname__)
        if self.is_ours(kind) or kind is types.SimpleNamespace:
            try:
                inside = object.__getattribute__(value, "__dict__")
            except AttributeError:
                inside = {}
            inside = {k: v for k, v in inside.items() if k[:1] != "_" or k == "_value_"}
            if issubclass(kind, (int, str, tuple)):
                inside = dict(inside, value=[c.__repr__(value) for c in (int, str, tuple) if issubclass(kind, c)])
            return "<%s %s>" % (self.name(kind), show(inside))
        if kind.__module__ == "unittest.mock":
            return "<mock %s>" % kind.__name__
        return "<%s %s>" % (self.name(kind), self.scrub(repr(value)))

    def is_ours(self, kind):
        module = sys.modules.get(kind.__module__)
        return str(getattr(module, "__file__", "")).startswith(self.tree)

    def error(self, error, depth=1):
        kind = type(error)
        parts = [self.show(a, depth + 1) for a in error.args]
        for name in ("name", "obj", "value", "exceptions", "__notes__"):
            if name == "exceptions" or issubclass(kind, (AttributeError, NameError, ImportError)) or name == "__notes__":
                value = getattr(error, name, None)
                if value is not None:
                    parts.append("%s=%s" % (name, self.show(value, depth + 2)))
        text = "%s(%s)" % (self.name(kind), ", ".join(parts))
        inside = {k: v for k, v in vars(error).items() if k != "__notes__"}
        if inside:
            text += " with %s" % self.show(inside, depth + 1)
        if depth < 4:
            if error.__cause__ is not None:
                text += " from %s" % self.show(error.__cause__, depth + 1)
            if error.__context__ is not None:
                text += " while %s" % self.show(error.__context__, depth + 1)
            if error.__suppress_context__:
                text += " (suppressed)"
        return text

    def trace(self, error):
        """The frames of the error below this file, outermost first."""
        found, trace = [], error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if code.co_filename != __file__:
                found.append("%s:%d %s" % (os.path.basename(code.co_filename), trace.tb_lineno, code.co_name))
            trace = trace.tb_next
        # Deep recursion ends at a depth that nobody promises.
        return " > ".join(found if len(found) < 50 else found[:3] + ["..."])


def find(path):
    """The object at (module, attribute), if that module is loaded."""
    module = sys.modules.get(path[0], MISSING)
    if module is MISSING or not path[1]:
        return module
    return namespace_of(module).get(path[1], MISSING)


class Run:
    def __init__(self, tree, results, done):
        self.viewer = Viewer(tree)
        self.results = results
        self.done = done

    def write(self, label, what, text):
        self.results.write(json.dumps([label, what, text]) + "\n")

    def module(self, entry):
        checks = [c for c in entry["checks"] if c["label"] not in self.done]
        if not checks:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.results.write(json.dumps(["import " + entry["module"], "begin", ""]) + "\n")
            self.results.flush()
            try:
                module = importlib.import_module(entry["module"])
                # Taken as a dict: the one thing that may differ, and here the proof of laziness.
                before = dict(namespace_of(module))
                loaded = {c["real"][0] for c in checks if c["real"][0] in sys.modules}
                user = importlib.import_module(entry["user"]) if entry["user"] else module
            except BaseException as error:
                text = self.viewer.error(error) + " at " + self.viewer.trace(error)
                for check in checks:
                    self.write(check["label"], "import", text)
                    self.write(check["label"], "end", "")
                return
        for check in checks:
            self.check(check, module, user, before, loaded)

    def check(self, check, module, user, before, loaded):
        label = check["label"]
        self.write(label, "begin", "")
        self.results.flush()
        for turn in ("first", "again"):
            self.evaluate(label, turn, check, user)
        try:
            value = getattr(module, check["bound"])  # this may load it: before `real` is looked up
            self.viewer.real = find(check["object"])
            text = self.viewer.show(value)
        except BaseException as error:
            text = self.viewer.error(error)
        self.write(label, "after", text)
        try:
            real = importlib.import_module(check["real"][0])
            real = namespace_of(real)[check["real"][1]] if check["real"][1] else real
        except Exception:
            real = MISSING
        raw = before.get(check["bound"], MISSING)
        lazy = raw is not MISSING and raw is not real and check["real"][0] not in loaded
        self.write(label, "lazy", str(int(lazy)))
        self.write(label, "end", "")

    def evaluate(self, label, turn, check, user):
        out, sys.stdout = sys.stdout, io.StringIO()
        trace = ""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                value = getattr(user, check["function"])()
                self.viewer.real = find(check["object"])
                text = "returned " + self.viewer.show(value)
                value = None
            except BaseException as error:
                self.viewer.real = find(check["object"])
                text = "raised " + self.viewer.error(error)
                trace = self.viewer.trace(error)
            finally:
                printed, sys.stdout = sys.stdout.getvalue(), out
        self.write(label, turn, self.viewer.scrub(text)[:4000])
        if trace:
            self.write(label, turn + " trace", trace)
        if printed:
            self.write(label, turn + " printed", self.viewer.scrub(printed))
        for warning in caught:
            where = "%s:%d" % (os.path.basename(warning.filename), warning.lineno)
            text = "%s %s %s" % (where, warning.category.__name__, self.viewer.scrub(str(warning.message)))
            self.write(label, turn + " warning", text)


def main(tree, plan, results, skip=None):
    with open(plan, encoding="utf-8") as file:
        entries = json.load(file)
    done = set()
    if skip:
        with open(skip, encoding="utf-8") as file:
            done = set(json.load(file))
    sys.path.insert(0, tree)
    with open(results, "a", encoding="utf-8") as file:
        run = Run(tree, file, done)
        for entry in entries:
            run.module(entry)


if __name__ == "__main__":
    main(*sys.argv[1:])
