//! Each cause by one sentence.

use super::*;
use crate::backend::kubernetes::{
    books::{Note, NoteKind},
    row::{Interner, Kind, Machine, Pod, Row, Workload, text::Time},
};

const NOW: &str = "2026-11-21T05:10:00Z";

fn now() -> Timestamp {
    NOW.parse().expect("a time")
}

fn row(kind: Kind, object: &str) -> Row {
    let list = format!("{{\"items\":[{object}]}}");
    kind.page(list.as_bytes(), &mut Interner::default()).expect(object).rows.remove(0)
}

/// Of a Deployment, on node n1, made at 5:00.
fn pod(spec: &str, status: &str) -> Pod {
    let object = format!(
        r#"{{"metadata":{{"name":"web-7f8-x","namespace":"shop","uid":"u","creationTimestamp":"2026-11-21T05:00:00Z",
        "labels":{{"pod-template-hash":"7f8"}},"ownerReferences":[{{"kind":"ReplicaSet","name":"web-7f8","controller":true}}]}},
        "spec":{{{spec}}},"status":{{"startTime":"2026-11-21T05:00:00Z",{status}}}}}"#
    );
    match row(Kind::Pod, &object) {
        Row::Pod(pod) => pod,
        other => panic!("no pod: {other:?}"),
    }
}

const WEB: &str =
    r#""nodeName":"n1","containers":[{"name":"web","image":"shop/web:v2","resources":{"limits":{"memory":"128Mi"}}}]"#;

