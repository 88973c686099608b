//! Names in annotations: who evaluates them, and when.
//!
//! Up to 3.13 an annotation is evaluated when the function or class is defined, unless the module has
//! `from __future__ import annotations`; from 3.14 on it is evaluated when somebody asks (PEP 649).
//! Where nobody asks, an annotation that only names a lazy import can be put into quotes.

mod functions;
mod shown;

use std::cell::OnceCell;

use rustc_hash::FxHashSet;

use self::functions::{function_inspected, handed_on};
pub(super) use self::shown::{has_fields, shown_modules};
use super::inspected::Inspected;
use super::{DecideOptions, KeepReason, mark};
use crate::config::{Annotations, Target};
use crate::facts::{Annotation, AnnotationOwner, FuncId, MarkKind, Read, Sym, Value, ValueId};
use crate::program::callees::class_behind;
use crate::program::state::{foreign_path, module_of};
use crate::program::{Module, ModuleId, Origin, Program};

/// What an annotation means for the site that it names.
pub enum AnnotationUse {
    /// It does not matter.
    Nothing,
    /// It has to become text.
    Quote,
    /// The import stays.
    Keep(KeepReason, &'static str),
}

/// Base classes whose subclasses' annotations nobody evaluates.
const PLAIN_BASES: &[&str] = &[
    "object",
    "Exception",
    "ValueError",
    "TypeError",
    "RuntimeError",
    "KeyError",
    "LookupError",
    "OSError",
    "IOError",
    "AttributeError",
    "NotImplementedError",
    "ImportError",
    "Warning",
    "UserWarning",
    "DeprecationWarning",
    "BaseException",
    "ABC",
    "Generic",
    "Protocol",
    "Enum",
    "IntEnum",
    "StrEnum",
    "Flag",
    "IntFlag",
    "dict",
    "list",
    "tuple",
    "set",
    "str",
    "int",
    "float",
    "Thread",
    "TestCase",
    "type",
    "bytes",
    "frozenset",
];

/// Who judges the annotations of a module.
pub struct Judge<'a> {
    program: &'a Program,
    /// The module.
    pub id: ModuleId,
    /// For what it is judged.
    pub options: &'a DecideOptions,
    by_others: &'a Inspected,
    /// The functions that the module hands on.
    handed: OnceCell<FxHashSet<FuncId>>,
}

impl<'a> Judge<'a> {
    /// For one module.
    pub fn new(
        program: &'a Program,
        id: ModuleId,
        options: &'a DecideOptions,
        by_others: &'a Inspected,
    ) -> Self {
        Self { program, id, options, by_others, handed: OnceCell::new() }
    }

    /// Judges one read in an annotation.
    pub fn read(&self, read: &Read, annotation: Annotation) -> AnnotationUse {
        judge(self, read, annotation)
    }

    fn is_handed_on(&self, func: FuncId) -> bool {
        self.handed.get_or_init(|| handed_on(self.program, self.id)).contains(&func)
    }
}

fn judge(judge: &Judge<'_>, read: &Read, annotation: Annotation) -> AnnotationUse {
    let &Judge { program, id, options, by_others, .. } = judge;
    let inspected = inspected(judge, read, annotation).or_else(|| {
        let seen = options.target == Target::Proxy && by_others.has(program, id, annotation);
        seen.then_some("somebody looks at the annotations of the function or class")
    });
    let late = options.first.minor() >= 14;
    if options.target != Target::Proxy {
        // Native lazy names resolve when they are evaluated. Only dataclasses look at names without evaluating:
        // in text annotations they compare the module behind `t.ClassVar` by identity.
        let compares = annotation.text
            && !read.chain.is_empty()
            && matches!(annotation.owner, AnnotationOwner::Field(_));
        return match inspected {
            Some(note) if compares => AnnotationUse::Keep(KeepReason::RuntimeAnnotation, note),
            _ => AnnotationUse::Nothing,
        };
    }
    if let Some(note) = inspected {
        return AnnotationUse::Keep(KeepReason::RuntimeAnnotation, note);
    }
    if annotation.text || late {
        return AnnotationUse::Nothing;
    }
    if annotation.calls {
        return AnnotationUse::Keep(KeepReason::EvaluatedAnnotation, "the annotation calls something");
    }
    match options.annotations {
        Annotations::Keep => {
            AnnotationUse::Keep(KeepReason::EvaluatedAnnotation, "evaluated when the definition runs")
        }
        Annotations::Defer => AnnotationUse::Quote,
    }
}

