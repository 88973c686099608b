# The run-time half of dally: imports that wait until they are used.
#
# dally rewrites ``import numpy as np`` ahead of time into ``np = _dally("import numpy as np")``. The
# global ``np`` then holds a *placeholder*, and the statement is carried out when ``np`` is first used.
# This file is all that a rewritten program needs. It is pure Python, uses the standard library only,
# installs no import hook, patches nothing, starts no thread and opens no file. It may be vendored
# under any name, and several copies can live in one process.
#
# Why a program cannot tell the difference
# ========================================
#
# 1.  *Uses inside the module.* The rewriter leaves a name bare only where the operation on the
#     placeholder gives exactly what it gives on the real object: attribute access, call, subscript,
#     second argument of ``isinstance`` and ``issubclass``. ``Pending`` defines the special methods of
#     these operations as *properties*: the interpreter looks the method up on the type, the property
#     carries out the import and returns a C function bound to the real object, and the interpreter
#     calls that. While the real object runs no Python frame of ours is on the stack, so
#     ``sys._getframe(1)`` and ``warnings.warn(..., stacklevel=2)`` see the true caller. Every other
#     use is written ``real(np)`` by the rewriter and gets the real object itself.
# 2.  The first use puts the real object into the module's globals, unless the name has been bound to
#     something else in the meantime. From then on nothing of ours is involved.
# 3.  *Uses from other modules* (``mod.np``, ``from mod import np``, ``import *``, ``getattr``, pickling by
#     reference, ``mock.patch``). While names of a module are pending its ``__class__`` is ``Module``, a
#     subclass of ``types.ModuleType`` with a data descriptor for each such name. (Assigning a module's
#     ``__class__`` is documented Python.) When nothing is pending any more the class goes back.
# 4.  *The import itself* is a call of ``__import__`` with the module's own globals, which is what the
#     statement does.
#
# Where this cannot work the import is carried out at once, at its original place: in code that is not
# the body of a module in ``_modules``, in modules with a class of their own, under
# ``runpy.run_path``, and for special names such as ``__getattr__``.
#
# On Python 3.15 and later the same source gets the interpreter's own lazy imports instead.
#
# Switches, read from the environment once, when this file is loaded
# ==================================================================
#
# ``DALLY_LAZY=0``                       every import happens at its original place
# ``DALLY_EAGER=pkg.mod:np,other.mod``   the same for one name of a module, or for a whole module
# ``DALLY_NATIVE=0``                     placeholders on Python 3.15 and later, too

import builtins
import sys

# Every process of a rewritten program loads this file, so it must be cheap to load. It imports only what
# every interpreter has loaded anyway, and the types stand in comments, which cost nothing. Type checkers take a
# name of this spelling to be true; ``dally apply`` relies on that too.
TYPE_CHECKING = False
_environ = (sys.modules.get("os") or __import__("os")).environ
if TYPE_CHECKING:
    from types import CodeType, FrameType, MethodType, ModuleType
    from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple, TypeVar, Union

    T = TypeVar("T")
    Namespace = Dict[str, Any]
    Function = Callable[..., Any]
else:
    # ``MethodType(f, x)`` stands for ``functools.partial(f, x)`` throughout: C code without a frame, and faster.
    MethodType = type(_environ.get)
    ModuleType = type(sys)

_modules = sys.modules  # type: Dict[Any, Any]

# --------------------------------------------------------------------------------- settings

_ENABLED = _environ.get("DALLY_LAZY") != "0"
_NATIVE = hasattr(builtins, "__lazy_import__") and _environ.get("DALLY_NATIVE") != "0"
_EAGER = _environ.get("DALLY_EAGER", "").replace(",", " ").split()

# ------------------------------------------------------------------------------ placeholders


class Record:
    # One namespace with pending names.

    __slots__ = ("answers", "importing", "loading", "names", "namespace", "waiting")

    if TYPE_CHECKING:
        #: The module had a ``__getattr__`` before its import statements.
        answers: bool
        #: The globals that hold the placeholders.
        namespace: Namespace
        #: The globals of the module whose import statements they stand for: nearly always the same.
        importing: Namespace
        #: The names, once for each statement.
        names: Sequence[str]
        #: Those whose statements are not resolved, executed or not.
        waiting: Set[str]
        #: The import system is loading the module, and so will say when its body has ended.
        loading: bool

    def __reduce__(self):
        # type: () -> Any
        # A module that cloudpickle takes by value takes its factory along, which nobody calls there.
        return _record_elsewhere, (self.namespace.get("__name__"),)


def _record(namespace, names, importing):
    # type: (Namespace, Sequence[str], Namespace) -> Record
    record = Record()
    record.namespace = namespace
    record.importing = importing
    record.answers = "__getattr__" in importing
    record.names = names
    record.waiting = waiting = set(names)
    if len(waiting) < len(names):
        waiting.add("")  # a name bound twice: one that is resolved may be pending again
    try:
        record.loading = namespace["__spec__"]._initializing
    except (KeyError, AttributeError):
        record.loading = False
    return record


# Read the slots of placeholders and modules, and write a module's class, past our own overrides.
_arguments = vars(BaseException)["args"].__get__  # type: Callable[[Any], Tuple[Record, str]]
_namespace = vars(ModuleType)["__dict__"].__get__  # type: Callable[[ModuleType], Namespace]
_set_class = vars(object)["__class__"].__set__  # type: Callable[[ModuleType, type], None]

_builtins = _namespace(builtins)  # type: Namespace
#: What executes import statements, unless somebody has replaced it before this file was loaded.
_import = getattr(builtins.__import__, "__self__", None) is builtins and builtins.__import__  # type: Any


