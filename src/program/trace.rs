//! Texts and modules that a value may be, by names alone: through variables, displays, imports, and the calls of functions.
//!
//! ```python
//! WANTED = ("numpy", "pandas")
//! def loaded(name): return name in sys.modules
//! [n for n in WANTED if loaded(n)]              # `name` may be "numpy" and "pandas"
//! ```
//!
//! Nothing is run. What cannot be followed leads nowhere; of functions that are not of the program only those are known
//! that give back what they are given.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::callees::{class_behind, functions_of};
use super::{ModuleId, Origin, Program, tables};
use crate::facts::{Code, FuncId, OpKind, Sym, Value, ValueId};

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Leaf {
    /// A text.
    Text(Sym),
    /// A module of the program.
    Module(ModuleId),
    /// A module that the given one loads by a name that it computes, or from a file: `import_module("plugins." + name)`.
    LoadedBy(ModuleId),
    /// A text with points that is taken apart, and whose parts are names of modules: `path.split(".")`.
    TakenApart(Sym),
    /// The main program: `sys.modules["__main__"]`.
    Main,
    /// A function of the program, where definitions are asked for.
    Function(ModuleId, FuncId),
    /// A class of the program, or what belongs to it, where definitions are asked for.
    Class(ModuleId, u32),
    /// The classes that are made of one, where definitions are asked for: `Base.__subclasses__()`.
    Subclasses(ModuleId, u32),
    /// An attribute of some object, where definitions are asked for: `self.handle`.
    Attribute(Sym),
    /// An attribute of a module, of which the name is computed, where definitions are asked for: `getattr(module, name)`.
    Computed,
}

impl Leaf {
    /// The module, if it is one.
    pub fn module(self) -> Option<ModuleId> {
        match self {
            Self::Module(id) => Some(id),
            Self::Text(_)
            | Self::LoadedBy(_)
            | Self::TakenApart(_)
            | Self::Main
            | Self::Function(..)
            | Self::Class(..)
            | Self::Subclasses(..)
            | Self::Attribute(_)
            | Self::Computed => None,
        }
    }
}

/// Something to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Node {
    of: Of,
    how: How,
}

/// How the value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct How {
    /// Texts are the names of modules, or their files, as this module sees them.
    named: Option<ModuleId>,
    /// It is what was asked for, and not only something that it may be made of.
    itself: bool,
    /// A text is taken apart: it may begin with the name of a module.
    parted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Of {
    Value(ModuleId, ValueId),
    Global(ModuleId, Sym),
}

/// Where to start: a value, and whether its texts are names of modules.
pub(crate) type Start = (ModuleId, ValueId, bool);

/// Functions that give back what they are given, in another container.
const CONTAINERS: &[&str] = &[
    "list",
    "tuple",
    "set",
    "frozenset",
    "sorted",
    "reversed",
    "iter",
    "enumerate",
    "zip",
    "filter",
    "next",
    "dict",
    "str",
];

/// Methods that give what their object holds.
const VIEWS: &[&str] = &["values", "items", "keys", "copy", "get", "pop", "union", "strip", "lower"];

/// Methods that take a text apart: `module, _, name = path.rpartition(".")`.
const PARTS: &[&str] = &["partition", "rpartition", "split", "rsplit"];

/// The name of the main program.
const MAIN: &str = "__main__";

/// How far one value is followed.
const MOST_NODES: usize = 2_000;
/// How often parameters lead to callers.
const MOST_ROUNDS: usize = 4;
/// How many functions of one name, and calls of one function, tell anything.
const MOST_NAMESAKES: usize = 8;
const MOST_CALLS: usize = 100;

/// What values may be: for each start its leaves, in the order in which they are found.
pub(crate) fn trace(program: &Program, starts: &[Start]) -> Vec<Vec<Leaf>> {
    leaves_of(program, starts, false)
}

/// The same for functions and classes that values may be, or that have them as attributes.
pub(crate) fn trace_definitions(program: &Program, starts: &[Start]) -> Vec<Vec<Leaf>> {
    leaves_of(program, starts, true)
}

