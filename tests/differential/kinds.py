"""The imported objects: one source module per check, made from one of these templates.

`NAME` is replaced by the name under which the object stands in its module. Every source module is
free of side effects, so nothing but the read that is under test decides when it may load.
"""

# Classes that several kinds share. The module is part of every generated tree.
SHAPES = r'''"""Objects with every protocol Python has; each operation tells what it was given."""
import sys


def callers(limit=4):
    """Who called the caller of this function: names, lines and files, innermost first."""
    frame = sys._getframe(2)
    found = []
    while frame is not None and len(found) < limit:
        path = frame.f_code.co_filename.replace("\\", "/")
        found.append((frame.f_code.co_name, frame.f_lineno, path.rsplit("/", 1)[-1]))
        if frame.f_code.co_name.startswith("check_"):
            break
        frame = frame.f_back
    return found


class Ops:
    """Every operator."""

    attr = 1

    def __init__(self, name):
        self.name = name

    def __eq__(self, other):
        return self is other or ("eq", other)

    def __ne__(self, other):
        return ("ne", other)

    def __hash__(self):
        return 4321

    def __bool__(self):
        return False

    def __len__(self):
        return 2

    def __iter__(self):
        return iter(["first", "second"])

    def __reversed__(self):
        return iter(["second", "first"])

    def __contains__(self, item):
        return item == "first"

    def __getitem__(self, key):
        return ("getitem", key)

    def __setitem__(self, key, value):
        self.stored = (key, value)

    def __delitem__(self, key):
        self.deleted = key

    def __call__(self, *args, **kwargs):
        return ("call", args, kwargs)

    def __format__(self, spec):
        return "<format %s>" % spec

    def __repr__(self):
        return "<Ops>"

    def __str__(self):
        return "<str of Ops>"

    def __bytes__(self):
        return b"ops"

    def __fspath__(self):
        return "/ops"

    def __index__(self):
        return 1

    def __int__(self):
        return 11

    def __float__(self):
        return 1.5

    def __complex__(self):
        return 2j

    def __abs__(self):
        return "abs"

    def __neg__(self):
        return "neg"

    def __pos__(self):
        return "pos"

    def __invert__(self):
        return "invert"

    def __round__(self, digits=None):
        return ("round", digits)

    def __lt__(self, other):
        return ("lt", other)

    def __le__(self, other):
        return ("le", other)

    def __gt__(self, other):
        return ("gt", other)

    def __ge__(self, other):
        return ("ge", other)

    def __add__(self, other):
        return ("add", other)

    def __radd__(self, other):
        return ("radd", other)

    def __iadd__(self, other):
        return ("iadd", other)

    def __sub__(self, other):
        return ("sub", other)

    def __rsub__(self, other):
        return ("rsub", other)

    def __mul__(self, other):
        return ("mul", other)

    def __rmul__(self, other):
        return ("rmul", other)

    def __matmul__(self, other):
        return ("matmul", other)

    def __rmatmul__(self, other):
        return ("rmatmul", other)

    def __truediv__(self, other):
        return ("truediv", other)

    def __rtruediv__(self, other):
        return ("rtruediv", other)

    def __floordiv__(self, other):
        return ("floordiv", other)

    def __rfloordiv__(self, other):
        return ("rfloordiv", other)

    def __mod__(self, other):
        return ("mod", other)

    def __rmod__(self, other):
        return ("rmod", other)

    def __divmod__(self, other):
        return ("divmod", other)

    def __rdivmod__(self, other):
        return ("rdivmod", other)

    def __pow__(self, other, modulo=None):
        return ("pow", other, modulo)

    def __rpow__(self, other):
        return ("rpow", other)

    def __lshift__(self, other):
        return ("lshift", other)

    def __rlshift__(self, other):
        return ("rlshift", other)

    def __rshift__(self, other):
        return ("rshift", other)

    def __rrshift__(self, other):
        return ("rrshift", other)

    def __and__(self, other):
        return ("and", other)

    def __rand__(self, other):
        return ("rand", other)

    def __xor__(self, other):
        return ("xor", other)

    def __rxor__(self, other):
        return ("rxor", other)

    def __or__(self, other):
        return ("or", other)

    def __ror__(self, other):
        return ("ror", other)


class Context:
    attr = 1

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.left = kind
        return kind is KeyError


class AsyncContext:
    attr = 1

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, trace):
        self.left = kind
        return kind is KeyError


class Awaitable:
    attr = 1

    def __await__(self):
        yield "pause"
        return self


class AsyncItems:
    attr = 1

    async def __aiter__(self):
        for item in ("first", "second"):
            yield item


class Descriptor:
    attr = 1

    def __set_name__(self, owner, name):
        self.told = (owner.__name__, name)

    def __get__(self, instance, owner):
        return self if instance is None else ("got", owner.__name__)

    def __set__(self, instance, value):
        self.given = value


class Callable:
    attr = 1

    def __call__(self, *args, **kwargs):
        return ("called", args, kwargs)


class Meta(type):
    """A class of classes that are iterable, subscriptable, comparable and falsy."""

    def __iter__(cls):
        return iter(["one", "two"])

    def __len__(cls):
        return 2

    def __bool__(cls):
        return False

    def __contains__(cls, item):
        return item == "one"

    def __getitem__(cls, key):
        return ("meta getitem", key)

    def __call__(cls, *args, **kwargs):
        return ("meta call", args, kwargs)

    def __or__(cls, other):
        return ("meta or", other)

    def __ror__(cls, other):
        return ("meta ror", other)

    def __instancecheck__(cls, instance):
        return instance == 5

    def __subclasscheck__(cls, other):
        return other is bool

    def __format__(cls, spec):
        return "<meta format %s>" % spec

    def __repr__(cls):
        return "<meta %s>" % cls.__name__
'''

