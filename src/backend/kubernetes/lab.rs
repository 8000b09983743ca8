//! Against a real cluster, where there is one: restarts, rights, measurements and what is asked of a pod.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt};
use http::Method;
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use super::{Site, access, api::Api, pod::instance, query, steps, testing};
use crate::{
    backend::{Progress, StepError},
    domain::{Capability, ClusterName, InstanceId, Scope, ServiceId},
    message::{Answer, Question},
    plan::Step,
};

mod custom;
mod guards;
mod nodes;
mod rollouts;
mod sets;
mod velero;

const MERGE: &str = "application/strategic-merge-patch+json";
const SERVE: &str = "trap 'exit 0' TERM; while :; do sleep 0.2; done";

struct Lab {
    site: Site,
    namespace: String,
}

/// Runs a case in a namespace of its own, which goes with it. Nothing is done on a machine without a cluster, unless one is demanded.
async fn in_the_lab<F: Future<Output = ()>>(name: &str, case: impl FnOnce(Arc<Lab>) -> F) {
    let Some(path) = testing::kubeconfig() else { return };
    let lab = Arc::new(Lab { site: site(&path, None).await, namespace: format!("{name}-{}", std::process::id()) });
    lab.make("/api/v1/namespaces", json!({"metadata": {"name": &lab.namespace}})).await;
    // It takes no pod, not even on trial, until it has its service account.
    let pods = lab.core("pods?dryRun=All");
    let pod =
        json!({"metadata": {"name": "trial"}, "spec": {"containers": [{"name": "main", "image": "lab/busybox"}]}});
    let taken =
        || async { json!(lab.site.api.change::<Value>(Method::POST, &pods, "application/json", &pod).await.is_ok()) };
    lab.until("the namespace to take pods", taken, |taken| *taken == json!(true)).await;
    let ended = AssertUnwindSafe(case(lab.clone())).catch_unwind().await;
    let path = format!("/api/v1/namespaces/{}", lab.namespace);
    let gone = lab.site.api.change::<Value>(Method::DELETE, &path, "application/json", &json!({})).await;
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
    gone.expect("the namespace is removed");
}

/// `user`: as whom everything is asked.
async fn site(path: &str, user: Option<&str>) -> Site {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(path).expect("a kubeconfig");
    let options = KubeConfigOptions::default();
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("a context");
    config.default_retry = false;
    config.auth_info.impersonate = user.map(str::to_owned);
    let client = kube::Client::try_from(config).expect("a client");
    let api = Api::new(client, ClusterName::from("lab"), "lab".into());
    Site {
        served: Arc::new(super::discovery::Served::find(&api).await.unwrap_or_default()),
        api,
        directory: Arc::default(),
        meter: Arc::default(),
        happened: Arc::default(),
        scopes: Arc::new([]),
        source: None,
    }
}

