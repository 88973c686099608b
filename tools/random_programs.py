#!/usr/bin/env python3
"""Random programs of several modules, run before and after: whoever reports a difference has found a bug of dally.

    random_programs.py --dally BINARY --python PYTHON [--python PYTHON …] [--target proxy] [--seed 1] [--count 200] [--keep FOLDER]

A program is a handful of modules and packages that register with each other, subclass each other's bases, change and read each
other's state while they load and later, and a main program that calls and prints. It is run as it is and as
`dally build` makes it, and must end with the same output and the same exit code. A program that ends with an error by itself is not counted.
What differs is reduced by leaving out modules and statements as long as it differs, and written to the folder.

The same seed makes the same programs. What is known to differ is not generated: namespaces read as dicts, `sys.modules`, when
the garbage collector runs, and import cycles that fail and somebody guards against that.
"""
import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

NAMES = ["core", "events", "models", "views", "store", "util", "tasks", "forms", "shapes", "codec", "hooks", "plug"]
PACKAGES = ["app", "lib", "ext"]
WORDS = ["red", "green", "blue", "north", "south", "tea", "salt", "iron"]

SHOW = '''
def show(value, depth=0):
    if depth > 4:
        return "..."
    if isinstance(value, (str, int, float, bool, type(None))):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return type(value).__name__ + str([show(one, depth + 1) for one in value])
    if isinstance(value, (set, frozenset)):
        return "set" + str(sorted(show(one, depth + 1) for one in value))
    if isinstance(value, dict):
        return str([(show(key, depth + 1), show(one, depth + 1)) for key, one in value.items()])
    if isinstance(value, type):
        return "class " + value.__module__ + "." + value.__qualname__
    if callable(value) and hasattr(value, "__name__"):
        return "function " + value.__name__
    return "a " + type(value).__name__


def step(number, act):
    try:
        print(number, show(act()))
    except Exception as error:
        print(number, "raises", type(error).__name__, str(error).split(" (")[0])
'''


class Module:
    """A module in the making: its statements, and the symbols that others may use."""

    def __init__(self, name, package):
        self.name, self.package = name, package
        self.body, self.symbols, self.entries = [], [], []

    def path(self):
        parts = self.name.split(".")
        return "/".join(parts) + ("/__init__.py" if self.package else ".py")

    def folder(self):
        return self.name if self.package else self.name.rpartition(".")[0]


