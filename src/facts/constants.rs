//! Import-time code of which every value is written out: whether it fails.
//!
//! ```python
//! SIZES = {"small": 8, "big": 14}
//! INDEX = {name: SIZES[name] for name in ("small", "huge")}   # fails
//! assert len(INDEX) == len(SIZES)
//! for name in NAMES:                                          # does not raise
//!     if name in seen: raise ValueError(name)
//!     seen.add(name)
//! ```
//!
//! The statements of the module's top level are run in order, as far as they consist of constants, containers and builtins that change
//! nothing. What else they mention is unknown from then on.

mod classes;
mod files;
mod library;
mod mentions;
mod patterns;
mod value;

use ruff_python_ast::visitor::Visitor;
use ruff_python_ast::{self as ast, BoolOp, Expr, Number, Operator, Stmt, UnaryOp};
use ruff_text_size::{Ranged, TextRange, TextSize};
use rustc_hash::{FxHashMap, FxHashSet};

pub(super) use self::classes::is_refused_class;
use self::mentions::{Forget, Reaching};
use self::value::{Known, Stop, Value, add, builtin, compared, firsts, operate, set_item, set_of};

/// What is known of a module's top level.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// The statement that fails.
    pub fails: Option<TextSize>,
    /// Statements in which no `raise` is reached.
    pub quiet: Vec<TextRange>,
    /// Files that are read, by where that stands: from the folder of the module's file if they begin with a point.
    pub files: Vec<(TextRange, String)>,
}

/// How a statement ends.
#[derive(PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// So many expressions are evaluated.
const MOST_STEPS: u32 = 20_000;

/// Runs the top level of a module, if there is anything in it that checks or looks something up.
pub(super) fn check(body: &[Stmt]) -> Checked {
    let mut checked = Checked::default();
    let Some(last) = body.iter().rposition(|stmt| is_check(stmt) || files::reads_file(stmt)) else {
        return checked;
    };
    let (names, reached) = (FxHashMap::default(), FxHashSet::default());
    let mut run = Run { body, names, reached, steps: 0, unsure: false, needed: Vec::new() };
    super::binding::declared_global(body, &mut |name| {
        run.reached.insert(name);
    });
    Reaching { reached: &mut run.reached, inside: false }.visit_body(body);
    for stmt in &body[..=last] {
        run.unsure = false;
        match run.stmt(stmt) {
            Err(Stop::Fails) => {
                checked.fails = Some(stmt.start());
                break;
            }
            Err(Stop::Unknown) => break,
            Ok(_) if !run.unsure && matches!(stmt, Stmt::If(_) | Stmt::For(_)) => {
                checked.quiet.push(stmt.range());
            }
            Ok(_) => {}
        }
    }
    checked.files = run.needed;
    checked
}

/// Whether a statement may fail for what is written out, or raises.
fn is_check(stmt: &Stmt) -> bool {
    let looks_up = |value: &Expr| match value {
        Expr::Subscript(subscript) => {
            subscript.value.is_name_expr()
                && (subscript.slice.is_literal_expr() || subscript.slice.is_name_expr())
        }
        Expr::DictComp(_) | Expr::ListComp(_) | Expr::SetComp(_) => true,
        Expr::BinOp(operation) => {
            operation.left.is_name_expr()
                || operation.right.is_name_expr()
                || operation.left.is_literal_expr()
        }
        Expr::Call(call) => match &*call.func {
            Expr::Name(name) if matches!(name.id.as_str(), "int" | "float" | "len" | "max" | "min") => true,
            // Where everything stands in the call itself, that is enough: see `refused_as_written`.
            func => {
                call.arguments.args.iter().any(|argument| {
                    matches!(argument, Expr::Name(_))
                        || matches!(argument, Expr::BinOp(sum) if sum.op == Operator::Add)
                }) && library::last_name(func).is_some_and(library::is_known)
            }
        },
        _ => false,
    };
    match stmt {
        Stmt::Assert(_) => true,
        Stmt::If(stmt) => {
            raises(&stmt.body) || stmt.elif_else_clauses.iter().any(|clause| raises(&clause.body))
        }
        Stmt::For(stmt) => raises(&stmt.body),
        Stmt::Assign(assign) => {
            looks_up(&assign.value)
                || assign.targets[0].is_tuple_expr()
                    && (assign.value.is_tuple_expr()
                        || matches!(&*assign.value, Expr::Call(call)
                            if matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "split")))
        }
        Stmt::AnnAssign(assign) => assign.value.as_deref().is_some_and(looks_up),
        _ => false,
    }
}

