//! Charts of one service, as many as there is room for.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::{
        World,
        charts::{Line, Panel},
        metrics::Metrics,
    },
    config::theme::Role,
    domain::units,
    store::series::Metric,
    ui::{
        Paint,
        chart::{self, Columns, Plot},
        table::{Column, Table},
        widget,
    },
};

/// Columns for the numbers of an axis, with the blank after them.
const AXIS: u16 = 8;
/// Seconds between two times under a chart.
const TICKS: [i64; 7] = [60, 120, 300, 600, 1200, 1800, 3600];

pub fn draw(screen: &Metrics, paint: &mut Paint<'_>, area: Rect) {
    let panels = screen.panels(&paint.app.world);
    widget::heading(paint, area, "METRICS", &notes(&paint.app.world, screen), true);
    let mut body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let is_empty = panels.iter().all(|panel| panel.lines.iter().all(|line| line.points.iter().all(Option::is_none)));
    let reason = screen.unmeasured(&paint.app.world);
    if is_empty {
        let reason = reason.as_deref().unwrap_or("the first one is on its way");
        widget::says(paint, body, &format!("no measurements: {reason}"), Role::Dim);
        return;
    }
    if let Some(reason) = reason {
        let taken = widget::says(paint, body, &format!("nothing new is measured: {reason}"), Role::Stale);
        body = Rect { y: body.y + taken, height: body.height - taken, ..body };
    }
    match places(body, screen.is_alone) {
        Some(places) => {
            for (row, (panel, place)) in panels.iter().zip(&places).enumerate() {
                self::panel(screen, paint, *place, panel);
                paint.row(*place, 0, row);
            }
            if let Some(place) = places.get(panels.len()) {
                now(screen, paint, *place);
            }
        }
        None => one(screen, paint, body, &panels),
    }
}

/// Two or three in a row with the last values beside them, or one below the other; `None` where there is room for one only.
fn places(area: Rect, is_alone: bool) -> Option<Vec<Rect>> {
    let grid = |columns: u16, rows: u16| {
        let width = (area.width + 2) / columns - 2;
        let height = (area.height + 1) / rows - 1;
        let place = |index: u16| {
            let (column, row) = (index % columns, index / columns);
            Rect::new(area.x + column * (width + 2), area.y + row * (height + 1), width, height)
        };
        (0..columns * rows).map(place).collect()
    };
    match (area.width, area.height) {
        _ if is_alone => None,
        (150.., 14..) => Some(grid(3, 2)),
        (76.., 19..) => Some(grid(2, 3)),
        (40.., 29..) => Some(grid(1, 5)),
        _ => None,
    }
}

fn one(screen: &Metrics, paint: &mut Paint<'_>, area: Rect, panels: &[Panel]) {
    let mut x = area.x;
    for (row, panel) in panels.iter().enumerate() {
        let title = panel.chart.title();
        let width = title.width() as u16;
        let place = Rect::new(x, area.y, width, 1).intersection(area);
        let is_shown = panel.chart == screen.chart;
        paint.text(place, title, if is_shown { Role::Title } else { Role::Dim });
        if is_shown {
            let style = paint.style(Role::Selected);
            paint.buffer.set_style(place, style);
        }
        paint.row(place, 0, row);
        x += width + 2;
    }
    if let Some(panel) = panels.iter().find(|panel| panel.chart == screen.chart) {
        let place = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        self::panel(screen, paint, place, panel);
    }
}

/// The last values in words, one chart for each line of values, and the times below.
fn panel(screen: &Metrics, paint: &mut Paint<'_>, area: Rect, panel: &Panel) {
    if area.height < 3 || area.width <= AXIS {
        return;
    }
    title(screen, paint, Rect { height: 1, ..area }, panel);
    let step = screen.span.step_seconds();
    let end = paint.app.world.now.as_second().div_euclid(step);
    let steps = panel.lines.iter().map(|line| line.points.len()).max().unwrap_or(0);
    let room = usize::from(area.width - AXIS) * paint.theme.glyphs.chart.columns();
    let columns = Columns::new(steps, end, room);
    let lines = panel.lines.len() as u16;
    let height = (area.height - 2) / lines;
    for (index, line) in (0..).zip(&panel.lines) {
        let place = Rect { y: area.y + 1 + index * height, height, ..area };
        let values = columns.gather(&line.points, end);
        plot(paint, place, panel, line, &values);
    }
    let below = Rect { y: area.y + 1 + lines * height, height: 1, ..area };
    times(paint, below, columns, step, end);
}

