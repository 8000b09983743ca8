//! What Velero keeps of a cluster, as a screen shows it, and what it is asked for. Times are the cluster's own.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Health, Phase, Reason, Trouble};

/// What could not be listed is told with its reason; an empty list means that there are none.
pub type Listed<T> = Result<Vec<T>, Trouble>;

/// Newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Velero {
    pub backups: Listed<VeleroBackup>,
    pub restores: Listed<VeleroRestore>,
    pub schedules: Listed<VeleroSchedule>,
    pub locations: Listed<StorageLocation>,
}

/// One of Velero's objects. Its namespace is Velero's own, which has any name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VeleroName {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

impl VeleroName {
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct VeleroBackup {
    pub id: VeleroName,
    pub uid: Arc<str>,
    pub phase: Phase,
    pub created: Option<Timestamp>,
    pub started: Option<Timestamp>,
    pub completed: Option<Timestamp>,
    pub expires: Option<Timestamp>,
    /// Empty: all.
    pub namespaces: Vec<Arc<str>>,
    pub excluded: Vec<Arc<str>>,
    pub items: Option<Items>,
    pub errors: u64,
    pub warnings: u64,
    /// The schedule that made it.
    pub schedule: Option<Arc<str>>,
    pub location: Option<Arc<str>>,
    /// Of those that wait for their turn, from 1.
    pub place: Option<u64>,
    /// Why it failed, or was not begun.
    pub reasons: Vec<Arc<str>>,
    /// Why it will not go on by itself.
    pub stalled: Option<Arc<str>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct VeleroRestore {
    pub id: VeleroName,
    pub backup: Arc<str>,
    pub phase: Phase,
    pub created: Option<Timestamp>,
    pub started: Option<Timestamp>,
    pub completed: Option<Timestamp>,
    /// Empty: all that are in the backup.
    pub namespaces: Vec<Arc<str>>,
    /// From the backup's to where it is restored.
    pub mapping: BTreeMap<Arc<str>, Arc<str>>,
    pub existing: Existing,
    pub items: Option<Items>,
    pub errors: u64,
    pub warnings: u64,
    pub reasons: Vec<Arc<str>>,
    pub stalled: Option<Arc<str>>,
}

impl VeleroBackup {
    pub fn health(&self) -> Health {
        self.phase.health(self.stalled.as_ref(), &self.reasons)
    }
}

impl VeleroRestore {
    pub fn health(&self) -> Health {
        self.phase.health(self.stalled.as_ref(), &self.reasons)
    }
}

impl VeleroSchedule {
    pub fn health(&self) -> Health {
        if !self.reasons.is_empty() {
            return Health::Failing(Reason::new(self.reasons.join("; ")));
        }
        if self.paused { Health::Stopped(Reason::new("paused")) } else { Health::Healthy }
    }
}

/// Objects, not bytes. The total grows while Velero finds more that belongs to what it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Items {
    pub done: u64,
    pub total: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct VeleroSchedule {
    pub id: VeleroName,
    pub phase: Arc<str>,
    /// As it is written: "0 2 * * *", "@every 6h".
    pub cron: Arc<str>,
    pub last: Option<Timestamp>,
    pub paused: bool,
    /// Why it makes no backups ("FailedValidation").
    pub reasons: Vec<Arc<str>>,
}

/// Where backups are kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StorageLocation {
    pub id: VeleroName,
    /// "Available", "Unavailable"; empty until it was looked at.
    pub phase: Arc<str>,
    /// Why it is not available.
    pub why: Option<Arc<str>>,
    pub read_only: bool,
    /// The one that is meant where none is named.
    pub is_default: bool,
    pub last_looked_at: Option<Timestamp>,
}

/// What becomes of an object that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Existing {
    /// It is left as it is, also where it is another than in the backup.
    #[default]
    Keep,
    /// It is made as it is in the backup, where its kind allows that.
    Update,
}

impl Existing {
    /// Velero's word, in `existingResourcePolicy`.
    pub fn policy(self) -> &'static str {
        match self {
            Self::Keep => "none",
            Self::Update => "update",
        }
    }
}

/// A backup that Velero is asked for. Its name is chosen before, so that it is asked for once.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NewBackup {
    pub id: VeleroName,
    /// Empty: all.
    pub namespaces: Vec<Arc<str>>,
    /// Only what has all of these labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// `None`: Velero's own, 30 days unless it was told another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_for: Option<Duration>,
    /// `None`: the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Arc<str>>,
}

/// A restore that Velero is asked for. Its name is chosen before.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NewRestore {
    pub id: VeleroName,
    pub backup: Arc<str>,
    pub existing: Existing,
    /// Empty: all that are in the backup. What is of the whole cluster is restored only then.
    pub namespaces: Vec<Arc<str>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mapping: BTreeMap<Arc<str>, Arc<str>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
}

impl NewRestore {
    /// Where what was in this namespace goes.
    pub fn target<'a>(&'a self, namespace: &'a str) -> &'a str {
        self.mapping.get(namespace).map_or(namespace, |target| target)
    }
}

/// What Velero keeps beside a backup or a restore, in its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VeleroFile {
    BackupLog,
    /// Errors and warnings.
    BackupResults,
    /// The names of all objects in it.
    BackupResourceList,
    RestoreLog,
    RestoreResults,
}

impl VeleroFile {
    /// Velero's word, in a `DownloadRequest`.
    pub fn name(self) -> &'static str {
        match self {
            Self::BackupLog => "BackupLog",
            Self::BackupResults => "BackupResults",
            Self::BackupResourceList => "BackupResourceList",
            Self::RestoreLog => "RestoreLog",
            Self::RestoreResults => "RestoreResults",
        }
    }
}

/// A text from Velero's store, harmless and without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VeleroText {
    pub text: Arc<str>,
    /// There is more of it than is kept.
    pub is_cut: bool,
    pub way: Way,
}

/// How something came from Velero's store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    Direct,
    /// This machine does not reach the store: through the API server, to this pod of it ("velero/minio-0").
    Through(Arc<str>),
}
