//! Modules whose loading is watched: somebody asks `sys.modules` for them, or a hook in the import system takes note of them.
//!
//! ```python
//! "numpy" in sys.modules                                      # one name
//! sys.modules["theme_%s" % name]                              # all names that begin so
//! [n for n in sys.modules if n.startswith(__name__ + ".")]    # all submodules
//! sys.addaudithook(note_step)                                 # the names that note_step compares with
//! ```

use ruff_text_size::TextRange;
use rustc_hash::{FxHashMap, FxHashSet};

use super::state::{module_of, same_project};
use super::{ModuleId, Origin, Program};
use crate::facts::{FuncId, MarkKind, Op, OpKind, Sym, TextStart, Value, ValueId};

/// Names of modules, with the place where somebody watches for them.
pub(super) type Watched = FxHashMap<Sym, (ModuleId, TextRange)>;

/// A function, and where its text shows what it watches.
type Place = (ModuleId, TextRange);

/// All modules whose loading is watched.
pub(super) fn watched(program: &Program) -> Watched {
    let mut patterns = Patterns { program, exact: Watched::default(), starts: Vec::new(), all: Vec::new() };
    let mut lookups = Vec::new();
    for id in program.ids() {
        let module = program.module(id);
        for mark in &module.facts.marks {
            match mark.kind {
                MarkKind::AsksSysModules(name) if name != module.name && name != "__main__" => {
                    patterns.exact.entry(name).or_insert((id, mark.range));
                }
                MarkKind::AsksSysModulesFrom(start) => patterns.add(start, (id, mark.range)),
                MarkKind::ReadsSysModules if !loads_or_forgets(program, id, mark.func) => {
                    patterns.add_compared(id, mark.func);
                    lookups.push((id, mark.func, mark.range));
                }
                _ => {}
            }
        }
        patterns.add_hooks(id);
        patterns.add_attributes(id);
    }
    patterns.add_lookups(&lookups);
    patterns.finish()
}

/// A function that loads what it asks for, or takes it out, whoever loaded it.
fn loads_or_forgets(program: &Program, id: ModuleId, func: FuncId) -> bool {
    let code = &program.module(id).facts.code;
    let is_modules = |value: ValueId| matches!(code.value(value), Value::Attr(_, name) if name == "modules");
    !func.is_module()
        && code.ops_of(func).any(|op| match op.kind {
            OpKind::DelItem { base, .. } | OpKind::SetItem { base, .. } => is_modules(base),
            OpKind::Call { call, .. } => match code.value(code.call(call).callee) {
                Value::Attr(base, name) if name == "pop" => is_modules(base),
                Value::Attr(_, name) | Value::Global(name) => matches!(
                    name.as_str(),
                    "__import__"
                        | "import_module"
                        | "exec_module"
                        | "load_module"
                        | "module_from_spec"
                        | "reload"
                        | "_import_module"
                        | "find_spec"
                ),
                _ => false,
            },
            _ => false,
        })
}

struct Patterns<'p> {
    program: &'p Program,
    exact: Watched,
    starts: Vec<(String, bool, Place)>,
    /// Who watches all modules of its project.
    all: Vec<Place>,
}

