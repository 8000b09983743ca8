//! Below the lists: what is known of the selected service, and the end of its logs; or what a cluster says of itself.

use std::collections::BTreeSet;

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    action::Action,
    app::{
        World,
        logs::{LogView, Target},
        main_screen::{Main, Row},
        world::Trend,
    },
    config::theme::Role,
    domain::{Cluster, Link, Service, ServiceId, release, units},
    message::{Answer, Question},
    ui::{Paint, instances, logs, orchestration, widget},
};

pub fn service(screen: &Main, paint: &mut Paint<'_>, area: Rect) {
    let Some(service) = screen.service(&paint.app.world) else { return };
    let mut rows = Rows { next: area.y, area };
    if let Some(row) = rows.take() {
        let rest = headline(paint, row, service);
        // Why it is broken is what somebody came for: it may take a second row.
        if !rest.is_empty()
            && area.height >= 6
            && let Some(row) = rows.take()
        {
            let (_, role) = widget::health(paint.theme, paint.app.world.inventory.health_of(service));
            paint.text(Rect { x: row.x + 2, width: row.width.saturating_sub(2), ..row }, &rest, role);
        }
    }
    for (role, text) in reason(service, area.height) {
        for line in widget::wrap(&text, area.width.saturating_sub(4)).into_iter().take(2) {
            if let Some(row) = rows.take() {
                paint.text(Rect { x: row.x + 2, width: row.width - 2, ..row }, &line, role);
            }
        }
    }
    if area.height >= 8
        && let Some(row) = rows.take()
    {
        usage(paint, row, service);
    }
    let told = service.orchestration.as_deref();
    if area.height >= if told.is_some() { 8 } else { 14 }
        && let Some(row) = rows.take()
    {
        facts(paint, row, service);
    }
    // The log is what most come for, so it keeps most of the room.
    let more = told.map(orchestration::lines).unwrap_or_default();
    for line in more.iter().take(usize::from(area.height.saturating_sub(12) / 3)) {
        if let Some(row) = rows.take() {
            paint.text(row, line, Role::Dim);
        }
    }
    logs(service.id.clone(), paint, rows.rest());
}

/// `checkout  x crash loop: exit 137 (out of memory, limit 128Mi)                 R restart`, and returns what did not fit.
fn headline(paint: &mut Paint<'_>, row: Rect, service: &Service) -> String {
    let world = &paint.app.world;
    let health = world.inventory.health_of(service);
    let (glyph, role) = widget::health(paint.theme, health);
    let (remedy, word) = remedy(paint, service);
    let hint = paint.keys_of(remedy).map_or_else(String::new, |key| format!("{key} {word}"));
    let hint_width = u16::try_from(hint.width()).unwrap_or(0) + 2;
    let left = Rect { width: row.width.saturating_sub(hint_width), ..row };
    let end = paint.text(left, &service.id.name, Role::Title);
    let mut text = match service.health.reason() {
        Some(reason) => format!("{glyph} {}", reason.text),
        None => format!("{glyph} {}", service.health.word()),
    };
    if let Some(since) = service.since {
        text.push_str(&format!(", since {}", world.time(since)));
    }
    if health.is_none() {
        text.push_str("  (last known: the cluster cannot be reached)");
    }
    let place = Rect { x: end + 2, width: left.right().saturating_sub(end + 2), ..left };
    let mut lines = widget::wrap(&text, place.width).into_iter();
    paint.text(place, &lines.next().unwrap_or_default(), role);
    if service.health.is_broken() {
        let place = Rect { x: row.right().saturating_sub(hint_width), width: hint_width.min(row.width), ..row };
        paint.text_right(place, &hint, Role::Key);
        paint.button(place, remedy);
    }
    lines.collect::<Vec<_>>().join(" ")
}

/// What will most likely help: the way back where there is one, else to begin anew.
fn remedy(paint: &Paint<'_>, service: &Service) -> (Action, &'static str) {
    let world = &paint.app.world;
    let known = world.answers.get(&Question::Releases(service.id.clone()));
    let has_better = match known {
        Some(Ok(Answer::Releases(releases))) => release::suggested(releases).is_some_and(|best| !best.id.is_empty()),
        Some(Ok(_) | Err(_)) | None => false,
    };
    if has_better && paint.app.may(Action::RollBack).is_ok() {
        (Action::RollBack, "roll back")
    } else {
        (Action::Restart, "restart")
    }
}

fn reason(service: &Service, height: u16) -> Vec<(Role, String)> {
    let Some(reason) = service.health.reason().filter(|_| height >= 10) else { return Vec::new() };
    let detail = reason.detail.iter().map(|text| (Role::Text, text.to_string()));
    let help = reason.help.iter().map(|text| (Role::Dim, text.to_string()));
    detail.chain(help).collect()
}

