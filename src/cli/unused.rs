//! Runtime files that nothing imports any more.
//!
//! ```text
//! _dally.py            needed by what is below its folder: bin/tool mentions it
//! bin/tool             no .py, perhaps ignored by git; read all the same
//! scripts/_dally.py    nothing in scripts/ mentions it: unused
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use memchr::memmem;
use rayon::prelude::*;
use rustc_hash::FxHashSet;
use walkdir::WalkDir;

use crate::cache::is_cache_folder;
use crate::config::Config;
use crate::discover::{Discovery, SourceFile, is_environment};
use crate::runtime::is_runtime;
use crate::write::MARKER;

/// Files that are no programs, however often they mention a runtime.
const DOCUMENTS: &[&str] = &["html", "ipynb", "json", "md", "rst", "toml", "txt", "yaml", "yml"];

/// No program without a suffix is larger, and data may be.
const LARGEST_PROGRAM: u64 = 4 << 20;

/// Runtime files of dally that the search for sources has found.
pub fn runtimes(config: &Config, discovery: &Discovery) -> Vec<PathBuf> {
    let stem = stem(config);
    let is_it = |file: &&SourceFile| {
        file.path.file_stem().is_some_and(|found| found == stem)
            && fs::read(&file.absolute).is_ok_and(|bytes| is_runtime(&bytes))
    };
    // Outside a project only the files that are named are known.
    let seen = |file: &&SourceFile| {
        config.whole.as_ref().is_some_and(|whole| file.absolute.starts_with(whole)) || file.selected
    };
    discovery.files.iter().filter(is_it).filter(seen).map(|file| file.absolute.clone()).collect()
}

/// Those of the runtime files that no program mentions where it would find them. `text` gives what a file is about to become.
pub fn unused<'text>(
    config: &Config,
    discovery: &Discovery,
    runtimes: Vec<PathBuf>,
    text: impl Fn(&SourceFile) -> Option<&'text [u8]> + Sync,
) -> Vec<PathBuf> {
    if runtimes.is_empty() {
        return runtimes;
    }
    let stem = stem(config);
    let mentions = |bytes: &[u8]| memmem::find(bytes, stem.as_bytes()).is_some();
    // Any mention counts, also in a file that cannot be parsed.
    let users: Vec<&Path> = discovery
        .files
        .par_iter()
        .filter(|file| match text(file) {
            Some(text) => mentions(text),
            None => fs::read(&file.absolute).map_or(true, |bytes| mentions(&bytes) && !is_runtime(&bytes)),
        })
        .map(|file| file.absolute.as_path())
        .collect();
    let known: FxHashSet<&Path> = discovery.files.iter().map(|file| file.absolute.as_path()).collect();
    let needed = |runtime: &PathBuf| {
        let scope = scope(config, runtime);
        users.iter().any(|user| user.starts_with(scope)) || is_mentioned_below(scope, stem, &known)
    };
    runtimes.into_iter().filter(|runtime| !needed(runtime)).collect()
}

/// The folder below which a runtime file is found: its own, or for one in a package wherever the package is.
fn scope<'a>(config: &'a Config, runtime: &'a Path) -> &'a Path {
    let folder = runtime.parent().unwrap_or(runtime);
    let package = config.runtime.as_deref().and_then(|name| Some(name.rsplit_once('.')?.0.replace('.', "/")));
    let whole = config.whole.as_deref().filter(|whole| folder.starts_with(whole));
    match (package, whole) {
        (Some(package), Some(whole)) if folder.ends_with(&package) => whole,
        _ => folder,
    }
}

/// Whether something that the search for sources has not come to imports the runtime: what git ignores, or has no `.py`.
fn is_mentioned_below(folder: &Path, stem: &str, known: &FxHashSet<&Path>) -> bool {
    let entries = WalkDir::new(folder).into_iter().filter_entry(|entry| {
        entry.depth() == 0 || !entry.file_type().is_dir() || {
            let (path, name) = (entry.path(), entry.file_name());
            let apart = name == ".git" || name == "__pycache__" || name == "node_modules";
            !apart && !is_cache_folder(path) && !is_environment(path) && !path.join(MARKER).is_file()
        }
    });
    entries.flatten().filter(|entry| entry.file_type().is_file()).any(|entry| {
        let path = entry.path();
        let suffix = path.extension().and_then(|suffix| suffix.to_str()).unwrap_or_default();
        let small = entry.metadata().is_ok_and(|metadata| metadata.len() <= LARGEST_PROGRAM);
        let looked_at = !known.contains(path) && !DOCUMENTS.contains(&suffix) && (small || suffix == "py");
        looked_at
            && fs::read(path).is_ok_and(|bytes| !is_runtime(&bytes) && imports(&bytes, stem, suffix == "py"))
    })
}

/// Whether a text may import the runtime. In what is no Python by its name only what dally writes counts.
fn imports(bytes: &[u8], stem: &str, python: bool) -> bool {
    memmem::find_iter(bytes, stem).any(|at| {
        let after = &bytes[at + stem.len()..];
        python
            || after.starts_with(b" import ")
            || after.starts_with(b"\"") && memmem::find(bytes, b"__import__(\"").is_some()
    })
}

/// The name of a runtime file without `.py`.
fn stem(config: &Config) -> &str {
    let module = config.runtime.as_deref().unwrap_or("_dally");
    module.rsplit('.').next().unwrap_or(module)
}
