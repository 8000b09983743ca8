//! Live logs.

use ratatui::layout::Rect;

use crate::{app::logs::Logs, ui::Paint};

pub fn draw(_screen: &Logs, _paint: &mut Paint<'_>, _area: Rect) {}
