//! Facts to verdicts.
//!
//! Enters: the linked program. Leaves: for every site, whether it becomes lazy, and if not, all reasons. One file per
//! family of reasons; this one runs them in order. Nothing here looks at source text.

pub mod annotations;
mod companions;
mod compiled;
mod existence;
mod found;
mod groups;
mod implicit;
mod inspected;
mod late;
mod live;
mod local;
mod outside;
mod probes;
mod provided;
pub mod reason;
mod refused;
mod sources;
mod submodules;
mod wire;

use ruff_text_size::TextRange;
use rustc_hash::FxHashMap;

use crate::config::{Annotations, Escapes, NamePatterns, PythonVersion, Safety, Target};
use crate::facts::{MarkKind, Place, Site, Sym};
use crate::program::effects::{Conflict, Effects};
use crate::program::{Module, Program};
use crate::rewrite::{Form, MissingImport};
use inspected::Inspected;
pub use reason::{Evidence, KeepReason, Reason};
pub(crate) use wire::Moves;

/// What verdicts depend on besides the program.
#[derive(Debug, Clone)]
pub struct DecideOptions {
    /// The target.
    pub target: Target,
    /// The oldest Python that must work.
    pub first: PythonVersion,
    /// The newest.
    pub last: PythonVersion,
    /// Nobody says which is the oldest.
    pub any_version: bool,
    /// How much doubt is allowed.
    pub safety: Safety,
    /// Whether reads may be wrapped.
    pub escapes: Escapes,
    /// Whether annotations may become text.
    pub annotations: Annotations,
    /// `build` or `apply`.
    pub form: Form,
    /// Modules that are always imported eagerly.
    pub eager: NamePatterns,
    /// Functions that the user calls free of effects.
    pub pure: NamePatterns,
    /// Functions that the user calls effects.
    pub effect: NamePatterns,
    /// Look for conflicts as well.
    pub conflicts: bool,
}

/// What becomes of one site.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// The import can wait.
    Lazy,
    /// The import stays.
    Keep(Vec<Reason>),
    /// The place in the source allows no laziness: `try`, `with`.
    NotCandidate,
}

impl Verdict {
    /// Whether the import can wait.
    pub fn is_lazy(&self) -> bool {
        matches!(self, Self::Lazy)
    }
}

/// Everything that was decided.
#[derive(Debug)]
pub struct Decisions {
    /// Parallel to the program's modules.
    pub verdicts: Vec<ModuleVerdicts>,
    /// State that several modules write while they load, if asked for.
    pub conflicts: Vec<Conflict>,
}

/// The verdicts about one module.
#[derive(Debug, Default)]
pub struct ModuleVerdicts {
    /// For each of [`crate::facts::ModuleFacts::sites`].
    pub sites: Vec<Verdict>,
    /// Reads (indices into [`crate::facts::ModuleFacts::reads`]) whose annotations become text.
    pub quote: Vec<usize>,
    /// Imports to add.
    pub missing: Vec<MissingImport>,
    /// Nothing forbids names in the module that wait, whether or not any import does.
    pub plain: bool,
    /// Submodules that have always been attributes of this package, and need placeholders to stay so.
    pub provided: Vec<Sym>,
    /// Names that wait, and that whoever searches the module for functions passes over.
    pub passed_over: Vec<Sym>,
}

impl ModuleVerdicts {
    /// Whether the module may get another text.
    pub fn change(&self) -> bool {
        self.sites.iter().any(Verdict::is_lazy) || !self.missing.is_empty() || !self.provided.is_empty()
    }

    /// Per site, whether it becomes lazy.
    pub fn lazy(&self) -> Vec<bool> {
        self.sites.iter().map(Verdict::is_lazy).collect()
    }
}

