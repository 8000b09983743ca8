//! The machines of a simulated cluster that has several, which instance is on which, and what an orchestrator tells of a service.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    chance::Chance,
    quantity::Brief,
    script::{NodeScript, OrchestrationScript, ServiceScript},
    world::World,
};
use crate::domain::{
    Autoscaler, Budget, Endpoint, Health, Limits, Node, Orchestration, Owner, Reason, ServiceId, ServiceKind,
    text::clean,
};

/// What a machine keeps of its memory for itself.
const OWN_MEMORY: u64 = 1 << 30;
/// thousandths of a core
const OWN_CPU: u64 = 100;

impl World {
    pub fn nodes(&self) -> Vec<Node> {
        self.cluster().nodes.iter().enumerate().map(|(index, node)| self.node(index, node)).collect()
    }

    fn node(&self, index: usize, node: &NodeScript) -> Node {
        let capacity =
            Limits { cpu: Some(u64::from(node.cpus) * 1000), memory: Some(node.memory.0), ..Limits::default() };
        let allocatable = Limits {
            cpu: capacity.cpu.map(|cpu| cpu.saturating_sub(OWN_CPU)),
            memory: capacity.memory.map(|memory| memory.saturating_sub(OWN_MEMORY)),
            ..Limits::default()
        };
        let health = match (&node.failing, &node.degraded) {
            (Some(why), _) => Health::Failing(Reason::new(clean(why))),
            (None, Some(why)) => Health::Degraded(Reason::new(clean(why))),
            (None, None) => Health::Healthy,
        };
        let since = if health.is_broken() { node.since } else { node.age };
        let cleaned = |text: &Arc<str>| Arc::from(clean(text));
        Node {
            cluster: self.name.clone(),
            name: cleaned(&node.name),
            health,
            since: Some(since.before(self.began)),
            cordoned: self.is_cordoned(node),
            roles: node.roles.iter().map(cleaned).collect(),
            taints: node.taints.iter().map(cleaned).collect(),
            capacity,
            allocatable,
            slots: node.slots,
            address: Some(format!("10.0.4.{}", index + 11).into()),
            version: cleaned(&self.cluster().version),
            system: cleaned(&self.cluster().system),
            created: Some(node.age.before(self.began)),
        }
    }

    /// Where an instance is put: one of a DaemonSet on each machine, others spread over those that nothing keeps away.
    pub fn place_for(&self, kind: ServiceKind, service: &ServiceId, number: u32, is_new: bool) -> Option<Arc<str>> {
        let nodes = &self.cluster().nodes;
        let nth = number as usize - 1;
        let found = if kind == ServiceKind::DaemonSet {
            nodes.iter().cycle().nth(nth)
        } else {
            let takes = |node: &&NodeScript| node.taints.is_empty() && !(is_new && self.is_cordoned(node));
            let open: Vec<&NodeScript> = nodes.iter().filter(takes).collect();
            let chance = self.chance.of("node").of(service.scope.as_str()).of(&service.name);
            let first = chance.below(open.len().max(1) as u64) as usize;
            open.into_iter().cycle().nth(first + nth)
        };
        found.map(|node| clean(&node.name).into())
    }

    pub fn is_cordoned(&self, node: &NodeScript) -> bool {
        self.cordons.get(&*clean(&node.name)).copied().unwrap_or(node.cordoned)
    }

    /// `None` for what is kept running without an orchestrator.
    pub fn orchestration(&self, service: usize, wanted: u32, ready: u32, now: Timestamp) -> Option<Arc<Orchestration>> {
        let (served, script) = (&self.services[service], self.script(service));
        let name = &served.id.name;
        if !is_orchestrated(served.kind) {
            return None;
        }
        let seen = self.seen(service, now);
        // What was said of the service that a set is like is not said of the set.
        let nothing = OrchestrationScript::default();
        let is_own = served.set.is_none();
        let told = if is_own { &script.orchestration } else { &nothing };
        let own_name = || name.clone();
        Some(Arc::new(Orchestration {
            updated: Some(seen.iter().filter(|seen| seen.is_new).count() as u32),
            available: Some(seen.iter().filter(|seen| seen.is_available).count() as u32),
            revision: Some(served.history[0].number),
            paused: served.spec.paused,
            endpoints: is_own.then(|| self.endpoint(name, script, wanted, ready)).flatten().into_iter().collect(),
            autoscaler: told.autoscaler.as_ref().map(|it| Autoscaler {
                name: own_name(),
                minimum: it.minimum,
                maximum: it.maximum,
                wanted,
                says: clean(&it.says).into(),
            }),
            budget: told.budget.as_ref().map(|it| Budget {
                name: own_name(),
                says: clean(&it.says).into(),
                disruptions_allowed: it.disruptions_allowed,
            }),
            owner: told.owner.as_ref().map(|it| Owner { tool: it.tool.0, name: clean(&it.name).into() }),
            schedule: told.schedule.as_ref().map(|schedule| clean(schedule).into()),
        }))
    }

    fn endpoint(&self, name: &Arc<str>, script: &ServiceScript, wanted: u32, ready: u32) -> Option<Endpoint> {
        let ports = script.ports.iter().map(|Brief(port)| {
            let outside = port.published.as_ref().map_or(port.inside, |(_, outside)| *outside);
            format!("{outside}->{}/{}", port.inside, port.protocol).into()
        });
        let ports: Vec<Arc<str>> = ports.collect();
        let chance: Chance = self.chance.of("address").of(name);
        let address = format!("ClusterIP 10.96.{}.{}", chance.of("net").below(250), chance.below(250) + 2);
        (!ports.is_empty()).then(|| Endpoint {
            name: name.clone(),
            address: address.into(),
            ports,
            ready,
            not_ready: wanted.saturating_sub(ready),
        })
    }
}

fn is_orchestrated(kind: ServiceKind) -> bool {
    match kind {
        ServiceKind::Deployment
        | ServiceKind::StatefulSet
        | ServiceKind::DaemonSet
        | ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Rollout => true,
        ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container
        | ServiceKind::Controlled
        | ServiceKind::Pod => false,
    }
}
