//! Bytes to text and back.
//!
//! In come the bytes of a Python file, out goes its text, and later the other way round: the same
//! encoding, the same byte order mark, and for every character that was not edited the same bytes.
//! This module never guesses: what Python itself would refuse, and what could not be written back
//! byte for byte, is an error with its position.
//!
//! The encoding is found as Python's own tokenizer finds it:
//!
//! ```python
//! #!/usr/bin/env python
//! # -*- coding: latin-1 -*-      counts in line 1, or in line 2 when line 1 is blank or a comment
//! ```
//!
//! With a byte order mark the declared name must be `utf-8` itself. The text keeps its line endings;
//! `"\n"`, `"\r\n"` and a lone `"\r"` all end a line, a form feed does not.

mod codec;

use std::fmt;

use self::codec::{Codec, Lookup};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The text of one source file, with what is needed to write it back.
#[derive(Debug, Clone)]
pub struct SourceText {
    /// The whole file; starts with the byte order mark if the file does.
    content: String,
    /// Where the text begins: the length of the byte order mark, or zero.
    start: usize,
    /// `None` is UTF-8.
    codec: Option<&'static Codec>,
}

/// Why the bytes of a file could not be read as Python source, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError {
    /// Line of the trouble, counted from 1.
    pub line: u32,
    /// Column of the trouble in characters, counted from 1.
    pub column: u32,
    /// Offset of the trouble in the bytes of the file.
    pub offset: usize,
    /// What the trouble is.
    pub kind: SourceErrorKind,
}

/// The kinds of trouble that [`SourceText::decode`] meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceErrorKind {
    /// The file has a null byte, which Python does not allow in source code.
    NullByte,
    /// A byte does not fit the encoding.
    Undecodable {
        /// Python's name of the encoding.
        encoding: &'static str,
        /// The first byte that does not fit.
        byte: u8,
    },
    /// The file starts with the byte order mark of UTF-8 and declares something else.
    BomConflict {
        /// The name as declared.
        declared: String,
    },
    /// No Python codec has the declared name.
    UnknownEncoding {
        /// The name as declared.
        declared: String,
    },
    /// Python knows the encoding, dally does not.
    UnsupportedEncoding {
        /// The name as declared.
        declared: String,
    },
    /// The text could be read, but writing it would give other bytes.
    NotReversible {
        /// Python's name of the encoding.
        encoding: &'static str,
    },
}

impl fmt::Display for SourceErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NullByte => f.write_str("source code cannot contain null bytes"),
            Self::Undecodable { encoding, byte } => {
                write!(f, "byte 0x{byte:02x} is not valid {encoding}")
            }
            Self::BomConflict { declared } => write!(
                f,
                "the file starts with a UTF-8 byte order mark but declares the encoding `{declared}`"
            ),
            Self::UnknownEncoding { declared } => write!(f, "unknown encoding `{declared}`"),
            Self::UnsupportedEncoding { declared } => {
                write!(f, "dally does not support the encoding `{declared}`")
            }
            Self::NotReversible { encoding } => {
                write!(f, "this {encoding} text cannot be written back unchanged from here on")
            }
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for SourceError {}

/// A character of the new text that the encoding of the file does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeError {
    /// The character.
    pub character: char,
    /// Its byte offset in the new text.
    pub offset: usize,
    /// Python's name of the encoding.
    pub encoding: &'static str,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the character `{}` (U+{:04X}) cannot be written in {}",
            self.character.escape_debug(),
            u32::from(self.character),
            self.encoding
        )
    }
}

impl std::error::Error for EncodeError {}

/// How lines end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineEnding {
    /// `"\n"`
    #[default]
    Lf,
    /// `"\r\n"`
    CrLf,
    /// `"\r"`
    Cr,
}

impl LineEnding {
    /// The characters themselves.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::CrLf => "\r\n",
            Self::Cr => "\r",
        }
    }

    /// The first line ending in `text`; `"\n"` if there is none.
    pub fn first_in(text: &str) -> Self {
        let bytes = text.as_bytes();
        match bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            Some(at) if bytes[at] == b'\n' => Self::Lf,
            Some(at) if bytes.get(at + 1) == Some(&b'\n') => Self::CrLf,
            Some(_) => Self::Cr,
            None => Self::Lf,
        }
    }
}

