//! Functions and classes whose text the program shows.
//!
//! ```python
//! print(inspect.getsource(job))           # def job(x): return [x, config]
//! ```
//!
//! Where placeholders stand for modules, a read that hands one on is written in another way, and so are annotations. Names that
//! such functions read in this way stay as they are.

use rustc_hash::FxHashMap;

use ruff_text_size::TextRange;

use super::{SHOW_SOURCE, Value};
use crate::decide::{KeepReason, ModuleVerdicts, Reason, keep_all};
use crate::facts::{Code, FuncId, OpKind, ReadKind, Sym};
use crate::program::state::of_all;
use crate::program::trace::{Leaf, Start, trace_definitions};
use crate::program::{ModuleId, Program};

/// What is shown of a module, and who shows it.
pub struct Shown {
    what: What,
    by: (ModuleId, TextRange),
}

enum What {
    Function(FuncId),
    Class(u32),
}

/// Finds them.
pub fn shown(program: &Program) -> FxHashMap<ModuleId, Vec<Shown>> {
    let names: Vec<Sym> = SHOW_SOURCE.iter().filter_map(|name| Sym::find(name)).collect();
    if names.is_empty() {
        return FxHashMap::default();
    }
    let found: Vec<(Start, TextRange)> = of_all(program, |id| {
        let code = &program.module(id).facts.code;
        let shows = code.ops().filter_map(|op| {
            let OpKind::Call { call, .. } = op.kind else { return None };
            let call = code.call(call);
            let (Value::Global(name) | Value::Attr(_, name)) = code.value(call.callee) else { return None };
            let &first = code.positional(&call).first().filter(|_| names.contains(&name))?;
            Some(((id, first, false), TextRange::empty(op.at)))
        });
        shows.collect()
    })
    .collect();
    let leaves = trace_definitions(program, &found.iter().map(|&(start, _)| start).collect::<Vec<_>>());
    let mut shown: FxHashMap<ModuleId, Vec<Shown>> = FxHashMap::default();
    for (leaves, ((by, ..), range)) in leaves.into_iter().zip(found) {
        for leaf in leaves {
            let (id, what) = match leaf {
                Leaf::Function(id, func) => (id, What::Function(func)),
                Leaf::Class(id, class) => (id, What::Class(class)),
                _ => continue,
            };
            shown.entry(id).or_default().push(Shown { what, by: (by, range) });
        }
    }
    shown
}

impl What {
    /// Whether a function is what is shown, or inside it.
    fn has(&self, code: &Code, mut func: FuncId) -> bool {
        while !func.is_module() {
            let function = code.function(func);
            let is = match *self {
                Self::Function(shown) => shown == func,
                Self::Class(class) => function.class == Some(class),
            };
            if is {
                return true;
            }
            func = function.parent;
        }
        false
    }
}

/// Keeps what they read in a way that has to be written differently.
pub fn decide(program: &Program, id: ModuleId, shown: &[Shown], verdicts: &mut ModuleVerdicts) {
    let module = program.module(id);
    let facts = &module.facts;
    for read in facts.reads() {
        let rewritten = match read.kind {
            ReadKind::Escape | ReadKind::ClassPattern(_) => true,
            ReadKind::Annotation(annotation) => !annotation.text,
            _ => false,
        };
        let in_it = || shown.iter().find(|shown| shown.what.has(&facts.code, read.func));
        if let Some(shown) = Some(()).filter(|()| rewritten).and_then(|()| in_it()) {
            let (by, range) = shown.by;
            let note = "the text of a function that hands it on is shown";
            let reason = Reason::at(KeepReason::SourceRead, by, range, note);
            keep_all(module, verdicts, &reason, |site| site.bound == read.name);
        }
    }
}
