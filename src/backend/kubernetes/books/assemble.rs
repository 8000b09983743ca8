//! Rows and verdicts become instances, services and nodes.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    super::row::{
        Entrance, Guard, Machine, Pod, Scaler, Workload,
        pod::{ContainerState, Ended, Now, Phase},
        template::PodTemplate,
        workload::Special,
    },
    names::Home,
};
use crate::{
    backend::kubernetes::health::{self, Judgement, Members},
    domain::{
        Autoscaler, Budget, ClusterName, Dependency, Endpoint, Health, Image, Instance, InstanceId, InstanceState,
        Node, Orchestration, PartRole, Service, ServiceId, ServiceKind,
    },
};

pub fn instance(cluster: &ClusterName, network: &Arc<str>, pod: &Pod, service: ServiceId, health: Health) -> Instance {
    let template = &pod.template;
    let main = main(pod);
    let started = main.and_then(|main| match &main.now {
        Now::Running { since } => since.get(),
        Now::Ended(end) => end.started.get(),
        Now::Waiting(_) => None,
    });
    Instance {
        id: InstanceId { cluster: cluster.clone(), key: pod.key.clone() },
        service,
        name: pod.name.clone(),
        state: state(pod),
        health,
        created: pod.created.get(),
        started,
        finished: pod.containers.iter().filter_map(|state| end(state)?.finished.get()).max(),
        restarts: pod.restarts(),
        image: Image {
            reference: template.image(),
            digest: main.and_then(|main| main.digest.clone()),
            ..Image::default()
        },
        addresses: pod.address.iter().map(|address| (network.clone(), address.clone())).collect(),
        ports: template.ports.clone(),
        mounts: template.mounts.clone(),
        limits: template.limits,
        tty: template.tty,
        has_health_check: template.has_health_check(),
        stop_signal: None,
        stop_timeout: template.stop_timeout,
        node: pod.node.clone(),
        parts: template.parts.clone(),
        is_removed_when_stopped: false,
        command: template.command.clone(),
    }
}

fn is_main(pod: &Pod, state: &ContainerState) -> bool {
    pod.template.containers.get(usize::from(state.place)).is_some_and(|container| container.role == PartRole::Main)
}

/// The first of its main containers.
fn main(pod: &Pod) -> Option<&ContainerState> {
    pod.containers.iter().find(|state| is_main(pod, state))
}

fn end(state: &ContainerState) -> Option<&Ended> {
    match &state.now {
        Now::Ended(end) => Some(end),
        Now::Waiting(_) => state.last.as_deref(),
        Now::Running { .. } => None,
    }
}

fn state(pod: &Pod) -> InstanceState {
    if pod.is_leaving() {
        return InstanceState::Removing;
    }
    // The one that went wrong speaks for all.
    let ends = pod.containers.iter().filter_map(end);
    let worst = ends.max_by_key(|end| (end.out_of_memory(), end.code != 0, end.finished));
    let (exit_code, out_of_memory) = worst.map_or((0, false), |end| (i64::from(end.code), end.out_of_memory()));
    let runs = |state: &ContainerState| is_main(pod, state) && matches!(state.now, Now::Running { .. });
    match pod.phase {
        Phase::Succeeded | Phase::Failed => InstanceState::Exited { exit_code, out_of_memory },
        Phase::Pending | Phase::Running | Phase::Unknown => {
            if pod.containers.iter().any(runs) {
                InstanceState::Running
            } else if pod
                .containers
                .iter()
                .any(|state| end(state).is_some_and(|end| end.code != 0 || state.restarts > 0))
            {
                InstanceState::Restarting { exit_code, out_of_memory }
            } else {
                InstanceState::Created
            }
        }
    }
}

/// What belongs to one service.
pub struct Parts<'a> {
    pub home: &'a Home,
    pub workload: Option<&'a Workload>,
    pub pods: &'a [(&'a Pod, Judgement)],
    pub are_pods_known: bool,
    pub entrances: Vec<&'a Entrance>,
    pub scaler: Option<&'a Scaler>,
    pub guard: Option<&'a Guard>,
}

pub fn service(id: ServiceId, parts: &Parts, judgement: &Judgement) -> Service {
    let (wanted, ready) = parts.numbers();
    let newest = parts.pods.iter().map(|(pod, _)| *pod).max_by_key(|pod| pod.created);
    let template = parts.template();
    Service {
        kind: parts.home.kind,
        wanted,
        ready,
        health: judgement.health.clone(),
        since: judgement.since,
        restarts: parts.pods.iter().fold(0, |sum, (pod, _)| sum.saturating_add(pod.restarts())),
        image: template.filter(|template| !template.containers.is_empty()).map(|template| {
            let reference = template.image();
            let is_same = |pod: &&Pod| pod.template.image() == reference;
            let digest = newest.filter(is_same).and_then(main).and_then(|main| main.digest.clone());
            Image { reference, digest, ..Image::default() }
        }),
        ports: template.map(|template| template.ports.to_vec()).unwrap_or_default(),
        depends_on: parts.depends_on(),
        backup: parts.workload.and_then(|workload| workload.meta.backup.clone()),
        created: parts.created(),
        orchestration: Some(Arc::new(parts.orchestration())),
        fingerprint: parts.fingerprint(),
        id,
    }
}

