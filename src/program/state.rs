//! What the modules of the program do to each other's state and to the process, at any time.
//!
//! Linear passes over all operations, functions included: who rebinds which global, who changes what it holds, which names are taken
//! from where, which state of the process is written.

use rayon::prelude::*;
use ruff_text_size::TextSize;
use rustc_hash::{FxHashMap, FxHashSet};

use super::before::Prepared;
use super::callees::{class_behind, functions_of};
use super::interpret::{Outcome, Part, StateRead};
use super::{ModuleId, Origin, Program, tables};
use crate::dotted::is_within;
use crate::facts::{FuncId, MarkKind, Moment, OpKind, Sym, Value, ValueId};

/// Imported names that other modules take from a module: `from m import n`, `m.n`.
pub(super) fn taken_names(program: &Program) -> FxHashSet<(ModuleId, Sym)> {
    let taken: Vec<Vec<(ModuleId, Sym)>> = program.par_ids().map(|id| taken_by(program, id)).collect();
    taken.into_iter().flatten().collect()
}

/// Imported names that one module takes from others.
fn taken_by(program: &Program, id: ModuleId) -> Vec<(ModuleId, Sym)> {
    let mut taken = Vec::new();
    let mut take = |source: ModuleId, name: Sym| {
        if program.module(source).facts.sites_of(name).next().is_some() {
            taken.push((source, name));
        }
    };
    let facts = &program.module(id).facts;
    for import in &facts.imports {
        for (alias, item) in import.aliases.iter().enumerate() {
            if item.name == "*" {
                let source = import.from.and_then(|f| program.absolute(id, f));
                if let Some(source) = source.and_then(|s| program.find_from(id, &s)) {
                    for site in &program.module(source).facts.sites {
                        take(source, site.bound);
                    }
                }
            } else if let Origin::Attribute(source, name) = program.origin(id, import, alias) {
                take(source, name);
            }
        }
    }
    for read in facts.reads().filter(|r| !r.chain.is_empty()) {
        for site in facts.sites_of(read.name) {
            let import = &facts.imports[site.stmt as usize];
            if let Origin::Module(mut source) = program.origin(id, import, site.alias as usize) {
                for &attr in read.chain {
                    take(source, attr);
                    match program.attribute(id, source, attr) {
                        Origin::Module(next) => source = next,
                        _ => break,
                    }
                }
            }
        }
    }
    taken
}

/// The module of the program that a value is, by names alone.
pub(crate) fn module_of(program: &Program, id: ModuleId, value: ValueId) -> Option<ModuleId> {
    let facts = &program.module(id).facts;
    match facts.code.value(value) {
        Value::Global(name) => {
            let Some(site) = facts.sites_of(name).next() else {
                // `this = sys.modules[__name__]`
                return facts.code.globals_of(name).iter().find_map(|&(_, value)| {
                    let loaded = matches!(facts.code.value(value), Value::Loaded(_) | Value::Call(_));
                    loaded.then(|| module_of(program, id, value)).flatten()
                });
            };
            let import = &facts.imports[site.stmt as usize];
            match program.origin(id, import, site.alias as usize) {
                Origin::Module(source) => Some(source),
                _ => None,
            }
        }
        Value::Attr(base, attr) => {
            let base = module_of(program, id, base)?;
            match program.attribute(id, base, attr) {
                Origin::Module(source) => Some(source),
                _ => None,
            }
        }
        Value::Loaded(None) => Some(id),
        Value::Loaded(Some(name)) => program.find_from(id, name.as_str()),
        // `sys.modules[function.__module__]`
        Value::LoadedAs(name) => match facts.code.value(name) {
            Value::Attr(of, attr) if attr == "__module__" => defined_in(program, id, of),
            _ => None,
        },
        // `import_module("config")`, `inspect.getmodule(function)`
        Value::Call(call) => {
            let call = &facts.code.call(call);
            let (Value::Global(name) | Value::Attr(_, name)) = facts.code.value(call.callee) else {
                return None;
            };
            let &first = facts.code.positional(call).first()?;
            match (name.as_str(), facts.code.value(first)) {
                // Without more arguments it gives the outermost package.
                ("__import__", Value::Str(path)) => {
                    program.find_from(id, path.as_str().split('.').next().unwrap_or_default())
                }
                (importer, Value::Str(path)) if tables::imports_by_name(importer) => {
                    program.find_from(id, path.as_str())
                }
                ("getmodule", _) => defined_in(program, id, first),
                _ => None,
            }
        }
        // A function that imports the module itself.
        Value::Var(var) => {
            let var = &facts.code.vars[var as usize];
            facts.imports.iter().filter(|import| import.func == var.func).find_map(|import| {
                let aliases = import.aliases.iter().enumerate();
                aliases.filter(|(_, alias)| alias.bound(import.from.is_some()) == var.name.as_str()).find_map(
                    |(index, _)| match program.origin(id, import, index) {
                        Origin::Module(source) => Some(source),
                        _ => None,
                    },
                )
            })
        }
        _ => None,
    }
}

