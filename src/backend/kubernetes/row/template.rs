//! How pods are made: what all pods of one release of a workload share, kept once for all of them.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    Interner,
    labels::{Labels, RawLabels},
    text::{self, Text},
};
use crate::{
    backend::mask,
    domain::{Limits, Mount, Part, PartRole, Port, text::shorten},
};

/// Where every pod finds its own token: nobody mounted it there.
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const LONGEST_COMMAND: usize = 400;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodTemplate {
    pub labels: Labels,
    /// In the order in which they begin: init containers and sidecars, main ones, ephemeral ones.
    pub containers: Box<[Container]>,
    pub parts: Arc<[Part]>,
    /// Of the main containers and sidecars.
    pub ports: Arc<[Port]>,
    pub mounts: Arc<[Mount]>,
    /// The sum over what runs at the same time.
    pub limits: Limits,
    pub command: Arc<str>,
    pub tty: bool,
    pub restart: Restart,
    /// Seconds between the stop signal and the kill.
    pub stop_timeout: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Container {
    pub name: Arc<str>,
    pub role: PartRole,
    pub image: Arc<str>,
    /// bytes
    pub memory_limit: Option<u64>,
    pub readiness: Option<Probe>,
    pub liveness: bool,
    pub startup: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Probe {
    /// Seconds until the first one.
    pub delay: u32,
    /// Seconds between two.
    pub period: u32,
    /// So many failures in a row count.
    pub threshold: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Restart {
    #[default]
    Always,
    OnFailure,
    Never,
}

impl PodTemplate {
    pub fn main(&self) -> Option<&Container> {
        self.containers.iter().find(|container| container.role == PartRole::Main)
    }

    pub fn image(&self) -> Arc<str> {
        self.main().map_or_else(|| "".into(), |main| main.image.clone())
    }

    pub fn has_health_check(&self) -> bool {
        self.containers.iter().any(|container| container.readiness.is_some())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawTemplate<'a> {
    #[serde(borrow)]
    pub metadata: Option<RawTemplateMeta<'a>>,
    #[serde(borrow)]
    pub spec: Option<RawSpec<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawTemplateMeta<'a> {
    #[serde(borrow)]
    pub labels: RawLabels<'a>,
}

impl RawTemplate<'_> {
    pub fn template(&self, interner: &mut Interner) -> Arc<PodTemplate> {
        let (nothing, no_labels) = (RawSpec::default(), RawLabels::default());
        let labels = self.metadata.as_ref().map_or(&no_labels, |metadata| &metadata.labels);
        self.spec.as_ref().unwrap_or(&nothing).template(labels, interner)
    }
}

/// `PodSpec`, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RawSpec<'a> {
    #[serde(borrow)]
    pub node_name: Text<'a>,
    #[serde(borrow)]
    restart_policy: Text<'a>,
    termination_grace_period_seconds: Option<i64>,
    #[serde(borrow)]
    init_containers: Option<Vec<RawContainer<'a>>>,
    #[serde(borrow)]
    containers: Option<Vec<RawContainer<'a>>>,
    #[serde(borrow)]
    ephemeral_containers: Option<Vec<RawContainer<'a>>>,
    #[serde(borrow)]
    volumes: Option<Vec<RawVolume<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawContainer<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    image: Text<'a>,
    #[serde(borrow)]
    restart_policy: Text<'a>,
    #[serde(borrow)]
    command: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    args: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    ports: Option<Vec<RawPort<'a>>>,
    #[serde(borrow)]
    resources: Option<RawResources<'a>>,
    #[serde(borrow)]
    volume_mounts: Option<Vec<RawMount<'a>>>,
    readiness_probe: Option<RawProbe>,
    liveness_probe: Option<RawNothing>,
    startup_probe: Option<RawNothing>,
    tty: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawPort<'a> {
    container_port: Option<u16>,
    host_port: Option<u16>,
    #[serde(borrow, rename = "hostIP")]
    host_ip: Text<'a>,
    #[serde(borrow)]
    protocol: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawResources<'a> {
    #[serde(borrow)]
    limits: Option<RawAmounts<'a>>,
    #[serde(borrow)]
    requests: Option<RawAmounts<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawAmounts<'a> {
    #[serde(borrow)]
    pub cpu: Text<'a>,
    #[serde(borrow)]
    pub memory: Text<'a>,
    #[serde(borrow)]
    pub pods: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawMount<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    mount_path: Text<'a>,
    read_only: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawProbe {
    initial_delay_seconds: Option<i64>,
    period_seconds: Option<i64>,
    failure_threshold: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawVolume<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    config_map: Option<RawSource<'a>>,
    #[serde(borrow)]
    secret: Option<RawSource<'a>>,
    #[serde(borrow)]
    persistent_volume_claim: Option<RawSource<'a>>,
    #[serde(borrow)]
    host_path: Option<RawSource<'a>>,
    empty_dir: Option<RawNothing>,
    projected: Option<RawNothing>,
    ephemeral: Option<RawNothing>,
    #[serde(borrow)]
    csi: Option<RawSource<'a>>,
    #[serde(borrow)]
    nfs: Option<RawSource<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawNothing {}

/// What a volume is made from, under whichever name its kind gives it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawSource<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    secret_name: Text<'a>,
    #[serde(borrow)]
    claim_name: Text<'a>,
    #[serde(borrow)]
    path: Text<'a>,
    #[serde(borrow)]
    driver: Text<'a>,
}

impl RawSpec<'_> {
    pub fn template(&self, labels: &RawLabels, interner: &mut Interner) -> Arc<PodTemplate> {
        let all = || {
            let init = self.init_containers.iter().flatten().map(|raw| (raw, role_of_init(raw)));
            let main = self.containers.iter().flatten().map(|raw| (raw, PartRole::Main));
            let ephemeral = self.ephemeral_containers.iter().flatten().map(|raw| (raw, PartRole::Ephemeral));
            init.chain(main).chain(ephemeral)
        };
        let lasting = || all().filter(|(_, role)| matches!(role, PartRole::Main | PartRole::Sidecar));
        let containers: Box<[Container]> = all().map(|(raw, role)| raw.container(role, interner)).collect();
        let parts = containers.iter().map(|container| Part { name: container.name.clone(), role: container.role });
        let first = self.containers.iter().flatten().next();
        let template = PodTemplate {
            labels: labels.shared(interner),
            parts: parts.collect(),
            ports: lasting().flat_map(|(raw, _)| raw.ports.iter().flatten()).map(|raw| raw.port(interner)).collect(),
            mounts: self.mounts(interner),
            limits: sum(lasting().map(|(raw, _)| raw.limits())),
            command: first.map_or_else(|| "".into(), |raw| raw.command_line(interner)),
            tty: first.is_some_and(|raw| raw.tty == Some(true)),
            restart: match &*self.restart_policy {
                "Never" => Restart::Never,
                "OnFailure" => Restart::OnFailure,
                _ => Restart::Always,
            },
            stop_timeout: self.termination_grace_period_seconds.map_or(30, |seconds| text::count(Some(seconds))),
            containers,
        };
        interner.template(template)
    }

    /// Of all containers, each volume at each place once.
    fn mounts(&self, interner: &mut Interner) -> Arc<[Mount]> {
        let mut found: Vec<Mount> = Vec::new();
        let containers = self.init_containers.iter().chain(&self.containers).flatten();
        for raw in containers.flat_map(|raw| raw.volume_mounts.iter().flatten()) {
            if &*raw.mount_path == TOKEN_PATH {
                continue;
            }
            let volume = self.volumes.iter().flatten().find(|volume| *volume.name == *raw.name);
            let (kind, source) = volume.map_or(("volume", &*raw.name), RawVolume::source);
            let mount = Mount {
                kind: interner.text(kind),
                source: interner.text(source),
                target: interner.text(&raw.mount_path),
                read_only: raw.read_only == Some(true),
            };
            if !found.contains(&mount) {
                found.push(mount);
            }
        }
        found.into()
    }
}

/// An init container that is restarted always goes on beside the main ones.
fn role_of_init(raw: &RawContainer) -> PartRole {
    if &*raw.restart_policy == "Always" { PartRole::Sidecar } else { PartRole::Init }
}

impl RawContainer<'_> {
    fn container(&self, role: PartRole, interner: &mut Interner) -> Container {
        Container {
            name: interner.text(&self.name),
            role,
            image: interner.text(&self.image),
            memory_limit: self.limits().memory,
            readiness: self.readiness_probe.as_ref().map(|probe| Probe {
                delay: text::count(probe.initial_delay_seconds),
                period: probe.period_seconds.map_or(10, |seconds| text::count(Some(seconds))),
                threshold: probe.failure_threshold.map_or(3, |failures| text::count(Some(failures))),
            }),
            liveness: self.liveness_probe.is_some(),
            startup: self.startup_probe.is_some(),
        }
    }

    fn limits(&self) -> Limits {
        let nothing = RawAmounts::default();
        let resources = self.resources.as_ref();
        let limits = resources.and_then(|resources| resources.limits.as_ref()).unwrap_or(&nothing);
        let requests = resources.and_then(|resources| resources.requests.as_ref()).unwrap_or(&nothing);
        Limits {
            cpu: text::cpu(&limits.cpu),
            memory: text::bytes(&limits.memory),
            pids: None,
            cpu_request: text::cpu(&requests.cpu),
            memory_request: text::bytes(&requests.memory),
        }
    }

    /// Without the secrets that stand in it. Looking for them is slow, so it is done once for all that are alike.
    fn command_line(&self, interner: &mut Interner) -> Arc<str> {
        let words = || self.command.iter().chain(&self.args).flatten().map(|word| &**word).take(100);
        interner.made(words(), || {
            let words: Vec<String> = words().map(|word| shorten(word, LONGEST_COMMAND).into_owned()).collect();
            shorten(&mask::arguments(&words).join(" "), LONGEST_COMMAND).into_owned()
        })
    }
}

/// What one container leaves open is open for the pod, so a limit is told where every container has one; what is kept for the pod is
/// the sum of what is asked.
fn sum(mut parts: impl Iterator<Item = Limits>) -> Limits {
    let Some(first) = parts.next() else { return Limits::default() };
    let all = |sum: Option<u64>, more: Option<u64>| Some(sum?.saturating_add(more?));
    let any = |sum: Option<u64>, more: Option<u64>| match (sum, more) {
        (Some(sum), Some(more)) => Some(sum.saturating_add(more)),
        (sum, more) => sum.or(more),
    };
    parts.fold(first, |sum, more| Limits {
        cpu: all(sum.cpu, more.cpu),
        memory: all(sum.memory, more.memory),
        pids: None,
        cpu_request: any(sum.cpu_request, more.cpu_request),
        memory_request: any(sum.memory_request, more.memory_request),
    })
}

impl RawPort<'_> {
    fn port(&self, interner: &mut Interner) -> Port {
        let protocol = if self.protocol.is_empty() { "tcp".into() } else { self.protocol.to_ascii_lowercase() };
        Port {
            inside: self.container_port.unwrap_or(0),
            protocol: interner.text(&protocol),
            published: self.host_port.filter(|port| *port > 0).map(|port| (interner.text(&self.host_ip), port)),
        }
    }
}

impl RawVolume<'_> {
    /// Of what kind it is, and what it is made from.
    fn source(&self) -> (&'static str, &str) {
        if let Some(source) = &self.config_map {
            ("configmap", &source.name)
        } else if let Some(source) = &self.secret {
            ("secret", &source.secret_name)
        } else if let Some(source) = &self.persistent_volume_claim {
            ("claim", &source.claim_name)
        } else if let Some(source) = &self.host_path {
            ("host", &source.path)
        } else if self.empty_dir.is_some() {
            ("empty", &self.name)
        } else if self.projected.is_some() {
            ("projected", &self.name)
        } else if self.ephemeral.is_some() {
            ("ephemeral", &self.name)
        } else if let Some(source) = &self.csi {
            ("csi", &source.driver)
        } else if let Some(source) = &self.nfs {
            ("nfs", &source.path)
        } else {
            ("volume", &self.name)
        }
    }
}
