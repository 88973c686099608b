//! Packages and scripts that the program copies or packs, to run them where there is no runtime file.
//!
//! ```python
//! shutil.copytree("engine", target / "engine")
//! with tarfile.open("engine.tar", "w") as archive:
//!     archive.add("engine")
//! zipfile.PyZipFile("engine.zip", "w").writepy("engine")
//! ```
//!
//! What is meant are packages and scripts that a call names, from where the module is or from the top, if it copies folders or fills
//! archives. A folder that is no package does not count if a program in it is meant to be run: that has the runtime file beside it.

use crate::facts::{Code, ImportStmt, Sym, Value, ValueId};
use crate::program::state::{foreign_path, of_all};
use crate::program::{ModuleId, Program};

/// Functions that copy or pack folders, and where they are told which: by what position, by what keywords.
const CARRIERS: &[(&str, &[usize], &[&str])] = &[
    ("copytree", &[0], &["src"]),
    ("make_archive", &[2, 3], &["root_dir", "base_dir"]),
    ("writepy", &[0], &["pathname"]),
];

/// Methods of archives that take files in, what a module mentions that has such an archive, and by what keyword the method is told which.
const FILLERS: &[(&str, &[&str], &str)] =
    &[("add", &["tarfile", "TarFile"], "name"), ("write", &["zipfile", "ZipFile"], "filename")];

/// What makes an archive.
const ARCHIVES: &[&str] = &["TarFile", "ZipFile", "PyZipFile"];

/// Functions that give the path that they are given, or put it together of its parts.
const PATHS: &[&str] =
    &["join", "joinpath", "Path", "PurePath", "abspath", "realpath", "fspath", "str", "resolve"];

/// The modules, and who carries them away.
pub(super) fn carried(program: &Program) -> Vec<(ModuleId, ModuleId)> {
    of_all(program, |id| carried_by(program, id)).collect()
}

fn carried_by(program: &Program, id: ModuleId) -> Vec<(ModuleId, ModuleId)> {
    let module = program.module(id);
    let code = &module.facts.code;
    if module.installed || !module.facts.imports.iter().any(carries) {
        return Vec::new();
    }
    let own = if module.is_package { module.name.as_str() } else { parent(module.name.as_str()) };
    let mut texts: Vec<String> = Vec::new();
    for call in code.calls() {
        let callee = code.value(call.callee);
        // `from shutil import copytree as copy`
        let imported = foreign_path(program, id, call.callee);
        let name = match (&imported, callee) {
            (Some(path), _) => path.rsplit('.').next().unwrap_or_default(),
            (None, Value::Global(name) | Value::Attr(_, name)) => name.as_str(),
            (None, _) => continue,
        };
        let carrier = CARRIERS.iter().find(|(carrier, ..)| name == *carrier);
        let (places, keywords): (&[usize], &[&str]) = if let Some((_, places, keywords)) = carrier {
            (places, keywords)
        } else if let Some((.., keyword)) =
            FILLERS.iter().find(|(method, archives, _)| name == *method && code.mentions(archives))
            && let Value::Attr(archive, _) = callee
            && may_be_archive(code, archive)
        {
            (&[0], std::slice::from_ref(keyword))
        } else {
            continue;
        };
        let args = code.positional(&call);
        let named = code.keyword_args(&call).filter(|(name, _)| keywords.contains(&name.as_str()));
        let given = places.iter().filter_map(|&place| args.get(place).copied());
        for value in given.chain(named.map(|(_, value)| value)) {
            texts.extend(paths_of(code, value, 0));
        }
    }
    let mut found = Vec::new();
    for text in &texts {
        let path = text.trim_start_matches("./").trim_end_matches('/');
        let name = path.strip_suffix(".py").unwrap_or(path).replace('/', ".");
        if name.is_empty() || name.starts_with('.') {
            continue;
        }
        let beside = if own.is_empty() { name.clone() } else { format!("{own}.{name}") };
        let Some(named) = program.find(&beside).or_else(|| program.find(&name)) else { continue };
        if named == id || program.module(named).installed {
            continue;
        }
        if path.ends_with(".py") {
            found.push((named, id));
        } else if program.module(named).is_package {
            found.push((named, id));
            found.extend(program.modules_below(named).into_iter().map(|below| (below, id)));
        }
    }
    found
}

/// Whether an import brings in what copies folders or fills archives.
fn carries(import: &ImportStmt) -> bool {
    let known = |name: Sym| matches!(name.as_str(), "shutil" | "tarfile" | "zipfile");
    match import.from {
        Some(from) => from.level == 0 && known(from.module),
        None => import.aliases.iter().any(|alias| known(alias.name)),
    }
}

/// Whether a value may be an archive: it is made as one, or somebody gives it.
fn may_be_archive(code: &Code, value: ValueId) -> bool {
    let may = |value: ValueId| value == ValueId::OPAQUE || is_made_archive(code, value, 0);
    match code.value(value) {
        Value::Var(var) => {
            let assigned = code.assigned_to(var);
            assigned.is_empty() || assigned.iter().any(|&value| may(value))
        }
        Value::Global(name) => code.globals_of(name).iter().any(|&(_, value)| may(value)),
        _ => may(value),
    }
}

/// `tarfile.open(path, "w")`, also as `with` enters it.
fn is_made_archive(code: &Code, value: ValueId, depth: u32) -> bool {
    let made = |value: ValueId| depth < 4 && is_made_archive(code, value, depth + 1);
    match code.value(value) {
        Value::Either(one, other) => made(one) || made(other),
        Value::Call(call) => match code.value(code.call(call).callee) {
            Value::Attr(_, name) => name == "open" || ARCHIVES.contains(&name.as_str()),
            Value::Global(name) => ARCHIVES.contains(&name.as_str()),
            _ => false,
        },
        _ => false,
    }
}

/// The paths that a value is, as far as they are written out: of `os.path.join(here, "engine", "data")` it is `engine/data`.
fn paths_of(code: &Code, value: ValueId, depth: u32) -> Vec<String> {
    let of = |value| if depth < 4 { paths_of(code, value, depth + 1) } else { Vec::new() };
    match code.value(value) {
        Value::Str(text) => vec![text.as_str().to_owned()],
        Value::Global(name) => code.globals_of(name).iter().flat_map(|&(_, value)| of(value)).collect(),
        Value::Var(var) => code.assigned_to(var).iter().flat_map(|&value| of(value)).collect(),
        Value::Item(inner) | Value::Holder(inner) | Value::Sum(inner) => of(inner),
        Value::Either(one, other) => [of(one), of(other)].concat(),
        Value::Call(call) => {
            let call = code.call(call);
            match code.value(call.callee) {
                Value::Global(name) | Value::Attr(_, name) if PATHS.contains(&name.as_str()) => {
                    let mut parts =
                        code.positional(&call).iter().map(|&part| of(part)).filter(|part| !part.is_empty());
                    let first = parts.next().unwrap_or_default();
                    parts.fold(first, |paths, part| {
                        paths
                            .iter()
                            .flat_map(|path| part.iter().map(move |part| format!("{path}/{part}")))
                            .collect()
                    })
                }
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

fn parent(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(parent, _)| parent)
}
