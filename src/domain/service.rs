//! What is kept running, and the containers or pods that do the running.

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Health, InstanceId, ServiceId, text::clean};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceKind {
    ComposeService,
    SwarmService,
    /// A container that belongs to nothing else.
    Container,
    Deployment,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
    /// Of Argo Rollouts.
    Rollout,
    /// Pods of a controller that no screen knows more of, by the controller's name.
    Controlled,
    /// A pod that belongs to nothing else.
    Pod,
}

impl ServiceKind {
    /// Its instances are an orchestrator's to replace.
    pub fn is_orchestrated(self) -> bool {
        match self {
            Self::SwarmService
            | Self::Deployment
            | Self::StatefulSet
            | Self::DaemonSet
            | Self::Rollout
            | Self::Job
            | Self::CronJob
            | Self::Controlled
            | Self::Pod => true,
            Self::ComposeService | Self::Container => false,
        }
    }
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ComposeService => "compose service",
            Self::SwarmService => "swarm service",
            Self::Container => "container",
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::Job => "job",
            Self::CronJob => "cronjob",
            Self::Rollout => "rollout",
            Self::Controlled => "controlled pods",
            Self::Pod => "pod",
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    pub id: ServiceId,
    pub kind: ServiceKind,
    pub wanted: u32,
    pub ready: u32,
    pub health: Health,
    /// Since when `health` is what it is, as far as the engine tells.
    pub since: Option<Timestamp>,
    /// Of all instances that there are now.
    pub restarts: u32,
    pub image: Option<Image>,
    pub ports: Vec<Port>,
    pub depends_on: Vec<Dependency>,
    /// What its label, or annotation, says of its backups (`protection::LABEL`), as somebody wrote it.
    pub backup: Option<Arc<str>>,
    pub created: Option<Timestamp>,
    /// What only an orchestrator tells of it; `None` on a plain Docker host.
    pub orchestration: Option<Arc<Orchestration>>,
    /// Changes whenever the engine's objects behind this service do: what a plan was made from.
    pub fingerprint: u64,
}

impl Service {
    /// The word a person uses for what runs: a version label, else the tag, else the start of the digest.
    pub fn release(&self) -> &str {
        self.image.as_ref().map_or("-", Image::release)
    }

    /// Whoever looked at the other knows what matters of this one: only counters and ages may differ.
    pub fn stands_like(&self, other: &Self) -> bool {
        self.health.word() == other.health.word()
            && (self.wanted, self.ready) == (other.wanted, other.ready)
            && self.image == other.image
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    pub id: InstanceId,
    pub service: ServiceId,
    /// What people call it: a container's or pod's name.
    pub name: Arc<str>,
    pub state: InstanceState,
    pub health: Health,
    pub created: Option<Timestamp>,
    pub started: Option<Timestamp>,
    pub finished: Option<Timestamp>,
    pub restarts: u32,
    pub image: Image,
    /// Address by network: (`shop_default`, `172.18.0.3`).
    pub addresses: Vec<(Arc<str>, Arc<str>)>,
    /// Shared by all that are made alike, as are the mounts.
    pub ports: Arc<[Port]>,
    pub mounts: Arc<[Mount]>,
    pub limits: Limits,
    /// A terminal was given to it: its output is one stream, and raw.
    pub tty: bool,
    pub has_health_check: bool,
    pub stop_signal: Option<Arc<str>>,
    /// seconds between the stop signal and the kill
    pub stop_timeout: u32,
    /// The machine of its cluster that it is on.
    pub node: Option<Arc<str>>,
    /// What it is made of (a pod's containers), each with a log of its own; empty where it is one thing.
    pub parts: Arc<[Part]>,
    /// It goes with its data and logs as soon as it ends, so nothing can start it again.
    pub is_removed_when_stopped: bool,
    pub command: Arc<str>,
}

impl Instance {
    /// Its logs: one, or one of each of its parts, the main ones first.
    pub fn log_sources(&self) -> Vec<LogSource<'_>> {
        if self.parts.is_empty() {
            return vec![LogSource { id: self.id.clone(), part: None, is_plain: true }];
        }
        let is_main = |part: &Part| part.role == PartRole::Main;
        let has_one_main = self.parts.iter().filter(|part| is_main(part)).count() == 1;
        let (main, other): (Vec<&Part>, Vec<&Part>) = self.parts.iter().partition(|part| is_main(part));
        let parts = main.into_iter().chain(other);
        let sources = parts.map(|part| LogSource {
            id: self.id.part(&part.name),
            part: Some(part),
            is_plain: has_one_main && is_main(part),
        });
        sources.collect()
    }
}

