use midwatch::{
    action::Action,
    app::{App, Overlay, notices::Notices, palette::Palette},
    domain::OperationState,
    ui::{self, Paint, overlay},
};
use ratatui::layout::Rect;
use tui_input::InputRequest;

use crate::{
    picture::{check, survives_every_size},
    world::world,
};

fn busy() -> App {
    let mut world = world().service("shop/web", 2).operation("restart shop/web", "shop/web", OperationState::Running);
    for minute in (0..60).rev() {
        let text = format!("what lies below, {minute} minutes ago, must not show through the box that lies above it");
        world = world.notice(minute * 60, midwatch::message::Weight::Info, &text, None);
    }
    world.app()
}

fn over(app: &App, draw: impl Fn(&mut Paint<'_>, Rect), name: &str) {
    let both = |paint: &mut Paint<'_>, area: Rect| {
        ui::notices::draw(&Notices::default(), paint, area);
        draw(paint, area);
    };
    check(name, app, both);
    survives_every_size(app, both);
}

fn palette(text: &str) -> Overlay {
    let may = |action: Action| match action {
        Action::Restart | Action::Stop | Action::Start => Err("this cluster is read-only in the config".to_owned()),
        _ => Ok(()),
    };
    let mut palette = Palette::new(may);
    text.chars().for_each(|c| palette.edit(InputRequest::InsertChar(c)));
    Overlay::Palette(palette)
}

#[test]
fn the_palette_greys_what_is_refused_and_says_why() {
    let overlay = palette("start");
    over(&busy(), |paint, area| overlay::draw(&overlay, paint, area), "palette");
}

#[test]
fn the_palette_with_everything() {
    let overlay = palette("");
    over(&busy(), |paint, area| overlay::draw(&overlay, paint, area), "palette_all");
}

#[test]
fn leaving_while_something_runs() {
    let app = busy();
    let overlay = Overlay::Quit(app.world.operations.keys().cloned().collect());
    over(&app, |paint, area| overlay::draw(&overlay, paint, area), "quit");
}

#[test]
fn the_keys_that_may_come_next() {
    let next = [("r".to_owned(), "plan a restart"), ("s".to_owned(), "plan a stop"), ("esc".to_owned(), "forget it")];
    over(&busy(), |paint, area| overlay::chord(paint, area, "g", &next), "chord");
}
