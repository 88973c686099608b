//! What a module hands to somebody, stores or decorates: what may be in the lists that it, or somebody for it, keeps.

use crate::facts::{CallRole, Code, FuncId, Op, OpKind, Sym, Value, ValueId, keeps_nothing};
use crate::program::watched::imports;
use crate::program::{ModuleId, Origin, Program};

/// What a module hands to somebody, stores or decorates.
#[derive(Debug, Default)]
pub(super) struct Handed {
    pub functions: Vec<FuncId>,
    pub classes: Vec<u32>,
    /// What it has from elsewhere.
    pub others: Vec<ValueId>,
    /// It hands on something, if perhaps only objects that it makes.
    pub anything: bool,
}

impl Handed {
    /// What those functions of a module hand on that have run while it loads.
    pub fn of(program: &Program, id: ModuleId, run: &[FuncId]) -> Self {
        Self::to(program, id, run, None)
    }

    /// The same, but for what does not come to one module.
    pub fn to(program: &Program, id: ModuleId, run: &[FuncId], to: Option<ModuleId>) -> Self {
        let code = &program.module(id).facts.code;
        let comes = |value: ValueId| to.is_none_or(|to| comes_to(program, id, value, to));
        let mut handed = Self::default();
        for (func, function) in (0..).map(FuncId).zip(&code.functions) {
            if function.decorators.iter().any(|&value| keeps(program, id, value) && comes(value)) {
                handed.functions.push(func);
            }
        }
        // A base may list its subclasses, if anybody does.
        let listed = code.attributes().any(|attr| attr == "__subclasses__")
            || code.classes.iter().any(|class| {
                class.metaclass.is_some()
                    || class.members.iter().any(|(name, _)| *name == "__init_subclass__")
            });
        for (index, class) in (0..).zip(&code.classes) {
            let own = |&base: &ValueId| listed && is_own_class(code, base);
            if class.decorators.iter().any(|&value| keeps(program, id, value) && comes(value))
                || to.is_none() && class.bases.iter().any(own)
            {
                handed.classes.push(index);
            }
        }
        for op in ran(code, run) {
            let values = match op.kind {
                OpKind::Call { call, role }
                    if role != CallRole::Decorator && comes(code.call(call).callee) =>
                {
                    handed.anything = true;
                    let call = code.call(call);
                    let args = &code.args[call.args.start as usize..call.args.end as usize];
                    let named =
                        |value: &&ValueId| matches!(code.value(**value), Value::Global(_) | Value::Attr(..));
                    handed.others.extend(args.iter().filter(named));
                    args
                }
                OpKind::SetItem { base, value, .. }
                | OpKind::ChangeInPlace { base, value, .. }
                | OpKind::SetAttr { base, value, .. }
                    if comes(base) =>
                {
                    handed.anything = true;
                    &[value]
                }
                OpKind::SetGlobal { value, .. } | OpKind::Read(value) if to.is_none() => &[value],
                _ => &[],
            };
            let defines = matches!(op.kind, OpKind::SetGlobal { .. } | OpKind::Read(_));
            for &value in values {
                if !(defines && is_definition(code, value)) {
                    handed.value(code, value, 0);
                }
            }
        }
        handed.functions.sort_unstable();
        handed.functions.dedup();
        handed.classes.sort_unstable();
        handed.classes.dedup();
        handed
    }

    fn value(&mut self, code: &Code, value: ValueId, depth: u32) {
        match code.value(value) {
            Value::Function(func) => self.functions.push(func),
            Value::Class(class) => self.classes.push(class),
            Value::Holder(inner) | Value::Sum(inner) if depth < 4 => self.value(code, inner, depth + 1),
            Value::Either(one, other) if depth < 4 => {
                self.value(code, one, depth + 1);
                self.value(code, other, depth + 1);
            }
            Value::Global(name) if depth < 4 => {
                for &(_, value) in code.globals_of(name) {
                    if matches!(code.value(value), Value::Function(_) | Value::Class(_)) {
                        self.value(code, value, 4);
                    }
                }
            }
            _ => {}
        }
    }

