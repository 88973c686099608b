//! Scopes, and where a name leads.
//!
//! A scope does not hold its names: they are written into the table of names when the scope is entered, and what stood there
//! before comes back when it is left. Only the names of a class are seen by nobody but the class body itself, so they stand beside
//! those of functions.

use ruff_python_ast::{Expr, Stmt};

use super::binding::{self, Binding, Form};
use super::names::{InClass, Name, NameId};
use super::walker::Walker;
use super::{Sym, ValueId};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ScopeKind {
    Module,
    Function,
    Class,
    /// Comprehensions and type parameters: names without a body of statements.
    Small,
}

pub(super) struct Scope {
    pub kind: ScopeKind,
    /// Different for every scope of the file.
    number: u32,
    /// The part of [`Scopes::hidden`] that belongs to it.
    hidden: usize,
    /// Class scopes: what the body binds.
    pub members: Vec<(Sym, ValueId)>,
}

/// Where a name leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Resolved {
    /// A variable of this or an enclosing function.
    Var(u32),
    /// A name of the class body being executed; it may also be the module's.
    Class { certain: bool },
    /// The module's namespace or a builtin.
    Global,
}

/// The scopes around the code being walked.
#[derive(Default)]
pub(super) struct Scopes {
    stack: Vec<Scope>,
    next: u32,
    /// What names meant outside of the scopes that bind them.
    hidden: Vec<Hidden>,
    bindings: Vec<Binding>,
}

struct Hidden {
    name: NameId,
    /// Scope and variable, or class.
    scope: u32,
    var: u32,
    in_class: InClass,
}

impl Scopes {
    pub fn len(&self) -> usize {
        self.stack.len()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Scope> {
        self.stack.iter()
    }

    pub fn last_kind(&self) -> ScopeKind {
        self.stack.last().map_or(ScopeKind::Module, |scope| scope.kind)
    }

    /// The innermost scope, if it is a class.
    pub fn class(&mut self) -> Option<&mut Scope> {
        self.stack.last_mut().filter(|scope| scope.kind == ScopeKind::Class)
    }
}

impl<'a> Walker<'a> {
    /// Enters a scope without names.
    pub fn enter(&mut self, kind: ScopeKind) {
        let scopes = &mut self.scopes;
        scopes.stack.push(Scope {
            kind,
            number: scopes.next,
            hidden: scopes.hidden.len(),
            members: Vec::new(),
        });
        scopes.next += 1;
    }

    /// Leaves a scope; gives what the body of a class has bound.
    pub fn leave(&mut self) -> Vec<(Sym, ValueId)> {
        let Some(scope) = self.scopes.stack.pop() else { return Vec::new() };
        for hidden in self.scopes.hidden.drain(scope.hidden..).rev() {
            let name = &mut self.names[hidden.name];
            if scope.kind == ScopeKind::Class {
                (name.class, name.in_class) = (hidden.scope, hidden.in_class);
            } else {
                (name.scope, name.var) = (hidden.scope, hidden.var);
            }
        }
        scope.members
    }

    fn scope_number(&self) -> u32 {
        self.scopes.stack.last().map_or(0, |scope| scope.number)
    }

    /// The innermost scope, a function or comprehension, has a variable of this name; [`Name::GLOBAL`] if it declares it `global`.
    fn hide(&mut self, name: NameId, var: u32) {
        let scope = self.scope_number();
        let known = &mut self.names[name];
        let hidden = Hidden { name, scope: known.scope, var: known.var, in_class: InClass::Somewhere };
        self.scopes.hidden.push(hidden);
        (known.scope, known.var) = (scope, var);
    }

    fn hide_in_class(&mut self, name: NameId, in_class: InClass) {
        let scope = self.scope_number();
        let known = &mut self.names[name];
        let hidden = Hidden { name, scope: known.class, var: Name::GLOBAL, in_class: known.in_class };
        self.scopes.hidden.push(hidden);
        (known.class, known.in_class) = (scope, in_class);
    }

    /// How the class body that is executed binds a name so far.
    pub fn set_in_class(&mut self, name: NameId, in_class: InClass) {
        let scope = self.scope_number();
        let known = &mut self.names[name];
        if known.class == scope {
            known.in_class = in_class;
        }
    }

    /// A new variable of the innermost scope, which is no class; the same again if it has one of that name.
    pub fn variable(&mut self, name: NameId) -> u32 {
        let known = &self.names[name];
        if known.scope == self.scope_number() { known.var } else { self.new_variable(name) }
    }

