//! What is told of clusters of a few objects, and in which order.

use std::sync::Mutex;

use super::{
    super::{
        api::Api,
        discovery::Served,
        scripted::{Reply, Server},
    },
    *,
};
use crate::domain::{Health, LossKind, inventory::Picture};

const APIS: &str = r#"{"groups":[{"name":"apps","versions":[{"version":"v1"}]},{"name":"batch","versions":[{"version":"v1"}]},
    {"name":"policy","versions":[{"version":"v1"}]},{"name":"autoscaling","versions":[{"version":"v2"}]}]}"#;
const SOON: Duration = Duration::from_millis(5);

/// A server without anything, where `answer` does not say otherwise.
fn cluster(answer: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static) -> Server {
    Server::new(move |path| match path {
        "/version" => Reply::json(r#"{"gitVersion":"v1.31.2"}"#),
        "/apis" => Reply::json(APIS),
        _ => answer(path).unwrap_or_else(|| if is_watch(path) { Reply::json("").left_open() } else { list(&[]) }),
    })
}

fn is_watch(path: &str) -> bool {
    path.contains("watch=true")
}

fn list(items: &[String]) -> Reply {
    Reply::json(format!(r#"{{"metadata":{{"resourceVersion":"5"}},"items":[{}]}}"#, items.join(",")))
}

fn refused() -> Reply {
    Reply::refusal(403, "Forbidden")
}

async fn told(server: &Server, scopes: &[&str]) -> Heard {
    watched(server.api(), scopes).await
}

async fn watched(api: Api, scopes: &[&str]) -> Heard {
    let site = Site {
        served: Arc::new(Served::find(&api).await.expect("found")),
        api,
        directory: Arc::default(),
        happened: Arc::default(),
        meter: Arc::default(),
        scopes: scopes.iter().map(|scope| (*scope).into()).collect(),
        source: None,
    };
    let patience = Patience { denied: SOON, doubt: SOON, first: SOON, longest: SOON, ..Patience::default() };
    Heard { changes: Watch { patience, ..Watch::new(site) }.changes(), all: Vec::new() }
}

struct Heard {
    changes: BoxStream<'static, Result<Change, Loss>>,
    /// In short.
    all: Vec<String>,
}

impl Heard {
    /// Takes in what is told until something is what is asked for.
    async fn until<T>(&mut self, is_it: impl Fn(&Change) -> Option<T>) -> T {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(60), self.changes.next()).await;
            let change = match next {
                Ok(Some(Ok(change))) => change,
                other => panic!("{other:?} after {:#?}", self.all),
            };
            self.all.push(words(&change));
            if let Some(found) = is_it(&change) {
                return found;
            }
        }
    }

    async fn word(&mut self, word: &str) {
        self.until(|change| (words(change) == word).then_some(())).await;
    }

    async fn picture(&mut self) -> Picture {
        self.until(|change| match change {
            Change::Arriving(picture) => Some(picture.clone()),
            _ => None,
        })
        .await
    }

    async fn loss(mut self) -> Loss {
        loop {
            match tokio::time::timeout(Duration::from_secs(60), self.changes.next()).await {
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(loss))) => return loss,
                other => panic!("no loss: {other:?}"),
            }
        }
    }
}

fn words(change: &Change) -> String {
    match change {
        Change::Picture(_) => "picture".into(),
        Change::Arriving(picture) => {
            format!(
                "arriving {}",
                picture.services.iter().map(|it| it.id.name.to_string()).collect::<Vec<_>>().join(" ")
            )
        }
        Change::Instances(all) => {
            format!("instances {}", all.iter().map(|it| it.name.to_string()).collect::<Vec<_>>().join(" "))
        }
        Change::Arrived => "arrived".into(),
        Change::Node(node) => format!("node {}", node.name),
        Change::NodeGone(name) => format!("node {name} gone"),
        Change::Facts(facts) => format!("facts, hidden: {}", facts.hidden.join("; ")),
        Change::Service(service) => format!("service {}/{}", service.id.scope, service.id.name),
        Change::ServiceGone(id) => format!("service {}/{} gone", id.scope, id.name),
        Change::Instance(instance) => format!("instance {}", instance.name),
        Change::InstanceGone(id) => format!("instance {} gone", id.key),
        Change::Happened(happening) => format!("happened {}: {}", happening.subject, happening.text),
    }
}

fn deployment(namespace: &str, name: &str, ready: u32) -> String {
    format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"{namespace}","uid":"d-{name}","generation":1,"resourceVersion":"4",
        "creationTimestamp":"2026-11-01T00:00:00Z"}},"spec":{{"replicas":2,"selector":{{"matchLabels":{{"app":"{name}"}}}},
        "template":{{"metadata":{{"labels":{{"app":"{name}"}}}},"spec":{{"containers":[{{"name":"main","image":"shop/{name}:v1"}}]}}}}}},
        "status":{{"observedGeneration":1,"replicas":2,"readyReplicas":{ready},"updatedReplicas":2,"availableReplicas":{ready}}}}}"#
    )
    .replace('\n', "")
}

