//! What a run has to say besides its result: on standard error, a line each, with the place.

use std::fs;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use ruff_text_size::TextSize;

use super::messages;
use crate::config::{PythonVersion, Target};
use crate::discover::Discovery;
use crate::facts::{ImportStmt, MarkKind};
use crate::report::sites::{portable, shown};
use crate::run::{Request, Run, Times};
use crate::source::{LineIndex, SourceText};

/// Prints which paths could not be looked through; gives whether there were any.
pub(super) fn report_paths(discovery: &Discovery) -> io::Result<bool> {
    for problem in &discovery.problems {
        let standard_input = problem.path.as_os_str() == "-";
        let help = if standard_input { "; dally reads files, not standard input" } else { "" };
        writeln!(messages(), "{}: error: {}{help}", shown(&problem.path), problem.message)?;
    }
    Ok(!discovery.problems.is_empty())
}

/// Prints what went wrong with single files and paths; gives whether anything counts as a failure.
pub(super) fn report_problems(run: &Run, build: bool) -> io::Result<bool> {
    let mut failed = report_paths(&run.discovery)?;
    let mut stderr = messages();
    for (file, state) in run.discovery.files.iter().zip(&run.states) {
        let Some(failure) = &state.failure else { continue };
        if !file.selected {
            continue;
        }
        // Templates and Python 2 leftovers are part of many trees.
        let warning = build && failure.syntax;
        let kind = if warning { "warning" } else { "error" };
        let at = format!("{}:{}:{}", shown(&file.path), failure.line, failure.column);
        writeln!(
            stderr,
            "{at}: {kind}: {}{}",
            failure.message,
            if warning { " (copied as it is)" } else { "" }
        )?;
        failed |= !warning;
    }
    drop(stderr);
    report_imports(run)?;
    Ok(failed)
}

/// Names imports about which there is something to say: comments that read like pragmas and have no effect, and `lazy import` where
/// it cannot be replaced.
fn report_imports(run: &Run) -> io::Result<()> {
    let mut stderr = messages();
    for (index, (file, state)) in run.discovery.files.iter().zip(&run.states).enumerate() {
        let Some(facts) = run.facts(index).filter(|_| file.selected) else { continue };
        let idle = facts.marks.iter().filter(|mark| mark.kind == MarkKind::PragmaWithoutEffect);
        let mut found: Vec<(TextSize, &str)> =
            idle.map(|mark| (mark.range.start(), PRAGMA_WITHOUT_EFFECT)).collect();
        if run.options.target == Target::Proxy && run.options.first < PythonVersion::NEWEST {
            let lazy = run.verdicts[index].lazy();
            let stays = |import: &&ImportStmt| {
                let mut sites =
                    (0..).zip(&facts.sites).filter(|(_, site)| site.stmt == import.index).peekable();
                import.lazy_keyword
                    && (sites.peek().is_none() || sites.any(|(site, _): (usize, _)| !lazy[site]))
            };
            found.extend(
                facts.imports.iter().filter(stays).map(|import| (import.range.start(), KEYWORD_STAYS)),
            );
        }
        if found.is_empty() {
            continue;
        }
        let Some(source) = fs::read(&file.absolute).ok().and_then(|bytes| SourceText::decode(bytes).ok())
        else {
            continue;
        };
        found.sort_unstable();
        let lines = LineIndex::new(source.text());
        for (at, message) in found {
            let at = state.view.as_ref().map_or(at, |view| view.map.to_old(at));
            let place = lines.position(source.text(), at.to_usize());
            let path = shown(&file.path);
            writeln!(stderr, "{path}:{}:{}: warning: {message}", place.line, place.column)?;
        }
    }
    Ok(())
}

const PRAGMA_WITHOUT_EFFECT: &str = "the pragma has no effect; `# dally: eager` and `# dally: lazy` stand behind an import, and \
    `lazy` only at module level outside of `try` and `with`";

const KEYWORD_STAYS: &str = "`lazy import` stays as it is here, and Python before 3.15 cannot read it";

/// Names the files whose lazy forms somebody has edited so that dally leaves them alone.
pub(super) fn report_edited(run: &Run) -> io::Result<()> {
    let mut stderr = messages();
    for (file, state) in run.discovery.files.iter().zip(&run.states).filter(|(file, _)| file.selected) {
        if let Some(edited) = &state.edited {
            let at = format!("{}:{}:{}", shown(&file.path), edited.line, edited.column);
            writeln!(stderr, "{at}: warning: {}", edited.message)?;
        }
    }
    Ok(())
}

/// Says so if what is written does not run on every Python that the project supports.
pub(super) fn report_target(request: &Request, run: &Run) -> io::Result<()> {
    report_cache(run)?;
    let config = &request.config;
    let oldest = request.python_version.or(config.python_version).or(config.minimum_version);
    if run.options.target == Target::Native
        && let Some(oldest) = oldest.filter(|oldest| *oldest < PythonVersion::NEWEST)
    {
        let newest = PythonVersion::NEWEST;
        writeln!(
            messages(),
            "warning: `lazy import` needs Python {newest}, and the project is to run on {oldest}; the target `proxy` runs on both"
        )?;
    }
    Ok(())
}

/// Says so if the cache is of no use. Results are the same without it.
pub(super) fn report_cache(run: &Run) -> io::Result<()> {
    static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());
    match &run.cache.failure {
        Some(failure) => {
            // Several projects may share the folder.
            let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
            if said.contains(failure) {
                return Ok(());
            }
            said.push(failure.clone());
            writeln!(messages(), "warning: no cache is kept: {failure}; `--no-cache` does without")
        }
        None => Ok(()),
    }
}

/// Says so if part of the tree that `build` copies has a configuration of its own.
pub(super) fn report_apart(run: &Run) -> io::Result<()> {
    for path in run.apart.iter().filter(|_| run.tree.is_some()) {
        let used = run.configuration.as_deref().map_or("none".to_owned(), portable);
        writeln!(
            messages(),
            "{}: warning: not used: what is built is one program and has one configuration ({used})",
            portable(path)
        )?;
    }
    Ok(())
}

/// For `--verbose`: the environment and the time of the stages.
pub(super) fn report_work(run: &Run) -> io::Result<()> {
    let mut stderr = messages();
    if let Some(packages) = &run.packages {
        let modules = run.modules.len() - run.discovery.files.len();
        let python = packages.python.as_deref().map_or(String::new(), |python| format!(", Python {python}"));
        let folder = packages.folder.display();
        writeln!(stderr, "environment: {folder}{python}, {modules} modules of its packages are reached")?;
        let lacking = if packages.named { Vec::new() } else { packages.lacking(&run.required) };
        if !lacking.is_empty() {
            let lacking = lacking.join(", ");
            writeln!(
                stderr,
                "it lacks what the project requires ({lacking}); so other packages may exist as well"
            )?;
        }
    }
    let crate::cache::Use { found, made, decisions, .. } = run.cache;
    if found + made > 0 {
        let decisions = if decisions { "; its decisions hold" } else { "" };
        writeln!(stderr, "cache: {found} files found, {made} new{decisions}")?;
    }
    let Times { discover, facts, packages, decide, cache } = run.times;
    let stages = [
        ("listing files", discover),
        ("reading", facts),
        ("packages", packages),
        ("deciding", decide),
        ("writing the cache", cache),
    ];
    let shown: Vec<String> =
        stages.iter().map(|(stage, t)| format!("{stage} {:.2} s", t.as_secs_f64())).collect();
    writeln!(stderr, "times: {}", shown.join(", "))
}
