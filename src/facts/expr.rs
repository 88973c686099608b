//! Expressions: every context that Python has, and what it does with a value.
//!
//! A read is *transparent* if the operation gives on a stand-in exactly what it gives on the object:
//! `X.a`, `X(…)`, `@X`, `X[…]`, and the second argument of the builtin `isinstance` and `issubclass`. All
//! other contexts let the value escape.

use ruff_python_ast::{self as ast, CmpOp, Expr, InterpolatedStringElement, Number};
use ruff_text_size::{Ranged, TextRange};

use super::code::{CallRole, FuncId, OpKind, Value, ValueId};
use super::names::NameId;
use super::premise::Open;
use super::scope::{Resolved, ScopeKind};
use super::walker::{Use, Walker};
use super::{FixedUse, MarkKind, Sym, words};

/// Calls that evaluate annotations, text included.
const ANNOTATION_EVALUATORS: &[Sym] = &[
    words::GET_TYPE_HINTS,
    words::GET_ANNOTATIONS,
    words::CALL_ANNOTATE_FUNCTION,
    words::EVALUATE_FORWARD_REF,
];

/// Calls that hand annotations out.
const ANNOTATION_INSPECTORS: &[Sym] = &[words::SIGNATURE, words::GETFULLARGSPEC, words::SIGNATURE_CLASS];

impl<'a> Walker<'a> {
    /// An expression; gives where its value comes from.
    pub fn expr(&mut self, expr: &'a Expr, usage: Use) -> ValueId {
        self.depth += 1;
        let value = if self.depth.is_multiple_of(32) {
            stacker::maybe_grow(256 * 1024, 8 * 1024 * 1024, || self.expr_inner(expr, usage))
        } else {
            self.expr_inner(expr, usage)
        };
        self.depth -= 1;
        value
    }

