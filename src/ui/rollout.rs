//! The form of a new release: a line for each field, what is wrong with it below it, and what the one in hand means at the bottom.
//!
//! ```text
//! ROLL OUT  shop/web  prod-eu
//! image           shop/web:v2.4.1
//! variable        NAME=value
//! strategy        < rolling >
//!   …
//! One after the other: what is new must be ready before what is old goes.
//! ```

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::rollout::{Field, RolloutForm, Value},
    config::theme::Role,
    ui::{Paint, widget},
};

/// Columns of the labels, where there is room.
const LABEL: u16 = 17;

enum Row<'a> {
    /// With its place among those in sight, for a click.
    Field(usize, &'a Field, bool),
    Error(String),
}

pub fn draw(form: &RolloutForm, paint: &mut Paint<'_>, area: Rect) {
    if area.height < 3 || area.width < 20 {
        return;
    }
    let service = &form.service;
    let head = Rect { height: 1, ..area };
    widget::heading(paint, head, &format!("ROLL OUT  {}/{}", service.scope, service.name), &notes(form, paint), true);
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let Some(focused) = form.focused() else { return unknown(form, paint, body) };
    let help = widget::wrap(focused.help(), body.width);
    let below = u16::try_from(help.len()).unwrap_or(u16::MAX).min(body.height / 3);
    let list = Rect { height: body.height - below, ..body };
    let label = LABEL.min(body.width / 3);
    let rows = rows(form, body.width.saturating_sub(label));
    // What is wrong with a field is seen with it.
    let is_focused = |row: &Row<'_>| matches!(row, Row::Field(_, _, true));
    let first = rows.iter().position(is_focused).unwrap_or(0);
    let errors = rows[first + 1..].iter().take_while(|row| matches!(row, Row::Error(_))).count();
    form.scroll().reveal(first..first + errors + 1, rows.len(), usize::from(list.height));
    let shown = form.scroll().window(rows.len(), usize::from(list.height));
    for (y, row) in (list.y..).zip(&rows[shown.clone()]) {
        let line = Rect { y, height: 1, ..list };
        let right = Rect { x: line.x + label, width: line.width.saturating_sub(label), ..line };
        match row {
            Row::Field(place, field, focused) => {
                let role = if *focused { Role::Title } else { Role::Header };
                paint.text(Rect { width: label.saturating_sub(1), ..line }, &field.label(), role);
                value(field, *focused, form, paint, right);
                paint.row(line, 0, *place);
            }
            Row::Error(text) => {
                paint.text(right, text, Role::NoticeError);
            }
        }
    }
    for (y, text) in (list.bottom()..body.bottom()).zip(&help) {
        paint.text(Rect { y, height: 1, ..body }, text, Role::Dim);
    }
    widget::position(paint, head, &shown, rows.len());
}

/// "prod-eu  3 of 3 ready"
fn notes(form: &RolloutForm, paint: &Paint<'_>) -> String {
    let cluster = &form.service.cluster;
    match paint.app.world.inventory.service(&form.service) {
        Some(service) => format!("{cluster}  {} of {} ready now", service.ready, service.wanted),
        None => format!("{cluster}  it is gone"),
    }
}

fn unknown(form: &RolloutForm, paint: &mut Paint<'_>, area: Rect) {
    match form.refused(&paint.app.world).cloned() {
        Some(trouble) => widget::trouble(paint, area, &trouble),
        None => {
            let service = &form.service;
            let text = format!("asking {} what runs in {}/{} ...", service.cluster, service.scope, service.name);
            widget::says(paint, area, &text, Role::Changing);
        }
    }
}

fn rows(form: &RolloutForm, width: u16) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for (place, (field, focused)) in form.fields().enumerate() {
        rows.push(Row::Field(place, field, focused));
        let errors = field.error.iter().flat_map(|error| widget::wrap(error, width));
        rows.extend(errors.map(Row::Error));
    }
    rows
}

fn value(field: &Field, focused: bool, form: &RolloutForm, paint: &mut Paint<'_>, area: Rect) {
    match &field.value {
        Value::Choice { .. } if focused => {
            paint.text(area, &format!("< {} >", field.says()), Role::Input);
        }
        Value::Choice { .. } => {
            paint.text(area, field.says(), Role::Text);
        }
        Value::Text { input, selected } => {
            let cursor = input.visual_cursor();
            let room = usize::from(area.width.saturating_sub(1));
            let hidden = if focused { input.visual_scroll(room) } else { 0 };
            let selected = selected.filter(|_| focused).map(|selected| byte_of(input.value(), selected.from));
            let shown = Rect { width: area.width.saturating_sub(1), ..area };
            let usual = if focused { Role::Input } else { Role::Text };
            let role = |at: usize| if selected.is_some_and(|from| at >= from) { Role::Selected } else { usual };
            widget::columns(paint, shown, input.value(), hidden, role);
            if input.value().is_empty() {
                let text = form_says(field, form);
                let after = Rect { x: area.x + u16::from(focused), width: area.width.saturating_sub(2), ..area };
                paint.text(after, &text, Role::Dim);
            } else if !focused && input.value().width() > usize::from(shown.width) && shown.width > 0 {
                paint.text(Rect { x: shown.right(), width: 1, ..area }, "…", Role::Dim);
            }
            if focused && area.width > 0 {
                let x = area.x + u16::try_from(cursor - hidden).unwrap_or(0).min(area.width - 1);
                let style = paint.style(Role::Cursor);
                let place = Rect { x, width: 1, ..area }.intersection(paint.buffer.area);
                paint.buffer.set_style(place, style);
            }
        }
    }
}

/// In brackets, so that it is not taken for something typed.
fn form_says(field: &Field, form: &RolloutForm) -> String {
    let says = field.if_empty(form.pace());
    if says.is_empty() { says } else { format!("({says})") }
}

fn byte_of(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(at, _)| at)
}
