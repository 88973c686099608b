//! Private dictionaries that keep what a function has computed: who asks first, nobody can tell.
//!
//! ```python
//! def __or__(self, other):
//!     if other in self._or_cache:
//!         return self._or_cache[other]
//!     result = OrList([self, other])     # made of nothing but the holder and the key
//!     self._or_cache[other] = result
//!     return result
//! ```
//!
//! A store is such a cache's only if the module does nothing else with the dictionary: a function that finds the key goes on
//! with the item alone, and one that does not find it makes the item of what the key is, stores it, and goes on as if it had
//! found it. Nobody counts the items, goes through them or asks for one that may be missing.

use ruff_python_ast::comparable::ComparableExpr;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, CmpOp, ExceptHandler, Expr, Stmt, UnaryOp};
use ruff_text_size::{Ranged, TextSize};
use rustc_hash::FxHashSet;

use super::idioms;

/// Whether a module uses a private name or attribute as such a cache only, or a function a variable that functions inside it have.
pub(super) fn is_cache(body: &[Stmt], name: &str) -> bool {
    let mut uses = Uses { name, caches: 0, other: false };
    uses.visit_body(body);
    uses.caches > 0 && !uses.other
}

/// The name that a subscript's container goes by.
pub(super) fn name_of(container: &Expr) -> Option<&str> {
    match container {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) if attribute.value.is_name_expr() => Some(attribute.attr.as_str()),
        _ => None,
    }
}

/// The same if it is a private one.
pub(super) fn private_name(container: &Expr) -> Option<&str> {
    name_of(container).filter(|name| name.starts_with('_') && !name.ends_with("__"))
}

/// All uses of a name in a module.
struct Uses<'n> {
    name: &'n str,
    caches: usize,
    other: bool,
}

impl<'a> Visitor<'a> for Uses<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if self.other {
            return;
        }
        match stmt {
            // Methods and functions inside are looked at on their own; the rest of them is defaults and decorators.
            Stmt::FunctionDef(def) => {
                def.decorator_list.iter().for_each(|d| self.visit_expr(&d.expression));
                self.visit_parameters(&def.parameters);
                if mentions(&def.body, self.name) == 0 {
                    return;
                }
                if Function::of(def, self.name).is_some_and(|mut function| function.keeps()) {
                    self.caches += 1;
                } else {
                    self.other |= !only_prepares(&def.body, self.name);
                }
            }
            _ if prepares(stmt, self.name) => {}
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        self.other |= is_named(expr, self.name);
        visitor::walk_expr(self, expr);
    }
}

/// Whether an expression is the container: `_cache`, `self._cache`.
fn is_named(expr: &Expr, name: &str) -> bool {
    match expr {
        Expr::Name(n) => n.id.as_str() == name,
        Expr::Attribute(attribute) => attribute.attr.as_str() == name,
        _ => false,
    }
}

/// How often a block mentions the container, nested functions included.
fn mentions(body: &[Stmt], name: &str) -> usize {
    let mut count = 0;
    each_expr(body, &mut |expr| count += usize::from(is_named(expr, name)));
    count
}

fn each_expr(body: &[Stmt], f: &mut dyn FnMut(&Expr)) {
    struct Each<'f>(&'f mut dyn FnMut(&Expr));
    impl<'a> Visitor<'a> for Each<'_> {
        fn visit_expr(&mut self, expr: &'a Expr) {
            (self.0)(expr);
            visitor::walk_expr(self, expr);
        }
        fn visit_annotation(&mut self, _: &'a Expr) {}
    }
    Each(f).visit_body(body);
}

/// `_cache = {}`, `self._cache: dict[str, Node] = {}`, `_cache.clear()`: it holds nothing afterwards.
fn prepares(stmt: &Stmt, name: &str) -> bool {
    let classes = ["dict", "OrderedDict", "WeakKeyDictionary", "WeakValueDictionary"];
    let is_new = |value: &Expr| idioms::is_empty(value, &classes);
    match stmt {
        Stmt::Assign(assign) => {
            is_new(&assign.value)
                && assign.targets.iter().all(|t| private_name(t).is_some() || is_named(t, name))
                && assign.targets.iter().any(|t| is_named(t, name))
        }
        Stmt::AnnAssign(assign) => {
            assign.value.as_ref().is_none_or(|value| is_new(value)) && is_named(&assign.target, name)
        }
        Stmt::Expr(stmt) => matches!(&*stmt.value, Expr::Call(call)
            if call.arguments.is_empty()
                && matches!(&*call.func, Expr::Attribute(method)
                    if method.attr.as_str() == "clear" && is_named(&method.value, name))),
        _ => false,
    }
}

