//! The machines of a cluster, and beside or below them the selected one with what runs there.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::{
        World,
        instances::Focus,
        nodes::{Nodes, Tenant, keys},
    },
    config::theme::Role,
    domain::{Limits, Link, Load, Node, units},
    ui::{
        Paint, Theme,
        facts::Facts,
        instances,
        table::{Column, Table},
        widget::{self, Pane},
    },
};

#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Mark,
    Name,
    State,
    Roles,
    Slots,
    CpuAsked,
    MemoryAsked,
    CpuUsed,
    MemoryUsed,
    Version,
    Age,
    Taints,
}

/// From here on there is room for the details beside the list: it has more columns than most.
const BESIDE: u16 = 200;

pub fn draw(screen: &Nodes, paint: &mut Paint<'_>, area: Rect) {
    let rows = screen.rows(&paint.app.world);
    let (upper, lower) = instances::halves(area, rows.len(), BESIDE);
    list(screen, paint, upper, &rows);
    match screen.selected(&paint.app.world) {
        Some(node) => details(screen, paint, lower, node),
        None => {
            let below = Rect { y: upper.y + 2, height: upper.height.saturating_sub(2), ..upper };
            let text = no_rows(&paint.app.world, screen);
            widget::says(paint, below, &text, Role::Dim);
        }
    }
}

fn list(screen: &Nodes, paint: &mut Paint<'_>, area: Rect, rows: &[&Node]) {
    let focused = screen.focus == Focus::List;
    widget::heading(paint, area, "NODES", &notes(&paint.app.world, screen, rows), focused);
    let most = if area.width < 80 { 20 } else { 32 };
    let names = rows.iter().map(|node| node.name.width()).max().unwrap_or(0).clamp(8, most);
    let columns = [
        Column::left(Cell::Mark, "", 1, 0),
        Column::left(Cell::Name, "NAME", names as u16, 0),
        Column::left(Cell::State, "STATE", 16, 0),
        Column::left(Cell::Roles, "ROLES", 13, 5),
        Column::right(Cell::Slots, "SLOTS", 7, 1),
        Column::right(Cell::CpuAsked, "CPU ASKED", 11, 2),
        Column::right(Cell::MemoryAsked, "MEM ASKED", 11, 3),
        Column::right(Cell::CpuUsed, "CPU", 5, 6),
        Column::right(Cell::MemoryUsed, "MEM", 5, 6),
        Column::right(Cell::Age, "AGE", 5, 4),
        Column::left(Cell::Version, "VERSION", 9, 7),
        Column::left(Cell::Taints, "TAINTS", 20, 8),
    ];
    let table = Table::fit(&columns, Cell::State, area);
    if area.height > 1 {
        table.header(paint, area.y + 1);
    }
    let body = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    let keys = keys(rows);
    let pane = Pane { number: Nodes::LIST, focused };
    let mut in_sight = screen.list.window(&keys, usize::from(body.height)).map(|index| rows[index]);
    let measured = screen.measured(&paint.app.world, rows);
    let shown = widget::rows(paint, body, &screen.list, &keys, pane, |paint, place, _| {
        if let Some(node) = in_sight.next() {
            let is_measured = measured.iter().any(|it| it.name == node.name);
            row(paint, &table, place.y, node, is_measured);
        }
    });
    widget::position(paint, area, &shown, rows.len());
}

