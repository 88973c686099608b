//! One file to its facts.
//!
//! Broken Python is data: what cannot be read or parsed has a [`Failure`] and the facts of an empty module. A file that an earlier
//! `apply` has rewritten has the facts of the text before.

use std::fs;
use std::hash::{Hash, Hasher};
use std::path::Path;

use ruff_python_ast::ModModule;
use ruff_python_parser::ParseError;
use rustc_hash::{FxHashSet, FxHasher};

use super::{Failure, FileState, Request, View};
use crate::facts::{self, ModuleFacts, World};
use crate::revert::{self, Which};
use crate::rewrite::{Form, Refusal};
use crate::source::{LineIndex, SourceText};
use crate::verify;

pub(super) fn read(path: &Path, request: &Request, world: World) -> (ModuleFacts, FileState) {
    // What cannot be read counts as an empty module; `broken` says that it is none.
    let failed = |hash, failure| {
        let facts =
            parse("").map_or_else(|_| ModuleFacts::default(), |module| facts::extract("", &module, world));
        (facts, FileState { hash, fingerprint: None, failure: Some(failure), view: None, edited: None })
    };
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return failed(0, io_failure(&error)),
    };
    let hash = hash(&bytes);
    let source = match SourceText::decode(bytes) {
        Ok(source) => source,
        Err(error) => {
            let failure = Failure {
                line: error.line,
                column: error.column,
                message: error.to_string(),
                syntax: true,
                refused: false,
            };
            return failed(hash, failure);
        }
    };
    let text = source.text();
    let module = match parse(text) {
        Ok(module) => module,
        Err(error) => return failed(hash, syntax_failure(text, &error)),
    };
    // A tree that `build` copies keeps its forms, because it keeps its lines.
    let reverted = match request.form {
        Form::Apply => revert::revert(text, &module, Which::Applied),
        Form::Build => Ok(None),
    };
    let (reverted, edited) = match reverted {
        Ok(reverted) => (reverted, None),
        Err(refusal) => (None, Some(refused(text, &refusal))),
    };
    let Some(reverted) = reverted else {
        let facts = facts::extract(text, &module, world);
        let fingerprint = request.rewrite.then(|| verify::fingerprint(&module));
        return (facts, FileState { hash, fingerprint, failure: None, view: None, edited });
    };
    let facts = facts::extract(&reverted.text, &reverted.tree, world);
    let fingerprint = request.rewrite.then(|| verify::fingerprint(&reverted.tree));
    let lazy: FxHashSet<_> = reverted.lazy.into_iter().collect();
    let applied = facts.sites.iter().enumerate().filter_map(|(index, site)| {
        lazy.contains(&(facts.imports[site.stmt as usize].range.start(), site.bound)).then_some(index)
    });
    let view = View { applied: applied.collect(), map: reverted.map };
    (facts, FileState { hash, fingerprint, failure: None, view: Some(view), edited })
}

pub(super) fn parse(text: &str) -> Result<ModModule, ParseError> {
    ruff_python_parser::parse_module(text).map(ruff_python_parser::Parsed::into_syntax)
}

pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    bytes.hash(&mut hasher);
    hasher.finish()
}

pub(super) fn failure_at(text: &str, at: usize, message: String, refused: bool) -> Failure {
    let position = LineIndex::new(text).position(text, at);
    Failure { line: position.line, column: position.column, message, syntax: false, refused }
}

pub(super) fn refused(text: &str, refusal: &Refusal) -> Failure {
    failure_at(text, refusal.at.to_usize(), format!("left alone: {}", refusal.message), true)
}

pub(super) fn io_failure(error: &std::io::Error) -> Failure {
    Failure { line: 1, column: 1, message: format!("cannot be read: {error}"), syntax: false, refused: false }
}

pub(super) fn syntax_failure(text: &str, error: &ParseError) -> Failure {
    let position = LineIndex::new(text).position(text, error.location.start().to_usize());
    Failure {
        line: position.line,
        column: position.column,
        message: format!("syntax error: {}", error.error),
        syntax: true,
        refused: false,
    }
}

/// Lines as Python counts them.
pub(super) fn count_lines(text: &str) -> usize {
    let bytes = text.as_bytes();
    let line_feeds = bytes.iter().filter(|b| **b == b'\n').count();
    let returns = bytes.iter().filter(|b| **b == b'\r').count();
    let pairs = bytes.windows(2).filter(|w| w == b"\r\n").count();
    line_feeds + returns - pairs
}
