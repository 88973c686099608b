//! Modules that distributions offer as plugins: somebody loads them by what the metadata says, and goes on without those that fail.
//!
//! ```ini
//! # reporters-1.0.dist-info/entry_points.txt
//! [console_scripts]
//! report = reporters.main:main          # no plugin: who starts a program does without nothing
//! [reporters.formats]
//! sarif = reporters.formats.sarif:write
//! ```

use std::fs;
use std::path::PathBuf;

/// The modules that are offered as plugins by what is installed in some folders, and whether that is by themselves, and not for
/// something in them. Sorted.
pub fn offered(folders: &[PathBuf]) -> Vec<(String, bool)> {
    let mut modules = Vec::new();
    for entry in folders.iter().flat_map(fs::read_dir).flatten().flatten() {
        let name = entry.file_name();
        let is_metadata = name.to_str().is_some_and(|name| {
            ["dist-info", "egg-info"]
                .iter()
                .any(|kind| name.rsplit_once('.').is_some_and(|(_, end)| end == *kind))
        });
        if is_metadata && let Ok(text) = fs::read_to_string(entry.path().join("entry_points.txt")) {
            modules.extend(listed(&text).map(|(module, whole)| (module.to_owned(), whole)));
        }
    }
    modules.sort_unstable();
    modules.dedup();
    modules
}

/// The modules in a file `entry_points.txt`.
fn listed(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut plugins = false;
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(group) = line.strip_prefix('[') {
            plugins = is_plugin_group(group.trim_end_matches(']').trim());
            return None;
        }
        if !plugins || line.starts_with(['#', ';']) {
            return None;
        }
        let value = line.split_once('=')?.1;
        Some((module_of(value)?, !value.contains(':')))
    })
}

/// Whether the entry points of a group are loaded by somebody who looks for plugins.
pub(crate) fn is_plugin_group(group: &str) -> bool {
    !matches!(group, "console_scripts" | "gui_scripts")
}

/// The module in `package.module:object.attribute [extra]`.
pub(crate) fn module_of(value: &str) -> Option<&str> {
    let module = value.split([':', '[']).next()?.trim();
    (!module.is_empty()).then_some(module)
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn scripts_are_no_plugins() {
        let text = "[console_scripts]\nx = a.main:main\n\n[b.formats]\n# c\ny=a.sarif:Writer.make\nz = a.plain [fast]\n";
        assert_eq!(listed(text).collect::<Vec<_>>(), [("a.sarif", false), ("a.plain", true)]);
    }
}
