"""The run-time half of dally: imports that wait until they are used.

dally rewrites ``import numpy as np`` ahead of time into ``np = _dally("import numpy as np")``. The
global ``np`` then holds a *placeholder*, and the statement is carried out when ``np`` is first used.
This file is all that a rewritten program needs. It is pure Python, uses the standard library only,
installs no import hook, patches nothing, starts no thread and opens no file. It may be vendored
under any name, and several copies can live in one process.

Why a program cannot tell the difference
========================================

1.  *Uses inside the module.* The rewriter leaves a name bare only where the operation on the
    placeholder gives exactly what it gives on the real object: attribute access, call, subscript,
    second argument of ``isinstance`` and ``issubclass``. ``Pending`` defines the special methods of
    these operations as *properties*: the interpreter looks the method up on the type, the property
    carries out the import and returns a C function bound to the real object, and the interpreter
    calls that. While the real object runs no Python frame of ours is on the stack, so
    ``sys._getframe(1)`` and ``warnings.warn(..., stacklevel=2)`` see the true caller. Every other
    use is written ``real(np)`` by the rewriter and gets the real object itself.
2.  The first use puts the real object into the module's globals, unless the name has been bound to
    something else in the meantime. From then on nothing of ours is involved.
3.  *Uses from other modules* (``mod.np``, ``from mod import np``, ``import *``, ``getattr``, pickling by
    reference, ``mock.patch``). While names of a module are pending its ``__class__`` is ``Module``, a
    subclass of ``types.ModuleType`` with a data descriptor for each such name. (Assigning a module's
    ``__class__`` is documented Python.) When nothing is pending any more the class goes back.
4.  *The import itself* is a call of ``__import__`` with the module's own globals, which is what the
    statement does.

Where this cannot work the import is carried out at once, at its original place: in code that is not
the body of a module in ``sys.modules``, in modules with a class of their own, under
``runpy.run_path``, and for special names such as ``__getattr__``.

On Python 3.15 and later the same source gets the interpreter's own lazy imports instead.

Switches, read from the environment once, when this file is loaded
==================================================================

``DALLY_LAZY=0``                       every import happens at its original place
``DALLY_EAGER=pkg.mod:np,other.mod``   the same for one name of a module, or for a whole module
``DALLY_NATIVE=0``                     placeholders on Python 3.15 and later, too
"""

import _operator
import builtins
import sys
from _weakref import ref

# Only modules that are part of the interpreter binary are imported: loading this file costs one file
# read. Hence the quoted annotations, and no ``typing`` at run time. Type checkers take a name of
# this spelling to be true; ``dally apply`` relies on that too.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from functools import partial, reduce
    from types import CodeType, FrameType, ModuleType
    from typing import Any, Callable, Dict, List, Optional, Set, Tuple, TypeVar

    T = TypeVar("T")
    Namespace = Dict[str, Any]
    Function = Callable[..., Any]
else:
    from _functools import partial, reduce

    ModuleType = type(sys)


# --------------------------------------------------------------------------------- settings

def _setting(name: str) -> str:
    os = sys.modules.get("os") or __import__("os")
    value: str = os.environ.get(name) or ""
    return value


_ENABLED = _setting("DALLY_LAZY") != "0"
_NATIVE = hasattr(builtins, "__lazy_import__") and _setting("DALLY_NATIVE") != "0"
_EAGER = frozenset(_setting("DALLY_EAGER").replace(",", " ").split())

# ------------------------------------------------------------------------------ placeholders


class Record:
    """One namespace with pending names."""

    __slots__ = ("importing", "loading", "module", "names", "namespace", "waiting", "witness")

    def __init__(
        self, namespace: "Namespace", module: "ModuleType", names: "List[str]", importing: "Namespace"
    ) -> None:
        #: The globals that hold the placeholders.
        self.namespace = namespace
        #: The globals of the module whose import statements they stand for: nearly always the same.
        self.importing = importing
        #: The module, weakly, because a record must not keep it alive.
        self.module = ref(module)
        #: The names, once for each statement.
        self.names = names
        #: The names whose statements have not been resolved, executed or not; made at first use.
        self.waiting: "Optional[Set[str]]" = None
        #: One of them, as long as it is pending: saves looking at the others.
        self.witness = names[-1] if names else ""
        #: The import system is loading the module, and so will say when its body has ended.
        self.loading: bool = getattr(namespace.get("__spec__"), "_initializing", False)

    def __reduce__(self) -> "Any":
        # A module that cloudpickle takes by value takes its factory along, which nobody calls there.
        return _record_elsewhere, (self.namespace.get("__name__"),)

    def done(self, name: str) -> None:
        """Note that the statement for a name is resolved, or its placeholder gone."""
        waiting = self.waiting
        if waiting is None:
            waiting = self.waiting = set(self.names)
            if len(waiting) < len(self.names):
                waiting.add("")  # a name bound twice: never tell that all statements are resolved
        waiting.discard(name)


# Read the slots of placeholders and modules, and write a module's class, past our own overrides.
_arguments: "Callable[[Any], Tuple[Record, str]]" = vars(BaseException)["args"].__get__
_namespace: "Callable[[ModuleType], Namespace]" = vars(ModuleType)["__dict__"].__get__
_set_class: "Callable[[ModuleType, type], None]" = vars(object)["__class__"].__set__


