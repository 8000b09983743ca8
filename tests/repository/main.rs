//! A repository as others find it: read and checked by the restic program, pruned, broken on purpose, filled up, killed in the middle of a
//! backup, and kept in a bucket of a real server.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use bytes::Bytes;
use midwatch::{
    config::place::Place,
    domain::{Item, Method, ServiceId, Snapshot, Trouble},
    repository::{Access, Note, Outlet, Password, Repository, incoming},
};
use tokio::{runtime::Handle, task::JoinHandle};

mod bucket;
mod faults;
mod killed;
mod pruned;
mod server;
mod written;

const PASSWORD: &str = "hunter2";
/// What the library takes in at once is more than fits on its way, so that whoever has written so many knows that it is being read.
const MORE_THAN_WAIT: usize = 40;
const PIECE: usize = 100_000;

fn access(place: &Path) -> Access {
    Access { place: Place::Local(place.to_owned()), password: Password::new(PASSWORD), cache: None }
}

/// A repository that is gone with the test.
struct Kept {
    _files: tempfile::TempDir,
    path: PathBuf,
    access: Access,
}

impl Kept {
    fn new() -> Self {
        let files = tempfile::tempdir().expect("a directory");
        let path = files.path().join("repository");
        Self { _files: files, access: access(&path), path }
    }
}

fn item() -> Item {
    let service = ServiceId::new(&"prod".into(), &"shop".into(), "db");
    Item { service, method: Method::Postgres, path: None }
}

/// A backup that has begun and waits for more.
struct Begun {
    outlet: Outlet,
    archiving: JoinHandle<Result<Snapshot, Trouble>>,
}

fn begin(access: &Access, mark: &str, file: &str) -> Begun {
    let (outlet, incoming) = incoming(file);
    let (access, runtime, mark) = (access.clone(), Handle::current(), mark.to_owned());
    let archiving = tokio::task::spawn_blocking(move || {
        let repository = access.open_or_make(runtime)?;
        repository.archive(Note::new(item(), mark), vec![incoming], |note| {
            note.version = Some("15.14".into());
            Ok(())
        })
    });
    Begun { outlet, archiving }
}

impl Begun {
    /// Until all of it is on its way, or nobody reads any more.
    async fn write(&self, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE) {
            if self.outlet.write(Bytes::copy_from_slice(piece)).await.is_err() {
                return;
            }
        }
    }

    async fn end(self) -> Result<Snapshot, Trouble> {
        // Why it is not read any more, the other side says.
        _ = self.outlet.end().await;
        self.archiving.await.expect("it ends")
    }
}

async fn back_up(access: &Access, mark: &str, bytes: &[u8]) -> Result<Snapshot, Trouble> {
    let begun = begin(access, mark, "shop.dump");
    begun.write(bytes).await;
    begun.end().await
}

/// Opens it anew, as another process would.
async fn ask<T: Send + 'static>(
    access: &Access,
    question: impl FnOnce(&Repository) -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    let (access, runtime) = (access.clone(), Handle::current());
    let asked = tokio::task::spawn_blocking(move || question(&access.open_made(runtime)?));
    asked.await.expect("it ends")
}

async fn read(access: &Access, snapshot: &Snapshot, file: &'static str) -> Result<Vec<u8>, Trouble> {
    let id = snapshot.id.clone();
    ask(access, move |repository| {
        let mut bytes = Vec::new();
        repository.read(&id, file, &mut bytes)?;
        Ok(bytes)
    })
    .await
}

fn told<T>(done: Result<T, Trouble>) -> T {
    done.unwrap_or_else(|trouble| panic!("{trouble}"))
}

/// Bytes in which nothing repeats, others for each seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn restic(access: &Access, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("restic")
        .args(["--no-cache", "--repo", &access.place.to_string()])
        .args(arguments)
        .env("RESTIC_PASSWORD", PASSWORD)
        .output()
        .expect("restic runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "restic {arguments:?}: {said}\n{}", String::from_utf8_lossy(&output.stdout));
    output.stdout
}

fn is_sound(access: &Access) {
    restic(access, &["check", "--read-data"]);
}

/// Stored files of one kind, as "data", "index", "snapshots".
fn stored(place: &Path, kind: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![place.join(kind)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => found.push(entry.path()),
            }
        }
    }
    found
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
