//! Live logs: a title that says what is seen and what is not, and the lines in sight.

use ratatui::{
    layout::Rect,
    style::{Color, Modifier, Style},
};
use unicode_width::UnicodeWidthStr;

use crate::{
    app::{
        World,
        logs::{
            LogView, Logs, Reading, Times,
            rows::{Content, Row, Text},
            since,
        },
    },
    config::theme::Role,
    domain::{Level, Output, text, units},
    message::TailState,
    store::log::{
        Outputs,
        harmless::{Colour, Dress},
    },
    ui::Paint,
};

pub fn draw(screen: &Logs, paint: &mut Paint<'_>, area: Rect) {
    let area = area.intersection(paint.buffer.area);
    if area.is_empty() {
        return;
    }
    let app = paint.app;
    let world = &app.world;
    let view = &screen.view;
    title(screen, world, paint, Rect { height: 1, ..area });
    let mut body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    if let Some(trouble) = trouble(view, world)
        && body.height > 1
    {
        paint.text(Rect { height: 1, ..body }, &trouble, Role::NoticeWarning);
        body = Rect { y: body.y + 1, height: body.height - 1, ..body };
    }
    if body.is_empty() {
        return;
    }
    let columns = Columns::new(view, world, body.width, true);
    let rows = view.window(world, columns.text.into(), body.height.into());
    if rows.is_empty() {
        paint.text(Rect { height: 1, ..body }, nothing(view, world), Role::Dim);
    }
    let current = match view.reading {
        Reading::Following => None,
        Reading::Frozen(_) => view.current(world),
    };
    let marked: Vec<u64> = screen
        .marked(world)
        .map_or_else(Vec::new, |(from, to)| view.between(world, from, to).into_iter().map(|(line, _)| line).collect());
    for (place, row) in rows.iter().enumerate() {
        let line = Rect { y: body.y + place as u16, height: 1, ..body };
        let sign = match () {
            () if current == Some(row.line) => Some((">", Role::Key)),
            () if marked.contains(&row.line) => Some(("|", Role::Mark)),
            () => None,
        };
        if let Some((sign, role)) = sign {
            paint.text(Rect { width: 1, ..line }, sign, role);
        }
        columns.row(row, current == Some(row.line), paint, line);
        paint.row(line, 0, place);
    }
}

/// The newest lines, without a title and without a reader: for the main screen.
pub fn preview(view: &LogView, paint: &mut Paint<'_>, area: Rect) {
    let area = area.intersection(paint.buffer.area);
    if area.is_empty() {
        return;
    }
    let app = paint.app;
    let world = &app.world;
    let columns = Columns::new(view, world, area.width, false);
    let rows = view.newest(world, columns.text.into(), area.height.into());
    if rows.is_empty() {
        let why = trouble(view, world);
        paint.text(Rect { height: 1, ..area }, why.as_deref().unwrap_or(nothing(view, world)), Role::Dim);
    }
    for (place, row) in rows.iter().enumerate() {
        columns.row(row, false, paint, Rect { y: area.y + place as u16, height: 1, ..area });
    }
}

