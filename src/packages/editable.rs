//! Packages that are installed without being copied.

use std::fs;
use std::path::{Path, PathBuf};

use ruff_python_ast::{Expr, ModModule, Stmt};

/// The folders that a `.pth` file adds to the path. Lines of code in it are not run.
pub(super) fn path_lines(file: &Path) -> Vec<PathBuf> {
    let Ok(bytes) = fs::read(file) else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    text.lines()
        .map(str::trim_end)
        .filter(|line| !line.trim_start().is_empty() && !line.starts_with('#'))
        .filter(|line| !line.starts_with("import ") && !line.starts_with("import\t"))
        .map(PathBuf::from)
        .collect()
}

/// The plain paths in a finder that setuptools writes: `MAPPING: dict[str, str] = {"tool": "/home/me/tool"}`.
pub(super) fn mapping(file: &Path) -> Vec<(String, PathBuf)> {
    let module = fs::read_to_string(file).ok().and_then(|text| ruff_python_parser::parse_module(&text).ok());
    module.map(|module| mapping_in(module.syntax())).unwrap_or_default()
}

fn mapping_in(module: &ModModule) -> Vec<(String, PathBuf)> {
    let is_mapping = |target: &Expr| matches!(target, Expr::Name(name) if name.id.as_str() == "MAPPING");
    let value = module.body.iter().find_map(|stmt| match stmt {
        Stmt::AnnAssign(assign) if is_mapping(&assign.target) => assign.value.as_deref(),
        Stmt::Assign(assign) if assign.targets.iter().any(is_mapping) => Some(&*assign.value),
        _ => None,
    });
    let Some(Expr::Dict(dict)) = value else { return Vec::new() };
    let text = |expr: &Expr| match expr {
        Expr::StringLiteral(text) => Some(text.value.to_str().to_owned()),
        _ => None,
    };
    let pair = |item: &ruff_python_ast::DictItem| {
        Some((text(item.key.as_ref()?)?, PathBuf::from(text(&item.value)?)))
    };
    dict.items.iter().filter_map(pair).collect()
}
