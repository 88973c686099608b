//! Names that somebody binds again after their module has loaded, in modules of the program and in foreign ones.
//!
//! ```python
//! global level; level = 3             # in a function of the module
//! config.level = 3
//! globals()["level"] = 3              # in a function
//! vars(config).update(values)         # any name
//! mock.patch("config.level", 3)
//! time.time = fake                    # a foreign name
//! ```

use ruff_text_size::TextSize;
use rustc_hash::{FxHashMap, FxHashSet};

use super::state::{Writer, defined_in, foreign_path, last_name, module_of, of_all, same_project};
use super::trace::{Leaf, Start, trace};
use super::{ModuleId, Program, tables};
use crate::facts::{
    Call, Code, FuncId, ImportStmt, MarkKind, ModuleFacts, Op, OpKind, Sym, Value, ValueId, words,
};

/// Stands for the entry of a module in `sys.modules`.
const ENTRY: &str = "";

/// Globals that are rebound later: by whom and where. The name `*` stands for all names of a module, no name for the entry in `sys.modules`.
pub(super) type Rebound = FxHashMap<(ModuleId, Sym), Vec<(ModuleId, TextSize)>>;
/// Names of foreign modules that are rebound: by whom and where.
pub type Replaced = FxHashMap<Sym, Vec<Writer>>;

/// Who rebinds a global, by its name or with any others.
pub(super) fn rebinders(
    rebound: &Rebound,
    owner: ModuleId,
    name: Sym,
) -> impl Iterator<Item = &(ModuleId, TextSize)> {
    let named = rebound.get(&(owner, name));
    let any = Sym::find("*").and_then(|any| rebound.get(&(owner, any)));
    named.into_iter().chain(any).flatten()
}

/// Who puts something else in the place of a module, and where.
pub(super) fn entry_replacer(rebound: &Rebound, module: ModuleId) -> Option<(ModuleId, TextSize)> {
    rebound.get(&(module, Sym::find(ENTRY)?))?.first().copied()
}

/// Who may rebind a global before a module has loaded that takes its value, and where.
///
/// ```python
/// old = utils.strip            # utils has loaded,
/// compat.strip = never         # so it has taken the value from compat
/// ```
pub(super) fn rebinder_before(
    program: &Program,
    rebound: &Rebound,
    (owner, name): (ModuleId, Sym),
    reader: ModuleId,
) -> Option<(ModuleId, TextSize)> {
    let after = |&(by, at): &(ModuleId, TextSize)| by != reader && uses_before(program, by, at, reader);
    rebinders(rebound, owner, name).copied().find(|rebinder| !after(rebinder))
}

/// Whether a function certainly uses an attribute of a module before it gets to a place.
fn uses_before(program: &Program, id: ModuleId, at: TextSize, used: ModuleId) -> bool {
    let code = &program.module(id).facts.code;
    let Some((func, _)) = code.ops_by_function().find(|(func, op)| op.at == at && !func.is_module()) else {
        return false;
    };
    let is_used = |value: ValueId| matches!(code.value(value), Value::Attr(base, _) if module_of(program, id, base) == Some(used));
    let certain = |op: &Op| op.at < at && !op.conditional && !op.guarded && !op.may_have_left;
    // In the order in which they run: the target of an assignment comes after its value.
    let before = code.ops_of(func).take_while(|op| op.at != at);
    before.filter(certain).any(|op| match op.kind {
        OpKind::SetAttr { base, .. } => module_of(program, id, base) == Some(used),
        OpKind::Bind { value, .. } | OpKind::Read(value) => is_used(value),
        OpKind::Call { call, .. } => is_used(code.call(call).callee),
        _ => false,
    })
}

