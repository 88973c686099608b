//! Tables about other people's packages and about the calls of foreign code.

use std::sync::LazyLock;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::facts::Sym;

static WELL_KNOWN: &str = include_str!("data/well_known.txt");

/// Import names of packages that are so common that they are taken to exist when no environment is known.
pub fn well_known_packages() -> impl Iterator<Item = &'static str> {
    WELL_KNOWN.split_whitespace()
}

/// What a call of foreign code does, as far as the analysis cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExternalKind {
    /// Nothing outside its result.
    Pure,
    /// Nothing is known.
    Unknown,
    /// Changes the state of the process or of foreign code.
    Process,
    /// Input, output, processes, threads.
    InputOutput,
    /// Ends the program or raises.
    Fails,
    /// Reads state of the process that programs change.
    ReadsState,
    /// Registers its first argument, to be called later.
    Registers,
    /// Takes back what `Registers` did with its first argument.
    Unregisters,
    /// Changes its first argument: `next`, `heapq.heappush`, `operator.setitem`.
    ChangesFirst,
    /// `exec`.
    Executes,
    /// `setattr`, `delattr`.
    SetAttribute,
    /// `getattr`.
    GetAttribute,
    /// `importlib.import_module`, `__import__`.
    ImportModule,
    /// `functools.partial`.
    Partial,
    /// Calls its first argument with the elements of the second: `map`.
    CallsFirst,
    /// Gives its first argument back: plain decorators, `iter`, `typing.cast`.
    Identity,
    /// Gives a decorator that gives its argument back: `functools.wraps(f)`.
    DecoratorFactory,
    /// Collects the elements of its arguments: `list`, `zip`.
    Collects,
    /// `type`.
    Type,
    /// `globals`, `vars`.
    Namespace,
    /// `logging.getLogger`.
    GetLogger,
    /// `open`.
    Open,
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

/// Methods that give the elements of the container.
pub const CONTAINER_VIEWS: &[&str] = &["items", "values", "copy", "keys", "__iter__"];

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
    path == "logging.Logger"
}

/// `Thread(…).start()` and the like.
pub fn starts_something(made: &str, method: &str) -> bool {
    let class = made.rsplit('.').next().unwrap_or_default();
    matches!(
        (class, method),
        ("Thread" | "Timer" | "Process", "start")
            | ("ThreadPoolExecutor" | "ProcessPoolExecutor" | "Pool", "submit" | "map" | "apply_async")
    ) || method == "start" && made.contains("mock.patch")
}

/// Attributes of foreign objects that may be set without anybody noticing.
pub fn is_harmless_target(path: &str) -> bool {
    matches!(path, "typing" | "sys.modules" | RANDOM_COUNT) || path.starts_with("typing.")
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

/// Attributes that every object has: nobody's `__getattr__` is asked for them.
pub const OF_EVERY_OBJECT: &[&str] =
    &["__dict__", "__class__", "__doc__", "__module__", "__init__", "__new__"];

/// Special methods that only read the object.
pub const READS_ONLY: &[&str] = &[
    "__getitem__",
    "__contains__",
    "__iter__",
    "__len__",
    "__bool__",
    "__str__",
    "__repr__",
    "__format__",
    "__hash__",
    "__eq__",
    "__ne__",
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
    "__dir__",
    "__fspath__",
];

/// The special methods that a builtin calls on its arguments.
pub fn protocol_of(builtin: &str) -> &'static [&'static str] {
    match builtin {
        "len" => &["__len__"],
        "str" | "print" => &["__str__"],
        "repr" | "ascii" => &["__repr__"],
        "format" => &["__format__"],
        "bool" => &["__bool__"],
        "hash" => &["__hash__"],
        "int" => &["__int__", "__index__"],
        "float" => &["__float__"],
        "abs" => &["__abs__"],
        "round" => &["__round__"],
        "reversed" => &["__reversed__", "__iter__"],
        "dir" => &["__dir__"],
        "next" => &["__next__"],
        "isinstance" => &["__instancecheck__"],
        "issubclass" => &["__subclasscheck__"],
        "iter" | "list" | "tuple" | "set" | "frozenset" | "sorted" | "sum" | "min" | "max" | "any"
        | "all" | "enumerate" | "zip" | "dict" | "map" | "filter" => &["__iter__"],
        _ => &[],
    }
}

