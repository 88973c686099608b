//! What calling something outside the program does.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::read_state;
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
        | "sys.intern"
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
    // Whatever the code does that runs.
    "runpy.run_module",
    "runpy.run_path",
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
    "os.environb.setdefault",
    "os.environb.update",
    "os.environb.pop",
    "os.environb.popitem",
    "os.environb.clear",
    "os.environb.__setitem__",
    "os.environb.__delitem__",
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
    "calendar.setfirstweekday",
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
