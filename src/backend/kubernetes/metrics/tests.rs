//! A server of a few lines stands for the API server; what is counted is how often it is asked.

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{backend::kubernetes::api::Api, domain::ClusterName};

/// Nodes by their names: `good` answers, `bad` does not. There is no metrics.k8s.io but where `has_metrics`.
struct Server {
    asked: Arc<Mutex<Vec<String>>>,
    site: Site,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn new(has_metrics: bool) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let task = tokio::spawn(async move {
            let rounds = Arc::new(AtomicUsize::new(10));
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, log.clone(), rounds.clone(), has_metrics));
            }
        });
        let mut config = kube::Config::new(format!("http://{address}").parse().expect("an address"));
        config.default_retry = false;
        let client = kube::Client::try_from(config).expect("a client");
        let site = Site {
            api: Api::new(client, ClusterName::from("prod"), "here".into()),
            served: Arc::default(),
            directory: Arc::default(),
            meter: Arc::default(),
            happened: Arc::default(),
            scopes: Arc::new([]),
            source: None,
        };
        Self { asked, site, task }
    }

    fn times(&self, part: &str) -> usize {
        self.asked.lock().expect("whole").iter().filter(|path| path.contains(part)).count()
    }

    fn sample(&self, name: &str) -> BoxStream<'static, Result<Sample, Trouble>> {
        let instance = InstanceId::new(&ClusterName::from("prod"), format!("shop/{name}/uid-{name}"));
        sample(self.site.clone(), instance)
    }
}

async fn serve(mut stream: TcpStream, log: Arc<Mutex<Vec<String>>>, rounds: Arc<AtomicUsize>, has_metrics: bool) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte).await {
            Ok(1) => request.push(byte[0]),
            Ok(_) | Err(_) => return,
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    log.lock().expect("whole").push(path.clone());
    let (code, body) = answer(&path, rounds.fetch_add(1, Ordering::SeqCst) % 50, has_metrics);
    let head = format!(
        "HTTP/1.1 {code} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _: io::Result<()> = stream.write_all(format!("{head}{body}").as_bytes()).await;
}

fn answer(path: &str, second: usize, has_metrics: bool) -> (u16, String) {
    let status =
        |code: u16| (code, format!(r#"{{"kind":"Status","code":{code},"reason":"No","message":"it says no"}}"#));
    let time = format!("2026-11-21T12:00:{second:02}Z");
    if path.contains("metrics.k8s.io") {
        let item = format!(
            r#"{{"metadata":{{"name":"web-1"}},"timestamp":"{time}","window":"15s",
                "containers":[{{"name":"main","usage":{{"cpu":"7m","memory":"1Mi"}}}}]}}"#
        );
        return if has_metrics { (200, format!(r#"{{"items":[{item}]}}"#)) } else { status(404) };
    }
    if let Some(name) = path.strip_prefix("/api/v1/namespaces/shop/pods/") {
        let node = if name.starts_with("lost") { "bad" } else { "good" };
        return (200, format!(r#"{{"metadata":{{"uid":"uid-{name}"}},"spec":{{"nodeName":"{node}"}}}}"#));
    }
    if !path.contains("/good/") {
        return status(if path.contains("/bad/") { 503 } else { 403 });
    }
    let pods = ["web-1", "web-2"].map(|name| {
        format!(r#"{{"podRef":{{"uid":"uid-{name}"}},"cpu":{{"time":"{time}","usageNanoCores":250000000}}}}"#)
    });
    (200, format!(r#"{{"pods":[{}]}}"#, pods.join(",")))
}

#[tokio::test]
async fn many_pods_of_a_node_cost_one_question() {
    let server = Server::new(false).await;
    let mut streams = ["web-1", "web-2", "web-1"].map(|name| server.sample(name));
    for stream in &mut streams {
        let sample = stream.next().await.expect("goes on").expect("measured");
        assert_eq!(sample.cpu, 250);
    }
    assert_eq!(server.times("stats/summary"), 1);
}

#[tokio::test]
async fn nothing_is_asked_while_nobody_listens_and_who_comes_back_at_once_hears_the_last_word() {
    let server = Server::new(false).await;
    // The stream is gone as soon as it has said something.
    server.sample("web-1").next().await.expect("goes on").expect("measured");
    let sample = server.sample("web-1").next().await.expect("goes on").expect("measured");
    assert_eq!(sample.cpu, 250);
    assert_eq!(server.times("stats/summary"), 1);
    assert!(server.site.meter.lock().sources.values().all(|slot| slot.poll.strong_count() == 0));
}

#[tokio::test]
async fn a_node_that_fails_is_left_alone_and_does_not_hold_others_up() {
    let server = Server::new(false).await;
    for _ in 0..5 {
        let trouble = server.sample("lost-1").next().await.expect("a word").expect_err("failed");
        assert!(trouble.why.starts_with("metrics.k8s.io is not served, and the kubelet of bad"), "{trouble}");
    }
    assert_eq!(server.times("/bad/"), 1);
    assert!(server.sample("web-1").next().await.expect("goes on").is_ok());
    assert_eq!(server.times("metrics.k8s.io"), 1);
}

#[tokio::test]
async fn the_metrics_api_is_used_where_it_is_served() {
    let server = Server::new(true).await;
    let sample = server.sample("web-1").next().await.expect("goes on").expect("measured");
    assert_eq!((sample.cpu, sample.memory), (7, 1 << 20));
    assert_eq!(server.times("stats/summary"), 0);
}

#[test]
fn a_source_is_asked_as_often_as_it_has_news_within_bounds_and_a_slow_one_seldom() {
    let round = |second: u32| {
        let pods = format!(
            r#"{{"pods":[{{"podRef":{{"uid":"u"}},"cpu":{{"time":"2026-11-21T12:00:{second:02}Z","usageNanoCores":1}}}}]}}"#
        );
        Arc::new(serde_json::from_str::<Summary>(&pods).expect("a summary").round())
    };
    let mut pace = Pace::of(&Source::Node("good".into()));
    pace.after(&round(1), Duration::ZERO);
    for _ in 0..9 {
        pace.after(&round(1), Duration::ZERO);
    }
    assert_eq!(pace.pause, SUMMARY_EVERY.1);
    for second in 2..9 {
        pace.after(&round(second), Duration::ZERO);
    }
    assert_eq!(pace.pause, SUMMARY_EVERY.0);
    assert_eq!(pace.after(&round(10), Duration::from_secs(1)), Duration::from_secs(20));
}
