//! What each engine last said of what there is. Changed only by `apply`; kept, with its age, while a link is lost.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{Cluster, ClusterName, Health, HostFacts, Instance, InstanceId, Scope, Service, ServiceId};

#[derive(Clone, Debug, Default)]
pub struct Inventory {
    clusters: BTreeMap<ClusterName, Cluster>,
    services: BTreeMap<ServiceId, Service>,
    instances: BTreeMap<InstanceId, Instance>,
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
        self.services.retain(|id, _| id.cluster != *name);
        self.instances.retain(|id, _| id.cluster != *name);
    }

    /// Takes in what `cluster`'s engine said at `now`. What is said of an unknown cluster is dropped: it was closed meanwhile.
    pub fn apply(&mut self, cluster: &ClusterName, change: Change, now: Timestamp) {
        let Some(known) = self.clusters.get_mut(cluster) else { return };
        match change {
            Change::Picture(picture) => {
                known.facts = Some(picture.facts);
                self.pictured.insert(cluster.clone(), now);
                self.services.retain(|id, _| id.cluster != *cluster);
                self.instances.retain(|id, _| id.cluster != *cluster);
                self.services.extend(picture.services.into_iter().map(|service| (service.id.clone(), service)));
                self.instances.extend(picture.instances.into_iter().map(|instance| (instance.id.clone(), instance)));
            }
            Change::Facts(facts) => known.facts = Some(facts),
            Change::Service(service) => {
                self.services.insert(service.id.clone(), *service);
            }
            Change::ServiceGone(id) => {
                self.services.remove(&id);
            }
            Change::Instance(instance) => {
                self.instances.insert(instance.id.clone(), *instance);
            }
            Change::InstanceGone(id) => {
                self.instances.remove(&id);
            }
            Change::Happened(_) => {}
        }
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
        let mut found: Vec<_> = self.instances.values().filter(|instance| instance.service == *service).collect();
        found.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
        found
    }

    /// A service whose cluster cannot be reached is not broken: nothing is known of it any more.
    pub fn health_of<'a>(&'a self, service: &'a Service) -> Option<&'a Health> {
        self.clusters.get(&service.id.cluster).filter(|cluster| cluster.link.is_live()).map(|_| &service.health)
    }
}