def _resolve(operation, placeholder):
    # type: (Any, Any) -> Any
    # Carry out the import of a placeholder, put the result into its place, and return it.
    #
    # With an operation (a function, or the name of one in ``operator``) return a C function that applies it
    # to the result, without a frame.
    #
    # Nothing is locked: the import system locks each module, and a thread that comes second finds
    # the module loaded. Nothing is remembered on failure, so the next use tries again.
    record, statement = _arguments(placeholder)
    namespace = record.namespace
    if operation is getattr and "pickle" in _modules:
        caller = sys._getframe(1).f_globals
        if caller is not namespace and "pickle" in str(caller.get("__name__")):
            # cloudpickle asks what it has found in the globals of a function. It must not load it.
            return MethodType(object.__getattribute__, placeholder)
    value = None  # type: Any
    head, _, name = statement.rpartition(" ")
    if statement[0] == "i" and "." not in statement and name:
        # `import m` of a module that is loaded already: do at once what `__import__` does.
        if namespace["__builtins__"] is _builtins and _builtins["__import__"] is _import:
            try:
                value = _modules[name if head == "import" else head[7:-3]]
                if value.__spec__._initializing:
                    value = None
            except Exception:
                value = None
    if value is None:
        if _outsiders:
            _join_the_import_system()
        try:
            name, value = _perform(record.importing, statement.split(), record)
        except BaseException as error:
            shielded = getattr(error, "dally_shields", None)
            if shielded is not None:
                raise shielded from None  # see `_resolve_for_outside`
            if isinstance(error, AttributeError) and getattr(error, "obj", error) is None:
                # The interpreter fills in the object that was asked for an attribute. Spare the error
                # of a module that fails to load from naming the placeholder.
                error.obj = None
            if isinstance(error, Exception):
                _explain(error, record, statement)
            raise
        if _unregistered:
            _register()
    if namespace.get(name) is placeholder:
        namespace[name] = value
    waiting = record.waiting
    waiting.discard(name)
    if not waiting or record.loading:
        _settle(record)
    if operation is None or operation is real:
        return value
    if operation is not getattr and type(operation) is str:
        operation = getattr(_builtin_module("_operator"), operation)
    if value is None:
        return _builtin_module("_functools").partial(operation, None)
    return MethodType(operation, value)


def _builtin_module(name):
    # type: (str) -> Any
    # Give a module that is part of the interpreter binary and that few programs have not loaded.
    return _modules.get(name) or (_import or __import__)(name)


def real(value):
    # type: (T) -> T
    """Give the object itself, whether ``value`` is a placeholder or not."""
    return _resolve(None, value) if type(value) is Pending else value


# --------------------------------------------------------- carrying out an import statement


def _bound_name(statement):
    # type: (str) -> str
    # Give the name that a statement binds.
    words = statement.split()
    if words[0] == "from" or words[-2] == "as":
        return words[-1]
    if words[0] == "submodule":
        return words[1].rpartition(".")[2]
    return words[1].partition(".")[0].rstrip(",")


def _perform(namespace, words, record):
    # type: (Namespace, List[str], Optional[Record]) -> Tuple[str, Any]
    # Carry out a statement in a namespace; give the name it binds and the value.
    #
    # It has one of the forms ``from m import n [as x]``, ``import a``, ``import a.b as x``, ``import a.b, a.c``.
    # Submodules in the last form wait until they are used, unless the statement is carried
    # out at its original place (no record).
    scope = namespace["__builtins__"]  # type: Any
    importer = (scope if type(scope) is dict else _namespace(scope))["__import__"]  # type: Function
    kind, target, bound = words[0], words[1], words[-1]
    level = 0
    attributes = None  # type: Optional[Tuple[str, ...]]
    submodules = None  # type: Optional[List[str]]
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
    if attributes is not None and record is not None and not record.answers and "__getattr__" in namespace:
        _load_unasked(importer, namespace, _absolute(namespace, words[1]), words[3])
    module = importer(target, namespace, namespace, attributes, level)
    # A thread that waits while another one loads the module gets the module even if that has
    # failed: half-loaded, and removed from _modules. A statement would be executed again the next
    # time; a placeholder that resolves to this module would keep it for good.
    while _modules.get(target) is not module and record is not None:
        if _modules.get(getattr(module, "__name__", None)) is module:
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


def _load_unasked(importer, namespace, target, name):
    # type: (Function, Namespace, str, str) -> None
    # Load the submodule that a package with a ``__getattr__`` takes from itself.
    #
    # ``from . import x`` asks the package for an attribute ``x`` before it looks for the submodule. When the statement stood
    # in its place, the package had no ``__getattr__`` yet that could have heard of it.
    if target == namespace.get("__name__") and "__path__" in namespace:
        submodule = target + "." + name
        try:
            importer(submodule, namespace, namespace, None, 0)
        except ModuleNotFoundError as error:
            if error.name != submodule:
                raise


def _interpret(module, statement):
    # type: (Any, str) -> Any
    # Let the interpreter finish a statement for which ``__import__`` has returned ``module``.
    #
    # Reached when an attribute is missing. What the interpreter then does (a look into
    # ``_modules``, an ``ImportError`` whose text differs from version to version) is its own affair.
    scope = {"__builtins__": {"__import__": lambda *_: module}, "__name__": __name__}  # type: Namespace
    exec(statement, scope)
    return scope["value"]


# `import a.b` binds the package `a`. On first use of `a` only the package is imported, and `a.b` becomes
# a pending attribute of the package module, with the same devices as a pending global. Its
# statement reads "submodule a.b TARGETS", with everything at or below a.b that is to be imported.


def _attach(importer, namespace, package, prefix, target):
    # type: (Function, Namespace, Any, str, str) -> None
    # Let the module ``target`` wait below ``package``, whose name is ``prefix``.
    #
    # It is imported now where waiting would not be exact: the package has a class of its own, or has
    # an attribute of that name already, which an eager import would have overwritten.
    for child in target.split(".")[prefix.count(".") + 1 :]:
        prefix += "." + child
        if prefix in _modules:
            importer(prefix, namespace, namespace, None, 0)  # waits if another thread is loading it
            package = _modules[prefix]
            continue
        if type(package) is ModuleType or _is_ours(type(package)):
            attributes = _namespace(package)
            present = attributes.get(child, attributes)
            targets = ""
            if type(present) is Pending:
                waiting, statement = _arguments(present)
                words = statement.split()
                if words[0] == "submodule":
                    targets = " ".join(word for word in words[2:] if word != target) + " "
                elif statement == _PROVIDED + child and waiting.namespace is attributes:
                    if prefix == target:
                        return  # it waits already
                    waiting.waiting.discard(child)
                    present = attributes
            if "__path__" in attributes and (present is attributes or targets):
                record = _further_record(attributes, package, child, namespace)
                statement = "submodule " + prefix + " " + targets + target
                attributes[child] = Pending(record, statement)
                return
        importer(target, namespace, namespace, None, 0)
        return


