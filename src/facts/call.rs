//! Calls: of builtins that look at namespaces, of methods that change things, of what runs or evaluates text.

use ruff_python_ast::{self as ast, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::alias::{is_globals_of, is_of_module};
use super::expr::is_own_name;
use super::inspection::inspects;
use super::names::NameId;
use super::operation::{CallRole, OpKind};
use super::scope::ScopeKind;
use super::value::{Value, ValueId};
use super::walker::{Use, Walker};
use super::{MarkKind, Sym, TextStart, idioms, words};

/// Calls that evaluate annotations, text included.
const ANNOTATION_EVALUATORS: &[Sym] = &[
    words::GET_TYPE_HINTS,
    words::GET_ANNOTATIONS,
    words::CALL_ANNOTATE_FUNCTION,
    words::EVALUATE_FORWARD_REF,
];

/// Calls that hand annotations out.
const ANNOTATION_INSPECTORS: &[Sym] =
    &[words::SIGNATURE, words::GETFULLARGSPEC, words::SIGNATURE_CLASS, words::FROM_CALLABLE];

/// The function that hands annotations out, or evaluates them, which a name of a module stands for.
pub(super) fn reads_annotations(name: Sym) -> bool {
    ANNOTATION_EVALUATORS.contains(&name) || ANNOTATION_INSPECTORS.contains(&name)
}

/// Which arguments of a call are `*args` or `**options`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpacked {
    /// None: the call is written out.
    Nothing,
    /// The last positional argument: `f(a, *args)`.
    Arguments,
    /// What stands after the positional arguments: `f(a, **options)`.
    Options,
    /// Both: `f(a, *args, **options)`.
    Both,
    /// Something else.
    Otherwise,
}

impl Unpacked {
    /// How many there are.
    pub(super) const COUNT: u32 = 5;
    /// All, by their numbers.
    pub(super) const ALL: [Self; Self::COUNT as usize] =
        [Self::Nothing, Self::Arguments, Self::Options, Self::Both, Self::Otherwise];

    /// Of a call whose positional arguments are these, with so many `**options` after them.
    pub(super) fn of(arguments: &[Expr], options: usize) -> Self {
        let stars = arguments.iter().filter(|argument| argument.is_starred_expr()).count();
        let last = arguments.last().is_some_and(Expr::is_starred_expr);
        match (stars, options) {
            (0, 0) => Self::Nothing,
            (1, 0) if last => Self::Arguments,
            (0, 1) => Self::Options,
            (1, 1) if last => Self::Both,
            _ => Self::Otherwise,
        }
    }
}

impl<'a> Walker<'a> {
    pub fn call_expr(&mut self, call: &'a ast::ExprCall, role: CallRole) -> ValueId {
        self.in_new_chain(|w| w.call_inner(call, role))
    }

