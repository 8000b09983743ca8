//! SQLite: one file, copied by the online backup and written over the live one in one transaction, so that whoever has it open sees the old or
//! the new. A live file in which nobody can read is replaced instead: whoever has it open has to open it anew.

use std::sync::Arc;

use super::{
    program::Ran,
    recipe::{Act, Into, Recipe, Source, Survey, Which},
};
use crate::domain::{Counts, Item};

pub struct Sqlite;

impl Recipe for Sqlite {
    fn frame(&self) -> &'static str {
        include_str!("sqlite/as.sh")
    }

    fn survey(&self, item: &Item) -> Act {
        Act::new("asks for its size", include_str!("sqlite/survey.sh"), &[path(item)])
    }

    fn surveyed(&self, ran: &Ran) -> Survey {
        Survey::of_one("database", ran)
    }

    fn sources(&self, item: &Item, _: &Survey) -> Vec<Source> {
        let says = format!("dumps {}", path(item));
        vec![Source { file: name(item), act: Act::new(&says, include_str!("sqlite/dump.sh"), &[path(item)]) }]
    }

    fn counts(&self, _: &str, ran: &Ran, counts: &mut Counts) {
        counts.extend(ran.counted().map(|(table, rows)| (table.into(), (rows, rows))));
    }

    fn bring(&self, into: &Into) -> Vec<Act> {
        restores("looks at what was dumped of", "look", into).map(|act| act.counting("")).collect()
    }

    fn count(&self, into: &Into, which: Which) -> Vec<Source> {
        match which {
            Which::Brought => Vec::new(),
            Which::Live => {
                let says = format!("counts {}", path(&into.item));
                let act = Act::new(&says, include_str!("sqlite/count.sh"), &[path(&into.item)]);
                vec![Source { file: name(&into.item), act }]
            }
        }
    }

    fn swap(&self, into: &Into) -> Vec<Act> {
        restores("restores", "go", into).collect()
    }

    fn take_back(&self, into: &Into) -> Vec<Act> {
        vec![Act::new("lets go what is beside", include_str!("sqlite/tidy.sh"), &[path(&into.item)])]
    }

    fn settle(&self, _: &Into) -> Vec<Act> {
        Vec::new()
    }
}

fn restores(says: &str, how: &'static str, into: &Into) -> impl Iterator<Item = Act> {
    let path = path(&into.item);
    let says = format!("{says} {path}");
    into.files.iter().map(move |file| {
        Act::new(&says, include_str!("sqlite/restore.sh"), &[path, &file.bytes.to_string(), how]).reading(&file.name)
    })
}

/// An item without one has a file that is nowhere.
fn path(item: &Item) -> &str {
    item.path.as_deref().unwrap_or_default()
}

/// Under which it is found in the repository.
fn name(item: &Item) -> Arc<str> {
    path(item).rsplit('/').next().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Method, ServiceId, StoredFile};

    #[test]
    fn a_file_is_kept_under_its_name_and_only_a_swap_writes_it() {
        let service = ServiceId::new(&"prod".into(), &"shop".into(), "web");
        let item = Item { service, method: Method::Sqlite, path: Some("/srv/data/app.db".into()) };
        let sources = Sqlite.sources(&item, &Survey::default());
        assert_eq!(&*sources[0].file, "app.db");
        let files = vec![StoredFile { name: "app.db".into(), bytes: 4096 }];
        let into = Into { item, files, database: None, mark: "op-1".into() };
        let arguments = |acts: Vec<Act>| acts.into_iter().map(|act| act.arguments.join(" ")).collect::<Vec<_>>();
        assert_eq!(arguments(Sqlite.bring(&into)), ["/srv/data/app.db 4096 look"]);
        assert_eq!(arguments(Sqlite.swap(&into)), ["/srv/data/app.db 4096 go"]);
    }
}
