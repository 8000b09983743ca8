//! One source's chunks and gaps in the order they came, which is also the order of their times.

use std::{collections::VecDeque, sync::Arc};

use super::{Chunk, Gap, Source, harmless};
use crate::domain::Level;

/// What a source sent, and where it stands among all lines. A gap takes one line number: it is one row.
#[derive(Debug)]
pub struct Held {
    pub piece: Piece,
    /// The number of its first line.
    pub first: u64,
    /// Only where the source's times go back: the times to sort by, which do not.
    keys: Option<Box<[i64]>>,
    /// The time to sort the last line by.
    last_key: i64,
    /// The gravest level in it: a jump to the next error passes over chunks that have none.
    pub worst: Level,
    /// Some line has escape sequences, so text is searched as it is shown, not as it came.
    pub has_escapes: bool,
}

#[derive(Debug)]
pub enum Piece {
    Chunk(Arc<Chunk>),
    Gap(Gap),
}

impl Held {
    pub fn len(&self) -> usize {
        match &self.piece {
            Piece::Chunk(chunk) => chunk.lines.len(),
            Piece::Gap(_) => 1,
        }
    }

    pub fn bytes(&self) -> usize {
        let keys = self.keys.as_ref().map_or(0, |keys| keys.len() * size_of::<i64>());
        keys + match &self.piece {
            Piece::Chunk(chunk) => chunk.bytes(),
            Piece::Gap(_) => size_of::<Self>(),
        }
    }

    /// The time that a line is sorted by: its own, but never before the line before it.
    pub fn key(&self, line: usize) -> i64 {
        match (&self.keys, &self.piece) {
            (Some(keys), _) => keys[line],
            (None, Piece::Chunk(chunk)) => chunk.lines[line].at,
            (None, Piece::Gap(_)) => self.last_key,
        }
    }
}

/// The lines of one source.
#[derive(Debug)]
pub struct Run {
    pub source: Arc<Source>,
    pub held: VecDeque<Held>,
    /// Lines and gaps that ever came, also those that are not kept any more.
    pub arrived: u64,
    /// Lines and gaps that are held.
    pub lines: u64,
    last_key: i64,
}

/// A line of a run, or the place after its last one. Good until the run changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub held: usize,
    pub line: usize,
}

impl Run {
    pub fn new(source: Arc<Source>) -> Self {
        Self { source, held: VecDeque::new(), arrived: 0, lines: 0, last_key: i64::MIN }
    }

    pub fn push(&mut self, chunk: Arc<Chunk>, first: u64) {
        let mut is_sorted = true;
        let mut key = self.last_key;
        for line in &chunk.lines {
            is_sorted &= key <= line.at;
            key = key.max(line.at);
        }
        let keys = (!is_sorted).then(|| {
            let mut key = self.last_key;
            chunk
                .lines
                .iter()
                .map(|line| {
                    key = key.max(line.at);
                    key
                })
                .collect()
        });
        self.last_key = key;
        self.arrived += chunk.lines.len() as u64;
        self.lines += chunk.lines.len() as u64;
        let worst = chunk.lines.iter().map(|line| line.level).max().unwrap_or_default();
        let has_escapes = harmless::has_escapes(&chunk.text);
        self.held.push_back(Held { piece: Piece::Chunk(chunk), first, keys, last_key: key, worst, has_escapes });
    }

    pub fn push_gap(&mut self, gap: Gap, first: u64) {
        let from = i64::try_from(gap.from.as_nanosecond()).unwrap_or(i64::MAX);
        self.last_key = self.last_key.max(from);
        self.arrived += 1;
        self.lines += 1;
        self.held.push_back(Held {
            piece: Piece::Gap(gap),
            first,
            keys: None,
            last_key: self.last_key,
            worst: Level::None,
            has_escapes: false,
        });
    }

    /// Lets its oldest chunk go.
    pub fn pop(&mut self) -> Option<Held> {
        let held = self.held.pop_front()?;
        self.lines -= held.len() as u64;
        Some(held)
    }

    /// O(log chunks).
    pub fn find(&self, number: u64) -> Option<Place> {
        let held = self.held.partition_point(|held| held.first <= number).checked_sub(1)?;
        let line = usize::try_from(number - self.held[held].first).ok()?;
        (line < self.held[held].len()).then_some(Place { held, line })
    }

    /// The first line that is not before `key`, or with `after`, the first that is after it. O(log lines).
    pub fn seek(&self, key: i64, after: bool) -> Place {
        let is_before = |other: i64| if after { other <= key } else { other < key };
        let held = self.held.partition_point(|held| is_before(held.last_key));
        let Some(found) = self.held.get(held) else { return self.end() };
        let mut low = 0;
        let mut high = found.len();
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(found.key(middle)) { low = middle + 1 } else { high = middle }
        }
        Place { held, line: low }
    }

    pub fn end(&self) -> Place {
        Place { held: self.held.len(), line: 0 }
    }
}
