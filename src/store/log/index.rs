//! Which lines a filter lets through, chunk by chunk, worked out in slices so that no key waits for it.

use std::{collections::VecDeque, sync::Arc};

use super::{
    Filter, Selection, Source, Store,
    run::{Held, Piece, Run},
};

/// Costs four bytes a line that matches where only some of a chunk do, and little otherwise. The newest chunks are examined first:
/// what is in sight is right at once, and the rest fills in.
#[derive(Debug)]
pub struct Index {
    filter: Filter,
    runs: Vec<Seen>,
    matches: u64,
    arrived: u64,
}

/// What is known of one source's chunks. They are examined without holes: new ones upwards, older ones downwards.
#[derive(Debug)]
pub(super) struct Seen {
    source: Arc<Source>,
    /// By the number of each chunk's first line.
    chunks: VecDeque<(u64, usize, Matched)>,
    /// Chunks from here on have come since and are still to be examined.
    end: u64,
}

/// The lines of one chunk that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Matched {
    All,
    Nothing,
    /// Ascending.
    Some(Box<[u32]>),
}

impl Matched {
    fn of(held: &Held, filter: &Filter) -> Self {
        let flags = match &held.piece {
            Piece::Chunk(chunk) => filter.examine(chunk, held.has_escapes),
            Piece::Gap(_) => return if filter.hides_gaps { Self::Nothing } else { Self::All },
        };
        match flags.iter().filter(|&&shown| shown).count() {
            0 => Self::Nothing,
            count if count == flags.len() => Self::All,
            _ => Self::Some((0_u32..).zip(flags).filter_map(|(line, shown)| shown.then_some(line)).collect()),
        }
    }

    /// How many of the lines before `line` match.
    pub(super) fn count_before(&self, line: usize) -> u64 {
        match self {
            Self::All => line as u64,
            Self::Nothing => 0,
            Self::Some(lines) => lines.partition_point(|&other| (other as usize) < line) as u64,
        }
    }
}

impl Index {
    pub fn new(filter: Filter) -> Self {
        Self { filter, runs: Vec::new(), matches: 0, arrived: 0 }
    }

    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Rows that match, of those that are held and were examined.
    pub fn matches(&self) -> u64 {
        self.matches
    }

    /// Matching rows that came since there is this index, whether they are still held or not.
    pub fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Examines about `bytes` of text, and says whether there is more to do. Called before a frame, and again while there is nothing
    /// better to do.
    pub fn work(&mut self, store: &Store, selection: Selection<'_>, bytes: usize) -> bool {
        self.runs.retain(|seen| {
            let is_shown = store.runs.iter().any(|run| selection.has(run) && Arc::ptr_eq(&run.source, &seen.source));
            if !is_shown {
                self.matches -= seen.matches();
            }
            is_shown
        });
        let mut left = bytes;
        let mut has_more = false;
        // What came since first: it is little, and it is what the person waits for.
        for downwards in [false, true] {
            for run in store.runs.iter().filter(|run| selection.has(run)) {
                let place = self.runs.iter().position(|seen| Arc::ptr_eq(&seen.source, &run.source));
                let place = place.unwrap_or_else(|| {
                    self.runs.push(Seen::new(run));
                    self.runs.len() - 1
                });
                let seen = &mut self.runs[place];
                self.matches -= seen.forget(run);
                if downwards {
                    self.matches += seen.examine_older(run, &self.filter, &mut left, &mut has_more);
                } else {
                    let new = seen.examine_newer(run, &self.filter, &mut left, &mut has_more);
                    self.matches += new;
                    self.arrived += new;
                }
            }
        }
        has_more
    }

    pub(super) fn seen(&self, run: &Run) -> Option<&Seen> {
        self.runs.iter().find(|seen| Arc::ptr_eq(&seen.source, &run.source))
    }
}

impl Seen {
    fn new(run: &Run) -> Self {
        let end = run.held.back().map_or(0, |held| held.first + 1);
        Self { source: run.source.clone(), chunks: VecDeque::new(), end }
    }

    fn matches(&self) -> u64 {
        self.chunks.iter().map(|(_, len, matched)| matched.count_before(*len)).sum()
    }

    /// Drops what the store has dropped; how many matches these were.
    fn forget(&mut self, run: &Run) -> u64 {
        let oldest = run.held.front().map_or(u64::MAX, |held| held.first);
        let mut forgotten = 0;
        while let Some((_, len, matched)) = self.chunks.pop_front_if(|(first, ..)| *first < oldest) {
            forgotten += matched.count_before(len);
        }
        forgotten
    }

    fn examine_newer(&mut self, run: &Run, filter: &Filter, left: &mut usize, has_more: &mut bool) -> u64 {
        let mut matches = 0;
        for held in run.held.range(run.held.partition_point(|held| held.first < self.end)..) {
            if *left == 0 {
                *has_more = true;
                break;
            }
            *left = left.saturating_sub(held.bytes());
            let matched = Matched::of(held, filter);
            matches += matched.count_before(held.len());
            self.chunks.push_back((held.first, held.len(), matched));
            self.end = held.first + 1;
        }
        matches
    }

    fn examine_older(&mut self, run: &Run, filter: &Filter, left: &mut usize, has_more: &mut bool) -> u64 {
        let mut matches = 0;
        let from = self.chunks.front().map_or(self.end, |(first, ..)| *first);
        for held in run.held.range(..run.held.partition_point(|held| held.first < from)).rev() {
            if *left == 0 {
                *has_more = true;
                break;
            }
            *left = left.saturating_sub(held.bytes());
            let matched = Matched::of(held, filter);
            matches += matched.count_before(held.len());
            self.chunks.push_front((held.first, held.len(), matched));
        }
        matches
    }

    /// What is not examined yet is not shown yet.
    pub(super) fn matched(&self, first: u64) -> &Matched {
        let place = self.chunks.partition_point(|(other, ..)| *other < first);
        match self.chunks.get(place) {
            Some((other, _, matched)) if *other == first => matched,
            _ => &Matched::Nothing,
        }
    }

    pub(super) fn matches_before(&self, first: u64) -> u64 {
        let before = self.chunks.iter().take_while(|(other, ..)| *other < first);
        before.map(|(_, len, matched)| matched.count_before(*len)).sum()
    }
}
