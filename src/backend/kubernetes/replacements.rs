//! The pods that a rollout brings: how many are ready, and why the others are not. One that will never be ready is told early.

mod newest;

pub use self::newest::newest;

use std::{
    collections::BTreeMap,
    fmt::Write,
    time::{Duration, Instant},
};

use serde::{Deserialize, de::IgnoredAny};

use super::{
    Site,
    api::{encoded, null_is_default},
    directory::Workload,
    fault::Fault,
    rollout::Rolling,
};
use crate::domain::{text::clean, text::shorten};

/// Waiting for one of these is given up after this long: a registry may have stumbled, and kubelet tries again after 10 to 20 s.
const HOPELESS_AFTER: Duration = Duration::from_secs(30);
/// A program that ended this often since it was new is not waiting for another one to come up.
const HOPELESS_RESTARTS: u32 = 2;
/// How much of a message is said.
const WIDTH: usize = 200;

pub struct Replacements {
    pods: Vec<Pod>,
    namespace: String,
}

/// Since when each pod has been in trouble that does not pass by itself, and how often its containers had ended before that was anybody's
/// to judge: by default, what had happened before the first look.
#[derive(Default)]
pub struct Patience {
    since: BTreeMap<String, Instant>,
    /// By `Pod::container`.
    ends: Option<BTreeMap<String, u32>>,
}

impl Patience {
    /// For pods that are as new as what is waited for: all that happened to them counts.
    pub fn of_new() -> Self {
        Self { since: BTreeMap::new(), ends: Some(BTreeMap::new()) }
    }
}

pub struct OnePod<'a> {
    pub name: &'a str,
    pub uid: &'a str,
    pub labels: &'a BTreeMap<String, String>,
    pub is_ready: bool,
    pub is_ending: bool,
    /// Of all its containers.
    pub restarts: u32,
    /// Why it is not ready, as far as it tells.
    pub trouble: Option<String>,
}

/// Why a pod is not ready, and the command that tells more.
#[derive(Debug, PartialEq, Eq)]
pub struct PodTrouble {
    pub says: String,
    pub help: String,
}

impl Replacements {
    /// Those of the workload's newest definition.
    pub async fn of(site: &Site, workload: &Workload, rolling: &Rolling) -> Result<Self, Fault> {
        let namespace = workload.namespace.to_string();
        let Some((label, hash)) = newest(site, workload, rolling).await? else {
            return Ok(Self { pods: Vec::new(), namespace });
        };
        let selector = [&*workload.selector, &format!("{label}={hash}")].join(",");
        let selector = encoded(selector.trim_start_matches(','));
        let list: List<Pod> =
            site.api.get(&format!("/api/v1/namespaces/{namespace}/pods?labelSelector={selector}")).await?;
        Ok(Self { pods: list.items, namespace })
    }

