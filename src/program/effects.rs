//! Load effects judged: what outsiders can observe because a module was loaded.
//!
//! Each module's effects come from the [interpreter](super::interpret). Here they meet the graph:
//!
//! - An effect of M on the state of R is *contained* if loading R always loads M: nobody can look at R's state without M's
//!   effect. Then only the edges that guarantee this, those among the modules that R always loads, must stay eager.
//! - Every other effect *taints*: all modules from which M is reached must load it when they did, so every edge that leads
//!   to M stays eager.
//!
//! Soundness: an edge that becomes lazy leads to modules whose load changes nothing that anybody can see without loading them.

mod begun;
mod conflicts;
mod enclosed;
mod further;
mod loaded;
mod taint;
mod tree;

use rayon::prelude::*;
use ruff_text_size::{TextRange, TextSize};
use rustc_hash::FxHashSet;

pub use self::conflicts::{Conflict, Written};
use self::further::{Views, add_half_loaded, asked_foreign, computed, drop_unseen, further_effects, windows};
use self::taint::{Taint, note_of};
use super::elsewhere::elsewhere;
use super::files::changed_files;
use super::filters::general_filters;
use super::forgotten::forgotten;
use super::graph::{Graph, Run};
use super::interpret::{
    Classes, Effect, EffectKind, Interpreter, Outcome, Owner, Risk, Shared, StoredAttributes,
};
use super::listed::listed_classes;
use super::mutated::{Mutated, mutated_globals};
use super::rebinds::{Rebound, Replaced, entry_replacer, rebound, replaced_names};
use super::settled::tested_attributes;
use super::state::{
    Writer, asked_caches, observed_loggers, seeds_random, shown_privates, taken_names, written_state,
};
use super::watched::{Watched, loads_name, watched};
use super::{ModuleId, Origin, Program, cycles, tables};
use crate::config::{NamePatterns, Safety};
use crate::decide::{KeepReason, ModuleVerdicts, Reason};
use crate::dotted::is_within;
use crate::facts::{ImportStmt, Mark, MarkKind, Moment, Sym};

/// The whole-program view of what loading does.
#[derive(Debug)]
pub struct Effects {
    outcomes: Vec<Outcome>,
    graph: Graph,
    /// Globals that are rebound after their module has loaded.
    rebound: Rebound,
    /// Globals whose content changes.
    mutated: Mutated,
    /// Names of foreign modules that the program rebinds: `time.time = …`.
    replaced: Replaced,
    /// Modules whose loading somebody watches.
    asked: Watched,
    /// Modules that somebody takes out of `sys.modules`.
    forgotten: FxHashSet<ModuleId>,
}

