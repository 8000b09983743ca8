//! Rolling a Deployment of ten back: midwatch against `kubectl rollout undo` and `rollout status`, in turns, on the cluster that
//! `MIDWATCH_TEST_KUBECONFIG` names. Needs the lab's images.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const INSTANCES: u32 = 10;
const ROUNDS: usize = 5;
const NAMESPACE: &str = "midwatch-bench-rollback";

fn main() {
    let Some(kubeconfig) = std::env::var("MIDWATCH_TEST_KUBECONFIG").ok().filter(|path| !path.is_empty()) else {
        println!("MIDWATCH_TEST_KUBECONFIG names no cluster: nothing is measured");
        return;
    };
    let home = tempfile::tempdir().expect("a directory");
    let kubectl = |arguments: &[&str]| {
        let mut command = Command::new("kubectl");
        command.args(["--kubeconfig", &kubeconfig, "-n", NAMESPACE]).args(arguments);
        assert!(command.stdout(Stdio::null()).status().expect("kubectl runs").success(), "kubectl {arguments:?}");
    };
    let midwatch = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_midwatch"));
        command.args(arguments).env("HOME", home.path()).env("KUBECONFIG", &kubeconfig);
        command.env("DOCKER_HOST", "unix:///nowhere.sock").stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().expect("it runs").success(), "midwatch {arguments:?}");
    };
    let context = Command::new("kubectl").args(["--kubeconfig", &kubeconfig, "config", "current-context"]).output();
    let context = String::from_utf8(context.expect("kubectl runs").stdout).expect("a name");
    let address = format!("{}/{NAMESPACE}/web", context.trim());
    kubectl(&["create", "namespace", NAMESPACE]);
    let mut apply = Command::new("kubectl");
    apply.args(["--kubeconfig", &kubeconfig, "-n", NAMESPACE, "apply", "-f", "-"]).stdout(Stdio::null());
    let mut apply = apply.stdin(Stdio::piped()).spawn().expect("kubectl starts");
    apply.stdin.take().expect("piped").write_all(DEPLOYMENT.as_bytes()).expect("written");
    assert!(apply.wait().expect("it ends").success());
    let settled = || kubectl(&["rollout", "status", "deployment/web"]);
    settled();

    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let next = format!("shop=lab/shop:{}", if round % 2 == 0 { "v2" } else { "v3" });
        let timed = |work: &dyn Fn()| -> Duration {
            kubectl(&["set", "image", "deployment/web", &next]);
            settled();
            let began = Instant::now();
            work();
            let took = began.elapsed();
            settled();
            took
        };
        theirs.push(timed(&|| {
            kubectl(&["rollout", "undo", "deployment/web"]);
            settled();
        }));
        // The first release never served for long enough to be suggested, so it is named.
        ours.push(timed(&|| midwatch(&["rollback", &address, "v1", "--yes"])));
    }
    kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"]);
    let median = |took: &mut Vec<Duration>| {
        took.sort();
        took[took.len() / 2].as_secs_f64()
    };
    let (theirs, ours) = (median(&mut theirs), median(&mut ours));
    println!(
        "rolling back {INSTANCES} instances: kubectl {theirs:.2} s, midwatch {ours:.2} s, ratio {:.2}",
        ours / theirs
    );
}

const DEPLOYMENT: &str = r#"{
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
    "spec": {
        "replicas": 10, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"terminationGracePeriodSeconds": 5, "containers": [{
            "name": "shop", "image": "lab/shop:v1", "imagePullPolicy": "Never",
            "env": [{"name": "DRAIN_MS", "value": "100"}],
            "readinessProbe": {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 1}
        }]}}
    }
}"#;
