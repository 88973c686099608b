//! Unified diffs that `git apply` takes: bytes, whatever their encoding, and lines that end with a line feed only.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};

use super::sites::below_current;
use crate::run::NewText;

/// Unchanged lines around a change.
const CONTEXT: usize = 3;

/// The diff of one file.
pub fn unified(path: &Path, text: &NewText, out: &mut impl Write) -> io::Result<()> {
    let path = &git_path(path);
    let (old, new) = (quoted("a", path), quoted("b", path));
    writeln!(out, "diff --git {old} {new}\n--- {old}\n+++ {new}")?;
    hunks(&text.old, &text.bytes, out)
}

/// A diff that creates a file.
pub fn new_file(path: &Path, content: &str, out: &mut impl Write) -> io::Result<()> {
    let path = &git_path(path);
    let (old, new) = (quoted("a", path), quoted("b", path));
    writeln!(out, "diff --git {old} {new}\nnew file mode 100644\n--- /dev/null\n+++ {new}")?;
    hunks(b"", content.as_bytes(), out)
}

/// A diff that removes a file.
pub fn removed_file(path: &Path, content: &[u8], out: &mut impl Write) -> io::Result<()> {
    let path = &git_path(path);
    let (old, new) = (quoted("a", path), quoted("b", path));
    writeln!(out, "diff --git {old} {new}\ndeleted file mode 100644\n--- {old}\n+++ /dev/null")?;
    hunks(content, b"", out)
}

fn hunks(old: &[u8], new: &[u8], out: &mut impl Write) -> io::Result<()> {
    let old: Vec<&[u8]> = old.split_inclusive(|b| *b == b'\n').collect();
    let new: Vec<&[u8]> = new.split_inclusive(|b| *b == b'\n').collect();
    let all = capture_diff_slices(Algorithm::Patience, &old, &new);
    for group in group_diff_ops(all, CONTEXT) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let span = |range: fn(&DiffOp) -> Range<usize>| place(range(first).start, range(last).end);
        writeln!(out, "@@ -{} +{} @@", span(DiffOp::old_range), span(DiffOp::new_range))?;
        for op in &group {
            if op.tag() == DiffTag::Equal {
                lines(b" ", &old[op.old_range()], out)?;
            } else {
                lines(b"-", &old[op.old_range()], out)?;
                lines(b"+", &new[op.new_range()], out)?;
            }
        }
    }
    Ok(())
}

/// The first line, counted from 1, and the number of lines; of no lines, the line before.
fn place(start: usize, end: usize) -> String {
    match end - start {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        length => format!("{},{length}", start + 1),
    }
}

fn lines(prefix: &[u8], lines: &[&[u8]], out: &mut impl Write) -> io::Result<()> {
    for line in lines {
        out.write_all(prefix)?;
        out.write_all(line)?;
        if !line.ends_with(b"\n") {
            out.write_all(b"\n\\ No newline at end of file\n")?;
        }
    }
    Ok(())
}

/// The bytes of a path as `git diff` gives it: below the root of the repository, else below the current folder. Names need not
/// be UTF-8.
fn git_path(path: &Path) -> Vec<u8> {
    let inside = repository().and_then(|root| Some(complete(path)?.strip_prefix(root).ok()?.to_owned()));
    let relative = inside.as_deref().unwrap_or_else(|| below_current(path));
    let relative = relative.strip_prefix("/").unwrap_or(relative);
    let bytes = relative.as_os_str().as_encoded_bytes();
    let bytes = bytes.strip_prefix(b"./").unwrap_or(bytes);
    let slash = |byte: &u8| if std::path::is_separator(char::from(*byte)) { b'/' } else { *byte };
    bytes.iter().map(slash).collect()
}

/// The root of the repository around the current folder.
fn repository() -> Option<&'static Path> {
    static ROOT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let current = std::env::current_dir().ok()?;
        current.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned)
    };
    ROOT.get_or_init(find).as_deref()
}

/// A path from the root of the file system on, without `..`.
fn complete(path: &Path) -> Option<PathBuf> {
    if path.components().any(|part| part == Component::ParentDir) {
        return Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    }
    std::path::absolute(path).ok()
}

/// Git quotes paths with unusual characters.
fn quoted(prefix: &str, path: &[u8]) -> String {
    let plain = path.iter().all(|b| (0x20..0x7f).contains(b) && *b != b'"' && *b != b'\\');
    if plain && let Ok(path) = std::str::from_utf8(path) {
        return format!("{prefix}/{path}");
    }
    let mut out = format!("\"{prefix}/");
    for &byte in path {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            0x20..0x7f => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\{byte:03o}");
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_carriage_returns_and_a_missing_newline_stay() {
        let text = NewText { old: b"a\rb\n\xe9\nc".to_vec(), bytes: b"a\rB\n\xe9\nc".to_vec() };
        let mut out = Vec::new();
        unified(Path::new("x.py"), &text, &mut out).expect("written");
        let expected: &[u8] = b"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n\
            -a\rb\n+a\rB\n \xe9\n c\n\\ No newline at end of file\n";
        assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(expected));
        assert_eq!(out, expected);
    }
}
