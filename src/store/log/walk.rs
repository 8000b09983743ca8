//! Walks over the lines of several sources in the order of their times, forwards and back, merging only where it walks.

use std::collections::BTreeSet;

use super::{
    Index, Store,
    index::{Matched, Seen},
    run::{Held, Piece, Place, Run},
};
use crate::domain::{InstanceId, Level};

/// Whose lines are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    pub instances: &'a BTreeSet<InstanceId>,
    pub epoch: u32,
}

/// Which of their lines. Without an index: all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lens<'a> {
    pub index: Option<&'a Index>,
    /// Only lines that say at least this; `Level::None` means all, gaps too.
    pub at_least: Level,
}

/// Stands between two lines. A step costs O(sources), and passes over a chunk without a line to show in O(1).
pub struct Walk<'a> {
    heads: Vec<Head<'a>>,
    lens: Lens<'a>,
}

struct Head<'a> {
    run: &'a Run,
    /// What the lens' index knows of this source; without one every line is let through.
    seen: Filtered<'a>,
    /// The first line of this source after where the walk stands.
    place: Place,
    // What the next step in each direction would find in this source. Kept, because a sparse filter makes looking for it dear.
    ahead: Option<Option<Place>>,
    behind: Option<Option<Place>>,
}

#[derive(Clone, Copy)]
enum Filtered<'a> {
    Not,
    By(&'a Seen),
    /// There is an index, and it has not come to this source yet.
    Unknown,
}

impl<'a> Filtered<'a> {
    fn matched(self, held: &Held) -> &'a Matched {
        match self {
            Self::Not => &Matched::All,
            Self::By(seen) => seen.matched(held.first),
            Self::Unknown => &Matched::Nothing,
        }
    }
}

impl Selection<'_> {
    pub fn has(&self, run: &Run) -> bool {
        run.source.epoch == self.epoch && self.instances.contains(&run.source.instance)
    }

    /// Lines and gaps of these sources that ever came.
    pub fn arrived(&self, store: &Store) -> u64 {
        store.runs.iter().filter(|run| self.has(run)).map(|run| run.arrived).sum()
    }

    /// Lines and gaps of these sources that are held.
    pub fn lines(&self, store: &Store) -> u64 {
        store.runs.iter().filter(|run| self.has(run)).map(|run| run.lines).sum()
    }
}

impl Lens<'_> {
    fn next_in(&self, held: &Held, matched: &Matched, from: usize) -> Option<usize> {
        if held.worst < self.at_least {
            return None;
        }
        match matched {
            Matched::All => (from..held.len()).find(|&line| self.is_grave(held, line)),
            Matched::Nothing => None,
            Matched::Some(lines) => {
                let place = lines.partition_point(|&line| (line as usize) < from);
                lines[place..].iter().map(|&line| line as usize).find(|&line| self.is_grave(held, line))
            }
        }
    }

    fn previous_in(&self, held: &Held, matched: &Matched, before: usize) -> Option<usize> {
        if held.worst < self.at_least {
            return None;
        }
        match matched {
            Matched::All => (0..before.min(held.len())).rev().find(|&line| self.is_grave(held, line)),
            Matched::Nothing => None,
            Matched::Some(lines) => {
                let place = lines.partition_point(|&line| (line as usize) < before);
                lines[..place].iter().rev().map(|&line| line as usize).find(|&line| self.is_grave(held, line))
            }
        }
    }

    fn is_grave(&self, held: &Held, line: usize) -> bool {
        match &held.piece {
            Piece::Chunk(chunk) => chunk.lines[line].level >= self.at_least,
            Piece::Gap(_) => self.at_least == Level::None,
        }
    }
}

impl<'a> Walk<'a> {
    pub fn from_start(store: &'a Store, selection: Selection<'_>, lens: Lens<'a>) -> Self {
        Self::standing(store, selection, lens, |_, _| Place { held: 0, line: 0 })
    }

    pub fn from_end(store: &'a Store, selection: Selection<'_>, lens: Lens<'a>) -> Self {
        Self::standing(store, selection, lens, |_, run| run.end())
    }

    /// Stands right before the line, so that `next` yields it if the lens lets it through. `None` when it is not held any more.
    pub fn before(store: &'a Store, selection: Selection<'_>, lens: Lens<'a>, number: u64) -> Option<Self> {
        Self::around(store, selection, lens, number, false)
    }

    /// Stands right after the line.
    pub fn after(store: &'a Store, selection: Selection<'_>, lens: Lens<'a>, number: u64) -> Option<Self> {
        Self::around(store, selection, lens, number, true)
    }

