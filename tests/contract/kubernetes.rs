//! The stage that is a real cluster: pods of `lab/busybox` in a namespace of their own, made by kubectl and removed with the stage.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use futures::future::BoxFuture;
use midwatch::{
    backend::{
        Backend, Connector,
        kubernetes::{Context, KubernetesConnector, discover},
    },
    domain::{ClusterName, InstanceId, Scope, ServiceId},
};
use serde_json::{Value, json};

use crate::{
    kubectl::kubectl,
    stage::{Does, Program, Running, Stage},
};

pub const IMAGE: &str = "lab/busybox";
const DEMANDED: &str = "MIDWATCH_TEST_KUBERNETES";
const KUBECONFIG: &str = "MIDWATCH_TEST_KUBECONFIG";

pub struct KubernetesStage {
    /// Of this stage alone.
    pub namespace: String,
    pub kubeconfig: String,
    made: AtomicU32,
    connector: Arc<KubernetesConnector>,
}

impl KubernetesStage {
    /// `None`, loudly, where there is no cluster and none was demanded.
    pub async fn open(case: &str) -> Option<Self> {
        let Some(kubeconfig) = kubeconfig() else {
            eprintln!("SKIPPED {case}: {KUBECONFIG} names no cluster");
            return None;
        };
        static STAGES: AtomicU32 = AtomicU32::new(0);
        let namespace = format!("mwtest-{}-{}", std::process::id(), STAGES.fetch_add(1, Ordering::Relaxed));
        let connector = Arc::new(KubernetesConnector::new(context(&kubeconfig)));
        let stage = Self { namespace, kubeconfig, made: AtomicU32::new(0), connector };
        stage.kubectl(&["create", "namespace", &stage.namespace]);
        // Without it no pod is let in.
        until("the namespace to be ready", || stage.try_kubectl(&["get", "serviceaccount", "default"]).is_some()).await;
        Some(stage)
    }

    /// In the stage's namespace.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        kubectl(&self.kubeconfig, &self.namespace, arguments, None).unwrap_or_else(|errors| panic!("{errors}"))
    }

    pub fn try_kubectl(&self, arguments: &[&str]) -> Option<String> {
        kubectl(&self.kubeconfig, &self.namespace, arguments, None).ok()
    }

    pub fn apply(&self, object: &Value) {
        kubectl(&self.kubeconfig, &self.namespace, &["apply", "-f", "-"], Some(&object.to_string()))
            .unwrap_or_else(|errors| panic!("{errors}"));
    }

    /// Without the copy of it that `apply` keeps.
    pub fn create(&self, object: &Value) {
        kubectl(&self.kubeconfig, &self.namespace, &["create", "-f", "-"], Some(&object.to_string()))
            .unwrap_or_else(|errors| panic!("{errors}"));
    }

    pub async fn backend_of(&self) -> Arc<dyn Backend> {
        (self as &dyn Stage).backend().await
    }

    pub fn service(&self, name: &str) -> ServiceId {
        ServiceId::new(&self.cluster(), &Scope::from(self.namespace.as_str()), name)
    }

    /// A copy of the kubeconfig for whom a token (in base64, as a Secret holds it) stands.
    pub fn kubeconfig_with(&self, files: &tempfile::TempDir, token: &str) -> String {
        let token = BASE64.decode(token).expect("the server encodes it");
        let token = String::from_utf8(token).expect("a token is text");
        let path = files.path().join("config").display().to_string();
        std::fs::copy(&self.kubeconfig, &path).expect("copied");
        let user = self.kubectl(&["config", "view", "-o", "jsonpath={.users[0].name}"]);
        kubectl(&path, &self.namespace, &["config", "set-credentials", &user, "--token", &token], None)
            .unwrap_or_else(|errors| panic!("{errors}"));
        path
    }

    /// A pod that exists and of which the first container has begun at least once.
    pub async fn begun(&self, name: &str) -> Running {
        let started = "{.status.containerStatuses[0].state.running.startedAt}\
                       {.status.containerStatuses[0].state.terminated.startedAt}\
                       {.status.containerStatuses[0].lastState.terminated.startedAt}";
        let path = format!("jsonpath={started}");
        until("the pod to begin", || !self.kubectl(&["get", "pod", name, "-o", &path]).is_empty()).await;
        let uid = self.kubectl(&["get", "pod", name, "-o", "jsonpath={.metadata.uid}"]);
        let cluster = self.cluster();
        Running {
            service: ServiceId::new(&cluster, &Scope::from(self.namespace.as_str()), name),
            instance: InstanceId::new(&cluster, format!("{}/{name}/{uid}", self.namespace)),
            name: name.to_owned(),
        }
    }
}

