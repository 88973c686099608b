//! Containers of a module that are only asked for single keys.
//!
//! ```python
//! internal = set()
//! def mark(f): internal.add(f.__code__); return f
//! def is_internal(frame): return frame.f_code in internal
//! ```
//!
//! Nobody counts what is in it, goes through it or hands it on. Who has the key of an entry sees the entry, and nobody else.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, CmpOp, Expr, Stmt};
use ruff_text_size::Ranged;

use super::idioms;
use super::scope::Resolved;
use super::walker::Walker;
use super::{MarkKind, Sym};

/// Methods that do something about one key, with the least number of arguments at which they do.
const METHODS: &[(&str, usize)] = &[("add", 1), ("discard", 1), ("remove", 1), ("get", 1), ("pop", 1)];

impl<'a> Walker<'a> {
    /// A function puts something into a container of the module under a key that is no constant.
    pub fn note_keyed(&mut self, container: &'a Expr, key: &Expr) {
        let Expr::Name(name) = container else { return };
        let name = name.id.as_str();
        if self.context.func.is_module() || key.is_literal_expr() || self.keyed.contains(&name) {
            return;
        }
        if self.resolve_text(name) != Resolved::Global {
            return;
        }
        self.keyed.push(name);
        let mut uses = Uses { name, made: 0, only: true };
        uses.visit_body(self.body);
        if uses.only && uses.made == 1 {
            self.mark(MarkKind::OnlyKeyed(Sym::new(name)), container.range());
        }
    }
}

/// All uses of a name in a module, whatever its scope.
struct Uses<'n> {
    name: &'n str,
    /// How often it is bound to a new, empty container.
    made: usize,
    /// Nothing else is done with it than to ask for keys.
    only: bool,
}

impl Uses<'_> {
    fn is(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Name(name) if name.id.as_str() == self.name)
    }

    /// `internal: set[Code] = set()`
    fn makes(&self, target: &Expr, value: &Expr) -> bool {
        let classes = ["set", "dict", "WeakSet", "WeakKeyDictionary", "OrderedDict"];
        idioms::is_empty(value, &classes) && self.is(target)
    }
}

impl<'a> Visitor<'a> for Uses<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Assign(ast::StmtAssign { targets, value, .. })
                if let [target] = &**targets
                    && self.makes(target, value) =>
            {
                self.made += 1;
            }
            Stmt::AnnAssign(ast::StmtAnnAssign { target, value: Some(value), .. })
                if self.makes(target, value) =>
            {
                self.made += 1;
            }
            // What `global` lets a function bind, is found where it binds it.
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(_) => self.only &= !self.is(expr),
            Expr::StringLiteral(text) => self.only &= text.value.to_str() != self.name,
            Expr::Call(call)
                if let Expr::Attribute(method) = &*call.func
                    && self.is(&method.value) =>
            {
                let least = METHODS.iter().find(|(name, _)| *name == method.attr.as_str());
                self.only &= least.is_some_and(|(_, least)| call.arguments.args.len() >= *least);
                self.visit_arguments(&call.arguments);
            }
            Expr::Subscript(item) if self.is(&item.value) => self.visit_expr(&item.slice),
            Expr::Compare(compare) if let [CmpOp::In | CmpOp::NotIn] = &*compare.ops => {
                self.visit_expr(&compare.left);
                if !self.is(&compare.comparators[0]) {
                    self.visit_expr(&compare.comparators[0]);
                }
            }
            _ => visitor::walk_expr(self, expr),
        }
    }

    fn visit_annotation(&mut self, _: &'a Expr) {}
}
