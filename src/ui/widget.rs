//! Small things that several screens paint.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::{
    app::{list::List, prompt::Prompt},
    config::theme::Role,
    domain::{Health, Trouble},
    ui::Paint,
};

/// Paints one line and returns the column after it. What does not fit is cut with `…`.
pub fn line(buffer: &mut Buffer, area: Rect, text: &str, style: Style) -> u16 {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return area.x;
    }
    let width = usize::from(area.width);
    let (end, _) = buffer.set_stringn(area.x, area.y, text, width, style);
    if text.width() > width {
        buffer.set_string(area.right() - 1, area.y, "…", style);
    }
    end
}

/// `text` in lines of at most `width` cells, broken at blanks where there are any. Blanks at the beginning of a paragraph are kept.
pub fn wrap(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width.max(1));
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut row = String::new();
        let mut goes_on = false;
        for word in paragraph.split_inclusive(char::is_whitespace) {
            let bare = word.trim_end();
            if row.width() + bare.width() > width && !row.trim().is_empty() {
                lines.push(std::mem::take(&mut row).trim_end().to_owned());
                goes_on = true;
            }
            if bare.is_empty() && row.is_empty() && goes_on {
                continue;
            }
            goes_on |= hard_wrap(bare, width, &mut row, &mut lines);
            if bare.len() < word.len() && row.width() < width {
                row.push(' ');
            }
        }
        lines.push(row.trim_end().to_owned());
    }
    lines
}

/// Adds one word to `row`, which goes to `lines` as often as it is full: after a sign if there is one, else anywhere. Says if it was.
fn hard_wrap(word: &str, width: usize, row: &mut String, lines: &mut Vec<String>) -> bool {
    if row.width() + word.width() <= width {
        row.push_str(word);
        return false;
    }
    for piece in word.split_word_bounds() {
        if row.width() + piece.width() > width && !row.trim().is_empty() {
            lines.push(std::mem::take(row));
        }
        for grapheme in piece.graphemes(true) {
            if row.width() + grapheme.width() > width {
                lines.push(std::mem::take(row));
            }
            row.push_str(grapheme);
        }
    }
    true
}

/// What a screen is about, in its first row: `TITLE  notes …`. `focused` where it is the pane that the arrows move in.
pub fn heading(paint: &mut Paint<'_>, area: Rect, title: &str, notes: &str, focused: bool) {
    let area = Rect { height: 1, ..area };
    let role = if focused { Role::Title } else { Role::Header };
    let end = paint.text(area, title, role);
    paint.text(Rect { x: end + 2, width: area.right().saturating_sub(end + 2), ..area }, notes, Role::Dim);
}

/// `12-30 of 500` at the right end of a heading, where not all rows are in sight.
pub fn position(paint: &mut Paint<'_>, heading: Rect, shown: &std::ops::Range<usize>, all: usize) {
    if shown.len() < all {
        let text = format!(" {}-{} of {all}", shown.start + 1, shown.end);
        let width = u16::try_from(text.len()).unwrap_or(u16::MAX).min(heading.width);
        let area = Rect::new(heading.right() - width, heading.y, width, 1);
        // The heading may be longer than what is left of it.
        let covers = paint.buffer.cell((area.x, area.y)).is_some_and(|cell| cell.symbol() != " ");
        let text = if covers { text.replacen(' ', "…", 1) } else { text };
        paint.text(area, &text, Role::Dim);
    }
}

