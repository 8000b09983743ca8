//! All that the engine knows of an instance, as YAML with its pieces told apart.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::{
        Page,
        configuration::{Configuration, Row, Shown},
        yaml::{self, Line, Piece},
    },
    config::theme::Role,
    ui::{
        Paint,
        chart::Glyphs,
        widget::{self, Pane},
    },
};

/// Columns for the sign of a block.
const GUTTER: u16 = 2;

pub fn draw(screen: &Configuration, paint: &mut Paint<'_>, area: Rect) {
    let lines = screen.lines(&paint.app.world);
    widget::heading(paint, area, "CONFIGURATION", &notes(screen, &lines), true);
    let mut top = area.y + 1;
    if let Some(prompt) = screen.prompt() {
        widget::prompt(paint, Rect { y: top, height: 1, ..area }.intersection(area), prompt);
        top += 1;
    }
    let body = Rect { y: top, height: area.bottom().saturating_sub(top), ..area };
    match screen.shown(&paint.app.world) {
        Shown::Asked => {
            let text = format!("Asked what {} knows of it.", screen.instance.cluster);
            widget::says(paint, body, &text, Role::Dim);
        }
        Shown::Refused(trouble) => widget::trouble(paint, body, trouble),
        Shown::Text(_) => {
            let rows = screen.rows_in(&lines, usize::from(body.width.saturating_sub(GUTTER)));
            let pane = Pane { number: 0, focused: true };
            let current = screen.selected_line(&lines);
            let shown = widget::rows(paint, body, &screen.list, &rows, pane, |paint, place, row| {
                self::row(screen, paint, place, *row, &lines[row.line], row.line == current);
            });
            widget::position(paint, Rect { height: 1, ..area }, &shown, rows.len());
        }
    }
}

fn row(screen: &Configuration, paint: &mut Paint<'_>, area: Rect, row: Row, line: &Line<'_>, is_current: bool) {
    let is_folded = screen.is_folded(row.line);
    if line.opens_block(row.line) && row.part == 0 {
        let sign = match (paint.theme.glyphs.chart, is_folded) {
            (Glyphs::Ascii, true) => "+",
            (Glyphs::Ascii, false) => "-",
            (Glyphs::Braille | Glyphs::Blocks, true) => "▸",
            (Glyphs::Braille | Glyphs::Blocks, false) => "▾",
        };
        paint.text(Rect { width: area.width.min(1), ..area }, sign, if is_folded { Role::Key } else { Role::Dim });
    }
    let place = Rect { x: area.x + GUTTER, width: area.width.saturating_sub(GUTTER), ..area };
    if place.is_empty() {
        return;
    }
    let pieces = yaml::pieces(line.text);
    let found = screen.places(line.text);
    let role = |at: usize| {
        if found.iter().any(|place| place.contains(&at)) {
            return if is_current { Role::CurrentMatch } else { Role::SearchMatch };
        }
        pieces.iter().find(|(range, _)| range.contains(&at)).map_or(Role::Text, |(_, piece)| role_of(*piece))
    };
    let from = screen.column(row);
    let end = widget::columns(paint, place, line.text, from, role);
    let is_longer = line.text.width() > from + usize::from(place.width);
    if is_longer && !screen.wraps {
        paint.text(Rect { x: place.right() - 1, width: 1, ..place }, "…", Role::Dim);
    }
    if from > 0 && !screen.wraps && line.text.width() > 0 {
        paint.text(Rect { width: 1, ..place }, "…", Role::Dim);
    }
    if is_folded && !is_longer {
        let hidden = line.end - row.line - 1;
        let after = (end + 1).min(place.right());
        let text = format!("… {hidden} {}", if hidden == 1 { "line" } else { "lines" });
        paint.text(Rect { x: after, width: place.right() - after, ..place }, &text, Role::Dim);
    }
}

/// The kinds of values have no meaning of their own, so they take the colours that only tell things apart.
fn role_of(piece: Piece) -> Role {
    match piece {
        Piece::Key => Role::Header,
        Piece::Text => Role::Text,
        Piece::Scalar => Role::Source2,
        Piece::Mark | Piece::Comment => Role::Dim,
    }
}

fn notes(screen: &Configuration, lines: &[Line<'_>]) -> String {
    let mut notes = screen.name.to_string();
    if let Some(text) = screen.searched().filter(|text| !text.is_empty()) {
        let matches = screen.matches(lines);
        let current = matches.iter().position(|&line| line == screen.selected_line(lines));
        let place = current.map_or_else(|| matches.len().to_string(), |at| format!("{} of {}", at + 1, matches.len()));
        let noun = if matches.len() == 1 { "line has" } else { "lines have" };
        notes.push_str(&format!("  {place} {noun} '{text}'"));
    }
    // What the engine's side has to say of the document stands in its first line.
    let remark = lines.first().and_then(|line| line.text.strip_prefix('#')).map(str::trim);
    if let Some(remark) = remark.filter(|remark| remark.contains("masked")) {
        notes.push_str(&format!("  {remark}"));
    }
    notes
}
