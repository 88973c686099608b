//! Modules whose namespace another module reads as a dict.
//!
//! ```python
//! def table(module): return {k: v for k, v in vars(module).items() if k.isupper()}
//! table(settings)
//!
//! def interpolate(text): return eval(text, sys._getframe(1).f_globals)   # the namespace of who calls it
//! ```

mod loaded;

use ruff_text_size::TextRange;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{KeepReason, ModuleVerdicts, Reason, Verdict, keep_all, mark};
use crate::facts::{FuncId, MarkKind, OpKind, Site, Sym, Value, ValueId};
use crate::program::callees::with_bases;
use crate::program::state::module_of;
use crate::program::trace::{Leaf, Start, means, trace, trace_definitions};
use crate::program::watched::imports;
use crate::program::{ModuleId, Origin, Program};

/// For each such module, who reads it and where.
pub type Readers = FxHashMap<ModuleId, Reader>;

/// Methods of loaders, which fill namespaces.
const FILLS: &[&str] = &["exec_module", "load_module", "create_module"];

/// Who reads a namespace.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    by: ModuleId,
    range: TextRange,
    /// Only functions and methods count that he finds.
    functions: bool,
}

/// Finds them. `listed`: also those whose `__dict__` is asked for, which needs no care where a placeholder stands in for what is pending.
pub fn readers(program: &Program, listed: bool) -> Readers {
    let mut readers = Readers::default();
    let mut places: Vec<(Start, TextRange)> = Vec::new();
    let mut picking: Vec<(Start, TextRange)> = Vec::new();
    let mut functions: Vec<(Start, TextRange)> = Vec::new();
    let mut searching: Vec<Reader> = Vec::new();
    let mut helpers: Vec<(ModuleId, FuncId, TextRange)> = Vec::new();
    let mut filling: FxHashSet<(ModuleId, TextRange)> = FxHashSet::default();
    for id in program.ids() {
        let facts = &program.module(id).facts;
        for mark in &facts.marks {
            if matches!(mark.kind, MarkKind::NamespaceOf(_) if listed)
                && FILLS.contains(&facts.code.function(mark.func).name.as_str())
            {
                filling.insert((id, mark.range));
            }
            match mark.kind {
                // What stands for pending names would be found as well.
                MarkKind::SearchesFunctions(of) => places.push(((id, of, false), mark.range)),
                MarkKind::NamespaceOf(of) if listed => places.push(((id, of, false), mark.range)),
                MarkKind::NamespaceNamed(of) if listed => places.push(((id, of, true), mark.range)),
                MarkKind::StaticOf(of) if listed => {
                    places.push(((id, of, false), mark.range));
                    searching.push(Reader { by: id, range: mark.range, functions: false });
                }
                MarkKind::PicksFunctions(of) if listed => {
                    picking.push(((id, of, false), mark.range));
                    searching.push(Reader { by: id, range: mark.range, functions: true });
                }
                MarkKind::GlobalsOf(of) => functions.push(((id, of, false), mark.range)),
                MarkKind::ReadsCallers => helpers.push((id, mark.func, mark.range)),
                _ => {}
            }
        }
    }
    let starts = |places: &[(Start, TextRange)]| places.iter().map(|&(start, _)| start).collect::<Vec<_>>();
    let mut loaded = loaded::Loaded::default();
    for (leaves, ((by, ..), range)) in trace(program, &starts(&places)).into_iter().zip(places) {
        for leaf in leaves {
            let modules = match leaf {
                Leaf::Module(module) => vec![module],
                Leaf::LoadedBy(loader) if !filling.contains(&(by, range)) => {
                    loaded.by(program, loader).to_vec()
                }
                Leaf::Main => loaded.main(program).to_vec(),
                _ => continue,
            };
            for module in modules {
                readers.entry(module).or_insert(Reader { by, range, functions: false });
            }
        }
    }
    for (leaves, ((by, ..), range)) in
        trace_definitions(program, &starts(&functions)).into_iter().zip(functions)
    {
        for leaf in leaves {
            if let Leaf::Function(module, _) | Leaf::Class(module, _) = leaf {
                readers.entry(module).or_insert(Reader { by, range, functions: false });
            }
        }
    }
    if !helpers.is_empty() {
        for (caller, (by, range)) in callers(program, helpers) {
            readers.entry(caller).or_insert(Reader { by, range, functions: false });
        }
    }
    // Last: who reads everything, counts more.
    for (leaves, ((by, ..), range)) in trace(program, &starts(&picking)).into_iter().zip(picking) {
        for module in leaves.into_iter().filter_map(Leaf::module) {
            readers.entry(module).or_insert(Reader { by, range, functions: true });
        }
    }
    // Who loads what distributions offer, and searches namespaces, searches those of the plugins.
    searching.sort_by_key(|reader| reader.functions);
    for reader in searching.into_iter().filter(|reader| loads_offered(program, reader.by)) {
        for module in program.environment.whole_plugins.iter().filter_map(|name| program.find(name.as_str()))
        {
            readers.entry(module).or_insert(reader);
        }
    }
    readers
}

/// Whether a module loads what the metadata of distributions offer: `for point in distribution.entry_points: register(point.load())`.
fn loads_offered(program: &Program, id: ModuleId) -> bool {
    let code = &program.module(id).facts.code;
    code.mentions(&["entry_points", "iter_entry_points"]) && code.mentions(&["load"])
}

