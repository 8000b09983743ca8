//! Charts and sparklines, painted into the buffer: filled columns, in dots, in blocks or in plain letters.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

/// What a terminal's font can be trusted with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Glyphs {
    /// Two columns of four dots a cell.
    #[default]
    Braille,
    /// One column of eight steps a cell.
    Blocks,
    /// One column of two steps a cell.
    Ascii,
}

/// What was measured, one point a column; no point where nothing was measured.
#[derive(Clone, Copy, Debug)]
pub struct Plot<'a> {
    pub points: &'a [Option<f64>],
    /// What reaches the upper edge.
    pub top: f64,
    pub style: Style,
    /// A line across at this value.
    pub limit: Option<(f64, Style)>,
}

/// Which stretch of time each column of a chart stands for. Columns are cut at fixed times, not counted back from now: a chart moves by a
/// whole column at a time and is the same in between, which is what makes it cheap to look at over a slow line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Columns {
    /// steps of the measurements in one column
    width: f64,
    /// The column, counted from 1970, at the left edge.
    first: i64,
    count: usize,
}

impl Glyphs {
    /// How many columns of a chart fit into one cell.
    pub fn columns(self) -> usize {
        match self {
            Self::Braille => 2,
            Self::Blocks | Self::Ascii => 1,
        }
    }

    fn levels(self) -> usize {
        match self {
            Self::Braille => 4,
            Self::Blocks => 8,
            Self::Ascii => 2,
        }
    }

    fn line(self) -> &'static str {
        match self {
            Self::Braille | Self::Blocks => "─",
            Self::Ascii => "-",
        }
    }

    pub fn tick(self) -> &'static str {
        match self {
            Self::Braille | Self::Blocks => "╵",
            Self::Ascii => "'",
        }
    }

    /// One cell, its columns filled up to so many levels.
    fn cell(self, left: usize, right: usize) -> char {
        match self {
            Self::Braille => {
                const LEFT: [u32; 5] = [0, 0x40, 0x44, 0x46, 0x47];
                const RIGHT: [u32; 5] = [0, 0x80, 0xa0, 0xb0, 0xb8];
                char::from_u32(0x2800 + LEFT[left] + RIGHT[right]).unwrap_or(' ')
            }
            Self::Blocks => [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][left],
            Self::Ascii => [' ', '.', '#'][left],
        }
    }
}

impl Columns {
    /// `steps` measurements, the last of them made in step `end` (counted from 1970), in at most `room` columns.
    pub fn new(steps: usize, end: i64, room: usize) -> Self {
        let count = room.min(steps).max(1);
        let width = steps.max(1) as f64 / count as f64;
        let last = (end as f64 / width).floor() as i64;
        Self { width, first: last + 1 - count as i64, count }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// All that are in sight.
    pub fn steps(&self) -> i64 {
        (self.width * self.count as f64).round() as i64
    }

    /// The highest point of each column: a peak is what a person looks for.
    pub fn gather(&self, points: &[Option<f64>], end: i64) -> Vec<Option<f64>> {
        let mut columns: Vec<Option<f64>> = vec![None; self.count];
        let first_step = end + 1 - points.len() as i64;
        for (step, point) in (first_step..).zip(points) {
            let Some(column) = self.at(step).and_then(|column| columns.get_mut(column)) else { continue };
            if let Some(value) = point {
                *column = Some(column.map_or(*value, |highest: f64| highest.max(*value)));
            }
        }
        columns
    }

    /// The column in which a step is, if it is in sight.
    pub fn at(&self, step: i64) -> Option<usize> {
        let column = (step as f64 / self.width).floor() as i64 - self.first;
        usize::try_from(column).ok().filter(|&column| column < self.count)
    }
}

/// Paints one chart, its newest column at the right edge.
pub fn plot(buffer: &mut Buffer, area: Rect, glyphs: Glyphs, plot: Plot<'_>) {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return;
    }
    let full = usize::from(area.height) * glyphs.levels();
    let columns = glyphs.columns();
    let room = usize::from(area.width) * columns;
    let level_at = |column: usize| {
        let index = (column + plot.points.len()).checked_sub(room)?;
        Some(level((*plot.points.get(index)?)?, plot.top, full))
    };
    let limit_row = plot.limit.and_then(|(limit, style)| {
        let level = (limit <= plot.top).then(|| level(limit, plot.top, full))?;
        Some(((full - level) / glyphs.levels(), style))
    });
    for x in 0..usize::from(area.width) {
        let left = level_at(x * columns).unwrap_or(0);
        let right = if columns == 2 { level_at(x * columns + 1).unwrap_or(0) } else { 0 };
        for y in 0..usize::from(area.height) {
            let below = (usize::from(area.height) - 1 - y) * glyphs.levels();
            let filled = |level: usize| level.saturating_sub(below).min(glyphs.levels());
            let cell = &mut buffer[(area.x + x as u16, area.y + y as u16)];
            if filled(left) + filled(right) > 0 {
                cell.set_char(glyphs.cell(filled(left), filled(right))).set_style(plot.style);
            } else if let Some((_, style)) = limit_row.filter(|(row, _)| *row == y) {
                cell.set_symbol(glyphs.line()).set_style(style);
            }
        }
    }
}

/// One row of a chart: its own highest point reaches the upper edge. In blocks also where there are dots: four steps are too few.
pub fn sparkline(buffer: &mut Buffer, area: Rect, glyphs: Glyphs, points: &[Option<f64>], style: Style) {
    let glyphs = match glyphs {
        Glyphs::Braille | Glyphs::Blocks => Glyphs::Blocks,
        Glyphs::Ascii => Glyphs::Ascii,
    };
    let top = highest(points);
    plot(buffer, Rect { height: area.height.min(1), ..area }, glyphs, Plot { points, top, style, limit: None });
}