fn pod(namespace: &str, name: &str, app: &str, waiting: Option<&str>) -> String {
    let state = match waiting {
        Some(reason) => format!(r#"{{"waiting":{{"reason":"{reason}"}}}}"#),
        None => r#"{"running":{"startedAt":"2026-11-01T00:00:00Z"}}"#.into(),
    };
    let ready = waiting.is_none();
    format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"{namespace}","uid":"p-{name}","resourceVersion":"4",
        "creationTimestamp":"2026-11-01T00:00:00Z","labels":{{"app":"{app}","pod-template-hash":"7f8d9c"}},
        "ownerReferences":[{{"kind":"ReplicaSet","name":"{app}-7f8d9c","controller":true}}]}},
        "spec":{{"containers":[{{"name":"main","image":"shop/{app}:v1"}}]}},"status":{{"phase":"Running",
        "conditions":[{{"type":"Ready","status":"{}"}}],"containerStatuses":[{{"name":"main","ready":{ready},
        "restartCount":4,"state":{state}}}]}}}}"#,
        if ready { "True" } else { "False" }
    )
    .replace('\n', "")
}

fn event(name: &str, about: &str, message: &str, seconds_ago: i64) -> String {
    let at = Timestamp::from_second(Timestamp::now().as_second() - seconds_ago).expect("a time");
    format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"shop","resourceVersion":"4"}},"type":"Normal","reason":"Said",
        "involvedObject":{{"kind":"Pod","namespace":"shop","name":"{about}","uid":"p-{about}"}},
        "message":"{message}","count":1,"lastTimestamp":"{at}"}}"#
    )
    .replace('\n', "")
}

