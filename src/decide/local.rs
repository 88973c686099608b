//! What the module's own source shows: uses at import time, reads of the namespace, layout, pragmas.

use ruff_text_size::TextRange;
use rustc_hash::{FxHashMap, FxHashSet};

use super::annotations::{AnnotationUse, Judge};
use super::inspected::Inspected;
use super::{DecideOptions, KeepReason, ModuleVerdicts, Reason, keep_all, mark};
use crate::config::{Escapes, Target};
use crate::dotted::is_within;
use crate::facts::{
    Constant, ImportStmt, LineUse, MarkKind, ModuleFacts, Moment, Place, Read, ReadKind, Site, Sym, Value,
};
use crate::program::{ModuleId, Origin, Program};
use crate::rewrite::Form;

/// What the import system asks a new module for before it runs it. The interpreter answers with a lazy import of that name, which loads the
/// module, which is asked again, and so on.
const ASKED_OF_NEW_MODULES: &[&str] = &["__path__", "__file__"];

/// Names that the interpreter or the import system looks up in a module's namespace without asking the module.
const SPECIAL_NAMES: &[&str] = &[
    "__all__",
    "__path__",
    "__getattr__",
    "__dir__",
    "__doc__",
    "__name__",
    "__package__",
    "__spec__",
    "__loader__",
    "__file__",
    "__cached__",
    "__builtins__",
    "__annotations__",
    "__dict__",
    "__class__",
    "__lazy_modules__",
    "TYPE_CHECKING",
];

/// Adds the reasons.
pub fn decide(
    program: &Program,
    id: ModuleId,
    options: &DecideOptions,
    inspected: &Inspected,
    verdicts: &mut ModuleVerdicts,
) {
    let module = program.module(id);
    let facts = &module.facts;
    let mut reads: FxHashMap<Sym, Vec<(usize, Read)>> = FxHashMap::default();
    for (index, read) in facts.reads().enumerate() {
        reads.entry(read.name).or_default().push((index, read));
    }
    let pragmas: FxHashSet<_> =
        facts.marks.iter().filter(|m| m.kind == MarkKind::PragmaEager).map(|m| m.range).collect();

    let judge = Judge::new(program, id, options, inspected);
    let own_type_checking = gives_type_checking_another_value(facts);
    for (index, site) in facts.sites.iter().enumerate() {
        let import = &facts.imports[site.stmt as usize];
        let range = import.range;
        let own_reads = reads.get(&site.bound).map_or(&[][..], Vec::as_slice);
        let mut reasons = Vec::new();
        if pragmas.contains(&range) {
            reasons.push(Reason::at(KeepReason::Pragma, id, range, "the comment"));
        }
        if SPECIAL_NAMES.contains(&site.bound.as_str()) {
            reasons.push(Reason::bare(KeepReason::SpecialName));
        } else if import.from.is_some()
            && options.target != Target::Proxy
            && ASKED_OF_NEW_MODULES.contains(&import.aliases[site.alias as usize].name.as_str())
        {
            let note = "the import system asks a module that it is about to load for this attribute";
            reasons.push(Reason::at(KeepReason::SpecialName, id, range, note));
        }
        let declared = site.declared.is_some();
        if !declared {
            if let Some(name) = program.loaded_name(id, import, site.alias as usize)
                && configured_eager(program, id, site, name, options)
            {
                reasons.push(Reason::bare(KeepReason::Configured));
            }
            already_loaded(program, id, site, &mut reasons);
        }
        // A function may rebind the name before import-time code reads it; a lazy name is right in both cases.
        let rebound = facts
            .names
            .get(site.bound)
            .is_some_and(|info| info.rebound_in_function.or(info.computed_in_function).is_some());
        let context = SiteContext {
            id,
            site,
            components: submodule_components(import, site),
            moment: import.moment,
            may_be_read: declared || rebound,
        };
        uses(&context, own_reads, options, &mut reasons);
        let quote = annotation_uses(&judge, own_reads, declared, &mut reasons);
        verdicts.quote.extend(quote);
        if let Some(note) = no_place(facts, import, own_type_checking, options) {
            reasons.push(Reason::at(KeepReason::Layout, id, range, note));
        }
        for reason in reasons {
            verdicts.sites[index].keep(reason);
        }
    }
    namespace(program, id, options, verdicts);
}