def _perform_submodule(importer, words, record):
    # type: (Function, List[str], Any) -> Tuple[str, Any]
    # Resolve a pending attribute of a package; what is below it waits in turn.
    namespace = record.importing
    target = words[1]
    importer(target, namespace, namespace, None, 0)
    name = target.rpartition(".")[2]
    value = record.namespace.get(name, record)
    if value is record or type(value) is Pending:
        value = _modules[target]
        for deeper in words[2:]:
            _attach(importer, namespace, value, target, deeper)
    return name, value


# ----------------------------------------------------------- what other modules see: Module


class Attribute(str):
    # The data descriptor of one name, shared by all modules of class ``Module``.
    #
    # A module gives way to data descriptors of its class before it looks into its globals. Here each
    # of the three operations does what a plain module does, except that a placeholder is resolved.
    #
    # Two names, ``__reduce_ex__`` and ``__module__``, are there for what they show at the class.
    __slots__ = ()

    def __get__(self, module, owner=None):
        # type: (Any, Any) -> Any
        if module is None:
            return object.__reduce_ex__ if self == "__reduce_ex__" else self
        if self is _ORIGIN:
            self = Attribute("__module__")
        value = _namespace(module).get(self, module)
        if type(value) is Pending:
            if _outsiders:
                _join_the_import_system()
            result = _resolve_for_outside(value, self)
            namespace = _namespace(module)
            if namespace.get(self) is value:  # a copy of the namespace it belongs to
                namespace[str(self)] = result
            return result
        if value is module and self not in _namespace(module):
            if self == "__reduce_ex__":
                return _reduce_module(module, sys._getframe(1))
            # The interpreter goes on to the module's __getattr__, or raises the usual error.
            raise AttributeError(str(self))
        if self in _known:
            _set_apart(module, self)
        return value

    def __set__(self, module, value):
        # type: (Any, Any) -> None
        namespace = _namespace(module)
        name = "__module__" if self is _ORIGIN else str(self)
        present = namespace.get(name)
        if type(present) is Pending:
            record, statement = _arguments(present)
            words = statement.split()
            if value is not None and _modules.get("{}.{}".format(namespace.get("__name__"), name)) is value:
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
            record.waiting.discard(name)
            _settle(record)
        else:
            namespace[name] = value

    @property
    def __delete__(self):
        # type: () -> Function
        return _deletion("__module__" if self is _ORIGIN else str(self))


#: The ``__module__`` of the class ``Module``. A module has none, and is not asked for what it calls ``builtins``.
_ORIGIN = Attribute("builtins")


def _deletion(name):
    # type: (str) -> Function
    # Make what deletes a name of the module that it is called with.
    #
    # `reduce(eq, (step, name), module)` is `eq(eq(module, step), name)`: C code only, so that the usual error about
    # a missing name has no frame of ours in its traceback.
    class Step:
        def __eq__(self, module):
            # type: (Any) -> Any
            namespace = _namespace(module)
            present = namespace.get(name, namespace)
            if present is namespace:
                return Missing(module)
            if type(present) is Pending:
                _load_own(present)
                record = _arguments(present)[0]
                namespace.pop(name, None)
                record.waiting.discard(name)
                _settle(record)
            else:
                del namespace[name]
            return None

    class Missing:
        def __init__(self, module):
            # type: (Any) -> None
            self.module = module

        @property
        def __eq__(self):  # type: ignore[misc]
            # type: () -> Any
            namespace = _namespace(self.module)
            plain = ModuleType(namespace.get("__name__") or "")
            _namespace(plain).update(namespace)  # "Did you mean" looks at them
            return MethodType(delattr, plain)

    functools = _builtin_module("_functools")
    equal = _builtin_module("_operator").eq
    return functools.partial(functools.reduce, equal, (Step(), name))  # type: ignore[no-any-return]


def _load_own(placeholder):
    # type: (Any) -> None
    # Load a package's own submodule although the name that waits for it is rebound from outside.
    #
    # Otherwise whoever imports the submodule later would make the import system bind it, over the new value.
    record, statement = _arguments(placeholder)
    words = statement.split()
    namespace = record.namespace
    if words[0] != "submodule" and "__path__" in namespace:
        target = _absolute(record.importing, words[1])
        package = namespace["__name__"]
        if target == package and words[0] == "from":
            target += "." + words[3]
        # While a submodule loads, it may put something else in its place.
        if target.startswith(package + ".") and target not in _modules:
            _resolve(None, placeholder)


def _names(target, module):
    # type: (str, Any) -> bool
    # Say whether importing ``target`` loads this module because it is ``target`` or above it.
    while target:
        if _modules.get(target) is module:
            return True
        target = target.rpartition(".")[0]
    return False


def _resolve_for_outside(placeholder, name):
    # type: (Any, str) -> Any
    # Resolve for a reader of ``module.name``.
    #
    # While a statement is being executed its name is not bound yet, and the import system relies
    # on that: ``from . import x`` first asks whether the package has an attribute ``x``, and imports
    # the submodule only if not. So a read that comes from inside the very import
    # that it would start is answered like this: try once more, as the same statement executed here would
    # (it succeeds if the module has come far enough); failing that, the name does not exist yet.
    depth = 0
    frame = sys._getframe(2)  # type: Optional[FrameType]
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
        # ``AttributeError`` has a meaning for whoever reads an attribute: ``hasattr`` would answer False, and
        # ``mod.np`` would end in "module 'mod' has no attribute 'np'". So it travels as another type.
        shield = ImportError("{}: {}".format(name, error))  # type: Any
        shield.dally_shields = error
        raise shield from error
    except ImportError:
        if depth:
            raise AttributeError(name) from None
        raise


def _get_class(module):
    # type: (Any) -> type
    return ModuleType


