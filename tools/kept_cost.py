#!/usr/bin/env python3
"""What keeps the modules that a rewritten program still loads.

    kept_cost.py --tree SITE --report REPORT.json [--limit LIMIT.log] [-n 20] RUN.log

RUN.log is the standard error of the rewritten program under ``-X importtime``. REPORT.json is what ``dally check
--output-format json --as-build`` says of the original tree SITE. LIMIT.log, if given, is the
same for a run in which every import is lazy: what is loaded there is needed in any case and is not counted.

For each import that was executed, the import statement that caused it is looked up in the report: either it was kept,
then with its reasons, or it was lazy and the name was used, or it is no candidate (in a function, under ``try``, …).
Prints the causes by the number of modules that they load, and by the time.
"""

import argparse
import collections
import json
import re
import sys

LINE = re.compile(r"^import time:\s+(\d+) \|\s+(\d+) \|( +)(\S+)$")


def tree_of(path):
    """The first loads: module -> (importer or None, own microseconds), in the order of loading."""
    stack = []  # (depth, name, own, children)
    for line in open(path, errors="replace"):
        match = LINE.match(line.rstrip("\n"))
        if not match:
            continue
        own, depth, name = int(match[1]), len(match[3]) // 2, match[4]
        children = []
        while stack and stack[-1][0] > depth:
            children.insert(0, stack.pop())
        stack.append((depth, name, own, children))
    return stack




def flatten(nodes, parent, out):
    for _, name, own, children in nodes:
        out.append((parent, name, own))
        flatten(children, name, out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", required=True)
    parser.add_argument("--report", required=True)
    parser.add_argument("--limit")
    parser.add_argument("-n", type=int, default=20)
    parser.add_argument("--module", help="show the chain of one module")
    parser.add_argument("run")
    options = parser.parse_args()
    report = json.load(open(options.report))
    by_module = {f["module"]: f for f in report["files"] if f.get("module")}
    limit = set()
    if options.limit:
        nodes = []
        flatten(tree_of(options.limit), None, nodes)
        limit = {name for _, name, _ in nodes}
    loads = []
    flatten(tree_of(options.run), None, loads)
    parents, children = {}, collections.defaultdict(list)
    for parent, name, own in loads:
        if name not in parents:
            parents[name] = (parent, own)
            children[parent].append(name)

    def size(name):
        count, time = (name not in limit), parents[name][1] * (name not in limit)
        for child in children[name]:
            more = size(child)
            count, time = count + more[0], time + more[1]
        return count, time

    sys.setrecursionlimit(10000)
    total = sum(name not in limit for name in parents)
    print(f"{len(parents)} modules loaded, {total} beyond the limit ({len(limit)})")

    def cause(parent, name):
        """Why `parent` loaded `name`."""
        file = by_module.get(parent)
        if file is None:
            return "importer not in the tree", ""
        found = []
        for site in file["sites"]:
            for loaded in targets(file, site):
                if loaded == name or loaded.startswith(name + ".") :
                    found.append(site)
        if not found:
            return "no candidate, or used", ""
        kept = [s for s in found if s["verdict"] == "keep"]
        if not kept:
            return "lazy, and used", f"line {found[0]['line']}"
        site = kept[0]
        reasons = []
        for reason in site["reasons"]:
            last = reason["evidence"][-1] if reason["evidence"] else None
            where = f" {last['path'].split('site-packages/')[-1].split('src-site/')[-1]}:{last['line']} {last['note']}" if last else ""
            reasons.append(reason["reason"] + where)
        return "; ".join(r.split(" ")[0] for r in reasons), f"line {site['line']}: " + " | ".join(reasons)

    def targets(file, site):
        text = site["import"]
        package = file["module"] if file["path"].endswith("__init__.py") else file["module"].rpartition(".")[0]
        match = re.match(r"(?:lazy )?from\s+(\.*)\s*([\w.]*)\s+import", text.replace("\\", " "))
        if match:
            base = match[2]
            if match[1]:
                root = package.split(".")
                root = root[: len(root) - len(match[1]) + 1]
                base = ".".join([*root, *([base] if base else [])])
            yield base
            for name in re.split(r"[,()\s]+", text.split("import", 1)[1]):
                if name:
                    yield f"{base}.{name}"
        else:
            for name in re.split(r"[,\s]+", text.split("import", 1)[1]):
                if name:
                    yield name

    rows, by_reason = [], collections.Counter()
    for name, (parent, _) in parents.items():
        if name in limit:
            continue
        kind, text = cause(parent, name)
        count, time = size(name)
        by_reason[kind] += 1
        rows.append((count, time, name, parent, kind, text))
    print("\nmodules beyond the limit, by the reasons of the import that loaded them")
    for kind, number in by_reason.most_common(25):
        print(f"{number:6} {kind}")
    print("\nimports that load most modules (with what they load)")
    rows.sort(key=lambda r: (-r[0], r[2]))
    for count, time, name, parent, kind, text in rows[: options.n]:
        print(f"{count:5} {time / 1000:7.1f} ms  {parent} -> {name}: {kind} {text}")


main()