/// `CPU ..:|  210m of 500m   MEM ..||  310Mi of 512Mi   in 1.2Ki/s  out 800B/s`
fn usage(paint: &mut Paint<'_>, row: Rect, service: &Service) {
    let world = &paint.app.world;
    let Some(usage) = world.usage(&service.id) else {
        let text = match world.inventory.health_of(service) {
            None => "not measured: the cluster cannot be reached",
            Some(_) if world.alive_instances(&service.id).next().is_none() => "nothing runs, so nothing is measured",
            Some(_) => "no measurements yet",
        };
        paint.text(row, text, Role::Dim);
        return;
    };
    let instances = world.inventory.instances_of(&service.id);
    let limit = |of: fn(&crate::domain::Limits) -> Option<u64>| {
        instances.iter().map(|instance| of(&instance.limits)).sum::<Option<u64>>()
    };
    let of = |limit: Option<String>| limit.map_or_else(String::new, |limit| format!(" of {limit}"));
    let asks = |asked: Option<String>| asked.map_or_else(String::new, |asked| format!(", asks {asked}"));
    let (cpu_asked, memory_asked) = (limit(|limits| limits.cpu_request), limit(|limits| limits.memory_request));
    let is_asked = row.width >= 80 && (cpu_asked.or(memory_asked)).is_some_and(|asked| asked > 0);
    let mut cpu = format!("{}{}", units::cpu(usage.cpu), of(limit(|limits| limits.cpu).map(units::cpu)));
    let mut memory = format!("{}{}", units::bytes(usage.memory), of(limit(|limits| limits.memory).map(units::bytes)));
    if is_asked {
        cpu.push_str(&asks(cpu_asked.map(units::cpu)));
        memory.push_str(&asks(memory_asked.map(units::bytes)));
    }
    let traffic = format!("in {}/s  out {}/s", units::bytes(usage.received), units::bytes(usage.sent));
    let wide = row.width >= 100;
    let spark = match (wide, is_asked) {
        (true, true) if row.width < 120 => 12,
        (true, _) => 20,
        (false, _) => 8,
    };
    let mut x = row.x;
    let mut put = |paint: &mut Paint<'_>, text: &str, role: Role, width: u16| {
        let place = Rect::new(x, row.y, width.min(row.right().saturating_sub(x)), 1);
        paint.text(place, text, role);
        x += width + 1;
        place
    };
    put(paint, "CPU", Role::Header, 3);
    let place = put(paint, "", Role::Text, spark);
    trend(paint, place, service, Trend::Cpu);
    put(paint, &cpu, Role::Text, if is_asked { 24 } else { 14 });
    put(paint, "MEM", Role::Header, 3);
    let place = put(paint, "", Role::Text, spark);
    trend(paint, place, service, Trend::Memory);
    put(paint, &memory, Role::Text, if is_asked { 28 } else { 16 });
    if wide && (!is_asked || row.width >= 140) {
        put(paint, "NET", Role::Header, 3);
        put(paint, &traffic, Role::Text, 30);
    }
}

/// `image shop/checkout:v2.4.1   ports 8080->80   depends on db (healthy), cache`
fn facts(paint: &mut Paint<'_>, row: Rect, service: &Service) {
    let mut facts = vec![format!("{}", service.kind)];
    facts.extend(service.orchestration.iter().filter_map(|told| told.schedule.as_ref().map(ToString::to_string)));
    facts.extend(orchestration::rollout(service));
    if let Some(image) = &service.image {
        facts.push(format!("image {}", image.reference));
    }
    if !service.ports.is_empty() {
        let ports: Vec<_> = service.ports.iter().map(ToString::to_string).collect();
        facts.push(format!("ports {}", ports.join(" ")));
    }
    if let Some(nodes) = nodes(&paint.app.world, service) {
        facts.push(nodes);
    }
    if !service.depends_on.is_empty() {
        let needs: Vec<_> =
            service.depends_on.iter().map(|needed| format!("{} ({})", needed.service, needed.condition)).collect();
        facts.push(format!("depends on {}", needs.join(", ")));
    }
    paint.text(row, &facts.join("   "), Role::Dim);
}

/// `on node-1 and node-2`, `on 14 nodes`; `None` where it is not known.
fn nodes(world: &World, service: &Service) -> Option<String> {
    let instances = world.inventory.instances_of(&service.id);
    let nodes: BTreeSet<&str> = instances.iter().filter_map(|instance| instance.node.as_deref()).collect();
    match nodes.iter().collect::<Vec<_>>().as_slice() {
        [] => None,
        [one] => Some(format!("on {one}")),
        [one, other] => Some(format!("on {one} and {other}")),
        more => Some(format!("on {} nodes", more.len())),
    }
}

/// The end of its log. It moves with the beat, like everything here; the whole of it, at once, is a key away.
fn logs(service: ServiceId, paint: &mut Paint<'_>, area: Rect) {
    if area.height < 2 {
        return;
    }
    let view = LogView::preview(Target::Service(service));
    let tails = view.tails(&paint.app.world);
    let notes = match (tails.sources, tails.left_out) {
        (1, 0) => "1 source".to_owned(),
        (sources, 0) => format!("{sources} sources"),
        (sources, left_out) => format!("{sources} of {} sources", sources + left_out),
    };
    widget::heading(paint, area, "LOGS", &notes, false);
    logs::preview(&view, paint, Rect { y: area.y + 1, height: area.height - 1, ..area });
}

