"""Other modules see real objects, and a plain module."""

import unittest

from support import NATIVE, Programs, native_differs, rewrite, run

MOD = """
import alpha  # lazy
from beta import thing  # lazy
from beta import other as renamed  # lazy
import gamma as g  # lazy
plain = 5
def use():
    return alpha.value, thing(), real(renamed), g.value
"""
FILES = {
    "alpha": "value = 'alpha'",
    "beta": "def thing(): return 'thing'\nother = ['other']",
    "gamma": "value = 'gamma'",
    "mod": MOD,
}


class Outside(Programs):
    def check(self, main, prints=None, waits=(), files=None, **more):
        self.same(dict(FILES, **dict(files or {}, main=main)), prints, waits, **more)

    def test_attribute(self):
        self.check(
            "import mod\nprint(mod.thing(), mod.renamed, mod.plain)", "thing ['other'] 5\n", ["alpha", "gamma"]
        )

    def test_from_import(self):
        self.check("from mod import thing, plain as p\nprint(thing(), p)", "thing 5\n", ["alpha", "gamma"])

    def test_star(self):
        self.check("from mod import *\nprint(alpha.value, thing(), renamed, g.value)")

    def test_star_with_all(self):
        self.check(
            "from mod import *\nprint(thing(), 'alpha' in globals())",
            "thing False\n",
            ["alpha", "gamma"],
            files={"mod": MOD + "__all__ = ['thing', 'plain']"},
        )

    def test_re_export_chain(self):
        self.check(
            "from top import name\nprint(name())",
            "thing\n",
            ["alpha", "gamma"],
            files={"top": "from mid import name  # lazy", "mid": "from mod import thing as name  # lazy"},
        )

    def test_getattr_hasattr(self):
        self.check(
            """
            import mod
            print(getattr(mod, "thing").__name__, getattr(mod, "nothing", 1), hasattr(mod, "g"), hasattr(mod, "h"))
            """,
            "thing 1 True False\n",
            ["alpha"],
        )

    def test_missing_attribute(self):
        self.check(
            """
            import mod
            for code in ("mod.nothing", "from mod import nothing", "del mod.nothing", "getattr(mod, 'nothing')"):
                try:
                    exec(code)
                except Exception as error:
                    print(type(error).__name__, str(error).split("(")[0], getattr(error, "name", None))
            """
        )

    def test_attribute_pending_elsewhere_only(self):
        # `alpha` has a descriptor, because of `mod`; `second` has the class, but no such name.
        self.check(
            """
            import mod, second
            for code in ("second.alpha", "from second import alpha", "del second.alpha"):
                try:
                    exec(code)
                except Exception as error:
                    print(type(error).__name__, str(error).split("(")[0], getattr(error, "name", None))
            second.alpha = 3
            print(second.alpha, second.__dict__["alpha"])
            del second.alpha
            print(hasattr(second, "alpha"), hasattr(mod, "alpha"))
            """,
            files={"second": "import gamma  # lazy\ndef f(): return gamma.value"},
        )

    def test_module_getattr(self):
        self.check(
            """
            import mod, second
            print(mod.alpha.value, second.alpha, second.nothing, second.gamma.value, second.two)
            from second import alpha, zzz
            print(alpha, zzz)
            """,
            files={
                "second": """
                import gamma  # lazy
                def __getattr__(name):
                    if name == "two": raise AttributeError("two!")
                    return "dynamic " + name
                def __getattr__(name):
                    return "dynamic " + name
                """
            },
        )

    def test_module_dir(self):
        self.check(
            "import mod\nprint(dir(mod))", waits=["alpha"], files={"mod": MOD + "def __dir__(): return ['a', 'b']"}
        )

    @unittest.skipIf(NATIVE, "the interpreter's own lazy objects show")
    def test_getattr_static(self):
        self.check(
            """
            import inspect, mod, only, other
            for name in ("thing", "renamed", "plain", "use", "alpha", "nothing", "__name__"):
                value = inspect.getattr_static(mod, name, "none")
                print(name, getattr(value, "__name__", value))
                print(inspect.getattr_static(other, name, "none").__class__.__name__)
            print(inspect.getattr_static(only, "thing").__name__, inspect.getattr_static(only, "alpha", "none"))
            print(inspect.getattr_static(type(mod), "mro").__name__, inspect.getattr_static(type(mod), "thing", 1))
            """,
            waits=["gamma", "delta"],
            files={"only": "from beta import thing  # lazy", "other": "import delta  # lazy\nthing = 1", "delta": ""},
        )

    @unittest.skipIf(NATIVE, "the interpreter's own lazy objects show")
    def test_search_for_functions(self):
        # The blank at the end of the statement says that the name is no function.
        self.check(
            """
            import inspect, mod
            def function(name):
                found = inspect.getattr_static(mod, name, None)
                return found if inspect.isfunction(found) else None
            print([name for name in ("use", "Kind", "delta") if function(name)])
            print(inspect.getattr_static(mod, "Kind").__name__)
            """,
            waits=["delta"],
            files={
                "mod": "from kinds import Kind  # lazy from kinds import Kind \nimport delta  # lazy import delta \ndef use(): return Kind, delta",
                "kinds": "class Kind: pass",
                "delta": "",
            },
        )

    def test_after_specialisation(self):
        """The interpreter's fast paths for module attributes notice that a name is pending again."""
        self.check(
            """
            import importlib
            import mod
            def read():
                return mod.alpha
            for i in range(100):
                read()
            importlib.reload(mod)
            print([type(read()).__name__ for i in range(20)], read().value)
            for i in range(100):
                mod.g
            """
        )
        outcome = self.lazily(
            dict(
                FILES,
                main="""
                import mod
                def read():
                    return type(mod.alpha).__name__
                keep = vars(mod.use)  # no placeholder here
                pending = mod.use.__globals__["alpha"]
                seen = set()
                for i in range(100):
                    seen.add(read())
                    mod.use.__globals__["alpha"] = pending
                print(seen)
                """,
            )
        )
        if not NATIVE:
            self.assertEqual(outcome.output, "{'module'}\n")

    def test_a_module_that_is_read_often(self):
        """It has a class of its own then; all that a program can see stays the same."""
        self.check(
            """
            import importlib, sys, types
            import mod
            import other
            def read(times):
                for i in range(times):
                    mod.thing
                return mod.thing()
            print(read(300), type(mod).__name__, mod.__class__ is types.ModuleType, isinstance(mod, types.ModuleType))
            print(repr(mod) == repr(other).replace("other", "mod"), mod.plain, hasattr(mod, "nothing"), other.thing)
            print(sorted(name for name in dir(mod) if name[0] != "_" and name != "real"))
            try:
                mod.nothing
            except AttributeError as error:
                print(error)
            mod.thing = len
            print(mod.thing, mod.thing("ab"))
            del mod.thing
            print(hasattr(mod, "thing"))
            mod.g = 1
            print(mod.g, mod.alpha.value, mod.renamed)
            importlib.reload(mod)
            print(read(300), mod.g.value, mod.use())
            """,
            files={"other": "import thing  # lazy", "thing": ""},
        )

    def test_names_that_wait_when_a_module_has_been_read_often(self):
        self.check(
            """
            import package
            for i in range(300):
                package.thing
            import later
            later.use()
            print(package.thing(), package.inner.value, package.g.value)
            """,
            "thing inner gamma\n",
            ["alpha", "package.unused"],
            files={
                "package/__init__": MOD,
                "package/inner": "value = 'inner'",
                "package/unused": "",
                "later": "import package.inner, package.unused  # lazy\ndef use(): return package",
            },
        )
        if NATIVE:
            return
        outcome = self.lazily(
            dict(
                FILES,
                main="""
                import types
                import mod
                for i in range(300):
                    mod.thing
                apart = type(mod)
                print(apart is not types.ModuleType, type.__dict__["__dict__"].__get__(apart).keys() >= {"alpha", "g"})
                print("thing" in type.__dict__["__dict__"].__get__(apart))
                mod.use()
                print(type(mod) is types.ModuleType)
                """,
            )
        )
        self.assertEqual(outcome.output, "True True\nFalse\nTrue\n")

    def test_set_and_delete(self):
        self.check(
            """
            import mod
            mod.alpha = type("fake", (), {"value": "fake"})
            setattr(mod, "thing", lambda: "patched")
            print(mod.use())
            del mod.g
            try:
                mod.use()
            except NameError as error:
                print(error)
            print(hasattr(mod, "g"))
            mod.g = 1
            print(mod.g)
            """,
            waits=["alpha"],
        )

    def test_inside_rebinding(self):
        self.check(
            """
            import mod
            mod.change()
            print(mod.alpha)
            """,
            "changed\n",
            ["alpha"],
            files={"mod": MOD + "def change():\n    global alpha\n    alpha = 'changed'"},
        )

    def test_mock_patch(self):
        self.check(
            """
            from unittest import mock
            import mod
            with mock.patch("mod.thing") as fake:
                fake.return_value = "mocked"
                print(mod.use()[1])
            print(mod.use()[1])
            with mock.patch("mod.alpha.value", "patched"):
                print(mod.use()[0])
            print(mod.use()[0])
            """,
            "mocked\nthing\npatched\nalpha\n",
        )

    def test_mock_patch_before_any_use(self):
        self.check(
            """
            from unittest import mock
            import mod
            patcher = mock.patch("mod.thing", lambda: "mocked")
            patcher.start()
            print(mod.thing(), mod.use())
            patcher.stop()
            print(mod.thing(), mod.use())
            """
        )

    @native_differs  # mock reads them raw
    def test_mock_patch_resolves_one_name(self):
        self.check(
            """
            from unittest import mock
            import mod
            with mock.patch("mod.thing", autospec=True) as fake:
                print(fake.__name__)
            print(mod.thing())
            """,
            "thing\nthing\n",
            ["alpha", "gamma"],
        )

    @native_differs  # mock reads them raw
    def test_mock_autospec(self):
        self.check(
            """
            from unittest import mock
            import mod
            for name in ("thing", "Klass", "alpha"):
                with mock.patch.object(mod, name, autospec=True) as fake:
                    print(name, type(fake).__name__, fake.__class__)
                    try:
                        fake(1, 2, 3)
                    except TypeError as error:
                        print(error)
            with mock.patch("mod.thing", spec=True) as fake:
                print(fake.__class__)
            fake = mock.Mock(spec=mod)
            print(fake.alpha is not None, hasattr(fake, "zzz"), isinstance(fake, type(mock)), type(fake.co).__name__)
            fake = mock.create_autospec(mod)
            try:
                fake.thing(1, 2)
            except TypeError as error:
                print(error)
            """,
            files={
                "mod": MOD + "from beta import Klass  # lazy\nfrom beta import co  # lazy\ndef k(): return Klass()",
                "beta": FILES["beta"] + "\nasync def co(): pass\nclass Klass:\n  def __init__(self, a): pass",
            },
        )

    def test_mock_dict(self):
        self.check(
            """
            from unittest import mock
            import mod
            with mock.patch.dict("mod.renamed", {"k": 1}):
                print(mod.renamed)
            with mock.patch.dict(mod.__dict__, {"thing": lambda: "mocked"}):
                print(mod.use()[1])
            print(mod.use()[1], mod.renamed, mod.thing())
            """,
            files={"beta": "def thing(): return 'thing'\nother = {'o': 1}"},
        )

    @native_differs  # they show in a namespace
    def test_namespace_from_outside(self):
        self.check(
            """
            import mod
            print(vars(mod)["thing"].__name__, mod.__dict__ is mod.use.__globals__)
            print(isinstance(mod.__dict__["renamed"], list))
            """
        )

    def test_inspect(self):
        self.check(
            """
            import inspect, types
            import mod
            print([name for name, value in inspect.getmembers(mod) if name[0] != "_" and name not in ("lazy", "real")])
            print([name for name, value in inspect.getmembers(mod, inspect.isfunction) if name[0] != "_" and name not in ("lazy", "real")])
            print(inspect.ismodule(mod), inspect.getmodule(mod.use) is mod, inspect.getsourcefile(mod)[-6:])
            """
        )

    def test_protocol_on_a_module(self):
        self.check(
            """
            from typing import Protocol, runtime_checkable
            import mod
            @runtime_checkable
            class Uses(Protocol):
                def use(self): ...
                def thing(self): ...
            @runtime_checkable
            class Other(Protocol):
                def nothing(self): ...
            print(isinstance(mod, Uses), isinstance(mod, Other))
            """,
            "True False\n",
            waits=["alpha", "gamma"],
        )

    def test_protocol_and_another_modules_name(self):
        """What is pending in one module is no attribute of all modules."""
        self.check(
            """
            from typing import Protocol, runtime_checkable
            import mod, other
            @runtime_checkable
            class Other(Protocol):
                def elsewhere(self): ...
            print(isinstance(mod, Other), "elsewhere" in type(mod).__dict__, type(mod).__module__, type(mod).__name__)
            class Module(type(mod)):
                def mine(self): return 1
            print("mine" in Module.__dict__, Module("m").mine())
            """,
            "False False builtins module\nTrue 1\n",
            waits=["alpha", "gamma"],
            files={"other": "import delta as elsewhere  # lazy\n", "delta": ""},
        )

    def test_looks_like_a_module(self):
        self.check(
            """
            import types, sys
            import mod
            print(repr(mod)[:12], mod.__class__ is types.ModuleType, mod.__class__, isinstance(mod, types.ModuleType), type(mod).__name__, type(mod))
            print(mod.__name__, mod.__doc__, hasattr(mod, "__module__"), hasattr(mod, "__slots__"))
            print(callable(mod), bool(mod), hash(mod) == object.__hash__(mod))
            print(sorted(set(dir(mod)) - {"__builtins__", "real"}))
            """,
            waits=["alpha"],
        )

    def test_dir_has_the_original_names_before_and_after(self):
        self.check(
            """
            import inspect, types
            import mod
            def names(found): return sorted(set(found) - {"__builtins__", "real", "__cached__"})
            before = names(dir(mod))
            print(before, names(mod.__dir__()) == before)
            print(names(name for name, value in inspect.getmembers(mod)) == before)
            print(type(mod) is types.ModuleType, names(dir(mod)) == before, names(name for name, value in inspect.getmembers(mod)) == before)
            print([name for name, value in inspect.getmembers(mod, inspect.isclass)])
            """
        )

    def test_the_class_goes_back(self):
        self.check(
            """
            import types
            import mod
            mod.use()
            print(type(mod) is types.ModuleType, type(mod.alpha) is types.ModuleType)
            """,
            "True True\n",
        )

    def test_the_class_goes_back_when_all_are_rebound(self):
        self.check(
            """
            import types
            import mod
            mod.alpha = mod.thing = mod.renamed = 1
            del mod.g
            print(type(mod) is types.ModuleType)
            """,
            "True\n",
            ["alpha", "beta", "gamma"],
        )

    def test_the_class_goes_back_although_a_branch_was_not_taken(self):
        self.check(
            """
            import types
            import mod
            print(mod.f())
            print(type(mod) is types.ModuleType)
            """,
            "alpha\nTrue\n",
            files={"mod": "import alpha  # lazy\nif 0:\n    import beta  # lazy\n    pass\ndef f(): return alpha.value"},
        )

    def test_use_while_the_body_runs(self):
        # alpha is used before the statement for beta is executed
        self.check(
            """
            import mod
            print(mod.first, type(mod.beta).__name__, mod.beta.thing())
            """,
            files={
                "mod": """
                import alpha  # lazy
                def f(): return alpha.value
                first = f()
                import beta  # lazy
                """
            },
        )

    def test_a_name_with_a_value_before(self):
        self.check(
            """
            import mod
            print(mod.first, type(mod.beta).__name__, mod.beta.thing())
            """,
            files={
                "mod": """
                beta = None
                import alpha  # lazy
                def f(): return alpha.value
                first = f()
                import beta  # lazy
                """
            },
        )

    def test_assign_class(self):
        self.check(
            """
            import mod
            print(mod.__class__.__name__, type(mod).__name__)
            print(mod.alpha.value, mod.thing(), mod.shout)
            print(type(mod.alpha).__name__, type(mod.thing).__name__, type(mod.delta).__name__)
            print(mod.use())
            """,
            files={
                "mod": MOD
                + """
import sys, types
class Loud(types.ModuleType):
    @property
    def shout(self): return "LOUD"
    def __getattribute__(self, name):
        value = super().__getattribute__(name)
        return value
sys.modules[__name__].__class__ = Loud
import delta  # lazy
def d(): return delta.value
""",
                "delta": "value = 'delta'",
            },
        )

    def test_assign_module_type(self):
        self.check(
            """
            import types
            import mod
            mod.__class__ = types.ModuleType
            print(mod.thing())
            """,
            waits=["alpha"],
        )

    def test_class_from_the_start(self):
        self.check(
            """
            import importlib.util, types, sys
            class Own(types.ModuleType):
                def __getattribute__(self, name):
                    return super().__getattribute__(name)
            class Loader:
                def __init__(self, loader): self.loader = loader
                def create_module(self, spec): return Own(spec.name)
                def exec_module(self, module): self.loader.exec_module(module)
            spec = importlib.util.find_spec("mod")
            spec.loader = Loader(spec.loader)
            module = importlib.util.module_from_spec(spec)
            sys.modules["mod"] = module
            spec.loader.exec_module(module)
            print(type(module).__name__, type(module.thing).__name__, type(vars(module)["alpha"]).__name__, module.use())
            """
        )

    def test_module_that_replaces_itself(self):
        self.check(
            """
            import mod
            print(mod.use(), mod.plain)
            """,
            files={
                "mod": MOD
                + """
import sys
class Facade:
    plain = 7
    def use(self): return use()
sys.modules[__name__] = Facade()
"""
            },
        )

    def test_setting_a_pending_value_back(self):
        # what mock did before 3.8, and hand-written test helpers do
        self.check(
            """
            import mod
            saved = dict(mod.__dict__)
            mod.__dict__["thing"] = lambda: "patched"
            print(mod.use()[1])
            mod.__dict__.update(saved)
            print(mod.use()[1], mod.thing())
            """
        )

    def test_special_names(self):
        self.check(
            """
            import mod
            print(mod.__version__, mod.anything, dir(mod))
            print(mod.__version__)
            """,
            files={
                "beta": "__version__ = '1.2'\ndef __getattr__(name): return 'dynamic ' + name\ndef __dir__(): return ['x']",
                "mod": """
                from beta import __version__  # lazy
                from beta import __getattr__  # lazy
                from beta import __dir__  # lazy
                """,
            },
        )

    def test_attribute_error_is_not_swallowed(self):
        for read in ("mod.bad", "from mod import bad", "getattr(mod, 'bad')", "hasattr(mod, 'bad')"):
            with self.subTest(read=read):
                for form in ("build", "apply"):

                    outcome = run(
                        {
                            "bad": "import sys\nsys.nothing_like_this",
                            "mod": "import bad  # lazy",
                            "main": "import mod\n" + read,
                        },
                        lambda source: rewrite(source, form),
                    )
                    if NATIVE and read.startswith("hasattr"):
                        continue
                    self.assertIn("nothing_like_this", outcome.trace)
                    self.assertIsNotNone(outcome.error)

    def test_attribute_error_through_a_chain_keeps_its_type(self):
        self.same(
            {
                "bad": "import sys\nsys.nothing_like_this",
                "mod": "from bad import x  # lazy",
                "main": "from mod import x  # lazy\ndef f(): return x.y\nf()",
            },
            error=AttributeError,
        )