/// Builtins that do not look at what an object holds.
pub fn asks_for_class(path: &str) -> bool {
    matches!(
        path,
        "builtins.isinstance" | "builtins.issubclass" | "builtins.callable" | "builtins.type" | "builtins.id"
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

/// State of the process that modules read while they load.
pub fn is_process_state(path: &str) -> bool {
    matches!(path, "os.environ" | "sys.path" | "sys.argv" | "sys.meta_path" | "sys.modules" | "sys.flags")
}

/// Calls that read such state: which.
pub fn state_of(path: &str) -> &'static str {
    match path {
        "os.getcwd" | "os.path.abspath" | "os.path.realpath" | "pathlib.Path.cwd" => "os.getcwd",
        _ => read_state(path).unwrap_or("os.environ"),
    }
}

/// The state of the file system, as a name for it.
pub const FILES: &str = "a file";

/// What is made of a path that is relative.
pub const RELATIVE_PATH: &str = "pathlib.Path(relative)";

/// Methods of a path that read.
pub const FILE_READERS: &[&str] =
    &["read_text", "read_bytes", "open", "exists", "is_file", "is_dir", "iterdir", "glob", "rglob", "stat"];

/// Functions of which the first argument is the path of a file or folder that they read.
pub fn reads_file(path: &str) -> bool {
    matches!(
        path,
        "os.path.exists"
            | "os.path.isfile"
            | "os.path.isdir"
            | "os.path.getsize"
            | "os.path.getmtime"
            | "os.stat"
            | "os.listdir"
            | "os.scandir"
            | "glob.glob"
            | "pkgutil.get_data"
            | "runpy.run_path"
            | "linecache.getline"
            | "linecache.getlines"
    )
}

/// Methods and functions that write, move or remove files.
pub fn changes_files(name: &str) -> bool {
    matches!(
        name,
        "write_text"
            | "write_bytes"
            | "copyfile"
            | "copy2"
            | "copytree"
            | "unlink"
            | "rename"
            | "remove"
            | "rmtree"
            | "touch"
            | "truncate"
            | "move"
            | "symlink_to"
    )
}

/// Methods by which a path changes the file system; other objects have none of these names.
pub fn changes_path(method: &str) -> bool {
    matches!(
        method,
        "mkdir"
            | "touch"
            | "write_text"
            | "write_bytes"
            | "unlink"
            | "rmdir"
            | "symlink_to"
            | "hardlink_to"
            | "link_to"
            | "lchmod"
    )
}

/// A text that names a data file: `data/rates.json`.
pub fn is_data_file(text: &str) -> bool {
    const EXTENSIONS: &[&str] = &[
        "json", "toml", "yaml", "yml", "txt", "csv", "tsv", "ini", "cfg", "dat", "db", "xml", "pickle",
        "pkl", "conf", "env", "lock", "log", "flag", "tmp", "sqlite", "sqlite3",
    ];
    text.rsplit_once('.').is_some_and(|(stem, extension)| !stem.is_empty() && EXTENSIONS.contains(&extension))
}

/// A setting of the process, the functions that read it, and those that change it.
type Setting = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Settings of the process, by what reads them and what changes them.
static SETTINGS: &[Setting] = &[
    (
        "decimal.getcontext",
        &[],
        &["decimal.getcontext", "decimal.setcontext", "decimal.localcontext", "decimal.DefaultContext.prec"],
    ),
    (
        "locale.setlocale",
        &[
            "locale.localeconv",
            "locale.getlocale",
            "locale.format_string",
            "locale.currency",
            "locale.str",
            "locale.atof",
            "locale.strxfrm",
            "locale.nl_langinfo",
            "locale.getpreferredencoding",
            "time.strftime",
        ],
        &["locale.setlocale"],
    ),
    (
        "gettext.textdomain",
        &["gettext.gettext", "gettext.ngettext", "gettext.dgettext", "gettext.pgettext"],
        &["gettext.textdomain", "gettext.bindtextdomain"],
    ),
    ("time.tzset", &["time.localtime", "time.ctime", "time.mktime"], &["time.tzset"]),
    ("sys.setrecursionlimit", &["sys.getrecursionlimit"], &["sys.setrecursionlimit"]),
    ("sys.setswitchinterval", &["sys.getswitchinterval"], &["sys.setswitchinterval"]),
    ("socket.setdefaulttimeout", &["socket.getdefaulttimeout"], &["socket.setdefaulttimeout"]),
    ("signal.signal", &["signal.getsignal"], &["signal.signal"]),
    ("logging.setLoggerClass", &["logging.getLoggerClass"], &["logging.setLoggerClass"]),
];

/// The setting that a call reads.
pub fn read_state(path: &str) -> Option<&'static str> {
    static READERS: LazyLock<FxHashMap<&str, &str>> =
        LazyLock::new(|| by_function(|(_, readers, _)| readers));
    READERS.get(path).copied()
}

