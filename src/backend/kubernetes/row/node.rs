//! Nodes: what they have, what is wrong with them, what keeps pods away.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    Interner, Key, Raw,
    condition::{self, Condition, RawCondition},
    labels::ROLE,
    meta::RawMeta,
    template::RawAmounts,
    text::{self, Text, Time, nullable},
};
use crate::domain::Limits;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    pub key: Key,
    pub cordoned: bool,
    pub roles: Box<[Arc<str>]>,
    /// "dedicated=db:NoSchedule"
    pub taints: Box<[Arc<str>]>,
    pub capacity: Limits,
    pub allocatable: Limits,
    pub slots: u32,
    pub address: Option<Arc<str>>,
    pub version: Arc<str>,
    pub system: Arc<str>,
    pub created: Time,
    pub conditions: Box<[Condition]>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawNode<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    metadata: RawMeta<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    spec: RawSpec<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    status: RawStatus<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawSpec<'a> {
    unschedulable: Option<bool>,
    #[serde(borrow)]
    taints: Option<Vec<RawTaint<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawTaint<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    value: Text<'a>,
    #[serde(borrow)]
    effect: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawStatus<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    capacity: RawAmounts<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    allocatable: RawAmounts<'a>,
    #[serde(borrow)]
    addresses: Option<Vec<RawAddress<'a>>>,
    #[serde(borrow, deserialize_with = "nullable")]
    node_info: RawInfo<'a>,
    #[serde(borrow)]
    conditions: Option<Vec<RawCondition<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawAddress<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    address: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawInfo<'a> {
    #[serde(borrow)]
    kubelet_version: Text<'a>,
    #[serde(borrow)]
    os_image: Text<'a>,
    #[serde(borrow)]
    architecture: Text<'a>,
    #[serde(borrow)]
    container_runtime_version: Text<'a>,
}

impl<'a> Raw<'a> for RawNode<'a> {
    type Row = Machine;

    fn meta(&self) -> &RawMeta<'a> {
        &self.metadata
    }

    fn row(self, interner: &mut Interner) -> Machine {
        let Self { metadata, spec, status } = self;
        let address = |kind| status.addresses.iter().flatten().find(|address| &*address.kind == kind);
        let address = address("InternalIP").or_else(|| address("ExternalIP")).or_else(|| address("Hostname"));
        let info = &status.node_info;
        let runtime = info.container_runtime_version.replacen("://", " ", 1);
        let system = [&*info.os_image, &*info.architecture, &*runtime];
        let system: Vec<&str> = system.into_iter().filter(|part| !part.is_empty()).collect();
        // Cordoning taints the node, too: it is told as what it is.
        let taints = spec.taints.iter().flatten().filter(|taint| &*taint.key != "node.kubernetes.io/unschedulable");
        Machine {
            key: metadata.key(interner),
            cordoned: spec.unschedulable == Some(true),
            roles: roles(&metadata).map(|role| interner.text(role)).collect(),
            taints: taints.take(32).map(|taint| interner.text(&taint.words())).collect(),
            capacity: limits(&status.capacity),
            allocatable: limits(&status.allocatable),
            slots: status.allocatable.pods.parse().unwrap_or(0),
            address: address.and_then(|address| interner.some(&address.address)),
            version: interner.text(&info.kubelet_version),
            system: interner.text(&system.join(", ")),
            created: metadata.creation_timestamp,
            conditions: condition::all(status.conditions, interner),
        }
    }
}

fn roles<'b>(meta: &'b RawMeta<'_>) -> impl Iterator<Item = &'b str> {
    let of = |(key, value): (&'b str, &'b str)| match key.strip_prefix(ROLE) {
        Some(role) if !role.is_empty() => Some(role),
        _ => (key == "kubernetes.io/role" && !value.is_empty()).then_some(value),
    };
    meta.labels.iter().filter_map(of).take(8)
}

fn limits(amounts: &RawAmounts) -> Limits {
    Limits { cpu: text::cpu(&amounts.cpu), memory: text::bytes(&amounts.memory), ..Limits::default() }
}

impl RawTaint<'_> {
    fn words(&self) -> String {
        let equals = if self.value.is_empty() { "" } else { "=" };
        format!("{}{equals}{}:{}", &*self.key, &*self.value, &*self.effect)
    }
}
