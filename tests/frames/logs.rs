//! Whole frames of the logs screen.

use midwatch::{action::Action, app::App, domain::Trouble, message::TailState};
use tui_input::InputRequest;

use crate::{
    picture::{check_frames, survives_every_frame},
    world::{Builder, instance_id, now, world, write},
};

/// Three sources, of which one has ended, one could not be kept up with for a moment, and one writes long lines.
fn busy() -> Builder {
    let served: Vec<_> = (0..60)
        .map(|n| format!("INFO request served id={n:08x} method=GET path=/product/{} status=200 ms={}", n * 37, n % 9))
        .collect();
    let served = served.iter().zip(0..).map(|(text, n)| (200 - 3 * n, text.as_str()));
    world()
        .service("shop/web", 3)
        .logged("shop-web-1", served)
        .log_gap("shop-web-2", 14, 12_480)
        .logged("shop-web-2", [
            (12, r#"{"level":"error","msg":"request failed","id":"9c1f","path":"/checkout","status":503,"took_ms":5000,"error":"upstream_timeout","trace":"4bf92f3577b34da6a3ce929d0e0e4736"}"#),
            (8, "WARN garbage collection took long ms=1204 heap_mib=117"),
        ])
        .logged("shop-web-3", [
            (30, "panic: runtime error: invalid memory address or nil pointer dereference"),
            (30, "\tgithub.com/example/shop/web/handler.go:118 +0x1f4"),
        ])
}

fn opened(keys: &[Action]) -> App {
    let mut app = busy().app();
    app.world.tails.insert(instance_id("shop-web-3"), TailState::Ended);
    press(&mut app, &[Action::Logs]);
    press(&mut app, keys);
    app
}

fn press(app: &mut App, keys: &[Action]) {
    keys.iter().for_each(|key| drop(app.act(*key, now())));
    while app.work(1 << 20) {}
}

fn type_in(app: &mut App, text: &str) {
    text.chars().for_each(|c| app.edit(InputRequest::InsertChar(c), now()));
    while app.work(1 << 20) {}
}

#[test]
fn following_three_sources_with_a_gap() {
    check_frames("logs_following", &opened(&[]));
}

#[test]
fn frozen_with_new_lines_below() {
    let mut app = opened(&[]);
    // Where a page ends is the picture's to know, so it is painted before somebody scrolls.
    check_frames("logs_following", &app);
    press(&mut app, &[Action::PageUp]);
    write(&mut app.world, "shop-web-1", [(0, "INFO request served id=new status=200"); 7]);
    check_frames("logs_frozen", &app);
}

#[test]
fn a_search_shows_what_it_found_and_which_of_how_many() {
    let mut app = opened(&[Action::Search]);
    type_in(&mut app, "product/1[0-9]+");
    press(&mut app, &[Action::Open, Action::PreviousMatch]);
    check_frames("logs_search", &app);
}

#[test]
fn a_pattern_being_typed_is_in_the_last_row() {
    let mut app = opened(&[Action::Filter]);
    type_in(&mut app, "served");
    check_frames("logs_typing", &app);
}

#[test]
fn filtered_to_nothing_says_so() {
    let mut app = opened(&[Action::Filter]);
    type_in(&mut app, "no such words");
    press(&mut app, &[Action::Open]);
    check_frames("logs_filtered_to_nothing", &app);
}

#[test]
fn long_lines_wrapped() {
    check_frames("logs_wrapped", &opened(&[Action::Wrap]));
}

#[test]
fn a_log_that_cannot_be_read_says_why() {
    let mut app = world().service("shop/web", 1).app();
    let why = Trouble::new("could not read the log of shop-web-1", "its log driver \"gelf\" cannot be read back")
        .help("ask where its logs are sent, or set the driver json-file or local");
    app.world.tails.insert(instance_id("shop-web-1"), TailState::Refused(why));
    press(&mut app, &[Action::Logs]);
    check_frames("logs_refused", &app);
}

#[test]
fn no_size_is_too_small() {
    survives_every_frame(&opened(&[]));
    survives_every_frame(&opened(&[Action::Wrap, Action::MinimumLevel]));
}