/// The setting that a call, or an assignment to an attribute, changes.
pub fn written_setting(path: &str) -> Option<&'static str> {
    static WRITERS: LazyLock<FxHashMap<&str, &str>> = LazyLock::new(|| by_function(|(.., writers)| writers));
    WRITERS.get(path).copied()
}

/// Functions with the first setting in whose list they are.
fn by_function(
    functions: impl Fn(&'static Setting) -> &'static [&'static str],
) -> FxHashMap<&'static str, &'static str> {
    let mut found = FxHashMap::default();
    for setting in SETTINGS {
        for function in functions(setting) {
            found.entry(*function).or_insert(setting.0);
        }
    }
    found
}

/// Whether a function or method of this name may write state of the process.
pub fn may_write_state(name: Sym) -> bool {
    static NAMES: LazyLock<FxHashSet<Sym>> = LazyLock::new(|| {
        let others = ["putenv", "unsetenv", "chdir", "fchdir"];
        let settings = SETTINGS.iter().flat_map(|(.., writers)| writers.iter());
        let last = settings.map(|path| path.rsplit('.').next().unwrap_or(path));
        last.chain(MUTATORS.iter().copied()).chain(others).map(Sym::new).collect()
    });
    NAMES.contains(&name)
}

/// Which of several writers of the same state counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wins {
    /// The first one: later calls change nothing.
    First,
    /// It depends on more than the order.
    Unclear,
    /// The last one.
    Last,
}

/// Which arguments of a call say what it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyed {
    /// None: there is one such setting.
    No,
    /// The first.
    First,
    /// All but the first, which is the value.
    Rest,
}

