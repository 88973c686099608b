//! Patterns over paths and over dotted names.

use std::fmt;
use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// A pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// The pattern as written.
    pub pattern: String,
    message: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pattern `{}` {}", self.pattern, self.message)
    }
}

impl std::error::Error for PatternError {}

/// Globs over paths relative to the project root.
///
/// A pattern without a slash matches a file or directory of that name at any depth; a pattern with a slash is
/// anchored at the project root. What matches a directory matches everything below it. `*` does not match a slash, `**` does.
#[derive(Debug, Clone, Default)]
pub struct PathPatterns {
    patterns: Vec<String>,
    /// Several globs for each pattern.
    globs: GlobSet,
    /// For each glob its pattern.
    owners: Vec<usize>,
}

impl PathPatterns {
    /// Compiles patterns.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, PatternError> {
        let mut set = GlobSetBuilder::new();
        let mut owners = Vec::new();
        for (index, pattern) in patterns.iter().enumerate() {
            let pattern = pattern.as_ref();
            let fail =
                |message: &str| PatternError { pattern: pattern.to_owned(), message: message.to_owned() };
            if pattern.starts_with('!') {
                return Err(fail("starts with `!`, which is not supported"));
            }
            let relative = pattern.trim_start_matches("./").trim_end_matches('/');
            let anchored = relative.contains('/');
            let body = relative.trim_start_matches('/');
            if body.is_empty() && pattern != "./" {
                return Err(fail("is empty"));
            }
            let globs = match (body, anchored) {
                ("" | ".", _) => vec!["**".to_owned()],
                (body, true) => vec![body.to_owned(), format!("{body}/**")],
                (body, false) => vec![format!("**/{body}"), format!("**/{body}/**")],
            };
            for glob in globs {
                let glob = GlobBuilder::new(&glob)
                    .literal_separator(true)
                    .backslash_escape(true)
                    .build()
                    .map_err(|error| fail(&format!("is not a valid glob: {}", error.kind())))?;
                set.add(glob);
                owners.push(index);
            }
        }
        let globs = set.build().map_err(|error| PatternError {
            pattern: error.glob().unwrap_or_default().to_owned(),
            message: format!("is not a valid glob: {}", error.kind()),
        })?;
        Ok(Self {
            patterns: patterns.iter().map(|pattern| pattern.as_ref().to_owned()).collect(),
            globs,
            owners,
        })
    }

    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether a path relative to the project root matches.
    pub fn matches(&self, path: &Path) -> bool {
        self.globs.is_match(path)
    }

    /// The first pattern that a path matches, as written.
    pub fn find(&self, path: &Path) -> Option<&str> {
        let matched = self.globs.matches(path).into_iter();
        let first = matched.map(|glob| self.owners[glob]).min()?;
        Some(&self.patterns[first])
    }
}

/// Patterns over dotted names: `matplotlib.use`, `company.plugins.*`, `company.*_hooks`.
///
/// A pattern matches the name itself. One that ends in `.*` matches the name before it and everything below; elsewhere
/// `*` stands for any characters but a point.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamePatterns {
    patterns: Vec<NamePattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct NamePattern {
    text: String,
    segments: Vec<String>,
    /// Whether everything below matches too.
    and_below: bool,
}

impl NamePatterns {
    /// Compiles patterns.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, PatternError> {
        let compile = |pattern: &S| {
            let text = pattern.as_ref();
            let mut segments: Vec<String> = text.split('.').map(str::to_owned).collect();
            let valid = |segment: &String| {
                !segment.is_empty() && segment.chars().all(|c| c == '_' || c == '*' || c.is_alphanumeric())
            };
            if !segments.iter().all(valid) {
                return Err(PatternError {
                    pattern: text.to_owned(),
                    message: "is not a dotted name like `package.module` or `package.*`".to_owned(),
                });
            }
            let and_below = segments.last().is_some_and(|last| last == "*");
            if and_below {
                segments.pop();
            }
            Ok(NamePattern { text: text.to_owned(), segments, and_below })
        };
        let patterns = patterns.iter().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { patterns })
    }

    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether a dotted name matches.
    pub fn matches(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The first pattern that a dotted name matches, as written.
    pub fn find(&self, name: &str) -> Option<&str> {
        let found = self.patterns.iter().find(|pattern| pattern.matches(name))?;
        Some(&found.text)
    }
}

impl NamePattern {
    fn matches(&self, name: &str) -> bool {
        let mut parts = name.split('.');
        let start =
            self.segments.iter().all(|segment| parts.next().is_some_and(|part| wildcard(segment, part)));
        start && (self.and_below || parts.next().is_none())
    }
}

/// Whether a word matches a pattern in which `*` stands for any characters.
fn wildcard(pattern: &str, word: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = word.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
