//! `batch/v1` Jobs and `batch/v1` or `v1beta1` CronJobs, which are written alike.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    Interner, Raw,
    condition::{self, RawCondition},
    labels::{RawSelector, Selector},
    meta::RawMeta,
    template::RawTemplate,
    text::{Text, Time, count, nullable},
    workload::{Special, Workload},
};
use crate::domain::ServiceKind;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawJob<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    metadata: RawMeta<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    spec: RawJobSpec<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    status: RawJobStatus<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawJobSpec<'a> {
    parallelism: Option<i64>,
    completions: Option<i64>,
    suspend: Option<bool>,
    #[serde(borrow)]
    selector: Option<RawSelector<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    template: RawTemplate<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawJobStatus<'a> {
    active: Option<i64>,
    ready: Option<i64>,
    succeeded: Option<i64>,
    failed: Option<i64>,
    start_time: Time,
    completion_time: Time,
    #[serde(borrow)]
    conditions: Option<Vec<RawCondition<'a>>>,
}

impl<'a> Raw<'a> for RawJob<'a> {
    type Row = Workload;

    fn meta(&self) -> &RawMeta<'a> {
        &self.metadata
    }

    fn row(self, interner: &mut Interner) -> Workload {
        let Self { metadata, spec, status } = self;
        let made_by = metadata.controller().filter(|(kind, _)| *kind == "CronJob");
        let conditions = condition::all(status.conditions, interner);
        let over = |kind| condition::find(&conditions, kind).map(|condition| condition.since);
        let finished = status.completion_time.or(over("Complete").or(over("Failed")).unwrap_or_default());
        let parallel = spec.parallelism.map_or(1, |number| count(Some(number)));
        let completions = spec.completions.map_or(parallel, |number| count(Some(number)));
        let suspended = spec.suspend == Some(true);
        Workload {
            kind: ServiceKind::Job,
            is_observed: true,
            selector: spec.selector.unwrap_or_default().selector(interner),
            template: spec.template.template(interner),
            // What is still to be done, as far as it may be done at once.
            wanted: if suspended { 0 } else { completions.saturating_sub(count(status.succeeded)).min(parallel) },
            there: count(status.active),
            // Servers before 1.24 do not tell; `books` counts the pods then.
            ready: count(status.ready),
            updated: count(status.active),
            available: count(status.ready),
            revision: None,
            paused: suspended,
            owner: metadata.owner(interner),
            special: Special::Job {
                cron_job: made_by.map(|(_, name)| interner.text(name)),
                active: count(status.active),
                succeeded: count(status.succeeded),
                failed: count(status.failed),
                started: status.start_time,
                finished,
            },
            meta: metadata.meta(interner),
            conditions,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawCronJob<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    metadata: RawMeta<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    spec: RawCronJobSpec<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    status: RawCronJobStatus<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawCronJobSpec<'a> {
    #[serde(borrow)]
    schedule: Text<'a>,
    #[serde(borrow)]
    time_zone: Text<'a>,
    suspend: Option<bool>,
    #[serde(borrow, deserialize_with = "nullable")]
    job_template: RawJobTemplate<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawJobTemplate<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    spec: RawJobSpec<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawCronJobStatus<'a> {
    #[serde(borrow)]
    active: Option<Vec<RawReference<'a>>>,
    last_schedule_time: Time,
    last_successful_time: Time,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawReference<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

impl<'a> Raw<'a> for RawCronJob<'a> {
    type Row = Workload;

    fn meta(&self) -> &RawMeta<'a> {
        &self.metadata
    }

    fn row(self, interner: &mut Interner) -> Workload {
        let Self { metadata, spec, status } = self;
        let active: Box<[Arc<str>]> =
            status.active.iter().flatten().take(100).map(|job| interner.text(&job.name)).collect();
        let schedule = match &*spec.time_zone {
            "" => interner.text(&spec.schedule),
            zone => interner.text(&format!("{} {zone}", &*spec.schedule)),
        };
        Workload {
            kind: ServiceKind::CronJob,
            meta: metadata.meta(interner),
            is_observed: true,
            selector: Selector::default(),
            template: spec.job_template.spec.template.template(interner),
            wanted: u32::try_from(active.len()).unwrap_or(u32::MAX),
            there: u32::try_from(active.len()).unwrap_or(u32::MAX),
            ready: 0,
            updated: 0,
            available: 0,
            revision: None,
            paused: spec.suspend == Some(true),
            conditions: Box::default(),
            owner: metadata.owner(interner),
            special: Special::CronJob {
                schedule,
                active,
                last: status.last_schedule_time,
                last_success: status.last_successful_time,
            },
        }
    }
}
