//! An engine that says what it was told to say.

use std::sync::Arc;

use futures::{FutureExt, StreamExt, future::BoxFuture, stream, stream::BoxStream};
use jiff::Timestamp;

use crate::{
    backend::{
        Attached, Backend, Connector, FollowError, Forwarded, LogPiece, Loss, Piped, Progress, Scratch, StepError,
    },
    cli::session::Fleet,
    clock::Clock,
    domain::{
        Capabilities, Capability, Change, Claim, Cluster, ClusterBackups, ClusterName, Engine, Health, HostFacts,
        Image, Instance, InstanceId, InstanceState, Lease, Limits, Link, LossKind, Means, Node, Outline, Pace, Part,
        PartRole, Reason, Release, RestorePreview, Running, Sample, Scope, Service, ServiceId, ServiceKind, Trouble,
        VeleroText, Way, inventory::Picture,
    },
    message::{Answer, Question, Since},
    plan::Step,
};

#[derive(Clone)]
pub struct Script {
    cluster: ClusterName,
    picture: Picture,
    answers: Answers,
    at_start: bool,
    releases: Vec<Release>,
    pace: Option<Pace>,
    capabilities: Capabilities,
    engine: Engine,
    backups: Option<ClusterBackups>,
    foretold: Option<RestorePreview>,
    in_parts: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Answers {
    Well,
    /// Connects and lists nothing, ever.
    Never,
    Refuses,
}

impl Script {
    pub fn of(cluster: &str) -> Self {
        let facts = HostFacts { engine_version: "27.1".into(), cpus: 4, memory: 8 << 30, ..HostFacts::default() };
        let picture = Picture { facts, ..Picture::default() };
        let image = Image { reference: "web:v1".into(), ..Image::default() };
        let current = Release { image, current: true, instances: 1, ..Release::default() };
        Self {
            cluster: cluster.into(),
            picture,
            answers: Answers::Well,
            at_start: true,
            releases: vec![current],
            pace: None,
            capabilities: Capabilities::all(),
            engine: Engine::Docker,
            backups: None,
            foretold: None,
            in_parts: false,
        }
    }

    /// Connected only when it is named.
    pub fn idle(mut self) -> Self {
        self.at_start = false;
        self
    }

    pub fn answers(mut self, answers: Answers) -> Self {
        self.answers = answers;
        self
    }

    /// Of every service, newest first.
    pub fn releases(mut self, releases: Vec<Release>) -> Self {
        self.releases = releases;
        self
    }

    /// It says how it can be rolled out: at this pace, to the releases that it has.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = Some(pace);
        self
    }

    pub fn without(mut self, capability: Capability, reason: &str) -> Self {
        self.capabilities = self.capabilities.without(capability, reason);
        self
    }

    /// A cluster of Kubernetes in which these are kept.
    pub fn keeps(mut self, backups: ClusterBackups) -> Self {
        (self.engine, self.backups) = (Engine::Kubernetes, Some(backups));
        self
    }

    /// Of whatever restore.
    pub fn foretells(mut self, preview: RestorePreview) -> Self {
        self.foretold = Some(preview);
        self
    }

    pub fn hidden(mut self, what: &str) -> Self {
        self.picture.facts.hidden.push(what.into());
        self
    }

    /// Its services come first, and its instances after them.
    pub fn in_parts(mut self) -> Self {
        self.in_parts = true;
        self
    }

    /// A machine; the first one has what there is so far.
    pub fn node(mut self, name: &str, trouble: Option<&str>) -> Self {
        if self.picture.nodes.is_empty() {
            for instance in &mut self.picture.instances {
                instance.node = Some(name.into());
                instance.limits.cpu_request = Some(100);
            }
        }
        self.picture.nodes.push(Node {
            cluster: self.cluster.clone(),
            name: name.into(),
            health: trouble.map_or(Health::Healthy, failing),
            since: None,
            cordoned: false,
            roles: Vec::new(),
            taints: Vec::new(),
            capacity: Limits::default(),
            allocatable: Limits::default(),
            slots: 110,
            address: None,
            version: "v1.31.4".into(),
            system: "Debian GNU/Linux 12".into(),
            created: None,
        });
        self
    }

    /// A service of the scope `shop` with one instance, `NAME-1`.
    pub fn service(self, name: &str, health: Health) -> Self {
        self.service_in("shop", name, health)
    }

    /// The last service's instance is made of these containers.
    pub fn containers(mut self, names: &[&str]) -> Self {
        let part = |name: &&str| Part { name: (*name).into(), role: PartRole::Main };
        self.picture.instances.last_mut().expect("a service comes first").parts = names.iter().map(part).collect();
        self
    }

    pub fn service_in(mut self, scope: &str, name: &str, health: Health) -> Self {
        let id = ServiceId::new(&self.cluster, &Scope::from(scope), name);
        let image = Image { reference: format!("{name}:v1").into(), ..Image::default() };
        let instance = format!("{name}-1");
        let key = format!("{scope}.{instance}");
        self.picture.instances.push(Instance {
            id: InstanceId::new(&self.cluster, key),
            service: id.clone(),
            name: (&*instance).into(),
            state: InstanceState::Running,
            health: health.clone(),
            created: Some(time(-60)),
            started: Some(time(-60)),
            finished: None,
            restarts: 0,
            image: image.clone(),
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
            command: "serve --password=hunter2".into(),
        });
        self.picture.services.push(Service {
            id,
            kind: ServiceKind::ComposeService,
            wanted: 1,
            ready: u32::from(health == Health::Healthy),
            health,
            since: None,
            restarts: 0,
            image: Some(image),
            ports: Vec::new(),
            depends_on: Vec::new(),
            backup: None,
            created: Some(time(-60)),
            orchestration: None,
            fingerprint: 1,
        });
        self
    }
}

