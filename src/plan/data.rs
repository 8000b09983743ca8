//! What is done between an instance and the repository in which backups are kept: no engine's to do, but carried out and written down
//! like every other step.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Step;
use crate::domain::{InstanceId, Item, Method, Renamed, Snapshot, SnapshotId};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "data", rename_all = "snake_case")]
pub enum Data {
    /// Done when a snapshot for this wish is whole in the repository.
    Save(Save),
    /// Reads the whole snapshot, and looks whether its instance can take it. Changes nothing.
    Check(Returned),
    /// Brings it into the instance beside what is live, and counts it there against what was counted at the backup. Nobody sees it yet.
    Bring(Returned),
    /// Removes what was brought, however far it came.
    Discard(Returned),
    /// Lets it take the place of what is live. Done when it is live.
    Swap(Returned),
    /// Done when what was live before `Swap` is live again, however far that came: what stood aside, or else the snapshot that was taken
    /// before for the same wish.
    TakeBack(Returned),
    /// Counts what is live, which must be as much as there was at the backup. Changes nothing.
    Compare(Returned),
    /// Lets go what stood aside. From then on there is no way back but another restore.
    Settle(Returned),
    /// Restores it into an instance by itself, like this one and thrown away again, and writes down whether that went well.
    Rehearse(Returned),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Save {
    pub item: Item,
    /// In which it is dumped, with its name.
    pub instance: InstanceId,
    pub name: Arc<str>,
    /// What runs, as people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Arc<str>>,
    /// Taken before a restore, to go back to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_safety: bool,
    /// As for `Returned`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_rest: bool,
    /// What is done twice for one and the same wish is done once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Timestamp>,
}

/// A snapshot, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    pub snapshot: SnapshotId,
    /// What it becomes there: of the service into which it is restored.
    pub item: Item,
    pub instance: InstanceId,
    pub name: Arc<str>,
    /// Its files are reached in an instance by itself that has its data, since it does not run, or is not to meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_rest: bool,
    /// Only this database, beside what is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Renamed>,
    /// As for `Save`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Timestamp>,
}

impl Returned {
    /// The step that does this with it.
    pub(super) fn step(&self, data: fn(Self) -> Data) -> Step {
        Step::Data(data(self.clone()))
    }
}

/// A snapshot as a plan knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub id: SnapshotId,
    pub at: Timestamp,
    pub item: Item,
    /// Of what it holds.
    pub bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Arc<str>>,
}

impl From<&Snapshot> for Kept {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            id: snapshot.id.clone(),
            at: snapshot.at,
            item: snapshot.item.clone(),
            bytes: snapshot.bytes(),
            version: snapshot.version.clone(),
            release: snapshot.release.clone(),
        }
    }
}

impl Data {
    pub fn is_wait(&self) -> bool {
        match self {
            Self::Check(_) | Self::Compare(_) => true,
            Self::Save(_)
            | Self::Bring(_)
            | Self::Discard(_)
            | Self::Swap(_)
            | Self::TakeBack(_)
            | Self::Settle(_)
            | Self::Rehearse(_) => false,
        }
    }

    /// Nothing of what a service is made of is another one afterwards, however it ends.
    pub(super) fn leaves_nothing(&self) -> bool {
        match self {
            Self::Save(_) | Self::Check(_) | Self::Compare(_) | Self::Rehearse(_) => true,
            // It is only tried.
            Self::Bring(returned) => returned.item.method == Method::Configuration,
            Self::Discard(_) | Self::Swap(_) | Self::TakeBack(_) | Self::Settle(_) => false,
        }
    }

    /// It may be broken off in the middle at a person's word: nobody misses a half of it, and gigabytes take their time.
    pub fn may_be_broken_off(&self) -> bool {
        match self {
            Self::Save(_) | Self::Check(_) | Self::Bring(_) | Self::Compare(_) | Self::Rehearse(_) => true,
            Self::Discard(_) | Self::Swap(_) | Self::TakeBack(_) | Self::Settle(_) => false,
        }
    }

    /// All but a backup brings a snapshot somewhere. `Err`: it is one.
    fn returned(&self) -> Result<&Returned, &Save> {
        match self {
            Self::Save(save) => Err(save),
            Self::Check(returned)
            | Self::Bring(returned)
            | Self::Discard(returned)
            | Self::Swap(returned)
            | Self::TakeBack(returned)
            | Self::Compare(returned)
            | Self::Settle(returned)
            | Self::Rehearse(returned) => Ok(returned),
        }
    }

    fn returned_mut(&mut self) -> Result<&mut Returned, &mut Save> {
        match self {
            Self::Save(save) => Err(save),
            Self::Check(returned)
            | Self::Bring(returned)
            | Self::Discard(returned)
            | Self::Swap(returned)
            | Self::TakeBack(returned)
            | Self::Compare(returned)
            | Self::Settle(returned)
            | Self::Rehearse(returned) => Ok(returned),
        }
    }

    pub fn item(&self) -> &Item {
        self.returned().map_or_else(|save| &save.item, |returned| &returned.item)
    }

    pub fn instance(&self) -> (&InstanceId, &Arc<str>) {
        match self.returned() {
            Ok(returned) => (&returned.instance, &returned.name),
            Err(save) => (&save.instance, &save.name),
        }
    }