/// Decides about all sites of all modules that may be rewritten. `eager_in` says for which modules everything stays; it may be shorter
/// than the program, whose last modules are those of an environment.
pub fn decide(program: &Program, options: &DecideOptions, eager_in: &[bool]) -> Decisions {
    use rayon::prelude::*;
    let late = late::late_code(program);
    // A module with placeholders shows its dict only when nothing is pending any more; a native one shows lazy objects.
    let refusing = refused::refusing(program);
    let sources = sources::read(program, options.target == Target::Native);
    let shown =
        if options.target == Target::Proxy { sources::shown::shown(program) } else { FxHashMap::default() };
    let outside = outside::readers(program, options.target != Target::Proxy);
    let inspected =
        if options.target == Target::Proxy { Inspected::new(program) } else { Inspected::default() };
    let mut verdicts: Vec<ModuleVerdicts> = program
        .par_ids()
        .map(|id| {
            let module = program.module(id);
            let mut verdicts = ModuleVerdicts::default();
            for site in &module.facts.sites {
                let verdict = if is_candidate(module, site) {
                    Verdict::Keep(Vec::new())
                } else {
                    Verdict::NotCandidate
                };
                verdicts.sites.push(verdict);
            }
            if module.installed {
                return verdicts;
            }
            local::decide(program, id, options, &inspected, &mut verdicts);
            late::decide(program, id, &late, &mut verdicts);
            outside::decide(program, id, &outside, &mut verdicts);
            refused::decide(program, id, &refusing, &mut verdicts);
            sources::decide(program, id, &sources, &mut verdicts);
            if let Some(shown) = shown.get(&id) {
                sources::shown::decide(program, id, shown, &mut verdicts);
            }
            existence::decide(program, id, &mut verdicts);
            live::decide(program, id, &mut verdicts);
            compiled::decide(program, id, &mut verdicts);
            submodules::decide(program, id, options, &mut verdicts);
            verdicts.plain = provided::is_plain(program, id)
                && !outside.contains_key(&id)
                && !sources.contains_key(&id)
                && refused::by(program, id, &refusing).is_none()
                && eager_in.get(id.index()) != Some(&true);
            if eager_in.get(id.index()) == Some(&true) {
                for (site, verdict) in module.facts.sites.iter().zip(&mut verdicts.sites) {
                    if site.declared.is_none() {
                        verdict.keep(Reason::bare(KeepReason::Configured));
                    }
                }
            }
            verdicts
        })
        .collect();

    found::decide(program, &mut verdicts);
    // Not for lists, which name modules: every import from the package itself would wait.
    let placeholders =
        matches!(options.target, Target::Proxy | Target::Native) && options.form == Form::Build;
    let mut conflicts = Vec::new();
    let effects = (options.safety != Safety::Trusting)
        .then(|| Effects::of_program(program, options.safety, options.pure.clone(), options.effect.clone()));
    if let Some(effects) = &effects {
        effects.decide(program, &mut verdicts);
        probes::decide(program, effects, &mut verdicts);
        implicit::decide(program, effects, options, &mut verdicts);
        provided::keep(program, effects, placeholders, &mut verdicts);
        program.par_ids().zip(&mut verdicts).for_each(|(id, verdicts)| {
            companions::decide(program, id, effects.graph(), verdicts);
        });
        if options.conflicts {
            conflicts = effects.conflicts(program);
        }
    }
    program.par_ids().zip(&mut verdicts).for_each(|(id, verdicts)| {
        groups::decide(program, id, options, verdicts);
        verdicts.settle();
    });
    if let Some(effects) = effects.as_ref().filter(|_| placeholders) {
        provided::decide(program, effects, &mut verdicts);
    }
    if let (Target::Proxy, Form::Build) = (options.target, options.form) {
        outside::pass_over(program, &mut verdicts);
    }
    Decisions { verdicts, conflicts }
}

impl Verdict {
    /// Adds a reason to keep the import.
    pub fn keep(&mut self, mut reason: Reason) {
        if self.lacks(reason.kind)
            && let Self::Keep(reasons) = self
        {
            // There are many of them, and most have one or two.
            reason.evidence.shrink_to_fit();
            reasons.reserve_exact(1);
            reasons.push(reason);
        }
    }

    /// Whether a reason of this kind would say anything new.
    pub fn lacks(&self, kind: KeepReason) -> bool {
        matches!(self, Self::Keep(reasons) if !reasons.iter().any(|r| r.kind == kind))
    }

    /// Whether there is any reason so far.
    pub fn has_reasons(&self) -> bool {
        match self {
            Self::Keep(reasons) => !reasons.is_empty(),
            Self::Lazy => false,
            Self::NotCandidate => true,
        }
    }
}

impl ModuleVerdicts {
    /// A site without a reason to be kept is lazy.
    fn settle(&mut self) {
        for verdict in &mut self.sites {
            if matches!(verdict, Verdict::Keep(reasons) if reasons.is_empty()) {
                *verdict = Verdict::Lazy;
            }
            if let Verdict::Keep(reasons) = verdict {
                reasons.sort_by_key(|r| r.kind);
            }
        }
    }
}

fn is_candidate(module: &Module, site: &Site) -> bool {
    module.facts.imports[site.stmt as usize].place == Place::Module && !module.broken && !module.installed
}

/// Keeps all given sites of a module.
fn keep_all(module: &Module, verdicts: &mut ModuleVerdicts, reason: &Reason, which: impl Fn(&Site) -> bool) {
    for (site, verdict) in module.facts.sites.iter().zip(&mut verdicts.sites) {
        if site.declared.is_none() && which(site) {
            verdict.keep(reason.clone());
        }
    }
}

/// The mark of a kind, if the module has it.
fn mark(module: &Module, kind: MarkKind) -> Option<TextRange> {
    module.facts.marks.iter().find(|m| m.kind == kind).map(|m| m.range)
}
