//! `apps/v1` DaemonSets.

use serde::Deserialize;

use super::{
    Interner, Raw,
    condition::{self, RawCondition},
    labels::RawSelector,
    meta::RawMeta,
    stateful_set::RawStrategy,
    template::RawTemplate,
    text::{count, nullable},
    workload::{Special, Workload},
};
use crate::domain::ServiceKind;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawDaemonSet<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    metadata: RawMeta<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    spec: RawSpec<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    status: RawStatus<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawSpec<'a> {
    #[serde(borrow)]
    selector: Option<RawSelector<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    template: RawTemplate<'a>,
    #[serde(borrow)]
    update_strategy: Option<RawStrategy<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawStatus<'a> {
    observed_generation: Option<i64>,
    desired_number_scheduled: Option<i64>,
    current_number_scheduled: Option<i64>,
    number_misscheduled: Option<i64>,
    number_ready: Option<i64>,
    updated_number_scheduled: Option<i64>,
    number_available: Option<i64>,
    #[serde(borrow)]
    conditions: Option<Vec<RawCondition<'a>>>,
}

impl<'a> Raw<'a> for RawDaemonSet<'a> {
    type Row = Workload;

    fn meta(&self) -> &RawMeta<'a> {
        &self.metadata
    }

    fn row(self, interner: &mut Interner) -> Workload {
        let Self { metadata, spec, status } = self;
        let meta = metadata.meta(interner);
        Workload {
            kind: ServiceKind::DaemonSet,
            is_observed: status.observed_generation.unwrap_or(0) >= meta.generation,
            selector: spec.selector.unwrap_or_default().selector(interner),
            template: spec.template.template(interner),
            wanted: count(status.desired_number_scheduled),
            there: count(status.current_number_scheduled),
            ready: count(status.number_ready),
            updated: count(status.updated_number_scheduled),
            available: count(status.number_available),
            revision: None,
            paused: false,
            conditions: condition::all(status.conditions, interner),
            owner: metadata.owner(interner),
            special: Special::DaemonSet {
                on_delete: spec.update_strategy.is_some_and(|strategy| strategy.is_on_delete()),
                misplaced: count(status.number_misscheduled),
            },
            meta,
        }
    }
}
