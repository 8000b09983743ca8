//! One backup of one thing, as the repository tells it.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ServiceId, Trouble};

/// The repository's own, 64 hexadecimal digits; eight of them tell one from the other for people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnapshotId(Arc<str>);

impl SnapshotId {
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.short())
    }
}

/// How something is backed up, and so how it is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// A dump of each database in the custom format, and what is outside of all of them: roles and tablespaces.
    Postgres,
    /// Also MariaDB.
    Mysql,
    Mongo,
    Redis,
    Sqlite,
    /// Definitions: users, permissions, queues, exchanges, policies; no messages.
    RabbitMq,
    /// A volume or a path, as tar.
    Files,
    /// What the service is made of: Compose's files, or the manifests.
    Configuration,
}

impl Method {
    pub const ALL: [Self; 8] = [
        Self::Postgres,
        Self::Mysql,
        Self::Mongo,
        Self::Redis,
        Self::Sqlite,
        Self::RabbitMq,
        Self::Files,
        Self::Configuration,
    ];

    /// It is one of several of its kind in an instance, told by its path.
    pub fn wants_path(self) -> bool {
        match self {
            Self::Sqlite | Self::Files => true,
            Self::Postgres | Self::Mysql | Self::Mongo | Self::Redis | Self::RabbitMq | Self::Configuration => false,
        }
    }

    /// What was live stands aside while a snapshot takes its place, until that is settled: it comes back as it was in the last moment.
    /// Where it cannot, only a snapshot that was taken before brings it back.
    pub fn keeps_old(self) -> bool {
        match self {
            Self::Postgres | Self::Files => true,
            Self::Mysql | Self::Mongo | Self::Redis | Self::Sqlite | Self::RabbitMq | Self::Configuration => false,
        }
    }

    /// How the file of one database ends, where each has its own: "shop" is in "shop.dump".
    pub fn database_ending(self) -> Option<&'static str> {
        match self {
            Self::Postgres => Some(".dump"),
            Self::Mysql => Some(".sql"),
            Self::Mongo | Self::Redis | Self::Sqlite | Self::RabbitMq | Self::Files | Self::Configuration => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Mongo => "mongo",
            Self::Redis => "redis",
            Self::Sqlite => "sqlite",
            Self::RabbitMq => "rabbitmq",
            Self::Files => "files",
            Self::Configuration => "configuration",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Method {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or(())
    }
}

/// What is backed up by itself: a service may have several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Item {
    pub service: ServiceId,
    pub method: Method,
    /// The path in the instance, for what has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Arc<str>>,
}

impl Item {
    /// "postgres", "files /data"
    pub fn what(&self) -> String {
        match &self.path {
            Some(path) => format!("{} {path}", self.method),
            None => self.method.to_string(),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}/{}", self.what(), self.service.scope, self.service.name)
    }
}

/// How much of what there was: rows by table, keys, queues, files. Where it cannot be counted in the very moment of the backup, it was
/// between these two numbers then.
pub type Counts = BTreeMap<Arc<str>, (u64, u64)>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub id: SnapshotId,
    pub at: Timestamp,
    pub item: Item,
    /// "15.14": of the server, or of the program that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Arc<str>>,
    /// What ran then: the release as people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Arc<str>>,
    pub took: Duration,
    pub files: Vec<StoredFile>,
    /// What was new to the repository, compressed.
    pub added: u64,
    #[serde(default)]
    pub counts: Counts,
    pub standing: Standing,
}

impl Snapshot {
    /// Of what it holds, before it was compressed.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The databases that it holds, where each can be had by itself.
    pub fn databases(&self) -> impl Iterator<Item = &str> {
        let ending = self.item.method.database_ending();
        self.files.iter().filter_map(move |file| file.name.strip_suffix(ending?))
    }

    /// Without its other databases. `Err`: it holds none of this name, so that `what` could not be.
    pub fn only(mut self, database: &str, what: &str) -> Result<Self, Trouble> {
        let all: Vec<Arc<str>> = self.databases().map(Arc::from).collect();
        let Some(ending) = self.item.method.database_ending().filter(|_| all.iter().any(|one| **one == *database))
        else {
            let trouble = Trouble::new(what, format!("{} holds no database {database}", self.id));
            return Err(if all.is_empty() { trouble } else { trouble.help(format!("it holds {}", all.join(", "))) });
        };
        self.files.retain(|file| file.name.strip_suffix(ending).is_none_or(|name| name == database));
        // A count begins with the name of its database, in which there may be spaces, too.
        let is_of = |count: &str, one: &str| count.strip_prefix(one).is_some_and(|rest| rest.starts_with(' '));
        let owner = |count: &str| all.iter().filter(|one| is_of(count, one)).max_by_key(|one| one.len()).cloned();
        self.counts.retain(|count, _| owner(count).as_deref() == Some(database));
        Ok(self)
    }
}

/// A database of a snapshot that is restored by itself, beside what is live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renamed {
    pub from: Arc<str>,
    /// What it is called from then on. Nobody may have the name.
    pub to: Arc<str>,
}

/// One stream of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    pub name: Arc<str>,
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Whole: every stream of it came to its end, and all of it was found in the repository then.
    Whole,
    /// The same, taken before a restore, to go back to.
    Safety,
    /// Whoever wrote it died, or what it was written from broke off.
    Unfinished,
}

impl Standing {
    pub fn word(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Safety => "safety",
            Self::Unfinished => "unfinished",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_database_of_several_is_had_with_its_own_counts() {
        let file = |name: &str| StoredFile { name: name.into(), bytes: 7 };
        let snapshot = Snapshot {
            id: SnapshotId::new("1a2b"),
            at: Timestamp::UNIX_EPOCH,
            item: Item {
                service: ServiceId::new(&"prod".into(), &"shop".into(), "db"),
                method: Method::Postgres,
                path: None,
            },
            version: None,
            release: None,
            took: Duration::ZERO,
            files: ["globals.sql", "odd.dump", "odd name.dump"].map(file).to_vec(),
            added: 0,
            counts: ["odd public.a", "odd name public.a", "odd name.b"].map(|name| (name.into(), (1, 1))).into(),
            standing: Standing::Whole,
        };
        assert_eq!(snapshot.databases().collect::<Vec<_>>(), ["odd", "odd name"]);
        let none = snapshot.clone().only("globals", "it").expect_err("it is no database");
        assert_eq!(none.help.as_deref(), Some("it holds odd, odd name"));
        let names = |name: &str| {
            let only = snapshot.clone().only(name, "it").expect("it is there");
            let files: Vec<_> = only.files.iter().map(|file| file.name.to_string()).collect();
            (files, only.counts.keys().map(ToString::to_string).collect::<Vec<_>>())
        };
        let of = |all: [&str; 2]| all.map(str::to_owned).to_vec();
        assert_eq!(names("odd"), (of(["globals.sql", "odd.dump"]), of(["odd name.b", "odd public.a"])));
        assert_eq!(names("odd name"), (of(["globals.sql", "odd name.dump"]), vec!["odd name public.a".to_owned()]));
    }

    #[test]
    fn methods_are_read_as_they_are_written() {
        for method in Method::ALL {
            assert_eq!(method.name().parse(), Ok(method));
            assert_eq!(serde_json::to_value(method).expect("it is written"), method.name());
        }
    }
}
