//! Functions and classes of which somebody looks at the annotations, in whatever module.
//!
//! ```python
//! inspect.signature(api.send)                   # a function of another module
//! def make(cls):                                # a container that makes what constructors ask for
//!     hints = get_type_hints(cls.__init__)
//!     return cls(**{name: make(hint) for name, hint in hints.items()})
//! make(services.Mailer)                         # and so the classes that Mailer.__init__ names
//! ```

use rustc_hash::{FxHashMap, FxHashSet};

use super::annotations::{has_fields, shown_modules};
use crate::facts::{
    Annotation, AnnotationOwner, Call, FuncId, Function, MarkKind, ReadKind, Sym, Value, ValueId,
};
use crate::program::callees::{class_behind, functions_of, global_class};
use crate::program::state::{foreign_path, module_of, of_all, same_project};
use crate::program::trace::{Leaf, Start, trace_definitions};
use crate::program::{ModuleId, Origin, Program, tables};

/// How somebody looks at annotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Looks {
    /// As they are: a text stays a text.
    Plainly,
    /// Texts are evaluated.
    Evaluating,
}

/// What is looked at.
#[derive(Debug, Default)]
pub struct Inspected {
    functions: FxHashMap<(ModuleId, FuncId), Looks>,
    /// Classes, with all their methods.
    classes: FxHashMap<(ModuleId, u32), Looks>,
    /// Who looks at methods with these names: of which object's class is not known.
    named: FxHashMap<Sym, Vec<(ModuleId, Looks)>>,
    /// Functions of one project that are got by a name which is not in the code: those whose names are among its texts.
    by_text: Vec<ByText>,
    /// Modules that look at the annotations of something that cannot be followed.
    unclear: Vec<(ModuleId, Looks)>,
    /// Classes that are handed to foreign code or to a method of some object.
    handed_out: FxHashSet<(ModuleId, u32)>,
    /// Classes that are handed to functions of the program.
    handed_on: FxHashSet<(ModuleId, u32)>,
    /// Functions that other modules hand to foreign code, to another project or to a method of some object, by name.
    functions_out: FxHashSet<(ModuleId, Sym)>,
    /// Modules whose records somebody may evaluate.
    shown: FxHashSet<ModuleId>,
}

/// `inspect.signature(getattr(module, name))`
#[derive(Debug)]
struct ByText {
    by: ModuleId,
    looks: Looks,
    /// The texts of the project.
    texts: FxHashSet<Sym>,
}

impl Inspected {
    /// Finds them.
    pub fn new(program: &Program) -> Self {
        let mut places: Vec<Start> = Vec::new();
        let mut ways = Vec::new();
        for id in program.ids() {
            for mark in &program.module(id).facts.marks {
                let (of, looks, functions) = match mark.kind {
                    MarkKind::AnnotationsOf(of) => (of, Looks::Plainly, false),
                    MarkKind::HintsOf(of) => (of, Looks::Evaluating, false),
                    MarkKind::ChosenByHints(of) => (of, Looks::Evaluating, true),
                    _ => continue,
                };
                places.push((id, of, false));
                ways.push((id, looks, functions));
            }
        }
        let mut inspected = Self::default();
        let mut derived = None;
        for (leaves, (by, looks, functions)) in trace_definitions(program, &places).into_iter().zip(ways) {
            let mut found = false;
            for leaf in leaves {
                if functions && matches!(leaf, Leaf::Class(..) | Leaf::Subclasses(..)) {
                    continue;
                }
                found |= match leaf {
                    Leaf::Function(id, func) => {
                        let known = inspected.functions.entry((id, func)).or_insert(looks);
                        *known = looks.max(*known);
                        true
                    }
                    Leaf::Class(id, class) => {
                        inspected.add_class(program, (id, class), looks, takes_values(program, by));
                        true
                    }
                    Leaf::Subclasses(id, class) => {
                        let pairs = derived.get_or_insert_with(|| bases(program));
                        for made in subclasses(pairs, (id, class)) {
                            inspected.add_class(program, made, looks, takes_values(program, by));
                        }
                        true
                    }
                    Leaf::Attribute(name) => {
                        inspected.add_named(program, name, by, looks);
                        false
                    }
                    Leaf::Computed => {
                        inspected.add_by_text(program, by, looks);
                        false
                    }
                    Leaf::Text(_)
                    | Leaf::Module(_)
                    | Leaf::LoadedBy(_)
                    | Leaf::TakenApart(_)
                    | Leaf::Main => false,
                };
            }
            if !found && !functions && !program.module(by).installed {
                inspected.unclear.push((by, looks));
            }
        }
        for (id, class, out) in of_all(program, |id| handed_by(program, id)) {
            let classes = if out { &mut inspected.handed_out } else { &mut inspected.handed_on };
            classes.insert((id, class));
        }
        inspected.functions_out = of_all(program, |id| functions_out(program, id)).collect();
        let evaluating: Vec<ModuleId> = inspected
            .unclear
            .iter()
            .filter(|(_, looks)| *looks == Looks::Evaluating)
            .map(|&(by, _)| by)
            .collect();
        let evaluates = |id| evaluating.iter().any(|&by| same_project(program, by, id));
        inspected.shown = shown_modules(program, inspected.handed_out.iter().map(|&(id, _)| id), evaluates);
        inspected
    }