impl Connector for Script {
    fn connect(&self) -> BoxFuture<'static, Result<Arc<dyn Backend>, Loss>> {
        let script = self.clone();
        async move {
            match script.answers {
                Answers::Well | Answers::Never => Ok(Arc::new(script) as Arc<dyn Backend>),
                Answers::Refuses => {
                    let why = Trouble::new(format!("could not reach {}", script.cluster), "refused").help("is it up?");
                    Err(Loss { kind: LossKind::Unreachable, why })
                }
            }
        }
        .boxed()
    }
}

impl Backend for Script {
    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    fn watch(&self) -> BoxStream<'static, Result<Change, Loss>> {
        match self.answers {
            Answers::Never => stream::pending().boxed(),
            Answers::Well | Answers::Refuses if self.in_parts => {
                let mut picture = self.picture.clone();
                let instances = std::mem::take(&mut picture.instances);
                let changes = [Change::Arriving(picture), Change::Instances(instances), Change::Arrived];
                stream::iter(changes.map(Ok)).chain(stream::pending()).boxed()
            }
            Answers::Well | Answers::Refuses => {
                stream::iter([Ok(Change::Picture(self.picture.clone()))]).chain(stream::pending()).boxed()
            }
        }
    }

    fn ping(&self) -> BoxFuture<'static, Result<(), Loss>> {
        async { Ok(()) }.boxed()
    }

    fn follow(&self, _: InstanceId, _: Since) -> BoxStream<'static, Result<LogPiece, FollowError>> {
        stream::pending().boxed()
    }

    fn sample(&self, _: InstanceId) -> BoxStream<'static, Result<Sample, Trouble>> {
        let sample = Sample {
            at: time(0),
            cpu: 210,
            memory: 1 << 20,
            received: 1,
            sent: 2,
            read: 3,
            written: 4,
            pids: 5,
            seconds: 1,
        };
        stream::iter([Ok(sample)]).chain(stream::pending()).boxed()
    }

    fn execute(&self, _: Step, _: Progress) -> BoxFuture<'static, Result<(), StepError>> {
        async { Ok(()) }.boxed()
    }

    fn lease(&self, _: ServiceId, _: Lease, _: Claim) -> BoxFuture<'static, Result<Option<Lease>, StepError>> {
        Box::pin(async { Ok(None) })
    }

    fn query(&self, question: Question) -> BoxFuture<'static, Result<Answer, Trouble>> {
        let told = |answer: Option<Answer>| answer.ok_or_else(|| Trouble::new("could not answer", "not in the script"));
        let answer = match question {
            Question::Releases(_) => Ok(Answer::Releases(self.releases.clone())),
            Question::Means(_) if self.pace.is_some() => Ok(Answer::Means(Box::new(Means {
                containers: vec![Running { image: "web:v1".into(), ..Running::default() }],
                releases: self.releases.clone(),
                next: 4,
                pace: self.pace,
                ..Means::default()
            }))),
            Question::Outline(_, id) => Ok(Answer::Outline(Arc::new(Outline(vec![("web image".into(), id)])))),
            Question::ClusterBackups(_) => told(self.backups.clone().map(Box::new).map(Answer::ClusterBackups)),
            Question::VeleroText(_, id, file) if self.backups.is_some() => Ok(Answer::VeleroText(VeleroText {
                text: format!("{} of {}\u{1b}[2J", file.name(), id.name).into(),
                is_cut: true,
                way: Way::Through("velero/minio-0".into()),
            })),
            Question::Preview(..) => told(self.foretold.clone().map(Box::new).map(Answer::Preview)),
            _ => told(None),
        };
        async { answer }.boxed()
    }

    fn forward(&self, _: ServiceId, _: u16) -> BoxFuture<'static, Result<Forwarded, Trouble>> {
        unreachable!("nothing is forwarded")
    }

    fn attach(&self, _: InstanceId, _: (u16, u16)) -> BoxFuture<'static, Result<Attached, Trouble>> {
        async { Err(Trouble::new("could not attach", "not in the script")) }.boxed()
    }

    fn run(&self, _: InstanceId, _: Vec<String>) -> BoxFuture<'static, Result<Piped, Trouble>> {
        async { Err(Trouble::new("could not run", "not in the script")) }.boxed()
    }

    fn scratch(&self, _: Scratch) -> BoxFuture<'static, Result<InstanceId, Trouble>> {
        async { Err(Trouble::new("could not make a scratch instance", "not in the script")) }.boxed()
    }

    fn discard(&self, _: InstanceId) -> BoxFuture<'static, Result<(), Trouble>> {
        async { Err(Trouble::new("could not remove the scratch instance", "not in the script")) }.boxed()
    }
}

pub fn time(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_226_400 + second).expect("in range")
}

pub fn failing(why: &str) -> Health {
    Health::Failing(Reason::new(why))
}

pub fn fleet(scripts: impl IntoIterator<Item = Script>) -> Fleet {
    let clusters = scripts.into_iter().map(|script| {
        let cluster = Cluster {
            name: script.cluster.clone(),
            engine: script.engine,
            endpoint: "unix:///run/docker.sock".into(),
            link: if script.at_start { Link::Connecting { since: time(0) } } else { Link::Idle },
            facts: None,
            capabilities: Capabilities::all(),
            protected: false,
            read_only: false,
            at_start: script.at_start,
            latency: None,
        };
        (cluster, Arc::new(script) as Arc<dyn Connector>)
    });
    Fleet { clusters: clusters.collect(), tried: Vec::new(), clock: Clock::starting_at(time(0)) }
}