# kind -> the text of its source module
KINDS = {
    "module": '"""The module itself is the object."""\nattr = 1\n\n\ndef func(*args):\n    return args\n',
    "function": 'def NAME(*args, **kwargs):\n    """Doc."""\n    return ("result", args, kwargs)\n\n\nNAME.attr = 1\n',
    "class": """class NAME:
    attr = 1

    def __init__(self, *args, **kwargs):
        self.args = args

    def method(self):
        return ("method", self.args)

    @classmethod
    def build(cls):
        return cls("built")
""",
    "exception": 'class NAME(ValueError):\n    """Doc."""\n\n    attr = 1\n',
    "exception-instance": 'NAME = ValueError("stored", 1)\n',
    "int": "NAME = 1234567\n",
    "float": "NAME = 2.5\n",
    "bool": "NAME = True\n",
    "str": 'NAME = "<%s> {}"\n',
    "bytes": 'NAME = b"by %d tes"\n',
    "tuple": "NAME = (KeyError, ValueError)\n",
    "none": "NAME = None\n",
    "enum-member": "import enum\n\n\nclass Color(enum.Enum):\n    RED = 1\n    BLUE = 2\n\n    @property\n    def attr(self):\n        return self.value\n\n\nNAME = Color.RED\n",
    "generator-function": 'def NAME(*args):\n    sent = yield "one"\n    yield sent, args\n    return "done"\n\n\nNAME.attr = 1\n',
    "coroutine-function": 'async def NAME(*args):\n    return ("awaited", args)\n\n\nNAME.attr = 1\n',
    "operators": 'from shapes import Ops\n\nNAME = Ops("NAME")\n',
    "context-manager": "from shapes import Context\n\nNAME = Context()\n",
    "async-context-manager": "from shapes import AsyncContext\n\nNAME = AsyncContext()\n",
    "awaitable": "from shapes import Awaitable\n\nNAME = Awaitable()\n",
    "async-iterable": "from shapes import AsyncItems\n\nNAME = AsyncItems()\n",
    "metaclass-instance": "from shapes import Meta\n\n\nclass NAME(metaclass=Meta):\n    attr = 1\n",
    "descriptor": "from shapes import Descriptor\n\nNAME = Descriptor()\n",
    "callable-instance": "from shapes import Callable\n\nNAME = Callable()\n",
    "bound-method": 'class Owner:\n    def method(self, *args):\n        return ("bound", args)\n\n\nNAME = Owner().method\n',
    "dict": 'NAME = {"a": 1, "b": 2}\n',
    "list": "NAME = [3, 1, 2]\n",
    "frozenset": "NAME = frozenset({1, 2})\n",
    "type-alias": "import typing\n\nNAME = typing.Dict[str, int]\n",
}

# What every main module may use besides the object under test.
LIB = r'''"""Helpers of the checks."""


def take(*args, **kwargs):
    return args, kwargs


def first(value):
    return value


def decorate(*marks):
    def wrap(target):
        return (marks, target)
    return wrap


def drive(coroutine):
    """Runs a coroutine to its end, without an event loop."""
    steps = []
    try:
        while True:
            steps.append(coroutine.send(None))
    except StopIteration as stop:
        return steps, stop.value


def collect(generator, limit=8):
    """What a generator yields, what it returns, and how it is sent to."""
    items = []
    try:
        items.append(next(generator))
        while len(items) < limit:
            items.append(generator.send(len(items)))
    except StopIteration as stop:
        return items, stop.value
    return items


async def acollect(items, limit=8):
    found = []
    async for item in items:
        found.append(item)
        if len(found) >= limit:
            break
    return found


class Box:
    """Holds what is stored in it, and answers a subscript with the key."""

    def __init__(self, value=None):
        self.value = value

    def keep(self, *args):
        return args

    def __getitem__(self, key):
        return ("key", key)

    def __setitem__(self, key, value):
        self.value = ("set", key, value)

    def __delitem__(self, key):
        self.value = ("del", key)


class Manager:
    def __init__(self, value=None):
        self.value = value

    def __enter__(self):
        return self.value

    def __exit__(self, *error):
        return False


class AsyncManager:
    def __init__(self, value=None):
        self.value = value

    async def __aenter__(self):
        return self.value

    async def __aexit__(self, *error):
        return False


async def aitems(*items):
    for item in items:
        yield item


class Base:
    """A base class that takes keywords."""

    def __init_subclass__(cls, **kwargs):
        cls.keywords = kwargs
'''
