//! For people.

use std::fmt::Write as _;
use std::io::{self, Write};

use rayon::prelude::*;

use super::sites::{self, Lines};
use crate::decide::Verdict;
use crate::facts::Declared;
use crate::run::Run;

/// `path:line:column: lazy: import x`, one line a site. With `all` also the sites that stay.
pub fn verdicts(run: &Run, all: bool, out: &mut impl Write) -> io::Result<()> {
    let texts: Vec<String> = (0..run.discovery.files.len())
        .into_par_iter()
        .map(|index| {
            let file = &run.discovery.files[index];
            let mut text = String::new();
            if !file.selected {
                return text;
            }
            for site in sites::of_file(run, index) {
                let at = format!("{}:{}:{}", file.path.display(), site.line, site.column);
                let _ = match site.verdict {
                    Verdict::Lazy => writeln!(text, "{at}: lazy: {}", site.statement),
                    Verdict::Keep(reasons) => {
                        writeln!(text, "{at}: keep: {} ({})", site.statement, sites::names(reasons))
                    }
                    Verdict::NotCandidate if all => writeln!(text, "{at}: no candidate: {}", site.statement),
                    Verdict::NotCandidate => Ok(()),
                };
            }
            text
        })
        .collect();
    for text in texts {
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

/// Everything about the sites of the selected files, or of one line. Gives whether there was any.
pub fn explain(run: &Run, line: Option<u32>, out: &mut impl Write) -> io::Result<bool> {
    let mut found = false;
    for (index, file) in run.discovery.files.iter().enumerate().filter(|(_, f)| f.selected) {
        for site in sites::of_file(run, index) {
            if line.is_some_and(|line| line != site.line) {
                continue;
            }
            if found {
                writeln!(out)?;
            }
            found = true;
            write!(out, "{}:{}:{}: {}: ", file.path.display(), site.line, site.column, site.statement)?;
            match (site.verdict, site.site.declared) {
                (Verdict::Lazy, Some(declared)) => {
                    let how = match declared {
                        Declared::Keyword => "with the keyword",
                        Declared::List => "in __lazy_modules__",
                        Declared::Pragma => "with a comment",
                    };
                    writeln!(out, "lazy; its author says so {how}")?;
                }
                (Verdict::Lazy, None) => writeln!(out, "lazy")?,
                (Verdict::NotCandidate, _) => {
                    writeln!(out, "stays: imports in try, with, functions and classes are never made lazy")?;
                }
                (Verdict::Keep(reasons), _) => {
                    writeln!(out, "stays eager")?;
                    for reason in reasons {
                        let text = reason.kind.documentation();
                        writeln!(out, "  {}: {}", reason.kind, text.lines().next().unwrap_or_default())?;
                        for evidence in &reason.evidence {
                            let Some(lines) = Lines::of(run, evidence.module) else { continue };
                            let (line, column) = lines.position(evidence.range.start().to_usize());
                            let path = run.program.module(evidence.module).path.display();
                            writeln!(out, "    --> {path}:{line}:{column}: {}", sites::note(evidence))?;
                            let source = lines.line(line);
                            writeln!(out, "     {line:>5} | {source}")?;
                            let before: String = source
                                .chars()
                                .take(column.saturating_sub(1) as usize)
                                .map(|c| if c == '\t' { '\t' } else { ' ' })
                                .collect();
                            let width = (evidence.range.len().to_usize()).min(
                                source.chars().count().saturating_sub(column.saturating_sub(1) as usize),
                            );
                            writeln!(out, "           | {before}{}", "^".repeat(width.max(1)))?;
                        }
                    }
                }
            }
        }
    }
    Ok(found)
}
