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
        store.runs.iter().filter(|run| self.has(run)).map(Run::lines).sum()
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

    /// The next line, and steps over it.
    pub fn next(&mut self) -> Option<u64> {
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
mod tests {
    use std::sync::Arc;

    use super::{
        super::{
            Filter, Pattern, Source,
            tests::{chunk, source},
        },
        *,
    };

    fn instances(names: &[&str]) -> BTreeSet<InstanceId> {
        names.iter().map(|&name| InstanceId::new(&"here".into(), name)).collect()
    }

    fn store(chunks: &[(&Arc<Source>, &[(i64, &str)])]) -> Store {
        let mut store = Store::new(1 << 20);
        for (source, lines) in chunks {
            store.push(chunk(source, lines));
        }
        store
    }

    fn text(store: &Store, number: u64) -> String {
        match store.get(number).expect("held") {
            super::super::Entry::Line { text, .. } => String::from_utf8_lossy(text).into(),
            super::super::Entry::Gap(gap) => format!("gap of {}", gap.lines),
        }
    }

    fn forwards(store: &Store, mut walk: Walk<'_>) -> Vec<String> {
        std::iter::from_fn(|| walk.next()).map(|number| text(store, number)).collect()
    }

    fn backwards(store: &Store, mut walk: Walk<'_>) -> Vec<String> {
        std::iter::from_fn(|| walk.previous()).map(|number| text(store, number)).collect()
    }

    #[test]
    fn sources_are_merged_by_time_both_ways() {
        let (a, b) = (source("a"), source("b"));
        let store =
            store(&[(&a, &[(1, "a1"), (4, "a4")]), (&b, &[(2, "b2"), (3, "b3"), (4, "b4")]), (&a, &[(5, "a5")])]);
        let both = instances(&["a", "b"]);
        let selection = Selection { instances: &both, epoch: 0 };
        let mut expected = ["a1", "b2", "b3", "a4", "b4", "a5"];
        assert_eq!(forwards(&store, Walk::from_start(&store, selection, Lens::default())), expected);
        expected.reverse();
        assert_eq!(backwards(&store, Walk::from_end(&store, selection, Lens::default())), expected);
        let only_b = instances(&["b"]);
        let selection = Selection { instances: &only_b, epoch: 0 };
        assert_eq!(forwards(&store, Walk::from_start(&store, selection, Lens::default())), ["b2", "b3", "b4"]);
        assert_eq!(
            forwards(&store, Walk::from_start(&store, Selection { epoch: 1, ..selection }, Lens::default())),
            [] as [&str; 0]
        );
    }

    #[test]
    fn lines_that_come_late_stand_where_they_belong_and_move_no_number() {
        let (a, b) = (source("a"), source("b"));
        let mut store = store(&[(&a, &[(1, "a1"), (9, "a9")])]);
        store.push(chunk(&b, &[(5, "b5")]));
        let both = instances(&["a", "b"]);
        let selection = Selection { instances: &both, epoch: 0 };
        let mut walk = Walk::before(&store, selection, Lens::default(), 1).expect("held");
        assert_eq!(walk.previous(), Some(2));
        assert_eq!(walk.previous(), Some(0));
        assert_eq!(forwards(&store, Walk::after(&store, selection, Lens::default(), 2).expect("held")), ["a9"]);
    }

    #[test]
    fn a_clock_that_went_back_leaves_a_source_in_its_order() {
        let (a, b) = (source("a"), source("b"));
        let store = store(&[(&a, &[(10, "1st"), (3, "2nd"), (4, "3rd"), (11, "5th")]), (&b, &[(10, "4th")])]);
        let both = instances(&["a", "b"]);
        let walk = Walk::from_start(&store, Selection { instances: &both, epoch: 0 }, Lens::default());
        assert_eq!(forwards(&store, walk), ["1st", "2nd", "3rd", "4th", "5th"]);
    }

    #[test]
    fn a_walk_can_turn_round_at_any_line() {
        let (a, b) = (source("a"), source("b"));
        let store = store(&[(&a, &[(1, "1"), (3, "3"), (5, "5")]), (&b, &[(2, "2"), (4, "4")])]);
        let both = instances(&["a", "b"]);
        let mut walk = Walk::from_start(&store, Selection { instances: &both, epoch: 0 }, Lens::default());
        let steps = [
            walk.next(),
            walk.next(),
            walk.next(),
            walk.previous(),
            walk.previous(),
            walk.next(),
            walk.next(),
            walk.next(),
        ];
        let steps: Vec<_> = steps.into_iter().flatten().map(|number| text(&store, number)).collect();
        assert_eq!(steps, ["1", "2", "3", "3", "2", "2", "3", "4"]);
    }

    fn index(store: &Store, selection: Selection<'_>, pattern: &str) -> Index {
        let include = vec![Pattern::new(pattern).expect("compiles")];
        let mut index = Index::new(Filter { include, ..Filter::default() });
        assert!(!index.work(store, selection, usize::MAX));
        index
    }

    #[test]
    fn a_filter_is_kept_up_to_date_as_lines_come_and_go() {
        let a = source("a");
        let mut store = Store::new(6 * chunk(&a, &[(1, "odd 1")]).bytes());
        let only = instances(&["a"]);
        let selection = Selection { instances: &only, epoch: 0 };
        let mut index = index(&store, selection, "odd");
        for number in 0..20 {
            let text = if number % 2 == 0 { "even!" } else { "odd 1" };
            store.push(chunk(&a, &[(number, text)]));
            index.work(&store, selection, usize::MAX);
        }
        let lens = Lens { index: Some(&index), ..Lens::default() };
        assert_eq!(index.matches(), 3);
        assert_eq!(forwards(&store, Walk::from_start(&store, selection, lens)).len(), 3);
        assert_eq!(Walk::from_end(&store, selection, lens).count_behind(), 3);
        assert_eq!(Walk::before(&store, selection, lens, 17).expect("held").count_behind(), 1);
        store.push(chunk(&source("a"), &[(1, "odd again")]));
        index.work(&store, selection, usize::MAX);
        assert_eq!(index.matches(), 1);
    }

    #[test]
    fn a_filter_that_is_worked_out_in_slices_comes_to_the_same() {
        let (a, b) = (source("a"), source("b"));
        let mut store = Store::new(1 << 20);
        for number in 0..50 {
            store.push(chunk(if number % 3 == 0 { &a } else { &b }, &[(number, "yes"), (number, "no")]));
        }
        let both = instances(&["a", "b"]);
        let selection = Selection { instances: &both, epoch: 0 };
        let mut sliced = Index::new(Filter { include: vec![Pattern::literal("yes")], ..Filter::default() });
        let mut slices = 1;
        while sliced.work(&store, selection, 1) {
            store.push(chunk(&a, &[(100 + slices, "yes")]));
            slices += 1;
            assert!(slices < 1000, "it never ends");
            sliced.work(&store, selection, 1);
        }
        assert!(slices > 20);
        let whole = index(&store, selection, "yes");
        assert_eq!(sliced.matches(), whole.matches());
        let lens = |index| Lens { index: Some(index), ..Lens::default() };
        assert_eq!(
            forwards(&store, Walk::from_start(&store, selection, lens(&sliced))),
            forwards(&store, Walk::from_start(&store, selection, lens(&whole)))
        );
    }

    #[test]
    fn the_next_error_is_found_among_many_lines_and_gaps_are_none() {
        let a = source("a");
        let mut store = store(&[(&a, &[(1, "ERROR one"), (2, "fine")]), (&a, &[(3, "INFO fine"), (4, "WARN two")])]);
        let at = jiff::Timestamp::from_second(5).expect("in range");
        store.push_gap(super::super::Gap { source: a.clone(), lines: 7, from: at, to: at });
        let only = instances(&["a"]);
        let selection = Selection { instances: &only, epoch: 0 };
        let lens = Lens { at_least: Level::Warn, ..Lens::default() };
        assert_eq!(backwards(&store, Walk::from_end(&store, selection, lens)), ["WARN two", "ERROR one"]);
        assert_eq!(forwards(&store, Walk::after(&store, selection, Lens::default(), 3).expect("held")), ["gap of 7"]);
    }
}
