//! The data flow of one run: discover, read and parse, link, decide, rewrite.
//!
//! Enters: a [`Request`]. Leaves: a [`Run`], from which the commands take what they print or write. Reading,
//! parsing and rewriting run in parallel and map values to values; results keep the order of the files.

mod apart;
mod installed;
mod judge;
mod read;
mod recall;
mod runtime;
mod standing;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use crate::cache::{Content, Use, content_of};
use crate::config::{Annotations, Config, ConfigError, Escapes, PythonVersion, Safety, Target};
use crate::decide::{DecideOptions, Decisions, ModuleVerdicts};
use crate::discover::{DiscoverError, DiscoverOptions, Discovery, SourceFile, discover};
use crate::facts::{ImportStmt, ModuleFacts, Sym};
use crate::packages::{Choice, Packages, PackagesError, Surroundings};
use crate::program::ModuleId;
use crate::program::effects::Conflict;
use crate::revert::{self, Which};
use crate::rewrite::edit::OffsetMap;
use crate::rewrite::{self, Form, Plan, Refusal};
use crate::source::SourceText;
use crate::verify::{self, Fingerprint};
use crate::write::plain;
pub(crate) use apart::apart;
use apart::overruled;
use judge::Judged;
pub use judge::JudgedModule;
use read::{count_lines, failure_at, io_failure, parse, refused, syntax_failure};
pub use runtime::RuntimeModule;
pub use standing::{Counts, Standing};

/// What a run is asked to do.
#[derive(Debug, Clone)]
pub struct Request {
    /// Files and directories.
    pub paths: Vec<PathBuf>,
    /// The configuration.
    pub config: Config,
    /// Target, if not configured.
    pub target: Option<Target>,
    /// The oldest Python that must work, if not configured.
    pub python_version: Option<PythonVersion>,
    /// Command-line choice.
    pub safety: Option<Safety>,
    /// Command-line choice.
    pub escapes: Option<Escapes>,
    /// Command-line choice.
    pub annotations: Option<Annotations>,
    /// `build`, or `apply` and `diff`.
    pub form: Form,
    /// `build`: list everything else in the tree.
    pub collect_others: bool,
    /// `include` and `exclude` count for files that are named, too.
    pub force_exclude: bool,
    /// The environment whose packages are analysed as well, if not configured.
    pub environment: Option<Choice>,
    /// Compute what [`Run::rewrite`] needs.
    pub rewrite: bool,
    /// The folder of the cache, if one is used.
    pub cache: Option<PathBuf>,
    /// Look for state that several modules write.
    pub conflicts: bool,
}

