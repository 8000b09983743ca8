//! What `--json` writes: one of these a line. Field names are kept for good; a field that is not known is `null`, never left out.
//! Times are RFC 3339, sizes are bytes, CPU is in millicores (1,000 is one core), rates are a second.

use std::collections::BTreeMap;

mod backups;
mod velero;

pub use backups::{ProtectionRecord, RetainedRecord, SnapshotRecord};
pub use velero::{ClusterBackupRecord, ForetoldRecord, VeleroBackupRecord, VeleroRestoreRecord, VeleroScheduleRecord};

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::{
    Capability, Cluster, Dependency, Difference, Health, Image, Instance, InstanceState, Inventory, Level, Limits,
    Link, Mount, Node, Orchestration, Outline, Output, Part, Port, Reason, Release, ReleaseSource, Sample, Service,
    ServiceId, ServiceKind, cluster::Engine,
};

/// `midwatch clusters --json`
#[derive(Debug, Serialize)]
pub struct ClusterRecord<'a> {
    pub cluster: &'a str,
    /// `docker`, `kubernetes`, `simulator`
    pub engine: Engine,
    /// Where it is reached, without credentials.
    pub endpoint: &'a str,
    /// `live`, `connecting`, `unreachable`, `hung`, `denied`, `expired`
    pub link: &'static str,
    /// Why it cannot be reached, and what would help.
    pub reason: Option<String>,
    pub help: Option<&'a str>,
    pub latency_ms: Option<u64>,
    pub engine_version: Option<&'a str>,
    pub api_version: Option<&'a str>,
    pub system: Option<&'a str>,
    pub cpus: Option<u32>,
    pub memory: Option<u64>,
    /// What else should be known of it ("a swarm manager").
    pub remarks: Vec<&'a str>,
    /// What may not be looked at, each with its reason: while there is any, the counts are not of everything.
    pub hidden: Vec<&'a str>,
    /// `null` while nobody could say what runs there.
    pub services: Option<usize>,
    /// How many of them are failing or degraded.
    pub broken: Option<usize>,
    pub protected: bool,
    pub read_only: bool,
    /// What its engine cannot do, in the console's words.
    pub cannot: Vec<String>,
}

/// `midwatch services --json`
#[derive(Debug, Serialize)]
pub struct ServiceRecord<'a> {
    pub cluster: &'a str,
    pub scope: &'a str,
    pub service: &'a str,
    /// `compose_service`, `swarm_service`, `container`, `deployment`, `stateful_set`, `daemon_set`, `job`, `cron_job`, `rollout`,
    /// `controlled`, `pod`
    pub kind: ServiceKind,
    #[serde(flatten)]
    pub health: HealthFields<'a>,
    /// Since when its health is what it is, where the engine tells.
    pub since: Option<Timestamp>,
    pub wanted: u32,
    pub ready: u32,
    pub restarts: u32,
    #[serde(flatten)]
    pub image: ImageFields<'a>,
    pub ports: Vec<PortRecord<'a>>,
    pub depends_on: &'a [Dependency],
    pub created: Option<Timestamp>,
    /// `updated`, `available`, `revision`, `paused`, `endpoints`, `autoscaler`, `budget`, `owner`, `schedule`; `null` where the engine
    /// is no orchestrator.
    pub orchestration: Option<&'a Orchestration>,
}

/// `midwatch nodes --json`
#[derive(Debug, Serialize)]
pub struct NodeRecord<'a> {
    pub cluster: &'a str,
    pub node: &'a str,
    #[serde(flatten)]
    pub health: HealthFields<'a>,
    /// Since when its health is what it is.
    pub since: Option<Timestamp>,
    /// Nothing new is put on it.
    pub cordoned: bool,
    pub roles: Vec<&'a str>,
    pub taints: Vec<&'a str>,
    /// The most instances that it takes, and how many have a place.
    pub slots: u32,
    pub slots_taken: u32,
    pub cpu: Option<u64>,
    pub memory: Option<u64>,
    /// What of that is for instances.
    pub cpu_allocatable: Option<u64>,
    pub memory_allocatable: Option<u64>,
    /// What the instances on it asked for.
    pub cpu_requested: u64,
    pub memory_requested: u64,
    pub address: Option<&'a str>,
    pub version: &'a str,
    pub system: &'a str,
    pub created: Option<Timestamp>,
}

