//! Everything that the console had to say: a row each, and the selected one in full below, with what would help.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::notices::{Notices, keys},
    config::theme::Role,
    message::{Notice, Weight},
    ui::{
        Paint,
        widget::{self, Pane},
    },
};

pub fn draw(screen: &Notices, paint: &mut Paint<'_>, area: Rect) {
    let rows = screen.rows(&paint.app.world);
    widget::heading(paint, area, "NOTICES", "newest first", true);
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let Some(selected) = screen.selected(&paint.app.world) else {
        widget::says(paint, body, "The console had nothing to say.", Role::Dim);
        return;
    };
    // Never more than half: the list is what is looked through.
    let full = u16::try_from(in_full(selected, area.width).len() + 1).unwrap_or(u16::MAX).min(body.height / 2);
    let list = Rect { height: body.height - full, ..body };
    let keys = keys(&rows);
    let mut in_sight = screen.list.window(&keys, usize::from(list.height)).map(|index| rows[index]);
    // The oldest has the longest: a date.
    let oldest = rows.last().map_or(8, |notice| paint.app.world.time(notice.at).width()) as u16;
    let pane = Pane { number: 0, focused: true };
    let shown = widget::rows(paint, list, &screen.list, &keys, pane, |paint, place, _| {
        if let Some(notice) = in_sight.next() {
            row(paint, place, notice, oldest);
        }
    });
    widget::position(paint, Rect { height: 1, ..area }, &shown, rows.len());
    let below = Rect { y: list.bottom() + 1, height: full.saturating_sub(1), ..area };
    let lines = in_full(selected, area.width);
    for (y, (text, role)) in (below.y..below.bottom()).zip(&lines) {
        paint.text(Rect::new(below.x, y, below.width, 1), text, *role);
    }
    if lines.len() > usize::from(below.height) && below.height > 0 {
        paint.text_right(Rect { y: below.bottom() - 1, height: 1, ..below }, " …", Role::Dim);
    }
}

fn row(paint: &mut Paint<'_>, area: Rect, notice: &Notice, width: u16) {
    let (mark, role) = mark(notice.weight);
    let time = paint.app.world.time(notice.at);
    paint.text(Rect { width: area.width.min(1), ..area }, mark, role);
    let text = area.x + width + 4;
    paint.text_right(Rect { x: area.x + 2, width: width.min(area.width.saturating_sub(2)), ..area }, &time, Role::Dim);
    paint.text(Rect { x: text, width: area.right().saturating_sub(text), ..area }, &notice.text, role);
}

fn in_full(notice: &Notice, width: u16) -> Vec<(String, Role)> {
    let text = widget::wrap(&notice.text, width).into_iter().map(|line| (line, Role::Text));
    let help = widget::wrap(notice.help.as_deref().unwrap_or_default(), width.saturating_sub(2));
    text.chain(help.into_iter().map(|line| (format!("  {line}"), Role::Dim))).collect()
}

/// The letter and the colour of a notice.
pub fn mark(weight: Weight) -> (&'static str, Role) {
    match weight {
        Weight::Info => ("i", Role::NoticeInfo),
        Weight::Warning => ("!", Role::NoticeWarning),
        Weight::Error => ("x", Role::NoticeError),
    }
}
