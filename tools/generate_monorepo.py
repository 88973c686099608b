"""Writes a monorepo of N Python modules that looks like one that grew over years.

  python3 tools/generate_monorepo.py 10000 OUT [--seed 1]

Services are made of packages in layers: models with classes and dataclasses, registries with handlers that register themselves by
decorator, clients, configuration from the environment, command lines, tests. Modules import the standard library, their neighbours,
lower layers, and the `__init__` modules that re-export them. The same N and seed give the same bytes. The main program of each
service runs: `PYTHONPATH=OUT python3 -m service_0`.
"""
import argparse
import pathlib
import random

STDLIB = ["json", "re", "logging", "datetime", "collections", "itertools", "functools", "subprocess", "decimal", "csv",
          "urllib.request", "xml.etree.ElementTree", "argparse", "tempfile", "hashlib", "uuid", "socket", "ssl", "email.message"]
FROM_STDLIB = [("typing", "Optional"), ("typing", "Dict"), ("pathlib", "Path"), ("collections", "OrderedDict"),
               ("dataclasses", "field"), ("datetime", "timedelta"), ("decimal", "Decimal"), ("functools", "partial")]
WORDS = ("account address audit basket batch billing cache catalog charge client contract customer delivery device discount "
         "event export feature filter gateway holiday index invoice item journal ledger limit margin market message metric "
         "notice offer order parcel partner payment policy position price product profile quote rate receipt refund report "
         "request review risk route rule schedule search segment session setting shipment signal stock supplier tariff tax "
         "template token trade transfer user voucher wallet warehouse").split()
SERVICE = 200  # modules of one service
PACKAGE = 20   # modules of one package, besides its __init__


