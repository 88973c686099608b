//! `dally init`: a configuration with comments, and the pre-commit entry, for the project as it is found.
//!
//! Writes new files only. What exists is never changed: then the text is printed, to be put there by hand.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::arguments::InitArgs;
use super::{CliError, Status};
use crate::config::{Config, PythonVersion};
use crate::report::sites::{portable, slashes};
use crate::write::add_file;

const OWN_FILE: &str = "dally.toml";
const PRE_COMMIT: &str = ".pre-commit-config.yaml";

pub fn run(args: &InitArgs) -> Result<Status, CliError> {
    if !args.project.is_dir() {
        return Err(CliError::Message(format!("{}: not a folder", args.project.display())));
    }
    let config = Config::load(&args.project, None).map_err(CliError::Config)?;
    if let Some(file) = &config.file {
        return Err(CliError::Message(format!(
            "{}: dally is configured here already; nothing has been written{}",
            portable(file),
            // The nearest one counts.
            if is_in(file, &args.project) {
                ""
            } else {
                ". A `dally.toml` made by hand makes this folder a project of its own"
            }
        )));
    }
    let project = Project::look(&args.project, &config);
    let file = args.project.join(OWN_FILE);
    if fs::symlink_metadata(&file).is_ok() {
        return Err(CliError::Message(format!("{}: exists; nothing has been written", file.display())));
    }
    let text = project.configuration();
    add_file(&file, text.as_bytes()).map_err(|error| CliError::Message(error.to_string()))?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}: written", portable(&file))?;
    if !is_in(&config.project_root.join(OWN_FILE), &args.project) {
        let around = config.project_root.display();
        writeln!(out, "it makes this folder a project of its own; the project around it is {around}")?;
    }
    if !args.no_pre_commit {
        let (repository, below) = repository(&args.project);
        let hooks = repository.join(PRE_COMMIT);
        let entry = entry(&below);
        if fs::symlink_metadata(&hooks).is_ok() {
            writeln!(out, "{}: exists, and is left alone; add this under `repos:`\n", portable(&hooks))?;
            write!(out, "{entry}")?;
        } else {
            let text = format!("repos:\n{entry}");
            add_file(&hooks, text.as_bytes()).map_err(|error| CliError::Message(error.to_string()))?;
            writeln!(out, "{}: written", portable(&hooks))?;
        }
    }
    writeln!(out, "next: dally check")?;
    out.flush()?;
    Ok(Status::Done)
}

fn is_in(file: &Path, folder: &Path) -> bool {
    file.parent().and_then(|parent| fs::canonicalize(parent).ok()) == fs::canonicalize(folder).ok()
}

/// What decides about the configuration.
struct Project {
    minimum: Option<PythonVersion>,
    /// The import roots below the project.
    src: Vec<&'static str>,
    /// Packages in the first import root.
    packages: Vec<String>,
    /// Folders that hold no code of the product.
    apart: Vec<&'static str>,
}

impl Project {
    fn look(folder: &Path, config: &Config) -> Self {
        let is_root = |name: &&str| {
            let folder = folder.join(name);
            !packages(&folder).is_empty() || *name == "src" && !is_package(&folder) && has_python(&folder, 3)
        };
        let layout = ["src", "lib"].into_iter().find(is_root);
        let root = layout.map_or_else(|| folder.to_path_buf(), |name| folder.join(name));
        let apart = ["tests", "test", "docs", "examples", "benchmarks"];
        let apart: Vec<&str> = apart.into_iter().filter(|name| folder.join(name).is_dir()).collect();
        let mut packages = packages(&root);
        packages.retain(|name| !apart.contains(&name.as_str()));
        let src = layout.map_or_else(Vec::new, |name| vec![name, "."]);
        Self { minimum: config.minimum_version, src, packages, apart }
    }

