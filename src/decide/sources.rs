//! Modules whose text the program reads, to run it elsewhere, to copy it or to look at it.
//!
//! ```python
//! script = importlib.resources.files("app.scripts") / "runner.py"   # a file of a package
//! send(script.read_text())
//! for name in ["lexer.py", "tools/tree.py"]:                        # files beside the module, or in the packages around it
//!     with open(os.path.join(os.path.dirname(__file__), name)) as source: ...
//! send(inspect.getsource(worker))                                   # a module
//! shutil.copy(worker.__file__, folder)
//! ```
//!
//! So are modules that the program packs into an archive ([`packed`]), packages that it copies ([`carried`]), and the files of a
//! folder, with no `__init__.py`, that the program names and from which it copies (templates of projects), if nobody imports them.
//!
//! Where the text goes there may be no runtime file and another Python, and whoever looks at it looks at what the author wrote. Who only
//! runs such a file by its path does not count: that works, with placeholders on every Python. `lazy import` does not: a program that asks
//! other interpreters about themselves runs a file of its own with one that need not know the statement.
//!
//! ```python
//! script = Path(__file__).with_name("probe.py")
//! subprocess.check_output([interpreter, "-I", str(script)])
//! ```

mod carried;
mod folders;
mod packed;
pub mod shown;

use ruff_text_size::TextRange;
use rustc_hash::FxHashMap;

use super::{KeepReason, ModuleVerdicts, Reason, keep_all};
use crate::facts::{Call, Code, FuncId, MarkKind, OpKind, Sym, Value, ValueId};
use crate::program::state::{module_of, of_all, same_project};
use crate::program::{ModuleId, Program};

