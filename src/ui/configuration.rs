use ratatui::layout::Rect;

use crate::{app::configuration::Configuration, ui::Paint};

pub fn draw(_screen: &Configuration, _paint: &mut Paint<'_>, _area: Rect) {}
