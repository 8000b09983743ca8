//! The snapshots of what is selected, newest first.

use ratatui::layout::Rect;

use super::is_known;
use crate::{
    action::Action,
    app::backups::screen::{BackupsScreen, Pane as Focus, ids},
    config::theme::Role,
    domain::{Snapshot, Standing, units},
    ui::{
        Paint,
        table::{Column, Table},
        widget::{self, Pane},
    },
};

#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Id,
    Age,
    Taken,
    Size,
    Added,
    Took,
    Version,
    Release,
    Standing,
}

const COLUMNS: [Column<Cell>; 9] = [
    Column::left(Cell::Id, "SNAPSHOT", 8, 0),
    Column::right(Cell::Age, "AGE", 5, 0),
    Column::left(Cell::Taken, "TAKEN", 12, 3),
    Column::right(Cell::Size, "SIZE", 5, 0),
    Column::right(Cell::Added, "ADDED", 5, 2),
    Column::right(Cell::Took, "TOOK", 6, 4),
    Column::left(Cell::Version, "VERSION", 8, 5),
    Column::left(Cell::Release, "RELEASE", 8, 1),
    Column::left(Cell::Standing, "STANDING", 10, 0),
];

pub fn draw(screen: &BackupsScreen, paint: &mut Paint<'_>, area: Rect, all: &[&Snapshot]) {
    let focused = screen.pane == Focus::Snapshots;
    widget::heading(paint, area, "SNAPSHOTS", &notes(all), focused);
    let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    if all.is_empty() {
        widget::says(paint, below, &none(paint), Role::Dim);
        return;
    }
    if below.is_empty() {
        return;
    }
    let table = Table::fit(&COLUMNS, Cell::Release, area);
    table.header(paint, below.y);
    let body = Rect { y: below.y + 1, height: below.height - 1, ..below };
    let keys = ids(all);
    let pane = Pane { number: Focus::Snapshots.number(), focused };
    // Says where the selection rests before the rows are painted.
    screen.snapshot(all);
    let mut in_sight = screen.snapshots.window(&keys, usize::from(body.height)).map(|index| all[index]);
    let shown = widget::rows(paint, body, &screen.snapshots, &keys, pane, |paint, place, _| {
        if let Some(snapshot) = in_sight.next() {
            row(paint, &table, place.y, snapshot);
        }
    });
    widget::position(paint, area, &shown, all.len());
}

fn row(paint: &mut Paint<'_>, table: &Table<Cell>, y: u16, snapshot: &Snapshot) {
    let world = &paint.app.world;
    let is_known = is_known(world);
    let shade = |role: Role| if is_known { role } else { Role::Stale };
    let text = match snapshot.standing {
        Standing::Whole | Standing::Safety => shade(Role::Text),
        Standing::Unfinished => shade(Role::Dim),
    };
    let standing = match snapshot.standing {
        Standing::Whole => shade(Role::Healthy),
        Standing::Safety => shade(Role::Text),
        Standing::Unfinished => shade(Role::Degraded),
    };
    table.cell(paint, Cell::Id, y, snapshot.id.short(), text);
    table.cell(paint, Cell::Age, y, &units::age_of(snapshot.at, world.now), text);
    table.cell(paint, Cell::Taken, y, &world.time(snapshot.at), text);
    table.cell(paint, Cell::Size, y, &units::bytes(snapshot.bytes()), text);
    table.cell(paint, Cell::Added, y, &units::bytes(snapshot.added), text);
    table.cell(paint, Cell::Took, y, &units::elapsed(snapshot.took), text);
    table.cell(paint, Cell::Version, y, snapshot.version.as_deref().unwrap_or("-"), text);
    table.cell(paint, Cell::Release, y, snapshot.release.as_deref().unwrap_or("-"), text);
    table.cell(paint, Cell::Standing, y, snapshot.standing.word(), standing);
}

fn notes(all: &[&Snapshot]) -> String {
    let unfinished = all.iter().filter(|snapshot| snapshot.standing == Standing::Unfinished).count();
    match unfinished {
        0 => all.len().to_string(),
        count => format!("{}  {count} unfinished", all.len()),
    }
}

fn none(paint: &Paint<'_>) -> String {
    match paint.keys_of(Action::BackUp) {
        Some(key) => format!("There is none yet: {key} backs it up."),
        None => "There is none yet.".into(),
    }
}