/// Whether some statement of a block, or of a block in it, raises.
fn raises(block: &[Stmt]) -> bool {
    block.iter().any(|stmt| match stmt {
        Stmt::Raise(_) => true,
        Stmt::If(_) | Stmt::For(_) => is_check(stmt),
        _ => false,
    })
}

struct Run<'a> {
    body: &'a [Stmt],
    /// Names that are bound, and to what if it is known.
    names: FxHashMap<&'a str, Option<Value<'a>>>,
    /// Names that functions bind, or whose containers they may change.
    reached: FxHashSet<&'a str>,
    steps: u32,
    /// A block was met of which is not known whether it runs.
    unsure: bool,
    needed: Vec<(TextRange, String)>,
}

impl<'a> Run<'a> {
    fn block(&mut self, block: &'a [Stmt]) -> Result<Flow, Stop> {
        for stmt in block {
            let flow = self.stmt(stmt)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    /// Runs a statement. What is not known of it is no reason to stop, unless it has run too long.
    fn stmt(&mut self, stmt: &'a Stmt) -> Result<Flow, Stop> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(Stop::Unknown);
        }
        match stmt {
            Stmt::Raise(_) => return Err(Stop::Fails),
            Stmt::Break(_) => return Ok(Flow::Break),
            Stmt::Continue(_) => return Ok(Flow::Continue),
            Stmt::Pass(_) => {}
            Stmt::Assign(assign) => {
                let value = self.kept(&assign.value)?;
                for target in &assign.targets {
                    self.assign(target, value.clone())?;
                }
                // Two names for one container.
                if assign.targets.len() > 1 && !value.is_some_and(|value| value.is_immutable()) {
                    self.forget(stmt);
                }
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    let value = self.kept(value)?;
                    self.assign(&assign.target, value)?;
                }
            }
            Stmt::AugAssign(assign) => {
                let sum = match (self.eval(&assign.target), self.eval(&assign.value)) {
                    (Err(Stop::Fails), _) | (_, Err(Stop::Fails)) => return Err(Stop::Fails),
                    (Ok(left), Ok(right)) if assign.target.is_name_expr() => operate(assign.op, left, right),
                    _ => Err(Stop::Unknown),
                };
                match sum {
                    Ok(value) => self.assign(&assign.target, Some(value))?,
                    Err(Stop::Fails) => return Err(Stop::Fails),
                    Err(Stop::Unknown) => self.forget(stmt),
                }
            }
            Stmt::Expr(expr) => match self.changed(&expr.value) {
                Err(Stop::Fails) => return Err(Stop::Fails),
                Err(Stop::Unknown) => self.forget(stmt),
                Ok(()) => {}
            },
            Stmt::Assert(assert) => match self.eval(&assert.test) {
                Ok(value) if !value.truth() => return Err(Stop::Fails),
                Ok(_) => {}
                Err(Stop::Fails) => return Err(Stop::Fails),
                Err(Stop::Unknown) => self.forget(stmt),
            },
            Stmt::If(branches) => {
                let first = (Some(&*branches.test), &branches.body);
                let others =
                    branches.elif_else_clauses.iter().map(|clause| (clause.test.as_ref(), &clause.body));
                for (test, block) in std::iter::once(first).chain(others) {
                    let holds = match test.map(|test| self.eval(test)) {
                        None => true,
                        Some(Ok(value)) => value.truth(),
                        Some(Err(Stop::Fails)) => return Err(Stop::Fails),
                        Some(Err(Stop::Unknown)) => {
                            self.unsure = true;
                            self.forget(stmt);
                            break;
                        }
                    };
                    if holds {
                        return self.block(block);
                    }
                }
            }
            Stmt::For(each) => {
                let items = match self.eval(&each.iter).and_then(Value::items) {
                    Ok(items) if each.orelse.is_empty() && !each.is_async => items,
                    Err(Stop::Fails) => return Err(Stop::Fails),
                    _ => {
                        self.unsure = true;
                        self.forget(stmt);
                        return Ok(Flow::Next);
                    }
                };
                for item in &items {
                    self.assign(&each.target, Some(item.clone()))?;
                    if self.block(&each.body)? == Flow::Break {
                        break;
                    }
                    // Who changes what is gone through.
                    let now = self.eval(&each.iter).and_then(Value::items);
                    if !now.is_ok_and(|now| now.len() == items.len()) {
                        self.unsure = true;
                        self.forget(stmt);
                        break;
                    }
                }
            }
            _ => {
                if let Stmt::With(with) = stmt
                    && let Some(item) = with.items.first()
                    && let Err(Stop::Fails) = self.eval(&item.context_expr)
                {
                    return Err(Stop::Fails);
                }
                self.unsure = true;
                self.forget(stmt);
            }
        }
        Ok(Flow::Next)
    }

