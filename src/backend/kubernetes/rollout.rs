//! When a rollout is complete, by kubectl's rules. Why new pods do not come up is told by `replacements`.

mod wait;

pub use self::wait::{Awaited, wait};

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::api::null_is_default;
use crate::domain::{ServiceKind, text::clean};

const UNSEEN: &str = "its controller has not seen the change yet";

/// How far a rollout is.
#[derive(Debug, PartialEq, Eq)]
pub enum Stand {
    Complete,
    /// "2 of 3 updated, 1 of 3 available"
    Going(String),
    Failed(String),
    /// It waits for a person, as it is told to.
    Asks(String),
}

/// A workload, as far as its rollout goes.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Rolling {
    pub metadata: Metadata,
    pub spec: Spec,
    pub status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata {
    pub uid: String,
    pub generation: u64,
    resource_version: String,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Spec {
    replicas: Option<u32>,
    paused: bool,
    update_strategy: Strategy,
    restart_at: Option<String>,
    // Of a Rollout.
    strategy: Steps,
    workload_ref: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Steps {
    canary: Option<Canary>,
    blue_green: Option<BlueGreen>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Canary {
    steps: Vec<Step>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Step {
    pause: Option<Pause>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pause {
    duration: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct BlueGreen {
    auto_promotion_seconds: u32,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Strategy {
    r#type: String,
    rolling_update: Option<RollingUpdate>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RollingUpdate {
    partition: u32,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Status {
    #[serde(deserialize_with = "number")]
    observed_generation: u64,
    replicas: u32,
    updated_replicas: u32,
    ready_replicas: u32,
    available_replicas: u32,
    conditions: Vec<Condition>,
    // Of a DaemonSet.
    desired_number_scheduled: u32,
    updated_number_scheduled: u32,
    number_available: u32,
    // Of a StatefulSet.
    current_revision: String,
    pub update_revision: String,
    // Of a Rollout.
    phase: String,
    message: String,
    restarted_at: Option<String>,
    pub current_pod_hash: String,
    #[serde(deserialize_with = "number")]
    workload_observed_generation: u64,
    #[serde(deserialize_with = "null_is_default")]
    pause_conditions: Vec<PauseCondition>,
    current_step_index: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PauseCondition {
    reason: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Condition {
    r#type: String,
    reason: String,
    message: String,
}

/// Argo Rollouts writes it as a string.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_u64().unwrap_or(0),
        Value::String(text) => text.parse().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => 0,
    })
}

impl Rolling {
    pub fn stand(&self, kind: ServiceKind) -> Stand {
        if !self.is_observed() {
            return Stand::Going(UNSEEN.into());
        }
        match kind {
            ServiceKind::Deployment => self.deployment(),
            ServiceKind::StatefulSet => self.stateful_set(),
            ServiceKind::DaemonSet => self.daemon_set(),
            ServiceKind::Rollout => self.rollout(),
            ServiceKind::Job
            | ServiceKind::CronJob
            | ServiceKind::Controlled
            | ServiceKind::Pod
            | ServiceKind::ComposeService
            | ServiceKind::SwarmService
            | ServiceKind::Container => Stand::Failed(format!("a {kind} is not rolled out")),
        }
    }

    /// What its status says is of its newest definition.
    fn is_observed(&self) -> bool {
        self.metadata.generation <= self.status.observed_generation
    }

    /// How many pods of the newest definition there must be, ready, when it is complete; `None` where only its controller can tell.
    pub fn wanted(&self, kind: ServiceKind) -> Option<u32> {
        match kind {
            ServiceKind::Deployment => Some(self.replicas()),
            ServiceKind::StatefulSet | ServiceKind::DaemonSet if self.is_by_hand() => None,
            ServiceKind::StatefulSet => Some(self.replicas()).filter(|_| self.partition() == 0),
            ServiceKind::DaemonSet => Some(self.status.desired_number_scheduled),
            ServiceKind::Rollout
            | ServiceKind::Job
            | ServiceKind::CronJob
            | ServiceKind::Controlled
            | ServiceKind::Pod
            | ServiceKind::ComposeService
            | ServiceKind::SwarmService
            | ServiceKind::Container => None,
        }
    }

    fn replicas(&self) -> u32 {
        self.spec.replicas.unwrap_or(1)
    }

    fn partition(&self) -> u32 {
        self.spec.update_strategy.rolling_update.as_ref().map_or(0, |rolling| rolling.partition)
    }

    /// Nothing is replaced before somebody deletes it.
    fn is_by_hand(&self) -> bool {
        self.spec.update_strategy.r#type == "OnDelete"
    }

    /// Why its controller cannot create pods: a quota that has filled, or an admission that says no.
    fn refused(&self) -> Option<String> {
        let refused = self.status.conditions.iter().find(|condition| condition.r#type == "ReplicaFailure")?;
        Some(format!("nothing new can be created: {}", clean(&refused.message)))
    }

    fn deployment(&self) -> Stand {
        let Status { replicas, updated_replicas: updated, available_replicas: available, .. } = self.status;
        let is_stuck = |condition: &&Condition| {
            condition.r#type == "Progressing" && condition.reason == "ProgressDeadlineExceeded"
        };
        if let Some(stuck) = self.status.conditions.iter().find(is_stuck) {
            return Stand::Failed(format!("its deadline for progress is over: {}", clean(&stuck.message)));
        }
        let wanted = self.replicas();
        if self.spec.paused && updated < wanted {
            return Stand::Failed("it was paused meanwhile".into());
        }
        let words = format!("{updated} of {wanted} updated, {available} of {wanted} available");
        match replicas.saturating_sub(updated) {
            _ if updated < wanted => Stand::Going(words),
            0 if available < updated => Stand::Going(words),
            0 => Stand::Complete,
            old => Stand::Going(format!("{words}, {old} old ones still end")),
        }
    }

    fn stateful_set(&self) -> Stand {
        let Status { updated_replicas: updated, ready_replicas: ready, .. } = self.status;
        if self.is_by_hand() {
            return self.all_ready(ready, self.replicas());
        }
        let wanted = self.replicas();
        let words = format!("{updated} of {wanted} updated, {ready} of {wanted} ready");
        if ready < wanted {
            return Stand::Going(words);
        }
        let is_complete = match self.partition() {
            0 => self.status.update_revision == self.status.current_revision,
            // Below the partition nothing is replaced, on purpose.
            partition => updated >= wanted.saturating_sub(partition),
        };
        if is_complete { Stand::Complete } else { Stand::Going(words) }
    }

    fn daemon_set(&self) -> Stand {
        let wanted = self.status.desired_number_scheduled;
        let (updated, available) = (self.status.updated_number_scheduled, self.status.number_available);
        if self.is_by_hand() {
            return self.all_ready(available, wanted);
        }
        if updated < wanted || available < wanted {
            return Stand::Going(format!("{updated} of {wanted} updated, {available} of {wanted} available"));
        }
        Stand::Complete
    }

    /// Where nothing is rolled: after one pod was replaced, all must be there again.
    fn all_ready(&self, ready: u32, wanted: u32) -> Stand {
        if ready < wanted { Stand::Going(format!("{ready} of {wanted} ready")) } else { Stand::Complete }
    }

    fn rollout(&self) -> Stand {
        let Status { updated_replicas: updated, available_replicas: available, .. } = self.status;
        let wanted = self.replicas();
        let mut words = format!("{updated} of {wanted} updated, {available} of {wanted} available");
        if !self.status.message.is_empty() {
            words = format!("{words}: {}", clean(&self.status.message));
        }
        if self.spec.restart_at.is_some() && self.spec.restart_at != self.status.restarted_at {
            return Stand::Going(format!("{words}, some are still to be restarted"));
        }
        match self.status.phase.as_str() {
            "Healthy" => Stand::Complete,
            "Degraded" => Stand::Failed(format!("it is degraded: {words}")),
            "Paused" => self.pause(words),
            _ => Stand::Going(words),
        }
    }

    /// A phase is worked out after what it tells of: a pause that was ended is told for a moment more.
    fn pause(&self, words: String) -> Stand {
        if self.spec.paused {
            return Stand::Asks(format!("it is paused by hand: {words}"));
        }
        let Some(condition) = self.status.pause_conditions.first() else { return Stand::Going(words) };
        let Steps { canary, blue_green } = &self.spec.strategy;
        let step = canary.as_ref().zip(self.status.current_step_index).and_then(|(canary, at)| canary.steps.get(at));
        let is_timed = match condition.reason.as_str() {
            "CanaryPauseStep" => {
                step.and_then(|step| step.pause.as_ref()).is_some_and(|pause| pause.duration.is_some())
            }
            "BlueGreenPause" => blue_green.as_ref().is_some_and(|strategy| strategy.auto_promotion_seconds > 0),
            _ => false,
        };
        if is_timed { Stand::Going(words) } else { Stand::Asks(format!("it waits to be promoted or aborted: {words}")) }
    }
}

#[cfg(test)]
mod tests;
