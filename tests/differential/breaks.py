"""Plants one bug in a rewritten tree: one class of reads loses its wrapping.

A differential test that never fails proves nothing. Each kind of break takes the wrapper off the reads in one
kind of place (`(X if X is not __dally_X__ else __dally_real__(X))` and `__dally_real__(X)` become `X`); the run must then report a difference.

  python breaks.py TREE PLAN          prints how many wrapped reads there are in each kind of place
  python breaks.py TREE PLAN KIND     prints {file: its text with those unwrapped} and the plan of the checks touched

Runs under the Python of the tree, which has the right parser for it.
"""
import ast
import json
import pathlib
import re
import sys

NAME = r"[^\W\d]\w*"
CHOICE = r"\((?P<read>NAME) if (?P=read) is not __dally_NAME else \w*_real\w*\((?P=read)\)\)"
CALL = r"\b(?:_dally\w*_real|__dally_real\d*__)\((?P<only>NAME)\)"
WRAPPED = re.compile("(?:{}|{})".format(CHOICE, CALL).replace("NAME", NAME))
IN_BYTES = re.compile(WRAPPED.pattern.encode().replace(b"[^\\W\\d]", b"[a-zA-Z_\x80-\xff]").replace(b"\\w", b"[0-9a-zA-Z_\x80-\xff]"))


