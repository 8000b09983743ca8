//! Decides what will be done, for a person to read before saying yes, or says why not. Pure: no engine, no clock, no disk.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{ClusterName, Engine, InstanceId, Inventory, ServiceId, ServiceKind};

mod at_rest;
mod backup;
mod by_hand;
mod configuration;
mod data;
mod delete;
pub mod execution;
pub mod explain;
#[cfg(test)]
pub(crate) mod fixture;
mod node;
mod proxies;
mod redeploy;
pub mod restart;
mod restore;
mod rights;
mod rollback;
mod rollout;
mod scale;
mod situation;
mod slots;
mod steer;
mod step;
#[cfg(test)]
mod tests;
mod velero;
pub mod wish;
pub mod wish_text;

pub use backup::Verifying;
pub use data::{Data, Kept, Returned, Save};
pub use execution::Execution;
pub use restore::Restoring;
use situation::Situation;
pub use step::{Group, Recipe, Stamp, Steer, Step, TRACK, Traffic};
pub use velero::{VeleroAct, VeleroDeleting, VeleroKept, VeleroRestoring, VeleroWish};
pub use wish::{Edits, Gate, ReleaseRef, RollOut, Strategy, Verb};

/// What will be done for a request, or why nothing can be.
pub fn make(inventory: &Inventory, request: &Request) -> Result<Plan, Refusal> {
    if let Verb::Cordon | Verb::Uncordon | Verb::Drain = request.verb {
        return node::plan(inventory, request);
    }
    if let Verb::Velero(wish) = &request.verb {
        return velero::plan(inventory, request, wish);
    }
    let situation = Situation::of(inventory, request)?;
    let plan = match &request.verb {
        Verb::Restart => restart::restart(&situation),
        Verb::Stop => restart::stop(&situation),
        Verb::Start => restart::start(&situation),
        Verb::Scale(to) => scale::scale(&situation, *to),
        Verb::RollOut(wish) => rollout::roll_out(&situation, wish),
        Verb::RollBack(release) => rollback::roll_back(&situation, release),
        Verb::Delete => delete::delete(&situation),
        Verb::Pause => steer::pause(&situation, true),
        Verb::Resume => steer::pause(&situation, false),
        Verb::Steer(word) => steer::steer(&situation, *word),
        Verb::BackUp(items) => backup::back_up(&situation, items),
        Verb::Restore(wish) => restore::restore(&situation, wish),
        Verb::Verify(wish) => backup::verify(&situation, wish),
        Verb::Velero(_) | Verb::Cordon | Verb::Uncordon | Verb::Drain => unreachable!("no service's, told above"),
    }?;
    rights::check(&situation, plan)
}

/// What a person asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub verb: Verb,
    pub target: Target,
    /// A reason or a ticket, in the person's words.
    pub why: Option<Arc<str>>,
    /// Also if somebody else is at work on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub take_over: bool,
    /// How many releases a host keeps of a service whose history we write (Docker).
    #[serde(default = "kept")]
    pub keep: u32,
    /// Seconds that the whole of a drain may take; `None`: as many as fit what is on the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<u32>,
}

/// Releases that a host keeps where nothing else is said.
pub const KEPT: u32 = 10;

fn kept() -> u32 {
    KEPT
}

impl Request {
    pub fn new(verb: Verb, target: Target) -> Self {
        Self { verb, target, why: None, take_over: false, keep: KEPT, within: None }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Or a machine or a backup of Velero's, by the address that `ServiceId::of_node` or `of_velero` gives it.
    Service(ServiceId),
    Instance(InstanceId),
}

/// What will be done, in order, and what would be taken back if a step fails or a person stops it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// "restart shop/web"
    pub title: Arc<str>,
    pub request: Request,
    pub service: ServiceId,
    /// Of the service; `None` for what is none. For the command that a person could run where the plan got stuck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ServiceKind>,
    pub stages: Vec<Stage>,
    pub explains: Explanation,
    /// By what and where the service is reached: for the command that a person could run where the plan got stuck.
    pub engine: Engine,
    pub endpoint: Arc<str>,
    /// Never fewer instances are ready than this, as far as the plan's own steps go. 0 where it cannot promise.
    #[serde(default)]
    pub minimum: u32,
    /// A step that fails turns it round by itself; else it waits for a person.
    #[serde(default = "yes")]
    pub turns: bool,
    /// The release that runs when this is planned, in a person's words: what taking it back goes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Arc<str>>,
    /// Who confirmed it knows that another operation has the service's lease, and takes that away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub takes_over: bool,
    /// What the service's fingerprint was when this was planned: another one means that the world has moved.
    pub assumes: u64,
}

/// Steps that belong together for a reader ("shop-web-1").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    pub title: Arc<str>,
    pub steps: Vec<Planned>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    pub step: Step,
    /// What takes it back, in order, also when it only half happened. Empty where nothing can or need be.
    pub undo: Vec<Step>,
    /// It only tidies up after what is done for good: its failure is told and turns nothing round, and from here on there is no way
    /// back but another plan.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tidies: bool,
}

