"""Several interpreters in one process, in turn and at once, as `concurrent.interpreters` and embedding programs have them."""

import os
import shutil
import sys
import tempfile
import textwrap
import threading
import unittest

from support import RUNTIME, rewrite

try:
    import _interpreters
except ImportError:
    try:
        import _xxsubinterpreters as _interpreters
    except ImportError:
        _interpreters = None

FILES = {
    "log": "loads = []",
    "slow/__init__": "import log\nlog.loads.append(__name__)\nvalue = object()\ndef f(): return value",
    "slow/sub": "import log\nlog.loads.append(__name__)\nvalue = object()",
    "unused": "import log\nlog.loads.append(__name__)",
    "mod": """
        import slow  # lazy
        from slow import value  # lazy
        from slow import f  # lazy
        import unused  # lazy
        import slow.sub  # lazy import slow, slow.sub
        from slow.sub import value as deep  # lazy
        from slow.sub import value as outside  # lazy
        import nowhere  # lazy
        def inside():
            return slow.value is real(value) is f(), slow.sub.value is real(deep)
        def fails():
            try:
                nowhere.x
            except ModuleNotFoundError as error:
                return error.name
        """,
    "program": """
        import log, mod
        def report():
            before = len(log.loads)
            uses = mod.inside(), mod.outside is mod.slow.sub.value, mod.fails(), mod.fails()
            return repr((before, sorted(log.loads), uses))
        """,
}
FIRST = repr((0, ["slow", "slow.sub"], ((True, True), True, "nowhere", "nowhere")))
LATER = FIRST.replace("(0", "(2", 1)
# Says what happened in a file: each interpreter has its own standard output.
SCRIPT = """
import sys
sys.path[:0] = {path!r}
import program
with open({result!r}, "a") as stream:
    stream.write(program.report() + "\\n")
"""


def create(own_lock):
    """Make an interpreter, with a lock of its own where that can be had (3.12 and later)."""
    if sys.version_info >= (3, 13):
        return _interpreters.create("isolated" if own_lock else "legacy")
    if sys.version_info >= (3, 9):
        return _interpreters.create(isolated=own_lock)
    return _interpreters.create()


@unittest.skipIf(_interpreters is None, "this Python cannot make interpreters")
class Interpreters(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, form):
        for name, source in FILES.items():
            file = os.path.join(self.folder, form, name + ".py")
            os.makedirs(os.path.dirname(file), exist_ok=True)
            with open(file, "w", encoding="utf-8") as stream:
                stream.write(rewrite(textwrap.dedent(source), form))
        return os.path.join(self.folder, form)

    def execute(self, interpreter, folder, number):
        path = [folder, os.path.abspath(RUNTIME)]
        failure = _interpreters.run_string(interpreter, SCRIPT.format(path=path, result=self.result(number)))
        self.assertIsNone(failure)  # before 3.13 it is raised

    def result(self, number):
        return os.path.join(self.folder, "result%d" % number)

    def said(self, number):
        with open(self.result(number)) as stream:
            lines = stream.read().splitlines()
        os.remove(self.result(number))
        return lines

    def test_in_turn(self):
        """Each interpreter has its own pending names; what one loads, and that it ends, is nothing to the next."""
        for form in ("build", "marked", "apply"):
            for own_lock in (False, True):
                with self.subTest(form=form, own_lock=own_lock):
                    folder = self.write(form)
                    one, two = create(own_lock), create(own_lock)
                    self.execute(one, folder, 1)
                    self.execute(two, folder, 2)
                    _interpreters.destroy(one)
                    self.execute(two, folder, 2)
                    _interpreters.destroy(two)
                    self.assertEqual(self.said(1), [FIRST])
                    self.assertEqual(self.said(2), [FIRST, LATER])

    def test_at_once(self):
        folder = self.write("build")
        for own_lock in (False, True):
            with self.subTest(own_lock=own_lock):
                interpreters = [create(own_lock) for _ in range(6)]
                threads = [threading.Thread(target=self.execute, args=(one, folder, number)) for number, one in enumerate(interpreters)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                for one in interpreters:
                    _interpreters.destroy(one)
                for number in range(len(interpreters)):
                    self.assertEqual(self.said(number), [FIRST])

    def test_main_interpreter_keeps_its_own(self):
        """Code of the main interpreter has pending names while another one uses the same modules."""
        folder = self.write("build")
        names = {"log", "slow", "slow.sub", "unused", "mod", "program"}
        sys.path.insert(0, folder)
        try:
            import program

            one = create(True)
            self.execute(one, folder, 1)
            _interpreters.destroy(one)
            self.assertEqual(sys.modules["log"].loads, [])
            self.assertEqual(program.report(), FIRST)
            self.assertEqual(self.said(1), [FIRST])
        finally:
            sys.path.remove(folder)
            for name in names:
                sys.modules.pop(name, None)
