//! Entries in containers that are only asked for single keys: an entry under a key that nobody has without the module being loaded,
//! shows to nobody.

use super::{Abs, AbsSet, Interpreter, Owner};
use crate::facts::{MarkKind, OpKind, ReadKind, Sym, Value, words};
use crate::program::{ModuleId, Origin};

impl Interpreter<'_> {
    /// Whether an entry that is made in a container, or what classes keep under a name, can be seen only by those who have loaded
    /// the module.
    pub(super) fn is_private_entry(&self, (container, attr): (&Abs, Option<Sym>), key: &AbsSet) -> bool {
        let Some(Owner::Module(owner, name)) = Self::owner(container) else { return false };
        !key.is_empty()
            && key.iter().all(|abs| self.is_new_key(abs))
            && (self.is_only_keyed(owner, MarkKind::OnlyKeyed(name))
                || attr.is_some_and(|attr| self.is_only_keyed(owner, MarkKind::OnlyKeyedAttribute(attr))))
    }

    /// A function or class of the module that is being loaded, or one that a function has made just now.
    fn is_new_key(&self, abs: &Abs) -> bool {
        match abs {
            Abs::Function(module, func, _, owner) => {
                let made = *owner == Owner::Fresh && !self.code(*module).function(*func).parent.is_module();
                *module == self.cause || made
            }
            Abs::Class(class) => {
                let at = &self.code(class.module).classes[class.class as usize];
                class.module == self.cause || !at.func.is_module() && class.around.owner == Owner::Fresh
            }
            Abs::Bound(base, attr) => *attr == "__code__" && self.is_new_key(base),
            _ => false,
        }
    }

    /// Whether all modules ask a container for single keys only.
    fn is_only_keyed(&self, owner: ModuleId, kind: MarkKind) -> bool {
        if let Some(known) = self.shared.only_keyed.get(&(owner, kind)) {
            return known;
        }
        let asks = |id: ModuleId| match kind {
            MarkKind::OnlyKeyed(name) => self.asks_for_keys(id, owner, name),
            MarkKind::OnlyKeyedAttribute(attr) => {
                self.program.module(id).facts.code.attributes().all(|read| read != attr)
            }
            _ => false,
        };
        let found = self.program.module(owner).facts.marks.iter().any(|mark| mark.kind == kind)
            && self.program.ids().all(|id| id == owner || asks(id));
        self.shared.only_keyed.set((owner, kind), found);
        found
    }

    /// Whether a module does nothing with the container of another one but to ask what is in it.
    fn asks_for_keys(&self, id: ModuleId, owner: ModuleId, name: Sym) -> bool {
        let facts = &self.program.module(id).facts;
        facts.imports.iter().all(|import| {
            (0..import.aliases.len()).all(|alias| {
                let item = import.aliases[alias];
                let whole =
                    item.name == "*" && self.program.loaded_chain(id, import, alias).last() == Some(&owner);
                match self.program.origin(id, import, alias) {
                    _ if whole => false,
                    Origin::Attribute(source, attr) if (source, attr) == (owner, name) => {
                        let bound = item.asname.unwrap_or(item.name);
                        let asked = |kind: OpKind| {
                            matches!(kind, OpKind::Operate { on, method: words::CONTAINS, .. }
                                if facts.code.value(on) == Value::Global(bound))
                        };
                        let asks = facts.code.ops().filter(|op| asked(op.kind)).count();
                        let reads: Vec<_> = facts.reads().filter(|read| read.name == bound).collect();
                        let exported = facts.exports.all.as_ref().is_some_and(|all| all.contains(&bound));
                        facts.site_at(import, alias).is_some()
                            && !self.program.module(id).is_package
                            && !exported
                            && reads.iter().all(|read| read.kind == ReadKind::Escape)
                            && reads.len() == asks
                    }
                    Origin::Module(source) if source == owner => {
                        facts.code.attributes().all(|attr| attr != name)
                    }
                    _ => true,
                }
            })
        })
    }
}
