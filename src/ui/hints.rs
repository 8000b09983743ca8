//! The last row: the keys that matter on the screen in sight, as many as fit.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    action::{Action, Place},
    config::theme::Role,
    ui::Paint,
};

/// The most useful first: what does not fit is left out from the end, but help is always there.
fn of(place: Place) -> &'static [(Action, &'static str)] {
    match place {
        Place::Everywhere | Place::Main => &[
            (Action::Logs, "logs"),
            (Action::Instances, "instances"),
            (Action::Metrics, "metrics"),
            (Action::Events, "events"),
            (Action::RollOut, "roll out"),
            (Action::RollBack, "roll back"),
            (Action::Scale, "scale"),
            (Action::BackUp, "back up"),
            (Action::Arm, "arm"),
            (Action::Configuration, "config"),
            (Action::Restart, "restart"),
            (Action::Filter, "filter"),
            (Action::Faults, "faults"),
            (Action::Shell, "shell"),
            (Action::Backups, "backups"),
            (Action::Sort, "sort"),
            (Action::Nodes, "nodes"),
            (Action::Forward, "forward"),
            (Action::Operations, "operations"),
        ],
        Place::Logs => &[
            (Action::Search, "search"),
            (Action::Follow, "follow"),
            (Action::Filter, "keep"),
            (Action::Exclude, "hide"),
            (Action::MinimumLevel, "level"),
            (Action::NextError, "next error"),
            (Action::Since, "since"),
            (Action::Wrap, "wrap"),
            (Action::Timestamps, "times"),
            (Action::Outputs, "outputs"),
            (Action::Save, "save"),
            (Action::Copy, "copy"),
        ],
        Place::Metrics => &[(Action::Span, "span"), (Action::NextPane, "instance"), (Action::Logs, "logs")],
        Place::Instances => &[
            (Action::Logs, "logs"),
            (Action::Shell, "shell"),
            (Action::Configuration, "config"),
            (Action::Metrics, "metrics"),
            (Action::Restart, "restart"),
            (Action::Stop, "stop"),
            (Action::Start, "start"),
            (Action::DeleteInstance, "delete"),
            (Action::BackUp, "back up"),
        ],
        Place::Nodes => &[
            (Action::Open, "instances"),
            (Action::Cordon, "cordon"),
            (Action::Uncordon, "uncordon"),
            (Action::Drain, "drain"),
            (Action::NextPane, "details"),
            (Action::Copy, "copy"),
        ],
        Place::Forwards => &[
            (Action::CloseForward, "close"),
            (Action::Open, "instances"),
            (Action::Logs, "logs"),
            (Action::Copy, "copy address"),
        ],
        Place::Backups => &[
            (Action::BackUp, "back up"),
            (Action::Restore, "restore"),
            (Action::Verify, "verify"),
            (Action::RestoreInto, "into another"),
            (Action::NextPane, "snapshots"),
            (Action::Arm, "arm"),
            (Action::Copy, "copy id"),
        ],
        Place::Events => &[(Action::Filter, "filter"), (Action::NextPane, "all or one"), (Action::Copy, "copy")],
        Place::Configuration => &[
            (Action::Search, "search"),
            (Action::NextMatch, "next"),
            (Action::Open, "fold"),
            (Action::Wrap, "wrap"),
            (Action::Save, "save"),
            (Action::Copy, "copy"),
        ],
        Place::Release => &[
            (Action::NextPane, "older"),
            (Action::RollBack, "roll back to it"),
            (Action::Outline, "all or changes"),
            (Action::Logs, "logs"),
            (Action::Copy, "copy"),
        ],
        Place::Rollout => &[(Action::Open, "plan it"), (Action::NextPane, "next field")],
        Place::Plan => &[(Action::Confirm, "carry out"), (Action::TakeOver, "take over")],
        Place::Operation => &[
            (Action::GoOn, "go on"),
            (Action::Again, "again"),
            (Action::StopAndUndo, "stop and undo"),
            (Action::Wait, "wait"),
            (Action::Resume, "resume"),
            (Action::Undo, "undo"),
            (Action::Leave, "leave as it is"),
            (Action::Logs, "logs"),
        ],
        Place::Operations | Place::Notices => &[(Action::Open, "open"), (Action::Copy, "copy")],
        Place::Help => &[(Action::Filter, "filter")],
    }
}

pub fn draw(paint: &mut Paint<'_>, row: Rect) {
    let place = paint.app.place();
    let ends: &[(Action, &str)] = &[(Action::Back, "back"), (Action::Palette, "palette"), (Action::Help, "help")];
    let ends = if place == Place::Main { &ends[1..] } else { ends };
    let hint = |paint: &Paint<'_>, action: Action, label: &'static str| {
        paint.app.may(action).ok()?;
        // Where there is no repository, the screen only says so.
        if action == Action::Backups && paint.app.world.settings.backups.is_none() {
            return None;
        }
        Some((paint.keys_of(action)?, label, action))
    };
    let last: Vec<_> = ends.iter().filter_map(|&(action, label)| hint(paint, action, label)).collect();
    let width = |key: &str, label: &str| u16::try_from(key.width() + label.width() + 3).unwrap_or(u16::MAX);
    let reserved: u16 = last.iter().map(|(key, label, _)| width(key, label)).sum();
    let mut x = row.x + 1;
    let mut put = |paint: &mut Paint<'_>, (key, label, action): (String, &str, Action)| {
        let place = Rect::new(x, row.y, width(&key, label) - 2, 1);
        let end = paint.text(place, &key, Role::Key);
        paint.text(Rect { x: end + 1, width: place.right().saturating_sub(end + 1), ..place }, label, Role::Dim);
        paint.button(place, action);
        x = place.right() + 2;
        x
    };
    let mut used = row.x + 1;
    // A list that is empty says itself what would help.
    let is_empty = place == Place::Backups && paint.app.subject().is_none();
    for &(action, label) in if is_empty { &[] } else { of(place) } {
        let Some(next) = hint(paint, action, label) else { continue };
        if used + width(&next.0, next.1) + reserved > row.right() {
            break;
        }
        used = put(paint, next);
    }
    for next in last {
        put(paint, next);
    }
}
