//! Sites that can only be decided together.
//!
//! ```python
//! import a.b        # both bind `a`: an eager one after a lazy one would
//! import a.c        # replace the placeholder that knows about a.b
//! ```

use rustc_hash::{FxHashMap, FxHashSet};

use super::{DecideOptions, KeepReason, ModuleVerdicts, Reason};
use crate::config::Target;
use crate::facts::{Declared, Sym};
use crate::program::{ModuleId, Program};

/// Adds the reasons.
pub fn decide(program: &Program, id: ModuleId, options: &DecideOptions, verdicts: &mut ModuleVerdicts) {
    same_name(program, id, options, verdicts);
    if options.target == Target::LazyModules {
        same_entry(program, id, verdicts);
    }
}

fn same_name(program: &Program, id: ModuleId, options: &DecideOptions, verdicts: &mut ModuleVerdicts) {
    let facts = &program.module(id).facts;
    let mut by_name: FxHashMap<Sym, Vec<usize>> = FxHashMap::default();
    for (index, site) in facts.sites.iter().enumerate() {
        by_name.entry(site.bound).or_default().push(index);
    }
    for (name, sites) in by_name.into_iter().filter(|(_, sites)| sites.len() > 1) {
        // What stays eager of a statement is executed after what becomes lazy.
        let eager_in: FxHashSet<u32> = sites
            .iter()
            .filter(|&&s| verdicts.sites[s].has_reasons())
            .map(|&s| facts.sites[s].stmt)
            .collect();
        let dotted = sites.iter().any(|&s| {
            let import = &facts.imports[facts.sites[s].stmt as usize];
            import.from.is_none() && import.aliases[facts.sites[s].alias as usize].name.as_str().contains('.')
        });
        // The last eager binding decides: lazy ones before it would be lost with their submodules.
        let last_eager = sites.iter().rposition(|&s| verdicts.sites[s].has_reasons());
        for (position, &s) in sites.iter().enumerate() {
            let lost =
                dotted && options.target == Target::Proxy && last_eager.is_some_and(|eager| position < eager);
            let left_behind = eager_in.contains(&facts.sites[s].stmt) && !verdicts.sites[s].has_reasons();
            if lost || left_behind {
                let range = facts.imports[facts.sites[s].stmt as usize].range;
                verdicts.sites[s].keep(
                    Reason::at(KeepReason::SharedName, id, range, "another import binds the same name")
                        .about(name),
                );
            }
        }
    }
}

/// A `__lazy_modules__` entry counts for every import of that module in the file.
fn same_entry(program: &Program, id: ModuleId, verdicts: &mut ModuleVerdicts) {
    let facts = &program.module(id).facts;
    let mut by_entry: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
    for (index, site) in facts.sites.iter().enumerate() {
        let import = &facts.imports[site.stmt as usize];
        if let Some(name) = program.loaded_name(id, import, site.alias as usize) {
            by_entry.entry(name).or_default().push(index);
        }
    }
    for sites in by_entry.into_values() {
        let listed = |s: usize| facts.sites[s].declared == Some(Declared::List);
        let stays = |s: usize| {
            verdicts.sites[s].has_reasons() && !matches!(verdicts.sites[s], super::Verdict::NotCandidate)
        };
        let eager: Vec<usize> = sites.iter().copied().filter(|&s| stays(s)).take(2).collect();
        for s in sites.into_iter().filter(|&s| !listed(s)) {
            if let Some(&other) = eager.iter().find(|&&other| other != s) {
                let range = facts.imports[facts.sites[other].stmt as usize].range;
                verdicts.sites[s].keep(Reason::at(
                    KeepReason::SharedName,
                    id,
                    range,
                    "an entry of __lazy_modules__ would also make this import lazy",
                ));
            }
        }
    }
}
