//! A plan, before somebody says yes.

use ratatui::layout::Rect;

use crate::{app::plan::PlanScreen, ui::Paint};

pub fn draw(_screen: &PlanScreen, _paint: &mut Paint<'_>, _area: Rect) {}
