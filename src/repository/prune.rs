//! Letting snapshots go, and then what only they held. Nobody holds a lock meanwhile: what goes is marked first and is there for `GRACE`
//! longer, so that a backup that began before, on any machine, finds what it builds upon. A run that finds something marked in use takes the
//! mark away, and a backup looks at its end whether all of it is there.

use std::time::Duration;

use jiff::{Span, Timestamp};
use rustic_core::{LimitOption, PruneOptions, PruneStats, RusticError, repofile::SnapshotId as FileId};

use super::{Repository, Retained, is, listed_again, proof, retention::retained};
use crate::{
    config::backup::Keep,
    domain::{Listing, SnapshotId, Trouble},
};

/// Longer than any backup takes from its first look at what is there to its end.
pub const GRACE: Duration = Duration::from_secs(24 * 3600);
/// Of the whole repository, at most so much is rewritten in one run, so that it ends: the rest is for the next one.
const REWRITTEN_PERCENT: u64 = 10;
/// So much of it may be of no use, before anything is rewritten for it.
const UNUSED_PERCENT: u64 = 5;
/// Backups that end while a run is on; each further look is for those that ended during the last.
const LOOKS: usize = 3;

/// What a run does, in bytes as they are stored, headers and index left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrunePlan {
    /// What snapshots hold, and so what stays.
    pub used: u64,
    /// What goes now and for good: it was marked more than the grace ago, and nobody has come to use it.
    pub removed: u64,
    /// What is marked now, to go in a run after the grace.
    pub marked: u64,
    /// What was marked before, and still has to wait.
    pub waiting: u64,
    /// What is marked and in use: the mark is taken away.
    pub recovered: u64,
    /// What is read and written anew because it lies together with what goes. On a repository far away it crosses the network twice.
    pub rewritten: u64,
    /// What is of no use and yet stays: it is young, or it lies together with so much in use that rewriting is not worth it.
    pub left: u64,
    /// The files that go now.
    pub packs_removed: u64,
    /// The files that are rewritten.
    pub packs_rewritten: u64,
}

impl PrunePlan {
    fn new(stats: &PruneStats) -> Self {
        let size = stats.size_sum();
        Self {
            used: size.used,
            removed: stats.size_to_delete.remove,
            marked: size.remove + size.repackrm + stats.size_unref,
            waiting: stats.size_to_delete.keep,
            recovered: stats.size_to_delete.recover,
            rewritten: size.repack - size.repackrm,
            left: left(stats),
            packs_removed: stats.packs_to_delete.remove,
            packs_rewritten: stats.packs.repack,
        }
    }

    pub fn does_something(&self) -> bool {
        self.removed + self.marked + self.recovered + self.rewritten > 0
    }
}

/// The library counts what is marked among what is unused.
fn left(stats: &PruneStats) -> u64 {
    let marked = stats.size_to_delete.remove + stats.size_to_delete.keep;
    stats.size_sum().unused_after_prune().saturating_sub(marked)
}

impl Repository {
    /// Which snapshots stay by `keep`. What others keep in the same repository is not among them.
    pub fn retention(&self, keep: &Keep, now: Timestamp) -> Result<Vec<Retained>, Trouble> {
        let Listing { snapshots, proofs, .. } = self.listing()?;
        Ok(retained(snapshots, &proofs, keep, now))
    }

    /// Lets these go, with what proves them. Those that are gone already are none the worse for it; foreign ones are left alone. Their data
    /// is there until `prune`.
    pub fn forget(&self, ids: &[SnapshotId]) -> Result<(), Trouble> {
        let what = format!("could not let snapshots go in {}", self.place());
        let (files, unreadable) = self.files()?;
        let is_there = |id: &SnapshotId| files.iter().any(|file| is(file.id, id));
        let goes = |proved: &SnapshotId| ids.contains(proved) || (unreadable.is_empty() && !is_there(proved));
        let proofs = files.iter().filter(|file| proof::of(file).is_some_and(|proof| goes(&proof.of)));
        let proofs: Vec<FileId> = proofs.map(|file| file.id).collect();
        let ours = files.iter().filter(|file| super::Note::of(file).is_some());
        let named = ours.filter(|file| ids.iter().any(|id| is(file.id, id)));
        let named: Vec<FileId> = named.map(|file| file.id).collect();
        // In this order, since a proof holds the data of what it proves.
        self.remove(&proofs, &what)?;
        self.remove(&named, &what)
    }

    fn remove(&self, ids: &[FileId], what: &str) -> Result<(), Trouble> {
        let remove = || {
            let there: Vec<FileId> = self.inner.list::<FileId>()?.filter(|id| ids.contains(id)).collect();
            if there.is_empty() { Ok(()) } else { self.inner.delete_snapshots(&there) }
        };
        listed_again(remove).map_err(|error| self.failed(what, &error))
    }

    /// What `prune` would do now.
    pub fn prune_plan(&self, grace: Duration) -> Result<PrunePlan, Trouble> {
        let what = format!("could not look what can go from {}", self.place());
        let plan = listed_again(|| self.inner.prune_plan(&options(grace)));
        plan.map(|plan| PrunePlan::new(&plan.stats)).map_err(|error| self.failed(&what, &error))
    }

    /// Looks anew, since a plan that somebody has read is old, and does it. Returns what was done.
    pub fn prune(&self, grace: Duration) -> Result<PrunePlan, Trouble> {
        let what = format!("could not prune {}", self.place());
        let failed = |error: Box<RusticError>| self.failed(&what, &error);
        self.refusal.take();
        let options = options(grace);
        let plan = listed_again(|| self.inner.prune_plan(&options)).map_err(failed)?;
        let done = PrunePlan::new(&plan.stats);
        self.inner.prune(&options, plan).map_err(failed)?;
        for _ in 0..LOOKS {
            let plan = listed_again(|| self.inner.prune_plan(&recovering())).map_err(failed)?;
            if plan.stats.packs_to_delete.recover == 0 {
                break;
            }
            self.inner.prune(&recovering(), plan).map_err(failed)?;
        }
        Ok(done)
    }
}

fn options(grace: Duration) -> PruneOptions {
    let grace = Span::try_from(grace).expect("a grace is some days");
    PruneOptions::default()
        .max_repack(LimitOption::Percentage(REWRITTEN_PERCENT))
        .max_unused(LimitOption::Percentage(UNUSED_PERCENT))
        // What was written lately may belong to a backup that has no snapshot yet.
        .keep_pack(grace)
        .keep_delete(grace)
}

/// Takes marks away, and does nothing else.
fn recovering() -> PruneOptions {
    let ever = Span::new().years(100);
    PruneOptions::default().max_repack(LimitOption::Percentage(0)).keep_pack(ever).keep_delete(ever)
}
