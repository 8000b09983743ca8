//! How one kind of thing is dumped, put back and counted, by programs that are in the instance already.

use std::sync::Arc;

use super::program::{Ran, Script};
use crate::domain::{Counts, Item, Renamed, StoredFile};

/// What a survey of an instance says before anything is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Of the server.
    pub version: Option<Arc<str>>,
    /// What is dumped by itself, with its size in bytes where that is known.
    pub parts: Vec<(Arc<str>, Option<u64>)>,
    /// Bytes that are free where it keeps its data.
    pub room: Option<u64>,
}

impl Survey {
    /// Of a server with several databases: its script reported "version 10.11", and "database 21306727 shop" of each.
    pub fn of_databases(ran: &Ran) -> Self {
        let part = |report: &str| {
            let (bytes, name) = report.split_once(' ')?;
            Some((Arc::from(name), bytes.parse().ok()))
        };
        let version = ran.reported("version").next().map(Arc::from);
        Self { version, parts: ran.reported("database").filter_map(part).collect(), room: None }
    }

    /// Of what is dumped as a whole: its script reported "version 7.0.15", and "bytes 9042008" where that is known.
    pub fn of_one(part: &str, ran: &Ran) -> Self {
        let bytes = ran.reported("bytes").next().and_then(|bytes| bytes.parse().ok());
        Self { version: ran.reported("version").next().map(Arc::from), parts: vec![(part.into(), bytes)], room: None }
    }
}

/// One run of a script, as `program::Script` without the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// "restores shop"
    pub says: Arc<str>,
    pub body: &'static str,
    pub arguments: Vec<String>,
    /// The file of the snapshot that it reads, whole.
    pub reads: Option<Arc<str>>,
    /// It counts what it brings: a part of what was backed up, as `Recipe::counts` names it.
    pub counts: Option<Arc<str>>,
}

impl Act {
    pub fn new(says: &str, body: &'static str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self { says: says.into(), body, arguments, reads: None, counts: None }
    }

    pub fn reading(self, file: &Arc<str>) -> Self {
        Self { reads: Some(file.clone()), ..self }
    }

    pub fn counting(self, part: &str) -> Self {
        Self { counts: Some(part.into()), ..self }
    }

    pub fn script(&self, recipe: &dyn Recipe) -> Script {
        Script { frame: recipe.frame(), body: self.body, arguments: self.arguments.clone() }
    }
}

/// A file of a snapshot, and what prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub file: Arc<str>,
    pub act: Act,
}

/// Counts what is in a dump while it passes, and knows where it ends.
pub trait Tally: Send {
    fn take(&mut self, piece: &[u8]);

    /// After the last piece. `Err`: why it is not whole.
    fn end(&mut self, part: &str, counts: &mut Counts) -> Result<(), &'static str>;
}

/// Tells one restore of one thing from another of it, in names that stand beside what is live.
pub fn hash(of: &str, mark: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    [of, "/", mark].iter().flat_map(|text| text.bytes()).fold(0xcbf2_9ce4_8422_2325, step)
}

pub trait Recipe: Sync {
    /// Runs every other script.
    fn frame(&self) -> &'static str;

    fn survey(&self, item: &Item) -> Act;

    fn surveyed(&self, ran: &Ran) -> Survey;

    /// In the order in which they are dumped.
    fn sources(&self, item: &Item, survey: &Survey) -> Vec<Source>;

    /// What a dump of `part`, or a count of it, reported. As a rule "count 200000 public.orders".
    fn counts(&self, part: &str, ran: &Ran, counts: &mut Counts) {
        counts.extend(ran.counted().map(|(name, count)| (format!("{part} {name}").into(), (count, count))));
    }

    /// For what a dump does not report itself.
    fn tally(&self, _file: &str) -> Option<Box<dyn Tally>> {
        None
    }

    /// Brings everything into the instance, beside what is live there: nobody sees it yet. Done again it begins anew. Where it cannot be
    /// kept there, it is only looked at and counted (`Act::counts`), and `swap` brings it.
    fn bring(&self, into: &Into) -> Vec<Act>;

    /// Counts what was brought, or what is live, of each part that no act of `bring` has counted.
    fn count(&self, into: &Into, which: Which) -> Vec<Source>;

    /// Puts what was brought in the place of what is live. Done again it does nothing more.
    fn swap(&self, into: &Into) -> Vec<Act>;

    /// What was brought and never came to its place is gone, however far it came; where the old stands aside (`Method::keeps_old`), that is
    /// live again.
    fn take_back(&self, into: &Into) -> Vec<Act>;

    /// What stands aside is let go.
    fn settle(&self, into: &Into) -> Vec<Act>;
}

/// What is restored, and for which wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Into {
    /// Where it goes: its path, for what has one, is there.
    pub item: Item,
    pub files: Vec<StoredFile>,
    /// The only database among them, and what it is called there.
    pub database: Option<Renamed>,
    /// Tells what one restore makes beside the live from what another does.
    pub mark: Arc<str>,
}

impl Into {
    /// Each database, by the name that it gets, and its file.
    pub fn databases(&self) -> impl Iterator<Item = Database<'_>> {
        let ending = self.item.method.database_ending();
        self.files.iter().filter_map(move |file| {
            let from = file.name.strip_suffix(ending?)?;
            Some(Database { from, name: self.database.as_ref().map_or(from, |renamed| &renamed.to), file })
        })
    }

    /// It was not there before, and what is live stays as it is.
    pub fn is_renamed(&self) -> bool {
        self.database.is_some()
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Database<'a> {
    /// At the backup.
    pub from: &'a str,
    pub name: &'a str,
    pub file: &'a StoredFile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Brought,
    Live,
}
