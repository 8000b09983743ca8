//! One release: what is known of it in a few lines, then what differs, as text that scrolls.

use std::borrow::Cow;

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::{
        World,
        release::{Compared, Made, ReleaseScreen},
    },
    config::theme::Role,
    domain::{Difference, Release, difference::shown, text::shorten, units},
    ui::{Paint, widget},
};

/// Pieces of one line, each in its role.
type Line = Vec<(String, Role)>;

/// Columns before a value that stands below its path.
const INDENT: u16 = 4;

pub fn draw(screen: &ReleaseScreen, paint: &mut Paint<'_>, area: Rect) {
    let world = &paint.app.world;
    let release = screen.release(world);
    let notes = format!("{}  {}", screen.service.name, release.title());
    widget::heading(paint, area, "RELEASE", &notes, true);
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let mut lines = facts(screen, world, body.width);
    lines.push(Line::new());
    lines.extend(if screen.shows_all { all(screen, world, body.width) } else { changes(screen, world, body.width) });
    let window = screen.scroll.window(lines.len(), usize::from(body.height));
    for (y, line) in (body.y..).zip(&lines[window.clone()]) {
        let mut x = body.x;
        for (text, role) in line {
            x = paint.text(Rect { x, y, width: body.right().saturating_sub(x), height: 1 }, text, *role);
        }
    }
    widget::position(paint, Rect { height: 1, ..area }, &window, lines.len());
}

/// What the list knows of it, a title before each.
fn facts(screen: &ReleaseScreen, world: &World, width: u16) -> Vec<Line> {
    let release = screen.release(world);
    let mut lines = Vec::new();
    let mut fact = |title: &str, text: &str, role: Role| {
        let room = width.saturating_sub(9);
        for (row, text) in widget::wrap(text, room).into_iter().enumerate() {
            let title = if row == 0 { title } else { "" };
            lines.push(vec![(format!("{title:<9}"), Role::Header), (text, role)]);
        }
    };
    if !release.image.reference.is_empty() {
        fact("image", &release.image.reference, Role::Text);
    }
    if let Some(digest) = &release.image.digest {
        // All of it or enough to know it by: in two rows nobody compares it.
        let fits = digest.width() + 9 <= usize::from(width);
        fact("digest", &if fits { Cow::Borrowed(&**digest) } else { shorten(digest, 20) }, Role::Dim);
    }
    if let Some(created) = release.created {
        fact("began", &format!("{} ago, {}", units::age_of(created, world.now), world.full_time(created)), Role::Text);
    }
    let (how, role) = how(screen, world, release);
    if !how.is_empty() {
        fact("is", &how, role);
    }
    if let Some(cause) = &release.cause {
        fact("cause", cause, Role::Text);
    }
    if !release.older.is_empty() {
        let older: Vec<_> = release.older.iter().map(ToString::to_string).collect();
        fact("numbers", &format!("it was {} before: it was gone back to", older.join(", ")), Role::Dim);
    }
    lines
}

/// How it does or did, as far as that can be told.
fn how(screen: &ReleaseScreen, world: &World, release: &Release) -> (String, Role) {
    let mut said = Vec::new();
    if screen.is_gone(world) {
        said.push("no longer kept by its engine".to_owned());
    }
    if release.current {
        said.push("current".to_owned());
    }
    if let Some(since) = release.healthy_since {
        said.push(format!("all available for {}", units::age_of(since, world.now)));
    }
    if let Some(seconds) = release.served {
        said.push(format!("over: it was the current one for {}", units::age(seconds)));
    }
    said.extend(release.outcome.iter().map(ToString::to_string));
    if release.instances > 0 {
        let plural = if release.instances == 1 { "" } else { "s" };
        said.push(format!("{} instance{plural} now", release.instances));
    }
    if screen.is_suggested(world) {
        said.push("the one to go back to: the newest other that held long".to_owned());
    }
    let role = match release {
        Release { failed: true, .. } => Role::Failing,
        Release { healthy_since: Some(_), .. } => Role::Healthy,
        _ => Role::Text,
    };
    (said.join("; "), role)
}