/// Whether a function does nothing with the container but empty it.
fn only_prepares(body: &[Stmt], name: &str) -> bool {
    struct Prepared<'n>(&'n str, bool);
    impl<'a> Visitor<'a> for Prepared<'_> {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            if !prepares(stmt, self.0) {
                visitor::walk_stmt(self, stmt);
            }
        }
        fn visit_expr(&mut self, expr: &'a Expr) {
            self.1 &= !is_named(expr, self.0);
            visitor::walk_expr(self, expr);
        }
    }
    let mut prepared = Prepared(name, true);
    prepared.visit_body(body);
    prepared.1
}

/// A function that looks something up in the container, and makes it if it is not there.
struct Function<'a, 'n> {
    def: &'a ast::StmtFunctionDef,
    name: &'n str,
    /// `cache[key]`, as it is written where it is stored.
    item: &'a ast::ExprSubscript,
    /// Mentions of the container that belong to looking up and storing.
    explained: usize,
    /// Blocks that run only if nothing was found.
    misses: Vec<&'a [Stmt]>,
    /// What the function has after it looked, other than `cache[key]`: `x = cache.get(key)`.
    result: Option<&'a str>,
    /// What is stored, if it has a name.
    stored: Vec<&'a str>,
    /// Where the last store ends.
    last_store: TextSize,
    looked: bool,
}

impl<'a, 'n> Function<'a, 'n> {
    fn of(def: &'a ast::StmtFunctionDef, name: &'n str) -> Option<Self> {
        struct Store<'a, 'n>(&'n str, Option<&'a ast::ExprSubscript>);
        impl<'a> Visitor<'a> for Store<'a, '_> {
            fn visit_stmt(&mut self, stmt: &'a Stmt) {
                if let Stmt::Assign(assign) = stmt {
                    for target in &assign.targets {
                        if let Expr::Subscript(item) = target
                            && is_named(&item.value, self.0)
                        {
                            self.1.get_or_insert(item);
                        }
                    }
                }
                visitor::walk_stmt(self, stmt);
            }
        }
        let mut store = Store(name, None);
        store.visit_body(&def.body);
        let item = store.1?;
        Some(Self {
            def,
            name,
            item,
            explained: 0,
            misses: Vec::new(),
            result: None,
            stored: Vec::new(),
            last_store: TextSize::new(0),
            looked: false,
        })
    }

    fn keeps(&mut self) -> bool {
        let body = &self.def.body;
        self.block(body);
        self.looked
            && self.explained == mentions(body, self.name)
            && self.returns_what_is_stored()
            && self.keeps_other_names()
            && self.is_made_of_key()
    }

