//! Rows from what servers write, in every version and in every state of repair.

use std::mem::size_of;

use super::*;
use crate::domain::{PartRole, ServiceKind};

fn rows(kind: Kind, object: &str) -> Vec<Row> {
    let list = format!("{{\"metadata\":{{\"resourceVersion\":\"7\"}},\"items\":[{object}]}}");
    kind.page(list.as_bytes(), &mut Interner::default()).expect("a list").rows
}

fn pods(list: &str, interner: &mut Interner) -> Vec<Pod> {
    let page = Kind::Pod.page(list.as_bytes(), interner).expect("a list");
    let pod = |row| match row {
        Row::Pod(pod) => pod,
        other => panic!("no pod: {other:?}"),
    };
    page.rows.into_iter().map(pod).collect()
}

fn workload(kind: Kind, object: &str) -> Workload {
    match rows(kind, object).pop() {
        Some(Row::Workload(workload)) => *workload,
        other => panic!("no workload: {other:?}"),
    }
}

#[test]
fn a_row_stays_small() {
    assert!(size_of::<Pod>() <= 288, "{}", size_of::<Pod>());
    assert!(size_of::<pod::ContainerState>() <= 72, "{}", size_of::<pod::ContainerState>());
    assert!(size_of::<Row>() <= 296, "{}", size_of::<Row>());
}

#[test]
fn what_the_pods_of_a_workload_share_is_kept_once() {
    let mut interner = Interner::default();
    let pods = pods(include_str!("../fixtures/pods.json"), &mut interner);
    let web: Vec<&Pod> = pods.iter().filter(|pod| &*pod.home.1 == "web").collect();
    assert_eq!(web.len(), 2);
    assert!(Arc::ptr_eq(&web[0].template, &web[1].template));
    assert!(Arc::ptr_eq(&web[0].namespace, &pods[0].namespace));
}

#[test]
fn a_pods_workload_is_told_without_asking_for_its_replica_set() {
    let pods = pods(include_str!("../fixtures/pods.json"), &mut Interner::default());
    let home = |start: &str| {
        let pod = pods.iter().find(|pod| pod.name.starts_with(start)).expect(start);
        (pod.home.0, pod.home.1.to_string())
    };
    assert_eq!(home("web-"), (ServiceKind::Deployment, "web".into()));
    assert_eq!(home("db-0"), (ServiceKind::StatefulSet, "db".into()));
    assert_eq!(home("agent-"), (ServiceKind::DaemonSet, "agent".into()));
    assert_eq!(home("bad-"), (ServiceKind::Job, "bad".into()));
    assert_eq!(home("lone"), (ServiceKind::Pod, "lone".into()));
    let owned = |labels: &str, kind: &str| {
        let pod = format!(
            r#"{{"items":[{{"metadata":{{"name":"p","labels":{{{labels}}},"ownerReferences":[{{"kind":"Other","name":"no"}},
            {{"kind":"{kind}","name":"web-7f8","controller":true}}]}}}}]}}"#
        );
        let pod = super::tests::pods(&pod, &mut Interner::default()).remove(0);
        (pod.home.0, pod.home.1.to_string())
    };
    let rollout = owned(r#""rollouts-pod-template-hash":"7f8""#, "ReplicaSet");
    assert_eq!(rollout, (ServiceKind::Rollout, "web".into()));
    assert_eq!(owned("", "ReplicaSet"), (ServiceKind::Controlled, "web-7f8".into()));
    assert_eq!(owned("", "Cluster"), (ServiceKind::Controlled, "web-7f8".into()));
}

#[test]
fn null_missing_and_odd_values_are_no_reason_to_lose_a_page() {
    let object = r#"{"metadata":{"name":"p","namespace":null,"labels":null,"annotations":null,"ownerReferences":null,
        "creationTimestamp":null},"spec":null,"status":{"conditions":null,"containerStatuses":null,"phase":7}},
        {"metadata":{"name":"q"}}, {"metadata":null}, {"metadata":{"name":"r"},"spec":{"containers":null,"volumes":null}}"#;
    for kind in [
        Kind::Pod,
        Kind::Deployment,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::Job,
        Kind::CronJob,
        Kind::Rollout,
        Kind::Service,
        Kind::Scaler,
        Kind::Guard,
        Kind::Node,
        Kind::Event,
        Kind::Namespace,
    ] {
        let object = if kind == Kind::Pod { object.into() } else { object.replace("\"conditions\":null,", "") };
        assert_eq!(rows(kind, &object).len(), 3, "{kind:?}");
    }
    let empty = Kind::Pod.page(br#"{"metadata":{"continue":null},"items":null}"#, &mut Interner::default());
    assert!(empty.is_ok_and(|page| page.rows.is_empty() && page.next.is_empty()));
}

