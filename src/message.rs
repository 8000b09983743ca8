//! The words that the two wings share: what is wanted of the outside, and what the outside says. Plain values, no behaviour.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    domain::{
        Capabilities, Change, ClusterBackups, ClusterName, InstanceId, Link, Listing, Means, NewRestore, Operation,
        OperationId, Outline, PersonWord, Release, RestorePreview, Sample, Scope, ServiceId, Trouble, VeleroFile,
        VeleroName, VeleroText,
    },
    plan::Plan,
    store::log::{Chunk, Gap},
};

/// Something that happened outside.
#[derive(Debug)]
pub enum Event {
    Link {
        cluster: ClusterName,
        link: Link,
    },
    /// Comes with every new connection, before its first picture.
    Capabilities {
        cluster: ClusterName,
        capabilities: Capabilities,
    },
    Latency {
        cluster: ClusterName,
        round_trip: Duration,
    },
    Changed {
        cluster: ClusterName,
        change: Change,
    },
    Log(Arc<Chunk>),
    LogGap(Gap),
    Tail {
        instance: InstanceId,
        state: TailState,
    },
    Sample {
        instance: InstanceId,
        sample: Sample,
    },
    Forward {
        local: u16,
        state: ForwardState,
    },
    Answer {
        question: Question,
        answer: Result<Answer, Trouble>,
    },
    /// What the repository of backups holds, or why nobody can say.
    Backups(Result<Box<Listing>, Trouble>),
    Operation(Box<Operation>),
    /// Until then changes may be begun, where that has to be armed.
    Armed {
        until: Timestamp,
    },
    /// Something that a person should read and that belongs to no row.
    Notice(Notice),
}

/// Do this once.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Carry out a plan that a person confirmed.
    Begin(Box<Plan>),
    /// Ask a running operation to stop after its step and to take back what it did.
    StopAndUndo(OperationId),
    /// What a person says to one that runs or waits.
    Tell(OperationId, PersonWord),
    /// What to do with an operation whose process ended in the middle of it.
    Resume(OperationId),
    Undo(OperationId),
    Leave(OperationId),
    /// Changes may be begun for a limited time from now on.
    Arm,
    /// Do not wait for the next try.
    Reconnect(ClusterName),
    /// To the clipboard of the person's terminal.
    Copy(String),
    Save {
        path: PathBuf,
        text: String,
    },
    /// Hand the terminal over to a shell in an instance until it ends.
    Shell(InstanceId),
    Suspend,
    Redraw,
    NextTheme,
    Quit,
}

/// Keep telling me: compared by the runtime with what runs, and the difference is started or stopped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subscriptions {
    pub clusters: BTreeSet<ClusterName>,
    pub logs: BTreeMap<InstanceId, Tail>,
    pub samples: BTreeSet<InstanceId>,
    pub answers: BTreeMap<Question, Refresh>,
    /// What the repository of backups holds.
    pub backups: Option<Reading>,
    /// By the port of this machine that is listened on.
    pub forwards: BTreeMap<u16, Forward>,
}

/// How often the repository is read. A change of any field reads it at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub every: Duration,
    /// Counts what may have changed it since.
    pub epoch: u32,
}

/// Whoever connects to a port of this machine talks to a service. Each connection goes to an instance that is ready then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    pub service: ServiceId,
    /// In the instances.
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ForwardState {
    /// `through`: the instance that the last connection went to. Connections and bytes are counted from when the port was opened.
    Listening { connections: u32, through: Option<Arc<str>>, received: u64, sent: u64 },
    /// The last connection came to nothing; the next is tried all the same.
    Troubled(Trouble),
    /// The port of this machine cannot be had.
    Refused(Trouble),
}

/// Where a tail begins. A change of any field begins it anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Tail {
    pub since: Since,
    /// Given back in every chunk, so that what an older tail still had on its way can be told apart.
    pub epoch: u32,
    /// What the screen calls the source.
    pub name: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Since {
    /// This many lines before now.
    Lines(u32),
    Time(Timestamp),
    Beginning,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TailState {
    Live,
    /// The instance ended, and its log was read to the end.
    Ended,
    /// It will be tried again; nothing is lost, the rest is read from the last line on.
    Interrupted(Trouble),
    /// It cannot be read, and trying again will not help (an engine's log driver that cannot be read back).
    Refused(Trouble),
}

/// What an engine is asked for only when a screen shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    Releases(ServiceId),
    /// All that the engine knows of it, as YAML, secrets masked.
    Configuration(InstanceId),
    Processes(InstanceId),
    /// What a release, by its id, is made of.
    Outline(ServiceId, Arc<str>),
    /// What the person may do in a scope.
    Rights(ClusterName, Scope),
    /// With what a service can be rolled out and back.
    Means(ServiceId),
    /// What keeps backups in a cluster, beside us.
    ClusterBackups(ClusterName),
    /// What Velero wrote down of a backup or a restore.
    VeleroText(ClusterName, VeleroName, VeleroFile),
    /// What a restore by Velero would do to what is there now.
    Preview(ClusterName, Box<NewRestore>),
}

impl Question {
    pub fn cluster(&self) -> &ClusterName {
        match self {
            Self::Releases(service) | Self::Outline(service, _) | Self::Means(service) => &service.cluster,
            Self::Rights(cluster, _)
            | Self::ClusterBackups(cluster)
            | Self::VeleroText(cluster, ..)
            | Self::Preview(cluster, _) => cluster,
            Self::Configuration(instance) | Self::Processes(instance) => &instance.cluster,
        }
    }
}

/// When an answer is old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// When this fingerprint of what was asked about is another one.
    WhenChanged(u64),
    Every(Duration),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Newest first.
    Releases(Vec<Release>),
    Configuration(Arc<str>),
    Processes(Processes),
    Outline(Arc<Outline>),
    Rights(Capabilities),
    Means(Box<Means>),
    ClusterBackups(Box<ClusterBackups>),
    VeleroText(VeleroText),
    Preview(Box<RestorePreview>),
}

/// What runs in an instance, in the engine's columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Processes {
    pub titles: Vec<Arc<str>>,
    pub rows: Vec<Vec<Arc<str>>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub at: Timestamp,
    pub weight: Weight,
    pub text: Arc<str>,
    pub help: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    Info,
    Warning,
    Error,
}

impl Notice {
    pub fn info(at: Timestamp, text: impl Into<Arc<str>>) -> Self {
        Self { at, weight: Weight::Info, text: text.into(), help: None }
    }

    pub fn error(at: Timestamp, trouble: &Trouble) -> Self {
        Self { at, weight: Weight::Error, text: trouble.line().into(), help: trouble.help.clone() }
    }
}
