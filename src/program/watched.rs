//! Modules whose loading is watched: somebody asks `sys.modules` for them, or a hook in the import system takes note of them.
//!
//! ```python
//! "numpy" in sys.modules                                      # one name
//! sys.modules["theme_%s" % name]                              # all names that begin so
//! [n for n in sys.modules if n.startswith(__name__ + ".")]    # all submodules
//! sys.addaudithook(note_step)                                 # the names that note_step compares with
//! ```

mod compared;
mod hooks;
mod looks;
mod sought;

use ruff_text_size::{TextRange, TextSize};
use rustc_hash::{FxHashMap, FxHashSet};

use self::hooks::installs_finder;
use super::forgotten::{forgets, is_modules, taken_out};
use super::handed::sought_by_hand;
use super::held::held_submodules;
use super::interpret::Outcome;
use super::renamed::renamed;
use super::state::{foreign_path, module_of, same_project};
use super::stdlib::Has;
use super::trace::{Leaf, Start, trace};
use super::{ModuleId, Origin, Program, tables};
use crate::dotted::{is_below, is_within};
use crate::facts::{
    Code, FuncId, ImportStmt, Mark, MarkKind, Moment, Op, OpKind, Sym, TextStart, Value, ValueId, words,
};

/// Names of modules, with the place where somebody watches for them.
pub(super) type Watched = FxHashMap<Sym, (ModuleId, TextRange)>;

/// Submodules that somebody looks for as attributes of their packages, with the package and the place.
pub(super) type Submodules = FxHashMap<Sym, (ModuleId, Place)>;

/// Loops that give modules names which nobody asks for.
pub(super) type UnseenRenames = FxHashSet<(ModuleId, TextRange)>;

/// A value that shows what is watched, and where.
type Traced = (Start, TextRange);

/// A value whose names are listed.
struct Listed {
    of: Start,
    range: TextRange,
    /// Only names in capitals count.
    capitals: bool,
    /// Only names count that the module has as texts.
    texts: bool,
}

/// A function, and where its text shows what it watches.
pub(super) type Place = (ModuleId, TextRange);

/// All modules whose loading is watched: by name, and as attributes of their packages; and the loops that give them names unseen.
pub(super) fn watched(program: &Program, outcomes: &[Outcome]) -> (Watched, Submodules, UnseenRenames) {
    let finders = program.ids().filter(|&id| installs_finder(program, id)).collect();
    let mut patterns = Patterns {
        program,
        exact: Watched::default(),
        submodules: Submodules::default(),
        starts: Vec::new(),
        all: Vec::new(),
        sought: Vec::new(),
        parts: Vec::new(),
        compared: Vec::new(),
        finders,
    };
    let mut lookups = Vec::new();
    let mut keys = Vec::new();
    let mut asking = Vec::new();
    let mut listed = Vec::new();
    for id in program.ids() {
        let module = program.module(id);
        let mut looks = Vec::new();
        for mark in &module.facts.marks {
            match mark.kind {
                MarkKind::AsksSysModules(name)
                    if name != module.name
                        && name != "__main__"
                        && (!has_loaded(program, id, name, mark.range.start()) || forgets(program, name)) =>
                {
                    patterns.exact.entry(name).or_insert((id, mark.range));
                }
                // A package that provides its submodules by hand, has done so before anybody gets at them.
                MarkKind::ReplacesEntry(name) if !is_within(name.as_str(), module.name.as_str()) => {
                    patterns.exact.entry(name).or_insert((id, mark.range));
                }
                MarkKind::AsksSysModulesFrom(start) => patterns.add(start, (id, mark.range)),
                MarkKind::AsksSysModulesOf(key) if !loads_itself(program, id, mark.func) => {
                    keys.push(((id, key, false), mark.range));
                    asking.push(mark.func);
                }
                MarkKind::NamesOf(of) | MarkKind::CapitalsOf(of) => {
                    listed.push(Listed {
                        of: (id, of, false),
                        range: mark.range,
                        capitals: matches!(mark.kind, MarkKind::CapitalsOf(_)),
                        texts: false,
                    });
                }
                // `vars(package)["part"]`
                MarkKind::NamespaceOf(of) if module_of(program, id, of).is_some() => {
                    let of = (id, of, false);
                    listed.push(Listed { of, range: mark.range, capitals: false, texts: true });
                }
                MarkKind::ReadsSysModules if !loads_itself(program, id, mark.func) => {
                    patterns.add_compared(id, mark.func);
                    // Who asks for one name, goes through none.
                    let asks = |other: &Mark| {
                        other.range == mark.range && matches!(other.kind, MarkKind::AsksSysModulesOf(_))
                    };
                    if !module.facts.marks.iter().any(asks) {
                        patterns.add_compared_values(id, mark.func);
                        looks.push(mark.func);
                    }
                    patterns.add_with_attribute(id, mark.func, mark.range);
                    lookups.push((id, mark.func, mark.range));
                }
                _ => {}
            }
        }
        patterns.add_looks(id, &looks);
        patterns.add_hooks(id);
        patterns.add_attributes(id);
        patterns.add_attributes_in_functions(id);
        patterns.add_own_submodules(id);
        patterns.add_starred(id);
    }
    for (submodule, sought) in sought_by_hand(program) {
        patterns.submodules.entry(submodule).or_insert(sought);
    }
    for (submodule, place) in held_submodules(program) {
        patterns.exact.entry(submodule).or_insert(place);
    }
    patterns.add_lookups(&lookups);
    patterns.add_traced(&keys, &asking, &listed);
    patterns.trace_compared();
    let renamed = renamed(program, outcomes, &patterns.starts.iter().map(|(text, ..)| text.as_str()));
    for (name, place) in renamed.asked {
        patterns.exact.entry(name).or_insert(place);
    }
    let (exact, submodules) = patterns.finish();
    (exact, submodules, renamed.unseen)
}

