//! Calls that look through modules, and what they do with what they find.
//!
//! ```python
//! static = inspect.getattr_static(module, name, None)     # what is really in the namespace, past all descriptors
//! if inspect.isfunction(static):                          # and only functions count
//!     hooks.append(static)
//! ```
//!
//! A lazy object is no function, and neither is a module or a class. So whoever only picks functions cannot tell whether the name of
//! a module or of a class is still pending: each of his tests has the same result for both, and nothing else is done with what fails
//! them. That is decided by the text of the function alone: the variable is bound by this one statement, no code that runs later
//! mentions it, and every read of it is such a test or stands where a test has held.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, BoolOp, CmpOp, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::walker::Walker;
use super::{Alias, ImportStmt, MarkKind, Sym, Value, ValueId, idioms, words};

/// Functions of `inspect` that hold for functions and methods alone.
const TESTS: &[&str] = &["isfunction", "ismethod", "isbuiltin"];

/// What `isinstance` is asked for where it holds for functions, for what makes methods, or for descriptors of classes.
const KINDS: &[&str] = &[
    "FunctionType",
    "LambdaType",
    "MethodType",
    "BuiltinFunctionType",
    "BuiltinMethodType",
    "MemberDescriptorType",
    "GetSetDescriptorType",
];

/// The builtins among them.
const BUILTIN_KINDS: &[&str] = &["staticmethod", "classmethod"];

/// Whether a function of this name looks through a module.
pub fn inspects(name: Sym) -> bool {
    matches!(
        name,
        words::TESTMOD
            | words::DOC_TEST_SUITE
            | words::GETMEMBERS
            | words::GETMEMBERS_STATIC
            | words::GETATTR_STATIC
            | words::RUN_MODULE
            | words::RUN_PATH
    )
}

impl<'a> Walker<'a> {
    /// Calls that look through a module; without one, through their own.
    pub fn note_inspection(&mut self, name: Sym, first: Option<ValueId>, call: &'a ast::ExprCall) {
        let range = call.range();
        match (name.as_str(), first) {
            // `getmembers(x, inspect.isclass)`: no submodule is a class.
            ("getmembers", Some(_))
                if call.arguments.args.get(1).is_some_and(idioms::selects_definitions) => {}
            ("getmembers", Some(of)) => self.mark(MarkKind::NamesOf(of), range),
            // It takes what is really in the namespace, and asks no module for it. Special names never wait.
            ("getattr_static", Some(_))
                if matches!(call.arguments.args.get(1), Some(Expr::StringLiteral(name))
                    if name.value.to_str().starts_with("__")) => {}
            ("getattr_static", Some(of)) if picks_functions(self.body, &self.facts.imports, call) => {
                self.mark(MarkKind::PicksFunctions(of), range);
            }
            ("getattr_static", Some(of)) => self.mark(MarkKind::StaticOf(of), range),
            ("getmembers_static", Some(of)) => {
                self.mark(MarkKind::NamesOf(of), range);
                self.mark(MarkKind::StaticOf(of), range);
            }
            ("run_module" | "run_path" | "DocTestSuite", Some(of)) if !matches!(self.facts.code.value(of), Value::Global(name) if self.is_site(name.as_str())) =>
            {
                self.mark(MarkKind::NamespaceNamed(of), range);
            }
            (_, Some(of)) => self.namespace_of(of, range),
            ("testmod" | "DocTestSuite", None) => self.mark(MarkKind::EvaluatesText, range),
            (_, None) => {}
        }
    }
}

/// Whether what a call gives is bound to a variable of a function, and nothing but functions and methods matter from there on.
fn picks_functions(body: &[Stmt], imports: &[ImportStmt], call: &ast::ExprCall) -> bool {
    let mut innermost = Innermost { range: call.range(), found: None };
    innermost.visit_body(body);
    let Some(function) = innermost.found else { return false };
    let mut bound = BoundTo { range: call.range(), name: None };
    bound.visit_body(&function.body);
    let Some(name) = bound.name else { return false };
    let parameters = &function.parameters;
    if parameters.iter().any(|parameter| parameter.name().as_str() == name) {
        return false;
    }
    let mut uses = Uses { name, range: call.range(), imports, held: 0, later: 0, others: false };
    uses.visit_body(&function.body);
    !uses.others
}

