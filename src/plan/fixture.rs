//! A small world to plan in: `shop` on the cluster `prod`.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    domain::{
        Capabilities, Change, Cluster, ClusterName, Dependency, Engine, Health, Image, Instance, InstanceId,
        InstanceState, Inventory, Limits, Link, Means, Node, Object, Orchestration, Pace, Particulars, Reason, Release,
        Route, Running, Scope, Service, ServiceId, ServiceKind, inventory::Picture,
    },
    plan::{Edits, Plan, Refusal, Request, RollOut, Strategy, Target, Verb},
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
        addresses: vec![("shop_default".into(), format!("172.18.0.{number}").into())],
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
    pub nodes: Vec<Node>,
    /// Of `web`.
    pub means: Option<Means>,
}

impl Shop {
    /// The service `web` with an instance for each of these.
    pub fn web(healths: impl IntoIterator<Item = Health>) -> Self {
        Self { cluster: cluster(), services: Vec::new(), instances: Vec::new(), nodes: Vec::new(), means: None }
            .with("web", healths)
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
            backup: None,
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
        let (services, instances, nodes) = (self.services.clone(), self.instances.clone(), self.nodes.clone());
        let picture = Picture { services, instances, nodes, ..Picture::default() };
        inventory.apply(&prod(), Change::Picture(picture), noon());
        self.means.iter().for_each(|means| inventory.set_means(&id("web"), means.clone()));
        inventory
    }

    pub fn plan(&self, verb: Verb) -> Result<Plan, Refusal> {
        crate::plan::make(&self.inventory(), &request(verb))
    }

    /// To the image `shop/web:v2`.
    pub fn roll(&self, strategy: Strategy) -> Result<Plan, Refusal> {
        self.plan(Verb::RollOut(Box::new(RollOut { strategy, ..wish() })))
    }

    /// Containers behind an nginx upstream, whose release 3 is written down.
    pub fn docker(instances: usize) -> Self {
        Self::by_names(instances).with("proxy", [Health::Healthy]).but(|shop| shop.means().routes = vec![upstream()])
    }

    /// Containers behind an nginx that asks for their names only when it is told.
    pub fn looked_up(instances: usize) -> Self {
        let lookup = Route::Lookup { proxy: InstanceId::new(&prod(), "proxy-1"), proxy_name: "proxy-1".into() };
        Self::by_names(instances).with("proxy", [Health::Healthy]).but(|shop| shop.means().routes = vec![lookup])
    }

    /// What only a host tells of `web-1`.
    pub fn particular(self, change: impl FnOnce(&mut Particulars)) -> Self {
        self.but(|shop| change(shop.means().particulars.entry(InstanceId::new(&prod(), "web-1")).or_default()))
    }

    /// Containers that are found by their names alone.
    pub fn by_names(instances: usize) -> Self {
        let running = Running { image: "shop/web:v1".into(), ..Running::default() };
        let releases = vec![release(3, "v1", true), release(2, "v0", false), release(1, "v0-rc", false)];
        let means = Means { containers: vec![running], releases, next: 4, ..Means::default() };
        Self::healthy(instances).but(|shop| shop.means = Some(means))
    }

    /// A deployment behind a Service, one more and none missing at a time.
    pub fn kubernetes(instances: usize) -> Self {
        Self::of_kind(ServiceKind::Deployment, instances).but(|shop| shop.means().routes = vec![selector()])
    }

    pub fn of_kind(kind: ServiceKind, instances: usize) -> Self {
        Self::by_names(instances).but(|shop| {
            shop.cluster.engine = Engine::Kubernetes;
            shop.services[0].kind = kind;
            shop.services[0].orchestration = Some(Arc::default());
            let means = shop.means();
            means.containers[0].name = "web".into();
            means.object = Some(Object { uid: "7d0a".into(), generation: Some(4), template: None });
            means.pace = Some(Pace { max_unavailable: 0, max_surge: 1, min_ready: 0 });
        })
    }

    pub fn means(&mut self) -> &mut Means {
        self.means.as_mut().expect("it has means")
    }

    /// What only an orchestrator tells of `web`.
    pub fn orchestration(&mut self, change: impl FnOnce(&mut Orchestration)) {
        let mut orchestration = self.services[0].orchestration.as_deref().cloned().unwrap_or_default();
        change(&mut orchestration);
        self.services[0].orchestration = Some(Arc::new(orchestration));
    }
}

pub(crate) fn request(verb: Verb) -> Request {
    Request::new(verb, Target::Service(id("web")))
}

pub(crate) fn wish() -> RollOut {
    let images = [("".into(), "shop/web:v2".into())].into();
    RollOut { edits: Edits { images, ..Edits::default() }, ..RollOut::default() }
}

pub(crate) fn upstream() -> Route {
    Route::Upstream {
        proxy: InstanceId::new(&prod(), "proxy-1"),
        proxy_name: "proxy-1".into(),
        name: "web".into(),
        file: "/etc/nginx/conf.d/default.conf".into(),
        body: " server web:8080; ".into(),
        port: 8080,
    }
}

pub(crate) fn selector() -> Route {
    let selector = [("app".into(), "web".into())].into();
    Route::Selector { name: "web".into(), uid: "5e1e".into(), selector, port: 80, pins: Default::default() }
}

/// Kept as `web-3` or the like; of a deployment, that is a ReplicaSet's name.
pub(crate) fn release(number: u64, tag: &str, current: bool) -> Release {
    Release {
        id: format!("web-{number}").into(),
        number: Some(number),
        image: Image { reference: format!("shop/web:{tag}").into(), ..Image::default() },
        current,
        served: (!current).then_some(90_000),
        ..Release::default()
    }
}

pub(crate) fn node(name: &str) -> Node {
    Node {
        cluster: prod(),
        name: name.into(),
        health: Health::Healthy,
        since: None,
        cordoned: false,
        roles: Vec::new(),
        taints: Vec::new(),
        capacity: Limits::default(),
        allocatable: Limits::default(),
        slots: 110,
        address: None,
        version: "v1.30.1".into(),
        system: "".into(),
        created: None,
    }
}

/// A whole plan of each kind, behind an nginx on a host.
pub(crate) fn rolling(instances: usize) -> Plan {
    Shop::docker(instances).roll(Strategy::default()).expect("planned")
}

pub(crate) fn canary(instances: usize) -> Plan {
    Shop::docker(instances).roll(Strategy::Canary(Default::default())).expect("planned")
}

pub(crate) fn blue_green(instances: usize) -> Plan {
    Shop::docker(instances).roll(Strategy::BlueGreen(Default::default())).expect("planned")
}

/// And on a cluster.
pub(crate) mod cluster_of {
    use super::{Plan, Shop, Strategy};

    pub(crate) fn rolling(instances: usize) -> Plan {
        Shop::kubernetes(instances).roll(Strategy::default()).expect("planned")
    }

    pub(crate) fn canary(instances: usize) -> Plan {
        Shop::kubernetes(instances).roll(Strategy::Canary(Default::default())).expect("planned")
    }

    pub(crate) fn blue_green(instances: usize) -> Plan {
        Shop::kubernetes(instances).roll(Strategy::BlueGreen(Default::default())).expect("planned")
    }
}