/// Globals that change after their module has loaded. What nobody loads here changes nothing.
pub(super) fn rebound(program: &Program, elsewhere: &FxHashSet<ModuleId>) -> Rebound {
    let mut rebound = Rebound::default();
    let mut unclear: Vec<Unclear> = Vec::new();
    let by = |id| if elsewhere.contains(&id) { Vec::new() } else { vec![rebound_by(program, id)] };
    for (known, others) in of_all(program, by) {
        for (key, by) in known {
            rebound.entry(key).or_default().push(by);
        }
        unclear.extend(others);
    }
    // `def instrument(module): setattr(module, name, …)`
    let starts: Vec<Start> = unclear.iter().map(|unclear| (unclear.by, unclear.object, false)).collect();
    let mut copies: Vec<(ModuleId, Start, TextSize)> = Vec::new();
    for (leaves, Unclear { by, name, at, copied_from, .. }) in
        trace(program, &starts).into_iter().zip(unclear)
    {
        for target in leaves.into_iter().filter_map(Leaf::module) {
            match copied_from {
                Some(source) => copies.push((target, (by, source, false), at)),
                None => rebound.entry((target, name)).or_default().push((by, at)),
            }
        }
    }
    let starts: Vec<Start> = copies.iter().map(|&(_, source, _)| source).collect();
    for (leaves, (target, (by, ..), at)) in trace(program, &starts).into_iter().zip(copies) {
        for name in listed_names(program, target, leaves) {
            rebound.entry((target, name)).or_default().push((by, at));
        }
    }
    rebound
}

/// The names that some modules list in `__all__`, and those that other modules of the project list, which may be handed over as well;
/// `*` if that is not clear.
fn listed_names(program: &Program, target: ModuleId, modules: Vec<Leaf>) -> Vec<Sym> {
    let given: Vec<ModuleId> = modules.into_iter().filter_map(Leaf::module).collect();
    let all = |id: ModuleId| &program.module(id).facts.exports;
    if given.is_empty() || given.iter().any(|&id| all(id).all.is_none() || all(id).partial) {
        return vec![Sym::new("*")];
    }
    let project = program.ids().filter(|&id| id != target && same_project(program, id, target));
    given.into_iter().chain(project).flat_map(|id| all(id).all.iter().flatten().copied()).collect()
}

/// A name that is bound on a variable.
struct Unclear {
    /// In which module, and where.
    by: ModuleId,
    at: TextSize,
    /// The variable.
    object: ValueId,
    name: Sym,
    /// What is bound are the names that a module lists in `__all__`, with what they stand for there; the name is any.
    copied_from: Option<ValueId>,
}

/// `for name in module.__all__: setattr(this, name, getattr(module, name))`: the module. What is bound may be kept by a variable.
fn copied_from(code: &Code, call: &Call) -> Option<ValueId> {
    let &[_, key, value] = code.positional(call) else { return None };
    let assigned = |value: ValueId| match code.value(value) {
        Value::Var(var) => match *code.assigned_to(var) {
            [only] => only,
            _ => value,
        },
        _ => value,
    };
    let Value::Call(got) = code.value(assigned(value)) else { return None };
    let got = code.call(got);
    let (Value::Global(getattr), &[source, same]) = (code.value(got.callee), code.positional(&got)) else {
        return None;
    };
    let Value::Item(listed) = code.value(assigned(key)) else { return None };
    let all = code.value(listed) == Value::Attr(source, words::ALL);
    (getattr == words::GETATTR_FUNCTION && same == key && all).then_some(source)
}

/// A global of a module that is rebound, and by whom and where.
type Rebinding = ((ModuleId, Sym), (ModuleId, TextSize));

