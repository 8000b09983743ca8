//! All that is known of a protection, and of one snapshot of it.

use ratatui::layout::Rect;

use super::is_known;
use crate::{
    app::{
        World,
        backups::screen::{BackupsScreen, Pane as Focus},
    },
    config::theme::Role,
    domain::{Protection, Snapshot, Standing, units},
    ui::{Paint, Theme, facts::Facts, instances, widget},
};

pub fn draw(
    screen: &BackupsScreen,
    paint: &mut Paint<'_>,
    area: Rect,
    protection: &Protection,
    snapshot: Option<&Snapshot>,
) {
    if area.is_empty() {
        return;
    }
    let service = &protection.item.service;
    let (title, notes) = (format!("{}/{}", service.scope, service.name), protection.item.what());
    widget::heading(paint, area, &title, &notes, screen.pane == Focus::Details);
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let world = &paint.app.world;
    let mut facts = Facts::new(body.width);
    how_well(&mut facts, paint.theme, world, protection);
    if let Some(snapshot) = snapshot {
        of(&mut facts, world, snapshot);
    }
    facts.draw(paint, Rect { height: 1, ..area }, body, &screen.details);
    paint.row(body, Focus::Details.number(), 0);
}

fn how_well(facts: &mut Facts, theme: &Theme, world: &World, protection: &Protection) {
    let health = protection.health(world.now);
    let (mark, role) = widget::health(theme, is_known(world).then_some(&health));
    let told = match is_known(world) {
        true => format!("{mark} {}", health.says()),
        false => format!("{mark} not known now; it was: {}", instances::why(&health)),
    };
    facts.push("state", &told, role);
    let objectives = protection.objectives;
    let [point, time, proven] =
        [objectives.recovery_point, objectives.recovery_time, objectives.proven_within].map(units::elapsed);
    facts.fact("objectives", &format!("RPO {point}, RTO {time}, proven every {proven}"));
    match protection.proven {
        Some(at) => {
            let took = protection.took.map_or_else(String::new, |took| format!(", took {}", units::elapsed(took)));
            let (age, at) = (units::age_of(at, world.now), world.time(at));
            facts.fact("proven", &format!("{age} ago, at {at}{took}"));
        }
        None => facts.push("proven", "never", Role::Dim),
    }
    if let Some(why) = &protection.disproven {
        facts.push("disproven", why, Role::Failing);
    }
}

fn of(facts: &mut Facts, world: &World, snapshot: &Snapshot) {
    let (text, role) = match snapshot.standing {
        Standing::Whole => ("", Role::Text),
        Standing::Safety => (", taken before a restore, to go back to", Role::Text),
        Standing::Unfinished => (", unfinished: whoever wrote it died, and it cannot be restored", Role::Degraded),
    };
    facts.push("snapshot", &format!("{}{text}", snapshot.id), role);
    let age = units::age_of(snapshot.at, world.now);
    facts.fact("taken", &format!("{}, {age} ago", world.full_time(snapshot.at)));
    let (size, added) = (units::bytes(snapshot.bytes()), units::bytes(snapshot.added));
    facts.fact("size", &format!("{size}, of which {added} was new; took {}", units::elapsed(snapshot.took)));
    facts.maybe("version", snapshot.version.as_deref());
    facts.maybe("release", snapshot.release.as_deref());
    facts.some(
        "holds",
        snapshot.counts.iter().map(|(what, (least, most))| format!("{what}  {}", counted(*least, *most))),
    );
    facts.some("files", snapshot.files.iter().map(|file| format!("{}  {}", file.name, units::bytes(file.bytes))));
}

/// Between these two it was at the moment of the backup.
fn counted(least: u64, most: u64) -> String {
    match least == most {
        true => units::count(least),
        false => format!("{} to {}", units::count(least), units::count(most)),
    }
}
