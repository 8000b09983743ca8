//! Log lines under a byte budget: immutable chunks, line numbers that never shift, and what can be asked of them.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;

use crate::domain::{InstanceId, Level, Output};

pub mod filter;
pub mod harmless;
pub mod index;
pub mod level;
pub mod overlap;
mod run;
pub mod stamp;
mod store;
pub mod walk;

pub use filter::{Filter, Outputs, Pattern};
pub use harmless::Harmless;
pub use index::Index;
pub use overlap::Overlap;
pub use store::{Entry, Store};
pub use walk::{Lens, Selection, Walk};

/// Where lines come from: one tail of one instance. Every tail that is begun has one of its own, also of the same instance: by this
/// the store knows that an instance's lines begin anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub instance: InstanceId,
    pub name: Arc<str>,
    /// Of the tail that was asked for: a screen shows the lines of its own epoch only.
    pub epoch: u32,
}

/// Whole lines of one source, closed at 64 KiB or 20 ms after the first byte. Never changed, shared between threads.
#[derive(Clone, Debug)]
pub struct Chunk {
    pub source: Arc<Source>,
    /// Each line ends with `\n`, so that one search runs over all of them at once.
    pub text: Bytes,
    pub lines: Box<[Line]>,
}

/// `end` is where it ends in the chunk's text, after its `\n`; it begins where the line before it ends.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub end: u32,
    pub level: Level,
    pub output: Output,
    /// nanoseconds since 1970, from the engine
    pub at: i64,
}

/// Lines that came and could not be kept up with: drawn as a row, never passed over in silence.
#[derive(Clone, Debug)]
pub struct Gap {
    pub source: Arc<Source>,
    pub lines: u64,
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Chunk {
    /// Where a line lies in the text, without its `\n`.
    pub fn range(&self, line: usize) -> Range<usize> {
        self.start(line)..(self.lines[line].end as usize).saturating_sub(1).max(self.start(line))
    }

    /// The line's bytes as the program wrote them, hostile.
    pub fn line(&self, line: usize) -> &[u8] {
        &self.text[self.range(line)]
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Line, &[u8])> {
        self.lines.iter().enumerate().map(|(number, line)| (line, self.line(number)))
    }

    /// The line that holds this byte of the text.
    pub fn line_at(&self, byte: usize) -> usize {
        self.lines.partition_point(|line| line.end as usize <= byte)
    }

    /// Where the line begins in the text.
    pub fn start(&self, line: usize) -> usize {
        line.checked_sub(1).map_or(0, |before| self.lines[before].end as usize)
    }

    /// What it costs to keep, text and index.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.lines.len() * size_of::<Line>() + OVERHEAD
    }
}

/// A chunk's own allocations and its places in the store. Small chunks of quiet sources are mostly this.
const OVERHEAD: usize = 256;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub fn source(instance: &str) -> Arc<Source> {
        source_of_epoch(instance, 0)
    }

    pub fn source_of_epoch(instance: &str, epoch: u32) -> Arc<Source> {
        Arc::new(Source { instance: InstanceId::new(&"here".into(), instance), name: instance.into(), epoch })
    }

    /// Lines with their second; the level is what the text says.
    pub fn chunk(source: &Arc<Source>, lines: &[(i64, &str)]) -> Arc<Chunk> {
        let mut text = Vec::new();
        let lines = lines.iter().map(|&(second, line)| {
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
            let end = u32::try_from(text.len()).expect("short");
            Line { end, level: level::of(line.as_bytes()), output: Output::Stdout, at: second * 1_000_000_000 }
        });
        let lines = lines.collect();
        Arc::new(Chunk { source: source.clone(), text: text.into(), lines })
    }

    #[test]
    fn a_chunk_knows_where_its_lines_lie_also_the_empty_ones() {
        let chunk = chunk(&source("a"), &[(1, "one"), (1, ""), (1, "three")]);
        let lines: Vec<_> = chunk.iter().map(|(_, text)| text).collect();
        assert_eq!(lines, [&b"one"[..], b"", b"three"]);
        assert_eq!([0, 3, 4, 5].map(|byte| chunk.line_at(byte)), [0, 0, 1, 2]);
    }
}
