//! What the verdicts mean for the source as it is, and how many there are of each kind.

use std::collections::BTreeMap;

use super::Run;
use crate::config::Target;
use crate::decide::{KeepReason, Verdict};
use crate::facts::Declared;

/// What a verdict means for the source as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It could be lazy, and is not, or not in the form of the target.
    Pending,
    /// It is lazy.
    Lazy,
    /// An earlier `apply` made it lazy, and now it should be eager.
    Withdrawn,
    /// It stays eager.
    Eager,
    /// Its place allows no laziness.
    NotCandidate,
}

impl Standing {
    /// Whether `check` asks for a change.
    pub fn is_finding(self) -> bool {
        matches!(self, Self::Pending | Self::Withdrawn)
    }
}

impl Run {
    /// Whether a site of a file is lazy in the source as it is, in any form.
    pub fn is_lazy_in_source(&self, index: usize, site: usize) -> bool {
        let applied = self.states[index].view.as_ref().is_some_and(|view| view.applied.contains(&site));
        let declared = self.declared(index, site);
        applied || matches!(declared, Some(Declared::Keyword | Declared::List))
    }

    fn declared(&self, index: usize, site: usize) -> Option<Declared> {
        self.facts(index).and_then(|facts| facts.sites[site].declared)
    }

    /// What the verdict about a site of a file means for the file as it is.
    pub fn standing(&self, index: usize, site: usize) -> Standing {
        let applied = self.states[index].view.as_ref().is_some_and(|view| view.applied.contains(&site));
        let declared = self.declared(index, site);
        let done = match self.options.target {
            Target::Proxy => applied,
            Target::Native => declared == Some(Declared::Keyword) && !applied,
            Target::LazyModules => declared == Some(Declared::List) && !applied,
        };
        match &self.verdicts[index].sites[site] {
            Verdict::Lazy if done => Standing::Lazy,
            Verdict::Lazy => Standing::Pending,
            Verdict::Keep(_) if applied => Standing::Withdrawn,
            Verdict::Keep(_) => Standing::Eager,
            Verdict::NotCandidate => Standing::NotCandidate,
        }
    }

    /// Counts for the summary.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (index, (file, verdicts)) in self.discovery.files.iter().zip(&self.verdicts).enumerate() {
            if !file.selected {
                continue;
            }
            counts.files += 1;
            for (site, verdict) in verdicts.sites.iter().enumerate() {
                match verdict {
                    Verdict::Lazy => counts.lazy += 1,
                    Verdict::Keep(reasons) => {
                        counts.kept += 1;
                        for reason in reasons {
                            *counts.reasons.entry(reason.kind).or_default() += 1;
                        }
                    }
                    Verdict::NotCandidate => counts.not_candidates += 1,
                }
                match self.standing(index, site) {
                    Standing::Pending => counts.pending += 1,
                    Standing::Withdrawn => counts.withdrawn += 1,
                    Standing::Lazy | Standing::Eager | Standing::NotCandidate => {}
                }
            }
        }
        counts
    }
}

/// Counts for the summary.
#[derive(Debug, Default, Clone)]
pub struct Counts {
    /// Files looked at.
    pub files: usize,
    /// Sites that are or become lazy.
    pub lazy: usize,
    /// Those of them that are not in the form of the target yet.
    pub pending: usize,
    /// Sites that are lazy in the source and should be eager.
    pub withdrawn: usize,
    /// Sites that stay eager.
    pub kept: usize,
    /// Sites whose place allows no laziness.
    pub not_candidates: usize,
    /// How many sites have each reason; a site may have several.
    pub reasons: BTreeMap<KeepReason, usize>,
}

impl Counts {
    /// The counts of several runs together.
    pub fn of(runs: &[&Run]) -> Self {
        let mut all = Self::default();
        for Self { files, lazy, pending, withdrawn, kept, not_candidates, reasons } in
            runs.iter().map(|run| run.counts())
        {
            all.files += files;
            all.lazy += lazy;
            all.pending += pending;
            all.withdrawn += withdrawn;
            all.kept += kept;
            all.not_candidates += not_candidates;
            for (reason, count) in reasons {
                *all.reasons.entry(reason).or_default() += count;
            }
        }
        all
    }
}
