//! A world in a line: `world().service("shop/web", 3).failing("shop-web-2", "exit 137").build()`. It is always 02:41:07.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use midwatch::{
    app::{App, Settings, World},
    config::{self, backup::PasswordSource, place::Place},
    domain::{
        Capabilities, Capability, Change, Cluster, ClusterName, Engine, Happening, Health, HostFacts, Image, Instance,
        InstanceId, InstanceState, Item, Limits, Link, Listing, LossKind, Means, Method, Node, Objectives, Operation,
        OperationId, OperationState, Outcome, Output, Proof, Reason, Sample, Scope, Service, ServiceId, ServiceKind,
        Snapshot, SnapshotId, Standing, StoredFile, Trial, Trouble, inventory::Picture,
    },
    message::{Answer, Notice, Question, TailState, Weight},
    store::log::{Chunk, Gap, Line, Source, level},
};

/// The cluster that everything is on unless another is named.
pub const CLUSTER: &str = "local";

pub fn now() -> Timestamp {
    "2026-11-21T02:41:07Z".parse().expect("a time")
}

pub fn seconds_ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

/// `shop/web` on the usual cluster, `edge/shop/web` on another.
pub fn service_id(address: &str) -> ServiceId {
    let (scope, name) = address.rsplit_once('/').expect("scope/service");
    let (cluster, scope) = scope.rsplit_once('/').unwrap_or((CLUSTER, scope));
    ServiceId::new(&cluster.into(), &Scope::from(scope), name)
}

/// An instance's key is made from its name.
pub fn instance_id(name: &str) -> InstanceId {
    InstanceId::new(&CLUSTER.into(), name)
}

/// Changes what is known of one instance, as an engine would.
pub fn change(world: &mut World, name: &str, how: impl FnOnce(&mut Instance)) {
    let mut instance = world.inventory.instance(&instance_id(name)).expect("the instance is there").clone();
    how(&mut instance);
    let now = world.now;
    world.inventory.apply(&CLUSTER.into(), Change::Instance(Box::new(instance)), now);
}

/// One measurement, made so many seconds ago, of something small that does nothing but use the CPU.
pub fn sample(ago: i64, cpu: u64) -> [Sample; 1] {
    let at = seconds_ago(ago);
    [Sample { at, cpu, memory: 64 << 20, received: 0, sent: 0, read: 0, written: 0, pids: 4, seconds: 1 }]
}

/// Lines that an instance writes to stdout, each so many seconds ago.
pub fn write<'a>(world: &mut World, name: &str, lines: impl IntoIterator<Item = (i64, &'a str)>) {
    let source = source(world, name);
    for together in lines.into_iter().collect::<Vec<_>>().chunks(500) {
        let mut text = String::new();
        let line = |(ago, line): &(i64, &str)| {
            text.extend([*line, "\n"]);
            let at = seconds_ago(*ago).as_nanosecond() as i64;
            Line { end: text.len() as u32, level: level::of(line.as_bytes()), output: Output::Stdout, at }
        };
        let lines = together.iter().map(line).collect();
        world.log.push(Arc::new(Chunk { source: source.clone(), text: text.into(), lines }));
    }
    world.tails.insert(instance_id(name), TailState::Live);
}

pub fn world() -> Builder {
    let world = World::new(Settings::default(), now());
    Builder { world }.cluster(CLUSTER)
}

pub struct Builder {
    world: World,
}

impl Builder {
    pub fn build(self) -> World {
        self.world
    }

    pub fn app(self) -> App {
        let mut app = App::new(self.world.settings.clone(), now());
        app.world = self.world;
        app
    }

    /// One more, live and with its first picture.
    pub fn cluster(mut self, name: &str) -> Self {
        let name = ClusterName::from(name);
        self.world.inventory.put_cluster(Cluster {
            name: name.clone(),
            engine: Engine::Docker,
            endpoint: "unix:///var/run/docker.sock".into(),
            link: Link::Live { since: seconds_ago(3600) },
            facts: None,
            capabilities: Capabilities::all(),
            protected: false,
            read_only: false,
            at_start: true,
            latency: None,
        });
        let picture = Picture { facts: facts(), ..Picture::default() };
        self.world.inventory.apply(&name, Change::Picture(picture), now());
        self
    }

