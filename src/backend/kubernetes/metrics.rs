//! Measures pods, many for one question: all of a namespace by metrics.k8s.io where it is served, else all of a node by its kubelet's
//! summary. A question is asked for as long as somebody listens to it, at the pace at which there is news, and no oftener.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use serde::Deserialize;
use tokio::{
    sync::{Semaphore, watch},
    task::AbortHandle,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Site,
    fault::Fault,
    pod::{Pod, is_name},
    usage::{PodMetrics, Rates, Round, Summary},
};
use crate::domain::{InstanceId, LossKind, Sample, Trouble};

#[cfg(test)]
mod tests;

/// A kubelet's summary is big, and renewed for each pod every ten seconds or so.
const SUMMARY_EVERY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(6));
const METRICS_EVERY: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(30));
/// At most this share of the time goes into asking a node.
const SHARE: u32 = 20;
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// After a failure, doubling; and at the most, also after a no.
const AGAIN: Duration = Duration::from_secs(2);
const AGAIN_AT_MOST: Duration = Duration::from_secs(60);
/// A pod that has only just begun is not measured yet.
const UNMEASURED: Duration = Duration::from_secs(45);
/// Pods whose node is remembered, before all are forgotten and asked again.
const REMEMBERED: usize = 20_000;

/// Pods whose node is asked for at once: each question under way is a connection.
const NODES_AT_ONCE: usize = 4;

/// What is asked, and by whom it is heard.
pub struct Meter {
    memory: Mutex<Memory>,
    asking_nodes: Semaphore,
}

impl Default for Meter {
    fn default() -> Self {
        Self { memory: Mutex::default(), asking_nodes: Semaphore::new(NODES_AT_ONCE) }
    }
}

#[derive(Default)]
struct Memory {
    sources: BTreeMap<Source, Slot>,
    /// Which node a pod is on, by its uid: for good.
    nodes: BTreeMap<Arc<str>, Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    /// metrics.k8s.io, of a namespace.
    Namespace(Arc<str>),
    /// A node's summary.
    Node(Arc<str>),
}

#[derive(Default)]
struct Slot {
    poll: Weak<Poll>,
    /// Not asked before: it has just answered, or has just failed.
    next: Option<Instant>,
    latest: Option<Arc<Round>>,
    failed: Option<Fault>,
    failures: u32,
}

/// A question that is asked again and again, until the last listener has dropped it.
struct Poll {
    heard: watch::Receiver<Heard>,
    task: AbortHandle,
}

#[derive(Clone)]
enum Heard {
    Nothing,
    Round(Arc<Round>),
    Failed(Fault),
}

impl Drop for Poll {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Meter {
    /// `Err`: it failed a moment ago, and is left alone until its time has come.
    fn listen(&self, site: &Site, source: &Source) -> Result<Arc<Poll>, Fault> {
        let now = Instant::now();
        let mut memory = self.lock();
        let slot = memory.sources.entry(source.clone()).or_default();
        if let Some(poll) = slot.poll.upgrade() {
            return Ok(poll);
        }
        let is_early = slot.next.is_some_and(|next| now < next);
        if let (true, Some(fault)) = (is_early, &slot.failed) {
            return Err(fault.clone());
        }
        let first = slot.latest.take().filter(|_| is_early).map_or(Heard::Nothing, Heard::Round);
        let (told, heard) = watch::channel(first);
        let asking = keep_asking(site.clone(), source.clone(), told, slot.next.unwrap_or(now));
        let poll = Arc::new(Poll { heard, task: tokio::spawn(asking).abort_handle() });
        slot.poll = Arc::downgrade(&poll);
        // What nobody has listened to for long is forgotten.
        memory
            .sources
            .retain(|_, slot| slot.poll.strong_count() > 0 || slot.next.is_some_and(|next| now < next + AGAIN_AT_MOST));
        Ok(poll)
    }

    fn answered(&self, source: &Source, round: &Arc<Round>, next: Instant) {
        let mut memory = self.lock();
        let slot = memory.sources.entry(source.clone()).or_default();
        (slot.latest, slot.next) = (Some(round.clone()), Some(next));
        (slot.failed, slot.failures) = (None, 0);
    }

