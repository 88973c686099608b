//! Files that the program changes, and the modules that read or are them.
//!
//! ```python
//! RATES = Path("rates.json").read_text()      # another module writes rates.json
//! PAGES = glob("*.html")                      # another module writes index.html
//! ```

use rustc_hash::{FxHashMap, FxHashSet};

use super::state::{module_of, of_all, same_project};
use super::watched::imports;
use super::{ModuleId, Origin, Program, tables};
use crate::facts::{Call, Code, MarkKind, Sym, Value, ValueId};

/// Files that more than one module names, in a program that changes files.
#[derive(Debug, Default)]
pub(super) struct ChangedFiles {
    /// Modules whose own source file another one names.
    sources: FxHashSet<ModuleId>,
    /// Modules that name a data file which another module of the project names as well.
    data: FxHashSet<ModuleId>,
}

impl ChangedFiles {
    /// Whether the program may change the source of a module.
    pub(super) fn is_source_changed(&self, id: ModuleId) -> bool {
        self.sources.contains(&id)
    }

    /// Whether the program may change data that a module reads.
    pub(super) fn is_data_changed(&self, id: ModuleId) -> bool {
        self.data.contains(&id)
    }
}

/// What one module has to do with files.
struct Found {
    id: ModuleId,
    /// The Python files that it names.
    named: Vec<Sym>,
    /// The data files that it names.
    data: Vec<&'static str>,
    /// It changes files.
    changes: bool,
    /// The other files that it gives to functions, if it changes files.
    given: Vec<&'static str>,
}

impl Found {
    fn of(program: &Program, id: ModuleId) -> Self {
        let facts = &program.module(id).facts;
        let code = &facts.code;
        let named = facts.marks.iter().filter_map(|mark| match mark.kind {
            MarkKind::PythonFileName(name) => Some(name),
            _ => None,
        });
        let changes = code.calls().any(|call| match code.value(call.callee) {
            Value::Global(name) | Value::Attr(_, name) if name == "open" => {
                let modes = code.positional(&call).iter().take(2).copied();
                let named = code.keyword_args(&call).filter(|(name, _)| *name == "mode");
                modes.chain(named.map(|(_, mode)| mode)).any(
                    |mode| matches!(code.value(mode), Value::Str(mode) if is_writing_mode(mode.as_str())),
                )
            }
            Value::Attr(_, name) | Value::Global(name)
                if matches!(name.as_str(), "remove" | "move" | "replace" | "copy") =>
            {
                // Lists have `remove` as well, and texts `replace`.
                let of = match code.value(call.callee) {
                    Value::Attr(base, _) => match code.value(base) {
                        Value::Global(name) => Some(name),
                        Value::Var(var) => Some(code.vars[var as usize].name),
                        _ => None,
                    },
                    _ => None,
                };
                of.is_none_or(|of| matches!(of.as_str(), "os" | "_os" | "shutil"))
            }
            Value::Attr(_, name) | Value::Global(name) => tables::changes_files(name.as_str()),
            _ => false,
        });
        let given = if changes { given_files(code).collect() } else { Vec::new() };
        Self { id, named: named.collect(), data: data_files(code).collect(), changes, given }
    }
}

/// Finds the files that the program may change.
pub(super) fn changed_files(program: &Program) -> ChangedFiles {
    let mut files = ChangedFiles::default();
    let mut named = FxHashSet::default();
    let mut data: FxHashMap<&'static str, Vec<ModuleId>> = FxHashMap::default();
    let mut changers = Vec::new();
    let mut given: FxHashSet<&'static str> = FxHashSet::default();
    for found in of_all(program, |id| vec![Found::of(program, id)]) {
        named.extend(found.named.into_iter().map(|name| (name, found.id)));
        for name in found.data {
            let modules = data.entry(name).or_default();
            if modules.last() != Some(&found.id) {
                modules.push(found.id);
            }
        }
        if found.changes {
            changers.push(found.id);
        }
        given.extend(found.given);
    }
    if changers.is_empty() {
        return files;
    }
    // Who else has the name of such a file as a text, may read it.
    if !given.is_empty() {
        let mentions = |id: ModuleId| {
            let texts = program.module(id).facts.code.strings.iter().map(|text| last_part(text.as_str()));
            texts.filter(|text| given.contains(text)).map(|text| (text, id)).collect()
        };
        for (name, id) in of_all(program, mentions) {
            let modules = data.entry(name).or_default();
            if modules.last() != Some(&id) {
                modules.push(id);
            }
        }
    }
    let only_named = add_by_name(program, &mut data, &changers);
    // `glob("*.cfg")` finds whatever file of that kind another module names.
    for (pattern, readers) in data.iter().filter(|(name, _)| name.contains(['*', '?'])) {
        let kind = |name: &'static str| name.rsplit('.').next();
        let kin = data.iter().filter(|(name, _)| *name != pattern && kind(name) == kind(pattern));
        let others: Vec<ModuleId> = kin.flat_map(|(_, modules)| modules).copied().collect();
        let found =
            |id: ModuleId| others.iter().any(|&other| other != id && same_project(program, id, other));
        files.data.extend(readers.iter().copied().filter(|&id| found(id)));
    }
    for (name, modules) in data.iter().filter(|(_, modules)| modules.len() > 1) {
        for &id in modules {
            let counts = |other: ModuleId| other != id && !only_named.contains(&(*name, other));
            if modules.iter().any(|&other| counts(other) && same_project(program, id, other)) {
                files.data.insert(id);
            }
        }
    }
    let mut by_stem: FxHashMap<&str, Vec<ModuleId>> = FxHashMap::default();
    for id in program.ids().filter(|_| !named.is_empty()) {
        let name = program.module(id).name.as_str();
        by_stem.entry(name.rsplit('.').next().unwrap_or(name)).or_default().push(id);
    }
    for (name, by) in named {
        let path = name.as_str().trim_end_matches(".py");
        // Whoever lays out a new package writes such a file, somewhere else.
        if path == "__init__" {
            continue;
        }
        let stem = path.rsplit('/').next().unwrap_or(path);
        // Whoever names a file only to look for it or to run it, has nothing to do with those who write elsewhere; one module
        // beside another may be its helper.
        let helper =
            |id: ModuleId| !program.module(id).name.as_str().contains('.') && imports(program, by, id);
        let near = |&changer: &ModuleId| same_project(program, changer, by) || helper(changer);
        if !by_stem.contains_key(stem) || !changers.iter().any(near) {
            continue;
        }
        for &id in by_stem.get(stem).into_iter().flatten() {
            if id != by && same_project(program, id, by) {
                files.sources.insert(id);
            }
        }
    }
    files
}

