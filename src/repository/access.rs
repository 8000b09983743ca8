//! The way into a repository: finding it, making it, opening it.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustic_backend::BackendOptions;
use rustic_core::{
    ConfigOptions, Credentials, ErrorKind, KeyOptions, NoProgressBars, OpenStatus, RepositoryBackends,
    RepositoryOptions, RusticError, WriteBackend,
    repofile::{KeyId, MasterKey},
};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use tokio::runtime::Handle;

use super::{
    Password, Repository,
    bucket::InBucket,
    fault::{self, Cause, Fault},
    watched::{Refusal, Watched},
};
use crate::{config::place::Place, domain::Trouble};

/// For whoever runs midwatch, and nobody else.
const PRIVATE: u32 = 0o700;

/// What opens a repository.
#[derive(Clone, Debug)]
pub struct Access {
    pub place: Place,
    pub password: Password,
    /// Where to keep copies of what is small and read often, for a repository that is far away: of each snapshot its note and its list of
    /// files, and the index, which is a hundredth of what is kept. What leaves the repository leaves it, too.
    pub cache: Option<PathBuf>,
}

type Closed = rustic_core::Repository<()>;
type Open = rustic_core::Repository<OpenStatus>;

impl Access {
    /// `Ok(None)`: nobody has made one there yet. `runtime` is for what is reached over the network.
    pub fn open(&self, runtime: Handle) -> Result<Option<Repository>, Trouble> {
        let what = format!("could not open the repository {}", self.place);
        let failed = |error: Box<RusticError>| fault::trouble(&what, &error);
        self.make_cache().map_err(|error| fault::of_system(&what, &error))?;
        let refusal = Refusal::default();
        let closed = self.closed(runtime.clone(), refusal.clone()).map_err(failed)?;
        let has_config = closed.config_id().map_err(failed)?.is_some();
        let has_keys = closed.list::<KeyId>().map_err(failed)?.next().is_some();
        match (has_config, has_keys) {
            (true, true) => {}
            (false, false) => return Ok(None),
            (true, false) => {
                return Err(Trouble::new(what, "there is a config, but no key to it").help(
                    "it is being made just now, or it is not restic's: see repository in [backup] in the config",
                ));
            }
            (false, true) => {
                return Err(Trouble::new(what, "there are keys, but no config: a part of it is missing")
                    .help("without the file 'config' nothing in it can be read: bring that back from a copy"));
            }
        }
        let inner = closed.open(&self.credentials()).map_err(|error| match Fault::of(&error).cause {
            Cause::Damaged => Trouble::new(what.as_str(), "its config is damaged, or belongs to another repository")
                .help("without the file 'config' nothing in it can be read: bring that back from a copy"),
            Cause::Password
            | Cause::NoSpace
            | Cause::Denied
            | Cause::ReadOnly
            | Cause::Unreachable
            | Cause::NoBucket
            | Cause::Credentials
            | Cause::Gone
            | Cause::Other => failed(error),
        })?;
        Ok(Some(Repository { inner, access: self.clone(), runtime, refusal }))
    }

    /// One that was made already.
    pub fn open_made(&self, runtime: Handle) -> Result<Repository, Trouble> {
        let what = format!("could not open the repository {}", self.place);
        let none = || Trouble::new(what, "there is none").help("the first backup makes it; see [backup] in the config");
        self.open(runtime)?.ok_or_else(none)
    }

    /// Makes it, if nobody has yet.
    pub fn open_or_make(&self, runtime: Handle) -> Result<Repository, Trouble> {
        match self.open(runtime.clone()) {
            Ok(Some(repository)) => return Ok(repository),
            Ok(None) => {}
            // In a folder it may be half made just now, which whoever makes it ends.
            Err(_) if matches!(self.place, Place::Local(_)) => {}
            Err(trouble) => return Err(trouble),
        }
        let what = format!("could not make a repository at {}", self.place);
        let _alone = self.alone().map_err(|error| fault::of_system(&what, &error))?;
        self.clear_half_made().map_err(|error| fault::of_system(&what, &error))?;
        if let Some(repository) = self.open(runtime.clone())? {
            return Ok(repository);
        }
        let refusal = Refusal::default();
        let closed = self.closed(runtime.clone(), refusal.clone());
        match closed.and_then(|closed| self.make(closed)) {
            Ok(inner) => Ok(Repository { inner, access: self.clone(), runtime, refusal }),
            Err(error) => {
                let failed = refusal.take().unwrap_or_else(|| Fault::of(&error)).trouble(&what);
                // Somebody else was faster, where the place itself lets only one of them.
                self.open(runtime)?.ok_or(failed)
            }
        }
    }

    /// The config comes first, since a bucket takes only one; a key without it would open nothing, but be tried by everybody.
    fn make(&self, closed: Closed) -> Result<Open, Box<RusticError>> {
        let key = Credentials::Masterkey(MasterKey::new());
        let made = closed.init(&key, &KeyOptions::default(), &ConfigOptions::default())?;
        made.add_key(self.password.reveal(), &KeyOptions::default())?;
        Ok(made)
    }

    /// Held while one is made in a folder, by one process at a time.
    fn alone(&self) -> io::Result<Option<File>> {
        let Place::Local(path) = &self.place else { return Ok(None) };
        private_folder(path)?;
        let folder = File::open(path)?;
        match flock(&folder, FlockOperation::LockExclusive) {
            // Some that come over the network know no locks, and are written to all the same.
            Ok(()) | Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Some(folder)),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whoever died while making it has left a config that opens nothing. Only while we are `alone`.
    fn clear_half_made(&self) -> io::Result<()> {
        let Place::Local(path) = &self.place else { return Ok(()) };
        let config = path.join("config");
        let is_half_made =
            fs::exists(&config)? && ["keys", "index", "snapshots"].iter().all(|kind| is_empty(&path.join(kind)));
        if is_half_made && is_empty_below(&path.join("data")) { fs::remove_file(config) } else { Ok(()) }
    }

    fn make_cache(&self) -> io::Result<()> {
        let Some(cache) = &self.cache else { return Ok(()) };
        private_folder(cache)?;
        fs::set_permissions(cache, Permissions::from_mode(PRIVATE))
    }

    pub(super) fn closed(&self, runtime: Handle, refusal: Refusal) -> Result<Closed, Box<RusticError>> {
        let through = |name: String| {
            BackendOptions::default().repository(name).to_backends().map(|backends| backends.repository())
        };
        let (place, folder): (Arc<dyn WriteBackend>, _) = match &self.place {
            Place::Local(path) => (through(format!("local:{}", path.display()))?, Some(path.clone())),
            Place::Rest(url) => (through(format!("rest:{url}"))?, None),
            Place::Rclone(remote) => (through(format!("rclone:{remote}"))?, None),
            Place::S3(bucket) => {
                let bucket = InBucket::new(bucket, runtime).map_err(|refusal| {
                    RusticError::with_source(ErrorKind::Backend, "the bucket is not well described", refusal)
                })?;
                (Arc::new(bucket), None)
            }
        };
        let watched = Arc::new(Watched { place, folder, refusal });
        let options = match &self.cache {
            Some(cache) => RepositoryOptions::default().cache_dir(cache.clone()),
            None => RepositoryOptions::default().no_cache(true),
        };
        rustic_core::Repository::new_with_progress(&options, &RepositoryBackends::new(watched, None), NoProgressBars)
    }

    fn credentials(&self) -> Credentials {
        Credentials::password(self.password.reveal())
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

fn is_empty_below(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| entries.flatten().all(|entry| is_empty(&entry.path())))
}

fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE).create(path)
}
