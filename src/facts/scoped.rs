//! A name is read, bound or deleted where the walk is: what that says of the scope that has it.
//!
//! ```python
//! import a, b         # a and b become names of the module
//! a.run()             # a read, in import-time code, of an attribute
//! def f():
//!     global b
//!     b = a           # a deferred read that escapes; b is bound again by a function
//! del a               # gone
//! ```

use ruff_text_size::{TextRange, TextSize};

use super::idioms::Target;
use super::names::{InClass, Name, NameId};
use super::operation::OpKind;
use super::packed::PackedRead;
use super::scope::Resolved;
use super::value::{Value, ValueId};
use super::walker::{Use, Walker};
use super::{FixedUse, Moment, NameInfo, ReadKind};

impl Walker<'_> {
    /// A read of a name.
    pub fn read(&mut self, name: NameId, range: TextRange, usage: Use) -> ValueId {
        match self.resolve(name) {
            Resolved::Var(var) => self.value(Value::Var(var)),
            Resolved::Class { certain: true } => self.class_member(name).unwrap_or(ValueId::OPAQUE),
            // `events = events.Channel()`: until the class has bound it, the name is that of the module.
            Resolved::Class { certain: false } => {
                let global = self.global_read(name, range, usage);
                let either = match self.class_member(name) {
                    Some(member) => self.either(member, global),
                    None => global,
                };
                self.one_of_several(either)
            }
            Resolved::Global => self.global_read(name, range, usage),
        }
    }

    /// What the class whose body runs has bound a name to last.
    pub(super) fn class_member(&mut self, name: NameId) -> Option<ValueId> {
        let sym = self.mangled(name);
        let members = &self.scopes.class()?.members;
        members.iter().rev().find(|(n, _)| *n == sym).map(|&(_, value)| value)
    }

    fn global_read(&mut self, name: NameId, range: TextRange, usage: Use) -> ValueId {
        let mangled = self.mangled_id(name);
        let sym = self.names.sym(mangled);
        let known = &self.names[name];
        let site = known.site || self.names[mangled].site;
        // Import-time code after a certain rebinding reads the new value.
        let rebound = known.definite && self.context.func.is_module();
        if site && !rebound && self.context.moment != Moment::Never {
            let kind = self.read_kind(usage);
            // The chain begins with the innermost attribute.
            let start = if usage == Use::Attribute { self.chain_start } else { self.chain.len() };
            let chain = self.chain[start..].iter().rev().copied();
            let when = (self.context.moment, self.context.func);
            let read = PackedRead::new((sym, range), kind, when, chain, &mut self.facts.shared);
            self.facts.reads.push(read);
        }
        self.value(Value::Global(sym))
    }

    fn read_kind(&self, usage: Use) -> ReadKind {
        if let Some(annotation) = self.context.annotation {
            return ReadKind::Annotation(annotation);
        }
        if let Some(fixed) = self.context.fixed {
            // Transparent uses need no wrapping, so the source text stays.
            return match usage {
                Use::Attribute => ReadKind::Attribute,
                Use::Call => ReadKind::Call,
                Use::Subscript => ReadKind::Subscript,
                Use::TypeTest => ReadKind::TypeTest,
                Use::Escape | Use::Dropped | Use::ClassPattern(_) => ReadKind::Fixed(fixed),
            };
        }
        match usage {
            Use::Escape => ReadKind::Escape,
            Use::Attribute => ReadKind::Attribute,
            Use::Call => ReadKind::Call,
            Use::Subscript => ReadKind::Subscript,
            Use::TypeTest => ReadKind::TypeTest,
            Use::Dropped => ReadKind::Dropped,
            Use::ClassPattern(subject) => ReadKind::ClassPattern(subject),
        }
    }

    pub fn fixed_read(&mut self, name: NameId, range: TextRange, fixed: FixedUse) {
        let saved = self.context.fixed.replace(fixed);
        self.read(name, range, Use::Escape);
        self.context.fixed = saved;
    }

    /// A name is bound in the current scope.
    pub fn bind(&mut self, name: NameId, at: TextSize, value: ValueId, imported: bool) {
        let straight = !self.context.conditional;
        match self.resolve_binding(name) {
            Resolved::Var(var) => {
                let func = self.context.func;
                if self.facts.code.vars[var as usize].func != func && !self.memo_is(name) {
                    self.facts.code.functions[func.index()].binds_outer = true;
                }
                self.assign_var(var, value, at);
                // `level = settings.level`, which a function inside keeps.
                if self.context.encloses
                    && matches!(self.facts.code.value(value), Value::Global(_) | Value::Attr(..))
                {
                    self.op(at, OpKind::Read(value));
                }
                if straight && self.facts.code.vars[var as usize].func == func {
                    self.last_values.insert(var, value);
                } else {
                    self.last_values.remove(&var);
                }
            }
            Resolved::Class { .. } => {
                // What the class keeps is read now.
                self.op(at, OpKind::Read(value));
                let sym = self.mangled(name);
                if let Some(class) = self.scopes.class() {
                    class.members.push((sym, value));
                    if straight {
                        self.set_in_class(name, InClass::Certain);
                    }
                }
            }
            Resolved::Global => self.bind_global(name, at, value, imported),
        }
    }

    fn memo_is(&self, name: NameId) -> bool {
        matches!(self.memo, Some(Target::Name(memo)) if self.names.text(name) == memo)
    }

    fn bind_global(&mut self, name: NameId, at: TextSize, value: ValueId, imported: bool) {
        self.names[name].condition = None;
        self.names[name].switch = Name::GLOBAL;
        let straight = !self.context.conditional;
        let moment = self.context.moment;
        let at_module_level = self.context.func.is_module();
        // `global _data; if _data is None: _data = …` in a function: nobody sees it before, and all see the same
        // after; so with other private names that are set together with it.
        let memo = !at_module_level
            && matches!(self.memo, Some(Target::Name(_)))
            && self.names.text(name).starts_with('_');
        let mangled = self.mangled_id(name);
        let sym = self.names.sym(mangled);
        let info = self.info(mangled, true);
        if moment != Moment::Never {
            if at_module_level {
                info.rebound_at_module_level |= info.imported || info.otherwise;
            }
            info.only_type_checking = false;
            info.gone = false;
        }
        if memo {
            info.computed_in_function.get_or_insert(at);
        } else if !at_module_level {
            info.rebound_in_function.get_or_insert(at);
        } else if imported {
            info.imported = true;
        } else {
            info.otherwise = true;
        }
        if at_module_level && self.scopes.len() == 1 {
            if self.depth > 1 {
                self.block_values.push((name, (!imported).then_some(value)));
            }
            if imported {
                self.names[name].definite = false;
            } else if straight && moment == Moment::ImportTime {
                self.names[name].definite = true;
            }
        }
        if moment != Moment::Never {
            self.facts.code.globals.push((sym, value));
            if !imported && !memo {
                self.op(at, OpKind::SetGlobal { name: sym, value });
            }
        }
    }

    /// What is known of a name of the module; `bound` says what a new one begins with.
    fn info(&mut self, name: NameId, bound: bool) -> &mut NameInfo {
        let sym = self.names.sym(name);
        let known = &mut self.names[name];
        if known.info == Name::GLOBAL {
            known.info = u32::try_from(self.facts.infos.len()).expect("few names");
            self.facts.infos.push((sym, NameInfo { only_type_checking: bound, ..NameInfo::default() }));
        }
        &mut self.facts.infos[known.info as usize].1
    }

    /// A name is deleted in the current scope.
    pub fn unbind(&mut self, name: NameId, at: TextSize) {
        match self.resolve_binding(name) {
            Resolved::Var(var) => {
                self.facts.code.vars[var as usize].bind(false);
            }
            Resolved::Class { .. } => {
                let sym = self.mangled(name);
                if let Some(class) = self.scopes.class() {
                    class.members.retain(|(n, _)| *n != sym);
                    self.set_in_class(name, InClass::Somewhere);
                }
            }
            Resolved::Global => {
                let name = self.mangled_id(name);
                let sym = self.names.sym(name);
                let at_module_level = self.context.func.is_module();
                let certain = !self.context.conditional && self.context.moment == Moment::ImportTime;
                let info = self.info(name, false);
                if at_module_level {
                    info.deleted = true;
                    info.gone |= certain;
                } else {
                    info.rebound_in_function.get_or_insert(at);
                }
                self.op(at, OpKind::DelGlobal { name: sym });
            }
        }
    }
}