fn row(paint: &mut Paint<'_>, table: &Table<Cell>, y: u16, node: &Node, is_measured: bool) {
    let world = &paint.app.world;
    let is_known = is_known(world, node);
    let (mark, health) = widget::health(paint.theme, is_known.then_some(&node.health));
    let text = if is_known { Role::Text } else { Role::Stale };
    let dim = if is_known { Role::Dim } else { Role::Stale };
    table.cell(paint, Cell::Mark, y, mark, health);
    table.cell(paint, Cell::Name, y, &node.name, text);
    let state_role = if node.cordoned && !node.health.is_broken() && is_known { Role::Degraded } else { health };
    table.cell(paint, Cell::State, y, &state(node), state_role);
    table.cell(paint, Cell::Roles, y, &node.roles.join(" "), dim);
    let load = world.inventory.load(&node.cluster, &node.name);
    let taken = load.map_or(0, |load| load.taken);
    let full = |asked: u64, all: u64| if is_known && all > 0 && asked * 10 >= all * 9 { Role::Degraded } else { text };
    table.cell(paint, Cell::Slots, y, &format!("{taken}/{}", node.slots), full(taken.into(), node.slots.into()));
    let asked = |of: fn(&Load) -> u64| load.map_or(0, of);
    let share = |paint: &mut Paint<'_>, cell, asked, all: Option<u64>, unit: fn(u64) -> String| {
        let asked_for = if asked == 0 { "0".into() } else { unit(asked) };
        let shown = format!("{asked_for}/{}", all.map_or_else(|| "?".into(), unit));
        table.cell(paint, cell, y, &shown, full(asked, all.unwrap_or(0)));
    };
    share(paint, Cell::CpuAsked, asked(|load| load.cpu_request), node.allocatable.cpu, units::cpu);
    share(paint, Cell::MemoryAsked, asked(|load| load.memory_request), node.allocatable.memory, units::bytes);
    // A sum that lacks some of them would be read as the whole.
    let usage = is_measured.then(|| Nodes::usage(world, node)).flatten();
    let usage = usage.filter(|usage| is_known && usage.measured == usage.alive);
    let used = |used: Option<String>| used.unwrap_or_else(|| "-".into());
    table.cell(paint, Cell::CpuUsed, y, &used(usage.map(|it| units::cpu(it.usage.cpu))), text);
    table.cell(paint, Cell::MemoryUsed, y, &used(usage.map(|it| units::bytes(it.usage.memory))), text);
    table.cell(paint, Cell::Version, y, &node.version, dim);
    table.cell(paint, Cell::Age, y, &node.created.map_or("-".into(), |at| units::age_of(at, world.now)), dim);
    table.cell(paint, Cell::Taints, y, &node.taints.join(" "), dim);
}

/// `cordoned, disk pressure`: that somebody took it out of use explains the rest, so it comes first.
fn state(node: &Node) -> String {
    match (node.cordoned, node.health.reason()) {
        (false, _) => instances::why(&node.health),
        (true, None) => "cordoned".into(),
        (true, Some(reason)) => format!("cordoned, {}", reason.text),
    }
}

fn is_known(world: &World, node: &Node) -> bool {
    world.inventory.cluster(&node.cluster).is_some_and(|cluster| cluster.link.is_live())
}

fn notes(world: &World, screen: &Nodes, rows: &[&Node]) -> String {
    let name = &screen.cluster;
    if let Some(Link::Lost { since, kind, .. }) = world.inventory.cluster(name).map(|cluster| &cluster.link) {
        return format!("{name}  {} since {}, as it was then", kind.word(), world.time(*since));
    }
    let mut notes = vec![name.to_string(), rows.len().to_string()];
    let count = |is: fn(&&&Node) -> bool| rows.iter().filter(is).count();
    for (count, what) in [(count(|it| it.health.is_broken()), "broken"), (count(|it| it.cordoned), "cordoned")] {
        if count > 0 {
            notes.push(format!("{count} {what}"));
        }
    }
    notes.extend(world.inventory.arrived_so_far(name).map(instances::still_reading));
    notes.join("  ")
}

fn no_rows(world: &World, screen: &Nodes) -> String {
    let name = &screen.cluster;
    let facts = world.inventory.cluster(name).and_then(|cluster| cluster.facts.as_ref());
    let hidden = facts.map(|facts| facts.hidden.as_slice()).unwrap_or_default();
    match world.inventory.pictured(name) {
        None => format!("What there is on {name} is not known yet."),
        Some(_) if hidden.is_empty() => format!("{name} tells of no nodes."),
        Some(_) => format!("No nodes that you may see on {name}. Hidden are: {}.", hidden.join("; ")),
    }
}

fn details(screen: &Nodes, paint: &mut Paint<'_>, area: Rect, node: &Node) {
    if area.is_empty() {
        return;
    }
    let focused = screen.focus == Focus::Details;
    widget::heading(paint, area, &node.name, &node.roles.join(" "), focused);
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let facts = facts(paint.theme, &paint.app.world, node, body.width);
    facts.draw(paint, Rect { height: 1, ..area }, body, &screen.details);
    paint.row(body, Nodes::DETAILS, 0);
}

