#!/usr/bin/env python3
"""Writes the table of the standard library that dally carries, from the interpreters themselves.

    tools/stdlib_table.py PYTHON3.8 PYTHON3.9 … PYTHON3.15 > src/program/data/stdlib.txt

One line for each module: name, versions that have it, `!` if the interpreter loads it at start-up in all
of them, then its attributes. Versions are bits of a hexadecimal number, 1 for 3.8, 2 for 3.9, and so on;
an attribute without a number exists in all versions that have the module. A module that cannot be imported
here (another platform's) has no attributes and a `?`: nothing is known about its names.
"""
import collections
import json
import subprocess
import sys

PROBE = r"""
import sys
loaded = sorted(sys.modules)
import importlib, json, os, pkgutil, sysconfig
lib = sysconfig.get_path("stdlib")
names = set(getattr(sys, "stdlib_module_names", ())) | set(sys.builtin_module_names)
skip = {"antigravity", "this", "idlelib", "test", "turtledemo", "lib2to3", "ensurepip", "__phello__", "site-packages"}
def walk(path, prefix):
    for info in pkgutil.iter_modules(path):
        name = prefix + info.name
        if name.split(".")[0] in skip or ".tests" in name or name.endswith(("__main__", ".test")):
            names.add(name.split(".")[0])
            continue
        names.add(name)
        if info.ispkg:
            walk([os.path.join(p, info.name) for p in path], name + ".")
walk([lib, os.path.join(lib, "lib-dynload")], "")
print(json.dumps([loaded, sorted(n for n in names if n.isidentifier() or "." in n)]))
"""

ATTRIBUTES = r"""
import contextlib, importlib, io, json, sys, warnings
warnings.simplefilter("ignore")
out = {}
for name in json.loads(sys.argv[1]):
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            module = importlib.import_module(name)
        found = {n for n in dir(module) if not n.startswith("__")}
        found.update(n for n in getattr(module, "__all__", ()) if hasattr(module, n))
        if hasattr(module, "__getattr__"):
            found.update(n for n in json.loads(sys.argv[2]) if hasattr(module, n))
        out[name] = sorted(found)
    except BaseException as e:
        out[name] = None
out[""] = sorted(n for n in sys.modules if n.split(".")[0] == name.split(".")[0])
sys.__stdout__.write(json.dumps(out))
"""

UNIMPORTABLE = {"antigravity", "this", "idlelib", "test", "turtledemo", "lib2to3", "ensurepip"}


def ask(python, code, *args):
    return json.loads(subprocess.run([python, "-I", "-c", code, *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                     stdin=subprocess.DEVNULL, check=True, timeout=600).stdout)


def main(pythons):
    modules = collections.defaultdict(dict)
    loaded = []
    everything = collections.defaultdict(set)  # the attributes of a module in all versions so far
    for python in pythons:
        bit = 1 << (ask(python, "import sys, json; print(json.dumps(sys.version_info[1]))") - 8)
        at_start, names = ask(python, PROBE)
        loaded.append(set(at_start))
        tops = sorted({n.split(".")[0] for n in names})
        for top in tops:
            group = [n for n in names if n.split(".")[0] == top]
            if top in UNIMPORTABLE:
                got = dict.fromkeys(group)
            else:
                # One module a process, so that no attribute is there only because another module was loaded.
                got = {}
                while group:
                    name = group.pop()
                    try:
                        answer = ask(python, ATTRIBUTES, json.dumps([name]), json.dumps(sorted(everything[name])))
                        # Modules without a file: `collections.abc`, `os.path`.
                        others = [n for n in answer.pop("") if n not in got and n not in group and n != name]
                        group += others
                        got.update(answer)
                    except (subprocess.SubprocessError, ValueError):
                        got[name] = None
                    everything[name].update(got[name] or ())
            for name, attributes in got.items():
                modules[name][bit] = attributes
        print(python, len(names), file=sys.stderr)
    always = set.intersection(*loaded)
    for name in sorted(modules):
        versions = modules[name]
        mask = sum(versions)
        flags = ("!" if name in always else "") + ("?" if any(a is None for a in versions.values()) else "")
        masks = collections.defaultdict(int)
        for bit, attributes in versions.items():
            for attribute in attributes or ():
                masks[attribute] |= bit
        words = [a if m == mask else f"{a}:{m:x}" for a, m in sorted(masks.items())]
        print(" ".join([name, f"{mask:x}{flags}", *words]))


if __name__ == "__main__":
    main(sys.argv[1:])
