//! State of the process: which functions read it, write it, and leave it to the last writer.

use std::sync::LazyLock;

use rustc_hash::{FxHashMap, FxHashSet};

use super::MUTATORS;
use crate::dotted::is_within;
use crate::facts::Sym;

/// State of the process that modules read while they load.
pub fn is_process_state(path: &str) -> bool {
    matches!(path, "os.environ" | "sys.path" | "sys.argv" | "sys.meta_path" | "sys.modules" | "sys.flags")
}

/// The state under the name that all its readers and writers have.
pub fn same_state(path: &str) -> &str {
    if path == "os.environb" { "os.environ" } else { path }
}

/// Whether a call looks at all that it is given first, and keeps nothing of it but what it found: `list(sys.argv)`.
pub fn looks_at_all(path: &str) -> bool {
    const BUILTINS: &[&str] = &[
        "list",
        "tuple",
        "set",
        "frozenset",
        "dict",
        "sorted",
        "len",
        "str",
        "repr",
        "any",
        "all",
        "min",
        "max",
    ];
    path.strip_prefix("builtins.").is_some_and(|name| BUILTINS.contains(&name))
        || matches!(path, "copy.copy" | "copy.deepcopy" | "collections.deque" | "json.dumps" | "shlex.join")
}

/// Classes of the library whose objects read what they hold from somewhere else.
pub const FILLED_CLASSES: &[&str] = &["ConfigParser", "RawConfigParser", "SafeConfigParser"];

/// The methods by which they do.
pub fn fills_itself(method: &str) -> bool {
    matches!(
        method,
        "read"
            | "read_string"
            | "read_dict"
            | "read_file"
            | "set"
            | "add_section"
            | "remove_section"
            | "remove_option"
    )
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

/// Which modules have been loaded, as a name for it: the key is the module.
pub const LOADED: &str = "what is in sys.modules";

/// The standard streams that an object is given when it is made, if it is given none.
pub fn takes_stream(path: &str) -> Option<&'static str> {
    Some(match path {
        "logging.StreamHandler" => "sys.stderr",
        "pprint.PrettyPrinter" | "cmd.Cmd" => "sys.stdout",
        _ => return None,
    })
}

/// What is made of a path that is relative.
pub const RELATIVE_PATH: &str = "pathlib.Path(relative)";

/// Methods of paths and of what stands for one that read.
pub const FILE_READERS: &[&str] = &[
    "read_text",
    "read_bytes",
    "open",
    "exists",
    "is_file",
    "is_dir",
    "iterdir",
    "glob",
    "rglob",
    "walk",
    "stat",
];

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
            | "os.open"
            | "os.access"
            | "os.walk"
            | "os.listdir"
            | "os.scandir"
            | "os.readlink"
            | "glob.glob"
            | "glob.iglob"
            | "filecmp.cmp"
            | "pkgutil.get_data"
            | "importlib.resources.read_text"
            | "importlib.resources.read_binary"
            | "importlib.resources.open_text"
            | "importlib.resources.open_binary"
            | "importlib.resources.is_resource"
            | "importlib.resources.contents"
            | "runpy.run_path"
            | "linecache.getline"
            | "linecache.getlines"
            | "fileinput.input"
            | "gzip.open"
            | "bz2.open"
            | "lzma.open"
            | "codecs.open"
            | "tokenize.open"
            | "tarfile.open"
            | "tarfile.is_tarfile"
            | "zipfile.ZipFile"
            | "zipfile.is_zipfile"
            | "shelve.open"
            | "dbm.open"
            | "netrc.netrc"
            | "logging.config.fileConfig"
            | "xml.etree.ElementTree.parse"
            | "xml.etree.ElementTree.iterparse"
            | "xml.dom.minidom.parse"
    )
}

