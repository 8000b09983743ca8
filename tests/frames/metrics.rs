use midwatch::{
    action::Action,
    app::{
        App, Page,
        charts::{Chart, Panel, panel},
        metrics::{Metrics, Span},
    },
    domain::{Capability, Instance, InstanceId, Sample},
    store::series::Metric,
    ui::{
        Paint,
        metrics::{draw, draw_panels},
    },
};
use ratatui::layout::Rect;

use crate::{
    picture::{check, picture, survives_every_size},
    world::{now, seconds_ago, service_id, world},
};

/// A busy service with limits: a wave of CPU, memory that grows, and half a minute in which nothing was measured.
fn busy() -> App {
    let limited = |instance: &mut Instance| {
        instance.limits.cpu = Some(500);
        instance.limits.memory = Some(512 << 20);
    };
    world()
        .service("shop/web", 3)
        .instance("shop-web-1", limited)
        .instance("shop-web-2", limited)
        .exited("shop-web-3", 1, "exit 1")
        .app()
}

fn reading(step: i64, metric: Metric) -> Option<f64> {
    if (300..340).contains(&step) {
        return None;
    }
    let wave = (step as f64 / 40.0).sin() + 1.0;
    Some(match metric {
        Metric::Cpu => 60.0 + 180.0 * wave,
        Metric::Memory => (step as f64).mul_add(0.35, 60.0) * f64::from(1 << 20),
        Metric::Received => 4_000.0 + 60_000.0 * wave,
        Metric::Sent => 900_000.0 * (2.0 - wave),
        Metric::Read => {
            if step % 97 < 6 {
                3e6
            } else {
                0.0
            }
        }
        Metric::Written => 20_000.0,
        Metric::Pids => 12.0,
    })
}

fn sample(at: jiff::Timestamp) -> Sample {
    let value = |metric| reading(599, metric).unwrap_or(0.0) as u64;
    Sample {
        at,
        cpu: value(Metric::Cpu),
        memory: value(Metric::Memory),
        received: value(Metric::Received),
        sent: value(Metric::Sent),
        read: value(Metric::Read),
        written: value(Metric::Written),
        pids: value(Metric::Pids),
    }
}

fn measured<'a>(
    screen: &Metrics,
    app: &'a App,
    at: jiff::Timestamp,
) -> (Vec<Panel>, Vec<(&'a Instance, Option<Sample>)>) {
    let instances = screen.instances(&app.world);
    let is_alive = |id: &InstanceId| app.world.inventory.instance(id).is_some_and(|instance| instance.state.is_alive());
    let steps = match screen.span {
        Span::TenMinutes => 600,
        Span::TwoHours => 720,
    };
    let readings = |id: &InstanceId, metric| {
        if is_alive(id) { (0..steps).map(|step| reading(step, metric)).collect() } else { Vec::new() }
    };
    let latest = |id: &InstanceId| is_alive(id).then(|| sample(at));
    let panels = Chart::ALL.map(|chart| panel(chart, &instances, &readings, &latest, now()));
    let samples = instances.iter().map(|instance| (*instance, latest(&instance.id))).collect();
    (panels.into(), samples)
}

fn drawn<'a>(screen: &'a Metrics, app: &'a App, at: jiff::Timestamp) -> impl Fn(&mut Paint<'_>, Rect) + 'a {
    let (panels, samples) = measured(screen, app, at);
    move |paint, area| draw_panels(screen, paint, area, &panels, &samples)
}

#[test]
fn a_busy_service() {
    let (screen, app) = (Metrics::of(service_id("shop/web")), busy());
    check("metrics_busy", &app, drawn(&screen, &app, seconds_ago(1)));
}

#[test]
fn one_instance_over_two_hours_with_measurements_that_are_old() {
    let (mut screen, app) = (Metrics::of(service_id("shop/web")), busy());
    screen.act(Action::Right, &app.world);
    screen.act(Action::Span, &app.world);
    check("metrics_stale", &app, drawn(&screen, &app, seconds_ago(95)));
}

#[test]
fn one_chart_fills_the_screen_on_demand() {
    let (mut screen, app) = (Metrics::of(service_id("shop/web")), busy());
    screen.act(Action::Down, &app.world);
    screen.act(Action::Down, &app.world);
    screen.act(Action::Open, &app.world);
    check("metrics_alone", &app, drawn(&screen, &app, seconds_ago(1)));
}

#[test]
fn letters_where_there_are_no_dots() {
    let (screen, app) = (Metrics::of(service_id("shop/web")), busy());
    let draw = drawn(&screen, &app, seconds_ago(1));
    insta::assert_snapshot!("metrics_in_ascii_80x24", picture(&app, 80, 24, true, |p, a| draw(p, a)));
}

#[test]
fn one_below_the_other_where_it_is_narrow_and_high() {
    let (screen, app) = (Metrics::of(service_id("shop/web")), busy());
    let draw = drawn(&screen, &app, seconds_ago(1));
    insta::assert_snapshot!("metrics_narrow_60x45", picture(&app, 60, 45, false, |p, a| draw(p, a)));
}

#[test]
fn without_measurements_it_says_why() {
    let app = world().service("shop/web", 1).without(Capability::Metrics, "this engine does not measure").app();
    let screen = Metrics::of(service_id("shop/web"));
    check("metrics_none", &app, |paint, area| draw(&screen, paint, area));
}

#[test]
fn no_size_is_too_small() {
    let (mut screen, app) = (Metrics::of(service_id("shop/web")), busy());
    survives_every_size(&app, drawn(&screen, &app, now()));
    screen.is_alone = true;
    survives_every_size(&app, drawn(&screen, &app, now()));
}
