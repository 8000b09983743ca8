//! `apps/v1` StatefulSets.

use serde::Deserialize;

use super::{
    Interner, Raw,
    condition::{self, RawCondition},
    labels::RawSelector,
    meta::RawMeta,
    template::RawTemplate,
    text::{Text, count, nullable},
    workload::{Special, Workload},
};
use crate::domain::ServiceKind;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawStatefulSet<'a> {
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
    replicas: Option<i64>,
    #[serde(borrow)]
    selector: Option<RawSelector<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    template: RawTemplate<'a>,
    #[serde(borrow)]
    update_strategy: Option<RawStrategy<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RawStrategy<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    rolling_update: Option<RawRolling>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawRolling {
    partition: Option<i64>,
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
    current_revision: Text<'a>,
    #[serde(borrow)]
    update_revision: Text<'a>,
    #[serde(borrow)]
    conditions: Option<Vec<RawCondition<'a>>>,
}

impl RawStrategy<'_> {
    pub fn is_on_delete(&self) -> bool {
        &*self.kind == "OnDelete"
    }
}

impl<'a> Raw<'a> for RawStatefulSet<'a> {
    type Row = Workload;

    fn meta(&self) -> &RawMeta<'a> {
        &self.metadata
    }

    fn row(self, interner: &mut Interner) -> Workload {
        let Self { metadata, spec, status } = self;
        let meta = metadata.meta(interner);
        let strategy = spec.update_strategy.unwrap_or_default();
        let special = Special::StatefulSet {
            partition: count(strategy.rolling_update.as_ref().and_then(|rolling| rolling.partition)),
            on_delete: strategy.is_on_delete(),
            current_revision: interner.text(&status.current_revision),
            update_revision: interner.text(&status.update_revision),
        };
        Workload {
            kind: ServiceKind::StatefulSet,
            is_observed: status.observed_generation.unwrap_or(0) >= meta.generation,
            selector: spec.selector.unwrap_or_default().selector(interner),
            template: spec.template.template(interner),
            wanted: spec.replicas.map_or(1, |replicas| count(Some(replicas))),
            there: count(status.replicas),
            ready: count(status.ready_replicas),
            updated: count(status.updated_replicas),
            // Servers before 1.22 do not tell.
            available: status.available_replicas.map_or(count(status.ready_replicas), |number| count(Some(number))),
            revision: None,
            paused: false,
            conditions: condition::all(status.conditions, interner),
            owner: metadata.owner(interner),
            special,
            meta,
        }
    }
}
