//! What the engines said happened: a row each, and the selected one in full below.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::{
        Subject, World,
        events::{Events, Row, keys},
    },
    config::theme::Role,
    domain::units,
    ui::{
        Paint,
        table::{Column, Table},
        widget::{self, Pane},
    },
};

#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Mark,
    Time,
    Age,
    Cluster,
    Subject,
    Text,
}

/// Lines for the selected event in full: a blank one, when and what it is about, and its text.
const FULL: u16 = 4;

pub fn draw(screen: &Events, paint: &mut Paint<'_>, area: Rect) {
    let rows = screen.rows(&paint.app.world);
    widget::heading(paint, area, "EVENTS", &notes(&paint.app.world, screen), true);
    let mut top = area.y + 1;
    if let Some(prompt) = &screen.filter.prompt {
        widget::prompt(paint, Rect { y: top, height: 1, ..area }.intersection(area), prompt);
        top += 1;
    }
    let full = if area.height >= 4 * FULL { FULL } else { 0 };
    let body = Rect { y: top, height: area.bottom().saturating_sub(top + full), ..area };
    if rows.is_empty() {
        widget::says(paint, body, nothing(screen), Role::Dim);
        return;
    }
    list(screen, paint, area, body, &rows);
    let selected = screen.list.position(&keys(&rows)).map(|row| rows[row]);
    if let Some(row) = selected.filter(|_| full > 0) {
        in_full(paint, Rect { y: area.bottom() - full + 1, height: full - 1, ..area }, row);
    }
}

fn list(screen: &Events, paint: &mut Paint<'_>, heading: Rect, area: Rect, rows: &[Row<'_>]) {
    let world = &paint.app.world;
    let subjects = rows.iter().map(|(_, happening)| happening.subject.width()).max().unwrap_or(0).clamp(8, 32);
    // The oldest has the longest: a date.
    let time = rows.last().map_or(8, |(_, happening)| world.time(happening.at).width());
    let mut columns = vec![
        Column::left(Cell::Mark, "", 1, 0),
        Column::right(Cell::Time, "TIME", time as u16, 0),
        Column::right(Cell::Age, "AGE", 6, 2),
        Column::left(Cell::Cluster, "CLUSTER", 10, 3),
        Column::left(Cell::Subject, "SUBJECT", subjects as u16, 0),
        Column::left(Cell::Text, "WHAT HAPPENED", 16, 0),
    ];
    if world.inventory.clusters().len() < 2 {
        columns.retain(|column| column.id != Cell::Cluster);
    }
    let table = Table::fit(&columns, Cell::Text, area);
    if area.height > 0 {
        table.header(paint, area.y);
    }
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let keys = keys(rows);
    let mut in_sight = screen.list.window(&keys, usize::from(body.height)).map(|index| rows[index]);
    let pane = Pane { number: 0, focused: true };
    let shown = widget::rows(paint, body, &screen.list, &keys, pane, |paint, place, _| {
        if let Some(happened) = in_sight.next() {
            row(paint, &table, place.y, happened);
        }
    });
    widget::position(paint, Rect { height: 1, ..heading }, &shown, rows.len());
}

fn row(paint: &mut Paint<'_>, table: &Table<Cell>, y: u16, (cluster, happening): Row<'_>) {
    let world = &paint.app.world;
    let role = if happening.is_bad { Role::Failing } else { Role::Text };
    table.cell(paint, Cell::Mark, y, if happening.is_bad { "x" } else { "" }, role);
    table.cell(paint, Cell::Time, y, &world.time(happening.at), Role::Dim);
    table.cell(paint, Cell::Age, y, &units::age_of(happening.at, world.now), Role::Dim);
    table.cell(paint, Cell::Cluster, y, cluster.as_str(), Role::Dim);
    table.cell(paint, Cell::Subject, y, &happening.subject, Role::Text);
    table.cell(paint, Cell::Text, y, &happening.text, role);
}

fn in_full(paint: &mut Paint<'_>, area: Rect, (cluster, happening): Row<'_>) {
    let when = format!("{}  {cluster}  {}", paint.app.world.full_time(happening.at), happening.subject);
    paint.text(Rect { height: 1, ..area }, &when, Role::Dim);
    let text = Rect { y: area.y + 1, height: area.height - 1, ..area };
    widget::says(paint, text, &happening.text, Role::Text);
}

fn nothing(screen: &Events) -> &'static str {
    match (screen.filter.is_empty(), screen.shows_all) {
        (false, _) => "No event matches.",
        (true, true) => "Nothing happened since the console was started.",
        (true, false) => {
            "Nothing happened to it since the console was started. The next pane shows what happened to others."
        }
    }
}

fn notes(world: &World, screen: &Events) -> String {
    let of = match &screen.about {
        Some(about) if !screen.shows_all => match about {
            Subject::Cluster(cluster) => format!("of {cluster}"),
            Subject::Service(service) => format!("of {service}"),
            Subject::Instance(id) => {
                let name = world.inventory.instance(id).map_or(&id.key, |instance| &instance.name);
                format!("of {name}")
            }
        },
        Some(_) | None => "of everything".into(),
    };
    let filter = if screen.filter.is_empty() { String::new() } else { format!("  matching: {}", screen.filter.text()) };
    format!("{of}, newest first{filter}")
}
