//! Tells a line that was read before from one that only looks like it, after a tail was interrupted and reads again from a little
//! before its last line.

use std::collections::{HashMap, VecDeque};

use crate::domain::Output;

/// How far back it is read again: clocks and outputs of an engine are not in step to the nanosecond.
const BACK: i64 = 2_000_000_000;
/// Lines that are remembered, if nothing else is said. In a flood this is less time, and then less is read again.
const REMEMBERED: usize = 16 << 10;

/// Bounded: the lines of the last two seconds, and never more than so many. Times alone would lose lines (several can have the same),
/// and all lines ever would leak.
pub struct Overlap {
    most: usize,
    seen: VecDeque<(i64, u64)>,
    last: Option<i64>,
    /// Of the time before this not every line is remembered.
    horizon: i64,
    again: Option<Again>,
}

/// While the overlap is read again.
struct Again {
    from: i64,
    to: i64,
    /// How often each line is still to come: a program may well have said the same thing twice at the same time.
    expected: HashMap<(i64, u64), u32>,
}

impl Default for Overlap {
    fn default() -> Self {
        Self::of(REMEMBERED)
    }
}

impl Overlap {
    /// Remembers so many lines at most.
    pub fn of(most: usize) -> Self {
        Self { most, seen: VecDeque::new(), last: None, horizon: 0, again: None }
    }

    /// The time of the youngest line that was read.
    pub fn last(&self) -> Option<i64> {
        self.last
    }

    /// Begins to read again; from when on, or `None` when nothing was read yet.
    pub fn resume(&mut self) -> Option<i64> {
        let to = self.last?;
        let from = to.saturating_sub(BACK).max(self.horizon);
        let mut expected = HashMap::new();
        for line in self.seen.iter().filter(|(at, _)| *at >= from) {
            *expected.entry(*line).or_insert(0) += 1;
        }
        self.again = Some(Again { from, to, expected });
        Some(from)
    }

    /// Whether this line was not read before. Remembers it.
    pub fn is_new(&mut self, at: i64, output: Output, text: &[u8]) -> bool {
        let line = (at, hash(output, text));
        if let Some(again) = &mut self.again {
            if at < again.from {
                return false;
            }
            if let Some(count) = again.expected.get_mut(&line).filter(|count| **count > 0) {
                *count -= 1;
                return false;
            }
            if at > again.to.saturating_add(BACK) {
                self.again = None;
            }
        }
        self.remember(line);
        true
    }

    fn remember(&mut self, line: (i64, u64)) {
        let last = self.last.map_or(line.0, |last| last.max(line.0));
        self.last = Some(last);
        self.seen.push_back(line);
        while let Some(&(at, _)) = self.seen.front()
            && (self.seen.len() > self.most || at < last.saturating_sub(BACK))
        {
            self.horizon = self.horizon.max(at.saturating_add(1));
            self.seen.pop_front();
        }
    }
}

/// Fast and good enough: who makes two of his own lines of the same nanosecond collide hides one of them from himself.
fn hash(output: Output, text: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(ODD);
    let mut words = text.chunks_exact(8);
    let mut sum = mix(output as u64, text.len() as u64);
    for word in words.by_ref() {
        sum = mix(sum, u64::from_le_bytes(word.try_into().expect("chunks of eight")));
    }
    let mut rest = [0; 8];
    rest[..words.remainder().len()].copy_from_slice(words.remainder());
    let sum = mix(sum, u64::from_le_bytes(rest));
    sum ^ (sum >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn read(overlap: &mut Overlap, lines: &[(i64, &str)]) -> Vec<String> {
        let new = lines.iter().filter(|(at, text)| overlap.is_new(at * SECOND, Output::Stdout, text.as_bytes()));
        new.map(|(_, text)| (*text).to_owned()).collect()
    }

    #[test]
    fn what_is_read_again_is_dropped_and_what_was_missed_is_not() {
        let mut overlap = Overlap::default();
        read(&mut overlap, &[(1, "a"), (10, "b"), (11, "c")]);
        assert_eq!(overlap.resume(), Some(9 * SECOND));
        assert_eq!(read(&mut overlap, &[(8, "old"), (10, "b"), (11, "missed"), (11, "c"), (12, "d")]), ["missed", "d"]);
    }

    #[test]
    fn the_same_words_said_twice_at_the_same_time_stay_two_lines() {
        let mut overlap = Overlap::default();
        assert_eq!(read(&mut overlap, &[(1, "tick"), (1, "tick")]), ["tick", "tick"]);
        overlap.resume();
        assert_eq!(read(&mut overlap, &[(1, "tick"), (1, "tick"), (1, "tick")]), ["tick"]);
    }

    #[test]
    fn a_second_interruption_within_the_overlap_doubles_nothing() {
        let mut overlap = Overlap::default();
        read(&mut overlap, &[(1, "a"), (1, "b"), (2, "c")]);
        overlap.resume();
        assert_eq!(read(&mut overlap, &[(1, "a")]), [] as [&str; 0]);
        overlap.resume();
        assert_eq!(read(&mut overlap, &[(1, "a"), (1, "b"), (2, "c"), (3, "d")]), ["d"]);
    }

    #[test]
    fn memory_is_bounded_in_a_flood_and_nothing_is_doubled_for_it() {
        let mut overlap = Overlap::default();
        let line = |number: usize| (number as i64, format!("line {number}"));
        for (at, text) in (0..100_000).map(line) {
            assert!(overlap.is_new(at, Output::Stdout, text.as_bytes()));
        }
        assert_eq!(overlap.seen.len(), REMEMBERED);
        let from = overlap.resume().expect("lines were read");
        assert!(from > 0);
        let new = (0..100_010).map(line).filter(|(at, text)| overlap.is_new(*at, Output::Stdout, text.as_bytes()));
        assert_eq!(new.count(), 10);
    }
}
