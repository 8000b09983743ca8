//! The list of operations.

use ratatui::layout::Rect;

use crate::{app::operations::Operations, ui::Paint};

pub fn draw(_screen: &Operations, _paint: &mut Paint<'_>, _area: Rect) {}