/// Modules that call functions which look at the namespace of their caller.
fn callers(
    program: &Program,
    helpers: Vec<(ModuleId, FuncId, TextRange)>,
) -> Vec<(ModuleId, (ModuleId, TextRange))> {
    let mut by_name: FxHashMap<Sym, Vec<(ModuleId, FuncId, TextRange)>> = FxHashMap::default();
    let mut todo = helpers;
    let mut seen = FxHashSet::default();
    while let Some((id, func, range)) = todo.pop() {
        let special = program.module(id).facts.code.function(func).name.as_str().starts_with("__");
        if func.is_module() || special || !seen.insert((id, func)) {
            continue;
        }
        let code = &program.module(id).facts.code;
        let name = code.function(func).name;
        by_name.entry(name).or_default().push((id, func, range));
        // Functions around the frame's that hand it on.
        for (caller, op) in code.ops_by_function() {
            if let OpKind::Call { call, .. } = op.kind
                && matches!(code.value(code.call(call).callee), Value::Global(n) | Value::Attr(_, n) if n == name)
            {
                todo.push((id, caller, range));
            }
        }
        todo.push((id, code.function(func).parent, range));
    }
    let mut found = Vec::new();
    for (id, call) in program.calls_of_any(by_name.keys()) {
        let code = &program.module(id).facts.code;
        let (base, name) = match code.value(code.call(call).callee) {
            Value::Global(name) => (None, name),
            Value::Attr(base, name) => (Some(base), name),
            _ => continue,
        };
        for &(helper, func, range) in &by_name[&name] {
            let method = program.module(helper).facts.code.function(func).class.is_some();
            let calls = match base {
                Some(base) => {
                    method && imports(program, id, helper) || module_of(program, id, base) == Some(helper)
                }
                None => means(program, id, name, helper),
            };
            if calls {
                found.push((id, (helper, range)));
            }
        }
    }
    found
}

/// Whether what an import binds may be a function, or an object that makes a method of one. Modules are none, and neither are classes to which
/// nothing was done.
fn may_be_function(program: &Program, id: ModuleId, site: &Site, depth: u32) -> bool {
    let facts = &program.module(id).facts;
    let import = &facts.imports[site.stmt as usize];
    // What replaces itself may be anything afterwards.
    let plain = |module: ModuleId| mark(program.module(module), MarkKind::ReplacesItself).is_none();
    match program.origin(id, import, site.alias as usize) {
        Origin::Module(module) => !plain(module),
        Origin::Attribute(source, name) => {
            let facts = &program.module(source).facts;
            let code = &facts.code;
            let is_class = |value: ValueId| {
                matches!(code.value(value), Value::Class(class)
                if code.classes[class as usize].decorators.as_slice().is_empty()
                    && with_bases(program, vec![(source, class)]).iter().all(|&(id, class)| {
                        program.module(id).facts.code.classes[class as usize].metaclass.is_none()
                    }))
            };
            let bound = code.globals_of(name);
            let mut sites = facts.sites_of(name).peekable();
            depth > 8
                || bound.is_empty() && sites.peek().is_none()
                || !bound.iter().all(|&(_, value)| is_class(value))
                || sites.any(|site| may_be_function(program, source, site, depth + 1))
        }
        // `import subprocess`
        Origin::Foreign => import.from.is_some(),
        Origin::MissingName(_) | Origin::MissingModule => true,
    }
}

/// Notes names that wait and are no functions, in modules that are searched for functions past all descriptors and for nothing
/// else: they go on waiting when the search comes to them.
pub fn pass_over(program: &Program, verdicts: &mut [ModuleVerdicts]) {
    let picks = |id: ModuleId| {
        let marks = &program.module(id).facts.marks;
        marks.iter().any(|mark| matches!(mark.kind, MarkKind::PicksFunctions(_)))
    };
    if !program.ids().any(picks) {
        return;
    }
    for (id, reader) in readers(program, true) {
        let Some(verdicts) = verdicts.get_mut(id.index()).filter(|_| reader.functions) else { continue };
        let sites = &program.module(id).facts.sites;
        let waits =
            |site: &Site, verdict: &Verdict| verdict.is_lazy() && !may_be_function(program, id, site, 0);
        let (passed, others): (Vec<_>, Vec<_>) =
            sites.iter().zip(&verdicts.sites).partition(|(site, verdict)| waits(site, verdict));
        let otherwise = |name: Sym| others.iter().any(|(site, _)| site.bound == name);
        verdicts.passed_over =
            passed.iter().map(|(site, _)| site.bound).filter(|&name| !otherwise(name)).collect();
    }
}

/// Adds the reasons.
pub fn decide(program: &Program, id: ModuleId, readers: &Readers, verdicts: &mut ModuleVerdicts) {
    if let Some(&Reader { by, range, functions }) = readers.get(&id) {
        let note =
            if functions { "takes functions from the namespace" } else { "reads the namespace as a dict" };
        let reason = Reason::at(KeepReason::NamespaceIntrospection, by, range, note);
        keep_all(program.module(id), verdicts, &reason, |site| {
            !functions || may_be_function(program, id, site, 0)
        });
    }
}
