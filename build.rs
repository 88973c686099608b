//! Tells the program its own commit and the version of its parser, for `dally --version`.
//!
//! Works without git and outside a repository: then the commit is left out.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let root = Path::new(&root);
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=Cargo.toml");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
    let parser = manifest
        .lines()
        .find_map(|line| line.strip_prefix("ruff_python_parser = "))
        .map_or("unknown", |version| version.split('"').nth(1).unwrap_or("unknown"));
    println!("cargo:rustc-env=DALLY_PARSER={}", parser.trim_start_matches('='));
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let commit = commit(root).map_or_else(String::new, |commit| format!(" ({commit})"));
    println!("cargo:rustc-env=DALLY_VERSION={version}{commit}");
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=Cargo.lock");
    println!("cargo:rustc-env=DALLY_SOURCES={:016x}", sources(root));
}

/// A number that changes with any source, so that no build takes what another one has cached.
fn sources(root: &Path) -> u64 {
    let mut files = vec![root.join("Cargo.lock"), root.join("Cargo.toml")];
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    // FNV-1a: the same for every compiler and machine.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for &byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash = (hash ^ 0xff).wrapping_mul(0x0100_0000_01b3);
    };
    for path in files {
        add(path.strip_prefix(root).unwrap_or(&path).to_string_lossy().as_bytes());
        add(&fs::read(&path).unwrap_or_default());
    }
    hash
}

/// The commit of the repository that this folder is the root of. A copy inside somebody else's repository has none.
fn commit(root: &Path) -> Option<String> {
    if !root.join(".git").exists() {
        return None;
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(root).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    // The commit changes whenever this log does.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"])
        && root.join(&log).exists()
    {
        println!("cargo:rerun-if-changed={log}");
    }
    git(&["show", "-s", "--format=%h %cs", "HEAD"])
}
