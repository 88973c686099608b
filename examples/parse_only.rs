//! The floor under any rewriter of whole trees: read and parse every Python file of a folder, in parallel, with the crates and the
//! allocator that dally uses, and nothing else. `tools/bench.py` compares dally with it.
//!
//!     parse_only DIR         reads and parses
//!     parse_only DIR OUT     and writes a copy

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rayon::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(root) = arguments.next() else {
        eprintln!("usage: parse_only DIR [OUT]");
        return ExitCode::from(2);
    };
    let out = arguments.next();
    // As in dally: deeply nested sources need deep stacks.
    let pool = rayon::ThreadPoolBuilder::new().stack_size(512 << 20).build().expect("threads");
    let (files, bytes, unparsed) = pool.install(|| {
        let files: Vec<PathBuf> = walkdir::WalkDir::new(&root)
            .into_iter()
            .filter_map(Result::ok)
            .filter(|e| e.file_type().is_file() && e.path().extension().is_some_and(|x| x == "py"))
            .map(walkdir::DirEntry::into_path)
            .collect();
        let (bytes, unparsed) = files
            .par_iter()
            .map(|path| one(path, &root, out.as_deref()))
            .reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        (files.len(), bytes, unparsed)
    });
    println!("{files} files, {bytes} bytes, {unparsed} not parsed");
    ExitCode::SUCCESS
}

/// Gives the size, and 1 if the file could not be parsed.
fn one(path: &Path, root: &Path, out: Option<&Path>) -> (usize, usize) {
    let bytes = std::fs::read(path).expect("readable");
    let parsed = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| ruff_python_parser::parse_module(text).ok())
        .map(std::hint::black_box);
    if let Some(out) = out {
        let target = out.join(path.strip_prefix(root).expect("below the root"));
        std::fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        std::fs::write(target, &bytes).expect("written");
    }
    (bytes.len(), usize::from(parsed.is_none()))
}