def _assign_class(module, cls):
    # type: (Any, type) -> None
    # Carry out ``module.__class__ = cls``: from here on the module's attributes are not ours.
    if cls is not ModuleType:
        _release(module)
        _set_class(module, cls)


def _get_dict(module):
    # type: (Any) -> Namespace
    # Give ``module.__dict__``, with real objects in it.
    #
    # Except to readers that look for other things: the import system itself, who looks for the source, and evaluators of
    # annotations (the rewriter lets no name wait that stands in an evaluated annotation).
    namespace = _namespace(module)
    reader = sys._getframe(1)
    name = str(reader.f_globals.get("__name__"))
    indifferent = (
        name.partition(".")[0] in _INDIFFERENT.split()
        or reader.f_code is _dir.__code__
        or (name == "inspect" and reader.f_code.co_name in ("get_annotations", "findsource"))
    )
    if name.endswith("mock") and reader.f_code.co_name == "get_original":
        # `mock.patch` takes the object that it replaces, and no other.
        patched = getattr(reader.f_locals.get("self"), "attribute", None)  # type: Any
        if type(namespace.get(patched)) is Pending:
            getattr(module, patched)
    elif not indifferent:
        _resolve_all(namespace)
    return namespace


_INDIFFERENT = (
    "importlib _frozen_importlib_external runpy dataclasses typing typing_extensions annotationlib attr pydantic sqlalchemy"
)


def _dir(module):
    # type: (Any) -> List[str]
    # Give ``dir(module)`` without the names that the rewriter added.
    namespace = _namespace(module)
    if str(sys._getframe(1).f_globals.get("__name__")).endswith("mock"):
        _resolve_all(namespace)  # mock goes on to read each attribute past all descriptors
    names = ModuleType.__dir__(module)
    return [name for name in names if not _is_helper(name, namespace.get(name), namespace)]


def _is_helper(name, value, names):
    # type: (str, Any, Any) -> bool
    # Say whether the rewriter has added a name: the factory, `real`, or `__dally_np__` beside `np`.
    if name[:8] == "__dally_" and name[8:-2] in names:
        return True
    return value is real or value is lazy or type(value) is MethodType and getattr(value.__func__, "__module__", "") == __name__


def _reduce_module(module, frame):
    # type: (Any, FrameType) -> Any
    # Give ``module.__reduce_ex__``: copy or pickle a module as if it had the class that it had before.
    # Plain pickle refuses modules. cloudpickle and others have a rule for ``ModuleType``, found by the type.
    if frame.f_globals.get("__name__") == "copy":
        return MethodType(object.__reduce_ex__, module)
    pickler = frame.f_locals.get("self")  # type: Any
    kind = getattr(_modules.get("_pickle"), "Pickler", Record)
    if not isinstance(pickler, kind):
        for pickler in [value for value in frame.f_locals.values() if type(value) is not Pending]:
            if isinstance(pickler, kind):
                break
        else:
            pickler = frame.f_locals.get("self")
    copyreg = _modules.get("copyreg")  # type: Any
    for owner in (pickler, copyreg):
        rule = (getattr(owner, "dispatch_table", None) or {}).get(ModuleType)
        if rule is not None:
            return lambda protocol: rule(module)
    if isinstance(pickler, kind):
        refused = _no_override(pickler, module)
    else:
        refused = _calls_dumps(frame)
    if refused:
        return MethodType(object.__reduce_ex__, module)
    # Some other pickler, perhaps with a rule that cannot be seen from here: become a plain module and let
    # it look again. (It puts a reference to what it made of the module in place of this tuple.)
    return MethodType(_become_plain, module)


def _calls_dumps(frame):
    # type: (FrameType) -> bool
    # Say whether a frame is calling ``pickle.dumps``, which has no rules, and not ``dump`` of some pickler in C.
    import dis

    name = ""
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.offset > frame.f_lasti:
            break
        if instruction.argval in ("dump", "dumps"):
            name = instruction.argval
    return name == "dumps"


def _no_override(pickler, module):
    # type: (Any, Any) -> bool
    # Say whether a pickler has no rule of its own for a plain module of that name.
    try:
        override = getattr(pickler, "reducer_override", None)
        return override is None or override(ModuleType(_namespace(module)["__name__"])) is NotImplemented
    except Exception:
        return False


def _become_plain(module, protocol):
    # type: (Any, int) -> Any
    _release(module)
    return _builtin_module("_operator").getitem, ((module,), 0)


def _picks_functions(frame):
    # type: (Any) -> bool
    # Say whether the code that has called `getattr_static`, which has called the code of a frame, may look for functions. A statement
    # that ends in a blank binds none, and the rewriter writes it where it has seen that whoever looks takes functions and
    # nothing else: there any other object will do.
    caller = frame.f_back.f_back
    names = caller.f_code.co_names if caller else ()
    return not {"isfunction", "ismethod", "isbuiltin"}.isdisjoint(names)


class _Class(type):
    # The class of ``Module``: whoever looks into the ``__dict__`` of ``Module``, as the check of a protocol does, finds what
    # ``ModuleType`` has, and none of the descriptors of pending names.
    #
    # ``inspect.getattr_static`` asks no descriptor and no module, but classes. It finds what it would have found in the module.

    def __getattribute__(cls, name):
        # type: (str) -> Any
        if name != "__dict__" or not _is_ours(cls):
            return type.__getattribute__(cls, name)
        frame = sys._getframe(1)
        if frame.f_code.co_name == "_check_class" and frame.f_globals.get("__name__") == "inspect":
            wanted = frame.f_locals.get("attr")
            module = frame.f_back.f_locals.get("obj") if frame.f_back else None  # type: Any
            # It looks twice. The first look may have given the module its own class back.
            if issubclass(type(module), ModuleType) and wanted in _namespace(module):
                value = _namespace(module)[wanted]
                if type(value) is Pending and _arguments(value)[1][-1] == " " and _picks_functions(frame):
                    return {wanted: object}
                return {wanted: getattr(module, wanted)}
        return ModuleType.__dict__


