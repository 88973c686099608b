//! Workflow commands of GitHub Actions, which show findings beside the changed lines.
//!
//! ```text
//! ::warning file=a.py,line=1,endLine=1,col=8,endColumn=12,title=could be lazy::import json could be lazy
//! ```

use std::io::{self, Write};

use super::conflicts::{self, WriterReport};
use super::sites::{self, Place, Report};
use crate::run::{Failure, Standing};

/// One command a finding, and an error for each file that failed.
pub fn annotations(report: &Report<'_>, all: bool, out: &mut impl Write) -> io::Result<()> {
    for file in &report.files {
        let path = sites::portable(report.path(file));
        let state = &report.run.states[file.index];
        if let Some(Failure { line, column, message, .. }) = &state.failure {
            let path = property(&path);
            writeln!(out, "::error file={path},line={line},col={column},title=dally::{}", data(message))?;
        }
        for site in &file.sites {
            let names = sites::names(site.reasons());
            let import = &site.statement();
            match site.standing {
                Standing::Pending | Standing::Withdrawn if site.known => {}
                Standing::Pending => {
                    let message = format!("{import} could be lazy");
                    annotation("warning", &path, &site.place, "could be lazy", &message, out)?;
                }
                Standing::Withdrawn => {
                    let message = format!("{import} is lazy and should be eager: {names}");
                    annotation("warning", &path, &site.place, "should be eager", &message, out)?;
                }
                Standing::Eager if all => {
                    let message = format!("{import} stays eager: {names}");
                    annotation("notice", &path, &site.place, "stays eager", &message, out)?;
                }
                Standing::Eager | Standing::Lazy | Standing::NotCandidate => {}
            }
        }
    }
    for conflict in conflicts::of(report) {
        let WriterReport { path, place, .. } = conflict.main();
        let path = sites::portable(path);
        annotation("notice", &path, place, "order of imports decides", &conflict.message(), out)?;
    }
    Ok(())
}

fn annotation(
    level: &str,
    path: &str,
    place: &Place,
    title: &str,
    message: &str,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(
        out,
        "::{level} file={},line={},endLine={},col={},endColumn={},title={}::{}",
        property(path),
        place.line,
        place.end_line,
        place.column,
        place.end_column,
        property(title),
        data(message)
    )
}

/// The text of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{data, property};

    #[test]
    fn what_has_a_meaning_is_escaped() {
        assert_eq!(data("100 %: a,\r\nb"), "100 %25: a,%0D%0Ab");
        assert_eq!(property("a,b:c%.py"), "a%2Cb%3Ac%25.py");
    }
}