    pub fn lost(mut self, cluster: &str, why: &str) -> Self {
        let link = Link::Lost {
            since: seconds_ago(240),
            kind: LossKind::Unreachable,
            why: Trouble::new(format!("could not reach {cluster}"), why),
            retry_at: None,
        };
        self.world.inventory.cluster_mut(&cluster.into()).expect("the cluster is there").link = link;
        self
    }

    /// A context that nobody has looked at.
    pub fn idle(mut self, name: &str) -> Self {
        let name = ClusterName::from(name);
        self.world.inventory.put_cluster(Cluster {
            name,
            engine: Engine::Kubernetes,
            endpoint: "https://prod.example.com:6443".into(),
            link: Link::Idle,
            facts: None,
            capabilities: Capabilities::all(),
            protected: false,
            read_only: false,
            at_start: false,
            latency: None,
        });
        self
    }

    pub fn connecting(mut self, cluster: &str) -> Self {
        let name = ClusterName::from(cluster);
        let known = self.world.inventory.cluster(&name).expect("the cluster is there").clone();
        // What was never pictured is not known to be empty.
        self.world.inventory.remove_cluster(&name);
        self.world.inventory.put_cluster(Cluster { link: Link::Connecting { since: seconds_ago(2) }, ..known });
        self
    }

    /// The usual cluster is gone too: nothing was found.
    pub fn without_clusters(mut self) -> Self {
        self.world.inventory.remove_cluster(&CLUSTER.into());
        self
    }

    pub fn on(mut self, cluster: &str, how: impl FnOnce(&mut Cluster)) -> Self {
        how(self.world.inventory.cluster_mut(&cluster.into()).expect("the cluster is there"));
        self
    }

    pub fn settings(mut self, how: impl FnOnce(&mut Settings)) -> Self {
        how(&mut self.world.settings);
        self
    }

    pub fn without(mut self, capability: Capability, reason: &str) -> Self {
        let cluster = self.world.inventory.cluster_mut(&CLUSTER.into()).expect("the usual cluster");
        cluster.capabilities = cluster.capabilities.clone().without(capability, reason);
        self
    }

    /// A healthy service with so many instances, named as Compose names them: `shop-web-1`.
    pub fn service(mut self, address: &str, instances: u32) -> Self {
        let id = service_id(address);
        let service = Service {
            id: id.clone(),
            kind: ServiceKind::ComposeService,
            wanted: instances,
            ready: instances,
            health: Health::Healthy,
            since: Some(seconds_ago(7200)),
            restarts: 0,
            image: Some(image(&id)),
            ports: Vec::new(),
            depends_on: Vec::new(),
            backup: None,
            created: Some(seconds_ago(9 * 86_400)),
            orchestration: None,
            fingerprint: 1,
        };
        self.world.inventory.apply(&id.cluster, Change::Service(Box::new(service)), now());
        for number in 1..=instances {
            let instance = instance(&id, number);
            self.world.inventory.apply(&id.cluster, Change::Instance(Box::new(instance)), now());
        }
        self
    }

    /// A healthy machine of the usual cluster, with four cores.
    pub fn node(mut self, name: &str, how: impl FnOnce(&mut Node)) -> Self {
        let size = |cpu, gibibytes: u64| Limits { cpu: Some(cpu), memory: Some(gibibytes << 30), ..Limits::default() };
        let mut node = Node {
            cluster: CLUSTER.into(),
            name: name.into(),
            health: Health::Healthy,
            since: Some(seconds_ago(9 * 86_400)),
            cordoned: false,
            roles: vec!["worker".into()],
            taints: Vec::new(),
            capacity: size(4000, 16),
            allocatable: size(3900, 15),
            slots: 110,
            address: Some("10.0.4.17".into()),
            version: "v1.31.4".into(),
            system: "Debian GNU/Linux 12 (bookworm), amd64, containerd 1.7.24".into(),
            created: Some(seconds_ago(41 * 86_400)),
        };
        how(&mut node);
        self.world.inventory.apply(&CLUSTER.into(), Change::Node(Box::new(node)), now());
        self
    }

    pub fn changed(mut self, address: &str, how: impl FnOnce(&mut Service)) -> Self {
        let id = service_id(address);
        let mut service = self.world.inventory.service(&id).expect("the service is there").clone();
        how(&mut service);
        self.world.inventory.apply(&id.cluster, Change::Service(Box::new(service)), now());
        self
    }

