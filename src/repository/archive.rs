//! Writes a snapshot while what goes into it comes. It is a snapshot that is known as unfinished until all of it is there.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use jiff::Timestamp;
use rustic_core::{
    BackupOptions, ParentOptions, ReadSource, ReadSourceEntry, RusticError, RusticResult,
    repofile::{Metadata, Node, NodeType, SnapshotFile},
};

use super::{Incoming, Note, Repository, fault};
use crate::domain::{Item, Snapshot, Standing, StoredFile, Trouble};

/// Read by nobody but us; a dump has no owner of its own.
const MODE: u32 = 0o600;

/// What comes, as the library takes it: each once.
struct Streams {
    folder: PathBuf,
    at: Timestamp,
    streams: Mutex<Vec<Incoming>>,
}

impl ReadSource for Streams {
    type Open = Incoming;
    type Iter = std::vec::IntoIter<RusticResult<ReadSourceEntry<Incoming>>>;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Self::Iter {
        let streams = std::mem::take(&mut *self.streams.lock().unwrap_or_else(PoisonError::into_inner));
        let entry = |stream: Incoming| {
            let meta = Metadata { mode: Some(MODE), mtime: Some(self.at), ..Metadata::default() };
            let node = Node::new_node(OsStr::new(&*stream.name), NodeType::File, meta);
            Ok(ReadSourceEntry { path: self.folder.join(&*stream.name), node, open: Some(stream) })
        };
        streams.into_iter().map(entry).collect::<Vec<_>>().into_iter()
    }
}

/// Where the files of a snapshot are in it, as restic lists them.
pub fn folder(file: &SnapshotFile) -> PathBuf {
    Note::of(file).map_or_else(|| PathBuf::from("/"), |note| folder_of(&note.item))
}

fn folder_of(item: &Item) -> PathBuf {
    let part = |text: &str| text.replace('/', "_");
    let folder = Path::new("/").join(part(item.service.scope.as_str())).join(part(&item.service.name));
    let folder = folder.join(item.method.name());
    match &item.path {
        Some(path) => folder.join(part(path.trim_start_matches('/'))),
        None => folder,
    }
}

impl Repository {
    /// Takes in the streams to their ends, in the order in which they come: a snapshot that stands as `note` says. `finish` is asked for what is known only then; an error of its
    /// own, or a stream that was cut off, leaves no snapshot.
    pub fn archive(
        &self,
        note: Note,
        streams: Vec<Incoming>,
        finish: impl FnOnce(&mut Note) -> Result<(), Trouble>,
    ) -> Result<Snapshot, Trouble> {
        let what = format!("could not back up {}", note.item);
        let failed = |error: Box<RusticError>| fault::trouble(&what, &error);
        let began = Instant::now();
        let program_version = concat!("midwatch ", env!("CARGO_PKG_VERSION")).into();
        let mut file = SnapshotFile { program_version, ..SnapshotFile::default() };
        let wanted = note.standing;
        let note = Note { standing: Standing::Unfinished, ..note };
        note.write(&mut file);
        let folder = folder_of(&note.item);
        let seen: Vec<_> = streams.iter().map(|stream| (stream.name.clone(), stream.seen())).collect();
        let source = Streams { folder: folder.clone(), at: Timestamp::now(), streams: Mutex::new(streams) };
        // By size and time alone it would take a dump for the one before.
        let parent = ParentOptions::default().force(true);
        let options = BackupOptions::default().parent_opts(parent).no_scan(true);
        let indexed = self.again().and_then(rustic_core::Repository::to_indexed_ids).map_err(failed)?;
        let provisional = indexed.archive(&options, &source, file, &[folder]).map_err(failed)?;
        let done = (|| {
            if let Some((name, _)) = seen.iter().find(|(_, seen)| !seen.is_whole()) {
                return Err(Trouble::new(what.as_str(), format!("{name} was cut off")));
            }
            let mut note = note;
            (note.standing, note.took) = (wanted, began.elapsed());
            note.files =
                seen.iter().map(|(name, seen)| StoredFile { name: name.clone(), bytes: seen.bytes() }).collect();
            finish(&mut note)?;
            let mut file = provisional.clone();
            note.write(&mut file);
            Ok(file)
        })();
        let done = done.and_then(|file: SnapshotFile| {
            self.inner.save_snapshots(vec![file]).map_err(failed)?;
            let written =
                Note::of(&provisional).and_then(|note| self.marked(&note.mark, &note.item, wanted).transpose());
            let none = || Trouble::new(what.as_str(), "the snapshot is not there after it was written");
            written.transpose()?.ok_or_else(none)
        });
        self.inner.delete_snapshots(&[provisional.id]).map_err(failed)?;
        done
    }
}
