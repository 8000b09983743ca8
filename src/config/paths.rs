//! Where the console's files are. None of them is needed: without a home, or with one that cannot be written, the console goes on.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use directories::{BaseDirs, ProjectDirs};

use crate::domain::Trouble;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    pub config_file: ConfigFile,
    /// Each `NAME.toml` in it is a theme.
    pub themes: Option<PathBuf>,
    /// Each `NAME.toml` in it is a keymap.
    pub keymaps: Option<PathBuf>,
    /// What must outlive the process, and belongs to this machine: the journal, the own log.
    pub state: Option<PathBuf>,
    pub home: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConfigFile {
    /// There is no home to look in.
    #[default]
    Nowhere,
    /// Read if it is there.
    Usual(PathBuf),
    /// By `--config` or `MIDWATCH_CONFIG`: it has to be there.
    Named(PathBuf),
}

impl ConfigFile {
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Nowhere => None,
            Self::Usual(path) | Self::Named(path) => Some(path),
        }
    }
}

impl Paths {
    /// By the customs of the system (`~/.config/midwatch`, `~/.local/state/midwatch`). `config` is what the person named, if anything.
    pub fn find(config: Option<PathBuf>) -> Self {
        let home = BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
        let Some(dirs) = ProjectDirs::from("", "", "midwatch") else {
            return Self { config_file: config.map(ConfigFile::Named).unwrap_or_default(), home, ..Self::default() };
        };
        // Only Linux has a custom for state.
        let state = dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned();
        let found = Self { home, ..Self::inside(dirs.config_dir(), &state) };
        match config {
            Some(named) => Self { config_file: ConfigFile::Named(named), ..found },
            None => found,
        }
    }

    /// In two directories, without a look at the environment.
    pub fn inside(config: &Path, state: &Path) -> Self {
        Self {
            config_file: ConfigFile::Usual(config.join("config.toml")),
            themes: Some(config.join("themes")),
            keymaps: Some(config.join("keymaps")),
            state: Some(state.to_owned()),
            home: None,
        }
    }

    pub fn journal(&self) -> Option<PathBuf> {
        self.state.as_ref().map(|state| state.join("journal"))
    }

    /// Copies of what is small in repositories that are far away.
    pub fn repositories(&self) -> Option<PathBuf> {
        self.state.as_ref().map(|state| state.join("repositories"))
    }

    pub fn own_log(&self) -> Option<PathBuf> {
        self.state.as_ref().map(|state| state.join("log"))
    }

    /// A file that the config names: `~/` is the home, and a relative path begins at the config file.
    pub fn named(&self, path: &str) -> PathBuf {
        if let (Some(rest), Some(home)) = (path.strip_prefix("~/"), &self.home) {
            return home.join(rest);
        }
        match self.config_file.path().and_then(Path::parent) {
            Some(parent) => parent.join(path),
            None => path.into(),
        }
    }
}

/// Makes a directory, and those above it, that only its owner can look into. One that is there already is left as it is.
pub fn create_private_directory(path: &Path) -> Result<(), Trouble> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Trouble::new(format!("could not make the directory {}", path.display()), error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_directory_is_its_owners_alone() {
        let root = tempfile::tempdir().unwrap();
        let made = root.path().join("state/midwatch/journal");
        create_private_directory(&made).unwrap();
        create_private_directory(&made).expect("a second time changes nothing");
        for directory in [&made, made.parent().unwrap()] {
            assert_eq!(directory.metadata().unwrap().permissions().mode() & 0o777, 0o700, "{}", directory.display());
        }
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_a_trouble_that_names_it() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("taken"), "a file").unwrap();
        let trouble = create_private_directory(&root.path().join("taken/journal")).unwrap_err();
        assert!(trouble.what.contains("taken/journal"), "{trouble}");
    }

    #[test]
    fn a_named_file_begins_at_home_or_at_the_config_file() {
        let paths =
            Paths { home: Some("/home/ops".into()), ..Paths::inside(Path::new("/etc/midwatch"), Path::new("/s")) };
        assert_eq!(paths.named("~/.docker/ca.pem"), Path::new("/home/ops/.docker/ca.pem"));
        assert_eq!(paths.named("tls/ca.pem"), Path::new("/etc/midwatch/tls/ca.pem"));
        assert_eq!(paths.named("/tls/ca.pem"), Path::new("/tls/ca.pem"));
    }
}
