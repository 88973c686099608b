//! Which names the `__getattr__` of a module answers for, if it says so.
//!
//! ```python
//! def __getattr__(name):
//!     if name == "Old":                   # these,
//!         warnings.warn("use New")
//!         return New
//!     if name in TABLE:                   # the keys of a dictionary that nothing changes,
//!         return import_module(TABLE[name], __name__)
//!     raise AttributeError(name)          # and no others
//! ```

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, BoolOp, CmpOp, ExceptHandler, Expr, Stmt};

use super::Sym;

/// The names that such a function of a module may have an answer for; `None` if it does not say that it refuses all others.
pub(super) fn names_given(def: &ast::StmtFunctionDef, module: &[Stmt]) -> Option<Vec<Sym>> {
    let parameter = def.parameters.iter_non_variadic_params().next()?.parameter.name.as_str();
    let mut getter = Getter { module, parameter, names: Vec::new(), locals: Vec::new() };
    (def.decorator_list.is_empty() && getter.refuses(&def.body)).then_some(getter.names)
}

struct Getter<'a> {
    module: &'a [Stmt],
    parameter: &'a str,
    names: Vec<Sym>,
    /// Names that the function binds itself.
    locals: Vec<&'a str>,
}

impl<'a> Getter<'a> {
    /// Whether a block raises, but for names that it compares with.
    fn refuses(&mut self, block: &'a [Stmt]) -> bool {
        for stmt in block {
            match stmt {
                Stmt::Raise(_) => return true,
                // Whoever is not in the table gets no further.
                Stmt::If(stmt) if matches!(&*stmt.body, [Stmt::Raise(_)]) => {
                    if let Some(table) = self.left_out(&stmt.test) {
                        return self.takes(table);
                    }
                    if !self.chooses(stmt) {
                        return false;
                    }
                }
                Stmt::If(stmt) => {
                    if let Some(clause) = stmt.elif_else_clauses.last().filter(|clause| clause.test.is_none())
                    {
                        return self.chooses(stmt) && self.refuses(&clause.body);
                    }
                    if !self.chooses(stmt) {
                        return false;
                    }
                }
                Stmt::Try(stmt) => return self.looks_up(stmt),
                // Nothing else happens to whoever is refused.
                Stmt::Expr(expr) if expr.value.is_literal_expr() => {}
                Stmt::Pass(_) | Stmt::Global(_) => {}
                Stmt::Import(ast::StmtImport { names, .. })
                | Stmt::ImportFrom(ast::StmtImportFrom { names, .. }) => {
                    let bound = |alias: &'a ast::Alias| {
                        let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                        name.split('.').next().unwrap_or(name)
                    };
                    self.locals.extend(names.iter().map(bound));
                }
                _ => return false,
            }
        }
        false
    }

    /// Whether all tests of a statement hold for names only that are written out.
    fn chooses(&mut self, stmt: &'a ast::StmtIf) -> bool {
        let others = stmt.elif_else_clauses.iter().filter_map(|clause| clause.test.as_ref());
        std::iter::once(&*stmt.test).chain(others).all(|test| self.compares(test))
    }

    /// Whether a test holds for names only that are written out in it, or in a table.
    fn compares(&mut self, test: &'a Expr) -> bool {
        match test {
            Expr::BoolOp(operation) if operation.op == BoolOp::Or => {
                operation.values.iter().all(|part| self.compares(part))
            }
            Expr::BoolOp(operation) => operation.values.iter().any(|part| self.compares(part)),
            Expr::Compare(compare) => match (&*compare.ops, &*compare.comparators) {
                _ if !self.is_parameter(&compare.left) => false,
                ([CmpOp::Eq], [text]) => self.takes_texts(std::slice::from_ref(text)),
                ([CmpOp::In], [table]) => self.takes(table),
                _ => false,
            },
            _ => false,
        }
    }

    /// The table, if a test asks whether the name is not in it.
    fn left_out(&self, test: &'a Expr) -> Option<&'a Expr> {
        let Expr::Compare(compare) = test else { return None };
        match (&*compare.ops, &*compare.comparators) {
            ([CmpOp::NotIn], [table]) | ([CmpOp::NotEq], [table @ Expr::StringLiteral(_)])
                if self.is_parameter(&compare.left) =>
            {
                Some(table)
            }
            _ => None,
        }
    }

    /// `try: where = TABLE[name]`, `except KeyError: raise AttributeError(name)`
    fn looks_up(&mut self, stmt: &'a ast::StmtTry) -> bool {
        let [ExceptHandler::ExceptHandler(handler)] = &*stmt.handlers else { return false };
        let value = match &*stmt.body {
            [Stmt::Assign(assign)] => &*assign.value,
            [Stmt::Return(ast::StmtReturn { value: Some(value), .. })] => value,
            _ => return false,
        };
        // `import_module(TABLE[name])`
        let value = match value {
            Expr::Call(call) if call.func.is_name_expr() => call.arguments.args.first().unwrap_or(value),
            _ => value,
        };
        let Expr::Subscript(item) = value else { return false };
        matches!(&*handler.body, [Stmt::Raise(_)])
            && stmt.finalbody.is_empty()
            && self.is_parameter(&item.slice)
            && self.takes(&item.value)
    }

    /// Takes the names that a display or a table of the module has.
    fn takes(&mut self, table: &'a Expr) -> bool {
        match table {
            Expr::Tuple(ast::ExprTuple { elts, .. })
            | Expr::List(ast::ExprList { elts, .. })
            | Expr::Set(ast::ExprSet { elts, .. }) => self.takes_texts(elts),
            Expr::Dict(dict) => dict
                .items
                .iter()
                .all(|item| item.key.as_ref().is_some_and(|key| self.takes_texts(std::slice::from_ref(key)))),
            Expr::StringLiteral(_) => self.takes_texts(std::slice::from_ref(table)),
            Expr::Name(name)
                if name.id.as_str() != self.parameter && !self.locals.contains(&name.id.as_str()) =>
            {
                bound_once(self.module, name.id.as_str()).is_some_and(|value| self.takes(value))
            }
            _ => false,
        }
    }

    fn takes_texts(&mut self, texts: &'a [Expr]) -> bool {
        texts.iter().all(|text| match text {
            Expr::StringLiteral(text) => {
                self.names.push(Sym::new(text.value.to_str()));
                true
            }
            _ => false,
        })
    }

    fn is_parameter(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Name(name) if name.id.as_str() == self.parameter)
    }
}

