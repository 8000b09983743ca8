//! Small things that several screens paint.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::{app::list::List, config::theme::Role, ui::Paint};

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

/// `text` in lines of at most `width` cells, broken at blanks where there are any.
pub fn wrap(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width.max(1));
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut row = String::new();
        for word in paragraph.split_word_bounds() {
            if row.width() + word.trim_end().width() > width && !row.trim().is_empty() {
                lines.push(std::mem::take(&mut row).trim_end().to_owned());
            }
            let is_blank = word.trim().is_empty();
            if is_blank && (row.width() + word.width() > width || (row.is_empty() && !lines.is_empty())) {
                continue;
            }
            for grapheme in word.graphemes(true) {
                if row.width() + grapheme.width() > width {
                    lines.push(std::mem::take(&mut row));
                }
                row.push_str(grapheme);
            }
        }
        lines.push(row.trim_end().to_owned());
    }
    lines
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
    }

    #[test]
    fn what_does_not_fit_is_cut_with_a_sign() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        line(&mut buffer, Rect::new(0, 0, 6, 1), "checkout", Style::new());
        assert_eq!(buffer, Buffer::with_lines(["check…"]));
    }
}
