//! Assignments and deletions: what is bound, stored and changed, and the names that mean something to the import system.

use ruff_python_ast::{self as ast, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::cache;
use super::condition::Condition;
use super::idioms::{self, Target};
use super::operation::{Added, OpKind};
use super::scope::{Resolved, ScopeKind};
use super::value::{Value, ValueId};
use super::walker::{Use, Walker};
use super::{AnnotationOwner, FixedUse, MarkKind, Sym, words};

impl<'a> Walker<'a> {
    pub fn assign(&mut self, assign: &'a ast::StmtAssign) {
        // `a, b = A(), B()`
        self.wants_parts = assign.value.is_tuple_expr()
            && assign.targets.iter().any(|t| t.is_tuple_expr() || t.is_list_expr());
        let value = self.expr(&assign.value, Use::Escape);
        let parts = std::mem::take(&mut self.parts);
        for target in &assign.targets {
            self.paired_target(target, &assign.value, (value, &parts));
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
                self.note_switch(name, &assign.value);
                self.note_special_assignment(name, &assign.value, assign.range);
                if assign.targets.len() == 1 {
                    self.note_namespace_alias(name.id.as_str(), &assign.value);
                }
            }
        }
    }

    fn paired_target(&mut self, target: &'a Expr, source: &'a Expr, (value, parts): (ValueId, &[ValueId])) {
        let targets = match target {
            Expr::Tuple(t) => &t.elts,
            Expr::List(t) => &t.elts,
            _ => return self.target(target, value),
        };
        let sources = match source {
            Expr::Tuple(t) if t.elts.len() == targets.len() && parts.len() == targets.len() => &t.elts,
            _ => return self.target(target, value),
        };
        if targets.iter().chain(sources).any(Expr::is_starred_expr) {
            return self.target(target, value);
        }
        for (target, &value) in targets.iter().zip(parts) {
            self.target(target, value);
        }
    }

    pub fn bind_text(&mut self, name: &'a str, at: TextSize, value: ValueId) {
        let name = self.names.id(name);
        self.bind(name, at, value, false);
    }

    /// Binds, or stores into, an assignment target.
    pub fn target(&mut self, target: &'a Expr, value: ValueId) {
        let at = target.start();
        match target {
            Expr::Name(name) => self.bind_text(name.id.as_str(), at, value),
            Expr::Attribute(attribute) => {
                let (base, attr) = self.attribute_named(attribute);
                self.store_attribute(attribute, base, attr, value);
            }
            Expr::Subscript(subscript) => {
                let base = self.expr(&subscript.value, Use::Subscript);
                let key = self.expr(&subscript.slice, Use::Escape);
                self.note_item_store(subscript, key, target.range());
                let cache = match cache::name_of(&subscript.value) {
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
        if let Some((body, name)) = self.variable_around(container) {
            return cache::is_cache(body, name);
        }
        let Some(name) = cache::private_name(container) else { return false };
        let body = self.body;
        *self.caches.entry(name).or_insert_with(|| cache::is_cache(body, name))
    }

    /// The name of a variable of a function around this one, and the body of that function.
    fn variable_around(&mut self, container: &'a Expr) -> Option<(&'a [Stmt], &'a str)> {
        let name = container.as_name_expr()?.id.as_str();
        let Resolved::Var(var) = self.resolve_text(name) else { return None };
        let func = self.facts.code.vars[var as usize].func;
        let around = func != self.context.func;
        let &(_, body) = self.blocks.iter().rev().find(|(id, _)| around && *id == func)?;
        Some((body, name))
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

    /// The object whose attribute is assigned to, and the name that the attribute has.
    fn attribute_named(&mut self, attribute: &'a ast::ExprAttribute) -> (ValueId, Sym) {
        let base = self.attribute_base(attribute);
        let base = self.bound_in_block(&attribute.value).unwrap_or(base);
        let name = self.names.id(attribute.attr.as_str());
        let name = self.mangled_id(name);
        self.names[name].set_private = true;
        (base, self.names.sym(name))
    }

    /// Stores a value into an attribute of an object.
    fn store_attribute(&mut self, attribute: &ast::ExprAttribute, base: ValueId, attr: Sym, value: ValueId) {
        self.note_attribute_store(attribute, attribute.range);
        let memo = match (&*attribute.value, self.memo) {
            (Expr::Name(name), Some(memo)) => {
                matches!(self.facts.code.value(base), Value::Var(_))
                    && memo == Target::Attribute(name.id.as_str(), attribute.attr.as_str())
            }
            _ => false,
        };
        self.op(attribute.range.start(), OpKind::SetAttr { base, attr, value, memo });
        if self.is_parameter(base) {
            self.own_attribute(base, attr, value);
        }
    }

    pub fn aug_assign(&mut self, assign: &'a ast::StmtAugAssign) {
        let value = self.expr(&assign.value, Use::Escape);
        let at = assign.range.start();
        match &*assign.target {
            Expr::Name(name) => {
                let id = self.names.id(name.id.as_str());
                let old = match self.resolve(id) {
                    Resolved::Var(var) => self.value(Value::Var(var)),
                    Resolved::Class { certain: true } => self.class_member(id).unwrap_or(ValueId::FRESH),
                    Resolved::Global | Resolved::Class { certain: false } => {
                        self.fixed_read(id, name.range, FixedUse::AugmentedAssignment);
                        let sym = self.mangled(id);
                        self.value(Value::Global(sym))
                    }
                };
                let asks = match self.facts.code.value(old) {
                    // `names = hub.NAMES` before in a class body
                    Value::Global(_) | Value::Attr(..) => true,
                    Value::Var(var) => self.may_be_known_elsewhere(var),
                    _ => false,
                };
                self.change_in_place(assign, old, value, asks);
                if asks {
                    self.operate(assign.range, old, value, super::operators::in_place_method(assign.op));
                }
                // `rows += config.ROWS` takes the elements of what is added, and is not that itself.
                let added = if assign.op == ast::Operator::Add { self.sum(value, value) } else { value };
                let sum = self.either(old, added);
                let sum = self.one_of_several(sum);
                self.bind(id, at, sum, false);
                if self.names.text(id) == words::ALL.as_str() {
                    self.extend_all(&assign.value);
                }
            }
            // `hub.names += names`
            Expr::Attribute(attribute) => {
                let added = if assign.op == ast::Operator::Add { self.sum(value, value) } else { value };
                let (base, attr) = self.attribute_named(attribute);
                let named = matches!(self.facts.code.value(base), Value::Global(_));
                let old = (named || self.is_parameter(base)).then(|| self.attr_value(base, attr));
                self.store_attribute(attribute, base, attr, added);
                if let Some(old) = old {
                    // A class or an object may have it from another class.
                    self.change_in_place(assign, old, value, true);
                    self.operate(assign.range, old, value, super::operators::in_place_method(assign.op));
                }
            }
            // `rows[0] += ["x"]` changes the element, whoever else has it.
            target => {
                if let Expr::Subscript(item) = target
                    && added_in_place(assign) == Some(Added::Display)
                {
                    let container = self.quiet_value(&item.value);
                    let base = self.item(container);
                    self.op(at, OpKind::ChangeInPlace { base, value, added: Added::Display });
                }
                self.target(target, value);
            }
        }
    }

    /// An assignment with an operator, as far as it may change the object that is there. Whatever is added by name counts only if somebody
    /// else may have that object.
    fn change_in_place(&mut self, assign: &ast::StmtAugAssign, base: ValueId, value: ValueId, shared: bool) {
        if let Some(added) = added_in_place(assign).filter(|&added| shared || added == Added::Display) {
            self.op(assign.range.start(), OpKind::ChangeInPlace { base, value, added });
        }
    }

    /// Whether a variable may stand for what others have, too: a parameter, an attribute of something, what is imported.
    fn may_be_known_elsewhere(&self, var: u32) -> bool {
        let code = &self.facts.code;
        let comes_from_others =
            |value| matches!(code.value(value), Value::Attr(..) | Value::Global(_) | Value::Import(..));
        code.function(self.context.func).params.contains(&var)
            || code.assigned.iter().any(|&(of, value)| of == var && comes_from_others(value))
    }

    pub fn ann_assign(&mut self, assign: &'a ast::StmtAnnAssign) {
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

    pub fn delete(&mut self, target: &'a Expr) {
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
            _ if value.is_tuple_expr() => {
                let name = self.sym(name.id.as_str());
                self.mark(MarkKind::TupleNamed(name), range);
            }
            _ if idioms::goes_once(value) => {
                let name = self.sym(name.id.as_str());
                self.mark(MarkKind::GoesOnce(name), range);
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

    fn note_item_store(&mut self, subscript: &'a ast::ExprSubscript, key: ValueId, range: TextRange) {
        self.note_keyed(&subscript.value, &subscript.slice);
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

/// What an assignment with an operator adds to what it assigns to, if that may change in place: `X += […]` does, if X is a list. Who
/// has the object in view decides whether it does.
fn added_in_place(assign: &ast::StmtAugAssign) -> Option<Added> {
    use ast::Operator as O;
    let collects = matches!(assign.op, O::Add | O::Sub | O::BitOr | O::BitAnd | O::BitXor);
    match &*assign.value {
        Expr::List(_)
        | Expr::ListComp(_)
        | Expr::Dict(_)
        | Expr::DictComp(_)
        | Expr::Set(_)
        | Expr::SetComp(_)
        | Expr::Generator(_) => Some(Added::Display),
        Expr::NumberLiteral(_) => (assign.op == O::Mult).then_some(Added::ForLists),
        Expr::Tuple(_) | Expr::StringLiteral(_) | Expr::FString(_) => {
            (assign.op == O::Add).then_some(Added::ForLists)
        }
        Expr::Name(_)
        | Expr::Attribute(_)
        | Expr::Subscript(_)
        | Expr::Call(_)
        | Expr::BoolOp(_)
        | Expr::If(_)
        | Expr::Named(_)
        | Expr::BinOp(_) => {
            let computed = |op| matches!(op, O::Add | O::BitOr);
            let plain = matches!(&*assign.value, Expr::BinOp(sum) if !computed(sum.op));
            match assign.op {
                O::Mult => Some(Added::ForLists),
                _ => (collects && !plain).then_some(Added::Unknown),
            }
        }
        _ => None,
    }
}
