//! Which names a block of statements binds in its own scope.
//!
//! Enters: the statements of a module, function or class body. Leaves: the set of bound names and
//! what `global` and `nonlocal` say. Never looks into nested functions and classes: their names are
//! their own. Python decides the scope of a name from the whole block (reference, section 4.2.1
//! "Binding of names"), so this runs before the block's reads are resolved.
//!
//! ```python
//! def f(a):            # binds f outside; inside: a, b, c, e (gone after the handler), g, h
//!     b = a
//!     for c in b: ...
//!     try: ...
//!     except E as e: ...
//!     with x as (g, *h): ...
//! ```

use ruff_python_ast::{
    self as ast, ExceptHandler, Expr, Pattern, Stmt,
    visitor::{Visitor, walk_expr, walk_stmt},
};

use super::names::{NameId, Names};

/// A name that a block binds or declares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Binding {
    pub name: NameId,
    pub form: Form,
}

/// In which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// By an import statement.
    Import,
    /// By any other binding form.
    Other,
    /// Declared `global`.
    Global,
    /// Declared `nonlocal`.
    Nonlocal,
}

/// Collects the bindings of `body`, the same name more than once where it is bound more than once. `walrus` says whether the file
/// contains `:=` at all; without one no expression can bind a name and expressions are not visited.
pub(super) fn of_block<'a>(
    body: &'a [Stmt],
    walrus: bool,
    names: &mut Names<'a>,
    bindings: &mut Vec<Binding>,
) {
    Collector { names, bindings, walrus }.block(body);
}

/// Collects the names that an assignment target binds.
pub(super) fn of_target<'a>(target: &'a Expr, names: &mut Names<'a>, bindings: &mut Vec<Binding>) {
    Collector { names, bindings, walrus: false }.target(target);
}

/// The name that an alias of an import statement binds: `import a.b` binds `a`.
pub fn bound_by_alias(alias: &ast::Alias, from: bool) -> &str {
    match &alias.asname {
        Some(name) => name.as_str(),
        None if from => alias.name.as_str(),
        None => alias.name.as_str().split('.').next().unwrap_or_default(),
    }
}

/// Gives the names that functions and classes anywhere in `body` declare `global`.
pub(super) fn declared_global<'a>(body: &'a [Stmt], found: &mut impl FnMut(&'a str)) {
    for stmt in body {
        if let Stmt::Global(global) = stmt {
            global.names.iter().for_each(|name| found(name.as_str()));
        }
        for_each_block(stmt, &mut |block| declared_global(block, found));
        match stmt {
            Stmt::FunctionDef(def) => declared_global(&def.body, found),
            Stmt::ClassDef(def) => declared_global(&def.body, found),
            _ => {}
        }
    }
}

/// The blocks of a compound statement that are executed in the scope of the statement.
fn for_each_block<'a>(stmt: &'a Stmt, visit: &mut impl FnMut(&'a [Stmt])) {
    match stmt {
        Stmt::For(stmt) => [&stmt.body, &stmt.orelse].into_iter().for_each(|block| visit(block)),
        Stmt::While(stmt) => [&stmt.body, &stmt.orelse].into_iter().for_each(|block| visit(block)),
        Stmt::If(stmt) => {
            visit(&stmt.body);
            stmt.elif_else_clauses.iter().for_each(|clause| visit(&clause.body));
        }
        Stmt::With(stmt) => visit(&stmt.body),
        Stmt::Match(stmt) => stmt.cases.iter().for_each(|case| visit(&case.body)),
        Stmt::Try(stmt) => {
            visit(&stmt.body);
            for ExceptHandler::ExceptHandler(handler) in &stmt.handlers {
                visit(&handler.body);
            }
            visit(&stmt.orelse);
            visit(&stmt.finalbody);
        }
        Stmt::FunctionDef(_)
        | Stmt::ClassDef(_)
        | Stmt::Return(_)
        | Stmt::Delete(_)
        | Stmt::TypeAlias(_)
        | Stmt::Assign(_)
        | Stmt::AugAssign(_)
        | Stmt::AnnAssign(_)
        | Stmt::Raise(_)
        | Stmt::Assert(_)
        | Stmt::Import(_)
        | Stmt::ImportFrom(_)
        | Stmt::Global(_)
        | Stmt::Nonlocal(_)
        | Stmt::Expr(_)
        | Stmt::Pass(_)
        | Stmt::Break(_)
        | Stmt::Continue(_)
        | Stmt::IpyEscapeCommand(_) => {}
    }
}