/// `midwatch instances --json`
#[derive(Debug, Serialize)]
pub struct InstanceRecord<'a> {
    pub cluster: &'a str,
    pub scope: &'a str,
    pub service: &'a str,
    /// Its name.
    pub instance: &'a str,
    /// What the engine calls it for good.
    pub id: &'a str,
    /// `created`, `running`, `paused`, `restarting`, `exited`, `removing`, `dead`
    pub state: &'static str,
    pub exit_code: Option<i64>,
    pub out_of_memory: Option<bool>,
    #[serde(flatten)]
    pub health: HealthFields<'a>,
    pub created: Option<Timestamp>,
    pub started: Option<Timestamp>,
    pub finished: Option<Timestamp>,
    pub restarts: u32,
    #[serde(flatten)]
    pub image: ImageFields<'a>,
    pub addresses: Vec<AddressRecord<'a>>,
    pub ports: Vec<PortRecord<'a>>,
    pub mounts: &'a [Mount],
    pub cpu_limit: Option<u64>,
    pub memory_limit: Option<u64>,
    pub pids_limit: Option<u64>,
    /// What is kept for it.
    pub cpu_request: Option<u64>,
    pub memory_request: Option<u64>,
    /// The machine that it is on, where its cluster has several.
    pub node: Option<&'a str>,
    /// Its containers, where it has several: `name`, and `role`: `init`, `main`, `sidecar`, `ephemeral`
    pub parts: &'a [Part],
    pub tty: bool,
}

/// `midwatch releases ADDRESS --json`, newest first
#[derive(Debug, Serialize)]
pub struct ReleaseRecord<'a> {
    pub cluster: &'a str,
    pub scope: &'a str,
    pub service: &'a str,
    /// `engine`, `helm`
    pub source: ReleaseSource,
    /// What the engine keeps it as; `null` where it keeps nothing of it.
    pub id: Option<&'a str>,
    /// The engine's own number, where it counts.
    pub number: Option<u64>,
    /// Numbers that it had before it was gone back to.
    pub older: &'a [u64],
    #[serde(flatten)]
    pub image: ImageFields<'a>,
    pub created: Option<Timestamp>,
    pub current: bool,
    /// The newest other that held long: the one to go back to.
    pub suggested: bool,
    /// It did not do its work, where that can be told.
    pub failed: bool,
    /// How many instances run it now.
    pub instances: u32,
    /// Seconds for which it was the current one, of one that is over.
    pub served: Option<u64>,
    /// Since when all its instances are available, of a current one.
    pub healthy_since: Option<Timestamp>,
    /// Who or what brought it, and how it went, where that is known.
    pub cause: Option<&'a str>,
    pub outcome: Option<&'a str>,
    /// What it is made of, by path, where that is kept beside the list.
    pub outline: Option<BTreeMap<&'a str, &'a str>>,
}

/// `midwatch diff ADDRESS --json`
#[derive(Debug, Serialize)]
pub struct DifferenceRecord<'a> {
    pub cluster: &'a str,
    pub scope: &'a str,
    pub service: &'a str,
    /// What people call the older release and the newer one: `13 v2.4.0`.
    pub from: &'a str,
    pub to: &'a str,
    #[serde(flatten)]
    pub difference: &'a Difference,
}

/// `midwatch logs ADDRESS --json`: a line, or a gap (`lines_not_shown` is then their number, and `message` is `null`)
#[derive(Debug, Serialize)]
pub struct LogRecord<'a> {
    pub cluster: &'a str,
    pub scope: &'a str,
    pub service: &'a str,
    pub instance: &'a str,
    /// The one of the instance's containers, where it is made of such.
    pub container: Option<&'a str>,
    pub time: Timestamp,
    /// `stdout`, `stderr`; `null` for a gap
    pub output: Option<Output>,
    /// `none`, `trace`, `debug`, `info`, `warn`, `error`, `fatal`; `null` for a gap
    pub level: Option<Level>,
    /// Without colours; bytes that are not UTF-8 became U+FFFD.
    pub message: Option<&'a str>,
    pub lines_not_shown: Option<u64>,
}

/// `midwatch metrics --json`
#[derive(Debug, Serialize)]
pub struct SampleRecord<'a> {
    pub cluster: &'a str,
    pub scope: &'a str,
    pub service: &'a str,
    pub instance: &'a str,
    /// `time`, then what was measured.
    #[serde(flatten)]
    pub sample: SampleFields,
    pub cpu_limit: Option<u64>,
    pub memory_limit: Option<u64>,
}

