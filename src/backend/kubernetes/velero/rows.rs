//! Velero's objects, as far as a screen shows them. Pure.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    backend::{
        kubernetes::cluster_backups::{count, named, said, texts, time, word},
        pairs::{list, strings},
    },
    domain::{
        Existing, Items, Phase, StorageLocation, VeleroBackup, VeleroName, VeleroRestore, VeleroSchedule, text::clean,
    },
};

pub const SCHEDULE_NAME: &str = "velero.io/schedule-name";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Backup,
    Restore,
}

/// What a backup and a restore have in common.
#[derive(Clone, Debug)]
pub struct Run {
    pub kind: Kind,
    pub id: VeleroName,
    pub phase: Phase,
    pub created: Option<Timestamp>,
    pub started: Option<Timestamp>,
    pub items: Option<Items>,
    pub errors: u64,
    pub warnings: u64,
    pub place: Option<u64>,
    pub reasons: Vec<Arc<str>>,
}

impl Run {
    pub fn of_backup(backup: &VeleroBackup) -> Self {
        Self {
            kind: Kind::Backup,
            id: backup.id.clone(),
            phase: backup.phase.clone(),
            created: backup.created,
            started: backup.started,
            items: backup.items,
            errors: backup.errors,
            warnings: backup.warnings,
            place: backup.place,
            reasons: backup.reasons.clone(),
        }
    }

    pub fn of_restore(restore: &VeleroRestore) -> Self {
        Self {
            kind: Kind::Restore,
            id: restore.id.clone(),
            phase: restore.phase.clone(),
            created: restore.created,
            started: restore.started,
            items: restore.items,
            errors: restore.errors,
            warnings: restore.warnings,
            place: None,
            reasons: restore.reasons.clone(),
        }
    }
}

fn id(object: &Value) -> VeleroName {
    let (namespace, name) = named(object);
    VeleroName { namespace, name }
}

/// `*` is all, as an empty list is.
fn namespaces(names: &Value) -> Vec<Arc<str>> {
    let names = texts(names);
    if names.iter().any(|name| &**name == "*") { Vec::new() } else { names }
}

fn items(progress: &Value, done: &str) -> Option<Items> {
    progress.is_object().then(|| Items { done: count(&progress[done]), total: count(&progress["totalItems"]) })
}

fn reasons(status: &Value) -> Vec<Arc<str>> {
    let invalid = list(&status["validationErrors"]).iter().filter_map(said);
    said(&status["failureReason"]).into_iter().chain(invalid).collect()
}

fn optional(value: &Value) -> Option<Arc<str>> {
    Some(word(value)).filter(|text| !text.is_empty())
}

pub fn backup(object: &Value) -> VeleroBackup {
    let (metadata, spec, status) = (&object["metadata"], &object["spec"], &object["status"]);
    VeleroBackup {
        id: id(object),
        uid: word(&metadata["uid"]),
        phase: Phase::new(word(&status["phase"])),
        created: time(&metadata["creationTimestamp"]),
        started: time(&status["startTimestamp"]),
        completed: time(&status["completionTimestamp"]),
        expires: time(&status["expiration"]),
        namespaces: namespaces(&spec["includedNamespaces"]),
        excluded: texts(&spec["excludedNamespaces"]),
        items: items(&status["progress"], "itemsBackedUp"),
        errors: count(&status["errors"]),
        warnings: count(&status["warnings"]),
        schedule: optional(&metadata["labels"][SCHEDULE_NAME]),
        location: optional(&spec["storageLocation"]),
        place: status["queuePosition"].as_u64().filter(|place| *place > 0),
        reasons: reasons(status),
        stalled: None,
    }
}

pub fn restore(object: &Value) -> VeleroRestore {
    let (metadata, spec, status) = (&object["metadata"], &object["spec"], &object["status"]);
    let mapping: BTreeMap<Arc<str>, Arc<str>> =
        strings(&spec["namespaceMapping"]).map(|(from, to)| (clean(from).into(), clean(to).into())).collect();
    VeleroRestore {
        id: id(object),
        backup: optional(&spec["backupName"]).unwrap_or_else(|| word(&spec["scheduleName"])),
        phase: Phase::new(word(&status["phase"])),
        created: time(&metadata["creationTimestamp"]),
        started: time(&status["startTimestamp"]),
        completed: time(&status["completionTimestamp"]),
        namespaces: namespaces(&spec["includedNamespaces"]),
        mapping,
        existing: if spec["existingResourcePolicy"] == "update" { Existing::Update } else { Existing::Keep },
        items: items(&status["progress"], "itemsRestored"),
        errors: count(&status["errors"]),
        warnings: count(&status["warnings"]),
        reasons: reasons(status),
        stalled: None,
    }
}

