//! Taking a machine out of use, and back.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use super::{Explanation, Plan, Planned, Refusal, Request, Stage, Step, Target, Verb, situation};
use crate::domain::{
    Cluster, Health, Instance, InstanceState, Inventory, Node, Orchestration, Service, ServiceId, ServiceKind,
    text::nearest,
};

/// What a drain is given at the least, and for each instance, in seconds.
const WITHIN: u32 = 300;
const EACH: u32 = 30;
/// Names that are told before the others are only counted.
const TOLD: usize = 5;

pub(super) fn plan(inventory: &Inventory, request: &Request) -> Result<Plan, Refusal> {
    let machine = Machine::of(inventory, request)?;
    match request.verb {
        Verb::Cordon => machine.cordon(true),
        Verb::Uncordon => machine.cordon(false),
        Verb::Drain => machine.drain(),
        Verb::Restart
        | Verb::Stop
        | Verb::Start
        | Verb::Scale(_)
        | Verb::RollOut(_)
        | Verb::RollBack(_)
        | Verb::Delete
        | Verb::Pause
        | Verb::Resume
        | Verb::Steer(_)
        | Verb::BackUp(_)
        | Verb::Restore(_)
        | Verb::Verify(_)
        | Verb::Velero(_) => Err(Refusal::new(format!("a machine cannot be told to {}", request.verb.word()))
            .help("it can be cordoned, drained and uncordoned")),
    }
}

/// What a plan for a machine was made from: whether it takes anything new, and what is on it.
pub(super) fn fingerprint(inventory: &Inventory, id: &ServiceId) -> Option<u64> {
    let node = inventory.node(&id.cluster, id.node()?)?;
    let mut hasher = DefaultHasher::new();
    (node.cordoned, node.health.word()).hash(&mut hasher);
    for instance in inventory.instances_on(&id.cluster, &node.name) {
        instance.id.hash(&mut hasher);
    }
    Some(hasher.finish())
}

struct Machine<'a> {
    inventory: &'a Inventory,
    request: &'a Request,
    cluster: &'a Cluster,
    id: &'a ServiceId,
    node: &'a Node,
}

impl<'a> Machine<'a> {
    fn of(inventory: &'a Inventory, request: &'a Request) -> Result<Self, Refusal> {
        let word = request.verb.word();
        let (Target::Service(id), name) = (&request.target, request.target.cluster()) else {
            return Err(Refusal::new(format!("only a machine can be told to {word}")).help("name a node"));
        };
        let cluster = situation::changeable(inventory, name)?;
        inventory.allow(id, situation::needs(request, None)).map_err(Refusal::new)?;
        let Some(typed) = id.node() else {
            return Err(
                Refusal::new(format!("{id} is a service: only a machine can be told to {word}")).help("name a node")
            );
        };
        let node = inventory.node(name, typed).ok_or_else(|| {
            let refusal = Refusal::new(format!("{name} has no node {typed}"));
            match nearest(typed, inventory.nodes_of(name).map(|node| &*node.name)) {
                Some(near) => refusal.help(format!("did you mean {near}?")),
                None => refusal,
            }
        })?;
        Ok(Self { inventory, request, cluster, id, node })
    }

    fn cordon(&self, cordoned: bool) -> Result<Plan, Refusal> {
        let name = &self.node.name;
        if self.node.cordoned == cordoned {
            let what = if cordoned { "is cordoned already" } else { "is not cordoned" };
            return Err(Refusal::new(format!("{name} {what}")));
        }
        let explains = Explanation {
            objects: self.objects(),
            how: vec![if cordoned {
                "nothing new is put on it".into()
            } else {
                "instances may be put on it again".into()
            }],
            promises: vec!["what runs on it goes on as it is".into()],
            warnings: self.warnings(),
            undo: vec![
                if cordoned {
                    "taken back by letting instances onto it again"
                } else {
                    "taken back by cordoning it again"
                }
                .into(),
            ],
        };
        Ok(self.plan(vec![self.step(cordoned)], explains))
    }

    fn drain(&self) -> Result<Plan, Refusal> {
        let load = Load::of(self.inventory, self.id, self.node);
        if let [first, ..] = load.lone.as_slice() {
            let names = told(load.lone.iter().map(|instance| &*instance.name));
            return Err(Refusal::new(format!(
                "nothing would make {names} anew: pods of their own, on {}",
                self.node.name
            ))
            .help(format!("delete them first if they may go ({}), or cordon the node only", first.name)));
        }
        if load.moving.is_empty() && self.node.cordoned {
            return Err(Refusal::new(format!("{} is cordoned, and nothing that could move is on it", self.node.name)));
        }
        let count = u32::try_from(load.moving.len()).unwrap_or(u32::MAX);
        let within = self.request.within.unwrap_or(WITHIN.max(count.saturating_mul(EACH)));
        let mut steps = Vec::new();
        if !self.node.cordoned {
            steps.push(self.step(true));
        }
        steps.push(Planned::new(Step::Drain { node: self.id.clone(), within }));
        let mut objects = self.objects();
        objects.push(format!("{count} that move: {}", told(load.moving.iter().map(|instance| &*instance.name))).into());
        let explains = Explanation {
            objects,
            how: vec![format!("nothing new is put on it, then each instance is asked to go, as its budget allows, all within {within} s").into()],
            promises: load.promises(),
            warnings: self.warnings().into_iter().chain(load.warnings(self.inventory, self.node)).collect(),
            undo: vec![
                "stopped or failed midway: instances may be put on it again".into(),
                "what has moved stays where it is by then".into(),
            ],
        };
        Ok(self.plan(steps, explains))
    }

