"""Where a module's body runs: __main__, runpy, exec, reload, copies of the runtime file."""

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

from support import NATIVE, RUNTIME, Programs, native_differs, rewrite, run

SCRIPT = """
import json  # lazy
from json import dumps  # lazy
import colorsys as c  # lazy
def use():
    return json.dumps([1]), dumps([2]), real(dumps) is json.dumps, c.rgb_to_hls(0, 0, 0)
"""


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name, source, form="build", helper="_dally"):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as stream:
            stream.write(rewrite(source, form, helper))
        return path

    def python(self, *arguments, **environ):
        environ = dict(os.environ, PYTHONPATH=os.pathsep.join([self.folder, os.path.abspath(RUNTIME)]), **environ)
        done = subprocess.run(
            [sys.executable] + list(arguments),
            cwd=self.folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
        )
        return done.stdout.decode()


class Main(Files):
    expected = "('[1]', '[2]', True, (0.0, 0.0, 0.0))\n"

    def check(self, *arguments):
        output = self.python(*arguments)
        if not output.endswith(self.expected * 2):
            self.assertEqual(output, self.expected * 2)

    def test_script(self):
        for form in ("build", "apply"):
            path = self.write("script.py", SCRIPT + "print(use())\nprint(use())", form)
            self.check(path)

    def test_waits(self):
        path = self.write("script.py", SCRIPT + "import sys\nprint('json' in sys.modules, 'colorsys' in sys.modules)")
        self.assertEqual(self.python(path), "False False\n")

    def test_dash_m(self):
        for form in ("build", "apply"):
            self.write("pkg/__init__.py", "", form)
            self.write(
                "pkg/__main__.py", SCRIPT + "from .other import x as y  # lazy\nreal(y)\nprint(use())\nprint(use())", form
            )
            self.write("pkg/other.py", "x = 1", form)
            self.check("-m", "pkg")
            self.check("-m", "pkg.__main__")

    def test_dash_c(self):
        self.check("-c", rewrite(SCRIPT + "print(use())\nprint(use())"))

    def test_main_from_outside(self):
        path = self.write("script.py", SCRIPT + "import helper")
        self.write(
            "helper.py",
            "import __main__\nfrom __main__ import dumps\nprint(__main__.c.rgb_to_hls(0, 0, 0), dumps(1), __main__.json.__name__)",
        )
        self.assertEqual(self.python(path), "(0.0, 0.0, 0.0) 1 json\n")

    def test_error_in_main_names_the_line(self):
        path = self.write("script.py", "\n\nimport nothing_here  # lazy\ndef f():\n    nothing_here.x\nf()")
        output = self.python(path)
        self.assertRegex(output, r"script.py\", line 3\b")
        self.assertIn("import nothing_here", output)
        self.write("mod.py", "\n\nimport nothing_here  # lazy\ndef f():\n    nothing_here.x\nf()")
        self.assertRegex(self.python("-m", "mod"), r"mod.py\", line 3\b")

    def test_runpy(self):
        path = self.write("script.py", SCRIPT + "result = 5")
        for code in (
            "import runpy; space = runpy.run_path(%r)" % path,
            "import runpy; space = runpy.run_module('script')",
            "import runpy; space = runpy.run_module('script', alter_sys=True)",
            "import runpy; space = runpy.run_module('script', run_name='__main__', alter_sys=True)",
        ):
            code += "; print(type(space['dumps']).__name__, type(space['json']).__name__, space['use']())"
            self.assertEqual(self.python("-c", code), "function module " + self.expected, code)

    def test_exec(self):
        source = rewrite(SCRIPT + "import sys; early = 'colorsys' in sys.modules; first = use()")
        for space in ("{}", "{'__name__': 'anything'}", "{'__name__': '__main__'}", "{'__name__': 'json'}"):
            code = "space = %s; exec(%r, space); print(type(space['dumps']).__name__, space['early'], space['first'])" % (
                space,
                source,
            )
            self.assertEqual(self.python("-c", code), "function True " + self.expected, code)

    def test_exec_with_locals(self):
        source = rewrite("import json  # lazy\nx = json.dumps(1)")
        code = "space = {}; exec(%r, {}, space); print(space['x'], type(space['json']).__name__)" % source
        self.assertEqual(self.python("-c", code), "1 module\n")

    def test_loaded_by_hand(self):
        self.write("hand.py", SCRIPT)
        for register in ("", "sys.modules['hand'] = module;"):
            code = (
                "import importlib.util, sys; spec = importlib.util.spec_from_file_location('hand', 'hand.py');"
                "module = importlib.util.module_from_spec(spec); %s spec.loader.exec_module(module);"
                "print(module.use()); print(module.use()); print(module.dumps(1))" % register
            )
            self.assertEqual(self.python("-c", code), self.expected * 2 + "1\n")

    def test_removed_from_sys_modules(self):
        self.write("mod.py", SCRIPT)
        code = "import sys, mod; del sys.modules['mod']; print(mod.dumps(1)); print(mod.use()); import types; print(type(mod) is types.ModuleType or %r)"
        self.assertEqual(self.python("-c", code % NATIVE), "1\n" + self.expected + "True\n")
        code = "import sys; from mod import use; del sys.modules['mod']; print(use()); print(use())"
        self.check("-c", code)

    def test_zip(self):
        import zipfile

        path = os.path.join(self.folder, "lib.zip")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("zipped.py", rewrite(SCRIPT + "\nimport nothing_here  # lazy\ndef f(): nothing_here.x\n"))
        output = self.python("-c", "import sys; sys.path.insert(0, %r); import zipped; print(zipped.use()); zipped.f()" % path)
        self.assertIn(self.expected, output)
        self.assertRegex(output, r"zipped.py\", line 8\b")