impl Patterns<'_> {
    fn add(&mut self, start: TextStart, place: Place) {
        let own = if start.own { self.program.module(place.0).name.as_str() } else { "" };
        let text = format!("{own}{}", start.text);
        if !text.is_empty() && text != self.program.module(place.0).name.as_str() {
            self.starts.push((text, start.whole, place));
        }
    }

    /// What a function and those around and inside it compare texts with; gives how many names that are.
    fn add_compared(&mut self, id: ModuleId, func: FuncId) -> usize {
        let facts = &self.program.module(id).facts;
        let parent = |f: FuncId| facts.code.function(f).parent;
        let mut found = 0;
        for mark in &facts.marks {
            let MarkKind::ComparesText(start) = mark.kind else { continue };
            let near = mark.func == func || (!mark.func.is_module() && parent(mark.func) == func);
            if near && !matches!(start.text.as_str(), "__main__" | "import") {
                self.add(start, (id, mark.range));
                found += 1;
            }
        }
        found
    }

    /// Audit hooks, replacements of `__import__`, finders.
    fn add_hooks(&mut self, id: ModuleId) {
        let facts = &self.program.module(id).facts;
        let code = &facts.code;
        for op in code.ops() {
            let hook = match op.kind {
                OpKind::Call { call, .. } => {
                    let call = &code.call(call);
                    match code.value(call.callee) {
                        Value::Attr(_, name) | Value::Global(name) if name == "addaudithook" => {
                            code.positional(call).first().copied()
                        }
                        _ => None,
                    }
                }
                OpKind::SetAttr { attr, value, .. } if attr == "__import__" => Some(value),
                _ => None,
            };
            let hooks = hook.map(|value| self.functions(id, value)).unwrap_or_default();
            for func in hooks {
                self.add_hook(id, func, &op);
            }
        }
        for (index, function) in code.functions.iter().enumerate() {
            if function.class.is_some() && matches!(function.name.as_str(), "find_spec" | "find_module") {
                self.add_compared(id, FuncId(u32::try_from(index).unwrap_or_default()));
            }
        }
    }

    /// `hasattr(package, "part")`: loading a submodule makes the attribute.
    fn add_attributes(&mut self, id: ModuleId) {
        let program = self.program;
        let code = &program.module(id).facts.code;
        for op in code.ops() {
            let OpKind::Call { call, .. } = op.kind else { continue };
            let call = &code.call(call);
            let Value::Global(name) = code.value(call.callee) else { continue };
            let [package, attr, ..] = code.positional(call) else { continue };
            if !matches!(name.as_str(), "hasattr" | "getattr") {
                continue;
            }
            let Some(package) = module_of(program, id, *package).filter(|&p| p != id) else { continue };
            let place = (id, TextRange::empty(op.at));
            let module = program.module(package);
            let Value::Str(attr) = code.value(*attr) else { continue };
            let full = format!("{}.{attr}", module.name);
            if !program.binds(package, attr) && program.find(&full).is_some() {
                self.exact.entry(Sym::new(&full)).or_insert(place);
            }
        }
    }

    fn add_hook(&mut self, id: ModuleId, func: FuncId, op: &Op) {
        let facts = &self.program.module(id).facts;
        let found = self.add_compared(id, func);
        let imports = facts.marks.iter().any(|mark| {
            mark.func == func && matches!(mark.kind, MarkKind::ComparesText(start) if start.text == "import")
        });
        let replaces = matches!(op.kind, OpKind::SetAttr { .. });
        // A hook for debugging, which a setting turns on, counts only if it says for what.
        if found == 0 && (imports || replaces) && !op.conditional {
            self.all.push((id, TextRange::empty(op.at)));
        }
    }

    fn functions(&self, id: ModuleId, value: ValueId) -> Vec<FuncId> {
        let code = &self.program.module(id).facts.code;
        match code.value(value) {
            Value::Function(func) => vec![func],
            Value::Global(name) => code
                .globals_of(name)
                .iter()
                .filter_map(|&(_, value)| match code.value(value) {
                    Value::Function(func) => Some(func),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Functions that look their argument up: the constants that they are called with.
    fn add_lookups(&mut self, lookups: &[(ModuleId, FuncId, TextRange)]) {
        let program = self.program;
        let mut by_name: FxHashMap<Sym, Vec<(ModuleId, bool, TextRange)>> = FxHashMap::default();
        let mut seen = FxHashSet::default();
        for &(id, func, range) in lookups {
            let function = program.module(id).facts.code.function(func);
            if !func.is_module() && seen.insert((id, func)) {
                by_name.entry(function.name).or_default().push((id, function.class.is_some(), range));
            }
        }
        if by_name.is_empty() {
            return;
        }
        for id in program.ids() {
            let facts = &program.module(id).facts;
            let code = &facts.code;
            for call in code.calls() {
                let (name, base) = match code.value(call.callee) {
                    Value::Global(name) => (name, None),
                    Value::Attr(base, name) => (name, Some(base)),
                    _ => continue,
                };
                let Some(helpers) = by_name.get(&name) else { continue };
                let args = &code.args[call.args.start as usize..call.args.end as usize];
                for &arg in args {
                    let Value::Str(text) = code.value(arg) else { continue };
                    if program.find(text.as_str()).is_none() {
                        continue;
                    }
                    for &(helper, method, range) in helpers {
                        let called = match base {
                            Some(base) => method || module_of(program, id, base) == Some(helper),
                            None => self.is_function_of(id, name, helper),
                        };
                        if called {
                            self.exact.entry(text).or_insert((helper, range));
                        }
                    }
                }
            }
        }
    }

    fn is_function_of(&self, id: ModuleId, name: Sym, helper: ModuleId) -> bool {
        let facts = &self.program.module(id).facts;
        id == helper
            || facts.sites_of(name).any(|site| {
                let import = &facts.imports[site.stmt as usize];
                self.program.origin(id, import, site.alias as usize) == Origin::Attribute(helper, name)
            })
    }

    fn finish(mut self) -> Watched {
        if self.starts.is_empty() && self.all.is_empty() {
            return self.exact;
        }
        for id in self.program.ids() {
            let name = self.program.module(id).name;
            let matching = self.starts.iter().find(|(text, whole, place)| {
                place.0 != id
                    && if *whole { name == text.as_str() } else { name.as_str().starts_with(text.as_str()) }
            });
            let place = matching.map(|(.., place)| *place).or_else(|| {
                self.all
                    .iter()
                    .copied()
                    .find(|place| place.0 != id && same_project(self.program, place.0, id))
            });
            if let Some(place) = place {
                self.exact.entry(name).or_insert(place);
            }
        }
        self.exact
    }
}
