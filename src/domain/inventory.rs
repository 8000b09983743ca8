//! What each engine last said of what there is. Changed only by `apply`; kept, with its age, while a link is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::{Cluster, ClusterName, Health, HostFacts, Instance, InstanceId, Scope, Service, ServiceId};

#[derive(Clone, Debug, Default)]
pub struct Inventory {
    clusters: BTreeMap<ClusterName, Cluster>,
    services: BTreeMap<ServiceId, Service>,
    instances: BTreeMap<InstanceId, Instance>,
    /// Which instances belong to a service, so that nobody has to look through all of them.
    members: BTreeMap<ServiceId, BTreeSet<InstanceId>>,
    /// Clusters whose first full picture has come: only of these is an empty list the truth.
    pictured: BTreeMap<ClusterName, Timestamp>,
}

/// What one engine says of itself. `watch` sends one `Picture` first, and again whenever it is not sure that it missed nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Picture(Picture),
    Facts(HostFacts),
    Service(Box<Service>),
    ServiceGone(ServiceId),
    Instance(Box<Instance>),
    InstanceGone(InstanceId),
    /// Something happened that a person may want to read of; the changes that it brought come on their own.
    Happened(Happening),
}

/// Everything that there is on a cluster now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    pub facts: HostFacts,
    pub services: Vec<Service>,
    pub instances: Vec<Instance>,
}

/// One engine event, in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    pub at: Timestamp,
    pub service: Option<ServiceId>,
    pub instance: Option<InstanceId>,
    /// What it happened to, for a person: a container's, image's or volume's name.
    pub subject: Arc<str>,
    /// "exited with 137 (killed, out of memory)"
    pub text: Arc<str>,
    pub is_bad: bool,
}

impl Inventory {
    pub fn put_cluster(&mut self, cluster: Cluster) {
        self.clusters.insert(cluster.name.clone(), cluster);
    }

    pub fn remove_cluster(&mut self, name: &ClusterName) {
        self.clusters.remove(name);
        self.pictured.remove(name);
        self.forget(name);
    }

    /// Takes in what `cluster`'s engine said at `now`. What is said of an unknown cluster is dropped: it was closed meanwhile.
    pub fn apply(&mut self, cluster: &ClusterName, change: Change, now: Timestamp) {
        let Some(known) = self.clusters.get_mut(cluster) else { return };
        match change {
            Change::Picture(picture) => {
                known.facts = Some(picture.facts);
                self.pictured.insert(cluster.clone(), now);
                self.forget(cluster);
                self.services.extend(picture.services.into_iter().map(|service| (service.id.clone(), service)));
                picture.instances.into_iter().for_each(|instance| self.put_instance(instance));
            }
            Change::Facts(facts) => known.facts = Some(facts),
            Change::Service(service) => {
                self.services.insert(service.id.clone(), *service);
            }
            Change::ServiceGone(id) => {
                self.services.remove(&id);
            }
            Change::Instance(instance) => self.put_instance(*instance),
            Change::InstanceGone(id) => self.remove_instance(&id),
            Change::Happened(_) => {}
        }
    }

    fn put_instance(&mut self, instance: Instance) {
        // It may have gone over to another service: a container can be renamed.
        self.remove_instance(&instance.id);
        self.members.entry(instance.service.clone()).or_default().insert(instance.id.clone());
        self.instances.insert(instance.id.clone(), instance);
    }

    fn remove_instance(&mut self, id: &InstanceId) {
        let Some(gone) = self.instances.remove(id) else { return };
        if let Some(members) = self.members.get_mut(&gone.service) {
            members.remove(id);
            if members.is_empty() {
                self.members.remove(&gone.service);
            }
        }
    }

    fn forget(&mut self, cluster: &ClusterName) {
        self.services.retain(|id, _| id.cluster != *cluster);
        self.instances.retain(|id, _| id.cluster != *cluster);
        self.members.retain(|id, _| id.cluster != *cluster);
    }

    pub fn clusters(&self) -> impl ExactSizeIterator<Item = &Cluster> {
        self.clusters.values()
    }

    pub fn cluster(&self, name: &ClusterName) -> Option<&Cluster> {
        self.clusters.get(name)
    }

    pub fn cluster_mut(&mut self, name: &ClusterName) -> Option<&mut Cluster> {
        self.clusters.get_mut(name)
    }

    /// When the cluster's last full picture came; `None` while nothing is known of what runs there.
    pub fn pictured(&self, name: &ClusterName) -> Option<Timestamp> {
        self.pictured.get(name).copied()
    }

    pub fn services(&self) -> impl ExactSizeIterator<Item = &Service> {
        self.services.values()
    }

