//! What operations did, on disk: one file of JSON lines an operation, each line there before what it says is relied on. Also the audit
//! log. Knows files and locks; what the records mean is `plan::Execution`'s.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    hash::{BuildHasher, RandomState},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{Operation, OperationId, OperationState, ServiceId, Trouble},
    plan::{
        Plan,
        execution::{Execution, Record},
    },
};

mod forgotten;
#[cfg(test)]
mod tests;
mod words;

pub use words::{Ask, Letter, Wish};

/// Ended operations beyond this many are forgotten, oldest first.
const KEPT: usize = 500;
/// No operation writes so much. What is longer is not ours.
const LONGEST: u64 = 64 << 20;
/// Of the first line: what happens must find room behind it, or nobody could read how far it came.
const LONGEST_OPENING: usize = 16 << 20;

#[derive(Clone, Debug)]
pub struct Journal {
    state: PathBuf,
    operations: PathBuf,
    locks: PathBuf,
    /// What people say to operations of other processes.
    words: PathBuf,
    kept: usize,
}

/// The first line of every file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    pub id: OperationId,
    pub at: Timestamp,
    /// user@host
    pub who: Arc<str>,
    pub process: u32,
    /// of midwatch
    pub version: Arc<str>,
    /// With it: the cluster, and why.
    pub plan: Plan,
}

/// One operation's file, locked for as long as this lives: to every other process it is running.
#[derive(Debug)]
pub struct Page {
    file: File,
    path: PathBuf,
    /// How long the file is up to the last whole record, in bytes.
    whole: u64,
}

/// A service, kept from every other operation for as long as this lives.
#[derive(Debug)]
pub struct Hold {
    _file: File,
}

/// Written into a held lock for whoever is refused by it.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    title: Arc<str>,
    who: Arc<str>,
    process: u32,
    since: Timestamp,
}

/// What the directory holds, newest last, and what could not be read.
#[derive(Debug, Default)]
pub struct Listing {
    pub operations: Vec<Operation>,
    pub unreadable: Vec<Trouble>,
}

impl Journal {
    /// Under the state directory, which is made if need be.
    pub fn open(state: &Path) -> Result<Self, Trouble> {
        let [operations, locks, words] = ["operations", "locks", "words"].map(|name| state.join(name));
        let journal = Self { state: state.to_owned(), operations, locks, words, kept: KEPT };
        for directory in [&journal.operations, &journal.locks, &journal.words] {
            make_private(directory).map_err(|error| nothing_written(directory, &error))?;
        }
        Ok(journal)
    }

