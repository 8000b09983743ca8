//! A selection in a list that changes under it: it follows what was selected, not the row it stood on.

use std::cell::Cell;

use crate::action::Action;

/// `K` names a row for good. The rows themselves are the world's, in today's order.
#[derive(Clone, Debug)]
pub struct List<K> {
    selected: Option<K>,
    /// Where the selection stood when it was last seen: the row that takes its place when it goes.
    row: Cell<usize>,
    // The height is the picture's to know. It is remembered here, so that a page is a page and the list does not jump.
    offset: Cell<usize>,
    height: Cell<usize>,
}

impl<K> Default for List<K> {
    fn default() -> Self {
        Self { selected: None, row: Cell::new(0), offset: Cell::new(0), height: Cell::new(10) }
    }
}

impl<K: Clone + PartialEq> List<K> {
    /// The selected row in `keys`, which are today's rows in order; `None` only when there are none.
    pub fn position(&self, keys: &[K]) -> Option<usize> {
        let found = self.selected.as_ref().and_then(|selected| keys.iter().position(|key| key == selected));
        found.or_else(|| (!keys.is_empty()).then(|| self.row.get().min(keys.len() - 1)))
    }

    pub fn selected<'a>(&self, keys: &'a [K]) -> Option<&'a K> {
        self.position(keys).map(|row| &keys[row])
    }

    pub fn select(&mut self, keys: &[K], row: usize) {
        self.row.set(row.min(keys.len().saturating_sub(1)));
        self.selected = keys.get(self.row.get()).cloned();
    }

    /// Selects by name, also what is not in the list yet.
    pub fn select_key(&mut self, key: K) {
        self.selected = Some(key);
    }

    /// Before anybody chose, the selection stays on this row instead of the first.
    pub fn suggest(&self, row: usize) {
        if !self.was_chosen() {
            self.row.set(row);
        }
    }

    /// Before anybody chose, the selection stays on the first row whatever comes to stand there, or on the one that is suggested.
    pub fn was_chosen(&self) -> bool {
        self.selected.is_some()
    }

    /// Moves by a moving action; false where it is not one.
    pub fn act(&mut self, action: Action, keys: &[K]) -> bool {
        let row = self.position(keys).unwrap_or(0);
        let page = self.height.get().saturating_sub(1).max(1);
        let to = match action {
            Action::Up => row.saturating_sub(1),
            Action::Down => row + 1,
            Action::PageUp => row.saturating_sub(page),
            Action::PageDown => row + page,
            Action::First => 0,
            Action::Last => usize::MAX,
            _ => return false,
        };
        self.select(keys, to);
        true
    }

    /// The rows that were painted last, among today's: what is worth measuring.
    pub fn in_sight(&self, keys: &[K]) -> std::ops::Range<usize> {
        self.window(keys, self.height.get())
    }

    /// The rows to paint in `height` lines: the selection is always among them, and they move only when it would not be.
    pub fn window(&self, keys: &[K], height: usize) -> std::ops::Range<usize> {
        let row = self.position(keys).unwrap_or(0);
        let last_offset = keys.len().saturating_sub(height);
        let offset = self.offset.get().clamp((row + 1).saturating_sub(height.max(1)), row).min(last_offset);
        self.offset.set(offset);
        self.height.set(height);
        offset..(offset + height).min(keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selection_follows_its_row_when_the_list_is_sorted_anew() {
        let mut list = List::default();
        list.select(&["a", "b", "c"], 2);
        assert_eq!(list.position(&["c", "a", "b"]), Some(0));
    }

    #[test]
    fn when_the_selected_row_goes_its_neighbour_takes_its_place() {
        let mut list = List::default();
        list.select(&["a", "b", "c"], 1);
        assert_eq!(list.selected(&["a", "c"]), Some(&"c"));
        assert_eq!(list.selected(&["a"]), Some(&"a"));
        assert_eq!(list.selected(&[]), None);
    }

    #[test]
    fn a_row_that_is_suggested_is_selected_until_somebody_chooses() {
        let mut list = List::default();
        list.suggest(2);
        assert_eq!(list.selected(&["a", "b", "c"]), Some(&"c"));
        list.select(&["a", "b", "c"], 1);
        list.suggest(2);
        assert_eq!(list.selected(&["a", "b", "c"]), Some(&"b"));
    }

    #[test]
    fn the_window_moves_only_when_the_selection_would_leave_it() {
        let keys: Vec<_> = (0..100).collect();
        let mut list = List::default();
        assert_eq!(list.window(&keys, 10), 0..10);
        list.select(&keys, 12);
        assert_eq!(list.window(&keys, 10), 3..13);
        list.select(&keys, 5);
        assert_eq!(list.window(&keys, 10), 3..13);
        list.act(Action::Last, &keys);
        assert_eq!(list.window(&keys, 10), 90..100);
        assert_eq!(list.window(&keys, 200), 0..100);
    }

    #[test]
    fn a_window_without_height_shows_nothing_and_does_not_panic() {
        let keys: Vec<_> = (0..100).collect();
        let mut list = List::default();
        assert!(list.window(&keys, 0).is_empty());
        list.act(Action::Last, &keys);
        assert!(list.window(&keys, 0).is_empty());
        assert_eq!(list.window(&keys, 10), 90..100);
    }
}
