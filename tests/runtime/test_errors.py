"""A deferred import that fails: the same exception, and where it comes from."""

import os
import subprocess
import sys
import tempfile
import textwrap
import traceback
import unittest

from support import NATIVE, RUNTIME, Programs, eager, native_differs, rewrite, run


class Errors(Programs):
    def fails(self, files, use):
        """Compare the exception of the eager statement with that of the first use."""
        main = files["main"]
        expected = run(files, eager).error
        self.assertIsNotNone(expected)
        for form in self.forms:
            with self.subTest(form=form):
                outcome = run(
                    dict(files, main=main + "\ndef use(): return %s\nprint('started')\nuse()" % use),
                    lambda source: rewrite(source, form),
                )
                self.assertEqual(outcome.output, "started\n", outcome.trace)
                error = outcome.error
                self.assertIs(type(error), type(expected), outcome.trace)
                folder = lambda text: text.split("(")[0]  # noqa: E731
                self.assertEqual(folder(str(error)), folder(str(expected)))
                for name in ("name", "path", "name_from", "code"):
                    here, there = getattr(error, name, None), getattr(expected, name, None)
                    if name == "path" and here:
                        here, there = os.path.basename(here), os.path.basename(there)
                    self.assertEqual(here, there, name)
        return outcome

    def test_missing_module(self):
        outcome = self.fails({"main": "import nothing_here  # lazy"}, "nothing_here.x")
        self.assertIn("import nothing_here", outcome.trace)
        self.assertIn("main.py", outcome.trace)

    def test_missing_parent(self):
        self.fails({"main": "import nothing_here.sub  # lazy"}, "nothing_here.x")
        self.fails({"main": "import nothing_here.sub as s  # lazy"}, "s.x")
        self.fails({"main": "from nothing_here.sub import s  # lazy"}, "s.x")

    def test_missing_name(self):
        self.fails({"lib": "", "main": "from lib import nothing  # lazy"}, "real(nothing)")
        self.fails({"lib": "", "lib.sub": "", "main": "from lib import nothing as x  # lazy"}, "real(x)")
        self.fails({"main": "from sys import nothing as x  # lazy"}, "real(x)")
        self.fails({"lib": "", "lib.sub": "", "main": "import lib.other as x  # lazy"}, "real(x)")
        self.fails(
            {"lib": "import lib.sub\ndel sub\nimport sys\ndel sys.modules['lib.sub']", "lib.sub": "", "main": "import lib.sub.x as x  # lazy"},
            "real(x)",
        )

    def test_relative_beyond_top(self):
        if NATIVE:
            self.skipTest("raised at the statement")
        self.fails({"main": "from .sibling import x  # lazy"}, "real(x)")
        self.fails({"pkg": "", "pkg.m": "from ...x import y  # lazy\ndef f(): return y.z", "main": "import pkg.m as m  # lazy"}, "m.f()")

    def test_error_in_the_module(self):
        for statement in (
            "raise ValueError('no')",
            "1/0",
            "raise AttributeError('no')",
            "raise KeyError('no')",
            "import nothing_here",
            "raise SystemExit(3)",
            "raise KeyboardInterrupt",
            "raise StopIteration",
            "def",
            "raise AttributeError('no') from ValueError('because')",
        ):
            with self.subTest(statement=statement):
                self.fails({"lib": statement, "main": "import lib  # lazy"}, "lib.x")
                self.fails({"lib": statement, "main": "from lib import y  # lazy"}, "y()")

    def test_declared_where(self):
        files = {
            "lib": "raise ValueError('no')",
            "mod": "\n\n\nimport lib  # lazy\ndef f():\n    return lib.x",
            "main": "import mod\nmod.f()",
        }
        for form in self.forms:
            trace = run(files, lambda source: rewrite(source, form)).trace
            self.assertIn("import lib", trace)
            line = 4
            self.assertRegex(trace, r"mod.py\", line %d\b" % (line,))
            self.assertIn("ValueError: no", trace)
            self.assertIn("in f", trace)

    def test_declared_where_from_outside(self):
        files = {
            "lib": "raise ValueError('no')",
            "mod": "\n\nfrom lib import (x)  # lazy from lib import x".replace("(x)", "x"),
            "main": "import mod\nmod.x",
        }
        trace = run(files, rewrite).trace
        self.assertIn("from lib import x", trace)
        self.assertRegex(trace, r"mod.py\", line 3\b")

    def test_declared_where_for_submodules(self):
        files = {
            "lib": "",
            "lib.sub": "raise ValueError('no')",
            "mod": "\n\nimport lib.sub  # lazy\ndef f(): return lib.sub",
            "main": "import mod\nmod.f()",
        }
        trace = run(files, rewrite).trace
        self.assertIn("lib.sub", trace)
        if not NATIVE:
            self.assertRegex(trace, r"mod.py\", line 3\b")

    @native_differs
    def test_a_cause_stays(self):
        files = {
            "lib": "raise ValueError('no') from KeyError('because')",
            "main": "import lib  # lazy\ndef f(): return lib.x\nf()",
        }
        outcome = run(files, rewrite)
        self.assertIs(type(outcome.error.__cause__), KeyError)
        self.assertIn("import lib", outcome.trace)
        files["lib"] = "try:\n    1/0\nexcept ZeroDivisionError:\n    raise ValueError('no')"
        outcome = run(files, rewrite)
        self.assertIs(type(outcome.error.__context__), ZeroDivisionError)
        self.assertFalse(outcome.error.__suppress_context__)
        self.assertIn("import lib", outcome.trace)
        files["lib"] = "try:\n    1/0\nexcept ZeroDivisionError:\n    raise ValueError('no') from None"
        outcome = run(files, rewrite)
        self.assertIn("import lib", outcome.trace)
        self.assertNotIn("division", outcome.trace)

    @native_differs
    def test_said_once(self):
        files = {
            "lib": "import main\nraise main.error",
            "main": """
            import lib  # lazy
            error = ValueError("no")
            def f(): return lib.x
            for again in range(3):
                try:
                    f()
                except ValueError as e:
                    pass
            f()
            """,
        }
        trace = run(files, rewrite).trace
        self.assertEqual(trace.count("deferred"), 1 if sys.version_info >= (3, 11) else trace.count("deferred"))
        self.assertLessEqual(trace.count("deferred"), 2)

    def test_try_again(self):
        for form in self.forms:
            outcome = run(
                {
                    "lib": "import main\nmain.count += 1\nif main.count < 3: raise ImportError(main.count)\nx = 'loaded'",
                    "main": """
                    import lib  # lazy
                    from lib import x  # lazy
                    count = 0
                    def f(): return lib.x
                    def g(): return real(x)
                    for use in f, g, f, g:
                        try:
                            print(use())
                        except ImportError as error:
                            print(error)
                    """,
                },
                lambda source: rewrite(source, form),
            )
            self.assertEqual(outcome.output, "1\n2\nloaded\nloaded\n", outcome.trace)

    def test_try_again_from_outside(self):
        outcome = run(
            {
                "lib": "import main\nmain.count += 1\nif main.count < 3: raise ImportError(main.count)\nx = 'loaded'",
                "mod": "from lib import x  # lazy",
                "main": """
                import mod
                count = 0
                for again in range(4):
                    try:
                        print(mod.x)
                    except ImportError as error:
                        print(error)
                """,
            },
            rewrite,
        )
        self.assertEqual(outcome.output, "1\n2\nloaded\nloaded\n", outcome.trace)

    def test_no_frames_but_the_use(self):
        """The traceback shows the use and the failing module, and ours as the import system's."""
        outcome = run(
            {"lib": "def inner():\n    1/0\ninner()", "main": "import lib  # lazy\ndef f():\n    return lib.x\nf()"},
            rewrite,
        )
        frames = [
            entry.name
            for entry in traceback.extract_tb(outcome.error.__traceback__)
            if "importlib" not in entry.filename
        ]
        self.assertEqual(frames[-4:], ["<module>", "f", "<module>", "inner"])

    def test_at_exit(self):
        folder = tempfile.mkdtemp()
        with open(os.path.join(folder, "script.py"), "w") as stream:
            stream.write(
                rewrite(
                    textwrap.dedent(
                        """
                        import atexit
                        import json  # lazy
                        from weakref import finalize
                        class A: pass
                        a = A()
                        def last():
                            print(json.dumps([1]))
                        atexit.register(last)
                        """
                    )
                )
            )
        environ = dict(os.environ, PYTHONPATH=RUNTIME)
        output = subprocess.run(
            [sys.executable, os.path.join(folder, "script.py")], env=environ, stdout=subprocess.PIPE, timeout=60
        ).stdout
        self.assertEqual(output.decode().split(), ["[1]"])


if __name__ == "__main__":
    unittest.main()