/// The data files that the texts of some code name.
fn data_files(code: &Code) -> impl Iterator<Item = &'static str> {
    let texts = code.strings.iter().map(|text| text.as_str()).filter(|text| tables::is_data_file(text));
    texts.map(last_part)
}

/// The files that functions are given by texts, whatever they are called: `open(".env", "w")`, `HERE.joinpath("LOCK")`.
fn given_files(code: &Code) -> impl Iterator<Item = &'static str> {
    let takes = |call: &Call| match code.value(call.callee) {
        Value::Global(name) | Value::Attr(_, name) => tables::takes_path(name.as_str()),
        _ => false,
    };
    let path = |call: Call| {
        let given = code.positional(&call);
        let path = if given.len() > 1 && is_mode(code, &call) { given.first() } else { given.last() };
        match code.value(*path?) {
            Value::Str(text) => Some(last_part(text.as_str())),
            _ => None,
        }
    };
    let named = code.calls().filter(takes).filter_map(path);
    named.filter(|name| name.len() > 1 && !tables::is_data_file(name))
}

/// The name of a file without the folders before it.
fn last_part(path: &'static str) -> &'static str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Whether the last argument of a call says how a file is opened.
fn is_mode(code: &Code, call: &Call) -> bool {
    let last = code.positional(call).last();
    last.is_some_and(|&last| matches!(code.value(last), Value::Str(mode) if mode.as_str().len() <= 3 && mode.as_str().bytes().all(|c| b"rwaxbt+U".contains(&c))))
}

/// Adds the modules that know a file by a name of another module: `open(settings.PATH)`, where `settings` says
/// `PATH = os.path.join(HERE, "rates.json")`. Gives the files that a module has only a name for, for others.
fn add_by_name(
    program: &Program,
    data: &mut FxHashMap<&'static str, Vec<ModuleId>>,
    changers: &[ModuleId],
) -> FxHashSet<(&'static str, ModuleId)> {
    let mut named: FxHashMap<(ModuleId, Sym), Vec<&'static str>> = FxHashMap::default();
    for id in data.values().flatten().copied().collect::<FxHashSet<_>>() {
        let code = &program.module(id).facts.code;
        for &(name, value) in &code.globals {
            let mut files: Vec<&'static str> = data_files_of(code, value, 0);
            if !files.is_empty() {
                named.entry((id, name)).or_default().append(&mut files);
            }
        }
    }
    let mut only_named = FxHashSet::default();
    if named.is_empty() {
        return only_named;
    }
    let names: FxHashSet<Sym> = named.keys().map(|&(_, name)| name).collect();
    let mut add = |key: (ModuleId, Sym), id: ModuleId| {
        for &file in named.get(&key).into_iter().flatten() {
            let code = &program.module(key.0).facts.code;
            let hands_on = || {
                code.calls().any(|call| {
                    code.positional(&call).iter().any(|&given| code.value(given) == Value::Global(key.1))
                })
            };
            if !changers.contains(&key.0) && code.functions.len() == 1 && !hands_on() {
                only_named.insert((file, key.0));
            }
            let modules = data.entry(file).or_default();
            if !modules.contains(&id) {
                modules.push(id);
            }
        }
    };
    for id in program.ids() {
        let facts = &program.module(id).facts;
        for import in &facts.imports {
            for alias in 0..import.aliases.len() {
                match program.origin(id, import, alias) {
                    Origin::Attribute(source, name) if source != id => add((source, name), id),
                    _ => {}
                }
            }
        }
        for (base, name) in facts.code.attributes_with_bases() {
            if names.contains(&name[0])
                && let Some(source) = module_of(program, id, base)
            {
                add((source, name[0]), id);
            }
        }
    }
    only_named
}

/// The data files that a value is made of: a text, or what a call makes of some.
fn data_files_of(code: &Code, value: ValueId, depth: u32) -> Vec<&'static str> {
    match code.value(value) {
        Value::Str(text) if tables::is_data_file(text.as_str()) => {
            vec![text.as_str().rsplit('/').next().unwrap_or_default()]
        }
        Value::Call(call) if depth < 4 => {
            let args = code.positional(&code.call(call)).to_vec();
            args.into_iter().flat_map(|value| data_files_of(code, value, depth + 1)).collect()
        }
        _ => Vec::new(),
    }
}

fn is_writing_mode(mode: &str) -> bool {
    mode.len() <= 3 && mode.contains(['w', 'a', 'x', '+'])
}
