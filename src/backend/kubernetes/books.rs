//! What the server last said of each object, and what changes for the console when it says something else. Pure. One pod's change costs
//! what its service costs, and what was told of ten thousand pods is remembered as a number each.

mod about;
mod assemble;
mod judge;
mod keep;
mod names;
mod notes;

pub use self::notes::{Note, NoteKind};

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    mem,
    sync::Arc,
};

use jiff::Timestamp;

use self::{
    names::{Home, Names},
    notes::Notes,
};
use super::{
    directory::Directory,
    health,
    row::{Entrance, Guard, Key, Kind, Machine, Pod, Row, Scaler, Workload, condition::Truth, workload::Special},
};
use crate::domain::{
    Change, ClusterName, HostFacts, InstanceId, Node, Service, ServiceId, ServiceKind, inventory::Picture,
};

pub struct Books {
    cluster: ClusterName,
    directory: Arc<Directory>,
    /// What the address of a pod is called.
    network: Arc<str>,
    pods: HashMap<Key, PodEntry>,
    groups: BTreeMap<Home, Group>,
    names: Names,
    /// The Jobs of CronJobs: their pods are the CronJob's.
    runs: HashMap<Key, Workload>,
    entrances: BTreeMap<Key, Entrance>,
    scalers: BTreeMap<Key, Scaler>,
    guards: BTreeMap<Key, Guard>,
    nodes: BTreeMap<Arc<str>, NodeEntry>,
    lost_nodes: HashSet<Arc<str>>,
    notes: Notes,
    are_pods_known: bool,
    /// What must be judged again.
    dirty: BTreeSet<Home>,
    /// When time alone changes how a service is.
    due: BTreeSet<(Timestamp, Home)>,
    gone: Gone,
}

struct PodEntry {
    row: Pod,
    /// A hash of what was told, apart from the row, with which it is forgotten; `None` while nothing was told of this row.
    told: Option<u64>,
    /// Something was told of this pod, be it of an older row: when it goes, that must be told too.
    is_known: bool,
}

/// What makes one service.
#[derive(Default)]
struct Group {
    workload: Option<Box<Workload>>,
    /// By name.
    pods: BTreeSet<Arc<str>>,
    runs: BTreeSet<Arc<str>>,
    told: Option<Service>,
    again_at: Option<Timestamp>,
}

struct NodeEntry {
    row: Machine,
    told: Option<Node>,
}

/// What was told and is there no more.
#[derive(Default)]
struct Gone {
    instances: Vec<InstanceId>,
    services: Vec<ServiceId>,
    nodes: Vec<Arc<str>>,
}

/// A workload that is not well by its own status, and what finds its pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub namespace: Arc<str>,
    pub selector: Arc<str>,
    pub service: ServiceId,
}

impl Books {
    pub fn new(cluster: ClusterName, directory: Arc<Directory>) -> Self {
        Self {
            cluster,
            directory,
            network: "pod".into(),
            pods: HashMap::new(),
            groups: BTreeMap::new(),
            names: Names::default(),
            runs: HashMap::new(),
            entrances: BTreeMap::new(),
            scalers: BTreeMap::new(),
            guards: BTreeMap::new(),
            nodes: BTreeMap::new(),
            lost_nodes: HashSet::new(),
            notes: Notes::default(),
            are_pods_known: false,
            dirty: BTreeSet::new(),
            due: BTreeSet::new(),
            gone: Gone::default(),
        }
    }

    /// Takes in what was listed, or what a watch said was added or changed.
    pub fn put(&mut self, row: Row) {
        match row {
            Row::Pod(pod) => self.put_pod(pod),
            Row::Workload(workload) => self.put_workload(*workload),
            Row::Node(machine) => self.put_node(*machine),
            Row::Service(entrance) => {
                self.touch_selected(&entrance.key.namespace.clone(), |labels| entrance.selector.matches(labels));
                let before = self.entrances.insert(entrance.key.clone(), entrance);
                self.touch_before(before.map(|before| (before.key.namespace, before.selector)));
            }
            Row::Guard(guard) => {
                self.touch_selected(&guard.key.namespace.clone(), |labels| guard.selector.matches(labels));
                let before = self.guards.insert(guard.key.clone(), guard);
                self.touch_before(before.map(|before| (before.key.namespace, before.selector)));
            }
            Row::Scaler(scaler) => {
                let before = self.scalers.insert(scaler.key.clone(), scaler.clone());
                for scaler in before.iter().chain([&scaler]) {
                    self.touch_target(scaler);
                }
            }
            Row::Event(event) => self.put_event(&event),
            // Which namespaces there are is the feed's business.
            Row::Namespace(_) => {}
        }
    }

