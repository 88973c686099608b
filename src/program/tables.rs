//! Tables about other people's packages and about the calls of foreign code.

mod doers;
mod external;
mod state;

pub use self::doers::{
    DOES_SOMETHING, binds, is_standard_stream, keeps_settings, parses_command_line, starts_something,
};
pub use self::external::{
    ExternalKind, MAYBE_SET, chooses, converts, external, gives_tuples, is_process_read, leaves_annotations,
    makes_tuple_class, only_calls, risk, shows_annotations,
};
pub use self::state::{
    CHARACTER_VARIABLES, CHARACTERS, CLOCK, CONTEXT, FILE_READERS, FILES, FILLED_CLASSES, HANDLERS,
    HANDLERS_ATTRIBUTE, IMPORTER, Keyed, LEVELS, LOADED, LOGGER_CLASS, LOGGERS, MAIN_PROGRAM, RELATIVE_PATH,
    ROOT_HANDLERS, RUNNING_LOOP, THREAD, Wins, always_changes, asks_for_level, changes_files,
    changes_handlers, changes_path, fills_itself, gives_root_handler, is_data_file, is_mutator,
    is_passive_window, is_process_state, looks_at_all, may_write_state, overwrites, read_state,
    read_variables, reads_clock, reads_file, reads_frames, same_state, state_of, state_of_attribute,
    takes_path, takes_stream, window_state, written_setting,
};
pub use crate::facts::loaders::{imports_by_name, loads_modules, makes_module};

static WELL_KNOWN: &str = include_str!("data/well_known.txt");

/// Import names of packages that are so common that they are taken to exist when no environment is known.
pub fn well_known_packages() -> impl Iterator<Item = &'static str> {
    WELL_KNOWN.split_whitespace()
}

/// Folders in which packages keep copies of other people's packages.
pub const VENDOR_FOLDERS: &[&str] = &["_vendor", "vendor", "_vendored", "vendored"];

/// Libraries that load what the metadata of distributions offer as plugins, and go on without what fails.
pub const LOADERS_OF_PLUGINS: &[&str] = &["stevedore", "click_plugins", "entrypoints", "plux"];

/// Whether a module or package of the library that has such a name needs a library of the system or a certain platform, or is one that
/// distributors package by itself, so that Pythons may lack it (the optional modules in "Configure Python", "Requirements").
pub fn may_not_be_built(name: &str) -> bool {
    let name = name.trim_start_matches('_');
    ["win", "unix", "nt", "posix"].iter().any(|platform| name.starts_with(platform))
        || matches!(
            name,
            "bz2"
                | "compression"
                | "crypt"
                | "ctypes"
                | "curses"
                | "dbm"
                | "distutils"
                | "ensurepip"
                | "gdbm"
                | "hashlib"
                | "idlelib"
                | "lib2to3"
                | "lzma"
                | "mbcs"
                | "msilib"
                | "msvcrt"
                | "multiprocessing"
                | "nis"
                | "oem"
                | "ossaudiodev"
                | "readline"
                | "spwd"
                | "sqlite3"
                | "ssl"
                | "test"
                | "tkinter"
                | "turtle"
                | "turtledemo"
                | "uuid"
                | "venv"
                | "zlib"
        )
}

/// Methods that change the object they are called on.
pub const MUTATORS: &[&str] = &[
    "append",
    "appendleft",
    "add",
    "extend",
    "extendleft",
    "insert",
    "update",
    "setdefault",
    "pop",
    "popitem",
    "popleft",
    "remove",
    "discard",
    "clear",
    "sort",
    "reverse",
    "rotate",
    "register",
    "unregister",
    "connect",
    "subscribe",
    "add_handler",
    "addHandler",
    "removeHandler",
    "addFilter",
    "setLevel",
    "__setitem__",
    "__delitem__",
    "__setattr__",
    "add_argument",
    "add_command",
    "add_url_rule",
    "register_blueprint",
    "include_router",
    "put",
    "set",
    "install",
    "enable",
    "disable",
    "difference_update",
    "intersection_update",
    "symmetric_difference_update",
    "push",
    "move_to_end",
    "write",
    "writelines",
    "add_type",
    "set_defaults",
    "route",
    "send",
    "__next__",
];

