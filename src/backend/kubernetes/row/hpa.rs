//! HorizontalPodAutoscalers, as `autoscaling/v1` writes them and as `v2`, `v2beta2` and `v2beta1` do.

use std::{fmt::Write as _, sync::Arc};

use serde::Deserialize;

use super::{
    Interner, Key, Raw,
    condition::{self, Condition, RawCondition, Truth},
    meta::RawMeta,
    text::{Text, count, nullable},
};
use crate::domain::{ServiceKind, text::shorten};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaler {
    pub key: Key,
    /// What it scales.
    pub target: Option<(ServiceKind, Arc<str>)>,
    pub minimum: u32,
    pub maximum: u32,
    pub wanted: u32,
    /// "cpu 64% of 80%", or why it cannot tell.
    pub says: Arc<str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawScaler<'a> {
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
    #[serde(borrow, deserialize_with = "nullable")]
    scale_target_ref: RawTarget<'a>,
    min_replicas: Option<i64>,
    max_replicas: Option<i64>,
    #[serde(rename = "targetCPUUtilizationPercentage")]
    target_cpu: Option<i64>,
    #[serde(borrow)]
    metrics: Option<Vec<RawMetric<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawTarget<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawStatus<'a> {
    desired_replicas: Option<i64>,
    #[serde(rename = "currentCPUUtilizationPercentage")]
    current_cpu: Option<i64>,
    #[serde(borrow)]
    current_metrics: Option<Vec<RawMetric<'a>>>,
    #[serde(borrow)]
    conditions: Option<Vec<RawCondition<'a>>>,
}

/// One metric, wanted or as it is. Each kind has its own field; those without a name are told by their kind.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawMetric<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    resource: Option<RawMeasure<'a>>,
    #[serde(borrow)]
    container_resource: Option<RawMeasure<'a>>,
    #[serde(borrow)]
    pods: Option<RawMeasure<'a>>,
    #[serde(borrow)]
    object: Option<RawMeasure<'a>>,
    #[serde(borrow)]
    external: Option<RawMeasure<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawMeasure<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    metric: Option<RawName<'a>>,
    #[serde(borrow)]
    target: Option<RawAmount<'a>>,
    #[serde(borrow)]
    current: Option<RawAmount<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawName<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawAmount<'a> {
    average_utilization: Option<i64>,
    #[serde(borrow)]
    average_value: Text<'a>,
    #[serde(borrow)]
    value: Text<'a>,
}

impl<'a> RawMetric<'a> {
    fn measure(&self) -> Option<&RawMeasure<'a>> {
        let all = [&self.resource, &self.container_resource, &self.pods, &self.object, &self.external];
        all.into_iter().flatten().next()
    }

    fn name(&self) -> &str {
        let measure = self.measure();
        let name = measure.map_or("", |measure| match &measure.metric {
            Some(metric) => &metric.name,
            None => &measure.name,
        });
        if name.is_empty() { &self.kind } else { name }
    }
}

impl RawAmount<'_> {
    fn words(&self) -> Option<String> {
        match (self.average_utilization, &*self.average_value, &*self.value) {
            (Some(percent), ..) => Some(format!("{percent}%")),
            (None, "", "") => None,
            (None, "", value) => Some(value.to_owned()),
            (None, average, _) => Some(average.to_owned()),
        }
    }
}

impl<'a> Raw<'a> for RawScaler<'a> {
    type Row = Scaler;

    fn meta(&self) -> &RawMeta<'a> {
        &self.metadata
    }

    fn row(self, interner: &mut Interner) -> Scaler {
        let Self { metadata, mut spec, mut status } = self;
        let conditions = condition::all(status.conditions.take(), interner);
        let says = hindrance(&conditions).unwrap_or_else(|| measures(&spec, &status));
        let kind = match &*spec.scale_target_ref.kind {
            "Deployment" => Some(ServiceKind::Deployment),
            "StatefulSet" => Some(ServiceKind::StatefulSet),
            "Rollout" => Some(ServiceKind::Rollout),
            _ => None,
        };
        let name = std::mem::take(&mut spec.scale_target_ref.name);
        Scaler {
            key: metadata.key(interner),
            target: kind.map(|kind| (kind, interner.text(&name))),
            minimum: spec.min_replicas.map_or(1, |number| count(Some(number))),
            maximum: count(spec.max_replicas),
            wanted: count(status.desired_replicas),
            says: interner.text(&says),
        }
    }
}

/// Why it does nothing, if it cannot.
fn hindrance(conditions: &[Condition]) -> Option<String> {
    let hinders = |kind| condition::find(conditions, kind).filter(|condition| condition.truth == Truth::False);
    if let Some(active) = hinders("ScalingActive") {
        return Some(match &*active.reason {
            "ScalingDisabled" => "off: it was scaled to 0".into(),
            _ => format!("cannot tell: {}", shorten(&active.message, 160)),
        });
    }
    let able = hinders("AbleToScale")?;
    Some(format!("cannot scale: {}", shorten(&able.message, 160)))
}

/// "cpu 64% of 80%, queue_length 12 of 30"
fn measures(spec: &RawSpec, status: &RawStatus) -> String {
    let unknown = || "unknown".to_owned();
    let mut says = String::new();
    if let Some(target) = spec.target_cpu {
        let current = status.current_cpu.map_or_else(unknown, |percent| format!("{percent}%"));
        return format!("cpu {current} of {target}%");
    }
    for wanted in spec.metrics.iter().flatten().take(8) {
        let is_same = |metric: &&RawMetric| metric.kind == wanted.kind && metric.name() == wanted.name();
        let current = status.current_metrics.iter().flatten().find(is_same).and_then(RawMetric::measure);
        let current = current.and_then(|measure| measure.current.as_ref()).and_then(RawAmount::words);
        let target = wanted.measure().and_then(|measure| measure.target.as_ref()).and_then(RawAmount::words);
        let between = if says.is_empty() { "" } else { ", " };
        let (current, target) = (current.unwrap_or_else(unknown), target.unwrap_or_else(unknown));
        // Writing to a String cannot fail.
        let _ = write!(says, "{between}{} {current} of {target}", wanted.name());
    }
    says
}