    fn add_named(&mut self, program: &Program, name: Sym, by: ModuleId, looks: Looks) {
        if program.module(by).installed || name.as_str().starts_with("__") {
            return;
        }
        let known = self.named.entry(name).or_default();
        match known.iter_mut().find(|(other, _)| same_project(program, *other, by)) {
            Some((_, most)) => *most = looks.max(*most),
            None => known.push((by, looks)),
        }
    }

    fn add_by_text(&mut self, program: &Program, by: ModuleId, looks: Looks) {
        if program.module(by).installed {
            return;
        }
        if let Some(known) = self.by_text.iter_mut().find(|known| same_project(program, known.by, by)) {
            known.looks = known.looks.max(looks);
            return;
        }
        let project = program.ids().filter(|&id| same_project(program, id, by));
        let texts = project.flat_map(|id| program.module(id).facts.code.strings.iter().copied());
        self.by_text.push(ByText { by, looks, texts: texts.collect() });
    }

    /// A function that somebody may look at who has it by its name only.
    fn has_name(&self, program: &Program, id: ModuleId, func: FuncId, least: Looks) -> bool {
        let function = program.module(id).facts.code.function(func);
        if function.class.is_some() {
            return self.named.get(&function.name).is_some_and(|known| {
                known.iter().any(|&(by, looks)| looks >= least && uses_project(program, id, by))
            });
        }
        // What has been found may be called, and what it makes is looked at.
        let code = &program.module(id).facts.code;
        let around = std::iter::successors(Some(func), |&inner| {
            let parent = code.function(inner).parent;
            (!parent.is_module()).then_some(parent)
        });
        let Some(outermost) = around.last().map(|func| code.function(func)) else { return false };
        outermost.class.is_none()
            && self.by_text.iter().any(|known| {
                known.looks >= least
                    && known.texts.contains(&outermost.name)
                    && same_project(program, known.by, id)
            })
    }

    /// A class, and if its annotations are used as values, those that its constructor names.
    fn add_class(&mut self, program: &Program, class: (ModuleId, u32), looks: Looks, follow: bool) {
        let mut todo = vec![class];
        while let Some((id, class)) = todo.pop() {
            let before = self.classes.insert((id, class), looks);
            if before > Some(looks) {
                self.classes.insert((id, class), Looks::Evaluating);
            }
            if before >= Some(looks) || !follow {
                continue;
            }
            let facts = &program.module(id).facts;
            let of_constructor = |owner| match owner {
                AnnotationOwner::Plain(func) | AnnotationOwner::Decorated(func) => {
                    let function = facts.code.function(func);
                    function.class == Some(class) && is_constructor(function.name)
                }
                AnnotationOwner::Field(of) => of == class,
                AnnotationOwner::Variable => false,
            };
            for read in facts.reads() {
                let ReadKind::Annotation(annotation) = read.kind else { continue };
                if !of_constructor(annotation.owner) {
                    continue;
                }
                for site in facts.sites_of(read.name) {
                    let import = &facts.imports[site.stmt as usize];
                    let named = match (program.origin(id, import, site.alias as usize), read.chain.first()) {
                        (Origin::Attribute(source, name), _) | (Origin::Module(source), Some(&name)) => {
                            global_class(program, source, name, 0)
                        }
                        _ => None,
                    };
                    todo.extend(named);
                }
            }
            // Names of the module itself are not among its reads.
            todo.extend((0..).zip(&facts.code.classes).map(|(other, _)| (id, other)));
        }
    }

