//! A Deployment and its Service on the real cluster, reached through the API server's service proxy, which tries no request twice.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};

use crate::{
    kubectl::kubectl,
    stand::{Home, Stand, until},
    way::Way,
};

const DEMANDED: &str = "MIDWATCH_TEST_KUBERNETES";
const KUBECONFIG: &str = "MIDWATCH_TEST_KUBECONFIG";

pub struct Namespace {
    name: String,
    /// The cluster's, which is its context's.
    cluster: String,
    kubeconfig: String,
    home: Home,
    /// `kubectl proxy`, which signs requests in.
    proxy: Child,
    door: SocketAddr,
}

impl Namespace {
    /// `None`, loudly, where there is no cluster and none was demanded.
    ///
    /// `after`: seconds for which an instance must have lived before it is asked whether it is ready. A Service sends to what is ready, so
    /// what a release that dies young had in hand is only safe where it had to live that long.
    pub fn open(case: &str, instances: u32, after: u32) -> Option<Self> {
        Self::of(case, instances as usize, &deployment(instances, after), None)
    }

    /// `web`, of whatever kind. The program reaches the cluster by `way` where there is one.
    pub fn of(case: &str, instances: usize, web: &Value, way: Option<&Way>) -> Option<Self> {
        let Some(kubeconfig) = std::env::var(KUBECONFIG).ok().filter(|path| !path.is_empty()) else {
            assert!(std::env::var_os(DEMANDED).is_none(), "{DEMANDED} demands a cluster, and {KUBECONFIG} names none");
            eprintln!("SKIPPED {case}: {KUBECONFIG} names no cluster");
            return None;
        };
        static NAMESPACES: AtomicU32 = AtomicU32::new(0);
        let name = format!("mwroll-{}-{}", std::process::id(), NAMESPACES.fetch_add(1, Ordering::Relaxed));
        // An empty DOCKER_HOST would mean the usual socket, and only the cluster is meant.
        let reached = way.map_or_else(|| kubeconfig.clone(), |way| way.kubeconfig());
        let home = Home::new(vec![("KUBECONFIG", reached), ("DOCKER_HOST", "unix:///nowhere.sock".into())]);
        let mut proxy = Command::new("kubectl")
            .args(["--kubeconfig", &kubeconfig, "proxy", "--port=0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        let mut line = String::new();
        BufReader::new(proxy.stdout.take().expect("piped")).read_line(&mut line).expect("it says where it listens");
        let door = line.trim().rsplit(' ').next().and_then(|address| address.parse().ok()).expect("an address");
        let cluster = Command::new("kubectl").args(["--kubeconfig", &kubeconfig, "config", "current-context"]).output();
        let cluster = String::from_utf8_lossy(&cluster.expect("kubectl runs").stdout).trim().to_owned();
        let namespace = Self { name, cluster, kubeconfig, home, proxy, door };
        namespace.kubectl(&["create", "namespace", &namespace.name]);
        until("the namespace to be ready", || namespace.try_kubectl(&["get", "serviceaccount", "default"]));
        namespace.apply(web);
        namespace.apply(&json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
        }));
        until("the first release to be ready", || (namespace.runs().len() == instances).then_some(()));
        Some(namespace)
    }

    pub fn kubectl(&self, arguments: &[&str]) -> String {
        kubectl(&self.kubeconfig, &self.name, arguments, None).unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn try_kubectl(&self, arguments: &[&str]) -> Option<()> {
        kubectl(&self.kubeconfig, &self.name, arguments, None).ok().map(drop)
    }

    fn apply(&self, object: &Value) {
        kubectl(&self.kubeconfig, &self.name, &["apply", "-f", "-"], Some(&object.to_string()))
            .unwrap_or_else(|errors| panic!("{errors}"));
    }
}

/// The same program as one on each machine, or as pods with names of their own.
pub fn in_place(kind: &str, instances: u32) -> Value {
    let mut web = deployment(instances, 0);
    web["kind"] = json!(kind);
    let spec = web["spec"].as_object_mut().expect("a spec");
    spec.retain(|key, _| ["selector", "template", "replicas"].contains(&key.as_str()));
    match kind {
        "DaemonSet" => drop(spec.remove("replicas")),
        _ => drop(spec.insert("serviceName".into(), json!("web"))),
    }
    spec["template"]["spec"]["terminationGracePeriodSeconds"] = json!(2);
    spec["template"]["spec"]["containers"][0]["env"][0]["value"] = json!("0");
    web
}

/// Ready by its health check; it goes on answering for a while after it was asked to end, as its Service takes that long to know.
pub fn deployment(instances: u32, after: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": instances, "selector": {"matchLabels": {"app": "web"}}, "progressDeadlineSeconds": 300,
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                "terminationGracePeriodSeconds": 20,
                "containers": [{
                    "name": "shop", "image": "lab/shop:v1", "imagePullPolicy": "Never",
                    "env": [{"name": "DRAIN_MS", "value": "5000"}],
                    "ports": [{"containerPort": 8080}],
                    "readinessProbe": {
                        "httpGet": {"path": "/health", "port": 8080},
                        "initialDelaySeconds": after, "periodSeconds": 1, "timeoutSeconds": 10,
                    },
                }],
            }},
        },
    })
}

impl Stand for Namespace {
    fn address(&self) -> String {
        format!("{}/{}/web", self.cluster, self.name)
    }

    fn door(&self) -> (SocketAddr, String) {
        (self.door, format!("/api/v1/namespaces/{}/services/web:80/proxy/", self.name))
    }

    fn home(&self) -> &Home {
        &self.home
    }

    fn runs(&self) -> Vec<String> {
        let list: Value = serde_json::from_str(&self.kubectl(&["get", "pods", "-o", "json"])).expect("a list");
        let is_ready = |pod: &&Value| {
            let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
            let is_ready = conditions.into_iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
            is_ready && pod["metadata"]["deletionTimestamp"].is_null()
        };
        let image = |pod: &Value| pod["spec"]["containers"][0]["image"].as_str().expect("an image").to_owned();
        list["items"].as_array().expect("items").iter().filter(is_ready).map(image).collect()
    }

    fn leftovers(&self) -> Vec<String> {
        let names = self.kubectl(&["get", "deployments,services", "-o", "name"]);
        let own = ["deployment.apps/web", "service/web"];
        let selector = self.kubectl(&["get", "service", "web", "-o", "jsonpath={.spec.selector}"]);
        let odd = (selector != r#"{"app":"web"}"#).then(|| format!("selector {selector}"));
        names.lines().filter(|name| !own.contains(name)).map(str::to_owned).chain(odd).collect()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.proxy.kill().and_then(|()| self.proxy.wait());
        self.try_kubectl(&["delete", "namespace", &self.name, "--wait=false"]);
    }
}
