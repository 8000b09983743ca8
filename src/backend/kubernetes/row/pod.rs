//! One pod: small, because there are thousands. What it shares with its siblings is in its template.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    Interner, Raw,
    condition::{Condition, RawCondition, Truth},
    intern, labels,
    meta::RawMeta,
    template::{PodTemplate, RawSpec},
    text::{Text, Time, count, nullable},
};
use crate::domain::ServiceKind;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// `namespace/name/uid`, as in an `InstanceId`.
    pub key: Arc<str>,
    pub name: Arc<str>,
    pub namespace: Arc<str>,
    /// What keeps it running: as far as the pod itself can tell, which does not know of a Job's CronJob.
    pub home: (ServiceKind, Arc<str>),
    /// Which release of its workload it is of: the hash of its template, or the name of a revision.
    pub revision: Option<Arc<str>>,
    pub template: Arc<PodTemplate>,
    pub node: Option<Arc<str>>,
    pub address: Option<Arc<str>>,
    pub created: Time,
    /// When it will be gone: asked to stop, it has its grace until then.
    pub deleted: Time,
    /// When its node took it.
    pub started: Time,
    /// Since when it is ready, or is not.
    pub ready_since: Time,
    pub phase: Phase,
    pub is_ready: bool,
    pub containers: Box<[ContainerState]>,
    pub trouble: Option<Box<Trouble>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    #[default]
    Pending,
    Running,
    Succeeded,
    Failed,
    Unknown,
}

