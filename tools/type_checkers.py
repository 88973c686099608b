"""Shows that mypy and pyright see the same program after `dally apply`.

  python tools/type_checkers.py --dally target/release/dally --mypy DIR/bin/mypy --pyright DIR/pyright FOLDER_OR_WHEEL...

Each folder, wheel or source archive is copied twice; `dally apply` rewrites one copy. What each checker reports about
both is compared as a multiset of (file, kind, message), without line numbers. With packages from an index:
`pip download --no-deps -d DIR click jinja2 flask attrs networkx docutils`, then name the files.

A report that a module has no such attribute is *mended* if it names a submodule whose missing import `apply` has added to this
file: that was a defect of the program, and the import is its repair. Such reports are listed and are no difference.

Exit status 0 if nothing differs, 1 if something does, 2 if a checker or dally could not run.
"""

import argparse
import collections
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

LINE = re.compile(r"^(.*?\.pyi?):\d+(?::\d+)?: (\w+): (.*)$")
ADDED = re.compile(r"^\s*(?:lazy )?import ([\w.]+)(?: as \w+; del \w+)?  # dally: added", re.MULTILINE)
ATTRIBUTE = re.compile(r"has no attribute|is not a known attribute of module")
PLACE = re.compile(r"\bline \d+\b|\.pyi?:\d+(:\d+)?")


def unpack(source, folder):
    if source.is_dir():
        shutil.copytree(source, folder)
    else:
        shutil.unpack_archive(source, folder, "zip" if source.suffix in (".whl", ".zip") else None)


def run(command, folder):
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900)
    except (OSError, subprocess.TimeoutExpired) as error:
        sys.exit("cannot run %s: %s" % (command[0], error))


def mypy(options, folder):
    command = [options.mypy, "--no-incremental", "--cache-dir", "/dev/null", "--ignore-missing-imports"]
    command += ["--check-untyped-defs", "--no-error-summary", "--hide-error-context", "--python-version", options.python_version]
    command += ["--explicit-package-bases", "."]
    done = run(command, folder)
    if done.returncode not in (0, 1):
        return None, done.stdout + done.stderr
    found = (LINE.match(line) for line in done.stdout.splitlines())
    return collections.Counter((m[1], m[2], PLACE.sub("", m[3])) for m in found if m), ""


def pyright(options, folder):
    done = run([options.pyright, "--outputjson", "--pythonversion", options.python_version, "."], folder)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        return None, done.stdout + done.stderr
    root = str(folder.resolve())
    rows = ((d["file"].replace(root, ""), d["severity"] + " " + d.get("rule", ""), PLACE.sub("", d["message"].replace(root, "")))
            for d in report["generalDiagnostics"])
    return collections.Counter(rows), ""


def is_mended(row, tree):
    """Whether a report that is gone was about a submodule whose import `apply` has added to the file."""
    name, _, message = row
    added = ADDED.findall((tree / name.lstrip("/")).read_text("utf-8", "replace"))
    words = re.findall(r'"(\w+)"', message)
    return bool(ATTRIBUTE.search(message)) and any(module.rpartition(".")[2] in words for module in added)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dally", default="target/release/dally")
    parser.add_argument("--mypy")
    parser.add_argument("--pyright")
    parser.add_argument("--python-version", default="3.13", help="for the checkers")
    parser.add_argument("--escapes", default="keep", help="keep or wrap, as for dally apply")
    parser.add_argument("--show", type=int, default=20)
    parser.add_argument("sources", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    dally = str(pathlib.Path(options.dally).resolve())
    checkers = [check for check in (mypy, pyright) if getattr(options, check.__name__)]
    if not checkers:
        parser.error("name at least one checker: --mypy, --pyright")
    for check in checkers:
        path = getattr(options, check.__name__)
        setattr(options, check.__name__, str(pathlib.Path(shutil.which(path) or path).absolute()))
    same = different = 0
    for source in options.sources:
        with tempfile.TemporaryDirectory() as temporary:
            before, after = (pathlib.Path(temporary) / name / "tree" for name in ("before", "after"))
            unpack(source, before)
            unpack(source, after)
            done = run([dally, "apply", "--target", "proxy", "--escapes", options.escapes, "."], after)
            if done.returncode:
                sys.exit("dally apply failed in %s:\n%s" % (source, done.stderr))
            changed = sum(a.read_bytes() != (before / a.relative_to(after)).read_bytes()
                          for a in after.rglob("*.py") if (before / a.relative_to(after)).exists())
            for check in checkers:
                reports = []
                for tree in (before, after):
                    found, text = check(options, tree)
                    if found is None:
                        sys.exit("%s failed in %s:\n%s" % (check.__name__, source, text[-3000:]))
                    # The runtime file is new, and clean.
                    reports.append(found)
                gone, new = reports[0] - reports[1], reports[1] - reports[0]
                mended = [row for row in gone if is_mended(row, after)]
                for row in mended:
                    del gone[row]
                good = not gone and not new
                same, different = same + good, different + (not good)
                print("%-34s %-8s %4d files rewritten, %5d reports before, %5d after%s" % (
                    source.name, check.__name__, changed, sum(reports[0].values()), sum(reports[1].values()), "" if good else "   DIFFERENT"), flush=True)
                for sign, rows in (("mended", mended), ("-", gone), ("+", new)):
                    for row in sorted(rows)[: options.show]:
                        print("    %s %s: %s: %s" % (sign, *row))
    print("%d the same, %d different" % (same, different))
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
