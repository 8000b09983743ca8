//! The keys in force: what each does, on this screen and on all of them.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::help::{Group, Help, name},
    config::theme::Role,
    ui::{Paint, widget},
};

enum Line {
    Blank,
    Title(&'static str),
    Entry { keys: String, name: String, help: String },
}

pub fn draw(screen: &Help, paint: &mut Paint<'_>, area: Rect) {
    let about = screen.about.name();
    let filter = if screen.filter.is_empty() { String::new() } else { format!("  matching: {}", screen.filter.text()) };
    widget::heading(paint, area, "KEYS", &format!("on the screen: {about}{filter}"), true);
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let groups = screen.groups(paint.keys);
    if groups.is_empty() {
        widget::says(paint, body, "No action matches.", Role::Dim);
        return;
    }
    let keys = widest(&groups, |keys, _| keys.width()).clamp(4, 20).min(body.width / 4);
    let names = widest(&groups, |_, name| name.width()).clamp(6, 20).min(body.width / 3);
    let help = body.width.saturating_sub(keys + names + 4);
    let lines = lines(&groups, help);
    let shown = screen.scroll.window(lines.len(), usize::from(body.height));
    for (y, line) in (body.y..).zip(&lines[shown.clone()]) {
        let at = |x: u16, width: u16| Rect::new(body.x + x, y, width, 1);
        match line {
            Line::Blank => {}
            Line::Title(title) => {
                paint.text(at(0, body.width), title, Role::Header);
            }
            Line::Entry { keys: key, name, help: text } => {
                paint.text(at(0, keys), key, if key == "-" { Role::Dim } else { Role::Key });
                paint.text(at(keys + 2, names), name, Role::Text);
                paint.text(at(keys + names + 4, help), text, Role::Dim);
            }
        }
    }
    widget::position(paint, Rect { height: 1, ..area }, &shown, lines.len());
}

fn widest(groups: &[Group], width: impl Fn(&str, &str) -> usize) -> u16 {
    let entries = groups.iter().flat_map(|(_, actions)| actions);
    let widest = entries.map(|(action, keys)| width(&keys.join(" "), &name(*action))).max().unwrap_or(0);
    u16::try_from(widest).unwrap_or(u16::MAX)
}

/// What the help of an action does not fit into one line of is told in the next.
fn lines(groups: &[Group], width: u16) -> Vec<Line> {
    let mut lines = Vec::new();
    for (title, actions) in groups {
        if !lines.is_empty() {
            lines.push(Line::Blank);
        }
        lines.push(Line::Title(title));
        for (action, keys) in actions {
            let mut help = widget::wrap(action.help(), width).into_iter();
            let keys = if keys.is_empty() { "-".into() } else { keys.join(" ") };
            lines.push(Line::Entry { keys, name: name(*action), help: help.next().unwrap_or_default() });
            lines.extend(help.map(|help| Line::Entry { keys: String::new(), name: String::new(), help }));
        }
    }
    lines
}