/// `LOGS shop/web  3 sources, 1 ended  frozen, 1,234 new  level>=warn  keep /checkout/  match 3 of 17`
fn title(screen: &Logs, world: &World, paint: &mut Paint<'_>, area: Rect) {
    let view = &screen.view;
    let mut parts = vec![
        (format!("LOGS {}", text::clean(&screen.name(world))), Role::Title),
        (sources(view, world), Role::Text),
        match view.reading {
            Reading::Following => ("following".into(), Role::Healthy),
            Reading::Frozen(_) => match view.new_lines(world) {
                0 => ("frozen".into(), Role::Changing),
                new => (format!("frozen, {} new", units::count(new)), Role::Changing),
            },
        },
    ];
    if let Some((place, count)) = view.matches(world) {
        let of = units::count(count);
        let found =
            place.map_or_else(|| format!("{of} matches"), |place| format!("match {} of {of}", units::count(place)));
        parts.push((found, Role::SearchMatch));
    }
    let filter = view.filter();
    if filter.at_least != Level::None {
        parts.push((format!("level>={}", filter.at_least), Role::Key));
    }
    match filter.outputs {
        Outputs::Both => {}
        Outputs::Only(Output::Stdout) => parts.push(("stdout only".into(), Role::Key)),
        Outputs::Only(Output::Stderr) => parts.push(("stderr only".into(), Role::Key)),
    }
    let patterns = filter
        .include
        .iter()
        .map(|pattern| ("keep", pattern))
        .chain(filter.exclude.iter().map(|pattern| ("hide", pattern)));
    parts.extend(patterns.map(|(verb, pattern)| (format!("{verb} /{}/", text::clean(pattern.text())), Role::Key)));
    if !filter.is_empty() {
        let (lines, shown) = view.counts(world);
        parts.push((format!("{} of {} lines", units::count(shown), units::count(lines)), Role::Dim));
    }
    if let Some(from) = view.since() {
        parts.push((format!("since {}", since::describe(from)), Role::Dim));
    }
    if world.log.evicted() > 0 {
        let held = units::bytes(world.settings.log_memory as u64);
        parts.push((format!("{held} kept: older lines were let go"), Role::Dim));
    }
    let mut left = area;
    for (part, role) in parts {
        let end = paint.text(left, &part, role);
        left = Rect { x: (end + 2).min(area.right()), width: area.right().saturating_sub(end + 2), ..area };
        if left.is_empty() {
            return;
        }
    }
}

fn sources(view: &LogView, world: &World) -> String {
    let tails = view.tails(world);
    let mut told = if tails.sources == 1 { "1 source".to_owned() } else { format!("{} sources", tails.sources) };
    for (count, word) in [(tails.ended, "ended"), (tails.interrupted, "interrupted"), (tails.refused, "refused")] {
        if count > 0 {
            told.push_str(&format!(", {count} {word}"));
        }
    }
    told
}

/// Why lines are missing, if they are: the first tail that cannot be read now.
fn trouble(view: &LogView, world: &World) -> Option<String> {
    view.instances(world).iter().find_map(|instance| {
        let why = match world.tails.get(instance)? {
            TailState::Interrupted(why) => format!("interrupted, trying again: {}", why.line()),
            TailState::Refused(why) => why.to_string().replace('\n', " "),
            TailState::Live | TailState::Ended => return None,
        };
        let name = world.inventory.instance(instance).map_or(&*instance.key, |known| &*known.name);
        Some(format!("{}: {}", text::clean(name), text::clean(&why)))
    })
}

fn nothing(view: &LogView, world: &World) -> &'static str {
    let tails = view.tails(world);
    match () {
        () if !view.filter().is_empty() && view.counts(world).0 > 0 => "no line passes the filter",
        () if tails.sources == 0 => "there is no instance to read from",
        () if tails.live + tails.ended > 0 => "nothing has been logged yet",
        () => "waiting for the log",
    }
}

/// What stands before a line's text, and how much room is left for that.
struct Columns {
    times: Times,
    /// 0: not shown
    source: u16,
    text: u16,
    /// The current row's and the mark's sign.
    sign: u16,
}