/// Whether a module has certainly loaded another one by a place in its text: who asks there, is always told yes, whoever else
/// loads it. Packages have submodules besides, as attributes.
fn has_loaded(program: &Program, id: ModuleId, name: Sym, at: TextSize) -> bool {
    let single = match program.find(name.as_str()) {
        Some(module) => !program.module(module).is_package,
        None => program.stdlib.knows(name.as_str()) && !program.stdlib.is_package(name.as_str()),
    };
    let facts = &program.module(id).facts;
    let loads = |import: &ImportStmt| {
        import.range.end() <= at
            && import.func.is_module()
            && import.moment == Moment::ImportTime
            && !import.conditional
            && (0..import.aliases.len()).any(|alias| {
                let site = facts.site_at(import, alias).map(|site| &facts.sites[site]);
                site.is_none_or(|site| site.declared.is_none())
                    && loads_name(program, id, import, alias, name)
            })
    };
    single && facts.imports.iter().any(loads)
}

/// Whether one name of an import statement loads the module of a name, which may be one of the packages around.
pub(crate) fn loads_name(
    program: &Program,
    id: ModuleId,
    import: &ImportStmt,
    alias: usize,
    name: Sym,
) -> bool {
    program.loaded_name(id, import, alias).is_some_and(|loaded| is_within(loaded, name.as_str()))
}

/// A function that loads what it asks for, whoever loaded it. Who takes it out, leaves two of it if it was loaded; but tests and their
/// helpers, inside of packages, do so for themselves.
fn loads_itself(program: &Program, id: ModuleId, func: FuncId) -> bool {
    let code = &program.module(id).facts.code;
    let mut packages = program.module(id).name.as_str().split('.').rev().skip(1);
    if packages.any(|package| matches!(package, "test" | "tests" | "testing"))
        && code.ops_of(func).any(|op| taken_out(code, &op).is_some())
    {
        return true;
    }
    let loads = |name: Sym| name == "find_spec" || tables::loads_modules(name.as_str());
    !func.is_module()
        && !code.ops_of(func).any(|op| taken_out(code, &op).is_some())
        && code.ops_of(func).any(|op| match op.kind {
            OpKind::SetItem { base, .. } | OpKind::ChangeInPlace { base, .. } => is_modules(code, base),
            OpKind::Call { call, .. } => match code.value(code.call(call).callee) {
                Value::Attr(_, name) | Value::Global(name) => loads(name),
                _ => false,
            },
            _ => false,
        })
}

/// Whether a module imports another one, or something from it.
pub(crate) fn imports(program: &Program, id: ModuleId, wanted: ModuleId) -> bool {
    program.module(id).facts.imports.iter().any(|import| {
        (0..import.aliases.len()).any(|alias| {
            program.loaded_chain(id, import, alias).contains(&wanted)
                || program.origin(id, import, alias) == Origin::Module(wanted)
        })
    })
}