fn title(screen: &Metrics, paint: &mut Paint<'_>, area: Rect, panel: &Panel) {
    let role = if panel.chart == screen.chart { Role::Title } else { Role::Header };
    let mut end = paint.text(area, panel.chart.title(), role);
    let mut say = |paint: &mut Paint<'_>, text: &str, role| {
        let start = (end + 2).min(area.right());
        end = paint.text(Rect { x: start, width: area.right() - start, ..area }, text, role);
    };
    match panel.stale {
        Some(at) => {
            let age = units::age_of(at, paint.app.world.now);
            say(paint, &format!("{age} old: {}", panel.value), Role::Stale);
        }
        None => say(paint, &panel.value, Role::Text),
    }
    let used = panel.chart.title().width() + panel.value.width() + 4;
    // What the numbers mean is said whole, or what matters most of it, or not at all.
    let first = panel.note.split(';').next().unwrap_or_default();
    let fits = |note: &&str| panel.stale.is_none() && used + note.width() <= usize::from(area.width);
    if let Some(note) = [panel.note.as_str(), first].into_iter().find(fits) {
        say(paint, note, Role::Dim);
    }
}

fn plot(paint: &mut Paint<'_>, area: Rect, panel: &Panel, line: &Line, values: &[Option<f64>]) {
    let top = top(values, panel, line.metric);
    let label = |y: u16| Rect::new(area.x, y, AXIS - 1, 1);
    paint.text_right(label(area.y), &line.metric.tell(top), Role::Dim);
    if area.height >= 5 && area.height % 2 == 1 {
        paint.text_right(label(area.y + area.height / 2), &line.metric.tell(top / 2.0), Role::Dim);
    }
    if area.height >= 2 {
        let word = match line.metric.word() {
            "" => "0".to_owned(),
            word => format!("{word} 0"),
        };
        paint.text_right(label(area.bottom() - 1), &word, Role::Dim);
    }
    let (style, limit_style) = (paint.style(role_of(line.metric)), paint.style(Role::NoticeWarning));
    let limit = panel.limit.map(|limit| (limit, limit_style));
    let place = Rect { x: area.x + AXIS, width: area.width - AXIS, ..area };
    chart::plot(paint.buffer, place, paint.theme.glyphs.chart, Plot { points: values, top, style, limit });
}

/// A limit is worth the height it takes while a quarter of it is used; below that the chart would be a line at its bottom.
fn top(values: &[Option<f64>], panel: &Panel, metric: Metric) -> f64 {
    let highest = chart::highest(values);
    match panel.limit {
        Some(limit) if highest <= limit && highest * 4.0 >= limit => limit,
        Some(_) | None => chart::round_top(highest, metric.is_binary()),
    }
}

