//! What an engine can do, as data: planners branch on it, and the palette greys an action with the reason.

use std::{collections::BTreeMap, sync::Arc};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    Logs,
    Metrics,
    Shell,
    Processes,
    Restart,
    /// Ending one instance so that its orchestrator makes another.
    Replace,
    /// Stopping something and starting it again later, keeping it meanwhile.
    StopAndStart,
    Releases,
    /// More than one machine to tell of.
    Nodes,
    /// A port of this machine for one of a service's.
    Forward,
    Scale,
    /// A new release, or back to one that is kept.
    RollOut,
    /// Pausing a rollout that the engine itself carries out, and telling it to go on or back.
    Steer,
    /// Taking a machine out of use.
    Drain,
    /// Backups of the cluster's own objects, by Velero.
    Velero,
}

impl Capability {
    pub const ALL: [Self; 15] = [
        Self::Logs,
        Self::Metrics,
        Self::Shell,
        Self::Processes,
        Self::Restart,
        Self::Replace,
        Self::StopAndStart,
        Self::Releases,
        Self::Nodes,
        Self::Forward,
        Self::Scale,
        Self::RollOut,
        Self::Steer,
        Self::Drain,
        Self::Velero,
    ];
}

/// What is not in `missing` is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    missing: BTreeMap<Capability, Arc<str>>,
}

impl Capabilities {
    pub fn all() -> Self {
        Self::default()
    }

    pub fn without(mut self, capability: Capability, reason: impl Into<Arc<str>>) -> Self {
        self.missing.insert(capability, reason.into());
        self
    }

    /// `Err` says in words why not.
    pub fn allow(&self, capability: Capability) -> Result<(), Arc<str>> {
        self.missing.get(&capability).map_or(Ok(()), |reason| Err(reason.clone()))
    }
}
