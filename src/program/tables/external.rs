//! What calling something outside the program does.

mod calls;

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use self::calls::{INPUT_OUTPUT, PROCESS};
use super::{MUTATORS, read_state};
use crate::program::interpret::Risk;

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

/// Reads of process state whose result is dropped are no effect.
pub fn is_process_read(path: &str) -> bool {
    path.starts_with("os.environ.get")
        || path.starts_with("os.path.")
        || path.starts_with("sys.path_importer_cache")
}

/// Whether a decorator of the library makes something of a function, or takes note of it, without a look at its annotations.
pub fn leaves_annotations(path: &str) -> bool {
    matches!(
        path,
        "functools.lru_cache"
            | "functools.cache"
            | "functools.wraps"
            | "contextlib.contextmanager"
            | "contextlib.asynccontextmanager"
            | "abc.abstractmethod"
            | "types.coroutine"
            | "asyncio.coroutine"
            | "warnings.deprecated"
            | "typing.overload"
            | "typing.override"
            | "typing.final"
            | "typing.no_type_check"
            | "typing_extensions.overload"
            | "typing_extensions.override"
            | "typing_extensions.final"
            | "typing_extensions.deprecated"
    )
}

/// Whether a function of the library does no more with the functions that it is given than to call them.
pub fn only_calls(path: &str) -> bool {
    matches!(
        path,
        "signal.signal"
            | "atexit.register"
            | "re.sub"
            | "re.subn"
            | "functools.reduce"
            | "functools.cmp_to_key"
            | "threading.Thread"
            | "threading.Timer"
    )
}

/// Whether a function of the library looks at the annotations of the functions that it is given.
pub fn shows_annotations(path: &str) -> bool {
    path.starts_with("pydoc.") || path.starts_with("typing.") || path.starts_with("inspect.")
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
        | "builtins.memoryview"
        | "builtins.reversed"
        | "builtins.vars()" => K::Identity,
        "builtins.list"
        | "builtins.tuple"
        | "builtins.set"
        | "builtins.frozenset"
        | "builtins.sorted"
        | "builtins.zip"
        | "builtins.enumerate"
        | "builtins.dict"
        | "collections.ChainMap"
        | "collections.OrderedDict"
        | "collections.deque"
        | "itertools.chain"
        | "itertools.cycle"
        | "itertools.islice"
        | "itertools.product"
        | "itertools.zip_longest"
        | "types.SimpleNamespace"
        | "types.MappingProxyType" => K::Collects,
        "builtins.type" => K::Type,
        "builtins.globals" | "builtins.vars" | "builtins.locals" => K::Namespace,
        "logging.getLogger" => K::GetLogger,
        "builtins.open" | "io.open" | "codecs.open" | "gzip.open" | "bz2.open" | "lzma.open"
        | "tarfile.open" | "zipfile.ZipFile" => K::Open,
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
        | "sys.intern"
        | "sys.modules.get"
        | "multiprocessing.allow_connection_pickling" => K::Pure,
        "atexit.register" | "weakref.finalize" | "weakref.ref" | "weakref.proxy" => K::Registers,
        "atexit.unregister" => K::Unregisters,
        "os.environ.get"
        | "os.getenv"
        | "os.environ.__getitem__"
        | "os.environb.get"
        | "os.environb.__getitem__"
        | "os.environb.items"
        | "os.environb.keys"
        | "os.environb.values"
        | "os.environb.copy"
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
    // `vars(builtins).update(names)`, `builtins.__dict__.setdefault(name, value)`
    if let Some((namespace, method)) = path.rsplit_once('.')
        && (namespace == "builtins" || namespace.ends_with(".__dict__"))
        && MUTATORS.contains(&method)
    {
        return K::Process;
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

/// How a call fails where what it asks for is not there, or not what it has to be.
pub fn risk(path: &str) -> Option<Risk> {
    if path.starts_with("importlib.metadata.") || path.starts_with("importlib_metadata.") {
        return Some(Risk::Import);
    }
    let method = path.rsplit('.').next().unwrap_or_default();
    let fails = converts(path) || MAY_FAIL.contains(&path) || matches!(method, "read_text" | "read_bytes");
    fails.then_some(Risk::Any)
}

/// Whether a function goes through its second argument and gives some of what that holds.
pub fn chooses(path: &str) -> bool {
    matches!(
        path,
        "builtins.filter" | "itertools.takewhile" | "itertools.dropwhile" | "itertools.filterfalse"
    )
}

/// Whether what a function gives are tuples of what its arguments hold.
pub fn gives_tuples(path: &str) -> bool {
    matches!(path, "builtins.zip" | "builtins.enumerate" | "itertools.product" | "itertools.zip_longest")
}

/// Whether a function makes a class of tuples.
pub fn makes_tuple_class(path: &str) -> bool {
    matches!(path, "collections.namedtuple" | "typing.NamedTuple")
}

/// How the name of what the environment gives for a variable begins; the variable follows.
pub const MAYBE_SET: &str = "os.environ ";

/// Whether a call makes something of a text, if the text is right.
pub fn converts(path: &str) -> bool {
    matches!(
        path,
        "builtins.int"
            | "builtins.float"
            | "json.loads"
            | "ast.literal_eval"
            | "decimal.Decimal"
            | "fractions.Fraction"
            | "ipaddress.ip_address"
            | "ipaddress.ip_network"
            | "datetime.datetime.strptime"
            | "datetime.datetime.fromisoformat"
            | "datetime.date.fromisoformat"
            | "uuid.UUID"
    )
}

/// Calls that need files, libraries, names of users and the like.
const MAY_FAIL: &[&str] = &[
    "builtins.open",
    "builtins.next",
    "io.open",
    "codecs.open",
    "codecs.lookup",
    "json.load",
    "tomllib.load",
    "pickle.load",
    "pickle.loads",
    "zoneinfo.ZoneInfo",
    "ctypes.CDLL",
    "ctypes.PyDLL",
    "ctypes.WinDLL",
    "ctypes.OleDLL",
    "ctypes.cdll.LoadLibrary",
    "ctypes.windll.LoadLibrary",
    "os.listdir",
    "os.scandir",
    "os.stat",
    "os.readlink",
    "os.getlogin",
    "os.open",
    "os.path.getmtime",
    "os.path.getsize",
    "getpass.getuser",
    "pwd.getpwnam",
    "pwd.getpwuid",
    "grp.getgrnam",
    "socket.gethostbyname",
    "socket.getaddrinfo",
    "importlib.resources.open_text",
    "importlib.resources.open_binary",
    "importlib.resources.read_binary",
    "pkgutil.get_data",
    "pkg_resources.get_distribution",
    "pkg_resources.require",
    "yaml.safe_load",
    "yaml.load",
];

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
    // All that these have is `getcodec`.
    "_codecs_cn",
    "_codecs_hk",
    "_codecs_iso2022",
    "_codecs_jp",
    "_codecs_kr",
    "_codecs_tw",
    "secrets",
    "six",
    "attr",
    "attrs",
];

/// The two lists of calls as a map: what is called, and whether everything below it counts as well.
static CALLS: LazyLock<FxHashMap<&'static str, (ExternalKind, bool)>> = LazyLock::new(|| {
    let entries = |list: &'static [&'static str], kind| {
        list.iter().map(move |entry| match entry.strip_suffix(".*") {
            Some(prefix) => (prefix, (kind, true)),
            None => (*entry, (kind, false)),
        })
    };
    entries(PROCESS, ExternalKind::Process).chain(entries(INPUT_OUTPUT, ExternalKind::InputOutput)).collect()
});