fn line(kind: &str, object: &str) -> String {
    format!(r#"{{"type":"{kind}","object":{object}}}"#)
}

#[tokio::test]
async fn workloads_come_first_then_why_the_broken_ones_are_then_all_pods() {
    let server = cluster(|path| {
        let (fine, broken) =
            (pod("shop", "api-7f8d9c-a", "api", None), pod("shop", "web-7f8d9c-a", "web", Some("CrashLoopBackOff")));
        Some(match path {
            "/apis/apps/v1/deployments?limit=500" => {
                list(&[deployment("shop", "api", 2), deployment("shop", "web", 0)])
            }
            "/api/v1/pods?limit=500" => list(&[fine, broken]),
            "/api/v1/namespaces/shop/pods?limit=10&labelSelector=app%3Dweb" => list(&[broken]),
            _ => return None,
        })
    });
    let mut heard = told(&server, &[]).await;
    let picture = heard.picture().await;
    assert_eq!(picture.services.len(), 2);
    assert_eq!(&*picture.facts.engine_version, "v1.31.2");
    let reason = heard
        .until(|change| match change {
            Change::Service(service) if &*service.id.name == "web" => Some(service.health.clone()),
            _ => None,
        })
        .await;
    assert!(matches!(reason, Health::Failing(_)), "{reason:?}");
    assert!(!server.asked().contains(&"/api/v1/pods?limit=500".into()), "{:?}", server.asked());
    heard.word("arrived").await;
    let instances: Vec<_> = heard.all.iter().filter(|told| told.starts_with("instances")).collect();
    assert_eq!(instances, ["instances web-7f8d9c-a", "instances api-7f8d9c-a"], "{:#?}", heard.all);
}

#[tokio::test]
async fn who_may_see_one_namespace_gets_that_and_reads_that_it_is_not_all() {
    let server = cluster(|path| {
        Some(match path {
            "/apis/apps/v1/namespaces/shop/deployments?limit=500" => list(&[deployment("shop", "web", 2)]),
            "/api/v1/namespaces/shop/pods?limit=500" => list(&[pod("shop", "web-7f8d9c-a", "web", None)]),
            _ if path.contains("/namespaces/shop/") => return None,
            _ => refused(),
        })
    });
    let mut heard = told(&server, &["shop"]).await;
    let picture = heard.picture().await;
    assert_eq!(picture.services.iter().map(|service| service.id.to_string()).collect::<Vec<_>>(), ["lab/shop/web"]);
    let hidden = ["all things outside of shop: you may not list them", "nodes: you may not list them"];
    let mut told: Vec<&str> = picture.facts.hidden.iter().map(|words| &**words).collect();
    told.sort_unstable();
    assert_eq!(told, hidden);
    heard.word("arrived").await;
    assert!(heard.all.contains(&"instances web-7f8d9c-a".into()), "{:#?}", heard.all);
}

#[tokio::test]
async fn who_may_list_namespaces_gets_those_whose_pods_may_be_listed() {
    let server = cluster(|path| {
        let namespaces = ["shop", "blog", "secret"].map(|name| format!(r#"{{"metadata":{{"name":"{name}"}}}}"#));
        Some(match path {
            "/api/v1/namespaces?limit=5000" => list(&namespaces),
            "/apis/apps/v1/namespaces/blog/deployments?limit=500" => list(&[deployment("blog", "web", 2)]),
            _ if path.contains("/namespaces/shop/") || path.contains("/namespaces/blog/") => return None,
            _ => refused(),
        })
    });
    let mut heard = told(&server, &["shop"]).await;
    let picture = heard.picture().await;
    assert_eq!(picture.services.len(), 1);
    assert!(
        picture.facts.hidden.iter().any(|words| words.contains("outside of blog and shop")),
        "{:?}",
        picture.facts.hidden
    );
    assert!(!server.asked().iter().any(|path| path.contains("secret/deployments")), "{:?}", server.asked());
}

#[tokio::test]
async fn rights_that_are_given_while_it_runs_are_noticed() {
    let may = Arc::new(Mutex::new(false));
    let given = may.clone();
    let server = cluster(move |path| {
        let may = *given.lock().expect("not poisoned");
        Some(match path {
            "/apis/apps/v1/deployments?limit=500" if may => list(&[deployment("shop", "web", 2)]),
            _ if may || path.contains("/namespaces/default/") => return None,
            _ => refused(),
        })
    });
    let mut heard = told(&server, &[]).await;
    assert!(heard.picture().await.services.is_empty());
    heard.word("arrived").await;
    *may.lock().expect("not poisoned") = true;
    heard.word("service shop/web").await;
    heard.until(|change| matches!(change, Change::Facts(facts) if facts.hidden.is_empty()).then_some(())).await;
}

#[tokio::test]
async fn rights_that_are_taken_away_are_noticed_and_what_was_seen_goes() {
    let may = Arc::new(Mutex::new(true));
    let taken = may.clone();
    let server = cluster(move |path| {
        let may = *taken.lock().expect("not poisoned");
        Some(match path {
            _ if !may => refused(),
            "/apis/apps/v1/deployments?limit=500" => list(&[deployment("shop", "web", 2)]),
            // Ends at once, and is asked for again.
            _ if is_watch(path) => Reply::lines(&[]),
            _ => return None,
        })
    });
    let mut heard = told(&server, &[]).await;
    assert_eq!(heard.picture().await.services.len(), 1);
    heard.word("arrived").await;
    *may.lock().expect("not poisoned") = false;
    heard.word("service shop/web gone").await;
    heard.until(|change| matches!(change, Change::Facts(facts) if !facts.hidden.is_empty()).then_some(())).await;
}

#[tokio::test]
async fn a_namespace_that_is_deleted_takes_its_rows_with_it_and_nothing_fails() {
    let server = cluster(|path| {
        let (web, pod) = (deployment("shop", "web", 2), pod("shop", "web-7f8d9c-a", "web", None));
        Some(match path {
            "/apis/apps/v1/deployments?limit=500" => list(&[web, deployment("blog", "web", 2)]),
            "/api/v1/pods?limit=500" => list(&[pod]),
            _ if path.starts_with("/apis/apps/v1/deployments?watch") => {
                Reply::lines(&[&line("DELETED", &web)]).left_open()
            }
            _ if path.starts_with("/api/v1/pods?watch") => Reply::lines(&[&line("DELETED", &pod)]).left_open(),
            _ => return None,
        })
    });
    let mut heard = told(&server, &[]).await;
    assert_eq!(heard.picture().await.services.len(), 2);
    heard.word("service shop/web gone").await;
    let gone = "instance shop/web-7f8d9c-a/p-web-7f8d9c-a gone".to_owned();
    if !heard.all.contains(&gone) {
        heard.word(&gone).await;
    }
}

#[tokio::test]
async fn what_happened_lately_is_told_in_its_order_and_once() {
    let server = cluster(|path| {
        let (late, early) = (event("e1", "web-1", "late", 60), event("e2", "web-1", "early", 120));
        let old = event("e3", "web-1", "old", 3600);
        Some(match path {
            "/api/v1/events?limit=500" => list(&[late, early, old]),
            _ if path.starts_with("/api/v1/events?watch") => {
                let news = event("e4", "web-1", "news", 0);
                Reply::lines(&[&line("MODIFIED", &event("e2", "web-1", "early", 120)), &line("ADDED", &news)])
                    .left_open()
            }
            _ => return None,
        })
    });
    let mut heard = told(&server, &[]).await;
    heard.word("happened web-1: Said: news").await;
    let told: Vec<_> = heard.all.iter().filter(|told| told.starts_with("happened")).collect();
    assert_eq!(told, ["happened web-1: Said: early", "happened web-1: Said: late", "happened web-1: Said: news"]);
}

#[tokio::test]
async fn credentials_that_expire_end_it_with_that_reason() {
    let server = cluster(|path| is_watch(path).then(|| Reply::refusal(401, "Unauthorized")));
    let loss = told(&server, &[]).await.loss().await;
    assert_eq!(loss.kind, LossKind::Expired);
}

#[tokio::test]
async fn a_kind_that_is_slow_is_not_waited_for() {
    let server = cluster(|path| match path {
        "/apis/apps/v1/deployments?limit=500" => Some(list(&[deployment("shop", "web", 2)])),
        "/apis/batch/v1/jobs?limit=500" => Some(Reply::json("").left_open()),
        _ => None,
    });
    let mut heard = told(&server, &[]).await;
    assert_eq!(heard.picture().await.services.len(), 1);
    heard.word("arrived").await;
}

/// The lab's; absent on a machine without one, unless it is said that there has to be one.
fn kubeconfig() -> Option<String> {
    let path = std::env::var("MIDWATCH_TEST_KUBECONFIG").ok().filter(|path| !path.is_empty());
    let must = std::env::var("MIDWATCH_TEST_KUBERNETES").is_ok_and(|must| must == "1");
    assert!(path.is_some() || !must, "MIDWATCH_TEST_KUBECONFIG names no kubeconfig");
    path
}

async fn real(kubeconfig: &str) -> Api {
    _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kubeconfig = kube::config::Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let options = kube::config::KubeConfigOptions::default();
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("a config");
    config.default_retry = false;
    Api::new(kube::Client::try_from(config).expect("a client"), "lab".into(), "lab".into())
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_real_cluster_a_deployment_comes_and_goes_with_its_namespace() {
    let Some(path) = kubeconfig() else { return };
    let api = real(&path).await;
    let namespace = format!("feed-{:x}", std::process::id());
    let post = async |path: &str, body: serde_json::Value| {
        let done = api.change::<serde_json::Value>(http::Method::POST, path, "application/json", &body).await;
        done.expect("made");
    };
    let mut heard = watched(api.clone(), &[]).await;
    let picture = heard.picture().await;
    assert!(picture.facts.hidden.is_empty(), "{:?}", picture.facts);
    heard.word("arrived").await;
    // Where the server was slow to list them, they come after the picture.
    if picture.nodes.is_empty() && !heard.all.iter().any(|word| word.starts_with("node ")) {
        heard.until(|change| matches!(change, Change::Node(_)).then_some(())).await;
    }

    post("/api/v1/namespaces", serde_json::json!({"metadata": {"name": namespace}})).await;
    let mut web: serde_json::Value = serde_json::from_str(&deployment(&namespace, "web", 0)).expect("a deployment");
    web["spec"]["template"]["spec"]["containers"][0]["image"] = "lab/busybox".into();
    web["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Never".into();
    web["spec"]["template"]["spec"]["containers"][0]["command"] = serde_json::json!(["sleep", "300"]);
    web["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 0.into();
    web["metadata"].as_object_mut().expect("an object").retain(|key, _| key == "name");
    post(&format!("/apis/apps/v1/namespaces/{namespace}/deployments"), web).await;
    let is_ours = |service: &crate::domain::Service| service.id.scope.as_str() == namespace;
    let ready = |change: &Change| match change {
        Change::Service(service) if is_ours(service) && service.ready == 2 => Some(()),
        _ => None,
    };
    heard.until(ready).await;
    let path = format!("/api/v1/namespaces/{namespace}");
    let nothing = serde_json::json!({});
    let gone = api.change::<serde_json::Value>(http::Method::DELETE, &path, "application/json", &nothing).await;
    gone.expect("deleted");
    heard.word(&format!("service {namespace}/web gone")).await;
    assert!(heard.all.iter().any(|told| told.starts_with("happened web-")), "{:#?}", heard.all);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_real_cluster_who_may_see_one_namespace_gets_that_and_reads_that_it_is_not_all() {
    let Some(path) = kubeconfig() else { return };
    let scoped = std::path::Path::new(&path).with_file_name("scoped.kubeconfig");
    if !scoped.exists() {
        return;
    }
    let mut heard = watched(real(&scoped.to_string_lossy()).await, &["shop-only"]).await;
    let hidden = heard.picture().await.facts.hidden;
    assert!(hidden.iter().any(|words| words.contains("outside of shop-only")), "{hidden:?}");
    heard.word("arrived").await;
}
