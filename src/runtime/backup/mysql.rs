//! MySQL and MariaDB: each database as SQL, its events by themselves, and the users beside.

use std::sync::Arc;

use self::statements::Statements;
use super::{
    program::Ran,
    recipe::{Act, Database, Into, Recipe, Source, Survey, Tally, Which, hash},
};
use crate::domain::Item;

mod statements;

const USERS: &str = "users.grants";
/// Apart from their database: a server runs them wherever it has them.
const EVENTS: &str = ".events";
/// Of a database, in letters.
const LONGEST_NAME: usize = 64;

pub struct Mysql;

impl Recipe for Mysql {
    fn frame(&self) -> &'static str {
        include_str!("mysql/as.sh")
    }

    fn survey(&self, _: &Item) -> Act {
        Act::new("asks for its databases", include_str!("mysql/survey.sh"), &[])
    }

    fn surveyed(&self, ran: &Ran) -> Survey {
        Survey::of_databases(ran)
    }

    fn sources(&self, _: &Item, survey: &Survey) -> Vec<Source> {
        let users =
            Source { file: USERS.into(), act: Act::new("dumps the users", include_str!("mysql/users.sh"), &[]) };
        let database = |(name, _): &(Arc<str>, Option<u64>)| {
            let dump = |says: String, which: &str, ending: &str| Source {
                file: format!("{name}{ending}").into(),
                act: Act::new(&says, include_str!("mysql/dump.sh"), &[name, which]),
            };
            [
                dump(format!("dumps {name}"), "all", ".sql"),
                dump(format!("dumps the events of {name}"), "events", EVENTS),
            ]
        };
        std::iter::once(users).chain(survey.parts.iter().flat_map(database)).collect()
    }

    fn tally(&self, file: &str) -> Option<Box<dyn Tally>> {
        (file != USERS).then(|| Box::new(Statements::default()) as Box<dyn Tally>)
    }

    /// Into a database beside, which shows that all of it can be loaded: tables cannot be moved to the live one with the triggers and the
    /// views that they have.
    fn bring(&self, into: &Into) -> Vec<Act> {
        let bring = |Database { from, name, file }: Database<'_>| {
            let arguments: [&str; 2] = [&beside(name, &into.mark), &file.bytes.to_string()];
            let says = format!("restores {from} beside what is live");
            Act::new(&says, include_str!("mysql/restore.sh"), &arguments).reading(&file.name)
        };
        into.databases().map(bring).collect()
    }

    fn count(&self, into: &Into, which: Which) -> Vec<Source> {
        let count = |Database { name, file, .. }: Database<'_>| {
            let of = match which {
                Which::Brought => beside(name, &into.mark),
                Which::Live => name.to_owned(),
            };
            let act = Act::new(&format!("counts {name}"), include_str!("mysql/count.sh"), &[&of]);
            Source { file: file.name.clone(), act }
        };
        into.databases().map(count).collect()
    }

    fn swap(&self, into: &Into) -> Vec<Act> {
        if into.is_renamed() {
            let named =
                |database: Database<'_>| naming(into, database, "restores it as", "named").reading(&database.file.name);
            return into.databases().map(named).chain(drops(into)).collect();
        }
        let load = |Database { name, file, .. }: Database<'_>| {
            let arguments: [&str; 2] = [name, &file.bytes.to_string()];
            let says = format!("restores {name} in its place");
            Act::new(&says, include_str!("mysql/restore.sh"), &arguments).reading(&file.name)
        };
        let events = into.files.iter().filter_map(|file| Some((file.name.strip_suffix(EVENTS)?, file)));
        let events = events.map(|(name, file)| {
            let arguments: [&str; 2] = [name, &file.bytes.to_string()];
            let says = format!("restores the events of {name}");
            Act::new(&says, include_str!("mysql/load.sh"), &arguments).reading(&file.name)
        });
        // What is granted may be on a single table, so it comes last.
        let users = into.files.iter().filter(|file| &*file.name == USERS).map(|file| {
            let body = include_str!("mysql/grant.sh");
            Act::new("makes the users that are not there", body, &[&file.bytes.to_string()]).reading(&file.name)
        });
        drops(into).chain(into.databases().map(load)).chain(events).chain(users).collect()
    }

    fn take_back(&self, into: &Into) -> Vec<Act> {
        renamed(into, "lets go", "unnamed").chain(drops(into)).collect()
    }

    fn settle(&self, into: &Into) -> Vec<Act> {
        renamed(into, "leaves as it is", "settled").chain(drops(into)).collect()
    }
}

