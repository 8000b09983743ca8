use serde_json::{Value, json};

use super::{
    replica_sets::{DEPLOYMENT, ROLLOUT},
    *,
};

const UID: &str = "u-web";

fn decode<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("an answer of the API")
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
}

/// A ReplicaSet `web-HASH` of a day in November.
fn set(hash: &str, revision: &str, day: u32, available: u32, image: &str) -> Value {
    json!({
        "metadata": {
            "name": format!("web-{hash}"), "uid": format!("u-{hash}"), "creationTimestamp": time(day),
            "labels": {"app": "web", "pod-template-hash": hash, "rollouts-pod-template-hash": hash},
            "annotations": {"deployment.kubernetes.io/revision": revision, "rollout.argoproj.io/revision": revision},
            "ownerReferences": [{"uid": UID, "controller": true, "kind": "Deployment", "name": "web"}],
        },
        "spec": {"template": template(image)},
        "status": {"replicas": available, "availableReplicas": available},
    })
}

fn time(day: u32) -> String {
    format!("2026-11-{day:02}T00:00:00Z")
}

fn deployment(status: Value) -> Set {
    decode(json!({"metadata": {"name": "web", "uid": UID}, "spec": {"replicas": 2}, "status": status}))
}

fn progressing(reason: &str, at: u32) -> Value {
    let condition = json!({"type": "Progressing", "status": "True", "reason": reason, "lastUpdateTime": time(at)});
    json!({"conditions": [condition]})
}

fn of_deployment(deployment: &Set, sets: Vec<Value>, pods: &[Pod]) -> Vec<Release> {
    let sets: Vec<ReplicaSet> = sets.into_iter().map(decode).collect();
    let mut found = replica_sets::releases(&DEPLOYMENT, deployment, &sets, pods, |set, running, release| {
        replica_sets::of_deployment(deployment, set, running, release);
    });
    name_restarts(&mut found);
    found
}

fn pod(hash: &str, status: Value) -> Pod {
    decode(json!({"metadata": {"name": "x", "labels": {"pod-template-hash": hash}}, "status": status}))
}

#[test]
fn the_newest_revision_is_current_and_the_others_served_until_the_next() {
    let mut other = set("zz", "9", 1, 1, "other:v1");
    other["metadata"]["ownerReferences"][0]["uid"] = "another".into();
    let mut second = set("bb", "2", 3, 0, "web:v2");
    second["metadata"]["annotations"]["kubernetes.io/change-cause"] =
        "kubectl set image --token abc\u{1b}[2J web=web:v2".into();
    let sets = vec![set("aa", "1", 1, 0, "web:v1"), set("cc", "10", 8, 2, "web:v3"), second, other];
    let found = of_deployment(&deployment(progressing("NewReplicaSetAvailable", 8)), sets, &[]);
    let shown: Vec<_> =
        found.iter().map(|it| (it.number.unwrap_or(0), it.image.release(), it.current, it.instances)).collect();
    assert_eq!(shown, [(10, "v3", true, 2), (2, "v2", false, 0), (1, "v1", false, 0)]);
    // What came between the second and the tenth is not kept, so nothing is said of how long the second served.
    assert_eq!(found.iter().map(|it| it.served).collect::<Vec<_>>(), [None, None, Some(2 * 86_400)]);
    let cause = found[1].cause.as_deref().expect("a cause");
    assert!(cause.contains("web=web:v2") && !cause.contains("abc") && !cause.contains('\u{1b}'), "{cause}");
    assert!(found.iter().all(|it| it.outline.is_some()));
}

#[test]
fn a_release_that_came_back_tells_its_older_numbers() {
    let mut first = set("aa", "3", 1, 2, "web:v1");
    first["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] = "1".into();
    let mut second = set("bb", "2", 5, 0, "web:v2");
    second["metadata"]["managedFields"] = json!([{"manager": "kube-controller-manager", "time": time(7)}]);
    let found = of_deployment(&deployment(progressing("NewReplicaSetAvailable", 7)), vec![first, second], &[]);
    assert_eq!((found[0].number, &*found[0].older), (Some(3), &[1][..]));
    assert_eq!(found[0].created, time(7).parse().ok());
    assert_eq!(found[1].served, Some(2 * 86_400));
}

#[test]
fn a_healthy_release_tells_since_when_all_of_it_is_available() {
    let status = json!({"conditions": [
        {"type": "Available", "status": "True", "lastTransitionTime": time(1)},
        {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable", "lastUpdateTime": time(8)},
    ]});
    let ready =
        |day: u32| json!({"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": time(day)}]});
    let sets = vec![set("aa", "1", 7, 2, "web:v1")];
    let found = of_deployment(&deployment(status.clone()), sets.clone(), &[]);
    assert_eq!((found[0].healthy_since, found[0].outcome.as_deref()), (time(8).parse().ok(), None));
    // A pod that was away meanwhile.
    let found = of_deployment(&deployment(status), sets, &[pod("aa", ready(8)), pod("aa", ready(9))]);
    assert_eq!(found[0].healthy_since, time(9).parse().ok());
}