/// What a person must know before saying yes: short sentences.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Which objects exactly.
    pub objects: Vec<Arc<str>>,
    /// By which strategy, with its parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub how: Vec<Arc<str>>,
    /// What is never allowed to happen ("never fewer than 2 of 3 ready").
    pub promises: Vec<Arc<str>>,
    /// What to expect ("nobody answers for about 10 s: there is one instance").
    pub warnings: Vec<Arc<str>>,
    /// What stopping or failing brings back, and what it cannot.
    pub undo: Vec<Arc<str>>,
}

/// Why a request cannot be planned, and what can be done instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub why: Arc<str>,
    pub help: Option<Arc<str>>,
}

impl Target {
    pub fn cluster(&self) -> &ClusterName {
        match self {
            Self::Service(service) => &service.cluster,
            Self::Instance(instance) => &instance.cluster,
        }
    }
}

impl Planned {
    pub fn new(step: Step) -> Self {
        Self { step, undo: Vec::new(), tidies: false }
    }

    pub fn undone_by(mut self, undo: Vec<Step>) -> Self {
        self.undo = undo;
        self
    }

    pub fn tidying(step: Step) -> Self {
        Self { tidies: true, ..Self::new(step) }
    }
}

impl Plan {
    pub fn steps(&self) -> impl Iterator<Item = &Planned> {
        self.stages.iter().flat_map(|stage| &stage.steps)
    }

    /// From here on it is one wish of one person: carrying a step of it out again asks for nothing more.
    pub fn begun_at(mut self, at: Timestamp, who: &str) -> Self {
        let why = self.request.why.as_deref().map_or(String::new(), |why| format!(": {why}"));
        let to = match &self.request.verb {
            Verb::RollBack(release) => format!(" to {}", release.title),
            Verb::Restart
            | Verb::Stop
            | Verb::Start
            | Verb::Scale(_)
            | Verb::RollOut(_)
            | Verb::Delete
            | Verb::Pause
            | Verb::Resume
            | Verb::Steer(_)
            | Verb::BackUp(_)
            | Verb::Restore(_)
            | Verb::Verify(_)
            | Verb::Velero(_)
            | Verb::Cordon
            | Verb::Uncordon
            | Verb::Drain => String::new(),
        };
        let by: Arc<str> = format!("{}{to} by {who}{why}", self.title).into();
        for planned in self.stages.iter_mut().flat_map(|stage| &mut stage.steps) {
            std::iter::once(&mut planned.step).chain(&mut planned.undo).for_each(|step| step.stamp(at, &by));
        }
        self
    }

    /// What changed since this was planned, for a person; `None` while it is what it was, and for what is not watched.
    pub fn has_moved(&self, inventory: &Inventory) -> Option<String> {
        if self.service.velero().is_some() {
            return None;
        }
        if let Some(name) = self.service.node() {
            return match node::fingerprint(inventory, &self.service) {
                None => Some(format!("{name} is gone")),
                Some(now) => (now != self.assumes).then(|| format!("{name}, or what is on it, has changed")),
            };
        }
        let Some(service) = inventory.service(&self.service) else {
            return Some(format!("{}/{} is gone", self.service.scope, self.service.name));
        };
        if let Some(what) = self.is_other_object(inventory) {
            return Some(what);
        }
        if service.fingerprint == self.assumes {
            return None;
        }
        let is_gone = |id: &InstanceId| !id.is_made() && inventory.instance(id).is_none();
        let needed: Vec<_> =
            self.steps().flat_map(|planned| planned.step.needs()).filter(|(id, _)| is_gone(id)).collect();
        let gone = needed.iter().find_map(|(_, name)| *name).cloned();
        let gone = gone.or_else(|| needed.first().map(|_| "an instance that it needs".into()));
        Some(match gone {
            Some(name) => format!("{name} is gone"),
            None => {
                let health = service.health.word();
                format!("{} is {health} now, {} of {} ready", service.id.name, service.ready, service.wanted)
            }
        })
    }

    /// What the plan changes was changed by somebody else, as far as its engine was asked since.
    fn is_other_object(&self, inventory: &Inventory) -> Option<String> {
        let now = inventory.means(&self.service)?.object.as_ref()?;
        let planned = self.steps().find_map(|planned| planned.step.definition())?;
        if planned.uid != now.uid {
            return Some(format!("{} was deleted and made anew", self.service.name));
        }
        planned.is_unlike(now).then(|| format!("the definition of {} was changed meanwhile", self.service.name))
    }

    /// The same to do and the same to know: whoever said yes to one said yes to the other. What is looked at while a service restarts
    /// in a loop moves every second, and must still be confirmable.
    pub fn reads_as(&self, other: &Self) -> bool {
        let steps = |plan: &Self| plan.steps().map(|planned| planned.step.clone()).collect::<Vec<_>>();
        self.request == other.request && self.explains == other.explains && steps(self) == steps(other)
    }
}

fn yes() -> bool {
    true
}

impl Refusal {
    pub fn new(why: impl Into<Arc<str>>) -> Self {
        Self { why: why.into(), help: None }
    }

    pub fn help(mut self, help: impl Into<Arc<str>>) -> Self {
        self.help = Some(help.into());
        self
    }
}
