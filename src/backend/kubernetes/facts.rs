//! What a cluster is as a whole: its version, and what its nodes have together.

use std::{collections::BTreeMap, sync::Arc};

use crate::domain::{Change, HostFacts, Node};

#[derive(Default)]
pub struct Facts {
    version: Arc<str>,
    nodes: BTreeMap<Arc<str>, Share>,
}

/// What one node adds.
struct Share {
    /// thousandths of a core
    cpu: u64,
    /// bytes
    memory: u64,
    cordoned: bool,
    system: Arc<str>,
}

impl Facts {
    pub fn new(version: &str) -> Self {
        Self { version: version.into(), nodes: BTreeMap::new() }
    }

    pub fn put(&mut self, node: &Node) {
        let share = Share {
            cpu: node.capacity.cpu.unwrap_or(0),
            memory: node.capacity.memory.unwrap_or(0),
            cordoned: node.cordoned,
            system: node.system.clone(),
        };
        self.nodes.insert(node.name.clone(), share);
    }

    /// Whether it was about a node.
    pub fn observe(&mut self, change: &Change) -> bool {
        match change {
            Change::Node(node) => self.put(node),
            Change::NodeGone(name) => drop(self.nodes.remove(name)),
            _ => return false,
        }
        true
    }

    pub fn tell(&self, hidden: Vec<Arc<str>>) -> HostFacts {
        let nodes = self.nodes.values();
        let mut systems: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        nodes.clone().for_each(|node| *systems.entry(&node.system).or_default() += 1);
        let cordoned = nodes.clone().filter(|node| node.cordoned).count();
        let mut remarks: Vec<Arc<str>> = Vec::new();
        match self.nodes.len() {
            0 => {}
            1 => remarks.push("1 node".into()),
            count => remarks.push(format!("{count} nodes").into()),
        }
        if cordoned > 0 {
            remarks.push(format!("{cordoned} cordoned").into());
        }
        if systems.len() > 1 {
            remarks.push("nodes of different systems".into());
        }
        HostFacts {
            engine_version: self.version.clone(),
            api_version: self.version.clone(),
            // Of most of them.
            system: systems
                .into_iter()
                .max_by_key(|(_, count)| *count)
                .map_or_else(Arc::default, |(name, _)| name.clone()),
            cpus: u32::try_from(nodes.clone().map(|node| node.cpu).sum::<u64>() / 1000).unwrap_or(u32::MAX),
            memory: nodes.map(|node| node.memory).sum(),
            remarks,
            hidden,
        }
    }
}
