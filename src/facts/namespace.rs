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
use super::value::Value;
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
    /// The variable is nothing else here.
    fixed: bool,
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

/// Whether a statement of a function may bind one of its variables, also in functions within it.
struct Binds<'n> {
    name: &'n str,
    found: bool,
}

impl<'a> Visitor<'a> for Binds<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        let is_name = |name: &ast::Identifier| name.as_str() == self.name;
        self.found |= match stmt {
            Stmt::FunctionDef(def) => is_name(&def.name),
            Stmt::ClassDef(def) => is_name(&def.name),
            Stmt::Global(of) => of.names.iter().any(is_name),
            Stmt::Nonlocal(of) => of.names.iter().any(is_name),
            Stmt::Import(import) => import.names.iter().any(|alias| binds_alias(alias, self.name)),
            Stmt::ImportFrom(import) => import.names.iter().any(|alias| binds_alias(alias, self.name)),
            Stmt::Match(_) => true,
            _ => false,
        };
        visitor::walk_stmt(self, stmt);
    }
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr {
            self.found |= name.id.as_str() == self.name && !name.ctx.is_load();
        }
        visitor::walk_expr(self, expr);
    }
    fn visit_except_handler(&mut self, handler: &'a ast::ExceptHandler) {
        let ast::ExceptHandler::ExceptHandler(inner) = handler;
        self.found |= inner.name.as_ref().is_some_and(|name| name.as_str() == self.name);
        visitor::walk_except_handler(self, handler);
    }
}

fn binds_alias(alias: &ast::Alias, name: &str) -> bool {
    let bound = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
    bound == "*" || bound.split('.').next() == Some(name)
}

/// The elements of a tuple or list that is written out.
fn elements_of(value: &Expr) -> Option<&[Expr]> {
    match value {
        Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
            (!elts.iter().any(Expr::is_starred_expr)).then_some(elts)
        }
        _ => None,
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
        Some(OneOf { name, texts: elements.iter().map(text).collect::<Option<_>>()?, fixed: false })
    }

    /// `for name in ("a", "b"):` and `for name, value in (("a", 1), ("b", 2)):`, where the loop does nothing else to the names, and no code in
    /// it runs later.
    pub fn ones_in_loop(&self, stmt: &'a ast::StmtFor) -> Vec<OneOf<'a>> {
        let Some(rows) = elements_of(&stmt.iter).or_else(|| self.table(&stmt.iter)) else {
            return Vec::new();
        };
        let fixed = |name: &str| {
            let mut rebinds = Rebinds { name, found: false };
            rebinds.visit_body(&stmt.body);
            !rebinds.found
        };
        let one = |target: &'a Expr, texts: Option<Vec<&'a str>>| {
            let name = target.as_name_expr()?.id.as_str();
            let texts = texts.filter(|texts| !texts.is_empty() && fixed(name))?;
            Some(OneOf { name, texts, fixed: true })
        };
        let text = |element: &'a Expr| element.as_string_literal_expr().map(|text| text.value.to_str());
        let Expr::Tuple(targets) = &*stmt.target else {
            return one(&stmt.target, rows.iter().map(text).collect()).into_iter().collect();
        };
        let rows: Option<Vec<&[Expr]>> =
            rows.iter().map(|row| elements_of(row).filter(|row| row.len() == targets.len())).collect();
        let Some(rows) = rows else { return Vec::new() };
        // Of two variables with one name the last one counts.
        let named = |name: &Expr, target: &Expr| match (name, target) {
            (Expr::Name(a), Expr::Name(b)) => a.id == b.id,
            _ => false,
        };
        let once = |target: &Expr| targets.iter().filter(|other| named(other, target)).count() == 1;
        let columns = targets.iter().enumerate().filter(|(_, target)| once(target));
        columns
            .filter_map(|(index, target)| one(target, rows.iter().map(|row| text(&row[index])).collect()))
            .collect()
    }

    /// The elements of a tuple that a variable of the function certainly is: bound once, before, at the top of the function.
    fn table(&self, value: &Expr) -> Option<&'a [Expr]> {
        let (&(func, body), name) = (self.blocks.last()?, value.as_name_expr()?.id.as_str());
        if func != self.context.func {
            return None;
        }
        let mut found = None;
        for stmt in body {
            if let Stmt::Assign(assign) = stmt
                && let ([Expr::Name(target)], Expr::Tuple(tuple)) = (&*assign.targets, &*assign.value)
                && target.id.as_str() == name
                && found.is_none()
                && stmt.end() <= value.start()
            {
                found = Some(&*tuple.elts);
                continue;
            }
            let mut binds = Binds { name, found: false };
            binds.visit_stmt(stmt);
            if binds.found {
                return None;
            }
        }
        found.filter(|elements| !elements.iter().any(Expr::is_starred_expr))
    }

    /// The texts that a variable can be here.
    pub fn known_texts_of(&self, name: &str) -> Option<&[&'a str]> {
        let known = self.known_texts.iter().rev().find(|known| known.name == name)?;
        Some(&known.texts)
    }

    /// The texts that a variable is here, one after the other, as a value.
    pub fn text_in_loop(&mut self, variable: &Expr) -> Option<ValueId> {
        let name = variable.as_name_expr()?.id.as_str();
        let known = self.known_texts.iter().rev().find(|known| known.name == name)?;
        let texts = known.texts.clone();
        if !known.fixed {
            return None;
        }
        let texts: Vec<ValueId> =
            texts.into_iter().map(|text| self.value(Value::Str(Sym::new(text)))).collect();
        texts.into_iter().reduce(|one, other| self.either(one, other))
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
