//! Reads of the module's namespace as a dict: of all its values, of some names, or of no more than which names there are.
//!
//! ```python
//! sorted(globals())                             # names only
//! if name in {"VERSION", "version"}:
//!     return globals()[name]                    # one of two names
//! globals()[f"_deprecated_{name}"]              # names with this beginning
//! ```

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, CmpOp, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::names::NameId;
use super::walker::Walker;
use super::{Mark, MarkKind, Sym, ValueId, words};

/// Builtins that go through the keys of a dict and do nothing else with it.
const TAKES_KEYS: &[Sym] = &[
    words::LIST,
    words::TUPLE,
    words::SET,
    words::FROZENSET,
    words::SORTED,
    words::LEN,
    words::ITER_FUNCTION,
];

/// A variable that is one of some texts, in the block that runs if it is.
#[derive(Debug)]
pub(super) struct OneOf<'a> {
    name: &'a str,
    texts: Vec<&'a str>,
}

/// Whether statements may bind a name again, or make code that reads it later.
struct Rebinds<'n> {
    name: &'n str,
    found: bool,
}

impl<'a> Visitor<'a> for Rebinds<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(_)
            | Stmt::ClassDef(_)
            | Stmt::Match(_)
            | Stmt::Import(_)
            | Stmt::ImportFrom(_) => {
                self.found = true;
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }
    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) => self.found |= name.id.as_str() == self.name && !name.ctx.is_load(),
            Expr::Lambda(_) => self.found = true,
            _ => visitor::walk_expr(self, expr),
        }
    }
    fn visit_except_handler(&mut self, handler: &'a ast::ExceptHandler) {
        let ast::ExceptHandler::ExceptHandler(inner) = handler;
        self.found |= inner.name.as_ref().is_some_and(|name| name.as_str() == self.name);
        visitor::walk_except_handler(self, handler);
    }
}

impl<'a> Walker<'a> {
    /// What a test says of a variable: `name in ("a", "b")`, `name == "a"`.
    pub fn one_of(test: &'a Expr) -> Option<OneOf<'a>> {
        let Expr::Compare(compare) = test else { return None };
        let (Expr::Name(name), [op], [right]) = (&*compare.left, &*compare.ops, &*compare.comparators) else {
            return None;
        };
        let name = name.id.as_str();
        let elements = match (op, right) {
            (CmpOp::Eq, text @ Expr::StringLiteral(_)) => std::slice::from_ref(text),
            (CmpOp::In, Expr::Tuple(ast::ExprTuple { elts, .. })) => elts,
            (CmpOp::In, Expr::List(ast::ExprList { elts, .. }) | Expr::Set(ast::ExprSet { elts, .. })) => {
                elts
            }
            _ => return None,
        };
        let text = |element: &'a Expr| element.as_string_literal_expr().map(|text| text.value.to_str());
        Some(OneOf { name, texts: elements.iter().map(text).collect::<Option<_>>()? })
    }

    /// `for name in ("a", "b"):`, where the loop does nothing else to the name, and no code in it runs later.
    pub fn one_in_loop(stmt: &'a ast::StmtFor) -> Option<OneOf<'a>> {
        let name = stmt.target.as_name_expr()?.id.as_str();
        let (Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. })) = &*stmt.iter
        else {
            return None;
        };
        let text = |element: &'a Expr| element.as_string_literal_expr().map(|text| text.value.to_str());
        let texts: Vec<&str> = elts.iter().map(text).collect::<Option<_>>()?;
        let mut rebinds = Rebinds { name, found: false };
        rebinds.visit_body(&stmt.body);
        (!texts.is_empty() && !rebinds.found).then_some(OneOf { name, texts })
    }

    /// The texts that a variable can be here.
    pub fn known_texts_of(&self, name: &str) -> Option<&[&'a str]> {
        let known = self.known_texts.iter().rev().find(|known| known.name == name)?;
        Some(&known.texts)
    }