/// Why what has to be written has no place.
fn no_place(
    facts: &ModuleFacts,
    import: &ImportStmt,
    own_type_checking: bool,
    options: &DecideOptions,
) -> Option<&'static str> {
    match (options.target, options.form) {
        (Target::Proxy, Form::Apply) if import.line == LineUse::Shared => {
            Some("shares its line with other code")
        }
        (Target::Proxy, Form::Apply) => own_type_checking.then_some(
            "the module has a `TYPE_CHECKING` of its own, which the block around the import would ask",
        ),
        (Target::LazyModules, _) if facts.layout.lazy_list.is_some() => None,
        (Target::Proxy | Target::LazyModules, Form::Build) => {
            let tops = &facts.layout.tops;
            let at = tops.partition_point(|top| top.range.end() <= import.range.start());
            let fits = tops.get(at).is_none_or(|top| top.preceded);
            (!fits).then_some(
                "there is no line, and no statement, before the block that it stands in, for the header",
            )
        }
        (Target::Native, _) | (Target::LazyModules, Form::Apply) => None,
    }
}

/// Whether the module binds `TYPE_CHECKING` to something else than `typing` does, or `TYPE_CHECKING = False`.
fn gives_type_checking_another_value(facts: &ModuleFacts) -> bool {
    let Some(name) = Sym::find("TYPE_CHECKING") else { return false };
    let values = facts.code.globals_of(name).iter().map(|&(_, value)| facts.code.value(value));
    let others = values
        .filter(|value| !matches!(value, Value::Constant(Constant::False | Constant::Number(0))))
        .count();
    // What an import at module level binds is one of the others.
    let from_typing = |import: &&ImportStmt| {
        let source = import.from.filter(|from| from.level == 0).map(|from| from.module.as_str());
        matches!(source, Some("typing" | "typing_extensions" | "_typeshed"))
            && import.func.is_module()
            && import.place != Place::Class
    };
    let aliases = facts.imports.iter().filter(from_typing).flat_map(|import| &import.aliases);
    let usual = aliases.filter(|a| a.name == name && a.asname.is_none_or(|bound| bound == name)).count();
    others > usual
}

fn configured_eager(
    program: &Program,
    id: ModuleId,
    site: &Site,
    name: &str,
    options: &DecideOptions,
) -> bool {
    if options.eager.is_empty() {
        return false;
    }
    let import = &program.module(id).facts.imports[site.stmt as usize];
    let item = import.aliases[site.alias as usize].name;
    options.eager.matches(name) || (import.from.is_some() && options.eager.matches(&format!("{name}.{item}")))
}

/// Nothing to gain: the interpreter has it, or it is the package around this module.
fn already_loaded(program: &Program, id: ModuleId, site: &Site, reasons: &mut Vec<Reason>) {
    let module = program.module(id);
    let import = &module.facts.imports[site.stmt as usize];
    let Some(name) = program.loaded_name(id, import, site.alias as usize) else { return };
    let own = module.name.as_str();
    let ancestor = |name: &str| is_within(own, name);
    let loaded = match program.origin(id, import, site.alias as usize) {
        Origin::Module(target) => {
            ancestor(program.module(target).name.as_str()) && {
                // `import pkg.sub` inside pkg binds pkg but loads more.
                import.from.is_some() || ancestor(name)
            }
        }
        Origin::Attribute(target, _) => ancestor(program.module(target).name.as_str()),
        Origin::Foreign => program.stdlib.always_loaded(name) && program.find_from(id, name).is_none(),
        Origin::MissingName(_) | Origin::MissingModule => false,
    };
    if loaded {
        reasons.push(Reason::bare(KeepReason::AlreadyLoaded));
    }
}

/// A site and what its reads are judged by.
struct SiteContext<'a> {
    id: ModuleId,
    site: &'a Site,
    /// `import a.b.c`: `b`, `c`.
    components: Vec<&'static str>,
    moment: Moment,
    /// Reads at import time are no reason.
    may_be_read: bool,
}

/// The submodules that `import a.b.c` loads below the name that it binds.
fn submodule_components(import: &ImportStmt, site: &Site) -> Vec<&'static str> {
    let alias = import.aliases[site.alias as usize];
    if import.from.is_some() || alias.asname.is_some() {
        return Vec::new();
    }
    alias.name.as_str().split('.').skip(1).collect()
}

/// `import a.b` and `import a.c` bind the same name; a read of `a.b.x` uses only the first.
fn concerns(read: &Read, components: &[&str]) -> bool {
    read.kind != ReadKind::Attribute || read.chain.iter().zip(components).all(|(attr, part)| attr == part)
}

