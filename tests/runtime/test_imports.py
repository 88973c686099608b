"""A deferred import does what the statement does."""

import unittest

from support import NATIVE, Programs, native_differs, rewrite, run

TREE = {
    "a": "print('load a')\nname = 'a'",
    "a.b": "print('load a.b')\nname = 'a.b'",
    "a.c": "print('load a.c')\nname = 'a.c'",
    "a.b.d": "print('load a.b.d')\nname = 'a.b.d'",
    "a.b.e": "print('load a.b.e')\nname = 'a.b.e'",
}
QUIET = {name: source.split("\n")[1] for name, source in TREE.items()}


class Forms(Programs):
    def test_each_form(self):
        for statement, use in (
            ("import a", "a.name"),
            ("import a as x", "x.name"),
            ("import a.b", "a.name, a.b.name"),
            ("import a.b as x", "x.name"),
            ("import a.b.d", "a.name, a.b.name, a.b.d.name"),
            ("import a.b.d as x", "x.name"),
            ("from a import name", "real(name)"),
            ("from a import name as x", "real(x)"),
            ("from a import b", "b.name"),
            ("from a import b as x", "x.name"),
            ("from a.b import d", "d.name"),
            ("from a.b import name", "real(name)"),
        ):
            with self.subTest(statement=statement):
                self.same(
                    dict(QUIET, main="%s  # lazy\ndef f(): return %s\nprint(f(), f())" % (statement, use)),
                )

    def test_attribute_wins_over_submodule(self):
        self.same(
            {
                "a": "b = 'attribute'",
                "a.b": "name = 'module'",
                "main": "from a import b  # lazy\ndef f(): return real(b)\nprint(f())",
            },
            "attribute\n",
        )

    def test_submodule_that_is_no_attribute(self):
        # the package deletes the attribute: from-import and `as` find the module in sys.modules
        self.same(
            {
                "a": "import a.b\ndel b",
                "a.b": "name = 'module'\nx = 1",
                "main": """
                from a import b  # lazy
                import a.b as c  # lazy
                def f(): return b.name, c.name
                print(f())
                """,
            },
            "('module', 'module')\n",
        )

    @native_differs
    def test_parent_without_the_attribute(self):
        self.same(
            {
                "a": "import a.b\ndel b",
                "a.b": "",
                "main": "import a.b  # lazy\ndef f(): return a.b\ntry:\n    f()\nexcept AttributeError as e: print(e)",
            },
        )

    def test_package_getattr(self):
        self.same(
            {
                "a": "def __getattr__(name):\n    if name == 'x': return 'dynamic'\n    raise AttributeError(name)",
                "main": "from a import x  # lazy\ndef f(): return real(x)\nprint(f())",
            },
            "dynamic\n",
        )

    def test_replaced_import_function(self):
        self.same(
            dict(
                QUIET,
                main="""
                import builtins
                import a  # lazy
                from a import b  # lazy
                def f(): return a.name, b.name
                original = builtins.__import__
                def hook(*args):
                    return original(*args)
                builtins.__import__ = hook
                try:
                    print(f())
                finally:
                    builtins.__import__ = original
                """,
            )
        )
        outcome = self.lazily(
            dict(
                QUIET,
                main="""
                import builtins
                from a import name as x  # lazy
                def f(): return real(x)
                original = builtins.__import__
                calls = []
                def hook(*args):
                    calls.append((args[0], args[1] is globals(), args[3], args[4]))
                    return original(*args)
                builtins.__import__ = hook
                try:
                    print(f())
                finally:
                    builtins.__import__ = original
                print(calls[0])
                """,
            )
        )
        if not NATIVE:
            self.assertEqual(outcome.output, "a\n('a', True, ('name',), 0)\n")

    def test_package_name_as_a_statement_sees_it(self):
        # relative imports go by __package__ or __spec__ of the module at the time
        self.same(
            {
                "p": "",
                "p.q": "from . import r  # lazy\nfrom .r import x  # lazy\ndef f(): return r.x, real(x)",
                "p.r": "x = 1",
                "main": "from p.q import f\nprint(f())",
            },
            "(1, 1)\n",
        )

    def test_missing_builtins_import(self):
        if NATIVE:
            self.skipTest("the interpreter's own affair")
        self.lazily(
            {
                "main": """
                import json  # lazy
                def f(): return json.dumps(1)
                saved = __builtins__
                __builtins__ = dict(saved) if isinstance(saved, dict) else dict(vars(saved))
                print(f())
                """
            }
        )


