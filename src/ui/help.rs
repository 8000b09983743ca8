use ratatui::layout::Rect;

use crate::{app::help::Help, ui::Paint};

pub fn draw(_screen: &Help, _paint: &mut Paint<'_>, _area: Rect) {}