/// Functions that are given the name of a file, or make a path of it.
pub fn takes_path(function: &str) -> bool {
    matches!(
        function,
        "open"
            | "Path"
            | "PurePath"
            | "join"
            | "joinpath"
            | "with_name"
            | "exists"
            | "isfile"
            | "isdir"
            | "listdir"
            | "scandir"
            | "walk"
            | "glob"
            | "remove"
            | "unlink"
            | "mkdir"
            | "makedirs"
            | "rename"
            | "copyfile"
            | "copy2"
            | "move"
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

/// The part of the locale that says how characters are encoded. The interpreter takes it from the environment when it starts, so
/// `setlocale(LC_ALL, "")` leaves it as it is.
pub const CHARACTERS: &str = "locale.LC_CTYPE";

/// Variables of the environment from which `setlocale(…, "")` takes it.
pub const CHARACTER_VARIABLES: &[&str] = &["LC_ALL", "LC_CTYPE", "LANG"];

/// A setting of the process, the functions that read it, and those that change it.
type Setting = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Settings of the process, by what reads them and what changes them.
static SETTINGS: &[Setting] = &[
    (
        "decimal.getcontext",
        &[],
        &["decimal.getcontext", "decimal.setcontext", "decimal.localcontext", "decimal.DefaultContext.prec"],
    ),
    (CHARACTERS, &["locale.getlocale", "locale.getpreferredencoding"], &[]),
    (
        "locale.setlocale",
        &[
            "locale.localeconv",
            "locale.format_string",
            "locale.currency",
            "locale.str",
            "locale.atof",
            "locale.strxfrm",
            "locale.nl_langinfo",
            "time.strftime",
        ],
        &["locale.setlocale"],
    ),
    (
        "gettext.textdomain",
        &["gettext.gettext", "gettext.ngettext", "gettext.dgettext", "gettext.pgettext"],
        &["gettext.textdomain", "gettext.bindtextdomain"],
    ),
    (
        "threading.current_thread",
        &["threading.current_thread", "threading.get_ident", "threading.get_native_id", "_thread.get_ident"],
        &[
            "threading.Thread",
            "threading.Timer",
            "_thread.start_new_thread",
            "concurrent.futures.ThreadPoolExecutor",
            "concurrent.futures.thread.ThreadPoolExecutor",
            "multiprocessing.pool.ThreadPool",
            "multiprocessing.dummy.Pool",
            "asyncio.to_thread",
        ],
    ),
    (
        RUNNING_LOOP,
        &["asyncio.get_running_loop", "asyncio.get_event_loop", "asyncio.current_task"],
        &["asyncio.run", "asyncio.Runner", "asyncio.new_event_loop", "asyncio.set_event_loop"],
    ),
    (CONTEXT, &[], &["contextvars.copy_context", "contextvars.Context"]),
    ("tempfile.tempdir", &["tempfile.gettempdir", "tempfile.gettempdirb"], &["tempfile.tempdir"]),
    ("time.tzset", &["time.localtime", "time.ctime", "time.mktime"], &["time.tzset"]),
    ("sys.setrecursionlimit", &["sys.getrecursionlimit"], &["sys.setrecursionlimit"]),
    ("sys.setswitchinterval", &["sys.getswitchinterval"], &["sys.setswitchinterval"]),
    ("socket.setdefaulttimeout", &["socket.getdefaulttimeout"], &["socket.setdefaulttimeout"]),
    ("signal.signal", &["signal.getsignal"], &["signal.signal"]),
    ("logging.setLoggerClass", &["logging.getLoggerClass"], &["logging.setLoggerClass"]),
    (
        LEVELS,
        &["logging.root.isEnabledFor", "logging.root.getEffectiveLevel"],
        &["logging.basicConfig", "logging.disable"],
    ),
    ("gc.enable", &["gc.isenabled", "gc.get_threshold"], &["gc.enable", "gc.disable", "gc.set_threshold"]),
    (
        "os.fork",
        &["os.getpid", "os.getppid"],
        &[
            "os.fork",
            "os.forkpty",
            "multiprocessing.Process",
            "multiprocessing.Pool",
            "multiprocessing.pool.Pool",
            "multiprocessing.get_context",
            "concurrent.futures.ProcessPoolExecutor",
            "concurrent.futures.process.ProcessPoolExecutor",
        ],
    ),
];

/// Of which class new loggers are.
pub const LOGGER_CLASS: &str = "logging.Logger";

/// Which loggers there are.
pub const LOGGERS: &str = "logging.root.manager.loggerDict";

/// Which messages loggers let through.
pub const LEVELS: &str = "logging.Logger.level";

/// Methods of a logger that ask for it.
pub fn asks_for_level(method: &str) -> bool {
    matches!(method, "isEnabledFor" | "getEffectiveLevel")
}

/// What an attribute of a `threading.local` is: of the thread that sets it.
pub const THREAD: &str = "threading.current_thread";

/// What the value of a `ContextVar` is: of the context that sets it, beside [`THREAD`] and [`RUNNING_LOOP`], which have contexts of
/// their own.
pub const CONTEXT: &str = "contextvars.copy_context";

/// The loop that runs.
pub const RUNNING_LOOP: &str = "asyncio.get_running_loop";

/// Who gets the messages of loggers, other than the one above all.
pub const HANDLERS: &str = "logging.Logger.handlers";

/// Who gets the messages of all loggers.
pub const ROOT_HANDLERS: &str = "logging.root.handlers";

/// The name of the attribute that both are.
pub const HANDLERS_ATTRIBUTE: &str = "handlers";

/// Functions that give the logger above all a handler if it has none.
pub fn gives_root_handler(path: &str) -> bool {
    let name = path.strip_prefix("logging.").unwrap_or_default();
    matches!(
        name,
        "basicConfig"
            | "debug"
            | "info"
            | "warning"
            | "warn"
            | "error"
            | "exception"
            | "critical"
            | "fatal"
            | "log"
    )
}

/// Methods of a logger that change its handlers.
pub fn changes_handlers(method: &str) -> bool {
    matches!(method, "addHandler" | "removeHandler")
}

/// The state of the process that an attribute or a method of an object of the library shows: `logging.getLogger("app").level`. The logger above
/// all has part in what `hasHandlers` says of another one.
pub fn state_of_attribute(made: &str, attr: &str) -> &'static [&'static str] {
    match (made, attr) {
        ("logging.Logger" | "logging.RootLogger" | "logging.root", "level" | "disabled") => &[LEVELS],
        ("logging.RootLogger" | "logging.root", "handlers" | "hasHandlers") => &[ROOT_HANDLERS],
        ("logging.Logger", "handlers") => &[HANDLERS],
        ("logging.Logger", "hasHandlers") => &[HANDLERS, ROOT_HANDLERS],
        _ => &[],
    }
}

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

/// The variables of the environment that a call reads without naming them.
pub fn read_variables(path: &str, first: Option<&str>) -> &'static [&'static str] {
    match path {
        "os.path.expanduser" if first.is_none_or(|text| text.starts_with('~')) => &["HOME"],
        "pathlib.Path.home" => &["HOME"],
        "shutil.which" | "os.get_exec_path" => &["PATH"],
        "shutil.get_terminal_size" => &["COLUMNS"],
        "tempfile.gettempdir" | "tempfile.gettempdirb" => &["TMPDIR", "TEMP", "TMP"],
        "getpass.getuser" => &["LOGNAME", "USER", "LNAME", "USERNAME"],
        _ => &[],
    }
}

