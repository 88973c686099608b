"""Start-up of a Python program before and after rewriting.

  python3 tools/measure.py --before SRC --after DIR -- -m yourapp --version

What follows `--` are arguments of the interpreter. Runs in SRC and DIR take turns, so that a busy machine is
unfair to both; prints the median wall time of the whole process and the number of modules loaded.
"""
import argparse
import os
import statistics
import subprocess
import sys
import time


def run(python, folder, arguments):
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")])))
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # both sides have their caches
    start = time.perf_counter()
    # The current folder comes first on the path of `python -m`.
    done = subprocess.run([python, *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True)
    return time.perf_counter() - start, done


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, help="folder that is put on PYTHONPATH")
    parser.add_argument("--after", required=True, help="the same, rewritten")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("-n", type=int, default=15, help="runs of each")
    parser.add_argument("arguments", nargs="+")
    options = parser.parse_args()

    folders = {"before": os.path.abspath(options.before), "after": os.path.abspath(options.after)}
    times, modules, outcomes = {"before": [], "after": []}, {}, {}
    for name, folder in folders.items():  # writes the bytecode caches as well
        _, done = run(options.python, folder, ["-X", "importtime", *options.arguments])
        modules[name] = sum(line.startswith(b"import time:") for line in done.stderr.splitlines()) - 1
        outcomes[name] = (done.returncode, done.stdout)
    for _ in range(options.n):
        for name, folder in folders.items():
            times[name].append(run(options.python, folder, options.arguments)[0])
    for name in folders:
        print("%-7s %7.1f ms  %5d modules" % (name, 1000 * statistics.median(times[name]), modules[name]))
    ratio = statistics.median(times["after"]) / statistics.median(times["before"])
    print("%-7s %7.2f     %8.2f" % ("ratio", ratio, modules["after"] / modules["before"]))
    if outcomes["before"] != outcomes["after"]:
        print("the program's output or exit code differs")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
