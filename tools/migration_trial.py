"""A whole migration of a real package, as a team would do it, with the package's own tests at every step.

  python3 tools/migration_trial.py --dally target/release/dally --python python3.13 --newest python3.15

The package's source distribution is fetched with pip and put into a git repository. Its tests run before anything is done; later the
same ones must fail, if any. Then, with `dally init`'s configuration:

1. the folders of the package are applied one after the other, the tests run and the step is committed;
2. everything is reverted: `git diff` against the commit before must be empty, and so must the list of untracked files;
3. everything is applied at once, which must give the same as folder by folder;
4. `apply --target native` turns that into `lazy import`, and the tests run on the newest Python;
5. `status` and the number of modules that a plain import loads are printed for each stage.

Needs pip's package index. Exit status 1 and a message if something is wrong.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile


def expect(condition, message):
    if not condition:
        sys.exit("FAILED: " + message)


class Trial:
    def __init__(self, options, scratch):
        self.options = options
        self.dally = os.path.abspath(options.dally)
        self.scratch = scratch
        self.failing = {}
        self.environment = dict(
            os.environ, GIT_AUTHOR_NAME="t", GIT_AUTHOR_EMAIL="t@example.org", GIT_COMMITTER_NAME="t",
            GIT_COMMITTER_EMAIL="t@example.org", GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1",
            PYTHONDONTWRITEBYTECODE="1", PIP_DISABLE_PIP_VERSION_CHECK="1",
        )
        for name in ("VIRTUAL_ENV", "PYTHONPATH", "DALLY_LAZY", "DALLY_EAGER"):
            self.environment.pop(name, None)

    def run(self, *command, status=0, folder=None, environment=None):
        done = subprocess.run([str(part) for part in command], cwd=folder or self.repository, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True,
                              env=dict(self.environment, **(environment or {})))
        command = " ".join(str(part) for part in command)
        expect(status is None or done.returncode == status, "%s: %d\n%s" % (command, done.returncode, done.stdout[-3000:]))
        return done.stdout

    def fetch(self):
        """The package's sources in a new repository, what it needs in folders of their own, and its import root."""
        options, scratch = self.options, self.scratch
        self.run(options.python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", "sdist",
                 options.package, folder=scratch)
        [archive] = (scratch / "sdist").iterdir()
        with tarfile.open(str(archive)) as tar:
            tar.extractall(str(scratch / "unpacked"))
        [self.repository] = (scratch / "unpacked").iterdir()
        name = options.package.partition("=")[0]
        needs = [name, "pytest<9"] + options.needs
        self.libraries = {}
        for python in {options.python, options.newest}:
            target = scratch / ("needs%d" % len(self.libraries))
            self.run(options.python, "-m", "pip", "install", "-q", "--target", target, *needs, folder=scratch)
            # The package itself comes from the repository; its metadata stays, tests ask for it.
            shutil.rmtree(str(target / name.lower()))
            self.libraries[python] = target
        self.source = self.repository / ("src" if (self.repository / "src").is_dir() else ".")
        self.package = name.lower()
        self.run("git", "init", "-q")
        (self.repository / ".git" / "info" / "exclude").write_text("__pycache__/\n.pytest_cache/\n")
        self.commit("before")

    def commit(self, message):
        self.run("git", "add", "-A")
        self.run("git", "commit", "-q", "--allow-empty", "-m", message)

    def path(self, python):
        return {"PYTHONPATH": os.pathsep.join([str(self.source), str(self.libraries[python])])}

    def tests(self, python):
        """Runs the tests: what fails must be what failed before the migration. Gives the last line of pytest."""
        extra = ["-k", self.options.deselect] if self.options.deselect else []
        output = self.run(python, "-m", "pytest", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider", self.options.tests,
                          *extra, status=None, environment=self.path(python))
        failing = {line.split(" - ")[0] for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))}
        expect(" passed" in output, "the tests did not run:\n" + output[-3000:])
        known = self.failing.setdefault(python, failing)
        expect(failing == known, "other tests fail than before: %s\n%s" % (sorted(failing ^ known), output[-3000:]))
        return output.strip().splitlines()[-1]

    def modules(self, python):
        output = self.run(python, "-X", "importtime", "-c", "import " + self.package, environment=self.path(python))
        return sum(line.startswith("import time:") for line in output.splitlines()) - 1

    def stage(self, name, python):
        share = [line for line in self.run(self.dally, "status", self.source / self.package, "-q").splitlines()
                 if line.startswith("total")][0].split()
        result = self.tests(python)
        print("%-28s lazy %3s, could be %3s, eager %3s; %3d modules; %s" % (
            name, share[1], share[2], share[3], self.modules(python), result), flush=True)

    def folders(self):
        """The folders of the package that hold source files, the deepest first."""
        root = self.source / self.package
        found = sorted({path.parent for path in root.rglob("*.py")}, key=lambda p: (-len(p.parts), str(p)))
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dally", required=True)
    parser.add_argument("--python", required=True, help="for the target proxy")
    parser.add_argument("--newest", required=True, help="3.15 or later, for the target native")
    parser.add_argument("--package", default="flask==3.1.2")
    parser.add_argument("--needs", action="append", default=["asgiref"], help="what the tests need besides")
    parser.add_argument("--tests", default="tests")
    parser.add_argument("--deselect", default="", help="expression for pytest -k")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        migrate(Trial(options, pathlib.Path(scratch).resolve()))


def migrate(trial):
    trial.fetch()
    python, newest = trial.options.python, trial.options.newest
    trial.stage("before", python)
    trial.stage("before, newest Python", newest)
    print(trial.run(trial.dally, "init").strip())
    trial.commit("dally init")
    start = trial.run("git", "rev-parse", "HEAD").strip()

    for folder in trial.folders():
        # Files first: a folder of the command line includes those below it.
        files = sorted(folder.glob("*.py"))
        trial.run(trial.dally, "apply", "-q", *files)
        trial.stage("apply " + str(folder.relative_to(trial.source)), python)
        trial.commit("lazy: " + folder.name)
    step_by_step = trial.run("git", "rev-parse", "HEAD^{tree}").strip()
    trial.run(trial.dally, "check", "-q", trial.source / trial.package)

    trial.run(trial.dally, "revert", "-q")
    trial.commit("reverted")
    different = trial.run("git", "diff", start, "HEAD")
    expect(different == "", "revert left differences:\n" + different)
    trial.stage("reverted", python)

    trial.run(trial.dally, "apply", "-q")
    trial.commit("lazy, all at once")
    expect(trial.run("git", "rev-parse", "HEAD^{tree}").strip() == step_by_step, "all at once is not folder by folder:\n"
           + trial.run("git", "diff", "HEAD~2", "HEAD"))
    trial.stage("applied at once", python)
    trial.stage("the same, newest Python", newest)

    trial.run(trial.dally, "apply", "-q", "--target", "native")
    trial.commit("native")
    sources = "".join(path.read_text() for path in trial.source.glob(trial.package + "/**/*.py") if path.name != "_dally.py")
    expect("lazy import " in sources and "lazy(\"" not in sources, "not all is native")
    trial.stage("native, newest Python", newest)
    print("all stages passed")


if __name__ == "__main__":
    main()
