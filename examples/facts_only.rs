//! What facts cost over parsing: read, parse and extract the facts of every Python file of a folder, in parallel, and nothing else.
//! Compare with `parse_only`.
//!
//!     facts_only DIR [THREADS]      prints the time of this stage and the size of the facts

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use dally::facts::{self, ModuleFacts, World};
use dally::source::SourceText;
use rayon::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(root) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: facts_only DIR [THREADS]");
        return ExitCode::from(2);
    };
    let threads = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    let pool =
        rayon::ThreadPoolBuilder::new().stack_size(512 << 20).num_threads(threads).build().expect("threads");
    pool.install(|| {
        let files: Vec<PathBuf> = walkdir::WalkDir::new(&root)
            .into_iter()
            .filter_map(Result::ok)
            .filter(|e| e.file_type().is_file() && e.path().extension().is_some_and(|x| x == "py"))
            .map(walkdir::DirEntry::into_path)
            .collect();
        let clock = Instant::now();
        let facts: Vec<Option<ModuleFacts>> = files
            .par_iter()
            .map(|path| {
                let source = SourceText::decode(std::fs::read(path).expect("readable")).ok()?;
                let module = ruff_python_parser::parse_module(source.text()).ok()?.into_syntax();
                Some(facts::extract(source.text(), &module, World::ANY))
            })
            .collect();
        let time = clock.elapsed();
        let reads: usize = facts.iter().flatten().map(|f| f.reads().len()).sum();
        println!("{} files, {reads} reads, {} ms", files.len(), time.as_millis());
        std::mem::forget(facts);
    });
    ExitCode::SUCCESS
}
