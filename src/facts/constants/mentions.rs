//! What statements mention: containers that they may change, and names that functions reach.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, Expr, Stmt};
use rustc_hash::FxHashSet;

use super::Run;
use crate::facts::binding::bound_by_alias;

/// Makes unknown what statements mention: what they bind, and containers.
pub(super) struct Forget<'r, 'a> {
    pub run: &'r mut Run<'a>,
}

impl<'a> Forget<'_, 'a> {
    fn unknown(&mut self, name: &'a str) {
        self.run.names.insert(name, None);
    }
}

impl<'a> Visitor<'a> for Forget<'_, 'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            // What its body does, it does later.
            Stmt::FunctionDef(def) => {
                self.unknown(def.name.as_str());
                def.decorator_list.iter().for_each(|decorator| self.visit_expr(&decorator.expression));
                return self.visit_parameters(&def.parameters);
            }
            Stmt::ClassDef(def) => self.unknown(def.name.as_str()),
            Stmt::Import(import) => {
                import.names.iter().for_each(|alias| self.unknown(bound_by_alias(alias, false)));
            }
            Stmt::ImportFrom(import) => {
                import.names.iter().for_each(|alias| self.unknown(bound_by_alias(alias, true)));
            }
            Stmt::Global(global) => global.names.iter().for_each(|name| self.unknown(name.as_str())),
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr {
            let known = self.run.names.get(name.id.as_str()).and_then(Option::as_ref);
            if !name.ctx.is_load() || known.is_some_and(|value| !value.is_immutable()) {
                self.unknown(name.id.as_str());
            }
        }
        visitor::walk_expr(self, expr);
    }

    fn visit_except_handler(&mut self, handler: &'a ast::ExceptHandler) {
        let ast::ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            self.unknown(name.as_str());
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a ast::Pattern) {
        match pattern {
            ast::Pattern::MatchAs(ast::PatternMatchAs { name: Some(name), .. })
            | ast::Pattern::MatchStar(ast::PatternMatchStar { name: Some(name), .. })
            | ast::Pattern::MatchMapping(ast::PatternMatchMapping { rest: Some(name), .. }) => {
                self.unknown(name.as_str());
            }
            _ => {}
        }
        visitor::walk_pattern(self, pattern);
    }
}

/// Finds the names that functions mention other than to look something up.
pub(super) struct Reaching<'r, 'a> {
    pub reached: &'r mut FxHashSet<&'a str>,
    /// In a function.
    pub inside: bool,
}

impl<'a> Reaching<'_, 'a> {
    /// An expression of which nothing is taken but what it holds.
    fn looked_up(&mut self, expr: &'a Expr) {
        if !expr.is_name_expr() {
            self.visit_expr(expr);
        }
    }
}

impl<'a> Visitor<'a> for Reaching<'_, 'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(def) => {
                let outer = std::mem::replace(&mut self.inside, true);
                self.visit_body(&def.body);
                self.inside = outer;
            }
            Stmt::ClassDef(def) => self.visit_body(&def.body),
            Stmt::For(each) if self.inside => {
                self.looked_up(&each.iter);
                self.visit_body(&each.body);
                self.visit_body(&each.orelse);
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Lambda(lambda) => {
                let outer = std::mem::replace(&mut self.inside, true);
                self.visit_expr(&lambda.body);
                self.inside = outer;
            }
            _ if !self.inside => visitor::walk_expr(self, expr),
            Expr::Name(name) => {
                self.reached.insert(name.id.as_str());
            }
            Expr::Subscript(subscript) if subscript.ctx.is_load() => {
                self.looked_up(&subscript.value);
                self.visit_expr(&subscript.slice);
            }
            Expr::Compare(compare) => {
                self.visit_expr(&compare.left);
                compare.comparators.iter().for_each(|right| self.looked_up(right));
            }
            Expr::Call(call) => {
                match &*call.func {
                    Expr::Attribute(method)
                        if matches!(
                            method.attr.as_str(),
                            "get" | "items" | "keys" | "values" | "index" | "count"
                        ) =>
                    {
                        self.looked_up(&method.value);
                    }
                    Expr::Name(_) => {}
                    other => self.visit_expr(other),
                }
                let reads = matches!(&*call.func, Expr::Name(name) if matches!(name.id.as_str(),
                    "len" | "sorted" | "list" | "tuple" | "set" | "frozenset" | "dict" | "sum" | "any" | "all" | "enumerate" | "zip"));
                for argument in &call.arguments.args {
                    if reads { self.looked_up(argument) } else { self.visit_expr(argument) }
                }
                call.arguments.keywords.iter().for_each(|keyword| self.visit_expr(&keyword.value));
            }
            _ => visitor::walk_expr(self, expr),
        }
    }
}
