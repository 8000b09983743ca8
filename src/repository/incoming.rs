//! What is archived while it comes: written by a task, read by the library on threads of its own.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

/// Pieces on their way: a dump waits for the repository, not the other way round.
const ON_THE_WAY: usize = 16;

/// Where a dump is written to. Dropped before `end`, it was cut off.
#[derive(Debug)]
pub struct Outlet {
    pieces: mpsc::Sender<Option<Bytes>>,
}

/// Nobody reads it any more: why is known on the other side.
#[derive(Debug, PartialEq, Eq)]
pub struct Unread;

/// A stream that is to become a file of a snapshot.
#[derive(Debug)]
pub struct Incoming {
    pub name: Arc<str>,
    pieces: mpsc::Receiver<Option<Bytes>>,
    rest: Bytes,
    seen: Arc<Seen>,
}

/// How far one was read.
#[derive(Debug, Default)]
pub(super) struct Seen {
    bytes: AtomicU64,
    is_whole: AtomicBool,
}

impl Seen {
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn is_whole(&self) -> bool {
        self.is_whole.load(Ordering::Relaxed)
    }
}

pub fn incoming(name: impl Into<Arc<str>>) -> (Outlet, Incoming) {
    let (sender, receiver) = mpsc::channel(ON_THE_WAY);
    let incoming = Incoming { name: name.into(), pieces: receiver, rest: Bytes::new(), seen: Arc::default() };
    (Outlet { pieces: sender }, incoming)
}

impl Outlet {
    pub async fn write(&self, piece: Bytes) -> Result<(), Unread> {
        self.pieces.send(Some(piece)).await.map_err(|_| Unread)
    }

    /// Whoever took the pieces has given up.
    pub fn is_unread(&self) -> bool {
        self.pieces.is_closed()
    }

    /// That was all of it.
    pub async fn end(self) -> Result<(), Unread> {
        self.pieces.send(None).await.map_err(|_| Unread)
    }
}

impl Incoming {
    pub(super) fn seen(&self) -> Arc<Seen> {
        self.seen.clone()
    }
}

impl Incoming {
    /// `false`: that was all of it.
    fn has_more(&mut self) -> io::Result<bool> {
        while self.rest.is_empty() && !self.seen.is_whole() {
            match self.pieces.blocking_recv() {
                Some(Some(piece)) => self.rest = piece,
                Some(None) => self.seen.is_whole.store(true, Ordering::Relaxed),
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it was cut off")),
            }
        }
        Ok(!self.rest.is_empty())
    }
}

impl Read for Incoming {
    /// Fills the buffer, unless that is all: the library's chunker makes its buffer as small as the smallest read that it has seen.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.has_more() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if filled == 0 => return Err(error),
                // It is asked for again, and says it again.
                Err(_) => break,
            }
            let length = self.rest.len().min(buffer.len() - filled);
            self.rest.copy_to_slice(&mut buffer[filled..filled + length]);
            filled += length;
        }
        self.seen.bytes.fetch_add(filled as u64, Ordering::Relaxed);
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_and_an_end_is_told_from_a_cut() {
        let (outlet, mut whole) = incoming("a");
        let reading = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            whole.read_to_string(&mut text).map(|_| (text, whole.seen().is_whole(), whole.seen().bytes()))
        });
        for piece in ["one ", "", "two"] {
            outlet.write(piece.into()).await.expect("it is read");
        }
        outlet.end().await.expect("it is read");
        assert_eq!(reading.await.expect("ends").expect("whole"), ("one two".into(), true, 7));

        let (outlet, mut cut) = incoming("b");
        outlet.write("one".into()).await.expect("there is room");
        drop(outlet);
        let read = tokio::task::spawn_blocking(move || (cut.read_to_end(&mut Vec::new()), cut.seen().is_whole()));
        let (read, is_whole) = read.await.expect("ends");
        assert_eq!((read.expect_err("cut").kind(), is_whole), (io::ErrorKind::UnexpectedEof, false));

        let (outlet, unread) = incoming("c");
        drop(unread);
        assert_eq!(outlet.write("one".into()).await, Err(Unread));
    }

    #[tokio::test]
    async fn however_small_the_pieces_are_a_buffer_is_filled() {
        let (outlet, mut incoming) = incoming("a");
        let reading = tokio::task::spawn_blocking(move || {
            let mut buffer = [0; 10];
            let lengths = std::iter::from_fn(|| Some(incoming.read(&mut buffer).expect("whole")).filter(|it| *it > 0));
            lengths.collect::<Vec<_>>()
        });
        for piece in ["1234567", "", "8", "9012345678901", "23"] {
            outlet.write(piece.into()).await.expect("it is read");
        }
        outlet.end().await.expect("it is read");
        assert_eq!(reading.await.expect("ends"), [10, 10, 3]);
    }
}