    /// None of its instances is ready, for three minutes now.
    pub fn broken(self, address: &str, why: &str) -> Self {
        self.changed(address, |service| {
            service.health = Health::Failing(Reason::new(why));
            (service.ready, service.restarts, service.since) = (0, 7, Some(seconds_ago(180)));
        })
    }

    pub fn instance(mut self, name: &str, how: impl FnOnce(&mut Instance)) -> Self {
        change(&mut self.world, name, how);
        self
    }

    pub fn failing(self, name: &str, why: &str) -> Self {
        self.instance(name, |instance| instance.health = Health::Failing(Reason::new(why)))
    }

    pub fn exited(self, name: &str, exit_code: i64, why: &str) -> Self {
        self.failing(name, why).instance(name, |instance| {
            instance.state = InstanceState::Exited { exit_code, out_of_memory: false };
            instance.finished = Some(seconds_ago(200));
        })
    }

    /// Measurements of an instance, oldest first.
    pub fn measured(mut self, name: &str, samples: impl IntoIterator<Item = Sample>) -> Self {
        samples.into_iter().for_each(|sample| self.world.series.push(&instance_id(name), sample));
        self
    }

    pub fn logged<'a>(mut self, name: &str, lines: impl IntoIterator<Item = (i64, &'a str)>) -> Self {
        write(&mut self.world, name, lines);
        self
    }

    /// So many lines could not be kept up with.
    pub fn log_gap(mut self, name: &str, ago: i64, lines: u64) -> Self {
        let at = seconds_ago(ago);
        self.world.log.push_gap(Gap { source: source(&self.world, name), lines, from: at, to: at });
        self
    }

    /// An engine event about an instance, or about something else that is no service's.
    pub fn happened(mut self, ago: i64, subject: &str, text: &str, is_bad: bool) -> Self {
        let instance = self.world.inventory.instance(&instance_id(subject));
        let happening = Happening {
            at: seconds_ago(ago),
            service: instance.map(|instance| instance.service.clone()),
            instance: instance.map(|instance| instance.id.clone()),
            subject: subject.into(),
            text: text.into(),
            is_bad,
        };
        self.world.happened(CLUSTER.into(), happening);
        self
    }

    pub fn operation(mut self, title: &str, address: &str, state: OperationState) -> Self {
        let id = OperationId::from(format!("20261121-0240{:02}-4f2a", self.world.operations.len()).as_str());
        let operation = Operation {
            id: id.clone(),
            title: title.into(),
            service: service_id(address),
            who: "ops@console".into(),
            why: None,
            began: seconds_ago(30),
            ended: None,
            state,
            steps: Vec::new(),
            is_harmless: false,
            no_way_back: None,
            way_back: Vec::new(),
        };
        self.world.operations.insert(id, operation);
        self
    }

    pub fn notice(mut self, ago: i64, weight: Weight, text: &str, help: Option<&str>) -> Self {
        let notice = Notice { at: seconds_ago(ago), weight, text: text.into(), help: help.map(Arc::from) };
        self.world.notice(notice);
        self
    }

    /// With what a service can be rolled out: asked for, and answered.
    pub fn means(mut self, address: &str, means: Means) -> Self {
        let service = service_id(address);
        self.world.inventory.set_means(&service, means.clone());
        self.answer(Question::Means(service), Ok(Answer::Means(Box::new(means))))
    }

    /// The config names a repository, which has not been read.
    pub fn repository(self) -> Self {
        self.settings(|settings| settings.backups = Some(Arc::new(repository())))
    }

    /// It was read a minute ago, and held these. To be said after the services.
    pub fn backed_up(self, snapshots: impl IntoIterator<Item = Snapshot>) -> Self {
        self.backed_up_and_proven(snapshots, [])
    }

    pub fn backed_up_and_proven(
        mut self,
        snapshots: impl IntoIterator<Item = Snapshot>,
        proofs: impl IntoIterator<Item = Proof>,
    ) -> Self {
        let mut snapshots: Vec<Snapshot> = snapshots.into_iter().collect();
        snapshots.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.at));
        self = self.repository();
        let listing = Listing { snapshots, proofs: proofs.into_iter().collect(), ..Listing::default() };
        self.world.backups_are(Ok(Box::new(listing)));
        self.world.backups.read = Some(seconds_ago(60));
        self.world.look_after_backups();
        self
    }

    /// It could not be read since.
    pub fn unread(mut self, why: Trouble) -> Self {
        self.world.backups_are(Err(why));
        self
    }

    pub fn answer(mut self, question: Question, answer: Result<Answer, Trouble>) -> Self {
        self.world.answers.insert(question, answer);
        self
    }
}

