//! Decides what will be done, for a person to read before saying yes, or says why not. Pure: no engine, no clock, no disk.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{InstanceId, ServiceId};

pub mod execution;
pub mod restart;

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
    Redeploy { service: ServiceId },
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
    /// What takes it back, also when it only half happened.
    pub undo: Option<Step>,
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