/// The module in which a function or class is defined that a value is.
pub(crate) fn defined_in(program: &Program, id: ModuleId, value: ValueId) -> Option<ModuleId> {
    let function = || functions_of(program, id, value).first().map(|&(module, _)| module);
    class_behind(program, id, value).map(|(module, _)| module).or_else(function)
}

/// What one function gives for each module, in the order of the modules.
pub(crate) fn of_all<T: Send>(
    program: &Program,
    of: impl Fn(ModuleId) -> Vec<T> + Sync,
) -> impl Iterator<Item = T> {
    let all: Vec<Vec<T>> = program.par_ids().map(&of).collect();
    all.into_iter().flatten()
}

/// The dotted name of foreign state that a value is: `os.environ`.
pub(crate) fn foreign_path(program: &Program, id: ModuleId, value: ValueId) -> Option<String> {
    let facts = &program.module(id).facts;
    match facts.code.value(value) {
        Value::Global(name) => {
            let site = facts.sites_of(name).next()?;
            foreign_import(program, id, site.stmt, site.alias)
        }
        // A function that imports the module itself.
        Value::Var(var) => {
            facts.code.assigned_to(var).iter().find_map(|&value| match facts.code.value(value) {
                Value::Import(stmt, alias) => foreign_import(program, id, stmt, alias),
                _ => None,
            })
        }
        Value::Attr(base, attr) => Some([foreign_path(program, id, base)?.as_str(), attr.as_str()].join(".")),
        _ => None,
    }
}

/// The dotted name of what an import statement binds, if that is foreign.
pub(crate) fn foreign_import(program: &Program, id: ModuleId, stmt: u32, alias: u32) -> Option<String> {
    let import = &program.module(id).facts.imports[stmt as usize];
    if program.origin(id, import, alias as usize) != Origin::Foreign {
        return None;
    }
    let item = &import.aliases[alias as usize];
    Some(match import.from {
        Some(from) => [from.module.as_str(), item.name.as_str()].join("."),
        None if item.asname.is_some() => item.name.as_str().to_owned(),
        None => item.bound(false).to_owned(),
    })
}

/// The last name of what a value is, if it may be something foreign: `chdir` for `os.chdir` and what is imported as that.
pub(crate) fn last_name(program: &Program, id: ModuleId, value: ValueId) -> Option<Sym> {
    let facts = &program.module(id).facts;
    match facts.code.value(value) {
        Value::Global(name) => {
            let site = facts.sites_of(name).next()?;
            let import = &facts.imports[site.stmt as usize];
            Some(if import.from.is_some() { import.aliases[site.alias as usize].name } else { name })
        }
        Value::Attr(_, name) => Some(name),
        _ => None,
    }
}

