//! The services pane: what is broken first, and in words why.

use ratatui::layout::Rect;

use crate::{
    app::{
        World,
        main_screen::{Main, Pane, Shown},
        world::Trend,
    },
    config::theme::Role,
    domain::{Cluster, Link, Service, ServiceId, units},
    ui::{
        Paint, instances, orchestration,
        table::{Column, Table},
        widget,
    },
};

#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Mark,
    Cluster,
    Name,
    Ready,
    Release,
    Cpu,
    Trend,
    Memory,
    Restarts,
    Age,
    Ports,
    Kind,
    Why,
}

/// From here on a kind has room beside a reason.
const WITH_KIND: u16 = 116;

pub fn wanted_rows(screen: &Main, paint: &Paint<'_>) -> u16 {
    u16::try_from(screen.rows(&paint.app.world).len() + 1).unwrap_or(u16::MAX)
}

pub fn draw(screen: &Main, paint: &mut Paint<'_>, area: Rect) {
    let world = &paint.app.world;
    let keys = screen.keys(world);
    let focused = screen.pane == Pane::Services;
    let scope = screen.shown(world);
    let notes = notes(screen, world, &scope, keys.len());
    widget::heading(paint, area, "SERVICES", &notes, focused);
    if keys.is_empty() {
        return empty(screen, paint, Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }, &scope);
    }
    let table = columns(world, &keys, &scope, area);
    table.header(paint, area.y + 1);
    let body = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    let pane = widget::Pane { number: Pane::Services as usize, focused };
    let window = widget::rows(paint, body, &screen.services, &keys, pane, |paint, place, id| {
        row(paint, &table, place, id, &scope);
    });
    widget::position(paint, Rect { height: 1, ..area }, &window, keys.len());
}

fn columns(world: &World, keys: &[ServiceId], scope: &Shown, area: Rect) -> Table<Cell> {
    let longest = keys.iter().map(|id| label(id, scope).chars().count()).max().unwrap_or(0);
    let longest_cluster = keys.iter().map(|id| id.cluster.as_str().chars().count()).max().unwrap_or(0);
    // A long name gives way before a whole column does.
    let most = if area.width < 80 { 20 } else { 26 };
    let name = u16::try_from(longest.clamp(10, most)).expect("at most 26");
    let mut columns = vec![Column::left(Cell::Mark, "", 1, 0)];
    if keys.windows(2).any(|pair| pair[0].cluster != pair[1].cluster) {
        let width = u16::try_from(longest_cluster.clamp(7, 12)).expect("at most 12");
        columns.push(Column::left(Cell::Cluster, "CLUSTER", width, 3));
    }
    columns.extend([
        Column::left(Cell::Name, "NAME", name, 0),
        Column::right(Cell::Ready, "READY", 5, 1),
        Column::left(Cell::Release, "RELEASE", 9, 4),
        Column::right(Cell::Cpu, "CPU", 5, 5),
        Column::left(Cell::Trend, "", 8, 9),
        Column::right(Cell::Memory, "MEM", 5, 6),
        Column::right(Cell::Restarts, "RST", 4, 7),
        Column::right(Cell::Age, "AGE", 5, 8),
    ]);
    // A Compose service is nothing else, and an orchestrator publishes no ports of its machines: each has a column that tells something,
    // if it does not take the room of a reason.
    let is_orchestrated = |id| world.inventory.service(id).is_some_and(|service| service.orchestration.is_some());
    if !keys.iter().any(is_orchestrated) {
        columns.push(Column::left(Cell::Ports, "PORTS", 12, 10));
    } else if area.width >= WITH_KIND {
        columns.push(Column::left(Cell::Kind, "KIND", 12, 10));
    }
    columns.push(Column::left(Cell::Why, "WHY", 16, 2));
    Table::fit(&columns, Cell::Why, area)
}

fn row(paint: &mut Paint<'_>, table: &Table<Cell>, place: Rect, id: &ServiceId, scope: &Shown) {
    let world = &paint.app.world;
    let Some(service) = world.inventory.service(id) else { return };
    let y = place.y;
    let is_known = world.inventory.health_of(service).is_some();
    let role = |role| if is_known { role } else { Role::Stale };
    let (mark, health) = widget::health(paint.theme, world.inventory.health_of(service));
    table.cell(paint, Cell::Mark, y, mark, health);
    table.cell(paint, Cell::Cluster, y, id.cluster.as_str(), role(Role::Dim));
    table.cell(paint, Cell::Name, y, &label(id, scope), role(Role::Text));
    if let (false, Some(name)) = (scope.is_one_scope(), table.place(Cell::Name, y)) {
        let width = u16::try_from(id.scope.as_str().chars().count() + 1).unwrap_or(u16::MAX).min(name.width);
        let style = paint.style(role(Role::Dim));
        paint.buffer.set_style(Rect { width, ..name }, style);
    }
    let ready_role = if service.ready < service.wanted { health } else { Role::Dim };
    table.cell(paint, Cell::Ready, y, &format!("{}/{}", service.ready, service.wanted), role(ready_role));
    table.cell(paint, Cell::Release, y, service.release(), role(Role::Text));
    if let Some(usage) = world.calm_usage(id).filter(|_| is_known) {
        table.cell(paint, Cell::Cpu, y, &units::cpu(calm(usage.cpu)), Role::Text);
        table.cell(paint, Cell::Memory, y, &units::bytes(calm(usage.memory)), Role::Text);
    }
    if let Some(trend) = table.place(Cell::Trend, y).filter(|_| is_known) {
        super::detail::trend(paint, trend, service, Trend::Cpu);
    }
    let restarts = if service.restarts > 0 { Role::Degraded } else { Role::Dim };
    table.cell(paint, Cell::Restarts, y, &service.restarts.to_string(), role(restarts));
    if let Some(created) = service.created {
        table.cell(paint, Cell::Age, y, &units::age_of(created, world.now), role(Role::Dim));
    }
    let ports: Vec<String> =
        service.ports.iter().filter(|port| port.published.is_some()).map(ToString::to_string).collect();
    table.cell(paint, Cell::Ports, y, &ports.join(" "), role(Role::Dim));
    table.cell(paint, Cell::Kind, y, &service.kind.to_string(), role(Role::Dim));
    let (why, why_role) = why(world, service, health);
    table.cell(paint, Cell::Why, y, &why, why_role);
}

