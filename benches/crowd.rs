//! How long a big cluster takes to be known, and what it costs then: against the real API server that `MIDWATCH_TEST_KUBECONFIG` names,
//! after `tests/lab/crowd-up`. Prints a row for each of `ROUNDS` connections; without the variable it measures nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt;
use jiff::Timestamp;
use midwatch::{
    backend::{
        Backend, Connector,
        kubernetes::{KubernetesConnector, discover},
    },
    domain::{Change, Cluster, ClusterName, Engine, Inventory, Link, Service},
};

const ROUNDS: usize = 5;

fn main() {
    let Some(kubeconfig) = std::env::var("MIDWATCH_TEST_KUBECONFIG").ok().filter(|path| !path.is_empty()) else {
        println!("MIDWATCH_TEST_KUBECONFIG names no cluster: nothing is measured");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
    println!(
        "{:>12} {:>14} {:>10} {:>12} {:>10} {:>10}",
        "services", "with reasons", "instances", "all of them", "memory", "peak"
    );
    for _ in 0..ROUNDS {
        runtime.block_on(round(&kubeconfig));
    }
}

async fn round(kubeconfig: &str) {
    let found = discover(|name| (name == "KUBECONFIG").then(|| kubeconfig.to_owned()), None);
    let context = found.contexts.into_iter().next().expect("a context");
    let name = context.name.clone();
    let began = Instant::now();
    let backend = connected(KubernetesConnector::new(context)).await;
    let mut inventory = Inventory::default();
    inventory.put_cluster(cluster(&name, &backend));
    let mut changes = backend.watch();
    let (mut services, mut explained) = (None, None);
    loop {
        let change = changes.next().await.expect("the watch goes on").unwrap_or_else(|loss| panic!("{}", loss.why));
        let is_whole = matches!(change, Change::Arrived | Change::Picture(_));
        inventory.apply(&name, change, Timestamp::now());
        if inventory.pictured(&name).is_some() {
            services.get_or_insert_with(|| began.elapsed());
            if inventory.services().all(is_explained) {
                explained.get_or_insert_with(|| began.elapsed());
            }
        }
        if is_whole {
            break;
        }
    }
    let all = began.elapsed();
    println!(
        "{:>12} {:>14} {:>10} {:>12} {:>10} {:>10}",
        millis(services),
        millis(explained),
        inventory.instances().len(),
        millis(Some(all)),
        memory("VmRSS"),
        memory("VmHWM"),
    );
}

async fn connected(connector: KubernetesConnector) -> Arc<dyn Backend> {
    match connector.connect().await {
        Ok(backend) => backend,
        Err(loss) => panic!("{}", loss.why),
    }
}

/// What is broken says of what its instances died, or why they do not begin.
fn is_explained(service: &Service) -> bool {
    let Some(reason) = service.health.reason().filter(|_| service.health.is_broken()) else { return true };
    !reason.text.ends_with("ready")
}

fn cluster(name: &ClusterName, backend: &Arc<dyn Backend>) -> Cluster {
    Cluster {
        name: name.clone(),
        engine: Engine::Kubernetes,
        endpoint: "".into(),
        link: Link::Live { since: Timestamp::now() },
        facts: None,
        capabilities: backend.capabilities(),
        protected: false,
        read_only: false,
        at_start: true,
        latency: None,
    }
}

fn millis(took: Option<Duration>) -> String {
    took.map_or("-".into(), |took| format!("{} ms", took.as_millis()))
}

/// A line of this process's status, in MiB.
fn memory(line: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let kibibytes: u64 = found.and_then(|text| text.trim().split(' ').next()?.parse().ok()).unwrap_or(0);
    format!("{} MiB", kibibytes / 1024)
}
