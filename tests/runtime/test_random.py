"""Random sequences of operations on a package with pending names, compared with the eager program.

Every operation prints what it gave or raised. The seeds are fixed; a failure prints its program. More of them: DALLY_TEST_PROGRAMS=3000.
"""

import os
import random
import unittest

from support import NATIVE, Programs, rewrite, run, eager

FILES = {
    "pkg": """
    import pkg.core as core  # lazy
    from .squeeze import squeeze  # lazy
    from . import other  # lazy
    from .core import value, table  # lazy
    import lib.sub  # lazy
    from lib import name as renamed  # lazy
    def use_core(): return core.value
    def use_squeeze(): return squeeze(2)
    def use_other(): return other.value
    def use_value(): return real(value)
    def use_table(): return table["k"]
    def use_lib(): return lib.name, lib.sub.value
    def use_renamed(): return real(renamed)
    def rebind(x):
        global value
        value = x
    def unbind():
        global renamed
        del renamed
    def __getattr__(name):
        if name.startswith("dyn"): return "dynamic " + name
        raise AttributeError("no " + name)
    """.replace("from .core import value, table  # lazy", "from .core import value  # lazy\n    from .core import table  # lazy"),
    "pkg.core": "value = 'core value'\ntable = {'k': 'v'}",
    "pkg.squeeze": "helper = 'helper'\ndef squeeze(n): return n * 'squeezed '",
    "pkg.other": "from .core import value as v  # lazy\nvalue = 'other value'\ndef f(): return real(v)",
    "lib": "name = 'lib name'\nsub_count = 0",
    "lib.sub": "value = 'lib.sub value'",
    # takes nothing that the operations change: a from-import that waits takes a later value
    "second": "from lib import name as s  # lazy\nimport lib.sub as v  # lazy\nimport lib.sub  # lazy\ndef f(): return real(s), v.value, lib.sub.value",
}
NAMES = ("core", "squeeze", "other", "value", "table", "lib", "renamed", "dyn_x", "missing", "use_core")
OPERATIONS = (
    "show(lambda: pkg.{n})",
    "show(lambda: getattr(pkg, '{n}', 'default'))",
    "show(lambda: hasattr(pkg, '{n}'))",
    "show(lambda: exec('from pkg import {n} as got', space) or space['got'])",
    "show(lambda: setattr(pkg, '{n}', 'set {n}'))",
    "show(lambda: delattr(pkg, '{n}'))",
    "show(lambda: pkg.use_core())",
    "show(lambda: pkg.use_squeeze())",
    "show(lambda: pkg.use_other())",
    "show(lambda: pkg.use_value())",
    "show(lambda: pkg.use_table())",
    "show(lambda: pkg.use_lib())",
    "show(lambda: pkg.use_renamed())",
    "show(lambda: pkg.rebind('rebound'))",
    "show(lambda: pkg.unbind())",
    "show(lambda: importlib.reload(pkg) is pkg)",
    "show(lambda: importlib.import_module('pkg.squeeze').helper)",
    "show(lambda: importlib.import_module('pkg.other').f())",
    "show(lambda: __import__('pkg.core').__name__)",
    "show(lambda: __import__('lib.sub').sub.value)",
    "show(lambda: vars(pkg).get('{n}', 'absent'))",
    "show(lambda: sorted(n for n in dir(pkg) if n in NAMES))",
    "show(lambda: with_patch('{n}'))",
    "show(lambda: exec('import second') or sys.modules['second'].f())",
    "show(lambda: __import__('second').s)",
    "show(lambda: (exec('from pkg import *', star), sorted(n for n in star if n in NAMES)))",
    "show(lambda: pickle.loads(pickle.dumps(pkg.{n})))",
    "show(lambda: type(pkg).__name__)",
)
MAIN = """
import importlib, pickle, sys
from unittest import mock
import pkg
NAMES = %r
space, star = {}, {}
def plain(value):
    if isinstance(value, type(sys)): return "module " + value.__name__
    if callable(value): return "callable " + getattr(value, "__qualname__", "?")
    if isinstance(value, (tuple, list)): return [plain(item) for item in value]
    return repr(value)
def show(action):
    try:
        print(plain(action()))
    except Exception as error:
        print(type(error).__name__, str(error).split(" (")[0])
def with_patch(name):
    with mock.patch.object(pkg, name, "patched"):
        return pkg.__dict__[name], [call(f) for f in (pkg.use_value, pkg.use_squeeze, pkg.use_renamed)]
def call(function):
    try:
        return function()
    except Exception as error:
        return type(error).__name__
""" % (NAMES,)


@unittest.skipIf(NATIVE, "the interpreter's own lazy imports differ in some of this")
class Random(Programs):
    def test_sequences(self):
        for seed in range(int(os.environ.get("DALLY_TEST_PROGRAMS", 60))):
            chooser = random.Random(seed)
            lines = [chooser.choice(OPERATIONS).format(n=chooser.choice(NAMES)) for _ in range(12)]
            files = dict(FILES, main=MAIN + "\n".join(lines))
            expected = run(files, eager)
            self.assertIsNone(expected.error, expected.trace)
            form = self.forms[seed % 2]
            actual = run(files, lambda source: rewrite(source, form))
            if actual.output != expected.output or actual.error is not None:
                program = "\n".join(
                    "%-70s %-40s %s" % row
                    for row in zip(lines, expected.output.split("\n"), actual.output.split("\n"))
                )
                self.fail("seed %d, form %s\n%s\n%s" % (seed, form, program, actual.trace))


if __name__ == "__main__":
    unittest.main()