/// Who changes something that the whole process shares, and when.
#[derive(Debug, Clone, Copy)]
pub struct Writer {
    /// The module.
    pub by: ModuleId,
    /// Where.
    pub at: TextSize,
    when: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// While the module loads.
    Loading,
    /// In the main program.
    Main,
    /// In a function.
    Later,
    /// In a function that restores what was there.
    Briefly,
}

impl Writer {
    pub(super) fn new(program: &Program, by: ModuleId, func: FuncId, at: TextSize, restores: bool) -> Self {
        let module = program.module(by);
        let is_main = || {
            module.facts.code.ops().any(|op| op.main_guard)
                || module.name.as_str().rsplit('.').next() == Some("__main__")
        };
        let when = match (func.is_module(), restores) {
            (true, _) => When::Loading,
            _ if is_main() => When::Main,
            (_, true) => When::Briefly,
            (_, false) => When::Later,
        };
        Self { by, at, when }
    }

    /// Whether the change may come between the moment at which `reader` was loaded and a later one: import-time code and
    /// scripts work for everybody, functions for the modules of their project, as far as they do not restore what was there.
    pub(super) fn shows_to(self, program: &Program, reader: ModuleId) -> bool {
        let by = program.module(self.by);
        let script = !by.installed && !by.name.as_str().contains('.');
        let same = same_project(program, self.by, reader);
        match self.when {
            When::Loading => true,
            When::Main => same || script,
            When::Later => same,
            When::Briefly => same && script,
        }
    }

    /// Whether the change may come after `reader` was loaded, to be seen by it: what scripts do, and what is done in its project. The
    /// order of what it does itself while it loads is always the same.
    pub(super) fn may_follow(self, program: &Program, reader: ModuleId) -> bool {
        let by = program.module(self.by);
        let near = same_project(program, self.by, reader);
        let script = !by.installed && !by.name.as_str().contains('.');
        match self.when {
            When::Loading => self.by != reader && (near || script),
            When::Main => near || script,
            When::Later | When::Briefly => near,
        }
    }

    /// Whether the change prepares the process for the rest.
    fn sets_up(self, program: &Program, reader: ModuleId) -> bool {
        matches!(self.when, When::Loading | When::Main) && self.shows_to(program, reader)
    }
}

/// State of the process that the program writes: which, with which key (none: any).
#[derive(Debug, Default)]
pub(super) struct WrittenState {
    writers: FxHashMap<(Sym, Option<Sym>), Vec<Writer>>,
    prepared: Prepared,
}

impl WrittenState {
    /// Who writes the state that `reader` reads: anybody else, or itself in a function.
    pub(super) fn writer(
        &self,
        program: &Program,
        reader: ModuleId,
        &StateRead { state, key, part, .. }: &StateRead,
    ) -> Option<&Writer> {
        // Whoever gets at what is inside a package, has loaded the package.
        let around = || key.is_some_and(|key| is_within(program.module(reader).name.as_str(), key.as_str()));
        if part == Part::Name || state == tables::LOADED && around() {
            return None;
        }
        // What modules change while they load, each for itself, is little of the whole, and nobody waits for it.
        let counts = |writer: &&Writer| part != Part::Whole || writer.when != When::Loading;
        // What it writes itself while it loads, it has written at the same place whenever it loads.
        let own = |writer: &&Writer| writer.by == reader && writer.when == When::Loading;
        let later = |writer: &&Writer| {
            counts(writer) && !own(writer) && !self.prepared.precedes((writer.by, writer.at), reader)
        };
        let writers = |key| self.writers.get(&(state, key)).into_iter().flatten().filter(later);
        if let Some(start) = key.and_then(|key| key.as_str().strip_suffix('*')) {
            // `os.environ["APP_" + name]`
            let fits = |key: Option<Sym>| key.is_none_or(|key| key.as_str().starts_with(start));
            let of_state = self.writers.iter().filter(|((s, key), _)| *s == state && fits(*key));
            let all = of_state.flat_map(|(_, writers)| writers).filter(later);
            // In an order that does not depend on threads.
            all.filter(|w| w.shows_to(program, reader)).min_by_key(|w| (w.by.index(), w.at))
        } else if let Some(name) = key {
            // Functions that write what they are given restore what was there or hand it on, as far as we have seen; unless their module
            // names the variable: `os.environ.update({"APP_MODE": "fast"})`.
            let names = |w: &Writer| program.module(w.by).facts.code.strings.contains(&name);
            let may = |w: &&Writer| w.sets_up(program, reader) || w.shows_to(program, reader) && names(w);
            writers(key).next().or_else(|| writers(None).find(may))
        } else {
            let of_state = self.writers.iter().filter(|((s, _), _)| *s == state);
            let all = of_state.flat_map(|(_, writers)| writers).filter(later);
            // In an order that does not depend on threads.
            all.filter(|w| w.shows_to(program, reader)).min_by_key(|w| (w.by.index(), w.at))
        }
    }
}

