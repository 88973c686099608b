//! Functions and classes: their bodies run later or now, and their decorators, defaults, bases and annotations now.

use ruff_python_ast::{self as ast, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};
use smallvec::SmallVec;

use super::assigned;
use super::code::{Class, FuncId};
use super::names::NameId;
use super::operation::{CallRole, OpKind};
use super::scope::{Resolved, ScopeKind};
use super::value::{Value, ValueId};
use super::walker::{Context, Use, Walker};
use super::{Annotation, AnnotationOwner, Kept, Moment, Place, Sym, words};

/// Decorators that neither look at annotations nor keep the function where others find it.
const PLAIN_DECORATORS: &[&str] = &[
    "staticmethod",
    "classmethod",
    "property",
    "abstractmethod",
    "overload",
    "override",
    "final",
    "wraps",
    "lru_cache",
    "cache",
    "cached_property",
    "contextmanager",
    "asynccontextmanager",
    "setter",
    "getter",
    "deleter",
    "abstractproperty",
    "total_ordering",
    "no_type_check",
    "deprecated",
    "coroutine",
];

/// Whether a decorator of a name neither looks at annotations nor keeps the function where others find it.
pub(crate) fn keeps_nothing(decorator: &str) -> bool {
    PLAIN_DECORATORS.contains(&decorator)
}

/// The default of a parameter.
pub(super) struct Default {
    name: NameId,
    value: ValueId,
    /// A new object that can change: what calls do to it stays.
    mutable: bool,
}

impl<'a> Walker<'a> {
    pub fn function_def(&mut self, def: &'a ast::StmtFunctionDef) {
        let at = def.range.start();
        let decorators: SmallVec<[ValueId; 4]> =
            def.decorator_list.iter().map(|d| self.expr(&d.expression, Use::Call)).collect();
        let plain = def.decorator_list.iter().all(|d| is_plain_decorator(&d.expression));
        let defaults = self.parameter_defaults(&def.parameters);

        let name = self.names.id(def.name.as_str());
        let sym = self.names.sym(name);
        let id = self.new_function(sym, at);
        let owner = Self::annotation_owner(id, plain);
        self.enter_type_params(def.type_params.as_deref());
        if def.type_params.is_some() {
            self.in_context(late_context, |w| w.type_params(def.type_params.as_deref()));
        }
        for parameter in &*def.parameters {
            if let Some(annotation) = parameter.annotation() {
                self.annotation(annotation, owner);
            }
        }
        if let Some(annotation) = &def.returns {
            self.annotation(annotation, owner);
        }

        let class = match self.scopes.iter().rev().nth(1) {
            Some(scope) if scope.kind == ScopeKind::Class => self.class_ids.last().copied(),
            _ => None,
        };
        {
            let function = &mut self.facts.code.functions[id.index()];
            function.class = class;
            function.decorators = self.facts.keepers.values.keep(&decorators);
            function.coroutine = def.is_async;
        }
        if let (Some(class), "__init__") = (class, def.name.as_str()) {
            let assigned = assigned::by_init(def);
            let mut given: Vec<Sym> =
                assigned.attributes.iter().map(|name| self.mangled_text(name)).collect();
            given.sort_unstable_by_key(|name| name.as_str());
            let given = self.facts.keepers.syms.keep(&given);
            let class = &mut self.facts.code.classes[class as usize];
            class.given = given;
            class.calls_base = assigned.base;
        }
        self.function_body(id, &def.parameters, &defaults, &def.body, |w| w.block(&def.body));
        self.leave();

        let mut value = self.value(Value::Function(id));
        for (decorator, node) in decorators.iter().zip(&def.decorator_list).rev() {
            value = self.call(node.range.start(), *decorator, &[value], CallRole::Decorator);
        }
        self.bind(name, def.name.start(), value, false);
        if sym == words::GETATTR && self.scopes.len() == 1 {
            // Of two definitions nobody knows which is there.
            let first = !std::mem::replace(&mut self.facts.exports.dynamic, true);
            self.facts.exports.given = first.then(|| super::getter::names_given(def, self.body)).flatten();
        }
    }

    pub fn new_function(&mut self, name: Sym, at: TextSize) -> FuncId {
        self.facts.code.new_function(name, self.context.func, at)
    }

    pub fn parameter_defaults(&mut self, parameters: &'a ast::Parameters) -> SmallVec<[Default; 4]> {
        let mut defaults = SmallVec::new();
        for parameter in parameters.iter_non_variadic_params() {
            if let Some(default) = &parameter.default {
                let value = self.expr(default, Use::Escape);
                self.op(default.start(), OpKind::Read(value));
                let constant =
                    default.is_literal_expr() || default.is_tuple_expr() || default.is_unary_op_expr();
                let mutable = value == ValueId::FRESH && !constant;
                let name = self.names.id(parameter.name().as_str());
                defaults.push(Default { name, value, mutable });
            }
        }
        defaults
    }

