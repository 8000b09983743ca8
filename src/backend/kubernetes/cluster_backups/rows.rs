//! CloudNativePG's objects and the snapshots of volumes, as far as a screen shows them. Pure.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::named;
use crate::{
    backend::{kubernetes::row::text::bytes, mask, pairs::list},
    domain::{PgBackup, PgCluster, PgSchedule, Phase, VolumeSnapshot, text::clean},
};

pub fn word(value: &Value) -> Arc<str> {
    clean(value.as_str().unwrap_or_default()).into()
}

/// A sentence of an operator's, which may quote what it was configured with. `None` where it said nothing.
pub fn said(value: &Value) -> Option<Arc<str>> {
    let text = value.as_str().filter(|text| !text.trim().is_empty())?;
    Some(clean(&mask::text(text.trim())).into())
}

pub fn texts(value: &Value) -> Vec<Arc<str>> {
    list(value).iter().map(word).filter(|text| !text.is_empty()).collect()
}

pub fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

pub fn time(value: &Value) -> Option<Timestamp> {
    value.as_str().and_then(|text| text.parse().ok())
}

pub fn pg_cluster(object: &Value) -> PgCluster {
    let (namespace, name) = named(object);
    let (spec, status) = (&object["spec"], &object["status"]);
    let condition = |kind: &str| list(&status["conditions"]).iter().find(|condition| condition["type"] == kind);
    let archiving = condition("ContinuousArchiving").filter(|condition| condition["status"] == "False");
    PgCluster {
        namespace,
        name,
        phase: word(&status["phase"]),
        instances: count(&spec["instances"]),
        ready: count(&status["readyInstances"]),
        recoverable_from: time(&status["firstRecoverabilityPoint"])
            .or_else(|| of_methods(&status["firstRecoverabilityPointByMethod"]).min()),
        last_backup: time(&status["lastSuccessfulBackup"])
            .or_else(|| of_methods(&status["lastSuccessfulBackupByMethod"]).max()),
        last_failed_backup: time(&status["lastFailedBackup"]),
        not_archiving: archiving.map(|condition| {
            said(&condition["message"]).unwrap_or_else(|| "its WAL is not archived, and it does not say why".into())
        }),
    }
}

/// Newer ones tell it by each method, too, and the latest by nothing else.
fn of_methods(times: &Value) -> impl Iterator<Item = Timestamp> {
    times.as_object().into_iter().flat_map(|times| times.values().filter_map(time))
}

pub fn pg_backup(object: &Value) -> PgBackup {
    let (namespace, name) = named(object);
    let (spec, status) = (&object["spec"], &object["status"]);
    let method = if status["method"].is_string() { &status["method"] } else { &spec["method"] };
    PgBackup {
        namespace,
        name,
        cluster: word(&spec["cluster"]["name"]),
        method: if method.is_string() { word(method) } else { "barmanObjectStore".into() },
        phase: Phase::new(word(&status["phase"])),
        created: time(&object["metadata"]["creationTimestamp"]),
        started: time(&status["startedAt"]),
        completed: time(&status["stoppedAt"]),
        error: said(&status["error"]),
    }
}

pub fn pg_schedule(object: &Value) -> PgSchedule {
    let (namespace, name) = named(object);
    let (spec, status) = (&object["spec"], &object["status"]);
    PgSchedule {
        namespace,
        name,
        cluster: word(&spec["cluster"]["name"]),
        cron: word(&spec["schedule"]),
        last: time(&status["lastScheduleTime"]),
        next: time(&status["nextScheduleTime"]),
        paused: spec["suspend"] == true,
    }
}

pub fn volume_snapshot(object: &Value) -> VolumeSnapshot {
    let (namespace, name) = named(object);
    let (spec, status) = (&object["spec"], &object["status"]);
    let claim = &spec["source"]["persistentVolumeClaimName"];
    let class = &spec["volumeSnapshotClassName"];
    VolumeSnapshot {
        namespace,
        name,
        source: claim.is_string().then(|| word(claim)),
        class: class.is_string().then(|| word(class)),
        ready: status["readyToUse"] == true,
        size: status["restoreSize"].as_str().and_then(bytes),
        taken: time(&status["creationTime"]).or_else(|| time(&object["metadata"]["creationTimestamp"])),
        error: said(&status["error"]["message"]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Stage;

    #[test]
    fn a_cluster_tells_from_when_on_it_can_be_recovered_and_what_hinders_it() {
        let cluster = pg_cluster(&json!({
            "metadata": {"namespace": "shop", "name": "db"},
            "spec": {"instances": 3},
            "status": {
                "phase": "Cluster in healthy state", "readyInstances": 3,
                "firstRecoverabilityPointByMethod": {
                    "volumeSnapshot": "2026-11-20T02:00:00Z", "barmanObjectStore": "2026-11-14T02:00:00Z"},
                "lastSuccessfulBackup": "2026-11-21T02:00:04Z",
                "conditions": [
                    {"type": "Ready", "status": "True"},
                    {"type": "ContinuousArchiving", "status": "False",
                        "message": "unexpected failure: https://ann:hunter2@store/wal answered 403"},
                ],
            },
        }));
        assert_eq!(cluster.recoverable_from, "2026-11-14T02:00:00Z".parse().ok());
        assert_eq!(cluster.last_backup, "2026-11-21T02:00:04Z".parse().ok());
        let why = cluster.not_archiving.expect("it does not archive");
        assert!(why.contains("answered 403") && !why.contains("hunter2"), "{why}");
    }

    #[test]
    fn a_backup_without_a_method_is_one_of_the_object_store() {
        let backup = pg_backup(&json!({
            "metadata": {"namespace": "shop", "name": "db-1"},
            "spec": {"cluster": {"name": "db"}},
            "status": {"phase": "failed", "startedAt": "2026-11-21T02:00:00Z", "error": "no space\u{1b}[2J left"},
        }));
        assert_eq!((&*backup.method, backup.phase.stage()), ("barmanObjectStore", Stage::Failed));
        assert_eq!(backup.error.as_deref(), Some("no space\u{fffd}[2J left"));
    }

    #[test]
    fn a_snapshot_tells_of_what_it_is_and_how_large() {
        let object = json!({
            "metadata": {"namespace": "shop", "name": "data-1", "creationTimestamp": "2026-11-21T01:00:00Z"},
            "spec": {"source": {"persistentVolumeClaimName": "data"}, "volumeSnapshotClassName": "fast"},
            "status": {"readyToUse": true, "restoreSize": "10Gi", "creationTime": "2026-11-21T01:00:05Z"},
        });
        let snapshot = volume_snapshot(&object);
        assert_eq!((snapshot.ready, snapshot.size), (true, Some(10 << 30)));
        assert_eq!(snapshot.taken, "2026-11-21T01:00:05Z".parse().ok());
        let failed = volume_snapshot(&json!({"status": {"error": {"message": "no such class"}}}));
        assert_eq!((failed.ready, failed.error.as_deref()), (false, Some("no such class")));
    }
}
