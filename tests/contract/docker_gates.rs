//! Gates over real containers: what passes, what fails, and what only a person can say.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use midwatch::{
    backend::{
        Connector, StepError,
        docker::{DockerConnector, Endpoint, Host},
    },
    domain::InstanceId,
    plan::{
        Gate, Group, Step,
        wish::{HttpGate, Limit, PrometheusGate},
    },
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, UnixStream},
};

use crate::{
    docker::{IMAGE, SOCKET},
    docker_traffic::{Shop, has_program, only},
};

fn gate(shop: &Shop, gate: Gate, new: Group, old: Group) -> Step {
    Step::Gate { service: shop.service.clone(), gate, new, old }
}

fn said(judged: Result<(), StepError>) -> String {
    match judged {
        Ok(()) => "ok".into(),
        Err(StepError::Failed(trouble)) => format!("failed: {}", trouble.why),
        Err(StepError::Unsure(trouble)) => format!("unsure: {}", trouble.why),
        Err(StepError::Lost(trouble)) => format!("lost: {}", trouble.why),
    }
}

async fn judged(shop: &Shop, what: Gate, new: &Group, old: &Group) -> String {
    said(shop.execute(gate(shop, what, new.clone(), old.clone())).await)
}

fn http(at: &str, body: Option<&str>) -> Gate {
    Gate::Http(HttpGate { at: at.into(), status: 200, body: body.map(Into::into), within: 30_000, times: 2 })
}

/// A server that answers every request by this script.
fn answering(script: &str) -> String {
    format!("nc -ll -p 8080 -e sh -c '{script}'")
}

/// Somebody listens at 8080, which the kernel writes in hexadecimal.
const LISTENS: [&str; 3] = ["sh", "-c", "cat /proc/net/tcp /proc/net/tcp6 | grep -q ':1F90 .* 0A '"];