def _resolve(operation: "Optional[Function]", placeholder: "Any") -> "Any":
    """Carry out the import of a placeholder, put the result into its place, and return it.

    With an operation, return ``partial(operation, result)``.

    Nothing is locked: the import system locks each module, and a thread that comes second finds
    the module loaded. Nothing is remembered on failure, so the next use tries again.
    """
    if _unregistered:
        _register()
    record, statement = _arguments(placeholder)
    importing = record.importing
    if operation is getattr:
        caller = sys._getframe(1).f_globals
        if caller is not importing and "pickle" in str(caller.get("__name__")):
            # cloudpickle asks what it has found in the globals of a function. It must not load it.
            return partial(object.__getattribute__, placeholder)
    try:
        name, value = _perform(importing, statement.split(), record)
    except BaseException as error:
        if type(error) is LoadError and error.__cause__ is not None:
            raise error.__cause__  # noqa: B904  (shielded from the attribute protocol; see there)
        if isinstance(error, AttributeError) and getattr(error, "obj", error) is None:
            # The interpreter fills in the object that was asked for an attribute. Spare the error
            # of a module that fails to load from naming the placeholder.
            error.obj = None
        if isinstance(error, Exception):
            _explain(error, record, statement)
        raise
    namespace = record.namespace
    if namespace.get(name) is placeholder:
        namespace[name] = value
        waiting = record.waiting
        if waiting is None:
            record.done(name)
        else:
            waiting.discard(name)
    if type(namespace.get(record.witness)) is not Pending:
        _settle(record)
    return value if operation is None else partial(operation, value)


def real(value: "T") -> "T":
    """Give the object itself, whether ``value`` is a placeholder or not."""
    return _resolve(None, value) if type(value) is Pending else value


# --------------------------------------------------------- carrying out an import statement


def _bound_name(words: "List[str]") -> str:
    """Give the name that a statement binds."""
    if words[0] == "from" or words[-2] == "as":
        return words[-1]
    return words[1].partition(".")[0].rstrip(",")


def _perform(
    namespace: "Namespace", words: "List[str]", record: "Optional[Record]"
) -> "Tuple[str, Any]":
    """Carry out a statement in a namespace; give the name it binds and the value.

    It has one of the forms ``from m import n [as x]``, ``import a``, ``import a.b as x``, ``import a.b, a.c``.
    Submodules in the last form wait until they are used, unless the statement is carried
    out at its original place (no record).
    """
    scope: "Any" = namespace["__builtins__"]
    importer: "Function" = (scope if type(scope) is dict else _namespace(scope))["__import__"]
    kind, target, bound = words[0], words[1], words[-1]
    level = 0
    attributes: "Optional[Tuple[str, ...]]" = None
    submodules: "Optional[List[str]]" = None
    if kind == "from":
        attributes = (words[3],)
        if target[0] == ".":
            level = len(target)
            target = target.lstrip(".")
            level -= len(target)
    elif kind == "import":
        if words[-2] != "as" and (len(words) > 2 or "." in target):
            submodules = [word.rstrip(",") for word in words[1:]]
            target = bound = submodules[0].partition(".")[0]
            if record is None:
                return bound, [importer(name, namespace, namespace, None, 0) for name in submodules][-1]
    elif kind == "submodule":
        return _perform_submodule(importer, words, record)
    else:  # unpickled, in no module: the value is kept in a namespace of its own
        value = namespace["value"]
        return "value", _perform(namespace, words[1:], record)[1] if type(value) is Pending else value
    module = importer(target, namespace, namespace, attributes, level)
    # A thread that waits while another one loads the module gets the module even if that has
    # failed: half-loaded, and removed from sys.modules. A statement would be executed again the next
    # time; a placeholder that resolves to this module would keep it for good.
    modules: "Dict[Any, ModuleType]" = sys.modules
    while modules.get(target) is not module and record is not None:
        if modules.get(getattr(module, "__name__", None)) is module:
            break  # the package of a dotted name, a relative name
        again = importer(target, namespace, namespace, attributes, level)
        if again is module:
            break  # a module that goes by another name
        module = again
    if attributes is not None:
        try:
            return bound, getattr(module, words[3])
        except AttributeError:
            return bound, _interpret(module, "from m import " + words[3] + " as value")
    if submodules is not None:
        for submodule in submodules:
            _attach(importer, namespace, module, target, submodule)
    elif "." in target:
        value = module
        try:
            for part in target.split(".")[1:]:
                value = getattr(value, part)
        except AttributeError:
            value = _interpret(module, "import " + target + " as value")
        return bound, value
    return bound, module


def _interpret(module: "Any", statement: str) -> "Any":
    """Let the interpreter finish a statement for which ``__import__`` has returned ``module``.

    Reached when an attribute is missing. What the interpreter then does (a look into
    ``sys.modules``, an ``ImportError`` whose text differs from version to version) is its own affair.
    """
    scope: "Namespace" = {"__builtins__": {"__import__": lambda *_: module}, "__name__": __name__}
    exec(statement, scope)
    return scope["value"]


