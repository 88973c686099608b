//! What is handed to foreign code: callbacks, names of modules, classes of warnings.

use ruff_text_size::TextSize;
use smallvec::smallvec;

use super::{Abs, AbsSet, EnvRef, Interpreter, Owner};
use crate::facts::{FuncId, MarkKind, Sym};
use crate::program::ModuleId;

impl Interpreter<'_> {
    /// Handlers whose effects, if any, are on the module's own state.
    pub(super) fn is_own_business(&mut self, args: &[AbsSet]) -> bool {
        let Some(callback) = args.first() else { return false };
        let callbacks = callback.clone();
        if callbacks.is_empty() {
            return false;
        }
        callbacks.iter().all(|abs| match abs {
            Abs::Function(module, func, env, _) => self.is_business_of(*module, *func, env, &[]),
            Abs::Bound(base, _) => !self.is_foreign(self.full_owner(base)),
            Abs::Method(base, module, func, env) => {
                !self.is_foreign(self.full_owner(base))
                    && self.is_business_of(*module, *func, env, &[smallvec![(**base).clone()]])
            }
            _ => false,
        })
    }

    /// Whether a call changes nothing but what belongs to the module being loaded, or to the module of the function: what a
    /// function of another module changes there, is that module's business in the same way.
    fn is_business_of(&mut self, module: ModuleId, func: FuncId, env: &EnvRef, args: &[AbsSet]) -> bool {
        let own = self.cause;
        let cause = if args.is_empty() { module } else { own };
        let outer = std::mem::replace(&mut self.cause, cause);
        let (silent, effects, seen) =
            (self.silent, std::mem::take(&mut self.outcome.effects), std::mem::take(&mut self.seen));
        self.silent = 0;
        let results = std::mem::take(&mut self.results);
        // What is kept of the module that is loaded, is not kept of the other one.
        let entered = std::mem::take(&mut self.outcome.entered);
        let kept = (
            self.own_stores.take(),
            self.collected.set_aside(),
            std::mem::take(&mut self.put),
            std::mem::take(&mut self.put_in_classes),
        );
        self.enter(module, func, &env.clone(), args, &[]);
        let own = |owner| matches!(owner, Owner::Module(id, _) if id == module || id == own);
        let harmless = self.outcome.effects.iter().all(|effect| own(effect.owner));
        self.cause = outer;
        self.outcome.entered = entered;
        (self.own_stores, self.collected, self.put, self.put_in_classes) = kept;
        self.results = results;
        self.silent = silent;
        self.outcome.effects = effects;
        self.seen = seen;
        harmless
    }

    /// `import_module(name)` in a loop: all modules of which the name begins as far as it is known, or all of the package that does it.
    /// Gives them. If the texts themselves are known, only what the place of the call says counts.
    pub(super) fn load_siblings(
        &mut self,
        (module, at): (ModuleId, TextSize),
        package: Option<Sym>,
        known_texts: bool,
    ) -> Vec<ModuleId> {
        let program = self.program;
        let own = program.module(module);
        let known = own.facts.marks.iter().find_map(|mark| match mark.kind {
            MarkKind::LoadsFrom(start) if mark.range.start() == at => Some(start),
            _ => None,
        });
        let prefix = match known {
            // `import_module("." + name, "plugins")`
            Some(start)
                if start.text.as_str().starts_with('.')
                    && let Some(package) = package =>
            {
                format!("{package}{}", start.text)
            }
            Some(start) => start.as_module(own.name.as_str(), own.is_package),
            None if known_texts => return Vec::new(),
            None if own.is_package => format!("{}.", own.name),
            // The modules of a package that has been gone through.
            None => match self.walked {
                Some(package) => format!("{}.", program.module(package).name),
                None => return Vec::new(),
            },
        };
        let mut found = program.modules_from(&prefix);
        found.retain(|&id| id != module);
        self.loaded_here(found)
    }

    /// The modules that are loaded by names of which not all is known: `import_module(__name__.rpartition(".")[0] + ".red")`. Those of
    /// the package around the call come first, and nobody else's if there are any.
    pub(super) fn load_matching(&mut self, module: ModuleId, names: &AbsSet) -> Vec<ModuleId> {
        let program = self.program;
        let top = |id: ModuleId| program.module(id).name.as_str().split('.').next().unwrap_or_default();
        let mut found: Vec<ModuleId> = Vec::new();
        for abs in names {
            let Abs::Str(pattern) = abs else { continue };
            let Some((start, end)) = pattern.as_str().split_once('*') else { continue };
            let end = end.rsplit('*').next().unwrap_or_default();
            if start.len() + end.trim_start_matches('.').len() < 2 {
                continue;
            }
            found.extend(program.ids().filter(|&id| {
                let name = program.module(id).name.as_str();
                id != module
                    && name.len() >= start.len() + end.len()
                    && name.starts_with(start)
                    && name.ends_with(end)
            }));
        }
        if found.iter().any(|&id| top(id) == top(module)) {
            found.retain(|&id| top(id) == top(module));
        }
        self.loaded_here(found)
    }

    /// Notes that the code that runs loads some modules, and gives them back.
    fn loaded_here(&mut self, found: Vec<ModuleId>) -> Vec<ModuleId> {
        if self.silent == 0 {
            self.outcome.loads.extend(found.iter().map(|&id| (id, self.at, self.path.guarded)));
        }
        found
    }

    /// The classes of the program whose warnings a call filters, if it filters no others, and the order of filters does not matter.
    pub(super) fn warned_classes(
        &self,
        text: &str,
        args: &[AbsSet],
        keywords: &[(Sym, AbsSet)],
    ) -> Option<AbsSet> {
        let position = match text {
            "warnings.simplefilter" => 1,
            "warnings.filterwarnings" => 2,
            _ => return None,
        };
        let named = || keywords.iter().find(|(name, _)| *name == "category").map(|(_, set)| set);
        let classes = args.get(position).or_else(named)?;
        let own = |abs: &Abs| match abs {
            Abs::Class(..) => true,
            Abs::External(path) => self.is_inside_cause(*path),
            _ => false,
        };
        if classes.is_empty()
            || !classes.iter().all(own)
            || self.shared.general_filters.iter().any(|w| w.may_follow(self.program, self.cause))
        {
            return None;
        }
        let of_others = |abs: &&Abs| match abs {
            Abs::Class(class) => !self.is_inside_cause(self.program.module(class.module).name),
            _ => false,
        };
        Some(classes.iter().filter(of_others).cloned().collect())
    }
}