fn leaves_of(program: &Program, starts: &[Start], definitions: bool) -> Vec<Vec<Leaf>> {
    // Most are asked for by several.
    let mut numbers: FxHashMap<Start, usize> = FxHashMap::default();
    let mut distinct: Vec<Start> = Vec::new();
    let places: Vec<usize> = starts
        .iter()
        .map(|&start| {
            *numbers.entry(start).or_insert_with(|| {
                distinct.push(start);
                distinct.len() - 1
            })
        })
        .collect();
    let found = leaves_of_distinct(program, &distinct, definitions);
    places.into_iter().map(|place| found[place].clone()).collect()
}

fn leaves_of_distinct(program: &Program, starts: &[Start], definitions: bool) -> Vec<Vec<Leaf>> {
    let mut traces: Vec<Trace> = starts
        .par_iter()
        .map(|&(id, value, named)| {
            let mut trace = Trace { definitions, ..Trace::default() };
            let how = How { named: named.then_some(id), itself: true, parted: false };
            trace.follow(program, [Node { of: Of::Value(id, value), how }]);
            trace.forget_if_done();
            trace
        })
        .collect();
    for _ in 0..MOST_ROUNDS {
        let mut wanted: FxHashMap<Sym, Wanted> = FxHashMap::default();
        for &((id, func, index), _) in traces.iter().flat_map(|trace| &trace.params) {
            let name = called_as(&program.module(id).facts.code, func);
            wanted.entry(name).or_default().entry((id, func)).or_default().insert(index);
        }
        wanted
            .retain(|name, functions| functions.len() <= MOST_NAMESAKES && !name.as_str().starts_with("__"));
        if wanted.is_empty() {
            break;
        }
        let callers = callers(program, &wanted);
        traces.par_iter_mut().for_each(|trace| {
            let mut nodes = Vec::new();
            for (param, how) in std::mem::take(&mut trace.params) {
                for &(id, value) in callers.get(&param).into_iter().flatten() {
                    let how = How { named: how.named.map(|_| id), ..how };
                    nodes.push(Node { of: Of::Value(id, value), how });
                }
            }
            trace.follow(program, nodes);
            trace.forget_if_done();
        });
    }
    traces.into_iter().map(|trace| trace.leaves).collect()
}

/// A parameter: its function, and its position among the function's parameters.
type Param = (ModuleId, FuncId, u32);

#[derive(Debug, Default)]
struct Trace {
    /// Functions and classes are leaves.
    definitions: bool,
    leaves: Vec<Leaf>,
    seen: FxHashSet<Node>,
    /// Parameters that were met, which callers decide, and how their texts count.
    params: Vec<(Param, How)>,
}

impl Trace {
    fn leaf(&mut self, leaf: Leaf) {
        if !self.leaves.contains(&leaf) {
            self.leaves.push(leaf);
        }
    }

    /// Gives back the memory if there is nothing left to follow.
    fn forget_if_done(&mut self) {
        if self.params.is_empty() {
            self.seen = FxHashSet::default();
        }
    }

    fn follow(&mut self, program: &Program, nodes: impl IntoIterator<Item = Node>) {
        let mut todo: Vec<Node> = nodes.into_iter().collect();
        while let Some(node) = todo.pop() {
            if self.seen.len() > MOST_NODES || !self.seen.insert(node) {
                continue;
            }
            match node.of {
                Of::Value(id, value) => self.value(program, id, value, node.how, &mut todo),
                Of::Global(id, name) => self.global(program, id, name, node.how, &mut todo),
            }
        }
    }

    fn global(&mut self, program: &Program, id: ModuleId, name: Sym, how: How, todo: &mut Vec<Node>) {
        let facts = &program.module(id).facts;
        for site in facts.sites_of(name) {
            let import = &facts.imports[site.stmt as usize];
            self.origin(program.origin(id, import, site.alias as usize), how, todo);
            if import.from.is_none() && import.aliases[site.alias as usize].name == MAIN {
                self.leaf(Leaf::Main);
            }
        }
        let values = facts.code.globals_of(name).iter();
        todo.extend(values.map(|&(_, value)| Node { of: Of::Value(id, value), how }));
    }

