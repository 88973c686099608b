//! Names of modules that are loaded anyway, because another import of the same module stays eager.
//!
//! ```python
//! from events import READ, poll    # READ is needed at once, so `events` is loaded, and `poll` costs nothing
//! flags = READ
//! def wait(): return poll()
//! ```
//!
//! There is nothing to gain, and the name gets the value of this moment, as it always did, whatever becomes of it in `events` later. Not
//! so where the module itself has the name from elsewhere, or only when somebody asks for it; and not within an import cycle, where
//! the module may be half loaded.

use rustc_hash::FxHashMap;

use super::{KeepReason, ModuleVerdicts, Reason, Verdict};
use crate::facts::{ImportStmt, Moment};
use crate::program::graph::Graph;
use crate::program::{ModuleId, Program};

/// Adds the reasons.
pub fn decide(program: &Program, id: ModuleId, graph: &Graph, verdicts: &mut ModuleVerdicts) {
    let facts = &program.module(id).facts;
    let source = |import: &ImportStmt, alias| {
        let name = program.loaded_name(id, import, alias)?;
        program.find_from(id, name).filter(|&source| graph.cycle_of(source) != graph.cycle_of(id))
    };
    let mut loaded: FxHashMap<ModuleId, usize> = FxHashMap::default();
    for (index, site) in facts.sites.iter().enumerate() {
        let import = &facts.imports[site.stmt as usize];
        let certain = import.moment == Moment::ImportTime && !import.conditional;
        if certain
            && matches!(&verdicts.sites[index], Verdict::Keep(reasons) if !reasons.is_empty())
            && let Some(source) = source(import, site.alias as usize)
        {
            loaded.entry(source).or_insert(index);
        }
    }
    if loaded.is_empty() {
        return;
    }
    for (index, site) in facts.sites.iter().enumerate() {
        let import = &facts.imports[site.stmt as usize];
        let alias = site.alias as usize;
        if site.declared.is_some() || import.from.is_none() || verdicts.sites[index].has_reasons() {
            continue;
        }
        let name = import.aliases[alias].name;
        let Some((source, by)) = source(import, alias).and_then(|id| Some((id, *loaded.get(&id)?))) else {
            continue;
        };
        let info = program.module(source).facts.names.get(name);
        let own = info.is_some_and(|info| {
            info.otherwise && !info.imported && !info.deleted && !info.only_type_checking
        });
        if own {
            let range = facts.imports[facts.sites[by].stmt as usize].range;
            let note = "this import of the same module stays eager";
            verdicts.sites[index].keep(Reason::at(KeepReason::AlreadyLoaded, id, range, note));
        }
    }
}