    fn call_inner(&mut self, call: &'a ast::ExprCall, role: CallRole) -> ValueId {
        let callee = self.expr(&call.func, Use::Call);
        let callee = self.method_of_class_in_block(&call.func).unwrap_or(callee);
        let arguments = &call.arguments;
        let type_test = self.is_type_test(call);
        let mut options = 0;
        let getattr = self.value(Value::Global(words::GETATTR_FUNCTION));
        let sets_attribute = [words::SETATTR_FUNCTION, words::DELATTR_FUNCTION]
            .into_iter()
            .any(|setter| callee == self.value(Value::Global(setter)));
        let (positional, keywords) = (self.arguments.len(), self.keywords.len());
        for (i, argument) in arguments.args.iter().enumerate() {
            let usage = if type_test && i == 1 { Use::TypeTest } else { Use::Escape };
            let mut value = self.expr(argument, usage);
            if i == 1 && self.is_of_user(callee, argument) {
                value = self.value(Value::Str(words::EMPTY));
            } else if i == 1 && callee == getattr {
                value = self.joined(argument).unwrap_or(value);
            } else if i == 1 && sets_attribute {
                value = self.text_in_loop(argument).unwrap_or(value);
            } else if i == 0 && idioms::asks_environment(&call.func) {
                let joined = self.joined(argument).or_else(|| self.joined_to_name(argument));
                value = joined.unwrap_or(value);
            } else if i == 0 && self.loads_by_name(&call.func) {
                value = self.module_name(argument).unwrap_or(value);
            }
            self.note_frame_namespace(value, None, call.range());
            self.arguments.push(value);
        }
        for keyword in &arguments.keywords {
            let value = self.expr(&keyword.value, Use::Escape);
            if let Some(name) = &keyword.arg {
                let name = self.sym(name.as_str());
                self.keywords.push((name, value));
            } else {
                options += 1;
                self.arguments.push(value);
            }
        }
        if let Value::Attr(base, _) = self.facts.code.value(callee) {
            self.note_frame_namespace(base, arguments.args.first(), call.range());
        }
        if super::constants::refused_as_written(call, self.body) {
            self.op(call.range().start(), OpKind::Raise { failed: 0 });
        }
        let first = self.arguments.get(positional).copied();
        self.note_call(call, first);
        let of_cache = matches!(&*call.func, Expr::Attribute(method)
            if matches!(method.attr.as_str(), "get" | "clear") && self.goes_into_cache(&method.value));
        let saved = std::mem::replace(&mut self.context.of_cache, of_cache);
        let unpacked = Unpacked::of(&arguments.args, options);
        let mut value = self.call_with(call.range().start(), callee, (positional, keywords), unpacked, role);
        self.context.of_cache = saved;
        // `str("name")`
        if let ([Expr::StringLiteral(_)], true, Some(text)) =
            (&*arguments.args, arguments.keywords.is_empty(), first)
            && matches!(&*call.func, Expr::Name(name) if self.is_builtin_text(name.id.as_str(), "str"))
            && matches!(self.facts.code.value(text), Value::Str(_))
        {
            value = text;
        }
        if self.names_variables(call) { self.own_variables() } else { value }
    }

    /// `locals()` in a function.
    fn names_variables(&self, call: &ast::ExprCall) -> bool {
        let around = self.scopes.iter().rev().find(|scope| scope.kind != ScopeKind::Small);
        call.arguments.is_empty()
            && around.is_some_and(|scope| scope.kind == ScopeKind::Function)
            && self.calls_builtin(call, &[words::VARS, words::LOCALS])
    }

    /// A new container with what the function was given and has bound so far.
    fn own_variables(&mut self) -> ValueId {
        let func = self.context.func;
        let vars = &self.facts.code.vars;
        let own: Vec<usize> = (0..vars.len()).filter(|&var| vars[var].func == func).collect();
        let mut held = ValueId::FRESH;
        for var in own.into_iter().filter_map(|var| u32::try_from(var).ok()) {
            let value = self.value(Value::Var(var));
            held = self.either(held, value);
        }
        self.holder(held)
    }

    /// The method of a class that the same block has just defined. The name may be another class in another branch:
    /// `if hasattr(abc, "Buffer"): Buffer = abc.Buffer`, `else: class Buffer: …`, and there `Buffer.register(bytes)`.
    fn method_of_class_in_block(&mut self, callee: &'a Expr) -> Option<ValueId> {
        let Expr::Attribute(method) = callee else { return None };
        let class = self.bound_in_block(&method.value)?;
        if !matches!(self.facts.code.value(class), Value::Class(_)) {
            return None;
        }
        let attr = self.mangled_text(method.attr.as_str());
        Some(self.attr_value(class, attr))
    }

    /// The empty text in `setlocale(category, "")`, which stands for what the user has set.
    fn is_of_user(&self, callee: ValueId, argument: &Expr) -> bool {
        matches!(argument, Expr::StringLiteral(text) if text.value.is_empty())
            && matches!(self.facts.code.value(callee),
                Value::Attr(_, name) | Value::Global(name) if name == "setlocale")
    }

