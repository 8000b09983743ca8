//! The world in domain words: services, instances and the host, as they are at one moment.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    chance::Chance,
    life::{Doing, Life, Phase},
    quantity::Brief,
    script::ServiceScript,
    words,
    world::{Served, World},
};
use crate::{
    backend::mask,
    domain::{HostFacts, Image, Instance, InstanceState, Limits, Service, inventory::Picture, text::clean},
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
        let members = self.members(index);
        let phases: Vec<_> =
            members.iter().map(|member| (self.phase(*member, now), self.lives(*member), *member)).collect();
        let ready = phases.iter().filter(|(phase, ..)| phase.doing.is_ready()).count() as u32;
        let restarts = phases.iter().map(|(phase, ..)| phase.restarts).sum();
        let healths: Vec<_> = phases
            .iter()
            .map(|(phase, lives, member)| {
                words::health(&self.course(&self.instances[*member]), life_at(lives, now), phase, now)
            })
            .collect();
        let (health, since) = words::of_service(&healths);
        Service {
            id: served.id.clone(),
            kind: script.kind,
            wanted: members.len() as u32,
            ready,
            health,
            since,
            restarts,
            image: Some(self.image(served, script, 0)),
            ports: script.ports.iter().map(|Brief(port)| port.clone()).collect(),
            depends_on: script.depends_on.iter().map(|dependency| dependency.get_ref().0.clone()).collect(),
            created: members.iter().map(|member| self.instances[*member].born).min(),
            orchestration: self.orchestration(index, members.len() as u32, ready),
            fingerprint: self.fingerprint(index),
        }
    }

    pub fn instance(&self, index: usize, now: Timestamp) -> Instance {
        let member = &self.instances[index];
        let (served, script) = (&self.services[member.service], self.script(member.service));
        let (phase, lives) = (self.phase(index, now), self.lives(index));
        let (health, _) = words::health(&self.course(member), life_at(&lives, now), &phase, now);
        let (state, finished) = state(&phase);
        Instance {
            id: member.id.clone(),
            service: served.id.clone(),
            name: cleaned(&member.name),
            state,
            health,
            created: Some(member.born),
            started: (!matches!(phase.doing, Doing::Unborn)).then_some(phase.run),
            finished,
            restarts: phase.restarts,
            image: self.image(served, script, 0),
            addresses: vec![self.address(index)],
            ports: script.ports.iter().map(|Brief(port)| port.clone()).collect(),
            mounts: script.mounts.iter().map(|Brief(mount)| mount.clone()).collect(),
            limits: limits(script),
            tty: script.tty,
            has_health_check: script.health_check,
            stop_signal: Some("SIGTERM".into()),
            stop_timeout: script.stop_timeout.length().as_secs() as u32,
            node: self.node_of(index),
            parts: Arc::new([]),
            is_removed_when_stopped: false,
            command: cleaned(&mask::text(&script.command)),
        }
    }

    /// Of a release by its place in the script: `0` is the one that runs.
    pub fn image(&self, served: &Served, script: &ServiceScript, release: usize) -> Image {
        let version = script.releases.get(release).map(|release| &*release.version);
        let reference = match version {
            Some(version) => format!("{}:{version}", script.image),
            None => script.image.to_string(),
        };
        let chance = Chance::new(0).of(&reference);
        let hex = |chance: Chance| (0..4).map(|n| format!("{:016x}", chance.at(n).bits())).collect::<String>();
        Image {
            digest: Some(format!("sha256:{}", hex(chance)).into()),
            version: version.map(cleaned),
            revision: version.map(|_| hex(chance.of(&served.id.name))[..40].into()),
            reference: cleaned(&reference),
        }
    }

    fn address(&self, index: usize) -> (Arc<str>, Arc<str>) {
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
        Doing::Unborn => (InstanceState::Created, None),
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
