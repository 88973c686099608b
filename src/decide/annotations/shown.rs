//! Records whose fields somebody evaluates, because he looks at annotations that name them.
//!
//! ```python
//! class Order(BaseModel):
//!     lines: list[Line]                # and so the fields of the dataclass Line, wherever it stands
//!
//! @app.post("/orders")
//! def create(order: Payload): ...      # the same for a TypedDict
//! ```

use rustc_hash::FxHashSet;

use super::{is_plain_base, is_plain_class, is_record, library_path, makes_records};
use crate::facts::{AnnotationOwner, Code, Function, ReadKind, Value, ValueId};
use crate::program::callees::{class_behind, functions_of, global_class};
use crate::program::state::{of_all, same_project};
use crate::program::{ModuleId, Origin, Program};

/// What the annotations of a module name.
#[derive(Default)]
struct Named {
    /// Modules whose classes annotations name that somebody may look at.
    looked_at: Vec<ModuleId>,
    /// Modules whose classes the fields of records name.
    by_records: Vec<ModuleId>,
}

/// The modules whose records somebody may evaluate: `handed` are those of which he has a class, and `evaluates` says in which projects
/// annotations are evaluated of which nobody knows whose they are.
pub fn shown_modules(
    program: &Program,
    handed: impl Iterator<Item = ModuleId>,
    evaluates: impl Fn(ModuleId) -> bool + Sync,
) -> FxHashSet<ModuleId> {
    let named: Vec<Named> = of_all(program, |id| vec![named_by(program, id, evaluates(id))]).collect();
    let mut todo: Vec<ModuleId> = handed.collect();
    todo.extend(named.iter().flat_map(|named| &named.looked_at));
    let mut shown = FxHashSet::default();
    while let Some(id) = todo.pop() {
        if shown.insert(id) {
            todo.extend(&named[id.index()].by_records);
        }
    }
    shown
}

/// Whether a class is a record, or made of one: what evaluates the fields of these, leaves other classes alone.
pub fn has_fields(program: &Program, id: ModuleId, class: u32) -> bool {
    record_at(program, id, class, 0)
}

fn record_at(program: &Program, id: ModuleId, class: u32, depth: u32) -> bool {
    let code = &program.module(id).facts.code;
    let class = &code.classes[class as usize];
    let decorated = |&by: &ValueId| {
        library_path(program, id, called(code, by)).is_some_and(|path| path == "dataclasses.dataclass")
    };
    class.decorators.iter().any(decorated)
        || depth <= 8
            && class.bases.iter().any(|&base| {
                library_path(program, id, base).is_some_and(|path| makes_records(&path))
                    || class_behind(program, id, base)
                        .is_some_and(|(owner, class)| record_at(program, owner, class, depth + 1))
            })
}

fn named_by(program: &Program, id: ModuleId, evaluates: bool) -> Named {
    let module = program.module(id);
    let facts = &module.facts;
    let code = &facts.code;
    let mut named = Named::default();
    if module.installed {
        return named;
    }
    let classes = 0..u32::try_from(code.classes.len()).expect("few classes");
    let is_record = |class| is_plain_class(module, class, 0) || is_record(program, id, class, 0);
    let records: Vec<bool> = classes.clone().map(is_record).collect();
    let foreign = |class| evaluates || is_made_by_others(program, id, class, 0);
    let shown: Vec<bool> = classes.clone().map(|class| !records[class as usize] && foreign(class)).collect();
    let decorated_by_others = |func: &Function| {
        let mut decorators = func.decorators.iter();
        decorators
            .any(|&by| if evaluates { !is_library(program, id, by) } else { is_others(program, id, by) })
    };
    // Names of the module itself are not among its reads.
    if records.contains(&true) && (shown.contains(&true) || code.functions.iter().any(decorated_by_others)) {
        named.looked_at.push(id);
    }
    for read in facts.reads() {
        let ReadKind::Annotation(annotation) = read.kind else { continue };
        let by = match annotation.owner {
            AnnotationOwner::Decorated(func) if decorated_by_others(code.function(func)) => {
                &mut named.looked_at
            }
            AnnotationOwner::Field(class) if records[class as usize] && has_fields(program, id, class) => {
                &mut named.by_records
            }
            AnnotationOwner::Field(class) if shown[class as usize] => &mut named.looked_at,
            _ => continue,
        };
        for site in facts.sites_of(read.name) {
            let import = &facts.imports[site.stmt as usize];
            match (program.origin(id, import, site.alias as usize), read.chain.first()) {
                (Origin::Attribute(source, name), _) | (Origin::Module(source), Some(&name)) => {
                    by.extend(global_class(program, source, name, 0).map(|(owner, _)| owner));
                }
                _ => {}
            }
        }
    }
    named
}

/// Whether a class is made by somebody else's code, which may look at its annotations and follow what they name.
fn is_made_by_others(program: &Program, id: ModuleId, class: u32, depth: u32) -> bool {
    let module = program.module(id);
    let class = &module.facts.code.classes[class as usize];
    let bases = class.bases.iter().filter(|&&base| !is_plain_base(module, base, depth));
    let inherits = |&base: &ValueId| match class_behind(program, id, base) {
        Some((owner, _)) if !same_project(program, owner, id) => true,
        Some((owner, class)) => is_made_by_others(program, owner, class, depth + 1),
        None => !is_library(program, id, base),
    };
    depth > 8
        || class.star
        || bases.copied().chain(class.metaclass).any(|base| inherits(&base))
        || class.decorators.iter().any(|&by| is_others(program, id, by))
}

/// Whether a decorator is neither of the library nor a function or class of the project.
fn is_others(program: &Program, id: ModuleId, decorator: ValueId) -> bool {
    let code = &program.module(id).facts.code;
    let callee = called(code, decorator);
    let own = || {
        let functions = functions_of(program, id, callee);
        let class = class_behind(program, id, callee);
        let mut owners =
            functions.iter().map(|&(owner, _)| owner).chain(class.map(|(owner, _)| owner)).peekable();
        owners.peek().is_some() && owners.all(|owner| same_project(program, owner, id))
    };
    !is_library(program, id, callee) && !own()
}

/// Whether a value, or what is called to get it, is something of the library: what that makes records with is told apart elsewhere.
fn is_library(program: &Program, id: ModuleId, value: ValueId) -> bool {
    let facts = &program.module(id).facts;
    let of = |path: String| program.stdlib.knows(path.split('.').next().unwrap_or_default());
    match facts.code.value(called(&facts.code, value)) {
        Value::Global(name) if !facts.names.contains(name) => true,
        Value::Item(inner) => is_library(program, id, inner),
        // `@size.setter`
        Value::Attr(_, name) if matches!(name.as_str(), "setter" | "getter" | "deleter") => true,
        _ => library_path(program, id, called(&facts.code, value)).is_some_and(of),
    }
}

/// What a decorator with arguments calls, or the decorator itself.
fn called(code: &Code, value: ValueId) -> ValueId {
    match code.value(value) {
        Value::Call(call) => code.call(call).callee,
        _ => value,
    }
}