    fn configuration(&self) -> String {
        let mut out = String::from(
            "# Configuration of dally, which makes imports lazy ahead of time.\n\
             # The same keys can stand in pyproject.toml under [tool.dally].\n\n",
        );
        let native = self.minimum.is_some_and(|version| version == PythonVersion::NEWEST);
        out.push_str(
            "# proxy: placeholders, for Python 3.8 and later; native: `lazy import`, for 3.15 and later;\n\
             # lazy-modules: one source for all, lazy from 3.15 on.\n",
        );
        let _ = writeln!(out, "target = \"{}\"\n", if native { "native" } else { "proxy" });
        let (version, origin) = self
            .minimum
            .map_or((PythonVersion::OLDEST, "The project does not say, so this is assumed"), |version| {
                (version, "The project says so")
            });
        let _ = writeln!(
            out,
            "# The oldest Python that has to run it. {origin}.\n# python-version = \"{version}\"\n"
        );
        out.push_str("# Where imports are looked up.\n");
        if self.src.is_empty() {
            out.push_str("# src = [\".\"]\n\n");
        } else {
            let _ = writeln!(out, "src = {:?}\n", self.src);
        }
        out.push_str(
            "# Files that are rewritten; all files are analysed. Begin with one folder and add others.\n",
        );
        let first = match (&self.src[..], &self.packages[..]) {
            ([root, ..], _) => (*root).to_owned(),
            ([], [package, ..]) => package.clone(),
            ([], []) => "one/folder".to_owned(),
        };
        let _ = writeln!(out, "# include = [\"{first}/**\"]");
        let quoted: Vec<String> = self.apart.iter().map(|name| format!("{name}/**")).collect();
        if quoted.is_empty() {
            out.push_str("# exclude = [\"tests/**\"]\n\n");
        } else {
            let _ = writeln!(out, "exclude = {quoted:?}\n");
        }
        if let ([package], false) = (&self.packages[..], native) {
            let _ = writeln!(
                out,
                "# The runtime file travels inside the package, so that it is installed with it.\n\
                 runtime = \"{package}._dally\"\n"
            );
        } else {
            out.push_str(
                "# The runtime file's module. Inside a package it is installed with it.\n\
                 # runtime = \"yourpackage._dally\"\n\n",
            );
        }
        out.push_str(
            "# strict: what cannot be resolved counts as an effect; balanced; trusting: no whole-program judgement.\n\
             # safety = \"balanced\"\n\n\
             # Modules that are always imported eagerly, and files in which nothing is lazy.\n\
             # eager = [\"readline\", \"company.plugins.*\"]\n\
             # eager-in = [\"legacy/**\"]\n\n\
             # Functions whose call at import time is harmless, and functions whose call is not.\n\
             # [effects]\n\
             # pure = [\"company.log.setup\"]\n\
             # effect = [\"company.registry.add\"]\n",
        );
        out
    }
}

/// Names of packages directly below a folder, sorted.
fn packages(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.path())
        .filter(|path: &PathBuf| is_package(path))
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

fn is_package(folder: &Path) -> bool {
    folder.join("__init__.py").is_file()
}

/// Whether there is source in a folder, at most so many levels below: also in packages without `__init__.py`.
fn has_python(folder: &Path, levels: usize) -> bool {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).any(|path| {
        path.extension().is_some_and(|extension| extension == "py")
            || levels > 0 && path.is_dir() && !path.is_symlink() && has_python(&path, levels - 1)
    })
}

/// The repository around a project, where pre-commit looks for its configuration, and the way down.
fn repository(project: &Path) -> (PathBuf, String) {
    let absolute = fs::canonicalize(project).unwrap_or_else(|_| project.to_path_buf());
    let around = absolute.ancestors().find(|folder| folder.join(".git").exists());
    match around {
        Some(around) if around != absolute => {
            let below = absolute.strip_prefix(around).unwrap_or(Path::new(""));
            (around.to_path_buf(), slashes(&below.to_string_lossy()))
        }
        _ => (project.to_path_buf(), String::new()),
    }
}

/// The hook, for an installed dally and the files below a folder.
fn entry(below: &str) -> String {
    let mut files = String::new();
    if !below.is_empty() {
        let special =
            |c: char| if c.is_alphanumeric() || "/_-".contains(c) { c.to_string() } else { format!("\\{c}") };
        let pattern: String = below.chars().map(special).collect();
        files = format!("        files: '^{}/'\n", pattern.replace('\'', "''"));
    }
    format!("{ENTRY}{files}")
}

const ENTRY: &str = "  - repo: local\n    \
       hooks:\n      \
         - id: dally\n        \
           name: dally\n        \
           description: make imports lazy that can wait\n        \
           entry: dally apply --quiet --force-exclude\n        \
           language: system\n        \
           types: [python]\n        \
           # One process sees all files, because decisions use the whole project.\n        \
           require_serial: true\n";
