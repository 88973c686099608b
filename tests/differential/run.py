"""The differential test: no program can tell a rewritten module from the original.

  python3 run.py --dally target/release/dally --python python3.8 --python python3.13

Generates a tree of checks, rewrites it, runs both under each Python and compares what every check
observes, line by line. It also measures laziness: the share of imports, of those used in deferred code
only, that had not happened when their module had loaded. A tree that is kept eager therefore fails.

  --quick            fewer checks, for every push
  --count N          how many checks; the order gives every context its turn before any gets another kind
  --disarm           placeholders lose whatever they can do beyond the operations that rewritten code leaves bare,
                     so that a read without its wrapper shows even where a placeholder would have forwarded it
  --only TEXT        only checks whose label contains TEXT
  --break KIND       plants a bug into the rewritten tree and fails if that goes unnoticed;
                     `--break each` does so for one kind of read after the other (both imply --disarm)
  --tool COMMAND     another rewriter, such as 'cp -r {src} {out}'; {python} and {target} are filled in as well
  --keep DIR         leaves the trees, the plan and the results there

Exit status 0 if nothing differs, 1 if something does, 2 if the test could not run.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

from breaks import disarm
from generate import generate

HERE = pathlib.Path(__file__).resolve().parent
FULL, QUICK = 10000, 2000
ENOUGH = 400  # checks to run for one planted bug
# Unwrapped, these are the same: a decorator is called at once, an expression statement drops the value.
EQUIVALENT = {"decorator", "statement"}
KNOWN = set()  # contexts that --known names
PROCESSES = 4  # chunks of one tree; each is one interpreter


class Failure(Exception):
    """The test itself could not run."""


def version_of(python):
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Failure("cannot run %s: %s" % (python, error))
    return done.stdout.strip()


def build(options, python, version, src, out):
    fill = {"src": str(src), "out": str(out), "python": python, "target": options.target}
    if options.tool:
        command = [part.format(**fill) for part in shlex.split(options.tool)]
    else:
        command = [options.dally, "build", str(src), "--out", str(out), "--target", options.target]
        command += ["--python-version", options.python_version or version]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return True
    text = "%s\nended with status %d\n%s%s" % (shlex.join(command), done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    if not (out / "lib.py").exists():
        raise Failure(text)
    print("  FAILED: " + text)  # most of the tree may be right nevertheless
    return False


def observe(python, tree, plan, folder, name, timeout):
    """Runs the checks of one tree in one interpreter, again after a check that kills it."""
    plan_path, results, skip = (folder / (name + end) for end in (".plan.json", ".results", ".skip.json"))
    plan_path.write_text(json.dumps(plan))
    results.write_text("")
    skip.write_text("[]")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "DALLY"))}
    environment.update(PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1", PYTHONUTF8="1", PYTHONWARNINGS="ignore")
    command = [python, "-s", str(HERE / "observe.py"), str(tree), str(plan_path), str(results), str(skip)]
    for _ in range(20):
        try:
            done = subprocess.run(
                command, env=environment, cwd=folder, timeout=timeout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            status, said = done.returncode, done.stdout[-400:]
        except subprocess.TimeoutExpired:
            status, said = "timeout", ""
        lines = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
        if status == 0:
            break
        ended = {label for label, what, _ in lines if what == "end"}
        last = [label for label, what, _ in lines if what == "begin"][-1:]
        if not last:
            raise Failure("%s did not start: %s" % (" ".join(command), said))
        if last[0].startswith("import "):
            module = last[0][len("import ") :]
            dead = [c["label"] for e in plan if e["module"] == module for c in e["checks"]]
        else:
            dead = last
        with results.open("a") as file:
            for label in dead:
                if label not in ended:
                    file.write(json.dumps([label, "died", "%s %s" % (status, said)]) + "\n")
                    file.write(json.dumps([label, "end", ""]) + "\n")
        skip.write_text(json.dumps(sorted(ended | set(dead))))
    found = collections.defaultdict(list)
    lazy = {}
    for label, what, text in lines:
        if what == "lazy":
            lazy[label] = text == "1"
        elif what not in ("begin", "end"):
            found[label].append("%s: %s" % (what, text))
    return found, lazy


def observe_all(python, trees, plan, folder, timeout, jobs):
    """{tree name: (observations, laziness)}, chunk by chunk, the trees side by side."""
    chunks = [plan[n::PROCESSES] for n in range(PROCESSES)]
    found = {name: ({}, {}) for name in trees}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        waiting = {}
        for number, chunk in enumerate(c for c in chunks if c):
            for name, tree in trees.items():
                run = pool.submit(observe, python, tree, chunk, folder, "%s-%d" % (name, number), timeout)
                waiting[run] = name
        for run in concurrent.futures.as_completed(waiting):
            observed, lazy = run.result()
            found[waiting[run]][0].update(observed)
            found[waiting[run]][1].update(lazy)
    return found


def source_of(tree, check):
    """The check's function and, above it, the line that imports its object."""
    lines = (tree / check["file"]).read_text(encoding="utf-8").split("\n")
    start = check["line"] - 1
    end = start + 1
    while end < len(lines) and (not lines[end] or lines[end][0] in " \t)]}'\"" or end == start):
        end += 1
    return "\n".join("    " + line for line in lines[start:end]).rstrip()


