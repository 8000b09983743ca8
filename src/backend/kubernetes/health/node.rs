//! How a node is, from what its agent says and from when it last said anything.

use jiff::Timestamp;

use crate::{
    backend::kubernetes::row::{Machine, condition::Truth},
    domain::{Health, Reason},
};

pub fn node(machine: &Machine) -> (Health, Option<Timestamp>) {
    let find = |kind: &str| machine.conditions.iter().find(|condition| &*condition.kind == kind);
    if let Some(ready) = find("Ready") {
        let since = ready.since.get();
        let detailed = |reason: Reason| match &*ready.message {
            "" => reason,
            message => reason.detail(message),
        };
        match ready.truth {
            Truth::True => {}
            Truth::Unknown => {
                let reason = Reason::new("its agent no longer reports: the node is down, or cut off")
                    .help("look at the machine itself; its pods are moved after some minutes");
                return (Health::Failing(detailed(reason)), since);
            }
            Truth::False => {
                let reason = Reason::new(format!("not ready: {}", why(&ready.message, &ready.reason)));
                return (Health::Failing(detailed(reason)), since);
            }
        }
    }
    for (kind, text) in [
        ("MemoryPressure", "low on memory: pods are evicted"),
        ("DiskPressure", "low on disk: pods are evicted"),
        ("PIDPressure", "low on process ids"),
        ("NetworkUnavailable", "its network is not set up"),
    ] {
        if let Some(condition) = find(kind).filter(|condition| condition.truth == Truth::True) {
            let reason = Reason::new(text);
            let reason = if condition.message.is_empty() { reason } else { reason.detail(condition.message.clone()) };
            return (Health::Degraded(reason), condition.since.get());
        }
    }
    let since = find("Ready").and_then(|ready| ready.since.get());
    match find("Ready") {
        Some(_) => (Health::Healthy, since),
        None => (Health::Unknown(Reason::new("its agent has not reported yet")), None),
    }
}

fn why(message: &str, reason: &str) -> String {
    let message = if message.is_empty() { reason } else { message };
    crate::domain::text::shorten(message, 160).into_owned()
}