impl Effects {
    /// Runs all modules' import-time code.
    pub fn of_program(program: &Program, safety: Safety, pure: NamePatterns, effect: NamePatterns) -> Self {
        let mut shared = Shared { pure, effect, classes: Classes::of(program), ..Shared::default() };
        shared.shown_privates = shown_privates(program);
        shared.replaced_names = replaced_names(program);
        shared.observed_loggers = observed_loggers(program);
        shared.asked_caches = asked_caches(program);
        shared.tested = tested_attributes(program);
        shared.listed_classes = listed_classes(program, &shared);
        shared.seeds_random = seeds_random(program);
        shared.general_filters = general_filters(program);
        shared.stored = StoredAttributes::of(program);
        let mut outcomes: Vec<Outcome> =
            program.par_ids().map(|id| Interpreter::run(program, &shared, safety, id)).collect();
        let (shown_privates, replaced) =
            (std::mem::take(&mut shared.shown_privates), std::mem::take(&mut shared.replaced_names));
        // Values are no longer asked for: they take more room than what is found out next.
        drop(shared);
        let ((rebound, (asked, submodules, unseen)), (written, (mutated, files))) = rayon::join(
            || {
                let elsewhere = elsewhere(program, &outcomes);
                (rebound(program, &elsewhere), watched(program, &outcomes))
            },
            || {
                let mutated = mutated_globals(program, &shown_privates, &outcomes);
                (written_state(program, &outcomes), (mutated, changed_files(program)))
            },
        );
        let views = Views {
            rebound: &rebound,
            asked: &asked,
            submodules: &submodules,
            written: &written,
            mutated: &mutated,
            files: &files,
            replaced: &replaced,
        };
        outcomes.par_iter_mut().zip(program.par_ids()).for_each(|(outcome, id)| {
            let extra = further_effects(program, id, outcome, &views);
            // A variable that has to be set, and is.
            let is_set = |effect: &Effect| {
                effect.kind == EffectKind::Fails
                    && matches!(effect.owner, Owner::External(state) if state == "os.environ")
                    && effect.subject.is_some_and(|key| written.is_prepared(id, key))
            };
            outcome.effects.retain(|effect| !is_set(effect));
            outcome.effects.extend(extra);
            drop_unseen(id, outcome, &unseen);
        });
        let runs: Vec<Run> = outcomes
            .iter_mut()
            .map(|outcome| Run {
                loads: std::mem::take(&mut outcome.loads),
                entered: std::mem::take(&mut outcome.entered),
            })
            .collect();
        let graph = Graph::new(program, runs);
        add_half_loaded(program, &graph, &mut outcomes);
        // What was read is no longer asked for.
        for outcome in &mut outcomes {
            outcome.global_reads = Vec::new();
            outcome.method_reads = Vec::new();
            outcome.missing = Vec::new();
            outcome.probes = Vec::new();
            outcome.effects.shrink_to_fit();
        }
        let forgotten = forgotten(program);
        Self { outcomes, graph, rebound, mutated, replaced, asked, forgotten }
    }

    /// Where loading a module may fail in this way.
    pub fn risk(&self, id: ModuleId, risk: Risk) -> Option<TextSize> {
        self.outcomes[id.index()].risks[risk as usize]
    }

    /// Who loads whom.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Whether somebody puts something else in the place of a module.
    pub fn is_replaced(&self, id: ModuleId) -> bool {
        entry_replacer(&self.rebound, id).is_some()
    }

    /// Adds the reasons to the verdicts.
    pub fn decide(&self, program: &Program, verdicts: &mut [ModuleVerdicts]) {
        Self::unread(program, verdicts);
        self.frozen(program, verdicts);
        self.observed(program, verdicts);
        self.asking(program, verdicts);
        windows(program, &self.outcomes, verdicts);

        let (uncontained, contained) = self.split(program);
        let (failures, effects): (Vec<_>, Vec<_>) = uncontained.into_iter().partition(|&(id, index)| {
            self.outcomes[id.index()].effects[index as usize].kind == EffectKind::Fails
        });
        // A failure is seen by who guards the import, and by nobody beyond.
        for (causes, through_guards) in [(effects, true), (failures, false)] {
            let causes = causes.into_iter().map(|(id, index)| (id, Taint::Cause(index)));
            self.keep_tainted(program, &self.spread(causes, through_guards), verdicts);
        }
        self.keep_containing(program, &contained, verdicts);
        let ordered = cycles::order_sensitive(program, &self.graph, &self.outcomes, verdicts);
        if !ordered.is_empty() {
            // Loading such a cycle in another order fails: its first entry must stay where it was.
            let causes = ordered.into_iter().map(|id| (id, Taint::Order));
            self.keep_tainted(program, &self.spread(causes, true), verdicts);
        }
    }

    /// Keeps the moments when modules are loaded that somebody looks for as attributes of their packages.
    pub fn keep_moments(
        &self,
        program: &Program,
        modules: impl Iterator<Item = ModuleId>,
        verdicts: &mut [ModuleVerdicts],
    ) {
        let taints = self.spread(modules.map(|id| (id, Taint::Asked)), true);
        self.keep_tainted(program, &taints, verdicts);
    }

