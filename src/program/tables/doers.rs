//! Objects of foreign code that write, run, start or install something when a method is called.

/// Of which library (of any, if that is empty), of classes with which last parts of their names, by which methods.
const DOERS: &[(&str, &[&str], &[&str])] = &[
    ("", &["Thread", "Timer", "Process"], &["start"]),
    ("", &["ThreadPoolExecutor", "ProcessPoolExecutor", "Pool"], &["submit", "map", "apply_async"]),
    ("threading", &["Thread", "Timer"], &["run"]),
    ("multiprocessing", &["Process"], &["run"]),
    ("pprint", &["PrettyPrinter"], &["pprint"]),
    ("argparse", &["ArgumentParser"], &["print_help", "print_usage", "exit", "error"]),
    ("optparse", &["OptionParser"], &["print_help", "print_usage", "exit", "error"]),
    ("cmd", &["Cmd"], &["onecmd", "cmdloop"]),
    (
        "code",
        &["InteractiveInterpreter", "InteractiveConsole"],
        &["push", "runsource", "runcode", "interact"],
    ),
    ("sched", &["scheduler"], &["run"]),
    ("unittest", &["TextTestRunner"], &["run"]),
    ("http", &["HTTPConnection", "HTTPSConnection"], &["request", "connect"]),
    ("socket", &["socket"], &["connect", "listen", "send", "sendall", "sendto", "accept"]),
    ("asyncio", &["new_event_loop", "get_event_loop"], &["run_until_complete", "run_forever"]),
    ("cProfile", &["Profile"], &["enable", "disable", "run", "runctx", "runcall"]),
    ("profile", &["Profile"], &["run", "runctx", "runcall"]),
    ("timeit", &["Timer"], &["timeit", "repeat", "autorange"]),
    ("trace", &["Trace"], &["run", "runctx", "runfunc"]),
    ("pdb", &["Pdb"], &["set_trace", "run"]),
    ("calendar", &["TextCalendar", "LocaleTextCalendar"], &["prmonth", "pryear", "prweek"]),
    ("gettext", &["translation", "NullTranslations", "GNUTranslations"], &["install"]),
    ("smtplib", &["SMTP", "SMTP_SSL", "LMTP"], &["connect", "login", "sendmail", "send_message", "quit"]),
];

/// Whether a method of an object that a class or function of foreign code has made does something: `Thread(…).start()`.
pub fn starts_something(made: &str, method: &str) -> bool {
    let library = made.split('.').next().unwrap_or_default();
    let class = made.rsplit('.').next().unwrap_or_default();
    DOERS.iter().any(|(of, classes, methods)| {
        (of.is_empty() || *of == library) && methods.contains(&method) && classes.contains(&class)
    }) || made == "xmlrpc.client.ServerProxy"
        || library == "logging" && class.ends_with("Handler") && matches!(method, "emit" | "handle")
        || method == "start" && made.contains("mock.patch")
}

/// `socket().bind(address)`, by which programs see that they are the only one.
pub fn binds(made: &str, method: &str) -> bool {
    made == "socket.socket" && method == "bind"
}

/// Methods that do something, whatever object of other people's it is, if the call is a statement: `console.print(…)`.
pub const DOES_SOMETHING: &[&str] =
    &["print", "start", "run", "serve_forever", "run_forever", "run_until_complete"];

/// Methods of parsers of the command line that read it, if they are given nothing else, and may end the process.
pub fn parses_command_line(made: &str, method: &str) -> bool {
    matches!(made, "argparse.ArgumentParser" | "optparse.OptionParser")
        && matches!(
            method,
            "parse_args" | "parse_known_args" | "parse_intermixed_args" | "parse_known_intermixed_args"
        )
}

/// Methods that note what somebody else may ask for: `parser.add_argument("--out", default=sys.stdout)`.
pub fn keeps_settings(method: &str) -> bool {
    matches!(method, "add_argument" | "add_option" | "set_defaults" | "set_default" | "setdefault" | "append")
}

/// The standard streams of the process, which whoever gets them may write to.
pub fn is_standard_stream(path: &str) -> bool {
    let stream = path.strip_suffix(".buffer").unwrap_or(path);
    matches!(
        stream,
        "sys.stdout" | "sys.stderr" | "sys.stdin" | "sys.__stdout__" | "sys.__stderr__" | "sys.__stdin__"
    )
}
