//! What an earlier run has decided, if nothing that it depends on says anything else now.
//!
//! Enters: the files of a run, before any is parsed, and what was kept with the cache. Leaves: verdicts, and the facts of the files that are
//! selected. All other files only have to have the same content. A file with another content is parsed; if its facts say the same
//! (a comment, a text, blank lines), the decisions hold, and places in it move along.

use std::fmt::Debug;

use rayon::prelude::*;
use ruff_text_size::TextSize;
use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::Xxh3;

use super::installed::Reached;
use super::judge::{self, Judged, JudgedModule};
use super::read::{self, Reader};
use super::runtime::Started;
use super::{FileState, Request};
use crate::cache::{Cache, Content, RecordFile, Use};
use crate::decide::{DecideOptions, Decisions, Moves, Verdict};
use crate::discover::{Discovery, SourceFile};
use crate::facts::{Mark, MarkKind, ModuleFacts, Sym};
use crate::packages::Packages;
use crate::program::{Environment, ModuleId, Program};
use crate::wire::fields;

/// More changed files than this are as good as another program.
const MANY: usize = 64;

/// Everything but contents that decisions depend on.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub request: &'a Request,
    pub discovery: &'a Discovery,
    pub packages: Option<&'a Packages>,
    pub options: &'a DecideOptions,
    pub environment: &'a Environment,
    pub eager_in: &'a [bool],
}

/// Where decisions are kept, and for which inputs.
pub(super) struct Memory {
    file: RecordFile,
    inputs: u128,
    conflicts: bool,
}

/// What an earlier run has left.
struct Record {
    inputs: u128,
    conflicts: bool,
    /// Parallel to the files.
    contents: Vec<Content>,
    /// Files that could not be read or parsed.
    broken: Vec<usize>,
    /// Files that name others that may be missing.
    needing: Vec<Needing>,
    reached: Reached,
    started: Started,
    decisions: Decisions,
}

/// A file that reads others while it loads, and where it does so in vain.
struct Needing {
    file: usize,
    lacks: Vec<TextSize>,
}

fields! {
    Record { inputs, conflicts, contents, broken, needing, reached, started, decisions }
    Needing { file, lacks }
}

impl Memory {
    pub fn new(cache: &Cache, inputs: &Inputs<'_>) -> Self {
        let options = DecideOptions { conflicts: false, ..inputs.options.clone() };
        Self {
            file: cache.record(&format!("{options:?}")),
            inputs: inputs.hash(),
            conflicts: inputs.options.conflicts,
        }
    }

    /// What was decided, if it holds. All that reports and rewriting need is known; other files have no facts.
    pub fn recall(&self, reader: &Reader, inputs: &Inputs<'_>) -> Option<Judged> {
        let record: Record = self.file.read()?;
        let files = &inputs.discovery.files;
        let fits = record.inputs == self.inputs && record.contents.len() == files.len();
        if !fits || self.conflicts && !record.conflicts {
            return None;
        }
        let cache = reader.cache()?;
        let contents: Vec<Content> =
            files.par_iter().map(|file| cache.content(&file.absolute).ok()).collect::<Option<_>>()?;
        let changed: Vec<usize> =
            (0..files.len()).filter(|&file| contents[file] != record.contents[file]).collect();
        if changed.len() > MANY || changed.iter().any(|file| record.broken.contains(file)) {
            return None;
        }
        let mut moves: FxHashMap<ModuleId, Moves> = FxHashMap::default();
        let mut fresh: Vec<(usize, ModuleFacts, FileState)> = Vec::new();
        for &file in &changed {
            let (old, _): (ModuleFacts, FileState) = cache.find(record.contents[file])?;
            let (new, state) = reader.read(&files[file].absolute);
            if state.failure.is_some() || state.content != contents[file] {
                return None;
            }
            moves.insert(ModuleId(u32::try_from(file).ok()?), Moves::between(&old, &new)?);
            fresh.push((file, new, state));
        }
        let still_lacking = record.needing.iter().all(|Needing { file, lacks }| {
            let facts = cache.find::<(ModuleFacts, FileState)>(record.contents[*file]);
            facts.is_some_and(|(facts, _)| read::lacking(&files[*file].path, &facts) == *lacks)
        });
        let mut used = Use { decisions: true, ..Use::default() };
        let installed = match inputs.packages {
            Some(packages) => {
                let world = judge::world_of(packages, reader.world());
                let reader = Reader::of_packages(inputs.request, world);
                let modules = record.reached.recall(&reader)?;
                used = reader.into_cache().map_or_else(Use::default, Cache::finish).and(used);
                used.found += modules.len();
                modules
            }
            None => Vec::new(),
        };
        if !still_lacking {
            return None;
        }
        let decisions = record.decisions.moved(&moves)?;
        let shown = shown_files(&decisions, files);
        let read = |(index, file): (usize, &SourceFile)| {
            if !shown.contains(&index) || changed.contains(&index) {
                cache.mark_used(record.contents[index]);
                return Some((None, FileState::default()));
            }
            let (facts, state) = reader.read(&file.absolute);
            (state.content == contents[index]).then_some((Some(facts), state))
        };
        if shown.len() > files.len() / 2 {
            cache.read_all();
        }
        // The others count as found, if they are the same.
        used.found +=
            (0..files.len()).filter(|file| !shown.contains(file) && !changed.contains(file)).count();
        let mut read: Vec<(Option<ModuleFacts>, FileState)> =
            files.par_iter().enumerate().map(read).collect::<Option<_>>()?;
        for (file, facts, state) in fresh {
            read[file] = (Some(facts), state);
        }
        let mut states = Vec::with_capacity(files.len());
        let mut modules = Vec::with_capacity(files.len() + installed.len());
        for (file, (facts, state)) in files.iter().zip(read) {
            let (path, is_package) = (file.path.clone(), file.is_package);
            modules.push(JudgedModule { name: Sym::new(&file.module), path, is_package, facts });
            states.push(state);
        }
        modules.extend(installed);
        Some(Judged { modules, states, decisions, started: record.started, used })
    }