/// Calls that replace what an earlier call has set: the state, and how to tell one from another.
pub fn overwrites(path: &str) -> Option<(&'static str, Wins, Keyed)> {
    Some(match path {
        "logging.basicConfig" => ("the configuration of logging", Wins::First, Keyed::No),
        "logging.config.dictConfig" | "logging.config.fileConfig" => {
            ("the configuration of logging", Wins::Last, Keyed::No)
        }
        "logging.setLoggerClass" => ("logging.setLoggerClass", Wins::Last, Keyed::No),
        "logging.captureWarnings" => ("logging.captureWarnings", Wins::Last, Keyed::No),
        "logging.addLevelName" => ("logging.addLevelName", Wins::Last, Keyed::First),
        "warnings.simplefilter" | "warnings.filterwarnings" => ("warnings.filters", Wins::Last, Keyed::Rest),
        "os.environ.setdefault" => ("os.environ", Wins::First, Keyed::First),
        "os.putenv" => ("os.environ", Wins::Last, Keyed::First),
        "os.chdir" => ("os.getcwd", Wins::Last, Keyed::No),
        "os.umask" => ("os.umask", Wins::Last, Keyed::No),
        "signal.signal" => ("signal.signal", Wins::Last, Keyed::First),
        "locale.setlocale" => ("locale.setlocale", Wins::Last, Keyed::First),
        "decimal.setcontext" => ("decimal.getcontext", Wins::Last, Keyed::No),
        "gettext.textdomain" => ("gettext.textdomain", Wins::Last, Keyed::No),
        "sys.setrecursionlimit" => ("sys.setrecursionlimit", Wins::Last, Keyed::No),
        "sys.setswitchinterval" => ("sys.setswitchinterval", Wins::Last, Keyed::No),
        "sys.settrace" => ("sys.settrace", Wins::Last, Keyed::No),
        "sys.setprofile" => ("sys.setprofile", Wins::Last, Keyed::No),
        "threading.settrace" => ("threading.settrace", Wins::Last, Keyed::No),
        "threading.setprofile" => ("threading.setprofile", Wins::Last, Keyed::No),
        "threading.stack_size" => ("threading.stack_size", Wins::Last, Keyed::No),
        "socket.setdefaulttimeout" => ("socket.setdefaulttimeout", Wins::Last, Keyed::No),
        "multiprocessing.set_start_method" => ("multiprocessing.set_start_method", Wins::Last, Keyed::No),
        "asyncio.set_event_loop_policy" => ("asyncio.set_event_loop_policy", Wins::Last, Keyed::No),
        "random.seed" => ("random.seed", Wins::Last, Keyed::No),
        "numpy.random.seed" => ("numpy.random.seed", Wins::Last, Keyed::No),
        "numpy.set_printoptions" => ("numpy.set_printoptions", Wins::Last, Keyed::No),
        "matplotlib.use" => ("matplotlib.use", Wins::Last, Keyed::No),
        "pandas.set_option" => ("pandas.set_option", Wins::Last, Keyed::First),
        "codecs.register_error" => ("codecs.register_error", Wins::Last, Keyed::First),
        "csv.register_dialect" => ("csv.register_dialect", Wins::Last, Keyed::First),
        "copyreg.pickle" => ("copyreg.pickle", Wins::Last, Keyed::First),
        "urllib.request.install_opener" => ("urllib.request.install_opener", Wins::Last, Keyed::No),
        _ => return None,
    })
}

/// Reads of process state whose result is dropped are no effect.
pub fn is_process_read(path: &str) -> bool {
    path.starts_with("os.environ.get")
        || path.starts_with("os.path.")
        || path.starts_with("sys.path_importer_cache")
}

