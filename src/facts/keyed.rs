//! Containers of a module that are only asked for single keys.
//!
//! ```python
//! internal = set()
//! def mark(f): internal.add(f.__code__); return f
//! def is_internal(frame): return frame.f_code in internal
//! ```
//!
//! Nobody counts what is in it, goes through it or hands it on. Who has the key of an entry sees the entry, and nobody else. A list is
//! as good, as long as nobody asks for places. The same for what a class keeps:
//!
//! ```python
//! class Shape:
//!     _makers = {}
//!     def __init_subclass__(cls): cls._makers[cls] = cls.make
//! ```

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, CmpOp, Expr, Stmt};
use ruff_text_size::Ranged;

use super::idioms;
use super::scope::Resolved;
use super::walker::Walker;
use super::{MarkKind, Sym};

/// Methods that do something about one key, with the least number of arguments at which they do.
const METHODS: &[(&str, usize)] =
    &[("add", 1), ("append", 1), ("discard", 1), ("remove", 1), ("get", 1), ("pop", 1)];

impl<'a> Walker<'a> {
    /// A function puts something into a container of the module under a key that is no constant.
    pub fn note_keyed(&mut self, container: &'a Expr, key: &Expr) {
        let (name, attribute) = match container {
            Expr::Name(name) => (name.id.as_str(), false),
            // What an object keeps by itself is not asked for here.
            Expr::Attribute(attribute) if matches!(&*attribute.value, Expr::Name(class) if class.id.as_str() != "self") => {
                (attribute.attr.as_str(), true)
            }
            _ => return,
        };
        if self.context.func.is_module() || key.is_literal_expr() || self.keyed.contains(&(name, attribute)) {
            return;
        }
        if !attribute && self.resolve_text(name) != Resolved::Global {
            return;
        }
        self.keyed.push((name, attribute));
        let mut uses = Uses { name, attribute, made: 0, listed: false, placed: false, only: true };
        uses.visit_body(self.body);
        // Others read a list that has a name for them.
        let is_list = uses.listed && (uses.placed || !name.starts_with('_'));
        if uses.only && uses.made == 1 && !is_list {
            let name = if attribute { self.mangled_text(name) } else { Sym::new(name) };
            let kind: fn(Sym) -> MarkKind =
                if attribute { MarkKind::OnlyKeyedAttribute } else { MarkKind::OnlyKeyed };
            self.mark(kind(name), container.range());
        }
    }
}

/// All uses of a name in a module, whatever its scope, or of an attribute, whatever has it.
struct Uses<'n> {
    name: &'n str,
    attribute: bool,
    /// How often it is bound to a new, empty container; for an attribute, how many classes have it.
    made: usize,
    /// It has an order, as lists have.
    listed: bool,
    /// What is at a key is asked for, which in a list is a place.
    placed: bool,
    /// Nothing else is done with it than to ask for keys.
    only: bool,
}

impl Uses<'_> {
    fn is(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Name(name) => !self.attribute && name.id.as_str() == self.name,
            Expr::Attribute(attribute) => self.attribute && attribute.attr.as_str() == self.name,
            _ => false,
        }
    }

    /// `internal: list[Code] = []`
    fn is_list(&self, value: &Expr) -> bool {
        !self.attribute
            && match value {
                Expr::List(list) => list.elts.is_empty(),
                Expr::Call(_) => idioms::is_empty(value, &["list", "deque"]),
                _ => false,
            }
    }

    /// `internal: set[Code] = set()`
    fn makes(&self, target: &Expr, value: &Expr) -> bool {
        let classes = ["set", "dict", "WeakSet", "WeakKeyDictionary", "OrderedDict"];
        let new = idioms::is_empty(value, &classes) || self.is_list(value);
        if self.attribute {
            let of_class = matches!(target, Expr::Name(name) if name.id.as_str() == self.name);
            of_class && (new || value.is_none_literal_expr())
        } else {
            new && self.is(target)
        }
    }

    /// `cls._makers = {Base: None}`: the class gets one of its own.
    fn replaces(&self, target: &Expr, value: &Expr) -> bool {
        self.attribute
            && self.is(target)
            && matches!(value, Expr::Dict(_) | Expr::Set(_) | Expr::NoneLiteral(_))
    }

    /// `for key in internal: if key is wanted: …; break` finds one key, and `key is wanted` asks for no other.
    fn searches(&self, stmt: &ast::StmtFor) -> bool {
        let iterated = match &*stmt.iter {
            Expr::Call(call) if call.arguments.is_empty() => match &*call.func {
                Expr::Attribute(keys) if keys.attr.as_str() == "keys" => &*keys.value,
                _ => return false,
            },
            iterated => iterated,
        };
        let (Expr::Name(key), [Stmt::If(found)], []) = (&*stmt.target, &*stmt.body, &*stmt.orelse) else {
            return false;
        };
        let Expr::Compare(test) = &*found.test else { return false };
        let is_key = |expr: &Expr| matches!(expr, Expr::Name(name) if name.id == key.id);
        self.is(iterated)
            && found.elif_else_clauses.is_empty()
            && matches!(&*test.ops, [CmpOp::Is])
            && (is_key(&test.left) || is_key(&test.comparators[0]))
            && matches!(found.body.last(), Some(Stmt::Break(_) | Stmt::Return(_)))
    }
}

impl<'a> Visitor<'a> for Uses<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if !self.only {
            return;
        }
        match stmt {
            Stmt::Assign(ast::StmtAssign { targets, value, .. })
                if let [target] = &**targets
                    && self.makes(target, value) =>
            {
                self.made += 1;
                self.listed |= self.is_list(value);
            }
            Stmt::AnnAssign(ast::StmtAnnAssign { target, value: Some(value), .. })
                if self.makes(target, value) =>
            {
                self.made += 1;
                self.listed |= self.is_list(value);
            }
            Stmt::Assign(ast::StmtAssign { targets, value, .. })
                if let [target] = &**targets
                    && self.replaces(target, value) =>
            {
                self.visit_expr(value);
            }
            Stmt::For(stmt) if self.searches(stmt) => self.visit_body(&stmt.body),
            // What `global` lets a function bind, is found where it binds it.
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(_) => self.only &= !self.is(expr),
            Expr::Attribute(attribute) => {
                self.only &= !self.is(expr);
                self.visit_expr(&attribute.value);
            }
            Expr::StringLiteral(text) => self.only &= text.value.to_str() != self.name,
            Expr::Call(call)
                if let Expr::Attribute(method) = &*call.func
                    && self.is(&method.value) =>
            {
                let least = METHODS.iter().find(|(name, _)| *name == method.attr.as_str());
                self.only &= least.is_some_and(|(_, least)| call.arguments.args.len() >= *least);
                self.placed |= method.attr.as_str() == "pop";
                self.visit_arguments(&call.arguments);
            }
            Expr::Subscript(item) if self.is(&item.value) => {
                self.placed = true;
                self.visit_expr(&item.slice);
            }
            Expr::Compare(compare) if let [CmpOp::In | CmpOp::NotIn] = &*compare.ops => {
                self.visit_expr(&compare.left);
                if !self.is(&compare.comparators[0]) {
                    self.visit_expr(&compare.comparators[0]);
                }
            }
            // Whether there is a container.
            Expr::Compare(compare)
                if self.is(&compare.left)
                    && matches!(&*compare.ops, [CmpOp::Is | CmpOp::IsNot])
                    && compare.comparators[0].is_none_literal_expr() => {}
            _ => visitor::walk_expr(self, expr),
        }
    }

    fn visit_annotation(&mut self, _: &'a Expr) {}
}
