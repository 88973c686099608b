//! Globals whose content changes after their module has loaded, or by others while the program loads.
//!
//! ```python
//! registry.TABLE["a"] = 9             # in a function or in the main program
//! t = registry.TABLE; t.clear()
//! def tweak(table): table["a"] = 9    # called with registry.TABLE
//! patch.dict(registry.TABLE, a=9)
//! config.settings.load(path)          # a method that changes its object
//! ```

mod methods;

use ruff_text_size::TextSize;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::{SmallVec, smallvec};

use self::methods::{
    OwnCalls, SelfChangers, add_method, attribute_of_self, changed_by_methods, handed_on, is_memo, is_own,
    keeper, takes_object,
};
use super::callees::{class_behind, functions_of, is_mark, takes_in_place};
use super::interpret::{Effect, EffectKind, Outcome, Owner, has_decorator};
use super::rebinds::{Patch, patches};
use super::state::{module_of, of_all};
use super::{ModuleId, Origin, Program, tables};
use crate::facts::{Added, Call, Code, FuncId, Mark, MarkKind, Op, OpKind, Sym, Value, ValueId, words};

/// Globals whose content changes later, or while others load.
pub(super) type Mutated = FxHashMap<(ModuleId, Sym), Vec<Mutation>>;

/// A change of the content of a global.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mutation {
    /// Who changes it.
    pub by: ModuleId,
    /// Where.
    pub at: TextSize,
    /// While it loads.
    loading: bool,
    /// The attribute that changes, if it is no more than one.
    attr: Option<Sym>,
    /// It is another object afterwards, not only changed in what it holds.
    replaced: bool,
}

/// A global that changes.
type Change = ((ModuleId, Sym), Mutation);

/// Who changes the content of a global, or of no more than one attribute of it, and where. What `reader` itself changes while it
/// loads, it changes whenever it loads.
pub(super) fn mutator(
    mutated: &Mutated,
    global: (ModuleId, Sym),
    attr: Option<Sym>,
    reader: ModuleId,
) -> Option<(ModuleId, TextSize)> {
    let differ = |changed: Option<Sym>| attr.zip(changed).is_some_and(|(read, changed)| read != changed);
    let own = |change: &Mutation| change.loading && change.by == reader;
    let change = mutated.get(&global)?.iter().find(|change| !differ(change.attr) && !own(change))?;
    Some((change.by, change.at))
}

/// Who puts another function under a name into a class, and where.
pub(super) fn method_replacer(
    mutated: &Mutated,
    class: (ModuleId, Sym),
    member: Sym,
    reader: ModuleId,
) -> Option<(ModuleId, TextSize)> {
    let replaces = |change: &&Mutation| {
        let own = change.loading && change.by == reader;
        change.replaced && !own && change.attr.is_none_or(|attr| attr == member)
    };
    mutated.get(&class)?.iter().find(replaces).map(|change| (change.by, change.at))
}

/// Parameters whose content their functions change: the function, and the parameter's position.
type Changers = FxHashMap<(ModuleId, FuncId), Vec<u32>>;

/// What one module changes: globals, parameters of its functions, and objects by their methods.
#[derive(Default)]
struct Changes {
    globals: Vec<Change>,
    params: Vec<(FuncId, u32)>,
    methods: Vec<(FuncId, Option<Sym>)>,
    /// Methods that call others of their own object.
    calls: OwnCalls,
}

/// How far a value is followed.
const MOST_STEPS: usize = 16;

/// Finds them.
pub(super) fn mutated_globals(
    program: &Program,
    shown_privates: &FxHashSet<Sym>,
    outcomes: &[Outcome],
) -> Mutated {
    let mut mutated = Mutated::default();
    let mut changers = Changers::default();
    let mut methods = SelfChangers::default();
    let mut calls: Vec<(ModuleId, OwnCalls)> = Vec::new();
    let private_imports = private_imports(program, shown_privates);
    let by = |id: ModuleId| {
        vec![mutated_by(program, (shown_privates, &private_imports), id, &outcomes[id.index()])]
    };
    for (id, Changes { globals, params, methods: own, calls: own_calls }) in
        program.ids().zip(of_all(program, by))
    {
        for (func, attr) in own {
            add_method(program, &mut methods, (id, func), attr);
        }
        if !own_calls.is_empty() {
            calls.push((id, own_calls));
        }
        for (key, mutation) in globals {
            mutated.entry(key).or_default().push(mutation);
        }
        for (func, position) in params {
            changers.entry((id, func)).or_default().push(position);
        }
    }
    let name = |&(id, func): &(ModuleId, FuncId)| program.module(id).facts.code.function(func).name;
    let names: FxHashSet<Sym> = changers.keys().map(name).collect();
    for (key, mutation) in of_all(program, |id| handed_by(program, id, &changers, &names)) {
        mutated.entry(key).or_default().push(mutation);
    }
    handed_on(program, &mut methods, &calls);
    for (key, mutation) in of_all(program, |id| changed_by_methods(program, id, &methods)) {
        mutated.entry(key).or_default().push(mutation);
    }
    mutated.retain(|&(id, name), _| !is_module(program, id, name) && !is_mark(program, id, name, 0));
    mutated
}