# `import a.b` binds the package `a`. On first use of `a` only the package is imported, and `a.b` becomes
# a pending attribute of the package module, with the same devices as a pending global. Its
# statement reads "submodule a.b TARGETS", with everything at or below a.b that is to be imported.


def _attach(
    importer: "Function", namespace: "Namespace", package: "Any", prefix: str, target: str
) -> None:
    """Let the module ``target`` wait below ``package``, whose name is ``prefix``.

    It is imported now where waiting would not be exact: the package has a class of its own, or has
    an attribute of that name already, which an eager import would have overwritten.
    """
    for child in target.split(".")[prefix.count(".") + 1 :]:
        prefix += "." + child
        if prefix in sys.modules:
            importer(prefix, namespace, namespace, None, 0)  # waits if another thread is loading it
            package = sys.modules[prefix]
            continue
        if type(package) is ModuleType or type(package) is Module:
            attributes = _namespace(package)
            present = attributes.get(child, attributes)
            targets = ""
            if type(present) is Pending:
                words = _arguments(present)[1].split()
                if words[0] == "submodule":
                    targets = " ".join(word for word in words[2:] if word != target) + " "
            if "__path__" in attributes and (present is attributes or targets):
                record = Record(attributes, package, [child], namespace)
                _swap(package, child)
                statement = "submodule " + prefix + " " + targets + target
                attributes[child] = Pending(record, statement)
                return
        importer(target, namespace, namespace, None, 0)
        return


def _perform_submodule(importer: "Function", words: "List[str]", record: "Any") -> "Tuple[str, Any]":
    """Resolve a pending attribute of a package; what is below it waits in turn."""
    namespace = record.importing
    target = words[1]
    importer(target, namespace, namespace, None, 0)
    name = target.rpartition(".")[2]
    value = record.namespace.get(name, record)
    if value is record or type(value) is Pending:
        value = sys.modules[target]
        for deeper in words[2:]:
            _attach(importer, namespace, value, target, deeper)
    return name, value


# ----------------------------------------------------------- what other modules see: Module


class LoadError(ImportError):
    """Loading a pending import raised ``AttributeError`` (the cause) when read from outside.

    ``AttributeError`` has a meaning for whoever reads an attribute: ``hasattr`` would answer False, and
    ``mod.np`` would end in "module 'mod' has no attribute 'np'". So it travels as another type.
    """


class Attribute(str):
    """The data descriptor of one name, shared by all modules of class ``Module``.

    A module gives way to data descriptors of its class before it looks into its globals. Here each
    of the three operations does what a plain module does, except that a placeholder is resolved.
    """

    __slots__ = ()

    def __get__(self, module: "Any", owner: "Any" = None) -> "Any":
        if module is None:
            return self
        value = _namespace(module).get(self, module)
        if type(value) is Pending:
            result = _resolve_for_outside(value, self)
            namespace = _namespace(module)
            if namespace.get(self) is value:  # a copy of the namespace it belongs to
                namespace[str(self)] = result
            return result
        if value is module and self not in _namespace(module):
            # The interpreter goes on to the module's __getattr__, or raises the usual error.
            raise AttributeError(str(self))
        return value

    def __set__(self, module: "Any", value: "Any") -> None:
        namespace = _namespace(module)
        name = str(self)
        present = namespace.get(name)
        if type(present) is Pending:
            record, statement = _arguments(present)
            words = statement.split()
            if _is_submodule(namespace, name, value):
                # The import system binds a submodule that it has just loaded.
                if words[0] == "submodule":
                    for target in words[2:]:
                        _attach(__import__, record.importing, value, words[1], target)
                elif words[0] == "from" and _names(_absolute(record.importing, words[1]), value):
                    # from .squeeze import squeeze: executed in its place, the statement would have loaded
                    # the submodule and bound the function over it. So the function has to come.
                    return
            else:
                _load_own(present)
            namespace[name] = value
            record.done(name)
            _settle(record)
        else:
            namespace[name] = value

    @property
    def __delete__(self) -> "Function":
        # `reduce(eq, (step, name), module)` is `eq(eq(module, step), name)`: C code only, so that the
        # usual error about a missing name has no frame of ours in its traceback.
        name = str(self)
        return partial(reduce, _operator.eq, (_Deletion(name), name))


