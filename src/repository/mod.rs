//! Where snapshots are kept: a repository in the restic format, so that what this writes, the `restic` program reads, checks and restores
//! too. The library that does it blocks, so everything here is for threads that may wait.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustic_backend::BackendOptions;
use rustic_core::{
    ConfigOptions, Credentials, KeyOptions, NoProgressBars, OpenStatus, RepositoryBackends, RepositoryOptions,
    RusticError, WriteBackend, repofile::SnapshotFile,
};
use tokio::runtime::Handle;

use crate::{
    config::place::Place,
    domain::{Item, Snapshot, SnapshotId, Standing, Trouble},
};

mod archive;
mod bucket;
mod fault;
mod incoming;
mod note;
mod outgoing;
pub mod password;
#[cfg(test)]
mod tests;

use self::bucket::InBucket;
pub use self::{
    incoming::{Incoming, Outlet, Unread, incoming},
    note::Note,
    outgoing::{Outgoing, outgoing},
    password::Password,
};

/// What opens a repository.
#[derive(Clone, Debug)]
pub struct Access {
    pub place: Place,
    pub password: Password,
    /// Where to keep copies of what is small and read often, for a repository that is far away.
    pub cache: Option<PathBuf>,
}

/// An open one.
pub struct Repository {
    inner: rustic_core::Repository<OpenStatus>,
    access: Access,
    runtime: Handle,
}

impl Access {
    /// `Ok(None)`: nobody has made one there yet. `runtime` is for what is reached over the network.
    pub fn open(&self, runtime: Handle) -> Result<Option<Repository>, Trouble> {
        let what = format!("could not open the repository {}", self.place);
        let failed = |error: Box<RusticError>| fault::trouble(&what, &error);
        let closed = self.closed(runtime.clone()).map_err(failed)?;
        if closed.config_id().map_err(failed)?.is_none() {
            return Ok(None);
        }
        let inner = closed.open(&self.credentials()).map_err(failed)?;
        Ok(Some(Repository { inner, access: self.clone(), runtime }))
    }

    /// One that was made already.
    pub fn open_made(&self, runtime: Handle) -> Result<Repository, Trouble> {
        let what = format!("could not open the repository {}", self.place);
        let none = || Trouble::new(what, "there is none").help("the first backup makes it; see [backup] in the config");
        self.open(runtime)?.ok_or_else(none)
    }

    /// Makes it, if nobody has yet.
    pub fn open_or_make(&self, runtime: Handle) -> Result<Repository, Trouble> {
        if let Some(repository) = self.open(runtime.clone())? {
            return Ok(repository);
        }
        let what = format!("could not make a repository at {}", self.place);
        let failed = |error: Box<RusticError>| fault::trouble(&what, &error);
        let closed = self.closed(runtime.clone()).map_err(failed)?;
        let made = closed.init(&self.credentials(), &KeyOptions::default(), &ConfigOptions::default());
        Ok(Repository { inner: made.map_err(failed)?, access: self.clone(), runtime })
    }

    fn closed(&self, runtime: Handle) -> Result<rustic_core::Repository<()>, Box<RusticError>> {
        let through = |name: String| BackendOptions::default().repository(name).to_backends();
        let backends = match &self.place {
            Place::Local(path) => through(format!("local:{}", path.display()))?,
            Place::Rest(url) => through(format!("rest:{url}"))?,
            Place::Rclone(remote) => through(format!("rclone:{remote}"))?,
            Place::S3(bucket) => {
                let bucket = InBucket::new(bucket, runtime).map_err(|refusal| {
                    RusticError::with_source(
                        rustic_core::ErrorKind::Backend,
                        "the bucket is not well described",
                        refusal,
                    )
                })?;
                RepositoryBackends::new(Arc::new(bucket) as Arc<dyn WriteBackend>, None)
            }
        };
        let options = match &self.cache {
            Some(cache) => RepositoryOptions::default().cache_dir(cache.clone()),
            None => RepositoryOptions::default().no_cache(true),
        };
        rustic_core::Repository::new_with_progress(&options, &backends, NoProgressBars)
    }

    fn credentials(&self) -> Credentials {
        Credentials::password(self.password.reveal())
    }
}

impl Repository {
    pub fn place(&self) -> &Place {
        &self.access.place
    }

    /// Ours, newest first; what others keep in the same repository is left out.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, Trouble> {
        let mut snapshots: Vec<Snapshot> = self.files()?.iter().filter_map(note::snapshot).collect();
        snapshots.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.at));
        Ok(snapshots)
    }

    pub fn snapshot(&self, id: &SnapshotId) -> Result<Snapshot, Trouble> {
        let file = self.file(id)?;
        note::snapshot(&file)
            .ok_or_else(|| Trouble::new(format!("could not read the snapshot {id}"), "it was not made by midwatch"))
    }

    /// The newest of an item that was made for this wish and stands so.
    pub fn marked(&self, mark: &str, item: &Item, standing: Standing) -> Result<Option<Snapshot>, Trouble> {
        let files = self.files()?;
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
        let indexed = self.again().and_then(rustic_core::Repository::to_indexed).map_err(failed)?;
        let path = archive::folder(&found).join(file);
        let node = indexed.node_from_path(found.tree, Path::new(&path)).map_err(failed)?;
        indexed.dump(&node, to).map_err(failed)
    }

    /// Another handle, since an index takes one for itself. By the key that is known already, for a password is slow to try.
    fn again(&self) -> Result<rustic_core::Repository<OpenStatus>, Box<RusticError>> {
        self.access.closed(self.runtime.clone())?.open(&Credentials::Masterkey(self.inner.key()))
    }

    fn files(&self) -> Result<Vec<SnapshotFile>, Trouble> {
        let what = format!("could not list the snapshots in {}", self.place());
        self.inner.get_all_snapshots().map_err(|error| fault::trouble(&what, &error))
    }

    fn file(&self, snapshot: &SnapshotId) -> Result<SnapshotFile, Trouble> {
        let found = self.files()?.into_iter().find(|file| &*file.id.to_hex() == snapshot.as_str());
        found.ok_or_else(|| {
            Trouble::new(format!("there is no snapshot {snapshot} in {}", self.place()), "it was removed meanwhile")
        })
    }
}
