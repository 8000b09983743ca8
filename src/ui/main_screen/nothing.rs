//! What is said where there is nothing to list: that is never the same as an empty list.

use std::sync::Arc;

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    action::{Action, Place},
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
        ("KUBECONFIG=... midwatch", "looks at the contexts of another kubeconfig"),
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

/// What may not be looked at there, each with its reason.
pub fn hidden(cluster: &Cluster) -> &[Arc<str>] {
    cluster.facts.as_ref().map(|facts| facts.hidden.as_slice()).unwrap_or_default()
}

/// Why there is no row of this cluster.
pub fn why_no_rows(world: &World, cluster: &Cluster) -> Vec<String> {
    match &cluster.link {
        // Told of all of them at once.
        Link::Idle => Vec::new(),
        Link::Connecting { .. } => vec![format!("{}: connecting to {}", cluster.name, cluster.endpoint)],
        Link::Lost { why, .. } => {
            let mut lines = vec![format!("{}: {}", cluster.name, why.line())];
            lines.extend(why.help.iter().map(|help| format!("  {help}")));
            lines
        }
        Link::Live { .. } if world.inventory.pictured(&cluster.name).is_none() => {
            vec![format!("{}: reading what runs there", cluster.name)]
        }
        Link::Live { .. } => match hidden(cluster) {
            [] => vec![format!("{}: nothing runs there", cluster.name)],
            hidden => {
                let mut lines = vec![format!("{}: no services that you may see; hidden are", cluster.name)];
                lines.extend(hidden.iter().map(|what| format!("  {what}")));
                lines
            }
        },
    }
}

/// That nobody has connected to these, and which key does.
pub fn not_connected(paint: &Paint<'_>, clusters: &[&Cluster]) -> Option<String> {
    let key = match paint.key(Place::Main, Action::Open) {
        key if key.is_empty() => "a click".to_owned(),
        key => key,
    };
    match clusters {
        [] => None,
        [cluster] => Some(format!("{}: not connected; {key} on its row connects it", cluster.name)),
        clusters => Some(format!("{} clusters are not connected; {key} on a row connects it", clusters.len())),
    }
}
