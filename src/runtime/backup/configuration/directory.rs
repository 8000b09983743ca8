//! Files of a definition in a directory of this machine: new ones only, for their owner alone, since secrets are in them.

use std::{
    fs::{self, DirBuilder},
    io::{ErrorKind, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::{backend::DefinitionFile, domain::Trouble};

/// That nothing is in their place.
pub fn look(directory: &str, files: &[DefinitionFile]) -> Result<(), Trouble> {
    let taken = files.iter().filter_map(|file| place(directory, file)).find(|place| place.symlink_metadata().is_ok());
    match taken {
        None => Ok(()),
        Some(place) => Err(Trouble::new(what(directory), format!("{} is there already", place.display()))
            .help("name another directory with --to: nothing is written over")),
    }
}

/// Done again it goes on.
pub fn write(directory: &str, files: &[DefinitionFile]) -> Result<(), Trouble> {
    let told = |error: std::io::Error| Trouble::new(what(directory), error);
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(told)?;
    for file in files {
        let place = place(directory, file)
            .ok_or_else(|| Trouble::new(what(directory), "the snapshot has a file without a name"))?;
        // Whole, or not there.
        let mut new = NamedTempFile::new_in(directory).map_err(told)?;
        new.write_all(&file.bytes).and_then(|()| new.as_file().sync_all()).map_err(told)?;
        match new.persist_noclobber(&place) {
            Ok(_) => {}
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists && is_same(&place, file) => {}
            Err(error) => return Err(told(error.error)),
        }
    }
    Ok(())
}

/// Those that are still as they were written.
pub fn remove(directory: &str, files: &[DefinitionFile]) -> Result<(), Trouble> {
    let places = files.iter().filter_map(|file| Some((place(directory, file)?, file)));
    for (place, _) in places.filter(|(place, file)| is_same(place, file)) {
        fs::remove_file(place).map_err(|error| Trouble::new(format!("could not clear {directory}"), error))?;
    }
    Ok(())
}

fn what(directory: &str) -> String {
    format!("could not write into {directory}")
}

/// In the directory itself, whatever its name says.
fn place(directory: &str, file: &DefinitionFile) -> Option<PathBuf> {
    Path::new(&*file.name).file_name().map(|name| Path::new(directory).join(name))
}

fn is_same(place: &Path, file: &DefinitionFile) -> bool {
    fs::read(place).is_ok_and(|bytes| bytes == file.bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn new_files_are_written_for_their_owner_alone_and_nothing_is_written_over() {
        let files =
            ["../a.json", "b.json"].map(|name| DefinitionFile { name: name.into(), bytes: name.to_owned().into() });
        let around = tempfile::tempdir().expect("a directory");
        let path = around.path().join("new");
        let directory = path.to_str().expect("text");
        look(directory, &files).expect("nothing is there");
        write(directory, &files).expect("it is written");
        write(directory, &files).expect("done again it is so already");
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join("a.json"))), (0o700, 0o600));
        assert!(look(directory, &files).expect_err("it is there").why.contains("a.json is there already"));
        fs::write(path.join("b.json"), "mine").expect("it is written");
        write(directory, &files).expect_err("it is somebody's");
        remove(directory, &files).expect("it is removed");
        let left: Vec<_> = fs::read_dir(&path).expect("a directory").map(|one| one.expect("one").file_name()).collect();
        assert_eq!(left, ["b.json"]);
        assert_eq!(fs::read(path.join("b.json")).expect("it is there"), b"mine");
    }
}