/// State that is another one at every moment, whoever writes it: the time, who imports the module, what the main program has bound.
pub fn always_changes(state: &str) -> bool {
    matches!(state, CLOCK | MAIN_PROGRAM | IMPORTER)
}

/// The time.
pub const CLOCK: &str = "time.time";

/// The names of the main program.
pub const MAIN_PROGRAM: &str = "__main__";

/// The code that imports the module.
pub const IMPORTER: &str = "sys._getframe";

/// Whether a call gives the time.
pub fn reads_clock(path: &str) -> bool {
    matches!(
        path,
        "time.time"
            | "time.monotonic"
            | "time.perf_counter"
            | "time.process_time"
            | "time.time_ns"
            | "time.monotonic_ns"
            | "time.perf_counter_ns"
            | "datetime.datetime.now"
            | "datetime.datetime.utcnow"
    )
}

/// Whether a call gives the frames around it.
pub fn reads_frames(path: &str, with_arguments: bool) -> bool {
    path == "sys._getframe" && with_arguments
        || matches!(path, "inspect.stack" | "traceback.extract_stack" | "traceback.format_stack")
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

/// Whether a method of this name changes the object that it is called on.
pub fn is_mutator(name: Sym) -> bool {
    static NAMES: LazyLock<FxHashSet<Sym>> =
        LazyLock::new(|| MUTATORS.iter().map(|name| Sym::new(name)).collect());
    NAMES.contains(&name)
}

/// Whether a function or method of this name may write state of the process.
pub fn may_write_state(name: Sym) -> bool {
    static NAMES: LazyLock<FxHashSet<Sym>> = LazyLock::new(|| {
        let others = ["putenv", "unsetenv", "chdir", "fchdir", "dictConfig", "fileConfig", "setLevel"];
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

/// Whether such state shows only to code that reads it. The others decide what is found, or take note of all that runs.
pub fn is_passive_window(state: &str) -> bool {
    matches!(
        state,
        "sys.argv" | "sys.stdout" | "sys.stderr" | "os.environ" | "os.getcwd" | "locale" | "sys.recursion"
    )
}

/// State in whose changes an import can be caught: which, by the dotted name of what is changed or called.
pub fn window_state(path: &str) -> Option<&'static str> {
    let prefixed = |prefix: &str| is_within(path, prefix);
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