/// How texts name the modules that somebody asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    /// `"shapes:Disc"`, which a function takes apart.
    WithMore,
    /// An attribute of the object whose method asks.
    Alone,
    /// The keys of a dictionary of the module.
    InTable,
}

/// Whether texts can name what a function asks `sys.modules` for.
fn named_by(code: &Code, func: FuncId, key: ValueId) -> Option<Named> {
    let takes_apart = |op: Op| match op.kind {
        OpKind::Call { call, .. } => matches!(code.value(code.call(call).callee), Value::Attr(_, method)
            if matches!(method.as_str(), "partition" | "rpartition" | "split" | "rsplit")),
        _ => false,
    };
    let of_table = |value: ValueId| {
        let container = match code.value(value) {
            Value::Item(container) => container,
            _ => value,
        };
        let Value::Item(pairs) = code.value(container) else { return false };
        let Value::Call(call) = code.value(pairs) else { return false };
        matches!(code.value(code.call(call).callee), Value::Attr(table, method)
            if matches!(method.as_str(), "items" | "keys") && matches!(code.value(table), Value::Global(_)))
    };
    match code.value(key) {
        Value::Attr(object, attr)
            if matches!(code.value(object), Value::Var(var)
            if code.function(func).class.is_some() && var == code.function(func).params.start) =>
        {
            (!attr.as_str().starts_with("__")).then_some(Named::Alone)
        }
        Value::Var(var) if code.assigned_to(var).iter().any(|&value| of_table(value)) => Some(Named::InTable),
        Value::Var(_) | Value::Item(_) if code.ops_of(func).any(takes_apart) => Some(Named::WithMore),
        _ => None,
    }
}

struct Patterns<'p> {
    program: &'p Program,
    exact: Watched,
    submodules: Submodules,
    starts: Vec<(String, bool, Place)>,
    /// Who watches all modules of its project.
    all: Vec<Place>,
    /// Names, as values, that somebody asks all loaded modules for.
    sought: Vec<Traced>,
    /// Parts of the names of modules that somebody looks for in the names of all.
    parts: Vec<(String, Place)>,
    /// Values that names are compared with, and whether with parts of them.
    compared: Vec<(Traced, bool)>,
    /// Modules whose import-time code puts a finder in front of the others.
    finders: Vec<ModuleId>,
}