    /// `isinstance(x, …)` and `issubclass(x, …)`, the builtins, with exactly two arguments.
    fn is_type_test(&self, call: &ast::ExprCall) -> bool {
        // A star import may bring another function of that name.
        !self.star_imports
            && call.arguments.args.len() == 2
            && call.arguments.keywords.is_empty()
            && !call.arguments.args.iter().any(Expr::is_starred_expr)
            && self.calls_builtin(call, &[words::ISINSTANCE, words::ISSUBCLASS])
    }

    /// `globals()`, `vars()`, and at module level `locals()`.
    pub fn is_namespace_call(&self, call: &ast::ExprCall) -> bool {
        if !call.arguments.is_empty() {
            return false;
        }
        let local_is_global =
            || self.scopes.iter().all(|s| matches!(s.kind, ScopeKind::Module | ScopeKind::Small));
        self.calls_builtin(call, &[words::GLOBALS])
            || (self.calls_builtin(call, &[words::VARS, words::LOCALS]) && local_is_global())
    }

    /// Whether one of some builtins is called.
    fn calls_builtin(&self, call: &ast::ExprCall, builtins: &[Sym]) -> bool {
        let Expr::Name(name) = &*call.func else { return false };
        builtins.iter().any(|builtin| self.is_builtin_text(name.id.as_str(), builtin.as_str()))
    }

    /// Observations about calls that decisions ask for.
    fn note_call(&mut self, call: &'a ast::ExprCall, first: Option<ValueId>) {
        match &*call.func {
            Expr::Name(name) => {
                self.note_text_function(call, name.id.as_str());
                // `from inspect import signature as look`
                let renamed = self.annotation_readers.iter().find(|(bound, _)| *bound == name.id.as_str());
                if let Some(&(_, reader)) = renamed {
                    self.note_annotation_reader(reader, first, call.range());
                }
                // `help(area)`
                if let Some(of) = first.filter(|_| self.is_builtin_text(name.id.as_str(), "help")) {
                    self.annotations_of(MarkKind::AnnotationsOf, of, call.range());
                }
                // `getattr(cls, "__annotations__", {})`
                if let (Some(of), Some(Expr::StringLiteral(text))) = (first, call.arguments.args.get(1))
                    && text.value.to_str() == "__annotations__"
                    && self.is_builtin_text(name.id.as_str(), "getattr")
                {
                    self.mark(MarkKind::InspectsAnnotations, call.range());
                    self.annotations_of(MarkKind::AnnotationsOf, of, call.range());
                }
                let id = self.names.id(name.id.as_str());
                if let Some(word) = self.names[id].sym.filter(|sym| words::is_word(*sym)) {
                    self.note_known_call(call, id, word, first);
                }
            }
            Expr::Attribute(attribute) => {
                let method = self.sym(attribute.attr.as_str());
                if words::is_word(method) {
                    self.note_annotation_reader(method, first, call.range());
                    self.note_loading(call, method);
                }
                self.note_method(call, attribute, method, first);
            }
            _ => {}
        }
    }

    /// The same for functions that are called by a name of [`words`].
    fn note_known_call(&mut self, call: &'a ast::ExprCall, name: NameId, word: Sym, first: Option<ValueId>) {
        let range = call.range();
        if self.is_builtin(name, words::EVAL) || self.is_builtin(name, words::EXEC) {
            self.evaluation(call);
        } else if self.is_builtin(name, words::IMPORT) {
            // The import system reads `__name__` and `__package__` from it, nothing else.
            for argument in &call.arguments.args {
                self.unmark(argument.range());
            }
        } else if self.is_namespace_call(call) {
            self.mark(MarkKind::NamespaceRead, range);
        } else if self.is_builtin(name, words::VARS) && call.arguments.args.len() == 1 {
            if self.is_own_module(&call.arguments.args[0]) {
                self.mark(MarkKind::NamespaceRead, range);
            } else if let Some(of) = first {
                self.namespace_of(of, range);
            }
        } else if let (true, true, Some(of)) =
            (self.is_builtin(name, words::DIR), call.arguments.args.len() == 1, first)
        {
            self.mark(MarkKind::NamesOf(of), range);
        } else if word == words::SETATTR_FUNCTION && self.is_builtin(name, words::SETATTR_FUNCTION) {
            // `setattr(sys.modules[__name__], name, value)`
            if call.arguments.args.first().is_some_and(|of| self.means_own_module(of)) {
                self.facts.exports.writes_namespace = true;
            }
        } else if inspects(word) {
            self.note_inspection(word, first, call);
        } else {
            self.takes_keys_of_argument(call, name);
            self.note_annotation_reader(word, first, range);
        }
        self.note_loading(call, word);
    }