#[test]
fn what_is_no_json_is_a_fault_that_does_not_repeat_it() {
    let fault = Kind::Pod.page(b"{\"items\":[{\"secret\"", &mut Interner::default()).expect_err("it is cut off");
    assert!(matches!(&fault, Fault::Garbled(why) if !why.contains("secret")), "{fault:?}");
}

#[test]
fn an_object_with_ten_thousand_labels_costs_what_others_do() {
    let labels: Vec<String> = (0..10_000).map(|number| format!("\"label-{number}\":\"{number}\"")).collect();
    let labels = format!("{},\"pod-template-hash\":\"7f8\"", labels.join(","));
    let owner = r#""ownerReferences":[{"kind":"ReplicaSet","name":"web-7f8","controller":true}]"#;
    let list = format!(
        r#"{{"items":[{{"metadata":{{"name":"p","labels":{{{labels}}},"annotations":{{{labels}}},{owner}}}}}]}}"#
    );
    let mut interner = Interner::default();
    let pod = pods(&list, &mut interner).remove(0);
    assert_eq!((pod.home.0, &*pod.home.1), (ServiceKind::Deployment, "web"), "the labels that count are found");
    assert!(interner.sizes().0 < 200, "{:?}", interner.sizes());
}

#[test]
fn hostile_text_is_made_harmless_wherever_it_stands() {
    let object = r#"{"metadata":{"name":"p\u001b[2J","namespace":"s\u202e","uid":"u"},"spec":{"nodeName":"n\u0007","containers":
        [{"name":"c\u001b]0;x","image":"i\u009b31m","command":["sh","\u001b[31m"]}]},"status":{"message":"m\u001b","reason":"r\u001b",
        "containerStatuses":[{"name":"c\u001b]0;x","state":{"waiting":{"reason":"w\u001b","message":"two\nlines\u001b"}}}]}}"#;
    let pod = format!("{:?}", rows(Kind::Pod, object));
    for hostile in ["\u{1b}", "\u{202e}", "\u{7}", "\u{9b}", "\\u{1b}", "\\n"] {
        assert!(!pod.contains(hostile), "{hostile:?}: {pod}");
    }
}