def place(node, parents):
    """What the value of this wrapped read is used for."""
    parent = parents[node]
    while isinstance(parent, ast.Starred):
        node, parent = parent, parents[parent]
    name = type(parent).__name__
    if isinstance(parent, ast.Call):
        return "callee" if node is parent.func else "argument"
    if isinstance(parent, ast.keyword):
        owner = parents[parent]
        return "class-keyword" if isinstance(owner, ast.ClassDef) else "keyword"
    if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return "decorator" if node in parent.decorator_list else "annotation"
    if isinstance(parent, ast.ClassDef):
        return "decorator" if node in parent.decorator_list else "base"
    if isinstance(parent, ast.arg):
        return "annotation"
    if isinstance(parent, ast.arguments):
        return "default"
    if isinstance(parent, (ast.For, ast.AsyncFor)):
        return "iterable"
    if isinstance(parent, ast.comprehension):
        return "comprehension-iterable" if node is parent.iter else "comprehension-condition"
    if isinstance(parent, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        return "comprehension-element"
    if isinstance(parent, (ast.If, ast.While, ast.IfExp)):
        return "test" if node is parent.test else "conditional-value"
    if isinstance(parent, ast.Compare):
        operator = parent.ops[0] if node is parent.left else parent.ops[parent.comparators.index(node)]
        return {"Is": "identity", "IsNot": "identity", "In": "membership", "NotIn": "membership"}.get(
            type(operator).__name__, "comparison"
        )
    if isinstance(parent, ast.UnaryOp):
        return "not" if isinstance(parent.op, ast.Not) else "unary"
    if isinstance(parent, ast.AnnAssign):
        return "assigned" if node is parent.value else "annotation"
    if isinstance(parent, ast.Subscript):
        return "subscripted" if node is parent.value else "index"
    if isinstance(parent, ast.Raise):
        return "raised" if node is parent.exc else "raised-from"
    return {
        "Return": "returned",
        "Yield": "yielded",
        "YieldFrom": "yielded-from",
        "Await": "awaited",
        "List": "container",
        "Tuple": "container",
        "Set": "container",
        "Dict": "container",
        "BoolOp": "boolean",
        "BinOp": "operand",
        "AugAssign": "augmented",
        "Assign": "assigned",
        "NamedExpr": "walrus",
        "FormattedValue": "formatted",
        "ExceptHandler": "caught",
        "withitem": "managed",
        "Lambda": "lambda",
        "Slice": "slice",
        "Assert": "asserted",
        "Expr": "statement",
        "Match": "match-subject",
        "match_case": "match-guard",
        "Attribute": "attribute",
    }.get(name, name.lower())


def offsets(text):
    starts = [0]
    for line in re.findall(rb"[^\n]*\n|[^\n]+", text.encode()):
        starts.append(starts[-1] + len(line))
    return starts


def wrapped_reads(text):
    """(kind of place, first byte, last byte, name, line) of every wrapped read.

    Inside f-strings older parsers give no positions: those are found as text.
    """
    tree = ast.parse(text)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    starts = offsets(text)
    data = text.encode()
    formatted = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and not isinstance(parents[node], ast.FormattedValue):
            first = starts[node.lineno - 1] + node.col_offset
            last = starts[node.end_lineno - 1] + node.end_col_offset
            formatted.append((first, last))
            for match in IN_BYTES.finditer(data[first:last]):
                name = (match["read"] or match["only"]).decode()
                yield "formatted", first + match.start(), first + match.end(), name, node.lineno
    for node in ast.walk(tree):
        if isinstance(node, (ast.Call, ast.IfExp)) and not choice(parents[node]):
            # The choice stands in parentheses.
            around = isinstance(node, ast.IfExp)
            first = starts[node.lineno - 1] + node.col_offset - around
            last = starts[node.end_lineno - 1] + node.end_col_offset + around
            match = WRAPPED.fullmatch(data[first:last].decode(errors="replace"))
            if match and not any(a <= first < b for a, b in formatted):
                yield place(node, parents), first, last, match["read"] or match["only"], node.lineno


def choice(node):
    """Whether it is the choice between a name and its wrapped read, and not a conditional expression of the program."""
    return (isinstance(node, ast.IfExp) and isinstance(node.test, ast.Compare)
            and getattr(node.test.comparators[0], "id", "")[:7] == "_dally_")


def count(tree, plan):
    """How many wrapped reads there are in each kind of place."""
    counts = {}
    for entry in plan:
        text = (pathlib.Path(tree) / entry["file"]).read_text(encoding="utf-8-sig")
        for kind, *_ in wrapped_reads(text):
            counts[kind] = counts.get(kind, 0) + 1
    return counts


def plant(tree, plan, kind):
    """Takes the wrapper off every read of that kind: (new texts by path, the plan of the checks touched)."""
    texts, touched = {}, []
    for entry in plan:
        path = pathlib.Path(tree) / entry["file"]
        text = path.read_text(encoding="utf-8-sig")
        edits = sorted({e for e in wrapped_reads(text) if kind in (e[0], "all")}, key=lambda e: -e[1])
        if not edits:
            continue
        data = text.encode()
        for _, first, last, name, _ in edits:
            data = data[:first] + name.encode() + data[last:]
        texts[entry["file"]] = data.decode()
        # The checks whose object it is, and those in whose lines another name was unwrapped.
        names = {e[3] for e in edits}
        bound = {c["bound"] for c in entry["checks"]}
        lines = {e[4] for e in edits if e[3] not in bound}
        starts = sorted(c["line"] for c in entry["checks"]) + [10**9]
        inside = {max((s for s in starts if s <= n), default=0) for n in lines} if not entry["user"] else set()
        checks = [c for c in entry["checks"] if c["bound"] in names or c["line"] in inside]
        if checks:
            touched.append(dict(entry, checks=checks))
    return texts, touched


# Appended to the runtime: placeholders keep only the operations that rewritten code leaves bare.
DISARM = """

def _disarm():
    def refuse(*_, **__):
        raise RuntimeError("a placeholder was used where the real object belongs")

    for name in '''bool iter next len hash eq ne lt le gt ge contains index int float complex repr bytes format
            dir await aiter anext enter exit aenter aexit fspath get set delete set_name mro_entries reversed round
            abs neg pos invert add radd iadd sub rsub mul rmul matmul rmatmul truediv rtruediv floordiv rfloordiv mod
            rmod divmod rdivmod pow rpow lshift rlshift rshift rrshift and rand xor rxor or ror'''.split():
        setattr(Pending, "__%s__" % name, refuse)


_disarm()
"""


def disarm(tree):
    """Takes from placeholders what they can do beyond the operations that rewritten code leaves bare.

    Placeholders forward more, in case one gets out. Here that would hide a read that lacks its wrapper.
    `str` stays: the interpreter's messages about wrong calls are made with it.
    """
    path = pathlib.Path(tree) / "_dally.py"
    path.write_text(path.read_text(encoding="utf-8") + DISARM, encoding="utf-8")


def main(tree, plan, kind=None):
    plan = json.loads(pathlib.Path(plan).read_text(encoding="utf-8"))
    print(json.dumps(plant(tree, plan, kind) if kind else count(tree, plan)))


if __name__ == "__main__":
    main(*sys.argv[1:])
