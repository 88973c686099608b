//! `dally culprit`: which deferred imports make a command end differently.
//!
//! Enters: rewritten files and a command. Leaves: the smallest set of their imports with which, done at their original places, the
//! command ends as it does when nothing waits. Nothing is rewritten: the runtime's switches `DALLY_LAZY` and `DALLY_EAGER` do it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rayon::prelude::*;
use ruff_python_ast::visitor::{Visitor, walk_stmt};
use ruff_python_ast::{Expr, Stmt};

use super::arguments::CulpritArgs;
use super::{CliError, NO_FILES, Status, messages};
use crate::config::{Config, PathPatterns};
use crate::discover::{DiscoverOptions, SourceFile, discover};
use crate::report::sites::shown;
use crate::runtime::is_runtime;
use crate::source::{LineIndex, Position, SourceText};
use crate::verify::{Helpers, assign_target};
use crate::write::{MARKER, plain};

/// What one variable of the environment can hold, with room to spare.
const LONGEST: usize = 120_000;

pub fn run(args: &CulpritArgs) -> Result<Status, CliError> {
    let modules = modules(args)?;
    let mut trial = Trial { args, runs: 0, wanted: None };
    let calm = trial.run("DALLY_LAZY", "0")?;
    trial.wanted = Some(calm);
    if trial.passes(&[])? {
        let status = trial.wanted.as_ref().and_then(|end| end.status);
        let ending = match status {
            Some(0) => String::new(),
            Some(status) => format!(" (it fails both times, with exit status {status})"),
            None => " (a signal ends it both times)".to_owned(),
        };
        trial.say(&format!(
            "the command ends in the same way with and without laziness{ending}: there is nothing to look for, if it runs these files"
        ));
        return Ok(Status::Done);
    }
    let names: Vec<String> = modules.iter().map(|module| module.names.join(",")).collect();
    let Some(found) = trial.smallest(&names)? else {
        return Err(CliError::Message(
            "the command ends differently although every import of these files was at its place; \
             is there rewritten code elsewhere, or does it end differently by itself?"
                .to_owned(),
        ));
    };
    // Of these modules, which names?
    let found = found.iter().map(|&at| &modules[at]);
    let suspects: Vec<(&Module, &Form)> =
        found.flat_map(|module| module.forms.iter().map(move |form| (module, form))).collect();
    let names: Vec<String> = suspects.iter().map(|(module, form)| module.entry(&form.name)).collect();
    let found = trial.smallest(&names)?.unwrap_or_else(|| (0..suspects.len()).collect());
    let mut out = io::stdout().lock();
    for (module, form) in found.iter().map(|&at| suspects[at]) {
        let Position { line, column } = form.position;
        writeln!(out, "{}:{line}:{column}: culprit: {}", shown(&module.path), form.statement)?;
    }
    out.flush()?;
    let eager: Vec<&str> = found.iter().map(|&at| names[at].as_str()).collect();
    trial.say(&format!(
        "found in {} runs; `# dally: eager` on the import keeps it at its place, and so does DALLY_EAGER={} for one run",
        trial.runs,
        eager.join(",")
    ));
    Ok(Status::Pending)
}

/// A rewritten file.
struct Module {
    path: PathBuf,
    /// What the runtime may know it by.
    names: Vec<String>,
    forms: Vec<Form>,
}

/// A deferred import in it.
struct Form {
    name: String,
    statement: String,
    position: Position,
}

impl Module {
    /// How `DALLY_EAGER` names one of its imports.
    fn entry(&self, name: &str) -> String {
        let entries: Vec<String> = self.names.iter().map(|module| format!("{module}:{name}")).collect();
        entries.join(",")
    }
}

fn modules(args: &CulpritArgs) -> Result<Vec<Module>, CliError> {
    let first = args.paths.first().map_or(Path::new("."), PathBuf::as_path);
    let config = Config::load(first, args.config.as_deref()).map_err(CliError::Config)?;
    let discovery = discover(&DiscoverOptions {
        paths: args.paths.clone(),
        project_root: config.project_root,
        src: config.src,
        include: PathPatterns::default(),
        exclude: PathPatterns::default(),
        force_exclude: false,
        // What `build` wrote is looked at wherever it is.
        respect_gitignore: false,
        collect_others: false,
        whole_tree: None,
    })
    .map_err(CliError::Discover)?;
    if super::report_paths(&discovery)? {
        return Err(CliError::Message("nothing has been run".to_owned()));
    }
    if discovery.files.is_empty() {
        return Err(CliError::Message(NO_FILES.to_owned()));
    }
    let modules: Vec<Module> = discovery
        .files
        .par_iter()
        .filter(|file| file.selected)
        .filter_map(|file| {
            let forms = forms(&file.absolute)?;
            Some(Module { path: file.path.clone(), names: names(file, &args.command), forms })
        })
        .collect();
    if modules.is_empty() {
        return Err(CliError::Message(
            "no file has imports that placeholders stand for; `lazy import` can be switched off with `python -X lazy_imports=none`"
                .to_owned(),
        ));
    }
    Ok(modules)
}

/// The names by which a module may know itself: in its project or what `build` wrote, in the folder that is named, and if the command
/// runs it.
fn names(file: &SourceFile, command: &[OsString]) -> Vec<String> {
    let mut names = BTreeSet::new();
    let folders = file.absolute.ancestors().skip(1);
    let output = folders.filter(|folder| folder.join(MARKER).is_file()).last();
    if let Some(output) = output.filter(|output| !output.join("__init__.py").is_file()) {
        names.extend(dotted(file.absolute.strip_prefix(output).unwrap_or(&file.relative)));
    } else {
        names.insert(file.module.clone());
        names.extend(dotted(&file.relative));
    }
    let after_m = command.windows(2).filter(|pair| pair[0] == "-m").map(|pair| pair[1].to_string_lossy());
    let run: Vec<String> = after_m.flat_map(|name| [format!("{name}.__main__"), name.into_owned()]).collect();
    let is_script =
        command.iter().any(|argument| fs::canonicalize(argument).is_ok_and(|path| path == file.absolute));
    if is_script || names.iter().any(|name| run.contains(name)) {
        names.insert("__main__".to_owned());
    }
    names.into_iter().collect()
}