impl Columns {
    fn new(view: &LogView, world: &World, width: u16, has_sign: bool) -> Self {
        // Where there is hardly room for text, what stands before it goes first.
        let times = if width < 40 { Times::Hidden } else { view.times };
        let instances = view.instances(world);
        let names = world.log.sources().filter(|source| instances.contains(&source.instance));
        let widest = names.map(|source| text::clean(&source.name).width()).max().unwrap_or(0);
        let is_shown = instances.len() > 1 && !view.hides_sources && width >= 40;
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

    fn row(&self, row: &Row, is_current: bool, paint: &mut Paint<'_>, area: Rect) {
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
                paint.text(Rect { x, width: self.time_width(), ..area }, &time(line.at, self.times), Role::Dim);
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

/// In UTC, as the engines write it.
fn time(at: i64, times: Times) -> String {
    let second = at.div_euclid(1_000_000_000);
    let of_day = second.rem_euclid(86_400);
    let clock = format!("{:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60);
    match times {
        Times::OfDay => clock,
        Times::Full => {
            let date = jiff::Timestamp::from_second(second).unwrap_or_default().strftime("%Y-%m-%d");
            format!("{date} {clock}.{:03}", at.rem_euclid(1_000_000_000) / 1_000_000)
        }
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
    use std::sync::Arc;

    use jiff::Timestamp;
    use ratatui::buffer::Buffer;

    use super::*;
    use crate::{
        action::Action,
        app::{App, Page, Settings},
        domain::{InstanceId, Level},
        store::log::{Chunk, Gap, Line, Source},
        ui::{Hits, Theme},
    };

    struct Shown {
        app: App,
        logs: Logs,
        source: Arc<Source>,
    }

    impl Shown {
        fn new() -> Self {
            let instance = InstanceId::new(&"here".into(), "web");
            let app = App::new(Settings::default(), Timestamp::from_second(1_795_176_000).expect("in range"));
            let source = Arc::new(Source { instance: instance.clone(), name: "web".into(), epoch: 0 });
            Self { app, logs: Logs::of_instance(instance), source }
        }

        fn line(mut self, text: &str) -> Self {
            let mut bytes = text.as_bytes().to_vec();
            bytes.push(b'\n');
            let level = crate::store::log::level::of(text.as_bytes());
            let line = Line { end: bytes.len() as u32, level, output: Output::Stderr, at: 1_795_176_000_000_000_000 };
            let chunk = Chunk { source: self.source.clone(), text: bytes.into(), lines: [line].into() };
            self.app.world.log.push(Arc::new(chunk));
            self
        }

        fn gap(mut self, lines: u64) -> Self {
            let at = Timestamp::from_second(1_795_176_000).expect("in range");
            self.app.world.log.push_gap(Gap { source: self.source.clone(), lines, from: at, to: at });
            self
        }

        fn act(mut self, action: Action) -> Self {
            let _ = self.logs.act(action, &self.app.world);
            self
        }

        fn paint(&self, width: u16, height: u16) -> Vec<String> {
            let area = Rect::new(0, 0, width, height);
            let mut buffer = Buffer::empty(area);
            let (theme, mut hits) = (Theme::default(), Hits::default());
            draw(&self.logs, &mut Paint { app: &self.app, theme: &theme, buffer: &mut buffer, hits: &mut hits }, area);
            let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
            (0..height).map(row).collect()
        }
    }

    #[test]
    fn lines_are_shown_with_their_time_and_output_and_gaps_are_rows() {
        let shown = Shown::new()
            .line("INFO a\tb")
            .gap(12_480)
            .line("\u{1b}[31mERROR\u{1b}[0m request \u{1b}]0;title\u{7}failed");
        assert_eq!(
            shown.paint(60, 4),
            [
                "LOGS web  1 source  following",
                " 12:00:00 !INFO a  b",
                "           ... 12,480 lines not shown ...",
                " 12:00:00 !ERROR request failed",
            ]
        );
    }

    #[test]
    fn a_frozen_view_says_how_many_lines_are_new_and_marks_the_current_one() {
        let shown = Shown::new().line("one").line("two").act(Action::Up).line("three");
        assert_eq!(
            shown.paint(60, 4),
            ["LOGS web  1 source  frozen, 1 new", ">12:00:00 !one", " 12:00:00 !two", " 12:00:00 !three"]
        );
    }

    #[test]
    fn a_line_that_does_not_fit_shows_on_which_side_there_is_more() {
        let shown = Shown::new().line(&"0123456789".repeat(10)).act(Action::Right);
        assert_eq!(shown.paint(41, 2)[1], " 12:00:00 !‹7890123456789012345678901234›");
    }

    #[test]
    fn what_is_missing_is_said_and_why() {
        assert_eq!(Shown::new().paint(40, 2)[1], "waiting for the log");
        let filtered = Shown::new().line("INFO fine").act(Action::MinimumLevel).act(Action::MinimumLevel);
        assert_eq!(
            filtered.paint(80, 2),
            ["LOGS web  1 source  following  level>=warn  0 of 1 lines", "no line passes the filter"]
        );
    }

    #[test]
    fn no_size_of_screen_is_too_small_to_paint_on() {
        let shown = Shown::new().line("ERROR 日本語 wide").gap(3).act(Action::Up).act(Action::Wrap);
        for width in 1..30 {
            for height in 1..6 {
                shown.paint(width, height);
            }
        }
    }

    #[test]
    fn levels_keep_their_order_of_roles() {
        let roles: Vec<_> = Level::ALL.into_iter().map(level_role).collect();
        assert!(roles[1..].is_sorted(), "{roles:?}");
    }
}
