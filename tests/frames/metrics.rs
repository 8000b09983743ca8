//! Frames of the charts of a service.

use midwatch::{
    action::Action,
    app::{App, Page, metrics::Metrics},
    domain::{Capability, Instance, Sample},
    ui::{chart::Glyphs, metrics::draw},
};

use crate::{
    picture::{check, picture, survives_every_size},
    world::{seconds_ago, service_id, world},
};

/// A busy service with limits, measured until so many seconds ago: a wave of CPU, memory that grows, bursts from the disk, and half a
/// minute without measurements in every ten.
fn busy(ago: i64) -> App {
    let limited = |instance: &mut Instance| {
        instance.limits.cpu = Some(500);
        instance.limits.memory = Some(512 << 20);
    };
    let samples =
        || (0..7200).rev().filter(|before| before % 600 < 240 || before % 600 > 270).map(move |b| sample(b, ago));
    world()
        .service("shop/web", 3)
        .instance("shop-web-1", limited)
        .instance("shop-web-2", limited)
        .measured("shop-web-1", samples())
        .measured("shop-web-2", samples())
        .exited("shop-web-3", 1, "exit 1")
        .app()
}

fn sample(before: i64, ago: i64) -> Sample {
    let wave = (before as f64 / 40.0).cos() + 1.0;
    Sample {
        at: seconds_ago(before + ago),
        cpu: 60 + (180.0 * wave) as u64,
        memory: (400 - before as u64 / 20) << 20,
        received: 4_000 + (60_000.0 * wave) as u64,
        sent: (900_000.0 * (2.0 - wave)) as u64,
        read: if before % 97 < 6 { 3_000_000 } else { 0 },
        written: 20_000,
        pids: 12,
        seconds: 1,
    }
}

#[test]
fn a_busy_service() {
    let (screen, app) = (Metrics::of(service_id("shop/web")), busy(1));
    check("metrics_busy", &app, |paint, area| draw(&screen, paint, area));
}

#[test]
fn one_instance_over_two_hours_with_measurements_that_are_old() {
    let (mut screen, app) = (Metrics::of(service_id("shop/web")), busy(95));
    screen.act(Action::Right, &app.world);
    screen.act(Action::Span, &app.world);
    check("metrics_stale", &app, |paint, area| draw(&screen, paint, area));
}

#[test]
fn one_chart_fills_the_screen_on_demand() {
    let (mut screen, app) = (Metrics::of(service_id("shop/web")), busy(1));
    screen.act(Action::Down, &app.world);
    screen.act(Action::Down, &app.world);
    screen.act(Action::Open, &app.world);
    check("metrics_alone", &app, |paint, area| draw(&screen, paint, area));
}

#[test]
fn a_lost_cluster_keeps_its_charts_and_says_why_they_end() {
    let (screen, mut app) = (Metrics::of(service_id("shop/web")), busy(240));
    let why = midwatch::domain::Trouble::new("could not reach local", "connection refused");
    let kind = midwatch::domain::LossKind::Unreachable;
    let link = midwatch::domain::Link::Lost { since: seconds_ago(240), kind, why, retry_at: None };
    app.world.inventory.cluster_mut(&"local".into()).unwrap().link = link;
    check("metrics_lost", &app, |paint, area| draw(&screen, paint, area));
}

#[test]
fn blocks_and_letters_where_there_are_no_dots() {
    let (screen, app) = (Metrics::of(service_id("shop/web")), busy(1));
    for (name, glyphs) in [("blocks", Glyphs::Blocks), ("ascii", Glyphs::Ascii)] {
        insta::assert_snapshot!(
            format!("metrics_in_{name}_80x24"),
            picture(&app, 80, 24, glyphs, |p, a| draw(&screen, p, a))
        );
    }
}

#[test]
fn one_below_the_other_where_it_is_narrow_and_high() {
    let (screen, app) = (Metrics::of(service_id("shop/web")), busy(1));
    insta::assert_snapshot!("metrics_narrow_60x45", picture(&app, 60, 45, Glyphs::Braille, |p, a| draw(&screen, p, a)));
}

#[test]
fn without_measurements_it_says_why() {
    let app = world().service("shop/web", 1).without(Capability::Metrics, "this engine does not measure").app();
    let screen = Metrics::of(service_id("shop/web"));
    check("metrics_none", &app, |paint, area| draw(&screen, paint, area));
}

#[test]
fn no_size_is_too_small() {
    let (mut screen, app) = (Metrics::of(service_id("shop/web")), busy(1));
    survives_every_size(&app, |paint, area| draw(&screen, paint, area));
    screen.is_alone = true;
    survives_every_size(&app, |paint, area| draw(&screen, paint, area));
}
