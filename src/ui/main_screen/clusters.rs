//! The clusters pane: every cluster with its link, and its scopes with what is broken in them.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::{
        World,
        main_screen::{Main, Pane, Row},
    },
    config::theme::Role,
    domain::{Cluster, Link, Service, units},
    ui::{Paint, widget},
};

pub fn wanted_rows(screen: &Main, paint: &Paint<'_>) -> u16 {
    u16::try_from(screen.scope_rows(&paint.app.world).len()).unwrap_or(u16::MAX)
}

pub fn draw(screen: &Main, paint: &mut Paint<'_>, area: Rect) {
    let keys = screen.scope_rows(&paint.app.world);
    let focused = screen.pane == Pane::Clusters;
    let together = screen.together().len();
    let notes = if together == 0 { String::new() } else { format!("{together} together") };
    widget::heading(paint, area, "CLUSTERS", &notes, focused);
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let pane = widget::Pane { number: Pane::Clusters as usize, focused };
    let window =
        widget::rows(paint, body, &screen.scopes, &keys, pane, |paint, place, row| draw_row(screen, paint, place, row));
    widget::position(paint, Rect { height: 1, ..area }, &window, keys.len());
}

fn draw_row(screen: &Main, paint: &mut Paint<'_>, place: Rect, row: &Row) {
    let world = &paint.app.world;
    if screen.together().contains(row) {
        paint.text(Rect { x: place.x + 1, width: place.width.min(1), ..place }, paint.theme.glyphs.check, Role::Key);
    }
    match row {
        Row::Everything => {
            paint.text(place, "  everything", Role::Text);
            // Before the first picture there is nothing to count.
            if world.inventory.clusters().any(|cluster| world.inventory.pictured(&cluster.name).is_some()) {
                let (all, broken) = count(world.services());
                numbers(paint, place, all, broken, Role::Dim);
            }
        }
        Row::Cluster(name) => {
            let Some(cluster) = world.inventory.cluster(name) else { return };
            let (all, broken) = count(world.services_of(name));
            let (glyph, role) = link(paint, cluster);
            paint.text(place, glyph, role);
            let text_role = match cluster.link {
                Link::Live { .. } => Role::Text,
                Link::Idle => Role::Dim,
                Link::Connecting { .. } | Link::Lost { .. } => Role::Stale,
            };
            let state = state(world, cluster);
            let long = format!("{} {}", cluster.name, cluster.engine);
            // Of one that nobody has looked at, the name says more than its state, which its shape says too.
            let room = usize::from(place.width).saturating_sub(2);
            let state = state.filter(|(text, _)| cluster.link != Link::Idle || long.width() + text.width() < room);
            let (label, right) = match &state {
                None if cluster.link == Link::Idle => (long, 0),
                None if super::nothing::hidden(cluster).is_empty() => (long, 9),
                None => (long, 11),
                // That a link is down comes before what is at its end.
                Some((text, _)) => {
                    let label = if cluster.link == Link::Idle { long } else { cluster.name.to_string() };
                    (label, u16::try_from(text.width()).unwrap_or(0) + 1)
                }
            };
            let room = Rect { x: place.x + 2, width: place.width.saturating_sub(2 + right), ..place };
            let end = paint.text(room, &label, text_role);
            let rest = Rect { x: end + 1, width: place.right().saturating_sub(end + 1), ..place };
            match state {
                None if cluster.link == Link::Idle => {}
                None => {
                    // The numbers beside it are not all that there is.
                    let is_part = !super::nothing::hidden(cluster).is_empty();
                    let after_sign = if is_part { paint.text(rest, "~", Role::NoticeWarning) + 1 } else { rest.x };
                    let rest = Rect { x: after_sign, width: place.right().saturating_sub(after_sign), ..rest };
                    let fold = if screen.is_folded(name) { paint.theme.glyphs.folded } else { "" };
                    paint.text(rest, fold, Role::Dim);
                    numbers(paint, place, all, broken, Role::Dim);
                }
                Some((text, role)) => paint.text_right(rest, &text, role),
            }
        }
        Row::Scope(cluster, scope) => {
            let is_live = world.inventory.cluster(cluster).is_some_and(|cluster| cluster.link.is_live());
            let (all, broken) = count(world.services_of(cluster).filter(|service| service.id.scope == *scope));
            let room = Rect { x: place.x + 4, width: place.width.saturating_sub(13), ..place };
            paint.text(room, scope.as_str(), if is_live { Role::Text } else { Role::Stale });
            numbers(paint, place, all, if is_live { broken } else { 0 }, Role::Dim);
        }
    }
}

/// Why there are no numbers of a cluster, or none to rely on.
fn state(world: &World, cluster: &Cluster) -> Option<(String, Role)> {
    match &cluster.link {
        Link::Live { .. } if world.inventory.pictured(&cluster.name).is_some() => None,
        Link::Live { .. } => Some(("reading".to_owned(), Role::Changing)),
        Link::Idle => Some(("not connected".to_owned(), Role::Dim)),
        Link::Connecting { .. } => Some(("connecting".to_owned(), Role::Changing)),
        Link::Lost { since, kind, .. } => {
            Some((format!("{} {}", kind.word(), units::age_of(*since, world.now)), Role::Failing))
        }
    }
}

/// The shape and colour of a link's state.
pub fn link(paint: &Paint<'_>, cluster: &Cluster) -> (&'static str, Role) {
    let glyphs = paint.theme.glyphs;
    match cluster.link {
        Link::Live { .. } => (glyphs.healthy, Role::Healthy),
        Link::Idle => (glyphs.stopped, Role::Dim),
        Link::Connecting { .. } => (glyphs.changing, Role::Changing),
        Link::Lost { .. } => (glyphs.failing, Role::Failing),
    }
}

fn count<'a>(services: impl Iterator<Item = &'a Service>) -> (usize, usize) {
    services.fold((0, 0), |(all, broken), service| (all + 1, broken + usize::from(service.health.is_broken())))
}

/// `  12   2✖` in nine columns at the right.
fn numbers(paint: &mut Paint<'_>, place: Rect, all: usize, broken: usize, role: Role) {
    let at = |from: u16, width: u16| Rect { x: place.right().saturating_sub(from), width, ..place };
    paint.text_right(at(9, 4), &all.to_string(), role);
    if broken > 0 {
        let text = format!("{broken}{}", paint.theme.glyphs.failing);
        paint.text_right(at(5, 5), &text, Role::Failing);
    }
}