impl Parts<'_> {
    /// The workload's own; of one that borrows it, or is not known, its newest pod's.
    fn template(&self) -> Option<&Arc<PodTemplate>> {
        let own = self.workload.map(|workload| &workload.template).filter(|template| !template.containers.is_empty());
        own.or_else(|| self.pods.iter().max_by_key(|(pod, _)| pod.created).map(|(pod, _)| &pod.template))
    }

    /// As somebody wrote it on the workload.
    fn depends_on(&self) -> Vec<Dependency> {
        let said = self.workload.and_then(|workload| workload.meta.depends_on.as_deref());
        said.map(|said| Dependency::listed(said).collect()).unwrap_or_default()
    }

    fn created(&self) -> Option<Timestamp> {
        let own = self.workload.and_then(|workload| workload.meta.created.get());
        own.or_else(|| self.pods.iter().filter_map(|(pod, _)| pod.created.get()).min())
    }

    fn counted(&self) -> impl Iterator<Item = &Pod> {
        self.pods.iter().map(|(pod, _)| *pod).filter(|pod| !pod.is_over() && !pod.is_leaving())
    }

    /// Wanted and ready, by its own status where it has one.
    fn numbers(&self) -> (u32, u32) {
        let many = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let ready = || many(self.counted().filter(|pod| pod.is_ready).count());
        match self.workload {
            Some(workload) => match workload.special {
                Special::Deployment
                | Special::StatefulSet { .. }
                | Special::DaemonSet { .. }
                | Special::Rollout { .. } => {
                    let members = Members { pods: self.pods, are_known: self.are_pods_known, refusal: None };
                    (workload.wanted, health::working(workload.ready, &members))
                }
                Special::Job { .. } => (workload.wanted, workload.ready.max(ready())),
                Special::CronJob { .. } => (workload.wanted.max(many(self.counted().count())), ready()),
            },
            None => {
                let living = many(self.counted().count());
                (if living == 0 { many(self.pods.len()) } else { living }, ready())
            }
        }
    }

    fn orchestration(&self) -> Orchestration {
        let counts =
            self.workload.filter(|workload| !matches!(workload.special, Special::Job { .. } | Special::CronJob { .. }));
        Orchestration {
            updated: counts.map(|workload| workload.updated),
            available: counts.map(|workload| workload.available),
            revision: self.workload.and_then(|workload| workload.revision),
            paused: self.workload.is_some_and(|workload| workload.paused),
            endpoints: self.endpoints(),
            autoscaler: self.scaler.map(|scaler| Autoscaler {
                name: scaler.key.name.clone(),
                minimum: scaler.minimum,
                maximum: scaler.maximum,
                wanted: scaler.wanted,
                says: scaler.says.clone(),
            }),
            budget: self.guard.map(|guard| Budget {
                name: guard.key.name.clone(),
                says: guard.says.clone(),
                disruptions_allowed: guard.disruptions_allowed,
            }),
            owner: self.workload.and_then(|workload| workload.owner.clone()),
            schedule: self.workload.and_then(schedule),
        }
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let many = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (ready, not_ready) = match self.workload.filter(|_| !self.are_pods_known) {
            Some(workload) => (workload.ready, workload.there.saturating_sub(workload.ready)),
            None => {
                let ready = self.counted().filter(|pod| pod.is_ready).count();
                let waiting = self.counted().filter(|pod| !pod.is_ready && pod.address.is_some()).count();
                (many(ready), many(waiting))
            }
        };
        let endpoint = |entrance: &&Entrance| Endpoint {
            name: entrance.key.name.clone(),
            address: entrance.address.clone(),
            ports: entrance.ports.to_vec(),
            ready,
            not_ready,
        };
        self.entrances.iter().map(endpoint).collect()
    }

    /// What a plan for this service is made from: its definition, and which pods there are and whether each does its work. A pod that
    /// crashes and comes back all the time must not make every plan stale.
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        if let Some(workload) = self.workload {
            (&workload.meta.uid, workload.meta.generation).hash(&mut hasher);
        }
        for (pod, judgement) in self.pods {
            (pod.uid(), judgement.health.is_broken(), pod.is_leaving()).hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// "0 3 * * *, last at 2026-11-21T03:00:00Z"
fn schedule(workload: &Workload) -> Option<Arc<str>> {
    let Special::CronJob { schedule, active, last, .. } = &workload.special else { return None };
    let mut words = schedule.to_string();
    if workload.paused {
        words.push_str(", suspended");
    }
    if !active.is_empty() {
        words.push_str(&format!(", {} active", active.len()));
    }
    if let Some(last) = last.get() {
        words.push_str(&format!(", last at {last}"));
    }
    Some(words.into())
}

pub fn node(cluster: &ClusterName, machine: &Machine) -> Node {
    let (health, since) = health::node(machine);
    Node {
        cluster: cluster.clone(),
        name: machine.key.name.clone(),
        health,
        since,
        cordoned: machine.cordoned,
        roles: machine.roles.to_vec(),
        taints: machine.taints.to_vec(),
        capacity: machine.capacity,
        allocatable: machine.allocatable,
        slots: machine.slots,
        address: machine.address.clone(),
        version: machine.version.clone(),
        system: machine.system.clone(),
        created: machine.created.get(),
    }
}

/// For those whose pods nobody finds by labels, the empty text.
pub fn selector(kind: ServiceKind, workload: Option<&Workload>) -> Arc<str> {
    match (kind, workload) {
        (ServiceKind::CronJob, _) | (_, None) => "".into(),
        (_, Some(workload)) => workload.selector.to_string().into(),
    }
}
