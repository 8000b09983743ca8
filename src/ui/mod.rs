//! The picture of the app, and the keys it was given. Reads the app, changes nothing.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use unicode_width::UnicodeWidthStr;

use crate::{
    action::{Action, Place},
    app::App,
    config::theme::Role,
};

pub mod backups;
pub mod chart;
pub mod configuration;
pub mod events;
pub mod facts;
pub mod forwards;
pub mod frame;
pub mod help;
pub mod hints;
pub mod hits;
pub mod instance_details;
pub mod instances;
pub mod keys;
pub mod logs;
pub mod main_screen;
pub mod metrics;
pub mod nodes;
pub mod notices;
pub mod operation;
pub mod operations;
pub mod orchestration;
pub mod overlay;
pub mod plan;
pub mod release;
pub mod rollout;
pub mod table;
pub mod theme;
pub mod widget;

pub use hits::{Click, Hits};
pub use theme::Theme;

/// What every screen paints with.
pub struct Paint<'a> {
    pub app: &'a App,
    pub theme: &'a Theme,
    /// The keys of an action in a place, as a person would press them, the shortest first.
    pub keys: &'a dyn Fn(Place, Action) -> Vec<String>,
    pub buffer: &'a mut Buffer,
    /// Filled while painting: what a click on a cell means.
    pub hits: &'a mut Hits,
}

impl Paint<'_> {
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// One line of already harmless text, cut with a sign where it does not fit. Returns the column after it.
    pub fn text(&mut self, area: Rect, text: &str, role: Role) -> u16 {
        widget::line(self.buffer, area, text, self.theme.style(role))
    }

    pub fn text_right(&mut self, area: Rect, text: &str, role: Role) {
        let width = u16::try_from(text.width()).unwrap_or(u16::MAX).min(area.width);
        self.text(Rect { x: area.right() - width, width, ..area }, text, role);
    }

    /// The first key of an action on the screen in sight.
    pub fn keys_of(&self, action: Action) -> Option<String> {
        (self.keys)(self.app.place(), action).into_iter().next()
    }

    /// The first of an action's keys; empty where it has none.
    pub fn key(&self, place: Place, action: Action) -> String {
        (self.keys)(place, action).into_iter().next().unwrap_or_default()
    }

    /// A click on `area` is this action.
    pub fn button(&mut self, area: Rect, action: Action) {
        self.hits.push(area, Click::Action(action));
    }

    /// A click on `area` selects this row of this pane.
    pub fn row(&mut self, area: Rect, pane: usize, row: usize) {
        self.hits.push(area, Click::Row { pane, row });
    }
}