/// Methods that change nothing that matters, also when their result is dropped.
pub const HARMLESS_METHODS: &[&str] = &[
    "get",
    "items",
    "keys",
    "values",
    "copy",
    "format",
    "__enter__",
    "setter",
    "getter",
    "deleter",
    "wraps",
];

/// Methods that only texts have, and that give a new object.
pub const TEXT_METHODS: &[&str] = &[
    "capitalize",
    "casefold",
    "encode",
    "endswith",
    "isalnum",
    "isalpha",
    "isdigit",
    "isidentifier",
    "isnumeric",
    "isspace",
    "isupper",
    "ljust",
    "lower",
    "lstrip",
    "removeprefix",
    "removesuffix",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
    "zfill",
];

/// Methods of sets that give a new set.
pub const SET_ALGEBRA: &[&str] = &["union", "intersection", "difference", "symmetric_difference"];

/// Methods that give the elements of the container.
pub const CONTAINER_VIEWS: &[&str] = &["items", "values", "copy", "keys", "__iter__"];

/// Methods of texts and templates that take items by their names from what they are given.
pub const TAKES_ITEMS: &[&str] = &["format_map", "substitute", "safe_substitute"];

/// Methods that put what they are given into their container.
pub const PUTS: &[&str] = &[
    "append",
    "appendleft",
    "add",
    "extend",
    "extendleft",
    "insert",
    "update",
    "setdefault",
    "set",
    "put",
    "put_nowait",
];

/// Methods of containers, and what containers have in common with all objects.
pub fn is_container_method(name: &str) -> bool {
    name.starts_with('_')
        || MUTATORS.contains(&name)
        || CONTAINER_VIEWS.contains(&name)
        || matches!(
            name,
            "get" | "index" | "count" | "sort" | "reverse" | "union" | "intersection" | "difference"
        )
        || matches!(
            name,
            "issubset" | "issuperset" | "isdisjoint" | "symmetric_difference" | "fromkeys" | "maxlen"
        )
        || matches!(name, "move_to_end" | "rotate" | "most_common" | "new_child" | "parents" | "maps")
}

/// Methods that call their argument.
pub const CALLS_ARGUMENT: &[&str] = &["submit", "run", "apply", "call"];

/// Methods of a logger that emit a record.
pub const LOGGER_EMITS: &[&str] =
    &["debug", "info", "warning", "warn", "error", "critical", "exception", "log", "fatal"];

/// Whether a function draws from the random numbers of the process.
pub fn draws_random(path: &str) -> bool {
    path.strip_prefix("random.").is_some_and(|name| !matches!(name, "seed" | "setstate"))
}

/// Whether a foreign class is a logger.
pub fn is_logger(path: &str) -> bool {
    matches!(path, "logging.Logger" | "logging.RootLogger")
}

/// Attributes of foreign objects that may be set without anybody noticing.
pub fn is_harmless_target(path: &str) -> bool {
    matches!(path, "typing" | "sys.modules" | RANDOM_COUNT) || path.starts_with("typing.")
}

/// Names of foreign modules that may be bound again without anybody noticing who took them before. Other names of `typing` are
/// harmless to set, but who wraps one has to have taken the old one in time.
pub fn is_harmless_name(path: &str) -> bool {
    matches!(path, "typing" | "typing.TYPE_CHECKING" | "sys.modules" | RANDOM_COUNT)
}

