//! The names and forms in a rewritten text that are dally's own.

use ruff_python_ast::visitor::source_order::{SourceOrderVisitor, walk_pattern};
use ruff_python_ast::{CmpOp, Expr, ModModule, Pattern, Stmt, StmtAssign, StmtMatch};
use ruff_text_size::{Ranged, TextRange};

use crate::facts::imports::is_header;
use crate::rewrite::MARK;

/// Helper names in a rewritten text.
#[derive(Debug, Clone, Default)]
pub struct Helpers {
    lazy: Vec<String>,
    /// Those of `lazy` that `build` binds.
    pending: Vec<String>,
    pub(super) real: Vec<String>,
}

impl Helpers {
    /// The helper names that the headers of a module bind.
    pub fn of(module: &ModModule) -> Self {
        let mut helpers = Self::default();
        for stmt in &module.body {
            helpers.collect(stmt);
        }
        helpers
    }

    /// Whether there is a header.
    pub fn known(&self) -> bool {
        !self.lazy.is_empty()
    }

    /// Whether `build` has written the module.
    pub fn by_build(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether reads may be wrapped.
    pub fn wraps(&self) -> bool {
        !self.real.is_empty()
    }

    /// All helper names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.lazy.iter().chain(&self.real).map(String::as_str)
    }

    /// Whether a name is the function that makes placeholders.
    pub fn is_lazy_name(&self, name: &str) -> bool {
        self.lazy.iter().any(|lazy| lazy == name)
    }

    /// Whether the text of an annotation mentions the function that wraps reads.
    pub fn mentioned(&self, text: &str) -> bool {
        self.real.iter().any(|real| text.contains(real.as_str()))
    }

    /// Learns the helper names from a header.
    fn collect(&mut self, stmt: &Stmt) {
        if let Stmt::Assign(assign) = stmt
            && (runtime_attribute(assign) || self.is_header_call(assign))
            && let Some((lazy, real)) = helper_targets(assign)
        {
            self.pending.push(lazy.to_owned());
            self.lazy.push(lazy.to_owned());
            self.real.extend(real.map(str::to_owned));
            return;
        }
        let Stmt::ImportFrom(import) = stmt else { return };
        if !is_runtime_import(import) {
            return;
        }
        for alias in &import.names {
            let bound = alias.asname.as_ref().unwrap_or(&alias.name).as_str().to_owned();
            match alias.name.as_str() {
                "pending" | "marked" | "lazy" => {
                    if alias.name.as_str() != "lazy" {
                        self.pending.push(bound.clone());
                    }
                    self.lazy.push(bound);
                }
                "real" => self.real.push(bound),
                _ => {}
            }
        }
    }

    /// The specification, if the expression asks for a placeholder.
    pub fn is_lazy_call<'a>(&self, expr: &'a Expr) -> Option<&'a str> {
        let Expr::Call(call) = expr else { return None };
        let Expr::Name(name) = &*call.func else { return None };
        if !self.lazy.iter().any(|n| n == name.id.as_str()) {
            return None;
        }
        match &*call.arguments.args {
            [Expr::StringLiteral(spec)] => Some(spec.value.to_str()),
            _ => None,
        }
    }

    /// Whether a statement under `else:` makes an `if TYPE_CHECKING:` one of `apply`'s blocks. What `build` writes there has
    /// taken the place of an import of the author's own block.
    pub fn is_checked_form(&self, stmt: &Stmt) -> bool {
        let Stmt::Assign(assign) = stmt else { return false };
        let by_apply = matches!(&*assign.value, Expr::Call(call)
            if matches!(&*call.func, Expr::Name(name) if !self.pending.iter().any(|n| n == name.id.as_str())));
        by_apply && self.is_lazy_call(&assign.value).is_some()
    }

    /// `_dally = _dally(("X", "Y"))` after a header that imports the runtime by a statement.
    pub fn is_header_call(&self, assign: &StmtAssign) -> bool {
        let Some((lazy, _)) = helper_targets(assign) else { return false };
        self.is_lazy_name(lazy)
            && assign.value.as_call_expr().is_some_and(|call| {
                call.func.as_name_expr().is_some_and(|name| name.id.as_str() == lazy)
                    && matches!(&*call.arguments.args, [Expr::Tuple(_)])
            })
    }

    /// The name in `real(X)` and in `X if X is not __dally_X__ else real(X)`.
    pub fn wrapped<'a>(&self, expr: &'a Expr) -> Option<&'a Expr> {
        if let Expr::If(choice) = expr {
            let name = |expr: &'a Expr| expr.as_name_expr().map(|n| n.id.as_str());
            let read = name(&choice.body)?;
            let Expr::Compare(test) = &*choice.test else { return None };
            let marked = name(&test.left) == Some(read)
                && *test.ops == [CmpOp::IsNot]
                && is_mark(name(test.comparators.first()?)?, read)
                && name(self.wrapped(&choice.orelse)?) == Some(read);
            return marked.then_some(&*choice.body);
        }
        let Expr::Call(call) = expr else { return None };
        let Expr::Name(name) = &*call.func else { return None };
        match &*call.arguments.args {
            [inner] if self.real.iter().any(|n| n == name.id.as_str()) => Some(inner),
            _ => None,
        }
    }

    /// `(_dally_real(X), (subject))[-1]`
    pub fn wrapped_subject<'a>(&self, expr: &'a Expr) -> Option<&'a Expr> {
        let (last, calls) = subject_elements(expr)?;
        calls.iter().all(|call| self.wrapped(call).is_some()).then_some(last)
    }

    /// The subject of a `match` if it is in that form: all the names are those of class patterns. A tuple of wrapped reads with an index
    /// is the author's anywhere else.
    pub fn subject_of(&self, choice: &StmtMatch) -> Option<TextRange> {
        let (_, calls) = subject_elements(&choice.subject)?;
        let mut classes = Classes(Vec::new());
        choice.cases.iter().for_each(|case| classes.visit_pattern(&case.pattern));
        let is_class = |name: &str| classes.0.iter().any(|class| is_same(name, class));
        let ours = |call| {
            self.wrapped(call)
                .is_some_and(|inner| matches!(inner, Expr::Name(name) if is_class(name.id.as_str())))
        };
        calls.iter().all(ours).then(|| choice.subject.range())
    }
}

