//! Import statements and the sites they make.

use ruff_python_ast as ast;
use ruff_text_size::{Ranged, TextRange, TextSize};
use smallvec::SmallVec;

use super::binding::bound_by_alias;
use super::call::reads_annotations;
use super::operation::OpKind;
use super::value::{Value, ValueId};
use super::walker::Walker;
use super::{Alias, Declared, FromModule, ImportStmt, LineUse, Mark, MarkKind, Moment, Place, Site, Sym};

impl<'a> Walker<'a> {
    pub fn import(&mut self, import: &'a ast::StmtImport) {
        self.import_stmt(import.range, None, &import.names, import.is_lazy);
    }

    pub fn import_from(&mut self, import: &'a ast::StmtImportFrom) {
        let module = import.module.as_ref().map_or("", |m| m.as_str());
        let from = FromModule { level: import.level, module: Sym::new(module) };
        self.import_stmt(import.range, Some(from), &import.names, import.is_lazy);
    }

    fn import_stmt(
        &mut self,
        range: TextRange,
        from: Option<FromModule>,
        names: &'a [ast::Alias],
        lazy_keyword: bool,
    ) {
        let stmt = u32::try_from(self.facts.imports.len()).expect("few import statements");
        let aliases: SmallVec<[Alias; 8]> = names
            .iter()
            .map(|alias| Alias {
                range: alias.range(),
                name: Sym::new(alias.name.as_str()),
                asname: alias.asname.as_ref().map(|n| Sym::new(n.as_str())),
            })
            .collect();
        let aliases = self.facts.keepers.aliases.keep(&aliases);
        let context = self.context;
        self.facts.imports.push(ImportStmt {
            index: stmt,
            range,
            from,
            aliases,
            place: context.place,
            moment: context.moment,
            func: context.func,
            lazy_keyword,
            line: self.line_use(range),
            guarded: context.guarded,
            catches_more: context.catches_more,
            conditional: context.conditional,
        });
        self.op(range.start(), OpKind::Import(stmt));

        // Neither a future statement nor dally's own header can be lazy.
        let future = from.is_some_and(|f| f.level == 0 && f.module == "__future__");
        let header = from.is_some_and(|f| is_header(f.module.as_str(), names));
        let pragma = self.pragma(range);
        let idle = match pragma {
            Some(Pragma::Eager) => {
                self.facts.marks.push(Mark { kind: MarkKind::PragmaEager, range, func: context.func });
                false
            }
            Some(Pragma::Lazy) => context.place != Place::Module,
            Some(Pragma::Unknown) => true,
            None => self.is_below_pragma(range),
        };
        if idle {
            self.facts.marks.push(Mark { kind: MarkKind::PragmaWithoutEffect, range, func: context.func });
        }
        for (i, alias) in names.iter().enumerate() {
            let bound = bound_by_alias(alias, from.is_some());
            if bound == "*" {
                continue;
            }
            match from {
                None if alias.name.as_str() == "sys" => self.sys_names.push(bound),
                Some(f) if f.module == "sys" && alias.name.as_str() == "modules" => {
                    self.entries_names.push((context.func, bound));
                }
                Some(f) if f.module == "importlib" && alias.name.as_str() == "import_module" => {
                    self.loader_names.push(bound);
                }
                Some(_) if alias.asname.is_some() => {
                    let reader = self.sym(alias.name.as_str());
                    if reads_annotations(reader) {
                        self.annotation_readers.push((bound, reader));
                    }
                }
                _ => {}
            }
            let alias_index = u32::try_from(i).expect("few names");
            let value = if context.func.is_module() && !matches!(context.place, Place::Class) {
                ValueId::OPAQUE
            } else {
                self.value(Value::Import(stmt, alias_index))
            };
            let bound = self.names.id(bound);
            self.bind(bound, range.start(), value, true);
            let at_module_level = context.func.is_module()
                && !matches!(context.place, Place::Class | Place::Function)
                && context.moment != Moment::Never;
            if at_module_level && !future && !header {
                let declared = if lazy_keyword {
                    Some(Declared::Keyword)
                } else if pragma == Some(Pragma::Lazy) {
                    Some(Declared::Pragma)
                } else {
                    None
                };
                let bound = self.names.sym(bound);
                self.facts.sites.push(Site { stmt, alias: alias_index, bound, declared });
            }
        }
    }

    /// Whether the statement has its lines for itself.
    fn line_use(&self, range: TextRange) -> LineUse {
        let before = &self.text[..range.start().to_usize()];
        let line_start = before.rfind(['\n', '\r']).map_or(0, |i| i + 1);
        let own_start = before[line_start..].chars().all(|c| matches!(c, ' ' | '\t' | '\x0c'));
        let rest = self.text[range.end().to_usize()..].trim_start_matches([' ', '\t', '\x0c']);
        let own_end = rest.is_empty() || rest.starts_with(['\n', '\r', '#']);
        // A backslash before the statement continues another line.
        let continued = before[..line_start].trim_end_matches(['\n', '\r']).ends_with('\\');
        if own_start && own_end && !continued { LineUse::Alone } else { LineUse::Shared }
    }

    /// `# dally: eager` or `# dally: lazy` on one of the statement's lines.
    fn pragma(&self, range: TextRange) -> Option<Pragma> {
        if !self.pragmas {
            return None;
        }
        let rest = &self.text[range.end().to_usize()..];
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let end = range.end() + TextSize::try_from(end).ok()?;
        self.text[TextRange::new(range.start(), end)]
            .lines()
            .find_map(|line| pragma_in(&line[line.find('#')?..]))
    }

    /// Whether the line above has nothing but a pragma.
    fn is_below_pragma(&self, range: TextRange) -> bool {
        if !self.pragmas {
            return false;
        }
        let before = &self.text[..range.start().to_usize()];
        let above = before.trim_end_matches([' ', '\t', '\x0c']);
        let Some(above) = above.strip_suffix(['\n', '\r']) else { return false };
        let above = above.strip_suffix('\r').unwrap_or(above);
        let line = above.rsplit(['\n', '\r']).next().unwrap_or_default().trim_start();
        line.starts_with('#') && pragma_in(line).is_some_and(|pragma| pragma != Pragma::Unknown)
    }
}

/// Whether `from module import names` is the import of the runtime that dally writes; a project may give the module another name.
pub fn is_header(module: &str, names: &[ast::Alias]) -> bool {
    let has = |wanted: &[&str]| names.iter().any(|alias| wanted.contains(&alias.name.as_str()));
    module.rsplit('.').next() == Some("_dally")
        || has(&["pending", "marked", "lazy"]) && has(&["TYPE_CHECKING", "pending", "marked"])
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pragma {
    Eager,
    Lazy,
    /// A word that is none of them.
    Unknown,
}

/// The pragma in a comment.
fn pragma_in(comment: &str) -> Option<Pragma> {
    let at = comment.to_ascii_lowercase().find("dally:")?;
    let after = comment[at + "dally:".len()..].trim_start();
    let word = after.split(|c: char| !c.is_ascii_alphabetic()).next()?;
    Some(match word {
        _ if !comment[at..].starts_with("dally:") => Pragma::Unknown,
        "eager" => Pragma::Eager,
        "lazy" => Pragma::Lazy,
        // On what `apply` has added.
        "added" => return None,
        _ => Pragma::Unknown,
    })
}