def number(version):
    return tuple(map(int, version.split(".")))


def compare(plan, observed, trees, show, version):
    """Prints what differs. Returns the labels that do."""
    checks = {c["label"]: c for e in plan for c in e["checks"]}
    before, after = observed["original"][0], observed["rewritten"][0]
    broken = [label for label in checks if not before.get(label) or before[label][0].startswith(("import:", "died:"))]
    if broken:
        raise Failure("the original itself does not run: %s\n%s" % (broken[0], before.get(broken[0])))
    differ = [label for label in checks if before[label] != after.get(label)]
    limits = {label for label in differ if checks[label]["limit"] and number(checks[label]["limit"]) <= number(version)}
    listed = {label for label in differ if label.split(" | ")[0] in KNOWN}
    if listed:
        print("  differences of known.txt that show: %d checks" % len(listed))
    limits |= listed
    wrong = [label for label in differ if label not in limits]
    if limits:
        print("  known limits that show: %d checks" % len(limits))
    by_context = collections.Counter(label.split(" | ")[0] for label in wrong)
    total = collections.Counter(label.split(" | ")[0] for label in checks)
    if wrong:
        print("  contexts that differ (checks that differ / all):")
        print("    " + ", ".join("%s %d/%d" % (name, n, total[name]) for name, n in by_context.most_common()))
    shown = set()
    for label in wrong:
        context = label.split(" | ")[0]
        if context in shown or len(shown) >= show:
            continue
        shown.add(context)
        check = checks[label]
        print("\n  %s   (%s)" % (label, check["import"]))
        left, right = before[label], after.get(label) or ["nothing"]
        for a, b in zip(left + ["-"] * (len(right) - len(left)), right + ["-"] * (len(left) - len(right))):
            if a != b:
                print("    original   %s\n    rewritten  %s" % (a[:600], b[:600]))
                break
        print("  original:\n%s\n  rewritten:\n%s" % tuple(source_of(trees[t], check) for t in ("original", "rewritten")))
    return wrong


def laziness(plan, lazy, threshold):
    """Prints the share of imports that waited. Returns whether it is high enough."""
    checks = [c for e in plan for c in e["checks"]]
    counted = [c for c in checks if c["expect"] == "lazy"]
    eager = collections.Counter(c["label"].split(" | ")[0] for c in counted if not lazy.get(c["label"]))
    forms = collections.Counter(c["label"].split(" | ")[2] for c in counted if not lazy.get(c["label"]))
    free = [c for c in checks if c["expect"] == "any"]
    share = 1 - sum(eager.values()) / max(1, len(counted))
    print("  lazy: %.1f %% of %d imports used in deferred code only; %d of %d that may stay eager" % (
        100 * share, len(counted), sum(map(bool, (lazy.get(c["label"]) for c in free))), len(free)))
    if eager:
        print("  eager: " + ", ".join("%s %d" % item for item in eager.most_common(25)))
        print("  eager forms: " + ", ".join("%s %d" % item for item in forms.most_common(8)))
    return share >= threshold


