//! Facts as bytes, for the cache.
//!
//! Tables that are sorted by the numbers of names are sorted again when they are read: the numbers are those of another process.

use std::cell::RefCell;
use std::ops::Range;

use super::code::{Class, Code, FuncId, Function, Var};
use super::draft::Keepers;
use super::keep::{Keeper, Kept};
use super::layout::{Layout, Top};
use super::marks::{Mark, MarkKind, TextStart};
use super::operation::{Added, CallRole, Op, OpKind};
use super::packed::{PackedCall, PackedOp, PackedRead, Reading, SharedFacts};
use super::premise::Asked;
use super::value::{Constant, Value, ValueId};
use super::{
    Alias, Annotation, AnnotationOwner, Declared, Exports, FromModule, ImportStmt, LineUse, ModuleFacts,
    Moment, NameInfo, Namespace, Place, Site, Sym,
};
use crate::wire::{Feed, Sink, Wire, fields, variants};

thread_local! {
    static KEEPERS: RefCell<Keepers> = RefCell::default();
}

/// Reads something that has facts in it, with the tables of this thread.
pub(crate) fn with_feed<T>(names: &[Sym], bytes: &[u8], read: impl FnOnce(&mut Feed<'_>) -> T) -> Option<T> {
    KEEPERS.with_borrow_mut(|keepers| {
        let mut feed = Feed::new(names, bytes, keepers);
        let value = read(&mut feed);
        feed.is_done().then_some(value)
    })
}

/// What tables are made of.
trait Stored: Wire + Clone + 'static {
    fn keeper(keepers: &mut Keepers) -> &mut Keeper<Self>;
}

macro_rules! stored {
    ($($item:ty: $field:ident),* $(,)?) => {$(
        impl Stored for $item {
            fn keeper(keepers: &mut Keepers) -> &mut Keeper<Self> {
                &mut keepers.$field
            }
        }
    )*};
}

stored! {
    ImportStmt: imports,
    Alias: aliases,
    Site: sites,
    PackedRead: reads,
    Sym: syms,
    Annotation: annotations,
    ruff_text_size::TextRange: ranges,
    (u32, u32): placed,
    (Sym, NameInfo): infos,
    Top: tops,
    Mark: marks,
    Value: compound,
    ValueId: values,
    Var: vars,
    PackedCall: calls,
    Function: functions,
    Class: classes,
    (Sym, ValueId): members,
}

impl<T: Stored> Wire for Kept<T> {
    fn put(&self, out: &mut Sink) {
        self.len().put(out);
        for item in self {
            item.put(out);
        }
    }
    fn get(feed: &mut Feed<'_>) -> Self {
        sorted(feed, |_| {})
    }
}

/// A table in another order than it was written in.
fn sorted<T: Stored>(feed: &mut Feed<'_>, sort: impl FnOnce(&mut [T])) -> Kept<T> {
    let mut items: Vec<T> = Vec::get(feed);
    sort(&mut items);
    T::keeper(feed.keepers).keep(&items)
}

fields! {
    ImportStmt { index, range, from, aliases, place, moment, func, lazy_keyword, line, guarded, catches_more, conditional }
    FromModule { level, module }
    Alias { range, name, asname }
    Site { stmt, alias, bound, declared }
    NameInfo {
        imported, otherwise, only_type_checking, rebound_in_function, computed_in_function, deleted, gone, perhaps,
        rebound_at_module_level,
    }
    Exports { all, partial, dynamic, given, writes_namespace }
    Annotation { range, text, calls, owner }
    SharedFacts { chains, annotations, subjects, placed }
    PackedRead { name, range, kind, moment, chain_length, func, chain }
    PackedCall { callee, args, keywords }
    Layout { future_annotations, prologue_end, tops, lazy_list }
    Top { range, simple, preceded }
    Mark { kind, range, func }
    TextStart { own, text, whole }
    Op { at, guarded, conditional, may_have_left, told, main_guard, kind }
    Var { name, func, default, bits }
    Class { name, func, bases, metaclass, keywords, star, decorators, members, given, calls_base, at }
    Function {
        name, parent, class, params, positional, vararg, kwarg, generator, closes, coroutine, binds_outer,
        decorators, first_param, ops, returns, at,
    }
}