    fn note_annotation_reader(&mut self, name: Sym, of: Option<ValueId>, range: TextRange) {
        let kind: fn(ValueId) -> MarkKind;
        if ANNOTATION_EVALUATORS.contains(&name) {
            self.mark(MarkKind::EvaluatesAnnotations, range);
            kind = MarkKind::HintsOf;
        } else if ANNOTATION_INSPECTORS.contains(&name) {
            self.mark(MarkKind::InspectsAnnotations, range);
            kind = MarkKind::AnnotationsOf;
        } else {
            if let (words::GETCLOSUREVARS, Some(of)) = (name, of) {
                self.mark(MarkKind::GlobalsOf(of), range);
            }
            return;
        }
        if let Some(of) = of {
            self.annotations_of(kind, of, range);
        }
    }

    pub fn annotations_of(&mut self, kind: fn(ValueId) -> MarkKind, of: ValueId, range: TextRange) {
        if of != ValueId::OPAQUE && of != ValueId::FRESH {
            self.mark(kind(of), range);
        }
    }

    /// Whether a value is the namespace of a frame: `frame.f_globals`, also by way of a variable.
    fn is_frame_namespace(&self, value: ValueId) -> bool {
        let code = &self.facts.code;
        let of_frame = |value| matches!(code.value(value), Value::Attr(_, words::F_GLOBALS));
        match code.value(value) {
            Value::Attr(..) => of_frame(value),
            Value::Var(var) if self.frame_namespaces => {
                code.assigned.iter().any(|&(assigned, value)| assigned == var && of_frame(value))
            }
            _ => false,
        }
    }

    /// More is read from the namespace of a frame than `__name__` and the like.
    pub fn note_frame_namespace(&mut self, value: ValueId, key: Option<&Expr>, range: TextRange) {
        let special = matches!(key, Some(Expr::StringLiteral(key)) if key.value.to_str().starts_with("__"));
        if !special && self.is_frame_namespace(value) {
            self.mark(MarkKind::ReadsCallers, range);
        }
    }

