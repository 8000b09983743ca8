//! The instances of a service, and beside or below them the selected one.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::{
        World,
        instances::{Focus, Instances, keys},
    },
    config::theme::Role,
    domain::{Health, Instance, InstanceState, Link, units},
    ui::{
        Paint, instance_details,
        table::{Column, Table},
        widget::{self, Pane},
    },
};

#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Mark,
    Name,
    State,
    Health,
    Since,
    Restarts,
    Cpu,
    Memory,
    Release,
    Address,
}

pub fn draw(screen: &Instances, paint: &mut Paint<'_>, area: Rect) {
    let rows = screen.rows(&paint.app.world);
    let (upper, lower) = halves(area, rows.len());
    list(screen, paint, upper, &rows);
    match screen.selected(&paint.app.world) {
        Some(instance) => instance_details::draw(screen, paint, lower, instance),
        None => {
            let below = Rect { y: upper.y + 2, height: upper.height.saturating_sub(2), ..upper };
            let text = no_rows(&paint.app.world, screen);
            widget::says(paint, below, &text, Role::Dim);
        }
    }
}

/// Side by side where there is room; else the list above, no higher than it needs nor than two fifths.
fn halves(area: Rect, rows: usize) -> (Rect, Rect) {
    if area.width >= 140 {
        let left = area.width * 3 / 5;
        let right = Rect { x: area.x + left + 2, width: area.width - left - 2, ..area };
        return (Rect { width: left, ..area }, right);
    }
    let wanted = u16::try_from(rows + 2).unwrap_or(u16::MAX).max(4);
    let height = wanted.min((area.height * 2 / 5).max(4)).min(area.height);
    let below = (area.y + height + 1).min(area.bottom());
    (Rect { height, ..area }, Rect { y: below, height: area.bottom() - below, ..area })
}

fn list(screen: &Instances, paint: &mut Paint<'_>, area: Rect, rows: &[&Instance]) {
    let focused = screen.focus == Focus::List;
    widget::heading(paint, area, "INSTANCES", &notes(&paint.app.world, screen, rows), focused);
    let names = rows.iter().map(|instance| instance.name.width()).max().unwrap_or(0).clamp(8, 32);
    let columns = [
        Column::left(Cell::Mark, "", 1, 0),
        Column::left(Cell::Name, "NAME", names as u16, 0),
        Column::left(Cell::State, "STATE", 10, 2),
        Column::left(Cell::Health, "HEALTH", 20, 0),
        Column::right(Cell::Since, "SINCE", 7, 1),
        Column::right(Cell::Restarts, "RST", 4, 4),
        Column::right(Cell::Cpu, "CPU", 5, 3),
        Column::right(Cell::Memory, "MEM", 5, 3),
        Column::left(Cell::Release, "RELEASE", 10, 6),
        Column::left(Cell::Address, "ADDRESS", 15, 5),
    ];
    let table = Table::fit(&columns, Cell::Health, area);
    if area.height > 1 {
        table.header(paint, area.y + 1);
    }
    let body = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    let keys = keys(rows);
    let pane = Pane { number: Instances::LIST, focused };
    let mut in_sight = screen.list.window(&keys, usize::from(body.height)).map(|index| rows[index]);
    let shown = widget::rows(paint, body, &screen.list, &keys, pane, |paint, place, _| {
        if let Some(instance) = in_sight.next() {
            row(paint, &table, place.y, instance);
        }
    });
    widget::position(paint, area, &shown, rows.len());
}

fn row(paint: &mut Paint<'_>, table: &Table<Cell>, y: u16, instance: &Instance) {
    let world = &paint.app.world;
    let is_known = world.inventory.cluster(&instance.id.cluster).is_some_and(|cluster| cluster.link.is_live());
    let health = is_known.then_some(&instance.health);
    let (mark, role) = widget::health(health);
    let text = if is_known { Role::Text } else { Role::Stale };
    let sample = Instances::latest(world, instance);
    let cpu = sample.map_or("-".into(), |sample| units::cpu(sample.cpu));
    let memory = sample.map_or("-".into(), |sample| units::bytes(sample.memory));
    let address = instance.addresses.first().map_or("-", |(_, address)| address);
    table.cell(paint, Cell::Mark, y, mark, role);
    table.cell(paint, Cell::Name, y, &instance.name, text);
    table.cell(paint, Cell::State, y, instance.state.word(), text);
    table.cell(paint, Cell::Health, y, &why(&instance.health), if is_known { role } else { Role::Stale });
    table.cell(paint, Cell::Since, y, &since(world, instance), text);
    table.cell(paint, Cell::Restarts, y, &instance.restarts.to_string(), text);
    table.cell(paint, Cell::Cpu, y, &cpu, text);
    table.cell(paint, Cell::Memory, y, &memory, text);
    table.cell(paint, Cell::Release, y, instance.image.release(), text);
    table.cell(paint, Cell::Address, y, address, text);
}

/// `running`, `exited 137`: in the list the reason tells the code, here the state does.
pub fn state(state: &InstanceState) -> String {
    match state {
        InstanceState::Exited { exit_code, .. } | InstanceState::Restarting { exit_code, .. } => {
            format!("{} {exit_code}", state.word())
        }
        InstanceState::Created
        | InstanceState::Running
        | InstanceState::Paused
        | InstanceState::Removing
        | InstanceState::Dead => state.word().into(),
    }
}

/// In words, as short as they come.
pub fn why(health: &Health) -> String {
    health.reason().map_or_else(|| health.word().into(), |reason| reason.text.to_string())
}

/// How long it has been up, or how long ago it ended.
fn since(world: &World, instance: &Instance) -> String {
    match (instance.state.is_alive(), instance.started, instance.finished) {
        (true, Some(started), _) => units::age_of(started, world.now),
        (false, _, Some(finished)) => format!("{} ago", units::age_of(finished, world.now)),
        _ => "-".into(),
    }
}

fn notes(world: &World, screen: &Instances, rows: &[&Instance]) -> String {
    let healthy = rows.iter().filter(|instance| instance.health == Health::Healthy).count();
    match world.inventory.cluster(&screen.service.cluster).map(|cluster| &cluster.link) {
        Some(Link::Lost { since, kind, .. }) => {
            format!("{}  {} since {}, as it was then", screen.service, kind.word(), world.time(*since))
        }
        Some(Link::Connecting { .. } | Link::Live { .. }) | None => {
            format!("{}  {healthy} of {} healthy", screen.service, rows.len())
        }
    }
}

fn no_rows(world: &World, screen: &Instances) -> String {
    let cluster = &screen.service.cluster;
    match (world.inventory.pictured(cluster), world.inventory.service(&screen.service)) {
        (None, _) => format!("What runs on {cluster} is not known yet."),
        (Some(_), None) => format!("{} is not there any more.", screen.service),
        (Some(_), Some(_)) => format!("{} has no instances.", screen.service),
    }
}
