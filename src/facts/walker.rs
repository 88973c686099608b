//! The walk: one pass over the tree that resolves names by Python's scope rules.
//!
//! Scopes (reference, section 4.2): a function sees its own names, those of the functions around it and
//! the module's; it never sees the names of a class around it. A class body looks a name up in itself
//! and then in the module. A comprehension has a scope of its own, but its first iterable is evaluated
//! outside. Inside a class, `__x` means `_Class__x`.

use std::cell::Cell;

use ruff_python_ast::{ModModule, Stmt};
use ruff_text_size::{TextRange, TextSize};
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::binding::{self, Bindings};
use super::code::{Call, CallRole, Code, FuncId, Function, Op, OpKind, Value, ValueId, Var};
use super::condition::{Condition, System};
use super::idioms::Target;
use super::namespace::OneOf;
use super::{
    Annotation, AnnotationOwner, Declared, FixedUse, ImportStmt, Mark, MarkKind, ModuleFacts, Moment,
    NameInfo, Place, Read, ReadKind, Site, Sym, TextStart, World, layout,
};
use crate::config::PythonVersion;

/// What the surrounding expression does with a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    Escape,
    Attribute,
    Call,
    Subscript,
    TypeTest,
    Dropped,
    ClassPattern(TextRange),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ScopeKind {
    Module,
    Function,
    Class,
    /// Comprehensions and type parameters: names without a body of statements.
    Small,
}

pub(super) struct Scope<'a> {
    pub kind: ScopeKind,
    /// The scope's own names and their variables; for classes the variable is unused.
    pub vars: FxHashMap<&'a str, u32>,
    pub globals: FxHashSet<&'a str>,
    /// Class and module scopes: names certainly bound so far.
    pub definite: FxHashSet<&'a str>,
    /// Class scopes: what the body binds.
    pub members: Vec<(Sym, ValueId)>,
}

/// Where a name leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Resolved {
    /// A variable of this or an enclosing function.
    Var(u32),
    /// A name of the class body being executed; it may also be the module's.
    Class { certain: bool },
    /// The module's namespace or a builtin.
    Global,
}

/// Code context that is saved around functions and blocks.
#[derive(Clone, Copy)]
pub(super) struct Context {
    pub func: FuncId,
    pub moment: Moment,
    pub place: Place,
    pub guarded: bool,
    pub conditional: bool,
    /// Under conditions on version and platform only.
    pub platform: bool,
    /// In a block at whose end the warning filters are as before.
    pub restores_warnings: bool,
    /// The call asks a cache, or empties it.
    pub of_cache: bool,
    pub fixed: Option<FixedUse>,
    pub annotation: Option<Annotation>,
}

pub(super) struct Walker<'a> {
    pub text: &'a str,
    pub walrus: bool,
    pub pragmas: bool,
    /// The text may have `from … import *`.
    pub star_imports: bool,
    /// The text has something that shows what is imported: `sys.modules`, an audit hook, `__import__`, a finder.
    pub watches_imports: bool,
    /// The text has `import_module`.
    pub loads_modules: bool,
    /// Names that are bound to a text whose beginning is known, where that matters.
    pub text_starts: FxHashMap<&'a str, TextStart>,
    pub facts: ModuleFacts,
    pub scopes: Vec<Scope<'a>>,
    /// Names that some import statement at module level binds.
    pub site_names: FxHashSet<&'a str>,
    /// All names bound at module level, also by functions that declare them `global`.
    pub module_names: FxHashSet<&'a str>,
    pub class_names: Vec<&'a str>,
    pub class_ids: Vec<u32>,
    pub context: Context,
    pub depth: u32,
    pub chain: Vec<Sym>,
    /// The function may have returned before the statement.
    pub may_have_left: bool,
    /// What the tests around the statement say of variables.
    pub known_texts: Vec<OneOf<'a>>,
    /// In a block that runs while this private name or attribute has no value yet.
    pub memo: Option<Target<'a>>,
    /// The module's top level, and what has been found out about private dictionaries: whether they are caches.
    pub body: &'a [Stmt],
    pub caches: FxHashMap<&'a str, bool>,
    /// Private attributes that are read, and those that are set.
    pub private_reads: FxHashSet<Sym>,
    pub private_sets: FxHashSet<Sym>,
    /// Attributes that are known to be their holder's own until the block ends, and the values they had before.
    pub own_attrs: Vec<(ValueId, Sym, Option<ValueId>)>,
    /// What the blocks around the statement have bound names of the module to so far, if that is certain.
    pub block_values: Vec<(&'a str, Option<ValueId>)>,
    /// The oldest Python that the program runs on.
    pub oldest: PythonVersion,
    /// Module-level names for facts about version and platform: `WINDOWS = sys.platform == "win32"`.
    pub platform_names: FxHashMap<&'a str, Condition>,
    /// The platform, if the program runs on one only.
    pub system: Option<System>,
    global_values: FxHashMap<Sym, ValueId>,
    var_values: Vec<ValueId>,
    pub attr_values: FxHashMap<(ValueId, Sym), ValueId>,
    assigns: Vec<(u32, ValueId)>,
    ops: Vec<(FuncId, Op)>,
    returns: Vec<(FuncId, ValueId)>,
}

