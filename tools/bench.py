"""What dally costs: `check` against only reading and parsing, `build` against parsing and writing a copy.

  cargo build --release --example parse_only && cargo build --release
  python3 tools/bench.py TREE [--runs 7] [--scratch /dev/shm]

The runs take turns, so that a busy machine is unfair to all alike. Prints medians of wall time and of
processor time, the largest peak of memory, and the ratios of wall and processor time. Where both floors are
bound by the disk, use a scratch folder on a memory file system to see the program itself.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

RELEASE = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", pathlib.Path(__file__).resolve().parents[1] / "target")) / "release"


class Job:
    def __init__(self, name, floor, command, writes=False):
        self.name, self.floor, self.command, self.writes = name, floor, command, writes
        self.wall, self.cpu, self.peak, self.note = [], [], 0, ""

    def run(self, scratch):
        out = scratch / "out"
        command = self.command + ([str(out)] if self.writes else [])
        with open(scratch / "stderr", "w+b") as stderr:
            start = time.perf_counter()
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            stderr.seek(0)
            lines = stderr.read().decode(errors="replace").splitlines()
        if process.returncode < 0 or any("panicked" in line for line in lines):
            sys.exit("%s: exit code %d: %s" % (self.name, process.returncode, lines[:3]))
        self.wall.append(wall)
        self.cpu.append(usage.ru_utime + usage.ru_stime)
        self.peak = max(self.peak, usage.ru_maxrss // 1024)
        self.note = lines[-1] if lines else ""
        shutil.rmtree(out, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--scratch", help="where `build` writes; default: the system's temporary folder")
    parser.add_argument("--target", default="proxy")
    parser.add_argument("--dally", default=str(RELEASE / "dally"))
    parser.add_argument("--parse-only", default=str(RELEASE / "examples" / "parse_only"))
    parser.add_argument("--no-build", action="store_true", help="only `check`")
    options = parser.parse_args()

    common = ["--no-cache", "--target", options.target]
    jobs = [
        Job("parse only", None, [options.parse_only, options.tree]),
        Job("check", "parse only", [options.dally, "check", options.tree, *common]),
    ]
    if not options.no_build:
        jobs += [
            Job("parse and write copy", None, [options.parse_only, options.tree], writes=True),
            Job("build", "parse and write copy", [options.dally, "build", options.tree, *common, "--out"], writes=True),
        ]
    with tempfile.TemporaryDirectory(prefix="dally-bench-", dir=options.scratch) as folder:
        for job in jobs:  # fills the file cache
            job.run(pathlib.Path(folder))
            job.wall.clear()
            job.cpu.clear()
        for _ in range(options.runs):
            for job in jobs:
                job.run(pathlib.Path(folder))

    by_name = {job.name: job for job in jobs}
    print("%-22s %9s %9s %10s %7s %7s" % ("", "wall s", "cpu s", "peak MiB", "wall", "cpu"))
    for job in jobs:
        wall, cpu, ratios = statistics.median(job.wall), statistics.median(job.cpu), ""
        if job.floor:
            floor = by_name[job.floor]
            # Neighbouring runs are compared with each other; the median of the ratios is steadier than that of the times.
            ratios = "%7.2f %7.2f" % tuple(
                statistics.median(a / b for a, b in zip(own, other))
                for own, other in ((job.wall, floor.wall), (job.cpu, floor.cpu)))
        print("%-22s %9.3f %9.3f %10d %s" % (job.name, wall, cpu, job.peak, ratios))
    print(by_name["check"].note)


if __name__ == "__main__":
    main()