/// Whether a name stands for a module: what looks like a change of it, `np.add(x, y)`, is a call of its functions.
fn is_module(program: &Program, id: ModuleId, name: Sym) -> bool {
    let facts = &program.module(id).facts;
    facts.sites_of(name).any(|site| {
        let import = &facts.imports[site.stmt as usize];
        import.from.is_none() || matches!(program.origin(id, import, site.alias as usize), Origin::Module(_))
    })
}

/// The globals whose value or content one module changes, and the parameters of its functions that they change.
fn mutated_by(
    program: &Program,
    (shown_privates, private_imports): (&FxHashSet<Sym>, &FxHashSet<Sym>),
    id: ModuleId,
    outcome: &Outcome,
) -> Changes {
    let globals = changed_while_loading(program, shown_privates, id, outcome);
    let Changes { mut globals, mut params, mut methods, .. } = Changes { globals, ..Changes::default() };
    let mut calls: Vec<(FuncId, Sym)> = Vec::new();
    let code = &program.module(id).facts.code;
    let mut filling: Option<(FuncId, bool)> = None;
    for (func, op) in code.ops_by_function() {
        // What import-time code changes, the interpreter has seen.
        if func.is_module() && !op.main_guard {
            continue;
        }
        if filling.is_none_or(|(known, _)| known != func) {
            filling = Some((func, fills_only(program, private_imports, id, func)));
        }
        if filling.is_some_and(|(_, fills)| fills) {
            continue;
        }
        let mutation = |attr, replaced| Mutation { by: id, at: op.at, loading: false, attr, replaced };
        if let OpKind::SetGlobal { name, .. } = op.kind {
            globals.push(((id, name), mutation(None, false)));
            continue;
        }
        let function = code.function(func);
        if let OpKind::Call { call, .. } = op.kind
            && function.class.is_some()
        {
            let call = code.call(call);
            let this = function.params.start;
            match (code.value(call.callee), code.positional(&call)) {
                (Value::Attr(base, name), _) if is_own(code, this, base) && function.name != "__init__" => {
                    calls.push((func, name));
                }
                // `for name, value in values.items(): setattr(self, name, value)`
                (Value::Global(name), &[base, ..]) if name == "setattr" && is_own(code, this, base) => {
                    methods.push((func, None));
                }
                _ => {}
            }
        }
        if let OpKind::Call { call, .. } = op.kind {
            patched_objects(program, id, &code.call(call), |key, attr, replaced| {
                globals.push((key, mutation(attr, replaced)));
            });
        }
        let Some(object) = changed(code, &op, shown_privates) else { continue };
        if let Value::Str(path) = code.value(object) {
            if let Some((module, name)) = path.as_str().rsplit_once('.')
                && let Some(target) = program.find_from(id, module)
            {
                globals.push(((target, Sym::new(name)), mutation(None, false)));
            }
            continue;
        }
        let attribute = stored(&op);
        let replaces = attribute.is_some() || sets_attribute(code, &op);
        let added = added(&op);
        globals_behind(program, id, object, attribute, |key, attr| {
            if added.is_none_or(|added| takes_in_place(program, key, added)) {
                globals.push((key, mutation(attr, replaces && attr == attribute)));
            }
        });
        // A parameter is a text or a number as well.
        if added == Some(Added::ForLists) {
            continue;
        }
        if function.class.is_some()
            && function.name != "__init__"
            && !is_memo(&op)
            && let Some(part) = attribute_of_self(code, function.params.start, object, stored(&op))
        {
            methods.push((func, part.attribute()));
        }
        if let Value::Var(var) = code.value(object)
            && function.params.contains(&var)
            // `*args` and `**kwargs` are the function's own.
            && var < function.params.end - u32::from(function.vararg) - u32::from(function.kwarg)
            && !(takes_object(code, func) && var == function.params.start)
        {
            params.push((func, var - function.params.start));
        }
    }
    // `class Extra(base.Plugin)` in a function is one more for who goes through `base.Plugin.__subclasses__()`.
    let subclasses = Sym::new("__subclasses__");
    for class in code.classes.iter().filter(|class| !class.func.is_module()) {
        let mutation = Mutation { by: id, at: class.at, loading: false, attr: None, replaced: false };
        for &base in &class.bases {
            globals_behind(program, id, base, None, |(owner, name), _| {
                globals.push(((owner, Sym::dotted(name, subclasses)), mutation));
            });
        }
    }
    // There are many, and most are repetitions.
    calls.sort_unstable_by_key(|&(func, name)| (func.0, name.number()));
    calls.dedup();
    Changes { globals, params, methods, calls: calls.into() }
}