    pub fn services_of<'a>(&'a self, cluster: &'a ClusterName) -> impl Iterator<Item = &'a Service> {
        let first = ServiceId { cluster: cluster.clone(), scope: Scope::from(""), name: "".into() };
        self.services
            .range(first..)
            .map(|(_, service)| service)
            .take_while(move |service| service.id.cluster == *cluster)
    }

    pub fn service(&self, id: &ServiceId) -> Option<&Service> {
        self.services.get(id)
    }

    pub fn instances(&self) -> impl ExactSizeIterator<Item = &Instance> {
        self.instances.values()
    }

    pub fn instance(&self, id: &InstanceId) -> Option<&Instance> {
        self.instances.get(id)
    }

    /// In the order of their names, so that instance 2 comes before instance 10.
    pub fn instances_of(&self, service: &ServiceId) -> Vec<&Instance> {
        let members = self.members.get(service).into_iter().flatten();
        let mut found: Vec<_> = members.filter_map(|id| self.instances.get(id)).collect();
        found.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
        found
    }

    /// A service whose cluster cannot be reached is not broken: nothing is known of it any more.
    pub fn health_of<'a>(&'a self, service: &'a Service) -> Option<&'a Health> {
        self.clusters.get(&service.id.cluster).filter(|cluster| cluster.link.is_live()).map(|_| &service.health)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Capabilities, Engine, Image, InstanceState, Limits, Link};

    fn cluster() -> Cluster {
        Cluster {
            name: "local".into(),
            engine: Engine::Docker,
            endpoint: "unix:///var/run/docker.sock".into(),
            link: Link::Live { since: Timestamp::UNIX_EPOCH },
            facts: None,
            capabilities: Capabilities::all(),
            protected: false,
            read_only: false,
            latency: None,
        }
    }

    fn instance(key: &str, service: &str) -> Instance {
        let cluster = ClusterName::from("local");
        Instance {
            id: InstanceId::new(&cluster, key),
            service: ServiceId::new(&cluster, &"shop".into(), service),
            name: format!("shop-{service}-{key}").into(),
            state: InstanceState::Running,
            health: Health::Healthy,
            created: None,
            started: None,
            finished: None,
            restarts: 0,
            image: Image::default(),
            addresses: Vec::new(),
            ports: Vec::new(),
            mounts: Vec::new(),
            limits: Limits::default(),
            tty: false,
            has_health_check: false,
            stop_signal: None,
            stop_timeout: 10,
            is_removed_when_stopped: false,
            command: "".into(),
        }
    }

    fn names(inventory: &Inventory, service: &str) -> Vec<String> {
        let id = ServiceId::new(&"local".into(), &"shop".into(), service);
        inventory.instances_of(&id).iter().map(|instance| instance.id.key.to_string()).collect()
    }

    #[test]
    fn an_instance_that_changes_its_service_is_counted_once() {
        let mut inventory = Inventory::default();
        inventory.put_cluster(cluster());
        let mut say = |change| inventory.apply(&"local".into(), change, Timestamp::UNIX_EPOCH);
        say(Change::Instance(Box::new(instance("10", "web"))));
        say(Change::Instance(Box::new(instance("2", "web"))));
        say(Change::Instance(Box::new(instance("3", "web"))));
        say(Change::Instance(Box::new(instance("3", "api"))));
        assert_eq!(names(&inventory, "web"), ["2", "10"]);
        assert_eq!(names(&inventory, "api"), ["3"]);
    }

    #[test]
    fn a_picture_replaces_everything_that_was_known_of_its_cluster() {
        let mut inventory = Inventory::default();
        inventory.put_cluster(cluster());
        let picture = |keys: &[&str]| {
            let instances = keys.iter().map(|key| instance(key, "web")).collect();
            Change::Picture(Picture { instances, ..Picture::default() })
        };
        assert_eq!(inventory.pictured(&"local".into()), None);
        inventory.apply(&"local".into(), picture(&["1", "2"]), Timestamp::UNIX_EPOCH);
        inventory.apply(&"local".into(), picture(&["2", "3"]), Timestamp::UNIX_EPOCH);
        assert_eq!(names(&inventory, "web"), ["2", "3"]);
        assert!(inventory.pictured(&"local".into()).is_some());
    }

    #[test]
    fn what_is_said_of_a_cluster_that_was_closed_is_dropped() {
        let mut inventory = Inventory::default();
        inventory.apply(&"gone".into(), Change::Instance(Box::new(instance("1", "web"))), Timestamp::UNIX_EPOCH);
        assert_eq!(inventory.instances().len(), 0);
    }
}