/// Paints the rows of a list that are in sight, the selected one marked, each clickable. `row` paints one and is told whether it is selected.
pub fn rows<K: Clone + PartialEq>(
    paint: &mut Paint<'_>,
    area: Rect,
    list: &List<K>,
    keys: &[K],
    pane: Pane,
    mut row: impl FnMut(&mut Paint<'_>, Rect, &K),
) -> std::ops::Range<usize> {
    let window = list.window(keys, usize::from(area.height));
    let selected = list.position(keys);
    for (y, index) in (area.y..).zip(window.clone()) {
        let place = Rect::new(area.x, y, area.width, 1);
        row(paint, place, &keys[index]);
        if selected == Some(index) {
            let role = if pane.focused { Role::Selected } else { Role::SelectedUnfocused };
            let style = paint.style(role);
            paint.buffer.set_style(place, style);
        }
        paint.row(place, pane.number, index);
    }
    window
}

/// The letter and the colour of a health, the same on every screen. `None`: it is not known any more, because its cluster is lost.
pub fn health(health: Option<&Health>) -> (&'static str, Role) {
    match health {
        None => ("?", Role::Stale),
        Some(Health::Failing(_)) => ("x", Role::Failing),
        Some(Health::Degraded(_)) => ("!", Role::Degraded),
        Some(Health::Changing(_)) => ("~", Role::Changing),
        Some(Health::Unknown(_)) => ("?", Role::Unknown),
        Some(Health::Stopped(_)) => ("-", Role::Stopped),
        Some(Health::Healthy) => ("*", Role::Healthy),
    }
}

/// A line to type into, with its cursor; what lies before the cursor stays in sight. What is wrong with it stands to its right.
pub fn prompt(paint: &mut Paint<'_>, area: Rect, prompt: &Prompt) {
    let area = Rect { height: area.height.min(1), ..area };
    let start = paint.text(area, prompt.title, Role::Key);
    let room = area.right().saturating_sub(start + 1);
    let error = prompt.error.as_deref().unwrap_or_default();
    let room = room.saturating_sub(u16::try_from(error.width()).unwrap_or(0).min(room / 2));
    let place = Rect { x: start + 1, width: room, ..area };
    if place.width < 2 {
        return;
    }
    let hidden = prompt.input.visual_scroll(usize::from(place.width - 1));
    let end = columns(paint, place, prompt.text(), hidden, |_| Role::Input);
    let cursor = u16::try_from(prompt.input.visual_cursor() - hidden).unwrap_or(0);
    let style = paint.style(Role::Cursor);
    paint.buffer.set_style(Rect { x: place.x + cursor.min(place.width - 1), width: 1, ..place }, style);
    let beside = (end + 2).min(area.right());
    paint.text(Rect { x: beside, width: area.right() - beside, ..area }, error, Role::NoticeError);
}

/// The columns of a line from `hidden` on, each piece in the role of the byte where it begins. Returns the column after it. Says nothing of
/// what it cuts.
pub fn columns(paint: &mut Paint<'_>, area: Rect, text: &str, hidden: usize, role: impl Fn(usize) -> Role) -> u16 {
    let area = area.intersection(paint.buffer.area);
    let room = if area.is_empty() { 0 } else { usize::from(area.width) };
    let (mut column, mut end) = (0, area.x);
    for (at, grapheme) in text.grapheme_indices(true) {
        let width = grapheme.width();
        if column >= hidden && column + width <= hidden + room {
            let x = area.x + (column - hidden) as u16;
            let style = paint.style(role(at));
            end = paint.buffer.set_stringn(x, area.y, grapheme, width, style).0;
        }
        column += width;
        if column >= hidden + room {
            break;
        }
    }
    end
}

/// A few words where there are no rows. Returns how many lines they took.
pub fn says(paint: &mut Paint<'_>, area: Rect, text: &str, role: Role) -> u16 {
    let lines = wrap(text, area.width);
    for (y, line) in (area.y..area.bottom()).zip(&lines) {
        paint.text(Rect::new(area.x, y, area.width, 1), line, role);
    }
    u16::try_from(lines.len()).unwrap_or(area.height).min(area.height)
}

/// What could not be done, why, and what would help.
pub fn trouble(paint: &mut Paint<'_>, area: Rect, trouble: &Trouble) {
    let taken = says(paint, area, &trouble.line(), Role::NoticeError);
    if let Some(help) = &trouble.help {
        let below = Rect { y: area.y + taken, height: area.height - taken, ..area };
        says(paint, below, help, Role::Text);
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Pane {
    /// The screen's own numbering, given back with a click.
    pub number: usize,
    pub focused: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_at_blanks_and_a_long_word_where_it_must() {
        assert_eq!(wrap("never fewer than 2 ready", 10), ["never", "fewer than", "2 ready"]);
        assert_eq!(wrap("sha256:0123456789", 8), ["sha256:", "01234567", "89"]);
        assert_eq!(wrap("a\n\nb", 8), ["a", "", "b"]);
        assert_eq!(wrap("scroll sideways, or up", 16), ["scroll sideways,", "or up"]);
        assert_eq!(wrap("scroll sideways, or up", 15), ["scroll", "sideways, or up"]);
    }

    #[test]
    fn every_paragraph_keeps_its_indent_and_no_line_is_too_wide() {
        assert_eq!(wrap("a:\n  b: 1", 8), ["a:", "  b: 1"]);
        let text = "  漢字漢字 /very/long/path:with-signs  and   words";
        for width in 2..30 {
            assert!(wrap(text, width).iter().all(|line| line.width() <= usize::from(width)), "{width}");
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_with_a_sign() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        line(&mut buffer, Rect::new(0, 0, 6, 1), "checkout", Style::new());
        assert_eq!(buffer, Buffer::with_lines(["check…"]));
    }
}
