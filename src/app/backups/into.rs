//! The line in which a person says into which other service a snapshot is restored.

use std::{cmp::Reverse, time::Duration};

use jiff::Timestamp;
use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};
use tui_input::InputRequest;

use super::screen::restoring;
use crate::{
    action::Action,
    app::{World, list::List, plan::Wanted, prompt::Prompt},
    domain::{Service, ServiceId, Snapshot},
};

#[derive(Debug)]
pub struct RestoreInto {
    pub snapshot: Snapshot,
    pub prompt: Prompt,
    pub list: List<ServiceId>,
    /// All that there were when it was opened.
    candidates: Vec<Candidate>,
    /// Those that match what was typed, best first.
    matches: Vec<usize>,
    /// How long the last restore or rehearsal took.
    took: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub service: ServiceId,
    /// It has what the snapshot holds, as far as its image or its label says.
    pub is_alike: bool,
}

impl RestoreInto {
    /// What is alike comes first.
    pub fn new(snapshot: &Snapshot, took: Option<Duration>, world: &World) -> Self {
        let others = world.services().filter(|service| service.id != snapshot.item.service);
        let mut candidates: Vec<Candidate> = others
            .map(|service| Candidate { service: service.id.clone(), is_alike: is_alike(service, snapshot, world) })
            .collect();
        candidates.sort_by_key(|candidate| (!candidate.is_alike, candidate.service.clone()));
        let (snapshot, prompt) = (snapshot.clone(), Prompt::new("service", ""));
        let mut asked = Self { snapshot, prompt, list: List::default(), candidates, matches: Vec::new(), took };
        asked.find();
        asked
    }

    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Candidate> {
        self.matches.iter().map(|&index| &self.candidates[index])
    }

    pub fn keys(&self) -> Vec<ServiceId> {
        self.rows().map(|candidate| candidate.service.clone()).collect()
    }

    /// `None` where nothing matches what was typed.
    pub fn wanted(&self, now: Timestamp) -> Option<Wanted> {
        let keys = self.keys();
        self.list.selected(&keys).map(|service| restoring(&self.snapshot, service, self.took, now))
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
        let mut scored: Vec<(bool, Reverse<u32>, usize)> = Vec::new();
        for (index, candidate) in self.candidates.iter().enumerate() {
            let name = candidate.service.to_string();
            if let Some(score) = pattern.score(Utf32Str::new(&name, &mut buffer), &mut matcher) {
                scored.push((!candidate.is_alike, Reverse(score), index));
            }
        }
        scored.sort();
        self.matches = scored.into_iter().map(|(_, _, index)| index).collect();
        self.list = List::default();
    }
}

fn is_alike(service: &Service, snapshot: &Snapshot, world: &World) -> bool {
    let items = world.settings.backups.as_ref().and_then(|backups| backups.items(service).ok());
    items.is_some_and(|items| items.iter().any(|item| item.method == snapshot.item.method))
}
