//! The Python runtime file that rewritten code imports, embedded.

/// The text of the runtime file.
pub const RUNTIME: &str = include_str!("_dally.py");