    /// A new variable of the innermost scope, which is no class.
    pub fn new_variable(&mut self, name: NameId) -> u32 {
        let sym = self.names.sym(name);
        let var = self.new_var(sym);
        self.hide(name, var);
        var
    }

    /// The variables that the block of the innermost scope binds.
    pub fn bind_block(&mut self, body: &'a [Stmt]) {
        let mut bindings = std::mem::take(&mut self.scopes.bindings);
        bindings.clear();
        binding::of_block(body, self.walrus, &mut self.names, &mut bindings);
        self.bind_all(&bindings);
        self.scopes.bindings = bindings;
    }

    /// The variables that the target of a comprehension binds.
    pub fn bind_target(&mut self, target: &'a Expr) {
        let mut bindings = std::mem::take(&mut self.scopes.bindings);
        bindings.clear();
        binding::of_target(target, &mut self.names, &mut bindings);
        self.bind_all(&bindings);
        self.scopes.bindings = bindings;
    }

    fn bind_all(&mut self, bindings: &[Binding]) {
        let class = self.scopes.last_kind() == ScopeKind::Class;
        let scope = self.scope_number();
        // Whatever its place, a declaration counts for the whole block.
        let declared = bindings.iter().filter(|b| matches!(b.form, Form::Global | Form::Nonlocal));
        let mut nonlocal: Vec<NameId> = Vec::new();
        for binding in declared {
            match binding.form {
                Form::Nonlocal => nonlocal.push(binding.name),
                _ if class => self.hide_in_class(binding.name, InClass::Global),
                _ => self.hide(binding.name, Name::GLOBAL),
            }
        }
        for binding in bindings {
            let name = binding.name;
            if nonlocal.contains(&name) || matches!(binding.form, Form::Global | Form::Nonlocal) {
                continue;
            }
            if !class {
                self.variable(name);
            } else if self.names[name].class != scope {
                self.hide_in_class(name, InClass::Somewhere);
            }
        }
    }

    /// Where a read of a name leads.
    pub fn resolve(&self, name: NameId) -> Resolved {
        let known = &self.names[name];
        if let Some(scope) = self.scopes.stack.last()
            && scope.kind == ScopeKind::Class
            && known.class == scope.number
        {
            return match known.in_class {
                InClass::Somewhere => Resolved::Class { certain: false },
                InClass::Certain => Resolved::Class { certain: true },
                InClass::Global => Resolved::Global,
            };
        }
        if known.var == Name::GLOBAL { Resolved::Global } else { Resolved::Var(known.var) }
    }

    /// Where a read of a name leads that the walk may not have met.
    pub fn resolve_text(&self, name: &str) -> Resolved {
        self.names.find(name).map_or(Resolved::Global, |name| self.resolve(name))
    }

    /// Where a binding of the name goes: the innermost scope that is not a comprehension.
    pub fn resolve_binding(&self, name: NameId) -> Resolved {
        let known = &self.names[name];
        for scope in self.scopes.iter().rev() {
            let own = known.scope == scope.number;
            return match scope.kind {
                ScopeKind::Small if !own => continue,
                ScopeKind::Module => Resolved::Global,
                ScopeKind::Class if known.class == scope.number && known.in_class == InClass::Global => {
                    Resolved::Global
                }
                ScopeKind::Class => Resolved::Class { certain: false },
                ScopeKind::Small | ScopeKind::Function if own && known.var == Name::GLOBAL => {
                    Resolved::Global
                }
                ScopeKind::Small | ScopeKind::Function if own => Resolved::Var(known.var),
                // `nonlocal`: a variable further out.
                ScopeKind::Small | ScopeKind::Function => self.resolve(name),
            };
        }
        Resolved::Global
    }

    /// Whether the name means the builtin of that name here.
    pub fn is_builtin(&self, name: NameId, expected: Sym) -> bool {
        let known = &self.names[name];
        known.sym == Some(expected) && !known.of_module && self.resolve(name) == Resolved::Global
    }

    /// The same for a name in the source.
    pub fn is_builtin_text(&self, name: &str, expected: &str) -> bool {
        name == expected
            && self
                .names
                .find(name)
                .is_none_or(|name| !self.names[name].of_module && self.resolve(name) == Resolved::Global)
    }

    /// Whether some import statement at module level binds the name.
    pub fn is_site(&self, name: &str) -> bool {
        self.names.find(name).is_some_and(|name| self.names[name].site)
    }

    /// Whether the text is the name of a site, and means that site here.
    pub fn means_site(&self, name: &str) -> bool {
        self.names
            .find(name)
            .is_some_and(|name| self.names[name].site && self.resolve(name) == Resolved::Global)
    }
}
