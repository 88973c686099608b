//! Whether two texts differ in nothing but their layout.

use ruff_python_ast::comparable::ComparableStmt;
use ruff_python_ast::{ModModule, Stmt, StmtImportFrom};

use super::is_runtime_import;

/// Whether two modules are the same but for layout, quotes, and the place and order of what the headers import.
///
/// ```python
/// from _dally import TYPE_CHECKING, lazy      # what dally has written
/// np = lazy("import numpy as np")
///
/// from _dally import lazy                     # after somebody's formatter
/// from _dally import TYPE_CHECKING
/// np = lazy('import numpy as np')
/// ```
pub fn differ_in_layout_only(one: &ModModule, other: &ModModule) -> bool {
    headers(one) == headers(other) && others(one) == others(other)
}

fn others(module: &ModModule) -> Vec<ComparableStmt<'_>> {
    module.body.iter().filter(|stmt| header(stmt).is_none()).map(ComparableStmt::from).collect()
}

fn header(stmt: &Stmt) -> Option<&StmtImportFrom> {
    stmt.as_import_from_stmt().filter(|import| is_runtime_import(import))
}

/// What the headers import, sorted: the module with its dots, the name, and the name after `as`.
fn headers(module: &ModModule) -> Vec<(u32, &str, &str, Option<&str>)> {
    let mut found = Vec::new();
    for import in module.body.iter().filter_map(header) {
        let module = import.module.as_ref().map_or("", |name| name.as_str());
        for name in &import.names {
            let bound = name.asname.as_ref().map(ruff_python_ast::Identifier::as_str);
            found.push((import.level, module, name.name.as_str(), bound));
        }
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use ruff_python_parser::parse_module;

    fn same(one: &str, other: &str) -> bool {
        let tree = |text: &str| parse_module(text).unwrap_or_else(|e| panic!("{text}: {e}")).into_syntax();
        super::differ_in_layout_only(&tree(one), &tree(other))
    }

    #[test]
    fn layout_is_no_difference() {
        let written = "from _dally import TYPE_CHECKING, lazy\n\nif TYPE_CHECKING:\n    import a\nelse:\n    a = lazy(\"import a\")\n";
        let same_program = [
            "from _dally import lazy\nfrom _dally import TYPE_CHECKING\nif TYPE_CHECKING:\n\timport a\n\nelse:\n\ta = lazy('import a')\n",
            "from _dally import (\n    lazy,\n    TYPE_CHECKING,\n)\n\nif TYPE_CHECKING:\n    import a  # note\nelse:\n    a = lazy(\"import a\")\n",
        ];
        for text in same_program {
            assert!(same(written, text), "{text}");
        }
        let others = [
            "from _dally import TYPE_CHECKING, lazy, real\n\nif TYPE_CHECKING:\n    import a\nelse:\n    a = lazy(\"import a\")\n",
            "from _dally import TYPE_CHECKING, lazy\n\nif TYPE_CHECKING:\n    import a\nelse:\n    a = lazy(\"import b\")\n",
            "from _dally import TYPE_CHECKING, lazy\n\nif TYPE_CHECKING:\n    import a\nelse:\n    a = lazy(\"import a\")\na()\n",
            "from .x._dally import TYPE_CHECKING, lazy\n\nif TYPE_CHECKING:\n    import a\nelse:\n    a = lazy(\"import a\")\n",
        ];
        for text in others {
            assert!(!same(written, text), "{text}");
        }
    }
}