/// The library module whose users, and nobody else, see what a function changes.
pub fn keeps_for_users(function: &str) -> Option<&'static str> {
    Some(match function {
        "sqlite3.register_adapter" | "sqlite3.register_converter" | "sqlite3.enable_callback_tracebacks" => {
            "sqlite3"
        }
        "csv.register_dialect" | "csv.unregister_dialect" | "csv.field_size_limit" => "csv",
        "webbrowser.register" => "webbrowser",
        "xml.etree.ElementTree.register_namespace" => "xml.etree",
        _ => return None,
    })
}

/// Entries that a table of the standard library has in every version from 3.8 on: older ones are told of them by hand.
pub fn has_already(table: &str, key: &str) -> bool {
    matches!((table, key), ("http.cookies.Morsel._reserved", "samesite"))
}

/// What `itertools.count` makes of a random number.
pub const RANDOM_COUNT: &str = "itertools.count(random)";

/// Classes whose instances give every caller the next value.
pub fn is_stream(class: &str) -> bool {
    matches!(
        class,
        "random.Random"
            | "itertools.count"
            | "itertools.cycle"
            | "queue.Queue"
            | "queue.LifoQueue"
            | "queue.PriorityQueue"
            | "queue.SimpleQueue"
    )
}

/// Classes whose instances give each element once.
pub fn is_iterator(class: &str) -> bool {
    matches!(class, "itertools.count" | "itertools.cycle" | "builtins.iter") || is_file(class)
}

/// Functions that take elements of what they are given, besides those that collect them.
pub const GOES_THROUGH: &[&str] = &[
    "builtins.map",
    "builtins.filter",
    "builtins.any",
    "builtins.all",
    "builtins.sum",
    "builtins.max",
    "builtins.min",
    "itertools.islice",
    "itertools.takewhile",
];

/// Classes of files, which whoever reads finds where the last one has left off.
pub fn is_file(class: &str) -> bool {
    class.starts_with("io.") || matches!(class, "builtins.open" | "tempfile.TemporaryFile" | "csv.reader")
}

/// Methods of files that go on in them.
pub const MOVES_ON: &[&str] = &[
    "read",
    "read1",
    "readline",
    "readlines",
    "readinto",
    "seek",
    "truncate",
    "close",
    "__next__",
    "__exit__",
];

/// Attributes that every object has: nobody's `__getattr__` is asked for them.
pub const OF_EVERY_OBJECT: &[&str] =
    &["__dict__", "__class__", "__doc__", "__module__", "__init__", "__new__"];

/// Methods of containers that look for their first argument, or for the place of it.
pub const SEARCHES: &[&str] = &["get", "pop", "setdefault", "add", "discard", "remove", "index", "count"];

/// The special methods that a builtin calls on its arguments.
pub fn protocol_of(builtin: &str) -> &'static [&'static str] {
    match builtin {
        "len" => &["__len__"],
        "str" | "print" => &["__str__"],
        "repr" | "ascii" => &["__repr__"],
        "format" => &["__format__"],
        "bool" => &["__bool__", "__len__"],
        "hash" => &["__hash__"],
        "int" => &["__int__", "__index__"],
        "float" => &["__float__"],
        "abs" => &["__abs__"],
        "bytes" => &["__bytes__", "__iter__"],
        "complex" => &["__complex__"],
        "divmod" => &["__divmod__"],
        "pow" => &["__pow__"],
        "range" | "hex" | "oct" | "bin" | "chr" => &["__index__"],
        "round" => &["__round__"],
        "reversed" => &["__reversed__", "__iter__"],
        "iter" | "map" | "filter" | "zip" | "enumerate" => &["__iter__"],
        "dir" => &["__dir__"],
        "next" => &["__next__"],
        "isinstance" => &["__instancecheck__"],
        "issubclass" => &["__subclasscheck__"],
        "list" | "tuple" | "set" | "frozenset" | "sorted" | "sum" | "min" | "max" | "any" | "all"
        | "dict" | "dict.fromkeys" => &["__iter__", "__next__"],
        _ => &[],
    }
}

