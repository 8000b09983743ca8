//! The ports of this machine that go to services: where each goes, through what, and what is wrong with it.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    action::Action,
    app::{forwards::Forwards, help::name},
    config::theme::Role,
    domain::units,
    message::ForwardState,
    ui::{
        Paint,
        table::{Column, Table},
        widget::{self, Pane},
    },
};

#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Mark,
    Local,
    Service,
    Remote,
    Through,
    Connections,
    Received,
    Sent,
    State,
}

pub fn draw(screen: &Forwards, paint: &mut Paint<'_>, area: Rect) {
    if area.height < 3 {
        return;
    }
    let keys = Forwards::keys(&paint.app.world);
    let head = Rect { height: 1, ..area };
    widget::heading(paint, head, "FORWARDS", &keys.len().to_string(), true);
    let below = Rect { y: area.y + 1, height: area.height - 1, ..area };
    if keys.is_empty() {
        let key = paint.keys_of(Action::Forward).unwrap_or_else(|| name(Action::Forward));
        let text = format!("No port of this machine goes to a service. {key} on a service opens one.");
        widget::says(paint, below, &text, Role::Dim);
        return;
    }
    let told = trouble(screen, paint);
    let room = told.as_ref().map_or(0, |(lines, _)| u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(1));
    let list = Rect { height: area.height.saturating_sub(room).max(3), ..area };
    let shown = rows(screen, paint, list, &keys);
    widget::position(paint, head, &shown, keys.len());
    if let Some((lines, role)) = told {
        let under = list.y + (2 + shown.len() as u16 + 1).min(list.height + 1);
        for (y, line) in (under..area.bottom()).zip(lines) {
            paint.text(Rect { y, height: 1, ..area }, &line, role);
        }
    }
}

fn rows(screen: &Forwards, paint: &mut Paint<'_>, area: Rect, keys: &[u16]) -> std::ops::Range<usize> {
    let wanted = &paint.app.world.forwards_wanted;
    let services = wanted.values().map(|forward| forward.service.to_string().width()).max().unwrap_or(0);
    let columns = [
        Column::left(Cell::Mark, "", 1, 0),
        Column::left(Cell::Local, "HERE", 15, 0),
        Column::left(Cell::Service, "SERVICE", services.clamp(7, 40) as u16, 0),
        Column::right(Cell::Remote, "PORT", 5, 0),
        Column::left(Cell::Through, "LAST THROUGH", 20, 4),
        Column::right(Cell::Connections, "CONNS", 5, 2),
        Column::right(Cell::Received, "IN", 5, 3),
        Column::right(Cell::Sent, "OUT", 5, 3),
        Column::left(Cell::State, "STATE", 10, 1),
    ];
    let table = Table::fit(&columns, Cell::State, area);
    table.header(paint, area.y + 1);
    let body = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    let pane = Pane { number: 0, focused: true };
    widget::rows(paint, body, &screen.list, keys, pane, |paint, place, local| row(paint, &table, place.y, *local))
}

fn row(paint: &mut Paint<'_>, table: &Table<Cell>, y: u16, local: u16) {
    let world = &paint.app.world;
    let Some(forward) = world.forwards_wanted.get(&local) else { return };
    let glyphs = paint.theme.glyphs;
    let state = world.forwards.get(&local);
    let (mark, role, word) = match state {
        None => (glyphs.changing, Role::Changing, "opening".to_owned()),
        Some(ForwardState::Listening { .. }) => (glyphs.healthy, Role::Healthy, "listening".to_owned()),
        Some(ForwardState::Troubled(trouble)) => (glyphs.degraded, Role::Degraded, trouble.why.to_string()),
        Some(ForwardState::Refused(trouble)) => (glyphs.failing, Role::Failing, trouble.why.to_string()),
    };
    table.cell(paint, Cell::Mark, y, mark, role);
    table.cell(paint, Cell::Local, y, &format!("localhost:{local}"), Role::Text);
    table.cell(paint, Cell::Service, y, &forward.service.to_string(), Role::Text);
    table.cell(paint, Cell::Remote, y, &forward.port.to_string(), Role::Text);
    if let Some(ForwardState::Listening { connections, through, received, sent }) = state {
        table.cell(paint, Cell::Through, y, through.as_deref().unwrap_or("-"), Role::Dim);
        table.cell(paint, Cell::Connections, y, &connections.to_string(), Role::Text);
        table.cell(paint, Cell::Received, y, &units::bytes(*received), Role::Text);
        table.cell(paint, Cell::Sent, y, &units::bytes(*sent), Role::Text);
    }
    table.cell(paint, Cell::State, y, &word, role);
}

/// All that is known of what is wrong with the selected one.
fn trouble(screen: &Forwards, paint: &Paint<'_>) -> Option<(Vec<String>, Role)> {
    let world = &paint.app.world;
    let (local, _) = screen.selected(world)?;
    let (trouble, role) = match world.forwards.get(&local)? {
        ForwardState::Listening { .. } => return None,
        ForwardState::Troubled(trouble) => (trouble, Role::Degraded),
        ForwardState::Refused(trouble) => (trouble, Role::Failing),
    };
    let width = paint.buffer.area.width;
    let mut lines = widget::wrap(&trouble.line(), width);
    lines.extend(trouble.help.iter().flat_map(|help| widget::wrap(help, width)));
    if role == Role::Degraded {
        lines.extend(widget::wrap("The port stays open: the next connection is tried all the same.", width));
    }
    Some((lines, role))
}
