"""Pickling and copying, of modules with pending names and of placeholders."""

import sys
import unittest

from support import NATIVE, Programs, native_differs

FILES = {
    "alpha": "value = 'alpha'\nclass A: pass",
    "beta": "def thing(): return 'thing'",
    "mod": """
    import alpha  # lazy
    from beta import thing  # lazy
    from alpha import A  # lazy
    def use(): return alpha.value, thing()
    """,
}


class Modules(Programs):
    def check(self, main, prints=None, waits=(), **more):
        self.same(dict(FILES, main=main, **more), prints, waits)

    def test_by_reference(self):
        self.check(
            """
            import pickle
            import mod
            for value in (mod.use, mod.thing, mod.A, mod.A()):
                print(type(pickle.loads(pickle.dumps(value))).__name__)
            class Here:
                def __reduce__(self): return getattr, (mod.alpha.A, "__name__")
            print(pickle.loads(pickle.dumps(Here())))
            """
        )

    def test_name_looked_up_in_the_module(self):
        self.check(
            """
            import pickle
            import mod
            print(pickle.loads(b"cmod\\nthing\\n.")())
            """,
            "thing\n",
        )

    def test_whichmodule(self):
        # pickle searches all modules for an object that does not say where it lives
        self.check(
            """
            import pickle
            import mod
            def thing(): pass
            thing.__module__ = None
            thing.__qualname__ = "thing"
            try:
                print(pickle.whichmodule(thing, "thing"))
            except Exception as error:
                print(error)
            """
        )

    def test_plain_pickle_refuses_modules(self):
        self.check(
            """
            import copy, io, pickle
            import mod
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                for pickler in (pickle._Pickler, pickle.Pickler):
                    for value in (mod, [mod], {"m": mod}):
                        try:
                            pickler(io.BytesIO(), protocol).dump(value)
                        except Exception as error:
                            print(type(error).__name__, error)
            import one, two, three
            for function, module in ((copy.copy, one), (copy.deepcopy, two), (pickle.dumps, three)):
                try:
                    function(module)
                except Exception as error:
                    print(type(error).__name__, error)
            try:
                copy.deepcopy([mod])
            except Exception as error:
                print(type(error).__name__, error)
            print(copy.copy([mod])[0] is mod, copy.copy(mod.thing) is mod.thing)
            """,
            one=FILES["mod"],
            two=FILES["mod"],
            three=FILES["mod"],
        )

    def test_picklers_with_a_rule_for_modules(self):
        self.check(
            """
            import copyreg, importlib, io, pickle, types
            import mod
            def rule(module): return importlib.import_module, (module.__name__,)
            class Table(pickle.Pickler):
                dispatch_table = dict(copyreg.dispatch_table)
                dispatch_table[types.ModuleType] = rule
                def dump(self, value): return super().dump(value)
            class Hidden(pickle.Pickler):
                dispatch_table = Table.dispatch_table
            class Slow(pickle._Pickler):
                dispatch_table = Table.dispatch_table
            class Dispatch(pickle._Pickler):
                dispatch = dict(pickle._Pickler.dispatch)
                def save_module(self, module): self.save_reduce(importlib.import_module, (module.__name__,), obj=module)
                dispatch[types.ModuleType] = save_module
            class Override(pickle.Pickler):
                def reducer_override(self, value):
                    return rule(value) if isinstance(value, types.ModuleType) else NotImplemented
            def dump(pickler, value):
                stream = io.BytesIO()
                pickler(stream, 4).dump(value)
                return stream.getvalue()
            for number, pickler in enumerate((Table, Hidden, Slow, Dispatch, Override)):
                mod = importlib.import_module("mod_%d" % number)
                value = [mod, mod, {"m": mod}]
                data = dump(pickler, value)
                again = pickle.loads(data)
                print(pickler.__name__, again[0] is mod, again[1] is mod, again[2]["m"] is mod, type(mod.alpha).__name__)
            import mod_5 as mod
            copyreg.pickle(types.ModuleType, rule)
            try:
                print(pickle.loads(pickle.dumps([mod, mod])) == [mod, mod])
            finally:
                del copyreg.dispatch_table[types.ModuleType]
            """,
            **{"mod_%d" % number: FILES["mod"] for number in range(6)}
        )

    def test_a_rule_for_modules_loads_nothing(self):
        self.check(
            """
            import copyreg, importlib, io, pickle, types
            import mod
            def rule(module): return importlib.import_module, (module.__name__,)
            class Table(pickle.Pickler):
                dispatch_table = dict(copyreg.dispatch_table)
                dispatch_table[types.ModuleType] = rule
                def dump(self, value): return super().dump(value)
            stream = io.BytesIO()
            Table(stream, 4).dump(mod)
            print(pickle.loads(stream.getvalue()) is mod)
            """,
            "True\n",
            ["alpha", "beta"],
        )