/// Cells of ten seconds each, against one core or the limit: whole cells, so that it moves every ten seconds and not before.
pub fn trend(paint: &mut Paint<'_>, place: Rect, service: &Service, what: Trend) {
    let glyphs = paint.theme.glyphs;
    let shares = paint.app.world.trend(&service.id, what, usize::from(place.width));
    // The root spreads what is small, which is most: an idle service is told apart from a working one.
    let signs: Vec<Option<&str>> = shares.iter().map(|share| share.map(|share| glyphs.spark(share.sqrt()))).collect();
    let mut known = signs.iter().flatten();
    let first = known.next();
    // A flat line says no more than the number beside it, and drawing it would cost bytes for as long as its past is filling up.
    if known.all(|sign| Some(sign) == first) {
        return;
    }
    let text: String = signs.iter().map(|sign| sign.unwrap_or(" ")).collect();
    let role = match what {
        Trend::Cpu => Role::ChartCpu,
        Trend::Memory => Role::ChartMemory,
    };
    paint.text(place, &text, role);
}

/// What a cluster says of itself, and how it is reached.
pub fn cluster(screen: &Main, paint: &mut Paint<'_>, area: Rect) {
    let world = &paint.app.world;
    let name = match screen.scope(world) {
        Row::Cluster(name) | Row::Scope(name, _) => name,
        Row::Everything => {
            paint.text(area, "the services of every cluster", Role::Dim);
            return;
        }
    };
    let Some(cluster) = world.inventory.cluster(&name) else { return };
    let width = area.width.saturating_sub(11);
    let lines = cluster_lines(world, cluster).into_iter().flat_map(|(label, value, role)| {
        let wrapped = widget::wrap(&value, width).into_iter().enumerate();
        wrapped.map(move |(index, value)| (if index == 0 { label } else { "" }, value, role))
    });
    for (y, (label, value, role)) in (area.y..area.bottom()).zip(lines) {
        paint.text(Rect::new(area.x, y, 10.min(area.width), 1), label, Role::Header);
        paint.text(Rect::new(area.x + 11, y, width, 1), &value, role);
    }
}

fn cluster_lines(world: &World, cluster: &Cluster) -> Vec<(&'static str, String, Role)> {
    let mut lines = vec![("endpoint", cluster.endpoint.to_string(), Role::Text)];
    match &cluster.link {
        Link::Live { since } => {
            let latency =
                cluster.latency.map_or_else(String::new, |latency| format!(", answers in {}", units::elapsed(latency)));
            lines.push(("link", format!("live since {}{latency}", world.time(*since)), Role::Healthy));
        }
        Link::Idle => lines.push(("link", "not connected, because nobody has looked at it yet".into(), Role::Dim)),
        Link::Connecting { .. } => lines.push(("link", "connecting".into(), Role::Changing)),
        Link::Lost { since, kind, why, retry_at } => {
            lines.push(("link", format!("{} since {}", kind.word(), world.time(*since)), Role::Failing));
            lines.push(("", why.line(), Role::Text));
            lines.extend(why.help.iter().map(|help| ("", help.to_string(), Role::Text)));
            if let Some(at) = retry_at {
                lines.push(("", format!("tries again at {}", world.time(*at)), Role::Dim));
            }
        }
    }
    if let Some(facts) = &cluster.facts {
        lines.push((
            "engine",
            format!("{} {}, API {}", cluster.engine, facts.engine_version, facts.api_version),
            Role::Text,
        ));
        let size = format!("{} CPUs, {} memory, {}", facts.cpus, units::bytes(facts.memory), facts.system);
        lines.push(("host", size, Role::Text));
        lines.extend(facts.remarks.iter().map(|remark| ("", remark.to_string(), Role::Dim)));
    }
    for (index, what) in super::nothing::hidden(cluster).iter().enumerate() {
        lines.push((if index == 0 { "hidden" } else { "" }, what.to_string(), Role::NoticeWarning));
    }
    if let Some(so_far) = world.inventory.arrived_so_far(&cluster.name) {
        lines.push(("instances", instances::still_reading(so_far), Role::Changing));
    }
    if cluster.protected {
        lines.push(("protected", "a change asks for the service's name to be typed".into(), Role::Text));
    }
    if cluster.read_only {
        lines.push(("read-only", "nothing can be changed here".into(), Role::Text));
    }
    lines
}

struct Rows {
    next: u16,
    area: Rect,
}

impl Rows {
    fn take(&mut self) -> Option<Rect> {
        let row = Rect { y: self.next, height: 1, ..self.area };
        self.next += 1;
        (row.y < self.area.bottom()).then_some(row)
    }

    fn rest(&self) -> Rect {
        Rect { y: self.next, height: self.area.bottom().saturating_sub(self.next), ..self.area }
    }
}
