"""What rewritten code does with a placeholder gives exactly what it gives on the real object."""

import unittest

from support import NATIVE, Programs

LIB = """
import sys, warnings
value = 1
class Meta(type):
    @property
    def caller(cls):
        return sys._getframe(1).f_code.co_name
    def __instancecheck__(cls, instance):
        return sys._getframe(1).f_code.co_name, type(instance) is int and instance > 5
    def __instancecheck__(cls, instance):
        print("instancecheck", sys._getframe(1).f_code.co_name, instance)
        return isinstance(instance, int) and instance > 5
    def __subclasscheck__(cls, other):
        print("subclasscheck", sys._getframe(1).f_code.co_name, other.__name__)
        return other is int
class Odd(metaclass=Meta):
    pass
class Generic:
    def __class_getitem__(cls, item):
        return cls, item, sys._getframe(1).f_code.co_name
class Base: pass
class Child(Base): pass
class Lying:
    __class__ = Base
def depth():
    return sys._getframe(1).f_code.co_name
def warn():
    warnings.warn("hello", stacklevel=2)
def fail():
    raise ValueError("no")
items = {"a": 1}
def __getattr__(name):
    return "dynamic", name, sys._getframe(1).f_code.co_name
"""


class Transparent(Programs):
    def test_attribute(self):
        self.same(
            {
                "lib": LIB,
                "main": """
                import lib  # lazy
                def get():
                    return lib.value
                def store():
                    lib.value = 5
                def delete():
                    del lib.value
                def frame():
                    return lib.anything
                print(get())
                store()
                print(get())
                delete()
                print(frame())
                print(get())
                """,
            },
            prints="""
            1
            5
            ('dynamic', 'anything', 'frame')
            ('dynamic', 'value', 'get')
            """,
        )

    def test_first_use_is_each_operation(self):
        for expression in (
            "lib.value",
            "lib.missing_becomes_dynamic",
            "depth()",
            "Generic[int]",
            "items['a']",
            "isinstance(1, Base), isinstance(Child(), Base)",
            "isinstance(Child(), (int, Base))",
            "isinstance(Lying(), Base)",
            "isinstance(7, Odd), isinstance(3, Odd)",
            "isinstance(real(Odd).__new__(Odd), Odd)",
            "isinstance(7, (str, Odd))",
            "isinstance(Exact(), Odd)",
            "issubclass(int, Odd), issubclass(str, Odd)",
            "issubclass(int, (str, Odd))",
            "issubclass(Child, Base), issubclass(int, Base)",
            "Odd.caller",
        ):
            if expression == "isinstance(Exact(), Odd)":
                expression = "isinstance(object.__new__(Odd.__mro__[0]), Odd)"
            with self.subTest(expression=expression):
                self.same(
                    {
                        "lib": LIB,
                        "main": """
                        import lib  # lazy
                        from lib import depth  # lazy
                        from lib import Generic  # lazy
                        from lib import items  # lazy
                        from lib import Base  # lazy
                        from lib import Child  # lazy
                        from lib import Lying  # lazy
                        from lib import Odd  # lazy
                        def use():
                            return %s
                        print(use())
                        print(use())
                        """
                        % expression.replace("issubclass(Child,", "issubclass(real(Child),"),
                    }
                )

    def test_store_through_a_subscript(self):
        self.same(
            {
                "lib": LIB,
                "main": """
                from lib import items  # lazy
                def use():
                    items["b"] = 2
                    del items["a"]
                use()
                import lib
                print(lib.items)
                """,
            },
            prints="{'b': 2}\n",
        )

    def test_unions(self):
        self.same(
            {
                "lib": "import sys\nEither = (int, str)\nif sys.version_info >= (3, 10): Either = int | str",
                "main": """
                from lib import Either  # lazy
                def use(x):
                    return isinstance(x, Either), isinstance(x, (bytes, Either))
                print(use(1), use(b""), use(None))
                """,
            },
            prints="(True, True) (False, True) (False, False)\n",
        )

    def test_class_pattern(self):
        import sys

        if sys.version_info < (3, 10):
            self.skipTest("match statement")
        self.same(
            {
                "lib": "class Point:\n  __match_args__ = ('x',)\n  x = 3",
                "main": """
                import lib  # lazy
                def use(value):
                    match value:
                        case lib.Point(x):
                            return x
                print(use(lib.Point()))
                """,
            }
        )

    def test_warning_names_the_caller(self):
        self.same(
            {
                "lib": LIB,
                "main": """
                import warnings
                from lib import warn  # lazy
                def use():
                    warn()
                for again in range(2):
                    with warnings.catch_warnings(record=True) as caught:
                        warnings.simplefilter("always")
                        use()
                    print(caught[0].filename.endswith("main.py"), caught[0].lineno > 3)
                """,
            },
            prints="True True\nTrue True\n",
        )

    def test_traceback_of_a_call_has_no_frame_of_ours(self):
        outcome = self.same(
            {
                "lib": LIB,
                "main": """
                import traceback
                from lib import fail  # lazy
                def use():
                    fail()
                try:
                    use()
                except ValueError as error:
                    print([entry.name for entry in traceback.extract_tb(error.__traceback__)])
                """,
            },
        )
        self.assertEqual(outcome.output, "['<module>', 'use', 'fail']\n")

    def test_files_that_seem_to_run_are_there(self):
        outcome = self.lazily(
            {
                "lib": "value = 1",
                "main": """
                import os, sys
                import lib  # lazy
                missing = []
                def watch(frame, event, argument):
                    name = frame.f_code.co_filename
                    if name[0] != "<" and not os.path.exists(name):
                        missing.append(name)
                def use():
                    return lib.value
                sys.settrace(watch)
                use()
                sys.settrace(None)
                print(missing)
                """,
            }
        )
        self.assertEqual(outcome.output, "[]\n")

    def test_module_level_warning_is_not_put_on_us(self):
        outcome = self.lazily(
            {
                "lib": "import warnings\nwarnings.warn('old', DeprecationWarning, stacklevel=2)",
                "main": """
                import warnings
                import lib  # lazy
                def use():
                    return lib.__name__
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    use()
                print([entry.filename.endswith("main.py") for entry in caught])
                """,
            }
        )
        self.assertEqual(outcome.output, "[True]\n")

    def test_augmented_and_chained_use(self):
        self.same(
            {
                "lib": "class A:\n  n = 1\n  def m(self): return self\na = A()",
                "main": """
                from lib import a  # lazy
                import lib  # lazy
                def use():
                    a.n += 1
                    lib.a.n += 1
                    return a.m().m().n
                print(use(), use())
                """,
            },
            prints="3 5\n",
        )

    def test_first_use_replaces_the_global(self):
        self.same(
            {
                "main": """
                import json  # lazy
                from json import dumps  # lazy
                def use():
                    json.dumps
                    dumps(1)
                use()
                import types
                print(type(globals()["json"]) is types.ModuleType)
                print(type(globals()["dumps"]) is types.FunctionType)
                """,
            },
            prints="True\nTrue\n",
        )

    def test_a_rebinding_is_never_undone(self):
        outcome = self.lazily(
            {
                "lib": "import main\nmain.lib = 'rebound by the load'\nvalue = 1",
                "main": """
                import lib  # lazy
                def use():
                    return lib.value
                print(use())
                print(real(lib))
                """,
            }
        )
        self.assertEqual(outcome.output, "1\nrebound by the load\n")

    def test_delete_the_name(self):
        self.same(
            {
                "main": """
                import json  # lazy
                def drop():
                    global json
                    del json
                drop()
                try:
                    print(json.dumps)
                except NameError as error:
                    print(error)
                """,
            },
            prints="name 'json' is not defined\n",
        )


