//! Code that runs where importing does not work: finalizers at shutdown, and the import system itself.
//!
//! Reads in such functions, and in functions that they call, also across modules, keep their sites eager.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::{KeepReason, ModuleVerdicts, Reason};
use crate::facts::{CallRole, FuncId, OpKind, Value, ValueId};
use crate::program::{ModuleId, Origin, Program};

/// Methods of finders and loaders.
const HOOK_METHODS: &[&str] = &[
    "find_spec",
    "find_module",
    "find_loader",
    "load_module",
    "exec_module",
    "create_module",
    "find_distributions",
];

/// Calls whose arguments run inside the interpreter's machinery.
const HOOK_CALLS: &[&str] = &["settrace", "setprofile", "addaudithook"];

/// The functions that run late, with the reason.
pub type LateCode = FxHashMap<(ModuleId, FuncId), KeepReason>;

/// Finds all functions that may run in a finalizer or in the import system.
pub fn late_code(program: &Program) -> LateCode {
    let mut found = LateCode::default();
    let ids: Vec<ModuleId> = program.ids().collect();
    let starts: Vec<Vec<_>> = ids.into_par_iter().map(|id| late_in(program, id)).collect();
    let mut todo: Vec<(ModuleId, FuncId, KeepReason)> = starts.into_iter().flatten().collect();
    while let Some((id, func, reason)) = todo.pop() {
        if found.contains_key(&(id, func)) {
            continue;
        }
        found.insert((id, func), reason);
        let code = &program.module(id).facts.code;
        for op in code.ops_of(func) {
            if let OpKind::Call { call, .. } = op.kind {
                let callee = code.call(call).callee;
                for (module, callee) in functions_of(program, id, callee) {
                    todo.push((module, callee, reason));
                }
            }
        }
        // Lambdas and nested functions run with it.
        for (index, function) in code.functions.iter().enumerate().skip(1) {
            if function.parent == func {
                todo.push((id, FuncId(u32::try_from(index).unwrap_or_default()), reason));
            }
        }
    }
    found
}

/// The methods of one module that run late, and the functions that it hands to the import system.
fn late_in(program: &Program, id: ModuleId) -> Vec<(ModuleId, FuncId, KeepReason)> {
    let mut todo = Vec::new();
    let code = &program.module(id).facts.code;
    for (index, function) in code.functions.iter().enumerate() {
        if function.class.is_none() {
            continue;
        }
        let reason = match function.name.as_str() {
            "__del__" => KeepReason::FinalizerUse,
            name if HOOK_METHODS.contains(&name) => KeepReason::ImportHookUse,
            _ => continue,
        };
        let func = FuncId(u32::try_from(index).unwrap_or_default());
        todo.push((id, func, reason));
    }
    for op in code.ops() {
        let hooked = match op.kind {
            OpKind::Call { call, role: CallRole::Dropped | CallRole::Used } => {
                let call = &code.call(call);
                match code.value(call.callee) {
                    Value::Attr(base, name) => {
                        let in_hooks = matches!(code.value(base), Value::Attr(_, list)
                                if matches!(list.as_str(), "path_hooks" | "meta_path"));
                        if HOOK_CALLS.contains(&name.as_str()) || in_hooks {
                            code.positional(call)
                        } else {
                            &[]
                        }
                    }
                    _ => &[],
                }
            }
            OpKind::SetAttr { attr, ref value, .. } if attr == "__import__" => std::slice::from_ref(value),
            _ => &[],
        };
        for &value in hooked {
            for func in functions_of(program, id, value) {
                todo.push((func.0, func.1, KeepReason::ImportHookUse));
            }
        }
    }
    todo
}

/// The functions that a value may be, as far as names show.
fn functions_of(program: &Program, id: ModuleId, value: ValueId) -> Vec<(ModuleId, FuncId)> {
    let module = program.module(id);
    let code = &module.facts.code;
    match code.value(value) {
        Value::Function(func) => vec![(id, func)],
        Value::Global(name) => {
            let mut out: Vec<_> = code
                .globals_of(name)
                .iter()
                .flat_map(|&(_, v)| match code.value(v) {
                    Value::Function(func) => vec![(id, func)],
                    _ => Vec::new(),
                })
                .collect();
            for site in module.facts.sites_of(name) {
                let import = &module.facts.imports[site.stmt as usize];
                if let Origin::Attribute(source, name) = program.origin(id, import, site.alias as usize) {
                    out.extend(global_functions(program, source, name));
                }
            }
            out
        }
        Value::Attr(base, name) => {
            // A function of an imported module, or any method of this module with that name.
            if let Value::Global(bound) = code.value(base) {
                for site in module.facts.sites_of(bound) {
                    let import = &module.facts.imports[site.stmt as usize];
                    if let Origin::Module(source) = program.origin(id, import, site.alias as usize) {
                        return global_functions(program, source, name);
                    }
                }
            }
            let of_self = matches!(code.value(base), Value::Var(_));
            code.functions
                .iter()
                .enumerate()
                .filter(|(_, f)| of_self && f.class.is_some() && f.name == name)
                .map(|(i, _)| (id, FuncId(u32::try_from(i).unwrap_or_default())))
                .collect()
        }
        Value::Either(a, b) => {
            let mut out = functions_of(program, id, a);
            out.extend(functions_of(program, id, b));
            out
        }
        _ => Vec::new(),
    }
}

fn global_functions(program: &Program, id: ModuleId, name: crate::facts::Sym) -> Vec<(ModuleId, FuncId)> {
    let code = &program.module(id).facts.code;
    code.globals_of(name)
        .iter()
        .filter_map(|&(_, v)| match code.value(v) {
            Value::Function(func) => Some((id, func)),
            _ => None,
        })
        .collect()
}

/// Adds the reasons.
pub fn decide(program: &Program, id: ModuleId, late: &LateCode, verdicts: &mut ModuleVerdicts) {
    let facts = &program.module(id).facts;
    for read in facts.reads() {
        let Some(&kind) = late.get(&(id, read.func)) else { continue };
        let note = match kind {
            KeepReason::FinalizerUse => "may be read while the interpreter shuts down",
            _ => "may be read inside the import system",
        };
        for (site, verdict) in facts.sites.iter().zip(&mut verdicts.sites) {
            if site.bound == read.name {
                verdict.keep(Reason::at(kind, id, read.range, note).about(site.bound));
            }
        }
    }
}