    fn origin(&mut self, origin: Origin, how: How, todo: &mut Vec<Node>) {
        match origin {
            Origin::Module(id) => self.leaf(Leaf::Module(id)),
            Origin::Attribute(id, name) => todo.push(Node { of: Of::Global(id, name), how }),
            Origin::Foreign | Origin::MissingName(_) | Origin::MissingModule => {}
        }
    }

    /// A text, which may name a module.
    fn text(&mut self, program: &Program, text: Sym, how: How) {
        let Some(asker) = how.named else { return self.leaf(Leaf::Text(text)) };
        if text == MAIN {
            self.leaf(Leaf::Main);
        }
        let module = program.find_from(asker, text.as_str()).or_else(|| {
            let path = text.as_str().strip_suffix(".py")?;
            program.find_from(asker, &path.trim_start_matches("./").replace('/', "."))
        });
        let begun = || {
            let (begun, _) = text.as_str().rsplit_once([':', '.']).filter(|_| how.parted)?;
            program.find_from(asker, begun)
        };
        let module = module.or_else(begun);
        if let Some(module) = module {
            self.leaf(Leaf::Module(module));
        }
        if how.parted && text.as_str().contains('.') {
            self.leaf(Leaf::TakenApart(text));
        }
    }

    fn value(&mut self, program: &Program, id: ModuleId, value: ValueId, how: How, todo: &mut Vec<Node>) {
        let facts = &program.module(id).facts;
        let code = &facts.code;
        let node = |value| Node { of: Of::Value(id, value), how };
        let part = |value| Node { of: Of::Value(id, value), how: How { itself: false, ..how } };
        let name_of = |value| Node { of: Of::Value(id, value), how: How { named: Some(id), ..how } };
        match code.value(value) {
            Value::Str(text) => self.text(program, text, how),
            Value::Global(name) => self.global(program, id, name, how, todo),
            Value::Attr(base, attr) => {
                if let Some(module) = super::state::module_of(program, id, base) {
                    self.origin(program.attribute(id, module, attr), how, todo);
                } else if self.definitions {
                    if how.itself {
                        self.leaf(Leaf::Attribute(attr));
                    }
                    todo.push(part(base));
                } else if let Value::Var(this) = code.value(base) {
                    todo.extend(stored_in_own(code, this, attr).map(node));
                }
            }
            Value::Loaded(None) => self.leaf(Leaf::Module(id)),
            Value::Loaded(Some(name)) => self.text(program, name, How { named: Some(id), ..how }),
            Value::LoadedAs(name) => todo.push(name_of(name)),
            Value::Item(inner) | Value::Holder(inner) | Value::Sum(inner) => todo.push(node(inner)),
            Value::Either(a, b) => todo.extend([node(a), node(b)]),
            Value::Var(var) => {
                let variable = &code.vars[var as usize];
                let params = &code.function(variable.func).params;
                if params.contains(&var) && !variable.func.is_module() {
                    self.params.push(((id, variable.func, var - params.start), how));
                }
                todo.push(node(variable.default));
                todo.extend(code.assigned_to(var).iter().map(|&value| node(value)));
            }
            Value::Import(stmt, alias) => {
                let import = &facts.imports[stmt as usize];
                self.origin(program.origin(id, import, alias as usize), how, todo);
            }
            Value::Call(call) => {
                let call = &code.call(call);
                let args = code.positional(call);
                if self.definitions {
                    // An instance, or what a decorator makes.
                    if let Some((id, class)) = class_behind(program, id, call.callee) {
                        self.leaf(Leaf::Class(id, class));
                    }
                    todo.extend(args.iter().map(|&value| part(value)));
                    self.made_by(program, (id, call.callee), how, todo);
                    if let (Value::Global(name), [of, attr, ..]) = (code.value(call.callee), args)
                        && name == "getattr"
                        && how.itself
                    {
                        match code.value(*attr) {
                            Value::Str(attr) => self.leaf(Leaf::Attribute(attr)),
                            _ if is_module(program, id, *of) => self.leaf(Leaf::Computed),
                            _ => {}
                        }
                    }
                }
                let (base, name) = match code.value(call.callee) {
                    Value::Global(name) => (None, name),
                    Value::Attr(base, name) => (Some(base), name),
                    _ => return,
                };
                if tables::imports_by_name(name.as_str()) {
                    todo.extend(args.first().map(|&value| name_of(value)));
                    if !args.first().is_some_and(|&name| matches!(code.value(name), Value::Str(_))) {
                        self.leaf(Leaf::LoadedBy(id));
                    }
                } else if tables::makes_module(name.as_str()) {
                    self.leaf(Leaf::LoadedBy(id));
                } else if base.is_none() && CONTAINERS.contains(&name.as_str()) || name == "join" {
                    todo.extend(args.iter().map(|&value| node(value)));
                } else if VIEWS.contains(&name.as_str()) {
                    todo.extend(base.map(node));
                } else if PARTS.contains(&name.as_str()) {
                    todo.extend(
                        base.map(|of| Node { of: Of::Value(id, of), how: How { parted: true, ..how } }),
                    );
                } else if base.is_none() {
                    for &(_, value) in code.globals_of(name) {
                        if let Value::Function(func) = code.value(value) {
                            todo.extend(code.returns_of(func).iter().map(|&value| node(value)));
                        }
                    }
                }
            }
            Value::Function(func) if self.definitions => self.leaf(Leaf::Function(id, func)),
            Value::Class(class) if self.definitions => self.leaf(Leaf::Class(id, class)),
            Value::Opaque
            | Value::Joined(..)
            | Value::Fresh
            | Value::Constant(_)
            | Value::OwnAttr(..)
            | Value::Function(_)
            | Value::Class(_) => {}
        }
    }
}