impl SourceText {
    /// Reads the bytes of a file as Python would. Valid UTF-8 is not copied.
    pub fn decode(bytes: Vec<u8>) -> Result<Self, SourceError> {
        let start = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
        // `contains` is fast, and nearly always the answer.
        if bytes.contains(&0)
            && let Some(offset) = bytes.iter().position(|byte| *byte == 0)
        {
            return Err(error_at(&bytes, offset, SourceErrorKind::NullByte));
        }
        let codec = match declaration(&bytes[start..]) {
            None => None,
            Some(declared) => {
                let fail = |kind| Err(error_at(&bytes, start + declared.offset, kind));
                let name = declared.name.to_owned();
                if start > 0 && codec::tokenizer_name(&name) != "utf-8" {
                    return fail(SourceErrorKind::BomConflict { declared: name });
                }
                match codec::lookup(&name) {
                    Lookup::Utf8 => None,
                    Lookup::Codec(codec) => Some(codec),
                    Lookup::Unsupported => {
                        return fail(SourceErrorKind::UnsupportedEncoding { declared: name });
                    }
                    Lookup::Unknown => {
                        return fail(SourceErrorKind::UnknownEncoding { declared: name });
                    }
                }
            }
        };
        let Some(codec) = codec else {
            return match String::from_utf8(bytes) {
                Ok(content) => Ok(Self { content, start, codec: None }),
                Err(error) => {
                    let offset = error.utf8_error().valid_up_to();
                    let bytes = error.into_bytes();
                    let kind = SourceErrorKind::Undecodable { encoding: "utf-8", byte: bytes[offset] };
                    Err(error_at(&bytes, offset, kind))
                }
            };
        };
        match codec.decode_reversibly(&bytes) {
            Ok(content) => Ok(Self { content, start, codec: Some(codec) }),
            Err(codec::DecodeFailure::Undecodable { offset, before }) => {
                let kind = SourceErrorKind::Undecodable { encoding: codec.name, byte: bytes[offset] };
                Err(error_after(&before, offset, kind))
            }
            Err(codec::DecodeFailure::NotReversible { offset, before }) => {
                let kind = SourceErrorKind::NotReversible { encoding: codec.name };
                Err(error_after(&before, offset, kind))
            }
        }
    }

    /// The text without the byte order mark.
    pub fn text(&self) -> &str {
        &self.content[self.start..]
    }

    /// The text alone.
    pub fn into_text(mut self) -> String {
        self.content.drain(..self.start);
        self.content
    }

    /// Whether the file starts with the byte order mark of UTF-8.
    pub fn has_bom(&self) -> bool {
        self.start > 0
    }

    /// Python's name of the encoding.
    pub fn encoding(&self) -> &'static str {
        self.codec.map_or("utf-8", |codec| codec.name)
    }

    /// The bytes of a file that has this file's encoding and byte order mark, and `new_text`.
    pub fn encode(&self, new_text: &str) -> Result<Vec<u8>, EncodeError> {
        match self.codec {
            None => {
                let mut bytes = Vec::with_capacity(self.start + new_text.len());
                bytes.extend_from_slice(&self.content.as_bytes()[..self.start]);
                bytes.extend_from_slice(new_text.as_bytes());
                Ok(bytes)
            }
            Some(codec) => codec.encode(new_text),
        }
    }

    /// The first line ending of the file; `"\n"` if it has none.
    pub fn line_ending(&self) -> LineEnding {
        LineEnding::first_in(self.text())
    }
}

/// An encoding declaration.
struct Declaration<'a> {
    name: &'a str,
    offset: usize,
}

