//! Which names the `__getattr__` of a module answers for, if it says so.
//!
//! ```python
//! def __getattr__(name):
//!     if name == "Old":                   # these,
//!         warnings.warn("use New")
//!         return New
//!     if name in ("one", "two"):          # these,
//!         return import_module(f".{name}", __name__)
//!     raise AttributeError(name)          # and no others
//! ```

use ruff_python_ast::{self as ast, BoolOp, CmpOp, Expr, Stmt};

use super::Sym;

/// The names that such a function may have an answer for; `None` if it does not say that it refuses all others.
pub(super) fn names_given(def: &ast::StmtFunctionDef) -> Option<Vec<Sym>> {
    let parameter = def.parameters.iter_non_variadic_params().next()?.parameter.name.as_str();
    let mut names = Vec::new();
    (def.decorator_list.is_empty() && refuses(&def.body, parameter, &mut names)).then_some(names)
}

/// Whether a block raises, but for names that it compares with.
fn refuses(block: &[Stmt], parameter: &str, names: &mut Vec<Sym>) -> bool {
    for stmt in block {
        match stmt {
            Stmt::Raise(_) => return true,
            Stmt::If(stmt) => {
                let mut last = None;
                let first = (Some(&*stmt.test), &stmt.body);
                let others = stmt.elif_else_clauses.iter().map(|clause| (clause.test.as_ref(), &clause.body));
                for (test, body) in std::iter::once(first).chain(others) {
                    match test {
                        Some(test) if compares(test, parameter, names) => {}
                        Some(_) => return false,
                        None => last = Some(body),
                    }
                }
                if let Some(body) = last {
                    return refuses(body, parameter, names);
                }
            }
            Stmt::Import(_) | Stmt::ImportFrom(_) | Stmt::Pass(_) | Stmt::Expr(_) | Stmt::Global(_) => {}
            Stmt::Assign(assign) if assign.targets.iter().all(|target| is_other(target, parameter)) => {}
            _ => return false,
        }
    }
    false
}

/// Whether a test holds for names only that are written out in it.
fn compares(test: &Expr, parameter: &str, names: &mut Vec<Sym>) -> bool {
    match test {
        Expr::BoolOp(operation) if operation.op == BoolOp::Or => {
            operation.values.iter().all(|part| compares(part, parameter, names))
        }
        Expr::BoolOp(operation) => operation.values.iter().any(|part| compares(part, parameter, names)),
        Expr::Compare(compare) => {
            let (Expr::Name(name), [op], [other]) = (&*compare.left, &*compare.ops, &*compare.comparators)
            else {
                return false;
            };
            let texts = match (op, other) {
                (CmpOp::Eq, text) => std::slice::from_ref(text),
                (
                    CmpOp::In,
                    Expr::Tuple(ast::ExprTuple { elts, .. })
                    | Expr::List(ast::ExprList { elts, .. })
                    | Expr::Set(ast::ExprSet { elts, .. }),
                ) => elts,
                _ => return false,
            };
            name.id.as_str() == parameter
                && texts.iter().all(|text| match text {
                    Expr::StringLiteral(text) => {
                        names.push(Sym::new(text.value.to_str()));
                        true
                    }
                    _ => false,
                })
        }
        _ => false,
    }
}

fn is_other(target: &Expr, parameter: &str) -> bool {
    matches!(target, Expr::Name(name) if name.id.as_str() != parameter)
}
