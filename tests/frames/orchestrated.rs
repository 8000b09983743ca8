//! Frames of the main screen where an orchestrator runs the services: rollouts, owners, what is hidden, what is still being read.

use midwatch::{
    action::Action,
    app::App,
    domain::{
        Autoscaler, Budget, Change, Endpoint, Health, Limits, Orchestration, Owner, OwnerTool, Part, PartRole, Reason,
        ServiceKind, inventory::Picture,
    },
    ui::{chart::Glyphs, frame},
};

use crate::{
    picture::{check_frames, picture, survives_every_frame},
    world::{Builder, now, sample, world},
};

fn shop() -> Builder {
    let endpoint = |name: &str, ready, not_ready| Endpoint {
        name: name.into(),
        address: "ClusterIP 10.96.0.12".into(),
        ports: vec!["80->8080/tcp http".into(), "9090->9090/tcp metrics".into()],
        ready,
        not_ready,
    };
    let rollout = Orchestration {
        updated: Some(2),
        available: Some(3),
        revision: Some(14),
        paused: true,
        endpoints: vec![endpoint("checkout", 2, 1), endpoint("checkout-canary", 0, 1)],
        autoscaler: Some(Autoscaler {
            name: "checkout".into(),
            minimum: 3,
            maximum: 12,
            wanted: 3,
            says: "cpu 64% of 80%".into(),
        }),
        budget: Some(Budget { name: "checkout".into(), says: "at least 2".into(), disruptions_allowed: 0 }),
        owner: Some(Owner { tool: OwnerTool::ArgoCd, name: "shop".into() }),
        schedule: None,
    };
    let well = |count| Orchestration { updated: Some(count), available: Some(count), ..Orchestration::default() };
    let nightly =
        Orchestration { schedule: Some("at 03:00 every day, next in 19m".into()), ..Orchestration::default() };
    let mut shop = world()
        .service("shop/cart", 3)
        .service("shop/checkout", 3)
        .service("shop/db", 1)
        .service("shop/nightly-export", 0)
        .changed("shop/checkout", |service| {
            service.kind = ServiceKind::Deployment;
            service.health = Health::Degraded(Reason::new("1 of 3: crash loop: exit 137 (out of memory, limit 128Mi)"));
            service.ready = 2;
            service.orchestration = Some(rollout.into());
        })
        .changed("shop/cart", |service| {
            service.kind = ServiceKind::Deployment;
            service.orchestration = Some(Orchestration { updated: Some(1), ..well(3) }.into());
        })
        .changed("shop/db", |service| {
            service.kind = ServiceKind::StatefulSet;
            service.orchestration = Some(well(1).into());
        })
        .changed("shop/nightly-export", |service| {
            service.kind = ServiceKind::CronJob;
            service.orchestration = Some(nightly.into());
        });
    for (number, node) in [(1, "worker-1"), (2, "worker-2"), (3, "worker-1")] {
        shop = shop.instance(&format!("shop-checkout-{number}"), |instance| {
            instance.node = Some(node.into());
            let part = |name: &str, role| Part { name: name.into(), role };
            instance.parts =
                [part("migrate", PartRole::Init), part("mesh", PartRole::Sidecar), part("checkout", PartRole::Main)]
                    .into();
            instance.limits = Limits {
                cpu: Some(500),
                memory: Some(128 << 20),
                cpu_request: Some(100),
                memory_request: Some(96 << 20),
                ..Limits::default()
            };
        });
    }
    shop.measured("shop-checkout-1", sample(1, 210)).measured("shop-checkout-3", sample(1, 90))
}

fn hidden(app: &mut App) {
    let name = "local".into();
    let cluster = app.world.inventory.cluster_mut(&name).expect("it is there");
    let facts = cluster.facts.as_mut().expect("it was pictured");
    facts.hidden = vec![
        "nodes: you may not list them (needs list on nodes)".into(),
        "every namespace but shop: you may not list namespaces".into(),
    ];
}

#[test]
fn a_rollout_is_told_with_who_owns_scales_and_guards_it() {
    check_frames("orchestrated", &shop().app());
    survives_every_frame(&shop().app());
}

#[test]
fn a_kind_is_listed_where_it_takes_no_room_from_a_reason() {
    let app = shop().app();
    let listed =
        |width| picture(&app, width, 30, Glyphs::Blocks, |paint, _| frame::draw(paint)).contains("statefulset");
    assert_eq!([100, 160, 200].map(listed), [false, false, true]);
}

#[test]
fn the_instances_say_on_which_node_they_are_and_what_they_are_made_of() {
    let mut app = shop().app();
    app.act(Action::Instances, now());
    check_frames("orchestrated_instances", &app);
}

#[test]
fn what_is_not_all_has_a_sign_and_the_cluster_says_what_is_hidden() {
    let mut app = shop().app();
    hidden(&mut app);
    app.act(Action::Left, now());
    app.act(Action::Down, now());
    check_frames("orchestrated_hidden", &app);
    survives_every_frame(&app);
}

#[test]
fn an_empty_list_does_not_say_that_there_is_nothing_where_something_is_hidden() {
    let mut app = world().app();
    hidden(&mut app);
    check_frames("orchestrated_hidden_empty", &app);
}

#[test]
fn what_is_still_being_read_is_said_to_be() {
    let mut app = shop().app();
    let services: Vec<_> = app.world.inventory.services().cloned().collect();
    let instances: Vec<_> = app.world.inventory.instances().cloned().collect();
    let picture = Picture { services, instances, ..Picture::default() };
    app.world.inventory.apply(&"local".into(), Change::Arriving(picture), now());
    check_frames("orchestrated_arriving", &app);
}

#[test]
fn clusters_and_scopes_are_put_together_with_a_sign() {
    let mut app = shop()
        .cluster("edge")
        .service("edge/shop/web", 2)
        .service("edge/till/printer", 1)
        .service("infra/dns", 1)
        .app();
    app.act(Action::Left, now());
    // everything, edge, edge/shop, edge/till, local, local/infra, local/shop
    for row in [2, 6] {
        app.act(Action::First, now());
        (0..row).for_each(|_| drop(app.act(Action::Down, now())));
        app.act(Action::Together, now());
    }
    check_frames("orchestrated_together", &app);
    survives_every_frame(&app);
}