/// What a call of a foreign function does, by its dotted name.
pub fn external(path: &str) -> ExternalKind {
    use ExternalKind as K;
    let exact = match path {
        "builtins.setattr"
        | "builtins.delattr"
        | "object.__setattr__"
        | "builtins.object.__setattr__"
        | "builtins.type.__setattr__" => K::SetAttribute,
        "builtins.getattr" => K::GetAttribute,
        "importlib.import_module" | "builtins.__import__" | "importlib.__import__" => K::ImportModule,
        "functools.partial" | "functools.partialmethod" => K::Partial,
        "builtins.map"
        | "builtins.filter"
        | "functools.reduce"
        | "itertools.starmap"
        | "itertools.takewhile"
        | "itertools.dropwhile"
        | "itertools.filterfalse" => K::CallsFirst,
        "functools.wraps" | "functools.lru_cache" => K::DecoratorFactory,
        "functools.wraps()"
        | "builtins.iter"
        | "builtins.staticmethod"
        | "builtins.classmethod"
        | "functools.cache"
        | "contextlib.contextmanager"
        | "contextlib.asynccontextmanager"
        | "abc.abstractmethod"
        | "functools.total_ordering"
        | "dataclasses.dataclass"
        | "typing.overload"
        | "typing.final"
        | "typing.runtime_checkable"
        | "typing.no_type_check"
        | "typing_extensions.runtime_checkable"
        | "typing_extensions.overload"
        | "typing_extensions.final"
        | "enum.unique"
        | "typing.override"
        | "typing_extensions.override"
        | "functools.update_wrapper"
        | "builtins.reversed"
        | "builtins.vars()" => K::Identity,
        "builtins.list" | "builtins.tuple" | "builtins.set" | "builtins.frozenset" | "builtins.sorted"
        | "builtins.zip" | "builtins.enumerate" | "builtins.dict" | "itertools.chain"
        | "itertools.product" => K::Collects,
        "builtins.type" => K::Type,
        "builtins.globals" | "builtins.vars" | "builtins.locals" => K::Namespace,
        "logging.getLogger" => K::GetLogger,
        "builtins.open" | "io.open" | "codecs.open" => K::Open,
        "sys.exit" | "builtins.exit" | "builtins.quit" | "os._exit" | "os.abort" => K::Fails,
        "builtins.print" | "builtins.input" | "builtins.breakpoint" => K::InputOutput,
        "builtins.exec" => K::Executes,
        "builtins.next"
        | "builtins.anext"
        | "operator.setitem"
        | "operator.delitem"
        | "operator.iadd"
        | "operator.iconcat"
        | "operator.ior"
        | "operator.iand"
        | "operator.isub"
        | "operator.ixor"
        | "heapq.heappush"
        | "heapq.heappop"
        | "heapq.heapify"
        | "heapq.heapreplace"
        | "heapq.heappushpop"
        | "bisect.insort"
        | "bisect.insort_left"
        | "bisect.insort_right" => K::ChangesFirst,
        "builtins.eval"
        | "builtins.super"
        | "builtins.property"
        | "builtins.isinstance"
        | "builtins.issubclass"
        | "builtins.hasattr"
        | "builtins.len"
        | "builtins.repr"
        | "codecs.lookup"
        | "codecs.lookup_error"
        | "codecs.getencoder"
        | "codecs.getdecoder"
        | "multiprocessing.allow_connection_pickling" => K::Pure,
        "atexit.register" | "weakref.finalize" => K::Registers,
        "atexit.unregister" => K::Unregisters,
        "os.environ.get"
        | "os.getenv"
        | "os.environ.__getitem__"
        | "os.getcwd"
        | "os.path.abspath"
        | "os.path.realpath"
        | "pathlib.Path.cwd" => K::ReadsState,
        _ if read_state(path).is_some() => K::ReadsState,
        _ => K::Unknown,
    };
    if exact != K::Unknown {
        return exact;
    }
    let mut prefix = path;
    loop {
        if let Some(&(kind, below)) = CALLS.get(prefix)
            && (below || prefix.len() == path.len())
        {
            return kind;
        }
        match prefix.rsplit_once('.') {
            Some((shorter, _)) => prefix = shorter,
            None => break,
        }
    }
    let root = path.split('.').next().unwrap_or_default();
    if PURE_MODULES.contains(&root) { K::Pure } else { K::Unknown }
}

/// Standard library modules whose functions change nothing outside their results and arguments.
const PURE_MODULES: &[&str] = &[
    "builtins",
    "typing",
    "typing_extensions",
    "collections",
    "functools",
    "itertools",
    "operator",
    "enum",
    "dataclasses",
    "re",
    "abc",
    "math",
    "cmath",
    "string",
    "textwrap",
    "struct",
    "types",
    "contextvars",
    "contextlib",
    "decimal_",
    "fractions",
    "datetime",
    "uuid",
    "hashlib",
    "hmac",
    "base64",
    "binascii",
    "json",
    "ast",
    "inspect",
    "heapq",
    "bisect",
    "array",
    "weakref_",
    "copy",
    "pprint",
    "reprlib",
    "numbers",
    "statistics",
    "ipaddress",
    "html",
    "urllib",
    "unicodedata",
    "keyword",
    "token",
    "tokenize",
    "pathlib",
    "posixpath",
    "ntpath",
    "calendar",
    "argparse",
    "optparse",
    "configparser",
    "platform",
    "stat",
    "fnmatch",
    "difflib",
    "graphlib",
    "zlib",
    "string",
    "secrets",
    "six",
    "attr",
    "attrs",
];

/// The two lists below as a map: what is called, and whether everything below it counts as well.
static CALLS: LazyLock<FxHashMap<&'static str, (ExternalKind, bool)>> = LazyLock::new(|| {
    let entries = |list: &'static [&'static str], kind| {
        list.iter().map(move |entry| match entry.strip_suffix(".*") {
            Some(prefix) => (prefix, (kind, true)),
            None => (*entry, (kind, false)),
        })
    };
    entries(PROCESS, ExternalKind::Process).chain(entries(INPUT_OUTPUT, ExternalKind::InputOutput)).collect()
});