#[test]
fn containers_have_roles_and_limits_are_told_where_all_have_one() {
    let object = r#"{"metadata":{"name":"p"},"spec":{"initContainers":[{"name":"migrate"},{"name":"proxy","restartPolicy":"Always",
        "resources":{"limits":{"memory":"64Mi"},"requests":{"cpu":"50m"}}}],"containers":[{"name":"web","command":["run"],
        "args":["--token","hunter2"],"resources":{"limits":{"memory":"64Mi","cpu":1},"requests":{"cpu":"100m"}},
        "volumeMounts":[{"name":"a","mountPath":"/a","readOnly":true},{"name":"t","mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}]}],
        "ephemeralContainers":[{"name":"debug"}],"volumes":[{"name":"a","configMap":{"name":"settings"}}]}}"#;
    let Some(Row::Pod(pod)) = rows(Kind::Pod, object).pop() else { panic!("no pod") };
    let roles: Vec<PartRole> = pod.template.parts.iter().map(|part| part.role).collect();
    assert_eq!(roles, [PartRole::Init, PartRole::Sidecar, PartRole::Main, PartRole::Ephemeral]);
    let limits = pod.template.limits;
    assert_eq!((limits.memory, limits.cpu, limits.cpu_request), (Some(128 << 20), None, Some(150)));
    assert_eq!(&*pod.template.command, "run --token ********");
    let mounts: Vec<_> =
        pod.template.mounts.iter().map(|mount| (&*mount.kind, &*mount.source, mount.read_only)).collect();
    assert_eq!(mounts, [("configmap", "settings", true)]);
}

#[test]
fn a_line_of_a_watch_says_what_happened_and_where_to_go_on() {
    let mut interner = Interner::default();
    let mut notice = |line: &str| {
        let notice = Kind::Pod.notice(line.as_bytes(), &mut interner).expect(line);
        (notice.version, notice.what)
    };
    let (version, what) = notice(r#"{"type":"ADDED","object":{"metadata":{"name":"p","resourceVersion":"8"}}}"#);
    assert!(version == "8" && matches!(what, What::Put(Row::Pod(_))), "{what:?}");
    let (version, what) = notice(r#"{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"9"}}}"#);
    assert!(version == "9" && matches!(what, What::Bookmark), "{what:?}");
    let (_, what) = notice(r#"{"type":"DELETED","object":{"metadata":{"name":"p","namespace":"shop"}}}"#);
    assert!(matches!(&what, What::Gone(key) if key.to_string() == "shop/p"), "{what:?}");
    let (_, what) =
        notice(r#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#);
    assert!(matches!(&what, What::Failed(fault) if fault.is_too_old()), "{what:?}");
}

#[test]
fn a_rollout_writes_its_numbers_in_its_own_way() {
    let object = r#"{"metadata":{"name":"web","generation":4,"annotations":{"rollout.argoproj.io/revision":"12"}},"spec":{"replicas":5,
        "workloadRef":{"kind":"Deployment","name":"web-template"},"strategy":{"canary":{"steps":[{"setWeight":20},{"pause":{}},
        {"setWeight":50},{"pause":{"duration":"10m"}}]}}},"status":{"observedGeneration":"4","phase":"Paused","message":"CanaryPauseStep",
        "selector":"app=web","readyReplicas":5,"updatedReplicas":1,"currentStepIndex":1,"pauseConditions":[{"reason":"CanaryPauseStep"}]}}"#;
    let rollout = workload(Kind::Rollout, object);
    assert_eq!((rollout.is_observed, rollout.wanted, rollout.revision, rollout.paused), (true, 5, Some(12), true));
    assert_eq!(rollout.selector.to_string(), "app=web");
    let workload::Special::Rollout { step, weight, .. } = &rollout.special else { panic!("{rollout:?}") };
    assert_eq!((*step, *weight), (Some((2, 4)), Some(20)));
}

#[test]
fn an_autoscaler_is_read_in_every_version() {
    let says = |object: &str| match rows(Kind::Scaler, object).pop() {
        Some(Row::Scaler(scaler)) => {
            (scaler.target.map(|(kind, name)| (kind, name.to_string())), scaler.says.to_string())
        }
        other => panic!("no scaler: {other:?}"),
    };
    let target = r#""scaleTargetRef":{"kind":"Deployment","name":"web"},"maxReplicas":6"#;
    let web = Some((ServiceKind::Deployment, "web".to_owned()));
    let v1 = format!(
        r#"{{"metadata":{{"name":"a"}},"spec":{{{target},"targetCPUUtilizationPercentage":80}},"status":{{"currentCPUUtilizationPercentage":64}}}}"#
    );
    assert_eq!(says(&v1), (web.clone(), "cpu 64% of 80%".into()));
    let v2 = format!(
        r#"{{"metadata":{{"name":"a"}},"spec":{{{target},"metrics":[{{"type":"Resource","resource":{{"name":"cpu","target":
        {{"type":"Utilization","averageUtilization":80}}}}}},{{"type":"Pods","pods":{{"metric":{{"name":"queue"}},"target":
        {{"averageValue":"30"}}}}}}]}},"status":{{"currentMetrics":[{{"type":"Resource","resource":{{"name":"cpu","current":
        {{"averageUtilization":64,"averageValue":"64m"}}}}}}]}}}}"#
    );
    assert_eq!(says(&v2), (web.clone(), "cpu 64% of 80%, queue unknown of 30".into()));
    let blind = format!(
        r#"{{"metadata":{{"name":"a"}},"spec":{{{target}}},"status":{{"conditions":[{{"type":"ScalingActive","status":"False",
        "reason":"FailedGetResourceMetric","message":"no metrics"}}]}}}}"#
    );
    assert_eq!(says(&blind), (web, "cannot tell: no metrics".into()));
}

