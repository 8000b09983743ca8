//! What stands beside the steps of an operation: the instances with what each runs, and what they log.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::{
        World,
        logs::{LogView, Target},
    },
    config::theme::Role,
    domain::{Instance, ServiceId},
    ui::{Paint, logs as log, widget},
};

/// What a second set of instances beside a service is called after it, while a rollout is under way.
const SETS: [&str; 2] = ["canary", "green"];

/// Those of the service and of a second set beside it; of a machine, those on it.
fn members<'a>(service: &ServiceId, world: &'a World) -> Vec<&'a Instance> {
    let inventory = &world.inventory;
    if let Some(node) = service.node() {
        return inventory.instances_on(&service.cluster, node);
    }
    let mut members = inventory.instances_of(service);
    for set in SETS {
        let name = format!("{}-{set}", service.name);
        members.extend(inventory.instances_of(&ServiceId::new(&service.cluster, &service.scope, name)));
    }
    members
}

pub fn count(service: &ServiceId, world: &World) -> usize {
    members(service, world).len()
}

/// Those that are worst off first where not all of them fit. Returns the rows that this took.
pub fn instances(service: &ServiceId, paint: &mut Paint<'_>, area: Rect) -> u16 {
    let mut members = members(service, &paint.app.world);
    if members.is_empty() || area.height < 2 {
        return 0;
    }
    let all = members.len();
    let room = usize::from(area.height - 1);
    if all > room {
        members.sort_by_key(|instance| instance.health.severity());
        members.truncate(room);
    }
    let notes = if all > room { format!("{room} of {all}, the worst first") } else { String::new() };
    widget::heading(paint, Rect { height: 1, ..area }, "INSTANCES", &notes, false);
    let names = members.iter().map(|instance| instance.name.width()).max().unwrap_or(0);
    let releases = members.iter().map(|instance| instance.image.release().width()).max().unwrap_or(0);
    for (y, instance) in (area.y + 1..area.bottom()).zip(&members) {
        let (sign, role) = widget::health(paint.theme, Some(&instance.health));
        paint.text(Rect { x: area.x + 1, width: 1, y, height: 1 }, sign, role);
        let (name, release) = (&instance.name, instance.image.release());
        let text = format!("{name:<names$}  {release:<releases$}  {}", instance.health.says());
        paint.text(Rect { x: area.x + 3, width: area.width.saturating_sub(3), y, height: 1 }, &text, Role::Text);
    }
    u16::try_from(members.len() + 1).unwrap_or(area.height)
}

/// The live logs of the service's instances.
pub fn logs(service: &ServiceId, paint: &mut Paint<'_>, area: Rect) {
    if area.height < 2 || !service.is_service() {
        return;
    }
    widget::heading(paint, Rect { height: 1, ..area }, "LOGS", &service.name, false);
    let view = LogView::preview(Target::Service(service.clone()));
    log::preview(&view, paint, Rect { y: area.y + 1, height: area.height - 1, ..area });
}