_members = {
    "__class__": property(_get_class, _assign_class),
    "__dict__": property(_get_dict),
    "__dir__": _dir,
    "__reduce_ex__": Attribute("__reduce_ex__"),
    "__module__": _ORIGIN,
}  # type: Namespace
# The specialised attribute read of 3.14 and later takes any class that shares the C function behind
# ``ModuleType.__getattribute__`` for ``ModuleType`` and ignores its descriptors. So use another one.
if _NATIVE:
    # (That function also resolves the interpreter's own lazy objects.)
    _members["__getattribute__"] = property(MethodType(MethodType, ModuleType.__getattribute__))
elif sys.version_info >= (3, 14):
    # No Python code unless the attribute is missing; then the module's own __getattr__ and error.
    _members["__getattribute__"] = object.__getattribute__
    _members["__getattr__"] = property(MethodType(MethodType, ModuleType.__getattribute__))
# The first argument is the name that error messages about modules show.
Module = _Class("module", (ModuleType,), _members)  # type: Any
# Special names without a meaning for the interpreter. The others are always imported at once.
_PLAIN = (
    "__version__ __version_info__ __version_tuple__ __author__ __author_email__ __email__ __title__ __summary__"
    " __description__ __license__ __copyright__ __maintainer__ __url__ __uri__ __homepage__ __status__ __date__"
    " __credits__ __build__ __release__ __revision__ __commit__ __commit_id__ __git_version__"
)
# The names that have a descriptor. They stay: there is one for each different name in the program.
_known = set()  # type: Set[str]


# A name that is pending in some module has its descriptor in all that share ``Module``. A module that others go on reading,
# while some of its names wait for good, gets a class of its own, with descriptors for those names alone.

#: How often a name has been read from outside that a descriptor hides and that is not pending: by the id of the namespace.
_hidden_reads = {}  # type: Dict[int, int]


def _is_ours(kind):
    # type: (Any) -> bool
    return kind is Module or type(kind) is _Class and kind.__base__ is ModuleType


def _set_apart(module, name):
    # type: (Any, str) -> None
    # Note that ``module.name`` has been read, which is not pending.
    namespace, kind = _namespace(module), type(module)
    if kind is not Module:
        if _is_ours(kind):
            try:
                delattr(kind, str(name))
            except AttributeError:
                pass  # another thread was faster
        return
    count = _hidden_reads[id(namespace)] = _hidden_reads.get(id(namespace), 0) + 1
    if count % 64 or getattr(namespace.get("__spec__"), "_initializing", True):
        return
    names = _pending_names(namespace)
    if names:
        kind = _Class("module", (ModuleType,), dict(zip(names, map(Attribute, names)), **_members))
    while names:
        _set_class(module, kind)
        left = _pending_names(namespace)
        if left == names:
            break
        names, kind = left, Module  # other threads go on
        if not left:
            _set_class(module, ModuleType)


def _pending_names(namespace):
    # type: (Namespace) -> List[str]
    return [name for name, value in list(namespace.items()) if type(value) is Pending and name in _known]


def _settle(record):
    # type: (Record) -> None
    # Give a module its class back if nothing is pending any more.
    namespace, waiting = record.namespace, record.waiting
    if record.loading:
        if getattr(namespace.get("__spec__"), "_initializing", False):
            return  # there may be statements to come
        record.loading = False
        for name in list(waiting):
            if type(namespace.get(name)) is not Pending:
                waiting.discard(name)  # in a branch not taken, or bound to something else
    if waiting:
        return
    if id(namespace) in _shared:
        for name, value in list(namespace.items()):
            if type(value) is Pending and _bound_name(_arguments(value)[1]) == name:
                return
    if "__dally_real__" in namespace:  # `__dally_np__`, beside `np`: nothing for those who go through all names
        for name in record.names:
            if type(namespace.get("__dally_%s__" % name)) is Pending:
                namespace["__dally_%s__" % name] = None
    module = _modules.get(namespace.get("__name__"))  # type: Any
    if not issubclass(type(module), ModuleType) or _namespace(module) is not namespace:
        # Somebody has taken it out of ``sys.modules``, or put an object there that says it is a module.
        for module in _builtin_module("gc").get_referrers(namespace):
            if _is_ours(type(module)) and _namespace(module) is namespace:
                break
    if _is_ours(type(module)):
        _set_class(module, ModuleType)
        namespace.setdefault("__dir__", MethodType(_dir_of_plain, record))


def _dir_of_plain(record):
    # type: (Record) -> List[str]
    # The module's own `__dir__`, when it is a plain module again.
    return [name for name, value in record.namespace.items() if name != "__dir__" and not _is_helper(name, value, record.names)]


def _resolve_all(namespace, release=False):
    # type: (Namespace, bool) -> None
    copies = []
    loading = getattr(namespace.get("__spec__"), "_initializing", False)
    for name, value in list(namespace.items()):
        if type(value) is Pending:
            record, statement = _arguments(value)
            if loading and statement.startswith(_PROVIDED) and record.namespace is namespace:
                if not release:
                    try:
                        _resolve(None, value)
                        continue
                    except ImportError:
                        pass  # it needs what the package has not come to
                # Others will load it, perhaps when this package has come further.
                record.waiting.discard(name)
                del namespace[name]
                loaded = _modules.get("{}.{}".format(namespace["__name__"], name))
                if loaded is not None:
                    namespace[name] = loaded
            elif _bound_name(statement) == name:
                _resolve(None, value)
            else:
                copies.append(name)
    for name in copies:
        namespace[name] = None


def _release(module):
    # type: (ModuleType) -> None
    # Resolve all that is pending, import eagerly from now on, and make the module a plain one.
    namespace = _namespace(module)
    _resolve_all(namespace, True)
    for name, value in list(namespace.items()):
        if type(value) is MethodType and value.__func__ is Pending:
            namespace[name] = _eager_factory(namespace)
    if _is_ours(type(module)):
        _set_class(module, ModuleType)


# ---------------------------------------------------------------------------- class Pending


