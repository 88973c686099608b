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
use rustc_hash::FxHashSet;

/// The names that one block binds.
#[derive(Default, Debug)]
pub struct Bindings<'a> {
    /// Names bound in the block, by any binding form, unmangled.
    pub bound: FxHashSet<&'a str>,
    /// Names declared `global`.
    pub global: FxHashSet<&'a str>,
    /// Names declared `nonlocal`.
    pub nonlocal: FxHashSet<&'a str>,
    /// The part of `bound` that import statements bind.
    pub imported: FxHashSet<&'a str>,
}

impl<'a> Bindings<'a> {
    /// Collects the bindings of `body`. `walrus` says whether the file contains `:=` at all; without
    /// one no expression can bind a name and expressions are not visited.
    pub fn of_block(body: &'a [Stmt], walrus: bool) -> Self {
        let mut collector = Collector { bindings: Bindings::default(), walrus };
        for stmt in body {
            collector.visit_stmt(stmt);
        }
        collector.bindings
    }

    /// Collects the names that an assignment target binds.
    pub fn add_target(&mut self, target: &'a Expr) {
        match target {
            Expr::Name(name) => {
                self.bound.insert(name.id.as_str());
            }
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|e| self.add_target(e)),
            Expr::List(list) => list.elts.iter().for_each(|e| self.add_target(e)),
            Expr::Starred(starred) => self.add_target(&starred.value),
            // `a.b = …` and `a[b] = …` bind no name.
            _ => {}
        }
    }
}

/// The name that an alias of an import statement binds: `import a.b` binds `a`.
pub fn bound_by_alias(alias: &ast::Alias, from: bool) -> &str {
    match &alias.asname {
        Some(name) => name.as_str(),
        None if from => alias.name.as_str(),
        None => alias.name.as_str().split('.').next().unwrap_or_default(),
    }
}

/// Adds the names that functions and classes anywhere in `body` declare `global`.
pub(super) fn add_declared_global<'a>(body: &'a [Stmt], names: &mut FxHashSet<&'a str>) {
    struct Globals<'a, 'n>(&'n mut FxHashSet<&'a str>);
    impl<'a> Visitor<'a> for Globals<'a, '_> {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            if let Stmt::Global(global) = stmt {
                self.0.extend(global.names.iter().map(ast::Identifier::as_str));
            }
            walk_stmt(self, stmt);
        }
        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    let mut visitor = Globals(names);
    for stmt in body {
        visitor.visit_stmt(stmt);
    }
}

struct Collector<'a> {
    bindings: Bindings<'a>,
    walrus: bool,
}

impl<'a> Visitor<'a> for Collector<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(def) => {
                self.bindings.bound.insert(def.name.as_str());
                if self.walrus {
                    for decorator in &def.decorator_list {
                        self.visit_expr(&decorator.expression);
                    }
                    self.visit_parameters(&def.parameters);
                }
                return;
            }
            Stmt::ClassDef(def) => {
                self.bindings.bound.insert(def.name.as_str());
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
            Stmt::Assign(assign) => assign.targets.iter().for_each(|t| self.bindings.add_target(t)),
            Stmt::AugAssign(assign) => self.bindings.add_target(&assign.target),
            // An annotated name is local even without a value.
            Stmt::AnnAssign(assign) => self.bindings.add_target(&assign.target),
            Stmt::TypeAlias(alias) => self.bindings.add_target(&alias.name),
            Stmt::For(stmt) => self.bindings.add_target(&stmt.target),
            Stmt::With(stmt) => {
                for item in &stmt.items {
                    if let Some(target) = &item.optional_vars {
                        self.bindings.add_target(target);
                    }
                }
            }
            Stmt::Try(stmt) => {
                for ExceptHandler::ExceptHandler(handler) in &stmt.handlers {
                    if let Some(name) = &handler.name {
                        self.bindings.bound.insert(name.as_str());
                    }
                }
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.bindings.bound.insert(bound_by_alias(alias, false));
                    self.bindings.imported.insert(bound_by_alias(alias, false));
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    self.bindings.bound.insert(bound_by_alias(alias, true));
                    self.bindings.imported.insert(bound_by_alias(alias, true));
                }
            }
            Stmt::Delete(delete) => delete.targets.iter().for_each(|t| self.bindings.add_target(t)),
            Stmt::Global(global) => {
                self.bindings.global.extend(global.names.iter().map(ast::Identifier::as_str));
            }
            Stmt::Nonlocal(nonlocal) => {
                self.bindings.nonlocal.extend(nonlocal.names.iter().map(ast::Identifier::as_str));
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
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if !self.walrus {
            return;
        }
        match expr {
            Expr::Named(named) => self.bindings.add_target(&named.target),
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

impl<'a> Collector<'a> {
    fn pattern(&mut self, pattern: &'a Pattern) {
        match pattern {
            Pattern::MatchValue(_) | Pattern::MatchSingleton(_) => {}
            Pattern::MatchSequence(p) => p.patterns.iter().for_each(|p| self.pattern(p)),
            Pattern::MatchMapping(p) => {
                p.patterns.iter().for_each(|p| self.pattern(p));
                if let Some(rest) = &p.rest {
                    self.bindings.bound.insert(rest.as_str());
                }
            }
            Pattern::MatchClass(p) => {
                p.arguments.patterns.iter().for_each(|p| self.pattern(p));
                p.arguments.keywords.iter().for_each(|k| self.pattern(&k.pattern));
            }
            Pattern::MatchStar(p) => {
                if let Some(name) = &p.name {
                    self.bindings.bound.insert(name.as_str());
                }
            }
            Pattern::MatchAs(p) => {
                if let Some(inner) = &p.pattern {
                    self.pattern(inner);
                }
                if let Some(name) = &p.name {
                    self.bindings.bound.insert(name.as_str());
                }
            }
            Pattern::MatchOr(p) => p.patterns.iter().for_each(|p| self.pattern(p)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Bindings;
    use ruff_python_parser::parse_module;

    fn bound(source: &str) -> Vec<String> {
        let parsed = parse_module(source).expect("parses");
        let bindings = Bindings::of_block(&parsed.syntax().body, source.contains(":="));
        let mut names: Vec<_> = bindings.bound.iter().map(|s| (*s).to_owned()).collect();
        names.sort();
        names
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
