//! Log lines under a byte budget: immutable chunks, line numbers that never shift.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::domain::{InstanceId, Level, Output};

/// Where lines come from: one tail of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub instance: InstanceId,
    pub name: Arc<str>,
    /// Of the tail that was asked for; an older one's chunks are not taken in.
    pub epoch: u32,
}

/// Whole lines of one source, closed at 64 KiB or 20 ms after the first byte. Never changed, shared between threads.
#[derive(Clone, Debug)]
pub struct Chunk {
    pub source: Arc<Source>,
    pub text: Bytes,
    pub lines: Box<[Line]>,
}

/// `end` is where it ends in the chunk's text; it begins where the line before it ends.
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

/// The lines of the tails that are wanted now.
pub struct Store {}

impl Store {
    /// `budget`: bytes of text and index together.
    pub fn new(_budget: usize) -> Self {
        Self {}
    }

    pub fn push(&mut self, _chunk: Arc<Chunk>) {}

    pub fn push_gap(&mut self, _gap: Gap) {}
}
