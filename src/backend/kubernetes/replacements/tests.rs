//! New pods in trouble, as a server tells of them.

use serde_json::{Value, json};

use super::*;

fn pods(containers: Value) -> Replacements {
    let pod = json!({"metadata": {"name": "web-1"}, "status": {"containerStatuses": containers}});
    Replacements { pods: vec![serde_json::from_value(pod).expect("a pod")], namespace: "shop".into() }
}

fn crashing(restarts: u32) -> Replacements {
    pods(json!([{
        "name": "main", "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 3, "message": "no database\u{1b}[31m\n"}},
    }]))
}

#[test]
fn a_program_may_end_once_while_it_waits_for_others_but_not_again_and_again() {
    let now = Instant::now();
    assert_eq!(crashing(1).hopeless(&mut Patience::of_new(), now), None);
    let trouble = crashing(2).hopeless(&mut Patience::of_new(), now).expect("given up");
    assert!(trouble.says.starts_with("web-1: main ends again and again, with exit 3: no database"), "{trouble:?}");
    assert!(!trouble.says.contains('\u{1b}'), "{trouble:?}");
    assert_eq!(trouble.help, "kubectl -n shop logs web-1 -c main --previous");
}

#[test]
fn what_ended_before_anybody_waited_for_it_is_not_held_against_it_but_what_ends_since_is() {
    let (mut patience, now) = (Patience::default(), Instant::now());
    assert_eq!(crashing(7).hopeless(&mut patience, now), None);
    assert_eq!(crashing(8).hopeless(&mut patience, now), None);
    assert!(crashing(9).hopeless(&mut patience, now).is_some());
}

#[test]
fn an_image_that_cannot_be_had_is_given_a_moment() {
    let stuck = pods(json!([{
        "name": "main", "image": "shop/web:v9",
        "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}},
    }]));
    let (mut patience, now) = (Patience::default(), Instant::now());
    assert_eq!(stuck.hopeless(&mut patience, now), None);
    assert_eq!(stuck.hopeless(&mut patience, now + HOPELESS_AFTER / 2), None);
    let trouble = stuck.hopeless(&mut patience, now + HOPELESS_AFTER).expect("given up");
    assert_eq!(trouble.says, "web-1: image shop/web:v9 cannot be had: Back-off pulling image");
}

#[test]
fn a_server_that_has_none_may_say_so_with_a_null() {
    let none: List<Pod> = serde_json::from_value(json!({"kind": "PodList", "items": null})).expect("a list");
    assert!(none.items.is_empty());
}

#[test]
fn what_has_passed_in_between_begins_anew() {
    let stuck = || pods(json!([{"name": "main", "state": {"waiting": {"reason": "ErrImagePull"}}}]));
    let (mut patience, now) = (Patience::default(), Instant::now());
    stuck().hopeless(&mut patience, now);
    pods(json!([])).hopeless(&mut patience, now);
    assert_eq!(stuck().hopeless(&mut patience, now + HOPELESS_AFTER), None);
}

#[test]
fn a_pod_that_no_node_takes_is_told_and_waited_for() {
    let pod = json!({"metadata": {"name": "web-1"}, "status": {"conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: too little cpu"},
    ]}});
    let pods = Replacements { pods: vec![serde_json::from_value(pod).expect("a pod")], namespace: "shop".into() };
    assert!(pods.trouble().expect("told").says.contains("too little cpu"));
    assert_eq!(pods.hopeless(&mut Patience::default(), Instant::now()), None);
}

#[test]
fn a_ready_pod_that_is_ending_does_not_count() {
    let pod = |deleted: Option<&str>| -> Pod {
        serde_json::from_value(json!({
            "metadata": {"deletionTimestamp": deleted},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }))
        .expect("a pod")
    };
    let pods = Replacements { pods: vec![pod(None), pod(Some("now"))], namespace: "shop".into() };
    assert_eq!(pods.ready(), 1);
}