    /// One pod alone; `None` when it is gone. Another pod of its name is another pod.
    pub async fn only(site: &Site, pod: &super::pod::Pod<'_>) -> Result<Option<Self>, Fault> {
        match site.api.get::<Pod>(&pod.path()).await {
            Ok(there) if there.metadata.uid == pod.uid => {
                Ok(Some(Self { pods: vec![there], namespace: pod.namespace.to_owned() }))
            }
            Ok(_) => Ok(None),
            Err(fault) if fault.is_missing() => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// All that a selector finds.
    pub async fn selected(site: &Site, namespace: &str, selector: &str) -> Result<Self, Fault> {
        let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={}", encoded(selector));
        let list: List<Pod> = site.api.get(&path).await?;
        Ok(Self { pods: list.items, namespace: namespace.to_owned() })
    }

    pub fn each(&self) -> impl Iterator<Item = OnePod<'_>> {
        self.pods.iter().map(|pod| OnePod {
            name: &pod.metadata.name,
            uid: &pod.metadata.uid,
            labels: &pod.metadata.labels,
            is_ready: pod.is_ready(),
            is_ending: pod.metadata.deletion_timestamp.is_some(),
            restarts: pod.status.container_statuses.iter().map(|container| container.restart_count).sum(),
            trouble: pod.trouble().map(|cause| cause.says),
        })
    }

    pub fn ready(&self) -> u32 {
        let ready = self.pods.iter().filter(|pod| pod.is_ready()).count();
        u32::try_from(ready).unwrap_or(u32::MAX)
    }

    /// Some have no readiness probe, and count as ready as soon as they run, also when they end a moment later.
    pub fn has_unprobed(&self) -> bool {
        let has_none = |pod: &Pod| pod.spec.containers.iter().any(|container| container.readiness_probe.is_none());
        self.pods.iter().any(has_none)
    }

    /// Why the first of those that run and are not ready is not: it ended before, or what its node said last, if anything. Asked only where
    /// nothing else tells.
    pub async fn why_unready(&self, site: &Site) -> Option<PodTrouble> {
        let pod = self.pods.iter().find(|pod| pod.metadata.deletion_timestamp.is_none() && !pod.is_ready())?;
        let has_ended =
            |container: &&Container| container.last_state.terminated.as_ref().is_some_and(|end| end.exit_code != 0);
        if let Some(container) = pod.status.container_statuses.iter().find(has_ended) {
            return Some(container.ended().told(pod, &self.namespace));
        }
        let Metadata { name, uid, .. } = &pod.metadata;
        let says = match self.last_told(site, uid, "Unhealthy").await {
            Some(last) => format!("{name} is not ready: {}", last.said()),
            None => format!("{name} is not ready"),
        };
        Some(PodTrouble { says, help: format!("kubectl -n {} describe pod {name}", self.namespace) })
    }

    /// Why a workload's controller makes no pods, where its conditions do not say so: as it told last. What was refused before the newest
    /// of the pods was created has passed.
    pub async fn why_not_created(&self, site: &Site, workload: &Workload) -> Option<String> {
        let last = self.last_told(site, &workload.uid, "FailedCreate").await?;
        let created = self.pods.iter().map(|pod| &pod.metadata.creation_timestamp).max();
        let holds = created.is_none_or(|created| last.last_timestamp > *created);
        holds.then(|| format!("nothing new can be created: {}", last.said()))
    }

    /// How the first of them ended, if it does not run again.
    pub fn over(&self) -> Option<String> {
        let over = |pod: &&Pod| matches!(&*pod.status.phase, "Succeeded" | "Failed");
        self.pods.iter().find(over).map(Pod::end)
    }

    /// Of the first pod that has one.
    pub fn trouble(&self) -> Option<PodTrouble> {
        self.pods.iter().find_map(|pod| Some(pod.trouble()?.told(pod, &self.namespace)))
    }

    /// Of the first pod for which waiting longer makes no sense.
    pub fn hopeless(&self, patience: &mut Patience, now: Instant) -> Option<PodTrouble> {
        let troubled: Vec<(&Pod, Cause)> = self.pods.iter().filter_map(|pod| Some((pod, pod.trouble()?))).collect();
        patience.since.retain(|name, _| troubled.iter().any(|(pod, _)| pod.metadata.name == *name));
        let ends = patience.ends.get_or_insert_with(|| self.ends());
        troubled.into_iter().find_map(|(pod, cause)| {
            let is_hopeless = match cause.hope {
                Hope::MayPass => return None,
                Hope::EndsAgain(times) => {
                    let before = cause.container.as_ref().and_then(|name| ends.get(&pod.container(name)));
                    times.saturating_sub(before.copied().unwrap_or(0)) >= HOPELESS_RESTARTS
                }
                Hope::SeldomPasses => {
                    let since = *patience.since.entry(pod.metadata.name.clone()).or_insert(now);
                    now.duration_since(since) >= HOPELESS_AFTER
                }
            };
            is_hopeless.then(|| cause.told(pod, &self.namespace))
        })
    }
}

impl Replacements {
    /// The newest event of an object for this reason, as far as it can be had.
    async fn last_told(&self, site: &Site, uid: &str, reason: &str) -> Option<Told> {
        let selector = encoded(&format!("involvedObject.uid={uid},reason={reason}"));
        let path = format!("/api/v1/namespaces/{}/events?fieldSelector={selector}", self.namespace);
        let told: List<Told> = site.api.get(&path).await.ok()?;
        told.items.into_iter().max_by(|one, other| one.last_timestamp.cmp(&other.last_timestamp))
    }

    /// How often each container has ended already.
    fn ends(&self) -> BTreeMap<String, u32> {
        let of = |pod: &Pod| {
            let containers = pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses);
            containers.map(|one| (pod.container(&clean(&one.name)), one.restart_count)).collect::<Vec<_>>()
        };
        self.pods.iter().flat_map(of).collect()
    }
}

