//! Turns the picture that should be shown into the fewest bytes that change the one that is shown: over a slow link bytes are time.

use std::{fmt::Write as _, ops::Range};

use ratatui::{
    buffer::{Buffer, Cell},
    layout::Rect,
    style::{Color, Modifier},
};
use unicode_width::UnicodeWidthStr;

use self::pen::Pen;
use crate::domain::text::is_hostile;

mod pen;
#[cfg(test)]
mod tests;

/// What the terminal shows and where its cursor and colours are. Nothing else may write to the terminal while it is in use.
pub struct Painter {
    shown: Buffer,
    hand: Hand,
}

/// Where the terminal's cursor is, if that is known, and what it writes with.
#[derive(Clone, Copy)]
struct Hand {
    pen: Pen,
    cursor: Option<(u16, u16)>,
    ascii: bool,
}

/// Frames shorter than this arrive in one piece anyway; longer ones are wrapped so that a terminal shows them at once.
const SYNCHRONIZE_FROM: usize = 1000;
/// Frames shorter than this cannot become shorter by letting the terminal scroll.
const SCROLL_FROM: usize = 40;
/// How far lines are looked for that moved up or down and need not be sent again.
const FARTHEST_SCROLL: u16 = 60;

impl Painter {
    /// The terminal is taken to be cleared, its cursor hidden and its colours reset.
    pub fn new(size: Rect, ascii: bool) -> Self {
        Self { shown: Buffer::empty(size), hand: Hand { pen: Pen::default(), cursor: None, ascii } }
    }

    /// Forgets what is shown: the next frame clears the screen and paints everything.
    pub fn forget(&mut self, size: Rect) {
        self.shown = Buffer::empty(size);
        self.hand.cursor = None;
    }

    pub fn clear(&mut self, out: &mut String) {
        self.hand.pen = Pen::default();
        self.hand.cursor = None;
        out.push_str("\x1b[0m\x1b[2J");
    }

    /// Appends what makes the terminal show `next`, and takes that as what is shown. Nothing at all when it is shown already.
    pub fn paint(&mut self, next: &mut Buffer, out: &mut String) {
        if !self.changed(next) {
            return;
        }
        let (mut hand, mut bytes) = self.hand.shortest(&self.shown, next, String::new());
        if bytes.len() > SCROLL_FROM
            && let Some(moved) = self.moved(next)
        {
            let mut scrolled = self.shown.clone();
            let mut scroll = String::new();
            let mut scrolling = self.hand;
            scrolling.scroll(&mut scrolled, &moved, &mut scroll);
            let (with_scroll, fewer) = scrolling.shortest(&scrolled, next, scroll);
            if fewer.len() < bytes.len() {
                (hand, bytes) = (with_scroll, fewer);
            }
        }
        self.hand = hand;
        std::mem::swap(&mut self.shown, next);
        if bytes.len() > SYNCHRONIZE_FROM {
            out.push_str("\x1b[?2026h");
            out.push_str(&bytes);
            out.push_str("\x1b[?2026l");
        } else {
            out.push_str(&bytes);
        }
    }

    fn changed(&self, next: &Buffer) -> bool {
        self.shown.area != next.area || self.shown.content != next.content
    }

    /// Rows that stand in `next` at another height than they are shown at: the largest such block.
    fn moved(&self, next: &Buffer) -> Option<Moved> {
        if self.shown.area != next.area {
            return None;
        }
        let height = next.area.height;
        let same = |shown: u16, wanted: u16| row_of(&self.shown, shown) == row_of(next, wanted);
        let mut best: Option<Moved> = None;
        for by in 1..height.min(FARTHEST_SCROLL) {
            for up in [true, false] {
                let mut run = 0_u16;
                for y in 0..=(height - by) {
                    let (shown, wanted) = if up { (y + by, y) } else { (y, y + by) };
                    let goes_on = y < height - by
                        && same(shown, wanted)
                        && row_of(next, wanted).iter().any(|cell| !is_blank(cell));
                    if goes_on {
                        run += 1;
                        continue;
                    }
                    if run >= 2 && best.as_ref().is_none_or(|best| run > best.run) {
                        best = Some(Moved { rows: (y - run)..(y + by), by, up, run });
                    }
                    run = 0;
                }
            }
        }
        best
    }
}

impl Hand {
    /// Row by row, or one colour after the other: changing colours can cost more than going to and fro.
    fn shortest(self, shown: &Buffer, next: &Buffer, before: String) -> (Self, String) {
        let mut runs = runs(shown, next);
        let by_row = self.write(next, &runs, before.clone());
        let mut pens = vec![self.pen];
        for run in &runs {
            if !pens.contains(&run.pen) {
                pens.push(run.pen);
            }
        }
        runs.sort_by_key(|run| pens.iter().position(|pen| *pen == run.pen));
        let by_colour = self.write(next, &runs, before);
        if by_colour.1.len() < by_row.1.len() { by_colour } else { by_row }
    }

    fn write(mut self, next: &Buffer, runs: &[Run], mut out: String) -> (Self, String) {
        for run in runs {
            let row = row_of(next, run.y);
            self.move_to(run.cells.start, run.y, row, &mut out);
            self.pen.set(run.pen, &mut out);
            if run.erases {
                out.push_str("\x1b[K");
                continue;
            }
            let mut x = run.cells.start;
            while x < run.cells.end {
                out.push_str(harmless(row[x].symbol(), self.ascii));
                x += cell_width(&row[x]);
            }
            // In the last column terminals differ in where the cursor is.
            let at = u16::try_from(x).unwrap_or(u16::MAX);
            self.cursor = (at < next.area.width).then_some((at, run.y));
        }
        (self, out)
    }

