"""What two builds of dally decide differently about the same trees.

  python3 tools/compare_verdicts.py OLD NEW TREE... [-- --as-build --python-version 3.13]

OLD and NEW are binaries; what follows `--` are options of `dally check` for both. Prints for each tree how many imports it
has and how the verdicts have changed, then each import that has, with its reasons. Run it over sites of real applications after
a change of the analysis: an import that has become eager for no good reason is a defect as much as a lost effect.
"""
import argparse
import collections
import json
import subprocess
import sys


def verdicts(binary, tree, options):
    """Verdict and reasons of each import, by file, line, column and name."""
    command = [binary, "check", tree, "--no-cache", "--output-format", "json", *options]
    done = subprocess.run(command, capture_output=True)
    if done.returncode not in (0, 1):
        sys.exit("%s: %s" % (" ".join(command), done.stderr.decode(errors="replace").strip()))
    found = {}
    for file in json.loads(done.stdout)["files"]:
        for site in file["sites"]:
            reasons = sorted({reason["reason"] for reason in site["reasons"]})
            found[file["path"], site["line"], site["column"], site["name"]] = site["verdict"], ", ".join(reasons)
    return found


def main():
    arguments, options = sys.argv[1:], ["--as-build"]
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, options = arguments[:cut], arguments[cut + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("trees", nargs="+", metavar="tree")
    parser.add_argument("--most", type=int, default=60, help="changed imports to print of each tree (default: 60)")
    args = parser.parse_args(arguments)
    changed = False
    for tree in args.trees:
        old, new = verdicts(args.old, tree, options), verdicts(args.new, tree, options)
        none = ("absent", "")
        differing = [key for key in sorted(old.keys() | new.keys()) if old.get(key, none)[0] != new.get(key, none)[0]]
        kinds = collections.Counter((old.get(key, none)[0], new.get(key, none)[0]) for key in differing)
        print("%s: %d imports" % (tree, len(new)) + "".join(", %d %s -> %s" % (n, *kind) for kind, n in kinds.items()))
        for key in differing[: args.most]:
            path, line, column, name = key
            before, after = (" ".join(filter(None, side.get(key, none))) for side in (old, new))
            print("  %s:%d:%d %s: %s -> %s" % (path, line, column, name, before, after))
        if len(differing) > args.most:
            print("  and %d more" % (len(differing) - args.most))
        changed = changed or bool(differing)
    return int(changed)


if __name__ == "__main__":
    sys.exit(main())
