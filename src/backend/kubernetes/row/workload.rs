//! What keeps pods running, of whatever kind: what all kinds have in common, and what only one has.

use std::sync::Arc;

use super::{
    condition::{self, Condition},
    labels::Selector,
    meta::Meta,
    template::PodTemplate,
    text::Time,
};
use crate::domain::{Owner, ServiceKind};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    pub kind: ServiceKind,
    pub meta: Meta,
    /// Of the same generation: what the status below speaks of is what is wanted now.
    pub is_observed: bool,
    pub selector: Selector,
    pub template: Arc<PodTemplate>,
    pub wanted: u32,
    /// That there are, of any release.
    pub there: u32,
    pub ready: u32,
    pub updated: u32,
    pub available: u32,
    /// The newest release's number, where the object tells.
    pub revision: Option<u64>,
    pub paused: bool,
    pub conditions: Box<[Condition]>,
    pub owner: Option<Owner>,
    pub special: Special,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Special {
    Deployment,
    StatefulSet {
        /// Instances with a lower number stay as they are.
        partition: u32,
        /// Updates wait until somebody deletes the old ones.
        on_delete: bool,
        current_revision: Arc<str>,
        update_revision: Arc<str>,
    },
    DaemonSet {
        on_delete: bool,
        /// On nodes where it should not be.
        misplaced: u32,
    },
    Job {
        cron_job: Option<Arc<str>>,
        active: u32,
        succeeded: u32,
        failed: u32,
        started: Time,
        finished: Time,
    },
    CronJob {
        schedule: Arc<str>,
        active: Box<[Arc<str>]>,
        last: Time,
        last_success: Time,
    },
    Rollout {
        phase: Arc<str>,
        message: Arc<str>,
        aborted: bool,
        /// Of so many, the one that is being done.
        step: Option<(u32, u32)>,
        /// Percent of the traffic that goes to the new release.
        weight: Option<u32>,
        is_blue_green: bool,
    },
}

impl Workload {
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        condition::find(&self.conditions, kind)
    }

    /// The CronJob that made this Job.
    pub fn cron_job(&self) -> Option<&Arc<str>> {
        match &self.special {
            Special::Job { cron_job, .. } => cron_job.as_ref(),
            Special::Deployment
            | Special::StatefulSet { .. }
            | Special::DaemonSet { .. }
            | Special::CronJob { .. }
            | Special::Rollout { .. } => None,
        }
    }
}