    /// The body of a function or lambda, in a scope of its own, as deferred code.
    pub fn function_body(
        &mut self,
        id: FuncId,
        parameters: &'a ast::Parameters,
        defaults: &[Default],
        block: &'a [Stmt],
        body: impl FnOnce(&mut Self),
    ) {
        let saved = self.context;
        let (moment, place) = match saved.moment {
            Moment::Never => (Moment::Never, Place::TypeChecking),
            _ => (Moment::Deferred, Place::Function),
        };
        let encloses = block.iter().any(|stmt| match stmt {
            Stmt::FunctionDef(_) => true,
            Stmt::Return(stmt) => stmt.value.as_deref().is_some_and(Expr::is_lambda_expr),
            _ => false,
        });
        self.context = Context { fixed: saved.fixed, encloses, ..Context::new(id, moment, place) };
        self.enter(ScopeKind::Function);
        let first = u32::try_from(self.facts.code.vars.len()).expect("few variables");
        let first_param = u32::try_from(self.facts.code.params.len()).expect("few variables");
        let named = |p: &'a ast::ParameterWithDefault| (p.name(), p.default.is_none());
        for (name, needed) in parameters.posonlyargs.iter().chain(&parameters.args).map(named) {
            self.parameter(name, needed);
        }
        let positional = u32::try_from(self.facts.code.vars.len()).expect("few variables") - first;
        parameters.kwonlyargs.iter().map(named).for_each(|(name, needed)| self.parameter(name, needed));
        parameters.vararg.iter().for_each(|p| self.parameter(&p.name, false));
        parameters.kwarg.iter().for_each(|p| self.parameter(&p.name, false));
        let last = u32::try_from(self.facts.code.vars.len()).expect("few variables");
        self.bind_block(block);
        for default in defaults {
            let Resolved::Var(var) = self.resolve(default.name) else { continue };
            // A default that can change is state of the function.
            let value = if default.mutable && saved.func.is_module() && self.class_ids.is_empty() {
                let function = self.value(Value::Function(id));
                self.attr_value(function, words::DEFAULTS)
            } else {
                default.value
            };
            if value != ValueId::FRESH {
                self.facts.code.vars[var as usize].default = value;
            }
        }
        let function = &mut self.facts.code.functions[id.index()];
        function.params = first..last;
        function.first_param = first_param;
        function.positional = positional;
        function.vararg = parameters.vararg.is_some();
        function.kwarg = parameters.kwarg.is_some();
        let left = (std::mem::take(&mut self.may_have_left), std::mem::take(&mut self.left_untold));
        let premises = std::mem::take(&mut self.facts.code.premises);
        self.blocks.push((id, block));
        body(self);
        self.blocks.pop();
        self.facts.code.premises = premises;
        (self.may_have_left, self.left_untold) = left;
        self.leave();
        self.context = saved;
    }

    fn parameter(&mut self, name: &'a ast::Identifier, needed: bool) {
        let name = self.names.id(name.as_str());
        let sym = self.names.sym(name);
        self.facts.code.params.push(sym);
        let var = self.new_variable(name);
        self.facts.code.vars[var as usize].set_needed(needed);
    }