    /// All functions and classes at the top of a module.
    pub fn all(code: &Code) -> Self {
        let top = (0..).map(FuncId).zip(&code.functions).filter(|(func, function)| {
            !func.is_module() && function.class.is_none() && function.parent.is_module()
        });
        let classes = (0..).zip(&code.classes).filter(|(_, class)| class.func.is_module());
        Self {
            functions: top.map(|(func, _)| func).collect(),
            classes: classes.map(|(index, _)| index).collect(),
            others: Vec::new(),
            anything: true,
        }
    }
}

/// The operations of import-time code and of functions that it has called.
pub(super) fn ran(code: &Code, run: &[FuncId]) -> impl Iterator<Item = Op> {
    let mut run = run.to_vec();
    run.push(FuncId::MODULE);
    run.sort_unstable();
    run.dedup();
    run.into_iter().flat_map(|func| code.ops_of(func)).filter(|op| !op.main_guard)
}

/// Whether a decorator may keep what it decorates: not one of the library or of other people's, nor one that does nothing.
pub(super) fn keeps(program: &Program, id: ModuleId, decorator: ValueId) -> bool {
    let facts = &program.module(id).facts;
    let code = &facts.code;
    let mut root = decorator;
    loop {
        root = match code.value(root) {
            Value::Call(call) => code.call(call).callee,
            Value::Attr(_, name) if keeps_nothing(name.as_str()) => return false,
            Value::Attr(base, _) => base,
            _ => break,
        };
    }
    let Value::Global(name) = code.value(root) else { return true };
    let mut sites = facts.sites_of(name).peekable();
    if sites.peek().is_none() {
        let does_nothing = |&(_, value): &(Sym, ValueId)| matches!(code.value(value), Value::Function(func) if code.ops_of(func).next().is_none());
        let bound = code.globals_of(name);
        return facts.names.contains(name) && (bound.is_empty() || !bound.iter().all(does_nothing));
    }
    !sites.all(|site| {
        let import = &facts.imports[site.stmt as usize];
        program.origin(id, import, site.alias as usize) == Origin::Foreign
    })
}

/// Whether what is given to something may come to a module: it is from there, or a function of a module that imports it, or the module's own.
fn comes_to(program: &Program, id: ModuleId, value: ValueId, to: ModuleId) -> bool {
    let facts = &program.module(id).facts;
    let mut root = value;
    loop {
        root = match facts.code.value(root) {
            Value::Call(call) => facts.code.call(call).callee,
            Value::Attr(base, _) | Value::Item(base) => base,
            _ => break,
        };
    }
    let Value::Global(name) = facts.code.value(root) else { return true };
    let mut sites = facts.sites_of(name).peekable();
    if sites.peek().is_none() {
        // A builtin keeps nothing.
        return facts.names.contains(name);
    }
    sites.any(|site| {
        let import = &facts.imports[site.stmt as usize];
        match program.origin(id, import, site.alias as usize) {
            Origin::Module(from) => from == to,
            Origin::Attribute(from, name) => from == to || goes_back_to(program, from, name, to),
            _ => false,
        }
    })
}

/// Whether a name of one module is that of another one, or a function that uses something from there.
fn goes_back_to(program: &Program, from: ModuleId, name: Sym, to: ModuleId) -> bool {
    let facts = &program.module(from).facts;
    let mut sites = facts.sites_of(name).peekable();
    if sites.peek().is_none() {
        return !program.module(from).installed && imports(program, from, to);
    }
    sites.any(|site| {
        let import = &facts.imports[site.stmt as usize];
        match program.origin(from, import, site.alias as usize) {
            Origin::Module(source) | Origin::Attribute(source, _) => source == to,
            _ => false,
        }
    })
}

/// Whether a value is a function or class as its definition binds it, which hands it to nobody.
fn is_definition(code: &Code, value: ValueId) -> bool {
    match code.value(value) {
        Value::Function(func) => code.function(func).name != "<lambda>",
        Value::Class(_) => true,
        // With a decorator.
        Value::Either(one, _) => is_definition(code, one),
        _ => false,
    }
}

/// Whether a value is a class of the module by its name.
fn is_own_class(code: &Code, value: ValueId) -> bool {
    match code.value(value) {
        Value::Class(_) => true,
        Value::Global(name) => {
            code.globals_of(name).iter().any(|&(_, value)| matches!(code.value(value), Value::Class(_)))
        }
        _ => false,
    }
}