#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct List<T> {
    #[serde(default = "Vec::new", deserialize_with = "null_is_default")]
    items: Vec<T>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    uid: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    owner_references: Vec<Owner>,
    /// RFC 3339, all in UTC, as in `Told`.
    creation_timestamp: Option<String>,
    deletion_timestamp: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Owner {
    uid: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pod {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    containers: Vec<Specified>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Specified {
    readiness_probe: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    phase: String,
    reason: String,
    message: String,
    conditions: Vec<Condition>,
    init_container_statuses: Vec<Container>,
    container_statuses: Vec<Container>,
}

/// An event of a pod.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Told {
    message: String,
    /// RFC 3339, all in UTC, so that the texts sort as the times do.
    last_timestamp: Option<String>,
}

impl Told {
    fn said(&self) -> String {
        shorten(&clean(&self.message), WIDTH).into_owned()
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Condition {
    r#type: String,
    status: String,
    reason: String,
    message: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Container {
    name: String,
    image: String,
    restart_count: u32,
    state: State,
    last_state: State,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct State {
    waiting: Option<Waiting>,
    terminated: Option<Terminated>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Waiting {
    reason: String,
    message: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Terminated {
    exit_code: i64,
    reason: String,
    message: String,
}

/// Whether waiting longer may help.
enum Hope {
    MayPass,
    SeldomPasses,
    /// So many times since it was new.
    EndsAgain(u32),
}

struct Cause {
    says: String,
    hope: Hope,
    /// The container whose last output says why.
    container: Option<String>,
}

impl Cause {
    fn told(self, pod: &Pod, namespace: &str) -> PodTrouble {
        let name = &pod.metadata.name;
        let help = match &self.container {
            Some(container) => format!("kubectl -n {namespace} logs {name} -c {container} --previous"),
            None => format!("kubectl -n {namespace} describe pod {name}"),
        };
        PodTrouble { says: format!("{name}: {}", self.says), help }
    }
}

impl Pod {
    /// One of its containers, among all of all pods.
    fn container(&self, name: &str) -> String {
        format!("{}/{name}", self.metadata.uid)
    }

    fn is_ready(&self) -> bool {
        let is_ready = |condition: &Condition| condition.r#type == "Ready" && condition.status == "True";
        self.metadata.deletion_timestamp.is_none() && self.status.conditions.iter().any(is_ready)
    }

    fn end(&self) -> String {
        let mut ended = self.status.container_statuses.iter().filter(|container| container.state.terminated.is_some());
        let Status { reason, message, .. } = &self.status;
        match ended.next() {
            // Its node ended it, and says why.
            _ if !reason.is_empty() => format!("{}: {}", clean(reason), shorten(&clean(message), WIDTH)),
            Some(container) => container.ended().says,
            None => "it ended, and nobody knows why".into(),
        }
    }

    fn trouble(&self) -> Option<Cause> {
        if self.metadata.deletion_timestamp.is_some() {
            return None;
        }
        let unscheduled = self.status.conditions.iter().find(|condition| {
            condition.r#type == "PodScheduled" && condition.status == "False" && condition.reason == "Unschedulable"
        });
        if let Some(condition) = unscheduled {
            let says = format!("no node takes it: {}", shorten(&clean(&condition.message), WIDTH));
            return Some(Cause { says, hope: Hope::MayPass, container: None });
        }
        let containers = self.status.init_container_statuses.iter().chain(&self.status.container_statuses);
        containers.filter_map(Container::trouble).next()
    }
}

impl Container {
    fn trouble(&self) -> Option<Cause> {
        let waiting = self.state.waiting.as_ref();
        let reason = waiting.map_or("", |waiting| waiting.reason.as_str());
        let message = || shorten(&clean(waiting.map_or("", |waiting| &waiting.message)), WIDTH).into_owned();
        let name = clean(&self.name);
        let (says, hope) = match reason {
            "CrashLoopBackOff" => return Some(self.ended()),
            "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName" | "ImageInspectError" => {
                (format!("image {} cannot be had: {}", clean(&self.image), message()), Hope::SeldomPasses)
            }
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
                (format!("{name} cannot be created: {}", message()), Hope::SeldomPasses)
            }
            // It has just ended, and is started again at once.
            _ if self.restart_count > 0 && self.state.terminated.as_ref().is_some_and(|end| end.exit_code != 0) => {
                return Some(self.ended());
            }
            _ => return None,
        };
        Some(Cause { says, hope, container: None })
    }

    fn ended(&self) -> Cause {
        let (name, end) = (clean(&self.name).into_owned(), self.last_end());
        let how = if self.restart_count < HOPELESS_RESTARTS { "ended" } else { "ends again and again" };
        let says = format!("{name} {how}, {end}");
        Cause { says, hope: Hope::EndsAgain(self.restart_count), container: Some(name) }
    }

    /// "with exit 137 (out of memory): its last words"
    fn last_end(&self) -> String {
        let Some(end) = self.state.terminated.as_ref().or(self.last_state.terminated.as_ref()) else {
            return "nobody knows why".into();
        };
        let mut words = format!("with exit {}", end.exit_code);
        if end.reason == "OOMKilled" {
            words.push_str(" (out of memory)");
        }
        if !end.message.trim().is_empty() {
            write!(words, ": {}", shorten(clean(&end.message).trim(), WIDTH)).expect("a string takes all");
        }
        words
    }
}

#[cfg(test)]
mod tests;