impl WrittenState {
    /// Whether the main program has set a variable of the environment before `reader` is loaded.
    pub(super) fn is_prepared(&self, reader: ModuleId, key: Sym) -> bool {
        let mut writers = self.writers.get(&(Sym::new("os.environ"), Some(key))).into_iter().flatten();
        writers.any(|writer| self.prepared.precedes((writer.by, writer.at), reader))
    }
}

pub(super) fn written_state(program: &Program, outcomes: &[Outcome]) -> WrittenState {
    let mut written = WrittenState::default();
    for (key, by) in of_all(program, |id| written_by(program, id)) {
        written.writers.entry(key).or_default().push(by);
    }
    for (name, by) in loaded_later(program, outcomes) {
        written.writers.entry((Sym::new(tables::LOADED), Some(name))).or_default().push(by);
    }
    let loading = written.writers.values().flatten().filter(|writer| writer.when == When::Loading);
    written.prepared = Prepared::of(program, loading.map(|writer| (writer.by, writer.at)));
    written
}

/// Who loads the modules that somebody asks `sys.modules` for while he loads: all but those that are inside them.
fn loaded_later(program: &Program, outcomes: &[Outcome]) -> Vec<(Sym, Writer)> {
    let reads = outcomes.iter().flat_map(|outcome| &outcome.reads);
    let asked: FxHashSet<Sym> =
        reads.filter(|read| read.state == tables::LOADED).filter_map(|read| read.key).collect();
    if asked.is_empty() {
        return Vec::new();
    }
    let of_module = |id: ModuleId| {
        let module = program.module(id);
        let mut found: Vec<(Sym, Writer)> = Vec::new();
        for import in module.facts.imports.iter().filter(|import| import.moment != Moment::Never) {
            for alias in 0..import.aliases.len() {
                let Some(name) = program.loaded_name(id, import, alias) else { continue };
                let ends = name.match_indices('.').map(|(end, _)| end).chain([name.len()]);
                let names = ends.filter_map(|end| Sym::find(&name[..end]));
                let writer = Writer::new(program, id, import.func, import.range.start(), false);
                let counts =
                    |name: &Sym| asked.contains(name) && !is_within(module.name.as_str(), name.as_str());
                found.extend(names.filter(counts).map(|name| (name, writer)));
            }
        }
        found
    };
    of_all(program, of_module).collect()
}

