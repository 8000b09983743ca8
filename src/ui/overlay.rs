//! What lies over a screen until it is answered: the palette, the line of a forward, of a scaling or of a restore, the question before quitting, the keys that may
//! come next.

use ratatui::{
    layout::Rect,
    widgets::{Block, Clear, Widget},
};
use unicode_width::UnicodeWidthStr;

use crate::{
    action::{Action, Danger, Place},
    app::{
        Overlay,
        backups::into::{Goal, RestoreInto},
        forward::ForwardPrompt,
        help::name,
        overlay::can_be_taken_back,
        palette::{Entry, Palette},
        scale::ScalePrompt,
    },
    config::theme::Role,
    domain::OperationId,
    ui::{
        Paint,
        table::{Column, Table},
        widget::{self, Pane},
    },
};

/// The pane of the palette's rows, so that a click on one is not taken for one of the screen below.
pub const PANE: usize = usize::MAX;

pub fn draw(overlay: &Overlay, paint: &mut Paint<'_>, area: Rect) {
    match overlay {
        Overlay::Palette(palette) => self::palette(palette, paint, area),
        Overlay::Forward(asked) => forward(asked, paint, area),
        Overlay::Scale(asked) => scale(asked, paint, area),
        Overlay::RestoreInto(asked) => restore_into(asked, paint, area),
        Overlay::Quit(running) => quit(running, paint, area),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Name,
    Key,
    Help,
}

fn palette(palette: &Palette, paint: &mut Paint<'_>, area: Rect) {
    let width = area.width.saturating_sub(4).min(100);
    let height = area.height.saturating_sub(2).min(24);
    let count = palette.rows().len();
    let title = format!("{count} of {}", palette.count());
    let inside = frame(paint, centred(area, width, height), "actions", &title);
    if inside.is_empty() {
        return;
    }
    widget::prompt(paint, Rect { height: 1, ..inside }, &palette.prompt);
    let body = Rect { y: inside.y + 1, height: inside.height - 1, ..inside };
    if count == 0 {
        widget::says(paint, body, "No action matches.", Role::Dim);
        return;
    }
    let columns =
        [Column::left(Cell::Name, "", 16, 0), Column::left(Cell::Key, "", 9, 1), Column::left(Cell::Help, "", 16, 0)];
    let table = Table::fit(&columns, Cell::Help, body);
    let keys = palette.keys();
    let window = palette.list.window(&keys, usize::from(body.height));
    let mut in_sight = palette.rows().skip(window.start);
    let pane = Pane { number: PANE, focused: true };
    let shown = widget::rows(paint, body, &palette.list, &keys, pane, |paint, place, _| {
        if let Some(entry) = in_sight.next() {
            palette_row(paint, &table, place.y, entry);
        }
    });
    let below = Rect { y: inside.bottom(), height: 1, ..inside };
    widget::position(paint, below, &shown, count);
}

fn palette_row(paint: &mut Paint<'_>, table: &Table<Cell>, y: u16, entry: &Entry) {
    let action = entry.action;
    let key = paint.key(paint.app.place(), action);
    match &entry.refused {
        Some(why) => {
            table.cell(paint, Cell::Name, y, &name(action), Role::Dim);
            // A key that does nothing now is not worth the room that its reason needs.
            let help = table.place(Cell::Help, y).unwrap_or_default();
            let start = table.place(Cell::Key, y).unwrap_or(help).x;
            let place = Rect { x: start, width: help.right().saturating_sub(start), ..help };
            paint.text(place, &format!("not now: {why}"), Role::Dim);
        }
        None => {
            let role = match action.danger() {
                Danger::None => Role::Text,
                Danger::Changes => Role::Danger,
            };
            table.cell(paint, Cell::Name, y, &name(action), role);
            table.cell(paint, Cell::Key, y, &key, Role::Key);
            table.cell(paint, Cell::Help, y, action.help(), Role::Dim);
        }
    }
}

/// The ports, and what they would come to.
fn forward(asked: &ForwardPrompt, paint: &mut Paint<'_>, area: Rect) {
    let meant = match asked.meant() {
        Ok((local, forward)) => (format!("localhost:{local} will go to port {} of it", forward.port), Role::Text),
        Err(why) => (why, Role::NoticeError),
    };
    let ports: Vec<String> = asked.ports.iter().map(ToString::to_string).collect();
    let known =
        if ports.is_empty() { "it tells of no ports".into() } else { format!("its ports: {}", ports.join(" ")) };
    let title = format!("forward to {}", asked.service);
    let width = u16::try_from(title.width().max(meant.0.width()) + 6).unwrap_or(u16::MAX).max(56);
    let inside = frame(paint, centred(area, width.min(area.width.saturating_sub(4)), 7), &title, "");
    if inside.height < 5 {
        return;
    }
    widget::prompt(paint, Rect { height: 1, ..inside }, &asked.prompt);
    paint.text(Rect { y: inside.y + 1, height: 1, ..inside }, &meant.0, meant.1);
    paint.text(Rect { y: inside.y + 2, height: 1, ..inside }, &known, Role::Dim);
    choices(paint, Rect { y: inside.y + 4, height: 1, ..inside }, "open the port");
}

/// How many there are, and how many there will be.
fn scale(asked: &ScalePrompt, paint: &mut Paint<'_>, area: Rect) {
    let meant = match asked.meant() {
        Ok(0) => ("nothing of it will run".to_owned(), Role::NoticeWarning),
        Ok(number) if number > asked.now => (format!("{} more than now", number - asked.now), Role::Text),
        Ok(number) => (format!("{} fewer than now", asked.now - number), Role::Text),
        Err(why) => (why, Role::Dim),
    };
    let title = format!("scale {}", asked.service);
    let width = u16::try_from(title.width().max(meant.0.width()) + 6).unwrap_or(u16::MAX).max(56);
    let inside = frame(paint, centred(area, width.min(area.width.saturating_sub(4)), 7), &title, "");
    if inside.height < 5 {
        return;
    }
    widget::prompt(paint, Rect { height: 1, ..inside }, &asked.prompt);
    paint.text(Rect { y: inside.y + 1, height: 1, ..inside }, &meant.0, meant.1);
    let now = format!("now {}, of which {} are ready", asked.now, asked.ready);
    paint.text(Rect { y: inside.y + 2, height: 1, ..inside }, &now, Role::Dim);
    choices(paint, Rect { y: inside.y + 4, height: 1, ..inside }, "plan it");
}

/// Which snapshot, and the services that match what was typed.
fn restore_into(asked: &RestoreInto, paint: &mut Paint<'_>, area: Rect) {
    let title = format!("restore {} {} into", asked.snapshot.id, asked.snapshot.item.what());
    let count = asked.picker.rows().len();
    let width = area.width.saturating_sub(4).min(76);
    let height =
        u16::try_from(count.max(1)).unwrap_or(u16::MAX).saturating_add(5).min(area.height.saturating_sub(2)).min(20);
    let inside = frame(paint, centred(area, width, height), &title, "");
    if inside.height < 4 {
        return;
    }
    widget::prompt(paint, Rect { height: 1, ..inside }, &asked.picker.prompt);
    let body = Rect { y: inside.y + 1, height: inside.height - 3, ..inside };
    let keys = asked.picker.keys();
    let window = asked.picker.list.window(&keys, usize::from(body.height));
    let mut in_sight = asked.picker.rows().skip(window.start);
    let pane = Pane { number: PANE, focused: true };
    let shown = widget::rows(paint, body, &asked.picker.list, &keys, pane, |paint, place, _| {
        if let Some(candidate) = in_sight.next() {
            target(paint, place, candidate, asked);
        }
    });
    if count == 0 {
        widget::says(paint, body, "No other service matches.", Role::Dim);
    }
    let last = Rect { y: inside.bottom() - 1, height: 1, ..inside };
    widget::position(paint, last, &shown, count);
    choices(paint, last, "plan it");
}

fn target(paint: &mut Paint<'_>, place: Rect, candidate: &Goal, asked: &RestoreInto) {
    let note = if candidate.is_alike { format!("has {}", asked.snapshot.item.method) } else { String::new() };
    let room = u16::try_from(note.width() + 2).unwrap_or(u16::MAX).min(place.width);
    let name = Rect { width: place.width - room, ..place };
    paint.text(name, &candidate.service.to_string(), Role::Text);
    paint.text_right(place, &note, Role::Dim);
}

/// Enter and what it does, Esc and that it does nothing.
fn choices(paint: &mut Paint<'_>, line: Rect, open: &str) {
    let mut x = line.x;
    for (action, what) in [(Action::Open, open), (Action::Back, "leave it")] {
        let key = format!("[{}] ", paint.key(Place::Everywhere, action));
        let place = Rect { x, width: line.right().saturating_sub(x), ..line };
        let end = paint.text(place, &key, Role::Key);
        let end = paint.text(Rect { x: end, width: line.right().saturating_sub(end), ..line }, what, Role::Text);
        paint.button(Rect { width: end.saturating_sub(x), ..place }, action);
        x = (end + 3).min(line.right());
    }
}

/// What runs, and the three ways to go on.
fn quit(running: &[OperationId], paint: &mut Paint<'_>, area: Rect) {
    let can_be_undone = running.iter().any(|id| can_be_taken_back(id, &paint.app.world));
    let undo = if can_be_undone { "after the step it is at" } else { "not any more: what it does is done for good" };
    let choices = [
        (Action::Leave, Place::Operation, "leave it running", "it goes on without a screen"),
        (Action::StopAndUndo, Place::Operation, "stop and undo", undo),
        (Action::Back, Place::Everywhere, "stay", ""),
    ];
    let width = area.width.saturating_sub(4).min(76);
    // Two lines of border, a blank one, and the choices.
    let height = u16::try_from(running.len()).unwrap_or(u16::MAX).min(6) + 6;
    let title = if running.len() == 1 { "an operation runs" } else { "operations run" };
    let inside = frame(paint, centred(area, width, height), title, "");
    let room = inside.height.saturating_sub(4);
    let fits = if running.len() > usize::from(room) { usize::from(room.saturating_sub(1)) } else { running.len() };
    let mut y = inside.y;
    for id in &running[..fits] {
        let operation = paint.app.world.operations.get(id);
        let title = operation.map_or_else(|| id.to_string(), |operation| operation.title.to_string());
        let began = operation.map(|operation| format!("  began {}", paint.app.world.time(operation.began)));
        let text = format!("{title}{}", began.unwrap_or_default());
        paint.text(Rect { y, height: 1, ..inside }.intersection(inside), &text, Role::Changing);
        y += 1;
    }
    if fits < running.len() {
        let text = format!("… {} more", running.len() - fits);
        paint.text(Rect { y, height: 1, ..inside }.intersection(inside), &text, Role::Dim);
    }
    let first = inside.bottom().saturating_sub(choices.len() as u16).max(inside.y);
    for (y, (action, place, what, how)) in (first..inside.bottom()).zip(choices) {
        let line = Rect { y, height: 1, ..inside };
        let key = paint.key(place, action);
        let is_offered = action != Action::StopAndUndo || can_be_undone;
        let (key_role, role) = if is_offered { (Role::Key, Role::Text) } else { (Role::Dim, Role::Dim) };
        let end = paint.text(line, &format!("[{key}]"), key_role);
        let start = (inside.x + 7).max(end + 1).min(line.right());
        let end = paint.text(Rect { x: start, width: line.right() - start, ..line }, what, role);
        let start = (end + 2).min(line.right());
        paint.text(Rect { x: start, width: line.right() - start, ..line }, how, Role::Dim);
        paint.button(line, action);
    }
}

/// In the lower right corner: the keys that were pressed, and what the next one would do.
pub fn chord(paint: &mut Paint<'_>, area: Rect, pending: &str, next: &[(String, &str)]) {
    let keys = next.iter().map(|(key, _)| key.width()).max().unwrap_or(0);
    let widest = next.iter().map(|(_, what)| keys + 2 + what.width()).max().unwrap_or(0).max(pending.width() + 2);
    let width = u16::try_from(widest + 4).unwrap_or(u16::MAX).min(area.width);
    let height = u16::try_from(next.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let place = Rect { x: area.right() - width, y: area.bottom() - height, width, height };
    let inside = frame(paint, place, pending, "");
    let fits = usize::from(inside.height);
    let shown = if next.len() > fits { fits.saturating_sub(1) } else { next.len() };
    for (y, (key, what)) in (inside.y..inside.bottom()).zip(&next[..shown]) {
        let line = Rect { y, height: 1, ..inside };
        paint.text(line, key, Role::Key);
        let start = (inside.x + keys as u16 + 2).min(line.right());
        paint.text(Rect { x: start, width: line.right() - start, ..line }, what, Role::Text);
    }
    if shown < next.len() && !inside.is_empty() {
        let last = Rect { y: inside.bottom() - 1, height: 1, ..inside };
        paint.text(last, &format!("… {} more", next.len() - shown), Role::Dim);
    }
}

fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

/// Clears what lies below and draws a box; what is inside it, with a blank on each side.
fn frame(paint: &mut Paint<'_>, area: Rect, title: &str, right: &str) -> Rect {
    let area = area.intersection(paint.buffer.area);
    Clear.render(area, paint.buffer);
    paint.buffer.set_style(area, paint.theme.style(Role::Text));
    let set = paint.theme.glyphs.borders;
    let style = paint.style(Role::FocusedBorder);
    Block::bordered().border_set(set).border_style(style).render(area, paint.buffer);
    let edge = Rect { x: area.x + 1, width: area.width.saturating_sub(2), height: area.height.min(1), ..area };
    let end = paint.text(edge, &format!(" {title} "), Role::Title);
    let room = Rect { x: end, width: edge.right().saturating_sub(end), ..edge };
    if !right.is_empty() && right.width() + 2 <= usize::from(room.width) {
        paint.text_right(room, &format!(" {right} "), Role::Dim);
    }
    let inside = Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    };
    if inside.is_empty() { Rect::new(area.x, area.y, 0, 0) } else { inside }
}
