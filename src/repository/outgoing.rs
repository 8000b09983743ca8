//! A file of a snapshot on its way out: read by the library on a thread that may wait, taken by a task.

use std::{
    io::{self, Write},
    sync::Arc,
};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Repository;
use crate::domain::{SnapshotId, Trouble};

/// Pieces on their way: the repository waits for whoever takes them.
const ON_THE_WAY: usize = 16;
/// The library writes in small pieces; each is worth the way only when it is this long.
const PIECE: usize = 128 << 10;

/// Comes to its end without an error only when it was whole.
pub type Outgoing = mpsc::Receiver<Result<Bytes, Trouble>>;

struct Pieces {
    sender: mpsc::Sender<Result<Bytes, Trouble>>,
    waiting: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(buffer);
        if self.waiting.len() >= PIECE {
            self.flush()?;
        }
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.waiting).into();
        self.sender.blocking_send(Ok(piece)).map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody takes it"))
    }
}

/// Begins to read a file of a snapshot.
pub fn outgoing(repository: Arc<Repository>, snapshot: SnapshotId, file: String) -> Outgoing {
    let (sender, receiver) = mpsc::channel(ON_THE_WAY);
    let runtime = repository.runtime.clone();
    runtime.spawn_blocking(move || {
        let mut pieces = Pieces { sender, waiting: Vec::with_capacity(PIECE) };
        let read = repository.read(&snapshot, &file, &mut pieces).and_then(|()| {
            let what = format!("could not read {file} of the snapshot {snapshot}");
            pieces.flush().map_err(|error| Trouble::new(what, error))
        });
        if let Err(trouble) = read {
            // Nobody may listen any more.
            _ = pieces.sender.blocking_send(Err(trouble));
        }
    });
    receiver
}
