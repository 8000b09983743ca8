//! What a person must know of a rollout, whoever carries it out.

use std::sync::Arc;

use super::super::{Edits, Gate, Situation, restart};
use crate::domain::{Instance, OwnerTool};

/// Who would put back what is changed, or holds it otherwise.
pub(in crate::plan) fn owner(situation: &Situation<'_>) -> Option<Arc<str>> {
    let owner = situation.orchestration()?.owner.as_ref()?;
    let (tool, name) = (owner.tool.word(), &owner.name);
    Some(match owner.tool {
        OwnerTool::ArgoCd | OwnerTool::Flux => {
            format!("{tool} ({name}) puts back what its source says: change it there, or stop its syncing first").into()
        }
        OwnerTool::Helm => format!("the next helm upgrade of {name} brings back what its chart says").into(),
    })
}

pub(in crate::plan) fn budget(situation: &Situation<'_>) -> Option<Arc<str>> {
    let budget = situation.orchestration()?.budget.as_ref()?;
    Some(format!("the budget {} ({}) holds for drains, not for this", budget.name, budget.says).into())
}

/// A name that is another image tomorrow.
pub(super) fn floating(edits: &Edits) -> Vec<Arc<str>> {
    let parsed = edits.images.values().filter_map(|image| image.parse::<crate::domain::ImageName>().ok());
    let floating = parsed.filter(crate::domain::ImageName::is_floating);
    floating
        .map(|image| format!("{image} is whatever was pushed last: two instances of it need not be the same").into())
        .collect()
}

pub(in crate::plan) fn broken_now(situation: &Situation<'_>) -> Option<Arc<str>> {
    let service = situation.service;
    let reason = service.health.reason().filter(|_| service.health.is_broken())?;
    Some(
        format!("it is {} already ({}): where this fails, that is what runs again", service.health.word(), reason.text)
            .into(),
    )
}

/// "SIGTERM, up to 10 s"
pub(in crate::plan) fn stopping(instance: &Instance) -> String {
    format!("{}, up to {} s", instance.stop_signal.as_deref().unwrap_or("SIGTERM"), instance.stop_timeout)
}

pub(in crate::plan) fn gates(gates: &[Gate], when: &str) -> Vec<Arc<str>> {
    gates.iter().map(|gate| format!("{when}: {}", gate.title()).into()).collect()
}

/// What runs on as it is, because somebody stopped it on purpose.
pub(in crate::plan) fn untouched(instances: &[&Instance]) -> Vec<Arc<str>> {
    let rest = instances.iter().filter(|instance| !restart::is_wanted(instance));
    rest.map(|instance| {
        format!("{} is {} and stays so, with the old release", instance.name, instance.state.word()).into()
    })
    .collect()
}

/// "1 instance", "3 instances"
pub(in crate::plan) fn several(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