/// Times of day where they fall, each with a tick under its column.
fn times(paint: &mut Paint<'_>, area: Rect, columns: Columns, step: i64, end: i64) {
    const LABEL: u16 = 6;
    let cells = columns.count().div_ceil(paint.theme.glyphs.chart.columns()) as u16;
    let place = Rect { x: area.right() - cells.min(area.width), width: cells.min(area.width), ..area };
    let seconds_in_sight = columns.steps().saturating_mul(step);
    let labels = i64::from(place.width / (LABEL * 2)).max(1);
    let Some(&tick) = TICKS.iter().find(|&&tick| seconds_in_sight / tick <= labels).or(TICKS.last()) else { return };
    let mut at = (end * step).div_euclid(tick) * tick;
    while at > end * step - seconds_in_sight {
        if let Some(column) = columns.at(at.div_euclid(step)) {
            let right_to_left = (columns.count() - 1 - column) / paint.theme.glyphs.chart.columns();
            let x = place.right() - 1 - (right_to_left as u16).min(place.width - 1);
            if let Ok(time) = jiff::Timestamp::from_second(at) {
                let (tick, time) = (paint.theme.glyphs.chart.tick(), paint.app.world.minute(time));
                // To the left of its tick where it would not fit to the right.
                if x + LABEL <= place.right() {
                    paint.text(Rect { x, width: LABEL, ..place }, &format!("{tick}{time}"), Role::Dim);
                } else if x + 1 >= place.x + LABEL {
                    paint.text(Rect { x: x + 1 - LABEL, width: LABEL, ..place }, &format!("{time}{tick}"), Role::Dim);
                }
            }
        }
        at -= tick;
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Name,
    Cpu,
    Memory,
    Pids,
    Note,
}

/// The last values of each instance, the one that uses most first: what the sum does not tell.
fn now(screen: &Metrics, paint: &mut Paint<'_>, area: Rect) {
    let world = &paint.app.world;
    let instances = screen.instances(world).into_iter();
    let mut samples: Vec<_> = instances.map(|instance| (instance, world.series.latest(&instance.id))).collect();
    let names = samples.iter().map(|(instance, _)| instance.name.width()).max().unwrap_or(0).clamp(8, 32) as u16;
    let columns = [
        Column::left(Cell::Name, "INSTANCE", names, 0),
        Column::right(Cell::Cpu, "CPU", 5, 1),
        Column::right(Cell::Memory, "MEM", 5, 1),
        Column::right(Cell::Pids, "PIDS", 5, 3),
        Column::left(Cell::Note, "", 8, 2),
    ];
    let table = Table::fit(&columns, Cell::Note, area);
    table.header(paint, area.y);
    samples.sort_by_key(|(instance, sample)| {
        (!instance.state.is_alive(), std::cmp::Reverse(sample.map(|sample| (sample.cpu, sample.memory))))
    });
    let room = usize::from(area.height.saturating_sub(1));
    let fits = if samples.len() > room { room.saturating_sub(1) } else { samples.len() };
    for (y, (instance, sample)) in (area.y + 1..).zip(&samples[..fits]) {
        let is_alive = instance.state.is_alive();
        let role = if is_alive { Role::Text } else { Role::Stopped };
        let tell =
            |metric: Metric| sample.filter(|_| is_alive).map_or("-".into(), |s| metric.tell(metric.of(&s) as f64));
        table.cell(paint, Cell::Name, y, &instance.name, role);
        table.cell(paint, Cell::Cpu, y, &tell(Metric::Cpu), role);
        table.cell(paint, Cell::Memory, y, &tell(Metric::Memory), role);
        table.cell(paint, Cell::Pids, y, &tell(Metric::Pids), role);
        let note = match sample {
            _ if !is_alive => instance.state.word().to_owned(),
            Some(sample) if paint.app.world.series.is_stale(&instance.id, paint.app.world.now) => {
                format!("{} old", units::age_of(sample.at, paint.app.world.now))
            }
            Some(_) => String::new(),
            None => "not yet".into(),
        };
        table.cell(paint, Cell::Note, y, &note, role);
    }
    if fits < samples.len() {
        let text = format!("… {} more", samples.len() - fits);
        paint.text(Rect { y: area.bottom() - 1, height: 1, ..area }, &text, Role::Dim);
    }
}

fn role_of(metric: Metric) -> Role {
    match metric {
        Metric::Cpu => Role::ChartCpu,
        Metric::Memory => Role::ChartMemory,
        Metric::Received | Metric::Read => Role::ChartIn,
        Metric::Sent | Metric::Written => Role::ChartOut,
        Metric::Pids => Role::ChartCpu,
    }
}

fn notes(world: &World, screen: &Metrics) -> String {
    let instances = screen.instances(world);
    let all = world.inventory.instances_of(&screen.service).len();
    let of = match (&screen.shown, instances.as_slice()) {
        (Some(id), [one]) if one.id == *id => format!("{}  1 of {all}", one.name),
        _ if all == 1 => screen.service.to_string(),
        _ => format!("{}  all {all} together", screen.service),
    };
    format!("{of}  {}", screen.span.word())
}