    fn is_item(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Subscript(item) if same(&item.value, &self.item.value) && self.is_key(&item.slice))
    }

    fn is_key(&self, expr: &Expr) -> bool {
        same(expr, &self.item.slice)
    }

    /// Explains what the statements of a block do with the container.
    fn block(&mut self, body: &'a [Stmt]) {
        for stmt in body {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Assign(assign) => {
                let (items, others): (Vec<_>, Vec<_>) = assign.targets.iter().partition(|t| self.is_item(t));
                if !items.is_empty() {
                    self.explained += items.len();
                    self.last_store = self.last_store.max(assign.range.end());
                    let names = others.iter().copied().chain([&*assign.value]);
                    self.stored.extend(names.filter_map(|e| e.as_name_expr()).map(|n| n.id.as_str()));
                } else if let ([Expr::Name(target)], true) = (&*assign.targets, self.is_get(&assign.value)) {
                    self.explained += 1;
                    self.result = Some(target.id.as_str());
                }
                self.loads(&assign.value);
            }
            Stmt::If(stmt) => self.if_stmt(stmt),
            Stmt::Try(stmt) => self.try_stmt(stmt),
            Stmt::With(stmt) => self.block(&stmt.body),
            Stmt::Return(stmt) => {
                if let Some(value) = &stmt.value {
                    self.loads(value);
                }
            }
            _ => {}
        }
    }

    /// `cache[key]` as the whole value, or as something that is read for an expression.
    fn loads(&mut self, expr: &Expr) {
        struct Loads<'f>(&'f dyn Fn(&Expr) -> bool, usize);
        impl<'a> Visitor<'a> for Loads<'_> {
            fn visit_expr(&mut self, expr: &'a Expr) {
                self.1 += usize::from((self.0)(expr));
                visitor::walk_expr(self, expr);
            }
        }
        let is_item = |expr: &Expr| self.is_item(expr);
        let mut loads = Loads(&is_item, 0);
        loads.visit_expr(expr);
        let count = loads.1;
        self.explained += count;
    }

    /// `cache.get(key)`
    fn is_get(&self, expr: &Expr) -> bool {
        let Expr::Call(call) = expr else { return false };
        let arguments = &call.arguments;
        matches!(&*call.func, Expr::Attribute(method)
            if method.attr.as_str() == "get" && same(&method.value, &self.item.value))
            && arguments.keywords.is_empty()
            && arguments.args.first().is_some_and(|key| self.is_key(key))
            && arguments.args.get(1).is_none_or(Expr::is_none_literal_expr)
    }

    fn if_stmt(&mut self, stmt: &'a ast::StmtIf) {
        let simple = stmt.elif_else_clauses.is_empty();
        match self.question(&stmt.test) {
            Some((mentions, true)) if simple && self.gives_item(&stmt.body) => {
                self.explained += mentions;
                self.looked = true;
                self.block(&stmt.body);
            }
            Some((mentions, false)) if simple && !leaves(&stmt.body) => {
                self.explained += mentions;
                self.looked = true;
                self.misses.push(&stmt.body);
                self.block(&stmt.body);
            }
            Some(_) => {}
            None => {
                self.loads(&stmt.test);
                self.block(&stmt.body);
                for clause in &stmt.elif_else_clauses {
                    self.block(&clause.body);
                }
            }
        }
    }

    /// Whether a test asks for the item: how often it mentions the container, and whether it holds if the item is there.
    fn question(&self, test: &Expr) -> Option<(usize, bool)> {
        match test {
            Expr::UnaryOp(unary) if unary.op == UnaryOp::Not => {
                self.question(&unary.operand).map(|(mentions, there)| (mentions, !there))
            }
            Expr::Compare(compare) => {
                let ([op], [right]) = (&*compare.ops, &*compare.comparators) else { return None };
                match op {
                    CmpOp::In | CmpOp::NotIn => {
                        let asks = self.is_key(&compare.left) && same(right, &self.item.value);
                        asks.then_some((1, *op == CmpOp::In))
                    }
                    CmpOp::Is | CmpOp::IsNot if right.is_none_literal_expr() => {
                        self.is_result(&compare.left).then_some((0, *op == CmpOp::IsNot))
                    }
                    _ => None,
                }
            }
            other => self.is_result(other).then_some((0, true)),
        }
    }

    fn is_result(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Name(name) if Some(name.id.as_str()) == self.result)
    }

    /// `return cache[key]`, or what the function has got there.
    fn gives_item(&self, body: &[Stmt]) -> bool {
        matches!(body, [Stmt::Return(ast::StmtReturn { value: Some(value), .. })]
            if self.is_item(value) || self.is_result(value))
    }

    /// `try: return cache[key]`, `except KeyError: …`
    fn try_stmt(&mut self, stmt: &'a ast::StmtTry) {
        let looks = match &*stmt.body {
            [Stmt::Return(ast::StmtReturn { value: Some(value), .. })] => self.is_item(value),
            [Stmt::Assign(assign)] => match (&*assign.targets, self.is_item(&assign.value)) {
                ([Expr::Name(target)], true) => {
                    self.result = Some(target.id.as_str());
                    true
                }
                _ => false,
            },
            _ => false,
        };
        if !looks {
            self.block(&stmt.body);
            for ExceptHandler::ExceptHandler(handler) in &stmt.handlers {
                self.block(&handler.body);
            }
            self.block(&stmt.orelse);
            self.block(&stmt.finalbody);
            return;
        }
        let [ExceptHandler::ExceptHandler(handler)] = &*stmt.handlers else { return };
        let missing = handler.type_.as_ref().is_some_and(|kind| {
            matches!(&**kind, Expr::Name(name) if matches!(name.id.as_str(), "KeyError" | "LookupError"))
        });
        if missing && stmt.orelse.is_empty() && stmt.finalbody.is_empty() {
            self.explained += 1;
            self.looked = true;
            self.misses.push(&handler.body);
            self.block(&handler.body);
        }
    }

    /// After the last store everything that is returned is what has been stored.
    fn returns_what_is_stored(&self) -> bool {
        let mut right = true;
        each_return(&self.def.body, &mut |stmt| {
            if stmt.range.start() < self.last_store {
                return;
            }
            right &= stmt.value.as_deref().is_some_and(|value| {
                // Something that is made of the item, for who finds it as for who has stored it.
                let of_item = contains(value, &|e| self.is_item(e));
                of_item
                    || matches!(value, Expr::Name(name)
                        if self.stored.contains(&name.id.as_str()) || self.is_result(value))
            });
        });
        right
    }

    /// What only a miss binds, the rest of the function does not use.
    fn keeps_other_names(&self) -> bool {
        self.misses.iter().filter(|miss| !matches!(miss.last(), Some(Stmt::Return(_)))).all(|miss| {
            let end = miss.last().map_or(TextSize::new(0), Ranged::end);
            let mut bound: FxHashSet<&str> = FxHashSet::default();
            each_name(miss, &mut |name| {
                if !name.ctx.is_load() && Some(name.id.as_str()) != self.result {
                    bound.insert(name.id.as_str());
                }
            });
            let mut right = true;
            each_name(&self.def.body, &mut |name| {
                right &= name.range.start() < end || !name.ctx.is_load() || !bound.contains(name.id.as_str());
            });
            right
        })
    }

    /// Every parameter that is used stands in the key, or holds the container.
    fn is_made_of_key(&self) -> bool {
        let holder = match &*self.item.value {
            Expr::Attribute(attribute) => attribute.value.as_name_expr().map(|n| n.id.as_str()),
            _ => None,
        };
        let mut parts: Vec<&Expr> = Vec::new();
        self.key_parts(&self.item.slice, &mut parts);
        let params: FxHashSet<&str> = self.def.parameters.iter().map(|p| p.name().as_str()).collect();
        let mut right = true;
        let mut used = Unexplained { params: &params, holder, parts: &parts, right: &mut right };
        for stmt in &self.def.body {
            used.visit_stmt(stmt);
        }
        right
    }

    /// The expressions that a key is made of: `(a, b)`, `key` after `key = (a, type(b))`.
    fn key_parts(&self, key: &'a Expr, parts: &mut Vec<&'a Expr>) {
        match key {
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|e| self.key_parts(e, parts)),
            Expr::Name(name) => {
                let mut assigned = Vec::new();
                let mut count = 0;
                each_name(&self.def.body, &mut |n| {
                    count += usize::from(!n.ctx.is_load() && n.id == name.id);
                });
                each_assign(&self.def.body, &mut |assign| {
                    if matches!(&*assign.targets, [Expr::Name(target)] if target.id == name.id) {
                        assigned.push(&*assign.value);
                    }
                });
                parts.push(key);
                if let ([value], 1) = (&*assigned, count) {
                    self.key_parts(value, parts);
                }
            }
            other => parts.push(other),
        }
    }
}

