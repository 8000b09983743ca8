use ratatui::layout::Rect;

use crate::{app::events::Events, ui::Paint};

pub fn draw(_screen: &Events, _paint: &mut Paint<'_>, _area: Rect) {}
