//! One Kubernetes context or one Docker host, and how it can be reached.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Capabilities, ClusterName, Trouble};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    Docker,
    Kubernetes,
    Simulator,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Docker => "docker",
            Self::Kubernetes => "k8s",
            Self::Simulator => "demo",
        })
    }
}

/// What is known of a cluster apart from what runs on it. Kept when the link is lost: old facts, with their age.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub name: ClusterName,
    pub engine: Engine,
    /// Where it is reached, for a person: `unix:///var/run/docker.sock`. Holds no credentials.
    pub endpoint: Arc<str>,
    pub link: Link,
    pub facts: Option<HostFacts>,
    pub capabilities: Capabilities,
    /// A dangerous action on it asks for the service's name to be typed.
    pub protected: bool,
    pub read_only: bool,
    /// Connected when the console starts; else when somebody first looks at it.
    pub at_start: bool,
    /// Round trip of the last answer; absent until there was one.
    pub latency: Option<Duration>,
}

/// What the engine says of itself and its host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostFacts {
    pub engine_version: Arc<str>,
    pub api_version: Arc<str>,
    pub system: Arc<str>,
    pub cpus: u32,
    /// bytes
    pub memory: u64,
    /// What should be known of the whole cluster ("a swarm manager", "rootless"), short.
    pub remarks: Vec<Arc<str>>,
    /// What may not be looked at, each with its reason: while there is any, an empty list does not mean that there are none.
    pub hidden: Vec<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// Nobody has looked at it yet, so nobody has connected to it.
    Idle,
    Connecting {
        since: Timestamp,
    },
    Live {
        since: Timestamp,
    },
    Lost {
        since: Timestamp,
        kind: LossKind,
        why: Trouble,
        retry_at: Option<Timestamp>,
    },
}

impl Link {
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Live { .. })
    }

    pub fn word(&self) -> &'static str {
        match self {
            Self::Idle => "not connected",
            Self::Connecting { .. } => "connecting",
            Self::Live { .. } => "live",
            Self::Lost { kind, .. } => kind.word(),
        }
    }
}

/// Told apart because a person does different things about them, and the link retries them differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossKind {
    /// Nobody there, or the way is broken. Retried with growing delays.
    Unreachable,
    /// It accepted and then said nothing. Retried with growing delays.
    Hung,
    /// It answered that we may not. Asked again seldom: only a person can change that.
    Denied,
    /// The credentials were good once.
    Expired,
}

impl LossKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Hung => "hung",
            Self::Denied => "denied",
            Self::Expired => "expired",
        }
    }
}
