//! Completions and man pages, from the same declarations as the arguments.

use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;

use super::arguments::{Arguments, CompletionsArgs, ManArgs};
use super::{CliError, Status};
use crate::write::add_file;

/// `dally completions SHELL`
pub fn completions(args: &CompletionsArgs) -> Result<Status, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "dally", &mut script);
    let mut out = io::stdout().lock();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Status::Done)
}

/// `dally man FOLDER`: `dally.1` and a page for each command.
pub fn man(args: &ManArgs) -> Result<Status, CliError> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    page(&command, &args.folder)?;
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        page(command, &args.folder)?;
    }
    Ok(Status::Done)
}

fn page(command: &clap::Command, folder: &Path) -> Result<(), CliError> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    add_file(&folder.join(format!("{name}.1")), &text).map_err(|error| CliError::Message(error.to_string()))
}
