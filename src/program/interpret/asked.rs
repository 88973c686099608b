//! What foreign code is asked for: names of the program by their texts, attributes by `getattr`, state that only its users see.

use ruff_text_size::TextSize;
use smallvec::smallvec;

use super::{Abs, AbsSet, GlobalRead, Interpreter, Owner};
use crate::dotted::is_within;
use crate::facts::{MarkKind, Sym};
use crate::program::{ModuleId, tables};

impl Interpreter<'_> {
    /// What a dotted name leads to, through a module that is loaded for it.
    pub(super) fn named_by_path(&mut self, path: Sym, (module, _): (ModuleId, TextSize)) -> Option<AbsSet> {
        let text = path.as_str();
        let whole = text.split(':').next().unwrap_or(text);
        let mut ends = whole.rmatch_indices('.').map(|(end, _)| end);
        let mut end = whole.len();
        let found = loop {
            match self.program.find_from(module, &whole[..end]) {
                Some(found) => break found,
                None => end = ends.next()?,
            }
        };
        if self.silent == 0 {
            let chain = self.program.chain(self.cause, &whole[..end]);
            self.outcome.loads.extend(chain.iter().map(|&id| (id, self.at, self.path.guarded)));
        }
        let mut values: AbsSet = smallvec![Abs::Module(found)];
        for name in text[end..].split(['.', ':']).filter(|name| !name.is_empty()) {
            values = values.iter().flat_map(|abs| self.attr(abs, Sym::new(name))).collect();
        }
        Some(values)
    }

    /// `getattr(settings, "DEBUG", False)` reads as `settings.DEBUG` does; `hasattr` tells no more than whether it is there.
    pub(super) fn attribute_asked(&mut self, objects: &AbsSet, attr: Option<Sym>, only_whether: bool) {
        if self.silent > 0 {
            return;
        }
        for abs in objects {
            let (owner, name, content, attr) = match (abs, attr) {
                (Abs::Module(owner), Some(name)) if !only_whether || !self.program.binds(*owner, name) => {
                    (*owner, name, false, None)
                }
                (Abs::Instance(..) | Abs::Class(..) | Abs::Object(_) | Abs::Made(..), attr) => {
                    let Owner::Module(owner, name) = self.full_owner(abs) else { continue };
                    (owner, name, true, attr)
                }
                _ => continue,
            };
            if owner != self.cause {
                self.outcome.global_reads.push(GlobalRead { owner, name, at: self.at, content, attr });
            }
        }
    }

    /// Whether a call changes only what a library module keeps for its users, and the module being loaded is the only one of them:
    /// who gets at that state by way of the module has loaded it.
    pub(super) fn is_only_user(&self, path: &str) -> bool {
        let Some(library) = tables::keeps_for_users(path) else { return false };
        let below = |name: &str| is_within(name, library);
        let uses = |id: ModuleId| {
            let facts = &self.program.module(id).facts;
            facts.imports.iter().any(|import| match import.from {
                Some(from) => {
                    from.level == 0
                        && (below(from.module.as_str())
                            || import
                                .aliases
                                .iter()
                                .any(|alias| below(&format!("{}.{}", from.module, alias.name))))
                }
                None => import.aliases.iter().any(|alias| below(alias.name.as_str())),
            }) || facts.marks.iter().any(|mark| matches!(mark.kind, MarkKind::LoadsFrom(_)))
                && facts.code.strings.iter().any(|text| below(text.as_str()))
        };
        self.program.ids().all(|id| id == self.cause || !uses(id))
    }

    /// Whether a module other than the one being loaded has a text.
    pub(super) fn is_named_elsewhere(&self, text: Sym) -> bool {
        let names = |id: ModuleId| self.program.module(id).facts.code.strings.contains(&text);
        self.program.ids().any(|id| id != self.cause && names(id))
    }
}
