"""The pre-commit hooks with the real pre-commit program, on a git repository made for it.

  python3 tests/precommit/run.py --dally target/release/dally --pre-commit venv/bin/pre-commit

Checks that decisions use the whole project although only changed files are named, that a commit goes through once the
rewritten files are staged, that `dally-check` refuses what could be lazy, and that what is only partially staged is neither
lost nor committed. Exit status 1 and a message if something is wrong.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

FILES = {
    "pyproject.toml": "[project]\nname = 'shop'\nversion = '1'\n",
    "shop/__init__.py": "",
    "shop/events.py": "HANDLERS = []\n\n\ndef on(f):\n    HANDLERS.append(f)\n    return f\n",
    "shop/handlers.py": "from shop import events\n\n\n@events.on\ndef started():\n    pass\n",
    "shop/report.py": "x = 1\n",
}

# `handlers` registers something when it is loaded: only the whole project shows that.
MAIN = """import json
from shop import handlers


def main():
    return json.dumps([handlers.started.__name__])
"""


class Repository:
    def __init__(self, folder, dally, pre_commit):
        self.folder, self.dally, self.pre_commit = folder, dally, pre_commit
        self.environment = dict(
            os.environ,
            GIT_AUTHOR_NAME="t", GIT_AUTHOR_EMAIL="t@example.org",
            GIT_COMMITTER_NAME="t", GIT_COMMITTER_EMAIL="t@example.org",
            GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1", PRE_COMMIT_HOME=str(folder.parent / "home"),
        )

    def run(self, *command):
        done = subprocess.run(command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True)
        return done.returncode, done.stdout

    def git(self, *command, status=0):
        code, output = self.run("git", *command)
        expect(code == status, "git %s: %d, not %d\n%s" % (" ".join(command), code, status, output))
        return output

    def write(self, path, text):
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def read(self, path):
        return (self.folder / path).read_text()


def expect(condition, message):
    if not condition:
        sys.exit("FAILED: " + message)


def hooks(dally, *names):
    """The entries of .pre-commit-hooks.yaml, for an installed dally."""
    text = "repos:\n  - repo: local\n    hooks:\n"
    entries = {"dally": "apply --quiet", "dally-check": "check --quiet"}
    for name in names:
        text += "      - {id: %s, name: %s, entry: '%s %s', language: system, types: [python], require_serial: true}\n" % (
            name, name, dally, entries[name])
    return text


def check_hook_file(dally):
    """The file that other repositories use names commands that exist."""
    path = pathlib.Path(__file__).resolve().parents[2] / ".pre-commit-hooks.yaml"
    entries = [line.split(":", 1)[1].split() for line in path.read_text().splitlines() if line.strip().startswith("entry:")]
    expect(len(entries) == 2, "%s has %d entries" % (path.name, len(entries)))
    for entry in entries:
        done = subprocess.run([dally] + entry[1:] + ["--help"], stdout=subprocess.DEVNULL)
        expect(entry[0] == "dally" and done.returncode == 0, "%s: %s" % (path.name, " ".join(entry)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dally", required=True)
    parser.add_argument("--pre-commit", required=True)
    options = parser.parse_args()
    dally, pre_commit = (os.path.abspath(path) for path in (options.dally, options.pre_commit))
    check_hook_file(dally)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "repository"
        folder.mkdir()
        scenario(Repository(folder, dally, pre_commit))
    print("pre-commit: all scenarios passed")


def scenario(repository):
    for path, text in FILES.items():
        repository.write(path, text)
    repository.write(".pre-commit-config.yaml", hooks(repository.dally, "dally"))
    repository.git("init", "-q")
    repository.git("add", ".")
    repository.git("commit", "-q", "-m", "before")
    code, output = repository.run(repository.pre_commit, "install")
    expect(code == 0, output)

    # A new file: the hook rewrites it and stops the commit; staged again it goes through.
    repository.write("shop/main.py", MAIN)
    repository.git("add", "shop/main.py")
    output = repository.git("commit", "-m", "main", status=1)
    expect("files were modified by this hook" in output, output)
    text = repository.read("shop/main.py")
    expect('json = lazy("import json")' in text, "json is not lazy:\n" + text)
    expect("\nfrom shop import handlers\n" in text, "handlers is lazy, although it registers something:\n" + text)
    expect((repository.folder / "_dally.py").is_file(), "the runtime file is missing")
    expect(repository.git("status", "--porcelain", "shop/report.py") == "", "a file that was not named has changed")
    repository.git("add", ".")
    repository.git("commit", "-q", "-m", "main")

    # Partially staged: the staged lines are judged, the others are kept and not committed.
    repository.write("shop/report.py", "import csv\n\n\ndef rows(f):\n    return csv.reader(f)\n")
    repository.git("add", "shop/report.py")
    unstaged = repository.read("shop/report.py") + "\n\n# not staged\n"
    repository.write("shop/report.py", unstaged)
    output = repository.git("commit", "-m", "report", status=1)
    text = repository.read("shop/report.py")
    expect("# not staged" in text, "unstaged lines are lost:\n%s\n%s" % (text, output))
    # pre-commit gives the rewriting up if it meets the unstaged lines, or keeps both.
    repository.run(repository.dally, "apply", "--quiet", "shop/report.py")
    text = repository.read("shop/report.py")
    expect('csv = lazy("import csv")' in text and "# not staged" in text, text)
    staged = text.replace("\n\n# not staged\n", "")
    repository.write("shop/report.py", staged)
    repository.git("add", "shop/report.py")
    repository.write("shop/report.py", text)
    repository.git("commit", "-q", "-m", "report")
    expect("# not staged" not in repository.git("show", "HEAD:shop/report.py"), "unstaged lines were committed")
    expect(repository.read("shop/report.py") == text, "the working tree has changed")
    repository.git("checkout", "-q", "shop/report.py")

    # The check refuses what could be lazy, and changes nothing.
    repository.write(".pre-commit-config.yaml", hooks(repository.dally, "dally-check"))
    repository.write("shop/late.py", "import csv\n\n\ndef rows(f):\n    return csv.reader(f)\n")
    before = repository.read("shop/late.py")
    repository.git("add", ".")
    output = repository.git("commit", "-m", "late", status=1)
    expect("shop/late.py:1:8: lazy: import csv" in output, output)
    expect(repository.read("shop/late.py") == before, "the check has changed a file")
    repository.run(repository.dally, "apply", "--quiet", "shop/late.py")
    repository.git("add", ".")
    repository.git("commit", "-q", "-m", "late")

    # And all files of the repository at once.
    code, output = repository.run(repository.pre_commit, "run", "--all-files")
    expect(code == 0, output)


if __name__ == "__main__":
    main()