class _Deletion:
    """``module == deletion`` deletes the name, and gives what to compare with the name next."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, module: "Any") -> "Any":
        namespace = _namespace(module)
        name = self.name
        present = namespace.get(name, namespace)
        if present is namespace:
            return _Missing(module)
        if type(present) is Pending:
            _load_own(present)
            record = _arguments(present)[0]
            namespace.pop(name, None)
            record.done(name)
            _settle(record)
        else:
            del namespace[name]
        return None


class _Missing:
    """``missing == name`` raises what a plain module does when a name is deleted that it does not have."""

    __slots__ = ("module",)

    def __init__(self, module: "Any") -> None:
        self.module = module

    @property
    def __eq__(self) -> "Any":  # type: ignore[misc]
        namespace = _namespace(self.module)
        plain = ModuleType(namespace.get("__name__") or "")
        _namespace(plain).update(namespace)  # "Did you mean" looks at them
        return partial(delattr, plain)


def _load_own(placeholder: "Any") -> None:
    """Load a package's own submodule although the name that waits for it is rebound from outside.

    Otherwise whoever imports the submodule later would make the import system bind it, over the new value.
    """
    record, statement = _arguments(placeholder)
    words = statement.split()
    namespace = record.namespace
    if words[0] != "submodule" and "__path__" in namespace:
        target = _absolute(record.importing, words[1]) + "."
        if target.startswith(namespace["__name__"] + "."):
            _resolve(None, placeholder)


def _is_submodule(namespace: "Namespace", name: str, value: "Any") -> bool:
    modules = sys.modules
    return modules.get("{}.{}".format(namespace.get("__name__"), name), modules) is value


def _names(target: str, module: "Any") -> bool:
    """Say whether importing ``target`` loads this module because it is ``target`` or above it."""
    while target:
        if sys.modules.get(target) is module:
            return True
        target = target.rpartition(".")[0]
    return False


def _resolve_for_outside(placeholder: "Any", name: str) -> "Any":
    """Resolve for a reader of ``module.name``.

    While a statement is being executed its name is not bound yet, and the import system relies
    on that: ``from . import x`` first asks whether the package has an attribute ``x``, and imports
    the submodule only if not. So a read that comes from inside the very import
    that it would start is answered like this: try once more, as the same statement executed here would
    (it succeeds if the module has come far enough); failing that, the name does not exist yet.
    """
    depth = 0
    frame: "Optional[FrameType]" = sys._getframe(2)
    while frame is not None:
        if frame.f_code is _resolve.__code__ and frame.f_locals["placeholder"] is placeholder:
            depth += 1
        frame = frame.f_back
    if depth > 1:
        raise AttributeError(name)
    try:
        return _resolve(None, placeholder)
    except AttributeError as error:
        if depth:
            raise
        raise LoadError("{}: {}".format(name, error)) from error
    except ImportError:
        if depth:
            raise AttributeError(name) from None
        raise


def _get_class(module: "Any") -> type:
    return ModuleType


def _assign_class(module: "Any", cls: type) -> None:
    """Carry out ``module.__class__ = cls``: from here on the module's attributes are not ours."""
    if cls is not ModuleType:
        _release(module)
        _set_class(module, cls)


def _get_dict(module: "Any") -> "Namespace":
    """Give ``module.__dict__``, with real objects in it.

    Except to readers that look for other things: the import system itself, who looks for the source, and evaluators of
    annotations (the rewriter lets no name wait that stands in an evaluated annotation).
    """
    namespace = _namespace(module)
    reader = sys._getframe(1)
    name = str(reader.f_globals.get("__name__"))
    indifferent = (
        name.partition(".")[0] in _INDIFFERENT
        or reader.f_code is _dir.__code__
        or (name == "inspect" and reader.f_code.co_name in ("get_annotations", "findsource"))
    )
    if name.endswith("mock") and reader.f_code.co_name == "get_original":
        # `mock.patch` takes the object that it replaces, and no other.
        patched: "Any" = getattr(reader.f_locals.get("self"), "attribute", None)
        if type(namespace.get(patched)) is Pending:
            getattr(module, patched)
    elif not indifferent:
        _resolve_all(namespace)
    return namespace


_INDIFFERENT = frozenset(
    "importlib _frozen_importlib_external runpy dataclasses typing typing_extensions annotationlib attr pydantic sqlalchemy".split()
)


def _dir(module: "Any") -> "List[str]":
    """Give ``dir(module)`` without the names that the rewriter added."""
    namespace = _namespace(module)
    if str(sys._getframe(1).f_globals.get("__name__")).endswith("mock"):
        _resolve_all(namespace)  # mock goes on to read each attribute past all descriptors
    names = ModuleType.__dir__(module)
    return [name for name in names if not _is_helper(namespace.get(name))]


def _is_helper(value: "Any") -> bool:
    return value is real or value is lazy or type(value) is partial and value.func is Pending


class _Reduce:
    """The attribute ``__reduce_ex__``: copy or pickle a module as if it had the class that it had before."""

    def __get__(self, module: "Any", owner: "Any" = None) -> "Any":
        if module is None:  # copy.copy asks the class
            return object.__reduce_ex__
        # Plain pickle refuses modules. cloudpickle and others have a rule for ``ModuleType``, found by the type.
        frame = sys._getframe(1)
        if frame.f_globals.get("__name__") == "copy":
            return partial(object.__reduce_ex__, module)
        pickler: "Any" = frame.f_locals.get("self")
        kind = getattr(sys.modules.get("_pickle"), "Pickler", Record)
        if not isinstance(pickler, kind):
            for pickler in [value for value in frame.f_locals.values() if type(value) is not Pending]:
                if isinstance(pickler, kind):
                    break
            else:
                pickler = frame.f_locals.get("self")
        copyreg: "Any" = sys.modules.get("copyreg")
        for owner in (pickler, copyreg):
            rule = (getattr(owner, "dispatch_table", None) or {}).get(ModuleType)
            if rule is not None:
                return lambda protocol: rule(module)
        if isinstance(pickler, kind):
            refused = _no_override(pickler, module)
        else:
            refused = _calls_dumps(frame)
        if refused:
            return partial(object.__reduce_ex__, module)
        # Some other pickler, perhaps with a rule that cannot be seen from here: become a plain module and let
        # it look again. (It puts a reference to what it made of the module in place of this tuple.)
        return partial(_become_plain, module)