/// Finds the encoding declaration as Python does: `^[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)` in line 1,
/// or in line 2 when line 1 is blank or a comment.
fn declaration(bytes: &[u8]) -> Option<Declaration<'_>> {
    let mut start = 0;
    for _ in 0..2 {
        let line = &bytes[start..line_end(bytes, start)];
        let indent = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\x0c')).count();
        match line.get(indent) {
            None => {}
            Some(b'#') => {
                if let Some((at, name)) = declaration_in_comment(&line[indent..]) {
                    let offset = start + indent + at;
                    return Some(Declaration { name, offset });
                }
            }
            Some(_) => return None,
        }
        start = next_line(bytes, start + line.len())?;
    }
    None
}

fn declaration_in_comment(comment: &[u8]) -> Option<(usize, &str)> {
    const WORD: &[u8] = b"coding";
    for at in 0..comment.len() {
        let Some(rest) = comment[at..].strip_prefix(WORD) else {
            continue;
        };
        let Some((b':' | b'=', rest)) = rest.split_first() else {
            continue;
        };
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let length = rest[blanks..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
            .count();
        if length > 0 {
            let name = std::str::from_utf8(&rest[blanks..blanks + length]).ok()?;
            return Some((at + WORD.len() + 1 + blanks, name));
        }
    }
    None
}

/// The end of the line that `from` is in, without its line ending.
fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..]
        .iter()
        .position(|byte| matches!(byte, b'\n' | b'\r'))
        .map_or(bytes.len(), |length| from + length)
}

/// The start of the line after the line ending at `end`.
fn next_line(bytes: &[u8], end: usize) -> Option<usize> {
    match bytes.get(end)? {
        b'\r' if bytes.get(end + 1) == Some(&b'\n') => Some(end + 2),
        _ => Some(end + 1),
    }
}

/// An error at a byte before which the file can be read as UTF-8, or nearly.
fn error_at(bytes: &[u8], offset: usize, kind: SourceErrorKind) -> SourceError {
    let before = bytes[..offset].strip_prefix(BOM).unwrap_or(&bytes[..offset]);
    error_after(&String::from_utf8_lossy(before), offset, kind)
}

/// An error at the byte `offset`, with the text that stands before it.
fn error_after(before: &str, offset: usize, kind: SourceErrorKind) -> SourceError {
    let position = LineIndex::new(before).position(before, before.len());
    SourceError { line: position.line, column: position.column, offset, kind }
}

/// A place in a text as people count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
}

/// Where the lines of a text start, counted as Python counts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    /// Finds the lines of `text`.
    pub fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
            if bytes[at] == b'\n' || bytes.get(at + 1) != Some(&b'\n') {
                starts.push(at + 1);
            }
        }
        Self { starts }
    }

    /// The line of a byte offset, counted from 1.
    pub fn line(&self, offset: usize) -> u32 {
        let lines = self.starts.partition_point(|start| *start <= offset);
        u32::try_from(lines).unwrap_or(u32::MAX)
    }

    /// The line and column of a byte offset in the text that the index was made from.
    pub fn position(&self, text: &str, offset: usize) -> Position {
        let line = self.line(offset);
        let start = self.starts[line as usize - 1];
        let end = offset.min(text.len());
        // An offset inside a character belongs to that character.
        let characters =
            text.as_bytes()[start.min(end)..end].iter().filter(|byte| !matches!(byte, 0x80..=0xbf)).count();
        let inside = !text.is_char_boundary(end);
        let column = characters + usize::from(!inside);
        Position { line, column: u32::try_from(column).unwrap_or(u32::MAX) }
    }

    /// How many lines the text has. An empty last line, after the last line ending, counts.
    pub fn line_count(&self) -> u32 {
        u32::try_from(self.starts.len()).unwrap_or(u32::MAX)
    }

    /// The byte range of a line (counted from 1) with its line ending, or `None` if there is no such line.
    pub fn line_range(&self, text: &str, line: u32) -> Option<std::ops::Range<usize>> {
        let at = (line as usize).checked_sub(1)?;
        let start = *self.starts.get(at)?;
        let end = self.starts.get(at + 1).copied().unwrap_or(text.len());
        Some(start..end)
    }
}

#[cfg(test)]
mod tests;
