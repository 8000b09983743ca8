//! How well everything is protected, and below it the snapshots of what is selected with all that is known of one.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::{
        World,
        backups::screen::{BackupsScreen, Pane as Focus, keys},
    },
    config::theme::Role,
    domain::{Protection, Trouble, units},
    ui::{
        Paint, instances,
        table::{Column, Table},
        widget::{self, Pane},
    },
};

mod details;
mod nothing;
mod snapshots;

#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Mark,
    Service,
    What,
    State,
    Last,
    Size,
    Proven,
    Takes,
    RecoveryPoint,
    RecoveryTime,
    Kept,
}

/// From here on there is room for the details beside the snapshots.
const BESIDE: u16 = 100;
/// Lines that one trouble may take above the list.
const TOLD: usize = 2;
/// So many troubles are told; of the rest, their number.
const TROUBLES: usize = 2;

pub fn draw(screen: &BackupsScreen, paint: &mut Paint<'_>, area: Rect) {
    let app = paint.app;
    let Some(protections) = app.world.protections() else { return nothing::draw(paint, area) };
    let told = troubles(&app.world, area.width);
    let (upper, lower) = split(area, protections.len().max(1) + told.len() + 2, 2);
    list(screen, paint, upper, protections, &told);
    match screen.selected(&app.world) {
        Some(protection) => {
            let all = BackupsScreen::snapshots_of(&app.world, protection);
            let (snapshots, details) = if area.width >= BESIDE {
                let left = area.width * 11 / 20;
                let beside = Rect { x: lower.x + left + 2, width: lower.width - left - 2, ..lower };
                (Rect { width: left, ..lower }, beside)
            } else {
                split(lower, all.len().max(1) + 2, 3)
            };
            self::snapshots::draw(screen, paint, snapshots, &all);
            self::details::draw(screen, paint, details, protection, screen.snapshot(&all));
        }
        None => nothing::is_protected(paint, lower),
    }
}

/// The list above, no higher than it needs nor than so many fifths, and a blank line between the two.
fn split(area: Rect, wanted: usize, fifths: u16) -> (Rect, Rect) {
    let most = (area.height * fifths / 5).max(4);
    let height = u16::try_from(wanted).unwrap_or(u16::MAX).clamp(3, most).min(area.height);
    let below = (area.y + height + 1).min(area.bottom());
    (Rect { height, ..area }, Rect { y: below, height: area.bottom() - below, ..area })
}

fn list(screen: &BackupsScreen, paint: &mut Paint<'_>, area: Rect, all: &[Protection], told: &[(String, Role)]) {
    let focused = screen.pane == Focus::Protections;
    widget::heading(paint, area, "BACKUPS", &notes(&paint.app.world, all), focused);
    for (y, (line, role)) in (area.y + 1..area.bottom()).zip(told) {
        paint.text(Rect::new(area.x, y, area.width, 1), line, *role);
    }
    let below = u16::try_from(told.len() + 1).unwrap_or(u16::MAX).min(area.height);
    let rest = Rect { y: area.y + below, height: area.height - below, ..area };
    if rest.is_empty() || all.is_empty() {
        return;
    }
    let table = Table::fit(&columns(&paint.app.world, all, area.width), Cell::State, area);
    table.header(paint, rest.y);
    let body = Rect { y: rest.y + 1, height: rest.height - 1, ..rest };
    let keys = keys(all);
    let pane = Pane { number: Focus::Protections.number(), focused };
    let mut in_sight = screen.protections.window(&keys, usize::from(body.height)).map(|index| &all[index]);
    let shown = widget::rows(paint, body, &screen.protections, &keys, pane, |paint, place, _| {
        if let Some(protection) = in_sight.next() {
            row(paint, &table, place.y, protection);
        }
    });
    widget::position(paint, area, &shown, all.len());
}

fn columns(world: &World, all: &[Protection], width: u16) -> Vec<Column<Cell>> {
    let widest = |text: &dyn Fn(&Protection) -> String, least: usize, most: usize| {
        all.iter().map(|protection| text(protection).width()).max().unwrap_or(0).clamp(least, most) as u16
    };
    let (service, what) = if width < 80 { (16, 10) } else { (36, 24) };
    // Why something is behind goes before what else there is to say of it.
    let state = widest(&|it| instances::why(&it.health(world.now)), 14, usize::from(width / 3).max(14));
    vec![
        Column::left(Cell::Mark, "", 1, 0),
        Column::left(Cell::Service, "SERVICE", widest(&|it| name(world, it), 8, service), 0),
        Column::left(Cell::What, "WHAT", widest(&|it| it.item.what(), 5, what), 0),
        Column::left(Cell::State, "STATE", state, 0),
        Column::right(Cell::Last, "LAST", 5, 1),
        Column::right(Cell::Size, "SIZE", 5, 4),
        Column::right(Cell::Proven, "PROVEN", 6, 2),
        Column::right(Cell::Takes, "TAKES", 6, 5),
        Column::right(Cell::RecoveryPoint, "RPO", 5, 6),
        Column::right(Cell::RecoveryTime, "RTO", 5, 7),
        Column::right(Cell::Kept, "KEPT", 4, 3),
    ]
}