def _calls_dumps(frame: "FrameType") -> bool:
    """Say whether a frame is calling ``pickle.dumps``, which has no rules, and not ``dump`` of some pickler in C."""
    import dis

    name = ""
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.offset > frame.f_lasti:
            break
        if instruction.argval in ("dump", "dumps"):
            name = instruction.argval
    return name == "dumps"


def _no_override(pickler: "Any", module: "Any") -> bool:
    """Say whether a pickler has no rule of its own for a plain module of that name."""
    try:
        override = getattr(pickler, "reducer_override", None)
        return override is None or override(ModuleType(_namespace(module)["__name__"])) is NotImplemented
    except Exception:
        return False


def _become_plain(module: "Any", protocol: int) -> "Any":
    _release(module)
    return _operator.getitem, ((module,), 0)


class _Builtin(str):
    """``type(module).__module__`` is a text; ``module.__module__`` does not exist."""

    __slots__ = ()

    def __get__(self, module: "Any", owner: "Any" = None) -> str:
        if module is None:
            return self
        raise AttributeError("__module__")


class _Class(type):
    """The class of ``Module``: whoever looks into the ``__dict__`` of ``Module``, as the check of a protocol does, finds what
    ``ModuleType`` has, and none of the descriptors of pending names.

    ``inspect.getattr_static`` asks no descriptor and no module, but classes. It finds what it would have found in the module.
    """

    def __getattribute__(cls, name: str) -> "Any":
        if name != "__dict__" or cls is not Module:
            return type.__getattribute__(cls, name)
        frame = sys._getframe(1)
        if frame.f_code.co_name == "_check_class" and frame.f_globals.get("__name__") == "inspect":
            wanted = frame.f_locals.get("attr")
            module = frame.f_back.f_locals.get("obj") if frame.f_back else None
            # It looks twice. The first look may have given the module its own class back.
            if isinstance(module, ModuleType) and wanted in _namespace(module):
                return {wanted: getattr(module, wanted)}
        return ModuleType.__dict__


Module: "Any" = _Class(
    "module",  # the name that error messages about modules show
    (ModuleType,),
    {
        "__class__": property(_get_class, _assign_class),
        "__dict__": property(_get_dict),
        "__dir__": _dir,
        "__reduce_ex__": _Reduce(),
        "__module__": _Builtin("builtins"),
    },
)
# The specialised attribute read of 3.14 and later takes any class that shares the C function behind
# ``ModuleType.__getattribute__`` for ``ModuleType`` and ignores its descriptors. So use another one.
if _NATIVE:
    # (That function also resolves the interpreter's own lazy objects.)
    Module.__getattribute__ = property(partial(partial, ModuleType.__getattribute__))
elif sys.version_info >= (3, 14):
    # No Python code unless the attribute is missing; then the module's own __getattr__ and error.
    Module.__getattribute__ = object.__getattribute__
    Module.__getattr__ = property(partial(partial, ModuleType.__getattribute__))
# Special names without a meaning for the interpreter. The others are always imported at once.
_PLAIN = frozenset(
    "__version__ __version_info__ __version_tuple__ __author__ __author_email__ __email__ __title__ __summary__"
    " __description__ __license__ __copyright__ __maintainer__ __url__ __uri__ __homepage__ __status__ __date__"
    " __credits__ __build__ __release__ __revision__ __commit__ __commit_id__ __git_version__".split()
)
# The names that have a descriptor. They stay: there is one for each different name in the program.
_known: "Set[str]" = set()


def _swap(module: "ModuleType", name: str) -> None:
    """Give a module the class ``Module``, ready for this name."""
    if name not in _known:
        setattr(Module, name, Attribute(name))
        _known.add(name)
    if type(module) is ModuleType:
        _set_class(module, Module)


def _settle(record: Record) -> None:
    """Give a module its class back if nothing is pending any more."""
    namespace = record.namespace
    if type(namespace.get(record.witness)) is Pending:
        return
    waiting = record.names if record.waiting is None else record.waiting
    try:
        for name in waiting:
            if type(namespace.get(name)) is Pending:
                record.witness = name
                return
    except RuntimeError:
        return  # another thread has just resolved a name, and will come here itself
    if waiting:
        # Statements that have not been executed: in a branch not taken, or still to come.
        if not record.loading or getattr(namespace.get("__spec__"), "_initializing", False):
            return
    for value in list(namespace.values()):
        if type(value) is Pending:
            return
    module = record.module()
    if module is not None and type(module) is Module:
        _set_class(module, ModuleType)


def _resolve_all(namespace: "Namespace") -> None:
    for value in list(namespace.values()):
        if type(value) is Pending:
            _resolve(None, value)


