//! Names that are also submodules of the same package.
//!
//! ```python
//! # pack/__init__.py
//! from .squeeze import squeeze      # loading pack.squeeze binds the submodule, the statement then the function
//! ```
//!
//! The placeholder of the proxy target survives the binding of the submodule; a native lazy name does not.

use super::{DecideOptions, KeepReason, ModuleVerdicts, Reason};
use crate::config::Target;
use crate::facts::{ImportStmt, Moment, Sym, Value, ValueId};
use crate::program::{ModuleId, Origin, Program};

/// Adds the reasons.
pub fn decide(program: &Program, id: ModuleId, options: &DecideOptions, verdicts: &mut ModuleVerdicts) {
    overwritten(program, id, verdicts);
    specially_named(program, id, verdicts);
    read_by_functions(program, id, verdicts);
    if options.target == Target::Proxy {
        return;
    }
    let module = program.module(id);
    if !module.is_package {
        hidden_attribute(program, id, verdicts);
        return;
    }
    for (index, site) in module.facts.sites.iter().enumerate() {
        let import = &module.facts.imports[site.stmt as usize];
        let Some(submodule) = program.find(&[module.name.as_str(), site.bound.as_str()].join(".")) else {
            continue;
        };
        if program.origin(id, import, site.alias as usize) == Origin::Module(submodule) {
            // A pending import would bring the attribute back.
            if module.facts.names.get(site.bound).is_some_and(|info| info.deleted) {
                let range = import.aliases[site.alias as usize].range;
                let reason =
                    Reason::at(KeepReason::NameIsSubmodule, id, range, "the package deletes the name again");
                verdicts.sites[index].keep(reason);
            }
            continue;
        }
        let other = other_importer(program, id, submodule)
            .or_else(|| loads_again(program, id, submodule, (site.stmt, site.alias)).then_some(id));
        if let Some(other) = other {
            let range = import.aliases[site.alias as usize].range;
            verdicts.sites[index].keep(
                Reason::at(
                    KeepReason::NameIsSubmodule,
                    id,
                    range,
                    "may be overwritten when this module loads the submodule",
                )
                .about(program.module(other).name),
            );
        }
    }
    hidden_attribute(program, id, verdicts);
}

/// Imports of modules in folders without a file of their own, which functions read by way of a name that they bind themselves: `import tools.text`, and in a
/// function `import tools.maths; tools.text.clean()`. Packages have placeholders, folders have none.
fn read_by_functions(program: &Program, id: ModuleId, verdicts: &mut ModuleVerdicts) {
    let module = program.module(id);
    let facts = &module.facts;
    let code = &facts.code;
    let plain = |import: &&ImportStmt| import.from.is_none() && !import.func.is_module();
    let mut heads: Vec<&str> = Vec::new();
    for import in facts.imports.iter().filter(plain) {
        let dotted = import.aliases.iter().filter(|alias| alias.asname.is_none());
        heads.extend(dotted.filter_map(|alias| Some(alias.name.as_str().split_once('.')?.0)));
    }
    heads.retain(|head| program.find_from(id, head).is_none() && !program.stdlib.knows(head));
    if heads.is_empty() {
        return;
    }
    let is_head = |base: ValueId| match code.value(base) {
        Value::Var(var) => heads.contains(&code.vars[var as usize].name.as_str()),
        Value::Import(stmt, alias) => {
            heads.contains(&facts.imports[stmt as usize].aliases[alias as usize].bound(false))
        }
        _ => false,
    };
    let read: Vec<Sym> =
        code.attributes_with_bases().filter(|(base, _)| is_head(*base)).map(|(_, chain)| chain[0]).collect();
    for (index, site) in facts.sites.iter().enumerate() {
        let import = &facts.imports[site.stmt as usize];
        let alias = import.aliases[site.alias as usize];
        let mut parts = alias.name.as_str().split('.');
        let is_read = import.from.is_none()
            && parts.next().is_some_and(|head| heads.contains(&head))
            && parts.next().is_some_and(|name| read.iter().any(|read| *read == name));
        if is_read {
            let note = "a function reads what this import adds to the folder";
            verdicts.sites[index].keep(Reason::at(KeepReason::LoadObserved, id, alias.range, note));
        }
    }
}