fn changes(screen: &ReleaseScreen, world: &World, width: u16) -> Vec<Line> {
    let comparison = match screen.compared(world) {
        Compared::Told(comparison) => comparison,
        Compared::Alone => return says("CHANGES", "There is no other release to compare it with.", Role::Dim, width),
        Compared::Asked => return says("CHANGES", "asking the engine what they are made of", Role::Dim, width),
        Compared::Refused(trouble) => return says("CHANGES", &trouble.to_string(), Role::NoticeError, width),
    };
    let mut lines = vec![title("CHANGES", &comparison.title())];
    for text in comparison.says().iter().flat_map(|says| widget::wrap(says, width)) {
        lines.push(vec![(text, Role::Text)]);
    }
    let paths = comparison.differences.iter().map(|difference| difference.path.width()).max().unwrap_or(0);
    let column = paths.min(usize::from(width) * 2 / 5);
    lines.extend(comparison.differences.iter().flat_map(|difference| change(difference, column, width)));
    lines
}

/// In one line where it fits, else the two values below each other.
fn change(difference: &Difference, column: usize, width: u16) -> Vec<Line> {
    let (was, is) = (difference.was.as_deref().map(shown), difference.is.as_deref().map(shown));
    let sign = difference.sign();
    let role = match sign {
        '+' => Role::Healthy,
        '-' => Role::Failing,
        _ => Role::Changing,
    };
    let pad = column.saturating_sub(difference.path.width());
    let beside: Line = match (was, is) {
        (Some(was), Some(is)) => {
            vec![(was.to_owned(), Role::Failing), (" -> ".to_owned(), Role::Dim), (is.to_owned(), Role::Healthy)]
        }
        (Some(was), None) => vec![(was.to_owned(), Role::Failing)],
        (None, is) => vec![(is.unwrap_or_default().to_owned(), Role::Healthy)],
    };
    let begin = vec![(format!("{sign} "), role), (difference.path.to_string(), Role::Text)];
    let needed: usize =
        4 + column.max(difference.path.width()) + beside.iter().map(|(text, _)| text.width()).sum::<usize>();
    if needed <= usize::from(width) {
        let mut line = begin;
        line.push((" ".repeat(pad + 2), Role::Text));
        line.extend(beside);
        return vec![line];
    }
    let mut lines = path(sign, role, &difference.path, width);
    for (sign, value, role) in [("- ", was, Role::Failing), ("+ ", is, Role::Healthy)] {
        let rows = value.map(|value| widget::wrap(value, width.saturating_sub(INDENT + 2))).unwrap_or_default();
        for (row, text) in rows.into_iter().enumerate() {
            let sign = if row == 0 { sign } else { "  " };
            lines.push(vec![(format!("{:>4}{sign}", ""), role), (text, role)]);
        }
    }
    lines
}

fn path(sign: char, role: Role, path: &str, width: u16) -> Vec<Line> {
    let rows = widget::wrap(path, width.saturating_sub(2)).into_iter().enumerate();
    let sign = |row| if row == 0 { format!("{sign} ") } else { "  ".to_owned() };
    rows.map(|(row, text)| vec![(sign(row), role), (text, Role::Text)]).collect()
}

fn all(screen: &ReleaseScreen, world: &World, width: u16) -> Vec<Line> {
    let release = screen.release(world);
    let Some(outline) = screen.outline(world, release) else {
        return match screen.made(world, release) {
            Made::Refused(trouble) => says("MADE OF", &trouble.to_string(), Role::NoticeError, width),
            Made::Asked | Made::Known(_) | Made::NotKept => says("MADE OF", "asking the engine", Role::Dim, width),
        };
    };
    let rows = outline.rows();
    let mut lines = vec![title("MADE OF", "all that is known of it, secrets masked")];
    let column = rows.iter().map(|(path, _)| path.width()).max().unwrap_or(0).min(usize::from(width) * 2 / 5);
    for (name, value) in rows {
        let value = shown(value);
        if name.width() <= column && column + 2 + value.width() <= usize::from(width) {
            lines.push(vec![
                (format!("{name}{}  ", " ".repeat(column - name.width())), Role::Header),
                (value.to_owned(), Role::Text),
            ]);
            continue;
        }
        lines.extend(widget::wrap(name, width).into_iter().map(|text| vec![(text, Role::Header)]));
        let rows = widget::wrap(value, width.saturating_sub(INDENT));
        lines.extend(rows.into_iter().map(|text| vec![(format!("{:>4}{text}", ""), Role::Text)]));
    }
    lines
}

fn title(what: &str, notes: &str) -> Line {
    vec![(format!("{what}  "), Role::Header), (notes.to_owned(), Role::Dim)]
}

fn says(what: &str, text: &str, role: Role, width: u16) -> Vec<Line> {
    let rows = widget::wrap(text, width).into_iter().map(|text| vec![(text, role)]);
    std::iter::once(title(what, "")).chain(rows).collect()
}
