//! Files of one kind (themes, keymaps): those that are embedded, and the person's own, which win over them.

use std::{fs, path::Path};

use super::{
    complaint::{Complaint, did_you_mean},
    source::Source,
};

#[derive(Clone, Copy, Debug)]
pub struct Shelf<'a> {
    /// "theme", as it is called in complaints.
    pub kind: &'static str,
    /// Names and texts.
    pub embedded: &'static [(&'static str, &'static str)],
    pub directory: Option<&'a Path>,
}

impl Shelf<'_> {
    /// The embedded ones in their order, then the person's own by name.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.embedded.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.extend(self.own_names().into_iter().filter(|name| self.embedded(name).is_none()));
        names
    }

    pub fn own_names(&self) -> Vec<String> {
        let files = self.directory.and_then(|directory| fs::read_dir(directory).ok()).into_iter().flatten().flatten();
        let mut names: Vec<String> = files
            .map(|file| file.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .collect();
        names.sort();
        names
    }

    pub fn embedded(&self, name: &str) -> Option<Source> {
        let (name, text) = self.embedded.iter().find(|(embedded, _)| *embedded == name)?;
        Some(Source::new(format!("{name}.toml (embedded)"), *text))
    }

    pub fn has(&self, name: &str) -> bool {
        self.names().iter().any(|known| known == name)
    }

    /// The person's own file of that name. A name is never a path.
    pub fn own(&self, name: &str) -> Result<Option<Source>, Complaint> {
        match self.directory {
            Some(directory) if !name.contains('/') => Source::open(&directory.join(format!("{name}.toml"))),
            _ => Ok(None),
        }
    }

    pub fn unknown(&self, given_by: &str, name: &str) -> Complaint {
        let names = self.names();
        Complaint::new(given_by, &format!("there is no {} \"{name}\"", self.kind))
            .help(&did_you_mean(name, names.iter().map(String::as_str)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_files_come_after_the_embedded_ones_and_a_name_is_never_a_path() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("themes");
        fs::create_dir(&directory).unwrap();
        for file in ["themes/zebra.toml", "themes/dark.toml", "themes/notes.txt", "outside.toml"] {
            fs::write(root.path().join(file), "").unwrap();
        }
        let shelf = Shelf { kind: "theme", embedded: &[("dark", ""), ("bright", "")], directory: Some(&directory) };
        assert_eq!(shelf.names(), ["dark", "bright", "zebra"]);
        assert!(shelf.own("zebra").unwrap().is_some());
        assert!(shelf.own("../outside").unwrap().is_none());
    }
}