/// The state of the process that one module writes, with the key if it is known.
fn written_by(program: &Program, id: ModuleId) -> Vec<((Sym, Option<Sym>), Writer)> {
    let mut written = Vec::new();
    let code = &program.module(id).facts.code;
    let literal = |value: ValueId| match code.value(value) {
        Value::Str(name) => Some(name),
        _ => None,
    };
    for (func, op) in code.ops_by_function() {
        let mut add = |state: &str, key| {
            written.push(((Sym::new(state), key), Writer::new(program, id, func, op.at, false)));
        };
        for state in super::handlers::changed_handlers(program, id, func, &op) {
            add(state, None);
        }
        match op.kind {
            OpKind::SetItem { .. } | OpKind::DelItem { .. } | OpKind::ChangeInPlace { .. } => {
                let Some((base, key)) = op.kind.changed_item() else { continue };
                let path = foreign_path(program, id, base);
                if let Some(path) = path.as_deref().map(tables::same_state)
                    && tables::is_process_state(path)
                {
                    add(path, literal(key));
                    if literal(key).is_some_and(|key| tables::CHARACTER_VARIABLES.contains(&key.as_str())) {
                        add(tables::CHARACTERS, None);
                    }
                }
            }
            OpKind::SetAttr { base, attr, .. } => {
                if let Some(path) = foreign_path(program, id, base) {
                    let path = format!("{path}.{attr}");
                    if tables::is_process_state(&path) {
                        add(&path, None);
                    } else if let Some(setting) = tables::written_setting(&path) {
                        add(setting, None);
                    }
                }
            }
            OpKind::Call { call, .. } => {
                let call = &code.call(call);
                if !last_name(program, id, call.callee).is_some_and(tables::may_write_state) {
                    continue;
                }
                if matches!(code.value(call.callee), Value::Attr(_, method) if method == "setLevel") {
                    add(tables::LEVELS, None);
                }
                let Some(path) = foreign_path(program, id, call.callee) else { continue };
                let first = code.positional(call).first().and_then(|&a| literal(a));
                match path.as_str() {
                    "os.putenv" | "os.unsetenv" => add("os.environ", first),
                    "os.chdir" | "os.fchdir" => add("os.getcwd", None),
                    "logging.config.dictConfig" | "logging.config.fileConfig" => {
                        add(tables::LEVELS, None);
                        if turns_off_loggers(program, id) {
                            add(tables::LOGGERS, None);
                        }
                    }
                    "locale.setlocale" => {
                        // Without a second argument it asks; an empty text stands for what the user has set.
                        let second = code.positional(call).get(1).copied();
                        let named = code.keyword_args(call).next().map(|(_, value)| value);
                        let of_user = |value| literal(value).is_some_and(|text| text.as_str().is_empty());
                        match second.or(named) {
                            None | Some(ValueId::NONE) => {}
                            Some(value) => {
                                add("locale.setlocale", None);
                                if !of_user(value) {
                                    add(tables::CHARACTERS, None);
                                }
                            }
                        }
                    }
                    path if let Some(setting) = tables::written_setting(path) => {
                        add(setting, None);
                        // A module that sets the class while it loads, is loaded where it was.
                        let main = || code.ops().any(|op| op.main_guard);
                        if path == "logging.setLoggerClass" && (!func.is_module() || main()) {
                            add(tables::LOGGER_CLASS, None);
                        }
                    }
                    _ => {
                        if let Some((state, method)) = path.rsplit_once('.')
                            && let state = tables::same_state(state)
                            && tables::is_process_state(state)
                            && tables::MUTATORS.contains(&method)
                        {
                            // `os.environ.update(LEVEL="1")`
                            if method == "update" && !call.unpacks() && code.positional(call).is_empty() {
                                for (name, _) in code.keyword_args(call) {
                                    add(state, Some(name));
                                }
                                continue;
                            }
                            let key = if state == "os.environ" { first } else { None };
                            add(state, key);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    for mark in &program.module(id).facts.marks {
        if let MarkKind::PatchesVariable(name) = mark.kind {
            let key = Some(name).filter(|name| !name.as_str().is_empty());
            // It lasts as long as some function or block.
            let when = if key.is_some() { When::Later } else { When::Main };
            let writer = Writer { by: id, at: mark.range.start(), when };
            written.push(((Sym::new("os.environ"), key), writer));
        }
    }
    written
}

/// Whether a module of a project has a configuration of logging that says nothing of the loggers that there are: they are turned off.
fn turns_off_loggers(program: &Program, id: ModuleId) -> bool {
    let [Some(handlers), Some(version)] = ["handlers", "version"].map(Sym::find) else { return false };
    let keeps = Sym::find("disable_existing_loggers");
    program.ids().filter(|&other| same_project(program, other, id) || other == id).any(|other| {
        let facts = &program.module(other).facts;
        let strings = &facts.code.strings;
        strings.contains(&handlers)
            && strings.contains(&version)
            && !keeps.is_some_and(|keeps| strings.contains(&keeps))
    })
}

/// Private names and attributes that modules other than their own use.
pub(super) fn shown_privates(program: &Program) -> FxHashSet<Sym> {
    program.modules.iter().flat_map(|module| module.facts.others_private.iter().copied()).collect()
}

/// Names of functions of which some module asks how full their cache is: `parse.cache_info()`.
pub(super) fn asked_caches(program: &Program) -> FxHashSet<Sym> {
    let Some(asks) = Sym::find("cache_info") else { return FxHashSet::default() };
    of_all(program, |id| {
        let code = &program.module(id).facts.code;
        let asked = |call: crate::facts::Call| match code.value(call.callee) {
            Value::Attr(base, name) if name == asks => match code.value(base) {
                Value::Global(name) | Value::Attr(_, name) => Some(name),
                _ => None,
            },
            _ => None,
        };
        code.calls().filter_map(asked).collect()
    })
    .collect()
}

/// Whether some module may seed the random numbers of the process, or restore their state.
pub(super) fn seeds_random(program: &Program) -> bool {
    let sets = |name: Sym| name == "seed" || name == "setstate";
    program.modules.par_iter().any(|module| {
        let facts = &module.facts;
        facts.imports.iter().any(|import| {
            let names = || import.aliases.iter();
            match import.from {
                Some(from) => {
                    from.module == "random" && names().any(|alias| sets(alias.name) || alias.name == "*")
                }
                None => names().any(|alias| {
                    let bound = alias.asname.unwrap_or(alias.name);
                    // Handed over as a whole, anything may happen to it.
                    alias.name == "random"
                        && facts.reads().any(|read| {
                            read.name == bound && read.chain.first().is_none_or(|&name| sets(name))
                        })
                }),
            }
        })
    })
}

/// Loggers that modules of other packages ask for by name, and the loggers above them.
pub(super) fn observed_loggers(program: &Program) -> FxHashSet<Sym> {
    let mut observed = FxHashSet::default();
    for id in program.ids() {
        let code = &program.module(id).facts.code;
        for call in code.calls() {
            let (Value::Attr(_, name) | Value::Global(name)) = code.value(call.callee) else { continue };
            if name != "getLogger" {
                continue;
            }
            let Some(Value::Str(logger)) = code.positional(&call).first().map(|&a| code.value(a)) else {
                continue;
            };
            let top = |name: &'static str| name.split('.').next().unwrap_or_default();
            if top(logger.as_str()) != top(program.module(id).name.as_str()) {
                let ends = logger.as_str().match_indices('.').map(|(i, _)| i).chain([logger.as_str().len()]);
                observed.extend(ends.map(|end| Sym::new(&logger.as_str()[..end])));
            }
        }
    }
    observed
}

/// Two modules of one distribution, roughly: the same top-level package, or neither in a package. What a package keeps of other
/// people's packages, in a folder of that name, are distributions of their own, as they would be if they were installed.
pub(crate) fn same_project(program: &Program, a: ModuleId, b: ModuleId) -> bool {
    let project = |id: ModuleId| (program.projects[id.index()], program.module(id).installed);
    project(a) == project(b)
}

/// The beginning of a dotted name that says to which distribution the module belongs.
pub(super) fn project_of(name: &str) -> Option<&str> {
    let (top, rest) = name.split_once('.')?;
    let mut start = top.len() + 1;
    for part in rest.split('.') {
        let end = start + part.len();
        if tables::VENDOR_FOLDERS.contains(&part) && end < name.len() {
            let inner = &name[end + 1..];
            return Some(&name[..end + 1 + inner.find('.').unwrap_or(inner.len())]);
        }
        start = end + 1;
    }
    Some(top)
}
