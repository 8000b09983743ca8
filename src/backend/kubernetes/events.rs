//! What a server's events tell a person. An event is told again when it happens again, and never only because it was listed again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use super::{
    pod,
    row::{Event, Key, event::About},
};
use crate::domain::{ClusterName, ServiceId, inventory::Happening};

/// How far back a new console tells of what happened.
const HISTORY: SignedDuration = SignedDuration::from_mins(15);
/// More than this are looked through for those that are too old to be told again.
const WORTH_SWEEPING: usize = 4096;

/// Which events were told, and how often they had happened then. Kept over a reconnect.
#[derive(Default)]
pub struct Happened {
    told: Mutex<BTreeMap<Key, Last>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Last {
    count: u32,
    at: Timestamp,
}

impl Happened {
    /// Whether that is news.
    pub fn is_new(&self, event: &Event, now: Timestamp) -> bool {
        let Some(at) = event.last.get().filter(|at| now.duration_since(*at) < HISTORY) else { return false };
        let last = Last { count: event.count, at };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= WORTH_SWEEPING {
            told.retain(|_, last| now.duration_since(last.at) < HISTORY);
        }
        told.insert(event.key.clone(), last) != Some(last)
    }
}

pub fn happening(cluster: &ClusterName, event: &Event, service: Option<ServiceId>) -> Happening {
    let About { kind, key, uid, .. } = &event.about;
    let is_pod = &**kind == "Pod";
    let often = if event.count > 1 { format!(" ({} times)", event.count) } else { String::new() };
    let said = if event.message.is_empty() { String::new() } else { format!(": {}", event.message) };
    let subject = if is_pod { key.name.clone() } else { format!("{} {}", kind.to_lowercase(), key.name).into() };
    Happening {
        at: event.last.get().unwrap_or(Timestamp::UNIX_EPOCH),
        service,
        instance: is_pod.then(|| pod::instance(cluster, &key.namespace, &key.name, uid)),
        subject,
        text: Arc::from(format!("{}{said}{often}", event.reason)),
        is_bad: event.is_warning,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::row::{Interner, Kind, Row},
        *,
    };

    const NOW: &str = "2026-11-21T05:30:00Z";

    fn event(kind: &str, minute: u8, count: u32) -> Event {
        let json = format!(
            r#"{{"metadata":{{}},"items":[{{"metadata":{{"name":"web-1.ab","namespace":"shop"}},"type":"Warning",
            "involvedObject":{{"kind":"{kind}","namespace":"shop","name":"web-1","uid":"u1"}},"reason":"BackOff",
            "message":"Back-off restarting failed container","count":{count},"lastTimestamp":"2026-11-21T05:{minute:02}:00Z"}}]}}"#
        );
        let page = Kind::Event.page(json.as_bytes(), &mut Interner::default()).expect("a page");
        match page.rows.into_iter().next() {
            Some(Row::Event(event)) => *event,
            other => panic!("no event: {other:?}"),
        }
    }

    fn now() -> Timestamp {
        NOW.parse().expect("a time")
    }

    #[test]
    fn an_event_is_told_with_what_it_is_about_and_how_often() {
        let told = happening(&"lab".into(), &event("Pod", 29, 3), None);
        assert_eq!(&*told.text, "BackOff: Back-off restarting failed container (3 times)");
        assert_eq!((&*told.subject, told.is_bad), ("web-1", true));
        assert_eq!(told.instance.map(|id| id.key.to_string()).as_deref(), Some("shop/web-1/u1"));
        let told = happening(&"lab".into(), &event("StatefulSet", 29, 1), None);
        assert_eq!((&*told.subject, told.instance), ("statefulset web-1", None));
    }

    #[test]
    fn an_event_is_told_again_when_it_happened_again_and_not_when_it_is_listed_again() {
        let happened = Happened::default();
        let told = [event("Pod", 28, 1), event("Pod", 28, 1), event("Pod", 29, 2), event("Pod", 29, 2)];
        assert_eq!(told.map(|event| happened.is_new(&event, now())), [true, false, true, false]);
    }

    #[test]
    fn what_happened_long_ago_is_no_news() {
        let happened = Happened::default();
        assert!(!happened.is_new(&event("Pod", 14, 1), now()));
        assert!(happened.is_new(&event("Pod", 16, 1), now()));
    }
}
