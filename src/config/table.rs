//! A TOML table whose errors know their line.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ConfigError, NamePatterns, PYPROJECT, PathPatterns, PatternError, PythonVersion};
use crate::source::LineIndex;
use crate::write::plain;

/// A configuration file and its text.
pub(super) struct Document {
    path: PathBuf,
    text: String,
}

impl Document {
    /// Reads a file; `None` if there is no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, ConfigError> {
        // Opening a pipe would wait for whoever writes into it.
        if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            let message = "cannot be read: not a file".to_owned();
            return Err(ConfigError { path: path.to_path_buf(), line: None, message });
        }
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(Self { path: path.to_path_buf(), text })),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(ConfigError {
                path: path.to_path_buf(),
                line: None,
                message: format!("cannot be read: {}", plain(&error)),
            }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the keys stand at the top level and not in `[tool.dally]`.
    pub(super) fn is_own_file(&self) -> bool {
        self.path.file_name().is_none_or(|name| name != PYPROJECT)
    }

    /// Whether it is worth parsing the file at all.
    pub(super) fn mentions_dally(&self) -> bool {
        self.text.contains("dally")
    }

    pub(super) fn error(&self, offset: Option<usize>, message: String) -> ConfigError {
        ConfigError {
            path: self.path.clone(),
            line: offset.map(|offset| LineIndex::new(&self.text).line(offset)),
            message,
        }
    }

    /// Parses the file and hands on the table at a path of keys.
    pub(super) fn with_table<T>(
        &self,
        path: &[&str],
        then: impl FnOnce(Option<Table<'_>>) -> Result<T, ConfigError>,
    ) -> Result<T, ConfigError> {
        let root = DeTable::parse(&self.text).map_err(|error| {
            let offset = error.span().map(|span| span.start);
            self.error(offset, format!("not valid TOML: {}", error.message()))
        })?;
        let mut at = root.get_ref();
        for (depth, key) in path.iter().enumerate() {
            let found = at.iter().find(|(name, _)| name.get_ref() == key);
            let Some((_, value)) = found else {
                return then(None);
            };
            at = match value.get_ref() {
                DeValue::Table(table) => table,
                other => {
                    let name = path[..=depth].join(".");
                    let message = format!("`{name}` must be a table, not {}", kind_of(other));
                    return Err(self.error(Some(value.span().start), message));
                }
            };
        }
        then(Some(Table { document: self, entries: at, name: path.join(".") }))
    }
}

/// A table to be read key by key.
pub(super) struct Table<'a> {
    document: &'a Document,
    entries: &'a DeTable<'a>,
    /// Dotted name; empty at the top.
    name: String,
}

impl Table<'_> {
    /// Calls `take` for every key, in the order of the file.
    pub(super) fn read(
        &self,
        mut take: impl FnMut(&str, &Entry<'_>) -> Result<(), ConfigError>,
    ) -> Result<(), ConfigError> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let entry = Entry { table: self, key, value };
            take(key.get_ref(), &entry)?;
        }
        Ok(())
    }
}

