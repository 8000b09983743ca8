//! A theme, ready to paint with.

use ratatui::style::Style;

use crate::config::theme::Role;

#[derive(Clone, Debug, Default)]
pub struct Theme {}

impl Theme {
    pub fn style(&self, _role: Role) -> Style {
        Style::new()
    }
}
