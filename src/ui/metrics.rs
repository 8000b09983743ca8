use ratatui::layout::Rect;

use crate::{app::metrics::Metrics, ui::Paint};

pub fn draw(_screen: &Metrics, _paint: &mut Paint<'_>, _area: Rect) {}
