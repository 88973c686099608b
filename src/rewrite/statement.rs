//! Pieces of import statements.

use ruff_text_size::{TextRange, TextSize};

use super::edit::EditSet;
use crate::facts::{Alias, ImportStmt};

/// The statement for one alias alone, in one line: `from a.b import c as d`.
pub fn single(import: &ImportStmt, alias: &Alias) -> String {
    let mut out = head(import);
    push_alias(&mut out, alias);
    out
}

/// `import ` or `from x import `.
pub fn head(import: &ImportStmt) -> String {
    match import.from {
        None => "import ".to_owned(),
        Some(from) => {
            let dots = ".".repeat(from.level as usize);
            format!("from {dots}{} import ", from.module)
        }
    }
}

/// `a.b as c`
pub fn push_alias(out: &mut String, alias: &Alias) {
    out.push_str(alias.name.as_str());
    if let Some(name) = alias.asname {
        out.push_str(" as ");
        out.push_str(name.as_str());
    }
}

/// The statement for the chosen aliases, in one line.
pub fn some(import: &ImportStmt, chosen: impl Iterator<Item = usize>) -> String {
    let mut out = head(import);
    for (i, index) in chosen.enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        push_alias(&mut out, &import.aliases[index]);
    }
    out
}

/// Takes the aliases for which `gone` is true out of the statement's list; comments and line breaks stay.
/// At least one alias must remain.
pub fn remove_aliases(text: &str, import: &ImportStmt, gone: &[bool], edits: &mut EditSet) {
    let aliases = &import.aliases;
    let commas: Vec<Option<TextSize>> = (0..aliases.len())
        .map(|i| {
            let limit = aliases.get(i + 1).map_or(import.range.end(), |next| next.range.start());
            find_comma(text, aliases[i].range.end(), limit)
        })
        .collect();
    for i in (0..aliases.len()).filter(|&i| gone[i]) {
        let mut range = aliases[i].range;
        if let Some(comma) = commas[i] {
            // With the comma and the blanks after it, if nothing else stands between.
            let between = &text[TextRange::new(range.end(), comma)];
            if between.trim().is_empty() && !between.contains(['\n', '\r', '\\']) {
                let after = comma + TextSize::new(1);
                let rest = &text[after.to_usize()..import.range.end().to_usize()];
                let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
                let line_ends = rest[blanks..].starts_with(['\n', '\r', '#', '\\', ')']);
                let blanks = if line_ends { 0 } else { blanks };
                range = TextRange::new(range.start(), after + TextSize::try_from(blanks).unwrap_or_default());
                edits.replace(range, continuation(&text[range]));
            } else {
                edits.replace(range, continuation(&text[range]));
                edits.delete(TextRange::at(comma, TextSize::new(1)));
            }
        } else {
            edits.replace(range, continuation(&text[range]));
            // The last name, without a comma: the one before the last kept name's successor must go.
            if let Some(comma) = (0..i).rev().find(|&j| !gone[j]).and_then(|j| commas[j]) {
                edits.delete(TextRange::at(comma, TextSize::new(1)));
            }
        }
    }
}

/// What has to stay of an alias that goes: its line breaks, with their backslashes and comments.
fn continuation(alias: &str) -> String {
    let Some(first) = alias.find(['\n', '\r']) else { return String::new() };
    let mut out = String::new();
    let mut comment = false;
    for (i, c) in alias.char_indices() {
        comment = match c {
            '#' => true,
            '\n' | '\r' => false,
            _ => comment,
        };
        if comment || matches!(c, '\n' | '\r' | '\\') {
            if i > 0 && i <= first && out.is_empty() {
                out.push(' ');
            }
            keep_apart(&mut out, alias, i);
            out.push(c);
        }
    }
    out
}

/// Two line breaks that become neighbours must not become one: a carriage return of one line and the line feed of the next.
fn keep_apart(out: &mut String, source: &str, at: usize) {
    if source[at..].starts_with('\n') && out.ends_with('\r') && !source[..at].ends_with('\r') {
        out.push(' ');
    }
}

