use ratatui::layout::Rect;

use crate::{app::notices::Notices, ui::Paint};

pub fn draw(_screen: &Notices, _paint: &mut Paint<'_>, _area: Rect) {}