/// What most pods have none of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Trouble {
    /// `Evicted`, `NodeLost`, …
    pub reason: Arc<str>,
    pub message: Arc<str>,
    /// Conditions that are not as they should be, apart from readiness.
    pub conditions: Box<[Condition]>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerState {
    /// Its place in the template.
    pub place: u16,
    pub is_ready: bool,
    /// Its startup probe, if it has one, has passed.
    pub is_started: bool,
    pub restarts: u32,
    pub now: Now,
    /// How it ended before.
    pub last: Option<Box<Ended>>,
    pub digest: Option<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Now {
    Waiting(Option<Box<Waiting>>),
    Running { since: Time },
    Ended(Box<Ended>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Waiting {
    pub reason: Arc<str>,
    pub message: Arc<str>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ended {
    pub code: i32,
    /// `OOMKilled`, `Error`, `Completed`, `StartError`, …
    pub reason: Arc<str>,
    pub message: Arc<str>,
    pub started: Time,
    pub finished: Time,
}

impl Ended {
    pub fn out_of_memory(&self) -> bool {
        &*self.reason == "OOMKilled"
    }
}

impl Pod {
    pub fn uid(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or_default()
    }

    /// It will not run again.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Succeeded | Phase::Failed)
    }

    pub fn is_leaving(&self) -> bool {
        !self.deleted.is_never()
    }

    pub fn restarts(&self) -> u32 {
        self.containers.iter().fold(0, |sum, container| sum.saturating_add(container.restarts))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawPod<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    metadata: RawMeta<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    spec: RawSpec<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    status: RawStatus<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawStatus<'a> {
    #[serde(borrow)]
    phase: Text<'a>,
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    #[serde(borrow, rename = "podIP")]
    pod_ip: Text<'a>,
    start_time: Time,
    #[serde(borrow)]
    conditions: Option<Vec<RawCondition<'a>>>,
    #[serde(borrow)]
    init_container_statuses: Option<Vec<RawContainer<'a>>>,
    #[serde(borrow)]
    container_statuses: Option<Vec<RawContainer<'a>>>,
    #[serde(borrow)]
    ephemeral_container_statuses: Option<Vec<RawContainer<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawContainer<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    ready: Option<bool>,
    started: Option<bool>,
    restart_count: Option<i64>,
    #[serde(borrow, rename = "imageID")]
    image_id: Text<'a>,
    #[serde(borrow)]
    state: Option<RawState<'a>>,
    #[serde(borrow)]
    last_state: Option<RawState<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawState<'a> {
    #[serde(borrow)]
    waiting: Option<RawWaiting<'a>>,
    running: Option<RawRunning>,
    #[serde(borrow)]
    terminated: Option<RawEnded<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawWaiting<'a> {
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawRunning {
    started_at: Time,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawEnded<'a> {
    exit_code: Option<i64>,
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    started_at: Time,
    finished_at: Time,
}

impl<'a> Raw<'a> for RawPod<'a> {
    type Row = Pod;

    fn meta(&self) -> &RawMeta<'a> {
        &self.metadata
    }

    fn row(self, interner: &mut Interner) -> Pod {
        let Self { metadata: meta, spec, status } = self;
        let template = spec.template(&meta.labels, interner);
        let (home, revision) = home(&meta, interner);
        let ready = status.conditions.iter().flatten().find(|condition| &*condition.kind == "Ready");
        Pod {
            key: intern::name(&format!("{}/{}/{}", &*meta.namespace, &*meta.name, &*meta.uid)),
            name: intern::name(&meta.name),
            namespace: interner.text(&meta.namespace),
            home,
            revision,
            node: interner.some(&spec.node_name),
            address: Some(&*status.pod_ip).filter(|ip| !ip.is_empty()).map(intern::name),
            created: meta.creation_timestamp,
            deleted: meta.deletion_timestamp,
            started: status.start_time,
            ready_since: ready.map(|ready| ready.last_transition_time).unwrap_or_default(),
            phase: match &*status.phase {
                "Running" => Phase::Running,
                "Succeeded" => Phase::Succeeded,
                "Failed" => Phase::Failed,
                "Unknown" => Phase::Unknown,
                _ => Phase::Pending,
            },
            is_ready: ready.is_some_and(|ready| ready.truth() == Truth::True),
            containers: status.containers(&template, interner),
            trouble: status.trouble(interner),
            template,
        }
    }
}

/// A ReplicaSet's name is its Deployment's and the hash of the template; whose it is need not be asked. The same with a Rollout's.
fn home(meta: &RawMeta, interner: &mut Interner) -> ((ServiceKind, Arc<str>), Option<Arc<str>>) {
    let label = |key| meta.labels.get(key);
    let Some((kind, name)) = meta.controller() else {
        return ((ServiceKind::Pod, interner.text(&meta.name)), None);
    };
    if kind == "ReplicaSet" {
        let hashes = [(labels::ROLLOUT_HASH, ServiceKind::Rollout), (labels::TEMPLATE_HASH, ServiceKind::Deployment)];
        for (hash, kind) in hashes.iter().filter_map(|(key, kind)| Some((label(key)?, *kind))) {
            if let Some(workload) = name.strip_suffix(hash).and_then(|name| name.strip_suffix('-')) {
                return ((kind, interner.text(workload)), Some(interner.text(hash)));
            }
        }
    }
    let kind = match kind {
        "StatefulSet" => ServiceKind::StatefulSet,
        "DaemonSet" => ServiceKind::DaemonSet,
        "Job" => ServiceKind::Job,
        _ => ServiceKind::Controlled,
    };
    ((kind, interner.text(name)), label(labels::REVISION_HASH).map(|hash| interner.text(hash)))
}

impl RawStatus<'_> {
    fn containers(&self, template: &PodTemplate, interner: &mut Interner) -> Box<[ContainerState]> {
        let all = [&self.init_container_statuses, &self.container_statuses, &self.ephemeral_container_statuses];
        let mut states: Vec<ContainerState> = all
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|raw| {
                let place = template.containers.iter().position(|container| *container.name == *raw.name)?;
                Some(raw.state(u16::try_from(place).ok()?, interner))
            })
            .collect();
        states.sort_by_key(|state| state.place);
        states.into()
    }

    fn trouble(&self, interner: &mut Interner) -> Option<Box<Trouble>> {
        let is_odd = |condition: &&RawCondition| match &*condition.kind {
            "Ready" | "ContainersReady" | "Initialized" | "PodReadyToStartContainers" => false,
            // What is true when something is wrong.
            "DisruptionTarget" | "PodResizePending" => condition.truth() == Truth::True,
            "PodResizeInProgress" => false,
            _ => condition.truth() != Truth::True,
        };
        let odd = self.conditions.iter().flatten().filter(is_odd).take(8);
        let conditions: Box<[Condition]> = odd.map(|condition| condition.condition(interner)).collect();
        if conditions.is_empty() && self.reason.is_empty() && self.message.is_empty() {
            return None;
        }
        let (reason, message) = (interner.text(&self.reason), intern::message(&self.message));
        Some(Box::new(Trouble { reason, message, conditions }))
    }
}

impl RawContainer<'_> {
    fn state(&self, place: u16, interner: &mut Interner) -> ContainerState {
        let nothing = RawState::default();
        let state = self.state.as_ref().unwrap_or(&nothing);
        let now = if let Some(running) = &state.running {
            Now::Running { since: running.started_at }
        } else if let Some(ended) = &state.terminated {
            Now::Ended(ended.ended(interner))
        } else {
            let waiting = state.waiting.as_ref().filter(|waiting| !waiting.reason.is_empty());
            Now::Waiting(waiting.map(|waiting| {
                let (reason, message) = (interner.text(&waiting.reason), intern::message(&waiting.message));
                Box::new(Waiting { reason, message })
            }))
        };
        let last = self.last_state.as_ref().and_then(|last| last.terminated.as_ref());
        ContainerState {
            place,
            is_ready: self.ready == Some(true),
            is_started: self.started != Some(false),
            restarts: count(self.restart_count),
            now,
            last: last.map(|ended| ended.ended(interner)),
            digest: digest(&self.image_id).map(|digest| interner.text(digest)),
        }
    }
}

impl RawEnded<'_> {
    fn ended(&self, interner: &mut Interner) -> Box<Ended> {
        Box::new(Ended {
            code: i32::try_from(self.exit_code.unwrap_or(0)).unwrap_or(i32::MAX),
            reason: interner.text(&self.reason),
            message: intern::message(&self.message),
            started: self.started_at,
            finished: self.finished_at,
        })
    }
}

/// `docker-pullable://registry/web@sha256:…` and `registry/web@sha256:…` are what a registry calls the image; a bare id is the node's own.
fn digest(image_id: &str) -> Option<&str> {
    let digest = image_id.rsplit('@').next().unwrap_or(image_id);
    let digest = digest.rsplit("//").next().unwrap_or(digest);
    (!digest.is_empty()).then_some(digest)
}
