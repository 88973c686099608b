//! What counts as a change, and whose state it is.

use ruff_text_size::TextSize;

use super::{Abs, Effect, EffectKind, Interpreter, Owner, Risk};
use crate::facts::{CallRole, FuncId, OpKind, Sym, Value, ValueId};
use crate::program::state::same_project;
use crate::program::{ModuleId, Origin, tables};

impl Interpreter<'_> {
    pub(super) fn effect(
        &mut self,
        kind: EffectKind,
        owner: Owner,
        place: (ModuleId, TextSize),
        subject: Option<Sym>,
    ) {
        if self.silent > 0 {
            return;
        }
        let deep = (place.0 != self.cause || place.1 != self.at).then_some(place);
        let effect = Effect { kind, owner, at: self.at, deep, subject };
        if self.seen.insert(effect.clone()) {
            self.outcome.effects.push(effect);
        }
    }

    /// What runs is too much to be followed to its end. Where that is given up, depends on who has followed parts of it before. What
    /// would run on a condition only, mostly does not: what a metaclass does with classes that have a certain member.
    pub(super) fn not_followed(&mut self) {
        if !self.path.conditional && self.silent == 0 && !self.hands_nothing_over() {
            self.effect(EffectKind::TooMuch, Owner::Fresh, (self.cause, self.at), None);
        }
    }

    /// Whether the statement that runs makes something of another distribution for its own use, and hands it nothing:
    /// `ureg = pint.UnitRegistry()`. Who registers something there would have to say what.
    fn hands_nothing_over(&self) -> bool {
        let (program, code) = (self.program, self.code(self.cause));
        let facts = &program.module(self.cause).facts;
        let of_others = |mut callee: ValueId| {
            while let Value::Attr(base, _) = code.value(callee) {
                callee = base;
            }
            let Value::Global(name) = code.value(callee) else { return false };
            let mut sites = facts.sites_of(name).peekable();
            sites.peek().is_some()
                && sites.all(|site| {
                    let import = &facts.imports[site.stmt as usize];
                    match program.origin(self.cause, import, site.alias as usize) {
                        Origin::Module(id) | Origin::Attribute(id, _) => {
                            !same_project(program, id, self.cause)
                        }
                        _ => false,
                    }
                })
        };
        let mut ops = code.ops_of(FuncId::MODULE).filter(|op| op.at == self.at).peekable();
        ops.peek().is_some()
            && ops.all(|op| match op.kind {
                OpKind::Call { call, role: CallRole::Used } => {
                    let call = &code.call(call);
                    call.args.is_empty() && of_others(call.callee)
                }
                _ => false,
            })
    }

    /// What runs may fail.
    pub(super) fn risk(&mut self, risk: Risk) {
        if self.silent == 0 && !self.path.guarded && !self.path.one_of_several {
            // Who is prepared for any error, is so for failing imports.
            self.outcome.risks[Risk::Any as usize].get_or_insert(self.at);
            if risk == Risk::Import {
                self.outcome.risks[Risk::Import as usize].get_or_insert(self.at);
            }
        }
    }

    /// Whose state an object is.
    pub fn owner(abs: &Abs) -> Option<Owner> {
        match abs {
            Abs::Unknown | Abs::Fresh | Abs::Str(_) => None,
            Abs::Module(id) => Some(Owner::Module(*id, Sym::new(""))),
            Abs::External(path) => Some(Owner::External(*path)),
            Abs::Partial(base, _) if matches!(**base, Abs::Made(..)) => Self::owner(base),
            Abs::Function(..) | Abs::Partial(..) => None,
            Abs::Class(_) => None,
            Abs::Instance(_, owner)
            | Abs::Object(owner)
            | Abs::Made(_, owner)
            | Abs::Holder(_, owner)
            | Abs::ClassOf(_, owner) => Some(*owner),
            Abs::Method(base, ..) | Abs::Bound(base, _) | Abs::Super(_, base) => Self::owner(base),
        }
    }

    pub(super) fn full_owner(&self, abs: &Abs) -> Owner {
        match abs {
            Abs::Function(module, func, _, owner) => {
                let function = self.code(*module).function(*func);
                if function.parent.is_module() { Owner::Module(*module, function.name) } else { *owner }
            }
            // One that a function made belongs to whoever keeps it.
            Abs::Class(class) if class.around.env.is_some() => class.around.owner,
            Abs::Class(class) => {
                let name = self.code(class.module).classes[class.class as usize].name;
                Owner::Module(class.module, name)
            }
            Abs::Bound(base, _) | Abs::Method(base, ..) | Abs::Super(_, base) => self.full_owner(base),
            Abs::Partial(base, _) => self.full_owner(base),
            other => Self::owner(other).unwrap_or(Owner::Fresh),
        }
    }

    /// Whether outsiders can see a change of something with this owner.
    pub(super) fn is_foreign(&self, owner: Owner) -> bool {
        match owner {
            Owner::Fresh => false,
            Owner::Module(id, _) => id != self.cause,
            Owner::External(_) => true,
        }
    }

    pub(super) fn mutate(
        &mut self,
        abs: &Abs,
        kind: EffectKind,
        place: (ModuleId, TextSize),
        subject: Option<Sym>,
    ) {
        let owner = self.full_owner(abs);
        if !self.is_foreign(owner) {
            return;
        }
        match owner {
            Owner::External(path)
                if !tables::is_harmless_target(path.as_str())
                    && !subject.is_some_and(|key| tables::has_already(path.as_str(), key.as_str())) =>
            {
                let kind = if kind == EffectKind::Write { EffectKind::Process } else { kind };
                // The key tells writers of different variables apart.
                self.effect(kind, Owner::External(path), place, subject.or(Some(path)));
            }
            Owner::External(_) => {}
            Owner::Module(..) | Owner::Fresh => self.effect(kind, owner, place, subject),
        }
    }

    pub(super) fn set_attr(&mut self, abs: &Abs, attr: Sym, place: (ModuleId, TextSize)) {
        match abs {
            Abs::Module(id) if *id != self.cause => {
                self.effect(EffectKind::Write, Owner::Module(*id, attr), place, Some(attr));
            }
            Abs::Module(_) => {}
            Abs::External(path) => {
                let full = Sym::new(&format!("{path}.{attr}"));
                if !tables::is_harmless_target(full.as_str()) {
                    self.effect(EffectKind::Process, Owner::External(full), place, Some(full));
                }
            }
            other => self.mutate(other, EffectKind::Write, place, Some(attr)),
        }
    }
}
