//! Kinds that replace their pods in place, out and back by the program; a Service that was left pinned; and a way to the server that
//! breaks in the middle.

use std::time::Duration;

use crate::{
    good::{older, under_load},
    kubernetes::{Namespace, deployment, in_place},
    stand::{Stand, alone, beside, midwatch, one_image, until},
    way::Way,
};

#[test]
fn a_stateful_set_whose_new_release_is_never_ready_goes_back_and_is_not_stuck_with_it() {
    let _beside = beside();
    let Some(namespace) = Namespace::of("a stateful set goes back", 2, &in_place("StatefulSet", 2), None) else {
        return;
    };
    let uid = || namespace.kubectl(&["get", "pod", "web-0", "-o", "jsonpath={.metadata.uid}"]);
    let first = uid();
    let (code, said) = midwatch(&namespace, "rollout", &["lab/shop:sick", "--within", "60s"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("web-1") && said.contains("not ready"), "{said}");
    until("both to be ready", || (namespace.runs().len() == 2).then_some(()));
    assert_eq!(one_image(&namespace).as_deref(), Some("lab/shop:v1"), "{said}");
    assert_eq!(uid(), first, "the one that was well was not touched: {said}");
    eprintln!("{}", said.lines().last().unwrap_or_default());
}

#[test]
fn a_stateful_set_that_somebody_broke_by_hand_is_rolled_back_by_one_guarded_plan() {
    let _beside = beside();
    let Some(namespace) = Namespace::of("a stuck stateful set", 2, &in_place("StatefulSet", 2), None) else { return };
    namespace.kubectl(&["set", "image", "statefulset/web", "shop=lab/shop:sick"]);
    until("it to be stuck", || {
        let image = "jsonpath={.spec.containers[0].image}";
        // There is none for a moment, while it is made anew.
        let stuck = namespace.kubectl(&["get", "pod", "web-1", "--ignore-not-found", "-o", image]);
        (stuck == "lab/shop:sick" && namespace.runs().len() == 1).then_some(())
    });
    let (code, said) = midwatch(&namespace, "rollback", &[&older(&namespace, "lab/shop:v1")]);
    assert_eq!(code, 0, "{said}");
    until("both to be ready", || (namespace.runs().len() == 2).then_some(()));
    assert_eq!(one_image(&namespace).as_deref(), Some("lab/shop:v1"), "{said}");
}

#[test]
fn a_daemon_set_is_rolled_out_and_back() {
    let _beside = beside();
    let Some(namespace) = Namespace::of("a daemon set", 1, &in_place("DaemonSet", 1), None) else { return };
    let (code, said) = midwatch(&namespace, "rollout", &["lab/shop:v2", "--within", "240s"]);
    assert_eq!((code, one_image(&namespace).as_deref()), (0, Some("lab/shop:v2")), "{said}");
    let (code, said) = midwatch(&namespace, "rollback", &[&older(&namespace, "lab/shop:v1")]);
    assert_eq!((code, one_image(&namespace).as_deref()), (0, Some("lab/shop:v1")), "{said}");
    let (code, said) = midwatch(&namespace, "rollout", &["lab/shop:nowhere", "--within", "60s"]);
    assert_eq!(code, 1, "{said}");
    until("the old one to be back", || (namespace.runs().len() == 1).then_some(()));
    assert_eq!(one_image(&namespace).as_deref(), Some("lab/shop:v1"), "{said}");
}

#[test]
fn what_an_operation_left_pinned_is_rolled_out_without_a_failed_request() {
    let _alone = alone();
    let Some(namespace) = Namespace::open("a pin that was left", 2, 0) else { return };
    let hash = namespace.kubectl(&["get", "rs", "-o", "jsonpath={.items[0].metadata.labels.pod-template-hash}"]);
    let pin = format!(r#"{{"spec":{{"selector":{{"pod-template-hash":"{hash}"}}}}}}"#);
    namespace.kubectl(&["patch", "service", "web", "-p", &pin]);
    let mut told = String::new();
    under_load(&namespace, "a pin that was left", "lab/shop:v2", || {
        let (code, said) = midwatch(&namespace, "rollout", &["lab/shop:v2", "--within", "120s"]);
        told.clone_from(&said);
        (code, said)
    });
    assert!(told.contains("service web: to app=web"), "{told}");
}

#[test]
fn a_rollout_goes_on_when_the_way_to_the_server_was_cut_in_the_middle() {
    let _beside = beside();
    let Some(way) = Way::open() else { return };
    let web = deployment(2, 10);
    let Some(namespace) = Namespace::of("a way that is cut", 2, &web, Some(&way)) else { return };
    let address = namespace.address();
    let mut child = namespace.home().start(&["rollout", &address, "lab/shop:v2", "--yes", "--within", "120s"]);
    // The plan, and the change begun and ended: it is being waited for.
    until("it to be under way", || (namespace.home().records() >= 4).then_some(()));
    way.cut();
    std::thread::sleep(Duration::from_secs(8));
    until("it to try meanwhile", || (way.refused() > 0).then_some(()));
    assert!(child.try_wait().expect("it is ours").is_none(), "it does not give up");
    way.mend();
    let status = child.wait().expect("it ends");
    let operation = namespace.home().operation();
    assert!(status.success(), "{operation}");
    until("all to be new", || (one_image(&namespace).as_deref() == Some("lab/shop:v2")).then_some(()));
}
