use midwatch::{
    app::{App, notices::Notices},
    message::Weight,
    ui::notices::draw,
};

use crate::{
    picture::{check, survives_every_size},
    world::world,
};

fn talkative() -> App {
    world()
        .notice(90_000, Weight::Info, "connected to local: docker 20.10.24, API 1.41", None)
        .notice(300, Weight::Warning, "theme.toml:12:8: 'faling' is not a role; did you mean 'failing'?", None)
        .notice(
            5,
            Weight::Error,
            "could not reach docker at unix:///var/run/docker.sock: permission denied",
            Some("you are not in the group \"docker\": sudo usermod -aG docker $USER, then sign in again, and the console will find it"),
        )
        .app()
}

#[test]
fn the_newest_in_full_below() {
    check("notices", &talkative(), |paint, area| draw(&Notices::default(), paint, area));
}

#[test]
fn no_size_is_too_small() {
    survives_every_size(&talkative(), |paint, area| draw(&Notices::default(), paint, area));
}
