//! One file to its facts.
//!
//! Broken Python is data: what cannot be read or parsed has a [`Failure`] and the facts of an empty module. A file that an earlier
//! `apply` has rewritten has the facts of the text before.

use std::fs;
use std::path::Path;

use ruff_python_ast::ModModule;
use ruff_python_parser::ParseError;
use ruff_text_size::TextSize;
use rustc_hash::FxHashSet;

use super::{Failure, FileState, Request, View};
use crate::cache::{Cache, content_of};
use crate::facts::{self, Mark, MarkKind, ModuleFacts, World};
use crate::revert::{self, Which};
use crate::rewrite::{Form, Refusal};
use crate::runtime::{STAND_IN, is_runtime};
use crate::source::{LineIndex, SourceText};
use crate::verify;
use crate::wire::{Feed, Sink, Wire, fields};
use crate::write::plain;

/// Reads the files of one kind: the project's, or those of an environment.
pub(super) struct Reader {
    form: Form,
    rewrite: bool,
    world: World,
    cache: Option<Cache>,
}

impl Reader {
    pub fn new(request: &Request, world: World) -> Self {
        Self::of(request, request.form, request.rewrite, world)
    }

    /// For what is analysed and never rewritten.
    pub fn of_packages(request: &Request, world: World) -> Self {
        Self::of(request, Form::Build, false, world)
    }

    fn of(request: &Request, form: Form, rewrite: bool, world: World) -> Self {
        // What is made of a file depends on these and on its content, and on nothing else.
        let cache = request.cache.as_ref().filter(|_| form == Form::Apply || !rewrite);
        let cache = cache.map(|folder| Cache::open(folder, &format!("{world:?} {form:?}")));
        Self { form, rewrite, world, cache }
    }

    /// Where what is read runs.
    pub fn world(&self) -> World {
        self.world
    }

    /// The cache, if one is used.
    pub fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    /// The facts of a file.
    pub fn read(&self, path: &Path) -> (ModuleFacts, FileState) {
        let made = |bytes| self.make(bytes);
        let read = match &self.cache {
            Some(cache) => cache.read(path, made),
            None => fs::read(path).map(|bytes| {
                let content = content_of(&bytes);
                (made(bytes), content)
            }),
        };
        match read {
            Ok(((facts, state), content)) => (facts, FileState { content, ..state }),
            Err(error) => failed(self.world, io_failure(&error)),
        }
    }

    /// The cache, which has to be finished.
    pub fn into_cache(self) -> Option<Cache> {
        self.cache
    }

    fn make(&self, bytes: Vec<u8>) -> (ModuleFacts, FileState) {
        // Decisions must not depend on whether an earlier run has put it there.
        let bytes = if is_runtime(&bytes) { STAND_IN.into() } else { bytes };
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
                return failed(self.world, failure);
            }
        };
        let text = source.text();
        let module = match parse(text) {
            Ok(module) => module,
            Err(error) => return failed(self.world, syntax_failure(text, &error)),
        };
        // A tree that `build` copies keeps its forms, because it keeps its lines.
        let reverted = match self.form {
            Form::Apply => revert::revert(text, &module, Which::Applied),
            Form::Build => Ok(None),
        };
        let (reverted, edited) = match reverted {
            Ok(reverted) => (reverted, None),
            Err(refusal) => (None, Some(refused(text, &refusal))),
        };
        let Some(reverted) = reverted else {
            let facts = facts::extract(text, &module, self.world);
            let fingerprint = self.rewrite.then(|| verify::fingerprint(&module));
            return (facts, FileState { fingerprint, edited, ..FileState::default() });
        };
        let facts = facts::extract(&reverted.text, &reverted.tree, self.world);
        let fingerprint = self.rewrite.then(|| verify::fingerprint(&reverted.tree));
        let lazy: FxHashSet<_> = reverted.lazy.into_iter().collect();
        let applied = facts.sites.iter().enumerate().filter_map(|(index, site)| {
            lazy.contains(&(facts.imports[site.stmt as usize].range.start(), site.bound)).then_some(index)
        });
        let view = View { applied: applied.collect(), map: reverted.map };
        (facts, FileState { fingerprint, view: Some(view), ..FileState::default() })
    }
}

/// Where a module reads files while it loads that are not there.
pub(super) fn lacking(path: &Path, facts: &ModuleFacts) -> Vec<TextSize> {
    let is_there = |file: &str| {
        let mut folders = path.ancestors().skip(1);
        match file.strip_prefix('.') {
            Some(_) => folders.next().is_some_and(|folder| folder.join(file).exists()),
            // In which folder the program runs, is not known: perhaps in one around the module.
            None => folders.any(|folder| folder.join(file).exists()) || Path::new(file).exists(),
        }
    };
    let lacks = |mark: &Mark| match mark.kind {
        MarkKind::NeedsFile(file) => !is_there(file.as_str()),
        _ => false,
    };
    facts.marks.iter().filter(|mark| lacks(mark)).map(|mark| mark.range.start()).collect()
}

/// What cannot be read counts as an empty module; `broken` says that it is none.
fn failed(world: World, failure: Failure) -> (ModuleFacts, FileState) {
    let facts =
        parse("").map_or_else(|_| ModuleFacts::default(), |module| facts::extract("", &module, world));
    (facts, FileState { failure: Some(failure), ..FileState::default() })
}

impl Wire for FileState {
    fn put(&self, out: &mut Sink) {
        // The hash of the content is what it is found by, and the fingerprint is made when it is needed.
        let Self { content: _, fingerprint: _, failure, view, edited } = self;
        failure.put(out);
        view.put(out);
        edited.put(out);
    }
    fn get(feed: &mut Feed<'_>) -> Self {
        let (failure, view) = Wire::get(feed);
        Self { failure, view, edited: Wire::get(feed), ..Self::default() }
    }
}

impl Wire for View {
    fn put(&self, out: &mut Sink) {
        self.map.put(out);
        let mut applied: Vec<usize> = self.applied.iter().copied().collect();
        applied.sort_unstable();
        applied.put(out);
    }
    fn get(feed: &mut Feed<'_>) -> Self {
        let map = Wire::get(feed);
        Self { map, applied: Vec::get(feed).into_iter().collect() }
    }
}

fields! { Failure { line, column, message, syntax, refused } }

pub(super) fn parse(text: &str) -> Result<ModModule, ParseError> {
    ruff_python_parser::parse_module(text).map(ruff_python_parser::Parsed::into_syntax)
}

pub(super) fn failure_at(text: &str, at: usize, message: String, refused: bool) -> Failure {
    let position = LineIndex::new(text).position(text, at);
    Failure { line: position.line, column: position.column, message, syntax: false, refused }
}

pub(super) fn refused(text: &str, refusal: &Refusal) -> Failure {
    failure_at(text, refusal.at.to_usize(), format!("left alone: {}", refusal.message), true)
}

pub(super) fn io_failure(error: &std::io::Error) -> Failure {
    let message = format!("cannot be read: {}", plain(error));
    Failure { line: 1, column: 1, message, syntax: false, refused: false }
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
