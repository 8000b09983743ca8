//! Files: a directory or a single file, as tar.

use std::sync::Arc;

use self::archive::Archive;
use super::{
    program::Ran,
    recipe::{Act, Into, Recipe, Source, Survey, Tally, Which, hash},
};
use crate::domain::{Counts, Item, StoredFile};

mod archive;

/// Of the file in a snapshot: only GNU tar reads all of it.
const PAX: &str = "pax";
/// Any tar reads it.
const TAR: &str = "tar";

pub struct Files;

impl Recipe for Files {
    fn frame(&self) -> &'static str {
        include_str!("files/as.sh")
    }

    fn survey(&self, item: &Item) -> Act {
        let says = format!("looks at {}", path(item));
        Act::new(&says, include_str!("files/survey.sh"), &[path(item), "", ""])
    }

    fn surveyed(&self, ran: &Ran) -> Survey {
        let kind = |kind: &'static str| {
            let kib = ran.reported(kind).next()?;
            Some((kind.into(), kib.parse().ok().map(|kib: u64| kib * 1024)))
        };
        Survey {
            version: ran.reported("version").next().map(Arc::from),
            parts: ["directory", "file"].into_iter().filter_map(kind).collect(),
            room: None,
        }
    }

    fn sources(&self, item: &Item, survey: &Survey) -> Vec<Source> {
        let is_gnu = survey.version.as_ref().is_some_and(|version| version.starts_with("GNU "));
        let (format, loss) = if is_gnu {
            (PAX, "")
        } else {
            (TAR, ", without holes, extended attributes and the times of directories, which its tar does not keep")
        };
        // Why there is nothing to read, reading it says.
        let kind = survey.parts.first().map_or("directory", |(kind, _)| kind);
        let source = Source {
            file: format!("{kind}.{format}").into(),
            act: Act::new(
                &format!("reads {}{loss}", path(item)),
                include_str!("files/dump.sh"),
                &[path(item), "", kind],
            ),
        };
        vec![source]
    }

    /// There is one thing only, whose name is known.
    fn counts(&self, _: &str, ran: &Ran, counts: &mut Counts) {
        for report in ran.reported("count") {
            let Some((count, name)) = report.split_once(' ') else { continue };
            let Ok(count) = count.parse() else { continue };
            counts.insert(name.into(), (count, count));
        }
    }

    fn tally(&self, _: &str) -> Option<Box<dyn Tally>> {
        Some(Box::new(Archive::default()))
    }

    fn bring(&self, into: &Into) -> Vec<Act> {
        let bring = |file: &StoredFile| {
            let format = file.name.rsplit_once('.').map_or(TAR, |(_, format)| format);
            let says = format!("unpacks beside {}", path(&into.item));
            act(into, &says, include_str!("files/bring.sh"), &[&file.bytes.to_string(), format]).reading(&file.name)
        };
        into.files.iter().map(bring).collect()
    }

    fn count(&self, into: &Into, which: Which) -> Vec<Source> {
        let which = match which {
            Which::Brought => "brought",
            Which::Live => "live",
        };
        let count = |file: &StoredFile| Source {
            file: file.name.clone(),
            act: act(into, &format!("counts {}", path(&into.item)), include_str!("files/count.sh"), &[which]),
        };
        into.files.iter().map(count).collect()
    }

    fn swap(&self, into: &Into) -> Vec<Act> {
        let says = format!("puts {} in its place", path(&into.item));
        vec![act(into, &says, include_str!("files/swap.sh"), &[])]
    }

    fn take_back(&self, into: &Into) -> Vec<Act> {
        let says = format!("puts the old {} back", path(&into.item));
        vec![act(into, &says, include_str!("files/take_back.sh"), &[])]
    }

    fn settle(&self, into: &Into) -> Vec<Act> {
        let says = format!("lets the old {} go", path(&into.item));
        vec![act(into, &says, include_str!("files/settle.sh"), &[])]
    }
}

fn path(item: &Item) -> &str {
    item.path.as_deref().unwrap_or_default()
}

/// With what the frame wants to know of a restore.
fn act(into: &Into, says: &str, body: &'static str, more: &[&str]) -> Act {
    let hash = format!("{:016x}", hash(path(&into.item), &into.mark));
    let kind = into.files.first().and_then(|file| file.name.rsplit_once('.')).map_or("directory", |(kind, _)| kind);
    Act::new(says, body, &[&[path(&into.item), &hash, kind], more].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Method, ServiceId};

    fn item() -> Item {
        let service = ServiceId::new(&"prod".into(), &"shop".into(), "web");
        Item { service, method: Method::Files, path: Some("/data".into()) }
    }

    #[test]
    fn a_survey_tells_what_it_is_and_which_tar_will_read_it() {
        let sources = |reports: [&str; 2]| {
            let ran = Ran { reports: reports.map(Arc::from).to_vec(), ..Ran::default() };
            let survey = Files.surveyed(&ran);
            let source = Files.sources(&item(), &survey).remove(0);
            (source.file.to_string(), source.act.says.contains("does not keep"), survey.parts)
        };
        assert_eq!(
            sources(["version GNU tar 1.34", "directory 60"]),
            ("directory.pax".into(), false, vec![("directory".into(), Some(60 * 1024))])
        );
        assert_eq!(
            sources(["version BusyBox 1.36.1", "file "]),
            ("file.tar".into(), true, vec![("file".into(), None)])
        );
        assert_eq!(
            sources(["version GNU tar 1.34", "room 1"]),
            ("directory.pax".into(), false, vec![]),
            "it is not there"
        );
    }

    #[test]
    fn a_restore_knows_what_was_backed_up_and_has_names_of_its_own() {
        let into = |mark: &str| Into {
            item: item(),
            files: vec![StoredFile { name: "file.pax".into(), bytes: 10_240 }],
            database: None,
            mark: mark.into(),
        };
        let arguments = |mark: &str| Files.bring(&into(mark)).remove(0).arguments;
        assert_eq!(arguments("a")[2..], ["file", "10240", "pax"]);
        assert_ne!(arguments("a")[1], arguments("b")[1]);
        assert_eq!(arguments("a")[..3], Files.swap(&into("a")).remove(0).arguments[..]);
    }
}