/// With its cluster where there are several.
fn name(world: &World, protection: &Protection) -> String {
    let service = &protection.item.service;
    match world.inventory.clusters().len() {
        0 | 1 => format!("{}/{}", service.scope, service.name),
        _ => service.to_string(),
    }
}

fn row(paint: &mut Paint<'_>, table: &Table<Cell>, y: u16, protection: &Protection) {
    let world = &paint.app.world;
    let is_known = is_known(world);
    let health = protection.health(world.now);
    let (mark, role) = widget::health(paint.theme, is_known.then_some(&health));
    let text = if is_known { Role::Text } else { Role::Stale };
    let dim = if is_known { Role::Dim } else { Role::Stale };
    let last = protection.last.as_ref();
    let age = |at| units::age_of(at, world.now);
    let proven = match (&protection.disproven, protection.proven) {
        (Some(_), _) => "failed".into(),
        (None, Some(at)) => age(at),
        (None, None) => "never".into(),
    };
    let objectives = protection.objectives;
    let takes = protection.took.map_or_else(|| "-".into(), units::elapsed);
    table.cell(paint, Cell::Mark, y, mark, role);
    table.cell(paint, Cell::Service, y, &name(world, protection), text);
    table.cell(paint, Cell::What, y, &protection.item.what(), text);
    table.cell(paint, Cell::State, y, &instances::why(&health), role);
    table.cell(paint, Cell::Last, y, &last.map_or_else(|| "never".into(), |last| age(last.at)), text);
    table.cell(paint, Cell::Size, y, &last.map_or_else(|| "-".into(), |last| units::bytes(last.bytes())), text);
    table.cell(paint, Cell::Proven, y, &proven, text);
    table.cell(paint, Cell::Takes, y, &takes, text);
    table.cell(paint, Cell::RecoveryPoint, y, &units::elapsed(objectives.recovery_point), dim);
    table.cell(paint, Cell::RecoveryTime, y, &units::elapsed(objectives.recovery_time), dim);
    table.cell(paint, Cell::Kept, y, &protection.snapshots.to_string(), text);
}

/// What stands there is what the repository says now.
fn is_known(world: &World) -> bool {
    world.backups.trouble.is_none()
}

fn notes(world: &World, all: &[Protection]) -> String {
    let mut notes = vec![all.len().to_string()];
    if let Some(behind) = world.backups.behind() {
        notes.push(format!("{} behind", behind.count));
    }
    if let Some(read) = world.backups.read {
        notes.push(match is_known(world) {
            true => format!("read {} ago", units::age_of(read, world.now)),
            false => format!("as it was read at {}", world.time(read)),
        });
    }
    notes.join("  ")
}

/// Why the repository cannot be read, and what is wrong with labels: above the list, as what stands in it may lack something.
fn troubles(world: &World, width: u16) -> Vec<(String, Role)> {
    let unread = world.backups.trouble.iter().map(|trouble| (trouble, Role::NoticeError));
    let mislabelled = world.mislabelled();
    let labels = mislabelled.iter().take(TROUBLES).map(|trouble| (trouble, Role::NoticeWarning));
    let mut lines: Vec<(String, Role)> = unread
        .chain(labels)
        .flat_map(|(trouble, role)| told(trouble, width).into_iter().map(move |line| (line, role)))
        .collect();
    if mislabelled.len() > TROUBLES {
        lines.push((format!("… {} more", mislabelled.len() - TROUBLES), Role::Dim));
    }
    lines
}

/// The last of its lines holds all that is left, and is cut where it is painted.
fn told(trouble: &Trouble, width: u16) -> Vec<String> {
    let mut lines = widget::wrap(&trouble.line(), width);
    if lines.len() > TOLD {
        let rest = lines.split_off(TOLD - 1).join(" ");
        lines.push(rest);
    }
    lines
}
