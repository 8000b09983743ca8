//! Frames of the ports of this machine that go to services, and of asking for one.

use midwatch::{
    action::Action,
    app::App,
    domain::{Port, Trouble},
    message::{Event, Forward, ForwardState},
    ui::frame,
};

use crate::{
    picture::{check_frames, survives_every_size},
    world::{now, service_id, world},
};

fn shop() -> App {
    let port = |inside| Port { inside, protocol: "tcp".into(), published: None };
    world()
        .service("shop/web", 3)
        .service("shop/db", 1)
        .changed("shop/web", |service| service.ports = vec![port(80), port(9090)])
        .app()
}

/// One works, one is being opened, one had a connection that came to nothing, and one cannot be had.
fn open() -> App {
    let mut app = shop();
    for (local, service, port) in
        [(5432, "shop/db", 5432), (8080, "shop/web", 80), (9090, "shop/web", 9090), (9091, "shop/web", 9090)]
    {
        app.world.listen(local, Forward { service: service_id(service), port });
    }
    let listening = ForwardState::Listening {
        connections: 12,
        through: Some("shop-web-7f8d9c-x2".into()),
        received: 1_288_490,
        sent: 48_211,
    };
    let troubled = Trouble::new("could not reach port 5432 of local/shop/db", "no instance of it is ready");
    let refused = Trouble::new("could not listen on port 9091", "it is in use by another program")
        .help("close that program, or forward another port: 9191:9090");
    for (local, state) in
        [(5432, ForwardState::Troubled(troubled)), (8080, listening), (9091, ForwardState::Refused(refused))]
    {
        app.observe(Event::Forward { local, state }, now());
    }
    app
}

#[test]
fn the_title_of_every_screen_tells_that_ports_are_open() {
    check_frames("forwards_in_the_title", &open());
}

#[test]
fn each_forward_tells_how_it_is_doing() {
    let mut app = open();
    app.act(Action::Forwards, now());
    check_frames("forwards", &app);
}

#[test]
fn what_is_wrong_with_the_selected_one_is_told_to_its_end() {
    let mut app = open();
    app.act(Action::Forwards, now());
    app.act(Action::Last, now());
    check_frames("forwards_refused", &app);
}

#[test]
fn without_any_it_is_said_how_to_open_one() {
    let mut app = shop();
    app.act(Action::Forwards, now());
    check_frames("forwards_none", &app);
}

#[test]
fn a_forward_is_asked_for_in_a_line() {
    let mut app = shop();
    app.act(Action::Down, now());
    app.act(Action::Forward, now());
    check_frames("forward_asked", &app);
    "x".chars().for_each(|c| app.edit(tui_input::InputRequest::InsertChar(c), now()));
    check_frames("forward_mistyped", &app);
    survives_every_size(&app, |paint, _| frame::draw(paint));
}

#[test]
fn no_size_is_too_small() {
    let mut app = open();
    app.act(Action::Forwards, now());
    survives_every_size(&app, |paint, _| frame::draw(paint));
}
