//! Names of a module that it may leave unbound: there is a way through its top level that binds them nowhere.
//!
//! ```python
//! try:
//!     from fast import Reader           # perhaps
//! except ImportError:
//!     pass
//! if FEATURE:
//!     def feature(): ...                # perhaps
//! else:
//!     feature = None                    # no, it is bound in both
//! ```

use ruff_python_ast::{self as ast, ExceptHandler, Expr, Stmt};
use smallvec::SmallVec;

use super::binding::{self, Form};
use super::condition::Condition;
use super::names::NameId;
use super::walker::Walker;

/// Names, each once.
type Set = SmallVec<[NameId; 8]>;

impl<'a> Walker<'a> {
    /// Notes those of the module.
    pub fn note_perhaps_bound(&mut self, body: &'a [Stmt]) {
        let mut perhaps = Set::new();
        for stmt in body.iter().filter(|stmt| is_compound(stmt)) {
            let sure = self.sure_of(stmt).unwrap_or_default();
            let bound = self.bound_in(std::slice::from_ref(stmt));
            perhaps.extend(bound.into_iter().filter(|name| !sure.contains(name)));
        }
        if perhaps.is_empty() {
            return;
        }
        for stmt in body {
            let sure = if is_compound(stmt) {
                self.sure_of(stmt).unwrap_or_default()
            } else {
                self.bound_in(std::slice::from_ref(stmt))
            };
            perhaps.retain(|name| !sure.contains(name));
        }
        for name in perhaps {
            let info = self.names[name].info;
            if let Some((_, info)) = self.facts.infos.get_mut(info as usize) {
                info.perhaps = true;
            }
        }
    }

    /// The names that statements bind, wherever in them.
    fn bound_in(&mut self, block: &'a [Stmt]) -> Set {
        let mut bindings = Vec::new();
        binding::of_block(block, self.walrus, &mut self.names, &mut bindings);
        let own = bindings.into_iter().filter(|b| matches!(b.form, Form::Import | Form::Other));
        own.map(|binding| binding.name).collect()
    }

    /// The names that all ways through a block bind. None if no way leads to its end.
    fn sure_in(&mut self, block: &'a [Stmt]) -> Option<Set> {
        let mut sure = Set::new();
        for stmt in block {
            match stmt {
                Stmt::Raise(_) => return None,
                Stmt::Expr(stmt) if leaves(&stmt.value) => return None,
                Stmt::Delete(delete) => {
                    for target in &delete.targets {
                        if let Expr::Name(name) = target {
                            let name = self.names.id(name.id.as_str());
                            sure.retain(|other| *other != name);
                        }
                    }
                }
                _ if is_compound(stmt) => sure.extend(self.sure_of(stmt)?),
                _ => sure.extend(self.bound_in(std::slice::from_ref(stmt))),
            }
        }
        Some(sure)
    }

    /// The same for a statement that has others in it.
    fn sure_of(&mut self, stmt: &'a Stmt) -> Option<Set> {
        match stmt {
            Stmt::If(stmt) => {
                let first = (Some(&*stmt.test), &*stmt.body);
                let others =
                    stmt.elif_else_clauses.iter().map(|clause| (clause.test.as_ref(), &*clause.body));
                let mut ways = Vec::new();
                let mut open = true;
                for (test, block) in std::iter::once(first).chain(others) {
                    let condition = test.map_or(Condition::Always, |test| self.condition(test));
                    if matches!(condition, Condition::Never | Condition::Main) {
                        continue;
                    }
                    ways.push(self.sure_in(block));
                    if condition == Condition::Always {
                        open = false;
                        break;
                    }
                }
                if open {
                    ways.push(Some(Set::new()));
                }
                in_all(ways)
            }
            Stmt::Try(stmt) => {
                let mut whole = self.sure_in(&stmt.body);
                if let Some(sure) = &mut whole {
                    match self.sure_in(&stmt.orelse) {
                        Some(more) => sure.extend(more),
                        None => whole = None,
                    }
                }
                let mut ways = vec![whole];
                for ExceptHandler::ExceptHandler(handler) in &stmt.handlers {
                    ways.push(self.sure_in(&handler.body));
                }
                let mut sure = in_all(ways)?;
                sure.extend(self.sure_in(&stmt.finalbody)?);
                Some(sure)
            }
            Stmt::With(with) => {
                let sure = self.sure_in(&with.body);
                if with.items.iter().any(|item| suppresses(&item.context_expr)) {
                    return Some(Set::new());
                }
                let mut sure = sure?;
                let mut bindings = Vec::new();
                for target in with.items.iter().filter_map(|item| item.optional_vars.as_deref()) {
                    binding::of_target(target, &mut self.names, &mut bindings);
                }
                sure.extend(bindings.into_iter().map(|binding| binding.name));
                Some(sure)
            }
            Stmt::For(stmt) if never_empty(&stmt.iter) => {
                let mut sure = self.sure_in(&stmt.body)?;
                let mut bindings = Vec::new();
                binding::of_target(&stmt.target, &mut self.names, &mut bindings);
                sure.extend(bindings.into_iter().map(|binding| binding.name));
                Some(sure)
            }
            _ => Some(Set::new()),
        }
    }
}

/// The names that all of these ways have that lead on.
fn in_all(ways: Vec<Option<Set>>) -> Option<Set> {
    let mut ways = ways.into_iter().flatten();
    let mut sure = ways.next()?;
    for way in ways {
        sure.retain(|name| way.contains(name));
    }
    Some(sure)
}

/// Whether a statement may have others in it that do not run, at module level.
fn is_compound(stmt: &Stmt) -> bool {
    matches!(
        stmt,
        Stmt::If(_) | Stmt::Try(_) | Stmt::With(_) | Stmt::For(_) | Stmt::While(_) | Stmt::Match(_)
    )
}

/// `sys.exit(…)` and the like.
fn leaves(expr: &Expr) -> bool {
    let Expr::Call(call) = expr else { return false };
    match &*call.func {
        Expr::Name(name) => matches!(name.id.as_str(), "exit" | "quit"),
        Expr::Attribute(attribute) => matches!(attribute.attr.as_str(), "exit" | "_exit"),
        _ => false,
    }
}

/// `contextlib.suppress(…)`
fn suppresses(expr: &Expr) -> bool {
    let Expr::Call(call) = expr else { return false };
    match &*call.func {
        Expr::Name(name) => name.id.as_str() == "suppress",
        Expr::Attribute(attribute) => attribute.attr.as_str() == "suppress",
        _ => false,
    }
}

/// Whether what a loop goes through has something in it.
fn never_empty(iter: &Expr) -> bool {
    match iter {
        Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
            elts.iter().any(|element| !element.is_starred_expr())
        }
        _ => false,
    }
}