/// `midwatch check --json`
#[derive(Debug, Serialize)]
pub struct CheckRecord<'a> {
    /// `file` or `cluster`
    pub kind: &'static str,
    /// Which.
    pub name: &'a str,
    pub ok: bool,
    /// How it is, or what is wrong with it; for a file with its line and column.
    pub says: &'a str,
    pub help: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub struct HealthFields<'a> {
    /// `healthy`, `stopped`, `unknown`, `changing`, `degraded`, `failing`
    pub health: &'static str,
    /// Why, in one line; `null` for what is healthy.
    pub reason: Option<&'a str>,
    /// More of it ("the health check's last output").
    pub detail: Option<&'a str>,
    /// What a person could do.
    pub help: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub struct ImageFields<'a> {
    /// As written by whoever started it.
    pub image: Option<&'a str>,
    pub digest: Option<&'a str>,
    /// What people call it: version label, tag, or the start of the digest.
    pub release: Option<&'a str>,
    /// OCI labels, where the image has them.
    pub version: Option<&'a str>,
    pub revision: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub struct PortRecord<'a> {
    pub inside: u16,
    /// `tcp`, `udp`, `sctp`
    pub protocol: &'a str,
    /// Where it is published, if it is.
    pub host: Option<&'a str>,
    pub port: Option<u16>,
}

#[derive(Debug, Serialize)]
pub struct AddressRecord<'a> {
    pub network: &'a str,
    pub address: &'a str,
}

#[derive(Debug, Serialize)]
pub struct SampleFields {
    pub time: Timestamp,
    pub cpu: u64,
    /// Without the page cache that can be given back.
    pub memory: u64,
    pub received: u64,
    pub sent: u64,
    pub read: u64,
    pub written: u64,
    pub pids: u64,
    /// That it is the mean of, up to `time`.
    pub seconds: u16,
}

impl<'a> ClusterRecord<'a> {
    pub fn of(cluster: &'a Cluster, inventory: &'a Inventory) -> Self {
        let (reason, help) = match &cluster.link {
            Link::Lost { why, .. } => (Some(why.line()), why.help.as_deref()),
            Link::Idle | Link::Connecting { .. } | Link::Live { .. } => (None, None),
        };
        let facts = cluster.facts.as_ref();
        let pictured = inventory.pictured(&cluster.name).is_some();
        let services = || inventory.services_of(&cluster.name);
        Self {
            cluster: cluster.name.as_str(),
            engine: cluster.engine,
            endpoint: &cluster.endpoint,
            link: cluster.link.word(),
            reason,
            help,
            latency_ms: cluster.latency.map(|latency| latency.as_millis().try_into().unwrap_or(u64::MAX)),
            engine_version: facts.map(|facts| &*facts.engine_version),
            api_version: facts.map(|facts| &*facts.api_version),
            system: facts.map(|facts| &*facts.system),
            cpus: facts.map(|facts| facts.cpus),
            memory: facts.map(|facts| facts.memory),
            remarks: facts.map(|facts| facts.remarks.iter().map(|remark| &**remark).collect()).unwrap_or_default(),
            hidden: facts.map(|facts| facts.hidden.iter().map(|what| &**what).collect()).unwrap_or_default(),
            services: pictured.then(|| services().count()),
            broken: pictured.then(|| services().filter(|service| service.health.is_broken()).count()),
            protected: cluster.protected,
            read_only: cluster.read_only,
            cannot: Capability::ALL
                .into_iter()
                .filter_map(|capability| cluster.capabilities.allow(capability).err())
                .map(|reason| reason.to_string())
                .collect(),
        }
    }
}

impl<'a> From<&'a Service> for ServiceRecord<'a> {
    fn from(service: &'a Service) -> Self {
        Self {
            cluster: service.id.cluster.as_str(),
            scope: service.id.scope.as_str(),
            service: &service.id.name,
            kind: service.kind,
            health: (&service.health).into(),
            since: service.since,
            wanted: service.wanted,
            ready: service.ready,
            restarts: service.restarts,
            image: service.image.as_ref().into(),
            ports: service.ports.iter().map(PortRecord::from).collect(),
            depends_on: &service.depends_on,
            created: service.created,
            orchestration: service.orchestration.as_deref(),
        }
    }
}

