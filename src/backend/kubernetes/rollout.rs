//! When a rollout is complete, by kubectl's rules, and the waiting for it. Why new pods do not come up is told by `replacements`.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{
    Site,
    directory::Workload,
    fault::Fault,
    replacements::{Patience, Replacements},
    resolve::{self, resolve},
    steps::stopped,
};
use crate::{
    backend::{Progress, StepError},
    domain::{ServiceId, ServiceKind, Trouble, text::clean},
};

/// Between two looks, at the least; and at most this share of the time goes into looking.
const LOOK: Duration = Duration::from_secs(1);
const SHARE: u32 = 10;

/// How far a rollout is.
#[derive(Debug, PartialEq, Eq)]
pub enum Stand {
    Complete,
    /// "2 of 3 updated, 1 of 3 available"
    Going(String),
    Failed(String),
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
#[serde(default)]
pub struct Metadata {
    pub uid: String,
    pub generation: u64,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Spec {
    replicas: Option<u32>,
    paused: bool,
    update_strategy: Strategy,
    restart_at: Option<String>,
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
        if self.metadata.generation > self.status.observed_generation {
            return Stand::Going("its controller has not seen the change yet".into());
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

    /// How many pods of the newest definition there must be, ready, when it is complete; `None` where only its controller can tell.
    pub fn wanted(&self, kind: ServiceKind) -> Option<u32> {
        match kind {
            ServiceKind::Deployment => Some(self.replicas()),
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
        if self.spec.update_strategy.r#type == "OnDelete" {
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
        if self.spec.update_strategy.r#type == "OnDelete" {
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
            "Paused" => Stand::Failed(format!("it is paused and waits for a person: {words}")),
            _ => Stand::Going(words),
        }
    }
}

pub async fn wait(site: &Site, service: &ServiceId, within: u32, progress: &Progress) -> Result<(), StepError> {
    let what = format!("{service} was not rolled out");
    let lost = |fault: Fault| match fault {
        fault if fault.is_missing() => StepError::Failed(Trouble::new(what.as_str(), "it is gone")),
        fault => stopped(&fault, what.as_str()),
    };
    let workload = resolve(site, service).await.map_err(lost)?;
    let Workload { kind, namespace, name, .. } = &workload;
    let path = resolve::path(*kind, namespace, name)
        .ok_or_else(|| StepError::Failed(Trouble::new(what.as_str(), format!("a {kind} is not rolled out"))))?;
    let failed = |why: String, help: Option<String>| {
        let help = help.unwrap_or_else(|| format!("kubectl -n {namespace} rollout status {kind}/{name}"));
        StepError::Failed(Trouble::new(what.as_str(), why).help(help))
    };
    let began = Instant::now();
    let (mut patience, mut last_words) = (Patience::default(), String::new());
    loop {
        let look_began = Instant::now();
        let rolling: Rolling = site.api.get(&path).await.map_err(lost)?;
        let pods = Replacements::of(site, &workload, &rolling).await.map_err(lost)?;
        let mut words = match rolling.stand(*kind) {
            Stand::Failed(why) => {
                let (why, help) = match pods.trouble() {
                    Some(trouble) => (format!("{why}; {}", trouble.says), Some(trouble.help)),
                    None => (why, None),
                };
                return Err(failed(why, help));
            }
            // The controller's count may be a moment behind what happened to a pod.
            Stand::Complete => match rolling.wanted(*kind) {
                Some(wanted) if pods.ready() < wanted => format!("{} of {wanted} ready", pods.ready()),
                Some(_) | None => return Ok(()),
            },
            Stand::Going(words) => words,
        };
        if let Some(trouble) = pods.hopeless(&mut patience, look_began) {
            return Err(failed(trouble.says, Some(trouble.help)));
        }
        if let Some(trouble) = pods.trouble() {
            words = format!("{words}; {}", trouble.says);
            if began.elapsed() >= Duration::from_secs(within.into()) {
                return Err(failed(format!("after {within} s: {words}"), Some(trouble.help)));
            }
        } else if began.elapsed() >= Duration::from_secs(within.into()) {
            return Err(failed(format!("after {within} s: {words}"), None));
        }
        if words != last_words {
            progress(&words);
            last_words = words;
        }
        tokio::time::sleep(LOOK.max(look_began.elapsed() * SHARE)).await;
    }
}

#[cfg(test)]
mod tests;