/// The methods of its arguments of which a function of the library calls the first that is there.
pub fn protocol_of_library(path: &str) -> Option<&'static [&'static str]> {
    Some(match path {
        "copy.copy" => &["__copy__", "__reduce_ex__", "__reduce__", "__getstate__"],
        "copy.deepcopy" => &["__deepcopy__", "__reduce_ex__", "__reduce__", "__getstate__"],
        "pickle.dumps" | "pickle.dump" => &["__reduce_ex__", "__reduce__", "__getstate__"],
        "os.fspath" | "os.fsencode" | "os.fsdecode" | "pathlib.Path" | "pathlib.PurePath" => &["__fspath__"],
        "math.floor" => &["__floor__", "__float__"],
        "math.ceil" => &["__ceil__", "__float__"],
        "math.trunc" => &["__trunc__"],
        "operator.index" => &["__index__"],
        _ if path.starts_with("os.path.") => &["__fspath__"],
        _ => return None,
    })
}

/// Which arguments a function of the library calls before it returns: by position, and by name.
pub fn calls_back(path: &str) -> Option<(&'static [usize], &'static [&'static str])> {
    Some(match path {
        "re.sub" | "re.subn" => (&[1], &["repl"]),
        "itertools.accumulate" => (&[1], &["func"]),
        "itertools.groupby" => (&[1], &["key"]),
        "heapq.nlargest" | "heapq.nsmallest" => (&[2], &["key"]),
        "heapq.merge" | "bisect.bisect" | "bisect.bisect_left" | "bisect.bisect_right" => (&[], &["key"]),
        "json.dumps" | "json.dump" => (&[], &["default"]),
        "json.loads" | "json.load" => {
            (&[], &["object_hook", "object_pairs_hook", "parse_float", "parse_int", "parse_constant"])
        }
        "timeit.timeit" | "timeit.repeat" => (&[0, 1], &["stmt", "setup"]),
        "inspect.getmembers" | "inspect.getmembers_static" => (&[1], &["predicate"]),
        "operator.call" | "functools.cmp_to_key" => (&[0], &[]),
        "types.new_class" => (&[3], &["exec_body"]),
        _ => return None,
    })
}

/// With what the names of the methods begin that a method of a class of the library calls by computed names, or leaves to those who
/// derive from the class.
pub fn dispatches_to(method: &str) -> &'static [&'static str] {
    match method {
        "visit" | "generic_visit" => &["visit_"],
        "feed" => &["handle_"],
        "onecmd" | "cmdloop" => &["do_"],
        "format" | "vformat" => &["get_value"],
        "encode" | "iterencode" => &["default"],
        "handle" => &["filter", "emit"],
        "repr" => &["repr_"],
        "dump" => &["persistent_id", "reducer_override"],
        "load" => &["persistent_load", "find_class"],
        "read_string" | "read_dict" | "read_file" => &["optionxform"],
        _ => &[],
    }
}

/// Functions that work by the methods of a class that is given as `cls`.
pub fn asks_class(path: &str) -> bool {
    matches!(path, "json.dumps" | "json.dump")
}

/// Whether a function of the library reads or writes files that it is given.
pub fn uses_files(path: &str) -> bool {
    let root = path.split('.').next().unwrap_or_default();
    matches!(
        root,
        "json"
            | "csv"
            | "pickle"
            | "marshal"
            | "tomllib"
            | "plistlib"
            | "struct"
            | "shutil"
            | "traceback"
            | "pprint"
            | "zipfile"
            | "tarfile"
            | "gzip"
            | "wave"
            | "fileinput"
    ) || path == "contextlib.closing"
}

/// Whether a method is among those that classes of the library leave to other methods of an object, see [`mixed_in`].
pub fn may_be_mixed_in(method: &str) -> bool {
    matches!(
        method,
        "__init__"
            | "update"
            | "setdefault"
            | "pop"
            | "popitem"
            | "clear"
            | "get"
            | "items"
            | "values"
            | "remove"
            | "append"
            | "extend"
            | "__contains__"
            | "__ior__"
            | "__ixor__"
            | "__isub__"
            | "__iand__"
            | "__iadd__"
    )
}