    /// An expression statement.
    pub fn dropped(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Call(call) => {
                self.call_expr(call, CallRole::Dropped);
            }
            Expr::Await(ast::ExprAwait { value, .. }) => self.dropped(value),
            _ => {
                self.expr(expr, Use::Dropped);
            }
        }
    }

    /// The value of an expression that has been visited already.
    pub fn quiet_value(&mut self, expr: &'a Expr) -> ValueId {
        match expr {
            Expr::Name(name) => {
                let id = self.names.id(name.id.as_str());
                if let Resolved::Var(var) = self.resolve(id) {
                    self.value(Value::Var(var))
                } else {
                    let sym = self.mangled(id);
                    self.value(Value::Global(sym))
                }
            }
            Expr::Attribute(attribute) => {
                let base = self.quiet_value(&attribute.value);
                let attr = self.mangled_text(attribute.attr.as_str());
                self.attr_value(base, attr)
            }
            _ => ValueId::OPAQUE,
        }
    }

    fn expr_inner(&mut self, expr: &'a Expr, usage: Use) -> ValueId {
        match expr {
            Expr::Name(name) => {
                if usage == Use::Escape && self.is_sys_modules(expr) {
                    self.mark(MarkKind::ReadsSysModules, name.range);
                }
                let id = self.names.id(name.id.as_str());
                self.read(id, name.range, usage)
            }
            Expr::Attribute(attribute) => {
                if usage == Use::Escape && self.is_sys_modules(expr) {
                    self.mark(MarkKind::ReadsSysModules, attribute.range);
                }
                self.attribute(attribute)
            }
            Expr::Call(call) => self.call_expr(call, CallRole::Used),
            Expr::Subscript(subscript) => self.subscript(subscript),
            Expr::BoolOp(expr) => {
                let mut value = ValueId::FRESH;
                let mut premises = Open::new();
                for (index, part) in expr.values.iter().enumerate() {
                    // Only the first is evaluated in any case.
                    let next = self.in_context(|c| c.conditional |= index > 0, |w| w.expr(part, Use::Escape));
                    value = self.either(value, next);
                    if index + 1 < expr.values.len() {
                        premises.extend(self.open_premises(part, expr.op == ast::BoolOp::And, part.end()));
                    }
                }
                self.close_premises(premises);
                value
            }
            Expr::If(expr) => {
                let test = self.expr(&expr.test, Use::Escape);
                self.operate(expr.range, test, ValueId::FRESH, words::BOOL);
                let mut branch = |part: &'a Expr, outcome| {
                    let premises = self.open_premises(&expr.test, outcome, part.start());
                    let value = self.in_context(|c| c.conditional = true, |w| w.expr(part, Use::Escape));
                    self.close_premises(premises);
                    value
                };
                let body = branch(&expr.body, true);
                let orelse = branch(&expr.orelse, false);
                self.either(body, orelse)
            }
            Expr::Named(named) => {
                let value = self.expr(&named.value, Use::Escape);
                self.target(&named.target, value);
                value
            }
            Expr::BinOp(expr) => {
                let left = self.expr(&expr.left, Use::Escape);
                let right = self.expr(&expr.right, Use::Escape);
                let methods = operator_methods(expr.op);
                self.operate(expr.range, left, right, methods.0);
                self.operate(expr.range, right, left, methods.1);
                // `a + b` of containers holds the elements of both, and `a >> b` usually is `a`.
                let text = |id: ValueId| matches!(self.facts.code.value(id), Value::Str(_));
                let keeps = matches!(
                    expr.op,
                    ast::Operator::Add | ast::Operator::BitOr | ast::Operator::LShift | ast::Operator::RShift
                );
                if keeps && !text(left) && !text(right) { self.either(left, right) } else { ValueId::FRESH }
            }
            Expr::UnaryOp(expr) => {
                let operand = self.expr(&expr.operand, Use::Escape);
                let method = match expr.op {
                    ast::UnaryOp::Invert => words::INVERT,
                    ast::UnaryOp::UAdd => words::POS,
                    ast::UnaryOp::USub => words::NEG,
                    ast::UnaryOp::Not => words::BOOL,
                };
                self.operate(expr.range, operand, ValueId::FRESH, method);
                ValueId::FRESH
            }
            Expr::Lambda(lambda) => self.lambda(lambda),
            Expr::Tuple(tuple) => self.elements(&tuple.elts, usage == Use::TypeTest),
            Expr::List(list) => self.elements(&list.elts, false),
            Expr::Set(set) => self.elements(&set.elts, false),
            Expr::Dict(dict) => {
                let mut value = ValueId::FRESH;
                for item in &dict.items {
                    if let Some(key) = &item.key {
                        self.expr(key, Use::Escape);
                    }
                    let next = self.expr(&item.value, Use::Escape);
                    let next = if item.key.is_none() { self.item(next) } else { next };
                    value = self.either(value, next);
                }
                self.holder(value)
            }
            Expr::ListComp(comp) => self.comprehension(&[&comp.elt], &comp.generators),
            Expr::SetComp(comp) => self.comprehension(&[&comp.elt], &comp.generators),
            Expr::Generator(comp) => self.comprehension(&[&comp.elt], &comp.generators),
            Expr::DictComp(comp) => match &comp.key {
                Some(key) => self.comprehension(&[key, &comp.value], &comp.generators),
                None => self.comprehension(&[&comp.value], &comp.generators),
            },
            Expr::Await(expr) => {
                self.expr(&expr.value, Use::Escape);
                ValueId::OPAQUE
            }
            Expr::Yield(expr) => {
                self.generator_function(self.context.closes);
                if let Some(value) = &expr.value {
                    self.expr(value, Use::Escape);
                }
                ValueId::OPAQUE
            }
            Expr::YieldFrom(expr) => {
                // The generator that it asks is closed with it.
                self.generator_function(true);
                self.expr(&expr.value, Use::Escape);
                ValueId::OPAQUE
            }
            Expr::Compare(compare) => self.compare(compare),
            Expr::FString(string) => {
                for element in string.value.elements() {
                    self.interpolated(element, None);
                }
                ValueId::FRESH
            }
            Expr::TString(string) => {
                for element in string.value.elements() {
                    self.interpolated(element, Some(FixedUse::TemplateString));
                }
                ValueId::FRESH
            }
            Expr::StringLiteral(string) => self.string(string),
            Expr::Starred(starred) => {
                let value = self.expr(&starred.value, Use::Escape);
                self.takes_keys(&starred.value);
                self.operate(starred.range, value, ValueId::FRESH, words::ITER);
                self.item(value)
            }
            Expr::Slice(slice) => {
                for part in [&slice.lower, &slice.upper, &slice.step].into_iter().flatten() {
                    self.expr(part, Use::Escape);
                }
                ValueId::FRESH
            }
            Expr::NoneLiteral(_) => ValueId::NONE,
            Expr::BooleanLiteral(literal) => ValueId::constant(literal.value),
            Expr::NumberLiteral(literal) => ValueId::constant(match &literal.value {
                Number::Int(int) => *int != ast::Int::ZERO,
                Number::Float(float) => *float != 0.0,
                Number::Complex { real, imag } => *real != 0.0 || *imag != 0.0,
            }),
            Expr::BytesLiteral(literal) => ValueId::constant(!literal.value.is_empty()),
            Expr::EllipsisLiteral(_) => ValueId::TRUE,
            Expr::IpyEscapeCommand(_) => ValueId::FRESH,
        }
    }

    /// An operator, if it may be that of a class of the program or depend on state.
    pub fn operate(&mut self, range: TextRange, on: ValueId, other: ValueId, method: Sym) {
        let named = |value| {
            matches!(
                value,
                Value::Global(_)
                    | Value::Attr(..)
                    | Value::Call(_)
                    | Value::Var(_)
                    | Value::Item(_)
                    | Value::Either(..)
            )
        };
        if named(self.facts.code.value(on)) && self.context.annotation.is_none() {
            self.op(range.start(), OpKind::Operate { on, other, method });
        }
    }

    fn generator_function(&mut self, closes: bool) {
        let func = self.context.func;
        let function = &mut self.facts.code.functions[func.index()];
        function.generator = true;
        function.closes |= closes;
    }

    fn attribute(&mut self, attribute: &'a ast::ExprAttribute) -> ValueId {
        let name = self.names.id(attribute.attr.as_str());
        let attr = self.mangled(name);
        let simple = matches!(&*attribute.value, Expr::Name(_) | Expr::Attribute(_));
        let base = if simple {
            self.chain.push(attr);
            let base = self.expr(&attribute.value, Use::Attribute);
            self.chain.pop();
            base
        } else {
            self.in_new_chain(|w| w.expr(&attribute.value, Use::Attribute))
        };
        match attr {
            words::DICT => self.dict_attribute(attribute, base),
            words::ANNOTATIONS | words::ANNOTATE => {
                self.mark(MarkKind::InspectsAnnotations, attribute.range);
                self.annotations_of(MarkKind::AnnotationsOf, base, attribute.range);
            }
            words::GLOBALS_OF_FUNCTION => self.mark(MarkKind::GlobalsOf(base), attribute.range),
            words::F_GLOBALS => self.frame_namespaces = true,
            _ if self.names.text(name).starts_with('_') => {
                let name = self.mangled_id(name);
                self.names[name].read_private = true;
            }
            _ => {}
        }
        self.attr_value(base, attr)
    }

    /// `sys.modules` is asked for a name that is not a constant.
    fn asks_sys_modules(&mut self, key: &Expr, value: ValueId, range: TextRange) {
        match self.text_start(key) {
            Some(start) if start.own || !start.text.as_str().is_empty() => {
                self.mark(MarkKind::AsksSysModulesFrom(start), range);
            }
            _ => {
                self.mark(MarkKind::ReadsSysModules, range);
                if !value.is_plain() {
                    self.mark(MarkKind::AsksSysModulesOf(value), range);
                }
            }
        }
    }

    /// `sys.modules`, also by another name.
    pub fn is_sys_modules(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Attribute(attribute) => {
                attribute.attr.as_str() == "modules"
                    && matches!(&*attribute.value, Expr::Name(n)
                        if n.id.as_str().trim_start_matches('_') == "sys" || self.sys_names.contains(&n.id.as_str()))
            }
            Expr::Name(name) if !self.entries_names.is_empty() => {
                let here = |func: FuncId| func.is_module() || func == self.context.func;
                self.entries_names.iter().any(|&(func, known)| known == name.id.as_str() && here(func))
            }
            _ => false,
        }
    }

    /// `sys.modules[__name__]`
    pub fn is_own_module(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Subscript(subscript)
            if is_own_name(&subscript.slice) && self.is_sys_modules(&subscript.value))
    }

    /// `x.__dict__` of this or another module.
    fn dict_attribute(&mut self, attribute: &'a ast::ExprAttribute, base: ValueId) {
        if self.is_own_module(&attribute.value) {
            self.mark(MarkKind::NamespaceRead, attribute.range);
        } else {
            self.namespace_of(base, attribute.range);
        }
    }

    /// The namespace of what may be a module is read as a dict.
    fn namespace_of(&mut self, of: ValueId, range: TextRange) {
        let own_object = matches!(self.facts.code.value(of), Value::Var(var)
            if self.facts.code.vars[var as usize].name == "self");
        if !of.is_plain() && !own_object {
            self.mark(MarkKind::NamespaceOf(of), range);
        }
    }

    fn subscript(&mut self, subscript: &'a ast::ExprSubscript) -> ValueId {
        let (base, key) = self.in_new_chain(|w| {
            (w.expr(&subscript.value, Use::Subscript), w.expr(&subscript.slice, Use::Escape))
        });
        let mut entry = None;
        self.note_frame_namespace(base, Some(&subscript.slice), subscript.range);
        if self.is_sys_modules(&subscript.value) {
            match self.facts.code.value(key) {
                Value::Str(name) => {
                    self.mark(MarkKind::AsksSysModules(name), subscript.range);
                    entry = Some(Value::Loaded(Some(name)));
                }
                _ if is_own_name(&subscript.slice) => entry = Some(Value::Loaded(None)),
                _ => self.asks_sys_modules(&subscript.slice, key, subscript.range),
            }
        }
        if let Expr::Call(call) = &*subscript.value
            && self.is_namespace_call(call)
        {
            self.unmark(call.range());
            match self.facts.code.value(key) {
                Value::Str(name) => self.mark(MarkKind::NamespaceName(name), subscript.range),
                _ => self.namespace_item(&subscript.slice, subscript.range),
            }
        }
        let named = matches!(self.facts.code.value(base), Value::Attr(..) | Value::Global(_));
        if named && self.context.annotation.is_none() && !is_own_name(&subscript.slice) {
            self.op(subscript.range.start(), OpKind::Load { base, key });
        }
        if let Some(entry) = entry {
            return self.value(entry);
        }
        let item = self.item(base);
        match &*subscript.slice {
            // `rows[:]` is a copy.
            Expr::Slice(slice) if slice.lower.is_none() && slice.upper.is_none() => self.holder(item),
            _ => item,
        }
    }

    fn elements(&mut self, elts: &'a [Expr], type_test: bool) -> ValueId {
        let usage = if type_test { Use::TypeTest } else { Use::Escape };
        let mut value = ValueId::FRESH;
        for element in elts {
            let next = self.expr(element, usage);
            value = self.either(value, next);
        }
        self.holder(value)
    }

    fn lambda(&mut self, lambda: &'a ast::ExprLambda) -> ValueId {
        let id = self.new_function(words::LAMBDA, lambda.range.start());
        self.in_new_chain(|w| w.lambda_body(lambda, id));
        self.value(Value::Function(id))
    }

    fn lambda_body(&mut self, lambda: &'a ast::ExprLambda, id: FuncId) {
        if let Some(parameters) = &lambda.parameters {
            let defaults = self.parameter_defaults(parameters);
            self.function_body(id, parameters, &defaults, &[], |w| {
                let value = w.expr(&lambda.body, Use::Escape);
                w.returns(lambda.body.start(), value);
            });
        } else {
            self.enter(ScopeKind::Function);
            self.in_context(
                |c| {
                    c.func = id;
                    if c.moment != super::Moment::Never {
                        c.moment = super::Moment::Deferred;
                    }
                    c.place = super::Place::Function;
                    c.guarded = false;
                    c.annotation = None;
                },
                |w| {
                    let value = w.expr(&lambda.body, Use::Escape);
                    w.returns(lambda.body.start(), value);
                },
            );
            self.leave();
        }
    }

    /// What is read from values in here is no attribute of the value around.
    fn in_new_chain<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let saved = std::mem::replace(&mut self.chain_start, self.chain.len());
        let result = f(self);
        self.chain_start = saved;
        result
    }

    fn comprehension(&mut self, results: &[&'a Expr], generators: &'a [ast::Comprehension]) -> ValueId {
        let saved = std::mem::replace(&mut self.chain_start, self.chain.len());
        // The first iterable is evaluated in the enclosing scope.
        let first = generators.first().map(|g| self.expr(&g.iter, Use::Escape));
        if let Some(generator) = generators.first() {
            self.takes_keys(&generator.iter);
        }
        self.enter(ScopeKind::Small);
        for generator in generators {
            self.bind_target(&generator.target);
        }
        for (i, generator) in generators.iter().enumerate() {
            let iter = match first {
                Some(first) if i == 0 => first,
                _ => self.expr(&generator.iter, Use::Escape),
            };
            self.operate(generator.iter.range(), iter, ValueId::FRESH, words::ITER);
            let element = self.item(iter);
            self.target(&generator.target, element);
            for test in &generator.ifs {
                self.expr(test, Use::Escape);
            }
        }
        let mut value = ValueId::FRESH;
        for result in results {
            value = self.expr(result, Use::Escape);
        }
        self.leave();
        self.chain_start = saved;
        self.holder(value)
    }

    fn compare(&mut self, compare: &'a ast::ExprCompare) -> ValueId {
        let left = self.expr(&compare.left, Use::Escape);
        for (op, right) in compare.ops.iter().zip(&compare.comparators) {
            let membership = matches!(op, CmpOp::In | CmpOp::NotIn);
            let asks = membership && self.is_sys_modules(right);
            if asks {
                match self.facts.code.value(left) {
                    Value::Str(name) => self.mark(MarkKind::AsksSysModules(name), compare.range),
                    _ => self.asks_sys_modules(&compare.left, left, compare.range),
                }
            }
            // `"x" in globals()` only asks for the name, which is there.
            let harmless = membership && matches!(right, Expr::Call(call) if self.is_namespace_call(call));
            if asks {
                self.expr(right, Use::Subscript);
            } else if !harmless {
                let right = self.expr(right, Use::Escape);
                let (on, other) = if membership { (right, left) } else { (left, right) };
                self.operate(compare.range, on, other, comparison_method(*op));
            }
        }
        self.note_comparison(compare);
        ValueId::FRESH
    }

    fn interpolated(&mut self, element: &'a InterpolatedStringElement, fixed: Option<FixedUse>) {
        let InterpolatedStringElement::Interpolation(element) = element else { return };
        let fixed = fixed.or(element.debug_text.is_some().then_some(FixedUse::DebugText));
        self.in_context(
            |c| c.fixed = c.fixed.or(fixed),
            |w| {
                let value = w.expr(&element.expression, Use::Escape);
                // What a variable holds, was noted where it was read.
                if !matches!(w.facts.code.value(value), Value::Var(_)) {
                    w.operate(element.range, value, ValueId::FRESH, words::FORMAT);
                }
            },
        );
        if let Some(spec) = &element.format_spec {
            for element in &spec.elements {
                self.interpolated(element, None);
            }
        }
    }

    fn string(&mut self, string: &'a ast::ExprStringLiteral) -> ValueId {
        let text = string.value.to_str();
        if self.context.annotation.is_some() {
            self.annotation_text(text, string.range);
            return ValueId::FRESH;
        }
        if !is_nameable(text) {
            return ValueId::FRESH;
        }
        let (sym, value) = self.text_value(text);
        if text.ends_with(".py") && std::path::Path::new(text).extension().is_some() {
            self.mark(MarkKind::PythonFileName(sym), string.range);
        }
        value
    }

    // ---------------------------------------------------------------- calls

    fn call_expr(&mut self, call: &'a ast::ExprCall, role: CallRole) -> ValueId {
        self.in_new_chain(|w| w.call_inner(call, role))
    }

    fn call_inner(&mut self, call: &'a ast::ExprCall, role: CallRole) -> ValueId {
        let callee = self.expr(&call.func, Use::Call);
        let arguments = &call.arguments;
        let type_test = self.is_type_test(call);
        let mut star = false;
        let (positional, keywords) = (self.arguments.len(), self.keywords.len());
        for (i, argument) in arguments.args.iter().enumerate() {
            star |= argument.is_starred_expr();
            let usage = if type_test && i == 1 { Use::TypeTest } else { Use::Escape };
            let value = self.expr(argument, usage);
            self.note_frame_namespace(value, None, call.range());
            self.arguments.push(value);
        }
        for keyword in &arguments.keywords {
            let value = self.expr(&keyword.value, Use::Escape);
            if let Some(name) = &keyword.arg {
                let name = self.sym(name.as_str());
                self.keywords.push((name, value));
            } else {
                star = true;
                self.arguments.push(value);
            }
        }
        if let Value::Attr(base, _) = self.facts.code.value(callee) {
            self.note_frame_namespace(base, arguments.args.first(), call.range());
        }
        let first = self.arguments.get(positional).copied();
        self.note_call(call, first);
        let of_cache = matches!(&*call.func, Expr::Attribute(method)
            if matches!(method.attr.as_str(), "get" | "clear") && self.goes_into_cache(&method.value));
        let saved = std::mem::replace(&mut self.context.of_cache, of_cache);
        let value = self.call_with(call.range().start(), callee, (positional, keywords), star, role);
        self.context.of_cache = saved;
        value
    }

    /// `isinstance(x, …)` and `issubclass(x, …)`, the builtins, with exactly two arguments.
    fn is_type_test(&self, call: &ast::ExprCall) -> bool {
        // A star import may bring another function of that name.
        !self.star_imports
            && call.arguments.args.len() == 2
            && call.arguments.keywords.is_empty()
            && !call.arguments.args.iter().any(Expr::is_starred_expr)
            && self.calls_builtin(call, &[words::ISINSTANCE, words::ISSUBCLASS])
    }

    /// `globals()`, `vars()`, and at module level `locals()`.
    pub fn is_namespace_call(&self, call: &ast::ExprCall) -> bool {
        if !call.arguments.is_empty() {
            return false;
        }
        let local_is_global =
            || self.scopes.iter().all(|s| matches!(s.kind, ScopeKind::Module | ScopeKind::Small));
        self.calls_builtin(call, &[words::GLOBALS])
            || (self.calls_builtin(call, &[words::VARS, words::LOCALS]) && local_is_global())
    }

    /// Whether one of some builtins is called.
    fn calls_builtin(&self, call: &ast::ExprCall, builtins: &[Sym]) -> bool {
        let Expr::Name(name) = &*call.func else { return false };
        builtins.iter().any(|builtin| self.is_builtin_text(name.id.as_str(), builtin.as_str()))
    }

    /// Observations about calls that decisions ask for.
    fn note_call(&mut self, call: &'a ast::ExprCall, first: Option<ValueId>) {
        match &*call.func {
            Expr::Name(name) => {
                let id = self.names.id(name.id.as_str());
                if let Some(word) = self.names[id].sym.filter(|sym| words::is_word(*sym)) {
                    self.note_known_call(call, id, word, first);
                }
            }
            Expr::Attribute(attribute) => {
                let method = self.sym(attribute.attr.as_str());
                if words::is_word(method) {
                    self.note_annotation_reader(method, first, call.range());
                    self.note_loading(call, method);
                }
                self.note_method(call, attribute, method, first);
            }
            _ => {}
        }
    }

    /// The same for functions that are called by a name of [`words`].
    fn note_known_call(&mut self, call: &'a ast::ExprCall, name: NameId, word: Sym, first: Option<ValueId>) {
        let range = call.range();
        if self.is_builtin(name, words::EVAL) || self.is_builtin(name, words::EXEC) {
            self.evaluation(call);
        } else if self.is_builtin(name, words::IMPORT) {
            // The import system reads `__name__` and `__package__` from it, nothing else.
            for argument in &call.arguments.args {
                self.unmark(argument.range());
            }
        } else if self.is_namespace_call(call) {
            self.mark(MarkKind::NamespaceRead, range);
        } else if self.is_builtin(name, words::VARS) && call.arguments.args.len() == 1 {
            if self.is_own_module(&call.arguments.args[0]) {
                self.mark(MarkKind::NamespaceRead, range);
            } else if let Some(of) = first {
                self.namespace_of(of, range);
            }
        } else if let (true, true, Some(of)) =
            (self.is_builtin(name, words::DIR), call.arguments.args.len() == 1, first)
        {
            self.mark(MarkKind::NamesOf(of), range);
        } else if matches!(
            word,
            words::TESTMOD | words::DOC_TEST_SUITE | words::GETMEMBERS | words::RUN_MODULE | words::RUN_PATH
        ) {
            self.note_inspection(word, first, range);
        } else {
            self.takes_keys_of_argument(call, name);
            self.note_annotation_reader(word, first, range);
        }
        self.note_loading(call, word);
    }

    fn note_annotation_reader(&mut self, name: Sym, of: Option<ValueId>, range: TextRange) {
        let kind: fn(ValueId) -> MarkKind;
        if ANNOTATION_EVALUATORS.contains(&name) {
            self.mark(MarkKind::EvaluatesAnnotations, range);
            kind = MarkKind::HintsOf;
        } else if ANNOTATION_INSPECTORS.contains(&name) {
            self.mark(MarkKind::InspectsAnnotations, range);
            kind = MarkKind::AnnotationsOf;
        } else {
            if let (words::GETCLOSUREVARS, Some(of)) = (name, of) {
                self.mark(MarkKind::GlobalsOf(of), range);
            }
            return;
        }
        if let Some(of) = of {
            self.annotations_of(kind, of, range);
        }
    }

    fn annotations_of(&mut self, kind: fn(ValueId) -> MarkKind, of: ValueId, range: TextRange) {
        if of != ValueId::OPAQUE && of != ValueId::FRESH {
            self.mark(kind(of), range);
        }
    }

    /// Whether a value is the namespace of a frame: `frame.f_globals`, also by way of a variable.
    fn is_frame_namespace(&self, value: ValueId) -> bool {
        let code = &self.facts.code;
        let of_frame = |value| matches!(code.value(value), Value::Attr(_, words::F_GLOBALS));
        match code.value(value) {
            Value::Attr(..) => of_frame(value),
            Value::Var(var) if self.frame_namespaces => {
                code.assigned.iter().any(|&(assigned, value)| assigned == var && of_frame(value))
            }
            _ => false,
        }
    }

    /// More is read from the namespace of a frame than `__name__` and the like.
    fn note_frame_namespace(&mut self, value: ValueId, key: Option<&Expr>, range: TextRange) {
        let special = matches!(key, Some(Expr::StringLiteral(key)) if key.value.to_str().starts_with("__"));
        if !special && self.is_frame_namespace(value) {
            self.mark(MarkKind::ReadsCallers, range);
        }
    }

    fn note_method(
        &mut self,
        call: &'a ast::ExprCall,
        attribute: &'a ast::ExprAttribute,
        method: Sym,
        first_value: Option<ValueId>,
    ) {
        let range = call.range();
        let first = first_value.map(|value| self.facts.code.value(value));
        if method == words::REGISTER && is_bare_register(call) {
            self.mark(MarkKind::EvaluatesAnnotations, range);
        }
        if self.is_sys_modules(&attribute.value) {
            match (method, first) {
                (
                    words::GET | words::POP | words::SETDEFAULT | words::CONTAINS | words::GETITEM,
                    Some(Value::Str(name)),
                ) => {
                    self.mark(MarkKind::AsksSysModules(name), range);
                }
                (words::UPDATE, _) => self.note_replaced_entries(call, 0),
                (words::GET | words::POP | words::SETDEFAULT, _)
                    if call.arguments.args.first().is_some_and(is_own_name) => {}
                (words::GET | words::POP | words::SETDEFAULT | words::CONTAINS | words::GETITEM, _)
                    if let Some(key) = call.arguments.args.first() =>
                {
                    self.asks_sys_modules(key, first_value.unwrap_or(ValueId::OPAQUE), range);
                }
                _ => self.mark(MarkKind::ReadsSysModules, range),
            }
        }
        self.note_text_method(call, method);
        if matches!(method.as_str(), "items" | "keys" | "values") {
            self.note_listing(&attribute.value);
        }
        if let Expr::Call(inner) = &*attribute.value
            && self.is_namespace_call(inner)
        {
            match (method, first) {
                (words::GET | words::POP | words::SETDEFAULT | words::GETITEM, Some(Value::Str(name))) => {
                    self.mark(MarkKind::NamespaceName(name), range);
                }
                // Only writes: nothing is read. The inner call has left its mark; take it back.
                (words::KEYS, _) => {
                    self.takes_keys(&attribute.value);
                    return;
                }
                (words::UPDATE | words::SETITEM, _) => {
                    self.facts.exports.writes_namespace = true;
                    self.unmark(inner.range());
                    return;
                }
                _ => return,
            }
            self.unmark(inner.range());
        }
        if method == words::EXTEND || method == words::APPEND {
            self.note_all_method(call, attribute, method);
        }
        match method {
            words::RUN_DOCSTRING_EXAMPLES => self.mark(MarkKind::EvaluatesText, range),
            words::TESTMOD
            | words::DOC_TEST_SUITE
            | words::GETMEMBERS
            | words::RUN_MODULE
            | words::RUN_PATH => {
                self.note_inspection(method, first_value, range);
            }
            // `patch.dict(sys.modules, …)`, `monkeypatch.setitem(sys.modules, …)`
            _ if matches!(method.as_str(), "dict" | "setitem" | "delitem")
                && (call.arguments.args.first().is_some_and(|object| self.is_sys_modules(object))
                    || matches!(first, Some(Value::Str(path)) if path == "sys.modules")) =>
            {
                self.note_replaced_entries(call, 1);
            }
            _ => {}
        }
    }

    /// Calls that look through a module; without one, through their own.
    fn note_inspection(&mut self, name: Sym, first: Option<ValueId>, range: TextRange) {
        match (name.as_str(), first) {
            ("getmembers", Some(of)) => self.mark(MarkKind::NamesOf(of), range),
            ("run_module" | "run_path" | "DocTestSuite", Some(of)) if !matches!(self.facts.code.value(of), Value::Global(name) if self.is_site(name.as_str())) =>
            {
                self.mark(MarkKind::NamespaceNamed(of), range);
            }
            (_, Some(of)) => self.namespace_of(of, range),
            ("testmod" | "DocTestSuite", None) => self.mark(MarkKind::EvaluatesText, range),
            (_, None) => {}
        }
    }

    /// Entries of `sys.modules` that a call binds or deletes: named by a text, by keywords, or in a display.
    fn note_replaced_entries(&mut self, call: &ast::ExprCall, from: usize) {
        let mut names: Vec<&str> = Vec::new();
        for argument in call.arguments.args.iter().skip(from).take(1) {
            match argument {
                Expr::StringLiteral(name) => names.push(name.value.to_str()),
                Expr::Dict(dict) => {
                    for item in &dict.items {
                        if let Some(Expr::StringLiteral(name)) = &item.key {
                            names.push(name.value.to_str());
                        }
                    }
                }
                _ => {}
            }
        }
        let keywords = call.arguments.keywords.iter().filter_map(|k| k.arg.as_ref());
        names.extend(
            keywords
                .map(ast::Identifier::as_str)
                .filter(|name| !matches!(*name, "values" | "clear" | "raising")),
        );
        for name in names {
            self.mark(MarkKind::ReplacesEntry(Sym::new(name)), call.range());
        }
    }

    fn note_all_method(&mut self, call: &'a ast::ExprCall, attribute: &ast::ExprAttribute, method: Sym) {
        let is_all = matches!(&*attribute.value, Expr::Name(n) if n.id.as_str() == "__all__");
        if !is_all || self.scopes.len() != 1 {
            return;
        }
        match (method, call.arguments.args.first()) {
            (words::EXTEND, Some(value)) => self.extend_all(value),
            (words::APPEND, Some(Expr::StringLiteral(name))) => {
                let name = Sym::new(name.value.to_str());
                self.facts.exports.all.get_or_insert_default().push(name);
            }
            _ => self.facts.exports.partial = true,
        }
    }

    /// The last mark was about a `globals()` whose use turned out to be more special.
    pub fn unmark(&mut self, range: TextRange) {
        self.facts.marks.retain(|m| !(m.range == range && m.kind == MarkKind::NamespaceRead));
    }

    /// `exec` with a namespace of its own: the text may reach other modules all the same.
    fn execution(&mut self, call: &'a ast::ExprCall) {
        let mut text = call.arguments.args.first();
        if let Some(Expr::Call(inner)) = text
            && matches!(&*inner.func, Expr::Name(n) if n.id.as_str() == "compile")
        {
            text = inner.arguments.args.first();
        }
        let Some(text) = text else { return };
        let harmless = match text {
            Expr::StringLiteral(text) => only_defines(text.value.to_str()),
            other => self.text_start(other).is_some_and(|start| {
                let text = start.text.as_str().trim_start();
                ["def ", "class ", "async def ", "@"].iter().any(|start| text.starts_with(start))
            }),
        };
        if !harmless {
            self.op(call.range().start(), OpKind::Execute);
        }
    }

    /// `eval` and `exec`: with a namespace of their own they do not touch this module's.
    fn evaluation(&mut self, call: &'a ast::ExprCall) {
        let namespace = call.arguments.args.get(1).or_else(|| {
            call.arguments
                .keywords
                .iter()
                .find(|k| k.arg.as_ref().is_some_and(|a| a.as_str() == "globals"))
                .map(|k| &k.value)
        });
        if namespace.is_some() && matches!(&*call.func, Expr::Name(n) if n.id.as_str() == "exec") {
            self.execution(call);
        }
        let own = match namespace {
            None => true,
            Some(Expr::Call(inner)) if self.is_namespace_call(inner) => {
                self.unmark(inner.range());
                true
            }
            Some(Expr::NoneLiteral(_)) => true,
            Some(_) => false,
        };
        if own {
            self.mark(MarkKind::EvaluatesText, call.range());
        }
    }
}

