//! An engine that says what it was told to say.

use std::sync::Arc;

use futures::{FutureExt, StreamExt, future::BoxFuture, stream, stream::BoxStream};
use jiff::Timestamp;

use crate::{
    backend::{Attached, Backend, Connector, FollowError, LogPiece, Loss, Progress, StepError},
    cli::session::Fleet,
    clock::Clock,
    domain::{
        Capabilities, Change, Cluster, ClusterName, Engine, Health, HostFacts, Image, Instance, InstanceId,
        InstanceState, Limits, Link, LossKind, Reason, Release, Sample, Scope, Service, ServiceId, ServiceKind,
        Trouble, inventory::Picture,
    },
    message::{Answer, Question, Since},
    plan::Step,
};

#[derive(Clone)]
pub struct Script {
    cluster: ClusterName,
    picture: Picture,
    answers: Answers,
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
        Self { cluster: cluster.into(), picture, answers: Answers::Well }
    }

    pub fn answers(mut self, answers: Answers) -> Self {
        self.answers = answers;
        self
    }

    /// A service of the scope `shop` with one instance, `NAME-1`.
    pub fn service(self, name: &str, health: Health) -> Self {
        self.service_in("shop", name, health)
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
            ports: Vec::new(),
            mounts: Vec::new(),
            limits: Limits::default(),
            tty: false,
            has_health_check: false,
            stop_signal: None,
            stop_timeout: 10,
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
            created: Some(time(-60)),
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
        Capabilities::all()
    }

    fn watch(&self) -> BoxStream<'static, Result<Change, Loss>> {
        match self.answers {
            Answers::Never => stream::pending().boxed(),
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
        let sample =
            Sample { at: time(0), cpu: 210, memory: 1 << 20, received: 1, sent: 2, read: 3, written: 4, pids: 5 };
        stream::iter([Ok(sample)]).chain(stream::pending()).boxed()
    }

    fn execute(&self, _: Step, _: Progress) -> BoxFuture<'static, Result<(), StepError>> {
        async { Ok(()) }.boxed()
    }

    fn query(&self, question: Question) -> BoxFuture<'static, Result<Answer, Trouble>> {
        async move {
            let Question::Releases(_) = question else {
                return Err(Trouble::new("could not answer", "not in the script"));
            };
            let image = Image { reference: "web:v1".into(), ..Image::default() };
            let current =
                Release { number: None, image, created: None, current: true, instances: 1, cause: None, outcome: None };
            Ok(Answer::Releases(vec![current]))
        }
        .boxed()
    }

    fn attach(&self, _: InstanceId, _: (u16, u16)) -> BoxFuture<'static, Result<Attached, Trouble>> {
        async { Err(Trouble::new("could not attach", "not in the script")) }.boxed()
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
            engine: Engine::Docker,
            endpoint: "unix:///run/docker.sock".into(),
            link: Link::Connecting { since: time(0) },
            facts: None,
            capabilities: Capabilities::all(),
            protected: false,
            read_only: false,
            latency: None,
        };
        (cluster, Arc::new(script) as Arc<dyn Connector>)
    });
    Fleet { clusters: clusters.collect(), tried: Vec::new(), clock: Clock::starting_at(time(0)) }
}
