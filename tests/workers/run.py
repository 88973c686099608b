"""Code of rewritten modules in worker processes: the real cloudpickle, joblib, multiprocessing and dask.

  python -m venv DIR && DIR/bin/pip install -r tests/workers/requirements.txt
  DIR/bin/python tests/workers/run.py --dally target/release/dally [WAY...]

The program is rewritten by `dally build`. Functions, methods and objects of its `__main__` and of a module of it,
which mention twenty pending imports, are sent to workers by each way. A job uses one of the twenty. It must give the
right result, the worker must have loaded that one and no other (`sys.modules` there), and pickling
must have loaded none where it was done. Whole modules are sent as well, as values and inside functions.

Exit status 0 if all ways work, 1 if one does not or its package is not installed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap

COUNT = 20
USED = (0, 1, 2, 3, 17)
FORMS = (
    ("import heavy_{0}", "heavy_{0}.work()"),
    ("from heavy_{0} import work as work_{0}", "call(work_{0})"),
    ("import heavy_{0} as h_{0}", "h_{0}.work()"),
    ("import group.heavy_{0} as g_{0}", "g_{0}.work()"),
)


def lines(part, template):
    return "\n".join(template.format(i, FORMS[i % 4][part].format("%02d" % i)) for i in range(COUNT))


JOB = """
import sys
%s


def call(function):
    return function()


def job(which):
    result = None
%s
    import observe
    return result, observe.loaded("heavy_")


class Job:
    def __init__(self, offset):
        self.offset = offset

    def run(self, which):
        return job(which + self.offset)
""" % (lines(0, "{1}"), lines(1, "    if which == {0}:\n        result = {1}"))

# Loading `alpha` would end the test: no job uses it.
PLAIN = """
import alpha
from beta import name

def use():
    return [name][0]

def other():
    return alpha.x
"""

MAIN = JOB + """
import jobs
import plain


def whole(which):
    return plain.use(), jobs.job(which)[0], job(which)


def as_value(module, which):
    import observe
    return type(module).__name__, type(module).__module__, module.use(), observe.loaded("alpha")


def expected(which):
    name = "heavy_%02d" % which
    return name, ["group." + name if which % 4 == 3 else name]


def check(send, fresh, functions=None, modules="objects"):
    if functions is None:
        functions = {"main": job, "module": jobs.job, "method": Job(0).run, "method of the module": jobs.Job(0).run}
    for which in USED:
        for label, function in functions.items():
            found = send(function, which)
            result, loaded = found
            assert result == expected(which)[0], (label, which, found)
            # A worker that is used again keeps what earlier jobs have loaded.
            allowed = {name for other in USED for name in expected(other)[1]}
            assert expected(which)[1][0] in loaded and set(loaded) <= allowed, (label, which, found)
            assert not fresh or loaded == expected(which)[1], (label, which, found)
    if not modules:
        return
    found = send(whole, USED[-1])
    assert found[:2] == ("beta", "heavy_17") and found[2][0] == "heavy_17", found
    if modules == "objects":
        found = send(as_value, plain, 0)
        assert found == ("module", "builtins", "beta", []), found


RECEIVE = "import pickle, sys; f, a = pickle.load(sys.stdin.buffer); sys.stdout.buffer.write(pickle.dumps(f(*a)))"


def through_a_pipe(dumps):
    import pickle
    import subprocess

    def send(function, *arguments):
        data = dumps((function, arguments))
        return pickle.loads(subprocess.run([sys.executable, "-c", RECEIVE], input=data, stdout=-1, check=True).stdout)

    return send


def way_pickle():
    import pickle
    # By reference, so without what is defined in __main__, and without modules, which plain pickle refuses.
    send = through_a_pipe(pickle.dumps)
    for which in USED:
        for function in (jobs.job, jobs.Job(0).run):
            assert send(function, which) == expected(which), which
    assert send(plain.use) == "beta"


def way_cloudpickle():
    import cloudpickle
    check(through_a_pipe(cloudpickle.dumps), True)


