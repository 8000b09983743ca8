use ratatui::layout::Rect;

use crate::{app::instances::Instances, ui::Paint};

pub fn draw(_screen: &Instances, _paint: &mut Paint<'_>, _area: Rect) {}
