//! What the server says of its objects, as small rows: only what a screen shows, decoded straight from the answer's bytes, with what is
//! alike in many kept once. Missing and null are the same everywhere.

pub mod condition;
pub mod event;
pub mod hpa;
pub mod intern;
pub mod labels;
pub mod namespace;
pub mod node;
pub mod pdb;
pub mod pod;
pub mod service;
pub mod template;
pub mod text;
pub mod workload;

mod daemon_set;
mod deployment;
mod job;
mod meta;
mod rollout;
mod stateful_set;

use std::{fmt, sync::Arc};

use serde::Deserialize;

use self::{
    daemon_set::RawDaemonSet,
    deployment::RawDeployment,
    event::RawEvent,
    hpa::RawScaler,
    job::{RawCronJob, RawJob},
    meta::RawMeta,
    namespace::RawNamespace,
    node::RawNode,
    pdb::RawGuard,
    pod::RawPod,
    rollout::RawRollout,
    service::RawService,
    stateful_set::RawStatefulSet,
    text::{Text, nullable},
};
pub use self::{
    event::Event, hpa::Scaler, intern::Interner, namespace::Namespace, node::Machine, pdb::Guard, pod::Pod,
    service::Entrance, workload::Workload,
};
use super::{
    fault::{Fault, Status},
    scratch,
};

/// Every kind of object that is listed and watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Namespace,
    Node,
    Deployment,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
    Rollout,
    Pod,
    Service,
    Scaler,
    Guard,
    Event,
}

#[derive(Clone, Debug)]
pub enum Row {
    Namespace(Namespace),
    Node(Box<Machine>),
    Workload(Box<Workload>),
    Pod(Pod),
    Service(Entrance),
    Scaler(Scaler),
    Guard(Guard),
    Event(Box<Event>),
}

/// Where an object is; of those that are in no namespace, that is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// One page of a list.
#[derive(Debug, Default)]
pub struct Page {
    pub rows: Vec<Row>,
    /// As of when: where a watch goes on from.
    pub version: String,
    /// Asks for the next page; empty at the end.
    pub next: String,
}

/// One line of a watch.
#[derive(Debug)]
pub struct Notice {
    /// Where the watch goes on from after it; empty where it does not tell.
    pub version: String,
    pub what: What,
}

#[derive(Debug)]
pub enum What {
    Put(Row),
    Gone(Key),
    /// Nothing but the version, or nothing to show.
    Bookmark,
    Failed(Fault),
}

/// An object as the server writes it.
trait Raw<'a>: Default + Deserialize<'a> {
    type Row;

    fn meta(&self) -> &RawMeta<'a>;

    /// It is a scratch instance, or tells of one.
    fn is_hidden(&self) -> bool {
        self.meta().labels.get(scratch::LABEL).is_some()
    }

    fn row(self, interner: &mut Interner) -> Self::Row;
}

impl Kind {
    pub fn page(self, bytes: &[u8], interner: &mut Interner) -> Result<Page, Fault> {
        match self {
            Self::Namespace => page::<RawNamespace>(bytes, interner, Row::Namespace),
            Self::Node => page::<RawNode>(bytes, interner, |row| Row::Node(Box::new(row))),
            Self::Deployment => page::<RawDeployment>(bytes, interner, workload),
            Self::StatefulSet => page::<RawStatefulSet>(bytes, interner, workload),
            Self::DaemonSet => page::<RawDaemonSet>(bytes, interner, workload),
            Self::Job => page::<RawJob>(bytes, interner, workload),
            Self::CronJob => page::<RawCronJob>(bytes, interner, workload),
            Self::Rollout => page::<RawRollout>(bytes, interner, workload),
            Self::Pod => page::<RawPod>(bytes, interner, Row::Pod),
            Self::Service => page::<RawService>(bytes, interner, Row::Service),
            Self::Scaler => page::<RawScaler>(bytes, interner, Row::Scaler),
            Self::Guard => page::<RawGuard>(bytes, interner, Row::Guard),
            Self::Event => page::<RawEvent>(bytes, interner, |row| Row::Event(Box::new(row))),
        }
    }

    /// One line of a watch.
    pub fn notice(self, line: &[u8], interner: &mut Interner) -> Result<Notice, Fault> {
        match self {
            Self::Namespace => notice::<RawNamespace>(line, interner, Row::Namespace),
            Self::Node => notice::<RawNode>(line, interner, |row| Row::Node(Box::new(row))),
            Self::Deployment => notice::<RawDeployment>(line, interner, workload),
            Self::StatefulSet => notice::<RawStatefulSet>(line, interner, workload),
            Self::DaemonSet => notice::<RawDaemonSet>(line, interner, workload),
            Self::Job => notice::<RawJob>(line, interner, workload),
            Self::CronJob => notice::<RawCronJob>(line, interner, workload),
            Self::Rollout => notice::<RawRollout>(line, interner, workload),
            Self::Pod => notice::<RawPod>(line, interner, Row::Pod),
            Self::Service => notice::<RawService>(line, interner, Row::Service),
            Self::Scaler => notice::<RawScaler>(line, interner, Row::Scaler),
            Self::Guard => notice::<RawGuard>(line, interner, Row::Guard),
            Self::Event => notice::<RawEvent>(line, interner, |row| Row::Event(Box::new(row))),
        }
    }
}

fn workload(row: Workload) -> Row {
    Row::Workload(Box::new(row))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct List<'a, T> {
    #[serde(borrow, deserialize_with = "nullable")]
    metadata: ListMeta<'a>,
    #[serde(bound(deserialize = "T: Deserialize<'de>"))]
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ListMeta<'a> {
    #[serde(borrow)]
    resource_version: Text<'a>,
    #[serde(borrow, rename = "continue")]
    next: Text<'a>,
}

fn page<'a, T: Raw<'a>>(bytes: &'a [u8], interner: &mut Interner, row: fn(T::Row) -> Row) -> Result<Page, Fault> {
    let list: List<'a, T> = decode(bytes)?;
    let items = list.items.into_iter().flatten().filter(|raw| !raw.meta().name.is_empty() && !raw.is_hidden());
    Ok(Page {
        rows: items.map(|raw| row(raw.row(interner))).collect(),
        version: list.metadata.resource_version.to_string(),
        next: list.metadata.next.to_string(),
    })
}

/// What stands around an object in a watch, read first: a bookmark has nothing but its version, and an error is no object.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    object: Bare<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Bare<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    metadata: RawMeta<'a>,
    code: Option<u16>,
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wrapped<T> {
    object: T,
}

fn notice<'a, T: Raw<'a>>(line: &'a [u8], interner: &mut Interner, row: fn(T::Row) -> Row) -> Result<Notice, Fault> {
    let Envelope { kind, object } = decode(line)?;
    let what = match &*kind {
        "ADDED" | "MODIFIED" if !object.metadata.name.is_empty() => {
            let Wrapped { object }: Wrapped<T> = decode(line)?;
            if object.is_hidden() { What::Bookmark } else { What::Put(row(object.row(interner))) }
        }
        "DELETED" => What::Gone(object.metadata.key(interner)),
        "ERROR" => {
            let (reason, message) = (object.reason.to_string(), object.message.to_string());
            let code = object.code.unwrap_or(500);
            What::Failed(Fault::status(code, &Status { code, reason, message }))
        }
        _ => What::Bookmark,
    };
    Ok(Notice { version: object.metadata.resource_version.to_string(), what })
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::Garbled(error.to_string().into()))
}

#[cfg(test)]
mod tests;
