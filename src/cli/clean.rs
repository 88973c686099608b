//! `dally clean`: without the cache.

use std::io::Write;
use std::path::Path;

use super::arguments::CleanArgs;
use super::{CliError, Status, messages};
use crate::cache;
use crate::config::Config;
use crate::write::plain;

pub fn run(args: &CleanArgs) -> Result<Status, CliError> {
    if !args.project.exists() {
        return Err(CliError::Message(format!("{}: no such file or folder", args.project.display())));
    }
    let config = Config::load(&args.project, args.config.as_deref()).map_err(CliError::Config)?;
    let beside = || config.project_root.join(cache::FOLDER);
    let folder = args.cache_dir.clone().or(config.cache_dir.clone()).unwrap_or_else(beside);
    let shown = folder.display();
    let said = |text: &str| -> Result<Status, CliError> {
        if !args.quiet {
            writeln!(messages(), "{shown}: {text}")?;
        }
        Ok(Status::Done)
    };
    if !Path::new(&folder).exists() {
        return said("there is no cache");
    }
    match cache::clean(&folder) {
        Ok(true) => said("removed"),
        Ok(false) => Err(CliError::Message(format!("{shown}: this is no cache of dally"))),
        Err(error) => Err(CliError::Message(format!("cannot remove {shown}: {}", plain(&error)))),
    }
}
