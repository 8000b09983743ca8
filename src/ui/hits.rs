//! What lies where on the painted screen, for the mouse.

use ratatui::layout::{Position, Rect};

use crate::action::Action;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Click {
    Action(Action),
    Row { pane: usize, row: usize },
}

#[derive(Debug, Default)]
pub struct Hits {
    areas: Vec<(Rect, Click)>,
}

impl Hits {
    pub fn push(&mut self, area: Rect, click: Click) {
        self.areas.push((area, click));
    }

    /// What was painted last lies on top.
    pub fn at(&self, column: u16, row: u16) -> Option<Click> {
        self.areas.iter().rev().find(|(area, _)| area.contains(Position::new(column, row))).map(|&(_, click)| click)
    }
}
