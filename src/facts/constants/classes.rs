//! Class statements that every Python refuses for what stands in them.
//!
//! ```python
//! class Point:
//!     __slots__ = ("x", "y")
//!     x = 0                       # hides the slot
//!
//! @dataclass
//! class Record:
//!     name: str = ""
//!     size: int                   # no default after one
//!     tags: list = []             # one list for all
//! ```

use ruff_python_ast::{self as ast, Expr, Stmt};
use rustc_hash::FxHashSet;

use super::library::{is_function_of, last_name};

/// Whether a class statement is refused.
pub(in crate::facts) fn is_refused_class(def: &ast::StmtClassDef, body: &[Stmt]) -> bool {
    let bases = def.arguments.iter().flat_map(|arguments| &arguments.args);
    let is_base =
        |names: &[&str]| bases.clone().any(|base| last_name(base).is_some_and(|name| names.contains(&name)));
    let decorator = |wanted: &str, module: &str| {
        def.decorator_list.iter().map(|decorator| &decorator.expression).find(|expr| {
            let callee = if let Expr::Call(call) = expr { &call.func } else { *expr };
            last_name(callee) == Some(wanted) && is_function_of(callee, module, body)
        })
    };
    // A cheap question first: most classes have neither.
    let is_record = !def.decorator_list.is_empty() && def.body.iter().any(Stmt::is_ann_assign_stmt);
    hides_slot(&def.body)
        || is_record
            && decorator("dataclass", "dataclasses")
                .is_some_and(|found| !sets(found, "kw_only") && has_bad_fields(&def.body, true))
        || is_base(&["NamedTuple"]) && has_bad_fields(&def.body, false)
        || is_base(&["Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"])
            && (binds_twice(&def.body)
                || !def.decorator_list.is_empty()
                    && decorator("unique", "enum").is_some()
                    && has_same_values(&def.body))
}

/// Whether a decorator is called with an option.
fn sets(decorator: &Expr, option: &str) -> bool {
    let Expr::Call(call) = decorator else { return false };
    call.arguments.keywords.iter().any(|keyword| keyword.arg.as_deref().is_none_or(|name| name == option))
}

/// The names that the statements of a block bind to values, with these; not those in blocks within it.
fn bound(block: &[Stmt]) -> impl Iterator<Item = (&str, &Expr)> {
    block.iter().flat_map(|stmt| {
        let (targets, value) = match stmt {
            Stmt::Assign(assign) => (&*assign.targets, Some(&*assign.value)),
            Stmt::AnnAssign(assign) => (std::slice::from_ref(&*assign.target), assign.value.as_deref()),
            _ => (&[][..], None),
        };
        targets.iter().filter_map(move |target| match (target, value) {
            (Expr::Name(name), Some(value)) => Some((name.id.as_str(), value)),
            _ => None,
        })
    })
}

fn text(expr: &Expr) -> Option<&str> {
    if let Expr::StringLiteral(text) = expr { Some(text.value.to_str()) } else { None }
}

fn hides_slot(block: &[Stmt]) -> bool {
    let Some((_, slots)) = bound(block).find(|(name, _)| *name == "__slots__") else { return false };
    let slots: Vec<&str> = match slots {
        Expr::StringLiteral(name) => vec![name.value.to_str()],
        Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
            elts.iter().filter_map(text).collect()
        }
        _ => return false,
    };
    let mut deleted = block.iter().filter(|stmt| stmt.is_delete_stmt());
    deleted.next().is_none() && bound(block).any(|(name, _)| slots.contains(&name))
}