struct Collector<'a, 'c> {
    names: &'c mut Names<'a>,
    bindings: &'c mut Vec<Binding>,
    walrus: bool,
}

impl<'a> Visitor<'a> for Collector<'a, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(def) => {
                self.bound(def.name.as_str());
                if self.walrus {
                    for decorator in &def.decorator_list {
                        self.visit_expr(&decorator.expression);
                    }
                    self.visit_parameters(&def.parameters);
                }
                return;
            }
            Stmt::ClassDef(def) => {
                self.bound(def.name.as_str());
                if self.walrus {
                    for decorator in &def.decorator_list {
                        self.visit_expr(&decorator.expression);
                    }
                    if let Some(arguments) = &def.arguments {
                        self.visit_arguments(arguments);
                    }
                }
                return;
            }
            Stmt::Assign(assign) => assign.targets.iter().for_each(|t| self.target(t)),
            Stmt::AugAssign(assign) => self.target(&assign.target),
            // An annotated name is local even without a value.
            Stmt::AnnAssign(assign) => self.target(&assign.target),
            Stmt::TypeAlias(alias) => self.target(&alias.name),
            Stmt::For(stmt) => self.target(&stmt.target),
            Stmt::With(stmt) => {
                for item in &stmt.items {
                    if let Some(target) = &item.optional_vars {
                        self.target(target);
                    }
                }
            }
            Stmt::Try(stmt) => {
                for ExceptHandler::ExceptHandler(handler) in &stmt.handlers {
                    if let Some(name) = &handler.name {
                        self.bound(name.as_str());
                    }
                }
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.add(bound_by_alias(alias, false), Form::Import);
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    self.add(bound_by_alias(alias, true), Form::Import);
                }
            }
            Stmt::Delete(delete) => delete.targets.iter().for_each(|t| self.target(t)),
            Stmt::Global(global) => {
                global.names.iter().for_each(|name| self.add(name.as_str(), Form::Global));
            }
            Stmt::Nonlocal(nonlocal) => {
                nonlocal.names.iter().for_each(|name| self.add(name.as_str(), Form::Nonlocal));
            }
            Stmt::Match(stmt) => {
                for case in &stmt.cases {
                    self.pattern(&case.pattern);
                }
            }
            Stmt::Return(_)
            | Stmt::While(_)
            | Stmt::If(_)
            | Stmt::Raise(_)
            | Stmt::Assert(_)
            | Stmt::Expr(_)
            | Stmt::Pass(_)
            | Stmt::Break(_)
            | Stmt::Continue(_)
            | Stmt::IpyEscapeCommand(_) => {}
        }
        if self.walrus {
            walk_stmt(self, stmt);
        } else {
            for_each_block(stmt, &mut |block| self.block(block));
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if !self.walrus {
            return;
        }
        match expr {
            Expr::Named(named) => self.target(&named.target),
            // A lambda has a scope of its own; only its defaults are evaluated here.
            Expr::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    self.visit_parameters(parameters);
                }
                return;
            }
            // A walrus inside a comprehension binds in the enclosing block (PEP 572).
            _ => {}
        }
        walk_expr(self, expr);
    }

    fn visit_annotation(&mut self, _: &'a Expr) {}
}

