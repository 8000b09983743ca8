use midwatch::{
    action::{Action, Place},
    app::{Page, help::Help, prompt::Prompt},
    ui::help::draw,
};

use crate::{
    picture::{check, survives_every_size},
    world::world,
};

#[test]
fn the_keys_of_a_screen_and_of_all() {
    let app = world().app();
    check("help_metrics", &app, |paint, area| draw(&Help::of(Place::Metrics), paint, area));
}

#[test]
fn only_those_that_match() {
    let app = world().app();
    let mut screen = Help::of(Place::Logs);
    screen.act(Action::Filter, &app.world);
    *screen.prompt_mut().unwrap() = Prompt::new("/", "error");
    screen.typed(&app.world);
    check("help_filtered", &app, |paint, area| draw(&screen, paint, area));
}

#[test]
fn no_size_is_too_small() {
    let app = world().app();
    survives_every_size(&app, |paint, area| draw(&Help::of(Place::Logs), paint, area));
}
