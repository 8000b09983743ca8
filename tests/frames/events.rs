use midwatch::{
    action::Action,
    app::{App, Page, Subject, events::Events},
    ui::events::draw,
};

use crate::{
    picture::{check, survives_every_size},
    world::{service_id, world},
};

fn busy() -> App {
    let mut world = world().service("shop/web", 2).service("shop/db", 1);
    for minute in (2..50).rev() {
        world = world.happened(minute * 60, "shop-web-2", "health: starting", false);
    }
    world
        .happened(80_000, "shop/web:v2.4.1", "pulled", false)
        .happened(
            100,
            "shop-db-1",
            "exited with 137 (killed: out of memory, limit 128Mi), and will be started again in 3.2 s",
            true,
        )
        .happened(40, "shop-db-1", "started", false)
        .app()
}

#[test]
fn everything_newest_first() {
    let (mut screen, app) = (Events::of(None), busy());
    screen.act(Action::Down, &app.world);
    check("events_all", &app, |paint, area| draw(&screen, paint, area));
}

#[test]
fn those_of_one_service_that_match() {
    let (mut screen, app) = (Events::of(Some(Subject::Service(service_id("shop/db")))), busy());
    screen.act(Action::Filter, &app.world);
    for c in "memory".chars() {
        screen.prompt_mut().unwrap().edit(tui_input::InputRequest::InsertChar(c));
    }
    screen.typed(&app.world);
    check("events_filtered", &app, |paint, area| draw(&screen, paint, area));
}

#[test]
fn none_at_all() {
    let app = world().app();
    check("events_none", &app, |paint, area| draw(&Events::of(None), paint, area));
}

#[test]
fn no_size_is_too_small() {
    let (mut screen, app) = (Events::of(None), busy());
    survives_every_size(&app, |paint, area| draw(&screen, paint, area));
    screen.act(Action::Filter, &app.world);
    survives_every_size(&app, |paint, area| draw(&screen, paint, area));
}