    /// Whether somebody looks at an annotation, for whom it matters whether it is text.
    pub fn has(&self, program: &Program, id: ModuleId, annotation: Annotation) -> bool {
        let least = if annotation.text { Looks::Evaluating } else { Looks::Plainly };
        let counts = |looks: Option<&Looks>| looks.is_some_and(|&looks| looks >= least);
        match annotation.owner {
            AnnotationOwner::Plain(func) | AnnotationOwner::Decorated(func) => {
                let function = program.module(id).facts.code.function(func);
                counts(self.functions.get(&(id, func)))
                    || function.parent.is_module() && self.functions_out.contains(&(id, function.name))
                    || self.has_name(program, id, func, least)
                    || function.class.is_some_and(|class| {
                        counts(self.classes.get(&(id, class)))
                            || is_constructor(function.name) && self.is_handed_on(program, id, class, least)
                    })
            }
            AnnotationOwner::Field(class) => {
                counts(self.classes.get(&(id, class)))
                    || annotation.text && self.shown.contains(&id) && has_fields(program, id, class)
            }
            AnnotationOwner::Variable => false,
        }
    }

    /// A class that is handed to somebody who may look at what its constructor asks for: to foreign code or a method, and if the
    /// project looks at annotations of it does not say what, to any function.
    fn is_handed_on(&self, program: &Program, id: ModuleId, class: u32, least: Looks) -> bool {
        self.handed_out.contains(&(id, class))
            || self.handed_on.contains(&(id, class))
                && self.unclear.iter().any(|&(by, looks)| looks >= least && same_project(program, by, id))
    }
}

/// A class: its module, and its number there.
type Class = (ModuleId, u32);

/// The classes of the program, each with one of its bases before it.
fn bases(program: &Program) -> Vec<(Class, Class)> {
    let of_module = |id: ModuleId| {
        let classes = (0..).zip(&program.module(id).facts.code.classes);
        let pairs = classes.flat_map(|(index, class)| {
            class.bases.iter().filter_map(move |&of| Some((class_behind(program, id, of)?, (id, index))))
        });
        pairs.collect()
    };
    of_all(program, of_module).collect()
}

/// The classes that are made of a class, with those that are made of them.
fn subclasses(derived: &[(Class, Class)], base: Class) -> Vec<Class> {
    let mut found = vec![base];
    let mut next = 0;
    while let Some(&of) = found.get(next) {
        next += 1;
        for &(_, class) in derived.iter().filter(|(parent, _)| *parent == of) {
            if !found.contains(&class) {
                found.push(class);
            }
        }
    }
    found.split_off(1)
}

/// Whether a module belongs to the project of another one, or imports from it: then its objects may get there.
fn uses_project(program: &Program, id: ModuleId, other: ModuleId) -> bool {
    same_project(program, id, other)
        || program.module(id).facts.imports.iter().any(|import| {
            (0..import.aliases.len()).any(|alias| {
                program.loaded_chain(id, import, alias).iter().any(|&to| same_project(program, to, other))
            })
        })
}

/// The classes that a module gives to calls as arguments, and whether to foreign code or a method of some object.
fn handed_by(program: &Program, id: ModuleId) -> Vec<(ModuleId, u32, bool)> {
    let module = program.module(id);
    let code = &module.facts.code;
    let mut handed = Vec::new();
    for call in code.calls().filter(|_| !module.installed) {
        let mut out = None;
        for &arg in code.positional(&call) {
            if matches!(code.value(arg), Value::Global(_) | Value::Attr(..) | Value::Class(_))
                && let Some((m, class)) = class_behind(program, id, arg)
            {
                // Who is called is looked up for few of all calls.
                let Some(out) = *out.get_or_insert_with(|| hands_out(program, id, &call)) else { break };
                handed.push((m, class, out));
            }
        }
    }
    handed
}