impl Trace {
    /// What a function of another module returns, and which classes a class lists.
    fn made_by(
        &mut self,
        program: &Program,
        (id, callee): (ModuleId, ValueId),
        how: How,
        todo: &mut Vec<Node>,
    ) {
        let code = &program.module(id).facts.code;
        let Value::Attr(base, name) = code.value(callee) else { return };
        if name == "__subclasses__" {
            if let Some((owner, class)) = class_behind(program, id, base) {
                self.leaf(Leaf::Subclasses(owner, class));
            }
        } else if super::state::module_of(program, id, base).is_some() {
            for (owner, func) in functions_of(program, id, callee) {
                let returned = program.module(owner).facts.code.returns_of(func).iter();
                todo.extend(returned.map(|&value| Node { of: Of::Value(owner, value), how }));
            }
        }
    }
}

/// What the methods of a class store under an attribute of their object, if `this` is the object of one of them: `self.module = module`.
fn stored_in_own(code: &Code, this: u32, attr: Sym) -> impl Iterator<Item = ValueId> {
    let function = code.function(code.vars[this as usize].func);
    let class = function.class.filter(|_| function.params.start == this);
    let methods = (0..).map(FuncId).zip(&code.functions);
    let methods = methods.filter(move |(_, method)| class.is_some() && method.class == class);
    methods.flat_map(move |(func, method)| {
        code.ops_of(func).filter_map(move |op| match op.kind {
            OpKind::SetAttr { base, attr: stored, value, .. } if stored == attr => match code.value(base) {
                Value::Var(var) if var == method.params.start => Some(value),
                _ => None,
            },
            _ => None,
        })
    })
}

/// Whether a value is certainly a module, by the way in which the function has got it.
fn is_module(program: &Program, id: ModuleId, value: ValueId) -> bool {
    let code = &program.module(id).facts.code;
    match code.value(value) {
        Value::Loaded(_) | Value::LoadedAs(_) => true,
        Value::Call(call) => match code.value(code.call(call).callee) {
            Value::Global(name) | Value::Attr(_, name) => tables::imports_by_name(name.as_str()),
            _ => false,
        },
        Value::Var(var) => code.assigned_to(var).iter().any(|&value| {
            value != ValueId::OPAQUE
                && !matches!(code.value(value), Value::Var(_))
                && is_module(program, id, value)
        }),
        _ => super::state::module_of(program, id, value).is_some(),
    }
}

/// The name by which a function is called: that of the class for `__init__`.
fn called_as(code: &Code, func: FuncId) -> Sym {
    let function = code.function(func);
    match function.class {
        Some(class) if function.name == "__init__" => code.classes[class as usize].name,
        _ => function.name,
    }
}

/// Functions of one name, with the positions of those of their parameters that are asked for.
type Wanted = FxHashMap<(ModuleId, FuncId), FxHashSet<u32>>;