/// Imports by which a package gets a submodule with a special name, `from .__about__ import version`: no placeholder can have such a name.
fn specially_named(program: &Program, id: ModuleId, verdicts: &mut ModuleVerdicts) {
    let module = program.module(id);
    if !module.is_package {
        return;
    }
    for (index, site) in module.facts.sites.iter().enumerate() {
        let import = &module.facts.imports[site.stmt as usize];
        for &loaded in program.loaded_chain(id, import, site.alias as usize) {
            let name = program.module(loaded).name.as_str();
            let inside = name.strip_prefix(module.name.as_str()).and_then(|rest| rest.strip_prefix('.'));
            if inside.is_some_and(|name| name.starts_with("__") && name.ends_with("__")) {
                let range = import.aliases[site.alias as usize].range;
                let note = "gives the package a submodule with a special name";
                verdicts.sites[index].keep(Reason::at(KeepReason::NameIsSubmodule, id, range, note));
            }
        }
    }
}

/// Imports of a submodule whose package gives the same name another value: loading it later would overwrite that. And imports
/// of that other value, which is there until the submodule is loaded.
fn overwritten(program: &Program, id: ModuleId, verdicts: &mut ModuleVerdicts) {
    let facts = &program.module(id).facts;
    for (index, site) in facts.sites.iter().enumerate() {
        let import = &facts.imports[site.stmt as usize];
        let mut loaded = program.loaded_chain(id, import, site.alias as usize).to_vec();
        if let Origin::Module(submodule) = program.origin(id, import, site.alias as usize) {
            loaded.push(submodule);
        }
        if let Origin::Attribute(package, name) = program.origin(id, import, site.alias as usize)
            && program.module(package).is_package
            && let Some(submodule) =
                program.find(&[program.module(package).name.as_str(), name.as_str()].join("."))
            && program.is_bound_over(submodule)
            && let Some(other) = other_importer(program, package, submodule)
        {
            let range = import.aliases[site.alias as usize].range;
            let note = "takes a name that is the submodule's when this module has loaded it";
            let reason = Reason::at(KeepReason::NameIsSubmodule, id, range, note);
            verdicts.sites[index].keep(reason.about(program.module(other).name));
        }
        for submodule in loaded {
            if program.is_bound_over(submodule) {
                let range = import.aliases[site.alias as usize].range;
                let reason = Reason::at(
                    KeepReason::NameIsSubmodule,
                    id,
                    range,
                    "loads a submodule whose name the package gives to something else",
                );
                verdicts.sites[index].keep(reason.about(program.module(submodule).name));
            }
        }
    }
}

/// Some other module that imports the submodule.
fn other_importer(program: &Program, package: ModuleId, submodule: ModuleId) -> Option<ModuleId> {
    program.ids().filter(|&id| id != package && id != submodule).find(|&id| {
        let facts = &program.module(id).facts;
        facts.imports.iter().any(|import| {
            (0..import.aliases.len())
                .any(|alias| program.loaded_chain(id, import, alias).contains(&submodule))
        })
    })
}

/// Whether the package takes something else from the submodule, too: `from .squeeze import squeeze, Level`. Whoever asks for
/// that one first, loads the submodule.
fn loads_again(program: &Program, package: ModuleId, submodule: ModuleId, name: (u32, u32)) -> bool {
    program.module(package).facts.imports.iter().filter(|import| import.moment != Moment::Never).any(
        |import| {
            (0..import.aliases.len()).any(|alias| {
                (import.index as usize, alias) != (name.0 as usize, name.1 as usize)
                    && program.loaded_chain(package, import, alias).contains(&submodule)
            })
        },
    )
}

/// `import a.b` where `a/__init__` also binds `b`: natively, using `a.b` finds the attribute and never loads the submodule.
fn hidden_attribute(program: &Program, id: ModuleId, verdicts: &mut ModuleVerdicts) {
    let module = program.module(id);
    for (index, site) in module.facts.sites.iter().enumerate() {
        let import = &module.facts.imports[site.stmt as usize];
        if import.from.is_some() {
            continue;
        }
        let name = import.aliases[site.alias as usize].name.as_str();
        for (dot, _) in name.match_indices('.') {
            let (parent, rest) = (&name[..dot], &name[dot + 1..]);
            let child = crate::facts::Sym::new(rest.split('.').next().unwrap_or_default());
            if let Some(parent) = program.find_from(id, parent)
                && program.binds(parent, child)
            {
                let range = import.aliases[site.alias as usize].range;
                verdicts.sites[index].keep(
                    Reason::at(KeepReason::NameIsSubmodule, id, range, "the package binds the same name")
                        .about(child),
                );
            }
        }
    }
}