/// Reads that are not annotations.
fn uses(
    context: &SiteContext<'_>,
    reads: &[(usize, Read)],
    options: &DecideOptions,
    reasons: &mut Vec<Reason>,
) {
    let &SiteContext { id, site, moment, may_be_read, .. } = context;
    let proxy = options.target == Target::Proxy;
    for (_, read) in reads {
        let at_import = match read.moment {
            Moment::ImportTime => true,
            // Used at once in the block that imports it.
            Moment::MainGuard => moment == Moment::MainGuard,
            Moment::Deferred | Moment::Never => false,
        };
        if matches!(read.kind, ReadKind::Annotation(_)) || !concerns(read, &context.components) {
            continue;
        }
        if at_import && !may_be_read && read.kind != ReadKind::Dropped {
            reasons.push(
                Reason::at(KeepReason::UsedAtImportTime, id, read.range, "read while the module loads")
                    .about(site.bound),
            );
        }
        if !proxy {
            continue;
        }
        match read.kind {
            ReadKind::Fixed(_) => {
                reasons.push(
                    Reason::at(KeepReason::EscapingRead, id, read.range, "cannot be wrapped")
                        .about(site.bound),
                );
            }
            // Who has declared the import lazy has to have it so on every Python: then such reads are wrapped.
            ReadKind::Escape | ReadKind::ClassPattern(_)
                if options.escapes == Escapes::Keep && site.declared.is_none() =>
            {
                reasons.push(
                    Reason::at(KeepReason::EscapingRead, id, read.range, "hands the value on")
                        .about(site.bound),
                );
            }
            ReadKind::Escape
            | ReadKind::ClassPattern(_)
            | ReadKind::Attribute
            | ReadKind::Call
            | ReadKind::Subscript
            | ReadKind::TypeTest
            | ReadKind::Dropped
            | ReadKind::Annotation(_) => {}
        }
    }
}

/// Reads in annotations; gives those whose annotation must become text.
fn annotation_uses(
    judge: &Judge<'_>,
    reads: &[(usize, Read)],
    declared: bool,
    reasons: &mut Vec<Reason>,
) -> Vec<usize> {
    let mut quote = Vec::new();
    for (index, read) in reads {
        let ReadKind::Annotation(annotation) = read.kind else { continue };
        match judge.read(read, annotation) {
            AnnotationUse::Nothing => {}
            AnnotationUse::Quote => quote.push(*index),
            // The author of a declared site has judged that laziness is right.
            AnnotationUse::Keep(..) if declared && judge.options.target != Target::Proxy => {}
            AnnotationUse::Keep(kind, note) => {
                reasons.push(Reason::at(kind, judge.id, read.range, note).about(read.name));
            }
        }
    }
    quote
}

/// A module that pytest collects: it looks through the namespace as a dict, for tests and for hooks.
fn is_test_module(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    last == "conftest" || last.starts_with("test_") || last.ends_with("_test")
}

/// Reads of the namespace as a dict, and modules that are not plain modules.
fn namespace(program: &Program, id: ModuleId, options: &DecideOptions, verdicts: &mut ModuleVerdicts) {
    let module = program.module(id);
    let proxy = options.target == Target::Proxy;
    if let Some(range) = mark(module, MarkKind::NamespaceRead) {
        let reason =
            Reason::at(KeepReason::NamespaceIntrospection, id, range, "reads the namespace as a dict");
        keep_all(module, verdicts, &reason, |_| true);
    }
    if proxy && is_test_module(module.name.as_str()) {
        let range = TextRange::empty(0.into());
        let reason =
            Reason::at(KeepReason::NamespaceIntrospection, id, range, "test runners read the namespace");
        keep_all(module, verdicts, &reason, |_| true);
    }
    if proxy && let Some(range) = mark(module, MarkKind::EvaluatesText) {
        let reason = Reason::at(
            KeepReason::NamespaceIntrospection,
            id,
            range,
            "evaluates text in the module's namespace",
        );
        keep_all(module, verdicts, &reason, |_| true);
    }
    for m in &module.facts.marks {
        let reason = |note| Reason::at(KeepReason::NamespaceIntrospection, id, m.range, note);
        let read = "reads the name from the namespace as a dict";
        match m.kind {
            MarkKind::NamespaceName(name) => {
                keep_all(module, verdicts, &reason(read), |site| site.bound == name);
            }
            MarkKind::NamespaceNames(start) => {
                keep_all(module, verdicts, &reason(read), |site| {
                    site.bound.as_str().starts_with(start.as_str())
                });
            }
            // The names are the same, but for those that the rewriter adds; `dir()` leaves them out.
            MarkKind::NamespaceKeys
                if options.target != Target::Native
                    && module.facts.code.function(m.func).name != "__dir__" =>
            {
                keep_all(module, verdicts, &reason("lists the names in the namespace"), |_| true);
            }
            _ => {}
        }
    }
    if proxy {
        for kind in [MarkKind::SetsOwnClass, MarkKind::ReplacesItself] {
            if let Some(range) = mark(module, kind) {
                let reason =
                    Reason::at(KeepReason::ModuleSwapsItself, id, range, "the module is not a plain module");
                keep_all(module, verdicts, &reason, |_| true);
            }
        }
    }
}
