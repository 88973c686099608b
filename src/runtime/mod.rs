//! The Python runtime file that rewritten code imports, embedded.

/// The text of the runtime file.
pub const RUNTIME: &str = include_str!("_dally.py");

/// Whether a file is the runtime file of this or another version of dally.
pub fn is_runtime(bytes: &[u8]) -> bool {
    let first = RUNTIME.lines().next().unwrap_or_default();
    bytes.starts_with(first.as_bytes())
}

/// What the analysis sees in its place: the names that it offers. Whatever it looks at and changes while it is loaded, no program can tell.
pub const STAND_IN: &str = "\
TYPE_CHECKING = False
def lazy(statement): pass
def marked(names): pass
def pending(names, frame=None): pass
def real(value): return value
def restore(statement): pass
class Record: pass
class Attribute(str): pass
class Module: pass
class Pending(BaseException): pass
";