/// Modules whose text is read, with the reader and the place, and what he does.
pub type ReadSources = FxHashMap<ModuleId, (ModuleId, TextRange, &'static str)>;

const READ: &str = "the text of the module is read";
const CARRIED: &str = "the module is copied or packed to be run elsewhere";
const RUN: &str = "the file may be run with another interpreter";

/// Functions and methods that give the text of a file, or copy it.
const READERS: &[&str] = &[
    "read_text",
    "read_bytes",
    "read",
    "readlines",
    "get_data",
    "get_source",
    "read_binary",
    "open_text",
    "open_binary",
    "copyfile",
    "copy2",
];

/// Functions that give the text of a module.
const SHOW_SOURCE: &[&str] = &["getsource", "getsourcelines"];

/// Functions that find files of a package, which they are given.
const RESOURCES: &[&str] = &["files", "path", "as_file", "resource_filename", "get_data", "read_text"];

/// What starts another program.
const STARTERS: &[&str] =
    &["subprocess", "create_subprocess_exec", "create_subprocess_shell", "execv", "execve", "spawnv"];

/// Finds them. `native`: the files are written in a language that only new interpreters know.
pub fn read(program: &Program, native: bool) -> ReadSources {
    let mut found = ReadSources::default();
    let starters: Vec<ModuleId> =
        if native { program.ids().filter(|&id| starts(program, id)).collect() } else { Vec::new() };
    for (source, by, range, note) in of_all(program, |id| read_by(program, id, &starters)) {
        found.entry(source).or_insert((by, range, note));
    }
    for (source, by) in folders::copied(program).into_iter().chain(packed::packed(program)) {
        found.entry(source).or_insert((by, TextRange::default(), READ));
    }
    // Where there is no placeholder, no runtime file is missed.
    if !native {
        for (source, by) in carried::carried(program) {
            found.entry(source).or_insert((by, TextRange::default(), CARRIED));
        }
    }
    found
}

fn read_by(
    program: &Program,
    id: ModuleId,
    starters: &[ModuleId],
) -> Vec<(ModuleId, ModuleId, TextRange, &'static str)> {
    let facts = &program.module(id).facts;
    let code = &facts.code;
    let mut found = Vec::new();
    for op in code.ops() {
        let OpKind::Call { call, .. } = op.kind else { continue };
        let call = code.call(call);
        if let Some(source) = shown(program, id, &call) {
            found.push((source, id, TextRange::empty(op.at), READ));
        }
    }
    let mut here = None;
    for mark in &facts.marks {
        let MarkKind::PythonFileName(name) = mark.kind else { continue };
        if name == "__init__.py" {
            continue;
        }
        let note = if reads(code, mark.func) {
            READ
        } else if runs(program, id, mark.func, starters) {
            RUN
        } else {
            continue;
        };
        let here = *here.get_or_insert_with(|| asks_where(code));
        // A module may be among the files that it reads. Of those that it runs, its own name is that of a program in messages.
        found.extend(
            named(program, id, mark.func, name, here)
                .into_iter()
                .filter(|&source| note == READ || source != id)
                .map(|source| (source, id, mark.range, note)),
        );
    }
    found
}

/// The module whose text a call shows: `inspect.getsource(worker)`, `open(worker.__file__)`.
fn shown(program: &Program, id: ModuleId, call: &Call) -> Option<ModuleId> {
    let code = &program.module(id).facts.code;
    let (Value::Global(name) | Value::Attr(_, name)) = code.value(call.callee) else { return None };
    // `Path(worker.__file__).read_text()`
    if let Value::Attr(path, method) = code.value(call.callee)
        && matches!(method.as_str(), "read_text" | "read_bytes" | "open")
        && let Value::Call(path) = code.value(path)
    {
        return code.positional(&code.call(path)).first().and_then(|&first| file_of(program, id, first));
    }
    let &first = code.positional(call).first()?;
    if SHOW_SOURCE.contains(&name.as_str()) {
        return module_of(program, id, first);
    }
    file_of(program, id, first).filter(|_| opens(code, call) || is_copy(code, call))
}

/// The module whose file a value names: `worker.__file__`.
fn file_of(program: &Program, id: ModuleId, value: ValueId) -> Option<ModuleId> {
    match program.module(id).facts.code.value(value) {
        Value::Attr(module, attr) if attr == "__file__" => module_of(program, id, module),
        _ => None,
    }
}

/// Whether a module asks where it is, or what files its package has: `__file__`, `resources.files(__package__)`.
fn asks_where(code: &Code) -> bool {
    let own = |value: &ValueId| matches!(code.value(*value), Value::Global(name) if matches!(name.as_str(), "__name__" | "__package__"));
    code.globals_mentioned().any(|name| name == "__file__")
        || code.calls().any(|call| {
            matches!(code.value(call.callee), Value::Global(name) | Value::Attr(_, name)
                if RESOURCES.contains(&name.as_str()))
                && code.positional(&call).iter().any(own)
        })
}

/// Whether a file that a function names may be run with another interpreter: some module of the project starts programs, and the function
/// does not say that it is the same interpreter (`sys.executable`). Who runs a file that nobody names so, is not seen.
fn runs(program: &Program, id: ModuleId, func: FuncId, starters: &[ModuleId]) -> bool {
    let code = &program.module(id).facts.code;
    starters.iter().any(|&other| same_project(program, other, id))
        && !code.ops_of(func).any(|op| match op.kind {
            OpKind::Call { call, .. } => {
                let args = code.call(call).args;
                let args = &code.args[args.start as usize..args.end as usize];
                args.iter().any(|&value| is_same_interpreter(code, value, 0))
            }
            _ => false,
        })
}

/// Whether a module starts programs.
fn starts(program: &Program, id: ModuleId) -> bool {
    let facts = &program.module(id).facts;
    let starts = |name: Sym| STARTERS.contains(&name.as_str());
    facts.imports.iter().any(|import| {
        import.from.is_some_and(|from| starts(from.module))
            || import.aliases.iter().any(|alias| starts(alias.name))
    }) || facts.code.attributes().any(starts)
}

/// `sys.executable`, also in a list of arguments.
fn is_same_interpreter(code: &Code, value: ValueId, depth: u32) -> bool {
    let is = |value| depth < 4 && is_same_interpreter(code, value, depth + 1);
    match code.value(value) {
        Value::Attr(_, name) | Value::Global(name) => name == "executable",
        Value::Holder(inner) | Value::Sum(inner) => is(inner),
        Value::Either(one, other) => is(one) || is(other),
        Value::Var(var) => code.assigned_to(var).iter().any(|&value| is(value)),
        _ => false,
    }
}

/// Whether a function reads files, or, of import-time code, any function of the module.
fn reads(code: &Code, func: FuncId) -> bool {
    let is_reader = |call: &Call| {
        opens(code, call)
            || is_copy(code, call)
            || matches!(code.value(call.callee), Value::Global(name) | Value::Attr(_, name)
                if READERS.contains(&name.as_str()))
    };
    if func.is_module() {
        return code.calls().any(|call| is_reader(&call));
    }
    code.ops_of(func).any(|op| match op.kind {
        OpKind::Call { call, .. } => is_reader(&code.call(call)),
        _ => false,
    })
}

/// `open(path)`, not for writing.
fn opens(code: &Code, call: &Call) -> bool {
    let (Value::Global(name) | Value::Attr(_, name)) = code.value(call.callee) else { return false };
    let writes = |text: Sym| text.as_str().len() <= 3 && text.as_str().contains(['w', 'a', 'x']);
    name == "open"
        && !code
            .positional(call)
            .iter()
            .any(|&mode| matches!(code.value(mode), Value::Str(mode) if writes(mode)))
}

/// `shutil.copy(path, folder)`
fn is_copy(code: &Code, call: &Call) -> bool {
    match code.value(call.callee) {
        Value::Attr(base, name) => {
            matches!(name.as_str(), "copy" | "copy2" | "copyfile")
                && matches!(code.value(base), Value::Global(module) if module == "shutil")
        }
        _ => false,
    }
}

/// The modules that a file name stands for: files of a package that the function names, and if the module asks where it is itself
/// (`here`), files below its package or one around it.
fn named(program: &Program, id: ModuleId, func: FuncId, name: Sym, here: bool) -> Vec<ModuleId> {
    let module = program.module(id);
    let code = &module.facts.code;
    let path = name.as_str().trim_end_matches(".py").trim_start_matches(['.', '/']).replace('/', ".");
    let mut found = Vec::new();
    for op in code.ops_of(func) {
        let OpKind::Call { call, .. } = op.kind else { continue };
        for &argument in code.positional(&code.call(call)) {
            if let Value::Str(package) = code.value(argument) {
                found.extend(program.find(&format!("{package}.{path}")));
            }
        }
    }
    if !here {
        // From where the program is run: `open("job.py")`
        if !module.name.as_str().contains('.') {
            found.extend(program.find(&path));
        }
        return found;
    }
    let own = module.name.as_str();
    let mut base =
        Some(if module.is_package { own } else { own.rsplit_once('.').map_or("", |(base, _)| base) });
    while let Some(package) = base {
        let full =
            |path: &str| if package.is_empty() { path.to_owned() } else { format!("{package}.{path}") };
        let before = found.len();
        found.extend(program.find(&full(&path)));
        // The folder may stand by itself: `here / "scripts" / "runner.py"`.
        let folders =
            code.strings.iter().map(|text| text.as_str()).filter(|text| !text.contains(['.', '/', ':']));
        found.extend(folders.filter_map(|folder| program.find(&full(&format!("{folder}.{path}")))));
        if found.len() > before {
            break;
        }
        base = package.rsplit_once('.').map(|(base, _)| base);
    }
    found.retain(|&source| same_project(program, source, id) || !own.contains('.'));
    found
}

/// Adds the reasons.
pub fn decide(program: &Program, id: ModuleId, sources: &ReadSources, verdicts: &mut ModuleVerdicts) {
    if let Some(&(by, range, note)) = sources.get(&id) {
        let reason = Reason::at(KeepReason::SourceRead, by, range, note);
        keep_all(program.module(id), verdicts, &reason, |_| true);
    }
}