    fn failed(&self, source: &Source, fault: &Fault) {
        let mut memory = self.lock();
        let slot = memory.sources.entry(source.clone()).or_default();
        let is_no = fault.is_denied() || fault.is_missing();
        let delay = if is_no { AGAIN_AT_MOST } else { AGAIN * 2_u32.saturating_pow(slot.failures.min(10)) };
        slot.failures += 1;
        slot.next = Some(Instant::now() + delay.min(AGAIN_AT_MOST));
        (slot.failed, slot.latest, slot.poll) = (Some(fault.clone()), None, Weak::new());
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn keep_asking(site: Site, source: Source, told: watch::Sender<Heard>, first: Instant) {
    sleep_until(first).await;
    let mut pace = Pace::of(&source);
    loop {
        let began = Instant::now();
        let answer = timeout(ANSWER_WITHIN, ask(&site, &source)).await;
        let silence = || {
            let why = format!("no answer for {} s", ANSWER_WITHIN.as_secs());
            Err(Fault::way(LossKind::Hung, why))
        };
        match answer.unwrap_or_else(|_| silence()) {
            Ok(round) => {
                let round = Arc::new(round);
                let pause = pace.after(&round, began.elapsed());
                site.meter.answered(&source, &round, Instant::now() + pause);
                told.send_replace(Heard::Round(round));
                sleep(pause).await;
            }
            Err(fault) => {
                site.meter.failed(&source, &fault);
                told.send_replace(Heard::Failed(fault));
                return;
            }
        }
    }
}

async fn ask(site: &Site, source: &Source) -> Result<Round, Fault> {
    match source {
        Source::Namespace(namespace) => {
            let path = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods");
            site.api.get::<PodMetrics>(&path).await?.round()
        }
        Source::Node(node) => {
            let path = format!("/api/v1/nodes/{node}/proxy/stats/summary");
            Ok(site.api.get::<Summary>(&path).await?.round())
        }
    }
}

/// How long to wait for the next round.
struct Pace {
    pause: Duration,
    bounds: (Duration, Duration),
    before: Option<Arc<Round>>,
}

impl Pace {
    fn of(source: &Source) -> Self {
        let bounds = match source {
            Source::Namespace(_) => METRICS_EVERY,
            Source::Node(_) => SUMMARY_EVERY,
        };
        Self { pause: bounds.0, bounds, before: None }
    }

    /// By the window where the source has one; else by how much of the round was new, and by how long it took.
    fn after(&mut self, round: &Arc<Round>, took: Duration) -> Duration {
        let (least, most) = self.bounds;
        let wanted = match (round.window, self.before.replace(round.clone())) {
            (Some(window), _) => window,
            (None, None) => least,
            (None, Some(before)) => {
                let is_new = |(key, reading): &(&Arc<str>, &super::usage::Reading)| {
                    before.pods.get(*key).is_none_or(|before| before.at < reading.at)
                };
                let new = round.pods.iter().filter(is_new).count();
                if new * 3 > round.pods.len() { self.pause / 3 * 2 } else { self.pause / 2 * 3 }
            }
        };
        self.pause = wanted.clamp(least, most);
        self.pause.max(took.saturating_mul(SHARE))
    }
}

pub fn sample(site: Site, instance: InstanceId) -> BoxStream<'static, Result<Sample, Trouble>> {
    let begun = async move { Measuring::begin(&site, &instance).await };
    stream::once(begun)
        .flat_map(|begun| match begun {
            Ok(measuring) => stream::unfold(Some(measuring), Measuring::next).boxed(),
            Err(trouble) => stream::once(async { Err(trouble) }).boxed(),
        })
        .boxed()
}

/// One pod's part in what is heard.
struct Measuring {
    name: String,
    heard: watch::Receiver<Heard>,
    key: Arc<str>,
    rates: Rates,
    unmeasured_since: Instant,
    /// For as long as this lives, it is asked.
    _poll: Arc<Poll>,
}

impl Measuring {
    async fn begin(site: &Site, instance: &InstanceId) -> Result<Self, Trouble> {
        let pod = Pod::of(instance).map_err(|fault| fault.trouble("could not measure it"))?;
        let what = format!("could not measure {}", pod.name);
        let by_metrics = first_word(site, Source::Namespace(pod.namespace.into())).await;
        let why_not = match by_metrics {
            Ok(poll) => return Ok(Self::new(poll, &pod, pod.name)),
            // Not served, not for this person, or nobody behind it.
            Err(fault @ Fault::Refused { .. }) => fault,
            Err(fault) => return Err(fault.trouble(what)),
        };
        let node = node_of(site, &pod).await.map_err(|fault| fault.trouble(what.as_str()))?;
        match first_word(site, Source::Node(node.clone())).await {
            Ok(poll) => Ok(Self::new(poll, &pod, pod.uid)),
            Err(fault) => Err(both(&what, &node, &why_not, &fault)),
        }
    }