/// Calls that change the state of the process or of the library; `x.*` is everything below x.
const PROCESS: &[&str] = &[
    "sys.setrecursionlimit",
    "sys.setswitchinterval",
    "sys.settrace",
    "sys.setprofile",
    "sys.addaudithook",
    "sys.set_int_max_str_digits",
    "sys.path.*",
    "sys.meta_path.*",
    "sys.path_hooks.*",
    "sys.modules.*",
    "sys.set_asyncgen_hooks",
    "sys.stdout.reconfigure",
    "sys.stderr.reconfigure",
    "sys.setdlopenflags",
    "os.chdir",
    "os.fchdir",
    "os.umask",
    "os.putenv",
    "os.unsetenv",
    "os.nice",
    "os.setuid",
    "os.setgid",
    "os.setpgrp",
    "os.setsid",
    "os.environ.setdefault",
    "os.environ.update",
    "os.environ.pop",
    "os.environ.clear",
    "os.environ.__setitem__",
    "os.register_at_fork",
    "os.add_dll_directory",
    "os.environb.*",
    "signal.signal",
    "signal.alarm",
    "signal.setitimer",
    "signal.pthread_sigmask",
    "signal.siginterrupt",
    "signal.set_wakeup_fd",
    "faulthandler.enable",
    "faulthandler.register",
    "faulthandler.dump_traceback_later",
    "gc.disable",
    "gc.enable",
    "gc.set_threshold",
    "gc.freeze",
    "gc.collect",
    "gc.set_debug",
    "gc.callbacks.*",
    "threading.setprofile",
    "threading.settrace",
    "threading.stack_size",
    "logging.basicConfig",
    "logging.disable",
    "logging.addLevelName",
    "logging.setLoggerClass",
    "logging.captureWarnings",
    "logging.setLogRecordFactory",
    "logging.config.*",
    "logging.root.*",
    "logging.shutdown",
    "logging.Logger.manager.*",
    "warnings.filterwarnings",
    "warnings.simplefilter",
    "warnings.resetwarnings",
    "warnings.warn",
    "warnings.warn_explicit",
    "locale.setlocale",
    "gettext.install",
    "gettext.bindtextdomain",
    "gettext.textdomain",
    "random.seed",
    "random.setstate",
    "random.shuffle",
    "random.random",
    "random.randint",
    "random.randrange",
    "random.choice",
    "random.choices",
    "random.sample",
    "random.uniform",
    "random.getrandbits",
    "random.gauss",
    "decimal.setcontext",
    "decimal.getcontext",
    "decimal.getcontext.*",
    "decimal.DefaultContext.*",
    "codecs.register",
    "codecs.register_error",
    "codecs.unregister",
    "copyreg.pickle",
    "copyreg.constructor",
    "copyreg.add_extension",
    "mimetypes.add_type",
    "mimetypes.init",
    "mimetypes.types_map.*",
    "socket.setdefaulttimeout",
    "ssl._create_default_https_context",
    "time.tzset",
    "multiprocessing.set_start_method",
    "multiprocessing.freeze_support",
    "multiprocessing.set_executable",
    "asyncio.set_event_loop",
    "asyncio.set_event_loop_policy",
    "asyncio.set_child_watcher",
    "tracemalloc.start",
    "tracemalloc.stop",
    "readline.*",
    "resource.setrlimit",
    "site.addsitedir",
    "site.main",
    "sqlite3.register_adapter",
    "sqlite3.register_converter",
    "sqlite3.enable_callback_tracebacks",
    "shutil.register_archive_format",
    "shutil.register_unpack_format",
    "webbrowser.register",
    "cgitb.enable",
    "doctest.register_optionflag",
    "unittest.installHandler",
    "importlib.reload",
    "importlib.invalidate_caches",
    "ctypes.set_errno",
    "locale.bindtextdomain",
    "xml.etree.ElementTree.register_namespace",
    "email.charset.add_charset",
    "email.charset.add_alias",
    "email.charset.add_codec",
    "urllib.request.install_opener",
    "curses.*",
    "termios.*",
    "tty.*",
    "dbm.*",
    "imaplib.*",
    "numpy.seterr",
    "numpy.set_printoptions",
    "numpy.random.seed",
    "matplotlib.use",
    "matplotlib.rcParams.*",
    "matplotlib.rc",
    "matplotlib.style.use",
    "pandas.set_option",
    "pandas.options.*",
    "gevent.monkey.*",
    "eventlet.monkey_patch",
    "django.setup",
    "nest_asyncio.apply",
    "pkg_resources.declare_namespace",
    "pkgutil.extend_path_",
    "colorama.init",
    "urllib3.disable_warnings",
    "torch.manual_seed",
    "torch.set_num_threads",
    "tensorflow.*",
    "absl.*",
    "structlog.configure",
    "sentry_sdk.init",
    "ddtrace.patch_all",
    "ddtrace.patch",
    "coverage.process_startup",
    "pyximport.install",
    "cryptography.*_",
];

