//! A place in text that is only read: no row of it is selected.

use std::cell::Cell;

use crate::action::Action;

// The text's length and the window's height are the picture's to know; they are remembered, so that a page is a page.
#[derive(Clone, Debug, Default)]
pub struct Scroll {
    offset: Cell<usize>,
    rows: Cell<usize>,
    height: Cell<usize>,
}

impl Scroll {
    /// Moves by a moving action; false where it is not one.
    pub fn act(&mut self, action: Action) -> bool {
        let page = self.height.get().saturating_sub(1).max(1);
        let offset = self.offset.get();
        let to = match action {
            Action::Up => offset.saturating_sub(1),
            Action::Down => offset + 1,
            Action::PageUp => offset.saturating_sub(page),
            Action::PageDown => offset + page,
            Action::First => 0,
            Action::Last => usize::MAX,
            _ => return false,
        };
        self.offset.set(to.min(self.last_offset()));
        true
    }

    pub fn to_top(&mut self) {
        self.offset.set(0);
    }

    /// Moves no further than it must so that these rows are in sight, with one more on each side where there is room.
    pub fn reveal(&self, these: std::ops::Range<usize>, rows: usize, height: usize) {
        let margin = usize::from(height > these.len() + 2);
        let last = (these.end + margin).min(rows);
        let offset = self.offset.get().max(last.saturating_sub(height));
        self.offset.set(offset.min(these.start.saturating_sub(margin)));
    }

    /// The rows to paint of `rows` in `height` lines.
    pub fn window(&self, rows: usize, height: usize) -> std::ops::Range<usize> {
        self.rows.set(rows);
        self.height.set(height);
        let offset = self.offset.get().min(self.last_offset());
        self.offset.set(offset);
        offset..(offset + height).min(rows)
    }

    fn last_offset(&self) -> usize {
        self.rows.get().saturating_sub(self.height.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_scroll_past_the_end_and_comes_back_when_there_is_more_room() {
        let mut scroll = Scroll::default();
        assert_eq!(scroll.window(30, 10), 0..10);
        scroll.act(Action::Last);
        assert_eq!(scroll.window(30, 10), 20..30);
        scroll.act(Action::Down);
        assert_eq!(scroll.window(30, 10), 20..30);
        assert_eq!(scroll.window(30, 40), 0..30);
    }

    #[test]
    fn what_has_to_be_seen_is_brought_into_sight_and_what_is_in_sight_does_not_move() {
        let scroll = Scroll::default();
        let after = |these| {
            scroll.reveal(these, 30, 10);
            scroll.window(30, 10)
        };
        assert_eq!(after(5..6), 0..10);
        assert_eq!(after(12..13), 4..14);
        assert_eq!(after(8..9), 4..14);
        assert_eq!(after(29..30), 20..30);
        assert_eq!(after(0..1), 0..10);
        assert_eq!(after(4..20), 4..14, "its beginning before its end");
    }
}
