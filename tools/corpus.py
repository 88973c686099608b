"""Properties of dally on big packages from PyPI.

    python3 tools/corpus.py --dally target/release/dally --python python3.13 [--newest python3.15] [--keep FOLDER] [PACKAGE ...]

Downloads wheels with pip into a temporary folder (or keeps them in FOLDER) and checks for each package and target: `build` and `apply` end well, every
changed file compiles and is the same program to `same_program.py`, no line moves in `build`, one thread gives what two give, `apply` twice is
`apply` once, and the diff applied by git is what `apply` writes. Prints a table, then `N passed, M failed`; the exit status is 1
if anything failed. Python 3.9 or later, its standard library, pip and git.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

PACKAGES = ["pandas", "scikit-learn", "twisted", "transformers", "homeassistant"]
JUDGE = pathlib.Path(__file__).resolve().parent / "same_program.py"


def download(package, folder, python):
    """The Python files of a package's wheel, as a tree."""
    tree = folder / package / "tree"
    if tree.is_dir():
        return tree
    wheels = folder / package / "wheels"
    command = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(wheels), package]
    subprocess.run(command, check=True)
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(tree, [name for name in archive.namelist() if name.endswith((".py", ".pyi", ".toml"))])
    return tree


def content(tree):
    return {path.relative_to(tree): path.read_bytes() for path in sorted(tree.rglob("*")) if path.is_file() and ".git" not in path.parts}


def different(one, two):
    return sorted(path for path in one.keys() | two.keys() if one.get(path) != two.get(path))


class Check:
    def __init__(self, options, tree, target):
        self.options, self.tree, self.target = options, tree, target
        self.judge = options.python if target == "proxy" else options.newest
        self.failures = []
        self.counts = {}

    def dally(self, command, cwd, *more, accept=(0,)):
        arguments = [self.options.dally, command, "--quiet", "--no-cache", "--target", self.target, "--safety", "trusting", *more]
        done = subprocess.run(arguments, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        errors = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if ": warning: " not in line]
        if done.returncode not in accept or errors:
            self.failures.append("%s: exit %d: %s" % (command, done.returncode, "; ".join(errors[:3])))
        return done.stdout

    def expect_same(self, what, one, two):
        paths = different(one, two)
        if paths:
            self.failures.append("%s: %d files differ, first %s" % (what, len(paths), paths[0]))

    def same_program(self, what, old, new, *options):
        """Asks the judge about the files that changed."""
        before, after = content(old), content(new)
        changed = [path for path in different(before, after) if path in before and path.suffix == ".py"]
        self.counts[what] = len(changed)
        with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
            file.write("\n".join(map(str, changed)))
        done = subprocess.run([self.judge, "-I", str(JUDGE), *options, str(old), str(new), file.name], stdout=subprocess.PIPE, text=True)
        os.unlink(file.name)
        lines = done.stdout.splitlines()
        if done.returncode or not lines or not lines[-1].startswith("compared "):
            self.failures.append("%s: the judge ended early" % what)
        elif len(lines) > 1:
            self.failures.append("%s: %d complaints, first %s" % (what, len(lines) - 1, lines[0]))

    def run(self, work):
        outs = []
        for jobs in ("1", "2"):
            out = work / ("out" + jobs)
            self.dally("build", work, str(self.tree), "--out", str(out), "--jobs", jobs)
            outs.append(content(out))
        self.expect_same("one thread and two", *outs)
        self.same_program("build", self.tree, work / "out1", "--compare", "--lines")

        one, two = work / "one", work / "two"
        shutil.copytree(self.tree, one)
        shutil.copytree(self.tree, two)
        patch = self.dally("diff", two, "--escapes", "wrap", ".", accept=(0, 1, 2) if self.broken() else (0, 1))
        self.dally("apply", one, "--escapes", "wrap", ".", accept=(0, 2) if self.broken() else (0,))
        applied = content(one)
        self.same_program("apply", self.tree, one, "--compare")
        subprocess.run(["git", "init", "--quiet"], cwd=two, check=True)
        git = ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn"]
        done = subprocess.run(git, cwd=two, input=patch, stderr=subprocess.PIPE)
        if patch and done.returncode:
            self.failures.append("git apply: %s" % done.stderr.decode("utf-8", "replace").strip()[:200])
        self.expect_same("the applied diff", applied, content(two))
        self.dally("apply", one, "--escapes", "wrap", ".", accept=(0, 2) if self.broken() else (0,))
        self.expect_same("apply twice", applied, content(one))

    def broken(self):
        """Templates and the like are failures of `apply`, and stay as they are."""
        if not hasattr(self, "_broken"):
            done = subprocess.run([self.options.dally, "check", "--quiet", str(self.tree)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self._broken = done.returncode == 2
        return self._broken


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dally", required=True)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--newest", help="a Python 3.15 or later, for the targets native and lazy-modules")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("packages", nargs="*", default=PACKAGES, metavar="PACKAGE")
    options = parser.parse_args()
    options.dally = str(pathlib.Path(options.dally).resolve())
    targets = ["proxy", "native", "lazy-modules"] if options.newest else ["proxy"]
    passed = failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.keep or pathlib.Path(temporary)).resolve()
        print("%-16s %-13s %7s %7s %7s %8s" % ("package", "target", "files", "build", "apply", "seconds"))
        for package in options.packages:
            try:
                tree = download(package, folder, options.python)
            except subprocess.CalledProcessError:
                print("%-16s cannot be downloaded" % package)
                failed += 1
                continue
            for target in targets:
                clock = time.monotonic()
                check = Check(options, tree, target)
                with tempfile.TemporaryDirectory() as work:
                    check.run(pathlib.Path(work))
                files = sum(1 for _ in tree.rglob("*.py"))
                row = (package, target, files, check.counts.get("build", 0), check.counts.get("apply", 0), time.monotonic() - clock)
                print("%-16s %-13s %7d %7d %7d %8.1f" % row, flush=True)
                for failure in check.failures:
                    print("    FAIL", failure)
                failed += bool(check.failures)
                passed += not check.failures
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