def way_cloudpickle_by_value():
    import cloudpickle
    cloudpickle.register_pickle_by_value(jobs)
    functions = {"module": jobs.job, "method of the module": jobs.Job(0).run}
    check(through_a_pipe(cloudpickle.dumps), True, functions, modules="")


def way_module_by_value():
    # cloudpickle copies the namespace, as a dict. That loads what is pending in it, except lazy objects of the interpreter.
    import cloudpickle
    cloudpickle.register_pickle_by_value(plain)
    send = through_a_pipe(cloudpickle.dumps)
    loaded = [] if sys.version_info >= (3, 15) else ["alpha"]
    assert send(as_value, plain, 0) == ("module", "builtins", "beta", loaded)
    import observe
    for name in loaded:
        observe.forget(name)


def pool(method):
    import multiprocessing
    context = multiprocessing.get_context(method)

    def send(function, *arguments):
        with context.Pool(1) as pool:
            return pool.apply(function, arguments)

    check(send, True, modules="inside")


def way_spawn():
    pool("spawn")


def way_forkserver():
    pool("forkserver")


def way_executor():
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        check(lambda function, *arguments: pool.submit(function, *arguments).result(), False, modules="inside")


def way_joblib():
    import joblib

    def send(function, *arguments):
        return joblib.Parallel(n_jobs=2)(joblib.delayed(function)(*arguments) for again in range(2))[0]

    check(send, False)


def way_dask():
    from distributed import Client, LocalCluster
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            check(lambda function, *arguments: client.submit(function, *arguments, pure=False).result(), False)


if __name__ == "__main__":
    ways = (way_pickle, way_cloudpickle, way_cloudpickle_by_value, way_module_by_value, way_spawn, way_forkserver, way_executor, way_joblib, way_dask)
    {way.__name__[4:]: way for way in ways}[sys.argv[1]]()
    import observe
    print("loaded here:", len(observe.loaded("heavy_") + observe.loaded("alpha")))
"""
MAIN = MAIN.replace("USED", repr(USED))

# Put beside the rewritten program: a program that looks into `sys.modules` itself keeps what it looks for eager.
OBSERVE = """
import sys


def loaded(text):
    return sorted(name for name in sys.modules if text in name)


def forget(name):
    del sys.modules[name]
"""
WAYS = ("pickle", "cloudpickle", "cloudpickle_by_value", "module_by_value", "spawn", "forkserver", "executor", "joblib", "dask")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dally", default="target/release/dally")
    parser.add_argument("--keep", help="leave the original and the rewritten program in this folder")
    parser.add_argument("ways", nargs="*", default=WAYS, metavar="WAY", help=" ".join(WAYS))
    options = parser.parse_args()
    folder = options.keep or tempfile.mkdtemp()
    source, built = os.path.join(folder, "src"), os.path.join(folder, "out")
    files = {"jobs": JOB, "plain": PLAIN, "alpha": "x = 1\n", "beta": "name = 'beta'\n", "group/__init__": "", "script": MAIN}
    for i in range(COUNT):
        files["group/heavy_%02d" % i if i % 4 == 3 else "heavy_%02d" % i] = "def work():\n    return 'heavy_%02d'\n" % i
    failed = []
    try:
        for name, text in files.items():
            path = os.path.join(source, name + ".py")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
        subprocess.run([options.dally, "build", source, "--out", built, "--target", "proxy", "-q"], check=True)
        with open(os.path.join(built, "observe.py"), "w", encoding="utf-8") as stream:
            stream.write(OBSERVE)
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("DALLY", "PYTHON"))}
        environ["PYTHONPATH"] = built
        for way in options.ways:
            command = [sys.executable, os.path.join(built, "script.py"), way]
            done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
            output = done.stdout.decode()
            good = done.returncode == 0 and output.strip().endswith("loaded here: 0")
            print("%-22s %s" % (way, "passed" if good else "FAILED"), flush=True)
            if not good:
                failed.append(way)
                print(textwrap.indent(output[-3000:], "    "))
    finally:
        if not options.keep:
            shutil.rmtree(folder)
    print("%d passed, %d failed" % (len(options.ways) - len(failed), len(failed)))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
