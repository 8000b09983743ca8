//! The releases pane: what the selected service runs, and what it ran before.

use jiff::Timestamp;
use ratatui::layout::Rect;

use crate::{
    app::main_screen::{Main, Pane},
    config::theme::Role,
    domain::{Release, ReleaseSource, release::suggested, units},
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
    Number,
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
    let longest = releases.iter().map(|release| release.name().chars().count()).max().unwrap_or(0);
    let numbers = releases.iter().filter_map(|release| release.number).max().map(|most| most.to_string().len());
    let mut columns = vec![
        Column::left(Cell::Mark, "", 1, 0),
        Column::left(Cell::Name, "", u16::try_from(longest.clamp(6, 14)).expect("at most 14"), 0),
        Column::right(Cell::Age, "", 5, 1),
        Column::left(Cell::What, "", 8, 2),
    ];
    if let Some(width) = numbers {
        columns.insert(1, Column::right(Cell::Number, "", u16::try_from(width).unwrap_or(1), 0));
    }
    let table = Table::fit(&columns, Cell::What, body);
    let keys = screen.release_keys(world);
    let to_go_back_to = suggested(releases).map(Release::key);
    let mut in_sight = screen.releases.window(&keys, usize::from(body.height)).map(|index| &releases[index]);
    let pane = widget::Pane { number: Pane::Releases as usize, focused };
    let window = widget::rows(paint, body, &screen.releases, &keys, pane, |paint, place, key| {
        if let Some(release) = in_sight.next() {
            row(paint, &table, place.y, release, to_go_back_to.as_ref() == Some(key));
        }
    });
    widget::position(paint, Rect { height: 1, ..area }, &window, releases.len());
}

fn row(paint: &mut Paint<'_>, table: &Table<Cell>, y: u16, release: &Release, to_go_back_to: bool) {
    let now = paint.app.world.now;
    let glyphs = paint.theme.glyphs;
    let role = if release.current { Role::Text } else { Role::Dim };
    let (mark, mark_role) = match release {
        Release { failed: true, .. } => (glyphs.failing, Role::Failing),
        Release { current: true, .. } => (glyphs.check, Role::Healthy),
        _ if to_go_back_to => (glyphs.left, Role::Key),
        _ => (" ", Role::Healthy),
    };
    table.cell(paint, Cell::Mark, y, mark, mark_role);
    let number = release.number.map_or_else(String::new, |number| number.to_string());
    table.cell(paint, Cell::Number, y, &number, role);
    table.cell(paint, Cell::Name, y, release.name(), role);
    if let Some(created) = release.created {
        table.cell(paint, Cell::Age, y, &units::age_of(created, now), Role::Dim);
    }
    table.cell(paint, Cell::What, y, &what(release, to_go_back_to, now), role);
}

/// The most telling first: there is room for a word or two.
fn what(release: &Release, to_go_back_to: bool, now: Timestamp) -> String {
    let mut what = Vec::new();
    let is_engines = release.source == ReleaseSource::Engine;
    match (release.healthy_since, &release.outcome) {
        (Some(since), _) => what.push(format!("healthy {}", units::age_of(since, now))),
        // How it does says more than that it is the current one, which its mark does.
        (None, None) if release.current && is_engines && release.instances == 1 => what.push("current".to_owned()),
        (None, None) if release.current && is_engines => what.push(format!("current x{}", release.instances)),
        (None, _) => {}
    }
    // In the middle of a rollout the old ones still do the work.
    if !release.current && release.instances > 0 {
        what.push(format!("{} run", release.instances));
    }
    what.extend(release.served.map(units::age).map(|age| match to_go_back_to {
        true => format!("last healthy, {age}"),
        false => format!("served {age}"),
    }));
    what.extend(release.outcome.iter().chain(&release.cause).map(ToString::to_string));
    what.join(", ")
}
