//! The main screen: three panes where there is room, one and tabs where there is not, and below them the selected service.
//!
//! ```text
//! CLUSTERS   | SERVICES                   | RELEASES      from 120 columns
//! -----------+----------------------------+----------
//! checkout  x crash loop: exit 137 (out of memory, limit 128Mi)
//! CPU .:|   MEM ||.
//! LOGS
//! ```

use ratatui::layout::Rect;

use crate::{
    app::main_screen::{Main, Pane},
    config::theme::Role,
    ui::{Click, Paint},
};

mod clusters;
mod detail;
mod nothing;
mod releases;
mod services;

/// From here on all three panes stand beside each other.
const THREE_PANES: u16 = 120;
/// From here on two do: the one before and the one after the services take turns.
const TWO_PANES: u16 = 92;

pub fn draw(screen: &Main, paint: &mut Paint<'_>, area: Rect) {
    if paint.app.world.inventory.clusters().len() == 0 {
        return nothing::draw(paint, area);
    }
    // A little more than half for the lists; what the lists do not need goes to the logs.
    let rows = services::wanted_rows(screen, paint).max(clusters::wanted_rows(screen, paint));
    let most = (area.height * 11 / 20).max(8);
    let narrow = area.width < TWO_PANES;
    let tabs = u16::from(narrow);
    let lists = most.min(rows + 1).max(8.min(area.height / 2)) + tabs;
    let upper = Rect { height: lists, ..area };
    let lower = Rect { y: area.y + lists, height: area.height - lists, ..area };
    panes(screen, paint, upper, narrow);
    rule(paint, lower);
    let below = Rect { y: lower.y + 1, height: lower.height.saturating_sub(1), ..lower };
    if screen.pane == Pane::Clusters {
        detail::cluster(screen, paint, below);
    } else {
        detail::service(screen, paint, below);
    }
}

fn panes(screen: &Main, paint: &mut Paint<'_>, area: Rect, narrow: bool) {
    let left = Rect { width: (area.width / 6).clamp(22, 26), ..area };
    let right = |width: u16| Rect { x: area.right() - width, width, ..area };
    if narrow {
        tabs(screen, paint, area);
        let area = Rect { y: area.y + 1, height: area.height - 1, ..area };
        return pane(screen, screen.pane, paint, area);
    }
    if area.width < THREE_PANES {
        let (first, wide, second) = if screen.pane == Pane::Releases {
            let releases = right(34);
            let services = Rect { width: area.width - releases.width - 1, ..area };
            (services, releases, Pane::Releases)
        } else {
            let services = Rect { x: left.right() + 1, width: area.width - left.width - 1, ..area };
            (left, services, Pane::Services)
        };
        pane(screen, if second == Pane::Releases { Pane::Services } else { Pane::Clusters }, paint, first);
        pane(screen, second, paint, wide);
        return bar(paint, wide);
    }
    let releases = right((area.width / 5).clamp(28, 34));
    let services = Rect { x: left.right() + 1, width: area.width - left.width - releases.width - 2, ..area };
    pane(screen, Pane::Clusters, paint, left);
    pane(screen, Pane::Services, paint, services);
    pane(screen, Pane::Releases, paint, releases);
    bar(paint, services);
    bar(paint, releases);
}

fn pane(screen: &Main, which: Pane, paint: &mut Paint<'_>, area: Rect) {
    match which {
        Pane::Clusters => clusters::draw(screen, paint, area),
        Pane::Services => services::draw(screen, paint, area),
        Pane::Releases => releases::draw(screen, paint, area),
    }
}

fn tabs(screen: &Main, paint: &mut Paint<'_>, area: Rect) {
    let mut x = area.x;
    for (number, tab) in Pane::ALL.into_iter().enumerate() {
        let name = match tab {
            Pane::Clusters => " Clusters ",
            Pane::Services => " Services ",
            Pane::Releases => " Releases ",
        };
        let place = Rect::new(x, area.y, 10.min(area.right().saturating_sub(x)), 1);
        paint.text(place, name, if tab == screen.pane { Role::Selected } else { Role::Dim });
        paint.hits.push(place, Click::Row { pane: number, row: usize::MAX });
        x += 11;
    }
}

/// The line between a pane and the one to its left.
fn bar(paint: &mut Paint<'_>, pane: Rect) {
    let glyph = paint.theme.glyphs.vertical;
    for y in pane.top()..pane.bottom() {
        paint.text(Rect::new(pane.x - 1, y, 1, 1), glyph, Role::Border);
    }
}

fn rule(paint: &mut Paint<'_>, area: Rect) {
    if area.height > 0 {
        let line = paint.theme.glyphs.horizontal.repeat(usize::from(area.width));
        paint.text(Rect { height: 1, ..area }, &line, Role::Border);
    }
}