    /// The shortest way: writing what lies between again, stepping right, or naming the place.
    fn move_to(&mut self, x: usize, y: u16, row: &[Cell], out: &mut String) {
        let column = u16::try_from(x).unwrap_or(u16::MAX);
        if self.cursor == Some((column, y)) {
            return;
        }
        if let Some((from, line)) = self.cursor
            && line == y
            && from < column
        {
            let between = &row[usize::from(from)..x];
            let writable = |cell: &Cell| self.pen == Pen::of(cell) && cell.symbol().len() == 1;
            if between.len() <= 4 && between.iter().all(writable) {
                between.iter().for_each(|cell| out.push_str(harmless(cell.symbol(), self.ascii)));
            } else {
                let _ = write!(out, "\x1b[{}C", column - from);
            }
        } else if self.cursor.is_some_and(|(_, line)| line + 1 == y) && column == 0 {
            out.push_str("\r\n");
        } else {
            go_to(out, column, y);
        }
        self.cursor = Some((column, y));
    }

    /// Lets the terminal move the rows itself, by deleting or inserting lines inside a scrolling region.
    fn scroll(&mut self, shown: &mut Buffer, moved: &Moved, out: &mut String) {
        self.pen.reset(out);
        let Moved { rows, by, up, .. } = moved;
        let (top, bottom) = (rows.start + 1, rows.end);
        let _ = write!(out, "\x1b[{top};{bottom}r\x1b[{top}H\x1b[{by}{}\x1b[r", if *up { 'M' } else { 'L' });
        self.cursor = None;
        let width = usize::from(shown.area.width);
        let cells = &mut shown.content[usize::from(rows.start) * width..usize::from(rows.end) * width];
        let shift = usize::from(*by) * width;
        let blank = if *up {
            cells.rotate_left(shift);
            cells.len() - shift..cells.len()
        } else {
            cells.rotate_right(shift);
            0..shift
        };
        cells[blank].iter_mut().for_each(Cell::reset);
    }
}

/// What differs, in pieces of one colour each.
fn runs(shown: &Buffer, next: &Buffer) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for y in next.area.top()..next.area.bottom() {
        let (row, old) = (row_of(next, y), row_of(shown, y));
        if row == old {
            continue;
        }
        // Blanks up to the end of the row are erased by one short sequence.
        let blank_from = row.iter().rposition(|cell| !is_blank(cell)).map_or(0, |last| last + 1);
        let mut x = 0;
        while x < row.len() {
            let end = (x + cell_width(&row[x])).min(row.len());
            if old[x..end] == row[x..end] {
                x = end;
                continue;
            }
            let pen = Pen::of(&row[x]);
            if x >= blank_from && old[x..].iter().filter(|cell| !is_blank(cell)).count() > 3 {
                runs.push(Run { y, cells: x..row.len(), pen, erases: true });
                break;
            }
            match runs.last_mut() {
                Some(run) if run.y == y && run.cells.end == x && run.pen == pen => run.cells.end = end,
                _ => runs.push(Run { y, cells: x..end, pen, erases: false }),
            }
            x = end;
        }
    }
    runs
}

/// Cells of one row that differ from what is shown, all of one colour.
struct Run {
    y: u16,
    cells: Range<usize>,
    pen: Pen,
    /// They are blank up to the end of the row.
    erases: bool,
}

struct Moved {
    /// All rows that the scrolling region spans.
    rows: Range<u16>,
    by: u16,
    up: bool,
    /// How many rows need not be sent again.
    run: u16,
}

fn go_to(out: &mut String, x: u16, y: u16) {
    let _ = match (x, y) {
        (0, 0) => write!(out, "\x1b[H"),
        (0, y) => write!(out, "\x1b[{}H", y + 1),
        (x, y) => write!(out, "\x1b[{};{}H", y + 1, x + 1),
    };
}

fn row_of(buffer: &Buffer, y: u16) -> &[Cell] {
    let width = usize::from(buffer.area.width);
    let start = usize::from(y - buffer.area.y) * width;
    buffer.content.get(start..start + width).unwrap_or_default()
}

/// Looks like nothing, and would be left so by erasing.
fn is_blank(cell: &Cell) -> bool {
    let unmarked = !cell.modifier.intersects(Modifier::REVERSED | Modifier::UNDERLINED | Modifier::CROSSED_OUT);
    cell.symbol() == " " && cell.bg == Color::Reset && unmarked
}

fn cell_width(cell: &Cell) -> usize {
    let symbol = cell.symbol();
    if symbol.len() == 1 { 1 } else { symbol.width().max(1) }
}

/// The last gate: whatever a screen was given, no control or bidi character leaves it. With `ascii`, nothing but ASCII does.
fn harmless(symbol: &str, ascii: bool) -> &str {
    let mut bytes = symbol.bytes();
    if let (Some(b' '..=b'~'), None) = (bytes.next(), bytes.next()) {
        return symbol;
    }
    if symbol.is_empty() || symbol.chars().any(is_hostile) {
        return "?";
    }
    if !ascii {
        return symbol;
    }
    match symbol {
        "│" | "┃" | "▏" | "▕" => "|",
        "─" | "━" => "-",
        "┌" | "┐" | "└" | "┘" | "┬" | "┴" | "┼" | "├" | "┤" | "╭" | "╮" | "╰" | "╯" => "+",
        "…" => "~",
        "·" | "•" => ".",
        "▸" | "›" | "→" => ">",
        "▾" | "↓" => "v",
        "▴" | "↑" => "^",
        "‹" | "←" => "<",
        symbol if symbol.width() == 2 => "??",
        _ => "?",
    }
}