    /// Begins the file of a new operation, whose id is an `unused_id`. It appears whole and locked, or not at all.
    pub fn create(
        &self,
        id: OperationId,
        plan: Plan,
        who: &Arc<str>,
        at: Timestamp,
    ) -> Result<(Opening, Page), Trouble> {
        let version = env!("CARGO_PKG_VERSION").into();
        let opening = Opening { id, at, who: who.clone(), process: std::process::id(), version, plan };
        let first = line(&opening).map_err(|error| nothing_written(&self.operations, &error))?;
        if first.len() > LONGEST_OPENING {
            let why = format!("its plan is too long to be written down: {} MiB", first.len() >> 20);
            return Err(Trouble::new(format!("{} was not begun", opening.plan.title), why)
                .help("ask for less at once: one service, or fewer instances"));
        }
        let path = self.path(&opening.id);
        let unfinished = self.operations.join(format!(".new-{}", opening.id));
        let begin = || {
            let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&unfinished)?;
            flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            let mut page = Page { file, path: path.clone(), whole: 0 };
            page.append(&first)?;
            fs::rename(&unfinished, &path)?;
            File::open(&self.operations)?.sync_all()?;
            io::Result::Ok(page)
        };
        let page = begin().map_err(|error| {
            let _ = fs::remove_file(&unfinished);
            nothing_written(&self.operations, &error)
        })?;
        Ok((opening, page))
    }

    /// Takes over an operation whose process ended in the middle of it.
    pub fn take_over(&self, id: &OperationId) -> Result<(Opening, Execution, Page), Trouble> {
        let path = self.path(id);
        let what = || format!("{id} was not taken over");
        let failed = |error: io::Error| Trouble::new(what(), error);
        let file = OpenOptions::new().read(true).append(true).open(&path).map_err(failed)?;
        if !lock_patiently(&file).map_err(failed)? {
            return Err(Trouble::new(what(), "another midwatch is carrying it out"));
        }
        let (opening, execution, whole) = read(&file).map_err(|why| Trouble::new(what(), why))?;
        refuse_ended(id, &execution)?;
        // The line that was being written when the process ended. The next one must not be glued to it.
        file.set_len(whole).map_err(failed)?;
        Ok((opening, execution, Page { file, path, whole }))
    }

    /// Everything that is known, and forgets what is too old.
    pub fn operations(&self) -> Listing {
        let mut listing = Listing::default();
        let mut paths: Vec<_> = match fs::read_dir(&self.operations) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(error) => {
                listing.unreadable.push(unreadable(&self.operations, error));
                return listing;
            }
        };
        // Ids begin with their time.
        paths.sort();
        for path in paths {
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                match look(&path) {
                    Ok((operation, _)) => listing.operations.push(operation),
                    Err(why) => listing.unreadable.push(unreadable(&path, why)),
                }
            } else {
                forget_if_abandoned(&path);
            }
        }
        self.forget_old(&mut listing.operations);
        listing
    }

    /// One operation, as it is on disk now.
    pub fn operation(&self, id: &OperationId) -> Result<Operation, Trouble> {
        self.look(id).map(|(operation, _)| operation)
    }

    /// As it is on disk now, and how far it is.
    pub fn look(&self, id: &OperationId) -> Result<(Operation, Execution), Trouble> {
        let path = self.path(id);
        look(&path).map_err(|why| unreadable(&path, why))
    }

    /// Changes when an operation begins, here or in another process: a cheap thing to look at.
    pub fn changed(&self) -> Option<SystemTime> {
        fs::metadata(&self.operations).and_then(|metadata| metadata.modified()).ok()
    }

    /// Keeps a service for one operation. Refused with the name of the operation that has it.
    pub fn hold(&self, service: &ServiceId, title: &Arc<str>, who: &Arc<str>, at: Timestamp) -> Result<Hold, Trouble> {
        self.hold_named(&service.to_string(), title, who, at)
    }

    fn hold_named(&self, name: &str, title: &Arc<str>, who: &Arc<str>, at: Timestamp) -> Result<Hold, Trouble> {
        let path = self.locks.join(format!("{:016x}.lock", fingerprint(name)));
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = options.map_err(|error| nothing_written(&self.locks, &error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(held(&file, title)),
            Err(error) => return Err(nothing_written(&self.locks, &error.into())),
        }
        let holder = Holder { title: title.clone(), who: who.clone(), process: std::process::id(), since: at };
        let text = serde_json::to_vec(&holder).expect("a holder is plain strings");
        // Only for people to read: whether it can be written decides nothing.
        let _ = file.set_len(0).and_then(|()| file.write_all(&text));
        Ok(Hold { _file: file })
    }

    fn path(&self, id: &OperationId) -> PathBuf {
        // A person types ids: nothing in one may lead out of the directory.
        let name: String = id.as_str().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        self.operations.join(format!("{name}.jsonl"))
    }

    /// Begins with its time.
    pub fn unused_id(&self, at: Timestamp) -> OperationId {
        loop {
            let random = RandomState::new().hash_one(at) & 0xffff;
            let id = OperationId::new(format!("{}-{random:04x}", at.strftime("%Y%m%d-%H%M%S")));
            if !self.path(&id).exists() {
                return id;
            }
        }
    }

    fn forget_old(&self, operations: &mut Vec<Operation>) {
        let ended = operations.iter().filter(|operation| operation.is_over()).count();
        let mut too_many = ended.saturating_sub(self.kept);
        operations.retain(|operation| {
            let forget = too_many > 0 && operation.is_over();
            if forget {
                too_many -= 1;
                let _ = fs::remove_file(self.path(&operation.id));
            }
            !forget
        });
    }
}

impl Page {
    /// On disk when this returns.
    pub fn write(&mut self, record: &Record) -> Result<(), Trouble> {
        line(record).and_then(|line| self.append(&line)).map_err(|error| {
            let directory = self.path.parent().unwrap_or(&self.path);
            nothing_written(directory, &error)
        })
    }

    /// Nothing of the operation was begun: as if it had never been.
    pub fn discard(self) {
        // What cannot be removed is found as an interrupted operation that did nothing.
        let _ = fs::remove_file(&self.path);
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(line).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.whole += line.len() as u64,
            // Half a line may be there, and the next must not be glued to it.
            Err(_) => self.file.set_len(self.whole)?,
        }
        written
    }
}

