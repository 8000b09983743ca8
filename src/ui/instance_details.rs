//! All that is known of one instance, in lines that are as wide as the place.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::{
        World,
        instances::{Focus, Instances},
    },
    config::theme::Role,
    domain::{Health, Instance, Limits, Mount, Part, PartRole, units},
    message::{Answer, Processes, Question},
    ui::{Paint, Theme, facts::Facts, instances, orchestration, widget},
};

pub fn draw(screen: &Instances, paint: &mut Paint<'_>, area: Rect, instance: &Instance) {
    if area.is_empty() {
        return;
    }
    let focused = screen.focus == Focus::Details;
    widget::heading(paint, area, &instance.name, &instances::state(&instance.state), focused);
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let facts = facts(paint.theme, &paint.app.world, instance, body.width);
    facts.draw(paint, Rect { height: 1, ..area }, body, &screen.details);
    paint.row(body, Instances::DETAILS, 0);
}

fn facts(theme: &Theme, world: &World, instance: &Instance, width: u16) -> Facts {
    let mut lines = Facts::new(width);
    health(&mut lines, theme, world, instance);
    life(&mut lines, world, instance);
    lines.maybe("node", instance.node.as_deref());
    lines.some("parts", instance.parts.iter().map(part));
    lines.all("addresses", instance.addresses.iter().map(|(network, address)| format!("{address}  {network}")));
    lines.all("ports", instance.ports.iter().map(ToString::to_string));
    lines.all("mounts", instance.mounts.iter().map(mount));
    lines.fact("limits", &limits(instance.limits));
    lines.maybe("asks for", asks(instance.limits).as_deref());
    lines.fact("image", &instance.image.reference);
    lines.exact("digest", instance.image.digest.as_deref().unwrap_or("not known"));
    lines.maybe("version", instance.image.version.as_deref());
    lines.maybe("revision", instance.image.revision.as_deref());
    lines.fact("command", &instance.command);
    let signal = instance.stop_signal.as_deref().unwrap_or("SIGTERM");
    lines.fact("stop", &format!("{signal}, killed after {} s", instance.stop_timeout));
    if instance.tty {
        lines.fact("terminal", "yes: stdout and stderr come as one");
    }
    if let Some(service) = world.inventory.service(&instance.service) {
        for (label, text) in orchestration::facts(service, world.now) {
            lines.fact(label, &text);
        }
    }
    processes(&mut lines, world, instance);
    lines
}

fn health(lines: &mut Facts, theme: &Theme, world: &World, instance: &Instance) {
    let is_known = world.inventory.cluster(&instance.id.cluster).is_some_and(|cluster| cluster.link.is_live());
    let (mark, role) = widget::health(theme, is_known.then_some(&instance.health));
    let health = &instance.health;
    let text = match health.reason() {
        _ if !is_known => format!("{mark} not known now; it was: {}", instances::why(health)),
        None if instance.has_health_check => format!("{mark} {}, by its health check", health.word()),
        Some(_) | None => format!("{mark} {}", health.says()),
    };
    lines.push("health", &text, role);
    if let Some(reason) = health.reason() {
        let label = if instance.has_health_check { "check said" } else { "detail" };
        lines.maybe(label, reason.detail.as_deref());
        lines.maybe("help", reason.help.as_deref());
    }
    if *health == Health::Healthy && !instance.has_health_check {
        lines.push("", "it has no health check: it runs, and that is all that is known", Role::Dim);
    }
}

fn life(lines: &mut Facts, world: &World, instance: &Instance) {
    let times = [("finished", instance.finished), ("started", instance.started), ("created", instance.created)];
    for (label, at) in times {
        // A running one has the end of its life before this one in its past: that is what its restarts are for.
        if let Some(at) = at.filter(|_| label != "finished" || !instance.state.is_alive()) {
            lines.fact(label, &format!("{}  {} ago", world.full_time(at), units::age_of(at, world.now)));
        }
    }
    lines.fact("restarts", &instance.restarts.to_string());
    if let Some(sample) = Instances::latest(world, instance) {
        let (cpu, memory) = (units::cpu(sample.cpu), units::bytes(sample.memory));
        let stale = world.series.is_stale(&instance.id, world.now);
        let age = if stale { format!(", {} ago", units::age_of(sample.at, world.now)) } else { String::new() };
        let role = if stale { Role::Stale } else { Role::Text };
        lines.push("uses", &format!("{cpu} CPU, {memory} memory, {} processes{age}", sample.pids), role);
    }
}

fn mount(mount: &Mount) -> String {
    let read_only = if mount.read_only { ", read-only" } else { "" };
    match &*mount.source {
        "" => format!("{} ({}{read_only})", mount.target, mount.kind),
        source => format!("{} from {source} ({}{read_only})", mount.target, mount.kind),
    }
}

fn part(part: &Part) -> String {
    match part.role {
        PartRole::Main => part.name.to_string(),
        PartRole::Init => format!("{} (init: ran before the others)", part.name),
        PartRole::Sidecar => format!("{} (sidecar)", part.name),
        PartRole::Ephemeral => format!("{} (ephemeral: put in to look round)", part.name),
    }
}

/// What is kept for it on its node.
fn asks(limits: Limits) -> Option<String> {
    let cpu = limits.cpu_request.map(|milli| format!("{} cores", milli as f64 / 1000.0));
    let memory = limits.memory_request.map(|bytes| format!("{} memory", units::bytes(bytes)));
    let told: Vec<String> = [cpu, memory].into_iter().flatten().collect();
    (!told.is_empty()).then(|| told.join(", "))
}

fn limits(limits: Limits) -> String {
    let cpu = limits.cpu.map(|milli| format!("{} cores", milli as f64 / 1000.0));
    let memory = limits.memory.map(|bytes| format!("{} memory", units::bytes(bytes)));
    let pids = limits.pids.map(|pids| format!("{pids} processes"));
    let told: Vec<String> = [cpu, memory, pids].into_iter().flatten().collect();
    if told.is_empty() { "none: it may use all that the host has".into() } else { told.join(", ") }
}

fn processes(lines: &mut Facts, world: &World, instance: &Instance) {
    if let Some(reason) = Instances::no_processes(world, instance) {
        return lines.push("processes", &reason, Role::Dim);
    }
    match world.answers.get(&Question::Processes(instance.id.clone())) {
        Some(Ok(Answer::Processes(processes))) => process_table(lines, processes),
        Some(Err(trouble)) => {
            lines.push("processes", &trouble.line(), Role::NoticeError);
            lines.maybe("", trouble.help.as_deref());
        }
        Some(Ok(_)) | None => lines.push("processes", "asked", Role::Dim),
    }
}

/// In the engine's own columns, each as wide as its widest; the last one is the command, and takes the rest.
fn process_table(lines: &mut Facts, processes: &Processes) {
    let all = || std::iter::once(&processes.titles).chain(&processes.rows);
    let width = |column: usize| all().filter_map(|row| row.get(column)).map(|text| text.width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..processes.titles.len()).map(|column| width(column).min(24)).collect();
    for (row, cells) in all().enumerate() {
        let mut text = String::new();
        for (column, cell) in cells.iter().enumerate() {
            text.push_str(cell);
            if column + 1 < cells.len() {
                let missing = widths.get(column).copied().unwrap_or(0).saturating_sub(cell.width());
                text.push_str(&" ".repeat(missing + 2));
            }
        }
        let (label, role) = if row == 0 { ("processes", Role::Header) } else { ("", Role::Text) };
        lines.row(label, text, role);
    }
}
