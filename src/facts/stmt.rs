//! Statements: which parts run now, which later, and what they do.

use ruff_python_ast::helpers::any_over_body;
use ruff_python_ast::{self as ast, ExceptHandler, Expr, Pattern, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};
use smallvec::SmallVec;

use super::assigned;
use super::cache;
use super::code::{CallRole, Class, FuncId, OpKind, Value, ValueId};
use super::condition::Condition;
use super::idioms::{self, Target};
use super::names::NameId;
use super::premise::Open;
use super::scope::{Resolved, ScopeKind};
use super::walker::{Use, Walker};
use super::{Annotation, AnnotationOwner, FixedUse, Kept, MarkKind, Moment, Place, Sym, words};

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

/// The default of a parameter.
pub(super) struct Default {
    name: NameId,
    value: ValueId,
    /// A new object that can change: what calls do to it stays.
    mutable: bool,
}

impl<'a> Walker<'a> {
    pub fn block(&mut self, body: &'a [Stmt]) {
        let before = (self.own_attrs.len(), self.block_values.len());
        let mut premises = Open::new();
        for stmt in body {
            self.stmt(stmt);
            premises.extend(self.premises_after(stmt));
        }
        self.close_premises(premises);
        // What an inner block bound, the outer one may find or not.
        for (_, value) in &mut self.block_values[before.1..] {
            *value = None;
        }
        if self.depth <= 1 {
            self.block_values.clear();
        }
        for (base, attr, usual) in self.own_attrs.drain(before.0..).rev() {
            *self.attr_values.entry((base, attr)) = usual;
        }
    }

    fn nested_block(&mut self, body: &'a [Stmt]) {
        self.in_context(|c| c.conditional = true, |w| w.block(body));
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        self.depth += 1;
        if self.depth.is_multiple_of(32) {
            stacker::maybe_grow(256 * 1024, 8 * 1024 * 1024, || self.stmt_inner(stmt));
        } else {
            self.stmt_inner(stmt);
        }
        self.depth -= 1;
    }

