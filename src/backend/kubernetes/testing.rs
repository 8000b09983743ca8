//! Pods on a real cluster, for tests: each test has a namespace of its own, which goes with it.

use std::{
    io::Write,
    panic::AssertUnwindSafe,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use futures::FutureExt;
use http::Method;
use serde_json::{Value, json};

use super::{Site, api::Api, discovery::Served, pod};
use crate::domain::InstanceId;

/// A shared machine is slow at times; a test that fails waits this long once.
pub const PATIENCE: Duration = Duration::from_secs(240);

pub struct Lab {
    pub site: Site,
    pub namespace: String,
}

/// The lab's; absent on a machine without one, which is a failure where a cluster is demanded.
pub fn kubeconfig() -> Option<String> {
    let path = std::env::var("MIDWATCH_TEST_KUBECONFIG").ok().filter(|path| !path.is_empty());
    let is_demanded = std::env::var_os("MIDWATCH_TEST_KUBERNETES").is_some();
    assert!(path.is_some() || !is_demanded, "MIDWATCH_TEST_KUBECONFIG names no cluster");
    path
}

/// Plays a test where there is a cluster. Where one must be, its absence is a failure.
pub async fn on_a_cluster(name: &str, test: impl AsyncFnOnce(&Lab)) {
    let Some(path) = kubeconfig() else { return };
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kubeconfig = kube::config::Kubeconfig::read_from(path).expect("a kubeconfig");
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.expect("a config");
    let endpoint = config.cluster_url.to_string().into();
    let api = Api::new(kube::Client::try_from(config).expect("a client"), "lab".into(), endpoint);
    let site = Site {
        api,
        served: Served::default().into(),
        directory: Default::default(),
        meter: Default::default(),
        happened: std::sync::Arc::default(),
        scopes: [].into(),
        source: None,
    };
    let lab = Lab { site, namespace: format!("test-{name}-{}", std::process::id()) };
    let namespace = json!({ "metadata": { "name": lab.namespace } });
    lab.change(Method::POST, "/api/v1/namespaces", &namespace).await.expect("a namespace");
    let played = AssertUnwindSafe(test(&lab)).catch_unwind().await;
    let path = format!("/api/v1/namespaces/{}", lab.namespace);
    lab.change(Method::DELETE, &path, &json!({})).await.expect("the namespace goes");
    if let Err(panic) = played {
        std::panic::resume_unwind(panic);
    }
}

impl Lab {
    /// A pod with one container that runs this.
    pub async fn runs(&self, name: &str, restarts: &str, script: &str) -> InstanceId {
        self.pod(name, json!({ "restartPolicy": restarts, "containers": [container("main", script)] })).await
    }

    pub async fn pod(&self, name: &str, mut spec: Value) -> InstanceId {
        spec["terminationGracePeriodSeconds"] = json!(0);
        spec["automountServiceAccountToken"] = json!(false);
        let metadata = json!({ "name": name, "labels": { "app": name } });
        let body = json!({ "metadata": metadata, "spec": spec });
        let path = format!("/api/v1/namespaces/{}/pods", self.namespace);
        // A namespace that is new has no service account for a moment, and takes no pods.
        let made = async {
            loop {
                match self.change(Method::POST, &path, &body).await {
                    Ok(made) => break made,
                    Err(why) if why.contains("serviceaccount") => tokio::time::sleep(Duration::from_millis(100)).await,
                    Err(why) => panic!("the pod was not made: {why}"),
                }
            }
        };
        let made = tokio::time::timeout(PATIENCE, made).await.expect("in time");
        let uid = made["metadata"]["uid"].as_str().expect("a uid");
        pod::instance(self.site.api.cluster(), &self.namespace, name, uid)
    }

    pub async fn remove(&self, name: &str) {
        let path = format!("/api/v1/namespaces/{}/pods/{name}?gracePeriodSeconds=0", self.namespace);
        self.change(Method::DELETE, &path, &json!({})).await.expect("the pod goes");
        self.until(name, |pod| pod.is_null()).await;
    }

    /// The pod, once it is as expected; `null` when there is none.
    pub async fn until(&self, name: &str, is: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/api/v1/namespaces/{}/pods/{name}", self.namespace);
        let mut pod = Value::Null;
        let waiting = async {
            loop {
                pod = self.site.api.get(&path).await.unwrap_or(Value::Null);
                if is(&pod) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(in_time.is_ok(), "{name} did not become as expected: {}", pod["status"]);
        pod
    }

    pub async fn change(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        let changed = self.site.api.change(method, path, "application/json", body).await;
        changed.map_err(|fault| fault.trouble("the cluster said no").why.to_string())
    }
}

/// A program that can be run at once. Another process writes it: ours would hand the open file on to whatever a test beside this one
/// starts, and a file that somebody writes cannot be run.
pub fn program(path: &Path, text: impl AsRef<[u8]>) {
    let mut install = Command::new("install");
    install.args(["-m", "755", "/dev/stdin"]).arg(path).stdin(Stdio::piped());
    let mut install = install.spawn().expect("install runs");
    install.stdin.take().expect("it is piped").write_all(text.as_ref()).expect("written");
    assert!(install.wait().expect("it ends").success());
}

pub fn container(name: &str, script: &str) -> Value {
    json!({ "name": name, "image": "lab/busybox", "imagePullPolicy": "Never", "command": ["sh", "-c", script] })
}

pub fn is_ready(pod: &Value) -> bool {
    pod["status"]["containerStatuses"][0]["ready"] == json!(true)
}
