//! What a person could type where a plan got stuck.

use super::*;
use crate::plan::wish::{BlueGreen, Canary};

fn commands(plan: &Plan) -> Vec<String> {
    plan.steps().filter_map(|planned| planned.step.by_hand(plan)).collect()
}

#[test]
fn a_deployment_is_told_by_kubectl() {
    let shop = Shop::kubernetes(2);
    let plan = cluster_of::rolling(2);
    assert_eq!(
        commands(&plan),
        ["kubectl -n shop set image deployment/web web=shop/web:v2", "kubectl -n shop rollout status deployment/web"]
    );
    let undo = plan.stages[0].steps[0].undo[0].by_hand(&plan);
    assert_eq!(undo.as_deref(), Some("kubectl -n shop rollout undo deployment/web --to-revision=3"));
    assert_eq!(
        commands(&shop.plan(Verb::Scale(4)).expect("planned"))[0],
        "kubectl -n shop scale deployment/web --replicas=4"
    );
    assert_eq!(commands(&shop.plan(Verb::Pause).expect("planned")), ["kubectl -n shop rollout pause deployment/web"]);
}

#[test]
fn what_a_plan_made_beside_it_and_where_requests_go_are_told_too() {
    let shop = Shop::kubernetes(2);
    let plan = shop.roll(Strategy::BlueGreen(BlueGreen::default())).expect("planned");
    let told = commands(&plan);
    assert_eq!(
        told[0],
        r#"kubectl -n shop patch service web --type=json -p '[{"op":"replace","path":"/spec/selector","value":{"app":"web","pod-template-hash":"3"}}]'"#
    );
    assert_eq!(told[2], "kubectl -n shop rollout status deployment/web-green");
    assert_eq!(
        told.last().map(String::as_str),
        Some("kubectl -n shop delete --ignore-not-found deployment/web-green service/web-green")
    );
    let plan = shop.roll(Strategy::Canary(Canary::default())).expect("planned");
    assert!(
        commands(&plan).contains(&"kubectl -n shop describe deployment/web-canary".into()),
        "{:?}",
        commands(&plan)
    );
}

#[test]
fn an_argo_rollout_is_told_by_its_own_plugin_and_a_node_by_kubectl() {
    let shop = Shop::of_kind(ServiceKind::Rollout, 2).but(|shop| {
        let argo = crate::domain::Argo { under_way: true, paused_by_hand: true, ..Default::default() };
        shop.means().controller = Some(crate::domain::Controller::Argo(argo));
        shop.nodes = vec![node("a"), node("b")];
    });
    let told = |word| commands(&shop.plan(Verb::Steer(word)).expect("planned"));
    assert_eq!(told(Steer::Promote), ["kubectl argo rollouts promote web -n shop"]);
    assert_eq!(told(Steer::PromoteFull)[0], "kubectl argo rollouts promote --full web -n shop");
    assert_eq!(told(Steer::Abort), ["kubectl argo rollouts abort web -n shop"]);
    let target = Target::Service(crate::domain::ServiceId::of_node(&prod(), &"a".into()));
    let drain = make(&shop.inventory(), &Request { target, ..request(Verb::Drain) }).expect("planned");
    assert_eq!(commands(&drain), ["kubectl cordon a", "kubectl drain a --ignore-daemonsets --delete-emptydir-data"]);
}

#[test]
fn a_host_is_told_by_docker_and_a_simulator_by_nothing() {
    let plan = rolling(1);
    let told = commands(&plan);
    for wanted in [
        "docker inspect web-1-r4",
        "docker start web-1-r4",
        "docker exec proxy-1 nginx -t",
        "docker rename web-1-r4 web-1",
    ] {
        assert!(told.contains(&wanted.to_owned()), "no {wanted} in {told:#?}");
    }
    let simulated = Plan { engine: crate::domain::Engine::Simulator, ..plan };
    assert!(commands(&simulated).is_empty());
}
