//! Of what Velero and others keep in a cluster.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;

use super::HealthFields;
use crate::domain::{
    ClusterBackup, ClusterName, Difference, Existing, Foretold, Health, Items, VeleroBackup, VeleroName, VeleroRestore,
    VeleroSchedule, What,
};

/// `midwatch velero backups --json`
#[derive(Debug, Serialize)]
pub struct VeleroBackupRecord<'a> {
    pub cluster: &'a str,
    /// Velero's own.
    pub namespace: &'a str,
    pub backup: &'a str,
    pub health: &'static str,
    pub reason: Option<&'a str>,
    /// In Velero's words.
    pub phase: &'a str,
    pub created: Option<Timestamp>,
    pub started: Option<Timestamp>,
    pub completed: Option<Timestamp>,
    pub expires: Option<Timestamp>,
    /// Empty: all.
    pub namespaces: &'a [Arc<str>],
    pub excluded: &'a [Arc<str>],
    pub objects: Option<u64>,
    pub objects_total: Option<u64>,
    pub errors: u64,
    pub warnings: u64,
    pub schedule: Option<&'a str>,
    pub location: Option<&'a str>,
}

/// `midwatch velero restores --json`
#[derive(Debug, Serialize)]
pub struct VeleroRestoreRecord<'a> {
    pub cluster: &'a str,
    pub namespace: &'a str,
    pub restore: &'a str,
    pub backup: &'a str,
    pub health: &'static str,
    pub reason: Option<&'a str>,
    pub phase: &'a str,
    pub created: Option<Timestamp>,
    pub started: Option<Timestamp>,
    pub completed: Option<Timestamp>,
    pub namespaces: &'a [Arc<str>],
    /// From the backup's namespace to where it goes.
    pub mapping: &'a BTreeMap<Arc<str>, Arc<str>>,
    /// `keep`, `update`
    pub existing: Existing,
    pub objects: Option<u64>,
    pub objects_total: Option<u64>,
    pub errors: u64,
    pub warnings: u64,
}

/// `midwatch velero schedules --json`
#[derive(Debug, Serialize)]
pub struct VeleroScheduleRecord<'a> {
    pub cluster: &'a str,
    pub namespace: &'a str,
    pub schedule: &'a str,
    pub health: &'static str,
    pub reason: Option<&'a str>,
    pub phase: &'a str,
    pub cron: &'a str,
    pub paused: bool,
    pub last: Option<Timestamp>,
}

/// `midwatch velero preview --json`
#[derive(Debug, Serialize)]
pub struct ForetoldRecord<'a> {
    /// `conflict`, `unknown`, `update`, `skip`, `create`, `left out`
    pub what: &'static str,
    pub kind: &'a str,
    /// `null`: it is of the whole cluster.
    pub namespace: Option<&'a str>,
    pub name: &'a str,
    pub why: Option<&'a str>,
    /// `was` is what there is now, `is` what the backup has.
    pub differs: &'a [Difference],
}

/// `midwatch backups --json`, after the records of what is backed up here: those have no `system`.
#[derive(Debug, Serialize)]
pub struct ClusterBackupRecord<'a> {
    /// `velero-schedule`, `velero-backup`, `cloudnative-pg`, `volume-snapshot`
    pub system: &'static str,
    pub cluster: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
    pub health: &'static str,
    pub reason: Option<&'a str>,
    pub says: &'a str,
    /// The last good one.
    pub last: Option<Timestamp>,
    pub recoverable_from: Option<Timestamp>,
}

impl<'a> VeleroBackupRecord<'a> {
    pub fn of(cluster: &'a ClusterName, backup: &'a VeleroBackup, health: &'a Health) -> Self {
        let HealthFields { health, reason, .. } = health.into();
        let VeleroName { namespace, name } = &backup.id;
        let (objects, objects_total) = objects(backup.items);
        Self {
            cluster: cluster.as_str(),
            namespace,
            backup: name,
            health,
            reason,
            phase: backup.phase.word(),
            created: backup.created,
            started: backup.started,
            completed: backup.completed,
            expires: backup.expires,
            namespaces: &backup.namespaces,
            excluded: &backup.excluded,
            objects,
            objects_total,
            errors: backup.errors,
            warnings: backup.warnings,
            schedule: backup.schedule.as_deref(),
            location: backup.location.as_deref(),
        }
    }
}

impl<'a> VeleroRestoreRecord<'a> {
    pub fn of(cluster: &'a ClusterName, restore: &'a VeleroRestore, health: &'a Health) -> Self {
        let HealthFields { health, reason, .. } = health.into();
        let VeleroName { namespace, name } = &restore.id;
        let (objects, objects_total) = objects(restore.items);
        Self {
            cluster: cluster.as_str(),
            namespace,
            restore: name,
            backup: &restore.backup,
            health,
            reason,
            phase: restore.phase.word(),
            created: restore.created,
            started: restore.started,
            completed: restore.completed,
            namespaces: &restore.namespaces,
            mapping: &restore.mapping,
            existing: restore.existing,
            objects,
            objects_total,
            errors: restore.errors,
            warnings: restore.warnings,
        }
    }
}

impl<'a> VeleroScheduleRecord<'a> {
    pub fn of(cluster: &'a ClusterName, schedule: &'a VeleroSchedule, health: &'a Health) -> Self {
        let HealthFields { health, reason, .. } = health.into();
        Self {
            cluster: cluster.as_str(),
            namespace: &schedule.id.namespace,
            schedule: &schedule.id.name,
            health,
            reason,
            phase: &schedule.phase,
            cron: &schedule.cron,
            paused: schedule.paused,
            last: schedule.last,
        }
    }
}

impl<'a> From<&'a Foretold> for ForetoldRecord<'a> {
    fn from(foretold: &'a Foretold) -> Self {
        let (why, differs) = match &foretold.what {
            What::Conflict { why } | What::Unknown { why } | What::LeftOut { why } => (Some(&**why), &[][..]),
            What::Update { fields: differs } | What::Skip { differs } => (None, differs.as_slice()),
            What::Create => (None, &[][..]),
        };
        Self {
            what: foretold.what.word(),
            kind: &foretold.kind,
            namespace: foretold.namespace.as_deref(),
            name: &foretold.name,
            why,
            differs,
        }
    }
}

impl<'a> ClusterBackupRecord<'a> {
    pub fn of(cluster: &'a ClusterName, kept: &'a ClusterBackup) -> Self {
        let HealthFields { health, reason, .. } = (&kept.health).into();
        Self {
            system: kept.system.name(),
            cluster: cluster.as_str(),
            namespace: &kept.namespace,
            name: &kept.name,
            health,
            reason,
            says: &kept.says,
            last: kept.last,
            recoverable_from: kept.recoverable_from,
        }
    }
}

fn objects(items: Option<Items>) -> (Option<u64>, Option<u64>) {
    items.map_or((None, None), |Items { done, total }| (Some(done), Some(total)))
}
