//! What each engine last said of what there is. Changed only by `apply`; kept, with its age, while a link is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    Capabilities, Capability, Cluster, ClusterName, Health, HostFacts, Instance, InstanceId, Load, Means, Node, Scope,
    Service, ServiceId, load::Loads,
};

#[derive(Clone, Debug, Default)]
pub struct Inventory {
    clusters: BTreeMap<ClusterName, Cluster>,
    services: BTreeMap<ServiceId, Service>,
    instances: BTreeMap<InstanceId, Instance>,
    /// Which instances belong to a service, so that nobody has to look through all of them.
    members: BTreeMap<ServiceId, BTreeSet<InstanceId>>,
    nodes: BTreeMap<(ClusterName, Arc<str>), Node>,
    loads: Loads,
    /// What may be done where, apart from what the engine can do at all; nothing is said of a scope that nobody asked about.
    rights: BTreeMap<(ClusterName, Scope), Capabilities>,
    /// With what a service can be rolled out, of those that were asked about.
    means: BTreeMap<ServiceId, Arc<Means>>,
    /// Clusters whose services have been told: only of these is an empty list the truth.
    pictured: BTreeMap<ClusterName, Timestamp>,
    /// Clusters whose instances are still coming, with those that have come.
    arriving: BTreeMap<ClusterName, BTreeSet<InstanceId>>,
}