    /// `globals()[key]` where the key is no constant.
    pub fn namespace_item(&mut self, key: &Expr, range: TextRange) {
        if let Expr::Name(name) = key
            && let Some(known) = self.known_texts.iter().rev().find(|known| known.name == name.id.as_str())
        {
            for text in known.texts.clone() {
                let name = Sym::new(text);
                self.mark(MarkKind::NamespaceName(name), range);
            }
            return;
        }
        match self.text_start(key) {
            Some(start) if !start.own && !start.text.as_str().is_empty() => {
                self.mark(MarkKind::NamespaceNames(start.text), range);
            }
            _ => self.mark(MarkKind::NamespaceRead, range),
        }
    }

    /// The namespace of what may be a module is gone through: `vars(x).items()`, `sorted(x.__dict__)`.
    pub fn note_listing(&mut self, expr: &'a Expr) {
        let of = match expr {
            Expr::Call(call)
                if call.arguments.args.len() == 1
                    && matches!(&*call.func, Expr::Name(f) if self.is_builtin_text(f.id.as_str(), "vars")) =>
            {
                &call.arguments.args[0]
            }
            Expr::Attribute(attribute) if attribute.attr.as_str() == "__dict__" => &*attribute.value,
            _ => return,
        };
        let value = self.quiet_value(of);
        if value != ValueId::OPAQUE {
            self.mark(MarkKind::NamesOf(value), expr.range());
        }
    }

    /// A loop over names, which have left their marks, that goes on only with those in capitals.
    pub fn note_capitals(&mut self, marks: usize) {
        for mark in self.facts.marks.iter_mut().skip(marks) {
            if let MarkKind::NamesOf(of) = mark.kind {
                mark.kind = MarkKind::CapitalsOf(of);
            }
        }
    }

    /// A loop over namespaces, which have left their marks, that picks functions by what they are and not by their names.
    pub fn note_search(&mut self, marks: usize, all: TextRange) {
        if marks == self.facts.marks.len() {
            return;
        }
        let text = &self.text[all];
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if !has(&["callable", "isfunction", "isroutine", "FunctionType"])
            || has(&["startswith", "isupper", "__module__"])
        {
            return;
        }
        for index in marks..self.facts.marks.len() {
            let Mark { kind, range, .. } = self.facts.marks[index];
            if let MarkKind::NamespaceOf(of) = kind {
                self.mark(MarkKind::SearchesFunctions(of), range);
            }
        }
    }

    /// A text that takes names from the module's namespace: `"{NAME}".format_map(globals())`, `"%(NAME)s" % globals()`.
    pub fn formats_namespace(&mut self, text: &'a Expr, namespace: &'a Expr, (open, close): (&str, &[char])) {
        let (Expr::StringLiteral(text), Expr::Call(call)) = (text, namespace) else { return };
        if !self.is_namespace_call(call) {
            return;
        }
        let mut names = Vec::new();
        for part in text.value.to_str().split(open).skip(1) {
            let Some(end) = part.find(close) else { return };
            names.push(part[..end].trim_end_matches(['!', ':', '.', '[']));
        }
        self.unmark(call.range());
        for name in names {
            let name = Sym::new(name);
            self.mark(MarkKind::NamespaceName(name), call.range());
        }
    }

    /// An expression of which only the keys are taken, if it is a namespace.
    pub fn takes_keys(&mut self, expr: &'a Expr) {
        self.note_listing(expr);
        if let Expr::Call(call) = expr
            && self.is_namespace_call(call)
        {
            self.unmark(call.range());
            self.mark(MarkKind::NamespaceKeys, call.range());
        }
    }

    /// `sorted(globals())`
    pub fn takes_keys_of_argument(&mut self, call: &'a ast::ExprCall, function: NameId) {
        if let Some(first) = call.arguments.args.first()
            && TAKES_KEYS.iter().any(|builtin| self.is_builtin(function, *builtin))
        {
            self.takes_keys(first);
        }
    }
}
