//! All that is known of one instance, in lines that are as wide as the place.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::{
        World,
        instances::{Focus, Instances},
    },
    config::theme::Role,
    domain::{Health, Instance, Limits, Mount, units},
    message::{Answer, Processes, Question},
    ui::{Paint, instances, widget},
};

/// Columns for the names of facts.
const LABEL: u16 = 11;

/// One painted line: a fact's first one carries its name.
struct Line {
    label: &'static str,
    text: String,
    role: Role,
}

pub fn draw(screen: &Instances, paint: &mut Paint<'_>, area: Rect, instance: &Instance) {
    if area.is_empty() {
        return;
    }
    let focused = screen.focus == Focus::Details;
    widget::heading(paint, area, &instance.name, &instances::state(&instance.state), focused);
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let lines = lines(&paint.app.world, instance, body.width.saturating_sub(LABEL));
    let shown = screen.details.window(lines.len(), usize::from(body.height));
    for (y, line) in (body.y..).zip(&lines[shown.clone()]) {
        paint.text(Rect::new(body.x, y, LABEL - 1, 1), line.label, Role::Dim);
        let place = Rect::new(body.x + LABEL, y, body.width.saturating_sub(LABEL), 1);
        paint.text(place, &line.text, line.role);
    }
    widget::position(paint, Rect { height: 1, ..area }, &shown, lines.len());
    paint.row(body, Instances::DETAILS, 0);
}

fn lines(world: &World, instance: &Instance, width: u16) -> Vec<Line> {
    let mut lines = Lines { lines: Vec::new(), width };
    health(&mut lines, world, instance);
    life(&mut lines, world, instance);
    lines.all("addresses", instance.addresses.iter().map(|(network, address)| format!("{address}  {network}")));
    lines.all("ports", instance.ports.iter().map(ToString::to_string));
    lines.all("mounts", instance.mounts.iter().map(mount));
    lines.fact("limits", &limits(instance.limits));
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
    processes(&mut lines, world, instance);
    lines.lines
}

fn health(lines: &mut Lines, world: &World, instance: &Instance) {
    let is_known = world.inventory.cluster(&instance.id.cluster).is_some_and(|cluster| cluster.link.is_live());
    let (mark, role) = widget::health(is_known.then_some(&instance.health));
    let health = &instance.health;
    let text = match health.reason() {
        _ if !is_known => format!("{mark} not known now; it was: {}", instances::why(health)),
        Some(reason) => format!("{mark} {}: {}", health.word(), reason.text),
        None if instance.has_health_check => format!("{mark} {}, by its health check", health.word()),
        None => format!("{mark} {}", health.word()),
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

fn life(lines: &mut Lines, world: &World, instance: &Instance) {
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
        lines.fact("uses", &format!("{cpu} CPU, {memory} memory, {} processes", sample.pids));
    }
}

fn mount(mount: &Mount) -> String {
    let read_only = if mount.read_only { ", read-only" } else { "" };
    match &*mount.source {
        "" => format!("{} ({}{read_only})", mount.target, mount.kind),
        source => format!("{} from {source} ({}{read_only})", mount.target, mount.kind),
    }
}

fn limits(limits: Limits) -> String {
    let cpu = limits.cpu.map(|milli| format!("{} cores", milli as f64 / 1000.0));
    let memory = limits.memory.map(|bytes| format!("{} memory", units::bytes(bytes)));
    let pids = limits.pids.map(|pids| format!("{pids} processes"));
    let told: Vec<String> = [cpu, memory, pids].into_iter().flatten().collect();
    if told.is_empty() { "none: it may use all that the host has".into() } else { told.join(", ") }
}

fn processes(lines: &mut Lines, world: &World, instance: &Instance) {
    if let Some(reason) = Instances::no_processes(world, instance) {
        return lines.push("processes", &reason, Role::Dim);
    }
    match world.answers.get(&Question::Processes(instance.id.clone())) {
        Some(Ok(Answer::Processes(processes))) => process_table(lines, processes),
        Some(Err(trouble)) => {
            lines.push("processes", &trouble.line(), Role::NoticeError);
            lines.maybe("", trouble.help.as_deref());
        }
        Some(Ok(Answer::Releases(_) | Answer::Configuration(_))) | None => lines.push("processes", "asked", Role::Dim),
    }
}

/// In the engine's own columns, each as wide as its widest; the last one is the command, and takes the rest.
fn process_table(lines: &mut Lines, processes: &Processes) {
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
        lines.lines.push(Line { label, text, role });
    }
}

struct Lines {
    lines: Vec<Line>,
    width: u16,
}

impl Lines {
    fn push(&mut self, label: &'static str, text: &str, role: Role) {
        let wrapped = widget::wrap(text, self.width).into_iter().enumerate();
        let named = wrapped.map(|(row, text)| Line { label: if row == 0 { label } else { "" }, text, role });
        self.lines.extend(named);
    }

    fn fact(&mut self, label: &'static str, text: &str) {
        self.push(label, text, Role::Text);
    }

    /// Broken anywhere: what is copied from it is put together again without a thought.
    fn exact(&mut self, label: &'static str, text: &str) {
        let letters: Vec<char> = text.chars().collect();
        let rows = letters.chunks(usize::from(self.width.max(1))).map(|row| row.iter().collect::<String>());
        self.all(label, rows.collect::<Vec<_>>().into_iter());
    }

    fn maybe(&mut self, label: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.fact(label, text);
        }
    }

    /// One a line, or a word that there are none.
    fn all(&mut self, label: &'static str, texts: impl Iterator<Item = String>) {
        let before = self.lines.len();
        for text in texts {
            let label = if self.lines.len() == before { label } else { "" };
            self.fact(label, &text);
        }
        if self.lines.len() == before {
            self.push(label, "none", Role::Dim);
        }
    }
}
