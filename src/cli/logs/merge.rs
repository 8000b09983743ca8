//! Puts lines of several sources in the order of their times. Each source's own lines come in order; what is waited for is short.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::domain::InstanceId;

/// How long a line waits for an earlier one of another source that is still on its way.
const WINDOW: Duration = Duration::from_millis(250);
/// More than this many lines do not wait: a flood is late enough as it is.
const WAITING: usize = 20_000;

/// What waits for its turn. `T` is a line.
pub struct Merge<T> {
    sources: BTreeMap<InstanceId, Source<T>>,
    waiting: usize,
}

struct Source<T> {
    lines: VecDeque<Waiting<T>>,
    /// More may come.
    is_open: bool,
}

struct Waiting<T> {
    /// nanoseconds since 1970
    at: i64,
    arrived: Instant,
    line: T,
}

impl<T> Default for Merge<T> {
    fn default() -> Self {
        Self { sources: BTreeMap::new(), waiting: 0 }
    }
}

impl<T> Merge<T> {
    /// A source that may have something to say: others' lines wait for it.
    pub fn open(&mut self, source: InstanceId) {
        self.sources.entry(source).or_insert_with(|| Source { lines: VecDeque::new(), is_open: true }).is_open = true;
    }

    /// Nothing more will come of this source.
    pub fn close(&mut self, source: &InstanceId) {
        if let Some(source) = self.sources.get_mut(source) {
            source.is_open = false;
        }
    }

    pub fn push(&mut self, source: &InstanceId, at: i64, line: T) {
        let queue =
            self.sources.entry(source.clone()).or_insert_with(|| Source { lines: VecDeque::new(), is_open: true });
        queue.lines.push_back(Waiting { at, arrived: Instant::now(), line });
        self.waiting += 1;
    }

    /// The next line in order, if nothing earlier can be expected or it has waited long enough.
    pub fn pop(&mut self) -> Option<T> {
        let is_late = self.due().is_some_and(|due| due <= Instant::now());
        let is_full = self.waiting > WAITING;
        let all_have_spoken = self.sources.values().all(|source| !source.is_open || !source.lines.is_empty());
        if !(is_late || is_full || all_have_spoken) {
            return None;
        }
        let fronts = self.sources.values_mut().filter(|source| !source.lines.is_empty());
        let first = fronts.min_by_key(|source| source.lines.front().map(|waiting| waiting.at))?;
        self.waiting -= 1;
        first.lines.pop_front().map(|waiting| waiting.line)
    }

    /// When the line that has waited longest need not wait any more.
    pub fn due(&self) -> Option<Instant> {
        self.sources.values().filter_map(|source| source.lines.front()).map(|waiting| waiting.arrived + WINDOW).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(key: &str) -> InstanceId {
        InstanceId::new(&"here".into(), key)
    }

    fn merge(sources: &[&str]) -> Merge<&'static str> {
        let mut merge = Merge::default();
        for source in sources {
            merge.open(instance(source));
        }
        merge
    }

    fn all(merge: &mut Merge<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| merge.pop()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn lines_of_two_sources_come_in_the_order_of_their_times() {
        let mut merge = merge(&["a", "b"]);
        for (source, at, line) in [("a", 1, "a1"), ("a", 4, "a4"), ("b", 2, "b2"), ("b", 3, "b3"), ("b", 5, "b5")] {
            merge.push(&instance(source), at, line);
        }
        assert_eq!(all(&mut merge), ["a1", "b2", "b3", "a4"], "b5 waits for what a may say next");
        merge.close(&instance("a"));
        assert_eq!(all(&mut merge), ["b5"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_source_holds_the_others_up_for_a_moment_only() {
        let mut merge = merge(&["a", "silent"]);
        merge.push(&instance("a"), 1, "a1");
        assert_eq!(all(&mut merge), [""; 0]);
        tokio::time::sleep_until(merge.due().expect("a line waits")).await;
        assert_eq!(all(&mut merge), ["a1"]);
        assert_eq!(merge.due(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_source_never_waits() {
        let mut merge = merge(&["a"]);
        merge.push(&instance("a"), 1, "a1");
        assert_eq!(all(&mut merge), ["a1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_does_not_wait_for_a_silent_source() {
        let mut merge = merge(&["flood", "silent"]);
        for at in 0..=WAITING {
            merge.push(&instance("flood"), i64::try_from(at).expect("small"), "line");
        }
        assert_eq!(all(&mut merge).len(), 1, "one more than may wait");
    }
}
