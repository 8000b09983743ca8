//! Keeps one cluster connected. Knows delays and reasons; does not know what is being watched.

use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt, stream};
use jiff::Timestamp;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    backend::{Backend, Connector, Loss},
    clock::Clock,
    domain::{Change, ClusterName, Link, LossKind, Trouble},
    message::Event,
    runtime::{
        backoff::Backoff,
        channels::{Gauge, Outbox},
        connections::Connections,
    },
};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// An engine with a stuck container runtime answers pings and never lists: that is hung too. Long, because a big host on a slow
/// line needs its time.
const PICTURE_WITHIN: Duration = Duration::from_secs(30);
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_WITHIN: Duration = Duration::from_secs(5);
/// Shorter than this it was not really back, and the delays go on growing.
const STEADY: Duration = Duration::from_secs(10);

pub struct Keeper {
    pub cluster: ClusterName,
    pub connector: Arc<dyn Connector>,
    pub connections: Connections,
    pub outbox: Outbox,
    pub clock: Clock,
    /// A person does not want to wait for the next try.
    pub wake: Arc<Notify>,
}

/// The connection in use, for as long as this lives.
struct Line<'a> {
    keeper: &'a Keeper,
    backend: Arc<dyn Backend>,
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let Keeper { connections, cluster, .. } = self.keeper;
        // A cluster that was closed and opened again may already have its next connection.
        if connections.live(cluster).is_some_and(|live| Arc::ptr_eq(&live, &self.backend)) {
            connections.set(cluster, None);
        }
    }
}

impl Keeper {
    /// Runs until it is dropped.
    pub async fn keep(self) {
        let mut backoff = Backoff::default();
        let mut lost_since: Option<Timestamp> = None;
        self.tell(Link::Connecting { since: self.clock.now() }).await;
        loop {
            let (loss, delay) = match self.connect().await {
                Ok(backend) => {
                    let began = Instant::now();
                    lost_since = None;
                    let loss = self.stay(backend).await;
                    let was_steady = began.elapsed() >= STEADY;
                    if was_steady {
                        backoff.reset();
                    }
                    // Credentials that were good may be had anew without a person, so they are tried once at once.
                    let delay = match loss.kind {
                        LossKind::Expired if was_steady => backoff.after_failure(),
                        kind => backoff.after_loss(kind),
                    };
                    (loss, delay)
                }
                Err(loss) => {
                    let delay = backoff.after_loss(loss.kind);
                    (loss, delay)
                }
            };
            let since = *lost_since.get_or_insert_with(|| self.clock.now());
            self.wait(since, loss, delay).await;
        }
    }

    async fn connect(&self) -> Result<Arc<dyn Backend>, Loss> {
        let what = || format!("could not connect to {}", self.cluster);
        timeout(CONNECT_WITHIN, self.connector.connect()).await.unwrap_or_else(|_| Err(hung(what(), CONNECT_WITHIN)))
    }

    /// Tells what the engine says for as long as it says something, and then why it does not any more.
    async fn stay(&self, backend: Arc<dyn Backend>) -> Loss {
        self.connections.set(&self.cluster, Some(backend.clone()));
        let line = Line { keeper: self, backend };
        let (cluster, capabilities) = (self.cluster.clone(), line.backend.capabilities());
        self.say(Event::Capabilities { cluster, capabilities }).await;
        self.tell(Link::Live { since: self.clock.now() }).await;

        let mut changes = line.backend.watch();
        let mut pings = std::pin::pin!(pings(line.backend.clone()));
        let mut heard = Instant::now();
        let mut pictured = false;
        let picture_by = Instant::now() + PICTURE_WITHIN;
        loop {
            tokio::select! {
                change = changes.next() => match change {
                    Some(Ok(change)) => {
                        heard = Instant::now();
                        pictured |= matches!(change, Change::Picture(_) | Change::Arriving(_));
                        self.say(Event::Changed { cluster: self.cluster.clone(), change }).await;
                    }
                    Some(Err(loss)) => return loss,
                    None => return self.closed(),
                },
                Some(ping) = pings.next() => match ping {
                    Ping::Answered(round_trip) => self.measured(round_trip),
                    Ping::Failed(loss) => return loss,
                    // An engine too busy to answer, but telling what happens, lives.
                    Ping::Silent if heard.elapsed() < PING_WITHIN => {}
                    Ping::Silent => return hung(format!("lost {}", self.cluster), PING_WITHIN),
                },
                () = sleep_until(picture_by), if !pictured => {
                    return hung(format!("{} answers, but did not list what runs on it", self.cluster), PICTURE_WITHIN);
                }
            }
        }
    }

    /// `since`: when it was last live, or first tried; failing once more does not make it younger.
    async fn wait(&self, since: Timestamp, loss: Loss, delay: Duration) {
        // Made before the loss is told, so that a key pressed on seeing it counts.
        let woken = self.wake.notified();
        let retry_at = self.clock.now().saturating_add(delay).unwrap_or(Timestamp::MAX);
        let lost = |retry_at| Link::Lost { since, kind: loss.kind, why: loss.why.clone(), retry_at };
        tracing::info!(cluster = %self.cluster, kind = loss.kind.word(), ?delay, "{}", loss.why.line());
        self.tell(lost(Some(retry_at))).await;
        tokio::select! {
            () = sleep(delay) => {}
            () = woken => {}
            () = self.connector.changed() => {}
        }
        // Still lost and for the same reason while it is tried: the person keeps reading why.
        self.tell(lost(None)).await;
    }

    fn measured(&self, round_trip: Duration) {
        let cluster = self.cluster.clone();
        self.outbox.gauges.set(Gauge::Latency(cluster.clone()), Event::Latency { cluster, round_trip });
    }

    fn closed(&self) -> Loss {
        let why = Trouble::new(format!("lost {}", self.cluster), "the engine closed the connection");
        Loss { kind: LossKind::Unreachable, why }
    }

    async fn tell(&self, link: Link) {
        self.say(Event::Link { cluster: self.cluster.clone(), link }).await;
    }

    async fn say(&self, event: Event) {
        // Fails only when nobody listens any more: the program is about to end, and this task with it.
        let _ = self.outbox.facts.send(event).await;
    }
}

enum Ping {
    Answered(Duration),
    Failed(Loss),
    Silent,
}

/// One at once, to know the line, then one every `PING_EVERY`.
fn pings(backend: Arc<dyn Backend>) -> impl Stream<Item = Ping> {
    stream::unfold(Duration::ZERO, move |pause| {
        let backend = backend.clone();
        async move {
            sleep(pause).await;
            let asked = Instant::now();
            let ping = match timeout(PING_WITHIN, backend.ping()).await {
                Ok(Ok(())) => Ping::Answered(asked.elapsed()),
                Ok(Err(loss)) => Ping::Failed(loss),
                Err(_) => Ping::Silent,
            };
            Some((ping, PING_EVERY))
        }
    })
}

fn hung(what: String, waited: Duration) -> Loss {
    let why = Trouble::new(what, format!("no answer for {} s", waited.as_secs()));
    Loss { kind: LossKind::Hung, why }
}