/// A key and its value.
pub(super) struct Entry<'a> {
    table: &'a Table<'a>,
    key: &'a Spanned<std::borrow::Cow<'a, str>>,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Entry<'a> {
    /// The line of the value, counted from 1.
    pub(super) fn line(&self) -> u32 {
        LineIndex::new(&self.table.document.text).line(self.value.span().start)
    }

    fn error(&self, message: String) -> ConfigError {
        let offset = Some(self.value.span().start);
        self.table.document.error(offset, message)
    }

    fn wrong(&self, expected: &str) -> ConfigError {
        let kind = kind_of(self.value.get_ref());
        self.error(format!("`{}` must be {expected}, not {kind}", self.key.get_ref()))
    }

    /// The error for a key that does not exist.
    pub(super) fn unknown(&self, known: &[&str]) -> ConfigError {
        let key = self.key.get_ref();
        let place = match self.table.name.as_str() {
            "" => String::new(),
            name => format!(" in [{name}]"),
        };
        let help = match closest(key, known) {
            Some(close) => format!("; did you mean `{close}`?"),
            None if self.table.name.is_empty() && key == "tool" => {
                "; in this file the keys stand at the top, without [tool.dally]".to_owned()
            }
            None => format!("; known are {}", listed(known)),
        };
        let offset = Some(self.key.span().start);
        let message = format!("unknown key `{key}`{place}{help}");
        self.table.document.error(offset, message)
    }

    fn string(&self, expected: &str) -> Result<&'a str, ConfigError> {
        self.value.get_ref().as_str().ok_or_else(|| self.wrong(expected))
    }

    /// One of the values of an enum.
    pub(super) fn choice<E: ValueEnum>(&self) -> Result<E, ConfigError> {
        let values: Vec<_> = E::value_variants().iter().filter_map(E::to_possible_value).collect();
        let names: Vec<&str> = values.iter().map(clap::builder::PossibleValue::get_name).collect();
        let given = self.string(&format!("one of {}", listed(&names)))?;
        E::from_str(given, false).map_err(|_| {
            let close =
                closest(given, &names).map_or_else(String::new, |close| format!("; did you mean `{close}`?"));
            let key = self.key.get_ref();
            self.error(format!("`{key}` must be one of {}, not `{given}`{close}", listed(&names)))
        })
    }

    pub(super) fn version(&self) -> Result<PythonVersion, ConfigError> {
        if let DeValue::Float(number) = self.value.get_ref() {
            let (key, number) = (self.key.get_ref(), number.as_str());
            return Err(self.error(format!("`{key}` must be a string: write {key} = \"{number}\"")));
        }
        let given = self.string("a string like \"3.11\"")?;
        given.parse().map_err(|error| self.error(format!("`{}`: {error}", self.key.get_ref())))
    }

    pub(super) fn path(&self) -> Result<PathBuf, ConfigError> {
        self.string("a path").map(PathBuf::from)
    }

    /// A dotted module name.
    pub(super) fn module(&self) -> Result<String, ConfigError> {
        let given = self.string("a module name")?;
        if given.split('.').all(crate::discover::is_importable) {
            Ok(given.to_owned())
        } else {
            let key = self.key.get_ref();
            Err(self.error(format!("`{key}` must be a module name like `company._dally`, not `{given}`")))
        }
    }

    fn strings(&self) -> Result<Vec<(&'a str, usize)>, ConfigError> {
        let expected = "a list of strings";
        let list = self.value.get_ref().as_array().ok_or_else(|| self.wrong(expected))?;
        list.iter()
            .map(|item| match item.get_ref() {
                DeValue::String(text) => Ok((&**text, item.span().start)),
                other => {
                    let key = self.key.get_ref();
                    let message = format!("`{key}` must be {expected}, but this is {}", kind_of(other));
                    Err(self.table.document.error(Some(item.span().start), message))
                }
            })
            .collect()
    }

    pub(super) fn paths(&self) -> Result<Vec<PathBuf>, ConfigError> {
        let strings = self.strings()?;
        Ok(strings.into_iter().map(|(text, _)| PathBuf::from(text)).collect())
    }

    pub(super) fn path_patterns(&self) -> Result<PathPatterns, ConfigError> {
        self.patterns(PathPatterns::new)
    }

    pub(super) fn name_patterns(&self) -> Result<NamePatterns, ConfigError> {
        self.patterns(NamePatterns::new)
    }

    fn patterns<P>(
        &self,
        make: impl FnOnce(&[&'a str]) -> Result<P, PatternError>,
    ) -> Result<P, ConfigError> {
        let strings = self.strings()?;
        let texts: Vec<&'a str> = strings.iter().map(|(text, _)| *text).collect();
        make(&texts).map_err(|error| {
            let at = strings.iter().find(|(text, _)| *text == error.pattern);
            let offset = at.map(|(_, offset)| *offset);
            let message = format!("`{}`: {error}", self.key.get_ref());
            self.table.document.error(offset, message)
        })
    }

    pub(super) fn table(&self) -> Result<Table<'a>, ConfigError> {
        let entries = self.value.get_ref().as_table().ok_or_else(|| self.wrong("a table"))?;
        let key = self.key.get_ref();
        let name = match self.table.name.as_str() {
            "" => key.to_string(),
            above => format!("{above}.{key}"),
        };
        Ok(Table { document: self.table.document, entries, name })
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// The known name that was probably meant.
pub(crate) fn closest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let given = given.to_lowercase().replace('_', "-");
    let allowed = (given.chars().count() / 3).clamp(1, 3);
    known
        .iter()
        .map(|name| (distance(&given, name), *name))
        .min()
        .filter(|(distance, _)| *distance <= allowed)
        .map(|(_, name)| name)
}

/// Edits (insert, delete, replace, swap neighbours) between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
