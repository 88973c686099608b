//! What a project says about itself: its root, the Pythons it supports and its dependencies.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::table::Document;
use super::{ConfigError, PYPROJECT, PythonVersion};
use crate::discover::is_environment;
use crate::packages::entry_points;

/// The folder that a path is in, or the path itself if it is a folder. Absolute, without symbolic links as far as it exists.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let absolute = std::fs::canonicalize(path)
        .or_else(|_| std::path::absolute(path))
        .unwrap_or_else(|_| path.to_path_buf());
    match absolute.parent() {
        Some(parent) if !absolute.is_dir() => parent.to_path_buf(),
        _ => absolute,
    }
}

/// The nearest folder upwards that looks like the root of a project. Installed packages belong to none, wherever the environment is.
pub(super) fn root_above(folder: &Path) -> Option<PathBuf> {
    let is_root = |folder: &&Path| {
        [PYPROJECT, "setup.py", "setup.cfg", ".git"].iter().any(|marker| folder.join(marker).exists())
    };
    let root = folder.ancestors().find(is_root)?;
    let mut between = folder.ancestors().take_while(|folder| *folder != root);
    (!between.any(is_environment)).then(|| root.to_path_buf())
}

/// The outermost package that a folder is in or is.
pub(super) fn package_around(folder: &Path) -> Option<PathBuf> {
    let is_package = |folder: &&Path| folder.join("__init__.py").is_file();
    folder.ancestors().take_while(is_package).last().map(Path::to_path_buf)
}

/// The metadata of a project.
#[derive(Debug, Default)]
pub(super) struct Project {
    pub(super) requires_python: Option<String>,
    /// Normalised and sorted.
    pub(super) declared: Vec<String>,
    /// Those without which the project itself cannot run, wherever that is. Sorted.
    pub(super) required: Vec<String>,
    /// Those that are needed only in some places. Sorted.
    pub(super) conditional: Vec<String>,
    /// Modules that it offers as plugins.
    pub(super) plugins: Vec<String>,
}

impl Project {
    pub(super) fn read(root: &Path) -> Result<Self, ConfigError> {
        let mut project = Self::default();
        if let Some(document) = Document::read(&root.join(PYPROJECT))? {
            match document.text().parse::<Table>() {
                Ok(table) => project.read_pyproject(&table),
                Err(error) => {
                    let offset = error.span().map(|span| span.start);
                    return Err(document.error(offset, format!("not valid TOML: {}", error.message())));
                }
            }
        }
        let read = |path: PathBuf| {
            // Opening a pipe would wait for whoever writes into it.
            let is_file = std::fs::metadata(&path).is_ok_and(|metadata| metadata.is_file());
            if is_file { std::fs::read_to_string(path).ok() } else { None }
        };
        if let Some(text) = read(root.join("setup.cfg")) {
            project.read_setup_cfg(&text);
        }
        let is_known = !project.declared.is_empty();
        let files = std::fs::read_dir(root).into_iter().flatten().flatten();
        for file in files {
            let name = file.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("requirements")
                && name.ends_with(".txt")
                && let Some(text) = read(file.path())
            {
                // Without other metadata this is where an application says what it needs.
                let role = if name == "requirements.txt" && !is_known { Role::Required } else { Role::Other };
                project.declare(role, text.lines());
            }
        }
        for names in [&mut project.declared, &mut project.required, &mut project.conditional] {
            names.sort_unstable();
            names.dedup();
        }
        Ok(project)
    }