/// The globals that one module rebinds, and where.
fn rebound_by(program: &Program, id: ModuleId) -> (Vec<Rebinding>, Vec<Unclear>) {
    let mut rebound = Vec::new();
    let mut unclear = Vec::new();
    let facts = &program.module(id).facts;
    for (name, info) in facts.names.iter() {
        if let Some(at) = info.rebound_in_function {
            rebound.push(((id, name), (id, at)));
        }
    }
    for mark in facts.marks.iter().filter(|mark| !mark.func.is_module()) {
        if let MarkKind::ReplacesEntry(name) = mark.kind
            && let Some(target) = program.find(name.as_str())
            // A package that puts its own modules in other places, does so while they load: `twisted.internet.reactor`.
            && !(name.as_str().contains('.') && same_project(program, id, target))
        {
            rebound.push(((target, Sym::new(ENTRY)), (id, mark.range.start())));
        }
    }
    let code = &facts.code;
    let any = Sym::new("*");
    for (func, op) in code.ops_by_function() {
        // What a module does to itself while it loads is no rebinding.
        let later = |target: ModuleId| target != id || !func.is_module();
        let mut add = |target, name| rebound.push(((target, name), (id, op.at)));
        match op.kind {
            OpKind::SetAttr { base, attr, .. } | OpKind::DelAttr { base, attr } => {
                if let Some(target) = module_of(program, id, base).filter(|&t| later(t)) {
                    add(target, attr);
                } else if may_be_module(code, func, base) {
                    unclear.push(Unclear { by: id, at: op.at, object: base, name: attr, copied_from: None });
                }
            }
            OpKind::SetItem { .. } | OpKind::DelItem { .. } | OpKind::ChangeInPlace { .. } => {
                let Some((base, key)) = op.kind.changed_item() else { continue };
                if let Some(target) = namespace_of(program, id, base).filter(|&t| later(t))
                    && !answers_for_names(code, func)
                {
                    match code.value(key) {
                        Value::Str(name) => add(target, name),
                        _ => add(target, any),
                    }
                } else if let Some(object) = whose_names(code, base).filter(|&of| is_variable(code, func, of))
                {
                    let name = match code.value(key) {
                        Value::Str(name) => name,
                        _ => Sym::new("*"),
                    };
                    unclear.push(Unclear { by: id, at: op.at, object, name, copied_from: None });
                }
            }
            OpKind::Call { call, .. } => {
                let call = &code.call(call);
                for (target, name) in patched(program, id, call) {
                    if later(target) {
                        add(target, name);
                    }
                }
                for patch in patches(code, call) {
                    if let Patch::Of(object, name) = patch
                        && may_be_module(code, func, object)
                    {
                        let copied_from = if name.is_none() { copied_from(code, call) } else { None };
                        let name = name.unwrap_or(any);
                        unclear.push(Unclear { by: id, at: op.at, object, name, copied_from });
                    }
                }
                // `exec(text, globals())`
                if let (Value::Global(name), &[_, namespace, ..]) =
                    (code.value(call.callee), code.positional(call))
                    && name == "exec"
                    && let Some(target) = namespace_of(program, id, namespace).filter(|&t| later(t))
                {
                    add(target, any);
                }
                // `operator.setitem(vars(config), "level", 3)`, `patch.dict(vars(config), level=3)`
                if let (
                    Value::Attr(_, words::SETITEM_FUNCTION | words::DELITEM_FUNCTION | words::DICT_CLASS)
                    | Value::Global(words::SETITEM_FUNCTION | words::DELITEM_FUNCTION),
                    Some(&namespace),
                ) = (code.value(call.callee), code.positional(call).first())
                    && let Some(target) = namespace_of(program, id, namespace).filter(|&t| later(t))
                {
                    code.keyword_args(call).for_each(|(name, _)| add(target, name));
                    match code.positional(call).get(1).map(|&key| code.value(key)) {
                        Some(Value::Str(name)) => add(target, name),
                        Some(_) => add(target, any),
                        None => {}
                    }
                }
                if let Some(target) = reloaded(program, id, call) {
                    for name in bound_again(&program.module(target).facts) {
                        add(target, name);
                    }
                }
                if let Value::Attr(base, method) = code.value(call.callee)
                    && matches!(method.as_str(), "update" | "setdefault" | "pop" | "__setitem__" | "clear")
                    && let Some(target) = namespace_of(program, id, base).filter(|&t| later(t))
                    && !answers_for_names(code, func)
                {
                    code.keyword_args(call).for_each(|(name, _)| add(target, name));
                    match code.positional(call).first().map(|&key| code.value(key)) {
                        Some(Value::Str(name)) => add(target, name),
                        None if method == "update" && !call.unpacks() => {}
                        _ => add(target, any),
                    }
                }
            }
            _ => {}
        }
    }
    (rebound, unclear)
}

