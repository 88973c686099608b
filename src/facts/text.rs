//! Texts of which the beginning is known.
//!
//! ```python
//! sys.modules["theme_%s" % name]                              # begins with theme_
//! [n for n in sys.modules if n.startswith(__name__ + ".")]    # begins with the module's own name and a dot
//! for part in ("a", "b"):
//!     name = "plugins." + part                                # one of two
//! ```

use ruff_python_ast::{self as ast, Expr, InterpolatedStringElement, Operator};
use ruff_text_size::Ranged;
use smallvec::SmallVec;

use super::loaders::imports_by_name;
use super::value::{Value, ValueId};
use super::walker::Walker;
use super::{MarkKind, Sym, TextStart, words};

/// The texts that a value can be, each as far as it is known. None if nothing is.
pub(super) type Texts = SmallVec<[TextStart; 1]>;

/// More than so many possible texts count as unknown from where they differ.
const MOST: usize = 16;

/// Each of some texts followed by each of others.
fn joined(left: Texts, right: &[TextStart]) -> Texts {
    let together = left.len() * right.len();
    if !(1..=MOST).contains(&together) || right.iter().any(|right| right.own) {
        return left.into_iter().map(|start| TextStart { whole: false, ..start }).collect();
    }
    let join = |left: TextStart| {
        right.iter().map(move |right| {
            let text = Sym::new(&format!("{}{}", left.text, right.text));
            if left.whole { TextStart { text, whole: right.whole, ..left } } else { left }
        })
    };
    left.into_iter().flat_map(join).collect()
}

/// What texts have in common.
fn common(texts: &[TextStart]) -> Option<TextStart> {
    let (&first, rest) = texts.split_first()?;
    let both = |a: TextStart, b: &TextStart| {
        let same = a.text.as_str().char_indices().zip(b.text.as_str().chars());
        let end = same.take_while(|((_, a), b)| a == b).map(|((at, c), _)| at + c.len_utf8()).last();
        let text = &a.text.as_str()[..end.unwrap_or(0)];
        (a.own == b.own).then(|| TextStart { text: Sym::new(text), whole: false, ..a })
    };
    let found = rest.iter().try_fold(first, both)?;
    (rest.is_empty() || found.own || !found.text.as_str().is_empty()).then_some(found)
}

