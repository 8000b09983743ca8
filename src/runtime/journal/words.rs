//! What a person says to an operation that another process carries out: a small private file each, put where that process looks, and
//! removed by whoever takes it.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Journal, nothing_written};
use crate::domain::{OperationId, PersonWord, Trouble};

/// What a person wants of an operation that runs or waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    pub at: Timestamp,
    /// user@host
    pub who: Arc<str>,
    pub wish: Wish,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    StopAndUndo,
    Word(PersonWord),
}

/// One that was put and may not have been taken yet.
#[derive(Debug)]
pub struct Letter(PathBuf);

/// No word is so long. What is longer is not ours.
const LONGEST: u64 = 4 << 10;

impl Journal {
    /// Appears whole or not at all. None is lost when another follows at once.
    pub fn put(&self, id: &OperationId, ask: &Ask) -> Result<Letter, Trouble> {
        // Two words of one process may have one time.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{:024}-{}-{number}", ask.at.as_nanosecond(), std::process::id());
        let path = self.words.join(format!("{}{name}", prefix(id)));
        let unfinished = self.words.join(format!(".new-{name}"));
        let text = serde_json::to_vec(ask).expect("an ask is plain strings");
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
            file.write_all(&text)?;
            fs::rename(&unfinished, &path)
        };
        let written: io::Result<()> = write();
        written.map_err(|error| {
            let _ = fs::remove_file(&unfinished);
            nothing_written(&self.words, &error)
        })?;
        Ok(Letter(path))
    }

    /// What was said to an operation since the last time, oldest first.
    pub fn take_words(&self, id: &OperationId) -> Vec<Ask> {
        let prefix = prefix(id);
        let entries = fs::read_dir(&self.words).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
            .map(|entry| entry.path())
            .collect();
        // Their names begin with their times.
        paths.sort();
        paths.iter().filter_map(|path| take(path)).collect()
    }
}

impl Letter {
    pub fn is_taken(&self) -> bool {
        !self.0.exists()
    }

    /// True: nobody had taken it, and nobody will.
    pub fn withdraw(self) -> bool {
        fs::remove_file(&self.0).is_ok()
    }
}

/// `None` also when it was withdrawn at the last moment: whoever removes it has it.
fn take(path: &Path) -> Option<Ask> {
    let is_short = fs::metadata(path).is_ok_and(|metadata| metadata.len() <= LONGEST);
    let text = if is_short { fs::read(path) } else { Ok(Vec::new()) };
    fs::remove_file(path).ok()?;
    serde_json::from_slice(&text.ok()?).ok()
}

fn prefix(id: &OperationId) -> String {
    // As for its file: a person types ids.
    let name: String = id.as_str().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!("{name}.")
}
