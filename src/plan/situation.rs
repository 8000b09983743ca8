//! What a request is about, looked up once, and the refusals that hold for every request.

use std::sync::Arc;

use crate::{
    domain::{Capability, Cluster, Instance, Inventory, Link, Service},
    plan::{Explanation, Plan, Refusal, Request, Stage, Target, Verb},
};

pub(super) struct Situation<'a> {
    pub inventory: &'a Inventory,
    pub request: &'a Request,
    pub cluster: &'a Cluster,
    pub service: &'a Service,
    /// Of the service: all of them, or the one that was asked for.
    pub instances: Vec<&'a Instance>,
}

impl<'a> Situation<'a> {
    pub fn of(inventory: &'a Inventory, request: &'a Request) -> Result<Self, Refusal> {
        let name = request.target.cluster();
        let cluster = inventory.cluster(name).ok_or_else(|| {
            let known: Vec<_> = inventory.clusters().map(|cluster| cluster.name.as_str()).collect();
            Refusal::new(format!("there is no cluster {name}")).help(format!("known: {}", known.join(", ")))
        })?;
        if cluster.read_only {
            return Err(Refusal::new(format!("{name} is read-only")).help("it is set so in the config file"));
        }
        reachable(cluster)?;
        cluster.capabilities.allow(needs(request, None)).map_err(Refusal::new)?;
        let (service, instances) = match &request.target {
            Target::Service(id) => (inventory.service(id), inventory.instances_of(id)),
            Target::Instance(id) => {
                let instance = inventory.instance(id);
                (instance.and_then(|instance| inventory.service(&instance.service)), instance.into_iter().collect())
            }
        };
        let service = service.ok_or_else(|| gone(inventory, &request.target))?;
        inventory.allow(&service.id, needs(request, Some(service))).map_err(Refusal::new)?;
        Ok(Self { inventory, request, cluster, service, instances })
    }

    /// `shop/web`, or `shop-web-1 of shop/web`.
    pub fn subject(&self) -> String {
        let service = format!("{}/{}", self.service.id.scope, self.service.id.name);
        match (&self.request.target, self.instances.first()) {
            (Target::Instance(_), Some(instance)) => format!("{} of {service}", instance.name),
            _ => service,
        }
    }

    /// Its instances are an orchestrator's to replace.
    pub fn is_orchestrated(&self) -> bool {
        self.service.kind.is_orchestrated()
    }

    /// Other services of its scope that say that they depend on it.
    pub fn dependants(&self) -> Vec<&'a Service> {
        let id = &self.service.id;
        self.inventory
            .services_of(&id.cluster)
            .filter(|other| other.id.scope == id.scope && other.id.name != id.name)
            .filter(|other| other.depends_on.iter().any(|dependency| dependency.service == id.name))
            .collect()
    }

    /// Another service waits for it to end well: it is a job, and being over is its good state.
    pub fn is_meant_to_end(&self) -> bool {
        let is_end = |service: &Service| {
            service
                .depends_on
                .iter()
                .any(|other| other.service == self.service.id.name && &*other.condition == "completed")
        };
        self.dependants().into_iter().any(is_end)
    }

    pub fn plan(&self, stages: Vec<Stage>, explains: Explanation) -> Plan {
        Plan {
            title: format!("{} {}", self.request.verb.word(), self.subject()).into(),
            request: self.request.clone(),
            service: self.service.id.clone(),
            stages,
            explains,
            engine: self.cluster.engine,
            endpoint: self.cluster.endpoint.clone(),
            assumes: self.service.fingerprint,
        }
    }
}

/// What must be allowed for it. Where an orchestrator replaces instances, one of them is restarted by ending it.
pub(super) fn needs(request: &Request, service: Option<&Service>) -> Capability {
    let is_orchestrated = service.is_some_and(|service| service.kind.is_orchestrated());
    match (request.verb, &request.target) {
        (Verb::Restart, Target::Instance(_)) if is_orchestrated => Capability::Replace,
        (Verb::Restart, _) => Capability::Restart,
        (Verb::Stop | Verb::Start, _) => Capability::StopAndStart,
    }
}

/// What is planned on old facts is planned on nothing.
fn reachable(cluster: &Cluster) -> Result<(), Refusal> {
    let name = &cluster.name;
    match &cluster.link {
        Link::Live { .. } => Ok(()),
        Link::Idle => Err(Refusal::new(format!("{name} is not connected: nobody has looked at it yet"))),
        Link::Connecting { since } => {
            Err(Refusal::new(format!("{name} is still being connected, since {}", utc(since))))
        }
        Link::Lost { since, kind, why, .. } => {
            let refusal = Refusal::new(format!("{name} is {} since {}: {}", kind.word(), utc(since), why.line()));
            Err(match &why.help {
                Some(help) => refusal.help(help.clone()),
                None => refusal,
            })
        }
    }
}

fn utc(time: &jiff::Timestamp) -> impl std::fmt::Display {
    time.strftime("%H:%M:%S UTC")
}

fn gone(inventory: &Inventory, target: &Target) -> Refusal {
    if inventory.pictured(target.cluster()).is_none() {
        return Refusal::new(format!("what runs on {} is not known yet", target.cluster()));
    }
    match target {
        Target::Service(id) => {
            let names = inventory.services_of(&id.cluster).map(|service| &*service.id.name);
            let refusal = Refusal::new(format!("there is no service {id}"));
            match crate::domain::text::nearest(&id.name, names) {
                Some(near) => refusal.help(format!("did you mean {near}?")),
                None => refusal,
            }
        }
        Target::Instance(id) => Refusal::new(format!("instance {} is gone", short(&id.key))),
    }
}

/// The first twelve characters of an engine's id are how people know it.
fn short(key: &Arc<str>) -> &str {
    key.get(..12).unwrap_or(key)
}