    fn around(store: &'a Store, selection: Selection<'_>, lens: Lens<'a>, number: u64, after: bool) -> Option<Self> {
        let (found, place) = store.find(number)?;
        let key = store.runs[found].held[place.held].key(place.line);
        Some(Self::standing(store, selection, lens, |index, run| match index.cmp(&found) {
            // Of lines of the same time, those of earlier sources come first.
            std::cmp::Ordering::Less => run.seek(key, true),
            std::cmp::Ordering::Greater => run.seek(key, false),
            std::cmp::Ordering::Equal => Place { held: place.held, line: place.line + usize::from(after) },
        }))
    }

    fn standing(
        store: &'a Store,
        selection: Selection<'_>,
        lens: Lens<'a>,
        place: impl Fn(usize, &Run) -> Place,
    ) -> Self {
        let runs = store.runs.iter().enumerate().filter(|(_, run)| selection.has(run));
        let heads = runs.map(|(index, run)| {
            let seen = match lens.index {
                None => Filtered::Not,
                Some(index) => index.seen(run).map_or(Filtered::Unknown, Filtered::By),
            };
            Head { run, seen, place: place(index, run), ahead: None, behind: None }
        });
        let heads = heads.collect();
        Self { heads, lens }
    }

    /// The line before, and steps back over it.
    pub fn previous(&mut self) -> Option<u64> {
        let lens = self.lens;
        let candidates = self.heads.iter_mut().enumerate().filter_map(|(index, head)| {
            let place = head.behind(&lens)?;
            Some((head.key(place), index, place))
        });
        let (_, index, place) = candidates.max()?;
        let head = &mut self.heads[index];
        head.stand(place);
        Some(head.number(place))
    }

    /// Whether the line is still to come when walking on, let through or not.
    pub fn stands_before(&self, store: &Store, number: u64) -> bool {
        store.find(number).is_some_and(|(run, place)| {
            self.heads.iter().any(|head| std::ptr::eq(head.run, &store.runs[run]) && head.place <= place)
        })
    }

    /// How many lines that the index knows to match lie before where the walk stands. O(chunks).
    pub fn count_behind(&self) -> u64 {
        let behind = |head: &Head<'_>| match head.seen {
            Filtered::Not | Filtered::Unknown => 0,
            Filtered::By(seen) => match head.run.held.get(head.place.held) {
                Some(held) => seen.matches_before(held.first) + seen.matched(held.first).count_before(head.place.line),
                None => seen.matches_before(u64::MAX),
            },
        };
        self.heads.iter().map(behind).sum()
    }
}

impl Iterator for Walk<'_> {
    type Item = u64;

    /// The next line, and steps over it.
    fn next(&mut self) -> Option<u64> {
        let lens = self.lens;
        let candidates = self.heads.iter_mut().enumerate().filter_map(|(index, head)| {
            let place = head.ahead(&lens)?;
            Some((head.key(place), index, place))
        });
        let (_, index, place) = candidates.min()?;
        let head = &mut self.heads[index];
        head.stand(Place { held: place.held, line: place.line + 1 });
        Some(head.number(place))
    }
}

impl Head<'_> {
    fn stand(&mut self, place: Place) {
        (self.place, self.ahead, self.behind) = (place, None, None);
    }

    fn number(&self, place: Place) -> u64 {
        self.run.held[place.held].first + place.line as u64
    }

    fn key(&self, place: Place) -> i64 {
        self.run.held[place.held].key(place.line)
    }

    fn ahead(&mut self, lens: &Lens<'_>) -> Option<Place> {
        let Self { run, seen, place, ahead, .. } = self;
        *ahead.get_or_insert_with(|| {
            run.held.iter().enumerate().skip(place.held).find_map(|(held, chunk)| {
                let from = if held == place.held { place.line } else { 0 };
                Some(Place { held, line: lens.next_in(chunk, seen.matched(chunk), from)? })
            })
        })
    }

    fn behind(&mut self, lens: &Lens<'_>) -> Option<Place> {
        let Self { run, seen, place, behind, .. } = self;
        *behind.get_or_insert_with(|| {
            let upto = run.held.len().min(place.held + 1);
            run.held.range(..upto).enumerate().rev().find_map(|(held, chunk)| {
                let before = if held == place.held { place.line } else { chunk.len() };
                Some(Place { held, line: lens.previous_in(chunk, seen.matched(chunk), before)? })
            })
        })
    }
}

impl Store {
    /// Whether the line is held and of a source that is looked at.
    pub fn is_shown(&self, selection: Selection<'_>, number: u64) -> bool {
        self.find(number).is_some_and(|(run, _)| selection.has(&self.runs[run]))
    }
}

#[cfg(test)]
mod tests;
