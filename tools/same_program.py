"""Whether rewritten files are still the programs that they were: an opinion that owes nothing to dally's own code.

    same_program.py [--compare] [--lines] OLD NEW LIST

LIST names files, one a line, relative to OLD and NEW. Every new file must compile under the Python that runs this script
if the old one does. With --compare the syntax trees must be equal but for the imports at module level and the wrapping of reads,
and with --lines every statement and expression must stand on its old line. Complaints go to standard output, one a line; the last line
counts the files. It runs on Python 3.8 and later and needs nothing else.
"""
import ast
import os
import re
import sys
import warnings

FORMS = {"factory": re.compile(r"(_dally\d*|__dally\d*__)$"), "real": re.compile(r"(_dally_real\d*|__dally_real\d*__)$")}
NAMES = {"factory": set(), "real": set()}
LINES = []  # of the new file


def is_header(node):
    return isinstance(node, ast.ImportFrom) and (node.module or "").rsplit(".", 1)[-1] == "_dally"


def is_provided(node):
    """`lazy from .  import errors`: with two blanks, a submodule that the package has always had."""
    lazy = getattr(node, "is_lazy", False) and node.lineno <= len(LINES)
    return lazy and LINES[node.lineno - 1][node.col_offset:].startswith(b"lazy from .  import ")


def helpers(node):
    """`f = __import__("_dally").pending("...")` and `f, real = __import__("_dally").marked("...")`: the names and their kinds.

    In a package that carries the runtime along, `from ._dally import marked as f; f, real = f("...")`.
    """
    if not (isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.value, ast.Call)):
        return {}
    target, value = node.targets[0], node.value.func
    names = [one.id for one in getattr(target, "elts", [target]) if isinstance(one, ast.Name)]
    kinds = dict(zip(names, ("factory", "real")))
    if isinstance(value, ast.Name):
        return kinds if value.id in NAMES["factory"] and names[:1] == [value.id] else {}
    found = isinstance(value, ast.Attribute) and value.attr in ("pending", "marked") and imports_runtime(value.value)
    return kinds if found else {}


def imports_runtime(node):
    """`__import__("_dally")`, and in a file that may be run by its path `(… if __package__ else [path.append(…), …, path.pop()][1])`."""
    if isinstance(node, ast.IfExp):
        parts = getattr(getattr(node.orelse, "value", None), "elts", [])
        asked = isinstance(node.test, ast.Name) and node.test.id == "__package__"
        return asked and len(parts) == 3 and imports_runtime(node.body) and imports_runtime(parts[1])
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "__import__"


def learn(tree):
    """The names that the header binds."""
    NAMES["factory"], NAMES["real"] = set(), set()
    for node in tree.body:
        for name, kind in helpers(node).items():
            if FORMS[kind].match(name):
                NAMES[kind].add(name)
        if is_header(node):
            for alias in node.names:
                kind = "real" if alias.name == "real" else "factory" if alias.name in ("lazy", "pending", "marked") else None
                if kind:
                    NAMES[kind].add(alias.asname or alias.name)
    return NAMES


def called(node, kind):
    return (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NAMES[kind]
            and len(node.args) == 1 and not node.keywords)


def constant(node):
    return node.value if isinstance(node, ast.Constant) else None


def single(node):
    """One import statement as a list of single names."""
    if isinstance(node, ast.Import):
        return [("import", alias.name, alias.asname) for alias in node.names]
    return [("from", node.level, node.module, alias.name, alias.asname) for alias in node.names]


class Imports:
    """Neighbouring imports. Added submodules of a package that is imported anyway make no difference."""

    def __init__(self, singles):
        plain = [name for kind, *name in singles if kind == "import" and name[1] is None]
        self.plain = {name for name, _ in plain}
        self.others = sorted(repr(one) for one in singles if not (one[0] == "import" and one[2] is None))
        self.roots = {name.partition(".")[0] for name in self.plain}

    def become(self, new):
        if self.others != new.others or self.roots != new.roots:
            return False
        return all(name in new.plain or "." not in name for name in self.plain) and all(
            name in self.plain or "." in name for name in new.plain)


def submodule(name):
    return isinstance(name, str) and name.startswith("_dally_submodule")


def block(statements, top):
    """Statements of one block; neighbouring imports at module level become one sorted list."""
    out = []
    pending = []

    def flush():
        if pending:
            out.append(Imports(pending))
            pending.clear()

    for node in statements:
        if top:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                if not is_header(node) and not is_provided(node):
                    pending.extend(one for one in single(node) if not submodule(one[-1]))
                continue
            if isinstance(node, ast.Delete) and all(submodule(getattr(t, "id", None)) for t in node.targets):
                continue
            if any(name in NAMES[kind] for name, kind in helpers(node).items()):
                continue
            if isinstance(node, ast.Assign) and called(node.value, "factory") and assigned(node):
                # A placeholder for a submodule that comes with another import is written with two blanks.
                extra = "  import" in (constant(node.value.args[0]) or "")
                if not extra:
                    # Of several dotted names the last is the one that this statement stands for.
                    pending.append(single(ast.parse(constant(node.value.args[0])).body[0])[-1])
                continue
            if (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
                    and node.targets[0].id == "__lazy_modules__"):
                continue
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Tuple) and not node.value.elts:
                continue
            if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" and any(
                    isinstance(other, ast.Assign) and called(other.value, "factory") for other in node.orelse):
                one, two = block(node.body, True), block(node.orelse, True)
                if not (len(one) == len(two) == 1 and one[0].become(two[0])):
                    out.append("the branches of TYPE_CHECKING differ")
                for other in node.body:
                    pending.extend(single(other))
                continue
        flush()
        out.append(node)
    flush()
    return out


