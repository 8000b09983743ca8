//! How one kind of thing is dumped, put back and counted, by programs that are in the instance already.

use std::sync::Arc;

use super::program::{Ran, Script};
use crate::domain::{Counts, Method, StoredFile};

/// What a survey of an instance says before anything is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Of the server.
    pub version: Option<Arc<str>>,
    /// What is dumped by itself, with its size in bytes where that is known.
    pub parts: Vec<(Arc<str>, Option<u64>)>,
}

impl Survey {
    pub fn bytes(&self) -> u64 {
        self.parts.iter().filter_map(|(_, bytes)| *bytes).sum()
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
}

impl Act {
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

pub trait Recipe: Sync {
    fn method(&self) -> Method;

    /// Runs every other script.
    fn frame(&self) -> &'static str;

    fn survey(&self) -> Act;

    fn surveyed(&self, ran: &Ran) -> Survey;

    /// In the order in which they are dumped.
    fn sources(&self, survey: &Survey) -> Vec<Source>;

    /// Brings everything into the instance, beside what is live there: nobody sees it yet. Done again it begins anew.
    fn bring(&self, into: &Into) -> Vec<Act>;

    /// Counts what was brought, or what is live, of each part.
    fn count(&self, into: &Into, which: Which) -> Vec<Source>;

    /// Puts what was brought in the place of what is live, which stands aside from then on. Done again it does nothing more.
    fn swap(&self, into: &Into) -> Vec<Act>;

    /// As it was before: what stands aside is live again, and what was brought is gone, however far it came.
    fn take_back(&self, into: &Into) -> Vec<Act>;

    /// What stands aside is let go.
    fn settle(&self, into: &Into) -> Vec<Act>;
}

/// What is restored, and for which wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Into {
    pub files: Vec<StoredFile>,
    /// Tells what one restore makes beside the live from what another does.
    pub mark: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Brought,
    Live,
}

/// "count 200000 public.orders", of the part that was counted.
pub fn counts(part: &str, ran: &Ran, counts: &mut Counts) {
    for report in ran.reported("count") {
        let Some((count, name)) = report.split_once(' ') else { continue };
        let Ok(count) = count.parse() else { continue };
        counts.insert(format!("{part} {name}").trim_start().into(), (count, count));
    }
}