impl<'a> From<&'a Instance> for InstanceRecord<'a> {
    fn from(instance: &'a Instance) -> Self {
        let (exit_code, out_of_memory) = match instance.state {
            InstanceState::Exited { exit_code, out_of_memory }
            | InstanceState::Restarting { exit_code, out_of_memory } => (Some(exit_code), Some(out_of_memory)),
            InstanceState::Created
            | InstanceState::Running
            | InstanceState::Paused
            | InstanceState::Removing
            | InstanceState::Dead => (None, None),
        };
        Self {
            cluster: instance.service.cluster.as_str(),
            scope: instance.service.scope.as_str(),
            service: &instance.service.name,
            instance: &instance.name,
            id: &instance.id.key,
            state: instance.state.word(),
            exit_code,
            out_of_memory,
            health: (&instance.health).into(),
            created: instance.created,
            started: instance.started,
            finished: instance.finished,
            restarts: instance.restarts,
            image: Some(&instance.image).into(),
            addresses: instance.addresses.iter().map(|(network, address)| AddressRecord { network, address }).collect(),
            ports: instance.ports.iter().map(PortRecord::from).collect(),
            mounts: &instance.mounts,
            cpu_limit: instance.limits.cpu,
            memory_limit: instance.limits.memory,
            pids_limit: instance.limits.pids,
            cpu_request: instance.limits.cpu_request,
            memory_request: instance.limits.memory_request,
            node: instance.node.as_deref(),
            parts: &instance.parts,
            tty: instance.tty,
        }
    }
}

impl<'a> NodeRecord<'a> {
    pub fn of(node: &'a Node, inventory: &Inventory) -> Self {
        let Limits { cpu, memory, .. } = node.capacity;
        let load = inventory.load(&node.cluster, &node.name);
        Self {
            cluster: node.cluster.as_str(),
            node: &node.name,
            health: (&node.health).into(),
            since: node.since,
            cordoned: node.cordoned,
            roles: node.roles.iter().map(|role| &**role).collect(),
            taints: node.taints.iter().map(|taint| &**taint).collect(),
            slots: node.slots,
            slots_taken: load.map_or(0, |load| load.taken),
            cpu,
            memory,
            cpu_allocatable: node.allocatable.cpu,
            memory_allocatable: node.allocatable.memory,
            cpu_requested: load.map_or(0, |load| load.cpu_request),
            memory_requested: load.map_or(0, |load| load.memory_request),
            address: node.address.as_deref(),
            version: &node.version,
            system: &node.system,
            created: node.created,
        }
    }
}

impl<'a> ReleaseRecord<'a> {
    pub fn of(service: &'a ServiceId, release: &'a Release, suggested: bool) -> Self {
        let is_named = !release.image.reference.is_empty();
        let pairs = |outline: &'a Outline| outline.0.iter().map(|(path, value)| (&**path, &**value)).collect();
        Self {
            cluster: service.cluster.as_str(),
            scope: service.scope.as_str(),
            service: &service.name,
            source: release.source,
            id: Some(&*release.id).filter(|id| !id.is_empty()),
            number: release.number,
            older: &release.older,
            image: is_named.then_some(&release.image).into(),
            created: release.created,
            current: release.current,
            suggested,
            failed: release.failed,
            instances: release.instances,
            served: release.served,
            healthy_since: release.healthy_since,
            cause: release.cause.as_deref(),
            outcome: release.outcome.as_deref(),
            outline: release.outline.as_deref().map(pairs),
        }
    }
}

impl<'a> From<&'a Health> for HealthFields<'a> {
    fn from(health: &'a Health) -> Self {
        let reason = health.reason();
        Self {
            health: health.word(),
            reason: reason.map(|Reason { text, .. }| &**text),
            detail: reason.and_then(|reason| reason.detail.as_deref()),
            help: reason.and_then(|reason| reason.help.as_deref()),
        }
    }
}

impl<'a> From<Option<&'a Image>> for ImageFields<'a> {
    fn from(image: Option<&'a Image>) -> Self {
        Self {
            image: image.map(|image| &*image.reference),
            digest: image.and_then(|image| image.digest.as_deref()),
            release: image.map(Image::release),
            version: image.and_then(|image| image.version.as_deref()),
            revision: image.and_then(|image| image.revision.as_deref()),
        }
    }
}

impl<'a> From<&'a Port> for PortRecord<'a> {
    fn from(port: &'a Port) -> Self {
        let published = port.published.as_ref();
        Self {
            inside: port.inside,
            protocol: &port.protocol,
            host: published.map(|(host, _)| &**host),
            port: published.map(|(_, port)| *port),
        }
    }
}

impl From<Sample> for SampleFields {
    fn from(sample: Sample) -> Self {
        let Sample { at, cpu, memory, received, sent, read, written, pids, seconds } = sample;
        Self { time: at, cpu, memory, received, sent, read, written, pids, seconds }
    }
}