    fn new(poll: Arc<Poll>, pod: &Pod<'_>, key: &str) -> Self {
        Self {
            name: pod.name.to_owned(),
            heard: poll.heard.clone(),
            key: key.into(),
            rates: Rates::default(),
            unmeasured_since: Instant::now(),
            _poll: poll,
        }
    }

    async fn next(measuring: Option<Self>) -> Option<(Result<Sample, Trouble>, Option<Self>)> {
        let mut measuring = measuring?;
        loop {
            let heard = measuring.heard.borrow_and_update().clone();
            match measuring.take(&heard) {
                Ok(Some(sample)) => return Some((Ok(sample), Some(measuring))),
                Ok(None) => {}
                Err(trouble) => return Some((Err(trouble), None)),
            }
            measuring.heard.changed().await.ok()?;
        }
    }

    fn take(&mut self, heard: &Heard) -> Result<Option<Sample>, Trouble> {
        let what = || format!("could not measure {}", self.name);
        let reading = match heard {
            Heard::Nothing => return Ok(None),
            Heard::Failed(fault) => return Err(fault.trouble(what())),
            Heard::Round(round) => round.pods.get(&self.key),
        };
        match reading {
            Some(reading) => {
                self.unmeasured_since = Instant::now();
                Ok(self.rates.sample(reading))
            }
            None if self.unmeasured_since.elapsed() < UNMEASURED => Ok(None),
            None => Err(Trouble::new(what(), "its node has no numbers of it")),
        }
    }
}

/// Waits until the source has said something: numbers, or why there are none.
async fn first_word(site: &Site, source: Source) -> Result<Arc<Poll>, Fault> {
    let poll = site.meter.listen(site, &source)?;
    let mut heard = poll.heard.clone();
    let first = heard.wait_for(|heard| !matches!(heard, Heard::Nothing)).await.map(|first| first.clone());
    match first {
        Ok(Heard::Round(_) | Heard::Nothing) => Ok(poll),
        Ok(Heard::Failed(fault)) => Err(fault),
        Err(_) => Err(Fault::way(LossKind::Unreachable, "the connection was given up")),
    }
}

fn both(what: &str, node: &str, by_metrics: &Fault, by_node: &Fault) -> Trouble {
    let first = match by_metrics {
        fault if fault.is_missing() => "metrics.k8s.io is not served".to_owned(),
        fault if fault.is_denied() => "metrics.k8s.io may not be read".to_owned(),
        fault => format!("metrics.k8s.io does not answer ({})", fault.trouble("").why),
    };
    let second = match by_node {
        fault if fault.is_denied() => "nodes/proxy may not be read".to_owned(),
        fault => format!("the kubelet of {node} could not be asked: {}", fault.trouble("").why),
    };
    Trouble::new(what, format!("{first}, and {second}"))
}

#[derive(Deserialize)]
struct Placed {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Metadata {
    uid: Arc<str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    node_name: Option<Arc<str>>,
}

async fn node_of(site: &Site, pod: &Pod<'_>) -> Result<Arc<str>, Fault> {
    if let Some(node) = site.meter.lock().nodes.get(pod.uid) {
        return Ok(node.clone());
    }
    let asking = site.meter.asking_nodes.acquire().await;
    let placed: Placed = site.api.get(&pod.path()).await?;
    drop(asking);
    if &*placed.metadata.uid != pod.uid {
        return Err(gone("it is gone: another one has its name"));
    }
    let node = placed.spec.node_name.ok_or_else(|| gone("it is on no node yet"))?;
    if !is_name(&node) {
        return Err(Fault::Garbled("its node has no name that can be asked for".into()));
    }
    let mut memory = site.meter.lock();
    if memory.nodes.len() >= REMEMBERED {
        memory.nodes.clear();
    }
    memory.nodes.insert(pod.uid.into(), node.clone());
    Ok(node)
}

fn gone(why: &str) -> Fault {
    Fault::Refused { code: 404, reason: "NotFound".into(), message: why.into() }
}
