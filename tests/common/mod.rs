//! What the tests share: the program, the Pythons found here, and trees of files.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "every test uses its own part of this module")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The versions that dally promises to work with.
pub const MINORS: std::ops::RangeInclusive<u8> = 8..=15;

/// An interpreter that starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    pub minor: u8,
    pub binary: PathBuf,
}

impl Interpreter {
    pub fn version(&self) -> String {
        format!("3.{}", self.minor)
    }

    /// The interpreter without anything that the environment could change.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("PYTHON") || text == "VIRTUAL_ENV" {
                command.env_remove(&name);
            }
        }
        command
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONHASHSEED", "0")
            .env("PYTHONIOENCODING", "utf-8")
            .env("PYTHONNOUSERSITE", "1")
            .env("NO_COLOR", "1")
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    /// Where its standard library is.
    pub fn stdlib(&self) -> PathBuf {
        let script = "import sysconfig; print(sysconfig.get_paths()['stdlib'])";
        let output = self.command().args(["-I", "-c", script]).output().expect("the interpreter starts");
        PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim())
    }
}

/// All interpreters found, the oldest first. What is missing is printed, and fails under `CI`.
pub fn interpreters() -> &'static [Interpreter] {
    static FOUND: OnceLock<Vec<Interpreter>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let found: Vec<Interpreter> = MINORS.filter_map(find).collect();
        let missing: Vec<String> =
            MINORS.filter(|m| found.iter().all(|f| f.minor != *m)).map(|m| format!("3.{m}")).collect();
        if !missing.is_empty() {
            let message = format!(
                "no Python {}: set DALLY_PYTHONS to a folder of installations, or DALLY_PY38 and so on to interpreters",
                missing.join(", ")
            );
            eprintln!("{message}");
            assert!(std::env::var_os("CI").is_none(), "{message}");
        }
        found
    })
}

pub fn python(minor: u8) -> Option<&'static Interpreter> {
    interpreters().iter().find(|i| i.minor == minor)
}

/// The oldest, one in the middle and the newest, for what is costly.
pub fn some_interpreters() -> Vec<&'static Interpreter> {
    let all = interpreters();
    let mut chosen: Vec<&Interpreter> = Vec::new();
    for one in [all.first(), all.get(all.len() / 2), all.last()].into_iter().flatten() {
        if !chosen.contains(&one) {
            chosen.push(one);
        }
    }
    chosen
}

fn find(minor: u8) -> Option<Interpreter> {
    let mut candidates: Vec<PathBuf> = Vec::new();
    candidates.extend(std::env::var_os(format!("DALLY_PY3{minor}")).map(PathBuf::from));
    let name = format!("python3.{minor}");
    let roots = [
        std::env::var_os("DALLY_PYTHONS").map(PathBuf::from),
        std::env::var_os("PYENV_ROOT").map(|root| Path::new(&root).join("versions")),
    ];
    for root in roots.into_iter().flatten() {
        let mut versions: Vec<PathBuf> =
            fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        versions.sort();
        for version in versions.iter().rev() {
            candidates.push(version.join("bin").join(&name));
            candidates.push(version.join("usr/bin").join(&name));
        }
    }
    if let Some(path) = std::env::var_os("PATH") {
        candidates.extend(std::env::split_paths(&path).map(|folder| folder.join(&name)));
    }
    candidates.into_iter().filter(|c| c.is_file()).find_map(|binary| {
        // Some files of this name are wrappers that start nothing.
        let script = "import sys; print('%d.%d' % sys.version_info[:2]); print(sys.executable)";
        let output = Command::new(&binary).args(["-I", "-c", script]).stdin(Stdio::null()).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let mut lines = text.lines();
        (lines.next()? == format!("3.{minor}")).then(|| {
            let itself = lines.next().map(PathBuf::from).filter(|p| p.is_file());
            Interpreter { minor, binary: itself.unwrap_or(binary) }
        })
    })
}