/// One log of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSource<'a> {
    /// What it is asked for by.
    pub id: InstanceId,
    pub part: Option<&'a Part>,
    /// It bears its instance's name.
    is_plain: bool,
}

impl LogSource<'_> {
    /// `web-1` or `web-1/proxy`, where the instance is called `web-1`.
    pub fn name_after(&self, instance: &Arc<str>) -> Arc<str> {
        match self.part {
            Some(part) if !self.is_plain => format!("{instance}/{}", part.name).into(),
            Some(_) | None => instance.clone(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum InstanceState {
    Created,
    Running,
    Paused,
    /// Between two tries of the engine to keep it running.
    Restarting {
        exit_code: i64,
        out_of_memory: bool,
    },
    Exited {
        exit_code: i64,
        out_of_memory: bool,
    },
    Removing,
    Dead,
}

impl InstanceState {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting { .. } => "restarting",
            Self::Exited { .. } => "exited",
            Self::Removing => "removing",
            Self::Dead => "dead",
        }
    }

    /// It has processes, so it can be measured and entered.
    pub fn is_alive(&self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Image {
    /// As written by whoever started it: `registry.example/shop/web:v2.4.1`.
    pub reference: Arc<str>,
    /// `sha256:…` of the repository's manifest where known, else the local image id.
    pub digest: Option<Arc<str>>,
    /// OCI label `org.opencontainers.image.version`.
    pub version: Option<Arc<str>>,
    /// OCI label `org.opencontainers.image.revision`.
    pub revision: Option<Arc<str>>,
}

impl Image {
    /// `registry:5000/shop/web:v2@sha256:…` -> `v2`; `latest` where nothing is said.
    pub fn tag(&self) -> Option<&str> {
        let name = self.reference.split('@').next().unwrap_or_default();
        let last = name.rsplit('/').next().unwrap_or_default();
        last.split_once(':').map(|(_, tag)| tag)
    }

    /// Without tag, digest or registry path: `web`.
    pub fn short_name(&self) -> &str {
        let name = self.reference.split('@').next().unwrap_or_default();
        let last = name.rsplit('/').next().unwrap_or_default();
        last.split(':').next().unwrap_or_default()
    }

    pub fn release(&self) -> &str {
        if let Some(version) = self.version.as_deref().filter(|version| !version.is_empty()) {
            return version;
        }
        match (self.tag(), self.digest.as_deref()) {
            (Some(tag), _) => tag,
            (None, Some(digest)) if self.reference.contains('@') || self.reference.starts_with("sha256:") => {
                let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
                hex.get(..12).unwrap_or(hex)
            }
            _ => "latest",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Port {
    pub inside: u16,
    /// `tcp`, `udp`, `sctp`
    pub protocol: Arc<str>,
    /// Where it is published on the host, if it is: (`0.0.0.0`, 8080).
    pub published: Option<(Arc<str>, u16)>,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.published {
            Some((host, port)) if matches!(&**host, "0.0.0.0" | "::" | "") => write!(f, "{port}->{}", self.inside)?,
            Some((host, port)) => write!(f, "{host}:{port}->{}", self.inside)?,
            None => write!(f, "{}", self.inside)?,
        }
        if &*self.protocol == "tcp" { Ok(()) } else { write!(f, "/{}", self.protocol) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependency {
    /// A service of the same scope.
    pub service: Arc<str>,
    /// `started`, `healthy` or `completed`.
    pub condition: Arc<str>,
}

impl Dependency {
    /// The label, or annotation, by which a person says what a service depends on: "db, cache".
    pub const LABEL: &str = "midwatch.depends-on";

    /// What a `LABEL` says.
    pub fn listed(label: &str) -> impl Iterator<Item = Self> {
        let names = label.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(|name| Self { service: clean(name).into(), condition: "started".into() })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mount {
    /// `volume`, `bind`, `tmpfs`
    pub kind: Arc<str>,
    pub source: Arc<str>,
    pub target: Arc<str>,
    pub read_only: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// thousandths of a core
    pub cpu: Option<u64>,
    /// bytes
    pub memory: Option<u64>,
    pub pids: Option<u64>,
    /// thousandths of a core that are kept for it
    pub cpu_request: Option<u64>,
    /// bytes that are kept for it
    pub memory_request: Option<u64>,
}

/// A container of a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Part {
    pub name: Arc<str>,
    pub role: PartRole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartRole {
    /// Runs to its end before the others begin.
    Init,
    Main,
    /// An init container that goes on beside the main ones.
    Sidecar,
    /// Put into a running pod to look round.
    Ephemeral,
}

/// What an orchestrator says of a service beyond what every engine does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Orchestration {
    /// Instances that run the newest release.
    pub updated: Option<u32>,
    /// Ready for as long as the service asks before they count.
    pub available: Option<u32>,
    /// The newest release's number.
    pub revision: Option<u64>,
    pub paused: bool,
    /// Where others reach it.
    pub endpoints: Vec<Endpoint>,
    pub autoscaler: Option<Autoscaler>,
    pub budget: Option<Budget>,
    pub owner: Option<Owner>,
    /// Of a CronJob: when, and what is next.
    pub schedule: Option<Arc<str>>,
}

/// A Kubernetes Service (or a like thing) that sends to the instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    pub name: Arc<str>,
    /// "ClusterIP 10.96.0.12", "LoadBalancer 203.0.113.7"
    pub address: Arc<str>,
    /// "80->8080/tcp http"
    pub ports: Vec<Arc<str>>,
    /// Instances that it sends to now.
    pub ready: u32,
    pub not_ready: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Autoscaler {
    pub name: Arc<str>,
    pub minimum: u32,
    pub maximum: u32,
    pub wanted: u32,
    /// "cpu 64% of 80%", or why it cannot tell.
    pub says: Arc<str>,
}

/// How many may be missing while somebody drains nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Budget {
    pub name: Arc<str>,
    /// "at least 2", "at most 25% missing"
    pub says: Arc<str>,
    pub disruptions_allowed: u32,
}

/// Who would put its definition back if somebody else changed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Owner {
    pub tool: OwnerTool,
    /// The release, application or kustomization.
    pub name: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerTool {
    Helm,
    ArgoCd,
    Flux,
}

impl OwnerTool {
    pub fn word(self) -> &'static str {
        match self {
            Self::Helm => "Helm",
            Self::ArgoCd => "Argo CD",
            Self::Flux => "Flux",
        }
    }

    /// It puts back by itself what others change.
    pub fn reconciles(self) -> bool {
        match self {
            Self::Helm => false,
            Self::ArgoCd | Self::Flux => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(reference: &str) -> Image {
        Image { reference: reference.into(), ..Image::default() }
    }

    #[test]
    fn the_only_main_part_bears_its_instances_name_and_the_others_add_their_own() {
        let called = |parts: &[(&str, PartRole)]| {
            let parts = parts.iter().map(|(name, role)| Part { name: (*name).into(), role: *role }).collect();
            let instance = Instance { parts, ..super::super::inventory::tests::instance("web-1", "web") };
            let sources = instance.log_sources().into_iter();
            sources
                .map(|source| format!("{} {}", source.name_after(&"web-1".into()), source.id.key))
                .collect::<Vec<_>>()
        };
        assert_eq!(called(&[]), ["web-1 web-1"]);
        let one = [("setup", PartRole::Init), ("app", PartRole::Main), ("proxy", PartRole::Sidecar)];
        assert_eq!(called(&one), ["web-1 web-1#app", "web-1/setup web-1#setup", "web-1/proxy web-1#proxy"]);
        let two = [("app", PartRole::Main), ("proxy", PartRole::Main)];
        assert_eq!(called(&two), ["web-1/app web-1#app", "web-1/proxy web-1#proxy"]);
    }

    #[test]
    fn a_registry_port_is_not_mistaken_for_a_tag() {
        assert_eq!(image("registry:5000/shop/web").tag(), None);
        assert_eq!(image("registry:5000/shop/web:v2@sha256:ab").tag(), Some("v2"));
        assert_eq!(image("registry:5000/shop/web:v2").short_name(), "web");
    }

    #[test]
    fn a_release_is_called_by_its_version_then_its_tag_then_its_digest() {
        let mut image = image("web:v2");
        assert_eq!(image.release(), "v2");
        image.version = Some("2.4.1".into());
        assert_eq!(image.release(), "2.4.1");
        let by_digest = Image {
            reference: "web@sha256:0123456789abcdef".into(),
            digest: Some("sha256:0123456789abcdef".into()),
            ..Image::default()
        };
        assert_eq!(by_digest.release(), "0123456789ab");
    }

    #[test]
    fn a_published_port_reads_outside_to_inside() {
        let port = |host: &str| Port { inside: 80, protocol: "tcp".into(), published: Some((host.into(), 8080)) };
        assert_eq!(port("0.0.0.0").to_string(), "8080->80");
        assert_eq!(port("127.0.0.1").to_string(), "127.0.0.1:8080->80");
        assert_eq!(Port { inside: 53, protocol: "udp".into(), published: None }.to_string(), "53/udp");
    }
}