def _bind_last(operation, placeholder):
    # type: (Any, Any) -> Function
    # Give a C function that applies ``operation(other, real)``.
    #
    # ``reduce(f, (b,), a)`` is ``f(a, b)``, without a Python frame. In particular the result of
    # ``isinstance(x, placeholder)`` comes from ``isinstance(x, real)`` itself: metaclasses with an
    # ``__instancecheck__`` of their own, unions and tuples are treated as always.
    value = _resolve(None, placeholder)
    functools = _builtin_module("_functools")
    if type(operation) is str:
        operation = getattr(_builtin_module("_operator"), operation)
    return functools.partial(functools.reduce, operation, (value,))  # type: ignore[no-any-return]


def _own(name, placeholder):
    # type: (str, Any) -> Any
    return getattr(_resolve(None, placeholder), name)


def _forward(operation, bind=_resolve):
    # type: (Union[Function, str], Function) -> Any
    # Make the special method for ``operation(real, ...)``, or with `_bind_last` for ``operation(other, real)``.
    # (A property without a text asks its function for one, and that takes longer than all the rest.)
    return property(MethodType(bind, operation), None, None, "")


def _set_name(placeholder, owner, name):
    # type: (Any, Any, str) -> None
    value = _resolve(None, placeholder)
    if hasattr(type(value), "__set_name__"):
        value.__set_name__(owner, name)


def _get(placeholder, instance, owner=None):
    # type: (Any, Any, Any) -> Any
    value = _resolve(None, placeholder)
    if hasattr(type(value), "__get__"):
        return value.__get__(instance, owner)
    return value


def _reduce_placeholder(placeholder, protocol=None):
    # type: (Any, Any) -> Any
    # Pickle a placeholder as its statement, with an absolute name.
    #
    # cloudpickle and its like find placeholders in the globals of a function that they pickle by value.
    record, statement = _arguments(placeholder)
    return restore, (_portable(statement, record.importing),)


def _special_methods():
    # type: () -> Namespace
    methods = {
        "__slots__": (),
        "__module__": __name__,
        # What rewritten code relies on.
        "__call__": _forward(real),
        "__getattribute__": _forward(getattr),
        "__setattr__": _forward(setattr),
        "__delattr__": _forward(delattr),
        "__getitem__": _forward("getitem"),
        "__setitem__": _forward("setitem"),
        "__delitem__": _forward("delitem"),
        "__instancecheck__": _forward(isinstance, _bind_last),
        "__subclasscheck__": _forward(issubclass, _bind_last),
        # Picklers that find one in the globals of a function.
        "__reduce_ex__": _reduce_placeholder,
        # Defence in depth, for one that somebody dug out of ``globals()``. What is missing here
        # (arithmetic) is a TypeError for a placeholder, never a wrong answer.
        "__set_name__": _set_name,
        "__get__": _get,
        "__bool__": _forward(bool),
        "__or__": _forward("or_"),
        "__ror__": _forward("or_", _bind_last),
    }  # type: Namespace
    for name in ("eq", "ne", "lt", "le", "gt", "ge", "contains", "index"):
        methods["__" + name + "__"] = _forward(name)
    for name in ("hash", "iter", "next", "len", "str", "repr", "bytes", "int", "float", "format", "dir"):
        methods["__" + name + "__"] = _forward(getattr(builtins, name))
    for name in ("await", "aiter", "anext", "enter", "exit", "aenter", "aexit", "fspath"):
        methods["__" + name + "__"] = _forward("__" + name + "__", _own)
    return methods


# A placeholder is ``Pending(record, "import numpy as np")``. The class derives from ``BaseException``
# for one reason: that is the cheapest type with a constructor in C that keeps its arguments. The
# factory that a module gets is ``MethodType(Pending, record)``; making a placeholder runs no Python code and
# costs no more than an import of a loaded module. The text is parsed when it is needed. Nobody raises a
# placeholder. (A tuple would be an obvious choice, but ``isinstance`` treats tuples specially.)
Pending = type("Pending", (BaseException,), _special_methods())  # type: Any


# --------------------------------------------------------------------------------- pickling


def restore(statement):
    # type: (str) -> Any
    # Make a pending import that stands in no module: what a pickled placeholder becomes.
    if _NATIVE:
        if statement not in _restored:
            _restored[statement] = _lazily(statement, _record_elsewhere(__name__).namespace)
        return _restored[statement]
    record = _record_elsewhere(__name__)
    record.namespace["value"] = placeholder = Pending(record, "unpickled " + statement)
    return placeholder


def _record_elsewhere(name):
    # type: (str) -> Record
    # Make a record of a namespace that is no module's.
    namespace = {"__builtins__": builtins, "__name__": name, "__spec__": None}  # type: Namespace
    return _record(namespace, ("value",), namespace)


def _reduce_natively(value):
    # type: (Any) -> Any
    # The same for a lazy object of the interpreter, which does not tell its statement.
    for (here, name), statement in list(_statements.items()):
        namespace = getattr(_modules.get(here), "__dict__", {})
        if namespace.get(name) is value:
            return restore, (_portable(statement, namespace),)
    for statement, restored in list(_restored.items()):
        if restored is value:
            return restore, (statement,)
    return _builtin_module("_operator").getitem, ((value.resolve(),), 0)  # not of our making


def _portable(statement, namespace):
    # type: (str, Namespace) -> str
    # Give a statement of a module as it has to be elsewhere.
    words = statement.split()
    if words[0] == "unpickled":
        del words[0]
    if words[0] == "from":
        words[1] = _absolute(namespace, words[1])
    elif words[0] == "submodule":
        words = ["import", words[1], "as", words[1].rpartition(".")[2]]
    return " ".join(words)


def _absolute(namespace, target):
    # type: (Namespace, str) -> str
    # Give the absolute name of the module in ``from target import ...``.
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


def _register():
    # type: () -> None
    # Tell ``copyreg`` about placeholders once it is there: ``pickle`` needs it, we do not. The interpreter's own
    # lazy objects cannot be pickled at all without, and we never learn that one is about to be.
    global _unregistered
    copyreg = _modules.get("copyreg")
    if _NATIVE:
        copyreg = _builtin_module("copyreg")
        copyreg.pickle(_builtin_module("_types").LazyImportType, _reduce_natively)
    if copyreg is not None and hasattr(copyreg, "dispatch_table"):
        copyreg.dispatch_table[Pending] = _reduce_placeholder
        _unregistered = False


# ----------------------------------------------------------------------------------- errors