    fn stmt_inner(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(def) => self.function_def(def),
            Stmt::ClassDef(def) => self.class_def(def),
            Stmt::Return(stmt) => {
                if let Some(expr) = &stmt.value {
                    let value = self.expr(expr, Use::Escape);
                    let value = self.last_value(expr).unwrap_or(value);
                    self.returns(stmt.range.start(), value);
                }
                self.may_have_left = true;
            }
            Stmt::Delete(delete) => delete.targets.iter().for_each(|t| self.delete(t)),
            Stmt::Assign(assign) => self.assign(assign),
            Stmt::AugAssign(assign) => self.aug_assign(assign),
            Stmt::AnnAssign(assign) => self.ann_assign(assign),
            Stmt::TypeAlias(alias) => {
                // The value is evaluated late, in a scope of its own (PEP 695).
                self.enter_type_params(alias.type_params.as_deref());
                self.in_context(late_context, |w| {
                    w.type_params(alias.type_params.as_deref());
                    w.expr(&alias.value, Use::Escape);
                });
                self.leave();
                if let Expr::Name(name) = &*alias.name {
                    self.bind_text(name.id.as_str(), name.range.start(), ValueId::FRESH);
                }
            }
            Stmt::For(stmt) => {
                let iter = self.expr(&stmt.iter, Use::Escape);
                self.takes_keys(&stmt.iter);
                self.operate(stmt.iter.range(), iter, ValueId::FRESH, words::ITER);
                let element = self.item(iter);
                self.in_context(
                    |c| {
                        c.conditional = true;
                        c.looped = true;
                    },
                    |w| {
                        w.target(&stmt.target, element);
                        let before = w.known_texts.len();
                        w.known_texts.extend(Self::one_in_loop(stmt));
                        w.block(&stmt.body);
                        w.known_texts.truncate(before);
                        w.block(&stmt.orelse);
                    },
                );
            }
            Stmt::While(stmt) => self.in_context(
                |c| c.looped = true,
                |w| {
                    w.expr(&stmt.test, Use::Escape);
                    w.nested_block(&stmt.body);
                    w.nested_block(&stmt.orelse);
                },
            ),
            Stmt::If(stmt) => self.if_stmt(stmt),
            Stmt::With(stmt) => self.with_stmt(stmt),
            Stmt::Match(stmt) => {
                self.expr(&stmt.subject, Use::Escape);
                let subject = stmt.subject.range();
                for case in &stmt.cases {
                    self.in_context(
                        |c| c.conditional = true,
                        |w| {
                            w.pattern(&case.pattern, subject);
                            if let Some(guard) = &case.guard {
                                w.expr(guard, Use::Escape);
                            }
                            w.block(&case.body);
                        },
                    );
                }
            }
            Stmt::Raise(stmt) => {
                for expr in [&stmt.exc, &stmt.cause].into_iter().flatten() {
                    self.expr(expr, Use::Escape);
                }
                // A check of version or platform fails in every run or in none.
                if !self.context.platform {
                    self.op(stmt.range.start(), OpKind::Raise);
                }
            }
            Stmt::Try(stmt) => self.try_stmt(stmt),
            Stmt::Assert(stmt) => {
                self.expr(&stmt.test, Use::Escape);
                if let Some(message) = &stmt.msg {
                    self.expr(message, Use::Escape);
                }
            }
            Stmt::Import(import) => self.import(import),
            Stmt::ImportFrom(import) => self.import_from(import),
            Stmt::Expr(stmt) => {
                self.dropped(&stmt.value);
            }
            Stmt::Global(_)
            | Stmt::Nonlocal(_)
            | Stmt::Pass(_)
            | Stmt::Break(_)
            | Stmt::Continue(_)
            | Stmt::IpyEscapeCommand(_) => {}
        }
    }

    /// What a variable certainly is here: what was bound to it last, if neither that nor this is under a condition.
    fn last_value(&self, expr: &Expr) -> Option<ValueId> {
        let Expr::Name(name) = expr else { return None };
        match self.resolve_text(name.id.as_str()) {
            Resolved::Var(var) if !self.context.conditional => {
                self.last_values.get(&var).copied().filter(|&value| value != ValueId::OPAQUE)
            }
            _ => None,
        }
    }

    // ---------------------------------------------------------------- assignments

    fn assign(&mut self, assign: &'a ast::StmtAssign) {
        let value = self.expr(&assign.value, Use::Escape);
        for target in &assign.targets {
            self.paired_target(target, &assign.value, value);
            if let Expr::Name(name) = target {
                self.note_text(name.id.as_str(), &assign.value);
                if self.is_sys_modules(&assign.value) {
                    self.entries_names.push((self.context.func, name.id.as_str()));
                }
                // A plain constant is a setting that somebody may change.
                let asks = !assign.value.is_literal_expr() && !assign.value.is_tuple_expr();
                if self.scopes.len() == 1 && asks && self.is_platform(&assign.value) {
                    let condition = self.condition(&assign.value);
                    let condition =
                        if condition == Condition::Unknown { Condition::Platform } else { condition };
                    let name = self.names.id(name.id.as_str());
                    self.names[name].condition = Some(condition);
                }
                self.note_special_assignment(name, &assign.value, assign.range);
            }
        }
    }

    fn paired_target(&mut self, target: &'a Expr, source: &'a Expr, value: ValueId) {
        let targets = match target {
            Expr::Tuple(t) => &t.elts,
            Expr::List(t) => &t.elts,
            _ => return self.target(target, value),
        };
        let sources = match source {
            Expr::Tuple(t) if t.elts.len() == targets.len() => &t.elts,
            _ => return self.target(target, value),
        };
        if targets.iter().chain(sources).any(Expr::is_starred_expr) {
            return self.target(target, value);
        }
        for (target, source) in targets.iter().zip(sources) {
            let value = self.quiet_value(source);
            self.target(target, value);
        }
    }

    fn bind_text(&mut self, name: &'a str, at: TextSize, value: ValueId) {
        let name = self.names.id(name);
        self.bind(name, at, value, false);
    }

    /// Binds, or stores into, an assignment target.
    pub fn target(&mut self, target: &'a Expr, value: ValueId) {
        let at = target.start();
        match target {
            Expr::Name(name) => self.bind_text(name.id.as_str(), at, value),
            Expr::Attribute(attribute) => {
                let base = self.attribute_base(attribute);
                let base = self.bound_in_block(&attribute.value).unwrap_or(base);
                let name = self.names.id(attribute.attr.as_str());
                let name = self.mangled_id(name);
                let attr = self.names.sym(name);
                self.note_attribute_store(attribute, target.range());
                self.names[name].set_private = true;
                let memo = match (&*attribute.value, self.memo) {
                    (Expr::Name(name), Some(memo)) => {
                        self.is_parameter(base)
                            && memo == Target::Attribute(name.id.as_str(), attribute.attr.as_str())
                    }
                    _ => false,
                };
                self.op(at, OpKind::SetAttr { base, attr, value, memo });
                if self.is_parameter(base) {
                    self.own_attribute(base, attr, value);
                }
            }
            Expr::Subscript(subscript) => {
                let base = self.expr(&subscript.value, Use::Subscript);
                let key = self.expr(&subscript.slice, Use::Escape);
                self.note_item_store(subscript, key, target.range());
                let cache = match cache::private_name(&subscript.value) {
                    Some(name) if self.goes_into_cache(&subscript.value) => Some(self.mangled_text(name)),
                    _ => None,
                };
                self.op(at, OpKind::SetItem { base, key, value, cache });
            }
            Expr::Starred(starred) => self.target(&starred.value, value),
            Expr::Tuple(tuple) => {
                self.operate(tuple.range, value, ValueId::FRESH, words::ITER);
                let element = self.item(value);
                tuple.elts.iter().for_each(|t| self.target(t, element));
            }
            Expr::List(list) => {
                let element = self.item(value);
                list.elts.iter().for_each(|t| self.target(t, element));
            }
            // The parser accepts no other target; visit it all the same.
            other => {
                self.expr(other, Use::Escape);
            }
        }
    }

    /// Whether a function stores into a private dictionary in which nobody can tell what is there already.
    pub fn goes_into_cache(&mut self, container: &'a Expr) -> bool {
        if self.context.func.is_module() {
            return false;
        }
        let Some(name) = cache::private_name(container) else { return false };
        let body = self.body;
        *self.caches.entry(name).or_insert_with(|| cache::is_cache(body, name))
    }

    fn attribute_base(&mut self, attribute: &'a ast::ExprAttribute) -> ValueId {
        let attr = self.mangled_text(attribute.attr.as_str());
        let saved = std::mem::replace(&mut self.chain_start, self.chain.len());
        self.chain.push(attr);
        let base = self.expr(&attribute.value, Use::Attribute);
        self.chain.pop();
        self.chain_start = saved;
        base
    }

    fn aug_assign(&mut self, assign: &'a ast::StmtAugAssign) {
        let value = self.expr(&assign.value, Use::Escape);
        let at = assign.range.start();
        match &*assign.target {
            Expr::Name(name) => {
                let id = self.names.id(name.id.as_str());
                let old = match self.resolve(id) {
                    Resolved::Var(var) => self.value(Value::Var(var)),
                    Resolved::Class { certain: true } => ValueId::FRESH,
                    Resolved::Global | Resolved::Class { certain: false } => {
                        self.fixed_read(id, name.range, FixedUse::AugmentedAssignment);
                        let sym = self.mangled(id);
                        self.value(Value::Global(sym))
                    }
                };
                // `X += [...]` changes the list in place; numbers and strings have no place to change.
                let in_place = matches!(
                    &*assign.value,
                    Expr::List(_)
                        | Expr::ListComp(_)
                        | Expr::Dict(_)
                        | Expr::DictComp(_)
                        | Expr::Set(_)
                        | Expr::SetComp(_)
                        | Expr::Generator(_)
                );
                if in_place {
                    self.op(at, OpKind::SetItem { base: old, key: ValueId::OPAQUE, value, cache: None });
                }
                let sum = self.either(old, value);
                self.bind(id, at, sum, false);
                if self.names.text(id) == words::ALL.as_str() {
                    self.extend_all(&assign.value);
                }
            }
            target => {
                self.target(target, value);
            }
        }
    }

    fn ann_assign(&mut self, assign: &'a ast::StmtAnnAssign) {
        let in_function = self.scopes.last_kind() == ScopeKind::Function;
        // Annotations of local variables are never evaluated (PEP 526).
        if !in_function {
            let owner = match self.class_ids.last() {
                Some(&class) if self.scopes.last_kind() == ScopeKind::Class => AnnotationOwner::Field(class),
                _ => AnnotationOwner::Variable,
            };
            self.annotation(&assign.annotation, owner);
        }
        if let Some(value) = &assign.value {
            let result = self.expr(value, Use::Escape);
            self.target(&assign.target, result);
            if let Expr::Name(name) = &*assign.target {
                self.note_special_assignment(name, value, assign.range);
            }
        } else if !matches!(*assign.target, Expr::Name(_)) {
            // `a.b: int` evaluates `a`.
            match &*assign.target {
                Expr::Attribute(attribute) => {
                    self.attribute_base(attribute);
                }
                other => {
                    self.expr(other, Use::Escape);
                }
            }
        }
    }

    fn delete(&mut self, target: &'a Expr) {
        let at = target.start();
        match target {
            Expr::Name(name) => {
                let name = self.names.id(name.id.as_str());
                self.unbind(name, at);
            }
            Expr::Attribute(attribute) => {
                let base = self.attribute_base(attribute);
                let attr = self.mangled_text(attribute.attr.as_str());
                self.op(at, OpKind::DelAttr { base, attr });
            }
            Expr::Subscript(subscript) => {
                let base = self.expr(&subscript.value, Use::Subscript);
                let key = self.expr(&subscript.slice, Use::Escape);
                if let (true, Value::Str(name)) =
                    (self.is_sys_modules(&subscript.value), self.facts.code.value(key))
                {
                    self.mark(MarkKind::ReplacesEntry(name), subscript.range);
                }
                self.op(at, OpKind::DelItem { base, key });
            }
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|t| self.delete(t)),
            Expr::List(list) => list.elts.iter().for_each(|t| self.delete(t)),
            other => {
                self.expr(other, Use::Escape);
            }
        }
    }

    // ---------------------------------------------------------------- compound statements

    fn if_stmt(&mut self, stmt: &'a ast::StmtIf) {
        let test = self.expr(&stmt.test, Use::Escape);
        self.operate(stmt.test.range(), test, ValueId::FRESH, words::BOOL);
        let first = (Some(&*stmt.test), &*stmt.body);
        let clauses = stmt.elif_else_clauses.iter().map(|c| (c.test.as_ref(), &*c.body));
        let mut decided = false;
        let mut platform = true;
        // No branch before may run.
        let mut first_live = true;
        let mut fails = Open::new();
        let saved = self.memo;
        self.memo = idioms::unset(&stmt.test).filter(|t| !self.depends_on_caller(t, &stmt.body)).or(saved);
        for (index, (test, body)) in std::iter::once(first).chain(clauses).enumerate() {
            if index > 0 {
                self.memo = saved;
            }
            if decided {
                self.never(body);
                continue;
            }
            let condition = match test {
                Some(test) => {
                    if index > 0 {
                        self.expr(test, Use::Escape);
                    }
                    self.condition(test)
                }
                None => Condition::Always,
            };
            let holds = test.map(|test| self.open_premises(test, true, test.end())).unwrap_or_default();
            match condition {
                Condition::Never => self.never(body),
                Condition::Main if self.context.moment == Moment::ImportTime => {
                    platform = false;
                    self.in_context(
                        |c| {
                            c.moment = Moment::MainGuard;
                            c.conditional = true;
                        },
                        |w| w.block(body),
                    );
                }
                Condition::Always | Condition::Platform if platform => {
                    decided = condition == Condition::Always;
                    let certain = decided && first_live;
                    self.in_context(
                        |c| {
                            c.conditional |= !certain;
                            // What runs in any case, runs in every version.
                            c.platform |= !certain;
                        },
                        |w| w.block(body),
                    );
                }
                _ => {
                    platform = false;
                    let known = test.and_then(Self::one_of);
                    let before = self.known_texts.len();
                    self.known_texts.extend(known);
                    self.nested_block(body);
                    self.known_texts.truncate(before);
                }
            }
            first_live &= condition == Condition::Never;
            self.close_premises(holds);
            if let Some(test) = test
                && index < stmt.elif_else_clauses.len()
            {
                fails.extend(self.open_premises(test, false, test.end()));
            }
        }
        self.close_premises(fails);
        self.memo = saved;
        if stmt.elif_else_clauses.is_empty()
            && let Some((holder, attr)) = idioms::lacking(&stmt.test)
        {
            self.copy_on_write(holder, attr, &stmt.body);
        }
    }

    /// Whether what a block computes for a target comes from arguments of the function: then it matters who is first.
    fn depends_on_caller(&self, target: &Target<'_>, body: &[Stmt]) -> bool {
        let code = &self.facts.code;
        let function = code.function(self.context.func);
        let params = &code.params[function.first_param as usize..][..function.params.len()];
        if params.iter().all(|name| name == target.base()) {
            return false;
        }
        any_over_body(body, |expr| match expr {
            Expr::Name(name) if name.id.as_str() != target.base() => {
                matches!(self.resolve_text(name.id.as_str()), Resolved::Var(_))
            }
            _ => false,
        })
    }

    /// After `if "x" not in cls.__dict__: cls.x = …`, `cls.x` is an attribute of the class itself, not of a base.
    fn copy_on_write(&mut self, holder: &'a ast::ExprName, attr: &'a str, body: &[Stmt]) {
        let sets = body.iter().any(|stmt| match stmt {
            Stmt::Assign(assign) => matches!(&*assign.targets, [Expr::Attribute(target)]
                if target.attr.as_str() == attr
                    && matches!(&*target.value, Expr::Name(base) if base.id == holder.id)),
            _ => false,
        });
        if let (true, Resolved::Var(var)) = (sets, self.resolve_text(holder.id.as_str())) {
            let base = self.value(Value::Var(var));
            if self.is_parameter(base) {
                let attr = self.sym(attr);
                self.own_attribute(base, attr, ValueId::FRESH);
            }
        }
    }

    /// Until the block ends, the attribute is the object's own, and holds what has been stored: a new object, or one that
    /// others have as well.
    fn own_attribute(&mut self, base: ValueId, attr: Sym, stored: ValueId) {
        let own = self.value(Value::OwnAttr(base, attr));
        let own = self.either(own, stored);
        let usual = std::mem::replace(self.attr_values.entry((base, attr)), own);
        self.own_attrs.push((base, attr, usual));
    }

    /// Whether a value is a parameter of the function that runs.
    fn is_parameter(&self, value: ValueId) -> bool {
        let params = &self.facts.code.function(self.context.func).params;
        matches!(self.facts.code.value(value), Value::Var(var) if params.contains(&var))
    }

    /// What a name of the module was bound to before in the same block, or in one around it, which is not the module's
    /// top level.
    fn bound_in_block(&self, expr: &Expr) -> Option<ValueId> {
        let Expr::Name(name) = expr else { return None };
        if !self.context.func.is_module() || self.scopes.len() > 1 {
            return None;
        }
        let name = self.names.find(name.id.as_str())?;
        self.block_values.iter().rev().find(|(n, _)| *n == name).and_then(|(_, value)| *value)
    }

    fn never(&mut self, body: &'a [Stmt]) {
        self.in_context(
            |c| {
                c.moment = Moment::Never;
                c.place = Place::TypeChecking;
                c.conditional = true;
            },
            |w| w.block(body),
        );
    }

    fn with_stmt(&mut self, stmt: &'a ast::StmtWith) {
        let mut suppresses = false;
        let mut restores = false;
        let mut managers: SmallVec<[_; 2]> = SmallVec::new();
        for item in &stmt.items {
            let value = self.expr(&item.context_expr, Use::Escape);
            managers.push((item.context_expr.start(), value));
            if let Expr::Call(call) = &item.context_expr {
                let name = match &*call.func {
                    Expr::Name(name) => name.id.as_str(),
                    Expr::Attribute(attribute) => attribute.attr.as_str(),
                    _ => "",
                };
                suppresses |= name == "suppress" || name == "raises";
                restores |= name == "catch_warnings";
            }
            let entered = if value.is_plain() {
                ValueId::OPAQUE
            } else {
                let callee = self.attr_value(value, words::ENTER);
                self.call(item.context_expr.start(), callee, &[], CallRole::Used)
            };
            if let Some(target) = &item.optional_vars {
                let either = self.either(value, entered);
                self.target(target, either);
            }
        }
        self.in_context(
            |c| {
                if c.place == Place::Module {
                    c.place = Place::With;
                }
                c.guarded |= suppresses;
                c.restores_warnings |= restores;
                c.conditional = true;
                c.closes = true;
            },
            |w| w.block(&stmt.body),
        );
        for (at, value) in managers.into_iter().rev() {
            if !value.is_plain() {
                let callee = self.attr_value(value, words::EXIT);
                self.call(at, callee, &[ValueId::OPAQUE; 3], CallRole::Used);
            }
        }
    }

    fn try_stmt(&mut self, stmt: &'a ast::StmtTry) {
        let enter = |c: &mut super::walker::Context| {
            if matches!(c.place, Place::Module | Place::With) {
                c.place = Place::Try;
            }
            c.conditional = true;
        };
        let guarded = !stmt.handlers.is_empty();
        self.in_context(
            |c| {
                enter(c);
                c.guarded |= guarded;
                c.closes = true;
            },
            |w| w.block(&stmt.body),
        );
        self.in_context(enter, |w| {
            for ExceptHandler::ExceptHandler(handler) in &stmt.handlers {
                if let Some(kind) = &handler.type_ {
                    w.expr(kind, Use::Escape);
                }
                if let Some(name) = &handler.name {
                    w.bind_text(name.as_str(), name.start(), ValueId::OPAQUE);
                }
                w.in_context(|c| c.handler = true, |w| w.block(&handler.body));
            }
            w.block(&stmt.orelse);
            w.block(&stmt.finalbody);
        });
    }

    fn pattern(&mut self, pattern: &'a Pattern, subject: TextRange) {
        match pattern {
            Pattern::MatchValue(p) => {
                self.expr(&p.value, Use::Escape);
            }
            Pattern::MatchSingleton(_) => {}
            Pattern::MatchSequence(p) => p.patterns.iter().for_each(|p| self.pattern(p, subject)),
            Pattern::MatchMapping(p) => {
                for key in &p.keys {
                    self.expr(key, Use::Escape);
                }
                p.patterns.iter().for_each(|p| self.pattern(p, subject));
                if let Some(rest) = &p.rest {
                    self.bind_text(rest.as_str(), rest.start(), ValueId::OPAQUE);
                }
            }
            Pattern::MatchClass(p) => {
                self.expr(&p.cls, Use::ClassPattern(subject));
                p.arguments.patterns.iter().for_each(|p| self.pattern(p, subject));
                p.arguments.keywords.iter().for_each(|k| self.pattern(&k.pattern, subject));
            }
            Pattern::MatchStar(p) => {
                if let Some(name) = &p.name {
                    self.bind_text(name.as_str(), name.start(), ValueId::OPAQUE);
                }
            }
            Pattern::MatchAs(p) => {
                if let Some(inner) = &p.pattern {
                    self.pattern(inner, subject);
                }
                if let Some(name) = &p.name {
                    self.bind_text(name.as_str(), name.start(), ValueId::OPAQUE);
                }
            }
            Pattern::MatchOr(p) => p.patterns.iter().for_each(|p| self.pattern(p, subject)),
        }
    }

    // ---------------------------------------------------------------- functions and classes

    fn function_def(&mut self, def: &'a ast::StmtFunctionDef) {
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
            given.sort_unstable_by_key(|name| name.number());
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
            self.facts.exports.dynamic = true;
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
        let never = self.context.moment == Moment::Never;
        self.context = super::walker::Context {
            func: id,
            moment: if never { Moment::Never } else { Moment::Deferred },
            place: if never { Place::TypeChecking } else { Place::Function },
            guarded: false,
            conditional: false,
            platform: false,
            handler: false,
            closes: false,
            looped: false,
            restores_warnings: false,
            of_cache: false,
            fixed: self.context.fixed,
            annotation: None,
        };
        self.enter(ScopeKind::Function);
        let first = u32::try_from(self.facts.code.vars.len()).expect("few variables");
        let first_param = u32::try_from(self.facts.code.params.len()).expect("few variables");
        for parameter in parameters.posonlyargs.iter().chain(&parameters.args) {
            self.parameter(parameter.name());
        }
        let positional = u32::try_from(self.facts.code.vars.len()).expect("few variables") - first;
        parameters.kwonlyargs.iter().for_each(|p| self.parameter(p.name()));
        parameters.vararg.iter().for_each(|p| self.parameter(&p.name));
        parameters.kwarg.iter().for_each(|p| self.parameter(&p.name));
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
        let may_have_left = std::mem::take(&mut self.may_have_left);
        let premises = std::mem::take(&mut self.facts.code.premises);
        body(self);
        self.facts.code.premises = premises;
        self.may_have_left = may_have_left;
        self.leave();
        self.context = saved;
    }

    fn parameter(&mut self, name: &'a ast::Identifier) {
        let name = self.names.id(name.as_str());
        let sym = self.names.sym(name);
        self.facts.code.params.push(sym);
        self.new_variable(name);
    }

    fn class_def(&mut self, def: &'a ast::StmtClassDef) {
        let at = def.range.start();
        let decorators: SmallVec<[ValueId; 4]> =
            def.decorator_list.iter().map(|d| self.expr(&d.expression, Use::Call)).collect();
        self.enter_type_params(def.type_params.as_deref());
        if def.type_params.is_some() {
            self.in_context(late_context, |w| w.type_params(def.type_params.as_deref()));
        }
        let mut bases: SmallVec<[ValueId; 4]> = SmallVec::new();
        let mut metaclass = None;
        let mut keywords = false;
        if let Some(arguments) = &def.arguments {
            for base in &arguments.args {
                keywords |= base.is_starred_expr();
                bases.push(self.expr(base, Use::Escape));
            }
            for keyword in &arguments.keywords {
                let value = self.expr(&keyword.value, Use::Escape);
                if keyword.arg.as_ref().is_some_and(|a| a.as_str() == "metaclass") {
                    metaclass = Some(value);
                } else {
                    keywords = true;
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
            keywords,
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
    fn enter_type_params(&mut self, params: Option<&'a ast::TypeParams>) {
        self.enter(ScopeKind::Small);
        for param in params.into_iter().flat_map(|p| &p.type_params) {
            let name = self.names.id(param.name().as_str());
            self.variable(name);
        }
    }

    /// Bounds and defaults of type parameters are evaluated late (PEP 695, PEP 696).
    fn type_params(&mut self, params: Option<&'a ast::TypeParams>) {
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

    // ---------------------------------------------------------------- special assignments

    fn note_special_assignment(&mut self, name: &'a ast::ExprName, value: &'a Expr, range: TextRange) {
        if self.scopes.len() != 1 {
            return;
        }
        match name.id.as_str() {
            "__all__" => self.set_all(value),
            "__lazy_modules__" => {
                if let Some(names) = string_elements(value) {
                    let names = names.into_iter().map(Sym::new).collect();
                    self.facts.layout.lazy_list = Some((range, names));
                }
            }
            _ => {}
        }
    }

    fn set_all(&mut self, value: &'a Expr) {
        self.facts.exports.all = Some(Vec::new());
        self.extend_all(value);
    }

    /// `__all__ = value`, `__all__ += value`, `__all__.extend(value)`.
    pub fn extend_all(&mut self, value: &'a Expr) {
        match value {
            Expr::BinOp(sum) if sum.op == ast::Operator::Add => {
                self.extend_all(&sum.left);
                self.extend_all(&sum.right);
            }
            _ => match string_elements(value) {
                Some(names) => {
                    let all = self.facts.exports.all.get_or_insert_default();
                    all.extend(names.into_iter().map(Sym::new));
                }
                None => self.facts.exports.partial = true,
            },
        }
    }

    fn note_attribute_store(&mut self, attribute: &ast::ExprAttribute, range: TextRange) {
        if attribute.attr.as_str() == "__class__" && self.is_own_module(&attribute.value) {
            self.mark(MarkKind::SetsOwnClass, range);
        }
    }

    fn note_item_store(&mut self, subscript: &ast::ExprSubscript, key: ValueId, range: TextRange) {
        // `globals()[name] = value` only writes.
        if matches!(&*subscript.value, Expr::Call(_)) {
            self.unmark(subscript.value.range());
            self.facts.exports.writes_namespace = true;
        }
        if self.is_sys_modules(&subscript.value) {
            if matches!(&*subscript.slice, Expr::Name(n) if n.id.as_str() == "__name__") {
                self.mark(MarkKind::ReplacesItself, range);
            } else if let (Value::Str(name), false) = (self.facts.code.value(key), self.context.handler) {
                // What a handler puts there takes the place of a module that is missing.
                self.mark(MarkKind::ReplacesEntry(name), range);
            }
        }
    }
}

fn late_context(context: &mut super::walker::Context) {
    if context.moment != Moment::Never {
        context.moment = Moment::Deferred;
    }
}

/// The elements of a display of string constants.
fn string_elements(value: &Expr) -> Option<Vec<&str>> {
    let elts = match value {
        Expr::List(list) => &list.elts,
        Expr::Tuple(tuple) => &tuple.elts,
        Expr::Set(set) => &set.elts,
        Expr::Call(call) if call.arguments.args.len() == 1 && call.arguments.keywords.is_empty() => {
            let known = matches!(&*call.func, Expr::Name(n)
                if matches!(n.id.as_str(), "list" | "tuple" | "set" | "frozenset" | "sorted"));
            return if known { string_elements(&call.arguments.args[0]) } else { None };
        }
        _ => return None,
    };
    elts.iter()
        .map(|e| match e {
            Expr::StringLiteral(s) => Some(s.value.to_str()),
            _ => None,
        })
        .collect()
}

fn is_plain_decorator(decorator: &Expr) -> bool {
    let name = match decorator {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        Expr::Call(call) => return is_plain_decorator(&call.func),
        _ => return false,
    };
    PLAIN_DECORATORS.contains(&name)
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
