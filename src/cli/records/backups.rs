//! Of backups.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::HealthFields;
use crate::{
    domain::{Counts, Health, Item, Objectives, Protection, Snapshot, StoredFile},
    repository::Retained,
};

/// `midwatch backups --json`. Durations are in seconds.
#[derive(Debug, Serialize)]
pub struct ProtectionRecord<'a> {
    #[serde(flatten)]
    pub item: ItemFields<'a>,
    pub health: &'static str,
    pub reason: Option<String>,
    /// The newest good one.
    pub last: Option<Timestamp>,
    pub snapshot: Option<&'a str>,
    pub bytes: Option<u64>,
    /// When a restore of it was last shown to work.
    pub proven: Option<Timestamp>,
    /// How long the last restore or rehearsal took.
    pub took: Option<f64>,
    pub snapshots: usize,
    pub recovery_point: u64,
    pub recovery_time: u64,
    pub proven_within: u64,
    pub due: bool,
    /// Its service is gone, or it is no longer said to be backed up.
    pub orphaned: bool,
}

/// `midwatch backups ADDRESS --json`
#[derive(Debug, Serialize)]
pub struct SnapshotRecord<'a> {
    pub snapshot: &'a str,
    pub time: Timestamp,
    #[serde(flatten)]
    pub item: ItemFields<'a>,
    /// `whole`, `safety`, `unfinished`
    pub standing: &'static str,
    pub version: Option<&'a str>,
    pub release: Option<&'a str>,
    pub took: f64,
    /// Of what it holds, and what was new to the repository, compressed.
    pub bytes: u64,
    pub added: u64,
    pub files: &'a [StoredFile],
    /// By name, the least and the most that there was of it.
    pub counts: &'a Counts,
}

/// `midwatch forget --json`
#[derive(Debug, Serialize)]
pub struct RetainedRecord<'a> {
    #[serde(flatten)]
    pub snapshot: SnapshotRecord<'a>,
    pub stays: bool,
    /// The rules by which it does or does not.
    pub why: &'a [Arc<str>],
}

#[derive(Debug, Serialize)]
pub struct ItemFields<'a> {
    pub cluster: &'a str,
    pub scope: &'a str,
    pub service: &'a str,
    pub method: &'static str,
    pub path: Option<&'a str>,
}

impl<'a> From<&'a Item> for ItemFields<'a> {
    fn from(item: &'a Item) -> Self {
        Self {
            cluster: item.service.cluster.as_str(),
            scope: item.service.scope.as_str(),
            service: &item.service.name,
            method: item.method.name(),
            path: item.path.as_deref(),
        }
    }
}

impl<'a> ProtectionRecord<'a> {
    pub fn of(protection: &'a Protection, now: Timestamp) -> Self {
        let health: Health = protection.health(now);
        let HealthFields { health: word, reason, .. } = (&health).into();
        let Objectives { recovery_point, recovery_time, proven_within } = protection.objectives;
        let last = protection.last.as_ref();
        Self {
            item: (&protection.item).into(),
            health: word,
            reason: reason.map(str::to_owned),
            last: last.map(|last| last.at),
            snapshot: last.map(|last| last.id.as_str()),
            bytes: last.map(Snapshot::bytes),
            proven: protection.proven,
            took: protection.took.map(|took| took.as_secs_f64()),
            snapshots: protection.snapshots,
            recovery_point: recovery_point.as_secs(),
            recovery_time: recovery_time.as_secs(),
            proven_within: proven_within.as_secs(),
            due: protection.is_due(now),
            orphaned: protection.is_orphaned,
        }
    }
}

impl<'a> RetainedRecord<'a> {
    pub fn of(retained: &'a Retained) -> Self {
        Self { snapshot: SnapshotRecord::of(&retained.snapshot), stays: retained.stays, why: &retained.why }
    }
}

impl<'a> SnapshotRecord<'a> {
    pub fn of(snapshot: &'a Snapshot) -> Self {
        Self {
            snapshot: snapshot.id.as_str(),
            time: snapshot.at,
            item: (&snapshot.item).into(),
            standing: snapshot.standing.word(),
            version: snapshot.version.as_deref(),
            release: snapshot.release.as_deref(),
            took: snapshot.took.as_secs_f64(),
            bytes: snapshot.bytes(),
            added: snapshot.added,
            files: &snapshot.files,
            counts: &snapshot.counts,
        }
    }
}