/// Of those that got a name which nobody had; nothing where none did.
fn renamed(into: &Into, says: &'static str, will_be: &'static str) -> impl Iterator<Item = Act> {
    into.databases().filter(|_| into.is_renamed()).map(move |database| naming(into, database, says, will_be))
}

/// `will_be` as the script knows it.
fn naming(into: &Into, Database { name, file, .. }: Database<'_>, says: &str, will_be: &str) -> Act {
    let mark = format!("midwatch_{:016x}", hash(name, &into.mark));
    let arguments: [&str; 4] = [name, &mark, will_be, &file.bytes.to_string()];
    Act::new(&format!("{says} {name}"), include_str!("mysql/name.sh"), &arguments)
}

fn drops(into: &Into) -> impl Iterator<Item = Act> {
    into.databases().map(|Database { name, .. }| {
        let says = format!("lets go what was restored beside {name}");
        Act::new(&says, include_str!("mysql/drop.sh"), &[&beside(name, &into.mark)])
    })
}

/// A database beside `name`, of one restore; two that begin alike are told apart by the hash.
fn beside(name: &str, mark: &str) -> String {
    let tail = format!("_midwatch_new_{:016x}", hash(name, mark));
    name.chars().take(LONGEST_NAME - tail.len()).chain(tail.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Method, ServiceId, StoredFile};

    fn item() -> Item {
        let service = ServiceId::new(&"prod".into(), &"shop".into(), "db");
        Item { service, method: Method::Mysql, path: None }
    }

    #[test]
    fn a_survey_tells_the_version_and_each_database() {
        let reports = ["version 10.11.18-MariaDB", "database 98304 shop", "database 0 odd name"];
        let ran = Ran { reports: reports.map(Arc::from).to_vec(), ..Ran::default() };
        let survey = Mysql.surveyed(&ran);
        assert_eq!(survey.version.as_deref(), Some("10.11.18-MariaDB"));
        assert_eq!(survey.parts, [("shop".into(), Some(98_304)), ("odd name".into(), Some(0))]);
        let files: Vec<_> = Mysql.sources(&item(), &survey).into_iter().map(|source| source.file.to_string()).collect();
        assert_eq!(files, ["users.grants", "shop.sql", "shop.events", "odd name.sql", "odd name.events"]);
    }

    #[test]
    fn what_is_live_is_touched_only_when_all_was_brought_and_events_and_users_come_last() {
        let file = |name: &str| StoredFile { name: name.into(), bytes: 7 };
        let files = ["users.grants", "a.sql", "a.events", "b.sql", "b.events"].map(file).to_vec();
        let into = Into { item: item(), files, database: None, mark: "op".into() };
        let read = |acts: Vec<Act>| acts.into_iter().filter_map(|act| act.reads).collect::<Vec<_>>();
        assert!(Mysql.bring(&into).iter().all(|act| act.arguments[0].contains("_midwatch_new_")));
        let wanted = ["a.sql", "b.sql", "a.events", "b.events", "users.grants"];
        assert_eq!(read(Mysql.swap(&into)), wanted.map(Arc::from));
    }

    #[test]
    fn a_name_beside_fits_and_is_its_own() {
        let long = "ü".repeat(64);
        let names = [beside("shop", "a"), beside("shop", "b"), beside(&long, "a")];
        assert!(names.iter().all(|name| name.chars().count() <= LONGEST_NAME), "{names:?}");
        assert!(names[0].starts_with("shop_midwatch_new_") && names[0] != names[1], "{names:?}");
    }
}
