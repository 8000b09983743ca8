//! Writes a snapshot while what goes into it comes. It is a snapshot that is known as unfinished until all of it is there.

use std::{
    collections::HashSet,
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use jiff::Timestamp;
use rustic_core::{
    BackupOptions, ParentOptions, ReadSource, ReadSourceEntry, RusticError, RusticResult,
    repofile::{Metadata, Node, NodeType, PackId, SnapshotFile},
};

use super::{Incoming, Note, Repository, fault, incoming::Seen, note};
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
    /// Takes in the streams to their ends, in the order in which they come: a snapshot that stands as `note` says. `finish` is asked for what
    /// is known only then; an error of its own, or a stream that was cut off, leaves no snapshot.
    pub fn archive(
        &self,
        note: Note,
        streams: Vec<Incoming>,
        finish: impl FnOnce(&mut Note) -> Result<(), Trouble>,
    ) -> Result<Snapshot, Trouble> {
        let what = format!("could not back up {}", note.item);
        let began = Instant::now();
        let seen: Vec<_> = streams.iter().map(|stream| (stream.name.clone(), stream.seen())).collect();
        let wanted = note.standing;
        let note = Note { standing: Standing::Unfinished, ..note };
        let provisional = self.provisional(&note, streams, &what)?;
        let done = (|| {
            let mut note = note;
            (note.standing, note.took) = (wanted, began.elapsed());
            note.files = self.stored(&provisional, &seen, &what)?;
            finish(&mut note)?;
            let mut file = provisional.clone();
            note.write(&mut file);
            self.inner.save_snapshots(vec![file]).map_err(|error| self.failed(&what, &error))?;
            let none = || Trouble::new(what.as_str(), "the snapshot is not there after it was written");
            self.marked(&note.mark, &note.item, wanted)?.ok_or_else(none)
        })();
        // What cannot be removed now is known as unfinished, and goes when it is a day old.
        _ = self.inner.delete_snapshots(&[provisional.id]);
        done
    }

    /// Known as unfinished: what is written already is found again by the next one, whatever becomes of this one.
    fn provisional(&self, note: &Note, streams: Vec<Incoming>, what: &str) -> Result<SnapshotFile, Trouble> {
        let failed = |error: Box<RusticError>| self.failed(what, &error);
        let mut file = SnapshotFile { program_version: note::PROGRAM.into(), ..SnapshotFile::default() };
        note.write(&mut file);
        let folder = folder_of(&note.item);
        let source = Streams { folder: folder.clone(), at: Timestamp::now(), streams: Mutex::new(streams) };
        // By size and time alone it would take a dump for the one before.
        let parent = ParentOptions::default().force(true);
        let options = BackupOptions::default().parent_opts(parent).no_scan(true);
        let indexed = self.again(rustic_core::Repository::to_indexed_ids).map_err(failed)?;
        self.refusal.take();
        indexed.archive(&options, &source, file, &[folder]).map_err(failed)
    }

    /// Looks whether all of every stream is there: the library goes on without a file that it could not take in, and somebody may have
    /// pruned meanwhile what this one was built upon.
    fn stored(
        &self,
        provisional: &SnapshotFile,
        seen: &[(Arc<str>, Arc<Seen>)],
        what: &str,
    ) -> Result<Vec<StoredFile>, Trouble> {
        if let Some((name, _)) = seen.iter().find(|(_, seen)| !seen.is_whole()) {
            return Err(Trouble::new(what, format!("{name} was cut off")));
        }
        let failed = |error: Box<RusticError>| fault::trouble(what, &error);
        let indexed = self.again(rustic_core::Repository::to_indexed).map_err(failed)?;
        let packs: HashSet<PackId> = indexed.list::<PackId>().map_err(failed)?.collect();
        let folder = folder(provisional);
        let stored = |(name, seen): &(Arc<str>, Arc<Seen>)| {
            let node = indexed.node_from_path(provisional.tree, &folder.join(&**name)).map_err(failed)?;
            let mut bytes = 0;
            for blob in node.content.iter().flatten() {
                let entry = indexed.get_index_entry(blob).map_err(failed)?;
                bytes += if packs.contains(&entry.pack) { u64::from(entry.data_length()) } else { 0 };
            }
            if bytes == seen.bytes() {
                return Ok(StoredFile { name: name.clone(), bytes });
            }
            let why = format!("of {name}, {bytes} bytes of {} are in the repository", seen.bytes());
            Err(Trouble::new(what, why).help("somebody pruned it meanwhile: back it up again"))
        };
        seen.iter().map(stored).collect()
    }
}
