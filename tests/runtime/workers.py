"""Jobs in worker processes, with the real cloudpickle, joblib, multiprocessing and dask.

Not part of the unittest run, because it needs `pip install cloudpickle joblib distributed`; what is
missing is named and makes the exit code 1. Run it as `python tests/runtime/workers.py`.

The program defines, in `__main__` and in a module, a job that mentions twenty pending imports and uses one of
them. It sends the job by each way. The job must give the right result, and the worker must have loaded the
one module that it used, and no other of the twenty.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap

from support import NATIVE, RUNTIME, rewrite

COUNT = 20
IMPORTS = "\n".join(
    (
        "import heavy_%02d  # lazy",
        "from heavy_%02d import work as work_%02d  # lazy",
        "import heavy_%02d as h_%02d  # lazy",
        "import group.heavy_%02d as g_%02d  # lazy",
    )[i % 4]
    % ((i,) if i % 4 == 0 else (i, i))
    for i in range(COUNT)
)
BRANCHES = "\n".join(
    "    if which == %d: result = %s"
    % (i, ("heavy_%02d.work()", "real(work_%02d)()", "h_%02d.work()", "g_%02d.work()")[i % 4] % i)
    for i in range(COUNT)
)
JOB = """
import sys
%s
def job(which):
    result = None
%s
    return result, sorted(name for name in sys.modules if "heavy_" in name)
""" % (IMPORTS, BRANCHES)

MAIN = (
    JOB
    + """
import jobs
import plain  # a module with pending names that the job takes as a whole

def whole(which):
    return plain.use(), jobs.job(which)[0], job(which)

def expected(which):
    name = "heavy_%02d" % which
    return name, ["group." + name if which % 4 == 3 else name]

def check(way, send):
    for which in (0, 1, 2, 3, 17):
        for label, function in (("main", job), ("module", jobs.job)):
            found = send(function, which)
            result, loaded = found
            assert result == expected(which)[0], (way, label, which, found)
            if way == "dill":
                continue  # looks at everything before it pickles: right, but loaded here and there
            # a worker that is used again keeps what earlier jobs loaded
            allowed = {name for other in (0, 1, 2, 3, 17) for name in expected(other)[1]}
            assert expected(which)[1][0] in loaded and set(loaded) <= allowed, (way, label, which, found)
            if way in FRESH:
                assert loaded == expected(which)[1], (way, label, which, found)
    found = send(whole, 5)
    assert found[:2] == ("beta", "heavy_05") and found[2][0] == "heavy_05", (way, found)

FRESH = ("cloudpickle",)

def cloudpickle():
    import cloudpickle, pickle, subprocess
    def send(function, which):
        data = cloudpickle.dumps((function, which))
        code = "import pickle, sys; f, w = pickle.load(sys.stdin.buffer); sys.stdout.buffer.write(pickle.dumps(f(w)))"
        return pickle.loads(subprocess.run([sys.executable, "-c", code], input=data, stdout=-1, check=True).stdout)
    check("cloudpickle", send)

def multiprocessing():
    import multiprocessing
    context = multiprocessing.get_context("spawn")
    def send(function, which):
        with context.Pool(1) as pool:
            return pool.apply(function, (which,))
    check("multiprocessing", send)

def executor():
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        check("executor", lambda function, which: pool.submit(function, which).result())

def joblib():
    import joblib
    def send(function, which):
        return joblib.Parallel(n_jobs=2)(joblib.delayed(function)(which) for again in range(2))[0]
    check("joblib", send)

def dask():
    from distributed import Client, LocalCluster
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            check("dask", lambda function, which: client.submit(function, which, pure=False).result())

def dill():
    import dill, subprocess
    def send(function, which):
        data = dill.dumps((function, which), recurse=True)
        code = "import dill, sys; f, w = dill.load(sys.stdin.buffer); sys.stdout.buffer.write(dill.dumps(f(w)))"
        return dill.loads(subprocess.run([sys.executable, "-c", code], input=data, stdout=-1, check=True).stdout)
    check("dill", send)

if __name__ == "__main__":
    globals()[sys.argv[1]]()
    # nothing that the jobs did not use was loaded here, where the functions were pickled
    here = sorted(name for name in sys.modules if "heavy_" in name)
    print("ok", sys.argv[1], "loaded here:", len(here))
"""
)
PLAIN = "import alpha  # lazy\nfrom beta import name  # lazy\ndef use(): return real(name)\ndef other(): return alpha.x"
WAYS = ("cloudpickle", "multiprocessing", "executor", "joblib", "dask", "dill")


def main():
    folder = tempfile.mkdtemp()
    status = 0
    try:
        files = {"jobs": JOB, "plain": PLAIN, "alpha": "raise ValueError('not needed')", "beta": "name = 'beta'", "group/__init__": ""}
        for i in range(COUNT):
            files["group/heavy_%02d" % i if i % 4 == 3 else "heavy_%02d" % i] = "def work(): return 'heavy_%02d'" % i
        for name, source in list(files.items()) + [("script", MAIN)]:
            path = os.path.join(folder, name + ".py")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as stream:
                stream.write(rewrite(source))
        environ = dict(os.environ, PYTHONPATH=os.pathsep.join([folder, os.path.abspath(RUNTIME)]))
        for way in sys.argv[1:] or WAYS:
            done = subprocess.run(
                [sys.executable, os.path.join(folder, "script.py"), way], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300
            )
            output = done.stdout.decode()
            if done.returncode:
                status = 1
                print("FAILED", way)
                print(textwrap.indent(output[-3000:], "    "))
            else:
                print(output.strip().split("\n")[-1])
    finally:
        shutil.rmtree(folder)
    return status


if __name__ == "__main__":
    sys.exit(main())
