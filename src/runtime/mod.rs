//! The Python runtime file that rewritten code imports, embedded.

/// The text of the runtime file.
pub const RUNTIME: &str = include_str!("_dally.py");

/// Whether a file is the runtime file of this or another version of dally.
pub fn is_runtime(bytes: &[u8]) -> bool {
    let first = RUNTIME.lines().next().unwrap_or_default();
    bytes.starts_with(first.as_bytes())
}