fn waiting(reason: &str, message: &str, last: &str) -> Pod {
    let state = format!(r#""state":{{"waiting":{{"reason":"{reason}","message":"{message}"}}}}{last}"#);
    pod(WEB, &format!(r#""phase":"Pending","containerStatuses":[{{"name":"web","ready":false,{state}}}]"#))
}

fn note(kind: NoteKind, message: &str, count: u32) -> Note {
    Note { kind, container: None, message: message.into(), count, at: Time::parse("2026-11-21T05:09:00Z") }
}

fn words(health: &Health) -> String {
    health.reason().map_or_else(|| health.word().to_owned(), |reason| format!("{}: {}", health.word(), reason.text))
}

fn judged(pod: &Pod) -> String {
    words(&super::pod(pod, &Surroundings::default(), now()).health)
}

fn judged_with(pod: &Pod, notes: &[Note]) -> String {
    words(&super::pod(pod, &Surroundings { notes, ..Surroundings::default() }, now()).health)
}

#[test]
fn a_crash_loop_says_how_it_ends_and_how_often() {
    let crashing = |restarts: u32, end: &str| {
        waiting(
            "CrashLoopBackOff",
            "",
            &format!(r#","restartCount":{restarts},"lastState":{{"terminated":{{{end}}}}}"#),
        )
    };
    for (restarts, end, said) in [
        (7, r#""exitCode":3,"reason":"Error""#, "crash loop: exit 3, 7 restarts in 10m"),
        (
            7,
            r#""exitCode":1,"reason":"Error","message":"no table\n""#,
            "crash loop: exit 1: no table, 7 restarts in 10m",
        ),
        (
            2,
            r#""exitCode":137,"reason":"OOMKilled""#,
            "crash loop: exit 137 (out of memory, limit 128Mi), 2 restarts in 10m",
        ),
        (2, r#""exitCode":137,"reason":"Error""#, "crash loop: exit 137 (killed), 2 restarts in 10m"),
        (2, r#""exitCode":143,"reason":"Error""#, "crash loop: exit 143 (terminated), 2 restarts in 10m"),
        (2, r#""exitCode":127,"reason":"Error""#, "crash loop: exit 127 (command not found), 2 restarts in 10m"),
        (2, r#""exitCode":0,"reason":"Completed""#, "crash loop: exit 0 (ended well), 2 restarts in 10m"),
        (1, r#""exitCode":1,"reason":"Error""#, "ended: exit 1, 1 restart"),
    ] {
        assert_eq!(judged(&crashing(restarts, end)), format!("failing: {said}"));
    }
    let pod = crashing(2, r#""exitCode":137,"reason":"OOMKilled""#);
    let health = super::pod(&pod, &Surroundings::default(), now()).health;
    assert!(health.reason().and_then(|reason| reason.help.as_ref()).is_some_and(|help| help.contains("memory limit")));
}

#[test]
fn one_that_is_up_between_two_crashes_is_still_in_a_loop() {
    let up = |restarts: u32, since: &str, ran: &str| {
        pod(
            WEB,
            &format!(
                r#""phase":"Running","conditions":[{{"type":"Ready","status":"True"}}],"containerStatuses":[{{"name":"web","ready":true,
                "restartCount":{restarts},"state":{{"running":{{"startedAt":"{since}"}}}},"lastState":{{"terminated":{{"exitCode":1,
                "startedAt":"{ran}","finishedAt":"2026-11-21T05:09:30Z"}}}}}}]"#
            ),
        )
    };
    let (fresh, short) = ("2026-11-21T05:09:40Z", "2026-11-21T05:09:20Z");
    assert_eq!(judged(&up(5, fresh, short)), "failing: crash loop: exit 1, 5 restarts in 10m");
    assert_eq!(judged(&up(1, fresh, short)), "degraded: restarted: exit 1, 1 restart");
    assert_eq!(judged(&up(5, fresh, "2026-11-20T05:09:20Z")), "degraded: restarted: exit 1, 5 restarts in 10m");
    assert_eq!(judged(&up(5, "2026-11-21T05:08:00Z", short)), "healthy");
}

#[test]
fn an_image_that_does_not_come_is_told_by_what_hinders_it() {
    let pull = |message: &str| waiting("ErrImagePull", message, "");
    for (message, said) in [
        (
            "rpc error: code = NotFound desc = failed to resolve reference: shop/web:v2: not found",
            "image missing: shop/web:v2 is not in its registry",
        ),
        ("manifest unknown", "image missing: shop/web:v2 is not in its registry"),
        (
            "pull access denied, repository does not exist or may require authorization",
            "image missing or access denied: shop/web:v2",
        ),
        ("unexpected status: 401 Unauthorized", "image not pulled: access denied: shop/web:v2"),
        (
            "dial tcp: lookup r on 10.0.0.1:53: no such host",
            "image not pulled: its registry cannot be reached: no such host (shop/web:v2)",
        ),
        (
            "dial tcp 10.0.0.9:443: i/o timeout",
            "image not pulled: its registry cannot be reached: i/o timeout (shop/web:v2)",
        ),
        (
            "429 Too Many Requests - toomanyrequests",
            "image not pulled: the registry lets nobody pull so often: shop/web:v2",
        ),
        (
            "x509: certificate signed by unknown authority",
            "image not pulled: the registry's certificate is not trusted: shop/web:v2",
        ),
        ("no matching manifest for linux/arm64", "image not pulled: shop/web:v2 is not made for the node's platform"),
        ("write: no space left on device", "image not pulled: no space left on the node: shop/web:v2"),
    ] {
        assert_eq!(judged(&pull(message)), format!("failing: {said}"));
    }
    let never = waiting("ErrImageNeverPull", "Container image is not present with pull policy of Never", "");
    assert_eq!(judged(&never), "failing: image missing: shop/web:v2 is not on n1, and it is never pulled");
    assert_eq!(judged(&waiting("InvalidImageName", "", "")), "failing: 'shop/web:v2' is no name of an image");
}

#[test]
fn while_the_kubelet_waits_to_pull_again_the_event_says_why() {
    let pod = waiting("ImagePullBackOff", r#"Back-off pulling image \"shop/web:v2\""#, "");
    assert_eq!(judged(&pod), "failing: image not pulled: shop/web:v2");
    let said =
        note(NoteKind::Pull, "Failed to pull image \"shop/web:v2\": rpc error: code = NotFound desc = not found", 3);
    assert_eq!(judged_with(&pod, &[said]), "failing: image missing: shop/web:v2 is not in its registry");
    let newer = waiting("ImagePullBackOff", r#"Back-off pulling image \"shop/web:v2\": ErrImagePull: not found"#, "");
    assert_eq!(judged(&newer), "failing: image missing: shop/web:v2 is not in its registry");
}

#[test]
fn what_a_container_refers_to_and_is_missing_is_named() {
    for (reason, message, said) in [
        ("CreateContainerConfigError", r#"configmap \"settings\" not found"#, "ConfigMap settings is missing"),
        ("CreateContainerConfigError", r#"secret \"db\" not found"#, "Secret db is missing"),
        (
            "CreateContainerConfigError",
            "couldn't find key PORT in ConfigMap shop/settings",
            "the key PORT is missing in ConfigMap settings",
        ),
        (
            "CreateContainerConfigError",
            "container has runAsNonRoot and image will run as root",
            "could not start: it may not run as root, and its image does",
        ),
        (
            "RunContainerError",
            r#"exec: \"run\": executable file not found in $PATH"#,
            "could not start: its command is not in the image",
        ),
        (
            "CreateContainerError",
            r#"exec: \"/run\": permission denied"#,
            "could not start: its command may not be executed",
        ),
        (
            "CreateContainerError",
            "exec /run: exec format error",
            "could not start: its command is made for another platform",
        ),
        ("CreateContainerError", "something new", "could not start: something new"),
    ] {
        assert_eq!(judged(&waiting(reason, message, "")), format!("failing: {said}"));
    }
}

#[test]
fn a_volume_or_a_network_that_does_not_come_is_told_by_the_event() {
    let pod = waiting("ContainerCreating", "", "");
    assert_eq!(judged(&pod), "failing: does not start: its volumes, its network or its image do not come");
    for (kind, message, said) in [
        (
            NoteKind::Mount,
            "MountVolume.SetUp failed for volume \"tls\" : secret \"tls-web\" not found",
            "Secret tls-web is missing",
        ),
        (
            NoteKind::Mount,
            "Multi-Attach error for volume \"pvc-1\" Volume is already used by pod(s) db-0",
            "its volume is still attached to another node",
        ),
        (
            NoteKind::Mount,
            "MountVolume.SetUp failed for volume \"data\" : mount failed: exit status 32",
            "could not start: its volume data was not mounted: exit status 32",
        ),
        (
            NoteKind::Sandbox,
            "Failed to create pod sandbox: rpc error: no IP addresses available",
            "could not start: no network for it: no IP addresses available",
        ),
    ] {
        assert_eq!(judged_with(&pod, &[note(kind, message, 1)]), format!("failing: {said}"));
    }
}

#[test]
fn a_failing_health_check_is_quoted() {
    let spec = r#""nodeName":"n1","containers":[{"name":"web","readinessProbe":{"periodSeconds":2}}]"#;
    let unready = |since: &str| {
        pod(
            spec,
            &format!(
                r#""phase":"Running","conditions":[{{"type":"Ready","status":"False","lastTransitionTime":"{since}"}}],
                "containerStatuses":[{{"name":"web","ready":false,"started":true,"state":{{"running":{{"startedAt":"{since}"}}}}}}]"#
            ),
        )
    };
    let old = unready("2026-11-21T05:01:00Z");
    assert_eq!(judged(&old), "failing: health check failed: it does not become ready");
    let said = |count| [note(NoteKind::Probe, "Readiness probe failed: could not reach the database\n", count)];
    assert_eq!(judged_with(&old, &said(9)), "failing: health check failed 9 times: could not reach the database");
    let young = unready("2026-11-21T05:08:50Z");
    assert_eq!(judged_with(&young, &said(1)), "failing: health check failed once: could not reach the database");
    let newborn = unready("2026-11-21T05:09:55Z");
    assert_eq!(judged(&newborn), "changing: starting: its health check has not answered yet");
    assert_eq!(
        judged_with(&newborn, &said(9)),
        "changing: starting: its health check has not answered yet",
        "of another run"
    );
}

#[test]
fn an_init_container_that_fails_or_hangs_is_named() {
    let init = |state: &str| {
        let spec =
            r#""nodeName":"n1","initContainers":[{"name":"wait"},{"name":"migrate"}],"containers":[{"name":"web"}]"#;
        pod(
            spec,
            &format!(
                r#""phase":"Pending","initContainerStatuses":[{{"name":"wait","state":{{"terminated":{{"exitCode":0}}}}}},
                {{"name":"migrate",{state}}}],"containerStatuses":[{{"name":"web","state":{{"waiting":{{"reason":"PodInitializing"}}}}}}]"#
            ),
        )
    };
    let failed = r#""restartCount":4,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":5}}"#;
    assert_eq!(judged(&init(failed)), "failing: init container migrate: crash loop: exit 5, 4 restarts in 10m");
    let hangs = r#""state":{"running":{"startedAt":"2026-11-21T05:01:00Z"}}"#;
    assert_eq!(judged(&init(hangs)), "failing: does not start: init container migrate has been running for 9m");
    let runs = r#""state":{"running":{"startedAt":"2026-11-21T05:09:00Z"}}"#;
    assert_eq!(judged(&init(runs)), "changing: starting: init container migrate runs");
}

#[test]
fn of_several_containers_the_one_to_blame_is_named() {
    let spec = r#""nodeName":"n1","containers":[{"name":"web"},{"name":"proxy"}]"#;
    let status = r#""phase":"Running","containerStatuses":[{"name":"proxy","restartCount":3,"state":{"waiting":{"reason":"CrashLoopBackOff"}},
        "lastState":{"terminated":{"exitCode":2}}},{"name":"web","ready":true,"state":{"running":{"startedAt":"2026-11-21T05:00:00Z"}}}]"#;
    assert_eq!(judged(&pod(spec, status)), "failing: proxy: crash loop: exit 2, 3 restarts in 10m");
}

#[test]
fn a_pod_that_no_node_takes_says_in_words_what_each_lacks() {
    let said = |message: &str| {
        let condition =
            format!(r#"{{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"{message}"}}"#);
        let spec = r#""containers":[{"name":"web","resources":{"requests":{"cpu":"500m"}}}]"#;
        judged(&pod(spec, &format!(r#""phase":"Pending","conditions":[{condition}]"#)))
    };
    for (message, expected) in [
        ("0/1 nodes are available: 1 Insufficient cpu.", "no node fits: not enough cpu"),
        ("0/3 nodes are available: 3 Insufficient memory.", "no node fits: not enough memory on each of them"),
        (
            "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had taint {dedicated: db}, that the pod didn't tolerate.",
            "no node of 3 fits: 1 not enough cpu, 2 tainted dedicated=db",
        ),
        (
            "0/2 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }, 1 node(s) were unschedulable. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
            "no node of 2 fits: 1 not ready, 1 cordoned",
        ),
        (
            "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
            "no node fits: not what its node selector asks for on each of them",
        ),
        (
            "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/2",
            "its volume claim is not bound",
        ),
        (r#"persistentvolumeclaim \"data\" not found"#, "its volume claim data is missing"),
        ("0/0 nodes are available: .", "no node fits: there is none"),
        ("something new", "no node fits: something new"),
    ] {
        assert_eq!(said(message), format!("failing: {expected}"));
    }
}

#[test]
fn a_pod_that_was_taken_away_says_by_whom() {
    let failed = |reason: &str, message: &str| {
        judged(&pod(WEB, &format!(r#""phase":"Failed","reason":"{reason}","message":"{message}""#)))
    };
    for (reason, message, said) in [
        (
            "Evicted",
            "The node was low on resource: memory. Container web was using 300Mi.",
            "evicted: its node was low on memory",
        ),
        ("Evicted", "The node had condition: [DiskPressure]. ", "evicted: its node was under DiskPressure"),
        (
            "Evicted",
            "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
            "evicted: Pod ephemeral local storage usage exceeds the total limit of containers 1Gi",
        ),
        ("NodeLost", "", "lost with its node"),
        ("Terminated", "Pod was terminated in response to imminent node shutdown.", "its node was shut down"),
        ("Preempting", "", "preempted: a more important pod took its place"),
        (
            "DeadlineExceeded",
            "Pod was active on the node longer than the specified deadline",
            "stopped: it ran longer than its deadline allows",
        ),
        ("OutOfcpu", "Pod Node didn't have enough resource: cpu", "its node had no cpu left for it"),
    ] {
        assert_eq!(failed(reason, message), format!("stopped: {said}"), "another has taken its place");
    }
}

#[test]
fn a_pod_that_does_not_go_is_stuck_only_after_its_grace() {
    let leaving = |at: &str| {
        let object = format!(
            r#"{{"metadata":{{"name":"p","deletionTimestamp":"{at}"}},"spec":{{"nodeName":"n1"}},"status":{{"phase":"Running"}}}}"#
        );
        let Row::Pod(pod) = row(Kind::Pod, &object) else { panic!("no pod") };
        pod
    };
    assert_eq!(judged(&leaving("2026-11-21T05:10:20Z")), "changing: being removed");
    assert_eq!(
        judged(&leaving("2026-11-21T05:05:00Z")),
        "failing: stuck while being removed: it does not end, or a finalizer holds it"
    );
    let lost = Surroundings { is_node_lost: true, ..Surroundings::default() };
    let health = super::pod(&leaving("2026-11-21T05:05:00Z"), &lost, now()).health;
    assert_eq!(words(&health), "failing: stuck while being removed: its node does not answer");
}

#[test]
fn pods_that_the_server_refuses_say_whose_rule_it_is() {
    for (message, said) in [
        (
            "pods \"web-x\" is forbidden: exceeded quota: few, requested: pods=1,limits.cpu=2, used: pods=3,limits.cpu=4, limited: pods=3,limits.cpu=5",
            "quota few is used up: pods 3 of 3, limits.cpu 4 of 5",
        ),
        (
            "pods \"web-x\" is forbidden: failed quota: few: must specify limits.cpu",
            "quota few asks for more: must specify limits.cpu",
        ),
        (
            "pods \"web-x\" is forbidden: error looking up service account shop/web: serviceaccount \"web\" not found",
            "ServiceAccount web is missing",
        ),
        (
            "pods \"web-x\" is forbidden: violates PodSecurity \"restricted:latest\": privileged",
            "pod security forbids it: \"restricted:latest\": privileged",
        ),
        ("admission webhook \"policy.example\" denied the request: no latest", "policy.example refuses it: no latest"),
        (
            "Internal error occurred: failed calling webhook \"policy.example\": Post x: timeout",
            "the webhook policy.example does not answer",
        ),
        (
            "pods \"web-x\" is forbidden: maximum memory usage per Container is 1Gi",
            "maximum memory usage per Container is 1Gi",
        ),
    ] {
        assert_eq!(&*refusal::reason(message).text, format!("no pods can be made: {said}"));
    }
}

fn deployment(spec: &str, status: &str) -> Workload {
    let object = format!(
        r#"{{"metadata":{{"name":"web","namespace":"shop","generation":2,"creationTimestamp":"2026-11-21T05:00:00Z"}},
        "spec":{{"template":{{"spec":{{"containers":[{{"name":"web"}}]}}}},{spec}}},"status":{{"observedGeneration":2,{status}}}}}"#
    );
    let Row::Workload(workload) = row(Kind::Deployment, &object) else { panic!("no workload") };
    *workload
}

fn alone(workload: &Workload) -> String {
    words(&super::workload(workload, &Members { pods: &[], are_known: false, refusal: None }, now()).health)
}

#[test]
fn a_deployments_own_status_tells_rolling_paused_stuck_and_scaled_down() {
    for (spec, status, said) in [
        (r#""replicas":3"#, r#""replicas":3,"readyReplicas":3,"updatedReplicas":3"#, "healthy"),
        (
            r#""replicas":3"#,
            r#""replicas":4,"readyReplicas":3,"updatedReplicas":1"#,
            "changing: rolling out: 1 of 3 updated",
        ),
        (
            r#""replicas":3,"paused":true"#,
            r#""replicas":3,"readyReplicas":3,"updatedReplicas":1"#,
            "degraded: paused in the middle of a rollout: 1 of 3 updated",
        ),
        (
            r#""replicas":3"#,
            r#""replicas":4,"readyReplicas":3,"updatedReplicas":1,"conditions":[{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded"}]"#,
            "degraded: stuck: 1 of 3 updated when its time was up",
        ),
        (r#""replicas":3"#, r#""replicas":3,"readyReplicas":1,"updatedReplicas":3"#, "degraded: 1 of 3 ready"),
        (r#""replicas":3"#, r#""replicas":3,"updatedReplicas":3"#, "failing: 0 of 3 ready"),
        (r#""replicas":0"#, r#""replicas":0"#, "stopped: scaled to 0"),
        (
            r#""replicas":1"#,
            r#""conditions":[{"type":"ReplicaFailure","status":"True","message":"pods is forbidden: exceeded quota: few, requested: pods=1, used: pods=3, limited: pods=3"}]"#,
            "failing: no pods can be made: quota few is used up: pods 3 of 3",
        ),
    ] {
        assert_eq!(alone(&deployment(spec, status)), said, "{status}");
    }
}

#[test]
fn a_new_release_that_does_not_come_up_degrades_a_service_that_still_works() {
    let web = deployment(r#""replicas":2"#, r#""replicas":3,"readyReplicas":2,"updatedReplicas":1"#);
    let well = |name: &str| {
        let status = r#""phase":"Running","conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{"name":"web","ready":true,
            "state":{"running":{"startedAt":"2026-11-21T05:00:00Z"}}}]"#;
        Pod {
            name: name.into(),
            revision: Some("old".into()),
            created: Time::parse("2026-11-21T04:00:00Z"),
            ..pod(WEB, status)
        }
    };
    let new = waiting("ImagePullBackOff", "not found", "");
    let pods = [well("a"), well("b"), new];
    let judged: Vec<(&Pod, Judgement)> =
        pods.iter().map(|pod| (pod, super::pod(pod, &Surroundings::default(), now()))).collect();
    let judge = |web: &Workload, judged: &[(&Pod, Judgement)]| {
        words(&super::workload(web, &Members { pods: judged, are_known: true, refusal: None }, now()).health)
    };
    assert_eq!(
        judge(&web, &judged),
        "degraded: the new release does not come up: 1 of 3: image missing: shop/web:v2 is not in its registry"
    );
    let one_left = deployment(r#""replicas":2"#, r#""replicas":2,"readyReplicas":1,"updatedReplicas":2"#);
    assert_eq!(judge(&one_left, &judged[1..]), "degraded: 1 of 2: image missing: shop/web:v2 is not in its registry");
}

#[test]
fn a_rollout_says_where_it_stands() {
    let rollout = |status: &str| {
        let object = format!(
            r#"{{"metadata":{{"name":"web","generation":4}},"spec":{{"replicas":5,"strategy":{{"canary":{{"steps":[{{"setWeight":20}},
            {{"pause":{{}}}},{{"setWeight":50}}]}}}}}},"status":{{"observedGeneration":"4","readyReplicas":5,"replicas":6,"updatedReplicas":1,
            "currentStepIndex":1,{status}}}}}"#
        );
        let Row::Workload(workload) = row(Kind::Rollout, &object) else { panic!("no workload") };
        alone(&workload)
    };
    assert_eq!(
        rollout(r#""phase":"Paused","pauseConditions":[{"reason":"CanaryPauseStep"}]"#),
        "changing: rollout paused at step 2 of 3, 20% to the new release: it waits to be promoted"
    );
    assert_eq!(rollout(r#""phase":"Progressing""#), "changing: rolling out at step 2 of 3, 20% to the new release");
    assert_eq!(
        rollout(r#""phase":"Degraded","abort":true,"message":"metric error-rate failed""#),
        "degraded: rollout aborted at step 2 of 3, 20% to the new release: metric error-rate failed"
    );
}

#[test]
fn a_job_that_tries_again_or_gave_up_says_so() {
    let job = |spec: &str, status: &str| {
        let object = format!(
            r#"{{"metadata":{{"name":"j","creationTimestamp":"2026-11-21T05:00:00Z"}},"spec":{{{spec}}},"status":{{{status}}}}}"#
        );
        let Row::Workload(workload) = row(Kind::Job, &object) else { panic!("no workload") };
        words(&super::job(&workload, &Members { pods: &[], are_known: true, refusal: None }, now()).health)
    };
    assert_eq!(job("", r#""active":1,"failed":2"#), "degraded: 2 tries failed, tries again");
    assert_eq!(job("", r#""active":1"#), "healthy");
    assert_eq!(job(r#""suspend":true"#, ""), "stopped: suspended");
    let failed = |reason: &str| {
        format!(r#""failed":7,"conditions":[{{"type":"Failed","status":"True","reason":"{reason}","message":"m"}}]"#)
    };
    assert_eq!(job("", &failed("BackoffLimitExceeded")), "failing: given up after 7 tries");
    assert_eq!(job("", &failed("DeadlineExceeded")), "failing: stopped: it ran longer than its deadline allows");
    assert_eq!(job("", &failed("New")), "failing: failed: m");
}

#[test]
fn a_node_is_told_by_its_conditions() {
    let node = |conditions: &str| {
        let object = format!(r#"{{"metadata":{{"name":"n1"}},"status":{{"conditions":[{conditions}]}}}}"#);
        let Row::Node(machine) = row(Kind::Node, &object) else { panic!("no node") };
        let machine: Machine = *machine;
        words(&super::node(&machine).0)
    };
    let ready = |status: &str| format!(r#"{{"type":"Ready","status":"{status}","message":"the runtime is down"}}"#);
    assert_eq!(node(&ready("True")), "healthy");
    assert_eq!(node(&ready("False")), "failing: not ready: the runtime is down");
    assert_eq!(node(&ready("Unknown")), "failing: its agent no longer reports: the node is down, or cut off");
    let pressure = r#"{"type":"DiskPressure","status":"True"}"#;
    assert_eq!(node(&format!("{},{pressure}", ready("True"))), "degraded: low on disk: pods are evicted");
    assert_eq!(node(""), "unknown: its agent has not reported yet");
}
