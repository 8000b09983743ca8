//! A place, as the library is given it. It remembers why a write was refused, which the library loses between its threads and tells as a
//! channel that was closed; and it tells a folder that cannot be read from an empty one, which the library takes for the same.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use rustic_core::{BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};

use super::fault::Fault;

/// The first one since somebody asked.
#[derive(Clone, Debug, Default)]
pub struct Refusal(Arc<Mutex<Option<Fault>>>);

impl Refusal {
    pub fn take(&self) -> Option<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self, error: &RusticError) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| Fault::of(error));
    }
}

pub struct Watched {
    pub place: Arc<dyn WriteBackend>,
    /// Of one that is a folder.
    pub folder: Option<PathBuf>,
    pub refusal: Refusal,
}

impl Watched {
    fn can_be_listed(&self, kind: FileType) -> RusticResult<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let path = folder.join(kind.dirname());
        let looked = match kind {
            FileType::Config => fs::metadata(&path).map(drop).or_else(unless_none),
            FileType::Key => fs::read_dir(&path).map(drop).or_else(unless_none),
            FileType::Index | FileType::Pack | FileType::Snapshot => fs::read_dir(&path).map(drop),
        };
        looked.map_err(|error| {
            RusticError::with_source(ErrorKind::Backend, format!("could not list {}", path.display()), error)
        })
    }

    fn noted<T>(&self, done: RusticResult<T>) -> RusticResult<T> {
        done.inspect_err(|error| self.refusal.note(error))
    }
}

/// Before one is made there is neither.
fn unless_none(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

impl ReadBackend for Watched {
    fn location(&self) -> String {
        self.place.location()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.can_be_listed(kind)?;
        self.place.list_with_size(kind)
    }

    fn list(&self, kind: FileType) -> RusticResult<Vec<Id>> {
        self.can_be_listed(kind)?;
        self.place.list(kind)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.place.read_full(kind, id)
    }

    fn read_partial(&self, kind: FileType, id: &Id, cacheable: bool, offset: u32, length: u32) -> RusticResult<Bytes> {
        self.place.read_partial(kind, id, cacheable, offset, length)
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.place.warmup_path(kind, id)
    }
}

impl WriteBackend for Watched {
    fn create(&self) -> RusticResult<()> {
        self.place.create()
    }

    fn write_bytes(&self, kind: FileType, id: &Id, cacheable: bool, content: BytesList) -> RusticResult<()> {
        self.noted(self.place.write_bytes(kind, id, cacheable, content))
    }

    fn remove(&self, kind: FileType, id: &Id, cacheable: bool) -> RusticResult<()> {
        self.place.remove(kind, id, cacheable)
    }
}
