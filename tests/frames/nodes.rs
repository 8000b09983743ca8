//! Frames of the machines of a cluster, and of what is on one of them.

use midwatch::{
    action::Action,
    app::App,
    domain::{Health, Limits, Reason},
    ui::frame,
};

use crate::{
    picture::{check_frames, survives_every_size},
    world::{Builder, now, sample, seconds_ago, world},
};

/// Four machines: one no longer reports, one takes nothing new, one has a taint, and one carries nearly all.
fn cluster() -> Builder {
    let mut cluster = world()
        .node("control-1", |node| {
            node.roles = vec!["control-plane".into()];
            node.taints = vec!["node-role.kubernetes.io/control-plane:NoSchedule".into()];
        })
        .node("worker-1", |_| {})
        .node("worker-2", |node| {
            let why = Reason::new("no longer reports: the kubelet stopped posting node status")
                .detail("NodeStatusUnknown since 02:31:04")
                .help("look whether the machine is up: its address is 10.0.4.17");
            node.health = Health::Failing(why);
            node.since = Some(seconds_ago(600));
        })
        .node("worker-3", |node| node.cordoned = true)
        .service("shop/web", 3)
        .service("shop/checkout", 2)
        .service("infra/dns", 1)
        .failing("shop-checkout-2", "crash loop: exit 137 (out of memory, limit 128Mi)");
    for (name, node) in [
        ("shop-web-1", "worker-1"),
        ("shop-web-2", "worker-1"),
        ("shop-web-3", "worker-2"),
        ("shop-checkout-1", "worker-1"),
        ("shop-checkout-2", "worker-1"),
        ("infra-dns-1", "control-1"),
    ] {
        cluster = cluster.instance(name, |instance| {
            instance.node = Some(node.into());
            instance.limits = Limits {
                cpu: Some(2000),
                memory: Some(4 << 30),
                cpu_request: Some(900),
                memory_request: Some(1 << 30),
                ..Limits::default()
            };
        });
    }
    cluster.measured("infra-dns-1", sample(1, 12)).measured("shop-web-1", sample(1, 210))
}

fn nodes() -> App {
    let mut app = cluster().app();
    app.act(Action::Nodes, now());
    app
}

#[test]
fn the_broken_node_is_first_with_all_that_is_known_of_it() {
    check_frames("nodes_broken_first", &nodes());
}

#[test]
fn a_full_node_says_what_runs_there_and_what_was_asked_of_it() {
    let mut app = nodes();
    app.act(Action::Last, now());
    check_frames("nodes_full", &app);
}

#[test]
fn the_instances_on_a_node_are_told_with_their_services() {
    let mut app = nodes();
    app.act(Action::Last, now());
    app.act(Action::Open, now());
    check_frames("nodes_instances", &app);
}

#[test]
fn nodes_that_may_not_be_seen_are_not_said_to_be_none() {
    let mut app = world()
        .on("local", |cluster| {
            if let Some(facts) = &mut cluster.facts {
                facts.hidden = vec!["nodes: you may not list them (needs list on nodes)".into()];
            }
        })
        .app();
    app.act(Action::Left, now());
    app.act(Action::Down, now());
    app.act(Action::Nodes, now());
    check_frames("nodes_hidden", &app);
}

#[test]
fn no_size_is_too_small() {
    survives_every_size(&nodes(), |paint, _| frame::draw(paint));
    let mut app = nodes();
    app.act(Action::Last, now());
    app.act(Action::Open, now());
    survives_every_size(&app, |paint, _| frame::draw(paint));
}
