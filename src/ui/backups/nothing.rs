//! What is said where there is nothing to list, and what would help.

use ratatui::layout::Rect;

use crate::{
    action::{Action, Place},
    config::theme::Role,
    domain::protection::LABEL,
    ui::{Paint, widget},
};

const CONFIG: &str = "[backup]
repository = \"/srv/backups\"
password_file = \"/srv/backup-password\"";

/// Nothing is known of any backup: there is no repository, or it has not been read.
pub fn draw(paint: &mut Paint<'_>, area: Rect) {
    let world = &paint.app.world;
    widget::heading(paint, area, "BACKUPS", "", true);
    let body = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    match (&world.settings.backups, &world.backups.trouble) {
        (None, _) => no_repository(paint, body),
        (Some(_), Some(trouble)) => widget::trouble(paint, body, trouble),
        (Some(_), None) => _ = widget::says(paint, body, "The repository is being read.", Role::Dim),
    }
}

fn no_repository(paint: &mut Paint<'_>, area: Rect) {
    let first = "The config names no repository, so nothing is backed up from here. Write into it:";
    let more = format!(
        "It may also be s3:..., rest:... or rclone:..., as for restic.\n\n{}\n\nThen: midwatch backup --due --yes, from cron.",
        what_is_backed_up()
    );
    let mut rest = area;
    for (text, role) in [(first, Role::Text), (CONFIG, Role::Key), (&more, Role::Text)] {
        let taken = widget::says(paint, rest, text, role).saturating_add(1).min(rest.height);
        rest = Rect { y: rest.y + taken, height: rest.height - taken, ..rest };
    }
}

/// The repository is known, and nothing that runs is to be backed up.
pub fn is_protected(paint: &mut Paint<'_>, area: Rect) {
    let key = paint.key(Place::Everywhere, Action::BackUp);
    let text = format!(
        "Nothing that runs is known to need a backup, and none was taken.\n\n{}\n\nThen {key} on a service backs it up.",
        what_is_backed_up()
    );
    widget::says(paint, area, &text, Role::Text);
}

fn what_is_backed_up() -> String {
    format!(
        "Databases are known by their images. For anything else say so, by a label of the service, as in \
         {LABEL}=files:/data, or under [[backup.services]] in the config."
    )
}
