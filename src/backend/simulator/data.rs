//! What the simulator's instances hold, and the words by which it is dumped and comes back: enough for every step of a backup, a restore and a
//! rehearsal to be what it is on a machine. Of a real one, an instance that is made anew has what it had only in its volumes; here every
//! service has its rows for good.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::{
    io::{AsyncReadExt, DuplexStream, duplex},
    sync::mpsc,
    time::sleep,
};

use super::Line;
use crate::{
    backend::{Piped, Said, Scratch, ScratchKind},
    domain::{InstanceId, Trouble},
};

/// In place of the frame of a script: what follows is a word of these.
pub const DATA: &str = "simulated data";
/// Before the name of a service.
const SCRATCH: &str = "scratch:";
/// Of rows that are dumped or brought at once: as fast as a slow disk.
const AT_ONCE: usize = 1000;
const BETWEEN: Duration = Duration::from_millis(40);
const BUFFER: usize = 64 << 10;
/// That a service has as a rule, and how far they differ.
const ROWS: u64 = 20_000;
const SPREAD: u64 = 60_000;

/// By service, or by scratch instance.
#[derive(Default)]
pub struct Stores(Mutex<BTreeMap<Arc<str>, Store>>);

#[derive(Clone, Copy, Default)]
struct Store {
    rows: u64,
    brought: Option<u64>,
    aside: Option<u64>,
}

impl Stores {
    fn all(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Store>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that holds nothing, or what the service holds.
    pub fn scratch(&self, wanted: &Scratch) -> InstanceId {
        let name = match wanted.kind {
            ScratchKind::WithData(_) => wanted.service.to_string(),
            ScratchKind::Server | ScratchKind::Empty => {
                let name = format!("{SCRATCH}{}", wanted.service);
                self.all().insert(name.as_str().into(), Store::default());
                name
            }
        };
        InstanceId::new(&wanted.service.cluster, name)
    }

    /// What the service holds stays.
    pub fn discard(&self, scratch: &InstanceId) {
        if scratch.key.starts_with(SCRATCH) {
            self.all().remove(&scratch.key);
        }
    }
}

/// `command` as a recipe makes it, whatever guards it: `… sh -c FRAME midwatch WORD ARGUMENTS`.
pub fn run(line: &Line, instance: &InstanceId, command: &[String]) -> Option<Result<Piped, Trouble>> {
    let at = command.iter().position(|word| word == DATA)?;
    let [_, word, arguments @ ..] = &command[at + 1..] else { return None };
    let (input, reads) = duplex(BUFFER);
    let (says, said) = mpsc::channel(4);
    let bytes = arguments.first().and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
    let program = Program { line: line.clone(), key: key(line, instance), says };
    let word = word.clone();
    tokio::spawn(async move {
        let code = match program.run(&word, reads, bytes).await {
            Some(()) => 0,
            None => 1,
        };
        // Nobody listens any more, or this is the last that is heard.
        _ = program.says.send(Said::Ended(code)).await;
    });
    let said = stream::unfold(said, |mut said| async move { said.recv().await.map(|word| (Ok(word), said)) });
    Some(Ok(Piped { input: Box::pin(input), said: said.boxed() }))
}

/// All instances of a service have the same.
fn key(line: &Line, instance: &InstanceId) -> Arc<str> {
    let world = line.world();
    match world.find(instance) {
        Some(member) => world.services[world.instances[member].service].id.to_string().into(),
        None => instance.key.clone(),
    }
}

struct Program {
    line: Line,
    key: Arc<str>,
    says: mpsc::Sender<Said>,
}

impl Program {
    /// `None`: nobody listens any more, or what it reads was cut off.
    async fn run(&self, word: &str, reads: DuplexStream, bytes: u64) -> Option<()> {
        match word {
            "survey" => {
                self.report("version 15.14").await?;
                self.report(&format!("bytes {}", self.store().rows * row(0).len() as u64)).await
            }
            "dump" => self.dump().await,
            "bring" => self.bring(reads, bytes).await,
            "count" => self.count(self.store().rows).await,
            "swap" => {
                self.change(|store| {
                    if let Some(brought) = store.brought.take() {
                        store.aside = Some(std::mem::replace(&mut store.rows, brought));
                    }
                });
                Some(())
            }
            "take_back" => {
                self.change(|store| {
                    store.rows = store.aside.take().unwrap_or(store.rows);
                    store.brought = None;
                });
                Some(())
            }
            "settle" => {
                self.change(|store| store.aside = None);
                Some(())
            }
            _ => None,
        }
    }

    async fn dump(&self) -> Option<()> {
        let rows = self.store().rows;
        let mut next = 0;
        while next < rows {
            let upto = rows.min(next + AT_ONCE as u64);
            let piece: String = (next..upto).map(row).collect();
            self.says.send(Said::Output(piece.into())).await.ok()?;
            next = upto;
            sleep(BETWEEN).await;
        }
        self.count(rows).await
    }

    async fn bring(&self, mut reads: DuplexStream, bytes: u64) -> Option<()> {
        let (mut left, mut rows) = (bytes, 0);
        let mut buffer = vec![0; row(0).len() * AT_ONCE];
        while left > 0 {
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = reads.read(&mut buffer[..most]).await.ok().filter(|read| *read > 0)?;
            rows += buffer[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
            left -= read as u64;
            sleep(BETWEEN.mul_f64(read as f64 / buffer.len() as f64)).await;
        }
        self.change(|store| store.brought = Some(rows));
        self.count(rows).await
    }

    async fn count(&self, rows: u64) -> Option<()> {
        self.report(&format!("count {rows} orders")).await
    }

    async fn report(&self, words: &str) -> Option<()> {
        self.says.send(Said::Errors(Bytes::from(format!("midwatch {words}\n")))).await.ok()
    }

    fn store(&self) -> Store {
        self.change(|store| *store)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        let chance = self.line.world().chance.of("rows").of(&self.key);
        let mut all = self.line.place.data().all();
        let first = || Store { rows: ROWS + (chance.at(0).share() * SPREAD as f64) as u64, ..Store::default() };
        change(all.entry(self.key.clone()).or_insert_with(first))
    }
}

/// As long as every other.
fn row(number: u64) -> String {
    format!("{number:08} {:016x}\n", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}