    pub fn class_def(&mut self, def: &'a ast::StmtClassDef) {
        let at = def.range.start();
        let decorators: SmallVec<[ValueId; 4]> =
            def.decorator_list.iter().map(|d| self.expr(&d.expression, Use::Call)).collect();
        self.enter_type_params(def.type_params.as_deref());
        if def.type_params.is_some() {
            self.in_context(late_context, |w| w.type_params(def.type_params.as_deref()));
        }
        let mut bases: SmallVec<[ValueId; 4]> = SmallVec::new();
        let mut metaclass = None;
        let mut keywords: SmallVec<[(Sym, ValueId); 2]> = SmallVec::new();
        let mut star = false;
        if let Some(arguments) = &def.arguments {
            for base in &arguments.args {
                star |= base.is_starred_expr();
                bases.push(self.expr(base, Use::Escape));
            }
            for keyword in &arguments.keywords {
                let value = self.expr(&keyword.value, Use::Escape);
                match &keyword.arg {
                    Some(name) if name.as_str() == "metaclass" => metaclass = Some(value),
                    Some(name) => keywords.push((self.sym(name.as_str()), value)),
                    None => star = true,
                }
            }
        }
        let name = self.names.id(def.name.as_str());
        let class = u32::try_from(self.facts.code.classes.len()).expect("few classes");
        self.facts.code.classes.push(Class {
            name: self.names.sym(name),
            func: self.context.func,
            bases: self.facts.keepers.values.keep(&bases),
            metaclass,
            keywords: self.facts.keepers.members.keep(&keywords),
            star,
            decorators: self.facts.keepers.values.keep(&decorators),
            members: Kept::default(),
            given: Kept::default(),
            calls_base: false,
            at,
        });
        self.enter(ScopeKind::Class);
        self.bind_block(&def.body);
        self.class_names.push(def.name.as_str());
        self.class_ids.push(class);
        let saved = self.context;
        if matches!(self.context.place, Place::Module | Place::With | Place::Try) {
            self.context.place = Place::Class;
        }
        self.context.conditional = false;
        self.block(&def.body);
        self.context = saved;
        self.class_ids.pop();
        self.class_names.pop();
        let members = self.leave();
        self.facts.code.classes[class as usize].members = self.facts.keepers.members.keep(&members);
        self.leave();
        if super::constants::is_refused_class(def, self.body) {
            self.op(at, OpKind::Raise { failed: 0 });
        }
        self.op(at, OpKind::DefineClass(class));

        let mut value = self.value(Value::Class(class));
        for (decorator, node) in decorators.iter().zip(&def.decorator_list).rev() {
            let result = self.call(node.range.start(), *decorator, &[value], CallRole::Decorator);
            // Class decorators nearly always return the class; keep it reachable.
            value = self.either(value, result);
        }
        self.bind(name, def.name.start(), value, false);
    }

    // ---------------------------------------------------------------- annotations and type parameters

    /// An annotation: evaluated at definition before 3.14, late from then on, or text.
    pub fn annotation(&mut self, annotation: &'a Expr, owner: AnnotationOwner) {
        let text = self.facts.layout.future_annotations;
        let saved = self.context;
        let calls = !text && contains_call(annotation);
        self.context.annotation = Some(Annotation { range: annotation.range(), text, calls, owner });
        self.annotation_expr(annotation);
        self.context = saved;
    }

    fn annotation_expr(&mut self, annotation: &'a Expr) {
        self.expr(annotation, Use::Escape);
    }

    /// The names in a string inside an annotation, which something may evaluate.
    pub fn annotation_text(&mut self, text: &'a str, range: TextRange) {
        let Some(annotation) = self.context.annotation else { return };
        let saved = self.context;
        self.context.annotation = Some(Annotation { text: true, calls: false, ..annotation });
        for word in text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '.') {
            let first = word.split('.').next().unwrap_or_default();
            if let Some(first) = self.names.find(first)
                && self.names[first].site
                && self.resolve(first) == Resolved::Global
            {
                self.read(first, range, Use::Escape);
            }
        }
        self.context = saved;
    }

    /// Enters the scope of type parameters, which hides the names of a class around also if there are none.
    pub fn enter_type_params(&mut self, params: Option<&'a ast::TypeParams>) {
        self.enter(ScopeKind::Small);
        for param in params.into_iter().flat_map(|p| &p.type_params) {
            let name = self.names.id(param.name().as_str());
            self.variable(name);
        }
    }

    /// Bounds and defaults of type parameters are evaluated late (PEP 695, PEP 696).
    pub fn type_params(&mut self, params: Option<&'a ast::TypeParams>) {
        for param in params.into_iter().flat_map(|p| &p.type_params) {
            let parts = match param {
                ast::TypeParam::TypeVar(p) => [p.bound.as_deref(), p.default.as_deref()],
                ast::TypeParam::TypeVarTuple(p) => [p.default.as_deref(), None],
                ast::TypeParam::ParamSpec(p) => [p.default.as_deref(), None],
            };
            for expr in parts.into_iter().flatten() {
                self.expr(expr, Use::Escape);
            }
        }
    }
}

pub(super) fn late_context(context: &mut super::walker::Context) {
    if context.moment != Moment::Never {
        context.moment = Moment::Deferred;
    }
}

fn is_plain_decorator(decorator: &Expr) -> bool {
    let name = match decorator {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        Expr::Call(call) => return is_plain_decorator(&call.func),
        _ => return false,
    };
    keeps_nothing(name)
}

/// Whether an annotation calls something when it is evaluated.
fn contains_call(annotation: &Expr) -> bool {
    match annotation {
        Expr::Call(_) => true,
        Expr::Subscript(of) => contains_call(&of.value) || contains_call(&of.slice),
        Expr::Attribute(of) => contains_call(&of.value),
        Expr::BinOp(of) => contains_call(&of.left) || contains_call(&of.right),
        Expr::Tuple(of) => of.elts.iter().any(contains_call),
        Expr::List(of) => of.elts.iter().any(contains_call),
        _ => false,
    }
}
