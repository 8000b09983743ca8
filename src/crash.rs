//! The report of a panic, where its owner finds it.

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::config::paths::create_private_directory;

/// `None` where it cannot be written: then it has to go to the terminal.
pub fn write(state: &Path, report: &str) -> Option<PathBuf> {
    create_private_directory(state).ok()?;
    let path = state.join(format!("crash-{}.txt", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).ok()?;
    file.write_all(report.as_bytes()).ok()?;
    Some(path)
}