/// What a name of a module is bound to, if it is bound once, at the top level, and nothing in the module changes what it holds.
fn bound_once<'a>(module: &'a [Stmt], name: &'a str) -> Option<&'a Expr> {
    let is_it = |target: &Expr| matches!(target, Expr::Name(bound) if bound.id.as_str() == name);
    let values = module.iter().filter_map(|stmt| match stmt {
        Stmt::Assign(assign) if assign.targets.iter().any(is_it) => Some(&*assign.value),
        Stmt::AnnAssign(assign) if is_it(&assign.target) => assign.value.as_deref(),
        _ => None,
    });
    let mut uses = Uses { name, bound: 0, changed: false };
    uses.visit_body(module);
    values.last().filter(|_| uses.bound == 1 && !uses.changed)
}

/// How a module uses a name.
struct Uses<'a> {
    name: &'a str,
    bound: u32,
    /// It is handed on, or what it stands for is changed.
    changed: bool,
}

impl Uses<'_> {
    fn is_it(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Name(name) if name.id.as_str() == self.name)
    }
}

impl<'a> Visitor<'a> for Uses<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::Global(global) = stmt {
            self.changed |= global.names.iter().any(|name| name.as_str() == self.name);
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            // Reading an item, or asking for one.
            Expr::Subscript(item) if item.ctx.is_load() && self.is_it(&item.value) => {
                self.visit_expr(&item.slice);
            }
            Expr::Compare(compare) if compare.comparators.iter().any(|other| self.is_it(other)) => {
                self.visit_expr(&compare.left);
            }
            Expr::Call(call)
                if let Expr::Attribute(method) = &*call.func
                    && self.is_it(&method.value) =>
            {
                let reads = matches!(method.attr.as_str(), "get" | "keys" | "values" | "items" | "copy");
                self.changed |= !reads;
                call.arguments.args.iter().for_each(|argument| self.visit_expr(argument));
            }
            Expr::Call(call) if let Expr::Name(function) = &*call.func => {
                let reads =
                    matches!(function.id.as_str(), "list" | "tuple" | "set" | "sorted" | "len" | "frozenset");
                let others = call.arguments.args.iter().filter(|argument| !(reads && self.is_it(argument)));
                others.collect::<Vec<_>>().into_iter().for_each(|argument| self.visit_expr(argument));
                call.arguments.keywords.iter().for_each(|keyword| self.visit_expr(&keyword.value));
            }
            Expr::Starred(starred) if self.is_it(&starred.value) => {}
            Expr::Name(name) if name.id.as_str() == self.name => match name.ctx {
                ast::ExprContext::Store => self.bound += 1,
                _ => self.changed = true,
            },
            _ => visitor::walk_expr(self, expr),
        }
    }
}
