//! `apps/v1` Deployments.

use serde::Deserialize;

use super::{
    Interner, Raw,
    condition::{self, RawCondition},
    labels::{self, RawSelector},
    meta::RawMeta,
    template::RawTemplate,
    text::{count, nullable},
    workload::{Special, Workload},
};
use crate::domain::ServiceKind;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawDeployment<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    metadata: RawMeta<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    spec: RawSpec<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    status: RawStatus<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawSpec<'a> {
    replicas: Option<i64>,
    #[serde(borrow)]
    selector: Option<RawSelector<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    template: RawTemplate<'a>,
    paused: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawStatus<'a> {
    observed_generation: Option<i64>,
    replicas: Option<i64>,
    ready_replicas: Option<i64>,
    updated_replicas: Option<i64>,
    available_replicas: Option<i64>,
    #[serde(borrow)]
    conditions: Option<Vec<RawCondition<'a>>>,
}

impl<'a> Raw<'a> for RawDeployment<'a> {
    type Row = Workload;

    fn meta(&self) -> &RawMeta<'a> {
        &self.metadata
    }

    fn row(self, interner: &mut Interner) -> Workload {
        let Self { metadata, spec, status } = self;
        let meta = metadata.meta(interner);
        Workload {
            kind: ServiceKind::Deployment,
            is_observed: status.observed_generation.unwrap_or(0) >= meta.generation,
            selector: spec.selector.unwrap_or_default().selector(interner),
            template: spec.template.template(interner),
            wanted: spec.replicas.map_or(1, |replicas| count(Some(replicas))),
            there: count(status.replicas),
            ready: count(status.ready_replicas),
            updated: count(status.updated_replicas),
            available: count(status.available_replicas),
            revision: metadata.annotations.get(labels::REVISION).and_then(|number| number.parse().ok()),
            paused: spec.paused == Some(true),
            conditions: condition::all(status.conditions, interner),
            owner: metadata.owner(interner),
            special: Special::Deployment,
            meta,
        }
    }
}