    fn declare<'a>(&mut self, role: Role, requirements: impl IntoIterator<Item = &'a str>) {
        for requirement in requirements {
            let Some(name) = requirement_name(requirement) else { continue };
            if requirement.contains(';') {
                self.conditional.push(name.clone());
            } else if role == Role::Required {
                self.required.push(name.clone());
            }
            self.declared.push(name);
        }
    }

    fn read_pyproject(&mut self, table: &Table) {
        let at = |path: &[&str]| {
            path.iter()
                .try_fold(None, |found: Option<&Value>, key| {
                    let table = found.map_or(Some(table), Value::as_table)?;
                    table.get(*key).map(Some)
                })
                .flatten()
        };
        let python =
            at(&["project", "requires-python"]).or_else(|| at(&["tool", "poetry", "dependencies", "python"]));
        self.requires_python = python.and_then(Value::as_str).map(str::to_owned);

        self.declare(Role::Required, at(&["project", "dependencies"]).into_iter().flat_map(strings));
        self.declare(Role::Other, at(&["tool", "uv", "dev-dependencies"]).into_iter().flat_map(strings));
        for groups in [at(&["project", "optional-dependencies"]), at(&["dependency-groups"])] {
            let lists = groups.and_then(Value::as_table).into_iter().flatten();
            self.declare(Role::Other, lists.flat_map(|(_, list)| strings(list)));
        }
        let groups = at(&["tool", "poetry", "group"]).and_then(Value::as_table);
        let groups = groups.into_iter().flatten().filter_map(|(_, group)| group.get("dependencies"));
        let single = [at(&["tool", "poetry", "dependencies"]), at(&["tool", "poetry", "dev-dependencies"])];
        let needed = at(&["tool", "poetry", "dependencies"]).and_then(Value::as_table).into_iter().flatten();
        let needed = needed.filter(|(name, value)| *name != "python" && value.is_str());
        self.declare(Role::Required, needed.map(|(name, _)| name.as_str()));
        for table in single.into_iter().flatten().chain(groups) {
            let names = table.as_table().into_iter().flatten().map(|(name, _)| name.as_str());
            self.declare(Role::Other, names.filter(|name| *name != "python"));
        }
        let plugins = [at(&["project", "entry-points"]), at(&["tool", "poetry", "plugins"])];
        for groups in plugins.into_iter().flatten().filter_map(Value::as_table) {
            self.read_plugins(groups);
        }
    }

    /// `[project.entry-points]`, and what poetry calls it.
    fn read_plugins(&mut self, groups: &Table) {
        for (_, points) in groups.iter().filter(|(group, _)| entry_points::is_plugin_group(group)) {
            let values = points.as_table().into_iter().flatten().filter_map(|(_, value)| value.as_str());
            let modules = values.filter_map(entry_points::module_of).map(str::to_owned);
            self.plugins.extend(modules);
        }
    }

    fn read_setup_cfg(&mut self, text: &str) {
        let mut section = "";
        let mut key = "";
        for line in text.lines() {
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
                continue;
            }
            let value = if line.starts_with([' ', '\t']) {
                trimmed
            } else if let Some(name) = trimmed.strip_prefix('[') {
                section = name.trim_end_matches(']').trim();
                key = "";
                continue;
            } else if let Some((name, value)) = trimmed.split_once(['=', ':']) {
                key = name.trim();
                value.trim()
            } else {
                continue;
            };
            match (section, key) {
                ("options", "python_requires") if !value.is_empty() => {
                    self.requires_python.get_or_insert_with(|| value.to_owned());
                }
                ("options", "install_requires") => self.declare(Role::Required, Some(value)),
                ("options.extras_require", _) => self.declare(Role::Other, Some(value)),
                ("options.entry_points", group) if entry_points::is_plugin_group(group) => {
                    let module = value.split_once('=').and_then(|(_, value)| entry_points::module_of(value));
                    self.plugins.extend(module.map(str::to_owned));
                }
                _ => {}
            }
        }
    }
}

/// What a requirement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The project itself.
    Required,
    /// Its tests, its documentation, an optional part.
    Other,
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// The normalised name in a requirement: `Zope.Interface[test]>=5 ; extra` is `zope-interface`.
fn requirement_name(requirement: &str) -> Option<String> {
    let requirement = requirement.trim();
    let end = requirement
        .find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)))
        .unwrap_or(requirement.len());
    let (name, rest) = requirement.split_at(end);
    // Options, comments, paths and addresses.
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || rest.starts_with([':', '/', '\\', '+']) {
        return None;
    }
    Some(normalised(name.trim_end_matches(['-', '_', '.'])))
}

/// The name of a distribution as it is compared: `Zope.Interface` is `zope-interface`.
pub(crate) fn normalised(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        if !"-_.".contains(c) {
            normal.push(c.to_ascii_lowercase());
        } else if !normal.ends_with('-') {
            normal.push('-');
        }
    }
    normal
}

