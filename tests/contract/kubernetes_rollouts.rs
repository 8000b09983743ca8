//! Rollouts on a real cluster under load: requests go through the API server's own proxy to a Service the whole time, and none may fail.
//! And the way back against kubectl's.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use midwatch::{
    backend::{Backend, StepError},
    domain::{Means, ReleaseSource, Route, ServiceId},
    message::{Answer, Question},
    plan::{Edits, ReleaseRef, Stamp, Step, TRACK, Traffic},
};
use serde_json::{Value, json};

use crate::{
    kubernetes::{IMAGE, KubernetesStage},
    stage::Stage,
};

/// Answers with its release, and for a while after it is told to end: whoever sends to it may not have heard yet.
const APP: &str = "mkdir /www; echo \"$STEP\" > /www/index.html; httpd -f -p 8080 -h /www & \
                   trap 'sleep 20; kill $!; exit 0' TERM; wait";
/// Requests a second, where nothing else is asked for: a machine that compiles beside it gives no more.
const RATE: u32 = 50;
const RATE_VARIABLE: &str = "MIDWATCH_TEST_RATE";

fn rate() -> u32 {
    std::env::var(RATE_VARIABLE).map_or(RATE, |rate| rate.parse().expect("a number of requests a second"))
}

fn deployment(replicas: u32) -> Value {
    let container = json!({
        "name": "main", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sh", "-c", APP],
        "env": [{"name": "STEP", "value": "1"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "timeoutSeconds": 10},
    });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"terminationGracePeriodSeconds": 60, "containers": [container]},
            },
        },
    })
}

struct Rolled {
    stage: KubernetesStage,
    backend: Arc<dyn Backend>,
    web: ServiceId,
}

impl Rolled {
    async fn open(case: &str, deployment: Value) -> Option<Self> {
        let stage = KubernetesStage::open(case).await?;
        stage.apply(&deployment);
        let ports = json!([{"port": 80, "targetPort": 8080}]);
        stage.apply(&json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": ports},
        }));
        stage.kubectl(&["rollout", "status", "deployment/web", "--timeout=600s"]);
        let backend = stage.backend_of().await;
        let web = ServiceId::new(&stage.cluster(), &stage.namespace.as_str().into(), "web");
        Some(Self { stage, backend, web })
    }

    async fn means(&self) -> Means {
        match self.backend.query(Question::Means(self.web.clone())).await.expect("means") {
            Answer::Means(means) => *means,
            other => panic!("{other:?}"),
        }
    }

    /// As an operation does it: what is lost is done again.
    async fn execute(&self, step: Step) {
        const TRIES: u32 = 5;
        let began = Instant::now();
        for tried in 1..=TRIES {
            match self.backend.execute(step.clone(), Arc::new(|_: &str| {})).await {
                Ok(()) => return println!("{:5.1} s: {}", began.elapsed().as_secs_f64(), step.title()),
                Err(StepError::Lost(trouble)) if tried < TRIES => println!("{}: {trouble}; again", step.title()),
                Err(error) => panic!("{}: {error:?}", step.title()),
            }
        }
    }

    async fn await_rollout(&self, service: &ServiceId) {
        self.execute(Step::AwaitRollout { service: service.clone(), within: 600, wants: None }).await;
    }

    fn other(&self, name: &str) -> ServiceId {
        ServiceId { name: name.into(), ..self.web.clone() }
    }

    async fn roll_out(&self, edits: &Edits) {
        let object = self.means().await.object.expect("an object").whatever();
        let stamp = stamp();
        self.execute(Step::Update {
            service: self.web.clone(),
            object,
            edits: edits.clone(),
            pace: None,
            stamp,
            own_pace: None,
        })
        .await;
        self.await_rollout(&self.web).await;
    }

    /// To the release before.
    async fn roll_back(&self) {
        let means = self.means().await;
        let before = means.releases.iter().find(|release| !release.current).expect("one before");
        let release = ReleaseRef { source: ReleaseSource::Engine, id: before.id.clone(), title: before.title().into() };
        let object = means.object.expect("an object");
        self.execute(Step::Return { service: self.web.clone(), object, release, stamp: stamp() }).await;
        self.await_rollout(&self.web).await;
    }

    async fn made(&self, set: &str, edits: &Edits, replicas: u32) -> ServiceId {
        let set = self.other(set);
        let like = self.web.clone();
        let step = Step::MakeSet {
            set: set.clone(),
            like,
            edits: edits.clone(),
            replicas,
            front: None,
            stamp: stamp(),
            object: None,
        };
        self.execute(step).await;
        self.await_rollout(&set).await;
        set
    }

    async fn select(&self, route: &Route, labels: &[(&str, &str)]) {
        let labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let (service, route) = (self.web.clone(), route.clone());
        self.execute(Step::Shift { service, route, to: Traffic::Labels(labels) }).await;
    }
}