    /// Imports that nobody reads.
    fn unread(program: &Program, verdicts: &mut [ModuleVerdicts]) {
        let taken = taken_names(program);
        program.par_ids().zip(verdicts.par_iter_mut()).for_each(|(id, verdicts)| {
            let module = program.module(id);
            let facts = &module.facts;
            let read: FxHashSet<Sym> =
                facts.reads().filter(|r| r.moment != Moment::Never).map(|r| r.name).collect();
            for (index, site) in facts.sites.iter().enumerate() {
                let import = &facts.imports[site.stmt as usize];
                if site.declared.is_some() {
                    continue;
                }
                let alias = site.alias as usize;
                let name = program.loaded_name(id, import, alias).unwrap_or_default();
                let foreign = matches!(program.origin(id, import, alias), Origin::Foreign);
                let item = import.from.map(|_| import.aliases[alias].name.as_str());
                if foreign && tables::has_load_effects(name, item) {
                    verdicts.sites[index].keep(
                        Reason::at(
                            KeepReason::LoadEffects,
                            id,
                            import.range,
                            "changes the process when it is loaded",
                        )
                        .about(Sym::new(name)),
                    );
                }
                let exported = facts.exports.all.as_ref().is_some_and(|all| all.contains(&site.bound));
                // A package may import a name for others, but not its own outermost package (`import a.b`), nor what its
                // `__all__` leaves out.
                let dotted = import.from.is_none()
                    && import.aliases[alias].asname.is_none()
                    && import.aliases[alias].name.as_str().contains('.');
                let complete = facts.exports.all.is_some() && !facts.exports.partial;
                let for_others = module.is_package && !dotted && !complete;
                let unread = !read.contains(&site.bound)
                    && !exported
                    && !for_others
                    && !taken.contains(&(id, site.bound));
                let known_pure = program.find_from(id, name).is_some()
                    || (!name.contains('.') && program.stdlib.knows(name))
                    || (import.from.is_some() && program.stdlib.knows(name));
                if unread && foreign && !known_pure {
                    verdicts.sites[index].keep(
                        Reason::at(KeepReason::SideEffectOnly, id, import.range, "nobody reads the name")
                            .about(site.bound),
                    );
                }
            }
        });
    }

    /// From-imports of names that are rebound later.
    fn frozen(&self, program: &Program, verdicts: &mut [ModuleVerdicts]) {
        program.par_ids().zip(verdicts.par_iter_mut()).for_each(|(id, verdicts)| {
            let facts = &program.module(id).facts;
            for (index, site) in facts.sites.iter().enumerate() {
                let import = &facts.imports[site.stmt as usize];
                let loaded = program.loaded_by(id, import, site.alias as usize);
                let replaced = |module| Some((module, entry_replacer(&self.rebound, module)?));
                if let Some((module, (by, at))) = loaded.filter(|&module| module != id).find_map(replaced) {
                    let note = "puts something else in the place of the module later";
                    let reason = Reason::at(KeepReason::FrozenValue, by, TextRange::empty(at), note);
                    verdicts.sites[index].keep(reason.about(program.module(module).name));
                }
                let (source, name) = match program.origin(id, import, site.alias as usize) {
                    Origin::Attribute(source, name) => (source, name),
                    Origin::Foreign => {
                        let item = import.aliases[site.alias as usize].name;
                        let module = program.loaded_name(id, import, site.alias as usize).unwrap_or_default();
                        if import.from.is_some()
                            && let Some(path) = Sym::find(&[module, item.as_str()].join("."))
                            && let Some(writers) = self.replaced.get(&path)
                            && let Some(&Writer { by: module, at, .. }) =
                                writers.iter().find(|w| w.shows_to(program, id))
                        {
                            let place = TextRange::empty(at);
                            let reason =
                                Reason::at(KeepReason::FrozenValue, module, place, "rebinds the name later");
                            verdicts.sites[index].keep(reason.about(path));
                        }
                        continue;
                    }
                    _ => continue,
                };
                let changed = self.rebound_by(source, name).copied();
                if let Some((module, at)) =
                    changed.or_else(|| Some((source, computed(program, source, name)?)))
                {
                    verdicts.sites[index].keep(
                        Reason::at(
                            KeepReason::FrozenValue,
                            module,
                            TextRange::empty(at),
                            "rebinds the name later",
                        )
                        .about(name),
                    );
                }
            }
        });
    }