/// The methods by which a method of a class of the library does its work.
pub fn mixed_in(class: &str, method: &str) -> &'static [&'static str] {
    let class = class.rsplit('.').next().unwrap_or_default();
    match (class, method) {
        ("UserDict", "__init__") => &["__setitem__"],
        ("Counter", "__init__") => &["update"],
        ("UserDict" | "MutableMapping", "update" | "setdefault" | "__ior__") => {
            &["__getitem__", "__setitem__"]
        }
        ("UserDict" | "MutableMapping", "pop" | "popitem" | "clear") => &["__getitem__", "__delitem__"],
        ("UserDict" | "MutableMapping" | "Mapping", "get" | "items" | "values" | "__contains__") => {
            &["__getitem__"]
        }
        ("MutableSet", "__ior__" | "__ixor__") => &["add"],
        ("MutableSet", "remove" | "pop" | "clear" | "__isub__" | "__iand__") => &["discard"],
        ("MutableSequence", "append" | "extend" | "__iadd__") => &["insert"],
        _ => &[],
    }
}

/// Functions of the library that do not look at what an object holds.
pub fn asks_for_class(path: &str) -> bool {
    matches!(
        path,
        "builtins.isinstance"
            | "builtins.issubclass"
            | "builtins.callable"
            | "builtins.type"
            | "builtins.id"
            | "typing.TypeVar"
            | "typing.NewType"
            | "typing_extensions.TypeVar"
    )
}

/// Functions that are given the metaclass of the class to come.
pub fn takes_metaclass(path: &str) -> bool {
    path.ends_with(".with_metaclass") || path.ends_with(".add_metaclass")
}

/// Names that every module has, or gets without its doing.
pub fn of_every_module(name: &str) -> bool {
    matches!(
        name,
        "__name__"
            | "__file__"
            | "__path__"
            | "__spec__"
            | "__loader__"
            | "__package__"
            | "__doc__"
            | "__dict__"
            | "__all__"
            | "__cached__"
            | "__class__"
            | "__warningregistry__"
    )
}

/// Containers that make an item when it is read.
pub fn makes_items(class: &str) -> bool {
    class == "collections.defaultdict"
}

/// Numbers whose operators depend on state of the process: which.
pub fn computed_with(class: &str) -> Option<&'static str> {
    class.starts_with("decimal.Decimal").then_some("decimal.getcontext")
}

/// Foreign modules that change the process when they are loaded. A from-import takes `item` from the module: that may be a submodule.
pub fn has_load_effects(name: &str, item: Option<&str>) -> bool {
    let root = name.split('.').next().unwrap_or_default();
    match root {
        "readline" | "rlcompleter" | "antigravity" | "this" | "pyximport" | "turtle" => true,
        // Puts distributions on the path, and warns of itself; greets who starts it; takes arguments from the command line.
        "pkg_resources" | "pygame" | "kivy" => true,
        // Chooses what runs all events, once and for all.
        "twisted" => {
            name == "twisted.internet.reactor" || name == "twisted.internet" && item == Some("reactor")
        }
        _ => matches!(name, "gevent.monkey" | "distutils" | "setuptools"),
    }
}

/// Abstract base classes of the standard library, which other classes can be registered with.
pub fn is_abstract_class(path: &str) -> bool {
    let (module, name) = path.rsplit_once('.').unwrap_or_default();
    match module {
        "collections.abc" | "typing" | "numbers" | "importlib.abc" | "importlib.resources.abc" => true,
        "os" => name == "PathLike",
        "io" => name.ends_with("Base"),
        "contextlib" => name.starts_with("Abstract"),
        "selectors" => name == "BaseSelector",
        "email._policybase" | "asyncio" => name.starts_with("Abstract"),
        _ => false,
    }
}
