//! Small things that several screens paint.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use unicode_width::UnicodeWidthStr;

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