fn facts(theme: &Theme, world: &World, node: &Node, width: u16) -> Facts {
    let mut facts = Facts::new(width);
    let is_known = is_known(world, node);
    let (mark, role) = widget::health(theme, is_known.then_some(&node.health));
    let told = match is_known {
        true => format!("{mark} {}", node.health.says()),
        false => format!("{mark} not known now; it was: {}", instances::why(&node.health)),
    };
    let since = node.since.map_or_else(String::new, |since| format!(", since {}", world.time(since)));
    facts.push("health", &format!("{told}{since}"), role);
    if let Some(reason) = node.health.reason() {
        facts.maybe("detail", reason.detail.as_deref());
        facts.maybe("help", reason.help.as_deref());
    }
    if node.cordoned {
        facts.push("cordoned", "nothing new is put on it", Role::Degraded);
    }
    asked(&mut facts, world, node);
    facts.fact("capacity", &format!("{}, {} slots", amount(node.capacity), node.slots));
    facts.fact("for use", &amount(node.allocatable));
    facts.some("taints", node.taints.iter().map(ToString::to_string));
    facts.maybe("address", node.address.as_deref());
    facts.fact("version", &node.version);
    facts.fact("system", &node.system);
    if let Some(created) = node.created {
        let age = units::age_of(created, world.now);
        facts.fact("created", &format!("{}  {age} ago", world.full_time(created)));
    }
    tenants(&mut facts, theme, &Nodes::tenants(world, node), is_known);
    facts
}

/// What the instances there asked for, and what they use.
fn asked(facts: &mut Facts, world: &World, node: &Node) {
    let load = world.inventory.load(&node.cluster, &node.name).cloned().unwrap_or_default();
    let of = |part: u64, all: Option<u64>| match all {
        Some(all) if all > 0 => format!(" ({} %)", part * 100 / all),
        Some(_) | None => String::new(),
    };
    let amounts = |cpu: u64, memory: u64| {
        let cpu = format!("{} cores{}", cores(cpu), of(cpu, node.allocatable.cpu));
        format!("{cpu}, {} memory{}", units::bytes(memory), of(memory, node.allocatable.memory))
    };
    let slots = format!("{} of {} slots", load.taken, node.slots);
    facts.fact("asked for", &format!("{}, {slots}", amounts(load.cpu_request, load.memory_request)));
    match Nodes::usage(world, node) {
        Some(it) if it.measured == it.alive => facts.fact("used", &amounts(it.usage.cpu, it.usage.memory)),
        Some(it) => {
            let by = format!(" by the {} of {} that were measured", it.measured, it.alive);
            facts.fact("used", &format!("{}{by}", amounts(it.usage.cpu, it.usage.memory)));
        }
        None => facts.push("used", "not measured", Role::Dim),
    }
}

/// `● shop/web  2`, and for a broken one why.
fn tenants(facts: &mut Facts, theme: &Theme, tenants: &[Tenant<'_>], is_known: bool) {
    if tenants.is_empty() {
        return facts.push("runs", "nothing", Role::Dim);
    }
    let name = |tenant: &Tenant<'_>| format!("{}/{}", tenant.service.scope, tenant.service.name);
    let widest = tenants.iter().map(|tenant| name(tenant).width()).max().unwrap_or(0).min(40);
    for (index, tenant) in tenants.iter().enumerate() {
        let worst = tenant.instances[0];
        let (mark, role) = widget::health(theme, is_known.then_some(&worst.health));
        let why = worst.health.reason().map_or_else(String::new, |reason| format!("  {}", reason.text));
        let text = format!("{mark} {:widest$}  {:>3}{why}", name(tenant), tenant.instances.len());
        let role = if worst.health.is_broken() || !is_known { role } else { Role::Text };
        facts.row(if index == 0 { "runs" } else { "" }, text, role);
    }
}

fn amount(limits: Limits) -> String {
    let cpu = limits.cpu.map_or_else(|| "? cores".into(), |milli| format!("{} cores", cores(milli)));
    let memory = limits.memory.map_or_else(|| "?".into(), units::bytes);
    format!("{cpu}, {memory} memory")
}

/// `0.25`, `3.9`, `16`: as many digits as say something.
fn cores(milli: u64) -> String {
    match milli {
        0..1000 => format!("{}", (milli as f64 / 10.0).round() / 100.0),
        _ => format!("{}", (milli as f64 / 100.0).round() / 10.0),
    }
}