/// Whether a function runs only while its module loads: `def _init(): …`, `_init()`.
fn fills_only(program: &Program, private_imports: &FxHashSet<Sym>, id: ModuleId, func: FuncId) -> bool {
    let facts = &program.module(id).facts;
    let function = facts.code.function(func);
    // `globals()[f"_fill_{kind}"]()`
    let by_text = |mark: &Mark| {
        matches!(
            mark.kind,
            MarkKind::NamespaceRead
                | MarkKind::NamespaceName(_)
                | MarkKind::NamespaceNames(_)
                | MarkKind::NamespaceKeys
                | MarkKind::EvaluatesText
        )
    };
    function.name.as_str().starts_with('_')
        && !facts.marks.iter().any(by_text)
        && function.parent.is_module()
        && !func.is_module()
        && function.class.is_none()
        && function.decorators.is_empty()
        && !function.generator
        && !function.coroutine
        && !private_imports.contains(&function.name)
        && facts.code.is_called_by_module_only(function.name)
}

/// Private names that modules take from others, by import statements or as attributes.
fn private_imports(program: &Program, shown_privates: &FxHashSet<Sym>) -> FxHashSet<Sym> {
    let imported = of_all(program, |id| {
        let aliases = program.module(id).facts.imports.iter().flat_map(|import| &import.aliases);
        aliases.map(|alias| alias.name).filter(|name| name.as_str().starts_with('_')).collect()
    });
    imported.chain(shown_privates.iter().copied()).collect()
}

/// The globals in which a call replaces an attribute, whatever it does with those of modules.
///
/// ```python
/// mock.patch.object(client.Client, "fetch", fake)
/// mock.patch("client.Client.fetch")
/// ```
fn patched_objects(
    program: &Program,
    id: ModuleId,
    call: &Call,
    mut found: impl FnMut((ModuleId, Sym), Option<Sym>, bool),
) {
    let code = &program.module(id).facts.code;
    let Value::Attr(_, callee) = code.value(call.callee) else { return };
    // `text.replace(a, "b")`
    if callee == words::REPLACE {
        return;
    }
    for patch in patches(code, call) {
        let (path, name) = match patch {
            Patch::Of(object, name) => {
                globals_behind(program, id, object, name, |key, attr| found(key, attr, attr == name));
                continue;
            }
            Patch::Within(path, name) => (path.as_str(), name),
            Patch::Path(path) => match path.as_str().rsplit_once('.') {
                Some((object, name)) => (object, Sym::new(name)),
                None => continue,
            },
        };
        if let Some((module, owner)) = path.rsplit_once('.')
            && let Some(target) = program.find_from(id, module)
        {
            found((target, Sym::new(owner)), Some(name), true);
        }
    }
}

/// What a module changes while it loads.
fn changed_while_loading(
    program: &Program,
    shown_privates: &FxHashSet<Sym>,
    id: ModuleId,
    outcome: &Outcome,
) -> Vec<Change> {
    let changes = |effect: &&Effect| matches!(effect.kind, EffectKind::Write | EffectKind::UnresolvedCall);
    let effects: Vec<&Effect> = outcome.effects.iter().filter(changes).collect();
    if effects.is_empty() {
        return Vec::new();
    }
    // `Basic.level = 1` changes nothing else of `Basic`. What `Basic.table` holds may have other names.
    let code = &program.module(id).facts.code;
    let mut attrs: FxHashMap<(TextSize, ModuleId, Sym), Option<Sym>> = FxHashMap::default();
    for op in code.ops_of(FuncId::MODULE) {
        if let (Some(object), Some(stored)) = (changed(code, &op, shown_privates), stored(&op)) {
            globals_behind(program, id, object, Some(stored), |(owner, name), attr| {
                let attr = attr.filter(|&attr| attr == stored);
                let attrs = attrs.entry((op.at, owner, name)).or_insert(attr);
                *attrs = attrs.filter(|&one| Some(one) == attr);
            });
        }
    }
    let change = |effect: &Effect| {
        let Owner::Module(owner, name) = effect.owner else { return None };
        let attr = attrs.get(&(effect.at, owner, name)).copied().flatten();
        let attr = attr.filter(|_| effect.deep.is_none());
        let replaced = attr.is_some();
        Some(((owner, name), Mutation { by: id, at: effect.at, loading: true, attr, replaced }))
    };
    effects.into_iter().filter_map(change).collect()
}

