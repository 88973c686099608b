//! Expressions: every context that Python has, and what it does with a value.
//!
//! A read is *transparent* if the operation gives on a stand-in exactly what it gives on the object:
//! `X.a`, `X(…)`, `@X`, `X[…]`, and the second argument of the builtin `isinstance` and `issubclass`. All
//! other contexts let the value escape.

use ruff_python_ast::{self as ast, Expr, InterpolatedStringElement, Number};
use ruff_text_size::{Ranged, TextRange};

use super::alias::{is_globals_of, is_of_module};
use super::code::FuncId;
use super::operation::{CallRole, OpKind};
use super::premise::Open;
use super::scope::{Resolved, ScopeKind};
use super::value::{Constant, Value, ValueId};
use super::walker::{Use, Walker};
use super::{FixedUse, MarkKind, idioms, operators, words};

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
                let value = self.expr(expr, Use::Dropped);
                // A property runs, although nobody wants what it gives.
                if matches!(self.facts.code.value(value), Value::Attr(..)) {
                    self.op(expr.range().start(), OpKind::Read(value));
                }
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
                    let told = premises.told;
                    let next = self.in_context(
                        |c| {
                            c.conditional |= index > 0;
                            c.told &= told;
                        },
                        |w| w.expr(part, Use::Escape),
                    );
                    value = self.either(value, next);
                    if index + 1 < expr.values.len() {
                        self.operate_at_top(part.range(), next, ValueId::FRESH, words::BOOL);
                        premises.extend(self.open_premises(part, expr.op == ast::BoolOp::And, part.end()));
                    }
                }
                self.close_premises(premises);
                self.one_of_several(value)
            }
            Expr::If(expr) => {
                let test = self.expr(&expr.test, Use::Escape);
                self.operate(expr.range, test, ValueId::FRESH, words::BOOL);
                let mut branch = |part: &'a Expr, outcome| {
                    let premises = self.open_premises(&expr.test, outcome, part.start());
                    let told = premises.told;
                    let value = self.in_context(
                        |c| {
                            c.conditional = true;
                            c.told &= told;
                        },
                        |w| w.expr(part, Use::Escape),
                    );
                    self.close_premises(premises);
                    value
                };
                let body = branch(&expr.body, true);
                let orelse = branch(&expr.orelse, false);
                let either = self.either(body, orelse);
                self.one_of_several(either)
            }
            Expr::Named(named) => {
                let value = self.expr(&named.value, Use::Escape);
                self.target(&named.target, value);
                value
            }
            Expr::BinOp(expr) => {
                let left = self.expr(&expr.left, Use::Escape);
                let right = self.expr(&expr.right, Use::Escape);
                if expr.op == ast::Operator::Mod {
                    self.formats_namespace(&expr.left, &expr.right, ("%(", &[')']));
                }
                let methods = operators::methods(expr.op);
                self.note_set_operator(expr);
                self.operate(expr.range, left, right, methods.0);
                if let (ast::Operator::Mod, Expr::StringLiteral(text)) = (expr.op, &*expr.left) {
                    if text.value.to_str().contains("%(") {
                        self.items_by_text(expr.range, right);
                    }
                    self.formatted_operands(expr.range, &expr.right, right);
                } else {
                    self.operate(expr.range, right, left, methods.1);
                }
                // `a + b` of containers holds the elements of both, and `a >> b` usually is `a`.
                let text = |id: ValueId| matches!(self.facts.code.value(id), Value::Str(_));
                if text(left) || text(right) {
                    return ValueId::FRESH;
                }
                match expr.op {
                    ast::Operator::Add | ast::Operator::BitOr => self.sum(left, right),
                    ast::Operator::LShift | ast::Operator::RShift => self.either(left, right),
                    _ => ValueId::FRESH,
                }
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
                match self.facts.code.value(operand) {
                    Value::Constant(Constant::Number(number)) if expr.op == ast::UnaryOp::USub => {
                        ValueId::integer(-i64::from(number))
                    }
                    _ => ValueId::FRESH,
                }
            }
            Expr::Lambda(lambda) => self.lambda(lambda),
            Expr::Tuple(tuple) => {
                let held = self.elements(&tuple.elts, usage == Use::TypeTest);
                // There is one for all, and it counts as false.
                if tuple.elts.is_empty() { ValueId::FALSE } else { held }
            }
            Expr::List(list) => self.elements(&list.elts, false),
            Expr::Set(set) => {
                let held = self.elements(&set.elts, false);
                let element = self.item(held);
                self.operate_at_top(set.range, element, ValueId::FRESH, words::HASH);
                held
            }
            Expr::Dict(dict) => {
                let mut value = ValueId::FRESH;
                for item in &dict.items {
                    if let Some(key) = &item.key {
                        let made = self.expr(key, Use::Escape);
                        self.operate_at_top(key.range(), made, ValueId::FRESH, words::HASH);
                    }
                    let mut next = self.expr(&item.value, Use::Escape);
                    if item.key.is_none() {
                        self.operate_at_top(item.value.range(), next, ValueId::FRESH, words::KEYS);
                        next = self.item(next);
                    }
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
                    let value = self.expr(value, Use::Escape);
                    if !value.is_plain() {
                        let held = self.holder(value);
                        self.returns(expr.range.start(), held);
                    }
                }
                ValueId::OPAQUE
            }
            Expr::YieldFrom(expr) => {
                // The generator that it asks is closed with it.
                self.generator_function(true);
                let value = self.expr(&expr.value, Use::Escape);
                self.returns(expr.range.start(), value);
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
            Expr::NumberLiteral(literal) => match &literal.value {
                Number::Int(int) => int.as_i64().map_or(ValueId::TRUE, ValueId::integer),
                Number::Float(float) => ValueId::constant(*float != 0.0),
                Number::Complex { real, imag } => ValueId::constant(*real != 0.0 || *imag != 0.0),
            },
            Expr::BytesLiteral(literal) => ValueId::constant(!literal.value.is_empty()),
            Expr::EllipsisLiteral(_) => ValueId::TRUE,
            Expr::IpyEscapeCommand(_) => ValueId::FRESH,
        }
    }

    /// What `or`, `and`, a choice or `+=` gives: of a name of which something may be told, it may be something else as well.
    pub fn one_of_several(&mut self, value: ValueId) -> ValueId {
        match self.facts.code.value(value) {
            Value::Var(_) | Value::Global(_) | Value::Attr(..) => {
                self.value(Value::Either(value, ValueId::FRESH))
            }
            _ => value,
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
    pub fn asks_sys_modules(&mut self, key: &Expr, value: ValueId, range: TextRange) {
        match self.text_start(key) {
            Some(start) if start.own || !start.text.as_str().is_empty() => {
                self.mark(MarkKind::AsksSysModulesFrom(start), range);
            }
            // `sys.modules[os.name]`: a module of the library, which is always there.
            None if self.is_name_of_system(key) => {}
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
            // `getattr(sys, "modules")`
            Expr::Call(call) => match &*call.arguments.args {
                [Expr::Name(of), Expr::StringLiteral(name), ..] => {
                    name.value.to_str() == "modules"
                        && of.id.as_str() == "sys"
                        && matches!(&*call.func, Expr::Name(function) if function.id.as_str() == "getattr")
                }
                _ => false,
            },
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

    /// The same, also by a global name: `this = sys.modules[__name__]`.
    pub fn means_own_module(&mut self, expr: &'a Expr) -> bool {
        let Expr::Name(name) = expr else { return self.is_own_module(expr) };
        if self.resolve_text(name.id.as_str()) != Resolved::Global {
            return false;
        }
        let name = self.sym(name.id.as_str());
        let code = &self.facts.code;
        code.globals.iter().any(|&(bound, value)| bound == name && code.value(value) == Value::Loaded(None))
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
    pub fn namespace_of(&mut self, of: ValueId, range: TextRange) {
        if !of.is_plain() && !self.is_own_object(of) {
            self.mark(MarkKind::NamespaceOf(of), range);
        }
    }

    /// `self`
    pub fn is_own_object(&self, value: ValueId) -> bool {
        matches!(self.facts.code.value(value), Value::Var(var)
            if self.facts.code.vars[var as usize].name == "self")
    }

    fn subscript(&mut self, subscript: &'a ast::ExprSubscript) -> ValueId {
        let (base, key) = self.in_new_chain(|w| {
            (w.expr(&subscript.value, Use::Subscript), w.expr(&subscript.slice, Use::Escape))
        });
        let mut entry = None;
        self.note_frame_namespace(base, Some(&subscript.slice), subscript.range);
        if is_globals_of(&subscript.value) && is_of_module(&subscript.slice) {
            self.unmark_globals_of(subscript.value.range());
        }
        if self.is_sys_modules(&subscript.value) {
            match self.facts.code.value(key) {
                Value::Str(name) => {
                    self.mark(MarkKind::AsksSysModules(name), subscript.range);
                    entry = Some(Value::Loaded(Some(name)));
                }
                _ if is_own_name(&subscript.slice) => entry = Some(Value::Loaded(None)),
                _ => {
                    self.asks_sys_modules(&subscript.slice, key, subscript.range);
                    entry = (!key.is_plain()).then_some(Value::LoadedAs(key));
                }
            }
        }
        if let Expr::Call(call) = &*subscript.value
            && self.is_namespace_call(call)
        {
            self.unmark(call.range());
            match self.facts.code.value(key) {
                Value::Str(name) => {
                    self.mark(MarkKind::NamespaceName(name), subscript.range);
                    entry = Some(Value::Global(name));
                }
                _ => self.namespace_item(&subscript.slice, subscript.range),
            }
        }
        let named = match self.facts.code.value(base) {
            Value::Attr(..) | Value::Global(_) => true,
            // `Groups()["admin"]`
            Value::Call(_) => self.context.func.is_module(),
            // `["a", "b"][Slot(1)]`
            Value::Holder(_) | Value::Fresh => {
                self.context.func.is_module() && subscript.slice.is_call_expr()
            }
            _ => false,
        };
        if named && self.context.annotation.is_none() && !is_own_name(&subscript.slice) {
            self.op(subscript.range.start(), OpKind::Load { base, key });
        }
        if let Some(entry) = entry {
            return self.value(entry);
        }
        let item = self.item(base);
        match &*subscript.slice {
            // `rows[:]` is a copy, and `rows[1:]` a part of one.
            Expr::Slice(_) => self.holder(item),
            _ => item,
        }
    }

    fn elements(&mut self, elts: &'a [Expr], type_test: bool) -> ValueId {
        let usage = if type_test { Use::TypeTest } else { Use::Escape };
        let wants_parts = std::mem::take(&mut self.wants_parts);
        let mut parts = Vec::new();
        let mut value = ValueId::FRESH;
        for element in elts {
            let next = self.expr(element, usage);
            value = self.either(value, next);
            if wants_parts {
                parts.push(next);
            }
        }
        if wants_parts {
            self.parts = parts;
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
    pub fn in_new_chain<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let saved = std::mem::replace(&mut self.chain_start, self.chain.len());
        let result = f(self);
        self.chain_start = saved;
        result
    }

    fn comprehension(&mut self, results: &[&'a Expr], generators: &'a [ast::Comprehension]) -> ValueId {
        let saved = std::mem::replace(&mut self.chain_start, self.chain.len());
        // The first iterable is evaluated in the enclosing scope.
        let marks = self.facts.marks.len();
        let first = generators.first().map(|g| self.expr(&g.iter, Use::Escape));
        if let Some(generator) = generators.first() {
            self.note_search(marks, generator.range);
            for result in results {
                self.note_live_modules(&generator.iter, result.range().cover(generator.range));
            }
            self.takes_keys(&generator.iter);
            if generator.ifs.iter().any(idioms::asks_for_capitals) {
                self.note_capitals(marks);
            }
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
                let value = self.expr(test, Use::Escape);
                self.operate_at_top(test.range(), value, ValueId::FRESH, words::BOOL);
            }
        }
        let mut value = ValueId::FRESH;
        let chosen = generators.iter().any(|generator| !generator.ifs.is_empty());
        for result in results {
            value = self.in_context(
                |c| {
                    c.conditional |= chosen;
                    c.told &= !chosen;
                },
                |w| w.expr(result, Use::Escape),
            );
        }
        self.leave();
        self.chain_start = saved;
        self.holder(value)
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
}

/// Whether a text may be the name of something, or a path.
pub(super) fn is_nameable(text: &str) -> bool {
    text.len() <= 100
        && !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-/*".contains(&b) || b >= 0x80)
}

pub(super) fn is_own_name(expr: &Expr) -> bool {
    matches!(expr, Expr::Name(n) if n.id.as_str() == "__name__")
}
