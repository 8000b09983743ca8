//! Keeping a service from its files while they are restored: all of it that writes is stopped, and started again.

use std::sync::Arc;

use super::{
    backup::Entered,
    restart::{self, STEADY, has_process, is_ready, is_wanted},
    restore::{WELL_WITHIN, scale, scaled},
};
use crate::{
    domain::{Instance, ServiceKind},
    plan::{Planned, Refusal, Situation, Step},
};

/// What an orchestrator replaces can be kept away only where it can be told to want none.
pub(super) fn can_be(situation: &Situation<'_>) -> bool {
    match situation.service.kind {
        ServiceKind::ComposeService | ServiceKind::Container | ServiceKind::Deployment | ServiceKind::StatefulSet => {
            true
        }
        ServiceKind::SwarmService
        | ServiceKind::DaemonSet
        | ServiceKind::Rollout
        | ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Controlled
        | ServiceKind::Pod => false,
    }
}

/// What stops it, and what starts it again.
pub(super) fn around(
    situation: &Situation<'_>,
    entered: &Entered<'_>,
) -> Result<(Vec<Planned>, Vec<Planned>), Refusal> {
    if situation.is_orchestrated() {
        return Ok(scaled_around(situation));
    }
    let instances = situation.inventory.instances_of(&situation.service.id);
    let wanted: Vec<&Instance> = instances.into_iter().filter(|instance| is_wanted(instance)).collect();
    restart::refuse_removed(&wanted)?;
    let stops = wanted.iter().filter(|instance| has_process(instance)).map(|instance| restart::stopping(instance));
    let starts = wanted.iter().flat_map(|instance| start(instance, is_ready(instance) || is_same(instance, entered)));
    Ok((stops.collect(), starts.collect()))
}

/// What was restored has to be well; of the others, those that were.
fn start(instance: &Instance, is_awaited: bool) -> Vec<Planned> {
    let (id, name) = (instance.id.clone(), instance.name.clone());
    let start = Planned::new(Step::Start { instance: id.clone(), name: name.clone() });
    let start = start.undone_by(vec![restart::stopping(instance).step]);
    let ready = Step::AwaitReady { instance: id, name, within: WELL_WITHIN, steady: STEADY };
    std::iter::once(start).chain(is_awaited.then(|| Planned::new(ready))).collect()
}

fn is_same(instance: &Instance, entered: &Entered<'_>) -> bool {
    instance.id == entered.instance.id
}

fn scaled_around(situation: &Situation<'_>) -> (Vec<Planned>, Vec<Planned>) {
    let service = situation.service;
    if service.wanted == 0 {
        return Default::default();
    }
    let mut back = vec![scale(service, service.wanted)];
    // What was not well is not waited for.
    back.extend(situation.is_whole().then(|| scaled(service)));
    let stop = vec![Planned::new(scale(service, 0)).undone_by(back), Planned::new(scaled(service))];
    let start = Planned::new(scale(service, service.wanted)).undone_by(vec![scale(service, 0), scaled(service)]);
    (stop, vec![start, Planned::new(scaled(service))])
}

pub(super) fn told(situation: &Situation<'_>, entered: &Entered<'_>) -> Arc<str> {
    let instance = entered.instance;
    match is_wanted(instance) {
        true => format!("{} itself is stopped meanwhile, for nobody to have the files open", situation.service.id.name),
        false => format!("{} is {} and stays so", instance.name, instance.state.word()),
    }
    .into()
}