impl Stage for KubernetesStage {
    fn cluster(&self) -> ClusterName {
        "lab".into()
    }

    fn connector(&self) -> Arc<dyn Connector> {
        self.connector.clone()
    }

    fn run<'a>(&'a self, program: Program) -> BoxFuture<'a, Running> {
        Box::pin(async move {
            let name = format!("pod-{}", self.made.fetch_add(1, Ordering::Relaxed));
            self.apply(&pod(&name, &program));
            self.begun(&name).await
        })
    }

    fn remove<'a>(&'a self, running: &'a Running) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.kubectl(&["delete", "pod", &running.name, "--wait=false", "--grace-period=1"]);
        })
    }

    fn counts_processes(&self) -> bool {
        false
    }

    fn tells_outputs_apart(&self) -> bool {
        false
    }
}

impl Drop for KubernetesStage {
    fn drop(&mut self) {
        self.try_kubectl(&["delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false"]);
        self.try_kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}

/// What cannot be tested is a failure where a cluster was demanded.
pub fn kubeconfig() -> Option<String> {
    let named = std::env::var(KUBECONFIG).ok().filter(|path| !path.is_empty());
    assert!(
        named.is_some() || std::env::var_os(DEMANDED).is_none(),
        "{DEMANDED} demands a cluster, but {KUBECONFIG} names none"
    );
    named
}

pub fn context(kubeconfig: &str) -> Context {
    let found = discover(|name| (name == "KUBECONFIG").then(|| kubeconfig.to_owned()), None);
    let context = found.contexts.into_iter().next();
    let mut context = context.unwrap_or_else(|| panic!("no context in {kubeconfig}: {:?}", found.tried));
    context.name = "lab".into();
    context
}

/// Looks again and again; what a cluster does takes its time.
pub async fn until(expected: &str, mut seen: impl FnMut() -> bool) {
    let wait = async {
        while !seen() {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(crate::observer::PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {expected}"));
}

fn pod(name: &str, program: &Program) -> Value {
    let stays = match program.does {
        Does::CountsAndEnds { .. } | Does::EatsMemory { .. } => "Never",
        Does::Says { .. }
        | Does::SaysLong { .. }
        | Does::SaysInvalidUtf8
        | Does::Crashes { .. }
        | Does::FailsItsCheck { .. }
        | Does::PassesItsCheck
        | Does::Burns => "Always",
    };
    let pairs = |pairs: &[(String, String)]| -> Vec<Value> {
        pairs.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
    };
    let check = |command: String| json!({ "exec": { "command": ["sh", "-c", command] }, "periodSeconds": 1, "timeoutSeconds": 10 });
    let mut container = json!({
        "name": "main",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", program.does.script()],
        "tty": program.tty,
        "env": pairs(&program.environment),
    });
    match &program.does {
        Does::EatsMemory { limit } => {
            container["resources"] = json!({ "limits": { "memory": format!("{limit}Mi") } });
        }
        Does::FailsItsCheck { output } => container["readinessProbe"] = check(format!("echo '{output}'; exit 1")),
        Does::PassesItsCheck => container["readinessProbe"] = check("true".into()),
        Does::Says { .. }
        | Does::CountsAndEnds { .. }
        | Does::SaysLong { .. }
        | Does::SaysInvalidUtf8
        | Does::Crashes { .. }
        | Does::Burns => {}
    }
    // Labels cannot be hostile: the server refuses them. Annotations can hold anything.
    let annotations: serde_json::Map<String, Value> =
        program.labels.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "annotations": annotations },
        "spec": {
            "restartPolicy": stays,
            "terminationGracePeriodSeconds": 1,
            "containers": [container],
        },
    })
}
