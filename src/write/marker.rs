//! The list of what a build has written, in a file of its own.
//!
//! ```text
//! dally build 1
//! D pkg
//! F pkg/mod.py
//! L pkg/link
//! complete
//! ```
//!
//! Without the last line the build was cut short; then the entries are what the build before it has written, and what this one was about to
//! write, in its order; `K` takes one back, because somebody else's file was there. Backslashes, line endings and bytes that are not UTF-8 are written as
//! `\xHH`. More fields may follow the path in later versions, after a tab.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

const FIRST_LINE: &str = "dally build 1";
const LAST_LINE: &str = "complete";

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) path: PathBuf,
    pub(super) kind: WrittenKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WrittenKind {
    Directory,
    File,
    Symlink,
}

impl WrittenKind {
    fn letter(self) -> char {
        match self {
            Self::Directory => 'D',
            Self::File => 'F',
            Self::Symlink => 'L',
        }
    }
}

/// What a marker says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) written: Vec<Written>,
    pub(super) complete: bool,
}

/// The marker that says that a build has begun, after one that has written something.
pub(super) fn begun<'a>(written: impl IntoIterator<Item = &'a Written>) -> String {
    let mut text = format!("{FIRST_LINE}\n");
    for entry in written {
        text.push_str(&line(&entry.path, entry.kind));
    }
    text
}

/// The marker of a complete build. The entries should be sorted.
pub(super) fn complete<'a>(written: impl IntoIterator<Item = &'a Written>) -> String {
    begun(written) + LAST_LINE + "\n"
}

/// The line of an entry.
pub(super) fn line(path: &Path, kind: WrittenKind) -> String {
    lettered(kind.letter(), path)
}

/// The line that takes an entry back.
pub(super) fn kept(path: &Path) -> String {
    lettered('K', path)
}

fn lettered(letter: char, path: &Path) -> String {
    let mut text = format!("{letter} ");
    escape(path, &mut text);
    text.push('\n');
    text
}

/// Reads a marker; `None` if the text is none, or names anything that is not below the directory.
pub(super) fn parse(text: &str) -> Option<Marker> {
    // A line that is cut short says nothing yet.
    let mut lines = text[..text.rfind('\n').map_or(0, |end| end + 1)].lines();
    if lines.next() != Some(FIRST_LINE) {
        return None;
    }
    let mut marker = Marker::default();
    for line in lines {
        if marker.complete {
            return None;
        }
        if line == LAST_LINE {
            marker.complete = true;
            continue;
        }
        let (kind, path) = line.split_once(' ')?;
        let path = unescape(path.split('\t').next()?)?;
        if !is_below(&path) {
            return None;
        }
        let kind = match kind {
            "D" => WrittenKind::Directory,
            "F" => WrittenKind::File,
            "L" => WrittenKind::Symlink,
            "K" => {
                marker.written.retain(|entry| entry.path != path);
                continue;
            }
            _ => return None,
        };
        marker.written.push(Written { path, kind });
    }
    Some(marker)
}

/// Whether a relative path stays below where it starts.
pub(super) fn is_below(path: &Path) -> bool {
    !path.as_os_str().is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)))
}

fn escape(path: &Path, text: &mut String) {
    use std::fmt::Write as _;
    if let Some(plain) = path.to_str()
        && !plain.contains(|c: char| c == '\\' || c.is_control())
    {
        text.push_str(plain);
        return;
    }
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\\' || c.is_control() {
                let mut buffer = [0; 4];
                for byte in c.encode_utf8(&mut buffer).bytes() {
                    let _ = write!(text, "\\x{byte:02x}");
                }
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
}

fn unescape(text: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut pieces = text.split("\\x");
    bytes.extend_from_slice(pieces.next()?.as_bytes());
    for piece in pieces {
        bytes.push(u8::from_str_radix(piece.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    os_string(bytes).map(PathBuf::from)
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps)] // Elsewhere not every byte string is a name.
fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt;
    Some(OsString::from_vec(bytes))
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    String::from_utf8(bytes).ok().map(OsString::from)
}