pub fn schedule(object: &Value) -> VeleroSchedule {
    let (spec, status) = (&object["spec"], &object["status"]);
    VeleroSchedule {
        id: id(object),
        phase: word(&status["phase"]),
        cron: word(&spec["schedule"]),
        last: time(&status["lastBackup"]),
        paused: spec["paused"] == true,
        reasons: reasons(status),
    }
}

pub fn location(object: &Value) -> StorageLocation {
    let (spec, status) = (&object["spec"], &object["status"]);
    StorageLocation {
        id: id(object),
        phase: word(&status["phase"]),
        why: said(&status["message"]),
        read_only: spec["accessMode"] == "ReadOnly",
        is_default: spec["default"] == true,
        last_looked_at: time(&status["lastValidationTime"]),
    }
}

/// As Go writes a length of time: `720h0m0s`.
pub fn go_duration(duration: Duration) -> String {
    let seconds = SignedDuration::try_from(duration).map_or(i64::MAX, |duration| duration.as_secs());
    format!("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Stage;

    #[test]
    fn a_backup_is_told_as_velero_wrote_it() {
        let row = backup(&json!({
            "metadata": {"namespace": "velero", "name": "daily-20261121", "uid": "u-1",
                "labels": {SCHEDULE_NAME: "daily"}, "creationTimestamp": "2026-11-21T02:00:00Z"},
            "spec": {"includedNamespaces": ["*"], "excludedNamespaces": ["kube-system"], "storageLocation": "default"},
            "status": {"phase": "PartiallyFailed", "startTimestamp": "2026-11-21T02:00:01Z", "errors": 2, "warnings": 1,
                "completionTimestamp": "2026-11-21T02:03:00Z", "expiration": "2026-12-21T02:00:01Z",
                "progress": {"itemsBackedUp": 812, "totalItems": 814},
                "failureReason": "get bucket: https://key:hunter2@store refused"},
        }));
        assert_eq!((row.phase.stage(), row.errors, row.warnings), (Stage::Partial, 2, 1));
        assert_eq!(row.items, Some(Items { done: 812, total: 814 }));
        assert_eq!((row.schedule.as_deref(), row.location.as_deref()), (Some("daily"), Some("default")));
        assert!(row.namespaces.is_empty(), "all");
        assert_eq!(row.excluded, ["kube-system".into()]);
        assert!(!row.reasons[0].contains("hunter2"), "{:?}", row.reasons);
    }

    #[test]
    fn a_restore_of_a_schedule_names_it_until_velero_has_found_the_backup() {
        let row = restore(&json!({
            "metadata": {"namespace": "velero", "name": "r"},
            "spec": {"scheduleName": "daily", "existingResourcePolicy": "update", "namespaceMapping": {"shop": "shop-trial"}},
            "status": {"phase": "FailedValidation", "validationErrors": ["no backup\u{1b}[2J found"]},
        }));
        assert_eq!((&*row.backup, row.existing, row.phase.stage()), ("daily", Existing::Update, Stage::Failed));
        assert_eq!(row.mapping.get("shop").map(|to| &**to), Some("shop-trial"));
        assert_eq!(row.reasons, ["no backup\u{fffd}[2J found".into()]);
    }

    #[test]
    fn a_schedule_and_a_location_tell_why_they_are_of_no_use() {
        let row = schedule(&json!({"spec": {"schedule": "0 2 * * *", "paused": true},
            "status": {"phase": "FailedValidation", "validationErrors": ["invalid schedule"]}}));
        assert_eq!((&*row.cron, row.paused, row.reasons.len()), ("0 2 * * *", true, 1));
        let row = location(&json!({"spec": {"default": true, "accessMode": "ReadOnly"},
            "status": {"phase": "Unavailable", "message": "bucket is gone"}}));
        assert_eq!((row.is_default, row.read_only, row.why.as_deref()), (true, true, Some("bucket is gone")));
    }

    #[test]
    fn a_length_of_time_is_written_as_velero_reads_it() {
        assert_eq!(go_duration(Duration::from_secs(30 * 24 * 3600)), "720h0m0s");
        assert_eq!(go_duration(Duration::from_secs(3661)), "1h1m1s");
    }
}
