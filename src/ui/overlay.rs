use ratatui::layout::Rect;

use crate::{app::Overlay, ui::Paint};

pub fn draw(_overlay: &Overlay, _paint: &mut Paint<'_>, _area: Rect) -> Option<(u16, u16)> {
    None
}