/// What a walk fills. Each thread uses the same tables for all its modules and keeps copies of the exact size: so nothing
/// grows step by step, and facts have no spare room.
#[derive(Default)]
struct Tables {
    code: Code,
    imports: Vec<ImportStmt>,
    sites: Vec<Site>,
    reads: Vec<Read>,
    global_values: FxHashMap<Sym, ValueId>,
    var_values: Vec<ValueId>,
    attr_values: FxHashMap<(ValueId, Sym), ValueId>,
    assigns: Vec<(u32, ValueId)>,
    ops: Vec<(FuncId, Op)>,
    returns: Vec<(FuncId, ValueId)>,
}

thread_local! {
    static TABLES: Cell<Tables> = Cell::default();
}

/// A copy of the exact size; the table itself is empty afterwards.
fn exact<T>(table: &mut Vec<T>) -> Vec<T> {
    let mut kept = Vec::with_capacity(table.len());
    kept.append(table);
    kept
}

/// Walks a module.
pub(super) fn walk(text: &str, module: &ModModule, world: World) -> ModuleFacts {
    let body = &module.body;
    let has = |word: &str| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    let walrus = has(":=");
    let bindings = Bindings::of_block(body, walrus);
    let mut module_names = bindings.bound;
    if has("global") {
        binding::add_declared_global(body, &mut module_names);
    }
    let (prologue_end, future_annotations) = layout::prologue(body);
    let tables = TABLES.take();
    let facts = ModuleFacts {
        imports: tables.imports,
        sites: tables.sites,
        reads: tables.reads,
        code: tables.code,
        ..ModuleFacts::default()
    };
    let mut walker = Walker {
        text,
        walrus,
        pragmas: has("dally:"),
        star_imports: has("import *"),
        watches_imports: ["sys.modules", "addaudithook", "__import__", "find_spec", "find_module"]
            .into_iter()
            .any(has),
        loads_modules: has("import_module"),
        text_starts: FxHashMap::default(),
        facts,
        scopes: Vec::new(),
        site_names: bindings.imported,
        module_names,
        class_names: Vec::new(),
        class_ids: Vec::new(),
        context: Context {
            func: FuncId::MODULE,
            moment: Moment::ImportTime,
            place: Place::Module,
            guarded: false,
            conditional: false,
            platform: false,
            restores_warnings: false,
            of_cache: false,
            fixed: None,
            annotation: None,
        },
        depth: 0,
        chain: Vec::new(),
        may_have_left: false,
        known_texts: Vec::new(),
        memo: None,
        body,
        caches: FxHashMap::default(),
        private_reads: FxHashSet::default(),
        private_sets: FxHashSet::default(),
        own_attrs: Vec::new(),
        block_values: Vec::new(),
        oldest: world.oldest,
        platform_names: FxHashMap::default(),
        system: world.system,
        global_values: tables.global_values,
        var_values: tables.var_values,
        attr_values: tables.attr_values,
        assigns: tables.assigns,
        ops: tables.ops,
        returns: tables.returns,
    };
    walker.facts.layout.prologue_end = prologue_end;
    walker.facts.layout.future_annotations = future_annotations;
    walker.facts.layout.tops = layout::tops(body);
    walker.facts.code.values.extend([Value::Opaque, Value::Fresh]);
    walker.facts.code.functions.push(Function {
        name: Sym::new("<module>"),
        parent: FuncId::MODULE,
        class: None,
        params: 0..0,
        positional: 0,
        vararg: false,
        kwarg: false,
        generator: false,
        coroutine: false,
        binds_outer: false,
        decorators: Box::default(),
        ops: 0..0,
        returns: 0..0,
        at: TextSize::new(0),
    });
    walker.scopes.push(Scope {
        kind: ScopeKind::Module,
        vars: FxHashMap::default(),
        globals: FxHashSet::default(),
        definite: FxHashSet::default(),
        members: Vec::new(),
    });
    walker.block(body);
    walker.finish()
}

