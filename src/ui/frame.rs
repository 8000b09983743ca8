//! The whole picture: a title row, the screen in sight, a row of hints, and what lies over them.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    action::Action,
    app::{App, Screen, backups::Behind},
    config::theme::Role,
    domain::{Link, OperationState},
    ui::{
        Paint, backups, configuration, events, forwards, help, hints, instances, logs, main_screen, metrics, nodes,
        notices, operation, operations, overlay, plan, release, rollout, widget,
    },
};

/// Below this nothing can be read.
const SMALLEST: (u16, u16) = (60, 20);

pub fn draw(paint: &mut Paint<'_>) {
    let area = paint.buffer.area;
    let text = paint.style(Role::Text);
    paint.buffer.set_style(area, text);
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let text =
            format!("midwatch needs {}x{} cells, this is {}x{}", SMALLEST.0, SMALLEST.1, area.width, area.height);
        paint.text(Rect { y: area.height / 2, height: 1, ..area }, &text, Role::Text);
        return;
    }
    title(paint, Rect { height: 1, ..area });
    let body = Rect { y: 1, height: area.height - 2, ..area };
    screen(paint, body);
    let last = Rect { y: area.height - 1, height: 1, ..area };
    bottom(paint, last);
    if let Some(overlay) = paint.app.overlay() {
        overlay::draw(overlay, paint, body);
    }
}

fn screen(paint: &mut Paint<'_>, body: Rect) {
    match paint.app.top() {
        Screen::Main(screen) => main_screen::draw(screen, paint, body),
        Screen::Logs(screen) => logs::draw(screen, paint, body),
        Screen::Metrics(screen) => metrics::draw(screen, paint, body),
        Screen::Instances(screen) => instances::draw(screen, paint, body),
        Screen::Nodes(screen) => nodes::draw(screen, paint, body),
        Screen::Forwards(screen) => forwards::draw(screen, paint, body),
        Screen::Backups(screen) => backups::draw(screen, paint, body),
        Screen::Events(screen) => events::draw(screen, paint, body),
        Screen::Configuration(screen) => configuration::draw(screen, paint, body),
        Screen::Release(screen) => release::draw(screen, paint, body),
        Screen::Rollout(form) => rollout::draw(form, paint, body),
        Screen::Plan(screen) => plan::draw(screen, paint, body),
        Screen::Operation(screen) => operation::draw(screen, paint, body),
        Screen::Operations(screen) => operations::draw(screen, paint, body),
        Screen::Notices(screen) => notices::draw(screen, paint, body),
        Screen::Help(screen) => help::draw(screen, paint, body),
    }
}

/// `midwatch   3 clusters  41 services  2 failing  1 operation                    prod-eu live`
fn title(paint: &mut Paint<'_>, row: Rect) {
    let app = paint.app;
    let (link, link_role) = link(app);
    let end = paint.text(row, " midwatch", Role::Title);
    let right = row.right().saturating_sub(u16::try_from(link.width()).unwrap_or(0) + 3);
    let mut parts = summary(app);
    let width = |text: &str| u16::try_from(text.width()).unwrap_or(u16::MAX).saturating_add(2);
    // Where there is no room for all of it, what is only good to know goes before what needs somebody.
    while parts.iter().map(|part| width(&part.0)).sum::<u16>() + end > right {
        let Some(least) = parts.iter().position(|part| part.1 == Role::Text).or_else(|| parts.len().checked_sub(1))
        else {
            break;
        };
        parts.remove(least);
    }
    let mut x = end + 2;
    for (text, role, action) in parts {
        let place = Rect::new(x, row.y, width(&text) - 2, 1);
        paint.text(place, &text, role);
        if let Some(action) = action {
            paint.button(place, action);
        }
        x += width(&text);
    }
    paint.text_right(Rect { width: row.width - 1, ..row }, &link, link_role);
}

