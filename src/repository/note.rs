//! What is written beside a snapshot's data, so that it can be told and restored without looking into it: JSON in its description, which
//! the restic program leaves alone. Its tags and its host say the same in short, to people who look with restic.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rustic_core::{StringList, repofile::SnapshotFile};
use serde::{Deserialize, Serialize};

use crate::domain::{Counts, Item, ServiceId, Snapshot, SnapshotId, Standing, StoredFile, text::clean};

pub const TAG: &str = "midwatch";
pub const PROGRAM: &str = concat!("midwatch ", env!("CARGO_PKG_VERSION"));
pub const FORMAT: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The format of this note.
    #[serde(rename = "midwatch")]
    pub format: u32,
    pub item: Item,
    /// For which wish it was taken: what is done twice for one wish is done once.
    pub mark: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Arc<str>>,
    #[serde(default)]
    pub took: Duration,
    #[serde(default)]
    pub files: Vec<StoredFile>,
    #[serde(default)]
    pub counts: Counts,
    pub standing: Standing,
}

impl Note {
    pub fn new(item: Item, mark: impl Into<Arc<str>>) -> Self {
        Self {
            format: FORMAT,
            item,
            mark: mark.into(),
            version: None,
            release: None,
            took: Duration::ZERO,
            files: Vec::new(),
            counts: Counts::new(),
            standing: Standing::Whole,
        }
    }

    /// `None`: it was written by somebody else, or by a later midwatch whose notes this one cannot read.
    pub fn of(file: &SnapshotFile) -> Option<Self> {
        let note: Self = serde_json::from_str(file.description.as_deref()?).ok()?;
        (note.format == FORMAT).then_some(note)
    }

    pub fn write(&self, file: &mut SnapshotFile) {
        file.description = Some(serde_json::to_string(self).expect("a note is made of text and numbers"));
        file.hostname = self.item.service.cluster.as_str().to_owned();
        let standing = match self.standing {
            Standing::Whole => None,
            Standing::Safety => Some("safety"),
            Standing::Unfinished => Some("unfinished"),
        };
        tag(file, [self.item.method.name()].into_iter().chain(standing));
    }
}

pub fn tag<'a>(file: &mut SnapshotFile, tags: impl Iterator<Item = &'a str>) {
    let mut list = StringList::default();
    [TAG].into_iter().chain(tags).for_each(|tag| list.add(tag.to_owned()));
    file.set_tags(vec![list]);
}

/// Texts in it may have been written by anybody who has the password.
pub fn text(text: &Arc<str>) -> Arc<str> {
    clean(text).into()
}

pub fn clean_item(item: &Item) -> Item {
    let service = &item.service;
    Item {
        service: ServiceId::new(
            &(&*clean(service.cluster.as_str())).into(),
            &(&*clean(service.scope.as_str())).into(),
            clean(&service.name),
        ),
        method: item.method,
        path: item.path.as_ref().map(text),
    }
}

pub fn clean_counts(counts: &Counts) -> Counts {
    counts.iter().map(|(name, range)| (text(name), *range)).collect()
}

/// As the screens know it.
pub fn snapshot(file: &SnapshotFile) -> Option<Snapshot> {
    let note = Note::of(file)?;
    Some(Snapshot {
        id: SnapshotId::new(&*file.id.to_hex()),
        at: Timestamp::from(&file.time),
        item: clean_item(&note.item),
        version: note.version.as_ref().map(text),
        release: note.release.as_ref().map(text),
        took: note.took,
        files: note.files.iter().map(|file| StoredFile { name: text(&file.name), bytes: file.bytes }).collect(),
        added: file.summary.as_ref().map_or(0, |summary| summary.data_added_packed),
        counts: clean_counts(&note.counts),
        standing: note.standing,
    })
}