/// An operation that changes it now says more than its health of a moment ago.
fn why(world: &World, service: &Service, health: Role) -> (String, Role) {
    if let Some(operation) = world.operation_on(&service.id) {
        return (operation.title.to_string(), Role::Changing);
    }
    let unfinished = orchestration::unfinished(service);
    match (service.health.reason(), unfinished) {
        (Some(reason), Some(unfinished)) if !reason.text.contains("updated") => {
            (format!("{reason}, {unfinished}"), health)
        }
        (Some(reason), _) => (reason.to_string(), health),
        // Nothing was wrong with it when it was last heard of.
        (None, _) if health == Role::Stale => ("not reachable now".to_owned(), health),
        (None, Some(unfinished)) => (unfinished, Role::Changing),
        (None, None) => (String::new(), health),
    }
}

/// Two digits are enough in a list, and a list of more would never stand still.
fn calm(value: u64) -> u64 {
    let mut unit = 1;
    // Of bytes two digits mean less with each unit of 1024 than of a thousand, but not by so much that anybody would see it.
    while value / unit >= 100 {
        unit *= 10;
    }
    // The smallest are the most restless.
    let unit = if value < 10 { 5 } else { unit };
    (value + unit / 2) / unit * unit
}

fn label(id: &ServiceId, scope: &Shown) -> String {
    if scope.is_one_scope() { id.name.to_string() } else { format!("{}/{}", id.scope, id.name) }
}

fn notes(screen: &Main, world: &World, scope: &Shown, shown: usize) -> String {
    let mut notes = vec![scope.to_string()];
    notes.retain(|note| !note.is_empty());
    let all = world.services().filter(|service| scope.holds(&service.id)).count();
    let is_known =
        |cluster: &&Cluster| scope.touches(&cluster.name) && world.inventory.pictured(&cluster.name).is_some();
    if world.inventory.clusters().any(|cluster| is_known(&cluster)) {
        notes.push(if shown == all { all.to_string() } else { format!("{shown} of {all}") });
    }
    let touched = || world.inventory.clusters().filter(|cluster| scope.touches(&cluster.name));
    let arriving: Vec<usize> = touched().filter_map(|it| world.inventory.arrived_so_far(&it.name)).collect();
    if !arriving.is_empty() {
        notes.push(instances::still_reading(arriving.iter().sum()));
    }
    if touched().any(|cluster| cluster.facts.as_ref().is_some_and(|facts| !facts.hidden.is_empty())) {
        notes.push("a part is hidden".into());
    }
    if screen.faults_only {
        notes.push("only what is broken".into());
    }
    if !screen.filter.is_empty() {
        notes.push(format!("filter: {}", screen.filter.text()));
    }
    if screen.sort != crate::app::main_screen::Sort::default() {
        notes.push(screen.sort.word().into());
    }
    notes.join("  ")
}

/// No rows can mean many things, and only one of them is that nothing runs.
fn empty(screen: &Main, paint: &mut Paint<'_>, area: Rect, scope: &Shown) {
    let world = &paint.app.world;
    let hidden = world.services().filter(|service| scope.holds(&service.id)).count();
    let clusters = world.inventory.clusters().filter(|cluster| scope.touches(&cluster.name));
    let (mut lines, mut role) = (Vec::new(), Role::Dim);
    if hidden > 0 && screen.faults_only && screen.filter.is_empty() {
        lines.push(format!("nothing is broken: {hidden} healthy or stopped services are hidden"));
        lines.push("Esc shows them".into());
        role = Role::Healthy;
    } else if hidden > 0 {
        lines.push(format!("none of {hidden} services matches '{}'", screen.filter.text()));
        lines.push("Esc shows them all".into());
    } else {
        let (idle, others): (Vec<&Cluster>, Vec<&Cluster>) = clusters.partition(|cluster| cluster.link == Link::Idle);
        for cluster in others {
            lines.extend(super::nothing::why_no_rows(world, cluster));
        }
        lines.extend(super::nothing::not_connected(paint, &idle));
    }
    // There is nothing else to see, so it is told to its end.
    let width = area.width.saturating_sub(3);
    let wrapped = lines.iter().flat_map(|line| widget::wrap(line, width));
    for (y, text) in (area.y + 1..area.bottom()).zip(wrapped) {
        paint.text(Rect::new(area.x + 2, y, width, 1), &text, role);
    }
}
