//! Extension modules of the module's own package.
//!
//! What an extension module imports while it loads cannot be seen. Those of one package often import one another, and its Python
//! modules, and work only if somebody else has loaded some of them before. So where the package imports them it does so in the
//! original order. Whoever imports the package from outside may wait.

use super::{KeepReason, ModuleVerdicts, Reason};
use crate::program::{ModuleId, Program};

/// Adds the reasons.
pub fn decide(program: &Program, id: ModuleId, verdicts: &mut ModuleVerdicts) {
    let module = program.module(id);
    let outermost = module.name.as_str().split('.').next();
    for (index, site) in module.facts.sites.iter().enumerate() {
        if site.declared.is_some() {
            continue;
        }
        let import = &module.facts.imports[site.stmt as usize];
        let item = import.aliases[site.alias as usize];
        let Some(loaded) = program.loaded_name(id, import, site.alias as usize) else { continue };
        if loaded.split('.').next() != outermost {
            continue;
        }
        let compiled = program.compiled_module(loaded).or_else(|| {
            import.from.and_then(|_| program.compiled_module(&[loaded, item.name.as_str()].join(".")))
        });
        if let Some(name) = compiled {
            let note = "an extension module of the same package: what it imports cannot be seen";
            verdicts.sites[index].keep(Reason::at(KeepReason::ImportOrder, id, item.range, note).about(name));
        }
    }
}
