//! What a person set: the config file over the embedded defaults, with a complaint for each entry that cannot be used.

pub mod backup;
pub mod cluster;
pub mod colour;
pub mod complaint;
mod endpoint;
pub mod key;
pub mod keymap;
mod keymap_file;
pub mod log_filter;
pub mod paths;
pub mod place;
mod shelf;
mod source;
mod table;
pub mod terminal;
pub mod theme;
mod theme_file;

pub use cluster::{ClusterConfig, Connect, Reach, Tls};
pub use complaint::Complaint;
pub use keymap::Keymap;
pub use paths::Paths;
pub use theme::Theme;

use std::time::Duration;

use self::{log_filter::LogFilter, paths::ConfigFile, source::Source, table::Table};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
/// Shorter than this nobody reads a plan; longer than this nobody remembers.
const LEAST_ARMED: Duration = Duration::from_secs(30);
const MOST_ARMED: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// A name that `Theme::load` knows.
    pub theme: String,
    /// A name that `Keymap::load` knows.
    pub keymap: String,
    pub ascii: bool,
    pub mouse: bool,
    /// `None`: without limit.
    pub max_bytes_per_second: Option<u64>,
    /// Nothing is changed on any cluster.
    pub read_only: bool,
    /// Every cluster is treated as if it were marked as protected.
    pub protected: bool,
    /// A plan is confirmed together with a reason or a ticket.
    pub ask_reason: bool,
    /// Nothing is changed unless a person armed the console, which holds for so long. `None`: it is always armed.
    pub arm: Option<Duration>,
    /// Releases that are kept for going back, where the console itself keeps them.
    pub keep_releases: u32,
    /// Engines are looked for where they usually are, beside those in `clusters`.
    pub discover: bool,
    /// CPU, memory and the like are measured for what is in sight.
    pub metrics: bool,
    pub logs: Logs,
    pub own_log: LogFilter,
    /// `None`: nothing is backed up from here.
    pub backups: Option<backup::Backups>,
    pub clusters: Vec<ClusterConfig>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logs {
    /// The most bytes of log text that are kept.
    pub memory: u64,
    /// How many lines before now a log begins with.
    pub first_lines: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            theme: theme::DEFAULT.to_owned(),
            keymap: keymap::DEFAULT.to_owned(),
            ascii: false,
            mouse: true,
            max_bytes_per_second: Some(64 * KIB),
            read_only: false,
            protected: false,
            ask_reason: false,
            arm: None,
            keep_releases: crate::plan::KEPT,
            discover: true,
            metrics: true,
            logs: Logs { memory: 48 * MIB, first_lines: 1000 },
            own_log: LogFilter::default(),
            backups: None,
            clusters: Vec::new(),
        }
    }
}

/// What the command line or the environment say, which wins over the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    pub theme: Option<String>,
    pub keymap: Option<String>,
    pub ascii: bool,
    pub read_only: bool,
    /// 0: without limit.
    pub max_bytes_per_second: Option<u64>,
    /// `MIDWATCH_LOG`.
    pub own_log: Option<String>,
}

impl Config {
    /// Always a config that can be used. The complaints are for the person to read; none is a reason to stop.
    pub fn load(paths: &Paths, overrides: &Overrides) -> (Self, Vec<Complaint>) {
        let mut config = Self::default();
        let mut complaints = config.read_file(paths);
        config.apply(overrides, paths, &mut complaints);
        (config, complaints)
    }

    fn read_file(&mut self, paths: &Paths) -> Vec<Complaint> {
        let Some(path) = paths.config_file.path() else { return Vec::new() };
        match (Source::open(path), &paths.config_file) {
            (Ok(Some(source)), _) => {
                let (read_only, has_to_be_armed) = (source.says_true("read_only"), source.sets("arm"));
                let (read, complaints) = source.read(|table| self.read(table, paths));
                // A mistake somewhere in the file must not take away what protects.
                self.read_only |= read.is_none() && read_only;
                if read.is_none() && has_to_be_armed {
                    self.arm = Some(LEAST_ARMED);
                }
                complaints
            }
            (Ok(None), ConfigFile::Named(path)) => {
                vec![Complaint::new(path.display().to_string(), "there is no such file").help("the defaults are used")]
            }
            (Ok(None), _) => Vec::new(),
            (Err(complaint), _) => vec![complaint],
        }
    }

    fn read(&mut self, table: &mut Table<'_>, paths: &Paths) {
        table.one_of("theme", "theme", &theme::names(paths), &mut self.theme);
        table.one_of("keymap", "keymap", &keymap::names(paths), &mut self.keymap);
        table.bool("ascii", &mut self.ascii);
        table.bool("mouse", &mut self.mouse);
        let mut pace = self.max_bytes_per_second.unwrap_or(0);
        table.bytes("max_bytes_per_second", 0..=1024 * MIB, &mut pace);
        self.max_bytes_per_second = limit(pace);
        table.bool("ask_reason", &mut self.ask_reason);
        table.careful_duration("arm", LEAST_ARMED..=MOST_ARMED, &mut self.arm);
        let mut kept = u64::from(self.keep_releases);
        table.whole("keep_releases", 1..=100, &mut kept);
        self.keep_releases = u32::try_from(kept).unwrap_or(u32::MAX);
        table.bool("discover", &mut self.discover);
        table.bool("metrics", &mut self.metrics);
        table.parsed("own_log", &mut self.own_log);
        table.section("logs", |logs| {
            logs.bytes("memory", MIB..=4096 * MIB, &mut self.logs.memory);
            let mut lines = u64::from(self.logs.first_lines);
            logs.whole("first_lines", 0..=1_000_000, &mut lines);
            self.logs.first_lines = u32::try_from(lines).unwrap_or(u32::MAX);
        });
        self.backups = backup::read(table, paths);
        self.clusters = cluster::read(table, paths);
        table.careful_bool("read_only", &mut self.read_only);
        table.careful_bool("protected", &mut self.protected);
    }

    fn apply(&mut self, overrides: &Overrides, paths: &Paths, complaints: &mut Vec<Complaint>) {
        if let Some(name) = &overrides.theme {
            match theme::shelf(paths).has(name) {
                true => self.theme.clone_from(name),
                false => complaints.push(theme::shelf(paths).unknown("--theme", name)),
            }
        }
        if let Some(name) = &overrides.keymap {
            match keymap::shelf(paths).has(name) {
                true => self.keymap.clone_from(name),
                false => complaints.push(keymap::shelf(paths).unknown("--keymap", name)),
            }
        }
        match overrides.own_log.as_deref().map(str::parse) {
            Some(Ok(filter)) => self.own_log = filter,
            Some(Err(why)) => complaints.push(Complaint::new("MIDWATCH_LOG", &why)),
            None => {}
        }
        if let Some(pace) = overrides.max_bytes_per_second {
            self.max_bytes_per_second = limit(pace);
        }
        self.ascii |= overrides.ascii;
        self.read_only |= overrides.read_only;
    }
}

fn limit(bytes_per_second: u64) -> Option<u64> {
    (bytes_per_second > 0).then_some(bytes_per_second)
}

/// All that is wrong in the config file, in every theme and in every keymap of the person's own: for `midwatch check`.
pub fn check(paths: &Paths, overrides: &Overrides) -> Vec<Complaint> {
    let (_, mut complaints) = Config::load(paths, overrides);
    for name in theme::shelf(paths).own_names() {
        complaints.extend(Theme::load(&name, paths).1);
    }
    for name in keymap::shelf(paths).own_names() {
        complaints.extend(Keymap::load(&name, paths).1);
    }
    complaints
}
