//! Live logs: a title that says what is seen and what is not, and the lines in sight.

mod row;

use ratatui::layout::Rect;

use self::row::Columns;
use crate::{
    app::{
        World,
        logs::{
            LogView, Logs, Reading, Times,
            rows::{Content, Row},
            since,
        },
    },
    config::theme::Role,
    domain::{InstanceId, Level, Output, text, units},
    message::TailState,
    store::log::Outputs,
    ui::{Paint, widget},
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
    if let Some(trouble) = trouble(view, world).or_else(|| left_out(view, world))
        && body.height > 1
    {
        // Three rows are enough for a reason and what would help, and leave some for the lines.
        let most = if body.height >= 9 { 3 } else { 1 };
        let taken = widget::says(paint, Rect { height: most, ..body }, &trouble, Role::NoticeWarning);
        body = Rect { y: body.y + taken, height: body.height - taken, ..body };
    }
    if body.is_empty() {
        return;
    }
    let columns = Columns::new(view, world, body.width, true, view.times);
    let rows = view.window(world, columns.text.into(), body.height.into());
    if rows.is_empty() {
        paint.text(Rect { height: 1, ..body }, nothing(view, world), Role::Dim);
    }
    let current = match view.reading {
        Reading::Following => None,
        Reading::Frozen(_) => view.current(world),
    };
    let marked = screen.marked(world).map(|(from, to)| view.is_between(world, from, to));
    for (place, row) in rows.iter().enumerate() {
        let line = Rect { y: body.y + place as u16, height: 1, ..body };
        let sign = match () {
            () if current == Some(row.line) => Some((">", Role::Key)),
            () if marked.as_ref().is_some_and(|is_marked| is_marked(row.line)) => Some(("|", Role::Mark)),
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
    // Lines that tell the time themselves are not told it twice: that is room, and bytes for each of them.
    let mut columns = Columns::new(view, world, area.width, false, Times::Hidden);
    let mut rows = view.newest(world, columns.text.into(), area.height.into());
    if !rows.iter().all(tells_the_time) {
        columns = Columns::new(view, world, area.width, false, Times::OfDay);
        rows = view.newest(world, columns.text.into(), area.height.into());
    }
    if rows.is_empty() {
        let why = trouble(view, world);
        paint.text(Rect { height: 1, ..area }, why.as_deref().unwrap_or(nothing(view, world)), Role::Dim);
    }
    for (place, row) in rows.iter().enumerate() {
        columns.row(row, false, paint, Rect { y: area.y + place as u16, height: 1, ..area });
    }
}

/// A time of day stands near the beginning of its text.
fn tells_the_time(row: &Row) -> bool {
    const CLOCK: [u8; 8] = *b"dd:dd:dd";
    let Content::Line(line) = &row.content else { return true };
    let beginning = &line.text.as_bytes()[..line.text.len().min(48)];
    beginning.windows(CLOCK.len()).any(|place| {
        place
            .iter()
            .zip(CLOCK)
            .all(|(byte, wanted)| if wanted == b'd' { byte.is_ascii_digit() } else { *byte == wanted })
    })
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
        parts.push((format!("since {}", since::describe(from, &world.settings.zone)), Role::Dim));
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
    let counts = [
        (tails.ended, "ended"),
        (tails.interrupted, "interrupted"),
        (tails.refused, "refused"),
        (tails.left_out, "left out"),
    ];
    for (count, word) in counts {
        if count > 0 {
            told.push_str(&format!(", {count} {word}"));
        }
    }
    told
}

/// Why lines are missing, if they are: the first tail that cannot be read now.
fn trouble(view: &LogView, world: &World) -> Option<String> {
    let (name, state) = view.trouble(world)?;
    let why = match state {
        TailState::Interrupted(why) => format!("interrupted, trying again: {}", why.line()),
        TailState::Refused(why) => match &why.help {
            Some(help) => format!("{}; {help}", why.line()),
            None => why.line(),
        },
        TailState::Live | TailState::Ended => return None,
    };
    let (name, why) = (text::clean(&name), text::clean(&why));
    Some(if why.contains(&*name) { why.into_owned() } else { format!("{name}: {why}") })
}

fn left_out(view: &LogView, world: &World) -> Option<String> {
    let left_out = view.left_out(world);
    let rest = left_out.count.checked_sub(left_out.names.len()).filter(|_| left_out.count > 0)?;
    let mut names = left_out.names.iter().map(|name| text::clean(name).into_owned()).collect::<Vec<_>>().join(", ");
    if rest > 0 {
        names.push_str(&format!(" and {} more", units::count(rest as u64)));
    }
    let read = view.tails(world).sources;
    Some(format!("{read} are read at once, left out: {names}; open an instance to read its log alone"))
}

fn nothing(view: &LogView, world: &World) -> &'static str {
    let tails = view.tails(world);
    match () {
        () if !view.filter().is_empty() && view.counts(world).0 > 0 => "no line passes the filter",
        () if tails.sources == 0 => "there is no instance to read from",
        () if tails.live + tails.ended == 0 && is_out_of_reach(view, world) => "waiting for the cluster to be reached",
        () if tails.refused == tails.sources => "",
        () if tails.live + tails.ended > 0 => "nothing has been logged yet",
        () => "waiting for the log",
    }
}

fn is_out_of_reach(view: &LogView, world: &World) -> bool {
    let cluster = |instance: &InstanceId| world.inventory.cluster(&instance.cluster);
    view.sources(world).iter().filter_map(cluster).any(|cluster| !cluster.link.is_live())
}

#[cfg(test)]
mod tests;