/// The comma between two aliases, outside comments.
fn find_comma(text: &str, from: TextSize, to: TextSize) -> Option<TextSize> {
    let mut in_comment = false;
    for (i, byte) in text[TextRange::new(from, to)].bytes().enumerate() {
        match byte {
            b'#' => in_comment = true,
            b'\n' | b'\r' => in_comment = false,
            b',' if !in_comment => return Some(from + TextSize::try_from(i).ok()?),
            _ => {}
        }
    }
    None
}

/// The comments and line breaks inside a statement, to be kept inside a pair of parentheses. Empty for a
/// statement on one line.
pub fn line_breaks(text: &str, range: TextRange) -> String {
    let source = &text[range];
    if !source.contains(['\n', '\r']) {
        return String::new();
    }
    let mut out = String::new();
    let mut comment_start = None;
    for (i, c) in source.char_indices() {
        match c {
            '#' if comment_start.is_none() => {
                comment_start = Some(i);
                if !out.ends_with([' ', '\t']) {
                    out.push_str("  ");
                }
                out.push('#');
            }
            '\n' | '\r' => {
                comment_start = None;
                while out.ends_with([' ', '\t']) {
                    out.pop();
                }
                keep_apart(&mut out, source, i);
                out.push(c);
            }
            _ if comment_start.is_some() => out.push(c),
            // Indentation is kept only in front of comments.
            ' ' | '\t' if out.is_empty() || out.ends_with(['\n', '\r', ' ', '\t']) => out.push(c),
            _ => {}
        }
    }
    let kept = out.trim_end_matches([' ', '\t']).len();
    out.truncate(kept);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruff_python_parser::parse_module;

    fn without(source: &str, gone: &[bool]) -> String {
        let parsed = parse_module(source).expect("parses");
        let facts = crate::facts::extract(source, parsed.syntax(), crate::facts::World::ANY);
        let mut edits = EditSet::default();
        remove_aliases(source, &facts.imports[0], gone, &mut edits);
        let new = edits.apply(source).expect("edits do not overlap");
        parse_module(&new).unwrap_or_else(|e| panic!("{new:?}: {e}"));
        new
    }

    #[test]
    fn aliases_are_removed() {
        let cases: &[(&str, &[bool], &str)] = &[
            ("import a, b", &[true, false], "import b"),
            ("import a, b", &[false, true], "import a "),
            ("from x import a as b, c, d", &[false, true, true], "from x import a as b "),
            ("from x import (a, b, c)", &[true, false, true], "from x import (b )"),
            ("from x import (a, b,)", &[false, true], "from x import (a, )"),
            (
                "from x import (  # one\n    a,  # first, of two\n    b  # last\n)",
                &[true, false],
                "from x import (  # one\n      # first, of two\n    b  # last\n)",
            ),
            ("import a \\\n . \\\n b, c", &[true, false], "import  \\\n\\\nc"),
            ("import a, \\\n  b, \\\n  c", &[false, true, false], "import a, \\\n   \\\n  c"),
        ];
        for (source, gone, expected) in cases {
            assert_eq!(without(source, gone), *expected, "{source:?}");
        }
    }

    #[test]
    fn line_breaks_keep_comments() {
        let cases = [
            ("from x import a", ""),
            (
                "from x import (\n    # two names,\n    a,\n    b,  # second\n)",
                "\n    # two names,\n\n  # second\n",
            ),
            ("import \\\n\ta, \\\n\tsys", "\n\n"),
            ("from x import (  # kg (k)\r\n\ta)", "  # kg (k)\r\n"),
            ("from x import (a,\r b,\n c)", "\r \n"),
        ];
        for (source, expected) in cases {
            let range = TextRange::up_to(TextSize::of(source));
            let breaks = line_breaks(source, range);
            let count = |text: &str| text.matches(['\n', '\r']).count() - text.matches("\r\n").count();
            assert_eq!(count(&breaks), count(source), "{source:?}");
            assert_eq!(
                breaks.split_whitespace().collect::<Vec<_>>(),
                expected.split_whitespace().collect::<Vec<_>>(),
                "{source:?}"
            );
        }
    }
}
