//! One operation.

use ratatui::layout::Rect;

use crate::{app::operation::OperationScreen, ui::Paint};

pub fn draw(_screen: &OperationScreen, _paint: &mut Paint<'_>, _area: Rect) {}
