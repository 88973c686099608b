"""The environment switches, and what loading the runtime file costs and touches."""

import os
import subprocess
import sys
import unittest

from support import NATIVE, RUNTIME
from test_modules import Files

MOD = """
import sys
import alpha  # lazy
from beta import thing  # lazy
import gamma.delta  # lazy
print([name for name in ("alpha", "beta", "gamma.delta") if name in sys.modules])
def use(): return alpha.value, thing(), gamma.delta.value
"""


class Switches(Files):
    def setUp(self):
        super().setUp()
        self.write("alpha.py", "value = 'alpha'")
        self.write("beta.py", "def thing(): return 'thing'")
        self.write("gamma/__init__.py", "")
        self.write("gamma/delta.py", "value = 'delta'")
        self.write("mod.py", MOD)
        self.write("pkg/__init__.py", "")
        self.write("pkg/sub.py", MOD, form="apply")
        self.write("script.py", "import mod, pkg.sub\nmod.use(); pkg.sub.use()\nprint('done')")

    def first(self, **environ):
        output = self.python("script.py", **environ)
        self.assertTrue(output.endswith("done\n"), output)
        return output.split("\n")[:2]

    def test_on(self):
        self.assertEqual(self.first(), ["[]", "[]"])
        self.assertEqual(self.first(DALLY_LAZY="1", DALLY_EAGER=""), ["[]", "[]"])

    def test_off(self):
        every = "['alpha', 'beta', 'gamma.delta']"
        self.assertEqual(self.first(DALLY_LAZY="0"), [every, every])

    def test_off_at_the_original_place(self):
        path = self.write(
            "order.py", "print('before')\nimport loud  # lazy\nprint('after')\nfrom loud import x  # lazy\nprint(x)"
        )
        self.write("loud.py", "print('loud')\nx = 1")
        self.assertEqual(self.python(path, DALLY_LAZY="0"), "before\nloud\nafter\n1\n")

    def test_one_module(self):
        every = "['alpha', 'beta', 'gamma.delta']"
        self.assertEqual(self.first(DALLY_EAGER="mod"), [every, every])
        self.assertEqual(self.first(DALLY_EAGER="other,pkg.sub"), ["[]", every])

    def test_one_name(self):
        self.assertEqual(self.first(DALLY_EAGER="pkg.sub:alpha"), ["[]", "['alpha']"])
        self.assertEqual(self.first(DALLY_EAGER="pkg.sub:gamma, mod:nothing"), ["[]", "['gamma.delta']"])
        self.assertEqual(self.first(DALLY_EAGER="mod:thing,pkg.sub:alpha"), ["['beta']", "['alpha', 'beta']"])

    def test_errors_when_off(self):
        path = self.write("bad.py", "\nimport nothing_here  # lazy\nprint('not reached')")
        output = self.python(path, DALLY_LAZY="0")
        self.assertNotIn("not reached", output)
        self.assertRegex(output, r"bad.py\", line 2\b")
        self.assertTrue(output.endswith("ModuleNotFoundError: No module named 'nothing_here'\n"), output)

    def test_without_site(self):
        output = self.python("-S", "-c", "import mod; mod.use()")
        self.assertEqual(output, "[]\n")


class Loading(unittest.TestCase):
    def test_loads_nothing_but_c(self):
        code = "import sys; before = set(sys.modules); import _dally; print(*sorted(set(sys.modules) - before))"
        output = subprocess.run(
            [sys.executable, "-c", code], env=dict(os.environ, PYTHONPATH=RUNTIME), stdout=subprocess.PIPE
        ).stdout.decode()
        self.assertLessEqual(set(output.split()), {"_dally", "_functools", "_operator", "_weakref", "builtins"})

    def test_constants(self):
        import _dally

        self.assertIs(_dally.TYPE_CHECKING, False)
        self.assertIs(_dally.real(self), self)
        self.assertEqual(NATIVE, sys.version_info >= (3, 15) and os.environ.get("DALLY_NATIVE") != "0")

    def test_resolving_loads_nothing_else(self):
        code = (
            "import sys; import mod; before = set(sys.modules); mod.use(); mod.nothing if hasattr(mod, 'nothing') else 0;"
            "print(*sorted(set(sys.modules) - before))"
        )
        files = Files()
        files.setUp()
        try:
            files.write("mod.py", "import alpha  # lazy\ndef use(): return alpha.x")
            files.write("alpha.py", "x = 1")
            self.assertEqual(files.python("-c", code), "alpha\n")
        finally:
            files.doCleanups()


if __name__ == "__main__":
    unittest.main()