/// Parameters outside the parts of the key.
struct Unexplained<'e> {
    params: &'e FxHashSet<&'e str>,
    holder: Option<&'e str>,
    parts: &'e [&'e Expr],
    right: &'e mut bool,
}

impl<'a> Visitor<'a> for Unexplained<'_> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if self.parts.iter().any(|part| same(part, expr)) {
            return;
        }
        if let Expr::Name(name) = expr
            && self.params.contains(name.id.as_str())
            && Some(name.id.as_str()) != self.holder
        {
            *self.right = false;
        }
        visitor::walk_expr(self, expr);
    }
    fn visit_annotation(&mut self, _: &'a Expr) {}
}

fn same(a: &Expr, b: &Expr) -> bool {
    ComparableExpr::from(a) == ComparableExpr::from(b)
}

fn contains(expr: &Expr, f: &dyn Fn(&Expr) -> bool) -> bool {
    ast::helpers::any_over_expr(expr, |e| f(e))
}

/// Whether a block may leave the function or the loop around it.
fn leaves(body: &[Stmt]) -> bool {
    let mut found = false;
    each_stmt(body, &mut |stmt| {
        found |= matches!(stmt, Stmt::Return(_) | Stmt::Break(_) | Stmt::Continue(_));
    });
    found
}

fn each_return(body: &[Stmt], f: &mut dyn FnMut(&ast::StmtReturn)) {
    each_stmt(body, &mut |stmt| {
        if let Stmt::Return(stmt) = stmt {
            f(stmt);
        }
    });
}

fn each_assign<'a>(body: &'a [Stmt], f: &mut dyn FnMut(&'a ast::StmtAssign)) {
    each_stmt(body, &mut |stmt| {
        if let Stmt::Assign(assign) = stmt {
            f(assign);
        }
    });
}

/// The statements of a block and of the blocks inside, without those of functions and classes.
fn each_stmt<'a>(body: &'a [Stmt], f: &mut dyn FnMut(&'a Stmt)) {
    struct Each<'f, 'a>(&'f mut dyn FnMut(&'a Stmt));
    impl<'a> Visitor<'a> for Each<'_, 'a> {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            (self.0)(stmt);
            if !matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
                visitor::walk_stmt(self, stmt);
            }
        }
        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    Each(f).visit_body(body);
}

fn each_name<'a>(body: &'a [Stmt], f: &mut dyn FnMut(&'a ast::ExprName)) {
    struct Each<'f, 'a>(&'f mut dyn FnMut(&'a ast::ExprName));
    impl<'a> Visitor<'a> for Each<'_, 'a> {
        fn visit_expr(&mut self, expr: &'a Expr) {
            if let Expr::Name(name) = expr {
                (self.0)(name);
            }
            visitor::walk_expr(self, expr);
        }
    }
    Each(f).visit_body(body);
}
