//! A connection to a port of a pod, through the API server and the pod's kubelet.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use k8s_openapi::api::core::v1 as core;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::{Site, api::encoded, directory::Workload, fault::Fault, pod::is_name};
use crate::{
    backend::{Duplex, Forwarded},
    domain::{ServiceId, ServiceKind, Trouble, text::clean},
};

/// A service with more pods than this is reached through these.
const LOOKED_AT: usize = 500;
/// Connections go to one pod after the other. Shared by all services, which does no harm.
static TURN: AtomicUsize = AtomicUsize::new(0);

pub async fn forward(site: Site, service: ServiceId, port: u16) -> Result<Forwarded, Trouble> {
    let what = format!("could not reach port {port} of {}/{}", service.scope, service.name);
    let Some(workload) = site.directory.find(&service) else {
        return Err(Trouble::new(what, "nothing is known of this service (any more)"));
    };
    let pods = ready_pods(&site, &workload).await.map_err(|fault| told(&what, &fault))?;
    if pods.is_empty() {
        return Err(Trouble::new(what, "none of its pods is ready"));
    }
    let name = pods[TURN.fetch_add(1, Ordering::Relaxed) % pods.len()].clone();
    let stream = dial(&site, &workload.namespace, &name, port).await.map_err(|fault| told(&what, &fault))?;
    Ok(Forwarded { through: name, stream })
}

/// A connection to a port of one pod. That nobody listens on it is told when it is read from.
pub async fn dial(site: &Site, namespace: &str, pod: &str, port: u16) -> Result<Pin<Box<dyn Duplex>>, Fault> {
    let api: kube::Api<core::Pod> = kube::Api::namespaced(site.api.client(), namespace);
    let mut forwarder = api.portforward(pod, &[port]).await?;
    let unheard = || Fault::Garbled("the server opened no stream for it".into());
    let stream = forwarder.take_stream(port).ok_or_else(unheard)?;
    let refusal = forwarder.take_error(port).ok_or_else(unheard)?;
    Ok(Box::pin(Tunnel { stream, refusal: Some(Box::pin(refusal)) }))
}

