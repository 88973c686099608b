//! The walk: one pass over the tree that resolves names by Python's scope rules.
//!
//! Scopes (reference, section 4.2): a function sees its own names, those of the functions around it and
//! the module's; it never sees the names of a class around it. A class body looks a name up in itself
//! and then in the module. A comprehension has a scope of its own, but its first iterable is evaluated
//! outside. Inside a class, `__x` means `_Class__x`.

use std::cell::Cell;

use ruff_python_ast::{Expr, ModModule, Stmt};
use ruff_text_size::{TextRange, TextSize};
use rustc_hash::FxHashMap;

use super::binding::{self, Form};
use super::call::Unpacked;
use super::code::{FuncId, Var};
use super::condition::System;
use super::draft::Draft;
use super::idioms::{Alias, Target};
use super::names::{Memo, NameId, Names, Table};
use super::namespace::OneOf;
use super::operation::{CallRole, Op, OpKind};
use super::scope::{ScopeKind, Scopes};
use super::text::Texts;
use super::value::{Value, ValueId};
use super::{
    Annotation, AnnotationOwner, FixedUse, Mark, MarkKind, ModuleFacts, Moment, Place, Sym, World, layout,
    words,
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

/// Code context that is saved around functions and blocks.
#[derive(Clone, Copy)]
pub(super) struct Context {
    pub func: FuncId,
    pub moment: Moment,
    pub place: Place,
    pub guarded: bool,
    /// What guards catches more than failing imports.
    pub catches_more: bool,
    pub conditional: bool,
    /// All conditions around are premises that are in force.
    pub told: bool,
    /// Under conditions on version and platform only.
    pub platform: bool,
    /// In the handler of a `try` statement.
    pub handler: bool,
    /// The import statement that has failed if the handler around runs.
    pub failed: Option<u32>,
    /// In the body of a `try` or `with` statement of the function: something runs when this is left.
    pub closes: bool,
    /// In a loop: what stands below may have run before.
    pub looped: bool,
    /// In a block at whose end the warning filters are as before.
    pub restores_warnings: bool,
    /// The call asks a cache, or empties it.
    pub of_cache: bool,
    /// The function has others inside, which may keep its variables.
    pub encloses: bool,
    pub fixed: Option<FixedUse>,
    pub annotation: Option<Annotation>,
}

impl Context {
    /// What follows runs under a condition of which nothing more is known.
    pub fn depends(&mut self) {
        self.conditional = true;
        self.told = false;
    }

    /// Where a function, or the module, begins: nothing is around.
    pub fn new(func: FuncId, moment: Moment, place: Place) -> Self {
        Self {
            func,
            moment,
            place,
            guarded: false,
            catches_more: false,
            conditional: false,
            told: true,
            platform: false,
            handler: false,
            failed: None,
            closes: false,
            looped: false,
            restores_warnings: false,
            of_cache: false,
            encloses: false,
            fixed: None,
            annotation: None,
        }
    }
}

pub(super) struct Walker<'a> {
    pub text: &'a str,
    pub walrus: bool,
    pub pragmas: bool,
    /// The text may have `from … import *`.
    pub star_imports: bool,
    /// The text has something that shows what is imported: `sys.modules`, an audit hook, `__import__`, a finder.
    pub watches_imports: bool,
    /// Names that mean the module `sys`, besides its own.
    pub sys_names: Vec<&'a str>,
    /// Names by which `importlib.import_module` is called here.
    pub loader_names: Vec<&'a str>,
    /// Names by which import statements bind functions that read annotations, and those.
    pub annotation_readers: Vec<(&'a str, Sym)>,
    /// The module reads the namespaces of frames.
    pub frame_namespaces: bool,
    /// Names that mean `sys.modules`, and the function in which they do.
    pub entries_names: Vec<(FuncId, &'a str)>,
    /// The text has `import_module`.
    pub loads_modules: bool,
    /// Names that are bound to a text whose beginning is known, where that matters.
    pub text_starts: FxHashMap<&'a str, Texts>,
    pub facts: Draft,
    pub names: Names<'a>,
    pub scopes: Scopes,
    pub class_names: Vec<&'a str>,
    pub class_ids: Vec<u32>,
    pub context: Context,
    pub depth: u32,
    /// Attributes that the expressions around read from the value, from the outermost on.
    pub chain: Vec<Sym>,
    /// Where the chain of the current expression begins.
    pub chain_start: usize,
    /// Arguments of the calls that are being walked.
    pub arguments: Vec<ValueId>,
    pub keywords: Vec<(Sym, ValueId)>,
    /// The function may have returned before the statement.
    pub may_have_left: bool,
    /// No premise in force says that it has not.
    pub left_untold: bool,
    /// What the tests around the statement say of variables.
    pub known_texts: Vec<OneOf<'a>>,
    /// What its constants decide.
    pub checked: super::constants::Checked,
    /// The module's top level, and what has been found out about private dictionaries: whether they are caches.
    pub body: &'a [Stmt],
    pub caches: FxHashMap<&'a str, bool>,
    /// Constants that names of the module have been bound to, and where the module has last done more than to bind names.
    pub switches: Vec<&'a Expr>,
    pub acted: TextSize,
    /// The functions around the statement, with their bodies.
    pub blocks: Vec<(FuncId, &'a [Stmt])>,
    /// Containers of which is known whether they are only asked for single keys.
    pub keyed: Vec<(&'a str, bool)>,
    /// The elements of the next display are wanted one by one, and what they were.
    pub wants_parts: bool,
    pub parts: Vec<ValueId>,
    /// In a block that runs while this private name or attribute has no value yet.
    pub memo: Option<Target<'a>>,
    /// What the statement before has given another name to.
    pub alias: Option<Alias<'a>>,
    /// Attributes that are known to be their holder's own until the block ends, and the values they had before.
    pub own_attrs: Vec<(ValueId, Sym, ValueId)>,
    /// What variables of functions certainly are at this place.
    pub last_values: FxHashMap<u32, ValueId>,
    /// What the blocks around the statement have bound names of the module to so far, if that is certain.
    pub block_values: Vec<(NameId, Option<ValueId>)>,
    /// The oldest Python that the program runs on.
    pub oldest: PythonVersion,
    /// The platform, if the program runs on one only.
    pub system: Option<System>,
    pub attr_values: Memo,
}

/// What a thread uses again for its next module.
#[derive(Default)]
struct Tables {
    facts: Draft,
    names: Table,
    scopes: Scopes,
    chain: Vec<Sym>,
    arguments: Vec<ValueId>,
    keywords: Vec<(Sym, ValueId)>,
    attr_values: Memo,
}

thread_local! {
    static TABLES: Cell<Tables> = Cell::default();
}

/// Gives back what all threads have kept for their next modules: there are none for now.
pub(super) fn forget_tables() {
    rayon::broadcast(|_| drop(TABLES.take()));
}

/// Walks a module.
pub(super) fn walk(text: &str, module: &ModModule, world: World) -> ModuleFacts {
    let body = &module.body;
    let has = |word: &str| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    let walrus = has(":=");
    let star_imports = has("import *");
    let (prologue_end, future_annotations) = layout::prologue(body);
    let tables = TABLES.take();
    let mut walker = Walker {
        text,
        walrus,
        pragmas: has("ally:"),
        star_imports,
        watches_imports: [
            ".modules",
            "from sys import",
            "addaudithook",
            "__import__",
            "find_spec",
            "find_module",
        ]
        .into_iter()
        .any(has),
        sys_names: Vec::new(),
        loader_names: Vec::new(),
        annotation_readers: Vec::new(),
        frame_namespaces: false,
        entries_names: Vec::new(),
        loads_modules: has("import_module"),
        text_starts: FxHashMap::default(),
        facts: tables.facts,
        names: Names::new(tables.names),
        scopes: tables.scopes,
        class_names: Vec::new(),
        class_ids: Vec::new(),
        context: Context::new(FuncId::MODULE, Moment::ImportTime, Place::Module),
        depth: 0,
        chain: tables.chain,
        chain_start: 0,
        arguments: tables.arguments,
        keywords: tables.keywords,
        may_have_left: false,
        left_untold: false,
        known_texts: Vec::new(),
        checked: if star_imports {
            super::constants::Checked::default()
        } else {
            super::constants::check(body)
        },
        body,
        caches: FxHashMap::default(),
        switches: Vec::new(),
        acted: TextSize::new(0),
        blocks: Vec::new(),
        keyed: Vec::new(),
        wants_parts: false,
        parts: Vec::new(),
        memo: None,
        alias: None,
        own_attrs: Vec::new(),
        last_values: FxHashMap::default(),
        block_values: Vec::new(),
        oldest: world.oldest,
        system: world.system,
        attr_values: tables.attr_values,
    };
    let mut bindings = Vec::new();
    binding::of_block(body, walrus, &mut walker.names, &mut bindings);
    for binding in bindings {
        let name = &mut walker.names[binding.name];
        name.of_module |= matches!(binding.form, Form::Import | Form::Other);
        name.site |= binding.form == Form::Import;
    }
    if has("global") {
        binding::declared_global(body, &mut |name| {
            let name = walker.names.id(name);
            walker.names[name].of_module = true;
            walker.names[name].declared_global = true;
        });
    }
    for (range, path) in std::mem::take(&mut walker.checked.files) {
        walker.mark(MarkKind::NeedsFile(Sym::new(&path)), range);
    }
    walker.facts.layout.prologue_end = prologue_end;
    walker.facts.layout.future_annotations = future_annotations;
    walker.facts.tops.extend(layout::tops(text, body));
    walker.facts.code.compound.extend(Value::NAMED);
    walker.facts.code.new_function(words::MODULE, FuncId::MODULE, TextSize::new(0));
    walker.enter(ScopeKind::Module);
    walker.block(body);
    walker.leave();
    walker.note_perhaps_bound(body);
    walker.finish()
}

impl<'a> Walker<'a> {
    /// The name as the compiler sees it: private names in classes are mangled (reference, section 6.2.2).
    pub fn mangled(&mut self, name: NameId) -> Sym {
        let name = self.mangled_id(name);
        self.names.sym(name)
    }

    #[inline]
    pub fn mangled_id(&mut self, name: NameId) -> NameId {
        if self.names[name].private { self.mangled_in_class(name) } else { name }
    }

    #[cold]
    fn mangled_in_class(&mut self, name: NameId) -> NameId {
        let class = self.class_names.last().map_or("", |class| class.trim_start_matches('_'));
        if class.is_empty() {
            return name;
        }
        let mangled = Sym::new(&format!("_{class}{}", self.names.text(name)));
        self.names.id(mangled.as_str())
    }

    /// The same for a name in the source.
    pub fn mangled_text(&mut self, name: &'a str) -> Sym {
        let name = self.names.id(name);
        self.mangled(name)
    }

    pub fn sym(&mut self, text: &'a str) -> Sym {
        let name = self.names.id(text);
        self.names.sym(name)
    }

    pub fn value(&mut self, value: Value) -> ValueId {
        self.facts.code.add_value(value)
    }

    /// A string constant.
    pub fn text_value(&mut self, text: &'a str) -> (Sym, ValueId) {
        let name = self.names.id(text);
        let sym = self.names.sym(name);
        if !std::mem::replace(&mut self.names[name].text, true) {
            self.facts.code.strings.push(sym);
        }
        (sym, self.value(Value::Str(sym)))
    }

    pub fn attr_value(&mut self, base: ValueId, attr: Sym) -> ValueId {
        let known = self.attr_values.entry((base, attr));
        if *known == ValueId::OPAQUE {
            *known = self.facts.code.add_value(Value::Attr(base, attr));
        }
        *known
    }

    pub fn either(&mut self, a: ValueId, b: ValueId) -> ValueId {
        match (a, b) {
            (a, b) if a == b => a,
            (a, b) if a.is_constant() && b.is_constant() => ValueId::FRESH,
            (constant, other) | (other, constant) if constant.is_constant() => other,
            (ValueId::OPAQUE | ValueId::FRESH, other) | (other, ValueId::OPAQUE | ValueId::FRESH) => other,
            (a, b) => self.value(Value::Either(a, b)),
        }
    }

    /// What `+` or `|` makes of two values.
    pub fn sum(&mut self, a: ValueId, b: ValueId) -> ValueId {
        match self.either(a, b) {
            plain if plain.is_plain() => ValueId::FRESH,
            either => self.value(Value::Sum(either)),
        }
    }

    pub fn holder(&mut self, element: ValueId) -> ValueId {
        match element {
            plain if plain.is_plain() => ValueId::FRESH,
            element => self.value(Value::Holder(element)),
        }
    }

    pub fn item(&mut self, container: ValueId) -> ValueId {
        match container {
            plain if plain.is_plain() => ValueId::OPAQUE,
            container => self.value(Value::Item(container)),
        }
    }

    pub fn op(&mut self, at: TextSize, kind: OpKind) {
        if self.context.moment == Moment::Never {
            return;
        }
        let binds = match kind {
            OpKind::SetGlobal { .. } | OpKind::Bind { .. } | OpKind::Return(_) | OpKind::When { .. } => true,
            // The test of a constant.
            OpKind::Operate { on, .. } => match self.facts.code.value(on) {
                Value::Global(name) if super::condition::is_type_checking(name.as_str()) => true,
                Value::Global(name) => {
                    let name = self.names.find(name.as_str());
                    name.is_some_and(|name| (self.names[name].switch as usize) < self.switches.len())
                }
                _ => false,
            },
            _ => false,
        };
        if self.context.func.is_module() && !binds {
            self.acted = self.acted.max(at);
        }
        let op = Op {
            at,
            guarded: self.context.guarded,
            conditional: self.context.conditional,
            may_have_left: self.may_have_left,
            told: self.context.told && !self.left_untold,
            main_guard: self.context.moment == Moment::MainGuard,
            kind: kind.without_numbers(),
        };
        self.facts.code.op(self.context.func, &op);
    }

    /// Records a call and gives its result.
    pub fn call(&mut self, at: TextSize, callee: ValueId, positional: &[ValueId], role: CallRole) -> ValueId {
        let (arguments, keywords) = (self.arguments.len(), self.keywords.len());
        self.arguments.extend_from_slice(positional);
        self.call_with(at, callee, (arguments, keywords), Unpacked::Nothing, role)
    }

    /// Records a call with the collected arguments from the given places on.
    pub fn call_with(
        &mut self,
        at: TextSize,
        callee: ValueId,
        (arguments, keywords): (usize, usize),
        unpacked: Unpacked,
        role: CallRole,
    ) -> ValueId {
        // What an annotation calls, runs with the definition, at least in older versions.
        let runs = self.context.annotation.is_none_or(|annotation| annotation.calls);
        if self.context.moment == Moment::Never || !runs {
            self.arguments.truncate(arguments);
            self.keywords.truncate(keywords);
            return ValueId::OPAQUE;
        }
        let positional = self.arguments.drain(arguments..);
        let call = self.facts.code.call(callee, positional, self.keywords.drain(keywords..), unpacked);
        let filters = self.context.restores_warnings
            && matches!(self.facts.code.value(callee), Value::Attr(_, name) | Value::Global(name)
                if matches!(name, words::FILTERWARNINGS | words::SIMPLEFILTER | words::RESETWARNINGS));
        if !filters && !self.context.of_cache {
            self.op(at, OpKind::Call { call, role });
        }
        self.value(Value::Call(call))
    }

    pub fn returns(&mut self, at: TextSize, value: ValueId) {
        if !value.is_plain() {
            self.facts.code.returns.push((self.context.func.0, value));
            if self.facts.code.premises > 0 {
                self.op(at, OpKind::Return(value));
            }
        }
    }

    pub fn new_var(&mut self, name: Sym) -> u32 {
        let vars = &mut self.facts.code.vars;
        let id = u32::try_from(vars.len()).expect("a module has fewer than 2^32 variables");
        vars.push(Var::new(name, self.context.func));
        id
    }

    pub fn assign_var(&mut self, var: u32, value: ValueId, at: TextSize) {
        if self.follows(var, value) {
            // What is around may catch what comes before.
            let conditional = self.context.conditional;
            self.context.conditional |= self.context.closes;
            self.op(at, OpKind::Bind { var, value });
            self.context.conditional = conditional;
        }
        if !value.is_plain() {
            self.facts.code.assigned.push((var, value));
        }
    }

    pub fn mark(&mut self, kind: MarkKind, range: TextRange) {
        if self.context.moment != Moment::Never {
            self.facts.marks.push(Mark { kind, range, func: self.context.func });
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

    /// The facts; the tables go back to the thread.
    fn finish(mut self) -> ModuleFacts {
        let private = self.others_private();
        let kept = self.facts.keep(&private);
        self.attr_values.clear();
        let Self { facts, names, scopes, chain, arguments, keywords, attr_values, .. } = self;
        let names = names.into_table();
        TABLES.set(Tables { facts, names, scopes, chain, arguments, keywords, attr_values });
        kept
    }

    /// Private names of other modules that this one uses.
    fn others_private(&mut self) -> Vec<Sym> {
        let names = &mut self.names;
        for import in self.facts.imports.iter().filter(|import| import.from.is_some()) {
            for alias in &import.aliases {
                if alias.name.as_str().starts_with('_') {
                    let name = names.id(alias.name.as_str());
                    names[name].read_private = true;
                }
            }
        }
        if names.any_private() {
            for (member, _) in self.facts.code.classes.iter().flat_map(|class| &class.members) {
                if let Some(name) = names.find(member.as_str()) {
                    names[name].set_private = true;
                }
            }
        }
        let mut private = names.others_private();
        private.sort_unstable_by_key(|name| name.number());
        private
    }
}
