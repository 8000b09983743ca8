//! What a service is made of, back from a repository.

use std::{path::Path, sync::Arc};

use jiff::Timestamp;
use midwatch::{
    backend::Backend,
    domain::{Item, Listing, Method, Outcome, ServiceId, Trial, Trouble, Verdict},
    plan::{self, Plan, Refusal, Request, Target, Verb, Verifying},
    runtime::backup::Vault,
};
use serde_json::{Value, json};

use super::{carried_out, restoring, vault};
use crate::{
    docker::{DockerStage, docker},
    kubernetes::{IMAGE, KubernetesStage},
    observer::Observer,
    stage::Stage,
};

struct Desk {
    backend: Arc<dyn Backend>,
    vault: Vault,
    service: ServiceId,
    is_cluster: bool,
}

impl Desk {
    fn item(&self) -> Item {
        Item { service: self.service.clone(), method: Method::Configuration, path: None }
    }

    async fn planned(&self, verb: Verb) -> Result<Plan, Refusal> {
        let cluster = self.service.cluster.clone();
        let mut observer = match self.is_cluster {
            true => Observer::of_cluster(cluster, &self.backend),
            false => Observer::new(cluster, &self.backend),
        };
        observer.service(&self.service, "it to be there", |_| true).await;
        let planned = plan::make(&observer.inventory, &Request::new(verb, Target::Service(self.service.clone())));
        planned.map(|plan| plan.begun_at(Timestamp::now(), "ben@desk"))
    }

    async fn carried_out(&self, verb: Verb) -> (Verdict, Option<Trouble>) {
        let plan = self.planned(verb).await.unwrap_or_else(|refusal| panic!("{}", refusal.why));
        carried_out(&self.vault, &self.backend, plan).await
    }

    async fn goes_well(&self, verb: Verb) {
        let (verdict, first) = self.carried_out(verb).await;
        assert!(matches!(verdict, Verdict::Done { .. }), "{verdict:?} {first:?}");
    }

    async fn listing(&self) -> Listing {
        self.vault.listing().await.unwrap_or_else(|trouble| panic!("{trouble}"))
    }
}

