//! Events, as core/v1 writes them and as `events.k8s.io/v1` does: what happened to which object, how often, and when last.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    super::scratch,
    Interner, Key, Raw, intern,
    meta::RawMeta,
    text::{Text, Time, count, nullable},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event's own.
    pub key: Key,
    pub about: About,
    pub reason: Arc<str>,
    pub message: Arc<str>,
    pub is_warning: bool,
    pub count: u32,
    pub first: Time,
    pub last: Time,
}

/// The object that it happened to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct About {
    pub kind: Arc<str>,
    pub key: Key,
    pub uid: Arc<str>,
    /// The pod's container, where it is one's.
    pub container: Option<Arc<str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RawEvent<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    metadata: RawMeta<'a>,
    #[serde(borrow)]
    involved_object: Option<RawAbout<'a>>,
    #[serde(borrow)]
    regarding: Option<RawAbout<'a>>,
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    #[serde(borrow)]
    note: Text<'a>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    count: Option<i64>,
    deprecated_count: Option<i64>,
    first_timestamp: Time,
    last_timestamp: Time,
    deprecated_first_timestamp: Time,
    deprecated_last_timestamp: Time,
    event_time: Time,
    series: Option<RawSeries>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawAbout<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    namespace: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    uid: Text<'a>,
    #[serde(borrow)]
    field_path: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawSeries {
    count: Option<i64>,
    last_observed_time: Time,
}

impl<'a> Raw<'a> for RawEvent<'a> {
    type Row = Event;

    fn meta(&self) -> &RawMeta<'a> {
        &self.metadata
    }

    fn is_hidden(&self) -> bool {
        let about = self.involved_object.as_ref().or(self.regarding.as_ref());
        about.is_some_and(|about| &*about.kind == "Pod" && about.name.starts_with(scratch::NAMES))
    }

    fn row(self, interner: &mut Interner) -> Event {
        let about = self.involved_object.or(self.regarding).unwrap_or_default();
        let series = self.series.unwrap_or_default();
        let often = self.count.or(self.deprecated_count).or(series.count);
        let first = self.first_timestamp.or(self.deprecated_first_timestamp).or(self.event_time);
        let last = self.last_timestamp.or(self.deprecated_last_timestamp).or(series.last_observed_time);
        Event {
            key: self.metadata.key(interner),
            about: About {
                kind: interner.text(&about.kind),
                key: Key { namespace: interner.text(&about.namespace), name: intern::name(&about.name) },
                uid: intern::name(&about.uid),
                container: container(&about.field_path).map(|name| interner.text(name)),
            },
            reason: interner.text(&self.reason),
            message: intern::message(if self.message.is_empty() { &self.note } else { &self.message }),
            is_warning: &*self.kind == "Warning",
            count: often.map_or(1, |number| count(Some(number)).max(1)),
            first: first.or(self.metadata.creation_timestamp),
            last: last.or(self.event_time).or(self.metadata.creation_timestamp),
        }
    }
}

/// `spec.containers{web}` -> `web`
fn container(path: &str) -> Option<&str> {
    path.split_once('{').and_then(|(_, rest)| rest.strip_suffix('}'))
}