    fn note_method(
        &mut self,
        call: &'a ast::ExprCall,
        attribute: &'a ast::ExprAttribute,
        method: Sym,
        first_value: Option<ValueId>,
    ) {
        let range = call.range();
        let first = first_value.map(|value| self.facts.code.value(value));
        // `plugin.register(self)`: an object is no function that could be chosen by its annotations.
        let own_object = || first_value.is_some_and(|value| self.is_own_object(value));
        if method == words::REGISTER && is_bare_register(call) && !own_object() {
            match first_value {
                Some(value) if value != ValueId::OPAQUE => {
                    self.annotations_of(MarkKind::ChosenByHints, value, range);
                }
                _ => self.mark(MarkKind::EvaluatesAnnotations, range),
            }
        }
        if self.is_sys_modules(&attribute.value) {
            match (method, first) {
                (
                    words::GET | words::POP | words::SETDEFAULT | words::CONTAINS | words::GETITEM,
                    Some(Value::Str(name)),
                ) => {
                    self.mark(MarkKind::AsksSysModules(name), range);
                }
                (words::UPDATE, _) => self.note_replaced_entries(call, 0),
                (words::GET | words::POP | words::SETDEFAULT, _)
                    if call.arguments.args.first().is_some_and(is_own_name) => {}
                (words::GET | words::POP | words::SETDEFAULT | words::CONTAINS | words::GETITEM, _)
                    if let Some(key) = call.arguments.args.first() =>
                {
                    self.asks_sys_modules(key, first_value.unwrap_or(ValueId::OPAQUE), range);
                }
                _ => self.mark(MarkKind::ReadsSysModules, range),
            }
        }
        if is_globals_of(&attribute.value)
            && matches!(method, words::GET | words::POP | words::SETDEFAULT)
            && call.arguments.args.first().is_some_and(is_of_module)
        {
            self.unmark_globals_of(attribute.value.range());
        }
        self.note_text_method(call, method);
        if matches!(method, words::ADD_KEY | words::APPEND)
            && let Some(key) = call.arguments.args.first()
        {
            self.note_keyed(&attribute.value, key);
        }
        if matches!(method.as_str(), "items" | "keys" | "values") {
            self.note_listing(&attribute.value);
        }
        if let Expr::Call(inner) = &*attribute.value
            && self.is_namespace_call(inner)
        {
            match (method, first) {
                (words::GET | words::POP | words::SETDEFAULT | words::GETITEM, Some(Value::Str(name))) => {
                    self.mark(MarkKind::NamespaceName(name), range);
                }
                // Only writes: nothing is read. The inner call has left its mark; take it back.
                (words::KEYS, _) => {
                    self.takes_keys(&attribute.value);
                    return;
                }
                (words::UPDATE | words::SETITEM, _) => {
                    self.facts.exports.writes_namespace = true;
                    self.unmark(inner.range());
                    return;
                }
                _ => return,
            }
            self.unmark(inner.range());
        }
        if let ("format_map", Some(namespace)) = (method.as_str(), call.arguments.args.first()) {
            self.formats_namespace(&attribute.value, namespace, ("{", &['}', '!', ':', '.', '[']));
            let namespace = self.quiet_value(namespace);
            self.items_by_text(range, namespace);
        } else if method == "format"
            && let [ast::Keyword { arg: None, value, .. }] = &*call.arguments.keywords
            && call.arguments.args.is_empty()
        {
            self.formats_namespace(&attribute.value, value, ("{", &['}', '!', ':', '.', '[']));
        }
        if method == words::EXTEND || method == words::APPEND {
            self.note_all_method(call, attribute, method);
        }
        match method {
            words::RUN_DOCSTRING_EXAMPLES => self.mark(MarkKind::EvaluatesText, range),
            _ if inspects(method) => self.note_inspection(method, first_value, call),
            // `patch.dict(sys.modules, …)`, `monkeypatch.setitem(sys.modules, …)`
            _ if matches!(method.as_str(), "dict" | "setitem" | "delitem")
                && (call.arguments.args.first().is_some_and(|object| self.is_sys_modules(object))
                    || matches!(first, Some(Value::Str(path)) if path == "sys.modules")) =>
            {
                self.note_replaced_entries(call, 1);
            }
            // `sys.modules.update(name=module)`
            words::UPDATE if self.is_sys_modules(&attribute.value) => self.note_replaced_entries(call, 0),
            // `patch.dict(os.environ, …)`, `monkeypatch.setenv("X", "1")`
            _ if method == "dict" && call.arguments.args.first().is_some_and(is_environment) => {
                self.note_patched_variables(call);
            }
            _ if matches!(method.as_str(), "setenv" | "delenv")
                && let Some(Value::Str(name)) = first =>
            {
                self.mark(MarkKind::PatchesVariable(name), range);
            }
            _ => {}
        }
    }

    /// Entries of `sys.modules` that a call binds or deletes.
    fn note_replaced_entries(&mut self, call: &'a ast::ExprCall, from: usize) {
        for name in patched_keys(call, from).0 {
            self.mark(MarkKind::ReplacesEntry(Sym::new(name)), call.range());
        }
    }

    /// Variables of the environment that a call sets for a while.
    fn note_patched_variables(&mut self, call: &'a ast::ExprCall) {
        let (names, all) = patched_keys(call, 1);
        for name in names.into_iter().chain((!all).then_some("")) {
            self.mark(MarkKind::PatchesVariable(Sym::new(name)), call.range());
        }
    }