/// Why nothing could be done at all.
#[derive(Debug)]
pub enum RunError {
    /// The paths.
    Discover(DiscoverError),
    /// The environment.
    Packages(PackagesError),
    /// The configuration, which does not fit the project.
    Config(ConfigError),
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Discover(e) => e.fmt(f),
            Self::Packages(e) => e.fmt(f),
            Self::Config(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for RunError {}

impl From<DiscoverError> for RunError {
    fn from(error: DiscoverError) -> Self {
        Self::Discover(error)
    }
}

impl From<ConfigError> for RunError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<PackagesError> for RunError {
    fn from(error: PackagesError) -> Self {
        Self::Packages(error)
    }
}

/// A file that cannot be treated, and stays as it is.
#[derive(Debug, Clone)]
pub struct Failure {
    /// 1-based line.
    pub line: u32,
    /// 1-based column in characters.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// The file could be read, but is no Python: `build` copies such files.
    pub syntax: bool,
    /// Nothing is wrong: its layout leaves no place for what would have to be written.
    pub refused: bool,
}

/// What is known of a file besides its facts.
#[derive(Debug, Default)]
pub struct FileState {
    content: Content,
    /// Unknown for what the cache had.
    fingerprint: Option<Fingerprint>,
    /// Why the file is left alone.
    pub failure: Option<Failure>,
    /// The file has forms that `apply` wrote: the facts are those of the text before.
    pub view: Option<View>,
    /// It has such forms, but they cannot be turned back: they are analysed as they are, and the file is not rewritten.
    pub edited: Option<Failure>,
}

/// A rewritten file as it is analysed: without dally's forms.
#[derive(Debug)]
pub struct View {
    /// From the text that the facts are about to the file.
    pub map: OffsetMap,
    /// The sites that are lazy in the file.
    applied: FxHashSet<usize>,
}

/// A run up to the verdicts.
#[derive(Debug)]
pub struct Run {
    /// The options in force.
    pub options: DecideOptions,
    /// The files.
    pub discovery: Discovery,
    /// Parallel to the files.
    pub states: Vec<FileState>,
    /// The modules: first the files, in the same order, then those of the environment.
    pub modules: Vec<JudgedModule>,
    /// Parallel to the modules.
    pub verdicts: Vec<ModuleVerdicts>,
    /// State that several modules write while they load, if asked for.
    pub conflicts: Vec<Conflict>,
    /// The module of the runtime file.
    pub runtime: RuntimeModule,
    /// The file of the configuration, if there is one.
    pub configuration: Option<PathBuf>,
    /// `build`: the folder to copy, absolute.
    pub tree: Option<PathBuf>,
    /// Folders below the named ones that have a configuration of their own: what is in them is analysed, and not selected. For
    /// `build` the configurations that do not count, because the output has one.
    pub apart: Vec<PathBuf>,
    /// The environment whose packages were looked at.
    pub packages: Option<Packages>,
    /// The distributions that the project needs.
    pub required: Vec<String>,
    /// How long the stages took.
    pub times: Times,
    /// What the cache had.
    pub cache: Use,
    started: runtime::Started,
    script_folders: OnceLock<runtime::ScriptFolders>,
}

/// Wall time by stage.
#[derive(Debug, Default, Clone, Copy)]
pub struct Times {
    /// Listing files.
    pub discover: Duration,
    /// Reading, parsing, facts.
    pub facts: Duration,
    /// The same for the packages of an environment.
    pub packages: Duration,
    /// Linking and deciding.
    pub decide: Duration,
    /// Waiting until the cache is written.
    pub cache: Duration,
}

/// What became of one file.
#[derive(Debug)]
pub enum FileOutcome {
    /// Nothing to change.
    Unchanged,
    /// The bytes before and after.
    Changed(Box<NewText>),
    /// The file stays as it is because something went wrong.
    Failed(Failure),
}

/// A rewritten file.
#[derive(Debug)]
pub struct NewText {
    /// The bytes before.
    pub old: Vec<u8>,
    /// The bytes after, in the file's encoding.
    pub bytes: Vec<u8>,
}

impl Run {
    /// Discovers, reads, links and decides.
    pub fn new(request: &Request) -> Result<Self, RunError> {
        let mut times = Times::default();
        let clock = Instant::now();
        let config = &request.config;
        let choice = request.environment.as_ref().unwrap_or(&config.python);
        let packages = Packages::find(choice, &config.project_root, &Surroundings::current());
        let packages = packages.map_err(|error| match request.environment {
            None => RunError::Config(config.wrong("python", format!("`python`: {error}"))),
            Some(_) => RunError::Packages(error),
        })?;
        for root in &config.src {
            let message =
                |error| format!("`src` names `{}`, which cannot be used: {}", root.display(), plain(&error));
            fs::canonicalize(config.project_root.join(root)).map_err(|e| config.wrong("src", message(e)))?;
        }
        // Decisions use the whole project, whatever part of it is named.
        let whole_tree =
            config.whole.clone().filter(|whole| !request.collect_others && is_part(&request.paths, whole));
        let mut discovery = discover(&DiscoverOptions {
            paths: request.paths.clone(),
            project_root: config.project_root.clone(),
            src: config.src.clone(),
            include: config.include.clone(),
            exclude: config.exclude.clone(),
            force_exclude: request.force_exclude,
            respect_gitignore: !request.collect_others,
            collect_others: request.collect_others,
            whole_tree,
        })?;
        let apart = if request.collect_others {
            overruled(config, &discovery)?
        } else {
            apart(config, &mut discovery)?
        };
        let runtime = RuntimeModule::find(config, &discovery)?;
        // The runtime that an earlier run wrote stays as it is.
        for file in &mut discovery.files {
            if runtime.may_be(file) {
                file.selected = false;
            }
        }
        times.discover = clock.elapsed();

        let tree = match (request.collect_others, request.paths.first()) {
            (true, Some(path)) => fs::canonicalize(path).ok(),
            _ => None,
        };
        let options = decide_options(request);
        let Judged { modules, states, decisions, started, used } =
            judge::judge(request, &discovery, packages.as_ref(), &options, &mut times);
        let Decisions { verdicts, conflicts } = decisions;
        Ok(Self {
            options,
            discovery,
            states,
            modules,
            verdicts,
            conflicts,
            runtime,
            configuration: config.file.clone(),
            tree,
            apart,
            packages,
            required: config.required.clone(),
            times,
            cache: used,
            started,
            script_folders: OnceLock::new(),
        })
    }

    /// A module.
    pub fn module(&self, id: ModuleId) -> &JudgedModule {
        &self.modules[id.index()]
    }

    /// The facts of a file. They are known of all that are selected.
    pub fn facts(&self, index: usize) -> Option<&ModuleFacts> {
        self.modules[index].facts.as_ref()
    }

    /// The file of a module, if it is one that may be rewritten.
    pub fn file(&self, id: ModuleId) -> Option<&SourceFile> {
        self.discovery.files.get(id.index())
    }

    /// The new text of one file.
    pub fn rewrite(&self, index: usize) -> FileOutcome {
        let file = &self.discovery.files[index];
        let state = &self.states[index];
        if let Some(failure) = &state.failure {
            return FileOutcome::Failed(failure.clone());
        }
        if !file.selected {
            return FileOutcome::Unchanged;
        }
        if let Some(edited) = &state.edited {
            return FileOutcome::Failed(edited.clone());
        }
        let verdicts = &self.verdicts[index];
        let lazy = verdicts.lazy();
        if state.view.is_none() && !verdicts.change() {
            return FileOutcome::Unchanged;
        }
        let Some(facts) = self.facts(index) else { return FileOutcome::Unchanged };
        match self.rewritten(index, facts, &lazy) {
            Ok(Some(text)) => FileOutcome::Changed(Box::new(text)),
            Ok(None) => FileOutcome::Unchanged,
            Err(failure) => FileOutcome::Failed(failure),
        }
    }

    fn rewritten(
        &self,
        index: usize,
        facts: &ModuleFacts,
        lazy: &[bool],
    ) -> Result<Option<NewText>, Failure> {
        let file = &self.discovery.files[index];
        let module = &self.modules[index];
        let verdicts = &self.verdicts[index];
        let bug = |at: usize, text: &str, message: String| failure_at(text, at, message, false);
        let bytes = fs::read(&file.absolute).map_err(|e| io_failure(&e))?;
        if content_of(&bytes) != self.states[index].content {
            return Err(Failure {
                line: 1,
                column: 1,
                message: "the file changed while dally was running".to_owned(),
                syntax: false,
                refused: false,
            });
        }
        let source = SourceText::decode(bytes.clone()).map_err(|e| Failure {
            line: e.line,
            column: e.column,
            message: e.to_string(),
            syntax: false,
            refused: false,
        })?;
        let reverted = match &self.states[index].view {
            Some(_) => {
                let module = parse(source.text()).map_err(|error| syntax_failure(source.text(), &error))?;
                revert::revert(source.text(), &module, Which::Applied)
                    .map_err(|refusal| refused(source.text(), &refusal))?
            }
            None => None,
        };
        let text = reverted.as_ref().map_or(source.text(), |reverted| reverted.text.as_str());
        let absolute = |import: &ImportStmt| {
            let name = import.from?.absolute(module.name.as_str(), module.is_package)?;
            Some(Sym::new(&name))
        };
        let absolute: Vec<Option<Sym>> = facts.imports.iter().map(absolute).collect();
        let runtime = self.runtime_import(file);
        let runtime_above = self.runtime_above(index);
        let plan = Plan {
            text,
            facts,
            lazy,
            absolute: &absolute,
            quote: &verdicts.quote,
            missing: &verdicts.missing,
            provided: &verdicts.provided,
            passed_over: &verdicts.passed_over,
            is_package: module.is_package,
            target: self.options.target,
            form: self.options.form,
            runtime: &runtime,
            runtime_above,
            header_comment: reverted.as_ref().and_then(|r| r.header_comment.as_deref()).unwrap_or_default(),
        };
        let new = rewrite::rewrite(&plan).map_err(|refusal| {
            let at = reverted.as_ref().map_or(refusal.at, |reverted| reverted.map.to_old(refusal.at));
            refused(source.text(), &Refusal { at, ..refusal })
        })?;
        if let Some(new) = &new {
            self.verify(index, text, new, &plan).map_err(|message| bug(0, text, message))?;
        }
        // Nothing is lazy any more, or nothing has changed since the file was rewritten.
        let new = match (&new, &reverted) {
            (Some(new), _) => new.as_str(),
            (None, Some(reverted)) => reverted.text.as_str(),
            (None, None) => return Ok(None),
        };
        if new == source.text() {
            return Ok(None);
        }
        // A formatter has been here since: it would come back, and so on.
        if reverted.is_some()
            && let (Ok(before), Ok(after)) = (parse(source.text()), parse(new))
            && verify::differ_in_layout_only(&before, &after)
        {
            return Ok(None);
        }
        let new = source.encode(new).map_err(|e| bug(0, text, e.to_string()))?;
        Ok(Some(NewText { old: bytes, bytes: new }))
    }

    /// The new text must be the old program, and in `build` have as many lines. Imports that were forgotten or that a package provides, and are
    /// added, change the program on purpose: then everything else is compared in a text without them.
    fn verify(&self, index: usize, old: &str, new: &str, plan: &Plan<'_>) -> Result<(), String> {
        // Behind a last line that does not end, there may be one more.
        let last = usize::from(!old.is_empty() && !old.ends_with(['\n', '\r']) && new.starts_with(old));
        let lines = count_lines(old);
        if self.options.form == Form::Build && !(lines..=lines + last).contains(&count_lines(new)) {
            return Err("internal error: the rewritten text has another number of lines".to_owned());
        }
        // By proxy what a package provides can be told from the imports of the source.
        let provides = plan.target == Target::Native && !plan.provided.is_empty();
        if plan.missing.is_empty() && !provides {
            return self.compare(index, old, new);
        }
        ruff_python_parser::parse_module(new)
            .map_err(|e| format!("internal error: the rewritten text does not parse: {e}"))?;
        match rewrite::rewrite(&Plan {
            missing: &[],
            provided: if provides { &[] } else { plan.provided },
            ..*plan
        }) {
            Ok(Some(without)) => self.compare(index, old, &without),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// The new text must be the old program but for the intended edits.
    fn compare(&self, index: usize, old: &str, new: &str) -> Result<(), String> {
        let parsed = ruff_python_parser::parse_module(new)
            .map_err(|e| format!("internal error: the rewritten text does not parse: {e}"))?;
        let fingerprint = self.states[index].fingerprint;
        let fingerprint = fingerprint.or_else(|| Some(verify::fingerprint(&parse(old).ok()?)));
        if fingerprint == Some(verify::fingerprint(parsed.syntax())) {
            Ok(())
        } else {
            Err("internal error: the rewritten text is not the same program".to_owned())
        }
    }
}

/// Whether the paths are in a project, but not the whole of it.
fn is_part(paths: &[PathBuf], project: &Path) -> bool {
    let Ok(project) = fs::canonicalize(project) else { return false };
    let paths: Vec<PathBuf> = paths.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    paths.iter().all(|path| path.starts_with(&project)) && !paths.contains(&project)
}

fn decide_options(request: &Request) -> DecideOptions {
    let config = &request.config;
    let configured = request.python_version.or(config.python_version).or(config.minimum_version);
    let newest = configured.is_some_and(|v| v.minor() >= 15);
    let usual = if newest { Target::Native } else { Target::Proxy };
    let target = request.target.or(config.target).unwrap_or(usual);
    let first = match target {
        Target::Native => PythonVersion::NEWEST,
        Target::Proxy | Target::LazyModules => configured.unwrap_or(PythonVersion::OLDEST),
    };
    let any_version = target != Target::Native && configured.is_none();
    let build = request.form == Form::Build;
    DecideOptions {
        target,
        first,
        last: PythonVersion::NEWEST,
        any_version,
        safety: request.safety.or(config.safety).unwrap_or(Safety::Balanced),
        escapes: request.escapes.or(config.escapes).unwrap_or(if build {
            Escapes::Wrap
        } else {
            Escapes::Keep
        }),
        // Text in which helpers are called is for no type checker, and text without them hands out placeholders.
        annotations: if build {
            request.annotations.or(config.annotations).unwrap_or(Annotations::Defer)
        } else {
            Annotations::Keep
        },
        form: request.form,
        eager: config.eager.clone(),
        pure: config.effects.pure.clone(),
        effect: config.effects.effect.clone(),
        conflicts: request.conflicts,
    }
}