impl<'a> Walker<'a> {
    /// The name as the compiler sees it: private names in classes are mangled (reference, section 6.2.2).
    pub fn mangled(&mut self, name: &'a str) -> Sym {
        match self.mangling_class(name) {
            Some(class) => Sym::new(&format!("_{class}{name}")),
            None => Sym::new(name),
        }
    }

    fn mangling_class(&self, name: &str) -> Option<&'a str> {
        if !name.starts_with("__") || name.ends_with("__") {
            return None;
        }
        let class = self.class_names.last()?.trim_start_matches('_');
        (!class.is_empty()).then_some(class)
    }

    pub fn value(&mut self, value: Value) -> ValueId {
        let values = &mut self.facts.code.values;
        let id = ValueId(u32::try_from(values.len()).expect("a module has fewer than 2^32 expressions"));
        values.push(value);
        id
    }

    pub fn global_value(&mut self, name: Sym) -> ValueId {
        if let Some(&id) = self.global_values.get(&name) {
            return id;
        }
        let id = self.value(Value::Global(name));
        self.global_values.insert(name, id);
        id
    }

    /// The value of a variable, made once.
    pub fn var_value(&mut self, var: u32) -> ValueId {
        let index = var as usize;
        if self.var_values.len() <= index {
            self.var_values.resize(index + 1, ValueId::OPAQUE);
        }
        if self.var_values[index] == ValueId::OPAQUE {
            self.var_values[index] = self.value(Value::Var(var));
        }
        self.var_values[index]
    }

    pub fn attr_value(&mut self, base: ValueId, attr: Sym) -> ValueId {
        if let Some(&id) = self.attr_values.get(&(base, attr)) {
            return id;
        }
        let id = self.value(Value::Attr(base, attr));
        self.attr_values.insert((base, attr), id);
        id
    }

    pub fn either(&mut self, a: ValueId, b: ValueId) -> ValueId {
        match (a, b) {
            (ValueId::OPAQUE | ValueId::FRESH, other) => other,
            (other, ValueId::OPAQUE | ValueId::FRESH) => other,
            (a, b) if a == b => a,
            (a, b) => self.value(Value::Either(a, b)),
        }
    }

    pub fn holder(&mut self, element: ValueId) -> ValueId {
        match element {
            ValueId::OPAQUE | ValueId::FRESH => ValueId::FRESH,
            element => self.value(Value::Holder(element)),
        }
    }

    pub fn item(&mut self, container: ValueId) -> ValueId {
        match container {
            ValueId::OPAQUE | ValueId::FRESH => ValueId::OPAQUE,
            container => self.value(Value::Item(container)),
        }
    }

    pub fn op(&mut self, at: TextSize, kind: OpKind) {
        if self.context.moment == Moment::Never {
            return;
        }
        let op = Op {
            at,
            guarded: self.context.guarded,
            conditional: self.context.conditional,
            may_have_left: self.may_have_left,
            main_guard: self.context.moment == Moment::MainGuard,
            kind,
        };
        self.ops.push((self.context.func, op));
    }

    /// Records a call and gives its result.
    pub fn call(
        &mut self,
        at: TextSize,
        callee: ValueId,
        positional: &[ValueId],
        keywords: &[(Sym, ValueId)],
        star: bool,
        role: CallRole,
    ) -> ValueId {
        if self.context.moment == Moment::Never || self.context.annotation.is_some() {
            return ValueId::OPAQUE;
        }
        let code = &mut self.facts.code;
        let count = |n: usize| u32::try_from(n).expect("a module has fewer than 2^32 arguments");
        let start = count(code.args.len());
        let keyword_start = count(code.keywords.len());
        code.args.extend_from_slice(positional);
        for &(name, value) in keywords {
            code.args.push(value);
            code.keywords.push(name);
        }
        let call = count(code.calls.len());
        code.calls.push(Call {
            callee,
            args: start..count(code.args.len()),
            keywords: keyword_start..count(code.keywords.len()),
            star,
        });
        let filters = self.context.restores_warnings
            && matches!(self.facts.code.value(callee), Value::Attr(_, name) | Value::Global(name)
                if matches!(name.as_str(), "filterwarnings" | "simplefilter" | "resetwarnings"));
        if !filters && !self.context.of_cache {
            self.op(at, OpKind::Call { call, role });
        }
        self.value(Value::Call(call))
    }

    pub fn returns(&mut self, value: ValueId) {
        if value != ValueId::OPAQUE && value != ValueId::FRESH {
            self.returns.push((self.context.func, value));
        }
    }

    pub fn new_var(&mut self, name: Sym) -> u32 {
        let vars = &mut self.facts.code.vars;
        let id = u32::try_from(vars.len()).expect("a module has fewer than 2^32 variables");
        vars.push(Var { name, func: self.context.func, assigned: 0..0, default: ValueId::OPAQUE });
        id
    }

    pub fn assign_var(&mut self, var: u32, value: ValueId) {
        if value != ValueId::OPAQUE && value != ValueId::FRESH {
            self.assigns.push((var, value));
        }
    }

    /// A scope for the block of a function or class.
    pub fn scope_of(&mut self, kind: ScopeKind, bindings: Bindings<'a>) -> Scope<'a> {
        let mut vars = FxHashMap::with_capacity_and_hasher(bindings.bound.len(), FxBuildHasher);
        for name in bindings.bound {
            if bindings.global.contains(name) || bindings.nonlocal.contains(name) {
                continue;
            }
            let var = if kind == ScopeKind::Class {
                u32::MAX
            } else {
                let sym = Sym::new(name);
                self.new_var(sym)
            };
            vars.insert(name, var);
        }
        Scope { kind, vars, globals: bindings.global, definite: FxHashSet::default(), members: Vec::new() }
    }

    pub fn resolve(&self, name: &str) -> Resolved {
        for (depth, scope) in self.scopes.iter().rev().enumerate() {
            match scope.kind {
                ScopeKind::Module => return Resolved::Global,
                ScopeKind::Class if depth > 0 => {}
                ScopeKind::Class => {
                    if scope.globals.contains(name) {
                        return Resolved::Global;
                    }
                    if scope.vars.contains_key(name) {
                        return Resolved::Class { certain: scope.definite.contains(name) };
                    }
                }
                ScopeKind::Function | ScopeKind::Small => {
                    if scope.globals.contains(name) {
                        return Resolved::Global;
                    }
                    if let Some(&var) = scope.vars.get(name) {
                        return Resolved::Var(var);
                    }
                }
            }
        }
        Resolved::Global
    }

    /// Whether the name means the builtin of that name here.
    pub fn is_builtin(&self, name: &str, expected: &str) -> bool {
        name == expected && self.resolve(name) == Resolved::Global && !self.module_names.contains(name)
    }

    /// A read of a name.
    pub fn read(&mut self, name: &'a str, range: TextRange, usage: Use) -> ValueId {
        match self.resolve(name) {
            Resolved::Var(var) => self.var_value(var),
            Resolved::Class { certain: true } => self.class_member(name),
            Resolved::Class { certain: false } => {
                self.global_read(name, range, usage);
                self.class_member(name)
            }
            Resolved::Global => self.global_read(name, range, usage),
        }
    }

    fn class_member(&mut self, name: &'a str) -> ValueId {
        let sym = self.mangled(name);
        let members = self.scopes.last().map(|s| &s.members);
        members
            .and_then(|m| m.iter().rev().find(|(n, _)| *n == sym))
            .map_or(ValueId::OPAQUE, |&(_, value)| value)
    }

    fn global_read(&mut self, name: &'a str, range: TextRange, usage: Use) -> ValueId {
        let sym = self.mangled(name);
        let mangled_site = sym.as_str() != name && self.site_names.contains(sym.as_str());
        if (self.site_names.contains(name) || mangled_site) && self.context.moment != Moment::Never {
            // Import-time code after a certain rebinding reads the new value.
            let rebound = self.context.func.is_module()
                && self.scopes.first().is_some_and(|s| s.definite.contains(name));
            if !rebound {
                let kind = self.read_kind(usage);
                let chain = if usage == Use::Attribute {
                    self.chain.iter().rev().copied().collect()
                } else {
                    Box::default()
                };
                self.facts.reads.push(Read {
                    name: sym,
                    range,
                    kind,
                    moment: self.context.moment,
                    func: self.context.func,
                    chain,
                });
            }
        }
        self.global_value(sym)
    }

    fn read_kind(&self, usage: Use) -> ReadKind {
        if let Some(annotation) = self.context.annotation {
            return ReadKind::Annotation(annotation);
        }
        if let Some(fixed) = self.context.fixed {
            // Transparent uses need no wrapping, so the source text stays.
            return match usage {
                Use::Attribute => ReadKind::Attribute,
                Use::Call => ReadKind::Call,
                Use::Subscript => ReadKind::Subscript,
                Use::TypeTest => ReadKind::TypeTest,
                Use::Escape | Use::Dropped | Use::ClassPattern(_) => ReadKind::Fixed(fixed),
            };
        }
        match usage {
            Use::Escape => ReadKind::Escape,
            Use::Attribute => ReadKind::Attribute,
            Use::Call => ReadKind::Call,
            Use::Subscript => ReadKind::Subscript,
            Use::TypeTest => ReadKind::TypeTest,
            Use::Dropped => ReadKind::Dropped,
            Use::ClassPattern(subject) => ReadKind::ClassPattern(subject),
        }
    }

    pub fn fixed_read(&mut self, name: &'a str, range: TextRange, fixed: FixedUse) {
        let saved = self.context.fixed.replace(fixed);
        self.read(name, range, Use::Escape);
        self.context.fixed = saved;
    }

    pub fn mark(&mut self, kind: MarkKind, range: TextRange) {
        if self.context.moment != Moment::Never {
            self.facts.marks.push(Mark { kind, range, func: self.context.func });
        }
    }

    /// A name is bound in the current scope.
    pub fn bind(&mut self, name: &'a str, at: TextSize, value: ValueId, imported: bool) {
        let straight = !self.context.conditional;
        match self.resolve_binding(name) {
            Resolved::Var(var) => {
                let func = self.context.func;
                if self.facts.code.vars[var as usize].func != func && self.memo != Some(Target::Name(name)) {
                    self.facts.code.functions[func.index()].binds_outer = true;
                }
                self.assign_var(var, value);
            }
            Resolved::Class { .. } => {
                // What the class keeps is read now.
                self.op(at, OpKind::Read(value));
                let sym = self.mangled(name);
                if let Some(scope) = self.scopes.last_mut() {
                    scope.members.push((sym, value));
                    if straight {
                        scope.definite.insert(name);
                    }
                }
            }
            Resolved::Global => {
                self.platform_names.remove(name);
                let sym = self.mangled(name);
                let moment = self.context.moment;
                let at_module_level = self.context.func.is_module();
                // `global _data; if _data is None: _data = …` in a function: nobody sees it before, and all see the same
                // after; so with other private names that are set together with it.
                let memo =
                    !at_module_level && matches!(self.memo, Some(Target::Name(_))) && name.starts_with('_');
                let info = self
                    .facts
                    .names
                    .entry(sym)
                    .or_insert_with(|| NameInfo { only_type_checking: true, ..NameInfo::default() });
                if moment != Moment::Never {
                    if at_module_level {
                        info.rebound_at_module_level |= info.imported || info.otherwise;
                    }
                    info.only_type_checking = false;
                }
                if memo {
                    info.computed_in_function.get_or_insert(at);
                } else if !at_module_level {
                    info.rebound_in_function.get_or_insert(at);
                } else if imported {
                    info.imported = true;
                } else {
                    info.otherwise = true;
                }
                if at_module_level && self.scopes.len() == 1 {
                    if self.depth > 1 {
                        self.block_values.push((name, (!imported).then_some(value)));
                    }
                    if imported {
                        self.scopes[0].definite.remove(name);
                    } else if straight && moment == Moment::ImportTime {
                        self.scopes[0].definite.insert(name);
                    }
                }
                if moment != Moment::Never {
                    self.facts.code.globals.push((sym, value));
                    if !imported && !memo {
                        self.op(at, OpKind::SetGlobal { name: sym, value });
                    }
                }
            }
        }
    }

    /// Where a binding of the name goes: the innermost scope that is not a comprehension.
    fn resolve_binding(&self, name: &str) -> Resolved {
        let scope =
            self.scopes.iter().rev().find(|s| s.kind != ScopeKind::Small || s.vars.contains_key(name));
        match scope {
            Some(scope) if scope.globals.contains(name) => Resolved::Global,
            Some(scope) => match (scope.kind, scope.vars.get(name)) {
                (ScopeKind::Module, _) => Resolved::Global,
                (ScopeKind::Class, _) => Resolved::Class { certain: false },
                (_, Some(&var)) => Resolved::Var(var),
                // `nonlocal`: a variable further out.
                (_, None) => self.resolve(name),
            },
            None => Resolved::Global,
        }
    }

    /// A name is deleted in the current scope.
    pub fn unbind(&mut self, name: &'a str, at: TextSize) {
        match self.resolve_binding(name) {
            Resolved::Var(_) => {}
            Resolved::Class { .. } => {
                let sym = self.mangled(name);
                if let Some(scope) = self.scopes.last_mut() {
                    scope.members.retain(|(n, _)| *n != sym);
                    scope.definite.remove(name);
                }
            }
            Resolved::Global => {
                let sym = self.mangled(name);
                let info = self.facts.names.entry(sym).or_default();
                if self.context.func.is_module() {
                    info.deleted = true;
                } else {
                    info.rebound_in_function.get_or_insert(at);
                }
                self.op(at, OpKind::DelGlobal { name: sym });
            }
        }
    }

    pub fn in_context<T>(&mut self, change: impl FnOnce(&mut Context), f: impl FnOnce(&mut Self) -> T) -> T {
        let saved = self.context;
        change(&mut self.context);
        let result = f(self);
        self.context = saved;
        result
    }

    /// The owner of annotations of a function with these decorators.
    pub fn annotation_owner(func: FuncId, plain: bool) -> AnnotationOwner {
        if plain { AnnotationOwner::Plain(func) } else { AnnotationOwner::Decorated(func) }
    }

    /// Sorts what was collected into the flat tables.
    fn finish(mut self) -> ModuleFacts {
        let code = &mut self.facts.code;
        // Stable: operations of one function stay in source order.
        self.ops.sort_by_key(|(func, _)| *func);
        let mut next = 0;
        for (index, function) in code.functions.iter_mut().enumerate() {
            let start = next;
            while self.ops.get(next).is_some_and(|(func, _)| func.index() == index) {
                next += 1;
            }
            function.ops = range(start, next);
        }
        self.returns.sort_by_key(|(func, _)| *func);
        let mut next = 0;
        for (index, function) in code.functions.iter_mut().enumerate() {
            let start = next;
            while self.returns.get(next).is_some_and(|(func, _)| func.index() == index) {
                next += 1;
            }
            function.returns = range(start, next);
        }
        self.assigns.sort_by_key(|(var, _)| *var);
        let mut next = 0;
        for (index, var) in code.vars.iter_mut().enumerate() {
            let start = next;
            while self.assigns.get(next).is_some_and(|(v, _)| *v as usize == index) {
                next += 1;
            }
            var.assigned = range(start, next);
        }
        code.globals.sort_by_key(|(name, _)| name.number());
        let mut order: Vec<u32> = (0..u32::try_from(self.facts.sites.len()).expect("few sites")).collect();
        order.sort_by_key(|&i| (self.facts.sites[i as usize].bound.number(), i));
        self.facts.sites_by_name = order;
        self.declare_listed_sites();
        self.facts.others_private = self.others_private();
        self.kept()
    }

    /// Private names of other modules that this one uses.
    fn others_private(&mut self) -> Box<[Sym]> {
        let mut names = std::mem::take(&mut self.private_reads);
        let private = |name: &Sym| name.as_str().starts_with('_');
        for import in self.facts.imports.iter().filter(|import| import.from.is_some()) {
            names.extend(import.aliases.iter().map(|alias| alias.name).filter(private));
        }
        if !names.is_empty() {
            let members = self.facts.code.classes.iter().flat_map(|class| &class.members);
            for name in self.private_sets.iter().chain(members.map(|(name, _)| name)) {
                names.remove(name);
            }
        }
        let mut names: Vec<Sym> = names.into_iter().collect();
        names.sort_unstable_by_key(|name| name.number());
        names.into_boxed_slice()
    }

    /// The facts; the tables go back to the thread.
    fn kept(self) -> ModuleFacts {
        let Self { facts, mut global_values, mut var_values, mut attr_values, .. } = self;
        let Self { mut assigns, mut ops, mut returns, .. } = self;
        let ModuleFacts { mut imports, mut sites, mut reads, mut code, .. } = facts;
        let kept = ModuleFacts {
            imports: exact(&mut imports),
            sites: exact(&mut sites),
            reads: exact(&mut reads),
            code: Code {
                values: exact(&mut code.values),
                vars: exact(&mut code.vars),
                assigned: assigns.drain(..).map(|(_, value)| value).collect(),
                calls: exact(&mut code.calls),
                args: exact(&mut code.args),
                keywords: exact(&mut code.keywords),
                functions: exact(&mut code.functions),
                classes: exact(&mut code.classes),
                ops: ops.drain(..).map(|(_, op)| op).collect(),
                returns: returns.drain(..).map(|(_, value)| value).collect(),
                globals: exact(&mut code.globals),
            },
            names: facts.names,
            exports: facts.exports,
            layout: facts.layout,
            marks: facts.marks,
            others_private: facts.others_private,
            sites_by_name: facts.sites_by_name,
        };
        global_values.clear();
        var_values.clear();
        attr_values.clear();
        TABLES.set(Tables {
            code,
            imports,
            sites,
            reads,
            global_values,
            var_values,
            attr_values,
            assigns,
            ops,
            returns,
        });
        kept
    }

    /// Sites whose module stands in `__lazy_modules__` of the same file are declared lazy. Relative
    /// imports are compared when the module's own name is known, by the program.
    fn declare_listed_sites(&mut self) {
        let Some((list, names)) = &self.facts.layout.lazy_list else { return };
        for site in &mut self.facts.sites {
            let import = &self.facts.imports[site.stmt as usize];
            let key = match import.from {
                None => import.aliases[site.alias as usize].name,
                Some(from) if from.level == 0 => from.module,
                Some(_) => continue,
            };
            if site.declared.is_none() && import.range.start() > list.start() && names.contains(&key) {
                site.declared = Some(Declared::List);
            }
        }
    }
}

fn range(start: usize, end: usize) -> std::ops::Range<u32> {
    let narrow = |n: usize| u32::try_from(n).expect("a module has fewer than 2^32 operations");
    narrow(start)..narrow(end)
}