pub fn highest(points: &[Option<f64>]) -> f64 {
    points.iter().flatten().copied().fold(0.0, f64::max)
}

/// A round number that is not below `value`, so that the scale of an axis seldom changes: 1, 2 or 5 times a power of ten, or a power of two.
pub fn round_top(value: f64, binary: bool) -> f64 {
    if value <= 1.0 {
        return 1.0;
    }
    if binary {
        return value.log2().ceil().exp2();
    }
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|top| *top >= value * 0.999_999).unwrap_or(value)
}

/// What was measured is seen, be it nothing: it fills the lowest step at least. Only a gap is empty.
fn level(value: f64, top: f64, full: usize) -> usize {
    let share = if top > 0.0 { (value / top).clamp(0.0, 1.0) } else { 0.0 };
    ((share * full as f64).round() as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(width: u16, height: u16, glyphs: Glyphs, points: &[Option<f64>], limit: Option<f64>) -> Vec<String> {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        let limit = limit.map(|limit| (limit, Style::new()));
        plot(&mut buffer, area, glyphs, Plot { points, top: 8.0, style: Style::new(), limit });
        let row = |y| (0..width).map(|x| buffer[(x, y)].symbol().to_owned()).collect::<String>();
        (0..height).map(row).collect()
    }

    fn ramp() -> Vec<Option<f64>> {
        (0..=8).map(|value| Some(f64::from(value))).collect()
    }

    #[test]
    fn a_ramp_is_a_ramp_in_blocks_dots_and_letters() {
        assert_eq!(painted(9, 1, Glyphs::Blocks, &ramp(), None), ["▁▁▂▃▄▅▆▇█"]);
        assert_eq!(painted(9, 2, Glyphs::Blocks, &ramp(), None), ["     ▂▄▆█", "▁▂▄▆█████"]);
        assert_eq!(painted(9, 2, Glyphs::Ascii, &ramp(), None), ["     ..##", "...######"]);
        assert_eq!(painted(5, 1, Glyphs::Braille, &ramp(), None), ["⢀⣀⣤⣶⣿"]);
    }

    #[test]
    fn a_gap_is_a_gap_and_nothing_used_is_a_line_at_the_bottom() {
        let points = [Some(8.0), None, Some(0.0), Some(8.0)];
        assert_eq!(painted(4, 1, Glyphs::Blocks, &points, None), ["█ ▁█"]);
        assert_eq!(painted(2, 1, Glyphs::Braille, &points, None), ["⡇⣸"]);
    }

    #[test]
    fn the_newest_column_stands_at_the_right_edge() {
        assert_eq!(painted(4, 1, Glyphs::Blocks, &[Some(8.0)], None), ["   █"]);
        assert_eq!(painted(2, 1, Glyphs::Blocks, &ramp(), None), ["▇█"]);
    }

    #[test]
    fn the_limit_is_a_line_where_nothing_reaches_it_and_is_not_drawn_above_the_chart() {
        assert_eq!(painted(4, 2, Glyphs::Blocks, &[Some(2.0), Some(8.0)], Some(8.0)), ["───█", "  ▄█"]);
        assert_eq!(painted(3, 2, Glyphs::Blocks, &[Some(2.0)], Some(9.0)), ["   ", "  ▄"]);
    }

    #[test]
    fn a_chart_stands_still_until_a_whole_column_has_passed() {
        // A peak every 7 s of 60, in 10 columns of 6 s.
        let gathered = |end: i64| {
            let points: Vec<_> = (end - 59..=end).map(|step| Some(f64::from(u8::from(step % 7 == 0)))).collect();
            let mut columns = Columns::new(60, end, 10).gather(&points, end);
            // The newest column is still filling.
            columns.pop();
            columns.remove(0);
            columns
        };
        assert_eq!(gathered(600), gathered(605));
        assert_ne!(gathered(605), gathered(606));
    }

    #[test]
    fn a_column_shows_its_peak_and_is_empty_only_when_nothing_was_measured_in_all_of_it() {
        let points = [Some(1.0), Some(9.0), None, Some(2.0), None, None];
        assert_eq!(Columns::new(6, 5, 3).gather(&points, 5), [Some(9.0), Some(2.0), None]);
    }

    #[test]
    fn with_more_room_than_measurements_each_has_a_column() {
        let columns = Columns::new(3, 100, 50);
        assert_eq!(columns.gather(&[Some(1.0), None, Some(3.0)], 100), [Some(1.0), None, Some(3.0)]);
        assert_eq!((columns.at(98), columns.at(97)), (Some(0), None));
    }

    #[test]
    fn an_axis_ends_at_a_round_number() {
        assert_eq!(
            [0.0, 3.0, 210.0, 500.0, 501.0].map(|value| round_top(value, false)),
            [1.0, 5.0, 500.0, 500.0, 1000.0]
        );
        assert_eq!([1.0, 3.0, 1024.0, 1025.0].map(|value| round_top(value, true)), [1.0, 4.0, 1024.0, 2048.0]);
    }

    #[test]
    fn a_sparkline_reaches_up_to_its_own_highest_point() {
        let area = Rect::new(0, 0, 3, 1);
        let mut buffer = Buffer::empty(area);
        sparkline(&mut buffer, area, Glyphs::Braille, &[Some(0.0), Some(50.0), Some(100.0)], Style::new());
        assert_eq!(buffer, Buffer::with_lines(["▁▄█"]));
    }

    #[test]
    fn no_room_is_no_reason_to_panic() {
        for (width, height) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            painted(width, height, Glyphs::Braille, &ramp(), Some(4.0));
        }
        assert_eq!(Columns::new(0, 0, 0).gather(&[], 0), [None]);
    }
}