/// The innermost function around a place.
struct Innermost<'a> {
    range: TextRange,
    found: Option<&'a ast::StmtFunctionDef>,
}

impl<'a> Visitor<'a> for Innermost<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if stmt.range().contains_range(self.range) {
            if let Stmt::FunctionDef(function) = stmt {
                self.found = Some(function);
            }
            visitor::walk_stmt(self, stmt);
        }
    }
    fn visit_expr(&mut self, _: &'a Expr) {}
}

/// The variable to which a statement binds an expression.
struct BoundTo<'a> {
    range: TextRange,
    name: Option<&'a str>,
}

impl<'a> Visitor<'a> for BoundTo<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if !stmt.range().contains_range(self.range) {
            return;
        }
        let (target, value) = match stmt {
            Stmt::Assign(assign) => match &*assign.targets {
                [target] => (target, Some(&assign.value)),
                _ => return,
            },
            Stmt::AnnAssign(assign) => (&*assign.target, assign.value.as_ref()),
            _ => return visitor::walk_stmt(self, stmt),
        };
        if let (Expr::Name(name), Some(value)) = (target, value)
            && value.range() == self.range
        {
            self.name = Some(name.id.as_str());
        }
    }
    fn visit_expr(&mut self, _: &'a Expr) {}
}

/// What a function does with a variable.
struct Uses<'n> {
    name: &'n str,
    /// The statements of the module, to know the functions that are called.
    imports: &'n [ImportStmt],
    /// The expression to which it may be bound.
    range: TextRange,
    /// How many tests around have held.
    held: u32,
    /// In how much code that runs later.
    later: u32,
    /// Something else is done with it.
    others: bool,
}

impl Uses<'_> {
    fn is_variable(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Name(name) if name.id.as_str() == self.name)
    }

    /// Whether a test holds for functions and methods alone: `isinstance(x, FunctionType)`, `isfunction(x) and …`.
    fn holds_for_functions(&self, test: &Expr) -> bool {
        match test {
            Expr::Call(call) => self.asks_for_functions(call),
            Expr::BoolOp(all) if all.op == BoolOp::And => {
                all.values.iter().any(|test| self.holds_for_functions(test))
            }
            Expr::BoolOp(any) => any.values.iter().all(|test| self.holds_for_functions(test)),
            _ => false,
        }
    }

    fn asks_for_functions(&self, call: &ast::ExprCall) -> bool {
        if !call.arguments.keywords.is_empty() {
            return false;
        }
        match &*call.arguments.args {
            [first] => self.is_variable(first) && self.is_of(&call.func, "inspect", TESTS),
            [first, kind] => {
                let is_kind = |kind: &Expr| {
                    self.is_of(kind, "types", KINDS)
                        || matches!(kind, Expr::Name(name) if BUILTIN_KINDS.contains(&name.id.as_str()))
                };
                let kinds = match kind {
                    Expr::Tuple(kinds) => kinds.elts.iter().all(is_kind),
                    kind => is_kind(kind),
                };
                kinds && self.is_variable(first) && last_name(&call.func) == Some("isinstance")
            }
            _ => false,
        }
    }

    /// Whether an expression is one of some names of a module of the library: `inspect.isfunction`, or imported from there.
    fn is_of(&self, expr: &Expr, module: &str, names: &[&str]) -> bool {
        match expr {
            Expr::Attribute(attribute) => {
                names.contains(&attribute.attr.as_str())
                    && matches!(&*attribute.value, Expr::Name(base) if base.id.as_str() == module)
            }
            Expr::Name(name) => {
                let from = |import: &&ImportStmt| {
                    import.from.is_some_and(|from| from.level == 0 && from.module == module)
                };
                let is = |alias: &Alias| alias.asname.is_none() && alias.name == name.id.as_str();
                names.contains(&name.id.as_str())
                    && self.imports.iter().filter(from).any(|import| import.aliases.iter().any(is))
            }
            _ => false,
        }
    }

    fn under(&mut self, test: &Expr, then: impl FnOnce(&mut Self)) {
        let held = u32::from(self.holds_for_functions(test));
        self.held += held;
        then(self);
        self.held -= held;
    }
}

