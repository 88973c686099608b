//! Unified diffs that `git apply` takes.

use std::io::{self, Write};
use std::path::Path;

use similar::{Algorithm, TextDiff};

use crate::run::NewText;

/// The diff of one file.
pub fn unified(path: &Path, text: &NewText, out: &mut impl Write) -> io::Result<()> {
    let path = git_path(path);
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Patience)
        .timeout(std::time::Duration::from_secs(5))
        .diff_lines(&text.old, &text.new);
    writeln!(out, "diff --git {} {}", quoted("a", &path), quoted("b", &path))?;
    let (old, new) = (quoted("a", &path), quoted("b", &path));
    write!(out, "{}", diff.unified_diff().context_radius(3).header(&old, &new))
}

/// A diff that creates a file.
pub fn new_file(path: &Path, content: &str, out: &mut impl Write) -> io::Result<()> {
    let path = git_path(path);
    writeln!(out, "diff --git {} {}", quoted("a", &path), quoted("b", &path))?;
    writeln!(out, "new file mode 100644")?;
    let diff = TextDiff::from_lines("", content);
    write!(out, "{}", diff.unified_diff().context_radius(3).header("/dev/null", &quoted("b", &path)))
}

fn git_path(path: &Path) -> String {
    let current = std::env::current_dir().ok();
    let relative = match &current {
        Some(current) => path.strip_prefix(current).unwrap_or(path),
        None => path,
    };
    let text = relative.to_string_lossy().replace('\\', "/");
    text.trim_start_matches("./").trim_start_matches('/').to_owned()
}

/// Git quotes paths with unusual characters.
fn quoted(prefix: &str, path: &str) -> String {
    if path.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\') {
        return format!("{prefix}/{path}");
    }
    let mut out = format!("\"{prefix}/");
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            0x20..0x7f => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\{byte:03o}")),
        }
    }
    out.push('"');
    out
}
