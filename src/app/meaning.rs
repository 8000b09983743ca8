//! What an action means where the screen in sight has no meaning of its own for it.

use crate::{
    action::Action,
    app::{App, Overlay, palette::Palette},
    message::Effect,
};

pub fn of(app: &mut App, action: Action) -> Vec<Effect> {
    match action {
        Action::Palette => app.overlay = Some(Overlay::Palette(Palette::new(|action| app.may(action)))),
        Action::Quit => return vec![Effect::Quit],
        Action::Back if app.screens.len() > 1 => {
            app.screens.pop();
        }
        Action::Suspend => return vec![Effect::Suspend],
        Action::Redraw => return vec![Effect::Redraw],
        _ => {}
    }
    Vec::new()
}

pub fn may(app: &App, action: Action) -> Result<(), String> {
    super::read_only_refusal(app, action).map_or(Ok(()), Err)
}