    /// A watch said that it is gone.
    pub fn remove(&mut self, kind: Kind, key: &Key) {
        match kind {
            Kind::Pod => self.remove_pod(key),
            Kind::Deployment => self.remove_workload(ServiceKind::Deployment, key),
            Kind::StatefulSet => self.remove_workload(ServiceKind::StatefulSet, key),
            Kind::DaemonSet => self.remove_workload(ServiceKind::DaemonSet, key),
            Kind::Job => self.remove_workload(ServiceKind::Job, key),
            Kind::CronJob => self.remove_workload(ServiceKind::CronJob, key),
            Kind::Rollout => self.remove_workload(ServiceKind::Rollout, key),
            Kind::Service => {
                let before = self.entrances.remove(key);
                self.touch_before(before.map(|before| (before.key.namespace, before.selector)));
            }
            Kind::Guard => {
                let before = self.guards.remove(key);
                self.touch_before(before.map(|before| (before.key.namespace, before.selector)));
            }
            Kind::Scaler => {
                if let Some(scaler) = self.scalers.remove(key) {
                    self.touch_target(&scaler);
                }
            }
            Kind::Node => self.remove_node(&key.name),
            Kind::Namespace | Kind::Event => {}
        }
    }

    /// Forgets what a new list does not have: of one kind, in one namespace or in all.
    pub fn retain(&mut self, kind: Kind, namespace: Option<&str>, listed: &HashSet<Key>) {
        let gone: Vec<Key> = self.keys(kind).into_iter().filter(|key| !listed.contains(key)).collect();
        for key in gone.iter().filter(|key| namespace.is_none_or(|namespace| *key.namespace == *namespace)) {
            self.remove(kind, key);
        }
    }

    fn keys(&self, kind: Kind) -> Vec<Key> {
        let of = |kind| {
            let groups = self.groups.iter().filter(move |(home, group)| home.kind == kind && group.workload.is_some());
            groups.map(|(home, _)| home.key()).collect()
        };
        match kind {
            Kind::Pod => self.pods.keys().cloned().collect(),
            Kind::Deployment => of(ServiceKind::Deployment),
            Kind::StatefulSet => of(ServiceKind::StatefulSet),
            Kind::DaemonSet => of(ServiceKind::DaemonSet),
            Kind::CronJob => of(ServiceKind::CronJob),
            Kind::Rollout => of(ServiceKind::Rollout),
            Kind::Job => {
                let mut all: Vec<Key> = of(ServiceKind::Job);
                all.extend(self.runs.keys().cloned());
                all
            }
            Kind::Service => self.entrances.keys().cloned().collect(),
            Kind::Guard => self.guards.keys().cloned().collect(),
            Kind::Scaler => self.scalers.keys().cloned().collect(),
            Kind::Node => self.nodes.values().map(|node| node.row.key.clone()).collect(),
            Kind::Namespace | Kind::Event => Vec::new(),
        }
    }

    /// From now on all pods are known: that a service has none means that it has none. Until then its own status speaks.
    pub fn pods_are_known(&mut self) {
        self.are_pods_known = true;
        self.dirty.extend(self.groups.keys().cloned());
    }