/// What one engine says of itself. `watch` sends one `Picture` first, and again whenever it is not sure that it missed nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Picture(Picture),
    /// A picture that is too big to come at once begins: its services and nodes are all here, each with what is known of it by now; its
    /// instances follow. What was known of instances stays until `Arrived`.
    Arriving(Picture),
    Instances(Vec<Instance>),
    /// The picture that began with `Arriving` is whole: instances that were not told since are gone.
    Arrived,
    Node(Box<Node>),
    /// By its name.
    NodeGone(Arc<str>),
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
    pub nodes: Vec<Node>,
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
        self.rights.retain(|(cluster, _), _| cluster != name);
        self.means.retain(|id, _| id.cluster != *name);
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
                self.put_services(picture.services, picture.nodes);
                picture.instances.into_iter().for_each(|instance| self.put_instance(instance));
            }
            Change::Arriving(picture) => {
                known.facts = Some(picture.facts);
                self.pictured.insert(cluster.clone(), now);
                self.forget_services(cluster);
                self.put_services(picture.services, picture.nodes);
                self.arriving.insert(cluster.clone(), BTreeSet::new());
                self.put_instances(cluster, picture.instances);
            }
            Change::Instances(instances) => self.put_instances(cluster, instances),
            Change::Arrived => {
                let Some(come) = self.arriving.remove(cluster) else { return };
                let first = InstanceId::new(cluster, "");
                let known = self.instances.range(first..).map(|(id, _)| id).take_while(|id| id.cluster == *cluster);
                let gone: Vec<InstanceId> = known.filter(|id| !come.contains(*id)).cloned().collect();
                gone.iter().for_each(|id| self.remove_instance(id));
            }
            Change::Node(node) => {
                self.nodes.insert((node.cluster.clone(), node.name.clone()), *node);
            }
            Change::NodeGone(name) => {
                self.nodes.remove(&(cluster.clone(), name));
            }
            Change::Facts(facts) => known.facts = Some(facts),
            Change::Service(service) => {
                self.services.insert(service.id.clone(), *service);
            }
            Change::ServiceGone(id) => {
                self.services.remove(&id);
            }
            Change::Instance(instance) => self.put_instances(cluster, vec![*instance]),
            Change::InstanceGone(id) => self.remove_instance(&id),
            Change::Happened(_) => {}
        }
    }

    fn put_services(&mut self, services: Vec<Service>, nodes: Vec<Node>) {
        self.services.extend(services.into_iter().map(|service| (service.id.clone(), service)));
        self.nodes.extend(nodes.into_iter().map(|node| ((node.cluster.clone(), node.name.clone()), node)));
    }

    fn put_instances(&mut self, cluster: &ClusterName, instances: Vec<Instance>) {
        if let Some(come) = self.arriving.get_mut(cluster) {
            come.extend(instances.iter().map(|instance| instance.id.clone()));
        }
        instances.into_iter().for_each(|instance| self.put_instance(instance));
    }

    fn put_instance(&mut self, instance: Instance) {
        // It may have gone over to another service: a container can be renamed.
        self.remove_instance(&instance.id);
        self.members.entry(instance.service.clone()).or_default().insert(instance.id.clone());
        self.loads.add(&instance);
        self.instances.insert(instance.id.clone(), instance);
    }

    fn remove_instance(&mut self, id: &InstanceId) {
        let Some(gone) = self.instances.remove(id) else { return };
        self.loads.remove(&gone);
        if let Some(members) = self.members.get_mut(&gone.service) {
            members.remove(id);
            if members.is_empty() {
                self.members.remove(&gone.service);
            }
        }
    }

    fn forget_services(&mut self, cluster: &ClusterName) {
        self.services.retain(|id, _| id.cluster != *cluster);
        self.nodes.retain(|(name, _), _| name != cluster);
    }

    fn forget(&mut self, cluster: &ClusterName) {
        self.forget_services(cluster);
        self.arriving.remove(cluster);
        self.instances.retain(|id, _| id.cluster != *cluster);
        self.members.retain(|id, _| id.cluster != *cluster);
        self.loads.forget(cluster);
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

    /// `members_of`, where the names are all that is needed.
    pub fn member_ids(&self, service: &ServiceId) -> impl Iterator<Item = &InstanceId> {
        self.members.get(service).into_iter().flatten()
    }

    /// In no order that means anything.
    pub fn members_of(&self, service: &ServiceId) -> impl Iterator<Item = &Instance> {
        self.members.get(service).into_iter().flatten().filter_map(|id| self.instances.get(id))
    }

    /// In the order of their names, so that instance 2 comes before instance 10.
    pub fn instances_of(&self, service: &ServiceId) -> Vec<&Instance> {
        let mut found: Vec<_> = self.members_of(service).collect();
        found.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
        found
    }

    /// The instances of this cluster are still coming: some that there are may not be known yet.
    pub fn is_arriving(&self, cluster: &ClusterName) -> bool {
        self.arriving.contains_key(cluster)
    }

    /// How many instances have come since a picture began that is too big to come at once; `None` where none is on its way.
    pub fn arrived_so_far(&self, cluster: &ClusterName) -> Option<usize> {
        self.arriving.get(cluster).map(BTreeSet::len)
    }

    pub fn node(&self, cluster: &ClusterName, name: &Arc<str>) -> Option<&Node> {
        self.nodes.get(&(cluster.clone(), name.clone()))
    }

    /// What is on a node; `None` where nothing is.
    pub fn load(&self, cluster: &ClusterName, node: &Arc<str>) -> Option<&Load> {
        self.loads.of(cluster, node)
    }

    /// In the order of their services and names.
    pub fn instances_on(&self, cluster: &ClusterName, node: &Arc<str>) -> Vec<&Instance> {
        let ids = self.load(cluster, node).map(|load| &load.instances).into_iter().flatten();
        let mut found: Vec<_> = ids.filter_map(|id| self.instances.get(id)).collect();
        found.sort_by_key(|instance| (&instance.service, instance.name.len(), &instance.name));
        found
    }

    pub fn nodes_of<'a>(&'a self, cluster: &'a ClusterName) -> impl Iterator<Item = &'a Node> {
        let first = (cluster.clone(), "".into());
        self.nodes.range(first..).map(|(_, node)| node).take_while(move |node| node.cluster == *cluster)
    }

    /// What the person may do in a scope, as its engine said last.
    pub fn set_rights(&mut self, cluster: &ClusterName, scope: &Scope, rights: Capabilities) {
        self.rights.insert((cluster.clone(), scope.clone()), rights);
    }

    /// With what a service can be rolled out, as its engine said last.
    pub fn set_means(&mut self, service: &ServiceId, means: Means) {
        self.means.insert(service.clone(), Arc::new(means));
    }

    /// What is known of it is old: it has to be asked again.
    pub fn forget_means(&mut self, service: &ServiceId) {
        self.means.remove(service);
    }

    /// `None` while nobody asked.
    pub fn means(&self, service: &ServiceId) -> Option<&Arc<Means>> {
        self.means.get(service)
    }

    /// `Err` says why not: the engine cannot, or the person may not. What nobody asked about is not forbidden.
    pub fn allow(&self, service: &ServiceId, capability: Capability) -> Result<(), Arc<str>> {
        let cluster = self.clusters.get(&service.cluster);
        cluster.map_or(Ok(()), |cluster| cluster.capabilities.allow(capability))?;
        let rights = self.rights.get(&(service.cluster.clone(), service.scope.clone()));
        rights.map_or(Ok(()), |rights| rights.allow(capability))
    }

    /// A service whose cluster cannot be reached is not broken: nothing is known of it any more.
    pub fn health_of<'a>(&'a self, service: &'a Service) -> Option<&'a Health> {
        self.clusters.get(&service.id.cluster).filter(|cluster| cluster.link.is_live()).map(|_| &service.health)
    }
}

