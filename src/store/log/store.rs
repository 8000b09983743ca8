//! The lines of the tails that are wanted, the oldest dropped when there are too many.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Chunk, Gap, Line, Source,
    run::{Held, Piece, Place, Run},
};
use crate::domain::InstanceId;

/// Costs: taking in a chunk is O(sources + its lines); finding a line by its number O(sources x log chunks). Nothing is sorted when
/// lines come: each source is in order by itself, and they are merged over the rows in sight only (`Walk`).
pub struct Store {
    pub(super) runs: Vec<Run>,
    /// The tail that the instance's lines came from before they began anew: what it still had on its way is not taken in.
    retired: BTreeMap<InstanceId, Arc<Source>>,
    /// The next line's number. They are given in the order of arrival, over all sources, and never again.
    next: u64,
    bytes: usize,
    budget: usize,
    evicted: u64,
}

/// One row of the log.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    Line { source: &'a Arc<Source>, line: &'a Line, text: &'a [u8] },
    Gap(&'a Gap),
}

impl Store {
    /// `budget`: bytes of text and index together.
    pub fn new(budget: usize) -> Self {
        Self { runs: Vec::new(), retired: BTreeMap::new(), next: 0, bytes: 0, budget, evicted: 0 }
    }

    pub fn push(&mut self, chunk: Arc<Chunk>) {
        if chunk.lines.is_empty() {
            return;
        }
        let (first, count) = (self.next, chunk.lines.len() as u64);
        let Some(run) = self.run_of(&chunk.source) else { return };
        run.push(chunk, first);
        self.bytes += run.held.back().map_or(0, Held::bytes);
        self.next += count;
        self.evict();
    }

    pub fn push_gap(&mut self, gap: Gap) {
        let first = self.next;
        let Some(run) = self.run_of(&gap.source.clone()) else { return };
        run.push_gap(gap, first);
        self.bytes += run.held.back().map_or(0, Held::bytes);
        self.next += 1;
        self.evict();
    }

    /// Forgets the lines of instances that nothing shows any more.
    pub fn keep_only(&mut self, is_wanted: impl Fn(&InstanceId) -> bool) {
        self.runs.retain(|run| is_wanted(&run.source.instance));
        self.retired.retain(|instance, _| is_wanted(instance));
        self.bytes = self.runs.iter().flat_map(|run| &run.held).map(Held::bytes).sum();
    }

    pub fn clear(&mut self) {
        self.keep_only(|_| false);
    }

    /// Lines and gaps that are held.
    pub fn lines(&self) -> u64 {
        self.runs.iter().map(|run| run.lines).sum()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Lines that were dropped to stay within the budget.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Every line that comes from now on has this number or a higher one.
    pub fn next(&self) -> u64 {
        self.next
    }

    pub fn get(&self, number: u64) -> Option<Entry<'_>> {
        let (run, place) = self.find(number)?;
        Some(self.runs[run].entry(place))
    }

    /// The tails that lines are held of.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = &Arc<Source>> {
        self.runs.iter().map(|run| &run.source)
    }

    pub(super) fn find(&self, number: u64) -> Option<(usize, Place)> {
        self.runs.iter().enumerate().find_map(|(index, run)| Some((index, run.find(number)?)))
    }

    /// The run that a tail's lines belong to; `None` for a tail that another has taken the place of.
    fn run_of(&mut self, source: &Arc<Source>) -> Option<&mut Run> {
        if self.retired.get(&source.instance).is_some_and(|retired| Arc::ptr_eq(retired, source)) {
            return None;
        }
        let index = match self.runs.iter().position(|run| run.source.instance == source.instance) {
            Some(index) if Arc::ptr_eq(&self.runs[index].source, source) => index,
            Some(index) => {
                let old = std::mem::replace(&mut self.runs[index], Run::new(source.clone()));
                self.bytes -= old.held.iter().map(Held::bytes).sum::<usize>();
                self.retired.insert(source.instance.clone(), old.source);
                index
            }
            None => {
                self.runs.push(Run::new(source.clone()));
                self.runs.len() - 1
            }
        };
        Some(&mut self.runs[index])
    }

    /// Drops what came first until the rest fits. The last chunk stays whatever it weighs.
    fn evict(&mut self) {
        while self.bytes > self.budget {
            let chunks: usize = self.runs.iter().map(|run| run.held.len()).sum();
            let oldest = self.runs.iter_mut().filter(|run| !run.held.is_empty()).min_by_key(|run| run.held[0].first);
            let Some(run) = oldest.filter(|_| chunks > 1) else { break };
            let held = run.pop().expect("runs without chunks were passed over");
            self.bytes -= held.bytes();
            self.evicted += held.len() as u64;
        }
    }
}

impl Run {
    pub(super) fn entry(&self, place: Place) -> Entry<'_> {
        match &self.held[place.held].piece {
            Piece::Chunk(chunk) => {
                Entry::Line { source: &chunk.source, line: &chunk.lines[place.line], text: chunk.line(place.line) }
            }
            Piece::Gap(gap) => Entry::Gap(gap),
        }
    }
}

impl<'a> Entry<'a> {
    pub fn source(&self) -> &'a Arc<Source> {
        match self {
            Self::Line { source, .. } => source,
            Self::Gap(gap) => &gap.source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{chunk, source},
        *,
    };

    #[test]
    fn a_line_keeps_its_number_when_older_ones_are_dropped() {
        let from = source("a");
        let mut store = Store::new(4 * chunk(&from, &[(0, "line 0")]).bytes());
        for number in 0..10 {
            store.push(chunk(&from, &[(number, &format!("line {number}"))]));
        }
        assert!(store.get(5).is_none());
        let Some(Entry::Line { text, .. }) = store.get(7) else { panic!("line 7 is held") };
        assert_eq!(text, b"line 7");
        assert_eq!((store.lines(), store.evicted(), store.next()), (4, 6, 10));
    }

    #[test]
    fn memory_stays_under_the_budget_whatever_comes() {
        let from = source("a");
        let mut store = Store::new(100_000);
        for second in 0..5_000 {
            store.push(chunk(&from, &[(second, "x"), (second, &"long ".repeat(second as usize % 300))]));
            assert!(store.bytes() <= 100_000);
        }
    }

    #[test]
    fn one_chunk_larger_than_the_budget_is_still_shown() {
        let mut store = Store::new(10);
        store.push(chunk(&source("a"), &[(1, "one")]));
        store.push(chunk(&source("a"), &[(2, "two")]));
        assert_eq!(store.lines(), 1);
    }

    #[test]
    fn when_a_tail_begins_anew_the_old_ones_lines_go_and_its_stragglers_are_not_taken_in() {
        let (old, new) = (source("a"), source("a"));
        let mut store = Store::new(1 << 20);
        store.push(chunk(&old, &[(1, "old")]));
        store.push(chunk(&new, &[(1, "old"), (2, "new")]));
        store.push(chunk(&old, &[(3, "straggler")]));
        store.push(chunk(&new, &[(3, "newer")]));
        assert_eq!(store.lines(), 3);
        assert!(store.get(0).is_none());
        store.clear();
        assert_eq!((store.lines(), store.bytes()), (0, 0));
    }

    #[test]
    fn instances_that_nothing_shows_are_forgotten() {
        let mut store = Store::new(1 << 20);
        store.push(chunk(&source("a"), &[(1, "a")]));
        store.push(chunk(&source("b"), &[(1, "b")]));
        store.keep_only(|instance| &*instance.key == "b");
        assert!(store.get(0).is_none());
        assert!(store.get(1).is_some());
    }
}
