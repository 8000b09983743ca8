//! One backup of one thing, as the repository tells it.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ServiceId;

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
    fn methods_are_read_as_they_are_written() {
        for method in Method::ALL {
            assert_eq!(method.name().parse(), Ok(method));
            assert_eq!(serde_json::to_value(method).expect("it is written"), method.name());
        }
    }
}