fn deployment(mode: &str, label: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "selector": {"matchLabels": {"app": label}},
        "template": {"metadata": {"labels": {"app": label}}, "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "web", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sleep", "10000"],
                "env": [{"name": "MODE", "value": mode}],
                "envFrom": [{"configMapRef": {"name": "web", "optional": true}}, {"secretRef": {"name": "web"}}],
            }],
        }},
    }})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_deployment_is_made_of_comes_back_and_stays_where_the_server_would_refuse_a_part() {
    let Some(stage) = KubernetesStage::open("what a deployment is made of").await else { return };
    stage.kubectl(&["create", "configmap", "web", "--from-literal=colour=blue"]);
    stage.kubectl(&["create", "secret", "generic", "web", "--from-literal=password=hunter2"]);
    stage.apply(&deployment("good", "web"));
    stage.kubectl(&["create", "service", "clusterip", "web", "--tcp=80"]);
    let files = tempfile::tempdir().expect("a directory");
    let desk = Desk {
        backend: stage.backend_of().await,
        vault: vault(&files.path().join("repository")),
        service: stage.service("web"),
        is_cluster: true,
    };
    desk.goes_well(Verb::BackUp(vec![desk.item()])).await;
    let snapshot = desk.listing().await.snapshots.remove(0);
    let kinds: Vec<&str> = snapshot.counts.keys().map(|kind| &**kind).collect();
    assert_eq!(kinds, ["configmap", "deployment", "secret", "service"]);

    let told = |what: &str, path: &str| stage.try_kubectl(&["get", what, "web", "-o", &format!("jsonpath={path}")]);
    let look = || {
        let mode = "{.spec.template.spec.containers[0].env[0].value}{.spec.replicas}";
        let address = told("service", "{.spec.clusterIP}");
        (told("deployment", mode), told("configmap", "{.data}"), told("secret", "{.data}"), address)
    };
    let healthy = look();
    stage.kubectl(&["delete", "configmap", "web"]);
    stage.kubectl(&["delete", "secret", "web"]);
    stage.apply(&deployment("bad", "web"));
    stage.kubectl(&["scale", "deployment", "web", "--replicas=0"]);
    assert_ne!(look(), healthy);
    desk.goes_well(restoring(&snapshot, desk.item(), false)).await;
    assert_eq!(look(), healthy);

    let verify = || Verb::Verify(Box::new(Verifying { snapshot: (&snapshot).into() }));
    desk.goes_well(verify()).await;
    let proof = desk.listing().await.proofs.remove(0);
    assert_eq!((proof.trial, proof.outcome), (Trial::Rehearsed, Outcome::Opened(snapshot.counts.clone())));

    // A selector is for good: what is there is another one now.
    stage.kubectl(&["delete", "deployment", "web", "--cascade=orphan"]);
    stage.kubectl(&["delete", "configmap", "web"]);
    stage.apply(&deployment("bad", "other"));
    let damaged = look();
    let (verdict, first) = desk.carried_out(restoring(&snapshot, desk.item(), false)).await;
    assert!(matches!(verdict, Verdict::Undone { .. }), "{verdict:?}");
    assert!(first.expect("it is refused").why.starts_with("Deployment web: "));
    assert_eq!(look(), damaged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_container_is_made_of_is_written_into_a_new_directory_and_applied_nowhere() {
    let Some(stage) = DockerStage::open("what a container is made of").await else { return };
    let files = tempfile::tempdir().expect("a directory");
    let at = |name: &str| files.path().join(name).display().to_string();
    std::fs::write(at("compose.yml"), "services: {}").expect("it is written");
    std::fs::write(at(".env"), "PASSWORD=hunter2").expect("it is written");
    let labels = [
        format!("com.docker.compose.project.config_files={}", at("compose.yml")),
        format!("com.docker.compose.project.working_dir={}", files.path().display()),
    ];
    let running = stage.start(&["--label", &labels[0], "--label", &labels[1], "-e", "TOKEN=hunter3"], "sleep 10000");
    let desk = Desk {
        backend: (&stage as &dyn Stage).backend().await,
        vault: vault(&files.path().join("repository")),
        service: running.service.clone(),
        is_cluster: false,
    };
    desk.goes_well(Verb::BackUp(vec![desk.item()])).await;
    let snapshot = desk.listing().await.snapshots.remove(0);
    let refused = desk.planned(restoring(&snapshot, desk.item(), false)).await.expect_err("nothing takes it");
    assert!(refused.help.expect("it helps").contains("--to DIR"));

    let directory = files.path().join("restored");
    let into = Item { path: directory.to_str().map(Arc::from), ..desk.item() };
    let restore = || restoring(&snapshot, into.clone(), false);
    desk.goes_well(restore()).await;
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).expect("it is there");
    assert_eq!((read("compose-compose.yml"), read("compose-.env")), ("services: {}".into(), "PASSWORD=hunter2".into()));
    let container: Value = serde_json::from_str(&read(&format!("container-{}.json", running.name))).expect("JSON");
    let inspected: Value = serde_json::from_str(&docker(&["inspect", &running.name])).expect("JSON");
    assert_eq!(container["Config"], inspected[0]["Config"]);
    is_left_alone(&desk, restore(), &directory).await;
}

/// A file that is there is nobody's to write over.
async fn is_left_alone(desk: &Desk, restore: Verb, directory: &Path) {
    std::fs::write(directory.join("compose-.env"), "mine").expect("it is written");
    let (verdict, first) = desk.carried_out(restore).await;
    assert!(matches!(verdict, Verdict::Undone { .. }), "{verdict:?}");
    assert!(first.expect("it fails").why.ends_with("is there already"));
    assert_eq!(std::fs::read(directory.join("compose-.env")).expect("it is there"), b"mine");
}
