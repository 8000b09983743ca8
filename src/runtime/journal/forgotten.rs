//! What was let go of repositories: by whom, what, and how that ended. Beside the operations, for it is none of them: it touches nothing
//! that runs, and what was cut off in the middle is just asked for again.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    sync::Arc,
};

use jiff::Timestamp;
use serde::Serialize;

use super::{Hold, Journal, line, nothing_written};
use crate::{
    config::place::Place,
    domain::{Snapshot, SnapshotId, Trouble},
};

const FILE: &str = "forgotten.jsonl";
/// The file before, when it was as long as it may be.
const BEFORE: &str = "forgotten-before.jsonl";
const LARGEST: u64 = 4 << 20;

/// A repository, kept from everybody else of this machine who would let something of it go.
#[derive(Debug)]
pub struct LettingGo {
    journal: Journal,
    began: Timestamp,
    repository: String,
    _hold: Hold,
}

#[derive(Serialize)]
struct Goes<'a> {
    at: Timestamp,
    who: &'a str,
    process: u32,
    repository: &'a str,
    goes: Vec<Gone<'a>>,
}

#[derive(Serialize)]
struct Gone<'a> {
    snapshot: &'a SnapshotId,
    at: Timestamp,
    item: String,
}

#[derive(Serialize)]
struct Ended<'a> {
    at: Timestamp,
    began: Timestamp,
    repository: &'a str,
    says: &'a str,
}

impl Journal {
    /// On disk before anything goes. Refused while another process is at it.
    pub fn lets_go(
        &self,
        repository: &Place,
        snapshots: &[Snapshot],
        who: &Arc<str>,
        at: Timestamp,
    ) -> Result<LettingGo, Trouble> {
        let repository = repository.to_string();
        let title = format!("letting snapshots go in {repository}").into();
        let hold = self.hold_named(&repository, &title, who, at)?;
        let goes = snapshots.iter().map(|snapshot| Gone {
            snapshot: &snapshot.id,
            at: snapshot.at,
            item: format!("{} of {}", snapshot.item.what(), snapshot.item.service),
        });
        let goes = Goes { at, who, process: std::process::id(), repository: &repository, goes: goes.collect() };
        self.append_forgotten(&goes)?;
        Ok(LettingGo { journal: self.clone(), began: at, repository, _hold: hold })
    }

    fn append_forgotten(&self, of: &impl Serialize) -> Result<(), Trouble> {
        let path = self.state.join(FILE);
        let append = || {
            if fs::metadata(&path).is_ok_and(|file| file.len() >= LARGEST) {
                fs::rename(&path, self.state.join(BEFORE))?;
            }
            let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
            file.write_all(&line(of)?)?;
            file.sync_data()
        };
        append().map_err(|error| nothing_written(&self.state, &error))
    }
}

impl LettingGo {
    /// How it ended, in a person's words.
    pub fn ended(self, at: Timestamp, says: &str) -> Result<(), Trouble> {
        let Self { journal, began, repository, .. } = &self;
        journal.append_forgotten(&Ended { at, began: *began, repository, says })
    }
}
