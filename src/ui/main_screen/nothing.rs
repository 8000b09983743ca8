//! What is said where there is nothing to list: that is never the same as an empty list.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::World,
    config::theme::Role,
    domain::{Cluster, Link},
    ui::{Paint, widget},
};

/// No cluster at all: what was tried, what each answered, and what can be done.
pub fn draw(paint: &mut Paint<'_>, area: Rect) {
    let tried = &paint.app.world.settings.tried;
    let help = [
        ("midwatch demo", "shows everything on an embedded simulator"),
        ("DOCKER_HOST=... midwatch", "looks at another engine"),
        ("midwatch check", "says what the config and every cluster answer"),
    ];
    let inner = Rect { x: area.x + 2, width: area.width.saturating_sub(4), ..area };
    let mut lines = vec![String::new(), "No engine was found".to_owned(), String::new()];
    lines.extend(pairs(tried.iter().map(|(what, answer)| (&**what, &**answer)).collect(), inner.width));
    lines.push(String::new());
    lines.extend(pairs(help.to_vec(), inner.width));
    for ((y, line), place) in (inner.y..inner.bottom()).zip(&lines).zip(0..) {
        paint.text(Rect { y, height: 1, ..inner }, line, if place == 1 { Role::Title } else { Role::Text });
    }
}

/// In two columns: what is long goes on below its own beginning.
fn pairs(pairs: Vec<(&str, &str)>, width: u16) -> Vec<String> {
    let left = pairs.iter().map(|(left, _)| left.width()).max().unwrap_or(0);
    let room = width.saturating_sub(u16::try_from(left + 2).unwrap_or(u16::MAX));
    let mut lines = Vec::new();
    for (what, says) in pairs {
        let mut said = widget::wrap(says, room.max(12)).into_iter();
        lines.push(format!("{what:left$}  {}", said.next().unwrap_or_default()));
        lines.extend(said.map(|more| format!("{:left$}  {more}", "")));
    }
    lines
}

/// Why there is no row of this cluster.
pub fn why_no_rows(world: &World, cluster: &Cluster) -> Vec<String> {
    match &cluster.link {
        Link::Connecting { .. } => vec![format!("{}: connecting to {}", cluster.name, cluster.endpoint)],
        Link::Lost { why, .. } => {
            let mut lines = vec![format!("{}: {}", cluster.name, why.line())];
            lines.extend(why.help.iter().map(|help| format!("  {help}")));
            lines
        }
        Link::Live { .. } if world.inventory.pictured(&cluster.name).is_none() => {
            vec![format!("{}: reading what runs there", cluster.name)]
        }
        Link::Live { .. } => vec![format!("{}: nothing runs there", cluster.name)],
    }
}
