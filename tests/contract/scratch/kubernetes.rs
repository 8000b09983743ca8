//! Pods.

use std::sync::Arc;

use midwatch::{
    backend::{Backend, Connector, Scratch, ScratchKind, kubernetes::KubernetesConnector},
    domain::InstanceId,
};
use serde_json::{Value, json};

use crate::{
    kubernetes::{IMAGE, KubernetesStage, context, until},
    observer::{Observer, PATIENCE},
    programs::said,
    stage::{Program, Running, Stage},
};

struct World {
    stage: KubernetesStage,
    backend: Arc<dyn Backend>,
    like: Running,
}

impl World {
    /// A pod of a container that runs this, and of one beside it.
    async fn open(case: &str, script: &str) -> Option<Self> {
        let stage = KubernetesStage::open(case).await?;
        stage.kubectl(&["create", "secret", "generic", "db", "--from-literal=password=secret"]);
        let container = |name: &str, script: &str| json!({"name": name, "image": IMAGE, "imagePullPolicy": "Never", "command": ["sh", "-c", script]});
        let mut db = container("db", script);
        db["env"] = json!([{"name": "SUM", "value": "42"}]);
        db["readinessProbe"] = json!({"exec": {"command": ["true"]}});
        db["volumeMounts"] = json!([
            {"name": "data", "mountPath": "/data"},
            {"name": "password", "mountPath": "/run/password", "readOnly": true},
        ]);
        stage.apply(&json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "db", "labels": {"app": "db"}},
            "spec": {
                "restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
                "containers": [container("beside", "sleep 1000"), db],
                "volumes": [{"name": "data", "emptyDir": {}}, {"name": "password", "secret": {"secretName": "db"}}],
            },
        }));
        let like = stage.begun("db").await;
        let backend = stage.backend_of().await;
        Some(Self { stage, backend, like })
    }

    fn wanted(&self) -> Scratch {
        let like = self.like.instance.part("db");
        Scratch { like, service: self.like.service.clone(), kind: ScratchKind::Server, within: 600 }
    }

    async fn scratch(&self, wanted: Scratch) -> InstanceId {
        self.backend.scratch(wanted).await.unwrap_or_else(|trouble| panic!("{trouble}"))
    }

    /// What a script prints in it.
    async fn told(&self, instance: &InstanceId, script: &str) -> String {
        let (output, errors, code) = said(&self.backend, instance, script, b"").await;
        assert_eq!(code, 0, "{script}: {errors}");
        String::from_utf8_lossy(&output).trim().to_owned()
    }

    /// Pods and policies of scratch instances.
    fn left(&self) -> (usize, usize) {
        let count =
            |kind: &str| self.stage.kubectl(&["get", kind, "-l", "midwatch.scratch", "-o", "name"]).lines().count();
        (count("pods"), count("networkpolicies"))
    }
}