def assigned(node):
    """Whether it is `X = ...` or `X = __dally_X__ = ...`."""
    names = [getattr(target, "id", None) for target in node.targets]
    return names[0] is not None and names[1:] in ([], ["__dally_" + names[0] + "__"])


def marked(node):
    """`X if X is not __dally_X__ else real(X)`; X may be mangled in `__dally_X__`."""
    if not (isinstance(node, ast.IfExp) and isinstance(node.body, ast.Name) and called(node.orelse, "real")):
        return False
    test, name = node.test, node.body.id
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.IsNot)):
        return False
    found = [getattr(one, "id", "") for one in (test.left, test.comparators[0], node.orelse.args[0])]
    right = found[1] == "__dally_" + name + "__" or name[:2] == "__" and found[1][:8] == "__dally_" and found[1].endswith(name + "__")
    return right and found[0] == found[2] == name


def unwrapped(node):
    while True:
        if called(node, "real"):
            node = node.args[0]
        elif marked(node):
            node = node.body
        else:
            return node


def subject(match):
    """The subject of a `match` statement: of `(real(X), (subject))[-1]` the last element, if X is the class of a pattern."""
    node = match.subject
    if not (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Tuple) and len(node.value.elts) > 1):
        return node
    patterns = [one for case in match.cases for one in ast.walk(case.pattern) if isinstance(one, ast.MatchClass)]
    classes = [one.cls.id for one in patterns if isinstance(one.cls, ast.Name)]
    for element in node.value.elts[:-1]:
        name = getattr(element.args[0], "id", "") if called(element, "real") else ""
        if not any(name == one or one[:2] == "__" and name.endswith(one) for one in classes):
            return node
    return node.value.elts[-1]


def annotation(node):
    """An annotation that dally has put into quotes."""
    text = constant(node)
    if isinstance(text, str) and any(name + "(" in text for name in NAMES["real"]):
        return ast.parse("(" + text + "\n)", mode="eval").body, False
    return node, True


def difference(old, new, lines):
    """The first place where two trees differ, or None. A loop, because real programs nest deeply."""
    stack = [(old, new, True, lines)]
    while stack:
        a, b, top, same_line = stack.pop()
        if isinstance(b, ast.AST):
            b = unwrapped(b)
            if type(b).__name__ == "Match":
                b.subject = subject(b)
        if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
            if len(a) != len(b):
                where = next((x.lineno for x in [*a, *b] if hasattr(x, "lineno")), "?")
                return "line %s: %d parts became %d" % (where, len(a), len(b))
            stack.extend((x, y, top, same_line) for x, y in zip(a, b))
            continue
        if isinstance(a, Imports) and isinstance(b, Imports):
            if not a.become(b):
                return "the imports %s became %s" % (sorted(a.plain) + a.others, sorted(b.plain) + b.others)
            continue
        if type(a) is not type(b):
            return "line %s: %s became %s" % (getattr(a, "lineno", "?"), type(a).__name__, type(b).__name__)
        if not isinstance(a, ast.AST):
            if a != b and repr(a) != repr(b):
                return "%.60r became %.60r" % (a, b)
            continue
        if same_line and getattr(a, "lineno", 0) != getattr(b, "lineno", 0):
            # The surroundings of a wrapped or quoted part may begin with it.
            return "%s moved from line %d to %d" % (type(a).__name__, a.lineno, b.lineno)
        for field in a._fields:
            x, y = getattr(a, field, None), getattr(b, field, None)
            inner = top and not isinstance(a, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda))
            if field in ("body", "orelse", "finalbody") and isinstance(x, list):
                x, y = block(x, inner), block(y, inner)
            keep = same_line
            if field in ("annotation", "returns") and y is not None and x is not None:
                y, exact = annotation(y)
                keep = same_line and exact
            stack.append((x, y, inner, keep))
    return None


def check(old_path, new_path, compare, lines):
    with open(new_path, "rb") as file:
        new = file.read()
    with open(old_path, "rb") as file:
        old = file.read()
    try:
        compile(new, new_path, "exec", dont_inherit=True)
    except Exception as error:
        try:
            compile(old, old_path, "exec", dont_inherit=True)
        except Exception:
            return None
        return "does not compile any more: %s" % (error,)
    if not compare:
        return None
    try:
        old_tree = ast.parse(old)
    except SyntaxError:
        return None
    new_tree = ast.parse(new)
    LINES[:] = new.splitlines()
    learn(new_tree)
    return difference(old_tree, new_tree, lines)


def main():
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(10000)
    arguments = sys.argv[1:]
    compare = "--compare" in arguments
    lines = "--lines" in arguments
    old, new, listed = [a for a in arguments if not a.startswith("--")]
    with open(listed, encoding="utf-8", errors="surrogateescape") as file:
        names = [name for name in file.read().split("\n") if name]
    for name in names:
        complaint = check(os.path.join(old, name), os.path.join(new, name), compare, lines)
        if complaint:
            print("%s: %s" % (name, complaint))
    print("compared %d files" % len(names))


main()