    fn step(&self, cordoned: bool) -> Planned {
        let set = |cordoned| Step::Cordon { node: self.id.clone(), cordoned };
        Planned::new(set(cordoned)).undone_by(vec![set(!cordoned)])
    }

    fn objects(&self) -> Vec<Arc<str>> {
        let cordoned = if self.node.cordoned { ", cordoned" } else { "" };
        vec![format!("node {} ({}{cordoned})", self.node.name, self.node.health.word()).into()]
    }

    fn warnings(&self) -> Vec<Arc<str>> {
        let mut warnings: Vec<Arc<str>> = Vec::new();
        if self.cluster.protected {
            warnings.push(format!("{} is protected", self.cluster.name).into());
        }
        if let Some(reason) = self.node.health.reason() {
            warnings.push(format!("the node is {}: {}", self.node.health.word(), reason.text).into());
        }
        if self.node.roles.iter().any(|role| matches!(&**role, "control-plane" | "master")) {
            warnings.push("it is one of the control plane's".into());
        }
        warnings
    }

    fn plan(&self, steps: Vec<Planned>, explains: Explanation) -> Plan {
        Plan {
            title: format!("{} {}", self.request.verb.word(), self.node.name).into(),
            request: self.request.clone(),
            service: self.id.clone(),
            kind: None,
            stages: vec![Stage { title: self.node.name.clone(), steps }],
            explains,
            engine: self.cluster.engine,
            endpoint: self.cluster.endpoint.clone(),
            minimum: 0,
            turns: true,
            from: None,
            takes_over: self.request.take_over,
            assumes: fingerprint(self.inventory, self.id).unwrap_or_default(),
        }
    }
}

/// What is on a machine, by what a drain does to it.
#[derive(Default)]
struct Load<'a> {
    moving: Vec<&'a Instance>,
    /// Its own: one on each machine, or made by the machine itself.
    staying: Vec<&'a Instance>,
    /// What nothing makes anew.
    lone: Vec<&'a Instance>,
    services: BTreeMap<&'a ServiceId, &'a Service>,
}

impl<'a> Load<'a> {
    fn of(inventory: &'a Inventory, id: &ServiceId, node: &'a Node) -> Self {
        let mut load = Self::default();
        for instance in inventory.instances_on(&id.cluster, &node.name) {
            if matches!(instance.state, InstanceState::Exited { .. } | InstanceState::Dead | InstanceState::Removing) {
                continue;
            }
            let service = inventory.service(&instance.service);
            match service.map(|service| service.kind) {
                Some(ServiceKind::DaemonSet) => load.staying.push(instance),
                // What a machine makes by itself is called after it.
                Some(ServiceKind::Controlled) if instance.service.name == node.name => load.staying.push(instance),
                Some(ServiceKind::Pod) => load.lone.push(instance),
                Some(
                    ServiceKind::Deployment
                    | ServiceKind::StatefulSet
                    | ServiceKind::Rollout
                    | ServiceKind::Job
                    | ServiceKind::CronJob
                    | ServiceKind::Controlled
                    | ServiceKind::ComposeService
                    | ServiceKind::SwarmService
                    | ServiceKind::Container,
                )
                | None => {
                    load.moving.push(instance);
                    load.services.extend(service.map(|service| (&service.id, service)));
                }
            }
        }
        load
    }

    fn promises(&self) -> Vec<Arc<str>> {
        let mut promises: Vec<Arc<str>> = vec!["no instance is ended that its budget would not let go".into()];
        if !self.staying.is_empty() {
            let names: BTreeSet<&str> = self.staying.iter().map(|instance| &*instance.service.name).collect();
            promises.push(format!("daemonsets' pods and the machine's own stay: {}", told(names.into_iter())).into());
        }
        promises
    }

    fn warnings(&self, inventory: &Inventory, node: &Node) -> Vec<Arc<str>> {
        let mut warnings: Vec<Arc<str>> = Vec::new();
        let other = |other: &&Node| other.name != node.name && !other.cordoned && other.health == Health::Healthy;
        if !inventory.nodes_of(&node.cluster).any(|node| other(&node)) {
            warnings.push("no other node takes anything new: what goes from here waits for one".into());
        }
        for (id, service) in &self.services {
            let name = format!("{}/{}", id.scope, id.name);
            let budget = service.orchestration.as_deref().and_then(|all: &Orchestration| all.budget.as_ref());
            match budget {
                Some(budget) if budget.disruptions_allowed == 0 => warnings.push(
                    format!(
                        "the budget {} of {name} ({}) lets none go now: the drain waits for it",
                        budget.name, budget.says
                    )
                    .into(),
                ),
                Some(budget) => warnings.push(
                    format!(
                        "the budget {} of {name} ({}) lets {} go at a time",
                        budget.name, budget.says, budget.disruptions_allowed
                    )
                    .into(),
                ),
                None => {}
            }
            let here = |instance: &&Instance| instance.node.as_ref() == Some(&node.name);
            let mut ready = inventory.members_of(id).filter(|instance| super::restart::is_ready(instance)).peekable();
            if ready.peek().is_some() && ready.all(|instance| here(&instance)) {
                warnings.push(format!("nobody answers for {name} meanwhile: all that is ready of it is here").into());
            }
        }
        let local = self.moving.iter().filter(|instance| instance.mounts.iter().any(|mount| &*mount.kind == "empty"));
        let names: Vec<&str> = local.map(|instance| &*instance.name).collect();
        if !names.is_empty() {
            warnings.push(format!("what {} keeps in empty volumes is gone", told(names.into_iter())).into());
        }
        warnings
    }
}

/// The first few by name, the others by number.
fn told<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.len().checked_sub(TOLD) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..TOLD].join(", ")),
    }
}
