//! A small world to plan in: `shop` on the cluster `prod`.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    domain::{
        Capabilities, Change, Cluster, ClusterName, Dependency, Engine, Health, Image, Instance, InstanceId,
        InstanceState, Inventory, Limits, Link, Reason, Scope, Service, ServiceId, ServiceKind, inventory::Picture,
    },
    plan::{Plan, Refusal, Request, Target, Verb},
};

pub(crate) fn noon() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().expect("a time")
}

pub(crate) fn prod() -> ClusterName {
    "prod".into()
}

pub(crate) fn id(service: &str) -> ServiceId {
    ServiceId::new(&prod(), &Scope::from("shop"), service)
}

pub(crate) fn cluster() -> Cluster {
    Cluster {
        name: prod(),
        engine: Engine::Docker,
        endpoint: "unix:///var/run/docker.sock".into(),
        link: Link::Live { since: noon() },
        facts: None,
        capabilities: Capabilities::all(),
        protected: false,
        read_only: false,
        at_start: true,
        latency: None,
    }
}

pub(crate) fn failing() -> Health {
    Health::Failing(Reason::new("exit 1"))
}

pub(crate) fn stopped() -> Health {
    Health::Stopped(Reason::new("stopped by hand"))
}

/// `web-1`, `web-2` ... with a health check; what is stopped has ended, everything else runs.
pub(crate) fn instance(service: &str, number: usize, health: Health) -> Instance {
    let name: Arc<str> = format!("{service}-{number}").into();
    let state = match health {
        Health::Stopped(_) => InstanceState::Exited { exit_code: 0, out_of_memory: false },
        _ => InstanceState::Running,
    };
    Instance {
        id: InstanceId::new(&prod(), name.clone()),
        service: id(service),
        name,
        state,
        health,
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
        has_health_check: true,
        stop_signal: None,
        stop_timeout: 10,
        node: None,
        parts: Arc::new([]),
        is_removed_when_stopped: false,
        command: "serve".into(),
    }
}

/// A cluster and its services, to be changed before it is looked at.
pub(crate) struct Shop {
    pub cluster: Cluster,
    pub services: Vec<Service>,
    pub instances: Vec<Instance>,
}

impl Shop {
    /// The service `web` with an instance for each of these.
    pub fn web(healths: impl IntoIterator<Item = Health>) -> Self {
        Self { cluster: cluster(), services: Vec::new(), instances: Vec::new() }.with("web", healths)
    }

    pub fn healthy(instances: usize) -> Self {
        Self::web(std::iter::repeat_n(Health::Healthy, instances))
    }

    pub fn with(mut self, name: &str, healths: impl IntoIterator<Item = Health>) -> Self {
        let instances: Vec<_> =
            healths.into_iter().enumerate().map(|(place, health)| instance(name, place + 1, health)).collect();
        let count = |test: fn(&&Instance) -> bool| u32::try_from(instances.iter().filter(test).count()).expect("few");
        self.services.push(Service {
            id: id(name),
            kind: ServiceKind::ComposeService,
            wanted: count(|_| true),
            ready: count(|instance| instance.health == Health::Healthy),
            health: instances.iter().map(|instance| instance.health.clone()).min().unwrap_or(Health::Healthy),
            since: None,
            restarts: 0,
            image: None,
            ports: Vec::new(),
            depends_on: Vec::new(),
            created: None,
            orchestration: None,
            fingerprint: 1,
        });
        self.instances.extend(instances);
        self
    }

    /// The service that was added last depends on `other`.
    pub fn depending_on(mut self, other: &str, condition: &str) -> Self {
        let service = self.services.last_mut().expect("one was added");
        service.depends_on.push(Dependency { service: other.into(), condition: condition.into() });
        self
    }

    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn inventory(&self) -> Inventory {
        let mut inventory = Inventory::default();
        inventory.put_cluster(self.cluster.clone());
        let (services, instances) = (self.services.clone(), self.instances.clone());
        let picture = Picture { services, instances, ..Picture::default() };
        inventory.apply(&prod(), Change::Picture(picture), noon());
        inventory
    }

    pub fn plan(&self, verb: Verb) -> Result<Plan, Refusal> {
        crate::plan::make(&self.inventory(), &request(verb))
    }
}

pub(crate) fn request(verb: Verb) -> Request {
    Request { verb, target: Target::Service(id("web")), why: None }
}
