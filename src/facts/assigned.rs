//! Attributes that every instance has of its own once `__init__` is through: they hide those of the class.
//!
//! ```python
//! class Trait:
//!     metadata = {}                              # of all traits
//!     def __init__(self, **metadata):
//!         if metadata:
//!             self.metadata = dict(metadata)     # in both branches: every trait has one of its own
//!         else:
//!             self.metadata = self.metadata.copy()
//! ```

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, Expr, Stmt};
use rustc_hash::FxHashSet;

use crate::program::tables;

/// What a method certainly stores in its first parameter.
#[derive(Debug, Default)]
pub(super) struct Assigned<'a> {
    /// The attributes.
    pub attributes: FxHashSet<&'a str>,
    /// It calls `super().__init__`.
    pub base: bool,
}

/// What `__init__` certainly stores in `self`.
pub(super) fn by_init(def: &ast::StmtFunctionDef) -> Assigned<'_> {
    let Some(this) = def.parameters.posonlyargs.first().or(def.parameters.args.first()) else {
        return Assigned::default();
    };
    let this = this.name().as_str();
    let mut assigned = by_block(&def.body, this).assigned;
    if !assigned.attributes.is_empty() {
        // What is changed before it is stored, is the attribute of the class.
        let mut order = Order { this, stored: FxHashSet::default(), changed: FxHashSet::default() };
        order.visit_body(&def.body);
        assigned.attributes.retain(|name| !order.changed.contains(name));
    }
    assigned
}

/// Attributes of `this` in the order of the source: stored already, and changed before that.
struct Order<'a, 't> {
    this: &'t str,
    stored: FxHashSet<&'a str>,
    changed: FxHashSet<&'a str>,
}

impl<'a> Order<'a, '_> {
    fn own<'e>(&self, expr: &'e Expr) -> Option<&'e str> {
        match expr {
            Expr::Attribute(attribute) => matches!(&*attribute.value, Expr::Name(name)
                if name.id.as_str() == self.this)
            .then_some(attribute.attr.as_str()),
            _ => None,
        }
    }

    fn change(&mut self, holder: &'a Expr) {
        if let Some(name) = self.own(holder)
            && !self.stored.contains(name)
        {
            self.changed.insert(name);
        }
    }
}

impl<'a> Visitor<'a> for Order<'a, '_> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Attribute(attribute) if attribute.ctx.is_store() => {
                if let Some(name) = self.own(expr) {
                    self.stored.insert(name);
                }
            }
            Expr::Subscript(item) if !item.ctx.is_load() => self.change(&item.value),
            Expr::Call(call) => {
                if let Expr::Attribute(method) = &*call.func
                    && tables::MUTATORS.contains(&method.attr.as_str())
                {
                    self.change(&method.value);
                }
            }
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}

struct Block<'a> {
    assigned: Assigned<'a>,
    /// It does not go on after the block: it raises.
    raises: bool,
    /// It may end the method.
    returns: bool,
}

fn by_block<'a>(body: &'a [Stmt], this: &str) -> Block<'a> {
    let mut block = Block { assigned: Assigned::default(), raises: false, returns: false };
    for stmt in body {
        match stmt {
            Stmt::Assign(assign) => assign.targets.iter().for_each(|t| add(t, this, &mut block.assigned)),
            Stmt::AnnAssign(assign) if assign.value.is_some() => {
                add(&assign.target, this, &mut block.assigned);
            }
            Stmt::Expr(stmt) => block.assigned.base |= calls_base(&stmt.value),
            Stmt::With(stmt) => {
                let inner = by_block(&stmt.body, this);
                block.assigned.attributes.extend(inner.assigned.attributes);
                block.returns |= inner.returns;
            }
            Stmt::If(stmt) => {
                let last = stmt.elif_else_clauses.last().is_some_and(|clause| clause.test.is_none());
                let clauses = stmt.elif_else_clauses.iter().map(|clause| &clause.body);
                let branches: Vec<Block<'a>> =
                    std::iter::once(&stmt.body).chain(clauses).map(|body| by_block(body, this)).collect();
                block.returns |= branches.iter().any(|branch| branch.returns);
                if last {
                    let mut going = branches.into_iter().filter(|branch| !branch.raises);
                    if let Some(first) = going.next() {
                        let mut common = first.assigned.attributes;
                        for branch in going {
                            common.retain(|name| branch.assigned.attributes.contains(name));
                        }
                        block.assigned.attributes.extend(common);
                    }
                }
            }
            Stmt::Raise(_) => block.raises = true,
            // A handler may have come before the assignment.
            Stmt::Try(stmt) => block.returns |= may_return(stmt),
            Stmt::Return(_) => block.returns = true,
            Stmt::For(ast::StmtFor { body, orelse, .. })
            | Stmt::While(ast::StmtWhile { body, orelse, .. }) => {
                block.returns |= by_block(body, this).returns || by_block(orelse, this).returns;
            }
            Stmt::Match(stmt) => {
                block.returns |= stmt.cases.iter().any(|case| by_block(&case.body, this).returns);
            }
            _ => {}
        }
        if block.returns {
            break;
        }
    }
    block
}

fn may_return(stmt: &ast::StmtTry) -> bool {
    let handlers = stmt.handlers.iter().map(|ast::ExceptHandler::ExceptHandler(handler)| &handler.body);
    [&stmt.body, &stmt.orelse, &stmt.finalbody]
        .into_iter()
        .chain(handlers)
        .any(|body| by_block(body, "").returns)
}

fn add<'a>(target: &'a Expr, this: &str, assigned: &mut Assigned<'a>) {
    match target {
        Expr::Attribute(attribute) => {
            if matches!(&*attribute.value, Expr::Name(name) if name.id.as_str() == this) {
                assigned.attributes.insert(attribute.attr.as_str());
            }
        }
        Expr::Tuple(tuple) => tuple.elts.iter().for_each(|element| add(element, this, assigned)),
        _ => {}
    }
}

/// `super().__init__(…)`
fn calls_base(expr: &Expr) -> bool {
    matches!(expr, Expr::Call(call)
        if matches!(&*call.func, Expr::Attribute(method)
            if method.attr.as_str() == "__init__"
                && matches!(&*method.value, Expr::Call(inner)
                    if matches!(&*inner.func, Expr::Name(name) if name.id.as_str() == "super"))))
}