#[test]
fn a_release_that_never_became_ready_is_told_from_one_that_broke_later() {
    let crashing = json!({"containerStatuses": [{"name": "web", "imageID": "web@sha256:aa",
        "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1}}}]});
    let told = |reason: &str, available: u32| {
        let sets = vec![set("aa", "1", 7, available, "web:v1")];
        let found = of_deployment(&deployment(progressing(reason, 8)), sets, &[pod("aa", crashing.clone())]);
        assert_eq!(found[0].image.digest.as_deref(), Some("sha256:aa"));
        (found[0].failed, found[0].outcome.as_deref().unwrap_or_default().to_owned())
    };
    assert_eq!(told("ReplicaSetUpdated", 0), (true, "never became ready: crash loop, exit 1".to_owned()));
    let late = "not ready in time, never became ready: crash loop, exit 1";
    assert_eq!(told("ProgressDeadlineExceeded", 0), (true, late.to_owned()));
    assert_eq!(told("NewReplicaSetAvailable", 0), (false, "0 of 2 available: crash loop, exit 1".to_owned()));
    assert_eq!(told("ReplicaSetUpdated", 1), (false, "rolling out, 1 of 2 available: crash loop, exit 1".to_owned()));
}

#[test]
fn a_restart_is_called_one_and_whoever_changed_the_template_last_is_named() {
    let mut restarted = set("bb", "2", 5, 2, "web:v1");
    restarted["spec"]["template"]["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/restartedAt": "now"});
    let mut owner = deployment(json!({}));
    let wrote = |manager: &str, day: u32, field: &str| json!({"manager": manager, "time": time(day), "fieldsV1": {"f:spec": {field: {}}}});
    owner.metadata.managed_fields = decode(json!([
        wrote("helm", 1, "f:template"),
        wrote("kubectl-rollout", 5, "f:template"),
        wrote("hpa", 6, "f:replicas")
    ]));
    let sets: Vec<ReplicaSet> = [restarted, set("aa", "1", 1, 0, "web:v1")].into_iter().map(decode).collect();
    let mut found = replica_sets::releases(&DEPLOYMENT, &owner, &sets, &[], |_, _, _| {});
    tell_author(&owner, &mut found);
    name_restarts(&mut found);
    assert_eq!(found[0].cause.as_deref(), Some("restart, by kubectl-rollout"));
    assert_eq!(found[1].cause, None);
}

#[test]
fn a_rollout_tells_its_canary_and_its_stable_release() {
    let rollout: Set =
        decode(json!({"metadata": {"uid": UID}, "status": {"phase": "Paused", "message": "CanaryPauseStep",
        "currentPodHash": "bb", "stableRS": "aa", "observedGeneration": "4", "blueGreen": {}}}));
    let sets: Vec<ReplicaSet> =
        [set("aa", "1", 1, 4, "web:v1"), set("bb", "2", 5, 1, "web:v2")].into_iter().map(decode).collect();
    let mut found = replica_sets::releases(&ROLLOUT, &rollout, &sets, &[], |_, _, _| {});
    replica_sets::of_rollout(&rollout, &sets, &mut found);
    let shown: Vec<_> = found.iter().map(|it| (it.number, it.outcome.as_deref(), it.served)).collect();
    assert_eq!(shown, [(Some(2), Some("canary, paused: CanaryPauseStep"), None), (Some(1), Some("stable"), None)]);
}

fn revision(number: u64, hash: &str, day: u32) -> ControllerRevision {
    decode(json!({
        "metadata": {"name": format!("db-{hash}"), "creationTimestamp": time(day),
            "labels": {"controller-revision-hash": hash}, "ownerReferences": [{"uid": UID, "controller": true}]},
        "revision": number,
        "data": {"spec": {"template": template(&format!("db:{hash}"))}},
    }))
}

fn of_hash(hash: &str, ready: bool) -> Pod {
    let status = if ready { "True" } else { "False" };
    decode(json!({"metadata": {"name": "db-0", "labels": {"controller-revision-hash": hash}},
        "status": {"conditions": [{"type": "Ready", "status": status, "lastTransitionTime": time(9)}]}}))
}

#[test]
fn a_stateful_set_tells_its_revisions_and_how_many_run_the_newest() {
    let set: Set =
        decode(json!({"metadata": {"uid": UID}, "spec": {"replicas": 3}, "status": {"replicas": 3, "readyReplicas": 2,
        "updatedReplicas": 1, "currentRevision": "db-aa", "updateRevision": "db-bb"}}));
    let pods = [of_hash("db-bb", false), of_hash("db-aa", true), of_hash("db-aa", true)];
    let found =
        revisions::releases(ServiceKind::StatefulSet, &set, &[revision(1, "aa", 1), revision(2, "bb", 3)], &pods);
    let shown: Vec<_> =
        found.iter().map(|it| (it.number, it.image.release(), it.instances, it.outcome.as_deref())).collect();
    let rolling = Some("rolling out, 1 of 3 run it, 0 ready");
    assert_eq!(shown, [(Some(2), "bb", 1, rolling), (Some(1), "aa", 2, None)]);
    assert_eq!(found[1].served, Some(2 * 86_400));
}

#[test]
fn a_daemon_set_tells_its_revisions_by_hash() {
    let set: Set = decode(json!({"metadata": {"uid": UID}, "status": {"desiredNumberScheduled": 2,
        "updatedNumberScheduled": 2, "numberAvailable": 2}}));
    let pods = [of_hash("bb", true), of_hash("bb", true)];
    let found = revisions::releases(ServiceKind::DaemonSet, &set, &[revision(1, "aa", 1), revision(2, "bb", 3)], &pods);
    assert_eq!(
        (found[0].instances, found[0].outcome.as_deref(), found[0].healthy_since),
        (2, None, time(9).parse().ok())
    );
    assert_eq!(found[1].instances, 0);
}

#[test]
fn what_keeps_no_history_has_one_release() {
    let pods: Vec<Pod> = vec![decode(json!({"metadata": {"name": "tool", "creationTimestamp": time(4)},
        "spec": {"containers": [{"name": "tool", "image": "tool:v1"}]}, "status": {"phase": "Running"}}))];
    let release = lone::of_pods(&pods).expect("one");
    assert_eq!((release.current, release.image.release(), release.instances), (true, "v1", 1));
    assert!(lone::of_pods(&[]).is_none());
}