/// Whether something may evaluate or inspect the annotation, and what.
fn inspected(judge: &Judge<'_>, read: &Read, annotation: Annotation) -> Option<&'static str> {
    let &Judge { program, id, .. } = judge;
    let module = program.module(id);
    if mark(module, MarkKind::EvaluatesAnnotations).is_some() {
        return Some("the module evaluates annotations");
    }
    // Handing out a string hands out no placeholder.
    if !annotation.text && mark(module, MarkKind::InspectsAnnotations).is_some() {
        return Some("the module inspects annotations");
    }
    match annotation.owner {
        AnnotationOwner::Variable => None,
        AnnotationOwner::Decorated(_) => Some("a decorator may look at the annotation"),
        AnnotationOwner::Plain(func) => function_inspected(module, func, || judge.is_handed_on(func)),
        AnnotationOwner::Field(class) => {
            let reads_no_text =
                || annotation.text && !marks_field(program, id, read) && is_record(program, id, class, 0);
            let plain = is_plain_class(module, class, 0) || reads_no_text();
            (!plain || has_named_members(program, id, class))
                .then_some("a base class, metaclass or decorator may look at the field's annotation")
        }
    }
}

/// Whether a class has members that are told of it and of their names, and may look at what is said of them.
fn has_named_members(program: &Program, id: ModuleId, class: u32) -> bool {
    let code = &program.module(id).facts.code;
    code.classes[class as usize].members.iter().any(|&(_, value)| {
        let Value::Call(call) = code.value(value) else { return false };
        let mut found = class_behind(program, id, code.call(call).callee);
        for _ in 0..8 {
            let Some((owner, class)) = found else { return false };
            let class = &program.module(owner).facts.code.classes[class as usize];
            if class.members.iter().any(|(name, _)| *name == "__set_name__") {
                return true;
            }
            found = class.bases.first().and_then(|&base| class_behind(program, owner, base));
        }
        false
    })
}

/// Whether a name in an annotation may be one by which `dataclasses` tells fields from what is none. Of an annotation that is text it
/// looks up the first name, and compares what it finds with its own objects; for any other object it makes no difference that it
/// finds a placeholder.
fn marks_field(program: &Program, id: ModuleId, read: &Read) -> bool {
    match read.chain.first() {
        Some(&attr) => is_mark(attr),
        None => may_be_mark(program, id, read.name, 0),
    }
}

/// Whether a name is one that `dataclasses` looks for.
fn is_mark(name: Sym) -> bool {
    matches!(name.as_str(), "ClassVar" | "InitVar" | "KW_ONLY")
}

/// Whether a name of a module may stand for such a mark.
fn may_be_mark(program: &Program, id: ModuleId, name: Sym, depth: u32) -> bool {
    let facts = &program.module(id).facts;
    let means_mark = |mut value: ValueId| {
        while let Value::Item(inner) = facts.code.value(value) {
            value = inner;
        }
        match facts.code.value(value) {
            Value::Attr(_, name) => is_mark(name),
            Value::Global(other) => other != name && may_be_mark(program, id, other, depth + 1),
            _ => false,
        }
    };
    depth > 8
        || is_mark(name)
        || facts.code.globals_of(name).iter().any(|&(_, value)| means_mark(value))
        || facts.sites_of(name).any(|site| {
            let import = &facts.imports[site.stmt as usize];
            let imported = import.aliases[site.alias as usize].name;
            match program.origin(id, import, site.alias as usize) {
                Origin::Attribute(source, name) => may_be_mark(program, source, name, depth + 1),
                _ => is_mark(imported),
            }
        })
}

/// A class that nothing looks at but what the library makes records with: `dataclass`, `NamedTuple` and `TypedDict`. The last two compile
/// texts and evaluate none.
fn is_record(program: &Program, id: ModuleId, class: u32, depth: u32) -> bool {
    let module = program.module(id);
    let code = &module.facts.code;
    let class = &code.classes[class as usize];
    // `class Options(TypedDict, total=False)`: other bases of such a class are such classes.
    let known =
        |&(keyword, _): &(Sym, ValueId)| matches!(keyword.as_str(), "total" | "closed" | "extra_items");
    if depth > 8 || class.metaclass.is_some() || class.star || !class.keywords.iter().all(known) {
        return false;
    }
    let known = |&decorator: &ValueId| {
        let callee = match code.value(decorator) {
            Value::Call(call) => code.call(call).callee,
            _ => decorator,
        };
        foreign_path(program, id, callee).is_some_and(|path| {
            matches!(
                path.as_str(),
                "dataclasses.dataclass"
                    | "functools.total_ordering"
                    | "typing.final"
                    | "typing.runtime_checkable"
                    | "enum.unique"
            )
        })
    };
    let creates = |name: &str| class.members.iter().any(|(member, _)| *member == name);
    class.decorators.iter().all(known)
        && !creates("__init_subclass__")
        && class.bases.iter().all(|&base| {
            let found = || class_behind(program, id, base);
            is_plain_base(module, base, depth)
                || library_path(program, id, base).is_some_and(|path| makes_records(&path))
                || found().is_some_and(|(owner, class)| is_record(program, owner, class, depth + 1))
        })
}

/// Whether a base of the library makes a record of the fields of a class.
fn makes_records(path: &str) -> bool {
    let name = path.strip_prefix("typing.").or_else(|| path.strip_prefix("typing_extensions."));
    matches!(name, Some("NamedTuple" | "TypedDict"))
}

/// The dotted name of what a value is in the library or in a package of the environment.
fn library_path(program: &Program, id: ModuleId, value: ValueId) -> Option<String> {
    let facts = &program.module(id).facts;
    let origin = match facts.code.value(value) {
        Value::Global(name) => {
            let mut sites = facts.sites_of(name);
            let site = sites.next().filter(|_| sites.next().is_none())?;
            // Whatever else may stand under the name, is not known.
            if facts.code.globals_of(name).iter().any(|&(_, value)| value != ValueId::OPAQUE) {
                return None;
            }
            program.origin(id, &facts.imports[site.stmt as usize], site.alias as usize)
        }
        Value::Attr(base, name) => match module_of(program, id, base) {
            Some(module) => program.attribute(id, module, name),
            None => return foreign_path(program, id, value),
        },
        _ => return foreign_path(program, id, value),
    };
    match origin {
        Origin::Attribute(source, name) => {
            let source = program.module(source);
            source.installed.then(|| [source.name.as_str(), name.as_str()].join("."))
        }
        _ => foreign_path(program, id, value),
    }
}

/// A class that nothing turns into a dataclass-like thing.
fn is_plain_class(module: &Module, class: u32, depth: u32) -> bool {
    let code = &module.facts.code;
    let class = &code.classes[class as usize];
    let keywords = class.star || !class.keywords.is_empty();
    if depth > 8 || class.metaclass.is_some() || keywords || !class.decorators.is_empty() {
        return false;
    }
    // A base may look at those that are made of it.
    let told = depth > 0 && class.members.iter().any(|(name, _)| *name == "__init_subclass__");
    !told && class.bases.iter().all(|&base| is_plain_base(module, base, depth))
}

/// A base class whose subclasses' annotations nobody looks at.
fn is_plain_base(module: &Module, base: ValueId, depth: u32) -> bool {
    let code = &module.facts.code;
    match code.value(base) {
        Value::Global(name) if !module.facts.names.contains(name) => PLAIN_BASES.contains(&name.as_str()),
        Value::Global(name) => {
            let local = code.globals_of(name).last().map(|(_, v)| code.value(*v));
            match local {
                Some(Value::Class(base)) => is_plain_class(module, base, depth + 1),
                _ => PLAIN_BASES.contains(&name.as_str()),
            }
        }
        Value::Attr(_, name) => PLAIN_BASES.contains(&name.as_str()),
        // `Generic[T]`
        Value::Item(inner) => match code.value(inner) {
            Value::Global(name) | Value::Attr(_, name) => matches!(name.as_str(), "Generic" | "Protocol"),
            _ => false,
        },
        _ => false,
    }
}
