//! Where snapshots are kept: a repository in the restic format, so that what this writes, the `restic` program reads, checks and restores
//! too. The library that does it blocks, so everything here is for threads that may wait.

use std::{cmp::Reverse, io::Write, path::Path};

use rustic_core::{
    Credentials, OpenStatus, RusticError,
    repofile::{SnapshotFile, SnapshotId as FileId},
};
use tokio::runtime::Handle;

use crate::{
    config::place::Place,
    domain::{Item, Listing, Proof, Snapshot, SnapshotId, Standing, Trouble},
};

mod access;
mod archive;
mod bucket;
mod fault;
mod incoming;
mod note;
mod outgoing;
pub mod password;
mod proof;
mod prune;
pub mod retention;
mod watched;

pub use self::{
    access::Access,
    incoming::{Incoming, Outlet, Unread, incoming},
    note::Note,
    outgoing::{Outgoing, outgoing},
    password::Password,
    prune::{GRACE, PrunePlan},
    retention::Retained,
};
use self::{
    fault::{Cause, Fault},
    watched::Refusal,
};

/// While it is listed, others add to it and take from it; what was listed may be gone when it is read.
const LISTED_AGAIN: usize = 5;

/// An open one.
pub struct Repository {
    inner: rustic_core::Repository<OpenStatus>,
    access: Access,
    runtime: Handle,
    refusal: Refusal,
}

impl Repository {
    pub fn place(&self) -> &Place {
        &self.access.place
    }

    /// What is ours in it; what others keep in the same repository is left out. Reads all of them: on a repository that is far away and not
    /// cached, a request for each.
    pub fn listing(&self) -> Result<Listing, Trouble> {
        let (files, unreadable) = self.files()?;
        let mut snapshots: Vec<Snapshot> = files.iter().filter_map(note::snapshot).collect();
        snapshots.sort_by_key(|snapshot| Reverse(snapshot.at));
        let mut proofs: Vec<Proof> = files.iter().filter_map(proof::of).collect();
        proofs.sort_by_key(|proof| Reverse(proof.at));
        Ok(Listing { snapshots, proofs, unreadable })
    }

    /// Newest first.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, Trouble> {
        Ok(self.listing()?.snapshots)
    }

    /// Newest first.
    pub fn proofs(&self) -> Result<Vec<Proof>, Trouble> {
        Ok(self.listing()?.proofs)
    }

    pub fn snapshot(&self, id: &SnapshotId) -> Result<Snapshot, Trouble> {
        let file = self.file(id)?;
        note::snapshot(&file)
            .ok_or_else(|| Trouble::new(format!("could not read the snapshot {id}"), "it was not made by midwatch"))
    }

    /// The newest of an item that was made for this wish and stands so.
    pub fn marked(&self, mark: &str, item: &Item, standing: Standing) -> Result<Option<Snapshot>, Trouble> {
        let (files, _) = self.files()?;
        let ours = files.iter().filter(|file| {
            Note::of(file).is_some_and(|note| *note.mark == *mark && note.item == *item && note.standing == standing)
        });
        Ok(ours.max_by_key(|file| file.time.timestamp()).and_then(note::snapshot))
    }

    /// Writes a file of a snapshot out.
    pub fn read(&self, snapshot: &SnapshotId, file: &str, to: &mut impl Write) -> Result<(), Trouble> {
        let what = format!("could not read {file} of the snapshot {snapshot}");
        let failed = |error: Box<RusticError>| fault::trouble(&what, &error);
        let found = self.file(snapshot)?;
        let indexed = self.again(rustic_core::Repository::to_indexed).map_err(failed)?;
        let path = archive::folder(&found).join(file);
        let node = indexed.node_from_path(found.tree, Path::new(&path)).map_err(failed)?;
        indexed.dump(&node, to).map_err(failed)
    }

    /// Another handle, since an index takes one for itself. By the key that is known already, for a password is slow to try.
    fn again<T>(
        &self,
        indexed: impl Fn(rustic_core::Repository<OpenStatus>) -> Result<T, Box<RusticError>>,
    ) -> Result<T, Box<RusticError>> {
        listed_again(|| {
            let closed = self.access.closed(self.runtime.clone(), self.refusal.clone())?;
            closed.open(&Credentials::Masterkey(self.inner.key())).and_then(&indexed)
        })
    }

    /// What went wrong with a write is known better to the place than to the library.
    fn failed(&self, what: &str, error: &RusticError) -> Trouble {
        self.refusal.take().unwrap_or_else(|| Fault::of(error)).trouble(what)
    }

    /// Those that are damaged apart: what else is there is worth the more. The library leaves out whatever it cannot read.
    fn files(&self) -> Result<(Vec<SnapshotFile>, Vec<Trouble>), Trouble> {
        let what = format!("could not list the snapshots in {}", self.place());
        let read = || {
            let (mut files, mut unreadable) = (Vec::new(), Vec::new());
            for read in self.inner.stream_files::<SnapshotFile>()? {
                match read {
                    Ok((id, file)) => files.push(SnapshotFile { id, ..file }),
                    Err(error) if Fault::of(&error).cause == Cause::Damaged => {
                        unreadable.push(fault::trouble("could not read a snapshot", &error));
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok((files, unreadable))
        };
        listed_again(read).map_err(|error| fault::trouble(&what, &error))
    }

    fn file(&self, snapshot: &SnapshotId) -> Result<SnapshotFile, Trouble> {
        let (files, _) = self.files()?;
        files.into_iter().find(|file| is(file.id, snapshot)).ok_or_else(|| {
            Trouble::new(format!("there is no snapshot {snapshot} in {}", self.place()), "it was removed meanwhile")
        })
    }
}

fn is(file: FileId, snapshot: &SnapshotId) -> bool {
    &*file.to_hex() == snapshot.as_str()
}

fn listed_again<T>(mut read: impl FnMut() -> Result<T, Box<RusticError>>) -> Result<T, Box<RusticError>> {
    for _ in 1..LISTED_AGAIN {
        match read() {
            Err(error) if Fault::of(&error).cause == Cause::Gone => {}
            done => return done,
        }
    }
    read()
}
