"""Runs the hazard suite and compares what fails with .ci/known-hazards.txt.

  python3 .ci/hazards.py --shared ../shared --dally target/release/dally --target proxy --python python3.8 --python python3.13

A case that fails and is not listed is a step back; a case that is listed and passes has to leave the list. Either
fails the run, so the list can only get shorter. `--update` takes what passes out of it and adds nothing.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

KNOWN = pathlib.Path(__file__).resolve().parent / "known-hazards.txt"


def known_for(section):
    """The cases listed for a target and version: lines `TARGET VERSION CASE`, `#` for comments."""
    rows = (line.partition("#")[0].split() for line in KNOWN.read_text().splitlines())
    return {row[2] for row in rows if row and (row[0], row[1]) == section}


def remove(section, names):
    gone = {section + (name,) for name in names}
    lines = KNOWN.read_text().splitlines(keepends=True)
    KNOWN.write_text("".join(x for x in lines if tuple(x.partition("#")[0].split()) not in gone))


def run(options, python):
    """Runs the suite under one interpreter; gives whether what fails is what is known to fail."""
    suite = options.shared / "hazards"
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        tool = pathlib.Path(options.dally).resolve()
        command = "%s build {src} --out {out} --target {target} --quiet" % tool
        subprocess.run([sys.executable, suite / "run_hazards.py", "--cases", suite, "--tool", command,
                        "--python", python, "--target", options.target, "--json", report, "--timeout", "60"])
        if not report.is_file():
            sys.exit("the hazard suite did not run")
        results = json.loads(report.read_text())

    cases, section = results["cases"], (options.target, results["python"])
    known = known_for(section)
    failing = {case["name"] for case in cases if not case["passed"]}
    new, mended = sorted(failing - known), sorted(known - failing)
    for name in new:
        print("not in known-hazards.txt, and fails:", name)
    for name in mended:
        print("in known-hazards.txt, and passes:", name)
    if mended and options.update:
        remove(section, mended)
        print("taken out of known-hazards.txt:", len(mended))
        mended = []
    print("%s %s: %d of %d cases pass, %d known to fail" % (*section, len(cases) - len(failing), len(cases), len(known)))
    return not new and not mended


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=pathlib.Path, required=True)
    parser.add_argument("--dally", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--python", required=True, action="append", help="may be given several times")
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    # Without --python-version the rewritten tree is the one for 3.8, so all interpreters run the same text.
    good = [run(options, python) for python in options.python]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