/// Whether a field without a default follows one that has one, or the default of a field is a container that others share.
fn has_bad_fields(block: &[Stmt], in_dataclass: bool) -> bool {
    let mut defaults = false;
    for stmt in block {
        let Stmt::AnnAssign(field) = stmt else { continue };
        let Expr::Name(name) = &*field.target else { continue };
        let annotation = match &*field.annotation {
            Expr::Subscript(subscript) => &*subscript.value,
            other => other,
        };
        match text(annotation).or_else(|| last_name(annotation)) {
            Some(kind) if kind.contains("ClassVar") => continue,
            // From here on fields are given by name.
            Some(kind) if kind.contains("KW_ONLY") => return false,
            _ => {}
        }
        if !in_dataclass && name.id.starts_with('_') {
            return true;
        }
        let has_default = match field.value.as_deref() {
            None => false,
            Some(Expr::List(_) | Expr::Dict(_) | Expr::Set(_)) if in_dataclass => return true,
            Some(Expr::Call(call)) if in_dataclass => match last_name(&call.func) {
                Some("field") => {
                    let given = |wanted: &[&str]| {
                        call.arguments
                            .keywords
                            .iter()
                            .any(|keyword| keyword.arg.as_deref().is_none_or(|name| wanted.contains(&name)))
                    };
                    if given(&["init", "kw_only"]) {
                        continue;
                    }
                    given(&["default", "default_factory"])
                }
                Some("list" | "dict" | "set") if call.func.is_name_expr() => return true,
                // Another function that makes a field.
                _ => return false,
            },
            Some(_) => true,
        };
        if defaults && !has_default {
            return true;
        }
        defaults |= has_default;
    }
    false
}

/// Whether an enumeration has two members of one name.
fn binds_twice(block: &[Stmt]) -> bool {
    let mut names = FxHashSet::default();
    !block.iter().any(Stmt::is_delete_stmt)
        && bound(block).any(|(name, value)| {
            !name.starts_with('_') && !value.is_lambda_expr() && !value.is_call_expr() && !names.insert(name)
        })
}

/// Whether two members of an enumeration have the same constant.
fn has_same_values(block: &[Stmt]) -> bool {
    let mut texts = FxHashSet::default();
    let mut numbers = FxHashSet::default();
    bound(block).filter(|(name, _)| !name.starts_with('_')).any(|(_, value)| match value {
        Expr::StringLiteral(text) => !texts.insert(text.value.to_str()),
        Expr::NumberLiteral(ast::ExprNumberLiteral { value: ast::Number::Int(number), .. }) => {
            number.as_i64().is_some_and(|number| !numbers.insert(number))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use ruff_python_parser::parse_module;

    fn is_refused(source: &str) -> bool {
        let parsed = parse_module(source).expect("parses");
        let body = &parsed.syntax().body;
        let class = body.last().and_then(|stmt| stmt.as_class_def_stmt()).expect("a class");
        super::is_refused_class(class, body)
    }

    #[test]
    fn classes_that_are_refused() {
        let refused = [
            "class A:\n    __slots__ = ('x', 'y')\n    x = 1",
            "class A:\n    __slots__ = 'x'\n    x: int = 1",
            "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 1\n    y: int",
            "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass A:\n    x: list = []",
            "from dataclasses import dataclass, field\n@dataclass\nclass A:\n    x: int = field(default=1)\n    y: int = field()",
            "from typing import NamedTuple\nclass A(NamedTuple):\n    x: int = 1\n    y: int",
            "from typing import NamedTuple\nclass A(NamedTuple):\n    _x: int",
            "from enum import Enum\nclass A(Enum):\n    X = 1\n    X = 2",
            "import enum\n@enum.unique\nclass A(enum.IntEnum):\n    X = 1\n    Y = 1",
        ];
        for source in refused {
            assert!(is_refused(source), "{source}");
        }
        let fine = [
            "class A:\n    __slots__ = ('x', 'y')\n    z = 1",
            "class A:\n    __slots__ = ('x',)\n    def __init__(self): self.x = 1",
            "from attr import dataclass\n@dataclass\nclass A:\n    x: list = []",
            "from dataclasses import dataclass\n@dataclass(kw_only=True)\nclass A:\n    x: int = 1\n    y: int",
            "from dataclasses import dataclass, KW_ONLY\n@dataclass\nclass A:\n    x: int = 1\n    _: KW_ONLY\n    y: int",
            "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: ClassVar[int] = 1\n    y: int\n    z = []",
            "from dataclasses import dataclass, field\n@dataclass\nclass A:\n    x: int = field(init=False, default=1)\n    y: int",
            "from typing import NamedTuple\nclass A(NamedTuple):\n    x: int\n    y: list = []",
            "from enum import Enum\nclass A(Enum):\n    X = 1\n    Y = 1\n    _Z = 1\n    _Z = 2",
        ];
        for source in fine {
            assert!(!is_refused(source), "{source}");
        }
    }
}