    /// Workloads that are not well by their own status, worst first.
    pub fn broken_workloads(&self) -> Vec<Broken> {
        let mut found: Vec<(u64, Broken)> = Vec::new();
        for (home, group) in &self.groups {
            // Only the last run of a CronJob says how it is.
            let run = self.runs_of(home, group).max_by_key(|run| run.meta.created);
            let Some(workload) = run.or(group.workload.as_deref()) else { continue };
            let share = match shortfall(workload) {
                Some(share) => share,
                None => continue,
            };
            let selector = workload.selector.to_string();
            if !selector.is_empty() {
                let (namespace, service) = (home.namespace.clone(), self.id(home));
                found.push((share, Broken { namespace, selector: selector.into(), service }));
            }
        }
        found.sort_by_key(|(share, _)| *share);
        found.into_iter().map(|(_, broken)| broken).collect()
    }

    /// Services, nodes, and the instances that are known so far. The facts are the feed's to fill in.
    pub fn picture(&mut self, now: Timestamp) -> Picture {
        self.gone = Gone::default();
        for group in self.groups.values_mut() {
            group.told = None;
        }
        for entry in self.pods.values_mut() {
            entry.told = None;
        }
        for entry in self.nodes.values_mut() {
            entry.told = None;
        }
        self.dirty.extend(self.groups.keys().cloned());
        self.directory.clear();
        let mut picture = Picture { facts: HostFacts::default(), ..Picture::default() };
        for change in self.changes(now) {
            match change {
                Change::Service(service) => picture.services.push(*service),
                Change::Instance(instance) => picture.instances.push(*instance),
                Change::Node(node) => picture.nodes.push(*node),
                Change::Picture(_)
                | Change::Arriving(_)
                | Change::Instances(_)
                | Change::Arrived
                | Change::NodeGone(_)
                | Change::Facts(_)
                | Change::ServiceGone(_)
                | Change::InstanceGone(_)
                | Change::Happened(_) => {}
            }
        }
        picture
    }

    /// What is different from what was told.
    pub fn changes(&mut self, now: Timestamp) -> Vec<Change> {
        self.collect_due(now);
        let mut services = Vec::new();
        let mut instances = Vec::new();
        for home in mem::take(&mut self.dirty) {
            self.tell(&home, now, &mut services, &mut instances);
        }
        let gone = mem::take(&mut self.gone);
        let mut changes: Vec<Change> = gone.instances.into_iter().map(Change::InstanceGone).collect();
        changes.extend(gone.services.into_iter().map(Change::ServiceGone));
        changes.extend(gone.nodes.into_iter().map(Change::NodeGone));
        for entry in self.nodes.values_mut().filter(|entry| entry.told.is_none()) {
            let node = assemble::node(&self.cluster, &entry.row);
            entry.told = Some(node.clone());
            changes.push(Change::Node(Box::new(node)));
        }
        changes.extend(services.into_iter().map(|service| Change::Service(Box::new(service))));
        changes.extend(instances.into_iter().map(|instance| Change::Instance(Box::new(instance))));
        changes
    }

    /// When time alone changes how something is: `changes` is to be asked then.
    pub fn judge_at(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    fn collect_due(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.due.first()
            && *at <= now
        {
            if let Some((_, home)) = self.due.pop_first() {
                if let Some(group) = self.groups.get_mut(&home) {
                    group.again_at = None;
                }
                self.dirty.insert(home);
            }
        }
    }
}

/// In thousandths, how much of what is wanted is ready; `None` where nothing is amiss.
fn shortfall(workload: &Workload) -> Option<u64> {
    let is_true = |kind| workload.condition(kind).is_some_and(|condition| condition.truth == Truth::True);
    let share = u64::from(workload.ready) * 1000 / u64::from(workload.wanted.max(1));
    match &workload.special {
        Special::Job { failed, active, .. } if is_true("Failed") || *failed > 0 && *active > 0 => Some(500),
        Special::Job { .. } | Special::CronJob { .. } => None,
        Special::Deployment | Special::StatefulSet { .. } | Special::DaemonSet { .. } | Special::Rollout { .. } => {
            let is_amiss = workload.ready < workload.wanted || health::is_rolling(workload);
            (workload.wanted > 0 && is_amiss).then_some(share)
        }
    }
}

fn in_namespace(home: &Home, name: &Arc<str>) -> Key {
    Key { namespace: home.namespace.clone(), name: name.clone() }
}

#[cfg(test)]
mod tests;