/// What an operation adds in place, if it does.
fn added(op: &Op) -> Option<Added> {
    match op.kind {
        OpKind::ChangeInPlace { added, .. } => Some(added),
        _ => None,
    }
}

/// The attribute that an operation stores: `settings.level = 3` changes nothing else of `settings`.
fn stored(op: &Op) -> Option<Sym> {
    match op.kind {
        OpKind::SetAttr { attr, .. } | OpKind::DelAttr { attr, .. } => Some(attr),
        _ => None,
    }
}

/// Whether an operation is a call of `setattr` or `delattr`.
fn sets_attribute(code: &Code, op: &Op) -> bool {
    let OpKind::Call { call, .. } = op.kind else { return false };
    matches!(code.value(code.call(call).callee), Value::Global(name) if is_setter(name))
}

fn is_setter(name: Sym) -> bool {
    matches!(name.as_str(), "setattr" | "delattr")
}

/// The object whose content an operation changes.
fn changed(code: &Code, op: &Op, shown_privates: &FxHashSet<Sym>) -> Option<ValueId> {
    match op.kind {
        OpKind::SetItem { cache: Some(name), .. } if !shown_privates.contains(&name) => None,
        OpKind::SetItem { base, .. }
        | OpKind::ChangeInPlace { base, .. }
        | OpKind::DelItem { base, .. }
        | OpKind::SetAttr { base, .. }
        | OpKind::DelAttr { base, .. } => Some(base),
        OpKind::Call { call, .. } => {
            let call = &code.call(call);
            match code.value(call.callee) {
                Value::Attr(base, method) if tables::is_mutator(method) => Some(base),
                // `patch.dict(config.TABLE, …)`, `monkeypatch.setitem(config.TABLE, …)`
                Value::Attr(_, name) if matches!(name.as_str(), "dict" | "setitem" | "delitem") => {
                    code.positional(call).first().copied()
                }
                // `for name, value in given.items(): setattr(settings, name, value)`
                Value::Global(name) if is_setter(name) => code.positional(call).first().copied(),
                // `parser.parse_args(argv, namespace=settings)`
                Value::Attr(_, name) if matches!(name.as_str(), "parse_args" | "parse_known_args") => {
                    let named = code.keyword_args(call).find(|(name, _)| *name == "namespace");
                    named.map(|(_, value)| value).or_else(|| code.positional(call).get(1).copied())
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The globals that a value is, or is inside of, by names alone; `attr` is the attribute of the value that counts.
fn globals_behind(
    program: &Program,
    id: ModuleId,
    value: ValueId,
    attr: Option<Sym>,
    mut found: impl FnMut((ModuleId, Sym), Option<Sym>),
) {
    let mut seen: SmallVec<[(ModuleId, ValueId, Option<Sym>); 8]> = smallvec![(id, value, attr)];
    let mut next = 0;
    while next < seen.len() && next < MOST_STEPS {
        let (id, value, attr) = seen[next];
        next += 1;
        let facts = &program.module(id).facts;
        let code = &facts.code;
        let mut follow = |id: ModuleId, value: ValueId, attr| {
            if !seen.contains(&(id, value, attr)) {
                seen.push((id, value, attr));
            }
        };
        match code.value(value) {
            Value::Global(name) => {
                found((id, name), attr);
                for site in facts.sites_of(name) {
                    let import = &facts.imports[site.stmt as usize];
                    if let Some(key) = attribute(program.origin(id, import, site.alias as usize)) {
                        found(key, attr);
                    }
                }
            }
            Value::Import(stmt, alias) => {
                let import = &facts.imports[stmt as usize];
                if let Some(key) = attribute(program.origin(id, import, alias as usize)) {
                    found(key, attr);
                }
            }
            Value::Attr(base, name) => match module_of(program, id, base) {
                Some(target) => match program.attribute(id, target, name) {
                    Origin::Attribute(target, name) => found((target, name), attr),
                    _ => found((target, name), attr),
                },
                // `config.settings.__dict__.update(level=3)`
                None => follow(id, base, Some(name).filter(|&name| name != words::DICT)),
            },
            Value::Item(base) => match code.value(base) {
                // `for table in [config.ROWS, config.COLUMNS]: table.clear()`
                Value::Holder(inside) => follow(id, inside, None),
                // `table, size = config.both()`
                Value::Call(call) => {
                    follow(id, base, None);
                    for (owner, func) in functions_of(program, id, code.call(call).callee) {
                        let code = &program.module(owner).facts.code;
                        for &value in code.returns_of(func) {
                            if let Value::Holder(inside) = code.value(value) {
                                follow(owner, inside, None);
                            }
                        }
                    }
                }
                _ => follow(id, base, None),
            },
            Value::Var(var) => code.assigned_to(var).iter().for_each(|&assigned| follow(id, assigned, attr)),
            Value::Either(a, b) => {
                follow(id, a, attr);
                follow(id, b, attr);
            }
            // `rows = config.ROWS + [1]`, `rows[0].append(2)`: what is in it, is the same.
            Value::Sum(of) => follow(id, of, attr),
            // `get_config().level = 3`
            Value::Call(call) => {
                let call = code.call(call);
                let callee = call.callee;
                if let Some((owner, name)) = keeper(program, id, callee) {
                    found((owner, name), attr);
                } else if let (Value::Global(words::GETATTR_FUNCTION), &[base, name, ..]) =
                    (code.value(callee), code.positional(&call))
                    && let Some(name) = text_of(code, name)
                {
                    // `getattr(config, "TABLE")["a"] = 9`
                    match module_of(program, id, base) {
                        Some(target) => found((target, name), attr),
                        None => follow(id, base, Some(name)),
                    }
                } else if let (Value::Global(words::VARS), &[object]) =
                    (code.value(callee), code.positional(&call))
                {
                    // `vars(config.settings)["level"] = 3`
                    follow(id, object, None);
                } else if matches!(code.value(callee), Value::Global(_) | Value::Attr(..)) {
                    for (owner, func) in functions_of(program, id, callee) {
                        let code = &program.module(owner).facts.code;
                        let function = code.function(func);
                        if has_decorator(code, func, &["lru_cache", "cache"]) {
                            found((owner, function.name), attr);
                        } else if function.class.is_none() {
                            for &value in code.returns_of(func) {
                                if matches!(code.value(value), Value::Global(_)) {
                                    follow(owner, value, attr);
                                }
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

/// The text that a value is, also by the name of a variable.
fn text_of(code: &Code, value: ValueId) -> Option<Sym> {
    match code.value(value) {
        Value::Str(text) => Some(text),
        Value::Var(var) => code.assigned_to(var).iter().find_map(|&value| match code.value(value) {
            Value::Str(text) => Some(text),
            _ => None,
        }),
        _ => None,
    }
}

fn attribute(origin: Origin) -> Option<(ModuleId, Sym)> {
    match origin {
        Origin::Attribute(id, name) => Some((id, name)),
        _ => None,
    }
}

/// The globals that one module hands to functions that change them.
fn handed_by(
    program: &Program,
    id: ModuleId,
    changers: &Changers,
    names: &FxHashSet<Sym>,
) -> Vec<((ModuleId, Sym), Mutation)> {
    let mut handed = Vec::new();
    let code = &program.module(id).facts.code;
    for (func, op) in code.ops_by_function() {
        let OpKind::Call { call, .. } = op.kind else { continue };
        let call = &code.call(call);
        let (Value::Global(name) | Value::Attr(_, name)) = code.value(call.callee) else { continue };
        if !names.contains(&name) || func.is_module() && !op.main_guard {
            continue;
        }
        for (owner, callee) in functions_of(program, id, call.callee) {
            let of_class = |base| class_behind(program, id, base).is_some();
            let on_object = !matches!(code.value(call.callee), Value::Attr(base, _) if of_class(base));
            let target = &program.module(owner).facts.code;
            let bound = on_object || has_decorator(target, callee, &["classmethod"]);
            let first = u32::from(bound && takes_object(target, callee));
            for &position in changers.get(&(owner, callee)).into_iter().flatten() {
                let index = position.checked_sub(first).and_then(|index| usize::try_from(index).ok());
                let in_order = index.and_then(|index| code.positional(call).get(index)).copied();
                let name = target.vars[(target.function(callee).params.start + position) as usize].name;
                let by_name = || code.keyword_args(call).find(|(given, _)| *given == name);
                if let Some(given) = in_order.or_else(|| by_name().map(|(_, value)| value)) {
                    globals_behind(program, id, given, None, |key, attr| {
                        let mutation = Mutation { by: id, at: op.at, loading: false, attr, replaced: false };
                        handed.push((key, mutation));
                    });
                }
            }
        }
    }
    handed
}