#[test]
fn an_event_is_read_in_both_groups() {
    let read = |object: &str| match rows(Kind::Event, object).pop() {
        Some(Row::Event(event)) => *event,
        other => panic!("no event: {other:?}"),
    };
    let core = read(
        r#"{"metadata":{"name":"e","namespace":"shop"},"involvedObject":{"kind":"Pod","namespace":"shop","name":"p",
        "fieldPath":"spec.containers{web}"},"reason":"Unhealthy","message":"x","type":"Warning","count":3,
        "firstTimestamp":"2026-11-21T05:00:00Z","lastTimestamp":"2026-11-21T05:01:00Z"}"#,
    );
    let newer = read(
        r#"{"metadata":{"name":"e","namespace":"shop"},"regarding":{"kind":"Pod","namespace":"shop","name":"p",
        "fieldPath":"spec.containers{web}"},"reason":"Unhealthy","note":"x","type":"Warning","eventTime":"2026-11-21T05:00:00.123456Z",
        "series":{"count":3,"lastObservedTime":"2026-11-21T05:01:00.000000Z"},"deprecatedFirstTimestamp":null}"#,
    );
    assert_eq!(core, newer);
    assert_eq!((core.count, core.about.container.as_deref(), core.is_warning), (3, Some("web"), true));
}

#[test]
fn who_would_put_an_object_back_is_told_from_its_labels() {
    let owner = |meta: &str| {
        let object = format!(r#"{{"metadata":{{"name":"web",{meta}}}}}"#);
        workload(Kind::Deployment, &object).owner.map(|owner| format!("{} {}", owner.tool.word(), owner.name))
    };
    let helm = r#""labels":{"app.kubernetes.io/managed-by":"Helm"},"annotations":{"meta.helm.sh/release-name":"shop"}"#;
    assert_eq!(owner(helm).as_deref(), Some("Helm shop"));
    let argo = r#""annotations":{"argocd.argoproj.io/tracking-id":"shop-eu:apps/Deployment:shop/web"}"#;
    assert_eq!(owner(argo).as_deref(), Some("Argo CD shop-eu"));
    assert_eq!(owner(r#""labels":{"kustomize.toolkit.fluxcd.io/name":"apps"}"#).as_deref(), Some("Flux apps"));
    assert_eq!(owner(r#""labels":{"app":"web"}"#), None);
}

#[test]
fn a_selector_chooses_as_the_server_does_and_an_empty_one_nothing() {
    let object = |selector: &str| {
        let template = r#""template":{"metadata":{"labels":{"app":"web","tier":"front"}},"spec":{"containers":[]}}"#;
        workload(
            Kind::Deployment,
            &format!(r#"{{"metadata":{{"name":"web"}},"spec":{{"selector":{selector},{template}}}}}"#),
        )
    };
    for (selector, text, chosen) in [
        (r#"{"matchLabels":{"app":"web","tier":"front"}}"#, "app=web,tier=front", true),
        (r#"{"matchLabels":{"app":"api"}}"#, "app=api", false),
        (
            r#"{"matchExpressions":[{"key":"tier","operator":"In","values":["front","back"]}]}"#,
            "tier in (front,back)",
            true,
        ),
        (r#"{"matchExpressions":[{"key":"tier","operator":"NotIn","values":["front"]}]}"#, "tier notin (front)", false),
        (r#"{"matchExpressions":[{"key":"x","operator":"DoesNotExist"}]}"#, "!x", true),
        (r#"{"matchExpressions":[{"key":"app","operator":"Exists"}]}"#, "app", true),
        ("{}", "", false),
    ] {
        let workload = object(selector);
        assert_eq!(
            (workload.selector.to_string().as_str(), workload.selector.matches(&workload.template.labels)),
            (text, chosen)
        );
    }
}

#[test]
fn a_scratch_instance_is_in_no_list_and_what_happens_to_it_is_not_told() {
    let pod = |label: &str| format!(r#"{{"metadata":{{"name":"midwatch-scratch-1","labels":{{"{label}":"x"}}}}}}"#);
    let event =
        |name: &str| format!(r#"{{"metadata":{{"name":"e"}},"involvedObject":{{"kind":"Pod","name":"{name}"}}}}"#);
    for (kind, hidden, shown) in
        [(Kind::Pod, pod(scratch::LABEL), pod("app")), (Kind::Event, event("midwatch-scratch-1"), event("web-1"))]
    {
        assert_eq!((rows(kind, &hidden).len(), rows(kind, &shown).len()), (0, 1), "{kind:?}");
        let is_put = |object: &str| {
            let line = format!(r#"{{"type":"ADDED","object":{object}}}"#);
            let notice = kind.notice(line.as_bytes(), &mut Interner::default()).expect("a notice");
            matches!(notice.what, What::Put(_))
        };
        assert_eq!((is_put(&hidden), is_put(&shown)), (false, true), "{kind:?}");
    }
}