def _release(module: "ModuleType") -> None:
    """Resolve all that is pending, import eagerly from now on, and make the module a plain one."""
    namespace = _namespace(module)
    _resolve_all(namespace)
    for name, value in list(namespace.items()):
        if type(value) is partial and value.func is Pending:
            namespace[name] = partial(_import_now, namespace)
    if type(module) is Module:
        _set_class(module, ModuleType)


# ---------------------------------------------------------------------------- class Pending


def _bind_last(operation: "Function", placeholder: "Any") -> "Function":
    return partial(reduce, operation, (_resolve(None, placeholder),))


def _own(name: str, placeholder: "Any") -> "Any":
    return getattr(_resolve(None, placeholder), name)


def _forward(operation: "Optional[Function]") -> "Any":
    """Make the special method for ``operation(real, ...)``."""
    return property(partial(_resolve, operation))


def _forward_swapped(operation: "Function") -> "Any":
    """Make the special method for ``operation(other, real)``.

    ``reduce(f, (b,), a)`` is ``f(a, b)``, without a Python frame. In particular the result of
    ``isinstance(x, placeholder)`` comes from ``isinstance(x, real)`` itself: metaclasses with an
    ``__instancecheck__`` of their own, unions and tuples are treated as always.
    """
    return property(partial(_bind_last, operation))


def _set_name(placeholder: "Any", owner: "Any", name: str) -> None:
    value = _resolve(None, placeholder)
    if hasattr(type(value), "__set_name__"):
        value.__set_name__(owner, name)


def _get(placeholder: "Any", instance: "Any", owner: "Any" = None) -> "Any":
    value = _resolve(None, placeholder)
    if hasattr(type(value), "__get__"):
        return value.__get__(instance, owner)
    return value


def _special_methods() -> "Namespace":
    methods: "Namespace" = {
        "__slots__": (),
        "__module__": __name__,
        # What rewritten code relies on.
        "__call__": _forward(None),
        "__getattribute__": _forward(getattr),
        "__setattr__": _forward(setattr),
        "__delattr__": _forward(delattr),
        "__getitem__": _forward(_operator.getitem),
        "__setitem__": _forward(_operator.setitem),
        "__delitem__": _forward(_operator.delitem),
        "__instancecheck__": _forward_swapped(isinstance),
        "__subclasscheck__": _forward_swapped(issubclass),
        # Picklers that find one in the globals of a function.
        "__reduce_ex__": lambda placeholder, protocol: _reduce_placeholder(placeholder),
        # Defence in depth, for one that somebody dug out of ``globals()``. What is missing here
        # (arithmetic) is a TypeError for a placeholder, never a wrong answer.
        "__set_name__": _set_name,
        "__get__": _get,
        "__bool__": _forward(_operator.truth),
        "__or__": _forward(_operator.or_),
        "__ror__": _forward_swapped(_operator.or_),
    }
    for name in ("eq", "ne", "lt", "le", "gt", "ge", "contains", "index"):
        methods["__" + name + "__"] = _forward(getattr(_operator, name))
    for name in ("hash", "iter", "next", "len", "str", "repr", "bytes", "int", "float", "format", "dir"):
        methods["__" + name + "__"] = _forward(getattr(builtins, name))
    for name in ("await", "aiter", "anext", "enter", "exit", "aenter", "aexit", "fspath"):
        methods["__" + name + "__"] = property(partial(_own, "__" + name + "__"))
    return methods


# A placeholder is ``Pending(record, "import numpy as np")``. The class derives from ``BaseException``
# for one reason: that is the cheapest type with a constructor in C that keeps its arguments. The
# factory that a module gets is ``partial(Pending, record)``; making a placeholder runs no Python code and
# costs no more than an import of a loaded module. The text is parsed when it is needed. Nobody raises a
# placeholder. (A tuple would be an obvious choice, but ``isinstance`` treats tuples specially.)
Pending: "Any" = type("Pending", (BaseException,), _special_methods())


# --------------------------------------------------------------------------------- pickling


def restore(statement: str) -> "Any":
    """Make a pending import that stands in no module: what a pickled placeholder becomes."""
    record = _record_elsewhere(__name__)
    record.namespace["value"] = placeholder = Pending(record, "unpickled " + statement)
    return placeholder


def _record_elsewhere(name: str) -> Record:
    """Make a record of a namespace that is no module's."""
    namespace: "Namespace" = {"__builtins__": builtins, "__name__": name, "__spec__": None}
    return Record(namespace, sys, ["value"], namespace)


def _reduce_placeholder(placeholder: "Any") -> "Any":
    """Pickle a placeholder as its statement, with an absolute name.

    cloudpickle and its like find placeholders in the globals of a function that they pickle by value.
    """
    record, statement = _arguments(placeholder)
    words = statement.split()
    if words[0] == "unpickled":
        del words[0]
    if words[0] == "from":
        words[1] = _absolute(record.importing, words[1])
    elif words[0] == "submodule":
        words = ["import", words[1], "as", words[1].rpartition(".")[2]]
    return restore, (" ".join(words),)