def _explain(error, record, statement):
    # type: (Exception, Record, str) -> None
    # Say which statement has failed, as a note on the error or, before 3.11, as its cause.
    try:
        text = _describe(record, statement)
        if hasattr(error, "add_note"):
            if text not in getattr(error, "__notes__", ()):
                error.add_note(text)
            return
        last = error  # type: BaseException
        while True:  # go to the end of the chain that a traceback prints
            following = last.__cause__
            if following is None and not last.__suppress_context__:
                following = last.__context__
            if following is None:
                break
            last = following
        if not str(last).startswith(_DEFERRED):
            last.__cause__ = ImportError(text)
    except Exception:
        pass  # the error itself matters more


_DEFERRED = "the import was deferred by dally"


def _describe(record, statement):
    # type: (Record, str) -> str
    kind, _, rest = statement.partition(" ")
    if kind == "unpickled":
        return _DEFERRED + ", and pickled: " + rest
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
    return '{}: {}, in "{}"{}'.format(_DEFERRED, statement.rstrip(), path, line)


def _find_line(code, statement, among_others):
    # type: (CodeType, str, bool) -> str
    # Find the line where a module mentions a statement as a string.
    import dis

    line = 0
    lines = dict(dis.findlinestarts(code))
    module = statement.rstrip().rpartition(" ")[2]
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


def lazy(statement):
    # type: (str) -> Any
    """Give the value to bind to the name that this statement would bind: the form for people."""
    frame = sys._getframe(1)
    namespace = frame.f_globals
    name = statement.rpartition(" ")[2]
    if "." in name:
        name = _bound_name(statement)
    for last in reversed(namespace.values()):
        if type(last) is Pending:  # the line before was one of ours
            record = _arguments(last)[0]
            if record.namespace is namespace and name in _known and name not in namespace and not _EAGER:
                record.waiting.add(name)
                return Pending(record, statement)
        break
    return pending((name,), frame)(statement)


def marked(names):
    # type: (Tuple[str, ...]) -> Tuple[Function, Function]
    """Prepare the calling module for these pending names; give it its factory, and what gives the real object.

    The module binds each placeholder to two names, and reads one as ``np if np is not __dally_np__ else real(np)``:
    what is not the placeholder is the real object.
    """
    if _NATIVE:
        return _marked_natively(names, sys._getframe(1))
    return pending(names, sys._getframe(1)), real


def pending(names, frame=None):
    # type: (Tuple[str, ...], Optional[FrameType]) -> Function
    """Prepare the calling module, or that of a frame, for these pending names; give it its factory.

    The factory takes the text of an import statement and gives the value to bind to its name.
    A name is listed once for each statement that binds it.
    """
    if frame is None:
        frame = sys._getframe(1)
    namespace = frame.f_globals
    here = namespace.get("__name__")
    module = _modules.get(here)  # type: Any
    kind = type(module)
    if (
        (kind is not ModuleType and not _is_ours(kind))
        or _namespace(module) is not namespace
        or not _ENABLED
        or here in _EAGER
    ):
        return _eager_factory(namespace)
    record = _record(namespace, names, namespace)
    main = None
    if not record.loading:
        above = frame.f_back  # type: Any
        if above is not None and above.f_globals.get("__name__") == "runpy" and above.f_back.f_code.co_name == "_run_module_code":
            # `runpy` runs this module in order to give its globals to a caller.
            main = _main_of_worker(above)
            if main is None:
                return _eager_factory(namespace)
    if _unregistered:
        _register()
    if _NATIVE:
        namespace["__dir__"] = MethodType(_dir_of_plain, record)
        return _with_exceptions(names, MethodType(_import_natively, namespace), namespace)
    if not record.loading and here != "__main__" and not namespace.keys().isdisjoint(names):
        # The body runs again (importlib.reload). A statement such as `from . import x` now finds what
        # the last run has left; a placeholder would have overwritten it.
        _release(module)
        return _eager_factory(namespace)
    special = False
    if not _known >= record.waiting:
        special = _describe_names(names)
    if kind is not ModuleType:
        _shared.add(id(namespace))
    _set_class(module, Module)
    if main is not None:
        _set_class(main, Module)
    factory = MethodType(Pending, record)
    return _with_exceptions(names, factory, namespace) if special or _EAGER else factory


#: The ids of namespaces that have had placeholders of several records.
_shared = set()  # type: Set[int]


def _further_record(namespace, module, name, importing):
    # type: (Namespace, ModuleType, str, Namespace) -> Record
    # Make a record of one name of a module, which may have others.
    _describe_names([name])
    _shared.add(id(namespace))
    if type(module) is ModuleType or _is_ours(type(module)):
        _set_class(module, Module)
    return _record(namespace, (name,), importing)


def _describe_names(names):
    # type: (Sequence[str]) -> bool
    # Make the descriptors of names that are new; say whether there are special names, which cannot have one.
    special = False
    for name in names:
        if name not in _known:
            if name[:2] == "__" and name[-2:] == "__" and name not in _PLAIN.split():
                special = True
            else:
                setattr(Module, name, Attribute(name))
                _known.add(name)
    return special


def _with_exceptions(names, factory, namespace):
    # type: (Sequence[str], Function, Namespace) -> Function
    # Make a factory that imports some names of a module now: those of a switch, and special ones.
    here = namespace["__name__"]
    eager = {name for name in names if "{}:{}".format(here, name) in _EAGER}
    if not _NATIVE:
        eager.update(name for name in names if name not in _known)
    if not eager:
        return factory
    _join_the_import_system()
    return MethodType(_choose, (eager, factory, namespace))


def _main_of_worker(frame):
    # type: (Optional[FrameType]) -> Optional[ModuleType]
    # Find the module into which a worker process copies the globals of the main script.
    #
    # ``multiprocessing`` and its relatives run the script again, by ``runpy``, and make ``__main__`` from the result.
    # The one case where the module that will hold our placeholders is not the one whose body runs.
    while frame is not None:
        if frame.f_code.co_name.startswith("_fixup_main_from_"):
            main = frame.f_locals.get("main_module")
            return main if type(main) is ModuleType or _is_ours(type(main)) else None
        frame = frame.f_back
    return None