/// The oldest Python 3 that a specifier like `>=3.9,<4` allows, among those that dally writes for. `None` when
/// it sets no lower bound or cannot be read.
pub(super) fn minimum_version(specifier: &str) -> Option<PythonVersion> {
    let alternatives: Vec<Vec<Clause>> = specifier
        .split("||")
        .map(|alternative| {
            let clauses = alternative.split(',').map(str::trim).filter(|clause| !clause.is_empty());
            clauses.map(Clause::parse).collect::<Option<Vec<_>>>()
        })
        .collect::<Option<_>>()?;
    // The last release of a minor version is as good as any beyond those that the clauses name.
    let micros: Vec<u32> = alternatives
        .iter()
        .flatten()
        .filter_map(|clause| clause.release.get(2).copied())
        .flat_map(|micro| [micro.saturating_sub(1), micro, micro + 1])
        .chain([0, 1, 1000])
        .collect();
    let allows = |minor: u32| {
        micros.iter().any(|micro| {
            let version = [3, minor, *micro];
            alternatives.iter().any(|clauses| clauses.iter().all(|clause| clause.allows(version)))
        })
    };
    let oldest = (0..100).find(|minor| allows(*minor))?;
    if oldest == 0 {
        return None;
    }
    let (first, last) = (PythonVersion::OLDEST.minor, PythonVersion::NEWEST.minor);
    let minor = (u32::from(first)..=u32::from(last)).find(|minor| allows(*minor));
    let minor = minor.and_then(|minor| u8::try_from(minor).ok()).unwrap_or(last);
    Some(PythonVersion::three(minor))
}

/// One clause of a version specifier.
struct Clause {
    operator: Operator,
    release: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    AtLeast,
    AtMost,
    Above,
    Below,
    Equal,
    NotEqual,
    /// `== 3.8.*`
    Within,
    /// `!= 3.8.*`
    Outside,
    /// `~= 3.8`: at least, and equal but for the last number.
    Compatible,
    /// Poetry's `^3.8`: at least, and the same first number.
    Caret,
    /// Poetry's `~3.8`: at least, and the same first two numbers.
    Tilde,
}

impl Clause {
    fn parse(clause: &str) -> Option<Self> {
        const OPERATORS: &[(&str, Operator)] = &[
            ("===", Operator::Equal),
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("~=", Operator::Compatible),
            (">=", Operator::AtLeast),
            ("<=", Operator::AtMost),
            (">", Operator::Above),
            ("<", Operator::Below),
            ("^", Operator::Caret),
            ("~", Operator::Tilde),
            ("=", Operator::Equal),
            ("", Operator::Equal),
        ];
        let (operator, version) = OPERATORS
            .iter()
            .find_map(|(text, operator)| Some((*operator, clause.strip_prefix(text)?.trim())))?;
        let version = version.trim_start_matches(['v', 'V']);
        let (version, wildcard) = match version.strip_suffix('*') {
            Some(start) => (start.trim_end_matches('.'), true),
            None => (version, false),
        };
        let mut release = Vec::new();
        for part in version.split('.').filter(|part| !part.is_empty()) {
            let digits: &str = &part[..part.bytes().take_while(u8::is_ascii_digit).count()];
            if !digits.is_empty() {
                release.push(digits.parse().ok()?);
            }
            // The rest is a pre-release, post-release or local part.
            if digits.len() < part.len() {
                break;
            }
        }
        if release.is_empty() && !wildcard {
            return None;
        }
        let operator = match operator {
            Operator::Equal if wildcard => Operator::Within,
            Operator::NotEqual if wildcard => Operator::Outside,
            other => other,
        };
        Some(Self { operator, release })
    }

    fn allows(&self, version: [u32; 3]) -> bool {
        let bound = [0, 1, 2].map(|at| self.release.get(at).copied().unwrap_or(0));
        let same = |numbers: usize| {
            let numbers = numbers.min(self.release.len()).min(3);
            version[..numbers] == bound[..numbers]
        };
        match self.operator {
            Operator::AtLeast => version >= bound,
            Operator::AtMost => version <= bound,
            Operator::Above => version > bound,
            Operator::Below => version < bound,
            Operator::Equal => version == bound,
            Operator::NotEqual => version != bound,
            Operator::Within => same(3),
            Operator::Outside => !same(3),
            Operator::Compatible => version >= bound && same(self.release.len().saturating_sub(1)),
            Operator::Caret => version >= bound && same(1),
            Operator::Tilde => version >= bound && same(2),
        }
    }
}
