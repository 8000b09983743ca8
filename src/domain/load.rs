//! What is on each node, kept while instances come and go: nobody has to look through all of them for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{ClusterName, Instance, InstanceId, InstanceState};

#[derive(Clone, Debug, Default)]
pub struct Loads(BTreeMap<(ClusterName, Arc<str>), Load>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Also those that have ended and are still told of.
    pub instances: BTreeSet<InstanceId>,
    /// Those that hold a slot and what they asked for.
    pub taken: u32,
    /// thousandths of a core
    pub cpu_request: u64,
    /// bytes
    pub memory_request: u64,
}

impl Loads {
    pub fn of(&self, cluster: &ClusterName, node: &Arc<str>) -> Option<&Load> {
        self.0.get(&(cluster.clone(), node.clone()))
    }

    pub(super) fn add(&mut self, instance: &Instance) {
        let Some(key) = key(instance) else { return };
        let load = self.0.entry(key).or_default();
        if load.instances.insert(instance.id.clone()) && holds(instance) {
            load.taken += 1;
            load.cpu_request += instance.limits.cpu_request.unwrap_or(0);
            load.memory_request += instance.limits.memory_request.unwrap_or(0);
        }
    }

    /// As it was when it was added.
    pub(super) fn remove(&mut self, instance: &Instance) {
        let Some(key) = key(instance) else { return };
        let Some(load) = self.0.get_mut(&key) else { return };
        if load.instances.remove(&instance.id) && holds(instance) {
            load.taken -= 1;
            load.cpu_request -= instance.limits.cpu_request.unwrap_or(0);
            load.memory_request -= instance.limits.memory_request.unwrap_or(0);
        }
        if load.instances.is_empty() {
            self.0.remove(&key);
        }
    }

    pub(super) fn forget(&mut self, cluster: &ClusterName) {
        self.0.retain(|(name, _), _| name != cluster);
    }
}

fn key(instance: &Instance) -> Option<(ClusterName, Arc<str>)> {
    Some((instance.id.cluster.clone(), instance.node.clone()?))
}

/// What has ended for good gave back what it had asked for.
fn holds(instance: &Instance) -> bool {
    match instance.state {
        InstanceState::Exited { .. } | InstanceState::Dead => false,
        InstanceState::Created
        | InstanceState::Running
        | InstanceState::Paused
        | InstanceState::Restarting { .. }
        | InstanceState::Removing => true,
    }
}