class Writer:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def choose(self, sequence, most):
        return self.random.sample(sequence, min(len(sequence), self.random.randint(0, most)))

    def imports(self, lower, siblings):
        """Import lines, and expressions that use what they bind in functions."""
        lines, uses = [], []
        for name in self.choose(STDLIB, 5):
            lines.append("import " + name)
            uses.append(name + ".__name__")
        for module, name in self.choose(FROM_STDLIB, 3):
            lines.append("from %s import %s" % (module, name))
            uses.append("repr(%s)" % name)
        for module, cls, function in self.choose(lower, 4):
            form = self.random.randrange(4)
            if form == 0:
                lines.append("import %s" % module)
                uses.append("%s.%s()" % (module, function))
            elif form == 1:
                alias = module.rpartition(".")[2]
                lines.append("from %s import %s as the_%s" % (module.rpartition(".")[0], alias, alias))
                uses.append("the_%s.%s()" % (alias, function))
            elif form == 2:
                lines.append("from %s import %s" % (module, cls))
                uses.append("%s('x').total()" % cls)
            else:
                lines.append("from %s import %s, %s" % (module, cls, function))
                uses.append("[%s(), %s]" % (function, cls))
        for module, cls, function in self.choose(siblings, 3):
            lines.append("from .%s import %s" % (module.rpartition(".")[2], function))
            uses.append("%s()" % function)
        return list(dict.fromkeys(lines)), uses

    def module(self, name, lower, siblings, registry):
        word = name.rpartition(".")[2]
        cls, function = "".join(part.title() for part in word.split("_")), "load_" + word
        lines, uses = self.imports(lower, siblings)
        kind = self.random.random()
        head, tail, base = [], [], ""
        if lower and kind < 0.35:  # a class hierarchy across modules
            module, parent, _ = self.random.choice(lower)
            lines.append("from %s import %s as Base" % (module, parent))
            base = "(Base)"
        if registry:
            lines.append("from %s import handler" % registry)
            tail = ['@handler("%s")' % name, "def handle_%s(request):" % word, "    return %s(request).total()" % cls, ""]
        if kind > 0.9:
            lines.insert(0, "import os")
            head = ['LIMIT = int(os.environ.get("%s_LIMIT", "10"))' % word.upper(), ""]
        if 0.4 < kind < 0.5:
            lines.append("from dataclasses import dataclass")
            tail += ["@dataclass", "class %sRow:" % cls, "    name: str", "    amount: int = 0", ""]
        if 0.5 < kind < 0.6:
            lines.append("import logging as _logging")
            head = ["log = _logging.getLogger(__name__)", ""]
        text = ['"""%s: made by generate_monorepo.py."""' % cls, *lines, "", *head]
        text += ["", "class %s%s:" % (cls, base), '    """One %s."""' % word.replace("_", " "), "",
                 "    kind = %r" % word, "", "    def __init__(self, name):", "        self.name = name", "        self.parts = []", "",
                 "    def add(self, part):", "        self.parts.append(part)", "        return self", "",
                 "    def total(self):", "        return len(self.parts) + len(self.name)", ""]
        for number in range(self.random.randint(2, 14)):
            text += ["    def step_%d(self, %s, *, dry_run=False):" % (number, ", ".join(self.choose(WORDS, 3)) or "value"),
                     '        """Part %d of what a %s does."""' % (number, word.replace("_", " ")),
                     "        done = {'name': self.name, 'kind': self.kind, 'dry_run': dry_run}",
                     "        for index, part in enumerate(self.parts):",
                     "            if isinstance(part, str) and part.startswith(%r):" % self.random.choice(WORDS),
                     "                done[part] = index + len(done)",
                     "            elif not dry_run:",
                     "                self.parts[index] = [part, done.get(part, %d)]" % number,
                     "        return sorted(done) if dry_run else done", ""]
        for number, use in enumerate(uses):
            text += ["", "def use_%d_%s(values=()):" % (number, word), '    """Something that a service does."""',
                     "    result = []", "    for value in values:", "        if not value:", "            continue",
                     "        result.append((value, %s))" % use, "    return result", ""]
        text += ["", "def %s():" % function, "    return %s(%r).add(1)" % (cls, word), "", "", *tail]
        return "\n".join(text).rstrip() + "\n", (name, cls, function)

    def service(self, root, number, count, platform):
        top = "service_%d" % number
        folder = root / top
        files = {folder / "registry.py": REGISTRY}
        registry, made, lower = top + ".registry", 2, list(platform)
        entries = []
        while made < count:
            package = "%s.%s_%d" % (top, self.random.choice(WORDS), made)
            where, siblings = folder / package.rpartition(".")[2], []
            for index in range(min(PACKAGE, count - made - 1)):
                name = "%s.%s_%s" % (package, self.random.choice(WORDS), index)
                handlers = index == PACKAGE - 1  # the last module of a package registers; only the main program imports it
                files[where / (name.rpartition(".")[2] + ".py")], entry = self.module(
                    name, lower[-80:], siblings, registry if handlers else None)
                if handlers:
                    entries.append(entry)
                else:
                    siblings.append(entry)
            exports = self.choose(siblings, 5)
            files[where / "__init__.py"] = "".join(
                "from .%s import %s\n" % (m.rpartition(".")[2], c) for m, c, _ in exports) or '"""A package."""\n'
            made += min(PACKAGE, count - made - 1) + 1
            lower += siblings
            entries += siblings[-1:]
        files[folder / "__init__.py"] = '"""A service."""\n'
        main = ["import sys", *("import %s" % m for m, _, _ in entries), "from .registry import handlers", "", "",
                "def main(arguments):", "    print(len(handlers), arguments)"]
        main += ["    if arguments:", *("        print(%s.%s().total())" % (m, f) for m, _, f in entries)]
        main += ["", "", 'if __name__ == "__main__":', "    main(sys.argv[1:])"]
        files[folder / "__main__.py"] = "\n".join(main) + "\n"
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return len(files), lower[len(platform):]


REGISTRY = '''"""Handlers by name; modules register themselves when they are loaded."""
handlers = {}


def handler(name):
    def register(function):
        handlers[name] = function
        return function
    return register
'''


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.out.exists() and any(options.out.iterdir()):
        parser.error("%s is not empty" % options.out)
    writer, made, number, platform = Writer(options.seed), 0, 0, []
    while made < options.count:
        count, entries = writer.service(options.out, number, min(SERVICE, max(8, options.count - made)), platform)
        made, number = made + count, number + 1
        if number <= 3:  # the first services are the platform that all later ones build on
            platform += writer.choose(entries, 30) or entries[:10]
    print("%d modules in %d services" % (made, number))


if __name__ == "__main__":
    main()