impl<'a> Visitor<'a> for Uses<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::If(branches) => {
                self.visit_expr(&branches.test);
                self.under(&branches.test, |uses| uses.visit_body(&branches.body));
                for clause in &branches.elif_else_clauses {
                    if let Some(test) = &clause.test {
                        self.visit_expr(test);
                        self.under(test, |uses| uses.visit_body(&clause.body));
                    } else {
                        self.visit_body(&clause.body);
                    }
                }
            }
            // Under a test that has held, it would hold no longer.
            Stmt::Assign(ast::StmtAssign { value, .. })
            | Stmt::AnnAssign(ast::StmtAnnAssign { value: Some(value), .. })
                if value.range() == self.range =>
            {
                self.others |= self.held > 0;
                self.visit_expr(value);
            }
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {
                self.later += 1;
                visitor::walk_stmt(self, stmt);
                self.later -= 1;
            }
            Stmt::Global(names) => self.others |= names.names.iter().any(|name| name.as_str() == self.name),
            Stmt::Nonlocal(names) => self.others |= names.names.iter().any(|name| name.as_str() == self.name),
            Stmt::Import(ast::StmtImport { names, .. })
            | Stmt::ImportFrom(ast::StmtImportFrom { names, .. }) => {
                self.others |= names.iter().any(|name| {
                    name.asname.as_ref().unwrap_or(&name.name).as_str() == self.name
                        || name.name.as_str() == "*"
                });
            }
            Stmt::Match(_) => {
                // Patterns bind names in their own way.
                self.later += 1;
                visitor::walk_stmt(self, stmt);
                self.later -= 1;
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            // Stored or deleted elsewhere; read where nothing is known of it.
            Expr::Name(name) if name.id.as_str() == self.name => {
                self.others |= !name.ctx.is_load() || self.held == 0 || self.later > 0;
            }
            Expr::Call(call) if self.later == 0 && self.asks_for_functions(call) => {}
            Expr::Compare(compare)
                if self.later == 0
                    && matches!(&*compare.ops, [CmpOp::Is | CmpOp::IsNot])
                    && self.is_variable(&compare.left)
                    && matches!(&*compare.comparators, [Expr::NoneLiteral(_)]) => {}
            Expr::If(choice) => {
                self.visit_expr(&choice.test);
                self.under(&choice.test, |uses| uses.visit_expr(&choice.body));
                self.visit_expr(&choice.orelse);
            }
            Expr::BoolOp(all) if all.op == BoolOp::And => {
                let before = self.held;
                for value in &all.values {
                    self.visit_expr(value);
                    self.held += u32::from(self.holds_for_functions(value));
                }
                self.held = before;
            }
            // Code that runs later, or with names of its own.
            Expr::Lambda(_)
            | Expr::ListComp(_)
            | Expr::SetComp(_)
            | Expr::DictComp(_)
            | Expr::Generator(_) => {
                self.later += 1;
                visitor::walk_expr(self, expr);
                self.later -= 1;
            }
            _ => visitor::walk_expr(self, expr),
        }
    }

    fn visit_except_handler(&mut self, handler: &'a ast::ExceptHandler) {
        let ast::ExceptHandler::ExceptHandler(inner) = handler;
        self.others |= inner.name.as_ref().is_some_and(|name| name.as_str() == self.name);
        visitor::walk_except_handler(self, handler);
    }
}

/// The last name of what is named: `isfunction` of `inspect.isfunction`.
fn last_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => Some(attribute.attr.as_str()),
        _ => None,
    }
}
