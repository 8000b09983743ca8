//! Another number of instances, and one fewer.

use super::*;
use crate::domain::{Autoscaler, InstanceId, Port};

fn scaled(shop: &Shop, to: u32) -> Plan {
    shop.plan(Verb::Scale(to)).expect("planned")
}

#[track_caller]
fn refused_with(plan: Result<Plan, Refusal>, why: &str, help: &str) {
    let refusal = plan.expect_err("refused");
    assert!(refusal.why.contains(why), "{}", refusal.why);
    assert!(refusal.help.as_deref().unwrap_or_default().contains(help), "{:?}", refusal.help);
}

fn delete(shop: &Shop, name: &str) -> Result<Plan, Refusal> {
    let target = Target::Instance(InstanceId::new(&prod(), name));
    make(&shop.inventory(), &Request { target, ..request(Verb::Delete) })
}

#[test]
fn a_deployment_is_scaled_by_its_engine_and_back() {
    let plan = scaled(&Shop::kubernetes(3), 5);
    assert_eq!(&*plan.title, "scale shop/web");
    assert_eq!(titles(&plan), ["scale web to 5", "wait until web is rolled out (up to 300 s)"]);
    assert!(matches!(plan.stages[0].steps[0].undo[..], [Step::Scale { to: 3, .. }]));
    assert_eq!((plan.minimum, scaled(&Shop::kubernetes(3), 1).minimum), (3, 1));
    says(&scaled(&Shop::kubernetes(3), 0).explains.warnings, "nobody answers until it is scaled up again");
    says(&scaled(&Shop::kubernetes(3), 50).explains.warnings, "47 more at once");
    refused_with(Shop::kubernetes(3).plan(Verb::Scale(3)), "has 3 already", "");
    let scaler = Autoscaler { name: "web".into(), minimum: 2, maximum: 9, wanted: 3, says: "".into() };
    let shop = Shop::kubernetes(3).but(|shop| shop.orchestration(|all| all.autoscaler = Some(scaler)));
    says(&scaled(&shop, 4).explains.warnings, "the autoscaler web (2 to 9) sets the number itself");
}

#[test]
fn what_was_not_whole_before_is_scaled_and_not_scaled_back_by_itself() {
    let broken = Shop::kubernetes(3).but(|shop| shop.services[0].ready = 2);
    let plan = scaled(&broken, 5);
    assert!(!plan.turns && scaled(&Shop::kubernetes(3), 5).turns);
    says(&plan.explains.undo, "nothing is taken back by itself");
}

#[test]
fn ten_thousand_are_a_slip_of_the_finger_and_some_kinds_have_no_number() {
    refused_with(
        Shop::kubernetes(3).plan(Verb::Scale(10_000)),
        "the most that is scaled to from here is 1000",
        "own command",
    );
    refused_with(Shop::docker(1).plan(Verb::Scale(0)), "none of shop/web would be left", "stop it instead");
    for (kind, why, help) in [
        (ServiceKind::DaemonSet, "one instance on each node", "node selector"),
        (ServiceKind::Container, "a container of its own", "Compose"),
        (ServiceKind::SwarmService, "swarm service", "docker service scale web=4"),
        (ServiceKind::Job, "it is a job", "kept running"),
    ] {
        refused_with(Shop::of_kind(kind, 1).plan(Verb::Scale(4)), why, help);
    }
    let full = Shop::kubernetes(2).but(|shop| shop.means().obstacle = Some("exceeded quota: pods=10".into()));
    refused_with(full.plan(Verb::Scale(4)), "exceeded quota: pods=10", "make room");
    full.plan(Verb::Scale(1)).expect("fewer need no room");
    refused_with(Shop::healthy(1).plan(Verb::Scale(2)), "how shop/web can be scaled is not known yet", "");
}

#[test]
fn containers_are_added_under_the_next_numbers_and_taken_away_from_the_highest() {
    let up = scaled(&Shop::by_names(2), 3);
    assert_eq!(
        titles(&up),
        [
            "make web-3 with nothing changed",
            "start web-3",
            "wait until web-3 is ready (up to 300 s)",
            "let others find web-3"
        ]
    );
    assert!(matches!(&up.stages[0].steps[0].step, Step::Make { instance, .. } if &*instance.key == "@shop/web/3/3"));
    let down = scaled(&Shop::by_names(3), 1);
    assert_eq!(titles(&down), ["stop web-3 (up to 10 s)", "stop web-2 (up to 10 s)", "remove web-3", "remove web-2"]);
    says(&down.explains.promises, "web-1 is not touched");
    says(&down.explains.warnings, "docker compose up brings back its own number");
    let published = Shop::by_names(1).but(|shop| {
        let port = Port { inside: 80, protocol: "tcp".into(), published: Some(("".into(), 8080)) };
        shop.instances[0].ports = [port].into();
    });
    refused_with(published.plan(Verb::Scale(2)), "publishes ports on the host", "proxy");
    let idle = Shop::by_names(2).but(|shop| shop.instances[1].health = stopped());
    refused_with(idle.plan(Verb::Scale(3)), "not clear whether it counts", "start it, or delete it");
}

#[test]
fn containers_behind_a_proxy_get_requests_only_while_they_run() {
    let up = titles(&scaled(&Shop::docker(2), 3));
    assert_eq!(
        up[4..],
        ["nginx upstream web in proxy-1: to 3 instances, weighted 1:1:1", "nginx upstream web in proxy-1: as it was"]
    );
    let down = titles(&scaled(&Shop::docker(2), 1));
    assert_eq!(down[0], "nginx upstream web in proxy-1: to 1 instances, weighted 1");
}

#[test]
fn deleting_one_of_several_says_who_makes_it_anew() {
    let pod = delete(&Shop::kubernetes(3), "web-2").expect("planned");
    assert_eq!(titles(&pod), ["replace web-2 (up to 10 s to end)", "wait until web is rolled out (up to 310 s)"]);
    says(&pod.explains.promises, "the deployment makes a like one");
    says(&pod.explains.warnings, "2 of 3 stay ready");
    let lone = delete(&Shop::of_kind(ServiceKind::Pod, 1), "web-1").expect("planned");
    assert!(matches!(lone.stages[0].steps[0].step, Step::Replace { alone: true, .. }));
    says(&lone.explains.warnings, "nothing makes it anew: it is a pod of its own");
    let container = delete(&Shop::by_names(2), "web-2").expect("planned");
    assert_eq!(titles(&container), ["stop web-2 (up to 10 s)", "remove web-2"]);
    says(&container.explains.warnings, "one fewer of web, until docker compose up brings it back");
    says(&container.explains.undo, "once it is removed, there is no way back");
    assert!(container.stages[0].steps[1].tidies);
    refused_with(Shop::kubernetes(3).plan(Verb::Delete), "all of shop/web is not deleted from here", "scale it to 0");
    let swarm = delete(&Shop::of_kind(ServiceKind::SwarmService, 2), "web-1");
    refused_with(swarm, "as it sees fit", "docker service update --force web");
}

#[test]
fn what_vanishes_when_it_ends_is_not_started_again_to_undo_its_deletion() {
    let shop = Shop::by_names(1).but(|shop| shop.instances[0].is_removed_when_stopped = true);
    let plan = delete(&shop, "web-1").expect("planned");
    assert!(plan.steps().all(|planned| planned.undo.is_empty()), "{plan:#?}");
}
