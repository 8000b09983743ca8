//! MongoDB: all databases in one archive of its own tools, the users among them.

use super::{
    program::Ran,
    recipe::{Act, Into, Recipe, Source, Survey, Which, hash},
};
use crate::domain::{Counts, Item, StoredFile};

const ARCHIVE: &str = "mongo.archive";
/// What the server keeps for itself: it is restored in its place or not at all.
const OWN: [&str; 3] = ["admin.", "config.", "local."];

pub struct Mongo;

impl Recipe for Mongo {
    fn frame(&self) -> &'static str {
        include_str!("mongo/as.sh")
    }

    fn survey(&self, _: &Item) -> Act {
        Act::new("asks for its databases", include_str!("mongo/survey.sh"), &[])
    }

    fn surveyed(&self, ran: &Ran) -> Survey {
        Survey::of_databases(ran)
    }

    fn sources(&self, _: &Item, _: &Survey) -> Vec<Source> {
        let act = Act::new("dumps all databases", include_str!("mongo/dump.sh"), &[]);
        vec![Source { file: ARCHIVE.into(), act }]
    }

    /// Documents by collection, named with its database; those of the server itself count for nothing.
    fn counts(&self, _: &str, ran: &Ran, counts: &mut Counts) {
        let known = ran.counted().filter(|(name, _)| !OWN.iter().any(|own| name.starts_with(own)));
        counts.extend(known.map(|(name, count)| (name.into(), (count, count))));
    }

    fn bring(&self, into: &Into) -> Vec<Act> {
        archive(into).map(|file| restore(file, "restores beside the live ones", &suffix(into)).counting("")).collect()
    }

    /// What the tools bring, they count.
    fn count(&self, _: &Into, which: Which) -> Vec<Source> {
        match which {
            Which::Brought => Vec::new(),
            Which::Live => {
                let act = Act::new("counts the documents", include_str!("mongo/count.sh"), &[]);
                vec![Source { file: ARCHIVE.into(), act }]
            }
        }
    }

    fn swap(&self, into: &Into) -> Vec<Act> {
        let swap = archive(into).map(|file| restore(file, "restores in their place", ""));
        std::iter::once(drops(into)).chain(swap).collect()
    }

    fn take_back(&self, into: &Into) -> Vec<Act> {
        vec![drops(into)]
    }

    fn settle(&self, into: &Into) -> Vec<Act> {
        vec![drops(into)]
    }
}

fn archive(into: &Into) -> impl Iterator<Item = &StoredFile> {
    into.files.iter().filter(|file| &*file.name == ARCHIVE)
}

fn restore(file: &StoredFile, says: &str, suffix: &str) -> Act {
    Act::new(says, include_str!("mongo/restore.sh"), &[&file.bytes.to_string(), suffix]).reading(&file.name)
}

fn drops(into: &Into) -> Act {
    Act::new("lets go what was restored beside", include_str!("mongo/drop.sh"), &[&suffix(into)])
}

/// Short: the name of a database has 63 bytes at most.
fn suffix(into: &Into) -> String {
    format!("_midwatch_{:08x}", hash(ARCHIVE, &into.mark) >> 32)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{Method, ServiceId};

    #[test]
    fn documents_are_counted_by_collection_and_not_those_of_the_server() {
        let reports = ["count 3 shop.orders", "count 1 admin.system.users", "count 0 shop.a b", "version 7.0.5"];
        let ran = Ran { reports: reports.map(Arc::from).to_vec(), ..Ran::default() };
        let mut counts = Counts::new();
        Mongo.counts("mongo", &ran, &mut counts);
        let wanted = [("shop.a b".into(), (0, 0)), ("shop.orders".into(), (3, 3))];
        assert_eq!(counts, Counts::from(wanted));
        assert_eq!(Mongo.surveyed(&ran).version.as_deref(), Some("7.0.5"));
    }

    #[test]
    fn what_is_live_is_restored_over_only_after_all_was_brought_beside() {
        let service = ServiceId::new(&"prod".into(), &"shop".into(), "db");
        let item = Item { service, method: Method::Mongo, path: None };
        let files = vec![StoredFile { name: ARCHIVE.into(), bytes: 7 }];
        let into = Into { item, files, database: None, mark: "op".into() };
        let suffix = suffix(&into);
        assert!(suffix.starts_with("_midwatch_") && suffix.len() == 18, "{suffix}");
        assert_eq!(Mongo.bring(&into)[0].arguments, ["7", &suffix]);
        let [drops, over] = &Mongo.swap(&into)[..] else { panic!("two acts") };
        assert_eq!((&*drops.arguments[0], &over.arguments[..]), (&*suffix, &["7".to_owned(), String::new()][..]));
    }
}