impl Lab {
    async fn make(&self, path: &str, body: Value) -> Value {
        loop {
            match self.site.api.change(Method::POST, path, "application/json", &body).await {
                Ok(made) => return made,
                // It says to try again.
                Err(fault) if fault.is_busy() => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(fault) => panic!("{path}: {fault:?}"),
            }
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/apis/apps/v1/namespaces/{}/{rest}", self.namespace)
    }

    fn core(&self, rest: &str) -> String {
        format!("/api/v1/namespaces/{}/{rest}", self.namespace)
    }

    fn service(&self, name: &str) -> ServiceId {
        ServiceId::new(&"lab".into(), &Scope::new(self.namespace.as_str()), name)
    }

    /// A Deployment `web` whose pods run `script`, rolled out.
    async fn deployment(&self, replicas: u32, script: &str) -> ServiceId {
        let container = json!({
            "name": "main", "image": "lab/busybox", "imagePullPolicy": "Never", "command": ["sh", "-c", script],
            "env": [{"name": "DB_PASSWORD", "value": "hunter2"}],
        });
        let spec = json!({
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"terminationGracePeriodSeconds": 2, "containers": [container]},
            },
        });
        self.make(&self.path("deployments"), json!({"metadata": {"name": "web"}, "spec": spec})).await;
        let service = self.service("web");
        self.await_rollout(&service, 240).await.expect("it is rolled out");
        service
    }

    async fn execute(&self, step: Step) -> Result<Vec<String>, StepError> {
        let words = Arc::new(Mutex::new(Vec::new()));
        let said = words.clone();
        let progress: Progress = Arc::new(move |word: &str| said.lock().expect("whole").push(word.to_owned()));
        steps::execute(self.site.clone(), step, progress).await?;
        let words = words.lock().expect("whole").clone();
        Ok(words)
    }

    async fn await_rollout(&self, service: &ServiceId, within: u32) -> Result<Vec<String>, StepError> {
        self.execute(Step::AwaitRollout { service: service.clone(), within, wants: None }).await
    }

    async fn get(&self, path: &str) -> Value {
        self.site.api.get(path).await.unwrap_or_else(|fault| panic!("{path}: {fault:?}"))
    }

    async fn patch(&self, path: &str, kind: &str, patch: Value) -> Value {
        let changed = self.site.api.change(Method::PATCH, path, kind, &patch).await;
        changed.unwrap_or_else(|fault| panic!("{path}: {fault:?}"))
    }

    /// Whatever is asked for, until it is as expected.
    async fn until<F: Future<Output = Value>>(
        &self,
        what: &str,
        seen: impl Fn() -> F,
        is: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut last = Value::Null;
        let waiting = tokio::time::timeout(testing::PATIENCE, async {
            loop {
                last = seen().await;
                if is(&last) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        if waiting.await.is_err() {
            panic!("{what}: {last:#}");
        }
        last
    }

    async fn generation(&self) -> u64 {
        let web = self.get(&self.path("deployments/web")).await;
        web["metadata"]["generation"].as_u64().expect("a number")
    }

    /// Those that are not ending.
    async fn pods(&self) -> Vec<InstanceId> {
        let path = self.core("pods?labelSelector=app%3Dweb");
        let list: Value = self.site.api.get(&path).await.expect("pods");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let pods = list["items"].as_array().expect("a list").iter().map(|pod| &pod["metadata"]);
        let alive = pods.filter(|pod| pod["deletionTimestamp"].is_null());
        alive.map(|pod| instance(&"lab".into(), &self.namespace, &text(&pod["name"]), &text(&pod["uid"]))).collect()
    }
}

fn failed(result: Result<Vec<String>, StepError>) -> (String, String) {
    match result.expect_err("failed") {
        StepError::Failed(trouble) => (trouble.line(), trouble.help.unwrap_or_default().to_string()),
        StepError::Lost(trouble) | StepError::Unsure(trouble) => panic!("not failed: {trouble}"),
    }
}

#[tokio::test]
async fn a_restart_that_is_done_twice_restarts_once_and_another_one_restarts_again() {
    in_the_lab("restart", |lab| async move {
        let service = lab.deployment(2, SERVE).await;
        let before = lab.pods().await;
        let asked = Some(Timestamp::now());
        let restart = |asked| Step::Redeploy { service: service.clone(), asked, cause: None, object: None };
        lab.execute(restart(asked)).await.expect("asked for");
        let generation = lab.generation().await;
        lab.execute(restart(asked)).await.expect("is so already");
        assert_eq!(lab.generation().await, generation);
        let words = lab.await_rollout(&service, 240).await.expect("rolled out");
        assert!(words.iter().any(|word| word.contains("of 2 updated")), "{words:?}");
        let after = lab.pods().await;
        assert_eq!(after.len(), 2);
        assert!(!after.iter().any(|pod| before.contains(pod)), "{before:?} {after:?}");
        lab.await_rollout(&service, 10).await.expect("is complete already");
        let later = asked.map(|asked| asked + Duration::from_secs(1));
        lab.execute(restart(later)).await.expect("asked for");
        assert_eq!(lab.generation().await, generation + 1);
    })
    .await;
}

#[tokio::test]
async fn a_new_template_that_crashes_is_given_up_early_and_in_words() {
    in_the_lab("crash", |lab| async move {
        let service = lab.deployment(1, SERVE).await;
        let container = json!({"name": "main", "command": ["sh", "-c", "echo no database; exit 3"]});
        let patch = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        let path = lab.path("deployments/web");
        let _: Value = lab.site.api.change(Method::PATCH, &path, MERGE, &patch).await.expect("it is changed");
        let began = Instant::now();
        let (line, help) = failed(lab.await_rollout(&service, 300).await);
        assert!(line.contains("main ends again and again, with exit 3"), "{line}");
        assert!(help.contains("logs web-") && help.ends_with("-c main --previous"), "{help}");
        assert!(began.elapsed() < Duration::from_secs(250), "of 300 s it took {:?}", began.elapsed());
    })
    .await;
}

#[tokio::test]
async fn a_paused_deployment_and_one_that_was_made_anew_are_not_restarted() {
    in_the_lab("paused", |lab| async move {
        let service = lab.deployment(1, SERVE).await;
        let path = lab.path("deployments/web");
        let stale = super::resolve::resolve(&lab.site, &service).await.expect("found");
        lab.site.directory.put(service.clone(), super::directory::Workload { uid: "another".into(), ..stale.clone() });
        let restart = Step::Redeploy { service: service.clone(), asked: None, cause: None, object: None };
        assert!(failed(lab.execute(restart.clone()).await).0.contains("made anew"));
        lab.site.directory.put(service.clone(), stale);
        let pause = json!({"spec": {"paused": true}});
        let _: Value = lab.site.api.change(Method::PATCH, &path, MERGE, &pause).await.expect("it is paused");
        let (line, help) = failed(lab.execute(restart).await);
        assert!(line.contains("paused"), "{line}");
        assert!(help.ends_with("rollout resume deployment/web"), "{help}");
        // And the server itself takes no change that is meant for another object.
        let other = json!({"metadata": {"uid": "00000000-0000-4000-8000-000000000000"}, "spec": {"paused": false}});
        let refused = lab.site.api.change::<Value>(Method::PATCH, &path, MERGE, &other).await;
        assert!(refused.is_err(), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn one_pod_is_replaced_by_a_like_one_and_again_is_no_error() {
    in_the_lab("replace", |lab| async move {
        let service = lab.deployment(2, SERVE).await;
        let before = lab.pods().await;
        let replace = Step::Replace { instance: before[0].clone(), name: "web-1".into(), grace: 120, alone: false };
        lab.execute(replace.clone()).await.expect("replaced");
        lab.await_rollout(&service, 240).await.expect("ready again");
        let after = lab.pods().await;
        assert!(!after.contains(&before[0]) && after.contains(&before[1]), "{before:?} {after:?}");
        lab.execute(replace).await.expect("it is gone already");
        assert_eq!(lab.pods().await, after);
    })
    .await;
}

#[tokio::test]
async fn a_person_is_offered_what_their_role_allows_and_told_what_is_missing() {
    in_the_lab("rights", |lab| async move {
        let user = format!("{}-viewer", lab.namespace);
        let path = |kind: &str| format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}/{kind}", lab.namespace);
        let rules = json!([
            {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["apps"], "resources": ["replicasets"], "verbs": ["list"]},
            {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["patch"]},
        ]);
        lab.make(&path("roles"), json!({"metadata": {"name": "viewer"}, "rules": rules})).await;
        let binding = json!({
            "metadata": {"name": "viewer"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "viewer"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        });
        lab.make(&path("rolebindings"), binding).await;
        let scope = Scope::new(lab.namespace.as_str());
        let kubeconfig = std::env::var("MIDWATCH_TEST_KUBECONFIG").expect("there is one");
        let site = site(&kubeconfig, Some(&user)).await;
        // The server's own book of roles is a moment behind.
        let refused = || async {
            let rights = access::rights(&site, &scope).await.expect("an answer");
            let allowed = [Capability::Logs, Capability::Releases, Capability::Restart];
            json!(allowed.into_iter().filter_map(|it| rights.allow(it).err()).collect::<Vec<_>>())
        };
        lab.until("what the role allows", refused, |refused| *refused == json!([])).await;
        let viewer = access::rights(&site, &scope).await.expect("an answer");
        for (denied, missing) in [
            (Capability::Shell, "create pods/exec in "),
            (Capability::Forward, "create pods/portforward in "),
            (Capability::Replace, "delete pods in "),
            (Capability::Metrics, "get nodes/proxy"),
            (Capability::Nodes, "list nodes"),
        ] {
            let why = viewer.allow(denied).expect_err("may not");
            assert!(why.contains(missing), "{denied:?}: {why}");
        }
        let admin = access::rights(&lab.site, &scope).await.expect("an answer");
        for capability in [Capability::Shell, Capability::Restart, Capability::Metrics, Capability::Nodes] {
            assert_eq!(admin.allow(capability), Ok(()), "{capability:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_busy_pod_is_measured_by_its_nodes_summary() {
    in_the_lab("busy", |lab| async move {
        lab.deployment(1, "while :; do :; done").await;
        let pod = lab.pods().await.remove(0);
        let begun = || super::metrics::sample(lab.site.clone(), pod.clone());
        let (mut samples, mut last) = (begun(), None);
        let measured = tokio::time::timeout(testing::PATIENCE, async {
            loop {
                let Some(Ok(next)) = samples.next().await else {
                    // A busy node is late with its summary, as it may be: from the beginning.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    (samples, last) = (begun(), None);
                    continue;
                };
                assert!(last.is_none_or(|last| next.at > last));
                last = Some(next.at);
                // The first numbers of a pod are of its start.
                if (50..=1200).contains(&next.cpu) {
                    return next;
                }
            }
        });
        let sample = measured.await.expect("in time");
        assert!((10 << 10..64 << 20).contains(&sample.memory), "{sample:?}");
    })
    .await;
}

#[tokio::test]
async fn the_configuration_is_of_the_deployment_and_the_pod_and_has_no_secrets() {
    in_the_lab("yaml", |lab| async move {
        lab.deployment(1, SERVE).await;
        let pod = lab.pods().await.remove(0);
        let answer = query::query(lab.site.clone(), Question::Configuration(pod)).await.expect("an answer");
        let Answer::Configuration(text) = answer else { panic!("{answer:?}") };
        let kinds: Vec<_> = text.lines().filter(|line| line.starts_with("kind:") || *line == "---").collect();
        assert_eq!(kinds, ["kind: Deployment", "---", "kind: Pod"], "{text}");
        assert!(text.contains("DB_PASSWORD") && text.contains("lab/busybox"), "{text}");
        for absent in ["hunter2", "managedFields", "last-applied"] {
            assert!(!text.contains(absent), "{absent} in {text}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_processes_of_a_container_are_listed() {
    in_the_lab("ps", |lab| async move {
        lab.deployment(1, SERVE).await;
        let pod = lab.pods().await.remove(0);
        let asked = async {
            loop {
                match query::query(lab.site.clone(), Question::Processes(pod.clone())).await {
                    Err(trouble) if trouble.why.starts_with("no answer for") => {}
                    answer => return answer.expect("an answer"),
                }
            }
        };
        let answer = tokio::time::timeout(testing::PATIENCE, asked).await.expect("in time");
        let Answer::Processes(processes) = answer else { panic!("{answer:?}") };
        assert!(processes.titles.iter().any(|title| &**title == "PID"), "{processes:?}");
        let commands: Vec<&str> = processes.rows.iter().map(|row| &**row.last().expect("a cell")).collect();
        assert!(commands.iter().any(|command| command.contains("trap 'exit 0' TERM")), "{commands:?}");
        assert!(
            !commands.iter().any(|command| command.contains("midwatch") || command.ends_with("ps -ef")),
            "{commands:?}"
        );
    })
    .await;
}
