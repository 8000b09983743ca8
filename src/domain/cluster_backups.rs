//! What keeps backups in a cluster, beside us: Velero, CloudNativePG, the snapshots of volumes. `None`: it is not installed.

mod kept;

use std::sync::Arc;

use jiff::Timestamp;

pub use self::kept::{BackupSystem, ClusterBackup};
use super::{Listed, Phase, Velero};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterBackups {
    pub velero: Option<Velero>,
    pub postgres: Option<CloudNativePg>,
    /// Newest first.
    pub volume_snapshots: Option<Listed<VolumeSnapshot>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CloudNativePg {
    pub clusters: Listed<PgCluster>,
    /// Newest first.
    pub backups: Listed<PgBackup>,
    pub schedules: Listed<PgSchedule>,
}

/// A `Cluster` of CloudNativePG's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PgCluster {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    /// In its own words: "Cluster in healthy state".
    pub phase: Arc<str>,
    pub instances: u64,
    pub ready: u64,
    /// It can be restored to any time between this and now, while its WAL is archived.
    pub recoverable_from: Option<Timestamp>,
    pub last_backup: Option<Timestamp>,
    pub last_failed_backup: Option<Timestamp>,
    /// Why its WAL is not archived: from the last archived one on, nothing can be restored.
    pub not_archiving: Option<Arc<str>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct PgBackup {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub cluster: Arc<str>,
    /// "barmanObjectStore", "volumeSnapshot", "plugin"
    pub method: Arc<str>,
    pub phase: Phase,
    pub created: Option<Timestamp>,
    pub started: Option<Timestamp>,
    pub completed: Option<Timestamp>,
    pub error: Option<Arc<str>>,
}

/// A `ScheduledBackup` of CloudNativePG's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PgSchedule {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub cluster: Arc<str>,
    /// With seconds: "0 0 2 * * *".
    pub cron: Arc<str>,
    pub last: Option<Timestamp>,
    pub next: Option<Timestamp>,
    pub paused: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct VolumeSnapshot {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    /// The claim that it was taken of; `None`: it was brought here as it is.
    pub source: Option<Arc<str>>,
    pub class: Option<Arc<str>>,
    pub ready: bool,
    /// bytes that a volume made of it has at the least
    pub size: Option<u64>,
    /// When it was cut, or else when it was asked for.
    pub taken: Option<Timestamp>,
    pub error: Option<Arc<str>>,
}
