//! Statements: which parts run now, which later, and what they do.

use ruff_python_ast::helpers::{any_over_body, any_over_expr};
use ruff_python_ast::{self as ast, ExceptHandler, Expr, Pattern, Stmt};
use ruff_text_size::{Ranged, TextRange};
use smallvec::SmallVec;

use super::condition::Condition;
use super::define::late_context;
use super::idioms::{self, Alias, Target};
use super::operation::{CallRole, OpKind};
use super::premise::Open;
use super::scope::Resolved;
use super::value::{Value, ValueId};
use super::walker::{Use, Walker};
use super::{MarkKind, Moment, Place, Sym, words};

impl<'a> Walker<'a> {
    pub fn block(&mut self, body: &'a [Stmt]) {
        let before = (self.own_attrs.len(), self.block_values.len());
        let mut premises = Open::new();
        let memo = self.memo;
        for (index, stmt) in body.iter().enumerate() {
            let alias = index.checked_sub(1).and_then(|before| idioms::alias(&body[before]));
            self.alias = alias;
            let left_untold = self.left_untold;
            self.stmt(stmt);
            let after = self.premises_after(stmt);
            if after.told {
                self.left_untold = left_untold;
            }
            premises.extend(after);
            if let Some(target) = idioms::returned_if_set(stmt, alias)
                && !self.depends_on_caller(&target, alias, &body[index + 1..])
            {
                self.memo = Some(target);
            }
        }
        self.memo = memo;
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
        self.in_context(super::walker::Context::depends, |w| w.block(body));
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
        if self.checked.fails == Some(stmt.start()) {
            self.op(stmt.start(), OpKind::Raise { failed: 0 });
        }
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
                self.left_untold = true;
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
                let marks = self.facts.marks.len();
                let iter = self.expr(&stmt.iter, Use::Escape);
                self.note_search(marks, stmt.range);
                self.note_live_modules(&stmt.iter, stmt.range);
                self.takes_keys(&stmt.iter);
                if idioms::passes_over_others(stmt) {
                    self.note_capitals(marks);
                }
                self.operate(stmt.iter.range(), iter, ValueId::FRESH, words::ITER);
                let element = self.item(iter);
                self.in_context(
                    |c| {
                        c.depends();
                        c.looped = true;
                    },
                    |w| {
                        w.target(&stmt.target, element);
                        let before = w.known_texts.len();
                        let known = w.ones_in_loop(stmt);
                        w.known_texts.extend(known);
                        w.block_unless(is_empty_display(&stmt.iter), &stmt.body);
                        w.known_texts.truncate(before);
                        w.block(&stmt.orelse);
                    },
                );
                self.note_renames(stmt);
            }
            Stmt::While(stmt) => self.in_context(
                |c| c.looped = true,
                |w| {
                    let test = w.expr(&stmt.test, Use::Escape);
                    w.operate(stmt.test.range(), test, ValueId::FRESH, words::BOOL);
                    w.in_context(super::walker::Context::depends, |w| {
                        let never = w.condition(&stmt.test) == Condition::Never;
                        w.block_unless(never, &stmt.body);
                    });
                    w.nested_block(&stmt.orelse);
                },
            ),
            Stmt::If(stmt) => self.if_stmt(stmt),
            Stmt::With(stmt) => self.with_stmt(stmt),
            Stmt::Match(stmt) => {
                let value = self.expr(&stmt.subject, Use::Escape);
                let subject = (stmt.subject.range(), value);
                for case in &stmt.cases {
                    self.in_context(super::walker::Context::depends, |w| {
                        w.pattern(&case.pattern, subject);
                        if let Some(guard) = &case.guard {
                            w.expr(guard, Use::Escape);
                        }
                        w.block(&case.body);
                    });
                }
            }
            Stmt::Raise(stmt) => {
                for expr in [&stmt.exc, &stmt.cause].into_iter().flatten() {
                    self.expr(expr, Use::Escape);
                }
                // A check of version or platform fails in every run or in none.
                let at = stmt.range;
                let quiet = self.context.func.is_module()
                    && self.checked.quiet.iter().any(|range| range.contains_range(at));
                if !self.context.platform && !quiet {
                    let failed = self.context.failed.map_or(0, |import| import + 1);
                    self.op(stmt.range.start(), OpKind::Raise { failed });
                }
            }
            Stmt::Try(stmt) => self.try_stmt(stmt),
            Stmt::Assert(stmt) => {
                let test = self.expr(&stmt.test, Use::Escape);
                if self.context.func.is_module() {
                    self.operate(stmt.test.range(), test, ValueId::FRESH, words::BOOL);
                }
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

    // ---------------------------------------------------------------- compound statements

    fn if_stmt(&mut self, stmt: &'a ast::StmtIf) {
        if let Some(logger) = idioms::kept_quiet(stmt) {
            self.expr(logger, Use::Attribute);
            return self.in_context(super::walker::Context::depends, |w| w.block(&stmt.body));
        }
        let alias = self.alias.take();
        let test = self.expr(&stmt.test, Use::Escape);
        self.operate(stmt.test.range(), test, ValueId::FRESH, words::BOOL);
        let first = (Some(&*stmt.test), &*stmt.body);
        let clauses = stmt.elif_else_clauses.iter().map(|c| (c.test.as_ref(), &*c.body));
        let left_before = self.left_untold;
        let mut left_after = false;
        let mut decided = false;
        let mut platform = true;
        // No branch before may run.
        let mut first_live = true;
        let mut fails = Open::new();
        let saved = self.memo;
        let unset = idioms::unset(&stmt.test, alias);
        self.memo = unset.filter(|t| !self.depends_on_caller(t, alias, &stmt.body)).or(saved);
        for (index, (test, body)) in std::iter::once(first).chain(clauses).enumerate() {
            // What another branch has left, this one has not.
            left_after |= std::mem::replace(&mut self.left_untold, left_before);
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
            let holds = match test {
                Some(test) => self.open_premises_of(test, true, body),
                None => Open::new(),
            };
            match condition {
                Condition::Never => {
                    self.note_elsewhere(test, body);
                    self.never(body);
                }
                Condition::Main if self.context.moment == Moment::ImportTime => {
                    platform = false;
                    self.in_context(
                        |c| {
                            c.moment = Moment::MainGuard;
                            c.depends();
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
                            c.told &= certain;
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
                    let told = fails.told && holds.told;
                    self.in_context(
                        |c| {
                            c.conditional = true;
                            c.told &= told;
                        },
                        |w| w.block(body),
                    );
                    self.known_texts.truncate(before);
                }
            }
            first_live &= condition == Condition::Never;
            self.close_premises(holds);
            if let (Some(test), Some(clause)) = (test, stmt.elif_else_clauses.get(index)) {
                let more = self.open_premises_of(test, false, &clause.body);
                fails.extend(more);
            }
        }
        self.left_untold |= left_after;
        self.close_premises(fails);
        self.memo = saved;
        if stmt.elif_else_clauses.is_empty()
            && let Some((holder, attr)) = idioms::lacking(&stmt.test)
        {
            self.copy_on_write(holder, attr, &stmt.body);
        }
    }

    /// Whether what a block computes for a target comes from arguments of the function: then it matters who is first.
    fn depends_on_caller(&self, target: &Target<'_>, alias: Option<Alias<'_>>, body: &[Stmt]) -> bool {
        let code = &self.facts.code;
        let function = code.function(self.context.func);
        let params = &code.params[function.first_param as usize..][..function.params.len()];
        if params.iter().all(|name| name == target.base()) {
            return false;
        }
        let alias = alias.map(|(alias, _)| alias);
        any_over_body(body, |expr| match expr {
            Expr::Name(name) if name.id.as_str() != target.base() && alias != Some(name.id.as_str()) => {
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
    pub fn own_attribute(&mut self, base: ValueId, attr: Sym, stored: ValueId) {
        let own = self.value(Value::OwnAttr(base, attr));
        let own = self.either(own, stored);
        let usual = std::mem::replace(self.attr_values.entry((base, attr)), own);
        self.own_attrs.push((base, attr, usual));
    }

    /// Whether a value is a parameter of the function that runs.
    pub fn is_parameter(&self, value: ValueId) -> bool {
        let params = &self.facts.code.function(self.context.func).params;
        matches!(self.facts.code.value(value), Value::Var(var) if params.contains(&var))
    }

    /// What a name of the module was bound to before in the same block, or in one around it, which is not the module's
    /// top level.
    pub fn bound_in_block(&self, expr: &Expr) -> Option<ValueId> {
        let Expr::Name(name) = expr else { return None };
        if !self.context.func.is_module() || self.scopes.len() > 1 {
            return None;
        }
        let name = self.names.find(name.id.as_str())?;
        self.block_values.iter().rev().find(|(n, _)| *n == name).and_then(|(_, value)| *value)
    }

    /// A block for other versions or platforms, and not for type checkers, that imports something.
    fn note_elsewhere(&mut self, test: Option<&Expr>, body: &[Stmt]) {
        let typing = |part: &Expr| match part {
            Expr::Name(name) => matches!(name.id.as_str(), "TYPE_CHECKING" | "MYPY"),
            Expr::Attribute(attribute) => attribute.attr.as_str() == "TYPE_CHECKING",
            _ => false,
        };
        let import = |stmt: &&Stmt| matches!(stmt, Stmt::Import(_) | Stmt::ImportFrom(_));
        if let (Some(first), Some(last)) = (body.iter().find(import), body.last())
            && !test.is_none_or(|test| any_over_expr(test, &typing))
        {
            self.mark(MarkKind::RunsElsewhere, TextRange::new(first.start(), last.end()));
        }
    }

    /// A block of code that runs, unless it never does.
    fn block_unless(&mut self, never: bool, body: &'a [Stmt]) {
        if never { self.never(body) } else { self.block(body) }
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
        let mut catches_more = false;
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
                if name == "suppress" || name == "raises" {
                    suppresses = true;
                    catches_more |= !call.arguments.args.iter().all(is_failing_import);
                }
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
                c.catches_more |= catches_more;
                c.restores_warnings |= restores;
                c.depends();
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
            c.depends();
        };
        let guarded = !stmt.handlers.is_empty();
        let catches_more = stmt.handlers.iter().any(|ExceptHandler::ExceptHandler(handler)| {
            !handler.type_.as_deref().is_some_and(is_failing_import)
        });
        // `try: from . import fast` and nothing else.
        let import = matches!(&*stmt.body, [Stmt::Import(_) | Stmt::ImportFrom(_)])
            .then(|| u32::try_from(self.facts.imports.len()).ok())
            .flatten();
        self.in_context(
            |c| {
                enter(c);
                c.guarded |= guarded;
                c.catches_more |= catches_more;
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
                let failed = import.filter(|_| handler.type_.as_deref().is_some_and(is_failing_import));
                let premise = failed.map(|import| w.open_failed(import, handler.start()));
                w.in_context(
                    |c| {
                        c.handler = true;
                        c.failed = failed.or(c.failed);
                    },
                    |w| w.block(&handler.body),
                );
                w.close_premises(premise.unwrap_or_default());
            }
            w.block(&stmt.orelse);
            w.block(&stmt.finalbody);
        });
    }

    /// A pattern that a value is compared with; `range` is that of the subject of the statement.
    fn pattern(&mut self, pattern: &'a Pattern, (range, value): (TextRange, ValueId)) {
        match pattern {
            Pattern::MatchValue(p) => {
                self.expr(&p.value, Use::Escape);
            }
            Pattern::MatchSingleton(_) => {}
            Pattern::MatchSequence(p) => {
                let inner = (range, self.item(value));
                p.patterns.iter().for_each(|p| self.pattern(p, inner));
            }
            Pattern::MatchMapping(p) => {
                for key in &p.keys {
                    self.expr(key, Use::Escape);
                }
                let inner = (range, self.item(value));
                p.patterns.iter().for_each(|p| self.pattern(p, inner));
                if let Some(rest) = &p.rest {
                    self.bind_text(rest.as_str(), rest.start(), value);
                }
            }
            Pattern::MatchClass(p) => {
                self.expr(&p.cls, Use::ClassPattern(range));
                let inner = (range, self.item(value));
                p.arguments.patterns.iter().for_each(|p| self.pattern(p, inner));
                for keyword in &p.arguments.keywords {
                    let attr = self.mangled_text(keyword.attr.as_str());
                    let attr = if value.is_plain() { ValueId::OPAQUE } else { self.attr_value(value, attr) };
                    self.pattern(&keyword.pattern, (range, attr));
                }
            }
            Pattern::MatchStar(p) => {
                if let Some(name) = &p.name {
                    let rest = self.holder(value);
                    self.bind_text(name.as_str(), name.start(), rest);
                }
            }
            Pattern::MatchAs(p) => {
                if let Some(inner) = &p.pattern {
                    self.pattern(inner, (range, value));
                }
                if let Some(name) = &p.name {
                    self.bind_text(name.as_str(), name.start(), value);
                }
            }
            Pattern::MatchOr(p) => p.patterns.iter().for_each(|p| self.pattern(p, (range, value))),
        }
    }
}

/// `()`, `[]`
fn is_empty_display(expr: &Expr) -> bool {
    match expr {
        Expr::Tuple(tuple) => tuple.elts.is_empty(),
        Expr::List(list) => list.elts.is_empty(),
        _ => false,
    }
}

/// `ImportError`, or several of its kind.
fn is_failing_import(kind: &Expr) -> bool {
    match kind {
        Expr::Name(name) => matches!(name.id.as_str(), "ImportError" | "ModuleNotFoundError"),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_failing_import),
        _ => false,
    }
}
