//! Idioms under an `if` that make a change invisible: a value that is computed once, and an inherited attribute that is
//! copied before it is changed. And how such values begin.

use ruff_python_ast::{self as ast, Expr, Stmt};

/// What an `if` asks about and its body sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target<'a> {
    /// A name.
    Name(&'a str),
    /// An attribute of a name.
    Attribute(&'a str, &'a str),
}

impl Target<'_> {
    /// The name through which it is reached.
    pub fn base(&self) -> &str {
        let (Self::Name(base) | Self::Attribute(base, _)) = self;
        base
    }
}

/// A local name for what a private attribute held a moment ago: `cached = self._cached`.
pub(super) type Alias<'a> = (&'a str, Target<'a>);

/// The target in `if TARGET is None` or `if not TARGET`, if it is private; or in `if alias is None`.
pub(super) fn unset<'a>(test: &'a Expr, alias: Option<Alias<'a>>) -> Option<Target<'a>> {
    let target = match test {
        Expr::Compare(compare) => match (&*compare.ops, &*compare.comparators) {
            ([ast::CmpOp::Is], [Expr::NoneLiteral(_)]) => &*compare.left,
            _ => return None,
        },
        Expr::UnaryOp(unary) if unary.op == ast::UnaryOp::Not => &*unary.operand,
        _ => return None,
    };
    private(target, alias)
}

/// The logger in `if not LOGGER.handlers: LOGGER.addHandler(logging.NullHandler())`: the handler does nothing, so nobody can tell whether
/// there have been others.
pub(super) fn kept_quiet(stmt: &ast::StmtIf) -> Option<&Expr> {
    let ([Stmt::Expr(body)], []) = (&*stmt.body, &*stmt.elif_else_clauses) else { return None };
    let Expr::UnaryOp(test) = &*stmt.test else { return None };
    let (ast::UnaryOp::Not, Expr::Attribute(handlers)) = (test.op, &*test.operand) else { return None };
    let Expr::Call(call) = &*body.value else { return None };
    let (Expr::Attribute(method), [Expr::Call(handler)]) = (&*call.func, &*call.arguments.args) else {
        return None;
    };
    let Expr::Attribute(class) = &*handler.func else { return None };
    let (Expr::Name(logger), Expr::Name(same)) = (&*handlers.value, &*method.value) else { return None };
    let library = matches!(&*class.value, Expr::Name(name) if name.id == "logging");
    let quiet = library && class.attr.as_str() == "NullHandler" && handler.arguments.is_empty();
    (quiet
        && logger.id == same.id
        && handlers.attr.as_str() == "handlers"
        && method.attr.as_str() == "addHandler"
        && call.arguments.keywords.is_empty())
    .then_some(&*handlers.value)
}

/// The target in `if TARGET is not None: return TARGET`: what follows in the block runs if it is not set.
pub(super) fn returned_if_set<'a>(stmt: &'a Stmt, alias: Option<Alias<'a>>) -> Option<Target<'a>> {
    let Stmt::If(stmt) = stmt else { return None };
    let ([Stmt::Return(returned)], []) = (&*stmt.body, &*stmt.elif_else_clauses) else { return None };
    let target = match &*stmt.test {
        Expr::Compare(compare) => match (&*compare.ops, &*compare.comparators) {
            ([ast::CmpOp::IsNot], [Expr::NoneLiteral(_)]) => &*compare.left,
            _ => return None,
        },
        target => target,
    };
    let target = private(target, alias)?;
    (private(returned.value.as_deref()?, alias) == Some(target)).then_some(target)
}

/// The alias that a statement makes.
pub(super) fn alias(stmt: &Stmt) -> Option<Alias<'_>> {
    let Stmt::Assign(assign) = stmt else { return None };
    match (&*assign.targets, &*assign.value) {
        ([Expr::Name(name)], value @ Expr::Attribute(_)) => Some((name.id.as_str(), private(value, None)?)),
        _ => None,
    }
}

/// A private name or attribute, or what another name stands for.
fn private<'a>(target: &'a Expr, alias: Option<Alias<'a>>) -> Option<Target<'a>> {
    match target {
        Expr::Name(name) if alias.is_some_and(|(alias, _)| alias == name.id.as_str()) => {
            alias.map(|(_, target)| target)
        }
        Expr::Name(name) if name.id.starts_with('_') => Some(Target::Name(name.id.as_str())),
        Expr::Attribute(attribute) if attribute.attr.starts_with('_') => match &*attribute.value {
            Expr::Name(base) => Some(Target::Attribute(base.id.as_str(), attribute.attr.as_str())),
            _ => None,
        },
        _ => None,
    }
}

