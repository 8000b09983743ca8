//! What a request is about, looked up once, and the refusals that hold for every request.

use std::sync::Arc;

use crate::{
    domain::{Capability, Cluster, ClusterName, Instance, Inventory, Link, Means, Object, Orchestration, Service},
    plan::{Explanation, Plan, Refusal, Request, Stage, Target, Verb},
};

pub(super) struct Situation<'a> {
    pub inventory: &'a Inventory,
    pub request: &'a Request,
    pub cluster: &'a Cluster,
    pub service: &'a Service,
    /// Of the service: all of them, or the one that was asked for.
    pub instances: Vec<&'a Instance>,
    means: Option<&'a Means>,
}

impl<'a> Situation<'a> {
    pub fn of(inventory: &'a Inventory, request: &'a Request) -> Result<Self, Refusal> {
        let cluster = changeable(inventory, request.target.cluster())?;
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
        let means = inventory.means(&service.id).map(|means| &**means);
        let situation = Self { inventory, request, cluster, service, instances, means };
        situation.refuse_busy()?;
        Ok(situation)
    }

    /// With what it can be rolled out: asked of the engine before such a request is planned.
    pub fn means(&self) -> Result<&'a Means, Refusal> {
        let done = match self.request.verb {
            Verb::RollBack(_) => "rolled back",
            Verb::Scale(_) => "scaled",
            Verb::Steer(_) => "told to go on or back",
            Verb::RollOut(_)
            | Verb::Restart
            | Verb::Stop
            | Verb::Start
            | Verb::Delete
            | Verb::Pause
            | Verb::Resume
            | Verb::BackUp(_)
            | Verb::Restore(_)
            | Verb::Verify(_)
            | Verb::Velero(_)
            | Verb::Cordon
            | Verb::Uncordon
            | Verb::Drain => "rolled out",
        };
        self.means.ok_or_else(|| {
            Refusal::new(format!("how {} can be {done} is not known yet", self.subject()))
                .help("its engine is being asked: try again in a moment")
        })
    }

    /// Where its engine was asked, for whatever reason.
    pub fn known_means(&self) -> Option<&'a Means> {
        self.means
    }

    /// The very object that is meant, as far as its engine was asked.
    pub fn whatever_object(&self) -> Option<Object> {
        self.means.and_then(|means| means.object.as_ref()).map(Object::whatever)
    }

    /// Two that change a service at once undo each other's work. What is told to a rollout under way is no second one.
    fn refuse_busy(&self) -> Result<(), Refusal> {
        let lease = self.means.and_then(|means| means.lease.as_ref());
        let asks = self.request.verb.needs_means() && !matches!(self.request.verb, Verb::Steer(_));
        match lease.filter(|_| asks && !self.request.take_over) {
            None => Ok(()),
            Some(lease) => Err(Refusal::new(format!("{} is busy: {}", self.subject(), lease.says()))
                .help("wait until it is over, or ask to take over (--take-over): it then goes no further")),
        }
    }

    pub fn orchestration(&self) -> Option<&'a Orchestration> {
        self.service.orchestration.as_deref()
    }

    /// All that is wanted is ready.
    pub fn is_whole(&self) -> bool {
        self.service.wanted > 0 && self.service.ready >= self.service.wanted
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

    pub fn plan(&self, stages: Vec<Stage>, mut explains: Explanation) -> Plan {
        let lease = self.means.and_then(|means| means.lease.as_ref()).filter(|_| self.request.take_over);
        explains.warnings.extend(lease.map(|lease| format!("it takes over from {}", lease.says()).into()));
        Plan {
            title: format!("{} {}", self.request.verb.word(), self.subject()).into(),
            request: self.request.clone(),
            service: self.service.id.clone(),
            kind: Some(self.service.kind),
            stages,
            explains,
            engine: self.cluster.engine,
            endpoint: self.cluster.endpoint.clone(),
            minimum: 0,
            turns: true,
            from: self.service.image.as_ref().map(|image| Arc::from(image.release())),
            takes_over: self.request.take_over,
            assumes: self.service.fingerprint,
        }
    }
}

/// What must be allowed for it. Where an orchestrator replaces instances, one of them is restarted by ending it.
pub(super) fn needs(request: &Request, service: Option<&Service>) -> Capability {
    let is_orchestrated = service.is_some_and(|service| service.kind.is_orchestrated());
    match (&request.verb, &request.target) {
        (Verb::Restart, Target::Instance(_)) if is_orchestrated => Capability::Replace,
        (Verb::Restart, _) => Capability::Restart,
        (Verb::Stop | Verb::Start, _) => Capability::StopAndStart,
        (Verb::Scale(_), _) => Capability::Scale,
        (Verb::RollOut(_) | Verb::RollBack(_), _) => Capability::RollOut,
        (Verb::Delete, _) => Capability::Replace,
        (Verb::BackUp(_) | Verb::Restore(_) | Verb::Verify(_), _) => Capability::Shell,
        (Verb::Pause | Verb::Resume | Verb::Steer(_), _) => Capability::Steer,
        (Verb::Velero(_), _) => Capability::Velero,
        (Verb::Cordon | Verb::Uncordon | Verb::Drain, _) => Capability::Drain,
    }
}

/// A cluster that is there, connected, and may be changed.
pub(super) fn changeable<'a>(inventory: &'a Inventory, name: &ClusterName) -> Result<&'a Cluster, Refusal> {
    let cluster = inventory.cluster(name).ok_or_else(|| {
        let known: Vec<_> = inventory.clusters().map(|cluster| cluster.name.as_str()).collect();
        Refusal::new(format!("there is no cluster {name}")).help(format!("known: {}", known.join(", ")))
    })?;
    if cluster.read_only {
        return Err(Refusal::new(format!("{name} is read-only")).help("it is set so in the config file"));
    }
    reachable(cluster)?;
    Ok(cluster)
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
