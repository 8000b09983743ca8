//! Decides what will be done, for a person to read before saying yes, or says why not. Pure: no engine, no clock, no disk.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{ClusterName, Engine, InstanceId, Inventory, ServiceId};

pub mod execution;
pub mod explain;
#[cfg(test)]
pub(crate) mod fixture;
mod redeploy;
pub mod restart;
mod situation;
#[cfg(test)]
mod tests;

pub use execution::Execution;
use situation::Situation;

/// What will be done for a request, or why nothing can be.
pub fn make(inventory: &Inventory, request: &Request) -> Result<Plan, Refusal> {
    let situation = Situation::of(inventory, request)?;
    match request.verb {
        Verb::Restart => restart::restart(&situation),
        Verb::Stop => restart::stop(&situation),
        Verb::Start => restart::start(&situation),
    }
}

/// What a person asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub verb: Verb,
    pub target: Target,
    /// A reason or a ticket, in the person's words.
    pub why: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Restart,
    Stop,
    Start,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Service(ServiceId),
    Instance(InstanceId),
}

/// One thing that an engine makes so. Written to the journal before and after, so it names objects for good and holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Step {
    /// Done when it no longer runs, also when it did not run before. `grace`: seconds between its stop signal and the kill.
    Stop { instance: InstanceId, name: Arc<str>, grace: u32 },
    /// Done when it was started or runs already; whether it is well is another step's question.
    Start { instance: InstanceId, name: Arc<str> },
    /// Done when it runs and, where it has a health check, that says healthy; where it has none, when it has run for `steady` seconds
    /// without a restart. Failed when it ended, or after `within` seconds.
    AwaitReady { instance: InstanceId, name: Arc<str>, within: u32, steady: u32 },
    /// Asks an orchestrator (Swarm, Kubernetes) to replace every instance by a like one, by the service's own update rules.
    Redeploy {
        service: ServiceId,
        /// Since when this is wanted, fixed when the plan is begun: what is done twice for one and the same wish is done once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asked: Option<Timestamp>,
    },
    /// Ends an instance for good, so that its orchestrator makes a like one. Done when it is gone, also when it was gone before.
    /// `grace`: seconds that it is given to end.
    Replace { instance: InstanceId, name: Arc<str>, grace: u32 },
    /// Done when the orchestrator says that the last update of the service is complete.
    AwaitRollout { service: ServiceId, within: u32 },
}

/// What will be done, in order, and what would be taken back if a step fails or a person stops it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// "restart shop/web"
    pub title: Arc<str>,
    pub request: Request,
    pub service: ServiceId,
    pub stages: Vec<Stage>,
    pub explains: Explanation,
    /// By what and where the service is reached: for the command that a person could run where the plan got stuck.
    pub engine: Engine,
    pub endpoint: Arc<str>,
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
}

/// What a person must know before saying yes: short sentences.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Which objects exactly.
    pub objects: Vec<Arc<str>>,
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

impl Verb {
    pub fn word(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Stop => "stop",
            Self::Start => "start",
        }
    }
}

impl Target {
    pub fn cluster(&self) -> &ClusterName {
        match self {
            Self::Service(service) => &service.cluster,
            Self::Instance(instance) => &instance.cluster,
        }
    }
}

impl Step {
    /// It changes nothing and only looks until something is so.
    pub fn is_wait(&self) -> bool {
        match self {
            Self::AwaitReady { .. } | Self::AwaitRollout { .. } => true,
            Self::Stop { .. } | Self::Start { .. } | Self::Redeploy { .. } | Self::Replace { .. } => false,
        }
    }

    /// Whether both are about the same instance or the same service.
    pub fn is_about_same(&self, other: &Self) -> bool {
        self.object() == other.object()
    }

    fn object(&self) -> Target {
        match self {
            Self::Stop { instance, .. }
            | Self::Start { instance, .. }
            | Self::AwaitReady { instance, .. }
            | Self::Replace { instance, .. } => Target::Instance(instance.clone()),
            Self::Redeploy { service, .. } | Self::AwaitRollout { service, .. } => Target::Service(service.clone()),
        }
    }
}

impl Plan {
    pub fn steps(&self) -> impl Iterator<Item = &Planned> {
        self.stages.iter().flat_map(|stage| &stage.steps)
    }

    /// From here on it is one wish of one person: carrying a step of it out again asks for nothing more.
    pub fn begun_at(mut self, at: Timestamp) -> Self {
        for planned in self.stages.iter_mut().flat_map(|stage| &mut stage.steps) {
            if let Step::Redeploy { asked, .. } = &mut planned.step {
                *asked = Some(at);
            }
        }
        self
    }

    /// What changed since this was planned, for a person; `None` while it is what it was.
    pub fn has_moved(&self, inventory: &Inventory) -> Option<String> {
        let Some(service) = inventory.service(&self.service) else {
            return Some(format!("{}/{} is gone", self.service.scope, self.service.name));
        };
        if service.fingerprint == self.assumes {
            return None;
        }
        let gone = self.steps().find_map(|planned| match &planned.step {
            Step::Stop { instance, name, .. }
            | Step::Start { instance, name }
            | Step::AwaitReady { instance, name, .. }
            | Step::Replace { instance, name, .. } => inventory.instance(instance).is_none().then_some(name),
            Step::Redeploy { .. } | Step::AwaitRollout { .. } => None,
        });
        Some(match gone {
            Some(name) => format!("{name} is gone"),
            None => {
                let health = service.health.word();
                format!("{} is {health} now, {} of {} ready", service.id.name, service.ready, service.wanted)
            }
        })
    }

    /// The same to do and the same to know: whoever said yes to one said yes to the other. What is looked at while a service restarts
    /// in a loop moves every second, and must still be confirmable.
    pub fn reads_as(&self, other: &Self) -> bool {
        let steps = |plan: &Self| plan.steps().map(|planned| planned.step.clone()).collect::<Vec<_>>();
        self.request == other.request && self.explains == other.explains && steps(self) == steps(other)
    }
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