/// The module of a file, from the folder that a path is relative to.
fn dotted(relative: &Path) -> Option<String> {
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    let dotted = parts.join(".");
    let module = dotted.strip_suffix(".py").unwrap_or(&dotted);
    let module = module.strip_suffix(".__init__").unwrap_or(module);
    (module != "__init__").then(|| module.to_owned())
}

/// The deferred imports of a file; `None` if there are none.
fn forms(path: &Path) -> Option<Vec<Form>> {
    struct Search<'a> {
        text: &'a str,
        lines: LineIndex,
        helpers: Helpers,
        found: Vec<Form>,
    }
    impl<'a> Visitor<'a> for Search<'_> {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            match stmt {
                Stmt::Assign(assign) => {
                    let form = self.helpers.is_lazy_call(&assign.value).zip(assign_target(assign));
                    if let Some((statement, name)) = form {
                        let position = self.lines.position(self.text, assign.range.start().to_usize());
                        let (name, statement) = (name.to_owned(), statement.to_owned());
                        self.found.push(Form { name, statement, position });
                    }
                }
                Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
                _ => walk_stmt(self, stmt),
            }
        }
        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    let bytes = fs::read(path).ok().filter(|bytes| !is_runtime(bytes))?;
    let source = SourceText::decode(bytes).ok()?;
    let text = source.text();
    let module = ruff_python_parser::parse_module(text).ok()?.into_syntax();
    let helpers = Helpers::of(&module);
    let mut search = Search { text, lines: LineIndex::new(text), helpers, found: Vec::new() };
    search.visit_body(&module.body);
    (!search.found.is_empty()).then_some(search.found)
}

/// How the command ended: its status, and what it printed if that counts.
#[derive(PartialEq, Eq)]
struct End {
    status: Option<i32>,
    output: Vec<u8>,
}

struct Trial<'a> {
    args: &'a CulpritArgs,
    runs: usize,
    /// How it ends when nothing waits.
    wanted: Option<End>,
}

impl Trial<'_> {
    /// The fewest of these entries that have to be eager for the command to end as it should; `None` if all of them do not do.
    ///
    /// Whatever is eager besides does no harm, so each round looks for the shortest beginning of what is left that does, with
    /// those found before. Its last entry is needed, and what is behind it is not.
    fn smallest(&mut self, entries: &[String]) -> Result<Option<Vec<usize>>, CliError> {
        let mut found: Vec<usize> = Vec::new();
        let mut left = self.part(entries)?;
        if left.is_empty() {
            return Ok(None);
        }
        loop {
            let (mut without, mut with) = (0, left.len());
            while without < with {
                let middle = usize::midpoint(without, with);
                let eager: Vec<&str> =
                    found.iter().chain(&left[..middle]).map(|&at| entries[at].as_str()).collect();
                if self.passes(&eager)? {
                    with = middle;
                } else {
                    without = middle + 1;
                }
            }
            if with == 0 {
                found.sort_unstable();
                return Ok(Some(found));
            }
            found.push(left[with - 1]);
            left.truncate(with - 1);
        }
    }

    /// Entries with which the command ends as it should: all, or as many as the environment can hold.
    fn part(&mut self, entries: &[String]) -> Result<Vec<usize>, CliError> {
        let mut parts: Vec<(usize, Vec<usize>)> = vec![(0, Vec::new())];
        for (at, entry) in entries.iter().enumerate() {
            if let Some((length, part)) = parts.last_mut()
                && *length + entry.len() < LONGEST
            {
                *length += entry.len() + 1;
                part.push(at);
            } else {
                parts.push((entry.len() + 1, vec![at]));
            }
        }
        for (_, part) in parts {
            let eager: Vec<&str> = part.iter().map(|&at| entries[at].as_str()).collect();
            if self.passes(&eager)? {
                return Ok(part);
            }
        }
        Ok(Vec::new())
    }

    /// Whether the command ends as it should with these imports at their places.
    fn passes(&mut self, eager: &[&str]) -> Result<bool, CliError> {
        let end = self.run("DALLY_EAGER", &eager.join(","))?;
        let passes = self.wanted.as_ref() == Some(&end);
        if self.args.verbose {
            let verdict = if passes { "as it should" } else { "differently" };
            self.say(&format!("run {}: {} at their places, ends {verdict}", self.runs, eager.len()));
        }
        Ok(passes)
    }

    fn run(&mut self, variable: &str, value: &str) -> Result<End, CliError> {
        self.runs += 1;
        let (program, arguments) = self.args.command.split_first().expect("clap requires a command");
        let output = Command::new(program)
            .args(arguments)
            .env_remove("DALLY_LAZY")
            .env_remove("DALLY_EAGER")
            .env(variable, value)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| {
                CliError::Message(format!("cannot run {}: {}", program.to_string_lossy(), plain(&error)))
            })?;
        let printed = if self.args.output { output.stdout } else { Vec::new() };
        Ok(End { status: output.status.code(), output: printed })
    }

    fn say(&self, text: &str) {
        if !self.args.quiet {
            let _ = writeln!(messages(), "{text}");
        }
    }
}