def _eager_factory(namespace):
    # type: (Namespace) -> Function
    # Make a factory that executes each statement at its original place.
    _join_the_import_system()
    return MethodType(_import_now, namespace)


def _choose(options, statement):
    # type: (Tuple[Set[str], Function, Namespace], str) -> Any
    # Import some names of a module now and let others wait.
    eager, factory, namespace = options
    if _bound_name(statement) in eager:
        return _import_now(namespace, statement)
    return factory(statement)


#: How a statement begins that stands for no import of the package: other modules load the submodule.
_PROVIDED = "from .  import "


def _import_now(namespace, statement):
    # type: (Namespace, str) -> Any
    if statement.startswith(_PROVIDED) and _bound_name(statement)[:2] != "__":
        module = _modules.get(namespace.get("__name__"))  # type: Any
        if (type(module) is ModuleType or _is_ours(type(module))) and _namespace(module) is namespace:
            # There was nothing here to carry out, and the submodule may need what the package defines below.
            return Pending(_further_record(namespace, module, _bound_name(statement), namespace), statement)
    try:
        return _perform(namespace, statement.split(), None)[1]
    except ImportError as error:
        shielded = getattr(error, "dally_shields", None)
        if shielded is not None:
            raise shielded from None
        raise


# ------------------------------------------------------ Python 3.15 and later: native laziness


def _import_natively(namespace, statement):
    # type: (Namespace, str) -> Any
    # Execute ``lazy import ...`` in the module, and give the lazy object that it binds.
    #
    # Compiling each statement would be slow. A statement of the same form is compiled once, and
    # its names and its place in the source are exchanged.
    frame = sys._getframe(1)  # type: Any
    while frame.f_globals is not namespace:
        frame = frame.f_back
    words = statement.split()
    target, bound = words[1], words[-1]
    if words[0] == "from":
        if "__path__" in namespace:
            placeholder = _take_from_own(namespace, statement, words)
            if placeholder is not None:
                return placeholder
        module = target.lstrip(".")
        form = "from " + target[: len(target) - len(module)] + ("m" if module else "") + " import n as x"
        names = (module, words[3], bound)  # type: Tuple[str, ...]
    elif "." not in target and (len(words) == 2 or words[2] == "as"):
        form = "import m as x"
        names = (target, bound)
    else:
        form = ""
        names = ()
    filename, line = frame.f_code.co_filename, frame.f_lineno
    if not names:  # dotted names, perhaps several
        bound = _bound_name(statement)
        _statements[namespace["__name__"], bound] = statement
        return _lazily(statement, namespace, filename, line)
    _statements[namespace["__name__"], bound] = statement
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


_templates = {}  # type: Dict[str, CodeType]
#: The statements of lazy objects, by module and name, for pickling.
_statements = {}  # type: Dict[Tuple[str, str], str]
#: What was made of pickled statements. These objects know nothing of who holds them, so they are shared.
_restored = {}  # type: Dict[str, Any]


def _lazily(statement, namespace, filename="<dally>", line=1):
    # type: (str, Namespace, str, int) -> Any
    words = statement.split()
    for one in [statement] if words[0] == "from" or words[-2] == "as" else ["import " + word.rstrip(",") for word in words[1:]]:
        code = compile("lazy " + one, filename, "exec", 0, True)
        exec(code.replace(co_firstlineno=line), namespace)
    return namespace[_bound_name(statement)]


def _marked_natively(names, frame):
    # type: (Tuple[str, ...], FrameType) -> Tuple[Function, Function]
    # `marked`, and a difficulty. The module's statements bind lazy objects to two names. Reading either gives the real object, so that
    # ``np is not __dally_np__`` would never be true. So the second name is bound to None, as soon as there is an opportunity.
    marks = _Marks((frame.f_globals, pending(names, frame), "", None))
    return marks.make, marks.real


if _NATIVE:  # a class takes long to make

    class _Marks(list):  # type: ignore[type-arg]
        # A namespace, its factory, and the last second name with its value.

        def __reduce__(self):
            # type: () -> Any
            return _Marks, (({}, real, "", None),)  # a function that is pickled by value takes it along

        def make(self, statement):
            # type: (str) -> Any
            self.real(self[3])
            self[2:] = "__dally_%s__" % _bound_name(statement), self[1](statement)
            return self[3]

        def real(self, value):
            # type: (T) -> T
            namespace, _, name, _ = self
            if name and namespace.get(name) is value:
                namespace[name] = None
            return value


def _take_from_own(namespace, statement, words):
    # type: (Namespace, str, List[str]) -> Any
    # Give a placeholder to a package that takes a name from itself or from its submodule of that name.
    #
    # After ``from .squeeze import squeeze`` a lazy object gives way to the submodule as soon as somebody
    # imports that, and the function is lost. A placeholder does not (see ``Attribute.__set__``).
    here, name = namespace["__name__"], words[-1]
    target = _absolute(namespace, words[1])
    if target != here and not (target + ".").startswith("{}.{}.".format(here, name)):
        return None
    return Pending(_further_record(namespace, _modules[here], name, namespace), statement)


# ----------------------------------------------------------------------------------- frames


def _join_the_import_system():
    # type: () -> None
    # Let ``warnings`` count our frames among those of the import system.
    #
    # A module that warns about itself (``warnings.warn("old", stacklevel=2)``) means whoever imports it, and
    # ``warnings`` finds that frame by skipping those whose file name contains "importlib" and "_bootstrap".
    # Coverage tools ask for the text of every file that they have seen run, except where the name is in angle brackets.
    filename = "<{}, like importlib._bootstrap>".format(__file__)
    while _outsiders:
        function = _outsiders.pop()
        function.__code__ = function.__code__.replace(co_filename=filename)


#: Functions that may be on the stack while a module is loaded, and have not joined yet. Those that are there already
#: when we learn that one has to be loaded join now, the others then.
_outsiders = [_resolve, real, lazy, _bind_last, Attribute.__get__]  # type: List[Any]
_join_the_import_system()
_outsiders += [_perform, _perform_submodule, _load_unasked, _attach, _resolve_for_outside, _import_now, _choose]