#[cfg(test)]
pub(super) mod tests {
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
            at_start: true,
            latency: None,
        }
    }

    pub fn instance(key: &str, service: &str) -> Instance {
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
            ports: Arc::new([]),
            mounts: Arc::new([]),
            limits: Limits::default(),
            tty: false,
            has_health_check: false,
            stop_signal: None,
            stop_timeout: 10,
            node: None,
            parts: Arc::new([]),
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
    fn what_is_on_a_node_follows_its_instances() {
        let mut inventory = Inventory::default();
        inventory.put_cluster(cluster());
        let on = |key: &str, node: &str, state| {
            let limits = Limits { cpu_request: Some(100), memory_request: Some(64), ..Limits::default() };
            Box::new(Instance { node: Some(node.into()), limits, state, ..instance(key, "web") })
        };
        let ended = InstanceState::Exited { exit_code: 0, out_of_memory: false };
        let local = ClusterName::from("local");
        let mut say = |change| inventory.apply(&local, change, Timestamp::UNIX_EPOCH);
        say(Change::Instance(on("1", "a", InstanceState::Running)));
        say(Change::Instance(on("2", "a", InstanceState::Running)));
        say(Change::Instance(on("3", "a", ended.clone())));
        let load = |inventory: &Inventory, node: &str| {
            let load = inventory.load(&local, &node.into())?;
            Some((load.instances.len(), load.taken, load.cpu_request, load.memory_request))
        };
        assert_eq!(load(&inventory, "a"), Some((3, 2, 200, 128)), "one has ended and asks for nothing any more");

        let mut say = |change| inventory.apply(&local, change, Timestamp::UNIX_EPOCH);
        say(Change::Instance(on("1", "b", InstanceState::Running)));
        say(Change::Instance(on("2", "a", ended)));
        say(Change::InstanceGone(InstanceId::new(&local, "3")));
        assert_eq!((load(&inventory, "a"), load(&inventory, "b")), (Some((1, 0, 0, 0)), Some((1, 1, 100, 64))));

        inventory.apply(&local, Change::Picture(Picture::default()), Timestamp::UNIX_EPOCH);
        assert_eq!((load(&inventory, "a"), load(&inventory, "b")), (None, None));
    }

    #[test]
    fn what_is_said_of_a_cluster_that_was_closed_is_dropped() {
        let mut inventory = Inventory::default();
        inventory.apply(&"gone".into(), Change::Instance(Box::new(instance("1", "web"))), Timestamp::UNIX_EPOCH);
        assert_eq!(inventory.instances().len(), 0);
    }
}
