//! The three ways into the event loop, each bounded, each with its own answer to "what when it is full".

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Notify, mpsc};

use crate::{
    domain::{ClusterName, InstanceId},
    message::Event,
};

/// Facts wait for room: none is lost. Twice the most that the loop takes in one turn.
const FACTS: usize = 256;
/// Chunks of up to 64 KiB: 4 MiB at the most are on their way.
const FLOOD: usize = 64;

/// What the runtime's tasks send into.
#[derive(Clone)]
pub struct Outbox {
    /// Inventory, operation progress, answers. When full the sender waits.
    pub facts: mpsc::Sender<Event>,
    /// Log chunks and gaps. When full, the pump that sends keeps reading, drops its oldest and sends a gap.
    pub flood: mpsc::Sender<Event>,
    /// Samples and latencies. Never full: the latest of each kind wins.
    pub gauges: Gauges,
}

/// What the event loop reads from.
pub struct Inbox {
    pub facts: mpsc::Receiver<Event>,
    pub flood: mpsc::Receiver<Event>,
    pub gauges: Gauges,
}

pub fn channels() -> (Outbox, Inbox) {
    let (facts, facts_in) = mpsc::channel(FACTS);
    let (flood, flood_in) = mpsc::channel(FLOOD);
    let gauges = Gauges::default();
    (Outbox { facts, flood, gauges: gauges.clone() }, Inbox { facts: facts_in, flood: flood_in, gauges })
}

/// The last value of each gauge that the loop has not read yet.
#[derive(Clone, Default)]
pub struct Gauges {
    latest: Arc<Mutex<BTreeMap<Gauge, Event>>>,
    changed: Arc<Notify>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gauge {
    Sample(InstanceId),
    Latency(ClusterName),
}

impl Gauges {
    pub fn set(&self, gauge: Gauge, event: Event) {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).insert(gauge, event);
        self.changed.notify_one();
    }

    /// Waits until at least one has changed, and takes all that have.
    pub async fn take(&self) -> Vec<Event> {
        loop {
            let taken = std::mem::take(&mut *self.latest.lock().unwrap_or_else(PoisonError::into_inner));
            if !taken.is_empty() {
                return taken.into_values().collect();
            }
            self.changed.notified().await;
        }
    }
}
