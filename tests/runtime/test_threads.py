"""First use in several threads at once."""

import sys
import threading
import unittest

from support import Programs, rewrite, run

SLOW = "import time\nimport log\nlog.loads.append(__name__)\ntime.sleep(0.05)\nvalue = object()\ndef f(): return value"


class Threads(Programs):
    def program(self, uses, count):
        return {
            "log": "loads = []",
            "slow": SLOW,
            "slow.sub": SLOW,
            "mod": """
            import slow  # lazy
            from slow import value  # lazy
            from slow import f  # lazy
            import slow.sub  # lazy import slow, slow.sub
            from slow.sub import value as deep  # lazy
            def one(): return slow.value
            def two(): return real(value)
            def three(): return f()
            def four(): return slow.sub.value
            def five(): return real(deep)
            """,
            "main": """
            import sys, threading, types
            import log, mod
            seen, errors = [], []
            barrier = threading.Barrier(%d)
            uses = %s
            def work(use):
                barrier.wait()
                try:
                    seen.append(use())
                except BaseException as error:
                    errors.append(repr(error))
            threads = [threading.Thread(target=work, args=(uses[i %% len(uses)],)) for i in range(%d)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            print(errors, sorted(log.loads), len(seen), len({id(value) for value in seen}))
            """
            % (count, uses, count),
        }

    def test_two_and_ten(self):
        for uses, kinds in (
            ("[mod.one]", 1),
            ("[mod.two]", 1),
            ("[mod.one, mod.two, mod.three]", 1),
            ("[lambda: mod.value, mod.one, lambda: mod.slow.value]", 1),
            ("[mod.four]", 1),
            ("[mod.four, mod.five, lambda: mod.slow.sub.value]", 1),
            ("[mod.one, mod.four, mod.five, mod.two]", 2),
        ):
            for count in (2, 10):
                for form in self.forms:
                    with self.subTest(uses=uses, count=count, form=form):
                        outcome = run(self.program(uses, count), lambda source: rewrite(source, form))
                        self.assertIsNone(outcome.error, outcome.trace)
                        errors, rest = outcome.output.split("] ", 1)
                        self.assertEqual(errors, "[")
                        loads, rest = rest.split("] ", 1)
                        self.assertLessEqual(loads.count("'slow'"), 1)
                        self.assertLessEqual(loads.count("'slow.sub'"), 1)
                        seen, distinct = rest.split()
                        self.assertEqual(int(seen), count)
                        if kinds == 1 and count == 10:
                            self.assertEqual(int(distinct), kinds)

    def test_many_small_steps(self):
        """Switch threads as often as possible while names resolve and are rebound."""
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for again in range(5):
                outcome = run(
                    {
                        "lib": "\n".join("def f%d(): return %d" % (i, i) for i in range(30)),
                        "mod": "\n".join("from lib import f%d  # lazy" % i for i in range(30))
                        + "\ndef use(i): return globals()['g%d' % i]()\n"
                        + "\n".join("def g%d(): return f%d()" % (i, i) for i in range(30)),
                        "main": """
                        import threading, types
                        import mod
                        errors = []
                        def work():
                            try:
                                for i in range(30):
                                    assert mod.use(i) == i
                                    assert getattr(mod, "f%d" % i)() == i
                            except BaseException as error:
                                errors.append(repr(error))
                        threads = [threading.Thread(target=work) for i in range(8)]
                        for thread in threads: thread.start()
                        for thread in threads: thread.join()
                        print(errors, type(mod) is types.ModuleType)
                        """,
                    },
                    rewrite,
                )
                self.assertEqual(outcome.output, "[] True\n", outcome.trace)
        finally:
            sys.setswitchinterval(interval)

    def test_error_in_all_threads(self):
        outcome = run(
            {
                "bad": "import time\ntime.sleep(0.02)\nraise ValueError('no')",
                "main": """
                import threading
                import bad  # lazy
                errors = []
                def work():
                    try:
                        bad.x
                    except BaseException as error:
                        errors.append(type(error).__name__)
                threads = [threading.Thread(target=work) for i in range(5)]
                for thread in threads: thread.start()
                for thread in threads: thread.join()
                print(sorted(set(errors)), len(errors))
                """,
            },
            rewrite,
        )
        self.assertEqual(outcome.output, "['ValueError'] 5\n", outcome.trace)


if __name__ == "__main__":
    unittest.main()
