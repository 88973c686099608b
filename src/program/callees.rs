//! Functions and classes that a value may be, by names alone: those of the module, and those that it imports.

use super::state::foreign_path;
use super::{ModuleId, Origin, Program};
use crate::facts::{Added, Code, Constant, FuncId, MarkKind, NameInfo, Site, Sym, Value, ValueId};

/// How many classes are looked at for their bases.
const MOST_BASES: usize = 16;

/// The functions that a value may be, as far as names show.
pub(crate) fn functions_of(program: &Program, id: ModuleId, value: ValueId) -> Vec<(ModuleId, FuncId)> {
    let module = program.module(id);
    let code = &module.facts.code;
    match code.value(value) {
        Value::Function(func) => vec![(id, func)],
        Value::Global(name) => {
            let mut out: Vec<_> = code
                .globals_of(name)
                .iter()
                .filter_map(|&(_, v)| Some((id, function_behind(code, v)?)))
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
            if let Some(class) = class_behind(program, id, base) {
                return methods_of(program, class, name);
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
        Value::Sum(inner) => functions_of(program, id, inner),
        _ => Vec::new(),
    }
}

fn global_functions(program: &Program, id: ModuleId, name: Sym) -> Vec<(ModuleId, FuncId)> {
    let code = &program.module(id).facts.code;
    code.globals_of(name).iter().filter_map(|&(_, v)| Some((id, function_behind(code, v)?))).collect()
}

/// The functions under a name in a class, or in the nearest of its bases that has some.
fn methods_of(program: &Program, class: (ModuleId, u32), name: Sym) -> Vec<(ModuleId, FuncId)> {
    let classes = with_bases(program, vec![class]).into_iter();
    let mut methods = classes.map(|(id, class)| {
        let code = &program.module(id).facts.code;
        let members = code.classes[class as usize].members.iter().filter(|(member, _)| *member == name);
        members.filter_map(|&(_, value)| Some((id, function_behind(code, value)?))).collect::<Vec<_>>()
    });
    methods.find(|methods| !methods.is_empty()).unwrap_or_default()
}

/// The function that a value is, also behind decorators.
pub(crate) fn function_behind(code: &Code, mut value: ValueId) -> Option<FuncId> {
    for _ in 0..8 {
        match code.value(value) {
            Value::Function(func) => return Some(func),
            Value::Call(call) => value = *code.positional(&code.call(call)).first()?,
            _ => return None,
        }
    }
    None
}

/// Whether a global stands for displays, comprehensions and constants, and nothing else.
pub(crate) fn is_display(program: &Program, id: ModuleId, name: Sym) -> bool {
    let is = |code: &Code, value: ValueId| {
        value == ValueId::FRESH
            || value.is_constant()
            || matches!(code.value(value), Value::Holder(_) | Value::Str(_))
    };
    is_bound_to(program, id, name, is)
}

/// Whether a global stands for what cannot be changed: numbers, texts, `("a", "b")`, `frozenset(names)`. What is `None` at first, is
/// something else later.
pub(crate) fn is_frozen(program: &Program, id: ModuleId, name: Sym) -> bool {
    let facts = &program.module(id).facts;
    let tuples = facts.marks.iter().filter(|mark| mark.kind == MarkKind::TupleNamed(name)).count();
    // A tuple is a container as well, so it is told by where it is bound.
    let all_tuples = tuples > 0 && facts.code.globals_of(name).len() == tuples;
    is_bound_to(program, id, name, |_, value| all_tuples || is_frozen_value(program, id, value))
}

/// Whether a global stands for an object that may be changed in place by what is added to it.
pub(crate) fn takes_in_place(program: &Program, (id, name): (ModuleId, Sym), added: Added) -> bool {
    let is_list = || is_display(program, id, name) || is_bound_to(program, id, name, makes_list);
    !is_frozen(program, id, name) && (added != Added::ForLists || is_list())
}

/// Whether a value is a list or the like that is made of something: `list(names)`, `sorted(names)`, `NAMES.copy()`, `NAMES + []`.
fn makes_list(code: &Code, value: ValueId) -> bool {
    match code.value(value) {
        Value::Sum(_) => true,
        Value::Call(call) => match code.value(code.call(call).callee) {
            Value::Global(function) => matches!(function.as_str(), "list" | "sorted" | "deque" | "bytearray"),
            Value::Attr(_, method) => matches!(method.as_str(), "copy" | "deque" | "split"),
            _ => false,
        },
        _ => false,
    }
}

/// Whether a value of a module cannot be changed.
pub(crate) fn is_frozen_value(program: &Program, id: ModuleId, value: ValueId) -> bool {
    let facts = &program.module(id).facts;
    match facts.code.value(value) {
        Value::Call(call) => matches!(facts.code.value(facts.code.call(call).callee), Value::Global(class)
            if matches!(class.as_str(), "frozenset" | "tuple") && !facts.names.contains(class)),
        Value::Constant(constant) => constant != Constant::None,
        Value::Str(_) => true,
        _ => false,
    }
}

/// The object `object()` that a global stands for, as the name that it is bound to, and nothing else.
pub(crate) fn mark_behind(program: &Program, id: ModuleId, name: Sym) -> Option<(ModuleId, Sym)> {
    let (mut id, mut name) = (id, name);
    for _ in 0..8 {
        let facts = &program.module(id).facts;
        let rebound = |info: &NameInfo| {
            info.rebound_at_module_level
                || info.deleted
                || info.rebound_in_function.or(info.computed_in_function).is_some()
        };
        if facts.names.get(name).is_none_or(rebound) {
            return None;
        }
        if let &[(_, value)] = facts.code.globals_of(name)
            && value != ValueId::OPAQUE
        {
            // `MISSING = UNSET = object()` is one object with two names.
            let names = facts.code.globals.iter().filter(|(_, other)| *other == value).count();
            return (names == 1 && is_new_object(program, id, value)).then_some((id, name));
        }
        let site = facts.sites_of(name).next()?;
        match program.origin(id, &facts.imports[site.stmt as usize], site.alias as usize) {
            Origin::Attribute(source, other) if source != id => (id, name) = (source, other),
            _ => return None,
        }
    }
    None
}

/// Whether a value is `object()`.
fn is_new_object(program: &Program, id: ModuleId, value: ValueId) -> bool {
    let facts = &program.module(id).facts;
    matches!(facts.code.value(value), Value::Call(call)
        if matches!(facts.code.value(facts.code.call(call).callee), Value::Global(class)
            if class == "object" && !facts.names.contains(class)))
}

/// Whether a global stands for marks that hold nothing and cannot be changed, its own ones or those of another module: `object()`, members of enumerations
/// of the library alone that give their members nothing.
pub(crate) fn is_mark(program: &Program, id: ModuleId, name: Sym, depth: u32) -> bool {
    let facts = &program.module(id).facts;
    let code = &facts.code;
    let rebound =
        |info: &NameInfo| info.rebound_in_function.or(info.computed_in_function).is_some() || info.deleted;
    let is_made = |value: ValueId| match code.value(value) {
        Value::Call(_) => is_new_object(program, id, value),
        Value::Attr(class, member) => class_behind(program, id, class)
            .is_some_and(|class| is_plain_enumeration(program, class) && is_member(program, class, member)),
        _ => false,
    };
    let is_taken = |site: &Site| {
        let import = &facts.imports[site.stmt as usize];
        matches!(program.origin(id, import, site.alias as usize), Origin::Attribute(source, name)
            if source != id && is_mark(program, source, name, depth + 1))
    };
    let mut bound = code.globals_of(name).iter().map(|&(_, value)| value);
    let imported = facts.sites_of(name).next().is_some();
    depth <= 8
        && (imported || !code.globals_of(name).is_empty())
        && facts.sites_of(name).all(is_taken)
        && bound.all(|value| imported && value == ValueId::OPAQUE || is_made(value))
        && !facts.names.get(name).is_some_and(rebound)
}

/// Whether a name in the body of an enumeration is that of a member: neither a method nor a class, and bound once.
fn is_member(program: &Program, (id, class): (ModuleId, u32), name: Sym) -> bool {
    let code = &program.module(id).facts.code;
    let mut bound = code.classes[class as usize].members.iter().filter(|(member, _)| *member == name);
    let is_value = |value: ValueId| {
        function_behind(code, value).is_none() && !matches!(code.value(value), Value::Class(_))
    };
    !name.as_str().starts_with('_')
        && bound.next().is_some_and(|&(_, value)| is_value(value))
        && bound.next().is_none()
}

/// Whether a class is an enumeration whose members have nothing but names and values.
fn is_plain_enumeration(program: &Program, (id, class): (ModuleId, u32)) -> bool {
    let class = &program.module(id).facts.code.classes[class as usize];
    let gives = |(member, _): &(Sym, ValueId)| {
        matches!(member.as_str(), "__init__" | "__new__" | "__getattr__" | "__setattr__")
    };
    let is_enum = |&base: &ValueId| {
        foreign_path(program, id, base)
            .is_some_and(|path| matches!(path.as_str(), "enum.Enum" | "enum.IntEnum"))
    };
    !class.star
        && !class.bases.is_empty()
        && class.bases.iter().all(is_enum)
        && !class.members.iter().any(gives)
}

/// Whether all that a global of a module is ever bound to is of a kind, as far as the module shows.
fn is_bound_to(program: &Program, id: ModuleId, name: Sym, is: impl Fn(&Code, ValueId) -> bool) -> bool {
    let facts = &program.module(id).facts;
    let bound = facts.code.globals_of(name);
    let elsewhere =
        |info: &NameInfo| info.imported || info.rebound_in_function.or(info.computed_in_function).is_some();
    !bound.is_empty()
        && bound.iter().all(|&(_, value)| is(&facts.code, value))
        && !facts.names.get(name).is_some_and(elsewhere)
}

/// The class of the program that a value is.
pub(crate) fn class_behind(program: &Program, id: ModuleId, value: ValueId) -> Option<(ModuleId, u32)> {
    class_at(program, id, value, 0)
}

/// The same at some distance from the value that was asked for.
fn class_at(program: &Program, id: ModuleId, value: ValueId, depth: u32) -> Option<(ModuleId, u32)> {
    let code = &program.module(id).facts.code;
    match code.value(value) {
        Value::Class(class) => Some((id, class)),
        Value::Global(name) => global_class(program, id, name, depth + 1),
        Value::Attr(base, name) => {
            let module = super::state::module_of(program, id, base)?;
            global_class(program, module, name, depth + 1)
        }
        // `Base[T]`
        Value::Item(inner) => class_at(program, id, inner, depth),
        // What a decorator makes of a class.
        Value::Either(a, b) => {
            class_at(program, id, a, depth).or_else(|| class_at(program, id, b, depth + 1))
        }
        _ => None,
    }
}

/// The class behind a name of a module, also if it is imported.
pub(crate) fn global_class(
    program: &Program,
    id: ModuleId,
    name: Sym,
    depth: u32,
) -> Option<(ModuleId, u32)> {
    let facts = &program.module(id).facts;
    if depth > 8 {
        return None;
    }
    for &(_, value) in facts.code.globals_of(name) {
        if matches!(facts.code.value(value), Value::Class(_) | Value::Either(..))
            && let Some(class) = class_at(program, id, value, depth + 1)
        {
            return Some(class);
        }
    }
    let mut sites = facts.sites_of(name);
    sites.find_map(|site| {
        let import = &facts.imports[site.stmt as usize];
        match program.origin(id, import, site.alias as usize) {
            Origin::Attribute(source, name) if source != id => global_class(program, source, name, depth + 1),
            _ => None,
        }
    })
}

/// Classes with their bases, as far as names show.
pub(crate) fn with_bases(program: &Program, mut found: Vec<(ModuleId, u32)>) -> Vec<(ModuleId, u32)> {
    let mut next = 0;
    while next < found.len() && next < MOST_BASES {
        let (module, class) = found[next];
        next += 1;
        for &base in &program.module(module).facts.code.classes[class as usize].bases {
            if let Some(base) = class_behind(program, module, base)
                && !found.contains(&base)
            {
                found.push(base);
            }
        }
    }
    found
}