fn summary(app: &App) -> Vec<(String, Role, Option<Action>)> {
    let world = &app.world;
    let mut parts = Vec::new();
    if world.settings.is_demo {
        parts.push(("DEMO".to_owned(), Role::Danger, None));
    }
    if world.settings.read_only {
        parts.push(("READ-ONLY".to_owned(), Role::Danger, None));
    }
    if let Some(left) = world.armed_for() {
        // In steps of ten seconds, which is how often a quiet screen is looked at anew.
        let seconds = left.as_secs() / 10 * 10;
        parts.push((format!("armed {}:{:02}", seconds / 60, seconds % 60), Role::Danger, None));
    }
    let plural = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    parts.push((plural(world.inventory.clusters().len(), "cluster"), Role::Text, None));
    // Before any engine has told, their number is not known, which is not the same as none.
    if world.inventory.clusters().any(|cluster| world.inventory.pictured(&cluster.name).is_some()) {
        parts.push((plural(world.services().count(), "service"), Role::Text, None));
    }
    let broken = world.services().filter(|service| service.health.is_broken()).count();
    if broken > 0 {
        parts.push((format!("{broken} broken"), Role::Failing, Some(Action::Faults)));
    }
    if let Some(Behind { count, is_failing }) = world.backups.behind() {
        let role = if is_failing { Role::Failing } else { Role::Degraded };
        parts.push((format!("{} behind", plural(count, "backup")), role, Some(Action::Backups)));
    }
    let forwards = world.forwards_wanted.len();
    if forwards > 0 {
        let role = if world.troubled_forwards() > 0 { Role::NoticeWarning } else { Role::Text };
        parts.push((plural(forwards, "forward"), role, Some(Action::Forwards)));
    }
    let works = |state: &OperationState| matches!(state, OperationState::Running | OperationState::Undoing);
    let running = world.operations.values().filter(|operation| works(&operation.state)).count();
    if running > 0 {
        parts.push((format!("{} running", plural(running, "operation")), Role::Changing, Some(Action::Operations)));
    }
    let held =
        world.operations.values().filter(|operation| matches!(operation.state, OperationState::Held { .. })).count();
    if held > 0 {
        parts.push((format!("{} waiting", plural(held, "operation")), Role::NoticeWarning, Some(Action::Operations)));
    }
    let interrupted =
        world.operations.values().filter(|operation| operation.state == OperationState::Interrupted).count();
    if interrupted > 0 {
        let text = format!("{} interrupted", plural(interrupted, "operation"));
        parts.push((text, Role::Failing, Some(Action::Operations)));
    }
    let unread = world.unread;
    if unread > 0 {
        parts.push((plural(unread, "notice"), Role::NoticeWarning, Some(Action::Notices)));
    }
    parts
}

/// The link of what is selected. Short answers all look alike: a number that flickers between 1 and 2 ms is no news.
fn link(app: &App) -> (String, Role) {
    let world = &app.world;
    let selected = app.subject().and_then(|subject| world.inventory.cluster(subject.cluster()));
    let cluster = selected.or_else(|| world.inventory.clusters().next());
    let Some(cluster) = cluster else { return (String::new(), Role::Dim) };
    let name = &cluster.name;
    match &cluster.link {
        Link::Idle => (format!("{name} not connected"), Role::Dim),
        Link::Connecting { .. } => (format!("{name} connecting"), Role::Changing),
        Link::Lost { kind, .. } => (format!("{name} {}", kind.word()), Role::Failing),
        Link::Live { .. } => {
            let millis = cluster.latency.map_or(0, |latency| latency.as_millis());
            let shown = match millis {
                0..10 => String::new(),
                10..200 => format!(" {} ms", (millis + 5) / 10 * 10),
                _ => format!(" {} ms", (millis + 50) / 100 * 100),
            };
            (format!("{name} live{shown}"), Role::Healthy)
        }
    }
}

/// What the last key came to, a line to type into, or which keys do what.
fn bottom(paint: &mut Paint<'_>, row: Rect) {
    if let Some(prompt) = paint.app.top().page().prompt().filter(|_| paint.app.overlay().is_none()) {
        return widget::prompt(paint, Rect { x: 1, width: row.width - 2, ..row }, prompt);
    }
    if let Some(message) = paint.app.message() {
        let message = message.to_owned();
        paint.text(Rect { x: 1, width: row.width - 1, ..row }, &message, Role::NoticeWarning);
        return;
    }
    hints::draw(paint, row);
}
