//! Dotted names of modules: what is inside what.

/// Whether `name` is something inside `package`, at any depth: `a.b.c` inside `a.b`, but neither `a.b` nor `a.bc`.
pub(crate) fn is_below(name: &str, package: &str) -> bool {
    name.strip_prefix(package).is_some_and(|rest| rest.starts_with('.'))
}

/// Whether `name` is `package` itself or something inside it.
pub(crate) fn is_within(name: &str, package: &str) -> bool {
    name.strip_prefix(package).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::{is_below, is_within};

    #[test]
    fn names_end_at_dots() {
        assert!(is_below("a.b.c", "a.b") && is_below("a.b.c", "a"));
        assert!(!is_below("a.b", "a.b") && !is_below("a.bc", "a.b") && !is_below("a", "a.b"));
        assert!(is_within("a.b", "a.b") && is_within("a.b.c", "a.b"));
        assert!(!is_within("a.bc", "a.b") && !is_within("a", "a.b"));
    }
}
