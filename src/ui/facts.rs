//! Named facts, one below the other, in lines that are as wide as the place, which can be scrolled.

use ratatui::layout::Rect;

use crate::{
    app::scroll::Scroll,
    config::theme::Role,
    ui::{Paint, widget},
};

/// Columns for the names of facts.
const LABEL: u16 = 11;

pub struct Facts {
    lines: Vec<Line>,
    width: u16,
}

/// One painted line: a fact's first one carries its name.
struct Line {
    label: &'static str,
    text: String,
    role: Role,
}

impl Facts {
    /// For a place of so many columns.
    pub fn new(width: u16) -> Self {
        Self { lines: Vec::new(), width: width.saturating_sub(LABEL) }
    }

    pub fn push(&mut self, label: &'static str, text: &str, role: Role) {
        let wrapped = widget::wrap(text, self.width).into_iter().enumerate();
        let named = wrapped.map(|(row, text)| Line { label: if row == 0 { label } else { "" }, text, role });
        self.lines.extend(named);
    }

    pub fn fact(&mut self, label: &'static str, text: &str) {
        self.push(label, text, Role::Text);
    }

    /// As it is, cut where it does not fit: a row of a table.
    pub fn row(&mut self, label: &'static str, text: String, role: Role) {
        self.lines.push(Line { label, text, role });
    }

    /// Broken anywhere: what is copied from it is put together again without a thought.
    pub fn exact(&mut self, label: &'static str, text: &str) {
        let letters: Vec<char> = text.chars().collect();
        let rows = letters.chunks(usize::from(self.width.max(1))).map(|row| row.iter().collect::<String>());
        self.all(label, rows.collect::<Vec<_>>().into_iter());
    }

    pub fn maybe(&mut self, label: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.fact(label, text);
        }
    }

    /// One a line, and nothing where there are none.
    pub fn some(&mut self, label: &'static str, texts: impl Iterator<Item = String>) {
        for (index, text) in texts.enumerate() {
            self.fact(if index == 0 { label } else { "" }, &text);
        }
    }

    /// One a line, or a word that there are none.
    pub fn all(&mut self, label: &'static str, texts: impl Iterator<Item = String>) {
        let before = self.lines.len();
        self.some(label, texts);
        if self.lines.len() == before {
            self.push(label, "none", Role::Dim);
        }
    }

    /// Below a heading, which tells where in them one is.
    pub fn draw(&self, paint: &mut Paint<'_>, heading: Rect, body: Rect, scroll: &Scroll) {
        let shown = scroll.window(self.lines.len(), usize::from(body.height));
        for (y, line) in (body.y..).zip(&self.lines[shown.clone()]) {
            paint.text(Rect::new(body.x, y, LABEL - 1, 1), line.label, Role::Dim);
            let place = Rect::new(body.x + LABEL, y, body.width.saturating_sub(LABEL), 1);
            paint.text(place, &line.text, line.role);
        }
        widget::position(paint, heading, &shown, self.lines.len());
    }
}