/// Whether a text may be the name of something, or a path.
pub(super) fn is_nameable(text: &str) -> bool {
    text.len() <= 100
        && !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-/*".contains(&b) || b >= 0x80)
}

/// Whether a text that is executed only defines functions and classes, or takes names from modules.
fn only_defines(text: &str) -> bool {
    let text = text.trim_start();
    ["def ", "class ", "async def ", "@"].iter().any(|start| text.starts_with(start))
        || !text.contains(['(', '['])
}

fn is_own_name(expr: &Expr) -> bool {
    matches!(expr, Expr::Name(n) if n.id.as_str() == "__name__")
}

/// `@f.register` without a class: the implementation is chosen by annotations.
fn is_bare_register(call: &ast::ExprCall) -> bool {
    call.arguments.args.len() == 1 && matches!(call.arguments.args[0], Expr::Name(_) | Expr::Lambda(_))
}

/// The methods behind an operator, of the left and of the right operand.
fn operator_methods(operator: ast::Operator) -> (Sym, Sym) {
    use ast::Operator as O;
    match operator {
        O::Add => (words::ADD, words::RADD),
        O::Sub => (words::SUB, words::RSUB),
        O::Mult => (words::MUL, words::RMUL),
        O::MatMult => (words::MATMUL, words::RMATMUL),
        O::Div => (words::TRUEDIV, words::RTRUEDIV),
        O::Mod => (words::MOD, words::RMOD),
        O::Pow => (words::POW, words::RPOW),
        O::LShift => (words::LSHIFT, words::RLSHIFT),
        O::RShift => (words::RSHIFT, words::RRSHIFT),
        O::BitOr => (words::OR, words::ROR),
        O::BitXor => (words::XOR, words::RXOR),
        O::BitAnd => (words::AND, words::RAND),
        O::FloorDiv => (words::FLOORDIV, words::RFLOORDIV),
    }
}

/// The method behind a comparison.
fn comparison_method(operator: CmpOp) -> Sym {
    match operator {
        CmpOp::Eq => words::EQ,
        CmpOp::NotEq => words::NE,
        CmpOp::Lt => words::LT,
        CmpOp::LtE => words::LE,
        CmpOp::Gt => words::GT,
        CmpOp::GtE => words::GE,
        CmpOp::In | CmpOp::NotIn => words::CONTAINS,
        CmpOp::Is | CmpOp::IsNot => words::IS,
    }
}