@unittest.skipIf(NATIVE, "no placeholders here")
class DugOut(Programs):
    """A placeholder found in `globals()` answers like the real object."""

    forms = ("build",)

    def test_operations(self):
        for expression in (
            "str(x)", "repr(x)", "format(x, '>5')", "bool(x)", "x == 3", "x != 3", "x < 4", "3 == x", "4 > x",
            "hash(x)", "int(x)", "float(x)", "range(9)[x]", "x.__class__", "isinstance(x, int)", "dir(x) == dir(3)",
        ):  # fmt: skip
            with self.subTest(expression=expression):
                self.same(
                    {
                        "lib": "x = 3",
                        "main": "from lib import x  # lazy\nx = globals()['x']\nprint(%s)" % expression,
                    }
                )

    def test_containers(self):
        for expression in ("len(x)", "list(x)", "1 in x", "x[0]", "bytes(x)", "not x"):
            with self.subTest(expression=expression):
                self.same(
                    {
                        "lib": "x = [1, 2]",
                        "main": "from lib import x  # lazy\nx = globals()['x']\nprint(%s)" % expression,
                    }
                )

    def test_protocols(self):
        self.same(
            {
                "lib": """
                import asyncio, contextlib
                class Base: pass
                class Descriptor:
                    def __set_name__(self, owner, name): print("set_name", name)
                    def __get__(self, instance, owner): return 7
                descriptor = Descriptor()
                @contextlib.contextmanager
                def manager(): yield 5
                context = manager()
                async def coroutine(): return 6
                waiting = coroutine()
                def function(self): return self
                """,
                "main": """
                import asyncio
                from lib import descriptor  # lazy
                from lib import context  # lazy
                from lib import waiting  # lazy
                from lib import function  # lazy
                space = globals()
                class Child:
                    d = space["descriptor"]
                    f = space["function"]
                child = Child()
                print(child.d, child.f() is child)
                with space["context"] as x:
                    print(x)
                async def run():
                    return await space["waiting"]
                loop = asyncio.new_event_loop()
                print(loop.run_until_complete(run()))
                loop.close()
                """,
            }
        )


if __name__ == "__main__":
    unittest.main()