variants! {
    Place { 0: Module, 1: TypeChecking, 2: Try, 3: With, 4: Function, 5: Class }
    Moment { 0: Never, 1: Deferred, 2: MainGuard, 3: ImportTime }
    LineUse { 0: Alone, 1: Shared }
    Declared { 0: Keyword, 1: List, 2: Pragma }
    AnnotationOwner { 0: Variable, 1: Plain(func), 2: Field(class), 3: Decorated(func) }
    Constant { 0: None, 1: False, 2: True, 3: Number(number) }
    Asked {
        0: True, 1: False, 2: IsNone, 3: NotNone, 4: Is, 5: IsNot, 6: Callable, 7: NotCallable, 8: Equals,
        9: Differs, 10: Has, 11: Lacks, 12: Within, 13: Outside, 14: Fails,
        15: Succeeds, 16: IsThat, 17: IsOther,
    }
    CallRole { 0: Used, 1: Dropped, 2: Decorator }
    Added { 0: Display, 1: Unknown, 2: ForLists }
    Reading {
        0: Attribute, 1: Call, 2: Subscript, 3: TypeTest, 4: Dropped, 5: Escape, 6: ClassPattern,
        7: AugmentedAssignment, 8: DebugText, 9: TemplateString, 10: Annotation,
    }
    MarkKind {
        0: NamespaceRead, 1: NamespaceName(name), 2: NamespaceNames(name), 3: NamespaceKeys, 4: EvaluatesText,
        5: ReplacesItself, 6: SetsOwnClass, 7: EvaluatesAnnotations, 8: InspectsAnnotations,
        9: AsksSysModules(name), 10: AsksSysModulesFrom(start), 11: ReadsSysModules, 12: LoadsFrom(start),
        13: ComparesText(start), 14: NamespaceOf(value), 15: PythonFileName(name), 16: PragmaEager,
        17: AsksSysModulesOf(value), 18: ReplacesEntry(name), 19: NamespaceNamed(value), 20: NamesOf(value),
        21: AnnotationsOf(value), 22: GlobalsOf(value), 23: ReadsCallers, 24: HintsOf(value),
        25: RenamesModules(start), 26: RunsElsewhere,
        27: OnlyKeyed(name), 28: PatchesVariable(name), 29: SearchesFunctions(value),
        30: CapitalsOf(value), 31: OnlyKeyedAttribute(name), 32: NeedsFile(name), 33: PragmaWithoutEffect,
        34: PicksFunctions(value), 35: StaticOf(value), 36: GoesOnce(name),
        37: ComparesValue(value), 38: ComparesPart(value), 39: LiveModules, 40: TupleNamed(name), 41: ChosenByHints(value),
    }
    Value {
        0: Opaque, 1: Fresh, 2: Str(text), 3: Var(var), 4: Global(name), 5: Attr(base, attr),
        6: OwnAttr(base, attr), 7: Item(of), 8: Call(call), 9: Function(func), 10: Class(class),
        11: Either(one, other), 12: Import(import, alias), 13: Holder(of), 14: Loaded(name), 15: Constant(constant),
        16: LoadedAs(name), 17: Joined(start, rest), 18: Sum(of),
    }
    OpKind {
        0: Execute, 1: Raise { failed }, 2: Call { call, role }, 3: SetAttr { base, attr, value, memo },
        4: SetItem { base, key, value, cache }, 5: DelAttr { base, attr }, 6: DelItem { base, key },
        7: SetGlobal { name, value }, 8: DelGlobal { name }, 9: DefineClass(class), 10: Import(import),
        11: Read(value), 12: Load { base, key }, 13: Operate { on, other, method },
        14: When { of, asked, text, given, ops }, 15: Return(value), 16: Bind { var, value },
        17: ChangeInPlace { base, value, added },
    }
}

impl Wire for FuncId {
    fn put(&self, out: &mut Sink) {
        self.0.put(out);
    }
    #[inline]
    fn get(feed: &mut Feed<'_>) -> Self {
        Self(u32::get(feed))
    }
}

impl Wire for Range<u32> {
    fn put(&self, out: &mut Sink) {
        self.start.put(out);
        self.end.put(out);
    }
    #[inline]
    fn get(feed: &mut Feed<'_>) -> Self {
        let start = u32::get(feed);
        start..u32::get(feed)
    }
}

impl Wire for ValueId {
    fn put(&self, out: &mut Sink) {
        let (kind, number) = self.parts();
        match self.name() {
            // The place in the table of names is small, the kind stands before it.
            Some(name) => {
                out.byte(kind);
                name.put(out);
            }
            None => out.number(u64::from(number) << 3 | u64::from(kind)),
        }
    }
    #[inline]
    fn get(feed: &mut Feed<'_>) -> Self {
        let number = feed.number();
        let kind = number.to_le_bytes()[0] & 7;
        if Self::is_named(kind) {
            return Self::with_name(kind, Sym::get(feed));
        }
        Self::from_parts(kind, number >> 3).unwrap_or_else(|| {
            feed.fail();
            Self::OPAQUE
        })
    }
}

impl Wire for Namespace {
    fn put(&self, out: &mut Sink) {
        self.0.put(out);
    }
    fn get(feed: &mut Feed<'_>) -> Self {
        Self(sorted(feed, |infos: &mut [(Sym, NameInfo)]| {
            infos.sort_unstable_by_key(|(name, _)| name.number());
        }))
    }
}

