//! One row of the log: its time, its source, its output, and its text in the colours of its level, its program and the search.

use jiff::{Timestamp, tz::TimeZone};
use ratatui::{
    layout::Rect,
    style::{Color, Modifier, Style},
};
use unicode_width::UnicodeWidthStr;

use crate::{
    app::{
        World,
        logs::{
            LogView, Times,
            rows::{Content, Row, Text},
        },
    },
    config::theme::Role,
    domain::{Level, Output, text, units},
    store::log::harmless::{Colour, Dress},
    ui::Paint,
};

/// What stands before a line's text, and how much room is left for that.
pub struct Columns {
    times: Times,
    /// 0: not shown
    source: u16,
    pub text: u16,
    /// The current row's and the mark's sign.
    sign: u16,
}

impl Columns {
    pub fn new(view: &LogView, world: &World, width: u16, has_sign: bool, times: Times) -> Self {
        // Where there is hardly room for text, what stands before it goes first.
        let times = if width < 40 { Times::Hidden } else { times };
        let sources = view.sources(world);
        let names = world.log.sources().filter(|source| sources.contains(&source.instance));
        let widest = names.map(|source| text::clean(&source.name).width()).max().unwrap_or(0);
        let is_shown = sources.len() > 1 && !view.hides_sources && width >= 40;
        let source = if is_shown { (widest as u16).min(width / 6).min(24) } else { 0 };
        let sign = u16::from(has_sign);
        let mut columns = Self { times, source, text: 0, sign };
        columns.text = width.saturating_sub(columns.before()).max(1);
        columns
    }

    /// Columns before the text; the last is the sign of stderr.
    fn before(&self) -> u16 {
        let time = self.time_width();
        self.sign + if time > 0 { time + 1 } else { 0 } + if self.source > 0 { self.source + 1 } else { 0 } + 1
    }

    fn time_width(&self) -> u16 {
        match self.times {
            Times::OfDay => 8,
            Times::Full => 23,
            Times::Hidden => 0,
        }
    }

    pub fn row(&self, row: &Row, is_current: bool, paint: &mut Paint<'_>, area: Rect) {
        let text_area = Rect { x: area.x + self.before(), width: self.text, ..area }.intersection(area);
        let line = match &row.content {
            Content::Line(line) => line,
            Content::Gap(lines) => {
                paint.text(text_area, &format!("... {} lines not shown ...", units::count(*lines)), Role::Gap);
                return;
            }
        };
        let mut x = area.x + self.sign;
        // Of a wrapped line only the first row says when and from where.
        let is_first = row.part == 0;
        if self.times != Times::Hidden {
            if is_first {
                paint.text(
                    Rect { x, width: self.time_width(), ..area },
                    &time(line.at, self.times, &paint.app.world.settings.zone),
                    Role::Dim,
                );
            }
            x += self.time_width() + 1;
        }
        if self.source > 0 && is_first {
            paint.text(Rect { x, width: self.source, ..area }, &text::clean(&line.source), source_role(line.ordinal));
        }
        if line.output == Output::Stderr && is_first {
            let at = Rect { x: text_area.x.saturating_sub(1), width: 1, ..area };
            paint.text(at, "!", Role::Stderr);
        }
        self.text(line, is_current, paint, text_area);
    }

    fn text(&self, line: &Text, is_current: bool, paint: &mut Paint<'_>, area: Rect) {
        if area.is_empty() {
            return;
        }
        let base = paint.style(level_role(line.level));
        let found = paint.style(if is_current { Role::CurrentMatch } else { Role::SearchMatch });
        // A theme that has no colour for an error has none for anything.
        let has_colours = paint.style(Role::LevelError).fg.is_some();
        let mut cuts: Vec<usize> = line
            .dress
            .iter()
            .map(|(range, _)| range)
            .chain(&line.matches)
            .flat_map(|range| [range.start, range.end])
            .collect();
        cuts.extend([0, line.text.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut x = area.x;
        for pair in cuts.windows(2) {
            let at = pair[0];
            let mut style = base;
            if let Some((_, dress)) = line.dress.iter().find(|(range, _)| range.contains(&at)) {
                style = style.patch(dressed(*dress, has_colours));
            }
            if line.matches.iter().any(|range| range.contains(&at)) {
                style = style.patch(found);
            }
            let room = usize::from(area.right().saturating_sub(x));
            (x, _) = paint.buffer.set_stringn(x, area.y, &line.text[at..pair[1]], room, style);
        }
        if line.is_cut_right {
            paint.text(Rect { x: area.right() - 1, width: 1, ..area }, "›", Role::Dim);
        }
        if line.is_cut_left {
            paint.text(Rect { width: 1, ..area }, "‹", Role::Dim);
        }
    }
}

/// The program's own colours, put on top of the level's.
fn dressed(dress: Dress, has_colours: bool) -> Style {
    let mut style = Style::new();
    if let Some(colour) = dress.colour.filter(|_| has_colours) {
        style = style.fg(match colour {
            Colour::Indexed(index) => Color::Indexed(index),
            Colour::Rgb(red, green, blue) => Color::Rgb(red, green, blue),
        });
    }
    if dress.is_bold {
        style = style.add_modifier(Modifier::BOLD);
    }
    if dress.is_underlined {
        style = style.add_modifier(Modifier::UNDERLINED);
    }
    style
}

fn time(at: i64, times: Times, zone: &TimeZone) -> String {
    let at = Timestamp::from_nanosecond(at.into()).unwrap_or_default().to_zoned(zone.clone());
    match times {
        Times::OfDay => at.strftime("%H:%M:%S").to_string(),
        Times::Full => at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        Times::Hidden => String::new(),
    }
}

fn level_role(level: Level) -> Role {
    match level {
        Level::None => Role::Text,
        Level::Trace => Role::LevelTrace,
        Level::Debug => Role::LevelDebug,
        Level::Info => Role::LevelInfo,
        Level::Warn => Role::LevelWarn,
        Level::Error => Role::LevelError,
        Level::Fatal => Role::LevelFatal,
    }
}

fn source_role(ordinal: usize) -> Role {
    const ROLES: [Role; 6] = [Role::Source1, Role::Source2, Role::Source3, Role::Source4, Role::Source5, Role::Source6];
    ROLES[ordinal % ROLES.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_keep_their_order_of_roles() {
        let roles: Vec<_> = Level::ALL.into_iter().map(level_role).collect();
        assert!(roles[1..].is_sorted(), "{roles:?}");
    }
}
