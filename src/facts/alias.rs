//! Variables that stand for a namespace, or for a text that is evaluated, where all uses in the module show what is read.
//!
//! ```python
//! names = globals()
//! for key in dir(native):
//!     names[key] = getattr(native, key)                  # only writes
//! seen = function.__globals__
//! seen.setdefault("__warningregistry__", {})             # a name that no import binds
//! kinds = '"static", "shared"'
//! eval(kinds)                                            # no name at all
//! ```
//!
//! Names are enough here, whatever their scope: a variable of the same name that is something else, anywhere in the module, counts
//! against all of them.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, Expr, Pattern, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::scope::Resolved;
use super::walker::Walker;
use super::{MarkKind, Sym};

/// Names of a namespace that the interpreter sets, and that stand for nothing imported.
const OF_MODULES: &[&str] = &[
    "__name__",
    "__file__",
    "__package__",
    "__spec__",
    "__loader__",
    "__builtins__",
    "__doc__",
    "__path__",
    "__cached__",
    "__warningregistry__",
];

/// Methods that do something about one key of a dict.
const OF_ONE_KEY: &[&str] = &["get", "pop", "setdefault"];

/// Whether a key of a namespace is a name that only the interpreter sets.
pub(super) fn is_of_module(key: &Expr) -> bool {
    matches!(key, Expr::StringLiteral(key) if OF_MODULES.contains(&key.value.to_str()))
}

/// The namespace of a function: `f.__globals__`.
pub(super) fn is_globals_of(expr: &Expr) -> bool {
    matches!(expr, Expr::Attribute(attribute) if attribute.attr.as_str() == "__globals__")
}

fn is_globals(expr: &Expr) -> bool {
    matches!(expr, Expr::Call(call) if call.arguments.is_empty()
        && matches!(&*call.func, Expr::Name(name) if name.id.as_str() == "globals"))
}

impl<'a> Walker<'a> {
    /// `names = globals()`, `names = f.__globals__`: what is done with the variable is what is done with the namespace.
    pub fn note_namespace_alias(&mut self, name: &'a str, value: &'a Expr) {
        let own = match value {
            Expr::Call(call) if is_globals(value) && self.is_namespace_call(call) => true,
            _ if is_globals_of(value) => false,
            _ => return,
        };
        // Other modules see a global.
        let hidden = match self.resolve_text(name) {
            Resolved::Var(_) => true,
            Resolved::Global => gone_before_imports(self.body, name, value.range()),
            Resolved::Class { .. } => false,
        };
        if !hidden {
            return;
        }
        let only = !is_bound_otherwise(self.body, name);
        let mut uses = Uses { name, own, keys: Vec::new(), writes: false, only };
        uses.visit_body(self.body);
        if !uses.only {
            return;
        }
        if !own {
            self.unmark_globals_of(value.range());
            return;
        }
        self.unmark(value.range());
        self.facts.exports.writes_namespace |= uses.writes;
        for key in uses.keys {
            let key = Sym::new(key);
            self.mark(MarkKind::NamespaceName(key), value.range());
        }
    }

    /// A namespace of a function is asked for a name that no import binds.
    pub fn unmark_globals_of(&mut self, range: TextRange) {
        self.facts.marks.retain(|m| !(m.range == range && matches!(m.kind, MarkKind::GlobalsOf(_))));
    }

    /// Whether a text that is evaluated is known, calls nothing, and names nothing that an import binds.
    pub fn evaluates_no_import(&mut self, text: &'a Expr) -> bool {
        let texts = match text {
            Expr::StringLiteral(text) => vec![text.value.to_str()],
            // Other modules may bind a name of the module to something else.
            Expr::Name(name) if matches!(self.resolve_text(name.id.as_str()), Resolved::Var(_)) => {
                let only = !is_bound_otherwise(self.body, name.id.as_str());
                let mut texts = Texts { name: name.id.as_str(), found: Vec::new(), only };
                texts.visit_body(self.body);
                if !texts.only {
                    return false;
                }
                texts.found
            }
            _ => return false,
        };
        let words = |text: &'a str| text.split(|c: char| !c.is_alphanumeric() && c != '_');
        let harmless = |text: &&'a str| {
            !text.contains('(')
                && !text.contains(":=")
                && words(text).filter(|word| !word.is_empty()).all(|word| {
                    let name = self.names.id(word);
                    !self.names[name].site
                })
        };
        !texts.is_empty() && texts.iter().all(harmless)
    }
}

/// Whether the module deletes a name again that it has bound at its top level, before it imports anything: no other module runs in
/// between, but for functions that are called.
fn gone_before_imports(body: &[Stmt], name: &str, value: TextRange) -> bool {
    let mut after = body.iter().skip_while(|stmt| !stmt.range().contains_range(value));
    matches!(after.next(), Some(Stmt::Assign(_)))
        && after.take_while(|stmt| !matches!(stmt, Stmt::Import(_) | Stmt::ImportFrom(_))).any(|stmt| {
            matches!(stmt, Stmt::Delete(delete)
                if delete.targets.iter().any(|t| matches!(t, Expr::Name(n) if n.id.as_str() == name)))
        })
}

/// Whether a call may get at the variables of the function by their names.
fn shows_variables(call: &ast::ExprCall) -> bool {
    let Expr::Name(name) = &*call.func else { return false };
    match name.id.as_str() {
        "locals" | "vars" | "dir" => call.arguments.is_empty(),
        "eval" | "exec" => true,
        _ => false,
    }
}