class Maker:
    """Makes one program."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.count = 0
        self.modules = []

    def fresh(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    def chance(self, share):
        return self.random.random() < share

    def word(self):
        return self.random.choice(WORDS)

    def program(self):
        """The files of the program: path -> list of statements."""
        names = self.tree()
        for name, package in names:
            module = Module(name, package)
            self.fill(module)
            self.modules.append(module)
        self.cycles()
        files = {module.path(): module.body for module in self.modules}
        files["main.py"] = self.main()
        return files

    def tree(self):
        flat = self.random.sample(NAMES, self.random.randint(2, 5))
        found = [(name, False) for name in flat]
        for package in self.random.sample(PACKAGES, self.random.randint(1, 2)):
            inside = [(package, True)]
            inside += [(f"{package}.{name}", False) for name in self.random.sample(NAMES, self.random.randint(1, 4))]
            if self.chance(0.3):
                inside += [(f"{package}.sub", True), (f"{package}.sub.{self.random.choice(NAMES)}", False)]
            found += inside
        self.random.shuffle(found)
        return found

    # What a module defines. Each adds statements and symbols (name, kind).

    def define(self, module):
        kind = self.random.choice(DEFINITIONS)
        name = self.fresh(kind.rstrip("_") + "_")
        text = kind_text(kind, name, self)
        module.body.append(text)
        module.symbols.append((name, kind))

    def fill(self, module):
        imported = []
        for other in self.random.sample(self.modules, min(len(self.modules), self.random.randint(0, 3))):
            imported += self.import_of(module, other)
        for _ in range(self.random.randint(1, 4)):
            self.define(module)
        own = [(name, kind, name) for name, kind in module.symbols]
        for _ in range(self.random.randint(0, 3)):
            if imported and self.chance(0.6):
                expression, kind, _ = self.random.choice(imported)
                module.body.append(self.at_import(module, expression, kind))
            elif own and self.chance(0.5):
                expression, kind, _ = self.random.choice(own)
                module.body.append(self.at_import(module, expression, kind))
        for _ in range(self.random.randint(1, 4)):
            pool = imported if imported and self.chance(0.8) else own
            if not pool:
                continue
            expression, kind, _ = self.random.choice(pool)
            name = self.fresh("run_")
            module.body.append(f"def {name}():\n" + indent(self.deferred(expression, kind)))
            module.entries.append(name)
        if self.chance(0.12):
            module.body.append(self.process_state(module))
        if self.chance(0.1):
            module.body.append(f'__all__ = {[name for name, _ in module.symbols][:2]!r}')
        if self.chance(0.08):
            module.body.append(f'print("loading {module.name}")')

    def import_of(self, module, other):
        """Adds an import of another module: [(expression, kind, symbol)] that can be used from now on."""
        symbols = other.symbols
        parent, _, last = other.name.rpartition(".")
        form = self.random.randrange(12)
        statement, prefix, found = None, None, []
        if form in (0, 1) and symbols:
            name, kind = self.random.choice(symbols)
            where = self.relative(module, other) if form == 1 else other.name
            alias = self.fresh("as_") if self.chance(0.4) else None
            statement = f"from {where} import {name}" + (f" as {alias}" if alias else "")
            found = [(alias or name, kind, name)]
            if self.chance(0.5):
                module.symbols.append((alias or name, kind))
        elif form == 2:
            alias = self.fresh("mod_")
            statement, prefix = f"import {other.name} as {alias}", alias
        elif form == 3 and parent:
            where = self.relative(module, other, parent=True) if self.chance(0.4) else parent
            statement, prefix = f"from {where} import {last}", last
        elif form == 4 and symbols and self.chance(0.5):
            statement = f"from {other.name} import *"
            found = [(name, kind, name) for name, kind in symbols] if not any("__all__" in line for line in other.body) else []
        elif form == 5 and symbols:
            names = self.random.sample(symbols, min(2, len(symbols)))
            statement = f"from {other.name} import ({', '.join(name for name, _ in names)})"
            found = [(name, kind, name) for name, kind in names]
        elif form == 6 and self.chance(0.5):
            statement, prefix = f"try:\n    import {other.name}\nexcept ImportError:\n    raise", other.name
        elif form == 7 and self.chance(0.4):
            alias = self.fresh("found_")
            statement, prefix = f'import importlib\n{alias} = importlib.import_module("{other.name}")', alias
        elif form == 8 and symbols:
            name, kind = self.random.choice(symbols)
            missing = self.fresh("missing_")
            statement = f"try:\n    from {other.name} import {missing}\nexcept ImportError as error:\n    assert 'partially' not in str(error)\n    from {other.name} import {name} as {missing}"
            found = [(missing, kind, name)]
        elif form == 9 and symbols:
            name, kind = self.random.choice(symbols)
            statement = f"import sys\nif sys.version_info > (3,):\n    from {other.name} import {name}\nelse:\n    {name} = None"
            found = [(name, kind, name)]
        elif form == 10 and symbols and self.chance(0.5):
            name, kind = self.random.choice(symbols)
            getter = self.fresh("get_")
            statement = f"def {getter}():\n    from {other.name} import {name}\n    return {name}"
            found = [(f"{getter}()", kind, name)]
        else:
            statement, prefix = f"import {other.name}", other.name
        module.body.append(statement)
        if prefix:
            found += [(f"{prefix}.{name}", kind, name) for name, kind in symbols]
        return found

    def relative(self, module, other, parent=False):
        target = other.name.rpartition(".")[0] if parent else other.name
        folder = module.folder()
        top = folder.split(".")[0]
        if not folder or target.split(".")[0] != top:
            return target
        levels = 1
        while folder and not (target + ".").startswith(folder + "."):
            folder, levels = folder.rpartition(".")[0], levels + 1
        return "." * levels + target[len(folder):].lstrip(".") if folder else target

    def at_import(self, module, expression, kind):
        """A statement that uses a symbol while the module loads."""
        name, word = self.fresh("made_"), self.word()
        if kind not in USES:
            return f"{name} = {expression}"
        root, _, last = expression.rpartition(".")
        rebinds = root and "(" not in root and self.chance(0.12)
        text = self.random.choice(REBOUND if rebinds else USES[kind]).format(
            x=expression, m=root, last=last, name=name, word=word, number=self.random.randint(1, 9))
        if "def " not in text and "class " not in text and "global" not in text:
            wrap = self.random.randrange(8)
            if wrap == 0:
                text = f"def {name}_setup():\n" + indent(text) + f"\n{name}_setup()"
            elif wrap == 1:
                text = "for _ in range(2):\n" + indent(text)
            elif wrap == 2:
                text = "if True:\n" + indent(text)
            elif wrap == 3:
                text = f"class {name}_Body:\n" + indent(text)
        if text.startswith(f"{name} = "):
            module.symbols.append((name, "value"))
        return text

    def deferred(self, expression, kind):
        """The body of a function that uses a symbol, and returns something that can be printed."""
        general = GENERAL + (["return {x}, dir({m})[:0], hasattr({m}, {last!r})"] if "." in expression else [])
        options = LATER.get(kind, []) * 2 + general
        root, _, last = expression.rpartition(".")
        if root and "(" not in root:
            options += REBOUND_LATER + ["{m}.set_{last}(True)\nreturn {x}"] * (4 if kind == "flag_" and last.startswith("flag_") else 0)
        return self.random.choice(options).format(
            x=expression, m=root, last=last, word=self.word(), number=self.random.randint(1, 9))

    def process_state(self, module):
        return self.random.choice(PROCESS).format(word=self.word(), name=self.fresh("state_"), number=self.random.randint(1, 9))

    def cycles(self):
        """A few imports that lead back: at the end of a module or in a function."""
        for _ in range(self.random.randint(0, 2)):
            first, second = sorted(self.random.sample(range(len(self.modules)), 2))
            early, late = self.modules[first], self.modules[second]
            if self.chance(0.5):
                early.body.append(f"import {late.name}")
            elif late.symbols:
                name = self.fresh("run_")
                symbol, kind = self.random.choice(late.symbols)
                early.body.append(f"def {name}():\n    from {late.name} import {symbol}\n    return {symbol}")
                early.entries.append(name)

    def main(self):
        main = Module("main", False)
        used = self.random.sample(self.modules, self.random.randint(2, min(6, len(self.modules))))
        steps = []
        for other in used:
            expressions = self.import_of(main, other)
            if self.chance(0.3) and expressions:
                expression, kind, _ = self.random.choice(expressions)
                main.body.append(self.at_import(main, expression, kind))
            steps += [f"return {expression}" for expression, _, _ in expressions]
            steps += [self.deferred(expression, kind) for expression, kind, _ in expressions]
            if other.entries:
                alias = self.fresh("mod_")
                main.body.append(f"import {other.name} as {alias}")
                steps += [f"return {alias}.{entry}()" for entry in other.entries] * 2
            package = other.name.rpartition(".")[0]
            if package:
                steps.append(f"import {package}\nreturn hasattr({package}, '{other.name.rpartition('.')[2]}')")
            if self.chance(0.3):
                steps.append(self.process_state(other) + "\nreturn None")
        self.random.shuffle(steps)
        body = [SHOW] + main.body
        lines = []
        for number, text in enumerate(steps[:24]):
            body.append(f"def act_{number}():\n" + indent(text))
            lines.append(f"step({number}, act_{number})")
        guard = "if __name__ == '__main__': " if self.chance(0.5) else ""
        return body + [guard + line for line in lines]


def indent(text):
    return "\n".join("    " + line if line else line for line in text.split("\n"))


DEFINE = {
    "ordered_": "class {n}:\n    count = 0\n    def __init__(self, label={word!r}):\n        {n}.count += 1\n        self.label, self.number = label, {n}.count",
    "plugin_": "class {n}:\n    label = {word!r}\ndef {n}_all():\n    return sorted(cls.__name__ for cls in {n}.__subclasses__())",
    "app_": "class {n}_App:\n    def __init__(self):\n        self.routes, self.before = {{}}, []\n    def route(self, path):\n        def add(view):\n            self.routes[path] = view\n            return view\n        return add\n    def run(self, path):\n        return [hook() for hook in self.before] + [self.routes[path]()] if path in self.routes else None\n{n} = {n}_App()",
    "current_": "import contextvars\n{n} = contextvars.ContextVar('{n}', default={number})",
    "chain_": "import collections\n{n} = collections.ChainMap({{'{word}': {number}}})",
    "once_": "_{n} = None\ndef {n}():\n    global _{n}\n    if _{n} is None:\n        _{n} = [{number}]\n    return _{n}",
    "stack_": "import collections\n{n} = collections.deque([{number}], maxlen=3)",
    "property_": "class {n}_Kind:\n    @property\n    def size(self):\n        return len(self.items)\n    def __init__(self):\n        self.items = [{number}]\n    def __iadd__(self, other):\n        self.items.append(other)\n        return self\n    def __len__(self):\n        return len(self.items)\n    def __contains__(self, item):\n        return item in self.items\n{n} = {n}_Kind()",
    "list_": "{n} = []",
    "dict_": "{n} = {{}}",
    "set_": "{n} = set()",
    "const_": "{n} = {number}",
    "text_": "{n} = {word!r}",
    "register_": "{n}_all = []\ndef {n}(item):\n    {n}_all.append(getattr(item, '__name__', item))\n    return item",
    "keyed_": "{n}_table = {{}}\ndef {n}(key):\n    def keep(item):\n        {n}_table[key] = item\n        return item\n    return keep",
    "listing_": "_{n} = []\ndef {n}(item=None):\n    if item is not None:\n        _{n}.append(item)\n    return list(_{n})",
    "base_": "class {n}:\n    known = []\n    def __init_subclass__(cls, **options):\n        super().__init_subclass__(**options)\n        {n}.known.append(cls.__name__)",
    "root_": "class {n}_Meta(type):\n    made = []\n    def __new__(meta, name, bases, space, **options):\n        cls = super().__new__(meta, name, bases, space)\n        meta.made.append(name)\n        return cls\nclass {n}(metaclass={n}_Meta):\n    pass",
    "checked_": "class {n}:\n    def __init_subclass__(cls, **options):\n        if not hasattr(cls, 'label'):\n            cls.label = cls.__name__.lower()",
    "class_": "class {n}:\n    value = {number}\n    def __init__(self, size={number}):\n        self.size = size\n    def double(self):\n        return self.size * 2",
    "error_": "class {n}(Exception):\n    code = {number}",
    "flag_": "{n} = False\ndef set_{n}(value):\n    global {n}\n    {n} = value",
    "next_": "_{n} = 0\ndef {n}():\n    global _{n}\n    _{n} += 1\n    return _{n}",
    "options_": "class {n}_Options:\n    debug = False\n    level = {number}\n{n} = {n}_Options()",
    "function_": "def {n}(left=1, right={number}):\n    return left + right",
    "dispatch_": "import functools\n@functools.singledispatch\ndef {n}(value):\n    return 'other'",
    "abstract_": "import abc\nclass {n}(abc.ABC):\n    pass",
    "signal_": "class {n}_Signal:\n    def __init__(self):\n        self.receivers = []\n    def connect(self, receiver):\n        self.receivers.append(receiver)\n        return receiver\n    def send(self, value):\n        return [receiver(value) for receiver in self.receivers]\n{n} = {n}_Signal()",
    "field_": "class {n}:\n    seen = []\n    def __set_name__(self, owner, name):\n        self.name = name\n        {n}.seen.append(owner.__name__ + '.' + name)",
    "cached_": "import functools\n{n}_calls = []\n@functools.lru_cache(None)\ndef {n}(key={number}):\n    {n}_calls.append(key)\n    return key * 2",
    "deferred_": "def __getattr__(name):\n    if name == '{n}_value':\n        return {number}\n    raise AttributeError(name)\n{n} = 1",
    "kind_": "import enum\nclass {n}(enum.Enum):\n    one = 1\n    two = {number}2",
    "pair_": "import collections\n{n} = collections.namedtuple('{n}', 'left right')",
    "data_": "import dataclasses\n@dataclasses.dataclass\nclass {n}:\n    size: int = {number}\n    tags: list = dataclasses.field(default_factory=list)",
    "context_": "import contextlib\n{n}_stack = []\n@contextlib.contextmanager\ndef {n}(value):\n    {n}_stack.append(value)\n    try:\n        yield list({n}_stack)\n    finally:\n        {n}_stack.pop()",
    "wrap_": "import functools\ndef {n}(function):\n    @functools.wraps(function)\n    def inner(*args, **options):\n        return function(*args, **options)\n    return inner",
}
DEFINITIONS = sorted(DEFINE)

USES = {
    "ordered_": ["{name} = {x}({word!r})", "class {name}:\n    first = {x}()\n    second = {x}({word!r})", "{name} = [{x}() for _ in range(2)]"],
    "plugin_": ["class {name}({x}):\n    label = {word!r}", "{name} = [cls.__name__ for cls in {x}.__subclasses__()]"],
    "app_": ["@{x}.route('/{word}')\ndef {name}():\n    return {number}", "{x}.before.append(lambda: {number})", "{name} = sorted({x}.routes)", "{x}.routes.setdefault('/{word}', lambda: {word!r})"],
    "current_": ["{x}.set({number})", "{name} = {x}.get()", "{name} = {x}.set({number})"],
    "chain_": ["{x}[{word!r}] = {number}", "{name} = {x}.get({word!r})", "{x}.maps.append({{{word!r}: {number}}})", "{name} = {x}.new_child()"],
    "once_": ["{x}().append({number})", "{name} = {x}()[0]", "{name} = len({x}())"],
    "stack_": ["{x}.append({number})", "{name} = {x}[-1]", "{x}.rotate(1)", "{name} = list({x})"],
    "property_": ["{x}.items.append({word!r})", "{name} = {x}.size", "{name} = len({x})", "{name} = {x}\n{name} += {number}", "{name} = {number} in {x}"],
    "list_": ["{x}.append({word!r})", "{x}.extend([{number}, {word!r}])", "{name} = len({x})", "{name} = list({x})", "{x}[:0] = [{number}]", "{name} = {x}", "alias_{name} = {x}\nalias_{name}.append({number})"],
    "dict_": ["{x}[{word!r}] = {number}", "{x}.setdefault({word!r}, {number})", "{x}.update({word}={number})", "{name} = dict({x})", "{name} = {x}.get({word!r})", "{name} = sorted({x})"],
    "set_": ["{x}.add({word!r})", "{name} = sorted({x})", "{name} = {word!r} in {x}"],
    "const_": ["{name} = {x} + 1", "{name} = [{x}] * 2", "def {name}(value={x}):\n    return value"],
    "text_": ["{name} = {x}.upper()", "{name} = f'{{{x}}}-{number}'"],
    "value": ["{name} = {x}"],
    "register_": ["{x}({word!r})", "import functools\nfunctools.partial({x}, {word!r})()", "[{x}({name}_one) for {name}_one in (1, 2)]", "@{x}\ndef {name}():\n    return {number}", "for {name}_one in ('a', 'b'):\n    {x}({name}_one)", "@{x}\nclass {name}:\n    pass", "{name} = list(map({x}, [{number}]))"],
    "keyed_": ["@{x}({word!r})\ndef {name}():\n    return {number}", "{x}({number})({word!r})", "@{x}({word!r})\nclass {name}:\n    pass"],
    "listing_": ["{x}({word!r})", "{name} = {x}()", "{x}(item={number})"],
    "base_": ["class {name}({x}):\n    pass", "{name} = type('{name}', ({x},), {{}})", "{name} = list({x}.known)"],
    "root_": ["class {name}({x}):\n    pass", "{name} = list(type({x}).made)"],
    "checked_": ["class {name}({x}):\n    pass", "class {name}({x}):\n    label = {word!r}"],
    "class_": ["class {name}({x}):\n    value = {number}", "{name} = {x}()", "{x}.value = {number}", "{name} = {x}.value", "{x}.double = lambda self: {number}", "{name} = {x}({number}).double()", "setattr({x}, {word!r}, {number})"],
    "error_": ["class {name}({x}):\n    pass", "try:\n    raise {x}({word!r})\nexcept {x} as {name}:\n    pass", "{x}.code = {number}"],
    "flag_": ["{name} = 'on' if {x} else 'off'", "if {x}:\n    {name} = {number}\nelse:\n    {name} = {word!r}"],
    "next_": ["{name} = {x}()", "{name} = [{x}() for _ in range(2)]", "{x}()"],
    "options_": ["{x}.debug = True", "{x}.level = {number}", "{name} = {x}.level", "{name} = {x}.debug", "{x}.{word} = {number}", "{x}.level += {number}"],
    "function_": ["{name} = {x}({number})", "def {name}(*args):\n    return {x}(*args) * 2", "{name} = {x}"],
    "dispatch_": ["@{x}.register(int)\ndef {name}(value):\n    return 'int {number}'", "{x}.register(str, lambda value: {word!r})", "class {name}:\n    pass\n{x}.register({name}, lambda value: {number})", "{name} = {x}({number})"],
    "abstract_": ["@{x}.register\nclass {name}:\n    pass", "class {name}:\n    pass\n{x}.register({name})", "{x}.register(int)", "{name} = isinstance({number}, {x})"],
    "signal_": ["@{x}.connect\ndef {name}(value):\n    return value * {number}", "{x}.connect(lambda value: {word!r})", "{name} = {x}.send({number})"],
    "field_": ["class {name}:\n    {word} = {x}()"],
    "cached_": ["{name} = {x}({number})", "{name} = {x}()"],
    "kind_": ["{name} = {x}.one", "{name} = [one.name for one in {x}]", "{name} = {{{x}.two: {number}}}"],
    "pair_": ["{name} = {x}({number}, {word!r})", "class {name}({x}):\n    pass"],
    "data_": ["{name} = {x}({number})", "class {name}({x}):\n    pass"],
    "context_": ["with {x}({word!r}) as {name}:\n    pass"],
    "wrap_": ["@{x}\ndef {name}():\n    return {number}", "{name} = {x}(len)"],
}

LATER = {
    "ordered_": ["return {x}().number", "return {x}.count"],
    "plugin_": ["return sorted(cls.__name__ for cls in {x}.__subclasses__())", "class Late({x}):\n    pass\nreturn Late.label"],
    "app_": ["return {x}.run('/{word}')", "return sorted({x}.routes), len({x}.before)"],
    "current_": ["return {x}.get()", "{x}.set({number})\nreturn {x}.get()"],
    "chain_": ["return sorted({x}.items())"],
    "once_": ["return {x}()", "{x}().append({word!r})\nreturn {x}()"],
    "stack_": ["{x}.append({number})\nreturn list({x})"],
    "property_": ["return {x}.size, {x}.items", "return bool({x})"],
    "list_": ["{x}.append({word!r})\nreturn {x}", "return len({x})", "return [one for one in {x}]", "return {word!r} in {x}"],
    "dict_": ["{x}[{word!r}] = {number}\nreturn {x}", "return {x}.get({word!r})", "return sorted(map(str, {x}))"],
    "set_": ["{x}.add({number})\nreturn {x}"],
    "register_": ["return {x}({number})"],
    "keyed_": ["return {x}({number})({word!r})"],
    "listing_": ["return {x}()", "return {x}({word!r})"],
    "base_": ["return {x}.known", "class Late({x}):\n    pass\nreturn {x}.known"],
    "root_": ["return type({x}).made", "class Late({x}):\n    pass\nreturn Late"],
    "class_": ["return {x}.value", "return {x}().double()", "{x}.value = {number}\nreturn {x}.value", "return isinstance({x}(), {x})", "return type({x}()) is {x}", "return sorted(name for name in dir({x}) if name[0] != '_')"],
    "error_": ["try:\n    raise {x}({word!r})\nexcept {x} as error:\n    return error.code, str(error)", "raise {x}({number})"],
    "flag_": ["return {x}"],
    "next_": ["return {x}()"],
    "options_": ["return {x}.level, {x}.debug", "{x}.debug = True\nreturn {x}.debug", "return sorted(vars({x}).items())"],
    "function_": ["return {x}({number})", "return {x}(*[1, 2])", "return [*map({x}, [1, 2])]"],
    "dispatch_": ["return {x}({number}), {x}({word!r}), {x}(1.5)", "return len({x}.registry)"],
    "abstract_": ["return isinstance({number}, {x}), issubclass(str, {x})"],
    "signal_": ["return {x}.send({number})"],
    "field_": ["return {x}.seen"],
    "cached_": ["return {x}({number}), {x}.cache_info().misses"],
    "kind_": ["return {x}(1) is {x}.one", "return {x}['two'].value", "return list({x}.__members__)"],
    "pair_": ["return {x}(1, 2)._asdict()", "return {x}._fields"],
    "data_": ["return {x}().size, {x}() == {x}()"],
    "context_": ["with {x}({number}) as stack:\n    return stack"],
    "wrap_": ["return {x}(len)({word!r})"],
}

GENERAL = [
    "import typing\ndef inner(value: {x}) -> None:\n    return value\nreturn list(inner.__annotations__)",
    "import pickle\ntry:\n    return pickle.loads(pickle.dumps({x})) is {x}\nexcept Exception as error:\n    return 'no pickle'",
    "for one in ({x}, {number}):\n    return one",
    "values = dict(first={x})\nreturn values",
    "return list(zip([{x}], [{number}]))",
    "return max([1, 2], key=lambda one: ({x} is None, one))",
    "def inner(*args, **options):\n    return args, options\nreturn inner({x}, last={x})",
    "return repr(type({x}).__name__) + str({x} is not None)",
    "assert {x} is not Ellipsis, {x}\nreturn {number}",
    "try:\n    return {x} + {number}\nexcept TypeError:\n    return 'no sum'",
    "try:\n    return {x}[0]\nexcept Exception as error:\n    return type(error).__name__",
    "kept = []\nkept += [{x}]\nreturn kept",
    "return {x}",
    "return [{x}, {number}]",
    "return {{{word!r}: {x}}}",
    "value = {x}\nreturn value",
    "return f'{{type({x}).__name__}}'",
    "return {x} is {x}, {x} == {x}",
    "return (lambda: {x})()",
    "def inner(value={x}):\n    return value\nreturn inner()",
    "return ({x} if {x} else {number})",
    "return isinstance({x}, (list, dict, type)), callable({x})",
    "return [one for one in ({x},)]",
    "class Inner:\n    kept = {x}\nreturn Inner.kept",
    "return getattr({x}, '__name__', {word!r})",
    "import copy\nreturn copy.copy({x}) is None",
    "try:\n    return {x}\nfinally:\n    str({number})",
    "first, *rest = [{x}, 1, 2]\nreturn first",
    "return not {x}",
    "yield_ = (one for one in [{x}])\nreturn next(yield_)",
]

REBOUND = ["{x} = {number}", "setattr({m}, {last!r}, {word!r})", "{x} = {m}.{last}", "{m}.{word} = {number}"]
REBOUND_LATER = ["{x} = {number}\nreturn {x}", "{m}.{word} = {number}\nreturn {m}.{word}", "return getattr({m}, '{word}', None)"]

PROCESS = [
    "import sys\nsys.path.append('/{word}')",
    "import sys\n{name} = len(sys.path)",
    "import locale\n{name} = locale.localeconv()['decimal_point']",
    "import socket\nsocket.setdefaulttimeout({number})",
    "import socket\n{name} = socket.getdefaulttimeout()",
    "import codecs\ncodecs.register_error('x_{word}', codecs.ignore_errors)",
    "import copyreg\ncopyreg.add_extension('x_{word}', '{name}', {number})",
    "import string\nstring.punctuation_{word} = {number}",
    "import sys\n{name} = '{word}' in sys.argv",
    "import threading\nthreading.stack_size(262144)",
    "import mimetypes\nmimetypes.add_type('x/{word}', '.x{number}')",
    "import mimetypes\n{name} = mimetypes.guess_type('a.x{number}')[0]",
    "import os\nos.environ['X_{word}'] = '{number}'",
    "import os\n{name} = os.environ.get('X_{word}')",
    "import os\nos.environ.setdefault('X_{word}', '{number}')",
    "import sys\nsys.setrecursionlimit(2000 + {number})",
    "import sys\n{name} = sys.getrecursionlimit()",
    "import logging\nlogging.getLogger('{word}').setLevel({number})",
    "import logging\n{name} = logging.getLogger('{word}').level",
    "import decimal\ndecimal.getcontext().prec = 10 + {number}",
    "import decimal\n{name} = str(decimal.Decimal(1) / 3)",
    "import builtins\nbuiltins.x_{word} = {number}",
    "import builtins\n{name} = getattr(builtins, 'x_{word}', None)",
    "import sys\nsys.x_{word} = {number}",
    "import warnings\nwarnings.filterwarnings('ignore', message='{word}')",
    "import warnings\n{name} = len(warnings.filters)",
    "import random\nrandom.seed({number})",
    "import random\n{name} = random.random()",
    "import json\njson.x_{word} = {number}",
    "import json\n{name} = getattr(json, 'x_{word}', None)",
]


def kind_text(kind, name, maker):
    return DEFINE[kind].format(n=name, number=maker.random.randint(1, 9), word=maker.word())


def write(folder, files):
    for path, body in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n".join(body) + "\n")
    for path in list(files):
        for parent in pathlib.PurePosixPath(path).parents:
            init = folder / parent / "__init__.py"
            if str(parent) != "." and not init.exists():
                init.write_text("")


def run(python, folder):
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([python, "main.py"], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    return done.returncode, done.stdout, done.stderr.strip().rpartition(b"\n")[2]


class Trial:
    """Runs programs before and after."""

    def __init__(self, options):
        self.options = options

    def differs(self, files, misses=None):
        """None, or what differs: a text. "" if the program is of no use, as one that misses more names or modules than `misses`."""
        with tempfile.TemporaryDirectory(prefix="dally-random-") as scratch:
            source = pathlib.Path(scratch) / "src"
            source.mkdir()
            write(source, files)
            built = pathlib.Path(scratch) / "out"
            before = {python: run(python, source) for python in self.options.python}
            if any(code != 0 for code, _, _ in before.values()):
                return ""
            if misses is not None and sum(missed(out) for _, out, _ in before.values()) > misses:
                return ""
            command = [self.options.dally, "build", str(source), "--out", str(built), "--target", self.options.target, "--quiet", "--no-cache"]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
            if done.returncode != 0:
                return "dally: " + done.stdout.decode(errors="replace")
            for python, expected in before.items():
                found = run(python, built)
                if found[:2] != expected[:2]:
                    return explain(python, expected, found)
        return None

    def misses(self, files):
        """How many steps of the program end because a name or a module is missing."""
        with tempfile.TemporaryDirectory(prefix="dally-random-") as scratch:
            write(pathlib.Path(scratch), files)
            return sum(missed(run(python, scratch)[1]) for python in self.options.python)

    def reduce(self, files):
        """The smallest part of the program that still differs."""
        misses = self.misses(files)
        differs = lambda files: bool(self.differs(files, misses))
        changed = True
        while changed:
            changed = False
            for path in sorted(files):
                if path != "main.py":
                    smaller = {name: body for name, body in files.items() if name != path}
                    if differs(smaller):
                        files, changed = smaller, True
                        continue
                size = len(files[path])
                while size >= 1:
                    at = 0
                    while at < len(files[path]):
                        body = files[path][:at] + files[path][at + size:]
                        smaller = {**files, path: body}
                        if differs(smaller):
                            files, changed = smaller, True
                        else:
                            at += size
                    size //= 2
        return files


def missed(output):
    return sum(output.count(error) for error in (b"raises NameError", b"raises ImportError", b"raises ModuleNotFoundError", b"raises AttributeError"))


def explain(python, expected, found):
    lines = [f"with {pathlib.Path(python).name}: exit code {expected[0]} before, {found[0]} after"]
    before, after = expected[1].decode().splitlines(), found[1].decode().splitlines()
    lines += [f"  - {old}\n  + {new}" for old, new in zip(before, after) if old != new][:4]
    if found[0] != expected[0]:
        lines.append("  " + found[2].decode(errors="replace"))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dally", required=True)
    parser.add_argument("--python", action="append", required=True)
    parser.add_argument("--target", default="proxy")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=pathlib.Path, help="where programs that differ are written, reduced")
    options = parser.parse_args()
    options.dally = os.path.abspath(options.dally)
    trial = Trial(options)
    useful = different = 0

    def one(seed):
        files = Maker(seed).program()
        return seed, files, trial.differs(files)

    with ThreadPoolExecutor(options.jobs) as pool:
        for seed, files, difference in pool.map(one, range(options.seed, options.seed + options.count)):
            useful += difference != ""
            if not difference:
                continue
            different += 1
            print(f"seed {seed}: {difference}", flush=True)
            if options.keep:
                folder = options.keep / str(seed)
                shutil.rmtree(folder, ignore_errors=True)
                write(folder, trial.reduce(files))
    print(f"{options.count} programs, {useful} of use, {different} differ")
    return 1 if different or useful < options.count / 4 else 0


if __name__ == "__main__":
    sys.exit(main())
