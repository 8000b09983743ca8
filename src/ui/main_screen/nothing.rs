//! What is said where there is nothing to list: that is never the same as an empty list.

use ratatui::layout::Rect;

use crate::{
    app::World,
    config::theme::Role,
    domain::{Cluster, Link},
    ui::{Paint, widget},
};

/// No cluster at all: what was tried, what each answered, and what can be done.
pub fn draw(paint: &mut Paint<'_>, area: Rect) {
    let tried = &paint.app.world.settings.tried;
    let mut lines = vec![(Role::Title, "No engine was found".to_owned()), (Role::Text, String::new())];
    let widest = tried.iter().map(|(what, _)| what.chars().count()).max().unwrap_or(0);
    lines.extend(tried.iter().map(|(what, answer)| (Role::Text, format!("{what:widest$}  {answer}"))));
    lines.extend([
        (Role::Text, String::new()),
        (Role::Text, "midwatch demo            shows everything on an embedded simulator".to_owned()),
        (Role::Text, "DOCKER_HOST=... midwatch looks at another engine".to_owned()),
        (Role::Text, "midwatch check           says what the config and every cluster answer".to_owned()),
    ]);
    let inner = Rect { x: area.x + 2, width: area.width.saturating_sub(4), ..area };
    let wrapped = lines.iter().flat_map(|(role, line)| {
        let parts = if line.is_empty() { vec![String::new()] } else { widget::wrap(line, inner.width) };
        parts.into_iter().map(|part| (*role, part))
    });
    for (y, (role, line)) in (inner.y + 1..inner.bottom()).zip(wrapped.collect::<Vec<_>>()) {
        paint.text(Rect { y, height: 1, ..inner }, &line, role);
    }
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