fn repository() -> config::backup::Backups {
    config::backup::Backups {
        place: Place::Local("/srv/backups".into()),
        password: PasswordSource::Environment("BACKUP_PASSWORD".into()),
        keep: config::backup::Keep::default(),
        objectives: Objectives::default(),
        rules: Vec::new(),
    }
}

/// A rehearsal of a snapshot, so many hours ago.
pub fn proof(of: &Snapshot, hours: i64, outcome: Outcome) -> Proof {
    Proof {
        of: of.id.clone(),
        item: of.item.clone(),
        at: seconds_ago(hours * 3600),
        took: std::time::Duration::from_secs(95),
        trial: Trial::Rehearsed,
        outcome,
    }
}

/// One of PostgreSQL in `address`, taken so many hours ago. It is told by its number.
pub fn snapshot(address: &str, number: u32, hours: i64, how: impl FnOnce(&mut Snapshot)) -> Snapshot {
    let mut snapshot = Snapshot {
        id: SnapshotId::new(format!("{number:08x}{:056x}", 0)),
        at: seconds_ago(hours * 3600),
        item: Item { service: service_id(address), method: Method::Postgres, path: None },
        version: Some("15.14".into()),
        release: Some("v2.4.1".into()),
        took: std::time::Duration::from_secs(42),
        files: vec![
            StoredFile { name: "globals.sql".into(), bytes: 1200 },
            StoredFile { name: "orders.dump".into(), bytes: 1300 << 20 },
        ],
        added: 64 << 20,
        counts: [("orders public.customers".into(), (310, 310)), ("orders public.orders".into(), (12_480, 12_502))]
            .into(),
        standing: Standing::Whole,
    };
    how(&mut snapshot);
    snapshot
}

fn facts() -> HostFacts {
    HostFacts {
        engine_version: "27.3.1".into(),
        api_version: "1.47".into(),
        system: "Debian GNU/Linux 12 (bookworm), x86_64".into(),
        cpus: 8,
        memory: 32 << 30,
        ..HostFacts::default()
    }
}

/// The one that it has had since its first line: another one would begin its log anew.
fn source(world: &World, name: &str) -> Arc<Source> {
    if let Some(source) = world.log.sources().find(|source| source.instance == instance_id(name)) {
        return source.clone();
    }
    let known = world.inventory.instance(&instance_id(name)).expect("the instance is there");
    // As a tail is named: by what tells it from the others of its service.
    let short = name.strip_prefix(&*format!("{}-", known.service.scope)).unwrap_or(name);
    Arc::new(Source { instance: known.id.clone(), name: short.into(), epoch: 0 })
}

fn image(service: &ServiceId) -> Image {
    Image {
        reference: format!("{}/{}:v2.4.1", service.scope, service.name).into(),
        digest: Some("sha256:9f2c41d07be8a3c5f1e6b2d4908a7c6e5d4f3b2a1908f7e6d5c4b3a29180f7e6".into()),
        version: None,
        revision: None,
    }
}

fn instance(service: &ServiceId, number: u32) -> Instance {
    let name = format!("{}-{}-{number}", service.scope, service.name);
    Instance {
        id: InstanceId::new(&service.cluster, name.as_str()),
        service: service.clone(),
        name: name.as_str().into(),
        state: InstanceState::Running,
        health: Health::Healthy,
        created: Some(seconds_ago(9 * 86_400)),
        started: Some(seconds_ago(7200)),
        finished: None,
        restarts: 0,
        image: image(service),
        addresses: vec![(format!("{}_default", service.scope).into(), format!("172.18.0.{}", number + 1).into())],
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
        command: format!("/usr/bin/{} --listen 0.0.0.0:8080", service.name).into(),
    }
}