/// A variable of a function that may be a module: not the object whose method the function is.
fn is_variable(code: &Code, func: FuncId, value: ValueId) -> bool {
    let Value::Var(var) = code.value(value) else { return false };
    let own = |func: FuncId| {
        let function = code.function(func);
        function.class.is_some() && var == function.params.start
    };
    !own(func) && !own(code.vars[var as usize].func)
}

/// What an object keeps, as its methods know it: `self.module`.
fn is_kept(code: &Code, func: FuncId, value: ValueId) -> bool {
    let Value::Attr(base, _) = code.value(value) else { return false };
    let function = code.function(func);
    function.class.is_some() && matches!(code.value(base), Value::Var(var) if var == function.params.start)
}

/// Whether an object on which a name is bound may be a module that has come from hand to hand: in a variable, as what an object keeps, as an
/// element, or from a function.
fn may_be_module(code: &Code, func: FuncId, value: ValueId) -> bool {
    is_variable(code, func, value)
        || is_kept(code, func, value)
        || matches!(code.value(value), Value::Item(_) | Value::Call(_) | Value::LoadedAs(_))
}

/// The object whose names a value shows: `vars(module)`, `module.__dict__`.
fn whose_names(code: &Code, value: ValueId) -> Option<ValueId> {
    match code.value(value) {
        Value::Attr(base, words::DICT) => Some(base),
        Value::Call(call) => {
            let call = code.call(call);
            let vars = matches!(code.value(call.callee), Value::Global(name) if name == "vars");
            code.positional(&call).first().copied().filter(|_| vars)
        }
        _ => None,
    }
}

