//! The three ways into the event loop, each bounded, each with its own answer to "what when it is full".

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep_until},
};

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
    /// Samples, latencies and forwards. Never full: the latest of each kind wins.
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

/// How long gauges gather before the loop is woken: engines measure everything at about the same time, and numbers can wait.
const GATHER: Duration = Duration::from_millis(150);

/// The last value of each gauge that the loop has not read yet.
#[derive(Clone, Default)]
pub struct Gauges {
    inner: Arc<Mutex<Gathered>>,
    changed: Arc<Notify>,
}

#[derive(Default)]
struct Gathered {
    latest: BTreeMap<Gauge, Event>,
    /// When the first of them came.
    since: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gauge {
    Sample(InstanceId),
    Latency(ClusterName),
    /// By its port of this machine.
    Forward(u16),
}

impl Gauges {
    pub fn set(&self, gauge: Gauge, event: Event) {
        let is_first = {
            let mut gathered = self.gathered();
            gathered.latest.insert(gauge, event);
            let is_first = gathered.since.is_none();
            gathered.since.get_or_insert_with(Instant::now);
            is_first
        };
        if is_first {
            self.changed.notify_one();
        }
    }

    /// Waits until at least one has changed and others had the time to, and takes all that have.
    pub async fn take(&self) -> Vec<Event> {
        loop {
            let since = self.gathered().since;
            match since {
                Some(since) => {
                    sleep_until(since + GATHER).await;
                    return std::mem::take(&mut *self.gathered()).latest.into_values().collect();
                }
                None => self.changed.notified().await,
            }
        }
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
