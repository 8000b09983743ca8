//! A list from which one is picked by typing some of its name: what matches best is first.

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

/// One of those that can be picked.
pub trait Candidate {
    type Key: Clone + PartialEq;
    /// The least comes first; of those that are alike, the better match.
    type Rank: Ord;

    fn key(&self) -> Self::Key;

    /// With how well it matches. `None`: it does not.
    fn rank(&self, typed: &mut Typed) -> Option<(Self::Rank, u32)>;
}

/// What was typed, to be held against texts.
pub struct Typed {
    pattern: Pattern,
    matcher: Matcher,
    buffer: Vec<char>,
    pub is_empty: bool,
}

impl Typed {
    fn new(text: &str) -> Self {
        Self {
            pattern: Pattern::parse(text, CaseMatching::Ignore, Normalization::Smart),
            matcher: Matcher::new(Config::DEFAULT),
            buffer: Vec::new(),
            is_empty: text.trim().is_empty(),
        }
    }

    pub fn score(&mut self, text: &str) -> Option<u32> {
        self.pattern.score(Utf32Str::new(text, &mut self.buffer), &mut self.matcher)
    }
}

#[derive(Debug)]
pub struct Picker<C: Candidate> {
    pub prompt: Prompt,
    pub list: List<C::Key>,
    /// All that there were when it was opened.
    candidates: Vec<C>,
    /// Those that match what was typed, best first.
    matches: Vec<usize>,
}

impl<C: Candidate> Picker<C> {
    pub fn of(prompt: Prompt, candidates: Vec<C>) -> Self {
        let mut picker = Self { prompt, list: List::default(), candidates, matches: Vec::new() };
        picker.find();
        picker
    }

    pub fn rows(&self) -> impl ExactSizeIterator<Item = &C> {
        self.matches.iter().map(|&index| &self.candidates[index])
    }

    /// How many there are, whether they match or not.
    pub fn count(&self) -> usize {
        self.candidates.len()
    }

    pub fn keys(&self) -> Vec<C::Key> {
        self.rows().map(C::key).collect()
    }

    /// `None` where nothing matches what was typed.
    pub fn chosen(&self) -> Option<C::Key> {
        self.list.selected(&self.keys()).cloned()
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
        let mut typed = Typed::new(self.prompt.text());
        let candidates = self.candidates.iter().enumerate();
        let mut ranked: Vec<(C::Rank, Reverse<u32>, usize)> = candidates
            .filter_map(|(index, candidate)| {
                let (rank, score) = candidate.rank(&mut typed)?;
                Some((rank, Reverse(score), index))
            })
            .collect();
        ranked.sort();
        self.matches = ranked.into_iter().map(|(_, _, index)| index).collect();
        self.list = List::default();
    }
}
