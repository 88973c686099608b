//! Files to verdicts: read, link, decide; or recall what an earlier run has decided.

use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use rayon::prelude::*;
use rustc_hash::FxHashSet;

use super::read::{self, Reader};
use super::recall::{Inputs, Memory};
use super::runtime::Started;
use super::{FileState, Request, Times, installed};
use crate::cache::{Cache, Use};
use crate::config::Config;
use crate::decide::{self, DecideOptions, Decisions};
use crate::discover::{Discovery, SourceFile};
use crate::facts::{self, ModuleFacts, Sym, System, World};
use crate::packages::{Packages, entry_points};
use crate::program::{Environment, Module, Program, Stdlib};
use crate::rewrite::Form;

/// A module after everything has been decided.
#[derive(Debug)]
pub struct JudgedModule {
    /// Dotted name.
    pub name: Sym,
    /// Its file, for reports.
    pub path: PathBuf,
    /// The file is `__init__.py`.
    pub is_package: bool,
    /// Known of all selected files, and of others if they were needed.
    pub facts: Option<ModuleFacts>,
}

/// All that is decided.
pub(super) struct Judged {
    /// The files, in their order, and the modules of the environment.
    pub modules: Vec<JudgedModule>,
    /// Parallel to the files.
    pub states: Vec<FileState>,
    pub decisions: Decisions,
    pub started: Started,
    pub used: Use,
}

/// Reads what has to be read and decides.
pub(super) fn judge(
    request: &Request,
    discovery: &Discovery,
    packages: Option<&Packages>,
    options: &DecideOptions,
    times: &mut Times,
) -> Judged {
    let clock = Instant::now();
    // What `build` makes is run where it was made; source that is kept runs anywhere.
    let system = if request.form == Form::Build { System::current() } else { None };
    let world = World { oldest: options.first, system };
    let reader = Reader::new(request, world);
    let environment = environment(&request.config, discovery, packages, options);
    let eager_in = eager_in(&request.config, discovery);
    let inputs =
        || Inputs { request, discovery, packages, options, environment: &environment, eager_in: &eager_in };
    let memory = reader.cache().map(|cache| Memory::new(cache, &inputs()));
    if let Some(memory) = &memory
        && let Some(mut recalled) = memory.recall(&reader, &inputs())
    {
        times.facts = clock.elapsed();
        recalled.used = reader.into_cache().map_or_else(Use::default, Cache::finish).and(recalled.used);
        return recalled;
    }
    if let Some(cache) = reader.cache() {
        cache.read_all();
    }
    let extracted: Vec<(ModuleFacts, FileState)> =
        discovery.files.par_iter().with_max_len(8).map(|file| reader.read(&file.absolute)).collect();
    let (facts, states): (Vec<_>, Vec<_>) = extracted.into_iter().unzip();
    // Written while the program is linked and judged.
    let writing = reader.into_cache().map(|cache| thread::spawn(move || cache.finish()));
    times.facts = clock.elapsed();

    let clock = Instant::now();
    let stdlib = Stdlib::new(options.first, options.last);
    let mut modules: Vec<Module> = discovery
        .files
        .iter()
        .zip(facts)
        .zip(&states)
        .map(|((file, facts), state)| Module {
            name: Sym::new(&file.module),
            path: file.path.clone(),
            is_package: file.is_package,
            installed: false,
            broken: state.failure.is_some(),
            lacks: read::lacking(&file.path, &facts),
            facts,
            siblings: siblings(file),
            own_root: own_root(file, discovery),
        })
        .collect();
    let mut compiled = discovery.compiled.iter().map(|m| Sym::new(&m.module)).collect();
    let mut used = Use::default();
    let mut reached = installed::Reached::default();
    if let Some(packages) = packages {
        let clock = Instant::now();
        let world = world_of(packages, world);
        let found = installed::reached(packages, &modules, &compiled, stdlib, request, world);
        times.packages = clock.elapsed();
        used = found.cache;
        modules.extend(found.modules);
        compiled.extend(found.existing);
        reached = found.reached;
    }
    facts::all_extracted();
    let program = Program::link(modules, compiled, stdlib, environment);
    let decisions = decide::decide(&program, options, &eager_in);
    let started = Started::of(&program, discovery, options);
    times.decide = clock.elapsed().saturating_sub(times.packages);

    let clock = Instant::now();
    let (decisions, started) = match memory {
        Some(memory) => memory.keep(&program, &states, reached, decisions, started),
        None => (decisions, started),
    };
    if let Some(of_files) = writing.and_then(|writing| writing.join().ok()) {
        used = used.and(of_files);
    }
    times.cache = clock.elapsed();
    let modules = program.modules.into_iter().map(JudgedModule::from).collect();
    Judged { modules, states, decisions, started, used }
}

impl From<Module> for JudgedModule {
    fn from(module: Module) -> Self {
        let Module { name, path, is_package, facts, .. } = module;
        Self { name, path, is_package, facts: Some(facts) }
    }
}

/// What is installed runs here, with the interpreter that it was installed for.
pub(super) fn world_of(packages: &Packages, world: World) -> World {
    let oldest = packages.version().unwrap_or(world.oldest).max(world.oldest);
    World { oldest, system: System::current() }
}

/// What is known of other people's packages before any of them is read.
fn environment(
    config: &Config,
    discovery: &Discovery,
    packages: Option<&Packages>,
    options: &DecideOptions,
) -> Environment {
    let offered = entry_points::offered(&discovery.import_roots[..discovery.shared_roots]);
    let own = || config.plugins.iter().map(|name| Sym::new(name));
    let whole = offered.iter().filter(|(_, whole)| *whole).map(|(name, _)| Sym::new(name));
    let complete = packages.is_some_and(|packages| packages.is_complete(&config.required));
    Environment {
        complete,
        assumed: if complete {
            config.conditional.iter().map(|name| import_name(name)).collect()
        } else {
            assumed(config)
        },
        required: config.required.iter().map(|name| import_name(name)).collect(),
        plugins: own().chain(offered.iter().map(|(name, _)| Sym::new(name))).collect(),
        whole_plugins: own().chain(whole).collect(),
        any_version: options.any_version,
        stdlib: packages.and_then(Packages::version).map(|version| Stdlib::new(version, version)),
    }
}

/// For each file whether everything in it stays eager.
fn eager_in(config: &Config, discovery: &Discovery) -> Vec<bool> {
    let stays = |file: &SourceFile| {
        let path = file.absolute.strip_prefix(&config.project_root).unwrap_or(&file.relative);
        config.eager_in.matches(path)
    };
    discovery.files.iter().map(stays).collect()
}

/// Import names that declared dependencies and well-known packages provide.
fn assumed(config: &Config) -> FxHashSet<Sym> {
    let mut names: FxHashSet<Sym> = crate::program::tables::well_known_packages().map(Sym::new).collect();
    names.extend(config.declared.iter().map(|name| import_name(name)));
    names
}

/// The name under which a distribution is probably imported.
fn import_name(distribution: &str) -> Sym {
    Sym::new(&distribution.replace(['-', '.'], "_"))
}

/// Modules beside a script are found by their own names when it is run.
fn siblings(file: &SourceFile) -> Option<Sym> {
    file.siblings_root?;
    let (folder, _) = file.module.rsplit_once('.')?;
    Some(Sym::new(folder))
}

fn own_root(file: &SourceFile, discovery: &Discovery) -> Option<u32> {
    u32::try_from(file.root).ok().filter(|_| file.root >= discovery.shared_roots)
}