/// The program under test, in a folder.
pub fn dally(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dally"));
    command.current_dir(folder).env_remove("VIRTUAL_ENV").env_remove("PRE_COMMIT").stdin(Stdio::null());
    command
}

/// What a run gave.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ran {
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// Runs the program in a folder.
pub fn run(folder: &Path, arguments: &[&str]) -> Ran {
    ran(dally(folder).args(arguments).output().expect("dally starts"))
}

/// Runs the program and expects an exit code.
pub fn expect(folder: &Path, arguments: &[&str], code: i32) -> Ran {
    let ran = run(folder, arguments);
    assert_eq!(ran.code, Some(code), "dally {}: {}{}", arguments.join(" "), ran.out(), ran.stderr);
    ran
}

pub fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A temporary folder with the given files.
pub fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, content) in files {
        write(folder.path(), path, content.as_bytes());
    }
    folder
}

pub fn write(folder: &Path, path: &str, content: &[u8]) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, content).expect("a file");
}

/// The bytes of all files below a folder, by relative path.
pub fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        // What dally keeps for itself.
        .filter_entry(|entry| entry.depth() == 0 || entry.file_name() != ".dally_cache")
        .map(|entry| entry.expect("readable"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let relative = entry.path().strip_prefix(folder).expect("below").to_path_buf();
            (relative, fs::read(entry.path()).expect("readable"))
        })
        .collect()
}

/// Copies the Python files for which `wanted` is true of the relative path.
pub fn copy_python(from: &Path, to: &Path, wanted: impl Fn(&Path) -> bool) {
    let entries = walkdir::WalkDir::new(from)
        .into_iter()
        .filter_entry(|e| wanted(e.path().strip_prefix(from).unwrap_or(e.path())));
    for entry in entries.flatten() {
        let relative = entry.path().strip_prefix(from).expect("below");
        if entry.file_type().is_file() && entry.path().extension() == Some(OsStr::new("py")) {
            let target = to.join(relative);
            fs::create_dir_all(target.parent().expect("a parent")).expect("a folder");
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Copies a tree.
pub fn copy_tree(from: &Path, to: &Path) {
    for (path, bytes) in tree(from) {
        if path.components().any(|c| c.as_os_str() == "__pycache__") {
            continue;
        }
        let target = to.join(path);
        fs::create_dir_all(target.parent().expect("a parent")).expect("a folder");
        fs::write(target, bytes).expect("a copy");
    }
}

/// The files that differ, or exist in one tree only.
pub fn differences(a: &BTreeMap<PathBuf, Vec<u8>>, b: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        a.keys().chain(b.keys()).filter(|p| a.get(*p) != b.get(*p)).cloned().collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Lines as Python counts them.
pub fn count_lines(bytes: &[u8]) -> usize {
    let pairs = bytes.windows(2).filter(|w| w == b"\r\n").count();
    bytes.iter().filter(|b| matches!(b, b'\n' | b'\r')).count() - pairs
}

/// Compares trees with `tools/same_program.py`: everything compiles, and with `compare` the program is the same but for
/// the imports. Gives the complaints.
pub fn same_program(
    python: &Interpreter,
    old: &Path,
    new: &Path,
    files: &[PathBuf],
    options: &[&str],
) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/same_program.py");
    let list = tempfile::NamedTempFile::new().expect("a temporary file");
    let names: Vec<String> = files.iter().map(|f| f.to_string_lossy().into_owned()).collect();
    fs::write(list.path(), names.join("\n")).expect("a list");
    let output = python
        .command()
        .arg("-I")
        .arg(script)
        .args(options)
        .args([old, new])
        .arg(list.path())
        .output()
        .expect("the interpreter starts");
    let ran = ran(output);
    let mut complaints: Vec<String> = ran.out().lines().map(str::to_owned).collect();
    let last = complaints.pop().unwrap_or_default();
    if ran.code != Some(0) || !last.starts_with("compared ") {
        complaints.push(format!("{last} {}", ran.stderr));
    }
    complaints
}
