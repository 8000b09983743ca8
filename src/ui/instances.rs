//! The instances of a service or on a node, and beside or below them the selected one.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::{
        World,
        instances::{Focus, Instances, Of, keys},
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
    Service,
    State,
    Health,
    Since,
    Restarts,
    Cpu,
    Memory,
    Node,
    Release,
    Address,
}

/// From here on there is room for the details beside the list.
const BESIDE: u16 = 140;

pub fn draw(screen: &Instances, paint: &mut Paint<'_>, area: Rect) {
    let rows = screen.rows(&paint.app.world);
    let (upper, lower) = halves(area, rows.len(), BESIDE);
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

/// Side by side from a width on; else the list above, no higher than it needs nor than two fifths.
pub fn halves(area: Rect, rows: usize, beside: u16) -> (Rect, Rect) {
    if area.width >= beside {
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
    let widest = |width: fn(&Instance) -> usize, least: usize, most: usize| {
        rows.iter().map(|instance| width(instance)).max().unwrap_or(0).clamp(least, most) as u16
    };
    let mut columns = vec![
        Column::left(Cell::Mark, "", 1, 0),
        Column::left(Cell::Name, "NAME", widest(|instance| instance.name.width(), 8, 32), 0),
    ];
    match screen.of {
        Of::Service(_) if rows.iter().any(|instance| instance.node.is_some()) => {
            let width = widest(|instance| instance.node.as_ref().map_or(0, |node| node.width()), 4, 16);
            columns.push(Column::left(Cell::Node, "NODE", width, 4));
        }
        Of::Service(_) => {}
        Of::Node(..) => {
            let width = widest(|instance| service_name(instance).width(), 8, 24);
            columns.push(Column::left(Cell::Service, "SERVICE", width, 1));
        }
    }
    columns.extend([
        Column::left(Cell::State, "STATE", 10, 2),
        Column::left(Cell::Health, "HEALTH", 20, 0),
        Column::right(Cell::Since, "SINCE", 7, 1),
        Column::right(Cell::Restarts, "RST", 4, 4),
        Column::right(Cell::Cpu, "CPU", 5, 3),
        Column::right(Cell::Memory, "MEM", 5, 3),
        Column::left(Cell::Release, "RELEASE", 10, 6),
        Column::left(Cell::Address, "ADDRESS", 15, 5),
    ]);
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
    let (mark, role) = widget::health(paint.theme, health);
    let text = if is_known { Role::Text } else { Role::Stale };
    let sample = Instances::latest(world, instance);
    let cpu = sample.map_or("-".into(), |sample| units::cpu(sample.cpu));
    let memory = sample.map_or("-".into(), |sample| units::bytes(sample.memory));
    let address = instance.addresses.first().map_or("-", |(_, address)| address);
    table.cell(paint, Cell::Mark, y, mark, role);
    table.cell(paint, Cell::Name, y, &instance.name, text);
    table.cell(paint, Cell::Service, y, &service_name(instance), text);
    table.cell(paint, Cell::Node, y, instance.node.as_deref().unwrap_or("-"), text);
    table.cell(paint, Cell::State, y, instance.state.word(), text);
    table.cell(paint, Cell::Health, y, &why(&instance.health), if is_known { role } else { Role::Stale });
    table.cell(paint, Cell::Since, y, &since(world, instance), text);
    table.cell(paint, Cell::Restarts, y, &instance.restarts.to_string(), text);
    let used = if world.series.is_stale(&instance.id, world.now) { Role::Stale } else { text };
    table.cell(paint, Cell::Cpu, y, &cpu, used);
    table.cell(paint, Cell::Memory, y, &memory, used);
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
    let of = &screen.of;
    match world.inventory.cluster(of.cluster()).map(|cluster| &cluster.link) {
        Some(Link::Lost { since, kind, .. }) => {
            format!("{of}  {} since {}, as it was then", kind.word(), world.time(*since))
        }
        Some(Link::Idle | Link::Connecting { .. } | Link::Live { .. }) | None => {
            let arriving = world.inventory.arrived_so_far(of.cluster());
            let arriving = arriving.map_or_else(String::new, |so_far| format!("  {}", still_reading(so_far)));
            format!("{of}  {healthy} of {} healthy{arriving}", rows.len())
        }
    }
}

fn no_rows(world: &World, screen: &Instances) -> String {
    let cluster = screen.of.cluster();
    let is_there = match &screen.of {
        Of::Service(service) => world.inventory.service(service).is_some(),
        Of::Node(cluster, node) => world.inventory.node(cluster, node).is_some(),
    };
    match (world.inventory.pictured(cluster), is_there, world.inventory.arrived_so_far(cluster), &screen.of) {
        (None, ..) => format!("What runs on {cluster} is not known yet."),
        (Some(_), false, ..) => format!("{} is not there any more.", screen.of),
        (Some(_), true, Some(so_far), _) => format!("None has been read yet: {}.", still_reading(so_far)),
        (Some(_), true, None, Of::Service(_)) => format!("{} has no instances.", screen.of),
        (Some(_), true, None, Of::Node(..)) => format!("Nothing runs on {}.", screen.of),
    }
}

/// Of a cluster whose instances are still coming.
pub fn still_reading(so_far: usize) -> String {
    format!("still reading: {} instances so far", units::count(so_far as u64))
}

fn service_name(instance: &Instance) -> String {
    format!("{}/{}", instance.service.scope, instance.service.name)
}
