//! PostgreSQL: each database in the custom format, uncompressed, and the roles beside.

use std::sync::Arc;

use super::{
    program::Ran,
    recipe::{Act, Database, Into, Recipe, Source, Survey, Which, hash},
};
use crate::domain::Item;

const NAME: &str = include_str!("postgres/name.sh");
const DROP: &str = include_str!("postgres/drop.sh");
const SWAP: &str = include_str!("postgres/swap.sh");
const GLOBALS: &str = "globals.sql";
/// Of a database, in bytes.
const LONGEST_NAME: usize = 63;

pub struct Postgres;

impl Recipe for Postgres {
    fn frame(&self) -> &'static str {
        include_str!("postgres/as.sh")
    }

    fn survey(&self, _: &Item) -> Act {
        Act::new("asks for its databases", include_str!("postgres/survey.sh"), &[])
    }

    fn surveyed(&self, ran: &Ran) -> Survey {
        let version = ran.reported("version").next().and_then(|number| number.parse().ok()).map(version);
        Survey { version, ..Survey::of_databases(ran) }
    }

    fn sources(&self, _: &Item, survey: &Survey) -> Vec<Source> {
        let globals =
            Source { file: GLOBALS.into(), act: Act::new("dumps the roles", include_str!("postgres/globals.sh"), &[]) };
        let database = |(name, _): &(Arc<str>, Option<u64>)| Source {
            file: format!("{name}.dump").into(),
            act: Act::new(&format!("dumps {name}"), include_str!("postgres/dump.sh"), &[name]),
        };
        std::iter::once(globals).chain(survey.parts.iter().map(database)).collect()
    }

    fn bring(&self, into: &Into) -> Vec<Act> {
        let globals = into.files.iter().find(|file| &*file.name == GLOBALS).map(|file| {
            let body = include_str!("postgres/roles.sh");
            Act::new("makes the roles that are not there", body, &[&file.bytes.to_string()]).reading(&file.name)
        });
        let database = |Database { from, name, file }: Database<'_>| {
            let arguments: [&str; 3] = [&beside(name, "new", &into.mark), from, &file.bytes.to_string()];
            Act::new(&format!("restores {from}"), include_str!("postgres/restore.sh"), &arguments).reading(&file.name)
        };
        globals.into_iter().chain(into.databases().map(database)).collect()
    }

    fn count(&self, into: &Into, which: Which) -> Vec<Source> {
        let count = |Database { name, file, .. }: Database<'_>| {
            let of = match which {
                Which::Brought => beside(name, "new", &into.mark),
                Which::Live => name.to_owned(),
            };
            let act = Act::new(&format!("counts {name}"), include_str!("postgres/count.sh"), &[&of]);
            Source { file: file.name.clone(), act }
        };
        into.databases().map(count).collect()
    }

    fn swap(&self, into: &Into) -> Vec<Act> {
        let swap = |Database { name, .. }: Database<'_>| {
            let [new, old] = ["new", "old"].map(|which| beside(name, which, &into.mark));
            match into.is_renamed() {
                true => Act::new(&format!("names it {name}"), NAME, &[name, &new, "named", &into.mark]),
                false => Act::new(&format!("puts {name} in its place"), SWAP, &[name, &new, &old, &into.mark]),
            }
        };
        into.databases().map(swap).collect()
    }

    fn take_back(&self, into: &Into) -> Vec<Act> {
        let back = |Database { name, .. }: Database<'_>| {
            let [new, old] = ["new", "old"].map(|which| beside(name, which, &into.mark));
            let says = format!("lets go what was restored of {name}");
            let gone = Act::new(&says, NAME, &[name, &new, "unnamed", &into.mark]);
            let old = Act::new(&format!("puts the old {name} back"), SWAP, &[name, &old, &new]);
            let old = (!into.is_renamed()).then_some(old);
            let beside = Act::new(&says, DROP, &[&new]);
            std::iter::once(gone).chain(old).chain([beside])
        };
        into.databases().flat_map(back).collect()
    }

    fn settle(&self, into: &Into) -> Vec<Act> {
        let settle = |Database { name, .. }: Database<'_>| {
            let [new, old] = ["new", "old"].map(|which| beside(name, which, &into.mark));
            let says = format!("leaves {name} as it is");
            let stays = Act::new(&says, NAME, &[name, &new, "settled", &into.mark]);
            let old = Act::new(&format!("lets the old {name} go"), DROP, &[&old]);
            std::iter::once(stays).chain((!into.is_renamed()).then_some(old))
        };
        into.databases().flat_map(settle).collect()
    }
}

/// A database beside `name`, of one restore. A name has 63 bytes at most, so the first of `name` have to do; two that begin alike are told
/// apart by a hash of the whole.
fn beside(name: &str, which: &str, mark: &str) -> String {
    let tail = format!("_midwatch_{which}_{:016x}", hash(name, mark));
    let room = LONGEST_NAME - tail.len();
    let end = (0..=room.min(name.len())).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
    format!("{}{tail}", &name[..end])
}

/// `150018` is 15.18, `90624` is 9.6.24.
fn version(number: u32) -> Arc<str> {
    match number {
        100_000.. => format!("{}.{}", number / 10_000, number % 10_000),
        _ => format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Method, ServiceId};

    #[test]
    fn a_survey_tells_the_version_and_each_database() {
        let reports = ["version 150018", "database 21306727 shop", "database 8 odd name"];
        let ran = Ran { reports: reports.map(Arc::from).to_vec(), ..Ran::default() };
        let survey = Postgres.surveyed(&ran);
        assert_eq!(survey.version.as_deref(), Some("15.18"));
        assert_eq!(survey.parts, [("shop".into(), Some(21_306_727)), ("odd name".into(), Some(8))]);
        let service = ServiceId::new(&"prod".into(), &"shop".into(), "db");
        let item = Item { service, method: Method::Postgres, path: None };
        let files: Vec<_> =
            Postgres.sources(&item, &survey).into_iter().map(|source| source.file.to_string()).collect();
        assert_eq!(files, ["globals.sql", "shop.dump", "odd name.dump"]);
        assert_eq!(&*version(90_624), "9.6.24");
    }

    #[test]
    fn a_name_beside_fits_and_is_its_own() {
        let long = "ü".repeat(31);
        let names = [
            beside("shop", "new", "a"),
            beside("shop", "old", "a"),
            beside("shop", "new", "b"),
            beside(&long, "new", "a"),
        ];
        assert!(names.iter().all(|name| name.len() <= LONGEST_NAME), "{names:?}");
        assert!(names[0].starts_with("shop_midwatch_new_"), "{names:?}");
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{names:?}");
    }
}