/// The functions of other modules that a module hands to somebody who may look at their annotations.
fn functions_out(program: &Program, id: ModuleId) -> Vec<(ModuleId, Sym)> {
    let module = program.module(id);
    let facts = &module.facts;
    let code = &facts.code;
    let mut out = Vec::new();
    for call in code.calls().filter(|_| !module.installed) {
        let mut looks = None;
        let keywords = code.keyword_args(&call).map(|(_, value)| value);
        for arg in code.positional(&call).iter().copied().chain(keywords) {
            let Some((owner, name)) = named_elsewhere(program, id, arg) else { continue };
            let target = &program.module(owner).facts;
            let is_function = |function: &Function| {
                function.name == name && function.parent.is_module() && function.class.is_none()
            };
            if target.names.contains(name) && target.code.functions.iter().any(is_function) {
                if !*looks.get_or_insert_with(|| may_look(program, id, &call)) {
                    break;
                }
                out.push((owner, name));
            }
        }
    }
    out
}

/// The name of another module that a value is.
fn named_elsewhere(program: &Program, id: ModuleId, value: ValueId) -> Option<(ModuleId, Sym)> {
    let facts = &program.module(id).facts;
    let origin = match facts.code.value(value) {
        Value::Global(name) => {
            let site = facts.sites_of(name).next()?;
            program.origin(id, &facts.imports[site.stmt as usize], site.alias as usize)
        }
        Value::Attr(base, name) => program.attribute(id, module_of(program, id, base)?, name),
        _ => return None,
    };
    match origin {
        Origin::Attribute(owner, name) => Some((owner, name)),
        Origin::Module(_) | Origin::Foreign | Origin::MissingName(_) | Origin::MissingModule => None,
    }
}

/// Whether what a call calls may look at the annotations of what it is given.
fn may_look(program: &Program, id: ModuleId, call: &Call) -> bool {
    match hands_out(program, id, call) {
        Some(true) => true,
        Some(false) => functions_of(program, id, call.callee)
            .into_iter()
            .any(|(owner, _)| !same_project(program, owner, id)),
        None => foreign_path(program, id, call.callee).is_some_and(|path| tables::shows_annotations(&path)),
    }
}

/// Whether a call hands its arguments out of the functions of the program; `None` if it does not look at them.
fn hands_out(program: &Program, id: ModuleId, call: &Call) -> Option<bool> {
    let facts = &program.module(id).facts;
    let library = |path: &str| program.stdlib.knows(path.split('.').next().unwrap_or_default());
    match facts.code.value(call.callee) {
        Value::Global(name) if facts.sites_of(name).next().is_some() => {
            match foreign_path(program, id, call.callee) {
                Some(path) if library(&path) => None,
                Some(_) => Some(true),
                None => Some(false),
            }
        }
        // A builtin, or a function of the module.
        Value::Global(name) => facts.names.contains(name).then_some(false),
        Value::Attr(base, _) => match foreign_path(program, id, call.callee) {
            Some(path) => (!library(&path)).then_some(true),
            None if module_of(program, id, base).is_some() => Some(false),
            None => Some(!matches!(facts.code.value(base), Value::Fresh | Value::Str(_))),
        },
        _ => Some(true),
    }
}

fn is_constructor(name: Sym) -> bool {
    matches!(name.as_str(), "__init__" | "__new__" | "__call__")
}

/// Whether a module uses annotations as values.
fn takes_values(program: &Program, id: ModuleId) -> bool {
    let names = ["annotation", "__annotations__", "get_type_hints", "get_annotations"].map(Sym::find);
    program.module(id).facts.code.attributes().any(|attr| names.contains(&Some(attr)))
        || names.iter().flatten().any(|&name| program.module(id).facts.sites_of(name).next().is_some())
}