    fn note_all_method(&mut self, call: &'a ast::ExprCall, attribute: &ast::ExprAttribute, method: Sym) {
        let is_all = matches!(&*attribute.value, Expr::Name(n) if n.id.as_str() == "__all__");
        if !is_all || self.scopes.len() != 1 {
            return;
        }
        match (method, call.arguments.args.first()) {
            (words::EXTEND, Some(value)) => self.extend_all(value),
            (words::APPEND, Some(Expr::StringLiteral(name))) => {
                let name = Sym::new(name.value.to_str());
                self.facts.exports.all.get_or_insert_default().push(name);
            }
            _ => self.facts.exports.partial = true,
        }
    }

    /// The last mark was about a `globals()` whose use turned out to be more special.
    pub fn unmark(&mut self, range: TextRange) {
        self.facts.marks.retain(|m| !(m.range == range && m.kind == MarkKind::NamespaceRead));
    }

    /// How a text begins that the function or the module puts together: `"\n".join(lines)` after `lines = ["def f():"]`.
    pub(super) fn first_text(&self, expr: &Expr, depth: u32) -> Option<TextStart> {
        if let Some(start) = self.text_start(expr).filter(|_| depth < 4) {
            return Some(start);
        }
        match expr {
            Expr::List(list) => self.first_text(list.elts.first()?, depth + 1),
            Expr::Name(name) if depth < 4 => {
                let block = self.blocks.last().map(|&(_, block)| block);
                let value = [block, Some(self.body)].into_iter().flatten().find_map(|block| {
                    block.iter().find_map(|stmt| match stmt {
                        Stmt::Assign(assign) => match &*assign.targets {
                            [Expr::Name(target)] if target.id == name.id => Some(&*assign.value),
                            _ => None,
                        },
                        _ => None,
                    })
                })?;
                self.first_text(value, depth + 1)
            }
            Expr::BinOp(sum) if sum.op == ast::Operator::Mod => self.first_text(&sum.left, depth + 1),
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) => match method.attr.as_str() {
                    "join" => self.first_text(call.arguments.args.first()?, depth + 1),
                    "format" | "format_map" | "strip" => self.first_text(&method.value, depth + 1),
                    "dedent" => self.first_text(call.arguments.args.first()?, depth + 1),
                    _ => None,
                },
                Expr::Name(function) if matches!(function.id.as_str(), "dedent" | "compile") => {
                    self.first_text(call.arguments.args.first()?, depth + 1)
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// `@f.register` without a class: the implementation is chosen by annotations.
fn is_bare_register(call: &ast::ExprCall) -> bool {
    call.arguments.args.len() == 1 && matches!(call.arguments.args[0], Expr::Name(_) | Expr::Lambda(_))
}

/// `os.environ`, also as a text.
fn is_environment(expr: &Expr) -> bool {
    match expr {
        Expr::Name(name) => name.id.as_str() == "environ",
        Expr::Attribute(attribute) => attribute.attr.as_str() == "environ",
        Expr::StringLiteral(text) => text.value.to_str() == "os.environ",
        _ => false,
    }
}

/// The keys that a call binds or deletes, named by a text, by keywords, or in a display, and whether these are all.
fn patched_keys(call: &ast::ExprCall, from: usize) -> (Vec<&str>, bool) {
    let mut names: Vec<&str> = Vec::new();
    let mut all = true;
    for argument in call.arguments.args.iter().skip(from).take(1) {
        match argument {
            Expr::StringLiteral(name) => names.push(name.value.to_str()),
            Expr::Dict(dict) => {
                for item in &dict.items {
                    match &item.key {
                        Some(Expr::StringLiteral(name)) => names.push(name.value.to_str()),
                        _ => all = false,
                    }
                }
            }
            _ => all = false,
        }
    }
    for keyword in &call.arguments.keywords {
        match keyword.arg.as_ref().map(ast::Identifier::as_str) {
            Some("values" | "clear") => all = false,
            Some("raising") => {}
            Some(name) => names.push(name),
            None => all = false,
        }
    }
    (names, all)
}