impl Patterns<'_> {
    fn add(&mut self, start: TextStart, place: Place) {
        let own = if start.own { self.program.module(place.0).name.as_str() } else { "" };
        let text = format!("{own}{}", start.text);
        let asker = self.program.module(place.0).name.as_str();
        // Who asks is inside the package. And who goes through all modules of his own project does so for all alike.
        let around = is_below(asker, text.trim_end_matches('.'));
        let alike = around && (start.whole || !text.trim_end_matches('.').contains('.'));
        if !text.is_empty() && text != asker && !alike {
            self.starts.push((text, start.whole, place));
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
            if !matches!(name, words::HASATTR | words::GETATTR_FUNCTION) {
                continue;
            }
            let Some(package) = module_of(program, id, *package) else {
                // `hasattr(concurrent, "futures")`
                if let (Value::Str(attr), Some(package)) =
                    (code.value(*attr), foreign_path(program, id, *package))
                    && program.stdlib.has_module(&format!("{package}.{attr}")) == Has::Yes
                {
                    let full = Sym::new(&format!("{package}.{attr}"));
                    self.exact.entry(full).or_insert((id, TextRange::empty(op.at)));
                }
                continue;
            };
            if package == id {
                continue;
            }
            let module = program.module(package);
            let Value::Str(attr) = code.value(*attr) else {
                // `getattr(formats, name)`: any submodule of the project's package, if that has no other names.
                let bare = module.facts.names.iter().all(|(name, _)| name.as_str().starts_with('_'));
                if bare && module.is_package && name == "getattr" && same_project(program, id, package) {
                    for sub in program.modules_below(package) {
                        let full = program.module(sub).name;
                        self.exact.entry(full).or_insert((id, TextRange::empty(op.at)));
                    }
                }
                continue;
            };
            let full = format!("{}.{attr}", module.name);
            if !program.binds(package, attr) && program.find(&full).is_some() {
                let place = (id, TextRange::empty(op.at));
                self.submodules.entry(Sym::new(&full)).or_insert((package, place));
            }
        }
    }

    /// `from package import *` takes the submodules as well that others have loaded, and puts them over names of its own.
    fn add_starred(&mut self, id: ModuleId) {
        let program = self.program;
        let module = program.module(id);
        let stars = module.facts.imports.iter().filter(|import| import.aliases[0].name == "*");
        for import in stars.filter(|import| import.moment == Moment::ImportTime) {
            let Some(&package) = program.loaded_chain(id, import, 0).last() else { continue };
            if package == id || !program.module(package).is_package {
                continue;
            }
            let prefix = program.module(package).name.as_str().len() + 1;
            let mentioned: FxHashSet<Sym> = module.facts.code.globals_mentioned().collect();
            for below in program.modules_below(package) {
                let full = program.module(below).name;
                let Some(name) = Sym::find(&full.as_str()[prefix..]) else { continue };
                // A list of names that is put together names few submodules.
                let listed = program.module(package).facts.exports.all.as_ref();
                if program.binds(package, name) || listed.is_some_and(|all| !all.contains(&name)) {
                    continue;
                }
                let own = Sym::find(&format!("{}.{name}", module.name))
                    .filter(|own| module.is_package && program.find(own.as_str()).is_some());
                // Nobody else gives it to a module that reads it.
                let read = module.facts.names.contains(name) || mentioned.contains(&name);
                if own.is_some() || read {
                    self.submodules.entry(full).or_insert((package, (id, import.range)));
                }
                // It is put over the own one only if that comes first.
                if let Some(own) = own {
                    self.submodules.entry(own).or_insert((id, (id, import.range)));
                }
            }
        }
    }

    /// A package reads or deletes a name that only a submodule can give it: `plugin.run()`, without an import of it.
    fn add_own_submodules(&mut self, id: ModuleId) {
        let program = self.program;
        let module = program.module(id);
        if !module.is_package || program.modules_below(id).is_empty() {
            return;
        }
        let names = &module.facts.names;
        let deleted = names.iter().filter(|(_, info)| info.deleted && !info.imported && !info.otherwise);
        let mentioned = module.facts.code.globals_mentioned().filter(|&name| !names.contains(name));
        for name in mentioned.chain(deleted.map(|(name, _)| name)) {
            if let Some(full) = Sym::find(&format!("{}.{name}", module.name))
                && program.find(full.as_str()).is_some()
            {
                self.submodules.entry(full).or_insert((id, (id, TextRange::empty(0.into()))));
            }
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
        for (id, call) in program.calls_of_any(by_name.keys()) {
            let code = &program.module(id).facts.code;
            let call = code.call(call);
            let (name, base) = match code.value(call.callee) {
                Value::Global(name) => (name, None),
                Value::Attr(base, name) => (name, Some(base)),
                _ => continue,
            };
            let args = &code.args[call.args.start as usize..call.args.end as usize];
            for &arg in args {
                let Value::Str(text) = code.value(arg) else { continue };
                if program.find(text.as_str()).is_none() {
                    continue;
                }
                for &(helper, method, range) in &by_name[&name] {
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

    /// Names that `sys.modules` is asked for by way of variables, and the submodules of packages whose names are listed.
    fn add_traced(&mut self, keys: &[Traced], asking: &[FuncId], listed: &[Listed]) {
        let program = self.program;
        let sought = std::mem::take(&mut self.sought);
        // Each by itself: of many functions of one name nothing is told, and one question is not to spoil another.
        let of = |starts: Vec<Start>| trace(program, &starts);
        let of_sought = of(sought.iter().map(|&(start, _)| start).collect());
        let of_listed = of(listed.iter().map(|listed| listed.of).collect());
        let of_keys = of(keys.iter().map(|&(start, _)| start).collect());
        let traced = of_keys.into_iter().zip(keys).zip(asking);
        for ((leaves, &((id, key, _), range)), &func) in traced {
            let mut found = false;
            for leaf in leaves {
                let Leaf::Text(name) = leaf else { continue };
                found |= program.find(name.as_str()).is_some();
                if name != program.module(id).name {
                    self.exact.entry(name).or_insert((id, range));
                }
            }
            if let Some(named) = named_by(&program.module(id).facts.code, func, key).filter(|_| !found) {
                self.add_mentioned(id, named, range);
            }
        }
        for (leaves, ((id, ..), range)) in of_sought.into_iter().zip(sought) {
            for leaf in leaves {
                // Special methods are looked for in classes.
                if let Leaf::Text(name) = leaf
                    && !name.as_str().starts_with("__")
                {
                    self.add_with_name(id, name, range);
                }
            }
        }
        for (leaves, listed) in of_listed.into_iter().zip(listed) {
            let (id, ..) = listed.of;
            // What a package finds in itself, it has loaded itself or has provided.
            for package in leaves.into_iter().filter_map(Leaf::module).filter(|&package| package != id) {
                let prefix = program.module(package).name.as_str().len() + 1;
                let facts = &program.module(package).facts;
                let texts = &program.module(id).facts.code.strings;
                let stars = facts.imports.iter().filter(|import| import.aliases[0].name == "*");
                let starred: Vec<ModuleId> =
                    stars.flat_map(|import| program.loaded_chain(package, import, 0)).copied().collect();
                for below in program.modules_below(package) {
                    let full = program.module(below).name;
                    let name = &full.as_str()[prefix..];
                    let bound = Sym::find(name).is_some_and(|name| program.binds(package, name));
                    let passed_over = listed.capitals
                        && !name.starts_with(char::is_uppercase)
                        && name.contains(char::is_lowercase);
                    let named = || Sym::find(name).is_some_and(|name| texts.contains(&name));
                    let counts = !name.contains('.') && !bound && !passed_over && (!listed.texts || named());
                    if counts && below != id && !starred.contains(&below) {
                        self.exact.entry(full).or_insert((id, listed.range));
                    }
                }
            }
        }
    }

    /// A module asks for names of which nothing is known: those that it and the modules which import it mention in texts, also with
    /// something behind them: `"shapes:Disc"`, `"shapes.Disc"`.
    fn add_mentioned(&mut self, id: ModuleId, named: Named, range: TextRange) {
        let program = self.program;
        let asked = |other| other == id || named != Named::InTable && imports(program, other, id);
        for other in program.ids().filter(|&other| asked(other)) {
            for text in program.module(other).facts.code.strings {
                let whole = text.as_str();
                let before = |mark| whole.rsplit_once(mark).map(|(name, _)| name);
                let names = match named {
                    Named::WithMore => [before(':'), before('.')],
                    Named::Alone | Named::InTable => [Some(whole), None],
                };
                for name in names.into_iter().flatten() {
                    let named = Sym::find(name).filter(|_| program.find(name).is_some());
                    if let Some(name) = named.filter(|&name| name != program.module(id).name) {
                        self.exact.entry(name).or_insert((id, range));
                        break;
                    }
                }
            }
        }
    }

    /// A function imports a package and reads a submodule of it that something else has to load.
    fn add_attributes_in_functions(&mut self, id: ModuleId) {
        let program = self.program;
        let facts = &program.module(id).facts;
        let inside = |func: FuncId| facts.imports.iter().filter(move |import| import.func == func);
        if facts.imports.iter().all(|import| import.func.is_module()) {
            return;
        }
        for (var, base, attr) in facts.code.attributes_of_variables() {
            let func = facts.code.vars[var as usize].func;
            if inside(func).next().is_none() {
                continue;
            }
            let Some(package) = module_of(program, id, base).filter(|&p| p != id) else { continue };
            let Some(full) = Sym::find(&format!("{}.{attr}", program.module(package).name)) else { continue };
            let Some(target) = program.find(full.as_str()) else { continue };
            let loads = |import: &crate::facts::ImportStmt| {
                (0..import.aliases.len()).any(|alias| {
                    program.loaded_chain(id, import, alias).contains(&target)
                        || program.origin(id, import, alias) == Origin::Module(target)
                })
            };
            if !program.binds(package, attr) && !inside(func).any(loads) {
                let place = (id, TextRange::empty(0.into()));
                self.submodules.entry(full).or_insert((package, place));
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

    fn finish(mut self) -> (Watched, Submodules) {
        if self.starts.is_empty() && self.all.is_empty() && self.parts.is_empty() {
            return (self.exact, self.submodules);
        }
        for id in self.program.ids() {
            let name = self.program.module(id).name;
            let matching = self.starts.iter().find(|(text, whole, place)| {
                place.0 != id
                    && if *whole { name == text.as_str() } else { name.as_str().starts_with(text.as_str()) }
            });
            let matching = matching.map(|(.., place)| *place).or_else(|| self.with_part(id));
            let place = matching.or_else(|| {
                self.all
                    .iter()
                    .copied()
                    .find(|place| place.0 != id && same_project(self.program, place.0, id))
            });
            if let Some(place) = place {
                self.exact.entry(name).or_insert(place);
            }
        }
        (self.exact, self.submodules)
    }
}