class Dotted(Programs):
    def test_submodules_wait_each(self):
        for statement in ("import a.b, a.c", "import a, a.b, a.c", "import a.c, a.b"):
            with self.subTest(statement=statement):
                self.same(
                    dict(
                        QUIET,
                        main="import a.b\nimport a.c  # lazy %s\ndef f(): return a.name, a.b.name\nprint(f())".replace(
                            "import a.b\n", "import a.b  # lazy\n"
                        )
                        % statement,
                    ),
                    "('a', 'a.b')\n",
                    waits=["a.c"],
                )

    def test_deep(self):
        self.same(
            dict(
                QUIET,
                main="""
                import a.b.d  # lazy
                import a.b.e  # lazy import a.b.d, a.b.e
                import a.c  # lazy import a.b.d, a.b.e, a.c
                def f(): return a.b.name, a.b.e.name
                print(f())
                """,
            ),
            "('a.b', 'a.b.e')\n",
            waits=["a.c", "a.b.d"],
        )

    def test_the_package_itself(self):
        self.same(
            dict(QUIET, main="import a.b.d  # lazy\ndef f(): return real(a).name\nprint(f())"),
            "a\n",
            waits=["a.b", "a.b.d"],
        )

    @native_differs
    def test_seen_from_elsewhere(self):
        for use in (
            "other.a.b.name",
            "__import__('a').b.name",
            "hasattr(__import__('a'), 'b')",
            "getattr(__import__('a'), 'b').name",
            "'b' in dir(__import__('a'))",
            "[n for n in dir(__import__('a')) if n in 'bc']",
            "sorted(n for n in vars(__import__('a')) if n in 'bc')",
        ):
            with self.subTest(use=use):
                self.same(
                    dict(
                        QUIET,
                        other="""
                        import a.b  # lazy
                        import a.c  # lazy import a.b, a.c
                        def f(): return a.name
                        """,
                        main="import other\nprint(other.f())\nprint(%s)" % use,
                    )
                )

    @native_differs
    def test_star_from_the_package(self):
        self.same(
            dict(
                QUIET,
                main="""
                import a.b  # lazy
                def f(): return a.name
                f()
                space = {}
                exec("from a import *", space)
                print(space["b"].name)
                """,
            )
        )

    @native_differs
    def test_the_package_uses_it_bare(self):
        self.same(
            dict(
                QUIET,
                a="name = 'a'\ndef g(): return b.name",
                main="import a.b  # lazy\ndef f(): return a.g()\nprint(f())",
            ),
            "a.b\n",
        )

    def test_somebody_else_imports_it(self):
        self.same(
            dict(
                QUIET,
                main="""
                import sys
                import a.b.d  # lazy
                def f(): return a.name
                f()
                from a.b import name
                print(name, sys.modules["a"].b.d.name, a.b.d.name)
                """,
            ),
            "a.b a.b.d a.b.d\n",
        )

    def test_two_modules_wait_on_one_package(self):
        self.same(
            dict(
                QUIET,
                one="import a.b.d  # lazy\ndef f(): return a.name\ndef g(): return a.b.d.name",
                two="import a.b.e  # lazy\ndef f(): return a.name\ndef g(): return a.b.e.name",
                main="import one, two\nprint(one.f(), two.f(), one.g(), two.g(), one.a is two.a)",
            ),
            "a a a.b.d a.b.e True\n",
        )

    def test_the_package_has_pending_names_of_its_own(self):
        self.same(
            dict(
                QUIET,
                other="value = 1",
                a="import other  # lazy\nname = 'a'\ndef g(): return other.value",
                main="""
                import a.b  # lazy
                def f(): return a.g()
                print(f())
                import sys
                print(type(sys.modules["a"].b).__name__, type(sys.modules["a"].other).__name__)
                """,
            ),
            "1\nmodule module\n",
        )

    @native_differs  # the attribute wins
    def test_the_package_has_the_name_already(self):
        self.same(
            dict(
                QUIET,
                a="name = 'a'\nb = 'placeholder value'",
                main="import a.b  # lazy\ndef f(): return a.name, a.b.name\nprint(f())",
            ),
            "('a', 'a.b')\n",
        )

    def test_the_package_loads_it_itself(self):
        self.same(
            dict(
                QUIET,
                a="from .b import name as bname  # lazy\nname = 'a'\ndef g(): return real(bname)",
                main="import a.b  # lazy\ndef f(): return a.name, a.b.name, a.g()\nprint(f())",
            ),
            "('a', 'a.b', 'a.b')\n",
        )

    def test_the_package_has_a_pending_function_of_that_name(self):
        self.same(
            {
                "a": "from .b import b  # lazy\nname = 'a'\ndef g(): return b()",
                "a.b": "def b(): return 'function'",
                "main": "import a.b  # lazy\ndef f(): return a.name, a.b(), a.g()\nprint(f())",
            },
            "('a', 'function', 'function')\n",
        )

    def test_package_with_its_own_class(self):
        self.same(
            dict(
                QUIET,
                a="""
                import sys, types
                name = 'a'
                class Own(types.ModuleType): pass
                sys.modules[__name__].__class__ = Own
                """,
                main="import a.b  # lazy\ndef f(): return a.name, a.b.name, type(real(a)).__name__\nprint(f())",
            ),
            "('a', 'a.b', 'Own')\n",
        )

    def test_no_package(self):
        for form in self.forms:

            outcome = run(
                {"a": "name = 'a'", "main": "import a.b  # lazy\ndef f(): return a.b\nf()"},
                lambda source: rewrite(source, form),
            )
            self.assertEqual(str(outcome.error), "No module named 'a.b'; 'a' is not a package")

    def test_missing_submodule(self):

        for form in self.forms:
            outcome = run(
                dict(QUIET, main="import a.zzz  # lazy\ndef f(): return a.zzz\nf()"),
                lambda source: rewrite(source, form),
            )
            self.assertIsInstance(outcome.error, ModuleNotFoundError)
            self.assertEqual(str(outcome.error), "No module named 'a.zzz'")

    def test_module_put_into_sys_modules(self):
        self.same(
            dict(
                QUIET,
                a="import sys\nname = 'a'\nsys.modules['a.path'] = path = sys",
                main="import a.path  # lazy\ndef f(): return a.path.__name__\nprint(f())",
            ),
            "sys\n",
        )

    def test_os_path(self):
        self.same({"main": "import os.path  # lazy\ndef f(): return os.path.join('a', 'b')\nprint(f())"}, "a/b\n")