class Vendored(Files):
    def test_inside_a_package_and_several_copies(self):
        for place in ("one/_dally.py", "two/_lazy.py"):
            path = os.path.join(self.folder, place)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            shutil.copy(os.path.join(RUNTIME, "_dally.py"), path)
        self.write("one/__init__.py", SCRIPT, helper="._dally")
        self.write("two/__init__.py", "from one import dumps  # lazy\nimport one.sub  # lazy\ndef f(): return dumps(1), one.json.__name__, one.sub.x", helper="._lazy")
        self.write("one/sub.py", "from . import c  # lazy\nx = 1\ndef f(): return c.__name__", helper="._dally")
        path = self.write(
            "script.py",
            """
            import two
            import one.sub  # lazy
            from one import use as use_one  # lazy
            def f(): return use_one(), one.sub.f(), two.f(), one.c.__name__
            print(f())
            import sys
            print(sorted(name for name in sys.modules if name.endswith(("_dally", "_lazy"))))
            """,
        )
        self.assertEqual(
            self.python(path),
            "(('[1]', '[2]', True, (0.0, 0.0, 0.0)), 'colorsys', ('1', 'json', 1), 'colorsys')\n"
            "['_dally', 'one._dally', 'two._lazy']\n",
        )


class Reload(Programs):
    def test_reload(self):
        for prepare in ("", "mod.use()", "mod.thing()", "mod.alpha = None", "del mod.alpha"):
            with self.subTest(prepare=prepare):
                self.same(
                    {
                        "alpha": "value = 'alpha'",
                        "beta": "def thing(): return 'thing'",
                        "mod": """
                        import alpha  # lazy
                        from beta import thing  # lazy
                        def use(): return alpha.value, thing()
                        """,
                        "main": """
                        import importlib, types
                        import mod
                        %s
                        again = importlib.reload(mod)
                        print(again is mod, mod.use(), mod.alpha.value, mod.thing())
                        importlib.reload(mod)
                        print(mod.thing(), mod.use(), type(mod) is types.ModuleType)
                        """
                        % prepare,
                    }
                )

    def test_reload_with_a_use_in_between(self):
        self.same(
            {
                "alpha": "value = 'alpha'",
                "beta": "def thing(): return 'thing'",
                "mod": """
                import alpha  # lazy
                def f(): return alpha.value
                f()
                from beta import thing  # lazy
                """,
                "main": """
                import importlib
                import mod
                mod.thing()
                importlib.reload(mod)
                print(mod.thing())
                """,
            },
            "thing\n",
        )

    def test_reload_of_what_was_imported(self):
        self.same(
            {
                "alpha": "count = globals().get('count', 0) + 1",
                "main": """
                import importlib
                import alpha  # lazy
                def f(): return importlib.reload(real(alpha)).count, alpha.count
                print(f())
                """,
            },
            "(2, 2)\n",
        )

    def test_body_that_runs_twice_in_one_name(self):
        self.same(
            {
                "alpha": "value = 1",
                "mod": "import alpha  # lazy\ndef f(): return alpha.value\nx = f()\nimport alpha  # lazy",
                "main": "import mod\nprint(mod.x, type(mod.alpha).__name__, mod.alpha.value)",
            },
            "1 module 1\n",
        )

    @native_differs  # it binds the submodules
    def test_what_the_last_run_has_left(self):
        self.same(
            {
                "pkg": "from . import one  # lazy\nimport pkg.two as two  # lazy\ndef f(): return real(one), real(two)",
                "pkg.one": "",
                "pkg.two": "",
                "main": """
                import importlib
                import pkg
                pkg.one = "set one"
                pkg.two = "set two"
                importlib.reload(pkg)
                print(pkg.f())
                """,
            },
            "('set one', 'set two')\n",
        )


@unittest.skipIf(NATIVE, "nothing of ours is kept")
class Memory(Programs):
    def test_modules_are_freed(self):
        outcome = self.lazily(
            {
                "alpha": "value = 1",
                "mod": "import alpha  # lazy\nfrom alpha import value  # lazy\ndef f(): return alpha.value",
                "main": """
                import gc, sys, weakref
                import mod
                one = weakref.ref(mod)
                del sys.modules["mod"], mod
                gc.collect()
                print(one() is None)
                import mod
                mod.f(), mod.value
                one = weakref.ref(mod)
                del sys.modules["mod"], mod
                gc.collect()
                print(one() is None)
                import mod
                del sys.modules["mod"]
                f = mod.f
                one = weakref.ref(mod)
                del mod
                print(one() is None, f())
                """,
            }
        )
        self.assertEqual(outcome.output, "True\nTrue\nTrue 1\n")

    def test_placeholders_are_freed(self):
        outcome = self.lazily(
            {
                "alpha": "value = 1",
                "mod": "import alpha  # lazy\nfrom alpha import value  # lazy\ndef f(): return alpha.value",
                "main": """
                import gc
                import mod
                def count(): return sum(type(x).__name__ in ("Pending", "Record") for x in gc.get_objects())
                before = count()
                mod.f(), mod.value
                gc.collect()
                print(before - count() >= 2)
                """,
            }
        )
        self.assertEqual(outcome.output, "True\n")


if __name__ == "__main__":
    unittest.main()