    /// The path that is reached beside the instance, not in it.
    pub fn at_rest(&self) -> Option<&Arc<str>> {
        // A rehearsal has an instance of its own already.
        let is_apart = !matches!(self, Self::Rehearse(_));
        let is_so = is_apart && self.returned().map_or_else(|save| save.at_rest, |returned| returned.at_rest);
        self.item().path.as_ref().filter(|_| is_so)
    }

    /// What is reached beside it outlives it, and a definition is in none.
    pub(super) fn is_in_instance(&self) -> bool {
        self.at_rest().is_none() && self.item().method != Method::Configuration
    }

    /// The same, done in another instance.
    pub fn inside(mut self, other: InstanceId) -> Self {
        match self.returned_mut() {
            Ok(returned) => returned.instance = other,
            Err(save) => save.instance = other,
        }
        self
    }

    pub(super) fn stamp(&mut self, at: Timestamp) {
        match self.returned_mut() {
            Ok(returned) => returned.asked = Some(at),
            Err(save) => save.asked = Some(at),
        }
    }

    /// "restore postgres from 1a2b3c4d into shop-db-1"
    pub fn title(&self) -> String {
        let what = self.item().what();
        if let (Method::Configuration, path) = (self.item().method, self.item().path.as_deref()) {
            return self.title_of_configuration(path);
        }
        if let Ok(Returned { database: Some(database), snapshot, name, .. }) = self.returned()
            && let Some(title) = self.title_of_database(database, snapshot, name)
        {
            return title;
        }
        match self {
            Self::Save(Save { name, is_safety: false, .. }) => format!("back up {what} of {name}"),
            Self::Save(Save { name, is_safety: true, .. }) => {
                format!("back up {what} of {name}, to go back to")
            }
            Self::Check(Returned { snapshot, name, .. }) => {
                format!("read {snapshot} to its end, and look whether {name} can take it")
            }
            Self::Bring(Returned { snapshot, name, .. }) => {
                format!("bring {what} from {snapshot} into {name} beside what is live, and count it")
            }
            Self::Discard(Returned { snapshot, name, .. }) => format!("let go what came from {snapshot} into {name}"),
            Self::Swap(Returned { snapshot, name, .. }) => {
                format!("let {what} from {snapshot} take the place of what is live in {name}")
            }
            Self::TakeBack(Returned { name, .. }) => format!("bring back {what} of {name} as it was before"),
            Self::Compare(Returned { snapshot, name, .. }) => {
                format!("count {what} of {name} against what {snapshot} holds")
            }
            Self::Settle(Returned { name, .. }) => format!("let go what {what} of {name} was before"),
            Self::Rehearse(Returned { snapshot, name, .. }) => {
                format!("restore {what} from {snapshot} into an instance by itself, like {name}")
            }
        }
    }

    /// Of what is another than for the whole.
    fn title_of_database(&self, Renamed { from, to }: &Renamed, snapshot: &SnapshotId, name: &str) -> Option<String> {
        Some(match self {
            Self::Check(_) => format!("read {from} of {snapshot} to its end, and look whether {name} can take it"),
            Self::Bring(_) => format!("bring {from} from {snapshot} into {name} beside what is live, and count it"),
            Self::Swap(_) => format!("give it the name {to} in {name}"),
            Self::TakeBack(_) => format!("let go {to} of {name}"),
            Self::Compare(_) => format!("count {to} of {name} against what {snapshot} holds of {from}"),
            Self::Settle(_) => format!("leave {to} of {name} as it is"),
            Self::Save(_) | Self::Discard(_) | Self::Rehearse(_) => return None,
        })
    }

    /// What is applied, or written into a directory.
    fn title_of_configuration(&self, into: Option<&str>) -> String {
        let name = self.instance().1;
        match (self, into) {
            (Self::Save(Save { is_safety, .. }), _) => {
                let why = if *is_safety { ", to go back to" } else { "" };
                format!("back up what {name} is made of{why}")
            }
            (Self::Check(Returned { snapshot, .. }), _) => format!("read {snapshot} to its end"),
            (Self::Bring(Returned { snapshot, .. }), None) => {
                format!("try all that {snapshot} holds, without changing anything")
            }
            (Self::Bring(Returned { snapshot, .. }), Some(path)) => {
                format!("look whether {path} has room for the files of {snapshot}")
            }
            (Self::Swap(Returned { snapshot, .. }), None) => format!("apply what {snapshot} holds of {name}"),
            (Self::Swap(Returned { snapshot, .. }), Some(path)) => format!("write the files of {snapshot} into {path}"),
            (Self::TakeBack(_), None) => format!("apply what {name} was made of before"),
            (Self::TakeBack(_) | Self::Discard(_), Some(path)) => format!("remove what was written into {path}"),
            (Self::Compare(Returned { snapshot, .. }), _) => format!("look whether all is there that {snapshot} holds"),
            (Self::Rehearse(Returned { snapshot, .. }), _) => {
                format!("try all that {snapshot} holds, without changing anything")
            }
            (Self::Discard(_), None) | (Self::Settle(_), _) => format!("let go what was restored of {name}"),
        }
    }
}
