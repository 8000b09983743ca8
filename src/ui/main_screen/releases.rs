//! The releases pane: what the selected service runs, and what it ran before.

use ratatui::layout::Rect;

use crate::{
    app::main_screen::{Main, Pane},
    config::theme::Role,
    domain::{Release, units},
    message::Question,
    ui::{
        Paint,
        table::{Column, Table},
        widget,
    },
};

#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Mark,
    Name,
    Age,
    What,
}

pub fn draw(screen: &Main, paint: &mut Paint<'_>, area: Rect) {
    let world = &paint.app.world;
    let focused = screen.pane == Pane::Releases;
    let service = screen.service(world);
    let name = service.map_or_else(String::new, |service| service.id.name.to_string());
    widget::heading(paint, area, "RELEASES", &name, focused);
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let releases = screen.releases(world);
    if releases.is_empty() {
        let answer = service.and_then(|service| world.answers.get(&Question::Releases(service.id.clone())));
        let text = match (service, answer) {
            (None, _) => String::new(),
            (Some(_), None) => "asking the engine".to_owned(),
            (Some(_), Some(Err(trouble))) => format!("not known: {}", trouble.why),
            (Some(_), Some(Ok(_))) => "the engine remembers none".to_owned(),
        };
        for (y, line) in (body.y..body.bottom()).zip(widget::wrap(&text, body.width.saturating_sub(2))) {
            paint.text(Rect::new(body.x + 2, y, body.width.saturating_sub(2), 1), &line, Role::Dim);
        }
        return;
    }
    let longest = releases.iter().map(|release| release.image.release().chars().count()).max().unwrap_or(0);
    let columns = [
        Column::left(Cell::Mark, "", 1, 0),
        Column::left(Cell::Name, "", u16::try_from(longest.clamp(6, 14)).expect("at most 14"), 0),
        Column::right(Cell::Age, "", 5, 1),
        Column::left(Cell::What, "", 8, 2),
    ];
    let table = Table::fit(&columns, Cell::What, body);
    let keys: Vec<usize> = (0..releases.len()).collect();
    let pane = widget::Pane { number: Pane::Releases as usize, focused };
    let window = widget::rows(paint, body, &screen.releases, &keys, pane, |paint, place, &index| {
        row(paint, &table, place.y, &releases[index]);
    });
    widget::position(paint, Rect { height: 1, ..area }, &window, releases.len());
}

fn row(paint: &mut Paint<'_>, table: &Table<Cell>, y: u16, release: &Release) {
    let now = paint.app.world.now;
    let role = if release.current { Role::Text } else { Role::Dim };
    let mark = if release.current { paint.theme.glyphs.check } else { " " };
    table.cell(paint, Cell::Mark, y, mark, Role::Healthy);
    table.cell(paint, Cell::Name, y, release.image.release(), role);
    if let Some(created) = release.created {
        table.cell(paint, Cell::Age, y, &units::age_of(created, now), Role::Dim);
    }
    let mut what = Vec::new();
    if release.current {
        what.push(if release.instances == 1 {
            "current".to_owned()
        } else {
            format!("current x{}", release.instances)
        });
    }
    what.extend(release.outcome.iter().chain(&release.cause).map(ToString::to_string));
    table.cell(paint, Cell::What, y, &what.join(", "), role);
}
