//! One machine of a cluster.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{ClusterName, Health, Limits};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    pub cluster: ClusterName,
    pub name: Arc<str>,
    /// From its conditions: pressure of memory, disk or process ids is a reason, and so is an agent that no longer reports.
    pub health: Health,
    /// Since when `health` is what it is.
    pub since: Option<Timestamp>,
    /// Nothing new is put on it.
    pub cordoned: bool,
    /// "control-plane", "worker"
    pub roles: Vec<Arc<str>>,
    /// What keeps instances away unless they tolerate it: "dedicated=db:NoSchedule".
    pub taints: Vec<Arc<str>>,
    pub capacity: Limits,
    /// What is left of the capacity for instances.
    pub allocatable: Limits,
    /// The most instances that it takes.
    pub slots: u32,
    pub address: Option<Arc<str>>,
    /// Of its agent (kubelet).
    pub version: Arc<str>,
    /// "Debian GNU/Linux 12, amd64, containerd 1.6.20"
    pub system: Arc<str>,
    pub created: Option<Timestamp>,
}