impl Wire for Code {
    fn put(&self, out: &mut Sink) {
        let Self {
            compound,
            strings,
            vars,
            params,
            assigned,
            calls,
            args,
            keywords,
            functions,
            classes,
            ops,
            // Part of the operations.
            wide: _,
            returns,
            globals,
        } = self;
        compound.put(out);
        strings.put(out);
        vars.put(out);
        params.put(out);
        assigned.put(out);
        calls.put(out);
        args.put(out);
        keywords.put(out);
        functions.put(out);
        classes.put(out);
        ops.len().put(out);
        self.ops().for_each(|op| op.put(out));
        returns.put(out);
        globals.put(out);
    }
    fn get(feed: &mut Feed<'_>) -> Self {
        let compound = Wire::get(feed);
        let strings = Wire::get(feed);
        let vars = Wire::get(feed);
        let params = Wire::get(feed);
        let assigned = Wire::get(feed);
        let calls = Wire::get(feed);
        let args = Wire::get(feed);
        let keywords = Wire::get(feed);
        let functions = Wire::get(feed);
        let classes = Wire::get(feed);
        let mut wide = Vec::new();
        let count = feed.length();
        let ops: Vec<PackedOp> = (0..count).map(|_| PackedOp::new(&Op::get(feed), &mut wide)).collect();
        let keepers = &mut *feed.keepers;
        let (ops, wide) = (keepers.ops.keep(&ops), keepers.wide.keep(&wide));
        let returns = Wire::get(feed);
        // The values of one name stay in their order.
        let globals = sorted(feed, |globals| globals.sort_by_key(|(name, _): &(Sym, ValueId)| name.number()));
        Self {
            compound,
            strings,
            vars,
            params,
            assigned,
            calls,
            args,
            keywords,
            functions,
            classes,
            ops,
            wide,
            returns,
            globals,
        }
    }
}

impl Wire for ModuleFacts {
    fn put(&self, out: &mut Sink) {
        let Self {
            imports,
            sites,
            reads,
            shared,
            names,
            exports,
            layout,
            marks,
            code,
            others_private,
            // Follows from the sites.
            sites_by_name: _,
        } = self;
        imports.put(out);
        sites.put(out);
        reads.put(out);
        shared.put(out);
        names.put(out);
        exports.put(out);
        layout.put(out);
        marks.put(out);
        code.put(out);
        others_private.put(out);
    }
    fn get(feed: &mut Feed<'_>) -> Self {
        let imports = Wire::get(feed);
        let sites = Kept::get(feed);
        let sites_by_name = super::draft::by_name(&sites);
        Self {
            imports,
            sites,
            sites_by_name: feed.keepers.numbers.keep(&sites_by_name),
            reads: Wire::get(feed),
            shared: Wire::get(feed),
            names: Wire::get(feed),
            exports: Wire::get(feed),
            layout: Wire::get(feed),
            marks: Wire::get(feed),
            code: Wire::get(feed),
            others_private: sorted(feed, |names: &mut [Sym]| {
                names.sort_unstable_by_key(|name| name.number());
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::with_feed;
    use crate::facts::{ModuleFacts, World, extract};
    use crate::wire::{Sink, Wire};

    fn compare(text: &str, name: &str) -> bool {
        let Ok(module) = ruff_python_parser::parse_module(text) else { return false };
        let facts = extract(text, module.syntax(), World::ANY);
        let mut sink = Sink::default();
        facts.put(&mut sink);
        let (names, bytes) = sink.take();
        let again = with_feed(&names, &bytes, ModuleFacts::get).expect("what was written");
        // The wide operations may be numbered in another order; the operations say what they are.
        let shown = |facts: &ModuleFacts| {
            let mut shown = format!("{:?}", facts.code.ops_by_function().collect::<Vec<_>>());
            let all = format!("{facts:#?}");
            let before = all.find("\n        ops: ").expect("the operations");
            let after = all[before..].find("\n        returns: ").expect("the returns");
            shown.push_str(&all[..before]);
            shown.push_str(&all[before + after..]);
            shown
        };
        assert_eq!(shown(&again), shown(&facts), "{name}");
        for end in (0..bytes.len()).step_by(bytes.len() / 20 + 1) {
            assert!(with_feed(&names, &bytes[..end], ModuleFacts::get).is_none(), "{name} {end}");
        }
        true
    }

    #[test]
    fn the_facts_of_all_fixtures_come_back() {
        let mut count = 0;
        for entry in walkdir::WalkDir::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")) {
            let path = entry.expect("readable").into_path();
            if path.extension().is_some_and(|extension| extension == "py")
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                count += usize::from(compare(&text, &path.display().to_string()));
            }
        }
        assert!(count > 500, "{count}");
    }
}