/// The last element of a tuple that has an index, and those before it.
fn subject_elements(expr: &Expr) -> Option<(&Expr, &[Expr])> {
    let Expr::Subscript(subscript) = expr else { return None };
    let Expr::Tuple(tuple) = &*subscript.value else { return None };
    tuple.elts.split_last().filter(|(_, calls)| !calls.is_empty())
}

/// The plain names of the classes in patterns.
struct Classes<'a>(Vec<&'a str>);

impl<'a> SourceOrderVisitor<'a> for Classes<'a> {
    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        if let Pattern::MatchClass(class) = pattern
            && let Expr::Name(name) = &*class.cls
        {
            self.0.push(name.id.as_str());
        }
        walk_pattern(self, pattern);
    }
}

/// Whether a name is another one, or what it becomes in a class: `_C__x` for `__x`.
fn is_same(full: &str, name: &str) -> bool {
    full == name || name.starts_with("__") && full.ends_with(name)
}

/// Whether a name is that of the placeholder for another name, which may be mangled there.
fn is_mark(mark: &str, name: &str) -> bool {
    let marked = mark.strip_prefix(MARK).and_then(|mark| mark.strip_suffix("__"));
    marked.is_some_and(|marked| is_same(marked, name))
}

/// `… = __import__("_dally").pending((…))`, or `marked`; or with the other way to import in a script.
pub fn runtime_attribute(assign: &StmtAssign) -> bool {
    let attribute = assign.value.as_call_expr().and_then(|call| call.func.as_attribute_expr());
    let Some(attribute) = attribute else { return false };
    let usual = attribute.value.as_if_expr().map_or(&attribute.value, |choice| &choice.body);
    let call = usual.as_call_expr();
    let imports =
        call.is_some_and(|c| matches!(&*c.func, Expr::Name(name) if name.id.as_str() == "__import__"));
    imports && matches!(attribute.attr.as_str(), "pending" | "marked") && helper_targets(assign).is_some()
}

/// The name in `X = _dally("…")` and in `X = __dally_X__ = __dally__("…")`.
pub fn assign_target(assign: &StmtAssign) -> Option<&str> {
    match &assign.targets[..] {
        [Expr::Name(name)] => Some(name.id.as_str()),
        [Expr::Name(name), Expr::Name(mark)] if is_mark(mark.id.as_str(), name.id.as_str()) => {
            Some(name.id.as_str())
        }
        _ => None,
    }
}

/// The names that a header binds: the factory, and what gives the real object.
fn helper_targets(assign: &StmtAssign) -> Option<(&str, Option<&str>)> {
    match &assign.targets[..] {
        [Expr::Name(lazy)] => Some((lazy.id.as_str(), None)),
        [Expr::Tuple(tuple)] => match &tuple.elts[..] {
            [Expr::Name(lazy), Expr::Name(real)] => Some((lazy.id.as_str(), Some(real.id.as_str()))),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a from-import is a header.
pub fn is_runtime_import(import: &ruff_python_ast::StmtImportFrom) -> bool {
    is_header(import.module.as_ref().map_or("", |m| m.as_str()), &import.names)
}