/// Calls that do input or output, or start processes and threads.
const INPUT_OUTPUT: &[&str] = &[
    "sys.stdout.write",
    "sys.stderr.write",
    "sys.stdout.flush",
    "os.system",
    "os.popen",
    "os.fork",
    "os.execv",
    "os.execvp",
    "os.spawnv",
    "os.mkdir",
    "os.makedirs",
    "os.remove",
    "os.unlink",
    "os.rename",
    "os.replace",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.chmod",
    "os.chown",
    "os.utime",
    "os.write",
    "os.open",
    "os.truncate",
    "os.kill",
    "shutil.copy",
    "shutil.copy2",
    "shutil.copyfile",
    "shutil.copytree",
    "shutil.move",
    "shutil.rmtree",
    "subprocess.run",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "subprocess.Popen",
    "tempfile.mkdtemp",
    "tempfile.mkstemp",
    "time.sleep",
    "_thread.start_new_thread",
    "urllib.request.urlopen",
    "urllib.request.urlretrieve",
    "socket.create_connection",
    "webbrowser.open",
    "traceback.print_exc",
    "traceback.print_stack",
    "pprint.pprint",
    "asyncio.run",
    "sqlite3.connect",
    "http.server.test",
];

/// Foreign modules that change the process when they are loaded.
pub fn has_load_effects(name: &str) -> bool {
    let root = name.split('.').next().unwrap_or_default();
    matches!(root, "readline" | "rlcompleter" | "antigravity" | "this" | "pyximport" | "turtle")
        || matches!(name, "gevent.monkey" | "encodings.idna" | "distutils" | "setuptools" | "logging.config")
            && name != "logging.config"
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

/// Whether such state shows only to code that reads it. The others decide what is found, or take note of all that runs.
pub fn is_passive_window(state: &str) -> bool {
    matches!(
        state,
        "sys.argv" | "sys.stdout" | "sys.stderr" | "os.environ" | "os.getcwd" | "locale" | "sys.recursion"
    )
}

/// State in whose changes an import can be caught: which, by the dotted name of what is changed or called.
pub fn window_state(path: &str) -> Option<&'static str> {
    let prefixed =
        |prefix: &str| path == prefix || path.strip_prefix(prefix).is_some_and(|r| r.starts_with('.'));
    let reading = path.ends_with(".get") || path.ends_with(".copy") || path.ends_with(".index");
    if reading {
        return None;
    }
    for (prefix, state) in [
        ("sys.path", "sys.path"),
        ("sys.meta_path", "sys.meta_path"),
        ("sys.path_hooks", "sys.path_hooks"),
        ("sys.argv", "sys.argv"),
        ("sys.modules", "sys.modules"),
        ("sys.stdout", "sys.stdout"),
        ("sys.stderr", "sys.stderr"),
        ("os.environ", "os.environ"),
    ] {
        if prefixed(prefix) && path != "sys.stdout.write" {
            return Some(state);
        }
    }
    match path {
        "os.chdir" | "os.fchdir" => Some("os.getcwd"),
        "os.putenv" | "os.unsetenv" => Some("os.environ"),
        "warnings.filterwarnings" | "warnings.simplefilter" | "warnings.resetwarnings" => Some("warnings"),
        "locale.setlocale" => Some("locale"),
        "sys.setrecursionlimit" => Some("sys.recursion"),
        "sys.setprofile" | "sys.settrace" | "threading.setprofile" | "threading.settrace" => {
            Some("sys.settrace")
        }
        "builtins.__import__" => Some("builtins"),
        _ => None,
    }
}