def _absolute(namespace: "Namespace", target: str) -> str:
    """Give the absolute name of the module in ``from target import ...``."""
    name = target.lstrip(".")
    level = len(target) - len(name)
    if not level:
        return name
    package = namespace.get("__package__")
    if package is None:
        package = namespace["__name__"]
        if "__path__" not in namespace:
            package = package.rpartition(".")[0]
    package = package.rsplit(".", level - 1)[0]
    return package + "." + name if name else package  # type: ignore[no-any-return]


_unregistered = True


def _register() -> None:
    """Tell ``copyreg`` about placeholders once it is there: ``pickle`` needs it, we do not."""
    global _unregistered
    copyreg = sys.modules.get("copyreg")
    if copyreg is not None and hasattr(copyreg, "dispatch_table"):
        copyreg.dispatch_table[Pending] = _reduce_placeholder
        _unregistered = False


# ----------------------------------------------------------------------------------- errors


def _explain(error: Exception, record: Record, statement: str) -> None:
    """Say which statement has failed, as a note on the error or, before 3.11, as its cause."""
    try:
        text = _describe(record, statement)
        if hasattr(error, "add_note"):
            if text not in getattr(error, "__notes__", ()):
                error.add_note(text)
            return
        last: BaseException = error
        while True:  # go to the end of the chain that a traceback prints
            following = last.__cause__
            if following is None and not last.__suppress_context__:
                following = last.__context__
            if following is None:
                break
            last = following
        if type(last) is not DeferredImport:
            last.__cause__ = DeferredImport(text)
    except Exception:
        pass  # the error itself matters more


class DeferredImport(Exception):
    """Names the import statement whose deferred execution failed."""


def _describe(record: Record, statement: str) -> str:
    kind, _, rest = statement.partition(" ")
    if kind == "unpickled":
        return "the import was deferred by dally, and pickled: " + rest
    if kind == "submodule":
        statement = "import " + rest.rpartition(" ")[2]
    namespace = record.importing
    line = ""
    try:
        spec = namespace.get("__spec__")
        loader = namespace.get("__loader__") or spec.loader  # type: ignore[union-attr]
        name = spec.name if spec is not None else namespace["__name__"]
        line = _find_line(loader.get_code(name), statement, kind == "submodule")
    except Exception:
        pass
    path = namespace.get("__file__") or namespace.get("__name__")
    return 'the import was deferred by dally: {}, in "{}"{}'.format(statement, path, line)


def _find_line(code: "CodeType", statement: str, among_others: bool) -> str:
    """Find the line where a module mentions a statement as a string."""
    import dis

    line = 0
    lines = dict(dis.findlinestarts(code))
    module = statement.rpartition(" ")[2]
    for instruction in dis.get_instructions(code):
        line = lines.get(instruction.offset) or line
        value = instruction.argval
        if type(value) is str and (
            value == statement
            or (among_others and value[:7] == "import " and module in value[7:].split(", "))
        ):
            return ", line {}".format(line)
    return ""


# -------------------------------------------------------------------- what modules call


def pending(names: str) -> "Function":
    """Prepare the calling module for these pending names; give it its factory.

    The factory takes the text of an import statement and gives the value to bind to its name.
    A name is listed once for each statement that binds it.
    """
    return _factory(sys._getframe(1), names)


def lazy(statement: str) -> "Any":
    """Give the value to bind to the name that this statement would bind: the form for people."""
    frame = sys._getframe(1)
    namespace = frame.f_globals
    name = statement.rpartition(" ")[2]
    if "." in name:
        name = _bound_name(statement.split())
    for last in reversed(namespace.values()):
        if type(last) is Pending:  # the line before was one of ours
            record = _arguments(last)[0]
            if record.namespace is namespace and name in _known and name not in namespace and not _EAGER:
                record.names.append(name)
                if record.waiting is not None:
                    record.waiting.add(name)
                return Pending(record, statement)
        break
    return _factory(frame, name)(statement)


def _factory(frame: "FrameType", names: str) -> "Function":
    namespace = frame.f_globals
    modules = sys.modules
    here = namespace.get("__name__")
    module: "Any" = modules.get(here)  # type: ignore[arg-type]
    kind = type(module)
    if (
        (kind is not ModuleType and kind is not Module)
        or _namespace(module) is not namespace
        or not _ENABLED
        or here in _EAGER
    ):
        return partial(_import_now, namespace)
    main = None
    if "runpy" in modules and _is_run_path(frame.f_back):
        main = _main_of_worker(frame)
        if main is None:
            return partial(_import_now, namespace)
    if _unregistered:
        _register()
    listed = names.split()
    factory: "Function"
    if _NATIVE:
        factory = partial(_import_natively, namespace)
    else:
        record = Record(namespace, module, listed, namespace)
        again = not record.loading and namespace.get("__name__") != "__main__"
        if again and not namespace.keys().isdisjoint(listed):
            # The body runs again (importlib.reload). A statement such as `from . import x` now finds what
            # the last run has left; a placeholder would have overwritten it.
            _release(module)
            return partial(_import_now, namespace)
        factory = partial(Pending, record)
        if not _known.issuperset(listed):
            for name in listed:
                if name not in _known and (name[:2] != "__" or name[-2:] != "__" or name in _PLAIN):
                    setattr(Module, name, Attribute(name))
                    _known.add(name)
        if kind is ModuleType:
            _set_class(module, Module)
        if main is not None:
            _set_class(main, Module)
    if _EAGER or "__" in names:
        eager = {name for name in listed if "{}:{}".format(here, name) in _EAGER}
        if not _NATIVE:
            eager.update(name for name in listed if name not in _known)
        if eager:
            return partial(_choose, eager, factory, namespace)
    return factory