fn name(instance: &InstanceId) -> &str {
    instance.key.split('/').nth(1).expect("a pod's name")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scratch_pod_has_what_it_needs_and_none_of_the_data_and_nobody_beside_it() {
    let Some(world) = World::open("a scratch pod", "echo live >/data/orders; touch /began; sleep 1000").await else {
        return;
    };
    let data = "until test -e /began; do sleep 0.1; done; ls /data";
    let mut observer = Observer::new(world.stage.cluster(), &world.backend);
    observer.until("the like", |now| now.instance(&world.like.instance).map(|_| ())).await;

    // The same program, which writes into data of its own.
    let scratch = world.scratch(world.wanted()).await;
    world.told(&world.like.instance.part("db"), "echo more >/data/customers").await;
    assert_eq!(world.told(&scratch, data).await, "orders");
    let needs = "echo $SUM; cat /run/password/password; test ! -e /var/run/secrets/kubernetes.io";
    assert_eq!(world.told(&scratch, needs).await, "42\nsecret");
    let names = "cat /etc/resolv.conf; ! nslookup kubernetes.default.svc >/dev/null 2>&1";
    assert_eq!(world.told(&scratch, names).await, "nameserver 127.0.0.1");

    let pod: Value =
        serde_json::from_str(&world.stage.kubectl(&["get", "pod", name(&scratch), "-o", "json"])).expect("a pod");
    assert_eq!(pod["metadata"]["labels"], json!({"midwatch.scratch": name(&scratch)}));
    assert_eq!(pod["spec"]["containers"].as_array().map(Vec::len), Some(1));
    let policy = world.stage.kubectl(&["get", "networkpolicy", name(&scratch), "-o", "json"]);
    let policy: Value = serde_json::from_str(&policy).expect("a policy");
    let selected = json!({"matchLabels": {"midwatch.scratch": name(&scratch)}});
    assert_eq!(policy["spec"], json!({"podSelector": selected, "policyTypes": ["Ingress", "Egress"]}));

    // Whoever watches has seen all that happened before this one came.
    let later = (&world.stage as &dyn Stage).run(Program::idle()).await;
    observer.until("the later one", |now| now.instance(&later.instance).map(|_| ())).await;
    assert!(observer.instance(&scratch).is_none(), "it is listed");
    let told: Vec<_> = observer.happenings.iter().filter(|told| told.instance.as_ref() == Some(&scratch)).collect();
    assert!(told.is_empty(), "{told:?}");

    assert_eq!(world.left(), (1, 1));
    for _ in 0..2 {
        world.backend.discard(scratch.clone()).await.unwrap_or_else(|trouble| panic!("{trouble}"));
        assert_eq!(world.left(), (0, 0));
    }
    let trouble = world.backend.discard(world.like.instance.clone()).await.expect_err("it is none");
    assert_eq!(trouble.why.to_string(), format!("db of {} is no scratch instance", world.stage.namespace));
    assert_eq!(world.told(&world.like.instance.part("db"), data).await, "customers\norders");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_of_an_earlier_scratch_pod_goes_before_the_next_one_comes() {
    let Some(world) = World::open("what is left of an earlier pod", "echo no data here; exit 3").await else { return };
    let idle = || Scratch { kind: ScratchKind::Empty, ..world.wanted() };
    let first = world.scratch(idle()).await;
    world.told(&first, "touch /data/restored").await;
    let second = world.scratch(idle()).await;
    assert_eq!(world.left(), (1, 1));
    world.told(&second, "test ! -e /data/restored").await;
    // Another one has its name by now.
    world.backend.discard(first).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(world.left(), (1, 1));
    // Whoever takes its policy away takes it away.
    world.stage.kubectl(&["delete", "networkpolicy", name(&second)]);
    until("it to go with its policy", || world.left() == (0, 0)).await;

    // For an instant it runs, and may be seen in it.
    let mut tried = world.backend.scratch(world.wanted()).await;
    for _ in 0..20 {
        if tried.is_err() {
            break;
        }
        tried = world.backend.scratch(world.wanted()).await;
    }
    let trouble = tried.expect_err("its program ends");
    assert_eq!(trouble.why.to_string(), "db ended, with exit 3: no data here");
    let trouble = world.backend.scratch(Scratch { like: world.like.instance.part("gone"), ..world.wanted() }).await;
    assert_eq!(&*trouble.expect_err("it has none").why, "db has no container gone");
    assert_eq!(world.left(), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scratch_pod_ends_by_itself() {
    let Some(world) = World::open("a pod that ends by itself", "trap '' TERM; while :; do sleep 1; done").await else {
        return;
    };
    let scratch = world.scratch(Scratch { within: 10, ..world.wanted() }).await;
    let phase = || world.stage.kubectl(&["get", "pod", name(&scratch), "-o", "jsonpath={.status.reason}"]);
    until("its deadline", || phase() == "DeadlineExceeded").await;
    world.backend.discard(scratch.clone()).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(world.left(), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_right_that_is_missing_for_a_scratch_pod_is_named() {
    let Some(world) = World::open("a missing right", "sleep 1000").await else { return };
    let stage = &world.stage;
    stage.kubectl(&["create", "serviceaccount", "guest"]);
    let account = format!("--serviceaccount={}:guest", stage.namespace);
    stage.kubectl(&["create", "rolebinding", "guest", "--clusterrole=view", &account]);
    stage.create(&json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "guest", "annotations": {"kubernetes.io/service-account.name": "guest"}},
    }));
    let token = || stage.kubectl(&["get", "secret", "guest", "-o", "jsonpath={.data.token}"]);
    until("the token to be made", || !token().is_empty()).await;
    let files = tempfile::tempdir().expect("a directory");
    let connector = KubernetesConnector::new(context(&stage.kubeconfig_with(&files, &token())));
    let Ok(backend) = connector.connect().await else { panic!("it connects") };
    let refused = async |expected: &str| {
        let asking = async {
            loop {
                let trouble = backend.scratch(world.wanted()).await.expect_err("it may not");
                if trouble.why.contains(expected) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("it is never told: {expected}"));
        assert_eq!(world.left(), (0, 0));
    };
    refused("may not create networkpolicies in").await;
    let role = ["--verb=create,delete", "--resource=networkpolicies.networking.k8s.io"];
    stage.kubectl(&[&["create", "role", "policies"][..], &role].concat());
    stage.kubectl(&["create", "rolebinding", "policies", "--role=policies", &account]);
    refused("may not create pods in").await;
}
