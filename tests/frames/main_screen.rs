//! Whole frames of the main screen: title, panes, the selected service, hints.

use std::time::Duration;

use midwatch::{
    action::Action,
    app::App,
    domain::{Health, Image, OperationState, Reason, Release},
    message::{Answer, Question, Weight},
    ui::{chart::Glyphs, frame},
};

use crate::{
    picture::{check_frames, picture, survives_every_frame},
    world::{Builder, now, sample, seconds_ago, service_id, world},
};

/// A shop in the night: one service is down, one half, one is coming up, the rest works; a second host, and a third that is gone.
fn night() -> Builder {
    let mut night = world()
        .on("local", |cluster| cluster.latency = Some(Duration::from_millis(14)))
        .cluster("edge-01")
        .cluster("staging-eu-central")
        .service("infra/prometheus", 1)
        .service("infra/traefik", 2)
        .service("edge-01/till/printer", 1)
        .service("staging-eu-central/shop/web", 2)
        .lost("staging-eu-central", "connection timed out after 10 s");
    for name in ["cart", "checkout", "db", "mailer", "payments", "recommendations-for-returning-customers", "web"] {
        night = night.service(&format!("shop/{name}"), 3);
    }
    night
        .broken("shop/checkout", "crash loop: exit 137 (out of memory, limit 128Mi), 7 restarts in 3m")
        .changed("shop/mailer", |service| {
            service.health = Health::Degraded(Reason::new("1 of 3: health check failed 3 times in a row: smtp: 421"));
            (service.ready, service.since) = (2, Some(seconds_ago(40)));
        })
        .changed("shop/web", |service| {
            service.health = Health::Changing(Reason::new("starting: its health check has not answered yet"));
            service.ready = 1;
        })
        .changed("shop/payments", |service| {
            (service.health, service.ready) = (Health::Stopped(Reason::new("stopped: exit 0")), 0);
        })
        .measured("shop-checkout-1", (1..60).rev().flat_map(|ago| sample(ago, 900 - 12 * ago as u64)))
        .measured("shop-cart-1", (1..60).rev().flat_map(|ago| sample(ago, 40 + ago as u64 % 7)))
        .answer(Question::Releases(service_id("shop/checkout")), Ok(releases()))
        .logged("shop-checkout-1", [
            (9, r#"{"level":"info","msg":"starting checkout","version":"v2.4.1"}"#),
            (6, r#"{"level":"warn","msg":"garbage collection took long","ms":1204,"heap_mib":117}"#),
            (4, r#"{"level":"error","msg":"request failed","id":"9c1f","path":"/checkout","status":503,"error":"upstream_timeout"}"#),
        ])
        .logged("shop-checkout-2", [(3, "ERROR could not allocate basket snapshot wanted_mib=64"), (1, "Killed")])
        .operation("restart shop/cart", "shop/cart", OperationState::Running)
        .notice(300, Weight::Warning, "config.toml:4:1: unknown key \"teme\"", Some("did you mean \"theme\"?"))
}

fn releases() -> Answer {
    let release = |version: &str, ago: i64, current: bool, outcome: Option<&str>| Release {
        image: Image { reference: format!("shop/checkout:{version}").into(), ..Image::default() },
        created: Some(seconds_ago(ago)),
        current,
        instances: if current { 3 } else { 0 },
        cause: Some("ci: #4711".into()),
        outcome: outcome.map(Into::into),
        ..Release::default()
    };
    Answer::Releases(vec![
        release("v2.4.1", 180, true, None),
        release("v2.4.0", 2 * 86_400, false, Some("ran well for 2d")),
        release("v2.3.9-hotfix-for-the-returns-desk", 9 * 86_400, false, Some("ran well for 7d")),
    ])
}

fn pressed(world: Builder, keys: &[Action]) -> App {
    let mut app = world.app();
    keys.iter().for_each(|key| drop(app.act(*key, now())));
    app
}

fn filtered(world: Builder, text: &str) -> App {
    let mut app = pressed(world, &[Action::Filter]);
    text.chars().for_each(|c| app.edit(tui_input::InputRequest::InsertChar(c), now()));
    app
}

/// Ten seconds more of the same are no news: a quiet screen costs no byte while the past of its numbers fills up.
#[test]
fn a_number_that_stands_still_paints_nothing_new() {
    let measured = |seconds: i64, cpu: fn(i64) -> u64| {
        let samples = (1..seconds).rev().flat_map(move |ago| sample(ago, cpu(ago)));
        let app = world().service("shop/web", 1).measured("shop-web-1", samples).app();
        picture(&app, 160, 48, Glyphs::Blocks, |paint, _| frame::draw(paint))
    };
    assert_eq!(measured(40, |_| 250), measured(90, |_| 250));
    assert_ne!(measured(40, |ago| 10 * ago as u64), measured(90, |ago| 10 * ago as u64), "what moves is shown");
}

#[test]
fn a_busy_night_has_what_is_broken_first() {
    check_frames("main_night", &night().app());
}

#[test]
fn the_releases_have_the_focus() {
    check_frames("main_releases", &pressed(night(), &[Action::NextPane]));
}

#[test]
fn a_lost_cluster_greys_keeps_its_rows_and_says_why() {
    let lost = world().service("shop/db", 1).service("shop/web", 2).broken("shop/web", "exit 1");
    check_frames("main_lost", &lost.lost("local", "connection refused").app());
}

#[test]
fn a_lost_cluster_that_is_selected_says_why_and_since_when() {
    check_frames("main_lost_cluster", &pressed(night(), &[Action::PreviousPane, Action::Last, Action::Up]));
}

#[test]
fn without_any_cluster_it_says_what_was_tried() {
    let tried = world().without_clusters().settings(|settings| {
        settings.tried = vec![
            ("DOCKER_HOST".into(), "is not set".into()),
            ("docker context".into(), "there is none".into()),
            ("unix:///var/run/docker.sock".into(), "permission denied: you are not in the group \"docker\"".into()),
            ("unix:///run/user/1000/docker.sock".into(), "no such file".into()),
        ];
    });
    check_frames("main_nothing_found", &tried.app());
}

#[test]
fn a_filter_that_nothing_matches_says_so() {
    check_frames("main_filtered_to_nothing", &filtered(night(), "state:failing image:v9"));
}

#[test]
fn a_mistyped_column_is_told_where_it_is_typed() {
    check_frames("main_filter_mistyped", &filtered(night(), "stat:failing"));
}

#[test]
fn what_still_connects_is_not_an_empty_list() {
    check_frames("main_connecting", &world().connecting("local").app());
}

#[test]
fn a_host_on_which_nothing_runs_says_so() {
    check_frames("main_empty", &world().app());
}

#[test]
fn no_size_is_too_small() {
    survives_every_frame(&night().app());
    survives_every_frame(&world().without_clusters().app());
    survives_every_frame(&filtered(night(), "state:failing image:v9"));
}

#[test]
fn clusters_that_nobody_has_looked_at_stand_by_calmly() {
    let mut app = world().service("shop/web", 2).idle("prod-us").idle("staging-eu-central").app();
    check_frames("main_idle", &app);
    app.act(Action::PreviousPane, now());
    app.act(Action::Last, now());
    app.act(Action::Up, now());
    check_frames("main_idle_selected", &app);
}