impl<'a> Walker<'a> {
    /// How the value of an expression begins, if it is a text and its beginning is known.
    pub fn text_start(&self, expr: &Expr) -> Option<TextStart> {
        let start = |text: &str, whole| Some(TextStart { own: false, text: Sym::new(text), whole });
        match expr {
            Expr::StringLiteral(literal) => start(literal.value.to_str(), true),
            Expr::Name(name) if matches!(name.id.as_str(), "__name__" | "__package__") => {
                Some(TextStart { own: true, text: Sym::new(""), whole: true })
            }
            Expr::Name(name) => common(self.text_starts.get(name.id.as_str())?),
            Expr::Attribute(_) if is_package_name(expr) => {
                Some(TextStart { own: true, text: Sym::new(""), whole: true })
            }
            Expr::FString(string) => {
                let mut elements = string.value.elements();
                match (elements.next()?, elements.next()) {
                    (InterpolatedStringElement::Literal(text), rest) => start(text, rest.is_none()),
                    (InterpolatedStringElement::Interpolation(first), rest) => {
                        let first = self.text_start(&first.expression)?;
                        match rest {
                            Some(InterpolatedStringElement::Literal(text)) if first.whole => {
                                let text = Sym::new(&format!("{}{}", first.text, &**text));
                                Some(TextStart { text, whole: elements.next().is_none(), ..first })
                            }
                            rest => Some(TextStart { whole: first.whole && rest.is_none(), ..first }),
                        }
                    }
                }
            }
            Expr::BinOp(sum) if sum.op == Operator::Add => {
                let left = self.text_start(&sum.left)?;
                match self.text_start(&sum.right) {
                    Some(right) if left.whole && !right.own => {
                        let text = Sym::new(&format!("{}{}", left.text, right.text));
                        Some(TextStart { text, whole: right.whole, ..left })
                    }
                    _ => Some(TextStart { whole: false, ..left }),
                }
            }
            Expr::BinOp(format) if format.op == Operator::Mod => match &*format.left {
                Expr::StringLiteral(text) => self.formatted(text.value.to_str(), "%", &format.right),
                _ => None,
            },
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) if method.attr.as_str() == "format" => match &*method.value {
                    Expr::StringLiteral(text) => {
                        self.formatted(text.value.to_str(), "{", call.arguments.args.first()?)
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    /// All texts that an expression can be.
    pub(super) fn texts(&self, expr: &Expr) -> Texts {
        let known = |text: &&str| TextStart { own: false, text: Sym::new(text), whole: true };
        match expr {
            Expr::Name(name) => match self.known_texts_of(name.id.as_str()) {
                Some(texts) => texts.iter().map(known).collect(),
                None => match self.text_starts.get(name.id.as_str()) {
                    Some(texts) => texts.clone(),
                    None => self.text_start(expr).into_iter().collect(),
                },
            },
            Expr::BinOp(sum) if sum.op == Operator::Add => {
                joined(self.texts(&sum.left), &self.texts(&sum.right))
            }
            Expr::FString(string) => {
                let nothing = TextStart { own: false, text: Sym::new(""), whole: true };
                let mut elements = string.value.elements();
                let first = match elements.next() {
                    Some(InterpolatedStringElement::Interpolation(first)) => self.texts(&first.expression),
                    Some(InterpolatedStringElement::Literal(text)) => Texts::from_iter([known(&&**text)]),
                    None => Texts::from_iter([nothing]),
                };
                elements.fold(first, |before, element| match element {
                    InterpolatedStringElement::Literal(text) => joined(before, &[known(&&**text)]),
                    InterpolatedStringElement::Interpolation(part) => {
                        joined(before, &self.texts(&part.expression))
                    }
                })
            }
            _ => self.text_start(expr).into_iter().collect(),
        }
    }

    /// A text that is put together of a constant beginning and something else: `"do_" + name`, `f"do_{name}"`.
    pub(super) fn joined(&mut self, text: &'a Expr) -> Option<ValueId> {
        let rest = match text {
            Expr::BinOp(sum) if sum.op == ast::Operator::Add && sum.left.is_string_literal_expr() => {
                self.quiet_value(&sum.right)
            }
            Expr::FString(string) => match *string.value.elements().collect::<SmallVec<[_; 2]>>() {
                [_, ast::InterpolatedStringElement::Interpolation(rest)]
                    if rest.format_spec.is_none() && rest.conversion.is_none() =>
                {
                    self.quiet_value(&rest.expression)
                }
                _ => ValueId::OPAQUE,
            },
            Expr::BinOp(_) | Expr::Call(_) => ValueId::OPAQUE,
            _ => return None,
        };
        let start = self.text_start(text).filter(|start| !start.own && !start.text.as_str().is_empty())?;
        let begun = self.value(Value::Str(start.text));
        // `"do_" + "quit"`
        Some(if start.whole { begun } else { self.value(Value::Joined(begun, rest)) })
    }

    /// A text that begins with what a name stands for: `PREFIX + name`, `f"{PREFIX}{name}"`.
    pub(super) fn joined_to_name(&mut self, text: &'a Expr) -> Option<ValueId> {
        let first = match text {
            Expr::BinOp(sum) if sum.op == ast::Operator::Add => &*sum.left,
            Expr::FString(string) => match string.value.elements().next()? {
                ast::InterpolatedStringElement::Interpolation(first)
                    if first.format_spec.is_none() && first.conversion.is_none() =>
                {
                    &*first.expression
                }
                _ => return None,
            },
            _ => return None,
        };
        let start = first.is_name_expr().then(|| self.quiet_value(first))?;
        if !matches!(self.facts.code.value(start), Value::Global(_)) {
            return None;
        }
        // Who writes under a name that is not known, may write this one, too.
        Some(self.value(Value::Joined(start, ValueId::OPAQUE)))
    }

    /// `importlib.import_module(…)`, `__import__(…)`
    pub(super) fn loads_by_name(&self, callee: &Expr) -> bool {
        match callee {
            Expr::Attribute(method) => imports_by_name(method.attr.as_str()),
            Expr::Name(name) => {
                imports_by_name(name.id.as_str()) || self.loader_names.contains(&name.id.as_str())
            }
            _ => false,
        }
    }

    /// The name of a module that is put together of texts and of what names stand for: `"plugins." + name`, `f"{app}.signals"`,
    /// `"%s.%s" % (app, name)`, `".".join([app, name])`.
    pub(super) fn module_name(&mut self, text: &'a Expr) -> Option<ValueId> {
        let mut parts = SmallVec::<[ValueId; 4]>::new();
        self.parts_of(text, &mut parts)?;
        let whole = self.value(Value::Str(words::EMPTY));
        Some(parts.into_iter().fold(whole, |whole, part| self.value(Value::Joined(whole, part))))
    }

    /// The parts of a text that is put together. None if it is not.
    fn parts_of(&mut self, text: &'a Expr, parts: &mut SmallVec<[ValueId; 4]>) -> Option<()> {
        match text {
            Expr::BinOp(sum) if sum.op == Operator::Add => {
                self.part(&sum.left, parts);
                self.part(&sum.right, parts);
            }
            Expr::FString(string) => {
                for element in string.value.elements() {
                    match element {
                        InterpolatedStringElement::Literal(text) => self.literal(text, parts),
                        InterpolatedStringElement::Interpolation(part) => self.part(&part.expression, parts),
                    }
                }
            }
            Expr::BinOp(format) if format.op == Operator::Mod => {
                let Expr::StringLiteral(template) = &*format.left else { return None };
                let given = match &*format.right {
                    Expr::Tuple(tuple) => &tuple.elts[..],
                    one => std::slice::from_ref(one),
                };
                self.filled(template.value.to_str(), "%s", given, parts)?;
            }
            Expr::Call(call) if call.arguments.keywords.is_empty() => {
                let Expr::Attribute(method) = &*call.func else { return None };
                let Expr::StringLiteral(template) = &*method.value else { return None };
                let (text, given) = (template.value.to_str(), &call.arguments.args[..]);
                match (method.attr.as_str(), given) {
                    ("format", given) => self.filled(text, "{}", given, parts)?,
                    (
                        "join",
                        [Expr::List(ast::ExprList { elts, .. }) | Expr::Tuple(ast::ExprTuple { elts, .. })],
                    ) => {
                        for (index, part) in elts.iter().enumerate() {
                            if index > 0 {
                                self.literal(text, parts);
                            }
                            self.part(part, parts);
                        }
                    }
                    // `".".join(parents + ["red"])`
                    ("join", [Expr::BinOp(sum)]) if sum.op == Operator::Add => {
                        let Expr::List(ast::ExprList { elts, .. }) = &*sum.right else { return None };
                        self.part(&sum.left, parts);
                        for part in elts {
                            self.literal(text, parts);
                            self.part(part, parts);
                        }
                    }
                    _ => return None,
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn part(&mut self, expr: &'a Expr, parts: &mut SmallVec<[ValueId; 4]>) {
        match expr {
            Expr::StringLiteral(literal) => self.literal(literal.value.to_str(), parts),
            Expr::Name(_) | Expr::Attribute(_) => parts.push(self.quiet_value(expr)),
            _ if self.parts_of(expr, parts).is_some() => {}
            _ => parts.push(ValueId::OPAQUE),
        }
    }

    fn literal(&mut self, text: &str, parts: &mut SmallVec<[ValueId; 4]>) {
        if !text.is_empty() {
            parts.push(self.value(Value::Str(Sym::new(text))));
        }
    }

    /// A template whose holes are filled in their order.
    fn filled(
        &mut self,
        template: &str,
        hole: &str,
        given: &'a [Expr],
        parts: &mut SmallVec<[ValueId; 4]>,
    ) -> Option<()> {
        let pieces: SmallVec<[&str; 4]> = template.split(hole).collect();
        let others = |piece: &&str| piece.contains(['%', '{']);
        if pieces.len() != given.len() + 1 || pieces.iter().any(others) {
            return None;
        }
        for (index, piece) in pieces.into_iter().enumerate() {
            if let Some(before) = index.checked_sub(1) {
                self.part(&given[before], parts);
            }
            self.literal(piece, parts);
        }
        Some(())
    }

    fn formatted(&self, template: &str, hole: &str, first: &Expr) -> Option<TextStart> {
        let head = template.split(hole).next().unwrap_or_default();
        if !head.is_empty() {
            return Some(TextStart { own: false, text: Sym::new(head), whole: false });
        }
        let first = match first {
            Expr::Tuple(tuple) => tuple.elts.first()?,
            other => other,
        };
        self.text_start(first).filter(|start| start.own).map(|start| {
            let rest = template.trim_start_matches("%s").trim_start_matches("{}");
            let dot = if rest.starts_with('.') { "." } else { "" };
            TextStart { text: Sym::new(dot), whole: false, ..start }
        })
    }

    /// `import_module("plugins." + name)`, `import_module("." + name, __name__)`
    pub fn note_loading(&mut self, call: &ast::ExprCall, function: Sym) {
        let Some(name) = call.arguments.args.first() else { return };
        if matches!(function, words::IMPORT_MODULE | words::IMPORT)
            && let Some(start) = self.text_start(name)
            && !start.whole
            && (start.text.as_str().contains('.') || start.text.as_str().len() > 3)
        {
            let start = match function {
                words::IMPORT_MODULE if !start.own && start.text.as_str().starts_with('.') => {
                    self.below_package(start, call)
                }
                _ if start.own && begins_with_package(name) => Some(TextStart { own: false, ..start }),
                _ => Some(start),
            };
            if let Some(start) = start {
                self.mark(MarkKind::LoadsFrom(start), call.range());
            }
        }
    }

    /// A relative name, below the package that the call names.
    fn below_package(&self, start: TextStart, call: &ast::ExprCall) -> Option<TextStart> {
        let package = call.arguments.find_argument_value("package", 1)?;
        if is_package_name(package) {
            return Some(start);
        }
        let around = self.text_start(package).filter(|around| around.whole)?;
        let around = TextStart { own: around.own && !begins_with_package(package), ..around };
        let one = start.text.as_str().strip_prefix('.').is_some_and(|rest| !rest.starts_with('.'));
        one.then(|| TextStart { text: Sym::new(&format!("{}{}", around.text, start.text)), ..around })
            .map(|all| TextStart { whole: false, ..all })
    }

    /// `prefix = __name__ + "."`: names are enough here, whatever their scope.
    pub fn note_text(&mut self, name: &'a str, value: &Expr) {
        if (self.watches_imports || self.loads_modules)
            && let texts = self.texts(pattern(value))
            && !texts.is_empty()
        {
            self.text_starts.insert(name, texts);
        }
    }
}

/// The text of a pattern: `re.compile("step_")`.
fn pattern(value: &Expr) -> &Expr {
    let Expr::Call(call) = value else { return value };
    match (&*call.func, &*call.arguments.args) {
        (Expr::Attribute(function), [pattern, ..]) if function.attr.as_str() == "compile" => pattern,
        _ => value,
    }
}

/// `__package__`, `__spec__.parent`
fn is_package_name(expr: &Expr) -> bool {
    match expr {
        Expr::Name(name) => name.id.as_str() == "__package__",
        Expr::Attribute(attribute) => {
            attribute.attr.as_str() == "parent"
                && matches!(&*attribute.value, Expr::Name(name) if name.id.as_str() == "__spec__")
        }
        _ => false,
    }
}

/// Whether a text that is put together begins with the name of the package.
fn begins_with_package(expr: &Expr) -> bool {
    match expr {
        Expr::FString(string) => match string.value.elements().next() {
            Some(InterpolatedStringElement::Interpolation(first)) => is_package_name(&first.expression),
            _ => false,
        },
        Expr::BinOp(sum) if sum.op == Operator::Add => begins_with_package(&sum.left),
        Expr::BinOp(format) if format.op == Operator::Mod => match &*format.right {
            Expr::Tuple(tuple) => tuple.elts.first().is_some_and(is_package_name),
            first => is_package_name(first),
        },
        Expr::Call(call) => call.arguments.args.first().is_some_and(is_package_name),
        _ => is_package_name(expr),
    }
}