class Packages(Programs):
    def test_function_named_like_its_submodule(self):
        files = {
            "pkg": "from .squeeze import squeeze  # lazy\nfrom .wide import wide as wide  # lazy\ndef f(): return squeeze()",
            "pkg.squeeze": "def squeeze(): return 'squeezed'\nhelper = 1",
            "pkg.wide": "def wide(): return 'wide'",
        }
        for main in (
            "import pkg\nprint(pkg.squeeze(), pkg.f())",
            "from pkg import squeeze\nprint(squeeze())",
            "import pkg.squeeze\nprint(pkg.squeeze(), pkg.f())",
            "from pkg.squeeze import helper\nimport pkg\nprint(helper, pkg.squeeze(), pkg.f())",
            "import pkg, importlib\nm = importlib.import_module('pkg.squeeze')\nprint(m.helper, pkg.f(), pkg.squeeze())",
            "from pkg import *\nprint(squeeze())",
        ):
            with self.subTest(main=main):
                self.same(dict(files, main=main), waits=["pkg.wide"] if "*" not in main else ())

    def test_other_name_than_its_submodule(self):
        # pkg.squeeze is loaded after `squeeze` was bound to something else: the module wins
        self.same(
            {
                "pkg": "from .other import squeeze  # lazy",
                "pkg.other": "def squeeze(): return 'squeezed'",
                "pkg.squeeze": "",
                "main": "import pkg\nimport pkg.squeeze\nprint(pkg.squeeze.__name__)",
            },
            "pkg.squeeze\n",
        )

    @native_differs  # the submodule wins
    def test_rebound_from_outside_before_the_submodule_is_loaded(self):
        files = {
            "pkg": "from .squeeze import squeeze  # lazy\nimport pkg.wide as wide  # lazy\ndef f(): return real(squeeze), real(wide)",
            "pkg.squeeze": "def squeeze(): return 'squeezed'\nhelper = 1",
            "pkg.wide": "",
        }
        for change in ("pkg.squeeze = pkg.wide = 'set'", "pkg.squeeze = 'set'\ndel pkg.wide"):
            with self.subTest(change=change):
                self.same(
                    dict(
                        files,
                        main="import pkg\n%s\nimport pkg.squeeze, pkg.wide\nprint(pkg.squeeze, getattr(pkg, 'wide', 'none'))" % change,
                    ),
                    "set set\n" if "del" not in change else "set none\n",
                )

    def test_submodules_of_oneself(self):
        files = {
            "pkg": """
            from . import one  # lazy
            from pkg import two  # lazy
            from . import three as drei  # lazy
            import pkg.four as vier  # lazy
            def f(): return one.name, two.name, drei.name, vier.name
            """,
            "pkg.one": "name = 1",
            "pkg.two": "name = 2",
            "pkg.three": "name = 3",
            "pkg.four": "name = 4",
        }
        for main in (
            "import pkg\nprint(pkg.f())",
            "import pkg\nprint(pkg.one.name, pkg.two.name, pkg.drei.name, pkg.vier.name)",
            "from pkg import one, two, drei, vier\nprint(one, two, drei, vier)".replace("one, two, drei, vier)", "one.name)"),
            "import pkg.one, pkg.two, pkg.three, pkg.four\nprint(pkg.f(), pkg.one.name)",
            "from pkg import three\nimport pkg\nprint(three.name, pkg.drei.name)",
            "import pkg.one as o\nfrom pkg import one\nprint(o is one)",
        ):
            with self.subTest(main=main):
                self.same(dict(files, main=main))

    def test_submodule_loaded_before_the_statement(self):
        self.same(
            {
                "pkg": """
                import pkg.one
                from . import one  # lazy
                from .two import two  # lazy
                def f(): return one.name, two()
                """,
                "pkg.one": "name = 1",
                "pkg.two": "def two(): return 2",
                "main": "import pkg.two\nfrom pkg import one\nprint(one.name, pkg.f(), pkg.two())",
            },
            "1 (1, 2) 2\n",
        )

    def test_read_during_its_own_load(self):
        self.same(
            {
                "pkg": "from .squeeze import squeeze  # lazy\ndef f(): return squeeze()",
                "pkg.squeeze": """
                import pkg
                from pkg import squeeze as me
                print(me.__name__)
                print(hasattr(pkg, "squeeze"))
                def squeeze(): return "squeezed"
                """,
                "main": "import pkg\nprint(pkg.squeeze())\nprint(pkg.f())",
            },
            "pkg.squeeze\nFalse\nsqueezed\nsqueezed\n",
        )
        self.same(
            {
                "pkg": "from .squeeze import squeeze  # lazy\ndef f(): return squeeze()",
                "pkg.squeeze": """
                from pkg import squeeze as me
                print(me.__name__)
                def squeeze(): return "squeezed"
                """,
                "main": "import pkg\nprint(pkg.f())",
            },
            "pkg.squeeze\nsqueezed\n",
        )

    def test_relative_levels(self):
        self.same(
            {
                "core": "name = 'top'",
                "core.m": "name = 'core.m'\nz = 'z'",
                "core.deep": "",
                "core.deep.er": """
                from .. import m  # lazy
                from ..m import z as w  # lazy
                from . import sibling  # lazy
                from .sibling import value  # lazy
                def f(): return m.name, real(w), sibling.value, real(value)
                """,
                "core.deep.sibling": "value = 'sibling'",
                "main": "from core.deep.er import f\nprint(f())\nfrom core.deep.er import w\nprint(w)",
            },
            "('core.m', 'z', 'sibling', 'sibling')\nz\n",
        )

    def test_helper_names_are_hidden(self):
        if NATIVE:
            self.skipTest("the class is not swapped")
        outcome = self.lazily({"main": "import mod\nprint(*dir(mod))", "mod": "import alpha  # lazy", "alpha": ""})
        self.assertNotIn("_dally", outcome.output)
        self.assertNotIn("real", outcome.output)


if __name__ == "__main__":
    unittest.main()