fn step(value: &str) -> Edits {
    Edits { env: [("main".into(), [("STEP".into(), Some(value.into()))].into())].into(), ..Edits::default() }
}

fn stamp() -> Stamp {
    Stamp { asked: Some(Timestamp::now()), cause: Some("a test".into()) }
}

/// Requests at a steady rate, until it is asked how they went.
struct Load {
    goes_on: Arc<AtomicBool>,
    sent: Arc<AtomicU32>,
    failed: Arc<std::sync::Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
    began: Instant,
}

impl Load {
    async fn begin(stage: &KubernetesStage) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let kubeconfig = Kubeconfig::read_from(&stage.kubeconfig).expect("a kubeconfig");
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("a context");
        // A request that fails has failed, whatever a second one would say.
        config.default_retry = false;
        let client = Client::try_from(config).expect("a client");
        let path = format!("/api/v1/namespaces/{}/services/web:80/proxy/", stage.namespace);
        let (goes_on, sent, failed) = (
            Arc::new(AtomicBool::new(true)),
            Arc::new(AtomicU32::new(0)),
            Arc::<std::sync::Mutex<Vec<String>>>::default(),
        );
        let (goes, count, failures) = (goes_on.clone(), sent.clone(), failed.clone());
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate());
            let mut asked = tokio::task::JoinSet::new();
            while goes.load(Ordering::Relaxed) {
                ticks.tick().await;
                let (client, path, failures) = (client.clone(), path.clone(), failures.clone());
                count.fetch_add(1, Ordering::Relaxed);
                asked.spawn(async move {
                    let request = http::Request::get(path).body(Vec::new()).expect("a request");
                    if let Err(error) = client.request_text(request).await {
                        failures.lock().expect("whole").push(error.to_string());
                    }
                });
                while asked.try_join_next().is_some() {}
            }
            while asked.join_next().await.is_some() {}
        });
        Self { goes_on, sent, failed, task, began: Instant::now() }
    }

    /// None failed, and they were as many as they should be.
    async fn none_failed(self, during: &str) {
        let took = self.began.elapsed();
        self.goes_on.store(false, Ordering::Relaxed);
        self.task.await.expect("it ends");
        let (sent, failed) = (self.sent.load(Ordering::Relaxed), self.failed.lock().expect("whole").clone());
        println!("{during}: {} of {sent} requests failed in {:.1} s", failed.len(), took.as_secs_f64());
        assert_eq!(failed, Vec::<String>::new(), "{during}");
        assert!(f64::from(sent) > took.as_secs_f64() * f64::from(rate()) * 0.5, "{sent} in {took:?}: that was no load");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_a_deployment_is_rolled_out_and_back() {
    let Some(rolled) = Rolled::open("a rolling rollout", deployment(2)).await else { return };
    let load = Load::begin(&rolled.stage).await;
    rolled.roll_out(&step("2")).await;
    load.none_failed("rolling").await;
    let load = Load::begin(&rolled.stage).await;
    rolled.roll_back().await;
    load.none_failed("rollback").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_a_canary_comes_and_goes() {
    let Some(rolled) = Rolled::open("a canary", deployment(2)).await else { return };
    let load = Load::begin(&rolled.stage).await;
    let canary = rolled.made("web-canary", &step("2"), 1).await;
    rolled.roll_out(&step("2")).await;
    rolled.execute(Step::DiscardSet { set: canary }).await;
    load.none_failed("canary").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_green_takes_over_from_blue() {
    let Some(rolled) = Rolled::open("blue and green", deployment(2)).await else { return };
    let load = Load::begin(&rolled.stage).await;
    let means = rolled.means().await;
    let route = means.routes.first().expect("the service").clone();
    let hash = rolled.stage.kubectl(&["get", "rs", "-o", "jsonpath={.items[0].metadata.labels.pod-template-hash}"]);
    rolled.select(&route, &[("app", "web"), ("pod-template-hash", &hash)]).await;
    let green = rolled.made("web-green", &step("2"), 2).await;
    rolled.select(&route, &[("app", "web"), (TRACK, "web-green")]).await;
    rolled.roll_out(&step("2")).await;
    rolled.select(&route, &[("app", "web")]).await;
    rolled.execute(Step::DiscardSet { set: green }).await;
    load.none_failed("blue-green").await;
}
