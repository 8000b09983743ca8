//! What a tail has in hand between the engine and the event loop: closed chunks, the one being filled, and the count of what had to go.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::Instant;

use super::lines::Cut;
use crate::{
    domain::units,
    message::Event,
    store::log::{Chunk, Gap, Line, Source, level},
};

const CHUNK: usize = 64 << 10;
/// A line waits no longer than this for others to share its chunk.
const PATIENCE: Duration = Duration::from_millis(20);
/// More than this is not kept in hand while the loop is busy.
const HAND: usize = 1 << 20;

pub struct Hand {
    source: Arc<Source>,
    text: Vec<u8>,
    lines: Vec<Line>,
    /// When the open chunk is to be closed. It stays open for longer, and grows, while there is no room to send it.
    due: Option<Instant>,
    closed: VecDeque<Arc<Chunk>>,
    closed_bytes: usize,
    /// What was dropped; it stood before everything in hand.
    gap: Option<Gap>,
}

impl Hand {
    pub fn new(source: Arc<Source>) -> Self {
        Self {
            source,
            text: Vec::new(),
            lines: Vec::new(),
            due: None,
            closed: VecDeque::new(),
            closed_bytes: 0,
            gap: None,
        }
    }

    /// Of the source, as people call it.
    pub fn name(&self) -> &str {
        &self.source.name
    }

    pub fn push(&mut self, at: i64, line: Cut<'_>) {
        if self.due.is_none() {
            self.due = Some(Instant::now() + PATIENCE);
        }
        self.text.extend_from_slice(line.text);
        if line.length > line.text.len() {
            let whole = units::bytes(line.length as u64);
            self.text.extend_from_slice(format!(" … {whole} long, cut").as_bytes());
        }
        self.text.push(b'\n');
        let end = u32::try_from(self.text.len()).expect("a chunk and the longest line are far below 4 GiB");
        self.lines.push(Line { end, level: level::of(line.text), output: line.output, at });
        if self.text.len() >= CHUNK {
            self.close();
        }
    }

    /// When there will be something to send though nothing more comes.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    pub fn is_ready(&self) -> bool {
        !self.closed.is_empty() || self.due.is_some_and(|due| due <= Instant::now())
    }

    pub fn is_empty(&self) -> bool {
        self.closed.is_empty() && self.lines.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.closed_bytes > HAND
    }

    /// What is to be sent next, a gap before the chunk that came after it.
    pub fn take(&mut self) -> Option<Event> {
        if let Some(gap) = self.gap.take() {
            return Some(Event::LogGap(gap));
        }
        if self.closed.is_empty() {
            self.close();
        }
        let chunk = self.closed.pop_front()?;
        self.closed_bytes -= chunk.bytes();
        Some(Event::Log(chunk))
    }

    /// Lets the oldest go until the rest may be kept, and counts it.
    pub fn drop_oldest(&mut self) {
        while self.is_full() {
            let Some(chunk) = self.closed.pop_front() else { return };
            self.closed_bytes -= chunk.bytes();
            let time = |line: Option<&Line>| {
                let at = line.map_or(0, |line| line.at);
                Timestamp::from_nanosecond(i128::from(at)).unwrap_or(Timestamp::MAX)
            };
            let to = time(chunk.lines.last());
            let lines = chunk.lines.len() as u64;
            let gap = self.gap.get_or_insert_with(|| Gap {
                source: self.source.clone(),
                lines: 0,
                from: time(chunk.lines.first()),
                to,
            });
            gap.lines += lines;
            gap.to = to;
        }
    }

    fn close(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        // Copied, so that a chunk has just the room that it needs and a flood fills the same buffers again and again.
        let text = Bytes::copy_from_slice(&self.text);
        let lines = Box::from(self.lines.as_slice());
        if self.text.len() < CHUNK {
            // A quiet tail does not keep the room that its history took.
            self.text.shrink_to(self.text.len() * 2);
            self.lines.shrink_to(self.lines.len() * 2);
        }
        self.text.clear();
        self.lines.clear();
        let chunk = Arc::new(Chunk { source: self.source.clone(), text, lines });
        self.closed_bytes += chunk.bytes();
        self.closed.push_back(chunk);
        self.due = None;
    }
}