@unittest.skipIf(NATIVE, "no placeholders here")
class Placeholders(Programs):
    def check(self, main, prints, **more):
        outcome = self.lazily(dict(FILES, main=main, **more))
        self.assertEqual(outcome.output, prints)
        return outcome

    def test_pickled(self):
        outcome = self.check(
            """
            import copyreg, pickle, sys
            import mod
            space = mod.use.__globals__
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                again = pickle.loads(pickle.dumps([space["alpha"], space["thing"]], protocol))
                print(type(again[0]).__name__, type(again[1]).__name__, end=" ")
            print("alpha" in sys.modules, "beta" in sys.modules)
            space["alpha"], space["thing"] = again
            print(mod.use(), mod.use(), type(real(mod.thing)).__name__)
            """,
            "Pending Pending " * 6 + "False False\n('alpha', 'thing') ('alpha', 'thing') function\n",
        )
        self.assertIn("alpha", outcome.loaded)

    def test_relative_and_dotted(self):
        self.check(
            """
            import copyreg, pickle
            import p.q.m
            space = p.q.m.f.__globals__
            again = {name: pickle.loads(pickle.dumps(space[name])) for name in ("r", "x", "up", "rr", "p")}
            print(again["r"].x, real(again["x"]), again["up"].y, again["rr"].x, again["p"].s.z)
            """,
            "1 1 2 1 3\n",
            **{
                "p": "",
                "p.s": "z = 3",
                "p.up": "y = 2",
                "p.q": "",
                "p.q.r": "x = 1",
                "p.q.m": """
                from . import r  # lazy
                from .r import x  # lazy
                from .. import up  # lazy
                import p.q.r as rr  # lazy
                import p.s  # lazy
                def f(): pass
                """,
            },
        )

    def test_pending_attribute_of_a_package(self):
        self.check(
            """
            import copyreg, pickle, sys
            import p.s  # lazy
            def use(): return p.x
            use()
            again = pickle.loads(pickle.dumps(sys.modules["p"].f.__globals__["s"]))
            print("p.s" in sys.modules, again.z)
            """,
            "False 3\n",
            **{"p": "x = 1\ndef f(): pass", "p.s": "z = 3"},
        )

    def test_copied(self):
        self.check(
            """
            import copy
            import mod
            space = mod.use.__globals__
            for function in (copy.copy, copy.deepcopy):
                print(function(space["alpha"]).value, function(space["thing"])())
            also = dict(space)
            print(type(also["A"]).__name__)
            print(isinstance(also["A"](), also["A"]), mod.A is real(also["A"]))
            """,
            "alpha thing\nalpha thing\nPending\nTrue True\n",
        )

    def test_resolves_once(self):
        self.check(
            """
            import copyreg, pickle, sys
            import mod
            again = pickle.loads(pickle.dumps(mod.use.__globals__["A"]))
            first = real(again)
            del sys.modules["alpha"]
            print(real(again) is first)
            """,
            "True\n",
        )


@unittest.skipUnless(NATIVE, "the interpreter has no lazy objects, or they are switched off")
class LazyObjects(Programs):
    """cloudpickle takes the interpreter's own lazy objects out of the globals of a function, and knows no way to pickle them."""

    def test_pickled(self):
        outcome = self.lazily(
            dict(
                FILES,
                main="""
                import pickle, sys
                import mod
                for dumps in (pickle.dumps, pickle._dumps):
                    space = mod.use.__globals__
                    again = pickle.loads(dumps({name: space[name] for name in ("alpha", "thing")}))
                    again = pickle.loads(dumps(again))
                    print(*(type(again[name]).__name__ for name in sorted(again)), end=" ")
                    print("alpha" in sys.modules, "beta" in sys.modules)
                scope = dict(again)
                exec("def use(): return alpha.value, thing()", scope)
                print(scope["use"](), scope["use"]())
                """,
            )
        )
        self.assertEqual(outcome.output, "lazy_import lazy_import False False\n" * 2 + "('alpha', 'thing') ('alpha', 'thing')\n")

    def test_relative_and_dotted(self):
        outcome = self.lazily(
            {
                "main": """
                import pickle, sys
                import p.q.m
                space = p.q.m.f.__globals__
                scope = pickle.loads(pickle.dumps({name: space[name] for name in ("r", "x", "up", "rr", "p")}))
                print(sorted(name for name in sys.modules if name.startswith("p.")))
                exec("def use(): return r.x, x, up.y, rr.x, p.s.z", scope)
                print(scope["use"]())
                """,
                "p": "",
                "p.s": "z = 3",
                "p.up": "y = 2",
                "p.q": "",
                "p.q.r": "x = 1",
                "p.q.m": """
                from . import r  # lazy
                from .r import x  # lazy
                from .. import up  # lazy
                import p.q.r as rr  # lazy
                import p.s  # lazy
                def f(): pass
                """,
            }
        )
        self.assertEqual(outcome.output, "['p.q', 'p.q.m']\n(1, 1, 2, 1, 3)\n")

    def test_of_other_making(self):
        """A lazy object that we know nothing about is pickled as what it stands for."""
        outcome = self.lazily(
            dict(
                FILES,
                main="""
                import pickle
                import mod
                scope = {}
                exec("lazy from beta import thing as other", scope)
                print(pickle.loads(pickle.dumps([scope["other"]]))[0]())
                """,
            )
        )
        self.assertEqual(outcome.output, "thing\n")

    def test_functions_that_read_names(self):
        """The factories of a module are reduced like the method of an object, as `multiprocessing` does it."""
        outcome = self.lazily(
            dict(
                FILES,
                main="""
                import pickle
                from beta import thing  # lazy
                def give(): return real(thing)
                def reduce(method): return getattr(pickle.loads(pickle.dumps(method.__self__)), method.__func__.__name__)
                space = give.__globals__
                if "__dally_real__" in space:
                    print(reduce(space["__dally_real__"])(3), give()())
                """,
            ),
            "marked",
        )
        self.assertEqual(outcome.output, "3 thing\n")


if __name__ == "__main__":
    unittest.main()
