//! kubectl's rules, one by one.

use serde_json::json;

use super::*;

fn stand(kind: ServiceKind, object: Value) -> Stand {
    serde_json::from_value::<Rolling>(object).expect("a workload").stand(kind)
}

fn deployment(status: Value) -> Stand {
    stand(ServiceKind::Deployment, json!({"metadata": {"generation": 2}, "spec": {"replicas": 3}, "status": status}))
}

fn going(words: &str) -> Stand {
    Stand::Going(words.into())
}

#[test]
fn nothing_is_complete_before_the_controller_has_seen_the_change() {
    let status = json!({"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3});
    assert_eq!(deployment(status), going("its controller has not seen the change yet"));
}

#[test]
fn a_deployment_is_complete_when_all_are_new_and_available_and_the_old_ones_are_gone() {
    let status = |replicas, updated, available| {
        deployment(json!({
            "observedGeneration": 2, "replicas": replicas, "updatedReplicas": updated, "availableReplicas": available,
        }))
    };
    assert_eq!(status(4, 2, 3), going("2 of 3 updated, 3 of 3 available"));
    assert_eq!(status(4, 3, 3), going("3 of 3 updated, 3 of 3 available, 1 old ones still end"));
    assert_eq!(status(3, 3, 1), going("3 of 3 updated, 1 of 3 available"));
    assert_eq!(status(3, 3, 3), Stand::Complete);
}

#[test]
fn a_deployment_whose_deadline_is_over_has_failed() {
    let condition = json!({
        "type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "ReplicaSet \"web-1\" has timed out",
    });
    let status = json!({"observedGeneration": 2, "updatedReplicas": 1, "conditions": [condition]});
    let Stand::Failed(why) = deployment(status) else { panic!("it failed") };
    assert!(why.contains("has timed out"), "{why}");
}

#[test]
fn a_stateful_set_is_complete_when_its_revisions_agree_or_all_above_its_partition_are_new() {
    let set = |partition, updated, current: &str| {
        stand(
            ServiceKind::StatefulSet,
            json!({
                "spec": {
                    "replicas": 3,
                    "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}},
                },
                "status": {
                    "readyReplicas": 3, "updatedReplicas": updated,
                    "currentRevision": current, "updateRevision": "web-2",
                },
            }),
        )
    };
    assert_eq!(set(0, 2, "web-1"), going("2 of 3 updated, 3 of 3 ready"));
    assert_eq!(set(0, 3, "web-2"), Stand::Complete);
    assert_eq!(set(2, 1, "web-1"), Stand::Complete);
    assert_eq!(set(1, 1, "web-1"), going("1 of 3 updated, 3 of 3 ready"));
}

#[test]
fn a_daemon_set_is_complete_when_every_node_has_the_new_one() {
    let set = |updated, available| {
        stand(
            ServiceKind::DaemonSet,
            json!({"status": {
                "desiredNumberScheduled": 3, "updatedNumberScheduled": updated, "numberAvailable": available,
            }}),
        )
    };
    assert_eq!(set(2, 3), going("2 of 3 updated, 3 of 3 available"));
    assert_eq!(set(3, 2), going("3 of 3 updated, 2 of 3 available"));
    assert_eq!(set(3, 3), Stand::Complete);
}

#[test]
fn a_rollout_is_complete_when_it_is_healthy_and_has_done_the_restart_that_was_asked_for() {
    let rollout = |restarted, phase: &str| {
        stand(
            ServiceKind::Rollout,
            json!({
                "metadata": {"generation": 4},
                "spec": {"replicas": 2, "restartAt": "2026-11-21T12:00:00Z"},
                "status": {
                    "observedGeneration": "4", "phase": phase, "restartedAt": restarted,
                    "updatedReplicas": 2, "availableReplicas": 2,
                },
            }),
        )
    };
    assert!(matches!(rollout(Value::Null, "Healthy"), Stand::Going(_)));
    assert_eq!(rollout(json!("2026-11-21T12:00:00Z"), "Healthy"), Stand::Complete);
    assert!(matches!(rollout(json!("2026-11-21T12:00:00Z"), "Degraded"), Stand::Failed(_)));
}
