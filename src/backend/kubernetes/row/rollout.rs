//! Argo's `Rollout` (`argoproj.io/v1alpha1`): a Deployment that goes step by step.

use serde::Deserialize;

use super::{
    Interner, Raw,
    condition::{self, RawCondition},
    labels::{self, RawSelector},
    meta::RawMeta,
    template::RawTemplate,
    text::{Text, count, nullable},
    workload::{Special, Workload},
};
use crate::domain::ServiceKind;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawRollout<'a> {
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
    #[serde(borrow)]
    template: Option<RawTemplate<'a>>,
    strategy: Option<RawStrategy>,
    paused: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawStrategy {
    canary: Option<RawCanary>,
    blue_green: Option<RawNothing>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawNothing {}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawCanary {
    steps: Option<Vec<RawStep>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawStep {
    set_weight: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawStatus<'a> {
    /// A number written as text.
    #[serde(borrow)]
    observed_generation: Text<'a>,
    #[serde(borrow)]
    phase: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    /// As text, too: what a borrowed template's selector came to.
    #[serde(borrow)]
    selector: Text<'a>,
    replicas: Option<i64>,
    ready_replicas: Option<i64>,
    updated_replicas: Option<i64>,
    available_replicas: Option<i64>,
    current_step_index: Option<i64>,
    pause_conditions: Option<Vec<RawNothing>>,
    controller_pause: Option<bool>,
    abort: Option<bool>,
    canary: Option<RawCanaryStatus>,
    #[serde(borrow)]
    conditions: Option<Vec<RawCondition<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawCanaryStatus {
    weights: Option<RawWeights>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawWeights {
    canary: Option<RawWeight>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawWeight {
    weight: Option<i64>,
}

impl RawStatus<'_> {
    /// What the traffic router says, else the last weight that a step has set.
    fn weight(&self, steps: &[RawStep]) -> Option<u32> {
        let weights = self.canary.as_ref().and_then(|canary| canary.weights.as_ref());
        let told = weights.and_then(|weights| weights.canary.as_ref()).and_then(|canary| canary.weight);
        let index = usize::try_from(self.current_step_index?).ok()?;
        let done = steps.get(..steps.len().min(index + 1)).unwrap_or_default();
        let set = done.iter().rev().find_map(|step| step.set_weight);
        told.or(set).map(|weight| count(Some(weight)))
    }
}

impl<'a> Raw<'a> for RawRollout<'a> {
    type Row = Workload;

    fn meta(&self) -> &RawMeta<'a> {
        &self.metadata
    }

    fn row(self, interner: &mut Interner) -> Workload {
        let Self { metadata, spec, status } = self;
        let meta = metadata.meta(interner);
        let strategy = spec.strategy.unwrap_or_default();
        let steps = strategy.canary.and_then(|canary| canary.steps).unwrap_or_default();
        let many = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        let at_step = status.current_step_index.map(|index| (count(Some(index)).saturating_add(1), many));
        let is_paused = status.controller_pause == Some(true)
            || spec.paused == Some(true)
            || status.pause_conditions.as_ref().is_some_and(|conditions| !conditions.is_empty());
        let selector = match &spec.selector {
            Some(selector) => selector.selector(interner),
            None => labels::parse(&status.selector, interner),
        };
        let special = Special::Rollout {
            phase: interner.text(&status.phase),
            message: super::intern::message(&status.message),
            aborted: status.abort == Some(true),
            // After the last step it is done.
            step: at_step.filter(|(step, _)| *step <= many),
            weight: status.weight(&steps),
            is_blue_green: strategy.blue_green.is_some(),
        };
        Workload {
            kind: ServiceKind::Rollout,
            is_observed: status.observed_generation.parse().is_ok_and(|observed: i64| observed >= meta.generation),
            selector,
            template: spec.template.unwrap_or_default().template(interner),
            wanted: spec.replicas.map_or(1, |replicas| count(Some(replicas))),
            there: count(status.replicas),
            ready: count(status.ready_replicas),
            updated: count(status.updated_replicas),
            available: count(status.available_replicas),
            revision: metadata.annotations.get(labels::ROLLOUT_REVISION).and_then(|number| number.parse().ok()),
            paused: is_paused,
            conditions: condition::all(status.conditions, interner),
            owner: metadata.owner(interner),
            special,
            meta,
        }
    }
}
