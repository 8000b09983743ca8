//! Machines: what moves off one, what stays, and what would be lost.

use super::*;
use crate::domain::{Budget, Orchestration, ServiceId};

fn cluster(pods: usize) -> Shop {
    Shop::kubernetes(pods).but(|shop| {
        shop.nodes = vec![node("a"), node("b")];
        shop.instances.iter_mut().for_each(|pod| pod.node = Some("a".into()));
    })
}

fn asked(shop: &Shop, verb: Verb, name: &str) -> Result<Plan, Refusal> {
    let target = Target::Service(ServiceId::of_node(&prod(), &name.into()));
    make(&shop.inventory(), &Request { target, ..request(verb) })
}

#[track_caller]
fn refused_with(plan: Result<Plan, Refusal>, why: &str, help: &str) {
    let refusal = plan.expect_err("refused");
    assert!(refusal.why.contains(why), "{}", refusal.why);
    assert!(refusal.help.as_deref().unwrap_or_default().contains(help), "{:?}", refusal.help);
}

/// A service of that kind with one instance on node `a`.
fn with_one_on_a(mut shop: Shop, name: &str, kind: ServiceKind) -> Shop {
    shop = shop.with(name, [Health::Healthy]);
    shop.services.last_mut().expect("added").kind = kind;
    shop.instances.last_mut().expect("added").node = Some("a".into());
    shop
}

#[test]
fn a_cordon_is_taken_back_by_its_opposite() {
    let plan = asked(&cluster(1), Verb::Cordon, "a").expect("planned");
    assert_eq!((&*plan.title, titles(&plan)), ("cordon a", vec!["let nothing new onto a".into()]));
    assert!(matches!(plan.stages[0].steps[0].undo[..], [Step::Cordon { cordoned: false, .. }]));
    assert_eq!(plan.service.node().map(|name| &**name), Some("a"));
    refused_with(asked(&cluster(1), Verb::Uncordon, "a"), "a is not cordoned", "");
    refused_with(asked(&cluster(1), Verb::Cordon, "aa"), "prod has no node aa", "did you mean a?");
    refused_with(cluster(1).plan(Verb::Cordon), "is a service", "name a node");
    let read_only = cluster(1).but(|shop| shop.cluster.read_only = true);
    refused_with(asked(&read_only, Verb::Cordon, "a"), "read-only", "config");
    let unable = cluster(1).but(|shop| {
        shop.cluster.capabilities = Capabilities::all().without(Capability::Drain, "you may not patch nodes");
    });
    refused_with(asked(&unable, Verb::Drain, "a"), "you may not patch nodes", "");
}

#[test]
fn a_drain_names_budgets_and_what_stays_and_is_taken_back_as_far_as_that_goes() {
    let shop = with_one_on_a(cluster(2), "agent", ServiceKind::DaemonSet);
    let shop = with_one_on_a(shop, "a", ServiceKind::Controlled).but(|shop| {
        shop.orchestration(|all| {
            all.budget = Some(Budget { name: "web-pdb".into(), says: "at least 2".into(), disruptions_allowed: 0 });
        });
    });
    let plan = asked(&shop, Verb::Drain, "a").expect("planned");
    assert_eq!(titles(&plan), ["let nothing new onto a", "move every instance off a (up to 300 s)"]);
    says(&plan.explains.objects, "2 that move: web-1, web-2");
    says(&plan.explains.promises, "stay: a, agent");
    says(&plan.explains.warnings, "the budget web-pdb of shop/web (at least 2) lets none go now");
    says(&plan.explains.warnings, "nobody answers for shop/web meanwhile: all that is ready of it is here");
    assert!(plan.stages[0].steps[1].undo.is_empty() && !plan.stages[0].steps[0].undo.is_empty());
    let cordoned = shop.but(|shop| shop.nodes[0].cordoned = true);
    assert_eq!(titles(&asked(&cordoned, Verb::Drain, "a").expect("planned")).len(), 1);
}

#[test]
fn what_nothing_would_make_anew_keeps_a_node_from_being_drained() {
    let shop = with_one_on_a(cluster(1), "debug", ServiceKind::Pod);
    refused_with(asked(&shop, Verb::Drain, "a"), "nothing would make debug-1 anew", "delete them first");
}

#[test]
fn where_nothing_else_takes_instances_and_what_is_lost_is_said() {
    let shop = cluster(2).but(|shop| {
        shop.nodes[1].cordoned = true;
        let mount = crate::domain::Mount {
            kind: "empty".into(),
            source: "tmp".into(),
            target: "/tmp".into(),
            read_only: false,
        };
        shop.instances[0].mounts = [mount].into();
    });
    let warnings = asked(&shop, Verb::Drain, "a").expect("planned").explains.warnings;
    says(&warnings, "no other node takes anything new");
    says(&warnings, "what web-1 keeps in empty volumes is gone");
}

#[test]
fn a_plan_for_a_node_sees_what_came_onto_it_and_that_it_is_gone() {
    let plan = asked(&cluster(1), Verb::Drain, "a").expect("planned");
    assert_eq!(plan.has_moved(&cluster(1).inventory()), None);
    assert_eq!(plan.has_moved(&cluster(2).inventory()).as_deref(), Some("a, or what is on it, has changed"));
    let gone = cluster(1).but(|shop| shop.nodes.clear());
    assert_eq!(plan.has_moved(&gone.inventory()).as_deref(), Some("a is gone"));
}

#[test]
fn a_budget_that_lets_some_go_is_named_too() {
    let shop = cluster(3).but(|shop| {
        let budget = Budget { name: "web-pdb".into(), says: "at least 2".into(), disruptions_allowed: 1 };
        shop.services[0].orchestration =
            Some(Arc::new(Orchestration { budget: Some(budget), ..Orchestration::default() }));
    });
    says(&asked(&shop, Verb::Drain, "a").expect("planned").explains.warnings, "(at least 2) lets 1 go at a time");
}