/// `cls` and `x` in `if "x" not in cls.__dict__`.
pub(super) fn lacking(test: &Expr) -> Option<(&ast::ExprName, &str)> {
    let (compare, negated) = match test {
        Expr::Compare(compare) => (compare, false),
        Expr::UnaryOp(unary) if unary.op == ast::UnaryOp::Not => match &*unary.operand {
            Expr::Compare(compare) => (compare, true),
            _ => return None,
        },
        _ => return None,
    };
    let expected = if negated { ast::CmpOp::In } else { ast::CmpOp::NotIn };
    let ([op], Expr::StringLiteral(key), [holder]) = (&*compare.ops, &*compare.left, &*compare.comparators)
    else {
        return None;
    };
    let holder = match holder {
        Expr::Attribute(dict) if dict.attr.as_str() == "__dict__" => &*dict.value,
        Expr::Call(call) if matches!(&*call.func, Expr::Name(f) if f.id.as_str() == "vars") => {
            call.arguments.args.first()?
        }
        _ => return None,
    };
    match holder {
        Expr::Name(name) if *op == expected => Some((name, key.value.to_str())),
        _ => None,
    }
}

/// A new container without elements: `{}`, or one of some classes called without arguments.
pub(super) fn is_empty(value: &Expr, classes: &[&str]) -> bool {
    match value {
        Expr::Dict(dict) => dict.items.is_empty(),
        Expr::Call(call) => {
            let class = match &*call.func {
                Expr::Name(name) => name.id.as_str(),
                Expr::Attribute(attribute) => attribute.attr.as_str(),
                _ => return false,
            };
            call.arguments.is_empty() && classes.contains(&class)
        }
        _ => false,
    }
}

/// Whether a test holds only for names in capitals: `name.isupper()`, `name[0].isupper()`.
pub(super) fn asks_for_capitals(test: &Expr) -> bool {
    match test {
        Expr::BoolOp(all) if all.op == ast::BoolOp::And => all.values.iter().any(asks_for_capitals),
        Expr::Call(call) => {
            matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "isupper")
                && call.arguments.is_empty()
        }
        _ => false,
    }
}

/// Whether a loop does nothing for other names: `if name.isupper(): …`, or `if not name.isupper(): continue` in front.
pub(super) fn passes_over_others(stmt: &ast::StmtFor) -> bool {
    let Some(Stmt::If(test)) = stmt.body.first() else { return false };
    if !test.elif_else_clauses.is_empty() {
        return false;
    }
    match &*test.test {
        Expr::UnaryOp(not) if not.op == ast::UnaryOp::Not => {
            asks_for_capitals(&not.operand) && matches!(&*test.body, [Stmt::Continue(_)])
        }
        test => asks_for_capitals(test) && stmt.body.len() == 1,
    }
}

/// Whether a function that selects objects selects classes or functions, and so no modules: `inspect.isclass`,
/// `lambda x: isclass(x) and …`.
pub(super) fn selects_definitions(selects: &Expr) -> bool {
    let named = |function: &Expr| {
        let name = match function {
            Expr::Name(name) => name.id.as_str(),
            Expr::Attribute(attribute) => attribute.attr.as_str(),
            _ => return false,
        };
        matches!(name, "isclass" | "isfunction" | "isroutine" | "isbuiltin" | "ismethod" | "isabstract")
    };
    let asks = |test: &Expr| matches!(test, Expr::Call(call) if named(&call.func));
    match selects {
        Expr::Lambda(lambda) => match &*lambda.body {
            Expr::BoolOp(all) if all.op == ast::BoolOp::And => all.values.iter().any(asks),
            body => asks(body),
        },
        function => named(function),
    }
}

/// `(f(x) for x in values)`, `zip(names, numbers)`
pub(super) fn goes_once(value: &Expr) -> bool {
    match value {
        Expr::Generator(_) => true,
        Expr::Call(call) => matches!(&*call.func, Expr::Name(name)
            if matches!(name.id.as_str(), "iter" | "map" | "zip" | "filter" | "enumerate" | "reversed")),
        _ => false,
    }
}

/// `os.environ.get(…)`, `getenv(…)`
pub(super) fn asks_environment(callee: &Expr) -> bool {
    let last = |expr: &Expr| match expr {
        Expr::Attribute(attribute) => attribute.attr.as_str() == "environ",
        Expr::Name(name) => name.id.as_str() == "environ",
        _ => false,
    };
    match callee {
        Expr::Attribute(method) => match method.attr.as_str() {
            "get" => last(&method.value),
            name => name == "getenv",
        },
        Expr::Name(name) => name.id.as_str() == "getenv",
        _ => false,
    }
}