fn run(shop: &Shop, name: &str, script: &str) -> (Group, String) {
    let id = shop.run(name, name, &[], &[IMAGE, "sh", "-c", script]);
    (only(&shop.service.cluster, &id), id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_is_asked_of_each_new_instance() {
    let Some(shop) = Shop::open("http").await else { return };
    let both = Group::Instances(shop.instances.clone());
    assert_eq!(judged(&shop, http("8080/health", Some("fine")), &both, &both).await, "ok");
    let wrong = judged(&shop, http("8080/none", None), &both, &both).await;
    assert!(wrong.contains("answered 404 instead of 200 to 8080/none"), "{wrong}");
    let deaf = judged(&shop, http("81/", None), &both, &both).await;
    assert!(deaf.ends_with("cannot be reached: nothing listens on it"), "{deaf}");

    let bad = "read -r line; printf \"HTTP/1.1 500 No\\r\\nContent-Length: 5\\r\\n\\r\\nno db\"; sleep 1";
    let (bad, _) = run(&shop, "bad", &answering(bad));
    shop.until("bad", &LISTENS);
    let said = judged(&shop, http("8080/health", None), &bad, &both).await;
    assert!(said.ends_with("-bad answered 500 instead of 200 to 8080/health: 'no db'"), "{said}");
    let (hangs, _) = run(&shop, "hangs", &answering("sleep 1000"));
    shop.until("hangs", &LISTENS);
    let soon = HttpGate { at: "8080/health".into(), status: 200, body: None, within: 1000, times: 2 };
    let said = judged(&shop, Gate::Http(soon), &hangs, &both).await;
    assert!(said.ends_with("-hangs did not answer within 1000 ms"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_elsewhere_is_asked_from_inside_the_container() {
    let Some(shop) = Shop::open("far").await else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut engine = UnixStream::connect(SOCKET).await.expect("the engine");
                _ = copy_bidirectional(&mut client, &mut engine).await;
            });
        }
    });
    let endpoint = Endpoint::Tcp { address, tls: None };
    let host = Host { name: shop.service.cluster.clone(), endpoint, protected: false, read_only: false };
    let far = DockerConnector::new(host).connect().await.unwrap_or_else(|loss| panic!("{}", loss.why));
    let both = Group::Instances(shop.instances.clone());
    let judged =
        async |what: Gate| said(far.execute(gate(&shop, what, both.clone(), both.clone()), Arc::new(|_| {})).await);
    assert_eq!(judged(http("8080/health", Some("fine"))).await, "ok");
    let deaf = judged(http("81/", None)).await;
    assert!(deaf.starts_with("failed: ") && deaf.contains("refused"), "{deaf}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_ends_or_restarts_is_not_well() {
    let Some(shop) = Shop::open("health").await else { return };
    let both = Group::Instances(shop.instances.clone());
    assert_eq!(judged(&shop, Gate::Health { seconds: 2 }, &both, &both).await, "ok");
    let service = shop.service.clone();
    assert_eq!(judged(&shop, Gate::Health { seconds: 0 }, &Group::All(service), &both).await, "ok");
    let (ends, _) = run(&shop, "ends", "sleep 2; exit 3");
    let said = judged(&shop, Gate::Health { seconds: 20 }, &ends, &both).await;
    assert!(said.contains("-ends is not ready: it ended, exit 3"), "{said}");
    let id = shop.run("again", "again", &["--restart", "always"], &[IMAGE, "sh", "-c", "sleep 2; exit 3"]);
    let said = judged(&shop, Gate::Health { seconds: 20 }, &only(&shop.service.cluster, &id), &both).await;
    assert!(said.contains("-again was restarted") || said.contains("-again is not ready: it ended, exit 3"), "{said}");
    let made = Group::Instances(vec![InstanceId::made(&shop.service, 2, 1)]);
    let said = judged(&shop, Gate::Health { seconds: 9 }, &made, &both).await;
    assert!(said.contains("web/2/1 is gone"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn error_lines_are_counted_on_both_sides() {
    let Some(shop) = Shop::open("errors").await else { return };
    // So many at once that enough are there in any three seconds.
    let says = |lines: &str| format!("while :; do for n in 1 2 3 4 5 6 7 8 9 10; do {lines}; done; sleep 0.1; done");
    let (fine, _) = run(&shop, "fine", &says("echo level=info"));
    let (worse, _) = run(&shop, "worse", &says("echo level=info; echo level=error >&2"));
    let (quiet, _) = run(&shop, "quiet", "sleep 1000");
    let errors = Gate::Errors { percent: 150, at_least: 10, seconds: 3 };
    // To open a log may take as long as it is read.
    let told = async |new: &Group, old: &Group| {
        for _ in 0..5 {
            let said = judged(&shop, errors.clone(), new, old).await;
            if !said.starts_with("unsure: ") {
                return said;
            }
        }
        panic!("it never read enough");
    };
    assert_eq!(told(&fine, &worse).await, "ok");
    assert_eq!(told(&worse, &worse).await, "ok");
    let said = told(&worse, &fine).await;
    assert!(said.starts_with("failed: ") && said.contains("of the old release 0 of"), "{said}");
    let said = judged(&shop, errors, &quiet, &fine).await;
    assert_eq!(said, "unsure: too few lines in 3 s: 0 of 10 that it takes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_asked() {
    let Some(shop) = Shop::open("person").await else { return };
    let both = Group::Instances(shop.instances.clone());
    let gate = Gate::Person { says: "is the shop open?".into() };
    assert_eq!(judged(&shop, gate, &both, &both).await, "unsure: is the shop open?");
}

/// A real one that knows nothing, as long as this lives.
struct Prometheus {
    url: String,
    server: Child,
    _files: tempfile::TempDir,
}

impl Prometheus {
    fn open() -> Option<Self> {
        if !has_program("prometheus") {
            return None;
        }
        let files = tempfile::tempdir().expect("a directory");
        let config = files.path().join("prometheus.yml");
        std::fs::write(&config, "global: {}\n").expect("it is written");
        // It cannot be told to choose a port by itself.
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr()).expect("a port").port();
        let mut server = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", files.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("prometheus runs");
        let mut lines = BufReader::new(server.stderr.take().expect("it is piped")).lines();
        let is_up = |line: &String| line.contains("Server is ready to receive web requests");
        assert!(lines.by_ref().map_while(Result::ok).any(|line| is_up(&line)), "prometheus did not come up");
        // Who writes into a closed pipe ends.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { url: format!("http://127.0.0.1:{port}"), server, _files: files })
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        _ = self.server.kill();
        _ = self.server.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_of_prometheus_is_held_against_its_limit() {
    let Some(shop) = Shop::open("prometheus").await else { return };
    let Some(prometheus) = Prometheus::open() else { return };
    let both = Group::Instances(shop.instances.clone());
    let judged = async |query: &str, limit| {
        let gate = PrometheusGate { url: prometheus.url.as_str().into(), query: query.into(), limit, seconds: 1 };
        judged(&shop, Gate::Prometheus(gate), &both, &both).await
    };
    assert_eq!(judged("vector(0.2)", Limit::AtMost(200)).await, "ok");
    assert_eq!(judged("scalar(vector(7))", Limit::AtLeast(7000)).await, "ok");
    assert_eq!(judged("vector(0.2)", Limit::AtMost(199)).await, "failed: it is 0.2");
    assert_eq!(judged("vector(1) > 2", Limit::AtMost(1)).await, "unsure: the query finds nothing");
    assert!(judged("vector(0) / 0", Limit::AtMost(1)).await.starts_with("unsure: the query yields no number (NaN)"));
    assert_eq!(judged("1/0", Limit::AtMost(1)).await, "failed: it is inf");
    let said = judged("sum(", Limit::AtMost(1)).await;
    assert!(said.starts_with("unsure: Prometheus says: ") && said.contains("parse error"), "{said}");
    let nobody =
        PrometheusGate { url: "http://127.0.0.1:9".into(), query: "x".into(), limit: Limit::AtMost(1), seconds: 0 };
    let said = self::judged(&shop, Gate::Prometheus(nobody), &both, &both).await;
    assert_eq!(said, "unsure: Prometheus at 127.0.0.1:9: connection refused");
}