impl<'a> Collector<'a, '_> {
    fn block(&mut self, body: &'a [Stmt]) {
        for stmt in body {
            self.visit_stmt(stmt);
        }
    }

    fn add(&mut self, name: &'a str, form: Form) {
        let name = self.names.id(name);
        self.bindings.push(Binding { name, form });
    }

    fn bound(&mut self, name: &'a str) {
        self.add(name, Form::Other);
    }

    fn target(&mut self, target: &'a Expr) {
        match target {
            Expr::Name(name) => self.bound(name.id.as_str()),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|e| self.target(e)),
            Expr::List(list) => list.elts.iter().for_each(|e| self.target(e)),
            Expr::Starred(starred) => self.target(&starred.value),
            // `a.b = …` and `a[b] = …` bind no name.
            _ => {}
        }
    }

    fn pattern(&mut self, pattern: &'a Pattern) {
        match pattern {
            Pattern::MatchValue(_) | Pattern::MatchSingleton(_) => {}
            Pattern::MatchSequence(p) => p.patterns.iter().for_each(|p| self.pattern(p)),
            Pattern::MatchMapping(p) => {
                p.patterns.iter().for_each(|p| self.pattern(p));
                if let Some(rest) = &p.rest {
                    self.bound(rest.as_str());
                }
            }
            Pattern::MatchClass(p) => {
                p.arguments.patterns.iter().for_each(|p| self.pattern(p));
                p.arguments.keywords.iter().for_each(|k| self.pattern(&k.pattern));
            }
            Pattern::MatchStar(p) => {
                if let Some(name) = &p.name {
                    self.bound(name.as_str());
                }
            }
            Pattern::MatchAs(p) => {
                if let Some(inner) = &p.pattern {
                    self.pattern(inner);
                }
                if let Some(name) = &p.name {
                    self.bound(name.as_str());
                }
            }
            Pattern::MatchOr(p) => p.patterns.iter().for_each(|p| self.pattern(p)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Names;
    use crate::facts::names::Table;
    use ruff_python_parser::parse_module;

    fn bound(source: &str) -> Vec<String> {
        let parsed = parse_module(source).expect("parses");
        let (mut names, mut bindings) = (Names::new(Table::default()), Vec::new());
        super::of_block(&parsed.syntax().body, source.contains(":="), &mut names, &mut bindings);
        let mut bound: Vec<_> = bindings.iter().map(|b| names.text(b.name).to_owned()).collect();
        bound.sort();
        bound.dedup();
        bound
    }

    #[test]
    fn every_binding_form() {
        let cases = [
            ("a = b = 1", "a b"),
            ("(a, [b, *c]), d.e, f[0] = x", "a b c"),
            ("a += 1", "a"),
            ("a: int", "a"),
            ("for a, b in x: c = 1\nelse: d = 1", "a b c d"),
            ("with x as a, y as (b, c): pass", "a b c"),
            ("try: a = 1\nexcept E as b: c = 1\nelse: d = 1\nfinally: e = 1", "a b c d e"),
            ("import a.b, c.d as e", "a e"),
            ("from x import a, b as c", "a c"),
            ("def a(b=(c := 1)): d = 1", "a c"),
            ("class A(B): c = 1", "A"),
            ("del a", "a"),
            ("[b := 1 for c in d]", "b"),
            ("lambda a: (b := 1)", ""),
            ("lambda a=(b := 1): 0", "b"),
            (
                "match x:\n case [a, *b]: pass\n case {'k': c, **d}: pass\n case E(f, g=h) | i: pass",
                "a b c d f h i",
            ),
            ("while (a := f()): b = 1", "a b"),
            ("type A = int", "A"),
            ("if x: a = 1\nelif y: b = 2\nelse: c = 3", "a b c"),
        ];
        for (source, expected) in cases {
            assert_eq!(bound(source).join(" "), expected, "{source}");
        }
    }
}
