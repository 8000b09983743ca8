//! Which snapshots stay. Of each item by itself, from what is known of all of them; nothing is removed here.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    config::backup::Keep,
    domain::{Item, Proof, Snapshot, SnapshotId, Standing},
};

#[cfg(test)]
mod tests;

/// Long enough to find out, by daylight, that what was restored should not have been.
const SAFETY_STAYS: Duration = Duration::from_secs(7 * 24 * 3600);
/// Longer than a backup takes: what is younger may be under way.
const UNFINISHED_STAYS: Duration = Duration::from_secs(24 * 3600);

/// A snapshot, and whether it stays.
#[derive(Clone, Debug, PartialEq)]
pub struct Retained {
    pub snapshot: Snapshot,
    pub stays: bool,
    /// "last 3", "daily"; also of what goes.
    pub why: Vec<Arc<str>>,
}

/// Newest first. Hours, days and weeks are those of UTC, so that every machine decides alike. What `keep` says is about whole snapshots, and
/// whatever it says, the newest of an item stays, and the one that was last shown to be restorable. Snapshots from the future stay, and are
/// not counted: somebody's clock is wrong.
pub fn retained(snapshots: Vec<Snapshot>, proofs: &[Proof], keep: &Keep, now: Timestamp) -> Vec<Retained> {
    let mut items: BTreeMap<Item, Vec<Snapshot>> = BTreeMap::new();
    for snapshot in snapshots {
        items.entry(snapshot.item.clone()).or_default().push(snapshot);
    }
    let proven = last_proven(&items, proofs);
    let mut retained: Vec<Retained> =
        items.into_values().flat_map(|snapshots| of_item(snapshots, &proven, keep, now)).collect();
    retained.sort_by(|a, b| b.snapshot.at.cmp(&a.snapshot.at).then_with(|| a.snapshot.id.cmp(&b.snapshot.id)));
    retained
}

/// Of each item the snapshot with the newest good proof, among those that are still there.
fn last_proven(items: &BTreeMap<Item, Vec<Snapshot>>, proofs: &[Proof]) -> HashSet<SnapshotId> {
    let newest = |snapshots: &Vec<Snapshot>| {
        let of_these = |proof: &&Proof| proof.is_good() && snapshots.iter().any(|snapshot| snapshot.id == proof.of);
        proofs.iter().filter(of_these).max_by_key(|proof| proof.at).map(|proof| proof.of.clone())
    };
    items.values().filter_map(newest).collect()
}

fn of_item(mut snapshots: Vec<Snapshot>, proven: &HashSet<SnapshotId>, keep: &Keep, now: Timestamp) -> Vec<Retained> {
    snapshots.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.id.cmp(&b.id)));
    let newest_whole = snapshots.iter().find(|it| it.standing == Standing::Whole && it.at <= now).map(|it| it.at);
    let mut rules = Rules::new(keep);
    let mut is_first = true;
    let mut judge = |snapshot: Snapshot| {
        let age = Age::of(&snapshot, now);
        let mut stays: Vec<Arc<str>> = Vec::new();
        if proven.contains(&snapshot.id) {
            stays.push("last proven".into());
        }
        let otherwise: &str = match (snapshot.standing, age) {
            (_, Age::Future) => {
                stays.push("from the future".into());
                ""
            }
            (Standing::Whole, Age::Past(_)) => {
                if std::mem::take(&mut is_first) {
                    stays.push("newest".into());
                }
                stays.extend(rules.keep(snapshot.at));
                "nothing keeps it any more"
            }
            (Standing::Safety, Age::Past(age)) => {
                if age < SAFETY_STAYS {
                    stays.push("from before a restore".into());
                }
                "the restore was more than 7 days ago"
            }
            (Standing::Unfinished, Age::Past(age)) => {
                if age < UNFINISHED_STAYS {
                    stays.push("may be under way".into());
                } else if newest_whole.is_none_or(|newest| newest <= snapshot.at) {
                    stays.push("nothing newer is whole".into());
                }
                "unfinished, and a newer one is whole"
            }
        };
        match stays.is_empty() {
            true => Retained { snapshot, stays: false, why: vec![otherwise.into()] },
            false => Retained { snapshot, stays: true, why: stays },
        }
    };
    snapshots.into_iter().map(&mut judge).collect()
}

#[derive(Clone, Copy)]
enum Age {
    Future,
    Past(Duration),
}

impl Age {
    fn of(snapshot: &Snapshot, now: Timestamp) -> Self {
        Duration::try_from(now.duration_since(snapshot.at)).map_or(Self::Future, Self::Past)
    }
}

/// What `keep` has left to give, from the newest to the oldest.
struct Rules {
    last: (u32, u32),
    spans: Vec<Span>,
}

/// "the newest of so many days in which there is one"
struct Span {
    name: &'static str,
    left: u32,
    /// The same text for two times in the same hour, day and so on.
    form: &'static str,
    latest: Option<String>,
}

impl Rules {
    fn new(keep: &Keep) -> Self {
        let span = |name, left, form| Span { name, left, form, latest: None };
        let spans = vec![
            span("hourly", keep.hourly, "%F %H"),
            span("daily", keep.daily, "%F"),
            // The year of the week, which around New Year is not the day's.
            span("weekly", keep.weekly, "%G-%V"),
            span("monthly", keep.monthly, "%Y-%m"),
            span("yearly", keep.yearly, "%Y"),
        ];
        Self { last: (keep.last, keep.last), spans }
    }

    /// Of which rules one is that was taken then.
    fn keep(&mut self, at: Timestamp) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = Vec::new();
        let (last, left) = &mut self.last;
        if *left > 0 {
            *left -= 1;
            names.push(format!("last {last}").into());
        }
        let at = at.to_zoned(TimeZone::UTC);
        for span in &mut self.spans {
            let this = at.strftime(span.form).to_string();
            if span.left > 0 && span.latest.as_ref() != Some(&this) {
                (span.left, span.latest) = (span.left - 1, Some(this));
                names.push(span.name.into());
            }
        }
        names
    }
}
