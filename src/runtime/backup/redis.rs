//! Redis, and what speaks like it: all its databases in one RDB, which a server of its own loads beside the live one. The live one is made its
//! replica for as long as it takes to be the same, so it is not restarted; meanwhile it takes no writes.
//!
//! What an act leaves that was killed in the middle (a server, a file, a live server that is still a replica) is ended by the next one, and by
//! `take_back`.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    program::Ran,
    recipe::{Act, Into, Recipe, Source, Survey, Which},
};
use crate::domain::{Counts, Item};

const DUMP: &str = "dump.rdb";
/// A key that is written, or goes, takes so many bytes of what is replicated, at the least: the word for it is not counted, since one word may
/// have many keys, nor the name, since it may have but one letter.
const SHORTEST_CHANGE: u64 = 7;

pub struct Redis;

impl Recipe for Redis {
    fn frame(&self) -> &'static str {
        include_str!("redis/as.sh")
    }

    fn survey(&self, _: &Item) -> Act {
        Act::new("asks for its size", include_str!("redis/survey.sh"), &[])
    }

    fn surveyed(&self, ran: &Ran) -> Survey {
        Survey::of_one(DUMP, ran)
    }

    fn sources(&self, _: &Item, _: &Survey) -> Vec<Source> {
        vec![Source { file: DUMP.into(), act: Act::new("dumps its keys", include_str!("redis/dump.sh"), &[]) }]
    }

    fn counts(&self, _: &str, ran: &Ran, counts: &mut Counts) {
        match (State::reported("before", ran), State::reported("after", ran)) {
            (Some(before), Some(after)) => counts.extend(between(&before, &after)),
            _ => counts.extend(ran.counted().map(|(database, keys)| (database.into(), (keys, keys)))),
        }
    }

    fn bring(&self, into: &Into) -> Vec<Act> {
        restores("loads its keys beside", "look", into).map(|act| act.counting(DUMP)).collect()
    }

    fn count(&self, _: &Into, which: Which) -> Vec<Source> {
        match which {
            Which::Brought => Vec::new(),
            Which::Live => {
                vec![Source {
                    file: DUMP.into(),
                    act: Act::new("counts its keys", include_str!("redis/count.sh"), &[]),
                }]
            }
        }
    }

    fn swap(&self, into: &Into) -> Vec<Act> {
        restores("restores its keys", "go", into).collect()
    }

    fn take_back(&self, _: &Into) -> Vec<Act> {
        vec![Act::new("lets go what is beside", include_str!("redis/tidy.sh"), &[])]
    }

    fn settle(&self, _: &Into) -> Vec<Act> {
        Vec::new()
    }
}

fn restores(says: &'static str, how: &'static str, into: &Into) -> impl Iterator<Item = Act> {
    into.files.iter().map(move |file| {
        Act::new(says, include_str!("redis/restore.sh"), &[&file.bytes.to_string(), how]).reading(&file.name)
    })
}

/// What a server had in one moment.
#[derive(Debug, Default, PartialEq, Eq)]
struct State<'a> {
    /// Bytes that it ever had for its replicas: what is written moves it on.
    offset: u64,
    databases: BTreeMap<&'a str, Keys>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Keys {
    all: u64,
    /// Of all, those that go by themselves.
    passing: u64,
}

impl<'a> State<'a> {
    /// `when` is "before" or "after".
    fn reported(when: &str, ran: &'a Ran) -> Option<Self> {
        let reported = |word: &'static str| {
            ran.reported(word).filter_map(move |report| report.strip_prefix(when)?.strip_prefix(' '))
        };
        let offset = reported("offset").next()?.parse().ok()?;
        let keys = |report: &'a str| {
            let mut words = report.splitn(3, ' ');
            let keys = Keys { all: words.next()?.parse().ok()?, passing: words.next()?.parse().ok()? };
            Some((words.next()?, keys))
        };
        Some(Self { offset, databases: reported("keys").filter_map(keys).collect() })
    }

    fn keys(&self, database: &str) -> Keys {
        self.databases.get(database).copied().unwrap_or_default()
    }
}

/// How many keys of a dump there are to be when it is loaded. It is of a moment between the two, in which there may have been more keys or fewer
/// than in both, by as many as can have been written since. Those that expire may have gone when it is loaded.
fn between(before: &State, after: &State) -> Counts {
    let changes = before.offset.abs_diff(after.offset).div_ceil(SHORTEST_CHANGE);
    let databases: BTreeSet<&str> = before.databases.keys().chain(after.databases.keys()).copied().collect();
    let range = |database: &str| {
        let both = [before.keys(database), after.keys(database)];
        let least = both.map(|keys| keys.all.saturating_sub(keys.passing)).into_iter().min().unwrap_or_default();
        let most = both.map(|keys| keys.all).into_iter().max().unwrap_or_default();
        (least.saturating_sub(changes), most.saturating_add(changes))
    };
    databases.into_iter().map(|database| (database.into(), range(database))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(reports: &[&str]) -> Vec<(String, (u64, u64))> {
        let ran = Ran { reports: reports.iter().copied().map(std::sync::Arc::from).collect(), ..Ran::default() };
        let mut counts = Counts::new();
        Redis.counts("dump", &ran, &mut counts);
        counts.into_iter().map(|(name, range)| (name.to_string(), range)).collect()
    }

    fn range(name: &str, least: u64, most: u64) -> (String, (u64, u64)) {
        (name.to_owned(), (least, most))
    }

    #[test]
    fn keys_that_nobody_writes_are_counted_exactly_and_those_that_expire_may_be_gone() {
        let reports =
            ["offset before 70", "keys before 9 0 db0", "keys before 5 3 db3", "offset after 70", "keys after 9 0 db0"];
        let still = [&reports[..], &["keys after 4 2 db3"]].concat();
        assert_eq!(counts(&still), [range("db0", 9, 9), range("db3", 2, 5)]);
    }

    #[test]
    fn what_is_written_during_the_dump_widens_the_range() {
        let reports = ["offset before 0", "keys before 100 0 db0", "offset after 69", "keys after 110 0 db0"];
        assert_eq!(counts(&reports), [range("db0", 90, 120)]);
    }

    #[test]
    fn a_database_that_comes_or_goes_meanwhile_may_be_there_or_not() {
        let reports =
            ["offset before 0", "keys before 3 0 db1", "offset after 14", "keys after 2 0 db2", "keys after 1 1 db4"];
        assert_eq!(counts(&reports), [range("db1", 0, 5), range("db2", 0, 4), range("db4", 0, 3)]);
    }

    #[test]
    fn keys_that_were_loaded_are_one_count() {
        assert_eq!(counts(&["count 12 db0", "count 1 db9"]), [range("db0", 12, 12), range("db9", 1, 1)]);
    }
}