class Cycles(Programs):
    def test_use_during_partial_initialisation(self):
        self.same(
            {
                "one": "import two  # lazy\nvalue = 1\ndef f(): return two.value\nimport three",
                "two": "import one  # lazy\nvalue = 2\ndef g(): return one.value",
                "three": "import one\nprint(one.f())\nfrom one import two\nprint(two.g())",
                "main": "import one\nprint(one.two.one is one)",
            },
            "2\n1\nTrue\n",
        )

    @native_differs
    def test_read_back_while_loading(self):
        self.same(
            {
                "a": "from b import x  # lazy\ndef f(): return real(x)",
                "b": "x = 1\nimport a\nprint(a.x, a.f())",
                "main": "import b\nimport a\nprint(a.f())",
            },
            "1 1\n1\n",
        )
        # and the other way round, where the first use starts the load
        for first in ("a.f()", "a.x"):
            for inner in ("a.f()", "a.x"):
                outcome = self.lazily(
                    {
                        "a": "from b import x  # lazy\ndef f(): return real(x)",
                        "b": "x = 1\nimport a\nprint(%s)" % inner,
                        "main": "import a\nprint(%s)" % first,
                    }
                )
                self.assertEqual(outcome.output, "1\n1\n")

    def test_a_ring_of_names(self):
        # the eager program fails too, with an ImportError
        if NATIVE:
            self.skipTest("the interpreter's own affair")

        for form in self.forms:
            for first in ("from a import x", "import a; a.f()"):
                outcome = run(
                    {
                        "a": "from b import x  # lazy\ndef f(): return real(x)",
                        "b": "from a import x  # lazy\ndef f(): return real(x)",
                        "main": first,
                    },
                    lambda source: rewrite(source, form),
                )
                self.assertIsInstance(outcome.error, ImportError, outcome.trace)


if __name__ == "__main__":
    unittest.main()
