//! Imports that would fail: the error must stay where it is.

use super::{KeepReason, ModuleVerdicts, Reason};
use crate::program::{ModuleId, Origin, Program, Target};

/// Adds the reasons.
pub fn decide(program: &Program, id: ModuleId, verdicts: &mut ModuleVerdicts) {
    let module = program.module(id);
    for (index, site) in module.facts.sites.iter().enumerate() {
        let import = &module.facts.imports[site.stmt as usize];
        let alias = site.alias as usize;
        let range = import.aliases[alias].range;
        let reason = match program.origin(id, import, alias) {
            // `from fractions import gcd`: the library has the module.
            Origin::MissingModule
                if import.from.is_some() && program.loaded_target(id, import, alias) == Target::Stdlib =>
            {
                let name = import.aliases[alias].name;
                Some(
                    Reason::at(KeepReason::MissingName, id, range, "some version has no such name")
                        .about(name),
                )
            }
            Origin::MissingModule => {
                let name = import.from.map_or(import.aliases[alias].name, |from| from.module);
                Some(Reason::at(KeepReason::UnresolvedModule, id, range, "no such module").about(name))
            }
            Origin::MissingName(source) => Some(
                Reason::at(KeepReason::MissingName, id, range, "the module has no such name")
                    .about(program.module(source).name),
            ),
            Origin::Module(_) | Origin::Attribute(..) | Origin::Foreign => None,
        };
        if let Some(reason) = reason {
            verdicts.sites[index].keep(reason);
        }
        if program.loaded_name(id, import, alias).is_some() {
            if import.from.is_none() && program.loaded_target(id, import, alias) == Target::Missing {
                verdicts.sites[index].keep(
                    Reason::at(KeepReason::UnresolvedModule, id, range, "no such module")
                        .about(import.aliases[alias].name),
                );
            }
            let chain = program.loaded_chain(id, import, alias);
            if let Some(&broken) = chain.iter().find(|&&m| program.module(m).broken) {
                verdicts.sites[index].keep(
                    Reason::at(KeepReason::BrokenModule, id, range, "cannot be read or parsed")
                        .about(program.module(broken).name),
                );
            }
        }
    }
}
