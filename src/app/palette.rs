//! Every action by its name: what applies here first, the rest greyed with the reason.

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
        let mut scored: Vec<(bool, bool, u32, usize)> = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            let name = entry.action.name().replace('_', " ");
            let text = format!("{name} {}", entry.action.help());
            // The name counts for more than the words that explain it.
            let in_name = pattern.score(Utf32Str::new(&name, &mut buffer), &mut matcher).unwrap_or(0);
            if let Some(score) = pattern.score(Utf32Str::new(&text, &mut buffer), &mut matcher) {
                // Who types a whole name means that and nothing that resembles it, also where it is refused.
                let is_another = !name.eq_ignore_ascii_case(self.prompt.text().trim());
                scored.push((is_another, entry.refused.is_some(), score + in_name * 2, index));
            }
        }
        scored
            .sort_by_key(|&(is_another, refused, score, index)| (is_another, refused, std::cmp::Reverse(score), index));
        self.matches = scored.into_iter().map(|(.., index)| index).collect();
        self.list = List::default();
    }
}