impl Opening {
    /// For a person, as far as the records go. Without a verdict it runs where somebody has the file locked, and else was cut off.
    pub fn operation(&self, execution: &Execution, is_locked: bool) -> Operation {
        let state = match execution.ended() {
            Some((_, verdict)) => OperationState::Ended(verdict.clone()),
            None if !is_locked => OperationState::Interrupted,
            None if execution.is_turned() => OperationState::Undoing,
            None => execution.held().map_or(OperationState::Running, |why| OperationState::Held { why }),
        };
        let way_back = if state == OperationState::Interrupted { execution.way_back() } else { Vec::new() };
        Operation {
            id: self.id.clone(),
            title: self.plan.title.clone(),
            service: self.plan.service.clone(),
            who: self.who.clone(),
            why: self.plan.request.why.clone(),
            began: self.at,
            ended: execution.ended().map(|(at, _)| *at),
            state,
            steps: execution.report(),
            is_harmless: self.plan.request.verb.is_harmless(),
            no_way_back: execution.no_way_back().map(Into::into),
            way_back,
        }
    }
}

/// What is over is not taken over.
pub fn refuse_ended(id: &OperationId, execution: &Execution) -> Result<(), Trouble> {
    execution.ended().map_or(Ok(()), |(_, verdict)| {
        Err(Trouble::new(format!("{id} was not taken over"), format!("it is over: {}", verdict.says())))
    })
}

fn line(of: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(of)?;
    line.push(b'\n');
    Ok(line)
}

fn look(path: &Path) -> Result<(Operation, Execution), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    // Asked before reading: who ends meanwhile has written all of it by then, the verdict too.
    let is_locked = match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => false,
        Err(rustix::io::Errno::WOULDBLOCK) => true,
        Err(error) => return Err(error.to_string()),
    };
    let (opening, execution, _) = read(&file)?;
    Ok((opening.operation(&execution, is_locked), execution))
}

/// The whole records of a file, and how many bytes they are. A last line without its end is one whose writer died: it counts for nothing.
fn read(file: &File) -> Result<(Opening, Execution, u64), String> {
    let mut text = Vec::new();
    file.take(LONGEST).read_to_end(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 == LONGEST {
        return Err("it is too long to be one of ours".into());
    }
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    let mut lines = text[..whole].split_inclusive(|&byte| byte == b'\n');
    let first = lines.next().ok_or("it is empty")?;
    let opening: Opening = serde_json::from_slice(first).map_err(|error| format!("line 1: {error}"))?;
    let mut records = Vec::new();
    for (place, line) in lines.enumerate() {
        records.push(serde_json::from_slice::<Record>(line).map_err(|error| format!("line {}: {error}", place + 2))?);
    }
    let execution = Execution::replay(opening.plan.clone(), &records)?;
    Ok((opening, execution, whole as u64))
}

/// Whoever lists operations holds each for a moment, so one refusal does not yet mean that it is being carried out.
fn lock_patiently(file: &File) -> io::Result<bool> {
    for _ in 0..10 {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(10)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

fn held(mut file: &File, title: &str) -> Trouble {
    let mut text = String::new();
    let read = file.read_to_string(&mut text).ok().and_then(|_| serde_json::from_str::<Holder>(&text).ok());
    let why = match read {
        Some(Holder { title, who, process, since }) => {
            format!(
                "{title} is being carried out by {who} (process {process}) since {}",
                since.strftime("%H:%M:%S UTC")
            )
        }
        None => "another operation has it".into(),
    };
    Trouble::new(format!("{title} was not begun"), why).help("wait for it to end, or stop it where it runs")
}

/// Left behind by a process that died before its operation began. Old ones only: a young one is somebody's who is at work.
fn forget_if_abandoned(path: &Path) {
    let is_ours = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".new-"));
    let age = fs::metadata(path).and_then(|metadata| metadata.modified()).ok().and_then(|then| then.elapsed().ok());
    if is_ours && age.is_some_and(|age| age > Duration::from_secs(60)) {
        let _ = fs::remove_file(path);
    }
}

fn make_private(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    fs::set_permissions(directory, Permissions::from_mode(0o700))
}

fn nothing_written(directory: &Path, error: &io::Error) -> Trouble {
    let what =
        format!("operations cannot be written down in {}", crate::domain::text::clean(&directory.to_string_lossy()));
    Trouble::new(what, error)
        .help("nothing is changed without a record of it: make the directory writable, or free some space")
}

fn unreadable(path: &Path, why: impl std::fmt::Display) -> Trouble {
    let path = path.to_string_lossy();
    Trouble::new(format!("the operation in {} cannot be read", crate::domain::text::clean(&path)), why)
        .help("it stays there; a newer midwatch may have written it")
}

/// FNV-1a: the same in every build, which a lock's name must be.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
impl Page {
    /// The same page on a disk that has no room.
    pub(crate) fn on_a_full_disk(&self) -> Self {
        let file = OpenOptions::new().write(true).open("/dev/full").expect("every Linux has it");
        Self { file, path: self.path.clone(), whole: self.whole }
    }
}