/// The module whose namespace a value is: `globals()`, `vars(config)`, `config.__dict__`.
fn namespace_of(program: &Program, id: ModuleId, value: ValueId) -> Option<ModuleId> {
    let code = &program.module(id).facts.code;
    let read = |value: ValueId| match code.value(value) {
        Value::Global(_) | Value::Var(_) => None,
        _ => namespace_of(program, id, value),
    };
    match code.value(value) {
        // `names = globals()`
        Value::Global(name) => code.globals_of(name).iter().find_map(|&(_, value)| read(value)),
        Value::Var(var) => code.assigned_to(var).iter().find_map(|&value| read(value)),
        Value::Attr(base, attr) if attr == "__dict__" => module_of(program, id, base),
        Value::Attr(of, attr) if attr == "__globals__" => defined_in(program, id, of),
        Value::Call(call) => {
            let call = &code.call(call);
            let Value::Global(name) = code.value(call.callee) else { return None };
            match (name.as_str(), code.positional(call)) {
                ("globals", []) => Some(id),
                ("vars", &[of]) => module_of(program, id, of),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `__getattr__` of a module keeps what it makes in the namespace; nobody has had the name before.
fn answers_for_names(code: &Code, mut func: FuncId) -> bool {
    while !func.is_module() {
        let function = code.function(func);
        if function.name == "__getattr__" {
            return true;
        }
        func = function.parent;
    }
    false
}

/// `importlib.reload(module)`, also when a module does it for itself.
fn reloaded(program: &Program, id: ModuleId, call: &Call) -> Option<ModuleId> {
    let code = &program.module(id).facts.code;
    if last_name(program, id, call.callee)? != "reload" {
        return None;
    }
    let path = foreign_path(program, id, call.callee)?;
    if !matches!(path.as_str(), "importlib.reload" | "imp.reload") {
        return None;
    }
    module_of(program, id, *code.positional(call).first()?)
}

/// The names that a module binds to something else when it is loaded again; `*` for all. What it imports by one statement in any
/// case, it gets again.
fn bound_again(facts: &ModuleFacts) -> Vec<Sym> {
    let star = facts.imports.iter().any(|import| import.aliases.iter().any(|alias| alias.name == "*"));
    if star || facts.exports.writes_namespace || facts.exports.dynamic {
        return vec![Sym::new("*")];
    }
    let same = |name: Sym| {
        let mut sites = facts.sites_of(name).map(|site| &facts.imports[site.stmt as usize]);
        sites.next().is_some_and(ImportStmt::is_certain) && sites.next().is_none()
    };
    let names = facts.names.iter();
    names.filter(|(name, info)| info.otherwise || !same(*name)).map(|(name, _)| name).collect()
}

/// Who replaces a name, and what by: the object that has it, and the name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patch {
    /// A text, `a.b.name`, in one piece.
    Path(Sym),
    /// An object and its name; without one, any.
    Of(ValueId, Option<Sym>),
    /// A text for the object, and its name.
    Within(Sym, Sym),
}

/// `mock.patch("a.b.name")`, `monkeypatch.setattr(module, "name", …)`, `setattr(module, "name", …)`,
/// `patch.multiple(module, name=…)`.
pub(super) fn patches(code: &Code, call: &Call) -> Vec<Patch> {
    let (Value::Attr(_, name) | Value::Global(name)) = code.value(call.callee) else { return Vec::new() };
    if !matches!(
        name,
        words::PATCH
            | words::SETATTR_FUNCTION
            | words::DELATTR_FUNCTION
            | words::OBJECT
            | words::REPLACE
            | words::MULTIPLE
            | words::SETATTR
            | words::PARTIAL
    ) {
        return Vec::new();
    }
    let mut args = code.positional(call);
    let mut setter = matches!(code.value(call.callee), Value::Global(words::SETATTR_FUNCTION));
    // `partial(setattr, module, "name")`
    if name == words::PARTIAL {
        let Some((&function, rest)) = args.split_first() else { return Vec::new() };
        if !matches!(code.value(function), Value::Global(words::SETATTR_FUNCTION | words::DELATTR_FUNCTION)) {
            return Vec::new();
        }
        (args, setter) = (rest, true);
    }
    let text = |index: usize| match args.get(index).map(|&a| code.value(a)) {
        Some(Value::Str(text)) => Some(text),
        _ => None,
    };
    if name == "__setattr__" {
        let Value::Attr(base, _) = code.value(call.callee) else { return Vec::new() };
        return match args.len() {
            2 => vec![Patch::Of(base, text(0))],
            // `ModuleType.__setattr__(module, "name", value)`
            3 => vec![Patch::Of(args[0], text(1))],
            _ => Vec::new(),
        };
    }
    if name == "multiple" {
        let names = code.keyword_args(call).map(|(name, _)| name);
        return match (text(0), args.first()) {
            (Some(path), _) => names.map(|name| Patch::Within(path, name)).collect(),
            (None, Some(&object)) => names.map(|name| Patch::Of(object, Some(name))).collect(),
            (None, None) => Vec::new(),
        };
    }
    if let Some(path) = text(0) {
        return vec![Patch::Path(path)];
    }
    let Some(&object) = args.first() else { return Vec::new() };
    match args.get(1).and_then(|&name| texts(code, name)) {
        Some(names) => names.into_iter().map(|name| Patch::Of(object, Some(name))).collect(),
        // `setattr(module, name, value)` may rebind any of its names.
        None if setter => vec![Patch::Of(object, None)],
        None => Vec::new(),
    }
}

/// The texts that a value is one of.
fn texts(code: &Code, value: ValueId) -> Option<Vec<Sym>> {
    match code.value(value) {
        Value::Str(text) => Some(vec![text]),
        Value::Either(one, other) => {
            let mut found = texts(code, one)?;
            found.extend(texts(code, other)?);
            Some(found)
        }
        _ => None,
    }
}

/// The name that a call replaces in some object, if it is written out.
pub(super) fn patched_names(code: &Code, call: &Call) -> impl Iterator<Item = Sym> {
    patches(code, call).into_iter().filter_map(|patch| match patch {
        Patch::Path(path) => Sym::find(path.as_str().rsplit_once('.')?.1),
        Patch::Of(_, name) => name,
        Patch::Within(_, name) => Some(name),
    })
}

/// The names of modules of the program that a call replaces.
pub(super) fn patched(program: &Program, id: ModuleId, call: &Call) -> Vec<(ModuleId, Sym)> {
    let code = &program.module(id).facts.code;
    let target = |patch: Patch| match patch {
        Patch::Path(path) => {
            let (module, name) = path.as_str().rsplit_once('.')?;
            Some((program.find_from(id, module)?, Sym::new(name)))
        }
        Patch::Within(path, name) => Some((program.find_from(id, path.as_str())?, name)),
        Patch::Of(object, name) => {
            Some((module_of(program, id, object)?, name.unwrap_or_else(|| Sym::new("*"))))
        }
    };
    patches(code, call).into_iter().filter_map(target).collect()
}

/// Names of foreign modules that some module rebinds: `time.time = …`, `redirect_stdout(…)`.
pub(super) fn replaced_names(program: &Program) -> Replaced {
    let mut replaced = Replaced::default();
    for (name, by) in of_all(program, |id| replaced_by(program, id)) {
        replaced.entry(name).or_default().push(by);
    }
    replaced
}

/// The names of foreign modules that one module rebinds.
fn replaced_by(program: &Program, id: ModuleId) -> Vec<(Sym, Writer)> {
    let code = &program.module(id).facts.code;
    let mut found: Vec<(FuncId, Sym, TextSize, bool)> = Vec::new();
    for (func, op) in code.ops_by_function() {
        let names: Vec<(String, bool)> = match op.kind {
            OpKind::SetAttr { base, attr, .. } | OpKind::DelAttr { base, attr } => {
                let module = foreign_path(program, id, base);
                module.map(|module| (format!("{module}.{attr}"), false)).into_iter().collect()
            }
            OpKind::Call { call, .. } => replaced_by_call(program, id, &code.call(call)),
            _ => continue,
        };
        // `TYPE_CHECKING` is for type checkers, whatever documentation tools do to it.
        for (name, restores) in names.into_iter().filter(|(name, _)| !tables::is_harmless_name(name)) {
            found.push((func, Sym::new(&name), op.at, restores));
        }
    }
    let twice = |func, name| found.iter().filter(|(f, n, ..)| *f == func && *n == name).count() > 1;
    let writer = |&(func, name, at, restores): &(FuncId, Sym, TextSize, bool)| {
        (name, Writer::new(program, id, func, at, restores || twice(func, name)))
    };
    found.iter().map(writer).collect()
}

/// The names of foreign modules that a call rebinds, and whether it is certain that they are restored.
fn replaced_by_call(program: &Program, id: ModuleId, call: &Call) -> Vec<(String, bool)> {
    let code = &program.module(id).facts.code;
    let name = last_name(program, id, call.callee).map_or("", Sym::as_str);
    let rebinds = matches!(name, "redirect_stdout" | "redirect_stderr" | "install");
    match rebinds.then(|| foreign_path(program, id, call.callee)).flatten().as_deref() {
        Some("contextlib.redirect_stdout") => return vec![("sys.stdout".to_owned(), true)],
        Some("contextlib.redirect_stderr") => return vec![("sys.stderr".to_owned(), true)],
        Some("gettext.install") => return vec![("builtins._".to_owned(), false)],
        _ => {}
    }
    let builtin = matches!(code.value(call.callee), Value::Global(_));
    // `text.replace("a.b", "c")`
    if matches!(code.value(call.callee), Value::Attr(_, name) if name == "replace") {
        return Vec::new();
    }
    let name = |patch: Patch| match patch {
        Patch::Path(path) => {
            let (module, _) = path.as_str().rsplit_once('.')?;
            let foreign = program.find_from(id, module).is_none() && program.stdlib.knows(module);
            foreign.then(|| path.as_str().to_owned())
        }
        Patch::Within(path, name) => program.stdlib.knows(path.as_str()).then(|| format!("{path}.{name}")),
        Patch::Of(object, name) => Some(format!("{}.{}", foreign_path(program, id, object)?, name?)),
    };
    patches(code, call).into_iter().filter_map(|patch| Some((name(patch)?, !builtin))).collect()
}