/// Whether a statement, but for the expressions in it, binds a name.
fn binds(stmt: &Stmt, name: &str) -> bool {
    let named = |identifier: &ast::Identifier| identifier.as_str() == name;
    let bound = |alias: &ast::Alias| {
        let bound = alias.asname.as_ref().unwrap_or(&alias.name);
        bound.as_str().split('.').next() == Some(name) || bound.as_str() == "*"
    };
    match stmt {
        Stmt::FunctionDef(def) => named(&def.name),
        Stmt::ClassDef(def) => named(&def.name),
        Stmt::Import(import) => import.names.iter().any(bound),
        Stmt::ImportFrom(import) => import.names.iter().any(bound),
        Stmt::Global(global) => global.names.iter().any(named),
        Stmt::Nonlocal(nonlocal) => nonlocal.names.iter().any(named),
        _ => false,
    }
}

fn captures(pattern: &Pattern, name: &str) -> bool {
    let captured = match pattern {
        Pattern::MatchAs(pattern) => &pattern.name,
        Pattern::MatchStar(pattern) => &pattern.name,
        Pattern::MatchMapping(pattern) => &pattern.rest,
        _ => return false,
    };
    captured.as_ref().is_some_and(|captured| captured.as_str() == name)
}

/// Whether a name is bound by anything else than assignments, anywhere in a body: a definition, an import, a parameter, a handler, a
/// pattern.
fn is_bound_otherwise(body: &[Stmt], name: &str) -> bool {
    let mut bindings = Bindings { name, found: false };
    bindings.visit_body(body);
    bindings.found
}

struct Bindings<'n> {
    name: &'n str,
    found: bool,
}

impl<'a> Visitor<'a> for Bindings<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        self.found |= binds(stmt, self.name);
        visitor::walk_stmt(self, stmt);
    }

    fn visit_parameter(&mut self, parameter: &'a ast::Parameter) {
        self.found |= parameter.name.as_str() == self.name;
        visitor::walk_parameter(self, parameter);
    }

    fn visit_except_handler(&mut self, handler: &'a ast::ExceptHandler) {
        let ast::ExceptHandler::ExceptHandler(inner) = handler;
        self.found |= inner.name.as_ref().is_some_and(|name| name.as_str() == self.name);
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        self.found |= captures(pattern, self.name);
        visitor::walk_pattern(self, pattern);
    }
}

/// All uses of a name that stands for a namespace.
struct Uses<'n, 'a> {
    name: &'n str,
    /// It is the module's own.
    own: bool,
    /// The names that are read or bound in it.
    keys: Vec<&'a str>,
    /// Something is bound in it.
    writes: bool,
    /// Nothing else is done with it.
    only: bool,
}

impl<'a> Uses<'_, 'a> {
    fn is(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Name(name) if name.id.as_str() == self.name)
    }

    /// One key of the namespace is asked for, or bound.
    fn key(&mut self, key: Option<&'a Expr>) {
        match key {
            Some(key) if is_of_module(key) => {}
            Some(Expr::StringLiteral(key)) if self.own => self.keys.push(key.value.to_str()),
            _ => self.only = false,
        }
    }
}

impl<'a> Visitor<'a> for Uses<'_, 'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Assign(ast::StmtAssign { targets, value, .. }) if matches!(&**targets, [target] if self.is(target)) =>
            {
                self.only &= if self.own { is_globals(value) } else { is_globals_of(value) };
                self.visit_expr(value);
            }
            Stmt::Delete(delete) => {
                for target in &delete.targets {
                    if !self.is(target) {
                        self.visit_expr(target);
                    }
                }
            }
            // It is read as well.
            Stmt::AugAssign(ast::StmtAugAssign { target, .. }) if matches!(&**target, Expr::Subscript(item) if self.is(&item.value)) =>
            {
                self.only = false;
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Subscript(item) if self.is(&item.value) => {
                if item.ctx.is_store() && self.own && !item.slice.is_string_literal_expr() {
                    self.writes = true;
                } else {
                    self.writes |= item.ctx.is_store();
                    self.key(Some(&item.slice));
                }
                self.visit_expr(&item.slice);
            }
            Expr::Call(call) if matches!(&*call.func, Expr::Attribute(method) if self.is(&method.value)) => {
                let Expr::Attribute(method) = &*call.func else { return };
                match method.attr.as_str() {
                    "update" if self.own => self.writes = true,
                    name if OF_ONE_KEY.contains(&name) => self.key(call.arguments.args.first()),
                    _ => self.only = false,
                }
                self.visit_arguments(&call.arguments);
            }
            // `render(page, locals())` hands all variables out.
            Expr::Call(call) if shows_variables(call) => self.only = false,
            Expr::Name(_) => self.only &= !self.is(expr),
            _ => visitor::walk_expr(self, expr),
        }
    }
}

/// The texts that a name is bound to.
struct Texts<'n, 'a> {
    name: &'n str,
    found: Vec<&'a str>,
    /// It is bound to nothing else.
    only: bool,
}

impl<'a> Visitor<'a> for Texts<'_, 'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::Assign(ast::StmtAssign { targets, value, .. }) = stmt
            && let ([Expr::Name(target)], Expr::StringLiteral(text)) = (&**targets, &**value)
            && target.id.as_str() == self.name
        {
            self.found.push(text.value.to_str());
            return;
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) => self.only &= name.id.as_str() != self.name || name.ctx.is_load(),
            _ => visitor::walk_expr(self, expr),
        }
    }
}
