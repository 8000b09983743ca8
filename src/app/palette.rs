//! Every action by its name: what applies here first, the rest greyed with the reason.

use std::cmp::Reverse;

use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};
use tui_input::InputRequest;

use crate::{
    action::Action,
    app::{list::List, prompt::Prompt},
};

#[derive(Debug)]
pub struct Palette {
    pub prompt: Prompt,
    pub list: List<Action>,
    /// All of them, with why not where one does not apply now. Captured when the palette was opened.
    entries: Vec<Entry>,
    /// The entries that match what was typed, best first.
    matches: Vec<usize>,
}

#[derive(Debug)]
pub struct Entry {
    pub action: Action,
    pub refused: Option<String>,
}

/// What is called as was typed comes before what is only explained so, also when it is refused: its reason is what the person then
/// wants to read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Named,
    NamedButRefused,
    Explained,
    Refused,
}

impl Entry {
    fn rank(&self, is_named: bool) -> Rank {
        match (is_named, self.refused.is_some()) {
            (true, false) => Rank::Named,
            (true, true) => Rank::NamedButRefused,
            (false, false) => Rank::Explained,
            (false, true) => Rank::Refused,
        }
    }
}

impl Palette {
    pub fn new(may: impl Fn(Action) -> Result<(), String>) -> Self {
        let entries = Action::ALL
            .iter()
            .filter(|action| {
                !matches!(action, Action::Palette | Action::Open | Action::Back | Action::Up | Action::Down)
            })
            .map(|&action| Entry { action, refused: may(action).err() })
            .collect();
        let mut palette = Self { prompt: Prompt::new(":", ""), list: List::default(), entries, matches: Vec::new() };
        palette.find();
        palette
    }

    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.matches.iter().map(|&index| &self.entries[index])
    }

    /// How many there are, whether they match or not.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    pub fn keys(&self) -> Vec<Action> {
        self.entries().map(|entry| entry.action).collect()
    }

    pub fn chosen(&self) -> Option<Action> {
        self.list.selected(&self.keys()).copied()
    }

    pub fn edit(&mut self, request: InputRequest) {
        self.prompt.edit(request);
        self.find();
    }

    pub fn act(&mut self, action: Action) {
        let keys = self.keys();
        self.list.act(action, &keys);
    }

    pub fn click(&mut self, row: usize) {
        let keys = self.keys();
        self.list.select(&keys, row);
    }

    pub fn scroll(&mut self, lines: i32) {
        let action = if lines < 0 { Action::Up } else { Action::Down };
        (0..lines.unsigned_abs()).for_each(|_| self.act(action));
    }

    fn find(&mut self) {
        let pattern = Pattern::parse(self.prompt.text(), CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut buffer = Vec::new();
        let is_typed = !self.prompt.text().trim().is_empty();
        let mut scored: Vec<(Rank, Reverse<u32>, usize)> = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            let name = entry.action.name().replace('_', " ");
            let text = format!("{name} {}", entry.action.help());
            let mut score = |text: &str| pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher);
            let in_name = score(&name);
            if let Some(found) = in_name.or_else(|| score(&text)) {
                scored.push((entry.rank(is_typed && in_name.is_some()), Reverse(found), index));
            }
        }
        scored.sort();
        self.matches = scored.into_iter().map(|(_, _, index)| index).collect();
        self.list = List::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str, refused: &[Action]) -> Vec<Action> {
        let mut palette =
            Palette::new(|action| if refused.contains(&action) { Err("not here".to_owned()) } else { Ok(()) });
        text.chars().for_each(|c| palette.edit(InputRequest::InsertChar(c)));
        palette.keys()
    }

    #[test]
    fn an_action_is_found_first_by_its_name_also_where_it_is_refused() {
        assert_eq!(typed("start", &[])[0], Action::Start);
        assert_eq!(typed("start", &[Action::Start])[..2], [Action::Restart, Action::Start]);
        assert_eq!(typed("start", &[Action::Start, Action::Restart])[..2], [Action::Start, Action::Restart]);
        assert_eq!(typed("stop", &[Action::Stop])[..2], [Action::StopAndUndo, Action::Stop]);
    }

    #[test]
    fn words_of_the_explanation_find_it_too_after_the_names() {
        let found = typed("charts", &[Action::Metrics]);
        assert!(found.contains(&Action::Metrics), "{found:?}");
    }

    #[test]
    fn with_nothing_typed_what_applies_comes_first() {
        let found = typed("", &[Action::Logs]);
        assert_eq!(found.last(), Some(&Action::Logs));
    }
}