    /// Keeps decisions for the next run, and gives them back. That they cannot be kept is no error.
    pub fn keep(
        self,
        program: &Program,
        states: &[FileState],
        reached: Reached,
        decisions: Decisions,
        started: Started,
    ) -> (Decisions, Started) {
        let broken = (0..states.len()).filter(|&file| states[file].failure.is_some());
        let needing = program.modules[..states.len()].iter().enumerate().filter_map(|(file, module)| {
            let needs = |mark: &Mark| matches!(mark.kind, MarkKind::NeedsFile(_));
            let lacks = || module.lacks.clone();
            module.facts.marks.iter().any(needs).then(|| Needing { file, lacks: lacks() })
        });
        let can_be_kept = reached.can_be_kept();
        let record = Record {
            inputs: self.inputs,
            conflicts: self.conflicts,
            contents: states.iter().map(|state| state.content).collect(),
            broken: broken.collect(),
            needing: needing.collect(),
            reached,
            started,
            decisions,
        };
        if can_be_kept {
            // The cache itself reports whether it can be written.
            let _ = self.file.write(&record);
        }
        (record.decisions, record.started)
    }
}

impl Inputs<'_> {
    fn hash(&self) -> u128 {
        let mut all = Xxh3::new();
        let mut add = |bytes: &[u8]| {
            all.update(&(bytes.len() as u64).to_le_bytes());
            all.update(bytes);
        };
        let discovery = self.discovery;
        for (file, eager) in discovery.files.iter().zip(self.eager_in) {
            add(file.path.as_os_str().as_encoded_bytes());
            add(file.module.as_bytes());
            let siblings = file.siblings_root.is_some();
            let own_root = if file.root >= discovery.shared_roots { file.root } else { usize::MAX };
            add(&[u8::from(file.is_package), u8::from(siblings), u8::from(*eager)]);
            add(&own_root.to_le_bytes());
        }
        for module in &discovery.compiled {
            add(module.module.as_bytes());
        }
        let Environment { complete, assumed, required, plugins, whole_plugins, any_version: _, stdlib } =
            self.environment;
        for names in [assumed, required] {
            add(format!("{:?}", sorted(names)).as_bytes());
        }
        let rest: [&dyn Debug; 4] = [complete, plugins, whole_plugins, stdlib];
        add(format!("{rest:?}").as_bytes());
        if let Some(packages) = self.packages {
            add(format!("{:?} {:?} {:?}", packages.python, packages.roots, packages.editable).as_bytes());
        }
        all.digest128()
    }
}

/// The files that are selected, and those in which evidence stands: where it is on disk, the state of a file says.
fn shown_files(decisions: &Decisions, files: &[SourceFile]) -> FxHashSet<usize> {
    let selected = || (0..files.len()).filter(|&file| files[file].selected);
    let mut shown: FxHashSet<usize> = selected().collect();
    let sites = selected().flat_map(|file| &decisions.verdicts[file].sites);
    let reasons = sites.filter_map(|verdict| match verdict {
        Verdict::Keep(reasons) => Some(reasons),
        Verdict::Lazy | Verdict::NotCandidate => None,
    });
    let evidence = reasons.flatten().flat_map(|reason| &reason.evidence).map(|evidence| evidence.module);
    let writers = decisions.conflicts.iter().flat_map(|conflict| &conflict.writers);
    let modules = evidence.chain(writers.flat_map(|writer| [writer.by, writer.loaded.0]));
    shown.extend(modules.map(ModuleId::index).filter(|&module| module < files.len()));
    shown
}

fn sorted(names: &FxHashSet<Sym>) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = names.iter().map(|name| name.as_str()).collect();
    names.sort_unstable();
    names
}
