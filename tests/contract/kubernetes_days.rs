//! Bad days of a cluster: watches that are cut, a server that is busy, rights that go, objects that are too much.

use std::{sync::atomic::Ordering, time::Duration};

use futures::StreamExt;
use midwatch::{
    backend::Connector,
    domain::{Capability, Health, LossKind, Scope, ServiceId},
    message::{Answer, Question},
};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::{
    kubernetes::{IMAGE, KubernetesStage, context, until},
    observer::{Observer, PATIENCE},
    proxy::{Fault, Proxy},
    stage::{Program, Stage},
};

fn deployment(name: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": name },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{
                        "name": "main", "image": IMAGE, "imagePullPolicy": "Never",
                        "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"],
                    }],
                },
            },
        },
    })
}

fn service(stage: &KubernetesStage, name: &str) -> ServiceId {
    ServiceId::new(&stage.cluster(), &Scope::from(stage.namespace.as_str()), name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_that_are_cut_again_and_again_lose_nothing() {
    let Some(stage) = KubernetesStage::open("cut watches").await else { return };
    let proxy = Proxy::open(&stage.kubeconfig).await;
    proxy.fault(Fault::Cut { path: "watch=", after: Duration::from_secs(3) });
    let Ok(backend) = proxy.connector().connect().await else { panic!("it connects") };
    let mut observer = Observer::new(stage.cluster(), &backend);
    stage.apply(&deployment("web", 1));
    let web = service(&stage, "web");
    for wanted in [2, 1, 3] {
        stage.kubectl(&["scale", "deployment", "web", &format!("--replicas={wanted}")]);
        observer.service(&web, "the new size", |web| (web.wanted, web.ready) == (wanted, wanted)).await;
        let all = |now: &Observer| (now.inventory.instances_of(&web).len() == wanted as usize).then_some(());
        observer.until("as many instances", all).await;
    }
    assert!(proxy.cut.load(Ordering::SeqCst) > 3, "nothing was cut");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_busy_is_asked_again_and_nothing_is_missed() {
    let Some(stage) = KubernetesStage::open("a busy server").await else { return };
    stage.apply(&deployment("web", 2));
    let proxy = Proxy::open(&stage.kubeconfig).await;
    for (path, status) in [("/pods", 429), ("/deployments", 503), ("watch=", 429)] {
        proxy.fault(Fault::Refuse { path, status, times: 2 });
    }
    let Ok(backend) = proxy.connector().connect().await else { panic!("it connects") };
    let mut observer = Observer::new(stage.cluster(), &backend);
    let web = service(&stage, "web");
    observer.service(&web, "both to be ready", |web| web.ready == 2).await;
    let both = |now: &Observer| (now.inventory.instances_of(&web).len() == 2).then_some(());
    observer.until("both instances", both).await;
    assert!(proxy.refused.load(Ordering::SeqCst) >= 4, "nothing was refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_version_that_is_too_old_is_listed_anew() {
    let Some(stage) = KubernetesStage::open("410 Gone").await else { return };
    stage.apply(&deployment("web", 1));
    let proxy = Proxy::open(&stage.kubeconfig).await;
    proxy.fault(Fault::Cut { path: "watch=", after: Duration::from_secs(2) });
    let Ok(backend) = proxy.connector().connect().await else { panic!("it connects") };
    let mut observer = Observer::new(stage.cluster(), &backend);
    let web = service(&stage, "web");
    observer.service(&web, "it to run", |web| web.ready == 1).await;
    proxy.heal();
    proxy.fault(Fault::Refuse { path: "watch=", status: 410, times: 20 });
    proxy.fault(Fault::Cut { path: "watch=", after: Duration::from_secs(2) });
    stage.kubectl(&["scale", "deployment", "web", "--replicas=3"]);
    observer.service(&web, "the new size", |web| web.ready == 3).await;
    stage.kubectl(&["delete", "deployment", "web"]);
    observer.until("it to go", |now| now.inventory.service(&web).is_none().then_some(())).await;
    assert!(proxy.refused.load(Ordering::SeqCst) > 0, "nothing was refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_that_is_deleted_while_it_is_shown_takes_its_rows_with_it() {
    let Some(stage) = KubernetesStage::open("a deleted namespace").await else { return };
    stage.apply(&deployment("web", 2));
    let mut observer = Observer::new(stage.cluster(), &stage.backend_of().await);
    let web = service(&stage, "web");
    observer.service(&web, "it to run", |web| web.ready == 2).await;
    stage.kubectl(&["delete", "namespace", &stage.namespace, "--wait=false"]);
    observer.until("its service to go", |now| now.inventory.service(&web).is_none().then_some(())).await;
    observer.until("its pods to go", |now| now.inventory.instances_of(&web).is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shell_ends_when_its_pod_goes() {
    let Some(stage) = KubernetesStage::open("a pod that goes").await else { return };
    let running = stage.run(Program::idle()).await;
    let mut shell = stage.backend_of().await.attach(running.instance.clone(), (80, 24)).await.expect("a shell");
    shell.input.write_all(b"echo it is $((6*7))\n").await.expect("is written");
    let (mut seen, mut is_told) = (String::new(), false);
    let reading = async {
        while let Some(piece) = shell.output.next().await {
            let Ok(piece) = piece else { break };
            seen.push_str(&String::from_utf8_lossy(&piece));
            if !is_told && seen.contains("it is 42") {
                is_told = true;
                stage.kubectl(&["delete", "pod", &running.name, "--wait=false", "--grace-period=1"]);
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("the output ends with the pod");
    assert!(seen.contains("it is 42"), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_with_ten_thousand_labels_is_a_row_like_any_other() {
    let Some(stage) = KubernetesStage::open("many labels").await else { return };
    let mut object = deployment("web", 1);
    let labels: serde_json::Map<String, Value> =
        (0..10_000).map(|number| (format!("label-{number}"), json!(format!("value-{number}")))).collect();
    object["metadata"]["labels"] = Value::Object(labels);
    // `apply` would keep a copy of it in an annotation, which is more than the server takes.
    stage.create(&object);
    let mut observer = Observer::new(stage.cluster(), &stage.backend_of().await);
    observer.service(&service(&stage, "web"), "it to run", |web| web.health == Health::Healthy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_revoked_is_told_as_such() {
    let Some(stage) = KubernetesStage::open("a revoked token").await else { return };
    stage.kubectl(&["create", "serviceaccount", "guest"]);
    let binding = format!("--serviceaccount={}:guest", stage.namespace);
    stage.kubectl(&["create", "rolebinding", "guest", "--clusterrole=view", &binding]);
    stage.create(&json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": { "name": "guest", "annotations": { "kubernetes.io/service-account.name": "guest" } },
    }));
    let token = || stage.kubectl(&["get", "secret", "guest", "-o", "jsonpath={.data.token}"]);
    until("the token to be made", || !token().is_empty()).await;
    let files = tempfile::tempdir().expect("a directory");
    let kubeconfig = stage.kubeconfig_with(&files, &token());
    let connector = midwatch::backend::kubernetes::KubernetesConnector::new(context(&kubeconfig));
    let backend = match connector.connect().await {
        Ok(backend) => backend,
        Err(loss) => panic!("{}", loss.why),
    };
    backend.ping().await.expect("the token is good");
    stage.kubectl(&["delete", "secret", "guest"]);
    stage.kubectl(&["delete", "serviceaccount", "guest"]);
    // The server remembers for some seconds that it was good.
    let asking = async {
        loop {
            match backend.ping().await {
                Ok(()) => tokio::time::sleep(Duration::from_millis(300)).await,
                Err(loss) => return loss,
            }
        }
    };
    let loss = tokio::time::timeout(PATIENCE, asking).await.expect("it is noticed");
    assert_eq!(loss.kind, LossKind::Expired, "{}", loss.why);
    assert!(loss.why.help.is_some(), "{}", loss.why);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_see_one_namespace_sees_it_and_knows_that_there_is_more() {
    let Some(stage) = KubernetesStage::open("one namespace").await else { return };
    stage.apply(&deployment("web", 1));
    stage.kubectl(&["create", "serviceaccount", "guest"]);
    let binding = format!("--serviceaccount={}:guest", stage.namespace);
    stage.kubectl(&["create", "rolebinding", "guest", "--clusterrole=view", &binding]);
    stage.create(&json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": { "name": "guest", "annotations": { "kubernetes.io/service-account.name": "guest" } },
    }));
    let token = || stage.kubectl(&["get", "secret", "guest", "-o", "jsonpath={.data.token}"]);
    until("the token to be made", || !token().is_empty()).await;
    let files = tempfile::tempdir().expect("a directory");
    let kubeconfig = stage.kubeconfig_with(&files, &token());
    let mut place = context(&kubeconfig);
    place.scopes = vec![Scope::from(stage.namespace.as_str())];
    let Ok(backend) = midwatch::backend::kubernetes::KubernetesConnector::new(place).connect().await else {
        panic!("it connects")
    };
    let mut observer = Observer::new(stage.cluster(), &backend);
    let web = service(&stage, "web");
    observer.service(&web, "what it may see", |web| web.ready == 1).await;
    let hidden = |now: &Observer| {
        let facts = now.inventory.cluster(&"lab".into())?.facts.clone()?;
        (!facts.hidden.is_empty()).then_some(facts.hidden)
    };
    observer.until("the rest to be told as hidden", hidden).await;

    let rights = backend.query(Question::Rights(stage.cluster(), web.scope.clone())).await.expect("an answer");
    let Answer::Rights(rights) = rights else { panic!("another answer: {rights:?}") };
    rights.allow(Capability::Logs).expect("viewers read logs");
    for (capability, verb) in [(Capability::Shell, "pods/exec"), (Capability::Restart, "patch")] {
        let why = rights.allow(capability).expect_err("viewers change nothing");
        assert!(why.contains(verb), "{why}");
    }

    stage.kubectl(&["delete", "rolebinding", "guest"]);
    let rights = async {
        loop {
            let answer = backend.query(Question::Rights(stage.cluster(), web.scope.clone())).await;
            if let Ok(Answer::Rights(rights)) = answer
                && rights.allow(Capability::Logs).is_err()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    tokio::time::timeout(PATIENCE, rights).await.expect("what was taken away is noticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_contexts_of_one_server_are_two_clusters() {
    let Some(stage) = KubernetesStage::open("two contexts").await else { return };
    let running = stage.run(Program::idle()).await;
    for name in ["day", "night"] {
        let mut place = context(&stage.kubeconfig);
        place.name = name.into();
        let Ok(backend) = midwatch::backend::kubernetes::KubernetesConnector::new(place).connect().await else {
            panic!("it connects")
        };
        let mut observer = Observer::new(name.into(), &backend);
        let service = ServiceId::new(&name.into(), &running.service.scope, running.service.name.clone());
        observer.service(&service, "the same service, under the context's name", |service| service.ready == 1).await;
    }
}
