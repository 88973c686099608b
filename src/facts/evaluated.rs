//! Texts that are evaluated and executed.
//!
//! ```python
//! eval("hub.add(1)")
//! exec(source, namespace)
//! ```

use ruff_python_ast::{self as ast, Expr};
use ruff_text_size::Ranged;

use super::MarkKind;
use super::operation::OpKind;
use super::walker::Walker;

/// Builtins that only make a value of what they are given, where that is written out.
const PLAIN_BUILTINS: &[&str] = &[
    "abs",
    "all",
    "any",
    "bool",
    "bytes",
    "chr",
    "complex",
    "dict",
    "divmod",
    "float",
    "frozenset",
    "hex",
    "int",
    "len",
    "list",
    "max",
    "min",
    "object",
    "oct",
    "ord",
    "pow",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "slice",
    "sorted",
    "str",
    "sum",
    "tuple",
    "type",
    "zip",
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "for",
    "lambda",
];

impl<'a> Walker<'a> {
    /// `eval` and `exec`: with a namespace of their own they do not touch this module's.
    pub(super) fn evaluation(&mut self, call: &'a ast::ExprCall) {
        let namespace = call.arguments.args.get(1).or_else(|| {
            call.arguments
                .keywords
                .iter()
                .find(|k| k.arg.as_ref().is_some_and(|a| a.as_str() == "globals"))
                .map(|k| &k.value)
        });
        if namespace.is_some() && matches!(&*call.func, Expr::Name(n) if n.id.as_str() == "exec") {
            self.execution(call);
        }
        // `eval("registry.add('x')")`
        if let Some(Expr::StringLiteral(text)) = call.arguments.args.first()
            && matches!(&*call.func, Expr::Name(n) if n.id.as_str() == "eval")
            && calls_something(text.value.to_str())
        {
            self.op(call.range().start(), OpKind::Execute);
        }
        let own = match namespace {
            None => true,
            Some(Expr::Call(inner)) if self.is_namespace_call(inner) => {
                self.unmark(inner.range());
                true
            }
            Some(Expr::NoneLiteral(_)) => true,
            Some(_) => false,
        };
        let evaluates = matches!(&*call.func, Expr::Name(n) if n.id.as_str() == "eval");
        let text = call.arguments.args.first().filter(|_| evaluates);
        if own && !text.is_some_and(|text| self.evaluates_no_import(text)) {
            self.mark(MarkKind::EvaluatesText, call.range());
        }
    }

    /// `exec` with a namespace of its own: the text may reach other modules all the same.
    fn execution(&mut self, call: &'a ast::ExprCall) {
        let mut text = call.arguments.args.first();
        if let Some(Expr::Call(inner)) = text
            && matches!(&*inner.func, Expr::Name(n) if n.id.as_str() == "compile")
        {
            text = inner.arguments.args.first();
        }
        let Some(text) = text else { return };
        let harmless = match text {
            Expr::StringLiteral(text) => only_defines(text.value.to_str()),
            other => self.first_text(other, 0).is_some_and(|start| {
                let text = start.text.as_str().trim_start();
                ["def ", "class ", "async def ", "@"].iter().any(|start| text.starts_with(start))
            }),
        };
        if !harmless {
            self.op(call.range().start(), OpKind::Execute);
        }
    }
}

/// Whether a text that is executed only defines functions and classes, or takes names from modules.
fn only_defines(text: &str) -> bool {
    let text = text.trim_start();
    ["def ", "class ", "async def ", "@"].iter().any(|start| text.starts_with(start))
        || !text.contains(['(', '['])
}

/// Whether an expression in a text calls more than plain builtins: `"hub.add(1)"`, `"setup()"`.
fn calls_something(text: &str) -> bool {
    let called = |(at, _): (usize, &str)| {
        let before = text[..at].trim_end();
        let rest = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
        let name = &before[rest.len()..];
        !name.is_empty() && (rest.ends_with('.') || !PLAIN_BUILTINS.contains(&name))
    };
    !text.trim_start().starts_with("lambda") && text.match_indices('(').any(called)
}