    /// The value of an expression that a name keeps. A container that has a name already has two then, and counts as unknown.
    fn kept(&mut self, expr: &'a Expr) -> Result<Option<Value<'a>>, Stop> {
        match self.eval(expr) {
            Ok(value) if !value.is_immutable() && !makes_new(expr) => {
                self.forget_expr(expr);
                Ok(None)
            }
            Ok(value) => Ok(Some(value)),
            Err(Stop::Fails) => Err(Stop::Fails),
            Err(Stop::Unknown) => {
                self.forget_expr(expr);
                Ok(None)
            }
        }
    }

    fn assign(&mut self, target: &'a Expr, value: Option<Value<'a>>) -> Result<(), Stop> {
        match target {
            Expr::Name(name) => {
                let name = name.id.as_str();
                let value = value.filter(|_| !self.reached.contains(name));
                self.names.insert(name, value);
            }
            Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. })
                if !elts.iter().any(Expr::is_starred_expr) =>
            {
                match value.map(Value::items) {
                    Some(Ok(items)) if items.len() != elts.len() => return Err(Stop::Fails),
                    Some(Ok(items)) => {
                        for (target, item) in elts.iter().zip(items) {
                            let item = Some(item).filter(Value::is_immutable);
                            self.assign(target, item)?;
                        }
                    }
                    Some(Err(Stop::Fails)) => return Err(Stop::Fails),
                    Some(Err(Stop::Unknown)) | None => {
                        for target in elts {
                            self.assign(target, None)?;
                        }
                    }
                }
            }
            Expr::Subscript(subscript) => {
                let key = self.eval(&subscript.slice);
                if let (Expr::Name(name), Ok(key), Some(value)) = (&*subscript.value, key, value)
                    && value.is_immutable()
                    && let Some(Some(Value::Dict(entries))) = self.names.get_mut(name.id.as_str())
                {
                    set_item(entries, key, value);
                } else {
                    self.forget_expr(target);
                }
            }
            other => self.forget_expr(other),
        }
        Ok(())
    }

    /// An expression statement: a method that changes a container of which everything is known.
    fn changed(&mut self, expr: &'a Expr) -> Result<(), Stop> {
        let Expr::Call(call) = expr else { return self.eval(expr).map(|_| ()) };
        let (Expr::Attribute(method), true) = (&*call.func, call.arguments.keywords.is_empty()) else {
            return self.eval(expr).map(|_| ());
        };
        let (Expr::Name(name), [argument]) = (&*method.value, &*call.arguments.args) else {
            return Err(Stop::Unknown);
        };
        let argument = self.eval(argument)?;
        match (self.names.get_mut(name.id.as_str()), method.attr.as_str()) {
            (Some(Some(Value::List(items))), "append") if argument.is_immutable() => items.push(argument),
            (Some(Some(Value::Set(items))), "add") if argument.is_immutable() => add(items, argument),
            _ => return Err(Stop::Unknown),
        }
        Ok(())
    }

    /// Containers that a statement mentions may have changed, and what it binds is unknown.
    fn forget(&mut self, stmt: &'a Stmt) {
        Forget { run: self }.visit_stmt(stmt);
    }

    fn forget_expr(&mut self, expr: &'a Expr) {
        Forget { run: self }.visit_expr(expr);
    }

    fn eval(&mut self, expr: &'a Expr) -> Known<'a> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(Stop::Unknown);
        }
        match expr {
            Expr::NoneLiteral(_) => Ok(Value::None),
            Expr::BooleanLiteral(literal) => Ok(Value::Bool(literal.value)),
            Expr::StringLiteral(text) => Ok(Value::Text(text.value.to_str().into())),
            Expr::NumberLiteral(number) => match &number.value {
                Number::Int(int) => int.as_i64().map(Value::Int).ok_or(Stop::Unknown),
                Number::Float(_) | Number::Complex { .. } => Err(Stop::Unknown),
            },
            Expr::Name(name) if name.id == "__file__" => Ok(Value::Path(files::OWN_FILE.to_owned())),
            Expr::Name(name) => self.names.get(name.id.as_str()).cloned().flatten().ok_or(Stop::Unknown),
            Expr::Tuple(tuple) => self.all(&tuple.elts).map(Value::Tuple),
            Expr::List(list) => self.all(&list.elts).map(Value::List),
            Expr::Set(set) => self.all(&set.elts).and_then(set_of),
            Expr::Dict(dict) => {
                let mut entries = Vec::new();
                for item in &dict.items {
                    let key = self.eval(item.key.as_ref().ok_or(Stop::Unknown)?)?;
                    let value = self.eval(&item.value)?;
                    set_item(&mut entries, key.hashable()?, value);
                }
                Ok(Value::Dict(entries))
            }
            Expr::Subscript(subscript) => {
                let (base, key) = (self.eval(&subscript.value)?, self.eval(&subscript.slice)?);
                base.item(&key)
            }
            Expr::UnaryOp(unary) => match (unary.op, self.eval(&unary.operand)?) {
                (UnaryOp::Not, value) => Ok(Value::Bool(!value.truth())),
                (UnaryOp::USub, Value::Int(int)) => int.checked_neg().map(Value::Int).ok_or(Stop::Unknown),
                _ => Err(Stop::Unknown),
            },
            Expr::BinOp(operation) => {
                let (left, right) = (self.eval(&operation.left)?, self.eval(&operation.right)?);
                operate(operation.op, left, right)
            }
            Expr::BoolOp(operation) => {
                let mut value = Value::None;
                for part in &operation.values {
                    value = self.eval(part)?;
                    if value.truth() == (operation.op == BoolOp::Or) {
                        break;
                    }
                }
                Ok(value)
            }
            Expr::If(choice) => {
                let test = self.eval(&choice.test)?;
                self.eval(if test.truth() { &choice.body } else { &choice.orelse })
            }
            Expr::Compare(compare) => {
                let mut left = self.eval(&compare.left)?;
                for (op, right) in compare.ops.iter().zip(&compare.comparators) {
                    let right = self.eval(right)?;
                    if !compared(*op, &left, &right)? {
                        return Ok(Value::Bool(false));
                    }
                    left = right;
                }
                Ok(Value::Bool(true))
            }
            Expr::ListComp(comp) => {
                self.comprehension(&[&comp.elt], &comp.generators).map(firsts).map(Value::List)
            }
            Expr::Generator(comp) => {
                self.comprehension(&[&comp.elt], &comp.generators).map(firsts).map(Value::List)
            }
            Expr::SetComp(comp) => {
                self.comprehension(&[&comp.elt], &comp.generators).map(firsts).and_then(set_of)
            }
            Expr::DictComp(comp) => {
                let key = comp.key.as_deref().ok_or(Stop::Unknown)?;
                let mut entries = Vec::new();
                for mut pair in self.comprehension(&[key, &comp.value], &comp.generators)? {
                    let (Some(value), Some(key)) = (pair.pop(), pair.pop()) else {
                        return Err(Stop::Unknown);
                    };
                    set_item(&mut entries, key.hashable()?, value);
                }
                Ok(Value::Dict(entries))
            }
            Expr::Call(call) => self.call(call),
            Expr::Attribute(attribute) if attribute.attr.as_str() == "parent" => {
                match self.eval(&attribute.value)? {
                    Value::Path(path) => files::parent(&path),
                    _ => Err(Stop::Unknown),
                }
            }
            _ => Err(Stop::Unknown),
        }
    }

    fn all(&mut self, exprs: &'a [Expr]) -> Result<Vec<Value<'a>>, Stop> {
        exprs.iter().map(|expr| self.eval(expr)).collect()
    }

    /// What a comprehension gives for each round.
    fn comprehension(
        &mut self,
        results: &[&'a Expr],
        generators: &'a [ast::Comprehension],
    ) -> Result<Vec<Vec<Value<'a>>>, Stop> {
        let [generator] = generators else { return Err(Stop::Unknown) };
        let items = self.eval(&generator.iter)?.items()?;
        let outer = self.names.clone();
        let mut found = Vec::new();
        let rounds = || {
            for item in items {
                self.assign(&generator.target, Some(item))?;
                let mut chosen = true;
                for test in &generator.ifs {
                    chosen = chosen && self.eval(test)?.truth();
                }
                if chosen {
                    found.push(results.iter().map(|result| self.eval(result)).collect::<Result<_, _>>()?);
                }
            }
            Ok(())
        };
        let done = rounds();
        self.names = outer;
        done.map(|()| found)
    }

    fn call(&mut self, call: &'a ast::ExprCall) -> Known<'a> {
        if library::last_name(&call.func).is_some_and(library::is_known) && self.is_refused(call)? {
            return Err(Stop::Fails);
        }
        if let Some(value) = self.path_call(call) {
            return value;
        }
        if !call.arguments.keywords.is_empty() {
            return Err(Stop::Unknown);
        }
        match &*call.func {
            // A builtin, as nothing else has the name so far.
            Expr::Name(name) if !self.names.contains_key(name.id.as_str()) => {
                let args = self.all(&call.arguments.args)?;
                builtin(name.id.as_str(), args)
            }
            Expr::Attribute(method) => {
                let object = self.eval(&method.value);
                let args = self.all(&call.arguments.args)?;
                object?.method(method.attr.as_str(), &args)
            }
            _ => Err(Stop::Unknown),
        }
    }

    /// Whether a function of the library refuses its arguments.
    fn is_refused(&mut self, call: &'a ast::ExprCall) -> Result<bool, Stop> {
        let mut args = Vec::new();
        for argument in &call.arguments.args {
            args.push(match self.eval(argument) {
                Ok(value) => Some(value),
                Err(Stop::Unknown) => None,
                Err(Stop::Fails) => return Err(Stop::Fails),
            });
        }
        Ok(library::is_refused(call, &args, self.body))
    }
}

/// Whether a function of the library refuses a call in which all arguments that count are written out.
pub(super) fn refused_as_written(call: &ast::ExprCall, body: &[Stmt]) -> bool {
    let is_written =
        |argument: &Expr| argument.is_literal_expr() || argument.is_list_expr() || argument.is_tuple_expr();
    if !library::last_name(&call.func).is_some_and(library::is_known)
        || !call.arguments.args.iter().any(is_written)
    {
        return false;
    }
    let (names, reached) = (FxHashMap::default(), FxHashSet::default());
    let mut run = Run { body: &[], names, reached, steps: 0, unsure: false, needed: Vec::new() };
    let args: Vec<_> = call.arguments.args.iter().map(|argument| run.eval(argument).ok()).collect();
    library::is_refused(call, &args, body)
}

/// Whether the value of an expression has no other name.
fn makes_new(expr: &Expr) -> bool {
    !matches!(expr, Expr::Name(_) | Expr::Subscript(_) | Expr::If(_) | Expr::BoolOp(_) | Expr::Attribute(_))
        && !matches!(expr, Expr::Call(call)
            if matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() != "split"))
}

#[cfg(test)]
mod tests;