/// What callers give for parameters of some functions.
fn callers(program: &Program, wanted: &FxHashMap<Sym, Wanted>) -> FxHashMap<Param, Vec<(ModuleId, ValueId)>> {
    let wanted: Vec<_> = wanted.iter().collect();
    let found: Vec<Vec<Called>> = wanted
        .into_par_iter()
        .with_max_len(1)
        .map(|(&name, functions)| calls_of(program, name, functions))
        .collect();
    found.into_iter().flatten().collect()
}

/// A parameter that is asked for, and what it is given.
type Given = (u32, Vec<(ModuleId, ValueId)>);

/// A parameter with all that it is given.
type Called = (Param, Vec<(ModuleId, ValueId)>);

/// What the calls of some functions that have one name give for parameters; without those that are given more than counts.
fn calls_of(program: &Program, name: Sym, wanted: &Wanted) -> Vec<Called> {
    let mut functions: Vec<((ModuleId, FuncId), Vec<Given>)> = wanted
        .iter()
        .map(|(&function, asked)| (function, asked.iter().map(|&index| (index, Vec::new())).collect()))
        .collect();
    for (id, call) in program.calls_of(name) {
        // Nothing is left that could be followed.
        if functions.is_empty() {
            break;
        }
        let code = &program.module(id).facts.code;
        let call = code.call(call);
        let (base, around) = match code.value(call.callee) {
            Value::Attr(base, _) => (Some(base), None),
            // A function within a function.
            Value::Var(var) => (None, Some(code.vars[var as usize].func)),
            _ => (None, None),
        };
        let itself = match code.value(call.callee) {
            Value::Function(func) => Some(func),
            _ => None,
        };
        let mut full = false;
        for ((module, func), asked) in &mut functions {
            let (module, func) = (*module, *func);
            let target = &program.module(module).facts.code;
            let function = target.function(func);
            let init = function.class.is_some() && function.name == "__init__";
            let calls = match base {
                _ if let Some(itself) = itself => module == id && func == itself,
                _ if let Some(around) = around => module == id && function.parent == around,
                // A method: by its name, with the object in front.
                Some(_) if function.class.is_some() && !init => true,
                Some(base) => super::state::module_of(program, id, base) == Some(module),
                None => (function.class.is_none() || init) && means(program, id, name, module),
            };
            if !calls {
                continue;
            }
            let mut add = |index: u32, value| {
                if let Some((_, given)) = asked.iter_mut().find(|(asked, _)| *asked == index) {
                    given.push((id, value));
                    full |= given.len() > MOST_CALLS;
                }
            };
            let first = u32::from(init || function.class.is_some() && base.is_some());
            let positional = code.positional(&call);
            for (index, &value) in (first..).zip(positional) {
                // What goes into `*args` is one of its elements.
                let last = function.params.len().saturating_sub(1 + usize::from(function.kwarg));
                let last = u32::try_from(last).unwrap_or_default();
                add(if function.vararg { index.min(last) } else { index }, value);
            }
            for (keyword, value) in code.keyword_args(&call) {
                let named = function.params.clone().position(|p| target.vars[p as usize].name == keyword);
                if let Some(index) = named {
                    add(u32::try_from(index).unwrap_or_default(), value);
                }
            }
        }
        if full {
            for (_, asked) in &mut functions {
                asked.retain(|(_, given)| given.len() <= MOST_CALLS);
            }
            functions.retain(|(_, asked)| !asked.is_empty());
        }
    }
    let given = functions.into_iter().flat_map(|((id, func), asked)| {
        asked.into_iter().map(move |(index, given)| ((id, func, index), given))
    });
    given.filter(|(_, given)| !given.is_empty()).collect()
}

/// Whether a global name of a module means the function of that name in another one, or is its own.
pub(crate) fn means(program: &Program, id: ModuleId, name: Sym, owner: ModuleId) -> bool {
    let facts = &program.module(id).facts;
    id == owner
        || facts.sites_of(name).any(|site| {
            let import = &facts.imports[site.stmt as usize];
            program.origin(id, import, site.alias as usize) == Origin::Attribute(owner, name)
        })
}
