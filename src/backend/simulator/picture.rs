//! The world in domain words: services, instances and the host, as they are at one moment.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::{
    life::{Doing, Life, Phase},
    orchestrator::is_kept,
    quantity::Brief,
    script::ServiceScript,
    words,
    world::World,
};
use crate::{
    backend::mask,
    domain::{
        Health, HostFacts, Instance, InstanceState, Limits, Service, inventory::Picture, protection, text::clean,
    },
};

impl World {
    pub fn facts(&self) -> HostFacts {
        let cluster = self.cluster();
        HostFacts {
            engine_version: cleaned(&cluster.version),
            api_version: "1.47".into(),
            system: cleaned(&cluster.system),
            cpus: cluster.cpus,
            memory: cluster.memory.0,
            remarks: cluster.remarks.iter().map(|remark| cleaned(remark)).collect(),
            hidden: Vec::new(),
        }
    }

    pub fn picture(&self, now: Timestamp) -> Picture {
        let there = (0..self.services.len()).filter(|service| !self.is_gone(*service));
        Picture {
            facts: self.facts(),
            services: there.clone().map(|service| self.service(service, now)).collect(),
            instances: there
                .flat_map(|service| self.members(service))
                .map(|instance| self.instance(instance, now))
                .collect(),
            nodes: self.nodes(),
        }
    }

    pub fn service(&self, index: usize, now: Timestamp) -> Service {
        let (served, script) = (&self.services[index], self.script(index));
        let members: Vec<usize> = self.members(index).collect();
        let phases: Vec<_> = members.iter().map(|member| self.phase(*member, now)).collect();
        let ready = phases.iter().filter(|phase| phase.doing.is_ready()).count() as u32;
        let restarts = phases.iter().map(|phase| phase.restarts).sum();
        // Nobody is told how many there should be: two in one place are an old one and its successor.
        let places = members.iter().map(|member| self.instances[*member].number).collect::<BTreeSet<_>>().len() as u32;
        let wanted = if is_kept(served.kind) { served.spec.wanted } else { places };
        let ready = if is_kept(served.kind) { ready } else { ready.min(wanted) };
        let (health, since) = words::of_service(&self.healths(&members, now));
        let (health, since) = match (members.is_empty(), wanted) {
            (true, 0) => (words::scaled_to_none(), None),
            (true, _) | (false, _) => (health, since),
        };
        Service {
            id: served.id.clone(),
            kind: served.kind,
            wanted,
            ready,
            health,
            since,
            restarts,
            image: Some(self.current(index).image(&served.id.name)),
            ports: script.ports.iter().map(|Brief(port)| port.clone()).collect(),
            depends_on: script.depends_on.iter().map(|dependency| dependency.get_ref().0.clone()).collect(),
            backup: script.labels.get(protection::LABEL).map(|label| label.as_str().into()),
            created: members.iter().map(|member| self.instances[*member].born).min(),
            orchestration: self.orchestration(index, wanted, ready, now),
            fingerprint: self.fingerprint(index),
        }
    }

    /// How each is, without those that nobody misses: what waits beside one that does the work in its place.
    fn healths(&self, members: &[usize], now: Timestamp) -> Vec<(Health, Timestamp)> {
        let health = |member: usize| {
            let (it, phase) = (&self.instances[member], self.phase(member, now));
            (it.number, words::health(&self.course(it), life_at(&it.lives, now), &phase, now))
        };
        let all: Vec<_> = members.iter().map(|member| health(*member)).collect();
        let served: BTreeSet<u32> =
            all.iter().filter(|(_, (health, _))| *health == Health::Healthy).map(|(number, _)| *number).collect();
        let is_spare = |number: u32, health: &Health| match health {
            Health::Stopped(_) | Health::Changing(_) => served.contains(&number),
            Health::Failing(_) | Health::Degraded(_) | Health::Unknown(_) | Health::Healthy => false,
        };
        all.into_iter().filter(|(number, (health, _))| !is_spare(*number, health)).map(|(_, health)| health).collect()
    }

    pub fn instance(&self, index: usize, now: Timestamp) -> Instance {
        let member = &self.instances[index];
        let (served, script) = (&self.services[member.service], self.script(member.service));
        let phase = self.phase(index, now);
        let (health, _) = words::health(&self.course(member), life_at(&member.lives, now), &phase, now);
        let (state, finished) = state(&phase);
        Instance {
            id: member.id.clone(),
            service: served.id.clone(),
            name: cleaned(&member.name),
            state,
            health,
            created: Some(member.born),
            started: (!matches!(phase.doing, Doing::Unborn | Doing::Imageless(_))).then_some(phase.run),
            finished,
            restarts: phase.restarts,
            image: member.definition.image(&served.id.name),
            addresses: vec![self.address(index)],
            ports: script.ports.iter().map(|Brief(port)| port.clone()).collect(),
            mounts: script.mounts.iter().map(|Brief(mount)| mount.clone()).collect(),
            limits: limits(script),
            tty: script.tty,
            has_health_check: script.health_check,
            stop_signal: Some("SIGTERM".into()),
            stop_timeout: script.stop_timeout.length().as_secs() as u32,
            node: member.node.clone(),
            parts: Arc::new([]),
            is_removed_when_stopped: false,
            command: cleaned(&mask::text(&script.command)),
        }
    }

    pub fn address(&self, index: usize) -> (Arc<str>, Arc<str>) {
        let scope = &self.services[self.instances[index].service].id.scope;
        let net = 18 + self.chance.of(scope.as_str()).below(12);
        (cleaned(&format!("{scope}_default")), format!("172.{net}.{}.{}", index / 250, index % 250 + 2).into())
    }
}

fn life_at(lives: &[Life], now: Timestamp) -> Option<&Life> {
    lives.iter().rfind(|life| life.started <= now)
}

fn state(phase: &Phase<'_>) -> (InstanceState, Option<Timestamp>) {
    match &phase.doing {
        Doing::Unborn | Doing::Imageless(_) => (InstanceState::Created, None),
        Doing::Starting | Doing::Well | Doing::Erring | Doing::Unwell(_) | Doing::Looping(_) | Doing::Stopping(_) => {
            (InstanceState::Running, None)
        }
        Doing::Crashed(trouble) => {
            let (exit_code, out_of_memory) = (trouble.exit_code, trouble.out_of_memory);
            (InstanceState::Restarting { exit_code, out_of_memory }, Some(phase.since))
        }
        Doing::Ended(stop) => {
            (InstanceState::Exited { exit_code: stop.exit_code, out_of_memory: false }, Some(stop.done))
        }
    }
}

fn limits(script: &ServiceScript) -> Limits {
    Limits {
        cpu: script.limits.cpu.map(|cpu| cpu.0),
        memory: script.limits.memory.map(|memory| memory.0),
        pids: script.limits.pids,
        cpu_request: script.limits.cpu_request.map(|cpu| cpu.0),
        memory_request: script.limits.memory_request.map(|memory| memory.0),
    }
}

/// A scenario file is somebody's text too.
fn cleaned(text: &str) -> Arc<str> {
    clean(text).into()
}
