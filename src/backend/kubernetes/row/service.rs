//! Kubernetes Services: where others reach the pods that they select.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    Interner, Key, Raw,
    labels::{RawLabels, Selector},
    meta::RawMeta,
    text::{Text, nullable},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrance {
    pub key: Key,
    pub selector: Selector,
    /// "ClusterIP 10.96.0.12"
    pub address: Arc<str>,
    /// "80->8080/tcp http"
    pub ports: Box<[Arc<str>]>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawService<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    metadata: RawMeta<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    spec: RawSpec<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    status: RawStatus<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawSpec<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, rename = "clusterIP")]
    cluster_ip: Text<'a>,
    #[serde(borrow)]
    external_name: Text<'a>,
    #[serde(borrow)]
    selector: RawLabels<'a>,
    #[serde(borrow)]
    ports: Option<Vec<RawPort<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawPort<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    port: Option<u16>,
    #[serde(borrow)]
    target_port: Text<'a>,
    node_port: Option<u16>,
    #[serde(borrow)]
    protocol: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawStatus<'a> {
    #[serde(borrow)]
    load_balancer: Option<RawBalancer<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawBalancer<'a> {
    #[serde(borrow)]
    ingress: Option<Vec<RawIngress<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawIngress<'a> {
    #[serde(borrow)]
    ip: Text<'a>,
    #[serde(borrow)]
    hostname: Text<'a>,
}

impl<'a> Raw<'a> for RawService<'a> {
    type Row = Entrance;

    fn meta(&self) -> &RawMeta<'a> {
        &self.metadata
    }

    fn row(self, interner: &mut Interner) -> Entrance {
        let ports = self.spec.ports.iter().flatten().take(64);
        Entrance {
            key: self.metadata.key(interner),
            selector: self.spec.selector.selector(interner),
            address: interner.text(&self.address()),
            ports: ports.map(|port| interner.text(&port.words())).collect(),
        }
    }
}

impl RawService<'_> {
    fn address(&self) -> String {
        let kind = if self.spec.kind.is_empty() { "ClusterIP" } else { &*self.spec.kind };
        let balancer = self.status.load_balancer.as_ref();
        let outside = balancer.and_then(|balancer| balancer.ingress.iter().flatten().next());
        let outside = outside.map(|at| if at.ip.is_empty() { &*at.hostname } else { &*at.ip });
        match (kind, outside) {
            ("LoadBalancer", Some(outside)) => format!("{kind} {outside}"),
            ("LoadBalancer", None) => format!("{kind} {} (no address outside yet)", &*self.spec.cluster_ip),
            ("ExternalName", _) => format!("{kind} {}", &*self.spec.external_name),
            _ if &*self.spec.cluster_ip == "None" => "headless".into(),
            _ => format!("{kind} {}", &*self.spec.cluster_ip),
        }
    }
}

impl RawPort<'_> {
    fn words(&self) -> String {
        let port = self.port.unwrap_or(0);
        let protocol = if self.protocol.is_empty() { "tcp".into() } else { self.protocol.to_ascii_lowercase() };
        let mut words = match &*self.target_port {
            target if target.is_empty() || *target == *port.to_string() => format!("{port}/{protocol}"),
            target => format!("{port}->{target}/{protocol}"),
        };
        if let Some(node) = self.node_port.filter(|node| *node > 0) {
            words.push_str(&format!(", {node} on every node"));
        }
        if !self.name.is_empty() {
            words.push_str(&format!(" {}", &*self.name));
        }
        words
    }
}