pub fn told(what: &str, fault: &Fault) -> Trouble {
    let trouble = fault.trouble(what);
    if fault.is_denied() {
        return trouble
            .help("it takes the rights to list pods and to create pods/portforward (some servers ask for get, too)");
    }
    trouble
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PodList {
    items: Vec<Row>,
}

/// `v1.Pod`, as far as it is read here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Row {
    metadata: Metadata,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    uid: String,
    deletion_timestamp: Option<serde::de::IgnoredAny>,
    owner_references: Vec<Owner>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Owner {
    uid: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    conditions: Vec<Condition>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

impl Row {
    fn is_ready(&self) -> bool {
        let is_ready = |condition: &Condition| condition.kind == "Ready" && condition.status == "True";
        self.metadata.deletion_timestamp.is_none() && self.status.conditions.iter().any(is_ready)
    }

    fn belongs_to(&self, workload: &Workload) -> bool {
        match workload.kind {
            ServiceKind::Pod => self.metadata.uid == *workload.uid,
            _ if !workload.selector.is_empty() => true,
            _ => self.metadata.owner_references.iter().any(|owner| owner.uid == *workload.uid),
        }
    }
}

/// In the order of their names, so that turns go round.
async fn ready_pods(site: &Site, workload: &Workload) -> Result<Vec<Arc<str>>, Fault> {
    let Workload { kind, namespace, name, selector, .. } = workload;
    if !is_name(namespace) {
        return Err(Fault::Garbled(format!("{namespace} is no namespace").into()));
    }
    let narrowed = match kind {
        ServiceKind::Pod => format!("&fieldSelector={}", encoded(&format!("metadata.name={name}"))),
        _ if !selector.is_empty() => format!("&labelSelector={}", encoded(selector)),
        _ => String::new(),
    };
    let path = format!("/api/v1/namespaces/{namespace}/pods?limit={LOOKED_AT}{narrowed}");
    let list: PodList = site.api.get(&path).await?;
    let ready = list.items.into_iter().filter(|pod| pod.is_ready() && pod.belongs_to(workload));
    let mut names: Vec<Arc<str>> =
        ready.map(|pod| pod.metadata.name.into()).filter(|name: &Arc<str>| is_name(name)).collect();
    names.sort();
    Ok(names)
}

type Refusal = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

/// What the kubelet says instead of connecting (nothing listens there) is an error of reading.
struct Tunnel {
    stream: DuplexStream,
    refusal: Option<Refusal>,
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if matches!(&read, Poll::Ready(Ok(()))) && (buffer.filled().len() > before || buffer.remaining() == 0) {
            return read;
        }
        // There is nothing (more), and its reason has come before that, if there is one.
        if let Some(refusal) = &mut self.refusal
            && let Poll::Ready(said) = refusal.as_mut().poll(context)
        {
            self.refusal = None;
            if let Some(said) = said {
                return Poll::Ready(Err(io::Error::other(words(&said))));
            }
        }
        read
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// `error forwarding port 80 to pod <id>, uid : failed to execute portforward in network namespace "…": failed to dial 80: dial tcp4
/// 127.0.0.1:80: connect: connection refused`: the end of it is for a person.
fn words(said: &str) -> String {
    let said = clean(said.trim());
    let cause = said.rsplit(": ").next().unwrap_or_default();
    if said.contains("connection refused") { "nothing listens on it in the pod".to_owned() } else { cause.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::backend::kubernetes::testing::{PATIENCE, container, is_ready, on_a_cluster};

    #[test]
    fn the_kubelets_words_are_shortened_to_what_a_person_needs() {
        let said = "error forwarding port 81 to pod 3f, uid : failed to execute portforward in network namespace \"/run/x\": \
                    failed to dial 81: dial tcp4 127.0.0.1:81: connect: connection refused";
        assert_eq!(words(said), "nothing listens on it in the pod");
        assert_eq!(words("an error occurred: lost connection to pod\n"), "lost connection to pod");
    }

    #[tokio::test]
    async fn connections_go_to_one_ready_pod_after_the_other() {
        on_a_cluster("forward", async |lab| {
            let script = "mkdir /www; hostname > /www/index.html; httpd -f -p 8080 -h /www";
            for name in ["one", "two"] {
                let mut main = container("main", script);
                main["readinessProbe"] =
                    json!({ "tcpSocket": { "port": 8080 }, "periodSeconds": 1, "timeoutSeconds": 10 });
                lab.pod(name, json!({ "containers": [main] })).await;
            }
            lab.pod("idle", json!({ "containers": [container("main", "sleep 1000")] })).await;
            let service = |name: &str| ServiceId::new(&"lab".into(), &lab.namespace.as_str().into(), name);
            let workload = |selector: &str| Workload {
                kind: ServiceKind::Deployment,
                namespace: lab.namespace.as_str().into(),
                name: "web".into(),
                uid: "".into(),
                selector: selector.into(),
            };
            let directory = &lab.site.directory;
            directory.put(service("web"), workload("app in (one,two)"));
            directory.put(service("idle"), workload("app=idle"));
            directory.put(service("none"), workload("app=none"));
            for name in ["one", "two", "idle"] {
                lab.until(name, is_ready).await;
            }
            let mut heard = Vec::new();
            for _ in 0..2 {
                let forwarded = forward(lab.site.clone(), service("web"), 8080).await.expect("a connection");
                let mut stream = forwarded.stream;
                stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.expect("is sent");
                let mut answer = String::new();
                let read = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
                read.expect("in time").expect("an answer");
                assert!(answer.trim_end().ends_with(&*forwarded.through), "{answer}");
                heard.push(forwarded.through);
            }
            heard.sort();
            assert_eq!(heard, ["one".into(), "two".into()]);
            let mut deaf = forward(lab.site.clone(), service("idle"), 81).await.expect("a stream").stream;
            let read = tokio::time::timeout(PATIENCE, deaf.read_to_end(&mut Vec::new())).await.expect("in time");
            assert_eq!(read.expect_err("nobody is there").to_string(), "nothing listens on it in the pod");
            let none = forward(lab.site.clone(), service("none"), 80).await.err().expect("nobody is there");
            assert_eq!(&*none.why, "none of its pods is ready");
        })
        .await;
    }
}