def run_python(options, python, folder):
    version = version_of(python)
    started = time.monotonic()
    trees = {"original": folder / "src", "rewritten": folder / "out"}
    plan = generate(trees["original"], number(options.python_version or version), options.seed, options.count)
    whole = build(options, python, version, trees["original"], trees["rewritten"])
    if options.disarm or options.plant:
        disarm(trees["rewritten"])
    built = time.monotonic()
    (folder / "plan.json").write_text(json.dumps(plan, indent=1))
    if options.only:
        plan = [dict(e, checks=[c for c in e["checks"] if options.only in c["label"]]) for e in plan]
        plan = [e for e in plan if e["checks"]]
    print("Python %s: %d checks in %d modules" % (version, sum(len(e["checks"]) for e in plan), len(plan)), flush=True)
    if options.plant:
        return run_breaks(options, python, plan, trees, folder)
    observed = observe_all(python, trees, plan, folder, options.timeout, options.jobs)
    wrong = compare(plan, observed, trees, options.show, version)
    lazy = laziness(plan, observed["rewritten"][1], options.threshold)
    if not lazy:
        print("  FAILED: not lazy enough (at least %.0f %% is asked for)" % (100 * options.threshold))
    print("  %.1f s to generate and rewrite, %.1f s to run" % (built - started, time.monotonic() - built), flush=True)
    total = sum(len(e["checks"]) for e in plan)
    return total - len(wrong), len(wrong) + (not lazy) + (not whole)


def run_breaks(options, python, plan, trees, folder):
    """Each planted bug must be noticed: (noticed, unnoticed)."""
    plan_path = folder / "break.plan.json"
    plan_path.write_text(json.dumps(plan))

    def plant(*kind):
        command = [python, "-X", "utf8", str(HERE / "breaks.py"), str(trees["rewritten"]), str(plan_path), *kind]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def observed(name, checks):
        return observe_all(python, {name: trees[name]}, checks, folder, options.timeout, options.jobs)[name][0]

    counts = plant()
    kinds = sorted(set(counts) - EQUIVALENT) if options.plant == "each" else [options.plant]
    before = observed("original", plan)
    passed = failed = 0
    for kind in kinds:
        texts, touched = plant(kind)
        room = ENOUGH
        for entry in touched:
            entry["checks"], room = entry["checks"][:room], max(0, room - len(entry["checks"]))
        touched = [e for e in touched if e["checks"]]
        saved = {path: (trees["rewritten"] / path).read_bytes() for path in texts}
        for path, text in texts.items():
            (trees["rewritten"] / path).write_text(text, encoding="utf-8")
        after = observed("rewritten", touched) if touched else {}
        for path, data in saved.items():
            (trees["rewritten"] / path).write_bytes(data)
        labels = [c["label"] for e in touched for c in e["checks"]]
        wrong = [label for label in labels if before[label] != after.get(label)]
        reads = sum(counts.values()) if kind == "all" else counts.get(kind, 0)
        if not wrong and len(labels) < 3:
            # A quick run has too few checks of this kind to judge; a full one has more.
            print("  break %-24s %5d reads unwrapped: too few to judge" % (kind, reads), flush=True)
            continue
        passed, failed = passed + bool(wrong), failed + (not wrong)
        print("  break %-24s %5d reads unwrapped, %4d of %4d checks run notice%s" % (
            kind, reads, len(wrong), len(labels), "" if wrong else "   FAILED: goes unnoticed"), flush=True)
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dally", default="target/release/dally")
    parser.add_argument("--tool", help="a command instead of dally")
    parser.add_argument("--python", action="append", help="may be given several times")
    parser.add_argument("--python-version", help="generate and build for this Python instead of the one that runs")
    parser.add_argument("--target", default="proxy")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, help="default %d; with --quick %d" % (FULL, QUICK))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--break", dest="plant", metavar="KIND")
    parser.add_argument("--disarm", action="store_true")
    parser.add_argument("--threshold", type=float, default=0.95)
    parser.add_argument("--show", type=int, default=12, help="how many differences to show, one for each context")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("--known", help="a file with contexts that differ today, one a line: counted, not failed")
    parser.add_argument("--keep")
    options = parser.parse_args()
    if options.known:
        lines = pathlib.Path(options.known).read_text("utf-8").splitlines()
        KNOWN.update(line.split()[0] for line in lines if line.strip() and not line.startswith("#"))
    if options.count is None:
        options.count = QUICK if options.quick else FULL
    passed = failed = 0
    status = 0
    for python in options.python or [sys.executable]:
        python = shutil.which(python) or python
        with tempfile.TemporaryDirectory(prefix="differential-") as temporary:
            folder = pathlib.Path(temporary)
            if options.keep:
                folder = pathlib.Path(options.keep).resolve() / version_of(python)
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
            try:
                good, bad = run_python(options, python, folder)
            except Failure as failure:
                print("ERROR: %s" % failure)
                status, good, bad = 2, 0, 1
        passed, failed = passed + good, failed + bad
    print("%d passed, %d failed" % (passed, failed))
    return status or int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