def _is_run_path(frame: "Optional[FrameType]") -> bool:
    """Say whether ``runpy`` runs this module in order to give its globals to a caller."""
    if frame is None or frame.f_globals.get("__name__") != "runpy":
        return False
    return frame.f_back is not None and frame.f_back.f_code.co_name == "_run_module_code"


def _main_of_worker(frame: "FrameType") -> "Optional[ModuleType]":
    """Find the module into which a worker process copies the globals of the main script.

    ``multiprocessing`` and its relatives run the script again, by ``runpy``, and make ``__main__`` from the result.
    The one case where the module that will hold our placeholders is not the one whose body runs.
    """
    up: "Optional[FrameType]" = frame
    while up is not None:
        if up.f_code.co_name.startswith("_fixup_main_from_"):
            main = up.f_locals.get("main_module")
            return main if type(main) is ModuleType or type(main) is Module else None
        up = up.f_back
    return None


def _choose(eager: "Any", factory: "Function", namespace: "Namespace", statement: str) -> "Any":
    """Import some names of a module now and let others wait."""
    if _bound_name(statement.split()) in eager:
        return _import_now(namespace, statement)
    return factory(statement)


def _import_now(namespace: "Namespace", statement: str) -> "Any":
    try:
        return _perform(namespace, statement.split(), None)[1]
    except LoadError as error:
        raise error.__cause__ or error  # noqa: B904


# ------------------------------------------------------ Python 3.15 and later: native laziness


def _import_natively(namespace: "Namespace", statement: str) -> "Any":
    """Execute ``lazy import ...`` in the module, and give the lazy object that it binds.

    Compiling each statement would be slow. A statement of the same form is compiled once, and
    its names and its place in the source are exchanged.
    """
    frame: "Any" = sys._getframe(1)
    while frame.f_globals is not namespace:
        frame = frame.f_back
    words = statement.split()
    target, bound = words[1], words[-1]
    names: "Tuple[str, ...]"
    if words[0] == "from":
        if "__path__" in namespace:
            placeholder = _take_from_own(namespace, statement, words)
            if placeholder is not None:
                return placeholder
        module = target.lstrip(".")
        form = "from " + target[: len(target) - len(module)] + ("m" if module else "") + " import n as x"
        names = (module, words[3], bound)
    elif "." not in target and (len(words) == 2 or words[2] == "as"):
        form = "import m as x"
        names = (target, bound)
    else:
        form = ""
        names = ()
    filename, line = frame.f_code.co_filename, frame.f_lineno
    if not names:  # dotted names, perhaps several
        for one in [statement] if words[-2] == "as" else ["import " + word.rstrip(",") for word in words[1:]]:
            code = compile("lazy " + one, filename, "exec", 0, True)
            exec(code.replace(co_firstlineno=line), namespace)
        return namespace[_bound_name(words)]
    template = _templates.get(form)
    if template is None:
        template = _templates[form] = compile("lazy " + form, "<dally>", "exec", 0, True)
    consts = template.co_consts
    if len(names) == 3:
        consts = tuple([(words[3],) if const == ("n",) else const for const in consts])
    exec(
        template.replace(co_names=names, co_consts=consts, co_filename=filename, co_firstlineno=line),
        namespace,
    )
    return namespace[bound]


_templates: "Dict[str, CodeType]" = {}


def _take_from_own(namespace: "Namespace", statement: str, words: "List[str]") -> "Any":
    """Give a placeholder to a package that takes a name from itself or from its submodule of that name.

    After ``from .squeeze import squeeze`` a lazy object gives way to the submodule as soon as somebody
    imports that, and the function is lost. A placeholder does not (see ``Attribute.__set__``).
    """
    here, name = namespace["__name__"], words[-1]
    target = _absolute(namespace, words[1])
    if target != here and not (target + ".").startswith("{}.{}.".format(here, name)):
        return None
    module = sys.modules[here]
    record = Record(namespace, module, [name], namespace)
    _swap(module, name)
    return Pending(record, statement)


# ----------------------------------------------------------------------------------- frames


def _join_the_import_system() -> None:
    """Let ``warnings`` count our frames among those of the import system.

    A module that warns about itself (``warnings.warn("old", stacklevel=2)``) means whoever imports it, and
    ``warnings`` finds that frame by skipping those whose file name contains "importlib" and "_bootstrap".
    """
    filename = __file__ + " (like importlib._bootstrap)"
    functions: "List[Any]" = [_resolve, real, _perform, _perform_submodule, _attach, _bind_last, _own]
    functions += [Attribute.__get__, _resolve_for_outside, _import_now, _choose, lazy]
    for function in functions:
        function.__code__ = function.__code__.replace(co_filename=filename)


_join_the_import_system()