    /// From-imports of names that the `__getattr__` of a module makes, changing something, or of something that is changed later.
    fn asking(&self, program: &Program, verdicts: &mut [ModuleVerdicts]) {
        let changes = |kind| {
            matches!(
                kind,
                EffectKind::Write
                    | EffectKind::UnresolvedCall
                    | EffectKind::Process
                    | EffectKind::InputOutput
                    | EffectKind::TooMuch
                    | EffectKind::ReadsState
            )
        };
        for (id, outcome) in program.ids().zip(&self.outcomes) {
            for effect in outcome.effects.iter().filter(|e| e.deep.is_some() && changes(e.kind)) {
                let facts = &program.module(id).facts;
                let Ok(stmt) = facts.imports.binary_search_by_key(&effect.at, |i| i.range.start()) else {
                    continue;
                };
                let reads = effect.kind == EffectKind::ReadsState;
                // Who rebinds the name itself, is another matter.
                let itself = |alias| match program.origin(id, &facts.imports[stmt], alias) {
                    Origin::Attribute(source, name) => effect.owner == Owner::Module(source, name),
                    _ => true,
                };
                if reads && (0..facts.imports[stmt].aliases.len()).any(itself) {
                    continue;
                }
                for (site, verdict) in facts.sites.iter().zip(&mut verdicts[id.index()].sites) {
                    if site.stmt as usize == stmt {
                        let (module, place) = effect.deep.unwrap_or((id, effect.at));
                        let place = TextRange::empty(place);
                        let kind = if reads { KeepReason::StateWindow } else { KeepReason::LoadEffects };
                        verdict.keep(Reason::at(kind, module, place, note_of(effect)));
                    }
                }
            }
        }
    }

    /// Imports of modules that somebody asks for in `sys.modules`.
    fn observed(&self, program: &Program, verdicts: &mut [ModuleVerdicts]) {
        program.par_ids().zip(verdicts.par_iter_mut()).for_each(|(id, verdicts)| {
            let facts = &program.module(id).facts;
            // Who asks for what it has loaded itself, counts only there. Packages around it are loaded in any case.
            let around = program.module(id).name;
            let own = facts.marks.iter().filter_map(asked_name);
            let own: Vec<(Sym, TextRange)> =
                own.filter(|&(asked, _)| !is_within(around.as_str(), asked.as_str())).collect();
            if self.asked.is_empty() && own.is_empty() {
                return;
            }
            for (index, site) in facts.sites.iter().enumerate() {
                let import = &facts.imports[site.stmt as usize];
                let alias = site.alias as usize;
                let Some(name) = program.loaded_name(id, import, alias) else { continue };
                let asked = self.asked_for(program, id, import, alias).or_else(|| {
                    own.iter()
                        .find(|(asked, _)| loads_name(program, id, import, alias, *asked))
                        .map(|&(_, range)| (id, range))
                });
                if let Some((module, range)) = asked {
                    let note = "asks whether the module is loaded";
                    let reason = Reason::at(KeepReason::LoadObserved, module, range, note);
                    verdicts.sites[index].keep(reason.about(Sym::new(name)));
                }
            }
        });
    }

    /// Who asks for what one name of an import statement loads: the module, a foreign one or a package around it, or the submodule
    /// that the name may be. (Loading modules of the program has an effect.)
    fn asked_for(
        &self,
        program: &Program,
        id: ModuleId,
        import: &ImportStmt,
        alias: usize,
    ) -> Option<(ModuleId, TextRange)> {
        let name = program.loaded_name(id, import, alias)?;
        let asked = |name: &str| self.asked.get(&Sym::find(name)?).copied();
        let around = || {
            let foreign = program.origin(id, import, alias) == Origin::Foreign;
            self.asked.get(&asked_foreign(program, &self.asked, id, name).filter(|_| foreign)?).copied()
        };
        let submodule =
            || import.from.and_then(|_| asked(&[name, import.aliases[alias].name.as_str()].join(".")));
        asked(name).or_else(around).or_else(submodule)
    }
}

/// What a module asks `sys.modules` for by name, and where.
fn asked_name(mark: &Mark) -> Option<(Sym, TextRange)> {
    match mark.kind {
        MarkKind::AsksSysModules(name) => Some((name, mark.range)),
        _ => None,
    }
}
